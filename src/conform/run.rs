//! The run itself: one owner of its state, tests side by side, a record at the end whatever happens.

use super::carrier::{Carrier, TEST, summary as said};
use super::probe::{Probed, probe};
use super::select::{missing, wanted, wants};
use super::{Options, finish};
use crate::case::{
    Bench, Case, Catalogue, Courier as _, Delivery, Inconclusive, Verdict, reproduce,
};
use crate::contract::{ERROR_1, FAULT_1, FAULT_2, FAULT_3, ROUTE_1, RequirementId};
use crate::judge::rules::shape;
use crate::judge::{Check, Mode};
use crate::profile::{HttpVersion, Profile, WayError};
use crate::record::{Ended, Event, Evidence, Outcome, Record, TestResult, judged};
use crate::time::Deadline;
use crate::wire::{Client, Dialer, Transport};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::UnboundedSender;

/// How long tests under way may go on after the run was told to end.
const GRACE: Duration = Duration::from_secs(5);

/// One case in one mode.
struct Job<'c> {
    case: &'c Case,
    mode: Mode,
}

/// A test that was begun and has no result yet.
struct UnderWay {
    id: String,
    requirement: RequirementId,
    why: String,
    /// Completions that it may still cause.
    cost: usize,
}

/// Runs the catalogue against the profile's target. Events tell what happens meanwhile; the record tells it all.
///
/// ```
/// use clawcheck::case::Catalogue;
/// use clawcheck::conform::{self, Options};
/// use clawcheck::profile::{NamedKey, Profile};
/// use clawcheck::record::Outcome;
/// # use clawcheck::mock::{Mock, MockConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mock = Mock::start(MockConfig::default()).await?;
/// # let (url, bot) = (mock.base_url(), mock.fixtures().bots.main.clone());
/// # let key = mock.fixtures().keys.valid.clone();
/// // `url`, `key` and `bot` are the deployment's.
/// let key = NamedKey { key, variable: Some("CLAWBITE_KEY".to_owned()) };
/// let profile = Profile::from_target(&url, key, &bot);
/// let options = Options { only: vec!["AUTH-*".to_owned()], ..Options::default() };
/// let (events, _) = tokio::sync::mpsc::unbounded_channel();
///
/// let record = conform::run(&Catalogue::builtin(), &profile, &options, events).await?;
/// for result in record.results.iter().filter(|result| result.outcome == Outcome::Fail) {
///     println!("{} breaks {}: {}", result.id, result.requirement, result.message);
/// }
/// assert_eq!(record.summary.failed, 0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What keeps a run from beginning: a CA file that is none, no root certificates.
pub async fn run(
    catalogue: &Catalogue,
    profile: &Profile,
    options: &Options,
    events: UnboundedSender<Event>,
) -> Result<Record, WayError> {
    let started_at = SystemTime::now();
    let began = Instant::now();
    let (transport, raw, version) = reach(profile).await?;
    let carrier = Carrier::new(profile, transport, raw, options, events.clone());
    let mut run = Run {
        catalogue,
        profile,
        options,
        events: &events,
        results: Vec::new(),
    };
    let first = async {
        // Even the first question calls the model.
        match options.max_completions {
            Some(0) => Probed::Good,
            _ => probe(&carrier).await,
        }
    };
    let probed = tokio::select! {
        probed = first => Some(probed),
        () = options.stop.now.cancelled() => None,
        () = gently(options) => None,
    };
    let ended = match probed {
        None => Ended::Interrupted,
        Some(Probed::Untestable { says, delivery }) => {
            let check = Check::violation(ROUTE_1, "plain valid request", "200", says.clone());
            run.only_finding(
                &carrier,
                "route.good",
                ROUTE_1,
                vec![check],
                Outcome::Inconclusive,
                &says,
                delivery.as_deref(),
            );
            Ended::Untestable(says)
        }
        Some(Probed::Wrong {
            says,
            requirement,
            checks,
            delivery,
        }) => {
            let outcome = judged(&checks);
            let id = if requirement == ROUTE_1 {
                "route.good"
            } else {
                "body.shape"
            };
            run.only_finding(
                &carrier,
                id,
                requirement,
                checks,
                outcome,
                &says,
                Some(&delivery),
            );
            Ended::Pointless(says)
        }
        Some(Probed::Good) => run.all(&carrier).await,
    };
    let mut results = run.results;
    let mut notes = notes(&carrier, profile, &version);
    let scrubber = carrier.scrubber();
    let flaky = flaky(&carrier);
    let ledger = carrier.into_ledger();
    let mut fingerprint = ledger.fingerprint();
    fingerprint.insert("wire.http".to_owned(), version);
    let (requests, completions, retried) = (ledger.requests, ledger.completions, ledger.retried);
    // Only where the one result that tells the cause is wanted too.
    if ledger.codeless() && wanted(options, &["error.code", ERROR_1.as_str()]) {
        finish::group_codeless(&mut results);
    }
    let testable = !matches!(ended, Ended::Untestable(_)) && requests > 0;
    if testable {
        results.extend(ledger.results(profile, &scrubber, |rule| {
            wanted(options, &[rule.id, rule.requirement.as_str()])
        }));
        results.extend(flaky);
    }
    for result in &results {
        fingerprint.extend(result.observed.clone());
    }
    results.sort_by(|a, b| {
        a.requirement
            .cmp(&b.requirement)
            .then_with(|| a.id.cmp(&b.id))
    });
    let untested = finish::untested(catalogue, options, &results, &ended);
    let mut summary = finish::summary(catalogue, &results, &untested);
    summary.requests = requests;
    summary.completions = completions;
    summary.retried = retried;
    let (expected_failures, unexpected_passes) = finish::known_failures(&results, options);
    notes.dedup();
    Ok(Record {
        command: "conform",
        target: profile.target.base_url.clone(),
        started_at,
        duration: began.elapsed(),
        ended,
        summary,
        results,
        fingerprint,
        notes,
        untested,
        expected_failures,
        unexpected_passes,
    })
}

