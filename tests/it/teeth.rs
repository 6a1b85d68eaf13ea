//! The ledger of teeth: every case, in each of its modes, and every ambient rule is seen to find something at least
//! once, on one of a handful of servers that are wrong on purpose. Plain valid requests are answered well by all of
//! them (streams aside), so that no run ends at its probe.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clawcheck::case::Catalogue;
use clawcheck::conform::Options;
use clawcheck::contract::{ErrorCode, Level};
use clawcheck::judge::AMBIENT;
use clawcheck::mock::{
    Asked, Bend, Connection, Decision, Deviation, Deviations, Event, Fixtures, Guard, Head, Kind,
    MockConfig, Mode, Outgoing, Payload, Refusal, Tap,
};
use serde_json::json;

use crate::support::bent::{self, Bent, is_plain};

/// Ids that find nothing on any of the servers, each with the reason.
const SILENT: &[(&str, &str)] = &[];

/// Ids of MUSTs that give advice at most, each with the reason.
const MILD: &[(&str, &str)] = &[
    (
        "fault.internals",
        "FAULT-3 asks for 500 internal_error; that it shows no stack trace is its SHOULD",
    ),
    (
        "size.readable-refusal-large",
        "SIZE-3 is a MUST up to 256 KB; for 1 MB and 10 MB it is a SHOULD",
    ),
    (
        "wire.close",
        "WIRE-4 is about pieces; that Connection: close is honoured is its SHOULD",
    ),
    (
        "wire.pipelined",
        "WIRE-2 is about requests one after another; pipelined ones are its SHOULD",
    ),
];

fn answer(asked: &Asked) -> Decision {
    Decision::Answer {
        mode: asked.mode,
        place: None,
    }
}

/// Every refusal becomes a good answer.
fn lets_everybody_in() -> Bent {
    Bent {
        decision: Some(Box::new(|asked, decision| match decision {
            Decision::Refuse(refusal) if refusal.status != 429 => answer(asked),
            decision => decision,
        })),
        ..Bent::default()
    }
}

/// A limit below the documented one.
fn takes_less() -> Bent {
    Bent {
        decision: Some(Box::new(|asked, decision| {
            if asked.body.len() <= 90_000 {
                return decision;
            }
            Decision::Refuse(Refusal::documented(
                ErrorCode::RequestTooLarge,
                "Too large.",
            ))
        })),
        ..Bent::default()
    }
}

/// Whatever is not exactly the plain valid request is refused, what is already refused with another status.
fn refuses_everybody() -> Bent {
    Bent {
        decision: Some(Box::new(|asked, decision| {
            if is_plain(asked) && matches!(decision, Decision::Answer { .. }) {
                return decision;
            }
            let code = match &decision {
                Decision::Refuse(refusal) if refusal.status == 403 => ErrorCode::BotNotFound,
                _ => ErrorCode::ApiNotEnabled,
            };
            Decision::Refuse(Refusal::documented(code, "No."))
        })),
        ..Bent::default()
    }
}

/// Streams where JSON was asked for, and the other way round.
fn swaps_shapes() -> Bent {
    Bent {
        decision: Some(Box::new(|asked, decision| match decision {
            Decision::Answer { mode, place } if !is_plain(asked) => Decision::Answer {
                mode: match mode {
                    Mode::Json => Mode::Stream,
                    Mode::Stream => Mode::Json,
                },
                place,
            },
            decision => decision,
        })),
        ..Bent::default()
    }
}

/// Right statuses, wrong codes, keys and stack traces in messages, prose for waits, the code in another place each
/// time.
fn wrong_codes() -> Bent {
    let count = AtomicUsize::new(0);
    Bent {
        json: Some(Box::new(move |asked, payload| {
            let Payload::Json(value) = payload else {
                return;
            };
            if value.get("error").is_none() {
                return;
            }
            let key = asked.headers.get("authorization");
            let key = key
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            let stack = format!("at /srv/app/index.js:1 {key}");
            value["error"]["code"] = json!("something_else");
            value["error"]["stack"] = json!(stack);
            if value["error"].get("retry_after").is_some() {
                value["error"]["retry_after"] = json!("a while");
            }
            if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
                // With the trace: which answers it hits is chance, and all those of a kind may be among them.
                *value = json!({ "code": "timeout", "stack": stack });
            }
        })),
        ..Bent::default()
    }
}

