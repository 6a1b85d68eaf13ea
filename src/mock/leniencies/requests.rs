//! BODY: what a request may say without the documentation telling what becomes of it.

use std::collections::HashSet;
use std::io::Read as _;

use axum::http::header;
use serde_json::{Map, Value, json};

use crate::contract::{BODY_6, BODY_11, ErrorCode};
use crate::mock::bending::{When, body, decision, forgives, guard, refuses, rewords};
use crate::mock::deviation::{Deviation, leniency};
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::request::{Asked, MODELS, understand};

pub(super) fn entries() -> Vec<Deviation> {
    vec![
        taken(
            "body.mark-skipped",
            "A byte order mark before the body is skipped.",
            &["body.mark"],
            |body| body.strip_prefix(b"\xEF\xBB\xBF").map(<[u8]>::to_vec),
        ),
        taken(
            "body.commas-and-comments-taken",
            "Trailing commas and comments in the body are overlooked.",
            &["body.commas"],
            |body| Some(without_comments(std::str::from_utf8(body).ok()?).into_bytes()),
        ),
        taken(
            "body.nan-taken",
            "NaN is taken for a number.",
            &["body.nan"],
            |body| {
                let text = std::str::from_utf8(body).ok()?;
                text.contains("NaN")
                    .then(|| text.replace("NaN", "0").into_bytes())
            },
        ),
        taken(
            "body.only-the-first-value-read",
            "What follows the object is not read.",
            &["body.after"],
            |body| {
                let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
                values.next()?.ok()?;
                Some(body[..values.byte_offset()].to_vec())
            },
        ),
        taken(
            "body.raw-controls-taken",
            "Raw control characters in strings are taken.",
            &["body.raw-controls"],
            |body| {
                let text = std::str::from_utf8(body).ok()?;
                Some(escaped_controls(text).into_bytes())
            },
        ),
        taken(
            "body.invalid-utf8-replaced",
            "Bytes that are no UTF-8 count as replacement characters.",
            &["body.utf8"],
            |body| Some(String::from_utf8_lossy(body).into_owned().into_bytes()),
        ),
        taken(
            "body.utf16-read",
            "A body in UTF-16 is read.",
            &["body.utf16"],
            |body| {
                let units: Vec<u16> = body
                    .chunks_exact(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                    .collect();
                String::from_utf16(&units).ok().map(String::into_bytes)
            },
        ),
        changed(
            "body.stream-by-its-truth",
            "stream of another type counts by its truth, as JavaScript has it.",
            &["body.stream-type"],
            |object| {
                let truth = match object.get("stream")? {
                    Value::Null => false,
                    Value::Bool(value) => *value,
                    Value::Number(number) => number.as_f64() != Some(0.0),
                    Value::String(text) => !text.is_empty(),
                    Value::Array(_) | Value::Object(_) => true,
                };
                object.insert("stream".to_owned(), truth.into());
                Some(())
            },
        ),
        changed(
            "body.stream-null-is-absent",
            "stream null counts as absent.",
            &["body.stream-type"],
            |object| {
                let null = object.get("stream")?.is_null();
                null.then(|| object.swap_remove("stream")).map(drop)
            },
        ),
        changed(
            "body.stream-of-another-type-is-false",
            "stream of another type counts as false.",
            &["body.stream-type"],
            |object| {
                let other = !object.get("stream")?.is_boolean();
                other.then(|| object.swap_remove("stream")).map(drop)
            },
        ),
        changed(
            "body.any-model",
            "A model of any name and type is accepted.",
            &["body.model"],
            |object| object.swap_remove("model").map(drop),
        ),
        leniency(
            "body.unknown-model-404",
            [BODY_11],
            "An unknown model gets 404 model_not_found, as at OpenAI.",
            &["body.model"],
            [rewords(
                Guard::Body,
                When::object(|object| {
                    object
                        .get("model")
                        .and_then(Value::as_str)
                        .is_some_and(|model| !MODELS.contains(&model))
                }),
                |_, refusal| {
                    *refusal = Refusal::other(404, "model_not_found", "there is no such model");
                },
            )],
        ),
        changed(
            "body.any-user",
            "A user of any type and length is accepted.",
            &["body.user"],
            |object| object.swap_remove("user").map(drop),
        ),
        changed(
            "body.blank-content-accepted",
            "Empty and blank contents are accepted.",
            &["body.blank"],
            |object| {
                for message in object.get_mut("messages")?.as_array_mut()? {
                    if message.get("content")?.as_str()?.trim().is_empty() {
                        message["content"] = "x".into();
                    }
                }
                Some(())
            },
        ),
        leniency(
            "body.blank-content-refused",
            [BODY_11],
            "An empty or blank content gets 400, wherever it stands.",
            &["body.blank"],
            [refuses(
                Guard::Body,
                When::messages(|messages| {
                    messages
                        .iter()
                        .any(|message| content(message).trim().is_empty())
                }),
                ErrorCode::InvalidRequest,
            )],
        ),
        changed(
            "body.roles-in-any-order",
            "Conversations are accepted whatever the order of their roles.",
            &["body.order"],
            |object| {
                for message in object.get_mut("messages")?.as_array_mut()? {
                    let role = message.get("role")?.as_str()?;
                    if ["user", "assistant", "system"].contains(&role) {
                        message["role"] = "user".into();
                    }
                }
                Some(())
            },
        ),
        leniency(
            "body.roles-in-turn-only",
            [BODY_11],
            "A conversation in which user and assistant do not take turns gets 400.",
            &["body.order"],
            [refuses(
                Guard::Body,
                When::messages(|messages| {
                    let roles: Vec<&str> = messages
                        .iter()
                        .filter_map(|message| message.get("role")?.as_str())
                        .skip_while(|role| *role == "system")
                        .collect();
                    roles.windows(2).any(|pair| pair[0] == pair[1])
                }),
                ErrorCode::InvalidRequest,
            )],
        ),
        leniency(
            "body.unknown-fields-refused",
            [BODY_11],
            "An unknown field, in the body or in a message, gets 400.",
            &["body.unknown-fields"],
            [refuses(
                Guard::Body,
                When::object(|object| {
                    let known = ["messages", "stream", "model", "user"];
                    let in_messages = object
                        .get("messages")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                        .filter_map(Value::as_object)
                        .flat_map(Map::keys)
                        .any(|name| !["role", "content"].contains(&name.as_str()));
                    in_messages || object.keys().any(|name| !known.contains(&name.as_str()))
                }),
                ErrorCode::InvalidRequest,
            )],
        ),
        changed(
            "body.names-in-any-case",
            "Names of members are recognised whatever their case, as Go does it.",
            &["body.case"],
            |object| {
                *object = std::mem::take(object)
                    .into_iter()
                    .map(|(name, value)| (name.to_ascii_lowercase(), value))
                    .collect();
                Some(())
            },
        ),
        leniency(
            "body.odd-characters-refused",
            [BODY_11],
            "Control and format characters in a content get 400.",
            &["body.odd-characters"],
            [refuses(
                Guard::Body,
                When::messages(|messages| {
                    messages.iter().any(|message| {
                        content(message).chars().any(|c| {
                            (c.is_control() && !"\n\r\t".contains(c))
                                || "\u{200D}\u{FEFF}".contains(c)
                        })
                    })
                }),
                ErrorCode::InvalidRequest,
            )],
        ),
        leniency(
            "body.content-over-20-kb-refused",
            [BODY_11],
            "Contents of more than 20 KB in all get 400.",
            &["body.long-content"],
            [refuses(
                Guard::Body,
                When::messages(|messages| {
                    messages.iter().map(|one| content(one).len()).sum::<usize>() > 20_480
                }),
                ErrorCode::InvalidRequest,
            )],
        ),
        leniency(
            "body.many-messages-refused",
            [BODY_11],
            "More than 50 messages get 400.",
            &["body.many-messages"],
            [refuses(
                Guard::Body,
                When::messages(|messages| messages.len() > 50),
                ErrorCode::InvalidRequest,
            )],
        ),
        leniency(
            "body.deep-nesting-refused",
            [BODY_11],
            "A body that is nested more than 32 levels deep gets 400.",
            &["body.depth"],
            [refuses(
                Guard::Body,
                When::is(|asked| {
                    body(asked)
                        .as_ref()
                        .is_some_and(|value| is_deeper(value, 32))
                }),
                ErrorCode::InvalidRequest,
            )],
        ),
        leniency(
            "body.duplicates-refused",
            [BODY_11],
            "A member that stands twice in an object gets 400.",
            &["body.duplicates"],
            [refuses(
                Guard::Body,
                When::is(|asked| std::str::from_utf8(&asked.body).is_ok_and(has_duplicates)),
                ErrorCode::InvalidRequest,
            )],
        ),
        leniency(
            "body.media-type-is-nothing",
            [BODY_11],
            "A body is read as JSON whatever its Content-Type.",
            &["body.media-type"],
            [forgives(Guard::Coding, compressed().not())],
        ),
        leniency(
            "body.media-type-400",
            [BODY_11],
            "A Content-Type other than JSON gets 400 invalid_request.",
            &["body.media-type"],
            [rewords(Guard::Coding, compressed().not(), |_, refusal| {
                *refusal = Refusal::documented(ErrorCode::InvalidRequest, "send JSON");
            })],
        ),
        leniency(
            "body.gzip-read",
            [BODY_11],
            "A body in gzip is decoded and read.",
            &["body.gzip"],
            [
                guard(|asked, guard, verdict| {
                    let read = matches!(guard, Guard::Coding | Guard::Body)
                        && verdict.is_err()
                        && compressed().holds(asked);
                    if read
                        && gunzipped(&asked.body).is_some_and(|body| understand(&body).1.is_ok())
                    {
                        return Ok(());
                    }
                    verdict
                }),
                in_its_mode(gunzipped),
            ],
        ),
    ]
}

/// A server that reads bodies which become readable so.
fn taken(
    id: &'static str,
    says: &'static str,
    settles: &'static [&'static str],
    mend: fn(&[u8]) -> Option<Vec<u8>>,
) -> Deviation {
    leniency(
        id,
        [BODY_11, BODY_6],
        says,
        settles,
        [reads_so(mend), in_its_mode(mend)],
    )
}

