//! What a comparison amounts to: a pure function of it.

use crate::record::comparison::Comparison;

/// The exit code: 1 where the new report is worse, 3 where it tested nothing that could be compared, else 0.
pub fn exit_code(comparison: &Comparison) -> u8 {
    if comparison.is_worse() {
        1
    } else if comparison.is_void() {
        3
    } else {
        0
    }
}

/// The verdict in words.
pub(super) fn says(comparison: &Comparison) -> &'static str {
    match exit_code(comparison) {
        1 => "the new report is worse",
        3 => "the new report tested nothing",
        _ => "nothing became worse",
    }
}
