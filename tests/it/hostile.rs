//! Servers that mean harm, or are badly broken: what they send has no end, or grows without bound where it is read. The
//! run ends all the same, in the memory that it is given, with a report and a verdict. The kernel holds it to the
//! memory (`ulimit -v`), and `finish` to the time.
#![cfg(target_os = "linux")]

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::server::{Server, read_request};
use crate::support::{Output, Run};

/// Address space for the whole program: much less than what each of the servers would have it hold.
const MEMORY_KIB: u64 = 1_500_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    StatusLineWithoutEnd,
    FieldsWithoutEnd,
    OneFieldOfTenMegabytes,
    TenThousandInterimAnswers,
    ChunksWithoutEnd,
    ChunkExtensionWithoutEnd,
    TrailersWithoutEnd,
    EventsWithoutEnd,
    EventsAfterDoneWithoutEnd,
    LinesOfTenMegabytes,
    GigabyteOfJson,
    GigabyteThatUnpacks,
    HundredThousandBrackets,
    NumberOfAMegabyte,
    BodyThatDrips,
}

impl Harm {
    const ALL: [Harm; 15] = [
        Harm::StatusLineWithoutEnd,
        Harm::FieldsWithoutEnd,
        Harm::OneFieldOfTenMegabytes,
        Harm::TenThousandInterimAnswers,
        Harm::ChunksWithoutEnd,
        Harm::ChunkExtensionWithoutEnd,
        Harm::TrailersWithoutEnd,
        Harm::EventsWithoutEnd,
        Harm::EventsAfterDoneWithoutEnd,
        Harm::LinesOfTenMegabytes,
        Harm::GigabyteOfJson,
        Harm::GigabyteThatUnpacks,
        Harm::HundredThousandBrackets,
        Harm::NumberOfAMegabyte,
        Harm::BodyThatDrips,
    ];

    /// What is sent before anything is repeated.
    fn head(self) -> String {
        const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        const STREAM: &str =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n";
        match self {
            Harm::StatusLineWithoutEnd => "HTTP/1.1 200 O".to_owned(),
            Harm::FieldsWithoutEnd => JSON.to_owned(),
            Harm::OneFieldOfTenMegabytes => format!("{JSON}X-Long: "),
            Harm::TenThousandInterimAnswers => String::new(),
            Harm::ChunksWithoutEnd => format!("{JSON}Transfer-Encoding: chunked\r\n\r\n"),
            Harm::ChunkExtensionWithoutEnd => {
                format!("{JSON}Transfer-Encoding: chunked\r\n\r\n5;a=")
            }
            Harm::TrailersWithoutEnd => {
                format!("{JSON}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n")
            }
            Harm::EventsWithoutEnd => format!("{STREAM}\r\n"),
            Harm::EventsAfterDoneWithoutEnd => format!("{STREAM}\r\ndata: [DONE]\n\n"),
            Harm::LinesOfTenMegabytes => format!("{STREAM}\r\n"),
            Harm::GigabyteOfJson => format!("{JSON}Content-Length: 1073741824\r\n\r\n[\""),
            Harm::GigabyteThatUnpacks => {
                format!("{JSON}Content-Encoding: gzip\r\nConnection: close\r\n\r\n")
            }
            Harm::HundredThousandBrackets | Harm::NumberOfAMegabyte | Harm::BodyThatDrips => {
                format!("{JSON}Connection: close\r\n\r\n")
            }
        }
    }

