//! The report to paste into an issue, and the summary of a GitHub job.

use super::excerpt::excerpt;
use super::exit::{Demands, Verdict, known_failure};
use super::markdown::{cell, code, code_block, prose, table};
use super::text::{count, line, quotation};
use crate::record::{Ended, Outcome, Record, TestResult};
use crate::report::text::timestamp;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Bytes of a report: what GitHub takes as the summary of a step, with some room.
const MOST: usize = (1 << 20) - (16 << 10);

/// Failures whose bytes and command are shown; the other reports have all of them.
const IN_FULL: usize = 25;

/// Rows of a table that grows with the run.
const MOST_ROWS: usize = 200;

/// Bytes that are shown of a message, and of a command.
const MESSAGE: usize = 500;
const COMMAND: usize = 4_000;

/// Columns of an answer.
const COLUMNS: usize = 160;

pub(super) fn write(record: &Record, demands: Demands, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(page(record, demands, MOST).as_bytes())
}

/// The report in so many bytes at most.
pub(super) fn page(record: &Record, demands: Demands, most: usize) -> String {
    let mut page = Page {
        text: String::new(),
        most,
        left_out: 0,
    };
    page.add(&head(record, demands));
    let failures: Vec<&TestResult> = of(record, Outcome::Fail)
        .filter(|result| known_failure(record, &result.id).is_none())
        .collect();
    if !failures.is_empty() {
        page.add("### Failed\n\n");
    }
    for (index, result) in failures.iter().enumerate() {
        page.add(&failure(result, index < IN_FULL));
    }
    page.rows("Without a verdict", of(record, Outcome::Inconclusive));
    page.rows("Advised", of(record, Outcome::Advice));
    page.pairs("Known failures", &record.expected_failures);
    page.pairs("Known failures that pass by now", &record.unexpected_passes);
    if record.command == "selftest" {
        page.rows("Tried, and as it should be", of(record, Outcome::Pass));
    }
    page.skips(record);
    page.untested(record);
    page.fingerprint(record);
    page.end(record)
}

fn of(record: &Record, outcome: Outcome) -> impl Iterator<Item = &TestResult> {
    let fits = move |result: &&TestResult| result.outcome == outcome;
    record.results.iter().filter(fits)
}

fn head(record: &Record, demands: Demands) -> String {
    let verdict = Verdict::of(record, demands);
    let summary = &record.summary;
    let title = match record.command {
        "conform" => "Conformance of",
        "selftest" => "Selftest:",
        other => other,
    };
    let mut text = format!("## {title} {}\n\n", code(&record.target));
    let _ = writeln!(
        text,
        "**{}** (exit {}): {}\n",
        verdict.word(),
        verdict.code(),
        verdict.in_words(record.command)
    );
    if let Ended::Untestable(why) | Ended::Pointless(why) = &record.ended {
        let _ = writeln!(text, "{}\n", prose(why));
    }
    if record.command == "selftest" {
        let _ = writeln!(text, "{}  ", super::matrix::caught(record));
    } else {
        let _ = writeln!(
            text,
            "Kept {} of {} tested MUSTs; {} not tested  ",
            summary.must_kept, summary.must_tested, summary.must_untested
        );
    }
    let _ = writeln!(
        text,
        "{} failed, {} inconclusive, {} advised, {} skipped, {} passed; {}, {}, {:.1} s\n",
        summary.failed,
        summary.inconclusive,
        summary.advised,
        summary.skipped,
        summary.passed,
        count(summary.requests, "request"),
        count(summary.completions, "completion"),
        record.duration.as_secs_f64()
    );
    text
}

fn failure(result: &TestResult, in_full: bool) -> String {
    let requirement = result.requirement.get();
    let level = requirement.level.as_str().to_uppercase();
    let mut text = format!(
        "#### {}\n\n{} ({level}): {}\n\n",
        code(&result.id),
        requirement.id,
        prose(requirement.text)
    );
    if let Some(sentence) = result.cites.get().sentences.first() {
        let _ = writeln!(text, "> {}\n", prose(&quotation(sentence)));
    }
    let findings: Vec<_> = result.checks.iter().filter(|c| c.is_finding()).collect();
    if findings.is_empty() && !result.message.is_empty() {
        let _ = writeln!(text, "{}\n", prose(short(&result.message, MESSAGE)));
    }
    if !findings.is_empty() {
        let rows: Vec<Vec<String>> = findings
            .iter()
            .map(|check| {
                let cells = [&check.name, &check.expected, &check.actual];
                cells.map(|text| cell(short(text, MESSAGE))).to_vec()
            })
            .collect();
        table(&mut text, 3, &["", "expected", "actual"], &rows);
    }
    if !in_full || (result.evidence.is_none() && result.reproduce.is_empty()) {
        return text;
    }
    text.push_str("<details><summary>answer and command</summary>\n\n");
    if let Some(evidence) = &result.evidence {
        let shown = answer(evidence.response(), evidence.mark());
        let _ = writeln!(text, "{}", code_block("text", &shown));
    }
    if !result.reproduce.is_empty() {
        let command = short(&result.reproduce, COMMAND);
        let _ = writeln!(text, "{}", code_block("sh", command));
    }
    text.push_str("</details>\n\n");
    text
}

