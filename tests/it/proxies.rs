//! Proxies: whatever has to be reached is reached through them, to the byte, and what they refuse is told.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use clawcheck::mock::{Honest, Mock, MockConfig};
use rcgen::CertificateParams;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::https::{acceptor, conform, mock_for, profile, told};
use crate::support::server::Server;
use crate::support::{Run, assert_approved};

/// A proxy that knows CONNECT and leads everything to one place.
struct Proxy {
    server: Server,
    heads: Heads,
}

type Heads = Arc<Mutex<Vec<String>>>;

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\nVia: a-proxy\r\n\r\n";

/// Reads a head, answers it, and carries bytes from there on where the answer says so.
async fn carry<S>(mut stream: S, there: SocketAddr, answer: &str, heads: &Heads)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(char::from(byte)),
            Err(_) => return,
        }
    }
    heads
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(head);
    if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
        return;
    }
    if answer.contains(" 200 ")
        && let Ok(mut target) = TcpStream::connect(there).await
    {
        let _ = target.set_nodelay(true);
        let _ = copy_bidirectional(&mut stream, &mut target).await;
    }
}

impl Proxy {
    async fn to(there: SocketAddr) -> Proxy {
        Proxy::answering(there, ESTABLISHED).await
    }

    async fn answering(there: SocketAddr, answer: &'static str) -> Proxy {
        Proxy::serving(there, answer, None).await
    }

    async fn serving(there: SocketAddr, answer: &'static str, tls: Option<TlsAcceptor>) -> Proxy {
        let heads = Heads::default();
        let told = Arc::clone(&heads);
        let server = Server::start(move |stream: TcpStream| {
            let (told, tls) = (Arc::clone(&told), tls.clone());
            async move {
                let _ = stream.set_nodelay(true);
                match tls {
                    None => carry(stream, there, answer, &told).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            carry(stream, there, answer, &told).await;
                        }
                    }
                }
            }
        })
        .await;
        Proxy { server, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.addr)
    }
}

const EXACT: &[&str] = &[
    "--only", "wire.*", "--only", "route.*", "--only", "stream.*",
];

/// The name resolves nowhere: whatever arrives came through the tunnel, HTTP/2 and exact bytes alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_goes_through_a_tunnel() {
    let (mock, pem) = mock_for(&["api.invalid"], Arc::new(Honest)).await;
    let proxy = Proxy::to(mock.addr()).await;
    let text = profile(&mock, "https://api.invalid", "ca_file = \"ca.pem\"");
    let mut args = EXACT.to_vec();
    args.extend(["--report", "json=report.json"]);
    let (output, report) = conform(&text, &pem, &args)
        .env(
            "HTTPS_PROXY",
            &proxy.url().replace("http://", "http://user:pass%40word-1@"),
        )
        .output_and("report.json");
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(
        output.stdout.contains("spoken: HTTP/2, and HTTP/1.1"),
        "{}",
        output.stdout
    );
    let note = format!("through the proxy {}", proxy.url());
    assert!(output.stdout.contains(&note), "{}", output.stdout);
    for text in [&report, &output.stdout, &output.stderr] {
        assert!(
            !text.contains("word-1") && !text.contains("dXNlcjpwYXNzQHdvcmQtMQ"),
            "{text}"
        );
    }
    let heads: BTreeSet<String> = proxy.heads().into_iter().collect();
    let expected = "CONNECT api.invalid:443 HTTP/1.1\r\nHost: api.invalid:443\r\n\
                    Proxy-Authorization: Basic dXNlcjpwYXNzQHdvcmQtMQ==\r\n\r\n";
    assert_eq!(heads, BTreeSet::from([expected.to_owned()]));
    let journal = mock.journal();
    assert!(
        journal.connections > 10 && journal.requests > 10,
        "{journal:?}"
    );
}

/// TLS to the proxy, and TLS to the target within.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_spoken_to_by_tls() {
    let (mock, pem) = mock_for(&["api.invalid"], Arc::new(Honest)).await;
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("it is a name");
    let (tls, own) = acceptor(params, &[]);
    let proxy = Proxy::serving(mock.addr(), ESTABLISHED, Some(tls)).await;
    let url = format!("https://localhost:{}", proxy.server.addr.port());
    let text = profile(&mock, "https://api.invalid", "ca_file = \"ca.pem\"");
    let only = ["--only", "wire.*"];
    let output = conform(&text, &format!("{pem}{own}"), &only)
        .env("https_proxy", &url)
        .output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(!proxy.heads().is_empty());
    // One that nobody trusts is told as the proxy's, not as the target's.
    let output = conform(&text, &pem, &only)
        .env("https_proxy", &url)
        .output();
    assert_eq!(output.code, Some(3), "{}", output.text());
    let line = output.unwrapped();
    let expected =
        format!("the proxy {url} (https_proxy): the TLS handshake failed: nobody trusted here");
    assert!(line.contains(&expected), "{line}");
}

