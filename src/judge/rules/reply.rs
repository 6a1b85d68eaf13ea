//! REPLY: a JSON answer has the shape that the documentation's sample shows.

use crate::contract::{FINISH_REASONS, REPLY_1, REPLY_4, REPLY_5, REPLY_6, RequirementId};
use crate::judge::json::{Json, Node};
use crate::judge::schema;
use crate::judge::{Answer, Check, Place};
use std::collections::BTreeMap;

/// What REPLY-1 to REPLY-6 find in a 200 to a request without `stream: true`; nothing if all is well.
pub fn findings(answer: &Answer<'_>) -> Vec<Check> {
    let mut found = media_type(answer);
    match answer.json() {
        Err(error) => found.push(
            Check::violation(
                REPLY_1,
                "body",
                "one JSON object in UTF-8",
                format!("no JSON: {error}"),
            )
            .at(
                Place::Body,
                error.offset
                    ..(error.offset + 1)
                        .min(answer.exchange().body.bytes.len())
                        .max(error.offset),
            ),
        ),
        Ok(json) => found.extend(body_findings(json)),
    }
    found
}

/// What REPLY-1 to REPLY-6 find in a body that is JSON.
pub fn body_findings(json: &Json) -> Vec<Check> {
    let mut found = schema::REPLY.findings(&json.root, 0);
    found.extend(finish_reason(json));
    found.extend(sum(json));
    found.extend(oddities(json, REPLY_6));
    found
}

fn media_type(answer: &Answer<'_>) -> Vec<Check> {
    if answer.says_json() {
        return Vec::new();
    }
    let actual = answer
        .exchange()
        .headers()
        .text("content-type")
        .unwrap_or_else(|| "no Content-Type".to_owned());
    vec![Check::violation(
        REPLY_1,
        "Content-Type",
        "application/json, or another JSON media type",
        actual,
    )]
}

fn finish_reason(json: &Json) -> Vec<Check> {
    let Some(reason) = json.root.pointer("/choices/0/finish_reason") else {
        return Vec::new();
    };
    match reason.as_str() {
        Some(text) if !FINISH_REASONS.contains(&text) => vec![
            Check::advice(
                REPLY_4,
                "choices[0].finish_reason",
                format!("one that OpenAI names: {}", FINISH_REASONS.join(", ")),
                reason.describe(),
            )
            .at(Place::Body, reason.span.clone()),
        ],
        _ => Vec::new(),
    }
}

fn sum(json: &Json) -> Vec<Check> {
    let tokens = |name: &str| {
        json.root
            .pointer(&format!("/usage/{name}"))
            .and_then(Node::as_f64)
    };
    match (
        tokens("prompt_tokens"),
        tokens("completion_tokens"),
        tokens("total_tokens"),
    ) {
        (Some(prompt), Some(completion), Some(total))
            if (prompt + completion - total).abs() > 0.5 =>
        {
            vec![Check::advice(
                REPLY_5,
                "usage.total_tokens",
                format!("{}, the sum of the two others", prompt + completion),
                total.to_string(),
            )]
        }
        _ => Vec::new(),
    }
}

/// What is legal, yet trips JSON readers that people use.
pub(super) fn oddities(json: &Json, requirement: RequirementId) -> Vec<Check> {
    let mut found = Vec::new();
    if let Some(name) = json.notes.duplicates.first() {
        found.push(Check::advice(
            requirement,
            "duplicate members",
            "each member once: readers differ in which one they take",
            format!("{name:?} twice in an object"),
        ));
    }
    if json.notes.lone_surrogates {
        found.push(Check::advice(
            requirement,
            "lone surrogates",
            "whole surrogate pairs in escapes: many readers refuse a lone one",
            "an escape of half a pair",
        ));
    }
    if json.notes.depth > 100 {
        found.push(Check::advice(
            requirement,
            "nesting",
            "at most 100 levels: readers have limits",
            format!("{} levels", json.notes.depth),
        ));
    }
    if json.notes.huge_numbers {
        found.push(Check::advice(
            requirement,
            "numbers",
            "numbers that a double can hold",
            "a number that overflows one",
        ));
    }
    found
}

/// Which legal answers were seen, of what REPLY-6 leaves open.
pub fn observed(json: &Json) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let extra: Vec<&str> = json
        .root
        .as_object()
        .unwrap_or_default()
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !["id", "object", "choices", "usage"].contains(name))
        .take(12)
        .collect();
    let extra = if extra.is_empty() {
        "none".to_owned()
    } else {
        extra.join(", ")
    };
    seen.insert("reply.more_fields".to_owned(), extra);
    if let Some(choices) = json.root.get("choices").and_then(Node::as_array) {
        seen.insert("reply.choices".to_owned(), choices.len().to_string());
    }
    if let Some(reason) = json
        .root
        .pointer("/choices/0/finish_reason")
        .and_then(Node::as_str)
    {
        seen.insert(
            "reply.finish_reason".to_owned(),
            reason.chars().take(40).collect(),
        );
    }
    seen
}
