//! What a file is: a profile, a scenario, or something else that was given by mistake.

use super::complaint::Complaint;
use crate::profile::{Mistakes, read_file};
use std::path::Path;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Profile,
    Scenario,
    Cases,
    KnownFailures,
    /// A report, most likely; nothing that clawcheck reads here.
    Json,
}

impl Sort {
    fn words(self) -> &'static str {
        match self {
            Sort::Profile => "a profile",
            Sort::Scenario => "a load scenario",
            Sort::Cases => "a file of cases",
            Sort::KnownFailures => "a list of known failures",
            Sort::Json => "JSON",
        }
    }

    fn goes_where(self) -> &'static str {
        match self {
            Sort::Profile => "a profile is given as `--profile FILE`",
            Sort::Scenario => "a scenario is run by `clawcheck load FILE`",
            Sort::Cases => "cases are added by `clawcheck conform --cases DIR`",
            Sort::KnownFailures => {
                "known failures are given as `clawcheck conform --expect-failures FILE`"
            }
            Sort::Json => "`clawcheck compare` and `clawcheck merge` read reports",
        }
    }

    /// What a text is, by its tables. One that is no TOML is read as what it seems to be, so that its mistake is told.
    pub(super) fn of(text: &str) -> Option<Sort> {
        let heads: Vec<&str> = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix('['))
            .map(|head| {
                let head = head.trim_start_matches('[');
                head.split([']', '.']).next().unwrap_or_default().trim()
            })
            .collect();
        let has = |names: &[&str]| names.iter().any(|name| heads.contains(name));
        if text.trim_start().starts_with('{') {
            Some(Sort::Json)
        } else if has(&["case"]) {
            Some(Sort::Cases)
        } else if has(&["failure"]) {
            Some(Sort::KnownFailures)
        } else if has(&["load", "request", "search", "thresholds", "mock"]) {
            Some(Sort::Scenario)
        } else if has(&["target", "keys", "bots"]) {
            Some(Sort::Profile)
        } else {
            None
        }
    }

    /// What is wrong with a file that was to be of this sort: that it is of another one, where it is, or its mistakes.
    pub(super) fn complaints(self, path: &Path, mistakes: Mistakes) -> Vec<Complaint> {
        let found = read_file(path).ok().and_then(|text| Sort::of(&text));
        match found.filter(|found| *found != self) {
            Some(found) => {
                let (path, is, wanted) = (path.display(), found.words(), self.words());
                let message = format!("`{path}` is {is}, not {wanted}");
                vec![Complaint::new(message).help(found.goes_where())]
            }
            None => Complaint::of_file(mistakes),
        }
    }
}
