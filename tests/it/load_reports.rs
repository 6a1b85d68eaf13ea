//! Every format of a load run's report, fed every kind of run.

use crate::support::load_record::{
    HOSTILE, all, failing, good, interrupted, invalid, nothing, searched, times,
};
use crate::support::page::{assert_whole_and_alone, open_tags};
use crate::support::{assert_approved, assert_approved_but, assert_no_key};
use clawcheck::contract;
use clawcheck::record::load::{Doubt, EndedBy, LoadRecord, Looks, ThresholdOutcome};
use clawcheck::report::load::{Verdict, exit_code, write_terminal};
use clawcheck::report::{Detail, Kind, Look, Place, Reports};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn formatted(kind: Kind, record: &LoadRecord) -> String {
    let mut bytes = Vec::new();
    kind.write_load(record, &mut bytes)
        .expect("memory can be written");
    let text = String::from_utf8(bytes).expect("it is UTF-8");
    assert_no_key(&text);
    let harm = ['\u{1b}', '\u{202e}'];
    assert!(!text.contains(harm), "a target's escape got through");
    text
}

fn terminal(record: &LoadRecord, look: Look) -> String {
    let mut page = Vec::new();
    write_terminal(record, look, &mut page).expect("memory can be written");
    let page = String::from_utf8(page).expect("it is UTF-8");
    assert_no_key(&page);
    page
}

const PLAIN: Look = Look {
    colour: false,
    width: 80,
    detail: Detail::Normal,
};

/// One text of all records in a format.
fn together(format: impl Fn(&LoadRecord) -> String) -> String {
    all()
        .into_iter()
        .map(|(name, record)| format!("=== {name}\n{}", format(&record)))
        .collect()
}

#[test]
fn the_terminals_page_tells_every_kind_of_run() {
    let quiet = Look {
        detail: Detail::Quiet,
        ..PLAIN
    };
    let page = together(|record| terminal(record, PLAIN));
    assert!(!page.contains('\u{1b}'), "a target's escape got through");
    assert_approved("load.terminal", &page);
    assert_approved(
        "load.terminal.quiet",
        &together(|record| terminal(record, quiet)),
    );
}

#[test]
fn the_terminals_page_tells_all_when_asked() {
    let verbose = Look {
        detail: Detail::Verbose,
        ..PLAIN
    };
    let page = format!(
        "{}{}",
        terminal(&failing(), verbose),
        terminal(&searched(), verbose)
    );
    assert_approved("load.terminal.verbose", &page);
    let coloured = Look {
        colour: true,
        ..PLAIN
    };
    let page = format!(
        "{}{}",
        terminal(&good(), coloured),
        terminal(&invalid(), coloured)
    );
    assert_approved("load.terminal.colour", &page.replace('\x1b', "ESC"));
}

#[test]
fn a_plain_run_fits_one_screen() {
    for record in [good(), interrupted(), invalid(), searched(), nothing()] {
        let page = terminal(&record, PLAIN);
        assert!(page.lines().count() <= 24, "{page}");
    }
}

#[test]
fn the_terminals_page_keeps_to_its_width() {
    for (name, record) in all() {
        for width in [40, 60, 80, 120] {
            let page = terminal(&record, Look { width, ..PLAIN });
            for line in page.lines() {
                assert!(line.chars().count() <= width, "{name}, {width}: {line}");
            }
        }
    }
}

#[test]
fn junit_markdown_and_csv_tell_every_kind_of_run() {
    assert_approved(
        "load.junit",
        &together(|record| formatted(Kind::Junit, record)),
    );
    assert_approved("load.md", &together(|record| formatted(Kind::Md, record)));
    let csv = formatted(Kind::Csv, &failing());
    assert_eq!(formatted(Kind::Csv, &nothing()).lines().count(), 1);
    for row in csv.lines() {
        assert_eq!(row.split(',').count(), 9, "{row}");
    }
    let shown: String = csv.split_inclusive('\n').take(36).collect();
    assert_approved("load.csv", &shown);
}

/// A dashboard and the exit code agree.
#[test]
fn junit_is_red_where_the_exit_code_is() {
    for (name, record) in all() {
        let junit = formatted(Kind::Junit, &record);
        let red = junit.contains("<failure") || junit.contains("<error");
        assert_eq!(red, exit_code(&record) != 0, "{name}: {junit}");
    }
}

