//! The formats of `conform` that people and other programs open: the page, Markdown, HAR, SARIF, and what a GitHub job
//! is told. Whole, valid by others' schemas, and safe whatever a server says.

use crate::reports::formatted;
use crate::support::bent::{self, Bent, is_plain};
use crate::support::page::{assert_no_forgery, assert_whole_and_alone, tags};
use crate::support::record::{empty, every_outcome};
use crate::support::{Output, Run, assert_approved, assert_no_key};
use clawcheck::contract::{DOCUMENT, REQUIREMENTS};
use clawcheck::mock::{Mock, MockConfig, Payload};
use clawcheck::record::{Ended, Outcome, Record, TestResult};
use clawcheck::report::{Demands, Kind, github};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PLAIN: Demands = Demands {
    strict: false,
    require_all: false,
};

/// What a server may say to whoever reads a report.
const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'>]]>&amp;\u{1b}[2J\u{9b}0m\u{202e}evil\u{2066}\
                       \n::error::forged\n##[error]forged\r\n@everyone `code` ``` | **bold** [x](javascript:alert(1)) #1 %0A";

// --- the page for a browser

/// Style and script are the same on every page, and not for a snapshot.
fn without_its_own(page: &str) -> String {
    let mut text = page.to_owned();
    for (start, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let from = text.find(start).expect("the page has its own") + start.len();
        let to = from + text[from..].find(end).expect("it ends");
        text.replace_range(from..to, "[…]");
    }
    let from = text.find("'sha256-").expect("the script's hash is there") + 8;
    let to = from + text[from..].find('\'').expect("it ends");
    text.replace_range(from..to, "[hash]");
    text
}

#[test]
fn the_page_shows_every_outcome() {
    let page = formatted(Kind::Html, &every_outcome(), PLAIN);
    assert_whole_and_alone(&page);
    assert_approved("report.html", &without_its_own(&page));
}

#[test]
fn the_page_of_a_run_that_came_to_nothing_is_whole_too() {
    for ended in [
        Ended::Untestable(HOSTILE.to_owned()),
        Ended::Pointless("a plain valid request is answered 302".to_owned()),
        Ended::Interrupted,
        Ended::FailFast,
        Ended::Completed,
    ] {
        assert_whole_and_alone(&formatted(Kind::Html, &Record { ended, ..empty() }, PLAIN));
    }
    let selftest = Record {
        command: "selftest",
        ..every_outcome()
    };
    let page = formatted(Kind::Html, &selftest, PLAIN);
    assert!(
        !page.contains("id=\"reference\""),
        "there is no documentation to colour"
    );
}

#[test]
fn every_line_of_the_documentation_stands_in_the_page() {
    let page = formatted(Kind::Html, &every_outcome(), PLAIN);
    let (_, document) = page.split_once("class=\"document\"").expect("it is there");
    let text: String = document
        .split('<')
        .filter_map(|part| part.split_once('>'))
        .map(|(_, text)| text)
        .collect::<Vec<_>>()
        .join("\n");
    let text = text
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let words: BTreeSet<&str> = text.split_whitespace().collect();
    for line in DOCUMENT
        .lines()
        .filter(|line| !line.contains("Meaning") && !line.starts_with(char::is_numeric))
    {
        for word in line.split_whitespace() {
            assert!(words.contains(word), "{word:?} of {line:?}");
        }
    }
    for row in REQUIREMENTS {
        assert!(page.contains(&format!("id=\"q-{}\"", row.id)), "{}", row.id);
    }
}

// --- Markdown

/// The text outside of code, where markup is markup.
fn outside_of_code(markdown: &str) -> String {
    let mut text = String::new();
    let mut fence: Option<String> = None;
    for line in markdown.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if line.trim_end() == open => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                text.push_str(&without_spans(line));
                text.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "a block stays open");
    text
}

