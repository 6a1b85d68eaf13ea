//! `clawcheck conform`.

use super::complaint::Complaint;
use super::github::{Job, summarize};
use super::known_failures::{self, KnownFailures};
use super::outlet::{self, Stream, tell, unless_closed};
use super::quantity;
use super::reports;
use super::screen::Screen;
use super::signals::Signals;
use super::snapshots::Snapshots;
use super::subject::{self, Subject};
use super::{Failure, env, runtime};
use crate::case::Catalogue;
use crate::conform::{self, Exchanges, Options, Plan, Stop};
use crate::mock::{Mock, MockConfig};
use crate::profile::{Profile, nearest};
use crate::record::{Ended, Event, Outcome, Record, Summary, TestResult};
use crate::report::{Demands, Detail, Kind, Reports, exit_code, github, write_terminal};
use crate::time::Scale;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::unbounded_channel;

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    subject: subject::Args,

    /// Run only cases whose id, or whose requirement's id, matches; `*` stands for anything.
    #[arg(long, value_name = "PATTERN", help_heading = "Selection")]
    only: Vec<String>,
    /// Leave out cases whose id, or whose requirement's id, matches.
    #[arg(long, value_name = "PATTERN", help_heading = "Selection")]
    skip: Vec<String>,
    /// Add the cases of a folder's TOML files to the built-in ones.
    #[arg(long, value_name = "DIR", help_heading = "Selection")]
    cases: Vec<PathBuf>,

    /// Let an advisory fail the run, and a known failure that passes by now.
    #[arg(long, help_heading = "Verdict")]
    strict: bool,
    /// Let a MUST that was left without a verdict fail the run.
    #[arg(long, help_heading = "Verdict")]
    require_all: bool,
    /// Forgive the failures that this file names, each with a reason and perhaps a last day.
    #[arg(long, value_name = "FILE", help_heading = "Verdict")]
    expect_failures: Option<PathBuf>,
    /// Compare each case's answer with an approved one in this folder (insta's format); another one is advice: "drift".
    #[arg(long, value_name = "DIR", help_heading = "Verdict")]
    snapshots: Option<PathBuf>,
    /// Approve the answers of this run: write them to the folder of --snapshots.
    #[arg(long, requires = "snapshots", help_heading = "Verdict")]
    accept: bool,
    /// End the run at the first failure.
    #[arg(long, help_heading = "Verdict")]
    fail_fast: bool,

    /// Say what would be sent, and send nothing.
    #[arg(long, help_heading = "Pace")]
    dry_run: bool,
    /// Run at most so many cases at a time [default: 8].
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Pace"
    )]
    jobs: Option<String>,
    /// Send at most so many requests a second.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Pace"
    )]
    rate: Option<String>,
    /// Let the deployment call its model at most so many times.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Pace"
    )]
    max_completions: Option<String>,
    /// Wait at most so long where the deployment asks for a pause [default: 60s].
    #[arg(
        long,
        value_name = "S",
        allow_negative_numbers = true,
        help_heading = "Pace"
    )]
    max_wait: Option<String>,

    /// Write a report: json, junit, html, md, har or sarif; the path `-` is standard output.
    #[arg(long, value_name = "KIND=PATH", help_heading = "Output")]
    report: Vec<String>,
    /// Show only failures and the summary's line.
    #[arg(long, help_heading = "Output")]
    quiet: bool,
    /// Show passes too, and answers in full.
    #[arg(long, help_heading = "Output")]
    verbose: bool,
    /// Use no colours; NO_COLOR does the same.
    #[arg(long, help_heading = "Output")]
    no_color: bool,
}

/// Cases at a time, where `--jobs` does not say.
const JOBS: usize = 8;

/// The clock of the mock that runs inside: its 130 s time-out comes after 1.3 s.
const INSIDE_SCALE: f64 = 0.01;

/// After the first signal what runs may go on so long.
const GRACE: Duration = Duration::from_secs(5);

