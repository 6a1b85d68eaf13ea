//! https, HTTP/2, and how else a deployment is reached: whom to trust, where to connect, what goes with every request.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::Ipv6Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clawcheck::mock::{Asked, Bend, Decision, Identity, Mock, MockConfig, Refusal};
use clawcheck::profile::Profile;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::support::server::{Server, drain};
use crate::support::{Output, Run, assert_approved_but, looked_at_nothing};

/// A mock of https for these names, and its certificate.
pub(crate) async fn mock_for(names: &[&str], bend: Arc<dyn Bend>) -> (Mock, String) {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let identity = Identity::of(names).expect("the names are names");
    let pem = identity.certificate_pem().to_owned();
    let mock = Mock::start(MockConfig {
        tls: Some(identity),
        bend,
        ..MockConfig::default()
    })
    .await
    .expect("a free port can be had");
    (mock, pem)
}

/// The mock's profile with another base URL and more lines in `[target]`.
pub(crate) fn profile(mock: &Mock, base_url: &str, more: &str) -> String {
    let own = format!("base_url = \"{}\"", mock.base_url());
    let other = format!("base_url = \"{base_url}\"\n{more}");
    mock.profile_toml().replace(&own, &other)
}

/// A run of the suite against a profile `target.toml`, with `ca.pem` beside it.
pub(crate) fn conform(text: &str, pem: &str, more: &[&str]) -> Run {
    let mut all = vec!["conform", "--profile", "target.toml"];
    all.extend(more);
    Run::new(all).file("target.toml", text).file("ca.pem", pem)
}

fn summary(report: &str) -> Value {
    let report: Value = serde_json::from_str(report).expect("a report is JSON");
    report["summary"].clone()
}

/// `clawcheck mock --tls`, and what it printed.
fn started(run: &mut Run) -> (Child, Vec<String>) {
    let mut child = run.spawn();
    let stdout = child.stdout.take().expect("it is piped");
    let lines = BufReader::new(stdout).lines().take(3);
    let lines = lines.map(|line| line.expect("it is UTF-8")).collect();
    (child, lines)
}

/// The two lines that it prints work as they stand, and so do all versions of HTTP.
#[cfg(unix)]
#[test]
fn the_suite_over_https_against_a_mock_that_makes_its_own_certificate() {
    let mut run = Run::new([
        "mock",
        "--tls",
        "--listen",
        "127.0.0.1:0",
        "--profile-out",
        "mock.toml",
        "--time-scale",
        "0.01",
    ])
    .stdout(Stdio::piped());
    let (mut child, lines) = started(&mut run);
    let file = run.path("mock.toml");
    let folder = file.parent().expect("it has a folder").to_owned();
    assert!(
        lines[0].starts_with("listening on https://127.0.0.1:"),
        "{lines:?}"
    );

    // Every case: HTTP/2 by ALPN, and HTTP/1.1 over TLS where exact bytes matter.
    let printed = format!("{} --report json=auto.json", lines[1].trim());
    let output = Run::shell(&printed, &folder).output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    let spoken = "spoken: HTTP/2, and HTTP/1.1 where exact bytes matter";
    assert!(output.stdout.contains(spoken), "{}", output.stdout);
    let auto = fs::read_to_string(folder.join("auto.json")).expect("it was written");
    let told = summary(&auto);
    assert_eq!(
        [
            &told["failed"],
            &told["skipped"],
            &told["inconclusive"],
            &told["advised"]
        ],
        [0, 0, 0, 0],
        "{told}"
    );
    assert_eq!(told["must_untested"], 0, "{told}");

    // HTTP/2 alone: what it can't say is skipped, told, and counted as untested.
    let text = fs::read_to_string(&file).expect("it was written");
    let with = |line: &str| text.replace("[target]\n", &format!("[target]\n{line}\n"));
    fs::write(folder.join("two.toml"), with("http = \"2\"")).expect("it can be written");
    let output = Run::shell(
        "clawcheck conform --profile two.toml --report json=two.json",
        &folder,
    )
    .output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    let two = fs::read_to_string(folder.join("two.json")).expect("it was written");
    let two: Value = serde_json::from_str(&two).expect("a report is JSON");
    let results = two["results"].as_array().expect("results are an array");
    let skipped: Vec<&Value> = results
        .iter()
        .filter(|result| result["outcome"] == "skip")
        .collect();
    assert!(!skipped.is_empty());
    for result in &skipped {
        assert_eq!(result["message"], "the target is tested over HTTP/2 only");
    }
    assert!(skipped.iter().any(|result| result["id"] == "wire.pieces"));
    assert!(two["summary"]["must_untested"].as_u64() > Some(0));
    let line = output.unwrapped();
    assert!(
        line.contains("WIRE-4: the target is tested over HTTP/2 only"),
        "{line}"
    );
    let code = Run::shell(
        "clawcheck conform --profile two.toml --require-all --only 'wire.*'",
        &folder,
    )
    .output()
    .code;
    assert_eq!(code, Some(1), "a MUST that is untested fails --require-all");

    // HTTP/1.1 alone.
    fs::write(folder.join("one.toml"), with("http = \"1.1\"")).expect("it can be written");
    let output = Run::shell(
        "clawcheck conform --profile one.toml --only 'wire.*'",
        &folder,
    )
    .output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(
        output.stdout.contains("spoken: HTTP/1.1\n"),
        "{}",
        output.stdout
    );

    // Load, with the same trust.
    let load =
        "clawcheck load --profile mock.toml --users 2 --duration 300ms --report json=load.json";
    let output = Run::shell(load, &folder).output();
    assert_eq!(output.code, Some(0), "{}", output.text());

    // The same over HTTP/2, by either driver: nothing is wrong with any answer, and nothing is left open.
    for driver in ["goose", "tasks"] {
        let line = format!(
            "clawcheck load smoke --profile two.toml --users 4 --duration 1s --driver {driver} --report json=two.json"
        );
        let output = Run::shell(&line, &folder).output();
        assert_eq!(output.code, Some(0), "{}", output.text());
        let report = fs::read_to_string(folder.join("two.json")).expect("it was written");
        let report: Value = serde_json::from_str(&report).expect("a report is JSON");
        assert!(
            report["summary"]["succeeded"].as_u64() > Some(4),
            "{report}"
        );
        assert_eq!(report["summary"]["errors"], 0, "{report}");
    }

    if Command::new("curl").arg("--version").output().is_ok() {
        let answer = Run::shell(lines[2].trim(), &folder).output();
        assert_eq!(answer.code, Some(0), "{}", answer.text());
        assert!(
            answer.stdout.contains("chat.completion"),
            "{}",
            answer.stdout
        );
    }
    child.kill().expect("it runs");
    child.wait().expect("it can be waited for");
}

