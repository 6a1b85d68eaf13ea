//! LIMIT and FAULT: codes that mislead, waits that do not help, and errors that tell too much.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderValue, header};

use crate::contract::{ERROR_2, ErrorCode, FAULT_1, FAULT_2, FAULT_3, LIMIT_1, LIMIT_2, LIMIT_3};
use crate::mock::bending::{Seam, always, decision, error_json, head, rewords, send, socket};
use crate::mock::deviation::{Deviation, flaw};
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::limits::Place;
use crate::mock::request::Mode;
use crate::mock::server::Connection;
use crate::mock::socket::{Outgoing, Tap};

pub(super) fn entries() -> Vec<Deviation> {
    let mut entries = vec![
        flaw(
            "limit.key-told-of-places",
            [LIMIT_1],
            "A key over its rate gets concurrent_limit.",
            [coded(Guard::KeyBudget, ErrorCode::ConcurrentLimit)],
        ),
        flaw(
            "limit.places-told-of-a-rate",
            [LIMIT_1],
            "A key over its places gets rate_limited.",
            [coded(Guard::Place, ErrorCode::RateLimited)],
        ),
        flaw(
            "limit.agent-told-as-a-user",
            [LIMIT_1],
            "An agent over its rate gets rate_limited, as if it were the user's.",
            [coded(Guard::BotBudget, ErrorCode::RateLimited)],
        ),
        flaw(
            "limit.waits-disagree",
            [LIMIT_2],
            "Retry-After asks for half a minute, retry_after for a second.",
            [header_says(|_| "30".to_owned())],
        )
        .slow(),
        flaw(
            "limit.header-with-a-fraction",
            [LIMIT_2],
            "Retry-After has a fraction, which HTTP does not know.",
            [header_says(|wait| format!("{wait}.5"))],
        ),
        flaw(
            "limit.header-in-words",
            [LIMIT_2],
            "Retry-After is a word.",
            [header_says(|_| "soon".to_owned())],
        ),
        flaw(
            "limit.header-negative",
            [LIMIT_2],
            "Retry-After is negative.",
            [header_says(|_| "-1".to_owned())],
        ),
        flaw(
            "limit.wait-of-an-iso-date",
            [LIMIT_2],
            "retry_after is a date in ISO 8601.",
            [error_json(always, |_, value| {
                if let Some(wait) = value.pointer_mut("/error/retry_after") {
                    *wait = "2020-01-01T00:00:00Z".into();
                }
            })],
        ),
        flaw(
            "limit.wait-too-short",
            [LIMIT_2],
            "retry_after is 0 whatever is left of the window: who obeys it is refused again.",
            [
                told(Guard::KeyBudget, |refusal| refusal.retry_after = Some(0)),
                told(Guard::BotBudget, |refusal| refusal.retry_after = Some(0)),
            ],
        ),
        flaw(
            "limit.places-of-clients-that-left",
            [LIMIT_3],
            "A place is lost if the client leaves before its stream's end.",
            lost_places(),
        )
        .slow(),
        flaw(
            "fault.unreachable-told-as-offline",
            [FAULT_1],
            "An agent whose container can't be reached gets bot_offline, with a wait.",
            [rewords(Guard::Agent, always, |_, refusal| {
                if refusal.code == ErrorCode::ContainerError.as_str() {
                    refusal.code = ErrorCode::BotOffline.as_str().into();
                    refusal.retry_after = Some(5);
                }
            })],
        ),
        flaw(
            "fault.offline-told-as-container-error",
            [FAULT_1],
            "An agent that is offline gets container_error.",
            [rewords(Guard::Agent, always, |_, refusal| {
                if refusal.code == ErrorCode::BotOffline.as_str() {
                    refusal.code = ErrorCode::ContainerError.as_str().into();
                }
            })],
        ),
    ];
    for (id, seconds) in [
        ("fault.timeout-after-70", 70),
        ("fault.timeout-after-380", 380),
    ] {
        entries.push(flaw(
            id,
            [FAULT_2],
            format!("The time-out comes after {seconds} s."),
            [rewords(Guard::Agent, always, move |_, refusal| {
                if refusal.code == ErrorCode::Timeout.as_str() {
                    refusal.after = refusal.after * seconds / 130;
                }
            })],
        ));
    }
    for (id, says, message) in [
        (
            "fault.shows-a-traceback",
            "A 500 shows a stack trace of Python.",
            "Traceback (most recent call last):\n  File \"chat.py\", line 212, in run\nKeyError: 3",
        ),
        (
            "fault.shows-a-stack",
            "A 500 shows a stack of Node.",
            "TypeError: x is not a function\n    at run (dist:12:7)\n    at process (node:95:5)",
        ),
        (
            "fault.shows-a-path",
            "A 500 shows a path of the server.",
            "ENOENT: no such file, /srv/agents/config.json",
        ),
        (
            "fault.shows-a-panic",
            "A 500 shows where the server panicked.",
            "thread 'main' panicked at src/chat.rs:12:5",
        ),
    ] {
        entries.push(flaw(
            id,
            [FAULT_3],
            says,
            [rewords(Guard::Agent, always, move |_, refusal| {
                if refusal.status == 500 {
                    refusal.message = message.into();
                }
            })],
        ));
    }
    entries.push(flaw(
        "fault.shows-the-key",
        [FAULT_3, ERROR_2],
        "A 500 shows the key.",
        [rewords(Guard::Agent, always, |asked, refusal| {
            if refusal.status == 500
                && let Some(Ok(key)) = asked.headers.get(header::AUTHORIZATION).map(|v| v.to_str())
            {
                refusal.message = format!("unexpected error for {key}").into();
            }
        })],
    ));
    entries
}

fn coded(at: Guard, code: ErrorCode) -> Seam {
    told(at, move |refusal| refusal.code = code.as_str().into())
}

fn told(at: Guard, change: impl Fn(&mut Refusal) + Send + Sync + 'static) -> Seam {
    rewords(at, always, move |_, refusal| change(refusal))
}

/// Says something else in Retry-After.
fn header_says(says: fn(&str) -> String) -> Seam {
    head(always, move |_, head| {
        for (name, value) in &mut head.fields {
            if *name == header::RETRY_AFTER
                && let Ok(other) = HeaderValue::from_str(&says(value.to_str().unwrap_or("1")))
            {
                *value = other;
            }
        }
    })
}

type Places = Arc<Mutex<HashMap<u64, Place>>>;

/// Gives a place back where the stream's last chunk goes out, and nowhere else.
fn lost_places() -> [Seam; 2] {
    let places: Places = Arc::default();
    let kept = Arc::clone(&places);
    [
        decision(move |asked, decision| match decision {
            Decision::Answer {
                mode: Mode::Stream,
                place: Some(place),
            } => {
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(asked.connection, place);
                Decision::Answer {
                    mode: Mode::Stream,
                    place: None,
                }
            }
            decision => decision,
        }),
        socket(move |connection| {
            Some(Box::new(Giving {
                connection: Arc::clone(connection),
                places: Arc::clone(&places),
            }))
        }),
    ]
}

struct Giving {
    connection: Arc<Connection>,
    places: Places,
}

impl Tap for Giving {
    fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        if bytes.ends_with(b"0\r\n\r\n") {
            self.places
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&self.connection.id);
        }
        out.push_back(send(bytes));
    }
}
