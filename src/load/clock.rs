//! How far the target's clock is from this machine's, by the `Date` of its answers: what shards on several machines
//! have in common. A date tells whole seconds only, but each answer narrows it down, and answers come at any instant.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What is known so far.
#[derive(Debug)]
pub(super) struct Clock {
    /// The same instant on both of our own clocks.
    start: (Instant, SystemTime),
    /// The target's clock minus ours, in milliseconds: at least, at most.
    offset: (f64, f64),
}

/// What a date may be late: servers write it once a second, and by a timer.
const STALE_MS: f64 = 1_000.0;

impl Clock {
    pub(super) fn new(start: Instant) -> Clock {
        Clock {
            start: (start, SystemTime::now()),
            offset: (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// An answer with that date came, to a request sent at `sent`.
    pub(super) fn answered(&mut self, date: &str, sent: Instant, came: Instant) {
        let Ok(date) = jiff::fmt::rfc2822::parse(date) else {
            return;
        };
        let theirs = date.timestamp().as_millisecond() as f64;
        let (low, high) = (
            theirs - self.millis(came),
            theirs + STALE_MS - self.millis(sent),
        );
        self.offset.0 = self.offset.0.max(low);
        self.offset.1 = self.offset.1.min(high);
    }

    /// The offset: at least and at most. None where no answer had a date, or they contradict each other.
    pub(super) fn offset_ms(&self) -> Option<(f64, f64)> {
        let (low, high) = self.offset;
        (low.is_finite() && high.is_finite() && low <= high).then_some((low, high))
    }

    /// Our own clock at that instant, in milliseconds since 1970.
    fn millis(&self, at: Instant) -> f64 {
        let (instant, clock) = self.start;
        let since = clock.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        (since + at.saturating_duration_since(instant)).as_secs_f64() * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_narrows_it_down() {
        let begin = Instant::now();
        let mut clock = Clock::new(begin);
        // Half past the ninth minute on our clock, and it is 300 ms later on theirs.
        clock.start.1 = UNIX_EPOCH + Duration::from_millis(784_111_770_000);
        assert_eq!(clock.offset_ms(), None);
        let at = |millis: u64| begin + Duration::from_millis(millis);
        clock.answered("Sun, 06 Nov 1994 08:49:30 GMT", at(0), at(4));
        assert_eq!(clock.offset_ms(), Some((-4.0, 1_000.0)));
        clock.answered("Sun, 06 Nov 1994 08:49:30 GMT", at(690), at(699));
        assert_eq!(clock.offset_ms(), Some((-4.0, 310.0)));
        clock.answered("Sun, 06 Nov 1994 08:49:31 GMT", at(700), at(702));
        assert_eq!(clock.offset_ms(), Some((298.0, 310.0)));
        clock.answered("yesterday", at(800), at(802));
        assert_eq!(clock.offset_ms(), Some((298.0, 310.0)));
    }
}
