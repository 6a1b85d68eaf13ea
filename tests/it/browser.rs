//! The documented JavaScript in a browser, on a page of another origin than the mock's (CORS-1 to CORS-4): whether the
//! mock's CORS fields do is for a browser to say. In Node it is run by `mock`.
//!
//! Chromium is used where there is one; where there is none, these tests look at nothing and say so.
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Method, header};
use clawcheck::mock::{Asked, Head, Mock};
use clawcheck::report::{Demands, Kind};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::mock::documented_javascript;
use crate::raw::patiently;
use crate::reports::formatted;
use crate::support::bent::{self, Bent};
use crate::support::record::every_outcome;
use crate::support::server::{Server, drain, read_request};

/// From the browser's start to what the page tells.
const TOO_LONG: Duration = Duration::from_secs(30);

/// As the documentation says, the code logs what it reads. It is a module, for it awaits at its top level; what it
/// throws rejects the import.
const PAGE: &str = r#"<!doctype html>
<script>
  const logged = [];
  console.log = (text) => logged.push(text);
  const tell = (error) => fetch("/told", { method: "POST", body: JSON.stringify({ logged, error }) });
  import("/documented.js").then(() => tell(null), (error) => tell(String(error)));
</script>
"#;

/// What came of the code in the page.
struct Told {
    /// The page's origin.
    origin: String,
    /// What the code logged, one after the other.
    logged: String,
    /// What it threw.
    error: Option<String>,
}

/// A browser that shows a page, with a home of its own; both go when it is dropped.
struct Browser {
    /// None once it has been killed: its number may be another's then.
    child: Option<Child>,
    /// What it complains of, once it and its children have ended.
    complaints: JoinHandle<String>,
    home: PathBuf,
}

