//! `clawcheck list`.

use super::Failure;
use super::complaint::Complaint;
use super::conform::catalogue;
use crate::contract::{ErrorCode, REQUIREMENTS};
use crate::judge::Mode;
use crate::load::{BUILTIN, Metric, Scalar};
use crate::mock::{Deviation, Fixtures, Kind, MockConfig};
use crate::profile::{Fixture, nearest};
use crate::record::load::ErrorClass;
use crate::report::line;
use std::io::{self, Write};
use std::path::PathBuf;

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// What to list: cases, requirements, codes, fixtures, violations, leniencies, flaws, scenarios, classes (of errors
    /// under load) or figures (of a load report) [default: cases].
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    /// Add the cases of a folder's TOML files to the built-in ones.
    #[arg(long, value_name = "DIR")]
    cases: Vec<PathBuf>,
}

pub(super) const KINDS: [&str; 10] = [
    "cases",
    "requirements",
    "codes",
    "fixtures",
    "violations",
    "leniencies",
    "flaws",
    "scenarios",
    "classes",
    "figures",
];

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let mut complaints = Vec::new();
    let catalogue = catalogue(&args.cases, &mut complaints);
    let rows: Vec<Vec<String>> = match args.kind.as_deref().unwrap_or(KINDS[0]) {
        "cases" => catalogue
            .cases()
            .iter()
            .map(|case| {
                let needs: Vec<&str> = case.needs().iter().map(|fixture| fixture.name()).collect();
                let needs = match needs.as_slice() {
                    [] => String::new(),
                    needs => format!("needs {}", needs.join(", ")),
                };
                let id = case.requirement();
                vec![
                    line(case.id()),
                    id.to_string(),
                    id.level().as_str().to_uppercase(),
                    modes(case.modes()),
                    needs,
                ]
            })
            .collect(),
        "requirements" => REQUIREMENTS
            .iter()
            .map(|row| {
                vec![
                    row.id.to_string(),
                    row.level.as_str().to_uppercase(),
                    row.basis.as_str().to_owned(),
                    row.text.to_owned(),
                ]
            })
            .collect(),
        "codes" => ErrorCode::ALL
            .iter()
            .map(|code| {
                vec![
                    code.status().to_string(),
                    code.to_string(),
                    code.meaning().to_owned(),
                ]
            })
            .collect(),
        "fixtures" => Fixture::ALL
            .iter()
            .map(|fixture| vec![fixture.name().to_owned(), fixture.says().to_owned()])
            .collect(),
        "violations" => deviations(Kind::Violation),
        "leniencies" => deviations(Kind::Leniency),
        "flaws" => deviations(Kind::Flaw),
        "scenarios" => BUILTIN
            .iter()
            .map(|builtin| vec![builtin.name.to_owned(), builtin.scenario().description])
            .collect(),
        "classes" => ErrorClass::all()
            .map(|class| {
                vec![
                    class.to_string(),
                    class.kind().as_str().to_owned(),
                    class.says().to_owned(),
                ]
            })
            .collect(),
        "figures" => figures()
            .into_iter()
            .map(|(name, says)| vec![name.to_owned(), says.to_owned()])
            .collect(),
        other => {
            let complaint = Complaint::new(format!("unknown kind `{other}`"));
            complaints.push(complaint.help(match nearest(other, KINDS) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("known kinds: {}", KINDS.join(", ")),
            }));
            Vec::new()
        }
    };
    if !complaints.is_empty() {
        return Err(complaints.into());
    }
    write(&rows, &mut io::BufWriter::new(io::stdout().lock()))?;
    Ok(0)
}

/// The figures of a load report, each with what it is.
pub(super) fn figures() -> Vec<(&'static str, &'static str)> {
    let metrics = Metric::ALL
        .iter()
        .map(|metric| (metric.name(), metric.says()));
    let scalars = Scalar::ALL
        .iter()
        .map(|scalar| (scalar.name(), scalar.says()));
    metrics.chain(scalars).collect()
}

fn deviations(kind: Kind) -> Vec<Vec<String>> {
    let fixtures = Fixtures::derive(MockConfig::default().seed);
    Deviation::all(kind, &fixtures)
        .iter()
        .map(|deviation| {
            let about: Vec<&str> = deviation.about.iter().map(|id| id.as_str()).collect();
            vec![
                deviation.id.to_string(),
                about.join(", "),
                deviation.says.to_string(),
            ]
        })
        .collect()
}

/// How a case's answer is asked for.
pub(super) fn modes(modes: &[Mode]) -> String {
    let names: Vec<&str> = modes
        .iter()
        .map(|mode| match mode {
            Mode::Json => "json",
            Mode::Stream => "stream",
        })
        .collect();
    names.join(", ")
}

/// Rows with their columns below each other, a row a line.
fn write(rows: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
    let columns = rows.first().map_or(0, Vec::len);
    let widest: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widest)
            .map(|(cell, widest)| format!("{cell:widest$}"))
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    out.flush()
}
