//! What several readers of a scenario report alike.

use crate::profile::{Section, Wrong};

/// Reports a key that says nothing where it stands; one that is not there is none.
pub(super) fn out_of_place(
    section: &Section<'_, '_>,
    key: &str,
    place: impl Into<String>,
    hint: Option<&'static str>,
) {
    if section.has(key) {
        let wrong = Wrong::OutOfPlace {
            key: section.path(key),
            place: place.into(),
            hint,
        };
        section.document().report(section.at_key(key), wrong);
    }
}

/// Reports what a part of the file can't do without, at that part.
pub(super) fn lacks(section: &Section<'_, '_>, what: &'static str, needs: &'static str) {
    let wrong = Wrong::Lacks { what, needs };
    section.document().report(section.at(), wrong);
}

/// A name for reports and rules, which have it between spaces.
pub(super) fn name(section: &Section<'_, '_>, key: &str) -> Option<String> {
    let text = section.text(key)?;
    let fits = text
        .value
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if fits && text.value.len() <= LONGEST_NAME {
        return Some(text.value);
    }
    let expected = format!("up to {LONGEST_NAME} letters, digits, `-`, `_` and `.`");
    section.not_allowed(key, Some(text.value), expected, None)
}

/// Characters of a name: a column of a report holds them.
const LONGEST_NAME: usize = 60;

/// Reports a file without a line that says something.
pub(super) fn empty_file<T>(section: &Section<'_, '_>, key: &str, name: &str) -> Option<T> {
    section.not_allowed(key, Some(name.to_owned()), "a file with a line in it", None)
}
