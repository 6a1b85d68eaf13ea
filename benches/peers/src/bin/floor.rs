//! The least that a client can do: one thread, epoll, a request made beforehand, and a look for the end of the answer.
//! It checks nothing and measures nothing: what a real client costs more is its own.
//!
//! `floor HOST:PORT PATH CONNECTIONS ANSWERS json|stream [times]`; only with `times` does it read the clock: it tells how
//! long answers took from their first event to their last, in milliseconds.

use rustix::event::epoll;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

struct Connection {
    socket: TcpStream,
    /// Bytes of the answer so far, and how many it has, where its head has told.
    got: usize,
    whole: Option<usize>,
    done: bool,
    first: Option<Instant>,
    last: Option<Instant>,
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let number = |index: usize| args.get(index).and_then(|text| text.parse::<usize>().ok());
    let (Some(host), Some(path), Some(connections), Some(answers), Some(mode)) =
        (args.get(1), args.get(2), number(3), number(4), args.get(5))
    else {
        return Err(io::Error::other("floor HOST:PORT PATH CONNECTIONS ANSWERS json|stream [times]"));
    };
    let streams = mode == "stream";
    let key = std::env::var("FLOOR_KEY").unwrap_or_else(|_| "sk_floor".to_owned());
    let times = args.get(6).is_some_and(|word| word == "times");
    let mut spans = Vec::new();
    let body = format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"Hello!\"}}],\"stream\":{streams}}}");
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut open = Vec::new();
    let mut asked = 0;
    for index in 0..connections.min(answers) {
        let mut socket = TcpStream::connect(host)?;
        socket.set_nodelay(true)?;
        socket.write_all(request.as_bytes())?;
        socket.set_nonblocking(true)?;
        epoll::add(&epoll, &socket, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)?;
        open.push(Connection { socket, got: 0, whole: None, done: false, first: None, last: None });
        asked += 1;
    }
    let began = Instant::now();
    let (mut answered, mut bytes) = (0, 0);
    let mut buffer = vec![0; 64 * 1024];
    let mut events = Vec::with_capacity(1024);
    let done = memchr::memmem::Finder::new(b"[DONE]");
    while answered < asked {
        events.clear();
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let connection = &mut open[event.data.u64() as usize];
            let count = match connection.socket.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            bytes += count;
            let got = &buffer[..count];
            let over = if streams {
                connection.done |= done.find(got).is_some();
                if times && !connection.done && memchr::memmem::find(got, b"content\"").is_some() {
                    let now = Instant::now();
                    connection.first.get_or_insert(now);
                    connection.last = Some(now);
                }
                connection.done && got.ends_with(b"0\r\n\r\n")
            } else {
                if connection.got == 0 {
                    connection.whole = whole(got);
                }
                connection.got += count;
                connection.whole == Some(connection.got)
            };
            if !over {
                continue;
            }
            answered += 1;
            if let (Some(first), Some(last)) = (connection.first.take(), connection.last.take()) {
                spans.push((last - first).as_secs_f64() * 1e3);
            }
            (connection.got, connection.whole, connection.done) = (0, None, false);
            if asked < answers {
                asked += 1;
                connection.socket.write_all(request.as_bytes())?;
            }
        }
    }
    spans.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (spans.len() as f64 * share) as usize;
        spans.get(index.min(spans.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    println!(
        "{{\"answers\":{answered},\"bytes\":{bytes},\"seconds\":{},\"span_ms\":{{\"p50\":{},\"p99\":{},\"max\":{}}}}}",
        began.elapsed().as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}

/// How many bytes an answer has, by its head.
fn whole(answer: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(answer, b"\r\n\r\n")?;
    let at = memchr::memmem::find(&answer[..head], b"content-length: ")? + 16;
    let digits = answer[at..head].iter().take_while(|byte| byte.is_ascii_digit());
    Some(head + 4 + digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}
