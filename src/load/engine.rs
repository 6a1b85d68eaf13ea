//! What one request does to a run, whoever decided that it goes out: budget, exchange, verdict, books, alarms.

use super::alarm::Alarm;
use super::clock::Clock;
use super::exchange::exchange;
use super::ids::Ids;
use super::lane::Lane;
use super::measured::{Cut, Measured};
use super::mix::Mix;
use super::order::{Order, Patience};
use super::recorder::{Books, Ended, Outcome, Place};
use super::samples::Samples;
use super::scenario::{Objective, Throttled};
use super::switch::Switch;
use super::timeline::Timeline;
use super::verdict::{Bench, Judged, judge};
use crate::contract::{ErrorCode, STREAM_9};
use crate::judge::{Check, Mode};
use crate::record::Sample;
use crate::record::load::{EndedBy, ErrorClass};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Slices of the measured window, from which the steady one is put together.
pub(super) const SLICES: usize = 32;

/// A run's state, shared by all who ask.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) mix: Mix,
    pub(super) books: Books,
    pub(super) patience: Patience,
    pub(super) bench: Bench,
    pub(super) objective: Objective,
    pub(super) throttled: Throttled,
    /// Users or arrivals a second, from the measurement's begin on.
    pub(super) timeline: Timeline,
    /// The steady window is looked for: samples are kept in slices.
    pub(super) sliced: bool,
    /// A request of the mix is answered with a stream.
    streams: bool,
    pub(super) start: Instant,
    /// When the measurement began, or will.
    pub(super) measured: OnceLock<Instant>,
    pub(super) began: Notify,
    /// No new requests.
    pub(super) no_more: Switch,
    /// Open answers end now.
    pub(super) cut: Switch,
    /// The drain's limit came: what is cut is unfinished.
    pub(super) drained: AtomicBool,
    pub(super) in_flight: AtomicU64,
    pub(super) most_in_flight: AtomicU64,
    /// The same of each request of the mix.
    pub(super) by_request: Vec<AtomicU64>,
    /// How long all answers together were in flight within the measured window, in nanoseconds; and those of each request.
    flown: AtomicU64,
    flown_by: Vec<AtomicU64>,
    /// When no new requests were sent any more: the window's end.
    pub(super) stopped: OnceLock<Instant>,
    pub(super) completions: AtomicU64,
    pub(super) budget: Option<u64>,
    pub(super) reached: AtomicBool,
    alarm: Mutex<Alarm>,
    /// Where samples go, if anybody wants them, and what their instants are told from.
    samples: Option<(Samples, Labels)>,
    /// Of a shard, whose clock is not the only one.
    clock: Option<Mutex<Clock>>,
    ids: Ids,
    ending: Mutex<Option<(EndedBy, Option<String>)>>,
    pub(super) totals: Totals,
}

/// Counts for whoever watches a run.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) sent: AtomicU64,
    pub(super) succeeded: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) throttled: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) contents: AtomicU64,
}

impl Totals {
    /// Requests that were asked for so far: sent, or dropped.
    pub(super) fn come(&self) -> u64 {
        self.sent.load(Ordering::Relaxed) + self.dropped.load(Ordering::Relaxed)
    }
}

/// What came of a request, for whoever sent it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) class: Option<ErrorClass>,
    pub(super) retry_after: Option<Duration>,
    pub(super) text: Option<String>,
}

/// What a run is told, besides its scenario.
pub(super) struct Parts {
    pub(super) mix: Mix,
    pub(super) patience: Patience,
    pub(super) bench: Bench,
    pub(super) objective: Objective,
    pub(super) throttled: Throttled,
    pub(super) timeline: Timeline,
    pub(super) sliced: bool,
    pub(super) streams: bool,
    pub(super) budget: Option<u64>,
    pub(super) alarm: Alarm,
    /// It is one shard of several.
    pub(super) sharded: bool,
    /// Where samples go, and how.
    pub(super) samples: Option<(Samples, Labels)>,
}

/// What samples are called by.
#[derive(Debug)]
pub(super) struct Labels {
    /// The requests of the mix.
    pub(super) requests: Vec<Arc<str>>,
    /// The stages.
    pub(super) stages: Vec<Arc<str>>,
    /// What ran before this run's begin, and is told of as the same.
    pub(super) before: Duration,
}

