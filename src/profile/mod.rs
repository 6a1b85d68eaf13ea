//! The profile: where the deployment is, and which fixtures it offers.
//!
//! A TOML file, or what the command line says. Every mistake of a file is found at once, each with its place. Knows
//! nothing of cases: a case asks whether a [`Fixture`] is there.

mod document;
mod fixtures;
mod key;
mod mistake;
mod nearest;
mod reference;
mod schema;
mod section;
mod template;
mod values;
mod way;

pub use document::{Document, Env, Text};
pub use fixtures::{BOT_NAMES, Bot, Bots, Fixture, KEY_NAMES, Keys, NamedKey};
pub use key::{Key, Kind};
pub use mistake::{Mistake, Mistakes, Wrong};
pub use nearest::nearest;
pub use schema::{DIALECT, object, schema, short};
pub use section::Section;
pub use template::{Known, template};
pub use values::{Unfit, api_key, base_url, bot_id};
pub use way::WayError;

use crate::secret::Scrubber;
use crate::time::Scale;
use crate::wire::{Endpoint, Proxy, ProxyError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A deployment and its fixtures.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Where it is, and how it is reached.
    pub target: Target,
    /// Fields sent with every request, in order.
    pub headers: Vec<(String, String)>,
    /// Its keys.
    pub keys: Keys,
    /// Its agents.
    pub bots: Bots,
    /// A model that it accepts in `model`.
    pub models_override: Option<String>,
    /// What is asked.
    pub prompt: Prompt,
    /// How hard it may be pushed.
    pub provoke: Provoke,
}

/// Where the deployment is, and how it is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The URL before `/api/v1/bot/{botId}/chat`, without a slash at its end.
    pub base_url: String,
    /// The deployment's clock.
    pub time_scale: Scale,
    /// How long one answer is waited for, in seconds of the deployment's clock; see [`Target::timeout`].
    pub timeout_s: f64,
    /// How long a connection is waited for.
    pub connect_timeout: Duration,
    /// The web page's origin in CORS cases.
    pub origin: String,
    /// The version of HTTP.
    pub http: HttpVersion,
    /// Certificates trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Certificates are not checked.
    pub insecure: bool,
    /// Where to connect, whatever the name says: `host:port`.
    pub resolve: Option<String>,
    /// Requests a second at most.
    pub rate: Option<f64>,
    /// What connections go through. No file says it: [`Target::behind_proxy_of`].
    pub proxy: Option<Proxy>,
}

impl Target {
    /// Takes the proxy that the environment names for this target, if any.
    ///
    /// # Errors
    /// A variable that is meant for it names no proxy.
    pub fn behind_proxy_of(&mut self, env: Env<'_>) -> Result<(), ProxyError> {
        if let Ok(endpoint) = Endpoint::parse(&self.base_url) {
            self.proxy = Proxy::before(&endpoint, env)?;
        }
        Ok(())
    }

    /// The path of the base URL, without a slash at its end: empty, or `/prefix`.
    pub fn base_path(&self) -> String {
        Endpoint::parse(&self.base_url)
            .map_or_else(|_| String::new(), |endpoint| endpoint.base_path)
    }

    /// Scheme and authority of the base URL.
    pub fn root(&self) -> String {
        Endpoint::parse(&self.base_url).map_or_else(
            |_| String::new(),
            |endpoint| format!("{}://{}", endpoint.scheme.as_str(), endpoint.host_header()),
        )
    }

    /// The value of `Host`.
    pub fn host_header(&self) -> String {
        Endpoint::parse(&self.base_url)
            .map_or_else(|_| String::new(), |endpoint| endpoint.host_header())
    }

    /// How long one answer is waited for: scaled, ten seconds at least.
    pub fn timeout(&self) -> Duration {
        self.time_scale
            .seconds(self.timeout_s)
            .max(Duration::from_secs(10))
    }
}

/// The version of HTTP to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// What ALPN agrees on.
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// By ordinary cases.
    pub text: String,
    /// By cases that need a stream to stay open.
    pub long: String,
}

/// How hard the deployment may be pushed to see a 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provoke {
    /// Requests at most.
    pub burst: usize,
    /// Open streams at most.
    pub streams: usize,
}

impl Default for Prompt {
    fn default() -> Self {
        Self {
            text: TEXT.to_owned(),
            long: LONG.to_owned(),
        }
    }
}

impl Default for Provoke {
    fn default() -> Self {
        Self {
            burst: 40,
            streams: 12,
        }
    }
}

