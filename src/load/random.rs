//! Numbers from a seed, the same ones in every version: splitmix64, and the distributions that a run draws from.

/// A generator; its stream depends on nothing but the seed and the name it was made with.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The generator of that name and number: arrivals, the mix, the prompts of user 7.
    pub(super) fn named(seed: u64, name: &str, number: u64) -> Random {
        // FNV-1a over the name; the first numbers mix it with seed and number.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut outer = Random(seed ^ hash);
        let mut inner = Random(outer.next() ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        Random(inner.next())
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to 1, 1 left out.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below a bound.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The bias is below 2^-32 for any bound that a run has.
        self.next() % bound.max(1)
    }

    /// Exponential with mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Standard normal (Box and Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Gamma with that shape and mean 1 (Marsaglia and Tsang 2000).
    pub(super) fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = (1.0 - self.unit()).powf(1.0 / shape);
            return self.gamma_over_one(shape + 1.0) * boost / shape;
        }
        self.gamma_over_one(shape) / shape
    }

    fn gamma_over_one(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.exponential() > d * v - d - d * v.ln() - 0.5 * x * x {
                return d * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let samples: Vec<f64> = (0..40_000).map(|_| draw()).collect();
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        let variance =
            samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / samples.len() as f64;
        (mean, variance)
    }

    #[test]
    fn the_distributions_have_their_moments() {
        let mut random = Random::named(7, "test", 0);
        for (name, (mean, variance), wanted) in [
            (
                "unit",
                moments(|| random.clone_step(Random::unit)),
                (0.5, 1.0 / 12.0),
            ),
            (
                "exponential",
                moments(|| random.clone_step(Random::exponential)),
                (1.0, 1.0),
            ),
            (
                "normal",
                moments(|| random.clone_step(Random::normal)),
                (0.0, 1.0),
            ),
            (
                "gamma 0.5",
                moments(|| random.clone_step(|r| r.gamma(0.5))),
                (1.0, 2.0),
            ),
            (
                "gamma 4",
                moments(|| random.clone_step(|r| r.gamma(4.0))),
                (1.0, 0.25),
            ),
        ] {
            assert!((mean - wanted.0).abs() < 0.03, "{name}: mean {mean}");
            assert!(
                (variance - wanted.1).abs() < 0.08 * wanted.1.max(0.5),
                "{name}: variance {variance}"
            );
        }
    }

    #[test]
    fn names_numbers_and_seeds_give_streams_of_their_own() {
        let first = |seed, name, number| Random::named(seed, name, number).next();
        assert_eq!(first(1, "mix", 3), first(1, "mix", 3));
        let all = [
            first(1, "mix", 3),
            first(2, "mix", 3),
            first(1, "think", 3),
            first(1, "mix", 4),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(one));
        }
    }

    impl Random {
        fn clone_step(&mut self, draw: impl FnOnce(&mut Random) -> f64) -> f64 {
            draw(self)
        }
    }
}
