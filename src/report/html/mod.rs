//! The report for a browser: the verdict, failures first with their bytes, the API reference itself with what was found
//! about each sentence, the contract clause by clause, and what was left untested or is left open.
//!
//! All text goes into the page by [`Html::add`], which escapes it.

mod card;
mod reference;

use super::exit::{Demands, Verdict, known_failure};
use super::page::{Frame, Html, Piece};
use super::standing::{Clause, clauses};
use super::text::count;
use crate::record::{Ended, Outcome, Record, TestResult};
use crate::report::text::timestamp;
use std::io::{self, Write};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

pub(super) fn write(record: &Record, demands: Demands, out: &mut dyn Write) -> io::Result<()> {
    let verdict = Verdict::of(record, demands);
    let frame = Frame {
        title: format!("{}: {} {}", verdict.word(), record.command, record.target),
        style: STYLE,
        script: SCRIPT,
    };
    // A selftest's results are servers, not findings about one: there is no documentation to colour.
    let clauses = match record.command {
        "selftest" => Vec::new(),
        _ => clauses(record),
    };
    let mut page = Html(frame.head());
    head(record, verdict, &mut page);
    tiles(record, &mut page);
    contents(record, &clauses, &mut page);
    results(record, &mut page);
    if !clauses.is_empty() {
        reference::document(&clauses, &mut page);
        reference::contract(record, &clauses, &mut page);
    }
    untested(record, &mut page);
    fingerprint(record, &mut page);
    known(record, &mut page);
    run(record, &mut page);
    page.0.push_str(&frame.foot(record.command));
    out.write_all(page.0.as_bytes())
}

/// Where a result stands in the page.
fn anchor(index: usize) -> String {
    format!("r{index}")
}

fn head(record: &Record, verdict: Verdict, page: &mut Html) {
    let what = match record.command {
        "conform" => "Conformance",
        "selftest" => "Selftest",
        other => other,
    };
    page.add(
        "<header><div><h1>{}</h1>\n<p class=\"faint\">{}, {}, {} s</p></div>\n\
         <button id=\"theme\" type=\"button\" hidden>Dark</button></header>\n",
        &[
            &what,
            &record.target,
            &timestamp(record.started_at),
            &format!("{:.1}", record.duration.as_secs_f64()),
        ],
    );
    let code = verdict.code();
    let colour = if code == 0 { "good" } else { "bad" };
    let summary = &record.summary;
    let kept = format!(
        "Kept {} of {} tested MUSTs; {} not tested.",
        summary.must_kept, summary.must_tested, summary.must_untested
    );
    page.add(
        "<div class=\"verdict {}\"><b class=\"{}\">{}</b>{} <span class=\"faint\">(exit {})</span>\n",
        &[&colour, &colour, &verdict.word(), &verdict.in_words(record.command), &usize::from(code)],
    );
    let figures = match record.command {
        "selftest" => super::matrix::caught(record),
        _ => kept,
    };
    page.add("<p>{}</p>\n", &[&figures]);
    if let Ended::Untestable(why) | Ended::Pointless(why) = &record.ended {
        page.add("<p>{}</p>\n", &[why]);
    }
    if record.ended == Ended::FailFast {
        let text = "Ended at the first failure (--fail-fast): what came after it did not run.";
        page.add("<p>{}</p>\n", &[&text]);
    }
    page.add("</div>\n", &[]);
}

fn tiles(record: &Record, page: &mut Html) {
    let summary = &record.summary;
    page.add("<div class=\"tiles\">\n", &[]);
    for (number, name, colour) in [
        (summary.failed, "failed", "bad"),
        (summary.inconclusive, "inconclusive", "doubt-word"),
        (summary.advised, "advised", "doubt-word"),
        (summary.skipped, "skipped", ""),
        (summary.passed, "passed", "good"),
        (summary.requests, "requests", ""),
        (summary.completions, "completions", ""),
        (summary.retried, "sent again", ""),
    ] {
        let colour = if number == 0 { "" } else { colour };
        page.add(
            "<div class=\"tile\"><b class=\"{}\">{}</b><span>{}</span></div>\n",
            &[&colour, &number, &name],
        );
    }
    page.add("</div>\n", &[]);
}

