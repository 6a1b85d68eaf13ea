//! GitHub's Markdown, as every report in it writes it.
//!
//! Text from a target stands in code spans and blocks: there it is no markup, names nobody and links nowhere.

use super::text::{block, line};
use std::fmt::Write as _;

/// Text as a code span that nothing in it can end.
pub(super) fn code(text: &str) -> String {
    let text = line(text);
    if text.trim().is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// [`code`] in a table, where a pipe would end the cell, code or not.
pub(super) fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// Text as it is, whatever in it would be markup; nobody is notified and no issue is linked.
pub(super) fn prose(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in line(text).chars() {
        match c {
            '@' | '#' => {
                shown.push(c);
                shown.push_str("<!-- -->");
            }
            '<' => shown.push_str("&lt;"),
            '&' => shown.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                shown.push('\\');
                shown.push(c);
            }
            c => shown.push(c),
        }
    }
    // What looks like an address would be a link.
    shown
        .replace("://", ":<!-- -->//")
        .replace("www.", "www<!-- -->.")
}

/// Text of several lines as a code block that nothing in it can end.
pub(super) fn code_block(language: &str, text: &str) -> String {
    let text = block(text);
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// The most backticks in a row.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// A table; columns after the first so many stand to the right.
pub(super) fn table(page: &mut String, left: usize, head: &[&str], rows: &[Vec<String>]) {
    let _ = writeln!(page, "| {} |", head.join(" | "));
    let rules: Vec<&str> = (0..head.len())
        .map(|column| if column < left { "---" } else { "---:" })
        .collect();
    let _ = writeln!(page, "| {} |", rules.join(" | "));
    for row in rows {
        let _ = writeln!(page, "| {} |", row.join(" | "));
    }
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_code_span_or_block() {
        assert_eq!(code("a | `b` \n <c>"), "``a | `b` \\n <c>``");
        assert_eq!(cell("a | b"), "`a \\| b`");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(" "), "");
        assert_eq!(
            prose("@all a_b <i> #1 a\\"),
            "@<!-- -->all a\\_b &lt;i> #<!-- -->1 a\\\\"
        );
        assert_eq!(prose("see https://x"), "see https:<!-- -->//x");
        assert_eq!(code_block("sh", "a\n````\n"), "`````sh\na\n````\n`````\n");
    }
}