/// A profile that nobody asked for goes when the mock does, and its certificate with it.
#[cfg(unix)]
#[test]
fn what_only_http_1_shows_is_said_and_nothing_stays_behind() {
    let args = [
        "mock",
        "--tls",
        "--listen",
        "127.0.0.1:0",
        "--violate",
        "wire.short-length",
    ];
    let known = clawcheck::mock::Deviation::all(
        clawcheck::mock::Kind::Violation,
        &clawcheck::mock::Fixtures::derive(1),
    );
    let id = known
        .iter()
        .find(|deviation| deviation.needs_http1())
        .map(|deviation| deviation.id.to_string())
        .expect("some violations bend the socket seam alone");
    let args = args.map(|arg| {
        if arg.starts_with("wire.") {
            id.as_str()
        } else {
            arg
        }
    });
    let mut run = Run::new(args).stdout(Stdio::piped());
    let (child, lines) = started(&mut run);
    let file = lines[1]
        .rsplit(' ')
        .next()
        .expect("the line ends with it")
        .to_owned();
    let profile = Profile::load(Path::new(&file), None, &|_| None).expect("it is right");
    let certificate = profile.target.ca_file.expect("the profile trusts it");
    assert!(certificate.exists());
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill is there").success());
    let output = crate::support::finish(child);
    assert_eq!(output.code, Some(0));
    assert!(
        output
            .stderr
            .contains(&format!("`{id}` is in the bytes of HTTP/1.1")),
        "{}",
        output.stderr
    );
    assert!(!Path::new(&file).exists() && !certificate.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_over_plain_text() {
    let mock = Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had");
    let text = profile(&mock, &mock.base_url(), "http = \"2\"");
    let output = conform(
        &text,
        "",
        &[
            "--only", "stream.*", "--only", "limit.*", "--only", "body.*",
        ],
    )
    .output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(
        output.stdout.contains("spoken: HTTP/2\n"),
        "{}",
        output.stdout
    );
    mock.stop().await;
}

/// What a server of TLS with a certificate like that needs, and the certificate.
pub(crate) fn acceptor(params: CertificateParams, protocols: &[&str]) -> (TlsAcceptor, String) {
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = params.self_signed(&key).expect("it can be signed");
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("they belong together");
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    (TlsAcceptor::from(Arc::new(config)), certificate.pem())
}

/// What it can't be asked is skipped, as it is where HTTP/2 was asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_speaks_http_2_alone() {
    let mock = Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had");
    let there = mock.addr();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("it is a name");
    let (tls, pem) = acceptor(params, &["h2"]);
    let server = Server::start(move |stream| {
        let tls = tls.clone();
        async move {
            if let (Ok(mut stream), Ok(mut target)) =
                (tls.accept(stream).await, TcpStream::connect(there).await)
            {
                let _ = copy_bidirectional(&mut stream, &mut target).await;
            }
        }
    })
    .await;
    let text = profile(
        &mock,
        &format!("https://{}", server.addr),
        "ca_file = \"ca.pem\"",
    );
    let args = [
        "--only",
        "wire.*",
        "--only",
        "size.*",
        "--report",
        "json=report.json",
    ];
    let (output, report) = conform(&text, &pem, &args).output_and("report.json");
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(
        output.stdout.contains("spoken: HTTP/2\n"),
        "{}",
        output.stdout
    );
    let told = summary(&report);
    assert_eq!([&told["failed"], &told["inconclusive"]], [0, 0], "{told}");
    assert!(told["skipped"].as_u64() > Some(0), "{told}");
}

/// A server of TLS with a certificate like that; behind it nothing answers.
async fn server_of(params: CertificateParams) -> (Server, String) {
    let (acceptor, pem) = acceptor(params, &[]);
    let server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let _ = acceptor.accept(stream).await;
        }
    })
    .await;
    (server, pem)
}

