//! What the command line changes in a scenario: `--users N | --rate R`, `--duration S`, `--seed N`.
//!
//! As users of k6 know it from `--vus` and `--duration`: a number of users, or a rate, takes the place of all stages
//! and is held from the first instant to the last, for `--duration`, or for as long as the stages would have taken. A
//! duration by itself keeps the shape and its targets, and stretches or shrinks every stage alike: a spike stays a
//! spike. The warm-up stays, thresholds stay, and so does the budget: what was written for another load may then not
//! hold, and says so.

use super::keys::{LONGEST_S, MOST_RPS, MOST_USERS};
use super::model::{Arrivals, Model, Plan, Shape, Stage, Stages};
use super::{Scenario, Trace};
use std::fmt;
use std::time::Duration;

/// What the command line says; `None` where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Overrides {
    /// `--users`
    pub users: Option<u32>,
    /// `--rate`, in requests a second.
    pub rate: Option<f64>,
    /// `--duration`
    pub duration: Option<Duration>,
    /// `--seed`
    pub seed: Option<u64>,
}

/// Why the command line does not suit the scenario.
#[derive(Debug, Clone, PartialEq)]
pub enum Unsuited {
    /// `--users`, and the scenario has arrivals.
    UsersInOpenModel,
    /// `--rate`, and the scenario has users.
    RateInClosedModel,
    /// `--users` and `--rate`.
    UsersAndRate,
    /// A flag for stages, and the scenario searches.
    Searches {
        /// The flag.
        flag: &'static str,
    },
    /// `--rate`, and the arrivals are those of a file.
    RateOfTrace,
    /// `--duration`, and the file of arrivals ends before, or has none so early.
    OutsideTrace {
        /// When the file ends.
        ends: Duration,
    },
    /// A number that no scenario could have.
    OutOfRange {
        /// The flag.
        flag: &'static str,
        /// What its value has to be, in words.
        expected: String,
    },
}

impl fmt::Display for Unsuited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsuited::UsersInOpenModel => {
                f.write_str("--users says nothing in the open model, whose arrivals nobody sends")
            }
            Unsuited::RateInClosedModel => f.write_str(
                "--rate says nothing in the closed model, where the answers make the rate",
            ),
            Unsuited::UsersAndRate => f.write_str("--users and --rate exclude each other"),
            Unsuited::Searches { flag } => {
                write!(f, "{flag} says nothing of a scenario with a [search]")
            }
            Unsuited::RateOfTrace => {
                f.write_str("--rate says nothing of arrivals that come from a trace")
            }
            Unsuited::OutsideTrace { ends } => {
                let ends = ends.as_secs_f64();
                write!(
                    f,
                    "--duration has to end in the trace, whose {ends} s have arrivals"
                )
            }
            Unsuited::OutOfRange { flag, expected } => write!(f, "{flag} has to be {expected}"),
        }
    }
}

impl std::error::Error for Unsuited {}

impl Unsuited {
    /// How that is mended, where it is known.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Unsuited::UsersInOpenModel => Some("`--rate R` sets the requests a second"),
            Unsuited::RateInClosedModel => Some("`--users N` sets the users"),
            Unsuited::Searches { .. } => {
                Some("`min`, `max` and `probe_s` of [search] say what it tries, and how long")
            }
            Unsuited::UsersAndRate
            | Unsuited::RateOfTrace
            | Unsuited::OutsideTrace { .. }
            | Unsuited::OutOfRange { .. } => None,
        }
    }
}

impl Scenario {
    /// The scenario with what the command line says. Its `sha256` stays that of the file.
    ///
    /// # Errors
    /// Everything in which the two contradict each other.
    pub fn with(mut self, overrides: &Overrides) -> Result<Scenario, Vec<Unsuited>> {
        let mut unsuited = out_of_range(overrides);
        let Overrides {
            users,
            rate,
            duration,
            seed,
        } = *overrides;
        match (users, rate, &self.model) {
            (Some(_), Some(_), _) => unsuited.push(Unsuited::UsersAndRate),
            (Some(_), None, Model::Open(_)) => unsuited.push(Unsuited::UsersInOpenModel),
            (None, Some(_), Model::Closed(_)) => unsuited.push(Unsuited::RateInClosedModel),
            (Some(_), None, Model::Closed(_))
            | (None, Some(_), Model::Open(_))
            | (None, None, _) => {}
        }
        if !unsuited.is_empty() {
            return Err(unsuited);
        }
        let changed = match &mut self.model {
            Model::Closed(closed) => change("--users", &mut closed.plan, users, duration),
            Model::Open(open) => match &mut open.arrivals {
                Arrivals::Drawn { plan, .. } => change("--rate", plan, rate, duration),
                Arrivals::Replayed(trace) => cut(trace, rate, duration),
            },
        };
        changed?;
        self.seed = seed.unwrap_or(self.seed);
        Ok(self)
    }
}

