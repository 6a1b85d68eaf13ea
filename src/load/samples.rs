//! Where the samples of a run go, one an answer: to whoever writes them, on a thread of its own.

use crate::record::Sample;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Samples on their way at most: some megabytes. Where whoever writes is slower for longer than they last, samples are
/// lost and counted; the measurement doesn't wait.
const ON_THEIR_WAY: usize = 16_384;

/// Takes samples up.
#[derive(Debug, Clone)]
pub struct Samples {
    sender: SyncSender<Option<Sample>>,
    lost: Arc<AtomicU64>,
}

/// Gives them out, in the order of their ends.
#[derive(Debug)]
pub struct Sampled(Receiver<Option<Sample>>);

impl Samples {
    /// Both ends.
    pub fn new() -> (Samples, Sampled) {
        let (sender, receiver) = sync_channel(ON_THEIR_WAY);
        let samples = Samples {
            sender,
            lost: Arc::default(),
        };
        (samples, Sampled(receiver))
    }

    pub(super) fn take(&self, sample: Sample) {
        if self.sender.try_send(Some(sample)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// No more are to come: [`Sampled`] ends. Waits until there is room to say so.
    pub fn end(&self) {
        let _ = self.sender.send(None); // where nobody listens, it has ended
    }

    /// How many were lost.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Iterator for Sampled {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        self.0.recv().ok().flatten()
    }
}
