//! `--fail-if`: which difference of a figure is too much.

use crate::load::{Figure, Scalar, Stat};
use crate::profile::Wrong;
use std::fmt;

/// Which way a figure gets worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Growing is bad: times, errors.
    Up,
    /// Shrinking is bad: throughput.
    Down,
}

/// How large a difference is meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// A part of the base: 0.1 is 10 %.
    Part(f64),
    /// In the figure's own unit.
    Absolute(f64),
}

/// A difference that is too much: `time_to_first_token_ms.p95 > +10%`.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Of which figure.
    pub figure: Figure,
    /// Which way.
    pub direction: Direction,
    /// Beyond how much.
    pub size: Size,
}

const FORM: &str = "a rule such as `time_to_first_token_ms.p95 > +10%`";

impl Limit {
    /// Reads `FIGURE > +CHANGE` or `FIGURE < -CHANGE`, where a change is `10%` or a number in the figure's own unit.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Limit, Wrong> {
        let value = |expected: &str, hint| Wrong::Value {
            key: "--fail-if".to_owned(),
            found: Some(text.to_owned()),
            expected: expected.to_owned(),
            hint,
        };
        let Some(at) = text.find(['<', '>', '=']) else {
            return Err(value(FORM, None));
        };
        let (figure, rest) = text.split_at(at);
        let figure = Figure::parse(figure.trim(), "--fail-if").map_err(|(_, mistake)| mistake)?;
        let (direction, sign, change) = match rest.split_at(1) {
            (">", change) => (Direction::Up, '+', change),
            ("<", change) => (Direction::Down, '-', change),
            _ => return Err(value("a rule with `>` or `<`", None)),
        };
        let Some(change) = change.trim().strip_prefix(sign) else {
            let expected = match direction {
                Direction::Up => "a growth after `>`, such as `+10%` or `+20`",
                Direction::Down => "a loss after `<`, such as `-10%` or `-20`",
            };
            let hint = "a bound for the figure itself is a threshold of the scenario";
            return Err(value(expected, Some(hint)));
        };
        let number = |text: &str| {
            let number: Option<f64> = text.trim_end().parse().ok();
            number.filter(|number| number.is_finite() && *number >= 0.0)
        };
        let size = match change.strip_suffix('%') {
            Some(percent) => number(percent).map(|percent| Size::Part(percent / 100.0)),
            None => number(change).map(Size::Absolute),
        };
        match size {
            Some(size) => Ok(Limit {
                figure,
                direction,
                size,
            }),
            None => Err(value(
                "a number after the sign, `%` or nothing after it",
                None,
            )),
        }
    }

    /// How large the difference may be, beside this base.
    pub(super) fn tolerance(&self, base: f64) -> f64 {
        match self.size {
            Size::Part(part) => part * base.abs(),
            Size::Absolute(absolute) => absolute,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.direction {
            Direction::Up => "> +",
            Direction::Down => "< -",
        };
        match self.size {
            // 0.1 * 100 is a hair more than 10.
            Size::Part(part) => {
                let percent = (part * 1e8).round() / 1e6;
                write!(f, "{} {sign}{percent}%", self.figure)
            }
            Size::Absolute(absolute) => write!(f, "{} {sign}{absolute}", self.figure),
        }
    }
}

/// The limits where none are asked for: a tenth for times and throughput, a point of a hundred for shares.
pub(super) fn usual() -> Vec<Limit> {
    use crate::load::Metric;
    const TIMES: [Metric; 6] = [
        Metric::TimeToFirstToken,
        Metric::TtftFromIntended,
        Metric::InterChunkLatency,
        Metric::TimePerOutputToken,
        Metric::RequestLatency,
        Metric::ResponseTime,
    ];
    let times = TIMES.into_iter().flat_map(|metric| {
        [Stat::P50, Stat::P95, Stat::P99].map(|stat| Limit {
            figure: Figure::Metric(metric, stat),
            direction: Direction::Up,
            size: Size::Part(0.1),
        })
    });
    let others = [
        (Scalar::ErrorRatio, Direction::Up, Size::Absolute(0.01)),
        (
            Scalar::GoodRequestFraction,
            Direction::Down,
            Size::Absolute(0.01),
        ),
        (Scalar::AchievedRate, Direction::Down, Size::Part(0.1)),
    ];
    times
        .chain(others.map(|(scalar, direction, size)| Limit {
            figure: Figure::Scalar(scalar),
            direction,
            size,
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_written() {
        for (text, canonical) in [
            (
                "time_to_first_token_ms.p95 > +10%",
                "time_to_first_token_ms.p95 > +10%",
            ),
            ("error_ratio>+0.01", "error_ratio > +0.01"),
            (" goodput_rps <  -2.5 % ", "goodput_rps < -2.5%"),
        ] {
            let limit = Limit::parse(text).expect(text);
            assert_eq!(limit.to_string(), canonical);
            assert_eq!(Limit::parse(canonical).as_ref(), Ok(&limit));
        }
        for limit in usual() {
            assert_eq!(Limit::parse(&limit.to_string()), Ok(limit));
        }
    }

    #[test]
    fn what_is_no_limit_says_why() {
        for (text, said) in [
            ("", "a rule such as"),
            ("time_to_first_token_ms.p95", "a rule such as"),
            ("time_to_first_token.p95 > +10%", "unknown figure"),
            ("error_ratio = +1", "with `>` or `<`"),
            ("error_ratio > 1", "a growth after `>`"),
            ("error_ratio > -1", "a growth after `>`"),
            ("goodput_rps < +1", "a loss after `<`"),
            ("error_ratio > +x%", "a number after the sign"),
            ("error_ratio > +-1", "a number after the sign"),
            ("error_ratio > +inf", "a number after the sign"),
        ] {
            let wrong = Limit::parse(text).expect_err(text).to_string();
            assert!(wrong.contains(said), "{text}: {wrong}");
        }
    }
}
