//! Intervals of differences. Pure arithmetic; knows no report.

/// The quantile of the standard normal distribution, by Acklam's rational approximation (relative error below 1.2e-9),
/// for shares of more than a half.
pub(super) fn normal_quantile(share: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e+01,
        2.209460984245205e+02,
        -2.759285104469687e+02,
        1.38357751867269e+02,
        -3.066479806614716e+01,
        2.506628277459239e+00,
    ];
    const B: [f64; 5] = [
        -5.447609879822406e+01,
        1.615858368580409e+02,
        -1.556989798598866e+02,
        6.680131188771972e+01,
        -1.328068155288572e+01,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-03,
        -3.223964580411365e-01,
        -2.400758277161838e+00,
        -2.549732539343734e+00,
        4.374664141464968e+00,
        2.938163982698783e+00,
    ];
    const D: [f64; 4] = [
        7.784695709041462e-03,
        3.224671290700398e-01,
        2.445134137142996e+00,
        3.754408661907416e+00,
    ];
    /// From here on the tail's formula is the better one.
    const TAIL: f64 = 0.97575;
    let horner = |factors: &[f64], x: f64| factors.iter().fold(0.0, |sum, factor| sum * x + factor);
    if share <= TAIL {
        let q = share - 0.5;
        let r = q * q;
        q * horner(&A, r) / (horner(&B, r) * r + 1.0)
    } else {
        let q = (-2.0 * (1.0 - share).ln()).sqrt();
        -horner(&C, q) / (horner(&D, q) * q + 1.0)
    }
}

/// How many standard errors to either side an interval reaches, so that so many intervals hold together with 95 %
/// (Bonferroni).
pub(super) fn errors_for(intervals: usize) -> f64 {
    let each = 0.05 / intervals.max(1) as f64;
    normal_quantile(1.0 - each / 2.0)
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
    fn the_normal_quantile_is_that_of_the_tables() {
        for (share, expected) in [
            (0.5, 0.0),
            (0.9, 1.281_551_566),
            (0.975, 1.959_963_985),
            (0.99, 2.326_347_874),
            (0.999_9, 3.719_016_485),
        ] {
            let found = normal_quantile(share);
            assert!((found - expected).abs() < 1e-6, "{share}: {found}");
        }
        assert!((errors_for(1) - 1.959_964).abs() < 1e-5);
        assert!(errors_for(20) > 3.0);
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
