//! What is certainly right: the fast path of a load run, for answers as almost all of them are.
//!
//! A chunk or a reply that these functions know is one in which the rules find nothing at all, no advice either; a
//! property test holds them to it. Whatever they don't know is no finding: it is read by the rules themselves. So they
//! may be narrow, and they hold no rule of their own.

use crate::contract::{CHUNK_OBJECT, FINISH_REASONS, ID_PREFIX, REPLY_OBJECT};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::fmt;

/// A chunk in which the rules find nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertainChunk<'a> {
    /// Its `id`.
    pub id: &'a str,
    /// Whether a delta has a content that is no empty string.
    pub content: bool,
    /// `usage.completion_tokens`, where the chunk carries it.
    pub completion_tokens: Option<u64>,
    /// `usage.prompt_tokens`, likewise.
    pub prompt_tokens: Option<u64>,
}

/// A JSON reply in which the rules find nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertainReply<'a> {
    /// Its `id`.
    pub id: &'a str,
    /// Whether the first choice has a content that is no empty string.
    pub content: bool,
    /// `usage.prompt_tokens`.
    pub prompt_tokens: u64,
    /// `usage.completion_tokens`.
    pub completion_tokens: u64,
}

/// The data of an event, if it is certainly a chunk without a fault.
pub fn chunk(data: &[u8]) -> Option<CertainChunk<'_>> {
    let Object(chunk) = serde_json::from_slice::<Object<Chunk<'_>>>(data).ok()?;
    let fits = chunk.object == CHUNK_OBJECT
        && right_id(chunk.id)
        && !chunk.choices.is_empty()
        && chunk.choices.iter().all(|Object(choice)| {
            matches!(
                choice.delta.0.role,
                None | Some(Text::Null) | Some(Text::Assistant)
            )
        });
    fits.then(|| CertainChunk {
        id: chunk.id,
        content: chunk.choices.iter().any(|Object(choice)| {
            matches!(choice.delta.0.content, Some(Text::Assistant | Text::Some))
        }),
        completion_tokens: chunk.usage.map(|Object(usage)| usage.completion_tokens),
        prompt_tokens: chunk.usage.map(|Object(usage)| usage.prompt_tokens),
    })
}

/// A body, if it is certainly a reply without a fault.
pub fn reply(body: &[u8]) -> Option<CertainReply<'_>> {
    let Object(reply) = serde_json::from_slice::<Object<Reply<'_>>>(body).ok()?;
    let [Object(choice)] = &reply.choices;
    let Object(message) = &choice.message;
    let Object(usage) = &reply.usage;
    let fits = reply.object == REPLY_OBJECT
        && right_id(reply.id)
        && choice.index == 0
        && message.role == Text::Assistant
        && message.content != Text::Null
        && FINISH_REASONS.contains(&choice.finish_reason)
        && usage.prompt_tokens.checked_add(usage.completion_tokens) == Some(usage.total_tokens)
        && usage.total_tokens < 1 << 50;
    fits.then_some(CertainReply {
        id: reply.id,
        content: matches!(message.content, Text::Assistant | Text::Some),
        prompt_tokens: usage.prompt_tokens,
        completion_tokens: usage.completion_tokens,
    })
}

/// What all chunks of an answer have in common but for the text in their one content: almost always everything. A chunk
/// that [fits](Alike::fits) is one that [`chunk`] knows, without being read as JSON again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// Up to the content's opening quote, and from its closing one on.
    begin: Box<[u8]>,
    end: Box<[u8]>,
}

const CONTENT: &[u8] = br#""content":""#;

