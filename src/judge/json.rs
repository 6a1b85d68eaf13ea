//! A JSON reader that keeps offsets and does not trip over what RFC 8259 allows: lone surrogates in escapes,
//! duplicate members, deep nesting, numbers that fit no machine type. What readers are known to trip over is noted.

use std::ops::Range;

/// A JSON text as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Json {
    /// The value.
    pub root: Node,
    /// What other readers may trip over.
    pub notes: Notes,
}

/// Legal oddities of a JSON text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// Names of members that an object has twice.
    pub duplicates: Vec<String>,
    /// Whether a string has a surrogate escape without its other half (RFC 8259 §8.2).
    pub lone_surrogates: bool,
    /// The deepest nesting of arrays and objects.
    pub depth: usize,
    /// Whether a number overflows a double (RFC 8259 §6).
    pub huge_numbers: bool,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its bytes in the text.
    pub span: Range<usize>,
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// A string; lone surrogates stand as U+FFFD.
    String(String),
    /// An array.
    Array(Vec<Node>),
    /// An object's members, in order, duplicates included.
    Object(Vec<(String, Node)>),
    /// An array or object nested deeper than [`KEPT_DEPTH`]: read and found well-formed, not kept.
    Elided,
}

/// Deeper values are checked, but not kept: nothing that a rule reads lies there, and dropping a deep tree would
/// overflow the stack.
pub const KEPT_DEPTH: usize = 64;

/// Why bytes are no JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// Where it ends to be JSON.
    pub offset: usize,
    /// What is wrong, as a lowercase phrase.
    pub what: &'static str,
}

impl std::fmt::Display for JsonError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.what, self.offset)
    }
}

impl std::error::Error for JsonError {}

impl Node {
    /// The member of that name; of duplicates the last, as most readers take it.
    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Object(members) => members
                .iter()
                .rev()
                .find(|(key, _)| key == name)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members, if it is an object.
    pub fn as_object(&self) -> Option<&[(String, Node)]> {
        match &self.value {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The number as a double, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match &self.value {
            Value::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The node that a JSON pointer (RFC 6901, without escapes) names.
    pub fn pointer(&self, pointer: &str) -> Option<&Node> {
        let mut node = self;
        for part in pointer.split('/').skip(1) {
            node = match &node.value {
                Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
                _ => node.get(&part.replace("~1", "/").replace("~0", "~"))?,
            };
        }
        Some(node)
    }

    /// The value for the schema validator: numbers that are whole stay whole, those that overflow become the
    /// largest double.
    pub fn to_serde(&self) -> serde_json::Value {
        use serde_json::Value as V;
        match &self.value {
            Value::Null | Value::Elided => V::Null,
            Value::Bool(b) => V::Bool(*b),
            Value::Number(text) => number(text),
            Value::String(text) => V::String(text.clone()),
            Value::Array(items) => V::Array(items.iter().map(Node::to_serde).collect()),
            Value::Object(members) => V::Object(
                members
                    .iter()
                    .map(|(key, node)| (key.clone(), node.to_serde()))
                    .collect(),
            ),
        }
    }

    /// The kind of value, for people: `an object`, `the string "x"`.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(b) => b.to_string(),
            Value::Number(text) => {
                let short: String = text.chars().take(40).collect();
                format!("the number {short}")
            }
            Value::String(text) => {
                let short: String = text.chars().take(60).collect();
                let dots = if short.len() < text.len() { "…" } else { "" };
                format!("the string {:?}{dots}", short)
            }
            Value::Array(items) if items.is_empty() => "an empty array".to_owned(),
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            Value::Elided => "a deeply nested value".to_owned(),
        }
    }

    /// Calls `visit` for every string value below, names of members aside.
    pub fn each_string<'a>(&'a self, visit: &mut impl FnMut(&'a str, &'a Range<usize>)) {
        match &self.value {
            Value::String(text) => visit(text, &self.span),
            Value::Array(items) => items.iter().for_each(|node| node.each_string(visit)),
            Value::Object(members) => members.iter().for_each(|(_, node)| node.each_string(visit)),
            _ => {}
        }
    }
}

fn number(text: &str) -> serde_json::Value {
    if let Ok(n) = text.parse::<u64>() {
        return n.into();
    }
    if let Ok(n) = text.parse::<i64>() {
        return n.into();
    }
    let double = text.parse::<f64>().unwrap_or(0.0);
    serde_json::Number::from_f64(double.clamp(f64::MIN, f64::MAX))
        .map_or(serde_json::Value::Null, serde_json::Value::Number)
}

