//! What was measured of one request and its answer.

use super::gaps::Gaps;
use super::order::Order;
use super::sieve::Sieved;
use crate::wire::{Body, End, Framing, Head, Protocol, Unreachable};
use std::time::{Duration, Instant};

/// Why an answer ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// No status line in time.
    Headers,
    /// No byte in time.
    Idle,
    /// Not whole in time.
    Total,
    /// We ended it: on purpose, or at the run's end.
    Ourselves,
}

/// What was measured of one request and its answer.
#[derive(Debug)]
pub(super) struct Measured {
    /// When the request was due.
    pub(super) due: Option<Instant>,
    /// Just before the exchange began, a connect included.
    pub(super) sent: Instant,
    /// How long the connection took to open, where it had to be.
    pub(super) connect: Option<Duration>,
    /// Why there was no connection.
    pub(super) unreachable: Option<Unreachable>,
    /// The head, once it had come.
    pub(super) answered: Option<Answered>,
    pub(super) first_event: Option<Instant>,
    pub(super) first_content: Option<Instant>,
    pub(super) second_content: Option<Instant>,
    pub(super) last_content: Option<Instant>,
    pub(super) contents: u32,
    pub(super) coalesced: u32,
    pub(super) stalls: u32,
    pub(super) longest_gap: Duration,
    pub(super) gaps: Gaps,
    /// The stream, where one was asked for and came.
    pub(super) sieved: Option<Sieved>,
    /// Any other body, whole.
    pub(super) body: Body,
    /// What came behind the answer's end, unasked.
    pub(super) surplus: Vec<u8>,
    pub(super) end: End,
    pub(super) cut: Option<Cut>,
    pub(super) ended: Instant,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    /// What was spoken.
    pub(super) protocol: Protocol,
    /// The connection had been used before.
    pub(super) reused: bool,
    /// How long nothing had come over it before the request was sent.
    pub(super) idle: Duration,
    /// How long nothing had come when it ended.
    pub(super) silence: Duration,
}

/// No server's keep-alive time-out is shorter.
const STALE_AFTER: Duration = Duration::from_secs(1);

/// The head of an answer, and how its body is framed.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) head: Head,
    pub(super) framing: Framing,
}

impl Measured {
    pub(super) fn new(order: &Order) -> Measured {
        let now = Instant::now();
        Measured {
            due: order.due,
            sent: now,
            connect: None,
            unreachable: None,
            answered: None,
            first_event: None,
            first_content: None,
            second_content: None,
            last_content: None,
            contents: 0,
            coalesced: 0,
            stalls: 0,
            longest_gap: Duration::ZERO,
            gaps: Gaps::default(),
            sieved: None,
            body: Body::default(),
            surplus: Vec::new(),
            end: End::Complete,
            cut: None,
            ended: now,
            bytes_sent: 0,
            bytes_received: 0,
            protocol: Protocol::Http1,
            reused: false,
            idle: Duration::ZERO,
            silence: Duration::ZERO,
        }
    }

    pub(super) fn over(mut self, end: End, cut: Option<Cut>, at: Instant) -> Measured {
        self.end = end;
        self.cut = cut;
        self.ended = at;
        self
    }

    /// Whether the connection ended before the first byte of an answer, since nobody had used it for too long. One
    /// that was in use a moment ago was not closed for that: its end is what came of the request.
    pub(super) fn is_stale(&self) -> bool {
        self.reused
            && self.idle >= STALE_AFTER
            && self.answered.is_none()
            && self.bytes_received == 0
            && self.cut.is_none()
            && matches!(self.end, End::Closed | End::Reset)
    }

    /// `count` chunks with content came with one read.
    pub(super) fn contents_came(&mut self, count: u32, at: Instant, stall: Duration) {
        if count == 0 {
            return;
        }
        if let Some(last) = self.last_content {
            let gap = at.saturating_duration_since(last);
            self.gap(gap, stall);
            self.coalesced += u32::from(gap.is_zero());
            if self.second_content.is_none() {
                self.second_content = Some(at);
            }
        } else {
            self.first_content = Some(at);
            if count > 1 {
                self.second_content = Some(at);
            }
        }
        for _ in 1..count {
            self.gap(Duration::ZERO, stall);
            self.coalesced += 1;
        }
        self.contents += count;
        self.last_content = Some(at);
    }

    fn gap(&mut self, gap: Duration, stall: Duration) {
        self.gaps
            .push(u32::try_from(gap.as_micros()).unwrap_or(u32::MAX));
        self.longest_gap = self.longest_gap.max(gap);
        self.stalls += u32::from(gap > stall);
    }
}
