//! Targets that can't be tested (exit 3), or that get the first question wrong (exit 1): told once, clearly and soon,
//! and the report is written all the same.

use std::time::Duration;

use clawcheck::mock::{Mock, MockConfig};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::support::server::{Server, drain, read_request};
use crate::support::{Output, Run, assert_approved_but};

/// A profile for whatever listens there. The shortest time-out that there is: ten seconds.
fn profile(base_url: &str) -> String {
    format!(
        "[target]\nbase_url = \"{base_url}\"\ntime_scale = 0.01\ntimeout_s = 1\nconnect_timeout_s = 2\n\
         [keys]\nvalid = \"clawbite_sk_0123456789abcdefABCDEF\"\n[bots]\nmain = \"bot_main\"\n"
    )
}

fn conform(base_url: &str) -> (Output, Value) {
    let run = Run::new([
        "conform",
        "--profile",
        "target.toml",
        "--report",
        "json=report.json",
    ]);
    let (output, report) = run
        .file("target.toml", profile(base_url))
        .output_and("report.json");
    let report = serde_json::from_str(&report).expect("a report is JSON");
    (output, report)
}

/// Runs the suite and compares what the terminal showed; durations differ from run to run.
fn approved(name: &str, base_url: &str, code: i32) -> (Output, Value) {
    let (output, report) = conform(base_url);
    assert_eq!(output.code, Some(code), "{}", output.text());
    let filters = [
        (r"\d+\.\d s", "[time]"),
        (r"os error \d+", "os error [number]"),
    ];
    // How often progress is told depends on the time that the run takes.
    assert_approved_but(&format!("bad-target.{name}"), &output.stdout, &filters);
    assert_eq!(report["command"], "conform");
    let results = report["results"].as_array().expect("results are an array");
    let told = results
        .iter()
        .filter(|result| matches!(result["outcome"].as_str(), Some("fail" | "inconclusive")));
    assert_eq!(told.count(), 1, "one cause is one finding: {report}");
    (output, report)
}

fn url(server: &Server) -> String {
    format!("http://{}", server.addr)
}

fn answer(status: &str, fields: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_port_where_nobody_listens() {
    // Bound and let go: nobody else gets it within the moment of this test.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port can be had");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    approved("closed-port", &format!("http://{address}"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_accepts_and_says_nothing() {
    let server = Server::start(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    approved("silence", &url(&server), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_closes_at_once() {
    let server = Server::start(drain).await;
    approved("closes", &url(&server), 3);
    assert!(
        server.connections() > 1,
        "a closed connection is tried again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_without_end() {
    let server = Server::start(|mut stream| async move {
        let noise: Vec<u8> = (0..4096u32)
            .map(|n| (n * 7919 % 251) as u8 | 0x80)
            .collect();
        while stream.write_all(&noise).await.is_ok() {}
    })
    .await;
    approved("garbage", &url(&server), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_body() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
        if stream.write_all(head.as_bytes()).await.is_err() {
            return;
        }
        while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
    })
    .await;
    approved("endless", &url(&server), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_protocol() {
    let server = Server::start(|mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await;
        read_request(&mut stream).await;
        drain(stream).await;
    })
    .await;
    approved("ssh", &url(&server), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_to_a_plain_server() {
    let mock = Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had");
    approved("https-to-plain", &format!("https://{}", mock.addr()), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_to_a_server_of_tls() {
    // The alert that a TLS server answers a plain request with: unexpected_message.
    let server = Server::saying(b"\x15\x03\x01\x00\x02\x02\x0a").await;
    approved("plain-to-tls", &url(&server), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_page() {
    let page = "<!doctype html><title>Welcome</title><p>It works.";
    let server = Server::saying(answer("200 OK", "Content-Type: text/html\r\n", page)).await;
    approved("web-page", &url(&server), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_for_everything() {
    let fields = "Location: https://www.example/\r\n";
    let server = Server::saying(answer("301 Moved Permanently", fields, "")).await;
    let (output, _) = approved("redirect", &url(&server), 1);
    assert!(output.stdout.contains("301"), "{}", output.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_not_found() {
    let page = "<h1>Not Found</h1>";
    let fields = "Content-Type: text/html\r\n";
    let server = Server::saying(answer("404 Not Found", fields, page)).await;
    approved("not-found", &url(&server), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_refused() {
    let error = r#"{"error":{"message":"No.","code":"invalid_api_key"}}"#;
    let fields = "Content-Type: application/json\r\n";
    let server = Server::saying(answer("401 Unauthorized", fields, error)).await;
    let (_, report) = approved("refused-key", &url(&server), 3);
    assert_eq!(
        report["results"].as_array().map(Vec::len),
        Some(1),
        "{report}"
    );
}

/// Not a matter of speed: an hour's wait that is obeyed would outlast the test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_never_ends() {
    let error = r#"{"error":{"message":"No.","code":"rate_limited","retry_after":3600}}"#;
    let fields = "Content-Type: application/json\r\n";
    let server = Server::saying(answer("429 Too Many Requests", fields, error)).await;
    approved("limited", &url(&server), 3);
    assert!(server.connections() <= 3, "{}", server.connections());
}

/// A head that drips in for ever is no answer either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_never_ends() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        let mut line = b"HTTP/1.1 200 OK\r\n".to_vec();
        while stream.write_all(&line).await.is_ok() {
            line = b"X-Drip: 1\r\n".to_vec();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let (output, _) = conform(&url(&server));
    assert_eq!(output.code, Some(3), "{}", output.text());
}
