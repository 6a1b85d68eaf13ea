//! SIZE: 100KB, counted in bytes, and a refusal that arrives.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use axum::http::header;
use serde_json::Value;

use crate::contract::{ERROR_1, ErrorCode, SIZE_1, SIZE_2, SIZE_3, WIRE_1, WIRE_2, size};
use crate::mock::bending::{
    Seam, When, always, body, close, guard, reads, refuses, refuses_in_stream, rewords, swaps,
    text, whole_answers,
};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Guard, Refusal};
use crate::mock::request::{Asked, Received};
use crate::mock::socket::Outgoing;

/// Far enough for every body whose refusal has to be readable.
const FAR: usize = 1024 * 1024;

pub(super) fn entries(_: &Fixtures) -> Vec<Deviation> {
    [limits(), measures(), answers()]
        .into_iter()
        .flatten()
        .collect()
}

/// SIZE-1.
fn limits() -> Vec<Deviation> {
    let mut entries = Vec::new();
    for (id, bytes, says) in [
        ("64-kib", 65_536, "The limit is 64 KiB."),
        (
            "99999-bytes",
            99_999,
            "The limit is 99,999 bytes: a body of 100,000 is no longer under 100KB.",
        ),
        (
            "102401-bytes",
            102_401,
            "The limit is 102,401 bytes: one too many.",
        ),
        ("128-kib", 131_072, "The limit is 128 KiB."),
    ] {
        entries.push(violation(
            format!("size.limit-{id}"),
            [SIZE_1],
            says,
            [
                reads(bytes.max(size::BINARY_LIMIT)),
                measured(move |asked| asked.body.len() > bytes),
            ],
        ));
    }
    entries.extend([
        violation(
            "size.no-limit",
            [SIZE_1],
            "Bodies may have a mebibyte.",
            [reads(FAR), measured(|_| false)],
        ),
        violation(
            "size.no-limit-in-streams",
            [SIZE_1],
            "The limit does not hold where stream is true.",
            [
                reads(FAR),
                measured(|asked| over(asked) && !When::stream().holds(asked)),
            ],
        ),
        violation(
            "size.limit-only-in-streams",
            [SIZE_1],
            "The limit only holds where stream is true.",
            [
                reads(FAR),
                measured(|asked| over(asked) && When::stream().holds(asked)),
            ],
        ),
        violation(
            "size.cut-at-limit",
            [SIZE_1],
            "A body over the limit is cut there and read as far as it goes.",
            [
                reads(FAR),
                guard(|asked, guard, verdict| match guard {
                    Guard::Size if asked.received == Received::Whole => Ok(()),
                    Guard::Body if over(asked) => {
                        let left = &asked.body[..size::BINARY_LIMIT];
                        match serde_json::from_slice::<Value>(left) {
                            Ok(_) => verdict,
                            Err(_) => Err(Refusal::documented(
                                ErrorCode::InvalidRequest,
                                "the body is not valid JSON",
                            )),
                        }
                    }
                    _ => verdict, // the others don't see the body
                }),
            ],
        ),
        violation(
            "size.refused-as-invalid",
            [SIZE_1],
            "A body over the limit gets 400 invalid_request.",
            [swaps(Guard::Size, always, ErrorCode::InvalidRequest)],
        ),
        violation(
            "size.other-code",
            [SIZE_1, ERROR_1],
            "A body over the limit gets 413 with a code of the framework, payload_too_large.",
            [rewords(Guard::Size, always, |_, refusal| {
                refusal.code = "payload_too_large".into();
            })],
        ),
        violation(
            "size.refused-inside-streams",
            [SIZE_1],
            "A body over the limit is told of inside a stream where one is asked for: 200, an event with the error, [DONE].",
            with(
                [reads(FAR)],
                refuses_in_stream(413, When::stream()),
            ),
        ),
        violation(
            "size.over-64-kib-cut",
            [SIZE_1],
            "Of a body only the first 64 KiB arrive: what is longer is no JSON and gets 400.",
            [refuses(
                Guard::Body,
                When::body_over(65_536),
                ErrorCode::InvalidRequest,
            )],
        ),
    ]);
    entries
}

