//! Help, and what is said of a wrong command line.

use crate::support::{COMMANDS, Run, assert_approved};
use std::fmt::Write as _;
use std::iter;
use std::process::Stdio;

#[test]
fn every_command_has_its_help() {
    for command in iter::once("").chain(COMMANDS) {
        let args = [command, "--help"]
            .into_iter()
            .filter(|arg| !arg.is_empty());
        let output = Run::new(args).output();
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        let name = format!("help{}{command}", if command.is_empty() { "" } else { "." });
        assert_approved(&name, &output.stdout);
    }
}

#[test]
fn the_version_is_told() {
    let output = Run::new(["--version"]).output();
    let expected = format!("clawcheck {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((output.code, output.stdout), (Some(0), expected));
}

const WRONG: &[&[&str]] = &[
    &[],
    &["conforn"],
    &["conform", "--taget", "x"],
    &["conform", "clawbite_sk_0123456789abcdef"],
    &[
        "conform",
        "--target",
        "ftp://x",
        "--jobs",
        "0",
        "--rate",
        "-1",
        "--max-completions",
        "few",
        "--max-wait",
        "soon",
        "--quiet",
        "--verbose",
        "--report",
        "jnit=x.xml",
        "--report",
        "json",
        "--report",
        "json=.",
        "--report",
        "junit=no/such/folder.xml",
        "--report",
        "csv=report.csv",
    ],
    &[
        "conform",
        "--target",
        "https://u:secret-word@h.example",
        "--bot",
        "a/b",
    ],
    &["conform", "--target", "http://h.example"],
    &["conform", "--bot", "b"],
    &["conform", "--profile", "right.toml", "--bot", "b"],
    &[
        "conform",
        "--report",
        "json=-",
        "--report",
        "junit=/dev/stdout",
    ],
    &[
        "conform",
        "--only",
        "auth.no-such-case",
        "--skip",
        "AUTH-99",
    ],
    &["conform", "--expect-failures", "known.toml"],
    &["conform", "--expect-failures", "missing.toml"],
    &[
        "mock",
        "--listen",
        "here",
        "--time-scale",
        "0",
        "--seed",
        "-1",
        "--ttft",
        "5",
        "--gap",
        "5 ms",
        "--chunks",
        "0",
    ],
    &[
        "mock",
        "--listen",
        "127.0.0.1:0",
        "--profile-out",
        "no/such/folder.toml",
    ],
    &["list", "requirments"],
    &["explain"],
    &["explain", "auth_4"],
    &["explain", "bot_not_fond"],
    &["explain", "qqqqqqqqqq"],
    &["explain", "./right.toml"],
    &["load", "right.toml"],
    &["conform", "--profile", "known.toml"],
    &["conform", "--only", "AUTH"],
    &["conform", "--target", "localhost:8080", "--bot", "b"],
    &["conform", "--target", "http://h:99999", "--bot", "b"],
];

#[test]
fn every_mistake_has_its_message() {
    let mut all = String::new();
    for args in WRONG {
        let output = Run::new(args.iter().copied())
            .file(
                "right.toml",
                "[target]\nbase_url = \"http://h.example\"\n[keys]\nvalid = \"k\"\n[bots]\nmain = \"b\"\n",
            )
            .file(
                "known.toml",
                "[[failure]]\nid = \"auth.no-such-case\"\nuntil = 2026-01-01T00:00:00Z\nwho = \"me\"\n",
            )
            .output();
        assert_eq!(output.code, Some(2), "{args:?}: {}", output.text());
        assert_eq!(output.stdout, "", "{args:?}");
        assert!(!output.stderr.contains("secret-word"), "{args:?}");
        let _ = writeln!(all, "## {}\n{}", args.join(" "), output.stderr);
    }
    assert_approved("command-line.mistakes", &all);
}

#[test]
fn a_file_full_of_mistakes_buries_none_of_them_but_the_last() {
    let keys: String = (0..70)
        .map(|number| format!("odd_{number} = 1\n"))
        .collect();
    let output = Run::new(["conform", "--profile", "odd.toml"])
        .file("odd.toml", keys)
        .output();
    assert_eq!(output.code, Some(2));
    assert_eq!(output.stderr.matches("error: ").count(), 51);
    assert!(output.stderr.contains("mistakes more"), "{}", output.stderr);
}

#[cfg(unix)]
#[test]
fn a_reader_that_went_away_is_no_error() {
    let mut run = Run::new(["list", "requirements"]).stdout(Stdio::piped());
    let mut child = run.spawn();
    drop(child.stdout.take());
    let output = crate::support::finish(child);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let mut run = Run::new(["list", "codes"]).stdout(full);
    let output = crate::support::finish(run.spawn());
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("standard output can't be written"),
        "{}",
        output.stderr
    );
}
