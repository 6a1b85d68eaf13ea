//! A module uses only modules of a smaller number: the table of the house, held by reading the source.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const NUMBERS: &[(&str, u8)] = &[
    ("contract", 1),
    ("secret", 1),
    ("time", 1),
    ("wire", 2),
    ("sse", 2),
    ("judge", 3),
    ("profile", 4),
    ("record", 4),
    ("case", 5),
    ("mock", 5),
    ("conform", 6),
    ("load", 6),
    ("fuzz", 6),
    ("client", 6),
    ("compare", 7),
    ("drift", 7),
    ("selftest", 7),
    ("report", 7),
    ("cli", 8),
];

/// What a module must not know though its number would allow it.
const FORBIDDEN: &[(&str, &[&str])] = &[
    // Shared decisions would make one misreading pass on both sides.
    ("mock", &["judge", "record"]),
    ("conform", &["mock"]),
    ("fuzz", &["mock"]),
    (
        "report",
        &["wire", "conform", "load", "fuzz", "client", "mock"],
    ),
];

fn number(module: &str) -> Option<u8> {
    NUMBERS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, number)| *number)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source can be read") {
        let path = entry.expect("the source can be read").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a text's `crate::` paths name, those in braces too; comments are left out.
fn used(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(first_names(group)),
            None => found.extend(name(rest)),
        }
    }
    found
}

/// The first name of each path in a group, up to its closing brace.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut expected) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expected = true,
            c if c.is_whitespace() => {}
            _ if expected => {
                names.extend(name(&group[at..]));
                expected = false;
            }
            _ => {}
        }
    }
    names
}

fn name(text: &str) -> Option<String> {
    let name: String = text
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let text = "use crate::a::X; // crate::not\nuse crate::{b, c::{d, e}, f::G};\nfn x() { crate::h::i() }";
    let found: Vec<String> = used(text).into_iter().collect();
    assert_eq!(found, ["a", "b", "c", "f", "h"]);
}

#[test]
fn a_module_uses_only_modules_of_a_smaller_number() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&source, &mut paths);
    let mut broken = Vec::new();
    for path in paths {
        let relative = path.strip_prefix(&source).expect("it stands below");
        let first = relative.iter().next().unwrap_or_default().to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let Some(own) = number(&module) else {
            broken.push(format!("{module} has no number"));
            continue;
        };
        let text = fs::read_to_string(&path).expect("the source can be read");
        let forbidden = FORBIDDEN
            .iter()
            .find(|(name, _)| *name == module)
            .map_or(&[][..], |(_, forbidden)| *forbidden);
        for other in used(&text) {
            let Some(theirs) = number(&other) else {
                continue;
            };
            if other != module && (theirs >= own || forbidden.contains(&other.as_str())) {
                broken.push(format!("{} uses {other}", relative.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}
