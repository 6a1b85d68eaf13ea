//! The measured exchange: send, stamp, read, sieve. What came of it is judged by [`verdict`](super::verdict).

use super::gaps::Gaps;
use super::ids::Ids;
use super::lane::{Alarms, Lane, Open};
use super::sieve::{Sieve, Sieved};
use super::switch::Switch;
use super::verdict;
use crate::judge::Mode;
use crate::time::Deadline;
use crate::wire::{Body, End, Framing, Head, Headers, Protocol, Unreachable, end_of_http2};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// What the requests with one key have in common.
#[derive(Debug)]
pub(super) struct Address {
    /// Path of the request; of HTTP/2 the whole URL.
    pub(super) target: http::Uri,
    /// Its fields; of HTTP/1.1 `Host` too.
    pub(super) headers: http::HeaderMap,
}

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// Where it goes, and its fields.
    pub(super) address: Arc<Address>,
    /// Its body.
    pub(super) body: Bytes,
    /// The answer that it asks for.
    pub(super) mode: Mode,
    /// The client goes away after so many chunks with content.
    pub(super) abandon_after: Option<u32>,
    /// Its text is wanted: it goes into a conversation.
    pub(super) keep_text: bool,
    /// When it was due (open model).
    pub(super) due: Option<Instant>,
}

/// How long a client waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the connection.
    pub(super) connect: Duration,
    /// For the whole answer, and so for the status line.
    pub(super) total: Duration,
    /// For the next byte, once the body has begun.
    pub(super) idle: Duration,
    /// A gap over it counts as a stall.
    pub(super) stall: Duration,
}

/// Why an answer ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// No status line in time.
    Headers,
    /// No byte in time.
    Idle,
    /// Not whole in time.
    Total,
    /// We ended it: on purpose, or at the run's end.
    Ourselves,
}

/// What was measured of one request and its answer.
#[derive(Debug)]
pub(super) struct Measured {
    /// When the request was due.
    pub(super) due: Option<Instant>,
    /// Just before the exchange began, a connect included.
    pub(super) sent: Instant,
    /// How long the connection took to open, where it had to be.
    pub(super) connect: Option<Duration>,
    /// Why there was no connection.
    pub(super) unreachable: Option<Unreachable>,
    /// The head, once it had come.
    pub(super) answered: Option<Answered>,
    pub(super) first_event: Option<Instant>,
    pub(super) first_content: Option<Instant>,
    pub(super) second_content: Option<Instant>,
    pub(super) last_content: Option<Instant>,
    pub(super) contents: u32,
    pub(super) coalesced: u32,
    pub(super) stalls: u32,
    pub(super) longest_gap: Duration,
    pub(super) gaps: Gaps,
    /// The stream, where one was asked for and came.
    pub(super) sieved: Option<Sieved>,
    /// Any other body, whole.
    pub(super) body: Body,
    pub(super) end: End,
    pub(super) cut: Option<Cut>,
    pub(super) ended: Instant,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    /// What was spoken.
    pub(super) protocol: Protocol,
    /// The connection had been used before.
    pub(super) reused: bool,
    /// How long nothing had come over it before the request was sent.
    pub(super) idle: Duration,
}

/// No server's keep-alive time-out is shorter.
const STALE_AFTER: Duration = Duration::from_secs(1);

/// Bodies that are no streams are kept up to this; longer ones are no documented answers.
const MOST: usize = 4 * 1024 * 1024;

/// The head of an answer, as hyper read it.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) parts: http::response::Parts,
    pub(super) framing: Framing,
    /// When the read that completed it came.
    pub(super) at: Instant,
}

impl Answered {
    /// The same as the judge reads it.
    pub(super) fn head(&self) -> Head {
        let mut headers = Headers::new();
        for (name, value) in &self.parts.headers {
            headers.push(name.as_str(), value.as_bytes());
        }
        Head {
            version: format!("{:?}", self.parts.version),
            status: self.parts.status.as_u16(),
            reason: self
                .parts
                .status
                .canonical_reason()
                .unwrap_or_default()
                .to_owned(),
            headers,
            at: self.at,
        }
    }
}

