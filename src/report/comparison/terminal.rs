//! The page for the terminal: what became worse first, the verdict last.

use super::exit::{exit_code, says};
use super::words::{COLUMNS, UNSEEN, cells, counts, outcome, told};
use crate::record::comparison::{
    Change, ChangedResult, Changes, Comparison, Difference, Differences, FigureRow, Side, What,
};
use crate::report::load::words;
use crate::report::terminal::{BAD, DOUBT, Detail, FAINT, GOOD, Look, STRONG, paint};
use crate::report::text::{block, count, line, quotation, timestamp, width, wrap};
use anstyle::Style;
use std::io::{self, Write};

/// The column where text begins below a first line.
const INDENT: usize = 6;

/// Results of one kind of change that are shown, unless all is asked for or they are the news.
const MOST: usize = 10;

/// Writes the page.
///
/// # Errors
/// Those of `out`.
pub fn write(comparison: &Comparison, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { look, out };
    if look.detail != Detail::Quiet {
        page.side("base", &comparison.base)?;
        page.side("new", &comparison.new)?;
        for note in &comparison.notes {
            page.text("note  ", DOUBT, &line(note))?;
        }
        writeln!(page.out)?;
    }
    match &comparison.what {
        What::Conform(changes) => page.changes(changes)?,
        What::Load(differences) => page.differences(differences)?,
    }
    let code = exit_code(comparison);
    let style = if code == 0 { GOOD } else { BAD };
    let verdict = paint(look, style, &format!("exit {code}"));
    writeln!(page.out, "{verdict}  {}", says(comparison))
}

struct Page<'o> {
    look: Look,
    out: &'o mut dyn Write,
}

