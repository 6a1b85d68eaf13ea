//! The two streams that people read, and what is known of them.

use super::complaint::Complaint;
use crate::report::{Detail, Look};
use anstream::{AutoStream, ColorChoice};
use std::io::{self, ErrorKind, IsTerminal, Write};

/// One of the two standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// Whether colours belong there: a terminal, and nothing that says no (`NO_COLOR`, `TERM=dumb`, the flag).
    pub(super) fn colour(self, refused: bool) -> bool {
        let choice = match self {
            Stream::Out => AutoStream::choice(&io::stdout()),
            Stream::Err => AutoStream::choice(&io::stderr()),
        };
        !refused && choice != ColorChoice::Never
    }

    /// Whether it is a terminal.
    pub(super) fn is_terminal(self) -> bool {
        match self {
            Stream::Out => io::stdout().is_terminal(),
            Stream::Err => io::stderr().is_terminal(),
        }
    }

    /// Its columns: the terminal's, or 80, and never so many that lines are hard to follow.
    pub(super) fn width(self) -> usize {
        let size = match self {
            Stream::Out => terminal_size::terminal_size_of(io::stdout()),
            Stream::Err => terminal_size::terminal_size_of(io::stderr()),
        };
        let columns = size.map_or(80, |(width, _)| usize::from(width.0));
        columns.clamp(40, 120)
    }

    /// How a page looks there.
    pub(super) fn look(self, no_color: bool, detail: Detail) -> Look {
        Look {
            colour: self.colour(no_color),
            width: self.width(),
            detail,
        }
    }

    /// Where to write to it; old terminals get their colours in their own way.
    pub(super) fn writer(self, colour: bool) -> Box<dyn Write> {
        let choice = if colour {
            ColorChoice::Always
        } else {
            ColorChoice::Never
        };
        match self {
            Stream::Out => Box::new(AutoStream::new(io::stdout(), choice)),
            Stream::Err => Box::new(AutoStream::new(io::stderr(), choice)),
        }
    }
}

/// What `--quiet` and `--verbose` ask for.
pub(super) fn detail(quiet: bool, verbose: bool, complaints: &mut Vec<Complaint>) -> Detail {
    match (quiet, verbose) {
        (true, true) => {
            complaints.push(Complaint::new("--quiet and --verbose do not go together"));
            Detail::Normal
        }
        (true, false) => Detail::Quiet,
        (false, true) => Detail::Verbose,
        (false, false) => Detail::Normal,
    }
}

/// A reader that went away (`| head`) has all that it wants: no error.
pub(super) fn unless_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Tells people something on standard error. Where nobody listens, nothing is lost.
pub(super) fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
