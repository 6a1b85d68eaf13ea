//! A scenario in words, for people: what it does and what it asks for.

use super::distribution::Distribution;
use super::model::{Arrivals, Model, Plan, Process, Search, Shape, Stages, WarmUpLength};
use super::plan::Target;
use super::prompts::Prompts;
use super::request::{Abandon, ModelField, Request};
use super::{Ci, Contract, OverSaturation, Scenario, Steady, Throttled};
use crate::judge::Mode;
use std::time::Duration;

impl Scenario {
    /// The scenario in words: a label and a text each, the text of one line or of several.
    pub fn says(&self) -> Vec<(&'static str, String)> {
        let mut said = Vec::new();
        let mut say = |label, text: String| {
            if !text.is_empty() {
                said.push((label, text));
            }
        };
        say("answers", self.description.clone());
        say("model", self.model.says());
        say("stages", self.model.stages());
        say("search", self.model.search());
        say("warm-up", self.warm_up());
        say("mix", self.mix());
        say("objective", self.goals());
        say("thresholds", self.rules());
        say("abort", self.aborts());
        say("budget", self.costs());
        say("mock", self.mocked());
        say("limits", self.limits());
        said
    }

    fn warm_up(&self) -> String {
        let Some(warm_up) = self.warm_up else {
            return String::new();
        };
        match warm_up.length {
            WarmUpLength::For(length) => span(length),
            WarmUpLength::Requests(1) => "one request".to_owned(),
            WarmUpLength::Requests(count) => format!("{count} requests"),
        }
    }

    fn mix(&self) -> String {
        let all: u64 = self.requests.iter().map(|it| u64::from(it.weight)).sum();
        let lines: Vec<String> = self.requests.iter().map(|it| it.says(all)).collect();
        lines.join("\n")
    }

    fn goals(&self) -> String {
        let goal = |name: &str, most: Option<Duration>| {
            most.map(|most| format!("{name} at most {}", short_span(most)))
        };
        let goals = [
            goal("time to first token", self.objective.time_to_first_token),
            goal("gap between chunks", self.objective.inter_chunk_latency_max),
            goal("request latency", self.objective.request_latency),
        ];
        goals.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }

    fn rules(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for rule in &self.thresholds.rules {
            let stops = if self.abort.thresholds.contains(&rule.figure) {
                "; stops the run as well"
            } else {
                ""
            };
            lines.push(format!("{rule}{stops}"));
        }
        if !lines.is_empty() && self.thresholds.ci == Ci::Bound {
            lines.push("judged at the far end of the 95% interval".to_owned());
        }
        if !lines.is_empty() && self.steady == Steady::Required {
            lines.push("judged on the steady part".to_owned());
        }
        lines.join("\n")
    }

    fn aborts(&self) -> String {
        let mut lines = Vec::new();
        if let Some(ratio) = self.abort.error_ratio {
            let (over, window) = (percent(ratio.over), span(ratio.window));
            lines.push(format!("over {over} of errors in {window}"));
        }
        if let Some(count) = self.abort.consecutive_errors {
            lines.push(format!("{count} errors one after another"));
        }
        if !self.abort.codes.is_empty() {
            let codes: Vec<&str> = self.abort.codes.iter().map(|code| code.as_str()).collect();
            lines.push(codes.join(" or "));
        }
        if self.abort.over_saturation == OverSaturation::Stop {
            lines.push("more load than the target carries".to_owned());
        }
        lines.join("\n")
    }

    fn costs(&self) -> String {
        let completions = self.budget.completions;
        let completions = completions.map(|count| format!("{count} completions at most"));
        let duration = self.budget.duration;
        let duration = duration.map(|duration| format!("{} at most", span(duration)));
        let both: Vec<String> = completions.into_iter().chain(duration).collect();
        both.join(", ")
    }

    fn mocked(&self) -> String {
        let first = self.mock.time_to_first_token_ms.says("ms");
        let gap = self.mock.inter_chunk_latency_ms.says("ms");
        let chunks = self.mock.chunks.says("chunks");
        let mut lines = vec![format!(
            "first chunk after {first}, the next after {gap}, {chunks}"
        )];
        if let Some(slots) = self.mock.slots {
            lines.push(format!("{slots} answers at once, the rest waits"));
        }
        let faults = self.mock.faults.iter();
        let faults: Vec<String> = faults
            .map(|(fault, share)| format!("{} {fault}", percent(*share)))
            .collect();
        if !faults.is_empty() {
            lines.push(faults.join(", "));
        }
        lines.join("\n")
    }

    fn limits(&self) -> String {
        let mut lines = Vec::new();
        match self.throttled {
            Throttled::Count => {}
            Throttled::Error => lines.push("a 429 is an error"),
            Throttled::Retry => lines.push("a 429 is waited for and tried again"),
        }
        if self.contract == Contract::Report {
            lines.push("a broken MUST is reported and does not fail the run");
        }
        lines.join("\n")
    }
}

