//! Numbers and spans of time as they are typed.

use std::time::Duration;

/// A span: `5ms`, `1.5s`, `2m`; a bare number is seconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - unit.len()];
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let seconds = number.parse::<f64>().ok()? * factor;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A finite number over 0.
pub(super) fn positive(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number > 0.0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_and_without_a_unit() {
        for (text, millis) in [
            ("5ms", 5),
            ("1.5s", 1500),
            ("60", 60_000),
            ("2m", 120_000),
            ("0", 0),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "s",
            "-1s",
            "1 s",
            "1d",
            "1e3",
            "inf",
            "1.2.3",
            "9999999999999999999999h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
