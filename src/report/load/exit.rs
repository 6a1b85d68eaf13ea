//! What a load run amounts to, and the exit code that says so: a pure function of the record.

use crate::contract::{Level, RequirementId};
use crate::record::load::{Doubt, EndedBy, LoadRecord, Looks, ThresholdOutcome};

/// What a load run amounts to. Where several hold, the first of this list is the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It was interrupted, and what ran so far is no verdict.
    Interrupted,
    /// A shard is missing: what is there is not the run that was asked for.
    ShardMissing,
    /// Nothing ever answered.
    Unreached,
    /// An abort rule ended it.
    Aborted,
    /// It could not go on.
    CutShort,
    /// Something answered, and not one answer was right.
    NoSuccess,
    /// A threshold is broken, or had no sample to be judged by.
    ThresholdBroken,
    /// A MUST of the contract is broken, and the scenario does not merely report that.
    ContractBroken,
    /// A threshold needs a figure that can't be trusted.
    Invalid,
    /// Every threshold held, and nothing else is wrong.
    Held,
}

impl Verdict {
    /// All of them, in their order.
    pub const ALL: [Verdict; 10] = [
        Verdict::Interrupted,
        Verdict::ShardMissing,
        Verdict::Unreached,
        Verdict::Aborted,
        Verdict::CutShort,
        Verdict::NoSuccess,
        Verdict::ThresholdBroken,
        Verdict::ContractBroken,
        Verdict::Invalid,
        Verdict::Held,
    ];

    /// The verdict on a run.
    pub fn of(record: &LoadRecord) -> Verdict {
        Verdict::all_of(record)[0]
    }

    /// Everything that holds of a run, the verdict first; never empty.
    pub fn all_of(record: &LoadRecord) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = Verdict::ALL
            .into_iter()
            .filter(|verdict| verdict.holds(record))
            .collect();
        if verdicts.is_empty() {
            verdicts.push(Verdict::Held);
        }
        verdicts
    }

    fn holds(self, record: &LoadRecord) -> bool {
        match self {
            Verdict::Interrupted => record.ended_by == EndedBy::Interrupted,
            Verdict::ShardMissing => !record.host.complete && !record.host.is_lone_shard(),
            Verdict::Unreached => !record.reached,
            Verdict::Aborted => record.ended_by == EndedBy::Aborted,
            Verdict::CutShort => record.ended_by == EndedBy::Error,
            Verdict::NoSuccess => record.reached && !any_success(record),
            Verdict::ThresholdBroken => {
                // What is asked of the whole is judged by the merged shards.
                let mut thresholds = record.thresholds.iter();
                !record.host.is_lone_shard()
                    && thresholds.any(|threshold| threshold.outcome != ThresholdOutcome::Pass)
            }
            Verdict::ContractBroken => record.contract_fails && !broken_musts(record).is_empty(),
            Verdict::Invalid => {
                !record.host.is_lone_shard() && needed_doubts(record).next().is_some()
            }
            Verdict::Held => false, // of what is left when nothing else holds
        }
    }

    /// The exit code that says so.
    pub const fn code(self) -> u8 {
        match self {
            Verdict::Held => 0,
            Verdict::Aborted
            | Verdict::CutShort
            | Verdict::NoSuccess
            | Verdict::ThresholdBroken
            | Verdict::ContractBroken
            | Verdict::Invalid => 1,
            Verdict::Unreached | Verdict::ShardMissing => 3,
            Verdict::Interrupted => 130,
        }
    }
}

/// The exit code of a load run.
pub fn exit_code(record: &LoadRecord) -> u8 {
    Verdict::of(record).code()
}

/// A success in the measured window, or in a probe of a search. One of the warm-up alone measured nothing.
fn any_success(record: &LoadRecord) -> bool {
    let probes = record.search.iter().flat_map(|search| &search.probes);
    record.measured.counts.succeeded > 0 || probes.into_iter().any(|probe| probe.good > 0)
}

/// The MUSTs that an answer broke, in the contract's order.
pub(super) fn broken_musts(record: &LoadRecord) -> Vec<(RequirementId, Looks)> {
    record
        .checks
        .iter()
        .filter(|(requirement, looks)| requirement.level() == Level::Must && looks.failed > 0)
        .map(|(requirement, looks)| (*requirement, *looks))
        .collect()
}

/// The doubts that touch a threshold, of a measurement that is invalid.
pub(super) fn needed_doubts(record: &LoadRecord) -> impl Iterator<Item = &Doubt> {
    let valid = record.validity.valid;
    record
        .validity
        .reasons
        .iter()
        .filter(move |doubt| !valid && doubt.needed)
}