impl Engine {
    pub(super) fn new(parts: Parts) -> Engine {
        let start = Instant::now();
        Engine {
            by_request: parts.mix.names().map(|_| AtomicU64::new(0)).collect(),
            flown: AtomicU64::new(0),
            flown_by: parts.mix.names().map(|_| AtomicU64::new(0)).collect(),
            stopped: OnceLock::new(),
            samples: parts.samples,
            clock: parts.sharded.then(|| Mutex::new(Clock::new(start))),
            mix: parts.mix,
            books: Books::new(),
            patience: parts.patience,
            bench: parts.bench,
            objective: parts.objective,
            throttled: parts.throttled,
            timeline: parts.timeline,
            sliced: parts.sliced,
            streams: parts.streams,
            start,
            measured: OnceLock::new(),
            began: Notify::new(),
            no_more: Switch::new(),
            cut: Switch::new(),
            drained: AtomicBool::new(false),
            in_flight: AtomicU64::new(0),
            most_in_flight: AtomicU64::new(0),
            completions: AtomicU64::new(0),
            budget: parts.budget,
            reached: AtomicBool::new(false),
            alarm: Mutex::new(parts.alarm),
            ids: Ids::default(),
            ending: Mutex::new(None),
            totals: Totals::default(),
        }
    }

    /// The measurement begins at that instant, which may be to come.
    pub(super) fn begin(&self, at: Instant) {
        let _ = self.measured.set(at); // the first one counts
        self.began.notify_waiters();
    }

    /// Seconds since the measurement's begin; none during the warm-up.
    pub(super) fn measured_for(&self, at: Instant) -> Option<f64> {
        let begin = self.measured.get()?;
        (at >= *begin).then(|| (at - *begin).as_secs_f64())
    }

    /// Where a request that is sent, or due, at that instant belongs.
    pub(super) fn place(&self, request: usize, at: Instant) -> Place {
        let seconds = self.measured_for(at);
        let last = self.timeline.pieces().last().and_then(|piece| piece.stage);
        Place {
            stage: seconds.map(|seconds| {
                let piece = self.timeline.piece_at(seconds);
                piece.and_then(|piece| piece.stage).or(last).unwrap_or(0)
            }),
            request,
            slice: match seconds {
                Some(seconds) if self.sliced => {
                    let share = seconds / self.timeline.length().max(f64::MIN_POSITIVE);
                    ((share * SLICES as f64) as usize).min(SLICES - 1)
                }
                _ => 0,
            },
        }
    }

    /// Ends the run: nothing new is sent. The first reason counts.
    pub(super) fn end(&self, by: EndedBy, why: Option<String>) {
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        if ending.is_none() {
            *ending = Some((by, why));
        }
        drop(ending);
        self.stops(Instant::now());
        self.no_more.cancel();
    }

    /// Nothing new is sent from here on, unless that was so before.
    fn stops(&self, at: Instant) {
        let at = self.planned_end().map_or(at, |end| end.min(at));
        let _ = self.stopped.set(at); // the first one counts
    }

    /// Ends the measured window, where its time is over.
    pub(super) fn look_at_the_clock(&self, now: Instant) {
        if self.planned_end().is_some_and(|end| now >= end) {
            self.stops(now);
            self.no_more.cancel();
        }
    }

    /// When the measured window ends if nothing ends it before.
    fn planned_end(&self) -> Option<Instant> {
        let begin = *self.measured.get()?;
        Some(begin + Duration::from_secs_f64(self.timeline.length()))
    }

