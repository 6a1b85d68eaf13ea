//! The words that deviations are told in: conditions ([`When`]), and what is bent where.
//!
//! A word that three deviations need belongs here; what one needs is a closure beside it. None of them knows a rule.

mod bodies;
mod connections;
mod readings;
mod refusals;
mod sockets;
mod streams;
mod texts;
mod turned;
mod when;

use std::sync::Arc;

use super::answer::{Answer, Head, Payload};
use super::guards::{Decision, Guard, Refusal};
use super::request::Asked;
use super::server::Connection;
use super::socket::Tap;
use super::stream::{Event, Pacing};

pub(super) use bodies::{
    HTML, body_text, error_bytes, error_json, error_of, media_type, ok_head, page, put,
    reply_bytes, reply_json, take,
};
pub(super) use connections::{Last, PerConnection};
pub(super) use readings::{
    a_message, answers_as, overlooks, reads_as, reads_messages_as, refuses_in_stream, text,
};
pub(super) use refusals::{
    answered, forgives, recodes, redirects, refuses, refuses_by, restatus, rewords, swaps,
    told_in_stream, turned_away,
};
pub(super) use sockets::{
    Heads, Piece, answers_of, as_chunk, chunk_data, close, field_added, head_and_body,
    head_bytes_and_body, heads, length_as, send, stream_pieces, whole_answers, with_field, without,
};
pub(super) use streams::{
    At, chunk_at, chunk_beside, chunk_bytes, chunk_text, chunks, done_bytes, each_chunk, framed,
    inserts, places, raw, stream_events, text_of,
};
pub(super) use texts::{escaped, numbers, strings};
pub(super) use turned::{apologises, denies, streamed};
pub(super) use when::{When, always, body, messages};

/// A verdict of a guard.
pub(super) type Verdict = Result<(), Refusal>;

type OnGuard = Box<dyn Fn(&Asked, Guard, Verdict) -> Verdict + Send + Sync>;
type OnDecision = Box<dyn Fn(&Asked, Decision) -> Decision + Send + Sync>;
type OnSocket = Box<dyn Fn(&Arc<Connection>) -> Option<Box<dyn Tap>> + Send + Sync>;
type On<T> = Box<dyn Fn(&Asked, &mut T) + Send + Sync>;

/// A seam with what bends it: one method of [`Bend`](super::Bend).
pub(super) enum Seam {
    Reach(usize),
    Guard(OnGuard),
    Decision(OnDecision),
    Answer(On<Answer>),
    Head(On<Head>),
    Json(On<Payload>),
    Events(On<Vec<Event>>),
    Pacing(On<Pacing>),
    Socket(OnSocket),
}

/// Reads bodies of up to so many bytes before it refuses them for their size.
pub(super) fn reads(bytes: usize) -> Seam {
    Seam::Reach(bytes)
}

/// Bends a guard's verdict.
pub(super) fn guard(
    bend: impl Fn(&Asked, Guard, Verdict) -> Verdict + Send + Sync + 'static,
) -> Seam {
    Seam::Guard(Box::new(bend))
}

/// Bends the whole decision.
pub(super) fn decision(
    bend: impl Fn(&Asked, Decision) -> Decision + Send + Sync + 'static,
) -> Seam {
    Seam::Decision(Box::new(bend))
}

/// Bends what the agent says.
pub(super) fn answer(
    when: impl Into<When>,
    bend: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static,
) -> Seam {
    Seam::Answer(only(when, bend))
}

/// Bends the head of any answer.
pub(super) fn head(
    when: impl Into<When>,
    bend: impl Fn(&Asked, &mut Head) + Send + Sync + 'static,
) -> Seam {
    Seam::Head(only(when, bend))
}

/// Bends a JSON body, of a reply or an error.
pub(super) fn json(
    when: impl Into<When>,
    bend: impl Fn(&Asked, &mut Payload) + Send + Sync + 'static,
) -> Seam {
    Seam::Json(only(when, bend))
}

/// Bends the times of an answer.
pub(super) fn pacing(
    when: impl Into<When>,
    bend: impl Fn(&Asked, &mut Pacing) + Send + Sync + 'static,
) -> Seam {
    Seam::Pacing(only(when, bend))
}

/// Sits on every connection for which there is a tap.
pub(super) fn socket(
    bend: impl Fn(&Arc<Connection>) -> Option<Box<dyn Tap>> + Send + Sync + 'static,
) -> Seam {
    Seam::Socket(Box::new(bend))
}

/// Bends only where the condition holds.
fn only<T: 'static>(
    when: impl Into<When>,
    bend: impl Fn(&Asked, &mut T) + Send + Sync + 'static,
) -> On<T> {
    let when = when.into();
    Box::new(move |asked, what| {
        if when.holds(asked) {
            bend(asked, what);
        }
    })
}
