//! Heads of answers: media types, caching, and what else stands there.

use axum::http::{HeaderName, HeaderValue, header};

use crate::contract::{ERROR_2, REPLY_1, STREAM_1, STREAM_6, WIRE_1};
use crate::mock::answer::Head;
use crate::mock::bending::{Seam, always, head, media_type};
use crate::mock::deviation::{Deviation, leniency};

pub(super) fn entries() -> Vec<Deviation> {
    let mut entries = vec![
        leniency(
            "error.media-type-of-problems",
            [ERROR_2],
            "Errors are application/problem+json.",
            &["error.media-type"],
            [typed(Of::Error, "application/problem+json")],
        ),
        leniency(
            "error.media-type-with-charset",
            [ERROR_2],
            "The media type of errors has a charset.",
            &["error.media-type"],
            [typed(Of::Error, "application/json;charset=UTF-8")],
        ),
        leniency(
            "stream.cache-control-in-many-words",
            [STREAM_6],
            "The Cache-Control of streams has no-cache among others, in capitals.",
            &["stream.cache-control"],
            [head(always, |_, head| {
                if Of::Stream.is(head) {
                    head.remove(&header::CACHE_CONTROL);
                    let value = "private, No-Cache, no-transform, must-revalidate";
                    head.push(header::CACHE_CONTROL, HeaderValue::from_static(value));
                }
            })],
        ),
        leniency(
            "head.of-a-proxy",
            [WIRE_1],
            "Answers carry what proxies add: Server, Via, two cookies, a security policy, buffering hints.",
            &["head.more"],
            [adds(&[
                ("server", "cloudflare"),
                ("via", "1.1 edge, 1.1 gateway"),
                ("set-cookie", "a=b; Path=/; HttpOnly"),
                ("set-cookie", "c=d"),
                ("strict-transport-security", "max-age=31536000"),
                ("x-accel-buffering", "no"),
                ("alt-svc", "h3=\":443\"; ma=86400"),
                ("x-ratelimit-remaining", "59"),
            ])],
        ),
        leniency(
            "head.forty-fields",
            [WIRE_1],
            "Answers carry forty more fields.",
            &["head.more"],
            [head(always, |_, head| {
                for number in 0..40 {
                    let name = format!("x-filler-{number}");
                    if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                        head.push(name, HeaderValue::from_static("filling the head"));
                    }
                }
            })],
        ),
        leniency(
            "head.keep-alive-said",
            [WIRE_1],
            "Answers say how long a connection is kept.",
            &["head.keep-alive"],
            [adds(&[("keep-alive", "timeout=30, max=100")])],
        ),
    ];
    for (id, says, value) in [
        (
            "reply.media-type-in-capitals",
            "The media type of replies is written in capitals.",
            "APPLICATION/JSON",
        ),
        (
            "reply.media-type-with-charset",
            "The media type of replies has a quoted charset and white space around it.",
            "Application/Json ; charset=\"utf-8\"",
        ),
        (
            "reply.media-type-of-a-vendor",
            "The media type of replies ends with +json, and has a parameter with a semicolon in quotes.",
            "application/vnd.openai.v1+json; profile=\"x;y\"",
        ),
    ] {
        entries.push(leniency(
            id,
            [REPLY_1],
            says,
            &["reply.media-type"],
            [typed(Of::Reply, value)],
        ));
    }
    for (id, says, value) in [
        (
            "stream.media-type-in-capitals",
            "The media type of streams is written in capitals.",
            "TEXT/EVENT-STREAM",
        ),
        (
            "stream.media-type-with-charset",
            "The media type of streams has a charset.",
            "text/event-stream;charset=UTF-8",
        ),
        (
            "stream.media-type-with-parameters",
            "The media type of streams has an unknown parameter, a quoted charset and a semicolon too many.",
            "Text/Event-Stream ; v=1; charset=\"utf-8\";",
        ),
    ] {
        entries.push(leniency(
            id,
            [STREAM_1],
            says,
            &["stream.media-type"],
            [typed(Of::Stream, value)],
        ));
    }
    entries
}

/// What an answer is, by its head.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Reply,
    Stream,
    Error,
}

impl Of {
    fn is(self, head: &Head) -> bool {
        let stream = head.fields.iter().any(|(name, value)| {
            *name == header::CONTENT_TYPE
                && value
                    .to_str()
                    .is_ok_and(|value| value.to_ascii_lowercase().starts_with("text/event-stream"))
        });
        let reply = head.status == 200
            && !stream
            && head.fields.iter().any(|(name, value)| {
                *name == header::CONTENT_TYPE
                    && value
                        .to_str()
                        .is_ok_and(|value| value.to_ascii_lowercase().starts_with("application/"))
            });
        match self {
            Of::Reply => reply,
            Of::Stream => stream,
            Of::Error => head.status.is_client_error() || head.status.is_server_error(),
        }
    }
}

fn typed(of: Of, value: &'static str) -> Seam {
    head(always, move |_, head| {
        if of.is(head) {
            media_type(head, value);
        }
    })
}

fn adds(fields: &'static [(&'static str, &'static str)]) -> Seam {
    head(always, move |_, head| {
        for (name, value) in fields {
            head.push(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
    })
}
