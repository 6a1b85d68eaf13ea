//! The parser (WHATWG HTML §9.2.5 and §9.2.6): incremental, linear in the bytes whatever their pieces.

use std::sync::Arc;

/// An event that was dispatched. Offsets count the bytes of the stream from its first one, a BOM included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name; empty for the default type, `message`. Bytes that are no UTF-8 are replaced.
    pub name: String,
    /// Its data: the values of its `data` lines, joined by LF.
    pub data: Vec<u8>,
    /// The stream's last event id as it stood then; empty if none was set.
    pub last_id: Arc<str>,
    /// The reconnection time that this block set, in milliseconds.
    pub retry: Option<u64>,
    /// Where its block began: the first line after the blank line before, comments included.
    pub start: usize,
    /// Where its block ended: behind the end of its last line, where the blank line begins.
    pub end: usize,
    /// Behind the byte that dispatched it: the blank line's CR or LF. The event was there once so many bytes were.
    pub dispatched_at: usize,
}

/// What was seen beside events. Counts, since a stream can have millions of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// A byte order mark was at the begin, and was taken off.
    pub bom: bool,
    /// Comment lines.
    pub comments: u64,
    /// `id` lines, ignored ones (with a NUL) included.
    pub ids: u64,
    /// `retry` lines, ignored ones included.
    pub retries: u64,
    /// The last valid reconnection time, in milliseconds.
    pub retry: Option<u64>,
    /// `data` lines with a value and no space before it.
    pub unspaced_data: u64,
    /// Blocks with fields that dispatched nothing, for want of a `data` line.
    pub blocks_without_data: u64,
    /// Lines with another field name than the standard's; ignored by every reader.
    pub unknown_fields: u64,
    /// The first of them, at most [`UNKNOWN_KEPT`].
    pub unknown: Vec<UnknownField>,
}

/// How many unknown fields are told of one by one.
pub const UNKNOWN_KEPT: usize = 16;

/// A line that no reader understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    /// Its name, as far as the first 64 bytes of the line have it.
    pub name: Vec<u8>,
    /// Where the line began.
    pub offset: usize,
}

/// What had not been dispatched when the stream ended: the standard discards it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// Where the pending block began.
    pub start: usize,
    /// The stream's length.
    pub end: usize,
    /// Fields (not comments) of the pending block, a last line without its end included.
    pub fields: u64,
    /// The name the pending event would have had.
    pub name: String,
    /// Its data, if it had `data` lines.
    pub data: Option<Vec<u8>>,
    /// Whether the stream ended within a line.
    pub unterminated: bool,
    /// What was seen in the whole stream.
    pub notes: Notes,
}

impl Rest {
    /// Whether fields were left without the blank line that dispatches them.
    pub fn is_pending(&self) -> bool {
        self.fields > 0
    }
}

/// Bytes of an unknown line that are kept, and of any line before its field is known.
const HEAD: usize = 64;

const FIELDS: [(&[u8], Field); 4] = [
    (b"data", Field::Data),
    (b"event", Field::Event),
    (b"id", Field::Id),
    (b"retry", Field::Retry),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Data,
    Event,
    Id,
    Retry,
}

/// What the line under way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Not known yet: its bytes are in `head`.
    Open,
    /// A value whose colon has been seen; `begun` once the one space after the colon can't come any more.
    Value {
        field: Field,
        begun: bool,
    },
    Comment,
    /// Its first bytes are in `head`.
    Unknown,
}

/// The incremental parser. Feed it the body's bytes as they come.
///
/// ```
/// use clawcheck::sse::Parser;
///
/// let mut parser = Parser::new();
/// assert!(parser.feed(b": a comment\n\ndata: {\"a\":").is_empty());
/// let events = parser.feed(b" 1}\r\n\r\ndata: [DONE]");
/// assert_eq!(events[0].data, b"{\"a\": 1}");
///
/// // No blank line came after it: readers drop what is left.
/// let rest = parser.finish();
/// assert!(rest.is_pending());
/// assert_eq!(rest.data.as_deref(), Some(&b"[DONE]"[..]));
/// ```
#[derive(Debug)]
pub struct Parser {
    /// How much of a BOM has been seen; `None` once that is settled.
    bom: Option<usize>,
    after_cr: bool,
    line: Line,
    head: Vec<u8>,
    /// The value of an `event`, `id` or `retry` line.
    value: Vec<u8>,
    line_start: usize,
    /// Bytes fed so far.
    offset: usize,
    block: Block,
    last_id: Arc<str>,
    notes: Notes,
}

