//! Records of load runs, added up: one after the other (the probes of a search), or beside each other (the shards of a
//! run). Counts and distributions are added exactly; what can't be added is told where it stands.

use super::load::{EndedBy, ErrorRow, LoadRecord, Part, Series, Stage, Steady, Validity};
use std::time::Duration;

/// How two runs lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// The other one came after this one.
    After,
    /// Both ran at the same time.
    Beside,
}

impl LoadRecord {
    /// Adds a run that came after this one. There is no steady window of both.
    pub fn add_after(&mut self, other: &LoadRecord) {
        self.add(other, How::After);
    }

    /// Adds a run that went on at the same time: another shard of the same scenario. Rates and requests in flight add
    /// up; of the requests in flight at most, the sum is the most that it can have been.
    pub fn add_beside(&mut self, other: &LoadRecord) {
        self.add(other, How::Beside);
    }

    fn add(&mut self, other: &LoadRecord, how: How) {
        let end = self.started_at + self.duration;
        let end = end.max(other.started_at + other.duration);
        // A clock that was set back puts nothing before the begin.
        let later = other.started_at.duration_since(self.started_at);
        let measured = self.windows.measured;
        match how {
            How::After => {
                let weights = (measured, other.windows.measured);
                self.in_flight = after(self.in_flight, other.in_flight, weights);
                self.windows.warm_up += other.windows.warm_up;
                self.windows.measured += other.windows.measured;
                self.windows.drain += other.windows.drain;
            }
            How::Beside => {
                self.in_flight = beside(self.in_flight, other.in_flight);
                self.windows.warm_up = self.windows.warm_up.max(other.windows.warm_up);
                self.windows.measured = measured.max(other.windows.measured);
                self.windows.drain = self.windows.drain.max(other.windows.drain);
            }
        }
        self.validity
            .add(other, (self.duration, other.duration), how);
        self.measured.add(&other.measured, how);
        let coalesced = self.measured.counts.coalesced_chunk_ratio();
        self.validity.coalesced_chunk_ratio = coalesced.unwrap_or(0.0);
        self.warm_up = match (self.warm_up.take(), &other.warm_up) {
            (Some(mut ours), Some(theirs)) => {
                ours.add(theirs, how);
                Some(ours)
            }
            (ours, theirs) => ours.or_else(|| theirs.clone()),
        };
        self.steady = match (self.steady.take(), &other.steady, how) {
            (Some(ours), Some(theirs), How::Beside) => Some(ours.beside(theirs)),
            _ => None,
        };
        for (name, theirs) in &other.by_request {
            match self.by_request.iter_mut().find(|(known, _)| known == name) {
                Some((_, ours)) => ours.add(theirs, how),
                None => self.by_request.push((name.clone(), theirs.clone())),
            }
        }
        add_stages(&mut self.by_stage, &other.by_stage, measured, how);
        let later = later.unwrap_or_default();
        add_errors(&mut self.errors, &other.errors, later);
        self.series.add(&other.series, later, how);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (code, count) in &other.codes {
            *self.codes.entry(code.clone()).or_default() += count;
        }
        for (requirement, looks) in &other.checks {
            let ours = self.checks.entry(*requirement).or_default();
            ours.checked += looks.checked;
            ours.failed += looks.failed;
            ours.advised += looks.advised;
        }
        self.retry_after.add(&other.retry_after);
        self.completions += other.completions;
        self.reached |= other.reached;
        if how == How::After || rank(other.ended_by) > rank(self.ended_by) {
            self.ended_by = other.ended_by;
            self.abort_reason.clone_from(&other.abort_reason);
        }
        for row in other.thresholds.iter().filter(|row| row.aborted_run) {
            let mut ours = self.thresholds.iter_mut();
            if let Some(ours) = ours.find(|ours| ours.rule == row.rule) {
                ours.aborted_run = true;
            }
        }
        for note in &other.notes {
            if !self.notes.contains(note) {
                self.notes.push(note.clone());
            }
        }
        self.started_at = self.started_at.min(other.started_at);
        self.duration = end.duration_since(self.started_at).unwrap_or(self.duration);
    }
}

