//! A server that keeps a plan and writes down what it did: one thread, epoll, absolute deadlines. It knows nothing of
//! clawcheck, so its log is a witness.
//!
//! The path tells what an answer is like: `/api/v1/bot/n200-d20-f100/chat` is a stream of 200 chunks, the first after
//! 100 ms, each further one 20 ms later; one write a chunk. Without `"stream":true` in the body it is a JSON answer at
//! once. `GET /log` tells what was sent since `GET /reset`: quantiles of the times to the first chunk and of the gaps,
//! in milliseconds, by its own clock, and how many chunks and answers there were.

use rustix::event::epoll;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

const LISTENER: u64 = 0;
/// Writes between two looks at the sockets.
const BATCH: usize = 128;

struct Connection {
    socket: TcpStream,
    request: Vec<u8>,
    stream: Option<Stream>,
    /// Bytes that the socket did not take.
    unsent: Vec<u8>,
}

struct Stream {
    asked: Instant,
    /// Of the next event.
    due: Instant,
    gap: Duration,
    left: u32,
    last: Option<Instant>,
    event: Vec<u8>,
}

#[derive(Default)]
struct Log {
    firsts: Vec<u32>,
    gaps: Vec<u32>,
    /// How much later than planned the last chunk of each stream was sent, in microseconds.
    late: Vec<u32>,
    chunks: u64,
    answers: u64,
}

struct Server {
    epoll: std::os::fd::OwnedFd,
    connections: HashMap<u64, Connection>,
    dues: BinaryHeap<Reverse<(Instant, u64)>>,
    log: Log,
    streams: u64,
}

fn main() -> io::Result<()> {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let listener = {
        use rustix::net::{self, AddressFamily, SocketType, sockopt};
        // The standard library's listener holds 128 connections at most until they are accepted.
        let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        net::bind(&socket, &std::net::SocketAddr::from(([127, 0, 0, 1], port)))?;
        net::listen(&socket, 16_384)?;
        TcpListener::from(socket)
    };
    listener.set_nonblocking(true)?;
    println!("http://{}", listener.local_addr()?);
    io::stdout().flush()?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let mut server = Server {
        epoll,
        connections: HashMap::new(),
        dues: BinaryHeap::new(),
        log: Log::default(),
        streams: 0,
    };
    let mut next_id = 1;
    let mut events = Vec::with_capacity(1024);
    loop {
        let timeout = server.dues.peek().map(|Reverse((due, _))| {
            let left = due.saturating_duration_since(Instant::now());
            rustix::time::Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
        });
        events.clear();
        match epoll::wait(&server.epoll, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let (id, flags) = (event.data.u64(), event.flags);
            if id == LISTENER {
                while let Ok((socket, _)) = listener.accept() {
                    socket.set_nonblocking(true)?;
                    socket.set_nodelay(true)?;
                    epoll::add(&server.epoll, &socket, epoll::EventData::new_u64(next_id), epoll::EventFlags::IN)?;
                    let connection =
                        Connection { socket, request: Vec::new(), stream: None, unsent: Vec::new() };
                    server.connections.insert(next_id, connection);
                    next_id += 1;
                }
            } else {
                if flags.contains(epoll::EventFlags::OUT) {
                    server.unblocked(id);
                }
                if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
                    server.readable(id);
                }
            }
        }
        server.send_due();
    }
}

