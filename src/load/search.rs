//! The search for capacity, as a pure thing: which value to try next, and what the answers to it prove.
//!
//! First the value is doubled until it is too much, then the gap between what is carried and what is not is narrowed.
//! A guess from what an overloaded target got through, or from a value at its very edge, shortens that; it is only
//! ever a value to try. What a probe proves is exact (Clopper and Pearson): the bounds of a binomial proportion, each
//! at the confidence that the scenario asks for.

use super::scenario;
use statrs::distribution::{Binomial, DiscreteCDF as _};

/// A gap so narrow, as a part of its lower end, is the answer.
const NARROW: f64 = 0.04;

/// Values to try because of a guess, before the gap is halved instead.
const GUESSES: u32 = 5;

/// What the answers to a probe prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The objective is met by as many as it takes.
    Met,
    /// It is not.
    Missed,
    /// Neither.
    Undecided,
    /// It is not met, and this machine may be why.
    Invalid,
}

impl Verdict {
    /// Its name in reports.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::Undecided => "undecided",
            Verdict::Invalid => "invalid",
        }
    }
}

/// What a search came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// The most that met the objective.
    pub(super) answer: Option<f64>,
    /// The answer, and the least that did not meet it.
    pub(super) between: Option<(f64, f64)>,
    pub(super) limited_by: &'static str,
}

/// A value to try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Try {
    pub(super) value: f64,
    /// Whether it has to be decided: below the edge a higher value decides it as well.
    pub(super) decides: bool,
}

/// Where the search stands.
#[derive(Debug)]
pub(super) struct Seeker {
    min: f64,
    max: f64,
    fraction: f64,
    confidence: f64,
    /// Users come as whole ones.
    whole: bool,
    factor: f64,
    left: u32,
    /// The most that met the objective.
    met: Option<f64>,
    /// The most that seems to meet it, with too few answers to say so.
    leaning: Option<f64>,
    /// The least that did not, and whether this machine is why.
    missed: Option<(f64, bool)>,
    guess: Option<f64>,
    guesses: u32,
}

impl Seeker {
    pub(super) fn new<T: Copy + Into<f64>>(search: &scenario::Search<T>, whole: bool) -> Seeker {
        let (min, max): (f64, f64) = (search.min.into(), search.max.into());
        // A range so wide that doubling would use up all probes is crossed in larger steps.
        let steps = f64::from(search.max_probes.saturating_sub(3).max(1));
        Seeker {
            min,
            max,
            fraction: search.good_request_fraction,
            confidence: search.confidence,
            whole,
            factor: (max / min).powf(1.0 / steps).max(2.0),
            left: search.max_probes,
            met: None,
            leaning: None,
            missed: None,
            guess: None,
            guesses: 0,
        }
    }

    /// What so many good answers of so many prove.
    pub(super) fn verdict(&self, good: u64, total: u64) -> Verdict {
        let Ok(chance) = Binomial::new(self.fraction, total) else {
            return Verdict::Undecided;
        };
        let doubt = 1.0 - self.confidence;
        // Were the fraction just what is asked for, so many or more would be as rare as that: it is more.
        let so_many = good.checked_sub(1).map_or(1.0, |less| chance.sf(less));
        if total > 0 && so_many <= doubt {
            Verdict::Met
        } else if total > 0 && chance.cdf(good) <= doubt {
            Verdict::Missed
        } else {
            Verdict::Undecided
        }
    }

    /// Whether so many look as if they met the objective, proof or not.
    pub(super) fn leans(&self, good: u64, total: u64) -> bool {
        total > 0 && good as f64 >= self.fraction * total as f64
    }

    /// The next value to try; none where the answer is known, or no probe is left.
    pub(super) fn next(&mut self) -> Option<Try> {
        self.left = self.left.checked_sub(1)?;
        let decides = |value: f64| {
            Some(Try {
                value,
                decides: true,
            })
        };
        let low = self.low();
        let Some((missed, _)) = self.missed else {
            let Some(low) = low else {
                let decides = self.guess.is_some();
                return Some(Try {
                    value: self.min,
                    decides,
                })
                .filter(|_| self.guess.is_none());
            };
            if low >= self.max {
                // It carries the most that is asked of it; that has to be proved.
                return decides(low).filter(|_| self.met.is_none_or(|met| met < low));
            }
            if let Some(next) = self.guessed(low, self.max) {
                return decides(next);
            }
            let value = self.rounded(low * self.factor).min(self.max);
            return Some(Try {
                value,
                decides: value >= self.max,
            });
        };
        let low = low?; // none where not even the least is carried
        if self.is_narrow(low, missed) {
            let proved = self.met.is_some_and(|met| met >= low);
            return decides(low).filter(|_| !proved);
        }
        if let Some(next) = self.guessed(low, missed) {
            return decides(next);
        }
        let middle = self.rounded((low * missed).sqrt());
        decides(middle).filter(|middle| middle.value > low && middle.value < missed)
    }

    /// The most that is carried, or seems to be.
    fn low(&self) -> Option<f64> {
        match (self.met, self.leaning) {
            (Some(met), Some(leaning)) => Some(met.max(leaning)),
            (met, leaning) => met.or(leaning),
        }
    }

