//! Reports of a load run: a [`LoadRecord`] becomes a format. What it amounts to is [`Verdict`]'s to say, in one place
//! for all of them.

mod csv;
mod exit;
pub mod github;
mod html;
mod json;
mod junit;
mod live;
mod md;
mod read;
mod samples;
mod terminal;
pub(super) mod words;

pub use exit::{Verdict, exit_code};
pub use live::{Live, Title};
pub use read::{Read, Unreadable, read};
pub use samples::SampleFormat;
pub use terminal::write as write_terminal;

use super::Kind;
use crate::record::load::LoadRecord;
use std::io::{self, Write};

/// Writes a record in a format.
pub(super) fn write(kind: Kind, record: &LoadRecord, out: &mut dyn Write) -> io::Result<()> {
    match kind {
        Kind::Json => json::write(record, out),
        Kind::Junit => junit::write(record, out),
        Kind::Html => html::write(record, out),
        Kind::Md => md::write(record, out),
        Kind::Csv => csv::write(record, out),
        Kind::Har | Kind::Sarif => Err(super::unsupported("load", kind)),
    }
}
