//! The deployment's clock against ours, and deadlines. Knows nothing of the contract.

use std::time::{Duration, Instant};

/// Longer than anybody waits, and so short that sums of a few can't overflow.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How fast the target's clock runs: at 0.01 its 130 s time-out comes after 1.3 s of ours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale(f64);

impl Scale {
    /// The target's clock is ours.
    pub const REAL: Scale = Scale(1.0);

    /// A scale; `None` unless it is a positive, finite number.
    pub fn new(factor: f64) -> Option<Scale> {
        (factor.is_finite() && factor > 0.0).then_some(Scale(factor))
    }

    /// The factor itself.
    pub fn factor(self) -> f64 {
        self.0
    }

    /// So many seconds of the target's clock, in our time; a century at most.
    pub fn seconds(self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64((seconds * self.0).max(0.0))
            .unwrap_or(CENTURY)
            .min(CENTURY)
    }

    /// So much of our time, in seconds of the target's clock.
    pub fn of(self, elapsed: Duration) -> f64 {
        elapsed.as_secs_f64() / self.0
    }
}

/// The instant by which something has to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline so far from now; a century at most, so that the sum can't overflow.
    pub fn after(span: Duration) -> Deadline {
        Deadline(Instant::now() + span.min(CENTURY))
    }

    /// The instant itself.
    pub fn instant(self) -> Instant {
        self.0
    }

    /// What is left of it; nothing once it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub fn passed(self) -> bool {
        self.left().is_zero()
    }

    /// The earlier of two deadlines.
    pub fn min(self, other: Deadline) -> Deadline {
        Deadline(self.0.min(other.0))
    }
}
