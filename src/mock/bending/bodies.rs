//! JSON bodies and their heads.

use axum::http::{HeaderValue, header};
use bytes::Bytes;
use serde_json::Value;

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

/// Sends other bytes for every JSON body.
pub(in crate::mock) fn body_bytes(
    when: impl Into<When>,
    change: impl Fn(String) -> Vec<u8> + Send + Sync + 'static,
) -> Seam {
    json(when, move |_, payload| {
        if let Payload::Json(value) = payload {
            *payload = Payload::Bytes(Bytes::from(change(value.to_string())));
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
