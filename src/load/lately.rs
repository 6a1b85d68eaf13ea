//! What whoever watches a run is told besides its counts: the times of the last full second, and the classes with most
//! errors. Once a second, from the books as they are.

use super::recorder::Books;
use super::series::Cell;
use crate::record::load::ErrorClass;
use crate::record::{self, SHOWN_CLASSES};
use std::collections::BTreeMap;
use std::time::Duration;

/// What was seen last.
#[derive(Debug, Default)]
pub(super) struct Lately {
    /// The second that was looked at, from 1.
    second: u64,
    cell: Cell,
    pub(super) classes: [Option<(ErrorClass, u64)>; SHOWN_CLASSES],
}

impl Lately {
    /// Looks, where a second has gone by since.
    pub(super) fn look(&mut self, books: &Books, elapsed: Duration) {
        if elapsed.as_secs() <= self.second {
            return;
        }
        self.second = elapsed.as_secs();
        let last = self.second.saturating_sub(1) as f64;
        let mut cell = Cell::default();
        let mut classes: BTreeMap<ErrorClass, u64> = BTreeMap::new();
        books.each(|shard| {
            if let Some(seen) = shard.series.seen(last) {
                cell.add(seen);
            }
            for ((class, ..), seen) in &shard.errors {
                *classes.entry(*class).or_default() += seen.count;
            }
        });
        self.cell = cell;
        let mut most: Vec<(ErrorClass, u64)> = classes.into_iter().collect();
        most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut most = most.into_iter();
        self.classes = std::array::from_fn(|_| most.next());
    }

    /// The times of that second.
    pub(super) fn times(&self) -> record::Lately {
        let ms = |micros: u64| micros as f64 / 1e3;
        let pair = |sparse: &super::series::Sparse| {
            let (p50, p99) = (sparse.quantile(0.5)?, sparse.quantile(0.99)?);
            Some((ms(p50), ms(p99)))
        };
        record::Lately {
            ttft_ms: pair(&self.cell.ttft),
            icl_ms: pair(&self.cell.icl),
            lag_ms: self.cell.lag.quantile(0.99).map(ms),
        }
    }
}