    fn is_narrow(&self, low: f64, high: f64) -> bool {
        high - low <= 1.05 * NARROW * low || (self.whole && high - low <= 1.0)
    }

    /// A value a little below the guess, then one a little above it, and one a little more: drained targets are guessed
    /// too low. None where no such value is within the gap.
    fn guessed(&mut self, low: f64, high: f64) -> Option<f64> {
        let guess = self.guess?;
        if self.guesses >= GUESSES {
            return None;
        }
        let beside = |steps: f64| self.rounded(guess * (1.0 + steps * NARROW));
        let inside = |value: &f64| *value > low && *value < high;
        let next = [-0.5, 0.5, 1.5].map(beside).into_iter().find(inside)?;
        self.guesses += 1;
        Some(next)
    }

    /// As the target can be given it.
    fn rounded(&self, value: f64) -> f64 {
        if self.whole {
            return value.round();
        }
        // Four digits are more than anybody can measure.
        let unit = 10f64.powf(value.log10().floor() - 3.0);
        (value / unit).round() * unit
    }

    /// A value was tried; `leans` where it seems to meet the objective. `guess` is what the target seems to carry by
    /// it.
    pub(super) fn tried(&mut self, tried: Try, verdict: Verdict, leans: bool, guess: Option<f64>) {
        let Try { value, decides } = tried;
        let over = |most: Option<f64>| most.is_none_or(|most| value > most);
        match verdict {
            Verdict::Met => {
                if over(self.met) {
                    self.met = Some(value);
                }
            }
            Verdict::Missed | Verdict::Invalid => {
                let ours = verdict == Verdict::Invalid;
                if self.missed.is_none_or(|(least, _)| value < least) {
                    self.missed = Some((value, ours));
                }
                // What seemed to be carried above it was luck.
                self.leaning = self.leaning.filter(|leaning| *leaning < value);
                self.met = self.met.filter(|met| *met < value);
                self.guess = guess.or(self.guess);
            }
            Verdict::Undecided if leans && !decides => {
                if over(self.leaning) {
                    self.leaning = Some(value);
                }
            }
            // With all the time that it got it could not be told from the edge: then it is the edge.
            Verdict::Undecided => {
                self.leaning = self.leaning.filter(|leaning| *leaning < value);
                self.guess = Some(value);
            }
        }
    }

