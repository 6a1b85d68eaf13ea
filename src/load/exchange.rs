//! The measured exchange: send, stamp, read, sieve. What came of it is judged by [`verdict`](super::verdict).

use super::gaps::Gaps;
use super::ids::Ids;
use super::lane::{Alarms, Lane, Meter, Open, Speaking};
use super::sieve::{Sieve, Sieved};
use super::switch::Switch;
use super::verdict;
use crate::judge::Mode;
use crate::time::Deadline;
use crate::wire::{
    Answer, Body, End, Framing, Head, Headers, Limits, Protocol, SURPLUS, Unreachable, persists,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use std::io;
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
    /// The head of HTTP/1.1, up to the body's length.
    head: Vec<u8>,
}

impl Address {
    pub(super) fn new(target: http::Uri, headers: http::HeaderMap) -> Address {
        let mut head = format!("POST {target} HTTP/1.1\r\n").into_bytes();
        for (name, value) in &headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"content-length: ");
        Address {
            target,
            headers,
            head,
        }
    }
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

impl Order {
    /// The request as HTTP/1.1 has it: in one piece, for one write.
    fn bytes(&self) -> Vec<u8> {
        let head = &self.address.head;
        let mut bytes = Vec::with_capacity(head.len() + 16 + self.body.len());
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(self.body.len().to_string().as_bytes());
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
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
    /// What came behind the answer's end, unasked.
    pub(super) surplus: Vec<u8>,
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
    /// How long nothing had come when it ended.
    pub(super) silence: Duration,
}

/// No server's keep-alive time-out is shorter.
const STALE_AFTER: Duration = Duration::from_secs(1);

/// Bodies that are no streams are kept up to this; longer ones are no documented answers.
const MOST: usize = 4 * 1024 * 1024;

/// Of an answer's bytes the head is bounded by the parser; how much of a body is kept is the reader's matter.
const LIMITS: Limits = Limits {
    body: usize::MAX,
    ..Limits::USUAL
};

/// The head of an answer, and how its body is framed.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) head: Head,
    pub(super) framing: Framing,
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
            surplus: Vec::new(),
            end: End::Complete,
            cut: None,
            ended: now,
            bytes_sent: 0,
            bytes_received: 0,
            protocol: Protocol::Http1,
            reused: false,
            idle: Duration::ZERO,
            silence: Duration::ZERO,
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
    measured.silence = at.saturating_duration_since(open.meter.read_at());
    let measured = measured.over(end, cut, at);
    if whole && may_follow(&mut open, &measured) {
        lane.give_back(open);
    }
    measured
}

