//! The bytes behind a verdict, without keys, short enough to read.

use super::normal::normal;
use crate::judge::{Check, Mark, Place};
use crate::secret::Scrubber;
use crate::wire::{End, Exchange, Head};
use std::fmt::Write as _;
use std::ops::Range;

/// A request and its answer as text. Made only from an [`Exchange`] and a [`Scrubber`], or read
/// from a report that was, so that no key gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    request: String,
    response: String,
    normal: String,
    mark: Option<Range<usize>>,
}

/// Bytes shown of a body; of a longer one the part around the mark, or its beginning.
const SHOWN: usize = 2_000;

impl Evidence {
    /// The evidence of an exchange, with the first finding's offending bytes marked.
    pub fn new(exchange: &Exchange, checks: &[Check], scrubber: &Scrubber) -> Evidence {
        let mark = checks
            .iter()
            .filter(|check| check.is_finding())
            .find_map(|check| check.mark.as_ref());
        let request = beginning(&exchange.sent, SHOWN, scrubber);
        let (response, mark) = response_text(exchange, mark, scrubber);
        Evidence {
            request,
            response,
            normal: String::new(),
            mark,
        }
    }

    /// The same, with the answer that [`Evidence::normal`] tells: it costs a reading of the whole body.
    #[must_use]
    pub fn with_normal(self, exchange: &Exchange, scrubber: &Scrubber) -> Evidence {
        Evidence {
            normal: normal(exchange, scrubber),
            ..self
        }
    }

    /// What a report holds of one: it was scrubbed and shortened when that was written.
    pub fn reported(request: String, response: String) -> Evidence {
        Evidence {
            request,
            response,
            normal: String::new(),
            mark: None,
        }
    }

    /// The request as it was sent.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// The answer: interim heads, head, body, and how it ended.
    pub fn response(&self) -> &str {
        &self.response
    }

    /// The answer without what differs from one to the next; empty where nobody wanted it.
    pub fn normal(&self) -> &str {
        &self.normal
    }

    /// The offending bytes, as a range of [`Evidence::response`].
    pub fn mark(&self) -> Option<Range<usize>> {
        self.mark.clone()
    }
}

/// A head as evidence shows it; marks in [`Place::Head`] count bytes of this text.
fn head_text(head: &Head) -> String {
    let mut text = format!("{} {} {}\n", head.version, head.status, head.reason);
    for (name, value) in &head.headers.0 {
        let _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(value));
    }
    text
}

fn response_text(
    exchange: &Exchange,
    mark: Option<&Mark>,
    scrubber: &Scrubber,
) -> (String, Option<Range<usize>>) {
    let mut text = String::new();
    let mut marked = None;
    for head in &exchange.interim {
        text.push_str(&beginning(head_text(head).as_bytes(), SHOWN, scrubber));
        text.push('\n');
    }
    if let Some(head) = &exchange.head {
        let start = text.len();
        let shown = scrubber.scrub_text(&head_text(head));
        text.push_str(&visible(shown.as_bytes(), None, SHOWN * 4, 0).0);
        text.push('\n');
        if let Some(mark) = mark
            && mark.place == Place::Head
            && start + mark.range.end <= text.len()
        {
            marked = Some(start + mark.range.start..start + mark.range.end);
        }
        let range = mark
            .filter(|mark| mark.place == Place::Body)
            .map(|mark| mark.range.clone());
        let (body, range) = body_text(&exchange.body.bytes, range, scrubber);
        let start = text.len();
        text.push_str(&body);
        marked = range.map_or(marked, |range| Some(start + range.start..start + range.end));
    } else if !exchange.received.is_empty() {
        text.push_str(&beginning(&exchange.received, SHOWN, scrubber));
    }
    if !exchange.surplus.is_empty() {
        let _ = write!(
            text,
            "\n[after the answer's end: {}]",
            beginning(&exchange.surplus, 200, scrubber)
        );
    }
    if let Some(end) = ending(&exchange.end) {
        let _ = write!(text, "\n[{end}]");
    }
    (text, marked)
}

/// How an exchange ended, where its answer is not whole.
pub(super) fn ending(end: &End) -> Option<String> {
    match end {
        End::Complete => None,
        End::Closed => Some("the connection was closed before the answer was whole".to_owned()),
        End::Reset => Some("the connection was reset before the answer was whole".to_owned()),
        End::Malformed { what, offset } => Some(format!("no HTTP from byte {offset} on: {what}")),
        End::TimedOut => Some("nothing more came until the time-out".to_owned()),
        End::Abandoned => Some("abandoned by clawcheck".to_owned()),
        End::TooLarge => Some("abandoned by clawcheck: larger than it keeps".to_owned()),
        End::Unreachable(why) => Some(why.to_string()),
    }
}