/// What is meant.
struct Checked {
    subject: Subject,
    catalogue: Catalogue,
    options: Options,
    demands: Demands,
    expired: Vec<String>,
    snapshots: Option<Snapshots>,
    reports: Reports,
    /// Where the summary goes: standard error where a report has standard output.
    people: Stream,
    detail: Detail,
    no_color: bool,
    dry_run: bool,
    /// Reports were asked for that a dry run does not write.
    unreported: bool,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let checked = check(args)?;
    let runtime = runtime()?;
    let result = runtime.block_on(execute(checked));
    // A name look-up that hangs in the operating system must not keep us.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

fn check(args: &Args) -> Result<Checked, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let subject = Subject::choose(&args.subject, &env, &mut complaints);
    let catalogue = catalogue(&args.cases, &mut complaints);
    check_patterns(&catalogue, "--only", &args.only, &mut complaints);
    check_patterns(&catalogue, "--skip", &args.skip, &mut complaints);
    let known = match &args.expect_failures {
        Some(path) => known_failures::load(path, &catalogue),
        None => Ok(KnownFailures::default()),
    };
    let known = known.unwrap_or_else(|mistakes| {
        complaints.extend(mistakes);
        KnownFailures::default()
    });
    let options = options(args, &mut complaints);
    let detail = outlet::detail(args.quiet, args.verbose, &mut complaints);
    let wanted = reports::wanted(&args.report, Kind::CONFORM, &mut complaints);
    let unreported = args.dry_run && !wanted.is_empty();
    let wanted = if args.dry_run { Vec::new() } else { wanted };
    let folder = args.snapshots.as_ref().filter(|_| !args.dry_run);
    let snapshots = folder.and_then(|folder| Snapshots::open(folder, args.accept, &mut complaints));
    let reports = reports::open(&wanted, &mut complaints);
    let (Some(subject), Some(reports), true) = (subject, reports, complaints.is_empty()) else {
        return Err(complaints);
    };
    Ok(Checked {
        subject,
        catalogue,
        options: Options {
            expected_failures: known.current,
            ..options
        },
        demands: Demands {
            strict: args.strict,
            require_all: args.require_all,
        },
        expired: known.expired,
        snapshots,
        reports,
        people: reports::people(&wanted),
        detail,
        no_color: args.no_color,
        dry_run: args.dry_run,
        unreported,
    })
}

/// The built-in cases and those of the given folders.
pub(super) fn catalogue(folders: &[PathBuf], complaints: &mut Vec<Complaint>) -> Catalogue {
    let mut catalogue = Catalogue::builtin();
    for folder in folders {
        match catalogue.add_dir(folder) {
            Ok(0) => complaints.push(
                Complaint::new(format!("--cases: no case stands in `{}`", folder.display()))
                    .help("cases are [[case]] tables in files that end in .toml"),
            ),
            Ok(_) => {}
            Err(errors) => complaints.extend(errors.into_iter().map(Complaint::of_case)),
        }
    }
    catalogue
}

fn check_patterns(
    catalogue: &Catalogue,
    flag: &str,
    patterns: &[String],
    complaints: &mut Vec<Complaint>,
) {
    for pattern in conform::unmatched(catalogue, patterns) {
        let cases = catalogue.cases().iter().map(|case| case.id());
        let requirements = crate::contract::RequirementId::all().map(|id| id.as_str());
        let begins = format!("{pattern}*");
        let help = match nearest(&pattern, cases.chain(requirements)) {
            _ if conform::unmatched(catalogue, std::slice::from_ref(&begins)).is_empty() => {
                format!("did you mean `{begins}`?")
            }
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => {
                "`clawcheck list` shows the cases, `clawcheck list requirements` the requirements"
                    .to_owned()
            }
        };
        let message = format!("{flag}: no case and no requirement matches `{pattern}`");
        complaints.push(Complaint::new(message).help(help));
    }
}

fn options(args: &Args, complaints: &mut Vec<Complaint>) -> Options {
    let mut value =
        |flag: &str, typed: &Option<String>, expected: &str, fits: &dyn Fn(&str) -> bool| {
            let typed = typed.as_deref()?;
            if fits(typed) {
                Some(typed.to_owned())
            } else {
                complaints.push(Complaint::value(flag, typed, expected));
                None
            }
        };
    let jobs = value("--jobs", &args.jobs, "a number from 1 to 256", &|text| {
        text.parse()
            .is_ok_and(|jobs: usize| (1..=256).contains(&jobs))
    });
    let rate = value("--rate", &args.rate, "a number over 0", &|text| {
        quantity::positive(text).is_some()
    });
    let completions = value(
        "--max-completions",
        &args.max_completions,
        "a number of 0 or more",
        &|text| text.parse::<usize>().is_ok(),
    );
    let wait = value(
        "--max-wait",
        &args.max_wait,
        "a time such as `60` or `1.5s`",
        &|text| quantity::duration(text).is_some(),
    );
    Options {
        only: args.only.clone(),
        skip: args.skip.clone(),
        jobs: jobs.and_then(|text| text.parse().ok()).unwrap_or(JOBS),
        rate: rate.and_then(|text| quantity::positive(&text)),
        max_completions: completions.and_then(|text| text.parse().ok()),
        max_wait: wait
            .and_then(|text| quantity::duration(&text))
            .unwrap_or(Duration::from_secs(60)),
        fail_fast: args.fail_fast,
        expected_failures: Vec::new(),
        exchanges: Exchanges::default(),
        shapes: args.snapshots.is_some(),
        stop: Stop::default(),
    }
}

