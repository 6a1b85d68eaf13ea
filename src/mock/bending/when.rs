//! Conditions on a request.

use axum::http::header;
use serde_json::Value;

use crate::mock::request::{Asked, Mode, Route};
use crate::mock::words::asks_for_long;
use crate::secret::ApiKey;

/// A condition on a request.
pub(in crate::mock) struct When(Box<dyn Fn(&Asked) -> bool + Send + Sync>);

impl<F: Fn(&Asked) -> bool + Send + Sync + 'static> From<F> for When {
    fn from(condition: F) -> When {
        When(Box::new(condition))
    }
}

/// Holds for every request.
pub(in crate::mock) fn always(_: &Asked) -> bool {
    true
}

impl When {
    /// A closure as a condition.
    pub(in crate::mock) fn is(condition: impl Fn(&Asked) -> bool + Send + Sync + 'static) -> When {
        When(Box::new(condition))
    }

    pub(in crate::mock) fn holds(&self, asked: &Asked) -> bool {
        (self.0)(asked)
    }

    /// Where both hold.
    pub(in crate::mock) fn and(self, other: impl Into<When>) -> When {
        let other = other.into();
        When::is(move |asked| self.holds(asked) && other.holds(asked))
    }

    /// Where it does not hold.
    pub(in crate::mock) fn not(self) -> When {
        When::is(move |asked| !self.holds(asked))
    }

    /// A stream is asked for.
    pub(in crate::mock) fn stream() -> When {
        When::is(|asked| asked.mode == Mode::Stream)
    }

    /// A JSON answer is asked for.
    pub(in crate::mock) fn json() -> When {
        When::is(|asked| asked.mode == Mode::Json)
    }

    /// It is at least that request of its connection, from 1.
    pub(in crate::mock) fn from_request(number: u64) -> When {
        When::is(move |asked| asked.number >= number)
    }

    /// The body has more bytes than that.
    pub(in crate::mock) fn body_over(bytes: usize) -> When {
        When::is(move |asked| asked.body.len() > bytes)
    }

    /// The body came in chunks, its length not announced.
    pub(in crate::mock) fn chunked() -> When {
        When::field("transfer-encoding")
    }

    /// The request has that field.
    pub(in crate::mock) fn field(name: &'static str) -> When {
        When::is(move |asked| asked.headers.contains_key(name))
    }

    /// Another stream runs.
    pub(in crate::mock) fn beside_a_stream() -> When {
        When::is(|asked| asked.around.streams_open > 0)
    }

    /// A stream was broken off before.
    pub(in crate::mock) fn after_an_abort() -> When {
        When::is(|asked| asked.around.streams_aborted > 0)
    }

    /// The prompt asks for an answer that takes long: it has a hundred lines.
    pub(in crate::mock) fn long_answer() -> When {
        When::is(|asked| asks_for_long(asked.prompt()))
    }

    /// The method is that one.
    pub(in crate::mock) fn method(name: &'static str) -> When {
        When::is(move |asked| asked.method == name)
    }

    /// The path names that bot.
    pub(in crate::mock) fn bot(id: &str) -> When {
        let id = id.to_owned();
        When::is(move |asked| matches!(&asked.route, Route::Chat(bot) if *bot == id))
    }

    /// The request brings that key, as `Bearer KEY`.
    pub(in crate::mock) fn key(key: &ApiKey) -> When {
        let value = format!("Bearer {}", key.expose());
        When::is(move |asked| {
            asked
                .headers
                .get(header::AUTHORIZATION)
                .is_some_and(|field| field.as_bytes() == value.as_bytes())
        })
    }

    /// The body is a JSON object of which that holds.
    pub(in crate::mock) fn object(
        condition: impl Fn(&serde_json::Map<String, Value>) -> bool + Send + Sync + 'static,
    ) -> When {
        When::is(
            move |asked| matches!(body(asked), Some(Value::Object(object)) if condition(&object)),
        )
    }

    /// The body has a member of that name.
    pub(in crate::mock) fn member(name: &'static str) -> When {
        When::object(move |object| object.contains_key(name))
    }

    /// That holds of the messages, as they were sent.
    pub(in crate::mock) fn messages(
        condition: impl Fn(&[Value]) -> bool + Send + Sync + 'static,
    ) -> When {
        When::is(move |asked| messages(asked).is_some_and(|messages| condition(&messages)))
    }
}

/// The body as JSON, if it is any.
pub(in crate::mock) fn body(asked: &Asked) -> Option<Value> {
    serde_json::from_slice(&asked.body).ok()
}

/// The body's messages, if it has an array of them.
pub(in crate::mock) fn messages(asked: &Asked) -> Option<Vec<Value>> {
    match body(asked)?.get_mut("messages")?.take() {
        Value::Array(messages) => Some(messages),
        _ => None, // no array, no messages
    }
}
