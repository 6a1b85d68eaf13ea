//! WIRE and EXAMPLE: framing, connections that are kept, requests in pieces, and what breaks just the documented
//! calls.

use std::time::Duration;

use axum::http::{HeaderValue, header};

use crate::contract::{
    AUTH_1, AUTH_3, AUTH_7, AUTH_8, AUTH_10, BODY_7, BODY_8, CORS_3, ERROR_1, EXAMPLE_1, EXAMPLE_2,
    ErrorCode, FAULT_1, FAULT_4, REPLY_1, ROUTE_2, SIZE_3, STREAM_1, STREAM_4, STREAM_8, WIRE_1,
    WIRE_2, WIRE_4,
};
use crate::mock::answer::Payload;
use crate::mock::bending::{
    HTML, Heads, Last, PerConnection, Piece, Seam, When, always, answers_of, close, decision,
    denies, error_bytes, error_of, field_added, guard, head, head_bytes_and_body, json, length_as,
    media_type, messages, ok_head, reads, rewords, send, stream_pieces, whole_answers,
};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::request::{Asked, Mode};
use crate::mock::socket::Outgoing;

pub(super) fn entries(_fixtures: &Fixtures) -> Vec<Deviation> {
    let mut all = lengths();
    all.extend(chunks());
    all.extend(heads());
    all.extend(surplus());
    all.extend(kept());
    all.extend(memories());
    all.extend(pieces());
    all.extend(bodies_in_pieces());
    all.extend(curl());
    all.extend(fetch());
    all
}

/// Where the first answer of a connection is as it should be: most clients never see more of such a server.
fn later() -> When {
    When::from_request(2)
}

fn half(answer: &[u8]) -> &[u8] {
    let (head, body) = head_bytes_and_body(answer);
    &answer[..head.len() + body.len() / 2]
}

/// The answer with its body in one chunk, `Content-Length` and the last chunk there or not.
fn chunked(answer: &[u8], with_length: bool, with_last: bool) -> Vec<u8> {
    let bytes = if with_length {
        answer.to_vec()
    } else {
        without_length(answer)
    };
    let bytes = field_added(&bytes, "transfer-encoding: chunked");
    let (head, body) = head_bytes_and_body(&bytes);
    let mut all = head.to_vec();
    all.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
    all.extend_from_slice(body);
    all.extend_from_slice(if with_last { b"\r\n0\r\n\r\n" } else { b"\r\n" });
    all
}

fn without_length(answer: &[u8]) -> Vec<u8> {
    let (head, body) = head_bytes_and_body(answer);
    let kept = head
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| !line.to_ascii_lowercase().starts_with(b"content-length:"));
    kept.chain([body]).flatten().copied().collect()
}

/// The answer with another first line.
fn first_line(answer: &[u8], line: &str) -> Vec<u8> {
    let end = answer.iter().position(|byte| *byte == b'\r').unwrap_or(0);
    [line.as_bytes(), &answer[end..]].concat()
}

