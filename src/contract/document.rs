//! The documentation itself, and the sentences of it that no test can reach.

use std::ops::Range;

/// The API reference, to the letter.
pub const DOCUMENT: &str = include_str!("api-reference.txt");

/// Sentences of the documentation that belong to no requirement, each with the reason why it can't be tested.
pub const NOT_TESTABLE: &[(&str, &str)] = &[
    ("API Reference", HEADING),
    ("Authentication", HEADING),
    ("Endpoint", HEADING),
    ("Request Body", HEADING),
    ("Response", HEADING),
    ("Streaming", HEADING),
    ("Error Codes", HEADING),
    ("Examples", HEADING),
    ("Curl", HEADING),
    ("JavaScript (streaming)", HEADING),
    (
        "You can find it in the dashboard.",
        "the dashboard is a page for people, outside the API",
    ),
    (
        "For a complete Node.js test script with streaming, non-streaming, and browser examples, see the API test script on GitHub.",
        "a pointer to a script that is not part of the documentation",
    ),
];

const HEADING: &str = "a heading promises nothing";

/// What a [`Passage`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassageKind {
    /// A heading.
    Heading,
    /// A paragraph; its parts are sentences, or the whole entry where a name is explained (`role — …`).
    Prose,
    /// A sample of code; its parts are lines.
    Sample,
    /// The table of errors; its parts are rows, the first one its head.
    Table,
}

/// What stands between two blank lines of the documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// What it is.
    pub kind: PassageKind,
    /// Its parts, as ranges of [`DOCUMENT`], in order.
    pub parts: Vec<Range<usize>>,
}

/// The documentation's passages, in its order.
pub fn passages() -> Vec<Passage> {
    let mut found = Vec::new();
    let mut start = 0;
    for block in DOCUMENT.trim_end().split("\n\n") {
        found.push(passage(start, block));
        start += block.len() + 2;
    }
    found
}

fn passage(start: usize, block: &str) -> Passage {
    let kind = if NOT_TESTABLE.contains(&(block, HEADING)) {
        PassageKind::Heading
    } else if is_sample(block) {
        PassageKind::Sample
    } else if block.starts_with("StatusCode") {
        PassageKind::Table
    } else {
        PassageKind::Prose
    };
    let mut parts = Vec::new();
    let mut from = start;
    for line in block.split('\n') {
        let end = from + line.len();
        if kind == PassageKind::Prose && !line.contains(" — ") {
            while let Some(stop) = DOCUMENT[from..end].find(". ") {
                parts.push(from..from + stop + 1);
                from += stop + 2;
            }
        }
        parts.push(from..end);
        from = end + 1;
    }
    Passage { kind, parts }
}

/// The documentation's sentences and samples, one by one, in its order: what the ledger test accounts for. A
/// sample (a run of lines with code in it) is one unit up to its next blank line.
pub fn sentences() -> Vec<&'static str> {
    let mut found = Vec::new();
    for Passage { kind, parts } in passages() {
        match (kind, parts.as_slice()) {
            (PassageKind::Sample, [first, .., last]) => {
                found.push(&DOCUMENT[first.start..last.end]);
            }
            (_, parts) => found.extend(parts.iter().map(|part| &DOCUMENT[part.clone()])),
        }
    }
    found
}

fn is_sample(block: &str) -> bool {
    ["{\n", "data: ", "curl ", "const ", "while "]
        .iter()
        .any(|start| block.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Level, REQUIREMENTS};

    /// The first ledger: every sentence belongs to a requirement, or to a reason why it can't be tested.
    #[test]
    fn every_sentence_of_the_documentation_is_accounted_for() {
        let orphans: Vec<&str> = sentences()
            .into_iter()
            .filter(|sentence| {
                let quoted = REQUIREMENTS
                    .iter()
                    .flat_map(|row| row.sentences)
                    .any(|quote| quote.contains(sentence) || sentence.contains(quote));
                !quoted && !NOT_TESTABLE.iter().any(|(exempt, _)| exempt == sentence)
            })
            .collect();
        assert_eq!(orphans, Vec::<&str>::new());
    }

    #[test]
    fn every_quote_stands_in_the_documentation_to_the_letter() {
        for row in REQUIREMENTS {
            for quote in row.sentences {
                assert!(DOCUMENT.contains(quote), "{}: {quote}", row.id);
            }
        }
        for (exempt, _) in NOT_TESTABLE {
            assert!(sentences().contains(exempt), "{exempt}");
        }
    }

    #[test]
    fn a_must_that_rests_on_the_documentation_quotes_it() {
        use crate::contract::Basis::{Literal, Sentence};
        for row in REQUIREMENTS {
            if row.level == Level::Must && matches!(row.basis, Sentence | Literal) {
                assert!(!row.sentences.is_empty(), "{}", row.id);
            }
            if row.basis == crate::contract::Basis::Standard {
                assert!(!row.standard.is_empty(), "{}", row.id);
            }
        }
    }
}