impl Measured {
    fn new(order: &Order) -> Measured {
        let now = Instant::now();
        Measured {
            due: order.due,
            sent: now,
            connect: None,
            unreachable: None,
            answered: None,
            first_event: None,
            first_content: None,
            second_content: None,
            last_content: None,
            contents: 0,
            coalesced: 0,
            stalls: 0,
            longest_gap: Duration::ZERO,
            gaps: Gaps::default(),
            sieved: None,
            body: Body::default(),
            end: End::Complete,
            cut: None,
            ended: now,
            bytes_sent: 0,
            bytes_received: 0,
            protocol: Protocol::Http1,
            reused: false,
            idle: Duration::ZERO,
        }
    }

    fn over(mut self, end: End, cut: Option<Cut>, at: Instant) -> Measured {
        self.end = end;
        self.cut = cut;
        self.ended = at;
        self
    }

    /// Whether the connection ended before the first byte of an answer, since nobody had used it for too long. One
    /// that was in use a moment ago was not closed for that: its end is what came of the request.
    fn is_stale(&self) -> bool {
        self.reused
            && self.idle >= STALE_AFTER
            && self.answered.is_none()
            && self.bytes_received == 0
            && self.cut.is_none()
            && matches!(self.end, End::Closed | End::Reset)
    }

    /// `count` chunks with content came with one read.
    fn contents_came(&mut self, count: u32, at: Instant, stall: Duration) {
        if count == 0 {
            return;
        }
        if let Some(last) = self.last_content {
            let gap = at.saturating_duration_since(last);
            self.gap(gap, stall);
            self.coalesced += u32::from(gap.is_zero());
            if self.second_content.is_none() {
                self.second_content = Some(at);
            }
        } else {
            self.first_content = Some(at);
            if count > 1 {
                self.second_content = Some(at);
            }
        }
        for _ in 1..count {
            self.gap(Duration::ZERO, stall);
            self.coalesced += 1;
        }
        self.contents += count;
        self.last_content = Some(at);
    }

    fn gap(&mut self, gap: Duration, stall: Duration) {
        self.gaps
            .push(u32::try_from(gap.as_micros()).unwrap_or(u32::MAX));
        self.longest_gap = self.longest_gap.max(gap);
        self.stalls += u32::from(gap > stall);
    }
}

/// Sends a request over a lane and reads the answer to its end. Ends early where `stop` says so.
///
/// A kept connection that was idle, and that the target had closed before it read anything, is no answer: the request
/// goes out once more on a fresh one (RFC 9112 §9.3.1), as every client does.
pub(super) async fn exchange(
    lane: &mut Lane,
    order: &Order,
    patience: &Patience,
    ids: &Ids,
    stop: &Switch,
) -> Measured {
    let measured = once(lane, order, patience, ids, stop).await;
    if measured.is_stale() {
        let again = once(lane, order, patience, ids, stop).await;
        return Measured {
            sent: measured.sent,
            ..again
        };
    }
    measured
}

async fn once(
    lane: &mut Lane,
    order: &Order,
    patience: &Patience,
    ids: &Ids,
    stop: &Switch,
) -> Measured {
    let mut measured = Measured::new(order);
    let mut open = match lane.kept().await {
        Some(open) => {
            measured.reused = true;
            measured.idle = measured
                .sent
                .saturating_duration_since(open.meter.read_at());
            open
        }
        None => {
            let dialled = tokio::select! {
                // Boxed: as a part of this future it would cost every open stream 2.5 KiB for the rest of its life.
                dialled = Box::pin(lane.dial(Deadline::after(patience.connect))) => dialled,
                () = stop.cancelled() => {
                    return measured.over(End::Abandoned, Some(Cut::Ourselves), Instant::now());
                }
            };
            match dialled {
                Ok((open, took)) => {
                    measured.connect = Some(took);
                    open
                }
                Err(why) => {
                    measured.unreachable = Some(why.clone());
                    return measured.over(End::Unreachable(why), None, Instant::now());
                }
            }
        }
    };
    measured.protocol = open.protocol();
    open.used += 1;
    let (sent_before, received_before) = (open.meter.sent(), open.meter.received());
    let mut waiting = Waiting {
        open: &mut open,
        alarms: lane.alarms(stop),
        stop,
    };
    let (end, cut) = run(&mut waiting, order, patience, ids, &mut measured).await;
    measured.bytes_sent = open.meter.sent() - sent_before;
    measured.bytes_received = open.meter.received() - received_before;
    let whole = end == End::Complete;
    // The last byte of a whole answer came with the last read, whatever was made of it since.
    let at = match whole {
        true => open.meter.read_at(),
        false => Instant::now(),
    };
    let measured = measured.over(end, cut, at);
    if whole {
        lane.give_back(open);
    }
    measured
}

