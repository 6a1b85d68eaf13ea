//! The report for code scanning and for editors: SARIF 2.1.0 (OASIS).
//!
//! The rules are the requirements, and what is broken is the documentation's promise: a result points at the sentence,
//! in the API reference that the report carries with it.

use super::exit::{Demands, Verdict, known_failure};
use super::standing::place;
use super::text::{block, line, quotation};
use crate::contract::{DOCUMENT, Level, REQUIREMENTS, Requirement};
use crate::record::{Ended, Outcome, Record, TestResult};
use crate::report::text::timestamp;
use serde_json::{Value, json};
use std::io::{self, Write};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

/// What the documentation is called in the report.
const REFERENCE: &str = "api-reference.txt";

pub(super) fn write(record: &Record, demands: Demands, out: &mut dyn Write) -> io::Result<()> {
    let results: Vec<Value> = record
        .results
        .iter()
        .filter_map(|finding| result(record, demands, finding))
        .collect();
    let report = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "clawcheck",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": REQUIREMENTS.iter().map(rule).collect::<Vec<Value>>(),
            }},
            "automationDetails": {
                "id": format!("clawcheck/{}/", record.command),
                "description": { "text": format!("{} of {}", record.command, line(&record.target)) },
            },
            "invocations": [invocation(record, demands)],
            "artifacts": [{
                "location": { "uri": REFERENCE },
                "mimeType": "text/plain",
                "encoding": "utf-8",
                "length": DOCUMENT.len(),
                "description": { "text": "The API reference of the Clawbite chat API" },
                "contents": { "text": DOCUMENT },
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": {
                "target": line(&record.target),
                "mustKept": record.summary.must_kept,
                "mustTested": record.summary.must_tested,
                "mustUntested": record.summary.must_untested,
            },
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &report)?;
    out.write_all(b"\n")
}

fn rule(row: &Requirement) -> Value {
    let level = row.level.as_str().to_uppercase();
    let mut help = format!("{} ({level}): {}", row.id, row.text);
    let mut markdown = format!("**{}** ({level}): {}\n", row.id, row.text);
    for sentence in row.sentences {
        let sentence = quotation(sentence);
        help.push_str(&format!("\nThe documentation: \"{sentence}\""));
        markdown.push_str(&format!("\n> {}\n", super::markdown::prose(&sentence)));
    }
    if !row.standard.is_empty() {
        help.push_str(&format!("\nThe standard: {}", row.standard));
        markdown.push_str(&format!("\nThe standard: {}\n", row.standard));
    }
    json!({
        "id": row.id.as_str(),
        "shortDescription": { "text": row.text },
        "fullDescription": { "text": row.text },
        "help": { "text": help, "markdown": markdown },
        "defaultConfiguration": { "level": match row.level {
            Level::Must => "error",
            Level::Should => "note",
            Level::Open => "none",
        }},
        "properties": { "level": row.level.as_str(), "basis": row.basis.as_str() },
    })
}

/// A failure or advice; the rest is no finding.
fn result(record: &Record, demands: Demands, result: &TestResult) -> Option<Value> {
    let level = match result.outcome {
        Outcome::Fail => "error",
        Outcome::Advice if demands.strict => "error",
        Outcome::Advice => "note",
        Outcome::Pass | Outcome::Skip | Outcome::Inconclusive => return None,
    };
    let rule = result.requirement;
    let index = REQUIREMENTS.iter().position(|row| row.id == rule);
    let mut value = json!({
        "ruleId": rule.as_str(),
        "ruleIndex": index,
        "kind": "fail",
        "level": level,
        "message": { "text": message(result) },
        "locations": [location(result)],
        // The same finding of the next run, whatever the target said this time.
        "partialFingerprints": { "caseAndRequirement/v1": format!("{} {rule}", result.id) },
        "properties": properties(result),
    });
    if let Some(reason) = known_failure(record, &result.id) {
        value["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": line(reason),
        }]);
    }
    Some(value)
}

fn message(result: &TestResult) -> String {
    let mut text = format!("{}: ", result.id);
    let findings: Vec<String> = result
        .checks
        .iter()
        .filter(|check| check.is_finding())
        .map(|check| {
            format!(
                "{}: expected {}, got {}",
                line(&check.name),
                line(&check.expected),
                line(&check.actual)
            )
        })
        .collect();
    if findings.is_empty() {
        text.push_str(&line(&result.message));
    } else {
        text.push_str(&findings.join("; "));
    }
    text
}

/// The sentence that is broken; where a standard is, or common sense, the reference as a whole.
fn location(result: &TestResult) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": REFERENCE, "index": 0 } });
    let sentence = result.cites.get().sentences.first();
    if let Some(range) = sentence.and_then(|sentence| place(sentence)) {
        let (start_line, start_column) = position(range.start);
        let (end_line, end_column) = position(range.end);
        physical["region"] = json!({
            "startLine": start_line,
            "startColumn": start_column,
            "endLine": end_line,
            "endColumn": end_column,
            "snippet": { "text": &DOCUMENT[range] },
        });
    }
    json!({
        "physicalLocation": physical,
        "logicalLocations": [{ "name": result.id, "fullyQualifiedName": result.id, "kind": "member" }],
    })
}

/// Line and column of a place in the reference, from 1 on.
fn position(at: usize) -> (usize, usize) {
    let before = &DOCUMENT[..at];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().count() + 1)
}

fn properties(result: &TestResult) -> Value {
    let mut value = json!({ "why": line(&result.why) });
    if !result.reproduce.is_empty() {
        value["reproduce"] = block(&result.reproduce).into();
    }
    if let Some(evidence) = &result.evidence {
        value["request"] = evidence.request().into();
        value["response"] = evidence.response().into();
    }
    value
}

fn invocation(record: &Record, demands: Demands) -> Value {
    let verdict = Verdict::of(record, demands);
    let mut told: Vec<Value> = Vec::new();
    let mut tell = |level: &str, text: String| {
        told.push(json!({ "level": level, "message": { "text": text } }));
    };
    if let Ended::Untestable(why) | Ended::Pointless(why) = &record.ended {
        tell("error", line(why));
    }
    if record.ended == Ended::Interrupted {
        tell("error", verdict.says().to_owned());
    }
    for (id, why) in &record.untested {
        tell("warning", format!("{id} was not tested: {}", line(why)));
    }
    for note in &record.notes {
        tell("note", line(note));
    }
    json!({
        // Whether the tool did its work, not whether the target does.
        "executionSuccessful": matches!(record.ended, Ended::Completed | Ended::FailFast | Ended::Pointless(_)),
        "startTimeUtc": timestamp(record.started_at),
        "endTimeUtc": timestamp(record.started_at + record.duration),
        "exitCode": verdict.code(),
        "exitCodeDescription": verdict.says(),
        "toolExecutionNotifications": told,
    })
}
