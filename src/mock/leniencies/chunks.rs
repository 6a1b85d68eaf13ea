//! STREAM: what chunks may say besides, and instead.

use serde_json::{Value, json};

use crate::contract::{DONE, STREAM_3, STREAM_5, STREAM_7};
use crate::mock::bending::{
    Seam, always, chunk_beside, chunk_text, each_chunk, escaped, numbers, places, stream_events,
    strings,
};
use crate::mock::deviation::{Deviation, leniency};
use crate::mock::stream::Event;

use super::replies::reverse;

pub(super) fn entries() -> Vec<Deviation> {
    vec![
        leniency(
            "chunk.role-first",
            [STREAM_7],
            "A stream begins with a delta that has a role and nothing else.",
            &["chunk.role"],
            [inserted(At::First, json!({ "role": "assistant" }))],
        ),
        leniency(
            "chunk.role-and-no-words-first",
            [STREAM_7],
            "A stream begins with a delta that has a role and an empty content.",
            &["chunk.role"],
            [inserted(
                At::First,
                json!({ "role": "assistant", "content": "", "refusal": null }),
            )],
        ),
        leniency(
            "chunk.role-null",
            [STREAM_7],
            "delta.role is null in every chunk.",
            &["chunk.role"],
            [each_delta(|delta| delta["role"] = Value::Null)],
        ),
        leniency(
            "chunk.role-everywhere",
            [STREAM_3],
            "delta.role is assistant in every chunk.",
            &["chunk.role"],
            [each_delta(|delta| delta["role"] = "assistant".into())],
        ),
        leniency(
            "chunk.as-in-the-sample",
            [STREAM_7],
            "A stream has no chunk with a finish_reason, as in the documented sample.",
            &["chunk.finish"],
            [stream_events(always, |_, events| {
                let last = places(events).last().copied();
                if let Some(last) = last
                    && places(events).len() > 1
                    && matches!(&events[last], Event::Data(data) if data.contains("\"finish_reason\""))
                {
                    events.remove(last);
                }
            })],
        ),
        leniency(
            "chunk.finish-reason-null",
            [STREAM_3],
            "finish_reason is null in every chunk but the last.",
            &["chunk.finish"],
            [each_chunk(always, |_, chunk| {
                for choice in choices(chunk) {
                    if choice.get("finish_reason").is_none() {
                        choice["finish_reason"] = Value::Null;
                    }
                }
            })],
        ),
        leniency(
            "chunk.finished-by-length",
            [STREAM_3],
            "A stream's finish_reason is length.",
            &["chunk.finish"],
            [each_chunk(always, |_, chunk| {
                for choice in choices(chunk) {
                    if choice.get("finish_reason").is_some() {
                        choice["finish_reason"] = "length".into();
                    }
                }
            })],
        ),
        leniency(
            "chunk.content-null",
            [STREAM_3],
            "A chunk in the middle has the content null.",
            &["chunk.empty"],
            [inserted(At::Second, json!({ "content": null }))],
        ),
        leniency(
            "chunk.delta-empty",
            [STREAM_7],
            "A chunk in the middle has an empty delta.",
            &["chunk.empty"],
            [inserted(At::Second, json!({}))],
        ),
        leniency(
            "chunk.tool-calls",
            [STREAM_7],
            "Deltas hold tool calls and reasoning.",
            &["chunk.more-deltas"],
            [inserted(
                At::Second,
                json!({
                    "content": null,
                    "reasoning_content": "Hm.",
                    "tool_calls": [{ "index": 0, "id": "call_1", "type": "function",
                        "function": { "name": "f", "arguments": "{\"error\":1}" } }],
                }),
            )],
        ),
        leniency(
            "chunk.two-choices",
            [STREAM_7],
            "Every chunk has a second choice.",
            &["chunk.choices"],
            [each_chunk(always, |_, chunk| {
                if let Some(choices) = chunk.get_mut("choices").and_then(Value::as_array_mut)
                    && !choices.is_empty()
                {
                    choices.push(json!({ "index": 1, "delta": { "content": "Or so." } }));
                }
            })],
        ),
        leniency(
            "chunk.second-choice-apart",
            [STREAM_7],
            "Chunks of a second choice stand between the others.",
            &["chunk.choices"],
            [stream_events(always, |_, events| {
                if let Some(mut chunk) = chunk_beside(events, json!({ "content": "Or so." })) {
                    chunk["choices"][0]["index"] = 1.into();
                    let at = places(events).first().map_or(0, |first| first + 1);
                    events.insert(at, Event::Data(chunk.to_string()));
                }
            })],
        ),
        leniency(
            "chunk.members-of-openai",
            [STREAM_7],
            "Chunks have all of OpenAI's members.",
            &["chunk.more"],
            [each_chunk(always, |_, chunk| {
                chunk["created"] = 1_764_041_400.into();
                chunk["model"] = "anthropic/claude-sonnet-4-6".into();
                chunk["system_fingerprint"] = "fp_1".into();
                chunk["service_tier"] = Value::Null;
                for choice in choices(chunk) {
                    choice["logprobs"] = Value::Null;
                }
            })],
        ),
        leniency(
            "chunk.error-null",
            [STREAM_7],
            "Chunks have a member error that is null, and members with strange names.",
            &["chunk.more"],
            [each_chunk(always, |_, chunk| {
                chunk["error"] = Value::Null;
                chunk[""] = 0.into();
                chunk["__proto__"] = json!({ "choices": [] });
            })],
        ),
        leniency(
            "chunk.usage-at-the-end",
            [STREAM_7],
            "The last chunk has usage and no choices.",
            &["chunk.usage"],
            [usage_only(At::Last)],
        ),
        leniency(
            "chunk.usage-in-the-middle",
            [STREAM_7],
            "A chunk in the middle has usage and no choices.",
            &["chunk.usage"],
            [usage_only(At::Second)],
        ),
        leniency(
            "chunk.usage-null-until-the-end",
            [STREAM_7],
            "usage is null in all chunks but the last, which has no choices.",
            &["chunk.usage"],
            [
                each_chunk(always, |_, chunk| chunk["usage"] = Value::Null),
                usage_only(At::Last),
            ],
        ),
        leniency(
            "chunk.usage-in-all",
            [STREAM_7],
            "Every chunk has usage beside its choices.",
            &["chunk.usage"],
            [each_chunk(always, |_, chunk| chunk["usage"] = usage())],
        ),
        leniency(
            "chunk.members-in-another-order",
            [STREAM_7],
            "The members of a chunk stand in the reverse order, at every level.",
            &["chunk.order"],
            [each_chunk(always, |_, chunk| reverse(chunk))],
        ),
        leniency(
            "chunk.numbers-with-fractions",
            [STREAM_3],
            "The index of a chunk is 0.0, or 0e0, or -0.",
            &["chunk.numbers"],
            [chunk_text(always, |index, text| {
                numbers(text, |number| match number {
                    "0" => ["0.0", "0e0", "-0"][index % 3].to_owned(),
                    number => number.to_owned(),
                })
            })],
        ),
        leniency(
            "chunk.all-in-escapes",
            [STREAM_7],
            "Every character of every name and string in a chunk is an escape.",
            &["chunk.escapes"],
            [chunk_text(always, |_, text| strings(text, escaped))],
        ),
        leniency(
            "chunk.duplicate-members",
            [STREAM_7],
            "Chunks have two members of one name, with the same value.",
            &["chunk.duplicates"],
            [in_front("\"x\":1,\"x\":1,")],
        ),
        leniency(
            "chunk.hard-to-read-members",
            [STREAM_7],
            "The first chunk has a member of 200 levels, numbers that overflow a double, and half a surrogate pair.",
            &["chunk.hard"],
            [chunk_text(always, |index, text| {
                if index > 0 {
                    return text.to_owned();
                }
                let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
                behind_brace(
                    text,
                    &format!("\"y\":{deep},\"n\":[1e999,-0],\"s\":\"\\ud83d\","),
                )
            })],
        ),
        leniency(
            "chunk.halves-of-a-pair-in-two",
            [STREAM_5, STREAM_7],
            "The halves of a surrogate pair stand in the contents of two chunks.",
            &["chunk.halves"],
            [stream_events(always, |_, events| {
                let half = |half: &str, events: &[Event]| {
                    let chunk = chunk_beside(events, json!({ "content": "HALF" }))?;
                    Some(Event::Data(chunk.to_string().replace("HALF", half)))
                };
                let at = places(events).first().map_or(0, |first| first + 1);
                for which in ["\\udd80", "\\ud83e"] {
                    if let Some(event) = half(which, events) {
                        events.insert(at, event);
                    }
                }
            })],
        ),
        leniency(
            "chunk.of-100-kb",
            [STREAM_7],
            "One stream in six has a chunk of 100 KB.",
            &["chunk.large"],
            [stream_events(
                |asked: &crate::mock::request::Asked| asked.serial.is_multiple_of(6),
                |_, events| {
                    let text = json!({ "content": "word ".repeat(20_000) });
                    if let Some(chunk) = chunk_beside(events, text) {
                        let at = places(events).first().map_or(0, |first| first + 1);
                        events.insert(at, Event::Data(chunk.to_string()));
                    }
                },
            )],
        ),
        leniency(
            "chunk.white-space-around",
            [STREAM_7],
            "White space stands around the JSON of a chunk.",
            &["chunk.around"],
            [chunk_text(always, |_, text| format!("  \t{text}  "))],
        ),
    ]
}

