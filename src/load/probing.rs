//! The search for capacity, carried out: every value is a run of its own, the drain included, so that none finds what
//! the one before has left in the target's queue.

use super::run::{Before, Options, SetupError, once, self_error};
use super::scenario::{
    Arrivals, End, Model, Objective, OverSaturation, Plan, Scenario, Shape, Stage, Stages, Steady,
};
use super::search::{Seeker, Try, Verdict};
use crate::profile::Profile;
use crate::record::load::{self, EndedBy, LoadRecord, Probe};
use crate::record::{Distribution, Snapshot};
use std::time::Duration;
use tokio::sync::watch;

/// A probe that decides nothing is run so often at most.
const MOST_RUNS: u32 = 5;

/// How long a drain may be where the scenario has none: what is still open says most about a target that is given too
/// much. In seconds of the target's clock.
const DRAIN: Duration = Duration::from_secs(140);

/// Doubts that make a bad probe this machine's fault.
const OURS: [&str; 3] = ["client_saturated", "fd_limit", "memory"];

/// So does lateness of ours at p99 over this part of what the objective allows: less breaks it seldom.
const LATE: f64 = 0.1;

/// Searches for the most that the target carries under the objective.
///
/// # Errors
/// Nothing was sent: as [`run`](super::run::run).
pub(super) async fn search(
    scenario: &Scenario,
    profile: &Profile,
    options: &Options,
    watch: &watch::Sender<Snapshot>,
) -> Result<LoadRecord, SetupError> {
    let mut probing = Probing {
        scenario,
        profile,
        options,
        watch,
        before: Before {
            self_error: Some(self_error().await),
            ..Before::default()
        },
        spent: 0,
        whole: None,
        best: None,
        probes: Vec::new(),
    };
    let Some((mut seeker, variable, probe)) = seeker(&scenario.model) else {
        return once(scenario, profile, options, watch, &Before::default()).await;
    };
    while let Some(next) = seeker.next() {
        let seen = probing.probe(next, &seeker, probe).await?;
        let (verdict, leans) = (
            seen.verdict(&seeker, &scenario.objective),
            seeker.leans(seen.good(), seen.total()),
        );
        let guess = carried(scenario, &seen.record);
        seeker.tried(next, verdict, leans, guess);
        probing.probes.push(Probe {
            value: next.value,
            good: seen.good(),
            total: seen.total(),
            verdict: verdict.as_str(),
            span: seen.record.windows.measured,
        });
        let over = seen.record.ended_by != EndedBy::Completed;
        probing.keep(seen.record, verdict);
        if over {
            break; // a signal, an abort rule, the budget
        }
    }
    let found = seeker.found();
    let Probing {
        whole,
        best,
        probes,
        spent,
        before,
        ..
    } = probing;
    let Some(mut record) = whole else {
        // There is a probe left at the begin, so at least one was run.
        return once(scenario, profile, options, watch, &Before::default()).await;
    };
    if let Some(best) = best.filter(|best| found.answer == Some(best.value)) {
        if !best.thresholds.is_empty() {
            let (value, variable) = (best.value, variable.replace('_', " "));
            record.notes.push(format!(
                "thresholds are judged by the probe of the answer, {value} {variable}; the figures are those of all probes"
            ));
        }
        record.thresholds = best.thresholds;
    }
    if record.ended_by == EndedBy::Budget {
        // Each probe had what the others left of it.
        let seconds = before.seen.elapsed.as_secs_f64();
        record.abort_reason = Some(if scenario.budget.completions == Some(spent) {
            format!("{spent} completions were sent, as many as [budget] has")
        } else {
            format!("the search took {seconds:.0} s, as long as [budget] has")
        });
    }
    record.scenario.resolved = scenario.resolved();
    record.search = Some(load::Search {
        variable,
        answer: found.answer,
        ci95: found.between,
        limited_by: found.limited_by,
        probes,
    });
    Ok(record)
}

