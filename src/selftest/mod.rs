//! Selftest: the suite against every server that is known to be wrong, and against those that only look it.
//!
//! Each [`Trial`] is a mock with some deviations; `conform` runs against it as it would against a deployment, over
//! sockets, with nothing left out. A violation is caught where a case of a requirement that it breaks fails; a
//! leniency, alone or with others, must not make anything fail; a flaw must be advised against and fail nothing.
//!
//! It has no rules of its own: what is broken is the mock's word, what was found the suite's.

mod cover;
mod shrink;
mod trial;

pub use cover::{combinations, pairs};
pub use shrink::smallest;
pub use trial::{Expect, Trial, trials};

use crate::case::Catalogue;
use crate::conform;
use crate::contract::{Level, REQUIREMENTS, RequirementId};
use crate::mock::{Fixtures, Mock, MockConfig};
use crate::profile::Profile;
use crate::record::{Ended, Event, Outcome, Record, Summary, TestResult};
use crate::time::Scale;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::UnboundedSender;

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Trials that run side by side.
    pub jobs: usize,
    /// What the mocks and the combinations are made from.
    pub seed: u64,
    /// How the run is told to end.
    pub stop: conform::Stop,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            jobs: default_jobs(),
            seed: MockConfig::default().seed,
            stop: conform::Stop::default(),
        }
    }
}

/// A trial mostly waits (for a time-out, a window, a silence), so many fit on a core.
const TRIALS_PER_CORE: usize = 20;

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from) * TRIALS_PER_CORE
}

/// One worker in so many takes trials that keep a core busy.
const BUSY_SHARE: usize = 4;

/// How long an answer of a legal server is waited for, on our clock.
const LEGAL_TIMEOUT: Duration = Duration::from_secs(60);

/// The mocks' clock: their 130 s time-out comes after 1.3 s.
const SCALE: f64 = 0.01;

/// Runs the trials. Events tell what happens meanwhile; the record has a result for each trial, in their order.
///
/// Blocks the calling thread; every trial has a thread and a runtime of its own, so that none waits for another's.
pub fn run(
    catalogue: &Catalogue,
    trials: &[Trial],
    options: &Options,
    events: &UnboundedSender<Event>,
) -> Record {
    let started_at = SystemTime::now();
    let began = Instant::now();
    let _ = events.send(Event::Planned {
        tests: trials.len(),
    });
    let queue = Queue::new(trials);
    let interrupted = AtomicBool::new(false);
    let done: Mutex<Vec<(usize, Done)>> = Mutex::new(Vec::new());
    let workers = options.jobs.clamp(1, trials.len().max(1));
    let strong = workers.div_ceil(BUSY_SHARE);
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let (queue, interrupted, done) = (&queue, &interrupted, &done);
            scope.spawn(move || {
                while let Some(index) = queue.next(worker < strong) {
                    if options.stop.gentle.is_cancelled() {
                        interrupted.store(true, Ordering::Relaxed);
                        return;
                    }
                    let trial = &trials[index];
                    let _ = events.send(Event::Started {
                        id: trial.id.clone(),
                    });
                    let mut tried = try_one(catalogue, trial, options);
                    tried.blamed = blamed(catalogue, trial, &tried, options);
                    if tried
                        .record
                        .as_ref()
                        .is_ok_and(|record| record.ended == Ended::Interrupted)
                    {
                        interrupted.store(true, Ordering::Relaxed);
                        return;
                    }
                    let done_one = Done::of(trial, tried);
                    let _ = events.send(Event::Finished(Box::new(done_one.result.clone())));
                    done.lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .push((index, done_one));
                }
            });
        }
    });
    let mut done = done
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    let counts: Vec<Summary> = done.iter().map(|(_, done)| done.counts).collect();
    let results: Vec<TestResult> = done.into_iter().map(|(_, done)| done.result).collect();
    let summary = summary(trials, &results, &counts);
    Record {
        command: "selftest",
        target: "the mock, with deviations".to_owned(),
        started_at,
        duration: began.elapsed(),
        ended: if interrupted.load(Ordering::Relaxed) {
            Ended::Interrupted
        } else {
            Ended::Completed
        },
        summary,
        results,
        fingerprint: BTreeMap::new(),
        notes: Vec::new(),
        untested: Vec::new(),
        expected_failures: Vec::new(),
        unexpected_passes: Vec::new(),
    }
}