/// WIRE-1: `Content-Length`.
fn lengths() -> Vec<Deviation> {
    vec![
        violation(
            "wire.length-too-large",
            [WIRE_1],
            "From the second request of a connection on, the Content-Length of a JSON reply is ten too large; then the connection is closed.",
            [answers_of(200, later(), |_, bytes| {
                close(length_as(&bytes, |length| (length + 10).to_string()))
            })],
        ),
        violation(
            "wire.length-one-too-large",
            [WIRE_1],
            "The Content-Length of a 403 is one too large, and the connection stays open, so that a client waits for one more byte.",
            [answers_of(403, always, |_, bytes| {
                vec![send(length_as(&bytes, |length| (length + 1).to_string()))]
            })],
        )
        .slow(),
        violation(
            "wire.length-too-small",
            [WIRE_1, REPLY_1],
            "From the second request of a connection on, the Content-Length of a JSON reply is five too small.",
            [answers_of(200, later(), |_, bytes| {
                vec![send(length_as(&bytes, |length| (length - 5).to_string()))]
            })],
        ),
        violation(
            "wire.length-counts-characters",
            [WIRE_1, ERROR_1],
            "The Content-Length of a 404 counts characters, and its message has some of several bytes.",
            [
                error_of(ErrorCode::BotNotFound, later(), |body| {
                    body["error"]["message"] = "there’s no such bot – or it isn’t yours".into();
                }),
                answers_of(404, later(), |_, bytes| {
                    let (_, body) = head_bytes_and_body(&bytes);
                    let count = String::from_utf8_lossy(body).chars().count();
                    vec![send(length_as(&bytes, |_| count.to_string()))]
                }),
            ],
        ),
        violation(
            "wire.length-leaves-out-a-line-feed",
            [WIRE_1],
            "Every JSON reply is followed by a line feed that its Content-Length does not count.",
            [answers_of(200, always, |_, mut bytes| {
                bytes.push(b'\n');
                vec![send(bytes)]
            })],
        ),
        violation(
            "wire.length-twice",
            [WIRE_1],
            "The answer to a DELETE has two Content-Length fields that differ.",
            [whole_answers(When::method("DELETE"), |_, bytes| {
                vec![send(field_added(&bytes, "content-length: 3"))]
            })],
        ),
        violation(
            "wire.length-negative",
            [WIRE_1],
            "The Content-Length of the answer to a PUT is -1.",
            [whole_answers(When::method("PUT"), |_, bytes| {
                vec![send(length_as(&bytes, |_| "-1".to_owned()))]
            })],
        ),
        violation(
            "wire.length-in-hexadecimal",
            [WIRE_1, FAULT_1, FAULT_4],
            "The Content-Length of a 503 is written in hexadecimal, with 0x before it.",
            [answers_of(503, always, |_, bytes| {
                vec![send(length_as(&bytes, |length| format!("{length:#x}")))]
            })],
        ),
        violation(
            "wire.length-beside-chunks",
            [WIRE_1],
            "A stream has Content-Length: 0 beside Transfer-Encoding: chunked.",
            [stream_pieces(always, |_, piece, bytes| match piece {
                Piece::Head => vec![send(field_added(&bytes, "content-length: 0"))],
                Piece::Chunk(_) | Piece::Last => vec![send(bytes)],
            })],
        ),
        violation(
            "wire.length-beside-chunks-in-errors",
            [WIRE_1],
            "A 400 is sent in chunks and has the right Content-Length all the same.",
            [answers_of(400, always, |_, bytes| {
                vec![send(chunked(&bytes, true, true))]
            })],
        ),
        violation(
            "wire.reply-cut",
            [WIRE_1],
            "From the second request of a connection on, a JSON reply ends in its middle with the connection.",
            [answers_of(200, later(), |_, bytes| close(half(&bytes)))],
        ),
        violation(
            "wire.reply-reset-for-large-bodies",
            [WIRE_1],
            "The reply to a body of more than 64 KiB is broken off in its middle by a reset.",
            [answers_of(
                200,
                When::body_over(64 * 1024),
                |_, bytes| vec![send(half(&bytes)), Outgoing::Reset],
            )],
        ),
        violation(
            "wire.error-without-its-body",
            [WIRE_1],
            "From the second request of a connection on, a 404 ends behind its head, though it announces a body.",
            [answers_of(404, later(), |_, bytes| {
                close(head_bytes_and_body(&bytes).0)
            })],
        ),
    ]
}

/// The data of a chunk as the honest server frames it.
fn data(chunk: &[u8]) -> &[u8] {
    let start = chunk
        .windows(2)
        .position(|two| two == b"\r\n")
        .map_or(0, |at| at + 2);
    &chunk[start..chunk.len().saturating_sub(2).max(start)]
}

/// Frames every chunk of a stream in another way: its index and its data.
fn framed(
    when: impl Into<When>,
    frame: impl Fn(usize, &[u8]) -> Vec<u8> + Send + Sync + 'static,
) -> Seam {
    stream_pieces(when, move |_, piece, bytes| match piece {
        Piece::Chunk(index) => vec![send(frame(index, data(&bytes)))],
        Piece::Head | Piece::Last => vec![send(bytes)],
    })
}

/// A chunk with that as its size.
fn chunk(size: &str, data: &[u8]) -> Vec<u8> {
    [size.as_bytes(), b"\r\n", data, b"\r\n"].concat()
}