impl Alike {
    /// What chunks like this one have in common. The chunk has to be one that [`chunk`] knows; none where it has not
    /// one plain content, or a usage.
    pub fn of(data: &[u8]) -> Option<Alike> {
        // Quotes within a string are escaped, and no other member of a certain chunk has the name: so each find is a
        // content of a delta.
        let mut finds = memchr::memmem::find_iter(data, CONTENT);
        let (at, None) = (finds.next()? + CONTENT.len(), finds.next()) else {
            return None;
        };
        let length = memchr::memchr(b'"', &data[at..])?;
        let (begin, rest) = data.split_at(at);
        let (content, end) = rest.split_at(length);
        let used = memchr::memmem::find(data, br#""usage""#).is_some();
        (is_plain(content) && !used).then(|| Alike {
            begin: begin.into(),
            end: end.into(),
        })
    }

    /// Whether the chunk differs in its content only, and that is plain text; if so, whether there is any.
    pub fn fits(&self, data: &[u8]) -> Option<bool> {
        let content = data.strip_prefix(&*self.begin)?.strip_suffix(&*self.end)?;
        is_plain(content).then_some(!content.is_empty())
    }
}

/// Whether these bytes between two quotes are a JSON string without escapes.
fn is_plain(text: &[u8]) -> bool {
    let simple = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
    text.iter().all(simple) && (text.is_ascii() || std::str::from_utf8(text).is_ok())
}

fn right_id(id: &str) -> bool {
    id.strip_prefix(ID_PREFIX)
        .is_some_and(|rest| !rest.is_empty())
}

// A field that is not named here, or is there twice, makes the reading fail: then the rules have the word.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chunk<'a> {
    id: &'a str,
    object: &'a str,
    #[serde(default)]
    #[expect(dead_code, reason = "allowed, and of no interest")]
    created: Option<u64>,
    #[serde(default, borrow)]
    #[expect(dead_code, reason = "allowed, and of no interest")]
    model: Option<&'a str>,
    #[serde(default, borrow)]
    #[expect(dead_code, reason = "allowed, and of no interest")]
    system_fingerprint: Option<&'a str>,
    #[serde(default)]
    #[expect(dead_code, reason = "the mock's own field: when the chunk was sent")]
    sent_ns: Option<u64>,
    choices: Few<Object<ChunkChoice>>,
    #[serde(default)]
    usage: Option<Object<Usage>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChunkChoice {
    #[expect(dead_code, reason = "it has to be an integer, whichever")]
    index: i64,
    delta: Object<Delta>,
    #[serde(default)]
    #[expect(dead_code, reason = "a string or null, and of no interest")]
    finish_reason: Option<Text>,
    #[serde(default)]
    #[expect(dead_code, reason = "null, and of no interest")]
    logprobs: Option<()>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Delta {
    #[serde(default)]
    role: Option<Text>,
    #[serde(default)]
    content: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply<'a> {
    id: &'a str,
    object: &'a str,
    #[serde(default)]
    #[expect(dead_code, reason = "allowed, and of no interest")]
    created: Option<u64>,
    #[serde(default, borrow)]
    #[expect(dead_code, reason = "allowed, and of no interest")]
    model: Option<&'a str>,
    #[serde(default, borrow)]
    #[expect(dead_code, reason = "allowed, and of no interest")]
    system_fingerprint: Option<&'a str>,
    #[serde(borrow)]
    choices: [Object<ReplyChoice<'a>>; 1],
    usage: Object<Usage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyChoice<'a> {
    index: i64,
    message: Object<Message>,
    finish_reason: &'a str,
    #[serde(default)]
    #[expect(dead_code, reason = "null, and of no interest")]
    logprobs: Option<()>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    role: Text,
    content: Text,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

/// A JSON object: what serde derives would take an array for one, too.
#[derive(Clone, Copy)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        struct Reading<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reading<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Reading(std::marker::PhantomData))
    }
}

/// What matters of a string that may be null: nothing is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Null,
    Empty,
    /// `assistant`, the one word that means something here.
    Assistant,
    Some,
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        struct Reading;
        impl Visitor<'_> for Reading {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or null")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(match text {
                    "" => Text::Empty,
                    "assistant" => Text::Assistant,
                    _ => Text::Some,
                })
            }

            fn visit_unit<E: de::Error>(self) -> Result<Text, E> {
                Ok(Text::Null)
            }
        }
        deserializer.deserialize_any(Reading)
    }
}

/// Up to four of something, without a heap: a chunk has one choice, rarely more.
struct Few<T> {
    items: [Option<T>; 4],
}

