//! What goes wrong on this side: a disk that is full, a reader that went away, an end half-way; and keys, which stand in
//! nothing that any command writes. For each command, so that a new one is not forgotten.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use clawcheck::mock::{Asked, Mock, MockConfig, Payload};
use http::{HeaderName, header};

use crate::support::bent::{self, Bent};
use crate::support::{COMMANDS, Run, assert_no_key, finish};

/// A line for each command that ends by itself and exits 0, in a folder made by [`folder`].
const LINES: [&str; 13] = [
    "conform --profile mock.toml --only AUTH-1",
    "load smoke --profile mock.toml --users 1 --duration 300ms --driver tasks",
    "merge one.json two.json",
    "compare base.json base.json",
    "selftest --only auth.no-header-is-an-invalid-key",
    "list requirements",
    "explain AUTH-1",
    "init --offline --out -",
    "check mock.toml",
    "schema profile",
    "completions bash",
    "man",
    // The help of the one that does not end.
    "mock --help",
];

/// A mock, a profile for it, a conform report and the two shards of a load run.
async fn folder() -> (Mock, std::path::PathBuf) {
    let mock = Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had");
    let folder = Run::new([]).path("");
    fs::write(folder.join("mock.toml"), mock.profile_toml()).expect("it can be written");
    for line in [
        "conform --profile mock.toml --only AUTH-1 --report json=base.json",
        "load smoke --profile mock.toml --users 2 --duration 300ms --shard 0/2 --report json=one.json",
        "load smoke --profile mock.toml --users 2 --duration 300ms --shard 1/2 --report json=two.json",
    ] {
        let output = Run::shell(&format!("clawcheck {line}"), &folder).output();
        assert_eq!(output.code, Some(0), "{line}: {}", output.text());
    }
    (mock, folder)
}

