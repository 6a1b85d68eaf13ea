//! Shards of one run as one: their counts and histograms are added exactly, and thresholds are judged again on the sum.

use super::differing::differing;
use super::rule::Rule;
use super::scenario::{Ci, OnSaturation, Thresholds};
use super::thresholds::Judged;
use super::validity;
use crate::record::load::{LoadRecord, Shard};
use std::fmt;
use std::time::Duration;

/// A shard's report.
#[derive(Debug, Clone)]
pub struct ShardReport {
    /// What it is called in messages: its file.
    pub name: String,
    /// The version of the program that ran it.
    pub version: String,
    /// What it tells.
    pub record: LoadRecord,
}

/// Why reports are not those of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmergeable {
    /// There is none.
    Nothing,
    /// One of several is no shard, but a run of its own.
    NoShard {
        /// Its file.
        name: String,
    },
    /// One has been merged already.
    Merged {
        /// Its file.
        name: String,
    },
    /// Two are not of the same run.
    Differ {
        /// In what: `scenario`, `seed`, …
        what: &'static str,
        /// The file of the one.
        one: String,
        /// What it says.
        says: String,
        /// The file of the other.
        other: String,
        /// What that says.
        but: String,
    },
    /// Two are the same shard.
    Twice {
        /// Which.
        index: usize,
        /// The file of the one.
        one: String,
        /// The file of the other.
        other: String,
    },
    /// One says that it is a shard that there can't be.
    NoSuchShard {
        /// Its file.
        name: String,
        /// Which it says.
        index: usize,
        /// Of how many.
        of: usize,
    },
    /// A rule that can't be read.
    Rule {
        /// The file.
        name: String,
        /// As it is written.
        rule: String,
    },
}

impl fmt::Display for Unmergeable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmergeable::Nothing => f.write_str("there is no report to merge"),
            Unmergeable::NoShard { name } => {
                write!(f, "`{name}` is no shard, but a run of its own")
            }
            Unmergeable::Merged { name } => write!(f, "`{name}` has been merged already"),
            Unmergeable::Differ {
                what,
                one,
                says,
                other,
                but,
            } => write!(
                f,
                "these are not shards of one run: the {what} of `{one}` is {says}, that of `{other}` is {but}"
            ),
            Unmergeable::Twice { index, one, other } => {
                write!(f, "`{one}` and `{other}` are both shard {index}")
            }
            Unmergeable::NoSuchShard { name, index, of } => {
                write!(f, "`{name}` says that it is shard {index} of {of}")
            }
            Unmergeable::Rule { name, rule } => {
                write!(f, "`{name}` has a threshold that can't be read: `{rule}`")
            }
        }
    }
}

impl std::error::Error for Unmergeable {}

impl Unmergeable {
    /// How that is mended.
    pub fn help(&self) -> &'static str {
        match self {
            Unmergeable::Nothing | Unmergeable::NoShard { .. } => {
                "shards are made by `clawcheck load S --shard I/N --report json=…`"
            }
            Unmergeable::Merged { .. } => "merge all shards at once, from their own reports",
            Unmergeable::Differ { .. } => {
                "run every shard by the same program, with the same scenario, flags and seed"
            }
            Unmergeable::Twice { .. } => "give each shard's report once",
            Unmergeable::NoSuchShard { .. } => "shards are counted from 0",
            Unmergeable::Rule { .. } => "merge by the version that ran the shards",
        }
    }
}

/// Starts that lie further apart are not of one run, whatever the clocks say.
const APART: Duration = Duration::from_secs(3600);

