//! Keys and bots, derived from the seed, and the profile that names them.

use std::collections::HashMap;

use crate::contract::KEY_PREFIX;
use crate::secret::ApiKey;
use crate::time::Scale;

use super::words::Mixer;

/// The origin of the web page that the profile names; the mock allows any.
pub const ORIGIN: &str = "https://app.example";

/// What the profile's ordinary cases ask.
pub const PROMPT_TEXT: &str = "Say hello in one sentence.";

/// What the profile asks for a long answer.
pub const PROMPT_LONG: &str = "Count to one hundred, a number a line.";

/// How many characters follow the prefix of a key.
pub(super) const KEY_TAIL: usize = 32;

/// The mock's keys.
#[derive(Debug, Clone)]
pub struct KeySet {
    /// May use every bot but [`BotIds::foreign`].
    pub valid: ApiKey,
    /// Was valid once.
    pub revoked: ApiKey,
    /// May use [`BotIds::foreign`] and no other.
    pub foreign: ApiKey,
    /// Like `valid`, with a small budget of requests.
    pub rate_limited: ApiKey,
    /// Like `valid`, with few answers at a time.
    pub concurrency_limited: ApiKey,
}

/// The mock's bots.
#[derive(Debug, Clone)]
pub struct BotIds {
    /// Answers.
    pub main: String,
    /// API access is turned off: 403.
    pub api_off: String,
    /// 503 `bot_offline`.
    pub offline: String,
    /// 503 `container_error`.
    pub unreachable: String,
    /// 504 `timeout`, after the time-out.
    pub slow: String,
    /// 500 `internal_error`.
    pub faulty: String,
    /// Answers, with a small budget of requests.
    pub rate_limited: String,
    /// Answers, but only [`KeySet::foreign`] may use it.
    pub foreign: String,
}

/// Everything a suite needs to provoke every documented answer.
#[derive(Debug, Clone)]
pub struct Fixtures {
    /// The keys.
    pub keys: KeySet,
    /// The bots.
    pub bots: BotIds,
}

/// The model that answers where a request names none, and that it may name: the documentation's own.
pub(super) const MODEL: &str = "anthropic/claude-sonnet-4-6";

impl Fixtures {
    /// The fixtures of a seed: the same ones every time.
    pub fn derive(seed: u64) -> Self {
        let key = |name: &str| {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
            let tail = Mixer::named(seed, name).text(alphabet, KEY_TAIL);
            ApiKey::new(format!("{KEY_PREFIX}{tail}"))
        };
        let bot = |name: &str| {
            let alphabet = b"abcdefghijklmnopqrstuvwxyz0123456789";
            format!("bot_{}", Mixer::named(seed, name).text(alphabet, 20))
        };
        Self {
            keys: KeySet {
                valid: key("key valid"),
                revoked: key("key revoked"),
                foreign: key("key foreign"),
                rate_limited: key("key rate_limited"),
                concurrency_limited: key("key concurrency_limited"),
            },
            bots: BotIds {
                main: bot("bot main"),
                api_off: bot("bot api_off"),
                offline: bot("bot offline"),
                unreachable: bot("bot unreachable"),
                slow: bot("bot slow"),
                faulty: bot("bot faulty"),
                rate_limited: bot("bot rate_limited"),
                foreign: bot("bot foreign"),
            },
        }
    }

