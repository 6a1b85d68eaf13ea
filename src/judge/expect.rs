//! Expectations: sets of legal answers, and whether an answer is among them.

use super::answer::EventKind;
use super::{Answer, Check, Mode};
use crate::contract::{ErrorCode, RequirementId};

/// A legal answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Legal {
    /// A documented error: this status, with one of these codes (any of the row where empty).
    Error {
        /// The status.
        status: u16,
        /// The codes, of which one has to be named.
        codes: Vec<ErrorCode>,
    },
    /// A bare status, whatever the body.
    Status(u16),
    /// A 200 that carries an answer of the agent, in whatever shape.
    Answered,
    /// A 200 that carries an answer of the agent, in the shape that the mode asks for (BODY-8).
    Good,
}

/// What a request may be answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expectation {
    /// The legal answers: MUST.
    pub legal: Vec<Legal>,
    /// The answers that are better than the other legal ones: SHOULD. All are where empty.
    pub preferred: Vec<Legal>,
}

impl Expectation {
    /// Only this.
    pub fn only(legal: Legal) -> Expectation {
        Expectation {
            legal: vec![legal],
            preferred: Vec::new(),
        }
    }

    /// An error of this status with one of these codes.
    pub fn error(status: u16, codes: &[ErrorCode]) -> Expectation {
        Expectation::only(Legal::Error {
            status,
            codes: codes.to_vec(),
        })
    }

    /// The statuses that a legal answer can have.
    pub fn statuses(&self) -> Vec<u16> {
        self.legal
            .iter()
            .map(|legal| match legal {
                Legal::Error { status, .. } | Legal::Status(status) => *status,
                Legal::Good | Legal::Answered => 200,
            })
            .collect()
    }

    /// The expectation in words: `401 missing_api_key`.
    pub fn describe(&self) -> String {
        describe(&self.legal)
    }

    /// Judges an answer.
    pub fn checks(
        &self,
        answer: &Answer<'_>,
        mode: Mode,
        requirement: RequirementId,
    ) -> Vec<Check> {
        let mut checks = Vec::new();
        let expected = self.describe();
        let statuses = self.statuses();
        let actual = answer.summary();
        match answer.status() {
            Some(status) if statuses.contains(&status) => {
                checks.push(Check::pass(
                    requirement,
                    "status",
                    list(&statuses),
                    status.to_string(),
                ));
            }
            _ => {
                checks.push(Check::violation(requirement, "status", expected, actual));
                return checks;
            }
        }
        if !self.legal.iter().any(|legal| matches(legal, answer, mode)) {
            let name = if answer.status() == Some(200) {
                "answer"
            } else if answer.codes().is_empty() {
                NO_CODE
            } else {
                "code"
            };
            checks.push(Check::violation(requirement, name, expected, actual));
            return checks;
        }
        let coded = self
            .legal
            .iter()
            .any(|legal| matches!(legal, Legal::Error { .. }));
        if coded && let Some(code) = answer.code() {
            checks.push(Check::pass(requirement, "code", expected, code.as_str()));
        }
        if !self.preferred.is_empty()
            && !self
                .preferred
                .iter()
                .any(|legal| matches(legal, answer, mode))
        {
            checks.push(Check::advice(
                requirement,
                "preferred answer",
                describe(&self.preferred),
                actual,
            ));
        }
        checks
    }
}

/// The name of the check that fails where an error of the right status names no documented code at all: where that is
/// so of all errors, it is one cause (ERROR-1).
pub const NO_CODE: &str = "any code";

fn describe(legal: &[Legal]) -> String {
    legal
        .iter()
        .map(|legal| match legal {
            Legal::Error { status, codes } if codes.is_empty() => format!("{status}"),
            Legal::Error { status, codes } => format!(
                "{status} {}",
                codes
                    .iter()
                    .map(|code| code.as_str())
                    .collect::<Vec<_>>()
                    .join(" or ")
            ),
            Legal::Status(status) => status.to_string(),
            Legal::Answered => "200 with an answer of the agent".to_owned(),
            Legal::Good => {
                "200 with an answer of the agent, in the shape that stream asks for".to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(", or ")
}

fn list(statuses: &[u16]) -> String {
    let mut statuses = statuses.to_vec();
    statuses.dedup();
    statuses
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" or ")
}

fn matches(legal: &Legal, answer: &Answer<'_>, mode: Mode) -> bool {
    match legal {
        Legal::Status(status) => answer.status() == Some(*status),
        Legal::Error { status, codes } => {
            answer.status() == Some(*status)
                && (codes.is_empty()
                    || answer
                        .codes()
                        .iter()
                        .any(|named| codes.contains(&named.code)))
        }
        Legal::Answered => answer.status() == Some(200) && is_answer(answer),
        Legal::Good => {
            answer.status() == Some(200)
                && super::rules::shape(answer, mode).is_none()
                && is_answer(answer)
        }
    }
}

/// Whether a 200 carries something of the agent's: no error in its place. What its shape breaks is judged by the
/// rules of REPLY and STREAM, under their own requirements.
fn is_answer(answer: &Answer<'_>) -> bool {
    if answer.says_stream() {
        let first_told = answer
            .stream()
            .events
            .iter()
            .find(|event| !matches!(event.what, EventKind::Other));
        return !matches!(
            first_told.map(|event| &event.what),
            Some(EventKind::Error { .. })
        );
    }
    match answer.json() {
        Ok(json) => {
            json.root.get("choices").is_some()
                || answer.codes().is_empty() && json.root.get("error").is_none()
        }
        Err(_) => true,
    }
}
