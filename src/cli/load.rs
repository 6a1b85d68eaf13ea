//! `clawcheck load`.

use super::complaint::Complaint;
use super::conform::inside;
use super::github::{Job, summarize};
use super::live::{self, View};
use super::outlet::{self, Stream, tell};
use super::quantity;
use super::reports;
use super::signals::Signals;
use super::sort::Sort;
use super::subject::{self, Subject};
use super::{Failure, env, manifest, runtime};
use crate::load::{
    self, BUILTIN, Driver, NotFound, Options, Overrides, Samples, Scenario, Snapshot,
};
use crate::mock::Mock;
use crate::profile::{Profile, base_url};
use crate::record::load::LoadRecord;
use crate::report::load::{SampleFormat, Title, exit_code, github, write_terminal};
use crate::report::{Detail, Kind, Reports};
use crate::wire::Endpoint;
use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The scenario: a name (`clawcheck list scenarios`), or a file's path [default: smoke].
    #[arg(value_name = "SCENARIO")]
    scenario: Option<String>,
    #[command(flatten)]
    subject: subject::Args,

    /// Keep so many users, in place of the scenario's stages.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    users: Option<String>,
    /// Send so many requests a second, in place of the scenario's stages.
    #[arg(
        long,
        value_name = "R",
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    rate: Option<String>,
    /// Measure for so long, such as `30s` or `5m`.
    #[arg(
        long,
        value_name = "D",
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    duration: Option<String>,
    /// Draw arrivals, mix, prompts and think times from this seed.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    seed: Option<String>,
    /// Send only every N-th arrival, or be every N-th user, from the I-th on (from 0).
    #[arg(long, value_name = "I/N", help_heading = "Load")]
    shard: Option<String>,
    /// Start at this instant (RFC 3339, such as 2026-11-29T12:00:00Z), as all shards of a run do.
    #[arg(long, value_name = "T", help_heading = "Load")]
    start_at: Option<String>,
    /// Print what starts --shards processes elsewhere, and send nothing: k8s.
    #[arg(long, value_name = "KIND", help_heading = "Load")]
    manifest: Option<String>,
    /// How many processes --manifest starts.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    shards: Option<String>,
    /// What drives the users of the closed model: goose, or tasks [default: goose].
    #[arg(long, value_name = "NAME", help_heading = "Load")]
    driver: Option<String>,

    /// Write a report: json, junit, html, md or csv; the path `-` is standard output.
    #[arg(long, value_name = "KIND=PATH", help_heading = "Output")]
    report: Vec<String>,
    /// Write every answer's instants and figures, a line each: CSV where the name ends in .csv, else JSON lines.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    samples: Option<PathBuf>,
    /// Show only what was broken, and the verdict.
    #[arg(long, help_heading = "Output")]
    quiet: bool,
    /// Show every class of errors in full.
    #[arg(long, help_heading = "Output")]
    verbose: bool,
    /// Use no colours; NO_COLOR does the same.
    #[arg(long, help_heading = "Output")]
    no_color: bool,
}

/// What is meant.
struct Checked {
    scenario: Scenario,
    subject: Subject,
    options: Options,
    reports: Reports,
    samples: Option<(PathBuf, File)>,
    people: Stream,
    detail: Detail,
    no_color: bool,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    if args.manifest.is_some() {
        return manifest(args);
    }
    let checked = check(args)?;
    // goose talks on standard output; what is ours goes to the true one.
    let stdout = Guarded::take().map_err(|error| {
        Failure::Unable(Complaint::new(format!(
            "standard output can't be set aside: {error}"
        )))
    })?;
    let runtime = runtime()?;
    let result = runtime.block_on(execute(checked, stdout));
    runtime.shutdown_background();
    result
}

fn check(args: &Args) -> Result<Checked, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let subject = Subject::choose(&args.subject, &env, &mut complaints);
    let scenario = scenario(args, &mut complaints);
    let options = Options {
        driver: driver(args, &mut complaints),
        shard: shard(args, &mut complaints),
        start_at: start_at(args, &mut complaints),
        inside: matches!(subject, Some(Subject::Mock)),
        ..Options::default()
    };
    if let (Some(scenario), Some(Subject::Deployment(profile))) = (&scenario, &subject) {
        afford(scenario, profile, &mut complaints);
    }
    if args.shards.is_some() {
        let help =
            "--shard I/N is one of N processes; --manifest k8s --shards N prints what starts them";
        complaints.push(Complaint::new("--shards goes with --manifest").help(help));
    }
    let detail = outlet::detail(args.quiet, args.verbose, &mut complaints);
    let wanted = reports::wanted(&args.report, Kind::LOAD, &mut complaints);
    let reports = reports::open(&wanted, &mut complaints);
    let samples = samples(args, &mut complaints);
    let (Some(subject), Some(scenario), Some(reports), true) =
        (subject, scenario, reports, complaints.is_empty())
    else {
        return Err(complaints);
    };
    Ok(Checked {
        scenario,
        subject,
        options,
        reports,
        samples,
        people: reports::people(&wanted),
        detail,
        no_color: args.no_color,
    })
}

