//! LIMIT: budgets, places, and what a refusal says and does.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::contract::{
    DONE, ERROR_1, ErrorCode, LIMIT_1, LIMIT_2, LIMIT_3, LIMIT_5, STREAM_4, STREAM_8, WIRE_1,
};
use crate::mock::bending::{
    HTML, Piece, Seam, When, always, answers_of, apologises, decision, error_of, forgives, guard,
    page, rewords, send, stream_pieces, streamed, swaps,
};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::socket::Outgoing;
use crate::mock::stream::Event;

pub(super) fn entries(fixtures: &Fixtures) -> Vec<Deviation> {
    let mut all = limits(fixtures);
    all.extend(waits());
    all.extend(places(fixtures));
    all.extend(streams(fixtures));
    all
}

/// LIMIT-1: whether there is a limit, and how it is told.
fn limits(fixtures: &Fixtures) -> Vec<Deviation> {
    let places = || When::key(&fixtures.keys.concurrency_limited);
    let bot = || When::bot(&fixtures.bots.rate_limited);
    vec![
        violation(
            "limit.key-never-limited",
            [LIMIT_1],
            "The budget of a key is never enforced.",
            [forgives(Guard::KeyBudget, always)],
        ),
        violation(
            "limit.bot-never-limited",
            [LIMIT_1],
            "The budget of an agent is never enforced.",
            [forgives(Guard::BotBudget, always)],
        ),
        violation(
            "limit.places-never-limited",
            [LIMIT_1],
            "A key may have any number of streams open at a time, whatever its limit of places.",
            [forgives(Guard::Place, always)],
        ),
        violation(
            "limit.places-held-back",
            [LIMIT_1],
            "A stream over the limit of places is held back for half a second and then served, in place of a 429.",
            held_back(Duration::from_millis(500)),
        ),
        violation(
            "limit.key-unavailable",
            [LIMIT_1],
            "A key over its budget gets 503 container_error.",
            [swaps(Guard::KeyBudget, always, ErrorCode::ContainerError)],
        ),
        violation(
            "limit.key-invalid",
            [LIMIT_1],
            "A key over its budget gets 401 invalid_api_key, as if it were locked.",
            [swaps(Guard::KeyBudget, always, ErrorCode::InvalidApiKey)],
        ),
        violation(
            "limit.bot-payment-required",
            [LIMIT_1],
            "An agent over its budget is answered for with 402 quota_exceeded.",
            [rewords(Guard::BotBudget, always, |_, refusal| {
                *refusal = Refusal::other(402, "quota_exceeded", "the agent's budget is used up");
            })],
        ),
        violation(
            "limit.places-conflict",
            [LIMIT_1],
            "A stream over the limit of places gets 409, with the code concurrent_limit.",
            [rewords(Guard::Place, always, |_, refusal| {
                refusal.status = 409;
            })],
        ),
        violation(
            "limit.places-unavailable",
            [LIMIT_1],
            "A stream over the limit of places gets 503 bot_offline, as if the agent were gone.",
            [swaps(Guard::Place, always, ErrorCode::BotOffline)],
        ),
        violation(
            "limit.key-apology",
            [LIMIT_1],
            "A key over its budget gets 200 and an answer in which the agent asks for a little patience.",
            apologises(
                &[ErrorCode::RateLimited],
                always,
                "You are sending messages too fast, please wait a little.",
            ),
        ),
        violation(
            "limit.key-connection-closed",
            [LIMIT_1],
            "A key over its budget gets no answer: the connection is closed.",
            [answers_of(
                429,
                When::key(&fixtures.keys.rate_limited),
                |_, _| vec![Outgoing::Close],
            )],
        ),
        violation(
            "limit.key-code-of-its-own",
            [LIMIT_1, ERROR_1],
            "A key over its budget gets 429 with the code too_many_requests.",
            [rewords(Guard::KeyBudget, always, |_, refusal| {
                refusal.code = "too_many_requests".into();
            })],
        ),
        violation(
            "limit.bot-code-a-number",
            [LIMIT_1, ERROR_1],
            "The code of an agent's 429 is the number 429.",
            [error_of(ErrorCode::BotRateLimited, always, |body| {
                body["error"]["code"] = 429.into();
            })],
        ),
        violation(
            "limit.places-code-in-prose",
            [LIMIT_1, ERROR_1],
            "The 429 of a stream over the limit of places names concurrent_limit only inside its message.",
            [error_of(ErrorCode::ConcurrentLimit, places(), |body| {
                *body = json!({ "error": {
                    "message": "concurrent_limit: too many answers are running for this key",
                } });
            })],
        ),
        violation(
            "limit.bot-plain-text",
            [LIMIT_1, LIMIT_5, ERROR_1],
            "The 429 of an agent over its budget is plain text without a code.",
            page(ErrorCode::BotRateLimited, bot(), "text/plain", |_| {
                "Too Many Requests\n".to_owned()
            }),
        ),
        violation(
            "limit.key-empty",
            [LIMIT_1, ERROR_1],
            "The 429 of a key over its budget has an empty body where stream is not true.",
            page(
                ErrorCode::RateLimited,
                When::key(&fixtures.keys.rate_limited).and(When::json()),
                "application/json",
                |_| String::new(),
            ),
        ),
    ]
}

