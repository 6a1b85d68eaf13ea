//! What a load run says, held against what a server of the test's own wrote down: latencies from the due instant while
//! the server stands still, faults counted exactly, signals with a thousand streams open.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::raw::patiently;
use crate::support::server::{Server, drain, read_request};
use crate::support::{Output, Run, finish};

fn profile(server: &Server) -> String {
    format!(
        "[target]\nbase_url = \"http://{}\"\n[keys]\nvalid = \"clawbite_sk_load_accuracy_0123456789\"\n[bots]\nmain = \"bot-1\"\n",
        server.addr
    )
}

fn load(server: &Server, scenario: &str, driver: &str, report: &str) -> Run {
    Run::new([
        "load",
        "scenario.toml",
        "--profile",
        "profile.toml",
        "--driver",
        driver,
        "--report",
        report,
    ])
    .file("profile.toml", profile(server))
    .file("scenario.toml", scenario)
}

/// The program blocks its thread; the server goes on beside it.
async fn ended(run: Run) -> (Output, Value) {
    let running = tokio::task::spawn_blocking(move || run.output_and("report.json"));
    let (output, report) = patiently(running).await.expect("no assertion failed");
    let report = serde_json::from_str(&report).expect("a report is JSON");
    (output, report)
}

const REPLY: &str = r#"{"id":"chatcmpl-ID","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Yes."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;

