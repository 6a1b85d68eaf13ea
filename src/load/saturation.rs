//! Whether the target is given more than it carries: its queue grows, answers begin later and later, and fewer end
//! than come. Each by itself happens to a sound target (long answers pile up at first, a cold one is slow), so all
//! three have to hold, by more than chance, and for a while.
//!
//! After GuideLLM's idea: slopes of the requests in flight and of the time to first token, with intervals by Student's
//! t. Values of half a second each, since single answers depend on each other far more.

use statrs::distribution::{ContinuousCDF as _, StudentsT};
use std::collections::VecDeque;
use std::time::Duration;

/// How long a value is averaged.
const BIN: Duration = Duration::from_millis(500);

/// Bins that are looked back on: a short view sees it early, a long one in a target of few answers.
const VIEWS: [usize; 5] = [12, 16, 22, 30, 60];

/// So many times in a row, a bin apart, all of it has to hold.
const IN_A_ROW: u32 = 4;

/// A slope is over nothing where its one-sided interval of this confidence is.
const SURE: f64 = 0.99;

/// Over a view, requests in flight have to grow by so much of their mean, and by so many.
const FLYING: (f64, f64) = (0.2, 2.0);

/// Waits have to grow by so much of their mean.
const WAITS: f64 = 0.5;

/// So much of what came has to be left over, and so many times the root of it, which is what chance leaves.
const LEFT_OVER: (f64, f64) = (0.05, 1.5);

/// With fewer answers a view tells nothing.
const LEAST_ENDED: u64 = 20;

/// What was seen of a run, half a second by half a second.
#[derive(Debug, Default)]
pub(super) struct Saturation {
    /// The number of the first bin that is kept.
    first: u64,
    bins: VecDeque<Bin>,
    /// Requests that had come at the last look.
    come: u64,
    in_a_row: u32,
}

#[derive(Debug, Default, Clone, Copy)]
struct Bin {
    /// In flight: sum and number of looks.
    flying: (u64, u64),
    come: u64,
    ended: u64,
    /// Waits in seconds: sum and number.
    waits: (f64, u64),
}

impl Bin {
    fn flying(&self) -> Option<f64> {
        let (sum, looks) = self.flying;
        (looks > 0).then(|| sum as f64 / looks as f64)
    }

    fn wait(&self) -> Option<f64> {
        let (sum, count) = self.waits;
        (count > 0).then(|| sum / count as f64)
    }
}

impl Saturation {
    /// An answer ended, so long after the run's begin. `began` is when it began to come, and how long that had been
    /// waited for; known of a success only.
    pub(super) fn ended(&mut self, at: Duration, began: Option<(Duration, Duration)>) {
        if let Some(bin) = self.bin(at) {
            bin.ended += 1;
        }
        if let Some((at, wait)) = began
            && let Some(bin) = self.bin(at)
        {
            bin.waits.0 += wait.as_secs_f64();
            bin.waits.1 += 1;
        }
    }

    /// Time has passed; so many requests are in flight, and so many have come since the begin. Why to stop, if there
    /// is a reason.
    pub(super) fn look(&mut self, at: Duration, in_flight: u64, come: u64) -> Option<String> {
        let before = self.first + self.bins.len() as u64;
        let more = come.saturating_sub(self.come);
        self.come = come;
        let bin = self.bin(at)?;
        bin.flying.0 += in_flight;
        bin.flying.1 += 1;
        bin.come += more;
        if self.first + self.bins.len() as u64 == before {
            return None; // the bin is not full yet
        }
        let seen = VIEWS.iter().find_map(|view| self.grows(*view));
        self.in_a_row = if seen.is_some() { self.in_a_row + 1 } else { 0 };
        seen.filter(|_| self.in_a_row >= IN_A_ROW)
    }