/// A server that accepts bodies whose object is valid once it is changed so.
fn changed(
    id: &'static str,
    says: &'static str,
    settles: &'static [&'static str],
    change: fn(&mut Map<String, Value>) -> Option<()>,
) -> Deviation {
    let mend = move |body: &[u8]| {
        let mut object: Map<String, Value> = serde_json::from_slice(body).ok()?;
        change(&mut object)?;
        Some(json!(object).to_string().into_bytes())
    };
    leniency(
        id,
        [BODY_11],
        says,
        settles,
        [reads_so(mend), in_its_mode(mend)],
    )
}

/// Lets an invalid body pass that is valid once it is mended.
fn reads_so(
    mend: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> crate::mock::bending::Seam {
    guard(move |asked, guard, verdict| {
        if guard == Guard::Body
            && verdict.is_err()
            && mend(&asked.body).is_some_and(|body| understand(&body).1.is_ok())
        {
            return Ok(());
        }
        verdict
    })
}

/// Answers a body that only is valid once it is mended in the mode that it then asks for.
fn in_its_mode(
    mend: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> crate::mock::bending::Seam {
    decision(move |asked, decision| match decision {
        Decision::Answer { mode, place } if asked.chat.is_err() => Decision::Answer {
            mode: mend(&asked.body)
                .and_then(|body| understand(&body).1.ok())
                .map_or(mode, |chat| chat.mode),
            place,
        },
        decision => decision,
    })
}

fn compressed() -> When {
    When::is(|asked: &Asked| asked.headers.contains_key(header::CONTENT_ENCODING))
}

fn gunzipped(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(body)
        .take(1_000_000)
        .read_to_end(&mut out)
        .ok()?;
    Some(out)
}

fn content(message: &Value) -> &str {
    message
        .get("content")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let inner: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => return false, // what has no members adds no level
    };
    levels == 0 || inner.into_iter().any(|value| is_deeper(value, levels - 1))
}

/// The pieces of JSON text: strings with their quotes, and what stands between them.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut inside, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' if !inside => {
                pieces.push(&text[start..at]);
                (start, inside) = (at, true);
            }
            '"' if !escaped => {
                pieces.push(&text[start..=at]);
                (start, inside) = (at + 1, false);
            }
            _ => {} // any other character belongs to its piece
        }
        escaped = inside && c == '\\' && !escaped;
    }
    pieces.push(&text[start..]);
    pieces
}

