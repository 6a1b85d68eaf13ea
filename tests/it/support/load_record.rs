//! Records of load runs, one of each kind that a report has to tell.

use super::record::{KEY, exchange};
use clawcheck::contract::{self, ErrorCode};
use clawcheck::judge::{Check, Place};
use clawcheck::record::load::{
    Counts, Doubt, EndedBy, ErrorClass, ErrorRow, Figures, Host, LoadRecord, Looks, Part, Probe,
    ScenarioFacts, Search, Series, Shard, Stage, Steady, ThresholdOutcome, ThresholdRow, Validity,
    Windows,
};
use clawcheck::record::{Distribution, Evidence, heat_bucket};
use clawcheck::secret::{ApiKey, Scrubber};
use clawcheck::wire::End;
use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

/// Markup, quotes, a cell's and a span's end, an escape sequence, a mention: text that means harm in some format.
pub(crate) const HOSTILE: &str = "<img src=x onerror=\"alert('1')\"> & ]]> | `code` ``` @everyone \u{1b}[31mred\u{202E} [a](javascript:x)";

const S: fn(u64) -> Duration = Duration::from_secs;

/// So many samples of a long-tailed distribution: the least, and how far the mean lies beyond it.
pub(crate) fn times(count: u32, least_us: u64, mean_us: u64) -> Distribution {
    let mut distribution = Distribution::new("ms");
    for n in 0..count {
        let share = (f64::from(n) + 0.5) / f64::from(count);
        let beyond = -(1.0 - share).ln() * mean_us as f64;
        distribution.record(least_us + beyond.round() as u64);
    }
    distribution
}

fn numbers(unit: &'static str, values: impl IntoIterator<Item = u64>) -> Distribution {
    let mut distribution = Distribution::new(unit);
    for value in values {
        distribution.record(value);
    }
    distribution
}

/// The figures of so many good answers of the open model.
fn figures(answers: u32) -> Figures {
    Figures {
        time_to_headers: times(answers, 40_000, 12_000),
        time_to_first_event: times(answers, 180_000, 60_000),
        time_to_first_token: times(answers, 200_000, 90_000),
        ttft_from_intended: times(answers, 200_400, 95_000),
        time_to_second_token: times(answers, 18_000, 3_000),
        inter_chunk_latency: times(answers * 40, 15_000, 5_000),
        time_per_output_token: times(answers, 16_000, 2_000),
        request_latency: times(answers, 900_000, 400_000),
        response_time: times(answers, 900_400, 420_000),
        failed_latency: Distribution::new("ms"),
        think_time: Distribution::new("ms"),
        connect: times(20, 900, 300),
        chunks_per_answer: numbers("chunks", (0..u64::from(answers)).map(|n| 20 + n % 41)),
        tokens_per_answer: numbers("tokens", (0..u64::from(answers)).map(|n| 30 + n % 61)),
    }
}

/// Counts and figures of a part in which everything went well.
fn part(answers: u32, seconds: u64) -> Part {
    let n = u64::from(answers);
    Part {
        counts: Counts {
            sent: n,
            succeeded: n,
            good: n - n / 50,
            contents: n * 40,
            coalesced: n / 10,
            bytes_sent: n * 812,
            bytes_received: n * 14_310,
            prompt_tokens: n * 31,
            completion_tokens: n * 60,
            contents_with_usage: n * 40,
            tokens_in_chunks: n * 60,
            connections_opened: 20,
            reused: n - 20,
            stalls: 3,
            stalled_answers: 2,
            ..Counts::default()
        },
        figures: figures(answers),
        span: S(seconds),
        in_flight: Some((24.51, 41)),
        completions: Some(n),
    }
}

fn threshold(rule: &str, value: f64, ci95: Option<(f64, f64)>) -> ThresholdRow {
    ThresholdRow {
        rule: rule.to_owned(),
        value: Some(value),
        ci95,
        outcome: ThresholdOutcome::Pass,
        aborted_run: false,
    }
}

