//! Decisions: who is refused, and how.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderName, HeaderValue};
use serde_json::json;

use crate::contract::{DONE, ErrorCode};
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::request::{Asked, Mode};
use crate::mock::stream::Event;

use super::{Seam, When, always, decision, guard, stream_events};

/// Lets through whom that guard would refuse.
pub(in crate::mock) fn forgives(at: Guard, when: impl Into<When>) -> Seam {
    let when = when.into();
    guard(move |asked, guard, verdict| {
        if guard == at && when.holds(asked) {
            Ok(())
        } else {
            verdict
        }
    })
}

/// Refuses whom that guard would let through.
pub(in crate::mock) fn refuses(at: Guard, when: impl Into<When>, code: ErrorCode) -> Seam {
    refuses_by(
        at,
        when,
        Refusal::documented(code, "the request was refused"),
    )
}

/// Refuses whom that guard would let through, with this.
pub(in crate::mock) fn refuses_by(at: Guard, when: impl Into<When>, refusal: Refusal) -> Seam {
    let when = when.into();
    guard(move |asked, guard, verdict| {
        if guard == at && verdict.is_ok() && when.holds(asked) {
            Err(refusal.clone())
        } else {
            verdict
        }
    })
}

/// Changes the refusals of that guard.
pub(in crate::mock) fn rewords(
    at: Guard,
    when: impl Into<When>,
    change: impl Fn(&Asked, &mut Refusal) + Send + Sync + 'static,
) -> Seam {
    let when = when.into();
    guard(move |asked, guard, verdict| {
        verdict.map_err(|mut refusal| {
            if guard == at && when.holds(asked) {
                change(asked, &mut refusal);
            }
            refusal
        })
    })
}

/// Answers the refusals of that guard with another documented error.
pub(in crate::mock) fn swaps(at: Guard, when: impl Into<When>, code: ErrorCode) -> Seam {
    rewords(at, when, move |_, refusal| {
        let message = std::mem::take(&mut refusal.message);
        let after = refusal.after;
        *refusal = Refusal {
            after,
            ..Refusal::documented(code, message)
        };
    })
}

/// Turns requests away before anything else is looked at, as an HTTP layer does: with a status, and a code that the
/// documentation has not.
pub(in crate::mock) fn turned_away(when: impl Into<When>, status: u16, code: &'static str) -> Seam {
    let when = when.into();
    guard(move |asked, guard, verdict| {
        if guard == Guard::Size && when.holds(asked) {
            Err(Refusal::other(status, code, "the request was refused"))
        } else {
            verdict
        }
    })
}

/// Answers as if all were well wherever the condition holds and the decision was to refuse with that status.
pub(in crate::mock) fn answered(status: u16, when: impl Into<When>) -> Seam {
    let when = when.into();
    decision(move |asked, decision| match decision {
        Decision::Refuse(refusal) if refusal.status == status && when.holds(asked) => {
            Decision::Answer {
                mode: asked.mode,
                place: None,
            }
        }
        decision => decision,
    })
}

/// Gives the refusals of that guard another status; their code stays.
pub(in crate::mock) fn restatus(at: Guard, when: impl Into<When>, status: u16) -> Seam {
    rewords(at, when, move |_, refusal| refusal.status = status)
}

/// Gives the refusals of that guard another code; their status stays.
pub(in crate::mock) fn recodes(at: Guard, when: impl Into<When>, code: &'static str) -> Seam {
    rewords(at, when, move |_, refusal| refusal.code = code.into())
}

/// Makes redirects of the refusals of that guard.
pub(in crate::mock) fn redirects(
    at: Guard,
    when: impl Into<When>,
    status: u16,
    location: &'static str,
) -> Seam {
    rewords(at, when, move |_, refusal| {
        *refusal = Refusal::other(status, "moved", "it is elsewhere");
        refusal.fields.push((
            HeaderName::from_static("location"),
            HeaderValue::from_static(location),
        ));
    })
}

/// Tells of refusals with one of those statuses inside a stream: 200, an event with the error, `[DONE]`.
pub(in crate::mock) fn told_in_stream(
    statuses: &'static [u16],
    when: impl Into<When>,
) -> [Seam; 2] {
    let when = when.into();
    let refused: Arc<Mutex<HashMap<u64, String>>> = Arc::default();
    let told = Arc::clone(&refused);
    [
        decision(move |asked, decision| match decision {
            Decision::Refuse(refusal)
                if statuses.contains(&refusal.status) && when.holds(asked) =>
            {
                let error =
                    json!({ "error": { "message": refusal.message, "code": refusal.code } });
                let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
                refused.insert(asked.serial, error.to_string());
                Decision::Answer {
                    mode: Mode::Stream,
                    place: None,
                }
            }
            decision => decision,
        }),
        stream_events(always, move |asked, events| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(error) = told.remove(&asked.serial) {
                *events = vec![Event::Data(error), Event::Data(DONE.to_owned())];
            }
        }),
    ]
}
