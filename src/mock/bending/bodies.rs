//! JSON bodies and their heads.

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use bytes::Bytes;
use serde_json::Value;

use crate::contract::ErrorCode;
use crate::mock::answer::{Head, Payload};
use crate::mock::request::Asked;

use super::{Seam, When, head, json};

/// Changes the JSON of every reply.
pub(in crate::mock) fn reply_json(
    when: impl Into<When>,
    change: impl Fn(&Asked, &mut Value) + Send + Sync + 'static,
) -> Seam {
    json(when, move |asked, payload| {
        change_value(payload, true, |value| change(asked, value));
    })
}

/// Changes the JSON of every error.
pub(in crate::mock) fn error_json(
    when: impl Into<When>,
    change: impl Fn(&Asked, &mut Value) + Send + Sync + 'static,
) -> Seam {
    json(when, move |asked, payload| {
        change_value(payload, false, |value| change(asked, value));
    })
}

/// Changes the value of a reply or an error, also where an earlier change has written it out already.
fn change_value(payload: &mut Payload, reply: bool, change: impl FnOnce(&mut Value)) {
    let is_meant = |value: &Value| value.is_object() && value.get("choices").is_some() == reply;
    match payload {
        Payload::Json(value) if is_meant(value) => change(value),
        Payload::Json(_) => {}
        Payload::Bytes(bytes) => {
            if let Ok(mut value) = serde_json::from_slice(bytes)
                && is_meant(&value)
            {
                change(&mut value);
                *payload = Payload::Json(value);
            }
        }
    }
}

/// Changes the text of every JSON body that has one, whatever was done to it before.
pub(in crate::mock) fn body_text(
    when: impl Into<When>,
    change: impl Fn(&Asked, &str) -> String + Send + Sync + 'static,
) -> Seam {
    json(when, move |asked, payload| {
        let text = match payload {
            Payload::Json(value) => value.to_string(),
            Payload::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) if !text.is_empty() => text.to_owned(),
                Ok(_) | Err(_) => return,
            },
        };
        *payload = Payload::Bytes(Bytes::from(change(asked, &text)));
    })
}

/// Sends other bytes for the JSON of every reply.
pub(in crate::mock) fn reply_bytes(
    when: impl Into<When>,
    change: impl Fn(String) -> Vec<u8> + Send + Sync + 'static,
) -> Seam {
    json(when, move |_, payload| {
        if let Payload::Json(value) = payload
            && value.get("choices").is_some()
        {
            *payload = Payload::Bytes(Bytes::from(change(value.to_string())));
        }
    })
}

/// Sends other bytes for the JSON of every error.
pub(in crate::mock) fn error_bytes(
    when: impl Into<When>,
    change: impl Fn(&Asked, String) -> Vec<u8> + Send + Sync + 'static,
) -> Seam {
    json(when, move |asked, payload| {
        if let Payload::Json(value) = payload
            && value.get("choices").is_none()
        {
            *payload = Payload::Bytes(Bytes::from(change(asked, value.to_string())));
        }
    })
}

/// Changes the head of every answer with 200.
pub(in crate::mock) fn ok_head(
    when: impl Into<When>,
    change: impl Fn(&Asked, &mut Head) + Send + Sync + 'static,
) -> Seam {
    head(when, move |asked, head| {
        if head.status == 200 {
            change(asked, head);
        }
    })
}

/// Sets the content type of a head.
pub(in crate::mock) fn media_type(head: &mut Head, value: &'static str) {
    head.remove(&header::CONTENT_TYPE);
    head.push(header::CONTENT_TYPE, HeaderValue::from_static(value));
}

/// Sets the member (or element) at that pointer; its parent has to be there.
pub(in crate::mock) fn put(json: &mut Value, pointer: &str, value: impl Into<Value>) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return;
    };
    match json.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.insert(name.to_owned(), value.into());
        }
        Some(Value::Array(items)) => {
            if let Some(item) = name.parse().ok().and_then(|at: usize| items.get_mut(at)) {
                *item = value.into();
            }
        }
        _ => {} // an answer that was bent before may have nothing there
    }
}

/// Takes out the member at that pointer; null where there is none.
pub(in crate::mock) fn take(json: &mut Value, pointer: &str) -> Value {
    pointer
        .rsplit_once('/')
        .and_then(|(parent, name)| {
            json.pointer_mut(parent)?
                .as_object_mut()?
                .shift_remove(name)
        })
        .unwrap_or(Value::Null)
}

/// A page that a proxy shows to people.
pub(in crate::mock) const HTML: &str = "<!doctype html>\n<html><head><title>Error</title></head>\n<body><h1>Something went wrong</h1></body></html>\n";

/// Changes the JSON of every error with that code.
pub(in crate::mock) fn error_of(
    code: ErrorCode,
    when: impl Into<When>,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Seam {
    error_json(when, move |_, body| {
        if body["error"]["code"] == code.as_str() {
            change(body);
        }
    })
}

/// Sends this, with that content type, for the JSON of every error with that code. The condition has to tell it from
/// other errors of its status.
pub(in crate::mock) fn page(
    code: ErrorCode,
    when: impl Into<When>,
    media: &'static str,
    text: impl Fn(String) -> String + Send + Sync + 'static,
) -> [Seam; 2] {
    let when = Arc::new(when.into());
    let also = Arc::clone(&when);
    [
        error_bytes(
            move |asked: &Asked| when.holds(asked),
            move |_, body| {
                let code = format!("\"code\":\"{code}\"");
                if body.contains(&code) {
                    text(body).into_bytes()
                } else {
                    body.into_bytes()
                }
            },
        ),
        head(
            move |asked: &Asked| also.holds(asked),
            move |_, head| {
                if head.status == code.status() {
                    media_type(head, media);
                }
            },
        ),
    ]
}
