//! Arrivals as somebody else recorded them.

use super::keys::LONGEST_S;
use super::lines;
use super::prompts::kind_of;
use crate::profile::{Section, Wrong, nearest};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Arrivals of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The file, as the scenario names it: relative to its folder.
    pub name: String,
    /// In the order of time; at least one, and the last one comes after the beginning.
    pub arrivals: Arc<[TraceArrival]>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceArrival {
    /// When, from the beginning.
    pub at: Duration,
    /// Which request of the mix, by its place in [`Scenario::requests`](super::Scenario::requests); drawn by weight
    /// where `None`.
    pub request: Option<usize>,
}

impl Trace {
    /// From the beginning to the last arrival.
    pub fn duration(&self) -> Duration {
        self.arrivals.last().map_or(Duration::ZERO, |last| last.at)
    }
}

/// Reads the file that `load.trace` names. `requests` are the names of the mix.
pub(super) fn read(load: &Section<'_, '_>, folder: &Path, requests: &[String]) -> Option<Trace> {
    let name = load.text("trace")?.value;
    let parse = |line: &Value| arrival(line, requests);
    let mut arrivals = lines::read(load, "trace", &name, folder, parse)?;
    arrivals.sort_by_key(|arrival| arrival.at);
    let trace = Trace {
        name,
        arrivals: arrivals.into(),
    };
    if trace.duration().is_zero() {
        let expected = "a file with an arrival after the beginning";
        return load.not_allowed("trace", Some(trace.name), expected, None);
    }
    Some(trace)
}

/// A line: `{"at_s": 0.25, "request": "stream"}`, or `at_ms`, or a foreign trace's, whose other members are left alone:
/// `{"timestamp": 250, …}`, in milliseconds, as Mooncake's traces and AIPerf have it.
fn arrival(line: &Value, requests: &[String]) -> Result<TraceArrival, Wrong> {
    let Some(table) = line.as_object() else {
        return Err(Wrong::Type {
            key: "line".to_owned(),
            expected: "an object with `at_s`, in seconds, or `at_ms` or `timestamp`, in milliseconds",
            found: kind_of(line),
        });
    };
    if let Some(timestamp) = table.get("timestamp") {
        let at = time(timestamp, "timestamp", 1_000.0)?;
        return Ok(TraceArrival { at, request: None });
    }
    const KEYS: &[&str] = &["at_s", "at_ms", "request"];
    if let Some(name) = table.keys().find(|name| !KEYS.contains(&name.as_str())) {
        return Err(Wrong::UnknownKey {
            key: name.clone(),
            section: String::new(),
            nearest: nearest(name, KEYS.iter().copied()),
            known: KEYS.to_vec(),
        });
    }
    let at = match (table.get("at_s"), table.get("at_ms")) {
        (Some(at), None) => time(at, "at_s", 1.0)?,
        (None, Some(at)) => time(at, "at_ms", 1_000.0)?,
        (Some(_), Some(_)) => {
            return Err(Wrong::OutOfPlace {
                key: "at_ms".to_owned(),
                place: "beside `at_s`".to_owned(),
                hint: None,
            });
        }
        (None, None) => {
            return Err(Wrong::Lacks {
                what: "the line",
                needs: "an instant: `at_s`, `at_ms`, or a foreign trace's `timestamp`",
            });
        }
    };
    Ok(TraceArrival {
        at,
        request: request(table, requests)?,
    })
}

fn time(value: &Value, key: &str, parts_of_a_second: f64) -> Result<Duration, Wrong> {
    let Some(number) = value.as_f64() else {
        return Err(Wrong::Type {
            key: key.to_owned(),
            expected: "a number",
            found: kind_of(value),
        });
    };
    let most = LONGEST_S * parts_of_a_second;
    let span = Some(number / parts_of_a_second)
        .filter(|_| (0.0..=most).contains(&number))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    span.ok_or_else(|| Wrong::Value {
        key: key.to_owned(),
        found: Some(value.to_string()),
        expected: format!("a number from 0 to {most}"),
        hint: None,
    })
}

fn request(table: &Map<String, Value>, requests: &[String]) -> Result<Option<usize>, Wrong> {
    let Some(value) = table.get("request") else {
        return Ok(None);
    };
    let Some(name) = value.as_str() else {
        return Err(Wrong::Type {
            key: "request".to_owned(),
            expected: "a string",
            found: kind_of(value),
        });
    };
    match requests.iter().position(|request| request == name) {
        Some(index) => Ok(Some(index)),
        None => Err(Wrong::UnknownName {
            kind: "request",
            name: name.to_owned(),
            nearest: nearest(name, requests.iter().map(String::as_str)).map(str::to_owned),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_ours_or_a_foreign_traces() {
        let requests = ["stream".to_owned(), "json".to_owned()];
        let read =
            |line: &str| arrival(&serde_json::from_str(line).expect("it is JSON"), &requests);
        for (line, millis, request) in [
            ("{\"at_s\": 0.25}", 250, None),
            ("{\"at_ms\": 250.5, \"request\": \"stream\"}", 250, Some(0)),
            ("{\"at_s\": 1, \"request\": \"json\"}", 1_000, Some(1)),
            (
                "{\"timestamp\": 27482, \"input_length\": 6955}",
                27_482,
                None,
            ),
        ] {
            let read = read(line).expect(line);
            assert_eq!(
                (read.at.as_millis(), read.request),
                (millis, request),
                "{line}"
            );
        }
        for (line, said) in [
            (
                "1",
                "`line` has to be an object with `at_s`, in seconds, or `at_ms` or `timestamp`, in milliseconds, not a number",
            ),
            (
                "{}",
                "the line needs an instant: `at_s`, `at_ms`, or a foreign trace's `timestamp`",
            ),
            (
                "{\"at_s\": 1, \"at_ms\": 1000}",
                "`at_ms` says nothing beside `at_s`",
            ),
            ("{\"at\": 1}", "unknown key `at`"),
            (
                "{\"at_s\": \"1\"}",
                "`at_s` has to be a number, not a string",
            ),
            (
                "{\"at_s\": -1}",
                "`at_s` has to be a number from 0 to 2678400, not `-1`",
            ),
            (
                "{\"at_s\": 1e300}",
                "`at_s` has to be a number from 0 to 2678400, not `1e+300`",
            ),
            (
                "{\"at_s\": 1, \"request\": \"jsn\"}",
                "unknown request `jsn`",
            ),
        ] {
            let wrong = read(line).expect_err(line);
            assert_eq!(wrong.to_string(), said);
        }
    }
}