fn is_string(piece: &str) -> bool {
    piece.len() > 1 && piece.starts_with('"')
}

/// Without comments and trailing commas outside strings. A comment may hold a quote, so it is looked for first.
fn without_comments(text: &str) -> String {
    let mut text = text.to_owned();
    if let (Some(begin), Some(end)) = (text.find("/*"), text.find("*/"))
        && begin < end
    {
        text.replace_range(begin..end + 2, " ");
    }
    pieces(&text)
        .into_iter()
        .map(|piece| {
            if is_string(piece) {
                return piece.to_owned();
            }
            let bare: String = piece.chars().filter(|c| !c.is_whitespace()).collect();
            bare.replace(",]", "]").replace(",}", "}")
        })
        .collect()
}

fn escaped_controls(text: &str) -> String {
    pieces(text)
        .into_iter()
        .map(|piece| {
            if !is_string(piece) {
                return piece.to_owned();
            }
            piece
                .chars()
                .map(|c| match c {
                    '\0'..='\u{1F}' => format!("\\u{:04x}", u32::from(c)),
                    c => c.to_string(),
                })
                .collect()
        })
        .collect()
}

/// Whether a member stands twice in an object.
fn has_duplicates(text: &str) -> bool {
    let mut objects: Vec<HashSet<String>> = Vec::new();
    let mut name: Option<&str> = None;
    for piece in pieces(text) {
        if is_string(piece) {
            name = Some(piece);
            continue;
        }
        if piece.trim_start().starts_with(':')
            && let Some(name) = name.take()
            && let (Some(names), Ok(name)) =
                (objects.last_mut(), serde_json::from_str::<String>(name))
            && !names.insert(name)
        {
            return true;
        }
        for c in piece.chars() {
            match c {
                '{' => objects.push(HashSet::new()),
                '}' => drop(objects.pop()),
                _ => {} // arrays and scalars have no names
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mended_is_valid_then() {
        let good = r#"{"messages":[{"role":"user","content":"a, ] \" /"}],"stream":true}"#;
        let commas =
            r#"{"messages" : [ {"role":"user","content":"a, ] \" /"} , ] , "stream":true, }"#;
        assert_eq!(without_comments(commas), good);
        let commented = format!("{{/* \"quoted\" */{}", &good[1..]);
        assert_eq!(without_comments(&commented), good);
        let raw = good.replace("a,", "a\n,");
        assert!(understand(escaped_controls(&raw).as_bytes()).1.is_ok());
    }

    #[test]
    fn duplicates_are_found_in_objects_only() {
        for twice in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1},"\u0061":2}"#,
            r#"{"x":[{"b":1,"c":"b","b":2}]}"#,
        ] {
            assert!(has_duplicates(twice), "{twice}");
        }
        for once in [
            r#"{"a":{"a":1},"b":["a","a"],"c":"a"}"#,
            r#"[{"a":1},{"a":1}]"#,
            r#"{"a":"b","b":"a"}"#,
        ] {
            assert!(!has_duplicates(once), "{once}");
        }
    }
}