fn without_spans(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let escaped = rest[..at].ends_with('\\');
        text.push_str(&rest[..at]);
        let length = rest[at..].chars().take_while(|c| *c == '`').count();
        let ticks = &rest[at..at + length];
        rest = &rest[at + length..];
        if escaped {
            continue;
        }
        let mut from = 0;
        let end = loop {
            let Some(next) = rest[from..].find(ticks) else {
                break None;
            };
            let next = from + next;
            let run = rest[next..].chars().take_while(|c| *c == '`').count();
            if run == length {
                break Some(next + length);
            }
            from = next + run;
        };
        rest = end.map_or(rest, |end| &rest[end..]);
    }
    text.push_str(rest);
    text
}

fn assert_no_markup(markdown: &str) {
    assert_no_forgery(markdown);
    let text = outside_of_code(markdown)
        .replace("<!-- -->", "\u{0}")
        .replace("<details>", "")
        .replace("</details>", "")
        .replace("<summary>", "")
        .replace("</summary>", "");
    for harm in ["<", "@everyone", "](", "]]>", "://", "#1"] {
        assert!(!text.contains(harm), "{harm}: {text}");
    }
}

#[test]
fn markdown_shows_every_outcome() {
    let page = formatted(Kind::Md, &every_outcome(), PLAIN);
    assert_no_markup(&page);
    assert_approved("report.md", &page);
}

fn failures(number: usize) -> Record {
    let failure = every_outcome().results.swap_remove(1);
    let results = (0..number).map(|n| TestResult {
        id: format!("auth.revoked-{n}"),
        ..failure.clone()
    });
    Record {
        results: results.collect(),
        ..every_outcome()
    }
}

#[test]
fn markdown_fits_a_jobs_summary() {
    let record = failures(3_000);
    let page = formatted(Kind::Md, &record, PLAIN);
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    let small = github::summary(&record, PLAIN, 5_000);
    assert!(small.len() <= 5_000, "{} bytes", small.len());
    assert!(small.contains("What did not fit was left out"), "{small}");
    assert_no_markup(&small);
}

// --- a GitHub job

#[test]
fn failures_are_annotations_ten_at_most() {
    let few = github::annotations(&every_outcome(), PLAIN);
    assert_approved("report.annotations", &few.join("\n"));
    let strict = Demands {
        strict: true,
        ..PLAIN
    };
    assert_eq!(
        github::annotations(&every_outcome(), strict).len(),
        few.len() + 1
    );
    let many = github::annotations(&failures(25), PLAIN);
    assert_eq!(many.len(), 10);
    assert!(many[9].contains("16 more failures"), "{}", many[9]);
    assert_eq!(
        github::annotations(
            &Record {
                results: Vec::new(),
                ..empty()
            },
            PLAIN
        )
        .len(),
        1
    );
    let good = Record {
        results: vec![every_outcome().results.swap_remove(0)],
        ..empty()
    };
    assert_eq!(github::annotations(&good, PLAIN), Vec::<String>::new());
}

fn job(run: Run) -> (Run, PathBuf) {
    let summary = run.path("summary.md");
    let text = summary.display().to_string();
    let run = run
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &text);
    (run, summary)
}

