//! How two load runs of one scenario differ.
//!
//! A figure is worse where its difference is beyond what is tolerated *and* an interval excludes that there is none:
//! small differences of many samples are certain and of no interest, large ones of few samples are chance. The intervals
//! of all figures hold together with 95 %, and they are widened by how much the samples of one moment resemble each other.

use super::reading::{SavedDistribution, SavedLoad};
use super::rule::{Direction, Limit, usual};
use super::statistics::{Estimate, design_effect, difference, errors_for, mean_of};
use crate::contract::{Level, RequirementId};
use crate::load::{Figure, Metric, Scalar, Stat};
use crate::record::Distribution;
use crate::record::comparison::{
    BrokenRequirement, Difference, Differences, ErrorCounts, FigureRow,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn compare(
    base: &SavedLoad,
    new: &SavedLoad,
    limits: &[Limit],
    notes: &mut Vec<String>,
) -> Result<Differences, (String, String)> {
    alike(base, new)?;
    remarks(base, new, notes);
    let asked = !limits.is_empty();
    let limits = if asked { limits.to_vec() } else { usual() };
    let (base_run, new_run) = (Run::of(base), Run::of(new));
    let judged: Vec<(Limit, Option<f64>, Option<f64>)> = limits
        .into_iter()
        .map(|limit| {
            let of = |run: &Run<'_>| run.value(limit.figure);
            let (base, new) = (of(&base_run), of(&new_run));
            (limit, base, new)
        })
        // What neither run has is of interest only to who asked for it.
        .filter(|(_, base, new)| asked || base.is_some() || new.is_some())
        .collect();
    let errors = errors_for(judged.len());
    let rows = judged
        .into_iter()
        .map(|(limit, base, new)| row(&limit, (base, new), (&base_run, &new_run), errors))
        .collect();
    Ok(Differences {
        rows,
        broken: broken(base, new),
        errors: error_counts(base, new),
        succeeded: new.summary["succeeded"].as_u64().unwrap_or_default(),
    })
}

/// Figures of other work say nothing about each other.
fn alike(base: &SavedLoad, new: &SavedLoad) -> Result<(), (String, String)> {
    let mend = "run the same scenario twice".to_owned();
    if base.scenario.sha256 != new.scenario.sha256 {
        let message = format!(
            "the reports are of different scenarios: `{}` ({:.12}) and `{}` ({:.12})",
            base.scenario.name, base.scenario.sha256, new.scenario.name, new.scenario.sha256
        );
        return Err((message, mend));
    }
    let mut changed = Vec::new();
    changed_keys(
        "",
        &base.scenario.resolved,
        &new.scenario.resolved,
        &mut changed,
    );
    // Another seed is another sample of the same work.
    changed.retain(|key| key != "seed");
    if !changed.is_empty() {
        let message = format!(
            "the scenario ran with other settings: {} differ{}",
            changed.join(", "),
            if changed.len() == 1 { "s" } else { "" }
        );
        return Err((message, "run both with the same flags".to_owned()));
    }
    Ok(())
}

/// The keys, dotted, whose values differ.
fn changed_keys(prefix: &str, base: &Value, new: &Value, changed: &mut Vec<String>) {
    match (base, new) {
        (Value::Object(base), Value::Object(new)) => {
            let keys: BTreeSet<&String> = base.keys().chain(new.keys()).collect();
            for key in keys {
                let of = |object: &serde_json::Map<String, Value>| {
                    object.get(key).cloned().unwrap_or(Value::Null)
                };
                let path = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                changed_keys(&path, &of(base), &of(new), changed);
            }
        }
        (base, new) if base == new => {}
        _ => changed.push(prefix.to_owned()),
    }
}

fn remarks(base: &SavedLoad, new: &SavedLoad, notes: &mut Vec<String>) {
    for (name, run) in [("base", base), ("new", new)] {
        if run.ended_by != "completed" {
            notes.push(format!("the {name} run did not complete: {}", run.ended_by));
        }
        if !run.host.complete {
            notes.push(format!("the {name} report lacks a shard"));
        }
        for doubt in &run.validity.doubts {
            notes.push(format!("the {name} run has a doubt: {}", doubt.reason));
        }
    }
    if base.scenario.seed != new.scenario.seed {
        notes.push(format!(
            "the seeds differ: {} and {}",
            base.scenario.seed, new.scenario.seed
        ));
    }
    let machine = |run: &SavedLoad| format!("{} × {}", run.host.cpus, run.host.cpu_model);
    if machine(base) != machine(new) {
        notes.push(format!(
            "the generators differ: {} and {}",
            machine(base),
            machine(new)
        ));
    }
    if base.host.shard != new.host.shard {
        notes.push("the reports are of different shards".to_owned());
    }
}

/// A run, to look figures up.
struct Run<'r> {
    saved: &'r SavedLoad,
    /// Its distributions by name.
    distributions: BTreeMap<&'static str, Distribution>,
    /// How much samples of one moment resemble each other.
    design: f64,
    /// Successes a second, by window.
    rates: Vec<f64>,
}

