//! ERROR: an error's code, where a program can't find it. All errors alike, those of one row of the table, those of
//! one kind of request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::contract::{
    AUTH_1, AUTH_7, AUTH_8, BODY_1, ERROR_1, ErrorCode, FAULT_1, FAULT_2, FAULT_3, LIMIT_1,
    LIMIT_5, ROUTE_2, RequirementId, SIZE_1,
};
use crate::mock::bending::{Seam, When, always, error_bytes, error_json, head, media_type};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::request::Asked;

pub(super) fn entries(_fixtures: &Fixtures) -> Vec<Deviation> {
    [elsewhere(), misspelt(), unreadable(), rows(), sometimes()]
        .into_iter()
        .flatten()
        .collect()
}

/// The code stands where no program looks for it.
fn elsewhere() -> Vec<Deviation> {
    vec![
        violation(
            "error.no-code",
            [ERROR_1],
            "No error has a code: a message for people is all there is.",
            [error_json(always, |_, error| *error = message_of(error))],
        ),
        violation(
            "error.code-in-prose",
            [ERROR_1],
            "The code of an error stands at the beginning of its message, and nowhere else.",
            [error_json(always, |_, error| {
                let (code, message) = (code_of(error), message_of(error));
                let message = message["error"]["message"].as_str().unwrap_or_default();
                *error = json!({ "error": { "message": format!("{code}: {message}") } });
            })],
        ),
        violation(
            "error.code-as-name",
            [ERROR_1],
            "The code of an error is the name of a member, its message the value.",
            [error_json(always, |_, error| {
                let message = message_of(error)["error"]["message"].clone();
                *error = json!({ "errors": { code_of(error): message } });
            })],
        ),
        violation(
            "error.code-in-header",
            [ERROR_1],
            "The code of an error stands in the field X-Error-Code, not in the body.",
            {
                let codes: Arc<Mutex<HashMap<u64, String>>> = Arc::default();
                let named = Arc::clone(&codes);
                [
                    error_json(always, move |asked, error| {
                        let mut named = named.lock().unwrap_or_else(PoisonError::into_inner);
                        named.insert(asked.serial, code_of(error));
                        *error = message_of(error);
                    }),
                    head(always, move |asked, head| {
                        let mut codes = codes.lock().unwrap_or_else(PoisonError::into_inner);
                        let code = codes.remove(&asked.serial);
                        if let Some(code) = code.and_then(|code| HeaderValue::try_from(code).ok()) {
                            head.push(HeaderName::from_static("x-error-code"), code);
                        }
                    }),
                ]
            },
        ),
        violation(
            "error.code-in-a-string-of-json",
            [ERROR_1],
            "The error is an object written into a string: a program has to read JSON twice.",
            [error_json(always, |_, error| {
                *error = json!({ "error": error["error"].to_string() });
            })],
        ),
    ]
}

/// The code is there, but is no documented one.
fn misspelt() -> Vec<Deviation> {
    let respelt = |id: &'static str, says: &'static str, spell: fn(&str) -> Value| {
        violation(
            id,
            [ERROR_1],
            says,
            [error_json(always, move |_, error| {
                error["error"]["code"] = spell(&code_of(error));
            })],
        )
    };
    vec![
        respelt(
            "error.code-in-capitals",
            "Codes are written in capitals.",
            |code| code.to_ascii_uppercase().into(),
        ),
        respelt(
            "error.code-with-dashes",
            "Codes are written with dashes instead of underscores.",
            |code| code.replace('_', "-").into(),
        ),
        respelt(
            "error.code-with-prefix",
            "Codes have the name of the service before them, and a dot.",
            |code| format!("clawbite.{code}").into(),
        ),
        respelt(
            "error.code-with-space",
            "Codes have a space behind them.",
            |code| format!("{code} ").into(),
        ),
        respelt(
            "error.code-cut-at-twelve",
            "Codes are cut after twelve characters: the column that they are stored in is no wider.",
            |code| code.chars().take(12).collect::<String>().into(),
        ),
        respelt(
            "error.code-of-cell",
            "The code of an error is the whole cell of the documented table: all codes of the row, with slashes between them.",
            |code| {
                match ErrorCode::parse(code) {
                    Some(ErrorCode::MissingApiKey) | None => code.into(), // a row of its own
                    Some(code) => {
                        let row = ErrorCode::of_status(code.status()).into_iter();
                        let cell: Vec<&str> = row
                            .filter(|code| *code != ErrorCode::MissingApiKey)
                            .map(ErrorCode::as_str)
                            .collect();
                        cell.join(" / ").into()
                    }
                }
            },
        ),
        respelt(
            "error.code-is-a-number",
            "The code of an error is its status, as a number.",
            |code| ErrorCode::parse(code).map_or(0, ErrorCode::status).into(),
        ),
        respelt(
            "error.one-code-for-all",
            "Every error has the code internal_error, whatever its status.",
            |_| "internal_error".into(),
        ),
    ]
}

