//! The JSON Schema of a profile, for editors: made from the keys that the parser knows, so that the two agree.

use super::key::{Key, Kind};
use super::{ROOT, values};
use serde_json::{Map, Value, json};

/// The schema of a profile (JSON Schema 2020-12), as `schemas/profile.schema.json` holds it.
pub fn schema() -> Value {
    let mut schema = Map::new();
    for (key, value) in [
        ("$schema", DIALECT),
        ("title", "clawcheck profile"),
        (
            "description",
            "Where a deployment of the Clawbite chat API is, and which fixtures it offers. Every string may hold ${NAME}, read from the environment.",
        ),
    ] {
        schema.insert(key.to_owned(), json!(value));
    }
    schema.append(&mut object(ROOT));
    // No key of the root is declared as required, for what they hold may come from the command line.
    schema.insert("required".to_owned(), json!(["target", "keys", "bots"]));
    schema["properties"]["headers"]["additionalProperties"] = json!({ "type": "string" });
    Value::Object(schema)
}

/// The dialect of our schemas.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a table with these keys.
pub fn object(keys: &[Key]) -> Map<String, Value> {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<&str> = keys
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object.insert("additionalProperties".to_owned(), json!(false));
    object.insert("properties".to_owned(), Value::Object(properties));
    object
}

fn property(key: &Key) -> Value {
    let mut value = match key.kind {
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Choice(choices) => json!({ "enum": choices }),
        Kind::Texts => {
            json!({ "type": "array", "items": { "type": "string", "minLength": 1 } })
        }
        Kind::Choices(choices) => json!({ "type": "array", "items": { "enum": choices } }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Number => json!({ "type": "number", "exclusiveMinimum": 0 }),
        Kind::Range(least, most) => {
            json!({ "type": "number", "minimum": short(least), "maximum": short(most) })
        }
        Kind::Whole(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Count(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        Kind::Bot => {
            json!({ "anyOf": [{ "type": "string", "minLength": 1 }, object(values::BOT)] })
        }
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Section(keys) => Value::Object(object(keys)),
        Kind::Sections(keys) => json!({ "type": "array", "items": object(keys) }),
        Kind::Table => json!({ "type": "object" }),
    };
    value["description"] = json!(key.doc);
    if let Some(default) = key.default {
        value["default"] = serde_json::from_str(default).expect("declared defaults are JSON");
    }
    value
}

/// A number as people write it: 100, not 100.0.
pub fn short(number: f64) -> Value {
    // Up to here every whole number has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        json!(number as i64)
    } else {
        json!(number)
    }
}
