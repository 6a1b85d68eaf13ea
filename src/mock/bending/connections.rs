//! What is remembered of a connection from one request to the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;

use crate::mock::request::Asked;

use super::{Seam, When, always, head};

/// A value for each connection.
pub(in crate::mock) struct PerConnection<T>(Arc<Mutex<HashMap<u64, T>>>);

impl<T> Clone for PerConnection<T> {
    fn clone(&self) -> Self {
        PerConnection(Arc::clone(&self.0))
    }
}

impl<T> Default for PerConnection<T> {
    fn default() -> Self {
        PerConnection(Arc::default())
    }
}

impl<T: Clone> PerConnection<T> {
    /// What was put there last for that request's connection.
    pub(in crate::mock) fn get(&self, asked: &Asked) -> Option<T> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(&asked.connection).cloned()
    }

    /// The same, and from then on nothing.
    pub(in crate::mock) fn take(&self, asked: &Asked) -> Option<T> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.remove(&asked.connection)
    }

    /// Puts it there; gives what was there before.
    pub(in crate::mock) fn put(&self, asked: &Asked, value: T) -> Option<T> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.insert(asked.connection, value)
    }
}

/// Which answers a connection has had.
#[derive(Clone, Default)]
pub(in crate::mock) struct Last(PerConnection<Vec<Given>>);

/// An answer that was given.
#[derive(Debug, Clone, Copy)]
struct Given {
    method_is_post: bool,
    status: StatusCode,
    stream: bool,
}

impl Last {
    /// The seam that takes note; a deviation with this memory has to have it.
    pub(in crate::mock) fn seam(&self) -> Seam {
        let last = self.clone();
        head(always, move |asked, head| {
            let mut given = last.0.get(asked).unwrap_or_default();
            given.push(Given {
                method_is_post: asked.method == "POST",
                status: head.status,
                stream: asked.mode == crate::mock::request::Mode::Stream,
            });
            last.0.put(asked, given);
        })
    }

    /// The last answer on the connection was one to a POST with that status.
    pub(in crate::mock) fn was(&self, status: u16) -> When {
        self.last(move |given| given.method_is_post && given.status == status)
    }

    /// Some answer on the connection was one to a POST with that status.
    pub(in crate::mock) fn ever(&self, status: u16) -> When {
        let last = self.clone();
        When::is(move |asked| {
            last.0
                .get(asked)
                .unwrap_or_default()
                .iter()
                .any(|given| given.method_is_post && given.status == status)
        })
    }

    /// The last answer on the connection was a stream.
    pub(in crate::mock) fn was_a_stream(&self) -> When {
        self.last(|given| given.stream && given.status == 200)
    }

    /// The last answer on the connection was one to a preflight.
    pub(in crate::mock) fn was_a_preflight(&self) -> When {
        self.last(|given| !given.method_is_post && given.status == 204)
    }

    fn last(&self, holds: impl Fn(&Given) -> bool + Send + Sync + 'static) -> When {
        let last = self.clone();
        When::is(move |asked| {
            last.0
                .get(asked)
                .unwrap_or_default()
                .last()
                .is_some_and(&holds)
        })
    }
}
