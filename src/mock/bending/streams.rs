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
