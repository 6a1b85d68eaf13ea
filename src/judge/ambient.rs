//! Ambient rules: what holds of every answer, whatever case asked for it. Their findings stand under their own
//! requirement, in a result of their own.

use super::rules::{error, limit, reply, shape, stream, wire};
use super::{Answer, Check, Mode};
use crate::contract::{
    AUTH_11, BODY_8, ERROR_1, ERROR_2, ErrorCode, FAULT_3, LIMIT_2, REPLY_1, REPLY_2, REPLY_3,
    REPLY_4, REPLY_5, REPLY_6, RequirementId, STREAM_1, STREAM_2, STREAM_3, STREAM_4, STREAM_5,
    STREAM_6, STREAM_7, STREAM_8, STREAM_9, WIRE_1, WIRE_6,
};

/// An ambient rule as a test of a run.
#[derive(Debug)]
pub struct Ambient {
    /// The test's id.
    pub id: &'static str,
    /// Its requirement.
    pub requirement: RequirementId,
    /// Why it exists.
    pub why: &'static str,
}

macro_rules! ambient {
    ($($id:literal $requirement:ident $why:literal;)*) => {
        /// Every ambient rule, in the contract's order.
        pub const AMBIENT: &[Ambient] = &[$(Ambient { id: $id, requirement: $requirement, why: $why },)*];
    };
}

ambient! {
    "body.shape-of-answers" BODY_8 "Whatever else a request has in it, stream decides on the shape of its answer.";
    "auth.challenge" AUTH_11 "A client that is refused learns from WWW-Authenticate how to authenticate.";
    "reply.media-type" REPLY_1 "A client decides by the Content-Type how to read a body.";
    "reply.id" REPLY_2 "Clients log and look up answers by their id.";
    "reply.object" REPLY_3 "OpenAI's clients tell an answer from a chunk by it.";
    "reply.choices" REPLY_4 "The answer itself: every client reads choices[0].message.content.";
    "reply.usage" REPLY_5 "People bill by it.";
    "reply.extras" REPLY_6 "What is legal in a reply, yet trips some JSON readers.";
    "stream.media-type" STREAM_1 "EventSource and every SSE reader refuse another Content-Type.";
    "stream.events" STREAM_2 "A reader by the standard must find a chunk in every event.";
    "stream.chunks" STREAM_3 "Clients read choices[0].delta of every chunk.";
    "stream.done" STREAM_4 "The documented end of a stream: clients wait for it.";
    "stream.utf8" STREAM_5 "One wrong byte turns a character into a replacement mark.";
    "stream.flow" STREAM_6 "A stream that is held back until its end is no stream to the person who waits.";
    "stream.extras" STREAM_7 "What is legal in a stream, yet trips some readers.";
    "stream.whole" STREAM_8 "Half an answer must not pass for a whole one.";
    "stream.own-chunks" STREAM_9 "A chunk of somebody else's answer is a leak.";
    "limit.retry-after" LIMIT_2 "Clients wait as long as they are told.";
    "fault.internals" FAULT_3 "A stack trace tells an attacker what runs inside.";
    "error.code" ERROR_1 "Programs act on the code, not on the prose.";
    "error.shape" ERROR_2 "One error handler should do for all errors.";
    "wire.framing" WIRE_1 "A client must know where an answer ends, and that it is whole.";
    "wire.coding" WIRE_6 "A client that asks for identity may not be able to read anything else.";
}

/// What is known of the request behind an answer.
#[derive(Debug, Clone)]
pub struct Looked<'k> {
    /// What it asked for.
    pub mode: Mode,
    /// Whether it went to the documented path with the documented method: a 200 has the documented shape.
    pub documented: bool,
    /// Whether its errors are documented rows: not where the request is one that the documentation says nothing of,
    /// and the HTTP layer may refuse it by itself (ERROR-1).
    pub documented_errors: bool,
    /// The keys that must not be echoed.
    pub keys: &'k [&'k str],
}

/// Everything that the ambient rules say of an answer: which requirements were looked at, and the findings.
pub fn ambient(answer: &Answer<'_>, looked: &Looked<'_>) -> (Vec<RequirementId>, Vec<Check>) {
    let mut seen = Vec::new();
    let mut found = Vec::new();
    let Some(status) = answer.status() else {
        // No head: whether that is a finding is for the case to say; broken framing is one in any case.
        let broken = wire::findings(answer);
        return (
            broken.iter().map(|check| check.requirement).collect(),
            broken,
        );
    };
    seen.extend([WIRE_1, WIRE_6]);
    found.extend(wire::findings(answer));
    if status == 200 && looked.documented {
        seen.push(BODY_8);
        found.extend(shape(answer, looked.mode));
        match looked.mode {
            Mode::Json => {
                seen.extend([REPLY_1, REPLY_2, REPLY_3, REPLY_4, REPLY_5, REPLY_6]);
                // A body that was cut is WIRE-1's alone.
                if answer.exchange().end == crate::wire::End::Complete {
                    found.extend(reply::findings(answer));
                }
            }
            Mode::Stream => {
                seen.extend([
                    STREAM_1, STREAM_2, STREAM_3, STREAM_4, STREAM_5, STREAM_6, STREAM_7, STREAM_8,
                    STREAM_9,
                ]);
                found.extend(stream::findings(answer));
            }
        }
    } else if looked.documented_errors && !ErrorCode::of_status(status).is_empty() {
        seen.push(ERROR_2);
        if answer.exchange().end == crate::wire::End::Complete {
            found.extend(documented_error(answer, status, looked, &mut seen));
        }
    }
    (seen, found)
}

fn documented_error(
    answer: &Answer<'_>,
    status: u16,
    looked: &Looked<'_>,
    seen: &mut Vec<RequirementId>,
) -> Vec<Check> {
    let mut found = Vec::new();
    seen.push(ERROR_1);
    found.extend(error::findings(answer, status));
    found.extend(error::key_echoed(answer, looked.keys.iter().copied()));
    match status {
        401 => {
            seen.push(AUTH_11);
            if !answer.exchange().headers().has("www-authenticate") {
                found.push(Check::advice(
                    AUTH_11,
                    "WWW-Authenticate",
                    "a challenge with 401 (RFC 9110 §15.5.2)",
                    "none",
                ));
            }
        }
        429 => {
            seen.push(LIMIT_2);
            found.extend(limit::findings(answer));
        }
        500 => {
            seen.push(FAULT_3);
            found.extend(error::internals_shown(answer));
        }
        _ => {}
    }
    found
}
