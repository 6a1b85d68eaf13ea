//! The seams: the few fixed places where the honest path lets itself be bent.
//!
//! Each is a method of [`Bend`] whose default passes what it was given. What bends keeps its own state (one value
//! serves the whole mock) and finds a connection's by [`Asked::connection`].

use std::sync::Arc;

use crate::contract::size;

use super::answer::{Answer, Head, Payload};
use super::guards::{Decision, Guard, Refusal};
use super::request::Asked;
use super::server::Connection;
use super::socket::Tap;
use super::stream::{Event, Pacing};

/// What bends the honest path; every method's default changes nothing.
pub trait Bend: Send + Sync {
    /// How many bytes of a body are read before it is refused unseen.
    fn reach(&self) -> usize {
        size::BINARY_LIMIT
    }

    /// The decision seam, guard by guard: what this guard says of the request. An error ends the row of guards; `Ok`
    /// lets the request on to the next one, whatever the honest verdict was.
    fn guard(
        &self,
        _asked: &Asked,
        _guard: Guard,
        verdict: Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        verdict
    }

    /// The decision seam, whole: which answer the request gets.
    fn decision(&self, _asked: &Asked, decision: Decision) -> Decision {
        decision
    }

    /// What an answer says, before it is shaped as a reply or as events.
    fn answer(&self, _asked: &Asked, _answer: &mut Answer) {}

    /// The head seam: status and fields of any answer. Fields that frame the body (`Content-Length`,
    /// `Transfer-Encoding`) and what no HTTP library would write are the socket seam's.
    fn head(&self, _asked: &Asked, _head: &mut Head) {}

    /// The body seam: the JSON body of a reply or an error.
    fn json(&self, _asked: &Asked, _payload: &mut Payload) {}

    /// Whether the body seam is bent at all: where it is not, no value is made for it.
    fn bends_json(&self) -> bool {
        true
    }

    /// The event seam: a stream's events, `[DONE]` included, before they are framed.
    fn events(&self, _asked: &Asked, _events: &mut Vec<Event>) {}

    /// The pacing seam: when each event is due and how the stream ends. A JSON reply goes out when the last event
    /// would be due.
    fn pacing(&self, _asked: &Asked, _pacing: &mut Pacing) {}

    /// The socket seam: what sees a connection's incoming bytes and may change its outgoing ones; asked once for each
    /// connection of HTTP/1.1, over TLS too (what was decrypted, what will be encrypted). HTTP/2 has frames in its place,
    /// and nothing sits on its connections.
    fn socket(&self, _connection: &Arc<Connection>) -> Option<Box<dyn Tap>> {
        None
    }
}

/// Bends nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Honest;

impl Bend for Honest {
    fn bends_json(&self) -> bool {
        false
    }
}
