//! What is wrong with what the user gave: told all at once, each with its place and how to mend it.

use crate::case::CaseFileError;
use crate::profile::{Mistake, Mistakes, Unfit, Wrong};
use crate::report::line;
use crate::secret::ApiKey;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// What, as a lowercase phrase.
    message: String,
    /// Where: `file:line:column`.
    place: Option<String>,
    /// How to mend it.
    help: Option<String>,
}

impl Complaint {
    /// About the command line.
    pub(super) fn new(message: impl Into<String>) -> Complaint {
        Complaint {
            message: message.into(),
            place: None,
            help: None,
        }
    }

    /// The same, with how to mend it.
    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Complaint {
        self.help = Some(help.into());
        self
    }

    /// A flag's value that is not what it has to be.
    pub(super) fn value(flag: &str, found: &str, expected: &str) -> Complaint {
        Complaint::new(format!("{flag} has to be {expected}, not `{found}`"))
    }

    /// A flag's value that does not fit. What was found is not shown where it holds a password.
    pub(super) fn unfit(flag: &str, found: &str, unfit: Unfit) -> Complaint {
        let complaint = if found.contains('@') {
            Complaint::new(format!("{flag} has to be {}", unfit.expected))
        } else {
            Complaint::value(flag, found, unfit.expected)
        };
        Complaint {
            help: unfit.hint.map(str::to_owned),
            ..complaint
        }
    }

    /// What is wrong with a flag's value that is read as files are.
    pub(super) fn of_flag(flag: &str, wrong: &Wrong) -> Complaint {
        let said = wrong.to_string();
        Complaint {
            message: if said.contains(flag) {
                said
            } else {
                format!("{flag}: {said}")
            },
            place: None,
            help: help(wrong),
        }
    }

    /// Everything that is wrong with a file.
    pub(super) fn of_file(mistakes: Mistakes) -> Vec<Complaint> {
        let own = mistakes.file;
        let complaint = |mistake: Mistake| {
            let file = mistake.file.as_ref().unwrap_or(&own);
            Complaint {
                message: mistake.wrong.to_string(),
                place: Some(match mistake.place {
                    Some((line, column)) => format!("{file}:{line}:{column}"),
                    None => file.clone(),
                }),
                help: help(&mistake.wrong),
            }
        };
        mistakes.mistakes.into_iter().map(complaint).collect()
    }

    /// What is wrong with a case file.
    pub(super) fn of_case(error: CaseFileError) -> Complaint {
        Complaint {
            message: error.message,
            place: Some(format!("{}:{}:{}", error.file, error.line, error.column)),
            help: error.help,
        }
    }

    /// Writes it; keys that were pasted into the wrong place stay hidden.
    pub(super) fn write(&self, colour: bool, out: &mut dyn Write) -> io::Result<()> {
        let paint = |style: Style, text: &str| {
            if colour {
                format!("{style}{text}{style:#}")
            } else {
                text.to_owned()
            }
        };
        let error = paint(AnsiColor::Red.on_default().bold(), "error:");
        writeln!(out, "{error} {}", hide_keys(&line(&self.message)))?;
        if let Some(place) = &self.place {
            let arrow = paint(AnsiColor::Blue.on_default().bold(), "-->");
            writeln!(out, "  {arrow} {}", hide_keys(&line(place)))?;
        }
        if let Some(help) = &self.help {
            let word = paint(AnsiColor::Green.on_default().bold(), "help:");
            writeln!(out, "  {word} {}", hide_keys(&line(help)))?;
        }
        Ok(())
    }
}

/// How a mistake is mended, where that is known.
fn help(wrong: &Wrong) -> Option<String> {
    match wrong {
        Wrong::UnknownKey {
            nearest: Some(nearest),
            ..
        } => Some(format!("did you mean `{nearest}`?")),
        Wrong::UnknownKey { known, .. } => Some(format!("known here: {}", known.join(", "))),
        Wrong::UnknownName { nearest, .. } => nearest
            .as_ref()
            .map(|nearest| format!("did you mean `{nearest}`?")),
        Wrong::Missing { key, section } if section.is_empty() => Some(format!("add `{key} = …`")),
        Wrong::Missing { key, section } => Some(format!("add `{key} = …` to [{section}]")),
        Wrong::Value { hint, .. } | Wrong::OutOfPlace { hint, .. } => hint.map(str::to_owned),
        Wrong::Choice { nearest, .. } => {
            nearest.map(|nearest| format!("did you mean `{nearest}`?"))
        }
        Wrong::Empty {
            variable: Some(variable),
            ..
        } => Some(format!("the environment variable `{variable}` is empty")),
        Wrong::Empty { variable: None, .. } => Some("leave it out, or give it a value".to_owned()),
        Wrong::Unset { variable } => {
            Some(format!("export {variable}=…, or write the value itself"))
        }
        Wrong::BadReference { .. } => {
            Some("write `${NAME}`, or `$${` where a literal `${` is meant".to_owned())
        }
        Wrong::NotUtf8 => Some("save it as UTF-8".to_owned()),
        Wrong::Unreadable { .. }
        | Wrong::Syntax { .. }
        | Wrong::NotJson { .. }
        | Wrong::Type { .. }
        | Wrong::Lacks { .. }
        | Wrong::More { .. }
        | Wrong::Twice { .. } => None,
    }
}

/// Text in which every key that looks like one is masked: a message may quote what the user wrote.
pub(super) fn hide_keys(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(crate::contract::KEY_PREFIX) {
        let end = rest[at..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .map_or(rest.len(), |end| at + end);
        shown.push_str(&rest[..at]);
        shown.push_str(&ApiKey::new(&rest[at..end]).masked());
        rest = &rest[end..];
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_a_message_is_masked() {
        let text = "unknown key `clawbite_sk_0123456789abcdef` in [keys]";
        assert_eq!(hide_keys(text), "unknown key `clawbite_sk_…cdef` in [keys]");
        assert_eq!(hide_keys("no key"), "no key");
    }
}
