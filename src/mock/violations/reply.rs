//! REPLY: JSON answers that a client can't read, or in which what it reads is missing or wrong.

use axum::http::header;
use serde_json::{Value, json};

use crate::contract::{BODY_8, REPLY_1, REPLY_2, REPLY_3, REPLY_4, REPLY_5, RequirementId};
use crate::mock::answer::Head;
use crate::mock::bending::{
    Seam, When, always, media_type, ok_head, put, reply_bytes, reply_json, take,
};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::request::Asked;

pub(super) fn entries(_fixtures: &Fixtures) -> Vec<Deviation> {
    let mut all = media_types();
    all.extend(bodies());
    all.extend(shapes());
    all.extend(ids());
    all.extend(objects());
    all.extend(choices());
    all.extend(messages());
    all.extend(usages());
    all
}

/// A conversation that has gone on for a while.
fn long_conversation() -> When {
    When::messages(|messages| messages.len() >= 20)
}

/// The head of a reply, not of a stream.
fn reply_head(when: When, change: impl Fn(&Asked, &mut Head) + Send + Sync + 'static) -> Seam {
    ok_head(When::json().and(when).and(When::method("POST")), change)
}

/// REPLY-1: what the head says of the body.
fn media_types() -> Vec<Deviation> {
    let always = || When::is(always);
    let mut all = vec![violation(
        "reply.no-media-type",
        [REPLY_1],
        "Replies have no Content-Type.",
        [reply_head(always(), |_, head| {
            head.remove(&header::CONTENT_TYPE);
        })],
    )];
    for (id, says, when, media) in [
        (
            "reply.text-json",
            "Replies are sent as text/json, which is no JSON media type.",
            always(),
            "text/json",
        ),
        (
            "reply.media-type-with-model",
            "Where a model is given, the reply is sent as text/plain.",
            When::member("model"),
            "text/plain",
        ),
        (
            "reply.media-type-to-pages",
            "The reply to a page of another origin is sent as text/javascript.",
            When::field("origin"),
            "text/javascript",
        ),
        (
            "reply.media-type-of-later-replies",
            "From the second request of a connection on replies are sent as application/octet-stream.",
            When::from_request(2),
            "application/octet-stream",
        ),
        (
            "reply.media-type-of-a-stream",
            "While a stream runs, replies are sent as text/event-stream too.",
            When::beside_a_stream(),
            "text/event-stream",
        ),
    ] {
        let seam = reply_head(when, move |_, head| media_type(head, media));
        all.push(violation(id, [REPLY_1], says, [seam]));
    }
    all
}

