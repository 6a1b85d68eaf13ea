//! WIRE: connections that are kept, requests that come in pieces.

use super::cors::preflight;
use super::cost;
use crate::case::header::CodeCase;
use crate::case::{Ask, Bench, Delivery, Inconclusive, Verdict, made_up_bot, made_up_key};
use crate::contract::{
    AUTH_1, AUTH_3, AUTH_7, BODY_1, BODY_7, BODY_10, CORS_1, ROUTE_1, ROUTE_2, RequirementId,
    SIZE_1, WIRE_2, WIRE_3, WIRE_4, is_transient, size,
};
use crate::judge::{Check, Expectation, Legal, Mode};
use crate::profile::Fixture;
use crate::wire::{BodyFraming, Pieces};
use std::time::Duration;

/// A request of a sequence, and what it has to be answered.
struct Step {
    name: &'static str,
    requirement: RequirementId,
    ask: Ask,
    legal: Vec<u16>,
    /// Whether it costs a completion: then it is not repeated on a fresh connection to compare.
    good: bool,
}

/// WIRE-2: a connection stays in step.
pub(super) const IN_STEP: CodeCase = CodeCase {
    id: "wire.in-step",
    requirement: WIRE_2,
    in_stream: None,
    also: &[],
    why: "Clients keep connections: one answer too many or too few, and everybody after it gets somebody else's.",
    sends: "a good request, errors of every kind, a preflight and a stream, one after the other on one connection",
    expects: "each answer as on a connection of its own; closing after any answer is legal",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(18, 4),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(in_step(bench)),
};

/// User, assistant, user: the shortest conversation, which no other case sends.
fn conversation(bench: &Bench<'_>) -> Ask {
    let turn = |role: &str, content: &str| {
        format!(
            "{{\"role\":\"{role}\",\"content\":{}}}",
            crate::case::ask::quoted(content)
        )
    };
    let last = turn("user", &bench.profile.prompt.text);
    let (first, second) = (turn("user", "Hi."), turn("assistant", "Hello."));
    bench.with_body(format!(
        "{{\"messages\":[{first},{second},{last}],\"stream\":false}}"
    ))
}

fn steps(bench: &Bench<'_>) -> Vec<Step> {
    let profile = bench.profile;
    let unknown = made_up_bot(&profile.bots.main.id);
    let bad = |mode: Mode| {
        Ask::with_body(
            profile,
            mode,
            format!("{{\"messages\":[],\"stream\":{}}}", mode == Mode::Stream).into_bytes(),
        )
    };
    let no_key = |mode: Mode| Ask::plain(profile, mode).authorization(None, None);
    let mut large = bench.plain();
    crate::case::data::pad(&mut large.request.body, 150_000);
    let mut largest = bad(Mode::Json);
    crate::case::data::pad(&mut largest.request.body, size::ALWAYS_REFUSED);
    let step = |name, requirement, ask: Ask, legal: &[u16]| Step {
        name,
        requirement,
        ask: ask.provoking(legal),
        legal: legal.to_vec(),
        good: false,
    };
    let good = |name, requirement, ask: Ask| Step {
        good: true,
        ..step(name, requirement, ask, &[200])
    };
    let preflights: Vec<u16> = (200..300).collect();
    let stream = || Ask::plain(profile, Mode::Stream);
    // A good answer right behind each kind of answer that connections are known to get out of step by.
    let mut steps = vec![
        step("a preflight", CORS_1, preflight(bench), &preflights),
        good("a good answer", ROUTE_1, bench.plain()),
        step("a bad body", BODY_1, bad(Mode::Json), &[400]),
        step(
            "an unknown bot",
            ROUTE_2,
            bench.plain().bot_id(profile, &unknown),
            &[404],
        ),
        good("a stream", ROUTE_1, stream()),
        good("a second good answer", BODY_7, conversation(bench)),
        step("no key", AUTH_1, no_key(Mode::Json), &[401]),
        good("a second stream", ROUTE_1, stream()),
        step(
            "a bad body for a stream",
            BODY_10,
            bad(Mode::Stream),
            &[400],
        ),
        step("a preflight, again", CORS_1, preflight(bench), &preflights),
        step(
            "a made-up key",
            AUTH_3,
            bench.plain().key(made_up_key(&bench.main_key())),
            &[401],
        ),
    ];
    if let Some(bot) = profile.bot(Fixture::BotApiOff) {
        let ask = bench.plain().bot(profile, Fixture::BotApiOff, bot);
        steps.push(step("access turned off", AUTH_7, ask, &[403]));
    }
    for (fixture, name, legal) in [
        (Fixture::BotOffline, "an agent that is offline", 503),
        (Fixture::BotFaulty, "an internal error", 500),
    ] {
        if let Some(bot) = profile.bot(fixture) {
            let ask = bench.plain().bot(profile, fixture, bot);
            steps.push(step(name, crate::contract::FAULT_1, ask, &[legal]));
        }
    }
    steps.push(step("no key, again", AUTH_1, no_key(Mode::Stream), &[401]));
    steps.push(step("a body that is too large", SIZE_1, large, &[413]));
    steps.push(step("a bad body, again", BODY_1, bad(Mode::Json), &[400]));
    steps.push(step(
        "an unknown bot, again",
        ROUTE_2,
        bench.plain().bot_id(profile, &unknown),
        &[404],
    ));
    steps
}

