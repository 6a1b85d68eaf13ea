//! Cases told as data: *the good request, one change, one answer*. The words of `change` are a closed set, each of
//! which curl can say; what one case needs is code.

use super::ask::{plain_body, quoted};
use super::derive::{made_up_bot, made_up_key, one_off_bot};
use super::{Ask, Bench, Delivery, Inconclusive, Key, Verdict};
use crate::contract::{ErrorCode, RequirementId, chat_path};
use crate::judge::{Answer, Check, Expectation, Legal, Mode};
use crate::profile::Fixture;
use crate::wire::{BodyFraming, End};
use bytes::Bytes;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A data case as its file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DataCase {
    pub(super) id: String,
    pub(super) requirement: String,
    /// The requirement of the result in stream mode, where it is another one (AUTH-8, BODY-10, FAULT-4).
    pub(super) in_stream: Option<String>,
    /// Further requirements that the case covers.
    #[serde(default)]
    pub(super) also: Vec<String>,
    pub(super) why: String,
    #[serde(default = "json_only")]
    pub(super) modes: Vec<ModeWord>,
    /// A text for each variant of the case, put in for `{variant}`; each becomes a case `id.name`.
    #[serde(default)]
    pub(super) variants: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) change: Change,
    pub(super) expect: Option<Expect>,
    pub(super) prefer: Option<Expect>,
    /// The name in the fingerprint of what was seen, for an open clause.
    pub(super) observe: Option<String>,
    /// Whether the ambient rules hold of the answer's shape; not where the request leaves the documented path.
    #[serde(default = "yes")]
    pub(super) shape: bool,
    /// Requests that may call the model, at most: 1 where the answer may be a good one.
    pub(super) completions: Option<usize>,
}