/// The body is no JSON.
fn unreadable() -> Vec<Deviation> {
    vec![
        violation(
            "error.empty-body",
            [ERROR_1, LIMIT_5],
            "No error has a body.",
            [error_bytes(always, |_, _| Vec::new())],
        ),
        page(
            "error.html",
            [ERROR_1, LIMIT_5],
            "Every error is an HTML page that shows the code.",
            0,
            "text/html",
            |code| format!("<!doctype html><title>Error</title><h1>{code}</h1>"),
        ),
        page(
            "error.plain-text",
            [ERROR_1, LIMIT_5],
            "The body of every error is the bare code, as plain text.",
            0,
            "text/plain",
            str::to_owned,
        ),
        page(
            "error.xml",
            [ERROR_1, LIMIT_5],
            "Every error is XML.",
            0,
            "application/xml",
            |code| format!("<?xml version=\"1.0\"?><error><code>{code}</code></error>"),
        ),
        violation(
            "error.single-quotes",
            [ERROR_1, LIMIT_5],
            "The body of every error is written with single quotes.",
            [error_bytes(always, |_, text| {
                text.replace('"', "'").into_bytes()
            })],
        ),
        violation(
            "error.brace-too-few",
            [ERROR_1, LIMIT_5],
            "The last brace of every error's body is missing.",
            [error_bytes(always, |_, text| {
                text.as_bytes()[..text.len() - 1].to_vec()
            })],
        ),
        violation(
            "error.json-behind-a-guard",
            [ERROR_1, LIMIT_5],
            "The body of every error begins with )]}', as a guard against inclusion as a script.",
            [error_bytes(always, |_, text| {
                format!(")]}}',\n{text}").into_bytes()
            })],
        ),
        violation(
            "error.two-bodies",
            [ERROR_1, LIMIT_5],
            "The body of every error is there twice, one behind the other.",
            [error_bytes(always, |_, text| {
                format!("{text}{text}").into_bytes()
            })],
        ),
        violation(
            "error.utf-16",
            [ERROR_1, LIMIT_5],
            "The body of every error is in UTF-16.",
            [error_bytes(always, |_, text| {
                text.encode_utf16().flat_map(u16::to_le_bytes).collect()
            })],
        ),
    ]
}

