//! `clawcheck compare`.

use super::Failure;
use super::complaint::Complaint;
use super::outlet::{tell, unless_closed};
use super::reports;
use crate::compare::{Limit, Saved, compare};
use crate::report::comparison::{exit_code, write_terminal};
use crate::report::{Detail, Kind, Look};
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

    /// Write a report: json; the path `-` is standard output.
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
    let colour = people.colour(args.no_color);
    let look = Look {
        colour,
        width: people.width(),
        detail: match (args.quiet, args.verbose) {
            (true, _) => Detail::Quiet,
            (false, true) => Detail::Verbose,
            (false, false) => Detail::Normal,
        },
    };
    let written = reports.write_comparison(&comparison, &mut io::stdout().lock());
    unless_closed(write_terminal(
        &comparison,
        look,
        &mut people.writer(colour),
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
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            complaints.push(Complaint::new(format!("`{name}` can't be read: {error}")));
            return None;
        }
    };
    match Saved::read(&text) {
        Ok(saved) => Some(saved),
        Err((message, mend)) => {
            let complaint = Complaint::new(format!("`{name}` is {message}"));
            complaints.push(match mend {
                Some(mend) => complaint.help(mend),
                None => complaint,
            });
            None
        }
    }
}