/// What the runner obeys: commands outside of what it was told to leave alone.
fn obeyed(log: &str) -> Vec<&str> {
    let mut token: Option<String> = None;
    let mut found = Vec::new();
    for line in log.lines() {
        let command = line.trim_start();
        match &token {
            Some(stop) if command == format!("::{stop}::") => token = None,
            Some(_) => {}
            None => match command.strip_prefix("::stop-commands::") {
                Some(stop) => token = Some(stop.to_owned()),
                None if command.starts_with("::") || command.contains("##[") => found.push(line),
                None => {}
            },
        }
    }
    assert_eq!(token, None, "the runner never obeys again");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_gets_annotations_and_a_summary_and_nothing_forged() {
    let mock = hostile().await;
    let run = against(
        &mock,
        &["--only", "auth.missing-header", "--only", "AUTH-3"],
    );
    let (run, summary) = job(run.file("summary.md", "# Before"));
    let output = run.output();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let found = obeyed(&output.stdout);
    assert!((1..=10).contains(&found.len()), "{}", output.stdout);
    for command in found {
        assert!(command.starts_with("::error title="), "{command}");
    }
    assert!(output.stdout.contains("::stop-commands::"));
    let summary = fs::read_to_string(summary).expect("it was written");
    assert!(
        summary.starts_with("# Before\n\n## Conformance of "),
        "{summary}"
    );
    assert_no_key(&summary);
    assert_no_markup(summary.trim_start_matches("# Before"));
}

#[test]
fn a_report_on_standard_output_has_it_alone_in_a_job_too() {
    let run = Run::new([
        "conform",
        "--only",
        "auth.missing-header",
        "--report",
        "json=-",
    ]);
    let (run, _) = job(run);
    let output = run.output();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON and nothing else");
    assert_eq!(report["command"], "conform");
    assert!(output.stderr.contains("::stop-commands::"));
}

#[test]
fn a_load_run_in_a_job_tells_its_broken_thresholds() {
    let scenario = r#"
name = "quick"
[load]
model = "closed"
[[load.stage]]
name = "hold"
duration_s = 0.3
users = 2
[[request]]
name = "hello"
stream = false
[thresholds]
rules = ["request_latency_ms.p50 < 0.001"]
"#;
    let run = Run::new(["load", "quick.toml"]).file("quick.toml", scenario);
    let (run, summary) = job(run);
    let output = run.output();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let found = obeyed(&output.stdout);
    // On a busy machine the measurement may be doubted besides.
    assert!((1..=2).contains(&found.len()), "{}", output.stdout);
    assert!(
        found[0].starts_with("::error title=threshold request_latency_ms.p50 < 0.001::"),
        "{}",
        found[0]
    );
    let summary = fs::read_to_string(summary).expect("it was written");
    assert!(summary.starts_with("## Load: `quick`"), "{summary}");
}

#[test]
fn the_runner_obeys_again_where_a_run_cannot_begin() {
    let profile = "[target]\nbase_url = \"https://127.0.0.1:1\"\nca_file = \"none.pem\"\n[keys]\nvalid = \"k\"\n[bots]\nmain = \"b\"\n";
    let run = Run::new(["load", "smoke", "--profile", "p.toml"]).file("p.toml", profile);
    let (run, _) = job(run);
    let output = run.output();
    assert_ne!(output.code, Some(0));
    let log = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(obeyed(&log), Vec::<&str>::new(), "{log}");
}

#[test]
fn a_full_summary_is_told_and_fails_nothing() {
    let run = Run::new(["conform", "--only", "auth.missing-header"]);
    let (run, summary) = job(run.file("summary.md", vec![b'x'; (1 << 20) - 10]));
    let output = run.output();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(
        output
            .stderr
            .contains("warning: the job's summary can't be written: it is full")
    );
    let length = fs::metadata(summary).expect("it is there").len();
    assert_eq!(length, (1 << 20) - 10);
}

// --- schemas of others

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas")
}

fn schema(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("the schema can be read");
    serde_json::from_str(&text).expect("it is JSON")
}

