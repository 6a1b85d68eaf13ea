//! One exchange on one socket: writes as the pieces say and reads at the same time, in one task.
//!
//! Reading while writing is what keeps an early refusal readable (RFC 9112 §9.6): a server that answers 413 and
//! closes resets the connection as soon as more of the body arrives, and the answer has to be read before that, or
//! out of what the kernel still holds after it.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use tokio::time::timeout_at;

use super::connection::{Got, Socket};
use super::exchange::{EVIDENCE, Encoded, bounded, keep, persists};
use super::outgoing::Outgoing;
use super::parse::{Answer, Limits, SURPLUS};
use super::{End, Exchange, Pieces, Protocol, Request};
use crate::time::Deadline;

/// An exchange under way.
#[derive(Debug)]
pub(super) struct Drive {
    pub(super) request: Request,
    /// The request's own bytes; for pipelined requests `outgoing` has those of the others too.
    encoded: Bytes,
    outgoing: Outgoing,
    pub(super) answer: Answer,
    received: Vec<u8>,
    received_bytes: u64,
    reused: bool,
    started: Instant,
    first_byte_at: Option<Instant>,
    /// How it ended, and when.
    over: Option<(End, Instant)>,
}

impl Drive {
    /// The exchange of these bytes; nothing is written before it is driven.
    pub(super) fn new(
        request: Request,
        encoded: Encoded,
        pieces: Pieces,
        started: Instant,
        reused: bool,
    ) -> Drive {
        let outgoing = Outgoing::new(encoded.bytes.clone(), encoded.head, pieces);
        Drive::beside(request, encoded.bytes, outgoing, started, reused)
    }

    /// The exchange of a request whose bytes are written by an outgoing side that it shares with others, one after
    /// the other (pipelining).
    pub(super) fn beside(
        request: Request,
        encoded: Bytes,
        outgoing: Outgoing,
        started: Instant,
        reused: bool,
    ) -> Drive {
        Drive {
            answer: Answer::new(&request.method, Limits::USUAL),
            request,
            encoded,
            outgoing,
            received: Vec::new(),
            received_bytes: 0,
            reused,
            started,
            first_byte_at: None,
            over: None,
        }
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// Whether nothing more will be written.
    pub(super) fn is_sent(&self) -> bool {
        self.outgoing.is_over()
    }

    /// How many bytes of one of pipelined requests were written, and when its last one was.
    pub(super) fn sent_of(&self, index: usize) -> (usize, Option<Instant>) {
        self.outgoing.sent_of(index)
    }

    /// Ends it now, unless it has ended.
    pub(super) fn end(&mut self, end: End) {
        if self.over.is_none() {
            self.over = Some((end, Instant::now()));
        }
    }

    /// Goes on until something was read, the writing came to its end, or the exchange is over. `false` where the
    /// deadline came first; the exchange itself goes on then.
    pub(super) async fn step(&mut self, socket: &mut Socket, deadline: Deadline) -> bool {
        if self.is_over() {
            return true;
        }
        // A socket that always has something would never let the timer of `timeout_at` be asked.
        if deadline.passed() {
            return false;
        }
        timeout_at(
            deadline.instant().into(),
            poll_fn(|cx| self.poll(socket, cx)),
        )
        .await
        .is_ok()
    }

    /// Goes on until it is over; at the deadline it has timed out.
    pub(super) async fn run(&mut self, socket: &mut Socket, deadline: Deadline) {
        while !self.is_over() {
            if !self.step(socket, deadline).await {
                self.end(End::TimedOut);
            }
        }
    }

    fn poll(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> Poll<()> {
        if !socket.unread.is_empty() {
            let bytes = std::mem::take(&mut socket.unread);
            let at = socket.unread_at.unwrap_or(self.started);
            let taken = self.absorb(&bytes, at);
            socket.unread = bytes;
            socket.unread.drain(..taken);
            return Poll::Ready(());
        }
        loop {
            let wrote = self
                .outgoing
                .poll(socket, cx, !self.answer.interim.is_empty());
            match socket.poll_read(cx) {
                Poll::Ready(Got::Bytes(at)) => {
                    let bytes = std::mem::take(&mut socket.unread);
                    let taken = self.absorb(&bytes, at);
                    socket.unread = bytes;
                    socket.unread.drain(..taken);
                    return Poll::Ready(());
                }
                Poll::Ready(Got::End) => {
                    // After a failed write, Linux tells of the reset once; from then on it reads like a good end.
                    if self.outgoing.is_broken() {
                        self.end(End::Reset);
                    } else {
                        self.answer.eof();
                        self.settle();
                    }
                    return Poll::Ready(());
                }
                Poll::Ready(Got::Failed(kind)) => {
                    self.end(if kind == io::ErrorKind::UnexpectedEof {
                        // TLS without close_notify: it may have been cut.
                        End::Closed
                    } else {
                        End::Reset
                    });
                    return Poll::Ready(());
                }
                Poll::Pending => {}
            }
            if !wrote {
                return Poll::Pending;
            }
            if self.is_sent() {
                return Poll::Ready(());
            }
        }
    }

    /// Takes bytes of the answer; what lies behind its end stays.
    fn absorb(&mut self, bytes: &[u8], at: Instant) -> usize {
        let mut taken = self.answer.feed(bytes, at);
        if matches!(
            self.answer.over,
            Some(End::Malformed { .. } | End::TooLarge)
        ) {
            // No answer ends here: all of it is evidence of what came instead.
            taken = bytes.len();
        }
        if taken > 0 && self.first_byte_at.is_none() {
            self.first_byte_at = Some(at);
        }
        keep(&mut self.received, &bytes[..taken], EVIDENCE);
        self.received_bytes += taken as u64;
        if self.answer.head.is_some() {
            self.outgoing.answered();
        }
        self.settle();
        taken
    }

    fn settle(&mut self) {
        if let Some(end) = self.answer.over.clone() {
            self.end(end);
        }
    }

    /// What has become of it. What the socket has beyond the answer becomes surplus.
    pub(super) fn conclude(self, socket: &mut Socket) -> Exchange {
        let sent = self.outgoing.sent();
        self.conclude_with(socket, sent, false).0
    }

    /// The same where so much of this request was written, and more answers may be due on the socket. Gives back the
    /// outgoing side.
    pub(super) fn conclude_with(
        mut self,
        socket: &mut Socket,
        (sent_bytes, sent_at): (usize, Option<Instant>),
        more_due: bool,
    ) -> (Exchange, Outgoing) {
        self.end(End::Abandoned);
        let (end, ended) = self
            .over
            .take()
            .unwrap_or_else(|| (End::Abandoned, Instant::now()));
        let mut surplus = std::mem::take(&mut self.answer.surplus);
        if end == End::Complete && !more_due {
            socket.take_unasked(&mut surplus, SURPLUS);
        }
        let head = self.answer.head;
        let framing = self.answer.framing;
        let reusable = end == End::Complete
            && surplus.is_empty()
            && !socket.ended
            && sent_at.is_some()
            && !self.request.says_close()
            && head
                .as_ref()
                .is_some_and(|head| persists(head, framing.as_ref()));
        let exchange = Exchange {
            request: self.request,
            sent: bounded(&self.encoded),
            sent_bytes,
            interim: self.answer.interim,
            head,
            framing,
            body: self.answer.body,
            surplus,
            received: self.received,
            received_bytes: self.received_bytes,
            end,
            protocol: Protocol::Http1,
            reused: self.reused,
            started: self.started,
            sent_at,
            first_byte_at: self.first_byte_at,
            ended,
            reusable,
        };
        (exchange, self.outgoing)
    }
}
