//! The rules, a file per group. Each is a function from an answer to checks.

use crate::contract::BODY_8;
use crate::judge::{Answer, Check, Mode};

pub mod cors;
pub mod error;
pub mod limit;
pub mod reply;
pub mod stream;
pub mod timeout;
pub mod wire;

/// BODY-8: a 200 has the shape that `stream` asks for. A body that is neither is for REPLY and STREAM to tell of.
pub fn shape(answer: &Answer<'_>, mode: Mode) -> Option<Check> {
    let is_reply = || {
        answer
            .json()
            .is_ok_and(|json| json.root.get("choices").is_some())
    };
    let is_stream = || answer.stream().chunks().next().is_some();
    let (expected, wrong) = match mode {
        Mode::Json => ("a JSON answer", is_stream() && !is_reply()),
        Mode::Stream => ("a stream of events", is_reply() && !is_stream()),
    };
    wrong.then(|| Check::violation(BODY_8, "shape", expected, answer.summary()))
}
