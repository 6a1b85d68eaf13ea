//! Requests: how their bodies are read, and in which mode they are answered.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::contract::{DONE, ErrorCode};
use crate::mock::guards::{Decision, Guard, Refusal};
use crate::mock::request::{Asked, Mode, understand};
use crate::mock::stream::Event;

use super::{Seam, When, always, body, decision, guard, stream_events};

/// The body's text.
pub(in crate::mock) fn text(asked: &Asked) -> Cow<'_, str> {
    String::from_utf8_lossy(&asked.body)
}

/// Judges a body that is JSON as if it had been changed so.
pub(in crate::mock) fn reads_as(
    when: impl Into<When>,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Seam {
    let when = when.into();
    guard(move |asked, guard, verdict| {
        if guard != Guard::Body || !when.holds(asked) {
            return verdict;
        }
        let Some(mut value) = body(asked) else {
            return verdict;
        };
        change(&mut value);
        match understand(value.to_string().as_bytes()).1 {
            Ok(_) => Ok(()),
            // What was refused as it stood keeps its own refusal.
            Err(why) => verdict.and(Err(Refusal::documented(ErrorCode::InvalidRequest, why.0))),
        }
    })
}

/// The same, message by message: its index, how many there are, and what stands there.
pub(in crate::mock) fn reads_messages_as(
    when: impl Into<When>,
    change: impl Fn(usize, usize, &mut Value) + Send + Sync + 'static,
) -> Seam {
    reads_as(when, move |body| {
        if let Some(Value::Array(messages)) = body.get_mut("messages") {
            let count = messages.len();
            for (at, message) in messages.iter_mut().enumerate() {
                change(at, count, message);
            }
        }
    })
}

/// Doesn't look at the messages at these places: index, and how many there are.
pub(in crate::mock) fn overlooks(
    when: impl Into<When>,
    places: impl Fn(usize, usize) -> bool + Send + Sync + 'static,
) -> Seam {
    reads_messages_as(when, move |at, count, message| {
        if places(at, count) {
            *message = a_message();
        }
    })
}

/// A message that is as it should be.
pub(in crate::mock) fn a_message() -> Value {
    json!({ "role": "user", "content": "Hello." })
}

/// Answers in that mode, whatever was asked for.
pub(in crate::mock) fn answers_as(when: impl Into<When>, mode: Mode) -> Seam {
    let when = when.into();
    decision(move |asked, decision| match decision {
        Decision::Answer { place, .. } if when.holds(asked) => Decision::Answer { mode, place },
        decision => decision,
    })
}

/// Tells of refusals with that status inside a stream: 200, an event with the error, `[DONE]`.
pub(in crate::mock) fn refuses_in_stream(status: u16, when: impl Into<When>) -> [Seam; 2] {
    let when = when.into();
    let refused = Arc::new(Mutex::new(HashMap::new()));
    let told = Arc::clone(&refused);
    let deciding = decision(move |asked, decision| match decision {
        Decision::Refuse(refusal) if refusal.status == status && when.holds(asked) => {
            let error = json!({ "code": refusal.code, "message": refusal.message });
            let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
            refused.insert(asked.serial, json!({ "error": error }));
            Decision::Answer {
                mode: Mode::Stream,
                place: None,
            }
        }
        decision => decision,
    });
    let telling = stream_events(always, move |asked, events| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = told.remove(&asked.serial) {
            *events = vec![Event::Data(error.to_string()), Event::Data(DONE.to_owned())];
        }
    });
    [deciding, telling]
}
