//! A run: warm-up, stages, drain; and the record of it. One owner, whatever happens meanwhile.

use super::alarm::Alarm;
use super::arrivals::{self, Arrivals};
use super::doubt::{self, Watch};
use super::early::Early;
use super::engine::{Engine, Labels, Parts};
use super::lane::Way;
use super::lately::Lately;
use super::mix::{Mix, Unfit};
use super::order::Patience;
use super::outcome::{self, Facts};
use super::samples::Samples;
use super::scenario::{
    self, Connections, End, HandOver, Model, OnSaturation, Plan, Scenario, Shape, Stages, Steady,
    WarmUp, WarmUpLength,
};
use super::timeline::Timeline;
use super::users::Users;
use super::verdict::Bench;
use super::{calibration, goose, probing, tasks};
use crate::profile::{HttpVersion, Profile};
use crate::record::load::{EndedBy, LoadRecord};
use crate::record::{Distribution, Snapshot};
use crate::secret::Scrubber;
use crate::wire::{Protocol, make_room};
use std::collections::BTreeMap;
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
    /// When to start, by this machine's clock; at once where `None`.
    pub start_at: Option<SystemTime>,
    /// Where a sample of every answer goes, where somebody wants them.
    pub samples: Option<Samples>,
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

/// What a run takes over from those before it, where it is a part of a search.
#[derive(Debug, Clone, Default)]
pub(super) struct Before {
    /// The calibration, which is needed once.
    pub(super) self_error: Option<Distribution>,
    /// What ran until then.
    pub(super) seen: Snapshot,
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
    if scenario.searches() {
        return probing::search(scenario, profile, options, watch).await;
    }
    once(scenario, profile, options, watch, &Before::default()).await
}

/// Runs a scenario that has stages, or a trace.
///
/// # Errors
/// As [`run`].
pub(super) async fn once(
    scenario: &Scenario,
    profile: &Profile,
    options: &Options,
    watch: &tokio::sync::watch::Sender<Snapshot>,
    before: &Before,
) -> Result<LoadRecord, SetupError> {
    let protocol = match profile.target.http {
        HttpVersion::Http2 => Protocol::Http2,
        // Most clients of such an API have a connection for each answer.
        HttpVersion::Auto | HttpVersion::Http1 => Protocol::Http1,
    };
    let dialer = profile
        .target
        .dialer(scenario.client.connect_timeout)
        .map_err(|error| SetupError::Way(error.to_string()))?;
    let mix = Mix::new(scenario, profile, protocol).map_err(SetupError::Unfit)?;
    let ends = if options.inside { 2 } else { 1 };
    make_room(most_at_once(&scenario.model) * ends);
    let self_error = match &before.self_error {
        Some(known) => known.clone(),
        None => self_error().await,
    };
    let line = timeline(&scenario.model);
    let late = wait_for(options).await;
    let started_at = SystemTime::now();
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
        streams: scenario.streams(),
        budget: scenario.budget.completions.map(|all| match options.shard {
            // Each shard has its part; together they have all of it.
            Some((index, of)) if of > 1 => {
                let (index, of) = (index as u64, of as u64);
                all * (index + 1) / of - all * index / of
            }
            _ => all,
        }),
        alarm: Alarm::new(&scenario.abort),
        samples: options.samples.clone().map(|samples| {
            let labels = Labels {
                requests: scenario
                    .requests
                    .iter()
                    .map(|request| request.name.as_str().into())
                    .collect(),
                stages: stages(&scenario.model)
                    .into_iter()
                    .map(|(name, _)| name.into())
                    .collect(),
                before: before.seen.elapsed,
            };
            (samples, labels)
        }),
        sharded: options.shard.is_some_and(|(_, of)| of > 1),
    }));
    let over = CancellationToken::new();
    let (machine, looking) = Watch::start(over.clone());
    let mut keeper = Keeper::new(scenario, profile, &engine, &machine);
    if options.stop.is_cancelled() {
        keeper.interrupt();
    }
    let driving = drive(scenario, options, &engine, Way { dialer, protocol }, &line);
    tokio::pin!(driving);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = &mut driving => break,
            _ = ticks.tick() => { watch.send_replace(keeper.tick().after(&before.seen)); }
            () = options.stop.cancelled(), if !keeper.interrupted => keeper.interrupt(),
        }
    }
    watch.send_replace(keeper.tick().after(&before.seen));
    let ended = Instant::now();
    over.cancel();
    let _ = looking.await; // it ends by itself
    let (mut in_flight, mut by_request) = (
        keeper.in_flight(),
        keeper
            .by_request
            .iter()
            .map(Flying::seen)
            .collect::<Vec<_>>(),
    );
    // Looks are far between; now that every answer has ended it is known how long each took.
    if let Some((mean, each)) = engine.mean_in_flight() {
        in_flight.0 = mean;
        for (seen, mean) in by_request.iter_mut().zip(each) {
            seen.0 = mean;
        }
    }
    let facts = Facts {
        started_at,
        late,
        ended,
        drain: keeper.drain(ended),
        in_flight,
        by_request,
        by_stage: keeper.by_stage,
        machine: machine.seen(),
        self_error,
        scrubber: scrubber(profile),
        interrupted: keeper.interrupted,
        broken: keeper.broken,
        cpus: doubt::cpus(),
    };
    Ok(outcome::record(scenario, profile, options, &engine, facts))
}

