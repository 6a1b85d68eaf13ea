//! `mock --like REPORT`: what its table says is what the suite sees.

use std::collections::BTreeMap;
use std::fs;

use clawcheck::conform::Options;
use clawcheck::mock::{self, Deviation, Deviations, Fixtures, Kind, Mock, MockConfig};
use clawcheck::record::Record;
use clawcheck::time::Scale;
use serde_json::Value;

use crate::support::{Run, bent};

/// What the suite, or some of its cases, finds of a mock with these deviations.
async fn run(chosen: Vec<Deviation>, only: Vec<String>) -> Record {
    let mock = Mock::start(MockConfig {
        time_scale: Scale::new(0.01).expect("a positive number"),
        bend: Deviations::new(chosen),
        ..MockConfig::default()
    })
    .await
    .expect("a free port can be had");
    let options = Options {
        only,
        ..Options::default()
    };
    bent::conform(&mock, &options).await
}

/// The leniencies of these ids.
fn leniencies(ids: &[&str]) -> Vec<Deviation> {
    let fixtures = Fixtures::derive(MockConfig::default().seed);
    let chosen: Vec<Deviation> = Deviation::all(Kind::Leniency, &fixtures)
        .into_iter()
        .filter(|deviation| ids.contains(&deviation.id.as_ref()))
        .collect();
    assert_eq!(chosen.len(), ids.len(), "{ids:?}");
    chosen
}

/// `CLAWCHECK_BLESS=1` writes down what the honest mock answers now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_honest_answers_are_those_written_down() {
    let seen = run(Vec::new(), Vec::new()).await.fingerprint;
    if std::env::var_os("CLAWCHECK_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mock/likeness.json");
        let text = serde_json::to_string_pretty(&seen).expect("texts are JSON");
        fs::write(path, text + "\n").expect("the sources can be written");
    }
    assert_eq!(seen, mock::honest());
}

/// Each row of the table, by the cases that see it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_leniency_shows_as_the_table_says() {
    let honest = run(Vec::new(), Vec::new()).await;
    let seen_by: BTreeMap<&str, &str> = honest
        .results
        .iter()
        .flat_map(|result| {
            let case = result.id.strip_suffix(".stream").unwrap_or(&result.id);
            let names = result.observed.keys();
            names.map(move |name| (name.as_str(), case))
        })
        .collect();
    for row in mock::LIKENESS {
        let mut only: Vec<String> = row
            .names
            .iter()
            .filter_map(|name| seen_by.get(name))
            .map(|case| (*case).to_owned())
            .collect();
        if only.is_empty() {
            // Seen of all answers: a few will do.
            only = ["AUTH-3", "route.good", "wire.keep-alive"]
                .map(str::to_owned)
                .to_vec();
        }
        let seen = run(leniencies(&[row.leniency]), only).await.fingerprint;
        for name in row.names {
            let answer = seen.get(*name).map(String::as_str);
            assert_eq!(answer, Some(row.answer), "{name} by {}", row.leniency);
        }
    }
}

/// The whole way: a deployment's report, a mock from it, and that mock's report.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mock_that_is_like_a_deployment_has_its_open_answers() {
    let ids = [
        "error.code-in-type",
        "body.media-type-400",
        "chunk.role-first",
    ];
    let theirs = run(leniencies(&ids), Vec::new()).await.fingerprint;
    let folder = Run::new([]).path("");
    let report = serde_json::json!({
        "tool": "clawcheck", "version": "0.1.0", "command": "conform", "schema": "conform/1",
        "target": "http://staging.example", "started_at": "2026-11-29T00:00:00Z",
        "ended": {"how": "completed"}, "results": [], "fingerprint": theirs,
    });
    fs::write(folder.join("staging.json"), report.to_string()).expect("it can be written");
    let line = "clawcheck mock --like staging.json --listen 127.0.0.1:0 --time-scale 0.01 --profile-out mock.toml & \
                mock=$!; trap 'kill $mock' EXIT; \
                until [ -s mock.toml ]; do sleep 0.05; done; \
                clawcheck conform --profile mock.toml --report json=mock.json > conform.txt";
    let output = Run::shell(line, &folder).output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    for id in ids {
        assert!(
            output.stderr.contains(&format!("--lenient {id}\n")),
            "{}",
            output.stderr
        );
    }
    assert!(
        !output.stderr.contains("not taken over"),
        "{}",
        output.stderr
    );
    let ours = fs::read_to_string(folder.join("mock.json")).expect("it was written");
    let ours: Value = serde_json::from_str(&ours).expect("a report is JSON");
    assert_eq!(
        ours["fingerprint"],
        serde_json::to_value(&theirs).expect("texts are JSON")
    );
}
