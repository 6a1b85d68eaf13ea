//! What the mock counts, and how tests wait for it.

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
#[derive(Debug)]
pub(super) struct Ledger(watch::Sender<Journal>);

impl Ledger {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Journal::default()))
    }

    /// Changes a count and wakes whoever waits.
    pub(super) fn note(&self, change: impl FnOnce(&mut Journal)) {
        self.0.send_modify(change);
    }

    pub(super) fn read(&self) -> Journal {
        *self.0.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Journal> {
        self.0.subscribe()
    }
}