async fn execute(mut checked: Checked) -> Result<u8, Failure> {
    let started = SystemTime::now();
    let (profile, mock) = profile(&checked.subject).await?;
    if mock.is_some() && checked.detail != Detail::Quiet {
        tell("testing the built-in mock; --target or --profile tests a deployment");
    }
    checked.options.rate = checked.options.rate.or(profile.target.rate);
    if checked.dry_run {
        let plan = conform::plan(&checked.catalogue, &profile, &checked.options);
        if checked.unreported {
            tell("a dry run writes no report");
        }
        return Ok(dry_run(&plan, &mut io::stdout().lock()).map(|()| 0)?);
    }
    let job = Job::begin(&mut checked.people.writer(false))?;
    if checked.reports.want_exchanges() {
        checked.options.exchanges = Exchanges::Told;
    }
    let ran = with_progress(&mut checked, &profile).await?;
    let mut record = match ran {
        Ran::Ended(record) => *record,
        Ran::NotBegun(why) => Record {
            ended: Ended::Untestable(why),
            ..bare(&profile, started)
        },
        Ran::Left(results) => left(&profile, started, results),
    };
    record.notes.append(&mut checked.expired);
    drop(mock);
    let settled = checked
        .snapshots
        .take()
        .map_or(Ok(()), |snapshots| snapshots.settle(&mut record));
    let code = finish(checked, job, &record)?;
    match settled {
        Ok(()) => Ok(code),
        Err(unwritable) => {
            tell(&format!("error: {unwritable}"));
            Ok(code.max(1))
        }
    }
}

/// The profile to test, and the mock where it is the one inside.
async fn profile(subject: &Subject) -> Result<(Profile, Option<Mock>), Failure> {
    if let Subject::Deployment(profile) = subject {
        return Ok((Profile::clone(profile), None));
    }
    let config = MockConfig {
        time_scale: Scale::new(INSIDE_SCALE).expect("a positive number"),
        ..MockConfig::default()
    };
    inside(config).await
}

/// Starts a mock in this process; its profile, and the mock.
pub(super) async fn inside(config: MockConfig) -> Result<(Profile, Option<Mock>), Failure> {
    let mock = Mock::start(config).await.map_err(|error| {
        Failure::Unable(Complaint::new(format!(
            "the built-in mock can't start: {error}"
        )))
    })?;
    let profile = Profile::parse(&mock.profile_toml(), "the built-in mock's profile", &|_| {
        None
    })
    .map_err(Complaint::of_file)?;
    Ok((profile, Some(mock)))
}

/// How a run went.
enum Ran {
    /// To its end, or to an interruption's.
    Ended(Box<Record>),
    /// It could not begin.
    NotBegun(String),
    /// The third signal came before it ended: what had been tested by then.
    Left(Vec<TestResult>),
}

async fn with_progress(checked: &mut Checked, profile: &Profile) -> Result<Ran, Failure> {
    let mut signals = Signals::listen().map_err(|error| {
        Failure::Unable(Complaint::new(format!(
            "signals can't be listened to: {error}"
        )))
    })?;
    let (sender, mut events) = unbounded_channel();
    let known = checked.options.expected_failures.iter();
    let mut screen = Screen::new(checked.detail, known.map(|failure| failure.id.clone()));
    let stop = &checked.options.stop;
    let reports = &mut checked.reports;
    let mut event = |screen: &mut Screen, event: Event| match event {
        Event::Exchanged(entry) => reports.exchanged(&entry, &mut io::stdout().lock()),
        event => screen.event(&event),
    };
    let run = conform::run(&checked.catalogue, profile, &checked.options, sender);
    tokio::pin!(run);
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut asked = 0;
    let mut grace = None;
    let result = loop {
        tokio::select! {
            Some(told) = events.recv() => event(&mut screen, told),
            _ = ticks.tick() => {
                screen.tick();
                if grace.is_some_and(|until| Instant::now() >= until) {
                    stop.now.cancel();
                }
            }
            () = signals.next() => {
                asked += 1;
                match asked {
                    1 => {
                        stop.gentle.cancel();
                        grace = Some(Instant::now() + GRACE);
                    }
                    2 => stop.now.cancel(),
                    _ => {
                        while let Ok(told) = events.try_recv() {
                            event(&mut screen, told);
                        }
                        screen.finish(&mut events);
                        return Ok(Ran::Left(screen.results));
                    }
                }
            }
            result = &mut run => break result,
        }
    };
    while let Ok(told) = events.try_recv() {
        event(&mut screen, told);
    }
    screen.finish(&mut events);
    Ok(match result {
        Ok(record) if asked > 0 => Ran::Ended(Box::new(interrupted(record))),
        Ok(record) => Ran::Ended(Box::new(record)),
        Err(error) => Ran::NotBegun(error.to_string()),
    })
}

