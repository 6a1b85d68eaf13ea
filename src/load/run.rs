//! A run: warm-up, stages, drain; and the record of it. One owner, whatever happens meanwhile.

use super::alarm::Alarm;
use super::arrivals::{self, Arrivals};
use super::doubt::{self, Watch};
use super::engine::{Engine, Parts};
use super::exchange::Patience;
use super::mix::{Mix, Unfit};
use super::outcome::{self, Facts};
use super::scenario::{
    self, Connections, End, HandOver, Model, Plan, Scenario, Shape, Stages, Steady, WarmUp,
    WarmUpLength,
};
use super::timeline::Timeline;
use super::users::Users;
use super::verdict::Bench;
use super::{calibration, goose, tasks};
use crate::profile::{HttpVersion, Profile};
use crate::record::Distribution;
use crate::record::load::{EndedBy, LoadRecord};
use crate::secret::Scrubber;
use crate::wire::Dialer;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What drives the users of the closed model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Driver {
    /// goose's users.
    #[default]
    Goose,
    /// A plain task a user: what goose is held against.
    Tasks,
}

/// What a run is told besides scenario and profile.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What drives the users of the closed model.
    pub driver: Driver,
    /// This shard, from 0, of so many; `None` for the whole.
    pub shard: Option<(usize, usize)>,
    /// How a run is told to end at once: open answers are cut, the record is made.
    pub stop: CancellationToken,
    /// The target is the mock of this process.
    pub inside: bool,
}

/// Why a run could not begin.
#[derive(Debug)]
pub enum SetupError {
    /// Scenario and profile do not go together.
    Unfit(Vec<Unfit>),
    /// The way to the target can't be set up on this machine.
    Way(String),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetupError::Unfit(unfit) => {
                let all: Vec<String> = unfit.iter().map(ToString::to_string).collect();
                f.write_str(&all.join("; "))
            }
            SetupError::Way(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for SetupError {}

/// How a run is coming along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Since its begin.
    pub elapsed: Duration,
    /// The measurement has begun.
    pub measuring: bool,
    /// No new requests are sent.
    pub draining: bool,
    /// Requests sent.
    pub sent: u64,
    /// Answers that keep the contract.
    pub succeeded: u64,
    /// Failed ones.
    pub errors: u64,
    /// 429s.
    pub throttled: u64,
    /// Arrivals that were not sent.
    pub dropped: u64,
    /// Answers in flight.
    pub in_flight: u64,
    /// Chunks with content.
    pub contents: u64,
}

/// How often in-flight answers are counted and abort rules look.
const TICK: Duration = Duration::from_millis(100);

/// Runs a scenario against a deployment. `watch` is told how it is coming along.
///
/// # Errors
/// Nothing was sent: scenario and profile do not go together, or there is no way to the target.
pub async fn run(
    scenario: &Scenario,
    profile: &Profile,
    options: &Options,
    watch: &tokio::sync::watch::Sender<Snapshot>,
) -> Result<LoadRecord, SetupError> {
    let started_at = SystemTime::now();
    if profile.target.http == HttpVersion::Http2 {
        return Err(SetupError::Unfit(vec![Unfit::Http2]));
    }
    let dialer = profile
        .target
        .dialer(scenario.client.connect_timeout)
        .map_err(|error| SetupError::Way(error.to_string()))?;
    let mix = Mix::new(scenario, profile).map_err(SetupError::Unfit)?;
    let self_error = calibration::self_error()
        .await
        .unwrap_or_else(|_| Distribution::new("ms"));
    let line = timeline(&scenario.model);
    let engine = Arc::new(Engine::new(Parts {
        mix,
        patience: Patience {
            connect: scenario.client.connect_timeout,
            // Without the floor that `conform` has: here it is measured, and nothing is to be provoked.
            total: profile.target.time_scale.seconds(profile.target.timeout_s),
            idle: scenario.client.idle_timeout,
            stall: scenario.client.stall,
        },
        bench: Bench {
            scale: profile.target.time_scale,
            keys: keys(profile),
        },
        objective: scenario.objective,
        throttled: scenario.throttled,
        timeline: line.clone(),
        sliced: scenario.steady != Steady::Ignored,
        budget: scenario.budget.completions,
        alarm: Alarm::new(
            scenario
                .abort
                .error_ratio
                .map(|ratio| (ratio.over, ratio.window)),
            scenario.abort.consecutive_errors,
            scenario.abort.codes.clone(),
        ),
    }));
    let over = CancellationToken::new();
    let (machine, looking) = Watch::start(over.clone());
    let driving = drive(scenario, options, &engine, dialer, &line);
    tokio::pin!(driving);
    let mut keeper = Keeper::new(scenario, profile, &engine);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = &mut driving => break,
            _ = ticks.tick() => keeper.tick(watch),
            () = options.stop.cancelled(), if !keeper.interrupted => keeper.interrupt(),
        }
    }
    keeper.tick(watch);
    let ended = Instant::now();
    over.cancel();
    let _ = looking.await; // it ends by itself
    let facts = Facts {
        started_at,
        ended,
        drain: keeper.drain(ended),
        in_flight: keeper.in_flight(),
        machine: machine.seen(),
        self_error,
        scrubber: scrubber(profile),
        interrupted: keeper.interrupted,
        cpus: doubt::cpus(),
    };
    Ok(outcome::record(scenario, profile, options, &engine, facts))
}