async fn in_step(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let mut verdict = Verdict::default();
    let mut connection = None;
    let mut kept = 0;
    let mut before = "the connection's first request";
    for step in steps(bench) {
        let fresh = connection.is_none();
        let mut line = match connection.take() {
            Some(line) => line,
            None => bench.courier.connect().await?,
        };
        let delivery = bench.courier.on(&mut line, step.ask.clone()).await;
        let answer = delivery.answer();
        kept += usize::from(!fresh);
        let status = answer.status();
        let transient = status.is_some_and(is_transient);
        // A server may close an idle connection at any time (RFC 9112 §9.5): that race is nobody's fault.
        let raced = delivery.exchange.broke_before_first_byte();
        let as_expected = status.is_some_and(|status| step.legal.contains(&status));
        if !as_expected && !transient && !raced && (!fresh || step.requirement == BODY_7) {
            verdict.join(compare(bench, &step, before, &delivery).await?);
        }
        if delivery.exchange.reusable && verdict.checks.iter().all(|check| !check.is_finding()) {
            connection = Some(line);
        }
        before = step.name;
    }
    if !verdict.checks.iter().any(Check::is_finding) {
        verdict.checks.push(Check::pass(
            WIRE_2,
            "kept connection",
            "each answer belongs to its request",
            format!("{kept} requests on a connection that had been used"),
        ));
    }
    Ok(verdict.observing(
        "wire.keep_alive",
        if kept > 0 {
            "connections are kept"
        } else {
            "closed after every answer"
        },
    ))
}

/// The same request on a connection of its own: only an answer that differs there is the connection's fault.
async fn compare(
    bench: &Bench<'_>,
    step: &Step,
    before: &str,
    kept: &Delivery,
) -> Result<Verdict, Inconclusive> {
    let fresh = bench.send(step.ask.clone()).await?;
    if fresh.status() == kept.status() {
        // Not the connection's fault. What no other case sends is told of here.
        if step.requirement != BODY_7 {
            return Ok(Verdict::default());
        }
        let checks = Expectation::only(Legal::Good).checks(&fresh.answer(), Mode::Json, BODY_7);
        return Ok(Verdict::of(checks, &fresh));
    }
    let expected = format!("{} as on a connection of its own", seen(&fresh));
    let actual = kept.answer().summary();
    let name = format!("{}, after {before}", step.name);
    let mut checks = vec![Check::violation(
        WIRE_2,
        name.clone(),
        expected.clone(),
        actual.clone(),
    )];
    // What the documentation says of this request is broken too, on every connection but the first request's.
    if !step.good && kept.status().is_some() {
        checks.push(Check::violation(step.requirement, name, expected, actual));
    }
    Ok(Verdict::of(checks, kept))
}

fn seen(delivery: &Delivery) -> String {
    crate::case::data::seen(&delivery.answer())
}

/// WIRE-2, its SHOULD: pipelining.
pub(super) const PIPELINED: CodeCase = CodeCase {
    id: "wire.pipelined",
    requirement: WIRE_2,
    in_stream: None,
    also: &[],
    why: "Requests that are sent before the first answer came get their answers in order, or the connection closes.",
    sends: "three invalid requests in one write: no key, an unknown bot, a bad body",
    expects: "401, 404, 400 in this order; a close after any of them is legal (SHOULD)",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(3, 0),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(pipelined(bench)),
};

