//! The report for a browser. Whatever came from a target or a scenario goes through [`text()`] or [`lines()`], which
//! leave no markup in it.

mod charts;

use super::exit::{Verdict, broken_musts};
use super::words;
use crate::record::Distribution;
use crate::record::load::{ErrorRow, LoadRecord, Part, ThresholdOutcome};
use crate::report::page::{Frame, cut, escaped, lines, text};
use crate::report::text::timestamp;
use std::fmt::Write as _;
use std::io::{self, Write};

/// From so many bytes on errors are told without commands and evidence: a report is sent around, and the JSON report
/// has all of it.
const ENOUGH: usize = 1 << 20;

/// Bytes of evidence that are shown of one text.
const SHOWN: usize = 6_000;

/// Bytes that are shown of a message.
const MESSAGE: usize = 1_000;

/// Rows of a table that grows with the run.
const MOST_ROWS: usize = 100;

pub(super) fn write(record: &LoadRecord, out: &mut dyn Write) -> io::Result<()> {
    let mut page = String::with_capacity(256 * 1024);
    head(record, &mut page);
    doubts(record, &mut page);
    tiles(record, &mut page);
    thresholds(record, &mut page);
    search(record, &mut page);
    latencies(record, &mut page);
    figures(record, &mut page)?;
    errors(record, &mut page);
    musts(record, &mut page);
    parts(record, &mut page);
    facts(record, &mut page);
    out.write_all(page.as_bytes())
}