/// The trials that nobody has begun. Those that keep a core busy are for some of the workers only: many of them at once
/// would have each other's answers come late. Within either kind the long ones come first, so that none is the last one
/// alone.
struct Queue {
    busy: Vec<usize>,
    others: Vec<usize>,
    next_busy: AtomicUsize,
    next_other: AtomicUsize,
}

impl Queue {
    fn new(trials: &[Trial]) -> Queue {
        let mut order: Vec<usize> = (0..trials.len()).collect();
        order.sort_by_key(|index| !trials[*index].slow);
        let (busy, others) = order
            .into_iter()
            .partition(|index| trials[*index].is_combination());
        Queue {
            busy,
            others,
            next_busy: AtomicUsize::new(0),
            next_other: AtomicUsize::new(0),
        }
    }

    /// The next one for a worker, who is `strong` enough for one that keeps a core busy, or is not.
    fn next(&self, strong: bool) -> Option<usize> {
        let take = |list: &[usize], next: &AtomicUsize| {
            list.get(next.fetch_add(1, Ordering::Relaxed)).copied()
        };
        let busy = strong.then(|| take(&self.busy, &self.next_busy)).flatten();
        busy.or_else(|| take(&self.others, &self.next_other))
    }
}

/// What is kept of a trial: not its record, which has every answer's bytes.
struct Done {
    result: TestResult,
    /// What its run sent.
    counts: Summary,
}

impl Done {
    fn of(trial: &Trial, tried: Tried) -> Done {
        Done {
            result: result(trial, &tried),
            counts: tried
                .record
                .map(|record| record.summary)
                .unwrap_or_default(),
        }
    }
}

/// What came of a trial.
struct Tried {
    record: Result<Record, String>,
    took: Duration,
    /// Of a combination that raised a false alarm: what of it is to blame, in words.
    blamed: Option<String>,
}

fn try_one(catalogue: &Catalogue, trial: &Trial, options: &Options) -> Tried {
    let began = Instant::now();
    let record = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| {
            let record = runtime.block_on(conform(catalogue, trial, options));
            runtime.shutdown_background();
            record
        });
    Tried {
        record,
        took: began.elapsed(),
        blamed: None,
    }
}

/// How often a combination is tried again in parts, to find what of it raises a false alarm.
const MOST_TRIED_AGAIN: usize = 30;

/// What of a combination is to blame for its false alarm: the smallest set of its leniencies that raises one, too.
fn blamed(
    catalogue: &Catalogue,
    trial: &Trial,
    tried: &Tried,
    options: &Options,
) -> Option<String> {
    let is_false_alarm = |trial: &Trial, tried: &Tried| {
        verdict(trial, &Found::of(tried, &trial.about)).0 == Outcome::Fail
    };
    if !trial.is_combination() || !is_false_alarm(trial, tried) {
        return None;
    }
    let again = |part: &[String]| {
        let part = trial.part(part);
        !options.stop.gentle.is_cancelled()
            && is_false_alarm(&part, &try_one(catalogue, &part, options))
    };
    if !again(&trial.together) {
        return Some("a second time nothing failed".to_owned());
    }
    let (part, ended) = smallest(&trial.together, MOST_TRIED_AGAIN - 1, again);
    let part = part.join(" with ");
    Some(if ended {
        format!("the smallest set that still fails is {part}")
    } else {
        format!("the smallest set found that still fails is {part}")
    })
}

