//! The scenarios that come with the program.

use super::Scenario;
use crate::profile::{Env, Mistakes, nearest};
use std::fmt;
use std::path::Path;

/// A scenario that comes with the program.
#[derive(Debug, Clone, Copy)]
pub struct Builtin {
    /// Its name, which is its file's without `.toml`.
    pub name: &'static str,
    /// Its file's text.
    pub text: &'static str,
}

macro_rules! builtin {
    ($($name:literal)*) => {
        /// All of them, from the quickest look to the longest run; then those of one question each. A test compares
        /// them with the files of `scenarios/load/`.
        pub const BUILTIN: &[Builtin] = &[$(
            Builtin {
                name: $name,
                text: include_str!(concat!("../../../scenarios/load/", $name, ".toml")),
            },
        )*];
    };
}

builtin! {
    "smoke"
    "steady-streams"
    "concurrency-stairs"
    "spike"
    "soak"
    "mixed"
    "json-only"
    "long-answers"
    "big-requests"
    "abandoning-clients"
    "limit-probing"
    "fault-storm"
    "capacity"
}

impl Builtin {
    /// Its file, for messages and pages: `scenarios/load/smoke.toml`.
    pub fn file(&self) -> String {
        format!("scenarios/load/{}.toml", self.name)
    }

    /// The scenario.
    pub fn scenario(&self) -> Scenario {
        Scenario::parse(self.text, &self.file(), &|_| None)
            .expect("a test reads every scenario of ours")
    }
}

/// Why there is no such scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotFound {
    /// It is the name of none.
    Unknown {
        /// The name.
        name: String,
        /// The one most like it.
        nearest: Option<&'static str>,
    },
    /// It is a file, and there is something wrong with it.
    Wrong(Mistakes),
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotFound::Unknown { name, .. } => write!(f, "there is no scenario `{name}`"),
            NotFound::Wrong(mistakes) => mistakes.fmt(f),
        }
    }
}

impl std::error::Error for NotFound {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            NotFound::Unknown { .. } => None,
            NotFound::Wrong(mistakes) => Some(mistakes),
        }
    }
}

impl Scenario {
    /// The scenario of a name, or of a file where `name` is a path: where it has a slash, or ends in `.toml`.
    ///
    /// # Errors
    /// There is none of that name, or every mistake of the file.
    pub fn find(name: &str, env: Env<'_>) -> Result<Scenario, NotFound> {
        let separated = name.contains(['/', std::path::MAIN_SEPARATOR]);
        if separated || name.ends_with(".toml") {
            return Scenario::load(Path::new(name), env).map_err(NotFound::Wrong);
        }
        let mut all = BUILTIN.iter();
        match all.find(|builtin| builtin.name == name) {
            Some(builtin) => Ok(builtin.scenario()),
            None => Err(NotFound::Unknown {
                name: name.to_owned(),
                nearest: nearest(name, BUILTIN.iter().map(|builtin| builtin.name)),
            }),
        }
    }
}