impl Browser {
    /// The name of a Chromium that can be run. Some systems have a script of that name which only tells how to install
    /// one, hence the question for its version.
    fn name() -> Option<&'static str> {
        let found = ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find(|name| {
                let version = Command::new(name).arg("--version").output();
                version.is_ok_and(|output| output.status.success())
            });
        if found.is_none() {
            // Not by `eprintln!`, which is hidden where a test passes.
            let _ = writeln!(
                std::io::stderr(),
                "no Chromium on PATH: nothing was looked at in a browser"
            );
        }
        found
    }

    fn show(name: &str, url: &str) -> Browser {
        static HOMES: AtomicUsize = AtomicUsize::new(0);
        let number = HOMES.fetch_add(1, Ordering::Relaxed);
        // Not in the tests' folder: the path of a socket in it may be a hundred bytes long, no more.
        let home = format!("clawcheck-browser-{}-{number}", std::process::id());
        let home = std::env::temp_dir().join(home);
        let _ = std::fs::remove_dir_all(&home); // of a run that was killed
        std::fs::create_dir(&home).expect("there is a place for temporary files");
        let mut child = Command::new(name)
            .args([
                "--headless",
                "--no-sandbox", // there is none for root, or in most containers; the page is ours
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                // Nothing beyond this machine is reached, whatever else it would like to ask for.
                "--no-proxy-server",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ])
            .arg(format!("--user-data-dir={}", home.display()))
            .arg(url)
            .env("HOME", &home)
            .env("TMPDIR", &home)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("it said its version, so it starts");
        let mut stderr = child.stderr.take().expect("it is piped");
        let complaints = tokio::task::spawn_blocking(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Browser {
            child: Some(child),
            complaints,
            home,
        }
    }

    /// Ends it with its children, which are of its process group.
    fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let group = format!("-{}", child.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = child.kill();
        let _ = child.wait();
    }

    async fn end(&mut self) -> Result<String, JoinError> {
        self.kill();
        patiently(&mut self.complaints).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// A server of the page, the code and what the page tells, which it hands on.
async fn page_server(javascript: String, told: mpsc::UnboundedSender<Value>) -> Server {
    let javascript: Arc<str> = javascript.into();
    Server::start(move |mut stream| {
        let javascript = Arc::clone(&javascript);
        let told = told.clone();
        async move {
            let request = String::from_utf8(read_request(&mut stream).await).expect("it is UTF-8");
            let (line, rest) = request.split_once("\r\n").unwrap_or_default();
            let (status, kind, body) = match line {
                "GET / HTTP/1.1" => ("200 OK", "text/html", PAGE),
                "GET /documented.js HTTP/1.1" => ("200 OK", "text/javascript", &*javascript),
                "POST /told HTTP/1.1" => {
                    let (_, body) = rest.split_once("\r\n\r\n").unwrap_or_default();
                    let _ = told.send(serde_json::from_str(body).expect("the page tells JSON"));
                    ("200 OK", "text/plain", "")
                }
                _ => ("404 Not Found", "text/plain", ""), // its icon; nothing, where a connection is made in advance
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            drain(stream).await;
        }
    })
    .await
}

/// Runs the documented code for this mock in a page.
async fn in_a_page(browser: &str, mock: &Mock) -> Told {
    let (sender, mut told) = mpsc::unbounded_channel();
    let server = page_server(documented_javascript(mock), sender).await;
    let origin = format!("http://{}", server.addr);
    let mut browser = Browser::show(browser, &origin);
    let (told, complaints) = tokio::select! {
        told = told.recv() => (told, browser.end().await),
        complaints = &mut browser.complaints => (None, complaints),
        () = tokio::time::sleep(TOO_LONG) => (None, browser.end().await),
    };
    let told = told.unwrap_or_else(|| panic!("the page told nothing: {complaints:?}"));
    let logged = told["logged"].as_array().expect("they are in order");
    let logged = logged
        .iter()
        .map(|text| text.as_str().expect("it logs text"));
    Told {
        origin,
        logged: logged.collect(),
        error: told["error"].as_str().map(str::to_owned),
    }
}

/// A request as the mock saw it: its method, its origin, and whether a key came with it.
type Sent = (Method, String, bool);

/// A mock whose heads are bent, and the requests that it decides on.
async fn watched(
    head: impl Fn(&Asked, &mut Head) + Send + Sync + 'static,
) -> (Mock, Arc<Mutex<Vec<Sent>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let journal = Arc::clone(&sent);
    let mock = bent::start(Bent {
        decision: Some(Box::new(move |asked, decision| {
            let origin = asked.headers.get(header::ORIGIN);
            let origin = origin.and_then(|origin| origin.to_str().ok());
            let origin = origin.unwrap_or_default().to_owned();
            let keyed = asked.headers.contains_key(header::AUTHORIZATION);
            journal
                .lock()
                .expect("no holder panics")
                .push((asked.method.clone(), origin, keyed));
            decision
        })),
        head: Some(Box::new(head)),
        ..Bent::default()
    })
    .await;
    (mock, sent)
}

#[tokio::test]
async fn the_documented_javascript_works_in_a_page_of_another_origin() {
    let Some(browser) = Browser::name() else {
        return;
    };
    let (mock, sent) = watched(|_, _| {}).await;
    let told = in_a_page(browser, &mock).await;
    assert_eq!(told.error, None);
    assert_eq!(told.logged.matches("chat.completion.chunk").count(), 9);
    assert!(
        told.logged.ends_with("data: [DONE]\n\n"),
        "{:?}",
        told.logged
    );
    assert_ne!(told.origin, mock.base_url());
    assert_eq!(
        *sent.lock().unwrap(),
        [
            (Method::OPTIONS, told.origin.clone(), false),
            (Method::POST, told.origin, true)
        ],
        "a preflight without the key, and the request with it"
    );
    let journal = patiently(mock.wait_until(|journal| journal.streams_open == 0)).await;
    assert_eq!(
        (
            journal.requests,
            journal.completions,
            journal.streams_finished
        ),
        (2, 1, 1)
    );
}

/// The control: a page can fail, and does for what the fields are there for.
#[tokio::test]
async fn without_a_cors_field_the_page_gets_an_error() {
    let Some(browser) = Browser::name() else {
        return;
    };
    type Bending = fn(&Asked, &mut Head);
    let both = [Method::OPTIONS, Method::POST];
    let table: [(&str, Bending, &[Method]); 3] = [
        (
            "no answer has any",
            |_, head| {
                head.fields
                    .retain(|(name, _)| !name.as_str().starts_with("access-control-"));
            },
            &both[..1],
        ),
        (
            "the preflight allows no key",
            |_, head| head.remove(&header::ACCESS_CONTROL_ALLOW_HEADERS),
            &both[..1],
        ),
        (
            "the stream is for no page to read",
            |asked, head| {
                if asked.method == Method::POST {
                    head.remove(&header::ACCESS_CONTROL_ALLOW_ORIGIN);
                }
            },
            &both,
        ),
    ];
    for (name, bending, methods) in table {
        let (mock, sent) = watched(bending).await;
        let told = in_a_page(browser, &mock).await;
        let error = told.error.unwrap_or_default();
        assert_eq!(error, "TypeError: Failed to fetch", "{name}");
        assert_eq!(told.logged, "", "{name}");
        let sent: Vec<Method> = sent
            .lock()
            .unwrap()
            .iter()
            .map(|sent| sent.0.clone())
            .collect();
        assert_eq!(sent, methods, "{name}");
    }
}

/// A report is opened from a disk: no server, no network, and a policy that lets its own script run and no other.
#[test]
fn a_report_opens_from_a_file_and_its_script_runs() {
    let Some(browser) = Browser::name() else {
        return;
    };
    let folder = std::env::temp_dir().join(format!("clawcheck-page-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("there is a place for temporary files");
    let page = formatted(Kind::Html, &every_outcome(), Demands::default());
    let path = folder.join("report.html");
    std::fs::write(&path, page).expect("it can be written");
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args(["--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND"])
        .args(["--virtual-time-budget=1000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("home").display()))
        // The second failure, which stands folded.
        .arg(format!("file://{}#r5", path.display()))
        .env("HOME", &folder)
        .stdin(Stdio::null())
        .output()
        .expect("it said its version, so it starts");
    let shown = String::from_utf8_lossy(&output.stdout);
    let _ = std::fs::remove_dir_all(&folder);
    let tag = |id: &str| {
        let at = shown.find(&format!(" id=\"{id}\"")).expect("it is there");
        let start = shown[..at].rfind('<').expect("it is a tag");
        shown[start..].split_once('>').expect("a tag ends").0
    };
    assert!(!tag("filter").contains("hidden"), "the script did not run");
    assert!(!tag("theme").contains("hidden"), "the script did not run");
    assert!(tag("r5").ends_with("open=\"\""), "{}", tag("r5"));
}
