//! What is drawn on a terminal while a run goes on: how much, how fast, what fails, how far. It is drawn from
//! snapshots and knows nothing of what makes them, nor of the terminal that it is drawn on.

use super::words;
use crate::record::{Lately, Snapshot};
use crate::report::text::line;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph, Sparkline};
use std::collections::VecDeque;
use std::time::Duration;

/// Over how long a rate is taken.
const RATE_OVER: Duration = Duration::from_secs(2);

/// Seconds that a sparkline shows at most.
const SECONDS: usize = 240;

/// What is known of a run before it begins.
#[derive(Debug, Clone, Default)]
pub struct Title {
    /// The scenario.
    pub scenario: String,
    /// The target.
    pub target: String,
    /// The names of its stages, in order.
    pub stages: Vec<String>,
    /// What a search varies; empty where it does not search.
    pub variable: &'static str,
}

/// A run, as it has been seen so far.
#[derive(Debug)]
pub struct Live {
    title: Title,
    colour: bool,
    now: Snapshot,
    /// Snapshots of the last seconds, the oldest first.
    lately: VecDeque<Snapshot>,
    /// Successes and requests in flight, second by second.
    seconds: VecDeque<(u64, u64)>,
    /// The second that is not full yet: successes before it.
    second: (u64, u64),
    ending: bool,
}

impl Live {
    /// Nothing has been seen yet.
    pub fn new(title: Title, colour: bool) -> Live {
        Live {
            title,
            colour,
            now: Snapshot::default(),
            lately: VecDeque::new(),
            seconds: VecDeque::new(),
            second: (0, 0),
            ending: false,
        }
    }

    /// A snapshot came.
    pub fn saw(&mut self, seen: Snapshot) {
        let (second, before) = self.second;
        let number = seen.elapsed.as_secs();
        if number > second {
            let successes = seen.succeeded.saturating_sub(before);
            // Where no snapshot came for some seconds, each of them has its part.
            let passed = number - second;
            for _ in 0..passed.min(SECONDS as u64) {
                self.seconds.push_back((successes / passed, seen.in_flight));
            }
            self.second = (number, seen.succeeded);
            while self.seconds.len() > SECONDS {
                self.seconds.pop_front();
            }
        }
        self.lately.push_back(seen);
        while let Some(next) = self.lately.get(1)
            && seen.elapsed.saturating_sub(next.elapsed) >= RATE_OVER
        {
            self.lately.pop_front();
        }
        self.now = seen;
    }

    /// Its end was asked for.
    pub fn ends(&mut self) {
        self.ending = true;
    }

    /// So many a second of late.
    fn rate(&self, of: impl Fn(&Snapshot) -> u64) -> Option<f64> {
        let first = self.lately.front()?;
        let span = self.now.elapsed.saturating_sub(first.elapsed).as_secs_f64();
        let more = of(&self.now).saturating_sub(of(first));
        (span > 0.0).then(|| more as f64 / span)
    }