fn series(seconds: u32) -> Series {
    let mut series = Series {
        window: S(1),
        ..Series::default()
    };
    for t in 0..seconds {
        let wave = 1.0 + 0.2 * (f64::from(t) * 0.6).sin();
        let ttft = 260.0 * wave;
        series.t_s.push(f64::from(t));
        series.sent.push(20);
        series
            .succeeded
            .push(if t == 0 { 0 } else { 19 + u64::from(t % 3) });
        series.errors.push(0);
        series.in_flight.push(20 + u64::from(t % 9));
        let measured = t > 0;
        series
            .ttft_p50_ms
            .push(measured.then_some((ttft * 10.0).round() / 10.0));
        series
            .ttft_p99_ms
            .push(measured.then_some((ttft * 25.0).round() / 10.0));
        series.icl_p99_ms.push(measured.then_some(38.0));
        series.lag_p99_ms.push(Some(0.4));
        let mut heat = BTreeMap::new();
        for step in 0..u32::from(measured) * 20 {
            let ms = ttft * (0.8 + f64::from(step * step) * 0.005);
            *heat.entry(heat_bucket((ms * 1e3) as u64)).or_insert(0) += 1;
        }
        series.ttft_heat.push(heat);
    }
    series
}

/// A good run of the open model, with everything that a report can have but errors.
pub(crate) fn good() -> LoadRecord {
    let stage = |name: &str, from, to, part| Stage {
        name: name.to_owned(),
        from: S(from),
        to: S(to),
        target: 20.0,
        part,
    };
    LoadRecord {
        target: "https://staging.example".to_owned(),
        started_at: UNIX_EPOCH + S(1_788_000_000),
        duration: Duration::from_millis(92_340),
        ended_by: EndedBy::Completed,
        abort_reason: None,
        scenario: ScenarioFacts {
            name: "chat-mixed".to_owned(),
            description: "Does it answer 20 requests a second, four in five of them streams?"
                .to_owned(),
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
            seed: 42,
            model: "open",
            engine: "arrivals",
            resolved: serde_json::json!({
                "name": "chat-mixed", "seed": 42, "contract": "fail",
                "load": { "model": "open", "arrivals": "poisson", "max_in_flight": 500 },
            }),
            stall: S(1),
        },
        host: Host {
            cpus: 2,
            cpu_model: "Example CPU 3000".to_owned(),
            os: "linux 6.1".to_owned(),
            memory_bytes: 8 << 30,
            shard: (0, 1),
            clock_skew_ms: None,
            complete: true,
            clock_offset_ms: None,
            shards: Vec::new(),
        },
        completions: 1_800,
        reached: true,
        in_flight: (24.51, 41),
        windows: Windows {
            warm_up: S(10),
            measured: S(80),
            drain: Duration::from_millis(2_340),
        },
        measured: part(1_600, 80),
        warm_up: Some(part(200, 10)),
        steady: Some(Steady {
            from: S(14),
            to: S(80),
            part: part(1_320, 66),
        }),
        by_request: vec![
            ("stream".to_owned(), part(1_280, 80)),
            ("json".to_owned(), part(320, 80)),
        ],
        by_stage: vec![
            stage("ramp", 0, 20, part(400, 20)),
            stage("hold", 20, 80, part(1_200, 60)),
        ],
        validity: Validity {
            valid: true,
            reasons: Vec::new(),
            schedule_lag: times(1_600, 20, 90),
            runtime_lag: times(900, 10, 60),
            self_error: times(100, 30, 15),
            coalesced_chunk_ratio: 0.0025,
            client_cpu_ratio: 0.1234567,
            client_rss_max_bytes: 31_457_280,
        },
        errors: Vec::new(),
        statuses: BTreeMap::from([(200, 1_600)]),
        codes: BTreeMap::new(),
        retry_after: Distribution::new("s"),
        checks: BTreeMap::from([
            (
                contract::STREAM_3,
                Looks {
                    checked: 1_280,
                    ..Looks::default()
                },
            ),
            (
                contract::STREAM_4,
                Looks {
                    checked: 1_280,
                    ..Looks::default()
                },
            ),
        ]),
        contract_fails: true,
        thresholds: vec![
            threshold(
                "time_to_first_token_ms.p95 < 800",
                469.759,
                Some((452.1, 488.3)),
            ),
            threshold("error_ratio < 0.01", 0.0, None),
            threshold("achieved_rate_rps >= 19.5", 20.0, None),
        ],
        series: series(92),
        search: None,
        notes: Vec::new(),
    }
}

fn evidence() -> Evidence {
    let mut scrubber = Scrubber::new();
    scrubber.add_key(&ApiKey::new(KEY));
    let body = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"</pre><script>alert(1)</script>\"}}]}\n\n";
    let checks = [
        Check::violation(contract::STREAM_4, "end", "[DONE]", "the end of the body")
            .at(Place::Body, 6..20),
    ];
    let exchange = exchange(200, "text/event-stream", body, End::Complete);
    Evidence::new(&exchange, &checks, &scrubber)
}

