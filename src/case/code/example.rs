//! EXAMPLE: the documented calls, as the programs that people run them with send them.

use super::cors::preflight;
use super::cost;
use crate::case::header::CodeCase;
use crate::case::{Ask, Bench, Delivery, Inconclusive, Verdict};
use crate::contract::{CORS_3, EXAMPLE_1, EXAMPLE_2, RequirementId};
use crate::judge::rules::cors;
use crate::judge::{Check, Expectation, Legal, Mode};
use crate::wire::{End, Headers};

/// The documented body of the curl call, to the letter.
const CURL_BODY: &str = "{\n    \"messages\": [\n      {\"role\": \"user\", \"content\": \"Hello!\"}\n    ],\n    \"stream\": false\n  }";

/// What `JSON.stringify` makes of the documented object.
const FETCH_BODY: &str =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello!\"}],\"stream\":true}";

/// A request with exactly these fields, besides those that the profile adds.
fn bare(bench: &Bench<'_>, mode: Mode, body: &str, fields: &[(&str, &str)]) -> Ask {
    let mut ask = Ask::with_body(bench.profile, mode, body.as_bytes().to_vec());
    let authorization = ask
        .request
        .headers
        .text("authorization")
        .unwrap_or_default();
    let mut headers = Headers::new();
    for (name, value) in &bench.profile.headers {
        headers.push(name.clone(), value.as_bytes());
    }
    for (name, value) in fields {
        let value = if *name == "Authorization" {
            &authorization
        } else {
            *value
        };
        headers.push(*name, value.as_bytes());
    }
    ask.request.headers = headers;
    ask
}

/// EXAMPLE-1: curl.
pub(super) const CURL: CodeCase = CodeCase {
    id: "example.curl",
    requirement: EXAMPLE_1,
    in_stream: None,
    also: &[],
    why: "The first thing that anybody tries.",
    sends: "the documented curl call as curl sends it",
    expects: "200 with an answer that can be read",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(curl(bench)),
};

async fn curl(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let fields = [
        ("User-Agent", "curl/8.5.0"),
        ("Accept", "*/*"),
        ("Authorization", ""),
        ("Content-Type", "application/json"),
    ];
    let ask = bare(bench, Mode::Json, CURL_BODY, &fields);
    let delivery = bench.send(ask).await?;
    let checks = works(&delivery, Mode::Json, EXAMPLE_1);
    Ok(Verdict::of(checks, &delivery))
}

/// The call works: a 200 that carries an answer and can be read to its end.
fn works(delivery: &Delivery, mode: Mode, requirement: RequirementId) -> Vec<Check> {
    let answer = delivery.answer();
    let mut checks = Expectation::only(Legal::Good).checks(&answer, mode, requirement);
    if !checks.iter().any(Check::is_finding) {
        let ended = delivery.exchange.end == End::Complete
            || delivery.exchange.end == End::Abandoned && answer.stream().done_count() > 0;
        // A coding that is claimed and not there, or that nobody asked for and can take off, is no text to a client.
        let whole = ended && !delivery.exchange.body.undecodable;
        let expected = "an answer that can be read to its end";
        checks.push(if whole {
            Check::pass(requirement, "end", expected, "whole")
        } else {
            Check::violation(requirement, "end", expected, answer.summary())
        });
    }
    checks
}

/// EXAMPLE-2 in Node.
pub(super) const NODE: CodeCase = CodeCase {
    id: "example.node",
    requirement: EXAMPLE_2,
    in_stream: None,
    also: &[],
    why: "The documented JavaScript, run in Node.",
    sends: "the documented fetch as Node sends it",
    expects: "200 with a stream that the documented loop can read to its end",
    modes: &[Mode::Stream],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(node(bench)),
};

async fn node(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let fields = [
        ("connection", "keep-alive"),
        ("Authorization", ""),
        ("Content-Type", "application/json"),
        ("accept", "*/*"),
        ("accept-language", "*"),
        ("sec-fetch-mode", "cors"),
        ("user-agent", "node"),
        ("accept-encoding", "gzip, deflate"),
    ];
    let ask = bare(bench, Mode::Stream, FETCH_BODY, &fields);
    let delivery = bench.send(ask).await?;
    let checks = works(&delivery, Mode::Stream, EXAMPLE_2);
    Ok(Verdict::of(checks, &delivery))
}

/// EXAMPLE-2 in a browser.
pub(super) const BROWSER: CodeCase = CodeCase {
    id: "example.browser",
    requirement: EXAMPLE_2,
    in_stream: None,
    also: &[CORS_3],
    why: "The documented JavaScript, run in a page of another origin.",
    sends: "the preflight and the fetch of the documented JavaScript as a browser sends them",
    expects: "both allowed for the page, and a stream that the documented loop can read to its end",
    modes: &[Mode::Stream],
    needs: &[],
    cost: cost(2, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(browser(bench)),
};

async fn browser(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let origin = bench.profile.target.origin.clone();
    let asked = bench.send(preflight(bench)).await?;
    let answer = asked.answer();
    let mut checks = vec![cors::preflight_status(&answer)];
    checks.extend(cors::preflight_allows(&answer, &origin));
    if let Some(check) = blocked(&checks, "preflight") {
        return Ok(Verdict::of(vec![check], &asked));
    }
    let fields = [
        ("accept", "*/*"),
        ("accept-encoding", "gzip, deflate"),
        ("accept-language", "en-US,en;q=0.9"),
        ("Authorization", ""),
        ("cache-control", "no-cache"),
        ("Content-Type", "application/json"),
        ("origin", origin.as_str()),
        ("pragma", "no-cache"),
        ("referer", "https://app.example/"),
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "cross-site"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        ),
    ];
    let mut ask = bare(bench, Mode::Stream, FETCH_BODY, &fields);
    ask.origin = Some(origin.clone());
    let delivery = bench.send(ask).await?;
    let mut checks = works(&delivery, Mode::Stream, EXAMPLE_2);
    // CORS-3 holds of the stream too, and this is the run's stream with an origin.
    let allowed = cors::allow_origin(&delivery.answer(), &origin);
    if delivery.status() == Some(200) {
        checks.extend(blocked(std::slice::from_ref(&allowed), "answer"));
        checks.push(allowed);
    }
    Ok(Verdict::of(checks, &delivery))
}

/// What a browser refuses, as a finding of EXAMPLE-2.
fn blocked(checks: &[Check], of: &str) -> Option<Check> {
    let check = checks
        .iter()
        .find(|check| check.verdict == crate::judge::Verdict::Violation)?;
    Some(Check::violation(
        EXAMPLE_2,
        format!("{} of the {of}", check.name),
        check.expected.clone(),
        check.actual.clone(),
    ))
}
