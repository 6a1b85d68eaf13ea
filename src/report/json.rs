//! The report for programs: `schemas/report-conform.schema.json` describes it.

use super::exit::known_failure;
use super::text::{block, line};
use crate::judge::{Check, Verdict};
use crate::record::{Ended, Evidence, Record, Summary, TestResult};
use crate::report::text::timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

#[derive(Serialize)]
struct Report<'r> {
    tool: &'static str,
    version: &'static str,
    command: &'static str,
    schema: String,
    target: String,
    started_at: String,
    duration_s: f64,
    ended: End,
    summary: Counts,
    results: Vec<Row<'r>>,
    fingerprint: BTreeMap<String, String>,
    notes: Vec<String>,
    untested: Vec<Untested>,
    expected_failures: Vec<Known>,
    unexpected_passes: Vec<Known>,
}

#[derive(Serialize)]
struct End {
    how: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Serialize)]
struct Counts {
    passed: usize,
    failed: usize,
    advised: usize,
    skipped: usize,
    inconclusive: usize,
    requests: usize,
    completions: usize,
    must_untested: usize,
    must_tested: usize,
    must_kept: usize,
    retried: usize,
}

#[derive(Serialize)]
struct Row<'r> {
    id: &'r str,
    requirement: &'static str,
    level: &'static str,
    outcome: &'static str,
    basis: &'static str,
    sentence: &'static str,
    why: String,
    message: String,
    duration_ms: f64,
    checks: Vec<CheckRow>,
    observed: BTreeMap<String, String>,
    reproduce: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    caught_by: Option<&'r [String]>,
    evidence: Option<EvidenceRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_failure: Option<String>,
}

#[derive(Serialize)]
struct CheckRow {
    name: String,
    outcome: &'static str,
    expected: String,
    actual: String,
    requirement: &'static str,
}

#[derive(Serialize)]
struct EvidenceRow {
    request: String,
    response: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
}

#[derive(Serialize)]
struct Untested {
    requirement: &'static str,
    why: String,
}

#[derive(Serialize)]
struct Known {
    id: String,
    reason: String,
}

pub(super) fn write(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let report = report(record);
    serde_json::to_writer_pretty(&mut *out, &report)?;
    out.write_all(b"\n")
}

fn report(record: &Record) -> Report<'_> {
    Report {
        tool: "clawcheck",
        version: env!("CARGO_PKG_VERSION"),
        command: record.command,
        schema: format!("{}/1", record.command),
        target: line(&record.target),
        started_at: timestamp(record.started_at),
        duration_s: rounded(record.duration, 1.0, 3),
        ended: end(&record.ended),
        summary: counts(&record.summary),
        results: record
            .results
            .iter()
            .map(|result| row(record, result))
            .collect(),
        fingerprint: safe(&record.fingerprint),
        notes: record.notes.iter().map(|note| line(note)).collect(),
        untested: record
            .untested
            .iter()
            .map(|(requirement, why)| Untested {
                requirement: requirement.as_str(),
                why: line(why),
            })
            .collect(),
        expected_failures: known(&record.expected_failures),
        unexpected_passes: known(&record.unexpected_passes),
    }
}

fn row<'r>(record: &Record, result: &'r TestResult) -> Row<'r> {
    let requirement = result.requirement.get();
    let cited = result.cites.get();
    Row {
        id: &result.id,
        requirement: requirement.id.as_str(),
        level: requirement.level.as_str(),
        outcome: result.outcome.as_str(),
        basis: requirement.basis.as_str(),
        sentence: cited.sentences.first().unwrap_or(&requirement.text),
        why: line(&result.why),
        message: line(&result.message),
        duration_ms: rounded(result.duration, 1000.0, 1),
        checks: result.checks.iter().map(check).collect(),
        observed: safe(&result.observed),
        reproduce: block(&result.reproduce),
        caught_by: result.caught_by.as_deref(),
        evidence: result.evidence.as_ref().map(evidence),
        expected_failure: known_failure(record, &result.id).map(line),
    }
}

fn check(check: &Check) -> CheckRow {
    CheckRow {
        name: line(&check.name),
        outcome: match check.verdict {
            Verdict::Pass => "pass",
            Verdict::Advice => "advice",
            Verdict::Violation => "fail",
        },
        expected: line(&check.expected),
        actual: line(&check.actual),
        requirement: check.requirement.as_str(),
    }
}

fn evidence(evidence: &Evidence) -> EvidenceRow {
    EvidenceRow {
        request: evidence.request().to_owned(),
        response: evidence.response().to_owned(),
        mark: evidence
            .mark()
            .and_then(|range| evidence.response().get(range))
            .map(str::to_owned),
    }
}

fn end(ended: &Ended) -> End {
    let (how, why) = match ended {
        Ended::Completed => ("completed", None),
        Ended::FailFast => ("fail-fast", None),
        Ended::Interrupted => ("interrupted", None),
        Ended::Untestable(why) => ("untestable", Some(line(why))),
        Ended::Pointless(why) => ("pointless", Some(line(why))),
    };
    End { how, why }
}

fn counts(summary: &Summary) -> Counts {
    Counts {
        passed: summary.passed,
        failed: summary.failed,
        advised: summary.advised,
        skipped: summary.skipped,
        inconclusive: summary.inconclusive,
        requests: summary.requests,
        completions: summary.completions,
        must_untested: summary.must_untested,
        must_tested: summary.must_tested,
        must_kept: summary.must_kept,
        retried: summary.retried,
    }
}

fn known(pairs: &[(String, String)]) -> Vec<Known> {
    pairs
        .iter()
        .map(|(id, reason)| Known {
            id: id.clone(),
            reason: line(reason),
        })
        .collect()
}

fn safe(map: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    map.iter()
        .map(|(key, value)| (line(key), line(value)))
        .collect()
}

fn rounded(span: Duration, unit: f64, decimals: i32) -> f64 {
    let factor = 10f64.powi(decimals);
    (span.as_secs_f64() * unit * factor).round() / factor
}