enum At {
    First,
    Second,
    Last,
}

impl At {
    /// Where to insert among these events.
    fn place(&self, events: &[Event]) -> usize {
        let places = places(events);
        match self {
            At::First => places.first().copied().unwrap_or(0),
            At::Second => places.first().map_or(0, |first| first + 1),
            At::Last => places.last().map_or(0, |last| last + 1),
        }
    }
}

/// One more chunk, with that delta.
fn inserted(at: At, delta: Value) -> Seam {
    stream_events(always, move |_, events| {
        if let Some(chunk) = chunk_beside(events, delta.clone()) {
            let place = at.place(events);
            events.insert(place, Event::Data(chunk.to_string()));
        }
    })
}

fn usage() -> Value {
    json!({ "prompt_tokens": 4, "completion_tokens": 11, "total_tokens": 15 })
}

/// One more chunk, with usage and no choices.
fn usage_only(at: At) -> Seam {
    stream_events(always, move |_, events| {
        if let Some(mut chunk) = chunk_beside(events, Value::Null) {
            chunk["choices"] = json!([]);
            chunk["usage"] = usage();
            let place = at.place(events);
            events.insert(place, Event::Data(chunk.to_string()));
        }
    })
}

fn choices(chunk: &mut Value) -> impl Iterator<Item = &mut Value> {
    chunk
        .get_mut("choices")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

fn each_delta(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Seam {
    each_chunk(always, move |_, chunk| {
        for choice in choices(chunk) {
            if let Some(delta) = choice.get_mut("delta") {
                change(delta);
            }
        }
    })
}

/// More members right behind a chunk's first brace.
fn behind_brace(text: &str, members: &str) -> String {
    match text.find('{') {
        Some(at) if text != DONE => format!("{}{members}{}", &text[..=at], &text[at + 1..]),
        Some(_) | None => text.to_owned(),
    }
}

fn in_front(members: &'static str) -> Seam {
    chunk_text(always, move |_, text| behind_brace(text, members))
}