impl Model {
    fn says(&self) -> String {
        match self {
            Model::Closed(closed) => {
                let think = match &closed.think_time_ms {
                    Some(think) => format!(", then thinks for {}", think.says("ms")),
                    None => String::new(),
                };
                format!("closed: each user waits for an answer{think}")
            }
            Model::Open(open) => {
                let arrivals = match &open.arrivals {
                    Arrivals::Replayed(trace) => {
                        let (count, name) = (trace.arrivals.len(), &trace.name);
                        match count {
                            1 => format!("one arrival of {name}"),
                            _ => format!("{count} arrivals of {name}"),
                        }
                    }
                    Arrivals::Drawn { process, .. } => match process {
                        Process::Constant => "arrivals come evenly".to_owned(),
                        Process::Poisson => "arrivals come at random (poisson)".to_owned(),
                        Process::Gamma { burstiness } => {
                            format!("arrivals come in bursts (gamma, burstiness {burstiness})")
                        }
                    },
                };
                let most = open.max_in_flight;
                format!("open: {arrivals}, whatever the answers do; {most} in flight at most")
            }
        }
    }

    fn stages(&self) -> String {
        match self {
            Model::Closed(closed) => stages_of(&closed.plan),
            Model::Open(open) => match &open.arrivals {
                Arrivals::Drawn { plan, .. } => stages_of(plan),
                Arrivals::Replayed(_) => String::new(),
            },
        }
    }

    fn search(&self) -> String {
        match self {
            Model::Closed(closed) => search_of(&closed.plan),
            Model::Open(open) => match &open.arrivals {
                Arrivals::Drawn { plan, .. } => search_of(plan),
                Arrivals::Replayed(_) => String::new(),
            },
        }
    }
}

fn amount<T: Target>(target: T) -> String {
    let number = target.number();
    match T::KEY {
        "users" if number == 1.0 => "1 user".to_owned(),
        "users" => format!("{number} users"),
        _ => format!("{number} requests a second"),
    }
}

fn stages_of<T: Target>(plan: &Plan<T>) -> String {
    let Plan::Stages(Stages { stages, repeat }) = plan else {
        return String::new();
    };
    let mut lines: Vec<String> = Vec::new();
    let mut before = None;
    for stage in stages {
        let (target, length) = (amount(stage.target), span(stage.duration));
        let name = &stage.name;
        let held = stage.shape == Shape::Step || before == Some(stage.target.number());
        lines.push(if held {
            format!("{name}: {target} for {length}")
        } else {
            format!("{name}: to {target} within {length}")
        });
        before = Some(stage.target.number());
    }
    if *repeat > 1 {
        lines.push(format!("all of it {repeat} times"));
    }
    lines.join("\n")
}

fn search_of<T: Target>(plan: &Plan<T>) -> String {
    let Plan::Search(Search {
        min,
        max,
        good_request_fraction,
        probe,
        max_probes,
        ..
    }) = plan
    else {
        return String::new();
    };
    let (from, to) = (min.number(), amount(*max));
    let (probe, good) = (span(*probe), percent(*good_request_fraction));
    format!("from {from} to {to}, {max_probes} probes of {probe} at most, {good} good answers")
}

impl Request {
    fn says(&self, all: u64) -> String {
        let share = 100.0 * f64::from(self.weight) / all.max(1) as f64;
        let mut parts = vec![format!("{} ({share:.0}%)", self.name)];
        parts.push(match self.mode {
            Mode::Stream => "a stream".to_owned(),
            Mode::Json => "a JSON answer".to_owned(),
        });
        parts.push(match &self.prompts {
            Prompts::Builtin(builtin) => format!("prompts builtin:{}", builtin.name()),
            Prompts::Template(_) => "a prompt of its own".to_owned(),
            Prompts::File { name, prompts } if prompts.len() == 1 => {
                format!("the prompt of {name}")
            }
            Prompts::File { name, prompts } => format!("{} prompts of {name}", prompts.len()),
        });
        if self.turns > 1 {
            parts.push(format!("{} turns", self.turns));
        }
        if let Some(bytes) = &self.prompt_bytes {
            parts.push(format!("padded to {}", bytes.says("bytes")));
        }
        if let Some(words) = self.ask_words {
            parts.push(format!("about {words} words wished for"));
        }
        if self.model == ModelField::Override {
            parts.push("another model".to_owned());
        }
        if let Some(Abandon {
            ratio,
            after_chunks,
        }) = self.abandon
        {
            let part = percent(ratio);
            parts.push(format!("{part} abandoned after {after_chunks} chunks"));
        }
        parts.join(", ")
    }
}

impl Distribution {
    /// In words, with the unit that the numbers have.
    pub fn says(&self, unit: &str) -> String {
        match self {
            Distribution::Constant(value) => format!("{value} {unit}"),
            Distribution::Uniform(within) => format!("{} to {} {unit}", within.min, within.max),
            Distribution::Exponential { mean, .. }
            | Distribution::Normal { mean, .. }
            | Distribution::LogNormal { mean, .. } => {
                format!("about {mean} {unit} ({})", self.name())
            }
        }
    }
}

/// `1%`, `0.25%`: four places at most.
fn percent(share: f64) -> String {
    let digits = format!("{:.4}", 100.0 * share);
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}%")
}

/// `90 s`, `30 min`.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    if span.subsec_nanos() == 0 && seconds > 120 && seconds.is_multiple_of(60) {
        format!("{} min", seconds / 60)
    } else {
        format!("{} s", span.as_secs_f64())
    }
}

/// `800 ms`, `30 s`.
fn short_span(length: Duration) -> String {
    if length < Duration::from_secs(10) {
        format!("{} ms", 1_000.0 * length.as_secs_f64())
    } else {
        span(length)
    }
}
