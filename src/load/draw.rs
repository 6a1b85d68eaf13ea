//! Drawing from a scenario's distributions.

use super::random::Random;
use super::scenario::{Distribution, Within};

/// A number of that distribution.
pub(super) fn draw(distribution: &Distribution, random: &mut Random) -> f64 {
    let held = |value: f64, within: &Within| value.clamp(within.min, within.max);
    match distribution {
        Distribution::Constant(value) => *value,
        Distribution::Uniform(within) => within.min + (within.max - within.min) * random.unit(),
        Distribution::Exponential { mean, within } => held(mean * random.exponential(), within),
        Distribution::Normal {
            mean,
            stddev,
            within,
        } => held(mean + stddev * random.normal(), within),
        Distribution::LogNormal {
            mean,
            stddev,
            within,
        } => {
            // From the moments of the numbers to those of their logarithm.
            let variance = (1.0 + (stddev / mean).powi(2)).ln();
            let location = mean.ln() - variance / 2.0;
            held((location + variance.sqrt() * random.normal()).exp(), within)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lognormal_has_the_mean_that_it_was_given() {
        let wide = Within { min: 0.0, max: 1e9 };
        let lognormal = Distribution::LogNormal {
            mean: 300.0,
            stddev: 100.0,
            within: wide,
        };
        let mut random = Random::named(1, "test", 0);
        let samples: Vec<f64> = (0..40_000).map(|_| draw(&lognormal, &mut random)).collect();
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        let variance =
            samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / samples.len() as f64;
        assert!((mean - 300.0).abs() < 3.0, "{mean}");
        assert!((variance.sqrt() - 100.0).abs() < 4.0, "{variance}");
    }
}
