//! AUTH: keys.

use crate::contract::{AUTH_1, AUTH_4, AUTH_6, AUTH_8, AUTH_10, ErrorCode};
use crate::mock::bending::{Heads, When, always, forgives, guard, swaps};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Guard, Refusal};
use crate::mock::request::Asked;

pub(super) fn entries(fixtures: &Fixtures) -> Vec<Deviation> {
    let valid = fixtures.keys.valid.expose().to_ascii_lowercase();
    let raw = Heads::default();
    let listening = raw.seam();
    vec![
        violation(
            "auth.no-header-let-in",
            [AUTH_1],
            "A request without an Authorization header is answered.",
            [forgives(Guard::KeyForm, When::field("authorization").not())],
        ),
        violation(
            "auth.revoked-let-into-streams",
            [AUTH_8, AUTH_4],
            "A revoked key still opens streams.",
            [forgives(
                Guard::Key,
                When::key(&fixtures.keys.revoked).and(When::stream()),
            )],
        ),
        violation(
            "auth.revoked-forbidden",
            [AUTH_4],
            "A revoked key gets 403 api_not_enabled.",
            [swaps(
                Guard::Key,
                When::key(&fixtures.keys.revoked),
                ErrorCode::ApiNotEnabled,
            )],
        ),
        violation(
            "auth.key-compared-without-case",
            [AUTH_6],
            "A key is recognised whatever the case of its letters.",
            [guard(move |asked, guard, verdict| {
                if guard == Guard::Key && bearer(asked).to_ascii_lowercase() == valid {
                    return Ok(());
                }
                verdict
            })],
        ),
        violation(
            "auth.field-name-case-sensitive",
            [AUTH_10],
            "The Authorization header is only seen where its name is written with a capital A.",
            [
                listening,
                guard(move |asked, guard, verdict| {
                    let text = raw.text(asked);
                    if guard == Guard::KeyForm
                        && verdict.is_ok()
                        && !text.contains("\r\nAuthorization")
                    {
                        return Err(Refusal::documented(
                            ErrorCode::MissingApiKey,
                            "the Authorization header is missing",
                        ));
                    }
                    verdict
                }),
            ],
        ),
        violation(
            "auth.every-key-is-missing",
            [AUTH_4],
            "A key that is unknown or revoked gets 401 missing_api_key.",
            [swaps(Guard::Key, always, ErrorCode::MissingApiKey)],
        ),
    ]
}

/// The key that a request brings.
fn bearer(asked: &Asked) -> &str {
    asked
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default()
}