/// The errors of one row, made by another layer than the rest.
fn rows() -> Vec<Deviation> {
    vec![
        violation(
            "error.missing-key-challenged-only",
            [ERROR_1, AUTH_1],
            "A request without an Authorization header gets 401 without a body.",
            [error_bytes(
                When::field("authorization").not(),
                |_, text| {
                    match coded(&text) {
                        Some(ErrorCode::MissingApiKey) => Vec::new(),
                        _ => text.into_bytes(), // the other errors are as they should be
                    }
                },
            )],
        ),
        violation(
            "error.no-access-in-prose",
            [ERROR_1, AUTH_7],
            "403 has a sentence in place of its code.",
            [of_row(403, |_, error| {
                *error = json!({ "error": "API access is turned off for this agent (api_not_enabled)." });
            })],
        ),
        violation(
            "error.not-found-as-framework-has-it",
            [ERROR_1, ROUTE_2],
            "404 is what the web framework makes of it: {\"detail\": \"Not Found\"}.",
            [of_row(404, |_, error| {
                *error = json!({ "detail": "Not Found" })
            })],
        ),
        violation(
            "error.validation-as-framework-has-it",
            [ERROR_1, BODY_1],
            "400 is what the validation library makes of it: a list of places and what is wrong there.",
            [of_row(400, |_, error| {
                let message = message_of(error)["error"]["message"].clone();
                *error = json!({
                    "detail": [{ "loc": ["body"], "msg": message, "type": "value_error" }],
                });
            })],
        ),
        page(
            "error.too-large-as-proxy-has-it",
            [ERROR_1, SIZE_1],
            "413 is the proxy's HTML page.",
            413,
            "text/html",
            |_| "<html><body><h1>413 Request Entity Too Large</h1></body></html>".to_owned(),
        ),
        page(
            "error.limits-in-plain-text",
            [ERROR_1, LIMIT_1, LIMIT_5],
            "429 is a line of plain text.",
            429,
            "text/plain",
            |_| "Too many requests, please try again later.".to_owned(),
        ),
        violation(
            "error.unavailable-without-body",
            [ERROR_1, FAULT_1],
            "503 has no body.",
            [error_bytes(always, |_, text| {
                match coded(&text).map(ErrorCode::status) {
                    Some(503) => Vec::new(),
                    _ => text.into_bytes(), // the other rows are as they should be
                }
            })],
        ),
        page(
            "error.timeout-as-gateway-has-it",
            [ERROR_1, FAULT_2],
            "504 is the gateway's HTML page.",
            504,
            "text/html",
            |_| "<html><body><h1>504 Gateway Time-out</h1></body></html>".to_owned(),
        ),
        violation(
            "error.internal-without-code",
            [ERROR_1, FAULT_3],
            "500 has the status' own words in place of its code.",
            [of_row(500, |_, error| {
                *error = json!({ "error": "Internal Server Error", "statusCode": 500 });
            })],
        ),
    ]
}

/// The errors of one kind of request.
fn sometimes() -> Vec<Deviation> {
    let codeless = |when: When| error_json(when, |_, error| *error = message_of(error));
    vec![
        violation(
            "error.no-code-for-streams",
            [ERROR_1, AUTH_8],
            "Where a stream is asked for, no error has a code.",
            [codeless(When::stream())],
        ),
        violation(
            "error.no-code-for-chunked-bodies",
            [ERROR_1],
            "Where a request's body comes in chunks, no error has a code.",
            [codeless(When::chunked())],
        ),
        violation(
            "error.no-code-for-pages",
            [ERROR_1],
            "Where a request comes from a web page, no error has a code.",
            [codeless(When::field("origin"))],
        ),
        violation(
            "error.no-code-on-second-request",
            [ERROR_1],
            "From the second request of a connection on, no error has a code.",
            [codeless(When::from_request(2))],
        ),
        violation(
            "error.no-code-for-long-bodies",
            [ERROR_1],
            "No error has a code where the request's body has more than a thousand bytes.",
            [codeless(When::body_over(1_000))],
        ),
    ]
}

/// A violation that makes a page of errors: of those with that status, or of all where it is 0.
fn page<const R: usize>(
    id: &'static str,
    breaks: [RequirementId; R],
    says: &'static str,
    status: u16,
    media: &'static str,
    write: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Deviation {
    violation(
        id,
        breaks,
        says,
        [
            error_bytes(always, move |_, text| match coded(&text) {
                Some(code) if status == 0 || code.status() == status => {
                    write(code.as_str()).into_bytes()
                }
                _ => text.into_bytes(), // the other rows are as they should be
            }),
            head(always, move |_, head| {
                let of_status = if status == 0 {
                    head.status.as_u16() >= 400
                } else {
                    head.status == status
                };
                if of_status {
                    media_type(head, media);
                }
            }),
        ],
    )
}

/// Changes the JSON of the errors with that status.
fn of_row(status: u16, change: impl Fn(&Asked, &mut Value) + Send + Sync + 'static) -> Seam {
    error_json(always, move |asked, error| {
        if ErrorCode::parse(&code_of(error)).is_some_and(|code| code.status() == status) {
            change(asked, error);
        }
    })
}

/// The documented code in an error's body.
fn coded(text: &str) -> Option<ErrorCode> {
    ErrorCode::parse(&code_of(&serde_json::from_str(text).ok()?))
}

/// The code of an error.
fn code_of(error: &Value) -> String {
    error["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The error without its code.
fn message_of(error: &Value) -> Value {
    json!({ "error": { "message": error["error"]["message"] } })
}
