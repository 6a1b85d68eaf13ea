//! Reports: a [`Record`] or a [`LoadRecord`] becomes a format, an [`Event`](crate::record::Event) a line. Strings for people are made
//! here.
//!
//! Knows no runners and no sockets. What it gets has been scrubbed of keys; text that came from a target is made
//! safe to show by [`line()`] and [`block`], and nowhere else.

pub mod comparison;
mod excerpt;
mod exit;
mod files;
mod json;
mod junit;
pub mod load;
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
use crate::record::comparison::Comparison;
use crate::record::load::LoadRecord;
use std::io::{self, Write};

/// A format of reports. Which of them a command writes is in [`Kind::CONFORM`] and [`Kind::LOAD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everything, for programs.
    Json,
    /// JUnit's XML, for CI.
    Junit,
    /// One page with charts, for a browser.
    Html,
    /// Markdown, for an issue.
    Md,
    /// The run over time, for a spreadsheet.
    Csv,
}

impl Kind {
    /// All of them.
    pub const ALL: &[Kind] = &[Kind::Json, Kind::Junit, Kind::Html, Kind::Md, Kind::Csv];

    /// Those of a [`Record`].
    pub const CONFORM: &[Kind] = &[Kind::Json, Kind::Junit];

    /// Those of a [`LoadRecord`].
    pub const LOAD: &[Kind] = Kind::ALL;

    /// Those of a [`Comparison`].
    pub const COMPARE: &[Kind] = &[Kind::Json];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Json => "json",
            Kind::Junit => "junit",
            Kind::Html => "html",
            Kind::Md => "md",
            Kind::Csv => "csv",
        }
    }

    /// The kind that `text` names.
    pub fn parse(text: &str) -> Option<Kind> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// Writes a record in this format.
    ///
    /// # Errors
    /// Those of `out`; a kind that is not in [`Kind::CONFORM`].
    pub fn write(self, record: &Record, demands: Demands, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Kind::Json => json::write(record, out),
            Kind::Junit => junit::write(record, demands, out),
            Kind::Html | Kind::Md | Kind::Csv => {
                let text = format!("a conform run has no {} report", self.as_str());
                Err(io::Error::new(io::ErrorKind::Unsupported, text))
            }
        }
    }

    /// Writes the record of a load run in this format.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_load(self, record: &LoadRecord, out: &mut dyn Write) -> io::Result<()> {
        load::write(self, record, out)
    }

    /// Writes a comparison in this format.
    ///
    /// # Errors
    /// Those of `out`; a kind that is not in [`Kind::COMPARE`].
    pub fn write_comparison(self, comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
        comparison::write(self, comparison, out)
    }
}