/// A run that was asked to end is no verdict, whatever it had come to.
fn interrupted(mut record: Record) -> Record {
    match std::mem::replace(&mut record.ended, Ended::Interrupted) {
        Ended::Untestable(why) | Ended::Pointless(why) => record.notes.push(why),
        Ended::Completed | Ended::FailFast | Ended::Interrupted => {}
    }
    record
}

/// A run that did not even end when it was abandoned: its results so far, without what only its end would tell.
fn left(profile: &Profile, started: SystemTime, results: Vec<TestResult>) -> Record {
    let number = |outcome| results.iter().filter(|r| r.outcome == outcome).count();
    let summary = Summary {
        passed: number(Outcome::Pass),
        failed: number(Outcome::Fail),
        advised: number(Outcome::Advice),
        skipped: number(Outcome::Skip),
        inconclusive: number(Outcome::Inconclusive),
        ..Summary::default()
    };
    Record {
        ended: Ended::Interrupted,
        summary,
        results,
        notes: vec!["left at the third signal: requests and MUSTs were not counted".to_owned()],
        ..bare(profile, started)
    }
}

/// A record of nothing.
fn bare(profile: &Profile, started_at: SystemTime) -> Record {
    Record {
        command: "conform",
        target: profile.target.base_url.clone(),
        started_at,
        duration: started_at.elapsed().unwrap_or_default(),
        ended: Ended::Completed,
        summary: Summary::default(),
        results: Vec::new(),
        fingerprint: std::collections::BTreeMap::new(),
        notes: Vec::new(),
        untested: Vec::new(),
        expected_failures: Vec::new(),
        unexpected_passes: Vec::new(),
    }
}

/// Writes the reports and the summary; a report that can't be written turns a 0 into a 1, for it will be missed.
fn finish(checked: Checked, job: Option<Job>, record: &Record) -> Result<u8, Failure> {
    let demands = checked.demands;
    let code = exit_code(record, demands);
    let written = checked
        .reports
        .write(record, demands, &mut io::stdout().lock());
    let look = checked.people.look(checked.no_color, checked.detail);
    let mut page = Vec::new();
    write_terminal(record, demands, look, &mut page)?;
    let mut out = checked.people.writer(look.colour);
    unless_closed(out.write_all(&page).and_then(|()| out.flush()))?;
    if let Some(job) = job {
        let annotations = github::annotations(record, demands);
        unless_closed(job.end(&annotations, &mut checked.people.writer(false)))?;
        summarize(|room| github::summary(record, demands, room));
    }
    if let Err(unwritable) = written {
        for unwritable in &unwritable {
            tell(&format!("error: {unwritable}"));
        }
        return Ok(code.max(1));
    }
    Ok(code)
}

fn dry_run(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let widest = plan
        .lines
        .iter()
        .map(|(id, ..)| id.len())
        .max()
        .unwrap_or(0);
    let widest = widest.max("case".len());
    writeln!(out, "{:widest$}  requests  completions", "case")?;
    for (id, requests, completions) in &plan.lines {
        writeln!(out, "{id:widest$}  {requests:>8}  {completions:>11}")?;
    }
    for (id, fixture) in &plan.skipped {
        writeln!(out, "{id:widest$}  skipped: needs {fixture}")?;
    }
    writeln!(
        out,
        "\n{} tests, {} requests and {} completions at most where nothing has to be sent again; the largest body has {} bytes; {} skipped; nothing was sent",
        plan.cases,
        plan.requests,
        plan.completions,
        plan.largest_body,
        plan.skipped.len()
    )
}