    /// Why it ended, if it did before its time.
    pub(super) fn ending(&self) -> Option<(EndedBy, Option<String>)> {
        self.ending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Time has passed: the abort rules look again.
    pub(super) fn look(&self) {
        let why = self
            .alarm
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .look(
                self.start.elapsed(),
                self.in_flight.load(Ordering::Relaxed),
                self.totals.come(),
            );
        if let Some(why) = why {
            self.end(EndedBy::Aborted, Some(why));
        }
    }

    /// Takes one request out of the budget; ends the run where there is none left.
    fn affords(&self) -> bool {
        let before = self.completions.fetch_add(1, Ordering::Relaxed);
        if self.budget.is_some_and(|budget| before >= budget) {
            self.completions.fetch_sub(1, Ordering::Relaxed);
            let why = format!("{before} completions were sent, as many as [budget] has");
            self.end(EndedBy::Budget, Some(why));
            return false;
        }
        true
    }

    /// Sends a request and writes down what came of it; none where the budget is used up.
    pub(super) async fn ask(&self, lane: &mut Lane, order: &Order, request: usize) -> Option<Done> {
        if !self.affords() {
            return None;
        }
        let now = Instant::now();
        let place = self.place(request, order.due.unwrap_or(now));
        let since = (now - self.start).as_secs_f64();
        {
            let mut shard = self.books.shard();
            shard.sent(place, since);
            if let Some(due) = order.due {
                shard.lag(place, since, now.saturating_duration_since(due));
            }
        }
        self.totals.sent.fetch_add(1, Ordering::Relaxed);
        let flying = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(flying, Ordering::Relaxed);
        let of_request = self.by_request.get(request);
        if let Some(flying) = of_request {
            flying.fetch_add(1, Ordering::Relaxed);
        }
        let measured = exchange(lane, order, &self.patience, &self.ids, &self.cut).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(flying) = of_request {
            flying.fetch_sub(1, Ordering::Relaxed);
        }
        self.flew(request, measured.sent, measured.ended);
        Some(self.write_down(place, order, measured))
    }

    /// The measured window, once it has begun: to its planned end, or to where the run stopped before.
    fn window(&self) -> Option<(Instant, Instant)> {
        let (begin, end) = (*self.measured.get()?, self.planned_end()?);
        Some((begin, self.stopped.get().copied().unwrap_or(end)))
    }

    /// An answer was in flight from here to there; counts what of that lies within the measured window.
    fn flew(&self, request: usize, sent: Instant, ended: Instant) {
        let Some((begin, end)) = self.window() else {
            return;
        };
        let span = ended.min(end).saturating_duration_since(sent.max(begin));
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.flown.fetch_add(nanos, Ordering::Relaxed);
        if let Some(flown) = self.flown_by.get(request) {
            flown.fetch_add(nanos, Ordering::Relaxed);
        }
    }

    /// Answers in flight on average over the measured window: all, and those of each request. Known once every answer
    /// has ended.
    pub(super) fn mean_in_flight(&self) -> Option<(f64, Vec<f64>)> {
        let (begin, end) = self.window()?;
        let window = end.saturating_duration_since(begin).as_nanos() as f64;
        let mean = |flown: &AtomicU64| flown.load(Ordering::Relaxed) as f64 / window;
        (window > 0.0).then(|| (mean(&self.flown), self.flown_by.iter().map(mean).collect()))
    }

    fn write_down(&self, place: Place, order: &Order, measured: Measured) -> Done {
        let ours = measured.cut == Some(Cut::Ourselves);
        self.compare_clocks(&measured);
        let (measured, mut judged) = judge(measured, order, &self.bench);
        if judged.status.is_some() {
            self.reached.store(true, Ordering::Relaxed);
        }
        if let (Mode::Json, Some(id)) = (order.mode, &judged.id) {
            self.ids.begun(id);
        }
        if let Some(other) = &judged.other_id
            && self.ids.belongs_to_another(other)
        {
            judged.leaked(Check::violation(
                STREAM_9,
                "id",
                "chunks of one answer only",
                format!("a chunk with the id {other:?}, which another answer has"),
            ));
        }
        if ours && self.drained.load(Ordering::Relaxed) && self.cut.is_cancelled() {
            judged.class = Some(ErrorClass::Unfinished);
        }
        let outcome = match judged.class {
            Some(class) => Outcome::Failure(class),
            None => Outcome::Success {
                good: self.is_good(&measured),
            },
        };
        self.count(outcome, &measured);
        let done = Done {
            class: judged.class,
            retry_after: judged.retry_after,
            text: judged.text.take(),
        };
        if let Some((samples, labels)) = &self.samples {
            samples.take(self.sample(labels, place, outcome, &measured, &judged));
        }
        let since = (measured.ended - self.start).as_secs_f64();
        let ended = Ended {
            outcome,
            measured: &measured,
            order,
        };
        self.books
            .shard()
            .ended(place, since, self.throttled, &ended, judged);
        let why = self
            .alarm
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ended(
                measured.ended - self.start,
                done.class,
                self.began(&measured),
            );
        if let Some(why) = why {
            self.end(EndedBy::Aborted, Some(why));
        }
        done
    }

    fn sample(
        &self,
        labels: &Labels,
        place: Place,
        outcome: Outcome,
        measured: &Measured,
        judged: &Judged,
    ) -> Sample {
        let at = |at: Instant| labels.before + at.saturating_duration_since(self.start);
        let stage = place.stage.and_then(|stage| labels.stages.get(stage));
        Sample {
            request: labels
                .requests
                .get(place.request)
                .cloned()
                .unwrap_or_default(),
            stage: stage.cloned(),
            due: measured.due.map(at),
            sent: at(measured.sent),
            headers: measured
                .answered
                .as_ref()
                .map(|answered| at(answered.head.at)),
            first_event: measured.first_event.map(at),
            first_token: measured.first_content.map(at),
            second_token: measured.second_content.map(at),
            last_token: measured.last_content.map(at),
            ended: at(measured.ended),
            class: match outcome {
                Outcome::Success { .. } => None,
                Outcome::Failure(class) => Some(class),
            },
            status: judged.status,
            code: judged.code.as_deref().and_then(ErrorCode::parse),
            good: outcome == Outcome::Success { good: true },
            chunks: measured.contents,
            coalesced: measured.coalesced,
            longest_gap: (measured.contents > 1).then_some(measured.longest_gap),
            stalls: measured.stalls,
            connect: measured.connect,
            reused: measured.reused,
            bytes_sent: measured.bytes_sent,
            bytes_received: measured.bytes_received,
            tokens: judged.tokens,
        }
    }

    fn compare_clocks(&self, measured: &Measured) {
        let (Some(clock), Some(answered)) = (&self.clock, &measured.answered) else {
            return;
        };
        if let Some(date) = answered.head.headers.text("date") {
            let mut clock = clock.lock().unwrap_or_else(PoisonError::into_inner);
            clock.answered(&date, measured.sent, answered.head.at);
        }
    }

    /// How far the target's clock is before this machine's; known of a shard.
    pub(super) fn clock_offset_ms(&self) -> Option<(f64, f64)> {
        let clock = self.clock.as_ref()?;
        clock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .offset_ms()
    }

    /// When an answer began to come, after the run's begin, and how long that had been waited for: the first token
    /// where the run has streams, else the whole answer. The two are not to be mixed.
    fn began(&self, measured: &Measured) -> Option<(Duration, Duration)> {
        let at = if self.streams {
            measured.first_content?
        } else {
            measured.ended
        };
        let from = measured.due.unwrap_or(measured.sent);
        Some((at - self.start, at.saturating_duration_since(from)))
    }

    fn count(&self, outcome: Outcome, measured: &Measured) {
        let total = match outcome {
            Outcome::Success { .. } => &self.totals.succeeded,
            Outcome::Failure(class) if class.is_throttled() => &self.totals.throttled,
            Outcome::Failure(class) if class.is_error() => &self.totals.errors,
            Outcome::Failure(_) => return,
        };
        total.fetch_add(1, Ordering::Relaxed);
        self.totals
            .contents
            .fetch_add(u64::from(measured.contents), Ordering::Relaxed);
    }

    /// Whether an answer meets the objective: what it says of streams only binds streams.
    fn is_good(&self, measured: &Measured) -> bool {
        let within = |limit: Option<Duration>, took: Option<Duration>| match (limit, took) {
            (Some(limit), Some(took)) => took <= limit,
            _ => true, // nothing is asked, or there is nothing to ask it of
        };
        let from = measured.due.unwrap_or(measured.sent);
        let first = measured
            .first_content
            .map(|first| first.saturating_duration_since(from));
        let gap = (measured.contents > 1).then_some(measured.longest_gap);
        let whole = measured.ended.saturating_duration_since(from);
        within(self.objective.time_to_first_token, first)
            && within(self.objective.inter_chunk_latency_max, gap)
            && within(self.objective.request_latency, Some(whole))
    }

    /// An arrival that found no room.
    pub(super) fn drop_one(&self, request: usize, due: Instant) {
        self.totals.dropped.fetch_add(1, Ordering::Relaxed);
        let place = self.place(request, due);
        self.books.shard().dropped(place, Instant::now());
    }
}
