//! LIMIT: what a 429 says of the wait (LIMIT-2).

use crate::contract::LIMIT_2;
use crate::judge::json::{Node, Value};
use crate::judge::{Answer, Check, Place};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use std::time::Duration;

/// What a `retry_after` or `Retry-After` can be read as.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wait {
    /// Seconds, written as a number.
    Seconds(f64),
    /// Seconds in a string, or the time until a date: readable, advised against.
    Loose(f64),
    /// Nothing that a reader can turn into a wait.
    Unreadable,
}

/// What LIMIT-2 finds in an answer: `retry_after` readable as a wait, `Retry-After` valid and in agreement.
pub fn findings(answer: &Answer<'_>) -> Vec<Check> {
    let mut found = Vec::new();
    let mut in_body = None;
    for node in body_values(answer) {
        let (wait, expected) = (read(node), "a number of seconds, 0 or more");
        let check = match wait {
            Wait::Seconds(seconds) => {
                in_body = Some(seconds);
                continue;
            }
            Wait::Loose(seconds) => {
                in_body = Some(seconds);
                Check::advice(LIMIT_2, "retry_after", expected, node.describe())
            }
            Wait::Unreadable => Check::violation(LIMIT_2, "retry_after", expected, node.describe()),
        };
        found.push(check.at(Place::Body, node.span.clone()));
    }
    if let Some(text) = answer.exchange().headers().text("retry-after") {
        match header(&text) {
            None => found.push(Check::advice(
                LIMIT_2,
                "Retry-After",
                "whole seconds or an HTTP-date (RFC 9110 §10.2.3)",
                text,
            )),
            // The field can only carry whole seconds, and a date's clock may differ from ours by a little.
            Some(seconds) => {
                if let Some(body) = in_body
                    && (seconds - body).abs() > 1.5
                {
                    found.push(Check::advice(
                        LIMIT_2,
                        "agreement",
                        "retry_after and Retry-After that agree",
                        format!("{body} and {seconds} s"),
                    ));
                }
            }
        }
    }
    found
}

/// How long the answer asks to wait: the longest of its readable values.
pub fn wait(answer: &Answer<'_>) -> Option<Duration> {
    let mut longest: Option<f64> = None;
    let mut take = |seconds: f64| longest = Some(longest.unwrap_or(0.0).max(seconds));
    for node in body_values(answer) {
        if let Wait::Seconds(seconds) | Wait::Loose(seconds) = read(node) {
            take(seconds);
        }
    }
    if let Some(text) = answer.exchange().headers().text("retry-after") {
        // `1.5` is no valid field value, yet what it asks for is plain.
        if let Some(seconds) =
            header(&text).or_else(|| text.parse().ok().filter(|s: &f64| *s >= 0.0))
        {
            take(seconds);
        }
    }
    longest.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// `retry_after` in or beside the error object; `null` counts as absent.
fn body_values<'a>(answer: &'a Answer<'_>) -> Vec<&'a Node> {
    let Ok(json) = answer.json() else {
        return Vec::new();
    };
    ["/retry_after", "/error/retry_after"]
        .iter()
        .filter_map(|pointer| json.root.pointer(pointer))
        .filter(|node| node.value != Value::Null)
        .collect()
}

fn read(node: &Node) -> Wait {
    match &node.value {
        Value::Number(_) => match node.as_f64() {
            Some(seconds) if seconds >= 0.0 => Wait::Seconds(seconds),
            _ => Wait::Unreadable,
        },
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(seconds) if seconds >= 0.0 && seconds.is_finite() => Wait::Loose(seconds),
            Ok(_) => Wait::Unreadable,
            Err(_) => until(text.trim()).map_or(Wait::Unreadable, Wait::Loose),
        },
        _ => Wait::Unreadable,
    }
}

fn header(text: &str) -> Option<f64> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    http_date(text).map(seconds_until)
}

fn until(text: &str) -> Option<f64> {
    http_date(text)
        .or_else(|| text.parse::<Timestamp>().ok())
        .map(seconds_until)
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

fn seconds_until(at: Timestamp) -> f64 {
    at.duration_since(Timestamp::now()).as_secs_f64().max(0.0)
}
