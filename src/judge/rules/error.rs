//! ERROR: a documented error names its code where a program can find it.

use crate::contract::{ERROR_1, ERROR_2, ErrorCode, FAULT_3};
use crate::judge::schema;
use crate::judge::{Answer, Check, Place};

/// What ERROR-1 and ERROR-2 find in an answer with a documented error status, on the documented path and method.
///
/// Only for answers that a documented row explains: what the HTTP layer refuses by itself has no code.
pub fn findings(answer: &Answer<'_>, status: u16) -> Vec<Check> {
    let row: Vec<&str> = ErrorCode::of_status(status)
        .into_iter()
        .map(ErrorCode::as_str)
        .collect();
    let mut found = Vec::new();
    let codes = answer.codes();
    let of_row = codes.iter().find(|named| named.code.status() == status);
    match of_row {
        None => found.push(Check::violation(
            ERROR_1,
            "code",
            format!("a JSON body with the string {}", row.join(" or ")),
            what_instead(answer, status),
        )),
        Some(named) if !named.usual => found.push(Check::advice(
            ERROR_1,
            "place of the code",
            "error.code, error.type, error or code",
            "elsewhere in the body",
        )),
        Some(_) => {}
    }
    found.extend(manners(answer));
    found
}

fn what_instead(answer: &Answer<'_>, status: u16) -> String {
    let body = &answer.exchange().body.bytes;
    match answer.json() {
        Err(_) if body.is_empty() => format!("{status} without a body"),
        Err(error) => format!(
            "{status} with a body that is no JSON ({error}){}",
            answer.from_gateway()
        ),
        Ok(_) => {
            if let Some(named) = answer.codes().first() {
                return format!("{status} with {}, the code of another row", named.code);
            }
            if let Some(code) = answer.undocumented_code() {
                return format!("{status} with the code {code:?}, which is not documented");
            }
            let text = String::from_utf8_lossy(body);
            match ErrorCode::of_status(status)
                .into_iter()
                .find(|code| text.contains(code.as_str()))
            {
                Some(code) => format!("{code} only inside a longer text"),
                None => format!("{status} without any code"),
            }
        }
    }
}

/// ERROR-2: Content-Type, a message for people.
fn manners(answer: &Answer<'_>) -> Vec<Check> {
    let mut found = Vec::new();
    if !answer.says_json() {
        found.push(Check::advice(
            ERROR_2,
            "Content-Type",
            "application/json or application/problem+json",
            answer
                .exchange()
                .headers()
                .text("content-type")
                .unwrap_or_else(|| "none".to_owned()),
        ));
    }
    if let Ok(json) = answer.json()
        && !schema::ERROR.findings(&json.root, 0).is_empty()
    {
        found.push(Check::advice(
            ERROR_2,
            "message",
            "a message for people",
            "none in error.message, message, detail or error",
        ));
    }
    found
}

/// ERROR-2: the key stands nowhere in an answer. `keys` are the keys' texts.
pub fn key_echoed<'k>(answer: &Answer<'_>, keys: impl Iterator<Item = &'k str>) -> Option<Check> {
    let body = &answer.exchange().body.bytes;
    for key in keys {
        if key.len() < 12 {
            continue;
        }
        if let Some(at) = body
            .windows(key.len())
            .position(|window| window == key.as_bytes())
        {
            return Some(
                Check::advice(
                    ERROR_2,
                    "key",
                    "an answer without the key",
                    "the key stands in the body",
                )
                .at(Place::Body, at..at + key.len()),
            );
        }
    }
    None
}

/// FAULT-3: a 500 shows no stack trace and no path.
pub fn internals_shown(answer: &Answer<'_>) -> Option<Check> {
    let text = String::from_utf8_lossy(&answer.exchange().body.bytes).into_owned();
    const TRACES: [&str; 16] = [
        "Traceback (most recent call last)",
        "stack backtrace",
        "\\n    at ",
        "\n    at ",
        "\\n   at ",
        " at Object.",
        "goroutine ",
        "panicked at",
        "Exception in thread",
        "node_modules/",
        "site-packages/",
        ".js:",
        ".py:",
        ".py\", line",
        ".rs:",
        ".go:",
    ];
    const PATHS: [&str; 11] = [
        "/home/", "/usr/", "/var/", "/app/", "/srv/", "/opt/", "/etc/", "/root/", "/tmp/", "C:\\",
        "/Users/",
    ];
    let shown = TRACES
        .iter()
        .chain(PATHS.iter())
        .find_map(|needle| text.find(needle).map(|at| (at, *needle)))
        .or_else(|| {
            text.find("\"stack\"")
                .or_else(|| text.find("\"trace\""))
                .or_else(|| text.find("\"stacktrace\""))
                .or_else(|| text.find("\"traceback\""))
                .map(|at| (at, "a stack trace"))
        });
    shown.map(|(at, needle)| {
        let check = Check::advice(
            FAULT_3,
            "internals",
            "no stack trace, path or key in the answer",
            format!("{:?}", needle.trim()),
        );
        if text.len() == answer.exchange().body.bytes.len() {
            check.at(Place::Body, at..at + needle.len().min(text.len() - at))
        } else {
            check
        }
    })
}
