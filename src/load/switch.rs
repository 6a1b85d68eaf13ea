//! A switch that is turned once: looked at before every read of every stream, and waited for.
//!
//! A cancellation token by itself takes a lock for either, one for the whole run: at a few hundred thousand reads a
//! second that is felt. Here a look is a load, and to wait costs something once for each waiting task.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::{
    CancellationToken, WaitForCancellationFuture, WaitForCancellationFutureOwned,
};

/// Off, until it is turned on for good.
#[derive(Debug, Default)]
pub(super) struct Switch {
    on: AtomicBool,
    token: CancellationToken,
}

impl Switch {
    /// One that is off.
    pub(super) fn new() -> Switch {
        Switch::default()
    }

    /// Turns it on, and wakes whoever waits for that.
    pub(super) fn cancel(&self) {
        self.on.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Whether it is on.
    pub(super) fn is_cancelled(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// Waits until it is.
    pub(super) fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }

    /// The same, for whoever waits longer than it borrows.
    pub(super) fn cancelled_owned(&self) -> WaitForCancellationFutureOwned {
        self.token.clone().cancelled_owned()
    }
}
