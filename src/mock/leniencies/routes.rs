//! ROUTE and ORDER: paths and methods that are nobody's business, and which rule is told of first.

use axum::http::{HeaderValue, Method, header};

use crate::contract::{
    AUTH_1, AUTH_7, CORS_1, ErrorCode, FAULT_1, ORDER_1, ROUTE_4, ROUTE_5, SIZE_1, chat_path,
};
use crate::mock::bending::{When, decision, guard, rewords, turned_away};
use crate::mock::deviation::{Deviation, leniency};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::request::{Asked, Received, Route};

pub(super) fn entries(fixtures: &Fixtures) -> Vec<Deviation> {
    let main = chat_path(&fixtures.bots.main);
    let with_slash = format!("{main}/");
    let valid = format!("Bearer {}", fixtures.keys.valid.expose());
    let (folded, key) = (main.clone(), valid.clone());
    let ids = &fixtures.bots;
    let able = [
        (ids.offline.clone(), ErrorCode::BotOffline),
        (ids.unreachable.clone(), ErrorCode::ContainerError),
        (ids.faulty.clone(), ErrorCode::InternalError),
    ];
    vec![
        leniency(
            "route.slash-is-nothing",
            [ROUTE_5],
            "A slash at the path's end changes nothing.",
            &["route.slash"],
            [also_at(valid, move |path| path == with_slash)],
        ),
        leniency(
            "route.slash-redirects",
            [ROUTE_5],
            "A path with a slash at its end is redirected with 308 to the one without.",
            &["route.slash"],
            [decision(|asked, decision| {
                let path = asked.uri.path();
                match path.strip_suffix('/') {
                    Some(bare) if path.ends_with("/chat/") => {
                        let mut refusal = Refusal::other(308, "moved", "the path has no slash");
                        if let Ok(location) = HeaderValue::from_str(bare) {
                            refusal.fields.push((header::LOCATION, location));
                        }
                        Decision::Refuse(refusal)
                    }
                    _ => decision, // any other path is the endpoint's, or nobody's
                }
            })],
        ),
        leniency(
            "route.case-is-nothing",
            [ROUTE_5],
            "The path is recognised whatever its case.",
            &["route.case"],
            [also_at(key, move |path| path.eq_ignore_ascii_case(&folded))],
        ),
        leniency(
            "route.query-is-unknown",
            [ROUTE_5],
            "A path with a query string gets 404.",
            &["route.query"],
            [turned_away(
                When::is(|asked| asked.uri.query().is_some()),
                404,
                "not_found",
            )],
        ),
        leniency(
            "route.escapes-are-unknown",
            [ROUTE_5],
            "A percent-encoded id names no bot.",
            &["route.escapes"],
            [guard(|asked, guard, verdict| {
                if guard == Guard::Bot && verdict.is_ok() && asked.uri.path().contains('%') {
                    return Err(Refusal::documented(ErrorCode::BotNotFound, "no such bot"));
                }
                verdict
            })],
        ),
        leniency(
            "route.odd-ids-are-bad-requests",
            [ROUTE_5],
            "An id that no bot can have gets 400 invalid_request, before the key is looked at.",
            &["route.odd-ids"],
            [guard(|asked, guard, verdict| {
                let odd = matches!(&asked.route, Route::Chat(id) if id.len() > 64
                    || id.is_empty()
                    || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
                if guard == Guard::Path && odd {
                    return Err(invalid("that is no id"));
                }
                verdict
            })],
        ),
        leniency(
            "route.other-methods-404",
            [ROUTE_4],
            "Another method than POST and OPTIONS gets 404.",
            &["route.methods"],
            [rewords(
                Guard::Method,
                |_: &Asked| true,
                |_, refusal| {
                    *refusal = Refusal::other(404, "not_found", "there is nothing to get here");
                },
            )],
        ),
        leniency(
            "route.other-methods-401",
            [ROUTE_4],
            "Another method than POST and OPTIONS gets 401.",
            &["route.methods"],
            [rewords(
                Guard::Method,
                |_: &Asked| true,
                |_, refusal| {
                    *refusal = Refusal::documented(ErrorCode::MissingApiKey, "keys are for POST");
                },
            )],
        ),
        leniency(
            "route.options-is-for-preflights",
            [CORS_1],
            "An OPTIONS that is no preflight gets 405.",
            &["route.options"],
            [decision(|asked, decision| match decision {
                Decision::Preflight
                    if !asked
                        .headers
                        .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) =>
                {
                    let mut refusal = Refusal::other(405, "method_not_allowed", "only POST");
                    let allowed = HeaderValue::from_static("POST, OPTIONS");
                    refusal.fields.push((header::ALLOW, allowed));
                    Decision::Refuse(refusal)
                }
                decision => decision,
            })],
        ),
        leniency(
            "order.body-before-key",
            [ORDER_1, AUTH_1],
            "What is wrong in the body is told before what is wrong with the key.",
            &["order.body-key"],
            [guard(|asked, guard, verdict| {
                if guard == Guard::KeyForm && is_invalid(asked) {
                    return Err(invalid("the body is invalid"));
                }
                verdict
            })],
        ),
        leniency(
            "order.body-before-bot",
            [ORDER_1],
            "What is wrong in the body is told before whether there is such a bot.",
            &["order.body-bot"],
            [guard(|asked, guard, verdict| {
                if guard == Guard::Bot && is_invalid(asked) {
                    return Err(invalid("the body is invalid"));
                }
                verdict
            })],
        ),
        leniency(
            "order.body-before-access",
            [ORDER_1, AUTH_7],
            "What is wrong in the body is told before that API access is off.",
            &["order.body-access"],
            [guard(|asked, guard, verdict| {
                if guard == Guard::Access && verdict.is_err() && is_invalid(asked) {
                    return Err(invalid("the body is invalid"));
                }
                verdict
            })],
        ),
        leniency(
            "order.body-before-limits",
            [ORDER_1],
            "What is wrong in the body is told before limits are counted.",
            &["order.body-limits"],
            [guard(|asked, guard, verdict| {
                if guard == Guard::KeyBudget && verdict.is_ok() && is_invalid(asked) {
                    return Err(invalid("the body is invalid"));
                }
                verdict
            })],
        ),
        leniency(
            "order.agent-before-body",
            [ORDER_1, FAULT_1],
            "That the agent is unavailable is told before what is wrong in the body.",
            &["order.body-agent"],
            [guard(move |asked, guard, verdict| {
                if guard != Guard::Body || verdict.is_ok() {
                    return verdict;
                }
                let unable = able
                    .iter()
                    .find(|(id, _)| matches!(&asked.route, Route::Chat(bot) if bot == id));
                match unable {
                    Some((_, code)) => Err(Refusal::documented(*code, "the agent is unavailable")),
                    None => verdict,
                }
            })],
        ),
        leniency(
            "order.key-before-size",
            [ORDER_1, SIZE_1],
            "That there is no key is told before that the body is too large.",
            &["order.key-size"],
            [guard(|asked, guard, verdict| {
                if guard == Guard::Size
                    && verdict.is_err()
                    && asked.method == Method::POST
                    && !asked.headers.contains_key(header::AUTHORIZATION)
                {
                    let mut refusal = Refusal::documented(
                        ErrorCode::MissingApiKey,
                        "the Authorization header is missing",
                    );
                    // The body has not been read to its end.
                    let close = HeaderValue::from_static("close");
                    refusal.fields.push((header::CONNECTION, close));
                    return Err(refusal);
                }
                verdict
            })],
        ),
    ]
}

fn invalid(message: &'static str) -> Refusal {
    Refusal::documented(ErrorCode::InvalidRequest, message)
}

/// The body arrived whole and is invalid.
fn is_invalid(asked: &Asked) -> bool {
    asked.received == Received::Whole && asked.method == Method::POST && asked.chat.is_err()
}

/// Serves the main bot at other paths as well.
fn also_at(
    valid: String,
    is_meant: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> crate::mock::bending::Seam {
    decision(move |asked, decision| {
        let opens = asked
            .headers
            .get(header::AUTHORIZATION)
            .is_some_and(|value| value.as_bytes() == valid.as_bytes());
        match decision {
            Decision::Refuse(refusal)
                if refusal.status == 404
                    && opens
                    && asked.method == Method::POST
                    && is_meant(asked.uri.path()) =>
            {
                match &asked.chat {
                    Ok(chat) => Decision::Answer {
                        mode: chat.mode,
                        place: None,
                    },
                    Err(why) => Decision::Refuse(Refusal::documented(
                        ErrorCode::InvalidRequest,
                        why.0.clone(),
                    )),
                }
            }
            decision => decision,
        }
    })
}
