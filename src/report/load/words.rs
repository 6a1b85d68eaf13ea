//! Numbers and phrases for people, the same on the terminal, in Markdown, in HTML and in JUnit's messages.

use super::exit::{Verdict, broken_musts, needed_doubts};
use crate::record::Distribution;
use crate::record::load::{Doubt, ErrorRow, Figures, LoadRecord, Part, Search, ThresholdOutcome};
use crate::report::text::line;
use std::time::Duration;

/// What stands where there is no figure.
pub(super) const NONE: &str = "-";

/// A whole number, its thousands apart: `1,234,567`.
pub(in crate::report) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 answer`, `1,234 answers`.
pub(super) fn count(value: u64, thing: &str) -> String {
    match value {
        1 => format!("1 {thing}"),
        _ => format!("{} {thing}s", number(value)),
    }
}

/// A figure to three digits, which is what a distribution keeps: `0.0123`, `4.56`, `78.9`, `123`, `4,567`.
pub(in crate::report) fn figure(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        NONE.to_owned()
    } else if size >= 99.95 {
        let whole = number(size.round() as u64);
        if value < 0.0 {
            format!("-{whole}")
        } else {
            whole
        }
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size >= 0.995 || size == 0.0 {
        format!("{value:.2}")
    } else {
        // Small ones keep three digits, wherever they begin: -log10 says how many zeros come before.
        let zeros = (-size.log10()).floor().clamp(0.0, 9.0) as usize;
        format!("{value:.*}", zeros + 3)
    }
}

/// [`figure`], or what stands for none.
pub(in crate::report) fn or_none(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), figure)
}

/// A figure beside the bound that it is compared with: to six digits, so that a broken one can be seen to be broken.
pub(super) fn exact(value: f64) -> String {
    format!("{}", significant(value))
}

/// A value to six significant digits: what is beyond them is noise of the arithmetic.
pub(super) fn significant(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let shift = 5 - value.abs().log10().floor() as i32;
    // Whole powers of ten only, by which a division is exact where a multiplication is not.
    let factor = 10f64.powi(shift.abs());
    if shift >= 0 {
        (value * factor).round() / factor
    } else {
        (value / factor).round() * factor
    }
}

/// A ratio as a percentage: `1.81 %`.
pub(super) fn percent(ratio: Option<f64>) -> String {
    match ratio {
        None => NONE.to_owned(),
        Some(0.0) => "0 %".to_owned(),
        Some(ratio) => format!("{} %", trimmed(&figure(ratio * 100.0))),
    }
}

/// Without zeros that say nothing: `100`, `2.5`.
pub(super) fn trimmed(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// A time that people read: `75.2 s`, `12 min 30 s`, `3 h 5 min`.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..120 => format!("{:.1} s", span.as_secs_f64()),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Bytes that people read: `12.3 MiB`.
pub(super) fn bytes(value: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if value < 1024 {
        return count(value, "byte");
    }
    let mut size = value as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{} {}", figure(size), UNITS[unit])
}

/// The word for a verdict.
pub(super) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => "PASS",
        Verdict::Interrupted => "INTERRUPTED",
        Verdict::Unreached => "NOT REACHED",
        Verdict::ShardMissing => "INCOMPLETE",
        Verdict::Aborted
        | Verdict::CutShort
        | Verdict::NoSuccess
        | Verdict::ThresholdBroken
        | Verdict::ContractBroken
        | Verdict::Invalid => "FAIL",
    }
}

/// The verdict and whatever else holds, in a sentence.
pub(super) fn headline(record: &LoadRecord) -> String {
    let verdicts = Verdict::all_of(record);
    let phrases: Vec<String> = verdicts
        .iter()
        // Where nothing answered, that no threshold had a sample is no news.
        .filter(|verdict| record.reached || **verdict != Verdict::ThresholdBroken)
        .map(|verdict| says(record, *verdict))
        .collect();
    phrases.join("; ")
}

/// What a verdict means for this run.
pub(super) fn says(record: &LoadRecord, verdict: Verdict) -> String {
    let after = span(record.duration);
    let reason = || match &record.abort_reason {
        Some(reason) => format!(": {}", line(reason)),
        None => String::new(),
    };
    match verdict {
        Verdict::Interrupted => {
            format!("interrupted after {after}: what ran so far is reported")
        }
        Verdict::ShardMissing => {
            "a shard is missing: this is not the whole of the run that was asked for".to_owned()
        }
        Verdict::Unreached => "nothing ever answered".to_owned(),
        Verdict::Aborted => format!("aborted after {after}{}", reason()),
        Verdict::CutShort => format!("ended after {after} because it could not go on{}", reason()),
        Verdict::NoSuccess => "not one answer was right".to_owned(),
        Verdict::ThresholdBroken => broken_thresholds(record),
        Verdict::ContractBroken => {
            let broken = broken_musts(record);
            let names: Vec<&str> = broken.iter().map(|(id, _)| id.as_str()).collect();
            let musts = count(broken.len() as u64, "MUST");
            format!("{musts} broken under load ({})", names.join(", "))
        }
        Verdict::Invalid => {
            let names: Vec<&str> = needed_doubts(record).map(|doubt| doubt.name).collect();
            let names = names.join(", ");
            format!("the measurement is invalid for what a threshold asks ({names})")
        }
        Verdict::Held => match record.thresholds.len() {
            0 => "no threshold was set, and nothing is wrong".to_owned(),
            1 => "the one threshold held".to_owned(),
            all => format!("all {all} thresholds held"),
        },
    }
}

fn broken_thresholds(record: &LoadRecord) -> String {
    let number = |outcome| {
        let with = record
            .thresholds
            .iter()
            .filter(|row| row.outcome == outcome);
        with.count()
    };
    let (broken, without) = (
        number(ThresholdOutcome::Fail),
        number(ThresholdOutcome::NoSamples),
    );
    let all = count(record.thresholds.len() as u64, "threshold");
    match (broken, without) {
        (_, 0) => format!("{broken} of {all} broken"),
        (0, _) => format!("{without} of {all} without samples"),
        _ => format!("{broken} of {all} broken, {without} without samples"),
    }
}

/// A doubt in a sentence: its figure, what it spoils, and whether that matters here.
pub(super) fn doubt(doubt: &Doubt) -> String {
    let spoils = if doubt.spoils.is_empty() {
        "all times".to_owned()
    } else {
        doubt.spoils.join(", ")
    };
    let matters = if doubt.needed {
        "a threshold needs it"
    } else {
        "no threshold needs it"
    };
    format!("{}; spoils {spoils} ({matters})", line(&doubt.figure))
}

/// What was sent and what came of it.
pub(super) fn outcomes(part: &Part) -> String {
    let counts = &part.counts;
    let mut phrases = vec![
        format!("{} sent", number(counts.sent)),
        format!("{} right", number(counts.succeeded)),
    ];
    if counts.errors > 0 {
        let ratio = percent(counts.error_ratio());
        phrases.push(format!("{} ({ratio})", count(counts.errors, "error")));
    } else {
        phrases.push("no errors".to_owned());
    }
    for (value, word) in [
        (counts.throttled, "throttled"),
        (counts.cancelled, "cancelled"),
        (counts.dropped, "dropped"),
        (counts.unfinished, "unfinished"),
    ] {
        if value > 0 {
            phrases.push(format!("{} {word}", number(value)));
        }
    }
    phrases.join(", ")
}

/// How fast it went.
pub(super) fn rates(record: &LoadRecord) -> String {
    let part = &record.measured;
    let mut phrases = Vec::new();
    if record.scenario.model == "open"
        && let Some(rate) = part.offered_rate_rps()
    {
        phrases.push(format!("{}/s offered", figure(rate)));
    }
    if let Some(rate) = part.achieved_rate_rps() {
        phrases.push(format!("{}/s right", figure(rate)));
    }
    if let Some(rate) = part.goodput_rps() {
        let good = percent(part.counts.good_request_fraction());
        phrases.push(format!("{}/s good ({good})", figure(rate)));
    }
    let (mean, most) = record.in_flight;
    phrases.push(format!(
        "{} in flight, {} at most",
        trimmed(&figure(mean)),
        number(most)
    ));
    for (rate, unit) in [
        (part.output_token_throughput_tps(), "tokens/s"),
        (part.chunk_throughput_cps(), "chunks/s"),
    ] {
        if let Some(rate) = rate.filter(|rate| *rate > 0.0) {
            phrases.push(format!("{} {unit}", figure(rate)));
        }
    }
    phrases.join(", ")
}

/// The distributions that say how an answer felt; the report for programs has all of them.
const MAIN: [&str; 6] = [
    "time_to_headers_ms",
    "time_to_first_token_ms",
    "inter_chunk_latency_ms",
    "time_per_output_token_ms",
    "request_latency_ms",
    "response_time_ms",
];

/// The distributions of times to show, with their names: those that have samples, the main ones or all.
pub(super) fn latencies(figures: &Figures, all: bool) -> Vec<(&'static str, &Distribution)> {
    figures
        .each()
        .into_iter()
        .filter(|(name, distribution)| {
            distribution.unit() == "ms" && distribution.count() > 0 && (all || MAIN.contains(name))
        })
        .collect()
}

/// The word for a threshold's outcome.
pub(super) const fn outcome_word(outcome: ThresholdOutcome) -> &'static str {
    match outcome {
        ThresholdOutcome::Pass => "pass",
        ThresholdOutcome::Fail => "FAIL",
        ThresholdOutcome::NoSamples => "NO SAMPLES",
    }
}

/// An interval: `[590, 640]`; empty where there is none.
pub(super) fn interval(ci95: Option<(f64, f64)>) -> String {
    ci95.map_or_else(String::new, |(low, high)| {
        format!("[{}, {}]", exact(low), exact(high))
    })
}

/// Errors in the order of interest: those of the target first, then what was throttled, then our own doing; the
/// frequent ones first.
pub(super) fn by_interest(errors: &[ErrorRow]) -> Vec<&ErrorRow> {
    let mut rows: Vec<&ErrorRow> = errors.iter().collect();
    rows.sort_by_key(|row| {
        let class = row.class;
        let apart = class.is_throttled() || !class.is_error();
        (apart, std::cmp::Reverse(row.count), class)
    });
    rows
}

/// What a row of errors is about: its message, or what its class means.
pub(super) fn message(row: &ErrorRow) -> String {
    if row.message.is_empty() {
        row.class.says().to_owned()
    } else {
        line(&row.message)
    }
}

/// What a search came to, in a sentence.
pub(super) fn search(search: &Search) -> String {
    let things = match search.variable {
        "users" => "users",
        _ => "requests a second",
    };
    let probes = count(search.probes.len() as u64, "probe");
    let limit = match search.limited_by {
        "objective" => "the objective is the limit",
        "client" => "this machine is the limit, not the target",
        "max" => "the scenario's max is the limit: the target may carry more",
        _ => "undecided: the probes were used up before more was proved",
    };
    match (search.answer, search.ci95) {
        (Some(answer), Some((_, high))) => format!(
            "{} {things} keep the objective, {} no longer do ({probes}); {limit}",
            exact(answer),
            exact(high)
        ),
        (Some(answer), None) => format!(
            "{} {things} keep the objective ({probes}); {limit}",
            exact(answer)
        ),
        (None, _) => {
            format!("no number of {things} is known to keep the objective ({probes}); {limit}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        for (value, text) in [
            (0.0, "0.00"),
            (0.001_234, "0.00123"),
            (0.099_96, "0.1000"),
            (0.5, "0.500"),
            (4.567, "4.57"),
            (9.999, "10.0"),
            (78.94, "78.9"),
            (99.97, "100"),
            (4_567.4, "4,567"),
            (1_234_567.0, "1,234,567"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(figure(value), text, "{value}");
        }
    }

    #[test]
    fn a_bound_is_not_rounded_away() {
        assert_eq!(exact(119.634_567), "119.635");
        assert_eq!(exact(0.018_123_456_7), "0.0181235");
        assert_eq!(exact(612.0), "612");
        assert_eq!(exact(12_345_678.0), "12345700");
        assert_eq!(exact(0.1 + 0.2), "0.3");
    }

    #[test]
    fn times_ratios_and_sizes_are_read_at_a_glance() {
        assert_eq!(span(Duration::from_millis(75_240)), "75.2 s");
        assert_eq!(span(Duration::from_secs(750)), "12 min 30 s");
        assert_eq!(span(Duration::from_secs(11_100)), "3 h 5 min");
        assert_eq!(percent(Some(0.018_1)), "1.81 %");
        assert_eq!(percent(Some(1.0)), "100 %");
        assert_eq!(percent(Some(0.0)), "0 %");
        assert_eq!(percent(None), "-");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(12_900_000), "12.3 MiB");
        assert_eq!(number(1_000), "1,000");
    }
}