impl Page<'_> {
    fn text(&mut self, before: &str, style: Style, text: &str) -> io::Result<()> {
        let columns = self.look.width.saturating_sub(INDENT).max(20);
        for (index, part) in wrap(text, columns).iter().enumerate() {
            let before = if index == 0 { before } else { "" };
            let gap = " ".repeat(INDENT.saturating_sub(width(before)));
            let before = paint(self.look, style, before);
            writeln!(self.out, "{before}{gap}{part}")?;
        }
        Ok(())
    }

    fn side(&mut self, name: &str, side: &Side) -> io::Result<()> {
        let text = format!(
            "{}: {}, {}, clawcheck {}",
            line(&side.file),
            line(&side.target),
            timestamp(side.started_at),
            line(&side.version)
        );
        self.text(&format!("{name:INDENT$}"), STRONG, &text)
    }

    fn changes(&mut self, changes: &Changes) -> io::Result<()> {
        let quiet = self.look.detail == Detail::Quiet;
        for change in Change::ALL {
            if quiet && change != Change::NewlyBroken {
                continue;
            }
            let results: Vec<&ChangedResult> = changes.of(change).collect();
            if results.is_empty() {
                continue;
            }
            let head = format!("{} ({})", told(change).to_uppercase(), results.len());
            writeln!(self.out, "{}", paint(self.look, style(change), &head))?;
            let all = change == Change::NewlyBroken || self.look.detail == Detail::Verbose;
            let shown = if all { results.len() } else { MOST };
            for result in results.iter().take(shown) {
                self.result(result)?;
            }
            if results.len() > shown {
                let more = format!("and {} more (--verbose shows them)", results.len() - shown);
                self.text("", FAINT, &more)?;
            }
            writeln!(self.out)?;
        }
        if !quiet && !changes.answers.is_empty() {
            let head = format!(
                "OTHER ANSWERS TO WHAT IS LEFT OPEN ({})",
                changes.answers.len()
            );
            writeln!(self.out, "{}", paint(self.look, DOUBT, &head))?;
            for answer in &changes.answers {
                let shown = |answer: &Option<String>| line(answer.as_deref().unwrap_or(UNSEEN));
                let text = format!(
                    "{}: {} → {}",
                    line(&answer.key),
                    shown(&answer.base),
                    shown(&answer.new)
                );
                self.text("", Style::new(), &text)?;
            }
            writeln!(self.out)?;
        }
        self.text("", Style::new(), &counts(changes))
    }

    fn result(&mut self, result: &ChangedResult) -> io::Result<()> {
        let requirement = result.requirement.map_or("-", |id| id.as_str());
        let text = format!(
            "{}   {requirement}   {} → {}",
            line(&result.id),
            outcome(result.base),
            outcome(result.new)
        );
        self.text("", Style::new(), &text)?;
        let whole = match result.change {
            Change::NewlyBroken => true,
            Change::FoundBroken | Change::StillBroken | Change::NewlyAdvised => {
                self.look.detail == Detail::Verbose
            }
            // Why something has no verdict any more is worth a line.
            Change::NewlyUntested => {
                if !result.message.is_empty() {
                    self.faint(&line(&result.message))?;
                }
                return Ok(());
            }
            Change::Mended | Change::AdviceGone | Change::NewlyTested => false,
        };
        if !whole {
            return Ok(());
        }
        if !result.sentence.is_empty() {
            self.faint(&format!("\"{}\"", quotation(&line(&result.sentence))))?;
        }
        if !result.message.is_empty() {
            self.faint(&line(&result.message))?;
        }
        if !result.reproduce.is_empty() {
            // Not wrapped: it is there to be copied.
            writeln!(self.out, "{:1$}  {2}", "", INDENT, block(&result.reproduce))?;
        }
        Ok(())
    }

    fn faint(&mut self, text: &str) -> io::Result<()> {
        let columns = self.look.width.saturating_sub(INDENT + 2).max(20);
        for part in wrap(text, columns) {
            let part = paint(self.look, FAINT, &part);
            writeln!(self.out, "{:1$}  {part}", "", INDENT)?;
        }
        Ok(())
    }

    fn differences(&mut self, differences: &Differences) -> io::Result<()> {
        for broken in &differences.broken {
            let text = format!(
                "{} is broken in {} of {}, and was kept",
                broken.requirement,
                broken.failed,
                count(
                    usize::try_from(broken.checked).unwrap_or(usize::MAX),
                    "answer"
                )
            );
            self.text("WORSE ", BAD, &text)?;
        }
        let quiet = self.look.detail == Detail::Quiet;
        let rows: Vec<&FigureRow> = differences
            .rows
            .iter()
            .filter(|row| !quiet || row.fails())
            .collect();
        self.table(&rows)?;
        if quiet {
            return Ok(());
        }
        if !differences.errors.is_empty() {
            writeln!(self.out)?;
        }
        for error in &differences.errors {
            let text = format!(
                "{}: {} → {}",
                error.class,
                words::number(error.base),
                words::number(error.new)
            );
            self.text("errors", Style::new(), &text)?;
        }
        writeln!(self.out)
    }

    fn table(&mut self, rows: &[&FigureRow]) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let cells: Vec<[String; 5]> = rows.iter().map(|row| cells(row)).collect();
        let head = COLUMNS.map(str::to_owned);
        let widths: Vec<usize> = (0..5)
            .map(|column| {
                let all = cells.iter().chain([&head]);
                all.map(|row| width(&row[column])).max().unwrap_or_default()
            })
            .collect();
        let line_of = |row: &[String; 5]| {
            let mut text = format!("{:1$}", row[0], widths[0]);
            for (cell, columns) in row.iter().zip(&widths).skip(1) {
                let gap = " ".repeat(columns.saturating_sub(width(cell)));
                text = format!("{text}  {gap}{cell}");
            }
            text
        };
        let head = paint(self.look, FAINT, &line_of(&head));
        writeln!(self.out, "{:13}{head}", "")?;
        for (row, cells) in rows.iter().zip(&cells) {
            let (word, style) = match row.verdict {
                Difference::Worse => ("WORSE", BAD),
                Difference::Better => ("better", GOOD),
                Difference::Same => ("same", FAINT),
                Difference::Inconclusive => ("inconclusive", DOUBT),
            };
            let word = paint(self.look, style, &format!("{word:12}"));
            writeln!(self.out, "{word} {}", line_of(cells))?;
            if let Some(why) = &row.why {
                let why = paint(self.look, FAINT, &line(why));
                writeln!(self.out, "{:15}{why}", "")?;
            }
        }
        Ok(())
    }
}

const fn style(change: Change) -> Style {
    match change {
        Change::NewlyBroken => BAD,
        Change::FoundBroken
        | Change::StillBroken
        | Change::NewlyUntested
        | Change::NewlyAdvised => DOUBT,
        Change::Mended | Change::AdviceGone | Change::NewlyTested => GOOD,
    }
}
