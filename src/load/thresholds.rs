//! Thresholds, judged: the figures that a report has, against the rules of a scenario.

use super::figure::{Figure, Kept, Metric, Scalar, Stat};
use super::rule::{Op, Rule};
use super::scenario::{Ci, Thresholds};
use crate::record::Distribution;
use crate::record::load::{LoadRecord, Part, ThresholdOutcome, ThresholdRow, Validity};

/// What thresholds are judged by.
pub(super) struct Evidence<'r> {
    /// The part of the run that counts.
    pub(super) whole: &'r Part,
    /// The same by request of the mix.
    pub(super) by_request: &'r [(String, Part)],
    pub(super) validity: &'r Validity,
    pub(super) retry_after: &'r Distribution,
}

/// All thresholds of a run, judged.
pub(super) struct Judged {
    pub(super) rows: Vec<ThresholdRow>,
}

impl Judged {
    /// By the measured window, or by the steady one where the scenario wants that.
    pub(super) fn of(record: &LoadRecord, thresholds: &Thresholds, on_steady: bool) -> Judged {
        let on = match &record.steady {
            Some(steady) if on_steady => &steady.part,
            _ => &record.measured,
        };
        let figures = Evidence::of(record, on);
        let missing = on_steady && record.steady.is_none();
        let rows = thresholds.rules.iter().map(|rule| {
            let row = figures.judge(rule, thresholds.ci);
            if missing {
                // What was to be judged on a steady window has nothing to be judged by.
                return ThresholdRow {
                    outcome: ThresholdOutcome::NoSamples,
                    ..row
                };
            }
            row
        });
        Judged {
            rows: rows.collect(),
        }
    }
}

/// What a report says of a figure, over the measured window; none without samples.
pub fn value_of(record: &LoadRecord, figure: Figure) -> Option<f64> {
    let value = Evidence::of(record, &record.measured).value(figure, None);
    value.map(|(value, _)| value)
}

/// The samples of a metric, over the measured window.
pub fn samples_of(record: &LoadRecord, metric: Metric) -> Option<&Distribution> {
    Evidence::of(record, &record.measured).distribution(metric, &record.measured)
}

impl<'r> Evidence<'r> {
    /// Of a whole record, on a part of it.
    pub(super) fn of(record: &'r LoadRecord, whole: &'r Part) -> Evidence<'r> {
        Evidence {
            whole,
            by_request: &record.by_request,
            validity: &record.validity,
            retry_after: &record.retry_after,
        }
    }

    /// The part that a rule is about.
    fn part(&self, request: Option<&str>) -> Option<&'r Part> {
        match request {
            None => Some(self.whole),
            Some(name) => {
                let mut parts = self.by_request.iter();
                parts.find(|(known, _)| known == name).map(|(_, part)| part)
            }
        }
    }

    fn distribution(&self, metric: Metric, part: &'r Part) -> Option<&'r Distribution> {
        match metric {
            Metric::RetryAfter => Some(self.retry_after),
            Metric::ScheduleLag => Some(&self.validity.schedule_lag),
            Metric::RuntimeLag => Some(&self.validity.runtime_lag),
            Metric::SelfError => Some(&self.validity.self_error),
            // Every other one is kept by part, under its name.
            metric => part
                .figures
                .each()
                .into_iter()
                .find(|(name, _)| *name == metric.name())
                .map(|(_, distribution)| distribution),
        }
    }

    /// A figure's value, and its 95 % interval where it has one; none without samples.
    fn value(&self, figure: Figure, request: Option<&str>) -> Option<(f64, Option<(f64, f64)>)> {
        let part = match figure.kept() {
            Kept::OfRun => self.whole,
            Kept::ByRequest => self.part(request)?,
        };
        match figure {
            Figure::Scalar(Scalar::ClientCpu) => Some((self.validity.client_cpu_ratio, None)),
            Figure::Scalar(Scalar::ClientMemory) => {
                Some((self.validity.client_rss_max_bytes as f64, None))
            }
            Figure::Scalar(Scalar::CoalescedChunks) => {
                Some((self.validity.coalesced_chunk_ratio, None))
            }
            Figure::Scalar(scalar) => {
                let value = part
                    .scalars()
                    .into_iter()
                    .find(|(name, _)| *name == scalar.name())
                    .and_then(|(_, value)| value)?;
                Some((value, None))
            }
            Figure::Metric(metric, stat) => {
                let distribution = self.distribution(metric, part)?;
                let value = match stat {
                    Stat::Count => Some(distribution.count() as f64),
                    Stat::Mean => distribution.mean(),
                    Stat::Stddev => distribution.stddev(),
                    Stat::Min => distribution.min(),
                    Stat::Max => distribution.max(),
                    Stat::P50 | Stat::P75 | Stat::P90 | Stat::P95 | Stat::P99 | Stat::P99_9 => stat
                        .quantile()
                        .and_then(|share| distribution.quantile(share)),
                }?;
                let interval = stat
                    .quantile()
                    .and_then(|share| distribution.interval(share));
                Some((value, interval))
            }
        }
    }

    /// Judges a rule.
    pub(super) fn judge(&self, rule: &Rule, ci: Ci) -> ThresholdRow {
        let found = self.value(rule.figure, rule.request.as_deref());
        let outcome = match found {
            None => ThresholdOutcome::NoSamples,
            Some((value, interval)) => {
                let compared = match (ci, interval) {
                    // The end of the interval that is worse for the rule.
                    (Ci::Bound, Some((low, high))) => match rule.op {
                        Op::Under | Op::AtMost => high,
                        Op::Over | Op::AtLeast => low,
                        Op::Equal => value,
                    },
                    _ => value,
                };
                if rule.holds(compared) {
                    ThresholdOutcome::Pass
                } else {
                    ThresholdOutcome::Fail
                }
            }
        };
        ThresholdRow {
            rule: rule.to_string(),
            value: found.map(|(value, _)| value),
            ci95: found.and_then(|(_, interval)| interval),
            outcome,
            aborted_run: false,
        }
    }
}
