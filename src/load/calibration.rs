//! How wrong our own clock is: a few streams from a server inside the process whose instants of sending are known.
//!
//! The error of a stamp is the time from just before the server's write to the instant that the exchange took for the
//! read. It has the kernel's loopback and this process's scheduling in it, and nothing of the target.

use super::exchange::exchange;
use super::ids::Ids;
use super::lane::{Lane, Way};
use super::order::{Address, Order, Patience};
use super::recorder::micros;
use super::switch::Switch;
use crate::judge::Mode;
use crate::record::Distribution;
use crate::wire::{Dialer, Endpoint, Protocol, TlsOptions};
use bytes::Bytes;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Streams at a time.
const STREAMS: usize = 8;
/// Chunks of each.
const CHUNKS: u32 = 12;
/// From one chunk to the next.
const GAP: Duration = Duration::from_millis(15);

/// Measures it; takes about a fifth of a second.
///
/// # Errors
/// No server could be started on the loopback interface.
pub(super) async fn self_error() -> io::Result<Distribution> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let port = listener.local_addr()?.port();
    let server = std::thread::spawn(move || serve(&listener));
    let endpoint = Endpoint::parse(&format!("http://127.0.0.1:{port}"))
        .map_err(|error| io::Error::other(error.to_string()))?;
    let dialer = Dialer::new(
        endpoint,
        &TlsOptions::default(),
        None,
        Duration::from_secs(5),
    )
    .map_err(|error| io::Error::other(error.to_string()))?;
    let order = order(port);
    let patience = Patience {
        connect: Duration::from_secs(5),
        total: Duration::from_secs(5),
        idle: Duration::from_secs(5),
        stall: Duration::from_secs(1),
    };
    let mut streams = tokio::task::JoinSet::new();
    for number in 0..STREAMS {
        let (dialer, order) = (dialer.clone(), order.clone());
        streams.spawn(async move {
            // Not all at the same instant: a stamp may wait for another's.
            tokio::time::sleep(GAP / STREAMS as u32 * number as u32).await;
            let mut lane = Lane::new(Way {
                dialer,
                protocol: Protocol::Http1,
            });
            let ids = Ids::default();
            exchange(&mut lane, &order, &patience, &ids, &Switch::new()).await
        });
    }
    let mut read = Vec::new();
    while let Some(Ok(measured)) = streams.join_next().await {
        let instants = (measured.first_content, measured.last_content);
        if let (Some(first), Some(last)) = instants {
            read.push((measured.sent, first, last));
        }
    }
    let sent = tokio::task::spawn_blocking(move || server.join().unwrap_or_default())
        .await
        .unwrap_or_default();
    let mut errors = Distribution::new("ms");
    // Who is who: a stream's first chunk was read after it was sent, and before any later one of it was.
    for (_, first, last) in read {
        let own = sent
            .iter()
            .filter(|(begun, _)| *begun <= first)
            .max_by_key(|(begun, _)| *begun);
        if let Some((begun, ended)) = own {
            errors.record(micros(first.saturating_duration_since(*begun)));
            errors.record(micros(last.saturating_duration_since(*ended)));
        }
    }
    Ok(errors)
}

fn order(port: u16) -> Order {
    let mut headers = http::HeaderMap::new();
    let host = http::HeaderValue::try_from(format!("127.0.0.1:{port}"));
    headers.extend(host.ok().map(|host| (http::header::HOST, host)));
    Order {
        address: Arc::new(Address::new(http::Uri::from_static("/"), headers)),
        body: Bytes::new(),
        mode: Mode::Stream,
        abandon_after: None,
        keep_text: false,
        due: None,
    }
}

/// Serves the streams; gives when each began with its content, and when it sent the last.
fn serve(listener: &TcpListener) -> Vec<(Instant, Instant)> {
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let Ok((stream, _)) = listener.accept() else {
            break;
        };
        streams.push(std::thread::spawn(move || serve_one(stream)));
    }
    streams
        .into_iter()
        .filter_map(|stream| stream.join().ok()?.ok())
        .collect()
}

fn serve_one(mut stream: TcpStream) -> io::Result<(Instant, Instant)> {
    const CHUNK: &[u8] = b"data: {\"id\":\"chatcmpl-self\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"tick \"}}]}\n\n";
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => request.extend_from_slice(&buffer[..count]),
        }
    }
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    let framed = [format!("{:x}\r\n", CHUNK.len()).as_bytes(), CHUNK, b"\r\n"].concat();
    let begin = Instant::now();
    let (mut first, mut last) = (begin, begin);
    for chunk in 1..=CHUNKS {
        let due = begin + GAP * chunk;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        last = Instant::now();
        if chunk == 1 {
            first = last;
        }
        stream.write_all(&framed)?;
    }
    stream.write_all(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")?;
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_stream_is_measured() {
        let errors = self_error().await.expect("loopback can be listened on");
        assert_eq!(errors.count(), 2 * STREAMS as u64);
    }
}