fn minimal(base_url: &str, more: &str) -> String {
    format!(
        "[target]\nbase_url = \"{base_url}\"\ntimeout_s = 1\ntime_scale = 0.01\nconnect_timeout_s = 5\n{more}\n\
         [keys]\nvalid = \"clawbite_sk_0123456789abcdefABCDEF\"\n[bots]\nmain = \"bot_main\"\n"
    )
}

/// What the terminal says of a target that can't be tested, joined to a line.
pub(crate) fn told(output: &Output) -> String {
    let says = output.stdout.split("\n\n").next().unwrap_or_default();
    let says = says.lines().skip(1).map(str::trim).collect::<Vec<_>>();
    format!("exit {}: {}", output.code.unwrap_or(-1), says.join(" "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_certificate_is_told_with_its_mend() {
    let params = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        CertificateParams::new(names).expect("the names are names")
    };
    let mut page = Vec::new();
    let trusting = "ca_file = \"ca.pem\"";

    let (server, _) = server_of(params(&["127.0.0.1"])).await;
    let (_, other) = server_of(params(&["127.0.0.1"])).await;
    let url = format!("https://{}", server.addr);
    let output = conform(&minimal(&url, trusting), &other, &[]).output();
    page.push(format!("another authority\n  {}", told(&output)));

    let (server, pem) = server_of(params(&["staging.example"])).await;
    let url = format!("https://{}", server.addr);
    let output = conform(&minimal(&url, trusting), &pem, &[]).output();
    page.push(format!("another name\n  {}", told(&output)));

    let mut old = params(&["127.0.0.1"]);
    old.not_before = date_time_ymd(2019, 1, 1);
    old.not_after = date_time_ymd(2020, 1, 1);
    let (server, pem) = server_of(old).await;
    let url = format!("https://{}", server.addr);
    let output = conform(&minimal(&url, trusting), &pem, &[]).output();
    page.push(format!("expired\n  {}", told(&output)));

    let mut early = params(&["127.0.0.1"]);
    early.not_before = date_time_ymd(4000, 1, 1);
    early.not_after = date_time_ymd(4001, 1, 1);
    let (server, pem) = server_of(early).await;
    let url = format!("https://{}", server.addr);
    let output = conform(&minimal(&url, trusting), &pem, &[]).output();
    page.push(format!("not yet valid\n  {}", told(&output)));

    let (server, pem) = server_of(params(&["127.0.0.1"])).await;
    let url = format!("https://{}", server.addr);
    let output = conform(
        &minimal(&url, &format!("{trusting}\nhttp = \"2\"")),
        &pem,
        &[],
    )
    .output();
    page.push(format!("no HTTP/2\n  {}", told(&output)));

    let (mock, _) = mock_for(&["127.0.0.1"], Arc::new(clawcheck::mock::Honest)).await;
    let url = format!("http://{}", mock.addr());
    let output = conform(&minimal(&url, ""), "", &[]).output();
    page.push(format!("http to https\n  {}", told(&output)));

    let plain = "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n\
                 <html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>";
    let server = Server::saying(plain).await;
    let output = conform(&minimal(&format!("http://{}", server.addr), ""), "", &[]).output();
    page.push(format!(
        "http to https, told by a page\n  {}",
        told(&output)
    ));

    let server = Server::start(drain).await;
    let url = format!("https://{}", server.addr);
    let output = conform(&minimal(&url, "insecure = true"), "", &[]).output();
    page.push(format!("a port that closes\n  {}", told(&output)));

    let filters = [(r"\d{6,}", "[number]")];
    assert_approved_but("https.refusals", &page.join("\n"), &filters);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_to_trust() {
    let (mock, pem) = mock_for(&["127.0.0.1"], Arc::new(clawcheck::mock::Honest)).await;
    let url = mock.base_url();
    let only = ["--only", "route.good"];
    let known = conform(&profile(&mock, &url, "ca_file = \"ca.pem\""), &pem, &only).output();
    assert_eq!(known.code, Some(0), "{}", known.text());

    let unknown = conform(&profile(&mock, &url, ""), &pem, &only).output();
    assert_eq!(unknown.code, Some(3), "{}", unknown.text());

    // In place of the system's roots, as OpenSSL and curl have it.
    let run = conform(&profile(&mock, &url, ""), &pem, &only);
    let file = run.path("ca.pem").display().to_string();
    let system = run.env("SSL_CERT_FILE", &file).output();
    assert_eq!(system.code, Some(0), "{}", system.text());

    let unchecked = conform(&profile(&mock, &url, "insecure = true"), &pem, &only).output();
    assert_eq!(unchecked.code, Some(0), "{}", unchecked.text());
    assert!(
        unchecked.stdout.contains("certificates were not checked"),
        "{}",
        unchecked.stdout
    );
}

/// A gateway before the API: who lacks the field, or speaks to another host, is turned away.
struct Gate {
    host: &'static str,
    passed: AtomicUsize,
}

const SECRET: &str = "gateway-secret-0123456789";

impl Bend for Gate {
    fn decision(&self, asked: &Asked, decision: Decision) -> Decision {
        let authority = asked.uri.authority().map(ToString::to_string);
        let field = |name: &str| {
            let value = asked.headers.get(name)?;
            Some(value.to_str().unwrap_or_default().to_owned())
        };
        let host = authority.or_else(|| field("host")).unwrap_or_default();
        // Cases about `Host` itself aside.
        if field("x-gateway").as_deref() == Some(SECRET) && host.starts_with(self.host) {
            self.passed.fetch_add(1, Ordering::Relaxed);
            return decision;
        }
        Decision::Refuse(Refusal::other(
            403,
            "gateway",
            format!("{host} is not let in"),
        ))
    }
}

/// Headers and the override of the address, over HTTP/2 and over HTTP/1.1 in exact bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_s_headers_and_a_name_that_leads_elsewhere() {
    let gate = Arc::new(Gate {
        host: "staging.example:8443",
        passed: AtomicUsize::new(0),
    });
    let (mock, pem) = mock_for(&["staging.example"], Arc::clone(&gate) as Arc<dyn Bend>).await;
    let more = format!("ca_file = \"ca.pem\"\nresolve = \"{}\"", mock.addr());
    let text = profile(&mock, "https://staging.example:8443", &more);
    let only = [
        "--only",
        "wire.*",
        "--only",
        "stream.*",
        "--only",
        "size.*",
        "--only",
        "cors.*",
        "--report",
        "json=report.json",
    ];
    let with = text.replace(
        "[keys]",
        &format!("[headers]\n\"X-Gateway\" = \"{SECRET}\"\n[keys]"),
    );
    let (output, report) = conform(&with, &pem, &only).output_and("report.json");
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(gate.passed.load(Ordering::Relaxed) > 50);
    for text in [&report, &output.stdout, &output.stderr] {
        assert!(
            !text.contains(SECRET),
            "the header's value stands in: {text}"
        );
    }
    assert!(report.contains("--connect-to ::127.0.0.1:"), "{report}");
    assert!(report.contains("--cacert"), "{report}");

    let output = conform(&text, &pem, &only[..2]).output();
    assert_eq!(output.code, Some(3), "{}", output.text());
    assert!(output.stdout.contains("[headers]"), "{}", output.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ipv6_address() {
    let identity = Identity::of(vec!["::1".to_owned()]).expect("it is an address");
    let pem = identity.certificate_pem().to_owned();
    for tls in [None, Some(identity)] {
        let config = MockConfig {
            listen: (Ipv6Addr::LOCALHOST, 0).into(),
            tls,
            ..MockConfig::default()
        };
        let Ok(mock) = Mock::start(config).await else {
            looked_at_nothing("this machine has no IPv6");
            return;
        };
        assert!(mock.base_url().contains("://[::1]:"));
        let text = profile(&mock, &mock.base_url(), "ca_file = \"ca.pem\"");
        let output = conform(&text, &pem, &["--only", "route.*", "--only", "wire.*"]).output();
        assert_eq!(output.code, Some(0), "{}", output.text());
        mock.stop().await;
    }
}
