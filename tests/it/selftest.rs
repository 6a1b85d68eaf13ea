//! The ledger of deviations, and `selftest` as its users run it. What caught each violation stands in a snapshot, so
//! that a change which costs a case its teeth shows in review: `.ci/matrix` compares it, with a release build, since a
//! debug build takes many minutes over it.

use std::collections::BTreeSet;

use clawcheck::case::reason_unobservable;
use clawcheck::contract::{Level, REQUIREMENTS, RequirementId};
use clawcheck::mock::{Deviation, Fixtures, Kind, MockConfig};
use serde_json::Value;

use crate::support::Run;

fn every() -> Vec<Deviation> {
    let fixtures = Fixtures::derive(MockConfig::default().seed);
    Kind::ALL
        .iter()
        .flat_map(|kind| Deviation::all(*kind, &fixtures))
        .collect()
}

fn number(kind: Kind) -> usize {
    every().iter().filter(|one| one.kind == kind).count()
}

#[test]
fn every_deviation_has_an_id_of_its_own_and_a_sentence() {
    let mut ids = BTreeSet::new();
    for one in every() {
        assert!(ids.insert(one.id.to_string()), "{} twice", one.id);
        assert!(
            one.id
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c)),
            "{}",
            one.id
        );
        assert!(one.says.ends_with('.'), "{}: {}", one.id, one.says);
        assert!(!one.about.is_empty(), "{}", one.id);
        if one.kind == Kind::Violation {
            let musts = one.about.iter().all(|id| id.level() == Level::Must);
            assert!(musts, "{} breaks what is no MUST", one.id);
        }
        if one.kind == Kind::Leniency {
            assert!(!one.settles.is_empty(), "{} settles nothing", one.id);
        }
    }
    assert!(number(Kind::Violation) >= 300);
    assert!(number(Kind::Leniency) >= 80);
    assert!(number(Kind::Flaw) >= 35);
}

#[test]
fn every_must_is_broken_by_a_violation() {
    let broken: BTreeSet<RequirementId> = every()
        .iter()
        .filter(|one| one.kind == Kind::Violation)
        .flat_map(|one| one.about.clone())
        .collect();
    let unbroken: Vec<String> = REQUIREMENTS
        .iter()
        .filter(|row| row.level == Level::Must && reason_unobservable(row.id).is_none())
        .filter(|row| !broken.contains(&row.id))
        .map(|row| row.id.to_string())
        .collect();
    assert_eq!(unbroken, Vec::<String>::new());
}

#[test]
fn some_of_each_kind_are_caught_left_alone_and_advised_against() {
    let run = Run::new([
        "selftest",
        "--only",
        "auth.revoked*",
        "--only",
        "honest",
        "--only",
        "error.code-*",
        "--only",
        "pairs.001",
        "--only",
        "auth.no-challenge*",
        "--jobs",
        "6",
        "--report",
        "json=report.json",
    ]);
    let (output, text) = run.output_and("report.json");
    assert_eq!(output.code, Some(0), "{}\n{}", output.stdout, output.stderr);
    let report: Value = serde_json::from_str(&text).expect("a report is JSON");
    assert_eq!(report["schema"], "selftest/1");
    assert_eq!(report["summary"]["failed"], 0);
    let results = report["results"].as_array().expect("results are an array");
    let violation = results
        .iter()
        .find(|result| result["id"] == "auth.revoked-forbidden")
        .expect("it was tried");
    assert_eq!(violation["outcome"], "pass");
    assert_eq!(violation["requirement"], "AUTH-4");
    let caught = violation["caught_by"].as_array().expect("cases");
    assert!(caught.iter().any(|id| id == "auth.revoked"), "{caught:?}");
}

#[test]
fn a_pattern_that_fits_nothing_is_an_error() {
    let output = Run::new(["selftest", "--only", "auth.revokd-forbidden"]).output();
    assert_eq!(output.code, Some(2));
    assert!(
        output
            .stderr
            .contains("did you mean `auth.revoked-forbidden`?"),
        "{}",
        output.stderr
    );
}