/// Of shards that ended differently, which end is that of the run.
fn rank(ended: EndedBy) -> u8 {
    match ended {
        EndedBy::Completed => 0,
        EndedBy::Budget => 1,
        EndedBy::Aborted => 2,
        EndedBy::Error => 3,
        EndedBy::Interrupted => 4,
    }
}

fn after(ours: (f64, u64), theirs: (f64, u64), (span, other): (Duration, Duration)) -> (f64, u64) {
    let (span, other) = (span.as_secs_f64(), other.as_secs_f64());
    let sum = ours.0 * span + theirs.0 * other;
    let mean = if span + other > 0.0 {
        sum / (span + other)
    } else {
        0.0
    };
    (mean, ours.1.max(theirs.1))
}

fn beside(ours: (f64, u64), theirs: (f64, u64)) -> (f64, u64) {
    (ours.0 + theirs.0, ours.1 + theirs.1)
}

impl Part {
    fn add(&mut self, other: &Part, how: How) {
        self.counts.add(&other.counts);
        self.figures.add(&other.figures);
        let weights = (self.span, other.span);
        self.in_flight = match (self.in_flight, other.in_flight) {
            (Some(ours), Some(theirs)) => Some(match how {
                How::After => after(ours, theirs, weights),
                How::Beside => beside(ours, theirs),
            }),
            (ours, theirs) => ours.or(theirs),
        };
        self.completions = match (self.completions, other.completions) {
            (Some(ours), Some(theirs)) => Some(ours + theirs),
            (ours, theirs) => ours.or(theirs),
        };
        self.span = match how {
            How::After => self.span + other.span,
            How::Beside => self.span.max(other.span),
        };
    }
}

impl Steady {
    /// Each shard has found its own: what is common to both lies between the later begin and the later end.
    fn beside(mut self, other: &Steady) -> Steady {
        self.from = self.from.max(other.from);
        self.to = self.to.max(other.to);
        self.part.add(&other.part, How::Beside);
        self
    }
}

fn add_stages(ours: &mut Vec<Stage>, theirs: &[Stage], measured: Duration, how: How) {
    for stage in theirs {
        let known = match how {
            How::After => None,
            How::Beside => ours.iter_mut().find(|known| known.name == stage.name),
        };
        match known {
            Some(known) => known.part.add(&stage.part, how),
            None => {
                let offset = match how {
                    How::After => measured,
                    How::Beside => Duration::ZERO,
                };
                ours.push(Stage {
                    from: offset + stage.from,
                    to: offset + stage.to,
                    ..stage.clone()
                });
            }
        }
    }
}

fn add_errors(ours: &mut Vec<ErrorRow>, theirs: &[ErrorRow], later: Duration) {
    for row in theirs {
        let row = ErrorRow {
            first_at: later + row.first_at,
            ..row.clone()
        };
        let alike = |known: &&mut ErrorRow| {
            (known.class, known.requirement, known.status, &known.code)
                == (row.class, row.requirement, row.status, &row.code)
        };
        match ours.iter_mut().find(alike) {
            Some(known) => {
                let count = known.count + row.count;
                if row.first_at < known.first_at {
                    *known = row;
                }
                known.count = count;
            }
            None => ours.push(row),
        }
    }
    ours.sort_by_key(|row| std::cmp::Reverse(row.count));
}

