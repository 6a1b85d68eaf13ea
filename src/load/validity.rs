//! Whether the figures can be trusted, and which of them can't.

use super::figure::{Figure, Metric, Stat};
use super::rule::Rule;
use super::scenario::{Scenario, Steady};
use crate::record::Distribution;
use crate::record::load::{Doubt, LoadRecord};

/// Lateness at p99 that is never too much, in milliseconds.
const LATE_MS: f64 = 5.0;
/// Beyond it, so much of the time to the first token.
const LATE_SHARE: f64 = 0.1;
/// Of the machine's memory so much can be one process' without anything being swapped.
const MOST_MEMORY: f64 = 0.8;

/// Every reason to doubt a run's figures.
pub(super) fn doubts(scenario: &Scenario, record: &LoadRecord, saturated: bool) -> Vec<Doubt> {
    let validity = &record.validity;
    let ttft = record.measured.figures.time_to_first_token.quantile(0.5);
    let allowed = ttft.map_or(LATE_MS, |ttft| LATE_MS.max(LATE_SHARE * ttft));
    let mut doubts = Vec::new();
    if saturated {
        doubts.push(Doubt {
            name: "client_saturated",
            figure: format!(
                "this process used {:.0} % of the cores that it may use over the run, and over 90 % for 3 s and more",
                validity.client_cpu_ratio * 100.0
            ),
            spoils: Vec::new(),
            needed: needs_times(scenario),
        });
    }
    let late = |lag: &Distribution| lag.quantile(0.99).filter(|late| *late > allowed);
    if let Some(late) = late(&validity.schedule_lag) {
        let spoils = vec!["response_time_ms", "ttft_from_intended_ms"];
        doubts.push(Doubt {
            name: "schedule_lag",
            figure: format!(
                "requests were sent {late:.1} ms late at p99, more than {allowed:.1} ms"
            ),
            needed: needs(scenario, &spoils),
            spoils,
        });
    }
    if let Some(late) = late(&validity.runtime_lag) {
        doubts.push(Doubt {
            name: "runtime_lag",
            figure: format!(
                "timers of this process rang {late:.1} ms late at p99, more than {allowed:.1} ms"
            ),
            spoils: Vec::new(),
            needed: needs_times(scenario),
        });
    }
    if record
        .errors
        .iter()
        .any(|row| row.class == crate::record::load::ErrorClass::ClientError)
    {
        doubts.push(Doubt {
            name: "fd_limit",
            figure: "this machine ran out of descriptors or ports".to_owned(),
            spoils: Vec::new(),
            needed: !scenario.thresholds.rules.is_empty(),
        });
    }
    let (held, all) = (validity.client_rss_max_bytes, record.host.memory_bytes);
    if all > 0 && held as f64 > MOST_MEMORY * all as f64 {
        doubts.push(Doubt {
            name: "memory",
            figure: format!(
                "this process held {} MiB of the machine's {}",
                held >> 20,
                all >> 20
            ),
            spoils: Vec::new(),
            needed: needs_times(scenario),
        });
    }
    if scenario.steady == Steady::Required && record.steady.is_none() {
        doubts.push(Doubt {
            name: "not_steady",
            figure: "no steady window was found".to_owned(),
            spoils: Vec::new(),
            needed: !scenario.thresholds.rules.is_empty(),
        });
    }
    doubts.extend(too_few(&scenario.thresholds.rules, record));
    doubts
}

/// The name of the doubt that there are too few samples.
pub(super) const TOO_FEW: &str = "too_few_samples";

/// Quantiles that a threshold asks for, and for which there are too few samples.
pub(super) fn too_few(rules: &[Rule], record: &LoadRecord) -> Vec<Doubt> {
    let mut doubts: Vec<Doubt> = Vec::new();
    for rule in rules {
        let Figure::Metric(metric, stat) = rule.figure else {
            continue;
        };
        let Some(least) = stat.least_samples() else {
            continue;
        };
        let part = match &rule.request {
            None => Some(&record.measured),
            Some(name) => {
                let mut parts = record.by_request.iter();
                parts.find(|(known, _)| known == name).map(|(_, part)| part)
            }
        };
        let count = part.and_then(|part| {
            part.figures
                .each()
                .into_iter()
                .find(|(name, _)| *name == metric.name())
                .map(|(_, distribution)| distribution.count())
        });
        if let Some(count) = count
            && count < least
            && count > 0
        {
            doubts.push(Doubt {
                name: TOO_FEW,
                figure: format!(
                    "{} has {count} samples, and `{rule}` needs {least}",
                    metric.name()
                ),
                spoils: vec![metric.name()],
                needed: true,
            });
        }
    }
    doubts
}

/// Whether a rule is about one of these.
fn needs(scenario: &Scenario, metrics: &[&str]) -> bool {
    scenario.thresholds.rules.iter().any(
        |rule| matches!(rule.figure, Figure::Metric(metric, _) if metrics.contains(&metric.name())),
    )
}

/// Whether a rule is about a time.
fn needs_times(scenario: &Scenario) -> bool {
    scenario
        .thresholds
        .rules
        .iter()
        .any(|rule| match rule.figure {
            Figure::Metric(metric, stat) => {
                stat != Stat::Count
                    && !matches!(
                        metric,
                        Metric::ChunksPerAnswer | Metric::TokensPerAnswer | Metric::RetryAfter
                    )
            }
            Figure::Scalar(_) => false,
        })
}
