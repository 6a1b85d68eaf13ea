//! Text from targets made safe to show, and text made to fit.

use crate::contract::ErrorCode;
use std::fmt::Write as _;
use std::time::SystemTime;
use unicode_width::UnicodeWidthStr;

/// One line of text: control characters, line ends and tabs too, and those that change the direction of text are
/// written out, for they could forge what a terminal shows.
pub fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_unsafe(c) => {
                let _ = match u32::from(c) {
                    code @ 0..=0xFF => write!(shown, "\\x{code:02X}"),
                    code => write!(shown, "\\u{{{code:04X}}}"),
                };
            }
            c => shown.push(c),
        }
    }
    shown
}

/// [`line()`] for text of several lines: line ends and tabs stay.
pub fn block(text: &str) -> String {
    text.split('\n')
        .map(|part| part.split('\t').map(line).collect::<Vec<_>>().join("\t"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Whether a character could forge what a terminal shows.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061C}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{2069}'
                | '\u{FEFF}'
        )
}

/// The head of the documentation's table of errors, as its text has it.
const TABLE_HEAD: &str = "StatusCodeMeaning";

/// A sentence of the documentation on one line; a row of its table of errors with its cells apart.
pub fn quotation(sentence: &str) -> String {
    if sentence == TABLE_HEAD {
        return "Status | Code | Meaning".to_owned();
    }
    let row = ErrorCode::ALL.iter().find_map(|code| {
        let codes = sentence
            .strip_prefix(&code.status().to_string())?
            .strip_suffix(code.meaning())?;
        Some(format!("{} | {codes} | {}", code.status(), code.meaning()))
    });
    row.unwrap_or_else(|| sentence.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Columns that the text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text broken at spaces into lines of at most `columns`; a longer word keeps a line to itself.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && width(last) + 1 + width(word) > columns {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// `1 request`, `2 requests`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

/// An instant as reports write it: RFC 3339 in UTC, to the millisecond.
pub(crate) fn timestamp(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at)
        .map(|at| format!("{at:.3}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_forge_a_terminal_is_written_out() {
        assert_eq!(
            line("a\x1b[31mb\u{202E}c\r\n\u{9b}é"),
            "a\\x1B[31mb\\u{202E}c\\r\\n\\x9Bé"
        );
        assert_eq!(block("a\tb\n\x07"), "a\tb\n\\x07");
    }

    #[test]
    fn a_row_of_the_table_is_shown_as_one() {
        let row = "503bot_offline / container_errorThe agent is unavailable or the container could not be reached";
        assert_eq!(
            quotation(row),
            "503 | bot_offline / container_error | The agent is unavailable or the container could not be reached"
        );
        assert_eq!(quotation("StatusCodeMeaning"), "Status | Code | Meaning");
        assert_eq!(quotation("{\n  \"a\": 1\n}"), "{ \"a\": 1 }");
    }

    #[test]
    fn lines_break_at_spaces_by_columns() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("漢字 漢字", 6), ["漢字", "漢字"]);
        assert_eq!(wrap("abcdefgh i", 4), ["abcdefgh", "i"]);
    }
}
