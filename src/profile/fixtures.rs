//! The fixtures that a deployment may offer: each is declared here, once. The structs, the parser's known keys, the
//! schema and the message of a skipped case come from these lines.

use super::key::{Key, Kind};
use super::section::Section;
use super::values;
use crate::secret::ApiKey;
use std::fmt;

/// A key and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedKey {
    /// The key.
    pub key: ApiKey,
    /// The environment variable that it came from, for `reproduce` lines.
    pub variable: Option<String>,
}

impl NamedKey {
    /// The variable that stands for the key in a command: its own, or `CLAWBITE_KEY` where it came from none.
    pub fn variable_name(&self) -> &str {
        self.variable.as_deref().unwrap_or("CLAWBITE_KEY")
    }
}

/// An agent of the deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    /// Its id.
    pub id: String,
    /// Its own key, where it has one.
    pub key: Option<NamedKey>,
}

macro_rules! fixtures {
    (
        keys { $($key:ident $key_variant:ident $key_doc:literal;)* }
        bots { $($bot:ident $bot_variant:ident $bot_doc:literal;)* }
        models { $model:literal $model_variant:ident $model_doc:literal; }
    ) => {
        /// The keys of `[keys]`.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Keys {
            /// A key that may use `bots.main`.
            pub valid: NamedKey,
            $(#[doc = $key_doc] pub $key: Option<NamedKey>,)*
        }

        /// The agents of `[bots]`.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Bots {
            /// An agent whose API access is on, and that `keys.valid` may use.
            pub main: Bot,
            $(#[doc = $bot_doc] pub $bot: Option<Bot>,)*
        }

        /// Something that a case may need and a deployment may lack.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Fixture {
            $(#[doc = $key_doc] $key_variant,)*
            $(#[doc = $bot_doc] $bot_variant,)*
            #[doc = $model_doc] $model_variant,
        }

        impl Fixture {
            /// All of them, in the order of a profile.
            pub const ALL: &[Fixture] = &[
                $(Fixture::$key_variant,)* $(Fixture::$bot_variant,)* Fixture::$model_variant,
            ];

            /// Its key in a profile: `keys.revoked`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Fixture::$key_variant => concat!("keys.", stringify!($key)),)*
                    $(Fixture::$bot_variant => concat!("bots.", stringify!($bot)),)*
                    Fixture::$model_variant => concat!("models.", $model),
                }
            }

            /// What it is, in a sentence.
            pub const fn says(self) -> &'static str {
                match self {
                    $(Fixture::$key_variant => $key_doc,)*
                    $(Fixture::$bot_variant => $bot_doc,)*
                    Fixture::$model_variant => $model_doc,
                }
            }
        }

        /// The names that `[keys]` may have.
        pub const KEY_NAMES: &[&str] = &["valid", $(stringify!($key),)*];

        /// The names that `[bots]` may have.
        pub const BOT_NAMES: &[&str] = &["main", $(stringify!($bot),)*];

        /// What `[keys]` may hold.
        pub(super) const KEYS: &[Key] = &[
            Key::new("valid", Kind::Text, "A key that may use bots.main.").required(),
            $(Key::new(stringify!($key), Kind::Text, $key_doc),)*
        ];

        /// What `[bots]` may hold.
        pub(super) const BOTS: &[Key] = &[
            Key::new("main", Kind::Bot, "An agent whose API access is on, and that keys.valid may use.").required(),
            $(Key::new(stringify!($bot), Kind::Bot, $bot_doc),)*
        ];

        /// What `[models]` may hold.
        pub(super) const MODELS: &[Key] = &[Key::new($model, Kind::Text, $model_doc)];

        impl Keys {
            /// Only the required one.
            pub fn only(valid: NamedKey) -> Keys {
                Keys { valid, $($key: None,)* }
            }

            pub(super) fn read(section: &Section<'_, '_>) -> Option<Keys> {
                let valid = values::key(section, "valid");
                $(let $key = values::key(section, stringify!($key));)*
                Some(Keys { valid: valid?, $($key,)* })
            }

            /// Every key that is there.
            pub fn all(&self) -> impl Iterator<Item = &NamedKey> {
                std::iter::once(&self.valid)$(.chain(&self.$key))*
            }
        }

        impl Bots {
            /// Only the required one.
            pub fn only(main: Bot) -> Bots {
                Bots { main, $($bot: None,)* }
            }

            pub(super) fn read(section: &Section<'_, '_>) -> Option<Bots> {
                let main = values::bot(section, "main");
                $(let $bot = values::bot(section, stringify!($bot));)*
                Some(Bots { main: main?, $($bot,)* })
            }

            /// Every agent that is there.
            pub fn all(&self) -> impl Iterator<Item = &Bot> {
                std::iter::once(&self.main)$(.chain(&self.$bot))*
            }
        }

        impl super::Profile {
            /// Whether the profile offers a fixture.
            pub fn has(&self, fixture: Fixture) -> bool {
                match fixture {
                    $(Fixture::$key_variant => self.keys.$key.is_some(),)*
                    $(Fixture::$bot_variant => self.bots.$bot.is_some(),)*
                    Fixture::$model_variant => self.models_override.is_some(),
                }
            }

            /// The key of a fixture, where it is a key and the profile has it.
            pub fn key(&self, fixture: Fixture) -> Option<&NamedKey> {
                match fixture {
                    $(Fixture::$key_variant => self.keys.$key.as_ref(),)*
                    _ => None,
                }
            }

            /// The agent of a fixture, where it is an agent and the profile has it.
            pub fn bot(&self, fixture: Fixture) -> Option<&Bot> {
                match fixture {
                    $(Fixture::$bot_variant => self.bots.$bot.as_ref(),)*
                    _ => None,
                }
            }
        }
    };
}

fixtures! {
    keys {
        revoked KeyRevoked "A key that was valid and is revoked.";
        foreign KeyForeign "A valid key without access to bots.main.";
        rate_limited KeyRateLimited "A key with a small request budget: a short burst gets 429 rate_limited.";
        concurrency_limited KeyConcurrencyLimited "A key with few streams at a time: one more gets 429 concurrent_limit.";
    }
    bots {
        api_off BotApiOff "An agent whose API access is off: 403 api_not_enabled.";
        offline BotOffline "An agent that is offline: 503 bot_offline.";
        unreachable BotUnreachable "An agent whose container can't be reached: 503 container_error.";
        slow BotSlow "An agent that answers only after the time-out: 504 timeout.";
        faulty BotFaulty "An agent that fails unexpectedly: 500 internal_error.";
        rate_limited BotRateLimited "An agent with a small budget of its own: a short burst gets 429 bot_rate_limited.";
    }
    models {
        "override" ModelsOverride "A model that the deployment accepts in `model`.";
    }
}

impl Fixture {
    /// The fixture that `text` names: `keys.revoked`.
    pub fn parse(text: &str) -> Option<Fixture> {
        Self::ALL
            .iter()
            .copied()
            .find(|fixture| fixture.name() == text)
    }
}

impl fmt::Display for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
