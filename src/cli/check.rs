//! `clawcheck check`: what is wrong with a file, without sending anything.

use super::complaint::Complaint;
use super::outlet::unless_closed;
use super::sort::Sort;
use super::{Failure, env, known_failures};
use crate::case::Catalogue;
use crate::load::Scenario;
use crate::profile::{Fixture, Profile, read_file};
use crate::report::line;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Profiles, load scenarios, case files or lists of known failures; what each is shows in it.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let mut complaints = Vec::new();
    let mut out = io::stdout().lock();
    for path in &args.files {
        match check(path) {
            Ok(says) => {
                let name = line(&path.display().to_string());
                unless_closed(writeln!(out, "{name}: {says}"))?;
            }
            Err(found) => complaints.extend(found),
        }
    }
    if complaints.is_empty() {
        Ok(0)
    } else {
        Err(complaints.into())
    }
}

/// What a right file is, in a phrase.
fn check(path: &Path) -> Result<String, Vec<Complaint>> {
    let text = read_file(path).map_err(Complaint::of_file)?;
    let name = path.display().to_string();
    match Sort::of(&text) {
        None | Some(Sort::Json) => {
            let message = format!("`{name}` is no file that clawcheck reads");
            let help = "a profile has [target], [keys] and [bots]; a scenario [load] and [[request]]; \
                        a case file [[case]]; known failures [[failure]]";
            Err(vec![Complaint::new(message).help(help)])
        }
        Some(Sort::Profile) => {
            let profile = Profile::parse(&text, &name, &env).map_err(Complaint::of_file)?;
            let (has, lacks): (Vec<Fixture>, Vec<Fixture>) = Fixture::ALL
                .iter()
                .partition(|fixture| profile.has(**fixture));
            let all = Fixture::ALL.len();
            let lacks: Vec<&str> = lacks.iter().map(|fixture| fixture.name()).collect();
            Ok(match lacks.as_slice() {
                [] => format!("a profile with all {all} fixtures"),
                lacks => format!(
                    "a profile with {} of {all} fixtures; it lacks {}",
                    has.len(),
                    lacks.join(", ")
                ),
            })
        }
        Some(Sort::Scenario) => {
            let scenario = Scenario::parse(&text, &name, &env).map_err(Complaint::of_file)?;
            Ok(format!("a load scenario, `{}`", line(&scenario.name)))
        }
        Some(Sort::Cases) => {
            let mut catalogue = Catalogue::builtin();
            let count = catalogue.add_files(&[path.to_owned()]).map_err(|errors| {
                errors
                    .into_iter()
                    .map(Complaint::of_case)
                    .collect::<Vec<_>>()
            })?;
            Ok(match count {
                1 => "a file of 1 case".to_owned(),
                count => format!("a file of {count} cases"),
            })
        }
        Some(Sort::KnownFailures) => {
            let known = known_failures::load(path, &Catalogue::builtin())?;
            let count = known.current.len();
            let mut says = format!("a list of known failures: {count} forgiven");
            for expired in known.expired {
                says.push_str(&format!("\n  {}", line(&expired)));
            }
            Ok(says)
        }
    }
}