/// WIRE-1: chunks.
fn chunks() -> Vec<Deviation> {
    let last = |when: When, instead: &'static [u8]| {
        stream_pieces(when, move |_, piece, bytes| match piece {
            Piece::Last => close(instead),
            Piece::Head | Piece::Chunk(_) => vec![send(bytes)],
        })
    };
    vec![
        violation(
            "wire.stream-without-last-chunk",
            [WIRE_1, EXAMPLE_2],
            "A stream ends with the connection, without its last chunk.",
            [last(When::is(always), b"")],
        ),
        violation(
            "wire.stream-with-half-a-last-chunk",
            [WIRE_1, EXAMPLE_2],
            "The last chunk of a stream lacks the line end behind the zero's own; then the connection is closed.",
            [last(When::is(always), b"0\r\n")],
        ),
        violation(
            "wire.stream-without-last-chunk-beside-another",
            [WIRE_1, EXAMPLE_2],
            "A stream that begins while another one runs ends without its last chunk.",
            [last(When::beside_a_stream(), b"")],
        ),
        violation(
            "wire.reply-without-last-chunk",
            [WIRE_1],
            "From the second request of a connection on, a JSON reply is sent in chunks of which the last one is missing; then the connection is closed.",
            [answers_of(200, later(), |_, bytes| {
                close(chunked(&bytes, false, false))
            })],
        ),
        violation(
            "wire.error-without-last-chunk",
            [WIRE_1],
            "A 500 is sent in chunks of which the last one is missing; then the connection is closed.",
            [answers_of(500, always, |_, bytes| {
                close(chunked(&bytes, false, false))
            })],
        ),
        violation(
            "wire.chunk-sizes-decimal",
            [WIRE_1, STREAM_8, STREAM_4],
            "From the second request of a connection on, the sizes of a stream's chunks are decimal numbers.",
            [framed(later(), |_, data| {
                chunk(&data.len().to_string(), data)
            })],
        ),
        violation(
            "wire.chunk-sizes-with-0x",
            [WIRE_1, STREAM_8, STREAM_4],
            "From the second request of a connection on, the sizes of a stream's chunks have 0x before them.",
            [framed(later(), |_, data| {
                chunk(&format!("{:#x}", data.len()), data)
            })],
        ),
        violation(
            "wire.chunk-sizes-count-the-line-end",
            [WIRE_1, STREAM_8, STREAM_4],
            "From the second request of a connection on, the size of a stream's chunk counts the line end behind its data.",
            [framed(later(), |_, data| {
                chunk(&format!("{:x}", data.len() + 2), data)
            })],
        ),
        violation(
            "wire.chunk-size-wrong-once",
            [WIRE_1, STREAM_8, STREAM_4],
            "From the second request of a connection on, the size of a stream's fourth chunk is one too small.",
            [framed(later(), |index, data| {
                let less = usize::from(index == 3);
                chunk(&format!("{:x}", data.len() - less), data)
            })],
        ),
        violation(
            "wire.chunk-size-not-a-number",
            [WIRE_1, STREAM_8, STREAM_4],
            "From the second request of a connection on, the size of a stream's third chunk is no number.",
            [framed(later(), |index, data| {
                if index == 2 {
                    chunk("zz", data)
                } else {
                    chunk(&format!("{:x}", data.len()), data)
                }
            })],
        ),
        violation(
            "wire.chunks-without-line-ends",
            [WIRE_1, STREAM_8, STREAM_4],
            "From the second request of a connection on, no line end follows the data of a stream's chunk.",
            [framed(later(), |_, data| {
                [format!("{:x}\r\n", data.len()).as_bytes(), data].concat()
            })],
        ),
        violation(
            "wire.chunks-not-there",
            [WIRE_1, STREAM_8, STREAM_4],
            "From the second request of a connection on, a stream says Transfer-Encoding: chunked and sends its events as they are.",
            [framed(later(), |_, data| data.to_vec())],
        ),
        violation(
            "wire.reply-says-chunked",
            [WIRE_1],
            "From the second request of a connection on, a JSON reply says Transfer-Encoding: chunked and is not.",
            [answers_of(200, later(), |_, bytes| {
                close(field_added(
                    &without_length(&bytes),
                    "transfer-encoding: chunked",
                ))
            })],
        ),
    ]
}

/// WIRE-1: heads.
fn heads() -> Vec<Deviation> {
    vec![
        violation(
            "wire.status-line-without-status",
            [WIRE_1],
            "The status line of the answer to a GET has no status.",
            [whole_answers(When::method("GET"), |_, bytes| {
                vec![send(first_line(&bytes, "HTTP/1.1 Method Not Allowed"))]
            })],
        ),
        violation(
            "wire.status-line-without-version",
            [WIRE_1],
            "The status line of the answer to a PATCH begins with the status.",
            [whole_answers(When::method("PATCH"), |_, bytes| {
                vec![send(first_line(&bytes, "405 Method Not Allowed"))]
            })],
        ),
        violation(
            "wire.status-line-run-together",
            [WIRE_1],
            "No space stands between status and reason in the status line of the answer to a DELETE.",
            [whole_answers(When::method("DELETE"), |_, bytes| {
                vec![send(first_line(&bytes, "HTTP/1.1 405Method Not Allowed"))]
            })],
        ),
        violation(
            "wire.field-without-colon",
            [WIRE_1, FAULT_1, FAULT_4],
            "The head of a 503 has a line without a colon among its fields.",
            [answers_of(503, always, |_, bytes| {
                vec![send(field_added(&bytes, "served by the gateway"))]
            })],
        ),
        violation(
            "wire.field-with-a-nul",
            [WIRE_1, AUTH_7, AUTH_8],
            "The head of a 403 has a NUL in the value of a field.",
            [answers_of(403, always, |_, bytes| {
                vec![send(field_added(&bytes, "x-trace: a\0b"))]
            })],
        ),
        violation(
            "wire.field-name-with-a-space",
            [WIRE_1],
            "The head of the answer to a PUT has a space in the name of a field.",
            [whole_answers(When::method("PUT"), |_, bytes| {
                vec![send(field_added(&bytes, "x trace: ab"))]
            })],
        ),
        violation(
            "wire.head-without-end",
            [WIRE_1],
            "The answer to a GET ends with its fields: the empty line is missing, and the connection is closed.",
            [whole_answers(When::method("GET"), |_, bytes| {
                let (head, _) = head_bytes_and_body(&bytes);
                close(head.strip_suffix(b"\r\n").unwrap_or(head))
            })],
        ),
    ]
}

