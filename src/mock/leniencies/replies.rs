//! REPLY: what a reply may say besides, and instead.

use serde_json::{Value, json};

use crate::contract::{REPLY_2, REPLY_4, REPLY_5, REPLY_6, STREAM_7};
use crate::mock::answer::Answer;
use crate::mock::bending::{When, always, answer, reply_json};
use crate::mock::deviation::{Deviation, leniency};
use crate::mock::request::Asked;
use crate::mock::words::asks_for_long;

/// The prompt asks for no long answer: that one keeps a stream open, and has to.
fn short() -> When {
    When::is(|asked: &Asked| !asks_for_long(asked.prompt()))
}

pub(super) fn entries() -> Vec<Deviation> {
    vec![
        leniency(
            "answer.long-id",
            [REPLY_2],
            "Ids are a thousand characters long.",
            &["answer.id"],
            [answer(always, |_, answer| {
                answer.id.push_str(&"0123456789".repeat(97));
            })],
        ),
        leniency(
            "answer.id-of-other-characters",
            [REPLY_2],
            "Ids hold spaces, slashes, quotes and letters beyond ASCII.",
            &["answer.id"],
            [answer(always, |_, answer| answer.id.push_str("é/=+ \"\\"))],
        ),
        leniency(
            "answer.ids-count-up",
            [REPLY_2],
            "Ids count up.",
            &["answer.id"],
            [answer(always, |asked, answer| {
                answer.id = format!("chatcmpl-{}", asked.serial);
            })],
        ),
        leniency(
            "answer.in-one-piece",
            [REPLY_4, STREAM_7],
            "An answer is one chunk.",
            &["answer.pieces"],
            [answer(short(), |_, answer| {
                answer.pieces = vec![answer.pieces.concat()];
            })],
        ),
        leniency(
            "answer.in-many-pieces",
            [REPLY_4, STREAM_7],
            "An answer's chunks hold a character each, at most forty of them.",
            &["answer.pieces"],
            [answer(short(), |_, answer| {
                let text = answer.pieces.concat();
                answer.pieces = text.chars().take(40).map(String::from).collect();
            })],
        ),
        leniency(
            "answer.with-empty-pieces",
            [STREAM_7],
            "Some chunks of an answer have empty contents.",
            &["answer.pieces"],
            [answer(short(), |_, answer| {
                let pieces = std::mem::take(&mut answer.pieces).into_iter();
                answer.pieces = pieces.flat_map(|piece| [String::new(), piece]).collect();
            })],
        ),
        leniency(
            "answer.of-codes",
            [REPLY_4, STREAM_7],
            "An answer's text reads like errors, events and the end of a stream.",
            &["answer.text"],
            [said(&[
                "data: [DONE]",
                "\n\n",
                "[DONE]",
                "{\"error\":",
                " \"internal_error\"}",
                "\r\n: ",
                "timeout",
                " rate_limited",
            ])],
        ),
        leniency(
            "answer.of-odd-characters",
            [REPLY_4, STREAM_7],
            "An answer's text holds line separators, DEL, noncharacters, byte order marks and NUL in escapes.",
            &["answer.text"],
            [said(&[
                "a\u{2028}b\u{2029}c",
                "\u{85}d\u{7F}",
                "\u{FEFF}\u{FFFF}\u{10FFFF}",
                "\0\u{1}\u{1B}[31m",
                "e\u{301}\u{200D}🦀",
                " end",
            ])],
        ),
        leniency(
            "answer.always-the-same",
            [REPLY_4, STREAM_7],
            "Every answer has the same words.",
            &["answer.text"],
            [said(&["I", " can", "not", " help", " with", " that", "."])],
        ),
        leniency(
            "reply.empty-content",
            [REPLY_6],
            "The content of a reply is empty.",
            &["reply.content"],
            [reply_json(always, |_, reply| {
                reply["choices"][0]["message"]["content"] = "".into();
            })],
        ),
        leniency(
            "reply.large-content",
            [REPLY_4],
            "The content of one reply in ten has 150 KB.",
            &["reply.content"],
            [reply_json(
                |asked: &Asked| asked.serial.is_multiple_of(10),
                |_, reply| {
                    reply["choices"][0]["message"]["content"] = "word ".repeat(30_000).into();
                },
            )],
        ),
        leniency(
            "reply.members-of-openai",
            [REPLY_6],
            "A reply has all of OpenAI's members.",
            &["reply.more"],
            [reply_json(always, |_, reply| {
                reply["system_fingerprint"] = "fp_1".into();
                reply["service_tier"] = Value::Null;
                for choice in choices(reply) {
                    choice["logprobs"] = Value::Null;
                    choice["message"]["refusal"] = Value::Null;
                    choice["message"]["annotations"] = json!([]);
                    choice["message"]["tool_calls"] = json!([]);
                }
            })],
        ),
        leniency(
            "reply.odd-members",
            [REPLY_6],
            "A reply has members with empty and strange names, and one named error that is null.",
            &["reply.more"],
            [reply_json(always, |_, reply| {
                reply[""] = 0.into();
                reply["__proto__"] = json!({ "id": 1, "choices": [] });
                reply["error"] = Value::Null;
                reply["delta"] = json!({ "content": "no chunk" });
            })],
        ),
        leniency(
            "reply.as-in-the-sample",
            [REPLY_6],
            "A reply has the members of the documented sample and no others.",
            &["reply.created"],
            [reply_json(always, |_, reply| {
                if let Some(object) = reply.as_object_mut() {
                    object.shift_remove("created");
                    object.shift_remove("model");
                }
            })],
        ),
        leniency(
            "reply.three-choices",
            [REPLY_6],
            "A reply has three choices.",
            &["reply.choices"],
            [reply_json(always, |_, reply| {
                more_choices(reply, &[1, 2]);
            })],
        ),
        leniency(
            "reply.choices-with-gaps",
            [REPLY_6],
            "A reply has a second choice, whose index is 5.",
            &["reply.choices"],
            [reply_json(always, |_, reply| more_choices(reply, &[5]))],
        ),
        leniency(
            "reply.finished-by-length",
            [REPLY_4],
            "finish_reason is length.",
            &["reply.finish"],
            [reply_json(always, |_, reply| {
                for choice in choices(reply) {
                    choice["finish_reason"] = "length".into();
                }
            })],
        ),
        leniency(
            "reply.finished-by-a-filter",
            [REPLY_4],
            "finish_reason is content_filter.",
            &["reply.finish"],
            [reply_json(always, |_, reply| {
                for choice in choices(reply) {
                    choice["finish_reason"] = "content_filter".into();
                }
            })],
        ),
        leniency(
            "reply.usage-of-nothing",
            [REPLY_5],
            "usage counts nothing: all of it is 0.",
            &["reply.usage"],
            [reply_json(always, |_, reply| {
                for name in ["prompt_tokens", "completion_tokens", "total_tokens"] {
                    reply["usage"][name] = 0.into();
                }
            })],
        ),
        leniency(
            "reply.usage-in-detail",
            [REPLY_5],
            "usage has further members, a negative number and a price among them.",
            &["reply.usage-more"],
            [reply_json(always, |_, reply| {
                reply["usage"]["prompt_tokens_details"] = json!({ "cached_tokens": 0 });
                reply["usage"]["cost"] = json!(0.000_012);
                reply["usage"]["balance"] = json!(-1);
            })],
        ),
        leniency(
            "reply.members-in-another-order",
            [REPLY_6],
            "The members of a reply stand in the reverse order, at every level.",
            &["reply.order"],
            [reply_json(always, |_, reply| reverse(reply))],
        ),
    ]
}

/// The same text in every answer but the long one.
fn said(pieces: &'static [&'static str]) -> crate::mock::bending::Seam {
    answer(short(), move |_, answer: &mut Answer| {
        // As many chunks as another leniency may have made of it.
        let count = answer.pieces.len().max(1);
        if count == 1 {
            answer.pieces = vec![pieces.concat()];
        } else {
            answer.pieces = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        }
    })
}

fn choices(reply: &mut Value) -> impl Iterator<Item = &mut Value> {
    reply
        .get_mut("choices")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

fn more_choices(reply: &mut Value, indices: &[u64]) {
    if let Some(choices) = reply.get_mut("choices").and_then(Value::as_array_mut)
        && let Some(first) = choices.first().cloned()
    {
        for index in indices {
            let mut choice = first.clone();
            choice["index"] = (*index).into();
            choices.push(choice);
        }
    }
}

/// Turns the members of every object round.
pub(super) fn reverse(value: &mut Value) {
    match value {
        Value::Object(object) => {
            *object = std::mem::take(object).into_iter().rev().collect();
            object.values_mut().for_each(reverse);
        }
        Value::Array(items) => items.iter_mut().for_each(reverse),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