async fn pipelined(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let unknown = made_up_bot(&bench.profile.bots.main.id);
    let asks = [
        (bench.plain().authorization(None, None), 401),
        (bench.plain().bot_id(bench.profile, &unknown), 404),
        (bench.with_body("{\"messages\":[],\"stream\":false}"), 400),
    ];
    let mut connection = bench.courier.connect().await?;
    let requests = asks.iter().map(|(ask, _)| ask.request.clone()).collect();
    let exchanges = connection
        .pipeline(requests, bench.courier.deadline())
        .await;
    let mut verdict = Verdict::default();
    for ((ask, legal), exchange) in asks.into_iter().zip(exchanges) {
        let delivery = Delivery {
            ask: std::sync::Arc::new(ask),
            exchange: std::sync::Arc::new(exchange),
        };
        let answer = delivery.answer();
        let expected = format!("{legal}, or a closed connection");
        let check = match answer.status() {
            Some(status) if status == legal || is_transient(status) => {
                Check::pass(WIRE_2, "pipelined answer", expected, status.to_string())
            }
            None if delivery.exchange.broke_before_first_byte() => break,
            _ => {
                // Only what is answered otherwise on a connection of its own is out of step.
                let fresh = bench.send((*delivery.ask).clone()).await?;
                if fresh.status() == answer.status() {
                    continue;
                }
                Check::advice(WIRE_2, "pipelined answer", expected, answer.summary())
            }
        };
        let finding = check.is_finding();
        verdict.join(Verdict::of(vec![check], &delivery));
        if finding || !delivery.exchange.reusable {
            break;
        }
    }
    Ok(verdict)
}

/// WIRE-4: a request in pieces is the same request.
pub(super) const PIECES: CodeCase = CodeCase {
    id: "wire.pieces",
    requirement: WIRE_4,
    in_stream: None,
    also: &[],
    why: "Networks cut requests where they like; a server that reads once reads half.",
    sends: "the plain valid request cut at every line end, between head and body, inside escapes and characters of its body, and around its first and last byte (JSON), or byte by byte and chunked (stream); a request that is 404 byte by byte; one that is 400 in chunks, cut between their sizes and their data",
    expects: "the same answers as in one piece",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(3, 1),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(pieces(bench)),
};

async fn pieces(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let mut verdict = Verdict::default();
    let stream = bench.mode == Mode::Stream;
    let prompt = crate::case::ask::quoted(&format!("{} 🦀 é", bench.profile.prompt.text));
    let body = format!(
        "{{\"messages\":[{{\"role\":\"us\\u0065r\",\"content\":{prompt}}}],\"stream\":{stream}}}"
    );
    let every = Pieces::Every {
        size: 1,
        pause: Duration::from_millis(1),
    };
    let good = Expectation::only(Legal::Good);
    let ask = match bench.mode {
        Mode::Json => cut_up(bench, bench.with_body(body.clone())),
        Mode::Stream => {
            let mut ask = bench.with_body(body.clone()).pieces(every.clone());
            ask.request.framing = BodyFraming::Chunked(7);
            ask
        }
    };
    let mut delivery = bench.send(ask.clone()).await?;
    // 411 to a chunked request is legal (SIZE-2), and whatever else it gets is not a matter of pieces.
    if stream && delivery.status() != Some(200) {
        let mut announced = ask;
        announced.request.framing = BodyFraming::Length;
        delivery = bench.send(announced).await?;
    }
    let judged = |delivery: &Delivery| good.checks(&delivery.answer(), bench.mode, WIRE_4);
    let checks = judged(&delivery);
    if broken(&checks) {
        // What is refused in one piece as well is refused for something else.
        let whole = bench.send(bench.with_body(body)).await?;
        if broken(&judged(&whole)) {
            return Err(Inconclusive::new(format!(
                "the same request in one piece gets {}",
                whole.answer().summary()
            )));
        }
    }
    verdict.join(Verdict::of(checks, &delivery));
    if stream {
        return Ok(verdict);
    }
    let unknown = made_up_bot(&bench.profile.bots.main.id);
    let refused = bench
        .plain()
        .bot_id(bench.profile, &unknown)
        .provoking(&[404]);
    verdict.join(alike(bench, refused.clone(), refused.pieces(every)).await?);
    let mut chunked = bench
        .with_body("{\"messages\":[],\"stream\":false}")
        .provoking(&[400, 411]);
    chunked.request.framing = BodyFraming::Chunked(9);
    verdict.join(alike(bench, chunked.clone(), cut_up(bench, chunked)).await?);
    Ok(verdict)
}

fn broken(checks: &[Check]) -> bool {
    checks
        .iter()
        .any(|check| check.verdict == crate::judge::Verdict::Violation)
}

