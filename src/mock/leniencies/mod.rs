//! Leniencies: servers that answer otherwise than the honest mock and keep the contract all the same.
//!
//! To add one, add an entry to a file here; `list`, `mock --lenient` and `selftest` find it by themselves.

mod answers;
mod decisions;
mod headers;
mod streams;
mod wire;

use super::deviation::Deviation;
use super::fixtures::Fixtures;

/// All of them, in the contract's order, for a mock with these fixtures.
pub(super) fn all(fixtures: &Fixtures) -> Vec<Deviation> {
    [
        answers::entries(fixtures),
        headers::entries(fixtures),
        streams::entries(fixtures),
        decisions::entries(fixtures),
        wire::entries(fixtures),
    ]
    .into_iter()
    .flatten()
    .collect()
}
