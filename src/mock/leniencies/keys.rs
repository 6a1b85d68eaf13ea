//! AUTH: what is open about keys, and the codes of which any is legal.

use axum::http::header;

use crate::contract::{AUTH_2, AUTH_4, AUTH_5, AUTH_9, ErrorCode};
use crate::mock::bending::{When, always, guard, swaps, turned_away};
use crate::mock::deviation::{Deviation, leniency};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Guard, Refusal};
use crate::mock::request::Asked;

pub(super) fn entries(fixtures: &Fixtures) -> Vec<Deviation> {
    let valid = format!("Bearer {}", fixtures.keys.valid.expose());
    let without_key = || When::is(|asked| matches!(words(asked).as_slice(), [] | [_]));
    let two_words = || When::is(|asked| words(asked).len() > 2);
    let one_word = || When::is(|asked| words(asked).len() == 2);
    let sent = || When::field("authorization");
    vec![
        leniency(
            "auth.one-code-for-bad-keys",
            [AUTH_5],
            "A badly formatted key gets the same code as an unknown one: invalid_api_key.",
            &["auth.code"],
            [swaps(
                Guard::KeyForm,
                bearer(one_word()),
                ErrorCode::InvalidApiKey,
            )],
        ),
        leniency(
            "auth.format-code-for-all-keys",
            [AUTH_4],
            "A key that is unknown or revoked gets invalid_api_key_format.",
            &["auth.code"],
            [swaps(Guard::Key, always, ErrorCode::InvalidApiKeyFormat)],
        ),
        leniency(
            "auth.bearer-alone-is-invalid",
            [AUTH_2],
            "Bearer without a key, and an empty value, get invalid_api_key.",
            &["auth.code-without-key"],
            [swaps(
                Guard::KeyForm,
                bearer(without_key()).and(sent()),
                ErrorCode::InvalidApiKey,
            )],
        ),
        leniency(
            "auth.bearer-alone-is-badly-formatted",
            [AUTH_2],
            "Bearer without a key, and an empty value, get invalid_api_key_format.",
            &["auth.code-without-key"],
            [swaps(
                Guard::KeyForm,
                bearer(without_key()).and(sent()),
                ErrorCode::InvalidApiKeyFormat,
            )],
        ),
        leniency(
            "auth.two-words-are-no-key",
            [AUTH_2],
            "Bearer with two words behind it gets missing_api_key.",
            &["auth.code-of-two-words"],
            [swaps(Guard::KeyForm, two_words(), ErrorCode::MissingApiKey)],
        ),
        leniency(
            "auth.two-words-are-invalid",
            [AUTH_2],
            "Bearer with two words behind it gets invalid_api_key.",
            &["auth.code-of-two-words"],
            [swaps(Guard::KeyForm, two_words(), ErrorCode::InvalidApiKey)],
        ),
        leniency(
            "auth.scheme-only-as-written",
            [AUTH_9],
            "A scheme in another case than Bearer is refused with 401 missing_api_key.",
            &["auth.scheme-case"],
            [guard(|asked, guard, verdict| {
                if guard == Guard::KeyForm
                    && verdict.is_ok()
                    && !value(asked).starts_with(b"Bearer")
                {
                    return Err(Refusal::documented(
                        ErrorCode::MissingApiKey,
                        "the Authorization header must read: Bearer clawbite_sk_...",
                    ));
                }
                verdict
            })],
        ),
        leniency(
            "auth.one-space-only",
            [AUTH_9],
            "More than one space between scheme and key is refused with 401 invalid_api_key_format.",
            &["auth.spaces"],
            [guard(|asked, guard, verdict| {
                if guard == Guard::KeyForm
                    && verdict.is_ok()
                    && value(asked).windows(2).any(|pair| pair == b"  ")
                {
                    return Err(Refusal::documented(
                        ErrorCode::InvalidApiKeyFormat,
                        "one space stands between Bearer and the key",
                    ));
                }
                verdict
            })],
        ),
        leniency(
            "auth.first-of-two-fields-counts",
            [AUTH_9],
            "Of two Authorization headers the first one counts.",
            &["auth.two-fields"],
            [guard(move |asked, guard, verdict| {
                if guard == Guard::KeyForm && fields(asked) > 1 && value(asked) == valid.as_bytes()
                {
                    return Ok(());
                }
                verdict
            })],
        ),
        leniency(
            "auth.two-fields-are-a-bad-request",
            [AUTH_9],
            "Two Authorization headers get 400 from the HTTP layer.",
            &["auth.two-fields"],
            [turned_away(
                When::is(|asked| fields(asked) > 1),
                400,
                "bad_request",
            )],
        ),
        leniency(
            "auth.long-key-431",
            [AUTH_5],
            "An Authorization header of more than 1 KB gets 431.",
            &["auth.long-key"],
            [turned_away(
                When::is(|asked| value(asked).len() > 1024),
                431,
                "header_fields_too_large",
            )],
        ),
        leniency(
            "auth.long-key-400",
            [AUTH_5],
            "An Authorization header of more than 500 bytes gets 400.",
            &["auth.long-key"],
            [turned_away(
                When::is(|asked| value(asked).len() > 500),
                400,
                "bad_request",
            )],
        ),
        leniency(
            "auth.odd-bytes-400",
            [AUTH_5, AUTH_9],
            "A key with control or non-ASCII bytes gets 400.",
            &["auth.odd-bytes"],
            [turned_away(
                When::is(|asked| value(asked).iter().any(|byte| !(0x20..0x7F).contains(byte))),
                400,
                "bad_request",
            )],
        ),
    ]
}

/// How many Authorization headers there are.
fn fields(asked: &Asked) -> usize {
    asked.headers.get_all(header::AUTHORIZATION).iter().count()
}

/// The value of the first Authorization header; empty where there is none.
fn value(asked: &Asked) -> &[u8] {
    asked
        .headers
        .get(header::AUTHORIZATION)
        .map_or(&[], |value| value.as_bytes())
}

/// Its words: the scheme, and what follows it.
fn words(asked: &Asked) -> Vec<&[u8]> {
    value(asked)
        .split(|byte| b" \t".contains(byte))
        .filter(|word| !word.is_empty())
        .collect()
}

/// Where moreover the scheme is Bearer, or there is none.
fn bearer(when: When) -> When {
    when.and(|asked: &Asked| {
        words(asked)
            .first()
            .is_none_or(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
    })
}
