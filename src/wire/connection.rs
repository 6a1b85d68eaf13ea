//! A connection of our own for HTTP/1.1: every byte that goes out is the caller's, every byte that comes in is kept
//! or counted.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout_at;

use super::drive::Drive;
use super::exchange::{Encoded, keep};
use super::flight::Flight;
use super::outgoing::Outgoing;
use super::parse::SURPLUS;
use super::{End, Exchange, Pieces, Request};
use crate::time::Deadline;

/// One read at most. Small, since a load test has thousands of connections; large enough for any piece of a stream.
const READ: usize = 16 * 1024;

/// A connection as bytes: TCP, or TLS over it.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> ByteStream for T {}

/// TCP or TLS, and what has been read from it but belongs to no answer yet.
pub(super) struct Socket {
    stream: Box<dyn ByteStream>,
    buffer: Box<[u8]>,
    /// Read but not yet used.
    pub(super) unread: Vec<u8>,
    /// When the last of it was read.
    pub(super) unread_at: Option<Instant>,
    /// The other side has ended it, or it broke.
    pub(super) ended: bool,
}

/// What a read brought. The bytes are in [`Socket::unread`].
pub(super) enum Got {
    Bytes(Instant),
    End,
    Failed(io::ErrorKind),
}

impl Socket {
    pub(super) fn new(
        stream: impl AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
    ) -> Socket {
        Socket {
            stream: Box::new(stream),
            buffer: vec![0; READ].into_boxed_slice(),
            unread: Vec::new(),
            unread_at: None,
            ended: false,
        }
    }

    /// One read, its instant taken as soon as it is ready.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Got> {
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let result = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
        let Poll::Ready(result) = result else {
            return Poll::Pending;
        };
        let at = Instant::now();
        match result {
            Ok(()) if buffer.filled().is_empty() => {
                self.ended = true;
                Poll::Ready(Got::End)
            }
            Ok(()) => {
                self.unread.extend_from_slice(buffer.filled());
                self.unread_at = Some(at);
                Poll::Ready(Got::Bytes(at))
            }
            Err(error) => {
                self.ended = true;
                Poll::Ready(Got::Failed(error.kind()))
            }
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Moves what has been read, or can be read without waiting, to `surplus`.
    pub(super) fn take_unasked(&mut self, surplus: &mut Vec<u8>, limit: usize) {
        if !self.ended {
            // No waiting: nobody has to be woken. One read is enough to know that something is there.
            let _ = self.poll_read(&mut Context::from_waker(Waker::noop()));
        }
        keep(surplus, &self.unread, limit);
        self.unread.clear();
    }
}

/// A connection. Dropping it closes it at once.
pub struct Connection {
    socket: Socket,
    host: String,
    used: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("host", &self.host)
            .field("used", &self.used)
            .field("ended", &self.socket.ended)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(socket: Socket, host: String) -> Connection {
        Connection {
            socket,
            host,
            used: false,
        }
    }

    /// Sends a request in these pieces and reads its answer. On a connection that the server has closed meanwhile the
    /// exchange ends with [`End::Closed`] or [`End::Reset`] before its first byte.
    pub async fn exchange(
        &mut self,
        request: Request,
        pieces: Pieces,
        deadline: Deadline,
    ) -> Exchange {
        let encoded = request.encode(&self.host);
        self.exchange_encoded(request, encoded, pieces, deadline)
            .await
    }

    /// [`Connection::exchange`] with these bytes on the wire in place of the request's own, for what a [`Request`]
    /// can't say. The request tells the method (whether the answer has a body) and stands in the record.
    pub async fn exchange_bytes(
        &mut self,
        request: Request,
        bytes: Vec<u8>,
        pieces: Pieces,
        deadline: Deadline,
    ) -> Exchange {
        let head = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .map_or(bytes.len(), |at| at + 4);
        let bytes = bytes.into();
        self.exchange_encoded(request, Encoded { bytes, head }, pieces, deadline)
            .await
    }

    async fn exchange_encoded(
        &mut self,
        request: Request,
        encoded: Encoded,
        pieces: Pieces,
        deadline: Deadline,
    ) -> Exchange {
        let mut drive = Drive::new(request, encoded, pieces, Instant::now(), self.used);
        self.used = true;
        drive.run(&mut self.socket, deadline).await;
        drive.conclude(&mut self.socket)
    }

