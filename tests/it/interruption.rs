//! Signals: the first lets what runs finish, the second abandons it, and no way out loses the report. When a signal
//! is sent is decided by what the server saw.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clawcheck::contract::ErrorCode;
use clawcheck::mock::{Decision, Mock, MockConfig, Refusal};
use serde_json::Value;

use crate::raw::patiently;
use crate::support::bent::{self, Bent};
use crate::support::{Output, Run, finish};

/// Answers so many requests, and none of those that come after.
async fn stuck_after(requests: usize) -> (Mock, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let mock = bent::start(Bent {
        decision: Some(Box::new(move |_, decision| {
            if count.fetch_add(1, Ordering::SeqCst) < requests {
                return decision;
            }
            Decision::Refuse(Refusal {
                after: Duration::from_secs(3600),
                ..Refusal::documented(ErrorCode::Timeout, "Never told.")
            })
        })),
        ..Bent::default()
    })
    .await;
    (mock, seen)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .expect("kill is there");
    assert!(sent.success());
}

fn run(mock: &Mock) -> Run {
    Run::new([
        "conform",
        "--profile",
        "mock.toml",
        "--only",
        "AUTH-*",
        "--jobs",
        "2",
        "--report",
        "json=report.json",
        "--report",
        "har=report.har",
    ])
    .file("mock.toml", mock.profile_toml())
    .stdout(Stdio::piped())
}

fn report(path: &std::path::Path) -> Value {
    let read = |path: &std::path::Path| -> Value {
        let text = std::fs::read_to_string(path).expect("the report was written");
        serde_json::from_str(&text).expect("a report is JSON")
    };
    // What is written as exchanges come is ended all the same.
    let archive = read(&path.with_extension("har"));
    let entries = archive["log"]["entries"].as_array().map(Vec::len);
    let report = read(path);
    let requests = report["summary"]["requests"].as_u64();
    // At the third signal nothing was counted.
    assert!(
        entries.map(|n| n as u64) == requests || requests == Some(0),
        "{entries:?}"
    );
    report
}

fn assert_interrupted(output: &Output, report: &Value) {
    assert_eq!(output.code, Some(130), "{}", output.text());
    assert_eq!(report["ended"]["how"], "interrupted", "{report}");
    let results = report["results"].as_array().expect("results are an array");
    let passed = results.iter().filter(|result| result["outcome"] == "pass");
    assert!(passed.count() >= 5, "what ran is told: {report}");
    let abandoned = results.iter().any(|result| {
        let message = result["message"].as_str().unwrap_or_default();
        result["outcome"] == "inconclusive" && message.contains("interrupted")
    });
    assert!(abandoned, "what was under way is told: {report}");
    assert!(
        output.stdout.contains("interrupted"),
        "the summary says so: {}",
        output.stdout
    );
    let failed = &report["summary"]["failed"];
    assert_eq!(
        failed, 0,
        "an abandoned request is nobody's failure: {report}"
    );
}

/// After the first signal nothing new is begun; what never finishes is left after some seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_signal_lets_what_runs_finish() {
    for name in ["-INT", "-TERM"] {
        let (mock, seen) = stuck_after(16).await;
        let mut run = run(&mock);
        let path = run.path("report.json");
        let mut child = run.spawn();
        patiently(mock.wait_until(|journal| journal.waiting == 2)).await;
        let before = seen.load(Ordering::SeqCst);
        signal(&child, name);
        let stderr = child.stderr.take().expect("it is piped");
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let told: Vec<String> = lines.collect();
        assert!(
            told.iter()
                .any(|line| line.contains("stop") || line.contains("interrupt")),
            "{told:#?}"
        );
        let output = finish(child);
        assert_interrupted(&output, &report(&path));
        assert_eq!(seen.load(Ordering::SeqCst), before, "nothing new was sent");
    }
}

/// The second signal does not wait: the server still holds both requests when the program is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_signal_abandons_what_runs() {
    let (mock, _) = stuck_after(16).await;
    let mut run = run(&mock);
    let path = run.path("report.json");
    let mut child = run.spawn();
    patiently(mock.wait_until(|journal| journal.waiting == 2)).await;
    signal(&child, "-INT");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !(line.contains("stop") || line.contains("interrupt")) {
        line.clear();
        let count = stderr.read_line(&mut line).expect("it is UTF-8");
        assert!(count > 0, "it says that it ends");
    }
    signal(&child, "-TERM");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("it is UTF-8");
    let output = finish(child);
    assert_interrupted(&output, &report(&path));
    assert!(!rest.contains("panicked"), "{rest}");
}

/// A run that is interrupted at its first question has a report too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_before_the_first_answer_leaves_a_report() {
    let (mock, _) = stuck_after(0).await;
    let mut run = run(&mock);
    let path = run.path("report.json");
    let child = run.spawn();
    patiently(mock.wait_until(|journal| journal.waiting == 1)).await;
    signal(&child, "-INT");
    signal(&child, "-INT");
    let output = finish(child);
    assert_eq!(output.code, Some(130), "{}", output.text());
    assert_eq!(report(&path)["ended"]["how"], "interrupted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_standard_output_is_no_panic() {
    let mock = Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had");
    let folder = || ["--profile", "mock.toml", "--only", "AUTH-*"];
    for args in [
        ["conform", "--verbose"]
            .into_iter()
            .chain(folder())
            .collect::<Vec<_>>(),
        ["conform", "--report", "json=-"]
            .into_iter()
            .chain(folder())
            .collect(),
        ["conform", "--dry-run"]
            .into_iter()
            .chain(folder())
            .collect(),
        vec!["list"],
    ] {
        let mut run = Run::new(args.iter().copied())
            .file("mock.toml", mock.profile_toml())
            .stdout(Stdio::piped());
        let mut child = run.spawn();
        let stdout = child.stdout.take().expect("it is piped");
        let mut first = String::new();
        BufReader::with_capacity(1, stdout)
            .read_line(&mut first)
            .expect("it is UTF-8");
        // `finish` fails where standard error tells of a panic.
        let output = finish(child);
        assert_eq!(output.code, Some(0), "{args:?}: {}", output.text());
    }
}
