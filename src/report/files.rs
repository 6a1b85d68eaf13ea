//! Where reports go. Each place is tried before anything is sent, and an old report stays until the new one is
//! whole: it is written beside it and then takes its name.

use super::har::Archive;
use super::text::line;
use super::{Demands, Kind};
use crate::record::comparison::Comparison;
use crate::record::load::LoadRecord;
use crate::record::{Entry, Record};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Where a report goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl Place {
    /// The place that a path names; `-` and the names that the system has for it are standard output.
    pub fn parse(path: &str) -> Place {
        match path {
            "-" | "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Place::Stdout,
            path => Place::File(PathBuf::from(path)),
        }
    }
}

/// A place that can't be written.
#[derive(Debug)]
pub struct Unwritable {
    /// Which report.
    pub kind: Kind,
    /// The path, as given.
    pub path: PathBuf,
    /// Why.
    pub why: io::Error,
}

impl std::fmt::Display for Unwritable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.kind.as_str();
        let path = self.path.display();
        write!(
            f,
            "the {kind} report can't be written to `{path}`: {}",
            self.why
        )
    }
}

impl std::error::Error for Unwritable {}

/// Every report that was asked for, its place open.
#[derive(Debug)]
pub struct Reports {
    open: Vec<Report>,
}

#[derive(Debug)]
struct Report {
    kind: Kind,
    path: PathBuf,
    open: Open,
    /// Of the kind that is written as exchanges come.
    archive: Archive,
    /// Why it can't be written to its end.
    broken: Option<io::Error>,
}

#[derive(Debug)]
enum Open {
    Stdout,
    /// A file beside the place, which takes its name in the end.
    Beside {
        file: File,
        temporary: PathBuf,
        end: PathBuf,
    },
    /// The place itself: a device, or a file in a folder that can't be written. What stood in such a file goes when the
    /// first byte comes.
    Itself {
        file: File,
        old: bool,
    },
}

impl Reports {
    /// Opens every place.
    ///
    /// # Errors
    /// Every one that can't be written.
    pub fn open(wanted: &[(Kind, Place)]) -> Result<Reports, Vec<Unwritable>> {
        let mut reports = Reports { open: Vec::new() };
        let mut unwritable = Vec::new();
        for (kind, place) in wanted {
            let (path, open) = match place {
                Place::Stdout => (PathBuf::from("-"), Ok(Open::Stdout)),
                Place::File(path) => (path.clone(), open(path)),
            };
            match open {
                Ok(open) => reports.open.push(Report {
                    kind: *kind,
                    path,
                    open,
                    archive: Archive::default(),
                    broken: None,
                }),
                Err(why) => unwritable.push(Unwritable {
                    kind: *kind,
                    path,
                    why,
                }),
            }
        }
        if unwritable.is_empty() {
            Ok(reports)
        } else {
            Err(unwritable)
        }
    }

    /// Whether one of them is made of every exchange, so that each has to be told of ([`Reports::exchanged`]).
    pub fn want_exchanges(&self) -> bool {
        self.open.iter().any(|report| report.kind == Kind::Har)
    }

    /// Takes up an exchange. What can't be written is told in the end.
    pub fn exchanged(&mut self, entry: &Entry, stdout: &mut dyn Write) {
        for report in &mut self.open {
            if report.kind != Kind::Har || report.broken.is_some() {
                continue;
            }
            let mut bytes = Vec::new();
            let written = report.archive.add(entry, &mut bytes);
            let written = written.and_then(|()| report.open.push(&bytes, stdout));
            report.broken = written.err();
        }
    }

    /// Writes all of them; one that fails does not keep the others from being written.
    ///
    /// # Errors
    /// Every one that could not be written. A standard output that was closed is none.
    pub fn write(
        self,
        record: &Record,
        demands: Demands,
        stdout: &mut dyn Write,
    ) -> Result<(), Vec<Unwritable>> {
        self.write_each(stdout, |report, bytes| match report.kind {
            Kind::Har => report.archive.end(&line(&record.target), bytes),
            kind => kind.write(record, demands, bytes),
        })
    }

