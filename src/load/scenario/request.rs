//! The mix: what is asked, and how.

use super::distribution::{self, Distribution, PLAIN};
use super::mistakes::{self, out_of_place};
use super::plan::Word;
use super::prompts::{self, Prompts};
use super::template::Template;
use crate::judge::Mode;
use crate::profile::{Section, Wrong};
use std::path::Path;

/// A kind of request in the mix.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its name in reports and rules; unique.
    pub name: String,
    /// Its part of the mix, beside the others'. One of the mix has more than 0.
    pub weight: u32,
    /// How the answer is asked for.
    pub mode: Mode,
    /// What is asked.
    pub prompts: Prompts,
    /// Questions of a conversation, answers fed back; 1 in the open model.
    pub turns: u32,
    /// How long prompts are, in bytes; shorter ones are padded. Up to [`LARGEST_PROMPT`](super::LARGEST_PROMPT).
    pub prompt_bytes: Option<Distribution>,
    /// Whether two prompts may be alike.
    pub prompts_are: Alike,
    /// The wish for an answer of about so many words.
    pub ask_words: Option<u32>,
    /// The field `user`.
    pub user: Option<Template>,
    /// The field `model`.
    pub model: ModelField,
    /// Clients that go away; of streams only.
    pub abandon: Option<Abandon>,
}

/// Whether two prompts of a run may be alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alike {
    /// None is like another: something is added that no other has.
    Unique,
    /// They may be; an answer may come from a cache.
    AsGiven,
}

/// The field `model` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelField {
    /// It is left out.
    Absent,
    /// The one of the profile's `[models]`.
    Override,
}

/// Clients that go away before the end of a stream (LIMIT-3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Abandon {
    /// Which part of the requests, from 0 to 1.
    pub ratio: f64,
    /// After so many chunks with content.
    pub after_chunks: u32,
}

/// The longest `user`, in bytes: it takes its part of the body that prompts leave.
const LONGEST_USER: usize = 500;

/// Reads the mix: the names that stand in the file, whatever is wrong with their requests, and the requests.
pub(super) fn read(
    root: &Section<'_, '_>,
    folder: &Path,
    word: Option<Word>,
) -> (Vec<String>, Option<Vec<Request>>) {
    let Some(sections) = root.sections("request") else {
        return (Vec::new(), None);
    };
    if sections.is_empty() {
        mistakes::lacks(root, "the scenario", "a [[request]]");
    }
    let mut names: Vec<String> = Vec::new();
    let mut requests = Vec::new();
    for section in &sections {
        let name = mistakes::name(section, "name");
        if let Some(name) = &name {
            if names.contains(name) {
                let what = format!("the request `{name}`");
                let document = section.document();
                document.report(section.at_value("name"), Wrong::Twice { what });
            }
            names.push(name.clone());
        }
        requests.push(read_one(section, name, folder, word));
    }
    let requests: Option<Vec<Request>> = requests.into_iter().collect();
    let requests = requests.filter(|requests| !requests.is_empty());
    if let Some(requests) = &requests
        && requests.iter().all(|request| request.weight == 0)
    {
        let expected = "over 0 in one request at least";
        sections[0].not_allowed::<()>("weight", Some("0".to_owned()), expected, None);
    }
    (names, requests)
}

fn read_one(
    section: &Section<'_, '_>,
    name: Option<String>,
    folder: &Path,
    word: Option<Word>,
) -> Option<Request> {
    let mode = section
        .flag("stream")
        .map(|stream| if stream { Mode::Stream } else { Mode::Json });
    let small = |key: &str| u32::try_from(section.whole_or_default(key)).unwrap_or(u32::MAX);
    let prompts = prompts::read(section, folder);
    let prompt_bytes = section.section("prompt_bytes");
    let prompt_bytes = prompt_bytes.and_then(|table| distribution::read(&table, &PLAIN).flatten());
    let user = section
        .has("user")
        .then(|| prompts::template(section, "user", LONGEST_USER))
        .flatten();
    let model = match section.text("model") {
        Some(_) => ModelField::Override, // the one choice
        None => ModelField::Absent,
    };
    if mode == Some(Mode::Json) {
        let hint = Some("a JSON answer comes whole, so there is nothing to go away from");
        out_of_place(section, "abandon", "of a JSON answer", hint);
    }
    let turns = small("turns");
    if turns > 1 && word == Some(Word::Open) {
        let hint = Some("only a user waits for an answer and goes on from there");
        let found = Some(turns.to_string());
        section.not_allowed::<()>("turns", found, "1 in the open model", hint);
    }
    let ask_words = section.whole("ask_words");
    let request = Request {
        weight: small("weight"),
        turns,
        prompt_bytes,
        prompts_are: if section.flag_or_default("unique") {
            Alike::Unique
        } else {
            Alike::AsGiven
        },
        ask_words: ask_words.map(|words| u32::try_from(words).unwrap_or(u32::MAX)),
        user,
        model,
        abandon: section.section("abandon").and_then(|table| abandon(&table)),
        name: name?,
        mode: mode?,
        prompts: prompts?,
    };
    Some(request)
}

fn abandon(section: &Section<'_, '_>) -> Option<Abandon> {
    let after = section.whole_or_default("after_chunks");
    Some(Abandon {
        ratio: section.number("ratio")?,
        after_chunks: u32::try_from(after).unwrap_or(u32::MAX),
    })
}
