//! BODY, where a table can't tell it.

use super::cost;
use crate::case::ask::quoted;
use crate::case::catalogue::CodeCase;
use crate::case::data::{seen, stands};
use crate::case::{Ask, Bench, Inconclusive, Verdict};
use crate::contract::{BODY_5, BODY_7, BODY_8, BODY_9, BODY_10, BODY_11, ErrorCode, RequirementId};
use crate::judge::{Expectation, Legal, Mode};
use crate::profile::Fixture;
use std::fmt::Write as _;

/// BODY-8: `stream` decides.
pub(super) const SHAPE: CodeCase = CodeCase {
    id: "body.shape",
    requirement: BODY_8,
    in_stream: None,
    also: &[],
    why: "A client that asked for JSON can't read a stream, and one that asked for a stream waits for it.",
    sends: "the plain valid request, stream false or true",
    expects: "200 in the shape that stream asks for",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(0, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(shape(bench)),
};

async fn shape(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let delivery = bench.courier.good(bench.mode).await?;
    let checks = Expectation::only(Legal::Shaped).checks(&delivery.answer(), bench.mode, BODY_8);
    Ok(Verdict::of(checks, &delivery))
}

fn stream_member(mode: Mode) -> String {
    format!("\"stream\":{}", mode == Mode::Stream)
}

async fn good(bench: &Bench<'_>, ask: Ask, requirement: RequirementId) -> Result<Verdict, Inconclusive> {
    let delivery = bench.send(ask).await?;
    let checks = Expectation::only(Legal::Good).checks(&delivery.answer(), bench.mode, requirement);
    Ok(Verdict::of(checks, &delivery))
}

/// BODY-7: an ordinary conversation.
pub(super) const CONVERSATION: CodeCase = CodeCase {
    id: "body.conversation",
    requirement: BODY_7,
    in_stream: None,
    also: &[],
    why: "Chats grow: a system message, then user and assistant in turn, fifty messages of them.",
    sends: "50 messages with all three roles, the user last (JSON), or 4 of them (stream)",
    expects: "200 with an answer of the agent",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(conversation(bench)),
};

async fn conversation(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let count = match bench.mode {
        Mode::Json => 50,
        Mode::Stream => 4,
    };
    let body = messages(bench, count, None);
    good(bench, bench.with_body(body), BODY_7).await
}

/// A conversation of so many messages; the element at `wrong` is put in as it is.
fn messages(bench: &Bench<'_>, count: usize, wrong: Option<(usize, &str)>) -> String {
    let mut body = String::from("{\"messages\":[");
    for at in 0..count {
        if at > 0 {
            body.push(',');
        }
        if let Some((place, element)) = wrong
            && place == at
        {
            body.push_str(element);
            continue;
        }
        // The user speaks last; what comes before alternates backwards from there, a system message first.
        let (role, content) = if at + 1 == count {
            ("user", quoted(&bench.profile.prompt.text))
        } else if at == 0 && count.is_multiple_of(2) {
            ("system", quoted("Be brief."))
        } else if (count - at).is_multiple_of(2) {
            ("assistant", quoted("Yes, go on."))
        } else {
            ("user", quoted("Are you there?"))
        };
        let _ = write!(body, "{{\"role\":\"{role}\",\"content\":{content}}}");
    }
    let _ = write!(body, "],{}}}", stream_member(bench.mode));
    body
}

/// BODY-7: long text of every script.
pub(super) const TEXT: CodeCase = CodeCase {
    id: "body.text",
    requirement: BODY_7,
    in_stream: None,
    also: &[],
    why: "People write in their own scripts, and paste long texts.",
    sends: "one message of 20,000 bytes with characters of many scripts, emoji among them (JSON), or a short one (stream)",
    expects: "200 with an answer of the agent",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(text(bench)),
};

/// Assigned, printable characters of one to four bytes, those that escapes and parsers trip over among them.
const SCRIPTS: &str = "Grüße, žluťoučký kůň, Ελλάδα, привет, مرحبا, שלום, नमस्ते, 你好, こんにちは, 한국어, 🦀🎉👍🏽, ∑≠½€, \\ / \" ' < > & % {} [] data: [DONE] ";

async fn text(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let size = match bench.mode {
        Mode::Json => 20_000,
        Mode::Stream => 400,
    };
    let mut content = format!("{} ", bench.profile.prompt.text);
    for c in SCRIPTS.chars().cycle() {
        if content.len() + c.len_utf8() > size {
            break;
        }
        content.push(c);
    }
    let body = format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":{}}}],{}}}",
        quoted(&content),
        stream_member(bench.mode)
    );
    good(bench, bench.with_body(body), BODY_7).await
}

