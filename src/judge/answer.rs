//! An exchange as the rules read it: its body parsed once, its error code found, its stream taken apart.

use super::json::{self, Json, JsonError, Node};
use crate::contract::{DONE, ErrorCode};
use crate::sse;
use crate::wire::{End, Exchange, Headers};
use std::cell::OnceCell;
use std::time::Instant;

/// What a request asked for: decides which shape a 200 has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// `stream` absent or false: a JSON answer.
    Json,
    /// `stream: true`: a stream of events.
    Stream,
}

impl Mode {
    /// The mode's name: `json` or `stream`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Json => "json",
            Mode::Stream => "stream",
        }
    }
}

/// An exchange under judgement.
pub struct Answer<'a> {
    exchange: &'a Exchange,
    json: OnceCell<Result<Json, JsonError>>,
    stream: OnceCell<Stream>,
}

impl<'a> Answer<'a> {
    /// Takes up an exchange.
    pub fn new(exchange: &'a Exchange) -> Self {
        Self {
            exchange,
            json: OnceCell::new(),
            stream: OnceCell::new(),
        }
    }

    /// The exchange itself.
    pub fn exchange(&self) -> &'a Exchange {
        self.exchange
    }

    /// The final status, if an answer came.
    pub fn status(&self) -> Option<u16> {
        self.exchange.status()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<&Json, &JsonError> {
        self.json
            .get_or_init(|| json::parse(&self.exchange.body.bytes))
            .as_ref()
    }

    /// The body as a stream of events.
    pub fn stream(&self) -> &Stream {
        self.stream.get_or_init(|| Stream::read(self.exchange))
    }

    /// Type and subtype of the Content-Type, in lower case, without parameters.
    pub fn media_type(&self) -> Option<String> {
        let value = self.exchange.headers().text("content-type")?;
        Some(
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase(),
        )
    }

    /// The value of a parameter of the Content-Type, unquoted, in lower case.
    pub fn media_parameter(&self, name: &str) -> Option<String> {
        let value = self.exchange.headers().text("content-type")?;
        value.split(';').skip(1).find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().trim_matches('"').to_ascii_lowercase())
        })
    }

    /// Whether the Content-Type is a JSON one: `application/json`, or with the suffix `+json`.
    pub fn says_json(&self) -> bool {
        self.media_type()
            .is_some_and(|media| media == "application/json" || media.ends_with("+json"))
    }

    /// Whether the Content-Type is that of an event stream.
    pub fn says_stream(&self) -> bool {
        self.media_type().as_deref() == Some("text/event-stream")
    }

    /// Documented codes that the JSON body names, in the order of the usual places.
    pub fn codes(&self) -> Vec<NamedCode> {
        self.json()
            .map_or_else(|_| Vec::new(), |json| named_codes(&json.root))
    }

    /// The documented code that the answer names, if any: the one in the most usual place.
    pub fn code(&self) -> Option<ErrorCode> {
        self.codes().first().map(|named| named.code)
    }

    /// The answer in a few words: `401 invalid_api_key`, `200, text/event-stream, 14 events`.
    pub fn summary(&self) -> String {
        let Some(head) = &self.exchange.head else {
            return no_answer(&self.exchange.end);
        };
        let mut text = head.status.to_string();
        if let Some(code) = self.code() {
            return format!("{text} {code}");
        }
        match self.media_type() {
            Some(media) if media == "text/event-stream" => {
                text.push_str(&format!(
                    ", text/event-stream, {} events",
                    self.stream().events.len()
                ));
            }
            Some(media) => {
                text.push_str(&format!(", {media}"));
                if head.status == 200
                    && self
                        .json()
                        .is_ok_and(|json| json.root.get("choices").is_some())
                {
                    text.push_str(", an answer of the agent");
                } else if let Some(code) = self.undocumented_code() {
                    text.push_str(&format!(", code {code:?}"));
                } else if self.exchange.body.bytes.is_empty() {
                    text.push_str(", no body");
                }
            }
            None if self.exchange.body.bytes.is_empty() => text.push_str(", no body"),
            None => text.push_str(", no Content-Type"),
        }
        text.push_str(&self.from_gateway());
        match &self.exchange.end {
            End::Complete => {}
            end => text.push_str(&format!(", {}", ended(end))),
        }
        text
    }

    /// `, from a gateway (Server: nginx)` where one gave an error in the API's place: a page for people, and a `Server`
    /// that is known as one. What else it sends it may only have passed on, with its name on it. Otherwise nothing.
    pub fn from_gateway(&self) -> String {
        let page = self.status().is_some_and(|status| status >= 400)
            && self.media_type().is_some_and(|media| media == "text/html");
        match server_of_gateway(self.exchange.headers()) {
            Some(server) if page => format!(", from a gateway (Server: {server})"),
            Some(_) | None => String::new(),
        }
    }

    /// What stands where a code should, though it is no documented one.
    pub fn undocumented_code(&self) -> Option<String> {
        let json = self.json().ok()?;
        CODE_PLACES.iter().find_map(|(pointer, _)| {
            json.root
                .pointer(pointer)
                .and_then(Node::as_str)
                .filter(|text| !text.is_empty() && text.len() < 60 && !text.contains(' '))
                .map(str::to_owned)
        })
    }
}

