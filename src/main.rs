//! The `clawcheck` program: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    clawcheck::cli::run(std::env::args_os())
}