#[test]
fn the_json_report_is_everything() {
    let histograms = [(r#""data":\s*"[A-Za-z0-9+/=]+""#, r#""data": "[histogram]""#)];
    let json = |record: LoadRecord| formatted(Kind::Json, &record);
    assert_approved_but("load.json", &json(failing()), &histograms);
    assert_approved_but("load.json.nothing", &json(nothing()), &histograms);
}

/// The fields of an object in the design, to the letter.
#[test]
fn the_json_report_has_the_promised_fields() {
    let report: Value =
        serde_json::from_str(&formatted(Kind::Json, &searched())).expect("it is JSON");
    for (pointer, names) in [
        (
            "",
            "tool version command schema target started_at duration_s ended_by abort_reason scenario host summary validity windows metrics by_request by_stage warm_up steady errors statuses codes retry_after_s checks thresholds series search",
        ),
        ("/scenario", "name sha256 seed model engine resolved"),
        (
            "/host",
            "cpus cpu_model os memory_bytes shard clock_skew_ms complete",
        ),
        (
            "/summary",
            "passed failed requests completions sent succeeded errors throttled cancelled dropped unfinished error_ratio good good_request_fraction request_throughput_rps goodput_rps output_token_throughput_tps chunk_throughput_cps offered_rate_rps achieved_rate_rps in_flight bytes_sent bytes_received prompt_tokens completion_tokens",
        ),
        (
            "/validity",
            "valid reasons schedule_lag_ms runtime_lag_ms self_error_ms coalesced_chunk_ratio client_cpu_ratio client_rss_max_bytes",
        ),
        ("/windows", "warm_up_s measured_s drain_s steady"),
        ("/windows/steady", "from_s to_s method"),
        (
            "/metrics",
            "time_to_headers_ms time_to_first_event_ms time_to_first_token_ms ttft_from_intended_ms time_to_second_token_ms inter_chunk_latency_ms time_per_output_token_ms request_latency_ms response_time_ms failed_latency_ms think_time_ms connect_ms connections_opened connection_reuse_ratio chunks_per_answer tokens_per_answer tokens_per_chunk_ratio stalls",
        ),
        (
            "/metrics/time_to_first_token_ms",
            "unit count mean stddev min p50 p75 p90 p95 p99 p99_9 max ci95 histogram",
        ),
        (
            "/metrics/time_to_first_token_ms/histogram",
            "format unit sigfig low high data",
        ),
        ("/steady", "summary metrics"),
        ("/by_request/0", "name summary metrics"),
        ("/thresholds/0", "rule value ci95 outcome aborted_run"),
        (
            "/series",
            "window_s t_s sent succeeded errors in_flight ttft_p50_ms ttft_p99_ms icl_p99_ms lag_p99_ms",
        ),
        ("/search", "variable answer ci95 limited_by probes"),
        ("/search/probes/0", "value good total verdict"),
    ] {
        let object = report.pointer(pointer).and_then(Value::as_object);
        let object = object.unwrap_or_else(|| panic!("{pointer} is an object"));
        for name in names.split(' ') {
            assert!(object.contains_key(name), "{pointer} has no {name}");
        }
    }
}

#[test]
fn every_single_figure_of_a_part_stands_in_the_report() {
    let record = failing();
    let report: Value = serde_json::from_str(&formatted(Kind::Json, &record)).expect("it is JSON");
    let part = &report["by_request"][0];
    for (name, value) in record.by_request[0].1.scalars() {
        let pointer = format!("/{}", name.replace('.', "/"));
        let found = part["summary"]
            .pointer(&pointer)
            .or(part["metrics"].pointer(&pointer));
        let found = found.unwrap_or_else(|| panic!("{name} stands nowhere"));
        let near = match (found.as_f64(), value) {
            (Some(found), Some(value)) => (found - value).abs() <= value.abs() * 1e-5,
            (found, value) => found == value,
        };
        assert!(near, "{name}: {found} is not {value:?}");
    }
}

#[test]
fn a_histogram_comes_back_whole() {
    use base64::Engine as _;
    let report: Value = serde_json::from_str(&formatted(Kind::Json, &good())).expect("it is JSON");
    let data = &report["metrics"]["time_to_first_token_ms"]["histogram"]["data"];
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(data.as_str().expect("a text"))
        .expect("it is base64");
    let histogram: hdrhistogram::Histogram<u64> = hdrhistogram::serialization::Deserializer::new()
        .deserialize(&mut &bytes[..])
        .expect("it is a histogram");
    assert_eq!(histogram.len(), 1_600);
    let p50 = report["metrics"]["time_to_first_token_ms"]["p50"].as_f64();
    let p50 = p50.expect("a number") * 1e3;
    assert!((histogram.value_at_quantile(0.5) as f64 - p50).abs() < p50 / 500.0);
}

// --- the schema

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/report-load.schema.json");
    let text = fs::read_to_string(path).expect("the schema is there");
    serde_json::from_str(&text).expect("a schema is JSON")
}

#[test]
fn the_json_report_keeps_its_schema() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    for (name, record) in all() {
        let report: Value =
            serde_json::from_str(&formatted(Kind::Json, &record)).expect("it is JSON");
        let errors: Vec<String> = validator
            .iter_errors(&report)
            .map(|error| format!("{name}: {}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new());
    }
    assert!(!validator.is_valid(&serde_json::json!({ "tool": "clawcheck" })));
}

/// Fields by where the schema describes them: `distribution/p50`, `/host/cpus`; `*` is any item.
#[test]
fn schema_and_report_have_the_same_fields() {
    let schema = schema();
    let mut described = BTreeSet::new();
    described_fields(&schema, (String::new(), &schema), &mut described);
    let mut written = BTreeSet::new();
    for (_, record) in all() {
        let report: Value =
            serde_json::from_str(&formatted(Kind::Json, &record)).expect("it is JSON");
        written_fields(&schema, (String::new(), &schema), &report, &mut written);
    }
    let only = |these: &BTreeSet<String>, those: &BTreeSet<String>| -> Vec<String> {
        these.difference(those).cloned().collect()
    };
    assert_eq!(
        only(&written, &described),
        Vec::<String>::new(),
        "not in the schema"
    );
    assert_eq!(
        only(&described, &written),
        Vec::<String>::new(),
        "in no report"
    );
}

/// A schema, and where it stands.
type Placed<'s> = (String, &'s Value);

/// A schema and those that it is made of; one that is referred to stands under its own name.
fn made_of<'s>(root: &'s Value, (at, schema): Placed<'s>) -> Vec<Placed<'s>> {
    let mut parts = Vec::new();
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference
            .strip_prefix("#/$defs/")
            .expect("it is one of ours");
        parts.extend(made_of(root, (name.to_owned(), &root["$defs"][name])));
    }
    for word in ["allOf", "anyOf", "oneOf"] {
        for part in schema[word].as_array().into_iter().flatten() {
            parts.extend(made_of(root, (at.clone(), part)));
        }
    }
    parts.push((at, schema));
    parts
}