fn assert_valid(schema: &Value, value: &Value) {
    let validator = jsonschema::validator_for(schema).expect("it is a schema");
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

fn sarif_schema() -> Value {
    let mut schema = schema(&schemas().join("sarif-schema-2.1.0.json"));
    // Of a member that is never written, and with a bracket that not every reader of patterns takes.
    for holder in ["run", "toolComponent"] {
        let language = schema.pointer_mut(&format!("/definitions/{holder}/properties/language"));
        let language = language.and_then(Value::as_object_mut);
        language.expect("it is there").remove("pattern");
    }
    schema
}

/// HAR's schema in one piece: its files point at each other by name.
fn har_schema() -> Value {
    let mut definitions = serde_json::Map::new();
    for entry in fs::read_dir(schemas().join("har-schema-2.0.0")).expect("they are there") {
        let path = entry.expect("they can be read").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path
                .file_name()
                .expect("a file has a name")
                .to_string_lossy();
            let mut one = schema(&path);
            one.as_object_mut().expect("an object").remove("$id");
            definitions.insert(name.into_owned(), pointed(one));
        }
    }
    assert!(definitions.len() > 15);
    json!({
        "$schema": "http://json-schema.org/draft-06/schema#",
        "definitions": definitions,
        "allOf": [{ "$ref": "#/definitions/har.json" }],
    })
}

fn pointed(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| name != "$schema")
            .map(|(name, value)| {
                match value.as_str().and_then(|text| text.strip_suffix(".json#")) {
                    Some(file) if name == "$ref" => {
                        (name, format!("#/definitions/{file}.json").into())
                    }
                    _ => (name, pointed(value)),
                }
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(pointed).collect(),
        other => other,
    }
}

#[test]
fn the_schemas_refuse_what_is_wrong() {
    let har = jsonschema::validator_for(&har_schema()).expect("it is a schema");
    assert!(!har.is_valid(&json!({ "log": { "version": "1.2", "creator": {}, "entries": [] } })));
    let sarif = jsonschema::validator_for(&sarif_schema()).expect("it is a schema");
    assert!(!sarif.is_valid(&json!({ "version": "2.1.0", "runs": [{}] })));
}

