//! The report that a tired person can read: what failed, with the sentence behind it, what was expected, what came,
//! the bytes, and a command that shows it again; then what else there is to know; the verdict last.

use super::excerpt::{Shown, excerpt};
use super::exit::{Demands, Verdict, known_failure};
use super::text::{block, count, line, quotation, width, wrap};
use crate::contract::RequirementId;
use crate::record::{Ended, Outcome, Record, TestResult};
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Failures and the summary's line.
    Quiet,
    /// All but the passes.
    Normal,
    /// Passes too, and answers in full.
    Verbose,
}

/// How it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether colours are used; without them a line of carets marks the offending bytes.
    pub colour: bool,
    /// Columns.
    pub width: usize,
    /// How much is told.
    pub detail: Detail,
}

pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(super) const FAINT: Style = Style::new().dimmed();
pub(super) const STRONG: Style = Style::new().bold();
const MARK: Style = Style::new().invert();

/// The column where text begins, below a result's first line.
const INDENT: usize = 6;
/// The column where it begins after a label.
const LABELLED: usize = 16;

/// Writes the report.
///
/// # Errors
/// Those of `out`.
pub fn write(record: &Record, demands: Demands, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { look, out };
    page.unusable(record)?;
    for result in of(record, Outcome::Fail) {
        if known_failure(record, &result.id).is_none() {
            page.failure(result)?;
        }
    }
    if look.detail != Detail::Quiet {
        for result in of(record, Outcome::Inconclusive) {
            page.brief("INCONCLUSIVE", DOUBT, result)?;
        }
        for result in of(record, Outcome::Advice) {
            page.advice(result)?;
        }
        page.known(record)?;
        page.skips(record)?;
        if look.detail == Detail::Verbose {
            page.passes(record)?;
        }
        page.notes(record)?;
    }
    page.summary(record, demands)
}

fn of(record: &Record, outcome: Outcome) -> impl Iterator<Item = &TestResult> {
    record
        .results
        .iter()
        .filter(move |result| result.outcome == outcome)
}