/// Opens the way to the target: which HTTP it speaks, and whether byte-exact HTTP/1.1 is among it.
pub(super) async fn reach(
    profile: &Profile,
) -> Result<(Transport, Option<Dialer>, String), WayError> {
    let target = &profile.target;
    let dialer = target.dialer(target.connect_timeout)?;
    let http2 = match target.http {
        HttpVersion::Http1 => false,
        HttpVersion::Http2 => true,
        HttpVersion::Auto => dialer
            .speaks_h2(Deadline::after(target.connect_timeout))
            .await
            .unwrap_or(false), // the first question will tell why
    };
    if !http2 {
        return Ok((
            Transport::Raw(dialer.clone()),
            Some(dialer),
            "HTTP/1.1".to_owned(),
        ));
    }
    let client = Transport::Client(Client::new(dialer.clone()));
    let spoken = "HTTP/2".to_owned();
    // Whoever chose HTTP/2 may test something that speaks nothing else, and so may be what was found.
    let within = Deadline::after(target.connect_timeout);
    let both = target.http == HttpVersion::Auto && dialer.connect(within).await.is_ok();
    Ok((client, both.then_some(dialer), spoken))
}

/// Ends some seconds after the run was told to end.
async fn gently(options: &Options) {
    options.stop.gentle.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

struct Run<'r> {
    catalogue: &'r Catalogue,
    profile: &'r Profile,
    options: &'r Options,
    events: &'r UnboundedSender<Event>,
    results: Vec<TestResult>,
}

