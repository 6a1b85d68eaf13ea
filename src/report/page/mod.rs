//! What every page for a browser shares: the frame around it, the style, the script, and the one place where text
//! becomes HTML.
//!
//! A page is one file that fetches nothing. Its own policy allows no network and no script but the one whose hash it
//! names, so that even a mistake here could neither tell anybody anything nor run anything. It is light or dark as the
//! reader has it, and readable on a phone.

use super::text::{block, line};
use crate::contract::RequirementId;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What stands around a page's body.
pub(super) struct Frame {
    /// The page's name, as text.
    pub(super) title: String,
    /// Style of its own, after that of every page.
    pub(super) style: &'static str,
    /// A script of its own, after that of every page.
    pub(super) script: &'static str,
}

impl Frame {
    /// Everything up to the body's first line.
    pub(super) fn head(&self) -> String {
        let title = text(&self.title);
        let own = self.style;
        let hash = BASE64_STANDARD.encode(digest(&SHA256, self.script().as_bytes()));
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
             script-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{title}</title>\n<style>\n{STYLE}{own}</style>\n</head>\n<body>\n"
        )
    }

    /// Everything after the body's last line.
    pub(super) fn foot(&self, command: &str) -> String {
        format!(
            "<footer>clawcheck {} {command}</footer>\n<script>{}</script>\n</body>\n</html>\n",
            env!("CARGO_PKG_VERSION"),
            self.script()
        )
    }

    /// To the byte what stands in the element: its hash is in the page's policy.
    fn script(&self) -> String {
        format!("\n{SCRIPT}{}", self.script)
    }
}

/// One line of text, in which nothing is markup; right in an attribute too.
pub(super) fn text(text: &str) -> String {
    escaped(&line(text))
}

/// [`text()`] of several lines.
pub(super) fn lines(text: &str) -> String {
    escaped(&block(text))
}

/// Text of our own making, or made safe to show already: nothing in it is markup.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// Markup: [`Html::add`] takes it as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Html(pub(super) String);

/// What can stand in a template's gap. Text is escaped, whatever it is; only [`Html`] is not.
pub(super) trait Piece {
    /// Adds it to a page.
    fn add_to(&self, page: &mut String);
}

impl Piece for str {
    fn add_to(&self, page: &mut String) {
        page.push_str(&text(self));
    }
}

impl Piece for String {
    fn add_to(&self, page: &mut String) {
        self.as_str().add_to(page);
    }
}

impl Piece for Html {
    fn add_to(&self, page: &mut String) {
        page.push_str(&self.0);
    }
}

impl Piece for usize {
    fn add_to(&self, page: &mut String) {
        let _ = write!(page, "{self}");
    }
}

impl Piece for RequirementId {
    fn add_to(&self, page: &mut String) {
        page.push_str(self.as_str());
    }
}

impl<P: Piece + ?Sized> Piece for &P {
    fn add_to(&self, page: &mut String) {
        (**self).add_to(page);
    }
}

impl Html {
    /// Adds a template of ours, with a piece in each of its gaps (`{}`).
    pub(super) fn add(&mut self, template: &'static str, pieces: &[&dyn Piece]) {
        let mut pieces = pieces.iter();
        for (index, part) in template.split("{}").enumerate() {
            if index > 0
                && let Some(piece) = pieces.next()
            {
                piece.add_to(&mut self.0);
            }
            self.0.push_str(part);
        }
        debug_assert!(pieces.next().is_none(), "more pieces than gaps: {template}");
    }

    /// A template by itself.
    pub(super) fn of(template: &'static str, pieces: &[&dyn Piece]) -> Html {
        let mut html = Html::default();
        html.add(template, pieces);
        html
    }
}

/// The beginning of a text that may be long: so many bytes at most, whole characters only.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_markup_is_left_in_text() {
        assert_eq!(
            text("<b onclick=\"x('y')\">&\u{1b}[0m"),
            "&lt;b onclick=&quot;x(&#39;y&#39;)&quot;&gt;&amp;\\x1B[0m"
        );
        assert_eq!(lines("a\n<"), "a\n&lt;");
    }

    #[test]
    fn a_template_escapes_what_is_put_into_it() {
        let bold = Html::of("<b>{}</b>", &[&"<i>"]);
        let both = Html::of("<p title=\"{}\">{}{}</p>", &[&"\"", &bold, &7_usize]);
        assert_eq!(both.0, "<p title=\"&quot;\"><b>&lt;i&gt;</b>7</p>");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("éé", 3), "é");
        assert_eq!(cut("short", 9), "short");
    }
}
