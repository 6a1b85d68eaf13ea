//! A table of a file: what stands in it, read by the keys that it may have.

use super::document::{Document, Text, fill, kind_of};
use super::key::{Key, Kind};
use super::mistake::Wrong;
use super::nearest::nearest;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

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
    pub(super) fn new(
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
    pub fn missing(&self, key: &'static str) {
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

    /// Where the key's name stands.
    pub fn at_key(&self, name: &str) -> usize {
        self.table
            .get_key_value(name)
            .map_or(self.at, |(key, _)| key.span().start)
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

    /// The section below that name; `None` where it is not there, or is none.
    pub fn section(&self, name: &str) -> Option<Section<'d, 't>> {
        self.section_of(name, self.keys_below(name))
    }

    fn section_of(&self, name: &str, keys: &'static [Key]) -> Option<Section<'d, 't>> {
        let value = self.table.get(name)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Section::new(
                self.document,
                table,
                keys,
                self.path(name),
                value.span().start,
            )),
            _ => self.wrong_type(name, value),
        }
    }

    /// [`Section::section`]; one that is not there is read as an empty one, whose required keys are missing.
    pub fn section_or_empty(&self, name: &str) -> Section<'d, 't> {
        let (document, keys) = (self.document, self.keys_below(name));
        let empty = |at| Section {
            document,
            table: document.empty(),
            keys,
            path: self.path(name),
            at,
        };
        if self.has(name) {
            let section = self.section_of(name, keys);
            return section.unwrap_or_else(|| empty(self.at_value(name)));
        }
        let section = empty(document.end());
        section.check_names();
        section
    }

    fn keys_below(&self, name: &str) -> &'static [Key] {
        match self.key(name).kind {
            Kind::Section(keys) | Kind::Sections(keys) => keys,
            _ => &[], // nothing else has keys
        }
    }

    /// The sections `[[name]]`, in order; none where they are left out, `None` where the value is no list of tables.
    pub fn sections(&self, name: &str) -> Option<Vec<Section<'d, 't>>> {
        let keys = self.keys_below(name);
        let Some(value) = self.table.get(name) else {
            return Some(Vec::new());
        };
        let DeValue::Array(items) = value.get_ref() else {
            return self.not_of_type(name, value, "a list of tables");
        };
        let read = |item: &'d Spanned<DeValue<'t>>| match item.get_ref() {
            DeValue::Table(table) => Some(Section::new(
                self.document,
                table,
                keys,
                self.path(name),
                item.span().start,
            )),
            _ => self.not_of_type(name, item, "a table"),
        };
        let sections: Vec<Option<Section<'_, '_>>> = items.iter().map(read).collect();
        sections.into_iter().collect()
    }

    /// A string of any kind but an empty one.
    pub fn text(&self, name: &str) -> Option<Text> {
        let key = self.key(name);
        let value = self.table.get(name)?;
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong_type(name, value);
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
        if let Kind::Choice(choices) = key.kind {
            return self.chosen(name, choices, text);
        }
        Some(text)
    }

    /// A list of strings, none of them empty; those that are wrong are left out.
    pub fn texts(&self, name: &str) -> Option<Vec<Text>> {
        let kind = self.key(name).kind;
        let value = self.table.get(name)?;
        let DeValue::Array(items) = value.get_ref() else {
            return self.wrong_type(name, value);
        };
        let read = |item: &Spanned<DeValue<'_>>| {
            let DeValue::String(text) = item.get_ref() else {
                return self.not_of_type(name, item, "a list of strings");
            };
            let text = self.filled(item, text)?;
            match kind {
                _ if text.value.is_empty() => {
                    let wrong = Wrong::Empty {
                        key: self.path(name),
                        variable: text.variable,
                    };
                    self.document.report(text.at, wrong);
                    None
                }
                Kind::Choices(choices) => self.chosen(name, choices, text),
                _ => Some(text), // the other kinds say nothing of the string itself
            }
        };
        Some(items.iter().filter_map(read).collect())
    }

    /// One of the strings that are allowed.
    fn chosen(&self, name: &str, choices: &'static [&'static str], text: Text) -> Option<Text> {
        if choices.contains(&text.value.as_str()) {
            return Some(text);
        }
        let wrong = Wrong::Choice {
            key: self.path(name),
            nearest: nearest(&text.value, choices.iter().copied()),
            found: text.value,
            choices: choices.to_vec(),
        };
        self.document.report(text.at, wrong);
        None
    }

    /// A flag.
    pub fn flag(&self, name: &str) -> Option<bool> {
        let value = self.table.get(name)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.wrong_type(name, value),
        }
    }

    /// A finite number: over 0, or in the range that is declared.
    pub fn number(&self, name: &str) -> Option<f64> {
        let kind = self.key(name).kind;
        let value = self.table.get(name)?;
        let Some((number, shown)) = number_of(value.get_ref()) else {
            return self.wrong_type(name, value);
        };
        let fits = |number: &f64| match kind {
            Kind::Range(least, most) => (least..=most).contains(number),
            _ => number.is_finite() && *number > 0.0, // every other number is a `Kind::Number`
        };
        if let Some(number) = number.filter(fits) {
            return Some(number);
        }
        let expected = match kind {
            Kind::Range(least, most) => format!("a number from {least} to {most}"),
            _ => "a number over 0".to_owned(),
        };
        self.not_allowed(name, Some(shown), expected, None)
    }

    /// An integer of 1 or more.
    pub fn count(&self, name: &str) -> Option<usize> {
        let most = match self.key(name).kind {
            Kind::Count(most) => most,
            _ => usize::MAX,
        };
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let count = self.integer(name, 1, most)?;
        usize::try_from(count).ok()
    }

    /// An integer in the range that is declared.
    pub fn whole(&self, name: &str) -> Option<u64> {
        let (least, most) = match self.key(name).kind {
            Kind::Whole(least, most) => (least, most),
            _ => (0, u64::MAX),
        };
        self.integer(name, least, most)
    }

    fn integer(&self, name: &str, least: u64, most: u64) -> Option<u64> {
        let value = self.table.get(name)?;
        let DeValue::Integer(integer) = value.get_ref() else {
            return self.wrong_type(name, value);
        };
        let found = i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|found| u64::try_from(found).ok())
            .filter(|found| (least..=most).contains(found));
        if found.is_none() {
            let expected = format!("an integer from {least} to {most}");
            return self.not_allowed(name, Some(integer.to_string()), expected, None);
        }
        found
    }

    /// The range that is declared for the key's number.
    pub fn limits(&self, name: &str) -> Option<(f64, f64)> {
        match self.key(name).kind {
            Kind::Range(least, most) => Some((least, most)),
            _ => None, // no other kind is a range
        }
    }

    /// The numbers of a section whose keys are free, in the file's order: name, where it stands, and its number,
    /// `None` where that is not from 0 to 1.
    pub fn shares(&self, name: &str) -> Vec<(String, usize, Option<f64>)> {
        let Some(value) = self.table.get(name) else {
            return Vec::new();
        };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type::<()>(name, value);
            return Vec::new();
        };
        let mut found = Vec::new();
        for (key, value) in table {
            let field = key.get_ref().as_ref();
            let at = value.span().start;
            let key_path = format!("{}.{field}", self.path(name));
            let share = match number_of(value.get_ref()) {
                Some((Some(share), _)) if (0.0..=1.0).contains(&share) => Some(share),
                Some((_, shown)) => {
                    let wrong = Wrong::Value {
                        key: key_path,
                        found: Some(shown),
                        expected: "a number from 0 to 1".to_owned(),
                        hint: None,
                    };
                    self.document.report(at, wrong);
                    None
                }
                None => {
                    let wrong = Wrong::Type {
                        key: key_path,
                        expected: "a number",
                        found: kind_of(value.get_ref()),
                    };
                    self.document.report(at, wrong);
                    None
                }
            };
            found.push((field.to_owned(), key.span().start, share));
        }
        found.sort_by_key(|(_, at, _)| *at);
        found
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
            _ => self.wrong_type(name, value),
        }
    }

    /// A string, or a table with keys of its own: which of the two it is.
    pub fn text_or_section(
        &self,
        name: &str,
        keys: &'static [Key],
    ) -> Option<Result<Text, Section<'d, 't>>> {
        match self.table.get(name)?.get_ref() {
            DeValue::Table(_) => self.section_of(name, keys).map(Err),
            _ => self.text(name).map(Ok),
        }
    }

    /// The number of the key, or its declared default where it is left out or wrong.
    pub fn number_or_default(&self, name: &str) -> f64 {
        let number = self.number(name);
        number.unwrap_or_else(|| self.declared(name, Value::as_f64))
    }

    /// The integer of the key, or its declared default where it is left out or wrong.
    pub fn whole_or_default(&self, name: &str) -> u64 {
        let whole = self.whole(name);
        whole.unwrap_or_else(|| self.declared(name, Value::as_u64))
    }

    /// The flag of the key, or its declared default where it is left out or wrong.
    pub fn flag_or_default(&self, name: &str) -> bool {
        let flag = self.flag(name);
        flag.unwrap_or_else(|| self.declared(name, Value::as_bool))
    }

    /// The string of the key, or its declared default where it is left out or wrong.
    pub fn text_or_default(&self, name: &str) -> String {
        let text = self.text(name).map(|text| text.value);
        text.unwrap_or_else(|| self.declared(name, |value| value.as_str().map(str::to_owned)))
    }

    /// What is read of the key's declared default.
    pub fn declared<T>(&self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> T {
        let default = self.key(name).default.expect("it has a default");
        let default = serde_json::from_str(default).expect("declared defaults are JSON");
        read(&default).expect("a default is of its key's type")
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

    fn wrong_type<T>(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<T> {
        self.not_of_type(name, value, self.key(name).kind.words())
    }

    fn not_of_type<T>(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        expected: &'static str,
    ) -> Option<T> {
        let wrong = Wrong::Type {
            key: self.path(name),
            expected,
            found: kind_of(value.get_ref()),
        };
        self.document.report(value.span().start, wrong);
        None
    }
}

/// A number, and how it is written; no number in what can't be read as one. `None` for what is none.
fn number_of(value: &DeValue<'_>) -> Option<(Option<f64>, String)> {
    match value {
        DeValue::Float(float) => Some((float.as_str().parse().ok(), float.to_string())),
        DeValue::Integer(integer) => {
            let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
            Some((number.map(|number| number as f64), integer.to_string()))
        }
        _ => None, // dates and the like are no numbers
    }
}
