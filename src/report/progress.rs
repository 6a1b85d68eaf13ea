//! What is shown while a run goes on. A [`Progress`] is told of each event and of passing time, and says which lines
//! to write: a terminal gets a bar, anything else a line every ten seconds and one for each failure.

use super::text::{count, line};
use crate::record::{Event, Outcome, TestResult};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A line for people.
pub type Line = String;

/// How far a run has come.
#[derive(Debug, Default)]
pub struct Progress {
    planned: usize,
    finished: usize,
    failed: usize,
    known: Vec<String>,
    running: Vec<String>,
    told: Duration,
    bar: Option<ProgressBar>,
}

/// Without a terminal, how often a line says how far the run has come.
const EVERY: Duration = Duration::from_secs(10);

impl Progress {
    /// For a file, a pipe, a CI log: only lines.
    pub fn lines() -> Progress {
        Progress::default()
    }

    /// The same, with failures that are known: they are no news.
    #[must_use]
    pub fn knowing(mut self, failures: impl IntoIterator<Item = String>) -> Progress {
        self.known = failures.into_iter().collect();
        self
    }

    /// For a terminal: a bar at its end, on standard error.
    pub fn bar() -> Progress {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {msg}")
            .expect("the template is right")
            .progress_chars("=> ");
        bar.set_style(style);
        Progress {
            bar: Some(bar),
            ..Progress::default()
        }
    }

    /// An event, `elapsed` after the run began: the line that tells of it, if one does.
    pub fn on(&mut self, event: &Event, elapsed: Duration) -> Option<Line> {
        let told = match event {
            Event::Planned { tests } => {
                self.planned = *tests;
                None
            }
            Event::Started { id } => {
                self.running.push(id.clone());
                None
            }
            Event::Finished(result) => {
                self.finished += 1;
                self.running.retain(|id| *id != result.id);
                let news = result.outcome == Outcome::Fail && !self.known.contains(&result.id);
                news.then(|| {
                    self.failed += 1;
                    failure(result)
                })
            }
            Event::Exchanged(_) => None,
            Event::Waiting { span, why } => {
                let text = format!("waiting {} s: {}", span.as_secs_f64().ceil(), line(why));
                if let Some(bar) = &self.bar {
                    bar.set_message(text);
                    return None;
                }
                (*span >= EVERY).then_some(text)
            }
            Event::Stopping => Some(
                "stopping: what runs may finish; a second signal abandons it; reports are written either way"
                    .to_owned(),
            ),
        };
        self.draw();
        told.or_else(|| self.tick(elapsed))
    }

    /// Time passed: the line that is due, if one is.
    pub fn tick(&mut self, elapsed: Duration) -> Option<Line> {
        if self.bar.is_some() || elapsed < self.told + EVERY {
            return None;
        }
        self.told = elapsed;
        Some(self.state(elapsed))
    }

    /// Writes a line where lines go: above the bar, or by `write`.
    pub fn show(&self, line: &str, write: impl FnOnce(&str)) {
        match &self.bar {
            Some(bar) => bar.suspend(|| write(line)),
            None => write(line),
        }
    }

    /// The run is over: the bar goes.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn draw(&self) {
        let Some(bar) = &self.bar else { return };
        bar.set_length(self.planned as u64);
        bar.set_position(self.finished as u64);
        let running = self.running.first().map_or("", String::as_str);
        bar.set_message(format!("{} failed  {running}", self.failed));
    }

    fn state(&self, elapsed: Duration) -> Line {
        if self.planned == 0 {
            return format!(
                "{} s: a plain valid request is under way",
                elapsed.as_secs()
            );
        }
        let mut text = format!(
            "{} s: {} of {} done, {} failed",
            elapsed.as_secs(),
            self.finished,
            count(self.planned, "test"),
            self.failed
        );
        if let Some(oldest) = self.running.first() {
            text.push_str(", running ");
            text.push_str(oldest);
        }
        text
    }
}

fn failure(result: &TestResult) -> Line {
    let message = match result.checks.iter().find(|check| check.is_finding()) {
        Some(check) => format!("expected {}, got {}", check.expected, check.actual),
        None => result.message.clone(),
    };
    format!(
        "FAIL  {}  {}  {}",
        result.id,
        result.requirement,
        line(&message)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_a_line_comes_every_ten_seconds() {
        let mut progress = Progress::lines();
        let at = Duration::from_secs;
        assert_eq!(progress.on(&Event::Planned { tests: 3 }, at(0)), None);
        let started = Event::Started {
            id: "a.b".to_owned(),
        };
        assert_eq!(progress.on(&started, at(1)), None);
        assert_eq!(progress.tick(at(9)), None);
        let line = progress.tick(at(10)).expect("ten seconds passed");
        assert_eq!(line, "10 s: 0 of 3 tests done, 0 failed, running a.b");
        assert_eq!(progress.tick(at(19)), None);
        assert!(progress.tick(at(20)).is_some());
    }
}