    /// The same for the record of a load run.
    ///
    /// # Errors
    /// As above.
    pub fn write_load(
        self,
        record: &LoadRecord,
        stdout: &mut dyn Write,
    ) -> Result<(), Vec<Unwritable>> {
        self.write_each(stdout, |report, bytes| {
            report.kind.write_load(record, bytes)
        })
    }

    /// The same for a comparison.
    ///
    /// # Errors
    /// As above.
    pub fn write_comparison(
        self,
        comparison: &Comparison,
        stdout: &mut dyn Write,
    ) -> Result<(), Vec<Unwritable>> {
        self.write_each(stdout, |report, bytes| {
            report.kind.write_comparison(comparison, bytes)
        })
    }

    fn write_each(
        mut self,
        stdout: &mut dyn Write,
        write: impl Fn(&mut Report, &mut Vec<u8>) -> io::Result<()>,
    ) -> Result<(), Vec<Unwritable>> {
        let mut unwritable = Vec::new();
        for mut report in self.open.drain(..) {
            let mut bytes = Vec::new();
            let written = match report.broken.take() {
                Some(broken) => Err(broken),
                None => write(&mut report, &mut bytes),
            };
            let Report {
                kind, path, open, ..
            } = report;
            if let Err(why) = open.finish(written.map(|()| bytes), stdout) {
                unwritable.push(Unwritable { kind, path, why });
            }
        }
        if unwritable.is_empty() {
            Ok(())
        } else {
            Err(unwritable)
        }
    }
}

impl Drop for Reports {
    /// A run that never came to its reports leaves nothing beside them.
    fn drop(&mut self) {
        for report in &self.open {
            if let Open::Beside { temporary, .. } = &report.open {
                let _ = fs::remove_file(temporary);
            }
        }
    }
}

fn open(path: &Path) -> io::Result<Open> {
    // A link keeps pointing where it did: the file behind it is replaced.
    let end = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = match fs::metadata(&end) {
        Ok(old) if old.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        Ok(old) => Some(old),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let Some(name) = end.file_name() else {
        return Err(ErrorKind::InvalidFilename.into());
    };
    if let Some(old) = &old {
        let file = OpenOptions::new().write(true).open(&end)?;
        if !old.is_file() {
            return Ok(Open::Itself { file, old: false });
        }
    }
    let temporary = end.with_file_name(format!(
        ".{}.{}.tmp",
        name.to_string_lossy(),
        std::process::id()
    ));
    match File::create(&temporary) {
        Ok(file) => {
            if let Some(old) = old {
                let _ = fs::set_permissions(&temporary, old.permissions());
            }
            Ok(Open::Beside {
                file,
                temporary,
                end,
            })
        }
        Err(_) if old.is_some() => Ok(Open::Itself {
            file: OpenOptions::new().write(true).open(&end)?,
            old: true,
        }),
        Err(error) => Err(error),
    }
}

impl Open {
    /// Writes the next bytes.
    fn push(&mut self, bytes: &[u8], stdout: &mut dyn Write) -> io::Result<()> {
        match self {
            Open::Stdout => unless_closed(stdout.write_all(bytes).and_then(|()| stdout.flush())),
            Open::Beside { file, .. } => file.write_all(bytes),
            Open::Itself { file, old } => {
                if std::mem::take(old) {
                    file.seek(SeekFrom::Start(0))?;
                    file.set_len(0)?;
                }
                unless_closed(file.write_all(bytes).and_then(|()| file.flush()))
            }
        }
    }

    /// Writes the last bytes, where there was no error before, and gives the file its name.
    fn finish(mut self, last: io::Result<Vec<u8>>, stdout: &mut dyn Write) -> io::Result<()> {
        let written = last.and_then(|bytes| self.push(&bytes, stdout));
        let Open::Beside {
            file,
            temporary,
            end,
        } = self
        else {
            return written;
        };
        let named = written
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&temporary, &end));
        if named.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        named
    }
}

/// A reader that went away (`| head`) has all that it wants.
fn unless_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
