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

use super::catalogue::{CodeCase, Cost};

/// Every code case.
pub(super) const ALL: &[&CodeCase] = &[
    &auth::FIELD_NAMES,
    &auth::FIELD_VALUES,
    &auth::MANY_FIELDS,
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
    &body::MANY_MESSAGES,
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
