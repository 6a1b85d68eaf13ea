//! CORS: what a page of another origin needs.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderName, HeaderValue, header};

use crate::contract::{CORS_1, CORS_2, CORS_3, EXAMPLE_2, ErrorCode};
use crate::mock::answer::Head;
use crate::mock::bending::{
    Seam, When, always, decision, head, ok_head, refuses, refuses_by, whole_answers,
};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::request::Asked;
use crate::mock::socket::Outgoing;

const ALLOW_ORIGIN: HeaderName = header::ACCESS_CONTROL_ALLOW_ORIGIN;
const ALLOW_HEADERS: HeaderName = header::ACCESS_CONTROL_ALLOW_HEADERS;

pub(super) fn entries(_: &Fixtures) -> Vec<Deviation> {
    [refused(), allowed_origins(), allowed_headers(), answers()]
        .into_iter()
        .flatten()
        .collect()
}

/// CORS-1.
fn refused() -> Vec<Deviation> {
    let moved = |status| {
        let mut moved = Refusal::other(status, "moved", "this has moved");
        let place = HeaderValue::from_static("/api/v1/");
        moved.fields.push((header::LOCATION, place));
        moved
    };
    let forbidden = || Refusal::other(403, "forbidden", "this origin is not allowed");
    let not_allowed = || Refusal::other(405, "method_not_allowed", "only POST is allowed here");
    let no_key = Refusal::documented(
        ErrorCode::MissingApiKey,
        "the Authorization header is missing",
    );
    vec![
        violation(
            "cors.preflight-needs-key",
            [CORS_1, EXAMPLE_2],
            "A preflight without a key gets 401 missing_api_key.",
            [refuses_preflight(
                When::field("authorization").not(),
                no_key,
            )],
        ),
        violation(
            "cors.preflight-not-allowed",
            [CORS_1, EXAMPLE_2],
            "OPTIONS gets 405.",
            [refuses_preflight(always, not_allowed())],
        ),
        violation(
            "cors.preflight-redirected",
            [CORS_1, EXAMPLE_2],
            "A preflight is redirected.",
            [refuses_preflight(always, moved(308))],
        ),
        violation(
            "cors.preflight-not-modified",
            [CORS_1, EXAMPLE_2],
            "The second preflight and those behind it get 304: the first one's answer is still good.",
            [refuses_preflight(
                from_the_second(),
                Refusal::other(304, "not_modified", ""),
            )],
        ),
        violation(
            "cors.preflight-without-media-type",
            [CORS_1, EXAMPLE_2],
            "A preflight gets 415, since it has no Content-Type.",
            [refuses_preflight(
                When::field("content-type").not(),
                Refusal::other(
                    415,
                    "unsupported_media_type",
                    "the request body must be sent as application/json",
                ),
            )],
        ),
        violation(
            "cors.preflight-origin-unknown",
            [CORS_1, EXAMPLE_2],
            "A preflight of any origin but the dashboard's gets 403.",
            [refuses_preflight(
                |asked: &Asked| origin(asked) != "https://clawbite.com",
                forbidden(),
            )],
        ),
        violation(
            "cors.preflight-exact-headers",
            [CORS_1, EXAMPLE_2],
            "A preflight that does not ask for exactly Authorization, Content-Type, in these letters, gets 403.",
            [refuses_preflight(
                |asked: &Asked| {
                    asked.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS)
                        != Some(&HeaderValue::from_static("Authorization, Content-Type"))
                },
                forbidden(),
            )],
        ),
        violation(
            "cors.preflight-only-once",
            [CORS_1, EXAMPLE_2],
            "Every preflight but the first gets 405.",
            [refuses_preflight(from_the_second(), not_allowed())],
        ),
        violation(
            "cors.preflight-dropped",
            [CORS_1, EXAMPLE_2],
            "A preflight is answered by the end of the connection.",
            [whole_answers(When::method("OPTIONS"), |_, _| {
                vec![Outgoing::Close]
            })],
        ),
    ]
}

