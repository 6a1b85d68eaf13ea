//! The scripts of the GitHub Action, run as `action.yml` runs them, and the names that it, the releases and
//! `cargo binstall` have to agree on.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::assert_no_key;
use crate::support::markdown::{read, root};

/// A step of the action, in a folder of its own.
struct Step {
    command: Command,
    folder: PathBuf,
}

/// What came of it.
struct Done {
    code: Option<i32>,
    text: String,
    outputs: BTreeMap<String, String>,
}

impl Step {
    fn new(script: &str, args: &[&str], env: &[(&str, &str)]) -> Step {
        static STEPS: AtomicUsize = AtomicUsize::new(0);
        let number = STEPS.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("action-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("the tests' folder can be written");
        let mut command = Command::new(root().join(".github/action").join(script));
        command
            .args(args)
            .current_dir(&folder)
            .env("GITHUB_OUTPUT", folder.join("outputs"))
            .env("RUNNER_TEMP", &folder)
            .env_remove("GITHUB_PATH")
            .env_remove("GITHUB_ACTIONS")
            .env_remove("GITHUB_STEP_SUMMARY")
            .env_remove("CLAWBITE_KEY")
            .envs(env.iter().copied());
        Step { command, folder }
    }

    fn done(mut self) -> Done {
        let output = self.command.output().expect("bash is there");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("output is UTF-8");
        assert_no_key(&text);
        let outputs = fs::read_to_string(self.folder.join("outputs")).unwrap_or_default();
        Done {
            code: output.status.code(),
            text,
            outputs: outputs
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }
}

/// `run.sh` with these inputs; the others are as where nothing is said.
fn run(inputs: &[(&str, &str)]) -> (Done, PathBuf) {
    let mut all = BTreeMap::from([
        ("COMMAND", "conform"),
        ("SCENARIO", ""),
        ("TARGET", ""),
        ("PROFILE", ""),
        ("BOT", ""),
        ("ARGS", ""),
        ("REPORTS", "json junit"),
        ("REPORT_DIR", "reports"),
    ]);
    all.extend(inputs.iter().copied());
    let all: Vec<(&str, &str)> = all.into_iter().collect();
    let mut step = Step::new("run.sh", &[], &all);
    let home = step.folder.join("home");
    fs::create_dir_all(home.join("bin")).expect("it can be written");
    symlink(env!("CARGO_BIN_EXE_clawcheck"), home.join("bin/clawcheck")).expect("it can be linked");
    step.command.env("CLAWCHECK_HOME", home);
    let folder = step.folder.clone();
    (step.done(), folder)
}

#[test]
fn a_run_writes_its_reports_and_keeps_its_exit_code() {
    let (done, folder) = run(&[("ARGS", "--only 'auth.revoked*'\n  --jobs 2")]);
    assert_eq!(done.code, Some(0), "{}", done.text);
    assert_eq!(done.outputs["exit-code"], "0");
    assert_eq!(done.outputs["report-dir"], "reports");
    let report = fs::read_to_string(folder.join("reports/conform.json")).expect("it is there");
    assert!(report.contains("\"auth.revoked.stream\""), "{report}");
    assert!(!report.contains("\"auth.missing-header\""), "{report}");
    let junit = fs::read_to_string(folder.join("reports/conform.xml")).expect("it is there");
    assert!(junit.contains("<testsuites"), "{junit}");

    let (done, _) = run(&[("ARGS", "--no-such-flag")]);
    assert_eq!(
        (done.code, &*done.outputs["exit-code"]),
        (Some(2), "2"),
        "{}",
        done.text
    );
}

#[test]
fn nothing_in_an_input_is_read_as_shell() {
    for args in [
        "--only '$(touch pwned)'",
        "--only $(touch${IFS}pwned)",
        "--only `touch pwned`; touch pwned",
        "--only \"x\" && touch pwned",
    ] {
        let (done, folder) = run(&[("ARGS", args)]);
        assert_eq!(done.code, Some(2), "{args}: {}", done.text);
        assert!(!folder.join("pwned").exists(), "{args}");
    }
    for inputs in [
        [("COMMAND", "mock"), ("ARGS", "")],
        [("SCENARIO", "smoke"), ("ARGS", "")],
        [("TARGET", "http://127.0.0.1:1"), ("PROFILE", "x.toml")],
        [("COMMAND", "conform"), ("ARGS", "--only 'half")],
    ] {
        let (done, _) = run(&inputs);
        assert_eq!(
            (done.code, &*done.outputs["exit-code"]),
            (Some(2), "2"),
            "{inputs:?}"
        );
        assert!(done.text.contains("::error::"), "{inputs:?}: {}", done.text);
    }
}

#[test]
fn the_tag_of_the_action_chooses_the_release_and_anything_else_the_sources() {
    let choose = |version: &str, reference: &str| {
        let env = [
            ("VERSION", version),
            ("ACTION_REF", reference),
            ("ACTION_REPOSITORY", "owner/clawcheck"),
        ];
        Step::new("install.sh", &["choose"], &env).done()
    };
    let sources = choose("", "main").outputs["sources"].clone();
    assert_eq!(sources.len(), 32, "{sources}");
    for (version, reference, chosen) in [
        ("", "main", "source"),
        ("", "0123456789abcdef0123456789abcdef01234567", "source"),
        ("v0.3.0", "main", "v0.3.0"),
        ("source", "v1.2.3", "source"),
    ] {
        let done = choose(version, reference);
        assert_eq!(done.code, Some(0), "{}", done.text);
        assert_eq!(done.outputs["version"], chosen, "{version} at {reference}");
        assert_eq!(done.outputs["sources"], sources);
    }
    if triple().is_some() {
        assert_eq!(choose("", "v1.2.3").outputs["version"], "v1.2.3");
    }
    for version in ["latest", "v1;touch x", "../v1"] {
        assert_eq!(choose(version, "main").code, Some(2), "{version}");
    }
}

/// What releases are built for, on this machine.
fn triple() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("x86_64-unknown-linux-musl"),
        ("linux", "aarch64") => Some("aarch64-unknown-linux-musl"),
        ("macos", "x86_64") => Some("x86_64-apple-darwin"),
        ("macos", "aarch64") => Some("aarch64-apple-darwin"),
        _ => None,
    }
}

