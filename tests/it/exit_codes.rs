//! The exit code, over every combination of what a run can come to.

use crate::support::record::{empty, result};
use clawcheck::contract;
use clawcheck::record::{Ended, Outcome, Record};
use clawcheck::report::{Demands, exit_code};

fn record(outcomes: &[Outcome]) -> Record {
    let mut record = empty();
    for outcome in outcomes {
        record
            .results
            .push(result(outcome.as_str(), contract::AUTH_1, *outcome));
    }
    record
}

fn code(record: &Record, strict: bool, require_all: bool) -> u8 {
    exit_code(
        record,
        Demands {
            strict,
            require_all,
        },
    )
}

#[test]
fn each_way_to_end_has_its_code() {
    use Outcome::{Advice, Fail, Inconclusive, Pass, Skip};
    // outcomes, then the code: as it is, strict, require-all
    let table: &[(&[Outcome], [u8; 3])] = &[
        (&[], [3, 3, 3]),
        (&[Pass], [0, 0, 0]),
        (&[Fail], [1, 1, 1]),
        (&[Advice], [0, 1, 0]),
        (&[Skip], [3, 3, 3]),
        (&[Inconclusive], [3, 3, 3]),
        (&[Skip, Inconclusive], [3, 3, 3]),
        (&[Pass, Skip], [0, 0, 0]),
        (&[Pass, Inconclusive], [0, 0, 1]),
        (&[Pass, Advice], [0, 1, 0]),
        (&[Pass, Fail], [1, 1, 1]),
        (&[Fail, Inconclusive, Skip], [1, 1, 1]),
    ];
    for (outcomes, [plain, strict, all]) in table {
        let record = record(outcomes);
        assert_eq!(code(&record, false, false), *plain, "{outcomes:?}");
        assert_eq!(code(&record, true, false), *strict, "{outcomes:?} strict");
        assert_eq!(code(&record, false, true), *all, "{outcomes:?} require-all");
    }
}

#[test]
fn known_failures_are_forgiven_and_mended_ones_are_not_strictly() {
    let mut known = record(&[Outcome::Fail]);
    known.expected_failures = vec![("fail".to_owned(), "ticket".to_owned())];
    assert_eq!(
        [code(&known, false, false), code(&known, true, true)],
        [0, 0]
    );
    let mut mended = record(&[Outcome::Pass]);
    mended.unexpected_passes = vec![("pass".to_owned(), "ticket".to_owned())];
    assert_eq!(
        [code(&mended, false, false), code(&mended, true, false)],
        [0, 1]
    );
    let mut untested = record(&[Outcome::Pass]);
    untested.untested = vec![(contract::AUTH_4, "needs keys.revoked".to_owned())];
    assert_eq!(
        [code(&untested, false, false), code(&untested, false, true)],
        [0, 1]
    );
}

/// Whatever else holds: an interruption is 130, an untestable target 3, a broken MUST 1, nothing tested never 0,
/// and a demand never makes a code better.
#[test]
fn every_combination_keeps_the_promises() {
    let ends = [
        Ended::Completed,
        Ended::FailFast,
        Ended::Interrupted,
        Ended::Untestable("no connection".to_owned()),
        Ended::Pointless("a redirect".to_owned()),
    ];
    for (bits, end) in (0..256u32).flat_map(|bits| ends.iter().map(move |end| (bits, end))) {
        let has = |bit: u32| bits & (1 << bit) != 0;
        let outcomes: Vec<Outcome> = Outcome::ALL
            .into_iter()
            .zip(0..)
            .filter(|(_, bit)| has(*bit))
            .map(|(outcome, _)| outcome)
            .collect();
        let mut record = record(&outcomes);
        record.ended = end.clone();
        if has(5) {
            record.expected_failures = vec![("fail".to_owned(), String::new())];
        }
        if has(6) {
            record.unexpected_passes = vec![("pass".to_owned(), String::new())];
        }
        if has(7) {
            record.untested = vec![(contract::AUTH_4, String::new())];
        }
        let codes = [(false, false), (true, false), (false, true), (true, true)]
            .map(|(strict, require_all)| code(&record, strict, require_all));
        let judged = outcomes
            .iter()
            .any(|outcome| !matches!(outcome, Outcome::Skip | Outcome::Inconclusive));
        let broken = outcomes.contains(&Outcome::Fail) && !has(5);
        for got in codes {
            match end {
                Ended::Interrupted => assert_eq!(got, 130),
                Ended::Untestable(_) => assert_eq!(got, 3),
                Ended::Pointless(_) => assert_eq!(got, 1),
                Ended::Completed | Ended::FailFast if broken => assert_eq!(got, 1),
                Ended::Completed | Ended::FailFast if !judged => assert_eq!(got, 3),
                Ended::Completed | Ended::FailFast => assert!(got <= 1),
            }
            assert!(got >= codes[0], "{outcomes:?} {end:?} {codes:?}");
        }
    }
}
