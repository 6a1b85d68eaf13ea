//! Answers as bytes on a connection.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::mock::request::Asked;
use crate::mock::server::Connection;
use crate::mock::socket::{Outgoing, Tap};

use super::{Seam, When, socket};

/// Bytes, to be sent.
pub(in crate::mock) fn send(bytes: impl AsRef<[u8]>) -> Outgoing {
    Outgoing::Bytes(Bytes::copy_from_slice(bytes.as_ref()))
}

/// Bytes, and then the end of the connection.
pub(in crate::mock) fn close(bytes: impl AsRef<[u8]>) -> Vec<Outgoing> {
    vec![send(bytes), Outgoing::Close]
}

/// A part of a chunked answer, as it goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mock) enum Piece {
    /// Status line and fields, with the empty line.
    Head,
    /// A chunk with its framing: of a stream, one event. From 0.
    Chunk(usize),
    /// The last chunk: `0`, CRLF, CRLF.
    Last,
}

/// Sends something else for every whole answer whose length is announced (or that has no body): head and body, as
/// they would go out.
pub(in crate::mock) fn whole_answers(
    when: impl Into<When>,
    change: impl Fn(&Asked, Vec<u8>) -> Vec<Outgoing> + Send + Sync + 'static,
) -> Seam {
    let when = Arc::new(when.into());
    let change: Arc<OnWhole> = Arc::new(change);
    socket(move |connection| {
        Some(Box::new(Rewriter {
            connection: Arc::clone(connection),
            when: Arc::clone(&when),
            change: Change::Whole(Arc::clone(&change)),
            buffer: Vec::new(),
            chunk: None,
            endless: false,
        }))
    })
}

/// Sends something else for the pieces of every chunked answer.
pub(in crate::mock) fn stream_pieces(
    when: impl Into<When>,
    change: impl Fn(&Asked, Piece, Vec<u8>) -> Vec<Outgoing> + Send + Sync + 'static,
) -> Seam {
    let when = Arc::new(when.into());
    let change: Arc<OnPiece> = Arc::new(change);
    socket(move |connection| {
        Some(Box::new(Rewriter {
            connection: Arc::clone(connection),
            when: Arc::clone(&when),
            change: Change::Pieces(Arc::clone(&change)),
            buffer: Vec::new(),
            chunk: None,
            endless: false,
        }))
    })
}

/// The same, for the answers with that status only.
pub(in crate::mock) fn answers_of(
    status: u16,
    when: impl Into<When>,
    change: impl Fn(&Asked, Vec<u8>) -> Vec<Outgoing> + Send + Sync + 'static,
) -> Seam {
    let line = format!("HTTP/1.1 {status} ");
    whole_answers(when, move |asked, bytes| {
        if bytes.starts_with(line.as_bytes()) {
            change(asked, bytes)
        } else {
            vec![send(bytes)]
        }
    })
}

