//! The measured exchange: send, stamp, read, sieve. What came of it is judged by [`verdict`](super::verdict).

mod http1;
mod http2;
mod reader;

use super::ids::Ids;
use super::lane::{Alarms, Lane, Meter, Open, Speaking};
use super::measured::{Cut, Measured};
use super::order::{Order, Patience};
use super::switch::Switch;
use crate::time::Deadline;
use crate::wire::{End, Protocol, persists};
use reader::Reader;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

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
    let mut reader = Reader::new(order, patience.stall, ids);
    let outcome = match waiting.open.protocol() {
        Protocol::Http1 => http1::run(waiting, &mut until, &mut reader, measured).await,
        // Boxed: few runs need it, and it would make every stream's future as large as its own.
        Protocol::Http2 => Box::pin(http2::run(waiting, &mut until, &mut reader, measured)).await,
    };
    reader.finish(&outcome.0, until.meter.read_at(), measured);
    outcome
}

/// From the body's first byte on silence has a limit. One timer serves all waits: it is set anew when it goes off, not at
/// every read.
fn body_came(waiting: &mut Waiting<'_>, until: &mut Until, at: Instant) {
    if !until.begun {
        until.begun = true;
        waiting.alarms.by(until.by.min(at + until.idle));
    }
}

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

fn ended_by(cut: Cut) -> End {
    match cut {
        Cut::Headers | Cut::Idle | Cut::Total => End::TimedOut,
        Cut::Ourselves => End::Abandoned,
    }
}
