//! CORS: what pages and caches trip over.

use axum::http::{HeaderValue, header};

use crate::contract::{CORS_3, CORS_4};
use crate::mock::bending::{Seam, always, head};
use crate::mock::deviation::{Deviation, flaw};

pub(super) fn entries() -> Vec<Deviation> {
    vec![
        flaw(
            "cors.errors-not-allowed",
            [CORS_3],
            "Errors allow no origin.",
            [not_allowed(|status| status >= 400)],
        ),
        flaw(
            "cors.missing-keys-not-allowed",
            [CORS_3],
            "A 401 allows no origin: a page learns nothing of its missing key.",
            [not_allowed(|status| status == 401)],
        ),
        flaw(
            "cors.limits-not-allowed",
            [CORS_3],
            "A 429 allows no origin: a page learns nothing of the wait.",
            [not_allowed(|status| status == 429)],
        ),
        flaw(
            "cors.no-vary",
            [CORS_4],
            "The origin is echoed without Vary.",
            [head(always, |_, head| head.remove(&header::VARY))],
        ),
        flaw(
            "cors.vary-in-preflights-only",
            [CORS_4],
            "The origin is echoed with Vary in answers to preflights, and without it in all others.",
            [head(always, |asked, head| {
                if asked.method != "OPTIONS" {
                    head.remove(&header::VARY);
                }
            })],
        ),
        flaw(
            "cors.credentials-beside-any-origin",
            [CORS_4],
            "Access-Control-Allow-Credentials: true stands beside `*`.",
            [head(always, |_, head| {
                head.remove(&header::ACCESS_CONTROL_ALLOW_ORIGIN);
                for (name, value) in [
                    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
                    (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
                ] {
                    head.push(name, HeaderValue::from_static(value));
                }
            })],
        ),
        flaw(
            "cors.wait-not-exposed",
            [CORS_4],
            "Retry-After is sent and not exposed to pages.",
            [head(always, |_, head| {
                head.remove(&header::ACCESS_CONTROL_EXPOSE_HEADERS);
            })],
        ),
    ]
}

fn not_allowed(status: fn(u16) -> bool) -> Seam {
    head(always, move |_, head| {
        if status(head.status.as_u16()) {
            head.remove(&header::ACCESS_CONTROL_ALLOW_ORIGIN);
        }
    })
}
