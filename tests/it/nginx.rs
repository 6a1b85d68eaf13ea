//! Behind nginx: what a deployment gets through a reverse proxy, and what its report says of the proxy. Where nginx is
//! not installed these tests look at nothing, and say so.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clawcheck::mock::{Mock, MockConfig};
use clawcheck::time::Scale;
use serde_json::Value;

use crate::https::{conform, profile};
use crate::support::{Output, looked_at_nothing};

/// nginx with one server, plain and https; ends when it is dropped.
struct Nginx {
    child: Child,
    plain: SocketAddr,
    secure: SocketAddr,
    pem: String,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join("nginx"))
        .find(|program| program.is_file())
}

/// Bound and let go: nginx can't take any free port by itself.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port can be had");
    listener.local_addr().expect("it is bound")
}

impl Nginx {
    /// Before that mock, with these lines for the server and for the location.
    fn before(mock: &Mock, name: &str, server: &str, location: &str) -> Option<Nginx> {
        let Some(program) = program() else {
            looked_at_nothing("nginx is not installed");
            return None;
        };
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("nginx-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("the tests' folder can be written");
        let key = rcgen::KeyPair::generate().expect("a key can be made");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = rcgen::CertificateParams::new(names).expect("the names are names");
        let pem = params.self_signed(&key).expect("it can be signed").pem();
        let write = |name: &str, text: &str| {
            fs::write(folder.join(name), text).expect("the folder can be written");
        };
        write("cert.pem", &pem);
        write("key.pem", &key.serialize_pem());
        let (plain, secure, upstream) = (free_port(), free_port(), mock.addr());
        write(
            "nginx.conf",
            &format!(
                "daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log error.log;\n\
                 events {{ worker_connections 512; }}\n\
                 http {{\n\
                 access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
                 uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
                 server {{\n\
                 listen {plain}; listen {secure} ssl http2;\n\
                 ssl_certificate cert.pem; ssl_certificate_key key.pem;\n\
                 {server}\n\
                 location / {{ proxy_pass http://{upstream}; {location} }}\n\
                 location /staging/ {{ proxy_pass http://{upstream}/; {location} }}\n\
                 }} }}\n"
            ),
        );
        let log = fs::File::create(folder.join("start.log")).expect("the folder can be written");
        let mut child = Command::new(program)
            .args([
                "-p".as_ref(),
                folder.as_os_str(),
                "-c".as_ref(),
                "nginx.conf".as_ref(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nginx starts");
        let begun = Instant::now();
        while TcpStream::connect(secure).is_err() {
            let ended = child.try_wait().expect("a child can be waited for");
            let log = || fs::read_to_string(folder.join("start.log")).unwrap_or_default();
            assert!(ended.is_none(), "nginx ended: {}", log());
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "nginx does not listen: {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(Nginx {
            child,
            plain,
            secure,
            pem,
        })
    }

    /// The suite through it, over plain text or https; the report besides.
    fn conform(&self, mock: &Mock, base_url: &str, more: &[&str]) -> (Output, Value) {
        let text = profile(mock, base_url, "ca_file = \"ca.pem\"");
        let mut args = vec!["--report", "json=report.json"];
        args.extend(more);
        let (output, report) = conform(&text, &self.pem, &args).output_and("report.json");
        (
            output,
            serde_json::from_str(&report).expect("a report is JSON"),
        )
    }

    fn https(&self) -> String {
        format!("https://{}", self.secure)
    }

    fn http(&self) -> String {
        format!("http://{}", self.plain)
    }
}

/// What lets streams and large requests through as they are.
const SENSIBLE: &str = "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $http_host;\n\
                        proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 300s;";

async fn mock() -> Mock {
    Mock::start(MockConfig::default())
        .await
        .expect("a free port can be had")
}

/// A mock whose streams are long enough to tell whether they flow.
async fn slow_mock() -> Mock {
    let config = MockConfig {
        gap: Duration::from_millis(40),
        ..MockConfig::default()
    };
    Mock::start(config).await.expect("a free port can be had")
}

fn result<'r>(report: &'r Value, id: &str) -> &'r Value {
    let results = report["results"].as_array().expect("results are an array");
    let found = results.iter().find(|result| result["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {report}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mock_behind_a_sensible_nginx_passes_over_http_2_and_in_exact_bytes() {
    let mock = mock().await;
    let Some(nginx) = Nginx::before(&mock, "sensible", "client_max_body_size 20m;", SENSIBLE)
    else {
        return;
    };
    let (output, report) = nginx.conform(&mock, &nginx.https(), &[]);
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert!(
        output.stdout.contains("spoken: HTTP/2, and HTTP/1.1"),
        "{}",
        output.stdout
    );
    let told = &report["summary"];
    assert_eq!(
        [&told["failed"], &told["inconclusive"], &told["skipped"]],
        [0, 0, 0],
        "{told}"
    );
    assert_eq!(result(&report, "stream.flow")["outcome"], "pass");
}

/// Its defaults: HTTP/1.0 to the API, buffers both ways, 1 MB of body; and compression, which nobody asks for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_nginx_as_it_comes_breaks_no_must() {
    let mock = mock().await;
    let gzip = "gzip on; gzip_types application/json text/event-stream; gzip_min_length 1; gzip_proxied any;";
    let Some(nginx) = Nginx::before(&mock, "default", gzip, "") else {
        return;
    };
    let (output, report) = nginx.conform(&mock, &nginx.http(), &[]);
    assert_eq!(output.code, Some(0), "{}", output.text());
    let told = &report["summary"];
    assert_eq!(
        [&told["failed"], &told["inconclusive"], &told["skipped"]],
        [0, 0, 0],
        "{told}"
    );
    // Below a path of its own.
    let below = format!("{}/staging", nginx.http());
    let (output, _) = nginx.conform(&mock, &below, &["--only", "route.*", "--only", "wire.*"]);
    assert_eq!(output.code, Some(0), "{}", output.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buffering_nginx_is_advised_against_by_name() {
    let mock = slow_mock().await;
    let Some(nginx) = Nginx::before(&mock, "buffering", "", "proxy_buffering on;") else {
        return;
    };
    let only = [
        "--only", "stream.*", "--only", "cors.*", "--only", "STREAM-6",
    ];
    let (output, report) = nginx.conform(&mock, &nginx.https(), &only);
    assert_eq!(output.code, Some(0), "{}", output.text());
    let flow = result(&report, "stream.flow");
    assert_eq!(flow["outcome"], "advice", "{flow}");
    let message = flow["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("nginx") && message.contains("`proxy_buffering off;`"),
        "{message}"
    );
    let strict = [&only[..], &["--strict"]].concat();
    assert_eq!(
        nginx.conform(&mock, &nginx.https(), &strict).0.code,
        Some(1)
    );
}

/// The same mock, and an nginx that lets it flow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_buffer_a_stream_flows() {
    let mock = slow_mock().await;
    let Some(nginx) = Nginx::before(&mock, "flowing", "", SENSIBLE) else {
        return;
    };
    let only = ["--only", "stream.*", "--only", "STREAM-6"];
    let (output, report) = nginx.conform(&mock, &nginx.http(), &only);
    assert_eq!(output.code, Some(0), "{}", output.text());
    assert_eq!(result(&report, "stream.flow")["outcome"], "pass");
}

/// What it refuses by itself is told as its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_of_nginx_s_own_is_told_as_a_gateway_s() {
    let mock = mock().await;
    let Some(nginx) = Nginx::before(&mock, "small", "client_max_body_size 64k;", SENSIBLE) else {
        return;
    };
    let (output, report) = nginx.conform(&mock, &nginx.https(), &["--only", "size.*"]);
    assert_eq!(output.code, Some(1), "{}", output.text());
    let failed: Vec<String> = report["results"]
        .as_array()
        .expect("results are an array")
        .iter()
        .filter(|result| result["outcome"] == "fail" && result["requirement"] == "SIZE-1")
        .map(|result| result["message"].to_string())
        .collect();
    assert!(!failed.is_empty(), "{report}");
    for message in &failed {
        assert!(
            message.contains("from a gateway (Server: nginx"),
            "{failed:?}"
        );
    }
}

/// A time-out shorter than the API's own: the 504 is a page, and comes too early.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_out_of_nginx_s_own_is_told_as_a_gateway_s() {
    let config = MockConfig {
        time_scale: Scale::new(0.1).expect("a positive number"),
        ..MockConfig::default()
    };
    let mock = Mock::start(config).await.expect("a free port can be had");
    let Some(nginx) = Nginx::before(&mock, "hasty", "", "proxy_read_timeout 1s;") else {
        return;
    };
    let (output, report) = nginx.conform(&mock, &nginx.http(), &["--only", "FAULT-2"]);
    assert_eq!(output.code, Some(1), "{}", output.text());
    let message = result(&report, "fault.timeout")["message"].to_string();
    assert!(
        message.contains("from a gateway (Server: nginx"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_down_behind_it_is_told_as_the_gateway_s_word() {
    let mock = mock().await;
    let Some(nginx) = Nginx::before(&mock, "down", "", SENSIBLE) else {
        return;
    };
    let text = profile(&mock, &nginx.https(), "ca_file = \"ca.pem\"");
    mock.stop().await;
    let output = conform(&text, &nginx.pem, &[]).output();
    assert_eq!(output.code, Some(1), "{}", output.text());
    let line = output.unwrapped();
    assert!(
        line.contains("502, text/html, from a gateway (Server: nginx"),
        "{line}"
    );
}
