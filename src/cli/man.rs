//! `clawcheck man`.

use super::complaint::Complaint;
use super::{Failure, command};
use crate::profile::nearest;
use clap_mangen::Man;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The command; without it, the program's own page.
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
    /// Write every page to this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let whole = command();
    if let Some(dir) = &args.dir {
        write_all(&whole, dir)?;
        return Ok(0);
    }
    let page = match &args.command {
        None => page(whole)?,
        Some(name) => match whole.find_subcommand(name) {
            Some(found) => page(named(found))?,
            None => {
                let known = whole.get_subcommands().map(clap::Command::get_name);
                let complaint = Complaint::new(format!("there is no command `{name}`"));
                let help = nearest(name, known).map_or_else(
                    || "`clawcheck --help` lists them".to_owned(),
                    |nearest| format!("did you mean `{nearest}`?"),
                );
                return Err(vec![complaint.help(help)].into());
            }
        },
    };
    let mut out = io::stdout().lock();
    out.write_all(&page)?;
    out.flush()?;
    Ok(0)
}

/// A command's page has the program's name before its own.
fn named(command: &clap::Command) -> clap::Command {
    let name = format!("clawcheck-{}", command.get_name());
    let shown = format!("clawcheck {}", command.get_name());
    command
        .clone()
        .version(env!("CARGO_PKG_VERSION"))
        .display_name(name)
        .bin_name(shown)
}

fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}

fn write_all(whole: &clap::Command, dir: &Path) -> Result<(), Failure> {
    let write = |name: String, command: clap::Command| {
        let path = dir.join(format!("{name}.1"));
        page(command)
            .and_then(|page| fs::write(&path, page))
            .map_err(|error| {
                let message = format!("`{}` can't be written: {error}", path.display());
                let complaint = Complaint::new(message);
                Failure::Usage(vec![if error.kind() == io::ErrorKind::NotFound {
                    complaint.help("make the folder first")
                } else {
                    complaint
                }])
            })
    };
    write("clawcheck".to_owned(), whole.clone())?;
    for command in whole.get_subcommands() {
        write(format!("clawcheck-{}", command.get_name()), named(command))?;
    }
    Ok(())
}
