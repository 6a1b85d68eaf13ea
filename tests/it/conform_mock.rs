//! `conform` against the mock, through the library and through the binary: clean on the honest one, and each option
//! does what it says.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clawcheck::conform::Options;
use clawcheck::mock::{Decision, Guard, Head, Mock, MockConfig, Mode};
use clawcheck::record::{Ended, Outcome};
use serde_json::Value;

use crate::support::bent::{self, Bent, told};
use crate::support::{Output, Run, assert_approved, assert_approved_but, finish};

async fn honest() -> Mock {
    Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had")
}

/// A run of the binary against a mock of this test's own; the profile stands in its folder.
fn against<'a>(mock: &Mock, args: impl IntoIterator<Item = &'a str>) -> Run {
    let all = ["conform", "--profile", "mock.toml"]
        .into_iter()
        .chain(args);
    Run::new(all).file("mock.toml", mock.profile_toml())
}

fn reported(run: Run) -> (Output, Value) {
    let (output, text) = run.output_and("report.json");
    let report = serde_json::from_str(&text).expect("a report is JSON");
    (output, report)
}

const REPORT: [&str; 2] = ["--report", "json=report.json"];

fn ids(report: &Value) -> Vec<&str> {
    let results = report["results"].as_array().expect("results are an array");
    let ids = results.iter().filter_map(|result| result["id"].as_str());
    ids.collect()
}

fn outcome<'r>(report: &'r Value, id: &str) -> Option<&'r str> {
    let results = report["results"].as_array().expect("results are an array");
    let result = results.iter().find(|result| result["id"] == id)?;
    result["outcome"].as_str()
}

/// Whatever follows the prefix of the mock's keys, the last four characters aside, is a secret.
fn assert_none_of_its_keys(mock: &Mock, text: &str) {
    let keys = &mock.fixtures().keys;
    for key in [
        &keys.valid,
        &keys.revoked,
        &keys.foreign,
        &keys.rate_limited,
        &keys.concurrency_limited,
    ] {
        let secret = key.expose().trim_start_matches("clawbite_sk_");
        let secret = &secret[..secret.len() - 4];
        assert!(!text.contains(secret), "a key stands in: {text}");
    }
}

/// A server that breaks one MUST: a revoked key opens the door.
fn opens_to_revoked(revoked: Arc<Mutex<Vec<String>>>) -> Bent {
    Bent {
        guard: Some(Box::new(move |asked, guard, verdict| {
            let key = asked.headers.get("authorization");
            let key = key.and_then(|key| key.to_str().ok()).unwrap_or_default();
            let revoked = revoked.lock().expect("no test panics with it");
            if guard == Guard::Key && revoked.iter().any(|revoked| key.ends_with(revoked)) {
                return Ok(());
            }
            verdict
        })),
        ..Bent::default()
    }
}