/// No CORS, wrong content types, an uninvited coding, no challenge.
fn wrong_heads() -> Bent {
    Bent {
        head: Some(Box::new(|asked, head: &mut Head| {
            head.fields.retain(|(name, _)| {
                !name.as_str().starts_with("access-control")
                    && !matches!(
                        name.as_str(),
                        "www-authenticate" | "allow" | "cache-control" | "vary"
                    )
            });
            let wrong = match asked.mode {
                Mode::Json => "text/html",
                Mode::Stream => "text/plain",
            };
            for (name, value) in &mut head.fields {
                if name == "content-type" && !is_plain(asked) {
                    *value = wrong.parse().expect("a field's value");
                }
            }
            head.push(
                "content-encoding".parse().expect("a field's name"),
                "x-none".parse().expect("a field's value"),
            );
        })),
        ..Bent::default()
    }
}

/// Open clauses and everything else that is not plain: the connection is broken off inside the answer.
fn breaks_off() -> Bent {
    struct Cut(Arc<Connection>);
    impl Tap for Cut {
        fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
            let plain = self.0.asked().is_some_and(|asked| is_plain(&asked));
            if plain {
                out.push_back(Outgoing::Bytes(Bytes::copy_from_slice(bytes)));
            } else {
                out.push_back(Outgoing::Bytes(Bytes::from_static(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"id\":",
                )));
                out.push_back(Outgoing::Close);
            }
        }
    }
    Bent {
        socket: Some(Box::new(|connection| {
            Some(Box::new(Cut(Arc::clone(connection))))
        })),
        ..Bent::default()
    }
}

/// In how many ways a stream is broken.
const STREAM_FAULTS: usize = 8;

/// Every stream is broken, in that way.
fn broken_streams(fault: usize) -> Bent {
    Bent {
        events: Some(Box::new(move |_, events| {
            let raw = |text: &'static [u8]| Event::Raw(Bytes::from_static(text));
            match fault {
                0 => events.insert(1, raw(b"data: {\"id\":\n\n")),
                1 => events.insert(
                    1,
                    Event::Data(json!({"id": 1, "object": "x", "choices": 3}).to_string()),
                ),
                2 => events.truncate(3),
                3 => events.insert(1, raw(b": \xff\n")),
                4 => events.insert(1, raw(b"event: ping\ndata: {}\n\n")),
                5 => events.insert(
                    1,
                    Event::Data(
                        json!({"error": {"code": "timeout", "message": "No."}}).to_string(),
                    ),
                ),
                6 => events.push(Event::Data("[DONE]".to_owned())),
                _ => events.insert(
                    1,
                    Event::Data(
                        json!({"id": "chatcmpl-shared", "object": "chat.completion.chunk",
                               "choices": [{"index": 0, "delta": {"content": "x"}}]})
                        .to_string(),
                    ),
                ),
            }
        })),
        ..Bent::default()
    }
}

/// Replies whose every field is wrong, and that have one id.
fn broken_replies() -> Bent {
    Bent {
        json: Some(Box::new(|asked, payload| {
            let Payload::Json(value) = payload else {
                return;
            };
            if is_plain(asked) || value.get("choices").is_none() {
                return;
            }
            value["id"] = json!(7);
            value["object"] = json!("completion");
            value["choices"][0]["message"]["role"] = json!("bot");
            value["usage"]["total_tokens"] = json!("many");
            let text = value.to_string().replacen('{', "{\"x\":1,\"x\":2,", 1);
            *payload = Payload::Bytes(Bytes::from(text));
        })),
        ..Bent::default()
    }
}

/// Nothing is ever limited, and the time-out comes at once.
fn never_limits() -> Bent {
    Bent {
        guard: Some(Box::new(|_, guard, verdict| match guard {
            Guard::KeyBudget | Guard::BotBudget | Guard::Place => Ok(()),
            _ => verdict,
        })),
        decision: Some(Box::new(|_, decision| match decision {
            Decision::Refuse(refusal) if refusal.status == 504 => Decision::Refuse(Refusal {
                after: Duration::ZERO,
                ..refusal
            }),
            decision => decision,
        })),
        ..Bent::default()
    }
}