/// CORS-2: the origin.
fn allowed_origins() -> Vec<Deviation> {
    let mut entries = vec![
        violation(
            "cors.preflight-without-origin",
            [CORS_2, EXAMPLE_2],
            "The answer to a preflight does not allow the origin.",
            [preflight(always, |_, head| head.remove(&ALLOW_ORIGIN))],
        ),
        violation(
            "cors.preflight-origin-only-once",
            [CORS_2, EXAMPLE_2],
            "Only the answer to the first preflight allows the origin.",
            [preflight(from_the_second(), |_, head| {
                head.remove(&ALLOW_ORIGIN);
            })],
        ),
        violation(
            "cors.preflight-origin-twice",
            [CORS_2, EXAMPLE_2],
            "The answer to a preflight has Access-Control-Allow-Origin twice: the server and its proxy add one each.",
            [preflight(always, |asked, head| {
                head.push(ALLOW_ORIGIN, value(&origin(asked)));
            })],
        ),
        violation(
            "cors.preflight-origin-and-star",
            [CORS_2, EXAMPLE_2],
            "The answer to a preflight allows both * and the origin, in one value.",
            [preflight(always, |asked, head| {
                set(head, ALLOW_ORIGIN, &format!("*, {}", origin(asked)));
            })],
        ),
    ];
    for (id, allowed, says) in [
        ("null", "null", "null"),
        (
            "list",
            "https://clawbite.com, https://app.clawbite.com",
            "a list of the operator's own origins",
        ),
    ] {
        entries.push(violation(
            format!("cors.preflight-origin-{id}"),
            [CORS_2, EXAMPLE_2],
            format!("The answer to a preflight allows {says} in place of the origin."),
            [preflight(always, move |_, head| {
                set(head, ALLOW_ORIGIN, allowed);
            })],
        ));
    }
    entries
}

/// CORS-2: the headers.
fn allowed_headers() -> Vec<Deviation> {
    let mut entries = Vec::new();
    for (id, listed, says) in [
        (
            "without-authorization",
            "Content-Type",
            "lists Content-Type, but not Authorization",
        ),
        (
            "without-content-type",
            "Authorization",
            "lists Authorization, but not Content-Type",
        ),
        (
            "semicolon",
            "Authorization; Content-Type",
            "parts the listed headers by a semicolon",
        ),
        (
            "quoted",
            "\"Authorization\", \"Content-Type\"",
            "lists the headers in quotes",
        ),
        (
            "underscore",
            "Authorization, Content_Type",
            "lists Content_Type with an underscore",
        ),
    ] {
        entries.push(violation(
            format!("cors.preflight-headers-{id}"),
            [CORS_2, EXAMPLE_2],
            format!("The answer to a preflight {says}."),
            [preflight(always, move |_, head| {
                set(head, ALLOW_HEADERS, listed);
            })],
        ));
    }
    entries.extend([
        violation(
            "cors.preflight-without-headers",
            [CORS_2, EXAMPLE_2],
            "The answer to a preflight allows no headers.",
            [preflight(always, |_, head| head.remove(&ALLOW_HEADERS))],
        ),
        violation(
            "cors.preflight-headers-exposed",
            [CORS_2, EXAMPLE_2],
            "The answer to a preflight lists the headers in Access-Control-Expose-Headers.",
            [preflight(always, |_, head| {
                head.remove(&ALLOW_HEADERS);
                set(
                    head,
                    header::ACCESS_CONTROL_EXPOSE_HEADERS,
                    "Authorization, Content-Type",
                );
            })],
        ),
        violation(
            "cors.preflight-headers-only-once",
            [CORS_2, EXAMPLE_2],
            "Only the answer to the first preflight allows Authorization.",
            [preflight(from_the_second(), |_, head| {
                set(head, ALLOW_HEADERS, "Content-Type");
            })],
        ),
    ]);
    entries
}

