//! How a load run is coming along: what whoever watches it is told, ten times a second.

use super::load::ErrorClass;
use std::time::Duration;

/// How a run is coming along.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Snapshot {
    /// Since its begin.
    pub elapsed: Duration,
    /// The measurement has begun.
    pub measuring: bool,
    /// No new requests are sent.
    pub draining: bool,
    /// How far the measurement is, and how long it will be.
    pub measured: (Duration, Duration),
    /// The stage, from 0.
    pub stage: Option<usize>,
    /// Requests sent.
    pub sent: u64,
    /// Answers that keep the contract.
    pub succeeded: u64,
    /// Failed ones.
    pub errors: u64,
    /// 429s.
    pub throttled: u64,
    /// Arrivals that were not sent.
    pub dropped: u64,
    /// Answers in flight.
    pub in_flight: u64,
    /// Chunks with content.
    pub contents: u64,
    /// The probe of a search that this is: its number, from 1, and the value that it tries.
    pub probe: Option<(u32, f64)>,
    /// The times of the last full second.
    pub lately: Lately,
    /// The classes with most errors, and how many; what is ours, or throttled, is among them.
    pub classes: [Option<(ErrorClass, u64)>; SHOWN_CLASSES],
}

/// How many classes of errors a snapshot has.
pub const SHOWN_CLASSES: usize = 5;

/// Times of a second, in milliseconds; none without a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lately {
    /// Time to first token: p50 and p99.
    pub ttft_ms: Option<(f64, f64)>,
    /// Inter-chunk latency: p50 and p99.
    pub icl_ms: Option<(f64, f64)>,
    /// How late arrivals were sent, at p99.
    pub lag_ms: Option<f64>,
}

impl Snapshot {
    /// The same with what ran before it.
    #[must_use]
    pub fn after(self, before: &Snapshot) -> Snapshot {
        Snapshot {
            elapsed: before.elapsed + self.elapsed,
            sent: before.sent + self.sent,
            succeeded: before.succeeded + self.succeeded,
            errors: before.errors + self.errors,
            throttled: before.throttled + self.throttled,
            dropped: before.dropped + self.dropped,
            contents: before.contents + self.contents,
            probe: before.probe,
            ..self
        }
    }
}