/// A refusal in pieces is the one that the request gets whole; which one it has to be is for other cases to say.
async fn alike(bench: &Bench<'_>, whole: Ask, pieces: Ask) -> Result<Verdict, Inconclusive> {
    let expected = seen(&bench.send(whole).await?);
    let delivery = bench.send(pieces).await?;
    let actual = seen(&delivery);
    let name = "refusal in pieces";
    let check = if expected == actual {
        Check::pass(WIRE_4, name, expected, actual)
    } else {
        Check::violation(
            WIRE_4,
            name,
            format!("{expected}, as in one piece"),
            delivery.answer().summary(),
        )
    };
    Ok(Verdict::of(vec![check], &delivery))
}

/// Cut at every line end, inside it, between head and body, and inside every escape and wide character of the
/// body, with pauses that a server's read can't bridge.
fn cut_up(bench: &Bench<'_>, ask: Ask) -> Ask {
    let bytes = crate::wire::serialized(&ask.request, &bench.profile.target.host_header());
    let head = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map_or(0, |at| at + 4);
    // The first byte alone, too: servers look at it to tell protocols apart.
    let mut cuts: Vec<usize> = vec![1];
    for at in 2..bytes.len() {
        let (previous, byte) = (bytes[at - 1], bytes[at]);
        let inside_line_end = at < head && previous == b'\r' && byte == b'\n';
        // In a chunked body as well: size and data of a chunk in segments of their own.
        let after_line_end = previous == b'\n';
        let inside_escape = at > head && previous == b'\\';
        let inside_character = at > head && (0x80..0xC0).contains(&byte);
        // The body's first and last byte alone, too: what reads in blocks loses one of them.
        let lonely = at == head + 1 || at + 1 == bytes.len();
        let in_body = lonely || inside_escape || inside_character;
        if inside_line_end || after_line_end || at == head || in_body {
            cuts.push(at);
        }
    }
    ask.pieces(Pieces::At {
        cuts,
        pause: Duration::from_millis(15),
    })
}

/// WIRE-4, its SHOULD: `Connection: close`.
pub(super) const CLOSE: CodeCase = CodeCase {
    id: "wire.close",
    requirement: WIRE_4,
    in_stream: None,
    also: &[],
    why: "A client that says close waits for the end of the connection.",
    sends: "a request that is 404, with Connection: close",
    expects: "the connection closed after the answer (SHOULD)",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(1, 0),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(close(bench)),
};

async fn close(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let unknown = made_up_bot(&bench.profile.bots.main.id);
    let ask = bench
        .plain()
        .bot_id(bench.profile, &unknown)
        .header("Connection", "close");
    let mut connection = bench.courier.connect().await?;
    let delivery = bench.courier.on(&mut connection, ask).await;
    let expected = "the connection closed after the answer";
    let closed =
        delivery.status().is_none() || connection.closed_within(Duration::from_secs(3)).await;
    let check = if closed {
        Check::pass(WIRE_4, "Connection: close", expected, "closed")
    } else {
        Check::advice(
            WIRE_4,
            "Connection: close",
            expected,
            "still open after 3 s",
        )
    };
    Ok(Verdict::of(vec![check], &delivery))
}

/// WIRE-3: after a bad request the next good one passes.
pub(super) const AFTER_BAD: CodeCase = CodeCase {
    id: "wire.after-bad",
    requirement: WIRE_3,
    in_stream: None,
    also: &[],
    why: "One client's broken request must not spoil the next one's.",
    sends: "a request that is never finished, bytes that are no HTTP; then the plain valid request",
    expects: "200 with an answer of the agent",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(3, 1),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(after_bad(bench)),
};

async fn after_bad(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let half = {
        let ask = bench.plain();
        let length =
            crate::wire::serialized(&ask.request, &bench.profile.target.host_header()).len();
        ask.pieces(Pieces::OnlyFirst(length.saturating_sub(20)))
    };
    let opened = bench.courier.open(Ask {
        open: true,
        documented: false,
        ..half
    });
    // Nothing comes back while the request is unfinished; we leave it there.
    let _ = tokio::time::timeout(Duration::from_millis(50), opened).await;
    let mut noise = bench.plain();
    noise.request.method = "\u{1}\u{2} no http".to_owned();
    noise.open = true;
    noise.documented = false;
    let _ = bench.courier.once(noise).await;
    let delivery = bench.send(bench.plain()).await?;
    let checks = Expectation::only(Legal::Good).checks(&delivery.answer(), bench.mode, WIRE_3);
    Ok(Verdict::of(checks, &delivery))
}
