//! `clawcheck selftest`.

use super::complaint::Complaint;
use super::outlet::{self, Stream, tell, unless_closed};
use super::reports;
use super::screen::Screen;
use super::signals::Signals;
use super::{Failure, runtime};
use crate::case::Catalogue;
use crate::conform::matches;
use crate::profile::nearest;
use crate::record::Record;
use crate::report::{Demands, Detail, Kind, Reports, exit_code, write_matrix};
use crate::selftest::{self, Options, Trial};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Try only servers whose id, or a requirement that they are about, matches; `*` stands for anything.
    #[arg(long, value_name = "PATTERN", help_heading = "Selection")]
    only: Vec<String>,
    /// Leave out servers whose id, or a requirement that they are about, matches.
    #[arg(long, value_name = "PATTERN", help_heading = "Selection")]
    skip: Vec<String>,
    /// Try so many random combinations of leniencies besides [default: 0].
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Selection"
    )]
    random: Option<String>,
    /// Make mocks and combinations from this seed [default: 1].
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Selection"
    )]
    seed: Option<String>,

    /// Try so many servers at a time [default: 20 a core].
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Pace"
    )]
    jobs: Option<String>,
    /// Keep every core busy meanwhile: the verdicts must be the same.
    #[arg(long, help_heading = "Pace")]
    busy: bool,

    /// Write a report: json, junit, html or md; the path `-` is standard output.
    #[arg(long, value_name = "KIND=PATH", help_heading = "Output")]
    report: Vec<String>,
    /// Show only what went wrong, and the sum.
    #[arg(long, help_heading = "Output")]
    quiet: bool,
    /// Show what else failed beside each catch, and what each combination is made of.
    #[arg(long, help_heading = "Output")]
    verbose: bool,
    /// Use no colours; NO_COLOR does the same.
    #[arg(long, help_heading = "Output")]
    no_color: bool,
}

/// What is meant.
struct Checked {
    trials: Vec<Trial>,
    options: Options,
    reports: Reports,
    people: Stream,
    detail: Detail,
    no_color: bool,
    busy: bool,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let checked = check(args)?;
    let runtime = runtime()?;
    let busy = checked.busy.then(Busy::start);
    let record = runtime.block_on(with_progress(&checked))?;
    drop(busy);
    finish(checked, &record)
}

fn check(args: &Args) -> Result<Checked, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let default = Options::default();
    let mut number = |flag: &str, typed: &Option<String>, expected: &str, least: u64, most: u64| {
        let typed = typed.as_deref()?;
        let value = typed.parse().ok().filter(|n| (least..=most).contains(n));
        if value.is_none() {
            complaints.push(Complaint::value(flag, typed, expected));
        }
        value
    };
    let random = number(
        "--random",
        &args.random,
        "a number from 0 to 1000000",
        0,
        1_000_000,
    );
    let seed = number("--seed", &args.seed, "a number of 0 or more", 0, u64::MAX);
    let jobs = number("--jobs", &args.jobs, "a number from 1 to 256", 1, 256);
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let options = Options {
        jobs: jobs.map_or(default.jobs, size),
        seed: seed.unwrap_or(default.seed),
        ..default
    };
    let detail = outlet::detail(args.quiet, args.verbose, &mut complaints);
    let mut trials = selftest::trials(random.map_or(0, size), options.seed);
    for (flag, patterns) in [("--only", &args.only), ("--skip", &args.skip)] {
        check_patterns(&trials, flag, patterns, &mut complaints);
    }
    let any =
        |patterns: &[String], trial: &Trial| patterns.iter().any(|pattern| fits(trial, pattern));
    trials.retain(|trial| {
        (args.only.is_empty() || any(&args.only, trial)) && !any(&args.skip, trial)
    });
    let wanted = reports::wanted(&args.report, Kind::SELFTEST, &mut complaints);
    let reports = reports::open(&wanted, &mut complaints);
    let (Some(reports), true) = (reports, complaints.is_empty()) else {
        return Err(complaints);
    };
    Ok(Checked {
        trials,
        options,
        reports,
        people: reports::people(&wanted),
        detail,
        no_color: args.no_color,
        busy: args.busy,
    })
}

/// Whether a trial is meant by a pattern. A combination is about everything, and so is meant by its name alone.
fn fits(trial: &Trial, pattern: &str) -> bool {
    let about = if trial.together.len() == 1 {
        trial.about.as_slice()
    } else {
        &[]
    };
    matches(pattern, &trial.id) || about.iter().any(|id| matches(pattern, id.as_str()))
}

fn check_patterns(
    trials: &[Trial],
    flag: &str,
    patterns: &[String],
    complaints: &mut Vec<Complaint>,
) {
    for pattern in patterns {
        if trials.iter().any(|trial| fits(trial, pattern)) {
            continue;
        }
        let ids = trials.iter().map(|trial| trial.id.as_str());
        let message = format!("{flag}: no server and no requirement matches `{pattern}`");
        complaints.push(
            Complaint::new(message).help(match nearest(pattern, ids) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "`clawcheck list violations`, `list leniencies` and `list flaws` show them"
                    .to_owned(),
            }),
        );
    }
}

async fn with_progress(checked: &Checked) -> Result<Record, Failure> {
    let mut signals = Signals::listen().map_err(|error| {
        Failure::Unable(Complaint::new(format!(
            "signals can't be listened to: {error}"
        )))
    })?;
    let (sender, mut events) = unbounded_channel();
    let mut screen = Screen::new(checked.detail, []);
    let stop = &checked.options.stop;
    let trials = checked.trials.clone();
    let options = checked.options.clone();
    let run = tokio::task::spawn_blocking(move || {
        selftest::run(&Catalogue::builtin(), &trials, &options, &sender)
    });
    tokio::pin!(run);
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let record = loop {
        tokio::select! {
            Some(event) = events.recv() => screen.event(&event),
            _ = ticks.tick() => screen.tick(),
            // A trial that was cut short proves nothing: there is no grace to give.
            () = signals.next() => {
                stop.gentle.cancel();
                stop.now.cancel();
            }
            record = &mut run => break record,
        }
    };
    screen.finish(&mut events);
    record.map_err(|error| {
        Failure::Unable(Complaint::new(format!("the selftest broke down: {error}")))
    })
}

/// Writes the reports and the matrix; a report that can't be written turns a 0 into a 1, for it will be missed.
fn finish(checked: Checked, record: &Record) -> Result<u8, Failure> {
    let demands = Demands::default();
    let code = exit_code(record, demands);
    let written = checked
        .reports
        .write(record, demands, &mut io::stdout().lock());
    let look = checked.people.look(checked.no_color, checked.detail);
    let mut page = Vec::new();
    write_matrix(record, look, &mut page)?;
    let mut out = checked.people.writer(look.colour);
    unless_closed(out.write_all(&page).and_then(|()| out.flush()))?;
    if let Err(unwritable) = written {
        for unwritable in &unwritable {
            tell(&format!("error: {unwritable}"));
        }
        return Ok(code.max(1));
    }
    Ok(code)
}

/// A thread on every core that does nothing but take its time.
struct Busy {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Busy {
    fn start() -> Busy {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..cores)
            .map(|_| {
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        Busy { stop, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
