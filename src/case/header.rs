//! The header of a code case: what is known of it without running it.

use super::{Bench, Inconclusive, Verdict};
use crate::contract::RequirementId;
use crate::judge::Mode;
use crate::profile::Fixture;
use futures_util::future::BoxFuture;

/// What a case costs at most, where nothing goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Requests.
    pub requests: usize,
    /// Requests that may call the model.
    pub completions: usize,
}

/// What runs a code case.
pub(super) type Run = for<'a> fn(&'a Bench<'a>) -> BoxFuture<'a, Result<Verdict, Inconclusive>>;

/// The header of a code case.
pub(super) struct CodeCase {
    pub(super) id: &'static str,
    pub(super) requirement: RequirementId,
    pub(super) in_stream: Option<RequirementId>,
    pub(super) also: &'static [RequirementId],
    pub(super) why: &'static str,
    pub(super) sends: &'static str,
    pub(super) expects: &'static str,
    pub(super) modes: &'static [Mode],
    pub(super) needs: &'static [Fixture],
    pub(super) cost: Cost,
    pub(super) uses_up: Option<Fixture>,
    pub(super) http1: bool,
    pub(super) run: Run,
}
