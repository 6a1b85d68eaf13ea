//! The command line: clap's structs are what was typed; each command checks them into what is meant, joins the
//! runner and the reports, and gives an exit code. It holds no rules.

mod check;
mod compare;
mod complaint;
mod completions;
mod conform;
mod explain;
mod github;
mod init;
mod known_failures;
mod list;
mod live;
mod load;
mod man;
mod manifest;
mod merge;
mod mock;
mod outlet;
mod quantity;
mod reports;
mod schema;
mod screen;
mod selftest;
mod signals;
mod snapshots;
mod sort;
mod subject;
mod terms;

use clap::{Parser, Subcommand};
use complaint::Complaint;
use outlet::Stream;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

/// Conformance suite, load harness and reference mock server for the Clawbite chat API.
#[derive(Debug, Parser)]
#[command(name = "clawcheck", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    the target keeps the contract
  1    at least one MUST is broken
  2    the command line, profile or case file is wrong; nothing was sent
  3    the target could not be reached or tested at all
  130  interrupted; the report of what ran so far was still written";

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay every documented case against a deployment and report what breaks the contract.
    Conform(conform::Args),
    /// Put a deployment under load, judge every answer, and report latency, throughput and errors.
    Load(load::Args),
    /// Make one load report of the shards of one run.
    Merge(merge::Args),
    /// Serve the reference implementation of the API.
    Mock(mock::Args),
    /// Run the suite against every server that is known to be wrong, and against those that only look it.
    Selftest(selftest::Args),
    /// Compare two JSON reports, of conform or of load, and judge what changed.
    Compare(compare::Args),
    /// List cases, requirements, error codes, fixtures, violations, leniencies, flaws or load scenarios.
    List(list::Args),
    /// Explain one of them, with the sentence of the documentation behind it.
    Explain(explain::Args),
    /// Write a profile to begin with, asking the deployment what can be found out without cost.
    Init(init::Args),
    /// Read profiles, scenarios, case files and lists of known failures, and say what is wrong with them.
    Check(check::Args),
    /// Print the JSON Schema of a file that clawcheck reads or writes, or of the API's messages.
    Schema(schema::Args),
    /// Print the completions of a shell.
    Completions(completions::Args),
    /// Print the manual page, or write all of them to a folder.
    Man(man::Args),
}

/// Why a command gave no verdict.
#[derive(Debug)]
enum Failure {
    /// What the user gave is wrong: exit 2.
    Usage(Vec<Complaint>),
    /// The machine does not let us test: exit 3.
    Unable(Complaint),
    /// What was said could not be written.
    Output(io::Error),
}

impl From<Vec<Complaint>> for Failure {
    fn from(complaints: Vec<Complaint>) -> Failure {
        Failure::Usage(complaints)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

/// The command line, for what is made from it.
fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Parses the command line, runs the command, and gives the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(misparsed(&error)),
    };
    let result = match cli.command {
        Command::Conform(args) => conform::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Mock(args) => mock::run(&args),
        Command::Selftest(args) => selftest::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::List(args) => list::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    ExitCode::from(result.unwrap_or_else(failed))
}

/// Help and version were asked for; anything else is an error of the command line.
fn misparsed(error: &clap::Error) -> u8 {
    use std::io::Write as _;
    let stream = if error.use_stderr() {
        Stream::Err
    } else {
        Stream::Out
    };
    let colour = stream.colour(false);
    let text = error.render();
    let text = if colour {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    let mut out = stream.writer(colour);
    let written = write!(out, "{}", complaint::hide_keys(&text)).and_then(|()| out.flush());
    match written {
        Ok(()) if !error.use_stderr() => 0,
        Err(unwritten) if !error.use_stderr() => failed(unwritten.into()),
        // Where standard error is closed, the exit code has to do.
        Ok(()) | Err(_) => 2,
    }
}

fn failed(failure: Failure) -> u8 {
    let colour = Stream::Err.colour(false);
    let mut out = Stream::Err.writer(colour);
    let (complaints, code) = match failure {
        Failure::Usage(complaints) => (complaints, 2),
        Failure::Unable(complaint) => (vec![complaint], 3),
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
        Failure::Output(error) => {
            let message = format!("standard output can't be written: {error}");
            (vec![Complaint::new(message)], 1)
        }
    };
    for complaint in complaints.iter().take(MOST_COMPLAINTS) {
        // Where standard error is closed, the exit code has to do.
        let _ = complaint.write(colour, &mut out);
    }
    if let more @ 1.. = complaints.len().saturating_sub(MOST_COMPLAINTS) {
        let complaint = Complaint::new(format!("and {more} mistakes more"))
            .help("so many may mean that it is another kind of file");
        let _ = complaint.write(colour, &mut out);
    }
    code
}

/// A whole file of another kind given by mistake would bury its cause under thousands of lines.
const MOST_COMPLAINTS: usize = 50;

/// An environment variable that is set and UTF-8.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A runtime for commands that talk to sockets.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Where there is one core, a pool of workers costs a tenth and gives nothing.
    let mut builder = match cores {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build().map_err(|error| {
        Failure::Unable(Complaint::new(format!(
            "this machine gives us no threads: {error}"
        )))
    })
}
