//! Keys, and what keeps them out of every output.
//!
//! An [`ApiKey`] can't be printed or serialised by accident; [`Scrubber`] takes every known secret out of bytes
//! before they become evidence. Knows nothing else of the program.

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// An API key. It has no `Display` and no `Serialize`; `Debug` shows its last four characters at most.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiKey(String);

impl ApiKey {
    /// Wraps a key, whatever its form: derived, badly formatted and empty ones too.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key itself. Every call of this is a place where a secret leaves its wrapper.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The form that outputs may show: `clawbite_sk_…a1b2`, or `…` where the key is too short to hide.
    pub fn masked(&self) -> String {
        let (prefix, rest) = match self.0.strip_prefix("clawbite_sk_") {
            Some(rest) => ("clawbite_sk_", rest),
            None => ("", self.0.as_str()),
        };
        let count = rest.chars().count();
        if count < 12 {
            return format!("{prefix}…");
        }
        let tail: String = rest.chars().skip(count - 4).collect();
        format!("{prefix}…{tail}")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// Replaces every known secret in bytes, in the forms in which it can stand there: as it is, JSON-escaped and
/// percent-encoded. Of several that begin at one place the longest is meant, so that a key cut short can't leave the rest
/// of the whole one. Cheap to clone.
#[derive(Clone, Default)]
pub struct Scrubber(Arc<Secrets>);

#[derive(Clone, Default)]
struct Secrets {
    /// The forms, and what stands in their place.
    needles: Vec<Vec<u8>>,
    replacements: Vec<String>,
    /// Bytes of the longest form.
    longest: usize,
    /// Finds them; made when it is first needed.
    finder: OnceLock<Option<AhoCorasick>>,
}

/// Shorter strings are no secrets: taking them out would maim ordinary text.
const SHORTEST_SECRET: usize = 8;

impl Scrubber {
    /// A scrubber that knows no secret yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key; its masked form takes its place.
    pub fn add_key(&mut self, key: &ApiKey) {
        let masked = key.masked();
        // The bare prefix hides nothing, and would be found in what is masked already.
        if masked.starts_with(key.expose()) {
            return;
        }
        self.add(key.expose(), &masked);
    }

    /// Adds any secret text, such as a gateway header's value, and what stands in its place.
    pub fn add(&mut self, secret: &str, replacement: &str) {
        if secret.len() < SHORTEST_SECRET {
            return;
        }
        let mut forms = vec![secret.as_bytes().to_vec()];
        if let Ok(quoted) = serde_json::to_string(secret) {
            forms.push(quoted.as_bytes()[1..quoted.len() - 1].to_vec());
        }
        let percent: String = secret
            .bytes()
            .map(|b| {
                if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                    char::from(b).to_string()
                } else {
                    format!("%{b:02X}")
                }
            })
            .collect();
        forms.push(percent.into_bytes());
        for form in forms {
            if !self.0.needles.contains(&form) {
                let secrets = Arc::make_mut(&mut self.0);
                secrets.longest = secrets.longest.max(form.len());
                secrets.needles.push(form);
                secrets.replacements.push(replacement.to_owned());
                secrets.finder = OnceLock::new();
            }
        }
    }

    /// The bytes without any secret.
    pub fn scrub(&self, bytes: &[u8]) -> Vec<u8> {
        self.scrub_beginning(bytes, usize::MAX).0
    }

    /// [`Scrubber::scrub`] of so many bytes at the beginning as become `enough` (a secret is taken whole). Gives how
    /// many those were, too: the others are not even looked at.
    pub fn scrub_beginning(&self, bytes: &[u8], enough: usize) -> (Vec<u8>, usize) {
        let Some(finder) = self.finder() else {
            return (Vec::new(), bytes.len());
        };
        let mut out = Vec::with_capacity(enough.min(bytes.len()));
        let mut read = 0_usize;
        loop {
            let stop = bytes.len().min(read.saturating_add(enough - out.len()));
            // Far enough for a secret that begins before the end.
            let window = bytes.len().min(stop.saturating_add(self.0.longest));
            let found = finder
                .find(Input::new(bytes).span(read..window))
                .filter(|found| found.start() < stop);
            let Some(found) = found else {
                out.extend_from_slice(&bytes[read..stop]);
                return (out, stop);
            };
            out.extend_from_slice(&bytes[read..found.start()]);
            out.extend_from_slice(self.0.replacements[found.pattern().as_usize()].as_bytes());
            read = found.end();
            if out.len() >= enough {
                return (out, read);
            }
        }
    }

    /// [`Scrubber::scrub`] for text.
    pub fn scrub_text(&self, text: &str) -> String {
        String::from_utf8(self.scrub(text.as_bytes()))
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    fn finder(&self) -> Option<&AhoCorasick> {
        let finder = self.0.finder.get_or_init(|| {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                // It is made anew for every key that a case derives: what is quick to make wins.
                .kind(Some(AhoCorasickKind::NoncontiguousNFA))
                .build(&self.0.needles)
                .ok() // it fails over two thousand million of them
        });
        finder.as_ref()
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrubber({} secrets)", self.0.needles.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_its_last_four_characters_at_most() {
        let key = ApiKey::new("clawbite_sk_0123456789abcdef");
        assert_eq!(format!("{key:?}"), "clawbite_sk_…cdef");
        assert_eq!(ApiKey::new("clawbite_sk_short").masked(), "clawbite_sk_…");
        assert_eq!(ApiKey::new("other").masked(), "…");
    }

    #[test]
    fn longer_secrets_go_first_and_every_form_is_found() {
        let mut scrubber = Scrubber::new();
        scrubber.add_key(&ApiKey::new("clawbite_sk_0123456789abcdef"));
        scrubber.add_key(&ApiKey::new("clawbite_sk_0123456789abcdefXY"));
        scrubber.add("se\"cret/value", "[secret]");
        let text = "a clawbite_sk_0123456789abcdefXY b clawbite_sk_0123456789abcdef se\\\"cret/value se%22cret%2Fvalue";
        assert_eq!(
            scrubber.scrub_text(text),
            "a clawbite_sk_…efXY b clawbite_sk_…cdef [secret] [secret]"
        );
    }

    #[test]
    fn a_beginning_is_the_beginning_of_the_whole() {
        let mut scrubber = Scrubber::new();
        scrubber.add("0123456789", "[a]");
        scrubber.add("0123456789abcdef", "[the longer one]");
        let text = "0123456789abcdef, 0123456789, 0123456789abcde";
        let whole = scrubber.scrub(text.as_bytes());
        assert_eq!(whole, b"[the longer one], [a], [a]abcde");
        for enough in 0..=whole.len() + 1 {
            let (beginning, read) = scrubber.scrub_beginning(text.as_bytes(), enough);
            assert!(whole.starts_with(&beginning), "{enough}");
            assert!(beginning.len() >= enough.min(whole.len()), "{enough}");
            let rest = scrubber.scrub(&text.as_bytes()[read..]);
            assert_eq!([beginning, rest].concat(), whole, "{enough}");
        }
    }
}
