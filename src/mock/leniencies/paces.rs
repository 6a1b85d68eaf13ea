//! Times: nothing is judged by speed, the time-out aside.

use std::time::Duration;

use crate::contract::{ROUTE_1, STREAM_6};
use crate::mock::bending::{When, decision, pacing};
use crate::mock::deviation::{Deviation, leniency};
use crate::mock::guards::Decision;
use crate::mock::request::Asked;
use crate::mock::stream::Schedule;
use crate::mock::words::asks_for_long;

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A stream of an ordinary length.
fn short() -> When {
    When::stream().and(|asked: &Asked| !asks_for_long(asked.prompt()))
}

pub(super) fn entries() -> Vec<Deviation> {
    vec![
        leniency(
            "pace.first-chunk-late",
            [STREAM_6],
            "The first chunk of a stream comes 150 ms late.",
            &["pace.stream"],
            [pacing(When::stream(), |_, pacing| {
                if let Schedule::Even { first, gap } = &mut pacing.schedule {
                    *first += ms(150);
                    *gap = (*gap).max(ms(8));
                }
            })],
        ),
        leniency(
            "pace.long-gaps",
            [STREAM_6],
            "30 ms lie between the chunks of a short stream.",
            &["pace.stream"],
            [pacing(short(), |_, pacing| {
                if let Schedule::Even { gap, .. } = &mut pacing.schedule {
                    *gap = (*gap).max(ms(30));
                }
            })],
        ),
        leniency(
            "pace.silence-in-between",
            [STREAM_6],
            "One short stream in five is silent for 700 ms after its third chunk.",
            &["pace.stream"],
            [pacing(
                short().and(|asked: &Asked| asked.serial.is_multiple_of(5)),
                |_, pacing| {
                    let (before, after) = (pacing.schedule.due(2), ms(700));
                    let dues = (0..64).map(|nth| match nth {
                        0..=2 => pacing.schedule.due(nth),
                        _ => before + after + ms(2 * nth as u64), // the rest follows quickly
                    });
                    pacing.schedule = Schedule::Each(dues.collect());
                },
            )],
        ),
        leniency(
            "pace.at-once",
            [STREAM_6],
            "A short stream comes at once, all of it.",
            &["pace.stream"],
            [pacing(short(), |_, pacing| {
                pacing.schedule = Schedule::Each(vec![Duration::ZERO]);
            })],
        ),
        leniency(
            "pace.uneven-answers",
            [ROUTE_1],
            "A JSON answer takes up to 200 ms more, now much, now little.",
            &["pace.answers"],
            [pacing(When::json(), |asked, pacing| {
                if let Schedule::Even { first, .. } = &mut pacing.schedule {
                    *first += ms(asked.serial * 37 % 200);
                }
            })],
        ),
        leniency(
            "pace.slow-errors",
            [ROUTE_1],
            "An error takes 40 ms to come.",
            &["pace.errors"],
            [decision(|_, decision| match decision {
                Decision::Refuse(mut refusal) if refusal.after < ms(1000) => {
                    refusal.after += ms(40);
                    Decision::Refuse(refusal)
                }
                decision => decision,
            })],
        ),
    ]
}