/// WIRE-1: bytes that belong to no answer.
fn surplus() -> Vec<Deviation> {
    let behind = |mut bytes: Vec<u8>, more: &[u8]| {
        bytes.extend_from_slice(more);
        vec![send(bytes)]
    };
    vec![
        violation(
            "wire.body-behind-a-204",
            [WIRE_1],
            "The 204 of a preflight is followed by a body.",
            [whole_answers(When::method("OPTIONS"), move |_, bytes| {
                behind(bytes, b"{\"ok\":true}")
            })],
        ),
        violation(
            "wire.body-behind-head",
            [WIRE_1],
            "A HEAD is answered with a body.",
            [whole_answers(When::method("HEAD"), move |_, bytes| {
                behind(bytes, b"{\"error\":{\"code\":\"method_not_allowed\"}}")
            })],
        ),
        violation(
            "wire.errors-twice",
            [WIRE_1],
            "Every 404 is sent twice.",
            [answers_of(404, always, move |_, bytes| {
                let again = bytes.clone();
                behind(bytes, &again)
            })],
        ),
        violation(
            "wire.continue-behind-the-answer",
            [WIRE_1],
            "A 100 follows the answer that it should have come before, with every 401.",
            [answers_of(401, always, move |_, bytes| {
                behind(bytes, b"HTTP/1.1 100 Continue\r\n\r\n")
            })],
        ),
        violation(
            "wire.second-last-chunk",
            [WIRE_1],
            "The last chunk of a stream is sent twice.",
            [stream_pieces(always, move |_, piece, bytes| match piece {
                Piece::Last => behind(bytes, b"0\r\n\r\n"),
                Piece::Head | Piece::Chunk(_) => vec![send(bytes)],
            })],
        ),
        violation(
            "wire.event-behind-the-stream",
            [WIRE_1],
            "One more event follows a stream's last chunk, outside of every chunk.",
            [stream_pieces(always, move |_, piece, bytes| match piece {
                Piece::Last => behind(bytes, b": bye\n\n"),
                Piece::Head | Piece::Chunk(_) => vec![send(bytes)],
            })],
        ),
    ]
}

fn bad_request() -> Refusal {
    Refusal::documented(ErrorCode::InvalidRequest, "the request could not be read")
}

const BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// WIRE-2: answers that don't belong to their requests.
fn kept() -> Vec<Deviation> {
    let before = PerConnection::<Vec<u8>>::default();
    let refused = PerConnection::<Refusal>::default();
    vec![
        violation(
            "wire.one-behind",
            [WIRE_2],
            "From the second request of a connection on, each answer that is no stream is the one to the request before.",
            [whole_answers(always, move |asked, bytes| {
                match before.put(asked, bytes.clone()) {
                    Some(earlier) => vec![send(earlier)],
                    None => vec![send(bytes)],
                }
            })],
        ),
        violation(
            "wire.error-again",
            [WIRE_2],
            "After an error, the next good request of the connection gets the same error.",
            [decision(move |asked, decision| match decision {
                Decision::Refuse(refusal) => {
                    refused.put(asked, refusal.clone());
                    Decision::Refuse(refusal)
                }
                Decision::Answer { mode, place } => match refused.take(asked) {
                    Some(refusal) => Decision::Refuse(refusal),
                    None => Decision::Answer { mode, place },
                },
                Decision::Preflight => Decision::Preflight,
            })],
        ),
        violation(
            "wire.late-time-out",
            [WIRE_2, WIRE_1],
            "A 408 follows a 401 some milliseconds later, though nobody asked, and meets the next request of the connection.",
            [answers_of(401, always, |_, bytes| {
                let late = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n";
                vec![
                    send(bytes),
                    Outgoing::Pause(Duration::from_millis(60)),
                    send(late),
                ]
            })],
        ),
        violation(
            "wire.body-read-as-a-request",
            [WIRE_2],
            "A 404 is sent before the body is read, and the body is then taken for the next request: 400, and the connection is closed.",
            [answers_of(404, always, |_, bytes| {
                vec![
                    send(bytes),
                    Outgoing::Pause(Duration::from_millis(60)),
                    send(BAD_REQUEST),
                    Outgoing::Close,
                ]
            })],
        ),
        violation(
            "wire.second-request-unanswered",
            [WIRE_2],
            "From the second request of a connection on, a good request gets no answer, and the connection stays open.",
            [denies(later(), || Refusal {
                after: Duration::from_secs(3_600),
                ..bad_request()
            })],
        )
        .slow(),
        violation(
            "wire.second-request-refused",
            [WIRE_2],
            "From the second request of a connection on, a good request gets 400.",
            [denies(later(), bad_request)],
        ),
        violation(
            "wire.fifth-request-refused",
            [WIRE_2],
            "From the fifth request of a connection on, a good request gets 400.",
            [denies(When::from_request(5), bad_request)],
        ),
        violation(
            "wire.out-of-step-after-a-413",
            [WIRE_2, SIZE_3, ROUTE_2],
            "After a 413 the connection is kept, and whatever is asked on it then gets 400.",
            {
                let last = Last::default();
                let noting = last.seam();
                let after = last.ever(413);
                [
                    noting,
                    reads(300_000),
                    rewords(Guard::Size, always, |_, refusal| {
                        refusal
                            .fields
                            .retain(|(name, _)| *name != header::CONNECTION);
                    }),
                    decision(move |asked, decision| {
                        if after.holds(asked) {
                            return Decision::Refuse(bad_request());
                        }
                        decision
                    }),
                ]
            },
        ),
    ]
}

