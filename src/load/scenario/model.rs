//! When requests are sent: users or arrivals, stages or a search, and what comes before and after.

use super::distribution::Distribution;
use super::trace::Trace;
use std::time::Duration;

/// Who decides when the next request is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// The answers do: each user waits for one before the next request.
    Closed(Closed),
    /// The clock does, whatever the answers do.
    Open(Open),
}

impl Model {
    /// The word for it in a file.
    pub const fn name(&self) -> &'static str {
        match self {
            Model::Closed(_) => "closed",
            Model::Open(_) => "open",
        }
    }
}

/// Users.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// How many there are, and when.
    pub plan: Plan<u32>,
    /// How long each waits after an answer, in milliseconds; not at all where `None`.
    pub think_time_ms: Option<Distribution>,
}

/// Arrivals.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// When they come.
    pub arrivals: Arrivals,
    /// Requests in flight at most; an arrival beyond it is dropped and counted.
    pub max_in_flight: u32,
    /// What the file says of users, whom there are none of: it does nothing.
    pub think_time_ms: Option<Distribution>,
}

/// When arrivals come.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrivals {
    /// At a rate, in requests a second.
    Drawn {
        /// How they are spread.
        process: Process,
        /// The rate, and when.
        plan: Plan<f64>,
    },
    /// As a file has them.
    Replayed(Trace),
}

/// How arrivals at a rate are spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Process {
    /// As evenly as can be.
    Constant,
    /// Each knows nothing of the others.
    Poisson,
    /// The waits between them are gamma distributed.
    Gamma {
        /// The shape: 1 is Poisson, less comes in bursts, more is more even.
        burstiness: f64,
    },
}

impl Process {
    /// The word for it in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Process::Constant => "constant",
            Process::Poisson => "poisson",
            Process::Gamma { .. } => "gamma",
        }
    }
}

/// How much, and when: of users or of requests a second.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan<T> {
    /// As the stages say.
    Stages(Stages<T>),
    /// As a search for the target's capacity asks.
    Search(Search<T>),
}

/// Stages, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Stages<T> {
    /// At least one, and at least one with a target over 0. Names are unique.
    pub stages: Vec<Stage<T>>,
    /// How often the list is run; at least once.
    pub repeat: u32,
}

impl<T> Stages<T> {
    /// How long all repetitions take.
    pub fn duration(&self) -> Duration {
        let once: Duration = self.stages.iter().map(|stage| stage.duration).sum();
        once.saturating_mul(self.repeat)
    }
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage<T> {
    /// Its name in the report.
    pub name: String,
    /// How long it lasts; over 0.
    pub duration: Duration,
    /// The value at its end.
    pub target: T,
    /// How it gets there.
    pub shape: Shape,
}

/// How a stage gets to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// In a straight line from the last stage's target; the first from 0, or from its own target after a warm-up.
    Linear,
    /// At once.
    Step,
}

/// A search for the most that keeps the objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Search<T> {
    /// The least to try; over 0.
    pub min: T,
    /// The most to try; over `min`.
    pub max: T,
    /// What is carried leaves so many of the requests good, from 0 to 1.
    pub good_request_fraction: f64,
    /// How sure a probe has to be, from 0.5 to 0.9999.
    pub confidence: f64,
    /// How long one probe lasts; over 0.
    pub probe: Duration,
    /// Probes at most; two or more.
    pub max_probes: u32,
}

/// What comes before the measurement, at the first stage's target (of a search: its least value).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmUp {
    /// How long.
    pub length: WarmUpLength,
    /// What becomes of its open answers when the measurement begins.
    pub hand_over: HandOver,
}

/// How long a warm-up is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmUpLength {
    /// So long; over 0.
    For(Duration),
    /// So many requests; at least one.
    Requests(u64),
}

/// What becomes of the warm-up's open answers when the measurement begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOver {
    /// They go on; there is no pause. The open model knows nothing else.
    Running,
    /// The measurement waits for them.
    Drained,
}

/// What becomes of open answers at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// They are read to their end, for so long at most, in time of the target's clock
    /// ([`Scale`](crate::time::Scale)).
    Drain(Duration),
    /// They are cut.
    Cut,
}
