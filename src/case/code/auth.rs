//! AUTH, where a table can't tell it.

use super::cost;
use crate::case::catalogue::CodeCase;
use crate::case::data::{seen, stands};
use crate::case::{Ask, Bench, Inconclusive, Key, Verdict};
use crate::contract::{AUTH_5, AUTH_9, AUTH_10};
use crate::judge::{Expectation, Legal, Mode};
use crate::wire::Headers;

/// AUTH-10: names of fields in any case.
pub(super) const FIELD_NAMES: CodeCase = CodeCase {
    id: "auth.field-names",
    requirement: AUTH_10,
    in_stream: None,
    also: &[],
    why: "HTTP/1.1 clients write field names in every case there is; RFC 9110 §5.1 has them all mean the same.",
    sends: "the plain valid request with all field names in lower case (JSON) or capitals (stream)",
    expects: "200 with an answer of the agent",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(field_names(bench)),
};

async fn field_names(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let spell = |name: &str| match bench.mode {
        Mode::Json => name.to_ascii_lowercase(),
        Mode::Stream => name.to_ascii_uppercase(),
    };
    let mut ask = with_framing(bench.plain(), bench);
    for (name, _) in &mut ask.request.headers.0 {
        *name = spell(name);
    }
    good(bench, ask).await
}

/// Host and Content-Length written out, so that a case can spell them and move them.
fn with_framing(mut ask: Ask, bench: &Bench<'_>) -> Ask {
    let length = ask.request.body.len().to_string();
    ask.request.headers.0.insert(
        0,
        ("Host".to_owned(), bench.profile.target.host_header().into_bytes()),
    );
    ask.request.headers.push("Content-Length", length);
    ask
}

async fn good(bench: &Bench<'_>, ask: Ask) -> Result<Verdict, Inconclusive> {
    let delivery = bench.send(ask).await?;
    let checks = Expectation::only(Legal::Good).checks(&delivery.answer(), bench.mode, AUTH_10);
    Ok(Verdict::of(checks, &delivery))
}

/// AUTH-10: white space around values.
pub(super) const FIELD_VALUES: CodeCase = CodeCase {
    id: "auth.white-space",
    requirement: AUTH_10,
    in_stream: None,
    also: &[],
    why: "White space around a value is no part of it (RFC 9110 §5.5): a trailing blank must not make the key a wrong one.",
    sends: "the plain valid request with spaces and tabs around the values of Authorization, Content-Type and Content-Length, and none before that of Accept",
    expects: "200 with an answer of the agent",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(field_values(bench)),
};

async fn field_values(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let mut ask = with_framing(bench.plain(), bench);
    for (name, value) in &mut ask.request.headers.0 {
        if ["authorization", "content-type", "content-length"]
            .iter()
            .any(|spaced| name.eq_ignore_ascii_case(spaced))
        {
            *value = [b" \t ".as_slice(), value, b" \t"].concat();
        }
    }
    good(bench, ask).await
}

/// AUTH-10: many ordinary fields, in any order.
pub(super) const MANY_FIELDS: CodeCase = CodeCase {
    id: "auth.many-fields",
    requirement: AUTH_10,
    in_stream: None,
    also: &[],
    why: "Browsers and gateways add dozens of fields and order them as they like.",
    sends: "the plain valid request with ordinary fields up to 40 and 4 KB in all, in reverse order",
    expects: "200 with an answer of the agent",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(many_fields(bench)),
};

async fn many_fields(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    const FIELDS: usize = 40;
    const BYTES: usize = 4_000;
    let mut ask = with_framing(bench.plain(), bench);
    let size = |headers: &Headers| -> usize {
        headers.0.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
    };
    let ordinary = [
        ("Accept-Language", "de-CH,de;q=0.9,en;q=0.8"),
        ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"),
        ("DNT", "1"),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Dest", "empty"),
        ("X-Request-Id", "00000000-0000-4000-8000-000000000000"),
        ("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    for (name, value) in ordinary {
        ask.request.headers.push(name, value);
    }
    let mut number = 0;
    while ask.request.headers.0.len() < FIELDS {
        number += 1;
        let name = format!("X-Clawcheck-{number}");
        let left = BYTES.saturating_sub(size(&ask.request.headers));
        let share = left / (FIELDS - ask.request.headers.0.len());
        let room = share.saturating_sub(name.len() + 4).clamp(1, 200);
        ask.request.headers.push(name, "v".repeat(room));
    }
    ask.request.headers.0.reverse();
    good(bench, ask).await
}

/// AUTH-9: two Authorization fields.
pub(super) const TWO_FIELDS: CodeCase = CodeCase {
    id: "auth.two-fields",
    requirement: AUTH_9,
    in_stream: None,
    also: &[],
    why: "RFC 9110 §5.3 allows one; what a server does with two is left open.",
    sends: "the plain valid request with a second Authorization field of a made-up key",
    expects: "any answer that is no 5xx; which one is reported",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(two_fields(bench)),
};

async fn two_fields(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let mut ask = bench.plain();
    ask.request
        .headers
        .push("Authorization", "Bearer clawbite_sk_made_up_by_clawcheck");
    ask.open = true;
    ask.documented = false;
    open(bench, ask, AUTH_9, "auth.two_fields").await
}

async fn open(
    bench: &Bench<'_>,
    ask: Ask,
    requirement: crate::contract::RequirementId,
    name: &str,
) -> Result<Verdict, Inconclusive> {
    let delivery = bench.send(ask).await?;
    let answer = delivery.answer();
    Ok(Verdict::of(stands(&answer, requirement), &delivery).observing(name, seen(&answer)))
}

/// AUTH-5, its open part: very long keys.
pub(super) const LONG_KEY: CodeCase = CodeCase {
    id: "auth.long-key",
    requirement: AUTH_5,
    in_stream: None,
    also: &[AUTH_9],
    why: "A key of 8 KB must not break the server; 400, 401 and 431 are all legal.",
    sends: "a key of 8,192 bytes",
    expects: "any answer that is no 5xx; which one is reported",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(1, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(long_key(bench)),
};

async fn long_key(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let text = format!("clawbite_sk_{}", "a".repeat(8_180));
    let mut ask = bench.plain().key(Key::literal(&text));
    ask.open = true;
    ask.documented = false;
    let delivery = bench.send(ask).await?;
    let answer = delivery.answer();
    let mut checks = stands(&answer, AUTH_9);
    // It is no key of anybody's: whatever else is open, it does not open the door.
    if answer.status() == Some(200) {
        checks = vec![crate::judge::Check::violation(
            AUTH_5,
            "status",
            "400, 401 or 431",
            answer.summary(),
        )];
    }
    for check in &mut checks {
        check.requirement = AUTH_5;
    }
    Ok(Verdict::of(checks, &delivery).observing("auth.long_key", seen(&answer)))
}
