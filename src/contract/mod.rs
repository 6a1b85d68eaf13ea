//! The contract: what the documentation of the Clawbite chat API promises, as data.
//!
//! Every row of [`REQUIREMENTS`] names a clause with a stable id, its level, and the sentence of the
//! documentation that it rests on. Mock and judge both read the constants below, but share no decision: a
//! misreading must not pass on both sides.
//!
//! Knows no I/O, no time, no async.

mod codes;
mod document;
mod requirements;

pub use codes::ErrorCode;
pub use document::{DOCUMENT, NOT_TESTABLE, Passage, PassageKind, passages, sentences};
pub use requirements::*;

/// The path of the one endpoint, below the base URL: `/api/v1/bot/{botId}/chat` (ROUTE-1).
pub fn chat_path(bot: &str) -> String {
    format!("/api/v1/bot/{bot}/chat")
}

/// The prefix that documented API keys have (the documentation's `Authorization: Bearer clawbite_sk_...`).
pub const KEY_PREFIX: &str = "clawbite_sk_";

/// The prefix of an answer's `id` (REPLY-2, STREAM-3).
pub const ID_PREFIX: &str = "chatcmpl-";

/// `object` of a JSON answer (REPLY-3).
pub const REPLY_OBJECT: &str = "chat.completion";

/// `object` of a stream's chunk (STREAM-3).
pub const CHUNK_OBJECT: &str = "chat.completion.chunk";

/// The data of a stream's last event (STREAM-4).
pub const DONE: &str = "[DONE]";

/// The roles that a message may have (BODY-3).
pub const ROLES: [&str; 3] = ["user", "assistant", "system"];

/// The finish reasons that OpenAI names (REPLY-4, a SHOULD).
pub const FINISH_REASONS: [&str; 5] = [
    "stop",
    "length",
    "content_filter",
    "tool_calls",
    "function_call",
];

/// Body sizes, in bytes, that "100KB" can mean (SIZE-1).
pub mod size {
    /// A body of so many bytes has to be accepted: 100 KB in the decimal reading.
    pub const ALWAYS_ACCEPTED: usize = 100_000;
    /// The binary reading; what lies between the two is open.
    pub const BINARY_LIMIT: usize = 102_400;
    /// From here on a body has to be refused.
    pub const ALWAYS_REFUSED: usize = BINARY_LIMIT + 1;
    /// Up to this size the refusal has to be readable (SIZE-3); beyond, it SHOULD be.
    pub const READABLE_REFUSAL: usize = 256 * 1024;
}

/// Whether an answer of that status may meet any request, whatever it asks: a limit (LIMIT-4) or a fault (FAULT-1, FAULT-3).
pub const fn is_transient(status: u16) -> bool {
    matches!(status, 429 | 500 | 503 | 504)
}

/// The upstream time-out of 504 `timeout`, in seconds of the deployment's clock (FAULT-2).
pub mod timeout {
    /// What the documentation says: "about 130 seconds".
    pub const DOCUMENTED_S: f64 = 130.0;
    /// Earlier than this is a failure.
    pub const FAIL_BELOW_S: f64 = 65.0;
    /// Later than this is a failure.
    pub const FAIL_ABOVE_S: f64 = 260.0;
    /// Earlier than this is advised against.
    pub const ADVISE_BELOW_S: f64 = 110.0;
    /// Later than this is advised against.
    pub const ADVISE_ABOVE_S: f64 = 150.0;
    /// Slack on the upper bounds, in real seconds, for busy machines.
    pub const SLACK_S: f64 = 2.0;
}