    /// What it came to.
    pub(super) fn found(&self) -> Found {
        let answer = self.met;
        let between = answer.zip(self.missed.map(|(missed, _)| missed));
        let limited_by = match (answer, self.missed) {
            (Some(_), Some((_, true))) | (None, Some((_, true))) => "client",
            (Some(_), Some((_, false))) => "objective",
            (Some(answer), None) if answer >= self.max => "max",
            // Not even the least was carried.
            (None, Some((missed, false))) if missed <= self.min => "objective",
            _ => "undecided",
        };
        Found {
            answer,
            between,
            limited_by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenario::Search;
    use super::*;
    use std::time::Duration;

    /// A target of so many slots, each of which takes that long for an answer; the objective is half of that more.
    #[derive(Debug, Clone, Copy)]
    struct Target {
        slots: usize,
        service: f64,
    }

    /// Good answers, all of them, and the time from the first arrival to the last end.
    type Probe = (u64, u64, f64);

    impl Target {
        fn good(self, latency: f64) -> bool {
            latency <= 1.5 * self.service
        }

        /// Even arrivals at that rate.
        fn given_rate(self, rate: f64, seconds: f64) -> Probe {
            let mut free = vec![0.0f64; self.slots];
            let total = (rate * seconds).ceil() as u64;
            let (mut good, mut last) = (0, 0.0f64);
            for number in 0..total {
                let due = number as f64 / rate;
                let slot = number as usize % self.slots; // all take as long, so they free up in turn
                let end = due.max(free[slot]) + self.service;
                free[slot] = end;
                good += u64::from(self.good(end - due));
                last = last.max(end);
            }
            (good, total, last.max(seconds))
        }

        /// Users who do not think.
        fn given_users(self, users: usize, seconds: f64) -> Probe {
            let mut free = vec![0.0f64; self.slots];
            let mut asks = vec![0.0f64; users];
            let (mut good, mut total, mut last) = (0, 0, 0.0f64);
            for number in 0.. {
                let asked = asks[number % users];
                if asked >= seconds {
                    break;
                }
                let slot = number % self.slots;
                let end = asked.max(free[slot]) + self.service;
                free[slot] = end;
                asks[number % users] = end;
                total += 1;
                good += u64::from(self.good(end - asked));
                last = last.max(end);
            }
            (good, total, last.max(seconds))
        }
    }

    fn limits(max: f64) -> Search<f64> {
        Search {
            min: 1.0,
            max,
            good_request_fraction: 0.99,
            confidence: 0.95,
            probe: Duration::from_secs(60),
            max_probes: 12,
        }
    }

    /// The search by probes of a minute, extended up to five times; and how many it took.
    fn search(mut seeker: Seeker, probe: impl Fn(f64) -> (Probe, Option<f64>)) -> (Found, u32) {
        let mut probes = 0;
        while let Some(next) = seeker.next() {
            probes += 1;
            let ((mut good, mut total, _), guess) = probe(next.value);
            let (one, all) = (good, total);
            for _ in 1..5 {
                if !next.decides || seeker.verdict(good, total) != Verdict::Undecided {
                    break;
                }
                good += one;
                total += all;
            }
            let verdict = seeker.verdict(good, total);
            seeker.tried(next, verdict, seeker.leans(good, total), guess);
        }
        (seeker.found(), probes)
    }

    #[test]
    fn the_rate_that_slots_carry_is_found_within_five_percent_in_twelve_probes() {
        for slots in [2, 7, 20, 33, 48, 64, 90] {
            for service in [0.2, 0.31, 0.5, 1.3] {
                let target = Target { slots, service };
                let carried = slots as f64 / service;
                let seeker = Seeker::new(&limits(500.0), false);
                let (found, probes) = search(seeker, |rate| {
                    let (good, total, span) = target.given_rate(rate, 60.0);
                    ((good, total, span), Some(total as f64 / span))
                });
                let answer = found.answer.expect("it carries something");
                assert!(
                    (answer / carried - 1.0).abs() <= 0.05,
                    "{target:?}: {answer} of {carried}, {found:?}"
                );
                assert!(probes <= 12, "{probes}");
                assert_eq!(found.limited_by, "objective", "{target:?}");
                let (low, high) = found.between.expect("something is too much");
                assert!(low == answer && high > low);
            }
        }
    }

    #[test]
    fn the_users_that_slots_carry_are_found_without_a_guess_as_well() {
        for slots in [1, 3, 8, 20, 40, 100] {
            for guesses in [true, false] {
                let target = Target {
                    slots,
                    service: 0.5,
                };
                // They ask all at once: one more than there are slots waits for a whole service.
                let carried = slots as f64;
                let limits = Search {
                    max_probes: if guesses { 12 } else { 20 },
                    ..limits(500.0)
                };
                let (found, _) = search(Seeker::new(&limits, true), |users| {
                    let (good, total, span) = target.given_users(users as usize, 60.0);
                    let rate = total as f64 / span;
                    (
                        (good, total, span),
                        guesses.then_some(rate * 1.5 * target.service),
                    )
                });
                let answer = found.answer.expect("it carries something");
                assert!(
                    (answer / carried - 1.0).abs() <= 0.05 || (answer - carried).abs() <= 1.0,
                    "{target:?}: {answer} of {carried}, {found:?}"
                );
                assert_eq!(found.limited_by, "objective", "{target:?} {found:?}");
            }
        }
    }

    #[test]
    fn what_carries_all_is_limited_by_the_scenario_and_what_carries_nothing_has_no_answer() {
        let all = |value: f64| ((value as u64 * 60, value as u64 * 60, 60.0), None);
        let (found, _) = search(Seeker::new(&limits(500.0), false), all);
        assert_eq!((found.answer, found.limited_by), (Some(500.0), "max"));
        assert_eq!(found.between, None);
        let (found, probes) = search(Seeker::new(&limits(500.0), false), |_| {
            ((0, 60, 60.0), None)
        });
        assert_eq!(
            (found.answer, found.limited_by, probes),
            (None, "objective", 1)
        );
    }

    #[test]
    fn where_nothing_can_be_proved_nothing_is() {
        // Three answers a probe, all good: fifteen prove nothing.
        let (found, probes) = search(Seeker::new(&limits(500.0), false), |_| ((3, 3, 60.0), None));
        assert_eq!((found.answer, found.limited_by), (None, "undecided"));
        assert!(probes <= 12);
    }

    #[test]
    fn a_machine_that_is_too_slow_is_the_limit() {
        let mut seeker = Seeker::new(&limits(500.0), false);
        while let Some(next) = seeker.next() {
            let verdict = if next.value > 100.0 {
                Verdict::Invalid
            } else {
                Verdict::Met
            };
            seeker.tried(next, verdict, verdict == Verdict::Met, None);
        }
        let found = seeker.found();
        assert_eq!(found.limited_by, "client");
        assert!(
            found
                .answer
                .is_some_and(|answer| (90.0..=100.0).contains(&answer))
        );
    }

    #[test]
    fn a_verdict_is_the_exact_bound() {
        let seeker = Seeker::new(&limits(500.0), false);
        // 0.99 to the 299th is the first power below a twentieth.
        assert_eq!(seeker.verdict(298, 298), Verdict::Undecided);
        assert_eq!(seeker.verdict(299, 299), Verdict::Met);
        // Of a hundred with a chance of 0.99, 96 or fewer are good in 1.8 of a hundred cases, 97 in 7.9.
        assert_eq!(seeker.verdict(96, 100), Verdict::Missed);
        assert_eq!(seeker.verdict(97, 100), Verdict::Undecided);
        assert_eq!(seeker.verdict(0, 0), Verdict::Undecided);
        assert_eq!(seeker.verdict(5, 5), Verdict::Undecided);
        assert_eq!(seeker.verdict(999_000, 1_000_000), Verdict::Met);
    }
}