/// What a target says before it is asked comes in one piece with the proxy's own answer, and is not lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_speaks_first() {
    let mock = Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had");
    let proxy = Proxy::answering(
        mock.addr(),
        "HTTP/1.1 200 OK\r\n\r\nSSH-2.0-OpenSSH_9.6\r\n",
    )
    .await;
    let text = profile(&mock, "http://api.invalid", "");
    let output = conform(&text, "", &["--only", "route.good"])
        .env("http_proxy", &proxy.url())
        .output();
    assert_eq!(output.code, Some(3), "{}", output.text());
    assert!(
        output.stdout.contains("what it sends is no HTTP"),
        "{}",
        output.stdout
    );
}

/// A tunnel too: what the proxy would add to a request that it forwards would not be the suite's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_goes_through_a_tunnel_too() {
    let mock = Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had");
    let proxy = Proxy::to(mock.addr()).await;
    let text = profile(&mock, "http://api.invalid:8080", "");
    for variable in ["http_proxy", "all_proxy", "ALL_PROXY"] {
        let output = conform(&text, "", EXACT)
            .env(variable, &proxy.url())
            .output();
        assert_eq!(output.code, Some(0), "{variable}: {}", output.text());
    }
    let heads: BTreeSet<String> = proxy.heads().into_iter().collect();
    let expected = "CONNECT api.invalid:8080 HTTP/1.1\r\nHost: api.invalid:8080\r\n\r\n";
    assert_eq!(heads, BTreeSet::from([expected.to_owned()]));
    // A CGI script's client can set it: curl leaves it alone, and so is it here.
    let output = conform(&text, "", &["--only", "route.good"])
        .env("HTTP_PROXY", &proxy.url())
        .output();
    assert_eq!(output.code, Some(3), "{}", output.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_around_a_proxy() {
    let mock = Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had");
    let proxy = Proxy::to(mock.addr()).await;
    let only = ["--only", "route.good"];
    for around in ["127.0.0.1", "127.0.0.0/8", "*", "other.example, 127.0.0.1"] {
        let output = conform(&mock.profile_toml(), "", &only)
            .env("all_proxy", &proxy.url())
            .env("NO_PROXY", around)
            .output();
        assert_eq!(output.code, Some(0), "{around}: {}", output.text());
    }
    // The mock inside the process is nobody's business.
    let output = Run::new(["conform", "--only", "route.good"])
        .env("all_proxy", &proxy.url())
        .output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert_eq!(proxy.heads(), Vec::<String>::new());
    let output = conform(&mock.profile_toml(), "", &only)
        .env("all_proxy", &proxy.url())
        .env("NO_PROXY", "other.example")
        .output();
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(!proxy.heads().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_goes_through_a_tunnel() {
    let (mock, pem) = mock_for(&["localhost"], Arc::new(Honest)).await;
    let proxy = Proxy::to(mock.addr()).await;
    // Another port than the mock's: only the proxy leads there.
    let text = profile(&mock, "https://localhost:9", "ca_file = \"ca.pem\"");
    let (output, report) = Run::new([
        "load",
        "--profile",
        "target.toml",
        "--users",
        "3",
        "--duration",
        "300ms",
        "--report",
        "json=load.json",
    ])
    .file("target.toml", &text)
    .file("ca.pem", &pem)
    .env("HTTPS_PROXY", &proxy.url())
    .output_and("load.json");
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(
        report.contains("connections went through the proxy"),
        "{report}"
    );
    let heads = proxy.heads();
    assert!(heads.len() >= 3, "{heads:?}");
    assert!(
        heads
            .iter()
            .all(|head| head.starts_with("CONNECT localhost:9 HTTP/1.1\r\n"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_proxy_refuses_is_told_with_its_mend() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let text = "[target]\nbase_url = \"https://api.invalid\"\nconnect_timeout_s = 5\n\
                [keys]\nvalid = \"clawbite_sk_0123456789abcdefABCDEF\"\n[bots]\nmain = \"bot_main\"\n";
    let mut page = Vec::new();
    for (what, user, answer) in [
        (
            "user wanted",
            "",
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
        ),
        (
            "user refused",
            "user:password-1@",
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        ),
        ("forbidden", "", "HTTP/1.1 403 Forbidden\r\n\r\n<h1>No</h1>"),
        (
            "target unknown to it",
            "",
            "HTTP/1.1 502 Bad \x1b[31mGateway\r\n\r\n",
        ),
        ("no proxy", "", "SSH-2.0-OpenSSH_9.6\r\n"),
        ("closes", "", ""),
    ] {
        let proxy = Proxy::answering(nowhere, answer).await;
        let url = format!("http://{user}{}", proxy.server.addr);
        let output = conform(text, "", &[]).env("https_proxy", &url).output();
        assert!(!output.text().contains("password-1"), "{}", output.text());
        page.push(format!("{what}\n  {}", told(&output)));
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port can be had");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let output = conform(text, "", &[])
        .env("https_proxy", &format!("http://{address}"))
        .output();
    page.push(format!("not there\n  {}", told(&output)));
    for value in [
        "socks5://user:password-1@127.0.0.1:1080",
        "http://user:password-1@:x",
    ] {
        let output = conform(text, "", &[]).env("https_proxy", value).output();
        assert!(!output.text().contains("password-1"), "{}", output.text());
        page.push(output.text());
    }
    assert_approved("proxies.refusals", &page.join("\n"));
}
