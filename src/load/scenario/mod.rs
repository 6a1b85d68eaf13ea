//! A load scenario: what is asked, how much of it and when, and what has to hold.
//!
//! A TOML file, or one of the [built-in](BUILTIN) ones. Where the deployment is, its keys and its agents stay in the
//! [profile](crate::profile); a scenario names them. Every mistake of a file is found at once, each with its place.
//! Knows nothing of sockets and clocks: it is what a run is told, not the run.

mod builtin;
mod distribution;
mod fault;
mod fixture;
mod keys;
mod lines;
mod mistakes;
mod model;
mod overrides;
mod plan;
mod prompts;
mod read;
mod request;
mod resolved;
mod says;
mod schema;
mod template;
mod thresholds;
mod trace;
mod words;

pub use builtin::{BUILTIN, Builtin as BuiltinScenario, NotFound};
pub use distribution::{Distribution, Within};
pub use fault::Fault;
pub use fixture::{BotName, KeyName};
pub use keys::LARGEST_PROMPT;
pub use model::{
    Arrivals, Closed, End, HandOver, Model, Open, Plan, Process, Search, Shape, Stage, Stages,
    WarmUp, WarmUpLength,
};
pub use overrides::{Overrides, Unsuited};
pub use prompts::{Builtin as BuiltinPrompts, Message, Prompt, Prompts};
pub use request::{Abandon, Alike, ModelField, Request};
pub use schema::schema as scenario_schema;
pub use template::{Template, UnknownPlace};
pub use trace::{Trace, TraceArrival};

use super::figure::Figure;
use super::rule::Rule;
use crate::contract::ErrorCode;
use crate::judge::Mode;
use crate::profile::{Document, Env, Fixture, Mistakes};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// A load scenario, every default filled in. It serialises to `scenario.resolved` of the report, whose keys are those
/// of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Which question it answers; empty where the file does not say.
    pub description: String,
    /// What arrivals, mix, prompts and think times follow from.
    pub seed: u64,
    /// The keys to use, in turn; at least one.
    pub keys: Vec<KeyName>,
    /// The agent to ask.
    pub bot: BotName,
    /// What a broken MUST does to the run.
    pub contract: Contract,
    /// What a 429 is.
    pub throttled: Throttled,
    /// When requests are sent.
    pub model: Model,
    /// What becomes of open answers at the end.
    pub end: End,
    /// What comes before the measurement.
    pub warm_up: Option<WarmUp>,
    /// The part of the run in which figures no longer drift.
    pub steady: Steady,
    /// The mix; at least one.
    pub requests: Vec<Request>,
    /// How requests are sent.
    pub client: Client,
    /// What an answer has to keep to be a good one.
    pub objective: Objective,
    /// What has to hold at the end.
    pub thresholds: Thresholds,
    /// What stops the run early.
    pub abort: Abort,
    /// What it may cost.
    pub budget: Budget,
    /// How the built-in mock behaves.
    pub mock: MockAnswers,
    /// The SHA-256 of the file's text, in lower-case hexadecimal.
    pub sha256: String,
}

/// What a broken MUST under load does to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// It fails: exit 1.
    Fail,
    /// It is reported.
    Report,
}

/// What a 429 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttled {
    /// Counted apart: neither success nor error.
    Count,
    /// An error.
    Error,
    /// Waited for, as `retry_after` says, and tried again; counted apart. Closed model only.
    Retry,
}

/// The part of the run in which figures no longer drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steady {
    /// It is not looked for.
    Ignored,
    /// It is reported beside the whole.
    Reported,
    /// Thresholds are judged on it.
    Required,
}

/// How requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Who has a connection.
    pub connections: Connections,
    /// How long one is waited for.
    pub connect_timeout: Duration,
    /// How long a body that has begun may be silent.
    pub idle_timeout: Duration,
    /// A longer gap between two chunks counts as a stall.
    pub stall: Duration,
    /// What it does to a run that this machine was too slow for it.
    pub on_saturation: OnSaturation,
}

/// Who has a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// Each user; in the open model each answer in flight.
    PerUser,
    /// All together.
    Shared,
    /// Each request.
    Fresh,
}

/// What it does to a run that the generator was too slow for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnSaturation {
    /// The measurement is invalid.
    Invalid,
    /// It has a warning.
    Warn,
    /// The run is stopped.
    Abort,
}

/// What an answer has to keep to be a good one; with nothing in it, every success is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Objective {
    /// The longest time to the first chunk with content.
    pub time_to_first_token: Option<Duration>,
    /// The longest gap between two chunks with content.
    pub inter_chunk_latency_max: Option<Duration>,
    /// The longest time to the end of the answer.
    pub request_latency: Option<Duration>,
}

impl Objective {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        *self == Objective::default()
    }
}

/// What has to hold at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// The rules, in the file's order. Each names a figure that the scenario has, and a request of the mix.
    pub rules: Vec<Rule>,
    /// What of a figure is compared.
    pub ci: Ci,
}

/// What of a figure is compared with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ci {
    /// The figure itself.
    Point,
    /// The far end of its 95 % interval; the figure itself where it has none.
    Bound,
}

/// What stops the run early.
#[derive(Debug, Clone, PartialEq)]
pub struct Abort {
    /// Too many errors in a sliding window.
    pub error_ratio: Option<ErrorRatio>,
    /// So many errors one after another; at least one.
    pub consecutive_errors: Option<u64>,
    /// An answer with one of these codes, at once.
    pub codes: Vec<ErrorCode>,
    /// Figures whose rules stop the run too; each has one.
    pub thresholds: Vec<Figure>,
    /// From when on their rules are judged.
    pub after: Duration,
    /// What a target that is given more than it carries does to the run.
    pub over_saturation: OverSaturation,
}

