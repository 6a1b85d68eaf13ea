//! Exchanges, flights and pipelines in plain text.

use tokio::net::TcpSocket;
use tokio::sync::oneshot;

use super::*;

#[tokio::test]
async fn a_request_arrives_to_the_byte_however_it_is_cut() {
    let body = "the body\u{e9}";
    let whole = posted(body);
    let pause = Duration::from_millis(1);
    let chunked = "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nthe \r\n4\r\nbody\r\n2\r\n\u{e9}\r\n0\r\n\r\n";
    for (framing, pieces, expected) in [
        (BodyFraming::Length, Pieces::Whole, whole.as_str()),
        (
            BodyFraming::Length,
            Pieces::Every {
                size: 3,
                pause: Duration::ZERO,
            },
            whole.as_str(),
        ),
        (
            BodyFraming::Length,
            Pieces::Every { size: 40, pause },
            whole.as_str(),
        ),
        (
            BodyFraming::Length,
            Pieces::At {
                cuts: vec![0, 1, 20, 20, 9999],
                pause,
            },
            whole.as_str(),
        ),
        (BodyFraming::Chunked(4), Pieces::Whole, chunked),
        (
            BodyFraming::None,
            Pieces::Whole,
            "POST /p HTTP/1.1\r\nHost: h\r\n\r\n",
        ),
    ] {
        let expected = expected.to_owned();
        let count = expected.len();
        let (dialer, server) = serve(move |mut stream| async move {
            let seen = read(&mut stream, count).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .await
                .unwrap();
            let mut more = Vec::new();
            stream.read_to_end(&mut more).await.unwrap();
            (seen, more)
        })
        .await;
        let mut connection = dialer.connect(soon()).await.unwrap();
        let mut request = post(body);
        request.framing = framing;
        let exchange = connection.exchange(request, pieces, soon()).await;
        drop(connection);
        assert_eq!(server.await.unwrap(), (expected.clone(), Vec::new()));
        assert_eq!(exchange.end, End::Complete);
        assert_eq!(exchange.sent, expected.as_bytes());
        assert_eq!(exchange.sent_bytes, count);
        assert_eq!(exchange.body.bytes, b"ok");
        assert!(exchange.reusable && !exchange.reused);
        assert!(exchange.started <= exchange.sent_at.unwrap());
        assert!(exchange.sent_at.unwrap() <= exchange.ended);
    }
}

#[tokio::test]
async fn host_and_framing_are_added_where_they_lack() {
    let (dialer, server) = serve(|mut stream| async move {
        let head = read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        (head, stream.local_addr().unwrap())
    })
    .await;
    let mut request = post("");
    request.headers = Headers::new();
    request.headers.push("X-a", "b");
    let mut connection = dialer.connect(soon()).await.unwrap();
    connection.exchange(request, Pieces::Whole, soon()).await;
    let (head, address) = server.await.unwrap();
    assert_eq!(
        head,
        format!("POST /p HTTP/1.1\r\nHost: {address}\r\nX-a: b\r\nContent-Length: 0\r\n\r\n")
    );
}

#[tokio::test]
async fn interim_answers_are_kept_apart() {
    let exchange = exchanged(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
    )
    .await;
    assert_eq!(exchange.interim.len(), 2);
    assert_eq!(exchange.status(), Some(200));
    assert_eq!(exchange.end, End::Complete);
    assert_eq!(exchange.received_bytes, exchange.received.len() as u64);
}

#[tokio::test]
async fn chunks_with_extensions_and_trailers() {
    let exchange = exchanged(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
    )
    .await;
    assert_eq!(exchange.body.bytes, b"abc");
    let mut trailers = Headers::new();
    trailers.push("X-Sum", "1");
    assert_eq!(
        exchange.framing,
        Some(Framing::Chunked {
            extensions: true,
            intricate_extensions: true,
            trailers
        })
    );
}

#[tokio::test]
async fn a_body_until_the_connection_s_end() {
    let exchange = exchanged("HTTP/1.1 200 OK\r\n\r\nall of it").await;
    assert_eq!(exchange.framing, Some(Framing::Close));
    assert_eq!(exchange.body.bytes, b"all of it");
    assert_eq!((exchange.end, exchange.reusable), (End::Complete, false));
}