/// CORS-3.
fn answers() -> Vec<Deviation> {
    let post = || When::method("POST");
    let json = || When::json().and(When::method("POST"));
    let stream = || When::stream().and(When::method("POST"));
    vec![
        violation(
            "cors.answer-without-origin",
            [CORS_3, EXAMPLE_2],
            "Preflights are allowed, but the answers themselves do not allow the origin.",
            [ok_head(post(), |_, head| head.remove(&ALLOW_ORIGIN))],
        ),
        violation(
            "cors.json-without-origin",
            [CORS_3],
            "JSON answers do not allow the origin.",
            [ok_head(json(), |_, head| head.remove(&ALLOW_ORIGIN))],
        ),
        violation(
            "cors.stream-without-origin",
            [CORS_3, EXAMPLE_2],
            "Streams do not allow the origin.",
            [ok_head(stream(), |_, head| head.remove(&ALLOW_ORIGIN))],
        ),
        violation(
            "cors.json-origin-twice",
            [CORS_3],
            "JSON answers have Access-Control-Allow-Origin twice.",
            [ok_head(json(), |_, head| {
                head.push(ALLOW_ORIGIN, HeaderValue::from_static("*"));
            })],
        ),
        violation(
            "cors.json-origin-with-slash",
            [CORS_3],
            "JSON answers allow the origin with a slash at its end.",
            [ok_head(json(), |asked, head| {
                set(head, ALLOW_ORIGIN, &format!("{}/", origin(asked)));
            })],
        ),
        violation(
            "cors.json-origin-without-scheme",
            [CORS_3],
            "JSON answers allow the origin's host without its scheme.",
            [ok_head(json(), |asked, head| {
                let origin = origin(asked);
                let host = origin.rsplit('/').next().unwrap_or_default();
                set(head, ALLOW_ORIGIN, host);
            })],
        ),
        violation(
            "cors.stream-origin-in-capitals",
            [CORS_3, EXAMPLE_2],
            "Streams allow the origin in capital letters.",
            [ok_head(stream(), |asked, head| {
                set(head, ALLOW_ORIGIN, &origin(asked).to_ascii_uppercase());
            })],
        ),
        violation(
            "cors.json-origin-empty",
            [CORS_3],
            "JSON answers have an empty Access-Control-Allow-Origin.",
            [ok_head(json(), |_, head| set(head, ALLOW_ORIGIN, ""))],
        ),
        violation(
            "cors.post-of-another-origin-forbidden",
            [CORS_3, EXAMPLE_2],
            "A POST of another origin gets 403, though its preflight was allowed.",
            [refuses_by(
                Guard::Body,
                When::field("origin"),
                Refusal::other(403, "forbidden", "cross-origin requests are not allowed"),
            )],
        ),
        violation(
            "cors.stream-of-another-origin-refused",
            [EXAMPLE_2, CORS_3],
            "A stream for a page of another origin is refused with 400.",
            [refuses(
                Guard::Body,
                When::field("origin").and(When::stream()),
                ErrorCode::InvalidRequest,
            )],
        ),
    ]
}

/// Refuses preflights.
fn refuses_preflight(when: impl Into<When>, refusal: Refusal) -> Seam {
    let when = when.into();
    decision(move |asked, decision| match decision {
        Decision::Preflight if when.holds(asked) => Decision::Refuse(refusal.clone()),
        decision => decision,
    })
}

/// Changes the heads of the answers to preflights.
fn preflight(
    when: impl Into<When>,
    change: impl Fn(&Asked, &mut Head) + Send + Sync + 'static,
) -> Seam {
    head(When::method("OPTIONS").and(when), change)
}

/// Holds from the second time on that it is asked.
fn from_the_second() -> When {
    let times = AtomicU64::new(0);
    When::is(move |_| times.fetch_add(1, Ordering::Relaxed) > 0)
}

/// The origin of a request; none counts as empty.
fn origin(asked: &Asked) -> String {
    asked
        .headers
        .get(header::ORIGIN)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

/// Puts that value in the place of every other of that field.
fn set(head: &mut Head, name: HeaderName, text: &str) {
    head.remove(&name);
    head.push(name, value(text));
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