fn described_fields(root: &Value, placed: Placed<'_>, found: &mut BTreeSet<String>) {
    for (at, part) in made_of(root, placed) {
        for (name, member) in part["properties"].as_object().into_iter().flatten() {
            let at = format!("{at}/{name}");
            found.insert(at.clone());
            described_fields(root, (at, member), found);
        }
        for word in ["items", "additionalProperties"] {
            if part[word].is_object() {
                described_fields(root, (format!("{at}/*"), &part[word]), found);
            }
        }
    }
}

fn written_fields(root: &Value, placed: Placed<'_>, value: &Value, found: &mut BTreeSet<String>) {
    let parts = made_of(root, placed);
    let inside = |word: &str, name: Option<&str>| -> Option<Placed<'_>> {
        parts.iter().find_map(|(at, part)| {
            let (schema, last) = match name {
                Some(name) => (&part[word][name], name),
                None => (&part[word], "*"),
            };
            schema.is_object().then(|| (format!("{at}/{last}"), schema))
        })
    };
    match value {
        // What a scenario holds is the scenario schema's to say.
        Value::Object(_)
            if parts
                .iter()
                .any(|(_, part)| part["x-described-elsewhere"] == true) => {}
        Value::Object(members) => {
            for (name, member) in members {
                match (
                    inside("properties", Some(name)),
                    inside("additionalProperties", None),
                ) {
                    (Some((at, schema)), _) => {
                        found.insert(at.clone());
                        written_fields(root, (at, schema), member, found);
                    }
                    (None, Some(map)) => written_fields(root, map, member, found),
                    (None, None) => {
                        found.insert(format!("{}/{name}", parts[0].0));
                    }
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if let Some(placed) = inside("items", None) {
                    written_fields(root, placed, item, found);
                }
            }
        }
        _ => {}
    }
}

