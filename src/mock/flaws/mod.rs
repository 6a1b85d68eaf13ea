//! Flaws: servers that break a SHOULD and no MUST.
//!
//! To add one, add an entry to a file here; `list`, `mock --violate` and `selftest` find it by themselves.

mod errors;
mod keys;
mod limits;
mod pages;
mod replies;
mod requests;
mod streams;
mod wire;

use super::deviation::Deviation;
use super::fixtures::Fixtures;

/// All of them, in the contract's order, for a mock with these fixtures.
pub(super) fn all(fixtures: &Fixtures) -> Vec<Deviation> {
    [
        keys::entries(fixtures),
        pages::entries(),
        requests::entries(),
        replies::entries(),
        streams::entries(),
        limits::entries(),
        errors::entries(),
        wire::entries(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
