//! FAULT, where time counts.

use super::cost;
use crate::case::header::CodeCase;
use crate::case::{Bench, Delivery, Inconclusive, Verdict};
use crate::contract::{ErrorCode, FAULT_2, FAULT_4, timeout};
use crate::judge::{Check, Mode, NO_CODE, rules};
use crate::profile::Fixture;
use std::time::{Duration, Instant};

/// FAULT-2: the upstream time-out.
pub(super) const TIMEOUT: CodeCase = CodeCase {
    id: "fault.timeout",
    requirement: FAULT_2,
    in_stream: Some(FAULT_4),
    also: &[FAULT_2],
    why: "A client that waits has to know how long, and that it was not its own fault.",
    sends: "the plain valid request to bots.slow",
    expects: "504 timeout after about 130 s of the target's clock; on a stream that began long before, an error in it that names timeout",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[Fixture::BotSlow],
    cost: cost(1, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(timed_out(bench)),
};

async fn timed_out(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let bot = bench.bot(Fixture::BotSlow)?;
    let ask = bench
        .plain()
        .bot(bench.profile, Fixture::BotSlow, bot)
        .provoking(&[504]);
    let mut delivery = bench.send(ask.clone()).await?;
    for _ in 0..2 {
        let Some(seen) = doubtful(bench, &delivery) else {
            break;
        };
        let again = bench.send(ask.clone()).await?;
        if until_504(&again).is_some_and(|other| other < seen) {
            delivery = again;
        }
    }
    if is_early(bench, &delivery) {
        // A 504 may meet any request (FAULT-1): one that comes early once may have been such.
        for _ in 0..2 {
            let again = bench.send(ask.clone()).await?;
            let twice = is_early(bench, &again);
            delivery = again;
            if twice {
                break;
            }
        }
    }
    if bench.mode == Mode::Json {
        return Ok(in_json(bench, &delivery));
    }
    let verdict = in_stream(bench, &delivery);
    let has_head_late = verdict
        .checks
        .iter()
        .any(|check| check.is_finding() && check.actual == TOGETHER);
    if !has_head_late || bench.profile.target.time_scale.seconds(1.0) > FAST {
        return Ok(verdict);
    }
    // On a clock that is a hundred times as fast, a second in which this machine was busy is a minute and a half: what
    // came long before then is read together with the error. Nobody is blamed for that who is not twice.
    let delivery = bench.send(ask).await?;
    Ok(in_stream(bench, &delivery))
}

/// A clock on which a second of the target's takes less than this is a fast one.
const FAST: Duration = Duration::from_millis(100);

/// What is wrong with a head that does not come before its error.
const TOGETHER: &str = "the head of the stream and the error in it, together at the time-out";

/// From the request to the head of its 504.
fn until_504(delivery: &Delivery) -> Option<Duration> {
    let exchange = &delivery.exchange;
    let head = exchange.head.as_ref().filter(|head| head.status == 504)?;
    let from = exchange.sent_at.unwrap_or(exchange.started);
    Some(head.at.saturating_duration_since(from))
}

/// Whether the 504 came so early that it is a failure.
fn is_early(bench: &Bench<'_>, delivery: &Delivery) -> bool {
    let scale = bench.profile.target.time_scale;
    until_504(delivery).is_some_and(|seen| scale.of(seen) < timeout::FAIL_BELOW_S)
}

/// That time, where a busy machine could have made one that is far too short look long enough: on a fast clock the
/// bound is fractions of a second. No machine makes a time-out come early, so the shortest of several times counts.
fn doubtful(bench: &Bench<'_>, delivery: &Delivery) -> Option<Duration> {
    let scale = bench.profile.target.time_scale;
    let seen = until_504(delivery)?;
    let without_slack = seen.saturating_sub(Duration::from_secs_f64(timeout::SLACK_S));
    let bound = timeout::FAIL_BELOW_S..0.98 * timeout::DOCUMENTED_S;
    let early = bound.contains(&scale.of(seen)) && scale.of(without_slack) < bound.start;
    early.then_some(seen)
}

fn in_json(bench: &Bench<'_>, delivery: &Delivery) -> Verdict {
    let answer = delivery.answer();
    let named = answer
        .codes()
        .iter()
        .any(|named| named.code == ErrorCode::Timeout);
    let expected = "504 timeout";
    let mut checks = Vec::new();
    if answer.status() == Some(504) && named {
        checks.push(Check::pass(FAULT_2, "status", expected, answer.summary()));
    } else {
        let name = if answer.status() == Some(504) && answer.codes().is_empty() {
            NO_CODE
        } else {
            "status"
        };
        checks.push(Check::violation(FAULT_2, name, expected, answer.summary()));
    }
    if answer.status() == Some(504)
        && let Some(head) = &delivery.exchange.head
    {
        checks.push(time_check(bench, delivery, head.at));
    }
    Verdict::of(checks, delivery)
}

/// Whether the time-out came after about 130 s of the target's clock.
fn time_check(bench: &Bench<'_>, delivery: &Delivery, at: Instant) -> Check {
    let exchange = &delivery.exchange;
    let from = exchange.sent_at.unwrap_or(exchange.started);
    let mut check = rules::timeout::time(
        at.saturating_duration_since(from),
        at.saturating_duration_since(exchange.started),
        bench.profile.target.time_scale,
    );
    // Its own time-out may be the shorter one.
    check.actual.push_str(&delivery.answer().from_gateway());
    check
}

fn in_stream(bench: &Bench<'_>, delivery: &Delivery) -> Verdict {
    let answer = delivery.answer();
    let expected = "504 timeout, or an error that names timeout in a stream that began long before";
    let Some(head) = &delivery.exchange.head else {
        let check = Check::violation(FAULT_4, "status", expected, answer.summary());
        return Verdict::of(vec![check], delivery);
    };
    let named = answer
        .codes()
        .iter()
        .any(|named| named.code == ErrorCode::Timeout);
    if head.status == 504 {
        let check = if named {
            Check::pass(FAULT_4, "status", expected, answer.summary())
        } else {
            let none = answer.codes().is_empty();
            let name = if none { NO_CODE } else { "code" };
            Check::violation(FAULT_4, name, expected, answer.summary())
        };
        return Verdict::of(vec![check, time_check(bench, delivery, head.at)], delivery)
            .observing("fault.timeout_in_stream", "504");
    }
    let told = answer
        .stream()
        .error()
        .map(|(event, code)| (event.at, code));
    let Some((at, Some(ErrorCode::Timeout))) = told else {
        let check = Check::violation(FAULT_4, "status", expected, answer.summary());
        return Verdict::of(vec![check], delivery);
    };
    if head.status != 200 {
        let check = Check::violation(FAULT_4, "status", expected, answer.summary());
        return Verdict::of(vec![check], delivery);
    }
    // What came long before: the head. It has to have been out while the upstream still had time. Where it comes with
    // the error nothing lies between the two; on a busy machine a scaled clock makes an early head look late.
    let until_head = head.at.saturating_duration_since(delivery.exchange.started);
    let until_error = at.saturating_duration_since(delivery.exchange.started);
    let check = if until_head.as_secs_f64() < 0.75 * until_error.as_secs_f64() {
        Check::advice(
            FAULT_4,
            "status",
            "504 timeout: a status is easier to act on than an error in the stream",
            "an error in the stream",
        )
    } else {
        Check::violation(FAULT_4, "status", expected, TOGETHER)
    };
    Verdict::of(vec![check, time_check(bench, delivery, at)], delivery)
        .observing("fault.timeout_in_stream", "an error in the stream")
}
