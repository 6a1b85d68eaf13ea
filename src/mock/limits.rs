//! The limits of LIMIT-1: budgets of requests, and places for answers that run at the same time. And the mock's own
//! limit, its slots, which nobody is told of: who finds none free waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::server::Server;

/// What the limited fixtures allow.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests a window, of the rate-limited key and likewise of the rate-limited bot.
    pub budget: u32,
    /// The window, in real time whatever the time scale: `retry_after` is in real seconds. A window begins with the
    /// first request after the last one ended.
    pub window: Duration,
    /// Answers that the concurrency-limited key may have running at a time.
    pub places: usize,
}

impl Default for Limits {
    /// 5 requests a second; 2 places.
    fn default() -> Self {
        Self {
            budget: 5,
            window: Duration::from_secs(1),
            places: 2,
        }
    }
}

/// A budget of requests in a window of time.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    window: Mutex<Option<Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    used: u32,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            window: Mutex::new(None),
        }
    }

    /// Takes one request out of the budget.
    ///
    /// # Errors
    /// It is used up; in so long a new window begins.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let current = match *window {
            Some(current) if now.saturating_duration_since(current.began) < self.limits.window => {
                current
            }
            Some(_) | None => Window {
                began: now,
                used: 0,
            },
        };
        let verdict = if current.used < self.limits.budget {
            *window = Some(Window {
                used: current.used + 1,
                ..current
            });
            Ok(())
        } else {
            Err((current.began + self.limits.window).saturating_duration_since(now))
        };
        drop(window);
        verdict
    }
}

/// How many whole seconds to ask a client to wait: at least one, and never less than what is left (LIMIT-2).
pub(super) fn retry_after(left: Duration) -> u64 {
    (left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(1)
}

/// A place taken by an answer; free again when dropped (LIMIT-3).
pub struct Place(Arc<Server>);

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Place")
    }
}

impl Place {
    /// Takes a place, if one is free.
    pub(super) fn take(server: &Arc<Server>) -> Option<Place> {
        let mut taken = server
            .places_taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *taken >= server.config.limits.places {
            return None;
        }
        *taken += 1;
        server.ledger.note(|journal| journal.places_taken += 1);
        drop(taken);
        Some(Place(Arc::clone(server)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self
            .0
            .places_taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(1);
        self.0
            .ledger
            .note(|journal| journal.places_taken = journal.places_taken.saturating_sub(1));
    }
}

/// An answer's turn: until it is dropped, the answer runs.
#[derive(Debug)]
pub(super) struct Turn {
    /// When it came, where it had to be waited for.
    pub(super) came: Option<Instant>,
    /// Free again when dropped, for whoever has waited longest.
    _slot: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Waits until a slot is free; at once where the mock has no such limit.
    pub(super) async fn wait(server: &Arc<Server>) -> Turn {
        let mut turn = Turn {
            came: None,
            _slot: None,
        };
        if let Some(slots) = &server.slots {
            turn._slot = match Arc::clone(slots).try_acquire_owned() {
                Ok(slot) => Some(slot),
                Err(_) => {
                    let _queued = Queued::new(server);
                    // An error would be that the semaphore was closed, which nobody does.
                    Arc::clone(slots).acquire_owned().await.ok()
                }
            };
            turn.came = Some(Instant::now());
        }
        turn
    }
}

/// The slots of a mock, if their number is limited.
pub(super) fn slots(limit: Option<u32>) -> Option<Arc<Semaphore>> {
    let limit = usize::try_from(limit?).unwrap_or(usize::MAX);
    Some(Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))))
}

/// A request's entry in the journal while it waits for a slot; it ends when the client leaves, too.
struct Queued(Arc<Server>);

impl Queued {
    fn new(server: &Arc<Server>) -> Self {
        server.ledger.note(|journal| journal.queued += 1);
        Self(Arc::clone(server))
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.0
            .ledger
            .note(|journal| journal.queued = journal.queued.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_refuses_until_its_window_is_over_and_tells_how_long_that_is() {
        let budget = Budget::new(Limits {
            budget: 2,
            ..Limits::default()
        });
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(budget.take(at(0)), Ok(()));
        assert_eq!(budget.take(at(900)), Ok(()));
        assert_eq!(budget.take(at(950)), Err(Duration::from_millis(50)));
        assert_eq!(budget.take(at(1000)), Ok(()));
    }

    #[test]
    fn a_wait_is_never_rounded_down() {
        assert_eq!(retry_after(Duration::ZERO), 1);
        assert_eq!(retry_after(Duration::from_millis(999)), 1);
        assert_eq!(retry_after(Duration::from_secs(1)), 1);
        assert_eq!(retry_after(Duration::from_millis(1001)), 2);
    }
}