#[test]
fn every_command_is_among_them() {
    let named: BTreeSet<&str> = LINES
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(named, BTreeSet::from(COMMANDS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standard_output_that_is_full_is_told_and_one_that_was_closed_is_not() {
    let (_mock, folder) = folder().await;
    for line in LINES {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let line = format!("exec clawcheck {line}");
        let output = finish(Run::shell(&line, &folder).stdout(full).spawn());
        assert_eq!(output.code, Some(1), "{line}: {}", output.text());
        assert!(
            output.stderr.contains("standard output can't be written"),
            "{line}: {}",
            output.stderr
        );

        let mut child = Run::shell(&line, &folder).stdout(Stdio::piped()).spawn();
        drop(child.stdout.take());
        let output = finish(child);
        assert_eq!(output.code, Some(0), "{line}: {}", output.text());
        assert!(
            !output.stderr.contains("error"),
            "{line}: {}",
            output.stderr
        );

        // Not open at all.
        let output = Run::shell(&format!("{line} >&-"), &folder).output();
        assert!(
            matches!(output.code, Some(0 | 1)),
            "{line}: {}",
            output.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_on_a_full_disk_is_told_and_the_others_are_whole() {
    let (_mock, folder) = folder().await;
    let reports = [
        (LINES[0], "json junit html md har sarif"),
        (LINES[1], "json junit html md csv"),
        (LINES[2], "json junit html md csv"),
        (LINES[3], "json md"),
        (LINES[4], "json junit html md"),
    ];
    for (line, kinds) in reports {
        for kind in kinds.split(' ') {
            let other = if kind == "json" {
                ""
            } else {
                "--report json=other.json"
            };
            let line = format!("clawcheck {line} --report {kind}=/dev/full {other}");
            let output = Run::shell(&line, &folder).output();
            assert_eq!(output.code, Some(1), "{line}: {}", output.text());
            let told = format!("the {kind} report can't be written to `/dev/full`");
            assert!(output.stderr.contains(&told), "{line}: {}", output.stderr);
            if kind != "json" {
                let text = fs::read_to_string(folder.join("other.json")).expect("it was written");
                serde_json::from_str::<serde_json::Value>(&text).expect("a report is JSON");
                fs::remove_file(folder.join("other.json")).expect("it is there");
            }
        }
    }
    let samples = format!("clawcheck {} --samples /dev/full", LINES[1]);
    let output = Run::shell(&samples, &folder).output();
    assert_eq!(output.code, Some(1), "{}", output.text());
    assert!(output.stderr.contains("/dev/full"), "{}", output.stderr);
}

/// Killed without a word, half-way: the report of the run before is still there, whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_killed_leaves_the_old_report() {
    for command in ["conform --only AUTH-1", "load smoke --users 1"] {
        let mock = Mock::start(MockConfig::default())
            .await
            .expect("a free port can be had");
        let folder = Run::new([]).path("");
        fs::write(folder.join("mock.toml"), mock.profile_toml()).expect("it can be written");
        fs::write(folder.join("report.json"), "{\"old\": true}").expect("it can be written");
        let line =
            format!("exec clawcheck {command} --profile mock.toml --report json=report.json");
        let mut watched = mock.watch();
        let mut run = Run::shell(&line, &folder).stdout(Stdio::null());
        let mut child = run.spawn();
        // Something has arrived: the run is under way.
        watched
            .wait_for(|journal| journal.requests > 0)
            .await
            .expect("the mock runs");
        child.kill().expect("it runs, or has ended");
        let status = child.wait().expect("it can be waited for");
        let text = fs::read_to_string(folder.join("report.json")).expect("it is there");
        let report: serde_json::Value = serde_json::from_str(&text).expect("it is whole");
        // On a fast machine it may have come to its end.
        assert!(
            report["old"] == true || status.code().is_some(),
            "{command}: {text}"
        );
    }
}

/// A server that puts the key into everything that it says.
async fn echoing() -> Mock {
    let key_of = |asked: &Asked| asked.headers.get(header::AUTHORIZATION).cloned();
    bent::start(Bent {
        head: Some(Box::new(move |asked, head| {
            if let Some(key) = key_of(asked) {
                head.fields
                    .push((HeaderName::from_static("x-your-key"), key));
            }
        })),
        json: Some(Box::new(move |asked, payload| {
            if let (Some(key), Payload::Json(value)) = (key_of(asked), payload) {
                value["your_key"] = String::from_utf8_lossy(key.as_bytes()).into();
            }
        })),
        ..Bent::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_stands_in_anything_that_any_command_writes() {
    let mock = echoing().await;
    let folder = Run::new([]).path("");
    fs::write(folder.join("mock.toml"), mock.profile_toml()).expect("it can be written");
    let lines = [
        "conform --profile mock.toml --only 'AUTH-*' --only 'route.good*' --verbose --snapshots approved --accept \
         --report json=c.json --report junit=c.xml --report html=c.html --report md=c.md --report har=c.har --report sarif=c.sarif",
        "load smoke --profile mock.toml --users 2 --duration 500ms --verbose --samples samples.jsonl \
         --report json=l.json --report junit=l.xml --report html=l.html --report md=l.md --report csv=l.csv",
        "load smoke --profile mock.toml --users 2 --duration 300ms --shard 0/2 --report json=one.json",
        "load smoke --profile mock.toml --users 2 --duration 300ms --shard 1/2 --report json=two.json",
        "merge one.json two.json --report json=m.json --report html=m.html",
        "compare c.json c.json --report json=d.json",
        "compare one.json two.json --report json=e.json",
        "selftest --only auth.no-header-is-an-invalid-key --verbose --report json=s.json --report html=s.html",
        "check mock.toml",
        "explain auth.revoked",
        "load smoke --target https://staging.example --bot b --manifest k8s --shards 2",
    ];
    for line in lines {
        // What they print is looked at by `output`.
        let output = Run::shell(&format!("clawcheck {line}"), &folder).output();
        assert!(
            matches!(output.code, Some(0 | 1)),
            "{line}: {}",
            output.text()
        );
    }
    let key = mock.fixtures().keys.valid.expose();
    let init = Run::shell(
        &format!(
            "clawcheck init --target {} --out init.toml",
            mock.base_url()
        ),
        &folder,
    )
    .env("CLAWBITE_KEY", key)
    .env("CLAWBITE_BOT", &mock.fixtures().bots.main)
    .output();
    assert_eq!(init.code, Some(0), "{}", init.text());
    let looked_at = look_at(&folder);
    assert!(looked_at > 20, "{looked_at} files were looked at");
}

/// Looks at every file of a folder but the profile that has the keys; how many there were.
fn look_at(folder: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("it is a folder") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            count += look_at(&path);
        } else if !path.ends_with("mock.toml") {
            let text = fs::read(&path).expect("it can be read");
            assert_no_key(&String::from_utf8_lossy(&text));
            count += 1;
        }
    }
    count
}