fn error(class: ErrorClass, count: u64) -> ErrorRow {
    ErrorRow {
        class,
        requirement: None,
        status: None,
        code: None,
        count,
        first_at: Duration::from_millis(12_345),
        message: String::new(),
        reproduce: String::new(),
        evidence: None,
    }
}

/// A run that breaks thresholds and MUSTs, with hostile text wherever a target or a scenario has a say.
pub(crate) fn failing() -> LoadRecord {
    let mut record = good();
    let counts = &mut record.measured.counts;
    *counts = Counts {
        sent: 1_640,
        succeeded: 1_571,
        errors: 29,
        throttled: 35,
        cancelled: 4,
        dropped: 12,
        unfinished: 1,
        good: 1_402,
        ..*counts
    };
    record.measured.figures.failed_latency = times(29, 100_000, 800_000);
    record.scenario.name = format!("mixed {HOSTILE}");
    record.scenario.description = format!("Does it keep up? {HOSTILE}");
    record.scenario.resolved = serde_json::json!({ "name": HOSTILE });
    record.by_request[1].0 = HOSTILE.to_owned();
    record.by_stage[1].name = format!("hold#2 {HOSTILE}");
    record.host.cpu_model = HOSTILE.to_owned();
    record.host.os = HOSTILE.to_owned();
    record.errors = vec![
        error(ErrorClass::Dropped, 12),
        ErrorRow {
            status: Some(429),
            code: Some("rate_limited".to_owned()),
            message: "429 rate_limited: slow down".to_owned(),
            ..error(ErrorClass::Code(ErrorCode::RateLimited), 35)
        },
        ErrorRow {
            requirement: Some(contract::STREAM_4),
            status: Some(200),
            message: format!("the stream ends after 14 events without [DONE]: {HOSTILE}"),
            reproduce: format!(
                "curl -N https://staging.example/api/v1/bot/main/chat -H \"Authorization: Bearer $CLAWBITE_KEY\" -d '{{\"user\":\"{HOSTILE}\"}}'"
            ),
            evidence: Some(evidence()),
            ..error(ErrorClass::TruncatedStream, 17)
        },
        ErrorRow {
            message: "connection reset by peer after 1,204 bytes".to_owned(),
            requirement: Some(contract::STREAM_8),
            ..error(ErrorClass::Reset, 9)
        },
        ErrorRow {
            status: Some(500),
            code: Some(HOSTILE.to_owned()),
            message: format!("500 {HOSTILE}"),
            ..error(ErrorClass::UndocumentedCode, 2)
        },
        error(ErrorClass::IdleTimeout, 1),
        error(ErrorClass::Cancelled, 4),
        error(ErrorClass::Unfinished, 1),
    ];
    record.statuses = BTreeMap::from([(200, 1_588), (429, 35), (500, 2)]);
    record.codes = BTreeMap::from([("rate_limited".to_owned(), 35), (HOSTILE.to_owned(), 2)]);
    record.retry_after = numbers("s", [1_000_000, 2_000_000, 2_500_000]);
    record.checks = BTreeMap::from([
        (
            contract::STREAM_3,
            Looks {
                checked: 1_588,
                advised: 3,
                failed: 0,
            },
        ),
        (
            contract::STREAM_4,
            Looks {
                checked: 1_588,
                failed: 17,
                advised: 0,
            },
        ),
        (
            contract::STREAM_8,
            Looks {
                checked: 1_600,
                failed: 9,
                advised: 0,
            },
        ),
    ]);
    record.thresholds = vec![
        threshold(
            "time_to_first_token_ms.p95 < 800",
            469.759,
            Some((452.1, 488.3)),
        ),
        ThresholdRow {
            outcome: ThresholdOutcome::Fail,
            ..threshold("error_ratio < 0.01", 0.018125, None)
        },
        ThresholdRow {
            outcome: ThresholdOutcome::NoSamples,
            value: None,
            ..threshold(
                &format!("request_latency_ms.p99 < 5000 for {HOSTILE}"),
                0.0,
                None,
            )
        },
    ];
    record.series.errors[30] = 12;
    record.series.errors[31] = 17;
    record.notes = vec![format!("certificates were not checked ({HOSTILE})")];
    record
}