    /// The profile's text; `ca_file` is whom it trusts besides. Its `[provoke]` is enough for [`Limits::default`](super::Limits).
    pub(super) fn profile_toml(
        &self,
        base_url: &str,
        scale: Scale,
        ca_file: Option<&str>,
    ) -> String {
        let trust = ca_file.map_or_else(String::new, |file| {
            format!("ca_file = {}\n", toml::Value::from(file))
        });
        let KeySet {
            valid,
            revoked,
            foreign,
            rate_limited,
            concurrency_limited,
        } = &self.keys;
        let bots = &self.bots;
        format!(
            r#"# All fixtures of the mock at {base_url}; its keys open nothing else.
[target]
base_url = "{base_url}"
time_scale = {scale:?}
origin = "{ORIGIN}"
{trust}
[keys]
valid = "{valid}"
revoked = "{revoked}"
foreign = "{foreign}"
rate_limited = "{rate_limited}"
concurrency_limited = "{concurrency_limited}"

[bots]
main = "{main}"
api_off = "{api_off}"
offline = "{offline}"
unreachable = "{unreachable}"
slow = "{slow}"
faulty = "{faulty}"
rate_limited = "{bot_rate_limited}"

[models]
override = "{MODEL}"

[prompt]
text = "{PROMPT_TEXT}"
long = "{PROMPT_LONG}"

[provoke]
burst = 20
streams = 6
"#,
            scale = scale.factor(),
            valid = valid.expose(),
            revoked = revoked.expose(),
            foreign = foreign.expose(),
            rate_limited = rate_limited.expose(),
            concurrency_limited = concurrency_limited.expose(),
            main = bots.main,
            api_off = bots.api_off,
            offline = bots.offline,
            unreachable = bots.unreachable,
            slow = bots.slow,
            faulty = bots.faulty,
            bot_rate_limited = bots.rate_limited,
        )
    }
}

/// Whom a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Ordinary,
    Foreign,
    RateLimited,
    ConcurrencyLimited,
}

/// What an agent is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agent {
    Working,
    ApiOff,
    Offline,
    Unreachable,
    Slow,
    Faulty,
    RateLimited,
    Foreign,
}

/// The fixtures, to be looked up.
#[derive(Debug)]
pub(super) struct Registry {
    keys: HashMap<String, Holder>,
    bots: HashMap<String, Agent>,
}

impl Registry {
    pub(super) fn new(fixtures: &Fixtures) -> Self {
        let KeySet {
            valid,
            revoked: _, // what is revoked is unknown from then on
            foreign,
            rate_limited,
            concurrency_limited,
        } = &fixtures.keys;
        let keys = [
            (valid, Holder::Ordinary),
            (foreign, Holder::Foreign),
            (rate_limited, Holder::RateLimited),
            (concurrency_limited, Holder::ConcurrencyLimited),
        ];
        let bots = &fixtures.bots;
        let bots = [
            (&bots.main, Agent::Working),
            (&bots.api_off, Agent::ApiOff),
            (&bots.offline, Agent::Offline),
            (&bots.unreachable, Agent::Unreachable),
            (&bots.slow, Agent::Slow),
            (&bots.faulty, Agent::Faulty),
            (&bots.rate_limited, Agent::RateLimited),
            (&bots.foreign, Agent::Foreign),
        ];
        Self {
            keys: keys
                .map(|(key, holder)| (key.expose().to_owned(), holder))
                .into(),
            bots: bots.map(|(id, agent)| (id.clone(), agent)).into(),
        }
    }

    /// Whose key this is: compared whole and exactly (AUTH-6).
    pub(super) fn holder(&self, key: &str) -> Option<Holder> {
        self.keys.get(key).copied()
    }

    /// The agent of that id.
    pub(super) fn agent(&self, id: &str) -> Option<Agent> {
        self.bots.get(id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixtures_follow_from_the_seed_and_are_all_different() {
        let (one, same, other) = (
            Fixtures::derive(1),
            Fixtures::derive(1),
            Fixtures::derive(2),
        );
        assert_eq!(one.keys.valid, same.keys.valid);
        assert_ne!(one.keys.valid, other.keys.valid);
        let registry = Registry::new(&one);
        assert_eq!((registry.keys.len(), registry.bots.len()), (4, 8));
        assert_eq!(registry.holder(one.keys.revoked.expose()), None);
    }

    #[test]
    fn the_profile_is_toml_that_names_every_fixture() {
        let text = Fixtures::derive(1).profile_toml(
            "http://127.0.0.1:4010",
            Scale::REAL,
            Some("a \"b\".pem"),
        );
        let profile: toml::Table = text.parse().unwrap();
        assert_eq!(profile["keys"].as_table().map(toml::Table::len), Some(5));
        assert_eq!(profile["bots"].as_table().map(toml::Table::len), Some(7));
        assert_eq!(profile["target"]["time_scale"].as_float(), Some(1.0));
        assert_eq!(profile["target"]["ca_file"].as_str(), Some("a \"b\".pem"));
    }
}