async fn conform(
    catalogue: &Catalogue,
    trial: &Trial,
    options: &Options,
) -> Result<Record, String> {
    let fixtures = Fixtures::derive(options.seed);
    let mock = Mock::start(MockConfig {
        seed: options.seed,
        time_scale: Scale::new(SCALE).expect("a positive number"),
        bend: trial.deviations(&fixtures),
        ..MockConfig::default()
    })
    .await
    .map_err(|error| format!("the mock can't start: {error}"))?;
    let mut profile = Profile::parse(&mock.profile_toml(), "the mock's profile", &|_| None)
        .map_err(|mistakes| format!("the profile of the mock is wrong: {mistakes:?}"))?;
    if trial.expect == Expect::Nothing {
        // It answers in the end, however busy the machine is; on a deployment nobody gives up after ten seconds either.
        profile.target.timeout_s = LEGAL_TIMEOUT.as_secs_f64() / SCALE;
    }
    let conform_options = conform::Options {
        stop: options.stop.clone(),
        ..conform::Options::default()
    };
    // What happens inside a trial nobody follows.
    let (sender, _) = tokio::sync::mpsc::unbounded_channel();
    conform::run(catalogue, &profile, &conform_options, sender)
        .await
        .map_err(|error| error.to_string())
}

/// Judges a trial.
fn result(trial: &Trial, tried: &Tried) -> TestResult {
    let about = &trial.about;
    let requirement = about.first().copied().unwrap_or(crate::contract::ROUTE_1);
    let found = Found::of(tried, about);
    let (outcome, mut message) = verdict(trial, &found);
    if let Some(blamed) = &tried.blamed {
        message = format!("{message}; {blamed}");
    }
    let mut observed = BTreeMap::from([("kind".to_owned(), trial.expect.as_str().to_owned())]);
    if about.len() > 1 {
        let ids: Vec<&str> = about.iter().map(|id| id.as_str()).collect();
        observed.insert("about".to_owned(), ids.join(", "));
    }
    if trial.expect == Expect::Failure && !found.beside.is_empty() {
        observed.insert("collateral".to_owned(), listed(&found.beside));
    }
    if trial.together.len() > 1 {
        observed.insert("together".to_owned(), trial.together.join(", "));
    }
    TestResult {
        id: trial.id.clone(),
        requirement,
        cites: requirement,
        why: trial.says.clone(),
        outcome,
        message,
        checks: Vec::new(),
        observed,
        duration: tried.took,
        reproduce: trial.reproduce(),
        caught_by: Some(found.own),
        evidence: None,
    }
}

/// What the suite said of a server.
struct Found {
    /// Why there is no record, if there is none.
    unable: Option<String>,
    /// How the run ended, if not at its end.
    ended: Option<String>,
    /// Failures of requirements that the trial is about (of a flaw: advice).
    own: Vec<String>,
    /// The other failures, with their requirements.
    beside: Vec<(String, RequirementId)>,
    /// Advice under a requirement that the trial is about.
    advised: Vec<String>,
    /// What the first failure says.
    says: Option<String>,
}

impl Found {
    fn of(tried: &Tried, about: &[RequirementId]) -> Found {
        let record = match &tried.record {
            Ok(record) => record,
            Err(why) => {
                return Found {
                    unable: Some(why.clone()),
                    ended: None,
                    own: Vec::new(),
                    beside: Vec::new(),
                    advised: Vec::new(),
                    says: None,
                };
            }
        };
        let of = |outcome| {
            record
                .results
                .iter()
                .filter(move |result| result.outcome == outcome)
        };
        let mine = |result: &&TestResult| about.contains(&result.requirement);
        let ids = |results: Vec<&TestResult>| -> Vec<String> {
            results.iter().map(|result| result.id.clone()).collect()
        };
        let own = ids(of(Outcome::Fail).filter(mine).collect());
        // A case in its other mode has failed for the same cause, under the requirement that is about modes.
        let twin = |result: &&TestResult| own.iter().any(|id| case_of(id) == case_of(&result.id));
        Found {
            unable: None,
            ended: match &record.ended {
                Ended::Completed => None,
                Ended::Pointless(why) | Ended::Untestable(why) => Some(why.clone()),
                Ended::Interrupted | Ended::FailFast => Some("the run was ended".to_owned()),
            },
            beside: of(Outcome::Fail)
                .filter(|result| !mine(result) && !twin(result))
                .map(|result| (result.id.clone(), result.requirement))
                .collect(),
            own,
            advised: ids(of(Outcome::Advice).filter(mine).collect()),
            says: of(Outcome::Fail)
                .next()
                .map(|result| result.message.clone()),
        }
    }
}

