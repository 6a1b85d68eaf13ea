//! WIRE: what clients stumble over on the socket.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use bytes::Bytes;

use crate::contract::{WIRE_1, WIRE_2, WIRE_4, WIRE_6};
use crate::mock::answer::Payload;
use crate::mock::bending::{
    Seam, When, always, head, head_and_body, heads, json, send, socket, whole_answers, with_field,
};
use crate::mock::deviation::{Deviation, flaw};
use crate::mock::request::{Asked, Mode};
use crate::mock::server::Connection;
use crate::mock::socket::{Outgoing, Tap};

pub(super) fn entries() -> Vec<Deviation> {
    vec![
        flaw(
            "wire.100-unasked",
            [WIRE_1],
            "A 100 that nobody asked for precedes every good answer.",
            heads(|_, head| {
                let continues = "HTTP/1.1 100 Continue\r\n\r\n";
                match head.starts_with("HTTP/1.1 200") {
                    true => format!("{continues}{head}"),
                    false => head.to_owned(),
                }
            }),
        ),
        flaw(
            "wire.same-length-twice",
            [WIRE_1],
            "Content-Length stands twice, with the same value.",
            [whole_answers(When::method("POST"), |_, answer| {
                let (head, body) = head_and_body(&answer);
                let line = format!("content-length: {}", body.len());
                let mut bytes = with_field(&head, &line).into_bytes();
                bytes.extend_from_slice(body);
                vec![send(bytes)]
            })],
        ),
        flaw(
            "wire.204-with-a-length",
            [WIRE_1],
            "A 204 has Content-Length: 0.",
            [whole_answers(When::method("OPTIONS"), |_, answer| {
                let (head, _) = head_and_body(&answer);
                if !head.starts_with("HTTP/1.1 204") {
                    return vec![send(answer)];
                }
                vec![send(with_field(&head, "content-length: 0"))]
            })],
        ),
        flaw(
            "wire.pipelined-requests-are-bad",
            [WIRE_2],
            "A request that was sent before the answer to the one before it gets 400.",
            pipelining(),
        ),
        flaw(
            "wire.closes-late",
            [WIRE_4],
            "A connection is kept for four seconds although its client asked to close it.",
            [socket(|connection| {
                Some(Box::new(Late(Arc::clone(connection))))
            })],
        ),
        flaw(
            "wire.gzip-uninvited",
            [WIRE_6],
            "Replies are in gzip though the request asked for identity.",
            gzipped(|status| status == 200),
        ),
        flaw(
            "wire.errors-in-gzip-uninvited",
            [WIRE_6],
            "Errors are in gzip though the request asked for identity.",
            gzipped(|status| status >= 400),
        ),
    ]
}

/// Compresses JSON bodies of answers with such a status; which of the two a body is, its members tell.
fn gzipped(status: fn(u16) -> bool) -> [Seam; 2] {
    let of_replies = status(200);
    [
        json(always, move |_, payload| {
            let text = match payload {
                Payload::Json(value) if value.get("choices").is_some() == of_replies => {
                    value.to_string()
                }
                Payload::Json(_) | Payload::Bytes(_) => return,
            };
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            if encoder.write_all(text.as_bytes()).is_ok()
                && let Ok(bytes) = encoder.finish()
            {
                *payload = Payload::Bytes(Bytes::from(bytes));
            }
        }),
        head(always, move |asked, head| {
            let is_stream = head.status == 200 && asked.mode == Mode::Stream;
            if status(head.status.as_u16()) && !is_stream && asked.method != "OPTIONS" {
                head.push(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }),
    ]
}

/// Refuses what came in one read with the request before it.
fn pipelining() -> [Seam; 2] {
    use crate::contract::ErrorCode;
    use crate::mock::bending::decision;
    use crate::mock::guards::{Decision, Refusal};
    use std::collections::HashSet;
    use std::sync::{Mutex, PoisonError};

    /// Notes connections on which several requests came at once.
    struct Watching(u64, Arc<Mutex<HashSet<u64>>>);
    impl Tap for Watching {
        fn incoming(&mut self, bytes: &[u8], _: &mut VecDeque<Outgoing>) {
            let heads = bytes.windows(5).filter(|window| window == b"POST ").count();
            if heads > 1 {
                self.1
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(self.0);
            }
        }
    }

    let pipelined: Arc<Mutex<HashSet<u64>>> = Arc::default();
    let noted = Arc::clone(&pipelined);
    [
        socket(move |connection| Some(Box::new(Watching(connection.id, Arc::clone(&noted))))),
        decision(move |asked: &Asked, decision| {
            let at_once = pipelined
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(&asked.connection);
            if at_once && asked.number > 1 {
                let refusal = Refusal::documented(ErrorCode::InvalidRequest, "one at a time");
                return Decision::Refuse(refusal);
            }
            decision
        }),
    ]
}

/// Keeps a connection for a while that should be closed.
struct Late(Arc<Connection>);

impl Tap for Late {
    fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        out.push_back(send(bytes));
        let asks_to_close = self.0.asked().is_some_and(|asked| {
            asked
                .headers
                .get(header::CONNECTION)
                .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
        });
        if asks_to_close {
            out.push_back(Outgoing::Pause(Duration::from_secs(4)));
        }
    }
}
