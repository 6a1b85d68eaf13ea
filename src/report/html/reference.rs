//! The API reference as it stands, each sentence with what was found about it; and the contract, clause by clause.
//! Sentences point to clauses, clauses to sentences and results, results to clauses.

use super::anchor;
use crate::contract::{DOCUMENT, PassageKind, RequirementId};
use crate::record::Record;
use crate::report::page::Html;
use crate::report::standing::{Clause, Part, Standing, documentation, place};
use crate::report::text::quotation;

/// A link to a clause.
pub(super) fn link(id: RequirementId) -> Html {
    Html::of("<a class=\"clause\" href=\"#q-{}\">{}</a>", &[&id, &id])
}

/// Where a sentence stands in the page: the part of the reference that it begins in.
pub(super) fn anchor_of(sentence: &str) -> String {
    let at = place(sentence).map_or(0, |range| range.start);
    let part = crate::contract::passages()
        .into_iter()
        .flat_map(|passage| passage.parts)
        .find(|part| part.contains(&at));
    format!("d{}", part.map_or(0, |part| part.start))
}

/// What the colours mean, with how often each is there.
fn key(standings: &[Standing], page: &mut Html) {
    page.add("<p class=\"legend\">", &[]);
    for standing in Standing::OF_CLAUSES {
        let number = standings.iter().filter(|other| **other == standing).count();
        let word = standing.as_str();
        page.add(
            "<span class=\"badge {}\">{} {}</span> ",
            &[&word, &word, &number],
        );
    }
    page.add("</p>\n", &[]);
}

/// The documentation, coloured.
pub(super) fn document(clauses: &[Clause<'_>], page: &mut Html) {
    let passages = documentation(clauses);
    page.add(
        "<h2 id=\"reference\">The API reference, sentence by sentence</h2>\n\
         <p class=\"faint\">A sentence has the worst colour of the clauses that rest on it; each clause has its own.</p>\n",
        &[],
    );
    let standings: Vec<Standing> = passages
        .iter()
        .flat_map(|(_, parts)| parts)
        .filter(|part| !part.clauses.is_empty())
        .map(|part| part.standing)
        .collect();
    key(&standings, page);
    page.add("<div class=\"document\">\n", &[]);
    for (index, (kind, parts)) in passages.iter().enumerate() {
        match kind {
            PassageKind::Heading => heading(index, parts, page),
            PassageKind::Prose | PassageKind::Table => {
                page.add("<div class=\"passage\">\n", &[]);
                for part in parts {
                    said(part, "prose", clauses, page);
                }
                page.add("</div>\n", &[]);
            }
            PassageKind::Sample => {
                page.add("<div class=\"passage sample\">\n", &[]);
                sample(parts, clauses, page);
                page.add("</div>\n", &[]);
            }
        }
    }
    page.add("</div>\n", &[]);
}

fn heading(index: usize, parts: &[Part], page: &mut Html) {
    for part in parts {
        let text = &DOCUMENT[part.range.clone()];
        let template = match (index, text) {
            (0, _) => "<h3 class=\"title\" id=\"{}\">{}</h3>\n",
            // The two samples stand below "Examples".
            (_, "Curl" | "JavaScript (streaming)") => "<h4 id=\"{}\">{}</h4>\n",
            _ => "<h3 id=\"{}\">{}</h3>\n",
        };
        page.add(template, &[&format!("d{}", part.range.start), &text]);
    }
}

/// Lines of a sample on which the same clauses rest stand together.
fn sample(parts: &[Part], clauses: &[Clause<'_>], page: &mut Html) {
    for run in parts.chunk_by(|a, b| a.clauses == b.clauses) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        let whole = Part {
            range: first.range.start..last.range.end,
            standing: first.standing,
            clauses: first.clauses.clone(),
            silent: None,
        };
        said(&whole, "code", clauses, page);
    }
}

fn said(part: &Part, kind: &'static str, clauses: &[Clause<'_>], page: &mut Html) {
    let text = &DOCUMENT[part.range.clone()];
    let id = format!("d{}", part.range.start);
    let word = part.standing.as_str();
    page.add("<div class=\"said {}\" id=\"{}\">", &[&word, &id]);
    match kind {
        "code" => {
            let code = Html(crate::report::page::lines(text));
            page.add("<pre>{}</pre>", &[&code]);
        }
        _ => page.add("<p>{}</p>", &[&quotation(text)]),
    }
    page.add("<div class=\"clauses\">", &[]);
    for id in &part.clauses {
        let standing = clauses
            .iter()
            .find(|clause| clause.id == *id)
            .map_or(Standing::Silent, |clause| clause.standing);
        page.add(
            "<a class=\"badge {}\" href=\"#q-{}\" title=\"{}: {}\">{}</a> ",
            &[
                &standing.as_str(),
                id,
                &standing.as_str(),
                &id.get().text,
                id,
            ],
        );
    }
    if let Some(reason) = part.silent {
        page.add("<span class=\"faint\">{}</span>", &[&reason]);
    }
    page.add("</div></div>\n", &[]);
}

/// Every clause, with its sentences and its results.
pub(super) fn contract(record: &Record, clauses: &[Clause<'_>], page: &mut Html) {
    page.add(
        "<h2 id=\"contract\">The contract, clause by clause</h2>\n",
        &[],
    );
    let standings: Vec<Standing> = clauses.iter().map(|clause| clause.standing).collect();
    key(&standings, page);
    for clause in clauses {
        one(record, clause, page);
    }
}

fn one(record: &Record, clause: &Clause<'_>, page: &mut Html) {
    let row = clause.id.get();
    let word = clause.standing.as_str();
    let level = row.level.as_str().to_uppercase();
    page.add(
        "<details class=\"clause-row {}\" id=\"q-{}\"><summary><span class=\"badge {}\">{}</span> <b>{}</b> \
         <span class=\"faint\">{}</span> {}</summary>\n",
        &[&word, &clause.id, &word, &word, &clause.id, &level, &row.text],
    );
    if let Some(why) = clause.why {
        page.add("<p>{}</p>\n", &[&why]);
    }
    for sentence in row.sentences {
        page.add(
            "<blockquote>{} <a href=\"#{}\">in the reference</a></blockquote>\n",
            &[&quotation(sentence), &anchor_of(sentence)],
        );
    }
    if !row.standard.is_empty() {
        page.add("<p class=\"faint\">Standard: {}</p>\n", &[&row.standard]);
    }
    if clause.results.is_empty() {
        page.add("<p class=\"faint\">No result is about it.</p>\n", &[]);
    } else {
        page.add("<ul>\n", &[]);
        for index in &clause.results {
            let result = &record.results[*index];
            page.add(
                "<li><span class=\"badge {}\">{}</span> <a href=\"#{}\">{}</a></li>\n",
                &[
                    &result.outcome.as_str(),
                    &result.outcome.as_str(),
                    &anchor(*index),
                    &result.id,
                ],
            );
        }
        page.add("</ul>\n", &[]);
    }
    page.add("</details>\n", &[]);
}
