//! clawcheck: a conformance suite, a load-testing harness and a reference mock server for the Clawbite chat API.
//!
//! The program is [`cli::run`]; everything that it does is here as a value. Four ways in:
//!
//! - [`mock::Mock`] is the API on a free port, for the tests of a client;
//! - [`conform::run`] holds a deployment to the documentation;
//! - [`judge`] says what is wrong with one answer, wherever it came from;
//! - [`sse`] reads event streams, with the offset of every event.
//!
//! [`load::run`] measures, and [`report`] writes what any of them found.

pub mod case;
pub mod cli;
pub mod compare;
pub mod conform;
pub mod contract;
pub mod drift;
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
