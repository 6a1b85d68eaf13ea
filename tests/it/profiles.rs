//! What is said of wrong profiles.

use crate::support::{Run, assert_approved};
use std::fmt::Write as _;

const LEAST: &str =
    "[target]\nbase_url = \"http://h.example\"\n[keys]\nvalid = \"${KEY}\"\n[bots]\nmain = \"b\"\n";

/// A name, then a profile; a leading `+` adds to the least right one.
const WRONG: &[(&str, &str)] = &[
    ("empty", ""),
    ("no TOML", "[target\nbase_url = http://h.example\n"),
    (
        "no TOML, and a typo elsewhere",
        "[target]\nbase_url = http://h.example\n[keys]\nrevokd = \"x\"\n",
    ),
    ("a key twice", "+main = \"c\"\n"),
    (
        "fixtures that contradict each other",
        "[target]\nbase_url = \"http://h.example\"\n[keys]\nvalid = \"${KEY}\"\nrevoked = \"${KEY}\"\n[bots]\nmain = \"b\"\noffline = \"b\"\n",
    ),
    (
        "typos",
        "+ofline = \"x\"\n[prompts]\n[provoke]\nbrust = 1\nzzz = 2\n",
    ),
    (
        "types",
        "+slow = 5\nfaulty = { id = 7 }\n[models]\noverride = true\n[provoke]\nburst = \"many\"\nstreams = 1.5\n[prompt]\ntext = [\"a\"]\n",
    ),
    (
        "a section that is none",
        "target = 5\n[keys]\nvalid = \"${KEY}\"\n[bots]\nmain = \"b\"\n",
    ),
    (
        "numbers out of range",
        "[target]\nbase_url = \"http://h.example\"\ntime_scale = 0\ntimeout_s = -1\nconnect_timeout_s = inf\nrate = nan\n[keys]\nvalid = \"${KEY}\"\n[bots]\nmain = \"b\"\n[provoke]\nburst = 0\nstreams = 99999999999999999999\n",
    ),
    (
        "base_url: no URL",
        "[target]\nbase_url = \"h.example\"\n[keys]\nvalid = \"${KEY}\"\n[bots]\nmain = \"b\"\n",
    ),
    (
        "base_url: another scheme",
        "[target]\nbase_url = \"ftp://h.example\"\n[keys]\nvalid = \"${KEY}\"\n[bots]\nmain = \"b\"\n",
    ),
    (
        "base_url: a password",
        "[target]\nbase_url = \"https://u:secret-word@h.example\"\n[keys]\nvalid = \"${KEY}\"\n[bots]\nmain = \"b\"\n",
    ),
    (
        "base_url: a query",
        "[target]\nbase_url = \"https://h.example?x=1\"\n[keys]\nvalid = \"${KEY}\"\n[bots]\nmain = \"b\"\n",
    ),
    (
        "base_url: the whole path",
        "[target]\nbase_url = \"https://h.example/api/v1/bot/b/chat\"\n[keys]\nvalid = \"${KEY}\"\n[bots]\nmain = \"b\"\n",
    ),
    (
        "target",
        "[target]\nbase_url = \"http://h.example\"\norigin = \"app.example/\"\nhttp = \"3\"\nca_file = \"missing.pem\"\ninsecure = 1\nresolve = \"10.0.0.7\"\n[keys]\nvalid = \"${KEY}\"\n[bots]\nmain = \"b\"\n",
    ),
    (
        "ca_file: no certificate",
        "[target]\nbase_url = \"http://h.example\"\nca_file = \"note.txt\"\n[keys]\nvalid = \"${KEY}\"\n[bots]\nmain = \"b\"\n",
    ),
    (
        "references",
        "+slow = \"${UNSET_BOT}\"\nfaulty = \"x${}y${also unset\"\noffline = \"${EMPTY}\"\n",
    ),
    (
        "keys",
        "[target]\nbase_url = \"http://h.example\"\n[keys]\nvalid = \"${LINE_END}\"\nrevoked = \"\"\nforeign = \"clawbite_sk_é3456789abcdef\"\nclawbite_sk_0123456789abcdef = \"pasted\"\n[bots]\nmain = \"b\"\n",
    ),
    (
        "bots",
        "+slow = \"a/b\"\nfaulty = { id = \"a b\", key = \"\" }\noffline = { key = \"k\" }\napi_off = { id = \"x\", name = \"y\" }\n",
    ),
    (
        "headers",
        "+[headers]\nAuthorization = \"Bearer clawbite_sk_0123456789abcdef\"\nContent-Length = \"5\"\ntransfer-encoding = \"chunked\"\n\"X Y\" = \"z\"\nX-Line = \"a\\r\\nb\"\nX-Number = 1\nHost = \"other.example\"\n",
    ),
];

fn run(text: &str) -> Run {
    let text = text
        .strip_prefix('+')
        .map_or(text.to_owned(), |more| format!("{LEAST}{more}"));
    Run::new(["conform", "--dry-run", "--profile", "staging.toml"])
        .file("staging.toml", text)
        .file("note.txt", "no certificate")
        .env("KEY", "clawbite_sk_0123456789abcdef")
        .env("EMPTY", "")
        .env("LINE_END", "clawbite_sk_0123456789abcdef\n")
}

#[test]
fn every_mistake_has_its_message() {
    let mut all = String::new();
    for (name, text) in WRONG {
        let output = run(text).output();
        assert_eq!(output.code, Some(2), "{name}: {}", output.text());
        assert_eq!(output.stdout, "", "{name}");
        assert!(!output.stderr.contains("secret-word"), "{name}");
        let _ = writeln!(all, "## {name}\n{}", output.stderr);
    }
    assert_approved("profile.mistakes", &all);
}

#[test]
fn files_that_cannot_be_read_have_theirs() {
    let missing = Run::new(["conform", "--profile", "missing.toml"]).output();
    let bytes = Run::new(["conform", "--profile", "staging.toml"])
        .file("staging.toml", b"[target]\nbase_url = \"\xff\"\n")
        .output();
    let all = format!("{}{}", missing.text(), bytes.text());
    assert_approved("profile.unreadable", &all);
}

#[test]
fn a_right_profile_has_none() {
    let output = run("+").output();
    assert_eq!(output.code, Some(0), "{}", output.text());
}

/// A longer one would bring cases near the limit of a body, and a right server would be accused.
#[test]
fn a_prompt_has_a_limit() {
    for (length, code) in [(4_000, 0), (4_001, 2)] {
        let prompt = "a".repeat(length);
        let output = Run::new(["check", "long.toml"])
            .env("KEY", "clawbite_sk_0123456789abcdefABCDEF")
            .file(
                "long.toml",
                format!("{LEAST}[prompt]\ntext = \"{prompt}\"\n"),
            )
            .output();
        assert_eq!(output.code, Some(code), "{}", output.text());
        assert_eq!(
            output.stderr.contains("a text of at most 4000 bytes"),
            code == 2,
            "{}",
            output.stderr
        );
        assert!(!output.stderr.contains(&prompt), "{}", output.stderr);
    }
}
