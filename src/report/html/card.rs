//! One result: what was asked of the target, what was expected, what came, the bytes, and a command that repeats it.

use super::anchor;
use super::reference;
use crate::contract::RequirementId;
use crate::judge::{Check, Verdict};
use crate::record::{Evidence, Outcome, Record, TestResult};
use crate::report::exit::known_failure;
use crate::report::page::{Html, cut, lines};
use crate::report::text::quotation;
use std::ops::Range;

/// Bytes that are shown of a message.
pub(super) const MESSAGE: usize = 1_000;

/// Bytes that are shown of it while the result is folded.
const SHORT: usize = 200;

/// Bytes that are shown of a request or an answer.
const SHOWN: usize = 12_000;

/// From so many bytes on results are told without their bytes: a report is sent around, and the JSON report has all of
/// it.
const ENOUGH: usize = 4 << 20;

/// Adds the result; the first one stands open.
pub(super) fn of(record: &Record, index: usize, word: &'static str, first: bool, page: &mut Html) {
    let result = &record.results[index];
    let requirements = requirements(result);
    let names: Vec<&str> = requirements.iter().map(|id| id.as_str()).collect();
    let open = if first && word == "fail" { " open" } else { "" };
    page.add(
        "<details class=\"card result {}\" id=\"{}\" data-outcome=\"{}\" data-requirements=\"{}\"{}><summary>\
         <b class=\"word\">{}</b> <b class=\"id\">{}</b> <span class=\"faint\">{}</span>{}</summary>\n",
        &[
            &word,
            &anchor(index),
            &word,
            &names.join(" "),
            &Html(open.to_owned()),
            &word,
            &result.id,
            &names.join(", "),
            &in_short(result),
        ],
    );
    for id in &requirements {
        requirement(*id, result, page);
    }
    if let Some(reason) = known_failure(record, &result.id) {
        page.add("<p>Known failure: {}</p>\n", &[&reason]);
    }
    // The findings say it better, with what was expected beside what came.
    if !result.message.is_empty() && !result.checks.iter().any(Check::is_finding) {
        let message = cut(&result.message, MESSAGE);
        page.add("<p class=\"message\">{}</p>\n", &[&message]);
    }
    checks(result, page);
    page.add("<p class=\"faint\">Why: {}</p>\n", &[&result.why]);
    observed(result, page);
    if let Some(caught) = result.caught_by.as_deref().filter(|c| !c.is_empty()) {
        page.add("<p>Caught by: {}</p>\n", &[&caught.join(", ")]);
    }
    // What passed has nothing to point at.
    if result.outcome != Outcome::Pass {
        bytes(result, index, page);
    }
    page.add("</details>\n", &[]);
}

/// What is seen of a folded result: what was expected and what came, or else what it says.
fn in_short(result: &TestResult) -> Html {
    // Of a server that a selftest tried, what caught it is what a reader looks for.
    if result.outcome == Outcome::Pass && result.caught_by.is_none() {
        return Html::default();
    }
    let finding = result.checks.iter().find(|check| check.is_finding());
    let says = match finding {
        Some(check) => format!("expected {}, got {}", check.expected, check.actual),
        None => result.message.clone(),
    };
    Html::of("<span class=\"says\">{}</span>", &[&cut(&says, SHORT)])
}

/// The result's own requirement, then the others of which it found something.
fn requirements(result: &TestResult) -> Vec<RequirementId> {
    let mut found = vec![result.requirement];
    for check in result.checks.iter().filter(|check| check.is_finding()) {
        if !found.contains(&check.requirement) {
            found.push(check.requirement);
        }
    }
    found
}

fn requirement(id: RequirementId, result: &TestResult, page: &mut Html) {
    let row = id.get();
    let level = row.level.as_str().to_uppercase();
    page.add(
        "<p>{} <span class=\"faint\">{}</span> {}</p>\n",
        &[&reference::link(id), &level, &row.text],
    );
    let cited = if id == result.requirement {
        result.cites.get()
    } else {
        row
    };
    match cited.sentences.first() {
        Some(sentence) => page.add(
            "<blockquote>{} <a href=\"#{}\">in the reference</a></blockquote>\n",
            &[&quotation(sentence), &reference::anchor_of(sentence)],
        ),
        None if !row.standard.is_empty() => {
            page.add("<blockquote>{}</blockquote>\n", &[&row.standard]);
        }
        None => {}
    }
}

