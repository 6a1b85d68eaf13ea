//! Texts with `{user}`, `{n}` and `{random}` in them.

use std::fmt;

/// A text with places that are filled in for each request. `{{` and `}}` are braces; braces around anything but one
/// lower-case word are braces too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

/// What is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    User,
    N,
    Random,
}

/// A word in braces that means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPlace {
    /// The word with its braces.
    pub text: String,
    /// Where it stands, in bytes.
    pub at: usize,
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// Every word in braces that means nothing.
    pub fn parse(text: &str) -> Result<Template, Vec<UnknownPlace>> {
        let (mut parts, mut literal, mut unknown) = (Vec::new(), String::new(), Vec::new());
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                literal.push(c);
                at += 2;
            } else if let Some(word) = word_in_braces(rest) {
                let place = match word {
                    "user" => Some(Place::User),
                    "n" => Some(Place::N),
                    "random" => Some(Place::Random),
                    _ => None,
                };
                let length = word.len() + 2;
                if let Some(place) = place {
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Place(place));
                } else {
                    let text = rest[..length].to_owned();
                    unknown.push(UnknownPlace { text, at });
                }
                at += length;
            } else {
                literal.push(c);
                at += c.len_utf8();
            }
        }
        if !unknown.is_empty() {
            return Err(unknown);
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Template {
            text: text.to_owned(),
            parts,
        })
    }

    /// The text for one request: the number of its user (in the open model of its arrival), its own number, and what
    /// stands for `{random}`, which the caller draws from the seed.
    pub fn filled(&self, user: u64, n: u64, random: &str) -> String {
        let mut filled = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Place(Place::User) => filled.push_str(&user.to_string()),
                Part::Place(Place::N) => filled.push_str(&n.to_string()),
                Part::Place(Place::Random) => filled.push_str(random),
            }
        }
        filled
    }

    /// As it is written, places unfilled.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The word of `{word}` at the beginning of a text.
fn word_in_braces(text: &str) -> Option<&str> {
    let (word, _) = text.strip_prefix('{')?.split_once('}')?;
    let is_word = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    is_word.then_some(word)
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_and_other_braces_stay() {
        for (text, filled) in [
            ("", ""),
            ("user {user}, {n}: {random}", "user 3, 7: abc"),
            ("{user}{user}", "33"),
            ("{{user}} {{{n}}}", "{user} {7}"),
            ("{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 1}"),
            ("é{ n } {N} {} {1} {", "é{ n } {N} {} {1} {"),
        ] {
            let template = Template::parse(text).expect(text);
            assert_eq!(template.filled(3, 7, "abc"), filled, "{text}");
            assert_eq!(template.as_str(), text);
        }
    }

    #[test]
    fn every_word_that_means_nothing_is_told() {
        let unknown = Template::parse("é {usr} and {name}").expect_err("neither is known");
        let told: Vec<(usize, &str)> = unknown
            .iter()
            .map(|unknown| (unknown.at, unknown.text.as_str()))
            .collect();
        assert_eq!(told, [(3, "{usr}"), (13, "{name}")]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[{}a-z\u{e9} ]{0,30}") {
            if let Ok(template) = Template::parse(&text) {
                template.filled(1, 2, "x");
            }
        }
    }
}
