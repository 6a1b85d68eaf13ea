//! The catalogue of cases: data in `scenarios/conform/*.toml` and code in `code/`, behind one [`Case`].
//!
//! A case breaks exactly one thing, everything else in its request is known to be good, and it judges nothing but
//! its own requirement. Knows neither scheduling nor report formats; what sends requests is behind [`Courier`].

mod ask;
mod bench;
mod catalogue;
mod code;
mod curl;
mod data;
mod derive;
mod header;

pub use ask::{Ask, Key};
pub use bench::{Bench, Courier, Delivery, Inconclusive, Opened, Verdict};
pub use catalogue::{Case, CaseFileError, Catalogue, Kind, reason_unobservable};
pub use curl::reproduce;
pub use derive::{made_up_bot, made_up_key};
pub use header::Cost;