/// WIRE-2: connections that remember what they should forget.
fn memories() -> Vec<Deviation> {
    let remembers =
        |last: &Last, when: When, refusal: fn() -> Refusal| [last.seam(), denies(when, refusal)];
    vec![
        violation(
            "wire.key-of-the-connection",
            [WIRE_2, AUTH_1, AUTH_3],
            "Once a connection has brought a valid key, whatever else is asked on it is let in.",
            [{
                let known = PerConnection::<()>::default();
                guard(move |asked, guard, verdict| match guard {
                    Guard::KeyForm | Guard::Key if known.get(asked).is_some() => Ok(()),
                    Guard::Key if verdict.is_ok() => {
                        known.put(asked, ());
                        Ok(())
                    }
                    _ => verdict, // the key is these two guards' business
                })
            }],
        ),
        violation(
            "wire.bot-of-the-connection",
            [WIRE_2, ROUTE_2],
            "Once a connection has reached an agent, an unknown bot on it is answered for by that agent.",
            [{
                let known = PerConnection::<()>::default();
                guard(move |asked, guard, verdict| {
                    if guard != Guard::Bot {
                        return verdict;
                    }
                    if verdict.is_ok() {
                        known.put(asked, ());
                    }
                    if known.get(asked).is_some() {
                        return Ok(());
                    }
                    verdict
                })
            }],
        ),
        violation(
            "wire.unknown-after-a-404",
            [WIRE_2],
            "After a 404 the next good request of the connection gets 404, too.",
            {
                let last = Last::default();
                remembers(&last, last.was(404), || {
                    Refusal::documented(ErrorCode::BotNotFound, "there is no such bot")
                })
            },
        ),
        violation(
            "wire.locked-after-a-401",
            [WIRE_2],
            "After a 401 every good request of the connection gets 401.",
            {
                let last = Last::default();
                remembers(&last, last.ever(401), || {
                    Refusal::documented(ErrorCode::InvalidApiKey, "the API key is invalid")
                })
            },
        ),
        violation(
            "wire.refused-after-a-400",
            [WIRE_2],
            "After a 400 every good request of the connection gets 400.",
            {
                let last = Last::default();
                remembers(&last, last.ever(400), bad_request)
            },
        ),
        violation(
            "wire.refused-after-a-stream",
            [WIRE_2],
            "After a stream the next request of the connection gets 400.",
            {
                let last = Last::default();
                remembers(&last, last.was_a_stream(), bad_request)
            },
        ),
        violation(
            "wire.keyless-after-a-preflight",
            [WIRE_2],
            "After a preflight the next request of the connection gets 401 missing_api_key.",
            {
                let last = Last::default();
                remembers(&last, last.was_a_preflight(), || {
                    Refusal::documented(
                        ErrorCode::MissingApiKey,
                        "the Authorization header is missing",
                    )
                })
            },
        ),
        violation(
            "wire.streams-after-a-stream",
            [BODY_8, REPLY_1, WIRE_2],
            "After a stream the next request of the connection gets a stream, too, whatever its stream says.",
            {
                let last = Last::default();
                let streamed = last.was_a_stream();
                [
                    last.seam(),
                    decision(move |asked, decision| match decision {
                        Decision::Answer { place, .. } if streamed.holds(asked) => {
                            Decision::Answer {
                                mode: Mode::Stream,
                                place,
                            }
                        }
                        decision => decision,
                    }),
                ]
            },
        ),
    ]
}

/// A request as it was cut, with the end of its head.
struct Cut<'a> {
    bytes: &'a [u8],
    head: usize,
    at: usize,
}

