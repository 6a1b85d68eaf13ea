//! The open model: requests go out when they are due, whatever the answers do.
//!
//! A thread of its own keeps the time, since the runtime's timer is a millisecond coarse. Due times are absolute: a
//! late request delays none after it, and its lateness is in its response time.

use super::engine::Engine;
use super::lane::{Lane, Way};
use super::mix::Asker;
use super::random::Random;
use super::scenario::{Process, Trace};
use super::timeline::Timeline;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::task::TaskTracker;

/// When requests are due, in seconds after the start, ascending; and which request of the mix, where that is given.
pub(super) type Schedule = Box<dyn Iterator<Item = (f64, Option<usize>)> + Send>;

/// The arrivals of a process at a rate over time.
pub(super) fn drawn(process: Process, rate: Timeline, seed: u64) -> Schedule {
    let mut random = Random::named(seed, "arrivals", 0);
    let mut sum = 0.0;
    let mut first = true;
    Box::new(std::iter::from_fn(move || {
        // In the rate's own time every process has a mean of one between two arrivals.
        sum += match process {
            Process::Constant if first => 0.0,
            Process::Constant => 1.0,
            Process::Poisson => random.exponential(),
            Process::Gamma { burstiness } => random.gamma(burstiness),
        };
        first = false;
        rate.when(sum).map(|at| (at, None))
    }))
}

/// The arrivals of a trace, behind a warm-up of that length.
pub(super) fn replayed(trace: &Trace, after: f64) -> Schedule {
    let arrivals = Arc::clone(&trace.arrivals);
    Box::new((0..arrivals.len()).map(move |index| {
        let arrival = &arrivals[index];
        (after + arrival.at.as_secs_f64(), arrival.request)
    }))
}

/// What the keeper of the time needs.
pub(super) struct Arrivals {
    pub(super) engine: Arc<Engine>,
    pub(super) way: Way,
    pub(super) seed: u64,
    pub(super) most_in_flight: u64,
    pub(super) fresh: bool,
    /// This shard of so many: every n-th arrival is ours.
    pub(super) shard: (usize, usize),
}

/// Sends every request when it is due; gives back when the last one was, or the run has ended. Blocks its thread.
pub(super) fn keep_time(
    arrivals: &Arc<Arrivals>,
    schedule: Schedule,
    tasks: &TaskTracker,
    runtime: &tokio::runtime::Handle,
) {
    let engine = &arrivals.engine;
    let idle: Arc<Mutex<Vec<Lane>>> = Arc::default();
    let mut asker = Asker::arrivals(arrivals.seed);
    let (index, of) = arrivals.shard;
    for (number, (at, given)) in schedule.enumerate() {
        // Every shard draws every request, so that all of them together are the one run.
        let (request, mut order) = engine.mix.next(&mut asker, given);
        if number % of.max(1) != index {
            continue;
        }
        let due = engine.start + Duration::from_secs_f64(at);
        if !wait_until(due, engine) {
            return;
        }
        order.due = Some(due);
        if engine.in_flight.load(Ordering::Relaxed) >= arrivals.most_in_flight {
            engine.drop_one(request, due);
            continue;
        }
        let arrivals = Arc::clone(arrivals);
        let idle = Arc::clone(&idle);
        tasks.spawn_on(
            async move {
                let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut lane = taken.unwrap_or_else(|| Lane::new(arrivals.way.clone()));
                arrivals.engine.ask(&mut lane, &order, request).await;
                if !arrivals.fresh {
                    idle.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(lane);
                }
            },
            runtime,
        );
    }
}

/// The longest sleep: so soon the end of a run is noticed.
const NAP: Duration = Duration::from_millis(20);

/// Waits; `false` where the run ended meanwhile.
fn wait_until(due: Instant, engine: &Engine) -> bool {
    loop {
        if engine.no_more.is_cancelled() {
            return false;
        }
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(NAP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(seconds: u64, rate: f64) -> Timeline {
        let mut line = Timeline::new();
        line.push(Duration::from_secs(seconds), rate, rate, Some(0));
        line
    }

    #[test]
    fn a_constant_rate_is_even_and_has_its_number() {
        let times: Vec<f64> = drawn(Process::Constant, rate(10, 50.0), 1)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(times.len(), 500);
        assert_eq!(times[0], 0.0);
        assert!(
            times
                .windows(2)
                .all(|pair| (pair[1] - pair[0] - 0.02).abs() < 1e-9)
        );
    }

    #[test]
    fn poisson_arrivals_pass_kolmogorov_and_smirnov() {
        let mut failed = 0;
        for seed in 0..100 {
            let times: Vec<f64> = drawn(Process::Poisson, rate(20, 100.0), seed)
                .map(|(at, _)| at)
                .collect();
            let gaps: Vec<f64> = times
                .windows(2)
                .map(|pair| (pair[1] - pair[0]) * 100.0)
                .collect();
            let mut sorted = gaps.clone();
            sorted.sort_by(f64::total_cmp);
            let count = sorted.len() as f64;
            let distance = sorted
                .iter()
                .enumerate()
                .map(|(index, gap)| {
                    let expected = 1.0 - (-gap).exp();
                    (expected - index as f64 / count)
                        .abs()
                        .max((expected - (index + 1) as f64 / count).abs())
                })
                .fold(0.0, f64::max);
            failed += u32::from(distance > 1.63 / count.sqrt());
        }
        assert!(failed <= 2, "{failed} of 100 seeds at 1 %");
    }

    #[test]
    fn shards_are_one_schedule_and_a_seed_gives_it_again() {
        let all: Vec<f64> = drawn(Process::Gamma { burstiness: 0.5 }, rate(5, 40.0), 7)
            .map(|(at, _)| at)
            .collect();
        let again: Vec<f64> = drawn(Process::Gamma { burstiness: 0.5 }, rate(5, 40.0), 7)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(all, again);
        assert!(all.is_sorted());
    }
}
