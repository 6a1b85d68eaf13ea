//! Reports: a [`Record`] becomes a format, an [`Event`](crate::record::Event) a line. Strings for people are made
//! here.
//!
//! Knows no runners and no sockets. What it gets has been scrubbed of keys; text that came from a target is made
//! safe to show by [`line()`] and [`block`], and nowhere else.

mod excerpt;
mod exit;
mod files;
mod json;
mod junit;
mod matrix;
mod progress;
mod terminal;
mod text;

pub use exit::{Demands, Verdict, exit_code};
pub use files::{Place, Reports, Unwritable};
pub use matrix::write as write_matrix;
pub use progress::{Line, Progress};
pub use terminal::{Detail, Look, write as write_terminal};
pub use text::{block, line, quotation, wrap as wrapped};

use crate::record::Record;
use std::io::{self, Write};

/// A format of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everything, for programs.
    Json,
    /// JUnit's XML, for CI.
    Junit,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 2] = [Kind::Json, Kind::Junit];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Json => "json",
            Kind::Junit => "junit",
        }
    }

    /// The kind that `text` names.
    pub fn parse(text: &str) -> Option<Kind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Writes a record in this format.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(self, record: &Record, demands: Demands, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Kind::Json => json::write(record, out),
            Kind::Junit => junit::write(record, demands, out),
        }
    }
}
