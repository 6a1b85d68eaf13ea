//! `clawcheck compare`: what counts as worse, and what does not.

use crate::support::load_record::{good, times};
use crate::support::record::{every_outcome, result};
use crate::support::{Run, assert_approved};
use clawcheck::compare::{Limit, Saved, SavedConform, compare};
use clawcheck::contract;
use clawcheck::record::comparison::{Comparison, Difference, What};
use clawcheck::record::load::{LoadRecord, Looks};
use clawcheck::record::{Distribution, Ended, Outcome, Record};
use clawcheck::report::comparison::{exit_code, write_terminal};
use clawcheck::report::load::read;
use clawcheck::report::{Demands, Detail, Kind, Look};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn conform_json(record: &Record) -> String {
    let mut bytes = Vec::new();
    Kind::Json
        .write(record, Demands::default(), &mut bytes)
        .expect("memory can be written");
    String::from_utf8(bytes).expect("it is UTF-8")
}

fn load_json(record: &LoadRecord) -> String {
    let mut bytes = Vec::new();
    Kind::Json
        .write_load(record, &mut bytes)
        .expect("memory can be written");
    String::from_utf8(bytes).expect("it is UTF-8")
}

fn compared(base: &str, new: &str, limits: &[&str]) -> Comparison {
    let limits: Vec<Limit> = limits
        .iter()
        .map(|text| Limit::parse(text).expect("it is a limit"))
        .collect();
    let read = |text: &str| match SavedConform::read(text) {
        Ok(saved) => Saved::Conform(Box::new(saved)),
        Err(_) => {
            let read = read(text).expect("it is a report");
            Saved::Load {
                version: read.version,
                record: Box::new(read.record),
            }
        }
    };
    compare(("base.json", "new.json"), &read(base), &read(new), &limits)
        .expect("they can be compared")
}

/// The comparison for programs, which keeps its schema.
fn json(comparison: &Comparison) -> String {
    let mut json = Vec::new();
    Kind::Json
        .write_comparison(comparison, &mut json)
        .expect("memory can be written");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/report-compare.schema.json");
    let schema = fs::read_to_string(path).expect("the schema is there");
    let schema: Value = serde_json::from_str(&schema).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let value: Value = serde_json::from_slice(&json).expect("it is JSON");
    let errors: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    String::from_utf8(json).expect("it is UTF-8")
}

fn page(comparison: &Comparison, detail: Detail) -> String {
    let look = Look {
        colour: false,
        width: 80,
        detail,
    };
    let mut page = Vec::new();
    write_terminal(comparison, look, &mut page).expect("memory can be written");
    String::from_utf8(page).expect("it is UTF-8")
}

/// The same for a comment on a change.
fn markdown(comparison: &Comparison) -> String {
    let mut text = Vec::new();
    Kind::Md
        .write_comparison(comparison, &mut text)
        .expect("memory can be written");
    String::from_utf8(text).expect("it is UTF-8")
}

/// A conformance run with these outcomes, all of one requirement each.
fn run(outcomes: &[(&str, Outcome)]) -> Record {
    let mut record = every_outcome();
    record.results = outcomes
        .iter()
        .map(|(id, outcome)| {
            let requirement = if id.starts_with("auth") {
                contract::AUTH_4
            } else {
                contract::STREAM_3
            };
            result(id, requirement, *outcome)
        })
        .collect();
    record
}

