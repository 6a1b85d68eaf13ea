//! Keys and agents of a profile, by their names.

use crate::profile::{Bot, Fixture, NamedKey, Profile};

/// A name of the profile's `[keys]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyName(Option<Fixture>);

/// A name of the profile's `[bots]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BotName(Option<Fixture>);

impl KeyName {
    /// `valid`, which every profile has.
    pub const VALID: KeyName = KeyName(None);

    /// The key of that name.
    pub fn parse(name: &str) -> Option<KeyName> {
        if name == Self::VALID.as_str() {
            return Some(Self::VALID);
        }
        Fixture::parse(&format!("keys.{name}")).map(|fixture| KeyName(Some(fixture)))
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.0.map_or("valid", below)
    }

    /// The fixture that it is; `None` where every profile has it.
    pub fn fixture(self) -> Option<Fixture> {
        self.0
    }

    /// The key itself, where the profile has it.
    pub fn of(self, profile: &Profile) -> Option<&NamedKey> {
        match self.0 {
            None => Some(&profile.keys.valid),
            Some(fixture) => profile.key(fixture),
        }
    }
}

impl BotName {
    /// `main`, which every profile has.
    pub const MAIN: BotName = BotName(None);

    /// The agent of that name.
    pub fn parse(name: &str) -> Option<BotName> {
        if name == Self::MAIN.as_str() {
            return Some(Self::MAIN);
        }
        Fixture::parse(&format!("bots.{name}")).map(|fixture| BotName(Some(fixture)))
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.0.map_or("main", below)
    }

    /// The fixture that it is; `None` where every profile has it.
    pub fn fixture(self) -> Option<Fixture> {
        self.0
    }

    /// The agent itself, where the profile has it.
    pub fn of(self, profile: &Profile) -> Option<&Bot> {
        match self.0 {
            None => Some(&profile.bots.main),
            Some(fixture) => profile.bot(fixture),
        }
    }
}

/// The part of a fixture's name after its section.
fn below(fixture: Fixture) -> &'static str {
    let name = fixture.name();
    name.split_once('.').map_or(name, |(_, below)| below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{BOT_NAMES, KEY_NAMES};

    #[test]
    fn every_name_of_a_profile_is_read_back() {
        for name in KEY_NAMES {
            assert_eq!(KeyName::parse(name).map(KeyName::as_str), Some(*name));
        }
        for name in BOT_NAMES {
            assert_eq!(BotName::parse(name).map(BotName::as_str), Some(*name));
        }
        assert_eq!(KeyName::parse("main"), None);
        assert_eq!(BotName::parse("override"), None);
    }
}
