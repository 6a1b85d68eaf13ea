//! Thresholds: `metric.stat op value [for request]`.

use super::figure::Figure;
use crate::profile::Wrong;
use std::fmt;

/// How a figure is compared with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `<`
    Under,
    /// `<=`
    AtMost,
    /// `>`
    Over,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
}

impl Op {
    /// All of them.
    pub const ALL: &[Op] = &[Op::Under, Op::AtMost, Op::Over, Op::AtLeast, Op::Equal];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Op::Under => "<",
            Op::AtMost => "<=",
            Op::Over => ">",
            Op::AtLeast => ">=",
            Op::Equal => "==",
        }
    }

    /// Whether the figure stands on the right side of the bound.
    pub fn holds(self, figure: f64, bound: f64) -> bool {
        match self {
            Op::Under => figure < bound,
            Op::AtMost => figure <= bound,
            Op::Over => figure > bound,
            Op::AtLeast => figure >= bound,
            Op::Equal => figure == bound,
        }
    }
}

/// A threshold: what a figure has to be. `Display` writes it as a scenario does.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The figure.
    pub figure: Figure,
    /// How it is compared.
    pub op: Op,
    /// With what; in the figure's own unit. Finite.
    pub bound: f64,
    /// The request of the mix that is meant; the whole run where `None`.
    pub request: Option<String>,
}

/// Where rules stand, in messages.
const KEY: &str = "thresholds.rules";

impl Rule {
    /// Reads `metric.stat op value [for request]`. Whether there is such a request is for the caller to know.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with the byte of `text` where it stands.
    pub fn parse(text: &str) -> Result<Rule, Vec<(usize, Wrong)>> {
        let mut rest = Rest { text, at: 0 };
        let (figure_at, figure) = rest.word(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
        let (op_at, op) = rest.word(|c| "<>=!~".contains(c));
        let (bound_at, bound) = rest.word(|c| !c.is_whitespace());
        let (for_at, for_word) = rest.word(|c| !c.is_whitespace());
        let (_, request) = rest.word(|c| !c.is_whitespace());
        let (more_at, more) = rest.word(|_| true);
        let value = |found: &str, expected: &str, hint| Wrong::Value {
            key: KEY.to_owned(),
            found: Some(found.to_owned()),
            expected: expected.to_owned(),
            hint,
        };
        const FORM: &str = "a rule such as `time_to_first_token_ms.p95 < 800`";
        if figure.is_empty() || (op.is_empty() && bound.is_empty()) {
            return Err(vec![(0, value(text, FORM, None))]);
        }
        let mut wrong = Vec::new();
        let figure = Figure::parse(figure, KEY)
            .map_err(|(at, mistake)| wrong.push((figure_at + at, mistake)))
            .ok();
        let known = Op::ALL.iter().copied().find(|known| known.as_str() == op);
        if known.is_none() {
            let expected = "a rule with `<`, `<=`, `>`, `>=` or `==`";
            wrong.push((op_at, value(text, expected, None)));
        }
        let number = bound.parse().ok().filter(|number: &f64| number.is_finite());
        if number.is_none() && known.is_some() {
            let unit = bound.starts_with(|c: char| c.is_ascii_digit());
            let hint = unit.then_some("a number without a unit: the figure's name tells it");
            let expected = "a rule with a number after its sign";
            wrong.push((bound_at, value(text, expected, hint)));
        }
        let tail_is_right = match (for_word, request) {
            ("", "") => true,
            ("for", request) => !request.is_empty() && more.is_empty(),
            _ => false,
        };
        if !tail_is_right && number.is_some() {
            let at = if for_word == "for" && !request.is_empty() {
                more_at
            } else {
                for_at
            };
            let expected = "a rule that ends there, or in `for` and the name of a request";
            wrong.push((at, value(text, expected, None)));
        }
        match (figure, known, number) {
            (Some(figure), Some(op), Some(bound)) if wrong.is_empty() => Ok(Rule {
                figure,
                op,
                bound,
                request: (!request.is_empty()).then(|| request.to_owned()),
            }),
            _ => Err(wrong), // one of them was reported
        }
    }

    /// Whether a value of the figure keeps the rule.
    pub fn holds(&self, value: f64) -> bool {
        self.op.holds(value, self.bound)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.figure, self.op.as_str(), self.bound)?;
        match &self.request {
            Some(request) => write!(f, " for {request}"),
            None => Ok(()),
        }
    }
}

/// What is still to be read of a rule.
struct Rest<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Rest<'t> {
    /// The characters that come next, white space before them skipped, and where they begin.
    fn word(&mut self, belongs: impl Fn(char) -> bool) -> (usize, &'t str) {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        let begin = self.at + (rest.len() - trimmed.len());
        let length = trimmed.find(|c| !belongs(c)).unwrap_or(trimmed.len());
        self.at = begin + length;
        (begin, &self.text[begin..self.at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Result<String, String> {
        Rule::parse(text)
            .map(|rule| rule.to_string())
            .map_err(|wrong| {
                let told: Vec<String> = wrong
                    .iter()
                    .map(|(at, wrong)| format!("{at}: {wrong}"))
                    .collect();
                told.join("; ")
            })
    }

    #[test]
    fn rules_are_read_whatever_their_spaces() {
        for (text, canonical) in [
            (
                "time_to_first_token_ms.p95 < 800",
                "time_to_first_token_ms.p95 < 800",
            ),
            (
                "  inter_chunk_latency_ms.p99_9<=2e2   for  stream ",
                "inter_chunk_latency_ms.p99_9 <= 200 for stream",
            ),
            ("error_ratio == 0", "error_ratio == 0"),
            ("in_flight.max >= 19.5", "in_flight.max >= 19.5"),
            ("stalls.count>-1", "stalls.count > -1"),
        ] {
            assert_eq!(rule(text).as_deref(), Ok(canonical), "{text}");
            assert_eq!(rule(canonical).as_deref(), Ok(canonical));
        }
    }

    #[test]
    fn what_is_wrong_with_a_rule_has_its_place() {
        for (text, places) in [
            ("", vec![0]),
            ("error_ratio", vec![0]),
            ("eror_ratio < 1", vec![0]),
            ("error_ratio.p95 < 1", vec![0]),
            ("request_latency_ms < 1", vec![0]),
            ("request_latency_ms.p96 < 1", vec![19]),
            ("request_latency_ms.p95 = 1", vec![23]),
            ("request_latency_ms.p95 5", vec![23]),
            ("request_latency_ms.p95 < 800ms", vec![25]),
            ("request_latency_ms.p95 <", vec![24]),
            ("request_latency_ms.p95 < nan", vec![25]),
            ("request_latency_ms.p95 < 1 of x", vec![27]),
            ("request_latency_ms.p95 < 1 for", vec![27]),
            ("request_latency_ms.p95 < 1 for a b", vec![33]),
            ("zzz < soon", vec![0, 6]),
        ] {
            let wrong = Rule::parse(text).expect_err(text);
            let found: Vec<usize> = wrong.iter().map(|(at, _)| *at).collect();
            assert_eq!(found, places, "{text}: {wrong:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z_.<>=0-9 \u{e9}]{0,40}|.{0,40}") {
            let _ = Rule::parse(&text);
        }
    }
}