/// The case of a result, whatever its mode.
fn case_of(id: &str) -> &str {
    id.strip_suffix(".stream").unwrap_or(id)
}

fn listed(failures: &[(String, RequirementId)]) -> String {
    let each: Vec<String> = failures
        .iter()
        .map(|(id, requirement)| format!("{id} ({requirement})"))
        .collect();
    each.join(", ")
}

/// Whether the suite did what it should, and what it did.
fn verdict(trial: &Trial, found: &Found) -> (Outcome, String) {
    if let Some(why) = &found.unable {
        return (Outcome::Inconclusive, why.clone());
    }
    let ended = found
        .ended
        .as_ref()
        .map(|why| format!("; the run ended at its beginning: {why}"))
        .unwrap_or_default();
    match trial.expect {
        Expect::Failure if !found.own.is_empty() => {
            (Outcome::Pass, format!("caught by {}", found.own.join(", ")))
        }
        Expect::Failure if found.beside.is_empty() => {
            (Outcome::Fail, format!("survived: nothing failed{ended}"))
        }
        Expect::Failure => (
            Outcome::Fail,
            format!(
                "survived: no case of a requirement that it breaks failed, only {}{ended}",
                listed(&found.beside)
            ),
        ),
        Expect::Nothing | Expect::Advice if !found.own.is_empty() || !found.beside.is_empty() => {
            let own = found.own.iter().map(|id| (id.clone(), trial.about[0]));
            let says = found
                .says
                .as_ref()
                .map(|says| format!(": {says}"))
                .unwrap_or_default();
            let all: Vec<(String, RequirementId)> =
                own.chain(found.beside.iter().cloned()).collect();
            (
                Outcome::Fail,
                format!("false alarm: {}{says}{ended}", listed(&all)),
            )
        }
        Expect::Nothing | Expect::Advice if found.ended.is_some() => {
            (Outcome::Fail, format!("false alarm{ended}"))
        }
        Expect::Nothing => (Outcome::Pass, "nothing failed".to_owned()),
        Expect::Advice if found.advised.is_empty() => {
            (Outcome::Fail, "survived: nothing was advised".to_owned())
        }
        Expect::Advice => (
            Outcome::Pass,
            format!("advised by {}", found.advised.join(", ")),
        ),
    }
}

/// The counts. A MUST counts as tested where a violation of it was tried, as kept where all of those were caught.
fn summary(trials: &[Trial], results: &[TestResult], counts: &[Summary]) -> Summary {
    let number = |outcome| {
        results
            .iter()
            .filter(|result| result.outcome == outcome)
            .count()
    };
    let survived: BTreeSet<&str> = results
        .iter()
        .filter(|result| result.outcome != Outcome::Pass)
        .map(|result| result.id.as_str())
        .collect();
    let mut tested: BTreeSet<RequirementId> = BTreeSet::new();
    let mut lost: BTreeSet<RequirementId> = BTreeSet::new();
    let tried: BTreeSet<&str> = results.iter().map(|result| result.id.as_str()).collect();
    for trial in trials {
        if trial.expect == Expect::Failure && tried.contains(trial.id.as_str()) {
            tested.extend(trial.about.first());
            if survived.contains(trial.id.as_str()) {
                lost.extend(trial.about.first());
            }
        }
    }
    let musts = REQUIREMENTS
        .iter()
        .filter(|row| row.level == Level::Must)
        .count();
    let mut summary = Summary {
        passed: number(Outcome::Pass),
        failed: number(Outcome::Fail),
        inconclusive: number(Outcome::Inconclusive),
        must_tested: tested.len(),
        must_kept: tested.len() - lost.len(),
        must_untested: musts.saturating_sub(tested.len()),
        ..Summary::default()
    };
    for counts in counts {
        summary.requests += counts.requests;
        summary.completions += counts.completions;
        summary.retried += counts.retried;
    }
    summary
}
