//! What is derived from the counts of a part of a load run: every ratio and rate of a report, each in this one place,
//! so that a threshold and the report can't disagree. Where there is nothing to divide by, there is no figure.

use super::load::{Counts, Part};

/// A part of a whole; none where there is no whole.
fn of(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Counts {
    /// Errors, of the answers that came to a verdict: successes and errors. What was throttled, cancelled or never
    /// sent says nothing about it.
    pub fn error_ratio(&self) -> Option<f64> {
        of(self.errors, self.succeeded + self.errors)
    }

    /// Successes that met the objective, of everything that was asked for: what was dropped was asked for too.
    pub fn good_request_fraction(&self) -> Option<f64> {
        of(self.good, self.sent + self.dropped)
    }

    /// Content chunks that share the instant of the one before them, of all content chunks.
    pub fn coalesced_chunk_ratio(&self) -> Option<f64> {
        of(self.coalesced, self.contents)
    }

    /// Requests that found a connection open, of those that were sent.
    pub fn connection_reuse_ratio(&self) -> Option<f64> {
        of(self.reused, self.sent)
    }

    /// Tokens in a content chunk, of answers that tell their tokens.
    pub fn tokens_per_chunk_ratio(&self) -> Option<f64> {
        of(self.tokens_in_chunks, self.contents_with_usage)
    }
}

impl Part {
    /// So many a second of the part; none where it has no length.
    fn rate(&self, count: u64) -> Option<f64> {
        let seconds = self.span.as_secs_f64();
        (seconds > 0.0).then(|| count as f64 / seconds)
    }

    /// Requests a second that were wanted: sent, or dropped because too many were in flight.
    pub fn offered_rate_rps(&self) -> Option<f64> {
        self.rate(self.counts.sent + self.counts.dropped)
    }

    /// Answers a second that came to a verdict, failed ones included.
    pub fn request_throughput_rps(&self) -> Option<f64> {
        self.rate(self.counts.succeeded + self.counts.errors)
    }

    /// Successes a second.
    pub fn achieved_rate_rps(&self) -> Option<f64> {
        self.rate(self.counts.succeeded)
    }

    /// Successes a second that met the objective.
    pub fn goodput_rps(&self) -> Option<f64> {
        self.rate(self.counts.good)
    }

    /// Tokens of answers a second, of answers that tell them.
    pub fn output_token_throughput_tps(&self) -> Option<f64> {
        self.rate(self.counts.completion_tokens)
    }

    /// Content chunks a second.
    pub fn chunk_throughput_cps(&self) -> Option<f64> {
        self.rate(self.counts.contents)
    }

    /// Every single figure of a part with its name in reports; of an object's member, such as `stalls.count`, the
    /// path. None where there is nothing to tell it from.
    pub fn scalars(&self) -> Vec<(&'static str, Option<f64>)> {
        let counts = &self.counts;
        let count = |value: u64| Some(value as f64);
        let (mean, most) = self.in_flight.unzip();
        vec![
            ("requests", count(counts.sent)),
            ("completions", self.completions.map(|number| number as f64)),
            ("sent", count(counts.sent)),
            ("succeeded", count(counts.succeeded)),
            ("errors", count(counts.errors)),
            ("throttled", count(counts.throttled)),
            ("cancelled", count(counts.cancelled)),
            ("dropped", count(counts.dropped)),
            ("unfinished", count(counts.unfinished)),
            ("error_ratio", counts.error_ratio()),
            ("good", count(counts.good)),
            ("good_request_fraction", counts.good_request_fraction()),
            ("request_throughput_rps", self.request_throughput_rps()),
            ("goodput_rps", self.goodput_rps()),
            (
                "output_token_throughput_tps",
                self.output_token_throughput_tps(),
            ),
            ("chunk_throughput_cps", self.chunk_throughput_cps()),
            ("offered_rate_rps", self.offered_rate_rps()),
            ("achieved_rate_rps", self.achieved_rate_rps()),
            ("in_flight.mean", mean),
            ("in_flight.max", most.map(|most| most as f64)),
            ("bytes_sent", count(counts.bytes_sent)),
            ("bytes_received", count(counts.bytes_received)),
            ("prompt_tokens", count(counts.prompt_tokens)),
            ("completion_tokens", count(counts.completion_tokens)),
            ("connections_opened", count(counts.connections_opened)),
            ("connection_reuse_ratio", counts.connection_reuse_ratio()),
            ("tokens_per_chunk_ratio", counts.tokens_per_chunk_ratio()),
            ("stalls.count", count(counts.stalls)),
            ("stalls.answers", count(counts.stalled_answers)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn part() -> Part {
        Part {
            counts: Counts {
                sent: 90,
                succeeded: 60,
                errors: 20,
                throttled: 5,
                cancelled: 3,
                dropped: 10,
                unfinished: 2,
                good: 50,
                contents: 1000,
                coalesced: 40,
                completion_tokens: 1200,
                contents_with_usage: 800,
                tokens_in_chunks: 1200,
                connections_opened: 9,
                reused: 81,
                ..Counts::default()
            },
            span: Duration::from_secs(10),
            ..Part::default()
        }
    }

    #[test]
    fn every_ratio_has_the_whole_that_it_is_defined_by() {
        let counts = part().counts;
        assert_eq!(counts.error_ratio(), Some(0.25));
        assert_eq!(counts.good_request_fraction(), Some(0.5));
        assert_eq!(counts.coalesced_chunk_ratio(), Some(0.04));
        assert_eq!(counts.connection_reuse_ratio(), Some(0.9));
        assert_eq!(counts.tokens_per_chunk_ratio(), Some(1.5));
    }

    #[test]
    fn rates_are_by_the_second_of_the_part() {
        let part = part();
        assert_eq!(part.offered_rate_rps(), Some(10.0));
        assert_eq!(part.request_throughput_rps(), Some(8.0));
        assert_eq!(part.achieved_rate_rps(), Some(6.0));
        assert_eq!(part.goodput_rps(), Some(5.0));
        assert_eq!(part.output_token_throughput_tps(), Some(120.0));
        assert_eq!(part.chunk_throughput_cps(), Some(100.0));
    }

    #[test]
    fn of_nothing_there_is_no_ratio() {
        let nothing = Part::default();
        for (name, value) in nothing.scalars() {
            let counted = value == Some(0.0);
            let divided = name.ends_with("_ratio")
                || name.ends_with("_fraction")
                || name.ends_with("ps")
                || name.starts_with("in_flight")
                || name == "completions";
            assert!(counted != divided, "{name}: {value:?}");
            assert!(divided == value.is_none(), "{name}: {value:?}");
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let mut names: Vec<&str> = part().scalars().iter().map(|(name, _)| *name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
