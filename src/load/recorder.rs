//! Recorders: what answers were like, in cells that merge count for count at the end. A shard belongs to whoever
//! happens to write; nothing is shared between two writers at a time for longer than one answer takes to write down.

use super::measured::Measured;
use super::order::Order;
use super::scenario::Throttled;
use super::series::SeriesBook;
use super::verdict::Judged;
use crate::contract::RequirementId;
use crate::judge::{AMBIENT, Mode, Verdict as Found};
use crate::record::Distribution;
use crate::record::load::{Counts, ErrorClass, Looks, Part};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where a sample belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    /// The stage in which it was sent; none for the warm-up.
    pub(super) stage: Option<usize>,
    /// The request of the mix.
    pub(super) request: usize,
    /// The slice of the measured window, for the steady one.
    pub(super) slice: usize,
}

/// What an answer counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It keeps the contract, and the objective or not.
    Success { good: bool },
    /// It does not.
    Failure(ErrorClass),
}

/// What tells classes of errors apart in a report: class, requirement, status, code.
pub(super) type Cause = (
    ErrorClass,
    Option<RequirementId>,
    Option<u16>,
    Option<String>,
);

/// An answer that ended.
pub(super) struct Ended<'a> {
    pub(super) outcome: Outcome,
    pub(super) measured: &'a Measured,
    pub(super) order: &'a Order,
}

/// One writer's book.
#[derive(Debug, Default)]
pub(super) struct Shard {
    cells: Cells,
    pub(super) series: SeriesBook,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) codes: BTreeMap<String, u64>,
    pub(super) retry_after: Option<Distribution>,
    pub(super) schedule_lag: Option<Distribution>,
    pub(super) checks: BTreeMap<RequirementId, Looks>,
    /// Good answers of each mode, whose rules were all looked at: counted, not listed one by one.
    certain: [u64; 2],
    pub(super) errors: BTreeMap<Cause, Seen>,
}

/// How a class of errors was seen by one writer.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) count: u64,
    pub(super) first: Instant,
    /// The first ones, with what a report says of them.
    pub(super) sample: Option<Sample>,
}

/// An answer kept as evidence.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) judged: Judged,
    pub(super) order: Order,
    pub(super) message: String,
}

/// Cells by their place. Almost always the place is that of the answer before.
#[derive(Debug, Default)]
struct Cells {
    last: Option<(Place, usize)>,
    places: HashMap<Place, usize>,
    parts: Vec<Part>,
}

impl Cells {
    fn at(&mut self, place: Place) -> &mut Part {
        let index = match self.last {
            Some((last, index)) if last == place => index,
            _ => {
                let next = self.parts.len();
                let index = *self.places.entry(place).or_insert(next);
                if index == next {
                    self.parts.push(Part::default());
                }
                self.last = Some((place, index));
                index
            }
        };
        &mut self.parts[index]
    }

    fn iter(&self) -> impl Iterator<Item = (&Place, &Part)> {
        self.places
            .iter()
            .map(|(place, index)| (place, &self.parts[*index]))
    }

    fn into_parts(self) -> impl Iterator<Item = (Place, Part)> {
        let mut places: Vec<(Place, usize)> = self.places.into_iter().collect();
        places.sort_unstable_by_key(|(_, index)| *index);
        places.into_iter().map(|(place, _)| place).zip(self.parts)
    }
}

impl Shard {
    fn cell(&mut self, place: Place) -> &mut Part {
        self.cells.at(place)
    }

    /// What was measured, warm-up left out.
    pub(super) fn measured(&self) -> impl Iterator<Item = (&Place, &Part)> {
        self.cells.iter().filter(|(place, _)| place.stage.is_some())
    }

    /// A request goes out.
    pub(super) fn sent(&mut self, place: Place, at: f64) {
        self.cell(place).counts.sent += 1;
        self.series.at(at).sent += 1;
    }

