//! One exchange of a run, whole but for keys and for what is too long: for archives of all of them.

use super::evidence::ending;
use crate::secret::Scrubber;
use crate::wire::{Exchange, Framing, Head, Headers, Protocol};
use std::time::{Duration, Instant, SystemTime};

/// A header field: name and value, bytes that are no UTF-8 replaced.
pub type Field = (String, String);

/// Bytes kept of a body. A run against a hostile target may read gigabytes.
const KEPT: usize = 64 * 1024;

/// A body without keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Its bytes, or as many of the first as are kept.
    pub bytes: Vec<u8>,
    /// How many there were.
    pub size: usize,
}

impl Content {
    fn new(bytes: &[u8], scrubber: &Scrubber) -> Content {
        let mut kept = scrubber.scrub(bytes);
        kept.truncate(KEPT);
        Content {
            bytes: kept,
            size: bytes.len(),
        }
    }

    /// Whether it is whole.
    pub fn is_whole(&self) -> bool {
        self.size <= KEPT
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// `HTTP/1.1`, as the target wrote it.
    pub version: String,
    /// The status.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The fields.
    pub headers: Vec<Field>,
    /// The body, codings taken off.
    pub content: Content,
}

/// A request, its answer, and how long each part of it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The test that sent it; none for what the run itself asks.
    pub test: Option<String>,
    /// When it began, before any connect.
    pub started_at: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// Until the last byte of the request was written, a connect included; `None` if it never was.
    pub send: Option<Duration>,
    /// From there to the answer's first byte; `None` if none came.
    pub wait: Option<Duration>,
    /// From there to the end.
    pub receive: Duration,
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// `HTTP/1.1` or `HTTP/2`, as spoken.
    pub protocol: &'static str,
    /// The request's fields; `Host` and the body's framing are among them.
    pub headers: Vec<Field>,
    /// The request's body.
    pub body: Content,
    /// The answer's head and body, if a head came.
    pub answered: Option<Answered>,
    /// How it ended, in a few words; empty where the answer is whole.
    pub end: String,
}

impl Entry {
    /// The entry of an exchange with the deployment at `origin` (scheme and authority), which began at `started_at` by the clock on the wall.
    pub fn new(
        exchange: &Exchange,
        origin: &str,
        started_at: SystemTime,
        test: Option<String>,
        scrubber: &Scrubber,
    ) -> Entry {
        let request = &exchange.request;
        let since = |from: Instant, to: Instant| to.saturating_duration_since(from);
        let sent_at = exchange.sent_at.unwrap_or(exchange.started);
        // An answer may begin before the request's last byte is written.
        let first = exchange.first_byte_at.map(|first| first.max(sent_at));
        Entry {
            test,
            started_at,
            duration: exchange.duration(),
            send: exchange.sent_at.map(|sent| since(exchange.started, sent)),
            wait: first.map(|first| since(sent_at, first)),
            receive: since(first.unwrap_or(exchange.ended), exchange.ended),
            method: scrubber.scrub_text(&request.method),
            url: scrubber.scrub_text(&format!("{origin}{}", request.target)),
            protocol: match exchange.protocol {
                Protocol::Http1 => "HTTP/1.1",
                Protocol::Http2 => "HTTP/2",
            },
            headers: sent_fields(exchange, scrubber),
            body: Content::new(&request.body, scrubber),
            answered: exchange
                .head
                .as_ref()
                .map(|head| answered(head, exchange, scrubber)),
            end: ending(&exchange.end).unwrap_or_default(),
        }
    }
}

/// The fields as they were written, where the head was kept whole; else those that were asked for.
fn sent_fields(exchange: &Exchange, scrubber: &Scrubber) -> Vec<Field> {
    let end = exchange
        .sent
        .windows(4)
        .position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        return fields(&exchange.request.headers, scrubber);
    };
    let head = scrubber.scrub_text(&String::from_utf8_lossy(&exchange.sent[..end]));
    head.split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

fn fields(headers: &Headers, scrubber: &Scrubber) -> Vec<Field> {
    headers
        .0
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value);
            (scrubber.scrub_text(name), scrubber.scrub_text(&value))
        })
        .collect()
}

fn answered(head: &Head, exchange: &Exchange, scrubber: &Scrubber) -> Answered {
    let mut headers = fields(&head.headers, scrubber);
    if let Some(Framing::Chunked { trailers, .. }) = &exchange.framing {
        headers.extend(fields(trailers, scrubber));
    }
    Answered {
        version: scrubber.scrub_text(&head.version),
        status: head.status,
        reason: scrubber.scrub_text(&head.reason),
        headers,
        content: Content::new(&exchange.body.bytes, scrubber),
    }
}
