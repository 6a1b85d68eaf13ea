//! `clawcheck compare`.

use super::Failure;
use super::complaint::Complaint;
use super::outlet::{self, tell, unless_closed};
use super::reports;
use crate::compare::{Limit, Saved, SavedConform, compare};
use crate::report::comparison::{exit_code, write_terminal};
use crate::report::{Kind, load};
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The JSON report to compare with.
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// The JSON report that is judged.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// For load reports: which difference is too much, such as `time_to_first_token_ms.p95 > +10%`
    /// [default: a tenth for times and throughput, a point of a hundred for shares].
    #[arg(long, value_name = "RULE")]
    fail_if: Vec<String>,

    /// Write a report: json or md; the path `-` is standard output.
    #[arg(long, value_name = "KIND=PATH", help_heading = "Output")]
    report: Vec<String>,
    /// Show only what became worse, and the verdict.
    #[arg(long, help_heading = "Output")]
    quiet: bool,
    /// Show every failure in full.
    #[arg(long, help_heading = "Output")]
    verbose: bool,
    /// Use no colours; NO_COLOR does the same.
    #[arg(long, help_heading = "Output")]
    no_color: bool,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let mut complaints = Vec::new();
    let detail = outlet::detail(args.quiet, args.verbose, &mut complaints);
    let base = read(&args.base, &mut complaints);
    let new = read(&args.new, &mut complaints);
    let limits: Vec<Limit> = args
        .fail_if
        .iter()
        .filter_map(|text| {
            let limit = Limit::parse(text);
            limit
                .map_err(|wrong| complaints.push(Complaint::of_flag("--fail-if", &wrong)))
                .ok()
        })
        .collect();
    let wanted = reports::wanted(&args.report, Kind::COMPARE, &mut complaints);
    let people = reports::people(&wanted);
    let (Some(base), Some(new), true) = (base, new, complaints.is_empty()) else {
        return Err(complaints.into());
    };
    let names = (
        args.base.display().to_string(),
        args.new.display().to_string(),
    );
    let comparison = compare((&names.0, &names.1), &base, &new, &limits)
        .map_err(|(message, mend)| Failure::Usage(vec![Complaint::new(message).help(mend)]))?;
    let Some(reports) = reports::open(&wanted, &mut complaints) else {
        return Err(complaints.into());
    };
    let look = people.look(args.no_color, detail);
    let written = reports.write_comparison(&comparison, &mut io::stdout().lock());
    unless_closed(write_terminal(
        &comparison,
        look,
        &mut people.writer(look.colour),
    ))?;
    let code = exit_code(&comparison);
    if let Err(unwritable) = written {
        for unwritable in &unwritable {
            tell(&format!("error: {unwritable}"));
        }
        return Ok(code.max(1));
    }
    Ok(code)
}

fn read(path: &Path, complaints: &mut Vec<Complaint>) -> Option<Saved> {
    let name = path.display();
    let mut told = |why: &dyn Display| {
        let complaint = Complaint::new(format!("`{name}`: {why}"));
        complaints.push(complaint.help(
            "a report is written by `clawcheck conform` or `clawcheck load` with `--report json=PATH`",
        ));
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            told(&error);
            return None;
        }
    };
    // What it is stands in it; the reader of load reports has the words for what is neither.
    let is_conform = serde_json::from_str(&text)
        .is_ok_and(|value: serde_json::Value| value["command"] == "conform");
    if is_conform {
        return SavedConform::read(&text)
            .map(|saved| Saved::Conform(Box::new(saved)))
            .map_err(|why| told(&why))
            .ok();
    }
    load::read(&text)
        .map(|read| Saved::Load {
            version: read.version,
            record: Box::new(read.record),
        })
        .map_err(|why| told(&why))
        .ok()
}