impl<'r> Run<'r> {
    /// Runs every selected test.
    async fn all(&mut self, carrier: &Carrier<'_>) -> Ended {
        let (jobs, skipped) = self.select(carrier).await;
        let _ = self.events.send(Event::Planned {
            tests: jobs.len() + skipped.len(),
        });
        for result in skipped {
            self.push(result);
        }
        let mut waiting = jobs.into_iter();
        let mut running = FuturesUnordered::new();
        let mut ended = Ended::Completed;
        let stop = gently(self.options);
        tokio::pin!(stop);
        let mut under_way: Vec<UnderWay> = Vec::new();
        loop {
            let ending = self.options.stop.gentle.is_cancelled();
            if ending && ended != Ended::Interrupted {
                ended = Ended::Interrupted;
                let _ = self.events.send(Event::Stopping);
            }
            while ended == Ended::Completed && running.len() < self.options.jobs.max(1) {
                let Some(job) = waiting.next() else { break };
                let cost = price(carrier, &job);
                let reserved: usize = under_way.iter().map(|job| job.cost).sum();
                if cost > 0 && !self.affords(carrier, reserved + cost) {
                    let why = "--max-completions is used up".to_owned();
                    self.push(unrun(job.case, job.mode, Outcome::Skip, why));
                    continue;
                }
                let id = job.case.result_id(job.mode);
                let _ = self.events.send(Event::Started { id: id.clone() });
                under_way.push(UnderWay {
                    id,
                    requirement: job.case.requirement_in(job.mode),
                    why: job.case.why().to_owned(),
                    cost,
                });
                running.push(one(carrier, self.profile, job));
            }
            if running.is_empty() {
                break;
            }
            let finished = tokio::select! {
                finished = running.next() => finished,
                () = self.options.stop.now.cancelled() => None,
                () = self.options.stop.gentle.cancelled(), if ended == Ended::Completed => continue,
                () = &mut stop => None,
            };
            let Some(results) = finished else {
                // Abandoned: what was under way is told as such.
                ended = Ended::Interrupted;
                break;
            };
            // Its own result is among them, though not always the first.
            under_way.retain(|job| results.iter().all(|result| result.id != job.id));
            let failed = results.iter().any(|result| result.outcome == Outcome::Fail)
                || carrier.ledger().has_violation();
            for result in results {
                self.push(result);
            }
            if failed && self.options.fail_fast && ended == Ended::Completed {
                ended = Ended::FailFast;
            }
        }
        drop(running);
        if ended == Ended::Interrupted {
            for job in under_way {
                self.push(TestResult {
                    cites: job.requirement,
                    id: job.id,
                    requirement: job.requirement,
                    why: job.why,
                    outcome: Outcome::Inconclusive,
                    message: "abandoned: the run was interrupted".to_owned(),
                    checks: Vec::new(),
                    observed: BTreeMap::new(),
                    duration: Duration::ZERO,
                    reproduce: String::new(),
                    caught_by: None,
                    evidence: None,
                });
            }
        }
        ended
    }

    /// The tests to run, the slow ones first, and results for those that can't.
    async fn select(&self, carrier: &Carrier<'_>) -> (Vec<Job<'r>>, Vec<TestResult>) {
        let mut jobs = Vec::new();
        let mut skipped = Vec::new();
        let stream = self.stream_refused(carrier).await;
        for case in self.catalogue.cases() {
            for mode in case.modes().iter().copied() {
                if !wants(self.options, case, mode) {
                    continue;
                }
                if let Some(fixture) = missing(case, self.profile) {
                    let why = format!("the profile lacks {}", fixture.name());
                    skipped.push(unrun(case, mode, Outcome::Skip, why));
                } else if case.needs_http1() && carrier.raw.is_none() {
                    let why = "the target is tested over HTTP/2 only".to_owned();
                    skipped.push(unrun(case, mode, Outcome::Skip, why));
                } else if let (Mode::Stream, Some(why)) = (mode, &stream)
                    && case.cost().completions > 0
                    && !matches!(case.id(), "route.good" | "body.shape")
                {
                    skipped.push(unrun(case, mode, Outcome::Inconclusive, why.clone()));
                } else {
                    jobs.push(Job { case, mode });
                }
            }
        }
        // What waits for the target's clock goes first, what may cost money last.
        jobs.sort_by_key(|job| {
            let slow = job.case.uses_up().is_some() || job.case.takes_time();
            (!slow, job.case.cost().completions > 0)
        });
        (jobs, skipped)
    }

    /// Whether `--max-completions` leaves room for so many more than the run has caused so far.
    fn affords(&self, carrier: &Carrier<'_>, more: usize) -> bool {
        let spent = carrier.ledger().completions;
        self.options
            .max_completions
            .is_none_or(|most| spent + more <= most)
    }

