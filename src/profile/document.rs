//! A TOML file that a user wrote, read so that every mistake of it is found, each with its place.
//!
//! A [`Section`] is made from its declared [`Key`]s: unknown ones are found there and then, and a reader can only
//! ask for what is declared. Profiles use it, and so can any other file of ours.

use super::mistake::{Mistake, Mistakes, Wrong};
use super::nearest::nearest;
use super::reference::expand;
use std::cell::RefCell;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A key that a section may have.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub doc: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether it has to be there.
    pub required: bool,
    /// The value that holds where it is not, as JSON.
    pub default: Option<&'static str>,
}

/// What a key's value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A string that is not empty.
    Text,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A finite number over 0.
    Number,
    /// An integer of 1 or more, and of no more than this.
    Count(usize),
    /// An agent: an id, or a table with `id` and `key`.
    Bot,
    /// A day: a TOML date, or a string `YYYY-MM-DD`.
    Date,
    /// A section or several: tables with keys of their own.
    Table,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Kind::Text | Kind::Choice(_) => "a string",
            Kind::Flag => "true or false",
            Kind::Number => "a number",
            Kind::Count(_) => "an integer",
            Kind::Bot => "a string, or { id = \"…\", key = \"…\" }",
            Kind::Date => "a day such as 2026-12-31",
            Kind::Table => "a table",
        }
    }
}

impl Key {
    /// A key that may be left out.
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Key {
        Key {
            name,
            doc,
            kind,
            required: false,
            default: None,
        }
    }

    /// The same key, required.
    #[must_use]
    pub const fn required(mut self) -> Key {
        self.required = true;
        self
    }

    /// The same key with what holds where it is left out, as JSON.
    #[must_use]
    pub const fn or(mut self, default: &'static str) -> Key {
        self.default = Some(default);
        self
    }
}

/// Where variables are looked up.
pub type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// A string of the file, references filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The string.
    pub value: String,
    /// Where it stands, for [`Document::report`].
    pub at: usize,
    /// The environment variable that it is, where it is nothing else.
    pub variable: Option<String>,
}

/// A file.
pub struct Document<'t> {
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    env: Env<'t>,
    syntax: Vec<toml::de::Error>,
    mistakes: RefCell<Vec<(usize, Wrong)>>,
}

