//! Two saved reports, and what changed between them.
//!
//! A conformance run is worse where something broke that worked; a load run where a figure moved further than is
//! tolerated and chance does not explain it. Knows neither files nor formats: text of JSON in, a
//! [`Comparison`] out.

mod conform;
mod load;
mod reading;
mod rule;
mod statistics;

pub use reading::SavedConform;
pub use rule::{Direction, Limit, Size};

use crate::record::comparison::{Comparison, Side, What};
use crate::record::load::LoadRecord;

/// A report that was saved.
#[derive(Debug)]
pub enum Saved {
    /// Of `conform`.
    Conform(Box<SavedConform>),
    /// Of `load`.
    Load {
        /// The version of clawcheck that wrote it.
        version: String,
        /// What it tells.
        record: Box<LoadRecord>,
    },
}

impl Saved {
    fn side(&self, file: &str) -> Side {
        let (target, version, started_at) = match self {
            Saved::Conform(saved) => (&saved.target, &saved.version, saved.started_at),
            Saved::Load { version, record } => (&record.target, version, record.started_at),
        };
        Side {
            file: file.to_owned(),
            target: target.clone(),
            version: version.clone(),
            started_at,
        }
    }
}

/// Compares two reports of one kind. `names` are those of their files; `limits` are for load reports, and where there are
/// none, the usual ones hold.
///
/// # Errors
/// Why the two can't be compared, in a phrase, and what to do about it.
pub fn compare(
    names: (&str, &str),
    base: &Saved,
    new: &Saved,
    limits: &[Limit],
) -> Result<Comparison, (String, String)> {
    let mut notes = Vec::new();
    let what = match (base, new) {
        (Saved::Conform(_), Saved::Conform(_)) if !limits.is_empty() => {
            let message = "--fail-if names figures, and these are reports of `conform`".to_owned();
            return Err((message, "leave it out".to_owned()));
        }
        (Saved::Conform(base), Saved::Conform(new)) => {
            What::Conform(conform::compare(base, new, &mut notes))
        }
        (Saved::Load { record: base, .. }, Saved::Load { record: new, .. }) => {
            What::Load(load::compare(base, new, limits, &mut notes)?)
        }
        (Saved::Conform(_), Saved::Load { .. }) | (Saved::Load { .. }, Saved::Conform(_)) => {
            let message = "one report is of `conform` and the other of `load`".to_owned();
            return Err((message, "compare two of one kind".to_owned()));
        }
    };
    let (base, new) = (base.side(names.0), new.side(names.1));
    if base.target != new.target {
        notes.insert(
            0,
            format!("the targets differ: {} and {}", base.target, new.target),
        );
    }
    if base.version != new.version {
        notes.insert(
            0,
            format!(
                "clawcheck was {} and is {}: a change may be its own",
                base.version, new.version
            ),
        );
    }
    Ok(Comparison {
        base,
        new,
        notes,
        what,
    })
}
