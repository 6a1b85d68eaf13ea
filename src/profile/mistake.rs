//! What can be wrong with a file that the user wrote: typed, with its place, so that all of it is told at once.

use std::fmt;

/// A mistake and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file it stands in, where that is not the one of [`Mistakes`] but one that it names.
    pub file: Option<String>,
    /// Line and column, both from 1, the column in characters; `None` where the whole file is meant.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub wrong: Wrong,
}

/// Every mistake of one file, in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    /// The file, as the user named it.
    pub file: String,
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

/// What is wrong. `Display` is one lowercase phrase; how to mend it is told by who shows it.
///
/// Values of keys never get in here: `found` is left out where the value is, or may be, a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// The file can't be read.
    Unreadable {
        /// The operating system's words.
        why: String,
    },
    /// The file is no UTF-8.
    NotUtf8,
    /// The file is no TOML.
    Syntax {
        /// The parser's words.
        what: String,
    },
    /// A line that is no JSON.
    NotJson {
        /// The parser's words.
        what: String,
    },
    /// A key, or a section, that is not known.
    UnknownKey {
        /// The key as written.
        key: String,
        /// The section it stands in; empty at the top.
        section: String,
        /// The known key most like it.
        nearest: Option<&'static str>,
        /// Every known key of the section.
        known: Vec<&'static str>,
    },
    /// A required key that is not there.
    Missing {
        /// The key.
        key: &'static str,
        /// The section it belongs to; empty at the top.
        section: String,
    },
    /// A value of another type.
    Type {
        /// The key with its section, `target.rate`.
        key: String,
        /// The type that it has to have, in words.
        expected: &'static str,
        /// The type that it has.
        found: &'static str,
    },
    /// A value that is not allowed.
    Value {
        /// The key with its section.
        key: String,
        /// The value; left out where it may be a secret.
        found: Option<String>,
        /// What it has to be, in words.
        expected: String,
        /// What often explains it, or mends it.
        hint: Option<&'static str>,
    },
    /// A string that is none of those that are allowed.
    Choice {
        /// The key with its section.
        key: String,
        /// The string.
        found: String,
        /// Those that are allowed.
        choices: Vec<&'static str>,
        /// The one most like it.
        nearest: Option<&'static str>,
    },
    /// A key that says nothing where it stands, beside what else the file says.
    OutOfPlace {
        /// The key with its section.
        key: String,
        /// Where that is, in words: `in the open model`.
        place: String,
        /// How that is mended.
        hint: Option<&'static str>,
    },
    /// A part of the file that can't do without another one.
    Lacks {
        /// What: `[search]`.
        what: &'static str,
        /// What it needs, in words.
        needs: &'static str,
    },
    /// More mistakes of a kind than are worth telling one by one.
    More {
        /// How many.
        count: usize,
        /// What has them: `line`.
        of: &'static str,
    },
    /// A value that is empty.
    Empty {
        /// The key with its section.
        key: String,
        /// The environment variable that it came from.
        variable: Option<String>,
    },
    /// `${NAME}`, and the environment has no such variable.
    Unset {
        /// The variable.
        variable: String,
    },
    /// A `${` that does not begin a reference to a variable.
    BadReference {
        /// What stands there.
        text: String,
    },
    /// The same thing twice.
    Twice {
        /// What.
        what: String,
    },
    /// A name that means nothing.
    UnknownName {
        /// What kind of name, `case`.
        kind: &'static str,
        /// The name as written.
        name: String,
        /// The known name most like it.
        nearest: Option<String>,
    },
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Unreadable { why } => write!(f, "the file can't be read: {why}"),
            Wrong::NotUtf8 => f.write_str("the file is not UTF-8"),
            Wrong::Syntax { what } => write!(f, "not TOML: {what}"),
            Wrong::NotJson { what } => write!(f, "not JSON: {what}"),
            Wrong::UnknownKey { key, section, .. } if section.is_empty() => {
                write!(f, "unknown key `{key}`")
            }
            Wrong::UnknownKey { key, section, .. } => {
                write!(f, "unknown key `{key}` in [{section}]")
            }
            Wrong::Missing { key, section } if section.is_empty() => {
                write!(f, "`{key}` is missing")
            }
            Wrong::Missing { key, section } => write!(f, "`{key}` is missing in [{section}]"),
            Wrong::Type {
                key,
                expected,
                found,
            } => write!(f, "`{key}` has to be {expected}, not {found}"),
            Wrong::Value {
                key,
                found: Some(found),
                expected,
                ..
            } => write!(f, "`{key}` has to be {expected}, not `{found}`"),
            Wrong::Value {
                key,
                found: None,
                expected,
                ..
            } => write!(f, "`{key}` has to be {expected}"),
            Wrong::Choice {
                key,
                found,
                choices,
                ..
            } => {
                let choices: Vec<String> =
                    choices.iter().map(|choice| format!("`{choice}`")).collect();
                let choices = choices.join(" or ");
                write!(f, "`{key}` has to be {choices}, not `{found}`")
            }
            Wrong::OutOfPlace { key, place, .. } => write!(f, "`{key}` says nothing {place}"),
            Wrong::Lacks { what, needs } => write!(f, "{what} needs {needs}"),
            Wrong::More { count: 1, of } => write!(f, "one more {of} is wrong"),
            Wrong::More { count, of } => write!(f, "{count} more {of}s are wrong"),
            Wrong::Empty { key, .. } => write!(f, "`{key}` is empty"),
            Wrong::Unset { variable } => {
                write!(f, "the environment variable `{variable}` is not set")
            }
            Wrong::BadReference { text } => {
                write!(f, "`{text}` is no reference to an environment variable")
            }
            Wrong::Twice { what } => write!(f, "{what} stands there twice"),
            Wrong::UnknownName { kind, name, .. } => write!(f, "unknown {kind} `{name}`"),
        }
    }
}

impl std::error::Error for Wrong {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let file = mistake.file.as_ref().unwrap_or(&self.file);
            write!(f, "{separator}{file}")?;
            if let Some((line, column)) = mistake.place {
                write!(f, ":{line}:{column}")?;
            }
            write!(f, ": {}", mistake.wrong)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
