//! `[mock]` of a scenario: the built-in mock does what it says, and a load run finds each fault under its own class.

use std::collections::BTreeMap;
use std::time::Duration;

use clawcheck::contract::ErrorCode;
use clawcheck::load::{
    self, Driver, Fault, Options, Scenario, Snapshot, mock_config, mock_config_at,
};
use clawcheck::mock::{Mock, MockConfig};
use clawcheck::record::load::{EndedBy, ErrorClass, LoadRecord};
use clawcheck::time::Scale;
use tokio::sync::watch;

use crate::raw::{Raw, patiently, request};
use crate::support::bent;

/// So many streams, by so many users at once, at a mock like that.
fn streams(requests: u32, users: u32, mock: &str) -> Scenario {
    let mix = "[[request]]\nname = \"stream\"\nstream = true";
    of_mix(requests, users, mix, mock)
}

fn of_mix(requests: u32, users: u32, mix: &str, mock: &str) -> Scenario {
    let text = format!(
        r#"
name = "inside"
contract = "report"
[load]
model = "closed"
drain_s = 80000
[[load.stage]]
name = "all"
duration_s = 600
users = {users}
shape = "step"
[budget]
completions = {requests}
[client]
idle_timeout_s = 60
{mix}
[mock]
{mock}
"#
    );
    Scenario::parse(&text, "inside.toml", &|_| None).unwrap_or_else(|why| panic!("{why:?}: {text}"))
}

const QUICK: &str = r#"
time_to_first_token_ms = { distribution = "uniform", max = 8 }
inter_chunk_latency_ms = { distribution = "constant", value = 1 }
chunks = { distribution = "uniform", min = 1, max = 6 }
"#;

/// Faults of these shares, on a quick mock.
fn with_faults(faults: &[(Fault, f64)]) -> String {
    let lines: Vec<String> = faults
        .iter()
        .map(|(fault, share)| format!("{fault} = {share}\n"))
        .collect();
    format!("{QUICK}\n[mock.faults]\n{}", lines.concat())
}

async fn run_at(scenario: &Scenario, mock: &Mock, timeout: Duration) -> LoadRecord {
    let mut profile = bent::profile(mock, &[]);
    profile.target.timeout_s = profile.target.time_scale.of(timeout);
    let options = Options {
        driver: Driver::Tasks,
        inside: true,
        ..Options::default()
    };
    let (sender, _) = watch::channel(Snapshot::default());
    let run = load::run(scenario, &profile, &options, &sender);
    patiently(run).await.expect("the run can begin")
}

async fn start(config: MockConfig) -> Mock {
    Mock::start(config).await.expect("a free port can be had")
}

async fn run(scenario: &Scenario) -> LoadRecord {
    let mock = start(mock_config(scenario)).await;
    run_at(scenario, &mock, Duration::from_secs(20)).await
}

/// How many answers each class has.
fn classes(record: &LoadRecord) -> BTreeMap<&'static str, u64> {
    let mut classes = BTreeMap::new();
    for row in &record.errors {
        *classes.entry(row.class.as_str()).or_default() += row.count;
    }
    classes
}

/// The class as which a fault has to be found.
fn class(fault: Fault) -> &'static str {
    match fault {
        Fault::Code(code) => code.as_str(),
        Fault::Status(status) => ErrorCode::of_status(status)
            .first()
            .map_or(ErrorClass::UndocumentedStatus.as_str(), |code| {
                code.as_str()
            }),
        named => {
            let mut all = ErrorClass::FIXED.iter().map(|class| class.as_str());
            all.find(|class| *class == named.to_string())
                .expect("a fault is called as its class")
        }
    }
}

