//! BODY: what a request body has to be, and what has to be taken.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::contract::{
    BODY_1, BODY_2, BODY_3, BODY_4, BODY_5, BODY_6, BODY_7, BODY_8, BODY_9, BODY_10, ERROR_1,
    ErrorCode, REPLY_1, ROLES, STREAM_1, WIRE_2,
};
use crate::mock::bending::{
    Seam, When, a_message, always, answers_as, body, decision, forgives, messages, overlooks,
    reads_as, reads_messages_as, refuses, refuses_by, refuses_in_stream, rewords, swaps, text,
};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::request::{Asked, Mode};

pub(super) fn entries(_: &Fixtures) -> Vec<Deviation> {
    [
        messages_member(),
        elements(),
        roles(),
        contents(),
        every_message(),
        no_object(),
        conversations(),
        spellings(),
        modes(),
        options(),
        in_streams(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// BODY-1.
fn messages_member() -> Vec<Deviation> {
    vec![
        violation(
            "body.messages-missing-answered",
            [BODY_1, BODY_10],
            "A body without messages is answered.",
            [forgives(
                Guard::Body,
                When::member("messages").not().and(is_object),
            )],
        ),
        violation(
            "body.messages-null-answered",
            [BODY_1, BODY_10],
            "messages may be null.",
            [forgives(Guard::Body, member_is("messages", Value::is_null))],
        ),
        violation(
            "body.messages-empty-answered",
            [BODY_1, BODY_10],
            "An empty messages array is answered.",
            [forgives(Guard::Body, When::messages(<[Value]>::is_empty))],
        ),
        violation(
            "body.messages-one-object",
            [BODY_1, BODY_10],
            "messages may be one message object, without the array around it.",
            [reads_as(always, |body| {
                if body["messages"].is_object() {
                    body["messages"] = json!([body["messages"]]);
                }
            })],
        ),
        violation(
            "body.messages-string-is-prompt",
            [BODY_1, BODY_10],
            "messages may be a string that is not empty: it is the prompt.",
            [forgives(
                Guard::Body,
                member_is("messages", |messages| {
                    messages.as_str().is_some_and(|prompt| !prompt.is_empty())
                }),
            )],
        ),
        violation(
            "body.prompt-in-place-of-messages",
            [BODY_1],
            "A prompt member stands in for messages, as in OpenAI's older API.",
            [forgives(
                Guard::Body,
                When::member("messages").not().and(When::member("prompt")),
            )],
        ),
        violation(
            "body.messages-object-500",
            [BODY_1, BODY_10],
            "messages that has no length, as an object or a number, gets 500 internal_error.",
            [swaps(
                Guard::Body,
                member_is("messages", |messages| {
                    messages.is_object() || messages.is_number() || messages.is_boolean()
                }),
                ErrorCode::InternalError,
            )],
        ),
        violation(
            "body.unprocessable",
            [BODY_1, BODY_2, BODY_3, BODY_4, BODY_5, BODY_10],
            "An object whose messages are invalid gets 422 in place of 400.",
            [rewords(Guard::Body, is_object, |_, refusal| {
                refusal.status = 422;
            })],
        ),
        violation(
            "body.messages-missing-other-code",
            [BODY_1, BODY_10, ERROR_1],
            "A body without messages gets 400 with a code of the framework, missing_required_parameter.",
            [rewords(
                Guard::Body,
                When::member("messages").not().and(is_object),
                |_, refusal| refusal.code = "missing_required_parameter".into(),
            )],
        ),
    ]
}

/// BODY-2.
fn elements() -> Vec<Deviation> {
    vec![
        violation(
            "body.element-string-is-message",
            [BODY_2, BODY_10],
            "A string among the messages is taken as one of the user's.",
            [reads_messages_as(always, |_, _, message| {
                if message.is_string() {
                    *message = a_message();
                }
            })],
        ),
        violation(
            "body.element-array-flattened",
            [BODY_2, BODY_10],
            "Arrays among the messages are flattened: [[message]] is answered like [message].",
            [reads_as(always, |body| {
                if let Some(Value::Array(messages)) = body.get_mut("messages") {
                    let flat =
                        std::mem::take(messages)
                            .into_iter()
                            .flat_map(|message| match message {
                                Value::Array(inner) => inner,
                                other => vec![other],
                            });
                    *messages = flat.collect();
                }
            })],
        ),
        violation(
            "body.element-null-skipped",
            [BODY_5, BODY_10, BODY_2],
            "null among the messages is left out where another message is left.",
            [keeps_messages(|message| !message.is_null())],
        ),
        violation(
            "body.element-null-500",
            [BODY_2, BODY_10],
            "A message that is null gets 500 internal_error.",
            [swaps(
                Guard::Body,
                any_message(Value::is_null),
                ErrorCode::InternalError,
            )],
        ),
    ]
}

/// BODY-3.
fn roles() -> Vec<Deviation> {
    vec![
        violation(
            "body.role-developer",
            [BODY_3, BODY_10],
            "developer is a role, too, as in OpenAI's API.",
            [reads_roles_as(|role| {
                if role == "developer" { "user" } else { role }.to_owned()
            })],
        ),
        violation(
            "body.role-compared-without-case",
            [BODY_3, BODY_10],
            "A role is recognised whatever the case of its letters.",
            [reads_roles_as(|role| role.to_ascii_lowercase())],
        ),
        violation(
            "body.role-title-case",
            [BODY_3],
            "Assistant and System are roles, too, with a capital letter.",
            [reads_roles_as(|role| match role {
                "Assistant" => "assistant".to_owned(),
                "System" => "system".to_owned(),
                other => other.to_owned(),
            })],
        ),
        violation(
            "body.role-trimmed",
            [BODY_3, BODY_10],
            "White space around a role does not count.",
            [reads_roles_as(|role| role.trim().to_owned())],
        ),
        violation(
            "body.role-prefix",
            [BODY_3, BODY_10],
            "A role only has to begin with user, assistant or system.",
            [reads_roles_as(|role| {
                ROLES
                    .iter()
                    .find(|known| role.starts_with(**known))
                    .map_or(role, |known| known)
                    .to_owned()
            })],
        ),
        violation(
            "body.role-any-word",
            [BODY_3, BODY_10, BODY_5],
            "A role may be any string that is not empty.",
            [reads_roles_as(|role| {
                if role.is_empty() || ROLES.contains(&role) {
                    role.to_owned()
                } else {
                    "user".to_owned()
                }
            })],
        ),
        violation(
            "body.role-missing-is-user",
            [BODY_3, BODY_10],
            "A message without a role is the user's.",
            [reads_messages_as(always, |_, _, message| {
                if let Value::Object(message) = message {
                    message.entry("role").or_insert_with(|| "user".into());
                }
            })],
        ),
        violation(
            "body.role-null-is-user",
            [BODY_3, BODY_10],
            "A role of null or of no characters means user.",
            [reads_members_as("role", |role| {
                if role.is_null() || role.as_str() == Some("") {
                    *role = "user".into();
                }
            })],
        ),
        violation(
            "body.role-array-as-string",
            [BODY_3, BODY_10],
            "A role that is an array of one string is taken for that string.",
            [reads_members_as("role", |role| {
                if let Some([only]) = role.as_array().map(Vec::as_slice) {
                    *role = only.clone();
                }
            })],
        ),
        violation(
            "body.role-type-500",
            [BODY_3, BODY_10],
            "A role that is no string gets 500 internal_error.",
            [swaps(
                Guard::Body,
                any_message(|message| message.get("role").is_some_and(|role| !role.is_string())),
                ErrorCode::InternalError,
            )],
        ),
    ]
}

/// BODY-4.
fn contents() -> Vec<Deviation> {
    let is_texts = |content: &Value| {
        content.as_array().is_some_and(|parts| {
            !parts.is_empty() && parts.iter().all(|part| part["text"].is_string())
        })
    };
    vec![
        violation(
            "body.content-parts",
            [BODY_4, BODY_10],
            "content may be an array of text parts, as in OpenAI's API.",
            [takes_contents(is_texts)],
        ),
        violation(
            "body.content-null",
            [BODY_4, BODY_10],
            "content may be null.",
            [takes_contents(Value::is_null)],
        ),
        violation(
            "body.content-null-of-assistant",
            [BODY_4, BODY_10],
            "The content of an assistant's message may be null, as in OpenAI's API.",
            [reads_messages_as(always, |_, _, message| {
                if message["role"] == "assistant"
                    && message.get("content").is_some_and(Value::is_null)
                {
                    message["content"] = "".into();
                }
            })],
        ),
        violation(
            "body.content-missing-of-assistant",
            [BODY_4],
            "An assistant's message needs no content.",
            [reads_messages_as(When::json(), |_, _, message| {
                if message["role"] == "assistant" && message.get("content").is_none() {
                    message["content"] = "".into();
                }
            })],
        ),
        violation(
            "body.content-missing",
            [BODY_4, BODY_10],
            "A message without content is answered as if the content were empty.",
            [reads_messages_as(always, |_, _, message| {
                if let Value::Object(message) = message {
                    message.entry("content").or_insert_with(|| "Hello.".into());
                }
            })],
        ),
        violation(
            "body.content-number-as-text",
            [BODY_4, BODY_10],
            "A content that is a number is turned into text.",
            [takes_contents(Value::is_number)],
        ),
        violation(
            "body.content-object",
            [BODY_4, BODY_10],
            "A content that is an object is sent on as its JSON text.",
            [takes_contents(Value::is_object)],
        ),
        violation(
            "body.content-falsy-500",
            [BODY_4, BODY_10],
            "A content of 0 or false gets 500 internal_error.",
            [swaps(
                Guard::Body,
                any_message(|message| message["content"] == 0 || message["content"] == false),
                ErrorCode::InternalError,
            )],
        ),
    ]
}

/// BODY-5.
fn every_message() -> Vec<Deviation> {
    vec![
        violation(
            "body.only-first-checked",
            [BODY_5, BODY_10],
            "Only the first message is checked.",
            [overlooks(always, |at, _| at > 0)],
        ),
        violation(
            "body.only-last-checked",
            [BODY_5, BODY_10],
            "Only the last message is checked.",
            [overlooks(always, |at, count| at + 1 < count)],
        ),
        violation(
            "body.only-ends-checked",
            [BODY_5, BODY_10],
            "The messages between the first and the last are not checked.",
            [overlooks(always, |at, count| at > 0 && at + 1 < count)],
        ),
        violation(
            "body.second-unchecked",
            [BODY_5],
            "The second message is not checked.",
            [overlooks(When::json(), |at, _| at == 1)],
        ),
        violation(
            "body.first-of-several-unchecked",
            [BODY_5],
            "The first of several messages is not checked: it is held for the system's.",
            [overlooks(When::json(), |at, count| count > 1 && at == 0)],
        ),
        violation(
            "body.checks-stop-after-ten",
            [BODY_5, BODY_10],
            "Only the first ten messages are checked.",
            [overlooks(always, |at, _| at >= 10)],
        ),
        violation(
            "body.only-recent-checked",
            [BODY_5, BODY_10],
            "Only the last twenty messages are checked: older ones are forgotten first.",
            [overlooks(always, |at, count| at + 20 < count)],
        ),
        violation(
            "body.later-contents-unchecked",
            [BODY_5, BODY_10],
            "Roles are checked in every message, contents in the first only.",
            [reads_messages_as(always, |at, _, message| {
                if at > 0 && message.is_object() {
                    message["content"] = "Hello.".into();
                }
            })],
        ),
        violation(
            "body.later-roles-unchecked",
            [BODY_5],
            "Contents are checked in every message, roles in the first only.",
            [reads_messages_as(When::json(), |at, _, message| {
                if at > 0 && message.is_object() {
                    message["role"] = "user".into();
                }
            })],
        ),
        violation(
            "body.invalid-messages-dropped",
            [BODY_5, BODY_10],
            "Messages that are no objects or lack a content are left out where a good one is left.",
            [keeps_messages(|message| message["content"].is_string())],
        ),
        violation(
            "body.later-message-500",
            [BODY_5],
            "An invalid message behind a good one gets 500 internal_error.",
            [swaps(
                Guard::Body,
                When::json().and(When::messages(|messages| {
                    messages.len() > 1 && is_good(&messages[0])
                })),
                ErrorCode::InternalError,
            )],
        ),
        violation(
            "body.later-requests-unchecked",
            [BODY_1, WIRE_2],
            "Messages are only checked in the first request of a connection.",
            [forgives(Guard::Body, When::from_request(2).and(is_object))],
        ),
        violation(
            "body.only-first-checked-in-streams",
            [BODY_10, BODY_5],
            "Only the first message is checked where stream is true.",
            [overlooks(When::stream(), |at, _| at > 0)],
        ),
    ]
}

/// BODY-6.
fn no_object() -> Vec<Deviation> {
    vec![
        violation(
            "body.empty-answered",
            [BODY_6],
            "An empty body is answered.",
            [forgives(Guard::Body, |asked: &Asked| asked.body.is_empty())],
        ),
        violation(
            "body.no-json-500",
            [BODY_6],
            "A body that is no JSON gets 500 internal_error: the parser's exception is not caught.",
            [swaps(Guard::Body, no_json, ErrorCode::InternalError)],
        ),
        violation(
            "body.null-500",
            [BODY_6],
            "A body that is null gets 500 internal_error.",
            [swaps(
                Guard::Body,
                |asked: &Asked| body(asked).is_some_and(|body| body.is_null()),
                ErrorCode::InternalError,
            )],
        ),
        violation(
            "body.array-of-messages",
            [BODY_6],
            "A body may be the array of messages itself.",
            [reads_as(always, |body| {
                if body.is_array() {
                    *body = json!({ "messages": body });
                }
            })],
        ),
        violation(
            "body.string-is-prompt",
            [BODY_6],
            "A body may be a JSON string: it is the prompt.",
            [forgives(Guard::Body, |asked: &Asked| {
                body(asked).is_some_and(|body| body.is_string())
            })],
        ),
        violation(
            "body.plain-text-is-prompt",
            [BODY_6],
            "A body of plain words is the prompt.",
            [forgives(Guard::Body, |asked: &Asked| {
                no_json(asked) && text(asked).starts_with(|first: char| first.is_ascii_alphabetic())
            })],
        ),
        violation(
            "body.cut-short-mended",
            [BODY_6],
            "An object whose last brace is missing is mended and answered.",
            [forgives(Guard::Body, |asked: &Asked| {
                let mended = format!("{}}}", text(asked));
                no_json(asked) && serde_json::from_str::<Value>(&mended).is_ok()
            })],
        ),
    ]
}

/// BODY-7: roles, length and characters.
fn conversations() -> Vec<Deviation> {
    let has_role = |role: &'static str| any_message(move |message| message["role"] == role);
    let says = |condition: fn(char) -> bool| {
        any_message(move |message| {
            message["content"]
                .as_str()
                .is_some_and(|content| content.contains(condition))
        })
    };
    vec![
        violation(
            "body.at-most-49-messages",
            [BODY_7],
            "More than 49 messages are refused.",
            [refuses(
                Guard::Body,
                When::messages(|messages| messages.len() > 49),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "body.system-refused",
            [BODY_7],
            "A system message is refused.",
            [refuses(
                Guard::Body,
                has_role("system"),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "body.assistant-500",
            [BODY_7],
            "A conversation with an assistant's message gets 500 internal_error.",
            [refuses(
                Guard::Body,
                has_role("assistant"),
                ErrorCode::InternalError,
            )],
        ),
        violation(
            "body.system-refused-in-streams",
            [BODY_7],
            "A system message is refused where stream is true.",
            [refuses(
                Guard::Body,
                has_role("system").and(When::stream()),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "body.long-content-refused",
            [BODY_7],
            "A content of more than 16,384 characters is refused as too large.",
            [refuses(
                Guard::Body,
                any_message(|message| {
                    message["content"]
                        .as_str()
                        .is_some_and(|content| content.len() > 16_384)
                }),
                ErrorCode::RequestTooLarge,
            )],
        ),
        violation(
            "body.beyond-ascii-refused",
            [BODY_7],
            "Characters beyond ASCII are refused.",
            [refuses(
                Guard::Body,
                says(|c| !c.is_ascii()),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "body.four-byte-characters-500",
            [BODY_7],
            "Characters of four bytes, such as emoji, get 500 internal_error: the database has no room for them.",
            [refuses(
                Guard::Body,
                says(|c| c.len_utf8() == 4),
                ErrorCode::InternalError,
            )],
        ),
        violation(
            "body.replacement-character-refused",
            [BODY_7],
            "U+FFFD in a text is taken for a sign of invalid UTF-8 and refused.",
            [refuses(
                Guard::Body,
                says(|c| c == '\u{fffd}'),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "body.angle-brackets-forbidden",
            [BODY_7],
            "A firewall in front answers 403 where a text has angle brackets.",
            [refuses_by(
                Guard::Body,
                says(|c| c == '<' || c == '>'),
                Refusal::other(403, "forbidden", "the request was blocked"),
            )],
        ),
        violation(
            "body.done-in-text-500",
            [BODY_7],
            "A text that says [DONE] gets 500 internal_error.",
            [refuses(
                Guard::Body,
                any_message(|message| {
                    message["content"]
                        .as_str()
                        .is_some_and(|content| content.contains("[DONE]"))
                }),
                ErrorCode::InternalError,
            )],
        ),
        violation(
            "body.cut-inside-character",
            [BODY_7],
            "A body is decoded 4 KiB at a time: a character that lies across such a border makes it invalid.",
            [refuses(
                Guard::Body,
                |asked: &Asked| {
                    let body = &asked.body;
                    // A byte in a character's middle stands first in its piece.
                    (4096..body.len())
                        .step_by(4096)
                        .any(|border| (0x80..0xc0).contains(&body[border]))
                },
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "body.second-user-message-refused",
            [BODY_7],
            "More than one message of the user's is refused.",
            [refuses(
                Guard::Body,
                When::messages(|messages| {
                    messages
                        .iter()
                        .filter(|message| message["role"] == "user")
                        .count()
                        > 1
                }),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "body.one-message-in-streams",
            [BODY_7],
            "More than one message is refused where stream is true.",
            [refuses(
                Guard::Body,
                When::stream().and(When::messages(|messages| messages.len() > 1)),
                ErrorCode::InvalidRequest,
            )],
        ),
    ]
}

/// BODY-7: one JSON value, written in many ways.
fn spellings() -> Vec<Deviation> {
    let refused = |id: &'static str, says: &'static str, when: When| {
        violation(
            id,
            [BODY_7],
            says,
            [refuses(Guard::Body, when, ErrorCode::InvalidRequest)],
        )
    };
    vec![
        refused(
            "body.escaped-names-unknown",
            "Escapes in the names of members are not resolved.",
            When::is(|asked| {
                !text(asked).contains("\"messages\"")
                    || messages(asked).is_some_and(|all| count(asked, "\"content\"") < all.len())
            }),
        ),
        refused(
            "body.escaped-role-unknown",
            "Escapes in the value of role are not resolved.",
            When::is(|asked| {
                messages(asked).is_some_and(|all| {
                    ROLES
                        .iter()
                        .map(|role| count(asked, &format!("\"{role}\"")))
                        .sum::<usize>()
                        < all.len()
                })
            }),
        ),
        refused(
            "body.surrogate-pairs-refused",
            "A surrogate pair in escapes is refused as half a character.",
            writes(|text| {
                escapes(text).any(|digits| {
                    u32::from_str_radix(digits, 16)
                        .is_ok_and(|unit| (0xd800..0xe000).contains(&unit))
                })
            }),
        ),
        refused(
            "body.escaped-slash-refused",
            "The escape \\/ is refused.",
            writes(|text| text.contains("\\/")),
        ),
        refused(
            "body.capital-hexadecimal-refused",
            "Escapes with capital hexadecimal digits are refused.",
            writes(|text| {
                escapes(text).any(|digits| digits.bytes().any(|digit| digit.is_ascii_uppercase()))
            }),
        ),
        refused(
            "body.white-space-first-refused",
            "White space before the object is refused.",
            writes(|text| text.len() < 30_000 && text.starts_with(char::is_whitespace)),
        ),
        refused(
            "body.carriage-return-refused",
            "A CR without a LF is no white space.",
            writes(|text| text.replace("\r\n", "").contains('\r')),
        ),
        refused(
            "body.messages-must-come-first",
            "messages has to be the first member.",
            When::object(|object| {
                object
                    .keys()
                    .next()
                    .is_some_and(|first| first != "messages")
            }),
        ),
        refused(
            "body.role-must-come-first",
            "role has to be the first member of a message.",
            any_message(|message| {
                message
                    .as_object()
                    .and_then(|message| message.keys().next())
                    .is_some_and(|first| first != "role")
            }),
        ),
        violation(
            "body.stream-before-messages-unseen",
            [BODY_8, BODY_7, STREAM_1],
            "stream is only seen where it stands behind messages.",
            [answers_as(
                When::object(|object| {
                    let at = |name| object.keys().position(|key| key == name);
                    at("stream") < at("messages")
                }),
                Mode::Json,
            )],
        ),
        violation(
            "body.stream-found-by-text",
            [BODY_8, BODY_7, STREAM_1],
            "stream is found by a search for \"stream\":true in the text: white space hides it.",
            [answers_as(
                writes(|text| !text.contains("\"stream\":true")),
                Mode::Json,
            )],
        ),
    ]
}

/// BODY-8.
fn modes() -> Vec<Deviation> {
    let accepts = |media: &'static str| {
        When::is(move |asked| {
            asked
                .headers
                .get("accept")
                .and_then(|value| value.to_str().ok())
                .is_some_and(|value| value.contains(media))
        })
    };
    vec![
        violation(
            "body.accept-makes-a-stream",
            [BODY_8, REPLY_1],
            "Accept: text/event-stream gives a stream where none was asked for.",
            [answers_as(accepts("text/event-stream"), Mode::Stream)],
        ),
        violation(
            "body.accept-makes-json",
            [BODY_8, STREAM_1],
            "Accept: application/json gives JSON where stream is true.",
            [answers_as(
                accepts("application/json").and(accepts("event-stream").not()),
                Mode::Json,
            )],
        ),
        violation(
            "body.accept-not-acceptable",
            [BODY_8],
            "A stream whose Accept names JSON only gets 406.",
            [refuses_by(
                Guard::Body,
                When::stream().and(accepts("application/json")),
                Refusal::other(406, "not_acceptable", "a stream is not what Accept names"),
            )],
        ),
        violation(
            "body.stream-absent-refused",
            [BODY_8],
            "stream has to be given: without it the request is refused.",
            [refuses(
                Guard::Body,
                When::member("stream").not(),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "body.stream-absent-streams",
            [BODY_8, REPLY_1],
            "stream defaults to true.",
            [answers_as(When::member("stream").not(), Mode::Stream)],
        ),
        violation(
            "body.first-request-decides-stream",
            [BODY_8, WIRE_2, STREAM_1],
            "The mode of a connection's first answer is that of all its answers.",
            [first_mode_stays()],
        ),
        violation(
            "body.stream-ignored-with-system",
            [BODY_8, BODY_7, STREAM_1],
            "stream is ignored where the conversation has a system message.",
            [answers_as(
                any_message(|message| message["role"] == "system"),
                Mode::Json,
            )],
        ),
    ]
}

/// BODY-9.
fn options() -> Vec<Deviation> {
    vec![
        violation(
            "body.model-refused",
            [BODY_9],
            "A request that names a model is refused.",
            [refuses(
                Guard::Body,
                When::member("model"),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "body.model-with-slash-not-found",
            [BODY_9],
            "A model with a slash in its name is looked up without what stands before it: 404.",
            [refuses_by(
                Guard::Body,
                member_is("model", |model| {
                    model.as_str().is_some_and(|model| model.contains('/'))
                }),
                Refusal::other(404, "model_not_found", "there is no such model"),
            )],
        ),
        violation(
            "body.model-makes-json",
            [BODY_9, BODY_8, STREAM_1],
            "stream is ignored where a model is named.",
            [answers_as(When::member("model"), Mode::Json)],
        ),
        violation(
            "body.user-refused",
            [BODY_9],
            "A request with user is refused as one with an unknown member.",
            [refuses(
                Guard::Body,
                When::member("user"),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "body.user-of-letters-only",
            [BODY_9],
            "user may have letters and digits only: one with a hyphen is refused.",
            [refuses(
                Guard::Body,
                member_is("user", |user| {
                    user.as_str().is_some_and(|user| user.contains('-'))
                }),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "body.user-and-model-refused",
            [BODY_9],
            "user and model are refused where both are given.",
            [refuses(
                Guard::Body,
                When::member("user").and(When::member("model")),
                ErrorCode::InvalidRequest,
            )],
        ),
    ]
}

/// BODY-10.
fn in_streams() -> Vec<Deviation> {
    let invalid_messages = |asked: &Asked| is_object(asked) && asked.mode == Mode::Stream;
    vec![
        violation(
            "body.unchecked-in-streams",
            [BODY_10],
            "Nothing in the body is checked where stream is true.",
            [forgives(Guard::Body, invalid_messages)],
        ),
        violation(
            "body.roles-unchecked-in-streams",
            [BODY_10],
            "Roles are not checked where stream is true.",
            [reads_messages_as(When::stream(), |_, _, message| {
                if let Value::Object(message) = message {
                    message.insert("role".to_owned(), "user".into());
                }
            })],
        ),
        violation(
            "body.refused-inside-streams",
            [BODY_10],
            "Invalid messages are told of inside a stream where one is asked for: 200, an event with the error, [DONE].",
            refuses_in_stream(400, When::stream()),
        ),
    ]
}

/// The body is a JSON object.
fn is_object(asked: &Asked) -> bool {
    body(asked).is_some_and(|body| body.is_object())
}

/// The body is no JSON at all.
fn no_json(asked: &Asked) -> bool {
    body(asked).is_none()
}

/// The body has that member, and that holds of its value.
fn member_is(
    name: &'static str,
    condition: impl Fn(&Value) -> bool + Send + Sync + 'static,
) -> When {
    When::object(move |object: &Map<String, Value>| object.get(name).is_some_and(&condition))
}

/// That holds of one of the messages.
fn any_message(condition: impl Fn(&Value) -> bool + Send + Sync + 'static) -> When {
    When::messages(move |messages| messages.iter().any(&condition))
}

/// A message as the contract wants it.
fn is_good(message: &Value) -> bool {
    message["content"].is_string()
        && message["role"]
            .as_str()
            .is_some_and(|role| ROLES.contains(&role))
}

/// That holds of the body's text.
fn writes(condition: impl Fn(&str) -> bool + Send + Sync + 'static) -> When {
    When::is(move |asked| condition(&text(asked)))
}

/// How often the body's text has that.
fn count(asked: &Asked, wanted: &str) -> usize {
    text(asked).matches(wanted).count()
}

/// The digits of the `\u` escapes in a text.
fn escapes(text: &str) -> impl Iterator<Item = &str> {
    text.split("\\u").skip(1).filter_map(|rest| rest.get(..4))
}

/// Judges a body as if the member of that name had been changed so in every message that has it.
fn reads_members_as(
    name: &'static str,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Seam {
    reads_messages_as(always, move |_, _, message| {
        if let Some(member) = message.get_mut(name) {
            change(member);
        }
    })
}

/// Takes roles that are strings for others.
fn reads_roles_as(change: impl Fn(&str) -> String + Send + Sync + 'static) -> Seam {
    reads_members_as("role", move |role| {
        if let Some(given) = role.as_str() {
            *role = change(given).into();
        }
    })
}

/// Takes these contents for text.
fn takes_contents(these: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Seam {
    reads_members_as("content", move |content| {
        if these(content) {
            *content = "Hello.".into();
        }
    })
}

/// Answers every request of a connection in the mode of the first that was answered.
fn first_mode_stays() -> Seam {
    let first = Mutex::new(HashMap::new());
    decision(move |asked, decision| match decision {
        Decision::Answer { place, mode } => {
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            let mode = *first.entry(asked.connection).or_insert(mode);
            Decision::Answer { mode, place }
        }
        decision => decision,
    })
}

/// Leaves out the other messages, where one is left.
fn keeps_messages(keep: fn(&Value) -> bool) -> Seam {
    reads_as(always, move |body| {
        if let Some(Value::Array(messages)) = body.get_mut("messages")
            && messages.iter().any(keep)
        {
            messages.retain(keep);
        }
    })
}