/// What waiting brought.
enum Got<T> {
    It(T),
    Cut(Cut),
}

/// Waits for something that the connection brings, driving the connection; until the deadline, or the end.
struct Waiting<'a> {
    open: &'a mut Open,
    alarms: &'a mut Alarms,
    stop: &'a Switch,
}

impl Waiting<'_> {
    /// `late` says until when it waits, or that this is over.
    async fn until<T>(
        &mut self,
        mut ready: impl FnMut(&mut Context<'_>) -> Poll<T>,
        late: impl Fn(Instant) -> Result<Instant, Cut>,
    ) -> Got<T> {
        std::future::poll_fn(|cx| {
            // First the connection, then what it brought: what it brought before has been taken, and its next read is
            // what is waited for.
            if let Poll::Ready(it) = self.open.poll_until(cx, &mut ready) {
                return Poll::Ready(Got::It(it));
            }
            while self.alarms.poll_rung(cx) {
                match late(Instant::now()) {
                    Ok(until) => self.alarms.by(until),
                    Err(cut) => return Poll::Ready(Got::Cut(cut)),
                }
            }
            // Looked at after the waker is in its place: a turn between the two would be missed.
            if self.stop.is_cancelled() {
                return Poll::Ready(Got::Cut(Cut::Ourselves));
            }
            Poll::Pending
        })
        .await
    }
}

async fn run(
    waiting: &mut Waiting<'_>,
    order: &Order,
    patience: &Patience,
    ids: &Ids,
    measured: &mut Measured,
) -> (End, Option<Cut>) {
    let mut request = http::Request::new(Full::new(order.body.clone()));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = order.address.target.clone();
    *request.headers_mut() = order.address.headers.clone();
    let by = measured.sent + patience.total;
    let mut response = pin!(waiting.open.send(request));
    waiting.alarms.by(by);
    let response = waiting
        .until(
            |cx| response.as_mut().poll(cx),
            |now| (now < by).then_some(by).ok_or(Cut::Headers),
        )
        .await;
    let response = match response {
        Got::Cut(cut) => return (ended_by(cut), Some(cut)),
        Got::It(Err(error)) => return (end_of(&error, waiting.open), None),
        Got::It(Ok(response)) => response,
    };
    let (mut parts, body) = response.into_parts();
    if order.mode == Mode::Stream {
        detach(&mut parts.headers);
    }
    measured.answered = Some(Answered {
        framing: framing(waiting.open.protocol(), &parts.headers, &body),
        at: waiting.open.meter.read_at(),
        parts,
    });
    read(body, order, patience, ids, by, waiting, measured).await
}

