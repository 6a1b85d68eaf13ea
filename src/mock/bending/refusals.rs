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
