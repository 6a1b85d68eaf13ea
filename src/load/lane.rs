//! A lane: the connection of one user, and the bytes and instants of its reads.
//!
//! The connection is hyper's, driven by whoever waits for the answer and not by a task of its own: so the instant of a
//! read is taken where the read happens, before anything is parsed, and a stream costs one task and no channel.

use super::relay::Relay;
use super::switch::Switch;
use crate::time::Deadline;
use crate::wire::{ByteStream, Dialer, Protocol, Unreachable};
use bytes::Bytes;
use futures_util::future::Either;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
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

    // Not vectored: hyper then puts head and body into one buffer, and one plain write costs less than a gathering one.

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

type Io = TokioIo<Metered>;

/// What requests are handed to.
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What reads and writes. Boxed, since it is polled in place and moves with its lane.
enum Driven {
    Http1(Pin<Box<http1::Connection<Io, Full<Bytes>>>>),
    Http2(Pin<Box<http2::Connection<Io, Full<Bytes>, Aside>>>, Aside),
}

impl Driven {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        match self {
            Driven::Http1(connection) => connection.as_mut().poll(cx),
            Driven::Http2(connection, aside) => {
                let polled = connection.as_mut().poll(cx);
                aside.poll(cx);
                polled
            }
        }
    }
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

/// An open connection.
pub(super) struct Open {
    sender: Sender,
    driven: Driven,
    /// How it ended, once it has.
    ended: Option<Result<(), hyper::Error>>,
    relay: Relay,
    pub(super) meter: Arc<Meter>,
    /// Requests that went over it.
    pub(super) used: u64,
}

impl Open {
    /// Hands a request to the connection. What comes of it comes while that is polled.
    pub(super) fn send(
        &mut self,
        request: http::Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<http::Response<Incoming>, hyper::Error>> + use<> {
        match &mut self.sender {
            Sender::Http1(sender) => Either::Left(sender.send_request(request)),
            Sender::Http2(sender) => Either::Right(sender.send_request(request)),
        }
    }

    /// What it speaks.
    pub(super) fn protocol(&self) -> Protocol {
        match self.sender {
            Sender::Http1(_) => Protocol::Http1,
            Sender::Http2(_) => Protocol::Http2,
        }
    }

    /// Lets the connection read and write, until that makes `ready`.
    pub(super) fn poll_until<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut ready: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let (driven, ended) = (&mut self.driven, &mut self.ended);
        self.relay.poll(cx, |cx| {
            if ended.is_none()
                && let Poll::Ready(result) = driven.poll(cx)
            {
                *ended = Some(result);
            }
            ready(cx)
        })
    }

    /// Whether it can carry another request.
    pub(super) fn is_open(&self) -> bool {
        let closed = match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        };
        self.ended.is_none() && !closed
    }

    /// The error it ended with.
    pub(super) fn failure(&self) -> Option<&hyper::Error> {
        match &self.ended {
            Some(Err(error)) => Some(error),
            Some(Ok(())) | None => None,
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
        std::future::poll_fn(|cx| open.poll_until(cx, |_| Poll::Ready(()))).await;
        open.is_open().then_some(open)
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
        let io = TokioIo::new(Metered {
            stream,
            meter: Arc::clone(&meter),
        });
        let refused = |error: hyper::Error| Unreachable::Connect(error.to_string());
        let (sender, driven) = match self.way.protocol {
            Protocol::Http1 => {
                let shaken = http1::Builder::new().handshake(io).await;
                let (sender, driven) = shaken.map_err(refused)?;
                (Sender::Http1(sender), Driven::Http1(Box::pin(driven)))
            }
            Protocol::Http2 => {
                let aside = Aside::default();
                let shaken = http2::Builder::new(aside.clone()).handshake(io).await;
                let (sender, driven) = shaken.map_err(refused)?;
                (
                    Sender::Http2(sender),
                    Driven::Http2(Box::pin(driven), aside),
                )
            }
        };
        let open = Open {
            sender,
            driven,
            ended: None,
            relay: Relay::new(),
            meter,
            used: 0,
        };
        Ok((Box::new(open), began.elapsed()))
    }

    /// Gives a connection back for the next request.
    pub(super) fn give_back(&mut self, open: Box<Open>) {
        if open.is_open() {
            self.open = Some(open);
        }
    }
}