/// An answer's head, with its empty line, and its body.
pub(in crate::mock) fn head_bytes_and_body(answer: &[u8]) -> (&[u8], &[u8]) {
    let head = find(answer, b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    answer.split_at(head)
}

/// The answer with one more field line, at the end of its head.
pub(in crate::mock) fn field_added(answer: &[u8], line: &str) -> Vec<u8> {
    let (head, body) = head_bytes_and_body(answer);
    let head = head.strip_suffix(b"\r\n").unwrap_or(head);
    [head, line.as_bytes(), b"\r\n\r\n", body].concat()
}

/// The answer with another value of `Content-Length`.
pub(in crate::mock) fn length_as(answer: &[u8], value: impl Fn(usize) -> String) -> Vec<u8> {
    let (head, body) = head_bytes_and_body(answer);
    let mut bytes = Vec::new();
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        if line.to_ascii_lowercase().starts_with(b"content-length:") {
            bytes
                .extend_from_slice(format!("content-length: {}\r\n", value(body.len())).as_bytes());
        } else {
            bytes.extend_from_slice(line);
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

type OnWhole = dyn Fn(&Asked, Vec<u8>) -> Vec<Outgoing> + Send + Sync;
type OnPiece = dyn Fn(&Asked, Piece, Vec<u8>) -> Vec<Outgoing> + Send + Sync;

enum Change {
    Whole(Arc<OnWhole>),
    Pieces(Arc<OnPiece>),
}

/// Takes the honest bytes apart into answers. They come from our own server, so their framing can be trusted.
struct Rewriter {
    connection: Arc<Connection>,
    when: Arc<When>,
    change: Change,
    buffer: Vec<u8>,
    /// Inside a chunked answer: the number of the next chunk.
    chunk: Option<usize>,
    /// Inside an answer that ends with its connection.
    endless: bool,
}

impl Rewriter {
    /// The first bytes of the buffer, taken off it.
    fn take(&mut self, end: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(end);
        std::mem::replace(&mut self.buffer, rest)
    }

    /// The next part of the buffer that is complete; none for a whole answer.
    fn next(&mut self, head_only: bool) -> Option<(Option<Piece>, Vec<u8>)> {
        if let Some(index) = self.chunk {
            let line = find(&self.buffer, b"\r\n")?;
            let size = std::str::from_utf8(&self.buffer[..line]).ok()?;
            // Another tap may have added extensions, or trailers after the last chunk.
            let size = size.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let end = if size == 0 {
                line + find(&self.buffer[line..], b"\r\n\r\n")? + 4
            } else {
                line + 2 + size + 2
            };
            if self.buffer.len() < end {
                return None;
            }
            let piece = if size == 0 {
                self.chunk = None;
                Piece::Last
            } else {
                self.chunk = Some(index + 1);
                Piece::Chunk(index)
            };
            return Some((Some(piece), self.take(end)));
        }
        let head = find(&self.buffer, b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&self.buffer[..head]).into_owned();
        if is_chunked(&text) {
            if !head_only {
                self.chunk = Some(0);
            }
            return Some((Some(Piece::Head), self.take(head)));
        }
        let length = field(&text, "content-length").and_then(|length| length.parse().ok());
        let bodiless = head_only
            || [" 1", " 204", " 304"]
                .iter()
                .any(|s| status(&text).starts_with(s));
        self.endless = length.is_none() && !bodiless;
        let end = head + if bodiless { 0 } else { length.unwrap_or(0) };
        if self.buffer.len() < end {
            return None;
        }
        Some((None, self.take(end)))
    }
}

/// What follows the version in a head's first line.
fn status(head: &str) -> &str {
    let line = head.split("\r\n").next().unwrap_or_default();
    line.find(' ').map_or("", |at| &line[at..])
}

/// The value of a field of that name (in lower case) in a head.
fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.split("\r\n").find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Whether a head announces a chunked body.
fn is_chunked(head: &str) -> bool {
    field(head, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
}

/// A head without the fields of these names (in lower case).
pub(in crate::mock) fn without(head: &str, names: &[&str]) -> String {
    let kept: Vec<&str> = head
        .split("\r\n")
        .filter(|line| {
            line.split_once(':')
                .is_none_or(|(field, _)| !names.iter().any(|name| field.eq_ignore_ascii_case(name)))
        })
        .collect();
    kept.join("\r\n")
}

/// A head with one more field.
pub(in crate::mock) fn with_field(head: &str, line: &str) -> String {
    format!("{}\r\n{line}\r\n\r\n", head.trim_end_matches("\r\n"))
}

/// Head and body of a whole answer.
pub(in crate::mock) fn head_and_body(answer: &[u8]) -> (String, &[u8]) {
    let end = find(answer, b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let (head, body) = answer.split_at(end);
    (String::from_utf8_lossy(head).into_owned(), body)
}

/// The data of a chunk.
pub(in crate::mock) fn chunk_data(chunk: &[u8]) -> &[u8] {
    let begin = find(chunk, b"\r\n").map_or(chunk.len(), |at| at + 2);
    let end = chunk.len().saturating_sub(2).max(begin);
    &chunk[begin..end]
}

/// Data as a chunk; nothing for no data, for an empty chunk is the last one.
pub(in crate::mock) fn as_chunk(data: &[u8]) -> Vec<u8> {
    if data.is_empty() {
        return Vec::new();
    }
    let mut chunk = format!("{:x}\r\n", data.len()).into_bytes();
    chunk.extend_from_slice(data);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// Changes the head of every final answer, as it is on the wire.
pub(in crate::mock) fn heads(
    change: impl Fn(&Asked, &str) -> String + Clone + Send + Sync + 'static,
) -> [Seam; 2] {
    let other = change.clone();
    [
        whole_answers(super::always, move |asked, answer| {
            let (head, body) = head_and_body(&answer);
            let mut bytes = change(asked, &head).into_bytes();
            bytes.extend_from_slice(body);
            vec![send(bytes)]
        }),
        stream_pieces(super::always, move |asked, piece, bytes| {
            if piece == Piece::Head {
                vec![send(other(asked, &String::from_utf8_lossy(&bytes)))]
            } else {
                vec![send(bytes)]
            }
        }),
    ]
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

impl Tap for Rewriter {
    fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        let asked = self.connection.asked();
        self.buffer.extend_from_slice(bytes);
        let head_only = asked.as_ref().is_some_and(|asked| asked.method == "HEAD");
        loop {
            if self.endless {
                out.push_back(send(std::mem::take(&mut self.buffer)));
                return;
            }
            let Some((piece, bytes)) = self.next(head_only) else {
                return;
            };
            if piece.is_none() && bytes.starts_with(b"HTTP/1.1 1") {
                out.push_back(send(bytes)); // a 100 is no answer yet
                continue;
            }
            let bent = asked.as_ref().filter(|asked| self.when.holds(asked));
            match (&self.change, piece, bent) {
                (Change::Whole(change), None, Some(asked)) => out.extend(change(asked, bytes)),
                (Change::Pieces(change), Some(piece), Some(asked)) => {
                    out.extend(change(asked, piece, bytes));
                }
                _ => out.push_back(send(bytes)), // what the change is not about passes
            }
        }
    }
}

/// The heads of requests as they came, for what a parsed head no longer shows: the case of names, white space,
/// pieces.
#[derive(Clone, Default)]
pub(in crate::mock) struct Heads(Arc<Mutex<HashMap<u64, Arrived>>>);

/// What has arrived on a connection since the last answer.
#[derive(Debug, Clone, Default)]
pub(in crate::mock) struct Arrived {
    /// The bytes, those of the body too.
    pub(in crate::mock) bytes: Vec<u8>,
    /// How many reads they came in, up to the end of the head.
    pub(in crate::mock) head_reads: usize,
    /// Where each read but the first began, as offsets of `bytes`.
    pub(in crate::mock) cuts: Vec<usize>,
    answered: bool,
}

impl Heads {
    /// The seam that listens; a deviation with these heads has to have it.
    pub(in crate::mock) fn seam(&self) -> Seam {
        let heads = self.clone();
        socket(move |connection| {
            Some(Box::new(Listener {
                connection: connection.id,
                heads: heads.clone(),
            }))
        })
    }

    /// What has arrived for that request.
    pub(in crate::mock) fn of(&self, asked: &Asked) -> Arrived {
        let heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads.get(&asked.connection).cloned().unwrap_or_default()
    }

    /// The head of that request as text.
    pub(in crate::mock) fn text(&self, asked: &Asked) -> String {
        let arrived = self.of(asked);
        let end = find(&arrived.bytes, b"\r\n\r\n").unwrap_or(arrived.bytes.len());
        String::from_utf8_lossy(&arrived.bytes[..end]).into_owned()
    }

    fn change(&self, connection: u64, change: impl FnOnce(&mut Arrived)) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(heads.entry(connection).or_default());
    }
}

/// More of a request is not kept.
const KEPT: usize = 64 * 1024;

struct Listener {
    connection: u64,
    heads: Heads,
}

impl Tap for Listener {
    fn incoming(&mut self, bytes: &[u8], _: &mut VecDeque<Outgoing>) {
        if bytes.is_empty() {
            return;
        }
        self.heads.change(self.connection, |arrived| {
            if arrived.answered {
                *arrived = Arrived::default();
            }
            if find(&arrived.bytes, b"\r\n\r\n").is_none() {
                arrived.head_reads += 1;
            }
            if !arrived.bytes.is_empty() && arrived.cuts.len() < KEPT {
                arrived.cuts.push(arrived.bytes.len());
            }
            let room = KEPT.saturating_sub(arrived.bytes.len());
            arrived
                .bytes
                .extend_from_slice(&bytes[..bytes.len().min(room)]);
        });
    }

    fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        self.heads
            .change(self.connection, |arrived| arrived.answered = true);
        out.push_back(send(bytes));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut heads = self.heads.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads.remove(&self.connection);
    }
}
