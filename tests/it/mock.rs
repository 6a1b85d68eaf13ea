//! The mock keeps every row of the contract, seen from outside.

use std::collections::{HashSet, VecDeque};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clawcheck::contract::{DOCUMENT, ErrorCode};
use clawcheck::mock::{
    Answer as Said, Asked, Bend, Connection, Decision, Ending, Event, Guard, Head, Mock,
    MockConfig, Mode, Outgoing, PROMPT_LONG, Pacing, Payload, Refusal, Schedule, Tap,
};
use clawcheck::time::Scale;
use serde_json::{Value, json};

use crate::raw::{Answer, Raw, patiently, request};

async fn start() -> Mock {
    start_with(MockConfig::default()).await
}

async fn start_with(config: MockConfig) -> Mock {
    Mock::start(config).await.expect("a free port can be had")
}

fn bent(bend: impl Bend + 'static) -> MockConfig {
    MockConfig {
        bend: Arc::new(bend),
        ..MockConfig::default()
    }
}

/// The good request; a test changes one thing of it.
struct Ask<'a> {
    method: &'a str,
    path: String,
    authorization: Option<String>,
    fields: Vec<(&'a str, &'a str)>,
    body: Value,
}

impl<'a> Ask<'a> {
    fn good(mock: &Mock) -> Ask<'a> {
        Ask {
            method: "POST",
            path: path(&mock.fixtures().bots.main),
            authorization: Some(format!("Bearer {}", mock.fixtures().keys.valid.expose())),
            fields: vec![("Content-Type", "application/json")],
            body: json!({"messages": [{"role": "user", "content": "Hello!"}]}),
        }
    }

    fn bot(mut self, id: &str) -> Self {
        self.path = path(id);
        self
    }

    fn key(mut self, key: &str) -> Self {
        self.authorization = Some(format!("Bearer {key}"));
        self
    }

    fn header(mut self, value: Option<&str>) -> Self {
        self.authorization = value.map(str::to_owned);
        self
    }

    fn field(mut self, name: &'a str, value: &'a str) -> Self {
        self.fields.push((name, value));
        self
    }

    fn method(mut self, method: &'a str) -> Self {
        self.method = method;
        self
    }

    fn body(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.body[name] = value;
        self
    }

    fn prompt(self, prompt: &str) -> Self {
        self.with("messages", json!([{"role": "user", "content": prompt}]))
    }

    fn mode(self, mode: Mode) -> Self {
        match mode {
            Mode::Json => self,
            Mode::Stream => self.with("stream", json!(true)),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes_with(self.body.to_string().as_bytes())
    }

    fn bytes_with(&self, body: &[u8]) -> Vec<u8> {
        let mut fields = self.fields.clone();
        if let Some(value) = &self.authorization {
            fields.insert(0, ("Authorization", value));
        }
        request(self.method, &self.path, &fields, body)
    }
}

fn path(bot: &str) -> String {
    format!("/api/v1/bot/{bot}/chat")
}

async fn ask(mock: &Mock, ask: &Ask<'_>) -> Answer {
    let mut raw = Raw::connect(mock.addr()).await;
    raw.send(&ask.bytes()).await;
    raw.answer_to(ask.method).await
}

async fn is_in_step(mock: &Mock, raw: &mut Raw) {
    raw.send(&Ask::good(mock).bytes()).await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["object"], "chat.completion");
}

/// The data of a stream's events.
fn data(answer: &Answer) -> Vec<String> {
    let text = answer.text();
    let events = text
        .strip_suffix("\n\n")
        .expect("the last event is dispatched");
    events
        .split("\n\n")
        .map(|event| {
            event
                .strip_prefix("data: ")
                .expect("an event is data")
                .to_owned()
        })
        .collect()
}

