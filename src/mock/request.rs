//! Requests: reading them off the connection, and understanding their body (BODY).

use std::fmt;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Uri};
use bytes::{Bytes, BytesMut};
use hyper::body::Body as _;
use serde_json::Value;

use super::journal::Journal;

/// The answer that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `stream` absent or false.
    Json,
    /// `stream: true`.
    Stream,
}

/// Where a request went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The endpoint, for the bot of that id (percent-decoded).
    Chat(String),
    /// Any other path.
    Elsewhere,
}

/// How a request's body arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Whole.
    Whole,
    /// It is over the limit, as announced or as counted; the rest was not read.
    TooLarge,
    /// It broke off, or its framing is wrong.
    Broken,
    /// It did not arrive in time.
    Late,
}

/// A request as it was received.
#[derive(Debug)]
pub struct Asked {
    /// The connection's number, from 1.
    pub connection: u64,
    /// Which request of its connection this is, from 1.
    pub number: u64,
    /// Which request of the mock this is, from 1.
    pub serial: u64,
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// The fields.
    pub headers: HeaderMap,
    /// What the path leads to.
    pub route: Route,
    /// How the body arrived.
    pub received: Received,
    /// The body, as far as it was read.
    pub body: Bytes,
    /// What `stream` asks for, even where the rest of the body is invalid.
    pub mode: Mode,
    /// The body's meaning.
    pub chat: Result<Chat, Invalid>,
    /// When the whole request had been received.
    pub at: Instant,
    /// What the mock had counted by then, this request included: what else runs, what was broken off before.
    pub around: Journal,
    /// What a bend has decided of this request, for its own seams to come, the socket's included. The honest path
    /// neither sets it nor looks at it.
    pub mark: OnceLock<usize>,
}

