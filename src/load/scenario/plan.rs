//! Reads when requests are sent: the model, its stages or its search, and the warm-up.

use super::distribution::{self, IN_MS};
use super::keys::{LONGEST_S, MOST_USERS};
use super::mistakes::{self, lacks, out_of_place};
use super::model::{
    Arrivals, Closed, HandOver, Model, Open, Plan, Process, Search, Shape, Stage, Stages, WarmUp,
    WarmUpLength,
};
use super::{End, trace, words};
use crate::profile::{Section, Wrong};
use std::path::Path;
use std::time::Duration;

/// The word that decides which keys have a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Closed,
    Open,
}

impl Word {
    pub(super) fn read(load: &Section<'_, '_>) -> Option<Word> {
        match load.text("model")?.value.as_str() {
            "closed" => Some(Word::Closed),
            _ => Some(Word::Open), // the declared choices leave nothing else
        }
    }
}

/// The tables that have to do with it.
pub(super) struct Tables<'s, 'd, 't> {
    pub(super) root: &'s Section<'d, 't>,
    pub(super) load: &'s Section<'d, 't>,
    pub(super) search: Option<&'s Section<'d, 't>>,
    pub(super) think_time: Option<&'s Section<'d, 't>>,
}

/// What a plan is a plan of.
pub(super) trait Target: Copy + PartialOrd {
    /// Its key in a stage, and its name as a search's variable.
    const KEY: &'static str;
    /// The key that belongs to the other model.
    const OTHER: &'static str;
    /// Its model, in words.
    const MODEL: &'static str;
    /// What to do about the other key.
    const HINT: &'static str;
    /// Whole numbers, where it takes those only.
    const NUMBER: &'static str;

    fn read(stage: &Section<'_, '_>) -> Option<Self>;
    fn of(number: f64) -> Option<Self>;
    fn number(self) -> f64;
}

impl Target for u32 {
    const KEY: &'static str = "users";
    const OTHER: &'static str = "rate_rps";
    const MODEL: &'static str = "in the closed model";
    const HINT: &'static str = "say `users`, or `model = \"open\"`";
    const NUMBER: &'static str = "a whole number of users, 100000 at most";

    fn read(stage: &Section<'_, '_>) -> Option<u32> {
        u32::try_from(stage.whole(Self::KEY)?).ok()
    }

    fn of(number: f64) -> Option<u32> {
        // Larger and broken numbers are no users, so nothing is cut off here.
        let fits = number.fract() == 0.0 && (1.0..=MOST_USERS as f64).contains(&number);
        fits.then_some(number as u32)
    }

    fn number(self) -> f64 {
        f64::from(self)
    }
}

impl Target for f64 {
    const KEY: &'static str = "rate_rps";
    const OTHER: &'static str = "users";
    const MODEL: &'static str = "in the open model";
    const HINT: &'static str = "say `rate_rps`, or `model = \"closed\"`";
    const NUMBER: &'static str = "a number";

    fn read(stage: &Section<'_, '_>) -> Option<f64> {
        stage.number(Self::KEY)
    }

    fn of(number: f64) -> Option<f64> {
        Some(number)
    }

    fn number(self) -> f64 {
        self
    }
}

/// Reads the model that the word says. `requests` are the names of the mix.
pub(super) fn model(
    tables: &Tables<'_, '_, '_>,
    word: Option<Word>,
    folder: &Path,
    requests: &[String],
) -> Option<Model> {
    match word {
        Some(Word::Closed) => closed(tables).map(Model::Closed),
        Some(Word::Open) => open(tables, folder, requests).map(Model::Open),
        None => {
            // Which keys belong there can't be told, but no key of the other sections is unknown because of that.
            tables.load.sections("stage");
            None
        }
    }
}

fn closed(tables: &Tables<'_, '_, '_>) -> Option<Closed> {
    for key in ["arrivals", "burstiness", "trace", "max_in_flight"] {
        out_of_place(tables.load, key, u32::MODEL, None);
    }
    let think_time = tables
        .think_time
        .map(|table| distribution::read(table, &IN_MS));
    let plan = plan::<u32>(tables);
    Some(Closed {
        plan: plan?,
        think_time_ms: think_time.unwrap_or(Some(None))?,
    })
}

