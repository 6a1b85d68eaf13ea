//! FAULT: which code, when, and in which form.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::contract::{ErrorCode, FAULT_1, FAULT_2, FAULT_4};
use crate::mock::bending::{
    Seam, When, always, decision, pacing, raw, rewords, stream_events, swaps,
};
use crate::mock::deviation::{Deviation, leniency};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Decision, Guard};
use crate::mock::request::{Asked, Mode};
use crate::mock::stream::{Ending, Schedule};

pub(super) fn entries(fixtures: &Fixtures) -> Vec<Deviation> {
    let offline = || When::bot(&fixtures.bots.offline);
    let unreachable = || When::bot(&fixtures.bots.unreachable);
    let mut entries = vec![
        leniency(
            "fault.codes-swapped",
            [FAULT_1],
            "An agent that is offline gets container_error, one that can't be reached bot_offline.",
            &["fault.code"],
            [
                swaps(Guard::Agent, offline(), ErrorCode::ContainerError),
                swaps(Guard::Agent, unreachable(), ErrorCode::BotOffline),
            ],
        ),
        leniency(
            "fault.always-offline",
            [FAULT_1],
            "Whatever is wrong with the agent, it is bot_offline.",
            &["fault.code"],
            [swaps(Guard::Agent, unreachable(), ErrorCode::BotOffline)],
        ),
        leniency(
            "fault.retry-later",
            [FAULT_1],
            "A 503 asks to come back in half a minute.",
            &["fault.retry-after"],
            [rewords(Guard::Agent, always, |_, refusal| {
                if refusal.status == 503 {
                    refusal.retry_after = Some(30);
                }
            })],
        ),
        leniency(
            "fault.timeout-in-the-stream",
            [FAULT_4],
            "A stream whose agent times out begins with comments, and tells of the time-out in an error event.",
            &["fault.timeout-form"],
            timeout_in_stream(
                When::bot(&fixtures.bots.slow),
                "data: {\"error\":{\"code\":\"timeout\",\"message\":\"The agent did not answer.\"}}\n\n",
            ),
        ),
        leniency(
            "fault.timeout-in-a-named-event",
            [FAULT_4],
            "A stream whose agent times out begins with comments, and tells of the time-out in an event named error, before [DONE].",
            &["fault.timeout-form"],
            timeout_in_stream(
                When::bot(&fixtures.bots.slow),
                "event: error\ndata: {\"error\":{\"code\":\"timeout\",\"message\":\"The agent did not answer.\"}}\n\ndata: [DONE]\n\n",
            ),
        ),
    ];
    for (id, seconds) in [
        ("fault.timeout-after-112", 112),
        ("fault.timeout-after-149", 149),
    ] {
        entries.push(leniency(
            id,
            [FAULT_2],
            format!("The time-out comes after {seconds} s."),
            &["fault.timeout-time"],
            [rewords(Guard::Agent, always, move |_, refusal| {
                if refusal.code == ErrorCode::Timeout.as_str() {
                    refusal.after = refusal.after * seconds / 130;
                }
            })],
        ));
    }
    entries
}

/// How many comments go out before the error.
const COMMENTS: u32 = 10;

fn timeout_in_stream(slow: When, told: &'static str) -> [Seam; 3] {
    // The requests that are to wait, and how long.
    let waits: Arc<Mutex<HashMap<u64, Duration>>> = Arc::default();
    let wait_of = |waits: &Mutex<HashMap<u64, Duration>>, asked: &Asked| {
        waits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&asked.serial)
            .copied()
    };
    let (noted, paced) = (Arc::clone(&waits), Arc::clone(&waits));
    [
        decision(move |asked, decision| match decision {
            Decision::Refuse(refusal)
                if refusal.code == ErrorCode::Timeout.as_str()
                    && slow.holds(asked)
                    && asked.mode == Mode::Stream =>
            {
                noted
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(asked.serial, refusal.after);
                Decision::Answer {
                    mode: Mode::Stream,
                    place: None,
                }
            }
            decision => decision,
        }),
        pacing(always, move |asked, pacing| {
            if let Some(wait) = wait_of(&paced, asked) {
                let each = (0..COMMENTS).map(|nth| wait / COMMENTS * nth);
                pacing.schedule = Schedule::Each(each.chain([wait]).collect());
                pacing.ending = Ending::Clean(Duration::ZERO);
            }
        }),
        stream_events(always, move |asked, events| {
            if wait_of(&waits, asked).is_some() {
                *events = (0..COMMENTS).map(|_| raw(": wait\n\n")).collect();
                events.push(raw(told));
            }
        }),
    ]
}