fn content(answer: &Answer) -> String {
    let mut data = data(answer);
    assert_eq!(data.pop().as_deref(), Some("[DONE]"));
    let chunk = |data: &String| serde_json::from_str::<Value>(data).expect("a chunk is JSON");
    data.iter()
        .map(|data| {
            chunk(data)["choices"][0]["delta"]["content"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

const MODES: [Mode; 2] = [Mode::Json, Mode::Stream];

#[tokio::test]
async fn replies_have_the_documented_shape() {
    let mock = start().await;
    let answer = ask(
        &mock,
        &Ask::good(&mock).with("model", json!("anthropic/claude-haiku-4-5")),
    )
    .await;
    assert_eq!(
        (answer.status, answer.field("content-type")),
        (200, Some("application/json"))
    );
    assert!(answer.field("date").is_some());
    let reply = answer.json();
    assert!(
        reply["id"]
            .as_str()
            .is_some_and(|id| id.len() > 9 && id.starts_with("chatcmpl-"))
    );
    assert_eq!(
        (&reply["object"], &reply["model"]),
        (
            &json!("chat.completion"),
            &json!("anthropic/claude-haiku-4-5")
        )
    );
    assert_eq!(reply["choices"][0]["index"], 0);
    assert_eq!(reply["choices"][0]["message"]["role"], "assistant");
    assert_eq!(reply["choices"][0]["finish_reason"], "stop");
    let usage = |name: &str| reply["usage"][name].as_u64().expect("tokens are counted");
    assert_eq!(
        usage("total_tokens"),
        usage("prompt_tokens") + usage("completion_tokens")
    );

    let stream = ask(
        &mock,
        &Ask::good(&mock)
            .mode(Mode::Stream)
            .field("Accept", "application/json"),
    )
    .await;
    assert_eq!(
        (stream.status, stream.field("content-type")),
        (200, Some("text/event-stream"))
    );
    assert_eq!(stream.field("cache-control"), Some("no-store"));
    assert_eq!(
        content(&stream),
        reply["choices"][0]["message"]["content"].as_str().unwrap(),
        "what is said follows from seed and prompt, whatever the mode"
    );
    let chunks: Vec<Value> = data(&stream)[..9]
        .iter()
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["id"] == chunks[0]["id"] && chunk["id"] != reply["id"])
    );
    assert_eq!(chunks[8]["choices"][0]["finish_reason"], "stop");
    let journal = mock.journal();
    assert_eq!(
        (
            journal.requests,
            journal.completions,
            journal.streams_finished
        ),
        (2, 2, 1)
    );
}

#[tokio::test]
async fn every_documented_error_is_answered_in_both_modes_and_leaves_the_connection_in_step() {
    let mock = start_with(MockConfig {
        time_scale: Scale::new(0.001).unwrap(),
        ..MockConfig::default()
    })
    .await;
    let keys = &mock.fixtures().keys;
    let bots = &mock.fixtures().bots;
    let valid = keys.valid.expose();
    let unknown = format!("clawbite_sk_{}", "0".repeat(32));
    let swapped: String = valid
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let good = || Ask::good(&mock);
    let first_bad = json!([{"role": "user"}, {"role": "user", "content": "x"}]);
    let last_bad = json!([{"role": "user", "content": "x"}, {"role": "tool", "content": "x"}]);
    let two_keys = format!("Bearer {valid}");
    let table: Vec<(&str, Ask<'_>, u16, &str)> = vec![
        ("no header", good().header(None), 401, "missing_api_key"),
        (
            "no scheme",
            good().header(Some(valid)),
            401,
            "missing_api_key",
        ),
        (
            "another scheme",
            good().header(Some("Basic dTpw")),
            401,
            "missing_api_key",
        ),
        (
            "no key",
            good().header(Some("Bearer")),
            401,
            "missing_api_key",
        ),
        (
            "an empty header",
            good().header(Some("")),
            401,
            "missing_api_key",
        ),
        (
            "two words",
            good().key("a b"),
            401,
            "invalid_api_key_format",
        ),
        (
            "wrong prefix",
            good().key("sk_live_0123456789"),
            401,
            "invalid_api_key_format",
        ),
        (
            "cut short",
            good().key(&valid[..40]),
            401,
            "invalid_api_key_format",
        ),
        (
            "extended",
            good().key(&format!("{valid}x")),
            401,
            "invalid_api_key_format",
        ),
        (
            "changed case",
            good().key(&format!("clawbite_sk_{}", &swapped[12..])),
            401,
            "invalid_api_key",
        ),
        ("unknown", good().key(&unknown), 401, "invalid_api_key"),
        (
            "revoked",
            good().key(keys.revoked.expose()),
            401,
            "invalid_api_key",
        ),
        (
            "two fields",
            good().field("Authorization", &two_keys),
            401,
            "missing_api_key",
        ),
        (
            "access off",
            good().bot(&bots.api_off),
            403,
            "api_not_enabled",
        ),
        (
            "no such bot",
            good().bot("bot_00000000000000000000"),
            404,
            "bot_not_found",
        ),
        ("an odd id", good().bot("%ff"), 404, "bot_not_found"),
        (
            "foreign key",
            good().key(keys.foreign.expose()),
            404,
            "bot_not_found",
        ),
        (
            "foreign bot",
            good().bot(&bots.foreign),
            404,
            "bot_not_found",
        ),
        (
            "no messages",
            good().body(json!({"x": 1})),
            400,
            "invalid_request",
        ),
        (
            "empty messages",
            good().with("messages", json!([])),
            400,
            "invalid_request",
        ),
        (
            "the first is bad",
            good().with("messages", first_bad),
            400,
            "invalid_request",
        ),
        (
            "the last is bad",
            good().with("messages", last_bad),
            400,
            "invalid_request",
        ),
        ("offline", good().bot(&bots.offline), 503, "bot_offline"),
        (
            "unreachable",
            good().bot(&bots.unreachable),
            503,
            "container_error",
        ),
        ("slow", good().bot(&bots.slow), 504, "timeout"),
        ("faulty", good().bot(&bots.faulty), 500, "internal_error"),
        (
            "compressed",
            good().field("Content-Encoding", "gzip"),
            415,
            "unsupported_media_type",
        ),
        ("GET", good().method("GET"), 405, "method_not_allowed"),
        ("PUT", good().method("PUT"), 405, "method_not_allowed"),
    ];
    let mut raw = Raw::connect(mock.addr()).await;
    for (name, case, status, code) in table {
        for mode in MODES {
            let case = Ask {
                authorization: case.authorization.clone(),
                fields: case.fields.clone(),
                path: case.path.clone(),
                body: case.body.clone(),
                method: case.method,
            };
            let case = case.mode(mode).field("Origin", "https://app.example");
            raw.send(&case.bytes()).await;
            let answer = raw.answer().await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (status, code),
                "{name}"
            );
            assert_eq!(
                answer.field("content-type"),
                Some("application/json"),
                "{name}"
            );
            assert_eq!(
                answer.field("access-control-allow-origin"),
                Some("https://app.example")
            );
            assert_eq!(answer.field("vary"), Some("Origin"));
            assert_eq!(
                answer.field("www-authenticate").is_some(),
                status == 401,
                "{name}"
            );
            assert_eq!(answer.field("allow").is_some(), status == 405, "{name}");
            assert!(answer.field("date").is_some());
            let error = &answer.json()["error"];
            assert!(
                error["message"].is_string() && error["type"].is_string(),
                "{name}"
            );
            assert!(!answer.text().contains(valid), "{name}");
            if let Some(code) = ErrorCode::parse(code) {
                assert_eq!(code.status(), status);
            }
            is_in_step(&mock, &mut raw).await;
        }
    }
    assert_eq!(mock.journal().connections, 1);
    assert_eq!(
        mock.journal().completions,
        2 * 29,
        "only the good ones ran the agent"
    );
}

#[tokio::test]
async fn a_bot_out_of_reach_is_like_none_and_without_a_key_all_are_alike() {
    let mock = start().await;
    let bots = &mock.fixtures().bots;
    let foreign = ask(&mock, &Ask::good(&mock).bot(&bots.foreign)).await;
    let unknown = ask(&mock, &Ask::good(&mock).bot("bot_00000000000000000000")).await;
    assert_eq!(
        (foreign.status, foreign.text()),
        (unknown.status, unknown.text())
    );
    let own = Ask::good(&mock)
        .key(mock.fixtures().keys.foreign.expose())
        .bot(&bots.foreign);
    assert_eq!(ask(&mock, &own).await.status, 200);

    let mut answers = HashSet::new();
    for bot in [
        &bots.main,
        &bots.api_off,
        &bots.slow,
        &bots.rate_limited,
        &"bot_none".to_owned(),
    ] {
        let answer = ask(&mock, &Ask::good(&mock).header(None).bot(bot)).await;
        answers.insert((answer.status, answer.text()));
    }
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn any_scheme_case_and_field_order_will_do() {
    let mock = start().await;
    let key = mock.fixtures().keys.valid.expose();
    for value in [
        format!("bearer {key}"),
        format!("BEARER \t {key}"),
        format!("\t Bearer {key} \t"),
    ] {
        let answer = ask(&mock, &Ask::good(&mock).header(Some(&value))).await;
        assert_eq!(answer.status, 200, "{value:?}");
    }
    let names: Vec<String> = (0..38).map(|n| format!("X-Filler-{n}")).collect();
    let filler = "y".repeat(80);
    let mut many = Ask::good(&mock).header(None);
    let value = format!("Bearer {key}");
    many.fields
        .extend(names.iter().map(|name| (name.as_str(), filler.as_str())));
    many.fields.push(("aUTHORIZATION", &value));
    assert_eq!(ask(&mock, &many).await.status, 200);
}

#[tokio::test]
async fn preflights_need_no_key_and_allow_what_the_documented_page_sends() {
    let mock = start().await;
    let preflight = |path: String| Ask {
        method: "OPTIONS",
        path,
        authorization: None,
        fields: vec![
            ("Origin", "https://app.example"),
            ("Access-Control-Request-Method", "POST"),
            (
                "Access-Control-Request-Headers",
                "authorization,content-type",
            ),
        ],
        body: Value::Null,
    };
    let mut raw = Raw::connect(mock.addr()).await;
    for bot in [mock.fixtures().bots.main.as_str(), "bot_none"] {
        raw.send(&preflight(path(bot)).bytes_with(b"")).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 204);
        assert_eq!(
            (
                answer.field("content-length"),
                answer.field("transfer-encoding")
            ),
            (None, None)
        );
        assert_eq!(
            answer.field("access-control-allow-origin"),
            Some("https://app.example")
        );
        assert_eq!(
            answer.field("access-control-allow-headers"),
            Some("Authorization, Content-Type")
        );
        assert_eq!(
            answer.field("access-control-allow-methods"),
            Some("POST, OPTIONS")
        );
        assert_eq!(answer.field("access-control-max-age"), Some("600"));
        assert_eq!(answer.field("access-control-allow-credentials"), None);
        assert!(
            answer
                .field("access-control-expose-headers")
                .is_some_and(|names| names.contains("Retry-After"))
        );
    }
    is_in_step(&mock, &mut raw).await;
    let elsewhere = ask(
        &mock,
        &Ask {
            path: "/api/v1/bots".to_owned(),
            ..Ask::good(&mock)
        },
    )
    .await;
    assert_eq!(
        (elsewhere.status, elsewhere.code().as_str()),
        (404, "not_found")
    );
    assert_eq!(elsewhere.field("access-control-allow-origin"), Some("*"));
    let page = ask(&mock, &Ask::good(&mock).field("Origin", "null")).await;
    assert_eq!(
        (page.status, page.field("access-control-allow-origin")),
        (200, Some("null"))
    );
}

#[tokio::test]
async fn head_is_refused_without_a_body() {
    let mock = start().await;
    let mut raw = Raw::connect(mock.addr()).await;
    raw.send(&Ask::good(&mock).method("HEAD").bytes_with(b""))
        .await;
    let answer = raw.answer_to("HEAD").await;
    assert_eq!(
        (answer.status, answer.field("allow")),
        (405, Some("POST, OPTIONS"))
    );
    is_in_step(&mock, &mut raw).await;
    assert_eq!(mock.journal().completions, 1);
}

#[tokio::test]
async fn budgets_refuse_what_is_over_them_and_the_wait_they_ask_for_is_honest() {
    let mock = start().await;
    let by_key = Ask::good(&mock).key(mock.fixtures().keys.rate_limited.expose());
    let by_bot = Ask::good(&mock).bot(&mock.fixtures().bots.rate_limited);
    for (good, code) in [(by_key, "rate_limited"), (by_bot, "bot_rate_limited")] {
        let mut raw = Raw::connect(mock.addr()).await;
        // Invalid requests use the budget up as well. All in one write: the window is short.
        let mut burst = good.bytes_with(b"{}").repeat(5);
        burst.extend(good.bytes());
        burst.extend(good.bytes_with(br#"{"stream":true}"#));
        raw.send(&burst).await;
        for _ in 0..5 {
            assert_eq!(raw.answer().await.status, 400);
        }
        for _ in MODES {
            let answer = raw.answer().await;
            assert_eq!((answer.status, answer.code().as_str()), (429, code));
            assert_eq!(answer.field("retry-after"), Some("1"));
            assert_eq!(answer.json()["error"]["retry_after"], 1);
        }
        assert_eq!(
            ask(&mock, &Ask::good(&mock)).await.status,
            200,
            "others are not concerned"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
        raw.send(&good.bytes()).await;
        assert_eq!(raw.answer().await.status, 200);
    }
}

#[tokio::test]
async fn a_place_is_free_again_when_its_stream_ends_or_its_client_leaves() {
    let mock = start().await;
    let good = || Ask::good(&mock).key(mock.fixtures().keys.concurrency_limited.expose());
    let long = good().prompt(PROMPT_LONG).mode(Mode::Stream).bytes();
    let mut first = Raw::connect(mock.addr()).await;
    let mut second = Raw::connect(mock.addr()).await;
    let began = Instant::now();
    for raw in [&mut first, &mut second] {
        raw.send(&long).await;
        assert_eq!(raw.head().await.status, 200);
    }
    for mode in MODES {
        let answer = ask(&mock, &good().mode(mode)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (429, "concurrent_limit")
        );
        assert_eq!(
            (
                answer.field("retry-after"),
                answer.json()["error"].get("retry_after")
            ),
            (None, None)
        );
    }
    let journal = mock.journal();
    assert_eq!((journal.streams_open, journal.places_taken), (2, 2));

    drop(second);
    patiently(mock.wait_until(|journal| journal.streams_aborted == 1 && journal.places_taken == 1))
        .await;
    assert_eq!(ask(&mock, &good()).await.status, 200);

    let mut events = 0;
    while let Some(chunk) = first.chunk().await {
        assert!(
            chunk.ends_with(b"\n\n") && chunk.starts_with(b"data: "),
            "a chunk is an event"
        );
        events += 1;
    }
    assert_eq!(events, 102, "undisturbed, to its end");
    assert!(
        began.elapsed() >= Duration::from_secs(1),
        "a long answer stays open"
    );
    // No wait: who has seen the end has its place back.
    for _ in 0..3 {
        first.send(&good().mode(Mode::Stream).bytes()).await;
        assert!(!content(&first.answer().await).is_empty());
    }
    assert_eq!(mock.journal().places_taken, 0);
}

#[tokio::test]
async fn a_slow_agent_is_given_up_after_130_seconds_of_the_mocks_clock() {
    let mock = start_with(MockConfig {
        time_scale: Scale::new(0.004).unwrap(),
        ..MockConfig::default()
    })
    .await;
    let slow = |mode| Ask::good(&mock).bot(&mock.fixtures().bots.slow).mode(mode);
    for mode in MODES {
        let began = Instant::now();
        let answer = ask(&mock, &slow(mode)).await;
        assert_eq!((answer.status, answer.code().as_str()), (504, "timeout"));
        assert!(began.elapsed() >= Duration::from_millis(520));
    }
    assert_eq!(mock.journal().completions, 0);
}

#[tokio::test]
async fn nobody_waits_for_an_agent_whose_client_has_left() {
    let mock = start_with(MockConfig {
        time_scale: Scale::REAL,
        ..MockConfig::default()
    })
    .await;
    let mut raw = Raw::connect(mock.addr()).await;
    raw.send(&Ask::good(&mock).bot(&mock.fixtures().bots.slow).bytes())
        .await;
    patiently(mock.wait_until(|journal| journal.waiting == 1)).await;
    drop(raw);
    patiently(mock.wait_until(|journal| journal.waiting == 0 && journal.connections_open == 0))
        .await;
}

fn padded(mock: &Mock, size: usize) -> Vec<u8> {
    let mut body = Ask::good(mock).body.to_string().into_bytes();
    body.resize(size, b' ');
    body
}

fn chunked(head: &Ask<'_>, body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = request(
        head.method,
        &head.path,
        &[
            (
                "Authorization",
                head.authorization.as_deref().unwrap_or_default(),
            ),
            ("Content-Type", "application/json"),
            ("Transfer-Encoding", "chunked"),
        ],
        b"",
    );
    for chunk in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

#[tokio::test]
async fn the_limit_counts_bytes_announced_or_chunked() {
    let mock = start().await;
    let good = Ask::good(&mock);
    let mut raw = Raw::connect(mock.addr()).await;
    for body in [padded(&mock, 100_000), padded(&mock, 102_400)] {
        raw.send(&good.bytes_with(&body)).await;
        assert_eq!(raw.answer().await.status, 200);
        raw.send(&chunked(&good, &body, 4096)).await;
        assert_eq!(raw.answer().await.status, 200);
    }
    let wide = Ask::good(&mock)
        .prompt(&"\u{1f600}".repeat(25_700))
        .body
        .to_string();
    let body = padded(&mock, 102_401);
    let requests = [
        good.bytes_with(&body),
        good.bytes_with(wide.as_bytes()),
        chunked(&good, &body, 4096),
        chunked(&good, &body, 1),
    ];
    for bytes in requests {
        let mut raw = Raw::connect(mock.addr()).await;
        raw.send(&bytes).await;
        let answer = raw.answer().await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (413, "request_too_large")
        );
        assert_eq!(answer.field("connection"), Some("close"));
        raw.end().await.unwrap();
    }
}

#[tokio::test]
async fn the_refusal_of_a_large_body_reaches_a_client_that_sends_it_all_first() {
    let mock = start().await;
    for size in [256 << 10, 1 << 20, 10 << 20] {
        let body = padded(&mock, size);
        for bytes in [
            Ask::good(&mock).bytes_with(&body),
            chunked(&Ask::good(&mock), &body, 16_384),
        ] {
            let mut raw = Raw::connect(mock.addr()).await;
            raw.send(&bytes).await;
            let answer = raw.answer().await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (413, "request_too_large"),
                "{size}"
            );
            raw.end().await.unwrap();
        }
    }
}

#[tokio::test]
async fn expectations_are_met_before_the_body_and_refused_at_once() {
    let mock = start().await;
    let good = Ask::good(&mock).field("Expect", "100-continue");
    for (size, interim, status) in [(1_000, vec![100], 200), (200_000, vec![], 413)] {
        let bytes = good.bytes_with(&padded(&mock, size));
        let mut raw = Raw::connect(mock.addr()).await;
        raw.send(&bytes[..bytes.len() - size]).await;
        if status == 200 {
            // The 100 alone lets this client go on.
            let mut seen = [0; 25];
            patiently(tokio::io::AsyncReadExt::read_exact(
                &mut raw.stream,
                &mut seen,
            ))
            .await
            .unwrap();
            assert_eq!(&seen, b"HTTP/1.1 100 Continue\r\n\r\n");
            raw.send(&bytes[bytes.len() - size..]).await;
            assert_eq!(raw.answer().await.status, 200);
            is_in_step(&mock, &mut raw).await;
        } else {
            let answer = raw.answer().await;
            assert_eq!((answer.status, answer.interim), (413, interim));
            raw.end().await.unwrap();
        }
    }
}

#[tokio::test]
async fn pieces_make_the_same_request() {
    let mock = start().await;
    let bytes = Ask::good(&mock).bytes();
    let mut raw = Raw::connect(mock.addr()).await;
    for byte in &bytes {
        raw.send(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(raw.answer().await.status, 200);
    for cut in [1, 40, bytes.len() - 60, bytes.len() - 1] {
        raw.send(&bytes[..cut]).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
        raw.send(&bytes[cut..]).await;
        assert_eq!(raw.answer().await.status, 200, "cut at {cut}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let mock = start().await;
    let good = || Ask::good(&mock);
    let mut burst = Vec::new();
    burst.extend(good().prompt("first").mode(Mode::Stream).bytes());
    burst.extend(good().header(None).bytes());
    burst.extend(good().bot("bot_none").bytes());
    burst.extend(good().prompt("last").field("Connection", "close").bytes());
    burst.extend(good().prompt("never answered").bytes());
    let mut raw = Raw::connect(mock.addr()).await;
    raw.send(&burst).await;
    assert!(content(&raw.answer().await).contains("first"));
    assert_eq!(raw.answer().await.status, 401);
    assert_eq!(raw.answer().await.status, 404);
    let last = raw.answer().await;
    assert!(last.text().contains("last"));
    assert_eq!(last.field("connection"), Some("close"));
    raw.end().await.unwrap();
}

#[tokio::test]
async fn odd_but_open_bodies_get_an_answer_and_break_nothing() {
    let mock = start().await;
    let good = Ask::good(&mock).body.to_string();
    let with = |more: &str| format!("{},{more}}}", &good[..good.len() - 1]).into_bytes();
    let content = |text: &str| {
        format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#).into_bytes()
    };
    let deep = format!("\"x\":{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let bodies: Vec<Vec<u8>> = vec![
        with(&deep),
        with(r#""x":1e999"#),
        with(&format!("\"x\":{}", "9".repeat(400))),
        with(r#""x":"\ud800""#),
        with(r#""__proto__":{}"#),
        with(r#""messages":[]"#),
        with(r#""Messages":[]"#),
        with(r#""stream":"true""#),
        with(r#""stream":1"#),
        with(r#""model":7"#),
        with(r#""user":null,"model":"""#),
        content(r"\ud800"),
        content(r"\u0000"),
        content(""),
        content("\u{feff}\u{200d}"),
        content("\u{1}"),
        [b"\xef\xbb\xbf".as_slice(), good.as_bytes()].concat(),
        [good.as_bytes(), b"{}"].concat(),
        b"\xff\xfe{\0}\0".to_vec(),
        content(&"x".repeat(60_000)),
        b"[".repeat(100_000),
    ];
    let mut raw = Raw::connect(mock.addr()).await;
    for body in bodies {
        raw.send(&Ask::good(&mock).bytes_with(&body)).await;
        let answer = raw.answer().await;
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert!(
            matches!(answer.status, 200 | 400),
            "{start}: {}",
            answer.status
        );
        is_in_step(&mock, &mut raw).await;
    }
    for (kind, status) in [
        (None, 415),
        (Some("application/json; charset=utf-8"), 200),
        (Some("Application/Problem+JSON"), 200),
        (Some("text/plain"), 415),
        (Some("nonsense"), 415),
    ] {
        let mut case = Ask::good(&mock);
        case.fields = kind
            .map(|kind| ("content-type", kind))
            .into_iter()
            .collect();
        raw.send(&case.bytes()).await;
        assert_eq!(raw.answer().await.status, status, "{kind:?}");
    }
}

#[tokio::test]
async fn broken_requests_disturb_nobody() {
    let mock = start().await;
    let good = Ask::good(&mock).bytes();
    let broken: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\x00",
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        &good[..50],
        &good[..good.len() - 5],
        b"POST /api/v1/bot/x/chat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ];
    for bytes in broken {
        let mut raw = Raw::connect(mock.addr()).await;
        raw.send(bytes).await;
        drop(raw);
        let mut raw = Raw::connect(mock.addr()).await;
        is_in_step(&mock, &mut raw).await;
    }
    let mut raw = Raw::connect(mock.addr()).await;
    raw.send(broken[6]).await;
    let answer = raw.answer().await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "invalid_request")
    );
    raw.end().await.unwrap();
    drop(raw);
    patiently(mock.wait_until(|journal| journal.connections_open == 0)).await;
}

#[tokio::test]
async fn dropping_it_ends_everything() {
    let mock = start().await;
    let addr = mock.addr();
    let mut idle = Raw::connect(addr).await;
    is_in_step(&mock, &mut idle).await;
    let mut streaming = Raw::connect(addr).await;
    streaming
        .send(
            &Ask::good(&mock)
                .prompt(PROMPT_LONG)
                .mode(Mode::Stream)
                .bytes(),
        )
        .await;
    streaming.head().await;
    let mut watch = mock.watch();
    drop(mock);
    let _ = idle.end().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    // The last one to hold the journal is gone.
    let gone = async { while watch.changed().await.is_ok() {} };
    patiently(gone).await;
}

#[tokio::test]
async fn stopping_it_waits_until_it_has_ended() {
    let mock = start().await;
    let addr = mock.addr();
    mock.stop().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

/// The block of the documentation that begins and ends with these lines, filled in for this mock.
fn sample(mock: &Mock, from: &str, to: &str) -> String {
    let start = DOCUMENT
        .find(from)
        .expect("the documentation has the sample");
    let end = start + DOCUMENT[start..].find(to).expect("the sample has an end") + to.len();
    DOCUMENT[start..end]
        .replace("https://clawbite.com", &mock.base_url())
        .replace("YOUR_BOT_ID", &mock.fixtures().bots.main)
        .replace("clawbite_sk_...", mock.fixtures().keys.valid.expose())
}

/// The documented streaming JavaScript.
pub(crate) fn documented_javascript(mock: &Mock) -> String {
    let end = "console.log(decoder.decode(value));\n}";
    sample(mock, "const res = await fetch(", end)
}

/// What a program prints, if there is such a program here.
async fn printed(mut command: Command) -> Option<String> {
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = patiently(tokio::task::spawn_blocking(move || command.output()))
        .await
        .expect("it doesn't panic");
    let output = output.ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).expect("it prints text"))
}

#[tokio::test]
async fn the_documented_curl_call_works_as_it_stands() {
    let mock = start().await;
    let mut shell = Command::new("sh");
    let call = sample(&mock, "curl -X POST", "\"stream\": false\n  }'");
    shell.args([
        "-c",
        &format!("command -v curl >/dev/null || exit 0; {call}"),
    ]);
    let Some(printed) = printed(shell).await.filter(|printed| !printed.is_empty()) else {
        return; // no curl here
    };
    let reply: Value = serde_json::from_str(&printed).expect("curl prints the reply");
    assert_eq!(reply["object"], "chat.completion");
}

#[tokio::test]
async fn the_documented_javascript_works_as_it_stands() {
    let mock = start().await;
    let mut node = Command::new("node");
    node.args(["--input-type=module", "-e", &documented_javascript(&mock)]);
    let Some(printed) = printed(node).await else {
        return; // no node here
    };
    assert_eq!(printed.matches("chat.completion.chunk").count(), 9);
    assert!(printed.trim_end().ends_with("data: [DONE]"), "{printed}");
}

// The seams: each bends what it is for and nothing else.

#[tokio::test]
async fn the_decision_seam_opens_a_guard_or_answers_by_itself() {
    struct Revoked;
    impl Bend for Revoked {
        fn guard(
            &self,
            asked: &Asked,
            guard: Guard,
            verdict: Result<(), Refusal>,
        ) -> Result<(), Refusal> {
            let bent = guard == Guard::Key && asked.headers.contains_key("x-bend");
            if bent { Ok(()) } else { verdict }
        }
        fn decision(&self, asked: &Asked, decision: Decision) -> Decision {
            match decision {
                Decision::Answer { place, .. } if asked.number == 2 => Decision::Answer {
                    mode: Mode::Json,
                    place,
                },
                decision => decision,
            }
        }
    }
    let mock = start_with(bent(Revoked)).await;
    let revoked = || Ask::good(&mock).key(mock.fixtures().keys.revoked.expose());
    assert_eq!(ask(&mock, &revoked()).await.status, 401);
    assert_eq!(
        ask(&mock, &revoked().field("x-bend", "1")).await.status,
        200
    );
    let late_guard = revoked()
        .field("x-bend", "1")
        .bot(&mock.fixtures().bots.offline);
    assert_eq!(
        ask(&mock, &late_guard).await.status,
        503,
        "the other guards stand"
    );
    let mut raw = Raw::connect(mock.addr()).await;
    for kind in ["text/event-stream", "application/json", "text/event-stream"] {
        raw.send(&Ask::good(&mock).mode(Mode::Stream).bytes()).await;
        assert_eq!(raw.answer().await.field("content-type"), Some(kind));
    }
}

#[tokio::test]
async fn the_seams_of_an_answer_bend_head_body_events_and_pacing() {
    struct Odd;
    impl Bend for Odd {
        fn answer(&self, _: &Asked, answer: &mut Said) {
            answer.pieces = vec!["a".to_owned(), "b".to_owned()];
        }
        fn head(&self, _: &Asked, head: &mut Head) {
            head.remove(&"vary".parse().expect("a name"));
            head.push(
                "x-odd".parse().expect("a name"),
                "1".parse().expect("a value"),
            );
        }
        fn json(&self, _: &Asked, payload: &mut Payload) {
            if let Payload::Json(value) = payload {
                value["odd"] = json!(true);
            }
        }
        fn events(&self, _: &Asked, events: &mut Vec<Event>) {
            events.insert(0, Event::Raw(Bytes::from_static(b": hello\n\n")));
            events.pop();
        }
        fn pacing(&self, _: &Asked, pacing: &mut Pacing) {
            pacing.schedule = Schedule::Each(vec![
                Duration::ZERO,
                Duration::ZERO,
                Duration::from_millis(50),
            ]);
            pacing.ending = Ending::Broken;
        }
    }
    let mock = start_with(bent(Odd)).await;
    let answer = ask(&mock, &Ask::good(&mock)).await;
    assert_eq!(
        (answer.field("vary"), answer.field("x-odd")),
        (None, Some("1"))
    );
    assert_eq!(
        (
            &answer.json()["odd"],
            &answer.json()["choices"][0]["message"]["content"]
        ),
        (&json!(true), &json!("ab"))
    );
    let mut raw = Raw::connect(mock.addr()).await;
    let began = Instant::now();
    raw.send(&Ask::good(&mock).mode(Mode::Stream).bytes()).await;
    raw.head().await;
    assert_eq!(
        raw.chunk().await.as_deref(),
        Some(b": hello\n\n".as_slice())
    );
    for _ in 0..3 {
        assert!(raw.chunk().await.is_some());
    }
    assert!(began.elapsed() >= Duration::from_millis(50));
    let _ = raw.end().await;
    assert_eq!(
        mock.wait_until(|journal| journal.streams_open == 0)
            .await
            .streams_aborted,
        1
    );
}

/// Sees each write of a connection, and does as the request's `X-Bend` says.
struct Eye {
    connection: Arc<Connection>,
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Tap for Eye {
    fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        self.writes
            .lock()
            .expect("no writer panics")
            .push(bytes.to_vec());
        let asked = self.connection.asked().expect("a request was read");
        match asked.headers.get("x-bend").map(|value| value.as_bytes()) {
            Some(b"reset") => out.push_back(Outgoing::Reset),
            Some(b"half") => {
                out.push_back(Outgoing::Bytes(Bytes::copy_from_slice(
                    &bytes[..bytes.len() / 2],
                )));
                out.push_back(Outgoing::Close);
            }
            Some(b"slow") => {
                for byte in bytes {
                    out.push_back(Outgoing::Bytes(Bytes::copy_from_slice(&[*byte])));
                }
                out.push_back(Outgoing::Pause(Duration::from_millis(20)));
            }
            _ => out.push_back(Outgoing::Bytes(Bytes::copy_from_slice(bytes))),
        }
    }
}

#[derive(Default)]
struct Eyes(Arc<Mutex<Vec<Vec<u8>>>>);

impl Bend for Eyes {
    fn socket(&self, connection: &Arc<Connection>) -> Option<Box<dyn Tap>> {
        Some(Box::new(Eye {
            connection: Arc::clone(connection),
            writes: Arc::clone(&self.0),
        }))
    }
}

#[tokio::test]
async fn the_socket_seam_cuts_resets_and_slows_down() {
    let mock = start_with(bent(Eyes::default())).await;
    let good = |bend| Ask::good(&mock).field("X-Bend", bend).bytes();
    let mut raw = Raw::connect(mock.addr()).await;
    for bend in ["none", "slow", "none"] {
        raw.send(&good(bend)).await;
        assert_eq!(raw.answer().await.status, 200, "{bend}");
    }
    raw.send(&good("half")).await;
    let mut rest = Vec::new();
    patiently(tokio::io::AsyncReadExt::read_to_end(
        &mut raw.stream,
        &mut rest,
    ))
    .await
    .unwrap();
    assert!(rest.starts_with(b"HTTP/1.1 200") && !rest.ends_with(b"}"));
    let mut raw = Raw::connect(mock.addr()).await;
    raw.send(&good("reset")).await;
    let error = raw.end().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn overdue_events_do_not_share_a_write() {
    let eyes = Eyes::default();
    let writes = Arc::clone(&eyes.0);
    let mock = start_with(MockConfig {
        ttft: Duration::ZERO,
        gap: Duration::ZERO,
        chunks: 50,
        ..bent(eyes)
    })
    .await;
    let answer = ask(&mock, &Ask::good(&mock).mode(Mode::Stream)).await;
    assert_eq!(data(&answer).len(), 52);
    let writes = writes.lock().unwrap();
    let events = |write: &Vec<u8>| String::from_utf8_lossy(write).matches("data: ").count();
    assert!(writes.iter().all(|write| events(write) <= 1));
    assert!(writes.len() >= 52);
}
