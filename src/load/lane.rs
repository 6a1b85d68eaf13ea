//! A lane: the connection of one user, and the bytes and instants of its reads.
//!
//! The connection is driven by whoever waits for the answer and not by a task of its own: so the instant of a read is
//! taken where the read happens, before anything is parsed, and a stream costs one task, no channel and no buffer.

use super::relay::Relay;
use super::switch::Switch;
use crate::time::Deadline;
use crate::wire::{ByteStream, Dialer, End, Protocol, Unreachable, end_of_http2};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// What a connection counts.
#[derive(Debug)]
pub(super) struct Meter {
    base: Instant,
    /// When a read last brought bytes, in nanoseconds after `base`; 0 for never.
    read_at: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Meter {
    fn new() -> Meter {
        Meter {
            base: Instant::now(),
            read_at: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        }
    }

    /// When a read last brought bytes.
    pub(super) fn read_at(&self) -> Instant {
        self.base + Duration::from_nanos(self.read_at.load(Ordering::Relaxed))
    }

    /// Bytes read so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Bytes written so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// A socket that notes when a read turned ready.
struct Metered {
    stream: Box<dyn ByteStream>,
    meter: Arc<Meter>,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if polled.is_ready() {
            let after = buf.filled().len();
            if after > before {
                let at = u64::try_from(self.meter.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
                self.meter.read_at.store(at.max(1), Ordering::Relaxed);
                let received = self.meter.received() + (after - before) as u64;
                self.meter.received.store(received, Ordering::Relaxed);
            }
        }
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Metered {
    fn wrote(&self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(count)) = polled {
            let sent = self.meter.sent() + *count as u64;
            self.meter.sent.store(sent, Ordering::Relaxed);
        }
    }
}

/// What an open connection speaks.
enum Spoken {
    Http1(Http1),
    Http2(Box<Http2>),
}

/// HTTP/1.1 on a socket of our own: what is written and read here is what wire's parser makes an answer of.
pub(super) struct Http1 {
    io: Metered,
    /// The request, as long as not all of it has been written.
    out: Vec<u8>,
    written: usize,
    /// Bytes went out that may not have left yet (TLS).
    flushing: bool,
}

/// One read at most.
const READ: usize = 64 * 1024;

thread_local! {
    /// Where reads go. What they bring is taken before anybody else reads: so no connection needs a buffer.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
}

impl Http1 {
    /// Gives the connection a request to write.
    pub(super) fn send(&mut self, request: Vec<u8>) {
        self.out = request;
        self.written = 0;
    }

    /// Whether the request is out.
    pub(super) fn has_sent(&self) -> bool {
        self.out.is_empty()
    }

    /// Writes what there is to write, and reads once: how many bytes, none at the connection's end. `take` gets them.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]),
    ) -> Poll<io::Result<usize>> {
        while self.written < self.out.len() {
            match Pin::new(&mut self.io).poll_write(cx, &self.out[self.written..]) {
                Poll::Ready(Ok(count)) if count > 0 => self.written += count,
                // It takes no more; what it has to say about that is still to be read.
                Poll::Ready(_) => break,
                Poll::Pending => break,
            }
        }
        if !self.out.is_empty() && self.written == self.out.len() {
            self.out = Vec::new();
            self.written = 0;
            self.flushing = true;
        }
        if self.flushing && Pin::new(&mut self.io).poll_flush(cx).is_ready() {
            self.flushing = false;
        }
        BUFFER.with_borrow_mut(|buffer| {
            let mut read = ReadBuf::new(buffer);
            std::task::ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            let bytes = read.filled();
            if !bytes.is_empty() {
                take(bytes);
            }
            Poll::Ready(Ok(bytes.len()))
        })
    }
}

type Driven = http2::Connection<TokioIo<Metered>, Full<Bytes>, Aside>;

/// HTTP/2 is hyper's, driven by whoever waits for the answer and not by a task of its own.
pub(super) struct Http2 {
    sender: http2::SendRequest<Full<Bytes>>,
    /// Boxed, since it is polled in place and moves with its lane.
    driven: Pin<Box<Driven>>,
    aside: Aside,
    /// How it ended, once it has.
    ended: Option<Result<(), hyper::Error>>,
    relay: Relay,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What hyper's HTTP/2 would have spawned: the lane polls it with the connection, so that here too a read happens where
/// its instant is taken.
#[derive(Clone, Default)]
struct Aside(Arc<Mutex<Vec<Task>>>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Aside {
    fn execute(&self, task: F) {
        self.tasks().push(Box::pin(task));
    }
}

impl Aside {
    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls each once, those included that come meanwhile.
    fn poll(&self, cx: &mut Context<'_>) {
        let mut pending = Vec::new();
        loop {
            // A task may hand over another one: it must find the list unlocked.
            let tasks = std::mem::take(&mut *self.tasks());
            if tasks.is_empty() {
                break;
            }
            for mut task in tasks {
                if task.as_mut().poll(cx).is_pending() {
                    pending.push(task);
                }
            }
        }
        *self.tasks() = pending;
    }
}

impl Http2 {
    /// Hands a request to the connection. What comes of it comes while that is polled.
    pub(super) fn send(
        &mut self,
        request: http::Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<http::Response<Incoming>, hyper::Error>> + use<> {
        self.sender.send_request(request)
    }

    /// Lets the connection read and write, until that makes `ready`.
    pub(super) fn poll_until<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut ready: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let (driven, aside, ended) = (&mut self.driven, &self.aside, &mut self.ended);
        self.relay.poll(cx, |cx| {
            if ended.is_none() {
                if let Poll::Ready(result) = driven.as_mut().poll(cx) {
                    *ended = Some(result);
                }
                aside.poll(cx);
            }
            ready(cx)
        })
    }

    /// What an error of a request is: it can be the connection's.
    pub(super) fn end_of(&self, error: &hyper::Error) -> End {
        match &self.ended {
            Some(Err(failure)) if error.is_canceled() => end_of_http2(failure),
            _ => end_of_http2(error),
        }
    }
}

/// An open connection.
pub(super) struct Open {
    spoken: Spoken,
    pub(super) meter: Arc<Meter>,
    /// Requests that went over it.
    pub(super) used: u64,
}

/// The same, by what it speaks.
pub(super) enum Speaking<'a> {
    Http1(&'a mut Http1),
    Http2(&'a mut Http2),
}

impl Open {
    pub(super) fn speaking(&mut self) -> Speaking<'_> {
        match &mut self.spoken {
            Spoken::Http1(http1) => Speaking::Http1(http1),
            Spoken::Http2(http2) => Speaking::Http2(http2),
        }
    }

    /// What it speaks.
    pub(super) fn protocol(&self) -> Protocol {
        match self.spoken {
            Spoken::Http1(_) => Protocol::Http1,
            Spoken::Http2(_) => Protocol::Http2,
        }
    }

    /// Whether it can carry another request. One that the target has closed, or said something on unasked, is noticed.
    fn is_open(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.spoken {
            Spoken::Http1(http1) => http1.poll(cx, |_| ()).is_pending(),
            Spoken::Http2(http2) => {
                let _ = http2.poll_until(cx, |_| Poll::Ready(()));
                http2.ended.is_none() && !http2.sender.is_closed()
            }
        }
    }
}

/// What ends a wait before its time: a timer and the run's end. Both are kept from wait to wait, and looked at; they are
/// polled only where they would wake somebody else than who waits now. To set a timer and to enter a list of waiters for
/// each request costs as much as its JSON.
pub(super) struct Alarms {
    timer: Pin<Box<Sleep>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    wakes: Option<Waker>,
}

impl Alarms {
    fn new(stop: &Switch) -> Alarms {
        Alarms {
            timer: Box::pin(tokio::time::sleep(FAR)),
            stop: Box::pin(stop.cancelled_owned()),
            wakes: None,
        }
    }

    /// Lets the timer ring at that instant or before it: whoever it wakes too early sets it anew.
    pub(super) fn by(&mut self, instant: Instant) {
        if self.timer.is_elapsed() || self.timer.deadline() > instant.into() {
            self.timer.as_mut().reset(instant.into());
            self.wakes = None;
        }
    }

    /// Whether the timer has rung. Whoever waits is woken when it does, and when the switch is turned.
    pub(super) fn poll_rung(&mut self, cx: &mut Context<'_>) -> bool {
        let set = self
            .wakes
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        if set {
            return self.timer.is_elapsed();
        }
        let rung = self.timer.as_mut().poll(cx).is_ready();
        // Whether it has been turned the switch itself tells.
        let _ = self.stop.as_mut().poll(cx);
        self.wakes = (!rung).then(|| cx.waker().clone());
        rung
    }
}

/// Longer than any wait.
const FAR: Duration = Duration::from_secs(86_400 * 365);

/// How the target is reached.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) dialer: Dialer,
    /// What is spoken. Of HTTP/2 each lane has a connection of its own too, with one answer at a time on it.
    pub(super) protocol: Protocol,
}

/// One user's way to the target: a connection at a time.
pub(super) struct Lane {
    way: Way,
    open: Option<Box<Open>>,
    alarms: Option<Alarms>,
}

impl Lane {
    pub(super) fn new(way: Way) -> Lane {
        Lane {
            way,
            open: None,
            alarms: None,
        }
    }

    /// The alarms of this lane; the switch is the same for all of its requests.
    pub(super) fn alarms(&mut self, stop: &Switch) -> &mut Alarms {
        self.alarms.get_or_insert_with(|| Alarms::new(stop))
    }

    /// The connection that was kept, if it is still open. One that the target has closed meanwhile is noticed here.
    pub(super) async fn kept(&mut self) -> Option<Box<Open>> {
        let mut open = self.open.take()?;
        let is_open = std::future::poll_fn(|cx| Poll::Ready(open.is_open(cx))).await;
        is_open.then_some(open)
    }

    /// A new connection, and how long it took to open.
    pub(super) async fn dial(
        &self,
        deadline: Deadline,
    ) -> Result<(Box<Open>, Duration), Unreachable> {
        let began = Instant::now();
        let dialer = &self.way.dialer;
        let stream = match self.way.protocol {
            Protocol::Http1 => dialer.stream(deadline).await?,
            Protocol::Http2 => dialer.http2_stream(deadline).await?,
        };
        let meter = Arc::new(Meter::new());
        let io = Metered {
            stream,
            meter: Arc::clone(&meter),
        };
        let spoken = match self.way.protocol {
            Protocol::Http1 => Spoken::Http1(Http1 {
                io,
                out: Vec::new(),
                written: 0,
                flushing: false,
            }),
            Protocol::Http2 => {
                let aside = Aside::default();
                let shaken = http2::Builder::new(aside.clone())
                    .handshake(TokioIo::new(io))
                    .await;
                let (sender, driven) =
                    shaken.map_err(|error| Unreachable::Connect(error.to_string()))?;
                Spoken::Http2(Box::new(Http2 {
                    sender,
                    driven: Box::pin(driven),
                    aside,
                    ended: None,
                    relay: Relay::new(),
                }))
            }
        };
        let open = Open {
            spoken,
            meter,
            used: 0,
        };
        Ok((Box::new(open), began.elapsed()))
    }

    /// Gives a connection back for the next request.
    pub(super) fn give_back(&mut self, open: Box<Open>) {
        self.open = Some(open);
    }
}
