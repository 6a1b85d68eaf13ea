//! `mock`.

use crate::support::{Run, assert_approved, finish};
use clawcheck::profile::Profile;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Starts it and reads what it prints, once it listens.
fn started(run: &mut Run) -> (Child, Vec<String>) {
    let mut child = run.spawn();
    let stdout = child.stdout.take().expect("it is piped");
    let lines = BufReader::new(stdout)
        .lines()
        .take(3)
        .map(|line| line.expect("it is UTF-8"))
        .collect();
    (child, lines)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .expect("kill is there");
    assert!(sent.success());
}

#[cfg(unix)]
#[test]
fn it_says_how_to_test_it_and_ends_in_peace() {
    for name in ["-INT", "-TERM"] {
        let mut run = Run::new(["mock", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let (child, lines) = started(&mut run);
        let text = lines.join("\n");
        crate::support::assert_no_key(&text);
        let file = lines[1]
            .rsplit(' ')
            .next()
            .expect("the line ends with it")
            .to_owned();
        assert!(std::path::Path::new(&file).exists(), "{file}");
        signal(&child, name);
        let output = finish(child);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        assert!(!std::path::Path::new(&file).exists(), "{file}");
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].starts_with("listening on http://127.0.0.1:"),
            "{text}"
        );
    }
}

#[cfg(unix)]
#[test]
fn the_profile_that_it_writes_stays_and_is_right() {
    let mut run = Run::new([
        "mock",
        "--listen",
        "127.0.0.1:0",
        "--profile-out",
        "mock.toml",
    ])
    .stdout(Stdio::piped());
    let (child, lines) = started(&mut run);
    signal(&child, "-INT");
    assert_eq!(finish(child).code, Some(0));
    let path = run.path("mock.toml");
    let profile = Profile::load(&path, None, &|_| None).expect("the mock's profile is right");
    assert_eq!(
        format!("listening on {}", profile.target.base_url),
        lines[0]
    );
    assert_eq!(lines[1], "  clawcheck conform --profile mock.toml");
}

#[cfg(unix)]
#[test]
fn an_address_that_is_taken_is_an_error_of_the_command_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let output = Run::new(["mock", "--listen", &address]).output();
    assert_eq!(output.code, Some(2));
    assert_approved("mock.taken", &output.stderr);
}
