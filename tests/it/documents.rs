//! `docs/cases.md`, made from the catalogue.

use clawcheck::case::{Case, Catalogue, reason_unobservable};
use clawcheck::contract::{REQUIREMENTS, Requirement, RequirementId};
use clawcheck::judge::{AMBIENT, Mode};
use clawcheck::report::{line, quotation};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// `CLAWCHECK_BLESS=1 cargo test documents` writes the file anew.
#[test]
fn the_list_of_cases_is_the_catalogue() {
    let text = page(&Catalogue::builtin());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cases.md");
    if std::env::var_os("CLAWCHECK_BLESS").is_some() {
        fs::write(&path, &text).expect("the page can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{} is stale", path.display());
}

fn page(catalogue: &Catalogue) -> String {
    let mut page = String::from(
        "# Cases\n\n\
         Every requirement, the cases that test it, and the ambient rules, which look at every answer of a run. A test \
         makes this page from the catalogue; `clawcheck explain ID` shows the same for one of them.\n\n\
         A case with two modes is two tests; the second one's id ends in `.stream`. In what is sent, `{prompt}` is the \
         profile's prompt as JSON text, `{stream}` the member `\"stream\"` of the mode, `{plain}` the plain valid body.\n",
    );
    let mut group = "";
    for row in REQUIREMENTS {
        let own = row.id.as_str().split('-').next().unwrap_or_default();
        if own != group {
            group = own;
            let _ = write!(page, "\n## {group}\n");
        }
        requirement(&mut page, row, catalogue);
    }
    page
}

fn requirement(page: &mut String, row: &Requirement, catalogue: &Catalogue) {
    let level = row.level.as_str().to_uppercase();
    let _ = write!(page, "\n### {} ({level})\n\n{}\n", row.id, plain(row.text));
    for sentence in row.sentences {
        let _ = write!(page, "\n> {}\n", plain(&quotation(sentence)));
    }
    if !row.standard.is_empty() {
        let _ = write!(page, "\nStandard: {}\n", plain(row.standard));
    }
    let mut any = false;
    for found in catalogue
        .cases()
        .iter()
        .filter(|case| case.requirement() == row.id)
    {
        any = true;
        case(page, found, row.id);
    }
    for rule in AMBIENT.iter().filter(|rule| rule.requirement == row.id) {
        any = true;
        let _ = write!(
            page,
            "\n#### `{}`\n\nOf every answer. {}\n",
            rule.id,
            plain(rule.why)
        );
    }
    let others: Vec<String> = catalogue
        .cases()
        .iter()
        .filter(|case| case.requirement() != row.id && case.covers().contains(&row.id))
        .map(|case| format!("`{}`", case.id()))
        .collect();
    if !others.is_empty() {
        any = true;
        let _ = write!(page, "\nAlso covered by {}.\n", others.join(", "));
    }
    if let Some(reason) = reason_unobservable(row.id) {
        any = true;
        let _ = write!(page, "\nNo case: {}.\n", plain(reason));
    }
    assert!(any, "{} has no case and no reason why not", row.id);
}

fn case(page: &mut String, case: &Case, requirement: RequirementId) {
    let _ = write!(page, "\n#### `{}`\n\n{}\n\n", case.id(), plain(case.why()));
    for (label, text) in case.says() {
        let _ = writeln!(page, "- {label}: {}", plain(&text));
    }
    let modes: Vec<String> = case
        .modes()
        .iter()
        .map(|mode| {
            let word = match mode {
                Mode::Json => "json",
                Mode::Stream => "stream",
            };
            match case.requirement_in(*mode) {
                same if same == requirement => word.to_owned(),
                other => format!("{word} (as {other})"),
            }
        })
        .collect();
    let _ = writeln!(page, "- modes: {}", modes.join(", "));
    let needs: Vec<String> = case
        .needs()
        .iter()
        .map(|fixture| format!("`{}`", fixture.name()))
        .collect();
    if !needs.is_empty() {
        let _ = writeln!(page, "- needs: {}", needs.join(", "));
    }
}

/// Text without meaning for Markdown. An underscore inside a word has none.
fn plain(text: &str) -> String {
    let text: Vec<char> = line(text).chars().collect();
    let word = |at: Option<usize>| {
        at.and_then(|at| text.get(at))
            .is_some_and(|c| c.is_ascii_alphanumeric())
    };
    let mut escaped = String::new();
    for (at, c) in text.iter().enumerate() {
        let inside = *c == '_' && word(at.checked_sub(1)) && word(at.checked_add(1));
        if "\\`*_[]<>".contains(*c) && !inside {
            escaped.push('\\');
        }
        escaped.push(*c);
    }
    escaped
}
