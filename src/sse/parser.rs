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