/// A mock that breaks AUTH-4 alone.
async fn leaky() -> Mock {
    let keys = Arc::new(Mutex::new(Vec::new()));
    let mock = bent::start(opens_to_revoked(Arc::clone(&keys))).await;
    let revoked = mock.fixtures().keys.revoked.expose().to_owned();
    keys.lock().expect("no test panics with it").push(revoked);
    mock
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_honest_mock_comes_out_clean() {
    let mock = honest().await;
    let record = bent::conform(&mock, &Options::default()).await;
    let unwanted = [Outcome::Fail, Outcome::Inconclusive, Outcome::Skip];
    assert_eq!(told(&record, &unwanted), Vec::<String>::new());
    assert_eq!(record.ended, Ended::Completed);
    assert_eq!(record.summary.must_untested, 0, "{:?}", record.untested);
    let journal = mock.journal();
    assert!(record.summary.completions <= 40, "{:?}", record.summary);
    assert!(journal.completions <= 40, "{journal:?}");
    assert_none_of_its_keys(&mock, &format!("{record:?}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_binary_says_the_same_and_shows_no_key() {
    let mock = honest().await;
    let run = against(
        &mock,
        [
            "--verbose",
            "--strict",
            "--require-all",
            "--report",
            "json=report.json",
            "--report",
            "junit=report.xml",
        ],
    );
    let xml = run.path("report.xml");
    let (output, report) = reported(run);
    assert_eq!(output.code, Some(0), "{}", output.text());
    let summary = &report["summary"];
    for count in [
        "failed",
        "inconclusive",
        "skipped",
        "advised",
        "must_untested",
    ] {
        assert_eq!(summary[count], 0, "{count}: {}", output.stdout);
    }
    assert!(summary["completions"].as_u64() <= Some(40), "{summary}");
    assert!(mock.journal().completions <= 40, "{:?}", mock.journal());
    let xml = std::fs::read_to_string(xml).expect("the report was written");
    for text in [&output.stdout, &output.stderr, &report.to_string(), &xml] {
        assert_none_of_its_keys(&mock, text);
    }
}

#[cfg(unix)]
#[test]
fn the_profile_that_the_mock_writes_tests_it_in_full() {
    use std::io::BufRead as _;
    let mut mock = Run::new([
        "mock",
        "--listen",
        "127.0.0.1:0",
        "--time-scale",
        "0.01",
        "--profile-out",
        "mock.toml",
    ])
    .stdout(Stdio::piped());
    let profile = mock.path("mock.toml");
    let mut serving = mock.spawn();
    let stdout = serving.stdout.take().expect("it is piped");
    let mut lines = std::io::BufReader::new(stdout).lines();
    let first = lines.next().expect("a line").expect("it is UTF-8");
    assert!(first.starts_with("listening on"), "{first}");
    let text = std::fs::read_to_string(&profile).expect("it was written before the line");
    let run = Run::new([
        "conform",
        "--profile",
        "mock.toml",
        "--require-all",
        "--report",
        "json=report.json",
    ])
    .file("mock.toml", text);
    let (output, report) = reported(run);
    std::process::Command::new("kill")
        .args(["-TERM", &serving.id().to_string()])
        .status()
        .expect("kill is there");
    assert_eq!(finish(serving).code, Some(0));
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert_eq!(report["summary"]["skipped"], 0, "{}", output.stdout);
    assert_eq!(report["summary"]["must_untested"], 0, "{}", output.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_a_key_and_a_bot_are_enough() {
    let mock = honest().await;
    let url = mock.base_url();
    for (demand, code) in [(None, 0), (Some("--require-all"), 1)] {
        let args = ["conform", "--target", &url].into_iter().chain(REPORT);
        // The mock's clock is not told here, so that what waits for it would take minutes: it has no fixture anyway.
        let run = Run::new(args.chain(demand))
            .env("CLAWBITE_KEY", mock.fixtures().keys.valid.expose())
            .env("CLAWBITE_BOT", &mock.fixtures().bots.main);
        let (output, report) = reported(run);
        assert_eq!(output.code, Some(code), "{}", output.text());
        assert_eq!(outcome(&report, "auth.revoked"), Some("skip"));
        assert_eq!(outcome(&report, "auth.missing-header"), Some("pass"));
        assert_eq!(report["summary"]["failed"], 0);
        let untested = report["summary"]["must_untested"].as_u64();
        assert!(untested > Some(0), "{report}");
        // Nothing was deselected: each says what it lacks, LIMIT-5 too, which only cases of other requirements look at.
        let rows = report["untested"].as_array().expect("they are listed");
        assert!(rows.iter().any(|row| row["requirement"] == "LIMIT-5"));
        for row in rows {
            assert_ne!(row["why"], "not selected", "{row}");
        }
        let reproduce = report["results"]
            .as_array()
            .and_then(|results| results.iter().find(|result| result["id"] == "route.good"))
            .and_then(|result| result["reproduce"].as_str());
        let reproduce = reproduce.expect("route.good sent a request");
        assert!(reproduce.contains("$CLAWBITE_KEY"), "{reproduce}");
        assert!(
            output.stdout.contains("keys.revoked"),
            "a skip names its fixture: {}",
            output.stdout
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_and_skip_choose() {
    let mock = honest().await;
    let args = [
        "--only", "auth.*", "--only", "ROUTE-2", "--skip", "*.stream",
    ];
    let (output, report) = reported(against(&mock, args.into_iter().chain(REPORT)));
    assert_eq!(output.code, Some(0), "{}", output.text());
    let ids = ids(&report);
    assert!(ids.contains(&"auth.revoked"), "{ids:?}");
    assert!(ids.iter().any(|id| id.starts_with("route.")), "{ids:?}");
    for id in ids {
        assert!(!id.ends_with(".stream"), "{id}");
        // Cases of another requirement may cover ROUTE-2 too.
        let group = id.split('.').next().unwrap_or_default();
        assert!(["auth", "route", "order"].contains(&group), "{id}");
        assert_ne!(id, "route.good");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fail_fast_ends_at_the_first_failure() {
    let mock = leaky().await;
    let select = ["--only", "AUTH-*", "--only", "BODY-*", "--jobs", "1"];
    let all = against(&mock, select.into_iter().chain(REPORT));
    let fast = against(
        &mock,
        select.into_iter().chain(REPORT).chain(["--fail-fast"]),
    );
    let (output, all) = reported(all);
    assert_eq!(output.code, Some(1), "{}", output.text());
    let (output, fast) = reported(fast);
    assert_eq!(output.code, Some(1), "{}", output.text());
    assert_eq!(fast["ended"]["how"], "fail-fast", "{fast}");
    assert_eq!(outcome(&all, "auth.revoked"), Some("fail"));
    assert_eq!(outcome(&all, "auth.revoked.stream"), Some("fail"));
    assert_eq!(fast["summary"]["failed"], 1, "{}", output.stdout);
    assert!(ids(&fast).len() < ids(&all).len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_sends_nothing() {
    let mock = honest().await;
    let output = against(&mock, ["--dry-run", "--only", "auth.*"]).output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(
        output.stdout.contains("auth.revoked.stream"),
        "{}",
        output.stdout
    );
    assert!(
        output.stdout.contains("nothing was sent"),
        "{}",
        output.stdout
    );
    assert!(!output.stdout.contains("body."), "{}", output.stdout);
    assert_eq!(mock.journal().connections, 0);
    let reported = against(&mock, ["--dry-run"].into_iter().chain(REPORT)).output();
    assert!(
        reported.stderr.contains("writes no report"),
        "{}",
        reported.stderr
    );
}

/// AUTH-4 is the business of `auth.revoked` where JSON is asked for; of the stream it is BODY-8 that is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_must_is_tested_in_the_mode_that_covers_it() {
    let mock = honest().await;
    let untested = |only: &'static str| {
        let (output, report) = reported(against(&mock, ["--only", only].into_iter().chain(REPORT)));
        assert_eq!(output.code, Some(0), "{}", output.text());
        let rows = report["untested"].as_array().cloned().unwrap_or_default();
        rows.iter().any(|row| row["requirement"] == "AUTH-4")
    };
    assert!(untested("auth.revoked.stream"));
    assert!(!untested("auth.revoked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completions_can_be_bounded() {
    for most in [0, 1, 3, 10] {
        let mock = honest().await;
        let number = most.to_string();
        let args = ["--max-completions", &number].into_iter().chain(REPORT);
        let (output, report) = reported(against(&mock, args));
        assert_eq!(output.code, Some(0), "{}", output.text());
        let journal = mock.journal();
        assert!(journal.completions <= most, "of {most}: {journal:?}");
        assert_eq!(
            report["summary"]["completions"].as_u64(),
            Some(journal.completions)
        );
        assert_eq!(outcome(&report, "auth.revoked"), Some("pass"));
        let used_up = report["results"].as_array().is_some_and(|results| {
            results.iter().any(|result| {
                let message = result["message"].as_str().unwrap_or_default();
                result["outcome"] == "skip" && message.contains("--max-completions")
            })
        });
        assert!(used_up, "{}", output.stdout);
    }
}

/// Only a lower bound of time can be told by a test: so many requests can't have come sooner.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_is_kept() {
    let seen: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let log = Arc::clone(&seen);
    let mock = bent::start(Bent {
        decision: Some(Box::new(move |asked, decision| {
            log.lock().expect("no test panics with it").push(asked.at);
            decision
        })),
        ..Bent::default()
    })
    .await;
    let output = against(&mock, ["--rate", "40", "--only", "AUTH-6"]).output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    let seen = seen.lock().expect("no test panics with it");
    let (first, last) = (seen.iter().min(), seen.iter().max());
    let span = match (first, last) {
        (Some(first), Some(last)) => last.duration_since(*first),
        _ => Duration::ZERO,
    };
    assert!(seen.len() >= 12, "{}", seen.len());
    // Two of the gaps are forgiven: a request may be late, and the next one is not.
    let least = Duration::from_millis(25) * u32::try_from(seen.len() - 3).unwrap_or(0);
    assert!(span >= least, "{} requests in {span:?}", seen.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn advice_fails_a_strict_run_alone() {
    let mock = bent::start(Bent {
        head: Some(Box::new(|_, head: &mut Head| {
            head.fields.retain(|(name, _)| name != "www-authenticate");
        })),
        ..Bent::default()
    })
    .await;
    let select = ["--only", "auth.unknown-key", "--only", "auth.challenge"];
    let (output, report) = reported(against(&mock, select.into_iter().chain(REPORT)));
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert_eq!(outcome(&report, "auth.challenge"), Some("advice"));
    let strict = against(&mock, select.into_iter().chain(["--strict"])).output();
    assert_eq!(strict.code, Some(1), "{}", strict.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_failures_are_forgiven_and_told_when_they_pass() {
    let known = "[[failure]]\nid = \"auth.revoked\"\nreason = \"ticket 12\"\n";
    let select = ["--only", "AUTH-4", "--only", "AUTH-3", "--skip", "*.stream"];
    let forgiving = |extra: &'static [&'static str]| {
        let args = select.into_iter().chain(REPORT);
        args.chain(["--expect-failures", "known.toml"])
            .chain(extra.iter().copied())
    };
    let mock = leaky().await;
    let plain = against(&mock, select).output();
    assert_eq!(plain.code, Some(1), "{}", plain.text());
    let (output, report) = reported(against(&mock, forgiving(&[])).file("known.toml", known));
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert_eq!(report["expected_failures"][0]["id"], "auth.revoked");
    assert!(output.stdout.contains("ticket 12"), "{}", output.stdout);

    let mended = honest().await;
    let (output, report) = reported(against(&mended, forgiving(&[])).file("known.toml", known));
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert_eq!(report["unexpected_passes"][0]["id"], "auth.revoked");
    let strict = against(&mended, forgiving(&["--strict"])).file("known.toml", known);
    assert_eq!(strict.output().code, Some(1));
    // A failure that the file does not name counts.
    let another = known.replace("auth.revoked", "auth.unknown-key");
    let output = against(&mock, forgiving(&[]))
        .file("known.toml", another)
        .output();
    assert_eq!(output.code, Some(1), "{}", output.text());
}

const OWN: &str = r#"
[[case]]
id          = "own.no-key"
requirement = "AUTH-1"
why         = "Ours."
change      = { authorization = false }
expect      = { status = 401, code = "missing_api_key" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_own_cases_run_beside_the_built_in_ones() {
    let mock = honest().await;
    let args = || {
        ["--cases", "own", "--only", "own.*"]
            .into_iter()
            .chain(REPORT)
    };
    let with = |text: &str| {
        let run = against(&mock, args());
        std::fs::create_dir_all(run.path("own")).expect("the run's folder can be written");
        run.file("own/cases.toml", text)
    };
    let (output, report) = reported(with(OWN));
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert_eq!(outcome(&report, "own.no-key"), Some("pass"));
    let (output, report) = reported(with(
        &OWN.replace("status = 401", "status = 403")
            .replace("missing_api_key", "api_not_enabled"),
    ));
    assert_eq!(output.code, Some(1), "{}", output.text());
    assert_eq!(outcome(&report, "own.no-key"), Some("fail"));
}

#[test]
fn wrong_case_files_are_told_in_full() {
    let files = [
        ("syntax.toml", "[[case]\nid = 1\n"),
        ("unknown-word.toml", &OWN.replace("change  ", "chnage  ")),
        (
            "unknown-change.toml",
            &OWN.replace("authorization", "autorization"),
        ),
        (
            "unknown-requirement.toml",
            &OWN.replace("AUTH-1", "AUTH-111"),
        ),
        (
            "unknown-code.toml",
            &OWN.replace("missing_api_key", "missing_key"),
        ),
        (
            "unknown-fixture.toml",
            &OWN.replace("authorization = false", "bot = \"bots.of\""),
        ),
        ("bad-id.toml", &OWN.replace("own.no-key", "Own_Key")),
        ("taken.toml", &OWN.replace("own.no-key", "auth.revoked")),
        ("missing.toml", "[[case]]\nid = \"own.bare\"\n"),
        ("table.toml", "[case]\nid = \"own.table\"\n"),
        ("nothing-expected.toml", &OWN.replace("expect ", "#")),
        ("other-key.toml", "title = \"x\"\n"),
    ];
    let mut text = String::new();
    for (name, content) in files {
        let run = Run::new(["conform", "--cases", "own"]);
        std::fs::create_dir_all(run.path("own")).expect("the run's folder can be written");
        let output = run.file(&format!("own/{name}"), content).output();
        assert_eq!(output.code, Some(2), "{name}: {}", output.text());
        text.push_str(&format!("=== {name}\n{}\n", output.text()));
    }
    let run = Run::new(["conform", "--cases", "nowhere"]).output();
    text.push_str(&format!("=== no folder\n{}\n", run.text()));
    assert_approved("cases.mistakes", &text);
}

/// All mistakes of all files at once.
#[test]
fn all_mistakes_of_all_case_files_are_told_at_once() {
    let run = Run::new(["conform", "--cases", "own"]);
    std::fs::create_dir_all(run.path("own")).expect("the run's folder can be written");
    let two = format!(
        "{}{}",
        OWN.replace("AUTH-1", "AUTH-99"),
        OWN.replace("own.no-key", "own.other")
            .replace("401", "\"4\"")
    );
    let output = run
        .file("own/a.toml", two)
        .file("own/b.toml", OWN.replace("missing_api_key", "missing"))
        .output();
    assert_eq!(output.code, Some(2));
    assert_eq!(
        output.stderr.matches("error:").count(),
        3,
        "{}",
        output.stderr
    );
}

/// What a user sees of a run that fails, to the letter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_run_on_the_terminal() {
    let mock = leaky().await;
    let args = [
        "--only",
        "AUTH-3",
        "--only",
        "AUTH-4",
        "--only",
        "auth.revoked.*",
    ];
    let output = against(&mock, args).output();
    assert_eq!(output.code, Some(1), "{}", output.text());
    let filters = [
        (r"\d+\.\d s", "[time]"),
        (r"chatcmpl-[0-9a-f]+", "chatcmpl-[id]"),
        (r#""created":\d+"#, r#""created":[seconds]"#),
        (r"(?m)x-request-id: \d+", "x-request-id: [number]"),
        (r"date: [^\n]+", "date: [date]"),
    ];
    assert_approved_but("conform.failing", &output.stdout, &filters);
}

/// A run goes on with a target that answers a stream with JSON, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_none_is_told_once() {
    let mock = bent::start(Bent {
        decision: Some(Box::new(|_, decision| match decision {
            Decision::Answer { place, .. } => Decision::Answer {
                mode: Mode::Json,
                place,
            },
            decision => decision,
        })),
        ..Bent::default()
    })
    .await;
    let record = bent::conform(&mock, &Options::default()).await;
    let failed = told(&record, &[Outcome::Fail]);
    assert!(failed.len() <= 3, "{failed:#?}");
    assert!(
        failed.iter().any(|line| line.contains("body.shape.stream")),
        "{failed:#?}"
    );
}