/// REPLY-1: bytes that are not one JSON object in UTF-8.
fn bodies() -> Vec<Deviation> {
    type Bytes = fn(String) -> Vec<u8>;
    /// Something put in at the begin of the content.
    fn in_content(text: &str, bytes: &[u8]) -> Vec<u8> {
        let mark = "\"content\":\"";
        let at = text.find(mark).map_or(0, |at| at + mark.len());
        [&text.as_bytes()[..at], bytes, &text.as_bytes()[at..]].concat()
    }
    /// Every byte sequence exchanged for another.
    fn exchanged(text: &str, from: &str, to: &[u8]) -> Vec<u8> {
        let parts: Vec<&[u8]> = text.split(from).map(str::as_bytes).collect();
        parts.join(to)
    }
    let always = || When::is(always);
    let table: [(&str, &str, When, Bytes); 14] = [
        (
            "reply.bom",
            "Replies begin with a byte order mark.",
            always(),
            |text| format!("\u{FEFF}{text}").into_bytes(),
        ),
        (
            "reply.two-objects",
            "A reply is two JSON objects, one after the other.",
            always(),
            |text| format!("{text}\n{text}").into_bytes(),
        ),
        (
            "reply.warning-before",
            "In long conversations a warning in plain text stands before the JSON.",
            long_conversation(),
            |text| format!("Warning: context is nearly full\n{text}").into_bytes(),
        ),
        (
            "reply.guard-against-inclusion",
            "Replies begin with )]}', and a line end, as a guard against their inclusion as a script.",
            always(),
            |text| format!(")]}}',\n{text}").into_bytes(),
        ),
        (
            "reply.not-a-number",
            "A member that the documentation does not name has the value NaN.",
            always(),
            |text| text.replacen('{', "{\"score\":NaN,", 1).into_bytes(),
        ),
        (
            "reply.trailing-comma",
            "A comma stands behind the last member of usage.",
            always(),
            |text| text.replace("}}", ",}}").into_bytes(),
        ),
        (
            "reply.single-quotes",
            "Where user is given, the reply has single quotes around names and strings.",
            When::member("user"),
            |text| text.replace('"', "'").into_bytes(),
        ),
        (
            "reply.raw-line-end",
            "The content begins with a line end that is not escaped.",
            always(),
            |text| in_content(&text, b"\n"),
        ),
        (
            "reply.unknown-escape",
            "The content has an apostrophe behind a backslash, an escape that JSON does not know.",
            always(),
            |text| in_content(&text, b"I\\'m here. "),
        ),
        (
            "reply.latin-1",
            "Replies are written in Latin-1: a question mark where it lacks a character.",
            always(),
            |text| {
                let latin = |c: char| u8::try_from(u32::from(c)).unwrap_or(b'?');
                text.chars().map(latin).collect()
            },
        ),
        (
            "reply.half-a-character",
            "Of the two bytes of the letter ü only the first is sent.",
            always(),
            |text| exchanged(&text, "ü", b"\xC3"),
        ),
        (
            "reply.utf-16",
            "Replies are written in UTF-16.",
            always(),
            |text| text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        (
            "reply.empty-without-stream",
            "Where stream is absent, the reply is empty.",
            When::member("stream").not(),
            |_| Vec::new(),
        ),
        (
            "reply.cut-for-long-texts",
            "The reply to a body of more than 16 KiB lacks its last two bytes.",
            When::body_over(16 * 1024),
            |text| text.as_bytes()[..text.len() - 2].to_vec(),
        ),
    ];
    let mut all: Vec<Deviation> = table
        .into_iter()
        .map(|(id, says, when, bytes)| violation(id, [REPLY_1], says, [reply_bytes(when, bytes)]))
        .collect();
    all.push(violation(
        "reply.written-as-an-event",
        [REPLY_1, BODY_8],
        "A reply is written as an event: data, the JSON and a blank line.",
        [reply_bytes(always(), |text| {
            format!("data: {text}\n\n").into_bytes()
        })],
    ));
    all
}

type Change = fn(&mut Value);
type Row = (&'static str, &'static str, When, Change);

/// Replies whose JSON is changed so.
fn changed<const N: usize>(breaks: RequirementId, table: [Row; N]) -> Vec<Deviation> {
    table
        .into_iter()
        .map(|(id, says, when, change)| {
            let seam = reply_json(when, move |_, reply| change(reply));
            violation(id, [breaks], says, [seam])
        })
        .collect()
}

/// REPLY-1: JSON, but no object.
fn shapes() -> Vec<Deviation> {
    changed(
        REPLY_1,
        [
            (
                "reply.array",
                "A reply is an array with the object in it.",
                When::is(always),
                |reply| *reply = json!([reply.take()]),
            ),
            (
                "reply.string-of-json",
                "A reply is a JSON string that has the object's text in it.",
                When::is(always),
                |reply| *reply = reply.to_string().into(),
            ),
        ],
    )
}

fn ids() -> Vec<Deviation> {
    changed(
        REPLY_2,
        [
            (
                "reply.id-missing",
                "Replies have no id.",
                When::is(always),
                |reply| drop(take(reply, "/id")),
            ),
            (
                "reply.id-without-prefix",
                "The id of a reply lacks the prefix chatcmpl-.",
                When::is(always),
                |reply| rename_id(reply, ""),
            ),
            (
                "reply.id-is-the-prefix",
                "The id of a reply is chatcmpl- and nothing more.",
                When::is(always),
                |reply| put(reply, "/id", "chatcmpl-"),
            ),
            (
                "reply.id-of-the-model",
                "Where a model is given, the reply has the id that this model's maker gave it: msg_ and more.",
                When::member("model"),
                |reply| rename_id(reply, "msg_"),
            ),
            (
                "reply.id-null-in-later-replies",
                "From the second request of a connection on the id of a reply is null.",
                When::from_request(2),
                |reply| put(reply, "/id", Value::Null),
            ),
            (
                "reply.id-missing-where-chunked",
                "The reply to a request whose body came in chunks has no id.",
                When::chunked(),
                |reply| drop(take(reply, "/id")),
            ),
        ],
    )
}

/// Gives an id another prefix.
fn rename_id(reply: &mut Value, prefix: &str) {
    if let Some(id) = reply["id"].as_str() {
        let id = id.trim_start_matches("chatcmpl-");
        put(reply, "/id", format!("{prefix}{id}"));
    }
}

fn objects() -> Vec<Deviation> {
    changed(
        REPLY_3,
        [
            (
                "reply.object-missing",
                "Replies have no object.",
                When::is(always),
                |reply| drop(take(reply, "/object")),
            ),
            (
                "reply.object-in-plural",
                "The object of a reply is chat.completions.",
                When::is(always),
                |reply| put(reply, "/object", "chat.completions"),
            ),
            (
                "reply.object-of-a-chunk",
                "While a stream runs, the object of a reply is chat.completion.chunk.",
                When::beside_a_stream(),
                |reply| put(reply, "/object", "chat.completion.chunk"),
            ),
            (
                "reply.object-after-an-abort",
                "Once a client has left a stream, the object of replies is error.",
                When::after_an_abort(),
                |reply| put(reply, "/object", "error"),
            ),
        ],
    )
}

fn choices() -> Vec<Deviation> {
    changed(
        REPLY_4,
        [
            (
                "reply.choices-missing",
                "A reply has content in place of choices.",
                When::is(always),
                |reply| {
                    let choices = take(reply, "/choices");
                    put(reply, "/content", choices[0]["message"]["content"].clone());
                },
            ),
            (
                "reply.choices-empty",
                "In long conversations the choices of the reply are empty.",
                long_conversation(),
                |reply| put(reply, "/choices", json!([])),
            ),
            (
                "reply.choices-an-object",
                "The choices of a reply are an object with the index as its key.",
                When::is(always),
                |reply| {
                    let choice = reply["choices"][0].take();
                    put(reply, "/choices", json!({ "0": choice }));
                },
            ),
            (
                "reply.choice-second-without-message",
                "A reply has a second choice that has no message.",
                When::is(always),
                |reply| {
                    let second = json!({ "index": 1, "finish_reason": "length" });
                    put(reply, "/choices", json!([reply["choices"][0], second]));
                },
            ),
            (
                "reply.index-missing",
                "A choice has no index.",
                When::is(always),
                |reply| drop(take(reply, "/choices/0/index")),
            ),
            (
                "reply.index-from-one",
                "The index of the first choice is 1.",
                When::is(always),
                |reply| put(reply, "/choices/0/index", 1),
            ),
            (
                "reply.index-false",
                "Where a model is given, the index of a choice is false.",
                When::member("model"),
                |reply| put(reply, "/choices/0/index", false),
            ),
            (
                "reply.finish-reason-missing",
                "A choice has no finish_reason.",
                When::is(always),
                |reply| drop(take(reply, "/choices/0/finish_reason")),
            ),
            (
                "reply.finish-reason-null",
                "The finish_reason of a choice is null where the conversation has more than one message.",
                When::messages(|messages| messages.len() > 1),
                |reply| put(reply, "/choices/0/finish_reason", Value::Null),
            ),
        ],
    )
}

fn messages() -> Vec<Deviation> {
    const MESSAGE: &str = "/choices/0/message";
    const ROLE: &str = "/choices/0/message/role";
    const CONTENT: &str = "/choices/0/message/content";
    changed(
        REPLY_4,
        [
            (
                "reply.text-for-message",
                "A choice has text in place of a message, as in the older completions.",
                When::is(always),
                |reply| {
                    let message = take(reply, MESSAGE);
                    put(reply, "/choices/0/text", message["content"].clone());
                },
            ),
            (
                "reply.delta-for-message",
                "From the second request of a connection on a choice has delta in place of message.",
                When::from_request(2),
                |reply| {
                    let message = take(reply, MESSAGE);
                    put(reply, "/choices/0/delta", message);
                },
            ),
            (
                "reply.message-a-string",
                "The message of a choice is a string.",
                When::is(always),
                |reply| {
                    let content = reply["choices"][0]["message"]["content"].take();
                    put(reply, MESSAGE, content);
                },
            ),
            (
                "reply.role-missing",
                "A message has no role.",
                When::is(always),
                |reply| drop(take(reply, ROLE)),
            ),
            (
                "reply.role-of-the-first-message",
                "The role of a reply's message is that of the conversation's first one where that is system.",
                When::messages(|messages| {
                    messages
                        .first()
                        .is_some_and(|first| first["role"] == "system")
                }),
                |reply| put(reply, ROLE, "system"),
            ),
            (
                "reply.content-missing",
                "A message has no content where the prompt is longer than 4 KiB.",
                long_prompt(),
                |reply| drop(take(reply, CONTENT)),
            ),
            (
                "reply.content-null",
                "The content of a message is null.",
                When::is(always),
                |reply| put(reply, CONTENT, Value::Null),
            ),
            (
                "reply.content-of-parts",
                "The content of a message is an array of parts.",
                When::is(always),
                |reply| {
                    let text = reply["choices"][0]["message"]["content"].take();
                    put(reply, CONTENT, json!([{ "type": "text", "text": text }]));
                },
            ),
        ],
    )
}

/// The last message is longer than 4 KiB.
fn long_prompt() -> When {
    When::is(|asked| asked.prompt().len() > 4096)
}

fn usages() -> Vec<Deviation> {
    const PROMPT: &str = "/usage/prompt_tokens";
    const COMPLETION: &str = "/usage/completion_tokens";
    const TOTAL: &str = "/usage/total_tokens";
    changed(
        REPLY_5,
        [
            (
                "reply.usage-missing",
                "Replies have no usage.",
                When::is(always),
                |reply| drop(take(reply, "/usage")),
            ),
            (
                "reply.usage-missing-where-chunked",
                "The reply to a request whose body came in chunks has null as its usage.",
                When::chunked(),
                |reply| put(reply, "/usage", Value::Null),
            ),
            (
                "reply.usage-in-the-choice",
                "The usage of a reply stands in its choice.",
                When::is(always),
                |reply| {
                    let usage = take(reply, "/usage");
                    put(reply, "/choices/0/usage", usage);
                },
            ),
            (
                "reply.usage-input-and-output",
                "The usage of a reply has input_tokens and output_tokens.",
                When::is(always),
                |reply| {
                    put(
                        reply,
                        "/usage",
                        json!({ "input_tokens": 12, "output_tokens": 48 }),
                    )
                },
            ),
            (
                "reply.completion-missing-for-pages",
                "In the reply to a page of another origin usage has no completion_tokens.",
                When::field("origin"),
                |reply| drop(take(reply, COMPLETION)),
            ),
            (
                "reply.prompt-tokens-a-string",
                "The prompt_tokens of a reply are a string.",
                When::is(always),
                |reply| put(reply, PROMPT, reply["usage"]["prompt_tokens"].to_string()),
            ),
            (
                "reply.total-null",
                "From the second request of a connection on total_tokens is null.",
                When::from_request(2),
                |reply| put(reply, TOTAL, Value::Null),
            ),
            (
                "reply.completion-minus-one",
                "The completion_tokens of a reply are -1, for not counted.",
                When::is(always),
                |reply| put(reply, COMPLETION, -1),
            ),
            (
                "reply.prompt-tokens-overflow",
                "The prompt_tokens of a prompt longer than 4 KiB are negative: the counter is too small.",
                long_prompt(),
                |reply| put(reply, PROMPT, -61),
            ),
            (
                "reply.total-a-fraction",
                "The total_tokens of a reply are a fraction where the conversation has more than one message.",
                When::messages(|messages| messages.len() > 1),
                |reply| put(reply, TOTAL, 60.5),
            ),
        ],
    )
}