impl Cut<'_> {
    fn in_head(&self) -> bool {
        self.at < self.head
    }

    /// Where the line of the cut begins.
    fn line(&self) -> &[u8] {
        let start = self.bytes[..self.at]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        &self.bytes[start..]
    }
}

/// The request was cut at a place of which that holds. Bodies that no network sends in one piece are left alone.
fn cut(heads: &Heads, holds: impl Fn(&Cut<'_>) -> bool + Send + Sync + 'static) -> When {
    let heads = heads.clone();
    When::is(move |asked| {
        let arrived = heads.of(asked);
        let bytes = &arrived.bytes;
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return false;
        };
        let head = end + 4;
        asked.body.len() < 4096
            && arrived.cuts.iter().any(|at| {
                *at < bytes.len()
                    && holds(&Cut {
                        bytes,
                        head,
                        at: *at,
                    })
            })
    })
}

/// An entry that refuses good requests which are cut at such a place.
fn refuses_cut(
    id: &'static str,
    says: &'static str,
    refusal: fn() -> Refusal,
    holds: impl Fn(&Cut<'_>) -> bool + Send + Sync + 'static,
) -> Deviation {
    let heads = Heads::default();
    let when = cut(&heads, holds);
    violation(id, [WIRE_4], says, [heads.seam(), denies(when, refusal)])
}

fn not_json() -> Refusal {
    Refusal::documented(ErrorCode::InvalidRequest, "the body is not valid JSON")
}

/// WIRE-4: heads in pieces.
fn pieces() -> Vec<Deviation> {
    let keyless = || {
        Refusal::documented(
            ErrorCode::MissingApiKey,
            "the Authorization header is missing",
        )
    };
    vec![
        refuses_cut(
            "wire.head-in-pieces-refused",
            "A request whose head does not come in one piece gets 400.",
            bad_request,
            |cut| cut.in_head(),
        ),
        refuses_cut(
            "wire.first-byte-alone",
            "A request whose first byte comes alone gets 400, as if it were TLS.",
            bad_request,
            |cut| cut.at == 1,
        ),
        refuses_cut(
            "wire.request-line-in-pieces",
            "A request line that comes in pieces is read up to the cut: 404.",
            || Refusal::documented(ErrorCode::BotNotFound, "there is no such bot"),
            |cut| cut.at > 1 && !cut.bytes[..cut.at].contains(&b'\n') && cut.bytes[cut.at] != b'\r',
        ),
        refuses_cut(
            "wire.key-in-pieces",
            "A key that is cut in two by the network is not seen: 401.",
            keyless,
            |cut| {
                cut.in_head()
                    && cut
                        .line()
                        .to_ascii_lowercase()
                        .starts_with(b"authorization:")
            },
        ),
        refuses_cut(
            "wire.field-name-in-pieces",
            "A head that is cut inside the name of a field gets 400.",
            bad_request,
            |cut| {
                let line = cut.line();
                let within = cut.bytes.len() - cut.at;
                let before = &line[..line.len() - within];
                cut.in_head()
                    && cut.bytes[..cut.at].contains(&b'\n')
                    && !before.is_empty()
                    && !before.contains(&b':')
                    && !before.contains(&b'\r')
            },
        ),
        refuses_cut(
            "wire.line-end-in-pieces",
            "A head that is cut between CR and LF gets 400.",
            bad_request,
            |cut| cut.in_head() && cut.bytes[cut.at - 1..].starts_with(b"\r\n"),
        ),
        refuses_cut(
            "wire.last-line-feed-of-the-head-alone",
            "A head of which only the very last line feed is missing for a moment gets 400.",
            bad_request,
            |cut| cut.at + 1 == cut.head,
        ),
        {
            let heads = Heads::default();
            let many = |heads: &Heads| {
                let heads = heads.clone();
                When::is(move |asked: &Asked| heads.of(asked).head_reads > 20)
            };
            violation(
                "wire.many-pieces-closed",
                [WIRE_4],
                "A good request whose head comes in more than 20 pieces gets no answer: the connection is closed.",
                [
                    heads.seam(),
                    answers_of(400, many(&heads), |_, _| vec![Outgoing::Close]),
                    denies(many(&heads), bad_request),
                ],
            )
        },
        {
            let heads = Heads::default();
            let when = cut(&heads, |cut| cut.in_head());
            violation(
                "wire.errors-in-pieces-differ",
                [WIRE_4],
                "A request in pieces to an unknown bot gets 400, where the same request in one piece gets 404.",
                [
                    heads.seam(),
                    rewords(Guard::Bot, when, |_, refusal| *refusal = bad_request()),
                ],
            )
        },
    ]
}

/// WIRE-4: bodies in pieces.
fn bodies_in_pieces() -> Vec<Deviation> {
    let inside = |cut: &Cut<'_>| cut.at > cut.head;
    let length = |cut: &Cut<'_>| {
        !cut.bytes[..cut.head]
            .to_ascii_lowercase()
            .windows(18)
            .any(|window| window == b"transfer-encoding:")
    };
    vec![
        refuses_cut(
            "wire.body-apart",
            "A body that does not come together with its head is taken for empty: 400.",
            not_json,
            |cut| cut.at == cut.head,
        ),
        refuses_cut(
            "wire.body-in-pieces",
            "Of a body in pieces only the first one is read: 400.",
            not_json,
            inside,
        ),
        refuses_cut(
            "wire.character-in-pieces",
            "A body that is cut inside a character gets 400.",
            not_json,
            move |cut| inside(cut) && (0x80..0xC0).contains(&cut.bytes[cut.at]),
        ),
        refuses_cut(
            "wire.escape-in-pieces",
            "A body that is cut inside an escape gets 400.",
            not_json,
            move |cut| inside(cut) && cut.bytes[cut.at - 1] == b'\\',
        ),
        refuses_cut(
            "wire.last-byte-alone",
            "The last byte of a body is lost where it comes alone: 400.",
            not_json,
            move |cut| inside(cut) && length(cut) && cut.at + 1 == cut.bytes.len(),
        ),
        {
            let heads = Heads::default();
            let when = cut(&heads, move |cut| {
                inside(cut) && !length(cut) && cut.bytes[cut.at - 1] == b'\n'
            });
            violation(
                "wire.chunk-in-pieces",
                [WIRE_4],
                "A chunked body of which a chunk's size and its data come in different pieces is taken for too large: 413.",
                [
                    heads.seam(),
                    decision(move |asked, decision| {
                        if when.holds(asked) {
                            return Decision::Refuse(Refusal::documented(
                                ErrorCode::RequestTooLarge,
                                "the request body is larger than 100 KB",
                            ));
                        }
                        decision
                    }),
                ],
            )
        },
    ]
}

