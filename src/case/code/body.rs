//! BODY, where a table can't tell it.

use super::{cost, open_together, together};
use crate::case::ask::quoted;
use crate::case::data::{seen, stands};
use crate::case::header::CodeCase;
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
    let checks = Expectation::only(Legal::Good).checks(&delivery.answer(), bench.mode, BODY_8);
    Ok(Verdict::of(checks, &delivery))
}

fn stream_member(mode: Mode) -> String {
    format!("\"stream\":{}", mode == Mode::Stream)
}

async fn good(
    bench: &Bench<'_>,
    ask: Ask,
    requirement: RequirementId,
) -> Result<Verdict, Inconclusive> {
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
    why: "Chats grow: a system message, then user and assistant in turn, fifty messages of them, in people's own scripts.",
    sends: "50 messages with all three roles, the user last, with characters of many scripts; where that fails, each by itself",
    expects: "200 with an answer of the agent",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(conversation(bench)),
};

async fn conversation(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let prompt = &bench.profile.prompt.text;
    let many = messages(bench, 50, None, prompt);
    let whole = messages(bench, 50, None, &scripts(prompt, 4_000));
    let alone = |content: &str| {
        bench.with_body(format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":{}}}],{}}}",
            quoted(content),
            stream_member(bench.mode)
        ))
    };
    let parts = vec![
        (
            "a system message",
            bench.with_body(messages(bench, 2, None, prompt)),
        ),
        (
            "an assistant's message",
            bench.with_body(messages(bench, 3, None, prompt)),
        ),
        ("50 messages", bench.with_body(many)),
        ("characters of many scripts", alone(&scripts(prompt, 600))),
    ];
    together(bench, BODY_7, bench.with_body(whole), parts).await
}

/// BODY-7: a long text.
pub(super) const TEXT: CodeCase = CodeCase {
    id: "body.text",
    requirement: BODY_7,
    in_stream: None,
    also: &[],
    why: "People paste long texts.",
    sends: "one message of 20,000 bytes, with characters of many scripts",
    expects: "200 with an answer of the agent",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(text(bench)),
};

async fn text(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let body = messages(bench, 1, None, &scripts(&bench.profile.prompt.text, 20_000));
    good(bench, bench.with_body(body), BODY_7).await
}

/// Assigned, printable characters of one to four bytes, those that escapes and parsers trip over among them.
const SCRIPTS: &str = "Grüße, žluťoučký kůň, Ελλάδα, привет, e\u{301}a\u{30A}o\u{308} (combining), ภาษาไทย, עִבְרִית, ქართული, አማርኛ, ﾊﾝｶｸ, ＡＢＣ, 𝒳𝔸, 𠀀𠮷, ♔♪, ─│┌, 🇨🇭, \u{FFFD}, “„‚‘’”–—…•‰€§¿¡«», مرحبا, שלום, नमस्ते, 你好, こんにちは, 한국어, 🦀🎉👍🏽, ∑≠½€, \\ / \" ' < > & % {} [] data: [DONE] ";

/// The prompt with characters of many scripts behind it, of so many bytes once it is JSON.
fn scripts(prompt: &str, size: usize) -> String {
    let mut content = format!("{prompt} ");
    let mut written = quoted(&content).len();
    for c in SCRIPTS.chars().cycle() {
        written += quoted(c.encode_utf8(&mut [0; 4])).len() - 2;
        if written > size {
            break;
        }
        content.push(c);
    }
    content
}

