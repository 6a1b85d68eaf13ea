//! Streams: an answer as events, and the body that sends each when it is due (STREAM).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use hyper::body::Frame;
use tokio::time::{Instant, Sleep};

use crate::contract::{CHUNK_OBJECT, DONE};

use super::answer::{Answer, Head};
use super::limits::Place;
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
/// empty delta and a `finish_reason`, then `[DONE]`.
fn events(answer: &Answer) -> Vec<Event> {
    let id = quoted(&answer.id);
    let chunk = |choice: &str| {
        Event::Data(format!(
            r#"{{"id":{id},"object":"{CHUNK_OBJECT}","choices":[{choice}]}}"#
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
) -> Response {
    let mut events = events(answer);
    server.config.bend.events(asked, &mut events);
    let mut head = Head::new(asked, StatusCode::OK);
    head.push(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    head.push(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let body = EventBody::new(server, &events, asked.at.into(), pacing, place);
    head.with(server, asked, Body::new(body))
}

/// A body that yields each event when it is due: one allocation for all bytes, one timer, no task and no channel, so
/// that ten thousand of them fit beside each other.
struct EventBody {
    bytes: Bytes,
    /// Where each event ends in `bytes`, as they were before any was taken off.
    ends: Vec<usize>,
    next: usize,
    taken: usize,
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
    fn new(
        server: &Arc<Server>,
        events: &[Event],
        start: Instant,
        pacing: Pacing,
        place: Option<Place>,
    ) -> Self {
        let mut bytes = BytesMut::new();
        let ends = events
            .iter()
            .map(|event| {
                match event {
                    Event::Data(data) => {
                        bytes.extend_from_slice(b"data: ");
                        bytes.extend_from_slice(data.as_bytes());
                        bytes.extend_from_slice(b"\n\n");
                    }
                    Event::Raw(raw) => bytes.extend_from_slice(raw),
                }
                bytes.len()
            })
            .collect();
        server.ledger.note(|journal| journal.streams_open += 1);
        Self {
            bytes: bytes.freeze(),
            ends,
            next: 0,
            taken: 0,
            start,
            pacing,
            timer: None,
            unflushed: false,
            open: Open {
                server: Arc::clone(server),
                place,
                finished: false,
            },
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
                let last = self.pacing.schedule.due(self.ends.len().saturating_sub(1));
                std::task::ready!(self.poll_due(last.saturating_add(after), cx));
                self.open.finished = true;
                Poll::Ready(None)
            }
            Ending::Broken => {
                std::task::ready!(self.poll_flushed(cx));
                Poll::Ready(Some(Err(io::Error::other("the stream was made to break"))))
            }
            Ending::Never => Poll::Pending,
        }
    }
}

impl hyper::body::Body for EventBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(end) = self.ends.get(self.next).copied() else {
            return self.poll_end(cx);
        };
        let due = self.pacing.schedule.due(self.next);
        std::task::ready!(self.poll_due(due, cx));
        // Overdue events must not share a write.
        std::task::ready!(self.poll_flushed(cx));
        let length = end - self.taken;
        let event = self.bytes.split_to(length);
        self.taken = end;
        self.next += 1;
        self.unflushed = true;
        if self.next == self.ends.len() {
            // The client may take the last event for the end, and come with its next request (LIMIT-3).
            self.open.place = None;
        }
        Poll::Ready(Some(Ok(Frame::data(event))))
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
        let data: Vec<String> = events(&answer)
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