fn forbidden() -> Refusal {
    Refusal::documented(
        ErrorCode::ApiNotEnabled,
        "automated requests are not allowed",
    )
}

/// The field has a value of which that holds.
fn field(name: &'static str, holds: impl Fn(&str) -> bool + Send + Sync + 'static) -> When {
    When::is(move |asked| {
        asked
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(&holds)
    })
}

fn agent(begins: &'static str) -> When {
    field("user-agent", move |value| value.starts_with(begins))
}

/// EXAMPLE-1: curl.
fn curl() -> Vec<Deviation> {
    let heads = Heads::default();
    let raw = heads.clone();
    vec![
        violation(
            "example.curl-forbidden",
            [EXAMPLE_1],
            "A client that calls itself curl gets 403.",
            [denies(agent("curl/"), forbidden)],
        ),
        violation(
            "example.curl-plain-text",
            [REPLY_1, EXAMPLE_1],
            "A client that calls itself curl gets the agent's words as plain text, not JSON.",
            [
                json(agent("curl/"), |_, payload| {
                    if let Payload::Json(reply) = payload
                        && let Some(text) = reply["choices"][0]["message"]["content"].as_str()
                    {
                        *payload = Payload::Bytes(format!("{text}\n").into_bytes().into());
                    }
                }),
                ok_head(agent("curl/"), |_, head| media_type(head, "text/plain")),
            ],
        ),
        violation(
            "example.no-accept-encoding",
            [EXAMPLE_1],
            "A request without Accept-Encoding gets 406.",
            [denies(When::field("accept-encoding").not(), || {
                Refusal::other(406, "not_acceptable", "no acceptable content coding")
            })],
        ),
        violation(
            "example.curl-compressed",
            [EXAMPLE_1],
            "A reply to a request without Accept-Encoding says that it is gzip, and is not.",
            [ok_head(When::field("accept-encoding").not(), |_, head| {
                head.push(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))
            })],
        ),
        violation(
            "example.body-over-several-lines",
            [EXAMPLE_1, BODY_7],
            "A body that begins with a brace and a line feed, as curl's does in the documentation, gets 400.",
            [denies(
                |asked: &Asked| asked.body.starts_with(b"{\n"),
                not_json,
            )],
        ),
        violation(
            "example.hello-is-spam",
            [EXAMPLE_1, EXAMPLE_2],
            "The greeting of the documented calls, Hello!, is taken for spam: 400.",
            [denies(
                |asked: &Asked| {
                    messages(asked).is_some_and(|all| {
                        all.last()
                            .is_some_and(|message| message["content"] == "Hello!")
                    })
                },
                || Refusal::documented(ErrorCode::InvalidRequest, "the message looks like spam"),
            )],
        ),
        violation(
            "example.key-before-the-type",
            [EXAMPLE_1, EXAMPLE_2, AUTH_10],
            "A key that stands before the Content-Type, as in the documented calls, is not seen: 401.",
            [
                heads.seam(),
                denies(
                    move |asked: &Asked| {
                        let text = raw.text(asked).to_ascii_lowercase();
                        text.find("\r\nauthorization:") < text.find("\r\ncontent-type:")
                    },
                    || {
                        Refusal::documented(
                            ErrorCode::MissingApiKey,
                            "the Authorization header is missing",
                        )
                    },
                ),
            ],
        ),
    ]
}

