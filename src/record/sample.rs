//! One answer of a load run, as it was measured: what `--samples` writes, a line each.

use super::load::ErrorClass;
use crate::contract::ErrorCode;
use std::sync::Arc;
use std::time::Duration;

/// One answer. Instants are told from the run's begin on, by a monotonic clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The request of the mix.
    pub request: Arc<str>,
    /// The stage in which it was sent; none for the warm-up.
    pub stage: Option<Arc<str>>,
    /// When it was due, in the open model.
    pub due: Option<Duration>,
    /// When it was sent; a connect that it needed comes after.
    pub sent: Duration,
    /// When the status line had come.
    pub headers: Option<Duration>,
    /// When the first data event came.
    pub first_event: Option<Duration>,
    /// When the first chunk with content came.
    pub first_token: Option<Duration>,
    /// When the second one did.
    pub second_token: Option<Duration>,
    /// When the last one did.
    pub last_token: Option<Duration>,
    /// When it ended.
    pub ended: Duration,
    /// Why it is no success; none where it is one.
    pub class: Option<ErrorClass>,
    /// The status, where one came.
    pub status: Option<u16>,
    /// The documented code that it had. Others are the target's to choose, and may be anything.
    pub code: Option<ErrorCode>,
    /// It met the objective.
    pub good: bool,
    /// Chunks with content.
    pub chunks: u32,
    /// Those that share the instant of the one before them.
    pub coalesced: u32,
    /// The longest gap between two of them; none with fewer than two.
    pub longest_gap: Option<Duration>,
    /// Gaps over `stall_ms`.
    pub stalls: u32,
    /// How long the connection took to open, where it had to be.
    pub connect: Option<Duration>,
    /// The connection had been used before.
    pub reused: bool,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Bytes read.
    pub bytes_received: u64,
    /// `usage`: tokens of the prompt and of the answer.
    pub tokens: Option<(u64, u64)>,
}
