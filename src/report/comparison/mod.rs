//! What two reports say about each other, in formats.

mod exit;
mod json;
mod terminal;

pub use exit::exit_code;
pub use terminal::write as write_terminal;

use super::Kind;
use crate::record::comparison::Comparison;
use std::io::{self, Write};

pub(super) fn write(kind: Kind, comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    if kind == Kind::Json {
        return json::write(comparison, out);
    }
    let text = format!("a comparison has no {} report", kind.as_str());
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}
