//! WIRE: answers on the socket, framed and sent in all the ways that HTTP allows.

use std::collections::VecDeque;
use std::time::Duration;

use axum::http::{HeaderValue, header};

use crate::contract::{STREAM_5, WIRE_1, WIRE_2, WIRE_4};
use crate::mock::bending::{
    Piece, Seam, When, always, as_chunk, chunk_data, head, head_and_body, heads, send, socket,
    stream_pieces, whole_answers, with_field, without,
};
use crate::mock::deviation::{Deviation, leniency};
use crate::mock::request::Asked;
use crate::mock::socket::{Outgoing, Tap};

pub(super) fn entries() -> Vec<Deviation> {
    let mut entries = vec![
        leniency(
            "wire.close-said",
            [WIRE_2],
            "Every answer closes its connection, and says so.",
            &["wire.closing"],
            [says_close(always)],
        ),
        leniency(
            "wire.close-after-errors",
            [WIRE_2],
            "Errors close their connection, and say so.",
            &["wire.closing"],
            [head(always, |_, head| {
                if head.status.is_client_error() || head.status.is_server_error() {
                    head.remove(&header::CONNECTION);
                    head.push(header::CONNECTION, HeaderValue::from_static("close"));
                }
            })],
        ),
        leniency(
            "wire.close-after-three",
            [WIRE_2],
            "A connection is closed after three answers.",
            &["wire.closing"],
            [says_close(When::from_request(3))],
        ),
        leniency(
            "wire.json-in-chunks",
            [WIRE_1],
            "JSON answers come in chunks.",
            &["wire.json-framing"],
            [whole_answers(When::method("POST"), |_, answer| {
                let (head, body) = head_and_body(&answer);
                if body.is_empty() {
                    return vec![send(answer)];
                }
                let head = without(&head, &["content-length"]);
                let mut bytes = with_field(&head, "transfer-encoding: chunked").into_bytes();
                for part in body.chunks(body.len().div_ceil(3)) {
                    bytes.extend_from_slice(&as_chunk(part));
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
                vec![send(bytes)]
            })],
        ),
        leniency(
            "wire.chunks-of-a-byte",
            [STREAM_5, WIRE_1],
            "The first chunks of a stream have a byte each.",
            &["wire.chunks"],
            [rechunked(1)],
        ),
        leniency(
            "wire.chunks-of-seven",
            [STREAM_5, WIRE_1],
            "The first chunks of a stream have seven bytes each, wherever that cuts a line or a character.",
            &["wire.chunks"],
            [rechunked(7)],
        ),
        leniency(
            "wire.chunk-sizes-in-capitals",
            [WIRE_1],
            "The sizes of chunks have capitals and leading zeros.",
            &["wire.chunk-sizes"],
            [sized(|size, rest| {
                // Behind the size there may be an extension.
                let (digits, extension) = size.split_at(size.find(';').unwrap_or(size.len()));
                format!("00{}{extension}{rest}", digits.to_ascii_uppercase())
            })],
        ),
        leniency(
            "wire.chunk-extensions",
            [WIRE_1],
            "Chunks have an extension.",
            &["wire.extensions"],
            [sized(|size, rest| format!("{size};a=b{rest}"))],
        ),
        leniency(
            "wire.chunk-extensions-in-quotes",
            [WIRE_1],
            "Chunks have extensions, one of them quoted, with white space around.",
            &["wire.extensions"],
            [sized(|size, rest| {
                format!("{size} ; name ; a=\"b;c\"{rest}")
            })],
        ),
        leniency(
            "wire.trailers",
            [WIRE_1],
            "Trailers follow the last chunk.",
            &["wire.trailers"],
            [stream_pieces(always, |_, piece, bytes| {
                if piece != Piece::Last {
                    return vec![send(bytes)];
                }
                let end = bytes.len().saturating_sub(2);
                let mut trailed = bytes[..end].to_vec();
                trailed.extend_from_slice(b"X-Checksum: abc\r\nServer-Timing: total;dur=1\r\n\r\n");
                vec![send(trailed)]
            })],
        ),
        leniency(
            "wire.names-in-capitals",
            [WIRE_1],
            "The names of an answer's fields are in capitals, and no space follows the colon.",
            &["wire.fields"],
            heads(|_, head| {
                each_field(head, |name, value| {
                    format!("{}:{value}", name.to_ascii_uppercase())
                })
            }),
        ),
        leniency(
            "wire.white-space-around-values",
            [WIRE_1],
            "White space and tabs stand around the values of an answer's fields.",
            &["wire.fields"],
            heads(|_, head| each_field(head, |name, value| format!("{name}: \t {value} \t "))),
        ),
        leniency(
            "wire.no-reason",
            [WIRE_1],
            "Status lines have no reason phrase.",
            &["wire.reason"],
            heads(|_, head| with_reason(head, "")),
        ),
        leniency(
            "wire.odd-reason",
            [WIRE_1],
            "Status lines have reason phrases of their own.",
            &["wire.reason"],
            heads(|_, head| with_reason(head, "Fine, (thanks)")),
        ),
        leniency(
            "wire.no-date",
            [WIRE_1],
            "Answers have no Date.",
            &["wire.date"],
            heads(|_, head| without(head, &["date"])),
        ),
        leniency(
            "wire.early-hints",
            [WIRE_1],
            "A 103 precedes every answer.",
            &["wire.interim"],
            heads(|_, head| {
                format!("HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n{head}")
            }),
        ),
        leniency(
            "wire.three-interim-answers",
            [WIRE_1],
            "Two 102 and a 103 precede every answer.",
            &["wire.interim"],
            heads(|_, head| {
                let processing = "HTTP/1.1 102 Processing\r\n\r\n";
                let hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";
                format!("{processing}{hints}{processing}{head}")
            }),
        ),
        leniency(
            "wire.close-unsaid",
            [WIRE_2],
            "Every answer closes its connection without saying so.",
            &["wire.closing"],
            [
                stream_pieces(always, |_, piece, bytes| {
                    let mut out = vec![send(bytes)];
                    out.extend((piece == Piece::Last).then_some(Outgoing::Close));
                    out
                }),
                whole_answers(always, |_, bytes| vec![send(bytes), Outgoing::Close]),
            ],
        ),
        leniency(
            "wire.ended-by-the-connection",
            [WIRE_1],
            "Neither length nor chunks tell where an answer ends: its connection does.",
            &["wire.closing", "wire.ending"],
            ended_by_the_connection(|head| {
                with_field(&without(head, &["connection"]), "connection: close")
            }),
        ),
        leniency(
            "wire.http-1-0",
            [WIRE_1],
            "Answers are HTTP/1.0, and end with their connection.",
            &["wire.closing", "wire.ending"],
            ended_by_the_connection(|head| head.replacen("HTTP/1.1", "HTTP/1.0", 1)),
        ),
        leniency(
            "wire.dropped-now-and-then",
            [WIRE_2],
            "One connection in fifteen is closed before the first byte of its first answer.",
            &["wire.drops"],
            [socket(|connection| {
                connection
                    .id
                    .is_multiple_of(15)
                    .then(|| Box::new(Dropping(Outgoing::Close)) as Box<dyn Tap>)
            })],
        ),
        leniency(
            "wire.reset-now-and-then",
            [WIRE_2],
            "One connection in twenty is reset before the first byte of its first answer.",
            &["wire.drops"],
            [socket(|connection| {
                connection
                    .id
                    .is_multiple_of(20)
                    .then(|| Box::new(Dropping(Outgoing::Reset)) as Box<dyn Tap>)
            })],
        ),
    ];
    for (id, says, size, pause) in [
        (
            "wire.byte-by-byte",
            "The first bytes of every write are sent one by one.",
            1,
            Duration::ZERO,
        ),
        (
            "wire.dribbling",
            "The first bytes of every write are sent in pieces of fifty with a pause after each.",
            50,
            Duration::from_millis(1),
        ),
    ] {
        entries.push(leniency(
            id,
            [WIRE_4],
            says,
            &["wire.writes"],
            [socket(move |_| Some(Box::new(Dribbling { size, pause })))],
        ));
    }
    entries
}

fn says_close(when: impl Into<When>) -> Seam {
    head(when, |_, head| {
        head.remove(&header::CONNECTION);
        head.push(header::CONNECTION, HeaderValue::from_static("close"));
    })
}

/// Chunks of so many bytes where a stream begins: ten thousand of them prove no more than a hundred.
fn rechunked(size: usize) -> Seam {
    stream_pieces(always, move |_: &Asked, piece, bytes| {
        let data = match piece {
            Piece::Chunk(index) if index < 5 => chunk_data(&bytes),
            Piece::Chunk(_) | Piece::Head | Piece::Last => return vec![send(bytes)],
        };
        let (begin, rest) = data.split_at(data.len().min(60 * size));
        let mut out: Vec<u8> = begin.chunks(size).flat_map(as_chunk).collect();
        out.extend_from_slice(&as_chunk(rest));
        vec![send(out)]
    })
}

/// Changes the line of a chunk's size, of which the line end is the rest.
fn sized(change: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Seam {
    stream_pieces(always, move |_, piece, bytes| {
        if piece == Piece::Head {
            return vec![send(bytes)];
        }
        let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
            return vec![send(bytes)];
        };
        let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut out = change(&line, "").into_bytes();
        out.extend_from_slice(&bytes[end..]);
        vec![send(out)]
    })
}

fn each_field(head: &str, change: impl Fn(&str, &str) -> String) -> String {
    let lines: Vec<String> = head
        .split("\r\n")
        .map(|line| match line.split_once(':') {
            Some((name, value)) if !line.starts_with("HTTP/") => change(name, value.trim()),
            Some(_) | None => line.to_owned(),
        })
        .collect();
    lines.join("\r\n")
}

fn with_reason(head: &str, reason: &str) -> String {
    let (line, rest) = head.split_once("\r\n").unwrap_or((head, ""));
    let mut words = line.splitn(3, ' ');
    let (version, status) = (words.next(), words.next());
    format!(
        "{} {} {reason}\r\n{rest}",
        version.unwrap_or_default(),
        status.unwrap_or_default()
    )
}

/// Takes the framing off every answer with a body, and closes the connection behind it.
fn ended_by_the_connection(
    change: impl Fn(&str) -> String + Clone + Send + Sync + 'static,
) -> [Seam; 2] {
    let bare = move |head: &str| {
        change(&without(
            head,
            &["content-length", "transfer-encoding", "trailer"],
        ))
    };
    let of_streams = bare.clone();
    [
        stream_pieces(always, move |_, piece, bytes| match piece {
            Piece::Head => vec![send(of_streams(&String::from_utf8_lossy(&bytes)))],
            Piece::Chunk(_) => vec![send(chunk_data(&bytes))],
            Piece::Last => vec![Outgoing::Close],
        }),
        whole_answers(always, move |_, answer| {
            let (head, body) = head_and_body(&answer);
            if body.is_empty() {
                return vec![send(answer)];
            }
            let mut bytes = bare(&head).into_bytes();
            bytes.extend_from_slice(body);
            vec![send(bytes), Outgoing::Close]
        }),
    ]
}

/// Ends its connection in place of the first answer.
struct Dropping(Outgoing);

impl Tap for Dropping {
    fn outgoing(&mut self, _: &[u8], out: &mut VecDeque<Outgoing>) {
        out.push_back(self.0.clone());
    }
}

/// Sends the first bytes of every write in small pieces.
struct Dribbling {
    size: usize,
    pause: Duration,
}

impl Tap for Dribbling {
    fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        let (begin, rest) = bytes.split_at(bytes.len().min(150));
        for piece in begin.chunks(self.size) {
            out.push_back(send(piece));
            if !self.pause.is_zero() {
                out.push_back(Outgoing::Pause(self.pause));
            }
        }
        if !rest.is_empty() {
            out.push_back(send(rest));
        }
    }
}
