//! AUTH: keys. Who is let in without one, how a bad one is refused, and how the field that carries it is read.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::contract::{
    AUTH_1, AUTH_2, AUTH_3, AUTH_4, AUTH_5, AUTH_6, AUTH_7, AUTH_8, AUTH_10, ERROR_1, ErrorCode,
    KEY_PREFIX, WIRE_2,
};
use crate::mock::answer::Payload;
use crate::mock::bending::{
    Heads, Seam, When, always, close, forgives, guard, head, json, media_type, recodes, redirects,
    restatus, swaps, told_in_stream, whole_answers,
};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Guard, Refusal};
use crate::mock::request::{Asked, Mode};

pub(super) fn entries(fixtures: &Fixtures) -> Vec<Deviation> {
    [
        missing(fixtures),
        malformed(fixtures),
        unknown(fixtures),
        revoked(fixtures),
        badly_formatted(fixtures),
        compared(fixtures),
        access(fixtures),
        streams(fixtures),
        fields(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// AUTH-1: no header.
fn missing(fixtures: &Fixtures) -> Vec<Deviation> {
    let valid = fixtures.keys.valid.expose().to_owned();
    let known: Mutex<HashSet<u64>> = Mutex::default();
    vec![
        violation(
            "auth.no-header-let-in",
            [AUTH_1],
            "A request without an Authorization header is answered.",
            [forgives(Guard::KeyForm, no_header())],
        ),
        violation(
            "auth.no-header-let-in-where-chunked",
            [AUTH_1],
            "A request whose body comes in chunks is answered without an Authorization header.",
            [forgives(Guard::KeyForm, no_header().and(When::chunked()))],
        ),
        violation(
            "auth.no-header-let-in-from-pages",
            [AUTH_1],
            "A request with an Origin field is answered without an Authorization header.",
            [forgives(
                Guard::KeyForm,
                no_header().and(When::field("origin")),
            )],
        ),
        violation(
            "auth.no-header-forbidden",
            [AUTH_1],
            "A request without an Authorization header gets 403 api_not_enabled.",
            [swaps(Guard::KeyForm, no_header(), ErrorCode::ApiNotEnabled)],
        ),
        violation(
            "auth.no-header-is-an-invalid-key",
            [AUTH_1],
            "A request without an Authorization header gets 401 invalid_api_key.",
            [swaps(Guard::KeyForm, no_header(), ErrorCode::InvalidApiKey)],
        ),
        violation(
            "auth.no-header-sent-to-login",
            [AUTH_1],
            "A request without an Authorization header is redirected to a login page.",
            [redirects(Guard::KeyForm, no_header(), 302, "/login")],
        ),
        violation(
            "auth.no-header-hung-up-on",
            [AUTH_1],
            "The connection is closed on a request without an Authorization header, and no answer sent.",
            [whole_answers(
                no_header().and(When::method("POST")),
                |_, _| close(""),
            )],
        ),
        violation(
            "auth.key-in-x-api-key",
            [AUTH_1],
            "The key is also taken from the field X-API-Key.",
            [forgives(
                Guard::KeyForm,
                no_header().and(move |asked: &Asked| text(asked, "x-api-key").contains(&valid)),
            )],
        ),
        violation(
            "auth.key-remembered-by-connection",
            [AUTH_1, WIRE_2],
            "A connection on which a good key was seen needs no further one.",
            [guard(move |asked, guard, verdict| {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                if guard == Guard::Key && verdict.is_ok() {
                    known.insert(asked.connection);
                }
                if guard == Guard::KeyForm && known.contains(&asked.connection) {
                    return Ok(());
                }
                verdict
            })],
        ),
    ]
}

/// AUTH-2: a header that is no bearer token.
fn malformed(fixtures: &Fixtures) -> Vec<Deviation> {
    let valid = || fixtures.keys.valid.expose().to_owned();
    let (scheme, bare, anywhere, first, last) = (valid(), valid(), valid(), valid(), valid());
    vec![
        violation(
            "auth.any-scheme-let-in",
            [AUTH_2],
            "The word before the key is not looked at: Basic and Token will do for Bearer.",
            [admits(move |value| {
                value
                    .split_once(' ')
                    .is_some_and(|(_, key)| key.trim() == scheme)
            })],
        ),
        violation(
            "auth.bare-key-let-in",
            [AUTH_2],
            "A key without Bearer before it is let in.",
            [admits(move |value| value == bare)],
        ),
        violation(
            "auth.key-anywhere-in-header",
            [AUTH_2, AUTH_6],
            "An Authorization header is let in if it has the key anywhere in it.",
            [admits(move |value| value.contains(&anywhere))],
        ),
        violation(
            "auth.words-after-the-key-ignored",
            [AUTH_2],
            "What follows the key in the Authorization header, after a space, is ignored.",
            [admits(move |value| {
                value.split(' ').take(2).eq(["Bearer", first.as_str()])
            })],
        ),
        violation(
            "auth.last-word-is-the-key",
            [AUTH_2],
            "The last word of an Authorization header that begins with Bearer is taken for the key.",
            [admits(move |value| {
                value.starts_with("Bearer ") && value.split(' ').next_back() == Some(&last)
            })],
        ),
        violation(
            "auth.other-scheme-bad-request",
            [AUTH_2],
            "An Authorization header of another scheme gets 400 invalid_request.",
            [swaps(
                Guard::KeyForm,
                header(|value| value.contains(' ') && !value.starts_with("Bearer")),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "auth.bearer-alone-internal-error",
            [AUTH_2],
            "The word Bearer without a key behind it gets 500 internal_error.",
            [swaps(
                Guard::KeyForm,
                header(|value| value.trim() == "Bearer"),
                ErrorCode::InternalError,
            )],
        ),
        violation(
            "auth.empty-value-let-in",
            [AUTH_2],
            "An Authorization header with an empty value is let in.",
            [forgives(Guard::KeyForm, header(str::is_empty))],
        ),
    ]
}

/// AUTH-3: a key that does not exist.
fn unknown(fixtures: &Fixtures) -> Vec<Deviation> {
    let sorted = |key: &str| {
        let mut letters: Vec<char> = key.chars().collect();
        letters.sort_unstable();
        letters
    };
    let letters = sorted(fixtures.keys.valid.expose());
    let not_revoked = || When::key(&fixtures.keys.revoked).not();
    let fresh = not_revoked();
    let refused: Mutex<HashSet<String>> = Mutex::default();
    vec![
        violation(
            "auth.unknown-key-let-in",
            [AUTH_3, AUTH_6],
            "Any key of the right form is let in, unless it was revoked.",
            [forgives(Guard::Key, not_revoked())],
        ),
        violation(
            "auth.unknown-key-not-found",
            [AUTH_3, AUTH_6],
            "A key that does not exist gets 404 bot_not_found.",
            [swaps(Guard::Key, not_revoked(), ErrorCode::BotNotFound)],
        ),
        violation(
            "auth.letters-of-key-in-any-order",
            [AUTH_3],
            "A key of the same characters in another order is let in.",
            [admits_key(move |key| sorted(key) == letters)],
        ),
        violation(
            "auth.unknown-key-let-in-the-second-time",
            [AUTH_3, AUTH_6, AUTH_8],
            "A key that does not exist is refused once, and let in when it comes again.",
            [guard(move |asked, guard, verdict| {
                if guard != Guard::Key || verdict.is_ok() || !fresh.holds(asked) {
                    return verdict;
                }
                let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
                if refused.insert(bearer(asked).to_owned()) {
                    verdict
                } else {
                    Ok(())
                }
            })],
        ),
    ]
}

/// AUTH-4: a key that was revoked.
fn revoked(fixtures: &Fixtures) -> Vec<Deviation> {
    let revoked = || When::key(&fixtures.keys.revoked);
    vec![
        violation(
            "auth.revoked-forbidden",
            [AUTH_4],
            "A revoked key gets 403 api_not_enabled.",
            [swaps(Guard::Key, revoked(), ErrorCode::ApiNotEnabled)],
        ),
        violation(
            "auth.every-key-is-missing",
            [AUTH_4],
            "A key that is unknown or revoked gets 401 missing_api_key.",
            [swaps(Guard::Key, always, ErrorCode::MissingApiKey)],
        ),
        violation(
            "auth.revoked-gone",
            [AUTH_4],
            "A revoked key gets 410 invalid_api_key.",
            [restatus(Guard::Key, revoked(), 410)],
        ),
        violation(
            "auth.revoked-undocumented-code",
            [AUTH_4, ERROR_1],
            "A revoked key gets 401 with the code api_key_revoked.",
            [recodes(Guard::Key, revoked(), "api_key_revoked")],
        ),
        violation(
            "auth.revoked-noticed-late",
            [AUTH_4, AUTH_8],
            "A revoked key still works once; only then the list of keys is read again.",
            [once(Guard::Key, revoked())],
        ),
    ]
}

/// AUTH-5: what can't be a key.
fn badly_formatted(fixtures: &Fixtures) -> Vec<Deviation> {
    let valid = fixtures.keys.valid.expose();
    let secret = valid.strip_prefix(KEY_PREFIX).unwrap_or(valid).to_owned();
    vec![
        violation(
            "auth.bad-format-bad-request",
            [AUTH_5, AUTH_6],
            "A badly formatted key gets 400 invalid_api_key_format.",
            [restatus(
                Guard::KeyForm,
                header(|value| key_of(value).is_some()),
                400,
            )],
        ),
        violation(
            "auth.bad-format-is-missing",
            [AUTH_5, AUTH_6],
            "A key without the prefix of keys gets 401 missing_api_key.",
            [swaps(
                Guard::KeyForm,
                header(|value| key_of(value).is_some_and(|key| !key.starts_with(KEY_PREFIX))),
                ErrorCode::MissingApiKey,
            )],
        ),
        violation(
            "auth.prefix-not-compared",
            [AUTH_5, AUTH_6],
            "Only what follows the prefix of a key counts: another prefix, or none, will do.",
            [admits_key(move |key| key.ends_with(&secret))],
        ),
        violation(
            "auth.odd-characters-internal-error",
            [AUTH_5],
            "A key with anything but letters, digits, dots and underscores in it gets 500 internal_error.",
            [swaps(
                Guard::KeyForm,
                header(|value| {
                    key_of(value).is_some_and(|key| {
                        key.contains(|c: char| !c.is_ascii_alphanumeric() && !"._".contains(c))
                    })
                }),
                ErrorCode::InternalError,
            )],
        ),
        violation(
            "auth.unsigned-token-let-in",
            [AUTH_5],
            "A token with two dots in it is taken for a signed one, and let in without a look at its signature.",
            [admits_key(|key| key.split('.').count() == 3)],
        ),
        violation(
            "auth.test-key-let-in",
            [AUTH_5],
            "The word test, left over from development, is let in as a key.",
            [admits_key(|key| key == "test")],
        ),
    ]
}

/// AUTH-6: how keys are compared.
fn compared(fixtures: &Fixtures) -> Vec<Deviation> {
    let valid = fixtures.keys.valid.expose();
    let (lower, cut, long) = (
        valid.to_ascii_lowercase(),
        valid.to_owned(),
        valid.to_owned(),
    );
    let (almost, half, tail, prefixed) = (
        valid[..valid.len() - 1].to_owned(),
        valid[..(KEY_PREFIX.len() + valid.len()) / 2].to_owned(),
        valid[valid.len() - 8..].to_owned(),
        valid.to_owned(),
    );
    let length = valid.len();
    vec![
        violation(
            "auth.key-compared-without-case",
            [AUTH_6],
            "A key is recognised whatever the case of its letters.",
            [admits_key(move |key| key.to_ascii_lowercase() == lower)],
        ),
        violation(
            "auth.key-compared-as-far-as-given",
            [AUTH_6],
            "A key that is cut short is let in: only so many characters are compared as it has.",
            [admits_key(move |key| {
                key.len() >= 20 && cut.starts_with(key)
            })],
        ),
        violation(
            "auth.key-compared-as-far-as-stored",
            [AUTH_6],
            "Whatever follows the last character of a good key is not compared.",
            [admits_key(move |key| key.starts_with(&long))],
        ),
        violation(
            "auth.last-character-not-compared",
            [AUTH_6],
            "The last character of a key is not compared.",
            [admits_key(move |key| {
                key.len() == length && key.starts_with(&almost)
            })],
        ),
        violation(
            "auth.first-half-compared",
            [AUTH_6],
            "Keys are looked up by the first half of what follows their prefix.",
            [admits_key(move |key| {
                key.len() == length && key.starts_with(&half)
            })],
        ),
        violation(
            "auth.last-eight-characters-compared",
            [AUTH_6],
            "Keys of the right length are looked up by their last eight characters.",
            [admits_key(move |key| {
                key.len() == length && key.ends_with(&tail)
            })],
        ),
        violation(
            "auth.prefix-compared-without-case",
            [AUTH_6],
            "The prefix of a key is recognised whatever the case of its letters.",
            [admits_key(move |key| {
                key.eq_ignore_ascii_case(&prefixed)
                    && key.get(KEY_PREFIX.len()..) == prefixed.get(KEY_PREFIX.len()..)
            })],
        ),
    ]
}

/// AUTH-7: agents whose access is off.
fn access(fixtures: &Fixtures) -> Vec<Deviation> {
    vec![
        violation(
            "auth.access-off-ignored",
            [AUTH_7],
            "An agent answers although API access is turned off for it.",
            [forgives(Guard::Access, always)],
        ),
        violation(
            "auth.access-off-unauthorized",
            [AUTH_7],
            "An agent whose API access is turned off gets its callers 401 api_not_enabled.",
            [restatus(Guard::Access, always, 401)],
        ),
        violation(
            "auth.access-off-noticed-late",
            [AUTH_7, AUTH_8],
            "An agent whose API access is turned off still answers once; only then its settings are read again.",
            [once(Guard::Access, When::bot(&fixtures.bots.api_off))],
        ),
    ]
}

/// AUTH-8: all of it, where a stream is asked for.
fn streams(fixtures: &Fixtures) -> Vec<Deviation> {
    let lower = fixtures.keys.valid.expose().to_ascii_lowercase();
    vec![
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
            "auth.streams-open-to-all",
            [AUTH_8],
            "Keys are not asked for where a stream is.",
            [
                forgives(Guard::KeyForm, When::stream()),
                forgives(Guard::Key, When::stream()),
            ],
        ),
        violation(
            "auth.case-of-key-ignored-for-streams",
            [AUTH_8, AUTH_6],
            "Where a stream is asked for, a key is recognised whatever the case of its letters.",
            [guard(move |asked, guard, verdict| {
                let near = bearer(asked).to_ascii_lowercase() == lower;
                if guard == Guard::Key && near && asked.mode == Mode::Stream {
                    Ok(())
                } else {
                    verdict
                }
            })],
        ),
        violation(
            "auth.access-off-ignored-for-streams",
            [AUTH_8, AUTH_7],
            "An agent whose API access is turned off still streams.",
            [forgives(Guard::Access, When::stream())],
        ),
        violation(
            "auth.refused-streams-are-streams",
            [AUTH_8],
            "Where a stream is asked for, 401 is told in a stream with 200: an event with the error, then [DONE].",
            told_in_stream(&[401], When::stream()),
        ),
        violation(
            "auth.access-off-told-in-stream",
            [AUTH_8],
            "Where a stream is asked for, 403 is told in a stream with 200: an event with the error, then [DONE].",
            told_in_stream(&[403], When::stream()),
        ),
        violation(
            "auth.refused-streams-have-events",
            [AUTH_8, ERROR_1],
            "Where a stream is asked for, the body of a 401 is an event of a stream.",
            [
                json(When::stream(), |_, payload| {
                    if let Payload::Json(value) = payload
                        && value["error"]["type"] == "authentication_error"
                    {
                        *payload = Payload::Bytes(format!("data: {value}\n\n").into());
                    }
                }),
                head(When::stream(), |_, head| {
                    if head.status == 401 {
                        media_type(head, "text/event-stream");
                    }
                }),
            ],
        ),
    ]
}

/// AUTH-10: fields as they may be written.
fn fields() -> Vec<Deviation> {
    let missing = || {
        Refusal::documented(
            ErrorCode::MissingApiKey,
            "the Authorization header is missing",
        )
    };
    let invalid = || Refusal::documented(ErrorCode::InvalidApiKey, "the API key is invalid");
    let too_large = || Refusal::other(431, "headers_too_large", "the header is too large");
    let bad = || Refusal::documented(ErrorCode::InvalidRequest, "the header can't be read");
    let media = || {
        let message = "the request body must be sent as application/json";
        Refusal::other(415, "unsupported_media_type", message)
    };
    vec![
        violation(
            "auth.field-name-case-sensitive",
            [AUTH_10],
            "The Authorization header is only seen where its name is written with a capital A.",
            by_head(Guard::KeyForm, missing, |head| {
                !head.contains("\r\nAuthorization")
            }),
        ),
        violation(
            "auth.field-name-in-capitals-unseen",
            [AUTH_10],
            "The Authorization header is not seen where its name is written in capitals.",
            by_head(Guard::KeyForm, missing, |head| {
                head.contains("\r\nAUTHORIZATION:")
            }),
        ),
        violation(
            "auth.content-type-name-case-sensitive",
            [AUTH_10],
            "The Content-Type is only seen where its name is written with capitals C and T; else the request gets 415.",
            by_head(Guard::Coding, media, |head| {
                !head.contains("\r\nContent-Type:")
            }),
        ),
        violation(
            "auth.content-length-in-capitals-refused",
            [AUTH_10],
            "A request with CONTENT-LENGTH in capitals gets 400 invalid_request.",
            by_head(Guard::Arrival, bad, |head| {
                head.contains("\r\nCONTENT-LENGTH:")
            }),
        ),
        violation(
            "auth.space-needed-after-colon",
            [AUTH_10],
            "The Authorization header is not seen where its value follows the colon at once.",
            by_head(Guard::KeyForm, missing, |head| {
                value(head, "authorization").is_some_and(|value| value.starts_with('B'))
            }),
        ),
        violation(
            "auth.tab-before-value-refused",
            [AUTH_10],
            "A tab before the value of the Authorization header makes it malformed: 401 missing_api_key.",
            by_head(Guard::KeyForm, missing, |head| {
                value(head, "authorization")
                    .and_then(|value| value.split('B').next())
                    .is_some_and(|before| before.contains('\t'))
            }),
        ),
        violation(
            "auth.space-behind-key-counts",
            [AUTH_10],
            "White space behind the key counts as part of it: 401 invalid_api_key.",
            by_head(Guard::Key, invalid, |head| {
                value(head, "authorization").is_some_and(|value| value.ends_with([' ', '\t']))
            }),
        ),
        violation(
            "auth.space-around-length-refused",
            [AUTH_10],
            "White space behind the value of Content-Length gets 400 invalid_request.",
            by_head(Guard::Arrival, bad, |head| {
                value(head, "content-length").is_some_and(|value| value.ends_with([' ', '\t']))
            }),
        ),
        violation(
            "auth.last-field-lost",
            [AUTH_10],
            "The last field of a request is lost: where it is Authorization, the request gets 401 missing_api_key.",
            by_head(Guard::KeyForm, missing, |head| {
                let last = head.trim_end().rsplit("\r\n").next().unwrap_or_default();
                last.to_ascii_lowercase().starts_with("authorization:")
            }),
        ),
        violation(
            "auth.fields-beyond-the-twentieth-lost",
            [AUTH_10],
            "Only the first twenty fields of a request are read: an Authorization header behind them is not seen.",
            by_head(Guard::KeyForm, missing, |head| {
                head.split("\r\n")
                    .skip(1)
                    .take(20)
                    .all(|line| !line.to_ascii_lowercase().starts_with("authorization:"))
            }),
        ),
        violation(
            "auth.head-over-2-kb-refused",
            [AUTH_10],
            "A request whose head is larger than 2 KB gets 431.",
            by_head(Guard::Path, too_large, |head| head.len() > 2_048),
        ),
    ]
}

/// There is no Authorization header.
fn no_header() -> When {
    When::field("authorization").not()
}

/// There is an Authorization header of which that holds.
fn header(condition: impl Fn(&str) -> bool + Send + Sync + 'static) -> When {
    When::field("authorization")
        .and(move |asked: &Asked| condition(text(asked, "authorization").trim()))
}

/// Lets in an Authorization header of which that holds.
fn admits(condition: impl Fn(&str) -> bool + Send + Sync + 'static) -> Seam {
    let condition = header(condition);
    guard(move |asked, guard, verdict| {
        if matches!(guard, Guard::KeyForm | Guard::Key) && condition.holds(asked) {
            return Ok(());
        }
        verdict
    })
}

/// Lets in a key of one word of which that holds, behind `Bearer`.
fn admits_key(condition: impl Fn(&str) -> bool + Send + Sync + 'static) -> Seam {
    admits(move |value| key_of(value).is_some_and(&condition))
}

/// Lets through whom that guard would refuse, the first time that the condition holds.
fn once(at: Guard, when: When) -> Seam {
    let used = AtomicBool::new(false);
    guard(move |asked, guard, verdict| {
        if guard == at
            && verdict.is_err()
            && when.holds(asked)
            && !used.swap(true, Ordering::Relaxed)
        {
            return Ok(());
        }
        verdict
    })
}

/// Refuses a POST for how its head was written.
fn by_head(
    at: Guard,
    refusal: impl Fn() -> Refusal + Send + Sync + 'static,
    condition: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> [Seam; 2] {
    let raw = Heads::default();
    let listening = raw.seam();
    [
        listening,
        guard(move |asked, guard, verdict| {
            if guard == at
                && verdict.is_ok()
                && asked.method == "POST"
                && condition(&raw.text(asked))
            {
                return Err(refusal());
            }
            verdict
        }),
    ]
}

/// The value of a field in a head as it came, white space included.
fn value<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.split("\r\n").skip(1).find_map(|line| {
        let (named, value) = line.split_once(':')?;
        named.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// The value of a field, empty where it is no text or there is none.
fn text<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The key that a request brings.
fn bearer(asked: &Asked) -> &str {
    key_of(text(asked, "authorization")).unwrap_or_default()
}

/// The key in an Authorization header, if it is one word.
fn key_of(value: &str) -> Option<&str> {
    value
        .strip_prefix("Bearer ")
        .filter(|key| !key.contains(' '))
}
