//! Numbers at random: how they are spread.

use super::mistakes::out_of_place;
use crate::profile::{Section, short};
use serde_json::{Map, Value, json};

/// How numbers are spread. Their unit is told by who holds it.
///
/// Every number lies in a finite range: what falls outside of [`Within`] counts as its nearer end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Constant(f64),
    /// Every number of the range is as likely.
    Uniform(Within),
    /// As the waits between events that know nothing of each other.
    Exponential {
        /// The mean.
        mean: f64,
        /// The range.
        within: Within,
    },
    /// The bell curve.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation; 0 or more.
        stddev: f64,
        /// The range.
        within: Within,
    },
    /// The one whose logarithm is normal: a long tail upwards, as of latencies and lengths of texts.
    LogNormal {
        /// The mean of the numbers themselves, not of their logarithm; over 0.
        mean: f64,
        /// Their standard deviation; 0 or more.
        stddev: f64,
        /// The range.
        within: Within,
    },
}

/// A range; its ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Within {
    /// The least; 0 or more.
    pub min: f64,
    /// The most; no less than `min`, and finite.
    pub max: f64,
}

impl Distribution {
    /// The mean that it is given; what its range cuts off is not reckoned with.
    pub fn mean(&self) -> f64 {
        match self {
            Distribution::Constant(mean)
            | Distribution::Exponential { mean, .. }
            | Distribution::Normal { mean, .. }
            | Distribution::LogNormal { mean, .. } => *mean,
            Distribution::Uniform(within) => (within.min + within.max) / 2.0,
        }
    }

    /// The most that it can give.
    pub fn max(&self) -> f64 {
        match self {
            Distribution::Constant(value) => *value,
            Distribution::Uniform(within)
            | Distribution::Exponential { within, .. }
            | Distribution::Normal { within, .. }
            | Distribution::LogNormal { within, .. } => within.max,
        }
    }

    /// The word for it in a file.
    pub const fn name(&self) -> &'static str {
        match self {
            Distribution::Constant(_) => "constant",
            Distribution::Uniform(_) => "uniform",
            Distribution::Exponential { .. } => "exponential",
            Distribution::Normal { .. } => "normal",
            Distribution::LogNormal { .. } => "lognormal",
        }
    }

    /// As a file has it.
    pub(super) fn written(&self, spelling: &Spelling) -> Value {
        let mut table = Map::new();
        table.insert("distribution".to_owned(), json!(self.name()));
        let mut put = |key: &str, number: f64| {
            table.insert(key.to_owned(), short(number));
        };
        match self {
            Distribution::Constant(value) => put(spelling.value, *value),
            Distribution::Uniform(_) => {}
            Distribution::Exponential { mean, .. } => put(spelling.mean, *mean),
            Distribution::Normal { mean, stddev, .. }
            | Distribution::LogNormal { mean, stddev, .. } => {
                put(spelling.mean, *mean);
                put(spelling.stddev, *stddev);
            }
        }
        match self {
            Distribution::Constant(_) => {}
            Distribution::Uniform(within)
            | Distribution::Exponential { within, .. }
            | Distribution::Normal { within, .. }
            | Distribution::LogNormal { within, .. } => {
                put(spelling.min, within.min);
                put(spelling.max, within.max);
            }
        }
        Value::Object(table)
    }
}

/// How the keys of a distribution are spelt.
pub(super) struct Spelling {
    pub(super) value: &'static str,
    pub(super) mean: &'static str,
    pub(super) stddev: &'static str,
    pub(super) min: &'static str,
    pub(super) max: &'static str,
}

/// Those of tables whose own key tells the unit.
pub(super) const PLAIN: Spelling = Spelling {
    value: "value",
    mean: "mean",
    stddev: "stddev",
    min: "min",
    max: "max",
};

/// Those of `[think_time]`, in which a constant wait is a mean too.
pub(super) const IN_MS: Spelling = Spelling {
    value: "mean_ms",
    mean: "mean_ms",
    stddev: "stddev_ms",
    min: "min_ms",
    max: "max_ms",
};

/// Reads a distribution: `Some(None)` for the word `none`, `None` where it can't be told.
pub(super) fn read(section: &Section<'_, '_>, spelling: &Spelling) -> Option<Option<Distribution>> {
    let Spelling {
        value,
        mean,
        stddev,
        min,
        max,
    } = *spelling;
    let shape = section.text("distribution")?.value;
    let used: &[&str] = match shape.as_str() {
        "constant" => &[value],
        "uniform" => &[min, max],
        "exponential" => &[mean, min, max],
        "normal" | "lognormal" => &[mean, stddev, min, max],
        _ => &[], // `none`: the declared choices leave nothing else
    };
    let mut others = vec![value, mean, stddev, min, max];
    others.dedup();
    others.retain(|key| !used.contains(key));
    for key in others {
        let place = format!("in a distribution that is `{shape}`");
        out_of_place(section, key, place, None);
    }
    let distribution = match shape.as_str() {
        "constant" => Distribution::Constant(needed(section, value)?),
        "uniform" => {
            if !section.has(max) {
                section.missing(max);
            }
            Distribution::Uniform(range(section, min, max)?)
        }
        "exponential" => {
            let (mean, within) = mean_in_range(section, spelling, true)?;
            Distribution::Exponential { mean, within }
        }
        "normal" => {
            let (mean, within) = mean_in_range(section, spelling, false)?;
            Distribution::Normal {
                mean,
                stddev: deviation(section, stddev, mean)?,
                within,
            }
        }
        "lognormal" => {
            let (mean, within) = mean_in_range(section, spelling, true)?;
            Distribution::LogNormal {
                mean,
                stddev: deviation(section, stddev, mean)?,
                within,
            }
        }
        _ => return Some(None), // `none`
    };
    Some(Some(distribution))
}

fn needed(section: &Section<'_, '_>, key: &'static str) -> Option<f64> {
    if !section.has(key) {
        section.missing(key);
    }
    section.number(key)
}

fn range(section: &Section<'_, '_>, min: &str, max: &'static str) -> Option<Within> {
    let end = |key: &str, otherwise: f64| {
        if section.has(key) {
            section.number(key)
        } else {
            Some(otherwise)
        }
    };
    let (least, most) = section.limits(min)?;
    let (low, high) = (end(min, least), end(max, most));
    let (low, high) = (low?, high?);
    if low > high {
        let expected = format!("no less than `{min}`, which is {low}");
        return section.not_allowed(max, Some(high.to_string()), expected, None);
    }
    Some(Within {
        min: low,
        max: high,
    })
}

fn mean_in_range(
    section: &Section<'_, '_>,
    spelling: &Spelling,
    over_zero: bool,
) -> Option<(f64, Within)> {
    let key = spelling.mean;
    let (mean, within) = (
        needed(section, key),
        range(section, spelling.min, spelling.max),
    );
    let (mean, within) = (mean?, within?);
    let found = Some(mean.to_string());
    if over_zero && mean == 0.0 {
        return section.not_allowed(key, found, "a number over 0", None);
    }
    if mean < within.min || mean > within.max {
        let expected = format!("from {} to {}, as its range is", within.min, within.max);
        return section.not_allowed(key, found, expected, None);
    }
    Some((mean, within))
}

/// Half the mean where it is left out: the spread that lengths of texts and latencies often have.
fn deviation(section: &Section<'_, '_>, key: &str, mean: f64) -> Option<f64> {
    if section.has(key) {
        section.number(key)
    } else {
        Some(mean / 2.0)
    }
}
