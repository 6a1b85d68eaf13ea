//! A waker that a connection and whoever drives it can share.
//!
//! hyper wakes the reader of a body when it has put something into it, and the connection when that has been taken
//! out. Here both are one task, which is at it already: each chunk would have it polled once more for nothing, at the
//! price of everything that such a poll touches. So what wakes a task in the middle of its own poll is only noted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Nobody is at it: to wake is to wake the task.
const IDLE: u8 = 0;
/// The task is at it.
const BUSY: u8 = 1;
/// Something has happened since.
const WOKEN: u8 = 2;

#[derive(Debug)]
struct Shared {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == IDLE {
            self.task.wake();
        }
    }
}

/// Wakes the task that polled last.
#[derive(Debug)]
pub(super) struct Relay {
    shared: Arc<Shared>,
    waker: Waker,
}

impl Relay {
    pub(super) fn new() -> Relay {
        let shared = Arc::new(Shared {
            state: AtomicU8::new(IDLE),
            task: AtomicWaker::new(),
        });
        Relay {
            waker: Waker::from(Arc::clone(&shared)),
            shared,
        }
    }

    /// Polls `work` until it is ready, or nothing has happened during its last poll. What happens after that wakes the
    /// task. Once it is ready nothing does: whoever is not done with it polls again.
    pub(super) fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        mut work: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Shared { state, task } = &*self.shared;
        task.register(cx.waker());
        let mut cx = Context::from_waker(&self.waker);
        loop {
            state.store(BUSY, Ordering::Release);
            let polled = work(&mut cx);
            if polled.is_ready() {
                state.store(IDLE, Ordering::Release);
                return polled;
            }
            let still = state.compare_exchange(BUSY, IDLE, Ordering::AcqRel, Ordering::Acquire);
            if still.is_ok() {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_happens_during_a_poll_polls_again_and_what_happens_later_wakes() {
        let count = Arc::new(Count::default());
        let woken = || count.0.load(Ordering::Relaxed);
        let task = Waker::from(Arc::clone(&count));
        let relay = Relay::new();
        let mut polls = 0;
        let mut kept = None;
        let polled: Poll<()> = relay.poll(&mut Context::from_waker(&task), |cx| {
            polls += 1;
            if polls < 3 {
                cx.waker().wake_by_ref();
            }
            kept = Some(cx.waker().clone());
            Poll::Pending
        });
        assert_eq!((polled, polls, woken()), (Poll::Pending, 3, 0));
        let kept = kept.expect("it was polled");
        kept.wake_by_ref();
        kept.wake_by_ref();
        assert_eq!(woken(), 1, "once is enough until it is polled");
        let polled = relay.poll(&mut Context::from_waker(&task), |cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(7)
        });
        assert_eq!((polled, woken()), (Poll::Ready(7), 1));
        kept.wake_by_ref();
        assert_eq!(woken(), 2);
    }
}