/// Every fault as often as its share of so many answers says, and nothing else.
#[track_caller]
fn found_exactly(record: &LoadRecord, faults: &[(Fault, f64)], answers: u32) {
    let mut wanted: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (fault, share) in faults {
        let count = (f64::from(answers) * share).round() as u64;
        *wanted.entry(class(*fault)).or_default() += count;
    }
    let rows: Vec<String> = record
        .errors
        .iter()
        .map(|row| format!("{} x {}: {}", row.count, row.class, row.message))
        .collect();
    assert_eq!(classes(record), wanted, "{rows:#?}");
    assert_eq!(record.completions, u64::from(answers));
    assert_eq!(record.measured.counts.sent, u64::from(answers));
    let failed: u64 = wanted.values().sum();
    assert_eq!(
        record.measured.counts.succeeded,
        u64::from(answers) - failed
    );
    assert_eq!(record.ended_by, EndedBy::Budget);
}

/// Those that hold an answer up, and have runs of their own.
const SLOW: [Fault; 4] = [
    Fault::HeadersTimeout,
    Fault::IdleTimeout,
    Fault::TotalTimeout,
    Fault::LateTimeout,
];

fn each(faults: impl IntoIterator<Item = Fault>, share: f64) -> Vec<(Fault, f64)> {
    faults.into_iter().map(|fault| (fault, share)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_stream_is_found_as_often_as_it_was_planted() {
    let quick: Vec<Fault> = Fault::CLASSES
        .iter()
        .copied()
        .filter(|fault| !SLOW.contains(fault))
        .collect();
    for some in quick.chunks(8) {
        let faults = each(some.iter().copied(), 0.1);
        let scenario = streams(120, 6, &with_faults(&faults));
        found_exactly(&run(&scenario).await, &faults, 120);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_and_any_status_is_found_as_often_as_it_was_planted() {
    let codes = ErrorCode::ALL
        .iter()
        .filter(|code| **code != ErrorCode::Timeout);
    let statuses = [400, 408, 422, 503, 599].map(Fault::Status);
    let faults = each(codes.map(|code| Fault::Code(*code)).chain(statuses), 0.05);
    let scenario = streams(120, 6, &with_faults(&faults));
    let record = run(&scenario).await;
    found_exactly_of(&record, &faults, 120);
    let scenario = streams(
        100,
        4,
        &with_faults(&[(Fault::Code(ErrorCode::RateLimited), 1.0)]),
    );
    let record = run(&scenario).await;
    assert_eq!(record.measured.counts.throttled, 100);
    assert_eq!(record.retry_after.count(), 100);
}

/// The same where some of the faults are 429s, which are counted apart.
#[track_caller]
fn found_exactly_of(record: &LoadRecord, faults: &[(Fault, f64)], answers: u32) {
    found_exactly(record, faults, answers);
    assert!(record.measured.counts.throttled > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_does_not_come_or_end_is_found_by_the_patience_it_runs_out_of() {
    let faults = each(
        [
            Fault::HeadersTimeout,
            Fault::IdleTimeout,
            Fault::TotalTimeout,
        ],
        0.1,
    );
    let mut scenario = streams(100, 30, &with_faults(&faults));
    // Far beyond what a sound answer takes on a busy machine.
    scenario.client.idle_timeout = Duration::from_secs(2);
    let mock = start(mock_config(&scenario)).await;
    let record = run_at(&scenario, &mock, Duration::from_secs(4)).await;
    found_exactly(&record, &faults, 100);
    mock.wait_until(|journal| journal.streams_open + journal.waiting == 0)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_504_is_told_from_one_in_time() {
    let faults = each(
        [
            Fault::LateTimeout,
            Fault::Code(ErrorCode::Timeout),
            Fault::Status(504),
        ],
        0.1,
    );
    let scenario = streams(100, 30, &with_faults(&faults));
    let scale = Scale::new(0.001).expect("a positive number");
    let mock = start(mock_config_at(&scenario, scale)).await;
    let record = run_at(&scenario, &mock, Duration::from_secs(20)).await;
    found_exactly(&record, &faults, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_json_answer_has_the_faults_that_it_can_have() {
    let faults = each(
        [
            Fault::Reset,
            Fault::Framing,
            Fault::UndocumentedStatus,
            Fault::UndocumentedCode,
            Fault::BadReply,
            Fault::WrongContentType,
            Fault::Schema,
        ],
        0.1,
    );
    let mut all = faults.clone();
    all.extend([(Fault::TruncatedStream, 0.1), (Fault::BadUtf8, 0.2)]);
    let mix = "[[request]]\nname = \"json\"\nstream = false";
    let scenario = of_mix(120, 6, mix, &with_faults(&all));
    found_exactly(&run(&scenario).await, &faults, 120);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_share_of_a_fault_of_streams_is_one_of_the_streams() {
    let faults = [(Fault::DuplicateDone, 0.5)];
    let mix = "[[request]]\nname = \"a\"\nstream = false\n[[request]]\nname = \"b\"\nstream = true";
    let scenario = of_mix(200, 6, mix, &with_faults(&faults));
    let record = run(&scenario).await;
    let sent = |nth: usize| record.by_request[nth].1.counts.sent;
    assert_eq!(sent(0) + sent(1), 200);
    assert!(sent(0) > 50 && sent(1) > 50);
    let wanted = (sent(1) as f64 / 2.0).round() as u64;
    assert_eq!(
        classes(&record),
        BTreeMap::from([("duplicate_done", wanted)])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_faults_there_are_no_errors() {
    let mix = "[[request]]\nname = \"a\"\nstream = false\n[[request]]\nname = \"b\"\nstream = true\nprompts = \"builtin:unicode\"";
    for stamps in [false, true] {
        let mock = format!("{QUICK}\nstamp_chunks = {stamps}");
        let record = run(&of_mix(300, 8, mix, &mock)).await;
        found_exactly(&record, &[], 300);
        let advised: u64 = record.checks.values().map(|looks| looks.advised).sum();
        assert_eq!(advised, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_right_in_another_way_is_no_error() {
    let scenario = streams(60, 6, QUICK);
    for (name, value) in [
        ("content-type", "text/event-stream;charset=UTF-8"),
        ("cache-control", "private, no-cache"),
    ] {
        let mock = bent::start(bent::Bent {
            head: Some(Box::new(move |_, head| {
                head.remove(&name.parse().expect("the name of a field"));
                head.push(
                    name.parse().expect("the name of a field"),
                    value.parse().expect("the value of a field"),
                );
            })),
            ..bent::Bent::default()
        })
        .await;
        let record = run_at(&scenario, &mock, Duration::from_secs(20)).await;
        found_exactly(&record, &[], 60);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_answers_run_than_there_are_slots() {
    let slow = r#"
time_to_first_token_ms = { distribution = "constant", value = 10 }
inter_chunk_latency_ms = { distribution = "constant", value = 5 }
chunks = { distribution = "constant", value = 3 }
slots = 2
"#;
    let scenario = streams(40, 6, slow);
    let mock = start(mock_config(&scenario)).await;
    let mut journal = mock.watch();
    let watching = tokio::spawn(async move {
        let mut most = 0;
        while journal.changed().await.is_ok() {
            most = most.max(journal.borrow_and_update().streams_open);
        }
        most
    });
    let running = run_at(&scenario, &mock, Duration::from_secs(20));
    let full = mock.wait_until(|journal| journal.streams_open == 2 && journal.queued == 4);
    let (record, _) = tokio::join!(running, patiently(full));
    found_exactly(&record, &[], 40);
    let figures = &record.measured.figures;
    // Two at a time of 20 ms each: forty take 400 ms, and somebody waits for two others.
    let longest = figures.time_to_first_token.max().unwrap_or_default();
    assert!(longest > 40.0, "{longest}");
    drop(mock);
    // Who is served next is in the queue until it has noticed: only what runs is counted to the one.
    let most = watching.await.expect("it watches to the end");
    assert!(most <= 2, "{most} at a time");
}

#[tokio::test]
async fn a_slot_goes_to_whoever_has_waited_longest_and_a_stamp_tells_when_a_chunk_was_sent() {
    let one = r#"
time_to_first_token_ms = { distribution = "constant", value = 30 }
inter_chunk_latency_ms = { distribution = "constant", value = 5 }
chunks = { distribution = "constant", value = 3 }
slots = 1
stamp_chunks = true
"#;
    let mock = start(mock_config(&streams(1, 1, one))).await;
    let path = format!("/api/v1/bot/{}/chat", mock.fixtures().bots.main);
    let bearer = format!("Bearer {}", mock.fixtures().keys.valid.expose());
    let fields = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let body = br#"{"messages":[{"role":"user","content":"Hi"}],"stream":true}"#;
    let bytes = request("POST", &path, &fields, body);
    let mut raws = Vec::new();
    let before = monotonic();
    for nth in 0..3 {
        let mut raw = Raw::connect(mock.addr()).await;
        raw.send(&bytes).await;
        let taken = mock.wait_until(|now| now.streams_open == 1 && now.queued == nth);
        patiently(taken).await;
        raws.push(raw);
    }
    // The one in the middle of the queue leaves, and nobody waits for it.
    let mut late = raws.pop().expect("there are three");
    drop(raws.pop());
    let mut last = before;
    for raw in [&mut raws[0], &mut late] {
        let answer = raw.answer().await;
        let text = answer.text();
        let stamps: Vec<u64> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: {"))
            .map(|chunk| {
                let json: serde_json::Value =
                    serde_json::from_str(&format!("{{{chunk}")).expect("a chunk is JSON");
                json["sent_ns"].as_u64().expect("a chunk is stamped")
            })
            .collect();
        assert_eq!(stamps.len(), 4, "{text}");
        // A turn begins when the one before has ended: the whole time to the first chunk lies between.
        assert!(stamps[0] >= last + 30_000_000, "{last}: {stamps:?}");
        assert!(stamps.is_sorted(), "{stamps:?}");
        last = stamps[3];
    }
    assert!(last <= monotonic());
}

fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_and_lengths_are_those_of_the_scenario() {
    let even = r#"
time_to_first_token_ms = { distribution = "constant", value = 60 }
inter_chunk_latency_ms = { distribution = "constant", value = 20 }
chunks = { distribution = "constant", value = 6 }
"#;
    let mix = "[[request]]\nname = \"a\"\nstream = false\n[[request]]\nname = \"b\"\nstream = true";
    let record = run(&of_mix(40, 4, mix, even)).await;
    let (json, stream) = (&record.by_request[0].1, &record.by_request[1].1);
    let within = |name: &str, value: Option<f64>, least: f64, most: f64| {
        let value = value.unwrap_or_default();
        assert!((least..most).contains(&value), "{name}: {value} ms");
    };
    // A busy machine only adds: the quickest of each tells what was meant. Events are due at instants of their own, so
    // gaps keep their mean.
    let figures = &stream.figures;
    within("first", figures.time_to_first_token.min(), 59.0, 180.0);
    within("gap", figures.inter_chunk_latency.mean(), 10.0, 60.0);
    within("whole", figures.request_latency.min(), 159.0, 480.0);
    within("reply", json.figures.request_latency.min(), 59.0, 180.0);
    let chunks = &figures.chunks_per_answer;
    assert_eq!((chunks.min(), chunks.max()), (Some(6.0), Some(6.0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_gives_the_same_answers() {
    let lengths = async || {
        let record = run(&streams(60, 3, QUICK)).await;
        record.measured.figures.chunks_per_answer.buckets()
    };
    let first = lengths().await;
    assert_eq!(first.len(), 6, "every length from 1 to 6: {first:?}");
    assert_eq!(first, lengths().await);
}
