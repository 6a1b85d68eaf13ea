//! The one place where the contract's times meet the time scale.

use std::time::Duration;

use crate::contract::timeout;
use crate::time::Scale;

/// The mock's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(pub(super) Scale);

impl Clock {
    /// How long the gateway waits for an agent before it gives up with 504 (FAULT-2), in our time.
    pub(super) fn upstream_timeout(self) -> Duration {
        self.0.seconds(timeout::DOCUMENTED_S)
    }
}
