//! The page for the terminal: the verdict and the doubts first, then how much, how fast, what failed, and each
//! threshold beside its figure. It fits 80 by 24 where there is not more to tell.

use super::exit::{Verdict, broken_musts};
use super::words;
use crate::record::Distribution;
use crate::record::load::{ErrorRow, LoadRecord, Part, ThresholdOutcome, ThresholdRow};
use crate::report::terminal::{BAD, DOUBT, Detail, FAINT, GOOD, Look, STRONG, paint};
use crate::report::text::{block, line, width, wrap};
use anstyle::Style;
use std::io::{self, Write};

/// The column where text begins below a first line.
const INDENT: usize = 6;

/// Classes of errors that are shown, unless all is asked for.
const MOST_ERRORS: usize = 5;

/// Writes the page.
///
/// # Errors
/// Those of `out`.
pub fn write(record: &LoadRecord, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { look, out };
    if look.detail == Detail::Quiet {
        page.found(record)?;
        for threshold in &record.thresholds {
            if threshold.outcome != ThresholdOutcome::Pass {
                page.threshold(threshold)?;
            }
        }
        return page.last_line(record);
    }
    page.head(record)?;
    page.doubts(record)?;
    page.search(record)?;
    page.figures(record)?;
    page.latencies(record)?;
    page.errors(record)?;
    page.thresholds(record)?;
    if look.detail == Detail::Verbose {
        page.musts(record)?;
        page.parts(record)?;
    }
    page.notes(record)?;
    page.last_line(record)
}

struct Page<'o> {
    look: Look,
    out: &'o mut dyn Write,
}