#[test]
fn sarif_keeps_its_schema_and_shows_every_finding() {
    let sarif = sarif_schema();
    for ended in [
        Ended::Completed,
        Ended::Interrupted,
        Ended::Untestable(HOSTILE.to_owned()),
    ] {
        let record = Record {
            ended,
            ..every_outcome()
        };
        let text = formatted(Kind::Sarif, &record, PLAIN);
        assert_no_forgery(&text);
        assert_valid(&sarif, &serde_json::from_str(&text).expect("it is JSON"));
    }
    let text = formatted(Kind::Sarif, &every_outcome(), PLAIN);
    let report: Value = serde_json::from_str(&text).expect("it is JSON");
    let run = &report["runs"][0];
    for result in run["results"].as_array().expect("an array") {
        let rule = &run["tool"]["driver"]["rules"]
            [result["ruleIndex"].as_u64().expect("an index") as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        let region = &result["locations"][0]["physicalLocation"]["region"];
        let snippet = region["snippet"]["text"].as_str();
        if let Some(snippet) = snippet {
            let line = region["startLine"].as_u64().expect("a number") as usize;
            let column = region["startColumn"].as_u64().expect("a number") as usize;
            let there = DOCUMENT
                .lines()
                .nth(line - 1)
                .expect("there is such a line");
            let rest: String = there.chars().skip(column - 1).collect();
            let first = snippet.lines().next().expect("a snippet has a line");
            assert!(rest.starts_with(first), "{rest:?} is not {first:?}");
        }
    }
    let shown = json!({ "results": run["results"], "invocations": run["invocations"] });
    let shown = serde_json::to_string_pretty(&shown).expect("JSON can be written");
    assert_approved("report.sarif", &shown);
}

// --- every format, through the binary, against a server that means harm

/// The mock, but every error says something that could do harm to who reads it, in place of its code.
async fn hostile() -> Mock {
    bent::start(Bent {
        json: Some(Box::new(|asked, payload| {
            let Payload::Json(value) = payload else {
                return;
            };
            if value.get("error").is_none() || is_plain(asked) {
                return;
            }
            *payload = match asked
                .body
                .windows(13)
                .any(|part| part == b"\"stream\":true")
            {
                true => Payload::Bytes(HOSTILE.into()),
                false => Payload::Json(json!({ "error": { "code": HOSTILE, "message": HOSTILE } })),
            };
        })),
        ..Bent::default()
    })
    .await
}

fn against(mock: &Mock, args: &[&str]) -> Run {
    let all = ["conform", "--profile", "mock.toml"].iter().chain(args);
    Run::new(all.copied()).file("mock.toml", mock.profile_toml())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the report was written")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_server_says_gets_into_a_report_as_more_than_text() {
    let mock = hostile().await;
    let kinds = ["json", "junit", "html", "md", "har", "sarif"];
    let reports: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{kind}=report.{kind}"))
        .collect();
    let mut args = vec!["--only", "AUTH-*", "--only", "BODY-1", "--only", "BODY-6"];
    for report in &reports {
        args.extend(["--report", report]);
    }
    let run = against(&mock, &args);
    let path = |kind: &str| run.path(&format!("report.{kind}"));
    let paths: Vec<PathBuf> = kinds.iter().map(|kind| path(kind)).collect();
    let output: Output = run.output();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert_no_forgery(&output.stdout);
    assert_no_forgery(&output.stderr);
    let texts: Vec<String> = paths.iter().map(|path| read(path)).collect();
    let keys = &mock.fixtures().keys;
    for (kind, text) in kinds.iter().zip(&texts) {
        assert_no_forgery(text);
        assert!(
            text.contains("forged"),
            "{kind}: nothing of what it said is shown"
        );
        for key in [&keys.valid, &keys.revoked, &keys.foreign] {
            let secret = key.expose().trim_start_matches("clawbite_sk_");
            assert!(!text.contains(&secret[..secret.len() - 4]), "{kind}: a key");
        }
    }
    let [json, junit, html, md, har, sarif] = texts.as_slice() else {
        panic!("six reports were asked for");
    };
    let json: Value = serde_json::from_str(json).expect("it is JSON");
    assert_whole_and_alone(html);
    assert_no_markup(md);
    for tag in tags(junit) {
        let name = tag.trim_start_matches(['<', '/', '?']);
        let name = name
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .next();
        let known = [
            "xml",
            "testsuites",
            "testsuite",
            "testcase",
            "properties",
            "property",
            "failure",
            "error",
            "skipped",
            "system-out",
            "system-err",
        ];
        assert!(known.contains(&name.unwrap_or_default()), "{tag}");
    }
    assert!(!junit.contains("]]>"));
    archive(&json, &serde_json::from_str(har).expect("it is JSON"));
    let sarif: Value = serde_json::from_str(sarif).expect("it is JSON");
    assert_valid(&sarif_schema(), &sarif);
    let findings = [&json["summary"]["failed"], &json["summary"]["advised"]];
    let findings: u64 = findings.iter().filter_map(|n| n.as_u64()).sum();
    let results = sarif["runs"][0]["results"].as_array().expect("an array");
    assert_eq!(results.len() as u64, findings);
}

/// The archive has every exchange that the run counted, each with its test.
fn archive(json: &Value, har: &Value) {
    assert_valid(&har_schema(), har);
    let log = &har["log"];
    let entries = log["entries"].as_array().expect("an array");
    assert_eq!(
        Some(entries.len() as u64),
        json["summary"]["requests"].as_u64()
    );
    let pages: BTreeSet<&str> = log["pages"]
        .as_array()
        .expect("an array")
        .iter()
        .filter_map(|page| page["id"].as_str())
        .collect();
    for tested in ["auth.missing-header", "auth.missing-header.stream"] {
        assert!(pages.contains(tested), "{tested}: {pages:?}");
    }
    let mut coded = 0;
    for entry in entries {
        if let Some(page) = entry["pageref"].as_str() {
            assert!(pages.contains(page), "{page}");
        }
        let sum: f64 = ["send", "wait", "receive"]
            .iter()
            .filter_map(|part| entry["timings"][*part].as_f64())
            .inspect(|part| assert!(*part >= 0.0, "{entry}"))
            .sum();
        let whole = entry["time"].as_f64().expect("a number");
        assert!((sum - whole).abs() < 0.01, "{sum} is not {whole}");
        let url = entry["request"]["url"].as_str().expect("a text");
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        coded += usize::from(entry["request"]["postData"]["_encoding"] == "base64");
    }
    assert!(coded > 0, "a body that is no text was sent");
}

#[test]
fn an_archive_of_nothing_is_one() {
    let run = Run::new([
        "conform",
        "--target",
        "http://127.0.0.1:1",
        "--bot",
        "bot_x",
        "--report",
        "har=run.har",
    ])
    .env("CLAWBITE_KEY", crate::support::record::KEY);
    let (output, text) = run.output_and("run.har");
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    let har: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_valid(&har_schema(), &har);
    for entry in har["log"]["entries"].as_array().expect("an array") {
        assert_eq!(entry["response"]["status"], 0);
        assert!(
            entry["comment"]
                .as_str()
                .is_some_and(|why| why.starts_with("no connection"))
        );
    }
}

#[test]
fn places_are_tried_before_anything_is_sent() {
    for kind in ["json", "junit", "html", "md", "har", "sarif"] {
        let report = format!("{kind}=missing/report");
        let output = Run::new(["conform", "--report", &report]).output();
        assert_eq!(output.code, Some(2), "{kind}");
        assert!(
            output.stderr.contains("make its folder first"),
            "{}",
            output.stderr
        );
        assert_eq!(output.stdout, "", "{kind}");
    }
    let both = ["conform", "--report", "har=-", "--report", "md=/dev/stdout"];
    let output = Run::new(both).output();
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("two reports would go to"),
        "{}",
        output.stderr
    );
    let output = Run::new(["selftest", "--report", "har=run.har"]).output();
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("this command has no har report"),
        "{}",
        output.stderr
    );
}

