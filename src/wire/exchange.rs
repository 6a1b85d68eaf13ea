//! What was said on a connection: the request as sent, the answer as received, each with its instants.

use bytes::Bytes;
use std::fmt;
use std::time::{Duration, Instant};

/// Header fields as written, in order, names in the case they had. In a request a name may end in the colon: then
/// the value is written right behind it, without the usual space (RFC 9112 §5.1 has it optional).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, Vec<u8>)>);

impl Headers {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Takes out every field of that name, in any case.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Replaces every field of that name by one.
    pub fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.remove(name);
        self.push(name, value);
    }

    /// The values of every field of that name, in any case (RFC 9110 §5.1).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.0
            .iter()
            .filter(move |(n, _)| n.trim_end_matches(':').eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_slice())
    }

    /// The first value of that name, as text (bytes that are no UTF-8 replaced), without white space around it.
    pub fn text(&self, name: &str) -> Option<String> {
        self.all(name)
            .next()
            .map(|v| String::from_utf8_lossy(v).trim().to_owned())
    }

    /// The comma-separated elements of every field of that name, trimmed (RFC 9110 §5.6.1).
    pub fn list(&self, name: &str) -> Vec<String> {
        self.all(name)
            .flat_map(|v| {
                String::from_utf8_lossy(v)
                    .split(',')
                    .map(|part| part.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .filter(|part| !part.is_empty())
            .collect()
    }

    /// Whether there is a field of that name.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

/// How a request's body is framed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyFraming {
    /// No body and no `Content-Length`.
    None,
    /// `Content-Length` with the body's size.
    Length,
    /// `Transfer-Encoding: chunked`, in chunks of at most so many bytes.
    Chunked(usize),
}

/// A request, to be written to the letter. `Host` and the framing's field are added unless `headers` has them:
/// `Host` before the others, the framing's field after them. `Content-Length` is not added beside a
/// `Transfer-Encoding` of `headers`, so that a body framed by hand can be sent as [`BodyFraming::Length`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The request target: path and query, as on the wire.
    pub target: String,
    /// The fields, in order.
    pub headers: Headers,
    /// The body. Copies of a request share it.
    pub body: Bytes,
    /// How the body is framed.
    pub framing: BodyFraming,
}

/// A request as it goes on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    /// Head and framed body.
    pub(super) bytes: Bytes,
    /// How many of them are the head.
    pub(super) head: usize,
}

impl Request {
    /// The bytes for a server whose `Host` is this.
    pub(super) fn encode(&self, host: &str) -> Encoded {
        let mut bytes = Vec::with_capacity(self.body.len() + 512);
        bytes.extend_from_slice(format!("{} {} HTTP/1.1\r\n", self.method, self.target).as_bytes());
        let mut field = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(name.as_bytes());
            // A name that brings its own colon has its value right behind it: white space there is optional.
            if !name.ends_with(':') {
                bytes.extend_from_slice(b": ");
            }
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        if !self.headers.has("host") {
            field("Host", host.as_bytes());
        }
        for (name, value) in &self.headers.0 {
            field(name, value);
        }
        let framed = self.headers.has("transfer-encoding");
        match self.framing {
            BodyFraming::Length if !framed && !self.headers.has("content-length") => {
                field("Content-Length", self.body.len().to_string().as_bytes());
            }
            BodyFraming::Chunked(_) if !framed => field("Transfer-Encoding", b"chunked"),
            BodyFraming::None | BodyFraming::Length | BodyFraming::Chunked(_) => {}
        }
        bytes.extend_from_slice(b"\r\n");
        let head = bytes.len();
        match self.framing {
            BodyFraming::None => {}
            BodyFraming::Length => bytes.extend_from_slice(&self.body),
            BodyFraming::Chunked(size) => {
                for chunk in self.body.chunks(size.max(1)) {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
        }
        Encoded {
            bytes: bytes.into(),
            head,
        }
    }

    /// Whether the request asks for the connection's end.
    pub(super) fn says_close(&self) -> bool {
        says_close(&self.headers)
    }
}

/// `Connection: close` (RFC 9112 §9.6).
pub(super) fn says_close(headers: &Headers) -> bool {
    headers
        .list("connection")
        .iter()
        .any(|option| option.eq_ignore_ascii_case("close"))
}

/// Whether another request may follow on the connection of a whole answer with this head (RFC 9112 §9.3). One that has
/// had both framings in one head has to be closed (§6.1).
pub(crate) fn persists(head: &Head, framing: Option<&Framing>) -> bool {
    let headers = &head.headers;
    head.version != "HTTP/1.0"
        && head.status != 101
        && !says_close(headers)
        && !(headers.has("content-length") && headers.has("transfer-encoding"))
        && !matches!(framing, Some(Framing::Close))
}

/// How a request's bytes reach the socket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Pieces {
    /// In one write.
    #[default]
    Whole,
    /// In writes of so many bytes, with a pause after each.
    Every {
        /// Bytes a write.
        size: usize,
        /// The pause between two writes.
        pause: Duration,
    },
    /// Cut at these offsets of the whole request (head and framed body), with a pause at each cut.
    At {
        /// Where to cut, ascending.
        cuts: Vec<usize>,
        /// The pause at each cut.
        pause: Duration,
    },
    /// The head first; the body only after an interim or final answer, or after this long without one
    /// (`Expect: 100-continue`, RFC 9110 §10.1.1). A final answer that came first leaves the body unsent.
    AfterHead {
        /// How long to wait for an answer before the body goes anyway.
        wait: Duration,
    },
    /// Only this many bytes are sent; the rest never is.
    OnlyFirst(usize),
}

/// Where the answer's first line stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 on a socket of our own: the evidence is byte-exact.
    Http1,
    /// HTTP/2, or whatever else the ordinary client spoke: framing is the client's word.
    Http2,
}

