//! Servers that keep the documentation in an unusual way. Each has to come out clean: false alarms are what such a
//! tool is remembered for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clawcheck::conform::Options;
use clawcheck::contract::ErrorCode;
use clawcheck::mock::{
    Connection, Decision, Event, Head, Journal, Mock, Outgoing, Payload, Refusal, Tap,
};
use clawcheck::record::{Ended, Outcome};
use serde_json::json;
use tokio::sync::watch;

use crate::support::bent::{self, Bent, conform, told};

async fn comes_out_clean(mock: &Mock, options: &Options) {
    let record = conform(mock, options).await;
    let unwanted = told(&record, &[Outcome::Fail, Outcome::Inconclusive]);
    assert_eq!(unwanted, Vec::<String>::new(), "{:?}", record.notes);
    assert_eq!(record.ended, Ended::Completed);
    assert_eq!(record.summary.must_untested, 0, "{:?}", record.untested);
}

async fn is_clean(bend: Bent) {
    comes_out_clean(&bent::start(bend).await, &Options::default()).await;
}

/// Bends what goes out on every connection.
fn tapped<T: Tap + 'static>(tap: impl Fn(&Arc<Connection>) -> T + Send + Sync + 'static) -> Bent {
    Bent {
        socket: Some(Box::new(move |connection| Some(Box::new(tap(connection))))),
        ..Bent::default()
    }
}

fn starts_an_answer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.1 ")
}

fn is_chunked(asked: &clawcheck::mock::Asked) -> bool {
    asked.headers.contains_key("transfer-encoding")
}