const ORIGIN: &str = "https://app.example";
const TEXT: &str = "Say hello in one sentence.";
const LONG: &str = "Count to one hundred, a number a line.";

/// What `[target]` may hold. `base_url` is required too, but may come from the command line.
const TARGET: &[Key] = &[
    Key::new(
        "base_url",
        Kind::Text,
        "The deployment's URL; cases go to {base_url}/api/v1/bot/{botId}/chat.",
    ),
    Key::new(
        "time_scale",
        Kind::Number,
        "The target's clock: at 0.01 its 130 s time-out comes after 1.3 s.",
    )
    .or("1.0"),
    Key::new(
        "timeout_s",
        Kind::Number,
        "How long one answer is waited for, before time_scale; 10 s at least.",
    )
    .or("240"),
    Key::new(
        "connect_timeout_s",
        Kind::Number,
        "How long a connection is waited for.",
    )
    .or("10"),
    Key::new(
        "origin",
        Kind::Text,
        "The web page's origin in CORS cases; a deployment may allow only some.",
    )
    .or("\"https://app.example\""),
    Key::new(
        "http",
        Kind::Choice(&["auto", "1.1", "2"]),
        "The version of HTTP: what ALPN agrees on, 1.1 or 2.",
    )
    .or("\"auto\""),
    Key::new(
        "ca_file",
        Kind::Text,
        "Certificates (PEM) trusted besides the system's; relative to the profile.",
    ),
    Key::new(
        "insecure",
        Kind::Flag,
        "true: certificates are not checked; the report says so.",
    )
    .or("false"),
    Key::new(
        "resolve",
        Kind::Text,
        "Connect there (host:port), whatever the name says.",
    ),
    Key::new(
        "rate",
        Kind::Number,
        "Requests a second at most; without it there is no limit.",
    ),
];

/// Cases send the prompt several times over, spelled out in escapes and byte by byte: with a longer one they would come
/// near the limit of a body, and a right server would be accused.
const LONGEST_PROMPT: usize = 4_000;

const PROMPT: &[Key] = &[
    Key::new(
        "text",
        Kind::Text,
        "What ordinary cases ask; a narrow agent may need another question.",
    )
    .or("\"Say hello in one sentence.\""),
    Key::new(
        "long",
        Kind::Text,
        "Asks for a long answer, for cases that need a stream to stay open.",
    )
    .or("\"Count to one hundred, a number a line.\""),
];

const PROVOKE: &[Key] = &[
    Key::new(
        "burst",
        Kind::Count(10_000),
        "Requests at most, for rate_limited and bot_rate_limited.",
    )
    .or("40"),
    Key::new(
        "streams",
        Kind::Count(10_000),
        "Open streams at most, for concurrent_limit.",
    )
    .or("12"),
];

const ROOT: &[Key] = &[
    Key::new(
        "target",
        Kind::Section(TARGET),
        "Where the deployment is, and how it is reached.",
    ),
    Key::new(
        "headers",
        Kind::Table,
        "Fields sent with every request, for gateways before a staging deployment.",
    ),
    Key::new(
        "keys",
        Kind::Section(fixtures::KEYS),
        "The deployment's API keys; all but `valid` are fixtures.",
    ),
    Key::new(
        "bots",
        Kind::Section(fixtures::BOTS),
        "The deployment's agents; all but `main` are fixtures.",
    ),
    Key::new(
        "models",
        Kind::Section(fixtures::MODELS),
        "Models that the deployment accepts.",
    ),
    Key::new("prompt", Kind::Section(PROMPT), "What is asked."),
    Key::new(
        "provoke",
        Kind::Section(PROVOKE),
        "How hard the suite may push to see a 429.",
    ),
];

/// What an entry of a profile is, by its section and its name: `keys`, `valid`.
pub fn says(section: &str, name: &str) -> Option<&'static str> {
    let section = ROOT.iter().find(|key| key.name == section)?;
    let Kind::Section(keys) = section.kind else {
        return None;
    };
    keys.iter().find(|key| key.name == name).map(|key| key.doc)
}

impl Profile {
    /// Reads a profile's text. `file` names it in mistakes, and relative paths start from its folder.
    ///
    /// # Errors
    /// Every mistake of it, in order.
    pub fn parse(text: &str, file: &str, env: Env<'_>) -> Result<Profile, Mistakes> {
        Self::parse_for(text, file, None, env)
    }

