//! The `clawcheck` program.
fn main() {}
