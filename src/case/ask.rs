//! What a case asks: a request, built from the good one by changes, and what is known of it.

use crate::contract::chat_path;
use crate::judge::Mode;
use crate::profile::{Bot, Fixture, NamedKey, Profile};
use crate::secret::ApiKey;
use crate::wire::{BodyFraming, Headers, Pieces, Request};
use bytes::Bytes;

/// A key and the shell expression that stands for it in `reproduce` lines.
#[derive(Debug, Clone)]
pub struct Key {
    key: ApiKey,
    variable: String,
    shell: String,
}

impl Key {
    pub(super) fn new(key: ApiKey, variable: String, shell: String) -> Key {
        Key {
            key,
            variable,
            shell,
        }
    }

    /// A key of the profile.
    pub fn named(named: &NamedKey) -> Key {
        let variable = named
            .variable
            .clone()
            .unwrap_or_else(|| "CLAWBITE_KEY".to_owned());
        Key {
            key: named.key.clone(),
            shell: format!("${variable}"),
            variable,
        }
    }

    pub(super) fn derived(&self, text: String, shell: String) -> Key {
        Key {
            key: ApiKey::new(text),
            variable: self.variable.clone(),
            shell,
        }
    }

    /// The key itself.
    pub fn expose(&self) -> &str {
        self.key.expose()
    }

    /// The key in its wrapper, for the scrubber.
    pub fn secret(&self) -> &ApiKey {
        &self.key
    }

    /// The environment variable that it came from.
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// What stands for it in a shell.
    pub fn shell(&self) -> &str {
        &self.shell
    }
}

/// A request to be sent, and what is known of it.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The bytes.
    pub request: Request,
    /// How they reach the socket.
    pub pieces: Pieces,
    /// What it asks for.
    pub mode: Mode,
    /// The key in it, if any: scrubbed from evidence, named by `reproduce`.
    pub key: Option<Key>,
    /// The fixture that its bot is, other than the main one.
    pub bot: Option<Fixture>,
    /// Whether that bot has a key of its own in the profile.
    pub own_key: bool,
    /// Whether it goes to the documented path with the documented method, so that ambient rules hold of its shape.
    pub documented: bool,
    /// The origin that it names.
    pub origin: Option<String>,
    /// Statuses that it provokes: they are its answer, however transient they look.
    pub provokes: Vec<u16>,
    /// A word that stands in no other prompt of the run (STREAM-9).
    pub word: Option<String>,
    /// Whether the target may answer with anything (an open clause): a broken connection is its answer too.
    pub open: bool,
}

impl Ask {
    /// The plain valid request of that mode, as the documented curl call has it.
    pub fn plain(profile: &Profile, mode: Mode) -> Ask {
        let body = plain_body(&profile.prompt.text, mode);
        Ask::with_body(profile, mode, body)
    }

    /// The plain valid request with another body.
    pub fn with_body(profile: &Profile, mode: Mode, body: impl Into<Bytes>) -> Ask {
        let mut headers = Headers::new();
        for (name, value) in &profile.headers {
            headers.push(name.clone(), value.as_bytes());
        }
        let agent = concat!("clawcheck/", env!("CARGO_PKG_VERSION"));
        headers.push("User-Agent", agent);
        headers.push("Accept", "*/*");
        // Without this field any coding would be legal (RFC 9110 §12.5.3).
        headers.push("Accept-Encoding", "identity");
        headers.push("Content-Type", "application/json");
        let ask = Ask {
            request: Request {
                method: "POST".to_owned(),
                target: target(profile, &profile.bots.main.id),
                headers,
                body: body.into(),
                framing: BodyFraming::Length,
            },
            pieces: Pieces::Whole,
            mode,
            key: None,
            bot: None,
            own_key: true,
            documented: true,
            origin: None,
            provokes: Vec::new(),
            word: None,
            open: false,
        };
        let key = profile
            .bots
            .main
            .key
            .as_ref()
            .unwrap_or(&profile.keys.valid);
        ask.key(Key::named(key))
    }

    /// The preflight that a browser sends before the documented call from a page (CORS-1): no key is in it.
    pub fn preflight(profile: &Profile, mode: Mode) -> Ask {
        let mut ask = Ask::plain(profile, mode).authorization(None, None);
        ask.request.method = "OPTIONS".to_owned();
        ask.request.body = Bytes::new();
        ask.request.framing = BodyFraming::None;
        ask.request.headers.remove("Content-Type");
        ask.documented = false;
        ask.header("Access-Control-Request-Method", "POST")
            .header(
                "Access-Control-Request-Headers",
                "authorization,content-type",
            )
            .header("Sec-Fetch-Mode", "cors")
            .from_origin(&profile.target.origin)
    }

    /// With that key.
    #[must_use]
    pub fn key(self, key: Key) -> Ask {
        let value = format!("Bearer {}", key.expose());
        self.authorization(Some(value), Some(key))
    }

    /// With that value of Authorization, or without the field; `key` is the key that stands in it.
    #[must_use]
    pub fn authorization(mut self, value: Option<String>, key: Option<Key>) -> Ask {
        match value {
            Some(value) => self.request.headers.set("Authorization", value),
            None => self.request.headers.remove("Authorization"),
        }
        self.key = key;
        self
    }

    /// To that bot: with its own key, where the profile has one.
    #[must_use]
    pub fn bot(mut self, profile: &Profile, fixture: Fixture, bot: &Bot) -> Ask {
        self.request.target = target(profile, &bot.id);
        self.bot = Some(fixture);
        self.own_key = bot.key.is_some();
        match &bot.key {
            Some(key) => self.key(Key::named(key)),
            None => self,
        }
    }

    /// To the bot of that id, whatever it is.
    #[must_use]
    pub fn bot_id(mut self, profile: &Profile, id: &str) -> Ask {
        self.request.target = target(profile, id);
        self
    }

    /// With another body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Ask {
        self.request.body = body.into();
        self
    }

    /// With a field set.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Ask {
        self.request.headers.set(name, value);
        self
    }

    /// From a page of that origin.
    #[must_use]
    pub fn from_origin(mut self, origin: &str) -> Ask {
        self.origin = Some(origin.to_owned());
        self.header("Origin", origin)
    }

    /// With these statuses as its answer, however transient they look.
    #[must_use]
    pub fn provoking(mut self, statuses: &[u16]) -> Ask {
        self.provokes.extend_from_slice(statuses);
        self
    }

    /// In these pieces.
    #[must_use]
    pub fn pieces(mut self, pieces: Pieces) -> Ask {
        self.pieces = pieces;
        self
    }
}

/// The path to a bot's chat, below the base URL's own path.
pub(super) fn target(profile: &Profile, bot: &str) -> String {
    format!("{}{}", profile.target.base_path(), chat_path(bot))
}

/// The plain body: one user message, `stream` given, as in the documented curl call.
pub(super) fn plain_body(prompt: &str, mode: Mode) -> String {
    format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":{}}}],\"stream\":{}}}",
        quoted(prompt),
        mode == Mode::Stream
    )
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
