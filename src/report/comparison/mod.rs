//! What two reports say about each other, in formats.

mod exit;
mod json;
mod md;
mod terminal;
mod words;

pub use exit::exit_code;
pub use terminal::write as write_terminal;

use super::Kind;
use crate::record::comparison::Comparison;
use std::io::{self, Write};

pub(super) fn write(kind: Kind, comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    match kind {
        Kind::Json => json::write(comparison, out),
        Kind::Md => md::write(comparison, out),
        kind => {
            let text = format!("a comparison has no {} report", kind.as_str());
            Err(io::Error::new(io::ErrorKind::Unsupported, text))
        }
    }
}