    /// An arrival that was not sent.
    pub(super) fn dropped(&mut self, place: Place, at: Instant) {
        self.cell(place).counts.dropped += 1;
        self.errors
            .entry((ErrorClass::Dropped, None, None, None))
            .or_insert(Seen {
                count: 0,
                first: at,
                sample: None,
            })
            .count += 1;
    }

    /// A user waited.
    pub(super) fn thought(&mut self, place: Place, span: Duration) {
        self.cell(place).figures.think_time.record(micros(span));
    }

    /// How late an arrival was sent.
    pub(super) fn lag(&mut self, place: Place, at: f64, lag: Duration) {
        self.series.at(at).lag.record(micros(lag));
        if place.stage.is_some() {
            self.schedule_lag
                .get_or_insert_with(|| Distribution::new("ms"))
                .record(micros(lag));
        }
    }

    /// An answer ended, `at` seconds after the run's begin; its sample is taken where it is the first of its class.
    pub(super) fn ended(
        &mut self,
        place: Place,
        at: f64,
        throttled: Throttled,
        ended: &Ended<'_>,
        judged: Judged,
    ) {
        let Ended {
            outcome,
            measured,
            order,
        } = *ended;
        let apart = |class: ErrorClass| {
            !class.is_error() || (class.is_throttled() && throttled != Throttled::Error)
        };
        self.count(place, outcome, apart, measured, &judged);
        self.figures(place, outcome, apart, measured, &judged);
        self.over_time(at, outcome, apart, measured);
        self.looked(order.mode, &judged);
        if let Some(status) = judged.status {
            *self.statuses.entry(status).or_default() += 1;
        }
        if let Some(code) = &judged.code {
            *self.codes.entry(code.clone()).or_default() += 1;
        }
        if let Some(wait) = judged.retry_after {
            self.retry_after
                .get_or_insert_with(|| Distribution::new("s"))
                .record(micros(wait));
        }
        if let Outcome::Failure(class) = outcome {
            self.failed(class, measured, judged, order);
        }
    }

    fn count(
        &mut self,
        place: Place,
        outcome: Outcome,
        apart: impl Fn(ErrorClass) -> bool,
        measured: &Measured,
        judged: &Judged,
    ) {
        let counts: &mut Counts = &mut self.cell(place).counts;
        match outcome {
            Outcome::Success { good } => {
                counts.succeeded += 1;
                counts.good += u64::from(good);
            }
            Outcome::Failure(ErrorClass::Cancelled) => counts.cancelled += 1,
            Outcome::Failure(ErrorClass::Unfinished) => counts.unfinished += 1,
            Outcome::Failure(class) if class.is_throttled() && apart(class) => {
                counts.throttled += 1;
            }
            Outcome::Failure(_) => counts.errors += 1,
        }
        counts.contents += u64::from(measured.contents);
        counts.coalesced += u64::from(measured.coalesced);
        counts.bytes_sent += measured.bytes_sent;
        counts.bytes_received += measured.bytes_received;
        counts.connections_opened += u64::from(measured.connect.is_some());
        counts.reused += u64::from(measured.reused);
        counts.stalls += u64::from(measured.stalls);
        counts.stalled_answers += u64::from(measured.stalls > 0);
        if let Some((prompt, completion)) = judged.tokens {
            counts.prompt_tokens += prompt;
            counts.completion_tokens += completion;
            if measured.contents > 0 {
                counts.contents_with_usage += u64::from(measured.contents);
                counts.tokens_in_chunks += completion;
            }
        }
    }