/// BODY-7: the same JSON, spelled otherwise.
pub(super) const SPELLING: CodeCase = CodeCase {
    id: "body.spelling",
    requirement: BODY_7,
    in_stream: None,
    also: &[],
    why: "JSON has many spellings of one value: escapes, white space, the order of members. All mean the same.",
    sends: "the plain valid body with escapes in names and values, surrogate pairs, white space everywhere and the members in reverse order; where that fails, each by itself",
    expects: "200 with an answer of the agent",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(spelling(bench)),
};

async fn spelling(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let stream = bench.mode == Mode::Stream;
    let prompt = &bench.profile.prompt.text;
    let plain = quoted(prompt);
    let escaped = escaped(&format!("{prompt} 🦀 é /"));
    let spelled = |name: &str| escaped_name(name);
    let all = format!(
        "\r\n\t {{ {stream_name} :\t{stream}\r\n, {messages_name} : [ {{ {content_name} : {escaped} ,\n {role_name} : {user} }} ] }} \n",
        stream_name = spelled("stream"),
        messages_name = spelled("messages"),
        content_name = spelled("content"),
        role_name = spelled("role"),
        user = spelled("user"),
    );
    let mut verdict = good(bench, bench.with_body(all), BODY_7).await?;
    if !verdict.checks.iter().any(crate::judge::Check::is_finding) {
        return Ok(verdict);
    }
    // Which of them is it? Each by itself tells.
    let alone = [
        (
            "members in another order",
            format!("{{\"stream\":{stream},\"messages\":[{{\"content\":{plain},\"role\":\"user\"}}]}}"),
        ),
        (
            "white space",
            format!("\r\n\t {{ \"messages\" : [ {{ \"role\" : \"user\" ,\n\"content\" :\t{plain} }} ] , \"stream\" : {stream} }} \n"),
        ),
        (
            "escapes in names",
            format!(
                "{{{}:[{{{}:\"user\",{}:{plain}}}],\"stream\":{stream}}}",
                spelled("messages"),
                spelled("role"),
                spelled("content")
            ),
        ),
        (
            "escapes in values",
            format!("{{\"messages\":[{{\"role\":{},\"content\":{escaped}}}],\"stream\":{stream}}}", spelled("user")),
        ),
    ];
    for (what, body) in alone {
        let mut one = good(bench, bench.with_body(body), BODY_7).await?;
        for check in &mut one.checks {
            check.name = format!("{} with {what}", check.name);
        }
        if one.checks.iter().any(crate::judge::Check::is_finding) {
            verdict = one;
            break;
        }
    }
    Ok(verdict)
}

/// A JSON string with every character escaped; those beyond the first plane as surrogate pairs.
fn escaped(text: &str) -> String {
    let mut out = String::from("\"");
    for unit in text.encode_utf16() {
        let _ = write!(out, "\\u{unit:04x}");
    }
    out.push('"');
    out
}

/// A JSON string with its first character escaped, as `"\u006dessages"`.
fn escaped_name(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => format!("\"\\u{:04x}{}\"", first as u32, chars.as_str()),
        None => "\"\"".to_owned(),
    }
}

/// BODY-9: `model` and `user`.
pub(super) const OPTIONS: CodeCase = CodeCase {
    id: "body.options",
    requirement: BODY_9,
    in_stream: None,
    also: &[],
    why: "The documented sample has both: a model for this request, and an identifier to pass through.",
    sends: "the documented sample's members: model (where the profile has models.override) and user; where that fails, each by itself",
    expects: "200 with an answer of the agent",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(options(bench)),
};