/// The search that a model has; none where it has stages.
fn seeker(model: &Model) -> Option<(Seeker, &'static str, Duration)> {
    match model {
        Model::Closed(closed) => match &closed.plan {
            Plan::Search(search) => Some((Seeker::new(search, true), "users", search.probe)),
            Plan::Stages(_) => None,
        },
        Model::Open(open) => match &open.arrivals {
            Arrivals::Drawn {
                plan: Plan::Search(search),
                ..
            } => Some((Seeker::new(search, false), "rate_rps", search.probe)),
            _ => None, // stages, or a trace
        },
    }
}

/// A search on its way.
struct Probing<'r> {
    scenario: &'r Scenario,
    profile: &'r Profile,
    options: &'r Options,
    watch: &'r watch::Sender<Snapshot>,
    before: Before,
    /// Completions so far.
    spent: u64,
    /// All probes together.
    whole: Option<LoadRecord>,
    /// The probe of the most that met the objective.
    best: Option<Best>,
    probes: Vec<Probe>,
}

struct Best {
    value: f64,
    thresholds: Vec<load::ThresholdRow>,
}

/// What came of a value.
struct Seen {
    record: LoadRecord,
}

impl Seen {
    /// Requests that met the objective.
    fn good(&self) -> u64 {
        self.record.measured.counts.good
    }

    /// Requests that could: those that were abandoned on purpose could not.
    fn total(&self) -> u64 {
        let counts = &self.record.measured.counts;
        (counts.sent + counts.dropped).saturating_sub(counts.cancelled)
    }

    /// Whether this machine may be why the objective was missed.
    fn is_ours(&self, objective: &Objective) -> bool {
        let validity = &self.record.validity;
        let mut doubts = validity.reasons.iter();
        let limits = [
            objective.time_to_first_token,
            objective.inter_chunk_latency_max,
            objective.request_latency,
        ];
        let least = limits.into_iter().flatten().min().unwrap_or(Duration::MAX);
        let allowed = LATE * least.as_secs_f64() * 1e3;
        let late = |lag: &Distribution| lag.quantile(0.99).is_some_and(|late| late > allowed);
        doubts.any(|doubt| OURS.contains(&doubt.name))
            || late(&validity.schedule_lag)
            || late(&validity.runtime_lag)
    }

    fn verdict(&self, seeker: &Seeker, objective: &Objective) -> Verdict {
        let ours = self.is_ours(objective);
        match seeker.verdict(self.good(), self.total()) {
            // What was good in spite of us was good.
            Verdict::Missed | Verdict::Undecided if ours => {
                if seeker.leans(self.good(), self.total()) {
                    Verdict::Undecided
                } else {
                    Verdict::Invalid
                }
            }
            verdict => verdict,
        }
    }
}

