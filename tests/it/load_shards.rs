//! A run in several processes: shards, their merge, what starts them, and the samples of each answer.

use crate::support::load_record::good;
use crate::support::{Output, Run, assert_approved};
use clawcheck::load::{ShardReport, merge};
use clawcheck::record::Distribution;
use clawcheck::record::load::LoadRecord;
use clawcheck::report::Kind;
use clawcheck::report::load::{exit_code, read};
use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Sixty arrivals in a second and a half.
const SHARED: &str = r#"
name = "shared"
[load]
model = "open"
arrivals = "constant"
[[load.stage]]
name = "hold"
duration_s = 1.5
rate_rps = 40
shape = "step"
[[request]]
name = "stream"
stream = true
[think_time]
distribution = "constant"
mean_ms = 5
[thresholds]
rules = ["request_latency_ms.count == 60", "offered_rate_rps >= 39"]
"#;

/// A shard's report, and where it stands.
fn shard(typed: &str, more: &[&str]) -> (Output, PathBuf) {
    let mut args = vec![
        "load",
        "own.toml",
        "--shard",
        typed,
        "--report",
        "json=shard.json",
    ];
    args.extend(more);
    let run = Run::new(args).file("own.toml", SHARED);
    let path = run.path("shard.json");
    (run.output(), path)
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("the report was written");
    serde_json::from_str(&text).expect("a report is JSON")
}

fn merged<'a>(paths: impl IntoIterator<Item = &'a Path>) -> (Output, Option<Value>) {
    let paths: Vec<&str> = paths
        .into_iter()
        .map(|path| path.to_str().expect("it is UTF-8"))
        .collect();
    let args = ["merge", "--report", "json=whole.json"];
    let run = Run::new(args.into_iter().chain(paths));
    let path = run.path("whole.json");
    let output = run.output();
    (output, path.exists().then(|| json(&path)))
}

#[test]
fn shards_are_the_one_run_and_merge_into_it() {
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| shard("0/2", &["--samples", "all.jsonl"]));
        let second = scope.spawn(|| shard("1/2", &["--samples", "all.csv"]));
        let joined = [first, second].map(|shard| shard.join().expect("it ran"));
        let [first, second] = joined;
        (first, second)
    });
    // Neither holds the thresholds, which are of the whole.
    assert_eq!(first.0.code, Some(0), "{}", first.0.text());
    assert_eq!(second.0.code, Some(0), "{}", second.0.text());
    let shards = [json(&first.1), json(&second.1)];
    for (index, report) in shards.iter().enumerate() {
        assert_eq!(report["summary"]["sent"], 30);
        assert_eq!(report["host"]["shard"]["index"], index);
        assert_eq!(report["host"]["complete"], false);
        assert_eq!(report["by_request"][0]["summary"]["completions"], 30);
        let notes = report["notes"].to_string();
        assert!(
            notes.contains("[think_time] does nothing in the open model"),
            "{notes}"
        );
    }
    let (output, whole) = merged([first.1.as_path(), &second.1]);
    assert_eq!(output.code, Some(0), "{}", output.text());
    let whole = whole.expect("it was written");
    assert_eq!(whole["summary"]["sent"], 60);
    assert_eq!(whole["summary"]["passed"], 2);
    assert_eq!(whole["metrics"]["request_latency_ms"]["count"], 60);
    assert_eq!(whole["host"]["complete"], true);
    assert_eq!(whole["host"]["shards"][1]["index"], 1);
    assert!(
        whole["host"]["clock_skew_ms"].is_number(),
        "{}",
        whole["host"]
    );
    assert_eq!(whole["by_stage"][0]["summary"]["sent"], 60);
    let sent: u64 = whole["series"]["sent"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|count| count.as_u64().expect("a count"))
        .sum();
    assert_eq!(sent, 60);
    // One alone is not the run; nor is one twice, nor one of another seed.
    let (output, whole) = merged([first.1.as_path()]);
    assert_eq!(output.code, Some(3), "{}", output.text());
    let whole = whole.expect("it was written");
    assert_eq!(whole["host"]["complete"], false);
    assert!(
        whole["notes"].to_string().contains("missing: 1"),
        "{}",
        whole["notes"]
    );
    let (output, whole) = merged([first.1.as_path(), &first.1]);
    assert_eq!((output.code, whole), (Some(2), None), "{}", output.text());
    // Samples: a line an answer, and a header in CSV.
    let folder = |path: &Path| path.parent().expect("it stands in a folder").to_owned();
    let lines = fs::read_to_string(folder(&first.1).join("all.jsonl")).expect("it was written");
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    assert_eq!(lines.len(), 30);
    assert!(
        lines
            .iter()
            .all(|line| line["class"] == "ok" && line["stage"] == "hold")
    );
    let mut firsts: Vec<f64> = lines
        .iter()
        .map(|line| line["time_to_first_token_ms"].as_f64().expect("a time"))
        .collect();
    firsts.sort_by(f64::total_cmp);
    let ttft = &shards[0]["metrics"]["time_to_first_token_ms"];
    assert_eq!(ttft["min"].as_f64(), Some(firsts[0]));
    assert_eq!(ttft["max"].as_f64(), Some(firsts[29]));
    let rows = fs::read_to_string(folder(&second.1).join("all.csv")).expect("it was written");
    assert_eq!(rows.lines().count(), 31);
}

