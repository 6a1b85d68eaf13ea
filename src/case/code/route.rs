//! ROUTE, where a table can't tell it.

use super::cost;
use crate::case::data::{seen, stands};
use crate::case::header::CodeCase;
use crate::case::{Bench, Delivery, Inconclusive, Verdict, made_up_bot};
use crate::contract::{ErrorCode, ROUTE_1, ROUTE_3, ROUTE_4, ROUTE_5, chat_path};
use crate::judge::{Check, Expectation, Legal, Mode};
use crate::profile::Fixture;
use crate::wire::{Framing, Protocol};

/// ROUTE-1: the plain valid request is answered.
pub(super) const GOOD: CodeCase = CodeCase {
    id: "route.good",
    requirement: ROUTE_1,
    in_stream: None,
    also: &[],
    why: "Everything else rests on it: a valid key, bot and body get an answer.",
    sends: "the plain valid request, as the documented curl call has it",
    expects: "200 with an answer of the agent, without a redirect",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(good(bench)),
};

async fn good(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let delivery = bench.courier.good(bench.mode).await?;
    let checks = Expectation::only(Legal::Answered).checks(&delivery.answer(), bench.mode, ROUTE_1);
    Ok(Verdict::of(checks, &delivery))
}

/// ROUTE-3: a bot that the key has no access to looks like one that does not exist.
pub(super) const FOREIGN: CodeCase = CodeCase {
    id: "route.foreign-bot",
    requirement: ROUTE_3,
    in_stream: None,
    also: &[],
    why: "A stranger's key must neither run the agent nor tell that it exists.",
    sends: "keys.foreign to the main bot, then to one that does not exist",
    expects: "404 bot_not_found; the two answers should be alike",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[Fixture::KeyForeign],
    cost: cost(2, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(foreign(bench)),
};

async fn foreign(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let key = bench.key(Fixture::KeyForeign)?;
    let main = &bench.profile.bots.main.id;
    let other = made_up_bot(main);
    let there = bench
        .send(bench.plain().key(key.clone()).provoking(&[404]))
        .await?;
    let mut checks = Expectation::error(404, &[ErrorCode::BotNotFound]).checks(
        &there.answer(),
        bench.mode,
        ROUTE_3,
    );
    if !checks.iter().any(Check::is_finding) {
        let nowhere = bench
            .send(
                bench
                    .plain()
                    .key(key)
                    .bot_id(bench.profile, &other)
                    .provoking(&[404]),
            )
            .await?;
        let (expected, actual) = (said(&nowhere, &other), said(&there, main));
        checks.push(if expected == actual {
            Check::pass(ROUTE_3, "like an unknown bot", expected, actual)
        } else {
            Check::advice(ROUTE_3, "like an unknown bot", expected, actual)
        });
    }
    Ok(Verdict::of(checks, &there))
}

/// Status, code and message of an answer, the id in it aside.
pub(super) fn said(delivery: &Delivery, id: &str) -> String {
    let answer = delivery.answer();
    let message = answer
        .json()
        .ok()
        .and_then(|json| {
            ["/error/message", "/message", "/error", "/detail"]
                .iter()
                .find_map(|pointer| json.root.pointer(pointer).and_then(|node| node.as_str()))
                .map(|text| text.replace(id, "…"))
        })
        .unwrap_or_default();
    let short: String = message.chars().take(120).collect();
    format!("{} {short}", seen(&answer)).trim_end().to_owned()
}

/// ROUTE-4: other methods do not run the agent.
pub(super) const OTHER_METHODS: CodeCase = CodeCase {
    id: "route.other-methods",
    requirement: ROUTE_4,
    in_stream: None,
    also: &[],
    why: "A crawler or a monitor that sends another method must not run the agent.",
    sends: "the plain valid request with GET, HEAD, PUT, PATCH and DELETE",
    expects: "405 with Allow, 404 or 401, and no body after HEAD",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(5, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(other_methods(bench)),
};

async fn other_methods(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let mut verdict = Verdict::default();
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE"] {
        let mut ask = bench.plain();
        ask.request.method = method.to_owned();
        ask.documented = false;
        // A refusal of another method by 501 is no transient, and neither is anything else it gets.
        ask.open = true;
        let delivery = bench.send(ask).await?;
        let answer = delivery.answer();
        let expected = "405 with Allow, or 404, or 401";
        let name = format!("status of {method}");
        let actual = answer.summary();
        let mut checks = vec![match answer.status() {
            Some(300..=499 | 501) => Check::pass(ROUTE_4, name, expected, actual),
            _ => Check::advice(ROUTE_4, name, expected, actual),
        }];
        if answer.status() == Some(405) && !delivery.exchange.headers().has("allow") {
            checks.push(Check::advice(
                ROUTE_4,
                format!("Allow after {method}"),
                "Allow beside 405 (RFC 9110 §15.5.6)",
                "none",
            ));
        }
        verdict.join(Verdict::of(checks, &delivery));
        if method == "HEAD"
            && delivery.exchange.protocol == Protocol::Http1
            && bench.courier.speaks_http1()
        {
            verdict.join(after_head(bench).await?);
        }
    }
    Ok(verdict)
}

/// A body after HEAD is no body: it stands where the next answer has to begin (WIRE-1).
async fn after_head(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let mut connection = bench.courier.connect().await?;
    let mut ask = bench.plain();
    ask.request.method = "HEAD".to_owned();
    ask.documented = false;
    ask.open = true;
    let head = bench.courier.on(&mut connection, ask).await;
    let more = connection
        .surplus_within(std::time::Duration::from_millis(300))
        .await;
    let clean = head.exchange.surplus.is_empty() && more.is_empty();
    let checks = if clean || head.exchange.framing != Some(Framing::Empty) {
        Vec::new()
    } else {
        vec![Check::violation(
            crate::contract::WIRE_1,
            "body after HEAD",
            "no body",
            format!("{} bytes", head.exchange.surplus.len() + more.len()),
        )]
    };
    Ok(Verdict::of(checks, &head))
}

/// ROUTE-5: an id in percent-encoding.
pub(super) const ENCODED_ID: CodeCase = CodeCase {
    id: "route.encoded-id",
    requirement: ROUTE_5,
    in_stream: None,
    also: &[],
    why: "RFC 3986 §6.2.2.2 has an encoded letter mean the letter; few routers are asked.",
    sends: "a bad body to the main bot's id with its first character percent-encoded",
    expects: "any answer that is no 5xx; which one is reported",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(1, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(encoded_id(bench)),
};

async fn encoded_id(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let id = &bench.profile.bots.main.id;
    let mut chars = id.chars();
    let encoded = match chars.next() {
        Some(first) if first.is_ascii() => format!("%{:02X}{}", first as u32, chars.as_str()),
        _ => id.clone(),
    };
    // A body that is 400 tells whether the route was found, without a completion.
    let mut ask = bench.with_body("{\"messages\":[],\"stream\":false}");
    ask.request.target = format!(
        "{}{}",
        bench.profile.target.base_path(),
        chat_path(&encoded)
    );
    ask.documented = false;
    ask.open = true;
    let delivery = bench.send(ask).await?;
    let answer = delivery.answer();
    Ok(Verdict::of(stands(&answer, ROUTE_5), &delivery)
        .observing("route.encoded_id", seen(&answer)))
}