impl<'r> Run<'r> {
    fn of(saved: &'r SavedLoad) -> Run<'r> {
        let distributions: BTreeMap<&'static str, Distribution> = Metric::ALL
            .iter()
            .filter_map(|metric| {
                let name = metric.name();
                let samples = match metric {
                    Metric::RetryAfter => saved.retry_after_s.samples(),
                    Metric::ScheduleLag => saved.validity.schedule_lag_ms.samples(),
                    Metric::RuntimeLag => saved.validity.runtime_lag_ms.samples(),
                    Metric::SelfError => saved.validity.self_error_ms.samples(),
                    _ => SavedDistribution::deserialize_from(&saved.metrics[name]),
                };
                Some((name, samples.ok()?))
            })
            .collect();
        let mut run = Run {
            saved,
            distributions,
            design: 1.0,
            rates: Vec::new(),
        };
        run.design = run.resemblance();
        run.rates = run.rates();
        run
    }

    /// The whole windows of the series that lie within the measured time.
    fn windows(&self) -> impl Iterator<Item = usize> {
        let series = &self.saved.series;
        let from = self.saved.windows.warm_up_s;
        let to = from + self.saved.windows.measured_s;
        let width = series.window_s;
        let within = move |begin: &f64| *begin >= from - 1e-9 && begin + width <= to + 1e-9;
        let begins = series.t_s.iter().enumerate();
        begins.filter_map(move |(index, begin)| within(begin).then_some(index))
    }

    fn resemblance(&self) -> f64 {
        let Some(ttft) = self.distributions.get(Metric::TimeToFirstToken.name()) else {
            return 1.0;
        };
        let (Some(median), Some((low, high))) = (ttft.quantile(0.5), ttft.interval_of(0.5, 1.0))
        else {
            return 1.0;
        };
        let series = &self.saved.series;
        let windows: Vec<(f64, u64)> = self
            .windows()
            .filter_map(|index| {
                let median = (*series.ttft_p50_ms.get(index)?)?;
                Some((median, *series.succeeded.get(index)?))
            })
            .collect();
        design_effect(&windows, median, (high - low) / 2.0)
    }

    fn rates(&self) -> Vec<f64> {
        let series = &self.saved.series;
        self.windows()
            .filter_map(|index| Some(*series.succeeded.get(index)? as f64 / series.window_s))
            .collect()
    }

    /// What the report says of a figure.
    fn value(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::Metric(metric, stat) => self.stat(metric, stat),
            Figure::Scalar(scalar) => self.scalar(scalar),
        }
    }

    fn stat(&self, metric: Metric, stat: Stat) -> Option<f64> {
        let distribution = self.distributions.get(metric.name())?;
        match stat {
            Stat::Count => Some(distribution.count() as f64),
            Stat::Mean => distribution.mean(),
            Stat::Stddev => distribution.stddev(),
            Stat::Min => distribution.min(),
            Stat::Max => distribution.max(),
            Stat::P50 | Stat::P75 | Stat::P90 | Stat::P95 | Stat::P99 | Stat::P99_9 => {
                distribution.quantile(stat.quantile()?)
            }
        }
    }

    fn scalar(&self, scalar: Scalar) -> Option<f64> {
        let validity = &self.saved.validity;
        match scalar {
            Scalar::CoalescedChunks => return validity.coalesced_chunk_ratio,
            Scalar::ClientCpu => return validity.client_cpu_ratio,
            Scalar::ClientMemory => return Some(validity.client_rss_max_bytes as f64),
            _ => {}
        }
        // A dot in a name is a level of the report.
        let of = |value: &Value| {
            let levels = scalar.name().split('.');
            levels
                .fold(value.clone(), |value, level| value[level].clone())
                .as_f64()
        };
        of(&self.saved.summary).or_else(|| of(&self.saved.metrics))
    }

