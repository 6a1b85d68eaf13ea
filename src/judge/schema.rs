//! The published JSON Schemas of request, reply, chunk and error, and how their errors become findings.
//!
//! Each schema carries the requirement's id beside the keyword (`x-requirement`); an error belongs to the nearest
//! one above the keyword that failed.

use super::json::{Node, Value};
use super::{Check, Place};
use crate::contract::RequirementId;
use serde_json::Value as Serde;
use std::sync::LazyLock;

/// One of the API's schemas.
pub struct Schema {
    text: &'static str,
    source: Serde,
    validator: jsonschema::Validator,
}

/// The schema of a JSON answer (REPLY-1 to REPLY-5).
pub static REPLY: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("../../schemas/reply.schema.json")));
/// The schema of a stream's chunk (STREAM-3).
pub static CHUNK: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("../../schemas/chunk.schema.json")));
/// The schema of an error's body (ERROR-2).
pub static ERROR: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("../../schemas/error.schema.json")));
/// The schema of a request's body (BODY-1 to BODY-6).
pub static REQUEST: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("../../schemas/request.schema.json")));

impl Schema {
    fn new(text: &'static str) -> Schema {
        let source: Serde =
            serde_json::from_str(text).expect("an embedded schema is JSON: a test reads each");
        let validator = jsonschema::validator_for(&source)
            .expect("an embedded schema is a schema: a test builds each");
        Schema {
            text,
            source,
            validator,
        }
    }

    /// The schema's text, as published.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// What the value breaks; nothing if it is valid. Offsets of the findings' marks count from `base`, the
    /// offset of the value's text in the body.
    pub fn findings(&self, node: &Node, base: usize) -> Vec<Check> {
        let value = node.to_serde();
        if self.validator.is_valid(&value) {
            return Vec::new();
        }
        self.validator
            .iter_errors(&value)
            .map(|error| {
                let keyword = error.kind().keyword().to_owned();
                let at = error.instance_path().to_string();
                let schema_path = error.schema_path().to_string();
                let requirement = self.requirement_at(&schema_path);
                let (name, expected, actual, node) =
                    self.told(node, &at, &keyword, &schema_path, &error.to_string());
                let check = Check::violation(requirement, name, expected, actual);
                match node {
                    Some(node) => {
                        check.at(Place::Body, base + node.span.start..base + node.span.end)
                    }
                    None => check,
                }
            })
            .collect()
    }

    /// The nearest requirement above a keyword.
    fn requirement_at(&self, schema_path: &str) -> RequirementId {
        let mut found = None;
        let mut node = Some(&self.source);
        for part in std::iter::once("").chain(schema_path.split('/').skip(1)) {
            if !part.is_empty() {
                let part = part.replace("~1", "/").replace("~0", "~");
                node = node.and_then(|node| match node {
                    Serde::Array(items) => part.parse::<usize>().ok().and_then(|i| items.get(i)),
                    _ => node.get(&part),
                });
            }
            if let Some(id) = node
                .and_then(|node| node.get("x-requirement"))
                .and_then(Serde::as_str)
            {
                found = RequirementId::parse(id).ok();
            }
        }
        found.expect("every embedded schema names a requirement at its root: a test reads each")
    }

    /// A schema error in words: what was looked at, what had to be, what was, and the node that it is about.
    fn told<'a>(
        &self,
        root: &'a Node,
        at: &str,
        keyword: &str,
        schema_path: &str,
        said: &str,
    ) -> (String, String, String, Option<&'a Node>) {
        let node = root.pointer(at);
        let place = dotted(at);
        let rule = self.keyword_value(schema_path);
        let actual = node.map_or_else(|| "nothing".to_owned(), Node::describe);
        let (name, expected, actual) = match keyword {
            "required" => {
                let missing = rule
                    .and_then(Serde::as_array)
                    .map(|names| {
                        names
                            .iter()
                            .filter_map(Serde::as_str)
                            .filter(|name| node.is_none_or(|node| node.get(name).is_none()))
                            .collect::<Vec<_>>()
                            .join(", ")
                    })
                    .unwrap_or_default();
                // iter_errors reports each missing name on its own: the message ends with it.
                let one = said
                    .split('"')
                    .nth(1)
                    .filter(|name| missing.contains(name))
                    .unwrap_or(&missing);
                let name = if place.is_empty() {
                    one.to_owned()
                } else {
                    format!("{place}.{one}")
                };
                (name, "present".to_owned(), "missing".to_owned())
            }
            "type" => {
                let types = match rule {
                    Some(Serde::Array(types)) => types
                        .iter()
                        .filter_map(Serde::as_str)
                        .collect::<Vec<_>>()
                        .join(" or "),
                    Some(Serde::String(kind)) => kind.clone(),
                    _ => String::new(),
                };
                (place, types, actual)
            }
            "const" => (
                place,
                rule.map(ToString::to_string).unwrap_or_default(),
                actual,
            ),
            "enum" => (
                place,
                rule.map(|rule| format!("one of {rule}"))
                    .unwrap_or_default(),
                actual,
            ),
            "pattern" => (place, "begins `chatcmpl-` and goes on".to_owned(), actual),
            "minItems" => (place, "not empty".to_owned(), actual),
            "minimum" => (place, "0 or more".to_owned(), actual),
            "anyOf" if *self.text == *CHUNK.text => (
                "choices".to_owned(),
                "not empty, or a usage object beside it".to_owned(),
                "an empty array".to_owned(),
            ),
            _ => (place, said.to_owned(), actual),
        };
        let name = if name.is_empty() {
            "the value".to_owned()
        } else {
            name
        };
        (name, expected, actual, node)
    }

    fn keyword_value(&self, schema_path: &str) -> Option<&Serde> {
        self.source.pointer(schema_path)
    }
}

