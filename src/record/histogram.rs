//! A distribution: an HDR histogram with its unit, and the quantiles and intervals read off it.

use hdrhistogram::Histogram;
use std::io;

/// Samples of one figure. Kept to three significant digits; merging is exact, count for count.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// The unit of its values outside: `ms`, `s`, `chunks`, `tokens`.
    unit: &'static str,
    histogram: Option<Box<Histogram<u64>>>,
    /// The sums, which a histogram knows only to its precision.
    sum: f64,
    squares: f64,
    least: u64,
    most: u64,
}

/// Significant digits.
const DIGITS: u8 = 3;

/// The largest value: an hour in microseconds.
const HIGHEST: u64 = 3_600_000_000;

/// The same where servers tell the seconds: a hundred years, for what is asked of clients has no bound.
const HIGHEST_TOLD: u64 = 3_155_760_000_000_000;

impl Distribution {
    /// Significant digits of a value.
    pub const DIGITS: u8 = DIGITS;

    /// The least value that is told from nothing, and the largest, in the inner unit.
    pub fn range(&self) -> (u64, u64) {
        let highest = match self.unit {
            "s" => HIGHEST_TOLD,
            _ => HIGHEST,
        };
        (1, highest)
    }

    /// The quantiles that reports show, by their names there.
    pub const QUANTILES: [(&str, f64); 6] = [
        ("p50", 0.5),
        ("p75", 0.75),
        ("p90", 0.9),
        ("p95", 0.95),
        ("p99", 0.99),
        ("p99_9", 0.999),
    ];

    /// No samples yet.
    pub fn new(unit: &'static str) -> Distribution {
        Distribution {
            unit,
            histogram: None,
            sum: 0.0,
            squares: 0.0,
            least: u64::MAX,
            most: 0,
        }
    }

    /// Takes up a sample: microseconds where the unit is one of time, else the number itself.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// The same sample, so many times.
    pub fn record_n(&mut self, value: u64, count: u64) {
        if count == 0 {
            return;
        }
        let value = value.min(self.range().1);
        let histogram = self.histogram.get_or_insert_with(|| {
            let mut histogram =
                Histogram::new(DIGITS).expect("three digits are within what a histogram takes");
            histogram.auto(true);
            Box::new(histogram)
        });
        // It grows by itself, so nothing is out of its range.
        let _ = histogram.record_n(value, count);
        let (float, times) = (value as f64, count as f64);
        self.sum += float * times;
        self.squares += float * float * times;
        self.least = self.least.min(value);
        self.most = self.most.max(value);
    }

    /// Adds another one's samples.
    pub fn add(&mut self, other: &Distribution) {
        let Some(theirs) = &other.histogram else {
            return;
        };
        match &mut self.histogram {
            Some(ours) => {
                let _ = ours.add(&**theirs); // it grows by itself
            }
            None => self.histogram = Some(theirs.clone()),
        }
        self.sum += other.sum;
        self.squares += other.squares;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    /// The unit of its values.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// The unit of its values inside: `us` where the outer one is of time.
    pub fn inner_unit(&self) -> &'static str {
        match self.unit {
            "ms" | "s" => "us",
            unit => unit,
        }
    }

    /// How many inner units make one outer unit.
    fn factor(&self) -> f64 {
        match self.unit {
            "ms" => 1e3,
            "s" => 1e6,
            _ => 1.0, // counts of something
        }
    }

    /// How many samples there are.
    pub fn count(&self) -> u64 {
        self.histogram
            .as_ref()
            .map_or(0, |histogram| histogram.len())
    }

