//! Reads a whole scenario, table by table.

use super::distribution::{self, Distribution, PLAIN};
use super::fixture::{BotName, KeyName};
use super::mistakes::{self, lacks, out_of_place};
use super::plan::{self, Tables, Word, millis, millis_or_default, seconds, seconds_or_default};
use super::thresholds::{self, Known};
use super::{
    Budget, Client, Connections, Contract, Fault, MockAnswers, Objective, OnSaturation, Scenario,
    Stamps, Steady, Throttled, keys, request, words,
};
use crate::profile::{Document, Section, Wrong};
use std::path::Path;

/// Reads it; `None` only where a mistake was reported. Its `sha256` is for the caller to fill in.
pub(super) fn read(document: &Document<'_>, folder: &Path) -> Option<Scenario> {
    let root = &document.root(keys::ROOT);
    let load = &root.section_or_empty("load");
    let word = Word::read(load);
    let (search, think_time) = (root.section("search"), root.section("think_time"));
    let (names, requests) = request::read(root, folder, word);
    let tables = Tables {
        root,
        load,
        search: search.as_ref(),
        think_time: think_time.as_ref(),
    };
    let model = plan::model(&tables, word, folder, &names);
    let warm_up = root.section("warm_up");
    let warm_up = warm_up.and_then(|table| plan::warm_up(&table, word, model.as_ref()));
    let known = Known {
        names: &names,
        requests: requests.as_deref(),
        model: model.as_ref(),
    };
    let thresholds = thresholds::read(&root.section_or_empty("thresholds"), &known);
    let abort = thresholds::abort(&root.section_or_empty("abort"), thresholds.as_ref());
    let objective = objective(&root.section_or_empty("objective"), search.as_ref());
    let mock = mock(&root.section_or_empty("mock"));
    let budget = root.section_or_empty("budget");
    let name = mistakes::name(root, "name");
    let description = root.text("description").map(|text| text.value);
    let scenario = Scenario {
        description: description.unwrap_or_default(),
        seed: root.whole_or_default("seed"),
        bot: words::read(root, "bot", BotName::parse),
        contract: words::read(root, "contract", Contract::of_word),
        throttled: throttled(root, word),
        end: plan::end(load),
        warm_up,
        steady: steady(&root.section_or_empty("steady")),
        client: client(&root.section_or_empty("client")),
        objective,
        budget: Budget {
            completions: budget.whole("completions"),
            duration: seconds(&budget, "duration_s"),
        },
        sha256: String::new(),
        keys: self::keys(root)?,
        name: name?,
        model: model?,
        requests: requests?,
        thresholds: thresholds?,
        abort: abort?,
        mock: mock?,
    };
    Some(scenario)
}

/// The keys to use: `keys`, or `key`.
fn keys(root: &Section<'_, '_>) -> Option<Vec<KeyName>> {
    if !root.has("keys") {
        return Some(vec![words::read(root, "key", KeyName::parse)]);
    }
    out_of_place(root, "key", "beside `keys`", None);
    let names = root.texts("keys")?;
    if names.is_empty() {
        return root.not_allowed("keys", None, "a list with one name at least", None);
    }
    Some(
        names
            .iter()
            .filter_map(|name| KeyName::parse(&name.value))
            .collect(),
    )
}

fn throttled(root: &Section<'_, '_>, word: Option<Word>) -> Throttled {
    let throttled = words::read(root, "throttled", Throttled::of_word);
    if throttled == Throttled::Retry && word == Some(Word::Open) {
        let found = Some(throttled.name().to_owned());
        let hint = Some("only a user waits and tries again: arrivals come when they are due");
        let expected = "`count` or `error` in the open model";
        root.not_allowed::<()>("throttled", found, expected, hint);
    }
    throttled
}

fn steady(section: &Section<'_, '_>) -> Steady {
    let detect = section.flag_or_default("detect");
    let require = section.flag_or_default("require");
    match (detect, require) {
        (true, true) => Steady::Required,
        (true, false) => Steady::Reported,
        (false, false) => Steady::Ignored,
        (false, true) => {
            let found = Some("false".to_owned());
            section.not_allowed::<()>("detect", found, "true where `require` is", None);
            Steady::Ignored
        }
    }
}

fn client(section: &Section<'_, '_>) -> Client {
    Client {
        connections: words::read(section, "connections", Connections::of_word),
        connect_timeout: seconds_or_default(section, "connect_timeout_s"),
        idle_timeout: seconds_or_default(section, "idle_timeout_s"),
        stall: millis_or_default(section, "stall_ms"),
        on_saturation: words::read(section, "on_saturation", OnSaturation::of_word),
    }
}

/// The objective; a search can't do without one.
fn objective(section: &Section<'_, '_>, search: Option<&Section<'_, '_>>) -> Objective {
    const GOALS: [&str; 3] = [
        "time_to_first_token_ms",
        "inter_chunk_latency_max_ms",
        "request_latency_ms",
    ];
    if let Some(search) = search
        && !GOALS.iter().any(|goal| section.has(goal))
    {
        lacks(search, "[search]", "a goal in [objective]");
    }
    let [token, gap, whole] = GOALS.map(|goal| millis(section, goal));
    Objective {
        time_to_first_token: token,
        inter_chunk_latency_max: gap,
        request_latency: whole,
    }
}

fn mock(section: &Section<'_, '_>) -> Option<MockAnswers> {
    let spread = |key: &str| match section.section(key) {
        Some(table) => distribution::read(&table, &PLAIN).flatten(),
        None => {
            let value = section.declared(key, |default| default["value"].as_f64());
            Some(Distribution::Constant(value))
        }
    };
    let first = spread("time_to_first_token_ms");
    let gap = spread("inter_chunk_latency_ms");
    let chunks = spread("chunks");
    let faults = faults(section);
    let slots = u32::try_from(section.whole_or_default("slots")).unwrap_or(u32::MAX);
    Some(MockAnswers {
        faults,
        slots: (slots > 0).then_some(slots),
        stamps: if section.flag_or_default("stamp_chunks") {
            Stamps::Emission
        } else {
            Stamps::None
        },
        time_to_first_token_ms: first?,
        inter_chunk_latency_ms: gap?,
        chunks: chunks?,
    })
}

fn faults(section: &Section<'_, '_>) -> Vec<(Fault, f64)> {
    let mut faults: Vec<(Fault, f64)> = Vec::new();
    for (name, at, share) in section.shares("faults") {
        match (Fault::parse(&name), share) {
            (Some(fault), Some(share)) => faults.push((fault, share)),
            (Some(_), None) => {}
            (None, _) => {
                let wrong = Wrong::UnknownName {
                    kind: "fault",
                    nearest: Fault::nearest(&name),
                    name,
                };
                section.document().report(at, wrong);
            }
        }
    }
    let all: f64 = faults.iter().map(|(_, share)| share).sum();
    // Ten times a tenth is a little more than one.
    const ROUNDING: f64 = 1e-9;
    if all > 1.0 + ROUNDING {
        let found = Some(all.to_string());
        section.not_allowed::<()>("faults", found, "1 at most, all together", None);
    }
    faults
}
