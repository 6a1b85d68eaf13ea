//! AUTH, where a table can't tell it.

use super::{cost, together};
use crate::case::data::{seen, stands};
use crate::case::header::CodeCase;
use crate::case::{Ask, Bench, Inconclusive, Key, Verdict};
use crate::contract::{AUTH_5, AUTH_9, AUTH_10};
use crate::judge::{Check, Mode};
use crate::wire::Headers;

/// AUTH-10: how fields are written.
pub(super) const FIELDS: CodeCase = CodeCase {
    id: "auth.fields",
    requirement: AUTH_10,
    in_stream: None,
    also: &[],
    why: "Clients write field names in every case, put white space around values, and send dozens of fields in the order they like: all of it means the same.",
    sends: "the plain valid request with names in lower case (JSON) or capitals (stream), spaces and tabs around values, and ordinary fields up to 40 and 4 KB in all, in reverse order; where that fails, each by itself",
    expects: "200 with an answer of the agent",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(fields(bench)),
};

async fn fields(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let plain = || with_framing(bench.plain(), bench);
    let (lower, upper) = (
        respelled(plain(), str::to_ascii_lowercase),
        respelled(plain(), str::to_ascii_uppercase),
    );
    let names = match bench.mode {
        Mode::Json => lower.clone(),
        Mode::Stream => upper.clone(),
    };
    let parts = vec![
        ("names in lower case", lower),
        ("names in capitals", upper),
        ("white space around values", spaced(plain())),
        ("40 fields", many(plain())),
    ];
    together(bench, AUTH_10, many(spaced(names)), parts).await
}

/// AUTH-10, in what costs nothing: a body that is 400 tells whether the key was read.
pub(super) const FIELDS_FREE: CodeCase = CodeCase {
    id: "auth.field-forms",
    requirement: AUTH_10,
    in_stream: None,
    also: &[],
    why: "There are more ways to write the same field than any one client uses.",
    sends: "an invalid body with Authorization in mixed case, first, last, without white space before its value, with a tab, spaces or both before or after it, and with its name in capitals",
    expects: "the same answer as to that body with the field as usual",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(10, 0),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(field_forms(bench)),
};

async fn field_forms(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let bad = || with_framing(bench.with_body("{\"messages\":[],\"stream\":false}"), bench);
    let usual = bench.send(bad()).await?;
    let expected = seen(&usual.answer());
    let value = |before: &str, after: &str| {
        let mut ask = bad();
        for (name, value) in &mut ask.request.headers.0 {
            if name.eq_ignore_ascii_case("authorization") {
                *value = [before.as_bytes(), value, after.as_bytes()].concat();
            }
        }
        ask
    };
    let named = |spelled: &str| {
        let mut ask = bad();
        for (name, _) in &mut ask.request.headers.0 {
            if name.eq_ignore_ascii_case("authorization") {
                spelled.clone_into(name);
            }
        }
        ask
    };
    let moved = |first: bool| {
        let mut ask = bad();
        let fields = &mut ask.request.headers.0;
        if let Some(at) = fields
            .iter()
            .position(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        {
            let field = fields.remove(at);
            fields.insert(if first { 0 } else { fields.len() }, field);
        }
        ask
    };
    let forms = vec![
        ("in lower case", named("authorization")),
        ("in capitals", named("AUTHORIZATION")),
        ("in mixed case", named("aUTHORIZATIOn")),
        ("as the first field", moved(true)),
        ("as the last field", moved(false)),
        (
            "without white space before its value",
            named("Authorization:"),
        ),
        ("with nothing but a tab before its value", {
            let mut ask = named("Authorization:");
            if let Some((_, value)) = ask
                .request
                .headers
                .0
                .iter_mut()
                .find(|(name, _)| name == "Authorization:")
            {
                value.insert(0, b'\t');
            }
            ask
        }),
        ("with a tab before its value", value("\t", "")),
        ("with spaces before its value", value("   ", "")),
        ("with a space after its value", value("", " ")),
        ("with a tab after its value", value("", "\t")),
    ];
    let mut verdict = Verdict::default();
    for (name, ask) in forms {
        let delivery = bench.send(ask).await?;
        let actual = seen(&delivery.answer());
        let name = format!("Authorization {name}");
        let check = if actual == expected {
            Check::pass(AUTH_10, name, expected.clone(), actual)
        } else {
            Check::violation(AUTH_10, name, expected.clone(), actual)
        };
        verdict.join(Verdict::of(vec![check], &delivery));
    }
    Ok(verdict)
}

/// Host and Content-Length written out, so that a case can spell them and move them.
fn with_framing(mut ask: Ask, bench: &Bench<'_>) -> Ask {
    let length = ask.request.body.len().to_string();
    ask.request.headers.0.insert(
        0,
        (
            "Host".to_owned(),
            bench.profile.target.host_header().into_bytes(),
        ),
    );
    ask.request.headers.push("Content-Length", length);
    ask
}

fn respelled(mut ask: Ask, spell: impl Fn(&str) -> String) -> Ask {
    for (name, _) in &mut ask.request.headers.0 {
        *name = spell(name);
    }
    ask
}

/// White space around the values that decide (RFC 9110 §5.5): spaces and tabs, but spaces alone around Content-Length.
/// There nginx, which may stand before a deployment, takes a tab for an attempt to smuggle.
fn spaced(mut ask: Ask) -> Ask {
    for (name, value) in &mut ask.request.headers.0 {
        let (before, after): (&[u8], &[u8]) = match name.to_ascii_lowercase().as_str() {
            "authorization" | "content-type" => (b" \t ", b" \t"),
            "content-length" => (b"  ", b" "),
            _ => continue,
        };
        *value = [before, value, after].concat();
    }
    ask
}

/// Ordinary fields up to 40 and 4 KB, in reverse order.
fn many(mut ask: Ask) -> Ask {
    const FIELDS: usize = 40;
    const BYTES: usize = 4_000;
    let size = |headers: &Headers| -> usize {
        headers
            .0
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum()
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
        (
            "Traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ];
    for (name, value) in ordinary {
        ask.request.headers.push(name, value);
    }
    ask.request
        .headers
        .push("Cookie", format!("session={}", "c".repeat(1_200)));
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
    ask
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
        .push("Authorization", "Bearer clawbite_sk_none");
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
    let shell = "clawbite_sk_$(head -c 8180 /dev/zero | tr '\\0' a)";
    let mut ask = bench.plain().key(Key::generated(&text, shell));
    ask.open = true;
    ask.documented = false;
    let delivery = bench.send(ask).await?;
    let answer = delivery.answer();
    let mut checks = stands(&answer, AUTH_9);
    // It is no key of anybody's: whatever else is open, it does not open the door.
    if answer.status() == Some(200) {
        checks = vec![Check::violation(
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