// --- the page for a browser

#[test]
fn the_page_is_whole_and_fetches_nothing() {
    for (name, record) in all() {
        let page = formatted(Kind::Html, &record);
        assert!(page.len() < 2 << 20, "{name}: {} bytes", page.len());
        assert_whole_and_alone(&page);
    }
}

fn escaped(text: &str) -> String {
    clawcheck::report::line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[test]
fn no_text_becomes_markup() {
    let record = failing();
    let page = formatted(Kind::Html, &record);
    for harm in ["<img", "onerror=\"", "</pre><script>", "alert('1')"] {
        assert!(!page.contains(harm), "{harm}");
    }
    let times = page.matches(&escaped(HOSTILE)).count();
    assert!(times >= 12, "hostile text was shown {times} times only");
    assert_eq!(open_tags(&page, "script"), 1);
    let quiet = formatted(Kind::Html, &good());
    assert_eq!(open_tags(&quiet, "img"), 0);
    let md = formatted(Kind::Md, &record);
    assert!(!md.contains("@everyone") || md.contains('`'));
}

#[test]
fn the_page_has_a_chart_of_everything_that_was_measured() {
    let titles = |record: &LoadRecord| -> Vec<String> {
        formatted(Kind::Html, record)
            .split("<figcaption><b>")
            .skip(1)
            .map(|rest| rest.split("</b>").next().unwrap_or_default().to_owned())
            .collect()
    };
    let open = titles(&good());
    assert_eq!(
        open,
        [
            "Requests a second",
            "In flight",
            "Time to first token, ms",
            "Inter-chunk latency, ms",
            "Arrivals sent late, ms",
            "Where the times to first token lay, ms",
            "Time to first token by quantile, ms",
            "Inter-chunk latency by quantile, ms",
            "Request latency by quantile, ms",
            "Response time by quantile, ms",
        ]
    );
    let closed = titles(&interrupted());
    assert!(
        !closed
            .iter()
            .any(|title| title.starts_with("Response time"))
    );
    assert_eq!(titles(&nothing()), Vec::<String>::new());
    let page = formatted(Kind::Html, &good());
    let charts: String = page
        .split("<svg")
        .skip(1)
        .map(|svg| svg.split("</svg>").next().unwrap_or_default())
        .collect();
    for colour in [
        "var(--one)",
        "var(--two)",
        "var(--ink)",
        "var(--grid)",
        "var(--bad)",
    ] {
        assert!(charts.contains(colour), "{colour}");
    }
    assert!(
        !charts.contains('#'),
        "a colour of its own has no dark scheme"
    );
}

/// Half a day of windows and as many errors as there are classes, all with long evidence.
#[test]
fn the_page_of_a_long_run_stays_small() {
    let mut record = failing();
    let row = record.errors[2].clone();
    record.errors = (0..500)
        .map(|n| {
            let mut row = row.clone();
            row.count = n;
            row.message = "\"<&>'".repeat(400);
            row.reproduce = "'\"&<>".repeat(4_000);
            row
        })
        .collect();
    let series = &mut record.series;
    let day = 40_000;
    for t in series.t_s.len()..day {
        series.t_s.push(t as f64);
        series.sent.push(t as u64 % 90);
        series.succeeded.push(t as u64 % 80);
        series.errors.push(t as u64 % 7);
        series.in_flight.push(t as u64 % 50);
        series.ttft_p50_ms.push(Some((t % 900) as f64));
        series.ttft_p99_ms.push(Some((t % 1_900) as f64));
        series.icl_p99_ms.push((t % 5 > 0).then_some(20.0));
        series.lag_p99_ms.push(Some(1.0));
        let heat = (0..24).map(|bucket| (20 + bucket, u64::from(bucket) + t as u64));
        series.ttft_heat.push(heat.collect());
    }
    let figures = &mut record.measured.figures;
    figures.inter_chunk_latency = times(50_000, 10, 900_000);
    let page = formatted(Kind::Html, &record);
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}

// --- verdicts

#[test]
fn each_verdict_has_its_code() {
    fn with(change: impl FnOnce(&mut LoadRecord)) -> LoadRecord {
        let mut record = good();
        change(&mut record);
        record
    }
    let broken = |level| {
        let looks = Looks {
            checked: 9,
            failed: 1,
            advised: 0,
        };
        BTreeMap::from([(level, looks)])
    };
    let doubt = |needed| Doubt {
        name: "runtime_lag",
        figure: String::new(),
        spoils: Vec::new(),
        needed,
    };
    for (says, record, verdict, code) in [
        ("all held", good(), Verdict::Held, 0),
        (
            "no thresholds",
            with(|r| r.thresholds.clear()),
            Verdict::Held,
            0,
        ),
        (
            "the budget was reached",
            with(|r| r.ended_by = EndedBy::Budget),
            Verdict::Held,
            0,
        ),
        ("one broken", failing(), Verdict::ThresholdBroken, 1),
        (
            "one without samples",
            with(|r| r.thresholds[1].outcome = ThresholdOutcome::NoSamples),
            Verdict::ThresholdBroken,
            1,
        ),
        (
            "a MUST",
            with(|r| r.checks = broken(contract::STREAM_4)),
            Verdict::ContractBroken,
            1,
        ),
        (
            "a MUST that is only reported",
            with(|r| {
                r.checks = broken(contract::STREAM_4);
                r.contract_fails = false;
            }),
            Verdict::Held,
            0,
        ),
        (
            "a SHOULD",
            with(|r| r.checks = broken(contract::CORS_4)),
            Verdict::Held,
            0,
        ),
        (
            "aborted",
            with(|r| r.ended_by = EndedBy::Aborted),
            Verdict::Aborted,
            1,
        ),
        (
            "could not go on",
            with(|r| r.ended_by = EndedBy::Error),
            Verdict::CutShort,
            1,
        ),
        ("invalid where it matters", invalid(), Verdict::Invalid, 1),
        (
            "invalid where it does not",
            with(|r| {
                r.validity.valid = false;
                r.validity.reasons = vec![doubt(false)];
            }),
            Verdict::Held,
            0,
        ),
        (
            "a mere warning",
            with(|r| r.validity.reasons = vec![doubt(true)]),
            Verdict::Held,
            0,
        ),
        (
            "no success",
            with(|r| r.measured.counts.succeeded = 0),
            Verdict::NoSuccess,
            1,
        ),
        ("nothing answered", nothing(), Verdict::Unreached, 3),
        (
            "a shard is missing",
            with(|r| r.host.complete = false),
            Verdict::ShardMissing,
            3,
        ),
        ("interrupted", interrupted(), Verdict::Interrupted, 130),
        (
            "interrupted before anything answered",
            with(|r| {
                r.ended_by = EndedBy::Interrupted;
                r.reached = false;
            }),
            Verdict::Interrupted,
            130,
        ),
        (
            "a search whose good answers stand in its probes",
            LoadRecord {
                measured: nothing().measured,
                ..searched()
            },
            Verdict::Held,
            0,
        ),
    ] {
        assert_eq!(Verdict::of(&record), verdict, "{says}");
        assert_eq!(exit_code(&record), code, "{says}");
    }
}

#[test]
fn whatever_holds_beside_the_verdict_is_told() {
    let mut record = failing();
    record.validity = invalid().validity;
    assert_eq!(
        Verdict::all_of(&record),
        [
            Verdict::ThresholdBroken,
            Verdict::ContractBroken,
            Verdict::Invalid
        ]
    );
}

// --- where reports go

#[test]
fn every_kind_is_written_to_its_place() {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("load-reports-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the tests' folder can be written");
    for (name, record) in all() {
        let wanted: Vec<(Kind, Place)> = Kind::LOAD
            .iter()
            .map(|kind| {
                let file = format!("{name}.{}", kind.as_str());
                (*kind, Place::File(folder.join(file)))
            })
            .collect();
        let reports = Reports::open(&wanted).expect("they can be written");
        reports
            .write_load(&record, &mut Vec::new())
            .expect("they can be written");
    }
    let count = fs::read_dir(&folder).expect("it is there").count();
    assert_eq!(count, all().len() * Kind::LOAD.len());
}
