//! The JSON Schema of a scenario, for editors: made from the keys that the parser knows, with those of its further
//! rules that a schema can say.

use super::distribution::{IN_MS, PLAIN, Spelling};
use super::fault::Fault;
use super::keys::ROOT;
use super::prompts::Builtin;
use crate::load::figure::{Metric, Scalar, Stat};
use crate::load::rule::Op;
use crate::profile::{DIALECT, object};
use serde_json::{Map, Value, json};

/// The schema of a scenario (JSON Schema 2020-12), as `schemas/scenario.schema.json` holds it.
pub fn schema() -> Value {
    let mut schema = Map::new();
    for (key, value) in [
        ("$schema", DIALECT),
        ("title", "clawcheck load scenario"),
        (
            "description",
            "What is asked of a deployment of the Clawbite chat API, how much of it and when, and what has to hold. Every string may hold ${NAME}, read from the environment.",
        ),
    ] {
        schema.insert(key.to_owned(), json!(value));
    }
    schema.append(&mut object(ROOT));
    let mut schema = Value::Object(schema);
    schema["required"] = json!(["name", "load", "request"]);
    schema["allOf"] = json!(by_model());
    schema["not"] = both("key", "keys");
    let root = &mut schema["properties"];
    root["name"]["pattern"] = json!(NAME);
    root["keys"]["minItems"] = json!(1);
    load(&mut root["load"]);
    root["warm_up"]["oneOf"] = json!([
        { "required": ["duration_s"] },
        { "required": ["requests"] },
    ]);
    root["steady"]["not"] = json!({
        "required": ["detect", "require"],
        "properties": { "detect": { "const": false }, "require": { "const": true } },
    });
    root["think_time"]["allOf"] = shapes(&IN_MS);
    root["request"]["minItems"] = json!(1);
    request(&mut root["request"]["items"]);
    root["thresholds"]["properties"]["rules"]["items"]["pattern"] = json!(rule());
    let abort = &mut root["abort"];
    abort["properties"]["threshold"]["items"]["pattern"] = json!(whole(&figure()));
    abort["dependentRequired"] = json!({ "after_s": ["threshold"] });
    mock(&mut root["mock"]);
    schema
}

/// A name for reports and rules, or one that the environment has.
const NAME: &str = r"^[A-Za-z0-9._-]{1,60}$|\$\{";

/// What the two models have for themselves.
fn by_model() -> Vec<Value> {
    let model = |word: &str| {
        json!({
            "required": ["load"],
            "properties": { "load": { "required": ["model"], "properties": { "model": { "const": word } } } },
        })
    };
    let stages = |key: &str, other: &str| json!({ "items": { "required": [key], "not": { "required": [other] } } });
    let traced =
        json!({ "properties": { "arrivals": { "const": "trace" } }, "required": ["arrivals"] });
    vec![
        json!({
            "if": model("closed"),
            "then": { "properties": {
                "load": {
                    "not": any_of(&["arrivals", "burstiness", "trace", "max_in_flight"]),
                    "properties": { "stage": stages("users", "rate_rps") },
                },
                "search": { "properties": {
                    "variable": { "const": "users" },
                    "min": { "type": "integer", "maximum": 100_000 },
                    "max": { "type": "integer", "maximum": 100_000 },
                } },
            } },
        }),
        json!({
            "if": model("open"),
            "then": {
                "properties": {
                    "throttled": { "enum": ["count", "error"] },
                    "load": { "properties": { "stage": stages("rate_rps", "users") } },
                    "warm_up": { "properties": { "hand_over": { "const": true } } },
                    "request": { "items": { "properties": { "turns": { "const": 1 } } } },
                    "search": { "properties": { "variable": { "const": "rate_rps" } } },
                },
            },
        }),
        json!({
            "if": { "properties": { "load": traced } },
            "then": {
                "not": any_of(&["search", "warm_up"]),
                "properties": { "load": { "not": any_of(&["stage", "repeat"]) } },
            },
            "else": {
                "if": { "not": { "required": ["search"] } },
                "then": { "properties": { "load": {
                    "required": ["stage"],
                    "properties": { "stage": { "minItems": 1 } },
                } } },
            },
        }),
        json!({
            "if": { "required": ["search"] },
            "then": {
                "required": ["objective"],
                "properties": { "objective": { "minProperties": 1 } },
            },
        }),
    ]
}