/// What is shown of a body: around the marked range, or from its beginning.
///
/// It is scrubbed piecewise around the range, so that the mark still points at the same bytes. A key that reaches over
/// the mark's edge is found by a scrub of the whole: then the mark goes, not the key.
fn body_text(
    body: &[u8],
    range: Option<Range<usize>>,
    scrubber: &Scrubber,
) -> (String, Option<Range<usize>>) {
    let Some(range) = range.filter(|range| range.start <= range.end && range.end <= body.len())
    else {
        return (beginning(body, SHOWN, scrubber), None);
    };
    let whole = scrubber.scrub(body);
    let before = scrubber.scrub(&body[..range.start]);
    let inside = scrubber.scrub(&body[range.clone()]);
    let after = scrubber.scrub(&body[range.end..]);
    let joined = [before.as_slice(), &inside, &after].concat();
    if joined == whole {
        let start = before.len();
        visible(&joined, Some(start..start + inside.len()), SHOWN, 0)
    } else {
        visible(&whole, None, SHOWN, 0)
    }
}

/// What is shown of bytes from their beginning: no more of them is read than that takes.
fn beginning(bytes: &[u8], limit: usize, scrubber: &Scrubber) -> String {
    // A few more than are shown: whether the last of those ends a character is seen from what follows.
    let (scrubbed, read) = scrubber.scrub_beginning(bytes, limit + 4);
    visible(&scrubbed, None, limit, bytes.len() - read).0
}

/// Text for people: UTF-8 as it is, other bytes and control characters (line ends and tabs aside) as `\xNN`;
/// at most `limit` bytes, those around the range where there is one. `beyond` more came behind these.
fn visible(
    bytes: &[u8],
    range: Option<Range<usize>>,
    limit: usize,
    beyond: usize,
) -> (String, Option<Range<usize>>) {
    let centre = range.as_ref().map_or(0, |range| range.start);
    let from = if bytes.len() <= limit || centre < limit / 2 {
        0
    } else {
        boundary(bytes, centre - limit / 2)
    };
    let to = boundary(bytes, (from + limit).min(bytes.len()));
    let mut text = String::new();
    if from > 0 {
        let _ = write!(text, "[{from} bytes before] ");
    }
    let mut marked = (None, None);
    let mut at = from;
    for chunk in bytes[from..to].utf8_chunks() {
        for c in chunk.valid().chars() {
            note(&mut marked, range.as_ref(), at, text.len());
            push_visible(&mut text, c);
            at += c.len_utf8();
        }
        for byte in chunk.invalid() {
            note(&mut marked, range.as_ref(), at, text.len());
            let _ = write!(text, "\\x{byte:02X}");
            at += 1;
        }
    }
    note(&mut marked, range.as_ref(), at, text.len());
    let end = text.len();
    let more = bytes.len() - to + beyond;
    if more > 0 {
        let _ = write!(text, " [{more} bytes more]");
    }
    let marked = match marked {
        (Some(start), stop) => Some(start..stop.unwrap_or(end)),
        (None, _) => None,
    };
    (text, marked)
}

fn note(
    marked: &mut (Option<usize>, Option<usize>),
    range: Option<&Range<usize>>,
    at: usize,
    out: usize,
) {
    if let Some(range) = range {
        if at >= range.start && marked.0.is_none() {
            marked.0 = Some(out);
        }
        if at >= range.end && marked.1.is_none() {
            marked.1 = Some(out);
        }
    }
}

/// Control characters and those that change the direction of text could forge what a terminal shows.
fn push_visible(text: &mut String, c: char) {
    match c {
        '\n' | '\t' => text.push(c),
        '\r' => text.push_str("\\r"),
        '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{FEFF}' => {
            let _ = write!(text, "\\u{{{:04X}}}", u32::from(c));
        }
        c if c.is_control() => {
            let _ = write!(text, "\\x{:02X}", u32::from(c));
        }
        c => text.push(c),
    }
}

/// The last offset up to `at` that does not stand inside a UTF-8 sequence.
fn boundary(bytes: &[u8], at: usize) -> usize {
    let mut at = at.min(bytes.len());
    let floor = at.saturating_sub(3);
    while at > floor && at < bytes.len() && (bytes[at] & 0xC0) == 0x80 {
        at -= 1;
    }
    at
}