impl Server {
    fn readable(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let mut buffer = [0; 16 * 1024];
        match connection.socket.read(&mut buffer) {
            Ok(0) => self.close(id),
            Ok(count) => {
                let now = Instant::now();
                connection.request.extend_from_slice(&buffer[..count]);
                self.asked(id, now);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.close(id),
        }
    }

    fn close(&mut self, id: u64) {
        self.connections.remove(&id); // closing takes it out of the epoll set
    }

    /// Answers the request, if all of it is there.
    fn asked(&mut self, id: u64, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(head) = memchr::memmem::find(&connection.request, b"\r\n\r\n") else { return };
        let fields = &connection.request[..head];
        let length = number_after(fields, b"ontent-length: ").or(number_after(fields, b"ontent-Length: ")).unwrap_or(0);
        let whole = head + 4 + length as usize;
        if connection.request.len() < whole {
            return;
        }
        if connection.request.starts_with(b"GET ") {
            let text = if connection.request.starts_with(b"GET /reset") {
                self.log = Log::default();
                String::from("{}")
            } else {
                self.log.told()
            };
            connection.request.drain(..whole);
            let answer = reply(&text);
            self.send(id, &answer);
            return;
        }
        let path = &fields[..memchr::memchr(b'\r', fields).unwrap_or(fields.len())];
        let chunks = number_after(path, b"/n").unwrap_or(20) as u32;
        let gap = Duration::from_millis(number_after(path, b"-d").unwrap_or(0));
        let first = Duration::from_millis(number_after(path, b"-f").unwrap_or(0));
        let streams = memchr::memmem::find(&connection.request[head..whole], b"\"stream\":true").is_some();
        connection.request.drain(..whole);
        self.streams += 1;
        let number = self.streams;
        if streams {
            let data = format!(
                "data: {{\"id\":\"chatcmpl-{number:016x}\",\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"word \"}}}}]}}\n\n"
            );
            let due = now + first;
            connection.stream = Some(Stream {
                asked: now,
                due,
                gap,
                left: chunks,
                last: None,
                event: format!("{:x}\r\n{data}\r\n", data.len()).into_bytes(),
            });
            self.dues.push(Reverse((due, id)));
            self.send(id, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n");
        } else {
            let answer = reply(&format!(
                "{{\"id\":\"chatcmpl-{number:016x}\",\"object\":\"chat.completion\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"Yes, and it answers at once: twenty words or so, as a short answer has them.\"}},\"finish_reason\":\"stop\"}}],\"usage\":{{\"prompt_tokens\":9,\"completion_tokens\":17,\"total_tokens\":26}}}}"
            ));
            self.log.answers += 1;
            self.send(id, &answer);
        }
    }

    /// Sends bytes, or keeps what the socket does not take; false while it takes nothing.
    fn send(&mut self, id: u64, bytes: &[u8]) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        if !connection.unsent.is_empty() {
            connection.unsent.extend_from_slice(bytes);
            return false;
        }
        match connection.socket.write(bytes) {
            Ok(count) if count == bytes.len() => true,
            Ok(count) => self.blocked(id, &bytes[count..]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked(id, bytes),
            Err(_) => {
                self.close(id);
                false
            }
        }
    }

    fn blocked(&mut self, id: u64, rest: &[u8]) -> bool {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.unsent.extend_from_slice(rest);
            let both = epoll::EventFlags::IN | epoll::EventFlags::OUT;
            let _ = epoll::modify(&self.epoll, &connection.socket, epoll::EventData::new_u64(id), both);
        }
        false
    }

    fn unblocked(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let rest = std::mem::take(&mut connection.unsent);
        let data = epoll::EventData::new_u64(id);
        let _ = epoll::modify(&self.epoll, &connection.socket, data, epoll::EventFlags::IN);
        if self.send(id, &rest)
            && let Some(stream) = self.connections.get(&id).and_then(|connection| connection.stream.as_ref())
        {
            self.dues.push(Reverse((stream.due, id)));
        }
    }

    /// Sends the events whose time has come.
    fn send_due(&mut self) {
        for _ in 0..BATCH {
            let now = Instant::now();
            match self.dues.peek() {
                Some(Reverse((due, _))) if *due <= now => {}
                _ => return,
            }
            let Some(Reverse((planned, id))) = self.dues.pop() else { return };
            let Some(stream) = self.connections.get_mut(&id).and_then(|connection| connection.stream.as_mut()) else {
                continue;
            };
            if stream.left == 0 {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.stream = None;
                }
                self.log.answers += 1;
                self.send(id, b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
                continue;
            }
            match stream.last {
                None => self.log.firsts.push(micros(now - stream.asked)),
                Some(last) => self.log.gaps.push(micros(now - last)),
            }
            stream.last = Some(now);
            stream.left -= 1;
            if stream.left == 0 {
                self.log.late.push(micros(now - planned));
            }
            // Without a gap every stream has its turn.
            stream.due = if stream.gap.is_zero() { now } else { stream.due + stream.gap };
            let (due, event) = (stream.due, std::mem::take(&mut stream.event));
            self.log.chunks += 1;
            let sent = self.send(id, &event);
            if let Some(stream) = self.connections.get_mut(&id).and_then(|connection| connection.stream.as_mut()) {
                stream.event = event;
                if sent {
                    self.dues.push(Reverse((due, id)));
                }
            }
        }
    }
}

impl Log {
    fn told(&mut self) -> String {
        let [firsts, gaps, late] = [&mut self.firsts, &mut self.gaps, &mut self.late].map(|all| {
            all.sort_unstable();
            let at = |share: f64| {
                let index = (all.len() as f64 * share) as usize;
                all.get(index.min(all.len().saturating_sub(1))).map_or(0.0, |micros| f64::from(*micros) / 1e3)
            };
            format!("{{\"p50\":{},\"p90\":{},\"p99\":{},\"max\":{}}}", at(0.5), at(0.9), at(0.99), at(1.0))
        });
        format!(
            "{{\"first_ms\":{firsts},\"gap_ms\":{gaps},\"last_late_ms\":{late},\"chunks\":{},\"answers\":{}}}",
            self.chunks, self.answers
        )
    }
}

fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX)
}

fn reply(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The number right behind these bytes.
fn number_after(text: &[u8], before: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(text, before)? + before.len();
    let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}
