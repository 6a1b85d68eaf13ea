//! A lane: the connection of one user, and the bytes and instants of its reads.
//!
//! The connection is hyper's, driven by whoever waits for the answer and not by a task of its own: so the instant of a
//! read is taken where the read happens, before anything is parsed, and a stream costs one task and no channel.

use super::relay::Relay;
use super::switch::Switch;
use crate::time::Deadline;
use crate::wire::{ByteStream, Dialer, Unreachable};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

type Driven = http1::Connection<TokioIo<Metered>, Full<Bytes>>;

/// An open connection.
pub(super) struct Open {
    pub(super) sender: http1::SendRequest<Full<Bytes>>,
    /// Boxed, since it is polled in place and moves with its lane.
    driven: Pin<Box<Driven>>,
    /// How it ended, once it has.
    ended: Option<Result<(), hyper::Error>>,
    relay: Relay,
    pub(super) meter: Arc<Meter>,
    /// Requests that went over it.
    pub(super) used: u64,
}

impl Open {
    /// Lets the connection read and write, until that makes `ready`.
    pub(super) fn poll_until<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut ready: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let (driven, ended) = (&mut self.driven, &mut self.ended);
        self.relay.poll(cx, |cx| {
            if ended.is_none()
                && let Poll::Ready(result) = driven.as_mut().poll(cx)
            {
                *ended = Some(result);
            }
            ready(cx)
        })
    }

    /// Whether it can carry another request.
    pub(super) fn is_open(&self) -> bool {
        self.ended.is_none() && !self.sender.is_closed()
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

/// One user's way to the target: a connection at a time.
pub(super) struct Lane {
    dialer: Dialer,
    open: Option<Box<Open>>,
    alarms: Option<Alarms>,
}

impl Lane {
    pub(super) fn new(dialer: Dialer) -> Lane {
        Lane {
            dialer,
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
        let stream = self.dialer.stream(deadline).await?;
        let meter = Arc::new(Meter::new());
        let io = TokioIo::new(Metered {
            stream,
            meter: Arc::clone(&meter),
        });
        let (sender, driven) = http1::Builder::new()
            .handshake(io)
            .await
            .map_err(|error| Unreachable::Connect(error.to_string()))?;
        let open = Open {
            sender,
            driven: Box::pin(driven),
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
