//! LIMIT, and the transients that may meet any request: which code, which wait, which form of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, header};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::contract::{
    ErrorCode, FAULT_1, FAULT_3, LIMIT_1, LIMIT_2, LIMIT_3, LIMIT_4, RequirementId,
};
use crate::mock::bending::{Seam, When, always, decision, error_json, head, rewords};
use crate::mock::deviation::{Deviation, leniency};
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::request::{Asked, Mode};

pub(super) fn entries() -> Vec<Deviation> {
    let mut entries = vec![
        leniency(
            "limit.retry-after-absent",
            [LIMIT_2],
            "A 429 says nothing of the wait.",
            &["limit.retry-after"],
            [
                told(Guard::KeyBudget, |refusal| refusal.retry_after = None),
                told(Guard::BotBudget, |refusal| refusal.retry_after = None),
            ],
        ),
        leniency(
            "limit.retry-after-null",
            [LIMIT_2],
            "retry_after is null, and there is no Retry-After.",
            &["limit.retry-after"],
            [waits(|wait| *wait = Value::Null), no_header()],
        ),
        leniency(
            "limit.retry-after-in-a-string",
            [LIMIT_2],
            "retry_after is a number in a string.",
            &["limit.retry-after"],
            [waits(|wait| *wait = wait.to_string().into())],
        ),
        leniency(
            "limit.retry-after-with-a-fraction",
            [LIMIT_2],
            "retry_after has a fraction.",
            &["limit.retry-after"],
            [waits(|wait| *wait = (seconds(wait) + 0.25).into())],
        ),
        leniency(
            "limit.retry-after-is-a-date",
            [LIMIT_2],
            "retry_after is an HTTP-date.",
            &["limit.retry-after"],
            [
                waits(|wait| *wait = date(seconds(wait)).into()),
                no_header(),
            ],
        ),
        leniency(
            "limit.retry-after-beside-the-error",
            [LIMIT_2],
            "retry_after stands beside the error object.",
            &["limit.retry-after"],
            [error_json(always, |_, value| {
                let inner = value
                    .get_mut("error")
                    .and_then(Value::as_object_mut)
                    .and_then(|error| error.shift_remove("retry_after"));
                if let Some(wait) = inner {
                    value["retry_after"] = wait;
                }
            })],
        ),
        leniency(
            "limit.retry-after-in-the-header-only",
            [LIMIT_2],
            "Only the Retry-After header tells the wait, as a date.",
            &["limit.retry-after"],
            [
                error_json(always, |_, value| {
                    if let Some(error) = value.get_mut("error").and_then(Value::as_object_mut) {
                        error.shift_remove("retry_after");
                    }
                }),
                head(always, |_, head| {
                    for (name, value) in &mut head.fields {
                        if *name == header::RETRY_AFTER
                            && let Some(wait) = value.to_str().ok().and_then(|v| v.parse().ok())
                            && let Ok(date) = HeaderValue::from_str(&date(wait))
                        {
                            *value = date;
                        }
                    }
                }),
            ],
        ),
        leniency(
            "limit.long-wait",
            [LIMIT_2],
            "A rate limit asks for a wait of an hour.",
            &["limit.wait"],
            [
                told(Guard::KeyBudget, longer),
                told(Guard::BotBudget, longer),
            ],
        ),
        leniency(
            "limit.only-streams-take-places",
            [LIMIT_3],
            "JSON answers take no place.",
            &["limit.places"],
            [decision(|_, decision| match decision {
                Decision::Answer {
                    mode: Mode::Json, ..
                } => Decision::Answer {
                    mode: Mode::Json,
                    place: None,
                },
                decision => decision,
            })],
        ),
        leniency(
            "limit.places-come-back-late",
            [LIMIT_3],
            "A place that a stream took is free again two seconds later, and not at once when the stream ends.",
            &["limit.places"],
            [decision(|_, decision| match decision {
                Decision::Answer {
                    mode: Mode::Stream,
                    place: Some(place),
                } => {
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_secs(2)).await;
                        drop(place);
                    });
                    Decision::Answer {
                        mode: Mode::Stream,
                        place: None,
                    }
                }
                decision => decision,
            })],
        ).slow(),
        leniency(
            "limit.sixty-a-second",
            [LIMIT_4],
            "Whoever asks, more than sixty requests in any second get 429 with retry_after 1.",
            &["limit.transients"],
            [sixty_a_second()],
        ).slow(),
    ];
    for (id, code) in [
        ("limit.code-of-a-user", ErrorCode::RateLimited),
        ("limit.code-of-an-agent", ErrorCode::BotRateLimited),
        ("limit.code-of-places", ErrorCode::ConcurrentLimit),
    ] {
        leniency_of_code(&mut entries, id, code);
    }
    for (id, about, code, often) in [
        (
            "limit.one-in-forty-429",
            LIMIT_4,
            ErrorCode::BotRateLimited,
            40,
        ),
        (
            "fault.one-in-forty-503",
            FAULT_1,
            ErrorCode::ContainerError,
            40,
        ),
        (
            "fault.one-in-sixty-500",
            FAULT_3,
            ErrorCode::InternalError,
            60,
        ),
        ("fault.one-in-sixty-504", LIMIT_4, ErrorCode::Timeout, 60),
    ] {
        entries.push(now_and_then(id, about, code, often));
    }
    entries
}