fn load(load: &mut Value) {
    load["allOf"] = json!([
        only_if("arrivals", "gamma", "burstiness"),
        only_if("arrivals", "trace", "trace"),
        {
            "if": { "required": ["end"], "properties": { "end": { "const": "cut" } } },
            "then": { "not": { "required": ["drain_s"] } },
        },
    ]);
    load["properties"]["stage"]["items"]["properties"]["name"]["pattern"] = json!(NAME);
}

/// The key has to be there with that value of the other, and must not be there without it.
fn only_if(other: &str, value: &str, key: &str) -> Value {
    let mut properties = Map::new();
    properties.insert(other.to_owned(), json!({ "const": value }));
    json!({
        "if": { "required": [other], "properties": properties },
        "then": { "required": [key] },
        "else": { "not": { "required": [key] } },
    })
}

fn request(request: &mut Value) {
    request["not"] = both("prompt", "prompts");
    request["if"] = json!({ "properties": { "stream": { "const": false } } });
    request["then"] = json!({ "not": { "required": ["abandon"] } });
    let properties = &mut request["properties"];
    properties["name"]["pattern"] = json!(NAME);
    let prompts = format!("builtin:(?:{})|file:.+", Builtin::WORDS.join("|"));
    properties["prompts"]["pattern"] = json!(whole(&prompts));
    properties["prompt_bytes"]["allOf"] = shapes(&PLAIN);
}

fn mock(mock: &mut Value) {
    let properties = &mut mock["properties"];
    for key in ["time_to_first_token_ms", "inter_chunk_latency_ms", "chunks"] {
        properties[key]["allOf"] = shapes(&PLAIN);
    }
    let share = json!({ "type": "number", "minimum": 0, "maximum": 1 });
    let mut named = Map::new();
    for name in Fault::names() {
        let mut fault = share.clone();
        let says = Fault::parse(name).map(Fault::says).unwrap_or_default();
        fault["description"] = json!(says);
        named.insert(name.to_owned(), fault);
    }
    let faults = &mut properties["faults"];
    faults["additionalProperties"] = json!(false);
    faults["properties"] = Value::Object(named);
    faults["patternProperties"] = json!({ "^status_[45][0-9][0-9]$": share });
}

/// Which parameters each shape of a distribution has.
fn shapes(spelling: &Spelling) -> Value {
    let Spelling {
        value,
        mean,
        stddev,
        min,
        max,
    } = *spelling;
    let rows: [(&str, &[&str], &[&str]); 5] = [
        ("constant", &[value], &[]),
        ("uniform", &[max], &[min]),
        ("exponential", &[mean], &[min, max]),
        ("normal", &[mean], &[stddev, min, max]),
        ("lognormal", &[mean], &[stddev, min, max]),
    ];
    let conditions = rows.map(|(shape, required, optional)| {
        let mut names = Map::new();
        for name in required.iter().chain(optional) {
            names.insert((*name).to_owned(), json!(true));
        }
        names.insert("distribution".to_owned(), json!({ "const": shape }));
        json!({
            "if": { "properties": { "distribution": { "const": shape } } },
            "then": { "required": required, "properties": names, "additionalProperties": false },
        })
    });
    json!(conditions)
}

fn both(one: &str, other: &str) -> Value {
    json!({ "required": [one, other] })
}

fn any_of(keys: &[&str]) -> Value {
    let each: Vec<Value> = keys
        .iter()
        .map(|key| json!({ "required": [key] }))
        .collect();
    json!({ "anyOf": each })
}

/// A pattern for a whole string, which the environment may have as well.
fn whole(pattern: &str) -> String {
    format!(r"^(?:{pattern})$|\$\{{")
}

fn alternatives<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.map(|name| name.replace('.', r"\.")).collect();
    format!("(?:{})", names.join("|"))
}

fn figure() -> String {
    let scalars = alternatives(Scalar::ALL.iter().map(|scalar| scalar.name()));
    let metrics = alternatives(Metric::ALL.iter().map(|metric| metric.name()));
    let stats = alternatives(Stat::ALL.iter().map(|stat| stat.name()));
    format!(r"(?:{scalars}|{metrics}\.{stats})")
}

fn rule() -> String {
    // The longer sign first, or `<=` is read as `<` and something else.
    let mut signs: Vec<&str> = Op::ALL.iter().map(|op| op.as_str()).collect();
    signs.sort_by_key(|sign| std::cmp::Reverse(sign.len()));
    let signs = signs.join("|");
    let number = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?";
    let figure = figure();
    whole(&format!(
        r"\s*{figure}\s*(?:{signs})\s*{number}(?:\s+for\s+[A-Za-z0-9._-]+)?\s*"
    ))
}