fn contents(record: &Record, clauses: &[Clause<'_>], page: &mut Html) {
    page.add("<nav>", &[]);
    for (there, target, name) in [
        (!record.results.is_empty(), "results", "Results"),
        (!clauses.is_empty(), "reference", "API reference"),
        (!clauses.is_empty(), "contract", "Contract"),
        (!record.untested.is_empty(), "untested", "Not tested"),
        (!record.fingerprint.is_empty(), "open", "Open answers"),
        (true, "run", "The run"),
    ] {
        if there {
            page.add("<a href=\"#{}\">{}</a>\n", &[&target, &name]);
        }
    }
    page.add("</nav>\n", &[]);
}

/// A group of results: its word, its heading, and whether the reader sees it unfolded.
struct Group {
    word: &'static str,
    heading: &'static str,
    unfolded: bool,
    fits: fn(&Record, &TestResult) -> bool,
}

/// In the order in which they matter.
const GROUPS: [Group; 6] = [
    Group {
        word: "fail",
        heading: "Failed",
        unfolded: true,
        fits: |record, result| {
            result.outcome == Outcome::Fail && known_failure(record, &result.id).is_none()
        },
    },
    Group {
        word: "inconclusive",
        heading: "Without a verdict",
        unfolded: true,
        fits: |_, result| result.outcome == Outcome::Inconclusive,
    },
    Group {
        word: "advice",
        heading: "Advised",
        unfolded: true,
        fits: |_, result| result.outcome == Outcome::Advice,
    },
    Group {
        word: "known",
        heading: "Known failures",
        unfolded: true,
        fits: |record, result| {
            result.outcome == Outcome::Fail && known_failure(record, &result.id).is_some()
        },
    },
    Group {
        word: "skip",
        heading: "Skipped",
        unfolded: false,
        fits: |_, result| result.outcome == Outcome::Skip,
    },
    Group {
        word: "pass",
        heading: "Passed",
        unfolded: false,
        fits: |_, result| result.outcome == Outcome::Pass,
    },
];

fn results(record: &Record, page: &mut Html) {
    if record.results.is_empty() {
        return;
    }
    page.add("<h2 id=\"results\">Results</h2>\n", &[]);
    let groups: Vec<(&Group, Vec<usize>)> = GROUPS
        .iter()
        .map(|group| {
            let fits = |index: &usize| (group.fits)(record, &record.results[*index]);
            (group, (0..record.results.len()).filter(fits).collect())
        })
        .filter(|(_, members): &(_, Vec<usize>)| !members.is_empty())
        .collect();
    filter(record, &groups, page);
    let mut first = true;
    for (group, members) in groups {
        let open = if group.unfolded { " open" } else { "" };
        page.add(
            "<details class=\"group\" data-outcome=\"{}\"{}><summary><h3>{}</h3> <span class=\"n\">{}</span></summary>\n",
            &[&group.word, &Html(open.to_owned()), &group.heading, &members.len()],
        );
        for index in members {
            card::of(record, index, group.word, first, page);
            first = false;
        }
        page.add("</details>\n", &[]);
    }
    page.add(
        "<p id=\"none\" class=\"none\" hidden>No result fits.</p>\n",
        &[],
    );
}

/// Which results are shown: a script makes it work, and without one it is not there.
fn filter(record: &Record, groups: &[(&Group, Vec<usize>)], page: &mut Html) {
    page.add(
        "<div id=\"filter\" class=\"filter\" hidden><div class=\"switches\">\n",
        &[],
    );
    for (group, members) in groups {
        page.add(
            "<button type=\"button\" class=\"switch\" data-outcome=\"{}\" aria-pressed=\"true\">{} <span>{}</span></button>\n",
            &[&group.word, &group.heading, &members.len()],
        );
    }
    page.add(
        "</div>\n<label><span class=\"faint\">Requirement</span> <select id=\"requirement\"><option value=\"\">all</option>\n",
        &[],
    );
    let mut requirements: Vec<_> = record
        .results
        .iter()
        .map(|result| result.requirement)
        .collect();
    requirements.sort();
    requirements.dedup();
    for id in requirements {
        page.add("<option>{}</option>\n", &[&id]);
    }
    page.add(
        "</select></label>\n<label><span class=\"faint\">Text</span> \
         <input id=\"text\" type=\"search\" placeholder=\"case, message, bytes\" autocomplete=\"off\" spellcheck=\"false\"></label>\n</div>\n",
        &[],
    );
}

/// A table of two columns or three; the cells of the first one do not break.
fn table(head: &[&str], rows: &[Vec<Html>], page: &mut Html) {
    page.add("<div class=\"scroll\"><table><thead><tr>", &[]);
    for name in head {
        page.add("<th>{}</th>", &[name]);
    }
    page.add("</tr></thead><tbody>\n", &[]);
    for row in rows {
        page.add("<tr>", &[]);
        for cell in row {
            page.add("<td>{}</td>", &[cell]);
        }
        page.add("</tr>\n", &[]);
    }
    page.add("</tbody></table></div>\n", &[]);
}

fn cell(piece: &dyn Piece) -> Html {
    Html::of("{}", &[piece])
}

fn untested(record: &Record, page: &mut Html) {
    if record.untested.is_empty() {
        return;
    }
    page.add("<h2 id=\"untested\">MUSTs that were not tested</h2>\n", &[]);
    let rows: Vec<Vec<Html>> = record
        .untested
        .iter()
        .map(|(id, why)| {
            vec![
                reference::link(*id),
                Html::of("<p>{}</p>", &[why]),
                Html::of("<p>{}</p>", &[&id.get().text]),
            ]
        })
        .collect();
    table(&["requirement", "why not", "what it asks"], &rows, page);
}

fn fingerprint(record: &Record, page: &mut Html) {
    if record.fingerprint.is_empty() {
        return;
    }
    page.add(
        "<h2 id=\"open\">What the documentation leaves open</h2>\n\
         <p class=\"faint\">Every one of these answers is right; two deployments can be laid side by side by them.</p>\n",
        &[],
    );
    let rows: Vec<Vec<Html>> = record
        .fingerprint
        .iter()
        .map(|(name, value)| {
            let value = super::page::cut(value, card::MESSAGE);
            vec![
                Html::of("<code>{}</code>", &[name]),
                Html::of("<code>{}</code>", &[&value]),
            ]
        })
        .collect();
    table(&["question", "answer seen"], &rows, page);
}

fn known(record: &Record, page: &mut Html) {
    for (pairs, heading) in [
        (&record.expected_failures, "Known failures"),
        (
            &record.unexpected_passes,
            "Known failures that pass by now: take them off the list",
        ),
    ] {
        if pairs.is_empty() {
            continue;
        }
        page.add("<h2>{}</h2>\n", &[&heading]);
        let rows: Vec<Vec<Html>> = pairs
            .iter()
            .map(|(id, reason)| vec![Html::of("<code>{}</code>", &[id]), cell(reason)])
            .collect();
        table(&["result", "reason given"], &rows, page);
    }
}

fn run(record: &Record, page: &mut Html) {
    page.add(
        "<h2 id=\"run\">The run</h2>\n<div class=\"card\"><dl>\n",
        &[],
    );
    let summary = &record.summary;
    let sent = format!(
        "{}, of which {} sent again; {}",
        count(summary.requests, "request"),
        summary.retried,
        count(summary.completions, "completion")
    );
    let how = match &record.ended {
        Ended::Completed => "completed",
        Ended::FailFast => "ended at the first failure",
        Ended::Interrupted => "interrupted",
        Ended::Untestable(_) => "the target could not be tested",
        Ended::Pointless(_) => "the finding above stands for everything else",
    };
    let started = timestamp(record.started_at);
    let took = format!("{:.1} s", record.duration.as_secs_f64());
    let facts: [(&str, &str); 5] = [
        ("target", &record.target),
        ("started", &started),
        ("took", &took),
        ("ended", how),
        ("sent", &sent),
    ];
    for (name, value) in facts {
        page.add("<dt>{}</dt><dd>{}</dd>\n", &[&name, &value]);
    }
    page.add("</dl></div>\n", &[]);
    for note in &record.notes {
        page.add("<p>Note: {}</p>\n", &[note]);
    }
}
