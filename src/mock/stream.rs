//! Streams: an answer as events, and the body that sends each when it is due (STREAM).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Frame;
use tokio::time::{Instant, Sleep};

use crate::contract::{CHUNK_OBJECT, DONE};

use super::answer::{Answer, Head};
use super::limits::{Place, Turn};
use super::request::Asked;
use super::server::Server;
use super::words::asks_for_long;

/// An event of a stream, before it is framed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An event with this data, on one line.
    Data(String),
    /// Bytes sent as they are: comments, other fields, other line ends.
    Raw(Bytes),
}

/// When the events of a stream are due, from the request's arrival on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// The first after `first`, each further one `gap` later.
    Even {
        /// Until the first event.
        first: Duration,
        /// From one event to the next.
        gap: Duration,
    },
    /// Each at an instant of its own; those beyond the list with its last.
    Each(Vec<Duration>),
}

impl Schedule {
    /// When the event of that index is due.
    pub fn due(&self, index: usize) -> Duration {
        match self {
            Schedule::Even { first, gap } => {
                first.saturating_add(gap.saturating_mul(u32::try_from(index).unwrap_or(u32::MAX)))
            }
            Schedule::Each(dues) => dues.get(index).or(dues.last()).copied().unwrap_or_default(),
        }
    }
}

/// How a stream ends after its last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As its framing says, so long after the last event was due.
    Clean(Duration),
    /// The connection is broken off.
    Broken,
    /// Not at all: the connection stays open until the client leaves.
    Never,
    /// Not at all: the last event comes again and again, each so long after the one before it.
    Forever(Duration),
}

/// The times of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pacing {
    /// When its events are due.
    pub schedule: Schedule,
    /// How it ends.
    pub ending: Ending,
}

/// The gap between two chunks of a long answer, at least: a hundred of them keep the stream open for a second.
const LONG_GAP: Duration = Duration::from_millis(10);

impl Pacing {
    /// The honest pacing, having passed its seam.
    pub(super) fn of(server: &Server, asked: &Asked) -> Self {
        let config = &server.config;
        let gap = if asks_for_long(asked.prompt()) {
            config.gap.max(LONG_GAP)
        } else {
            config.gap
        };
        let mut pacing = Self {
            schedule: Schedule::Even {
                first: config.ttft,
                gap,
            },
            ending: Ending::Clean(Duration::ZERO),
        };
        config.bend.pacing(asked, &mut pacing);
        pacing
    }
}