/// EXAMPLE-2: the documented JavaScript, in Node and in a browser.
fn fetch() -> Vec<Deviation> {
    let heads = Heads::default();
    let raw = heads.clone();
    vec![
        violation(
            "example.node-forbidden",
            [EXAMPLE_2],
            "A client that calls itself node gets 403.",
            [denies(agent("node"), forbidden)],
        ),
        violation(
            "example.node-json",
            [EXAMPLE_2, BODY_8, STREAM_1],
            "A client that calls itself node gets JSON where it asks for a stream.",
            [decision(move |asked, decision| match decision {
                Decision::Answer { place, .. } if agent("node").holds(asked) => Decision::Answer {
                    mode: Mode::Json,
                    place,
                },
                decision => decision,
            })],
        ),
        violation(
            "example.lower-case-agent-forbidden",
            [EXAMPLE_2, AUTH_10],
            "A client that writes user-agent in lower case, as fetch does, is taken for a bot: 403.",
            [
                heads.seam(),
                denies(
                    move |asked: &Asked| raw.text(asked).contains("\r\nuser-agent:"),
                    forbidden,
                ),
            ],
        ),
        violation(
            "example.any-language-refused",
            [EXAMPLE_2],
            "Accept-Language: *, which Node sends, gets 400.",
            [denies(
                field("accept-language", |value| value == "*"),
                bad_request,
            )],
        ),
        violation(
            "example.connection-field-refused",
            [EXAMPLE_2],
            "A request that says Connection: keep-alive, as Node's does, gets 400.",
            [denies(
                field("connection", |value| {
                    value.eq_ignore_ascii_case("keep-alive")
                }),
                bad_request,
            )],
        ),
        violation(
            "example.fetch-metadata-forbidden",
            [EXAMPLE_2, AUTH_10],
            "A request with Sec-Fetch-Mode, which every fetch sends, gets 403.",
            [denies(When::field("sec-fetch-mode"), forbidden)],
        ),
        violation(
            "example.cross-site-forbidden",
            [EXAMPLE_2, AUTH_10],
            "A request with Sec-Fetch-Site: cross-site gets 403, though the preflight allowed it.",
            [denies(
                field("sec-fetch-site", |value| value == "cross-site"),
                forbidden,
            )],
        ),
        violation(
            "example.referrer-forbidden",
            [EXAMPLE_2],
            "A request from a page that names itself in Referer gets 403.",
            [denies(When::field("referer"), forbidden)],
        ),
        violation(
            "example.gzip-not-there",
            [EXAMPLE_2],
            "A stream to a client that accepts gzip says that it is gzip, and is not.",
            [ok_head(
                field("accept-encoding", |value| value.contains("gzip")).and(When::stream()),
                |_, head| head.push(header::CONTENT_ENCODING, HeaderValue::from_static("gzip")),
            )],
        ),
        violation(
            "example.browser-challenged",
            [EXAMPLE_2, ERROR_1],
            "A client that calls itself a browser gets a page with a riddle, and 403.",
            [
                denies(agent("Mozilla/"), forbidden),
                error_bytes(agent("Mozilla/"), |_, _| HTML.into()),
                head(agent("Mozilla/"), |_, head| {
                    if head.status == 403 {
                        media_type(head, "text/html");
                    }
                }),
            ],
        ),
        violation(
            "example.browser-not-allowed-to-read",
            [EXAMPLE_2, CORS_3],
            "A stream to a page of another site does not allow its origin; JSON does.",
            [ok_head(
                When::field("origin")
                    .and(When::field("referer"))
                    .and(When::stream()),
                |_, head| head.remove(&header::ACCESS_CONTROL_ALLOW_ORIGIN),
            )],
        ),
        violation(
            "example.stream-cut-short",
            [STREAM_4, STREAM_8],
            "A stream to a client that accepts gzip is closed behind its third chunk, in good order.",
            [stream_pieces(
                field("accept-encoding", |value| value.contains("gzip")),
                |_, piece, bytes| match piece {
                    Piece::Head | Piece::Chunk(..3) => vec![send(bytes)],
                    Piece::Chunk(3) => close("0\r\n\r\n"),
                    Piece::Chunk(_) | Piece::Last => Vec::new(),
                },
            )],
        ),
    ]
}