/// Numbers that no scenario could have: its report could not be read back.
fn out_of_range(overrides: &Overrides) -> Vec<Unsuited> {
    let mut found = Vec::new();
    let mut ask = |flag, fits: Option<bool>, expected: String| {
        if fits == Some(false) {
            found.push(Unsuited::OutOfRange { flag, expected });
        }
    };
    let users = overrides.users.map(u64::from);
    ask(
        "--users",
        users.map(|users| (1..=MOST_USERS).contains(&users)),
        format!("from 1 to {MOST_USERS}"),
    );
    ask(
        "--rate",
        overrides.rate.map(|rate| rate > 0.0 && rate <= MOST_RPS),
        format!("over 0 and at most {MOST_RPS}"),
    );
    let seconds = overrides.duration.map(|span| span.as_secs_f64());
    ask(
        "--duration",
        seconds.map(|seconds| (SHORTEST.as_secs_f64()..=LONGEST_S).contains(&seconds)),
        format!("from a millisecond to {LONGEST_S} seconds"),
    );
    ask(
        "--seed",
        overrides.seed.map(|seed| i64::try_from(seed).is_ok()),
        format!("at most {}", i64::MAX),
    );
    found
}

/// The shortest time that a scenario can name.
const SHORTEST: Duration = Duration::from_millis(1);

fn change<T: Copy>(
    flag: &'static str,
    plan: &mut Plan<T>,
    target: Option<T>,
    duration: Option<Duration>,
) -> Result<(), Vec<Unsuited>> {
    let stages = match plan {
        Plan::Stages(stages) => stages,
        Plan::Search(_) => {
            let target = target.map(|_| flag);
            let duration = duration.map(|_| "--duration");
            let flags = target.into_iter().chain(duration);
            let unsuited: Vec<Unsuited> = flags.map(|flag| Unsuited::Searches { flag }).collect();
            return if unsuited.is_empty() {
                Ok(())
            } else {
                Err(unsuited)
            };
        }
    };
    match (target, duration) {
        (None, None) => {}
        (Some(target), duration) => {
            *stages = Stages {
                stages: vec![Stage {
                    name: "hold".to_owned(),
                    duration: duration.unwrap_or_else(|| stages.duration()),
                    target,
                    shape: Shape::Step,
                }],
                repeat: 1,
            };
        }
        (None, Some(duration)) => stretch(stages, duration)?,
    }
    Ok(())
}

/// Every stage longer or shorter alike, so that all of them take so long together.
fn stretch<T>(stages: &mut Stages<T>, duration: Duration) -> Result<(), Vec<Unsuited>> {
    let factor = duration.as_secs_f64() / stages.duration().as_secs_f64();
    for stage in &mut stages.stages {
        let seconds = stage.duration.as_secs_f64() * factor;
        stage.duration = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
    }
    let shortest = stages.stages.iter().map(|stage| stage.duration).min();
    if shortest.is_some_and(|shortest| shortest < SHORTEST) {
        let expected = "long enough for a millisecond of each stage".to_owned();
        let flag = "--duration";
        return Err(vec![Unsuited::OutOfRange { flag, expected }]);
    }
    Ok(())
}

/// The arrivals up to there; later ones are not sent.
fn cut(
    trace: &mut Trace,
    rate: Option<f64>,
    duration: Option<Duration>,
) -> Result<(), Vec<Unsuited>> {
    let mut unsuited = Vec::new();
    if rate.is_some() {
        unsuited.push(Unsuited::RateOfTrace);
    }
    if let Some(duration) = duration {
        let ends = trace.duration();
        let kept: Vec<_> = trace
            .arrivals
            .iter()
            .copied()
            .filter(|arrival| arrival.at <= duration)
            .collect();
        let empty = kept.last().is_none_or(|last| last.at.is_zero());
        if duration > ends || empty {
            unsuited.push(Unsuited::OutsideTrace { ends });
        }
        trace.arrivals = kept.into();
    }
    if unsuited.is_empty() {
        Ok(())
    } else {
        Err(unsuited)
    }
}
