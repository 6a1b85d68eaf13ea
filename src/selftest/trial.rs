//! What is tried: the honest mock, every deviation by itself, and leniencies together.

use super::cover;
use crate::contract::RequirementId;
use crate::mock::{Deviation, Deviations, Fixtures, Kind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the suite has to say of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// A case of a requirement that it breaks fails.
    Failure,
    /// Nothing fails.
    Nothing,
    /// Nothing fails, and a case of a requirement that it ignores advises against it.
    Advice,
}

impl Expect {
    /// The word for the servers of which this is expected.
    pub const fn as_str(self) -> &'static str {
        match self {
            Expect::Failure => "violation",
            Expect::Nothing => "leniency",
            Expect::Advice => "flaw",
        }
    }
}

/// A server that the suite is run against.
#[derive(Debug, Clone)]
pub struct Trial {
    /// A deviation's id, or the name of a combination.
    pub id: String,
    /// What the suite has to say of it.
    pub expect: Expect,
    /// The requirements that it is about, the one it was written for first.
    pub about: Vec<RequirementId>,
    /// What sets the server apart, in a sentence.
    pub says: String,
    /// The ids of its deviations.
    pub together: Vec<String>,
    /// It keeps the suite waiting.
    pub slow: bool,
}

impl Trial {
    fn of(deviation: &Deviation) -> Trial {
        Trial {
            id: deviation.id.to_string(),
            expect: match deviation.kind {
                Kind::Violation => Expect::Failure,
                Kind::Leniency => Expect::Nothing,
                Kind::Flaw => Expect::Advice,
            },
            about: deviation.about.clone(),
            says: deviation.says.to_string(),
            together: vec![deviation.id.to_string()],
            slow: deviation.slow,
        }
    }

    fn combined(id: String, chosen: &[&Deviation]) -> Trial {
        Trial {
            id,
            expect: Expect::Nothing,
            about: chosen
                .iter()
                .flat_map(|deviation| deviation.about.clone())
                .collect(),
            says: "Leniencies that do not contradict each other.".to_owned(),
            together: chosen
                .iter()
                .map(|deviation| deviation.id.to_string())
                .collect(),
            // One of many leniencies that takes its time is enough.
            slow: true,
        }
    }

    /// Whether several leniencies meet in it.
    pub fn is_combination(&self) -> bool {
        self.expect == Expect::Nothing && self.together.len() > 1
    }

    /// The same server with a part of its deviations.
    pub(super) fn part(&self, ids: &[String]) -> Trial {
        Trial {
            together: ids.to_vec(),
            ..self.clone()
        }
    }

    /// The deviations of this server, made anew: they have memories.
    pub(super) fn deviations(&self, fixtures: &Fixtures) -> Arc<Deviations> {
        let mut all: BTreeMap<String, Deviation> = Kind::ALL
            .iter()
            .flat_map(|kind| Deviation::all(*kind, fixtures))
            .map(|deviation| (deviation.id.to_string(), deviation))
            .collect();
        Deviations::new(self.together.iter().filter_map(|id| all.remove(id)))
    }

    /// A command that starts this server, for a closer look.
    pub(super) fn reproduce(&self) -> String {
        let flag = match self.expect {
            Expect::Nothing => "--lenient",
            Expect::Failure | Expect::Advice => "--violate",
        };
        let flags: String = self
            .together
            .iter()
            .map(|id| format!(" {flag} {id}"))
            .collect();
        format!("clawcheck mock{flags}")
    }
}

/// Every trial: the honest mock, the violations, the leniencies (each alone, then rows in which all pairs that go
/// together meet, then so many random combinations), the flaws.
pub fn trials(random: usize, seed: u64) -> Vec<Trial> {
    let fixtures = Fixtures::derive(seed);
    let leniencies = Deviation::all(Kind::Leniency, &fixtures);
    let goes = |a: usize, b: usize| leniencies[a].goes_with(&leniencies[b]);
    let chosen =
        |row: &[usize]| -> Vec<&Deviation> { row.iter().map(|i| &leniencies[*i]).collect() };
    let mut trials = vec![Trial {
        says: "The honest mock.".to_owned(),
        ..Trial::combined("honest".to_owned(), &[])
    }];
    trials.extend(
        Deviation::all(Kind::Violation, &fixtures)
            .iter()
            .map(Trial::of),
    );
    trials.extend(leniencies.iter().map(Trial::of));
    for (number, row) in cover::pairs(leniencies.len(), goes).iter().enumerate() {
        trials.push(Trial::combined(
            format!("pairs.{:03}", number + 1),
            &chosen(row),
        ));
    }
    for (number, row) in cover::combinations(leniencies.len(), goes, random, seed)
        .iter()
        .enumerate()
    {
        trials.push(Trial::combined(
            format!("random.{:04}", number + 1),
            &chosen(row),
        ));
    }
    trials.extend(Deviation::all(Kind::Flaw, &fixtures).iter().map(Trial::of));
    trials
}
