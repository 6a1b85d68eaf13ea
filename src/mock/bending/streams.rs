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