/// Makes one record of the shards of a run. A shard that is missing is told by
/// [`Host::complete`](crate::record::load::Host::complete).
///
/// # Errors
/// They are not shards of one run.
pub fn merge(mut reports: Vec<ShardReport>) -> Result<LoadRecord, Unmergeable> {
    reports.sort_by_key(|report| report.record.host.shard.0);
    for report in &reports {
        alone(report, reports.len())?;
    }
    for pair in reports.windows(2) {
        if let [one, other] = pair {
            alike(one, other)?;
        }
    }
    let Some(first) = reports.first() else {
        return Err(Unmergeable::Nothing);
    };
    let thresholds = thresholds(first)?;
    let (_, of) = first.record.host.shard;
    let shards: Vec<Shard> = reports
        .iter()
        .map(|report| Shard {
            index: report.record.host.shard.0,
            started_at: report.record.started_at,
            clock_offset_ms: report.record.host.clock_offset_ms,
        })
        .collect();
    let mut rest = reports.iter();
    let Some(mut whole) = rest.next().map(|first| first.record.clone()) else {
        return Err(Unmergeable::Nothing);
    };
    whole.notes.retain(|note| !is_of_a_shard(note));
    for report in rest {
        let mut other = report.record.clone();
        other.notes.retain(|note| !is_of_a_shard(note));
        join(&mut whole, &other);
    }
    whole.host.clock_skew_ms = skew(&shards);
    whole.host.clock_offset_ms = None;
    whole.host.complete = shards.len() == of;
    whole.host.shard = (0, of);
    if of > 1 {
        whole
            .notes
            .push(told(&shards, of, whole.host.clock_skew_ms));
        whole.host.shards = shards;
    }
    judge(&mut whole, &thresholds);
    Ok(whole)
}

/// What a shard's report is told of itself; of the whole it does not hold.
pub(super) fn note_of_a_shard(index: usize, of: usize) -> String {
    format!(
        "{SHARD} {index} of {of}: `clawcheck merge` makes one report of all, and judges the thresholds"
    )
}

const SHARD: &str = "this is shard";

fn is_of_a_shard(note: &str) -> bool {
    note.starts_with(SHARD)
}

fn alone(report: &ShardReport, all: usize) -> Result<(), Unmergeable> {
    let name = || report.name.clone();
    let host = &report.record.host;
    let (index, of) = host.shard;
    if !host.shards.is_empty() {
        return Err(Unmergeable::Merged { name: name() });
    }
    if all > 1 && of <= 1 {
        return Err(Unmergeable::NoShard { name: name() });
    }
    if index >= of {
        return Err(Unmergeable::NoSuchShard {
            name: name(),
            index,
            of,
        });
    }
    Ok(())
}

fn alike(one: &ShardReport, other: &ShardReport) -> Result<(), Unmergeable> {
    let (a, b) = (&one.record, &other.record);
    let what_differs = || -> Option<(&'static str, String, String)> {
        let text = |what, a: &dyn fmt::Display, b: &dyn fmt::Display| {
            let (a, b) = (a.to_string(), b.to_string());
            (a != b).then_some((what, a, b))
        };
        let (s, t) = (&a.scenario, &b.scenario);
        text("scenario", &s.name, &t.name)
            .or_else(|| text("scenario's SHA-256", &s.sha256, &t.sha256))
            .or_else(|| text("seed", &s.seed, &t.seed))
            .or_else(|| text("version of clawcheck", &one.version, &other.version))
            .or_else(|| text("number of shards", &a.host.shard.1, &b.host.shard.1))
            .or_else(|| {
                let (key, a, b) = differing(&s.resolved, &t.resolved).into_iter().next()?;
                Some((
                    "scenario with its flags",
                    format!("{key} = {a}"),
                    b.to_string(),
                ))
            })
            .or_else(|| {
                let (a, b) = (a.started_at, b.started_at);
                let apart = a.duration_since(b).or_else(|_| b.duration_since(a)).ok()?;
                let at = |at| {
                    jiff::Timestamp::try_from(at)
                        .map_or_else(|_| "?".to_owned(), |at| at.to_string())
                };
                (apart > APART).then(|| ("start", at(a), at(b)))
            })
    };
    if let Some((what, says, but)) = what_differs() {
        return Err(Unmergeable::Differ {
            what,
            one: one.name.clone(),
            says,
            other: other.name.clone(),
            but,
        });
    }
    if a.host.shard.0 == b.host.shard.0 {
        return Err(Unmergeable::Twice {
            index: a.host.shard.0,
            one: one.name.clone(),
            other: other.name.clone(),
        });
    }
    Ok(())
}