fn answer(status: &str, kind: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n{more}\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// When a request was read and when its answer was written, by the number in its prompt.
type Log = Arc<Mutex<Vec<(usize, Instant, Instant)>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_server_stands_still_latencies_run_from_the_due_instant() {
    const RATE: usize = 100;
    // It stands still for as long as it takes these many requests to come: a second.
    const FREEZES: usize = 40;
    const THAWS: usize = FREEZES + RATE;
    let log = Log::default();
    let (frozen, thawed) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let writing = Arc::clone(&log);
    let server = Server::start(move |mut stream| {
        let (log, frozen, thawed) = (
            Arc::clone(&writing),
            Arc::clone(&frozen),
            Arc::clone(&thawed),
        );
        async move {
            loop {
                let request = read_request(&mut stream).await;
                let read = Instant::now();
                let text = String::from_utf8_lossy(&request);
                let Some(number) = text.split("number ").nth(1) else {
                    return;
                };
                let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
                let number: usize = digits.parse().expect("the prompt has a number");
                match number {
                    FREEZES => frozen.store(true, Ordering::SeqCst),
                    THAWS => {
                        frozen.store(false, Ordering::SeqCst);
                        thawed.notify_waiters();
                    }
                    _ => {}
                }
                loop {
                    let waiting = thawed.notified();
                    if !frozen.load(Ordering::SeqCst) {
                        break;
                    }
                    waiting.await;
                }
                let body = REPLY.replace("ID", &number.to_string());
                let bytes = answer("200 OK", "application/json", "", body.as_bytes());
                let written = Instant::now();
                log.lock()
                    .expect("no test panicked")
                    .push((number, read, written));
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let scenario = format!(
        "name = \"frozen\"\n[load]\nmodel = \"open\"\narrivals = \"constant\"\n[[load.stage]]\nname = \"all\"\nduration_s = 2\nrate_rps = {RATE}\nshape = \"step\"\n[[request]]\nname = \"json\"\nstream = false\nprompt = \"number {{n}}\"\n"
    );
    let (output, report) = ended(load(&server, &scenario, "goose", "json=report.json")).await;
    assert_eq!(output.code, Some(0), "{}", output.text());
    let log = log.lock().expect("no test panicked");
    let count = 2 * RATE;
    assert_eq!(log.len(), count);
    // The first request's due instant is not known here: the request that came soonest after its own tells it best.
    let due = |number: usize| Duration::from_secs_f64(number as f64 / RATE as f64);
    let begin = log
        .iter()
        .map(|(number, read, _)| *read - due(*number))
        .min();
    let begin = begin.expect("there are requests");
    let mut computed: Vec<f64> = log
        .iter()
        .map(|(number, _, written)| (*written - (begin + due(*number))).as_secs_f64() * 1e3)
        .collect();
    computed.sort_by(f64::total_cmp);
    let metrics = &report["metrics"];
    assert_eq!(metrics["response_time_ms"]["count"], count);
    // Where this machine was too busy for it, the report has to say so.
    let reasons = report["validity"]["reasons"].as_array();
    let doubted = reasons.is_some_and(|reasons| !reasons.is_empty());
    for (name, share) in [("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)] {
        let index = (count as f64 * share).ceil() as usize - 1;
        let reported = metrics["response_time_ms"][name]
            .as_f64()
            .expect("a number");
        // Neighbours lie 10 ms apart, and the way back from the server takes its time on a busy machine.
        let off = (reported - computed[index]).abs();
        assert!(
            doubted || off <= computed[index] * 0.02 + 15.0,
            "{name}: {reported} reported, {} computed",
            computed[index]
        );
    }
    let waited = metrics["response_time_ms"]["p95"].as_f64();
    assert!(
        waited.is_some_and(|ms| ms > 500.0),
        "the stop is seen: {waited:?}"
    );
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

fn chunk(number: usize) -> String {
    event(&format!(
        "{{\"id\":\"chatcmpl-{number}\",\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"word \"}}}}]}}"
    ))
}

/// What goes wrong, the class as which it has to be found, and the requirement that it breaks.
const FAULTS: [(&str, Option<&str>); 14] = [
    ("reset", None),
    ("framing", Some("WIRE-1")),
    ("undocumented_status", Some("ROUTE-1")),
    ("undocumented_code", Some("ERROR-1")),
    ("bad_reply", Some("STREAM-4")),
    ("wrong_content_type", Some("STREAM-1")),
    ("truncated_stream", Some("STREAM-4")),
    ("data_after_done", Some("STREAM-4")),
    ("duplicate_done", Some("STREAM-4")),
    ("in_band_error", Some("STREAM-8")),
    ("bad_event_json", Some("STREAM-2")),
    ("bad_utf8", Some("STREAM-5")),
    ("schema", Some("STREAM-3")),
    ("empty_answer", Some("STREAM-4")),
];

/// The bytes of an answer with that fault; of a good one without.
fn faulty(fault: Option<&str>, number: usize) -> Vec<u8> {
    const STREAM: &str = "text/event-stream";
    let ok = |kind: &str, body: Vec<u8>| {
        answer(
            "200 OK",
            kind,
            "cache-control: no-store\r\nconnection: close\r\n",
            &body,
        )
    };
    let two = format!("{}{}", chunk(number), chunk(number));
    let done = event("[DONE]");
    let stream = |body: String| ok(STREAM, body.into_bytes());
    match fault {
        None => stream(format!("{two}{done}")),
        Some("reset") => Vec::new(),
        Some("framing") => b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\nnot a size\r\n".to_vec(),
        Some("undocumented_status") => answer("418 Teapot", "application/json", "connection: close\r\n", b"{}"),
        Some("undocumented_code") => answer("500 Oops", "application/json", "connection: close\r\n", br#"{"error":{"code":"oops","message":"No."}}"#),
        Some("bad_reply") => ok(STREAM, Vec::new()),
        Some("wrong_content_type") => ok("text/plain", format!("{two}{done}").into_bytes()),
        Some("truncated_stream") => stream(two),
        Some("data_after_done") => stream(format!("{two}{done}{}", chunk(number))),
        Some("duplicate_done") => stream(format!("{two}{done}{done}")),
        Some("in_band_error") => stream(format!("{}{}", chunk(number), event(r#"{"error":{"code":"timeout","message":"No."}}"#))),
        Some("bad_event_json") => stream(format!("{two}{}{done}", event("{no json"))),
        Some("bad_utf8") => {
            let mut body = two.into_bytes();
            let at = body.windows(4).position(|window| window == b"word").expect("a word");
            body[at] = 0xff;
            body.extend_from_slice(done.as_bytes());
            ok(STREAM, body)
        }
        Some("schema") => stream(format!("{}{done}", two.replace("\"index\":0", "\"index\":\"0\""))),
        Some("empty_answer") => stream(done),
        Some(other) => panic!("{other} is no fault"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_among_good_streams_are_counted_one_by_one_under_their_class() {
    const EVERY: usize = 10;
    const EACH: usize = 3;
    let seen = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |mut stream: TcpStream| {
        let seen = Arc::clone(&seen);
        async move {
            if read_request(&mut stream).await.is_empty() {
                return;
            }
            let number = seen.fetch_add(1, Ordering::SeqCst);
            let fault =
                (number % EVERY == EVERY - 1).then(|| FAULTS[number / EVERY % FAULTS.len()].0);
            let _ = stream.write_all(&faulty(fault, number)).await;
            drain(stream).await;
        }
    })
    .await;
    let answers = EVERY * EACH * FAULTS.len();
    let scenario = format!(
        "name = \"faults\"\n[load]\nmodel = \"closed\"\n[[load.stage]]\nname = \"all\"\nduration_s = 600\nusers = 4\nshape = \"step\"\n[budget]\ncompletions = {answers}\n[[request]]\nname = \"stream\"\nstream = true\n"
    );
    for driver in ["goose", "tasks"] {
        let (output, report) = ended(load(&server, &scenario, driver, "json=report.json")).await;
        assert_eq!(output.code, Some(1), "{}", output.text());
        let errors = report["errors"].as_array().expect("errors are a list");
        let mut found: BTreeMap<&str, (u64, Option<&str>)> = BTreeMap::new();
        for row in errors {
            let class = row["class"].as_str().expect("a class");
            let entry = found.entry(class).or_default();
            entry.0 += row["count"].as_u64().expect("a count");
            entry.1 = row["requirement"].as_str();
        }
        let wanted: BTreeMap<&str, (u64, Option<&str>)> = FAULTS
            .iter()
            .map(|(class, requirement)| (*class, (EACH as u64, *requirement)))
            .collect();
        assert_eq!(found, wanted, "{driver}");
        let summary = &report["summary"];
        let faults = EACH * FAULTS.len();
        assert_eq!(summary["errors"], faults, "{driver}");
        assert_eq!(summary["succeeded"], answers - faults, "{driver}");
        assert_eq!(
            report["metrics"]["chunks_per_answer"]["max"], 2.0,
            "{driver}"
        );
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_a_thousand_open_streams_and_every_one_is_counted() {
    const STREAMS: usize = 1000;
    let closed = format!(
        "name = \"long\"\n[load]\nmodel = \"closed\"\n[[load.stage]]\nname = \"all\"\nduration_s = 600\nusers = {STREAMS}\nshape = \"step\"\n[[request]]\nname = \"stream\"\nstream = true\n"
    );
    let open = format!(
        "name = \"long\"\n[load]\nmodel = \"open\"\narrivals = \"constant\"\nmax_in_flight = {STREAMS}\n[[load.stage]]\nname = \"all\"\nduration_s = 600\nrate_rps = 2000\nshape = \"step\"\n[[request]]\nname = \"stream\"\nstream = true\n"
    );
    for (scenario, driver, name) in [
        (&closed, "goose", "-INT"),
        (&closed, "tasks", "-TERM"),
        (&open, "goose", "-INT"),
    ] {
        let begun = Arc::new(AtomicUsize::new(0));
        let all = Arc::new(Notify::new());
        let (counting, telling) = (Arc::clone(&begun), Arc::clone(&all));
        let server = Server::start(move |mut stream: TcpStream| {
            let (begun, all) = (Arc::clone(&counting), Arc::clone(&telling));
            async move {
                read_request(&mut stream).await;
                let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n";
                let data = chunk(number);
                let bytes = format!("{head}{:x}\r\n{data}\r\n", data.len());
                let _ = stream.write_all(bytes.as_bytes()).await;
                if number == STREAMS {
                    all.notify_one();
                }
                // Until the client leaves.
                read_request(&mut stream).await;
            }
        })
        .await;
        let mut run = load(&server, scenario, driver, "json=-").stdout(Stdio::piped());
        let child = run.spawn();
        patiently(all.notified()).await;
        let sent = std::process::Command::new("kill")
            .args([name, &child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(sent.success());
        let output = patiently(tokio::task::spawn_blocking(move || finish(child)))
            .await
            .expect("no assertion failed");
        assert_eq!(output.code, Some(130), "{driver}: {}", output.stderr);
        let report: Value =
            serde_json::from_str(&output.stdout).expect("standard output is JSON and nothing else");
        assert_eq!(report["ended_by"], "interrupted", "{driver}");
        let summary = &report["summary"];
        assert_eq!(summary["sent"], begun.load(Ordering::SeqCst), "{driver}");
        assert_eq!(summary["cancelled"], summary["sent"], "{driver}");
        assert_eq!(summary["errors"], 0, "{driver}");
    }
}

/// Goose's users and plain tasks measure the same: neither is worse than the other beyond chance. A comparison is red by
/// chance one time in twenty; three in a row are no chance.
#[cfg(unix)]
#[test]
fn either_driver_measures_the_same() {
    let scenario = "name = \"drivers\"\n[load]\nmodel = \"closed\"\n[[load.stage]]\nname = \"hold\"\nduration_s = 2\nusers = 8\nshape = \"step\"\n\
         [[request]]\nname = \"stream\"\nweight = 3\nstream = true\n[[request]]\nname = \"json\"\nstream = false\n\
         [mock]\ntime_to_first_token_ms = { distribution = \"lognormal\", mean = 40, stddev = 15 }\n\
         inter_chunk_latency_ms = { distribution = \"constant\", value = 5 }\nchunks = { distribution = \"uniform\", min = 5, max = 15 }\n";
    let folder = Run::new([]).path("");
    std::fs::write(folder.join("drivers.toml"), scenario).expect("it can be written");
    let mut told = String::new();
    for _ in 0..3 {
        for driver in ["goose", "tasks"] {
            let line = format!(
                "clawcheck load ./drivers.toml --driver {driver} --report json={driver}.json"
            );
            let output = Run::shell(&line, &folder).output();
            assert_eq!(output.code, Some(0), "{}", output.text());
        }
        let both = ["goose.json tasks.json", "tasks.json goose.json"].map(|pair| {
            let line = format!("clawcheck compare {pair} --fail-if 'time_to_first_token_ms.p50 > +5%' \
                 --fail-if 'inter_chunk_latency_ms.p50 > +5%' --fail-if 'request_latency_ms.p50 > +5%' --fail-if 'request_latency_ms.p95 > +5%'");
            Run::shell(&line, &folder).output()
        });
        if both.iter().all(|output| output.code == Some(0)) {
            return;
        }
        told = both.map(|output| output.text()).concat();
    }
    panic!("{told}");
}

/// Nothing is judged by speed: a stream that still comes when our patience ends is an error of this run, and breaks no
/// MUST. One that stopped before does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_only_slow_breaks_nothing() {
    for still_comes in [true, false] {
        let server = Server::start(move |mut stream| async move {
            read_request(&mut stream).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n";
            let data = chunk(1);
            let piece = format!("{:x}\r\n{data}\r\n", data.len());
            let _ = stream.write_all((head.to_owned() + &piece).as_bytes()).await;
            while still_comes && stream.write_all(piece.as_bytes()).await.is_ok() {
                // The drip is what is tested; nothing waits for it.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            read_request(&mut stream).await;
        })
        .await;
        let scenario = "name = \"slow\"\n[load]\nmodel = \"closed\"\n[[load.stage]]\nname = \"all\"\nduration_s = 1\nusers = 2\nshape = \"step\"\n\
                        [budget]\ncompletions = 2\n[[request]]\nname = \"stream\"\nstream = true\n";
        let run = load(&server, scenario, "tasks", "json=report.json").file(
            "profile.toml",
            profile(&server).replace("[keys]", "timeout_s = 2\n[keys]"),
        );
        let (output, report) = ended(run).await;
        let errors = report["errors"].as_array().expect("an array");
        assert_eq!(errors.len(), 1, "{report}");
        assert_eq!(errors[0]["class"], "total_timeout");
        assert_eq!(errors[0]["count"], 2);
        assert_eq!(errors[0]["requirement"].is_null(), still_comes, "{report}");
        // Not one answer was right: that alone is 1.
        assert_eq!(output.code, Some(1), "{}", output.text());
        let broken = report["checks"]
            .as_array()
            .expect("an array")
            .iter()
            .any(|check| check["failed"] != 0);
        assert_eq!(broken, !still_comes, "{report}");
    }
}

/// Users take turns with the keys once, not at every request: each connection has one. A run that ends before its time
/// ends its stages there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_user_keeps_one_of_the_keys() {
    let seen: Arc<Mutex<BTreeMap<u16, BTreeSet<String>>>> = Arc::default();
    let (connections, answers) = (Arc::clone(&seen), Arc::new(AtomicUsize::new(0)));
    let server = Server::start(move |mut stream| {
        let (connections, answers) = (Arc::clone(&connections), Arc::clone(&answers));
        async move {
            let port = stream.peer_addr().expect("it is connected").port();
            loop {
                let request = read_request(&mut stream).await;
                let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
                let mut lines = text.lines();
                // Without one it is the end of the connection.
                let Some(key) = lines.find_map(|line| line.strip_prefix("authorization: bearer "))
                else {
                    return;
                };
                connections
                    .lock()
                    .expect("nobody panicked")
                    .entry(port)
                    .or_default()
                    .insert(key.to_owned());
                let number = answers.fetch_add(1, Ordering::Relaxed);
                let reply = REPLY.replace("ID", &number.to_string());
                let bytes = answer("200 OK", "application/json", "", reply.as_bytes());
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let scenario = "name = \"keys\"\nkeys = [\"valid\", \"foreign\"]\n[load]\nmodel = \"closed\"\n[[load.stage]]\nname = \"all\"\n\
                    duration_s = 600\nusers = 4\nshape = \"step\"\n[[load.stage]]\nname = \"never\"\nduration_s = 600\nusers = 4\n\
                    [budget]\ncompletions = 200\n[[request]]\nname = \"ask\"\nstream = false\n";
    let run = load(&server, scenario, "tasks", "json=report.json").file(
        "profile.toml",
        profile(&server).replace(
            "[bots]",
            "foreign = \"clawbite_sk_somebody_else_0123456789\"\n[bots]",
        ),
    );
    let (output, report) = ended(run).await;
    assert_eq!(output.code, Some(0), "{}", output.text());
    let seen = seen.lock().expect("nobody panicked");
    assert!(seen.values().all(|keys| keys.len() == 1), "{seen:?}");
    let all: BTreeSet<&String> = seen.values().flatten().collect();
    assert_eq!(all.len(), 2, "{seen:?}");
    // The budget ended it: the window at that instant, its stage with it, and the next one before it began.
    let stages = &report["by_stage"];
    let measured = &report["windows"]["measured_s"];
    assert_eq!(report["ended_by"], "budget");
    assert!(
        measured.as_f64().is_some_and(|span| span < 600.0),
        "{measured}"
    );
    assert_eq!(&stages[0]["to_s"], measured);
    assert_eq!(
        (&stages[1]["from_s"], &stages[1]["to_s"]),
        (&600.0.into(), &600.0.into())
    );
}