#[tokio::test]
async fn answers_that_break_off_are_closed() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
    ] {
        let exchange = exchanged(answer).await;
        assert_eq!(exchange.end, End::Closed);
        assert_eq!(exchange.body.bytes, b"short");
        assert_eq!(exchange.received, answer.as_bytes());
        assert!(!exchange.broke_before_first_byte());
    }
    let exchange = exchanged("").await;
    assert_eq!(exchange.end, End::Closed);
    assert!(exchange.broke_before_first_byte());
}

#[tokio::test]
async fn only_what_rfc_9112_lets_be_reused_is_reusable() {
    for (answer, reusable) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 0\r\n\r\n",
            false,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            false,
        ),
        ("HTTP/1.1 204 No Content\r\n\r\nbody", false),
        ("\r\nHTTP/1.1 204 No Content\r\n\r\n", false),
    ] {
        let (hold, held) = oneshot::channel::<()>();
        let (dialer, server) = serve(move |mut stream| async move {
            read(&mut stream, posted("").len()).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = held.await;
        })
        .await;
        let mut connection = dialer.connect(soon()).await.unwrap();
        let exchange = connection.exchange(post(""), Pieces::Whole, soon()).await;
        assert_eq!(exchange.end, End::Complete, "{answer}");
        assert_eq!(exchange.reusable, reusable, "{answer}");
        hold.send(()).unwrap();
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_carries_one_exchange_after_the_other() {
    let (dialer, server) = serve(|mut stream| async move {
        for n in 0..3 {
            read(&mut stream, posted("x").len()).await;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let mut connection = dialer.connect(soon()).await.unwrap();
    for n in 0..3u8 {
        let exchange = connection.exchange(post("x"), Pieces::Whole, soon()).await;
        assert_eq!(exchange.body.bytes, [b'0' + n]);
        assert_eq!(exchange.reused, n > 0);
    }
    server.await.unwrap();
    let exchange = connection.exchange(post("x"), Pieces::Whole, soon()).await;
    assert!(exchange.broke_before_first_byte(), "{:?}", exchange.end);
    assert!(connection.has_ended());
}

#[tokio::test]
async fn unasked_bytes_are_surplus() {
    let exchange =
        exchanged("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 X\r\n\r\n").await;
    assert_eq!(exchange.surplus, b"HTTP/1.1 500 X\r\n\r\n");
    assert_eq!(exchange.end, End::Complete);
    assert!(exchange.received.ends_with(b"ok"));

    let (go, gone) = oneshot::channel::<()>();
    let (dialer, server) = serve(|mut stream| async move {
        read(&mut stream, posted("").len()).await;
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        gone.await.unwrap();
        stream.write_all(b"late").await.unwrap();
    })
    .await;
    let mut connection = dialer.connect(soon()).await.unwrap();
    let exchange = connection.exchange(post(""), Pieces::Whole, soon()).await;
    assert!(exchange.surplus.is_empty() && exchange.reusable);
    assert!(
        connection
            .surplus_within(Duration::from_millis(5))
            .await
            .is_empty()
    );
    assert!(!connection.has_ended());
    go.send(()).unwrap();
    assert_eq!(
        connection.surplus_within(Duration::from_secs(30)).await,
        b"late"
    );
    assert!(connection.has_ended());
    server.await.unwrap();
}

/// A server that closes while the body still comes resets the connection, and the kernel of the client drops
/// whatever it then writes. The answer has to be read all the same (RFC 9112 §9.6).
#[tokio::test]
async fn an_early_refusal_is_read_though_the_body_is_still_on_its_way() {
    for (size, chunked) in [(256 * 1024, false), (256 * 1024, true), (10_000_000, false)] {
        for _ in 0..10 {
            let socket = TcpSocket::new_v4().unwrap();
            // So small that the body can't disappear in buffers.
            socket.set_recv_buffer_size(4096).unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let listener = socket.listen(1).unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                read_head(&mut stream).await;
                stream
                    .write_all(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 7\r\n\r\ntoo big")
                    .await
                    .unwrap();
                // Dropped with bytes unread: a reset.
            });
            let mut request = post(vec![b'x'; size]);
            if chunked {
                request.framing = BodyFraming::Chunked(1000);
            }
            let mut connection = dialer(port).connect(soon()).await.unwrap();
            let exchange = connection.exchange(request, Pieces::Whole, soon()).await;
            server.await.unwrap();
            assert_eq!(exchange.end, End::Complete);
            assert_eq!(exchange.status(), Some(413));
            assert_eq!(exchange.body.bytes, b"too big");
            assert!(!exchange.reusable);
        }
    }
}

/// The refusal and the reset are both there before the client looks.
#[tokio::test]
async fn what_the_kernel_holds_after_a_reset_is_read() {
    let (mut connection, server) = {
        let (dialer, server) = serve(|mut stream| async move {
            read(&mut stream, 1).await;
            stream
                .write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                .await
                .unwrap();
        })
        .await;
        (dialer.connect(soon()).await.unwrap(), server)
    };
    connection.send_raw(b"POST", soon()).await.unwrap();
    server.await.unwrap();
    let exchange = connection
        .exchange_bytes(
            post(""),
            vec![b'x'; 1_000_000],
            Pieces::Every {
                size: 1000,
                pause: Duration::ZERO,
            },
            soon(),
        )
        .await;
    assert_eq!(exchange.status(), Some(413));
    assert_eq!(exchange.end, End::Complete);
    assert!(exchange.sent_at.is_none());
}

#[tokio::test]
async fn after_the_head_a_sign_lets_the_body_go() {
    let after_head = |wait| Pieces::AfterHead { wait };
    let head = posted("body").len() - 4;
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    // A 100 first.
    let (dialer, server) = serve(move |mut stream| async move {
        read(&mut stream, head).await;
        stream
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .await
            .unwrap();
        let body = read(&mut stream, 4).await;
        stream.write_all(ok).await.unwrap();
        body
    })
    .await;
    let mut connection = dialer.connect(soon()).await.unwrap();
    let pieces = after_head(Duration::from_secs(3600));
    let exchange = connection
        .exchange(post("body"), pieces.clone(), soon())
        .await;
    assert_eq!(server.await.unwrap(), "body");
    assert_eq!((exchange.status(), exchange.interim.len()), (Some(200), 1));
    // A final answer: the body stays here.
    let (dialer, server) = serve(move |mut stream| async move {
        read(&mut stream, head).await;
        stream
            .write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        let mut more = Vec::new();
        stream.read_to_end(&mut more).await.unwrap();
        more
    })
    .await;
    let mut connection = dialer.connect(soon()).await.unwrap();
    let exchange = connection.exchange(post("body"), pieces, soon()).await;
    drop(connection);
    assert_eq!(server.await.unwrap(), b"");
    assert_eq!((exchange.sent_bytes, exchange.sent_at), (head, None));
    assert_eq!((exchange.status(), exchange.reusable), (Some(413), false));
    // Silence: the body goes after the wait.
    let (dialer, server) = serve(move |mut stream| async move {
        let all = read(&mut stream, head + 4).await;
        stream.write_all(ok).await.unwrap();
        all
    })
    .await;
    let mut connection = dialer.connect(soon()).await.unwrap();
    let exchange = connection
        .exchange(post("body"), after_head(Duration::from_millis(20)), soon())
        .await;
    assert_eq!(server.await.unwrap(), posted("body"));
    assert_eq!(exchange.status(), Some(200));
}

#[tokio::test]
async fn half_a_request_waits_for_what_the_server_makes_of_it() {
    let (dialer, server) = serve(|mut stream| async move {
        let seen = read(&mut stream, 30).await;
        stream
            .write_all(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        let mut more = Vec::new();
        stream.read_to_end(&mut more).await.unwrap();
        (seen, more)
    })
    .await;
    let mut connection = dialer.connect(soon()).await.unwrap();
    let exchange = connection
        .exchange(post("body"), Pieces::OnlyFirst(30), soon())
        .await;
    drop(connection);
    let (seen, more) = server.await.unwrap();
    assert_eq!((seen.as_str(), more.len()), (&posted("body")[..30], 0));
    assert_eq!(exchange.status(), Some(408));
    assert_eq!((exchange.sent_bytes, exchange.sent_at), (30, None));
    assert!(!exchange.reusable);
}

#[tokio::test]
async fn arrivals_tell_when_each_part_of_the_body_came() {
    let (next, mut wanted) = tokio::sync::mpsc::channel::<&'static str>(1);
    let (dialer, server) = serve(|mut stream| async move {
        read(&mut stream, posted("").len()).await;
        while let Some(bytes) = wanted.recv().await {
            stream.write_all(bytes.as_bytes()).await.unwrap();
        }
    })
    .await;
    let connection = dialer.connect(soon()).await.unwrap();
    let mut flight = connection.start(post(""), Pieces::Whole, soon()).await;
    next.send("HTTP/1.1 200 OK\r\n\r\none").await.unwrap();
    assert!(flight.read_until(|p| p.body == b"one", soon()).await);
    let between = std::time::Instant::now();
    next.send("two").await.unwrap();
    assert!(flight.read_until(|p| p.body == b"onetwo", soon()).await);
    drop(next);
    let (exchange, connection) = flight.finish(soon()).await;
    server.await.unwrap();
    assert!(connection.is_none());
    let arrivals = &exchange.body.arrivals;
    assert!(
        arrivals
            .iter()
            .all(|(size, at)| (*size <= 3) == (*at <= between))
    );
    assert_eq!(arrivals.last().unwrap().0, 6);
    assert!(exchange.head.unwrap().at <= arrivals[0].1 && arrivals[0].1 <= exchange.ended);
}

#[tokio::test]
async fn a_flight_is_watched_to_its_end() {
    let (next, mut wanted) = tokio::sync::mpsc::channel::<&'static str>(1);
    let (dialer, server) = serve(|mut stream| async move {
        read(&mut stream, posted("").len()).await;
        while let Some(bytes) = wanted.recv().await {
            stream.write_all(bytes.as_bytes()).await.unwrap();
        }
        let mut more = Vec::new();
        let _ = stream.read_to_end(&mut more).await;
    })
    .await;
    let connection = dialer.connect(soon()).await.unwrap();
    let mut flight = connection.start(post(""), Pieces::Whole, soon()).await;
    assert!(flight.progress().head.is_none());
    // Nothing came: the deadline passes, and the flight goes on.
    assert!(!flight.read_until(|p| p.head.is_some(), short()).await);
    next.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    assert!(flight.read_until(|p| p.head.is_some(), soon()).await);
    next.send("3\r\none\r\n").await.unwrap();
    assert!(flight.read_until(|p| p.body == b"one", soon()).await);
    // Already so: no read is needed.
    assert!(flight.read_until(|p| p.body == b"one", short()).await);
    next.send("3\r\ntwo\r\n0\r\n\r\n").await.unwrap();
    assert!(!flight.read_until(|p| p.body.len() > 6, soon()).await);
    assert!(flight.progress().ended);
    let (exchange, connection) = flight.finish(soon()).await;
    assert_eq!((exchange.end, exchange.reusable), (End::Complete, true));
    assert_eq!(exchange.body.bytes, b"onetwo");
    assert!(exchange.body.arrivals.len() >= 2);
    let mut connection = connection.unwrap();
    next.send("HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    let again = connection.exchange(post(""), Pieces::Whole, soon()).await;
    assert_eq!((again.status(), again.reused), (Some(204), true));
    drop((next, connection));
    server.await.unwrap();
}

#[tokio::test]
async fn a_flight_that_is_abandoned_closes_at_once() {
    let (dialer, server) = serve(|mut stream| async move {
        read(&mut stream, posted("").len()).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\n\r\npart")
            .await
            .unwrap();
        let mut more = Vec::new();
        // The end, as a close or a reset.
        let _ = stream.read_to_end(&mut more).await;
    })
    .await;
    let connection = dialer.connect(soon()).await.unwrap();
    let mut flight = connection.start(post(""), Pieces::Whole, soon()).await;
    assert!(flight.read_until(|p| p.body == b"part", soon()).await);
    let exchange = flight.abandon();
    server.await.unwrap();
    assert_eq!(exchange.end, End::Abandoned);
    assert_eq!(exchange.body.bytes, b"part");
    assert_eq!(exchange.status(), Some(200));
}

#[tokio::test]
async fn a_started_request_is_sent_though_nobody_reads() {
    let (dialer, server) =
        serve(|mut stream| async move { read(&mut stream, posted("body").len()).await }).await;
    let connection = dialer.connect(soon()).await.unwrap();
    let flight = connection
        .start(
            post("body"),
            Pieces::Every {
                size: 5,
                pause: Duration::from_millis(1),
            },
            soon(),
        )
        .await;
    assert_eq!(server.await.unwrap(), posted("body"));
    drop(flight);
}

#[tokio::test]
async fn pipelined_answers_are_read_in_order() {
    let all = [posted("a"), posted("bb"), posted("ccc")].concat();
    let count = all.len();
    let (dialer, server) = serve(move |mut stream| async move {
        let seen = read(&mut stream, count).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n2\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3X")
            .await
            .unwrap();
        seen
    })
    .await;
    let mut connection = dialer.connect(soon()).await.unwrap();
    let exchanges = connection
        .pipeline(vec![post("a"), post("bb"), post("ccc")], soon())
        .await;
    assert_eq!(server.await.unwrap(), all);
    let bodies: Vec<&[u8]> = exchanges.iter().map(|e| e.body.bytes.as_slice()).collect();
    assert_eq!(bodies, [b"1", b"2", b"3"]);
    let reused: Vec<bool> = exchanges.iter().map(|e| e.reused).collect();
    assert_eq!(reused, [false, true, true]);
    assert_eq!(exchanges[1].interim.len(), 1);
    assert_eq!(exchanges[1].sent, posted("bb").as_bytes());
    assert_eq!(exchanges[1].sent_bytes, posted("bb").len());
    assert_eq!(exchanges[2].surplus, b"X");
    assert!(exchanges[0].surplus.is_empty() && exchanges[0].sent_at.is_some());
}

#[tokio::test]
async fn a_pipeline_that_breaks_off_ends_every_exchange() {
    let count = [posted("a"), posted("b"), posted("c")].concat().len();
    for (second, end) in [("", End::Closed), ("garbage", End::Abandoned)] {
        let (dialer, server) = serve(move |mut stream| async move {
            read(&mut stream, count).await;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1{second}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let mut connection = dialer.connect(soon()).await.unwrap();
        let exchanges = connection
            .pipeline(vec![post("a"), post("b"), post("c")], soon())
            .await;
        server.await.unwrap();
        assert_eq!(exchanges.len(), 3);
        assert_eq!(exchanges[0].end, End::Complete);
        assert_eq!(exchanges[2].end, end);
        assert!(exchanges[2].first_byte_at.is_none());
    }
}

#[tokio::test]
async fn gzip_is_taken_off() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"hello gzip").unwrap();
    let coded = encoder.finish().unwrap();
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        coded.len()
    )
    .into_bytes();
    answer.extend_from_slice(&coded);
    let exchange = exchanged(answer).await;
    assert_eq!(exchange.body.bytes, b"hello gzip");
    assert_eq!(exchange.body.coding.as_deref(), Some("gzip"));
    assert_eq!(exchange.framing, Some(Framing::Length(coded.len() as u64)));
    assert!(exchange.received.ends_with(&coded));
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_unreachable() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let transport = Transport::Raw(dialer(port));
    let exchange = transport.exchange(post("x"), Pieces::Whole, soon()).await;
    assert!(
        matches!(exchange.end, End::Unreachable(Unreachable::Connect(_))),
        "{:?}",
        exchange.end
    );
    assert_eq!(exchange.sent, posted("x").as_bytes());
    assert_eq!(exchange.sent_bytes, 0);
    let mut flight = transport.start(post("x"), Pieces::Whole, soon()).await;
    assert!(!flight.read_until(|p| p.head.is_some(), soon()).await);
    assert!(matches!(
        flight.finish(soon()).await.0.end,
        End::Unreachable(_)
    ));
    // A deadline that has passed.
    assert!(matches!(
        transport
            .exchange(post("x"), Pieces::Whole, Deadline::after(Duration::ZERO))
            .await
            .end,
        End::Unreachable(_)
    ));
}

#[tokio::test]
async fn connections_go_where_the_override_says() {
    let (dialer_there, server) = serve(|mut stream| async move {
        let head = read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        head
    })
    .await;
    let there = Address {
        host: "127.0.0.1".to_owned(),
        port: dialer_there.endpoint().port,
    };
    let endpoint = Endpoint::parse("http://api.invalid:81")
        .unwrap()
        .with_connect_to(there);
    let dialer = Dialer::new(
        endpoint,
        &TlsOptions::default(),
        None,
        Duration::from_secs(10),
    )
    .unwrap();
    let mut request = post("");
    request.headers = Headers::new();
    let exchange = Transport::Raw(dialer)
        .exchange(request, Pieces::Whole, soon())
        .await;
    assert_eq!(exchange.status(), Some(204));
    assert!(
        server
            .await
            .unwrap()
            .contains("\r\nHost: api.invalid:81\r\n")
    );
}
