//! The comparison as GitHub's Markdown, for a comment or a job's summary: the verdict first, the news before the rest.

use super::exit::{exit_code, says};
use super::words::{COLUMNS, UNSEEN, cells, counts, outcome, told};
use crate::record::comparison::{
    Change, ChangedResult, Changes, Comparison, Differences, Side, What,
};
use crate::report::load::words;
use crate::report::markdown::{cell, code, code_block, prose, table};
use crate::report::text::timestamp;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes the report.
///
/// # Errors
/// Those of `out`.
pub(super) fn write(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    let mut page = String::new();
    let mark = if exit_code(comparison) == 0 {
        "✅"
    } else {
        "❌"
    };
    let _ = writeln!(page, "## {mark} clawcheck compare: {}\n", says(comparison));
    sides(comparison, &mut page);
    match &comparison.what {
        What::Conform(changes) => conform(changes, &mut page),
        What::Load(differences) => load(differences, &mut page),
    }
    out.write_all(page.as_bytes())
}

fn sides(comparison: &Comparison, page: &mut String) {
    let row = |name: &str, side: &Side| {
        vec![
            name.to_owned(),
            cell(&side.file),
            cell(&side.target),
            timestamp(side.started_at),
            cell(&side.version),
        ]
    };
    let rows = [row("base", &comparison.base), row("new", &comparison.new)];
    table(
        page,
        5,
        &["", "report", "target", "started", "clawcheck"],
        &rows,
    );
    for note in &comparison.notes {
        let _ = writeln!(page, "> {}\n", prose(note));
    }
}

fn conform(changes: &Changes, page: &mut String) {
    let _ = writeln!(page, "{}\n", counts(changes));
    for change in Change::ALL {
        let results: Vec<&ChangedResult> = changes.of(change).collect();
        if results.is_empty() {
            continue;
        }
        // The news is open, the rest a click away.
        let news = change == Change::NewlyBroken;
        let head = format!("{} ({})", told(change), results.len());
        let _ = match news {
            true => writeln!(page, "### {head}\n"),
            false => writeln!(page, "<details><summary>{head}</summary>\n"),
        };
        if news {
            for result in results {
                broken(result, page);
            }
            continue;
        }
        let rows: Vec<Vec<String>> = results
            .iter()
            .map(|result| {
                vec![
                    cell(&result.id),
                    requirement(result).to_owned(),
                    format!("{} → {}", outcome(result.base), outcome(result.new)),
                    cell(&result.message),
                ]
            })
            .collect();
        table(page, 4, &["test", "requirement", "", "message"], &rows);
        let _ = writeln!(page, "</details>\n");
    }
    if !changes.answers.is_empty() {
        let _ = writeln!(page, "### Other answers to what is left open\n");
        let rows: Vec<Vec<String>> = changes
            .answers
            .iter()
            .map(|answer| {
                let shown = |answer: &Option<String>| cell(answer.as_deref().unwrap_or(UNSEEN));
                vec![cell(&answer.key), shown(&answer.base), shown(&answer.new)]
            })
            .collect();
        table(page, 3, &["answer", "base", "new"], &rows);
    }
}

fn requirement(result: &ChangedResult) -> &'static str {
    result.requirement.map_or("-", |id| id.as_str())
}

fn broken(result: &ChangedResult, page: &mut String) {
    let _ = writeln!(
        page,
        "- {} ({}): {}",
        code(&result.id),
        requirement(result),
        prose(&result.message)
    );
    if !result.sentence.is_empty() {
        let _ = writeln!(page, "\n> {}", prose(&result.sentence));
    }
    if !result.reproduce.is_empty() {
        let _ = write!(page, "\n{}", code_block("sh", &result.reproduce));
    }
    page.push('\n');
}

fn load(differences: &Differences, page: &mut String) {
    for broken in &differences.broken {
        let _ = writeln!(
            page,
            "- {} is broken in {} of {} answers, and was kept\n",
            broken.requirement, broken.failed, broken.checked
        );
    }
    let mut head = COLUMNS.to_vec();
    head.push("verdict");
    let rows: Vec<Vec<String>> = differences
        .rows
        .iter()
        .map(|row| {
            let mut cells = cells(row).to_vec();
            cells[0] = cell(&row.figure);
            let why = row.why.as_deref().map(|why| format!(": {}", prose(why)));
            let word = match row.fails() {
                true => format!("**{}**", row.verdict.as_str()),
                false => row.verdict.as_str().to_owned(),
            };
            cells.push(word + &why.unwrap_or_default());
            cells
        })
        .collect();
    if !rows.is_empty() {
        table(page, 1, &head, &rows);
    }
    if !differences.errors.is_empty() {
        let rows: Vec<Vec<String>> = differences
            .errors
            .iter()
            .map(|error| {
                vec![
                    cell(error.class),
                    words::number(error.base),
                    words::number(error.new),
                ]
            })
            .collect();
        table(page, 1, &["errors", "base", "new"], &rows);
    }
}