    fn figures(
        &mut self,
        place: Place,
        outcome: Outcome,
        apart: impl Fn(ErrorClass) -> bool,
        measured: &Measured,
        judged: &Judged,
    ) {
        let figures = &mut self.cell(place).figures;
        let since = |from: Instant, at: Instant| micros(at.saturating_duration_since(from));
        let (sent, ended) = (measured.sent, measured.ended);
        if let Some(connect) = measured.connect {
            figures.connect.record(micros(connect));
        }
        match outcome {
            Outcome::Success { .. } => {}
            Outcome::Failure(class) => {
                if !apart(class) {
                    figures.failed_latency.record(since(sent, ended));
                }
                return;
            }
        }
        if let Some(answered) = &measured.answered {
            figures
                .time_to_headers
                .record(since(sent, answered.head.at));
        }
        figures.request_latency.record(since(sent, ended));
        if let Some(due) = measured.due {
            figures.response_time.record(since(due, ended));
        }
        if let Some((_, completion)) = judged.tokens {
            figures.tokens_per_answer.record(completion);
        }
        if let Some(first) = measured.first_event {
            figures.time_to_first_event.record(since(sent, first));
        }
        let Some(first) = measured.first_content else {
            return;
        };
        figures.time_to_first_token.record(since(sent, first));
        if let Some(due) = measured.due {
            figures.ttft_from_intended.record(since(due, first));
        }
        if let Some(second) = measured.second_content {
            figures.time_to_second_token.record(since(first, second));
        }
        figures
            .chunks_per_answer
            .record(u64::from(measured.contents));
        measured.gaps.record_in(&mut figures.inter_chunk_latency);
        if let (Some((_, completion @ 2..)), Some(last)) = (judged.tokens, measured.last_content) {
            figures
                .time_per_output_token
                .record(since(first, last) / (completion - 1));
        }
    }

    fn over_time(
        &mut self,
        at: f64,
        outcome: Outcome,
        apart: impl Fn(ErrorClass) -> bool,
        measured: &Measured,
    ) {
        let cell = self.series.at(at);
        match outcome {
            Outcome::Success { .. } => {
                cell.succeeded += 1;
                if let Some(first) = measured.first_content {
                    cell.ttft
                        .record(micros(first.saturating_duration_since(measured.sent)));
                }
                measured
                    .gaps
                    .each(|gap, count| cell.icl.record_n(u64::from(gap), count));
            }
            Outcome::Failure(class) if !apart(class) => cell.errors += 1,
            Outcome::Failure(_) => {}
        }
    }

    fn looked(&mut self, mode: Mode, judged: &Judged) {
        let Some(report) = &judged.report else {
            self.certain[usize::from(mode == Mode::Stream)] += 1;
            return;
        };
        for requirement in &report.seen {
            self.checks.entry(*requirement).or_default().checked += 1;
        }
        let mut told: Vec<(RequirementId, Found)> = Vec::new();
        for check in &report.found {
            if told.contains(&(check.requirement, check.verdict)) {
                continue;
            }
            told.push((check.requirement, check.verdict));
            let looks = self.checks.entry(check.requirement).or_default();
            if !report.seen.contains(&check.requirement) {
                looks.checked += 1;
            }
            match check.verdict {
                Found::Violation => looks.failed += 1,
                Found::Advice => looks.advised += 1,
                Found::Pass => {}
            }
        }
    }

    fn failed(&mut self, class: ErrorClass, measured: &Measured, judged: Judged, order: &Order) {
        let requirement = judged.broken().map(|check| check.requirement);
        let key = (class, requirement, judged.status, judged.code.clone());
        let seen = self.errors.entry(key).or_insert(Seen {
            count: 0,
            first: measured.ended,
            sample: None,
        });
        seen.count += 1;
        if seen.sample.is_none() {
            seen.sample = Some(Sample {
                message: message(class, measured, &judged),
                judged,
                order: order.clone(),
            });
        }
    }
}

/// What happened, in a sentence.
fn message(class: ErrorClass, measured: &Measured, judged: &Judged) -> String {
    if let Some(why) = &measured.unreachable {
        return why.to_string();
    }
    match judged.broken() {
        Some(check) => format!(
            "{}: {} in place of {}",
            check.name, check.actual, check.expected
        ),
        None => class.says().to_owned(),
    }
}

pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// The books of all writers.
#[derive(Debug)]
pub(super) struct Books {
    shards: Vec<Mutex<Shard>>,
}

/// More writers than threads never wait for each other for long.
const SHARDS: usize = 8;

