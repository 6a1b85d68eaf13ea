//! Cases told as code: what needs several exchanges that depend on each other, bytes or timing on the wire, or a
//! comparison of answers. A file per group, its cases listed here.

mod auth;
mod body;
mod cors;
mod example;
mod fault;
mod limit;
mod order;
mod route;
mod size;
mod stream;
mod wire;

use super::data::{seen, stands};
use super::header::{CodeCase, Cost};
use super::{Ask, Bench, Inconclusive, Verdict};
use crate::contract::{BODY_11, RequirementId};
use crate::judge::{Check, Expectation, Legal};

/// Every code case.
pub(super) const ALL: &[&CodeCase] = &[
    &auth::FIELDS,
    &auth::FIELDS_FREE,
    &auth::TWO_FIELDS,
    &auth::LONG_KEY,
    &route::GOOD,
    &route::FOREIGN,
    &route::OTHER_METHODS,
    &route::ENCODED_ID,
    &order::EXISTENCE,
    &cors::PREFLIGHT,
    &cors::PREFLIGHT_ALLOWS,
    &cors::POST,
    &cors::MANNERS,
    &body::SHAPE,
    &body::CONVERSATION,
    &body::TEXT,
    &body::SPELLING,
    &body::OPTIONS,
    &body::STREAM_ABSENT,
    &body::MANY_MESSAGES,
    &body::UNKNOWN_FIELDS,
    &body::ODD_CHARACTERS,
    &body::DUPLICATES,
    &body::HARD_TO_READ,
    &size::SEEN,
    &size::CHUNKED,
    &size::REFUSAL,
    &size::LARGE_REFUSAL,
    &size::EXPECT,
    &stream::APART,
    &limit::KEY_RATE,
    &limit::BOT_RATE,
    &limit::PLACES,
    &fault::TIMEOUT,
    &wire::IN_STEP,
    &wire::PIPELINED,
    &wire::PIECES,
    &wire::CLOSE,
    &wire::AFTER_BAD,
    &example::CURL,
    &example::NODE,
    &example::BROWSER,
];

/// So many requests, of which so many may call the model.
const fn cost(requests: usize, completions: usize) -> Cost {
    Cost {
        requests,
        completions,
    }
}

/// Several legal liberties in one good request: one completion where all is well. Where it fails, each liberty by
/// itself tells which one it is.
async fn together(
    bench: &Bench<'_>,
    requirement: RequirementId,
    whole: Ask,
    parts: Vec<(&str, Ask)>,
) -> Result<Verdict, Inconclusive> {
    let expectation = Expectation::only(Legal::Good);
    let delivery = bench.send(whole).await?;
    let checks = expectation.checks(&delivery.answer(), bench.mode, requirement);
    let all = Verdict::of(checks, &delivery);
    if !all.checks.iter().any(Check::is_finding) {
        return Ok(all);
    }
    for (name, ask) in parts {
        let delivery = bench.send(ask).await?;
        let mut checks = expectation.checks(&delivery.answer(), bench.mode, requirement);
        if checks.iter().any(Check::is_finding) {
            for check in &mut checks {
                check.name = format!("{} with {name}", check.name);
            }
            return Ok(Verdict::of(checks, &delivery));
        }
    }
    Ok(all)
}

/// The same for what is left open (BODY-11): where everything together is answered well, so is each; else each is
/// asked by itself, and reported.
async fn open_together(
    bench: &Bench<'_>,
    name: &str,
    whole: Ask,
    parts: Vec<(&str, Ask)>,
) -> Result<Verdict, Inconclusive> {
    let open = |mut ask: Ask| {
        ask.open = true;
        ask.documented = false;
        ask
    };
    let delivery = bench.send(open(whole)).await?;
    let answer = delivery.answer();
    if answer.status() == Some(200) {
        let mut verdict = Verdict::of(stands(&answer, BODY_11), &delivery);
        for (part, _) in parts {
            verdict = verdict.observing(&format!("{name}.{part}"), "200");
        }
        return Ok(verdict);
    }
    let mut verdict = Verdict::default();
    for (part, ask) in parts {
        let delivery = bench.send(open(ask)).await?;
        let answer = delivery.answer();
        let mut checks = stands(&answer, BODY_11);
        for check in &mut checks {
            check.name = format!("answer to {}", part.replace('_', " "));
        }
        verdict.join(
            Verdict::of(checks, &delivery).observing(&format!("{name}.{part}"), seen(&answer)),
        );
    }
    Ok(verdict)
}