/// A run that no threshold and no figure can be told of: nothing ever answered.
pub(crate) fn nothing() -> LoadRecord {
    let good = good();
    LoadRecord {
        duration: Duration::from_millis(10_020),
        ended_by: EndedBy::Aborted,
        abort_reason: Some("100 errors in a row".to_owned()),
        completions: 0,
        reached: false,
        in_flight: (0.0, 0),
        windows: Windows::default(),
        measured: Part {
            counts: Counts {
                sent: 100,
                errors: 100,
                ..Counts::default()
            },
            ..Part::default()
        },
        warm_up: None,
        steady: None,
        by_request: Vec::new(),
        by_stage: Vec::new(),
        validity: Validity {
            schedule_lag: Distribution::new("ms"),
            runtime_lag: Distribution::new("ms"),
            self_error: Distribution::new("ms"),
            coalesced_chunk_ratio: 0.0,
            ..good.validity
        },
        errors: vec![ErrorRow {
            message: "connection refused".to_owned(),
            ..error(ErrorClass::ConnectRefused, 100)
        }],
        statuses: BTreeMap::new(),
        checks: BTreeMap::new(),
        thresholds: vec![ThresholdRow {
            outcome: ThresholdOutcome::NoSamples,
            value: None,
            ..threshold("time_to_first_token_ms.p95 < 800", 0.0, None)
        }],
        series: Series::default(),
        ..good
    }
}

/// A run that a signal ended, of the closed model.
pub(crate) fn interrupted() -> LoadRecord {
    let mut record = good();
    record.ended_by = EndedBy::Interrupted;
    record.duration = Duration::from_millis(31_700);
    record.scenario.model = "closed";
    record.scenario.engine = "goose";
    record.measured = part(400, 20);
    record.measured.counts.cancelled = 21;
    record.measured.figures.ttft_from_intended = Distribution::new("ms");
    record.measured.figures.response_time = Distribution::new("ms");
    record.measured.figures.think_time = times(380, 500_000, 2_000_000);
    record.steady = None;
    record.by_stage.truncate(1);
    record.errors = vec![error(ErrorClass::Cancelled, 21)];
    record.series = series(31);
    record.thresholds = Vec::new();
    record
}

/// A run whose generator was the limit.
pub(crate) fn invalid() -> LoadRecord {
    let mut record = good();
    record.validity.valid = false;
    record.validity.client_cpu_ratio = 0.97;
    record.host.clock_offset_ms = Some((-3.0, 1.5));
    record.host.shards = vec![Shard {
        index: 0,
        started_at: UNIX_EPOCH + S(1_795_000_000),
        clock_offset_ms: Some((-3.0, 1.5)),
    }];
    record.validity.schedule_lag = times(1_600, 900, 12_000);
    record.validity.reasons = vec![
        Doubt {
            name: "client_saturated",
            figure: "97 % of the 2 cores in use for 41 s".to_owned(),
            spoils: Vec::new(),
            needed: true,
        },
        Doubt {
            name: "schedule_lag",
            figure: "p99 of 54.7 ms, more than 27.4 ms".to_owned(),
            spoils: vec!["response_time_ms", "ttft_from_intended_ms"],
            needed: false,
        },
    ];
    record
}

/// A search for capacity.
pub(crate) fn searched() -> LoadRecord {
    let probe = |value, good, total, verdict| Probe {
        value,
        good,
        total,
        verdict,
        span: S(60),
    };
    let mut record = good();
    record.search = Some(Search {
        variable: "rate_rps",
        answer: Some(118.0),
        ci95: Some((112.0, 121.0)),
        limited_by: "objective",
        probes: vec![
            probe(64.0, 3_840, 3_840, "met"),
            probe(128.0, 6_900, 7_680, "missed"),
            probe(118.0, 7_021, 7_080, "met"),
            probe(121.0, 7_100, 7_260, "missed"),
        ],
    });
    record.ended_by = EndedBy::Budget;
    record.by_stage = Vec::new();
    record
}

/// All of them, with their names.
pub(crate) fn all() -> Vec<(&'static str, LoadRecord)> {
    vec![
        ("good", good()),
        ("failing", failing()),
        ("nothing", nothing()),
        ("interrupted", interrupted()),
        ("invalid", invalid()),
        ("searched", searched()),
    ]
}