impl Books {
    pub(super) fn new() -> Books {
        let shards = std::thread::available_parallelism().map_or(1, usize::from);
        Books {
            shards: (0..shards.clamp(1, SHARDS))
                .map(|_| Mutex::default())
                .collect(),
        }
    }

    /// A book that nobody writes in right now, if there is one; else the calling thread's turn comes.
    pub(super) fn shard(&self) -> MutexGuard<'_, Shard> {
        for shard in &self.shards {
            if let Ok(shard) = shard.try_lock() {
                return shard;
            }
        }
        self.shards[0]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at every book in turn.
    pub(super) fn each(&self, mut look: impl FnMut(&mut Shard)) {
        for shard in &self.shards {
            look(&mut shard.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// All of them as one; the books are empty afterwards.
    pub(super) fn take(&self) -> Merged {
        let mut merged = Merged::default();
        self.each(|shard| merged.take(std::mem::take(shard)));
        merged
    }
}

/// All books as one.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) cells: BTreeMap<Place, Part>,
    pub(super) series: SeriesBook,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) codes: BTreeMap<String, u64>,
    pub(super) retry_after: Option<Distribution>,
    pub(super) schedule_lag: Option<Distribution>,
    pub(super) checks: BTreeMap<RequirementId, Looks>,
    pub(super) errors: BTreeMap<Cause, Seen>,
}

impl Merged {
    fn take(&mut self, shard: Shard) {
        for (place, part) in shard.cells.into_parts() {
            let cell = self.cells.entry(place).or_default();
            cell.counts.add(&part.counts);
            cell.figures.add(&part.figures);
        }
        self.series.add(&shard.series);
        for (status, count) in shard.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (code, count) in shard.codes {
            *self.codes.entry(code).or_default() += count;
        }
        if let Some(theirs) = shard.schedule_lag {
            self.schedule_lag
                .get_or_insert_with(|| Distribution::new("ms"))
                .add(&theirs);
        }
        if let Some(theirs) = shard.retry_after {
            self.retry_after
                .get_or_insert_with(|| Distribution::new("s"))
                .add(&theirs);
        }
        for (requirement, looks) in shard.checks {
            let ours = self.checks.entry(requirement).or_default();
            ours.checked += looks.checked;
            ours.failed += looks.failed;
            ours.advised += looks.advised;
        }
        for (mode, count) in [
            (Mode::Json, shard.certain[0]),
            (Mode::Stream, shard.certain[1]),
        ] {
            for requirement in looked_at(mode) {
                self.checks.entry(requirement).or_default().checked += count;
            }
        }
        self.checks.retain(|_, looks| looks.checked > 0);
        for (key, seen) in shard.errors {
            match self.errors.get_mut(&key) {
                None => {
                    self.errors.insert(key, seen);
                }
                Some(ours) => {
                    ours.count += seen.count;
                    if seen.first < ours.first {
                        ours.first = seen.first;
                        ours.sample = seen.sample.or(ours.sample.take());
                    }
                }
            }
        }
    }

    /// The sum of the cells of which that holds.
    pub(super) fn sum(&self, which: impl Fn(&Place) -> bool) -> Part {
        let mut sum = Part::default();
        for (_, part) in self.cells.iter().filter(|(place, _)| which(place)) {
            sum.counts.add(&part.counts);
            sum.figures.add(&part.figures);
        }
        sum
    }
}

/// The requirements that a certainly good answer of that mode was held to.
fn looked_at(mode: Mode) -> Vec<RequirementId> {
    let prefixes: &[&str] = match mode {
        Mode::Json => &["REPLY-", "BODY-8", "WIRE-"],
        Mode::Stream => &["STREAM-", "BODY-8", "WIRE-"],
    };
    let mut ids: Vec<RequirementId> = AMBIENT
        .iter()
        .map(|rule| rule.requirement)
        .filter(|id| {
            prefixes
                .iter()
                .any(|prefix| id.as_str().starts_with(prefix))
        })
        .collect();
    ids.dedup();
    ids
}