/// Whether the connection can carry another request after this whole answer.
fn may_follow(open: &mut Open, measured: &Measured) -> bool {
    match open.speaking() {
        Speaking::Http1(http1) => {
            http1.has_sent()
                && measured.surplus.is_empty()
                && measured
                    .answered
                    .as_ref()
                    .is_some_and(|answered| persists(&answered.head, Some(&answered.framing)))
        }
        Speaking::Http2(_) => true,
    }
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
        mut ready: impl FnMut(&mut Open, &mut Context<'_>) -> Poll<T>,
        late: impl Fn(Instant) -> Result<Instant, Cut>,
    ) -> Got<T> {
        std::future::poll_fn(|cx| {
            if let Poll::Ready(it) = ready(self.open, cx) {
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

/// Until when is waited: for the head, then for each of the body's bytes.
struct Until {
    meter: Arc<Meter>,
    by: Instant,
    idle: Duration,
    headed: bool,
    /// The first byte of the body has come: from here on silence is measured.
    begun: bool,
}

impl Until {
    fn late(&self, now: Instant) -> Result<Instant, Cut> {
        if !self.headed {
            return (now < self.by).then_some(self.by).ok_or(Cut::Headers);
        }
        let idle = self.meter.read_at() + self.idle;
        if now >= self.by {
            Err(Cut::Total)
        } else if !self.begun {
            Ok(self.by)
        } else if now >= idle {
            Err(Cut::Idle)
        } else {
            Ok(idle.min(self.by))
        }
    }
}

async fn run(
    waiting: &mut Waiting<'_>,
    order: &Order,
    patience: &Patience,
    ids: &Ids,
    measured: &mut Measured,
) -> (End, Option<Cut>) {
    let mut until = Until {
        meter: Arc::clone(&waiting.open.meter),
        by: measured.sent + patience.total,
        idle: patience.idle,
        headed: false,
        begun: false,
    };
    waiting.alarms.by(until.by);
    let mut reader = Reader {
        order,
        stall: patience.stall,
        ids,
        sieve: None,
        told_id: false,
    };
    let outcome = match waiting.open.protocol() {
        Protocol::Http1 => over_http1(waiting, &mut until, &mut reader, measured).await,
        // Boxed: few runs need it, and it would make every stream's future as large as its own.
        Protocol::Http2 => Box::pin(over_http2(waiting, &mut until, &mut reader, measured)).await,
    };
    reader.finish(&outcome.0, until.meter.read_at(), measured);
    outcome
}

/// The exchange by wire's own parser: what it takes for an answer is what `conform` does.
async fn over_http1(
    waiting: &mut Waiting<'_>,
    until: &mut Until,
    reader: &mut Reader<'_>,
    measured: &mut Measured,
) -> (End, Option<Cut>) {
    let mut answer = Answer::new("POST", LIMITS);
    let mut body = Vec::new();
    let mut request = Some(reader.order.bytes());
    loop {
        let surplus = &mut measured.surplus;
        let got = waiting
            .until(
                |open, cx| {
                    let Speaking::Http1(http1) = open.speaking() else {
                        return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
                    };
                    if let Some(request) = request.take() {
                        http1.send(request);
                    }
                    http1.poll(cx, |bytes| {
                        let taken = answer.feed(bytes, until.meter.read_at());
                        let more = &bytes[taken..];
                        surplus.extend_from_slice(&more[..more.len().min(SURPLUS)]);
                    })
                },
                |now| until.late(now),
            )
            .await;
        match got {
            Got::Cut(cut) => return (ended_by(cut), Some(cut)),
            Got::It(Ok(0)) => answer.eof(),
            Got::It(Ok(_)) => {}
            Got::It(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => answer.eof(),
            Got::It(Err(_)) => return (End::Reset, None),
        }
        let at = until.meter.read_at();
        if !until.headed
            && let (Some(head), Some(framing)) = (answer.head.take(), answer.framing.take())
        {
            until.headed = true;
            reader.begin(head.status);
            measured.answered = Some(Answered { head, framing });
        }
        answer.take_body(&mut body);
        if !body.is_empty() {
            body_came(waiting, until, at);
            let enough = reader.take(&body, at, measured);
            if body.capacity() > ROOMY {
                body = Vec::new();
            }
            if answer.over.is_none()
                && let Some(enough) = enough
            {
                return enough;
            }
        }
        if let Some(end) = answer.over.take() {
            measured.body.coding = answer.body.coding.take();
            return (end, None);
        }
        if let Some(cut) = restless(waiting.stop, until, at) {
            return (ended_by(cut), Some(cut));
        }
    }
}

/// From the body's first byte on silence has a limit. One timer serves all waits: it is set anew when it goes off, not at
/// every read.
fn body_came(waiting: &mut Waiting<'_>, until: &mut Until, at: Instant) {
    if !until.begun {
        until.begun = true;
        waiting.alarms.by(until.by.min(at + until.idle));
    }
}

/// A buffer of more bytes than this is not kept for the rest of a stream.
const ROOMY: usize = 16 * 1024;

/// Why an answer ends that never lets us wait, and so would never be cut.
fn restless(stop: &Switch, until: &Until, at: Instant) -> Option<Cut> {
    if at >= until.by {
        Some(if until.headed {
            Cut::Total
        } else {
            Cut::Headers
        })
    } else {
        stop.is_cancelled().then_some(Cut::Ourselves)
    }
}

/// The exchange by hyper's HTTP/2.
async fn over_http2(
    waiting: &mut Waiting<'_>,
    until: &mut Until,
    reader: &mut Reader<'_>,
    measured: &mut Measured,
) -> (End, Option<Cut>) {
    let order = reader.order;
    let mut request = http::Request::new(Full::new(order.body.clone()));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = order.address.target.clone();
    *request.headers_mut() = order.address.headers.clone();
    let Speaking::Http2(http2) = waiting.open.speaking() else {
        return (End::Abandoned, None);
    };
    let mut response = pin!(http2.send(request));
    let response = waiting
        .until(
            |open, cx| polled(open, cx, |cx| response.as_mut().poll(cx)),
            |now| until.late(now),
        )
        .await;
    let response = match response {
        Got::Cut(cut) => return (ended_by(cut), Some(cut)),
        Got::It(Err(error)) => return (end_of(&error, waiting.open), None),
        Got::It(Ok(response)) => response,
    };
    let (parts, body) = response.into_parts();
    let at = until.meter.read_at();
    let head = head_of(&parts, at);
    reader.begin(head.status);
    measured.answered = Some(Answered {
        head,
        framing: Framing::Http2,
    });
    until.headed = true;
    let mut body: std::pin::Pin<&mut Incoming> = pin!(body);
    loop {
        let frame = waiting
            .until(
                |open, cx| polled(open, cx, |cx| body.as_mut().poll_frame(cx)),
                |now| until.late(now),
            )
            .await;
        let at = until.meter.read_at();
        match frame {
            Got::Cut(cut) => return (ended_by(cut), Some(cut)),
            Got::It(None) => return (End::Complete, None),
            Got::It(Some(Err(error))) => return (end_of(&error, waiting.open), None),
            Got::It(Some(Ok(frame))) => {
                // Else they are trailers.
                if let Ok(bytes) = frame.into_data() {
                    body_came(waiting, until, at);
                    if let Some(enough) = reader.take(&bytes, at, measured) {
                        return enough;
                    }
                }
                if let Some(cut) = restless(waiting.stop, until, at) {
                    return (ended_by(cut), Some(cut));
                }
            }
        }
    }
}

/// First the connection, then what it brought: what it brought before has been taken, and its next read is what is waited
/// for.
fn polled<T>(
    open: &mut Open,
    cx: &mut Context<'_>,
    mut ready: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    match open.speaking() {
        Speaking::Http2(http2) => http2.poll_until(cx, ready),
        Speaking::Http1(_) => ready(cx),
    }
}

/// Takes an answer's body as it comes.
struct Reader<'a> {
    order: &'a Order,
    stall: Duration,
    ids: &'a Ids,
    /// Of a stream that was asked for and came.
    sieve: Option<Sieve>,
    told_id: bool,
}

impl Reader<'_> {
    /// The head has come.
    fn begin(&mut self, status: u16) {
        self.sieve = (self.order.mode == Mode::Stream && status == 200)
            .then(|| Sieve::new(self.order.keep_text));
    }

    /// Takes what a read brought of the body; says how the answer ends, if that is enough of it.
    fn take(
        &mut self,
        bytes: &[u8],
        at: Instant,
        measured: &mut Measured,
    ) -> Option<(End, Option<Cut>)> {
        let Some(sieve) = &mut self.sieve else {
            measured.body.bytes.extend_from_slice(bytes);
            let size = measured.body.bytes.len();
            measured.body.arrivals = vec![(size, at)];
            return (size > MOST).then_some((End::TooLarge, None));
        };
        let brought = sieve.feed(bytes, at);
        if brought.events > 0 && measured.first_event.is_none() {
            measured.first_event = Some(at);
        }
        if let (false, Some(id)) = (self.told_id, sieve.id()) {
            // At once: another stream may bring it while this one runs (STREAM-9).
            self.ids.begun(id);
            self.told_id = true;
        }
        measured.contents_came(brought.contents, at, self.stall);
        let enough = self
            .order
            .abandon_after
            .is_some_and(|chunks| measured.contents >= chunks);
        if enough && !sieve.is_done() {
            return Some((End::Abandoned, Some(Cut::Ourselves)));
        }
        sieve.is_too_large().then_some((End::TooLarge, None))
    }

    /// The answer is over.
    fn finish(self, end: &End, at: Instant, measured: &mut Measured) {
        if let Some(sieve) = self.sieve {
            // Where the head has to be read by the rules, they need a body to it.
            let sure = *end == End::Complete
                && measured.surplus.is_empty()
                && measured
                    .answered
                    .as_ref()
                    .is_some_and(|answered| verdict::right_head(answered, self.order.mode));
            measured.sieved = Some(sieve.finish(sure, at));
        }
    }
}

/// The head of an answer of HTTP/2.
fn head_of(parts: &http::response::Parts, at: Instant) -> Head {
    let mut headers = Headers::new();
    for (name, value) in &parts.headers {
        headers.push(name.as_str(), value.as_bytes());
    }
    Head {
        version: format!("{:?}", parts.version),
        status: parts.status.as_u16(),
        // HTTP/2 has none.
        reason: String::new(),
        headers,
        at,
    }
}

fn ended_by(cut: Cut) -> End {
    match cut {
        Cut::Headers | Cut::Idle | Cut::Total => End::TimedOut,
        Cut::Ourselves => End::Abandoned,
    }
}

/// How an exchange ended that hyper gave up.
fn end_of(error: &hyper::Error, open: &mut Open) -> End {
    match open.speaking() {
        Speaking::Http2(http2) => http2.end_of(error),
        Speaking::Http1(_) => End::Reset,
    }
}
