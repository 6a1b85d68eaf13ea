//! The gaps between the chunks of one answer, kept until it is known whether the answer counts.

use crate::record::Distribution;

/// Gaps in microseconds. However long the stream, memory is bounded by what a histogram tells apart.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    recent: Vec<u32>,
    /// Value and count, ascending.
    counted: Vec<(u32, u32)>,
}

/// Gaps kept one by one.
const RECENT: usize = 64;

impl Gaps {
    pub(super) fn push(&mut self, micros: u32) {
        if self.recent.len() >= RECENT {
            self.count();
        }
        self.recent.push(micros);
    }

    /// Merges what was kept one by one, rounded to four digits: finer than what it is recorded with.
    fn count(&mut self) {
        let mut values: Vec<(u32, u32)> = self
            .recent
            .drain(..)
            .map(|value| (rounded(value), 1))
            .collect();
        values.append(&mut self.counted);
        values.sort_unstable();
        for (value, count) in values {
            match self.counted.last_mut() {
                Some(last) if last.0 == value => last.1 = last.1.saturating_add(count),
                _ => self.counted.push((value, count)),
            }
        }
    }

    pub(super) fn record_in(&self, distribution: &mut Distribution) {
        self.each(|value, count| distribution.record_n(u64::from(value), u64::from(count)));
    }

    /// Every gap, with how often it was seen.
    pub(super) fn each(&self, mut take: impl FnMut(u32, u32)) {
        for value in &self.recent {
            take(*value, 1);
        }
        for (value, count) in &self.counted {
            take(*value, *count);
        }
    }
}

/// To 13 significant bits.
fn rounded(value: u32) -> u32 {
    let spare = (32 - value.leading_zeros()).saturating_sub(13);
    (value >> spare) << spare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_memory_is_bounded() {
        let mut gaps = Gaps::default();
        for gap in 0..100_000u32 {
            gaps.push(20_000 + gap % 500);
        }
        let mut distribution = Distribution::new("ms");
        gaps.record_in(&mut distribution);
        assert_eq!(distribution.count(), 100_000);
        assert!(gaps.counted.len() < 600);
        assert!((distribution.quantile(0.5).unwrap_or_default() - 20.25).abs() < 0.05);
        assert!(
            (0..40_000_000u32)
                .step_by(997)
                .all(|value| value - rounded(value) <= value / 4096)
        );
    }
}