impl Page<'_> {
    fn paint(&self, style: Style, text: &str) -> String {
        paint(self.look, style, text)
    }

    fn verbose(&self) -> bool {
        self.look.detail == Detail::Verbose
    }

    /// Text from a column on, wrapped; before it, on the first line, a word in a style.
    fn text(&mut self, word: (&str, Style), column: usize, text: &str) -> io::Result<()> {
        let (word, style) = word;
        // A word that reaches into the text's column moves its first line only.
        let first = column.max(if word.is_empty() { 0 } else { width(word) + 2 });
        let room = |column: usize| self.look.width.saturating_sub(column).max(20);
        let shown = self.paint(style, word);
        let mut rest = wrap(text, room(first)).into_iter();
        let head = rest.next().unwrap_or_default();
        let gap = " ".repeat(first - width(word));
        writeln!(self.out, "{shown}{gap}{head}")?;
        // Broken anew: later lines have more room.
        let rest = rest.collect::<Vec<_>>().join(" ");
        if !rest.is_empty() {
            for part in wrap(&rest, room(column)) {
                writeln!(self.out, "{:column$}{part}", "")?;
            }
        }
        Ok(())
    }

    fn plain(&mut self, column: usize, text: &str) -> io::Result<()> {
        self.text(("", Style::new()), column, text)
    }

    fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    fn head(&mut self, record: &LoadRecord) -> io::Result<()> {
        let verdict = Verdict::of(record);
        let word = words::word(verdict);
        let text = format!(
            "{} on {}, {} model, {}",
            line(&record.scenario.name),
            line(&record.target),
            record.scenario.model,
            words::span(record.duration)
        );
        self.text((word, style(verdict)), INDENT, &text)?;
        if self.verbose() && !record.scenario.description.is_empty() {
            self.plain(INDENT, &line(&record.scenario.description))?;
        }
        self.plain(INDENT, &words::headline(record))
    }

    fn doubts(&mut self, record: &LoadRecord) -> io::Result<()> {
        for doubt in &record.validity.reasons {
            let text = format!("{}: {}", doubt.name, words::doubt(doubt));
            self.text(("DOUBT", DOUBT), INDENT + 1, &text)?;
        }
        self.blank()
    }

    fn figures(&mut self, record: &LoadRecord) -> io::Result<()> {
        self.plain(0, &words::outcomes(&record.measured))?;
        self.plain(0, &words::rates(record))?;
        if self.verbose() {
            let counts = &record.measured.counts;
            let text = format!(
                "{} written, {} read, {} opened, {} of the whole run",
                words::bytes(counts.bytes_sent),
                words::bytes(counts.bytes_received),
                words::count(counts.connections_opened, "connection"),
                words::count(record.completions, "completion"),
            );
            self.plain(0, &text)?;
        }
        self.blank()
    }

    fn latencies(&mut self, record: &LoadRecord) -> io::Result<()> {
        let all = self.verbose();
        let rows = words::latencies(&record.measured.figures, all)
            .into_iter()
            .map(|(name, figure)| {
                let mut cells = vec![words::number(figure.count())];
                cells.extend(
                    [0.5, 0.9, 0.95, 0.99].map(|share| words::or_none(figure.quantile(share))),
                );
                cells.push(words::or_none(figure.max()));
                (name.to_owned(), cells)
            })
            .collect();
        // In a narrow terminal the last to go is what says most.
        let columns = [
            ("count", 1),
            ("p50", 6),
            ("p90", 2),
            ("p95", 4),
            ("p99", 5),
            ("max", 3),
        ];
        self.table("latency, ms", &columns, rows)
    }

    /// A table whose columns go, the least telling first, until it fits.
    fn table(
        &mut self,
        title: &str,
        columns: &[(&str, u8)],
        rows: Vec<(String, Vec<String>)>,
    ) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let widest = rows.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        // A name is a scenario's to choose, but figures are what a table is for.
        let room = self.look.width / 2;
        let first = widest.clamp(width(title), room.max(width(title)));
        let widths: Vec<usize> = columns
            .iter()
            .enumerate()
            .map(|(at, (head, _))| {
                let cells = rows.iter().filter_map(|(_, cells)| cells.get(at));
                let widest = cells.map(|cell| width(cell)).max().unwrap_or(0);
                widest.max(width(head)).max(6) + 2
            })
            .collect();
        let mut kept: Vec<usize> = (0..columns.len()).collect();
        let total = |kept: &[usize]| first + kept.iter().map(|at| widths[*at]).sum::<usize>();
        while total(&kept) > self.look.width && kept.len() > 1 {
            let least = kept.iter().copied().min_by_key(|at| columns[*at].1);
            kept.retain(|at| Some(*at) != least);
        }
        let mut head = format!("{title:first$}");
        for at in &kept {
            let (name, columns) = (columns[*at].0, widths[*at]);
            head.push_str(&format!("{name:>columns$}"));
        }
        writeln!(self.out, "{}", self.paint(FAINT, &head))?;
        for (name, cells) in rows {
            let name = cropped(&name, first);
            let gap = " ".repeat(first - width(&name));
            let mut row = format!("{name}{gap}");
            for at in &kept {
                let columns = widths[*at];
                let cell = cells.get(*at).map_or("", String::as_str);
                row.push_str(&format!("{cell:>columns$}"));
            }
            writeln!(self.out, "{row}")?;
        }
        self.blank()
    }

    /// What a search came to, in a line.
    fn found(&mut self, record: &LoadRecord) -> io::Result<()> {
        match &record.search {
            Some(search) => self.text(("search", STRONG), 8, &words::search(search)),
            None => Ok(()),
        }
    }

    fn search(&mut self, record: &LoadRecord) -> io::Result<()> {
        let Some(search) = &record.search else {
            return Ok(());
        };
        self.found(record)?;
        if self.verbose() {
            for probe in &search.probes {
                let text = format!(
                    "{} {}: {}, {} good of {}, {}",
                    search.variable,
                    words::exact(probe.value),
                    probe.verdict,
                    words::number(probe.good),
                    words::number(probe.total),
                    words::span(probe.span)
                );
                self.plain(8, &text)?;
            }
        }
        self.blank()
    }

    fn errors(&mut self, record: &LoadRecord) -> io::Result<()> {
        let errors = words::by_interest(&record.errors);
        if errors.is_empty() {
            return Ok(());
        }
        let most = if self.verbose() {
            errors.len()
        } else {
            MOST_ERRORS
        };
        let shown = &errors[..errors.len().min(most)];
        let widest = |text: &dyn Fn(&ErrorRow) -> String| {
            let widths = shown.iter().map(|row| width(&text(row)));
            widths.max().unwrap_or(0)
        };
        let times = |row: &ErrorRow| words::number(row.count);
        let columns = (widest(&times), widest(&|row| row.class.to_string()));
        for row in shown {
            self.error(row, columns)?;
        }
        if errors.len() > shown.len() {
            let more = errors.len() - shown.len();
            self.plain(0, &format!("{more} more: --verbose, or a report"))?;
        }
        self.blank()
    }

    fn error(&mut self, row: &ErrorRow, (times, class): (usize, usize)) -> io::Result<()> {
        let count = words::number(row.count);
        let name = row.class.as_str();
        let bad = row.class.is_error() && !row.class.is_throttled();
        let name = self.paint(if bad { BAD } else { STRONG }, &format!("{name:class$}"));
        let mut text = words::message(row);
        if let Some(requirement) = row.requirement {
            text = format!("{requirement}: {text}");
        }
        let column = times + 2 + class + 2;
        let room = self.look.width.saturating_sub(column);
        let lines = if room < 20 {
            // Too narrow for columns: the message stands below.
            writeln!(self.out, "{count:>times$}  {}", name.trim_end())?;
            wrap(&text, self.look.width.saturating_sub(INDENT).max(20))
        } else {
            let mut lines = wrap(&text, room);
            let first = lines.remove(0);
            writeln!(self.out, "{count:>times$}  {name}  {first}")?;
            lines
        };
        let column = if room < 20 { INDENT } else { column };
        // A long message says most at its beginning.
        let most = if self.verbose() { usize::MAX } else { 2 };
        for part in lines.into_iter().take(most) {
            writeln!(self.out, "{:column$}{part}", "")?;
        }
        if self.verbose() && !row.reproduce.is_empty() {
            // Not wrapped: it is there to be copied.
            writeln!(self.out, "{:INDENT$}try  {}", "", block(&row.reproduce))?;
        }
        Ok(())
    }

    fn thresholds(&mut self, record: &LoadRecord) -> io::Result<()> {
        for threshold in &record.thresholds {
            self.threshold(threshold)?;
        }
        if record.thresholds.is_empty() {
            return Ok(());
        }
        self.blank()
    }

    fn threshold(&mut self, row: &ThresholdRow) -> io::Result<()> {
        let style = match row.outcome {
            ThresholdOutcome::Pass => GOOD,
            ThresholdOutcome::Fail | ThresholdOutcome::NoSamples => BAD,
        };
        let mut text = line(&row.rule);
        if let Some(value) = row.value {
            text.push_str(&format!(": {}", words::exact(value)));
        }
        if row.ci95.is_some() {
            text.push_str(&format!(" {}", words::interval(row.ci95)));
        }
        if row.aborted_run {
            text.push_str(", ended the run");
        }
        self.text((words::outcome_word(row.outcome), style), INDENT, &text)
    }

    fn musts(&mut self, record: &LoadRecord) -> io::Result<()> {
        let broken = broken_musts(record);
        for (requirement, looks) in &broken {
            let text = format!(
                "broken by {} of {}: {}",
                words::number(looks.failed),
                words::count(looks.checked, "answer"),
                line(requirement.get().text)
            );
            self.text((requirement.as_str(), BAD), 12, &text)?;
        }
        if broken.is_empty() {
            return Ok(());
        }
        self.blank()
    }

    fn parts(&mut self, record: &LoadRecord) -> io::Result<()> {
        let columns = [
            ("sent", 4),
            ("errors", 5),
            ("right/s", 3),
            ("ttft p95", 6),
            ("latency p95", 2),
        ];
        let row = |name: &str, part: &Part| {
            let p95 = |figure: &Distribution| words::or_none(figure.quantile(0.95));
            let cells = vec![
                words::number(part.counts.sent),
                words::number(part.counts.errors),
                words::or_none(part.achieved_rate_rps()),
                p95(&part.figures.time_to_first_token),
                p95(&part.figures.request_latency),
            ];
            (line(name), cells)
        };
        let requests = record.by_request.iter();
        let requests = requests.map(|(name, part)| row(name, part)).collect();
        self.table("request", &columns, requests)?;
        let stages = record.by_stage.iter();
        let stages = stages.map(|stage| row(&stage.name, &stage.part)).collect();
        self.table("stage", &columns, stages)?;
        let mut windows = Vec::new();
        if let Some(part) = &record.warm_up {
            windows.push(row("warm-up", part));
        }
        windows.push(row("measured", &record.measured));
        if let Some(steady) = &record.steady {
            windows.push(row("steady", &steady.part));
        }
        self.table("window", &columns, windows)
    }

    fn notes(&mut self, record: &LoadRecord) -> io::Result<()> {
        for note in &record.notes {
            self.text(("note", STRONG), INDENT, &line(note))?;
        }
        Ok(())
    }

    /// The last line of a page is the first that is looked at where it scrolled.
    fn last_line(&mut self, record: &LoadRecord) -> io::Result<()> {
        let verdict = Verdict::of(record);
        let word = format!("exit {}", verdict.code());
        let text = words::headline(record);
        self.text((&word, style(verdict)), 8, &text)
    }
}

/// As much of a text as has room, and a sign where that is not all of it.
fn cropped(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width(&kept) >= columns {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

fn style(verdict: Verdict) -> Style {
    match verdict.code() {
        0 => GOOD,
        _ => BAD,
    }
}
