//! The pages that people read: their blocks, their links, and the parts of them that tests write.

use std::fs;
use std::path::Path;

/// A fenced block.
pub(crate) struct Block {
    /// The comment before it: `run`, `not run: why`, the name of a sample; empty if there is none.
    pub(crate) marker: String,
    pub(crate) language: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The pages of the book, by their paths, in order; the summary is none.
pub(crate) fn pages() -> Vec<String> {
    let entries = fs::read_dir(root().join("docs")).expect("docs/ can be read");
    let mut pages: Vec<String> = entries
        .map(|entry| entry.expect("docs/ can be read").file_name())
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(".md") && name != "SUMMARY.md")
        .map(|name| format!("docs/{name}"))
        .collect();
    pages.sort();
    assert!(pages.len() > 5, "{pages:?}");
    pages
}

pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    let mut before = "";
    for line in text.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => found.push(Block {
                marker: before
                    .strip_prefix("<!-- ")
                    .and_then(|rest| rest.strip_suffix(" -->"))
                    .unwrap_or_default()
                    .to_owned(),
                language: language.to_owned(),
                text: String::new(),
            }),
            (None, true) => {
                let block = found.last_mut().expect("one is open");
                block.text.push_str(line);
                block.text.push('\n');
            }
            _ => {}
        }
        open ^= line.starts_with("```");
        before = line;
    }
    found
}

/// The blocks with that marker, in the README and in the book.
pub(crate) fn marked(marker: &str) -> Vec<Block> {
    std::iter::once("README.md".to_owned())
        .chain(pages())
        .flat_map(|page| blocks(&read(&page)))
        .filter(|block| block.marker == marker)
        .collect()
}

/// The one block with that marker.
pub(crate) fn sample(marker: &str) -> String {
    let mut found = marked(marker).into_iter();
    let block = found.next().unwrap_or_else(|| panic!("no {marker}"));
    assert!(found.next().is_none(), "{marker} stands there twice");
    block.text
}

/// What its links point to, those to other sites and their fragments left out.
pub(crate) fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("](") {
        let (before, rest) = (&text[..at], &text[at + 2..]);
        let Some((link, _)) = rest.split_once(')') else {
            continue;
        };
        let path = link.split('#').next().unwrap_or_default();
        if !before.ends_with('\\') && !path.is_empty() && !path.contains("://") {
            found.push(path.to_owned());
        }
    }
    found
}

/// The words that begin with `--`.
pub(crate) fn flags(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
        .filter(|word| {
            word.strip_prefix("--")
                .is_some_and(|name| name.starts_with(char::is_alphabetic))
        })
        .map(|word| word.trim_end_matches('-').to_owned())
        .collect()
}