#[test]
fn an_archive_can_go_to_standard_output() {
    let output = Run::new([
        "conform",
        "--only",
        "auth.missing-header",
        "--report",
        "har=-",
    ])
    .output();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let har: Value = serde_json::from_str(&output.stdout).expect("JSON and nothing else");
    assert_valid(&har_schema(), &har);
    assert!(output.stderr.contains("kept"), "{}", output.stderr);
}

/// Outcomes of the fixture record that a page has to tell apart.
#[test]
fn failures_come_first() {
    let page = formatted(Kind::Html, &every_outcome(), PLAIN);
    let at = |outcome: &str| {
        page.find(&format!("class=\"group\" data-outcome=\"{outcome}\""))
            .unwrap_or_else(|| panic!("{outcome} is shown"))
    };
    let order = ["fail", "inconclusive", "advice", "known", "skip", "pass"].map(at);
    assert!(order.is_sorted(), "{order:?}");
    assert!(
        page.contains("<mark>\\x1B[31m\\xFF]]&gt; &amp; &lt;b&gt;</mark>"),
        "the bytes are marked"
    );
    let shown = every_outcome().results.len();
    assert_eq!(page.matches("class=\"card result ").count(), shown);
    assert_eq!(Outcome::ALL.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_honest_mock_makes_every_sentence_green() {
    let mock = Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had");
    let record = bent::conform(&mock, &clawcheck::conform::Options::default()).await;
    let page = formatted(Kind::Html, &record, PLAIN);
    assert_whole_and_alone(&page);
    assert!(page.len() < 3 << 20, "{} bytes", page.len());
    let (_, document) = page.split_once("class=\"document\"").expect("it is there");
    let (document, _) = document.split_once("id=\"contract\"").expect("it ends");
    let said = document.matches("class=\"said ").count();
    let green = document.matches("class=\"said kept\"").count();
    assert!(green > 40, "{green} of {said}");
    for bad in ["broken", "untested"] {
        assert!(
            !document.contains(&format!("class=\"said {bad}\"")),
            "{bad}"
        );
    }
}