fn join(whole: &mut LoadRecord, other: &LoadRecord) {
    whole.add_beside(other);
    let (ours, theirs) = (&mut whole.host, &other.host);
    ours.cpus += theirs.cpus;
    ours.memory_bytes = ours.memory_bytes.saturating_add(theirs.memory_bytes);
    for (ours, theirs) in [
        (&mut ours.cpu_model, &theirs.cpu_model),
        (&mut ours.os, &theirs.os),
    ] {
        if !ours.split("; ").any(|known| known == theirs) {
            *ours = format!("{ours}; {theirs}");
        }
    }
    if whole.target != other.target {
        let note = format!(
            "a shard loaded {} in place of {}",
            other.target, whole.target
        );
        whole.notes.push(note);
    }
}

/// How far the clocks are apart, by the middles of what is known of each; none where that is not known of two.
fn skew(shards: &[Shard]) -> Option<f64> {
    let known = shards.iter().filter_map(|shard| shard.clock_offset_ms);
    let middles: Vec<f64> = known.map(|(low, high)| (low + high) / 2.0).collect();
    let least = middles.iter().copied().reduce(f64::min)?;
    let most = middles.iter().copied().reduce(f64::max)?;
    (middles.len() > 1).then_some(most - least)
}

/// Which shards there are, and how they lie to each other.
fn told(shards: &[Shard], of: usize, skew: Option<f64>) -> String {
    let missing: Vec<String> = (0..of)
        .filter(|index| !shards.iter().any(|shard| shard.index == *index))
        .take(20)
        .map(|index| index.to_string())
        .collect();
    let mut text = if missing.is_empty() {
        format!("merged from all {of} shards")
    } else {
        format!(
            "merged from {} of {of} shards; missing: {}",
            shards.len(),
            missing.join(", ")
        )
    };
    let starts = shards.iter().map(|shard| shard.started_at);
    let apart = (starts.clone().max())
        .zip(starts.min())
        .and_then(|(last, first)| last.duration_since(first).ok());
    if let Some(apart) = apart.filter(|_| shards.len() > 1) {
        let millis = apart.as_secs_f64() * 1e3;
        text.push_str(&format!(
            "; by their own clocks they started {millis:.0} ms apart"
        ));
    }
    if let Some(skew) = skew {
        let known = shards.iter().filter_map(|shard| shard.clock_offset_ms);
        let sure = known
            .map(|(low, high)| (high - low) / 2.0)
            .fold(0.0, f64::max);
        text.push_str(&format!(
            ", and their clocks are {skew:.0} ms apart (each known within {sure:.0} ms)"
        ));
    }
    text
}

/// The thresholds that the scenario has, and whether they are of the steady window.
fn thresholds(report: &ShardReport) -> Result<(Thresholds, bool), Unmergeable> {
    let resolved = &report.record.scenario.resolved;
    let rules = resolved["thresholds"]["rules"].as_array();
    let rules = rules.into_iter().flatten().map(|rule| {
        let rule = rule.as_str().unwrap_or_default();
        Rule::parse(rule).map_err(|_| Unmergeable::Rule {
            name: report.name.clone(),
            rule: rule.to_owned(),
        })
    });
    let thresholds = Thresholds {
        rules: rules.collect::<Result<_, _>>()?,
        ci: if resolved["thresholds"]["ci"] == Ci::Bound.name() {
            Ci::Bound
        } else {
            Ci::Point
        },
    };
    Ok((thresholds, resolved["steady"]["require"] == true))
}

/// Judges the thresholds and the doubts again that follow from the figures.
fn judge(whole: &mut LoadRecord, (thresholds, on_steady): &(Thresholds, bool)) {
    let aborted: Vec<String> = whole
        .thresholds
        .iter()
        .filter(|row| row.aborted_run)
        .map(|row| row.rule.clone())
        .collect();
    let judged = Judged::of(whole, thresholds, *on_steady);
    whole.thresholds = judged.rows;
    for row in &mut whole.thresholds {
        row.aborted_run = aborted.contains(&row.rule);
    }
    let reasons = &mut whole.validity.reasons;
    reasons.retain(|doubt| doubt.name != validity::TOO_FEW);
    let few = validity::too_few(&thresholds.rules, whole);
    whole.validity.reasons.extend(few);
    let warns = whole.scenario.resolved["client"]["on_saturation"] == OnSaturation::Warn.name();
    whole.validity.valid = warns || whole.validity.reasons.is_empty();
}