/// Serves what is over the limit of places, late.
fn held_back(span: Duration) -> [Seam; 2] {
    let over = Arc::new(Mutex::new(Vec::new()));
    let late = Arc::clone(&over);
    [
        guard(move |asked, guard, verdict| {
            if guard == Guard::Place && verdict.is_err() {
                let mut over = over.lock().unwrap_or_else(PoisonError::into_inner);
                over.push(asked.serial);
                return Ok(());
            }
            verdict
        }),
        stream_pieces(always, move |asked, piece, bytes| {
            let late = late.lock().unwrap_or_else(PoisonError::into_inner);
            if piece == Piece::Head && late.contains(&asked.serial) {
                return vec![Outgoing::Pause(span), send(bytes)];
            }
            vec![send(bytes)]
        }),
    ]
}

/// LIMIT-2: waits that nobody can read.
fn waits() -> Vec<Deviation> {
    let key = ErrorCode::RateLimited;
    let bot = ErrorCode::BotRateLimited;
    let values: [(&'static str, ErrorCode, Value, &'static str); 7] = [
        (
            "negative",
            key,
            json!(-1),
            "The retry_after of a key's 429 is -1.",
        ),
        (
            "prose",
            key,
            json!("in a few seconds"),
            "The retry_after of a key's 429 is prose.",
        ),
        (
            "object",
            bot,
            json!({ "seconds": 1 }),
            "The retry_after of an agent's 429 is an object with a member seconds.",
        ),
        (
            "list",
            key,
            json!([1]),
            "The retry_after of a key's 429 is an array with the number in it.",
        ),
        (
            "true",
            bot,
            json!(true),
            "The retry_after of an agent's 429 is true.",
        ),
        (
            "negative-string",
            bot,
            json!("-1"),
            "The retry_after of an agent's 429 is the string \"-1\".",
        ),
        (
            "not-a-number",
            key,
            json!("NaN"),
            "The retry_after of a key's 429 is the string \"NaN\".",
        ),
    ];
    let mut all: Vec<Deviation> = values
        .into_iter()
        .map(|(name, code, value, says)| {
            violation(
                format!("limit.retry-after-{name}"),
                [LIMIT_2],
                says,
                [error_of(code, always, move |body| {
                    body["error"]["retry_after"] = value.clone();
                })],
            )
        })
        .collect();
    all.extend([
        violation(
            "limit.retry-after-prose-beside-the-error",
            [LIMIT_2],
            "A 429 has a second retry_after beside the error object, and that one is the word soon.",
            [error_of(key, always, |body| {
                body["retry_after"] = "soon".into();
            })],
        ),
        violation(
            "limit.retry-after-negative-for-places",
            [LIMIT_2],
            "A stream over the limit of places is told to wait for -5 seconds.",
            [error_of(ErrorCode::ConcurrentLimit, always, |body| {
                body["error"]["retry_after"] = (-5).into();
            })],
        ),
        violation(
            "limit.retry-after-object-for-streams",
            [LIMIT_2],
            "The retry_after of a 429 is an object where stream is true, and a number otherwise.",
            [error_of(key, When::stream(), |body| {
                body["error"]["retry_after"] = json!({ "value": 1, "unit": "s" });
            })],
        ),
        violation(
            "limit.retry-after-a-fraction-below-zero",
            [LIMIT_2],
            "The retry_after of an agent's 429 counts from the end of the window, so that it is a little below zero.",
            [error_of(bot, always, |body| {
                body["error"]["retry_after"] = (-0.25).into();
            })],
        ),
    ]);
    all
}

