//! The matrix of a selftest: what caught each violation, and by which requirement; then what went wrong; the sum last.

use super::exit::{Demands, Verdict};
use super::terminal::{BAD, Detail, FAINT, GOOD, Look, paint};
use super::text::{count, line};
use crate::record::{Outcome, Record, TestResult};
use std::io::{self, Write};

/// Writes the matrix.
///
/// # Errors
/// Those of `out`.
pub fn write(record: &Record, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let widest = record
        .results
        .iter()
        .map(|result| result.id.chars().count())
        .max()
        .unwrap_or(0);
    if look.detail != Detail::Quiet {
        for result in &record.results {
            row(result, widest, look, out)?;
        }
        writeln!(out)?;
    }
    for result in record
        .results
        .iter()
        .filter(|result| result.outcome != Outcome::Pass)
    {
        failure(result, look, out)?;
    }
    sum(record, look, out)
}

/// `auth.revoked-forbidden  AUTH-4  auth.revoked, auth.revoked.stream`.
fn row(result: &TestResult, widest: usize, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let id = result.id.as_str();
    let requirement = match kind(result) {
        "leniency" if result.observed.contains_key("together") => "-",
        _ if id == "honest" => "-",
        _ => result.requirement.as_str(),
    };
    let text = match result.outcome {
        Outcome::Pass => line(&result.message),
        _ => paint(look, BAD, &line(&result.message)),
    };
    writeln!(out, "{id:widest$}  {requirement:10}  {text}")?;
    if look.detail == Detail::Verbose {
        for name in ["collateral", "together"] {
            if let Some(more) = result.observed.get(name) {
                let more = format!("{name}: {}", line(more));
                let blank = "";
                writeln!(
                    out,
                    "{blank:widest$}  {blank:10}  {}",
                    paint(look, FAINT, &more)
                )?;
            }
        }
    }
    Ok(())
}

fn failure(result: &TestResult, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let word = match result.outcome {
        Outcome::Inconclusive => "UNKNOWN",
        _ => "FAIL",
    };
    writeln!(
        out,
        "{}  {}  {}",
        paint(look, BAD, word),
        result.id,
        result.requirement
    )?;
    writeln!(out, "      {}", line(&result.why))?;
    writeln!(out, "      {}", line(&result.message))?;
    writeln!(out, "      try       {}", line(&result.reproduce))
}

fn kind(result: &TestResult) -> &str {
    result.observed.get("kind").map_or("", String::as_str)
}

/// How many were caught, advised against and left alone.
pub(super) fn caught(record: &Record) -> String {
    let of = |wanted: &str| {
        let all = record
            .results
            .iter()
            .filter(|result| kind(result) == wanted);
        let (mut passed, mut total) = (0, 0);
        for result in all {
            total += 1;
            passed += usize::from(result.outcome == Outcome::Pass);
        }
        (passed, total)
    };
    let (caught, violations) = of("violation");
    let (quiet, legal) = of("leniency");
    let (advised, flaws) = of("flaw");
    format!(
        "{caught} of {} caught by a requirement that they break; {} of {} advised; {} in {} legal",
        count(violations, "violation"),
        advised,
        count(flaws, "flaw"),
        count(legal - quiet, "false alarm"),
        count(legal, "server"),
    )
}

fn sum(record: &Record, look: Look, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", caught(record))?;
    let summary = &record.summary;
    writeln!(
        out,
        "{} MUSTs are broken by a violation, {} have none; {}, {:.1} s",
        summary.must_tested,
        summary.must_untested,
        count(summary.requests, "request"),
        record.duration.as_secs_f64()
    )?;
    let verdict = Verdict::of(record, Demands::default());
    let style = match verdict {
        Verdict::Kept => GOOD,
        _ => BAD,
    };
    let says = verdict.in_words(record.command);
    writeln!(
        out,
        "{}  {says}",
        paint(look, style, &format!("exit {}", verdict.code()))
    )
}