/// A conversation of so many messages; the element at `wrong` is put in as it is.
fn messages(bench: &Bench<'_>, count: usize, wrong: Option<(usize, &str)>, last: &str) -> String {
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
            ("user", quoted(last))
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

/// BODY-7: the same JSON, spelled otherwise.
pub(super) const SPELLING: CodeCase = CodeCase {
    id: "body.spelling",
    requirement: BODY_7,
    in_stream: None,
    also: &[],
    why: "JSON has many spellings of one value: escapes, white space, the order of members. All mean the same.",
    sends: "the plain valid body with escapes in names and values, surrogate pairs, white space everywhere and the members in reverse order (and, as a stream, with all roles and many scripts before it); where that fails, each by itself",
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
    // Short escapes, capitals in hexadecimal, and white space that is a lone CR, belong to JSON as well.
    let long = escaped(&format!("{prompt} 🦀 é /"));
    let escaped = format!("{} \\/ \\\" \\\\ \\u00E9\"", long.trim_end_matches('"'));
    let spelled = |name: &str| escaped_name(name);
    // In a stream the conversation and the scripts have no case of their own.
    let before = if stream {
        format!(
            "{{ \"role\":\"system\",\"content\":\"Be brief.\"}},{{\"content\":{},\"role\":\"user\"}},{{\"role\":\"assistant\",\"content\":\"Yes.\"}},",
            quoted(&scripts("Hello.", 600))
        )
    } else {
        String::new()
    };
    // Each of the four kinds of white space; a lone CR, without any LF, is one that line-minded readers miss.
    let (line, blank) = if stream {
        ("\r\n", "\n")
    } else {
        ("\r", "\r\t")
    };
    let whole = format!(
        "{line}\t {{ {stream_name} :\t{stream}{line}, {messages_name} : [ {before} {{ {content_name} : {escaped} ,{blank} {role_name} : {user} }} ] }}{blank}",
        stream_name = spelled("stream"),
        messages_name = spelled("messages"),
        content_name = spelled("content"),
        role_name = spelled("role"),
        user = spelled("user"),
    );
    let mut parts = vec![
        (
            "members in another order",
            format!(
                "{{\"stream\":{stream},\"messages\":[{{\"content\":{plain},\"role\":\"user\"}}]}}"
            ),
        ),
        (
            "white space",
            format!(
                "{line}\t {{{blank}\"messages\" : [ {{ \"role\" : \"user\" ,{line}\"content\" :\t{plain} }} ] , \"stream\" : {stream} }} {blank}"
            ),
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
            format!(
                "{{\"messages\":[{{\"role\":{},\"content\":{escaped}}}],\"stream\":{stream}}}",
                spelled("user")
            ),
        ),
    ];
    if stream {
        parts.push(("all three roles", messages(bench, 4, None, prompt)));
        parts.push((
            "characters of many scripts",
            messages(bench, 1, None, &scripts(prompt, 600)),
        ));
    }
    let parts = parts
        .into_iter()
        .map(|(name, body)| (name, bench.with_body(body)))
        .collect();
    together(bench, BODY_7, bench.with_body(whole), parts).await
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
        Some(first) => format!("\"\\u{:04X}{}\"", first as u32, chars.as_str()),
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
    let with = |members: &str| with_members(bench, members).request.body;
    let user = "\"user\":\"customer-123\"";
    let model = match bench.profile.has(Fixture::ModelsOverride) {
        true => bench.profile.models_override.as_deref(),
        false => None,
    }
    .map(|model| format!("\"model\":{}", quoted(model)));
    let Some(model) = model else {
        return good(bench, bench.with_body(with(user)), BODY_9).await;
    };
    let parts = vec![
        ("model", bench.with_body(with(&model))),
        ("user", bench.with_body(with(user))),
    ];
    let both = bench.with_body(with(&format!("{model},{user}")));
    together(bench, BODY_9, both, parts).await
}

/// BODY-8: `stream` absent.
pub(super) const STREAM_ABSENT: CodeCase = CodeCase {
    id: "body.stream-absent",
    requirement: BODY_8,
    in_stream: None,
    also: &[],
    why: "stream defaults to false, and stream decides, not Accept.",
    sends: "the plain valid request without stream, with Accept: text/event-stream; where that fails, each by itself",
    expects: "200 with JSON",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(1, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(stream_absent(bench)),
};

async fn stream_absent(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let body = format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":{}}}]}}",
        quoted(&bench.profile.prompt.text)
    );
    let accept = "text/event-stream";
    let parts = vec![
        ("stream absent", bench.with_body(body.clone())),
        (
            "Accept: text/event-stream",
            bench.plain().header("Accept", accept),
        ),
    ];
    let whole = bench.with_body(body).header("Accept", accept);
    together(bench, BODY_8, whole, parts).await
}

/// The plain body with more members behind it.
fn with_members(bench: &Bench<'_>, members: &str) -> Ask {
    let plain = String::from_utf8_lossy(&bench.plain().request.body).into_owned();
    bench.with_body(format!("{},{members}}}", plain.trim_end_matches('}')))
}

/// BODY-11: fields that the documentation does not name.
pub(super) const UNKNOWN_FIELDS: CodeCase = CodeCase {
    id: "body.unknown-fields",
    requirement: BODY_11,
    in_stream: None,
    also: &[],
    why: "Clients send OpenAI's other parameters, and stranger things; whether they are refused is left open.",
    sends: "temperature, a name in the message, __proto__, Messages, a number of sixty digits, all at once; where that is refused, each by itself; 1e999 by itself",
    expects: "any answer that is no 5xx; which one is reported",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(2, 2),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(unknown_fields(bench)),
};

async fn unknown_fields(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    const PARAMETER: &str = "\"temperature\":0.5,\"n\":1";
    const PROTO: &str = "\"__proto__\":{\"stream\":true},\"constructor\":1";
    const CAPITAL: &str = "\"Messages\":[],\"Stream\":true";
    const LONG_NUMBER: &str = "\"x\":123456789012345678901234567890123456789012345678901234567890";
    let named = bench.with_body(format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":{},\"name\":\"Ann\"}}],{}}}",
        quoted(&bench.profile.prompt.text),
        stream_member(bench.mode)
    ));
    let mut whole = named.clone();
    let text = String::from_utf8_lossy(&whole.request.body).into_owned();
    whole.request.body = format!(
        "{},{PARAMETER},{PROTO},{CAPITAL},{LONG_NUMBER}}}",
        text.trim_end_matches('}')
    )
    .into();
    let parts = vec![
        ("parameter", with_members(bench, PARAMETER)),
        ("in_a_message", named),
        ("proto", with_members(bench, PROTO)),
        ("capital", with_members(bench, CAPITAL)),
        ("long_number", with_members(bench, LONG_NUMBER)),
    ];
    let mut verdict = open_together(bench, "body.unknown_field", whole, parts).await?;
    let mut huge = with_members(bench, "\"x\":1e999");
    huge.open = true;
    huge.documented = false;
    let delivery = bench.send(huge).await?;
    let answer = delivery.answer();
    let mut checks = stands(&answer, BODY_11);
    for check in &mut checks {
        "answer to a huge number".clone_into(&mut check.name);
    }
    verdict.join(
        Verdict::of(checks, &delivery).observing("body.unknown_field.huge_number", seen(&answer)),
    );
    Ok(verdict)
}

