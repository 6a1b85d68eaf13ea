//! FAULT-2: when a 504 `timeout` comes.

use crate::contract::{FAULT_2, timeout};
use crate::judge::Check;
use crate::time::Scale;
use std::time::Duration;

/// Whether a time-out came after about 130 s of the target's clock.
///
/// The target's clock starts when the request is there: `since_sent`. Ours may be late in saying that it was sent, on
/// a busy machine: what is only advised against counts from the exchange's begin, `since_begun`.
pub fn time(since_sent: Duration, since_begun: Duration, scale: Scale) -> Check {
    let seconds = scale.of(since_sent);
    let longest = scale.of(since_begun);
    // Slack for busy machines is real time, and only on the upper side: no machine is early.
    let shortest = scale.of(since_sent.saturating_sub(Duration::from_secs_f64(timeout::SLACK_S)));
    let expected = format!("about {} s of the target's clock", timeout::DOCUMENTED_S);
    let actual = format!("{seconds:.1} s of the target's clock");
    if seconds < timeout::FAIL_BELOW_S || shortest > timeout::FAIL_ABOVE_S {
        Check::violation(FAULT_2, "time", expected, actual)
    } else if longest < timeout::ADVISE_BELOW_S || shortest > timeout::ADVISE_ABOVE_S {
        Check::advice(FAULT_2, "time", expected, actual)
    } else {
        Check::pass(FAULT_2, "time", expected, actual)
    }
}