    /// Sends a request and leaves its answer to be watched. Returns when the request is out as far as it will be, or
    /// the exchange is over: a flight that nobody reads has been sent nevertheless. The flight ends at the deadline.
    pub async fn start(self, request: Request, pieces: Pieces, deadline: Deadline) -> Flight {
        self.start_at(request, pieces, deadline, Instant::now())
            .await
    }

    /// [`Connection::start`] for an exchange that began before its connection was there.
    pub(super) async fn start_at(
        mut self,
        request: Request,
        pieces: Pieces,
        deadline: Deadline,
        started: Instant,
    ) -> Flight {
        let encoded = request.encode(&self.host);
        let drive = Drive::new(request, encoded, pieces, started, self.used);
        self.used = true;
        Flight::on_connection(self, drive, deadline).await
    }

    /// [`Connection::exchange`] for an exchange that began before its connection was there.
    pub(super) async fn exchange_at(
        mut self,
        request: Request,
        pieces: Pieces,
        deadline: Deadline,
        started: Instant,
    ) -> Exchange {
        let encoded = request.encode(&self.host);
        let mut drive = Drive::new(request, encoded, pieces, started, self.used);
        drive.run(&mut self.socket, deadline).await;
        drive.conclude(&mut self.socket)
    }

    /// Writes all the requests at once and reads their answers in order (RFC 9112 §9.3.2): one exchange for each
    /// request. After an answer that ended in another way than whole nothing more can be told apart: the exchanges
    /// behind it end as it did where the connection ended, and are abandoned where the bytes made no sense.
    pub async fn pipeline(&mut self, requests: Vec<Request>, deadline: Deadline) -> Vec<Exchange> {
        let started = Instant::now();
        let encoded: Vec<Bytes> = requests
            .iter()
            .map(|request| request.encode(&self.host).bytes)
            .collect();
        let ends = encoded.iter().scan(0, |end, bytes| {
            *end += bytes.len();
            Some(*end)
        });
        let mut outgoing = Outgoing::pipelined(encoded.concat().into(), ends);
        let count = requests.len();
        let mut exchanges = Vec::with_capacity(count);
        let mut ended = None;
        for (index, (request, bytes)) in requests.into_iter().zip(encoded).enumerate() {
            let mut drive = Drive::beside(request, bytes, outgoing, started, self.used);
            self.used = true;
            match &ended {
                Some(end) => drive.end(End::clone(end)),
                None => drive.run(&mut self.socket, deadline).await,
            }
            let sent = drive.sent_of(index);
            let more_due = index + 1 < count;
            let (exchange, rest) = drive.conclude_with(&mut self.socket, sent, more_due);
            outgoing = rest;
            ended = ended.or_else(|| match &exchange.end {
                End::Complete => None,
                End::Malformed { .. } | End::TooLarge => Some(End::Abandoned),
                other => Some(other.clone()),
            });
            exchanges.push(exchange);
        }
        exchanges
    }

    /// Writes these bytes as they are and reads nothing.
    ///
    /// # Errors
    /// The connection takes no more, or the deadline came first.
    pub async fn send_raw(&mut self, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        self.used = true;
        let mut left = bytes;
        let writing = poll_fn(|cx| {
            while !left.is_empty() {
                match std::task::ready!(self.socket.poll_write(cx, left))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => left = &left[count..],
                }
            }
            self.socket.poll_flush(cx)
        });
        timeout_at(deadline.instant().into(), writing)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// What arrives unasked within so much time, or until the other side ends the connection; bounded.
    pub async fn surplus_within(&mut self, span: Duration) -> Vec<u8> {
        let deadline = Deadline::after(span);
        let mut surplus = Vec::new();
        loop {
            keep(&mut surplus, &self.socket.unread, SURPLUS);
            self.socket.unread.clear();
            if self.socket.ended || surplus.len() >= SURPLUS || deadline.passed() {
                return surplus;
            }
            let read = poll_fn(|cx| self.socket.poll_read(cx));
            if timeout_at(deadline.instant().into(), read).await.is_err() {
                return surplus;
            }
        }
    }

    /// Whether the other side ends the connection within so much time.
    pub async fn closed_within(&mut self, span: Duration) -> bool {
        self.surplus_within(span).await;
        self.socket.ended
    }

    /// Whether the other side is known to have ended the connection. Known is only what has been read: ask
    /// [`Connection::surplus_within`] first.
    pub fn has_ended(&self) -> bool {
        self.socket.ended
    }

    pub(super) fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }
}
