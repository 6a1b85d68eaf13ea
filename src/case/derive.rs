//! Keys and ids made from the valid ones: shaped like them, and wrong in one way.

use super::Key;
use crate::contract::KEY_PREFIX;
use crate::secret::ApiKey;

/// Turns every letter and digit into the next one of its kind; hexadecimal texts stay hexadecimal. A text that
/// has neither comes back as it was.
fn turned(text: &str) -> String {
    let lower_hex = text
        .chars()
        .all(|c| !c.is_ascii_alphanumeric() || matches!(c, '0'..='9' | 'a'..='f'));
    text.chars()
        .map(|c| match c {
            'f' if lower_hex => '0',
            '9' if lower_hex => 'a',
            'z' => 'a',
            'Z' => 'A',
            '9' => '0',
            'a'..='y' | 'A'..='Y' | '0'..='8' => char::from(c as u8 + 1),
            c => c,
        })
        .collect()
}

/// The shell's way to do the same.
fn turned_shell(text: &str, expression: &str) -> String {
    let lower_hex = text
        .chars()
        .all(|c| !c.is_ascii_alphanumeric() || matches!(c, '0'..='9' | 'a'..='f'));
    let sets = if lower_hex {
        "0-9a-f 1-9a-f0"
    } else {
        "A-Za-z0-9 B-ZAb-za1-90"
    };
    format!("$(printf %s \"{expression}\" | tr {sets})")
}

/// A key that does not exist: every character after the prefix is another one of the same kind (AUTH-3).
pub fn made_up_key(valid: &Key) -> Key {
    let (prefix, rest) = split(valid.expose());
    let shell = format!(
        "{prefix}{}",
        turned_shell(rest, &format!("${{{}#{prefix}}}", valid.variable()))
    );
    valid.derived(format!("{prefix}{}", turned(rest)), shell)
}

/// An id that does not exist, shaped like the given one: its last part, behind a separator, is turned; of a short
/// one everything (ROUTE-2).
pub fn made_up_bot(id: &str) -> String {
    let cut = id
        .rfind(['-', '_', '.'])
        .map(|at| at + 1)
        .filter(|at| id.len() - at >= 6)
        .unwrap_or(0);
    let turned_id = format!("{}{}", &id[..cut], turned(&id[cut..]));
    if turned_id == id {
        format!("{id}x")
    } else {
        turned_id
    }
}

/// The id with one character changed to another of its kind: the last one, or the first one.
pub(super) fn one_off_bot(id: &str, last: bool) -> String {
    let mut chars: Vec<char> = id.chars().collect();
    let place = if last {
        chars.iter().rposition(char::is_ascii_alphanumeric)
    } else {
        chars.iter().position(char::is_ascii_alphanumeric)
    };
    match place {
        Some(at) => {
            let whole = turned(id);
            chars[at] = whole.chars().nth(at).unwrap_or('x');
            chars.into_iter().collect()
        }
        None => format!("{id}x"),
    }
}

/// The documented prefix, where the key has it, and what follows it.
pub(super) fn split(key: &str) -> (&str, &str) {
    match key.strip_prefix(KEY_PREFIX) {
        Some(rest) => (KEY_PREFIX, rest),
        None => ("", key),
    }
}

impl Key {
    /// The key without its last `count` characters.
    pub fn cut(&self, count: usize) -> Key {
        let text = self.expose();
        let keep = text.chars().count().saturating_sub(count);
        self.derived(
            text.chars().take(keep).collect(),
            format!("${{{}%{}}}", self.variable(), "?".repeat(count)),
        )
    }

    /// The first half of what follows the prefix, the rest turned.
    pub fn other_tail(&self) -> Key {
        let (prefix, rest) = split(self.expose());
        let half = rest.chars().count() / 2;
        let head: String = rest.chars().take(half).collect();
        let tail: String = turned(rest).chars().skip(half).collect();
        let drop = rest.chars().count() - half;
        self.derived(
            format!("{prefix}{head}{tail}"),
            format!(
                "${{{v}%{q}}}$(printf %s \"${{{v}}}\" | tail -c {drop} | tr A-Za-z0-9 B-ZAb-za1-90)",
                v = self.variable(),
                q = "?".repeat(drop)
            ),
        )
    }

    /// The second half as it is, what stands between it and the prefix turned.
    pub fn other_head(&self) -> Key {
        let (prefix, rest) = split(self.expose());
        let half = rest.chars().count() / 2;
        let head: String = turned(rest).chars().take(half).collect();
        let tail: String = rest.chars().skip(half).collect();
        let drop = rest.chars().count() - half;
        self.derived(
            format!("{prefix}{head}{tail}"),
            format!(
                "{prefix}$(printf %s \"${{{v}#{prefix}}}\" | head -c {half} | tr A-Za-z0-9 B-ZAb-za1-90)$(printf %s \"${v}\" | tail -c {drop})",
                v = self.variable()
            ),
        )
    }