/// Reads one JSON text, white space around it allowed, nothing else.
///
/// # Errors
/// Where and why the bytes are none; a byte order mark and bytes that are no UTF-8 included (RFC 8259 §8.1).
pub fn parse(bytes: &[u8]) -> Result<Json, JsonError> {
    let mut reader = Reader {
        bytes,
        at: 0,
        notes: Notes::default(),
    };
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return Err(reader.error("a byte order mark"));
    }
    if let Err(e) = std::str::from_utf8(bytes) {
        return Err(JsonError {
            offset: e.valid_up_to(),
            what: "bytes that are no UTF-8",
        });
    }
    reader.space();
    if reader.at == bytes.len() {
        return Err(reader.error("nothing but white space"));
    }
    let root = reader.value(0)?;
    reader.space();
    if reader.at < bytes.len() {
        return Err(reader.error("something after the value"));
    }
    Ok(Json {
        root,
        notes: reader.notes,
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    notes: Notes,
}

impl Reader<'_> {
    fn error(&self, what: &'static str) -> JsonError {
        JsonError {
            offset: self.at,
            what,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, JsonError> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{' | b'[') if depth >= KEPT_DEPTH => {
                self.skip_deep(depth)?;
                Value::Elided
            }
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            _ => self.scalar()?,
        };
        Ok(Node {
            value,
            span: start..self.at,
        })
    }

    fn scalar(&mut self) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Null),
            Some(_) => Err(self.error("no JSON value")),
            None => Err(self.error("an early end")),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, JsonError> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.error("no JSON value"))
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.notes.depth = self.notes.depth.max(depth + 1);
        self.at += 1;
        let mut members: Vec<(String, Node)> = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            let name = self.name()?;
            self.space();
            let node = self.value(depth + 1)?;
            if members.iter().any(|(known, _)| *known == name) {
                self.notes.duplicates.push(name.clone());
            }
            members.push((name, node));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(members));
                }
                Some(_) => return Err(self.error("no `,` or `}` after a member")),
                None => return Err(self.error("an early end")),
            }
        }
    }

    fn name(&mut self) -> Result<String, JsonError> {
        match self.peek() {
            Some(b'"') => {}
            Some(_) => return Err(self.error("no member name")),
            None => return Err(self.error("an early end")),
        }
        let name = self.string()?;
        self.space();
        match self.peek() {
            Some(b':') => {
                self.at += 1;
                Ok(name)
            }
            Some(_) => Err(self.error("no `:` after a member name")),
            None => Err(self.error("an early end")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.notes.depth = self.notes.depth.max(depth + 1);
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                Some(_) => return Err(self.error("no `,` or `]` after an element")),
                None => return Err(self.error("an early end")),
            }
        }
    }

    /// Checks a value of any depth without recursion: a stack of what is open, nothing kept.
    fn skip_deep(&mut self, depth: usize) -> Result<(), JsonError> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(b'{') => {
                    open.push(b'{');
                    self.at += 1;
                    self.note_depth(depth + open.len());
                    self.space();
                    if self.peek() == Some(b'}') {
                        self.at += 1;
                        open.pop();
                    } else {
                        self.name()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    open.push(b'[');
                    self.at += 1;
                    self.note_depth(depth + open.len());
                    self.space();
                    if self.peek() == Some(b']') {
                        self.at += 1;
                        open.pop();
                    } else {
                        continue;
                    }
                }
                _ => {
                    self.scalar()?;
                }
            }
            // A value has ended: close what it closes, or go on to the next one.
            loop {
                let Some(kind) = open.last().copied() else {
                    return Ok(());
                };
                self.space();
                match (kind, self.peek()) {
                    (b'{', Some(b',')) => {
                        self.at += 1;
                        self.space();
                        self.name()?;
                        break;
                    }
                    (b'[', Some(b',')) => {
                        self.at += 1;
                        break;
                    }
                    (b'{', Some(b'}')) | (b'[', Some(b']')) => {
                        self.at += 1;
                        open.pop();
                    }
                    (_, Some(_)) => return Err(self.error("no `,` or closing bracket")),
                    (_, None) => return Err(self.error("an early end")),
                }
            }
        }
    }

    fn note_depth(&mut self, depth: usize) {
        self.notes.depth = self.notes.depth.max(depth);
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.error("no digit in a number")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.error("no digit after a number's point"));
            }
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.error("no digit in a number's exponent"));
            }
            self.digits();
        }
        let text = String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned();
        if text.parse::<f64>().is_ok_and(f64::is_infinite) {
            self.notes.huge_numbers = true;
        }
        Ok(Value::Number(text))
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1F)) {
                self.at += 1;
            }
            // The whole text is UTF-8, and the bytes at which the run stops are ASCII: it can't be cut inside one.
            out.push_str(&String::from_utf8_lossy(&self.bytes[start..self.at]));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => self.escape(&mut out)?,
                Some(_) => return Err(self.error("a raw control character in a string")),
                None => return Err(self.error("an early end")),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), JsonError> {
        let simple = match self.bytes.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.unit(self.at)?;
                self.at += 6;
                let c = match unit {
                    0xD800..=0xDBFF => self.low_half(unit),
                    0xDC00..=0xDFFF => None,
                    _ => char::from_u32(u32::from(unit)),
                };
                self.notes.lone_surrogates |= c.is_none();
                out.push(c.unwrap_or('\u{FFFD}'));
                return Ok(());
            }
            Some(_) => return Err(self.error("an unknown escape")),
            None => return Err(self.error("an early end")),
        };
        out.push(simple);
        self.at += 2;
        Ok(())
    }

    /// The character of a high surrogate and the escape that follows it, if that is its low half.
    fn low_half(&mut self, high: u16) -> Option<char> {
        if !self.bytes[self.at..].starts_with(b"\\u") {
            return None;
        }
        let low = self.unit(self.at).ok()?;
        let c = char::decode_utf16([high, low]).next()?.ok()?;
        self.at += 6;
        Some(c)
    }

    fn unit(&self, at: usize) -> Result<u16, JsonError> {
        self.bytes
            .get(at + 2..at + 6)
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u16::from_str_radix(hex, 16).ok())
            .ok_or(JsonError {
                offset: at,
                what: "no four hexadecimal digits in an escape",
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_legal_is_read() {
        for text in [
            r#"{"a":"\ud800"}"#,
            r#"{"a":1,"a":2}"#,
            "[1e999, -0, 12.0, 1.2e1]",
            " \r\n\t{} \n",
            r#""\ud83d\ude00""#,
            "[[],{},[{}]]",
        ] {
            assert!(parse(text.as_bytes()).is_ok(), "{text}");
        }
        assert!(parse(br#""\udc00\ud800x""#).unwrap().notes.lone_surrogates);
        assert!(!parse(br#""\ud83d\ude00""#).unwrap().notes.lone_surrogates);
        assert_eq!(parse(br#"{"a":1,"a":2}"#).unwrap().notes.duplicates, ["a"]);
        assert!(parse(b"[1e999]").unwrap().notes.huge_numbers);
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (text, offset) in [
            ("", 0),
            ("  ", 2),
            ("{\"a\":1,}", 7),
            ("[1 2]", 3),
            ("{\"a\" 1}", 5),
            ("[01]", 2),
            ("[1.]", 3),
            ("\"\u{1}\"", 1),
            ("\u{FEFF}{}", 0),
            ("{}{}", 2),
            ("[NaN]", 1),
            ("'a'", 0),
            ("\"\\u12g4\"", 1),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().offset, offset, "{text}");
        }
        assert_eq!(parse(b"\"\xff\"").unwrap_err().offset, 1);
    }

    #[test]
    fn a_hundred_thousand_levels_do_not_overflow() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let json = parse(deep.as_bytes()).unwrap();
        assert_eq!(json.notes.depth, 100_001);
        let objects = format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
        assert_eq!(parse(objects.as_bytes()).unwrap().notes.depth, 50_000);
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_what_serde_json_reads(text in r#"[\[\]{}",:0-9eE.+\-truefalsn\\ u]{0,24}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            let ours = parse(text.as_bytes());
            match (theirs, ours) {
                (Ok(theirs), Ok(ours)) if !ours.notes.lone_surrogates => prop_assert_eq!(theirs, ours.root.to_serde()),
                (Ok(_), Err(e)) => prop_assert!(false, "{} {}", text, e),
                // A number too large for a double and a lone surrogate are legal JSON that serde_json refuses.
                (Err(_), Ok(ours)) => prop_assert!(ours.notes.huge_numbers || ours.notes.lone_surrogates, "{}", text),
                _ => {}
            }
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }
    }
}
