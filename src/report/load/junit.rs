//! The report for CI, as JUnit's XML: a threshold is a test, and so are the run itself, the contract's MUSTs and the
//! validity of the measurement. What fails the run is a failure or an error here, and nothing else is.

use super::exit::{Verdict, broken_musts};
use super::words;
use crate::record::load::{ErrorRow, LoadRecord, ThresholdOutcome, ThresholdRow};
use crate::report::text::timestamp;
use crate::report::text::{block, line};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use std::fmt::Write as _;
use std::io::{self, Write};

pub(super) fn write(record: &LoadRecord, out: &mut dyn Write) -> io::Result<()> {
    let mut report = Report::new("clawcheck load");
    report.set_time(record.duration);
    let mut run = TestSuite::new("run");
    run.set_time(record.duration);
    for (name, value) in [
        ("tool", format!("clawcheck {}", env!("CARGO_PKG_VERSION"))),
        ("target", line(&record.target)),
        ("scenario", line(&record.scenario.name)),
        ("scenario_sha256", line(&record.scenario.sha256)),
        ("seed", record.scenario.seed.to_string()),
        ("started_at", timestamp(record.started_at)),
        ("requests", record.measured.counts.sent.to_string()),
        ("completions", record.completions.to_string()),
    ] {
        run.add_property(Property::new(name, value));
    }
    run.add_test_case(whole_run(record));
    run.add_test_case(contract(record));
    run.add_test_case(validity(record));
    report.add_test_suite(run);
    let mut thresholds = TestSuite::new("thresholds");
    for threshold in &record.thresholds {
        thresholds.add_test_case(threshold_case(threshold));
    }
    report.add_test_suite(thresholds);
    let xml = report.to_string().map_err(io::Error::other)?;
    out.write_all(xml.as_bytes())
}

/// The run as a whole: without it a run that was aborted, or that met no target, could read as green.
fn whole_run(record: &LoadRecord) -> TestCase {
    let why: Vec<String> = Verdict::all_of(record)
        .into_iter()
        .filter(|verdict| match verdict {
            Verdict::Interrupted
            | Verdict::ShardMissing
            | Verdict::Unreached
            | Verdict::Aborted
            | Verdict::CutShort
            | Verdict::NoSuccess => true,
            // These have tests of their own.
            Verdict::ThresholdBroken
            | Verdict::ContractBroken
            | Verdict::Invalid
            | Verdict::Held => false,
        })
        .map(|verdict| words::says(record, verdict))
        .collect();
    let status = if why.is_empty() {
        TestCaseStatus::success()
    } else {
        non_success(NonSuccessKind::Error, "run", why.join("; "))
    };
    let mut case = case("the run came to a verdict", "run", status);
    case.set_time(record.duration);
    let mut text = format!("{}\n", words::outcomes(&record.measured));
    let _ = writeln!(text, "{}", words::rates(record));
    for note in &record.notes {
        let _ = writeln!(text, "note: {}", line(note));
    }
    case.set_system_out(text);
    case
}

fn contract(record: &LoadRecord) -> TestCase {
    let broken = broken_musts(record);
    let mut text = String::new();
    for (requirement, looks) in &broken {
        let (failed, checked) = (words::number(looks.failed), words::number(looks.checked));
        let sentence = requirement.get().text;
        let _ = writeln!(
            text,
            "{requirement}: {failed} of {checked} answers: {sentence}"
        );
    }
    for row in &record.errors {
        if row.requirement.is_some() {
            error(row, &mut text);
        }
    }
    let status = if broken.is_empty() || !record.contract_fails {
        TestCaseStatus::success()
    } else {
        let message = words::says(record, Verdict::ContractBroken);
        let mut status = non_success(NonSuccessKind::Failure, "contract", message);
        status.set_description(text.clone());
        status
    };
    let mut case = case("the contract's MUSTs hold under load", "contract", status);
    case.set_assertions(record.checks.len());
    if !record.contract_fails && !broken.is_empty() {
        case.set_system_out(format!("reported only (contract = \"report\"):\n{text}"));
    }
    case
}

fn error(row: &ErrorRow, text: &mut String) {
    let times = words::number(row.count);
    let _ = writeln!(text, "{} ({times}): {}", row.class, words::message(row));
    if !row.reproduce.is_empty() {
        let _ = writeln!(text, "try: {}", block(&row.reproduce));
    }
}

fn validity(record: &LoadRecord) -> TestCase {
    let mut text = String::new();
    for doubt in &record.validity.reasons {
        let _ = writeln!(text, "{}: {}", doubt.name, words::doubt(doubt));
    }
    let invalid = Verdict::all_of(record).contains(&Verdict::Invalid);
    let status = if invalid {
        let message = words::says(record, Verdict::Invalid);
        let mut status = non_success(NonSuccessKind::Failure, "validity", message);
        status.set_description(text.clone());
        status
    } else {
        TestCaseStatus::success()
    };
    let mut case = case("the measurement is valid", "validity", status);
    if !invalid && !text.is_empty() {
        case.set_system_out(text);
    }
    case
}

fn threshold_case(row: &ThresholdRow) -> TestCase {
    let value = row.value.map(words::exact);
    let value = value.unwrap_or_else(|| "nothing".to_owned());
    let interval = match words::interval(row.ci95) {
        interval if interval.is_empty() => interval,
        interval => format!(", 95 % interval {interval}"),
    };
    let aborted = if row.aborted_run {
        "; it ended the run"
    } else {
        ""
    };
    let message = match row.outcome {
        ThresholdOutcome::Pass => None,
        ThresholdOutcome::Fail => Some(format!("it is {value}{interval}{aborted}")),
        ThresholdOutcome::NoSamples => Some("there was no sample to judge it by".to_owned()),
    };
    let status = match message {
        Some(message) => non_success(NonSuccessKind::Failure, "threshold", message),
        None => TestCaseStatus::success(),
    };
    let mut case = case(&line(&row.rule), "thresholds", status);
    if row.outcome == ThresholdOutcome::Pass {
        case.set_system_out(format!("it is {value}{interval}"));
    }
    case
}

fn case(name: &str, class: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}

fn non_success(kind: NonSuccessKind, ty: &str, message: String) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(ty).set_message(message);
    status
}