/// The answer as events, in the shape of the documented sample: every chunk has a delta with content, the last one an
/// empty delta and a `finish_reason`, then `[DONE]`. With a stamp, every chunk has room for one.
fn events(answer: &Answer, stamps: bool) -> Vec<Event> {
    let id = quoted(&answer.id);
    let stamp = if stamps { UNSTAMPED } else { "" };
    let chunk = |choice: &str| {
        Event::Data(format!(
            r#"{{"id":{id},"object":"{CHUNK_OBJECT}",{stamp}"choices":[{choice}]}}"#
        ))
    };
    let contents = answer.pieces.iter().map(|piece| {
        chunk(&format!(
            r#"{{"index":0,"delta":{{"content":{}}}}}"#,
            quoted(piece)
        ))
    });
    let last = [
        chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#),
        Event::Data(DONE.to_owned()),
    ];
    contents.chain(last).collect()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The stream of an answer, events and pacing having passed their seams.
pub(super) fn stream(
    server: &Arc<Server>,
    asked: &Asked,
    answer: &Answer,
    pacing: Pacing,
    place: Option<Place>,
    turn: Turn,
) -> Response {
    let mut events = events(answer, server.config.stamps);
    server.config.bend.events(asked, &mut events);
    let mut head = Head::new(asked, StatusCode::OK);
    head.push(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    head.push(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let start = turn.came.unwrap_or(asked.at);
    let open = Open::new(server, place, turn);
    let body = EventBody::new(&events, start.into(), pacing, open);
    head.with(server, asked, Body::new(body))
}

/// The member of a chunk that tells when it was sent, before it has been: room for any number, spaces before it.
const UNSTAMPED: &str = concat!("\"sent_ns\":", "                   0", ",");

/// Writes the time into a chunk that has room for it.
fn stamp(event: &mut [u8]) {
    let Some(at) = memchr::memmem::find(event, UNSTAMPED.as_bytes()) else {
        return; // a comment, or `[DONE]`
    };
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // The clock counts from the machine's start: it is never negative, and its numbers are never too long.
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(now.tv_nsec).unwrap_or_default();
    let digits = seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanos)
        .to_string();
    let end = at + UNSTAMPED.len() - 1;
    event[end - digits.len()..end].copy_from_slice(digits.as_bytes());
}

/// The events of a stream, framed, while they wait. What an event has in common with the first one, at its begin and
/// at its end, is kept once: of a chunk little more than its text is left.
struct Packed {
    first: Box<[u8]>,
    rest: Box<[u8]>,
    parts: Box<[Parts]>,
}

/// An event: so many bytes of the first one's begin, the rest from where the event before it ended, and so many bytes
/// of the first one's end. There is one for every chunk of every open stream: eight bytes.
struct Parts {
    head: u16,
    tail: u16,
    rest_end: u32,
}

impl Packed {
    fn of(events: &[Event]) -> Self {
        const LONGEST: usize = u16::MAX as usize; // what more they have in common is kept as the rest
        let mut first = Vec::new();
        let mut rest = Vec::new();
        let mut framed = Vec::new();
        let parts = events
            .iter()
            .enumerate()
            .map(|(index, event)| {
                framed.clear();
                match event {
                    Event::Data(data) => {
                        framed.extend_from_slice(b"data: ");
                        framed.extend_from_slice(data.as_bytes());
                        framed.extend_from_slice(b"\n\n");
                    }
                    Event::Raw(raw) => framed.extend_from_slice(raw),
                }
                if index == 0 {
                    first.clone_from(&framed);
                }
                let pairs = framed.iter().zip(&first);
                let head = pairs
                    .take(LONGEST)
                    .take_while(|(one, other)| one == other)
                    .count();
                let pairs = framed[head..].iter().rev().zip(first[head..].iter().rev());
                let tail = pairs
                    .take(LONGEST)
                    .take_while(|(one, other)| one == other)
                    .count();
                rest.extend_from_slice(&framed[head..framed.len() - tail]);
                Parts {
                    head: head as u16, // LONGEST at most
                    tail: tail as u16,
                    rest_end: u32::try_from(rest.len()).expect("no answer has 4 GiB"),
                }
            })
            .collect();
        Self {
            first: first.into(),
            rest: rest.into(),
            parts,
        }
    }

    fn len(&self) -> usize {
        self.parts.len()
    }

    /// The bytes of the event of that index.
    fn event(&self, index: usize) -> Vec<u8> {
        let Parts {
            head,
            tail,
            rest_end,
        } = self.parts[index];
        let begin = index
            .checked_sub(1)
            .map_or(0, |before| self.parts[before].rest_end as usize);
        [
            &self.first[..usize::from(head)],
            &self.rest[begin..rest_end as usize],
            &self.first[self.first.len() - usize::from(tail)..],
        ]
        .concat()
    }
}

/// A body that yields each event when it is due: three allocations for all events, one timer, no task and no channel,
/// so that ten thousand of them fit beside each other.
struct EventBody {
    events: Packed,
    next: usize,
    start: Instant,
    pacing: Pacing,
    timer: Option<Pin<Box<Sleep>>>,
    /// An event was just handed over, and has to be flushed before the next one.
    unflushed: bool,
    open: Open,
}

/// A stream's entry in the journal, and its place; both end with it.
struct Open {
    server: Arc<Server>,
    place: Option<Place>,
    finished: bool,
    /// Dropped last: who finds a slot free finds the stream ended in the journal.
    _turn: Turn,
}

impl Open {
    fn new(server: &Arc<Server>, place: Option<Place>, turn: Turn) -> Self {
        server.ledger.note(|journal| journal.streams_open += 1);
        Self {
            server: Arc::clone(server),
            place,
            finished: false,
            _turn: turn,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // The place first: who waits for the stream's end in the journal may count on it.
        self.place = None;
        let finished = self.finished;
        self.server.ledger.note(|journal| {
            journal.streams_open = journal.streams_open.saturating_sub(1);
            if finished {
                journal.streams_finished += 1;
            } else {
                journal.streams_aborted += 1;
            }
        });
    }
}

impl EventBody {
    fn new(events: &[Event], start: Instant, pacing: Pacing, open: Open) -> Self {
        Self {
            events: Packed::of(events),
            next: 0,
            start,
            pacing,
            timer: None,
            unflushed: false,
            open,
        }
    }

    /// Ready once that instant has come. It is absolute: a late event doesn't delay the ones after it.
    fn poll_due(&mut self, after: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.start.checked_add(after) else {
            return Poll::Pending; // so far away that it never comes
        };
        if Instant::now() >= due {
            return Poll::Ready(());
        }
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        let polled = timer.as_mut().poll(cx);
        if polled.is_pending() {
            self.unflushed = false;
        }
        polled
    }

    /// Pending once after each event, so that the connection flushes it before anything else happens.
    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.unflushed) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.pacing.ending {
            Ending::Clean(after) => {
                let last = self.last_due();
                std::task::ready!(self.poll_due(last.saturating_add(after), cx));
                self.open.finished = true;
                Poll::Ready(None)
            }
            Ending::Broken => {
                std::task::ready!(self.poll_flushed(cx));
                Poll::Ready(Some(Err(io::Error::other("the stream was made to break"))))
            }
            Ending::Never => Poll::Pending,
            Ending::Forever(gap) => {
                let Some(last) = self.events.len().checked_sub(1) else {
                    return Poll::Pending; // there is nothing to say again
                };
                let times = u32::try_from(self.next - last).unwrap_or(u32::MAX);
                let due = self.last_due().saturating_add(gap.saturating_mul(times));
                self.poll_event(last, due, cx)
            }
        }
    }

    /// When the last event is due.
    fn last_due(&self) -> Duration {
        let last = self.events.len().saturating_sub(1);
        self.pacing.schedule.due(last)
    }

    /// That event, once it is due.
    fn poll_event(
        &mut self,
        index: usize,
        due: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        std::task::ready!(self.poll_due(due, cx));
        // Overdue events must not share a write.
        std::task::ready!(self.poll_flushed(cx));
        let mut event = self.events.event(index);
        self.next += 1;
        self.unflushed = true;
        if self.open.server.config.stamps {
            stamp(&mut event);
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(event)))))
    }
}