/// A table. The cells are markup; those after the first so many are numbers.
fn table(page: &mut String, names: usize, head: &[&str], rows: &[Vec<String>]) {
    let class = |column: usize| if column < names { "" } else { " class=\"n\"" };
    page.push_str("<div class=\"scroll\"><table><thead><tr>");
    for (column, name) in head.iter().enumerate() {
        let _ = write!(page, "<th{}>{name}</th>", class(column));
    }
    page.push_str("</tr></thead><tbody>\n");
    for row in rows.iter().take(MOST_ROWS) {
        page.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(page, "<td{}>{cell}</td>", class(column));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
    if rows.len() > MOST_ROWS {
        let more = words::number((rows.len() - MOST_ROWS) as u64);
        let _ = writeln!(
            page,
            "<p class=\"faint\">{more} more in the JSON report.</p>"
        );
    }
}

/// A rule, a name: text that is not broken and stands in a table.
fn code(name: &str) -> String {
    format!("<code>{}</code>", text(name))
}

fn frame(record: &LoadRecord) -> Frame {
    let word = words::word(Verdict::of(record));
    Frame {
        title: format!("{word}: load {}", record.scenario.name),
        style: "",
        script: "",
    }
}

fn head(record: &LoadRecord, page: &mut String) {
    let verdict = Verdict::of(record);
    let scenario = text(&record.scenario.name);
    let word = words::word(verdict);
    page.push_str(&frame(record).head());
    let target = text(&record.target);
    let ran = words::span(record.duration);
    let _ = write!(
        page,
        "<header><div><h1>{scenario}</h1>\n<p class=\"faint\">{} model on {target}, {ran}</p></div>\n\
         <button id=\"theme\" type=\"button\" hidden>Dark</button></header>\n",
        record.scenario.model
    );
    if !record.scenario.description.trim().is_empty() {
        let _ = writeln!(page, "<p>{}</p>", text(&record.scenario.description));
    }
    let colour = if verdict.code() == 0 { "good" } else { "bad" };
    let _ = writeln!(
        page,
        "<div class=\"verdict {colour}\"><b class=\"{colour}\">{word}</b>{} <span class=\"faint\">(exit {})</span></div>",
        escaped(&words::headline(record)),
        verdict.code()
    );
}

fn doubts(record: &LoadRecord, page: &mut String) {
    for doubt in &record.validity.reasons {
        let _ = writeln!(
            page,
            "<div class=\"doubt\"><b class=\"doubt-word\">Doubt: {}</b> {}</div>",
            text(doubt.name),
            escaped(&words::doubt(doubt))
        );
    }
}

/// The figures that are looked for first.
fn tiles(record: &LoadRecord, page: &mut String) {
    let part = &record.measured;
    let figures = &part.figures;
    let ms = |figure: &Distribution, share| {
        let value = figure.quantile(share);
        value.map_or_else(
            || words::NONE.to_owned(),
            |ms| format!("{} ms", words::figure(ms)),
        )
    };
    let per_second = |rate: Option<f64>| match rate {
        Some(rate) => format!("{}/s", words::figure(rate)),
        None => words::NONE.to_owned(),
    };
    let (mean, _) = record.in_flight;
    let mut tiles = vec![
        (per_second(part.achieved_rate_rps()), "right answers"),
        (words::percent(part.counts.error_ratio()), "errors"),
        (
            words::percent(part.counts.good_request_fraction()),
            "met the objective",
        ),
    ];
    for (figure, share, name) in [
        (
            &figures.time_to_first_token,
            0.5,
            "time to first token, p50",
        ),
        (
            &figures.time_to_first_token,
            0.99,
            "time to first token, p99",
        ),
        (
            &figures.inter_chunk_latency,
            0.99,
            "inter-chunk latency, p99",
        ),
        (&figures.request_latency, 0.95, "request latency, p95"),
    ] {
        if figure.count() > 0 {
            tiles.push((ms(figure, share), name));
        }
    }
    tiles.push((
        words::trimmed(&words::figure(mean)).to_owned(),
        "in flight, mean",
    ));
    page.push_str("<div class=\"tiles\">\n");
    for (value, name) in tiles {
        let _ = writeln!(
            page,
            "<div class=\"tile\"><b>{value}</b><span>{name}</span></div>"
        );
    }
    let link = if record.errors.is_empty() {
        ""
    } else {
        " (<a href=\"#errors\">what went wrong</a>)"
    };
    let _ = writeln!(
        page,
        "</div>\n<p class=\"faint\">{}{link}</p>",
        words::outcomes(part)
    );
}

fn thresholds(record: &LoadRecord, page: &mut String) {
    if record.thresholds.is_empty() {
        return;
    }
    page.push_str("<h2>Thresholds</h2>\n");
    let rows: Vec<Vec<String>> = record
        .thresholds
        .iter()
        .map(|row| {
            let colour = match row.outcome {
                ThresholdOutcome::Pass => "good",
                ThresholdOutcome::Fail | ThresholdOutcome::NoSamples => "bad",
            };
            let word = words::outcome_word(row.outcome);
            let ended = if row.aborted_run {
                " (ended the run)"
            } else {
                ""
            };
            let value = row.value.map(words::exact);
            vec![
                format!("<b class=\"{colour}\">{word}</b>"),
                format!("{}{ended}", code(&row.rule)),
                value.unwrap_or_else(|| words::NONE.to_owned()),
                words::interval(row.ci95),
            ]
        })
        .collect();
    table(page, 2, &["", "rule", "value", "95 % interval"], &rows);
}

fn search(record: &LoadRecord, page: &mut String) {
    let Some(search) = &record.search else { return };
    let _ = writeln!(
        page,
        "<h2>Search</h2>\n<p>{}</p>",
        escaped(&words::search(search))
    );
    let rows: Vec<Vec<String>> = search
        .probes
        .iter()
        .map(|probe| {
            vec![
                text(probe.verdict),
                words::exact(probe.value),
                words::number(probe.good),
                words::number(probe.total),
                words::span(probe.span),
            ]
        })
        .collect();
    let head = ["verdict", search.variable, "good", "requests", "took"];
    table(page, 1, &head, &rows);
}

fn latencies(record: &LoadRecord, page: &mut String) {
    let rows: Vec<Vec<String>> = words::latencies(&record.measured.figures, true)
        .into_iter()
        .map(|(name, figure)| {
            let mut row = vec![code(name), words::number(figure.count())];
            row.push(words::or_none(figure.mean()));
            row.extend(
                Distribution::QUANTILES.map(|(_, share)| words::or_none(figure.quantile(share))),
            );
            row.push(words::or_none(figure.max()));
            row
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    page.push_str("<h2>Latency, ms</h2>\n");
    let head = [
        "", "count", "mean", "p50", "p75", "p90", "p95", "p99", "p99.9", "max",
    ];
    table(page, 1, &head, &rows);
}

fn figures(record: &LoadRecord, page: &mut String) -> io::Result<()> {
    let charts = charts::of(record)?;
    if charts.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Over time, and by quantile</h2>\n");
    if record.windows.warm_up > std::time::Duration::ZERO {
        page.push_str(
            "<p class=\"faint\">What is shaded is warm-up or drain, and not in the figures; an upright line is where a \
             stage begins.</p>\n",
        );
    }
    page.push_str("<div class=\"charts\">\n");
    for chart in charts {
        let _ = write!(page, "<figure><figcaption><b>{}</b>", text(chart.title));
        for (colour, name) in chart.key.iter().filter(|_| chart.key.len() > 1) {
            let _ = write!(page, "<span class=\"key {}\">{name}</span>", colour.name());
        }
        if let [(_, name)] = chart.key[..] {
            let _ = write!(page, "<span>{name}</span>");
        }
        let _ = writeln!(
            page,
            "<span>{}</span></figcaption>{}</figure>",
            chart.note, chart.svg
        );
    }
    page.push_str("</div>\n");
    Ok(())
}

fn errors(record: &LoadRecord, page: &mut String) {
    let errors = words::by_interest(&record.errors);
    if errors.is_empty() {
        return;
    }
    page.push_str("<h2 id=\"errors\">Errors and other answers</h2>\n");
    for (index, row) in errors.iter().take(MOST_ROWS).enumerate() {
        error(row, index, page);
    }
    if errors.len() > MOST_ROWS {
        let more = words::number((errors.len() - MOST_ROWS) as u64);
        let _ = writeln!(
            page,
            "<p class=\"faint\">{more} more in the JSON report.</p>"
        );
    }
}

fn error(row: &ErrorRow, index: usize, page: &mut String) {
    let bad = row.class.is_error() && !row.class.is_throttled();
    let colour = if bad { "bad" } else { "doubt-word" };
    let requirement = row
        .requirement
        .map_or_else(String::new, |requirement| format!(" {requirement}"));
    let _ = writeln!(
        page,
        "<details class=\"card\"{}><summary><b class=\"{colour}\">{}</b>{requirement} \
         <span class=\"faint\">{}</span><span class=\"n\">{}</span></summary>",
        if index == 0 { " open" } else { "" },
        row.class,
        row.class.kind().as_str(),
        words::number(row.count)
    );
    let _ = writeln!(
        page,
        "<p>{}</p>",
        escaped(cut(&words::message(row), MESSAGE))
    );
    let _ = writeln!(page, "<p class=\"faint\">{}</p>", escaped(row.class.says()));
    if let Some(requirement) = row.requirement {
        let requirement = requirement.get();
        let level = requirement.level.as_str().to_uppercase();
        let _ = writeln!(
            page,
            "<p class=\"faint\">{} ({level}): {}</p>",
            requirement.id,
            text(requirement.text)
        );
    }
    let status = row.status.map(|status| format!("status {status}, "));
    let code = row
        .code
        .as_deref()
        .map(|code| format!("code {}, ", text(code)));
    let _ = writeln!(
        page,
        "<p class=\"faint\">{}{}first after {}</p>",
        status.unwrap_or_default(),
        code.unwrap_or_default(),
        words::span(row.first_at)
    );
    if page.len() > ENOUGH {
        page.push_str("<p class=\"faint\">The JSON report has its bytes.</p>\n</details>\n");
        return;
    }
    if !row.reproduce.is_empty() {
        let _ = writeln!(
            page,
            "<div class=\"copied\"><span class=\"faint\">The same request:</span>\
             <button class=\"copy\" type=\"button\" data-of=\"curl-{index}\" hidden>Copy</button></div>\
             <pre id=\"curl-{index}\">{}</pre>",
            lines(cut(&row.reproduce, SHOWN))
        );
    }
    if let Some(evidence) = &row.evidence {
        for (name, bytes) in [
            ("request", evidence.request()),
            ("answer", evidence.response()),
        ] {
            let _ = writeln!(
                page,
                "<details><summary>{name}</summary><pre>{}</pre></details>",
                lines(cut(bytes, SHOWN))
            );
        }
    }
    page.push_str("</details>\n");
}

fn musts(record: &LoadRecord, page: &mut String) {
    let rows: Vec<Vec<String>> = record
        .checks
        .iter()
        .map(|(requirement, looks)| {
            vec![
                requirement.to_string(),
                requirement.level().as_str().to_owned(),
                format!("<p>{}</p>", text(requirement.get().text)),
                words::number(looks.checked),
                words::number(looks.failed),
                words::number(looks.advised),
            ]
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    let broken = broken_musts(record).len();
    let says = match broken {
        0 => "none broken".to_owned(),
        _ => words::count(broken as u64, "MUST") + " broken",
    };
    let open = if broken > 0 { " open" } else { "" };
    let _ = writeln!(
        page,
        "<h2>The contract under load</h2>\n<details{open}><summary>{}, {says}</summary>",
        words::count(rows.len() as u64, "requirement")
    );
    let head = ["requirement", "level", "", "checked", "failed", "advised"];
    table(page, 3, &head, &rows);
    page.push_str("</details>\n");
}

fn parts(record: &LoadRecord, page: &mut String) {
    let mut rows: Vec<(String, &Part)> = Vec::new();
    if record.by_request.len() > 1 {
        let requests = record.by_request.iter();
        rows.extend(requests.map(|(name, part)| (format!("request {}", code(name)), part)));
    }
    if record.by_stage.len() > 1 {
        let stages = record.by_stage.iter();
        rows.extend(stages.map(|stage| (format!("stage {}", code(&stage.name)), &stage.part)));
    }
    if let Some(part) = &record.warm_up {
        rows.push(("warm-up".to_owned(), part));
    }
    rows.push(("measured window".to_owned(), &record.measured));
    if let Some(steady) = &record.steady {
        let (from, to) = (words::span(steady.from), words::span(steady.to));
        rows.push((format!("steady, {from} to {to}"), &steady.part));
    }
    if rows.len() < 2 {
        return;
    }
    page.push_str("<h2>By part</h2>\n");
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(name, part)| {
            let figures = &part.figures;
            let mut row = vec![
                name,
                words::number(part.counts.sent),
                words::number(part.counts.errors),
                words::or_none(part.achieved_rate_rps()),
                words::percent(part.counts.good_request_fraction()),
            ];
            for figure in [&figures.time_to_first_token, &figures.request_latency] {
                row.extend([0.5, 0.95].map(|share| words::or_none(figure.quantile(share))));
            }
            row
        })
        .collect();
    let head = [
        "",
        "sent",
        "errors",
        "right/s",
        "good",
        "ttft p50",
        "ttft p95",
        "latency p50",
        "latency p95",
    ];
    table(page, 1, &head, &rows);
}

fn facts(record: &LoadRecord, page: &mut String) {
    let (scenario, host) = (&record.scenario, &record.host);
    let counts = &record.measured.counts;
    let validity = &record.validity;
    let p99 = |figure: &Distribution| match figure.quantile(0.99) {
        Some(ms) => format!("p99 {} ms", words::figure(ms)),
        None => words::NONE.to_owned(),
    };
    let by_count = |counts: Vec<String>| {
        if counts.is_empty() {
            words::NONE.to_owned()
        } else {
            counts.join(", ")
        }
    };
    let statuses = record.statuses.iter();
    let statuses = statuses.map(|(status, n)| format!("{status}: {}", words::number(*n)));
    let codes = record.codes.iter().take(MOST_ROWS);
    let codes = codes.map(|(code, n)| format!("{}: {}", text(code), words::number(*n)));
    let shard = match host.shard {
        (_, 0 | 1) => String::new(),
        (index, of) => format!("; shard {index} of {of}"),
    };
    let facts = [
        ("started", timestamp(record.started_at)),
        ("ended by", record.ended_by.as_str().to_owned()),
        (
            "windows",
            format!(
                "warm-up {}, measured {}, drain {}",
                words::span(record.windows.warm_up),
                words::span(record.windows.measured),
                words::span(record.windows.drain)
            ),
        ),
        (
            "scenario",
            format!(
                "seed {}, {} model by {}, sha256 {}",
                scenario.seed,
                scenario.model,
                scenario.engine,
                code(&scenario.sha256)
            ),
        ),
        ("completions", words::number(record.completions)),
        ("rates", words::rates(record)),
        ("statuses", by_count(statuses.collect())),
        ("codes", by_count(codes.collect())),
        (
            "bytes",
            format!(
                "{} written, {} read",
                words::bytes(counts.bytes_sent),
                words::bytes(counts.bytes_received)
            ),
        ),
        (
            "connections",
            format!(
                "{} opened, {} of requests found one open",
                words::number(counts.connections_opened),
                words::percent(counts.connection_reuse_ratio())
            ),
        ),
        (
            "this machine",
            format!(
                "{} cores, {}, {}, {}{shard}",
                host.cpus,
                text(&host.cpu_model),
                text(&host.os),
                words::bytes(host.memory_bytes)
            ),
        ),
        (
            "its part in the figures",
            format!(
                "CPU {}, memory {}; arrivals late {}, timers late {}, own error {}; {} of chunks came with the one before",
                words::percent(Some(validity.client_cpu_ratio)),
                words::bytes(validity.client_rss_max_bytes),
                p99(&validity.schedule_lag),
                p99(&validity.runtime_lag),
                p99(&validity.self_error),
                words::percent(Some(validity.coalesced_chunk_ratio))
            ),
        ),
    ];
    page.push_str("<h2>The run</h2>\n<div class=\"card\"><dl>\n");
    for (name, value) in facts {
        let _ = writeln!(page, "<dt>{name}</dt><dd>{value}</dd>");
    }
    page.push_str("</dl></div>\n");
    for note in &record.notes {
        let _ = writeln!(page, "<p>Note: {}</p>", text(note));
    }
    let resolved = serde_json::to_string_pretty(&scenario.resolved).unwrap_or_default();
    let _ = writeln!(
        page,
        "<details class=\"card\"><summary>The scenario with all its defaults</summary><pre>{}</pre></details>",
        lines(cut(&resolved, 64 * 1024)),
    );
    page.push_str(&frame(record).foot("load"));
}
