//! The report for CI, as JUnit's XML: a suite for each group of requirements.
//!
//! What fails the run is a failure here, and nothing else is, so that a dashboard and the exit code agree:
//! an inconclusive test is skipped with its reason (it says nothing against the target), unless `--require-all`
//! makes it count; an advisory is a success with a note, unless `--strict` makes it count.

use super::exit::{Demands, Verdict, known_failure};
use super::text::{block, line, quotation};
use crate::contract::Level;
use crate::record::{Ended, Outcome, Record, TestResult};
use crate::report::text::timestamp;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use std::fmt::Write as _;
use std::io::{self, Write};

pub(super) fn write(record: &Record, demands: Demands, out: &mut dyn Write) -> io::Result<()> {
    let mut report = Report::new(format!("clawcheck {}", record.command));
    report.set_time(record.duration);
    let mut run = TestSuite::new("run");
    for (name, value) in [
        ("tool", format!("clawcheck {}", env!("CARGO_PKG_VERSION"))),
        ("target", line(&record.target)),
        ("started_at", timestamp(record.started_at)),
        ("requests", record.summary.requests.to_string()),
        ("completions", record.summary.completions.to_string()),
        ("must_untested", record.summary.must_untested.to_string()),
    ] {
        run.add_property(Property::new(name, value));
    }
    run.add_test_case(whole_run(record, demands));
    report.add_test_suite(run);
    for group in groups(record) {
        let mut suite = TestSuite::new(group);
        let of_group = |result: &&TestResult| group_of(result) == group;
        for result in record.results.iter().filter(of_group) {
            suite.add_test_case(test_case(record, demands, result));
        }
        let time = record
            .results
            .iter()
            .filter(of_group)
            .map(|r| r.duration)
            .sum();
        suite.set_time(time);
        report.add_test_suite(suite);
    }
    let xml = report.to_string().map_err(io::Error::other)?;
    out.write_all(xml.as_bytes())
}

/// `AUTH` of `AUTH-4`.
fn group_of(result: &TestResult) -> &'static str {
    let id = result.requirement.as_str();
    id.rsplit_once('-').map_or(id, |(group, _)| group)
}

fn groups(record: &Record) -> Vec<&'static str> {
    let mut groups = Vec::new();
    for result in &record.results {
        let group = group_of(result);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

/// The run as a whole: without it a run that tested nothing would read as green.
fn whole_run(record: &Record, demands: Demands) -> TestCase {
    let verdict = Verdict::of(record, demands);
    let why = match (&record.ended, verdict) {
        (Ended::Untestable(why) | Ended::Pointless(why), _) => Some(line(why)),
        (_, Verdict::Interrupted) => Some("interrupted".to_owned()),
        (_, Verdict::NothingTested) => Some("nothing was tested".to_owned()),
        (_, Verdict::Unproven) => Some(untested(record)),
        (_, Verdict::Broken | Verdict::NotStrict | Verdict::Kept | Verdict::Untestable) => None,
    };
    let status = why.map_or_else(TestCaseStatus::success, |why| {
        non_success(NonSuccessKind::Error, "run", why, String::new())
    });
    let mut case = TestCase::new("the target can be tested", status);
    case.set_classname("run").set_time(record.duration);
    case
}

fn untested(record: &Record) -> String {
    let mut text = "MUSTs without a verdict:".to_owned();
    for (requirement, why) in &record.untested {
        let _ = write!(text, " {requirement} ({})", line(why));
    }
    text
}

fn non_success(
    kind: NonSuccessKind,
    ty: &str,
    message: String,
    description: String,
) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(ty).set_message(message);
    if !description.is_empty() {
        status.set_description(description);
    }
    status
}

fn skipped(message: String) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message);
    status
}

fn test_case(record: &Record, demands: Demands, result: &TestResult) -> TestCase {
    let requirement = result.requirement.as_str();
    let fails = || {
        let (kind, message) = (NonSuccessKind::Failure, message(result));
        non_success(kind, requirement, message, details(result))
    };
    let fixed = record
        .unexpected_passes
        .iter()
        .find(|(id, _)| *id == result.id);
    let counts_as_gap = demands.require_all && result.requirement.level() == Level::Must;
    let mut note = None;
    let status = match result.outcome {
        Outcome::Fail => match known_failure(record, &result.id) {
            Some(reason) => skipped(format!("known failure: {}", line(reason))),
            None => fails(),
        },
        Outcome::Advice if demands.strict => fails(),
        Outcome::Advice => {
            note = Some(details(result));
            TestCaseStatus::success()
        }
        Outcome::Inconclusive if counts_as_gap => fails(),
        Outcome::Inconclusive => skipped(format!("inconclusive: {}", line(&result.message))),
        Outcome::Skip => skipped(line(&result.message)),
        Outcome::Pass => match fixed {
            Some((_, reason)) => {
                let message = format!("a known failure passes by now: {}", line(reason));
                if demands.strict {
                    non_success(NonSuccessKind::Failure, requirement, message, String::new())
                } else {
                    note = Some(message);
                    TestCaseStatus::success()
                }
            }
            None => TestCaseStatus::success(),
        },
    };
    let mut case = TestCase::new(result.id.as_str(), status);
    case.set_classname(requirement)
        .set_time(result.duration)
        .set_assertions(result.checks.len());
    case.add_property(Property::new("level", result.requirement.level().as_str()));
    if let Some(note) = note {
        case.set_system_out(note);
    }
    case
}

fn message(result: &TestResult) -> String {
    if !result.message.is_empty() {
        return line(&result.message);
    }
    match result.checks.iter().find(|check| check.is_finding()) {
        Some(check) => format!(
            "expected {}, got {}",
            line(&check.expected),
            line(&check.actual)
        ),
        None => result.outcome.as_str().to_owned(),
    }
}

fn details(result: &TestResult) -> String {
    let requirement = result.requirement.get();
    let mut text = String::new();
    let level = requirement.level.as_str().to_uppercase();
    let _ = writeln!(text, "{} ({level}): {}", requirement.id, requirement.text);
    if let Some(sentence) = result.cites.get().sentences.first() {
        let _ = writeln!(text, "\"{}\"", quotation(sentence));
    }
    for check in result.checks.iter().filter(|check| check.is_finding()) {
        let _ = writeln!(text, "{}:", line(&check.name));
        let _ = writeln!(text, "  expected {}", line(&check.expected));
        let _ = writeln!(text, "  actual   {}", line(&check.actual));
    }
    if !result.reproduce.is_empty() {
        let _ = writeln!(text, "try: {}", block(&result.reproduce));
    }
    if let Some(evidence) = &result.evidence {
        let _ = writeln!(
            text,
            "\n> {}",
            evidence.request().trim_end().replace('\n', "\n> ")
        );
        let _ = writeln!(
            text,
            "\n< {}",
            evidence.response().trim_end().replace('\n', "\n< ")
        );
    }
    text
}