/// Ten requests in any second, whoever sends them; a part of the suite is enough to meet the limit often.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_requests_a_second() {
    let window: Mutex<VecDeque<Instant>> = Mutex::default();
    let limited = AtomicUsize::new(0);
    let limited = Arc::new(limited);
    let count = Arc::clone(&limited);
    let mock = bent::start(Bent {
        decision: Some(Box::new(move |asked, decision| {
            if matches!(decision, Decision::Preflight) {
                return decision;
            }
            let mut window = window.lock().expect("no test panics with it");
            while window
                .front()
                .is_some_and(|first| asked.at > *first + Duration::from_secs(1))
            {
                window.pop_front();
            }
            if window.len() < 10 {
                window.push_back(asked.at);
                return decision;
            }
            count.fetch_add(1, Ordering::Relaxed);
            let refusal = Refusal::documented(ErrorCode::RateLimited, "Too many requests.");
            Decision::Refuse(refusal.retry_after(1))
        })),
        ..Bent::default()
    })
    .await;
    let options = Options {
        only: ["AUTH-*", "BODY-7", "BODY-8", "SIZE-1", "STREAM-*", "WIRE-*"]
            .map(str::to_owned)
            .to_vec(),
        ..Options::default()
    };
    let record = conform(&mock, &options).await;
    let unwanted = told(&record, &[Outcome::Fail, Outcome::Inconclusive]);
    assert_eq!(unwanted, Vec::<String>::new(), "{:?}", record.notes);
    assert!(
        limited.load(Ordering::Relaxed) > 0,
        "the limit was never met"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_503_in_forty() {
    let count = AtomicUsize::new(0);
    is_clean(Bent {
        decision: Some(Box::new(move |_, decision| {
            if count.fetch_add(1, Ordering::Relaxed) % 40 != 39 {
                return decision;
            }
            let refusal = Refusal::documented(ErrorCode::ContainerError, "Try again.");
            Decision::Refuse(refusal)
        })),
        ..Bent::default()
    })
    .await;
}

/// Every fifteenth connection is closed instead of answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_dropped_before_the_answer() {
    struct Dropping(bool);
    impl Tap for Dropping {
        fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
            out.push_back(if self.0 {
                Outgoing::Close
            } else {
                Outgoing::Bytes(Bytes::copy_from_slice(bytes))
            });
        }
    }
    is_clean(tapped(|connection| {
        Dropping(connection.id.is_multiple_of(15))
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_closed_after_each_answer() {
    is_clean(Bent {
        head: Some(Box::new(|_, head: &mut Head| {
            head.push(
                "connection".parse().expect("a field's name"),
                "close".parse().expect("a field's value"),
            );
        })),
        ..Bent::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_byte_by_byte() {
    struct Slowly;
    impl Tap for Slowly {
        fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
            let bytes = Bytes::copy_from_slice(bytes);
            out.extend((0..bytes.len()).map(|at| Outgoing::Bytes(bytes.slice(at..at + 1))));
        }
    }
    is_clean(tapped(|_| Slowly)).await;
}

/// The stream format's other line end, with comments, ids and a byte order mark among the events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn carriage_returns_and_comments_in_streams() {
    is_clean(Bent {
        events: Some(Box::new(|_, events| {
            let mut bent = vec![Event::Raw(Bytes::from_static(b"\xEF\xBB\xBF: hello\r\r"))];
            for event in events.drain(..) {
                bent.push(match event {
                    Event::Data(data) => {
                        Event::Raw(format!(":\rid: 7\rretry: 10\rdata:{data}\r\r").into())
                    }
                    raw => raw,
                });
            }
            bent.push(Event::Raw(Bytes::from_static(b": bye\r\r")));
            *events = bent;
        })),
        ..Bent::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_is_required() {
    is_clean(Bent {
        decision: Some(Box::new(|asked, decision| {
            if is_chunked(asked) {
                Decision::Refuse(Refusal::other(411, "length_required", "Say how long."))
            } else {
                decision
            }
        })),
        ..Bent::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_hints() {
    struct Hinting;
    impl Tap for Hinting {
        fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
            // Not before a 100: that one has to come alone.
            if starts_an_answer(bytes) && !bytes.starts_with(b"HTTP/1.1 100") {
                let hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";
                out.push_back(Outgoing::Bytes(Bytes::from_static(hints)));
            }
            out.push_back(Outgoing::Bytes(Bytes::copy_from_slice(bytes)));
        }
    }
    is_clean(tapped(|_| Hinting)).await;
}

/// Neither length nor chunks: an answer's body ends with its connection. HTTP/1.0 servers and some gateways do so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_end_with_the_connection() {
    #[derive(Default)]
    struct Closing {
        head: Vec<u8>,
        in_body: bool,
        chunked: bool,
        chunks: Vec<u8>,
        left: Option<usize>,
    }
    impl Closing {
        /// The body's bytes among these, and whether it has ended.
        fn body(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
            if !self.chunked {
                let left = self.left.get_or_insert(0);
                *left = left.saturating_sub(bytes.len());
                return (bytes.to_vec(), *left == 0);
            }
            self.chunks.extend_from_slice(bytes);
            let mut body = Vec::new();
            loop {
                let Some(end) = self.chunks.windows(2).position(|pair| pair == b"\r\n") else {
                    return (body, false);
                };
                let size = std::str::from_utf8(&self.chunks[..end]).expect("a size is text");
                let size = usize::from_str_radix(size, 16).expect("a size is a number");
                if self.chunks.len() < end + 2 + size + 2 {
                    return (body, false);
                }
                body.extend_from_slice(&self.chunks[end + 2..end + 2 + size]);
                self.chunks.drain(..end + 2 + size + 2);
                if size == 0 {
                    return (body, true);
                }
            }
        }
    }
    impl Tap for Closing {
        fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
            let mut bytes = bytes.to_vec();
            if !self.in_body {
                self.head.append(&mut bytes);
                let Some(end) = self
                    .head
                    .windows(4)
                    .position(|window| window == b"\r\n\r\n")
                else {
                    return;
                };
                bytes = self.head.split_off(end + 4);
                let head = String::from_utf8(std::mem::take(&mut self.head)).expect("it is text");
                let lower = head.to_ascii_lowercase();
                if lower.starts_with("http/1.1 204") || lower.starts_with("http/1.1 100") {
                    out.push_back(Outgoing::Bytes(head.into()));
                    return;
                }
                self.in_body = true;
                self.chunked = lower.contains("transfer-encoding: chunked");
                let kept = head.split("\r\n").filter(|line| {
                    let line = line.to_ascii_lowercase();
                    !line.starts_with("content-length:")
                        && !line.starts_with("transfer-encoding:")
                        && !line.starts_with("connection:")
                });
                let mut kept: Vec<&str> = kept.collect();
                kept.insert(1, "Connection: close");
                self.left = lower
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .and_then(|length| length.parse().ok());
                out.push_back(Outgoing::Bytes(kept.join("\r\n").into()));
            }
            let (body, ended) = self.body(&bytes);
            out.push_back(Outgoing::Bytes(body.into()));
            if ended {
                out.push_back(Outgoing::Close);
            }
        }
    }
    is_clean(tapped(|_| Closing::default())).await;
}

/// `12.0` is an integer, and a lone surrogate is legal in an escape.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_numbers_and_lone_surrogates() {
    is_clean(Bent {
        json: Some(Box::new(|_, payload| {
            let Payload::Json(value) = payload else {
                return;
            };
            if let Some(usage) = value.get_mut("usage") {
                *usage = json!({ "prompt_tokens": 5.0, "completion_tokens": 7.0, "total_tokens": 12.0 });
                value["choices"][0]["index"] = json!(0.0);
                value["note"] = json!("SURROGATE");
                value["choices"][0]["message"]["content"] = json!("SURROGATE");
                let text = format!("\n\t {value}\r\n").replace("SURROGATE", "\\ud83d x");
                *payload = Payload::Bytes(text.into());
            }
        })),
        events: Some(Box::new(|_, events| {
            events.insert(
                0,
                Event::Data(
                    r#"{"id":"chatcmpl-x\ud83d","object":"chat.completion.chunk","choices":[{"index":0.0,"delta":{"content":"\ud83d"}}]}"#
                        .to_owned(),
                ),
            );
            // One id in the whole stream, and none that another stream has.
            let id = events.iter().find_map(|event| match event {
                Event::Data(data) => data.split('"').nth(3).filter(|id| !id.ends_with("ud83d")),
                Event::Raw(_) => None,
            });
            let id = id.unwrap_or_default().to_owned();
            if let Some(Event::Data(first)) = events.first_mut() {
                *first = first.replace("chatcmpl-x\\ud83d", &id);
            }
        })),
        ..Bent::default()
    })
    .await;
}

/// Two answers at a time on the main key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_streams_at_a_time() {
    let journal: Arc<OnceLock<watch::Receiver<Journal>>> = Arc::default();
    let limited = Arc::new(AtomicUsize::new(0));
    let (watched, count) = (Arc::clone(&journal), Arc::clone(&limited));
    let mock = bent::start(Bent {
        decision: Some(Box::new(move |_, decision| {
            let open = watched
                .get()
                .map_or(0, |journal| journal.borrow().streams_open);
            if open < 2 || !matches!(decision, Decision::Answer { place: None, .. }) {
                return decision;
            }
            count.fetch_add(1, Ordering::Relaxed);
            let refusal = Refusal::documented(ErrorCode::ConcurrentLimit, "One at a time.");
            Decision::Refuse(refusal)
        })),
        ..Bent::default()
    })
    .await;
    journal.set(mock.watch()).expect("it is set once");
    comes_out_clean(&mock, &Options::default()).await;
    assert!(
        limited.load(Ordering::Relaxed) > 0,
        "the limit was never met"
    );
}
