//! How two load runs of one scenario differ.
//!
//! A figure is worse where its difference is beyond what is tolerated *and* an interval excludes that there is none:
//! small differences of many samples are certain and of no interest, large ones of few samples are chance. The intervals
//! of all figures hold together with 95 %, and they are widened by how much the samples of one moment resemble each other.

use super::rule::{Direction, Limit, usual};
use super::statistics::{Estimate, design_effect, difference, errors_for, mean_of};
use crate::contract::Level;
use crate::load::{Figure, Metric, Scalar, Stat, differing, samples_of, value_of};
use crate::record::Distribution;
use crate::record::comparison::{
    BrokenRequirement, Difference, Differences, ErrorCounts, FigureRow,
};
use crate::record::load::{EndedBy, LoadRecord};
use std::collections::BTreeMap;

pub(super) fn compare(
    base: &LoadRecord,
    new: &LoadRecord,
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
            let of = |record| value_of(record, limit.figure);
            let (base, new) = (of(base), of(new));
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
        succeeded: new.measured.counts.succeeded,
    })
}

/// Figures of other work say nothing about each other.
fn alike(base: &LoadRecord, new: &LoadRecord) -> Result<(), (String, String)> {
    let mend = "run the same scenario twice".to_owned();
    if base.scenario.sha256 != new.scenario.sha256 {
        let message = format!(
            "the reports are of different scenarios: `{}` ({:.12}) and `{}` ({:.12})",
            base.scenario.name, base.scenario.sha256, new.scenario.name, new.scenario.sha256
        );
        return Err((message, mend));
    }
    let changed: Vec<String> = differing(&base.scenario.resolved, &new.scenario.resolved)
        .into_iter()
        .map(|(key, ..)| key)
        // Another seed is another sample of the same work.
        .filter(|key| key != "seed")
        .collect();
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

fn remarks(base: &LoadRecord, new: &LoadRecord, notes: &mut Vec<String>) {
    for (name, run) in [("base", base), ("new", new)] {
        if run.ended_by != EndedBy::Completed {
            let how = run.ended_by.as_str();
            notes.push(format!("the {name} run did not complete: {how}"));
        }
        if !run.host.complete {
            notes.push(format!("the {name} report lacks a shard"));
        }
        for doubt in &run.validity.reasons {
            notes.push(format!("the {name} run has a doubt: {}", doubt.name));
        }
    }
    if base.scenario.seed != new.scenario.seed {
        notes.push(format!(
            "the seeds differ: {} and {}",
            base.scenario.seed, new.scenario.seed
        ));
    }
    let machine = |run: &LoadRecord| format!("{} × {}", run.host.cpus, run.host.cpu_model);
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
    record: &'r LoadRecord,
    /// How much samples of one moment resemble each other.
    design: f64,
    /// Successes a second, by window.
    rates: Vec<f64>,
}

impl<'r> Run<'r> {
    fn of(record: &'r LoadRecord) -> Run<'r> {
        let series = &record.series;
        let width = series.window.as_secs_f64();
        let rates = windows(record)
            .filter_map(|index| Some(*series.succeeded.get(index)? as f64 / width))
            .collect();
        Run {
            record,
            design: resemblance(record).unwrap_or(1.0),
            rates,
        }
    }

    fn samples(&self, metric: Metric) -> Option<&'r Distribution> {
        samples_of(self.record, metric)
    }

    /// The figure with its interval; none where chance can't be told.
    fn estimate(&self, figure: Figure, errors: f64) -> Option<Estimate> {
        let value = value_of(self.record, figure)?;
        let counts = &self.record.measured.counts;
        let share =
            |part: u64, of: u64| Estimate::share(part as f64, of as f64, errors, self.design);
        match figure {
            Figure::Metric(metric, Stat::Mean) => {
                let distribution = self.samples(metric)?;
                let error = distribution.stddev()? / (distribution.count() as f64).sqrt();
                Some(Estimate::around(value, errors * error * self.design.sqrt()))
            }
            Figure::Metric(metric, stat) => {
                let distribution = self.samples(metric)?;
                let wide = errors * self.design.sqrt();
                let (low, high) = distribution.interval_of(stat.quantile()?, wide)?;
                Some(Estimate {
                    value,
                    low: low.min(value),
                    high: high.max(value),
                })
            }
            Figure::Scalar(Scalar::ErrorRatio) => {
                let (failed, well) = (counts.errors, counts.succeeded);
                share(failed, failed + well)
            }
            Figure::Scalar(Scalar::GoodRequestFraction) => {
                share(counts.good, counts.sent + counts.dropped)
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
        let spoilt = self.record.validity.reasons.iter().find(|doubt| {
            // What is steady and how many samples there are is looked at here, figure by figure.
            !["too_few_samples", "not_steady"].contains(&doubt.name)
                && (doubt.spoils.is_empty() || doubt.spoils.contains(&metric.name()))
        });
        if let Some(doubt) = spoilt {
            return Some(format!("the generator was the limit ({})", doubt.name));
        }
        let least = stat.least_samples()?;
        let count = self.samples(metric)?.count();
        (count < least).then(|| format!("too few samples: {count} of {least}"))
    }

    /// The program's own error in a time, in ms.
    fn own_error(&self) -> f64 {
        let own = self.samples(Metric::SelfError);
        own.and_then(|own| own.quantile(0.99)).unwrap_or_default()
    }
}

/// The whole windows of the series that lie within the measured time.
fn windows(record: &LoadRecord) -> impl Iterator<Item = usize> {
    /// Windows begin at whole seconds, but for the arithmetic.
    const HAIR: f64 = 1e-9;
    let from = record.windows.warm_up.as_secs_f64();
    let to = from + record.windows.measured.as_secs_f64();
    let width = record.series.window.as_secs_f64();
    let within = move |begin: f64| begin >= from - HAIR && begin + width <= to + HAIR;
    let begins = record.series.t_s.iter().enumerate();
    begins.filter_map(move |(index, begin)| within(*begin).then_some(index))
}

/// How much samples of one moment resemble each other, by the first tokens' medians; none where there are no streams.
fn resemblance(record: &LoadRecord) -> Option<f64> {
    let ttft = samples_of(record, Metric::TimeToFirstToken)?;
    let median = ttft.quantile(0.5)?;
    let (low, high) = ttft.interval_of(0.5, 1.0)?;
    let series = &record.series;
    let windows: Vec<(f64, u64)> = windows(record)
        .filter_map(|index| {
            let median = (*series.ttft_p50_ms.get(index)?)?;
            Some((median, *series.succeeded.get(index)?))
        })
        .collect();
    Some(design_effect(&windows, median, (high - low) / 2.0))
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
fn broken(base: &LoadRecord, new: &LoadRecord) -> Vec<BrokenRequirement> {
    let was_broken = |id| base.checks.get(id).is_some_and(|looks| looks.failed > 0);
    new.checks
        .iter()
        .filter(|(id, looks)| looks.failed > 0 && !was_broken(id) && id.level() == Level::Must)
        .map(|(id, looks)| BrokenRequirement {
            requirement: *id,
            failed: looks.failed,
            checked: looks.checked,
        })
        .collect()
}

fn error_counts(base: &LoadRecord, new: &LoadRecord) -> Vec<ErrorCounts> {
    let mut counts: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
    for error in &base.errors {
        counts.entry(error.class.as_str()).or_default().0 += error.count;
    }
    for error in &new.errors {
        counts.entry(error.class.as_str()).or_default().1 += error.count;
    }
    counts
        .into_iter()
        .filter(|(_, (base, new))| base != new)
        .map(|(class, (base, new))| ErrorCounts { class, base, new })
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
}
