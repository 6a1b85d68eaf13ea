//! The report to paste into an issue, in GitHub's Markdown.

use super::exit::{Verdict, broken_musts};
use super::words;
use crate::record::Distribution;
use crate::record::load::{ErrorRow, LoadRecord, Part, ThresholdOutcome};
use crate::report::markdown::{cell, code, code_block, prose, table};
use crate::report::text::timestamp;
use std::fmt::Write as _;
use std::io::{self, Write};

pub(super) fn write(record: &LoadRecord, out: &mut dyn Write) -> io::Result<()> {
    let mut page = String::new();
    head(record, &mut page);
    doubts(record, &mut page);
    thresholds(record, &mut page);
    latencies(record, &mut page);
    requests(record, &mut page);
    search(record, &mut page);
    errors(record, &mut page);
    musts(record, &mut page);
    facts(record, &mut page);
    out.write_all(page.as_bytes())
}

fn head(record: &LoadRecord, page: &mut String) {
    let verdict = Verdict::of(record);
    let _ = writeln!(page, "## Load: {}\n", code(&record.scenario.name));
    if !record.scenario.description.trim().is_empty() {
        let _ = writeln!(page, "> {}\n", prose(&record.scenario.description));
    }
    let _ = writeln!(
        page,
        "**{}** (exit {}): {}\n",
        words::word(verdict),
        verdict.code(),
        prose(&words::headline(record))
    );
    let _ = writeln!(page, "{}  ", words::outcomes(&record.measured));
    let _ = writeln!(page, "{}\n", words::rates(record));
}

fn doubts(record: &LoadRecord, page: &mut String) {
    let reasons = &record.validity.reasons;
    if reasons.is_empty() {
        return;
    }
    let _ = writeln!(page, "### Doubts\n");
    for doubt in reasons {
        let text = prose(&words::doubt(doubt));
        let _ = writeln!(page, "- **{}**: {text}", doubt.name);
    }
    page.push('\n');
}

fn thresholds(record: &LoadRecord, page: &mut String) {
    if record.thresholds.is_empty() {
        return;
    }
    let _ = writeln!(page, "### Thresholds\n");
    let rows: Vec<Vec<String>> = record
        .thresholds
        .iter()
        .map(|row| {
            let word = words::outcome_word(row.outcome);
            let word = match row.outcome {
                ThresholdOutcome::Pass => word.to_owned(),
                _ => format!("**{word}**"),
            };
            let value = row.value.map(words::exact);
            vec![
                word,
                cell(&row.rule),
                value.unwrap_or_else(|| words::NONE.to_owned()),
                words::interval(row.ci95),
            ]
        })
        .collect();
    table(page, 2, &["", "rule", "value", "95 % interval"], &rows);
}

fn latencies(record: &LoadRecord, page: &mut String) {
    let latencies = words::latencies(&record.measured.figures, false);
    if latencies.is_empty() {
        return;
    }
    let _ = writeln!(page, "### Latency\n");
    let rows: Vec<Vec<String>> = latencies
        .into_iter()
        .map(|(name, figure)| {
            let mut row = vec![name.to_owned(), words::number(figure.count())];
            row.extend([0.5, 0.9, 0.95, 0.99].map(|share| words::or_none(figure.quantile(share))));
            row.push(words::or_none(figure.max()));
            row
        })
        .collect();
    let head = ["ms", "count", "p50", "p90", "p95", "p99", "max"];
    table(page, 1, &head, &rows);
}

/// The mix and the stages, where there is more than one.
fn requests(record: &LoadRecord, page: &mut String) {
    let requests = record
        .by_request
        .iter()
        .map(|(name, part)| (name.as_str(), part));
    let stages = record
        .by_stage
        .iter()
        .map(|stage| (stage.name.as_str(), &stage.part));
    parts("request", requests.collect(), page);
    parts("stage", stages.collect(), page);
}

fn parts(thing: &str, parts: Vec<(&str, &Part)>, page: &mut String) {
    if parts.len() < 2 {
        return;
    }
    let rows: Vec<Vec<String>> = parts
        .into_iter()
        .map(|(name, part)| {
            let figures = &part.figures;
            let p95 = |figure: &Distribution| words::or_none(figure.quantile(0.95));
            vec![
                cell(name),
                words::number(part.counts.sent),
                words::number(part.counts.errors),
                words::or_none(part.achieved_rate_rps()),
                p95(&figures.time_to_first_token),
                p95(&figures.request_latency),
            ]
        })
        .collect();
    let head = [
        thing,
        "sent",
        "errors",
        "right/s",
        "time_to_first_token_ms p95",
        "request_latency_ms p95",
    ];
    table(page, 1, &head, &rows);
}

fn search(record: &LoadRecord, page: &mut String) {
    let Some(search) = &record.search else { return };
    let _ = writeln!(page, "### Search\n\n{}\n", words::search(search));
    let rows: Vec<Vec<String>> = search
        .probes
        .iter()
        .map(|probe| {
            vec![
                probe.verdict.to_owned(),
                words::exact(probe.value),
                words::number(probe.good),
                words::number(probe.total),
                words::span(probe.span),
            ]
        })
        .collect();
    let head = ["", search.variable, "good", "requests", "took"];
    table(page, 1, &head, &rows);
}

/// Classes whose command is given; the other reports have all of them.
const COMMANDS: usize = 3;

fn errors(record: &LoadRecord, page: &mut String) {
    let errors = words::by_interest(&record.errors);
    if errors.is_empty() {
        return;
    }
    let _ = writeln!(page, "### Errors\n");
    let rows: Vec<Vec<String>> = errors
        .iter()
        .map(|row| {
            let requirement = row.requirement.map(|requirement| requirement.to_string());
            vec![
                row.class.to_string(),
                row.class.kind().as_str().to_owned(),
                requirement.unwrap_or_default(),
                cell(&words::message(row)),
                words::number(row.count),
            ]
        })
        .collect();
    let head = ["class", "kind", "requirement", "first message", "count"];
    table(page, 4, &head, &rows);
    let with_command = |row: &&&ErrorRow| !row.reproduce.is_empty();
    for row in errors.iter().filter(with_command).take(COMMANDS) {
        let _ = writeln!(
            page,
            "<details><summary>{}: the same request</summary>\n\n{}\n</details>\n",
            row.class,
            code_block("sh", &row.reproduce)
        );
    }
}

fn musts(record: &LoadRecord, page: &mut String) {
    let broken = broken_musts(record);
    for (requirement, looks) in &broken {
        let _ = writeln!(
            page,
            "- **{requirement}** broken by {} of {}: {}",
            words::number(looks.failed),
            words::count(looks.checked, "answer"),
            prose(requirement.get().text)
        );
    }
    if !broken.is_empty() {
        page.push('\n');
    }
}

fn facts(record: &LoadRecord, page: &mut String) {
    let scenario = &record.scenario;
    for note in &record.notes {
        let _ = writeln!(page, "Note: {}\n", prose(note));
    }
    let short: String = scenario.sha256.chars().take(12).collect();
    let _ = writeln!(
        page,
        "clawcheck {} against {}, {} model, {}, ended by: {}, started at {}, seed {}, scenario {}, {} cores ({}, {})",
        env!("CARGO_PKG_VERSION"),
        code(&record.target),
        scenario.model,
        words::span(record.duration),
        record.ended_by.as_str(),
        timestamp(record.started_at),
        scenario.seed,
        code(&short),
        record.host.cpus,
        code(&record.host.cpu_model),
        code(&record.host.os),
    );
}