/// The scenario that was asked for, with what the command line says.
fn scenario(args: &Args, complaints: &mut Vec<Complaint>) -> Option<Scenario> {
    let name = args.scenario.as_deref().unwrap_or("smoke");
    let found = match Scenario::find(name, &env) {
        Ok(scenario) => Some(scenario),
        Err(NotFound::Wrong(mistakes)) => {
            complaints.extend(Sort::Scenario.complaints(Path::new(name), mistakes));
            None
        }
        Err(NotFound::Unknown { name, nearest }) => {
            let complaint = Complaint::new(format!("there is no scenario `{name}`"));
            let known: Vec<&str> = BUILTIN.iter().map(|builtin| builtin.name).collect();
            complaints.push(complaint.help(match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!(
                    "known ones: {}; a file's path has a slash in it, or ends in .toml",
                    known.join(", ")
                ),
            }));
            None
        }
    };
    let mut number = |flag: &str, typed: &Option<String>, expected: &str, least: u64| {
        let typed = typed.as_deref()?;
        let value = typed.parse::<u64>().ok().filter(|number| *number >= least);
        if value.is_none() {
            complaints.push(Complaint::value(flag, typed, expected));
        }
        value
    };
    let users = number("--users", &args.users, "a number of 1 or more", 1);
    let seed = number("--seed", &args.seed, "a number of 0 or more", 0);
    let mut other = |flag: &str, typed: &Option<String>, expected: &str, fits: bool| {
        if let (Some(typed), false) = (typed, fits) {
            complaints.push(Complaint::value(flag, typed, expected));
        }
    };
    let rate = args.rate.as_deref().and_then(quantity::positive);
    other("--rate", &args.rate, "a number over 0", rate.is_some());
    let duration = args.duration.as_deref().and_then(quantity::duration);
    let duration = duration.filter(|span| !span.is_zero());
    let expected = "a time such as `30s` or `5m`";
    other("--duration", &args.duration, expected, duration.is_some());
    let overrides = Overrides {
        users: users.map(|users| u32::try_from(users).unwrap_or(u32::MAX)),
        rate,
        duration,
        seed,
    };
    match found?.with(&overrides) {
        Ok(scenario) if scenario.searches() && args.shard.is_some() => {
            let message =
                format!("`{name}` has a [search], and a search can't be split into shards");
            complaints.push(Complaint::new(message).help(
                "search with one process, or give it [[load.stage]] tables in place of [search]",
            ));
            None
        }
        Ok(scenario) => Some(scenario),
        Err(unsuited) => {
            complaints.extend(unsuited.iter().map(|unsuited| {
                let complaint = Complaint::new(unsuited.to_string());
                match unsuited.help() {
                    Some(help) => complaint.help(help),
                    None => complaint,
                }
            }));
            None
        }
    }
}

fn driver(args: &Args, complaints: &mut Vec<Complaint>) -> Driver {
    match args.driver.as_deref() {
        None | Some("goose") => Driver::Goose,
        Some("tasks") => Driver::Tasks,
        Some(other) => {
            complaints.push(Complaint::value("--driver", other, "goose or tasks"));
            Driver::Goose
        }
    }
}

/// `--shard I/N`; I is also read from what Kubernetes and Slurm say.
fn shard(args: &Args, complaints: &mut Vec<Complaint>) -> Option<(usize, usize)> {
    let typed = args.shard.as_deref()?;
    let index = |text: &str| text.parse::<usize>().ok();
    let parsed = match typed.split_once('/') {
        Some(("", of)) => ["JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID"]
            .iter()
            .find_map(|name| index(&env(name)?))
            .zip(index(of)),
        Some((this, of)) => index(this).zip(index(of)),
        None => None,
    };
    let shard = parsed.filter(|(this, of)| this < of);
    if shard.is_none() {
        let expected = "I/N with I from 0 and below N, or /N where JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID says I";
        complaints.push(Complaint::value("--shard", typed, expected));
    }
    shard
}