/// LIMIT-3: places that are not given back.
fn places(fixtures: &Fixtures) -> Vec<Deviation> {
    let key = || When::key(&fixtures.keys.concurrency_limited);
    vec![
        violation(
            "limit.place-never-freed",
            [LIMIT_3],
            "A place that a stream has taken is never free again.",
            [loses_places(|_| true)],
        )
        .slow(),
        violation(
            "limit.first-place-lost",
            [LIMIT_3],
            "The first place that is taken after the start is never free again; all others are.",
            [loses_places(|number| number == 0)],
        )
        .slow(),
        violation(
            "limit.every-other-place-lost",
            [LIMIT_3],
            "Every second place that a stream takes is never free again.",
            [loses_places(|number| number % 2 == 1)],
        )
        .slow(),
        violation(
            "limit.refusal-takes-a-place",
            [LIMIT_3],
            "A stream that is refused takes a place all the same, and never gives it back.",
            [{
                let refused = AtomicUsize::new(0);
                let limited = key();
                guard(move |asked, guard, verdict| {
                    if guard != Guard::Place || !limited.holds(asked) {
                        return verdict;
                    }
                    if verdict.is_err() {
                        refused.fetch_add(1, Ordering::Relaxed);
                    } else if refused.load(Ordering::Relaxed) > 0 {
                        return Err(no_place());
                    }
                    verdict
                })
            }],
        )
        .slow(),
        violation(
            "limit.shut-out-after-a-refusal",
            [LIMIT_3],
            "A key that has met its limit of places is refused for the next 20 seconds, whatever has ended meanwhile.",
            [{
                let last: Mutex<Option<Instant>> = Mutex::new(None);
                let limited = key();
                guard(move |asked, guard, verdict| {
                    if guard != Guard::Place || !limited.holds(asked) {
                        return verdict;
                    }
                    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                    if verdict.is_err() {
                        last.get_or_insert(asked.at);
                    } else if last.is_some_and(|last| {
                        asked.at.saturating_duration_since(last) < Duration::from_secs(20)
                    }) {
                        return Err(no_place());
                    }
                    verdict
                })
            }],
        )
        .slow(),
    ]
}

fn no_place() -> Refusal {
    Refusal::documented(
        ErrorCode::ConcurrentLimit,
        "too many answers are running for this key",
    )
}

/// Never gives back the places whose number, from 0, is picked.
fn loses_places(picked: impl Fn(usize) -> bool + Send + Sync + 'static) -> Seam {
    let taken = AtomicUsize::new(0);
    decision(move |_, decision| match decision {
        Decision::Answer {
            mode,
            place: Some(place),
        } if picked(taken.fetch_add(1, Ordering::Relaxed)) => {
            // Dropped it would be free again; the memory it holds is the trial's own, and small.
            std::mem::forget(place);
            Decision::Answer { mode, place: None }
        }
        decision => decision,
    })
}