    /// What is repeated, and how often; for ever where it says nothing.
    fn body(self) -> (Vec<u8>, Option<usize>) {
        let chunk = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
        match self {
            Harm::StatusLineWithoutEnd => (vec![b'K'; 65_536], None),
            Harm::FieldsWithoutEnd => (b"X-More: 1\r\n".repeat(4096), None),
            Harm::OneFieldOfTenMegabytes => (vec![b'x'; 65_536], Some(160)),
            Harm::TenThousandInterimAnswers => {
                (b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100), Some(100))
            }
            Harm::ChunksWithoutEnd => (b"1\r\n{\r\n".repeat(4096), None),
            Harm::ChunkExtensionWithoutEnd => (vec![b'x'; 65_536], None),
            Harm::TrailersWithoutEnd => (b"X-More: 1\r\n".repeat(4096), None),
            Harm::EventsWithoutEnd | Harm::EventsAfterDoneWithoutEnd => {
                (chunk.repeat(512).into_bytes(), None)
            }
            Harm::LinesOfTenMegabytes => {
                let mut line = b"data: ".to_vec();
                line.resize(10 << 20, b'x');
                line.extend_from_slice(b"\n\n");
                (line, None)
            }
            Harm::GigabyteOfJson => (vec![b'x'; 1 << 20], Some(1024)),
            Harm::GigabyteThatUnpacks => (bomb(), Some(1)),
            Harm::HundredThousandBrackets => (vec![b'['; 100_000], Some(1)),
            Harm::NumberOfAMegabyte => (vec![b'9'; 1 << 20], Some(1)),
            Harm::BodyThatDrips => (b" ".to_vec(), None),
        }
    }

    async fn serve(self, stream: &mut TcpStream) {
        let (body, times) = self.body();
        if stream.write_all(self.head().as_bytes()).await.is_err() {
            return;
        }
        let mut sent = 0;
        while times.is_none_or(|times| sent < times) && stream.write_all(&body).await.is_ok() {
            sent += 1;
            if self == Harm::BodyThatDrips {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// A gigabyte of spaces, packed: a megabyte, in members of a mebibyte each (RFC 1952 §2.2).
fn bomb() -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed
        .write_all(&vec![b' '; 1 << 20])
        .expect("memory can be written");
    let member = packed.finish().expect("memory can be written");
    member.repeat(1024)
}

/// A server that answers well so often, and does harm from then on.
async fn harmful(harm: Harm, good: usize) -> Server {
    let asked = Arc::new(AtomicUsize::new(0));
    Server::start(move |mut stream| {
        let asked = Arc::clone(&asked);
        async move {
            read_request(&mut stream).await;
            if asked.fetch_add(1, Ordering::SeqCst) < good {
                let reply = "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\
                     \"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\
                     \"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}";
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    reply.len()
                );
                let _ = stream.write_all((head + reply).as_bytes()).await;
            } else {
                harm.serve(&mut stream).await;
            }
        }
    })
    .await
}

/// Runs a command against a server, within the memory; its report has to be whole.
fn held(command: &str, server: &Server) -> (Output, Value) {
    let run = Run::new([]); // for its folder
    let folder = run.path("");
    let profile = format!(
        "[target]\nbase_url = \"http://{}\"\ntime_scale = 0.01\ntimeout_s = 100\n\
         [keys]\nvalid = \"clawbite_sk_0123456789abcdefABCDEF\"\n[bots]\nmain = \"bot_main\"\n",
        server.addr
    );
    std::fs::write(folder.join("target.toml"), profile).expect("the run's folder can be written");
    let line = format!(
        "ulimit -v {MEMORY_KIB}; exec clawcheck {command} --profile target.toml --report json=report.json"
    );
    let (output, report) = Run::shell(&line, &folder).output_and("report.json");
    let report = serde_json::from_str(&report).expect("a report is JSON");
    (output, report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conform_ends_whatever_the_first_answer_is() {
    for harm in Harm::ALL {
        let server = harmful(harm, 0).await;
        let (output, report) = held("conform", &server);
        assert!(
            matches!(output.code, Some(1 | 3)),
            "{harm:?}: {}",
            output.text()
        );
        let results = report["results"].as_array().expect("an array");
        let told = results
            .iter()
            .any(|result| matches!(result["outcome"].as_str(), Some("fail" | "inconclusive")));
        assert!(told, "{harm:?}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conform_ends_whatever_the_later_answers_are() {
    for harm in Harm::ALL {
        let server = harmful(harm, 1).await;
        let (output, report) = held("conform --only auth.unknown-key", &server);
        assert!(
            matches!(output.code, Some(1 | 3)),
            "{harm:?}: {}",
            output.text()
        );
        let results = report["results"].as_array().expect("an array");
        let case = results
            .iter()
            .find(|result| result["id"] == "auth.unknown-key")
            .unwrap_or_else(|| panic!("{harm:?}: the case has a result: {report}"));
        assert_ne!(case["outcome"], "pass", "{harm:?}: {case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_ends_and_counts_no_harm_as_a_success() {
    for harm in Harm::ALL {
        let server = harmful(harm, 0).await;
        let (output, report) = held("load smoke --users 2 --duration 300ms", &server);
        // 3 where no status line ever came.
        assert!(
            matches!(output.code, Some(1 | 3)),
            "{harm:?}: {}",
            output.text()
        );
        assert_eq!(report["summary"]["succeeded"], 0, "{harm:?}: {report}");
        assert!(
            report["errors"]
                .as_array()
                .is_some_and(|rows| !rows.is_empty()),
            "{harm:?}: {report}"
        );
    }
}
