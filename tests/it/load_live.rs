//! The live view of a load run, as a terminal shows it.

use crate::support::assert_approved;
use clawcheck::contract::ErrorCode;
use clawcheck::record::load::ErrorClass;
use clawcheck::record::{Lately, Snapshot};
use clawcheck::report::load::{Live, Title};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

fn title() -> Title {
    Title {
        scenario: "chat-mixed".to_owned(),
        target: "https://staging.example".to_owned(),
        stages: ["ramp", "hold", "end\u{1b}[31m"]
            .map(str::to_owned)
            .to_vec(),
        variable: "rate_rps",
    }
}

/// A run at that second: twenty requests a second, of which one fails now and then.
fn at(second: u64) -> Snapshot {
    let mut classes = [None; 5];
    classes[0] = Some((ErrorClass::TruncatedStream, second / 5));
    classes[1] = Some((ErrorClass::Code(ErrorCode::RateLimited), 3));
    classes[2] = Some((ErrorClass::Dropped, 2));
    Snapshot {
        elapsed: S(second),
        measuring: second >= 5,
        measured: (S(second.saturating_sub(5)), S(80)),
        stage: Some(usize::from(second > 20)),
        sent: second * 20,
        succeeded: second * 19 + second % 3,
        errors: second / 5,
        throttled: 3,
        dropped: 2,
        in_flight: 20 + second % 7,
        contents: second * 800,
        lately: Lately {
            ttft_ms: Some((287.4, 1_412.8)),
            icl_ms: Some((20.1, 38.25)),
            lag_ms: Some(0.4),
        },
        classes,
        ..Snapshot::default()
    }
}

fn drawn(live: &Live, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it is memory");
    terminal
        .draw(|frame| live.draw(frame))
        .expect("it is memory");
    terminal.backend().to_string()
}

#[test]
fn it_shows_how_much_how_fast_what_fails_and_how_far() {
    let mut live = Live::new(title(), true);
    let mut all = String::new();
    all.push_str(&drawn(&live, (80, 24)));
    for second in 0..=34 {
        live.saw(at(second));
        live.saw(Snapshot {
            elapsed: S(second) + Duration::from_millis(500),
            ..at(second)
        });
    }
    all.push_str(&drawn(&live, (80, 24)));
    live.saw(Snapshot {
        draining: true,
        ..at(86)
    });
    live.ends();
    all.push_str(&drawn(&live, (120, 30)));
    assert_approved("load.live", &all);
}

#[test]
fn it_shows_the_probe_of_a_search() {
    let mut live = Live::new(title(), false);
    live.saw(Snapshot {
        probe: Some((4, 128.0)),
        ..at(30)
    });
    assert!(drawn(&live, (80, 24)).contains("probe 4: rate_rps 128"));
}

/// A window may be as small as it likes.
#[test]
fn it_fits_every_terminal() {
    let mut live = Live::new(title(), true);
    for second in 0..400 {
        live.saw(at(second));
    }
    for size in [(1, 1), (10, 3), (20, 200), (400, 2), (300, 60)] {
        let lines = drawn(&live, size).lines().count();
        assert_eq!(lines, usize::from(size.1), "{size:?}");
    }
    assert!(!drawn(&live, (80, 24)).contains('\u{1b}'));
}