/// LIMIT-5: refusals of streams, and streams beside refusals.
fn streams(fixtures: &Fixtures) -> Vec<Deviation> {
    let limited = || When::key(&fixtures.keys.rate_limited).and(When::stream());
    let mut all = vec![
        violation(
            "limit.refusal-in-a-stream",
            [LIMIT_5],
            "With stream true a key over its budget gets a 200 stream that holds the error and [DONE].",
            streamed(&[ErrorCode::RateLimited], always, |refusal| {
                vec![error_event(refusal), Event::Data(DONE.to_owned())]
            }),
        ),
        violation(
            "limit.bot-refusal-in-a-stream",
            [LIMIT_5],
            "With stream true an agent over its budget is answered for with a 200 stream that holds nothing but the error.",
            streamed(&[ErrorCode::BotRateLimited], always, |refusal| {
                vec![error_event(refusal)]
            }),
        ),
        violation(
            "limit.refusal-an-empty-stream",
            [LIMIT_5],
            "With stream true an agent over its budget is answered for with a 200 stream of [DONE] alone.",
            streamed(&[ErrorCode::BotRateLimited], always, |_| {
                vec![Event::Data(DONE.to_owned())]
            }),
        ),
        violation(
            "limit.refusal-framed-as-an-event",
            [LIMIT_5, LIMIT_1, ERROR_1],
            "With stream true the body of a 429 is an event stream with the error in an event.",
            page(
                ErrorCode::RateLimited,
                limited(),
                "text/event-stream",
                |body| format!("data: {body}\n\n"),
            ),
        ),
        violation(
            "limit.refusal-a-page-for-streams",
            [LIMIT_5, LIMIT_1, ERROR_1],
            "With stream true a 429 has an HTML page as its body.",
            page(ErrorCode::RateLimited, limited(), "text/html", |_| {
                HTML.to_owned()
            }),
        ),
    ];
    all.extend([
        violation(
            "limit.refusal-cuts-the-others",
            [LIMIT_5, STREAM_8, WIRE_1],
            "A refusal for want of places closes the connections of the streams that run on that key.",
            disturbs(fixtures, |_| vec![Outgoing::Close]),
        ),
        violation(
            "limit.refusal-resets-the-others",
            [LIMIT_5, STREAM_8, WIRE_1],
            "A refusal for want of places resets the connections of the streams that run on that key.",
            disturbs(fixtures, |_| vec![Outgoing::Reset]),
        ),
        violation(
            "limit.refusal-ends-the-others",
            [LIMIT_5, STREAM_8, STREAM_4],
            "A refusal for want of places ends the streams that run on that key in good order, but without [DONE].",
            disturbs(fixtures, |_| vec![send("0\r\n\r\n"), Outgoing::Close]),
        ),
        violation(
            "limit.refusal-told-to-the-others",
            [LIMIT_5, STREAM_8],
            "A refusal for want of places puts an error event into the streams that run on that key.",
            disturbs(fixtures, |bytes| {
                let event = "data: {\"error\":{\"message\":\"too many answers are running\",\"code\":\"concurrent_limit\"}}\n\n";
                vec![send(format!("{:x}\r\n{event}\r\n", event.len())), send(bytes)]
            }),
        ),
        violation(
            "limit.refusal-ends-the-newest",
            [LIMIT_5, STREAM_8, WIRE_1],
            "A refusal for want of places cuts the newest of the streams that run on that key.",
            {
                let newest = Arc::new(AtomicU64::new(0));
                let refused = Arc::new(AtomicU64::new(0));
                let (of, at) = (Arc::clone(&newest), Arc::clone(&refused));
                [
                    guard(move |asked, guard, verdict| {
                        if guard == Guard::Place && asked_for_place(&verdict) {
                            refused.fetch_max(asked.serial, Ordering::Relaxed);
                        } else if guard == Guard::Agent && verdict.is_ok() {
                            newest.fetch_max(asked.serial, Ordering::Relaxed);
                        }
                        verdict
                    }),
                    stream_pieces(
                        When::key(&fixtures.keys.concurrency_limited),
                        move |asked, piece, bytes| {
                            let cut = matches!(piece, Piece::Chunk(_))
                                && at.load(Ordering::Relaxed) > asked.serial
                                && of.load(Ordering::Relaxed) == asked.serial;
                            if cut {
                                vec![Outgoing::Close]
                            } else {
                                vec![send(bytes)]
                            }
                        },
                    ),
                ]
            },
        ),
    ]);
    all
}

/// The error as an event of a stream.
fn error_event(refusal: &Refusal) -> Event {
    Event::Data(
        json!({ "error": { "message": refusal.message, "code": refusal.code } }).to_string(),
    )
}

fn asked_for_place(verdict: &Result<(), Refusal>) -> bool {
    verdict
        .as_ref()
        .is_err_and(|refusal| refusal.code == ErrorCode::ConcurrentLimit.as_str())
}

/// Sends something else for one chunk of each stream that runs while another is refused a place.
fn disturbs(
    fixtures: &Fixtures,
    change: impl Fn(Vec<u8>) -> Vec<Outgoing> + Send + Sync + 'static,
) -> [Seam; 2] {
    let refused = Arc::new(AtomicU64::new(0));
    let at = Arc::clone(&refused);
    let disturbed = Mutex::new(Vec::new());
    [
        guard(move |asked, guard, verdict| {
            if guard == Guard::Place && asked_for_place(&verdict) {
                refused.fetch_max(asked.serial, Ordering::Relaxed);
            }
            verdict
        }),
        stream_pieces(
            When::key(&fixtures.keys.concurrency_limited),
            move |asked, piece, bytes| {
                // Streams that begin after the refusal have nothing to do with it.
                let beside = at.load(Ordering::Relaxed) > asked.serial;
                let mut disturbed = disturbed.lock().unwrap_or_else(PoisonError::into_inner);
                let once = matches!(piece, Piece::Chunk(1..)) && !disturbed.contains(&asked.serial);
                if beside && once {
                    disturbed.push(asked.serial);
                    return change(bytes);
                }
                vec![send(bytes)]
            },
        ),
    ]
}