/// A place that was once refused never comes back.
fn never_frees() -> Bent {
    let refused = AtomicBool::new(false);
    let Fixtures { keys, .. } = Fixtures::derive(MockConfig::default().seed);
    let limited = format!("Bearer {}", keys.concurrency_limited.expose());
    Bent {
        decision: Some(Box::new(move |asked, decision| {
            let mine = asked
                .headers
                .get("authorization")
                .is_some_and(|key| *key == *limited);
            if matches!(&decision, Decision::Refuse(refusal) if refusal.status == 429) && mine {
                refused.store(true, Ordering::SeqCst);
            }
            if !mine || !refused.load(Ordering::SeqCst) {
                return decision;
            }
            Decision::Refuse(Refusal::documented(ErrorCode::ConcurrentLimit, "Full."))
        })),
        ..Bent::default()
    }
}

/// What comes second on a connection gets the answer to something else.
fn confuses_kept_connections() -> Bent {
    Bent {
        decision: Some(Box::new(|asked, decision| {
            if asked.number < 2 {
                return decision;
            }
            Decision::Refuse(Refusal::documented(ErrorCode::ApiNotEnabled, "Whose?"))
        })),
        ..Bent::default()
    }
}

/// The mock with one of its own violations.
fn violating(id: &str) -> Bent {
    let fixtures = Fixtures::derive(MockConfig::default().seed);
    let mut all = Deviation::all(Kind::Violation, &fixtures);
    all.retain(|violation| violation.id == id);
    assert_eq!(all.len(), 1, "{id}");
    let bend = Deviations::new(all);
    let (at_guard, at_decision, at_socket) = (bend.clone(), bend.clone(), bend);
    Bent {
        guard: Some(Box::new(move |asked, guard, verdict| {
            at_guard.guard(asked, guard, verdict)
        })),
        decision: Some(Box::new(move |asked, decision| {
            at_decision.decision(asked, decision)
        })),
        socket: Some(Box::new(move |connection| at_socket.socket(connection))),
        ..Bent::default()
    }
}

/// Once it has seen bytes that are no HTTP, it refuses everybody; and it keeps open what should be closed.
fn remembers_noise() -> Bent {
    struct Listening(Arc<AtomicBool>, Arc<Connection>);
    impl Tap for Listening {
        fn incoming(&mut self, bytes: &[u8], _: &mut VecDeque<Outgoing>) {
            if bytes.starts_with(b"\x01\x02") {
                self.0.store(true, Ordering::SeqCst);
            }
        }

        fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
            out.push_back(Outgoing::Bytes(Bytes::copy_from_slice(bytes)));
            let asked = self.1.asked();
            if asked.is_some_and(|asked| asked.headers.contains_key("connection")) {
                out.push_back(Outgoing::Pause(Duration::from_secs(4)));
            }
        }
    }
    let noise = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&noise);
    Bent {
        decision: Some(Box::new(move |_, decision| {
            if !noise.load(Ordering::SeqCst) {
                return decision;
            }
            Decision::Refuse(Refusal::documented(
                ErrorCode::InvalidRequest,
                "Still upset.",
            ))
        })),
        socket: Some(Box::new(move |connection| {
            let tap = Listening(Arc::clone(&heard), Arc::clone(connection));
            Some(Box::new(tap))
        })),
        ..Bent::default()
    }
}

/// Asks for the bot before it asks for the key.
fn tells_which_bots_exist() -> Bent {
    let main = Fixtures::derive(MockConfig::default().seed).bots.main;
    Bent {
        decision: Some(Box::new(move |asked, decision| match &decision {
            Decision::Refuse(refusal)
                if refusal.status == 401 && !asked.uri.path().contains(&main) =>
            {
                Decision::Refuse(Refusal::documented(ErrorCode::BotNotFound, "No such bot."))
            }
            _ => decision,
        })),
        ..Bent::default()
    }
}

/// `*` beside credentials.
fn wrong_cors_manners() -> Bent {
    Bent {
        head: Some(Box::new(|_, head| {
            for (name, value) in [
                ("access-control-allow-origin", "*"),
                ("access-control-allow-credentials", "true"),
            ] {
                let name = name.parse().expect("a field's name");
                head.remove(&name);
                head.push(name, value.parse().expect("a field's value"));
            }
        })),
        ..Bent::default()
    }
}

