//! The closed model: users, each of whom asks, waits for the answer, and thinks. Which of them are active the stages
//! say, to the instant.

use super::draw::draw;
use super::engine::Engine;
use super::lane::{Lane, Way};
use super::mix::{Asker, Mix};
use super::random::Random;
use super::scenario::{Connections, Distribution, HandOver, Throttled, WarmUp, WarmUpLength};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What all users have in common.
pub(super) struct Users {
    pub(super) engine: Arc<Engine>,
    pub(super) way: Way,
    pub(super) seed: u64,
    pub(super) think: Option<Distribution>,
    pub(super) connections: Connections,
    pub(super) warm_up: Option<WarmUp>,
    /// The most that are active at a time.
    pub(super) most: u32,
    /// Users of the warm-up.
    pub(super) warm_users: f64,
    /// Requests of the warm-up so far.
    pub(super) warmed: AtomicU64,
    /// This shard of so many: every n-th user is ours.
    pub(super) shard: (usize, usize),
    /// Connections that nobody uses right now, where users share them.
    pub(super) idle: std::sync::Mutex<Vec<Lane>>,
}

/// One user.
pub(super) struct User {
    number: u32,
    lane: Option<Lane>,
    asker: Asker,
    random: Random,
}

/// Whether a user is to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Go,
    Over,
}

/// The longest that a 429 is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Users {
    /// How many users this shard has.
    pub(super) fn ours(&self) -> u32 {
        let (index, of) = self.shard;
        let of = u32::try_from(of.max(1)).unwrap_or(u32::MAX);
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        (self.most + of - 1).saturating_sub(index) / of
    }

    /// The user of that number among ours.
    pub(super) fn user(&self, nth: u32) -> User {
        let (index, of) = self.shard;
        let number = u64::from(nth) * of.max(1) as u64 + index as u64;
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        User {
            number,
            lane: None,
            asker: Asker::user(self.seed, u64::from(number)),
            random: Random::named(self.seed, "think", u64::from(number)),
        }
    }

    /// Waits until it is this user's turn.
    pub(super) async fn turn(&self, user: &User) -> Turn {
        let engine = &self.engine;
        let number = f64::from(user.number);
        loop {
            if engine.no_more.is_cancelled() {
                return Turn::Over;
            }
            // Made before the look, so that a begin between look and wait is not missed.
            let began = engine.began.notified();
            let now = Instant::now();
            let until = match engine.measured.get() {
                Some(begin) if now >= *begin => {
                    let since = (now - *begin).as_secs_f64();
                    if since >= engine.timeline.length() {
                        return Turn::Over;
                    }
                    match engine.timeline.next_over(number, since) {
                        Some(at) if at <= since => return Turn::Go,
                        Some(at) => Some(*begin + Duration::from_secs_f64(at)),
                        None => return Turn::Over,
                    }
                }
                begin => {
                    if self.warms_up() && number < self.warm_users {
                        return Turn::Go;
                    }
                    begin.copied()
                }
            };
            tokio::select! {
                () = engine.no_more.cancelled() => return Turn::Over,
                () = began => {}
                () = sleep_until(until) => {}
            }
        }
    }

    /// Whether a request now would still belong to the warm-up.
    fn warms_up(&self) -> bool {
        match self.warm_up {
            None => false,
            Some(WarmUp {
                length: WarmUpLength::Requests(most),
                ..
            }) => self.warmed.load(Ordering::Relaxed) < most,
            Some(WarmUp {
                length: WarmUpLength::For(span),
                hand_over: HandOver::Drained,
            }) => self.engine.start.elapsed() < span,
            Some(_) => true,
        }
    }

    /// One turn of a user: ask, wait, think.
    pub(super) async fn ask(&self, user: &mut User) {
        let engine = &self.engine;
        let begun = Instant::now();
        if engine.measured_for(begun).is_none() {
            self.warmed.fetch_add(1, Ordering::Relaxed);
        }
        let (request, order) = engine.mix.next(&mut user.asker, None);
        let mut lane = match (user.lane.take(), self.connections) {
            (Some(lane), _) => lane,
            (None, Connections::Shared) => self
                .idle
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .pop()
                .unwrap_or_else(|| Lane::new(self.way.clone())),
            (None, Connections::PerUser | Connections::Fresh) => Lane::new(self.way.clone()),
        };
        loop {
            let Some(done) = engine.ask(&mut lane, &order, request).await else {
                return;
            };
            let limited = done.class.is_some_and(|class| class.is_throttled());
            if limited && engine.throttled == Throttled::Retry && !engine.no_more.is_cancelled() {
                let wait = done
                    .retry_after
                    .unwrap_or(Duration::from_secs(1))
                    .min(LONGEST_WAIT);
                self.rest(wait).await;
                if engine.no_more.is_cancelled() {
                    break; // the wait was not over: what it was for comes no more
                }
                continue;
            }
            let good = done.class.is_none();
            Mix::answered(&mut user.asker, done.text.filter(|_| good));
            break;
        }
        match self.connections {
            Connections::PerUser => user.lane = Some(lane),
            Connections::Shared => self
                .idle
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push(lane),
            Connections::Fresh => {}
        }
        if let Some(think) = &self.think {
            let millis = draw(think, &mut user.random).max(0.0);
            let wait = Duration::from_secs_f64(millis / 1e3);
            let began = Instant::now();
            self.rest(wait).await;
            let place = engine.place(request, begun);
            engine.books.shard().thought(place, began.elapsed());
        }
    }

    /// Waits, but not beyond the run.
    async fn rest(&self, span: Duration) {
        tokio::select! {
            () = tokio::time::sleep(span) => {}
            () = self.engine.no_more.cancelled() => {}
        }
    }

    /// The life of a user, from turn to turn.
    pub(super) async fn live(&self, nth: u32) {
        let mut user = self.user(nth);
        while self.turn(&user).await == Turn::Go {
            self.ask(&mut user).await;
        }
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