/// BODY-11: characters that databases and terminals trip over.
pub(super) const ODD_CHARACTERS: CodeCase = CodeCase {
    id: "body.odd-characters",
    requirement: BODY_11,
    in_stream: None,
    also: &[],
    why: "Characters that databases and terminals trip over must not break the server.",
    sends: "a content with NUL, control characters, U+200D, U+FEFF and line ends, in escapes, and with halves of surrogate pairs; where that is refused, each by itself",
    expects: "any answer that is no 5xx; which one is reported",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(2, 2),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(odd_characters(bench)),
};

async fn odd_characters(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    const ODD: [(&str, &str); 7] = [
        ("zero", "a\\u0000b"),
        ("control", "a\\u0001\\u001bb"),
        ("lone_high", "a\\ud83d"),
        ("lone_low", "\\udc00b"),
        ("joiner", "a\\u200db"),
        ("mark", "\\ufeffa"),
        ("line_ends", "a\\r\\nb\\tc"),
    ];
    let ask = |content: &str| {
        bench.with_body(format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":\"{content}\"}}],{}}}",
            stream_member(bench.mode)
        ))
    };
    // Half a pair is what strict parsers refuse: it would hide what becomes of the others.
    let (lone, others): (Vec<_>, Vec<_>) =
        ODD.iter().partition(|(name, _)| name.starts_with("lone"));
    let all: Vec<&str> = others.iter().map(|(_, content)| *content).collect();
    let parts = others
        .iter()
        .map(|(name, content)| (*name, ask(content)))
        .collect();
    let mut verdict =
        open_together(bench, "body.odd_characters", ask(&all.join(" ")), parts).await?;
    let all: Vec<&str> = lone.iter().map(|(_, content)| *content).collect();
    let parts = lone
        .iter()
        .map(|(name, content)| (*name, ask(content)))
        .collect();
    verdict.join(open_together(bench, "body.odd_characters", ask(&all.join(" ")), parts).await?);
    Ok(verdict)
}

