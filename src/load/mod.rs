//! Load: honest numbers about many streams at once, every answer judged.

mod alarm;
mod calibration;
mod doubt;
mod exchange;
mod gaps;
mod lane;
mod random;
mod recorder;
mod series;
mod sieve;
mod steady;
mod timeline;
mod verdict;