/// A JSON pointer as people write it: `/choices/0/index` is `choices[0].index`.
fn dotted(pointer: &str) -> String {
    let mut out = String::new();
    for part in pointer.split('/').skip(1) {
        if part.chars().all(|c| c.is_ascii_digit()) && !part.is_empty() {
            out.push('[');
            out.push_str(part);
            out.push(']');
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(part);
        }
    }
    out
}

/// Whether a node is an integer as JSON Schema has it: `12.0` and `1.2e1` are.
pub fn is_integer(node: &Node) -> bool {
    match &node.value {
        Value::Number(text) => {
            text.parse::<i128>().is_ok()
                || text
                    .parse::<f64>()
                    .is_ok_and(|double| double.fract() == 0.0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::json;

    fn broken(schema: &Schema, text: &str) -> Vec<String> {
        let json = json::parse(text.as_bytes()).unwrap();
        schema
            .findings(&json.root, 0)
            .iter()
            .map(|check| format!("{} {}", check.requirement, check.name))
            .collect()
    }

    const GOOD: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":12.0,"completion_tokens":1.2e1,"total_tokens":24}}"#;

    #[test]
    fn a_reply_breaks_the_requirement_of_the_member_that_is_wrong() {
        assert_eq!(broken(&REPLY, GOOD), Vec::<String>::new());
        for (from, to, expected) in [
            ("chatcmpl-1", "chatcmpl-", "REPLY-2 id"),
            ("\"id\":\"chatcmpl-1\",", "", "REPLY-2 id"),
            (
                "chat.completion\"",
                "chat.completion.chunk\"",
                "REPLY-3 object",
            ),
            ("\"index\":0", "\"index\":1", "REPLY-4 choices[0].index"),
            ("\"index\":0", "\"index\":\"0\"", "REPLY-4 choices[0].index"),
            (
                "\"finish_reason\":\"stop\"",
                "\"finish_reason\":null",
                "REPLY-4 choices[0].finish_reason",
            ),
            (
                "\"role\":\"assistant\",",
                "",
                "REPLY-4 choices[0].message.role",
            ),
            (
                "\"content\":\"\"",
                "\"content\":null",
                "REPLY-4 choices[0].message.content",
            ),
            ("12.0", "12.5", "REPLY-5 usage.prompt_tokens"),
            ("24", "-24", "REPLY-5 usage.total_tokens"),
            ("24", "\"24\"", "REPLY-5 usage.total_tokens"),
            (",\"usage\"", ",\"used\"", "REPLY-5 usage"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert!(
                broken(&REPLY, &text).contains(&expected.to_owned()),
                "{text}: {:?}",
                broken(&REPLY, &text)
            );
        }
        assert_eq!(broken(&REPLY, "[]"), ["REPLY-1 the value"]);
    }

    #[test]
    fn a_chunk_may_lack_choices_only_beside_usage() {
        let good = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":null}}]}"#;
        assert_eq!(broken(&CHUNK, good), Vec::<String>::new());
        assert_eq!(
            broken(
                &CHUNK,
                r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[]}"#
            ),
            ["STREAM-3 choices"]
        );
        assert_eq!(
            broken(
                &CHUNK,
                r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[],"usage":{}}"#
            ),
            Vec::<String>::new()
        );
        assert_eq!(
            broken(&CHUNK, &good.replace("\"delta\"", "\"data\"")),
            ["STREAM-3 choices[0].delta"]
        );
        assert_eq!(
            broken(&CHUNK, &good.replace("null", "3")),
            ["STREAM-3 choices[0].delta.content"]
        );
    }

    #[test]
    fn a_request_breaks_the_requirement_of_what_is_wrong() {
        for (text, expected) in [
            ("[]", "BODY-6 the value"),
            ("{}", "BODY-1 messages"),
            (r#"{"messages":[]}"#, "BODY-1 messages"),
            (r#"{"messages":[1]}"#, "BODY-2 messages[0]"),
            (
                r#"{"messages":[{"content":"x"}]}"#,
                "BODY-3 messages[0].role",
            ),
            (
                r#"{"messages":[{"role":"user","content":[]}]}"#,
                "BODY-4 messages[0].content",
            ),
        ] {
            assert_eq!(broken(&REQUEST, text), [expected], "{text}");
        }
        assert!(is_integer(&json::parse(b"12.0").unwrap().root));
        let _ = ERROR.text();
    }
}