/// Every key of a profile, for the rule that none is echoed.
fn keys(profile: &Profile) -> Vec<String> {
    profile
        .all_keys()
        .map(|named| named.key.expose().to_owned())
        .collect()
}

fn scrubber(profile: &Profile) -> Scrubber {
    profile.scrubber()
}

/// Users or arrivals a second over the measured window.
fn timeline(model: &Model) -> Timeline {
    match model {
        Model::Closed(closed) => staged(&closed.plan, f64::from),
        Model::Open(open) => match &open.arrivals {
            scenario::Arrivals::Drawn { plan, .. } => staged(plan, |rate| rate),
            scenario::Arrivals::Replayed(trace) => {
                let mut line = Timeline::new();
                let span = trace.duration().max(Duration::from_millis(1));
                let rate = trace.arrivals.len() as f64 / span.as_secs_f64();
                line.push(span, rate, rate, Some(0));
                line
            }
        },
    }
}

fn staged<T: Copy>(plan: &Plan<T>, number: impl Fn(T) -> f64) -> Timeline {
    let mut line = Timeline::new();
    let Plan::Stages(stages) = plan else {
        return line;
    };
    // The first stage starts from 0; what a warm-up changes is told by who pushes it.
    let mut last = 0.0;
    let mut index = 0;
    for _ in 0..stages.repeat {
        for stage in &stages.stages {
            let target = number(stage.target);
            let from = match stage.shape {
                Shape::Linear => last,
                Shape::Step => target,
            };
            line.push(stage.duration, from, target, Some(index));
            last = target;
            index += 1;
        }
    }
    line
}

/// The names of the stages, a repetition's with its number; and their targets.
pub(super) fn stages(model: &Model) -> Vec<(String, f64)> {
    fn named<T: Copy>(stages: &Stages<T>, number: impl Fn(T) -> f64) -> Vec<(String, f64)> {
        let mut named = Vec::new();
        for round in 0..stages.repeat {
            for stage in &stages.stages {
                let name = match round {
                    0 => stage.name.clone(),
                    round => format!("{}#{}", stage.name, round + 1),
                };
                named.push((name, number(stage.target)));
            }
        }
        named
    }
    match model {
        Model::Closed(closed) => match &closed.plan {
            Plan::Stages(stages) => named(stages, f64::from),
            Plan::Search(_) => Vec::new(),
        },
        Model::Open(open) => match &open.arrivals {
            scenario::Arrivals::Drawn {
                plan: Plan::Stages(stages),
                ..
            } => named(stages, |rate| rate),
            scenario::Arrivals::Drawn { .. } => Vec::new(),
            scenario::Arrivals::Replayed(trace) => {
                let span = trace.duration().max(Duration::from_millis(1));
                let rate = trace.arrivals.len() as f64 / span.as_secs_f64();
                vec![("trace".to_owned(), rate)]
            }
        },
    }
}

