//! Thresholds that stop the run, judged while it goes on: by the same figures and the same rule as at its end.

use super::doubt::Watch;
use super::engine::Engine;
use super::figure::Figure;
use super::rule::Rule;
use super::scenario::{Ci, Scenario};
use super::thresholds::Evidence;
use crate::record::Distribution;
use crate::record::load::{Part, ThresholdOutcome, Validity};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often they are judged: it takes all books as they are.
const EVERY: Duration = Duration::from_secs(1);

/// The rules of `[abort] threshold`.
#[derive(Debug)]
pub(super) struct Early<'s> {
    rules: Vec<&'s Rule>,
    ci: Ci,
    /// From when on, after the measurement's begin.
    after: Duration,
    /// When they were judged last.
    judged: Option<Instant>,
}

/// A rule that is broken.
#[derive(Debug)]
pub(super) struct Broken {
    /// As it is written.
    pub(super) rule: String,
    /// In a sentence.
    pub(super) why: String,
}

impl<'s> Early<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Early<'s> {
        Early {
            rules: scenario.aborting_rules().collect(),
            ci: scenario.thresholds.ci,
            after: scenario.abort.after,
            judged: None,
        }
    }

    /// The first rule that is broken by what was measured so far. What has no sample yet breaks nothing.
    pub(super) fn look(
        &mut self,
        engine: &Engine,
        machine: &Watch,
        in_flight: (f64, u64),
        now: Instant,
    ) -> Option<Broken> {
        let since = Duration::try_from_secs_f64(engine.measured_for(now)?).ok()?;
        let lately = self.judged.is_some_and(|judged| now - judged < EVERY);
        if self.rules.is_empty() || since < self.after || lately {
            return None;
        }
        self.judged = Some(now);
        let seen = Seen::of(engine, machine, &self.rules, since, in_flight);
        let figures = seen.evidence();
        self.rules.iter().find_map(|rule| {
            let row = figures.judge(rule, self.ci);
            let value = row
                .value
                .filter(|_| row.outcome == ThresholdOutcome::Fail)?;
            // As many digits as anybody reads.
            let value = (value * 1e4).round() / 1e4;
            Some(Broken {
                why: format!(
                    "the threshold `{}` was broken after {:.0} s: {value}",
                    row.rule,
                    since.as_secs_f64()
                ),
                rule: row.rule,
            })
        })
    }
}

/// What was measured so far.
struct Seen {
    whole: Part,
    by_request: Vec<(String, Part)>,
    validity: Validity,
    retry_after: Distribution,
}

impl Seen {
    fn of(
        engine: &Engine,
        machine: &Watch,
        rules: &[&Rule],
        span: Duration,
        in_flight: (f64, u64),
    ) -> Seen {
        // Counts are few numbers; distributions are only added up where a rule asks for one.
        let spread = rules
            .iter()
            .any(|rule| matches!(rule.figure, Figure::Metric(..)));
        let empty = || Part {
            span,
            ..Part::default()
        };
        let mut whole = Part {
            in_flight: Some(in_flight),
            completions: Some(engine.completions.load(Ordering::Relaxed)),
            ..empty()
        };
        let mut by_request: Vec<(String, Part)> = engine
            .mix
            .names()
            .map(|name| (name.to_owned(), empty()))
            .collect();
        let mut schedule_lag = Distribution::new("ms");
        let mut retry_after = Distribution::new("s");
        engine.books.each(|shard| {
            for (place, part) in shard.measured() {
                let one = by_request.get_mut(place.request).map(|(_, part)| part);
                for sum in [Some(&mut whole), one].into_iter().flatten() {
                    sum.counts.add(&part.counts);
                    if spread {
                        sum.figures.add(&part.figures);
                    }
                }
            }
            if let Some(lag) = &shard.schedule_lag {
                schedule_lag.add(lag);
            }
            if let Some(waits) = &shard.retry_after {
                retry_after.add(waits);
            }
        });
        let machine = machine.seen();
        Seen {
            validity: Validity {
                valid: true,
                reasons: Vec::new(),
                schedule_lag,
                runtime_lag: machine.runtime_lag,
                self_error: Distribution::new("ms"),
                coalesced_chunk_ratio: whole.counts.coalesced_chunk_ratio().unwrap_or(0.0),
                client_cpu_ratio: machine.cpu_ratio,
                client_rss_max_bytes: machine.rss_max,
            },
            whole,
            by_request,
            retry_after,
        }
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            whole: &self.whole,
            by_request: &self.by_request,
            validity: &self.validity,
            retry_after: &self.retry_after,
        }
    }
}