    fn style(&self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    /// Draws it; what has no room is left out from below.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let rows = [
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(7),
            Constraint::Min(4),
            Constraint::Length(7),
            Constraint::Length(1),
        ];
        let [head, progress, figures, plots, errors, foot] =
            Layout::vertical(rows).areas(frame.area());
        self.head(frame, head);
        self.progress(frame, progress);
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(45), Constraint::Percentage(55)])
                .areas(figures);
        self.counts(frame, left);
        self.times(frame, right);
        self.plots(frame, plots);
        self.errors(frame, errors);
        let foot_text = if self.ending {
            "ending: what is open is cut, the report is written"
        } else {
            "q or Ctrl-C ends the run; its report is written"
        };
        frame.render_widget(
            Paragraph::new(foot_text).style(self.style(Color::DarkGray)),
            foot,
        );
    }

    fn head(&self, frame: &mut Frame<'_>, area: Rect) {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let text = Line::from(vec![
            Span::styled(line(&self.title.scenario), bold),
            Span::raw(format!(" on {}", line(&self.title.target))),
        ]);
        frame.render_widget(Paragraph::new(text), area);
    }

    fn progress(&self, frame: &mut Frame<'_>, area: Rect) {
        let (done, all) = self.now.measured;
        let share = if all.is_zero() {
            0.0
        } else {
            (done.as_secs_f64() / all.as_secs_f64()).clamp(0.0, 1.0)
        };
        let label = format!("{}, {}", words::span(self.now.elapsed), self.phase());
        let gauge = Gauge::default()
            .ratio(share)
            .label(label)
            .gauge_style(self.style(Color::Blue));
        frame.render_widget(gauge, area);
    }

    fn phase(&self) -> String {
        let now = &self.now;
        let of = |(done, all): (Duration, Duration)| {
            format!("{:.0} of {} s", done.as_secs_f64(), all.as_secs())
        };
        if let Some((number, value)) = now.probe {
            let value = words::exact(value);
            let phase = if now.draining { ", draining" } else { "" };
            return format!("probe {number}: {} {value}{phase}", self.title.variable);
        }
        match (now.measuring, now.draining) {
            (_, true) => "draining".to_owned(),
            (false, false) => "warming up".to_owned(),
            (true, false) => {
                let stages = &self.title.stages;
                let named = now.stage.and_then(|at| Some((at, stages.get(at)?)));
                match named {
                    Some((at, name)) if stages.len() > 1 => format!(
                        "stage {} ({} of {}), {}",
                        line(name),
                        at + 1,
                        stages.len(),
                        of(now.measured)
                    ),
                    _ => format!("measuring, {}", of(now.measured)),
                }
            }
        }
    }

    fn table(&self, frame: &mut Frame<'_>, area: Rect, title: &str, rows: &[(&str, String)]) {
        let wide = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let lines: Vec<Line<'_>> = rows
            .iter()
            .map(|(name, value)| {
                let faint = self.style(Color::DarkGray);
                Line::from(vec![
                    Span::styled(format!("{name:wide$}  "), faint),
                    Span::raw(value.clone()),
                ])
            })
            .collect();
        let block = Block::bordered().title(title.to_owned());
        frame.render_widget(Paragraph::new(lines).block(block), area);
    }

    fn counts(&self, frame: &mut Frame<'_>, area: Rect) {
        let now = &self.now;
        let rate = |of: fn(&Snapshot) -> u64| words::or_none(self.rate(of));
        let mut rows = vec![
            ("offered/s", rate(|seen| seen.sent + seen.dropped)),
            ("right/s", rate(|seen| seen.succeeded)),
            ("chunks/s", rate(|seen| seen.contents)),
            ("in flight", words::number(now.in_flight)),
        ];
        let sent = format!(
            "{}, {} right",
            words::number(now.sent),
            words::number(now.succeeded)
        );
        rows.push(("sent", sent));
        self.table(frame, area, " load ", &rows);
    }

    fn times(&self, frame: &mut Frame<'_>, area: Rect) {
        let Lately {
            ttft_ms,
            icl_ms,
            lag_ms,
        } = self.now.lately;
        let pair = |pair: Option<(f64, f64)>| match pair {
            Some((p50, p99)) => format!("{:>8}  {:>8}", words::figure(p50), words::figure(p99)),
            None => format!("{:>8}  {:>8}", words::NONE, words::NONE),
        };
        let rows = [
            ("last second, ms", format!("{:>8}  {:>8}", "p50", "p99")),
            ("first token", pair(ttft_ms)),
            ("gap of chunks", pair(icl_ms)),
            (
                "sent late",
                format!("{:>8}  {:>8}", "", words::or_none(lag_ms)),
            ),
        ];
        self.table(frame, area, " times ", &rows);
    }

    fn plots(&self, frame: &mut Frame<'_>, area: Rect) {
        let areas = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]);
        let [left, right] = areas.areas(area);
        let right_by_second: Vec<u64> = self.seconds.iter().map(|(right, _)| *right).collect();
        let flying: Vec<u64> = self.seconds.iter().map(|(_, flying)| *flying).collect();
        for (area, title, values, colour) in [
            (left, "right/s", right_by_second, Color::Green),
            (right, "in flight", flying, Color::Cyan),
        ] {
            let most = values.iter().copied().max().unwrap_or(0);
            let title = format!(" {title}, {} at most ", words::number(most));
            let room = usize::from(area.width.saturating_sub(2));
            let shown = &values[values.len().saturating_sub(room)..];
            let plot = Sparkline::default()
                .block(Block::bordered().title(title))
                .data(shown.to_vec())
                .style(self.style(colour));
            frame.render_widget(plot, area);
        }
    }

    fn errors(&self, frame: &mut Frame<'_>, area: Rect) {
        let now = &self.now;
        let mut title = format!(" {}", words::count(now.errors, "error"));
        for (count, what) in [(now.throttled, "throttled"), (now.dropped, "dropped")] {
            if count > 0 {
                title.push_str(&format!(", {} {what}", words::number(count)));
            }
        }
        title.push(' ');
        let lines: Vec<Line<'_>> = now
            .classes
            .iter()
            .flatten()
            .map(|(class, count)| {
                let bad = class.is_error() && !class.is_throttled();
                let style = if bad {
                    self.style(Color::Red)
                } else {
                    self.style(Color::Yellow)
                };
                Line::from(vec![
                    Span::raw(format!("{:>9}  ", words::number(*count))),
                    Span::styled(format!("{class:20}  "), style),
                    Span::raw(class.says()),
                ])
            })
            .collect();
        let block = Block::bordered().title(title);
        frame.render_widget(Paragraph::new(lines).block(block), area);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64, succeeded: u64) -> Snapshot {
        Snapshot {
            elapsed: Duration::from_millis(millis),
            sent: succeeded + 10,
            succeeded,
            ..Snapshot::default()
        }
    }

    #[test]
    fn rates_are_those_of_the_last_two_seconds() {
        let mut live = Live::new(Title::default(), false);
        assert_eq!(live.rate(|seen| seen.succeeded), None);
        for tenth in 0..=100 {
            let succeeded = if tenth <= 50 {
                tenth * 10
            } else {
                500 + (tenth - 50) * 2
            };
            live.saw(at(tenth * 100, succeeded));
        }
        let rate = live.rate(|seen| seen.succeeded);
        assert_eq!(rate, Some(20.0));
        assert_eq!(live.seconds.len(), 10);
        assert_eq!(live.seconds.front(), Some(&(100, 0)));
        assert_eq!(live.seconds.back(), Some(&(20, 0)));
    }
}