fn open(tables: &Tables<'_, '_, '_>, folder: &Path, requests: &[String]) -> Option<Open> {
    let load = tables.load;
    // Only a user thinks. It may stand there, so that one file serves both models, and is held to its form.
    let think_time = tables
        .think_time
        .map(|table| distribution::read(table, &IN_MS));
    let max_in_flight = load.whole_or_default("max_in_flight");
    let max_in_flight = u32::try_from(max_in_flight).unwrap_or(u32::MAX);
    let arrivals = load.text_or_default("arrivals");
    if arrivals != "gamma" {
        out_of_place(load, "burstiness", "without `arrivals = \"gamma\"`", None);
    }
    if arrivals == "trace" {
        let arrivals = replayed(tables, folder, requests);
        return Some(Open {
            arrivals: arrivals?,
            max_in_flight,
            think_time_ms: think_time.unwrap_or(Some(None))?,
        });
    }
    out_of_place(load, "trace", "without `arrivals = \"trace\"`", None);
    let process = match arrivals.as_str() {
        "poisson" => Some(Process::Poisson),
        "gamma" => {
            if !load.has("burstiness") {
                load.missing("burstiness");
            }
            let burstiness = load.number("burstiness");
            burstiness.map(|burstiness| Process::Gamma { burstiness })
        }
        _ => Some(Process::Constant), // the declared choices leave nothing else
    };
    let plan = plan::<f64>(tables);
    Some(Open {
        arrivals: Arrivals::Drawn {
            process: process?,
            plan: plan?,
        },
        max_in_flight,
        think_time_ms: think_time.unwrap_or(Some(None))?,
    })
}

/// Arrivals of a file, which leave nothing for stages to say.
fn replayed(tables: &Tables<'_, '_, '_>, folder: &Path, requests: &[String]) -> Option<Arrivals> {
    let Tables { root, load, .. } = tables;
    const PLACE: &str = "with `arrivals = \"trace\"`";
    let hint = Some("the trace says when requests are sent");
    for key in ["stage", "repeat"] {
        out_of_place(load, key, PLACE, hint);
    }
    for key in ["search", "warm_up"] {
        out_of_place(root, key, PLACE, hint);
    }
    if !load.has("trace") {
        load.missing("trace");
    }
    trace::read(load, folder, requests).map(Arrivals::Replayed)
}

fn plan<T: Target>(tables: &Tables<'_, '_, '_>) -> Option<Plan<T>> {
    let stages = stages::<T>(tables.load, tables.search.is_some());
    match tables.search {
        Some(search) => self::search(search).map(Plan::Search),
        None if tables.root.has("search") => None, // it is no table
        None => stages.map(Plan::Stages),
    }
}

/// Reads the stages; beside a search they are read for their mistakes only.
fn stages<T: Target>(load: &Section<'_, '_>, searching: bool) -> Option<Stages<T>> {
    let repeat = u32::try_from(load.whole_or_default("repeat")).unwrap_or(u32::MAX);
    let sections = load.sections("stage")?;
    let mut names: Vec<String> = Vec::new();
    let mut stages = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let name = if section.has("name") {
            mistakes::name(section, "name")
        } else {
            Some(format!("stage-{}", index + 1))
        };
        if let Some(name) = &name {
            if names.contains(name) {
                let what = format!("the stage `{name}`");
                let document = section.document();
                document.report(section.at_value("name"), Wrong::Twice { what });
            }
            names.push(name.clone());
        }
        stages.push(stage::<T>(section, name));
    }
    if searching {
        return None;
    }
    if sections.is_empty() {
        lacks(load, "the scenario", "a [[load.stage]] or a [search]");
        return None;
    }
    let stages: Vec<Stage<T>> = stages.into_iter().collect::<Option<_>>()?;
    let idle = stages.iter().all(|stage| stage.target.number() == 0.0);
    if idle {
        lacks(load, "the scenario", "a stage with a target over 0");
    }
    let once: f64 = stages
        .iter()
        .map(|stage| stage.duration.as_secs_f64())
        .sum();
    let all = once * f64::from(repeat);
    // Stages that were stretched to the longest time may be some nanoseconds longer together.
    const ROUNDING: f64 = 1e-6;
    if all > LONGEST_S + ROUNDING {
        let found = Some(format!("{all} s"));
        let expected = format!("at most {LONGEST_S} s long, repetitions included");
        return load.not_allowed("stage", found, expected, None);
    }
    Some(Stages { stages, repeat })
}

fn stage<T: Target>(section: &Section<'_, '_>, name: Option<String>) -> Option<Stage<T>> {
    out_of_place(section, T::OTHER, T::MODEL, Some(T::HINT));
    if !section.has(T::KEY) && !section.has(T::OTHER) {
        section.missing(T::KEY);
    }
    let (duration, target) = (seconds(section, "duration_s"), T::read(section));
    Some(Stage {
        shape: words::read(section, "shape", Shape::of_word),
        name: name?,
        duration: duration?,
        target: target?,
    })
}