impl Validity {
    fn add(&mut self, other: &LoadRecord, spans: (Duration, Duration), how: How) {
        let theirs = &other.validity;
        self.valid &= theirs.valid;
        for doubt in &theirs.reasons {
            if !self.reasons.iter().any(|known| known.name == doubt.name) {
                self.reasons.push(doubt.clone());
            }
        }
        self.schedule_lag.add(&theirs.schedule_lag);
        self.runtime_lag.add(&theirs.runtime_lag);
        self.client_cpu_ratio = match how {
            How::After => {
                let (ours, other) = ((self.client_cpu_ratio, 0), (theirs.client_cpu_ratio, 0));
                after(ours, other, spans).0
            }
            // The busiest machine says whether there was room.
            How::Beside => self.client_cpu_ratio.max(theirs.client_cpu_ratio),
        };
        if how == How::Beside {
            // One after the other share a calibration.
            self.self_error.add(&theirs.self_error);
        }
        self.client_rss_max_bytes = self.client_rss_max_bytes.max(theirs.client_rss_max_bytes);
    }
}

impl Series {
    /// Adds another one that began so much later. Counts add up; of two medians stands the mean, weighted by samples,
    /// and of two p99 the worse one.
    fn add(&mut self, other: &Series, later: Duration, how: How) {
        if other.t_s.is_empty() {
            return;
        }
        if self.t_s.is_empty() {
            self.window = other.window;
        }
        let mut other = other.clone();
        while self.window < other.window {
            self.widen();
        }
        while other.window < self.window {
            other.widen();
        }
        let width = self.window.as_secs_f64();
        let first = (later.as_secs_f64() / width).round() as usize;
        for index in 0..other.t_s.len() {
            self.add_window(first + index, &other, index, how);
        }
    }

    /// Two windows become one.
    fn widen(&mut self) {
        let narrow = std::mem::take(self);
        self.window = narrow.window * 2;
        for index in 0..narrow.t_s.len() {
            self.add_window(index / 2, &narrow, index, How::After);
        }
    }

    fn add_window(&mut self, at: usize, other: &Series, index: usize, how: How) {
        let width = self.window.as_secs_f64();
        while self.t_s.len() <= at {
            self.t_s.push(self.t_s.len() as f64 * width);
            self.sent.push(0);
            self.succeeded.push(0);
            self.errors.push(0);
            self.in_flight.push(0);
            self.ttft_p50_ms.push(None);
            self.ttft_p99_ms.push(None);
            self.icl_p99_ms.push(None);
            self.lag_p99_ms.push(None);
            self.ttft_heat.push(Default::default());
        }
        let count = |values: &[u64]| values.get(index).copied().unwrap_or(0);
        self.sent[at] += count(&other.sent);
        self.succeeded[at] += count(&other.succeeded);
        self.errors[at] += count(&other.errors);
        let flying = count(&other.in_flight);
        self.in_flight[at] = match how {
            How::After => self.in_flight[at].max(flying),
            How::Beside => self.in_flight[at] + flying,
        };
        let time = |values: &[Option<f64>]| values.get(index).copied().flatten();
        let worse = |ours: Option<f64>, theirs: Option<f64>| match (ours, theirs) {
            (Some(ours), Some(theirs)) => Some(ours.max(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        let heat = other.ttft_heat.get(index).cloned().unwrap_or_default();
        let weights = (
            self.ttft_heat[at].values().sum::<u64>() as f64,
            heat.values().sum::<u64>() as f64,
        );
        self.ttft_p50_ms[at] = match (self.ttft_p50_ms[at], time(&other.ttft_p50_ms)) {
            (Some(ours), Some(theirs)) if weights.0 + weights.1 > 0.0 => {
                Some((ours * weights.0 + theirs * weights.1) / (weights.0 + weights.1))
            }
            (ours, theirs) => ours.or(theirs),
        };
        self.ttft_p99_ms[at] = worse(self.ttft_p99_ms[at], time(&other.ttft_p99_ms));
        self.icl_p99_ms[at] = worse(self.icl_p99_ms[at], time(&other.icl_p99_ms));
        self.lag_p99_ms[at] = worse(self.lag_p99_ms[at], time(&other.lag_p99_ms));
        for (bucket, count) in heat {
            *self.ttft_heat[at].entry(bucket).or_default() += count;
        }
    }
}
