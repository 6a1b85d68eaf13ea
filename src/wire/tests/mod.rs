//! The wire against servers of byte literals on loopback sockets. Each server ends with its test.

mod client;
mod connection;
mod hostile;
mod tls;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::time::Deadline;

/// Far beyond what any test needs: a deadline that is only there to end a broken one.
fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

/// For what has to run out.
fn short() -> Deadline {
    Deadline::after(Duration::from_millis(80))
}

/// A server for one connection, and a dialer to it.
async fn serve<F, Fut, T>(talk: F) -> (Dialer, JoinHandle<T>)
where
    F: FnOnce(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        talk(stream).await
    });
    (dialer(port), server)
}

fn endpoint(port: u16) -> Endpoint {
    Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap()
}

fn dialer(port: u16) -> Dialer {
    Dialer::new(
        endpoint(port),
        &TlsOptions::default(),
        None,
        Duration::from_secs(10),
    )
    .unwrap()
}

fn post(body: impl Into<bytes::Bytes>) -> Request {
    let mut headers = Headers::new();
    headers.push("Host", "h");
    Request {
        method: "POST".to_owned(),
        target: "/p".to_owned(),
        headers,
        body: body.into(),
        framing: BodyFraming::Length,
    }
}

/// What `post` looks like on the wire.
fn posted(body: &str) -> String {
    format!(
        "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads so many bytes and gives them as text.
async fn read(stream: &mut TcpStream, count: usize) -> String {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Reads a head and no further.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.unwrap()));
    }
    head
}

/// A server that reads one head, writes this, and closes.
async fn answering(answer: impl Into<Vec<u8>>) -> (Dialer, JoinHandle<()>) {
    let answer = answer.into();
    serve(|mut stream| async move {
        read(&mut stream, posted("").len()).await;
        stream.write_all(&answer).await.unwrap();
    })
    .await
}

/// The exchange with a server that answers so and closes.
async fn exchanged(answer: impl Into<Vec<u8>>) -> Exchange {
    let (dialer, server) = answering(answer).await;
    let mut connection = dialer.connect(soon()).await.unwrap();
    let exchange = connection.exchange(post(""), Pieces::Whole, soon()).await;
    server.await.unwrap();
    exchange
}
