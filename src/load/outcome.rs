//! From the books of a run to its record.

use super::doubt::{self, Watched};
use super::engine::{Engine, SLICES};
use super::merge;
use super::recorder::{Merged, Place, Sample};
use super::run::{self, Driver, Flying, Options};
use super::scenario::{Contract, Model, OnSaturation, Open, Scenario, Steady as Wanted};
use super::steady;
use super::thresholds::Judged;
use super::timeline::Timeline;
use super::validity;
use crate::case::{Ask, Key, reproduce};
use crate::profile::Profile;
use crate::record::load::{
    EndedBy, ErrorRow, Host, LoadRecord, Part, ScenarioFacts, Stage, Steady, Validity, Windows,
};
use crate::record::{Distribution, Evidence};
use crate::secret::Scrubber;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

/// What is known of a run besides its books.
pub(super) struct Facts {
    pub(super) started_at: SystemTime,
    /// How long after the instant that it was to start at, where there is one.
    pub(super) late: Option<Duration>,
    pub(super) ended: Instant,
    pub(super) drain: Duration,
    pub(super) in_flight: (f64, u64),
    pub(super) by_stage: BTreeMap<usize, Flying>,
    /// Of each request of the mix.
    pub(super) by_request: Vec<(f64, u64)>,
    pub(super) machine: Watched,
    pub(super) self_error: Distribution,
    pub(super) scrubber: Scrubber,
    pub(super) interrupted: bool,
    /// The threshold that stopped it.
    pub(super) broken: Option<String>,
    pub(super) cpus: usize,
}

