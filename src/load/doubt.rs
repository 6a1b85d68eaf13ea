//! Doubt: what this machine did to the measurement. Lateness of timers, CPU and memory of the process.

use super::recorder::micros;
use crate::record::Distribution;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How often the runtime's own lateness is looked at. A timer of the runtime is a millisecond coarse.
const EVERY: Duration = Duration::from_millis(20);

/// The most of a core's time that leaves room for anything else.
pub(super) const SATURATED: f64 = 0.9;

/// CPU over this share for so long is saturation.
const SATURATED_FOR: Duration = Duration::from_secs(3);

/// What is watched during a run.
#[derive(Debug, Clone)]
pub(super) struct Watch(Arc<Mutex<Watched>>);

/// What was seen of this process.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    /// How late timers of the runtime were, beyond its own coarseness.
    pub(super) runtime_lag: Distribution,
    /// CPU of the process, of the cores that it may use, over the whole watch.
    pub(super) cpu_ratio: f64,
    /// It was over [`SATURATED`] for three seconds and more.
    pub(super) saturated: bool,
    /// The most memory that it had.
    pub(super) rss_max: u64,
    began: (Instant, Duration),
    /// The last whole second, and since when it has been saturated.
    second: (Instant, Duration),
    over_since: Option<Instant>,
}

impl Watch {
    /// Begins to watch, until the token says so.
    pub(super) fn start(until: CancellationToken) -> (Watch, tokio::task::JoinHandle<()>) {
        let now = (Instant::now(), cpu_time());
        let watch = Watch(Arc::new(Mutex::new(Watched {
            runtime_lag: Distribution::new("ms"),
            cpu_ratio: 0.0,
            saturated: false,
            rss_max: 0,
            began: now,
            second: now,
            over_since: None,
        })));
        let looking = watch.clone();
        let task = tokio::spawn(async move {
            loop {
                let due = Instant::now() + EVERY;
                tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => {}
                    () = until.cancelled() => return,
                }
                looking.look(Instant::now(), due);
            }
        });
        (watch, task)
    }

    fn look(&self, now: Instant, due: Instant) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched
            .runtime_lag
            .record(micros(now.saturating_duration_since(due)));
        let since = now.saturating_duration_since(watched.second.0);
        if since >= Duration::from_secs(1) {
            let cpu = cpu_time();
            let ratio = share(cpu.saturating_sub(watched.second.1), since);
            watched.second = (now, cpu);
            if ratio <= SATURATED {
                watched.over_since = None;
            } else {
                let since = *watched
                    .over_since
                    .get_or_insert(now.checked_sub(since).unwrap_or(now));
                watched.saturated |= now.saturating_duration_since(since) >= SATURATED_FOR;
            }
            watched.rss_max = watched.rss_max.max(rss());
        }
    }

    /// Whether this process was too slow for three seconds and more.
    pub(super) fn saturated(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .saturated
    }

    /// What was seen until now.
    pub(super) fn seen(&self) -> Watched {
        let mut seen = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let (began, cpu) = seen.began;
        seen.cpu_ratio = share(cpu_time().saturating_sub(cpu), began.elapsed());
        seen.rss_max = seen.rss_max.max(rss());
        seen
    }
}

/// CPU time as a share of what the cores had.
fn share(cpu: Duration, span: Duration) -> f64 {
    let cores = cpus() as f64;
    if span.is_zero() {
        return 0.0;
    }
    cpu.as_secs_f64() / span.as_secs_f64() / cores
}

/// Cores that the process may use.
pub(super) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// CPU time of this process so far.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Nothing is known of it.
#[cfg(not(unix))]
fn cpu_time() -> Duration {
    Duration::ZERO
}

/// The most memory that this process had at a time, in bytes; 0 where the system does not say.
pub(super) fn rss() -> u64 {
    status("VmHWM:").unwrap_or(0)
}

/// The machine's memory, in bytes; 0 where the system does not say.
pub(super) fn memory() -> u64 {
    field(
        &std::fs::read_to_string("/proc/meminfo").unwrap_or_default(),
        "MemTotal:",
    )
    .unwrap_or(0)
}

fn status(name: &str) -> Option<u64> {
    field(&std::fs::read_to_string("/proc/self/status").ok()?, name)
}

/// `VmHWM:     1234 kB`, in bytes.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

/// The processor's name; empty where the system does not say.
pub(super) fn cpu_model() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map(|(_, name)| name.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_system_are_read() {
        assert_eq!(
            field("VmPeak:\t 1 kB\nVmHWM:\t  12 kB\n", "VmHWM:"),
            Some(12 * 1024)
        );
        assert_eq!(field("VmPeak:\t 1 kB\n", "VmHWM:"), None);
        assert!(cpus() > 0);
        #[cfg(target_os = "linux")]
        assert!(rss() > 0 && memory() > rss());
    }
}