impl hyper::body::Body for EventBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.next >= self.events.len() {
            return self.poll_end(cx);
        }
        let (index, due) = (self.next, self.pacing.schedule.due(self.next));
        let event = std::task::ready!(self.poll_event(index, due, cx));
        if self.next == self.events.len() {
            // The client may take the last event for the end, and come with its next request (LIMIT-3).
            self.open.place = None;
        }
        Poll::Ready(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_the_documented_shape() {
        let answer = Answer {
            id: "chatcmpl-1".to_owned(),
            created: 0,
            model: "m".to_owned(),
            pieces: vec!["I ".to_owned(), "\"can\"\n".to_owned()],
            prompt_tokens: 1,
        };
        let data: Vec<String> = events(&answer, false)
            .into_iter()
            .map(|event| match event {
                Event::Data(data) => data,
                Event::Raw(raw) => panic!("{raw:?}"),
            })
            .collect();
        assert_eq!(
            data,
            [
                r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"I "}}]}"#,
                r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"\"can\"\n"}}]}"#,
                r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                "[DONE]",
            ]
        );
    }

    #[test]
    fn packed_events_are_what_they_were_and_small() {
        let answer = Answer {
            id: "chatcmpl-0123456789abcdef01234567".to_owned(),
            created: 0,
            model: "m".to_owned(),
            pieces: (0..200).map(|n| format!("word {n} ")).collect(),
            prompt_tokens: 1,
        };
        let mut events = events(&answer, true);
        events.insert(2, Event::Raw(Bytes::from_static(b": hello\n\n")));
        events.push(Event::Raw(Bytes::new()));
        let mut long = vec![Event::Data("x".repeat(200_000)); 2];
        long.push(Event::Data("x".repeat(100)));
        for (index, event) in long.iter().enumerate() {
            let Event::Data(data) = event else { continue };
            assert_eq!(
                Packed::of(&long).event(index),
                format!("data: {data}\n\n").into_bytes()
            );
        }
        let packed = Packed::of(&events);
        assert_eq!(packed.len(), events.len());
        for (index, event) in events.iter().enumerate() {
            let framed = match event {
                Event::Data(data) => format!("data: {data}\n\n").into_bytes(),
                Event::Raw(raw) => raw.to_vec(),
            };
            assert_eq!(packed.event(index), framed);
        }
        let size = packed.first.len() + packed.rest.len() + size_of_val(&*packed.parts);
        assert!(size < 5 * 1024, "{size} bytes for 200 chunks");
        assert_eq!(Packed::of(&[]).len(), 0);
    }

    #[test]
    fn a_stamp_fills_its_room_and_nothing_else() {
        let plain = format!(r#"{{"id":"\"sent_ns\":",{UNSTAMPED}"choices":[]}}"#);
        let mut stamped = plain.clone().into_bytes();
        stamp(&mut stamped);
        assert_eq!(stamped.len(), plain.len());
        let json: serde_json::Value = serde_json::from_slice(&stamped).unwrap();
        assert!(json["sent_ns"].as_u64().is_some_and(|at| at > 0), "{json}");
        assert_eq!(json["id"], "\"sent_ns\":");
        let mut done = b"data: [DONE]\n\n".to_vec();
        stamp(&mut done);
        assert_eq!(done, b"data: [DONE]\n\n");
    }

    #[test]
    fn schedules_are_absolute() {
        let ms = Duration::from_millis;
        let even = Schedule::Even {
            first: ms(5),
            gap: ms(2),
        };
        assert_eq!([even.due(0), even.due(3)], [ms(5), ms(11)]);
        let each = Schedule::Each(vec![ms(1), ms(9)]);
        assert_eq!(
            [each.due(0), each.due(1), each.due(7)],
            [ms(1), ms(9), ms(9)]
        );
        assert_eq!(Schedule::Each(Vec::new()).due(0), ms(0));
    }
}
