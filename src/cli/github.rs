//! A GitHub job: its environment, the runner's commands among what is printed, and the file of the job's summary.

use super::env;
use super::outlet::tell;
use aws_lc_rs::rand;
use std::fs::OpenOptions;
use std::io::{self, Write};

/// What a step's summary may hold (GitHub's limit).
const MOST: usize = 1 << 20;

/// A run inside a GitHub job. The runner obeys again where it is dropped, however the run ended.
#[derive(Debug)]
pub(super) struct Job {
    token: String,
    ended: bool,
}

impl Job {
    /// The job that this process runs in, if it does. From here on the runner obeys nothing that is printed.
    pub(super) fn begin(out: &mut dyn Write) -> io::Result<Option<Job>> {
        if env("GITHUB_ACTIONS").as_deref() != Some("true") {
            return Ok(None);
        }
        let mut bytes = [0_u8; 16];
        rand::fill(&mut bytes).map_err(|_| io::Error::other("this machine has no random bytes"))?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(out, "{}", crate::report::github::silence(&token))?;
        out.flush()?;
        Ok(Some(Job {
            token,
            ended: false,
        }))
    }

    /// The runner obeys again, and is told these annotations.
    pub(super) fn end(mut self, annotations: &[String], out: &mut dyn Write) -> io::Result<()> {
        self.ended = true;
        writeln!(out, "{}", crate::report::github::resume(&self.token))?;
        for annotation in annotations {
            writeln!(out, "{annotation}")?;
        }
        out.flush()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.ended {
            tell(&crate::report::github::resume(&self.token));
        }
    }
}

/// Adds to the job's summary what `page` makes of the room that is left there; told where that fails, for the run's
/// verdict stands without it.
pub(super) fn summarize(page: impl FnOnce(usize) -> String) {
    let Some(path) = env("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return;
    };
    let written = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| {
            let used = usize::try_from(file.metadata()?.len()).unwrap_or(MOST);
            let text = page(MOST.saturating_sub(used + 2));
            if text.len() + used + 2 > MOST {
                return Err(io::Error::other("it is full"));
            }
            // Whatever stands before it may lack its line end.
            let gap = if used > 0 { "\n\n" } else { "" };
            file.write_all(format!("{gap}{text}").as_bytes())
        });
    if let Err(error) = written {
        tell(&format!(
            "warning: the job's summary can't be written: {error}"
        ));
    }
}