    /// The bin of that instant; none where it is no longer kept.
    fn bin(&mut self, at: Duration) -> Option<&mut Bin> {
        let number = u64::try_from(at.as_nanos() / BIN.as_nanos()).unwrap_or(u64::MAX);
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        if index >= self.bins.len() {
            self.bins.resize(index + 1, Bin::default());
        }
        let most = VIEWS[VIEWS.len() - 1] + 1;
        let over = self.bins.len().saturating_sub(most);
        self.bins.drain(..over);
        self.first += over as u64;
        self.bins.get_mut(index - over)
    }

    /// What grows over the last full bins, in a sentence; none where not all of it does.
    fn grows(&self, view: usize) -> Option<String> {
        let full = self.bins.len().checked_sub(1)?;
        let bins: Vec<Bin> = self.bins.iter().take(full).copied().collect();
        let bins = bins.get(full.checked_sub(view)?..)?;
        let sum = |of: fn(&Bin) -> u64| bins.iter().map(of).sum::<u64>();
        let (come, ended) = (sum(|bin| bin.come), sum(|bin| bin.ended));
        let (part, roots) = LEFT_OVER;
        let chance = (part * come as f64).max(roots * (come as f64).sqrt());
        if ended < LEAST_ENDED || come.saturating_sub(ended) as f64 <= chance {
            return None;
        }
        let flying = Trend::of(bins.iter().map(Bin::flying))?;
        let late = Trend::of(bins[view / 2..].iter().map(Bin::flying))?;
        let (share, least) = FLYING;
        // A step is no growth: it has to go on in the later half.
        let goes_on = late.slope >= flying.slope / 2.0;
        if !goes_on || !flying.rises(share) || flying.growth() < least {
            return None;
        }
        let waits = Trend::of(bins.iter().map(Bin::wait))?;
        if waits.count * 2 < view || !waits.rises(WAITS) {
            return None;
        }
        let span = view as f64 * BIN.as_secs_f64();
        let (few, many) = flying.ends();
        let (soon, late) = waits.ends();
        Some(format!(
            "the target is given more than it carries: over the last {span:.0} s {:.1} requests a second came and \
             {:.1} ended, those in flight rose from {few:.0} to {many:.0}, the wait for an answer from {:.0} to {:.0} ms",
            come as f64 / span,
            ended as f64 / span,
            soon * 1e3,
            late * 1e3,
        ))
    }
}

/// A straight line through values, one a bin.
#[derive(Debug, Clone, Copy)]
struct Trend {
    count: usize,
    /// From the first value to the last, in bins.
    span: f64,
    mean: f64,
    /// By bin.
    slope: f64,
    /// The least that the slope may be.
    least: f64,
}

