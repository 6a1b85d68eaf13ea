//! A scenario as a file would have it, every default filled in: `scenario.resolved` of the report.

use super::distribution::{Distribution, IN_MS, PLAIN};
use super::model::{
    Arrivals, End, HandOver, Model, Plan, Process, Search, Stages, WarmUp, WarmUpLength,
};
use super::plan::Target;
use super::prompts::Prompts;
use super::request::{Alike, ModelField, Request};
use super::{
    Abort, Budget, Client, MockAnswers, Objective, OverSaturation, Scenario, Stamps, Steady,
    Thresholds,
};
use crate::judge::Mode;
use crate::profile::short;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::time::Duration;

impl Serialize for Scenario {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.resolved().serialize(serializer)
    }
}

/// A table in the making; what is not there is left out, as a file has no word for it.
struct Table(Map<String, Value>);

impl Table {
    fn new() -> Table {
        Table(Map::new())
    }

    fn put(mut self, key: &str, value: impl Into<Value>) -> Table {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    fn maybe(self, key: &str, value: Option<impl Into<Value>>) -> Table {
        match value {
            Some(value) => self.put(key, value),
            None => self,
        }
    }

    /// A table that has anything in it.
    fn table(self, key: &str, table: Table) -> Table {
        if table.0.is_empty() {
            self
        } else {
            self.put(key, table)
        }
    }
}

impl From<Table> for Value {
    fn from(table: Table) -> Value {
        Value::Object(table.0)
    }
}

impl Scenario {
    /// The scenario with the keys of its file and all defaults. Written as TOML it is a scenario file that reads back
    /// as the same scenario; what is in no file (an objective that asks for nothing, say) is left out.
    pub fn resolved(&self) -> Value {
        let description = Some(&self.description).filter(|text| !text.is_empty());
        let table = Table::new()
            .put("name", text(&self.name))
            .maybe("description", description.map(|it| text(it)))
            .put("seed", self.seed);
        let table = match self.keys.as_slice() {
            [key] => table.put("key", key.as_str()),
            keys => {
                let keys: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
                table.put("keys", keys)
            }
        };
        let think_time = match &self.model {
            Model::Closed(closed) => closed.think_time_ms,
            Model::Open(open) => open.think_time_ms,
        };
        let think_time = think_time.map(|spread| spread.written(&IN_MS));
        let requests: Vec<Value> = self.requests.iter().map(request).collect();
        let search = match &self.model {
            Model::Closed(closed) => search_of(&closed.plan),
            Model::Open(open) => match &open.arrivals {
                Arrivals::Drawn { plan, .. } => search_of(plan),
                Arrivals::Replayed(_) => None,
            },
        };
        table
            .put("bot", self.bot.as_str())
            .put("contract", self.contract.name())
            .put("throttled", self.throttled.name())
            .put("load", load(&self.model, self.end))
            .maybe("warm_up", self.warm_up.map(warm_up))
            .put("steady", steady(self.steady))
            .maybe("think_time", think_time)
            .put("request", requests)
            .put("client", client(&self.client))
            .table("objective", objective(&self.objective))
            .put("thresholds", thresholds(&self.thresholds))
            .put("abort", abort(&self.abort))
            .table("budget", budget(&self.budget))
            .maybe("search", search)
            .put("mock", mock(&self.mock))
            .into()
    }
}

/// A string of a file: what looks like a reference to the environment is none.
fn text(value: &str) -> String {
    value.replace("${", "$${")
}

/// Nanoseconds are exact in a float for the times that a scenario can name, so each is read back as it was.
fn seconds(span: Duration) -> Value {
    short(span.as_nanos() as f64 / 1e9)
}

fn millis(span: Duration) -> Value {
    short(span.as_nanos() as f64 / 1e6)
}

fn load(model: &Model, end: End) -> Table {
    let table = Table::new().put("model", model.name());
    let table = match model {
        Model::Closed(closed) => stages_of(table, &closed.plan),
        Model::Open(open) => {
            let table = table.put("max_in_flight", open.max_in_flight);
            match &open.arrivals {
                Arrivals::Replayed(trace) => table
                    .put("arrivals", "trace")
                    .put("trace", text(&trace.name)),
                Arrivals::Drawn { process, plan } => {
                    let burstiness = match process {
                        Process::Gamma { burstiness } => Some(short(*burstiness)),
                        Process::Constant | Process::Poisson => None,
                    };
                    let table = table
                        .put("arrivals", process.name())
                        .maybe("burstiness", burstiness);
                    stages_of(table, plan)
                }
            }
        }
    };
    match end {
        End::Cut => table.put("end", "cut"),
        End::Drain(within) => table.put("end", "drain").put("drain_s", seconds(within)),
    }
}

fn stages_of<T: Target>(table: Table, plan: &Plan<T>) -> Table {
    let Plan::Stages(Stages { stages, repeat }) = plan else {
        return table;
    };
    let stages: Vec<Value> = stages
        .iter()
        .map(|stage| {
            Table::new()
                .put("name", text(&stage.name))
                .put("duration_s", seconds(stage.duration))
                .put(T::KEY, short(stage.target.number()))
                .put("shape", stage.shape.name())
                .into()
        })
        .collect();
    table.put("repeat", *repeat).put("stage", stages)
}

fn search_of<T: Target>(plan: &Plan<T>) -> Option<Table> {
    let Plan::Search(search) = plan else {
        return None;
    };
    let Search {
        min,
        max,
        good_request_fraction,
        confidence,
        probe,
        max_probes,
    } = search;
    let table = Table::new()
        .put("variable", T::KEY)
        .put("min", short(min.number()))
        .put("max", short(max.number()))
        .put("good_request_fraction", short(*good_request_fraction))
        .put("confidence", short(*confidence))
        .put("probe_s", seconds(*probe))
        .put("max_probes", *max_probes);
    Some(table)
}

fn warm_up(warm_up: WarmUp) -> Table {
    let table = match warm_up.length {
        WarmUpLength::For(span) => Table::new().put("duration_s", seconds(span)),
        WarmUpLength::Requests(count) => Table::new().put("requests", count),
    };
    table.put("hand_over", warm_up.hand_over == HandOver::Running)
}

fn steady(steady: Steady) -> Table {
    let (detect, require) = match steady {
        Steady::Ignored => (false, false),
        Steady::Reported => (true, false),
        Steady::Required => (true, true),
    };
    Table::new().put("detect", detect).put("require", require)
}

fn request(request: &Request) -> Value {
    let table = Table::new()
        .put("name", text(&request.name))
        .put("weight", request.weight)
        .put("stream", request.mode == Mode::Stream);
    let table = match &request.prompts {
        Prompts::Builtin(builtin) => table.put("prompts", format!("builtin:{}", builtin.name())),
        Prompts::Template(template) => table.put("prompt", text(template.as_str())),
        Prompts::File { name, .. } => table.put("prompts", format!("file:{}", text(name))),
    };
    let model = (request.model == ModelField::Override).then_some("override");
    let user = request.user.as_ref().map(|user| text(user.as_str()));
    let abandon = request.abandon.map(|abandon| {
        Table::new()
            .put("ratio", short(abandon.ratio))
            .put("after_chunks", abandon.after_chunks)
    });
    table
        .put("turns", request.turns)
        .maybe("prompt_bytes", request.prompt_bytes.map(plain))
        .put("unique", request.prompts_are == Alike::Unique)
        .maybe("ask_words", request.ask_words)
        .maybe("user", user)
        .maybe("model", model)
        .maybe("abandon", abandon)
        .into()
}

fn plain(distribution: Distribution) -> Value {
    distribution.written(&PLAIN)
}

fn client(client: &Client) -> Table {
    Table::new()
        .put("connections", client.connections.name())
        .put("connect_timeout_s", seconds(client.connect_timeout))
        .put("idle_timeout_s", seconds(client.idle_timeout))
        .put("stall_ms", millis(client.stall))
        .put("on_saturation", client.on_saturation.name())
}

fn objective(objective: &Objective) -> Table {
    Table::new()
        .maybe(
            "time_to_first_token_ms",
            objective.time_to_first_token.map(millis),
        )
        .maybe(
            "inter_chunk_latency_max_ms",
            objective.inter_chunk_latency_max.map(millis),
        )
        .maybe("request_latency_ms", objective.request_latency.map(millis))
}

fn thresholds(thresholds: &Thresholds) -> Table {
    let rules: Vec<String> = thresholds.rules.iter().map(ToString::to_string).collect();
    Table::new()
        .put("rules", rules)
        .put("ci", thresholds.ci.name())
}

fn abort(abort: &Abort) -> Table {
    let error_ratio = abort.error_ratio.map(|ratio| {
        Table::new()
            .put("over", short(ratio.over))
            .put("for_s", seconds(ratio.window))
    });
    let codes: Vec<&str> = abort.codes.iter().map(|code| code.as_str()).collect();
    let figures: Vec<String> = abort.thresholds.iter().map(ToString::to_string).collect();
    // Without a figure there is nothing that could begin later.
    let after = (!figures.is_empty()).then(|| seconds(abort.after));
    Table::new()
        .maybe("error_ratio", error_ratio)
        .maybe("consecutive_errors", abort.consecutive_errors)
        .put("codes", codes)
        .maybe("threshold", (!figures.is_empty()).then_some(figures))
        .maybe("after_s", after)
        .put(
            "over_saturation",
            abort.over_saturation == OverSaturation::Stop,
        )
}

fn budget(budget: &Budget) -> Table {
    Table::new()
        .maybe("completions", budget.completions)
        .maybe("duration_s", budget.duration.map(seconds))
}

fn mock(mock: &MockAnswers) -> Table {
    let faults: Map<String, Value> = mock
        .faults
        .iter()
        .map(|(fault, share)| (fault.to_string(), short(*share)))
        .collect();
    Table::new()
        .put("time_to_first_token_ms", plain(mock.time_to_first_token_ms))
        .put("inter_chunk_latency_ms", plain(mock.inter_chunk_latency_ms))
        .put("chunks", plain(mock.chunks))
        .put("faults", json!(faults))
        .put("slots", mock.slots.unwrap_or(0))
        .put("stamp_chunks", mock.stamps == Stamps::Emission)
}
