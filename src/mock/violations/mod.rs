//! Violations: servers that break a MUST, a file for each group of requirements.
//!
//! To add one, add an entry to its group; `list`, `mock --violate` and `selftest` find it by themselves, and selftest
//! is red until a case of a requirement that it breaks fails on it.

mod auth;
mod body;
mod cors;
mod error;
mod fault;
mod limit;
mod reply;
mod route;
mod size;
mod stream;
mod wire;

use super::deviation::Deviation;
use super::fixtures::Fixtures;

/// All of them, in the contract's order, for a mock with these fixtures.
pub(super) fn all(fixtures: &Fixtures) -> Vec<Deviation> {
    [
        auth::entries(fixtures),
        route::entries(fixtures),
        cors::entries(fixtures),
        body::entries(fixtures),
        size::entries(fixtures),
        reply::entries(fixtures),
        stream::entries(fixtures),
        limit::entries(fixtures),
        fault::entries(fixtures),
        error::entries(fixtures),
        wire::entries(fixtures),
    ]
    .into_iter()
    .flatten()
    .collect()
}