    /// The mean, in the unit; none without samples. Likewise below.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum / count as f64 / self.factor())
    }

    /// The standard deviation.
    pub fn stddev(&self) -> Option<f64> {
        let count = self.count() as f64;
        (count > 0.0).then(|| {
            let mean = self.sum / count;
            (self.squares / count - mean * mean).max(0.0).sqrt() / self.factor()
        })
    }

    /// The least sample.
    pub fn min(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.least as f64 / self.factor())
    }

    /// The greatest sample.
    pub fn max(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.most as f64 / self.factor())
    }

    /// The value that this share of the samples does not exceed, to three digits.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let histogram = self.histogram.as_ref()?;
        (!histogram.is_empty()).then(|| self.outside(histogram.value_at_quantile(share)))
    }

    /// A value of a bucket: its middle, never beyond the samples that there were.
    fn outside(&self, value: u64) -> f64 {
        let middle = self
            .histogram
            .as_ref()
            .map_or(value, |histogram| histogram.median_equivalent(value));
        middle.clamp(self.least, self.most) as f64 / self.factor()
    }

    /// A 95 % interval of a quantile, from the order statistics: the ranks that a binomial leaves.
    pub fn interval(&self, share: f64) -> Option<(f64, f64)> {
        self.interval_of(share, 1.96)
    }

    /// The same, so many standard errors wide to either side.
    pub fn interval_of(&self, share: f64, errors: f64) -> Option<(f64, f64)> {
        let histogram = self.histogram.as_ref()?;
        let count = histogram.len() as f64;
        if count < 2.0 {
            return None;
        }
        let half = errors * (count * share * (1.0 - share)).sqrt();
        let at = |rank: f64| {
            let rank = rank.clamp(1.0, count);
            self.outside(histogram.value_at_quantile(rank / count))
        };
        Some((
            at((count * share - half).floor()),
            at((count * share + half).ceil() + 1.0),
        ))
    }

    /// The histogram by the HdrHistogram V2 format, deflated; the base of merging and comparing.
    pub fn encoded(&self) -> Vec<u8> {
        use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
        let mut bytes = Vec::new();
        if let Some(histogram) = &self.histogram {
            // Writing to memory doesn't fail, and our values are within the format's range.
            let _ = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
        }
        bytes
    }

    /// The distribution that a report holds: its samples as [`encoded`](Self::encoded) wrote them, and what a histogram
    /// knows only to its precision.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decoded(
        unit: &'static str,
        bytes: &[u8],
        mean: f64,
        stddev: f64,
        range: (f64, f64),
    ) -> Result<Distribution, String> {
        let mut distribution = Distribution::new(unit);
        if !(0.0..=range.1).contains(&range.0) || !mean.is_finite() || !stddev.is_finite() {
            return Err("its mean or its range are no figures of samples".to_owned());
        }
        let mut histogram: Histogram<u64> = hdrhistogram::serialization::Deserializer::new()
            .deserialize(&mut io::Cursor::new(bytes))
            .map_err(|error| error.to_string())?;
        if histogram.is_empty() {
            return Ok(distribution);
        }
        let factor = distribution.factor();
        let count = histogram.len() as f64;
        let (mean, deviation) = (mean * factor, stddev * factor);
        distribution.sum = mean * count;
        distribution.squares = (deviation * deviation + mean * mean) * count;
        distribution.least = (range.0 * factor).round() as u64;
        distribution.most = (range.1 * factor).round() as u64;
        histogram.auto(true);
        distribution.histogram = Some(Box::new(histogram));
        Ok(distribution)
    }

    /// Each distinct value, in the unit, with how many samples have it, ascending.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let factor = self.factor();
        self.histogram
            .iter()
            .flat_map(|histogram| histogram.iter_recorded())
            .map(|value| {
                (
                    value.value_iterated_to() as f64 / factor,
                    value.count_at_value(),
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn figures_are_read_in_their_unit() {
        let mut times = Distribution::new("ms");
        for ms in 1..=1000u64 {
            times.record(ms * 1000);
        }
        assert_eq!(times.count(), 1000);
        assert!((times.mean().unwrap() - 500.5).abs() < 0.001);
        assert!((times.quantile(0.5).unwrap() - 500.0).abs() < 1.0);
        assert_eq!(times.max(), Some(1000.0));
        let (low, high) = times.interval(0.5).unwrap();
        assert!(
            low < 500.0 && high > 500.0 && high - low < 80.0,
            "{low} {high}"
        );
        assert_eq!(Distribution::new("ms").quantile(0.5), None);
    }

    #[test]
    fn what_a_server_tells_has_no_bound_of_an_hour() {
        let day = 86_400 * 1_000_000;
        let (mut told, mut measured) = (Distribution::new("s"), Distribution::new("ms"));
        told.record(day);
        measured.record(day);
        assert_eq!(told.max(), Some(86_400.0));
        assert_eq!(measured.max(), Some(3_600_000.0));
    }

    proptest! {
        #[test]
        fn what_a_report_holds_is_read_back(values in proptest::collection::vec(0u64..5_000_000, 1..50)) {
            let mut written = Distribution::new("ms");
            for value in &values {
                written.record(*value);
            }
            let (mean, stddev) = (written.mean().unwrap(), written.stddev().unwrap());
            let range = (written.min().unwrap(), written.max().unwrap());
            let read = Distribution::decoded("ms", &written.encoded(), mean, stddev, range).unwrap();
            prop_assert_eq!(read.buckets(), written.buckets());
            prop_assert_eq!(read.quantile(0.95), written.quantile(0.95));
            prop_assert_eq!((read.min(), read.max()), (written.min(), written.max()));
            prop_assert!((read.mean().unwrap() - mean).abs() < 1e-6);
        }

        #[test]
        fn merged_is_recorded_together(
            left in proptest::collection::vec(0u64..5_000_000, 0..50),
            right in proptest::collection::vec(0u64..5_000_000, 0..50),
        ) {
            let of = |values: &[u64]| {
                let mut distribution = Distribution::new("ms");
                for value in values {
                    distribution.record(*value);
                }
                distribution
            };
            let mut merged = of(&left);
            merged.add(&of(&right));
            let together = of(&[left, right].concat());
            prop_assert_eq!(merged.buckets(), together.buckets());
            prop_assert_eq!(merged.count(), together.count());
            prop_assert_eq!(merged.quantile(0.99), together.quantile(0.99));
        }
    }
}