/// `--start-at T`, by RFC 3339.
fn start_at(args: &Args, complaints: &mut Vec<Complaint>) -> Option<SystemTime> {
    let typed = args.start_at.as_deref()?;
    let instant = typed.parse::<jiff::Timestamp>().ok();
    let instant = instant.and_then(|instant| SystemTime::try_from(instant).ok());
    if instant.is_none() {
        let expected = "an instant by RFC 3339, such as 2026-11-29T12:00:00Z";
        complaints.push(Complaint::value("--start-at", typed, expected));
    }
    instant
}

/// The file for the samples, empty.
fn samples(args: &Args, complaints: &mut Vec<Complaint>) -> Option<(PathBuf, File)> {
    let path = args.samples.clone()?;
    // What is wrong elsewhere is no reason to empty an old file.
    if !complaints.is_empty() {
        return None;
    }
    if path.as_os_str() == "-" {
        let complaint = Complaint::new("--samples: samples go to a file, not to standard output");
        complaints.push(complaint.help("/dev/stdout is one, where that is meant"));
        return None;
    }
    let reports = args.report.iter().filter_map(|text| text.split_once('='));
    if reports
        .into_iter()
        .any(|(_, other)| path == Path::new(other))
    {
        let path = path.display();
        complaints.push(Complaint::new(format!(
            "--samples: a report would go to `{path}` too"
        )));
        return None;
    }
    match File::create(&path) {
        Ok(file) => Some((path, file)),
        Err(error) => {
            let path = path.display();
            let message = format!("the samples can't be written to `{path}`: {error}");
            complaints.push(Complaint::new(message));
            None
        }
    }
}

/// Prints what starts the shards elsewhere.
fn manifest(args: &Args) -> Result<u8, Failure> {
    let mut complaints = Vec::new();
    let kind = args.manifest.as_deref().unwrap_or_default();
    if kind != "k8s" {
        complaints.push(Complaint::value("--manifest", kind, "k8s"));
    }
    let shards = manifest::shards(args.shards.as_deref(), &mut complaints);
    let scenario = scenario(args, &mut complaints);
    if scenario.as_ref().is_some_and(Scenario::searches) {
        let message = "a search can't be split into shards";
        complaints.push(Complaint::new(message).help("search with one process"));
    }
    if scenario.as_ref().is_some_and(Scenario::names_files) {
        let message = "the scenario names other files, and a manifest carries only its own";
        complaints.push(
            Complaint::new(message)
                .help("use `prompt` and stages, or build an image with all of them"),
        );
    }
    for (flag, given) in [
        ("--shard", args.shard.is_some()),
        ("--samples", args.samples.is_some()),
        ("--report", !args.report.is_empty()),
    ] {
        if given {
            let message = format!("{flag} does not go with --manifest");
            complaints.push(Complaint::new(message).help("every shard prints its JSON report"));
        }
    }
    let _ = start_at(args, &mut complaints);
    let target = match args
        .subject
        .target
        .as_deref()
        .map(|url| (url, base_url(url)))
    {
        Some((_, Ok(url))) => Some(url),
        Some((url, Err(unfit))) => {
            complaints.push(Complaint::unfit("--target", url, unfit));
            None
        }
        None => {
            let message = "--manifest needs --target: pods reach no mock of this process";
            complaints.push(Complaint::new(message).help("the key comes from a secret"));
            None
        }
    };
    if args.subject.profile.is_some() {
        let help = "--target, and a secret for the key, say what a pod needs";
        complaints.push(Complaint::new("--profile does not go with --manifest").help(help));
    }
    let name = args.scenario.as_deref().unwrap_or("smoke");
    let file = BUILTIN.iter().all(|builtin| builtin.name != name);
    let text = match file.then(|| std::fs::read_to_string(name)) {
        Some(Ok(text)) => Some(text),
        Some(Err(_)) | None => None, // told already, as a scenario that can't be read
    };
    let (Some(shards), Some(_), Some(target), true) =
        (shards, scenario, target, complaints.is_empty())
    else {
        return Err(complaints.into());
    };
    let flags = [
        ("--users", &args.users),
        ("--rate", &args.rate),
        ("--duration", &args.duration),
        ("--seed", &args.seed),
        ("--driver", &args.driver),
        ("--start-at", &args.start_at),
    ];
    let flags = flags.into_iter().filter_map(|(flag, typed)| {
        let typed = typed.as_ref()?;
        Some([flag.to_owned(), typed.clone()])
    });
    let job = manifest::Job {
        scenario: (name, text.as_deref()),
        target: &target,
        bot: args.subject.bot.as_deref(),
        shards,
        flags: flags.flatten().collect(),
    };
    let mut out = Stream::Out.writer(false);
    let written = out.write_all(job.kubernetes().as_bytes());
    super::outlet::unless_closed(written.and_then(|()| out.flush()))?;
    Ok(0)
}

