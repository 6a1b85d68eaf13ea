//! `conform --snapshots DIR`: answers that keep the contract and are no longer the approved ones.

use std::fs;
use std::path::{Path, PathBuf};

use clawcheck::mock::{Deviation, Deviations, Fixtures, Kind, Mock, MockConfig};
use serde_json::Value;

use crate::support::{Output, Run, assert_approved};

/// A mock that uses the contract's room in these ways, of the same fixtures whatever they are.
async fn lenient(ids: &[&str]) -> Mock {
    let config = MockConfig::default();
    let chosen: Vec<Deviation> = Deviation::all(Kind::Leniency, &Fixtures::derive(config.seed))
        .into_iter()
        .filter(|deviation| ids.contains(&deviation.id.as_ref()))
        .collect();
    assert_eq!(chosen.len(), ids.len());
    Mock::start(MockConfig {
        bend: Deviations::new(chosen),
        ..config
    })
    .await
    .expect("a free port can be had")
}

/// Runs some cases against a mock, in a folder.
fn conform(mock: &Mock, folder: &Path, flags: &str) -> (Output, Value) {
    fs::write(folder.join("mock.toml"), mock.profile_toml()).expect("it can be written");
    let line = format!(
        "clawcheck conform --profile mock.toml --only 'auth.*' --only 'route.good*' --report json=report.json {flags}"
    );
    let (output, report) = Run::shell(&line, folder).output_and("report.json");
    let report = serde_json::from_str(&report).expect("a report is JSON");
    (output, report)
}

fn folder() -> PathBuf {
    Run::new([]).path("")
}

fn notes(report: &Value) -> String {
    report["notes"].to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approved_answers_come_again_and_other_ones_are_advice() {
    let folder = folder();
    let mock = lenient(&[]).await;
    let (output, report) = conform(&mock, &folder, "--snapshots approved --accept");
    assert_eq!(output.code, Some(0), "{}", output.text());
    let files = fs::read_dir(folder.join("approved"))
        .expect("it was made")
        .count();
    let results = report["results"].as_array().expect("an array");
    let answered = results
        .iter()
        .filter(|result| !result["evidence"].is_null())
        .count();
    assert!(files > 20, "{files}");
    assert!(files <= answered, "{files} of {answered}");
    let refused =
        fs::read_to_string(folder.join("approved/auth.unknown-key.snap")).expect("it was approved");
    assert_approved("drift.error", &refused);
    let stream = fs::read_to_string(folder.join("approved/route.good.stream.snap"))
        .expect("it was approved");
    assert_approved("drift.stream", &stream);

    // The same server, another day: another port, other ids, times and words.
    let again = Mock::start(MockConfig {
        chunks: 7,
        ..MockConfig::default()
    })
    .await
    .expect("a free port can be had");
    let (output, report) = conform(&again, &folder, "--snapshots approved --strict");
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(
        notes(&report).contains(&format!("{files} the same, 0 drifted")),
        "{}",
        notes(&report)
    );

    // Errors in another form, as legal as before.
    let drifted = lenient(&["error.code-in-type"]).await;
    let (output, report) = conform(&drifted, &folder, "--snapshots approved");
    assert_eq!(output.code, Some(0), "{}", output.text());
    let result = report["results"]
        .as_array()
        .and_then(|results| {
            results
                .iter()
                .find(|result| result["id"] == "auth.unknown-key")
        })
        .expect("the case ran");
    assert_eq!(result["outcome"], "advice", "{result}");
    let check = result["checks"]
        .as_array()
        .and_then(|checks| checks.iter().find(|check| check["name"] == "drift"))
        .expect("drift is a check");
    assert_approved(
        "drift.difference",
        check["actual"].as_str().expect("it is text"),
    );
    assert!(report["summary"]["advised"].as_u64() > Some(20), "{report}");
    assert_eq!(
        report["summary"]["passed"].as_u64().unwrap_or(0)
            + report["summary"]["advised"].as_u64().unwrap_or(0),
        report["results"]
            .as_array()
            .map(|results| results
                .iter()
                .filter(|result| matches!(result["outcome"].as_str(), Some("pass" | "advice")))
                .count() as u64)
            .unwrap_or(0),
        "the counts are those of the results"
    );
    let (output, _) = conform(&drifted, &folder, "--snapshots approved --strict");
    assert_eq!(output.code, Some(1), "{}", output.text());

    // Approved, it is what comes from now on.
    let (output, _) = conform(&drifted, &folder, "--snapshots approved --accept");
    assert_eq!(output.code, Some(0), "{}", output.text());
    let (output, _) = conform(&drifted, &folder, "--snapshots approved --strict");
    assert_eq!(output.code, Some(0), "{}", output.text());
}

/// Two runs see the same answers, every case of the suite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_drifts_by_itself() {
    let folder = folder();
    let run = |flags: &str| {
        let line = format!("clawcheck conform --snapshots approved --report json=r.json {flags}");
        let (output, report) = Run::shell(&line, &folder).output_and("r.json");
        assert_eq!(output.code, Some(0), "{}", output.text());
        notes(&serde_json::from_str(&report).expect("a report is JSON"))
    };
    run("--accept");
    let notes = run("--strict");
    assert!(notes.contains(" 0 drifted"), "{notes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_told_before_anything_is_sent() {
    let folder = folder();
    fs::create_dir(folder.join("bad")).expect("it can be made");
    fs::write(folder.join("bad/auth.unknown-key.snap"), "no head\n").expect("it can be written");
    fs::write(folder.join("file"), "").expect("it can be written");
    let mut all = String::new();
    for flags in [
        "--snapshots none",
        "--snapshots bad",
        "--snapshots file",
        "--snapshots file --accept",
        "--accept",
    ] {
        let output = Run::shell(&format!("clawcheck conform {flags}"), &folder).output();
        assert_eq!(output.code, Some(2), "{flags}: {}", output.text());
        all.push_str(&format!("## {flags}\n{}\n", output.stderr));
    }
    assert_approved("drift.mistakes", &all);
}

/// What insta writes is read, and what is written insta reads.
#[test]
fn the_format_is_instas() {
    let folder = folder();
    let text = "401\ncontent-type: application/json\n\n{\n  \"a\": \"---\"\n}";
    fs::write(
        folder.join("ours.snap"),
        clawcheck::drift::snapshot("auth.unknown-key", text),
    )
    .expect("it can be written");
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("ours", text));
    let theirs = "---\nsource: tests/api.rs\nassertion_line: 7\nexpression: answer\n---\n401\n";
    assert_eq!(clawcheck::drift::contents(theirs), Ok("401\n".to_owned()));
    assert_eq!(
        clawcheck::drift::contents(&clawcheck::drift::snapshot("x", text)),
        Ok(format!("{text}\n"))
    );
}
