//! Intervals of differences. Pure arithmetic; knows no report.

use statrs::distribution::{ContinuousCDF as _, Normal};

/// How many standard errors to either side an interval reaches, so that so many intervals hold together with 95 %
/// (Bonferroni).
pub(super) fn errors_for(intervals: usize) -> f64 {
    let each = 0.05 / intervals.max(1) as f64;
    Normal::standard().inverse_cdf(1.0 - each / 2.0)
}

/// A figure and the interval in which its true value lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Estimate {
    /// A figure that is known exactly.
    pub(super) fn exact(value: f64) -> Estimate {
        Estimate {
            value,
            low: value,
            high: value,
        }
    }

    /// A figure with so much to either side.
    pub(super) fn around(value: f64, half: f64) -> Estimate {
        Estimate {
            value,
            low: value - half,
            high: value + half,
        }
    }

    /// A share of so many, by Wilson's interval, widened for samples that hang together (`design`, 1 where they do not).
    pub(super) fn share(part: f64, of: f64, errors: f64, design: f64) -> Option<Estimate> {
        if of <= 0.0 {
            return None;
        }
        let value = part / of;
        let effective = of / design.max(1.0);
        let square = errors * errors;
        let middle = (value + square / (2.0 * effective)) / (1.0 + square / effective);
        let half = errors / (1.0 + square / effective)
            * (value * (1.0 - value) / effective + square / (4.0 * effective * effective)).sqrt();
        Some(Estimate {
            value,
            low: (middle - half).clamp(0.0, value),
            high: (middle + half).clamp(value, 1.0),
        })
    }
}

/// The interval of `new - base`, from the intervals of both (MOVER; of shares it is Newcombe's).
pub(super) fn difference(base: Estimate, new: Estimate) -> (f64, f64) {
    let effect = new.value - base.value;
    let below = (new.value - new.low).hypot(base.high - base.value);
    let above = (new.high - new.value).hypot(base.value - base.low);
    (effect - below, effect + above)
}

/// How much wider intervals have to be because samples of one moment resemble each other: the spread of the windows'
/// medians beside the spread that independent samples would have. At least 1.
///
/// `windows` are the medians with how many samples each has; `error` is the standard error of the median of all samples,
/// were they independent.
pub(super) fn design_effect(windows: &[(f64, u64)], median: f64, error: f64) -> f64 {
    let windows: Vec<_> = windows.iter().filter(|(_, count)| *count > 0).collect();
    let all: u64 = windows.iter().map(|(_, count)| count).sum();
    if windows.len() < 5 || error <= 0.0 {
        return 1.0;
    }
    // A window of n out of N samples has a median whose variance is N / n times that of the whole.
    let sum: f64 = windows
        .iter()
        .map(|(value, count)| {
            let expected = error * error * all as f64 / *count as f64;
            (value - median).powi(2) / expected
        })
        .sum();
    (sum / windows.len() as f64).max(1.0)
}

/// The mean of windows with its interval: samples within a window may hang together as they like.
pub(super) fn mean_of(windows: &[f64], errors: f64) -> Option<Estimate> {
    let count = windows.len() as f64;
    if windows.len() < 5 {
        return None;
    }
    let mean = windows.iter().sum::<f64>() / count;
    let variance = windows
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / (count - 1.0);
    Some(Estimate::around(mean, errors * (variance / count).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_intervals_are_wider_than_one() {
        assert!((errors_for(1) - 1.959_964).abs() < 1e-5);
        // The normal quantile of 1 - 0.05 / 40.
        assert!((errors_for(20) - 3.023_341).abs() < 1e-5);
    }

    #[test]
    fn shares_have_the_intervals_of_the_literature() {
        // Newcombe 1998, table II: 56/70 against 48/80, interval 0.0524 to 0.3339.
        let base = Estimate::share(48.0, 80.0, 1.959_964, 1.0).unwrap();
        let new = Estimate::share(56.0, 70.0, 1.959_964, 1.0).unwrap();
        let (low, high) = difference(base, new);
        assert!((low - 0.0524).abs() < 1e-4, "{low}");
        assert!((high - 0.3339).abs() < 1e-4, "{high}");
        assert_eq!(Estimate::share(0.0, 0.0, 2.0, 1.0), None);
        let none = Estimate::share(0.0, 100.0, 1.96, 1.0).unwrap();
        assert!(none.low == 0.0 && none.high > 0.03);
    }

    #[test]
    fn samples_that_hang_together_count_for_less() {
        let steady: Vec<(f64, u64)> = (0..20)
            .map(|i| (if i % 2 == 0 { 99.0 } else { 101.0 }, 100))
            .collect();
        // A window's median would spread by 1 anyhow: 1 / sqrt(20) is the error of the whole.
        assert!((design_effect(&steady, 100.0, 1.0 / 20f64.sqrt()) - 1.0).abs() < 1e-9);
        let swings: Vec<(f64, u64)> = (0..20)
            .map(|i| (if i < 10 { 95.0 } else { 105.0 }, 100))
            .collect();
        let effect = design_effect(&swings, 100.0, 1.0 / 20f64.sqrt());
        assert!((effect - 25.0).abs() < 1e-9, "{effect}");
        assert_eq!(design_effect(&swings[..4], 100.0, 1.0), 1.0);
    }
}
