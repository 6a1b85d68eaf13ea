//! Every key is read to the letter, and every default is the documented one.

use super::*;
use crate::load::{Metric, Op, Scalar, Stat};
use crate::mock::MockConfig;
use serde_json::json;

#[test]
fn a_scenario_of_users_is_read_to_the_letter() {
    let scenario = read(CLOSED);
    assert_eq!(scenario.description, "Because.");
    assert_eq!(scenario.seed, 7);
    let keys: Vec<&str> = scenario.keys.iter().map(|key| key.as_str()).collect();
    assert_eq!(
        (keys, scenario.bot.as_str()),
        (vec!["valid", "foreign"], "slow")
    );
    assert_eq!(scenario.contract, Contract::Report);
    assert_eq!(scenario.throttled, Throttled::Retry);
    let Model::Closed(Closed {
        plan: Plan::Stages(stages),
        think_time_ms,
    }) = &scenario.model
    else {
        panic!("{:?}", scenario.model);
    };
    let stage = |name: &str, millis, target, shape| Stage {
        name: name.to_owned(),
        duration: Duration::from_millis(millis),
        target,
        shape,
    };
    assert_eq!(
        stages.stages,
        [
            stage("ramp", 20_000, 50, Shape::Linear),
            stage("stage-2", 250, 0, Shape::Step)
        ]
    );
    assert_eq!(stages.duration(), Duration::from_millis(60_750));
    let hour = 3_600_000.0;
    let within = |min, max| Within { min, max };
    assert_eq!(
        *think_time_ms,
        Some(Distribution::LogNormal {
            mean: 2000.0,
            stddev: 1000.0,
            within: within(0.0, hour)
        })
    );
    assert_eq!(scenario.end, End::Cut);
    assert_eq!(
        scenario.warm_up,
        Some(WarmUp {
            length: WarmUpLength::Requests(20),
            hand_over: HandOver::Drained
        })
    );
    assert_eq!(scenario.steady, Steady::Required);
    let [stream, json] = scenario.requests.as_slice() else {
        panic!("{:?}", scenario.requests);
    };
    let Prompts::Template(prompt) = &stream.prompts else {
        panic!("{:?}", stream.prompts);
    };
    assert_eq!(prompt.filled(1, 2, "x"), "Hello 1, 2: {x} ${HOME}");
    assert_eq!(
        (stream.weight, stream.mode, stream.turns),
        (80, Mode::Stream, 3)
    );
    assert_eq!(
        stream.prompt_bytes,
        Some(Distribution::LogNormal {
            mean: 400.0,
            stddev: 200.0,
            within: within(1.0, 90_000.0)
        })
    );
    assert_eq!(stream.prompts_are, Alike::AsGiven);
    assert_eq!(stream.ask_words, Some(200));
    let user = stream.user.as_ref().map(|user| user.filled(4, 0, ""));
    assert_eq!(user.as_deref(), Some("load-4"));
    assert_eq!(stream.model, ModelField::Override);
    assert_eq!(
        stream.abandon,
        Some(Abandon {
            ratio: 0.05,
            after_chunks: 3
        })
    );
    assert_eq!(json.prompts, Prompts::Builtin(BuiltinPrompts::Unicode));
    assert_eq!(
        scenario.client,
        Client {
            connections: Connections::Fresh,
            connect_timeout: Duration::from_millis(1500),
            idle_timeout: Duration::from_secs(2),
            stall: Duration::from_micros(1250),
            on_saturation: OnSaturation::Abort,
        }
    );
    assert_eq!(
        scenario.objective,
        Objective {
            time_to_first_token: Some(Duration::from_secs(1)),
            inter_chunk_latency_max: Some(Duration::from_millis(500)),
            request_latency: Some(Duration::from_secs(30)),
        }
    );
    assert_eq!(scenario.thresholds.ci, Ci::Bound);
    assert_eq!(
        scenario.thresholds.rules[1],
        Rule {
            figure: Figure::Metric(Metric::InterChunkLatency, Stat::P99_9),
            op: Op::AtMost,
            bound: 200.0,
            request: Some("stream".to_owned())
        }
    );
    assert_eq!(
        scenario.abort,
        Abort {
            error_ratio: Some(ErrorRatio {
                over: 0.5,
                window: Duration::from_secs(12)
            }),
            consecutive_errors: Some(100),
            codes: vec![ErrorCode::InvalidApiKey, ErrorCode::BotNotFound],
            thresholds: vec![Figure::Scalar(Scalar::ErrorRatio)],
            after: Duration::from_secs(15),
            over_saturation: OverSaturation::Stop,
        }
    );
    assert_eq!(scenario.aborting_rules().count(), 1);
    assert_eq!(
        scenario.budget,
        Budget {
            completions: Some(2000),
            duration: Some(Duration::from_secs(600))
        }
    );
    assert_eq!(
        scenario.mock,
        MockAnswers {
            time_to_first_token_ms: Distribution::Normal {
                mean: 300.0,
                stddev: 100.0,
                within: within(0.0, hour)
            },
            inter_chunk_latency_ms: Distribution::Exponential {
                mean: 20.0,
                within: within(5.0, hour)
            },
            chunks: Distribution::Uniform(within(20.0, 200.0)),
            faults: vec![
                (Fault::TruncatedStream, 0.0001),
                (Fault::Status(500), 0.001),
                (Fault::Code(ErrorCode::BotOffline), 0.5)
            ],
            slots: Some(8),
            stamps: Stamps::Emission,
        }
    );
    let needs = [
        Fixture::KeyForeign,
        Fixture::BotSlow,
        Fixture::ModelsOverride,
    ];
    assert_eq!(scenario.needs(), needs);
    assert!(scenario.streams());
    assert_eq!(scenario.measured(), Some(Duration::from_millis(60_750)));
}

