//! AUTH, ROUTE and ORDER: what a stranger learns, and what runs an agent that should not.

use axum::http::header;

use crate::contract::{
    AUTH_5, AUTH_9, AUTH_11, ErrorCode, KEY_PREFIX, ORDER_2, ROUTE_3, ROUTE_4, ROUTE_5, chat_path,
};
use crate::mock::bending::{
    Seam, When, always, answered, forgives, guard, rewords, swaps, turned_away,
};
use crate::mock::deviation::{Deviation, flaw};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Guard, Refusal};
use crate::mock::request::{Asked, Route};

pub(super) fn entries(fixtures: &Fixtures) -> Vec<Deviation> {
    let main = chat_path(&fixtures.bots.main);
    let in_query = |name: &str| {
        let pair = format!("{name}={}", fixtures.keys.valid.expose());
        forgives(
            Guard::KeyForm,
            When::field("authorization")
                .not()
                .and(move |asked: &Asked| {
                    let query = asked.uri.query().unwrap_or_default();
                    query.split('&').any(|sent| sent == pair)
                }),
        )
    };
    let known: Vec<String> = {
        let bots = &fixtures.bots;
        [
            &bots.main,
            &bots.api_off,
            &bots.offline,
            &bots.unreachable,
            &bots.slow,
            &bots.faulty,
            &bots.rate_limited,
            &bots.foreign,
        ]
        .map(Clone::clone)
        .into()
    };
    let unknown_bot = |known: Vec<String>| move |asked: &Asked| matches!(&asked.route, Route::Chat(id) if !known.iter().any(|bot| bot == id));
    let mut entries = vec![
        flaw(
            "auth.other-prefixes-are-just-invalid",
            [AUTH_5],
            "A key without the prefix of this API gets invalid_api_key, as if it were unknown.",
            [swaps(
                Guard::KeyForm,
                |asked: &Asked| {
                    let value = authorization(asked);
                    value
                        .strip_prefix("Bearer ")
                        .is_some_and(|key| !key.starts_with(KEY_PREFIX) && !key.contains(' '))
                },
                ErrorCode::InvalidApiKey,
            )],
        ),
        flaw(
            "auth.capitals-refused",
            [AUTH_9],
            "The scheme is recognised in small letters and refused in capitals.",
            [guard(|asked, guard, verdict| {
                if guard == Guard::KeyForm
                    && verdict.is_ok()
                    && authorization(asked).starts_with("BEARER")
                {
                    return Err(Refusal::documented(
                        ErrorCode::MissingApiKey,
                        "the scheme is Bearer",
                    ));
                }
                verdict
            })],
        ),
        flaw(
            "auth.no-challenge",
            [AUTH_11],
            "A 401 has no WWW-Authenticate.",
            [
                rewords(Guard::KeyForm, always, |_, refusal| refusal.fields.clear()),
                rewords(Guard::Key, always, |_, refusal| refusal.fields.clear()),
            ],
        ),
        flaw(
            "auth.no-challenge-to-unknown-keys",
            [AUTH_11],
            "A 401 has no WWW-Authenticate where the key is unknown.",
            [rewords(Guard::Key, always, |_, refusal| {
                refusal.fields.clear();
            })],
        ),
        flaw(
            "auth.key-in-the-query",
            [AUTH_11],
            "A key in the query parameter key opens the door.",
            [in_query("key")],
        ),
        flaw(
            "auth.token-in-the-query",
            [AUTH_11],
            "A key in the query parameter access_token opens the door.",
            [in_query("access_token")],
        ),
        flaw(
            "route.foreign-bots-told-apart",
            [ROUTE_3],
            "The message to a key that has no access to a bot tells that there is such a bot.",
            [foreign(known.clone(), |refusal| {
                refusal.message = "the key has no access to this bot".into();
            })],
        ),
        flaw(
            "route.delete-breaks",
            [ROUTE_4],
            "DELETE gets 500.",
            [swaps(
                Guard::Method,
                When::method("DELETE"),
                ErrorCode::InternalError,
            )],
        ),
        flaw(
            "route.no-allow",
            [ROUTE_4],
            "A 405 has no Allow.",
            [rewords(Guard::Method, always, |_, refusal| {
                refusal.fields.retain(|(name, _)| *name != header::ALLOW);
            })],
        ),
        flaw(
            "order.bots-told-without-a-key",
            [ORDER_2],
            "Without a key, a bot that does not exist gets 404 and one that does 401.",
            [told_early(
                When::is(unknown_bot(known.clone())).and(When::field("authorization").not()),
                ErrorCode::BotNotFound,
            )],
        ),
        flaw(
            "order.bots-told-to-made-up-keys",
            [ORDER_2],
            "With a key that does not exist, a bot that does not exist gets 404 and one that does 401.",
            [guard({
                let unknown = unknown_bot(known);
                move |asked, guard, verdict| {
                    if guard == Guard::Key && verdict.is_err() && unknown(asked) {
                        return Err(Refusal::documented(ErrorCode::BotNotFound, "no such bot"));
                    }
                    verdict
                }
            })],
        ),
        flaw(
            "order.access-told-without-a-key",
            [ORDER_2],
            "Without a key, a bot whose API access is off gets 403.",
            [told_early(
                When::bot(&fixtures.bots.api_off).and(When::field("authorization").not()),
                ErrorCode::ApiNotEnabled,
            )],
        ),
    ];
    for (method, id) in [
        ("GET", "route.get-runs-the-agent"),
        ("PUT", "route.put-runs-the-agent"),
        ("HEAD", "route.head-runs-the-agent"),
    ] {
        entries.push(flaw(
            id,
            [ROUTE_4],
            format!("{method} runs the agent."),
            [answered(405, When::method(method))],
        ));
    }
    let breaks = |id: &'static str, says: &'static str, when: When| {
        flaw(
            id,
            [ROUTE_5],
            says,
            [turned_away(when, 500, ErrorCode::InternalError.as_str())],
        )
    };
    entries.extend([
        breaks(
            "route.slash-breaks",
            "A slash at the path's end gets 500.",
            When::is(move |asked| asked.uri.path().strip_suffix('/') == Some(main.as_str())),
        ),
        breaks(
            "route.query-breaks",
            "A query string gets 500.",
            When::is(|asked| asked.uri.query().is_some_and(|query| query == "trace=1")),
        ),
        breaks(
            "route.encoded-ids-break",
            "A percent-encoded letter in an id gets 500.",
            When::is(|asked| asked.uri.path().contains("/bot/%62")),
        ),
        breaks(
            "route.long-ids-break",
            "An id of 1 KB gets 500.",
            When::is(|asked| asked.uri.path().len() > 1000),
        ),
    ]);
    entries
}

/// The value of the Authorization header, as text.
fn authorization(asked: &Asked) -> &str {
    asked
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Refuses before the key is looked at.
fn told_early(when: When, code: ErrorCode) -> Seam {
    guard(move |asked, guard, verdict| {
        if guard == Guard::KeyForm && when.holds(asked) {
            return Err(Refusal::documented(code, "the request was refused"));
        }
        verdict
    })
}

/// Changes the refusals of bots that exist.
fn foreign(known: Vec<String>, change: impl Fn(&mut Refusal) + Send + Sync + 'static) -> Seam {
    rewords(
        Guard::Bot,
        move |asked: &Asked| matches!(&asked.route, Route::Chat(id) if known.iter().any(|bot| bot == id)),
        move |_, refusal| change(refusal),
    )
}