/// The head of an answer, interim or final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `HTTP/1.1`, as the server wrote it.
    pub version: String,
    /// The status.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The fields.
    pub headers: Headers,
    /// When its last byte had been received.
    pub at: Instant,
}

/// How an answer's body was framed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framing {
    /// No body, by status or method (RFC 9112 §6.3: 1xx, 204, 304, HEAD).
    Empty,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked {
        /// Whether a chunk had an extension.
        extensions: bool,
        /// Whether a chunk extension had a quoted value or white space in it, or a chunk had more than one extension.
        intricate_extensions: bool,
        /// The trailer fields.
        trailers: Headers,
    },
    /// Until the connection's end.
    Close,
    /// HTTP/2's own.
    Http2,
}

/// How an exchange ended. `offset`s count the raw bytes of the answer from its first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The answer is whole, by its framing.
    Complete,
    /// The connection was closed (FIN, or TLS end) before the answer was whole.
    Closed,
    /// The connection was reset, or broke otherwise, before the answer was whole.
    Reset,
    /// The bytes are no HTTP answer.
    Malformed {
        /// What is wrong, as one lowercase phrase.
        what: String,
        /// Where, in the raw bytes of the answer.
        offset: usize,
    },
    /// The deadline passed.
    TimedOut,
    /// We ended it: abandoned on purpose, or a bound was reached.
    Abandoned,
    /// A bound of ours was reached: more than so many bytes of head or body.
    TooLarge,
    /// No connection could be made.
    Unreachable(Unreachable),
}

/// Why no connection could be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreachable {
    /// The name has no address.
    Dns(String),
    /// Refused, no route, or another error of the operating system.
    Connect(String),
    /// No connection within the connect time-out.
    TimedOut,
    /// The TLS handshake failed.
    Tls(String),
    /// The proxy on the way is not there, or gives no tunnel: a whole sentence.
    Proxy(String),
    /// This process ran out of something (file descriptors, ports), or its ordinary client can't express the request:
    /// not the target's fault.
    Ourselves(String),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreachable::Dns(why) => write!(f, "the host name can't be resolved: {why}"),
            Unreachable::Connect(why) => write!(f, "no connection: {why}"),
            Unreachable::TimedOut => f.write_str("no connection within the connect time-out"),
            Unreachable::Tls(why) => write!(f, "the TLS handshake failed: {why}"),
            Unreachable::Proxy(why) => f.write_str(why),
            Unreachable::Ourselves(why) => write!(f, "nothing could be sent from here: {why}"),
        }
    }
}

/// A body as received, transfer coding taken off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// Its bytes, content coding taken off as well where it was gzip or deflate; bounded.
    pub bytes: Vec<u8>,
    /// The size of `bytes` after each read that brought some, with that read's instant.
    pub arrivals: Vec<(usize, Instant)>,
    /// The content coding that was taken off, if any (`gzip`).
    pub coding: Option<String>,
    /// The content coding could not be taken off: `bytes` are still coded, or, where it broke on the way, what had
    /// been decoded until then.
    pub undecodable: bool,
}

/// Arrivals kept apart. A server that sends 16 MB byte by byte would else make us keep 400 MB of instants; from
/// here on the last entry grows.
const ARRIVALS: usize = 65_536;

