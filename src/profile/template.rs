//! A profile to begin with: every key with what it means, those that are known with their value, the rest as comments.

use super::ROOT;
use super::key::{Key, Kind};
use std::fmt::Write as _;

/// A value that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its key, such as `target.base_url`.
    pub key: &'static str,
    /// What it is, as text; it is written as TOML has it.
    pub value: String,
    /// How it is known, in a sentence.
    pub remark: Option<String>,
}

/// A profile's text. `head` stands at its top, a paragraph a line.
pub fn template(head: &[String], known: &[Known]) -> String {
    let mut text = String::new();
    for paragraph in head {
        comment(&mut text, paragraph);
    }
    for section in ROOT {
        text.push('\n');
        comment(&mut text, section.doc);
        let _ = writeln!(text, "[{}]", section.name);
        let Kind::Section(keys) = section.kind else {
            // The only table whose keys are the user's own.
            let _ = writeln!(text, "#\"X-Gateway-Token\" = \"${{GATEWAY_TOKEN}}\"");
            continue;
        };
        for key in keys {
            let path = format!("{}.{}", section.name, key.name);
            let value = known.iter().find(|known| known.key == path);
            comment(&mut text, key.doc);
            if let Some(remark) = value.and_then(|known| known.remark.as_deref()) {
                comment(&mut text, remark);
            }
            let _ = match value {
                Some(known) => writeln!(text, "{} = {}", key.name, toml_text(&known.value)),
                None => writeln!(text, "#{} = {}", key.name, example(section.name, key)),
            };
        }
    }
    text
}

/// Comments are cut at 100 columns, so that they can be read beside code.
const COLUMNS: usize = 98;

fn comment(text: &mut String, paragraph: &str) {
    let mut row = String::new();
    for word in paragraph.split_whitespace() {
        if !row.is_empty() && row.chars().count() + 1 + word.chars().count() > COLUMNS {
            let _ = writeln!(text, "# {row}");
            row.clear();
        }
        if !row.is_empty() {
            row.push(' ');
        }
        row.push_str(word);
    }
    let _ = writeln!(text, "# {row}");
}

fn toml_text(value: &str) -> String {
    toml::Value::from(value).to_string()
}

/// What could stand there.
fn example(section: &str, key: &Key) -> String {
    if let Some(default) = key.default {
        return default.to_owned();
    }
    match (section, key.name) {
        ("keys", "valid") => "\"${CLAWBITE_KEY}\"".to_owned(),
        ("keys", name) => format!("\"${{CLAWBITE_{}}}\"", name.to_uppercase()),
        ("bots", _) => "\"bot_…\"".to_owned(),
        ("target", "base_url") => "\"https://staging.example\"".to_owned(),
        ("target", "ca_file") => "\"staging-ca.pem\"".to_owned(),
        ("target", "resolve") => "\"10.0.0.7:443\"".to_owned(),
        ("target", "rate") => "10".to_owned(),
        ("models", _) => "\"anthropic/claude-sonnet-4-6\"".to_owned(),
        _ => "\"…\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Fixture, Profile};

    fn known(key: &'static str, value: &str) -> Known {
        Known {
            key,
            value: value.to_owned(),
            remark: Some("Because it was asked.".to_owned()),
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = template(
            &["A head.".to_owned()],
            &[
                known("target.base_url", "https://ab.example"),
                known("keys.valid", "${CLAWBITE_KEY}"),
                known("bots.main", "bot_1"),
            ],
        );
        let env = |_: &str| Some("clawbite_sk_0000000000000000".to_owned());
        let profile = Profile::parse(&text, "profile.toml", &env).expect("it is a profile");
        assert_eq!(profile.target.base_url, "https://ab.example");
        assert_eq!(profile.bots.main.id, "bot_1");
        // Quotes of a value are the value's own.
        let odd = toml_text("a\"b'c");
        assert_eq!(odd.parse::<toml::Value>().ok(), Some("a\"b'c".into()));
    }

    #[test]
    fn every_comment_becomes_a_key() {
        let text = template(&[], &[]);
        let whole: String = text
            .lines()
            // Of the ways to say where the target is, these need files and sockets of their own.
            .filter(|line| !line.starts_with("#ca_file"))
            .map(|line| {
                let line = line.strip_prefix('#').filter(|line| !line.starts_with(' '));
                format!("{}\n", line.unwrap_or_default())
            })
            .zip(text.lines())
            .map(|(uncommented, line)| {
                if line.starts_with('[') {
                    format!("{line}\n")
                } else {
                    uncommented
                }
            })
            .collect();
        // No two fixtures are the same.
        let env = |name: &str| Some(format!("clawbite_sk_{name:0>20}"));
        let whole: String = whole
            .split('…')
            .enumerate()
            .map(|(number, part)| match number {
                0 => part.to_owned(),
                number => format!("{number:02}{part}"),
            })
            .collect();
        let profile = Profile::parse(&whole, "profile.toml", &env);
        let profile = profile.expect("every example is right");
        let lacks: Vec<&str> = Fixture::ALL
            .iter()
            .filter(|fixture| !profile.has(**fixture))
            .map(|fixture| fixture.name())
            .collect();
        assert_eq!(lacks, Vec::<&str>::new());
    }
}
