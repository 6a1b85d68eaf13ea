//! Events of streams.

use bytes::Bytes;
use serde_json::Value;

use crate::contract::DONE;
use crate::mock::request::Asked;
use crate::mock::stream::Event;

use super::{Seam, When, only};

/// Changes the events of every stream.
pub(in crate::mock) fn stream_events(
    when: impl Into<When>,
    change: impl Fn(&Asked, &mut Vec<Event>) + Send + Sync + 'static,
) -> Seam {
    Seam::Events(only(when, change))
}

/// Changes every chunk of every stream: its index, from 0, and its JSON.
pub(in crate::mock) fn each_chunk(
    when: impl Into<When>,
    change: impl Fn(usize, &mut Value) + Send + Sync + 'static,
) -> Seam {
    stream_events(when, move |_, events| {
        chunks(events, &change);
    })
}

/// Changes every chunk among these events.
pub(in crate::mock) fn chunks(events: &mut [Event], change: impl Fn(usize, &mut Value)) {
    let mut index = 0;
    for event in events {
        if let Event::Data(data) = event
            && data != DONE
            && let Ok(mut chunk) = serde_json::from_str(data)
        {
            change(index, &mut chunk);
            index += 1;
            *data = chunk.to_string();
        }
    }
}

/// Which chunks of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mock) enum At {
    /// Every one.
    Every,
    /// The first.
    First,
    /// The third: neither first nor last.
    Third,
    /// Those from that index on, from 0.
    From(usize),
    /// The last that has text.
    LastText,
    /// The last, which has the `finish_reason`.
    Last,
}

impl At {
    /// Where these chunks stand among the events.
    fn among(self, events: &[Event]) -> Vec<usize> {
        let all: Vec<usize> = events
            .iter()
            .enumerate()
            .filter(|(_, event)| matches!(event, Event::Data(data) if data != DONE))
            .map(|(index, _)| index)
            .collect();
        let one = |at: Option<usize>| at.and_then(|at| all.get(at)).copied().into_iter().collect();
        match self {
            At::Every => all,
            At::First => one(Some(0)),
            At::Third => one(Some(2)),
            At::From(first) => all.into_iter().skip(first).collect(),
            At::LastText => one(all.len().checked_sub(2)),
            At::Last => one(all.len().checked_sub(1)),
        }
    }
}

/// Changes the JSON of these chunks.
pub(in crate::mock) fn chunk_at(
    when: impl Into<When>,
    at: At,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Seam {
    stream_events(when, move |_, events| {
        for index in at.among(events) {
            chunks(&mut events[index..=index], |_, chunk| change(chunk));
        }
    })
}

/// Sends other bytes for these chunks, framed as an honest server frames them.
pub(in crate::mock) fn chunk_bytes(
    when: impl Into<When>,
    at: At,
    change: impl Fn(String) -> Vec<u8> + Send + Sync + 'static,
) -> Seam {
    stream_events(when, move |_, events| {
        for index in at.among(events) {
            if let Event::Data(data) = &events[index] {
                events[index] = raw(change(format!("data: {data}\n\n")));
            }
        }
    })
}

/// Sends these bytes in place of `[DONE]`.
pub(in crate::mock) fn done_bytes(
    when: impl Into<When>,
    bytes: impl AsRef<[u8]> + Send + Sync + 'static,
) -> Seam {
    stream_events(when, move |_, events| {
        for event in events {
            if *event == Event::Data(DONE.to_owned()) {
                *event = raw(&bytes);
            }
        }
    })
}

/// Sends these bytes before the event of that index.
pub(in crate::mock) fn inserts(
    when: impl Into<When>,
    index: usize,
    bytes: impl AsRef<[u8]> + Send + Sync + 'static,
) -> Seam {
    stream_events(when, move |_, events| {
        events.insert(index.min(events.len()), raw(&bytes));
    })
}

/// Bytes in a stream, as they are.
pub(in crate::mock) fn raw(bytes: impl AsRef<[u8]>) -> Event {
    Event::Raw(Bytes::copy_from_slice(bytes.as_ref()))
}

/// An event's bytes as an honest server frames them.
pub(in crate::mock) fn text_of(event: &Event) -> Vec<u8> {
    match event {
        Event::Data(data) => format!("data: {data}\n\n").into_bytes(),
        Event::Raw(raw) => raw.to_vec(),
    }
}

/// Changes the text of every chunk of every stream: its index, from 0, and its JSON.
pub(in crate::mock) fn chunk_text(
    when: impl Into<When>,
    change: impl Fn(usize, &str) -> String + Send + Sync + 'static,
) -> Seam {
    stream_events(when, move |_, events| {
        let mut index = 0;
        for event in events {
            if let Event::Data(data) = event
                && data != DONE
            {
                *data = change(index, data);
                index += 1;
            }
        }
    })
}

/// Changes the bytes of every event of every stream, whatever was done to it before: its index, whether it is the
/// last one, and its bytes.
pub(in crate::mock) fn framed(
    when: impl Into<When>,
    change: impl Fn(usize, bool, Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
) -> Seam {
    stream_events(when, move |_, events| {
        let count = events.len();
        for (index, event) in events.iter_mut().enumerate() {
            *event = raw(change(index, index + 1 == count, text_of(event)));
        }
    })
}

/// Where the chunks stand among these events.
pub(in crate::mock) fn places(events: &[Event]) -> Vec<usize> {
    let is_chunk = |event: &Event| matches!(event, Event::Data(data) if data != DONE);
    (0..events.len())
        .filter(|index| is_chunk(&events[*index]))
        .collect()
}

/// A further chunk of the same answer, with that delta; none where the stream has no chunks.
pub(in crate::mock) fn chunk_beside(events: &[Event], delta: Value) -> Option<Value> {
    let first = places(events).first().copied()?;
    let Event::Data(data) = &events[first] else {
        return None;
    };
    let mut chunk: Value = serde_json::from_str(data).ok()?;
    chunk["choices"] = serde_json::json!([{ "index": 0, "delta": delta }]);
    Some(chunk)
}