#[test]
fn a_search_for_a_rate_is_read_to_the_letter() {
    let scenario = read(OPEN);
    assert_eq!(
        scenario.model,
        Model::Open(Open {
            arrivals: Arrivals::Drawn {
                process: Process::Gamma { burstiness: 0.5 },
                plan: Plan::Search(Search {
                    min: 0.5,
                    max: 500.0,
                    good_request_fraction: 0.95,
                    confidence: 0.9,
                    probe: Duration::from_secs(30),
                    max_probes: 20,
                }),
            },
            max_in_flight: 500,
            think_time_ms: None,
        })
    );
    assert_eq!(scenario.end, End::Drain(Duration::from_secs(14)));
    assert_eq!(scenario.measured(), None);
}

#[test]
fn stages_beside_a_search_give_way_to_it_but_are_not_left_unread() {
    let stage = |text: &str| format!("{OPEN}[[load.stage]]\nduration_s = 5\n{text}\n");
    assert_eq!(read(&stage("rate_rps = 0")).model, read(OPEN).model);
    assert!(Scenario::parse(&stage("users = 5"), "s.toml", &env).is_err());
}

/// Each default once more, as the specification of the file has it.
#[test]
fn what_is_left_out_has_its_default() {
    let resolved = read(LEAST).resolved();
    let expected = json!({
        "name": "least", "seed": 42, "key": "valid", "bot": "main", "contract": "fail", "throttled": "count",
        "load": {
            "model": "closed", "repeat": 1, "end": "drain", "drain_s": 140,
            "stage": [{ "name": "stage-1", "duration_s": 5, "users": 5, "shape": "linear" }],
        },
        "steady": { "detect": true, "require": false },
        "request": [{
            "name": "one", "weight": 1, "stream": true, "prompts": "builtin:short", "turns": 1, "unique": true,
        }],
        "client": {
            "connections": "per_user", "connect_timeout_s": 10, "idle_timeout_s": 30, "stall_ms": 1000,
            "on_saturation": "invalid",
        },
        "thresholds": { "rules": [], "ci": "point" },
        "abort": { "codes": [], "over_saturation": false },
        "mock": {
            "time_to_first_token_ms": { "distribution": "constant", "value": 5 },
            "inter_chunk_latency_ms": { "distribution": "constant", "value": 2 },
            "chunks": { "distribution": "constant", "value": 8 },
            "faults": {}, "slots": 0, "stamp_chunks": false,
        },
    });
    assert_eq!(resolved, expected);
    let open = LEAST.replace("closed", "open").replace("users", "rate_rps");
    let load = read(&open).resolved()["load"].clone();
    let [arrivals, most] = ["arrivals", "max_in_flight"].map(|key| load[key].clone());
    assert_eq!((arrivals, most), (json!("constant"), json!(10_000)));
    let search = open.replace("[[load.stage]]\nduration_s = 5\nrate_rps = 5\n", "");
    let search = format!("{search}[objective]\nrequest_latency_ms = 1\n[search]\nmax = 9\n");
    assert_eq!(
        read(&search).resolved()["search"],
        json!({
            "variable": "rate_rps", "min": 1, "max": 9, "good_request_fraction": 0.99, "confidence": 0.95,
            "probe_s": 60, "max_probes": 12,
        })
    );
}

#[test]
fn the_mock_of_a_scenario_is_by_default_the_mock_of_its_own_command() {
    let (ours, theirs) = (read(LEAST).mock, MockConfig::default());
    let millis = |span: Duration| Distribution::Constant(1_000.0 * span.as_secs_f64());
    assert_eq!(ours.time_to_first_token_ms, millis(theirs.ttft));
    assert_eq!(ours.inter_chunk_latency_ms, millis(theirs.gap));
    assert_eq!(ours.chunks, Distribution::Constant(theirs.chunks as f64));
}

#[test]
fn the_sum_is_that_of_the_text() {
    // `printf 'name = "x"' | sha256sum` and the like give the same.
    let sum = |bytes: &[u8]| hex(digest(&SHA256, bytes).as_ref());
    assert_eq!(
        sum(b"abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(read(LEAST).sha256, sum(LEAST.as_bytes()));
}

#[test]
fn a_rule_of_streams_needs_a_stream() {
    for stream in [true, false] {
        let least = LEAST.replace("stream = true", &format!("stream = {stream}"));
        for figure in ["stalls.count", "inter_chunk_latency_ms.p99"] {
            let text = format!("{least}[thresholds]\nrules = [\"{figure} < 5\"]\n");
            let read = Scenario::parse(&text, "s.toml", &env);
            assert_eq!(read.is_ok(), stream, "{text}");
        }
        // How many samples there are is known without one.
        let count = "[thresholds]\nrules = [\"inter_chunk_latency_ms.count < 5\"]\n";
        read(&format!("{least}{count}"));
    }
}