    /// [`Profile::parse`] with a base URL that takes the place of the file's own, which may then be missing.
    ///
    /// # Errors
    /// Every mistake of it, in order.
    pub fn parse_for(
        text: &str,
        file: &str,
        base_url: Option<&str>,
        env: Env<'_>,
    ) -> Result<Profile, Mistakes> {
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        let document = Document::parse(text, env);
        let profile = read(&document, folder, base_url);
        document.finish(file)?;
        Ok(profile.expect("a profile without a mistake is whole"))
    }

    /// Reads a profile's file; see [`Profile::parse_for`].
    ///
    /// # Errors
    /// Every mistake of it, or that it can't be read.
    pub fn load(path: &Path, base_url: Option<&str>, env: Env<'_>) -> Result<Profile, Mistakes> {
        let file = path.display().to_string();
        let text = read_file(path)?;
        Self::parse_for(&text, &file, base_url, env)
    }

    /// A deployment of which only its URL, a key and an agent are known. `url` is as [`base_url`] gives it.
    pub fn from_target(url: &str, key: NamedKey, bot: &str) -> Profile {
        Profile {
            target: Target {
                base_url: url.to_owned(),
                time_scale: Scale::REAL,
                timeout_s: 240.0,
                connect_timeout: Duration::from_secs(10),
                origin: ORIGIN.to_owned(),
                http: HttpVersion::Auto,
                ca_file: None,
                insecure: false,
                resolve: None,
                rate: None,
                proxy: None,
            },
            headers: Vec::new(),
            keys: Keys::only(key),
            bots: Bots::only(Bot {
                id: bot.to_owned(),
                key: None,
            }),
            models_override: None,
            prompt: Prompt::default(),
            provoke: Provoke::default(),
        }
    }

    /// What takes every key and every header's value out of bytes.
    pub fn scrubber(&self) -> Scrubber {
        let mut scrubber = Scrubber::new();
        for named in self.all_keys() {
            scrubber.add_key(&named.key);
        }
        for (name, value) in &self.headers {
            scrubber.add(value, &format!("[{name}]"));
        }
        scrubber
    }

    /// Every key: those of `[keys]` and the agents' own.
    pub fn all_keys(&self) -> impl Iterator<Item = &NamedKey> {
        let own = self.bots.all().filter_map(|bot| bot.key.as_ref());
        self.keys.all().chain(own)
    }
}

/// The text of a file that the user wrote.
///
/// # Errors
/// It can't be read, or is no UTF-8.
pub fn read_file(path: &Path) -> Result<String, Mistakes> {
    let mistakes = |mistake| Mistakes {
        file: path.display().to_string(),
        mistakes: vec![mistake],
    };
    let bytes = std::fs::read(path).map_err(|error| {
        mistakes(Mistake {
            file: None,
            place: None,
            wrong: Wrong::Unreadable {
                why: error.to_string(),
            },
        })
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        mistakes(Mistake {
            file: None,
            place: Some(document::place(error.as_bytes(), at)),
            wrong: Wrong::NotUtf8,
        })
    })
}

fn read(document: &Document<'_>, folder: &Path, url: Option<&str>) -> Option<Profile> {
    let root = document.root(ROOT);
    let target = read_target(&root, folder, url);
    let headers = values::headers(document);
    let (key_section, bot_section) = (root.section_or_empty("keys"), root.section_or_empty("bots"));
    let keys = Keys::read(&key_section);
    let bots = Bots::read(&bot_section);
    if let (Some(keys), Some(bots)) = (&keys, &bots) {
        contradictions(&key_section, keys, &bot_section, bots);
    }
    let models = root.section_or_empty("models");
    let prompt = root.section_or_empty("prompt");
    let provoke = root.section_or_empty("provoke");
    let text = |name: &str| {
        let text = prompt.text(name)?.value;
        if text.len() > LONGEST_PROMPT {
            let hint = "cases repeat and spell out the prompt within 100 KB";
            return prompt.not_allowed(
                name,
                Some(format!("one of {} bytes", text.len())),
                format!("a text of at most {LONGEST_PROMPT} bytes"),
                Some(hint),
            );
        }
        Some(text)
    };
    let count = |name: &str| provoke.count(name);
    let profile = Profile {
        headers,
        models_override: models.text("override").map(|text| text.value),
        prompt: Prompt {
            text: text("text").unwrap_or_else(|| TEXT.to_owned()),
            long: text("long").unwrap_or_else(|| LONG.to_owned()),
        },
        provoke: Provoke {
            burst: count("burst").unwrap_or(Provoke::default().burst),
            streams: count("streams").unwrap_or(Provoke::default().streams),
        },
        target: target?,
        keys: keys?,
        bots: bots?,
    };
    Some(profile)
}