/// How many requests can be in flight at once.
fn most_at_once(model: &Model) -> usize {
    match model {
        Model::Closed(_) => most_users(&timeline(model)) as usize,
        Model::Open(open) => open.max_in_flight as usize,
    }
}

/// The most users that any stage has, the warm-up's included.
fn most_users(line: &Timeline) -> u32 {
    let users = line.pieces().iter().map(|piece| piece.from.max(piece.to));
    users.fold(0.0, f64::max).ceil() as u32
}

/// How wrong this machine's own clock is; nothing where that can't be found out.
pub(super) async fn self_error() -> Distribution {
    calibration::self_error()
        .await
        .unwrap_or_else(|_| Distribution::new("ms"))
}

/// Waits until it is time to start, or to stop; how late that was, where it had been said.
async fn wait_for(options: &Options) -> Option<Duration> {
    let at = options.start_at?;
    while let Ok(left) = at.duration_since(SystemTime::now()) {
        // The clock may be set meanwhile: never asleep for long.
        let nap = left.min(Duration::from_secs(1));
        tokio::select! {
            () = tokio::time::sleep(nap) => {}
            () = options.stop.cancelled() => return None,
        }
    }
    SystemTime::now().duration_since(at).ok()
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

/// The names of a scenario's stages, in order; none of a search, whose probes are its stages.
pub fn stage_names(scenario: &Scenario) -> Vec<String> {
    let stages = stages(&scenario.model).into_iter();
    stages.map(|(name, _)| name).collect()
}

/// Drives a run to its end, the drain included.
async fn drive(
    scenario: &Scenario,
    options: &Options,
    engine: &Arc<Engine>,
    way: Way,
    line: &Timeline,
) {
    match &scenario.model {
        Model::Closed(closed) => {
            let first = line.pieces().first();
            let warm_users = first.map_or(0.0, |piece| piece.to);
            let users = Arc::new(Users {
                engine: Arc::clone(engine),
                way,
                seed: scenario.seed,
                think: closed.think_time_ms,
                connections: scenario.client.connections,
                warm_up: scenario.warm_up,
                most: most_users(line),
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
                way,
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

/// Answers in flight, looked at again and again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flying {
    sum: u64,
    looks: u64,
    most: u64,
}

impl Flying {
    fn look(&mut self, flying: u64) {
        self.sum += flying;
        self.looks += 1;
        self.most = self.most.max(flying);
    }

    /// Mean and most.
    pub(super) fn seen(&self) -> (f64, u64) {
        (self.sum as f64 / self.looks.max(1) as f64, self.most)
    }
}

/// Looks after a run: counts what is in flight, ends it when its time is over, cuts what is still open.
struct Keeper<'r> {
    scenario: &'r Scenario,
    engine: &'r Arc<Engine>,
    machine: &'r Watch,
    early: Early<'r>,
    drain_limit: Option<Duration>,
    /// Answers in flight over the measured window, as they were looked at.
    flying: Flying,
    by_stage: BTreeMap<usize, Flying>,
    by_request: Vec<Flying>,
    lately: Lately,
    interrupted: bool,
    /// The threshold that stopped it.
    broken: Option<String>,
}

impl<'r> Keeper<'r> {
    fn new(
        scenario: &'r Scenario,
        profile: &Profile,
        engine: &'r Arc<Engine>,
        machine: &'r Watch,
    ) -> Keeper<'r> {
        let scale = profile.target.time_scale;
        Keeper {
            scenario,
            engine,
            machine,
            early: Early::new(scenario),
            drain_limit: match scenario.end {
                End::Drain(span) => Some(scale.seconds(span.as_secs_f64())),
                End::Cut => None,
            },
            flying: Flying::default(),
            by_stage: BTreeMap::new(),
            by_request: vec![Flying::default(); engine.by_request.len()],
            lately: Lately::default(),
            interrupted: false,
            broken: None,
        }
    }

    fn interrupt(&mut self) {
        self.interrupted = true;
        self.engine.end(EndedBy::Interrupted, None);
        self.engine.cut.cancel();
    }

    fn tick(&mut self) -> Snapshot {
        let engine = self.engine;
        let now = Instant::now();
        let flying = engine.in_flight.load(Ordering::Relaxed);
        let since = engine.measured_for(now);
        if let Some(since) = since
            && since < engine.timeline.length()
            && engine.stopped.get().is_none()
        {
            self.flying.look(flying);
            if let Some(stage) = engine.place(0, now).stage {
                self.by_stage.entry(stage).or_default().look(flying);
            }
            for (seen, flying) in self.by_request.iter_mut().zip(&engine.by_request) {
                seen.look(flying.load(Ordering::Relaxed));
            }
        }
        engine
            .books
            .shard()
            .series
            .at((now - engine.start).as_secs_f64())
            .in_flight = flying;
        self.look(now);
        if let Some(limit) = self.scenario.budget.duration
            && now - engine.start >= limit
        {
            let why = format!(
                "the run took {:.0} s, as long as [budget] has",
                limit.as_secs_f64()
            );
            engine.end(EndedBy::Budget, Some(why));
        }
        engine.look_at_the_clock(now);
        if let Some(stopped) = engine.stopped.get().copied() {
            let aborted = engine
                .ending()
                .is_some_and(|(by, _)| by == EndedBy::Aborted);
            match self.drain_limit {
                // An aborted run has nothing to wait for.
                _ if aborted => engine.cut.cancel(),
                None => engine.cut.cancel(),
                Some(limit)
                    if now.saturating_duration_since(stopped) >= limit
                        && !engine.cut.is_cancelled() =>
                {
                    engine.drained.store(true, Ordering::Relaxed);
                    engine.cut.cancel();
                }
                Some(_) => {}
            }
        }
        self.lately.look(&engine.books, now - engine.start);
        let totals = &engine.totals;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            elapsed: now - engine.start,
            measuring: since.is_some(),
            draining: engine.stopped.get().is_some(),
            sent: of(&totals.sent),
            succeeded: of(&totals.succeeded),
            errors: of(&totals.errors),
            throttled: of(&totals.throttled),
            dropped: of(&totals.dropped),
            in_flight: flying,
            contents: of(&totals.contents),
            measured: (
                Duration::try_from_secs_f64(since.unwrap_or(0.0)).unwrap_or_default(),
                Duration::from_secs_f64(engine.timeline.length()),
            ),
            stage: engine.place(0, now).stage,
            probe: None,
            lately: self.lately.times(),
            classes: self.lately.classes,
        }
    }

    /// Lets every abort rule look that is not about single answers.
    fn look(&mut self, now: Instant) {
        let engine = self.engine;
        engine.look();
        if self.scenario.client.on_saturation == OnSaturation::Abort && self.machine.saturated() {
            let why = "this machine was too slow: over 90 % of its cores' time for 3 s and more";
            engine.end(EndedBy::Aborted, Some(why.to_owned()));
        }
        // What drains is no longer measured.
        if engine.stopped.get().is_none()
            && let Some(broken) = self.early.look(engine, self.machine, self.in_flight(), now)
        {
            self.broken = Some(broken.rule);
            engine.end(EndedBy::Aborted, Some(broken.why));
        }
    }

    /// How long the drain took.
    fn drain(&self, ended: Instant) -> Duration {
        let stopped = self.engine.stopped.get();
        stopped.map_or(Duration::ZERO, |stopped| {
            ended.saturating_duration_since(*stopped)
        })
    }

    fn in_flight(&self) -> (f64, u64) {
        let most = self.engine.most_in_flight.load(Ordering::Relaxed);
        (self.flying.seen().0, most)
    }
}