/// Drives a run to its end, the drain included.
async fn drive(
    scenario: &Scenario,
    options: &Options,
    engine: &Arc<Engine>,
    dialer: Dialer,
    line: &Timeline,
) {
    match &scenario.model {
        Model::Closed(closed) => {
            let first = line.pieces().first();
            let warm_users = first.map_or(0.0, |piece| piece.to);
            let most = line
                .pieces()
                .iter()
                .map(|piece| piece.from.max(piece.to))
                .fold(warm_users, f64::max);
            let users = Arc::new(Users {
                engine: Arc::clone(engine),
                dialer,
                seed: scenario.seed,
                think: closed.think_time_ms,
                connections: scenario.client.connections,
                warm_up: scenario.warm_up,
                most: most.ceil() as u32,
                warm_users,
                warmed: AtomicU64::new(0),
                idle: std::sync::Mutex::default(),
                shard: options.shard.unwrap_or((0, 1)),
            });
            let beginning = begin_closed(scenario, engine, &users);
            let driving = async {
                match options.driver {
                    Driver::Goose => goose::drive(&users).await,
                    Driver::Tasks => tasks::drive(&users).await,
                }
            };
            tokio::join!(beginning, async {
                driving.await;
                engine.no_more.cancel();
            });
        }
        Model::Open(open) => {
            let warm = match scenario.warm_up.map(|warm_up| warm_up.length) {
                None => Duration::ZERO,
                Some(WarmUpLength::For(span)) => span,
                Some(WarmUpLength::Requests(count)) => {
                    let rate = line.pieces().first().map_or(1.0, |piece| piece.to);
                    Duration::try_from_secs_f64(count as f64 / rate).unwrap_or_default()
                }
            };
            let schedule = match &open.arrivals {
                scenario::Arrivals::Drawn { process, .. } => {
                    arrivals::drawn(*process, behind(warm, line), scenario.seed)
                }
                scenario::Arrivals::Replayed(trace) => {
                    arrivals::replayed(trace, warm.as_secs_f64())
                }
            };
            engine.begin(engine.start + warm);
            let keeper = Arc::new(Arrivals {
                engine: Arc::clone(engine),
                dialer,
                seed: scenario.seed,
                most_in_flight: u64::from(open.max_in_flight),
                fresh: scenario.client.connections == Connections::Fresh,
                shard: options.shard.unwrap_or((0, 1)),
            });
            let tasks = TaskTracker::new();
            let (tracker, runtime) = (tasks.clone(), tokio::runtime::Handle::current());
            let until = engine.start + warm + Duration::from_secs_f64(line.length());
            let keeping = tokio::task::spawn_blocking(move || {
                arrivals::keep_time(&keeper, schedule, &tracker, &runtime);
            });
            let _ = keeping.await; // it doesn't panic
            tokio::select! {
                () = tokio::time::sleep_until(until.into()) => {}
                () = engine.no_more.cancelled() => {}
            }
            engine.no_more.cancel();
            tasks.close();
            tasks.wait().await;
        }
    }
}

/// The rate with a warm-up before it, at the first stage's target.
fn behind(warm: Duration, line: &Timeline) -> Timeline {
    let mut whole = Timeline::new();
    if let Some(first) = line.pieces().first() {
        whole.push(warm, first.to, first.to, None);
    }
    for piece in line.pieces() {
        // The first stage goes on from where the warm-up was.
        let from = match (piece.stage, warm.is_zero()) {
            (Some(0), false) => piece.to,
            _ => piece.from,
        };
        whole.push(
            Duration::from_secs_f64(piece.length),
            from,
            piece.to,
            piece.stage,
        );
    }
    whole
}