impl<T> Few<T> {
    fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter().flatten()
    }

    fn is_empty(&self) -> bool {
        self.items[0].is_none()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Few<T>, D::Error> {
        struct Reading<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reading<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a short array")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Few<T>, A::Error> {
                let mut items = [None, None, None, None];
                for item in &mut items {
                    *item = seq.next_element()?;
                    if item.is_none() {
                        return Ok(Few { items });
                    }
                }
                match seq.next_element::<de::IgnoredAny>()? {
                    None => Ok(Few { items }),
                    Some(_) => Err(de::Error::custom("more than four")),
                }
            }
        }
        deserializer.deserialize_seq(Reading(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::json;
    use crate::judge::rules::{reply as reply_rules, stream};
    use proptest::prelude::*;

    const CHUNK: &str = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"I "}}]}"#;
    const REPLY: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;

    #[test]
    fn the_documented_shapes_are_certain() {
        let found = chunk(CHUNK.as_bytes()).expect("the sample's chunk");
        assert!(found.content);
        assert_eq!(found.id, "chatcmpl-1");
        let found = reply(REPLY.as_bytes()).expect("the sample's reply");
        assert_eq!((found.prompt_tokens, found.completion_tokens), (1, 2));
        for other in [
            r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
        ] {
            assert!(!chunk(other.as_bytes()).expect(other).content);
        }
    }

    /// A JSON text near the documented one: values swapped, members left out, doubled or added, bytes changed.
    fn near(base: &'static str) -> impl Strategy<Value = String> {
        let value = prop_oneof![
            Just("null".to_owned()),
            Just("\"\"".to_owned()),
            Just("\"assistant\"".to_owned()),
            Just("\"user\"".to_owned()),
            Just("\"\\ud800\"".to_owned()),
            Just("\"a\\u0000b\"".to_owned()),
            Just("0".to_owned()),
            Just("-1".to_owned()),
            Just("1.0".to_owned()),
            Just("1e400".to_owned()),
            Just("99999999999999999999".to_owned()),
            Just("[]".to_owned()),
            Just("{}".to_owned()),
            Just("{\"content\":7}".to_owned()),
            Just("{\"role\":\"assistant\",\"role\":null}".to_owned()),
            Just("true".to_owned()),
            Just("\"chatcmpl-\"".to_owned()),
            Just("\"stop\"".to_owned()),
        ];
        let members: Vec<usize> = base.match_indices("\":").map(|(at, _)| at + 2).collect();
        (
            proptest::sample::select(members),
            value,
            0..5u8,
            proptest::option::of((0..base.len(), any::<u8>())),
        )
            .prop_map(move |(at, value, how, byte)| {
                // The value's end: the next comma or brace outside a string.
                let mut depth = 0i32;
                let mut quoted = false;
                let mut end = base.len();
                for (index, byte) in base.bytes().enumerate().skip(at) {
                    match byte {
                        b'"' => quoted = !quoted,
                        b'{' | b'[' if !quoted => depth += 1,
                        b'}' | b']' if !quoted => {
                            depth -= 1;
                            if depth < 0 {
                                end = index;
                                break;
                            }
                        }
                        b',' if !quoted && depth == 0 => {
                            end = index;
                            break;
                        }
                        _ => {}
                    }
                }
                let start = base[..at - 2].rfind('"').unwrap_or(0);
                let member = &base[start..end];
                let mut text = match how {
                    0 => format!("{}{value}{}", &base[..at], &base[end..]),
                    1 => format!("{}{member},{member}{}", &base[..start], &base[end..]),
                    2 => format!("{}\"x\":{value},{member}{}", &base[..start], &base[end..]),
                    3 => format!("{}\"x\":0{}", &base[..start], &base[end..]),
                    _ => format!("{}{} {}", &base[..start], member, &base[end..]),
                };
                if let Some((at, byte)) = byte
                    && text.is_char_boundary(at)
                    && text.is_char_boundary(at + 1)
                    && byte.is_ascii()
                {
                    text.replace_range(at..=at, &char::from(byte).to_string());
                }
                text
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn the_rules_find_nothing_in_a_certain_chunk(text in near(CHUNK)) {
            if let Some(certain) = chunk(text.as_bytes()) {
                let json = json::parse(text.as_bytes()).expect("what is certain is JSON");
                prop_assert_eq!(stream::chunk_findings(&json), Vec::new());
                let content = crate::judge::answer::content(&json).unwrap_or_default();
                prop_assert!(content.is_empty() || certain.content);
                prop_assert!(!text.contains("\"error\""));
            }
        }

        #[test]
        fn what_is_alike_is_certain(
            text in near(CHUNK),
            middle in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            let alike = Alike::of(CHUNK.as_bytes()).expect("it has one content");
            let mut other = alike.begin.to_vec();
            other.extend_from_slice(&middle);
            other.extend_from_slice(&alike.end);
            for data in [text.as_bytes(), &other] {
                if let Some(content) = alike.fits(data) {
                    let certain = chunk(data).expect("what is alike is certain");
                    prop_assert_eq!(certain.content, content);
                    prop_assert_eq!(certain.id, "chatcmpl-1");
                    prop_assert_eq!(certain.completion_tokens, None);
                }
            }
            // Whatever is made from a certain chunk gives certain ones.
            if let (Some(_), Some(alike)) = (chunk(text.as_bytes()), Alike::of(text.as_bytes())) {
                let mut other = alike.begin.to_vec();
                other.extend_from_slice("caf\u{e9}".as_bytes());
                other.extend_from_slice(&alike.end);
                prop_assert_eq!(alike.fits(&other), Some(true));
                prop_assert!(chunk(&other).is_some_and(|certain| certain.content));
            }
        }

        #[test]
        fn the_rules_find_nothing_in_a_certain_reply(text in near(REPLY)) {
            if reply(text.as_bytes()).is_some() {
                let json = json::parse(text.as_bytes()).expect("what is certain is JSON");
                prop_assert_eq!(reply_rules::body_findings(&json), Vec::new());
            }
        }
    }
}
