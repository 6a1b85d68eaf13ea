//! Which tests run: patterns, and the plan of what would be sent.

use super::Options;
use crate::case::{Case, Catalogue};
use crate::judge::{AMBIENT, Mode};
use crate::profile::{Fixture, Profile};

/// Whether a pattern (`*` stands for anything) matches an id, in any case.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let text = text.to_ascii_lowercase();
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(previous) = last.replace(part) {
            match rest.find(previous) {
                Some(at) => rest = &rest[at + str::len(previous)..],
                None => return false,
            }
        }
    }
    match last {
        None => rest.is_empty(),
        Some(end) => rest.len() >= end.len() && rest.ends_with(end),
    }
}

/// Whether one of the patterns matches one of the names.
fn any(patterns: &[String], names: &[&str]) -> bool {
    patterns
        .iter()
        .any(|pattern| names.iter().any(|name| matches(pattern, name)))
}

/// Whether the options want a result of these names.
pub(super) fn wanted(options: &Options, names: &[&str]) -> bool {
    (options.only.is_empty() || any(&options.only, names)) && !any(&options.skip, names)
}

/// The cases whose answers the rules are shown, where a rule alone is wanted: the plain answers, and a refusal.
const SHOW_RULES: [&str; 2] = ["route.good", "auth.missing-header"];

/// Whether the options want a case in a mode: by its id, its result's id, a requirement that it covers, or a rule
/// that looks at its answers.
pub(super) fn wants(options: &Options, case: &Case, mode: Mode) -> bool {
    let result = case.result_id(mode);
    let mut names = vec![case.id(), result.as_str()];
    names.extend(case.covers_in(mode).iter().map(|id| id.as_str()));
    let only = &options.only;
    (only.is_empty() || any(only, &names) || shows_a_rule(only, case, &names))
        && !any(&options.skip, &names)
}

/// Whether a rule that is wanted looks at the answers of that case: it has nothing to look at without cases. Those of its
/// requirement show it, and where it is wanted by name, some plain ones, since many rules have no case of their own.
fn shows_a_rule(only: &[String], case: &Case, names: &[&str]) -> bool {
    let plain = SHOW_RULES.contains(&case.id());
    AMBIENT.iter().any(|rule| {
        let requirement = rule.requirement.as_str();
        only.iter().any(|pattern| {
            names.contains(&requirement) && matches(pattern, rule.id)
                || plain
                    && [rule.id, requirement]
                        .iter()
                        .any(|name| pattern.eq_ignore_ascii_case(name))
        })
    })
}

/// Patterns that match neither a case nor a requirement.
pub fn unmatched(catalogue: &Catalogue, patterns: &[String]) -> Vec<String> {
    patterns
        .iter()
        .filter(|pattern| {
            let hit = |name: &str| matches(pattern, name);
            let case = catalogue.cases().iter().any(|case| {
                hit(case.id())
                    || case.covers().iter().any(|id| hit(id.as_str()))
                    || case.modes().iter().any(|mode| hit(&case.result_id(*mode)))
            });
            let ambient = AMBIENT
                .iter()
                .any(|rule| hit(rule.id) || hit(rule.requirement.as_str()));
            !case && !ambient
        })
        .cloned()
        .collect()
}

/// What a run would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Tests.
    pub cases: usize,
    /// Requests at most, where nothing has to be sent again.
    pub requests: usize,
    /// Requests that may call the model, at most, where nothing fails.
    pub completions: usize,
    /// The largest body, in bytes.
    pub largest_body: usize,
    /// For each test its id, requests and completions.
    pub lines: Vec<(String, usize, usize)>,
    /// Tests that lack a fixture.
    pub skipped: Vec<(String, Fixture)>,
}

/// What a run with these options would send.
pub fn plan(catalogue: &Catalogue, profile: &Profile, options: &Options) -> Plan {
    let mut plan = Plan {
        cases: 0,
        requests: 0,
        completions: 0,
        largest_body: 0,
        lines: Vec::new(),
        skipped: Vec::new(),
    };
    for case in catalogue.cases() {
        for mode in case.modes() {
            if !wants(options, case, *mode) {
                continue;
            }
            let id = case.result_id(*mode);
            if let Some(missing) = missing(case, profile) {
                plan.skipped.push((id, missing));
                continue;
            }
            let cost = case.cost();
            plan.cases += 1;
            plan.requests += cost.requests;
            plan.completions += cost.completions;
            plan.largest_body = plan.largest_body.max(case.largest_body());
            plan.lines.push((id, cost.requests, cost.completions));
        }
    }
    // The two good answers that many cases look at are asked for once.
    plan.requests += 2;
    plan.completions += 2;
    plan
}

/// A fixture that a case needs and the profile lacks.
pub(super) fn missing(case: &Case, profile: &Profile) -> Option<Fixture> {
    case.needs()
        .iter()
        .copied()
        .find(|fixture| !profile.has(*fixture))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("auth.*", "auth.revoked", true),
            ("AUTH-1", "AUTH-1", true),
            ("auth-1", "AUTH-10", false),
            ("AUTH-*", "AUTH-10", true),
            ("*.stream", "auth.revoked.stream", true),
            ("a*d*m", "auth.revoked.stream", true),
            ("a*x*m", "auth.revoked.stream", false),
            ("*", "", true),
            ("", "x", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