/// What the terminal shows of an answer: a line of carets stands below the offending bytes.
fn answer(text: &str, mark: Option<std::ops::Range<usize>>) -> String {
    let mut shown = String::new();
    for row in excerpt(text, mark, COLUMNS, false) {
        let marked = row.marked.as_deref().unwrap_or_default();
        let _ = writeln!(shown, "{}{marked}{}", row.before, row.after);
        if row.marked.is_some() {
            let carets = "^".repeat(super::text::width(marked).max(1));
            let blank = " ".repeat(super::text::width(&row.before));
            let _ = writeln!(shown, "{blank}{carets}");
        }
    }
    shown
}

fn short(text: &str, most: usize) -> &str {
    super::page::cut(text, most)
}

struct Page {
    text: String,
    most: usize,
    left_out: usize,
}

/// Kept free for the last line.
const LAST: usize = 1_000;

impl Page {
    /// Adds a part, where it still fits: a part that was cut could leave a block open.
    fn add(&mut self, part: &str) {
        if self.left_out == 0 && self.text.len() + part.len() + LAST <= self.most {
            self.text.push_str(part);
        } else {
            self.left_out += 1;
        }
    }

    /// A folded table.
    fn folded(&mut self, heading: &str, number: usize, head: &[&str], mut rows: Vec<Vec<String>>) {
        if rows.is_empty() {
            return;
        }
        let more = rows.len().saturating_sub(MOST_ROWS);
        rows.truncate(MOST_ROWS);
        let mut text = format!("<details><summary>{heading}: {number}</summary>\n\n");
        table(&mut text, head.len(), head, &rows);
        if more > 0 {
            let _ = writeln!(text, "{more} more in the JSON report.\n");
        }
        text.push_str("</details>\n\n");
        self.add(&text);
    }

    fn rows<'r>(&mut self, heading: &str, results: impl Iterator<Item = &'r TestResult>) {
        let rows: Vec<Vec<String>> = results
            .map(|result| {
                let finding = result.checks.iter().find(|check| check.is_finding());
                let says = match finding {
                    Some(check) => {
                        format!("{}: {}, got {}", check.name, check.expected, check.actual)
                    }
                    None => result.message.clone(),
                };
                vec![
                    cell(&result.id),
                    result.requirement.to_string(),
                    cell(short(&says, MESSAGE)),
                ]
            })
            .collect();
        self.folded(heading, rows.len(), &["result", "requirement", ""], rows);
    }

    fn pairs(&mut self, heading: &str, pairs: &[(String, String)]) {
        let rows: Vec<Vec<String>> = pairs
            .iter()
            .map(|(id, reason)| vec![cell(id), prose(reason)])
            .collect();
        self.folded(heading, rows.len(), &["result", "reason given"], rows);
    }

    /// Skipped tests, those that miss the same thing together.
    fn skips(&mut self, record: &Record) {
        let mut groups: Vec<(&str, usize)> = Vec::new();
        for result in of(record, Outcome::Skip) {
            match groups.iter_mut().find(|(why, _)| *why == result.message) {
                Some((_, number)) => *number += 1,
                None => groups.push((&result.message, 1)),
            }
        }
        let number = groups.iter().map(|(_, number)| number).sum();
        let rows = groups
            .iter()
            .map(|(why, number)| vec![number.to_string(), prose(short(why, MESSAGE))])
            .collect();
        self.folded("Skipped", number, &["tests", "why"], rows);
    }

    fn untested(&mut self, record: &Record) {
        let rows = record
            .untested
            .iter()
            .map(|(id, why)| vec![id.to_string(), prose(short(why, MESSAGE))])
            .collect();
        let number = record.untested.len();
        self.folded(
            "MUSTs not tested",
            number,
            &["requirement", "why not"],
            rows,
        );
    }

    fn fingerprint(&mut self, record: &Record) {
        let rows = record
            .fingerprint
            .iter()
            .map(|(name, value)| vec![cell(name), cell(short(value, MESSAGE))])
            .collect();
        let number = record.fingerprint.len();
        let heading = "Answers to what the documentation leaves open";
        self.folded(heading, number, &["question", "answer seen"], rows);
    }

    fn end(mut self, record: &Record) -> String {
        for note in record.notes.iter().take(20) {
            self.add(&format!("Note: {}\n\n", prose(short(note, MESSAGE))));
        }
        if self.left_out > 0 {
            let _ = writeln!(
                self.text,
                "What did not fit was left out; the JSON report has everything.\n"
            );
        }
        let _ = writeln!(
            self.text,
            "clawcheck {} {}, started at {}",
            env!("CARGO_PKG_VERSION"),
            line(record.command),
            timestamp(record.started_at)
        );
        self.text
    }
}
