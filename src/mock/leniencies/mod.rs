//! Leniencies: servers that answer otherwise than the honest mock and keep the contract all the same.
//!
//! To add one, add an entry to a file here; `list`, `mock --lenient` and `selftest` find it by themselves. What it
//! settles is named as finely as can be: two that settle nothing in common are tried in one server, in the order of
//! this list. So what decides comes first, then what the answers say, then how that is spelled, and what sits on the
//! socket comes last.

mod chunks;
mod errors;
mod events;
mod faults;
mod heads;
mod keys;
mod limits;
mod paces;
mod pages;
mod replies;
mod requests;
mod routes;
mod sizes;
mod spelling;
mod wire;

use super::deviation::Deviation;
use super::fixtures::Fixtures;

/// All of them, for a mock with these fixtures.
pub(super) fn all(fixtures: &Fixtures) -> Vec<Deviation> {
    [
        keys::entries(fixtures),
        routes::entries(fixtures),
        requests::entries(),
        sizes::entries(fixtures),
        limits::entries(),
        replies::entries(),
        errors::entries(),
        spelling::entries(),
        chunks::entries(),
        events::entries(),
        paces::entries(),
        faults::entries(fixtures),
        pages::entries(),
        heads::entries(),
        wire::entries(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