/// The record of a run that is over.
pub(super) fn record(
    scenario: &Scenario,
    profile: &Profile,
    options: &Options,
    engine: &Engine,
    facts: Facts,
) -> LoadRecord {
    let ending = engine.ending();
    let start = engine.start;
    let measured_at = engine.measured.get().copied();
    let completions = engine.completions.load(Ordering::Relaxed);
    let reached = engine.reached.load(Ordering::Relaxed);
    let line = engine.timeline.clone();
    let names: Vec<String> = engine.mix.names().map(str::to_owned).collect();
    let merged = engine.books.take();
    // The measured window ends with the stages, or with the run.
    let stopped = facts.ended.checked_sub(facts.drain).unwrap_or(facts.ended);
    let measured = measured_at
        .map(|at| stopped.saturating_duration_since(at))
        .unwrap_or_default()
        .min(Duration::from_secs_f64(line.length()));
    let warm_up = measured_at
        .map_or(stopped, |at| at.min(stopped))
        .saturating_duration_since(start);
    // What was sent in a part may have cost money in it.
    let with_span = |part: Part, span: Duration| Part {
        span,
        completions: Some(part.counts.sent),
        ..part
    };
    let whole = Part {
        in_flight: Some(facts.in_flight),
        completions: Some(completions),
        ..with_span(merged.sum(|place| place.stage.is_some()), measured)
    };
    let by_request: Vec<(String, Part)> = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let part = merged.sum(|place| place.stage.is_some() && place.request == index);
            let whole_run = merged.sum(|place| place.request == index).counts.sent;
            let part = Part {
                completions: Some(whole_run),
                in_flight: facts.by_request.get(index).copied(),
                ..with_span(part, measured)
            };
            (name.clone(), part)
        })
        .collect();
    let by_stage = stages(scenario, &line, &merged, measured, &facts.by_stage);
    let steady = match scenario.steady {
        Wanted::Ignored => None,
        Wanted::Reported | Wanted::Required => steady_part(&merged, measured_at, start, measured),
    };
    let (ended_by, abort_reason) = match ending {
        Some((by, why)) => (by, why),
        None if facts.interrupted => (EndedBy::Interrupted, None),
        None => (EndedBy::Completed, None),
    };
    let Facts {
        machine,
        self_error,
        scrubber,
        broken,
        late,
        ..
    } = facts;
    let validity = Validity {
        valid: true,
        reasons: Vec::new(),
        schedule_lag: merged
            .schedule_lag
            .clone()
            .unwrap_or_else(|| Distribution::new("ms")),
        runtime_lag: machine.runtime_lag.clone(),
        self_error,
        coalesced_chunk_ratio: whole.counts.coalesced_chunk_ratio().unwrap_or(0.0),
        client_cpu_ratio: machine.cpu_ratio,
        client_rss_max_bytes: machine.rss_max,
    };
    let errors = errors(&merged, profile, &scrubber, start);
    let mut record = LoadRecord {
        target: profile.target.base_url.clone(),
        started_at: facts.started_at,
        duration: facts.ended.saturating_duration_since(start),
        ended_by,
        abort_reason,
        scenario: ScenarioFacts {
            name: scenario.name.clone(),
            description: scenario.description.clone(),
            sha256: scenario.sha256.clone(),
            seed: scenario.seed,
            model: scenario.model.name(),
            engine: match (&scenario.model, options.driver) {
                (Model::Closed(_), Driver::Goose) => "goose",
                (Model::Closed(_), Driver::Tasks) => "tasks",
                (Model::Open(_), _) => "arrivals",
            },
            resolved: scenario.resolved(),
            stall: scenario.client.stall,
        },
        host: Host {
            cpus: facts.cpus,
            cpu_model: doubt::cpu_model(),
            os: std::env::consts::OS.to_owned(),
            memory_bytes: doubt::memory(),
            shard: options.shard.unwrap_or((0, 1)),
            clock_skew_ms: None,
            complete: options.shard.is_none_or(|(_, of)| of <= 1),
            clock_offset_ms: engine.clock_offset_ms(),
            shards: Vec::new(),
        },
        completions,
        reached,
        in_flight: facts.in_flight,
        windows: Windows {
            warm_up,
            measured,
            drain: facts.drain,
        },
        warm_up: scenario
            .warm_up
            .map(|_| with_span(merged.sum(|place| place.stage.is_none()), warm_up)),
        measured: whole,
        steady,
        by_request,
        by_stage,
        validity,
        errors,
        statuses: merged.statuses.clone(),
        codes: merged.codes.clone(),
        retry_after: merged
            .retry_after
            .clone()
            .unwrap_or_else(|| Distribution::new("s")),
        checks: merged.checks.clone(),
        contract_fails: scenario.contract == Contract::Fail,
        thresholds: Vec::new(),
        series: merged.series.series(),
        search: None,
        notes: notes(scenario, profile, options, late),
    };
    let on_steady = scenario.steady == Wanted::Required;
    record.thresholds = Judged::of(&record, &scenario.thresholds, on_steady).rows;
    for row in &mut record.thresholds {
        row.aborted_run = broken.as_ref() == Some(&row.rule);
    }
    let reasons = validity::doubts(scenario, &record, machine.saturated);
    record.validity.valid =
        reasons.is_empty() || scenario.client.on_saturation == OnSaturation::Warn;
    record.validity.reasons = reasons;
    record
}

/// A start that is so late is told of: the shards' windows no longer lie on each other.
const LATE: Duration = Duration::from_millis(100);

fn notes(
    scenario: &Scenario,
    profile: &Profile,
    options: &Options,
    late: Option<Duration>,
) -> Vec<String> {
    let mut notes = Vec::new();
    if options.inside {
        notes.push("the target was the built-in mock, in this same process".to_owned());
    }
    if profile.target.rate.is_some() {
        notes.push(
            "the profile's `rate` is for conform: how much load sends is the scenario's to say"
                .to_owned(),
        );
    }
    if let Model::Open(Open {
        think_time_ms: Some(_),
        ..
    }) = &scenario.model
    {
        notes.push(
            "[think_time] does nothing in the open model: arrivals come when they are due"
                .to_owned(),
        );
    }
    if let Some((index, of)) = options.shard.filter(|(_, of)| *of > 1) {
        notes.push(merge::note_of_a_shard(index, of));
    }
    if let Some(late) = late.filter(|late| *late >= LATE) {
        let late = late.as_secs_f64();
        notes.push(format!("the run began {late:.1} s after --start-at"));
    }
    if profile.target.insecure {
        notes.push("certificates were not checked".to_owned());
    }
    if let Some(proxy) = &profile.target.proxy {
        notes.push(format!("connections went through the proxy {proxy}"));
    }
    notes
}

