//! The writing half of an exchange: bytes, in pieces, with pauses.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::{Sleep, sleep};

use super::Pieces;
use super::connection::Socket;

/// Bytes on their way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Bytes,
    /// How many of them are the head.
    head: usize,
    pieces: Pieces,
    writing: Writing,
    written: usize,
    sent_at: Option<Instant>,
    /// Ends of pipelined requests, and when each had been written.
    marks: Vec<(usize, Option<Instant>)>,
}

/// Where the writing stands.
#[derive(Debug)]
enum Writing {
    /// Writing up to this offset.
    Until(usize),
    /// Getting what has been written out of the TLS layer.
    Flush,
    /// Between two pieces.
    Pause(Pin<Box<Sleep>>),
    /// Head sent, waiting for a sign of the server.
    AwaitSign(Pin<Box<Sleep>>),
    /// Everything is out.
    Done,
    /// The rest stays unsent: on purpose, or since the answer is there already.
    LeftOff,
    /// The connection takes no more bytes; what it still gives is read.
    Broken,
}

impl Outgoing {
    /// These bytes, the first `head` of them the head, in pieces.
    pub(super) fn new(bytes: Bytes, head: usize, pieces: Pieces) -> Outgoing {
        let mut outgoing = Outgoing {
            bytes,
            head,
            pieces,
            writing: Writing::Done,
            written: 0,
            sent_at: None,
            marks: Vec::new(),
        };
        outgoing.writing = outgoing.next_piece();
        outgoing
    }

    /// Several requests in one write; `ends` are the offsets behind each.
    pub(super) fn pipelined(bytes: Bytes, ends: impl Iterator<Item = usize>) -> Outgoing {
        Outgoing {
            marks: ends.map(|end| (end, None)).collect(),
            ..Outgoing::new(bytes, 0, Pieces::Whole)
        }
    }

    /// Whether nothing more will be written.
    pub(super) fn is_over(&self) -> bool {
        matches!(
            self.writing,
            Writing::Done | Writing::LeftOff | Writing::Broken
        )
    }

    /// Whether the connection took no more bytes.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.writing, Writing::Broken)
    }

    /// How much has been written, and when the last byte of all was.
    pub(super) fn sent(&self) -> (usize, Option<Instant>) {
        (self.written, self.sent_at)
    }

    /// The same for one of pipelined requests.
    pub(super) fn sent_of(&self, index: usize) -> (usize, Option<Instant>) {
        let begin = index
            .checked_sub(1)
            .map_or(0, |before| self.marks[before].0);
        let (end, at) = self.marks[index];
        (self.written.clamp(begin, end) - begin, at)
    }

    /// A final head is there: the rest of the request is of no use to anyone. Pipelined requests go on, for their
    /// own answers.
    pub(super) fn answered(&mut self) {
        if self.marks.is_empty() && !self.is_over() {
            self.writing = Writing::LeftOff;
        }
    }

    /// Writes what can be written without waiting, up to the next piece's end; `sign` is whether the server has
    /// given one. Says whether anything moved.
    pub(super) fn poll(&mut self, socket: &mut Socket, cx: &mut Context<'_>, sign: bool) -> bool {
        match &mut self.writing {
            Writing::Until(end) => {
                let end = *end;
                if self.written == end {
                    self.writing = Writing::Flush;
                    return true;
                }
                match socket.poll_write(cx, &self.bytes[self.written..end]) {
                    Poll::Ready(Ok(count)) if count > 0 => {
                        self.wrote(count);
                        true
                    }
                    Poll::Ready(_) => {
                        self.writing = Writing::Broken;
                        true
                    }
                    Poll::Pending => false,
                }
            }
            Writing::Flush => match socket.poll_flush(cx) {
                Poll::Ready(Ok(())) => {
                    self.writing = self.after_piece();
                    true
                }
                Poll::Ready(Err(_)) => {
                    self.writing = Writing::Broken;
                    true
                }
                Poll::Pending => false,
            },
            Writing::Pause(pause) => {
                let over = pause.as_mut().poll(cx).is_ready();
                if over {
                    self.writing = self.next_piece();
                }
                over
            }
            Writing::AwaitSign(wait) => {
                let over = sign || wait.as_mut().poll(cx).is_ready();
                if over {
                    self.writing = Writing::Until(self.bytes.len());
                }
                over
            }
            Writing::Done | Writing::LeftOff | Writing::Broken => false,
        }
    }

    fn wrote(&mut self, count: usize) {
        self.written += count;
        for (end, at) in &mut self.marks {
            if *end <= self.written && at.is_none() {
                *at = Some(Instant::now());
            }
        }
    }

    /// Where the piece that begins now ends.
    fn next_piece(&self) -> Writing {
        let all = self.bytes.len();
        let end = match &self.pieces {
            Pieces::Whole => all,
            Pieces::Every { size, .. } => self.written.saturating_add((*size).max(1)),
            Pieces::At { cuts, .. } => cuts
                .iter()
                .copied()
                .find(|cut| *cut > self.written)
                .unwrap_or(all),
            Pieces::AfterHead { .. } => self.head,
            Pieces::OnlyFirst(count) => *count,
        };
        Writing::Until(end.min(all))
    }

    /// What follows the piece that is out now.
    fn after_piece(&mut self) -> Writing {
        if self.written >= self.bytes.len() {
            self.sent_at = Some(Instant::now());
            return Writing::Done;
        }
        let pause = match &self.pieces {
            Pieces::AfterHead { wait } => return Writing::AwaitSign(Box::pin(sleep(*wait))),
            Pieces::OnlyFirst(_) => return Writing::LeftOff,
            Pieces::Every { pause, .. } | Pieces::At { pause, .. } => *pause,
            Pieces::Whole => Duration::ZERO,
        };
        if pause.is_zero() {
            self.next_piece()
        } else {
            Writing::Pause(Box::pin(sleep(pause)))
        }
    }
}
