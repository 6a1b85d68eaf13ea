//! Flaws: servers that break a SHOULD and no MUST.
//!
//! To add one, add an entry to a file here; `list`, `mock --violate` and `selftest` find it by themselves.

mod answers;
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
        wire::entries(fixtures),
    ]
    .into_iter()
    .flatten()
    .collect()
}