/// BODY-11: members that stand twice.
pub(super) const DUPLICATES: CodeCase = CodeCase {
    id: "body.duplicates",
    requirement: BODY_11,
    in_stream: None,
    also: &[],
    why: "A member twice: readers differ in which one counts.",
    sends: "messages and role twice, the last a good one; where that is refused, each by itself; messages twice, the first a good one",
    expects: "any answer that is no 5xx; which one is reported",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(2, 2),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(duplicates(bench)),
};

async fn duplicates(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let prompt = quoted(&bench.profile.prompt.text);
    let good = format!("\"messages\":[{{\"role\":\"user\",\"content\":{prompt}}}]");
    let twice =
        format!("\"messages\":[{{\"role\":\"robot\",\"role\":\"user\",\"content\":{prompt}}}]");
    let ask =
        |members: String| bench.with_body(format!("{{{members},{}}}", stream_member(bench.mode)));
    let parts = vec![
        ("good_last", ask(format!("\"messages\":[],{good}"))),
        ("role", ask(twice.clone())),
    ];
    let whole = ask(format!("\"messages\":[],{twice}"));
    let mut verdict = open_together(bench, "body.duplicates", whole, parts).await?;
    let mut first = ask(format!("{good},\"messages\":[]"));
    first.open = true;
    first.documented = false;
    let delivery = bench.send(first).await?;
    let answer = delivery.answer();
    verdict.join(
        Verdict::of(stands(&answer, BODY_11), &delivery)
            .observing("body.duplicates.good_first", seen(&answer)),
    );
    Ok(verdict)
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
        let body = messages(
            bench,
            50,
            Some((place, element)),
            &bench.profile.prompt.text,
        );
        let delivery = bench.send(bench.with_body(body).provoking(&[400])).await?;
        let checks = Expectation::error(400, &[ErrorCode::InvalidRequest]).checks(
            &delivery.answer(),
            bench.mode,
            requirement,
        );
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
    let with = |member: &str| with_members(bench, member).request.body;
    let prompt = &bench.profile.prompt.text;
    let long = format!("{prompt} {}", "word ".repeat(6_000));
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut asks = vec![
        (
            "open_brackets",
            bench.with_body(with(&format!("\"x\":{}", "[".repeat(50_000)))),
        ),
        (
            "nested_objects",
            bench.with_body(with(&format!(
                "\"x\":{}1{}",
                "{\"a\":".repeat(1_000),
                "}".repeat(1_000)
            ))),
        ),
        (
            "long_content",
            bench.with_body(format!(
                "{{\"messages\":[{{\"role\":\"user\",\"content\":{}}}],\"stream\":false}}",
                quoted(&long)
            )),
        ),
        (
            "long_user",
            bench.with_body(with(&format!("\"user\":\"{}\"", "u".repeat(10_000)))),
        ),
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
        verdict
            .join(Verdict::of(checks, &delivery).observing(&format!("body.{name}"), seen(&answer)));
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