fn json_only() -> Vec<ModeWord> {
    vec![ModeWord::Json]
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ModeWord {
    Json,
    Stream,
}

impl ModeWord {
    pub(super) fn mode(self) -> Mode {
        match self {
            ModeWord::Json => Mode::Json,
            ModeWord::Stream => Mode::Stream,
        }
    }
}

/// The one change. Texts may hold `{key}`, `{bot}`, `{base}` (the base URL's path), `{path}`, `{origin}`, `{prompt}` (JSON-escaped, without its
/// quotes), `{stream}` (the member `"stream":…` of the mode), `{plain}` (the plain body), `{model}`,
/// `{other-accept}` (the media type of the other mode), `{repeat:COUNT:TEXT}` and `{variant}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// The value of Authorization; `false`: without the field.
    pub(super) authorization: Option<TextOrFalse>,
    /// Another key.
    pub(super) key: Option<KeyChange>,
    /// Another bot: a fixture's name, or what becomes of the main one's id.
    pub(super) bot: Option<BotChange>,
    pub(super) method: Option<String>,
    /// The request target, from `{path}` and `{bot}`.
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// One more field, whose name may be a variant.
    pub(super) header: Option<NamedField>,
    #[serde(default)]
    pub(super) without: Vec<String>,
    /// The body.
    pub(super) body: Option<String>,
    /// The body, in hexadecimal: for bytes that no text can hold.
    pub(super) body_hex: Option<String>,
    /// White space is put in until the body has so many bytes: after its first byte, or where `pad_at` says.
    pub(super) pad_to: Option<usize>,
    /// Where the white space goes.
    #[serde(default)]
    pub(super) pad_at: PadAt,
    /// The body is sent in chunks of so many bytes.
    pub(super) chunked: Option<usize>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedField {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum TextOrFalse {
    Text(String),
    False(bool),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyChange {
    /// A fixture, such as `keys.revoked`; the main key where absent.
    from: Option<String>,
    /// What becomes of it.
    form: Option<KeyForm>,
    /// Another prefix in place of the documented one.
    prefix: Option<String>,
    /// Something after it.
    extend: Option<String>,
    /// Characters taken off its end.
    cut: Option<usize>,
    /// A text that is no key of anybody's.
    text: Option<String>,
}

impl KeyChange {
    /// The change in words.
    pub(super) fn describe(&self, from: Option<Fixture>) -> String {
        if let Some(text) = &self.text {
            return format!("{text:?}");
        }
        let mut words = from.map_or("keys.valid", Fixture::name).to_owned();
        if let Some(form) = self.form {
            words.push_str(match form {
                KeyForm::MadeUp => " with every character another one",
                KeyForm::OtherCase => " in the other case",
                KeyForm::OtherHead => " with another first half",
                KeyForm::OtherTail => " with another second half",
                KeyForm::OneOff => " with another last character",
                KeyForm::HalfCut => " cut in half",
                KeyForm::Reversed => " read backwards",
                KeyForm::Upper => " in capitals",
                KeyForm::Lower => " in lower case",
            });
        }
        if let Some(count) = self.cut {
            words.push_str(&format!(" cut short by {count}"));
        }
        if let Some(prefix) = &self.prefix {
            words.push_str(&format!(" with the prefix {prefix:?}"));
        }
        if let Some(more) = &self.extend {
            words.push_str(&format!(" and {more:?} after it"));
        }
        words
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KeyForm {
    MadeUp,
    OtherCase,
    OtherHead,
    OtherTail,
    OneOff,
    HalfCut,
    Reversed,
    Upper,
    Lower,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum BotChange {
    Fixture(String),
    Form { form: BotForm },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BotForm {
    MadeUp,
    LastOff,
    FirstOff,
}

/// An expectation as files have it: `"good"`, one answer, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Expect {
    Word(ExpectWord),
    One(ExpectAnswer),
    Any(Vec<ExpectAny>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum ExpectAny {
    Word(ExpectWord),
    One(ExpectAnswer),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ExpectWord {
    /// A 200 with an answer of the agent, in the shape that the mode asks for.
    Good,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectAnswer {
    status: StatusWord,
    /// The codes of which one has to be named; none where absent.
    #[serde(default)]
    code: Codes,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum StatusWord {
    One(u16),
    Several(Vec<u16>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
enum Codes {
    One(String),
    Several(Vec<String>),
    #[default]
    None,
}

impl Expect {
    pub(super) fn legal(&self) -> Result<Vec<Legal>, String> {
        let one = |answer: &ExpectAnswer| -> Result<Vec<Legal>, String> {
            let statuses = match &answer.status {
                StatusWord::One(status) => vec![*status],
                StatusWord::Several(statuses) => statuses.clone(),
            };
            let names: &[String] = match &answer.code {
                Codes::One(name) => std::slice::from_ref(name),
                Codes::Several(names) => names,
                Codes::None => &[],
            };
            let codes = names
                .iter()
                .map(|name| {
                    ErrorCode::parse(name)
                        .ok_or_else(|| format!("`{name}` is no documented error code"))
                })
                .collect::<Result<Vec<_>, _>>()?;
            Ok(statuses
                .into_iter()
                .map(|status| {
                    if codes.is_empty() {
                        Legal::Status(status)
                    } else {
                        Legal::Error {
                            status,
                            codes: codes.clone(),
                        }
                    }
                })
                .collect())
        };
        let word = |word: ExpectWord| match word {
            ExpectWord::Good => Legal::Good,
        };
        match self {
            Expect::Word(w) => Ok(vec![word(*w)]),
            Expect::One(answer) => one(answer),
            Expect::Any(answers) => {
                let mut legal = Vec::new();
                for answer in answers {
                    match answer {
                        ExpectAny::Word(w) => legal.push(word(*w)),
                        ExpectAny::One(answer) => legal.extend(one(answer)?),
                    }
                }
                Ok(legal)
            }
        }
    }
}

/// A data case, checked: one variant of it.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) change: Change,
    pub(super) variant: Option<String>,
    pub(super) key: Option<Fixture>,
    pub(super) bot: Option<Fixture>,
    pub(super) expectation: Option<Expectation>,
    pub(super) observe: Option<String>,
    pub(super) shape: bool,
}

impl Told {
    /// Fixtures that it uses: those it needs.
    pub(super) fn needs(&self) -> Vec<Fixture> {
        let mut needs: Vec<Fixture> = self.key.into_iter().chain(self.bot).collect();
        if self
            .change
            .body
            .as_deref()
            .is_some_and(|body| body.contains("{model}"))
        {
            needs.push(Fixture::ModelsOverride);
        }
        needs
    }

    /// The request.
    pub(super) fn ask(&self, bench: &Bench<'_>) -> Result<Ask, Inconclusive> {
        let change = &self.change;
        let mut ask = bench.plain();
        let mut bot = bench.profile.bots.main.id.clone();
        if let Some(fixture) = self.bot {
            let found = bench.bot(fixture)?;
            bot.clone_from(&found.id);
            ask = ask.bot(bench.profile, fixture, found);
        }
        if let Some(BotChange::Form { form }) = &change.bot {
            bot = match form {
                BotForm::MadeUp => made_up_bot(&bot),
                BotForm::LastOff => one_off_bot(&bot, true),
                BotForm::FirstOff => one_off_bot(&bot, false),
            };
            ask = ask.bot_id(bench.profile, &bot);
        }
        if let Some(wanted) = &change.key {
            ask = ask.key(self.changed_key(bench, wanted)?);
        }
        if let Some(authorization) = &change.authorization {
            let key = ask.key.clone().unwrap_or_else(|| bench.main_key());
            ask = match authorization {
                TextOrFalse::Text(text) => {
                    let text =
                        text.replace("{variant}", self.variant.as_deref().unwrap_or_default());
                    let holds = text.contains("{key}");
                    ask.authorization(
                        Some(text.replace("{key}", key.expose())),
                        holds.then_some(key),
                    )
                }
                TextOrFalse::False(_) => ask.authorization(None, None),
            };
        }
        if let Some(method) = &change.method {
            ask.request.method = self.fill(method, bench, &bot);
        }
        if let Some(path) = &change.path {
            ask.request.target = self.fill(path, bench, &bot);
        }
        for name in &change.without {
            ask.request.headers.remove(name);
        }
        for (name, value) in &change.headers {
            let value = self.fill(value, bench, &bot);
            ask = if name.eq_ignore_ascii_case("origin") {
                ask.from_origin(&value)
            } else {
                ask.header(name, &value)
            };
        }
        if let Some(field) = &change.header {
            let name = self.fill(&field.name, bench, &bot);
            let value = self.fill(&field.value, bench, &bot);
            ask = ask.header(&name, &value);
        }
        if let Some(body) = &change.body {
            ask = ask.body(self.fill(body, bench, &bot));
        }
        if let Some(hex) = &change.body_hex {
            ask = ask.body(unhex(hex).map_err(Inconclusive::new)?);
        }
        if let Some(size) = change.pad_to {
            pad_at(&mut ask.request.body, size, change.pad_at);
        }
        if let Some(size) = change.chunked {
            ask.request.framing = BodyFraming::Chunked(size);
        }
        // A key that stands elsewhere than in Authorization is a secret all the same.
        let elsewhere = change
            .path
            .iter()
            .chain(change.headers.values())
            .chain(change.header.iter().map(|field| &field.value))
            .any(|text| text.contains("{key}"));
        if elsewhere && ask.key.is_none() {
            ask.key = Some(bench.main_key());
        }
        ask.documented = self.shape;
        ask.open = self.observe.is_some() && self.expectation.is_none();
        if let Some(expectation) = &self.expectation {
            ask = ask.provoking(&expectation.statuses());
        }
        Ok(ask)
    }

    fn changed_key(&self, bench: &Bench<'_>, wanted: &KeyChange) -> Result<Key, Inconclusive> {
        if let Some(text) = &wanted.text {
            let text = text.replace("{variant}", self.variant.as_deref().unwrap_or_default());
            return Ok(Key::literal(&text));
        }
        let mut key = match self.key {
            Some(fixture) => bench.key(fixture)?,
            None => bench.main_key(),
        };
        key = match wanted.form {
            None => key,
            Some(KeyForm::MadeUp) => made_up_key(&key),
            Some(KeyForm::OtherCase) => key.other_case().ok_or_else(no_letters)?,
            Some(KeyForm::Upper) => key.in_case(true).ok_or_else(no_letters)?,
            Some(KeyForm::Lower) => key.in_case(false).ok_or_else(no_letters)?,
            Some(KeyForm::Reversed) => key.reversed(),
            Some(KeyForm::OtherHead) => key.other_head(),
            Some(KeyForm::OtherTail) => key.other_tail(),
            Some(KeyForm::OneOff) => key.one_off(),
            Some(KeyForm::HalfCut) => {
                let count = super::derive::split(key.expose()).1.chars().count() / 2;
                key.cut(count.max(1))
            }
        };
        if let Some(count) = wanted.cut {
            key = key.cut(count);
        }
        if let Some(prefix) = &wanted.prefix {
            key = key.with_prefix(prefix);
        }
        if let Some(more) = &wanted.extend {
            key = key.extended(more);
        }
        Ok(key)
    }

    fn fill(&self, text: &str, bench: &Bench<'_>, bot: &str) -> String {
        let profile = bench.profile;
        let prompt = quoted(&profile.prompt.text);
        let stream = format!("\"stream\":{}", bench.mode == Mode::Stream);
        let path = format!("{}{}", profile.target.base_path(), chat_path(bot));
        let other_accept = match bench.mode {
            Mode::Json => "text/event-stream",
            Mode::Stream => "application/json",
        };
        let text = text.replace("{variant}", self.variant.as_deref().unwrap_or_default());
        repeated(&text)
            .replace("{other-accept}", other_accept)
            .replace("{base}", &profile.target.base_path())
            .replace("{path}", &path)
            .replace("{bot}", bot)
            .replace("{origin}", &profile.target.origin)
            .replace("{key}", bench.main_key().expose())
            .replace("{stream}", &stream)
            .replace("{plain}", &plain_body(&profile.prompt.text, bench.mode))
            .replace(
                "{model}",
                quoted(profile.models_override.as_deref().unwrap_or_default()).trim_matches('"'),
            )
            .replace("{prompt}", &prompt[1..prompt.len() - 1])
    }

    /// Sends it and judges the answer.
    pub(super) async fn run(
        &self,
        bench: &Bench<'_>,
        requirement: RequirementId,
    ) -> Result<Verdict, Inconclusive> {
        let delivery = bench.send(self.ask(bench)?).await?;
        Ok(self.judge(&delivery, bench.mode, requirement))
    }

    fn judge(&self, delivery: &Delivery, mode: Mode, requirement: RequirementId) -> Verdict {
        let answer = delivery.answer();
        let mut checks = match &self.expectation {
            Some(expectation) => expectation.checks(&answer, mode, requirement),
            None => Vec::new(),
        };
        let mut observed = None;
        if let Some(name) = &self.observe {
            if self.expectation.is_none() {
                checks.extend(stands(&answer, requirement));
            }
            observed = Some((name.clone(), seen(&answer)));
        }
        let verdict = Verdict::of(checks, delivery);
        match observed {
            Some((name, value)) => verdict.observing(&name, value),
            None => verdict,
        }
    }
}

fn no_letters() -> Inconclusive {
    Inconclusive::not_applicable("the valid key has no letters whose case would change")
}

/// What an open clause asks of any answer: no 5xx, no connection broken off.
pub(super) fn stands(answer: &Answer<'_>, requirement: RequirementId) -> Vec<Check> {
    let expected = "any answer that is no 5xx";
    let actual = answer.summary();
    vec![match (answer.status(), &answer.exchange().end) {
        (Some(500..=599), _) | (None, _) => Check::advice(requirement, "answer", expected, actual),
        (Some(_), End::Closed | End::Reset | End::TimedOut | End::Malformed { .. }) => {
            Check::advice(requirement, "answer", expected, actual)
        }
        _ => Check::pass(requirement, "answer", expected, actual),
    }]
}

/// What was seen, as the fingerprint has it: `200`, `400 invalid_request`, `closed`.
pub(super) fn seen(answer: &Answer<'_>) -> String {
    match (answer.status(), answer.code()) {
        (Some(status), Some(code)) => format!("{status} {code}"),
        (Some(status), None) => status.to_string(),
        (None, _) => "no answer".to_owned(),
    }
}

/// Writes out every `{repeat:COUNT:TEXT}`; one that is malformed stays as it is.
fn repeated(text: &str) -> String {
    let Some(start) = text.find("{repeat:") else {
        return text.to_owned();
    };
    let (before, rest) = (&text[..start], &text[start + 8..]);
    let parts = rest
        .split_once(':')
        .and_then(|(count, rest)| Some((count.parse::<usize>().ok()?, rest.split_once('}')?)));
    match parts {
        Some((count, (what, after))) => {
            format!("{before}{}{}", what.repeat(count), repeated(after))
        }
        None => text.to_owned(),
    }
}

/// Where white space goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PadAt {
    /// Before the body.
    Start,
    /// After its first byte, inside the object.
    #[default]
    Inside,
    /// After the body.
    End,
}

/// Puts JSON white space in after the first byte, until the body has so many bytes.
pub(super) fn pad(body: &mut Bytes, size: usize) {
    pad_at(body, size, PadAt::Inside);
}

fn pad_at(body: &mut Bytes, size: usize, place: PadAt) {
    if body.len() < size && !body.is_empty() {
        let at = match place {
            PadAt::Start => 0,
            PadAt::Inside => 1,
            PadAt::End => body.len(),
        };
        let mut padded = Vec::with_capacity(size);
        padded.extend_from_slice(&body[..at]);
        padded.resize(size - (body.len() - at), b' ');
        padded.extend_from_slice(&body[at..]);
        *body = padded.into();
    }
}

pub(super) fn unhex(hex: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        return Err("body_hex has half a byte".to_owned());
    }
    digits
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(|| "body_hex has something else than hexadecimal digits".to_owned())
        })
        .collect()
}

impl DataCase {
    /// The fixtures that it names, and its expectation, checked.
    pub(super) fn told(&self, variant: Option<String>) -> Result<Told, String> {
        let fixture = |name: &str| {
            Fixture::parse(name).ok_or_else(|| {
                let nearest = Fixture::ALL
                    .iter()
                    .map(|fixture| fixture.name())
                    .max_by(|a, b| {
                        strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name))
                    })
                    .unwrap_or_default();
                format!("`{name}` is no fixture of the profile; did you mean `{nearest}`?")
            })
        };
        let key = match self.change.key.as_ref().and_then(|key| key.from.as_deref()) {
            Some(name) => Some(fixture(name)?),
            None => None,
        };
        let bot = match &self.change.bot {
            Some(BotChange::Fixture(name)) => Some(fixture(name)?),
            _ => None,
        };
        let expectation = match &self.expect {
            Some(expect) => Some(Expectation {
                legal: expect.legal()?,
                preferred: self
                    .prefer
                    .as_ref()
                    .map_or_else(|| Ok(Vec::new()), Expect::legal)?,
            }),
            None => match &self.prefer {
                Some(_) => {
                    return Err("`prefer` without `expect`: say what is legal first".to_owned());
                }
                None => None,
            },
        };
        if expectation.is_none() && self.observe.is_none() {
            return Err("the case expects nothing and observes nothing".to_owned());
        }
        if let Some(hex) = &self.change.body_hex {
            unhex(hex)?;
        }
        if let Some(TextOrFalse::False(true)) = self.change.authorization {
            return Err("authorization is a text, or false for none".to_owned());
        }
        Ok(Told {
            change: self.change.clone(),
            variant,
            key,
            bot,
            expectation,
            observe: self.observe.clone(),
            shape: self.shape,
        })
    }
}