impl Trend {
    /// By least squares; none with fewer than four values.
    fn of(values: impl Iterator<Item = Option<f64>>) -> Option<Trend> {
        let points: Vec<(f64, f64)> = values
            .enumerate()
            .filter_map(|(index, value)| Some((index as f64, value?)))
            .collect();
        let [(first, _), .., (last, _)] = points.as_slice() else {
            return None;
        };
        if points.len() < 4 {
            return None;
        }
        let count = points.len() as f64;
        let mean_of = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean_of(|point| point.0), mean_of(|point| point.1));
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for (at, value) in &points {
            xx += (at - x) * (at - x);
            xy += (at - x) * (value - y);
            yy += (value - y) * (value - y);
        }
        let slope = xy / xx;
        let freedom = count - 2.0;
        let error = ((yy - slope * xy).max(0.0) / freedom / xx).sqrt();
        let times = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(SURE);
        Some(Trend {
            count: points.len(),
            span: last - first,
            mean: y,
            slope,
            least: slope - times * error,
        })
    }

    fn growth(&self) -> f64 {
        self.slope * self.span
    }

    /// Whether it rises for sure, and by so much of its mean.
    fn rises(&self, share: f64) -> bool {
        self.least > 0.0 && self.growth() >= share * self.mean
    }

    /// Its values at both ends.
    fn ends(&self) -> (f64, f64) {
        let half = self.growth() / 2.0;
        ((self.mean - half).max(0.0), self.mean + half)
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    const S: fn(f64) -> Duration = Duration::from_secs_f64;

    /// When the alarm rings in a target of so many slots and that time of service, given that share of what it
    /// carries by Poisson arrivals for a minute; `steps` change the share on the way.
    fn rings(slots: usize, service: f64, steps: &[(f64, f64)], seed: u64) -> Option<f64> {
        let mut random = Random::named(seed, "saturation", 0);
        let mut free = vec![0.0f64; slots];
        let mut arrivals = Vec::new();
        let mut now = 0.0;
        loop {
            let share = steps.iter().rev().find(|(from, _)| *from <= now);
            let rate = share.map_or(1.0, |(_, share)| *share) * slots as f64 / service;
            now += random.exponential() / rate;
            if now > 60.0 {
                break;
            }
            let slot = (0..slots)
                .min_by(|one, other| free[*one].total_cmp(&free[*other]))
                .expect("there is a slot");
            let begin = now.max(free[slot]);
            free[slot] = begin + service;
            arrivals.push((now, begin, begin + service));
        }
        let mut saturation = Saturation::default();
        let mut ends: Vec<(f64, f64, f64)> = arrivals.clone();
        ends.sort_by(|one, other| one.2.total_cmp(&other.2));
        let (mut come, mut ended) = (0, 0);
        for tick in 1..=600 {
            let at = f64::from(tick) / 10.0;
            while come < arrivals.len() && arrivals[come].0 <= at {
                come += 1;
            }
            while ended < ends.len() && ends[ended].2 <= at {
                let (arrived, begun, end) = ends[ended];
                // A tenth of the service comes before the first token.
                let first = begun + service / 10.0;
                saturation.ended(S(end), Some((S(first), S(first - arrived))));
                ended += 1;
            }
            let look = saturation.look(S(at), (come - ended) as u64, come as u64);
            if look.is_some() {
                return Some(at);
            }
        }
        None
    }

    const TARGETS: [(usize, f64); 4] = [(20, 0.2), (30, 0.5), (40, 0.8), (100, 1.0)];

    /// Few answers, and long ones, take longer to be told from chance.
    const SLOW: [(usize, f64); 2] = [(8, 0.5), (100, 2.0)];

    #[test]
    fn more_than_is_carried_is_noticed_within_fifteen_seconds() {
        for (slots, service) in TARGETS {
            for seed in 0..20 {
                let at = rings(slots, service, &[(0.0, 1.2)], seed);
                assert!(
                    at.is_some_and(|at| at <= 15.0),
                    "{slots} slots of {service} s, seed {seed}: {at:?}"
                );
            }
        }
    }

    #[test]
    fn where_few_answers_come_it_takes_longer() {
        for (slots, service) in SLOW {
            for seed in 0..20 {
                let at = rings(slots, service, &[(0.0, 1.2)], seed);
                assert!(
                    at.is_some_and(|at| at <= 40.0),
                    "{slots} slots of {service} s, seed {seed}: {at:?}"
                );
            }
        }
    }

    #[test]
    fn four_fifths_of_what_is_carried_is_no_reason() {
        for (slots, service) in TARGETS.into_iter().chain(SLOW) {
            for seed in 0..20 {
                let at = rings(slots, service, &[(0.0, 0.8)], seed);
                assert_eq!(at, None, "{slots} slots of {service} s, seed {seed}");
            }
        }
    }

    #[test]
    fn a_step_to_what_is_carried_still_is_no_reason_and_one_beyond_it_is() {
        for seed in 0..20 {
            let below = rings(40, 0.5, &[(0.0, 0.3), (20.0, 0.8)], seed);
            assert_eq!(below, None, "seed {seed}");
            let beyond = rings(40, 0.5, &[(0.0, 0.3), (20.0, 1.3)], seed);
            assert!(
                beyond.is_some_and(|at| (20.0..38.0).contains(&at)),
                "seed {seed}: {beyond:?}"
            );
        }
    }

    #[test]
    fn long_answers_that_pile_up_at_first_are_no_reason() {
        for seed in 0..20 {
            assert_eq!(rings(400, 20.0, &[(0.0, 0.8)], seed), None, "seed {seed}");
        }
    }
}
