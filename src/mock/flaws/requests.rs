//! BODY and SIZE: open requests that break the server, and refusals that are hard to get.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::http::header;
use serde_json::Value;

use crate::contract::{BODY_11, ErrorCode, SIZE_3, SIZE_4};
use crate::mock::bending::{Seam, When, guard, reads, socket, turned_away};
use crate::mock::deviation::{Deviation, flaw};
use crate::mock::guards::{Guard, Refusal};
use crate::mock::request::{Asked, Received};
use crate::mock::server::Connection;
use crate::mock::socket::{Outgoing, Tap};

pub(super) fn entries() -> Vec<Deviation> {
    let mut entries = vec![
        flaw(
            "body.charset-refused",
            [BODY_11],
            "application/json; charset=utf-8 gets 415.",
            [turned_away(
                When::is(|asked| {
                    asked
                        .headers
                        .get(header::CONTENT_TYPE)
                        .and_then(|value| value.to_str().ok())
                        .is_some_and(|value| value.contains("charset"))
                }),
                415,
                "unsupported_media_type",
            )],
        ),
        flaw(
            "body.zero-breaks-the-connection",
            [BODY_11],
            "A content with NUL gets the connection broken off.",
            [dropping(|asked| {
                contents(asked, |text| text.contains('\0'))
            })],
        ),
        flaw(
            "size.ten-megabytes-reset",
            [SIZE_3],
            "A body of more than 5 MB gets a reset and no answer.",
            [resetting(5_000_000)],
        ),
        flaw(
            "size.a-megabyte-reset",
            [SIZE_3],
            "A body of more than 500 KB gets a reset and no answer.",
            [resetting(500_000)],
        ),
        flaw(
            "size.no-100",
            [SIZE_4],
            "Expect: 100-continue gets no answer before the body has come.",
            [socket(|_| Some(Box::new(Silent)))],
        ),
        flaw(
            "size.large-bodies-asked-for",
            [SIZE_4],
            "Expect: 100-continue gets a 100 where Content-Length is over the limit, too.",
            [reads(1_000_000)],
        ),
    ];
    for (id, says, when) in conditions() {
        entries.push(flaw(
            id,
            [BODY_11],
            format!("{says} gets 500."),
            [breaks(when)],
        ));
    }
    entries
}

type Row = (&'static str, &'static str, fn(&Asked) -> bool);

/// Requests that the documentation leaves open, and that are refused with 500 here.
fn conditions() -> [Row; 13] {
    [
        ("body.null-stream-breaks", "stream null", |asked| {
            member(asked, "stream", Value::is_null)
        }),
        (
            "body.numeric-model-breaks",
            "A number as the model",
            |asked| member(asked, "model", Value::is_number),
        ),
        ("body.unknown-model-breaks", "An unknown model", |asked| {
            member(asked, "model", |model| model == "no-such/model")
        }),
        ("body.null-user-breaks", "user null", |asked| {
            member(asked, "user", Value::is_null)
        }),
        ("body.long-user-breaks", "A user of 10 KB", |asked| {
            member(asked, "user", |user| {
                user.as_str().is_some_and(|user| user.len() > 9_000)
            })
        }),
        ("body.empty-content-breaks", "An empty content", |asked| {
            contents(asked, str::is_empty)
        }),
        (
            "body.long-content-breaks",
            "A content of more than 25 KB",
            |asked| contents(asked, |text| text.len() > 25_000),
        ),
        ("body.proto-breaks", "A member named __proto__", |asked| {
            member(asked, "__proto__", |_| true)
        }),
        (
            "body.lone-surrogates-break",
            "Half a surrogate pair",
            |asked| {
                std::str::from_utf8(&asked.body)
                    .is_ok_and(|text| text.contains("a\\ud83d") || text.contains("\\udc00b"))
            },
        ),
        (
            "body.invalid-utf8-breaks",
            "A body that is no UTF-8",
            |asked| {
                !asked.headers.contains_key(header::CONTENT_ENCODING)
                    && std::str::from_utf8(&asked.body).is_err()
            },
        ),
        (
            "body.deep-nesting-breaks",
            "A body of a thousand levels",
            |asked| asked.body.windows(5).filter(|w| w == b"{\"a\":").count() > 500,
        ),
        (
            "body.compressed-bodies-break",
            "A compressed body",
            |asked| asked.headers.contains_key(header::CONTENT_ENCODING),
        ),
        (
            "body.no-media-type-breaks",
            "A body without a Content-Type",
            |asked| asked.method == "POST" && !asked.headers.contains_key(header::CONTENT_TYPE),
        ),
    ]
}

/// Refuses with 500 after the key was looked at.
fn breaks(when: fn(&Asked) -> bool) -> Seam {
    guard(move |asked, guard, verdict| {
        if guard == Guard::Coding && when(asked) {
            return Err(Refusal::documented(
                ErrorCode::InternalError,
                "an unexpected error occurred",
            ));
        }
        verdict
    })
}

fn member(asked: &Asked, name: &str, holds: impl Fn(&Value) -> bool) -> bool {
    crate::mock::bending::body(asked)
        .as_ref()
        .and_then(|body| body.get(name))
        .is_some_and(holds)
}

/// Whether that holds of a content.
fn contents(asked: &Asked, holds: impl Fn(&str) -> bool) -> bool {
    crate::mock::bending::messages(asked).is_some_and(|messages| {
        messages
            .iter()
            .filter_map(|message| message.get("content")?.as_str())
            .any(holds)
    })
}

/// Closes the connection in place of an answer.
fn dropping(when: fn(&Asked) -> bool) -> Seam {
    instead(move |asked| when(asked).then_some(Outgoing::Close))
}

/// Resets the connection in place of the refusal of a body that is announced with more bytes than that.
fn resetting(bytes: u64) -> Seam {
    instead(move |asked| {
        let announced: Option<u64> = asked
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let large = asked.received == Received::TooLarge && announced.is_some_and(|n| n > bytes);
        large.then_some(Outgoing::Reset)
    })
}

fn instead(ends: impl Fn(&Asked) -> Option<Outgoing> + Send + Sync + 'static) -> Seam {
    let ends: Arc<Ends> = Arc::new(ends);
    socket(move |connection| {
        Some(Box::new(Instead {
            connection: Arc::clone(connection),
            ends: Arc::clone(&ends),
        }))
    })
}

type Ends = dyn Fn(&Asked) -> Option<Outgoing> + Send + Sync;

/// Ends the connection in place of some answers.
struct Instead {
    connection: Arc<Connection>,
    ends: Arc<Ends>,
}

impl Tap for Instead {
    fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        let end = self
            .connection
            .asked()
            .and_then(|asked| (self.ends)(&asked));
        out.push_back(end.unwrap_or_else(|| crate::mock::bending::send(bytes)));
    }
}

/// Says nothing before the final answer.
struct Silent;

impl Tap for Silent {
    fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        let told = b"HTTP/1.1 100 Continue\r\n\r\n";
        out.push_back(crate::mock::bending::send(
            bytes.strip_prefix(told.as_slice()).unwrap_or(bytes),
        ));
    }
}