/// Errors as a part of errors and successes, throttled answers aside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRatio {
    /// The ratio that is too much, from 0 to 1.
    pub over: f64,
    /// How long the window is; over 0. It is not judged before so much time is over.
    pub window: Duration,
}

/// What a target that is given more than it carries, so that its queue only grows, does to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverSaturation {
    /// Nothing.
    GoOn,
    /// The run is stopped.
    Stop,
}

/// What a run may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Requests that may call the model, at most, warm-up included. Has to be there where the target is not on this
    /// machine.
    pub completions: Option<u64>,
    /// How long the whole run may take.
    pub duration: Option<Duration>,
}

/// How the built-in mock behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct MockAnswers {
    /// From a request to the first chunk, in milliseconds; a JSON answer comes after it as well.
    pub time_to_first_token_ms: Distribution,
    /// From one chunk to the next, in milliseconds.
    pub inter_chunk_latency_ms: Distribution,
    /// Chunks with content in an answer, to be rounded; 1 or more.
    pub chunks: Distribution,
    /// What goes wrong, and in which part of the answers, from 0 to 1; 1 together at most, each fault once.
    pub faults: Vec<(Fault, f64)>,
    /// Answers at once, at most; the other requests wait. No limit where `None`.
    pub slots: Option<u32>,
    /// What its chunks tell of the clock.
    pub stamps: Stamps,
}

/// What the mock's chunks tell of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamps {
    /// Nothing.
    None,
    /// Each the instant at which it was sent.
    Emission,
}

impl Scenario {
    /// Reads a scenario's text. `file` names it in mistakes, and the files that it names are looked for from its
    /// folder on.
    ///
    /// # Errors
    /// Every mistake of it and of the files that it names, in order.
    pub fn parse(text: &str, file: &str, env: Env<'_>) -> Result<Scenario, Mistakes> {
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        let document = Document::parse(text, env);
        let scenario = read::read(&document, folder);
        document.finish(file)?;
        let scenario = scenario.expect("a scenario without a mistake is whole");
        Ok(Scenario {
            sha256: hex(digest(&SHA256, text.as_bytes()).as_ref()),
            ..scenario
        })
    }

    /// Reads a scenario's file; see [`Scenario::parse`].
    ///
    /// # Errors
    /// Every mistake of it, or that it can't be read.
    pub fn load(path: &Path, env: Env<'_>) -> Result<Scenario, Mistakes> {
        let text = crate::profile::read_file(path)?;
        Self::parse(&text, &path.display().to_string(), env)
    }

    /// The fixtures of a profile that it uses: those it needs.
    pub fn needs(&self) -> Vec<Fixture> {
        let mut needs: Vec<Fixture> = Vec::new();
        let keys = self.keys.iter().filter_map(|key| key.fixture());
        let mut models = self.requests.iter().map(|request| request.model);
        let model = models.any(|model| model == ModelField::Override);
        let model = model.then_some(Fixture::ModelsOverride);
        for fixture in keys.chain(self.bot.fixture()).chain(model) {
            if !needs.contains(&fixture) {
                needs.push(fixture);
            }
        }
        needs
    }

    /// The rules that stop the run before its end when they are broken.
    pub fn aborting_rules(&self) -> impl Iterator<Item = &Rule> {
        let rules = self.thresholds.rules.iter();
        rules.filter(|rule| self.abort.thresholds.contains(&rule.figure))
    }

    /// How long the measurement takes if nothing stops it; `None` for a search, which ends when it knows.
    pub fn measured(&self) -> Option<Duration> {
        match &self.model {
            Model::Closed(closed) => closed.plan.duration(),
            Model::Open(open) => match &open.arrivals {
                Arrivals::Drawn { plan, .. } => plan.duration(),
                Arrivals::Replayed(trace) => Some(trace.duration()),
            },
        }
    }

    /// Whether it searches for the target's capacity, in place of stages.
    pub fn searches(&self) -> bool {
        match &self.model {
            Model::Closed(closed) => matches!(closed.plan, Plan::Search(_)),
            Model::Open(open) => matches!(
                open.arrivals,
                Arrivals::Drawn {
                    plan: Plan::Search(_),
                    ..
                }
            ),
        }
    }

    /// What a search varies; none where there are stages.
    pub fn varies(&self) -> Option<&'static str> {
        self.searches().then_some(match self.model {
            Model::Closed(_) => "users",
            Model::Open(_) => "rate_rps",
        })
    }

    /// Whether its file names other files, which it can't do without.
    pub fn names_files(&self) -> bool {
        let traced = match &self.model {
            Model::Closed(_) => false,
            Model::Open(open) => matches!(open.arrivals, Arrivals::Replayed(_)),
        };
        let mut requests = self.requests.iter();
        traced || requests.any(|request| matches!(request.prompts, Prompts::File { .. }))
    }

    /// Whether a request of the mix is answered with a stream.
    pub fn streams(&self) -> bool {
        let mut requests = self.requests.iter();
        requests.any(|request| request.mode == Mode::Stream)
    }
}

impl<T> Plan<T> {
    /// How long it takes if nothing stops it; `None` for a search, which ends when it knows.
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Plan::Stages(stages) => Some(stages.duration()),
            Plan::Search(_) => None,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}"); // text takes anything
    }
    text
}

#[cfg(test)]
mod tests;