fn changes(base: &Record, new: &Record) -> (Vec<(String, &'static str)>, u8) {
    let comparison = compared(&conform_json(base), &conform_json(new), &[]);
    let code = exit_code(&comparison);
    let What::Conform(changes) = comparison.what else {
        panic!("these are conformance runs");
    };
    let told = changes
        .results
        .iter()
        .map(|changed| (changed.id.clone(), changed.change.as_str()))
        .collect();
    (told, code)
}

#[test]
fn only_what_is_newly_broken_is_worse() {
    use Outcome::{Advice, Fail, Inconclusive, Pass, Skip};
    let one = |id: &'static str, outcome| run(&[(id, outcome), ("stream.other", Pass)]);
    for (base, new, change, code) in [
        (Pass, Fail, Some("newly_broken"), 1),
        (Advice, Fail, Some("newly_broken"), 1),
        // It had no verdict, and nothing else said that its requirement was broken.
        (Skip, Fail, Some("newly_broken"), 1),
        (Inconclusive, Fail, Some("newly_broken"), 1),
        (Fail, Fail, Some("still_broken"), 0),
        (Fail, Pass, Some("mended"), 0),
        (Fail, Advice, Some("mended"), 0),
        (Fail, Skip, Some("newly_untested"), 0),
        (Pass, Inconclusive, Some("newly_untested"), 0),
        (Pass, Skip, Some("newly_untested"), 0),
        (Skip, Inconclusive, None, 0),
        (Skip, Pass, Some("newly_tested"), 0),
        (Pass, Advice, Some("newly_advised"), 0),
        (Advice, Pass, Some("advice_gone"), 0),
        (Pass, Pass, None, 0),
        (Advice, Advice, None, 0),
    ] {
        let (told, found) = changes(&one("auth.a", base), &one("auth.a", new));
        let told: Vec<&str> = told.iter().map(|(_, change)| *change).collect();
        assert_eq!(told, Vec::from_iter(change), "{base:?} → {new:?}");
        assert_eq!(found, code, "{base:?} → {new:?}");
    }
}

#[test]
fn a_failure_of_what_was_broken_already_is_no_news() {
    use Outcome::{Fail, Pass, Skip};
    let base = run(&[("auth.a", Fail), ("auth.b", Skip), ("stream.a", Pass)]);
    let new = run(&[("auth.a", Fail), ("auth.b", Fail), ("stream.a", Pass)]);
    let (told, code) = changes(&base, &new);
    assert!(
        told.contains(&("auth.b".to_owned(), "found_broken")),
        "{told:?}"
    );
    assert_eq!(code, 0);
    // Nor where the base came to nothing: whether it ever worked is not known.
    let mut base = run(&[("probe", Fail)]);
    base.ended = Ended::Pointless("plain requests get a 500".to_owned());
    let (told, code) = changes(&base, &run(&[("auth.a", Fail), ("stream.a", Pass)]));
    assert!(
        told.contains(&("auth.a".to_owned(), "found_broken")),
        "{told:?}"
    );
    assert_eq!(code, 0);
}

#[test]
fn a_new_run_that_tested_nothing_is_no_good_news() {
    let base = run(&[("auth.a", Outcome::Pass)]);
    let mut new = run(&[("auth.a", Outcome::Skip)]);
    new.ended = Ended::Untestable("nothing listens there".to_owned());
    let (_, code) = changes(&base, &new);
    assert_eq!(code, 3);
}

#[test]
fn the_page_tells_what_changed() {
    use Outcome::{Advice, Fail, Pass, Skip};
    let mut base = run(&[
        ("auth.gone", Pass),
        ("auth.mended", Fail),
        ("auth.same", Pass),
        ("auth.still", Fail),
        ("stream.broken", Pass),
        ("stream.untested", Pass),
        ("stream.advised", Pass),
    ]);
    let answer = |record: &mut Record, key: &str, answer: &str| {
        record.fingerprint.insert(key.to_owned(), answer.to_owned());
    };
    base.fingerprint.clear();
    answer(&mut base, "size.limit", "102400");
    let mut new = run(&[
        ("auth.mended", Pass),
        ("auth.same", Pass),
        ("auth.still", Fail),
        ("stream.broken", Fail),
        ("stream.untested", Skip),
        ("stream.advised", Advice),
    ]);
    new.fingerprint.clear();
    answer(&mut new, "size.limit", "65536");
    answer(&mut new, "error.place", "error.code");
    new.target = "https://new.example".to_owned();
    let comparison = compared(&conform_json(&base), &conform_json(&new), &[]);
    let json = json(&comparison);
    let pages = format!(
        "{}=== quiet\n{}=== md\n{}=== json\n{json}",
        page(&comparison, Detail::Verbose),
        page(&comparison, Detail::Quiet),
        markdown(&comparison)
    );
    assert_approved(
        "compare.conform",
        &pages.replace(env!("CARGO_PKG_VERSION"), "[version]"),
    );
}

/// Random numbers that are the same each time: the splitmix64 generator.
struct Random(u64);

impl Random {
    /// Between 0 and 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Times around 300 ms as real ones are: skewed, and with a mood that changes from second to second.
    fn answers(&mut self, slower: f64) -> (Distribution, Vec<Option<f64>>) {
        let mut all = Distribution::new("ms");
        let mut medians = Vec::new();
        for _ in 0..60 {
            let mood = 1.0 + 0.1 * (self.unit() - 0.5);
            let mut second: Vec<u64> = (0..50)
                .map(|_| {
                    let skewed = -(1.0 - self.unit()).ln();
                    ((200.0 + 100.0 * skewed) * mood * slower * 1e3) as u64
                })
                .collect();
            second.sort_unstable();
            medians.push(Some(second[25] as f64 / 1e3));
            second.into_iter().for_each(|us| all.record(us));
        }
        (all, medians)
    }
}

/// A run with these times, sixty seconds long.
fn measured(random: &mut Random, slower: f64) -> Saved {
    let mut record = good();
    let (times, medians) = random.answers(slower);
    record.measured.figures.request_latency = times.clone();
    record.measured.figures.time_to_first_token = times;
    record.windows.warm_up = Duration::ZERO;
    record.windows.measured = Duration::from_secs(60);
    record.series.t_s = (0..60).map(f64::from).collect();
    record.series.succeeded = vec![50; 60];
    record.series.ttft_p50_ms = medians;
    Saved::Load {
        version: "1".to_owned(),
        record: Box::new(record),
    }
}

fn is_worse(base: &Saved, new: &Saved, limits: &[Limit]) -> bool {
    let compared = compare(("base", "new"), base, new, limits);
    compared.expect("they can be compared").is_worse()
}

/// Each takes a while in a build without optimisation.
const PAIRS: i32 = 100;

#[test]
fn chance_is_no_difference_and_a_difference_is_found() {
    let mut random = Random(1);
    let rule = Limit::parse("time_to_first_token_ms.p95 > +10%").expect("it is a limit");
    let (mut alarms, mut found) = (0, 0);
    for _ in 0..PAIRS {
        let base = measured(&mut random, 1.0);
        let same = measured(&mut random, 1.0);
        alarms += i32::from(is_worse(&base, &same, &[]));
        let slower = measured(&mut random, 1.15);
        found += i32::from(is_worse(&base, &slower, std::slice::from_ref(&rule)));
    }
    assert!(
        alarms <= PAIRS / 20,
        "{alarms} of {PAIRS} equal pairs are told to differ"
    );
    assert!(
        found >= PAIRS * 19 / 20,
        "{found} of {PAIRS} true differences are found"
    );
}

#[test]
fn load_runs_are_laid_side_by_side() {
    let base = load_json(&good());
    let mut slower = good();
    slower.measured.figures.request_latency = times(2000, 500_000, 900_000);
    slower.checks.insert(
        contract::STREAM_4,
        Looks {
            checked: 400,
            failed: 3,
            advised: 0,
        },
    );
    let comparison = compared(&base, &load_json(&slower), &[]);
    let pages = format!(
        "{}=== md\n{}",
        page(&comparison, Detail::Normal),
        markdown(&comparison)
    );
    assert_approved(
        "compare.load",
        &pages.replace(env!("CARGO_PKG_VERSION"), "[version]"),
    );
    assert_eq!(exit_code(&comparison), 1);
    assert!(json(&comparison).contains("\"worse\""));
    let comparison = compared(&base, &base, &["request_latency_ms.p95 > +1%"]);
    let What::Load(differences) = &comparison.what else {
        panic!("these are load runs");
    };
    assert_eq!(differences.rows.len(), 1);
    assert_ne!(differences.rows[0].verdict, Difference::Worse);
    assert_eq!(exit_code(&comparison), 0);
}

#[test]
fn other_work_is_not_compared() {
    let base = load_json(&good());
    let mut value: Value = serde_json::from_str(&base).expect("it is JSON");
    value["scenario"]["sha256"] = "0".repeat(64).into();
    let output = Run::new(["compare", "base.json", "new.json"])
        .file("base.json", &base)
        .file("new.json", value.to_string())
        .output();
    assert_eq!(output.code, Some(2));
    assert!(
        output.text().contains("different scenarios"),
        "{}",
        output.text()
    );
}

#[test]
fn what_is_wrong_with_the_files_is_told_at_once() {
    let mut cut = load_json(&good());
    cut.truncate(cut.len() / 2);
    let output = Run::new([
        "compare",
        "base.json",
        "absent.json",
        "--fail-if",
        "time_to_first_tokn_ms.p95 > +10%",
        "--report",
        "html=x.html",
    ])
    .file("base.json", cut)
    .output();
    assert_eq!(output.code, Some(2));
    assert_approved("compare.errors", &output.text());
}

#[test]
fn two_runs_of_one_server_are_the_same() {
    // From end to end: what one command writes, the other reads.
    let folder = Run::new([
        "conform",
        "--only",
        "auth.*",
        "--quiet",
        "--report",
        "json=a.json",
    ]);
    let (output, report) = folder.output_and("a.json");
    assert_eq!(output.code, Some(0), "{}", output.text());
    let output = Run::new(["compare", "a.json", "b.json", "--report", "json=-"])
        .file("a.json", &report)
        .file("b.json", &report)
        .output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    let value: Value = serde_json::from_str(&output.stdout).expect("JSON, and nothing else");
    assert_eq!(value["schema"], "compare/1");
    assert_eq!(
        value["conform"]["results"].as_array().map(Vec::len),
        Some(0)
    );
}
