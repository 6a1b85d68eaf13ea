//! `clawcheck completions`.

use super::{Failure, command};
use clap_complete::Shell;
use std::io::{self, Write};

/// What was typed.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    // What clap_complete writes to may not fail; standard output may.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "clawcheck", &mut script);
    let mut out = io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(0)
}