/// The event under way.
#[derive(Debug, Default)]
struct Block {
    /// Where its first line began, once there is one.
    start: Option<usize>,
    name: Vec<u8>,
    data: Vec<u8>,
    data_lines: u64,
    fields: u64,
    retry: Option<u64>,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Default for Parser {
    fn default() -> Self {
        Parser::new()
    }
}

impl Parser {
    /// A parser at a stream's begin.
    pub fn new() -> Parser {
        Parser {
            bom: Some(0),
            after_cr: false,
            line: Line::Open,
            head: Vec::new(),
            value: Vec::new(),
            line_start: 0,
            offset: 0,
            block: Block::default(),
            last_id: Arc::from(""),
            notes: Notes::default(),
        }
    }

    /// Takes the next bytes; gives the events that they dispatched.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut rest = bytes;
        if self.bom.is_some() {
            rest = self.skip_bom(rest);
        }
        while let Some(first) = rest.first() {
            // The LF of a CRLF whose CR has done the work already (§9.2.5: one line end).
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                rest = &rest[1..];
                self.offset += 1;
                continue;
            }
            let end = rest.iter().position(|b| matches!(b, b'\r' | b'\n'));
            let content = &rest[..end.unwrap_or(rest.len())];
            if !content.is_empty() {
                self.content(content);
            }
            let Some(end) = end else {
                break;
            };
            self.after_cr = rest[end] == b'\r';
            self.offset += 1;
            rest = &rest[end + 1..];
            events.extend(self.line_end());
        }
        events
    }

    /// What has been seen so far beside events.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Where the block under way began, if one is.
    pub fn block_start(&self) -> Option<usize> {
        self.block.start
    }

    /// How many bytes have been fed.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The stream is over: what is left of it.
    pub fn finish(mut self) -> Rest {
        if let Some(seen @ 1..) = self.bom.take() {
            // Half a BOM is a line of its own that never ended.
            self.offset -= seen;
            self.content(&BOM[..seen]);
        }
        let unterminated = self.line != Line::Open || !self.head.is_empty();
        if unterminated {
            self.close_line();
        }
        let block = self.block;
        Rest {
            start: block.start.unwrap_or(self.offset),
            end: self.offset,
            fields: block.fields,
            name: lossy(block.name),
            data: (block.data_lines > 0).then_some(block.data),
            unterminated,
            notes: self.notes,
        }
    }

    /// Takes a BOM off the stream's begin, in pieces too; gives what follows.
    fn skip_bom<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut rest = bytes;
        while let (Some(seen), Some(byte)) = (self.bom, rest.first()) {
            if *byte != BOM[seen] {
                self.bom = None;
                if seen > 0 {
                    self.offset -= seen;
                    self.content(&BOM[..seen]);
                }
                break;
            }
            rest = &rest[1..];
            self.offset += 1;
            self.bom = Some(seen + 1);
            if seen + 1 == BOM.len() {
                self.bom = None;
                self.notes.bom = true;
            }
        }
        rest
    }

    /// Bytes of the line under way, one at least.
    fn content(&mut self, bytes: &[u8]) {
        if self.line == Line::Open && self.head.is_empty() {
            self.line_start = self.offset;
            self.block.start.get_or_insert(self.offset);
        }
        self.offset += bytes.len();
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.line {
                Line::Open => self.open(rest),
                Line::Value { field, begun } => {
                    self.value(field, begun, rest);
                    &[]
                }
                Line::Comment => &[],
                Line::Unknown => {
                    let room = HEAD.saturating_sub(self.head.len());
                    self.head.extend_from_slice(&rest[..rest.len().min(room)]);
                    &[]
                }
            };
        }
    }

    /// The next byte of a line whose field is not known yet; gives what follows. Few bytes go this way.
    fn open<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (byte, rest) = (bytes[0], &bytes[1..]);
        if byte != b':' {
            self.head.push(byte);
            if !FIELDS.iter().any(|(name, _)| name.starts_with(&self.head)) {
                self.line = Line::Unknown;
            }
        } else if self.head.is_empty() {
            self.line = Line::Comment;
        } else if let Some(field) = self.field_named() {
            self.line = Line::Value {
                field,
                begun: false,
            };
            self.field_begins(field);
        } else {
            self.head.push(byte);
            self.line = Line::Unknown;
        }
        rest
    }

    fn field_named(&self) -> Option<Field> {
        FIELDS
            .iter()
            .find(|(name, _)| *name == self.head)
            .map(|(_, field)| *field)
    }

    fn field_begins(&mut self, field: Field) {
        self.block.fields += 1;
        if field == Field::Data {
            if self.block.data_lines > 0 {
                self.block.data.push(b'\n');
            }
            self.block.data_lines += 1;
        }
    }

    fn value(&mut self, field: Field, begun: bool, bytes: &[u8]) {
        let mut bytes = bytes;
        if !begun {
            self.line = Line::Value { field, begun: true };
            if let Some(after) = bytes.strip_prefix(b" ") {
                bytes = after;
            } else if field == Field::Data {
                self.notes.unspaced_data += 1;
            }
        }
        // Data goes where it will stay: a line of 10 MB is copied once.
        match field {
            Field::Data => self.block.data.extend_from_slice(bytes),
            Field::Event | Field::Id | Field::Retry => self.value.extend_from_slice(bytes),
        }
    }

    /// The line under way has ended, at the byte before `offset`.
    fn line_end(&mut self) -> Option<Event> {
        if self.line == Line::Open && self.head.is_empty() {
            return self.blank_line();
        }
        self.close_line();
        None
    }

    /// Takes the line under way for what it is.
    fn close_line(&mut self) {
        let field = match std::mem::replace(&mut self.line, Line::Open) {
            Line::Value { field, .. } => Some(field),
            // A field's name alone: its value is empty.
            Line::Open => self
                .field_named()
                .inspect(|field| self.field_begins(*field)),
            Line::Comment => {
                self.notes.comments += 1;
                return;
            }
            Line::Unknown => None,
        };
        let value = std::mem::take(&mut self.value);
        match field {
            Some(Field::Data) => {}
            Some(Field::Event) => self.block.name = value,
            Some(Field::Id) => {
                self.notes.ids += 1;
                if !value.contains(&0) {
                    self.last_id = String::from_utf8_lossy(&value).into();
                }
            }
            Some(Field::Retry) => {
                self.notes.retries += 1;
                if let Some(retry) = digits(&value) {
                    self.notes.retry = Some(retry);
                    self.block.retry = Some(retry);
                }
            }
            None => {
                self.block.fields += 1;
                self.notes.unknown_fields += 1;
                if self.notes.unknown.len() < UNKNOWN_KEPT {
                    let name = self.head.split(|b| *b == b':').next().unwrap_or_default();
                    self.notes.unknown.push(UnknownField {
                        name: name.to_vec(),
                        offset: self.line_start,
                    });
                }
            }
        }
        self.head.clear();
    }

    /// Dispatches the block, if there is data in it.
    fn blank_line(&mut self) -> Option<Event> {
        let block = std::mem::take(&mut self.block);
        let start = block.start?;
        if block.data_lines == 0 {
            self.notes.blocks_without_data += u64::from(block.fields > 0);
            return None;
        }
        Some(Event {
            name: lossy(block.name),
            data: block.data,
            last_id: Arc::clone(&self.last_id),
            retry: block.retry,
            start,
            // The blank line is one byte up to here: the LF of a CRLF before it has been swallowed.
            end: self.offset - 1,
            dispatched_at: self.offset,
        })
    }
}

