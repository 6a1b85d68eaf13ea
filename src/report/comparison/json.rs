//! The comparison for programs: `schemas/report-compare.schema.json` describes it.

use super::exit::exit_code;
use crate::record::comparison::{
    Change, ChangedResult, Changes, Comparison, Differences, FigureRow, Side, What,
};
use crate::report::text::{block, line, timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, Write};

#[derive(Serialize)]
struct Report {
    tool: &'static str,
    version: &'static str,
    command: &'static str,
    schema: &'static str,
    base: Value,
    new: Value,
    verdict: &'static str,
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conform: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<Value>,
}

pub(super) fn write(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    let (conform, load) = match &comparison.what {
        What::Conform(changes) => (Some(conform(changes)), None),
        What::Load(differences) => (None, Some(load(differences))),
    };
    let report = Report {
        tool: "clawcheck",
        version: env!("CARGO_PKG_VERSION"),
        command: "compare",
        schema: "compare/1",
        base: side(&comparison.base),
        new: side(&comparison.new),
        verdict: match exit_code(comparison) {
            1 => "worse",
            3 => "void",
            _ => "not_worse",
        },
        notes: comparison.notes.iter().map(|note| line(note)).collect(),
        conform,
        load,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    out.write_all(b"\n")
}

fn side(side: &Side) -> Value {
    json!({
        "file": line(&side.file),
        "target": line(&side.target),
        "version": line(&side.version),
        "started_at": timestamp(side.started_at),
    })
}

fn conform(changes: &Changes) -> Value {
    let counts: serde_json::Map<String, Value> = Change::ALL
        .iter()
        .map(|change| {
            let count = changes.of(*change).count();
            (change.as_str().to_owned(), Value::from(count))
        })
        .chain([
            ("same".to_owned(), Value::from(changes.same)),
            ("answers".to_owned(), Value::from(changes.answers.len())),
        ])
        .collect();
    json!({
        "summary": counts,
        "results": changes.results.iter().map(result).collect::<Vec<_>>(),
        "answers": changes
            .answers
            .iter()
            .map(|answer| {
                json!({
                    "key": line(&answer.key),
                    "base": answer.base.as_deref().map(line),
                    "new": answer.new.as_deref().map(line),
                })
            })
            .collect::<Vec<_>>(),
    })
}

fn result(result: &ChangedResult) -> Value {
    json!({
        "id": line(&result.id),
        "requirement": result.requirement.map(|id| id.as_str()),
        "change": result.change.as_str(),
        "base": result.base.map(|outcome| outcome.as_str()),
        "new": result.new.map(|outcome| outcome.as_str()),
        "sentence": line(&result.sentence),
        "message": line(&result.message),
        "reproduce": block(&result.reproduce),
    })
}

fn load(differences: &Differences) -> Value {
    json!({
        "figures": differences.rows.iter().map(figure).collect::<Vec<_>>(),
        "newly_broken": differences
            .broken
            .iter()
            .map(|broken| {
                json!({
                    "requirement": broken.requirement.as_str(),
                    "failed": broken.failed,
                    "checked": broken.checked,
                })
            })
            .collect::<Vec<_>>(),
        "errors": differences
            .errors
            .iter()
            .map(|error| {
                json!({ "class": error.class, "base": error.base, "new": error.new })
            })
            .collect::<Vec<_>>(),
    })
}

fn figure(row: &FigureRow) -> Value {
    json!({
        "figure": row.figure,
        "rule": row.rule,
        "base": row.values.0,
        "new": row.values.1,
        "difference": row.effect,
        "difference_ratio": row.ratio(),
        "interval": row.interval.map(|(low, high)| [low, high]),
        "tolerance": row.tolerance,
        "verdict": row.verdict.as_str(),
        "why": row.why.as_deref().map(line),
    })
}