    /// The key with its last character changed.
    pub fn one_off(&self) -> Key {
        let text = self.expose();
        let changed = one_off_bot(text, true);
        let last = changed.chars().last().unwrap_or('x');
        self.derived(changed, format!("${{{}%?}}{last}", self.variable()))
    }

    /// The key with something after it.
    pub fn extended(&self, more: &str) -> Key {
        self.derived(
            format!("{}{more}", self.expose()),
            format!("${{{}}}{more}", self.variable()),
        )
    }

    /// The key in the other case, after the prefix; `None` where it has no letters there.
    pub fn other_case(&self) -> Option<Key> {
        let (prefix, rest) = split(self.expose());
        let swapped: String = rest
            .chars()
            .map(|c| {
                if c.is_ascii_lowercase() {
                    c.to_ascii_uppercase()
                } else {
                    c.to_ascii_lowercase()
                }
            })
            .collect();
        (swapped != rest).then(|| {
            self.derived(
                format!("{prefix}{swapped}"),
                format!(
                    "{prefix}$(printf %s \"${{{}#{prefix}}}\" | tr A-Za-z a-zA-Z)",
                    self.variable()
                ),
            )
        })
    }

    /// The key in capitals or in lower case, after the prefix; `None` where that changes nothing.
    pub fn in_case(&self, upper: bool) -> Option<Key> {
        let (prefix, rest) = split(self.expose());
        let (spelled, sets) = if upper {
            (rest.to_ascii_uppercase(), "a-z A-Z")
        } else {
            (rest.to_ascii_lowercase(), "A-Z a-z")
        };
        (spelled != rest).then(|| {
            self.derived(
                format!("{prefix}{spelled}"),
                format!(
                    "{prefix}$(printf %s \"${{{}#{prefix}}}\" | tr {sets})",
                    self.variable()
                ),
            )
        })
    }

    /// The key with what follows the prefix read backwards; one character is changed where that is the same.
    pub fn reversed(&self) -> Key {
        let (prefix, rest) = split(self.expose());
        let reversed: String = rest.chars().rev().collect();
        if reversed == rest {
            return self.one_off();
        }
        self.derived(
            format!("{prefix}{reversed}"),
            format!(
                "{prefix}$(printf %s \"${{{}#{prefix}}}\" | rev)",
                self.variable()
            ),
        )
    }

    /// The key behind another prefix.
    pub fn with_prefix(&self, other: &str) -> Key {
        let (prefix, rest) = split(self.expose());
        self.derived(
            format!("{other}{rest}"),
            format!("{other}${{{}#{prefix}}}", self.variable()),
        )
    }

    /// A text that is no key of anybody's: it may stand in outputs as it is.
    pub fn literal(text: &str) -> Key {
        Key::generated(text, text)
    }

    /// The same, for a text that a shell expression makes better than quotes.
    pub(super) fn generated(text: &str, shell: &str) -> Key {
        Key::new(ApiKey::new(text), String::new(), shell.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_ids_have_the_shape_of_the_valid_one() {
        for (id, expected) in [
            ("bot_main01abcd", "bot_nbjo12bcde"),
            (
                "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                "7c9e6679-7425-40de-944b-f180d20a1bf8",
            ),
            ("main", "nbjo"),
            ("---", "---x"),
        ] {
            assert_eq!(made_up_bot(id), expected);
        }
        assert_eq!(one_off_bot("abz", true), "aba");
        assert_eq!(one_off_bot("abz", false), "bbz");
    }

    #[test]
    fn derived_keys_differ_from_the_valid_one() {
        let key = Key::new(
            ApiKey::new("clawbite_sk_AbCd0123456789xyz"),
            "K".to_owned(),
            "$K".to_owned(),
        );
        let all = [
            made_up_key(&key),
            key.cut(1),
            key.other_tail(),
            key.other_head(),
            key.one_off(),
            key.extended("x"),
            key.other_case().unwrap(),
            key.with_prefix("sk_live_"),
        ];
        for derived in &all {
            assert_ne!(derived.expose(), key.expose());
        }
        assert_eq!(made_up_key(&key).expose(), "clawbite_sk_BcDe1234567890yza");
        assert_eq!(made_up_key(&key).expose().len(), key.expose().len());
    }
}
