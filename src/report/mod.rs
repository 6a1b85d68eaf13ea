//! Reports: a [`Record`] or a [`LoadRecord`] becomes a format, an [`Event`](crate::record::Event) a line. Strings for people are made
//! here.
//!
//! Knows no runners and no sockets. What it gets has been scrubbed of keys; text that came from a target is made
//! safe to show by [`line()`] and [`block`], and nowhere else.

pub mod comparison;
mod excerpt;
mod exit;
mod files;
pub mod github;
mod har;
mod html;
mod json;
mod junit;
pub mod load;
mod markdown;
mod matrix;
mod md;
mod page;
mod progress;
mod sarif;
mod standing;
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

/// A format of reports. Which of them a command writes is in [`Kind::CONFORM`], [`Kind::SELFTEST`] and [`Kind::LOAD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everything, for programs.
    Json,
    /// JUnit's XML, for CI.
    Junit,
    /// One page, for a browser.
    Html,
    /// Markdown, for an issue.
    Md,
    /// The run over time, for a spreadsheet.
    Csv,
    /// Every exchange, as an HTTP archive.
    Har,
    /// Findings, for code scanning.
    Sarif,
}

impl Kind {
    /// All of them.
    pub const ALL: &[Kind] = &[
        Kind::Json,
        Kind::Junit,
        Kind::Html,
        Kind::Md,
        Kind::Csv,
        Kind::Har,
        Kind::Sarif,
    ];

    /// Those of a deployment's [`Record`].
    pub const CONFORM: &[Kind] = &[
        Kind::Json,
        Kind::Junit,
        Kind::Html,
        Kind::Md,
        Kind::Har,
        Kind::Sarif,
    ];

    /// Those of a selftest's [`Record`].
    pub const SELFTEST: &[Kind] = &[Kind::Json, Kind::Junit, Kind::Html, Kind::Md];

    /// Those of a [`LoadRecord`].
    pub const LOAD: &[Kind] = &[Kind::Json, Kind::Junit, Kind::Html, Kind::Md, Kind::Csv];

    /// Those of a [`Comparison`].
    pub const COMPARE: &[Kind] = &[Kind::Json, Kind::Md];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Json => "json",
            Kind::Junit => "junit",
            Kind::Html => "html",
            Kind::Md => "md",
            Kind::Csv => "csv",
            Kind::Har => "har",
            Kind::Sarif => "sarif",
        }
    }

    /// The kind that `text` names.
    pub fn parse(text: &str) -> Option<Kind> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// Writes a record in this format.
    ///
    /// # Errors
    /// Those of `out`; a kind that is not made of a record: `csv`, and `har`, which [`Reports`] writes as exchanges come.
    pub fn write(self, record: &Record, demands: Demands, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Kind::Json => json::write(record, out),
            Kind::Junit => junit::write(record, demands, out),
            Kind::Html => html::write(record, demands, out),
            Kind::Md => md::write(record, demands, out),
            Kind::Sarif => sarif::write(record, demands, out),
            Kind::Csv | Kind::Har => Err(unsupported(record.command, self)),
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

fn unsupported(command: &str, kind: Kind) -> io::Error {
    let text = format!("{} is not made of a {command} run's record", kind.as_str());
    io::Error::new(io::ErrorKind::Unsupported, text)
}
