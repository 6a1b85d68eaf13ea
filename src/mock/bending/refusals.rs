//! Decisions: who is refused, and how.

use crate::contract::ErrorCode;
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::request::Asked;

use super::{Seam, When, decision, guard};

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
    let when = when.into();
    guard(move |asked, guard, verdict| {
        if guard == at && verdict.is_ok() && when.holds(asked) {
            Err(Refusal::documented(code, "the request was refused"))
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
