//! CORS: what a page is allowed, in other words.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};

use crate::contract::{CORS_1, CORS_2, CORS_3, CORS_4};
use crate::mock::answer::Head;
use crate::mock::bending::{
    Seam, When, always, head, head_and_body, media_type, send, whole_answers, with_field, without,
};
use crate::mock::deviation::{Deviation, leniency};
use crate::mock::fixtures::ORIGIN;

pub(super) fn entries() -> Vec<Deviation> {
    let origin = header::ACCESS_CONTROL_ALLOW_ORIGIN;
    let headers = header::ACCESS_CONTROL_ALLOW_HEADERS;
    let methods = header::ACCESS_CONTROL_ALLOW_METHODS;
    vec![
        leniency(
            "cors.any-origin",
            [CORS_2, CORS_3],
            "Every answer allows any origin with `*`.",
            &["cors.origin"],
            [head(always, |_, head| {
                set(head, &header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
                head.remove(&header::VARY);
            })],
        ),
        leniency(
            "cors.known-origins",
            [CORS_2, CORS_3],
            "Only a known origin is allowed; any other gets no field.",
            &["cors.origin"],
            [head(always, |asked, head| {
                let known = asked
                    .headers
                    .get(header::ORIGIN)
                    .is_some_and(|value| value == ORIGIN);
                if !known {
                    head.remove(&header::ACCESS_CONTROL_ALLOW_ORIGIN);
                }
            })],
        ),
        leniency(
            "cors.only-where-asked",
            [CORS_3],
            "A request without Origin gets no CORS field at all.",
            &["cors.unasked"],
            [head(When::field("origin").not(), |_, head| {
                head.fields
                    .retain(|(name, _)| !name.as_str().starts_with("access-control-"));
            })],
        ),
        leniency(
            "cors.preflight-200",
            [CORS_1],
            "A preflight gets 200 and an empty body.",
            &["cors.status"],
            [preflights(|head| head.status = StatusCode::OK)],
        ),
        leniency(
            "cors.preflight-202",
            [CORS_1],
            "A preflight gets 202.",
            &["cors.status"],
            [preflights(|head| head.status = StatusCode::ACCEPTED)],
        ),
        leniency(
            "cors.preflight-with-words",
            [CORS_1],
            "A preflight gets 200 and a body that says OK.",
            &["cors.status"],
            [
                preflights(|head| {
                    head.status = StatusCode::OK;
                    media_type(head, "text/plain");
                }),
                whole_answers(When::method("OPTIONS"), |_, answer| {
                    let (head, body) = head_and_body(&answer);
                    if !head.starts_with("HTTP/1.1 200") || !body.is_empty() {
                        return vec![send(answer)];
                    }
                    let head =
                        with_field(&without(&head, &["content-length"]), "content-length: 2");
                    vec![send(format!("{head}OK"))]
                }),
            ],
        ),
        leniency(
            "cors.methods-unsaid",
            [CORS_2],
            "A preflight's answer lists no methods: POST need not be listed.",
            &["cors.methods"],
            [removing(methods.clone())],
        ),
        leniency(
            "cors.methods-without-post",
            [CORS_2],
            "A preflight's answer lists GET alone: POST need not be listed.",
            &["cors.methods"],
            [preflights(move |head| set(head, &methods, "GET"))],
        ),
        leniency(
            "cors.any-header",
            [CORS_2],
            "A preflight's answer allows any header with `*`.",
            &["cors.headers"],
            [preflights(|head| {
                set(head, &header::ACCESS_CONTROL_ALLOW_HEADERS, "*");
            })],
        ),
        leniency(
            "cors.headers-in-two-fields",
            [CORS_2],
            "A preflight's answer lists the allowed headers in two fields.",
            &["cors.headers"],
            [preflights(|head| {
                set(head, &header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type");
                head.push(
                    header::ACCESS_CONTROL_ALLOW_HEADERS,
                    HeaderValue::from_static("authorization"),
                );
            })],
        ),
        leniency(
            "cors.headers-in-a-long-list",
            [CORS_2],
            "The allowed headers stand in capitals in a longer list with empty elements.",
            &["cors.headers"],
            [preflights(move |head| {
                set(
                    head,
                    &headers,
                    ", X-A,CONTENT-TYPE ,\tAUTHORIZATION,, Accept,",
                );
            })],
        ),
        leniency(
            "cors.headers-echoed",
            [CORS_2],
            "The headers that a preflight asks for are allowed as they were written.",
            &["cors.headers"],
            [head(When::method("OPTIONS"), |asked, head| {
                if let Some(wanted) = asked.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                    head.remove(&header::ACCESS_CONTROL_ALLOW_HEADERS);
                    head.push(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
                }
            })],
        ),
        leniency(
            "cors.not-remembered",
            [CORS_1],
            "A preflight's answer says nothing of how long it holds.",
            &["cors.max-age"],
            [removing(header::ACCESS_CONTROL_MAX_AGE)],
        ),
        leniency(
            "cors.everything-exposed",
            [CORS_4],
            "All headers are exposed to pages with `*`.",
            &["cors.exposed"],
            [head(always, move |_, head| {
                if head.fields.iter().any(|(name, _)| *name == origin) {
                    set(head, &header::ACCESS_CONTROL_EXPOSE_HEADERS, "*");
                }
            })],
        ),
        leniency(
            "cors.varies-with-more",
            [CORS_4],
            "Vary lists more than Origin, in two fields.",
            &["cors.vary"],
            [head(always, |_, head| {
                head.push(
                    header::VARY,
                    HeaderValue::from_static("Accept-Encoding, Authorization"),
                );
            })],
        ),
    ]
}

/// Changes the heads of answers to OPTIONS that are none of an error.
fn preflights(change: impl Fn(&mut Head) + Send + Sync + 'static) -> Seam {
    head(When::method("OPTIONS"), move |_, head| {
        if head.status.is_success() {
            change(head);
        }
    })
}

fn removing(name: HeaderName) -> Seam {
    preflights(move |head| head.remove(&name))
}

fn set(head: &mut Head, name: &HeaderName, value: &'static str) {
    head.remove(name);
    head.push(name.clone(), HeaderValue::from_static(value));
}
