//! Abort rules that look at one answer after the other: too many errors, one after another or of late, codes that make
//! going on pointless, and a target that is given more than it carries.

use super::saturation::Saturation;
use super::scenario::{Abort, OverSaturation};
use crate::contract::ErrorCode;
use crate::record::load::ErrorClass;
use std::collections::VecDeque;
use std::time::Duration;

/// How fine the sliding window is.
const STEP: Duration = Duration::from_millis(250);

/// What the rules have seen.
#[derive(Debug)]
pub(super) struct Alarm {
    /// The ratio that is too much, and the window.
    ratio: Option<(f64, Duration)>,
    consecutive: Option<u64>,
    codes: Vec<ErrorCode>,
    /// Steps of the window, the oldest first: number, successes, errors.
    steps: VecDeque<(u64, u64, u64)>,
    in_a_row: u64,
    /// Where the run stops once the target is given too much.
    saturation: Option<Saturation>,
}

impl Alarm {
    pub(super) fn new(abort: &Abort) -> Alarm {
        Alarm {
            ratio: abort.error_ratio.map(|ratio| (ratio.over, ratio.window)),
            consecutive: abort.consecutive_errors,
            codes: abort.codes.clone(),
            steps: VecDeque::new(),
            in_a_row: 0,
            saturation: match abort.over_saturation {
                OverSaturation::Stop => Some(Saturation::default()),
                OverSaturation::GoOn => None,
            },
        }
    }

    /// An answer ended, so long after the run's begin: why to stop, if there is a reason. What is throttled or ours is
    /// neither success nor error. `began` is when the answer began to come, and how long that had been waited for.
    pub(super) fn ended(
        &mut self,
        at: Duration,
        failure: Option<ErrorClass>,
        began: Option<(Duration, Duration)>,
    ) -> Option<String> {
        if let Some(saturation) = &mut self.saturation {
            saturation.ended(at, began.filter(|_| failure.is_none()));
        }
        if let Some(ErrorClass::Code(code)) = failure
            && self.codes.contains(&code)
        {
            return Some(format!("an answer had the code {code}"));
        }
        let failed = match failure {
            None => false,
            Some(class) if class.is_error() && !class.is_throttled() => true,
            Some(_) => return None,
        };
        self.in_a_row = if failed { self.in_a_row + 1 } else { 0 };
        if let Some(most) = self.consecutive
            && self.in_a_row >= most
        {
            return Some(format!("{most} errors one after another"));
        }
        if self.ratio.is_some() {
            let step = step(at);
            match self.steps.back_mut() {
                Some(last) if last.0 >= step => {
                    last.1 += u64::from(!failed);
                    last.2 += u64::from(failed);
                }
                _ => self
                    .steps
                    .push_back((step, u64::from(!failed), u64::from(failed))),
            }
        }
        None
    }

    /// Time has passed; so many requests are in flight, so many have come. Why to stop, if there is a reason. To be
    /// asked every 250 ms at least.
    pub(super) fn look(&mut self, at: Duration, in_flight: u64, come: u64) -> Option<String> {
        self.ratio(at).or_else(|| {
            let saturation = self.saturation.as_mut()?;
            saturation.look(at, in_flight, come)
        })
    }

    fn ratio(&mut self, at: Duration) -> Option<String> {
        let (over, window) = self.ratio?;
        let oldest = step(at.saturating_sub(window));
        while self.steps.front().is_some_and(|(step, ..)| *step < oldest) {
            self.steps.pop_front();
        }
        if at < window {
            return None;
        }
        let (good, bad) = self
            .steps
            .iter()
            .fold((0, 0), |(good, bad), (_, g, b)| (good + g, bad + b));
        let ratio = bad as f64 / ((good + bad).max(1)) as f64;
        (ratio > over).then(|| {
            format!(
                "an error ratio of {ratio:.3} over the last {:.0} s, more than {over}",
                window.as_secs_f64()
            )
        })
    }
}

fn step(at: Duration) -> u64 {
    u64::try_from(at.as_nanos() / STEP.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::scenario::ErrorRatio;
    use super::*;

    fn abort() -> Abort {
        Abort {
            error_ratio: None,
            consecutive_errors: None,
            codes: Vec::new(),
            thresholds: Vec::new(),
            after: Duration::ZERO,
            over_saturation: OverSaturation::GoOn,
        }
    }

    const S: fn(f64) -> Duration = Duration::from_secs_f64;

    #[test]
    fn the_window_slides() {
        let mut alarm = Alarm::new(&Abort {
            error_ratio: Some(ErrorRatio {
                over: 0.5,
                window: S(10.0),
            }),
            ..abort()
        });
        for tenth in 0..90 {
            assert_eq!(
                alarm.ended(S(f64::from(tenth) / 10.0), Some(ErrorClass::Reset), None),
                None
            );
            assert_eq!(
                alarm.look(S(f64::from(tenth) / 10.0), 1, 1),
                None,
                "before the window is over"
            );
        }
        assert!(alarm.look(S(10.0), 1, 1).is_some());
        for tenth in 100..200 {
            alarm.ended(S(f64::from(tenth) / 10.0), None, None);
        }
        assert_eq!(
            alarm.look(S(20.0), 1, 1),
            None,
            "the errors are out of the window"
        );
    }

    #[test]
    fn a_throttled_answer_breaks_no_row_and_is_in_no_ratio() {
        let mut alarm = Alarm::new(&Abort {
            consecutive_errors: Some(3),
            codes: vec![ErrorCode::InvalidApiKey],
            ..abort()
        });
        let limited = Some(ErrorClass::Code(ErrorCode::RateLimited));
        for _ in 0..10 {
            assert_eq!(alarm.ended(S(1.0), limited, None), None);
        }
        assert_eq!(alarm.ended(S(1.0), Some(ErrorClass::Schema), None), None);
        assert_eq!(alarm.ended(S(1.0), limited, None), None);
        assert_eq!(alarm.ended(S(1.0), Some(ErrorClass::Schema), None), None);
        assert!(alarm.ended(S(1.0), Some(ErrorClass::Reset), None).is_some());
        let key = Some(ErrorClass::Code(ErrorCode::InvalidApiKey));
        assert!(
            alarm
                .ended(S(1.0), key, None)
                .is_some_and(|why| why.contains("invalid_api_key"))
        );
    }
}