/// A key can't be revoked and valid, an agent not offline and asked for answers: such a profile would accuse the target.
fn contradictions(
    key_section: &Section<'_, '_>,
    keys: &Keys,
    bot_section: &Section<'_, '_>,
    bots: &Bots,
) {
    for (name, key) in [("revoked", &keys.revoked), ("foreign", &keys.foreign)] {
        if key
            .as_ref()
            .is_some_and(|named| named.key == keys.valid.key)
        {
            let hint = "a fixture that is not there is left out";
            key_section.not_allowed::<()>(name, None, "another key than `keys.valid`", Some(hint));
        }
    }
    for (name, bot) in [
        ("api_off", &bots.api_off),
        ("offline", &bots.offline),
        ("unreachable", &bots.unreachable),
        ("slow", &bots.slow),
        ("faulty", &bots.faulty),
    ] {
        if bot.as_ref().is_some_and(|bot| bot.id == bots.main.id) {
            let hint = "a fixture that is not there is left out";
            bot_section.not_allowed::<()>(name, None, "another agent than `bots.main`", Some(hint));
        }
    }
}

fn read_target(root: &Section<'_, '_>, folder: &Path, url: Option<&str>) -> Option<Target> {
    let section = root.section("target");
    let Some(section) = section else {
        if url.is_none() && !root.has("target") {
            missing_base_url(root, root.at());
        }
        // Everything else in [target] has a default.
        return Some(Target {
            base_url: url?.to_owned(),
            ..default_target()
        });
    };
    let own = read_base_url(&section);
    if url.is_none() && !section.has("base_url") {
        missing_base_url(root, section.at());
    }
    let default = default_target();
    let time_scale = section.number("time_scale");
    let seconds = |name: &str| section.number(name);
    let connect_timeout = seconds("connect_timeout_s").map(|s| Scale::REAL.seconds(s));
    let http = section.text("http").map(|text| match text.value.as_str() {
        "1.1" => HttpVersion::Http1,
        "2" => HttpVersion::Http2,
        _ => HttpVersion::Auto, // the declared choices leave nothing else
    });
    let target = Target {
        time_scale: time_scale.and_then(Scale::new).unwrap_or(Scale::REAL),
        timeout_s: seconds("timeout_s").unwrap_or(default.timeout_s),
        connect_timeout: connect_timeout.unwrap_or(default.connect_timeout),
        origin: values::checked(&section, "origin", values::origin).unwrap_or(default.origin),
        http: http.unwrap_or(HttpVersion::Auto),
        ca_file: read_ca_file(&section, folder),
        insecure: section.flag("insecure").unwrap_or(false),
        resolve: values::checked(&section, "resolve", values::host_and_port),
        rate: section.number("rate"),
        proxy: None,
        base_url: url.map(str::to_owned).or(own)?,
    };
    Some(target)
}

fn default_target() -> Target {
    let nobody = NamedKey {
        key: crate::secret::ApiKey::new(""),
        variable: None,
    };
    Profile::from_target("", nobody, "").target
}

fn missing_base_url(root: &Section<'_, '_>, at: usize) {
    root.document().report(
        at,
        Wrong::Missing {
            key: "base_url",
            section: "target".to_owned(),
        },
    );
}

fn read_base_url(section: &Section<'_, '_>) -> Option<String> {
    let text = section.text("base_url")?;
    match base_url(&text.value) {
        Ok(url) => Some(url),
        Err(unfit) => {
            // A URL with user information holds a password.
            let found = (!text.value.contains('@')).then_some(text.value);
            section.not_allowed("base_url", found, unfit.expected, unfit.hint)
        }
    }
}

fn read_ca_file(section: &Section<'_, '_>, folder: &Path) -> Option<PathBuf> {
    let text = section.text("ca_file")?;
    let path = folder.join(&text.value);
    match std::fs::read(&path) {
        Ok(bytes) if String::from_utf8_lossy(&bytes).contains("-----BEGIN CERTIFICATE-----") => {
            Some(path)
        }
        Ok(_) => section.not_allowed(
            "ca_file",
            Some(text.value),
            "a file with PEM certificates",
            Some("it has no line `-----BEGIN CERTIFICATE-----`"),
        ),
        Err(error) => section.not_allowed(
            "ca_file",
            Some(text.value),
            format!("a file that can be read ({error})"),
            Some("a relative path starts from the profile's folder"),
        ),
    }
}

#[cfg(test)]
mod tests;