/// Lets the measurement begin when the warm-up is over.
async fn begin_closed(scenario: &Scenario, engine: &Arc<Engine>, users: &Arc<Users>) {
    let Some(WarmUp { length, hand_over }) = scenario.warm_up else {
        engine.begin(Instant::now());
        return;
    };
    let drained = async |engine: &Engine| {
        while engine.in_flight.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let warm = async {
        match length {
            WarmUpLength::For(span) => {
                tokio::time::sleep_until((engine.start + span).into()).await;
            }
            WarmUpLength::Requests(count) => {
                while users.warmed.load(Ordering::Relaxed) < count {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        }
        if hand_over == HandOver::Drained {
            drained(engine).await;
        }
    };
    tokio::select! {
        () = warm => engine.begin(Instant::now()),
        () = engine.no_more.cancelled() => {}
    }
}

/// Looks after a run: counts what is in flight, ends it when its time is over, cuts what is still open.
struct Keeper<'r> {
    scenario: &'r Scenario,
    engine: &'r Arc<Engine>,
    drain_limit: Option<Duration>,
    /// When no new requests were sent any more.
    stopped: Option<Instant>,
    /// Answers in flight over the measured window: sum and number of looks.
    flying: (u64, u64),
    interrupted: bool,
}

impl<'r> Keeper<'r> {
    fn new(scenario: &'r Scenario, profile: &Profile, engine: &'r Arc<Engine>) -> Keeper<'r> {
        let scale = profile.target.time_scale;
        Keeper {
            scenario,
            engine,
            drain_limit: match scenario.end {
                End::Drain(span) => Some(scale.seconds(span.as_secs_f64())),
                End::Cut => None,
            },
            stopped: None,
            flying: (0, 0),
            interrupted: false,
        }
    }

    fn interrupt(&mut self) {
        self.interrupted = true;
        self.engine.end(EndedBy::Interrupted, None);
        self.engine.cut.cancel();
    }

    fn tick(&mut self, watch: &tokio::sync::watch::Sender<Snapshot>) {
        let engine = self.engine;
        let now = Instant::now();
        let flying = engine.in_flight.load(Ordering::Relaxed);
        let since = engine.measured_for(now);
        if let Some(since) = since
            && since < engine.timeline.length()
            && self.stopped.is_none()
        {
            self.flying = (self.flying.0 + flying, self.flying.1 + 1);
        }
        engine
            .books
            .shard()
            .series
            .at((now - engine.start).as_secs_f64())
            .in_flight = flying;
        engine.look();
        if let Some(limit) = self.scenario.budget.duration
            && now - engine.start >= limit
        {
            let why = format!(
                "the run took {:.0} s, as long as [budget] has",
                limit.as_secs_f64()
            );
            engine.end(EndedBy::Budget, Some(why));
        }
        let over = since.is_some_and(|since| since >= engine.timeline.length());
        if over {
            engine.no_more.cancel();
        }
        if engine.no_more.is_cancelled() {
            let stopped = *self.stopped.get_or_insert(now);
            let aborted = engine
                .ending()
                .is_some_and(|(by, _)| by == EndedBy::Aborted);
            match self.drain_limit {
                // An aborted run has nothing to wait for.
                _ if aborted => engine.cut.cancel(),
                None => engine.cut.cancel(),
                Some(limit) if now - stopped >= limit && !engine.cut.is_cancelled() => {
                    engine.drained.store(true, Ordering::Relaxed);
                    engine.cut.cancel();
                }
                Some(_) => {}
            }
        }
        let totals = &engine.totals;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        watch.send_replace(Snapshot {
            elapsed: now - engine.start,
            measuring: since.is_some(),
            draining: self.stopped.is_some(),
            sent: of(&totals.sent),
            succeeded: of(&totals.succeeded),
            errors: of(&totals.errors),
            throttled: of(&totals.throttled),
            dropped: of(&totals.dropped),
            in_flight: flying,
            contents: of(&totals.contents),
        });
    }

    /// How long the drain took.
    fn drain(&self, ended: Instant) -> Duration {
        self.stopped.map_or(Duration::ZERO, |stopped| {
            ended.saturating_duration_since(stopped)
        })
    }

    fn in_flight(&self) -> (f64, u64) {
        let (sum, looks) = self.flying;
        let most = self.engine.most_in_flight.load(Ordering::Relaxed);
        (sum as f64 / looks.max(1) as f64, most)
    }
}
