//! The part of an answer that is worth showing: all of a short one, of a longer one what stands around the mark.

use super::text::width;
use std::ops::Range;
use unicode_width::UnicodeWidthChar;

/// A line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// What stands before the mark; all of a line without one.
    pub(super) before: String,
    /// The offending part, empty where something is missing there; `None` on a line without it.
    pub(super) marked: Option<String>,
    /// What stands after it.
    pub(super) after: String,
}

/// Lines shown of an answer, unless all of it is asked for.
const MOST: usize = 12;
/// Lines shown before the marked one.
const BEFORE: usize = 3;

/// The lines to show of an answer, each at most `columns` wide unless the whole is asked for.
pub(super) fn excerpt(
    text: &str,
    mark: Option<Range<usize>>,
    columns: usize,
    whole: bool,
) -> Vec<Shown> {
    let lines = split(text.trim_end(), mark);
    let chosen = if whole {
        0..lines.len()
    } else {
        window(&lines)
    };
    let mut shown = Vec::new();
    if chosen.start > 0 {
        shown.push(crop(&lines[0], columns));
        if chosen.start > 1 {
            shown.push(elided(chosen.start - 1));
        }
    }
    for line in &lines[chosen.clone()] {
        shown.push(if whole {
            line.clone()
        } else {
            crop(line, columns)
        });
    }
    if chosen.end < lines.len() {
        shown.push(elided(lines.len() - chosen.end));
    }
    shown
}

fn elided(lines: usize) -> Shown {
    let before = match lines {
        1 => "[1 line more]".to_owned(),
        lines => format!("[{lines} lines more]"),
    };
    Shown {
        before,
        marked: None,
        after: String::new(),
    }
}

fn window(lines: &[Shown]) -> Range<usize> {
    if lines.len() <= MOST {
        return 0..lines.len();
    }
    let marked = lines.iter().position(|line| line.marked.is_some());
    let start = marked.map_or(0, |at| at.saturating_sub(BEFORE));
    start..(start + MOST - 2).min(lines.len())
}

fn split(text: &str, mark: Option<Range<usize>>) -> Vec<Shown> {
    let mark = mark.filter(|mark| mark.start <= mark.end && text.get(mark.clone()).is_some());
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let end = start + line.len();
        lines.push(match &mark {
            Some(mark) if mark.start <= end && (mark.end > start || mark.start == start) => {
                let from = mark.start.max(start) - start;
                let to = mark.end.min(end) - start;
                Shown {
                    before: untabbed(&line[..from]),
                    marked: Some(untabbed(&line[from..to.max(from)])),
                    after: untabbed(&line[to.max(from)..]),
                }
            }
            _ => Shown {
                before: untabbed(line),
                marked: None,
                after: String::new(),
            },
        });
        start = end + 1;
    }
    lines
}

/// A tab has no width of its own, so a mark below it would not stand where it should.
fn untabbed(text: &str) -> String {
    text.replace('\t', "    ")
}

/// A line cut to `columns`, around its mark.
fn crop(line: &Shown, columns: usize) -> Shown {
    let Some(marked) = &line.marked else {
        return Shown {
            before: beginning(&line.before, columns),
            ..line.clone()
        };
    };
    if width(&line.before) + width(marked) + width(&line.after) <= columns {
        return line.clone();
    }
    let before = end(&line.before, columns / 3);
    let marked = beginning(marked, columns.saturating_sub(width(&before) + 4).max(8));
    let left = columns.saturating_sub(width(&before) + width(&marked));
    Shown {
        after: beginning(&line.after, left),
        marked: Some(marked),
        before,
    }
}

fn beginning(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        kept.push(c);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

fn end(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let kept: Vec<char> = text
        .chars()
        .rev()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= columns
        })
        .collect();
    std::iter::once('…').chain(kept.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(text: &str, mark: Range<usize>, columns: usize) -> Vec<(String, String)> {
        excerpt(text, Some(mark), columns, false)
            .into_iter()
            .filter_map(|shown| Some((shown.before, shown.marked?)))
            .collect()
    }

    #[test]
    fn the_mark_stands_where_it_did_whatever_is_cut() {
        let one = |before: &str, marked: &str| vec![(before.to_owned(), marked.to_owned())];
        assert_eq!(marks("ab\ncdef", 4..6, 40), one("c", "de"));
        assert_eq!(marks("ab\ncdef", 3..3, 40), one("", ""));
        assert_eq!(marks("a\tbc", 2..3, 40), one("a    ", "b"));
        let long = format!("{}XY{}", "a".repeat(100), "b".repeat(100));
        assert_eq!(marks(&long, 100..102, 30), one("…aaaaaaaaa", "XY"));
        assert_eq!(marks("abc", 1..9, 30), vec![]);
    }

    #[test]
    fn a_mark_over_several_lines_is_shown_on_each() {
        let found = marks("ab\ncd\nef", 1..7, 40);
        let parts: Vec<&str> = found.iter().map(|(_, marked)| marked.as_str()).collect();
        assert_eq!(parts, ["b", "cd", "e"]);
    }

    #[test]
    fn a_long_answer_is_cut_around_the_mark_and_says_so() {
        let lines: Vec<String> = (0..40).map(|n| format!("line {n}")).collect();
        let text = lines.join("\n");
        let at = text.find("line 30").expect("it is there");
        let shown = excerpt(&text, Some(at..at + 4), 40, false);
        assert_eq!(shown[0].before, "line 0");
        assert_eq!(shown[1].before, "[26 lines more]");
        assert_eq!(shown[2].before, "line 27");
        assert!(
            shown
                .iter()
                .any(|line| line.marked.as_deref() == Some("line"))
        );
    }
}
