//! The documentation itself, and the sentences of it that no test can reach.

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

/// The documentation's sentences and samples, one by one, in its order: what the ledger test accounts for. A
/// sample (a run of lines with code in it) is one unit up to its next blank line; prose is split at full stops.
pub fn sentences() -> Vec<&'static str> {
    let mut found = Vec::new();
    for block in blocks() {
        if is_sample(block) {
            found.push(block);
            continue;
        }
        for line in block.lines() {
            if line.contains(" — ") {
                found.push(line);
                continue;
            }
            let mut rest = line;
            while let Some(end) = rest.find(". ") {
                found.push(&rest[..=end]);
                rest = &rest[end + 2..];
            }
            found.push(rest);
        }
    }
    found
}

fn blocks() -> Vec<&'static str> {
    let mut blocks = Vec::new();
    let mut rest = DOCUMENT.trim_end();
    while let Some(end) = rest.find("\n\n") {
        blocks.push(&rest[..end]);
        rest = rest[end..].trim_start_matches('\n');
    }
    blocks.push(rest);
    blocks
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
