//! `${NAME}` in strings: a value from the environment.

use super::Wrong;

/// A string with its references filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) value: String,
    /// The variable, where the whole string is one reference.
    pub(super) variable: Option<String>,
}

/// A reference that can't be filled in: as it stands in the string, and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfilled {
    pub(super) text: String,
    pub(super) wrong: Wrong,
}

/// Fills in every `${NAME}`. `$${` is a literal `${`; any other `$` stays as it is. What comes from the
/// environment is not scanned again.
///
/// # Errors
/// Every reference that can't be filled in.
pub(super) fn expand(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Expanded, Vec<Unfilled>> {
    let mut value = String::new();
    let mut unfilled = Vec::new();
    let mut variable = None;
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            value.push_str(&rest[..at - 1]);
            value.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        value.push_str(&rest[..at]);
        let reference = &rest[at + 2..];
        let end = reference.find('}');
        let name = &reference[..end.unwrap_or(reference.len())];
        let whole = &rest[at..at + 2 + end.map_or(reference.len(), |end| end + 1)];
        if end.is_none() || !is_name(name) {
            let wrong = Wrong::BadReference {
                text: whole.chars().take(SHOWN).collect(),
            };
            unfilled.push(Unfilled {
                text: whole.to_owned(),
                wrong,
            });
        } else if let Some(found) = env(name) {
            value.push_str(&found);
            if whole.len() == text.len() {
                variable = Some(name.to_owned());
            }
        } else {
            unfilled.push(Unfilled {
                text: whole.to_owned(),
                wrong: Wrong::Unset {
                    variable: name.to_owned(),
                },
            });
        }
        rest = &rest[at + whole.len()..];
    }
    value.push_str(rest);
    if unfilled.is_empty() {
        Ok(Expanded { value, variable })
    } else {
        Err(unfilled)
    }
}

/// Characters shown of a malformed reference: what follows an unclosed `${` may be a secret.
const SHOWN: usize = 12;

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<Expanded, Vec<Unfilled>> {
        expand(text, &|name| (name == "A_1").then(|| "a${B}".to_owned()))
    }

    #[test]
    fn references_are_filled_in_once_and_other_dollars_stay() {
        for (text, value, variable) in [
            ("plain", "plain", None),
            ("${A_1}", "a${B}", Some("A_1")),
            ("x${A_1}y", "xa${B}y", None),
            ("$${A_1}", "${A_1}", None),
            ("$ $$ $A 5$", "$ $$ $A 5$", None),
        ] {
            let expected = Expanded {
                value: value.to_owned(),
                variable: variable.map(str::to_owned),
            };
            assert_eq!(filled(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn every_reference_that_fails_is_told() {
        let wrongs: Vec<String> = filled("${B} ${} ${a b} ${9} ${C")
            .expect_err("nothing of it is set")
            .into_iter()
            .map(|unfilled| unfilled.wrong.to_string())
            .collect();
        assert_eq!(wrongs.len(), 5, "{wrongs:?}");
        assert!(wrongs[0].contains("`B` is not set"));
        assert!(wrongs[4].contains("`${C`"));
    }
}
