//! How fast requests may go: what the user allows, and what the target's 429s teach.

use crate::contract::ErrorCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The slowest pace that is learned: a request in so long.
const SLOWEST: Duration = Duration::from_secs(30);

/// Two 429s with fewer passed requests than this between them come from a limit, not from chance.
const CLOSE_TOGETHER: u32 = 12;

/// So many passed requests quicken the pace.
const QUICKEN_AFTER: u32 = 25;

/// Admits requests. Requests on the main path hold a [`Pass`] while they are under way.
pub(super) struct Pacer {
    /// The user's limit: applies to every request, bursts included.
    fixed: Option<Duration>,
    state: Mutex<State>,
    freed: Notify,
    alone: RwLock<()>,
}

struct State {
    next_fixed: Instant,
    next: Instant,
    hold_until: Instant,
    /// The learned pace: none until a 429 came.
    interval: Duration,
    /// Requests at once, at most.
    cap: usize,
    in_flight: usize,
    window_began: Instant,
    passed_in_window: u32,
    /// Requests that passed in the window before.
    passed_before: u32,
    /// Whether a 429 came at all.
    limited_before: bool,
    /// Counts the lessons: a request that was sent before the last one says nothing new.
    generation: u64,
    /// The generation from which on a 429 teaches a slower pace.
    taught: u64,
}

/// When a request may go.
enum Turn {
    /// At once.
    Now,
    /// At this instant, which is its own.
    At(Instant),
    /// Nobody before this instant: ask again then.
    Later(Instant),
}

/// The right to have one request under way.
pub(super) struct Pass<'a> {
    pacer: &'a Pacer,
    generation: u64,
    _shared: Option<RwLockReadGuard<'a, ()>>,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.pacer.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        drop(state);
        self.pacer.freed.notify_one();
    }
}

impl Pacer {
    pub(super) fn new(rate: Option<f64>) -> Pacer {
        let now = Instant::now();
        Pacer {
            fixed: rate.map(|rate| Duration::from_secs_f64((1.0 / rate).min(3_600.0))),
            state: Mutex::new(State {
                next_fixed: now,
                next: now,
                hold_until: now,
                interval: Duration::ZERO,
                cap: usize::MAX,
                in_flight: 0,
                window_began: now,
                passed_in_window: 0,
                passed_before: 0,
                limited_before: false,
                generation: 0,
                taught: 0,
            }),
            freed: Notify::new(),
            alone: RwLock::new(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the user's own limit only: for bursts, whose pace is the point.
    pub(super) async fn fixed_pace(&self) {
        let Some(interval) = self.fixed else { return };
        let at = {
            let mut state = self.state();
            let at = state.next_fixed.max(Instant::now());
            state.next_fixed = at + interval;
            at
        };
        tokio::time::sleep_until(at.into()).await;
    }

    /// Waits until a request may go.
    pub(super) async fn admit(&self) -> Pass<'_> {
        let shared = self.alone.read().await;
        self.admit_within(Some(shared)).await
    }

    /// Waits until a request may go, for somebody who holds [`Pacer::alone`].
    pub(super) async fn admit_alone(&self) -> Pass<'_> {
        self.admit_within(None).await
    }

    async fn admit_within<'a>(&'a self, shared: Option<RwLockReadGuard<'a, ()>>) -> Pass<'a> {
        loop {
            let freed = self.freed.notified();
            if self.take_place() {
                break;
            }
            freed.await;
        }
        // From here on the place is given back whatever happens.
        let mut pass = Pass {
            pacer: self,
            generation: 0,
            _shared: shared,
        };
        loop {
            match self.turn() {
                Turn::Now => break,
                Turn::Later(at) => tokio::time::sleep_until(at.into()).await,
                Turn::At(at) => {
                    tokio::time::sleep_until(at.into()).await;
                    if !self.held() {
                        break;
                    }
                }
            }
        }
        self.fixed_pace().await;
        pass.generation = self.state().generation;
        pass
    }

    fn take_place(&self) -> bool {
        let mut state = self.state();
        let free = state.in_flight < state.cap;
        if free {
            state.in_flight += 1;
        }
        free
    }

    fn held(&self) -> bool {
        self.state().hold_until > Instant::now()
    }

    /// When the next request may go; a turn in the learned pace is taken by asking.
    fn turn(&self) -> Turn {
        let mut state = self.state();
        let now = Instant::now();
        let at = state.next.max(state.hold_until);
        if at <= now {
            state.next = now + state.interval;
            return Turn::Now;
        }
        if state.interval > Duration::ZERO && state.next >= state.hold_until {
            state.next = at + state.interval;
            return Turn::At(at);
        }
        Turn::Later(at)
    }

    /// The right to send while nobody else does.
    pub(super) async fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.alone.write().await
    }

    /// An answer came that was no 429. A pace that has served for a while is quickened: the lesson may have been
    /// about a moment.
    pub(super) fn passed(&self) {
        let mut state = self.state();
        state.passed_in_window += 1;
        if state.passed_in_window.is_multiple_of(QUICKEN_AFTER) {
            state.interval = state.interval.mul_f64(0.6);
            if state.interval < Duration::from_millis(2) {
                state.interval = Duration::ZERO;
            }
        }
    }

    /// A 429 came: holds everybody for as long, and learns. Gives the wait back.
    ///
    /// One 429 alone teaches nothing but its wait. A pace is learned when they come close together, and from a
    /// limit of places only that fewer may run at once.
    pub(super) fn limited(
        &self,
        sent_in: u64,
        code: Option<ErrorCode>,
        asked: Option<Duration>,
        tries: u32,
    ) -> Duration {
        let mut state = self.state();
        let now = Instant::now();
        let places = code == Some(ErrorCode::ConcurrentLimit);
        let back_off = Duration::from_millis(if places { 100 } else { 250 })
            * 2u32.pow(tries.saturating_sub(1).min(5));
        let wait = asked.unwrap_or(back_off);
        if places {
            if sent_in >= state.generation && state.in_flight > 0 {
                // The request that was refused has given its place back already.
                state.cap = state.in_flight.min(state.cap.saturating_sub(1)).max(1);
                state.generation += 1;
            }
            return wait;
        }
        let close = state.passed_in_window < CLOSE_TOGETHER && state.limited_before;
        state.limited_before = true;
        let teaches = close && sent_in >= state.taught;
        if sent_in < state.generation && !teaches {
            return wait;
        }
        if teaches {
            let span = now.saturating_duration_since(state.window_began) + wait;
            let passed = state.passed_in_window.max(state.passed_before).max(1);
            state.interval = state.interval.max(span / passed).min(SLOWEST);
            state.taught = state.generation + 1;
        }
        state.generation += 1;
        state.hold_until = state.hold_until.max(now + wait);
        state.next = state.next.max(state.hold_until);
        state.passed_before = state.passed_in_window;
        state.window_began = state.hold_until;
        state.passed_in_window = 0;
        wait
    }

    /// What was learned, for the notes of the run.
    pub(super) fn lesson(&self) -> Option<String> {
        let state = self.state();
        if state.interval > Duration::ZERO {
            return Some(format!(
                "the target limits requests: the run slowed down to one in {:.2} s",
                state.interval.as_secs_f64()
            ));
        }
        (state.cap < usize::MAX).then(|| {
            format!(
                "the target limits concurrent requests: the run went down to {} at once",
                state.cap
            )
        })
    }
}

impl Pass<'_> {
    /// The number of lessons that had been learned when it was given.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }
}
