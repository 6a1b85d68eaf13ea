//! What the mock counts, and how tests wait for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Counts since the mock was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Journal {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// Requests whose body was read to its end, or refused for its size.
    pub requests: u64,
    /// Answers that the model was called for: what costs money on a real deployment.
    pub completions: u64,
    /// Requests that wait for an agent which never answers (the 504 to come).
    pub waiting: u64,
    /// Requests that wait for a slot ([`MockConfig::slots`](super::MockConfig::slots)).
    pub queued: u64,
    /// Streams open now.
    pub streams_open: u64,
    /// Streams produced to their end.
    pub streams_finished: u64,
    /// Streams that ended before: the client left, or the stream was made to break.
    pub streams_aborted: u64,
    /// Places of the concurrency-limited key that are taken now.
    pub places_taken: u64,
}

/// The one owner of the journal.
///
/// A request changes several counts, and under load nobody watches them: then a change is no more than a short lock.
#[derive(Debug)]
pub(super) struct Ledger {
    counts: Mutex<Journal>,
    /// Behind `counts` while nobody watches.
    watched: watch::Sender<Journal>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self {
            counts: Mutex::default(),
            watched: watch::Sender::new(Journal::default()),
        }
    }

    /// Changes a count and wakes whoever waits.
    pub(super) fn note(&self, change: impl FnOnce(&mut Journal)) {
        let mut counts = self.counts();
        change(&mut counts);
        // Under the lock, as the beginning of a watch is: so nobody who watches misses a change, or sees two in the
        // wrong order.
        if self.watched.receiver_count() > 0 {
            self.watched.send_replace(*counts);
        }
    }

    pub(super) fn read(&self) -> Journal {
        *self.counts()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Journal> {
        let counts = self.counts();
        self.watched.send_replace(*counts);
        self.watched.subscribe()
    }

    fn counts(&self) -> MutexGuard<'_, Journal> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_watches_sees_what_was_counted_before_and_after() {
        let ledger = Ledger::new();
        let more = |ledger: &Ledger| ledger.note(|journal| journal.requests += 1);
        more(&ledger);
        let mut watch = ledger.watch();
        assert_eq!(watch.borrow_and_update().requests, 1);
        more(&ledger);
        assert!(watch.has_changed().is_ok_and(|changed| changed));
        assert_eq!(watch.borrow_and_update().requests, 2);
        drop(watch);
        more(&ledger);
        assert_eq!(ledger.read().requests, 3);
        assert_eq!(ledger.watch().borrow().requests, 3);
    }
}
