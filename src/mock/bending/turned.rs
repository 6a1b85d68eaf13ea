//! Errors that are told in another way: as answers, or in streams; and answers that become errors.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::contract::ErrorCode;
use crate::mock::guards::{Decision, Refusal};
use crate::mock::request::{Asked, Mode};
use crate::mock::stream::{Event, Schedule};

use super::{Seam, When, answer, decision, pacing, stream_events};

/// Refuses what would be answered, where the condition holds.
pub(in crate::mock) fn denies(
    when: impl Into<When>,
    refusal: impl Fn() -> Refusal + Send + Sync + 'static,
) -> Seam {
    let when = when.into();
    decision(move |asked, decision| match decision {
        Decision::Answer { .. } if when.holds(asked) => Decision::Refuse(refusal()),
        decision => decision,
    })
}

/// Refusals that were turned into answers, by the serial number of their request.
#[derive(Clone, Default)]
struct Turned(Arc<Mutex<HashMap<u64, Refusal>>>);

impl Turned {
    /// Turns the refusals with one of these codes into answers.
    fn seam(&self, codes: &'static [ErrorCode], when: impl Into<When>) -> Seam {
        let turned = self.clone();
        let when = when.into();
        decision(move |asked, decision| match decision {
            Decision::Refuse(refusal)
                if codes.iter().any(|code| code.as_str() == refusal.code) && when.holds(asked) =>
            {
                let mut all = turned.0.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(asked.serial, refusal);
                Decision::Answer {
                    mode: asked.mode,
                    place: None,
                }
            }
            decision => decision,
        })
    }

    fn of(&self, asked: &Asked) -> Option<Refusal> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&asked.serial).cloned()
    }
}

/// Tells of these errors in a 200 stream, where a stream was asked for: with these events. Its head goes out at once,
/// the events when the error would have been answered.
pub(in crate::mock) fn streamed(
    codes: &'static [ErrorCode],
    when: impl Into<When>,
    events: impl Fn(&Refusal) -> Vec<Event> + Send + Sync + 'static,
) -> [Seam; 3] {
    let turned = Turned::default();
    let (timed, told) = (turned.clone(), turned.clone());
    let streams = When::is(|asked| asked.mode == Mode::Stream);
    [
        turned.seam(codes, streams.and(when)),
        pacing(
            |_: &Asked| true,
            move |asked, pacing| {
                if let Some(refusal) = timed.of(asked) {
                    pacing.schedule = Schedule::Even {
                        first: refusal.after,
                        gap: Duration::ZERO,
                    };
                }
            },
        ),
        stream_events(
            |_: &Asked| true,
            move |asked, all| {
                if let Some(refusal) = told.of(asked) {
                    *all = events(&refusal);
                }
            },
        ),
    ]
}

/// Has the agent say that, with 200, in place of these errors.
pub(in crate::mock) fn apologises(
    codes: &'static [ErrorCode],
    when: impl Into<When>,
    text: &'static str,
) -> [Seam; 3] {
    let turned = Turned::default();
    let (timed, told) = (turned.clone(), turned.clone());
    [
        turned.seam(codes, when),
        pacing(
            |_: &Asked| true,
            move |asked, pacing| {
                if let Some(refusal) = timed.of(asked) {
                    pacing.schedule = Schedule::Even {
                        first: refusal.after,
                        gap: Duration::from_millis(2),
                    };
                }
            },
        ),
        answer(
            |_: &Asked| true,
            move |asked, answer| {
                if told.of(asked).is_some() {
                    answer.pieces = text.split_inclusive(' ').map(str::to_owned).collect();
                }
            },
        ),
    ]
}
