//! Runs that end when they know enough: the search for capacity, and rules that stop a run.

use crate::support::Run;
use serde_json::Value;

fn report(text: &str) -> Value {
    serde_json::from_str(text).expect("a report is JSON")
}

/// Twenty answers at once of a fifth of a second: a hundred a second.
const CAPACITY: &str = r#"
name = "capacity-in-short"
[load]
model = "open"
[search]
variable = "rate_rps"
min = 50
max = 400
good_request_fraction = 0.9
probe_s = 0.6
[objective]
request_latency_ms = 260
[[request]]
name = "json"
stream = false
[thresholds]
rules = ["error_ratio < 0.01"]
[mock]
time_to_first_token_ms = { distribution = "constant", value = 200 }
slots = 20
"#;

/// How exact it is, the search's own tests and a quiet machine say.
#[test]
fn a_search_finds_what_the_slots_carry() {
    let (output, text) = Run::new(["load", "own.toml", "--report", "json=report.json"])
        .file("own.toml", CAPACITY)
        .output_and("report.json");
    assert_eq!(output.code, Some(0), "{}", output.text());
    let report = report(&text);
    let search = &report["search"];
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{search}"));
    let answer = number(&search["answer"]);
    assert!((50.0..125.0).contains(&answer), "{search}");
    assert_eq!(search["variable"], "rate_rps");
    let limit = search["limited_by"].as_str().unwrap_or_default();
    assert!(["objective", "client"].contains(&limit), "{search}");
    assert_eq!(number(&search["ci95"][0]), answer);
    assert!(number(&search["ci95"][1]) > answer);
    let probes = search["probes"].as_array().expect("probes are listed");
    assert!((3..=12).contains(&probes.len()), "{search}");
    assert_eq!(probes[0]["verdict"], "met", "{search}");
    // Every probe is a stage, and all of them together are the run.
    let stages = report["by_stage"].as_array().expect("stages are listed");
    let sum = |of: &str| -> u64 {
        let counts = stages.iter().map(|stage| stage["summary"][of].as_u64());
        counts.map(|count| count.expect("a count")).sum()
    };
    let tried: u64 = probes
        .iter()
        .map(|probe| probe["total"].as_u64().expect("a count"))
        .sum();
    assert_eq!(report["summary"]["sent"].as_u64(), Some(sum("sent")));
    assert_eq!(sum("sent"), tried);
    assert_eq!(report["summary"]["completions"].as_u64(), Some(tried));
    assert_eq!(report["ended_by"], "completed");
    assert!(
        output
            .stdout
            .contains("requests a second keep the objective"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_search_keeps_to_its_budget_and_is_not_split() {
    let bounded = format!("{CAPACITY}\n[budget]\ncompletions = 60\n");
    let (output, text) = Run::new(["load", "own.toml", "--report", "json=report.json"])
        .file("own.toml", &bounded)
        .output_and("report.json");
    let report = report(&text);
    assert_eq!(report["ended_by"], "budget", "{}", output.text());
    assert_eq!(report["summary"]["completions"], 60);
    let reason = report["abort_reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("60 completions"), "{reason}");
    assert_eq!(report["search"]["limited_by"], "undecided");
    let output = Run::new(["load", "own.toml", "--shard", "0/2"])
        .file("own.toml", CAPACITY)
        .output();
    assert_eq!(output.code, Some(2));
    assert!(
        output
            .stderr
            .contains("a search can't be split into shards"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_threshold_that_stops_the_run_does() {
    let text = r#"
name = "stopped"
[load]
model = "closed"
[[load.stage]]
duration_s = 600
users = 3
shape = "step"
[[request]]
name = "json"
stream = false
[thresholds]
rules = ["request_latency_ms.p50 < 1", "error_ratio < 0.5"]
[abort]
threshold = ["request_latency_ms.p50", "error_ratio"]
after_s = 0.2
[mock]
time_to_first_token_ms = { distribution = "constant", value = 20 }
"#;
    let (output, text) = Run::new(["load", "own.toml", "--report", "json=report.json"])
        .file("own.toml", text)
        .output_and("report.json");
    assert_eq!(output.code, Some(1), "{}", output.text());
    let report = report(&text);
    assert_eq!(report["ended_by"], "aborted");
    let reason = report["abort_reason"].as_str().unwrap_or_default();
    assert!(reason.contains("`request_latency_ms.p50 < 1`"), "{reason}");
    let thresholds = report["thresholds"].as_array().expect("they are listed");
    let aborted: Vec<&Value> = thresholds.iter().map(|row| &row["aborted_run"]).collect();
    assert_eq!(aborted, [true, false]);
    assert_eq!(thresholds[0]["outcome"], "fail");
}
