//! Reads what has to hold at the end, and what stops the run before.

use super::mistakes::out_of_place;
use super::model::Model;
use super::plan::seconds_or_default;
use super::request::Request;
use super::{Abort, Ci, ErrorRatio, OverSaturation, Thresholds, words};
use crate::contract::ErrorCode;
use crate::judge::Mode;
use crate::load::figure::{Figure, Kept, Takes};
use crate::load::rule::Rule;
use crate::profile::{Section, Text, Wrong, nearest};
use std::time::Duration;

/// What is known of the scenario; each is `None` where something is wrong with it.
pub(super) struct Known<'s> {
    /// The names of the mix, those of wrong requests too.
    pub(super) names: &'s [String],
    pub(super) requests: Option<&'s [Request]>,
    pub(super) model: Option<&'s Model>,
}

/// Reads `[thresholds]`; `None` where a rule is wrong.
pub(super) fn read(section: &Section<'_, '_>, known: &Known<'_>) -> Option<Thresholds> {
    let ci = words::read(section, "ci", Ci::of_word);
    let texts = if section.has("rules") {
        section.texts("rules")?
    } else {
        Vec::new()
    };
    let rules: Vec<Option<Rule>> = texts
        .iter()
        .map(|text| rule(section, text, known))
        .collect();
    Some(Thresholds {
        rules: rules.into_iter().collect::<Option<_>>()?,
        ci,
    })
}

fn rule(section: &Section<'_, '_>, text: &Text, known: &Known<'_>) -> Option<Rule> {
    let document = section.document();
    let rule = match Rule::parse(&text.value) {
        Ok(rule) => rule,
        Err(wrong) => {
            for (at, wrong) in wrong {
                document.report(document.inside(text, at), wrong);
            }
            return None;
        }
    };
    if let Some((at, wrong)) = unfit(&rule, &text.value, known) {
        document.report(document.inside(text, at), wrong);
        return None;
    }
    Some(rule)
}

/// What is wrong with a rule in this scenario, and at which byte of it: a rule that can never have a value fails
/// every run.
fn unfit(rule: &Rule, text: &str, known: &Known<'_>) -> Option<(usize, Wrong)> {
    let says_nothing = |place: &str, hint| {
        let at = text.len() - text.trim_start().len();
        let wrong = Wrong::OutOfPlace {
            key: rule.figure.to_string(),
            place: place.to_owned(),
            hint,
        };
        Some((at, wrong))
    };
    if let Some(name) = &rule.request {
        if rule.figure.kept() == Kept::OfRun {
            let hint = Some("it is of the whole run: leave `for …` out");
            return says_nothing("of one request", hint);
        }
        if !known.names.contains(name) {
            let names = known.names.iter().map(String::as_str);
            let wrong = Wrong::UnknownName {
                kind: "request",
                name: name.clone(),
                nearest: nearest(name, names).map(str::to_owned),
            };
            return Some((text.rfind(name.as_str()).unwrap_or(0), wrong));
        }
    }
    let meant = |request: &&Request| match &rule.request {
        Some(name) => request.name == *name,
        None => true,
    };
    let streams = known.requests.is_none_or(|requests| {
        let mut meant = requests.iter().filter(meant);
        meant.any(|request| request.mode == Mode::Stream)
    });
    let (open, thinks) = match known.model {
        None => (true, true),
        Some(Model::Open(_)) => (true, false),
        Some(Model::Closed(closed)) => (false, closed.think_time_ms.is_some()),
    };
    let takes = rule.figure.takes();
    match takes {
        Takes::Streams | Takes::ArrivingStreams if !streams => match &rule.request {
            Some(_) => says_nothing("of JSON answers", None),
            None => says_nothing("without a request whose `stream` is true", None),
        },
        Takes::Arrivals | Takes::ArrivingStreams if !open => {
            let hint =
                "a user's request is due when it is sent: take the figure that runs from there";
            says_nothing("in the closed model", Some(hint))
        }
        Takes::Thought if open && !thinks => says_nothing("in the open model", None),
        Takes::Thought if !thinks => says_nothing("without [think_time]", None),
        Takes::Anything
        | Takes::Streams
        | Takes::Arrivals
        | Takes::ArrivingStreams
        | Takes::Thought => None,
    }
}

/// Reads `[abort]`. The rules are known where nothing is wrong with them.
pub(super) fn abort(section: &Section<'_, '_>, thresholds: Option<&Thresholds>) -> Option<Abort> {
    let error_ratio = section.section("error_ratio").map(|table| {
        Some(ErrorRatio {
            window: seconds_or_default(&table, "for_s"),
            over: table.number("over")?,
        })
    });
    let codes = section.texts("codes").unwrap_or_default();
    let codes = codes
        .iter()
        .filter_map(|code| ErrorCode::parse(&code.value));
    let named = section.texts("threshold");
    let none_named = !section.has("threshold") || named.as_ref().is_some_and(Vec::is_empty);
    let named = named.unwrap_or_default();
    let figures: Vec<Figure> = named
        .iter()
        .filter_map(|text| figure(section, text, thresholds))
        .collect();
    let after = if none_named {
        out_of_place(section, "after_s", "without `threshold`", None);
        Duration::ZERO
    } else {
        seconds_or_default(section, "after_s")
    };
    Some(Abort {
        codes: codes.collect(),
        thresholds: figures,
        after,
        consecutive_errors: section.whole("consecutive_errors"),
        over_saturation: if section.flag_or_default("over_saturation") {
            OverSaturation::Stop
        } else {
            OverSaturation::GoOn
        },
        error_ratio: match error_ratio {
            Some(read) => Some(read?),
            None => None,
        },
    })
}

/// A figure of `abort.threshold`, of which a rule has to ask.
fn figure(
    section: &Section<'_, '_>,
    text: &Text,
    thresholds: Option<&Thresholds>,
) -> Option<Figure> {
    const KEY: &str = "abort.threshold";
    let document = section.document();
    let figure = match Figure::parse(&text.value, KEY) {
        Ok(figure) => figure,
        Err((at, wrong)) => {
            document.report(document.inside(text, at), wrong);
            return None;
        }
    };
    let mut rules = thresholds.iter().flat_map(|thresholds| &thresholds.rules);
    if thresholds.is_some() && !rules.any(|rule| rule.figure == figure) {
        let wrong = Wrong::Value {
            key: KEY.to_owned(),
            found: Some(text.value.clone()),
            expected: "a figure that a rule of [thresholds] asks for".to_owned(),
            hint: None,
        };
        document.report(text.at, wrong);
        return None;
    }
    Some(figure)
}