impl<'t> Document<'t> {
    /// Reads TOML; where it is none, what can be read of it.
    pub fn parse(text: &'t str, env: Env<'t>) -> Document<'t> {
        let (root, syntax) = DeTable::parse_recoverable(text);
        Document {
            text,
            root,
            env,
            syntax,
            mistakes: RefCell::new(Vec::new()),
        }
    }

    /// The top of the file.
    pub fn root(&self, keys: &'static [Key]) -> Section<'_, 't> {
        Section::new(self, self.root.get_ref(), keys, String::new(), 0)
    }

    /// Adds a mistake at an offset.
    pub fn report(&self, at: usize, wrong: Wrong) {
        self.mistakes.borrow_mut().push((at, wrong));
    }

    /// Whether nothing was found wrong so far.
    pub fn is_clean(&self) -> bool {
        self.syntax.is_empty() && self.mistakes.borrow().is_empty()
    }

    /// What was found wrong, in the order of the places.
    ///
    /// # Errors
    /// The mistakes, if there is one. In a file that is no TOML, those that may only follow from that are left out.
    pub fn finish(self, file: &str) -> Result<(), Mistakes> {
        let mut found: Vec<((usize, usize), Wrong)> = Vec::new();
        let mut broken_lines = Vec::new();
        let mut broken_header = false;
        for error in &self.syntax {
            let place = self.place(error.span().map_or(0, |span| span.start));
            if !broken_lines.contains(&place.0) {
                broken_lines.push(place.0);
                let line = self.text.lines().nth(place.0 - 1).unwrap_or_default();
                broken_header |= line.trim_start().starts_with('[');
                let what = error.message().to_owned();
                found.push((place, Wrong::Syntax { what }));
            }
        }
        for (at, wrong) in self.mistakes.borrow().iter() {
            let place = self.place(*at);
            let follows = !broken_lines.is_empty() && matches!(wrong, Wrong::Missing { .. });
            // Below a header that could not be read, keys stand in the wrong section.
            let doubtful = follows || broken_header;
            if !doubtful && !broken_lines.contains(&place.0) {
                found.push((place, wrong.clone()));
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        found.sort_by_key(|(place, _)| *place);
        Err(Mistakes {
            file: file.to_owned(),
            mistakes: found
                .into_iter()
                .map(|(place, wrong)| Mistake {
                    place: Some(place),
                    wrong,
                })
                .collect(),
        })
    }

    /// Line and column of an offset, both from 1.
    pub fn place(&self, at: usize) -> (usize, usize) {
        place(self.text.as_bytes(), at)
    }
}

/// Line and column of an offset, both from 1; the column counts characters.
pub(super) fn place(text: &[u8], at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    (line, column)
}

/// A table of the file, with the keys that it may have.
pub struct Section<'d, 't> {
    document: &'d Document<'t>,
    table: &'d DeTable<'t>,
    keys: &'static [Key],
    /// Its name; empty at the top.
    path: String,
    /// Where it begins.
    at: usize,
}

impl<'d, 't> Section<'d, 't> {
    fn new(
        document: &'d Document<'t>,
        table: &'d DeTable<'t>,
        keys: &'static [Key],
        path: String,
        at: usize,
    ) -> Section<'d, 't> {
        let section = Section {
            document,
            table,
            keys,
            path,
            at,
        };
        section.check_names();
        section
    }

    fn check_names(&self) {
        let known: Vec<&'static str> = self.keys.iter().map(|key| key.name).collect();
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let wrong = Wrong::UnknownKey {
                    key: name.to_owned(),
                    section: self.path.clone(),
                    nearest: nearest(name, known.iter().copied()),
                    known: known.clone(),
                };
                self.document.report(key.span().start, wrong);
            }
        }
        for key in self.keys.iter().filter(|key| key.required) {
            if !self.has(key.name) {
                self.missing(key.name);
            }
        }
    }

    /// Reports a key as missing.
    fn missing(&self, key: &'static str) {
        let wrong = Wrong::Missing {
            key,
            section: self.path.clone(),
        };
        self.document.report(self.at, wrong);
    }

    /// Whether the key is there.
    pub fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// Where the section begins.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Where the key's value stands.
    pub fn at_value(&self, name: &str) -> usize {
        self.table
            .get(name)
            .map_or(self.at, |value| value.span().start)
    }

    /// The file.
    pub fn document(&self) -> &'d Document<'t> {
        self.document
    }

    /// A key with the section's name before it.
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// The section below that name. One that is not there is read as an empty one where `keys` has required keys.
    pub fn section(&self, name: &str, keys: &'static [Key]) -> Option<Section<'d, 't>> {
        match self.table.get(name) {
            Some(value) => match value.get_ref() {
                DeValue::Table(table) => Some(Section::new(
                    self.document,
                    table,
                    keys,
                    self.path(name),
                    value.span().start,
                )),
                other => self.wrong_type(name, value, other),
            },
            None => {
                for key in keys.iter().filter(|key| key.required) {
                    let wrong = Wrong::Missing {
                        key: key.name,
                        section: self.path(name),
                    };
                    self.document.report(self.document.text.len(), wrong);
                }
                None
            }
        }
    }

    /// The sections `[[name]]`, in order.
    pub fn sections(&self, name: &str, keys: &'static [Key]) -> Vec<Section<'d, 't>> {
        let Some(value) = self.table.get(name) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            let wrong = Wrong::Type {
                key: self.path(name),
                expected: "a list of tables",
                found: kind_of(value.get_ref()),
            };
            self.document.report(value.span().start, wrong);
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => found.push(Section::new(
                    self.document,
                    table,
                    keys,
                    self.path(name),
                    item.span().start,
                )),
                other => {
                    self.wrong_type::<()>(name, item, other);
                }
            }
        }
        found
    }

    /// A string of any kind but an empty one.
    pub fn text(&self, name: &str) -> Option<Text> {
        let key = self.key(name);
        let value = self.table.get(name)?;
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong_type(name, value, value.get_ref());
        };
        let text = self.filled(value, text)?;
        if text.value.is_empty() {
            let wrong = Wrong::Empty {
                key: self.path(name),
                variable: text.variable,
            };
            self.document.report(text.at, wrong);
            return None;
        }
        if let Kind::Choice(choices) = key.kind
            && !choices.contains(&text.value.as_str())
        {
            let choices: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
            return self.not_allowed(name, Some(text.value), choices.join(" or "), None);
        }
        Some(text)
    }

    /// A flag.
    pub fn flag(&self, name: &str) -> Option<bool> {
        let value = self.table.get(name)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => self.wrong_type(name, value, other),
        }
    }

    /// A finite number over 0.
    pub fn number(&self, name: &str) -> Option<f64> {
        let value = self.table.get(name)?;
        let (number, shown) = match value.get_ref() {
            DeValue::Float(float) => (float.as_str().parse::<f64>().ok(), float.to_string()),
            DeValue::Integer(integer) => (
                i64::from_str_radix(integer.as_str(), integer.radix())
                    .ok()
                    .map(|integer| integer as f64),
                integer.to_string(),
            ),
            other => return self.wrong_type(name, value, other),
        };
        match number {
            Some(number) if number.is_finite() && number > 0.0 => Some(number),
            _ => self.not_allowed(name, Some(shown), "a number over 0", None),
        }
    }

    /// An integer of 1 or more.
    pub fn count(&self, name: &str) -> Option<usize> {
        let value = self.table.get(name)?;
        let DeValue::Integer(integer) = value.get_ref() else {
            return self.wrong_type(name, value, value.get_ref());
        };
        let most = match self.key(name).kind {
            Kind::Count(most) => most,
            _ => usize::MAX,
        };
        let count = i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| (1..=most).contains(count));
        if count.is_none() {
            let expected = format!("an integer from 1 to {most}");
            return self.not_allowed(name, Some(integer.to_string()), expected, None);
        }
        count
    }

    /// A day, as `YYYY-MM-DD`.
    pub fn date(&self, name: &str) -> Option<Text> {
        let value = self.table.get(name)?;
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) => self.filled(value, text),
            DeValue::Datetime(date) if date.time.is_none() => Some(Text {
                value: date.to_string(),
                at,
                variable: None,
            }),
            other => self.wrong_type(name, value, other),
        }
    }

    /// A string, or a table with keys of its own: which of the two it is.
    pub fn text_or_section(
        &self,
        name: &str,
        keys: &'static [Key],
    ) -> Option<Result<Text, Section<'d, 't>>> {
        match self.table.get(name)?.get_ref() {
            DeValue::Table(_) => self.section(name, keys).map(Err),
            _ => self.text(name).map(Ok),
        }
    }

    fn key(&self, name: &str) -> &'static Key {
        self.keys
            .iter()
            .find(|key| key.name == name)
            .expect("only declared keys are asked for")
    }

    fn filled(&self, value: &Spanned<DeValue<'_>>, text: &str) -> Option<Text> {
        fill(self.document, value, text)
    }

    /// Reports a value that is not allowed.
    pub fn not_allowed<T>(
        &self,
        name: &str,
        found: Option<String>,
        expected: impl Into<String>,
        hint: Option<&'static str>,
    ) -> Option<T> {
        let wrong = Wrong::Value {
            key: self.path(name),
            found,
            expected: expected.into(),
            hint,
        };
        self.document.report(self.at_value(name), wrong);
        None
    }

    fn wrong_type<T>(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        found: &DeValue<'_>,
    ) -> Option<T> {
        let wrong = Wrong::Type {
            key: self.path(name),
            expected: self.key(name).kind.words(),
            found: kind_of(found),
        };
        self.document.report(value.span().start, wrong);
        None
    }
}