/// SIZE-2, and white space, which counts like everything else.
fn measures() -> Vec<Deviation> {
    vec![
        violation(
            "size.white-space-around-not-counted",
            [SIZE_1],
            "White space around the object does not count.",
            [
                reads(FAR),
                measured(|asked| asked.body.trim_ascii().len() > size::BINARY_LIMIT),
            ],
        ),
        violation(
            "size.white-space-behind-not-counted",
            [SIZE_1],
            "White space behind the object does not count.",
            [
                reads(FAR),
                measured(|asked| asked.body.trim_ascii_end().len() > size::BINARY_LIMIT),
            ],
        ),
        violation(
            "size.parsed-size-counts",
            [SIZE_1],
            "The limit counts the JSON after it was parsed and written again, without its white space.",
            [
                reads(FAR),
                measured(|asked| {
                    body(asked).map_or(over(asked), |body| {
                        body.to_string().len() > size::BINARY_LIMIT
                    })
                }),
            ],
        ),
        violation(
            "size.characters-count",
            [SIZE_2],
            "The limit counts characters in place of bytes.",
            [
                reads(FAR),
                measured(|asked| text(asked).chars().count() > size::BINARY_LIMIT),
            ],
        ),
        violation(
            "size.utf16-units-count",
            [SIZE_2],
            "The limit counts UTF-16 units, as a string's length in JavaScript, in place of bytes.",
            [
                reads(FAR),
                measured(|asked| text(asked).encode_utf16().count() > size::BINARY_LIMIT),
            ],
        ),
        violation(
            "size.escaped-bytes-count",
            [SIZE_2],
            "The limit counts characters beyond ASCII as the escapes that they could be written as: six bytes each.",
            [measured(|asked| {
                let length = |c: char| if c.is_ascii() { 1 } else { 6 * c.len_utf16() };
                over(asked) || text(asked).chars().map(length).sum::<usize>() > size::BINARY_LIMIT
            })],
        ),
        violation(
            "size.only-announced-counts",
            [SIZE_2],
            "Only Content-Length is looked at: a chunked body has no limit.",
            [
                reads(FAR),
                measured(|asked| over(asked) && !When::chunked().holds(asked)),
            ],
        ),
        violation(
            "size.only-chunked-counts",
            [SIZE_1],
            "Only what is chunked is counted: an announced body has no limit.",
            [
                reads(FAR),
                measured(|asked| over(asked) && When::chunked().holds(asked)),
            ],
        ),
        violation(
            "size.chunked-limit-64-kib",
            [SIZE_2],
            "A chunked body may have 64 KiB: a buffer of the proxy's.",
            [measured(|asked| {
                over(asked) || When::chunked().holds(asked) && asked.body.len() > 65_536
            })],
        ),
        violation(
            "size.chunk-framing-counts",
            [SIZE_2],
            "The framing of chunks counts: a body in small chunks is held for a tenth larger than it is.",
            [measured(|asked| {
                let more = if When::chunked().holds(asked) { 10 } else { 0 };
                asked.body.len() * (100 + more) / 100 > size::BINARY_LIMIT
            })],
        ),
        violation(
            "size.chunked-refused-as-invalid",
            [SIZE_2],
            "A chunked body over the limit gets 400 invalid_request: it is cut there.",
            [swaps(
                Guard::Size,
                When::chunked(),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "size.chunked-taken-for-empty",
            [SIZE_2],
            "A chunked body of more than 16 KiB is taken for empty: 400 invalid_request.",
            [refuses(
                Guard::Body,
                When::chunked().and(When::body_over(16_384)),
                ErrorCode::InvalidRequest,
            )],
        ),
    ]
}

/// SIZE-3.
fn answers() -> Vec<Deviation> {
    vec![
        violation(
            "size.reset",
            [SIZE_3, SIZE_1, SIZE_2],
            "A body over the limit makes the server reset the connection without an answer.",
            [whole_answers(too_large, |_, _| vec![Outgoing::Reset])],
        ),
        violation(
            "size.closed",
            [SIZE_3, SIZE_1, SIZE_2],
            "A body over the limit makes the server close the connection without an answer.",
            [whole_answers(too_large, |_, _| vec![Outgoing::Close])],
        ),
        violation(
            "size.reset-over-200-kb",
            [SIZE_3],
            "A body announced with more than 200,000 bytes makes the server reset the connection without an answer.",
            [whole_answers(
                |asked: &Asked| too_large(asked) && announced(asked) > 200_000,
                |_, _| vec![Outgoing::Reset],
            )],
        ),
        violation(
            "size.answer-cut",
            [SIZE_3, SIZE_1, SIZE_2, WIRE_1],
            "The 413 is cut in its body by the end of the connection.",
            [whole_answers(too_large, |_, bytes| {
                close(&bytes[..bytes.len() - 20])
            })],
        ),
        violation(
            "size.rest-read-as-request",
            [SIZE_3, WIRE_2],
            "Behind a 413 the connection goes on, and the rest of the body is read as the next request: 400.",
            out_of_step(always),
        ),
        violation(
            "size.rest-of-chunked-read-as-request",
            [SIZE_3, WIRE_2],
            "Behind the 413 to a chunked body the connection goes on, and the rest of the body is read as the next request: 400.",
            out_of_step(When::chunked()),
        ),
    ]
}

/// The limit by another measure: refuses what that calls too large, and nothing else for its size.
fn measured(too_large: impl Fn(&Asked) -> bool + Send + Sync + 'static) -> Seam {
    guard(move |asked, guard, verdict| {
        if guard != Guard::Size || asked.received != Received::Whole {
            return verdict;
        }
        if too_large(asked) {
            let message = "the request body is too large";
            return Err(Refusal::documented(ErrorCode::RequestTooLarge, message));
        }
        Ok(())
    })
}

/// Over the limit, as an honest server counts.
fn over(asked: &Asked) -> bool {
    asked.body.len() > size::BINARY_LIMIT
}

/// Over the limit, as it was announced or read.
fn too_large(asked: &Asked) -> bool {
    asked.received == Received::TooLarge
}

/// The announced length of a body; none counts as no byte.
fn announced(asked: &Asked) -> usize {
    asked
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

/// The first request on a connection behind a body that was too large gets the answer to that body's rest.
fn out_of_step(when: impl Into<When>) -> [Seam; 3] {
    let when = when.into();
    let spoiled = Mutex::new(HashSet::new());
    [
        // All of it is read, so that the connection really goes on.
        reads(FAR),
        rewords(
            Guard::Size,
            |asked: &Asked| asked.received == Received::Whole,
            |_, refusal| {
                refusal
                    .fields
                    .retain(|(name, _)| name != header::CONNECTION);
            },
        ),
        guard(move |asked, guard, verdict| {
            if guard != Guard::Size {
                return verdict;
            }
            let mut spoiled = spoiled.lock().unwrap_or_else(PoisonError::into_inner);
            if verdict.is_err() && when.holds(asked) {
                spoiled.insert(asked.connection);
            } else if spoiled.remove(&asked.connection) {
                let message = "the request line is malformed";
                return Err(Refusal::documented(ErrorCode::InvalidRequest, message));
            }
            verdict
        }),
    ]
}

/// All of these seams.
fn with([first]: [Seam; 1], [second, third]: [Seam; 2]) -> [Seam; 3] {
    [first, second, third]
}
