//! What the mock answers to every documented situation, to the letter: a change of any of it shows in a diff.

use std::fmt::Write as _;
use std::time::Duration;

use clawcheck::contract::ErrorCode;
use clawcheck::mock::{Mock, MockConfig, PROMPT_LONG};
use serde_json::{Value, json};

use crate::raw::{Answer, Raw, request};
use crate::support::{assert_approved_but, assert_no_key};

struct Ask {
    key: String,
    bot: String,
    body: String,
}

impl Ask {
    fn good(mock: &Mock) -> Ask {
        Ask {
            key: mock.fixtures().keys.valid.expose().to_owned(),
            bot: mock.fixtures().bots.main.clone(),
            body: body("Hello!", false),
        }
    }

    fn bytes(&self, origin: bool) -> Vec<u8> {
        let authorization = format!("Bearer {}", self.key);
        let mut fields = vec![("Content-Type", "application/json")];
        if !self.key.is_empty() {
            fields.push(("Authorization", &authorization));
        }
        if origin {
            fields.push(("Origin", "https://app.example"));
        }
        let path = format!("/api/v1/bot/{}/chat", self.bot);
        request("POST", &path, &fields, self.body.as_bytes())
    }
}

fn body(prompt: &str, stream: bool) -> String {
    json!({ "messages": [{ "role": "user", "content": prompt }], "stream": stream }).to_string()
}

async fn say(mock: &Mock, bytes: &[u8], method: &str) -> Answer {
    let mut raw = Raw::connect(mock.addr()).await;
    raw.send(bytes).await;
    raw.answer_to(method).await
}

/// Asks until that status comes.
async fn until(mock: &Mock, ask: &Ask, status: u16) -> Answer {
    for _ in 0..64 {
        let answer = say(mock, &ask.bytes(false), "POST").await;
        if answer.status == status {
            return answer;
        }
    }
    panic!("no {status} among many answers");
}

fn written(title: &str, answer: &Answer) -> String {
    let mut text = format!("=== {title}\n{}\n", answer.status);
    for (name, value) in &answer.fields {
        let value = match name.to_ascii_lowercase().as_str() {
            "date" => "[date]",
            "x-request-id" => "[number]",
            _ => value,
        };
        let _ = writeln!(text, "{name}: {value}");
    }
    let body = String::from_utf8(answer.body.clone()).expect("an answer is text");
    let body = match serde_json::from_str::<Value>(&body) {
        Ok(value) => format!("{value:#}"),
        Err(_) => body,
    };
    let _ = writeln!(text, "\n{body}\n");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_answer_of_the_mock() {
    let mock = Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had");
    let (keys, bots) = (&mock.fixtures().keys, &mock.fixtures().bots);
    let good = || Ask::good(&mock);
    let to = |bot: &str| Ask {
        bot: bot.to_owned(),
        ..good()
    };
    let with = |key: &str| Ask {
        key: key.to_owned(),
        ..good()
    };
    let saying = |body: String| Ask { body, ..good() };
    let mut text = String::new();
    let mut codes = Vec::new();

    let stream = saying(body("Hello!", true));
    for (title, bytes, method) in [
        ("a good answer", good().bytes(false), "POST"),
        ("a good answer, from a page", good().bytes(true), "POST"),
        ("a stream", stream.bytes(false), "POST"),
        (
            "a preflight",
            request(
                "OPTIONS",
                &format!("/api/v1/bot/{}/chat", bots.main),
                &[
                    ("Origin", "https://app.example"),
                    ("Access-Control-Request-Method", "POST"),
                    (
                        "Access-Control-Request-Headers",
                        "authorization,content-type",
                    ),
                ],
                b"",
            ),
            "OPTIONS",
        ),
        (
            "another method",
            request("GET", &format!("/api/v1/bot/{}/chat", bots.main), &[], b""),
            "GET",
        ),
        ("another path", request("POST", "/", &[], b"{}"), "POST"),
    ] {
        text.push_str(&written(title, &say(&mock, &bytes, method).await));
    }

    let made_up = format!("clawbite_sk_{}", "Z".repeat(32));
    for (title, ask) in [
        ("no key", with("")),
        ("a badly formatted key", with("sk_live_1")),
        ("a key of nobody's", with(&made_up)),
        ("a revoked key", with(keys.revoked.expose())),
        ("API access turned off", to(&bots.api_off)),
        ("a bot that does not exist", to("bot_00000000000000000000")),
        ("a bot of somebody else", to(&bots.foreign)),
        ("no messages", saying(r#"{"messages":[]}"#.to_owned())),
        (
            "no messages, for a stream",
            saying(r#"{"messages":[],"stream":true}"#.to_owned()),
        ),
        ("a body that is too large", saying(" ".repeat(102_401))),
        ("an agent that is offline", to(&bots.offline)),
        ("a container out of reach", to(&bots.unreachable)),
        ("a time-out", to(&bots.slow)),
        ("an internal error", to(&bots.faulty)),
    ] {
        let answer = say(&mock, &ask.bytes(false), "POST").await;
        codes.push(answer.code());
        text.push_str(&written(title, &answer));
    }

    let limited = until(&mock, &with(keys.rate_limited.expose()), 429).await;
    let bot_limited = until(&mock, &to(&bots.rate_limited), 429).await;
    // Of a mock of its own, whose streams outlast any test.
    let slow = Mock::start(MockConfig {
        gap: Duration::from_secs(1),
        ..MockConfig::default()
    })
    .await
    .expect("a free port can be had");
    let long = Ask {
        body: body(PROMPT_LONG, true),
        ..with(keys.concurrency_limited.expose())
    };
    let mut streams = Vec::new();
    let crowded = loop {
        let mut raw = Raw::connect(slow.addr()).await;
        raw.send(&long.bytes(false)).await;
        if raw.head().await.status == 429 {
            break say(&slow, &long.bytes(false), "POST").await;
        }
        streams.push(raw);
        assert!(streams.len() < 64, "no place is ever refused");
    };
    drop(streams);
    for (title, answer) in [
        ("a key's rate", &limited),
        ("an agent's rate", &bot_limited),
        ("a key's places", &crowded),
    ] {
        codes.push(answer.code());
        text.push_str(&written(title, answer));
    }

    let missing: Vec<&str> = ErrorCode::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| !codes.iter().any(|seen| seen == code))
        .collect();
    assert_eq!(missing, Vec::<&str>::new(), "codes that no situation shows");
    assert_no_key(&text);
    let filters = [
        (r"chatcmpl-[0-9a-f]+", "chatcmpl-[id]"),
        (r#""created": \d+"#, r#""created": [seconds]"#),
        (r#""retry_after": \d+"#, r#""retry_after": [seconds]"#),
        (r"(?m)^retry-after: \d+", "retry-after: [seconds]"),
    ];
    assert_approved_but("mock.answers", &text, &filters);
}
