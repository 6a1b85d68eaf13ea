//! TODO

use crate::mock::deviation::Deviation;
use crate::mock::fixtures::Fixtures;

pub(super) fn entries(_fixtures: &Fixtures) -> Vec<Deviation> {
    vec![]
}