impl Body {
    /// Notes that a read brought the body from this size to the one it has now.
    pub(super) fn arrived(&mut self, before: usize, at: Instant) {
        let after = self.bytes.len();
        if after > before {
            let full = self.arrivals.len() >= ARRIVALS;
            match self.arrivals.last_mut() {
                Some(last) if full => *last = (after, at),
                _ => self.arrivals.push((after, at)),
            }
        }
    }
}

/// One request and everything that came back.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// The request's bytes as they were written (whole, even where only some were), bounded for evidence. What the
    /// ordinary client wrote is told in the form of HTTP/1.1.
    pub sent: Vec<u8>,
    /// How many bytes of the request were written before the exchange ended.
    pub sent_bytes: usize,
    /// Interim answers (1xx).
    pub interim: Vec<Head>,
    /// The final answer's head, if one came.
    pub head: Option<Head>,
    /// The body's framing, once the head is known.
    pub framing: Option<Framing>,
    /// The body.
    pub body: Body,
    /// Bytes that came after the end of the answer though nothing more was asked, or empty lines before its status
    /// line; bounded.
    pub surplus: Vec<u8>,
    /// Raw bytes of the answer as received, `surplus` left out, bounded for evidence. What the ordinary client
    /// received is told in the form of HTTP/1.1, its body decoded.
    pub received: Vec<u8>,
    /// How many bytes were received in all.
    pub received_bytes: u64,
    /// How it ended.
    pub end: End,
    /// HTTP/1.1 byte-exact, or HTTP/2.
    pub protocol: Protocol,
    /// Whether an earlier exchange had used the connection. The ordinary client doesn't tell: `false`.
    pub reused: bool,
    /// When the exchange began (before any connect).
    pub started: Instant,
    /// When the last byte of the request had been written, or taken from us by the ordinary client; `None` if that
    /// never happened.
    pub sent_at: Option<Instant>,
    /// When the first byte of the answer came.
    pub first_byte_at: Option<Instant>,
    /// When it ended.
    pub ended: Instant,
    /// Whether the connection can carry another request: whole answer, nothing that says close.
    pub reusable: bool,
}

impl Exchange {
    /// An exchange that never had a connection.
    pub(super) fn unreachable(
        request: Request,
        host: &str,
        started: Instant,
        why: Unreachable,
    ) -> Exchange {
        let encoded = request.encode(host);
        Exchange {
            sent: bounded(&encoded.bytes),
            request,
            sent_bytes: 0,
            interim: Vec::new(),
            head: None,
            framing: None,
            body: Body::default(),
            surplus: Vec::new(),
            received: Vec::new(),
            received_bytes: 0,
            end: End::Unreachable(why),
            protocol: Protocol::Http1,
            reused: false,
            started,
            sent_at: None,
            first_byte_at: None,
            ended: Instant::now(),
            reusable: false,
        }
    }

    /// The final status, if an answer came.
    pub fn status(&self) -> Option<u16> {
        self.head.as_ref().map(|head| head.status)
    }

    /// The final answer's fields; none if no answer came.
    pub fn headers(&self) -> &Headers {
        static NONE: Headers = Headers(Vec::new());
        self.head.as_ref().map_or(&NONE, |head| &head.headers)
    }

    /// From its begin to its end.
    pub fn duration(&self) -> Duration {
        self.ended.saturating_duration_since(self.started)
    }

    /// From the request's begin to the answer's head.
    pub fn time_to_head(&self) -> Option<Duration> {
        self.head
            .as_ref()
            .map(|head| head.at.saturating_duration_since(self.started))
    }

    /// Whether the connection ended before the first byte of an answer: worth one more try on a fresh one.
    pub fn broke_before_first_byte(&self) -> bool {
        self.first_byte_at.is_none() && matches!(self.end, End::Closed | End::Reset)
    }
}

/// Bytes kept of each direction as evidence.
pub(super) const EVIDENCE: usize = 64 * 1024;

/// The bytes that a request is on the wire: head, with `Host` and the framing's field, and framed body.
pub fn serialized(request: &Request, host: &str) -> Bytes {
    request.encode(host).bytes
}

/// As much of these bytes as evidence keeps.
pub(super) fn bounded(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(EVIDENCE)].to_vec()
}

/// Puts bytes at the end of evidence, as far as there is room.
pub(super) fn keep(evidence: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    let room = limit.saturating_sub(evidence.len());
    evidence.extend_from_slice(&bytes[..bytes.len().min(room)]);
}
