//! ROUTE: which agent is asked. And ORDER-1's failures: a request that breaks several rules at once, and gets a good
//! answer, or one that fits none of them.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderValue, StatusCode, header};

use crate::contract::{
    AUTH_1, AUTH_3, AUTH_7, BODY_8, ERROR_1, ErrorCode, FAULT_1, REPLY_1, ROUTE_1, ROUTE_2,
    ROUTE_3, SIZE_1, STREAM_1, WIRE_2, size,
};
use crate::mock::bending::{
    Seam, When, answered, close, decision, forgives, guard, ok_head, reads, recodes, redirects,
    refuses, restatus, swaps, told_in_stream, whole_answers,
};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::request::{Asked, Received, Route};

pub(super) fn entries(fixtures: &Fixtures) -> Vec<Deviation> {
    [
        good(),
        unknown(fixtures),
        foreign(fixtures),
        several(fixtures),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// ROUTE-1: the good request.
fn good() -> Vec<Deviation> {
    vec![
        violation(
            "route.redirected-to-slash",
            [ROUTE_1],
            "A good request is redirected to the path with a slash behind it.",
            [redirected("./chat/", |asked| {
                !asked.uri.path().ends_with('/')
            })],
        ),
        violation(
            "route.streams-redirected",
            [ROUTE_1, BODY_8],
            "A good request for a stream is redirected to a path for streams.",
            [redirected("./stream", |asked| When::stream().holds(asked))],
        ),
        violation(
            "route.streams-refused",
            [ROUTE_1, BODY_8],
            "A good request for a stream gets 400 invalid_request: streaming is not supported.",
            [refuses(
                Guard::Agent,
                When::stream(),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "route.answers-are-created",
            [ROUTE_1, REPLY_1],
            "A good request gets its answer with 201.",
            [ok_head(When::json(), |_, head| {
                head.status = StatusCode::CREATED;
            })],
        ),
        violation(
            "route.streams-are-partial",
            [ROUTE_1, STREAM_1],
            "A good request for a stream gets it with 206.",
            [ok_head(When::stream(), |_, head| {
                head.status = StatusCode::PARTIAL_CONTENT;
            })],
        ),
        violation(
            "route.lost-on-second-request",
            [ROUTE_1, WIRE_2],
            "From the second request of a connection on, the agent is not found: 404 bot_not_found.",
            [refuses(
                Guard::Bot,
                When::from_request(2),
                ErrorCode::BotNotFound,
            )],
        ),
    ]
}

/// ROUTE-2: a bot that does not exist.
fn unknown(fixtures: &Fixtures) -> Vec<Deviation> {
    let main = &fixtures.bots.main;
    let (head, tail) = (
        main[..main.len() - 4].to_owned(),
        main[main.len() - 8..].to_owned(),
    );
    let known = [
        &fixtures.bots.main,
        &fixtures.bots.api_off,
        &fixtures.bots.offline,
        &fixtures.bots.unreachable,
        &fixtures.bots.slow,
        &fixtures.bots.faulty,
        &fixtures.bots.rate_limited,
        &fixtures.bots.foreign,
    ]
    .map(Clone::clone);
    let nowhere = || {
        let known = known.clone();
        When::is(move |asked| bot(asked).is_some_and(|bot| !known.iter().any(|id| id == bot)))
    };
    let lookup = nowhere();
    let asked_for: Mutex<HashSet<String>> = Mutex::default();
    vec![
        violation(
            "route.unknown-bot-answered",
            [ROUTE_2],
            "A bot that does not exist is answered for by an ordinary one.",
            [forgives(Guard::Bot, nowhere())],
        ),
        violation(
            "route.unknown-bot-streams",
            [ROUTE_2],
            "A bot that does not exist is answered for where a stream is asked for.",
            [forgives(Guard::Bot, nowhere().and(When::stream()))],
        ),
        violation(
            "route.unknown-bot-forbidden",
            [ROUTE_2],
            "A bot that does not exist gets its callers 403 api_not_enabled.",
            [swaps(Guard::Bot, nowhere(), ErrorCode::ApiNotEnabled)],
        ),
        violation(
            "route.unknown-bot-bad-request",
            [ROUTE_2],
            "A bot that does not exist gets its callers 400 invalid_request.",
            [swaps(Guard::Bot, nowhere(), ErrorCode::InvalidRequest)],
        ),
        violation(
            "route.unknown-bot-internal-error",
            [ROUTE_2],
            "A bot that does not exist gets its callers 500 internal_error.",
            [swaps(Guard::Bot, nowhere(), ErrorCode::InternalError)],
        ),
        violation(
            "route.unknown-bot-undocumented-code",
            [ROUTE_2, ERROR_1],
            "A bot that does not exist gets its callers 404 with the code not_found.",
            [recodes(Guard::Bot, nowhere(), "not_found")],
        ),
        violation(
            "route.unknown-bot-redirected",
            [ROUTE_2],
            "A bot that does not exist gets its callers redirected to the home page.",
            [redirects(Guard::Bot, nowhere(), 302, "/")],
        ),
        violation(
            "route.unknown-bot-told-in-stream",
            [ROUTE_2, ROUTE_3],
            "Where a stream is asked for, 404 is told in a stream with 200: an event with the error, then [DONE].",
            told_in_stream(&[404], When::stream()),
        ),
        violation(
            "route.unknown-bot-hung-up-on",
            [ROUTE_2],
            "The connection is closed on a request for a bot that does not exist, and no answer sent.",
            [whole_answers(
                nowhere().and(When::key(&fixtures.keys.valid)),
                |_, _| close(""),
            )],
        ),
        violation(
            "route.ends-of-ids-not-compared",
            [ROUTE_2],
            "The last four characters of a bot's id are not compared.",
            [forgives(
                Guard::Bot,
                nowhere()
                    .and(move |asked: &Asked| bot(asked).is_some_and(|bot| bot.starts_with(&head))),
            )],
        ),
        violation(
            "route.ids-compared-by-their-ends",
            [ROUTE_2],
            "Only the last eight characters of a bot's id are compared.",
            [forgives(
                Guard::Bot,
                nowhere()
                    .and(move |asked: &Asked| bot(asked).is_some_and(|bot| bot.ends_with(&tail))),
            )],
        ),
        violation(
            "route.unknown-bot-made-when-asked-for",
            [ROUTE_2],
            "A bot that does not exist is not found once, and answers when it is asked for again.",
            [guard(move |asked, guard, verdict| {
                if guard != Guard::Bot || verdict.is_ok() || !lookup.holds(asked) {
                    return verdict;
                }
                let mut asked_for = asked_for.lock().unwrap_or_else(PoisonError::into_inner);
                if asked_for.insert(bot(asked).unwrap_or_default().to_owned()) {
                    verdict
                } else {
                    Ok(())
                }
            })],
        ),
    ]
}

/// ROUTE-3: a bot that the key has no access to.
fn foreign(fixtures: &Fixtures) -> Vec<Deviation> {
    let stranger = || When::key(&fixtures.keys.foreign).and(When::bot(&fixtures.bots.main));
    vec![
        violation(
            "route.foreign-bot-answered",
            [ROUTE_3],
            "An agent answers any key that exists, whomever it belongs to.",
            [forgives(Guard::Bot, stranger())],
        ),
        violation(
            "route.foreign-bot-streams",
            [ROUTE_3],
            "An agent streams to any key that exists, whomever it belongs to.",
            [forgives(Guard::Bot, stranger().and(When::stream()))],
        ),
        violation(
            "route.foreign-bot-forbidden",
            [ROUTE_3],
            "A key that has no access to an agent gets 403 api_not_enabled.",
            [swaps(Guard::Bot, stranger(), ErrorCode::ApiNotEnabled)],
        ),
        violation(
            "route.foreign-bot-unauthorized",
            [ROUTE_3],
            "A key that has no access to an agent gets 401 invalid_api_key.",
            [swaps(Guard::Bot, stranger(), ErrorCode::InvalidApiKey)],
        ),
    ]
}

/// ORDER-1: several rules broken at once; the rule broken is the one that an answer does not fit.
fn several(fixtures: &Fixtures) -> Vec<Deviation> {
    let bots = &fixtures.bots;
    let key = || When::field("authorization");
    let no_key = || key().not();
    let known = [bots.main.clone(), bots.api_off.clone()];
    let unknown_bot = || {
        let known = known.clone();
        When::is(move |asked| bot(asked).is_some_and(|bot| !known.iter().any(|id| id == bot)))
    };
    let made_up_key = {
        let keys = &fixtures.keys;
        [&keys.valid, &keys.revoked, &keys.foreign]
            .map(When::key)
            .into_iter()
            .fold(key(), |when, key| when.and(key.not()))
    };
    vec![
        violation(
            "order.no-key-empty-body-answered",
            [AUTH_1],
            "A POST with no key and no body is taken for a health check, and gets 200.",
            [answered(
                401,
                no_key().and(|asked: &Asked| asked.body.is_empty()),
            )],
        ),
        violation(
            "order.no-key-bad-body-forbidden",
            [AUTH_1],
            "A request with no key and a bad body gets 403 api_not_enabled, which is true of neither.",
            [swaps(
                Guard::KeyForm,
                no_key().and(bad_body),
                ErrorCode::ApiNotEnabled,
            )],
        ),
        violation(
            "order.no-key-unknown-bot-answered",
            [AUTH_1],
            "A request with no key to a bot that does not exist gets a greeting, with 200.",
            [answered(401, no_key().and(unknown_bot()))],
        ),
        violation(
            "order.no-key-access-off-bad-request",
            [AUTH_1],
            "A request with no key to an agent whose API access is turned off gets 400 invalid_request.",
            [swaps(
                Guard::KeyForm,
                no_key().and(When::bot(&bots.api_off)),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "order.no-key-too-large-bad-request",
            [AUTH_1],
            "A body that is too large gets 400 invalid_request where there is no key, though nothing else is wrong with it.",
            relabelled(no_key, ErrorCode::InvalidRequest),
        ),
        violation(
            "order.unknown-key-unknown-bot-forbidden",
            [AUTH_3],
            "A key that does not exist gets 403 api_not_enabled where the bot does not exist either.",
            [swaps(
                Guard::Key,
                made_up_key.and(unknown_bot()),
                ErrorCode::ApiNotEnabled,
            )],
        ),
        violation(
            "order.unknown-bot-bad-body-answered",
            [ROUTE_2],
            "A request with a bad body to a bot that does not exist gets 200.",
            [answered(404, unknown_bot().and(bad_body))],
        ),
        violation(
            "order.unknown-bot-bad-body-internal-error",
            [ROUTE_2],
            "A request with a bad body to a bot that does not exist gets 500 internal_error.",
            [swaps(Guard::Bot, bad_body, ErrorCode::InternalError)],
        ),
        violation(
            "order.access-off-bad-body-answered",
            [AUTH_7],
            "A request with a bad body to an agent whose API access is turned off gets 200.",
            [answered(403, bad_body)],
        ),
        violation(
            "order.too-large-bad-body-internal-error",
            [SIZE_1],
            "A body that is too large, and bad besides, gets 500 internal_error.",
            {
                let [status, code] = relabelled(|| bad_body.into(), ErrorCode::InternalError);
                [reads(4 * size::BINARY_LIMIT), status, code]
            },
        ),
        violation(
            "order.offline-bad-body-answered",
            [FAULT_1],
            "An agent that is offline answers a bad body with a canned reply, with 200.",
            [answered(400, When::bot(&bots.offline))],
        ),
        violation(
            "order.offline-bad-body-internal-error",
            [FAULT_1],
            "An agent that is offline gets the callers that send a bad body 500 internal_error.",
            [swaps(
                Guard::Body,
                When::bot(&bots.offline),
                ErrorCode::InternalError,
            )],
        ),
    ]
}

/// Redirects good requests, with 307: method and body are to be sent again.
fn redirected(
    location: &'static str,
    condition: impl Fn(&Asked) -> bool + Send + Sync + 'static,
) -> Seam {
    decision(move |asked, decision| match decision {
        Decision::Answer { .. } if condition(asked) => {
            let mut refusal = Refusal::other(307, "moved", "it is elsewhere");
            refusal
                .fields
                .push((header::LOCATION, HeaderValue::from_static(location)));
            Decision::Refuse(refusal)
        }
        decision => decision,
    })
}

/// The bot that is asked.
fn bot(asked: &Asked) -> Option<&str> {
    match &asked.route {
        Route::Chat(bot) => Some(bot),
        Route::Elsewhere => None,
    }
}

/// The body was read, and is no good.
fn bad_body(asked: &Asked) -> bool {
    asked.method == "POST" && asked.received == Received::Whole && asked.chat.is_err()
}

/// Another status and code for a body that is too large; the connection still closes, since nobody reads the rest.
fn relabelled(when: impl Fn() -> When, code: ErrorCode) -> [Seam; 2] {
    [
        restatus(Guard::Size, when(), code.status()),
        recodes(Guard::Size, when(), code.as_str()),
    ]
}
