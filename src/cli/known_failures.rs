//! `--expect-failures FILE`: failures that are known, so that they do not fail a run.

use super::complaint::Complaint;
use crate::case::Catalogue;
use crate::conform::ExpectedFailure;
use crate::contract::RequirementId;
use crate::judge::{AMBIENT, Mode};
use crate::profile::{Document, Key, Kind, Wrong, nearest, read_file};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::Path;

const ROOT: &[Key] = &[Key::new(
    "failure",
    Kind::Sections(FAILURE),
    "A failure that is known.",
)];

const FAILURE: &[Key] = &[
    Key::new("id", Kind::Text, "The id of a case or of a result.").required(),
    Key::new("reason", Kind::Text, "Why it fails, and who knows of it.").required(),
    Key::new(
        "until",
        Kind::Date,
        "The last day on which the failure is forgiven.",
    ),
];

/// A known failure as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    id: String,
    reason: String,
    until: Option<Date>,
}

/// Known failures, those of today and those whose time is over.
#[derive(Debug, Default)]
pub(super) struct KnownFailures {
    /// They do not fail the run.
    pub(super) current: Vec<ExpectedFailure>,
    /// They do again; each as a note for the report.
    pub(super) expired: Vec<String>,
}

/// Reads the file.
pub(super) fn load(path: &Path, catalogue: &Catalogue) -> Result<KnownFailures, Vec<Complaint>> {
    let text = read_file(path).map_err(Complaint::of_file)?;
    let ids = ids(catalogue);
    let file = path.display().to_string();
    let known = parse(&text, &file, &ids)?;
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    Ok(sorted_by_time(known, today))
}

fn sorted_by_time(known: Vec<Known>, today: Date) -> KnownFailures {
    let mut failures = KnownFailures::default();
    let ids: Vec<String> = known.iter().map(|known| known.id.clone()).collect();
    for Known { id, reason, until } in known {
        match until.filter(|until| *until < today) {
            Some(until) => failures.expired.push(format!(
                "the known failure {id} was forgiven until {until}: it counts again ({reason})"
            )),
            None => failures.current.push(ExpectedFailure {
                stream_apart: ids.contains(&format!("{id}.stream")),
                id,
                reason,
            }),
        }
    }
    failures
}

/// Whether results can have that id: one of these, or one of these with the requirement of a finding behind it.
fn is_result(id: &str, ids: &[String]) -> bool {
    let known = |id: &str| ids.iter().any(|known| known == id);
    known(id)
        || id.rsplit_once('.').is_some_and(|(case, requirement)| {
            known(case) && RequirementId::of_suffix(requirement).is_some()
        })
}

/// Every id that a result can have for its own requirement.
fn ids(catalogue: &Catalogue) -> Vec<String> {
    let mut ids = Vec::new();
    for case in catalogue.cases() {
        ids.push(case.id().to_owned());
        if case.modes().contains(&Mode::Stream) {
            ids.push(case.result_id(Mode::Stream));
        }
    }
    ids.extend(AMBIENT.iter().map(|rule| rule.id.to_owned()));
    ids
}

fn parse(text: &str, file: &str, ids: &[String]) -> Result<Vec<Known>, Vec<Complaint>> {
    let document = Document::parse(text, &super::env);
    let mut known: Vec<Known> = Vec::new();
    for section in document
        .root(ROOT)
        .sections("failure")
        .into_iter()
        .flatten()
    {
        let id = section.text("id");
        let reason = section.text("reason");
        if let Some(id) = &id {
            if !is_result(&id.value, ids) {
                let nearest = nearest(&id.value, ids.iter().map(String::as_str));
                document.report(
                    id.at,
                    Wrong::UnknownName {
                        kind: "case",
                        name: id.value.clone(),
                        nearest: nearest.map(str::to_owned),
                    },
                );
            } else if known.iter().any(|known| known.id == id.value) {
                let what = format!("the case `{}`", id.value);
                document.report(id.at, Wrong::Twice { what });
            }
        }
        let until = section.date("until").and_then(|until| {
            until.value.parse::<Date>().map_or_else(
                |_| {
                    let found = Some(until.value.clone());
                    section.not_allowed("until", found, "a day such as 2026-12-31", None)
                },
                Some,
            )
        });
        if let (Some(id), Some(reason)) = (id, reason) {
            known.push(Known {
                id: id.value,
                reason: reason.value,
                until,
            });
        }
    }
    document.finish(file).map_err(Complaint::of_file)?;
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Vec<String> {
        ["auth.revoked", "auth.revoked.stream"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn a_failure_is_forgiven_until_its_last_day() {
        let text = "[[failure]]\nid = \"auth.revoked\"\nreason = \"#1\"\nuntil = 2026-03-31\n\
                    [[failure]]\nid = \"auth.revoked.stream\"\nreason = \"#2\"\nuntil = \"2026-03-31\"\n";
        let known = parse(text, "known.toml", &ids()).expect("the file is right");
        let day = |day| Date::new(2026, 4, day).expect("a day");
        let before = sorted_by_time(known.clone(), Date::new(2026, 3, 31).expect("a day"));
        assert_eq!((before.current.len(), before.expired.len()), (2, 0));
        let after = sorted_by_time(known, day(1));
        assert_eq!((after.current.len(), after.expired.len()), (0, 2));
    }

    #[test]
    fn the_streams_own_entry_is_the_one_that_counts() {
        let text = "[[failure]]\nid = \"auth.revoked\"\nreason = \"#1\"\n\
                    [[failure]]\nid = \"auth.revoked.stream\"\nreason = \"#2\"\nuntil = 2026-03-31\n";
        let known = parse(text, "known.toml", &ids()).expect("the file is right");
        let after = sorted_by_time(known, Date::new(2026, 4, 1).expect("a day"));
        assert!(after.current[0].stream_apart, "{after:?}");
        assert_eq!(after.expired.len(), 1);
    }

    #[test]
    fn a_finding_of_another_requirement_can_be_known() {
        let known = |id: &str| is_result(id, &ids());
        assert!(known("auth.revoked.wire-1"));
        assert!(known("auth.revoked.stream.stream-4"));
        assert!(!known("auth.revoked.wire-99"));
        assert!(!known("auth.revokd.wire-1"));
    }

    #[test]
    fn every_mistake_of_the_file_is_told() {
        let text = "[[failure]]\nid = \"auth.revokd\"\n\
                    [[failure]]\nid = \"auth.revoked\"\nreason = \"x\"\nuntil = \"soon\"\n\
                    [[failure]]\nid = \"auth.revoked\"\nreason = \"x\"\nwhy = 1\n";
        let complaints = parse(text, "known.toml", &ids()).expect_err("it is wrong");
        assert_eq!(complaints.len(), 5, "{complaints:#?}");
    }
}
