//! A TOML file that a user wrote, read so that every mistake of it is found, each with its place.
//!
//! A [`Section`] is made from its declared [`Key`]s: unknown ones are found there and then, and a reader can only
//! ask for what is declared. Profiles use it, and so can any other file of ours.

use super::key::Key;
use super::mistake::{Mistake, Mistakes, Wrong};
use super::reference::expand;
use super::section::Section;
use std::cell::RefCell;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

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
    /// Stands for every section that is not there.
    empty: DeTable<'t>,
    env: Env<'t>,
    syntax: Vec<toml::de::Error>,
    mistakes: RefCell<Vec<(usize, Wrong)>>,
    /// Those of the files that this one names.
    elsewhere: RefCell<Vec<Mistake>>,
}

impl<'t> Document<'t> {
    /// Reads TOML; where it is none, what can be read of it.
    pub fn parse(text: &'t str, env: Env<'t>) -> Document<'t> {
        let (root, syntax) = DeTable::parse_recoverable(text);
        Document {
            text,
            root,
            empty: DeTable::new(),
            env,
            syntax,
            mistakes: RefCell::new(Vec::new()),
            elsewhere: RefCell::new(Vec::new()),
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

    /// Adds a mistake of a file that this one names; they are told after its own.
    pub fn report_elsewhere(&self, file: &str, place: Option<(usize, usize)>, wrong: Wrong) {
        self.elsewhere.borrow_mut().push(Mistake {
            file: Some(file.to_owned()),
            place,
            wrong,
        });
    }

    /// Whether nothing was found wrong so far.
    pub fn is_clean(&self) -> bool {
        self.syntax.is_empty()
            && self.mistakes.borrow().is_empty()
            && self.elsewhere.borrow().is_empty()
    }

    /// Where the character at an offset of a string stands in the file; where the string begins, if escapes or
    /// references hide that.
    pub fn inside(&self, text: &Text, offset: usize) -> usize {
        // Three quotes and a line end at most stand before a string's first character.
        const QUOTES: usize = 4;
        let raw = self.text.get(text.at..).unwrap_or_default();
        let quotes = raw.find(&text.value).filter(|quotes| *quotes <= QUOTES);
        quotes.map_or(text.at, |quotes| text.at + quotes + offset)
    }

    pub(super) fn empty(&self) -> &DeTable<'t> {
        &self.empty
    }

    pub(super) fn end(&self) -> usize {
        self.text.len()
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
        found.sort_by_key(|(place, _)| *place);
        let own = found.into_iter().map(|(place, wrong)| Mistake {
            file: None,
            place: Some(place),
            wrong,
        });
        let mistakes: Vec<Mistake> = own.chain(self.elsewhere.into_inner()).collect();
        if mistakes.is_empty() {
            return Ok(());
        }
        Err(Mistakes {
            file: file.to_owned(),
            mistakes,
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
pub(super) fn fill(
    document: &Document<'_>,
    value: &Spanned<DeValue<'_>>,
    text: &str,
) -> Option<Text> {
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

pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
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
