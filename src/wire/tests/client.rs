//! The client of HTTP/2, against hyper and byte literals.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body as AxumBody, Bytes};
use axum::http::HeaderMap;
use axum::routing::post as on_post;
use futures_util::stream;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::sync::mpsc;

use super::tls::{certificate, tls_dialer, trusting};
use super::*;

fn app(events: mpsc::Receiver<&'static str>) -> Router {
    let events = Arc::new(Mutex::new(Some(events)));
    Router::new()
        .route(
            "/echo",
            on_post(|headers: HeaderMap, body: Bytes| async move {
                let name = headers.get("x-name").unwrap().to_str().unwrap();
                format!("{name} {}", String::from_utf8_lossy(&body))
            }),
        )
        .route(
            "/stream",
            on_post(move || async move {
                let events = events.lock().unwrap().take().unwrap();
                AxumBody::from_stream(stream::unfold(events, |mut events| async {
                    let event = events.recv().await?;
                    Some((
                        Ok::<_, std::convert::Infallible>(Bytes::from(event)),
                        events,
                    ))
                }))
            }),
        )
}

fn request(target: &str) -> Request {
    let mut request = post("body");
    request.headers = Headers::new();
    request.headers.push("X-Name", "n");
    request.target = target.to_owned();
    request
}

#[tokio::test]
async fn http_2_over_tls_and_over_plain_text() {
    for over_tls in [true, false] {
        let (pem, acceptor) = certificate(&["h2"]);
        let (send, events) = mpsc::channel(1);
        let (dialer, server) = serve(move |stream| async move {
            let builder = http2::Builder::new(TokioExecutor::new());
            let service = TowerToHyperService::new(app(events));
            if over_tls {
                let stream = acceptor.accept(stream).await.unwrap();
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            } else {
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        })
        .await;
        let port = dialer.endpoint().port;
        let client = Client::new(if over_tls {
            tls_dialer(port, &trusting(&pem))
        } else {
            dialer
        });

        let exchange = client.exchange(request("/echo"), soon()).await;
        assert_eq!(exchange.end, End::Complete);
        assert_eq!(exchange.body.bytes, b"n body");
        assert_eq!(
            (exchange.protocol, exchange.framing.clone()),
            (Protocol::Http2, Some(Framing::Http2))
        );
        assert_eq!(exchange.head.as_ref().unwrap().version, "HTTP/2.0");
        assert!(exchange.sent_at.is_some() && exchange.reusable);

        let transport = Transport::Client(client.clone());
        let mut flight = transport
            .start(request("/stream"), Pieces::Whole, soon())
            .await;
        assert!(!flight.read_until(|p| !p.body.is_empty(), short()).await);
        send.send("one").await.unwrap();
        assert!(flight.read_until(|p| p.body == b"one", soon()).await);
        send.send("two").await.unwrap();
        assert!(flight.read_until(|p| p.body == b"onetwo", soon()).await);
        assert!(!flight.progress().ended);
        let exchange = flight.abandon();
        assert_eq!(exchange.end, End::Abandoned);
        assert_eq!(exchange.body.arrivals.len(), 2);
        // The server's stream ends with the reset.
        send.closed().await;
        drop((client, transport));
        server.await.unwrap();
    }
}

/// A server of HTTP/2 over plain text that answers with what was asked. After its first answer a connection goes away
/// (GOAWAY); so many are served.
async fn echo(connections: usize) -> (Dialer, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        for _ in 0..connections {
            let (stream, _) = listener.accept().await.unwrap();
            let asked = Arc::new(tokio::sync::Notify::new());
            let asking = Arc::clone(&asked);
            let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
                let length = request.headers().get("content-length");
                let told = format!(
                    "{} length={:?} accept={:?}",
                    request.uri(),
                    length.map(|value| value.to_str().unwrap()),
                    request.headers().get("accept")
                );
                asking.notify_one();
                async {
                    Ok::<_, std::convert::Infallible>(hyper::Response::new(Full::new(Bytes::from(
                        told,
                    ))))
                }
            });
            let connection = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            tokio::select! {
                _ = &mut connection => continue,
                () = asked.notified() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        }
    });
    (dialer(port), server)
}

#[tokio::test]
async fn requests_are_as_asked_and_a_connection_that_is_over_is_replaced() {
    let (dialer, server) = echo(2).await;
    let port = dialer.endpoint().port;
    let client = Client::new(dialer);
    let exchange = client.exchange(request("/p?q=1"), soon()).await;
    let told = String::from_utf8_lossy(&exchange.body.bytes).into_owned();
    assert_eq!(
        told,
        format!("http://127.0.0.1:{port}/p?q=1 length=Some(\"4\") accept=None")
    );
    // The server says that it is going (GOAWAY), and then it is gone.
    let mut chunked = request("/p/../p");
    chunked.framing = BodyFraming::Chunked(3);
    loop {
        let exchange = client.exchange(chunked.clone(), soon()).await;
        if exchange.end != End::Complete {
            continue;
        }
        let told = String::from_utf8_lossy(&exchange.body.bytes).into_owned();
        assert_eq!(
            told,
            format!("http://127.0.0.1:{port}/p/../p length=None accept=None")
        );
        if server.is_finished() {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn ends_of_every_kind() {
    for answer in [
        "",
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (dialer, server) = serve(move |mut stream| async move {
            read(&mut stream, 24).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let exchange = Client::new(dialer).exchange(request("/p"), soon()).await;
        server.await.unwrap();
        assert!(
            matches!(exchange.end, End::Closed | End::Reset),
            "{answer:?}: {:?}",
            exchange.end
        );
        assert!(exchange.broke_before_first_byte());
    }
    // Nobody there.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let exchange = Client::new(dialer(port))
        .exchange(request("/p"), soon())
        .await;
    assert!(
        matches!(exchange.end, End::Unreachable(Unreachable::Connect(_))),
        "{:?}",
        exchange.end
    );
    assert_eq!(exchange.sent_bytes, 0);
    // Silence.
    let (dialer, server) = serve(|mut stream| async move {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
    })
    .await;
    let client = Client::new(dialer);
    let exchange = client.exchange(request("/p"), short()).await;
    assert_eq!(exchange.end, End::TimedOut);
    drop(client);
    server.await.unwrap();
    // A certificate of another CA; a server that does not agree to HTTP/2.
    for agreed in [true, false] {
        let (pem, acceptor) = certificate(if agreed { &["h2"] } else { &["http/1.1"] });
        let (other, _) = certificate(&[]);
        let trusted = if agreed { other } else { pem };
        let (dialer, server) =
            serve(|stream| async move { acceptor.accept(stream).await.is_err() }).await;
        let port = dialer.endpoint().port;
        let client = Client::new(tls_dialer(port, &trusting(&trusted)));
        let exchange = client.exchange(request("/p"), soon()).await;
        assert!(server.await.unwrap());
        assert!(
            matches!(exchange.end, End::Unreachable(Unreachable::Tls(_))),
            "{:?}",
            exchange.end
        );
    }
}

#[tokio::test]
async fn what_the_client_can_t_express_is_said() {
    let client = Client::new(dialer(9));
    let mut bad = request("/p");
    bad.headers.push("X-Bad", "a\r\nb");
    let exchange = client.exchange(bad, soon()).await;
    assert!(matches!(
        exchange.end,
        End::Unreachable(Unreachable::Ourselves(_))
    ));
}