    /// Why streams can't be tested: the plain stream gets a wrong answer, which is told once.
    async fn stream_refused(&self, carrier: &Carrier<'_>) -> Option<String> {
        let any = self.catalogue.cases().iter().any(|case| {
            case.modes().contains(&Mode::Stream)
                && case.cost().completions > 0
                && wants(self.options, case, Mode::Stream)
        });
        if !any || !self.affords(carrier, 1) {
            return None;
        }
        let good = tokio::select! {
            good = carrier.good(Mode::Stream) => good,
            () = self.options.stop.now.cancelled() => return None,
            () = gently(self.options) => return None,
        };
        match good {
            Ok(delivery)
                if delivery.status() == Some(200)
                    && shape(&delivery.answer(), Mode::Stream).is_none() =>
            {
                None
            }
            Ok(delivery) => Some(format!(
                "the plain stream gets a wrong answer ({}): see route.good.stream",
                said(&delivery.exchange)
            )),
            Err(why) => Some(why.why),
        }
    }

    fn push(&mut self, result: TestResult) {
        let _ = self.events.send(Event::Finished(Box::new(result.clone())));
        self.results.push(result);
    }

    /// The one finding of a run that ended before it began.
    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of a result, from one place"
    )]
    fn only_finding(
        &mut self,
        carrier: &Carrier<'_>,
        id: &str,
        requirement: RequirementId,
        checks: Vec<Check>,
        outcome: Outcome,
        says: &str,
        delivery: Option<&Delivery>,
    ) {
        let scrubber = carrier.scrubber();
        let result = TestResult {
            cites: requirement,
            id: id.to_owned(),
            requirement,
            why: "Everything else rests on it: a valid key, bot and body get an answer.".to_owned(),
            outcome,
            message: scrubber.scrub_text(says),
            observed: BTreeMap::new(),
            duration: delivery.map_or(Duration::ZERO, |delivery| delivery.exchange.duration()),
            reproduce: delivery.map_or_else(String::new, |delivery| {
                reproduce(self.profile, &delivery.ask)
            }),
            caught_by: None,
            evidence: delivery
                .map(|delivery| Evidence::new(&delivery.exchange, &checks, &scrubber)),
            checks,
        };
        self.push(result);
    }
}

/// Runs one test: its result, and one more for each other requirement that it found broken.
async fn one(carrier: &Carrier<'_>, profile: &Profile, job: Job<'_>) -> Vec<TestResult> {
    let began = Instant::now();
    let bench = Bench {
        profile,
        mode: job.mode,
        courier: carrier,
    };
    let id = job.case.result_id(job.mode);
    let verdict = TEST.scope(id, job.case.run(&bench)).await;
    results(carrier, profile, &job, verdict, began.elapsed())
}

/// Completions that a test may cause: none where it only looks at a good answer that is there already.
fn price(carrier: &Carrier<'_>, job: &Job<'_>) -> usize {
    match job.case.id() {
        "route.good" | "body.shape" => usize::from(!carrier.has_good(job.mode)),
        _ => job.case.cost().completions,
    }
}

/// A result of a test that did not run.
fn unrun(case: &Case, mode: Mode, outcome: Outcome, message: String) -> TestResult {
    TestResult {
        cites: case.requirement(),
        id: case.result_id(mode),
        requirement: case.requirement_in(mode),
        why: case.why().to_owned(),
        outcome,
        message,
        checks: Vec::new(),
        observed: BTreeMap::new(),
        duration: Duration::ZERO,
        reproduce: String::new(),
        caught_by: None,
        evidence: None,
    }
}

