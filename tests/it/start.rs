//! How one begins: `init`, `check`, `schema`, `completions`, `man`.

use crate::support::server::Server;
use crate::support::{Run, assert_approved};
use clawcheck::mock::{Mock, MockConfig};
use clawcheck::profile::Profile;
use std::fs;

/// The built-in mock, its key and its agent.
async fn mock() -> (Mock, String, String) {
    let mock = Mock::start(MockConfig::default())
        .await
        .expect("the mock starts");
    let profile = Profile::parse(&mock.profile_toml(), "mock", &|_| None).expect("it is right");
    let key = profile.keys.valid.key.expose().to_owned();
    (mock, key, profile.bots.main.id)
}

/// A run beside the runtime, whose tasks are the server.
async fn output(run: Run) -> crate::support::Output {
    tokio::task::spawn_blocking(|| run.output())
        .await
        .expect("it ran")
}

#[test]
fn a_profile_can_be_begun_without_a_deployment() {
    let run = Run::new(["init"]);
    let path = run.path("clawcheck.toml");
    let output = run.output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    let text = fs::read_to_string(path).expect("it was written");
    assert_approved("init.profile", &text);
    // It says what is missing as any profile does.
    let output = Run::new(["check", "clawcheck.toml"])
        .file("clawcheck.toml", &text)
        .output();
    assert_eq!(output.code, Some(2));
    assert_approved("init.check", &output.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_asked_without_cost() {
    let (mock, key, bot) = mock().await;
    let run = Run::new([
        "init",
        "--target",
        &mock.base_url(),
        "--bot",
        &bot,
        "--out",
        "-",
    ])
    .env("CLAWBITE_KEY", &key);
    let output = output(run).await;
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(output.stdout.contains("valid = \"${CLAWBITE_KEY}\""));
    assert!(output.stdout.contains("Asked: the key may use this agent."));
    assert!(output.stdout.contains("Asked: it speaks HTTP/1.1."));
    let env = |_: &str| Some(key.clone());
    let profile = Profile::parse(&output.stdout, "x", &env).expect("it is a profile");
    assert_eq!(profile.target.base_url, mock.base_url());
    assert_eq!(mock.journal().completions, 0, "no model was called");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_is_told() {
    let (mock, _, bot) = mock().await;
    let wrong = "clawbite_sk_000000000000000000000000000000000000000000000000";
    let run =
        Run::new(["init", "--target", &mock.base_url(), "--bot", &bot]).env("CLAWBITE_KEY", wrong);
    let output = output(run).await;
    assert_eq!(output.code, Some(0));
    assert!(
        output
            .stderr
            .contains("Asked, and refused: 401 invalid_api_key"),
        "{}",
        output.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deployment_says_does_not_reach_the_terminal_as_it_is() {
    let server = Server::saying(
        "HTTP/1.1 502 \u{1b}[31mBad\r\nContent-Length: 4\r\nConnection: close\r\n\r\n\u{1b}]0;",
    )
    .await;
    let url = format!("http://{}", server.addr);
    let run = Run::new(["init", "--target", &url, "--bot", "b", "--out", "-"])
        .env("CLAWBITE_KEY", "clawbite_sk_0123456789");
    let output = output(run).await;
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(!output.text().contains('\u{1b}'), "{}", output.text());
    assert!(output.stdout.contains("502"), "{}", output.stdout);
}

#[test]
fn where_nobody_answers_nothing_is_written() {
    let run = Run::new(["init", "--target", "http://127.0.0.1:9", "--bot", "b"])
        .env("CLAWBITE_KEY", "clawbite_sk_0123456789");
    let path = run.path("clawcheck.toml");
    let output = run.output();
    assert_eq!(output.code, Some(3));
    assert!(output.stderr.contains("--offline"), "{}", output.stderr);
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_there_stays() {
    let output = Run::new(["init"])
        .file("clawcheck.toml", "mine")
        .output_and("clawcheck.toml");
    assert_eq!((output.0.code, output.1.as_str()), (Some(2), "mine"));
    let output = Run::new(["init", "--force"])
        .file("clawcheck.toml", "mine")
        .output_and("clawcheck.toml");
    assert_eq!(output.0.code, Some(0));
    assert!(output.1.contains("[target]"));
}

#[test]
fn files_are_checked_without_sending() {
    let output = Run::new(["check", "p.toml", "s.toml", "c.toml", "k.toml"])
        .file(
            "p.toml",
            "[target]\nbase_url = \"http://127.0.0.1:9\"\n[keys]\nvalid = \"clawbite_sk_0123\"\n[bots]\nmain = \"b\"\n",
        )
        .file(
            "s.toml",
            "name = \"own\"\n[load]\nmodel = \"closed\"\n[[load.stage]]\nduration_s = 1\nusers = 1\n[[request]]\nname = \"one\"\nstream = true\nprompt = \"Hello\"\n",
        )
        .file(
            "c.toml",
            "[[case]]\nid = \"ours.a\"\nrequirement = \"AUTH-4\"\nwhy = \"Why not.\"\nchange = { key = { form = \"reversed\" } }\nexpect = { status = 401 }\n",
        )
        .file(
            "k.toml",
            "[[failure]]\nid = \"auth.revoked\"\nreason = \"ticket 1\"\n",
        )
        .output();
    assert_approved("check.right", &output.text());
}

#[test]
fn everything_that_is_wrong_with_files_is_told_at_once() {
    let output = Run::new([
        "check",
        "p.toml",
        "s.toml",
        "c.toml",
        "k.toml",
        "n.toml",
        "absent.toml",
    ])
    .file(
        "p.toml",
        "[target]\nbase_ulr = \"http://127.0.0.1:9\"\n[bots]\nmain = \"b\"\n",
    )
    .file("s.toml", "name = \"own\"\n[load]\nmodel = \"clsed\"\n")
    .file(
        "c.toml",
        "[[case]]\nid = \"ours.a\"\nrequirement = \"AUTH-99\"\n",
    )
    .file("k.toml", "[[failure]]\nid = \"auth.revokd\"\n")
    .file("n.toml", "answer = 42\n")
    .output();
    assert_approved("check.wrong", &output.text());
}

#[test]
fn schemas_are_printed() {
    let list = Run::new(["schema"]).output();
    assert_eq!(list.code, Some(0));
    for row in list.stdout.lines() {
        let name = row.split_whitespace().next().expect("a name");
        let output = Run::new(["schema", name]).output();
        let schema: serde_json::Value =
            serde_json::from_str(&output.stdout).expect("a schema is JSON");
        assert!(schema.is_object(), "{name}");
    }
    let output = Run::new(["schema", "profil"]).output();
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("did you mean `profile`?"));
}

#[test]
fn shells_and_readers_of_manuals_are_served() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = Run::new(["completions", shell]).output();
        assert_eq!(output.code, Some(0));
        assert!(output.stdout.contains("conform"), "{shell}");
    }
    let page = Run::new(["man", "conform"]).output();
    assert!(page.stdout.contains(".TH"), "{}", page.text());
    assert!(page.stdout.contains("require\\-all"), "{}", page.text());
    let wrong = Run::new(["man", "conforn"]).output();
    assert_eq!(wrong.code, Some(2));
    let run = Run::new(["man", "--dir", "."]);
    let whole = run.path("clawcheck.1");
    let one = run.path("clawcheck-load.1");
    assert_eq!(run.output().code, Some(0));
    assert!(whole.exists() && one.exists());
}

#[test]
fn whatever_a_report_prints_can_be_explained() {
    for kind in ["classes", "figures"] {
        let list = Run::new(["list", kind]).output();
        assert_approved(&format!("list.{kind}"), &list.stdout);
    }
    let mut pages = String::new();
    for id in [
        "truncated_stream",
        "dropped",
        "inter_chunk_latency_ms",
        "error_ratio",
        "goodput",
        "Content chunk",
        "client_saturated",
        "inconclusive",
        "keys.valid",
        "drift",
        "fingerprint",
        "size.limit",
        "wire.in-step.auth-1",
    ] {
        pages.push_str(&Run::new(["explain", id]).output().text());
    }
    assert_approved("explain.load", &pages);
    let of_a_statistic = Run::new(["explain", "time_to_first_token_ms.p95"]).output();
    assert_eq!(of_a_statistic.code, Some(0));
}