fn search<T: Target>(section: &Section<'_, '_>) -> Option<Search<T>> {
    let variable = section.text("variable");
    let fits = variable.is_none_or(|variable| {
        let fits = variable.value == T::KEY;
        if !fits {
            let expected = format!("`{}` {}", T::KEY, T::MODEL);
            section.not_allowed::<()>("variable", Some(variable.value), expected, None);
        }
        fits
    });
    let bound = |key: &str, number: f64| match T::of(number) {
        Some(bound) => Some(bound),
        None if !fits => None, // one mistake is enough
        None => section.not_allowed(key, Some(number.to_string()), T::NUMBER, None),
    };
    let min = bound("min", section.number_or_default("min"));
    let max = section.number("max").and_then(|max| bound("max", max));
    let max_probes = u32::try_from(section.whole_or_default("max_probes")).unwrap_or(u32::MAX);
    let probe = seconds_or_default(section, "probe_s");
    let good_request_fraction = section.number_or_default("good_request_fraction");
    let confidence = section.number_or_default("confidence");
    let (min, max) = (min?, max?);
    if max <= min {
        let expected = format!("over `min`, which is {}", min.number());
        return section.not_allowed("max", Some(max.number().to_string()), expected, None);
    }
    Some(Search {
        min,
        max,
        good_request_fraction,
        confidence,
        probe,
        max_probes,
    })
}

/// Reads what comes before the measurement. The model is known where nothing is wrong with it.
pub(super) fn warm_up(
    section: &Section<'_, '_>,
    word: Option<Word>,
    model: Option<&Model>,
) -> Option<WarmUp> {
    let hand_over = if section.flag_or_default("hand_over") {
        HandOver::Running
    } else {
        HandOver::Drained
    };
    if word == Some(Word::Open) && hand_over == HandOver::Drained {
        let hint = Some("arrivals go on when they are due, and make no pause");
        let found = Some("false".to_owned());
        section.not_allowed::<()>("hand_over", found, "true in the open model", hint);
    }
    let first = match model {
        Some(Model::Closed(closed)) => first_target(&closed.plan),
        Some(Model::Open(open)) => match &open.arrivals {
            Arrivals::Drawn { plan, .. } => first_target(plan),
            Arrivals::Replayed(_) => None,
        },
        None => None,
    };
    if first == Some(0.0) {
        lacks(
            section,
            "[warm_up]",
            "a first stage with a target over 0, which it runs at",
        );
    }
    if section.has("duration_s") {
        out_of_place(section, "requests", "beside `duration_s`", None);
    } else if !section.has("requests") {
        lacks(section, "[warm_up]", "`duration_s` or `requests`");
    }
    let length = if section.has("duration_s") {
        WarmUpLength::For(seconds(section, "duration_s")?)
    } else {
        WarmUpLength::Requests(section.whole("requests")?)
    };
    Some(WarmUp { length, hand_over })
}

fn first_target<T: Target>(plan: &Plan<T>) -> Option<f64> {
    match plan {
        Plan::Stages(stages) => stages.stages.first().map(|stage| stage.target.number()),
        Plan::Search(search) => Some(search.min.number()),
    }
}

/// Reads what becomes of open answers at the end.
pub(super) fn end(load: &Section<'_, '_>) -> End {
    if load.text_or_default("end") == "cut" {
        out_of_place(load, "drain_s", "with `end = \"cut\"`", None);
        return End::Cut;
    }
    End::Drain(seconds_or_default(load, "drain_s"))
}

/// A number of seconds.
pub(super) fn seconds(section: &Section<'_, '_>, key: &str) -> Option<Duration> {
    section.number(key).map(span)
}

/// A number of seconds, or its declared default.
pub(super) fn seconds_or_default(section: &Section<'_, '_>, key: &str) -> Duration {
    span(section.number_or_default(key))
}

/// A number of milliseconds.
pub(super) fn millis(section: &Section<'_, '_>, key: &str) -> Option<Duration> {
    section.number(key).map(|millis| span(millis / 1_000.0))
}

/// A number of milliseconds, or its declared default.
pub(super) fn millis_or_default(section: &Section<'_, '_>, key: &str) -> Duration {
    span(section.number_or_default(key) / 1_000.0)
}

/// The declared ranges of seconds are finite and begin at 0 or later, so nothing is cut off.
fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