/// Text in a style, where there are colours.
pub(super) fn paint(look: Look, style: Style, text: &str) -> String {
    if look.colour {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

struct Page<'o> {
    look: Look,
    out: &'o mut dyn Write,
}

impl Page<'_> {
    fn paint(&self, style: Style, text: &str) -> String {
        paint(self.look, style, text)
    }

    /// Text from a column on, wrapped; what stands before it on the first line is given.
    fn text(&mut self, before: &str, column: usize, style: Style, text: &str) -> io::Result<()> {
        let columns = self.look.width.saturating_sub(column).max(20);
        for (index, part) in wrap(text, columns).iter().enumerate() {
            let before = if index == 0 { before } else { "" };
            let gap = " ".repeat(column.saturating_sub(width(before)));
            let part = self.paint(style, part);
            writeln!(self.out, "{before}{gap}{part}")?;
        }
        Ok(())
    }

    fn labelled(&mut self, label: &str, text: &str) -> io::Result<()> {
        self.text(
            &format!("{:INDENT$}{label}", ""),
            LABELLED,
            Style::new(),
            text,
        )
    }

    fn head(&mut self, word: &str, style: Style, result: &TestResult) -> io::Result<()> {
        let mut requirements = vec![result.requirement];
        for check in result.checks.iter().filter(|check| check.is_finding()) {
            if !requirements.contains(&check.requirement) {
                requirements.push(check.requirement);
            }
        }
        let named: Vec<String> = requirements.into_iter().map(with_level).collect();
        let word = self.paint(style, word);
        let id = self.paint(STRONG, &result.id);
        writeln!(self.out, "{word}  {id}   {}", named.join(", "))
    }

    fn unusable(&mut self, record: &Record) -> io::Result<()> {
        let (word, why) = match &record.ended {
            Ended::Untestable(why) => ("CAN'T BE TESTED", why),
            Ended::Pointless(why) => ("FAIL", why),
            Ended::Completed | Ended::FailFast | Ended::Interrupted => return Ok(()),
        };
        let word = self.paint(BAD, word);
        writeln!(self.out, "{word}  {}", line(&record.target))?;
        self.text("", INDENT, Style::new(), &line(why))?;
        writeln!(self.out)
    }

    fn failure(&mut self, result: &TestResult) -> io::Result<()> {
        self.head("FAIL", BAD, result)?;
        let requirement = result.requirement.get();
        let sentence = match result.cites.get().sentences.first() {
            Some(sentence) => format!("\"{}\"", quotation(sentence)),
            None => format!("{} ({})", requirement.text, requirement.standard),
        };
        self.text("", INDENT, FAINT, &sentence)?;
        if self.look.detail == Detail::Verbose {
            self.labelled("why", &line(&result.why))?;
        }
        let findings: Vec<_> = result.checks.iter().filter(|c| c.is_finding()).collect();
        // The findings say it better, with what was expected beside what came.
        if !result.message.is_empty() && findings.is_empty() {
            self.text("", INDENT, Style::new(), &line(&result.message))?;
        }
        for check in &findings {
            let name = match findings.len() {
                1 => String::new(),
                _ => format!("{}: ", line(&check.name)),
            };
            self.labelled("expected", &format!("{name}{}", line(&check.expected)))?;
            self.labelled("actual", &format!("{name}{}", line(&check.actual)))?;
        }
        self.answer(result)?;
        if !result.reproduce.is_empty() {
            // Not wrapped: it is there to be copied.
            let gap = LABELLED - INDENT;
            let command = block(&result.reproduce);
            writeln!(self.out, "{:INDENT$}{:gap$}{command}", "", "try")?;
        }
        writeln!(self.out)
    }

    fn answer(&mut self, result: &TestResult) -> io::Result<()> {
        let Some(evidence) = &result.evidence else {
            return Ok(());
        };
        let whole = self.look.detail == Detail::Verbose;
        let columns = self.look.width.saturating_sub(LABELLED).max(20);
        let shown = excerpt(evidence.response(), evidence.mark(), columns, whole);
        for (index, shown) in shown.iter().enumerate() {
            let label = if index == 0 { "answer" } else { "" };
            let gap = LABELLED - INDENT;
            let (text, carets) = self.marked(shown);
            let row = format!("{:INDENT$}{label:gap$}{text}", "");
            writeln!(self.out, "{}", row.trim_end())?;
            if let Some(carets) = carets {
                writeln!(self.out, "{:LABELLED$}{carets}", "")?;
            }
        }
        Ok(())
    }

    /// A line of the answer, its offending bytes in reverse video, or else a line of carets to stand below it.
    fn marked(&self, shown: &Shown) -> (String, Option<String>) {
        let Shown {
            before,
            marked,
            after,
        } = shown;
        match marked {
            None => (before.clone(), None),
            Some(marked) if self.look.colour => {
                let marked = if marked.is_empty() { " " } else { marked };
                let marked = self.paint(MARK, marked);
                (format!("{before}{marked}{after}"), None)
            }
            Some(marked) => {
                let carets = "^".repeat(width(marked).max(1));
                let carets = format!("{}{carets}", " ".repeat(width(before)));
                (format!("{before}{marked}{after}"), Some(carets))
            }
        }
    }

    fn brief(&mut self, word: &str, style: Style, result: &TestResult) -> io::Result<()> {
        self.head(word, style, result)?;
        self.text("", INDENT, Style::new(), &line(&result.message))?;
        writeln!(self.out)
    }

    fn advice(&mut self, result: &TestResult) -> io::Result<()> {
        self.head("ADVICE", DOUBT, result)?;
        let findings: Vec<_> = result.checks.iter().filter(|c| c.is_finding()).collect();
        if findings.is_empty() {
            self.text("", INDENT, Style::new(), &line(&result.message))?;
        }
        for check in findings {
            let text = format!("{}: {}, got {}", check.name, check.expected, check.actual);
            self.text("", INDENT, Style::new(), &line(&text))?;
        }
        writeln!(self.out)
    }

    fn known(&mut self, record: &Record) -> io::Result<()> {
        for (word, pairs, says) in [
            ("KNOWN", &record.expected_failures, "fails as expected"),
            (
                "FIXED",
                &record.unexpected_passes,
                "passes by now: take it off the list of known failures",
            ),
        ] {
            for (id, reason) in pairs {
                let word = self.paint(DOUBT, word);
                let id = self.paint(STRONG, id);
                writeln!(self.out, "{word}  {id}   {says}")?;
                self.text("", INDENT, Style::new(), &line(reason))?;
            }
            if !pairs.is_empty() {
                writeln!(self.out)?;
            }
        }
        Ok(())
    }

    /// Skipped tests, those that miss the same thing together.
    fn skips(&mut self, record: &Record) -> io::Result<()> {
        let skipped =
            of(record, Outcome::Skip).map(|result| (result.message.as_str(), result.id.as_str()));
        let groups = grouped(skipped);
        for (message, ids) in &groups {
            let word = self.paint(DOUBT, "SKIP");
            let text = format!("{}: {}", count(ids.len(), "test"), line(message));
            self.text(&format!("{word}  "), INDENT, Style::new(), &text)?;
            self.text("", INDENT, FAINT, &ids.join(", "))?;
        }
        if !groups.is_empty() {
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn passes(&mut self, record: &Record) -> io::Result<()> {
        let mut any = false;
        for result in of(record, Outcome::Pass) {
            any = true;
            self.head("PASS", GOOD, result)?;
            for (key, value) in &result.observed {
                self.text("", INDENT, FAINT, &line(&format!("{key}: {value}")))?;
            }
        }
        if any {
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn notes(&mut self, record: &Record) -> io::Result<()> {
        for note in &record.notes {
            let word = self.paint(STRONG, "note");
            self.text(&format!("{word}  "), INDENT, Style::new(), &line(note))?;
        }
        if !record.notes.is_empty() {
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn summary(&mut self, record: &Record, demands: Demands) -> io::Result<()> {
        let verdict = Verdict::of(record, demands);
        let kept = kept(record, self.look.detail != Detail::Quiet);
        let style = match verdict.code() {
            0 => GOOD,
            _ => BAD,
        };
        let code = verdict.code();
        if self.look.detail == Detail::Quiet {
            let text = format!("{kept}. Exit {code}: {}", verdict.says());
            let text = self.paint(style, &text);
            return writeln!(self.out, "{text}");
        }
        if record.ended == Ended::FailFast {
            let text = "ended at the first failure (--fail-fast): what came after it did not run";
            self.text("", 0, Style::new(), text)?;
        }
        self.text("", 0, STRONG, &kept)?;
        let summary = &record.summary;
        let outcomes = [
            (summary.failed, "failed"),
            (summary.inconclusive, "inconclusive"),
            (summary.advised, "advised"),
            (summary.skipped, "skipped"),
            (summary.passed, "passed"),
        ]
        .map(|(number, word)| format!("{number} {word}"))
        .join(", ");
        let again = match summary.retried {
            0 => String::new(),
            retried => format!(", {retried} sent again"),
        };
        let sent = format!(
            "{}, {}{again}, {:.1} s",
            count(summary.requests, "request"),
            count(summary.completions, "completion"),
            record.duration.as_secs_f64()
        );
        self.text("", 0, Style::new(), &format!("{outcomes}; {sent}"))?;
        let word = self.paint(style, &format!("exit {code}"));
        self.text(&format!("{word}  "), 8, Style::new(), verdict.says())
    }
}

/// `AUTH-4 (MUST)`.
fn with_level(requirement: RequirementId) -> String {
    let level = requirement.level().as_str().to_uppercase();
    format!("{requirement} ({level})")
}

/// Things under what they have in common, in the order of the first of each.
fn grouped<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (common, thing) in pairs {
        match groups.iter_mut().find(|(known, _)| *known == common) {
            Some((_, things)) => things.push(thing),
            None => groups.push((common, vec![thing])),
        }
    }
    groups
}

/// Requirements that are listed one by one.
const MOST_LISTED: usize = 24;

/// "kept N of N tested MUSTs; M not tested", and why.
fn kept(record: &Record, why: bool) -> String {
    let summary = &record.summary;
    let mut text = format!(
        "kept {} of {} tested MUSTs; {} not tested",
        summary.must_kept, summary.must_tested, summary.must_untested
    );
    let untested = record
        .untested
        .iter()
        .map(|(requirement, why)| (why.as_str(), requirement.as_str()));
    let reasons: Vec<String> = grouped(untested)
        .into_iter()
        .map(|(why, requirements)| {
            // A list that fills the screen tells nobody anything; the JSON report has it whole.
            let which = match requirements.as_slice() {
                [first, .., last] if requirements.len() > MOST_LISTED => {
                    format!("{} of them, {first} to {last}", requirements.len())
                }
                requirements => requirements.join(", "),
            };
            format!("{which}: {}", line(why))
        })
        .collect();
    if why && !reasons.is_empty() {
        text.push_str(&format!(" ({})", reasons.join("; ")));
    }
    text
}