/// `Server` of programs that stand before others, as they write it, in lower case.
const GATEWAYS: &[&str] = &[
    "nginx",
    "openresty",
    "tengine",
    "envoy",
    "istio-envoy",
    "awselb",
    "cloudfront",
    "cloudflare",
    "caddy",
    "apache",
    "varnish",
    "kong",
    "traefik",
    "haproxy",
    "akamaighost",
    "akamainetstorage",
    "squid",
    "google frontend",
    "gws",
    "microsoft-azure-application-gateway",
    "microsoft-iis",
];

/// The value of `Server` where it names a program that stands before others: shortened, what can't be shown left out.
pub(crate) fn server_of_gateway(headers: &Headers) -> Option<String> {
    let server = headers.text("server")?;
    let lower = server.to_ascii_lowercase();
    let known = GATEWAYS.iter().any(|name| {
        lower
            .strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    });
    known.then(|| {
        server
            .chars()
            .filter(|c| c.is_ascii_graphic() || *c == ' ')
            .take(40)
            .collect()
    })
}

/// How an exchange without an answer ended, in words.
pub fn no_answer(end: &End) -> String {
    match end {
        End::Complete => "no answer".to_owned(),
        End::Closed => "the connection was closed before any answer".to_owned(),
        End::Reset => "the connection was reset before any answer".to_owned(),
        End::Malformed { what, .. } => format!("no HTTP answer: {what}"),
        End::TimedOut => "no answer within the time-out".to_owned(),
        End::Abandoned => "abandoned before any answer".to_owned(),
        End::TooLarge => "an answer larger than this program keeps".to_owned(),
        End::Unreachable(why) => why.to_string(),
    }
}

/// How an answer that had begun ended, in words.
pub fn ended(end: &End) -> String {
    match end {
        End::Complete => "whole".to_owned(),
        End::Closed => "cut short by the end of the connection".to_owned(),
        End::Reset => "cut short by a reset".to_owned(),
        End::Malformed { what, .. } => format!("broken framing: {what}"),
        End::TimedOut => "never whole: nothing more came".to_owned(),
        End::Abandoned => "abandoned by clawcheck".to_owned(),
        End::TooLarge => "larger than this program keeps".to_owned(),
        End::Unreachable(why) => why.to_string(),
    }
}

/// A documented code found in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedCode {
    /// The code.
    pub code: ErrorCode,
    /// Where it stands, as `error.code`.
    pub place: String,
    /// Whether it stands where clients look (ERROR-1, its SHOULD).
    pub usual: bool,
}

/// Where clients look for a code (ERROR-1), the most usual place first.
const CODE_PLACES: [(&str, &str); 4] = [
    ("/error/code", "error.code"),
    ("/code", "code"),
    ("/error/type", "error.type"),
    ("/error", "error"),
];

/// All documented codes that stand as whole strings in a JSON value.
pub fn named_codes(root: &Node) -> Vec<NamedCode> {
    let mut found: Vec<NamedCode> = CODE_PLACES
        .iter()
        .filter_map(|(pointer, place)| {
            let code = ErrorCode::parse(root.pointer(pointer)?.as_str()?)?;
            Some(NamedCode {
                code,
                place: (*place).to_owned(),
                usual: true,
            })
        })
        .collect();
    root.each_string(&mut |text, _| {
        if let Some(code) = ErrorCode::parse(text)
            && !found.iter().any(|named| named.code == code)
        {
            found.push(NamedCode {
                code,
                place: "elsewhere".to_owned(),
                usual: false,
            });
        }
    });
    found
}

/// A stream taken apart.
#[derive(Debug)]
pub struct Stream {
    /// The dispatched events, each read for what it is.
    pub events: Vec<StreamEvent>,
    /// What stood undispatched at the end, and what was seen beside events.
    pub rest: sse::Rest,
}

/// A dispatched event.
#[derive(Debug)]
pub struct StreamEvent {
    /// Its name; empty for the default type.
    pub name: String,
    /// What its data is.
    pub what: EventKind,
    /// Where the event begins in the body.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// When the read that completed it came.
    pub at: Instant,
}