impl Asked {
    /// The prompt: the last message of a user, or else the last message.
    pub fn prompt(&self) -> &str {
        self.chat.as_ref().map_or("", Chat::prompt)
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// `user`.
    User,
    /// `assistant`.
    Assistant,
    /// `system`.
    System,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// A valid body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// The conversation, never empty.
    pub messages: Vec<Message>,
    /// The answer asked for.
    pub mode: Mode,
    /// The model, where given.
    pub model: Option<String>,
    /// The passthrough identifier, where given.
    pub user: Option<String>,
}

impl Chat {
    fn prompt(&self) -> &str {
        self.messages
            .iter()
            .rev()
            .find(|message| message.role == Role::User)
            .or(self.messages.last())
            .map_or("", |message| &message.content)
    }
}

/// Why a body is invalid, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a body up to the limit, which counts its bytes, announced or chunked (SIZE-2).
///
/// A body announced over the limit isn't read at all: so the 413 goes out at once, without a 100 before it
/// (SIZE-4). Any other is read to its end before anything is decided, so that the connection stays in step whatever
/// the answer is (WIRE-2).
///
/// An honest server reads no further than the limit; one that is bent may want to see more.
pub(super) async fn read(mut body: Body, reach: usize) -> (Received, Bytes) {
    if body.size_hint().lower() > reach as u64 {
        return (Received::TooLarge, Bytes::new());
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let reading = async {
        let mut count = 0;
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
        {
            let Ok(frame) = frame else {
                return Received::Broken;
            };
            let Ok(data) = frame.into_data() else {
                continue; // trailers
            };
            count += data.len();
            if first.is_empty() && all.is_empty() {
                first = data;
            } else {
                if all.is_empty() {
                    all.extend_from_slice(&first);
                }
                all.extend_from_slice(&data);
            }
            if count > reach {
                return Received::TooLarge;
            }
        }
        Received::Whole
    };
    let received = tokio::time::timeout(BODY_TIMEOUT, reading)
        .await
        .unwrap_or(Received::Late);
    let bytes = if all.is_empty() { first } else { all.freeze() };
    (received, bytes)
}

/// What a body asks for, and its meaning. Whatever a strict JSON reader refuses is invalid: a byte order mark,
/// invalid UTF-8, lone surrogates, numbers out of range, nesting deeper than 127, something after the object. All of
/// that is open (BODY-6, BODY-11).
pub(super) fn understand(body: &[u8]) -> (Mode, Result<Chat, Invalid>) {
    let invalid = |why: String| Err(Invalid(why));
    let object = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => object,
        Ok(_) => {
            return (
                Mode::Json,
                invalid("the body must be a JSON object".to_owned()),
            );
        }
        // Line and column only: a parser's own words might repeat the body.
        Err(error) => {
            let why = format!(
                "the body is not valid JSON (line {}, column {})",
                error.line(),
                error.column()
            );
            return (Mode::Json, invalid(why));
        }
    };
    let mode = match object.get("stream") {
        Some(Value::Bool(true)) => Mode::Stream,
        _ => Mode::Json, // what is no boolean is told of below
    };
    (mode, chat(object, mode))
}

fn chat(mut object: serde_json::Map<String, Value>, mode: Mode) -> Result<Chat, Invalid> {
    match object.get("stream") {
        None | Some(Value::Bool(_)) => {}
        Some(_) => return Err(Invalid("stream must be true or false".to_owned())),
    }
    let model = optional_text(&mut object, "model", LONGEST_NAME)?;
    if let Some(model) = &model
        && !MODELS.contains(&model.as_str())
    {
        return Err(Invalid(format!(
            "model must be one of {}",
            MODELS.join(", ")
        )));
    }
    let user = optional_text(&mut object, "user", LONGEST_NAME)?;
    let messages = match object.swap_remove("messages") {
        None => return Err(Invalid("messages is missing".to_owned())),
        Some(Value::Array(messages)) if messages.is_empty() => {
            return Err(Invalid("messages must not be empty".to_owned()));
        }
        Some(Value::Array(messages)) => messages,
        Some(_) => return Err(Invalid("messages must be an array".to_owned())),
    };
    let messages = messages
        .into_iter()
        .enumerate()
        .map(|(index, message)| self::message(index, message))
        .collect::<Result<Vec<_>, _>>()?;
    order(&messages)?;
    Ok(Chat {
        messages,
        mode,
        model,
        user,
    })
}

/// The models that `model` may name; what an unknown one does is open (BODY-11).
pub(super) const MODELS: [&str; 2] = [super::fixtures::MODEL, "anthropic/claude-haiku-4-5"];

/// The longest `model` and `user`, in bytes; the documentation names none (BODY-11).
const LONGEST_NAME: usize = 512;

/// Of what is open the mock refuses what an agent could not make sense of: that costs its users no completion.
fn order(messages: &[Message]) -> Result<(), Invalid> {
    let later_system = messages
        .iter()
        .skip(1)
        .position(|message| message.role == Role::System);
    if let Some(index) = later_system {
        return Err(Invalid(format!(
            "messages[{}]: a system message may only come first",
            index + 1
        )));
    }
    match messages.last() {
        Some(last) if last.role != Role::User => {
            Err(Invalid("the last message must be the user's".to_owned()))
        }
        Some(last) if last.content.trim().is_empty() => {
            Err(Invalid("the last message must not be blank".to_owned()))
        }
        _ => Ok(()),
    }
}

fn optional_text(
    object: &mut serde_json::Map<String, Value>,
    name: &str,
    longest: usize,
) -> Result<Option<String>, Invalid> {
    match object.swap_remove(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.len() <= longest => Ok(Some(text)),
        Some(_) => Err(Invalid(format!(
            "{name} must be a string of 1 to {longest} bytes"
        ))),
    }
}

fn message(index: usize, message: Value) -> Result<Message, Invalid> {
    let Value::Object(mut message) = message else {
        return Err(Invalid(format!("messages[{index}] must be an object")));
    };
    let role = match message.get("role").and_then(Value::as_str) {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        _ => {
            let why = format!("messages[{index}].role must be user, assistant or system");
            return Err(Invalid(why));
        }
    };
    match message.swap_remove("content") {
        Some(Value::String(content)) => Ok(Message { role, content }),
        _ => Err(Invalid(format!(
            "messages[{index}].content must be a string"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(body: &str) -> Chat {
        understand(body.as_bytes())
            .1
            .unwrap_or_else(|why| panic!("{body}: {why}"))
    }

    #[test]
    fn what_the_contract_calls_valid_is_accepted() {
        let chat = accepted(r#"{"messages":[{"role":"user","content":"Hi"}]}"#);
        assert_eq!((chat.mode, chat.prompt()), (Mode::Json, "Hi"));
        let escaped = "\n {\"\\u006dessages\"\t:[{\"content\":\"\\ud83d\\ude00 \\\"\\/\",\"r\\u006fle\":\"us\\u0065r\"}],\"stream\":true}\r\n";
        let chat = accepted(escaped);
        assert_eq!((chat.mode, chat.prompt()), (Mode::Stream, "\u{1f600} \"/"));
        let chat = accepted(
            r#"{"user":"u","model":"anthropic/claude-sonnet-4-6","x":{"y":[1e300]},"messages":[{"role":"system","content":"a"},{"role":"assistant","content":"c"},{"role":"user","content":"b"}],"stream":false}"#,
        );
        assert_eq!(chat.prompt(), "b");
        assert_eq!(
            (chat.model.as_deref(), chat.user.as_deref()),
            (Some("anthropic/claude-sonnet-4-6"), Some("u"))
        );
    }

    #[test]
    fn what_the_contract_calls_invalid_is_refused() {
        let good = r#"{"role":"user","content":"Hi"}"#;
        let bodies = [
            "",
            "not json",
            "null",
            "[]",
            "1",
            "\"x\"",
            "{}",
            "{\"messages\":",
            "{\"messages\":[]}",
            "{\"messages\":null}",
            "{\"messages\":{}}",
            "{\"messages\":\"x\"}",
            "{\"messages\":[1]}",
            "{\"messages\":[null]}",
            "{\"messages\":[[]]}",
            "{\"messages\":[{}]}",
            r#"{"messages":[{"role":"user"}]}"#,
            r#"{"messages":[{"content":"x"}]}"#,
            r#"{"messages":[{"role":"User","content":"x"}]}"#,
            r#"{"messages":[{"role":"user ","content":"x"}]}"#,
            r#"{"messages":[{"role":"tool","content":"x"}]}"#,
            r#"{"messages":[{"role":["user"],"content":"x"}]}"#,
            r#"{"messages":[{"role":"user","content":null}]}"#,
            r#"{"messages":[{"role":"user","content":1}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}"#,
        ];
        for body in bodies {
            assert!(understand(body.as_bytes()).1.is_err(), "{body}");
        }
        for place in 0..3 {
            let mut messages = [good; 3];
            messages[place] = r#"{"role":"user"}"#;
            let body = format!("{{\"messages\":[{}],\"stream\":true}}", messages.join(","));
            let (mode, chat) = understand(body.as_bytes());
            assert_eq!(mode, Mode::Stream);
            assert!(chat.unwrap_err().0.contains(&format!("messages[{place}]")));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(body: Vec<u8>) {
            let _ = understand(&body);
        }
    }
}
