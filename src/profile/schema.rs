//! The JSON Schema of a profile, for editors: made from the keys that the parser knows, so that the two agree.

use super::document::{Key, Kind};
use super::{PROMPT, PROVOKE, ROOT, TARGET, fixtures, values};
use serde_json::{Map, Value, json};

/// The schema of a profile (JSON Schema 2020-12), as `schemas/profile.schema.json` holds it.
pub fn schema() -> Value {
    let mut properties = Map::new();
    for section in ROOT {
        let mut value = match section.name {
            "headers" => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            name => object(keys_of(name)),
        };
        value["description"] = json!(section.doc);
        properties.insert(section.name.to_owned(), value);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "clawcheck profile",
        "description": "Where a deployment of the Clawbite chat API is, and which fixtures it offers. Every string may hold ${NAME}, read from the environment.",
        "type": "object",
        "required": ["target", "keys", "bots"],
        "additionalProperties": false,
        "properties": properties,
    })
}

fn keys_of(section: &str) -> &'static [Key] {
    match section {
        "target" => TARGET,
        "keys" => fixtures::KEYS,
        "bots" => fixtures::BOTS,
        "models" => fixtures::MODELS,
        "prompt" => PROMPT,
        "provoke" => PROVOKE,
        other => unreachable!("section {other} has no keys"),
    }
}

fn object(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<&str> = keys
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    let mut value = json!({ "type": "object" });
    if !required.is_empty() {
        value["required"] = json!(required);
    }
    value["additionalProperties"] = json!(false);
    value["properties"] = Value::Object(properties);
    value
}

fn property(key: &Key) -> Value {
    let mut value = match key.kind {
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Choice(choices) => json!({ "enum": choices }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Number => json!({ "type": "number", "exclusiveMinimum": 0 }),
        Kind::Count(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        Kind::Bot => {
            json!({ "anyOf": [{ "type": "string", "minLength": 1 }, object(values::BOT)] })
        }
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Table => json!({ "type": "object" }),
    };
    value["description"] = json!(key.doc);
    if let Some(default) = key.default {
        value["default"] = serde_json::from_str(default).expect("declared defaults are JSON");
    }
    value
}
