//! The README keeps its word: its commands run, its samples are read, its failing run is one that a snapshot shows. So do
//! the blocks of the book in `docs/` that ask for it.
//!
//! A comment before a block says what it is: `<!-- run -->`, `<!-- not run: why -->`, `<!-- from SNAPSHOT -->`, or
//! the name of a sample.

use crate::support::markdown::{blocks, flags, links, marked, read, root, sample};
use crate::support::{COMMANDS, Run, finish};
use clawcheck::profile::Profile;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("readme-{name}-{}", std::process::id()));
    fs::create_dir_all(folder.join("cases")).expect("the tests' folder can be written");
    fs::write(folder.join("cases/ours.toml"), sample("case")).expect("it can be written");
    folder
}

#[test]
fn every_block_of_shell_says_whether_it_is_run() {
    for block in blocks(&read("README.md"))
        .iter()
        .filter(|block| block.language == "sh")
    {
        assert!(
            block.marker == "run"
                || block.marker == "the tests"
                || block.marker.starts_with("not run: "),
            "{:?}: {}",
            block.marker,
            block.text
        );
    }
    // `.ci/run` runs it, and reads it out of the README.
    assert_eq!(sample("the tests"), "cargo test --locked\n");
}

/// One folder for all of them: what one writes, the next one reads.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_succeeds() {
    use clawcheck::mock::{Mock, MockConfig};
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    let staging = Mock::start(MockConfig::default())
        .await
        .expect("there is a free port");
    let folder = folder("commands");
    let mut served = Vec::new();
    let shell = marked("run").into_iter();
    let mut count = 0;
    for line in shell.flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>()) {
        let command = line
            .replace("cargo run --release --", "clawcheck")
            .replace("https://staging.example", &staging.base_url())
            .replace("bot_0123456789", &staging.fixtures().bots.main);
        assert!(command.starts_with("clawcheck "), "{line}");
        count += 1;
        if command.starts_with("clawcheck mock") {
            let command = format!("exec {command} --listen 127.0.0.1:0");
            let mut child = Run::shell(&command, &folder).stdout(Stdio::piped()).spawn();
            let stdout = child.stdout.take().expect("it is piped");
            let mut first = String::new();
            let _ = BufReader::new(stdout).read_line(&mut first);
            served.push(child);
            assert!(first.starts_with("listening on "), "{line}: {first}");
            continue;
        }
        let output = Run::shell(&command, &folder)
            .env("CLAWBITE_KEY", staging.fixtures().keys.valid.expose())
            .output();
        assert_eq!(output.code, Some(0), "{line}: {}", output.text());
    }
    assert!(count > 10, "only {count} commands were found");
    for child in served {
        let signal = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(signal.expect("kill is there").success());
        assert_eq!(finish(child).code, Some(0));
    }
}

#[test]
fn the_failing_run_is_the_snapshots() {
    let block = blocks(&read("README.md"))
        .into_iter()
        .find(|block| block.marker.starts_with("from "))
        .expect("the README shows a failing run");
    let name = block.marker.trim_start_matches("from ");
    let snapshot = read(&format!("snapshots/{name}.snap"));
    let mut rest = snapshot.as_str();
    for piece in block.text.split("[…]\n") {
        let at = rest.find(piece);
        let at = at.unwrap_or_else(|| panic!("{name} has not, or not there:\n{piece}"));
        rest = &rest[at + piece.len()..];
    }
    assert_eq!(rest.trim(), "", "the README ends before the run does");
}

#[test]
fn the_profile_is_right_and_whole() {
    let text = sample("profile");
    let folder = folder("profile");
    let authority = rcgen::generate_simple_self_signed(vec!["staging.example".to_owned()])
        .expect("a certificate can be made");
    fs::write(folder.join("staging-ca.pem"), authority.cert.pem()).expect("it can be written");
    let path = folder.join("staging.toml");
    fs::write(&path, &text).expect("it can be written");
    let profile = Profile::load(&path, None, &|name| {
        // No two fixtures are the same.
        Some(format!("clawbite_sk_{name:0>24}"))
    });
    if let Err(mistakes) = profile {
        panic!("{mistakes:?}");
    }
    let table: toml::Table = text.parse().expect("it is TOML");
    let sample = serde_json::to_value(table).expect("TOML fits into JSON");
    let schema: Value =
        serde_json::from_str(&read("schemas/profile.schema.json")).expect("a schema is JSON");
    let keys = |value: &Value| -> BTreeSet<String> {
        value
            .as_object()
            .map(|object| object.keys().cloned().collect())
            .unwrap_or_default()
    };
    assert_eq!(keys(&sample), keys(&schema["properties"]));
    for section in keys(&sample).iter().filter(|name| *name != "headers") {
        assert_eq!(
            keys(&sample[section]),
            keys(&schema["properties"][section]["properties"]),
            "{section}"
        );
    }
}

#[test]
fn every_word_of_a_case_is_told() {
    let text = read("docs/own-cases.md");
    let schema: Value =
        serde_json::from_str(&read("schemas/case.schema.json")).expect("a schema is JSON");
    let mut words = BTreeSet::new();
    for part in ["case", "change", "key", "bot", "answer"] {
        let properties = schema["$defs"][part]["properties"].as_object();
        for (name, property) in properties.expect("it has properties") {
            words.insert(name.clone());
            let choices = property["enum"].as_array().into_iter().flatten();
            words.extend(choices.filter_map(Value::as_str).map(str::to_owned));
        }
    }
    let untold: Vec<&String> = words
        .iter()
        .filter(|word| {
            ![
                format!("`{word}`"),
                format!("`{word} = "),
                format!("\n{word} = "),
                format!("\"{word}\""),
            ]
            .iter()
            .any(|form| text.contains(form.as_str()))
        })
        .collect();
    assert_eq!(untold, Vec::<&String>::new());
}

#[test]
fn the_known_failures_are_right() {
    let output = Run::new(["conform", "--dry-run", "--expect-failures", "known.toml"])
        .file("known.toml", sample("known failures"))
        .output();
    assert_eq!(output.code, Some(0), "{}", output.text());
}

#[test]
fn every_flag_that_it_names_is_there() {
    let mut known: BTreeSet<String> = ["--release", "--locked", "--path", "--help"]
        .map(str::to_owned)
        .into();
    for command in COMMANDS {
        known.extend(flags(&Run::new([command, "--help"]).output().stdout));
    }
    let unknown: Vec<String> = flags(&read("README.md"))
        .into_iter()
        .filter(|flag| !known.contains(flag))
        .collect();
    assert_eq!(unknown, Vec::<String>::new());
}

#[test]
fn every_file_that_it_points_to_is_there() {
    let missing: Vec<String> = links(&read("README.md"))
        .into_iter()
        .filter(|link| !root().join(link).exists())
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}
