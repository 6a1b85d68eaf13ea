//! What a report holds is a scenario again; what the parser takes, the schema takes; no text makes it panic.

use super::*;
use proptest::prelude::*;
use serde_json::Value;
use std::sync::LazyLock;

/// The keys that a JSON value has, as paths; list items have none.
fn paths(value: &Value, before: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                let path = format!("{before}.{key}");
                found.push(path.clone());
                paths(value, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(item, before, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The same of declared keys. Those of `faults` are a matter of their own.
fn declared(keys: &[crate::profile::Key], before: &str, found: &mut Vec<String>) {
    use crate::profile::Kind;
    for key in keys {
        let path = format!("{before}.{}", key.name);
        found.push(path.clone());
        if let Kind::Section(keys) | Kind::Sections(keys) = key.kind {
            declared(keys, &path, found);
        }
    }
}

#[test]
fn every_key_of_a_file_has_its_place_in_the_resolved_scenario() {
    let mut known = Vec::new();
    declared(keys::ROOT, "", &mut known);
    let trace = Folder::new("keys", &[("t.jsonl", "{\"at_s\": 1}\n")]);
    let traced = "name = \"t\"\n[load]\nmodel = \"open\"\narrivals = \"trace\"\ntrace = \"t.jsonl\"\n[[request]]\nname = \"a\"\nstream = true\n";
    let traced = trace.read(traced).expect("it is right");
    // Each shape of a distribution at each place.
    let mut all = vec![read(CLOSED), read(OPEN), traced, read(LEAST)];
    for (shape, plain, in_ms) in [
        ("constant", "value = 9", "mean_ms = 9"),
        ("uniform", "min = 1, max = 9", "min_ms = 1, max_ms = 9"),
        ("lognormal", "mean = 5", "mean_ms = 5"),
    ] {
        let plain = format!("{{ distribution = \"{shape}\", {plain} }}");
        let text = format!(
            "think_time = {{ distribution = \"{shape}\", {in_ms} }}\n{LEAST}prompt_bytes = {plain}\n\
             [mock]\ntime_to_first_token_ms = {plain}\ninter_chunk_latency_ms = {plain}\nchunks = {plain}\n"
        );
        all.push(read(&text));
    }
    let open = LEAST.replace("closed", "open").replace("users", "rate_rps");
    all.push(read(&open));
    let mut found = Vec::new();
    for scenario in &all {
        paths(&scenario.resolved(), "", &mut found);
    }
    found.retain(|path| !path.starts_with(".mock.faults."));
    for path in &found {
        assert!(known.contains(path), "{path} is no key of a file");
    }
    for path in &known {
        assert!(found.contains(path), "{path} is lost");
    }
}

#[test]
fn declared_defaults_are_of_their_keys_kind() {
    fn check(keys: &'static [crate::profile::Key]) {
        use crate::profile::Kind;
        for key in keys {
            if let Some(default) = key.default {
                let default: Value = serde_json::from_str(default).expect("it is JSON");
                let fits = match key.kind {
                    Kind::Choice(choices) => choices.contains(&default.as_str().unwrap_or("")),
                    Kind::Text => default.is_string(),
                    Kind::Flag => default.is_boolean(),
                    Kind::Whole(least, most) => default
                        .as_u64()
                        .is_some_and(|it| (least..=most).contains(&it)),
                    Kind::Range(least, most) => default
                        .as_f64()
                        .is_some_and(|it| (least..=most).contains(&it)),
                    Kind::Section(_) => default["value"].is_number(),
                    _ => false, // no other kind has a default here
                };
                assert!(fits, "{}", key.name);
            }
            if let Kind::Section(keys) | Kind::Sections(keys) = key.kind {
                check(keys);
            }
        }
    }
    check(keys::ROOT);
}

/// Lines of TOML, each of which may be there.
fn some_of(lines: Vec<BoxedStrategy<String>>) -> BoxedStrategy<String> {
    lines
        .into_iter()
        .fold(Just(String::new()).boxed(), |text, line| {
            (text, proptest::option::of(line))
                .prop_map(|(text, line)| match line {
                    Some(line) => format!("{text}{line}\n"),
                    None => text,
                })
                .boxed()
        })
}

fn number(key: &'static str, least: f64, most: f64) -> BoxedStrategy<String> {
    // Exponents, so that the ends are reached; and written in full, as people do not write them.
    let exponent = least.max(1e-3).log10()..=most.log10();
    exponent
        .prop_map(move |exponent| format!("{key} = {}", 10f64.powf(exponent).clamp(least, most)))
        .boxed()
}

fn whole(key: &'static str, least: u64, most: u64) -> BoxedStrategy<String> {
    (least..=most)
        .prop_map(move |it| format!("{key} = {it}"))
        .boxed()
}

fn flag(key: &'static str) -> BoxedStrategy<String> {
    any::<bool>()
        .prop_map(move |it| format!("{key} = {it}"))
        .boxed()
}

fn word(key: &'static str, words: &'static [&'static str]) -> BoxedStrategy<String> {
    let words = proptest::sample::select(words);
    words
        .prop_map(move |word| format!("{key} = \"{word}\""))
        .boxed()
}

fn spread(key: &'static str, most: f64) -> BoxedStrategy<String> {
    let shapes = proptest::sample::select(vec![
        "distribution = \"constant\", value = M",
        "distribution = \"uniform\", min = 1, max = M",
        "distribution = \"exponential\", mean = M",
        "distribution = \"normal\", mean = M, stddev = 0.1",
        "distribution = \"lognormal\", mean = M, min = 1",
    ]);
    (shapes, 1.0..=most)
        .prop_map(move |(shape, mean)| {
            format!("{key} = {{ {} }}", shape.replace('M', &mean.to_string()))
        })
        .boxed()
}

fn stages(key: &'static str) -> BoxedStrategy<String> {
    let stage = (
        number("duration_s", 0.001, 100_000.0),
        some_of(vec![word("shape", Shape::WORDS)]),
        1u32..50_000,
    )
        .prop_map(move |(duration, shape, target)| {
            format!("[[load.stage]]\n{duration}\n{shape}{key} = {target}\n")
        });
    let stages = proptest::collection::vec(stage, 1..4);
    stages.prop_map(|stages| stages.concat()).boxed()
}

fn right_scenarios() -> BoxedStrategy<String> {
    let top = some_of(vec![
        "[ -~\u{e9}\u{1f600}]{1,20}"
            .prop_map(|text| {
                format!(
                    "description = {}",
                    toml::Value::String(text.replace("${", "$${"))
                )
            })
            .boxed(),
        whole("seed", 0, i64::MAX as u64),
        word("key", crate::profile::KEY_NAMES),
        word("bot", crate::profile::BOT_NAMES),
        word("contract", Contract::WORDS),
        word("throttled", &["count", "error"]),
    ]);
    let load = prop_oneof![
        (some_of(vec![whole("repeat", 1, 5)]), stages("users"))
            .prop_map(|(more, stages)| format!("[load]\nmodel = \"closed\"\n{more}{stages}")),
        (
            some_of(vec![
                word("arrivals", &["constant", "poisson"]),
                whole("max_in_flight", 1, 1_000_000),
                number("drain_s", 0.001, 1e6),
            ]),
            stages("rate_rps")
        )
            .prop_map(|(more, stages)| format!("[load]\nmodel = \"open\"\n{more}{stages}")),
        number("burstiness", 0.01, 100.0)
            .prop_map(|it| format!("[load]\nmodel = \"open\"\nend = \"cut\"\narrivals = \"gamma\"\n{it}\n[[load.stage]]\nduration_s = 1\nrate_rps = 0.125\n")),
    ];
    let request = some_of(vec![
        whole("weight", 1, 1_000_000),
        word(
            "prompts",
            &["builtin:short", "builtin:long", "builtin:unicode"],
        ),
        spread("prompt_bytes", LARGEST_PROMPT as f64),
        flag("unique"),
        whole("ask_words", 1, 100_000),
        word("user", &["u", "{user}-$${X}", "{{x}}"]),
        word("model", &["override"]),
        number("abandon.ratio", 0.0, 1.0),
    ]);
    let rest = some_of(vec![
        number("[warm_up]\nduration_s", 0.001, 1e6),
        Just("[steady]\nrequire = true".to_owned()).boxed(),
        some_of(vec![
            word("connections", Connections::WORDS),
            number("idle_timeout_s", 0.001, 1e6),
            number("stall_ms", 0.001, 3.6e6),
            word("on_saturation", OnSaturation::WORDS),
        ])
        .prop_map(|text| format!("[client]\n{text}"))
        .boxed(),
        number("[objective]\ntime_to_first_token_ms", 0.001, 3.6e6),
        number("", 1e-3, 1e12)
            .prop_map(|bound| {
                let bound = bound.replace(" = ", "");
                format!("[thresholds]\nrules = [\"request_latency_ms.p99 <= {bound} for one\", \"errors < 1e-300\"]")
            })
            .boxed(),
        number("[abort]\nerror_ratio.over", 0.0, 1.0),
        whole("[budget]\ncompletions", 1, 1_000_000_000_000),
        some_of(vec![
            spread("time_to_first_token_ms", 3.6e6),
            spread("inter_chunk_latency_ms", 3.6e6),
            spread("chunks", 100_000.0),
            whole("slots", 0, 1_000_000),
            flag("stamp_chunks"),
            number("faults.status_503", 0.0, 0.5),
            number("faults.bad_utf8", 0.0, 0.5),
        ])
        .prop_map(|text| format!("[mock]\n{text}"))
        .boxed(),
    ]);
    (top, load, request, rest)
        .prop_map(|(top, load, request, rest)| {
            format!("name = \"p\"\n{top}{load}[[request]]\nname = \"one\"\nstream = true\n{request}{rest}")
        })
        .boxed()
}

/// What the parser takes, the schema takes.
fn assert_in_schema(text: &str) {
    static VALIDATOR: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::validator_for(&schema::schema()).expect("it is a schema"));
    let table: toml::Table = text.parse().expect("it is TOML");
    let value = serde_json::to_value(table).expect("TOML fits into JSON");
    if let Err(error) = VALIDATOR.validate(&value) {
        panic!("{}: {error}\n{text}", error.instance_path());
    }
}

fn assert_stable(scenario: &Scenario) {
    let text = written(scenario);
    assert_in_schema(&text);
    let again = Scenario {
        sha256: scenario.sha256.clone(),
        ..read(&text)
    };
    assert_eq!(again, *scenario, "{text}");
    assert_eq!(written(&again), text);
}

#[test]
fn what_a_report_holds_is_a_scenario_again() {
    for text in [CLOSED, OPEN, LEAST] {
        assert_stable(&read(text));
    }
    for builtin in BUILTIN {
        assert_stable(&builtin.scenario());
    }
}

proptest! {
    #[test]
    fn a_resolved_scenario_reads_back_as_itself(text in right_scenarios()) {
        assert_in_schema(&text);
        assert_stable(&read(&text));
    }

    /// Parts of right files, in any order and cut anywhere: never a panic, and never nothing instead of a mistake.
    #[test]
    fn no_text_makes_it_panic(
        parts in proptest::collection::vec((any::<proptest::sample::Index>(), 0usize..4), 1..40),
        other in "[\\[\\]{}=\",.a-z0-9_\\- \n]{0,20}",
    ) {
        let sources = [CLOSED, OPEN, LEAST, other.as_str()];
        let mut text = String::new();
        for (index, source) in parts {
            let lines: Vec<&str> = sources[source].lines().collect();
            if !lines.is_empty() {
                text.push_str(lines[index.index(lines.len())]);
                text.push('\n');
            }
        }
        let _ = Scenario::parse(&text, "s.toml", &env);
    }

    /// A right file in which one line is gone, or one value is another.
    #[test]
    fn a_file_with_something_wrong_in_it_is_told_or_read(
        closed: bool,
        line: proptest::sample::Index,
        value in proptest::sample::select(vec![
            "", "x = 0", "x = -1", "x = 1e400", "x = nan", "x = inf", "x = 9223372036854775808", "x = \"\"",
            "x = []", "x = {}", "x = [[]]", "x = [1]", "x = 1979-05-27", "x = true", "x = \"${NO}\"", "x = 0.5",
        ]),
    ) {
        let source = if closed { CLOSED } else { OPEN };
        let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
        let at = line.index(lines.len());
        let key = lines[at].split(" = ").next().unwrap_or_default().to_owned();
        lines[at] = value.replacen('x', &key, 1);
        let text = lines.join("\n");
        if let Ok(scenario) = Scenario::parse(&text, "s.toml", &env) {
            assert_in_schema(&text);
            assert_stable(&scenario);
        }
    }
}
