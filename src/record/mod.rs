//! What happens during a run ([`Event`]), and what is known after it ([`Record`]). Both are made by runners and
//! read by reports; neither knows who reads it.
//!
//! Everything in here has been scrubbed of keys: a report gets nothing else.

mod combine;
pub mod comparison;
mod entry;
mod evidence;
mod heat;
mod histogram;
pub mod load;
mod normal;
mod outcome;
mod ratios;
mod run;
mod sample;
mod snapshot;

pub use entry::{Answered, Content, Entry, Field};
pub use evidence::Evidence;
pub use heat::{heat_bucket, heat_floor_ms};
pub use histogram::Distribution;
pub use outcome::{Outcome, judged};
pub use run::{Ended, Event, NOT_SELECTED, Record, Summary, TestResult};
pub use sample::Sample;
pub use snapshot::{Lately, SHOWN_CLASSES, Snapshot};
