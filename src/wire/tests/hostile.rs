//! Servers that never do what they should: everything ends in bounded time and memory.

use super::*;

/// A server that reads a head and then writes this for ever, as fast as it is read.
async fn endless(
    begin: impl Into<Vec<u8>>,
    then: impl Into<Vec<u8>>,
) -> (Exchange, JoinHandle<()>) {
    let (begin, then) = (begin.into(), then.into());
    let (dialer, server) = serve(|mut stream| async move {
        read(&mut stream, posted("").len()).await;
        let _ = stream.write_all(&begin).await;
        let block = then.repeat(8192 / then.len() + 1);
        while stream.write_all(&block).await.is_ok() {}
    })
    .await;
    let exchange = Transport::Raw(dialer)
        .exchange(post(""), Pieces::Whole, soon())
        .await;
    (exchange, server)
}

#[tokio::test]
async fn what_never_ends_is_too_large() {
    for (begin, then) in [
        ("HTTP/1.1 200 OK\r\n", "X-Field: value\r\n"),
        ("HTTP/1.1 200 ", "x"),
        ("HTTP/1.1 200 OK\r\nX: ", "x"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("", "\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", "data: x\n\n"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
            "x",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "5\r\nhello\r\n",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;",
            "x",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
            "x",
        ),
    ] {
        let (exchange, server) = endless(begin, then).await;
        assert_eq!(exchange.end, End::TooLarge, "{begin:?} {then:?}");
        assert!(exchange.body.bytes.len() <= 16 * 1024 * 1024);
        assert!(exchange.received.len() <= 64 * 1024);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn garbage_is_malformed_at_its_first_byte() {
    for (begin, then) in [
        ("", "x"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
            "x",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "x"),
        ("HTTP/1.1 200 OK\r\n\0", "\0"),
    ] {
        let (exchange, server) = endless(begin, format!("{then}\n")).await;
        assert!(
            matches!(exchange.end, End::Malformed { .. }),
            "{begin:?}: {:?}",
            exchange.end
        );
        assert!(!exchange.reusable);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_gzip_bomb_is_too_large() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        encoder.write_all(&[0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n".to_vec();
    answer.extend_from_slice(&bomb);
    let (dialer, server) = serve(|mut stream| async move {
        read(&mut stream, posted("").len()).await;
        let _ = stream.write_all(&answer).await;
    })
    .await;
    let exchange = Transport::Raw(dialer)
        .exchange(post(""), Pieces::Whole, soon())
        .await;
    server.await.unwrap();
    assert_eq!(exchange.end, End::TooLarge);
    assert_eq!(exchange.body.bytes.len(), 16 * 1024 * 1024);
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    for begin in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
    ] {
        let (dialer, server) = serve(move |mut stream| async move {
            read(&mut stream, posted("").len()).await;
            stream.write_all(begin.as_bytes()).await.unwrap();
            let mut more = Vec::new();
            let _ = stream.read_to_end(&mut more).await;
        })
        .await;
        let mut connection = dialer.connect(soon()).await.unwrap();
        let exchange = connection.exchange(post(""), Pieces::Whole, short()).await;
        assert_eq!(exchange.end, End::TimedOut);
        assert!(exchange.sent_at.is_some() && !exchange.reusable);
        assert!(exchange.duration() < Duration::from_secs(20));
        drop(connection);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_never_stops_can_t_push_the_deadline_away() {
    let (dialer, server) = serve(|mut stream| async move {
        read(&mut stream, posted("").len()).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        // One byte of body in much that is none: far from the bound of the body when the time is over.
        let chunk = format!("1;{}\r\nx\r\n", "x".repeat(10_000));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    })
    .await;
    let exchange = Transport::Raw(dialer)
        .exchange(post(""), Pieces::Whole, short())
        .await;
    server.await.unwrap();
    assert_eq!(exchange.end, End::TimedOut);
}

#[tokio::test]
async fn a_server_that_reads_nothing_leaves_the_request_half_sent() {
    let (hold, held) = tokio::sync::oneshot::channel::<()>();
    let (dialer, server) = serve(|stream| async move {
        let _ = held.await;
        drop(stream);
    })
    .await;
    let size = 50_000_000;
    let exchange = Transport::Raw(dialer)
        .exchange(post(vec![0; size]), Pieces::Whole, short())
        .await;
    assert_eq!((exchange.end, exchange.sent_at), (End::TimedOut, None));
    assert!(exchange.sent_bytes < size);
    assert_eq!(exchange.sent.len(), 64 * 1024);
    hold.send(()).unwrap();
    server.await.unwrap();
}
