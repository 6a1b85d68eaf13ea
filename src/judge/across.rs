//! What only the answers of a whole run can show: ids that repeat, answers that mix, codes that change places.

use super::{Answer, Check, Mode};
use crate::contract::{ERROR_2, REPLY_2, STREAM_9};
use std::collections::{BTreeMap, HashMap};

/// Facts about the answers of a run, gathered one by one.
#[derive(Debug, Default)]
pub struct Across {
    answers: Vec<Seen>,
    places: BTreeMap<String, (usize, String)>,
}

#[derive(Debug)]
struct Seen {
    /// Every id in it, once.
    ids: Vec<String>,
    text: String,
    /// The word that only this answer's prompt had, if it had one.
    word: Option<String>,
    tag: usize,
}

impl Across {
    /// Takes up a good answer (200) of the run. `word` is one that only its prompt had; `tag` is given back with
    /// a finding, so that the exchange can be found again.
    pub fn add(&mut self, answer: &Answer<'_>, mode: Mode, word: Option<String>, tag: usize) {
        if answer.status() != Some(200) {
            return;
        }
        let (ids, text): (Vec<String>, String) = match mode {
            Mode::Json => {
                let Ok(json) = answer.json() else { return };
                let id = json.root.get("id").and_then(|id| id.as_str());
                let text = json
                    .root
                    .pointer("/choices/0/message/content")
                    .and_then(|content| content.as_str());
                (
                    id.map(str::to_owned).into_iter().collect(),
                    text.unwrap_or_default().to_owned(),
                )
            }
            Mode::Stream => {
                let stream = answer.stream();
                (
                    stream.ids().into_iter().map(str::to_owned).collect(),
                    stream.text(),
                )
            }
        };
        if ids.is_empty() {
            return;
        }
        let mut distinct: Vec<String> = Vec::new();
        for id in ids {
            if !distinct.contains(&id) {
                distinct.push(id);
            }
        }
        self.answers.push(Seen {
            ids: distinct,
            text,
            word,
            tag,
        });
    }

    /// Takes up a documented error: where its code stood.
    pub fn add_error(&mut self, answer: &Answer<'_>, tag: usize) {
        if let Some(named) = answer.codes().into_iter().next() {
            self.places
                .entry(named.place)
                .or_insert_with(|| (tag, named.code.as_str().to_owned()));
        }
    }

    /// Whether any good answer was seen.
    pub fn saw_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Where the codes of errors stood.
    pub fn code_places(&self) -> Vec<String> {
        self.places.keys().cloned().collect()
    }

    /// What the run as a whole breaks; each finding with the tag of the answer that shows it.
    pub fn findings(&self) -> Vec<(Check, usize)> {
        let mut found = Vec::new();
        // Who owns an id: answers that have only one tell whether the target gives each its own.
        let mut owners: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, seen) in self.answers.iter().enumerate() {
            if let [only] = seen.ids.as_slice() {
                owners.entry(only).or_default().push(index);
            }
        }
        let shared = owners.values().find(|owners| owners.len() > 1);
        if let Some(owners) = shared {
            let seen = &self.answers[owners[1]];
            found.push((
                Check::advice(
                    REPLY_2,
                    "unique id",
                    "an id of its own for each answer",
                    format!("{} answers have the id {:?}", owners.len(), seen.ids[0]),
                ),
                seen.tag,
            ));
        } else {
            found.extend(self.mixed());
        }
        found.extend(self.words());
        if self.places.len() > 1 {
            let shown = self
                .places
                .iter()
                .map(|(place, (_, code))| format!("{place} ({code})"))
                .collect::<Vec<_>>()
                .join(", ");
            let tag = self
                .places
                .values()
                .map(|(tag, _)| *tag)
                .max()
                .unwrap_or_default();
            found.push((
                Check::advice(
                    ERROR_2,
                    "place of the code",
                    "the same in all errors",
                    shown,
                ),
                tag,
            ));
        }
        found
    }

    /// STREAM-9 by id: a stream whose id changes to one that another answer has too.
    fn mixed(&self) -> Vec<(Check, usize)> {
        let mut holders: HashMap<&str, usize> = HashMap::new();
        for seen in &self.answers {
            for id in &seen.ids {
                *holders.entry(id).or_default() += 1;
            }
        }
        self.answers
            .iter()
            .filter(|seen| seen.ids.len() > 1)
            .filter_map(|seen| {
                let id = seen.ids.iter().find(|id| holders[id.as_str()] > 1)?;
                let check = Check::violation(
                    STREAM_9,
                    "id",
                    "chunks of this answer only",
                    format!("two ids, and another answer has {id:?} too"),
                );
                Some((check, seen.tag))
            })
            .collect()
    }

    /// STREAM-9 by text: on a target that repeats the words of its prompts, no other prompt's word may appear.
    fn words(&self) -> Vec<(Check, usize)> {
        let worded: Vec<(&Seen, &str)> = self
            .answers
            .iter()
            .filter_map(|seen| seen.word.as_deref().map(|word| (seen, word)))
            .collect();
        let repeats = worded
            .iter()
            .filter(|(seen, word)| seen.text.contains(word))
            .count();
        // A target repeats its prompts' words if most answers do: one that mixed would miss its own.
        if worded.len() < 2 || repeats * 2 < worded.len() {
            return Vec::new();
        }
        worded
            .iter()
            .filter_map(|(seen, own)| {
                let foreign = worded
                    .iter()
                    .find(|(_, word)| word != own && seen.text.contains(word))?;
                Some((
                    Check::violation(
                        STREAM_9,
                        "text",
                        "the text of this answer only",
                        format!("the word {:?}, which only another prompt had", foreign.1),
                    ),
                    seen.tag,
                ))
            })
            .collect()
    }
}