fn leniency_of_code(entries: &mut Vec<Deviation>, id: &'static str, code: ErrorCode) {
    // Another leniency may refuse at the same guard for another reason.
    let reword = move |refusal: &mut Refusal| {
        if refusal.status == code.status() {
            refusal.code = code.as_str().into();
        }
    };
    entries.push(leniency(
        id,
        [LIMIT_1],
        format!("Whatever limit was hit, the code is {code}."),
        &["limit.code"],
        [
            told(Guard::KeyBudget, reword),
            told(Guard::BotBudget, reword),
            told(Guard::Place, reword),
        ],
    ));
}

/// One request in so many is refused with that, whatever it asks.
fn now_and_then(id: &'static str, about: RequirementId, code: ErrorCode, often: u64) -> Deviation {
    let count = AtomicU64::new(0);
    leniency(
        id,
        [about],
        format!("One request in {often} gets {} {code}.", code.status()),
        &["limit.transients"],
        [decision(move |_, decision| {
            let nth = count.fetch_add(1, Ordering::Relaxed);
            // Not the very first ones: there the suite is told whether there is a point in going on.
            if matches!(decision, Decision::Preflight) || nth % often != often / 2 {
                return decision;
            }
            Decision::Refuse(Refusal::documented(code, "try again"))
        })],
    )
}

fn sixty_a_second() -> Seam {
    const SECOND: Duration = Duration::from_secs(1);
    let window: Mutex<VecDeque<Instant>> = Mutex::default();
    decision(move |asked, decision| {
        if matches!(decision, Decision::Preflight) {
            return decision;
        }
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        while window
            .front()
            .is_some_and(|first| asked.at.saturating_duration_since(*first) > SECOND)
        {
            window.pop_front();
        }
        if window.len() < 60 {
            window.push_back(asked.at);
            return decision;
        }
        drop(window);
        let refusal = Refusal::documented(ErrorCode::RateLimited, "too many requests");
        Decision::Refuse(refusal.retry_after(1))
    })
}

/// Changes the refusals of a limit.
fn told(at: Guard, change: impl Fn(&mut Refusal) + Send + Sync + 'static) -> Seam {
    rewords(at, always, move |_, refusal| change(refusal))
}

fn longer(refusal: &mut Refusal) {
    if refusal.retry_after.is_some() {
        refusal.retry_after = Some(3600);
    }
}

/// Changes the wait that the body of an error names, wherever it stands.
fn waits(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Seam {
    error_json(always, move |_, value| {
        for pointer in ["/error/retry_after", "/retry_after"] {
            if let Some(wait) = value.pointer_mut(pointer) {
                change(wait);
            }
        }
    })
}

fn no_header() -> Seam {
    head(When::is(|_: &Asked| true), |_, head| {
        head.remove(&header::RETRY_AFTER);
    })
}

fn seconds(wait: &Value) -> f64 {
    json!(wait).as_f64().unwrap_or(1.0)
}

/// The HTTP-date in so many seconds, rounded up.
fn date(seconds: f64) -> String {
    let now = Timestamp::now();
    let then = now
        .checked_add(SignedDuration::from_secs_f64(seconds.ceil() + 1.0))
        .unwrap_or(now);
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&then)
        .unwrap_or_default()
}