impl Probing<'_> {
    /// Tries a value, until it is decided where it has to be.
    async fn probe(
        &mut self,
        next: Try,
        seeker: &Seeker,
        span: Duration,
    ) -> Result<Seen, SetupError> {
        let number = u32::try_from(self.probes.len() + 1).unwrap_or(u32::MAX);
        self.before.seen.probe = Some((number, next.value));
        let mut seen: Option<Seen> = None;
        for run in 1..=MOST_RUNS {
            let scenario = self.held(next.value, span, number, run);
            let record = once(
                &scenario,
                self.profile,
                self.options,
                self.watch,
                &self.before,
            )
            .await?;
            self.before.seen = Snapshot {
                in_flight: 0,
                ..*self.watch.borrow()
            };
            self.spent += record.completions;
            let completed = record.ended_by == EndedBy::Completed;
            let so_far = match seen.take() {
                None => record,
                Some(mut before) => {
                    before.record.add_after(&record);
                    before.record
                }
            };
            let so_far = seen.insert(Seen { record: so_far });
            let decided = so_far.verdict(seeker, &self.scenario.objective) != Verdict::Undecided;
            if decided || !next.decides || !completed {
                break;
            }
        }
        Ok(seen.expect("a probe is run at least once"))
    }

    /// The scenario at that value.
    fn held(&self, value: f64, span: Duration, probe: u32, run: u32) -> Scenario {
        let mut scenario = self.scenario.clone();
        let name = match run {
            1 => format!("probe-{probe}"),
            run => format!("probe-{probe}#{run}"),
        };
        match &mut scenario.model {
            // Users are whole numbers here, and within their range.
            Model::Closed(closed) => closed.plan = hold(name, value as u32, span),
            Model::Open(open) => {
                if let Arrivals::Drawn { plan, .. } = &mut open.arrivals {
                    *plan = hold(name, value, span);
                }
            }
        }
        if probe > 1 || run > 1 {
            scenario.warm_up = None;
            // Other arrivals, prompts and answers: the same ones again would prove nothing new.
            let runs = u64::from(probe) * u64::from(MOST_RUNS) + u64::from(run);
            scenario.seed = scenario.seed.wrapping_add(runs);
        }
        if scenario.end == End::Cut {
            scenario.end = End::Drain(DRAIN);
        }
        // Too much is just what is looked for.
        scenario.abort.over_saturation = OverSaturation::GoOn;
        scenario.steady = Steady::Ignored;
        let budget = &mut scenario.budget;
        let took = self.before.seen.elapsed;
        budget.completions =
            (budget.completions).map(|completions| completions.saturating_sub(self.spent));
        budget.duration = (budget.duration).map(|duration| duration.saturating_sub(took));
        scenario
    }

    /// Takes a probe's record up.
    fn keep(&mut self, record: LoadRecord, verdict: Verdict) {
        let value = self.probes.last().map_or(0.0, |probe| probe.value);
        let better = self.best.as_ref().is_none_or(|best| value >= best.value);
        if verdict == Verdict::Met && better {
            self.best = Some(Best {
                value,
                thresholds: record.thresholds.clone(),
            });
        }
        match &mut self.whole {
            None => self.whole = Some(record),
            Some(whole) => {
                whole.add_after(&record);
                // Those of the last probe, until the answer has its own.
                whole.thresholds = record.thresholds;
            }
        }
    }
}

fn hold<T>(name: String, target: T, duration: Duration) -> Plan<T> {
    Plan::Stages(Stages {
        stages: vec![Stage {
            name,
            duration,
            target,
            shape: Shape::Step,
        }],
        repeat: 1,
    })
}

/// What the target seems to carry, from what it got through in all the time that it took, drain included.
fn carried(scenario: &Scenario, record: &LoadRecord) -> Option<f64> {
    let counts = &record.measured.counts;
    let ended = counts.succeeded + counts.errors + counts.throttled;
    let span = record.windows.measured + record.windows.drain;
    let rate =
        Some(ended as f64 / span.as_secs_f64()).filter(|rate| rate.is_finite() && *rate > 0.0)?;
    match &scenario.model {
        Model::Open(_) => Some(rate),
        // By Little's law as many users as ask, wait as long as they may, and think.
        Model::Closed(closed) => {
            let think = closed.think_time_ms.map_or(0.0, |think| think.mean()) / 1e3;
            longest(&scenario.objective, record).map(|longest| rate * (longest + think))
        }
    }
}

/// How long an answer may take by the objective, in seconds.
fn longest(objective: &Objective, record: &LoadRecord) -> Option<f64> {
    let figures = &record.measured.figures;
    let whole = objective.request_latency.map(|limit| limit.as_secs_f64());
    let mean = |figure: &Distribution| figure.mean().map(|millis| millis / 1e3);
    let first = objective.time_to_first_token.and_then(|limit| {
        let rest = mean(&figures.request_latency)? - mean(&figures.time_to_first_token)?;
        Some(limit.as_secs_f64() + rest.max(0.0))
    });
    match (whole, first) {
        (Some(whole), Some(first)) => Some(whole.min(first)),
        (whole, first) => whole.or(first),
    }
}