#[test]
fn what_are_no_shards_of_one_run_is_refused_with_its_reason() {
    let mut all = String::new();
    let write = |record: &LoadRecord| {
        let mut text = Vec::new();
        Kind::Json
            .write_load(record, &mut text)
            .expect("memory takes anything");
        String::from_utf8(text).expect("JSON is UTF-8")
    };
    let shard = |index: usize, change: fn(&mut LoadRecord)| {
        let mut record = good();
        record.host.shard = (index, 2);
        record.search = None;
        change(&mut record);
        write(&record)
    };
    let one = shard(0, |_| {});
    for (says, one, other) in [
        (
            "another seed",
            one.clone(),
            shard(1, |record| record.scenario.seed = 7),
        ),
        (
            "another scenario",
            one.clone(),
            shard(1, |record| record.scenario.sha256 = "0".repeat(64)),
        ),
        (
            "another version",
            one.clone(),
            shard(1, |_| {}).replacen("\"version\": \"", "\"version\": \"9", 1),
        ),
        (
            "another number of shards",
            one.clone(),
            shard(1, |record| record.host.shard = (1, 3)),
        ),
        (
            "other flags",
            one.clone(),
            shard(1, |record| {
                record.scenario.resolved["load"]["max_in_flight"] = 5.into()
            }),
        ),
        ("the same shard", one.clone(), shard(0, |_| {})),
        ("no shard", one.clone(), write(&good())),
        ("no report", one.clone(), "[1, 2]".to_owned()),
        (
            "half a report",
            one.clone(),
            one[..one.len() / 2].to_owned(),
        ),
        (
            "a conform report",
            one.clone(),
            "{\"tool\": \"clawcheck\", \"command\": \"conform\"}".to_owned(),
        ),
        (
            "a wrong histogram",
            one.clone(),
            shard(1, |_| {}).replacen("\"data\": \"", "\"data\": \"AAAA", 1),
        ),
        (
            "a field that is missing",
            one.clone(),
            shard(1, |_| {}).replacen("\"statuses\"", "\"states\"", 1),
        ),
    ] {
        let output = Run::new([
            "merge",
            "one.json",
            "other.json",
            "--report",
            "json=whole.json",
        ])
        .file("one.json", one)
        .file("other.json", other)
        .output();
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(2), ""),
            "{says}"
        );
        all.push_str(&format!("## {says}\n{}\n", output.stderr));
    }
    let output = Run::new(["merge", "missing.json"]).output();
    assert_eq!(output.code, Some(2));
    all.push_str(&format!("## no file\n{}\n", output.stderr));
    assert_approved("load.merge.refused", &all);
}

#[test]
fn a_log_with_a_report_in_it_is_read() {
    let mut text = b"2026-11-29 a line before\n".to_vec();
    let mut record = good();
    record.search = None;
    Kind::Json
        .write_load(&record, &mut text)
        .expect("memory takes anything");
    text.extend(b"exit 0  all thresholds held\n");
    let output = Run::new(["merge", "pod.log"])
        .file("pod.log", text)
        .output();
    assert_eq!(output.code, Some(0), "{}", output.text());
}

/// What was written and read again says the same in every format.
#[test]
fn a_report_comes_back_as_it_was() {
    for (name, record) in crate::support::load_record::all() {
        // A search is not read back, and one of the made-up runs has windows that no run can have.
        if record.search.is_some() || record.windows.measured != record.measured.span {
            continue;
        }
        let written = |record: &LoadRecord| {
            let mut text = Vec::new();
            Kind::Json
                .write_load(record, &mut text)
                .expect("memory takes anything");
            String::from_utf8(text).expect("JSON is UTF-8")
        };
        let text = written(&record);
        let back = read(&text)
            .unwrap_or_else(|why| panic!("{name}: {why}"))
            .record;
        let (text, again): (Value, Value) = (
            serde_json::from_str(&text).expect("it is JSON"),
            serde_json::from_str(&written(&back)).expect("it is JSON"),
        );
        near(name, &text, &again);
        assert_eq!(exit_code(&record), exit_code(&back), "{name}");
    }
}

