//! Answers: their heads (CORS, content types) and their JSON bodies (REPLY, ERROR).

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::contract::{ID_PREFIX, REPLY_OBJECT};

use super::fixtures::MODEL;
use super::guards::Refusal;
use super::request::Asked;
use super::server::Server;
use super::words::{Mixer, reply_pieces};

/// What the agent says, before it is shaped.
#[derive(Debug, Clone)]
pub struct Answer {
    /// `id`, unique in the mock.
    pub id: String,
    /// `created`, in seconds of Unix time.
    pub created: u64,
    /// `model`.
    pub model: String,
    /// The content, chunk by chunk.
    pub pieces: Vec<String>,
    /// `usage.prompt_tokens`.
    pub prompt_tokens: u64,
}

impl Answer {
    /// The honest answer, having passed its seam. To make one is to call the model.
    pub(super) fn to(server: &Server, asked: &Asked) -> Self {
        let config = &server.config;
        let chat = asked.chat.as_ref().ok();
        let characters: usize = chat.map_or(0, |chat| {
            chat.messages
                .iter()
                .map(|message| message.content.chars().count())
                .sum()
        });
        let mut answer = Self {
            id: id(config.seed, asked.serial),
            created: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |age| age.as_secs()),
            model: chat
                .and_then(|chat| chat.model.clone())
                .unwrap_or_else(|| MODEL.to_owned()),
            pieces: reply_pieces(config.seed, config.chunks, asked.prompt()),
            // Four characters a token is the usual estimate.
            prompt_tokens: characters.div_ceil(4).max(1) as u64,
        };
        server.ledger.note(|journal| journal.completions += 1);
        config.bend.answer(asked, &mut answer);
        answer
    }

    /// The JSON reply.
    fn reply(&self) -> Reply<'_> {
        let completion_tokens = self.pieces.len() as u64;
        Reply {
            id: &self.id,
            object: REPLY_OBJECT,
            created: self.created,
            model: &self.model,
            choices: [Choice {
                index: 0,
                message: Message {
                    role: "assistant",
                    content: self.pieces.concat(),
                },
                finish_reason: "stop",
            }],
            usage: Usage {
                prompt_tokens: self.prompt_tokens,
                completion_tokens,
                total_tokens: self.prompt_tokens + completion_tokens,
            },
        }
    }
}

#[derive(Serialize)]
struct Reply<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice; 1],
    usage: Usage,
}

#[derive(Serialize)]
struct Choice {
    index: u32,
    message: Message,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

/// The id of the answer to that request: unique, since the generator's steps are a bijection of the serial number.
fn id(seed: u64, serial: u64) -> String {
    let mut low = Mixer::named(seed, "answer ids").offset(serial);
    let mut high = Mixer::named(seed, "answer").offset(serial);
    format!(
        "{ID_PREFIX}{:016x}{:08x}",
        low.number(),
        high.number() >> 32
    )
}

/// The head of an answer, to be bent.
#[derive(Debug, Clone)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The fields, in the order in which they are sent.
    pub fields: Vec<(HeaderName, HeaderValue)>,
}

impl Head {
    /// A head with the fields that every answer has: a page of any origin may read it (CORS-3, CORS-4).
    pub(super) fn new(asked: &Asked, status: StatusCode) -> Self {
        let origin = asked
            .headers
            .get(header::ORIGIN)
            .cloned()
            .unwrap_or(HeaderValue::from_static("*"));
        let serial = HeaderValue::from(asked.serial);
        Self {
            status,
            fields: vec![
                (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
                (
                    header::ACCESS_CONTROL_EXPOSE_HEADERS,
                    HeaderValue::from_static("Retry-After, X-Request-Id"),
                ),
                (header::VARY, HeaderValue::from_static("Origin")),
                (HeaderName::from_static("x-request-id"), serial),
            ],
        }
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: HeaderName, value: HeaderValue) {
        self.fields.push((name, value));
    }

    /// Takes out every field of that name.
    pub fn remove(&mut self, name: &HeaderName) {
        self.fields.retain(|(field, _)| field != name);
    }

    /// The answer with that body, the head having passed its seam.
    pub(super) fn with(mut self, server: &Server, asked: &Asked, body: Body) -> Response {
        server.config.bend.head(asked, &mut self);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in self.fields {
            headers.append(name, value);
        }
        response
    }
}

/// A JSON body, to be bent.
#[derive(Debug, Clone)]
pub enum Payload {
    /// A value.
    Json(Value),
    /// Bytes that need not be JSON at all.
    Bytes(Bytes),
}

impl Payload {
    /// The bytes of that body, having passed its seam.
    fn bytes(server: &Server, asked: &Asked, body: &impl Serialize) -> Bytes {
        let bend = &server.config.bend;
        // To memory nothing fails that has text for its keys.
        if !bend.bends_json() {
            return serde_json::to_vec(body).unwrap_or_default().into();
        }
        let mut payload = Payload::Json(serde_json::to_value(body).unwrap_or_default());
        bend.json(asked, &mut payload);
        match payload {
            Payload::Json(value) => serde_json::to_vec(&value).unwrap_or_default().into(),
            Payload::Bytes(bytes) => bytes,
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON reply.
pub(super) fn reply(server: &Arc<Server>, asked: &Asked, answer: &Answer) -> Response {
    let body = Payload::bytes(server, asked, &answer.reply());
    let mut head = Head::new(asked, StatusCode::OK);
    head.push(header::CONTENT_TYPE, JSON);
    head.with(server, asked, Body::from(body))
}

/// An error: the code at one place in all of them, `retry_after` beside it where it is known.
pub(super) fn refuse(server: &Arc<Server>, asked: &Asked, refusal: Refusal) -> Response {
    let mut error = json!({
        "message": refusal.message,
        "type": kind(refusal.status),
        "code": refusal.code,
    });
    if let Some(seconds) = refusal.retry_after {
        error["retry_after"] = seconds.into();
    }
    let body = Payload::bytes(server, asked, &json!({ "error": error }));
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut head = Head::new(asked, status);
    head.push(header::CONTENT_TYPE, JSON);
    if let Some(seconds) = refusal.retry_after {
        head.push(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    head.fields.extend(refusal.fields);
    head.with(server, asked, Body::from(body))
}

/// `error.type`: what kind of error a status stands for.
fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        503 => "unavailable_error",
        504 => "timeout_error",
        500..=599 => "server_error",
        _ => "invalid_request_error", // every other refusal is the client's to mend
    }
}

/// The answer to a preflight (CORS-1, CORS-2), the same for every bot and without a key.
pub(super) fn preflight(server: &Arc<Server>, asked: &Asked) -> Response {
    let mut head = Head::new(asked, StatusCode::NO_CONTENT);
    let fields = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
        (header::ALLOW, "POST, OPTIONS"),
    ];
    for (name, value) in fields {
        head.push(name, HeaderValue::from_static(value));
    }
    head.with(server, asked, Body::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique() {
        let ids: std::collections::HashSet<String> =
            (0..10_000).map(|serial| id(3, serial)).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(
            ids.iter()
                .all(|id| id.starts_with(ID_PREFIX) && id.len() == 33)
        );
    }
}