/// Reads a body to its end.
async fn read(
    body: Incoming,
    order: &Order,
    patience: &Patience,
    ids: &Ids,
    by: Instant,
    waiting: &mut Waiting<'_>,
    measured: &mut Measured,
) -> (End, Option<Cut>) {
    let meter = Arc::clone(&waiting.open.meter);
    let mut body = pin!(body);
    let good = measured
        .answered
        .as_ref()
        .is_some_and(|answered| answered.parts.status == 200);
    let mut sieve = (order.mode == Mode::Stream && good).then(|| Sieve::new(order.keep_text));
    let mut told_id = false;
    // One timer for all waits: it is set anew when it goes off, not at every read.
    waiting.alarms.by(by.min(meter.read_at() + patience.idle));
    let outcome = loop {
        let frame = waiting
            .until(
                |cx| body.as_mut().poll_frame(cx),
                |now| {
                    let idle = meter.read_at() + patience.idle;
                    if now >= by {
                        Err(Cut::Total)
                    } else if now >= idle {
                        Err(Cut::Idle)
                    } else {
                        Ok(idle.min(by))
                    }
                },
            )
            .await;
        let at = meter.read_at();
        // One that never lets us wait would never be cut.
        let cut = match &frame {
            Got::It(Some(Ok(_))) if at >= by => Some(Cut::Total),
            Got::It(Some(Ok(_))) if waiting.stop.is_cancelled() => Some(Cut::Ourselves),
            _ => None,
        };
        if let Some(cut) = cut {
            break (ended_by(cut), Some(cut));
        }
        match frame {
            Got::Cut(cut) => break (ended_by(cut), Some(cut)),
            Got::It(None) => break (End::Complete, None),
            Got::It(Some(Err(error))) => break (end_of(&error, waiting.open), None),
            Got::It(Some(Ok(frame))) => {
                let Ok(bytes) = frame.into_data() else {
                    continue; // trailers
                };
                match &mut sieve {
                    Some(sieve) => {
                        let brought = sieve.feed(&bytes, at);
                        if brought.events > 0 && measured.first_event.is_none() {
                            measured.first_event = Some(at);
                        }
                        if let (false, Some(id)) = (told_id, sieve.id()) {
                            // At once: another stream may bring it while this one runs (STREAM-9).
                            ids.begun(id);
                            told_id = true;
                        }
                        measured.contents_came(brought.contents, at, patience.stall);
                        let enough = order
                            .abandon_after
                            .is_some_and(|chunks| measured.contents >= chunks);
                        if enough && !sieve.is_done() {
                            break (End::Abandoned, Some(Cut::Ourselves));
                        }
                        if sieve.is_too_large() {
                            break (End::TooLarge, None);
                        }
                    }
                    None => {
                        measured.body.bytes.extend_from_slice(&bytes);
                        let size = measured.body.bytes.len();
                        measured.body.arrivals = vec![(size, at)];
                        if size > MOST {
                            break (End::TooLarge, None);
                        }
                    }
                }
            }
        }
    };
    if let Some(sieve) = sieve {
        // Where the head has to be read by the rules, they need a body to it.
        let sure = outcome.0 == End::Complete
            && measured
                .answered
                .as_ref()
                .is_some_and(|answered| verdict::right_head(answered, order.mode));
        measured.sieved = Some(sieve.finish(sure, meter.read_at()));
    }
    outcome
}

/// Copies the values of fields out of the connection's read buffer, which they would hold for as long as the answer
/// takes: a stream would need a second buffer beside it.
fn detach(headers: &mut http::HeaderMap) {
    for value in headers.values_mut() {
        if let Ok(copy) = http::HeaderValue::from_bytes(value.as_bytes()) {
            *value = copy;
        }
    }
}

fn ended_by(cut: Cut) -> End {
    match cut {
        Cut::Headers | Cut::Idle | Cut::Total => End::TimedOut,
        Cut::Ourselves => End::Abandoned,
    }
}

/// How an exchange ended that hyper gave up. What it says of a request can be the connection's error.
fn end_of(error: &hyper::Error, open: &Open) -> End {
    let error = if error.is_canceled() {
        open.failure().unwrap_or(error)
    } else {
        error
    };
    if open.protocol() == Protocol::Http2 {
        return end_of_http2(error);
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut kind = None;
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            kind = Some(io.kind());
        }
        source = cause.source();
    }
    match kind {
        Some(
            std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::BrokenPipe,
        ) => End::Reset,
        Some(std::io::ErrorKind::UnexpectedEof) => End::Closed,
        _ if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => {
            End::Closed
        }
        _ => End::Malformed {
            what: told(error),
            offset: 0,
        },
    }
}

/// An error with its causes, in a line.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

fn framing(protocol: Protocol, headers: &http::HeaderMap, body: &Incoming) -> Framing {
    if protocol == Protocol::Http2 {
        return Framing::Http2;
    }
    if headers.contains_key(http::header::TRANSFER_ENCODING) {
        return Framing::Chunked {
            extensions: false,
            intricate_extensions: false,
            trailers: Headers::new(),
        };
    }
    match body.size_hint().exact() {
        Some(length) if headers.contains_key(http::header::CONTENT_LENGTH) => {
            Framing::Length(length)
        }
        Some(_) => Framing::Empty,
        None => Framing::Close,
    }
}
