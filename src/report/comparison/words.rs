//! The words of a comparison, the same in every format.

use crate::record::Outcome;
use crate::record::comparison::{Change, Changes, FigureRow};
use crate::report::load::words;

/// The columns of a table of figures.
pub(super) const COLUMNS: [&str; 5] = ["", "base", "new", "change", "95 % interval"];

/// In place of an open answer that a run did not see.
pub(super) const UNSEEN: &str = "(not seen)";

/// What a change is called.
pub(super) const fn told(change: Change) -> &'static str {
    match change {
        Change::NewlyBroken => "newly broken",
        Change::FoundBroken => "broken, and not known to have worked",
        Change::StillBroken => "still broken",
        Change::NewlyUntested => "newly untested",
        Change::NewlyAdvised => "newly advised",
        Change::Mended => "mended",
        Change::AdviceGone => "advice heeded",
        Change::NewlyTested => "newly tested, and right",
    }
}

/// How many results changed in which way.
pub(super) fn counts(changes: &Changes) -> String {
    let mut counts: Vec<String> = Change::ALL
        .into_iter()
        .map(|change| (changes.of(change).count(), told(change)))
        .filter(|(count, _)| *count > 0)
        .map(|(count, told)| format!("{count} {told}"))
        .collect();
    counts.push(format!("{} the same", changes.same));
    counts.join(", ")
}

/// What came of a result in one of the reports.
pub(super) fn outcome(outcome: Option<Outcome>) -> &'static str {
    outcome.map_or("absent", Outcome::as_str)
}

/// A row of [`COLUMNS`].
pub(super) fn cells(row: &FigureRow) -> [String; 5] {
    let percent = |difference: f64| {
        let base = row.values.0.filter(|base| *base != 0.0);
        match base {
            Some(base) => format!("{:+.1} %", difference / base * 100.0),
            None => signed(difference),
        }
    };
    // Of a share, a part of it confuses: its difference is told as it is.
    let change = |difference: f64| {
        if row.rule.contains('%') {
            percent(difference)
        } else {
            signed(difference)
        }
    };
    [
        row.figure.clone(),
        words::or_none(row.values.0),
        words::or_none(row.values.1),
        row.effect.map(change).unwrap_or_default(),
        row.interval
            .map(|(low, high)| format!("{} to {}", change(low), change(high)))
            .unwrap_or_default(),
    ]
}

fn signed(difference: f64) -> String {
    let sign = if difference < 0.0 { "-" } else { "+" };
    format!("{sign}{}", words::figure(difference.abs()))
}