/// The same but for the last digit of a number: means are written to the microsecond.
fn near(at: &str, one: &Value, other: &Value) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(
                a.keys().collect::<Vec<_>>(),
                b.keys().collect::<Vec<_>>(),
                "{at}"
            );
            for (key, value) in a {
                near(&format!("{at}.{key}"), value, &b[key]);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{at}");
            for (index, value) in a.iter().enumerate() {
                near(&format!("{at}[{index}]"), value, &b[index]);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (
                a.as_f64().unwrap_or_default(),
                b.as_f64().unwrap_or_default(),
            );
            assert!((a - b).abs() <= 0.002 + a.abs() * 1e-4, "{at}: {a} {b}");
        }
        _ => assert_eq!(one, other, "{at}"),
    }
}

/// A run's record with these times to the first token, in microseconds.
fn of_times(times: &[u64], shard: (usize, usize)) -> LoadRecord {
    let mut record = good();
    record.host.shard = shard;
    record.search = None;
    let mut seen = Distribution::new("ms");
    for micros in times {
        seen.record(*micros);
    }
    record.measured.figures.time_to_first_token = seen;
    record.measured.counts.sent = times.len() as u64;
    record
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn merged_shards_are_count_for_count_what_one_process_records(
        times in proptest::collection::vec(0u64..3_600_000_000, 0..120),
        of in 1usize..6,
    ) {
        let whole = of_times(&times, (0, 1));
        let mut reports = Vec::new();
        for index in 0..of {
            let own: Vec<u64> = times.iter().copied().skip(index).step_by(of).collect();
            let mut text = Vec::new();
            Kind::Json.write_load(&of_times(&own, (index, of)), &mut text).expect("memory takes anything");
            let back = read(&String::from_utf8(text).expect("JSON is UTF-8")).expect("it is a report");
            reports.push(ShardReport { name: index.to_string(), version: back.version, record: back.record });
        }
        let merged = merge(reports).expect("they are shards of one run");
        let (ours, theirs) = (
            &merged.measured.figures.time_to_first_token,
            &whole.measured.figures.time_to_first_token,
        );
        prop_assert_eq!(ours.buckets(), theirs.buckets());
        prop_assert_eq!(ours.count(), times.len() as u64);
        prop_assert_eq!(ours.quantile(0.99), theirs.quantile(0.99));
        prop_assert_eq!((ours.min(), ours.max()), (theirs.min(), theirs.max()));
        prop_assert_eq!(merged.measured.counts.sent, times.len() as u64);
        prop_assert!(merged.host.complete);
    }
}

#[test]
fn what_starts_the_shards_is_printed() {
    let args = [
        "load",
        "own.toml",
        "--manifest",
        "k8s",
        "--shards",
        "4",
        "--target",
        "https://staging.example",
        "--bot",
        "0123456789abcdef01234567",
        "--seed",
        "7",
    ];
    let output = Run::new(args).file("own.toml", SHARED).output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    let ours = Run::new([
        "load",
        "smoke",
        "--manifest",
        "k8s",
        "--shards",
        "2",
        "--target",
        "https://staging.example",
    ])
    .output();
    assert_approved(
        "load.manifest",
        &format!("{}\n{}", output.text(), ours.text()),
    );
    let wrong = Run::new(["load", "capacity", "--manifest", "slurm"]).output();
    let lone = Run::new([
        "load",
        "--shards",
        "2",
        "--start-at",
        "noon",
        "--shard",
        "2/2",
    ])
    .output();
    assert_approved(
        "load.manifest.wrong",
        &format!("{}\n{}", wrong.text(), lone.text()),
    );
}

#[test]
fn a_run_starts_when_it_is_told_to() {
    let at = jiff::Timestamp::now() + std::time::Duration::from_millis(700);
    let typed = at.to_string();
    let (output, path) = shard("0/1", &["--start-at", &typed, "--duration", "0.2"]);
    assert_eq!(output.code, Some(1), "it sends too few: {}", output.text());
    let started = json(&path)["started_at"]
        .as_str()
        .expect("an instant")
        .to_owned();
    let started: jiff::Timestamp = started.parse().expect("an instant");
    // To the millisecond.
    assert!(
        started.as_millisecond() >= at.as_millisecond(),
        "{started} {at}"
    );
}
