//! `clawcheck merge`.

use super::complaint::Complaint;
use super::outlet::{self, Stream, tell, unless_closed};
use super::{Failure, reports};
use crate::load::{ShardReport, merge};
use crate::record::load::LoadRecord;
use crate::report::load::{exit_code, read, write_terminal};
use crate::report::{Kind, Look, Reports};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The JSON report of every shard, or a log that it was printed to.
    #[arg(value_name = "REPORT", required = true)]
    shards: Vec<PathBuf>,

    /// Write a report: json, junit, html, md or csv; the path `-` is standard output.
    #[arg(long, value_name = "KIND=PATH", help_heading = "Output")]
    report: Vec<String>,
    /// Show only what was broken, and the verdict.
    #[arg(long, help_heading = "Output")]
    quiet: bool,
    /// Show every class of errors in full.
    #[arg(long, help_heading = "Output")]
    verbose: bool,
    /// Use no colours; NO_COLOR does the same.
    #[arg(long, help_heading = "Output")]
    no_color: bool,
}

/// The longest file that is read: a report of hours has some megabytes.
const LARGEST: u64 = 512 * 1024 * 1024;

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let mut complaints = Vec::new();
    let detail = outlet::detail(args.quiet, args.verbose, &mut complaints);
    let mut shards = Vec::new();
    for path in &args.shards {
        match shard(path) {
            Ok(shard) => shards.push(shard),
            Err(complaint) => complaints.push(complaint),
        }
    }
    let merged = if complaints.is_empty() {
        merge(shards)
            .map_err(|why| complaints.push(Complaint::new(why.to_string()).help(why.help())))
            .ok()
    } else {
        None
    };
    let wanted = reports::wanted(&args.report, Kind::LOAD, &mut complaints);
    let reports = if complaints.is_empty() {
        reports::open(&wanted, &mut complaints)
    } else {
        None
    };
    let (Some(record), Some(reports)) = (merged, reports) else {
        return Err(complaints.into());
    };
    let people = reports::people(&wanted);
    finish(people, people.look(args.no_color, detail), reports, &record)
}

fn shard(path: &Path) -> Result<ShardReport, Complaint> {
    let name = path.display().to_string();
    let unreadable = |why: &dyn std::fmt::Display| Complaint::new(format!("`{name}`: {why}"));
    let length = fs::metadata(path)
        .map_err(|error| unreadable(&error))?
        .len();
    if length > LARGEST {
        return Err(unreadable(&"it is too long for a report"));
    }
    let bytes = fs::read(path).map_err(|error| unreadable(&error))?;
    // A log may hold anything; a report is UTF-8.
    let read = read(&String::from_utf8_lossy(&bytes)).map_err(|why| {
        let hint = "a shard's report is made by `clawcheck load … --report json=PATH`";
        unreadable(&why).help(hint)
    })?;
    Ok(ShardReport {
        name,
        version: read.version,
        record: read.record,
    })
}

fn finish(
    people: Stream,
    look: Look,
    reports: Reports,
    record: &LoadRecord,
) -> Result<u8, Failure> {
    let code = exit_code(record);
    let written = reports.write_load(record, &mut io::stdout());
    let mut out = people.writer(look.colour);
    unless_closed(write_terminal(record, look, &mut out).and_then(|()| out.flush()))?;
    if let Err(unwritable) = written {
        for unwritable in &unwritable {
            tell(&format!("error: {unwritable}"));
        }
        return Ok(code.max(1));
    }
    Ok(code)
}