fn stages(
    scenario: &Scenario,
    line: &Timeline,
    merged: &Merged,
    measured: Duration,
    flying: &BTreeMap<usize, Flying>,
) -> Vec<Stage> {
    let names = run::stages(&scenario.model);
    line.pieces()
        .iter()
        .filter_map(|piece| {
            let index = piece.stage?;
            let (name, target) = names.get(index)?.clone();
            let from = Duration::from_secs_f64(piece.begin);
            // One that the run's end cut short, or kept from beginning, ends there.
            let to = Duration::from_secs_f64(piece.begin + piece.length).min(measured.max(from));
            let part = merged.sum(|place| place.stage == Some(index));
            Some(Stage {
                name,
                from,
                to,
                target,
                part: Part {
                    span: to.saturating_sub(from),
                    completions: Some(part.counts.sent),
                    in_flight: flying.get(&index).map(Flying::seen),
                    ..part
                },
            })
        })
        .collect()
}

/// The steady window: what MSER-5 leaves of the seconds, in whole slices.
fn steady_part(
    merged: &Merged,
    measured_at: Option<Instant>,
    start: Instant,
    measured: Duration,
) -> Option<Steady> {
    let after = measured_at?.saturating_duration_since(start).as_secs_f64();
    let series = merged.series.series();
    let width = series.window.as_secs_f64();
    let (first, last) = (after, after + measured.as_secs_f64());
    let inside = |index: &usize| {
        let at = *index as f64 * width;
        at >= first && at + width <= last
    };
    let times: Vec<f64> = (0..series.t_s.len())
        .filter(inside)
        .filter_map(|index| series.ttft_p50_ms.get(index).copied().flatten())
        .collect();
    let rates: Vec<f64> = (0..series.t_s.len())
        .filter(inside)
        .map(|index| series.succeeded.get(index).copied().unwrap_or(0) as f64)
        .collect();
    // Without streams the rate of successes has to do.
    let observations = if times.len() * 2 >= rates.len() {
        times
    } else {
        rates
    };
    let cut = steady::truncation(&observations)? as f64 * width;
    let slice = measured.as_secs_f64() / SLICES as f64;
    let first_slice = (cut / slice).ceil() as usize;
    if first_slice >= SLICES {
        return None;
    }
    let within = |place: &Place| place.stage.is_some() && place.slice >= first_slice;
    let from = Duration::from_secs_f64(first_slice as f64 * slice);
    Some(Steady {
        from,
        to: measured,
        part: Part {
            span: measured.saturating_sub(from),
            ..merged.sum(within)
        },
    })
}

fn errors(
    merged: &Merged,
    profile: &Profile,
    scrubber: &Scrubber,
    start: Instant,
) -> Vec<ErrorRow> {
    let mut rows: Vec<ErrorRow> = merged
        .errors
        .iter()
        .map(|((class, requirement, status, code), seen)| {
            let sample = seen.sample.as_ref();
            ErrorRow {
                class: *class,
                requirement: *requirement,
                status: *status,
                code: code.as_ref().map(|code| scrubber.scrub_text(code)),
                count: seen.count,
                first_at: seen.first.saturating_duration_since(start),
                message: sample.map_or_else(
                    || class.says().to_owned(),
                    |sample| scrubber.scrub_text(&sample.message),
                ),
                reproduce: sample
                    .map(|sample| command(profile, sample))
                    .unwrap_or_default(),
                evidence: sample.and_then(|sample| {
                    let report = sample.judged.report.as_ref()?;
                    Some(Evidence::new(&report.exchange, &report.found, scrubber))
                }),
            }
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows
}

/// The command that sends a sample's request again, its key as a variable.
fn command(profile: &Profile, sample: &Sample) -> String {
    let Some(report) = &sample.judged.report else {
        return String::new();
    };
    let sent = &report.exchange.request;
    let mut ask = Ask::with_body(profile, sample.order.mode, sent.body.clone());
    ask.request.target.clone_from(&sent.target);
    let used = profile.all_keys().find(|named| {
        sent.headers.text("authorization") == Some(format!("Bearer {}", named.key.expose()))
    });
    let ask = match used {
        Some(named) => ask.key(Key::named(named)),
        None => ask,
    };
    reproduce(profile, &ask)
}