/// What an event's data is.
#[derive(Debug)]
pub enum EventKind {
    /// A chunk, or what stands in place of one.
    Chunk(Json),
    /// `[DONE]`.
    Done,
    /// An error in place of a chunk.
    Error {
        /// The documented code that it names, if any.
        code: Option<ErrorCode>,
    },
    /// No JSON.
    NotJson {
        /// Why.
        error: JsonError,
        /// The data, its beginning.
        data: String,
    },
    /// An event with a name of its own that holds neither a chunk nor `[DONE]`.
    Other,
}

impl Stream {
    fn read(exchange: &Exchange) -> Stream {
        let body = &exchange.body.bytes;
        let (events, rest) = sse::parse_all(body);
        let events = events
            .into_iter()
            .map(|event| StreamEvent {
                at: arrival(exchange, event.dispatched_at),
                what: event_kind(&event),
                start: event.start,
                end: event.end,
                name: if event.name == "message" {
                    String::new()
                } else {
                    event.name
                },
            })
            .collect();
        Stream { events, rest }
    }

    /// The chunks, in order.
    pub fn chunks(&self) -> impl Iterator<Item = (&StreamEvent, &Json)> {
        self.events.iter().filter_map(|event| match &event.what {
            EventKind::Chunk(json) => Some((event, json)),
            _ => None,
        })
    }

    /// How many `[DONE]` were dispatched.
    pub fn done_count(&self) -> usize {
        self.events
            .iter()
            .filter(|event| matches!(event.what, EventKind::Done))
            .count()
    }

    /// The first in-band error: the event and its code.
    pub fn error(&self) -> Option<(&StreamEvent, Option<ErrorCode>)> {
        self.events.iter().find_map(|event| match &event.what {
            EventKind::Error { code } => Some((event, *code)),
            _ => None,
        })
    }

    /// The text of choice 0.
    pub fn text(&self) -> String {
        self.chunks()
            .filter_map(|(_, json)| content(json))
            .collect()
    }

    /// The `id`s of the chunks, in order.
    pub fn ids(&self) -> Vec<&str> {
        self.chunks()
            .filter_map(|(_, json)| json.root.get("id").and_then(Node::as_str))
            .collect()
    }
}

/// `choices[0].delta.content`, where it is a string.
pub fn content(json: &Json) -> Option<&str> {
    json.root.pointer("/choices/0/delta/content")?.as_str()
}

/// What an event is.
pub fn event_kind(event: &sse::Event) -> EventKind {
    let named = !event.name.is_empty() && event.name != "message";
    if event.data == DONE.as_bytes() {
        return EventKind::Done;
    }
    // A reader by the standard decodes before it parses: what is no UTF-8 becomes U+FFFD, and is STREAM-5's alone.
    let data = String::from_utf8_lossy(&event.data);
    match json::parse(data.as_bytes()) {
        Ok(json) => {
            let root = &json.root;
            let chunk_like = root.get("choices").is_some()
                || root.get("delta").is_some()
                || root
                    .get("object")
                    .and_then(Node::as_str)
                    .is_some_and(|object| object.starts_with("chat.completion"));
            let has_error = root
                .get("error")
                .is_some_and(|error| error.value != json::Value::Null);
            if !chunk_like && (has_error || event.name == "error" || !named_codes(root).is_empty())
            {
                EventKind::Error {
                    code: named_codes(root).first().map(|named| named.code),
                }
            } else if has_error
                && root
                    .get("choices")
                    .and_then(Node::as_array)
                    .is_none_or(<[_]>::is_empty)
            {
                EventKind::Error {
                    code: named_codes(root).first().map(|named| named.code),
                }
            } else if named && !chunk_like {
                EventKind::Other
            } else {
                EventKind::Chunk(json)
            }
        }
        Err(_) if event.name == "error" => EventKind::Error {
            code: std::str::from_utf8(&event.data)
                .ok()
                .and_then(ErrorCode::parse),
        },
        Err(_) if named => EventKind::Other,
        Err(error) => EventKind::NotJson {
            error,
            data: String::from_utf8_lossy(&event.data)
                .chars()
                .take(80)
                .collect(),
        },
    }
}

/// When the byte before `offset` of the body arrived.
pub fn arrival(exchange: &Exchange, offset: usize) -> Instant {
    let arrivals = &exchange.body.arrivals;
    let index = arrivals.partition_point(|(size, _)| *size < offset);
    arrivals
        .get(index)
        .or(arrivals.last())
        .map_or(exchange.ended, |(_, at)| *at)
}