    fn summary(&self, name: &str) -> f64 {
        self.saved.summary[name].as_f64().unwrap_or_default()
    }

    /// The figure with its interval; none where chance can't be told.
    fn estimate(&self, figure: Figure, errors: f64) -> Option<Estimate> {
        let value = self.value(figure)?;
        match figure {
            Figure::Metric(metric, Stat::Mean) => {
                let distribution = self.distributions.get(metric.name())?;
                let error = distribution.stddev()? / (distribution.count() as f64).sqrt();
                Some(Estimate::around(value, errors * error * self.design.sqrt()))
            }
            Figure::Metric(metric, stat) => {
                let distribution = self.distributions.get(metric.name())?;
                let wide = errors * self.design.sqrt();
                let (low, high) = distribution.interval_of(stat.quantile()?, wide)?;
                Some(Estimate {
                    value,
                    low: low.min(value),
                    high: high.max(value),
                })
            }
            Figure::Scalar(Scalar::ErrorRatio) => {
                let (failed, well) = (self.summary("errors"), self.summary("succeeded"));
                Estimate::share(failed, failed + well, errors, self.design)
            }
            Figure::Scalar(Scalar::GoodRequestFraction) => {
                let of = self.summary("sent") + self.summary("dropped");
                Estimate::share(self.summary("good"), of, errors, self.design)
            }
            Figure::Scalar(
                Scalar::AchievedRate
                | Scalar::Goodput
                | Scalar::RequestThroughput
                | Scalar::OutputTokenThroughput
                | Scalar::ChunkThroughput,
            ) => {
                // They follow the successes, whose windows the report has.
                let mean = mean_of(&self.rates, errors).filter(|mean| mean.value > 0.0)?;
                let part = (mean.high - mean.low) / 2.0 / mean.value;
                Some(Estimate::around(value, part * value))
            }
            Figure::Scalar(_) => None,
        }
    }

    /// Why a figure can't be trusted.
    fn doubt(&self, figure: Figure) -> Option<String> {
        let Figure::Metric(metric, stat) = figure else {
            return None;
        };
        let spoilt = self.saved.validity.doubts.iter().find(|doubt| {
            doubt.reason != "too_few_samples"
                && doubt.reason != "not_steady"
                && (doubt.spoils.is_empty() || doubt.spoils.iter().any(|m| m == metric.name()))
        });
        if let Some(doubt) = spoilt {
            return Some(format!("the generator was the limit ({})", doubt.reason));
        }
        // As many as it takes for a threshold.
        let needed = match stat {
            Stat::P50 | Stat::P75 | Stat::Mean => 10,
            Stat::P90 | Stat::P95 => 40,
            Stat::P99 => 100,
            Stat::P99_9 => 1000,
            Stat::Count | Stat::Stddev | Stat::Min | Stat::Max => 1,
        };
        let count = self.distributions.get(metric.name())?.count();
        (count < needed).then(|| format!("too few samples: {count} of {needed}"))
    }

    /// The program's own error in a time, in ms.
    fn own_error(&self) -> f64 {
        let own = self.distributions.get(Metric::SelfError.name());
        own.and_then(|own| own.quantile(0.99)).unwrap_or_default()
    }
}

impl SavedDistribution {
    fn deserialize_from(value: &Value) -> Result<Distribution, String> {
        let saved: SavedDistribution =
            serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
        saved.samples()
    }
}