/// What is not on this machine may cost money: then a budget has to be there.
fn afford(scenario: &Scenario, profile: &Profile, complaints: &mut Vec<Complaint>) {
    let local = Endpoint::parse(&profile.target.base_url).is_ok_and(|endpoint| {
        let host = endpoint.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    if !local && scenario.budget.completions.is_none() {
        let message = "the target is not on this machine, and the scenario has no budget: each request may cost money";
        complaints.push(
            Complaint::new(message)
                .help("add `[budget]` with `completions = N` to the scenario: no more are sent"),
        );
    }
}

async fn execute(mut checked: Checked, mut stdout: Guarded) -> Result<u8, Failure> {
    let job = match checked.people {
        Stream::Out => Job::begin(&mut stdout),
        Stream::Err => Job::begin(&mut Stream::Err.writer(false)),
    }?;
    let (profile, mock): (Profile, Option<Mock>) = match &checked.subject {
        Subject::Deployment(profile) => (Profile::clone(profile), None),
        Subject::Mock => inside(load::mock_config(&checked.scenario)).await?,
    };
    if mock.is_some() && checked.detail != Detail::Quiet {
        tell("loading the built-in mock; --target or --profile loads a deployment");
    }
    load::keep_ctrl_c();
    let mut signals = Signals::listen().map_err(|error| {
        Failure::Unable(Complaint::new(format!(
            "signals can't be listened to: {error}"
        )))
    })?;
    let (sender, receiver) = watch::channel(Snapshot::default());
    let stop = checked.options.stop.clone();
    let showing = Showing::start(&checked, &profile.target.base_url, receiver);
    let sampling = checked.samples.take().map(|(path, file)| {
        let (samples, sampled) = Samples::new();
        checked.options.samples = Some(samples);
        let format = SampleFormat::of(&path);
        let mut out = io::BufWriter::new(file);
        let writing = std::thread::spawn(move || format.write(sampled, &mut out));
        (path, writing)
    });
    let result = {
        let running = load::run(&checked.scenario, &profile, &checked.options, &sender);
        tokio::pin!(running);
        loop {
            tokio::select! {
                result = &mut running => break result,
                () = signals.next() => stop.cancel(),
            }
        }
    };
    drop(mock);
    showing.end().await;
    let lost = sampling.and_then(|(path, writing)| {
        let samples = checked.options.samples.take()?;
        samples.end();
        // It ends with the samples, or with an error of the file.
        lost(&path, writing.join().ok()?, samples.lost())
    });
    let mut record = result.map_err(|error| match error {
        load::SetupError::Unfit(unfit) => Failure::Usage(
            unfit
                .iter()
                .map(|unfit| Complaint::new(unfit.to_string()))
                .collect(),
        ),
        load::SetupError::Way(why) => Failure::Unable(Complaint::new(why)),
    })?;
    let code = match lost {
        None => 0,
        Some(why) => {
            tell(&format!("error: {why}"));
            record.notes.push(why);
            1
        }
    };
    Ok(finish(checked, job, &record, &mut stdout)?.max(code))
}

/// What is missing in the file of samples, in a sentence; none where nothing is.
fn lost(path: &Path, written: io::Result<u64>, lost: u64) -> Option<String> {
    let path = path.display();
    match (written, lost) {
        (Err(error), _) => Some(format!("the samples can't be written to `{path}`: {error}")),
        (Ok(_), 0) => None,
        (Ok(written), lost) => Some(format!(
            "`{path}` lacks {lost} of {} samples: it could not be written as fast as they came",
            written + lost
        )),
    }
}

/// Writes the reports and the page; a report that can't be written turns a 0 into a 1, for it will be missed.
fn finish(
    checked: Checked,
    job: Option<Job>,
    record: &LoadRecord,
    stdout: &mut Guarded,
) -> Result<u8, Failure> {
    let code = exit_code(record);
    let written = checked.reports.write_load(record, stdout);
    let look = checked.people.look(checked.no_color, checked.detail);
    let mut page = Vec::new();
    write_terminal(record, look, &mut page)?;
    let shown = match checked.people {
        Stream::Out => stdout.write_all(&page).and_then(|()| stdout.flush()),
        Stream::Err => {
            let mut out = Stream::Err.writer(look.colour);
            out.write_all(&page).and_then(|()| out.flush())
        }
    };
    super::outlet::unless_closed(shown)?;
    if let Some(job) = job {
        let annotations = github::annotations(record);
        let told = match checked.people {
            Stream::Out => job.end(&annotations, stdout),
            Stream::Err => job.end(&annotations, &mut Stream::Err.writer(false)),
        };
        super::outlet::unless_closed(told)?;
        summarize(|room| github::summary(record, room).unwrap_or_default());
    }
    if let Err(unwritable) = written {
        for unwritable in &unwritable {
            tell(&format!("error: {unwritable}"));
        }
        return Ok(code.max(1));
    }
    Ok(code)
}

/// How people are shown that the run goes on.
enum Showing {
    /// A view on the terminal.
    View(View),
    /// A line now and then.
    Lines(tokio::task::JoinHandle<()>),
}

impl Showing {
    fn start(checked: &Checked, target: &str, snapshots: watch::Receiver<Snapshot>) -> Showing {
        if checked.detail != Detail::Quiet && live::is_possible() {
            let title = Title {
                scenario: checked.scenario.name.clone(),
                target: target.to_owned(),
                stages: load::stage_names(&checked.scenario),
                variable: checked.scenario.varies().unwrap_or_default(),
            };
            let colour = Stream::Err.colour(checked.no_color);
            let stop = checked.options.stop.clone();
            if let Ok(view) = View::show(title, colour, snapshots.clone(), stop) {
                return Showing::View(view);
            }
        }
        Showing::Lines(tokio::spawn(show(snapshots, checked.detail)))
    }

    async fn end(self) {
        match self {
            Showing::View(view) => view.end().await,
            Showing::Lines(lines) => lines.abort(),
        }
    }
}

/// How often a line says how far a run has come.
const EVERY: Duration = Duration::from_secs(10);

/// Tells how a run is coming along: a line every ten seconds.
async fn show(mut snapshots: watch::Receiver<Snapshot>, detail: Detail) {
    if detail == Detail::Quiet {
        return;
    }
    let mut next = EVERY;
    while snapshots.changed().await.is_ok() {
        let seen = *snapshots.borrow_and_update();
        if seen.elapsed < next {
            continue;
        }
        while next <= seen.elapsed {
            next += EVERY;
        }
        tell(&line(&seen));
    }
}

fn line(seen: &Snapshot) -> String {
    let phase = match (seen.measuring, seen.draining) {
        (_, true) => "draining",
        (true, false) => "measuring",
        (false, false) => "warming up",
    };
    let mut line = format!(
        "{:.0} s, {phase}: {} sent, {} good, {} errors, {} in flight, {} chunks",
        seen.elapsed.as_secs_f64(),
        seen.sent,
        seen.succeeded,
        seen.errors,
        seen.in_flight,
        seen.contents
    );
    if let Some((number, value)) = seen.probe {
        line.push_str(&format!(", probe {number} at {value}"));
    }
    for (count, what) in [(seen.throttled, "throttled"), (seen.dropped, "dropped")] {
        if count > 0 {
            line.push_str(&format!(", {count} {what}"));
        }
    }
    line
}

/// Standard output, out of reach of anybody who prints.
struct Guarded(File);

impl Guarded {
    /// Sets it aside: what is printed from now on goes nowhere.
    #[cfg(unix)]
    fn take() -> io::Result<Guarded> {
        let mine = rustix::io::dup(rustix::stdio::stdout())?;
        let nowhere = File::options().write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdout(&nowhere)?;
        Ok(Guarded(File::from(mine)))
    }

    /// Where it can't be set aside, what goose prints is in it.
    #[cfg(not(unix))]
    fn take() -> io::Result<Guarded> {
        use std::os::windows::io::AsHandle as _;
        Ok(Guarded(File::from(
            io::stdout().as_handle().try_clone_to_owned()?,
        )))
    }
}

impl Write for Guarded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