/// Reads a whole stream.
pub fn parse_all(bytes: &[u8]) -> (Vec<Event>, Rest) {
    let mut parser = Parser::new();
    let events = parser.feed(bytes);
    (events, parser.finish())
}

/// A number of milliseconds; larger ones than fit are the largest. Nothing is no number.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0u64, |n, d| {
        n.saturating_mul(10).saturating_add(u64::from(d - b'0'))
    }))
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    fn events(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        parse_all(bytes)
            .0
            .into_iter()
            .map(|event| (event.name, event.data))
            .collect()
    }

    /// A stream, and the names and data of its events.
    type Row<'a> = (&'a [u8], &'a [(&'a str, &'a [u8])]);

    #[test]
    fn the_standard_s_rules() {
        let table: &[Row<'_>] = &[
            // Line ends, mixed too; CRLF is one.
            (
                b"data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\n\r",
                &[("", b"a"), ("", b"b"), ("", b"c"), ("", b"d")],
            ),
            (b"data: a\r\n\rdata: b\n\r\n", &[("", b"a"), ("", b"b")]),
            // A CR at the end dispatches at once.
            (b"data: a\r\r", &[("", b"a")]),
            // Blank lines first, and more than needed.
            (
                b"\n\r\n\rdata: a\n\n\n\n\ndata: b\n\n",
                &[("", b"a"), ("", b"b")],
            ),
            // One BOM comes off; a second, or one before a later line, spoils its line.
            (b"\xef\xbb\xbfdata: a\n\n", &[("", b"a")]),
            (
                b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n",
                &[("", b"b")],
            ),
            (
                b"data: a\n\n\xef\xbb\xbfdata: b\n\ndata: c\n\n",
                &[("", b"a"), ("", b"c")],
            ),
            (b"\xef\xbbdata: a\n\ndata: b\n\n", &[("", b"b")]),
            (b"\n\xef\xbb\xbfdata: a\n\n", &[]),
            // Comments, everywhere.
            (
                b": hi\n\n:\ndata: a\n: between\ndata: b\n:x\n\n:\n\n",
                &[("", b"a\nb")],
            ),
            (b"id: 1\n\n: ping\n\ndata: a\n\n", &[("", b"a")]),
            // One space comes off, a tab does not.
            (
                b"data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\n",
                &[("", b"a"), ("", b"a"), ("", b" a"), ("", b"\ta")],
            ),
            // No colon, no value.
            (b"data\n\n", &[("", b"")]),
            (b"data:\n\n", &[("", b"")]),
            (b"data: \n\n", &[("", b"")]),
            (b"data\ndata\n\n", &[("", b"\n")]),
            (b"data:\ndata: a\ndata\n\n", &[("", b"\na\n")]),
            (b"data: {\"a\":\ndata: 1}\n\n", &[("", b"{\"a\":\n1}")]),
            // Names; the last one counts, an empty one is none, and a block takes its name with it.
            (
                b"event: n\ndata: a\n\ndata: b\n\n",
                &[("n", b"a"), ("", b"b")],
            ),
            (b"data: a\nevent:n\n\n", &[("n", b"a")]),
            (b"event: n\nevent: m\ndata: a\n\n", &[("m", b"a")]),
            (b"event: n\nevent\ndata: a\n\n", &[("", b"a")]),
            (b"event: n\n\ndata: a\n\n", &[("", b"a")]),
            (b"event: \xff\ndata: a\n\n", &[("\u{fffd}", b"a")]),
            // What is no field of the standard is ignored.
            (
                b"Data: a\n\n data: b\n\ndataa: c\n\ndat: d\n\nfoo\n\ndata : e\n\n",
                &[],
            ),
            (b"foo: 1\ndata: a\nbar\n\n", &[("", b"a")]),
            // What only looks like a line end.
            (
                "data: a\u{85}b\u{2028}c\u{2029}d\x0be\x0cf\x1cg\n\n".as_bytes(),
                &[("", "a\u{85}b\u{2028}c\u{2029}d\x0be\x0cf\x1cg".as_bytes())],
            ),
            // NUL and invalid UTF-8 stay.
            (
                b"data: a\0\xff\xed\xa0\x80\n\n",
                &[("", b"a\0\xff\xed\xa0\x80")],
            ),
            // Colons in values.
            (b"data: a: b\n\ndata::\n\n", &[("", b"a: b"), ("", b":")]),
            // No blank line, no event.
            (b"data: a\n\ndata: [x]\n", &[("", b"a")]),
            (b"data: a\n\ndata: [x]", &[("", b"a")]),
            (b"", &[]),
        ];
        for (bytes, expected) in table {
            let expected: Vec<(String, Vec<u8>)> = expected
                .iter()
                .map(|(name, data)| ((*name).to_owned(), data.to_vec()))
                .collect();
            assert_eq!(
                events(bytes),
                expected,
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn a_cr_dispatches_at_once_and_its_lf_adds_nothing() {
        let mut parser = Parser::new();
        assert!(parser.feed(b"data: a\r").is_empty());
        assert!(parser.feed(b"\n").is_empty());
        let events = parser.feed(b"\r");
        assert_eq!(events[0].data, b"a");
        assert_eq!((events[0].end, events[0].dispatched_at), (9, 10));
        assert!(parser.feed(b"\n").is_empty());
        assert!(!parser.finish().is_pending());
    }

    #[test]
    fn offsets_name_the_block_and_the_byte_that_sent_it() {
        let stream = b"\xef\xbb\xbf: c\ndata: a\n\n\ndata: b\r\n\r\n";
        let (events, _) = parse_all(stream);
        let spans: Vec<_> = events
            .iter()
            .map(|e| (&stream[e.start..e.end], e.dispatched_at))
            .collect();
        assert_eq!(spans, [(&b": c\ndata: a\n"[..], 16), (b"data: b\r\n", 27)]);
    }

    #[test]
    fn ids_and_reconnection_times() {
        let (events, rest) = parse_all(
            b"id: 1\ndata: a\n\ndata: b\n\nid: x\0y\ndata: c\n\nid\ndata: d\n\nretry: 12\ndata: e\n\nretry: 1x\nretry:\nretry: -1\ndata: f\n\nretry: 99999999999999999999\n\n",
        );
        let ids: Vec<&str> = events.iter().map(|e| &*e.last_id).collect();
        assert_eq!(ids, ["1", "1", "1", "", "", ""]);
        let retries: Vec<_> = events.iter().map(|e| e.retry).collect();
        assert_eq!(retries, [None, None, None, None, Some(12), None]);
        assert_eq!((rest.notes.ids, rest.notes.retries), (3, 5));
        assert_eq!(rest.notes.retry, Some(u64::MAX));
    }

    #[test]
    fn notes_tell_what_was_no_event() {
        let (_, rest) = parse_all(b": c\n:\n\ndata:x\ndata:\n\nevent: e\n\nData: 1\n\nlonely\n");
        let notes = &rest.notes;
        assert_eq!(
            (
                notes.comments,
                notes.unspaced_data,
                notes.blocks_without_data,
                notes.unknown_fields
            ),
            (2, 1, 2, 2)
        );
        assert_eq!(
            notes.unknown[0],
            UnknownField {
                name: b"Data".to_vec(),
                offset: 31
            }
        );
        assert_eq!(notes.unknown[1].name, b"lonely");
        assert!(!notes.bom);
        let (_, rest) = parse_all(&b"x\n".repeat(1000));
        assert_eq!(
            (rest.notes.unknown.len(), rest.notes.unknown_fields),
            (UNKNOWN_KEPT, 1000)
        );
    }

    #[test]
    fn the_rest_tells_what_was_never_dispatched() {
        let rest_of = |bytes: &[u8]| {
            let rest = parse_all(bytes).1;
            (rest.is_pending(), rest.start, rest.data, rest.unterminated)
        };
        assert_eq!(rest_of(b"data: a\n\n"), (false, 9, None, false));
        assert_eq!(rest_of(b"data: a\n\n: c\n"), (false, 9, None, false));
        assert_eq!(rest_of(b"data: a\n\n: c"), (false, 9, None, true));
        assert_eq!(
            rest_of(b"\ndata: [x]\n"),
            (true, 1, Some(b"[x]".to_vec()), false)
        );
        assert_eq!(
            rest_of(b"\ndata: [x]"),
            (true, 1, Some(b"[x]".to_vec()), true)
        );
        assert_eq!(rest_of(b"data"), (true, 0, Some(Vec::new()), true));
        assert_eq!(rest_of(b"da"), (true, 0, None, true));
        assert_eq!(rest_of(b"event: x\n"), (true, 0, None, false));
        assert_eq!(rest_of(b"\xef\xbb"), (true, 0, None, true));
        assert_eq!(rest_of(b"\xef\xbb\xbf"), (false, 3, None, false));
        assert_eq!(parse_all(b"event: n\ndata: a").1.name, "n");
    }

    /// Quadratic parsers need minutes for this.
    #[test]
    fn long_lines_and_tiny_pieces_take_linear_time() {
        let begun = Instant::now();
        let mut stream = b"data: ".to_vec();
        stream.resize(10_000_000, b'x');
        stream.extend_from_slice(b"\n\n");
        assert_eq!(events(&stream)[0].1.len(), 10_000_000 - 6);
        let mut parser = Parser::new();
        let count: usize = stream.iter().map(|b| parser.feed(&[*b]).len()).sum();
        assert_eq!(count, 1);
        // A long id on each of many events must not be copied into each.
        let mut stream = format!("id: {}\n", "i".repeat(1_000_000)).into_bytes();
        stream.extend_from_slice(&b"data\n\n".repeat(100_000));
        assert_eq!(parse_all(&stream).0.len(), 100_000);
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    fn alphabet() -> impl Strategy<Value = Vec<u8>> {
        let fragments: Vec<&[u8]> = vec![
            b"\r",
            b"\n",
            b"\r\n",
            b"\n\n",
            b":",
            b" ",
            b"\xef\xbb\xbf",
            b"\xef",
            b"\xbb",
            b"\xbf",
            b"\0",
            b"data",
            b"data:",
            b"data: x",
            b"event",
            b"event: n",
            b"id: 1",
            b"id",
            b"retry: 5",
            b"da",
            b"x",
            "\u{e9}".as_bytes(),
            "\u{1f600}".as_bytes(),
            b"\xff",
            b": c",
        ];
        proptest::collection::vec(proptest::sample::select(fragments), 0..40)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_events(
            bytes in alphabet(),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..10),
            by_bytes: bool,
        ) {
            let mut cuts: Vec<usize> = if by_bytes {
                (0..bytes.len()).collect()
            } else {
                cuts.iter().map(|index| index.index(bytes.len() + 1)).collect()
            };
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let mut parser = Parser::new();
            let mut split = Vec::new();
            let mut from = 0;
            for cut in cuts {
                let found = parser.feed(&bytes[from..cut]);
                for event in &found {
                    prop_assert!(event.dispatched_at > from && event.dispatched_at <= cut);
                }
                split.extend(found);
                from = cut;
            }
            let (whole, rest) = parse_all(&bytes);
            for event in &whole {
                prop_assert!(event.start < event.end && event.end < event.dispatched_at);
            }
            prop_assert_eq!(whole, split);
            prop_assert_eq!(rest, parser.finish());
        }

        /// The same events as a reading of the standard's own words that has the whole stream before it.
        #[test]
        fn a_plain_reading_of_the_standard_agrees(bytes in alphabet()) {
            prop_assert_eq!(events(&bytes), plain_reading(&bytes));
        }
    }

    fn plain_reading(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let (mut events, mut data, mut name) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(end) = bytes.iter().position(|b| matches!(b, b'\r' | b'\n')) {
            let line = &bytes[..end];
            let width = if bytes[end..].starts_with(b"\r\n") {
                2
            } else {
                1
            };
            bytes = &bytes[end + width..];
            if line.is_empty() {
                if data.pop().is_some() {
                    events.push((String::from_utf8_lossy(&name).into_owned(), data.clone()));
                }
                data.clear();
                name.clear();
                continue;
            }
            let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
            let value = line.get(colon + 1..).unwrap_or_default();
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match &line[..colon] {
                b"data" => data.extend(value.iter().chain(b"\n")),
                b"event" => name = value.to_vec(),
                _ => {}
            }
        }
        events
    }
}