fn checks(result: &TestResult, page: &mut Html) {
    let (findings, passes): (Vec<&Check>, Vec<&Check>) =
        result.checks.iter().partition(|check| check.is_finding());
    if !findings.is_empty() {
        page.add("<dl class=\"checks\">\n", &[]);
        for check in findings {
            let colour = match check.verdict {
                Verdict::Violation => "bad",
                Verdict::Advice => "doubt-word",
                Verdict::Pass => "good",
            };
            page.add(
                "<dt class=\"whole\"><b class=\"{}\">{}</b></dt><dt>expected</dt><dd>{}</dd><dt>actual</dt><dd>{}</dd>\n",
                &[
                    &colour,
                    &check.name,
                    &cut(&check.expected, MESSAGE),
                    &cut(&check.actual, MESSAGE),
                ],
            );
        }
        page.add("</dl>\n", &[]);
    }
    if passes.is_empty() {
        return;
    }
    page.add("<p class=\"faint\">As required:", &[]);
    for (index, check) in passes.iter().enumerate() {
        let comma = if index == 0 { " " } else { "; " };
        page.add(
            "{}{} {}",
            &[&comma, &check.name, &cut(&check.actual, MESSAGE)],
        );
    }
    page.add("</p>\n", &[]);
}

fn observed(result: &TestResult, page: &mut Html) {
    if result.observed.is_empty() {
        return;
    }
    page.add("<dl class=\"checks\">\n", &[]);
    for (name, value) in &result.observed {
        page.add(
            "<dt>{}</dt><dd><code>{}</code></dd>\n",
            &[name, &cut(value, MESSAGE)],
        );
    }
    page.add("</dl>\n", &[]);
}

fn bytes(result: &TestResult, index: usize, page: &mut Html) {
    if result.reproduce.is_empty() && result.evidence.is_none() {
        return;
    }
    if page.0.len() > ENOUGH {
        page.add(
            "<p class=\"faint\">The JSON report has its bytes.</p>\n",
            &[],
        );
        return;
    }
    if let Some(evidence) = &result.evidence {
        answer(evidence, page);
        let request = Html(lines(cut(evidence.request(), SHOWN)));
        page.add(
            "<details><summary>request</summary><pre>{}</pre></details>\n",
            &[&request],
        );
    }
    if !result.reproduce.is_empty() {
        let command = Html(lines(cut(&result.reproduce, SHOWN)));
        let id = format!("c{index}");
        page.add(
            "<div class=\"copied\"><span class=\"faint\">The same request:</span>\
             <button class=\"copy\" type=\"button\" data-of=\"{}\" hidden>Copy</button></div><pre id=\"{}\">{}</pre>\n",
            &[&id, &id, &command],
        );
    }
}

/// The answer, its offending bytes marked.
fn answer(evidence: &Evidence, page: &mut Html) {
    page.add("<p class=\"faint\">The answer:</p>\n<pre>", &[]);
    let text = evidence.response();
    let mark = evidence
        .mark()
        .filter(|mark| mark.start <= mark.end && text.get(mark.clone()).is_some());
    match mark {
        Some(mark) => marked(text, mark, page),
        None => {
            page.0.push_str(&lines(cut(text, SHOWN)));
            more(text.len(), SHOWN, page);
        }
    }
    page.add("</pre>\n", &[]);
}

fn marked(text: &str, mark: Range<usize>, page: &mut Html) {
    let before = &text[..mark.start];
    let mut from = before.len().saturating_sub(SHOWN / 2);
    while !before.is_char_boundary(from) {
        from += 1;
    }
    if from > 0 {
        page.add("[{} bytes before] ", &[&from]);
    }
    page.0.push_str(&lines(&before[from..]));
    // Where something is missing there is no byte to mark, but a place.
    let offending = match &text[mark.clone()] {
        "" => " ",
        offending => offending,
    };
    page.0.push_str("<mark>");
    page.0.push_str(&lines(cut(offending, SHOWN / 2)));
    more(offending.len(), SHOWN / 2, page);
    page.0.push_str("</mark>");
    let after = &text[mark.end..];
    page.0.push_str(&lines(cut(after, SHOWN / 2)));
    more(after.len(), SHOWN / 2, page);
}

fn more(length: usize, shown: usize, page: &mut Html) {
    if length > shown {
        page.add(" [{} bytes more]", &[&(length - shown)]);
    }
}