async fn options(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let plain = String::from_utf8_lossy(&bench.plain().request.body).into_owned();
    let with = |members: &str| format!("{},{members}}}", plain.trim_end_matches('}'));
    let user = "\"user\":\"customer-123\"";
    let model = match bench.profile.has(Fixture::ModelsOverride) {
        true => bench.profile.models_override.as_deref(),
        false => None,
    }
    .map(|model| format!("\"model\":{}", quoted(model)));
    let Some(model) = model else {
        return good(bench, bench.with_body(with(user)), BODY_9).await;
    };
    let both = good(bench, bench.with_body(with(&format!("{model},{user}"))), BODY_9).await?;
    if !both.checks.iter().any(crate::judge::Check::is_finding) {
        return Ok(both);
    }
    for (what, members) in [("model", model.as_str()), ("user", user)] {
        let mut one = good(bench, bench.with_body(with(members)), BODY_9).await?;
        for check in &mut one.checks {
            check.name = format!("{} with {what}", check.name);
        }
        if one.checks.iter().any(crate::judge::Check::is_finding) {
            return Ok(one);
        }
    }
    Ok(both)
}

/// BODY-5, in a long conversation.
pub(super) const MANY_MESSAGES: CodeCase = CodeCase {
    id: "body.one-of-fifty",
    requirement: BODY_5,
    in_stream: Some(BODY_10),
    also: &[],
    why: "A check that looks at the ends, or at the first few, misses what stands in the middle.",
    sends: "50 messages, of which the 2nd, the 25th or the 49th is wrong",
    expects: "400 invalid_request",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(3, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(many_messages(bench)),
};

async fn many_messages(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let requirement = match bench.mode {
        Mode::Json => BODY_5,
        Mode::Stream => BODY_10,
    };
    let mut verdict = Verdict::default();
    for (place, element) in [
        (1, "{\"role\":\"user\",\"content\":null}"),
        (24, "{\"role\":\"robot\",\"content\":\"Yes.\"}"),
        (48, "{\"role\":\"assistant\"}"),
    ] {
        let body = messages(bench, 50, Some((place, element)));
        let delivery = bench.send(bench.with_body(body)).await?;
        let checks = Expectation::error(400, &[ErrorCode::InvalidRequest])
            .checks(&delivery.answer(), bench.mode, requirement);
        verdict.join(Verdict::of(checks, &delivery));
    }
    Ok(verdict)
}

/// BODY-11: what is left open, and hard to read.
pub(super) const HARD_TO_READ: CodeCase = CodeCase {
    id: "body.hard-to-read",
    requirement: BODY_11,
    in_stream: None,
    also: &[],
    why: "Parsers have limits: what lies beyond them must not break the server.",
    sends: "an unknown field with 50,000 open brackets, one with 1,000 nested objects, a content of 30 KB, a user of 10 KB, a gzipped body, UTF-16",
    expects: "any answer that is no 5xx; which one is reported",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(6, 3),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(hard_to_read(bench)),
};

async fn hard_to_read(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let plain = String::from_utf8_lossy(&bench.plain().request.body).into_owned();
    let with = |member: &str| format!("{},{member}}}", plain.trim_end_matches('}')).into_bytes();
    let prompt = &bench.profile.prompt.text;
    let long = format!("{prompt} {}", "word ".repeat(6_000));
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut asks = vec![
        ("open_brackets", bench.with_body(with(&format!("\"x\":{}", "[".repeat(50_000))))),
        (
            "nested_objects",
            bench.with_body(with(&format!("\"x\":{}1{}", "{\"a\":".repeat(1_000), "}".repeat(1_000)))),
        ),
        (
            "long_content",
            bench.with_body(format!("{{\"messages\":[{{\"role\":\"user\",\"content\":{}}}],\"stream\":false}}", quoted(&long))),
        ),
        ("long_user", bench.with_body(with(&format!("\"user\":\"{}\"", "u".repeat(10_000))))),
        ("utf16", bench.with_body(utf16)),
    ];
    let mut coded = bench.with_body(gzipped(plain.as_bytes()));
    coded.request.headers.set("Content-Encoding", "gzip");
    asks.push(("gzip", coded));
    let mut verdict = Verdict::default();
    for (name, mut ask) in asks {
        ask.open = true;
        ask.documented = false;
        let delivery = bench.send(ask).await?;
        let answer = delivery.answer();
        let mut checks = stands(&answer, BODY_11);
        for check in &mut checks {
            check.name = format!("answer to {}", name.replace('_', " "));
        }
        verdict.join(Verdict::of(checks, &delivery).observing(&format!("body.{name}"), seen(&answer)));
    }
    Ok(verdict)
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("writing to memory does not fail")
}