/// A template of `[package.metadata.binstall]`, filled in.
fn binstall(key: &str, repository: &str, triple: &str) -> String {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("it is TOML");
    let template = manifest["package"]["metadata"]["binstall"][key].as_str();
    let mut text = template.expect("it is a text").to_owned();
    for (name, value) in [
        ("repo", repository),
        ("version", "9.8.7"),
        ("name", "clawcheck"),
        ("bin", "clawcheck"),
        ("binary-ext", ""),
        ("target", triple),
    ] {
        text = text.replace(&format!("{{ {name} }}"), value);
    }
    assert!(!text.contains('{'), "{text}");
    text
}

/// A release in a folder, under the names that `cargo binstall` looks for.
#[test]
fn a_release_is_installed_only_if_its_checksum_is_right() {
    let Some(triple) = triple() else { return };
    for (checksum, code) in [("right", 0), ("wrong", 2), ("none", 2)] {
        let mut step = Step::new("install.sh", &["install"], &[("CHOSEN", "v9.8.7")]);
        let folder = step.folder.clone();
        let archive = PathBuf::from(binstall("pkg-url", &folder.to_string_lossy(), triple));
        let inside = binstall("bin-dir", "", triple);
        fs::create_dir_all(archive.parent().expect("it has a folder")).expect("it can be made");
        let program = folder.join(&inside);
        fs::create_dir_all(program.parent().expect("it has a folder")).expect("it can be made");
        fs::write(&program, "#!/bin/sh\necho clawcheck 9.8.7\n").expect("it can be written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let packed = Command::new("tar")
            .args(["-czf".as_ref(), archive.as_os_str()])
            .args(["-C".as_ref(), folder.as_os_str(), inside.as_ref()])
            .status();
        assert!(packed.expect("tar is there").success());
        let name = archive
            .file_name()
            .expect("it has a name")
            .to_string_lossy();
        let sum = aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA256,
            &fs::read(&archive).expect("it was packed"),
        );
        let mut sum: String = sum
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if checksum == "wrong" {
            sum = sum.chars().rev().collect();
        }
        if checksum != "none" {
            let beside = format!("{}.sha256", archive.display());
            fs::write(beside, format!("{sum}  {name}\n")).expect("it can be written");
        }
        let home = folder.join("home");
        let releases = format!("file://{}/releases/download", folder.display());
        step.command
            .env("CLAWCHECK_HOME", &home)
            .env("RELEASES", releases);
        let done = step.done();
        if done.text.contains("curl: command not found") {
            return;
        }
        assert_eq!(done.code, Some(code), "{checksum}: {}", done.text);
        assert_eq!(home.join("bin/clawcheck").exists(), code == 0, "{checksum}");
    }
}

#[test]
fn the_workflow_packs_under_the_names_that_are_looked_for() {
    let workflow = read(".github/workflows/release.yml");
    let name = "clawcheck-$TARGET-$GITHUB_REF_NAME";
    for line in [
        format!("name={name}\n"),
        "tar -czf \"$name.tgz\" \"$name\"\n".to_owned(),
        "\"$name.tgz\" > \"$name.tgz.sha256\"\n".to_owned(),
    ] {
        assert!(workflow.contains(&line), "{line}");
    }
    let packed = name
        .replace("$TARGET", "TRIPLE")
        .replace("$GITHUB_REF_NAME", "v9.8.7");
    let url = binstall("pkg-url", "R", "TRIPLE");
    assert_eq!(url, format!("R/releases/download/v9.8.7/{packed}.tgz"));
    assert_eq!(
        binstall("bin-dir", "R", "TRIPLE"),
        format!("{packed}/clawcheck")
    );
    // What the action asks for is built.
    let install = read(".github/action/install.sh");
    for target in [
        "x86_64-unknown-linux-musl",
        "aarch64-unknown-linux-musl",
        "x86_64-apple-darwin",
        "aarch64-apple-darwin",
    ] {
        for text in [&workflow, &install, &read("docs/delivery.md")] {
            assert!(text.contains(target), "{target}");
        }
    }
}

#[test]
fn every_input_is_used_and_told() {
    let action = read("action.yml");
    let told = read("docs/ci.md");
    let inputs: Vec<&str> = action
        .lines()
        .skip_while(|line| *line != "inputs:")
        .take_while(|line| *line != "outputs:")
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with(' '))
        .collect();
    assert!(inputs.contains(&"command"), "{inputs:?}");
    for input in inputs {
        assert!(action.contains(&format!("inputs.{input}")), "{input}");
        assert!(told.contains(&format!("`{input}`")), "{input}");
        assert!(
            !input.contains("key"),
            "{input}: keys come from the environment"
        );
    }
}