impl<'t> Document<'t> {
    /// The strings of a section whose keys are free: (name, where the name stands, value), in the file's order.
    pub fn free_section(&self, name: &str) -> Vec<(String, usize, Text)> {
        let Some(value) = self.root.get_ref().get(name) else {
            return Vec::new();
        };
        let DeValue::Table(table) = value.get_ref() else {
            let wrong = Wrong::Type {
                key: name.to_owned(),
                expected: "a table",
                found: kind_of(value.get_ref()),
            };
            self.report(value.span().start, wrong);
            return Vec::new();
        };
        let mut found = Vec::new();
        for (key, value) in table {
            let field = key.get_ref().as_ref();
            match value.get_ref() {
                DeValue::String(text) => {
                    if let Some(text) = fill(self, value, text) {
                        found.push((field.to_owned(), key.span().start, text));
                    }
                }
                other => self.report(
                    value.span().start,
                    Wrong::Type {
                        key: format!("{name}.{field}"),
                        expected: "a string",
                        found: kind_of(other),
                    },
                ),
            }
        }
        found.sort_by_key(|(_, at, _)| *at);
        found
    }
}

/// Fills in references; one that fails is reported where it stands, unless escapes hide that.
fn fill(document: &Document<'_>, value: &Spanned<DeValue<'_>>, text: &str) -> Option<Text> {
    let span = value.span();
    match expand(text, document.env) {
        Ok(expanded) => Some(Text {
            value: expanded.value,
            at: span.start,
            variable: expanded.variable,
        }),
        Err(unfilled) => {
            let mut from = span.start;
            for unfilled in unfilled {
                let found = document.text[from..span.end]
                    .find(&unfilled.text)
                    .map(|offset| from + offset);
                document.report(found.unwrap_or(span.start), unfilled.wrong);
                from = found.map_or(from, |at| at + unfilled.text.len());
            }
            None
        }
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date and time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
