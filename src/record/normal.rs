//! An answer without what differs from one to the next: ids, times, words, counts. What is left is its shape, and two
//! answers of a deployment that has not changed have the same.

use super::evidence::ending;
use crate::judge::Answer;
use crate::secret::Scrubber;
use crate::sse;
use crate::wire::{Exchange, Head};
use serde_json::Value;

/// Fields whose values say how a deployment behaves. Of all others only that they are there.
const TELLING: [&str; 14] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "content-encoding",
    "content-type",
    "vary",
    "www-authenticate",
    "x-accel-buffering",
    "x-content-type-options",
];

/// Fields of one connection or one moment, which proxies add and take away.
const PASSING: [&str; 5] = [
    "age",
    "connection",
    "date",
    "keep-alive",
    "transfer-encoding",
];

/// Members whose texts are words of the contract or of the deployment, not of an answer.
const WORDS: [&str; 8] = [
    "code",
    "error",
    "finish_reason",
    "model",
    "object",
    "param",
    "role",
    "type",
];

/// A longer body is no answer whose shape anybody wants to see.
const MOST: usize = 1 << 20;

/// The shape of an exchange's answer: status, fields by name, and the body's members.
pub(super) fn normal(exchange: &Exchange, scrubber: &Scrubber) -> String {
    let Some(head) = &exchange.head else {
        return format!(
            "[no answer: {}]\n",
            ending(&exchange.end).unwrap_or_default()
        );
    };
    let mut text = fields(head);
    text.push('\n');
    let bytes = &exchange.body.bytes;
    if bytes.len() > MOST {
        text.push_str("[a body too long to be told]\n");
    } else if Answer::new(exchange).says_stream() {
        stream(bytes, &mut text);
    } else if !bytes.is_empty() {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(value) => {
                let shape = shape("", value, head.status != 200);
                text.push_str(&format!("{shape:#}\n"));
            }
            Err(_) => text.push_str("[a body that is no JSON]\n"),
        }
    }
    if let Some(end) = ending(&exchange.end) {
        text.push_str(&format!("[{end}]\n"));
    }
    scrubber.scrub_text(&text)
}

/// The status, and the fields in the order of their names.
fn fields(head: &Head) -> String {
    let mut lines: Vec<String> = head
        .headers
        .0
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .filter(|(name, _)| !PASSING.contains(&name.as_str()))
        .map(|(name, value)| match TELLING.contains(&name.as_str()) {
            true => format!("{name}: {}\n", String::from_utf8_lossy(value)),
            false => format!("{name}: [value]\n"),
        })
        .collect();
    lines.sort_unstable();
    lines.dedup();
    format!("{}\n{}", head.status, lines.concat())
}

/// Each kind of event once, in the order in which they came first. How many there were is chance, and so are comments.
fn stream(bytes: &[u8], text: &mut String) {
    let (events, _) = sse::parse_all(bytes);
    let mut seen: Vec<String> = Vec::new();
    for event in events {
        let data = match serde_json::from_slice::<Value>(&event.data) {
            Ok(value) => shape("", value, !event.name.is_empty()).to_string(),
            Err(_) => String::from_utf8_lossy(&event.data).into_owned(),
        };
        let line = match event.name.as_str() {
            "" => format!("data: {data}\n"),
            name => format!("event: {name}\ndata: {data}\n"),
        };
        if !seen.contains(&line) {
            seen.push(line);
        }
        if seen.len() > 64 {
            break; // not one of a kind: nothing to compare with
        }
    }
    text.push_str(&seen.concat());
}

/// A value with its texts and numbers taken out. Of errors the messages are kept, but for numbers and ids in them.
fn shape(name: &str, value: Value, error: bool) -> Value {
    match value {
        Value::String(text) if WORDS.contains(&name) => Value::String(text),
        Value::String(text) if error && name == "message" => Value::String(without_numbers(&text)),
        Value::String(_) => "[text]".into(),
        Value::Number(_) => "[number]".into(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items
                .into_iter()
                .map(|item| shape(name, item, error))
                .collect();
            items.dedup();
            Value::Array(items)
        }
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, value)| {
                    let error = error || name == "error";
                    let value = shape(&name, value, error);
                    (name, value)
                })
                .collect(),
        ),
        Value::Bool(_) | Value::Null => value,
    }
}

/// A message without what changes from one error to the next: words that hold a digit.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')) {
        let end = word.trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
        if end.contains(|c: char| c.is_ascii_digit()) {
            out.push_str("[n]");
            out.push_str(&word[end.len()..]);
        } else {
            out.push_str(word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_and_numbers_go_and_words_of_the_contract_stay() {
        let reply = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
            "more": [1, 2, true, null],
        });
        let expected = json!({
            "id": "[text]", "object": "chat.completion", "created": "[number]", "model": "m",
            "choices": [{"index": "[number]", "message": {"role": "assistant", "content": "[text]"}, "finish_reason": "stop"}],
            "more": ["[number]", true, null],
        });
        assert_eq!(shape("", reply, false), expected);
    }

    #[test]
    fn a_message_of_an_error_keeps_its_words() {
        let error = json!({"error": {"message": "Wait 12 s, request req-9f (a1).", "code": "rate_limited"}});
        let expected =
            json!({"error": {"message": "Wait [n] s, request [n] ([n]).", "code": "rate_limited"}});
        assert_eq!(shape("", error, true), expected);
    }

    #[test]
    fn a_stream_is_its_kinds_of_events() {
        let mut text = String::new();
        let chunk = |content: &str| {
            format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{content}\"}}}}]}}\n\n")
        };
        let bytes = [
            ": warm\n\n",
            &chunk("a"),
            ": still here\n\n",
            &chunk("b"),
            "event: error\ndata: {\"message\":\"After 3 s.\"}\n\n",
            "data: [DONE]\n\n",
        ]
        .concat();
        stream(bytes.as_bytes(), &mut text);
        assert_eq!(
            text,
            "data: {\"choices\":[{\"delta\":{\"content\":\"[text]\"}}]}\n\
             event: error\ndata: {\"message\":\"After [n] s.\"}\ndata: [DONE]\n"
        );
    }
}
