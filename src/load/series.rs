//! The run over time: a cell a second, and wider cells where a run is long, so that memory stays flat.

use crate::record::heat_bucket;
use crate::record::load::Series;
use std::collections::BTreeMap;
use std::time::Duration;

/// Cells at most; beyond, two become one.
const MOST: usize = 900;

/// What happened, second by second.
#[derive(Debug)]
pub(super) struct SeriesBook {
    /// How many seconds a cell has: a power of two.
    width: u32,
    cells: Vec<Cell>,
}

/// What happened in one window.
#[derive(Debug, Default, Clone)]
pub(super) struct Cell {
    pub(super) sent: u64,
    pub(super) succeeded: u64,
    pub(super) errors: u64,
    /// In flight when it was last looked, and whether it was.
    pub(super) in_flight: u64,
    pub(super) ttft: Sparse,
    pub(super) icl: Sparse,
    pub(super) lag: Sparse,
}

impl Default for SeriesBook {
    fn default() -> Self {
        SeriesBook {
            width: 1,
            cells: Vec::new(),
        }
    }
}

impl SeriesBook {
    /// The cell of that instant, in seconds after the run's begin.
    pub(super) fn at(&mut self, seconds: f64) -> &mut Cell {
        // A run of a century has too few seconds to overflow.
        let second = seconds.max(0.0) as usize;
        while second / self.width as usize >= MOST {
            self.widen();
        }
        let index = second / self.width as usize;
        if index >= self.cells.len() {
            self.cells.resize_with(index + 1, Cell::default);
        }
        &mut self.cells[index]
    }

    /// The cell of that instant, where there is one.
    pub(super) fn seen(&self, seconds: f64) -> Option<&Cell> {
        self.cells
            .get(seconds.max(0.0) as usize / self.width as usize)
    }

    fn widen(&mut self) {
        self.width *= 2;
        let cells = std::mem::take(&mut self.cells);
        for (index, cell) in cells.into_iter().enumerate() {
            if index % 2 == 0 {
                self.cells.push(cell);
            } else if let Some(last) = self.cells.last_mut() {
                last.add(&cell);
            }
        }
    }

    /// Adds another book.
    pub(super) fn add(&mut self, other: &SeriesBook) {
        while self.width < other.width {
            self.widen();
        }
        for (index, cell) in other.cells.iter().enumerate() {
            let seconds = (index * other.width as usize) as f64;
            self.at(seconds).add(cell);
        }
    }

    /// As a report has it.
    pub(super) fn series(&self) -> Series {
        let ms =
            |sparse: &Sparse, share: f64| sparse.quantile(share).map(|micros| micros as f64 / 1e3);
        let mut series = Series {
            window: Duration::from_secs(u64::from(self.width)),
            ..Series::default()
        };
        for (index, cell) in self.cells.iter().enumerate() {
            series.t_s.push((index * self.width as usize) as f64);
            series.sent.push(cell.sent);
            series.succeeded.push(cell.succeeded);
            series.errors.push(cell.errors);
            series.in_flight.push(cell.in_flight);
            series.ttft_p50_ms.push(ms(&cell.ttft, 0.5));
            series.ttft_p99_ms.push(ms(&cell.ttft, 0.99));
            series.icl_p99_ms.push(ms(&cell.icl, 0.99));
            series.lag_p99_ms.push(ms(&cell.lag, 0.99));
            series.ttft_heat.push(cell.ttft.coarse());
        }
        series
    }
}

impl Cell {
    pub(super) fn add(&mut self, other: &Cell) {
        self.sent += other.sent;
        self.succeeded += other.succeeded;
        self.errors += other.errors;
        self.in_flight = self.in_flight.max(other.in_flight);
        self.ttft.add(&other.ttft);
        self.icl.add(&other.icl);
        self.lag.add(&other.lag);
    }
}

/// Counts by buckets of 2.5 %: enough for a plot, and small.
#[derive(Debug, Default, Clone)]
pub(super) struct Sparse(BTreeMap<u16, u32>);

/// How many buckets double a value.
const PER_DOUBLE: f64 = 28.0;

impl Sparse {
    pub(super) fn record(&mut self, micros: u64) {
        self.record_n(micros, 1);
    }

    pub(super) fn record_n(&mut self, micros: u64, count: u32) {
        // At most 64 doublings.
        let bucket = ((micros.max(1) as f64).log2() * PER_DOUBLE).round() as u16;
        let seen = self.0.entry(bucket).or_default();
        *seen = seen.saturating_add(count);
    }

    fn add(&mut self, other: &Sparse) {
        for (bucket, count) in &other.0 {
            let seen = self.0.entry(*bucket).or_default();
            *seen = seen.saturating_add(*count);
        }
    }

    /// A quantile in microseconds; none without a sample.
    pub(super) fn quantile(&self, share: f64) -> Option<u64> {
        let total: u64 = self.0.values().map(|count| u64::from(*count)).sum();
        let rank = ((total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        self.0.iter().find_map(|(bucket, count)| {
            seen += u64::from(*count);
            (seen >= rank).then(|| (f64::from(*bucket) / PER_DOUBLE).exp2().round() as u64)
        })
    }

    /// As a heat map has it.
    fn coarse(&self) -> BTreeMap<u16, u64> {
        let mut coarse = BTreeMap::new();
        for (bucket, count) in &self.0 {
            let micros = (f64::from(*bucket) / PER_DOUBLE).exp2() as u64;
            *coarse.entry(heat_bucket(micros)).or_default() += u64::from(*count);
        }
        coarse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_their_bucket() {
        let mut sparse = Sparse::default();
        for micros in 1..=10_000u64 {
            sparse.record(micros);
        }
        let median = sparse.quantile(0.5).unwrap() as f64;
        assert!((median / 5000.0 - 1.0).abs() < 0.026, "{median}");
        assert_eq!(Sparse::default().quantile(0.5), None);
    }

    #[test]
    fn a_long_run_has_wider_windows_and_loses_nothing() {
        let mut book = SeriesBook::default();
        for second in 0..10_000 {
            book.at(f64::from(second)).sent += 1;
        }
        let series = book.series();
        assert!(series.t_s.len() <= MOST);
        assert_eq!(series.window, Duration::from_secs(16));
        assert_eq!(series.sent.iter().sum::<u64>(), 10_000);
    }
}
