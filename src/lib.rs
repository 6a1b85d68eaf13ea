//! clawcheck: a conformance suite, a load-testing harness and a reference mock server for the Clawbite chat API.

pub mod case;
pub mod cli;
pub mod compare;
pub mod conform;
pub mod contract;
pub mod judge;
pub mod load;
pub mod mock;
pub mod profile;
pub mod record;
pub mod report;
pub mod secret;
pub mod selftest;
pub mod sse;
pub mod time;
pub mod wire;