/// What a verdict means, in results: findings of other requirements than the case's stand in results of their own.
fn results(
    carrier: &Carrier<'_>,
    profile: &Profile,
    job: &Job<'_>,
    verdict: Result<Verdict, Inconclusive>,
    duration: Duration,
) -> Vec<TestResult> {
    let id = job.case.result_id(job.mode);
    let main = job.case.requirement_in(job.mode);
    let verdict = match verdict {
        Ok(verdict) => verdict,
        Err(why) => {
            let outcome = if why.applies {
                Outcome::Inconclusive
            } else {
                Outcome::Skip
            };
            let mut result = unrun(job.case, job.mode, outcome, why.why);
            result.duration = duration;
            return vec![result];
        }
    };
    let scrubber = carrier.scrubber();
    let mut by_requirement: BTreeMap<RequirementId, Vec<Check>> = BTreeMap::new();
    by_requirement.insert(main, Vec::new());
    for mut check in verdict.checks {
        check.actual = scrubber.scrub_text(&check.actual);
        check.expected = scrubber.scrub_text(&check.expected);
        let place = if check.is_finding() {
            check.requirement
        } else {
            main
        };
        by_requirement.entry(place).or_default().push(check);
    }
    by_requirement
        .into_iter()
        .map(|(requirement, checks)| {
            let outcome = judged(&checks);
            let worst = checks
                .iter()
                .filter(|check| check.is_finding())
                .max_by_key(|check| check.verdict);
            let message = match worst {
                Some(check) => format!(
                    "{}: expected {}, got {}",
                    check.name, check.expected, check.actual
                ),
                None => "as required".to_owned(),
            };
            let mine = requirement == main;
            TestResult {
                cites: if mine {
                    job.case.requirement()
                } else {
                    requirement
                },
                id: if mine {
                    id.clone()
                } else {
                    format!("{id}.{}", requirement.suffix())
                },
                requirement,
                why: job.case.why().to_owned(),
                outcome,
                message,
                observed: if mine {
                    verdict.observed.clone()
                } else {
                    BTreeMap::new()
                },
                duration,
                reproduce: verdict.shown.as_ref().map_or_else(String::new, |delivery| {
                    scrubber.scrub_text(&reproduce(profile, &delivery.ask))
                }),
                caught_by: None,
                evidence: verdict.shown.as_ref().map(|delivery| {
                    let exchange = &delivery.exchange;
                    let evidence = Evidence::new(exchange, &checks, &scrubber);
                    match carrier.shapes && mine {
                        true => evidence.with_normal(exchange, &scrubber),
                        false => evidence,
                    }
                }),
                checks,
            }
        })
        .collect()
}

/// Advice where 5xx came and went: "flaky".
fn flaky(carrier: &Carrier<'_>) -> Vec<TestResult> {
    let ledger = carrier.ledger();
    [(500, FAULT_3), (503, FAULT_1), (504, FAULT_2)]
        .into_iter()
        .filter_map(|(status, requirement)| {
            let count = *ledger.transients.get(&status)?;
            let check = Check::advice(
                requirement,
                "flaky",
                format!("no {status} that nobody provoked"),
                format!("{count} in {} requests", ledger.requests),
            );
            Some(TestResult {
                cites: requirement,
                id: format!("fault.flaky-{status}"),
                requirement,
                why: "An error that goes away is still one that somebody saw.".to_owned(),
                outcome: judged(std::slice::from_ref(&check)),
                message: format!(
                    "{status} came {count} times in {} requests without being provoked",
                    ledger.requests
                ),
                checks: vec![check],
                observed: BTreeMap::new(),
                duration: Duration::ZERO,
                reproduce: String::new(),
                caught_by: None,
                evidence: None,
            })
        })
        .collect()
}

/// What a reader of the report should know besides.
fn notes(carrier: &Carrier<'_>, profile: &Profile, version: &str) -> Vec<String> {
    let exact = match (&carrier.transport, &carrier.raw) {
        (Transport::Client(_), Some(_)) => ", and HTTP/1.1 where exact bytes matter",
        (Transport::Client(_), None) | (Transport::Raw(_), _) => "",
    };
    let mut notes = vec![format!("spoken: {version}{exact}")];
    if profile.target.insecure {
        notes.push("certificates were not checked (insecure = true)".to_owned());
    }
    if let Some(proxy) = &profile.target.proxy {
        notes.push(format!("connections went through the proxy {proxy}"));
    }
    let ledger = carrier.ledger();
    for (status, count) in &ledger.transients {
        notes.push(format!(
            "{count} unprovoked answers were {status}, and sent again"
        ));
    }
    if ledger.dropped > 0 {
        notes.push(format!(
            "{} connections ended before an answer began, and were tried again",
            ledger.dropped
        ));
    }
    notes.extend(carrier.pacer.lesson());
    notes
}