fn row(
    limit: &Limit,
    values: (Option<f64>, Option<f64>),
    runs: (&Run<'_>, &Run<'_>),
    errors: f64,
) -> FigureRow {
    let mut row = FigureRow {
        figure: limit.figure.to_string(),
        rule: limit.to_string(),
        values,
        effect: None,
        interval: None,
        tolerance: 0.0,
        verdict: Difference::Inconclusive,
        why: None,
    };
    let (Some(base), Some(new)) = values else {
        let which = match values {
            (None, None) => "neither run has it",
            (None, _) => "the base run does not have it",
            _ => "the new run does not have it",
        };
        row.why = Some(which.to_owned());
        return row;
    };
    let effect = new - base;
    row.effect = Some(effect);
    row.tolerance = limit.tolerance(base);
    if is_time(limit.figure) {
        // Nothing smaller than what the program adds by itself is a difference of the target.
        row.tolerance = row
            .tolerance
            .max(runs.0.own_error().max(runs.1.own_error()));
    }
    if let Some(doubt) = runs.0.doubt(limit.figure).map(|why| format!("base: {why}")) {
        row.why = Some(doubt);
        return row;
    }
    if let Some(doubt) = runs.1.doubt(limit.figure).map(|why| format!("new: {why}")) {
        row.why = Some(doubt);
        return row;
    }
    let estimates = (
        runs.0.estimate(limit.figure, errors),
        runs.1.estimate(limit.figure, errors),
    );
    let interval = match estimates {
        (Some(base), Some(new)) => difference(base, new),
        _ => {
            row.why = Some("it has no interval: the difference is taken as it is".to_owned());
            difference(Estimate::exact(base), Estimate::exact(new))
        }
    };
    row.interval = Some(interval);
    row.verdict = verdict(effect, interval, row.tolerance, limit.direction);
    row
}

fn is_time(figure: Figure) -> bool {
    matches!(figure, Figure::Metric(metric, _) if metric.name().ends_with("_ms"))
}

fn verdict(
    effect: f64,
    (low, high): (f64, f64),
    tolerance: f64,
    direction: Direction,
) -> Difference {
    let is_certain = low > 0.0 || high < 0.0;
    if effect.abs() > tolerance && is_certain {
        let is_bad = match direction {
            Direction::Up => effect > 0.0,
            Direction::Down => effect < 0.0,
        };
        if is_bad {
            Difference::Worse
        } else {
            Difference::Better
        }
    } else if low >= -tolerance && high <= tolerance {
        Difference::Same
    } else {
        Difference::Inconclusive
    }
}

/// MUSTs that are broken in the new run and were kept, or not looked at, in the base.
fn broken(base: &SavedLoad, new: &SavedLoad) -> Vec<BrokenRequirement> {
    let was_broken = |name: &str| {
        let mut checks = base.checks.iter();
        checks.any(|check| check.requirement == name && check.failed > 0)
    };
    new.checks
        .iter()
        .filter(|check| check.failed > 0 && !was_broken(&check.requirement))
        .filter_map(|check| {
            let requirement = RequirementId::parse(&check.requirement).ok()?;
            (requirement.level() == Level::Must).then_some(BrokenRequirement {
                requirement,
                failed: check.failed,
                checked: check.checked,
            })
        })
        .collect()
}

fn error_counts(base: &SavedLoad, new: &SavedLoad) -> Vec<ErrorCounts> {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for error in &base.errors {
        counts.entry(&error.class).or_default().0 += error.count;
    }
    for error in &new.errors {
        counts.entry(&error.class).or_default().1 += error.count;
    }
    counts
        .into_iter()
        .filter(|(_, (base, new))| base != new)
        .map(|(class, (base, new))| ErrorCounts {
            class: class.to_owned(),
            base,
            new,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_if_it_is_large_and_no_chance() {
        use Difference::{Better, Inconclusive, Same, Worse};
        use Direction::{Down, Up};
        for (effect, interval, tolerance, direction, expected) in [
            (15.0, (5.0, 25.0), 10.0, Up, Worse),
            (15.0, (5.0, 25.0), 10.0, Down, Better),
            (-15.0, (-25.0, -5.0), 10.0, Down, Worse),
            (-15.0, (-25.0, -5.0), 10.0, Up, Better),
            // Large, and chance can't be excluded.
            (15.0, (-1.0, 31.0), 10.0, Up, Inconclusive),
            // Certain, and nobody minds.
            (5.0, (4.0, 6.0), 10.0, Up, Same),
            (0.0, (0.0, 0.0), 0.0, Up, Same),
            // Small so far; it could be large.
            (5.0, (-10.0, 20.0), 10.0, Up, Inconclusive),
        ] {
            let found = verdict(effect, interval, tolerance, direction);
            assert_eq!(found, expected, "{effect} {interval:?}");
        }
    }

    #[test]
    fn what_differs_in_a_scenario_is_named() {
        let base = serde_json::json!({"load": {"model": "open", "stage": [1]}, "seed": 1});
        let new =
            serde_json::json!({"load": {"model": "open", "stage": [2]}, "seed": 2, "more": 1});
        let mut changed = Vec::new();
        changed_keys("", &base, &new, &mut changed);
        assert_eq!(changed, ["load.stage", "more", "seed"]);
    }
}