/// Even the plain valid request gets a wrong status.
fn created(mode: Mode) -> Bent {
    Bent {
        head: Some(Box::new(move |asked, head| {
            if asked.mode == mode && head.status == 200 {
                head.status = "201".parse().expect("a status");
            }
        })),
        ..Bent::default()
    }
}

/// Even the plain valid request gets the shape of the other mode.
fn always(mode: Mode) -> Bent {
    Bent {
        decision: Some(Box::new(move |_, decision| match decision {
            Decision::Answer { place, .. } => Decision::Answer { mode, place },
            decision => decision,
        })),
        ..Bent::default()
    }
}

struct Server {
    bend: Bent,
    /// What of the suite runs against it; everything where empty.
    only: &'static [&'static str],
}

fn servers() -> Vec<Server> {
    let part = |bend, only| Server { bend, only };
    let server = |bend| part(bend, &[]);
    let good = &["ROUTE-1", "BODY-8"];
    let streams = &["ROUTE-1", "STREAM-*"];
    let mut all = vec![
        server(lets_everybody_in()),
        server(refuses_everybody()),
        server(swaps_shapes()),
        server(wrong_codes()),
        server(wrong_heads()),
        server(breaks_off()),
        server(broken_replies()),
        part(never_limits(), &["LIMIT-*", "FAULT-*"]),
        part(takes_less(), &["SIZE-1"]),
        part(never_frees(), &["LIMIT-3"]),
        part(confuses_kept_connections(), &["WIRE-2"]),
        part(remembers_noise(), &["WIRE-3", "WIRE-4"]),
        part(violating("wire.head-in-pieces-refused"), &["WIRE-4"]),
        part(tells_which_bots_exist(), &["ORDER-2"]),
        part(wrong_cors_manners(), &["CORS-4"]),
        part(created(Mode::Json), good),
        part(created(Mode::Stream), good),
        part(always(Mode::Json), good),
        part(always(Mode::Stream), good),
    ];
    all.extend((0..STREAM_FAULTS).map(|fault| part(broken_streams(fault), streams)));
    all
}

/// Everything that can have a finding, with the level of its requirement.
fn all_ids() -> BTreeMap<String, Level> {
    let catalogue = Catalogue::builtin();
    let cases = catalogue.cases().iter().flat_map(|case| {
        let modes = case.modes().iter();
        let result = |mode: &_| (case.result_id(*mode), case.requirement_in(*mode).level());
        modes.map(result).collect::<Vec<_>>()
    });
    let rules = AMBIENT
        .iter()
        .map(|rule| (rule.id.to_owned(), rule.requirement.level()));
    cases.chain(rules).collect()
}

/// Those ids without the exceptions; fails where an exception is none.
fn without(ids: Vec<String>, exceptions: &[(&str, &str)]) -> Vec<String> {
    for (excepted, _) in exceptions {
        assert!(ids.iter().any(|id| id == excepted), "{excepted} has teeth");
    }
    let known = |id: &String| exceptions.iter().any(|(excepted, _)| id == excepted);
    ids.into_iter().filter(|id| !known(id)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_and_every_rule_can_fail() {
    let mut runs = tokio::task::JoinSet::new();
    for Server { bend, only } in servers() {
        runs.spawn(async move {
            let mock = bent::start(bend).await;
            let options = Options {
                jobs: 16,
                only: only.iter().map(|pattern| (*pattern).to_owned()).collect(),
                max_wait: Duration::from_secs(2),
                ..Options::default()
            };
            let record = bent::conform(&mock, &options).await;
            bent::findings(&record)
        });
    }
    let mut caught: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    while let Some(run) = runs.join_next().await {
        let findings = run.expect("a run ends");
        for (id, outcome) in findings {
            caught.entry(id).or_default().insert(outcome.as_str());
        }
    }
    let ids = all_ids();
    let silent = ids.keys().filter(|id| !caught.contains_key(*id));
    let silent = without(silent.cloned().collect(), SILENT);
    assert_eq!(silent, Vec::<String>::new(), "these never find anything");
    let mild = ids.iter().filter(|(id, level)| {
        **level == Level::Must && caught.get(*id).is_some_and(|seen| !seen.contains("fail"))
    });
    let mild = without(mild.map(|(id, _)| id.clone()).collect(), MILD);
    assert_eq!(
        mild,
        Vec::<String>::new(),
        "these never fail, though their requirement is a MUST"
    );
}
