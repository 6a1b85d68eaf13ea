//! Progress while a run goes on, on standard error.

use super::outlet::{Stream, tell};
use crate::record::{Event, TestResult};
use crate::report::{Detail, Progress};
use std::time::Instant;
use tokio::sync::mpsc::UnboundedReceiver;

/// Where progress is shown.
pub(super) struct Screen {
    progress: Option<Progress>,
    begun: Instant,
    /// What was tested so far, for a run that is not waited for.
    pub(super) results: Vec<TestResult>,
}

impl Screen {
    /// A screen for a run; failures that are known are no news.
    pub(super) fn new(detail: Detail, known: impl IntoIterator<Item = String>) -> Screen {
        let progress = match detail {
            Detail::Quiet => None,
            _ if Stream::Err.is_terminal() => Some(Progress::bar()),
            Detail::Normal | Detail::Verbose => Some(Progress::lines()),
        };
        let progress = progress.map(|progress| progress.knowing(known));
        Screen {
            progress,
            begun: Instant::now(),
            results: Vec::new(),
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        if let Event::Finished(result) = event {
            self.results.push(TestResult::clone(result));
        }
        if let Some(progress) = &mut self.progress
            && let Some(line) = progress.on(event, self.begun.elapsed())
        {
            progress.show(&line, tell);
        }
    }

    pub(super) fn tick(&mut self) {
        if let Some(progress) = &mut self.progress
            && let Some(line) = progress.tick(self.begun.elapsed())
        {
            progress.show(&line, tell);
        }
    }

    pub(super) fn finish(&mut self, events: &mut UnboundedReceiver<Event>) {
        while let Ok(event) = events.try_recv() {
            self.event(&event);
        }
        if let Some(progress) = &self.progress {
            progress.finish();
        }
    }
}
