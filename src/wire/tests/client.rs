//! The ordinary client, against hyper and byte literals.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body as AxumBody, Bytes};
use axum::http::HeaderMap;
use axum::routing::post as on_post;
use futures_util::stream;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::sync::mpsc;

use super::tls::{certificate, https, trusting};
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
        let timeout = Duration::from_secs(10);
        let client = if over_tls {
            Client::new(https(port), &trusting(&pem), timeout).unwrap()
        } else {
            Client::with_http2_prior_knowledge(endpoint(port), &TlsOptions::default(), timeout)
                .unwrap()
        };

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

#[tokio::test]
async fn http_1_frames_as_asked_and_tells_how_the_answer_was_framed() {
    for (framing, field) in [
        (BodyFraming::Length, "content-length: 4"),
        (BodyFraming::Chunked(3), "transfer-encoding: chunked"),
    ] {
        let (dialer, server) = serve(|mut stream| async move {
            let head = read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
                .await
                .unwrap();
            let mut more = Vec::new();
            let _ = stream.read_to_end(&mut more).await;
            head
        })
        .await;
        let client = Client::new(
            dialer.endpoint().clone(),
            &TlsOptions::default(),
            Duration::from_secs(10),
        )
        .unwrap();
        let mut request = request("/p?q=1");
        request.framing = framing;
        let exchange = client.exchange(request, soon()).await;
        let head = server.await.unwrap();
        assert!(head.starts_with("POST /p?q=1 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(field), "{head}");
        assert!(
            !head.to_ascii_lowercase().contains("accept-encoding"),
            "{head}"
        );
        assert_eq!(exchange.status(), Some(302));
        assert_eq!(exchange.framing, Some(Framing::Length(2)));
        assert!(exchange.body.undecodable);
        assert_eq!(exchange.body.bytes, b"{}");
    }
}

#[tokio::test]
async fn ends_of_every_kind() {
    let client_to = |port| {
        Client::new(
            endpoint(port),
            &TlsOptions::default(),
            Duration::from_secs(10),
        )
        .unwrap()
    };
    for (answer, expected) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
            "Closed",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
            "Closed",
        ),
        ("", "Closed"),
        ("garbage\r\n\r\n", "Malformed"),
    ] {
        let (dialer, server) = serve(move |mut stream| async move {
            read_head(&mut stream).await;
            read(&mut stream, 4).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let exchange = client_to(dialer.endpoint().port)
            .exchange(request("/p"), soon())
            .await;
        server.await.unwrap();
        assert!(
            format!("{:?}", exchange.end).starts_with(expected),
            "{answer:?}: {:?}",
            exchange.end
        );
    }
    // Nobody there.
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let exchange = client_to(port).exchange(request("/p"), soon()).await;
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
    let client = client_to(dialer.endpoint().port);
    let exchange = client.exchange(request("/p"), short()).await;
    assert_eq!(exchange.end, End::TimedOut);
    drop(client);
    server.await.unwrap();
    // A certificate of another CA, and a name that is none.
    let (_, acceptor) = certificate(&[]);
    let (other, _) = certificate(&[]);
    let (dialer, server) =
        serve(|stream| async move { acceptor.accept(stream).await.is_err() }).await;
    let port = dialer.endpoint().port;
    let client = Client::new(https(port), &trusting(&other), Duration::from_secs(10)).unwrap();
    let exchange = client.exchange(request("/p"), soon()).await;
    assert!(server.await.unwrap());
    assert!(
        matches!(exchange.end, End::Unreachable(Unreachable::Tls(_))),
        "{:?}",
        exchange.end
    );
}

#[tokio::test]
async fn connections_go_where_the_override_says() {
    for url in [
        "http://api.invalid",
        "http://api.invalid:81",
        "http://192.0.2.1",
    ] {
        let (dialer, server) = serve(|mut stream| async move {
            let head = read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                .await
                .unwrap();
            head
        })
        .await;
        let there = Address {
            host: "127.0.0.1".to_owned(),
            port: dialer.endpoint().port,
        };
        let endpoint = Endpoint::parse(url).unwrap().with_connect_to(there);
        let client =
            Client::new(endpoint, &TlsOptions::default(), Duration::from_secs(10)).unwrap();
        let exchange = client.exchange(request("/p"), soon()).await;
        assert_eq!(exchange.status(), Some(204), "{:?}", exchange.end);
        let host = url.trim_start_matches("http://");
        assert!(
            server
                .await
                .unwrap()
                .contains(&format!("\r\nhost: {host}\r\n"))
        );
    }
}

#[tokio::test]
async fn what_the_client_can_t_express_is_said() {
    let client = Client::new(endpoint(9), &TlsOptions::default(), Duration::from_secs(10)).unwrap();
    let mut bad = request("/p");
    bad.headers.push("X-Bad", "a\r\nb");
    let exchange = client.exchange(bad, soon()).await;
    assert!(matches!(
        exchange.end,
        End::Unreachable(Unreachable::Ourselves(_))
    ));
}
