//! SIZE, where a table can't tell it.

use super::cost;
use crate::case::data::pad;
use crate::case::header::CodeCase;
use crate::case::{Ask, Bench, Delivery, Inconclusive, Verdict};
use crate::contract::{ErrorCode, SIZE_1, SIZE_2, SIZE_3, SIZE_4, is_transient, size};
use crate::judge::{Check, Expectation, Legal, Mode};
use crate::wire::{BodyFraming, End, Pieces, Protocol};
use std::time::Duration;

fn padded(mut ask: Ask, bytes: usize) -> Ask {
    pad(&mut ask.request.body, bytes);
    if bytes >= size::ALWAYS_REFUSED {
        return ask.provoking(&[413, 411]);
    }
    ask
}

/// A body that is 400 whatever its size: asks for the limit without a completion.
fn bad(bench: &Bench<'_>) -> Ask {
    bench.with_body(format!(
        "{{\"messages\":[],\"stream\":{}}}",
        bench.mode == Mode::Stream
    ))
}

/// SIZE-1, its open part: which of the two readings.
pub(super) const SEEN: CodeCase = CodeCase {
    id: "size.limit-seen",
    requirement: SIZE_1,
    in_stream: None,
    also: &[],
    why: "100KB is 100,000 bytes to some and 102,400 to others; both are legal, and worth knowing.",
    sends: "invalid bodies of 100,000, 100,001, 102,400 and 102,401 bytes",
    expects: "400 to the first, then 400 or 413; which size is the first to be refused for its size is reported",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(4, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(limit_seen(bench)),
};

async fn limit_seen(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let mut verdict = Verdict::default();
    let mut limit = "over 102400".to_owned();
    // Whether an invalid body is refused at all is BODY-1's.
    let small = bench.send(bad(bench).provoking(&[400])).await?;
    if small.status() != Some(400) {
        return Err(Inconclusive::new(format!(
            "an invalid body that is small is not refused with 400 ({}): see body.messages",
            small.answer().summary()
        )));
    }
    let within = bench
        .send(padded(bad(bench), size::ALWAYS_ACCEPTED))
        .await?;
    let answer = within.answer();
    let expected = "400 for what is wrong in it: 100,000 bytes are within the limit";
    let check = match answer.status() {
        Some(400) => Check::pass(SIZE_1, "status", expected, "400"),
        _ => Check::violation(SIZE_1, "status", expected, answer.summary()),
    };
    verdict.join(Verdict::of(vec![check], &within));
    for (body, below) in [
        (size::ALWAYS_ACCEPTED + 1, "100000"),
        (size::BINARY_LIMIT, "between 100001 and 102399"),
        (size::ALWAYS_REFUSED, "102400"),
    ] {
        let delivery = bench.send(padded(bad(bench), body)).await?;
        let answer = delivery.answer();
        let checks = match answer.status() {
            Some(status @ (400 | 413)) => vec![Check::pass(
                SIZE_1,
                "status",
                "400 or 413",
                status.to_string(),
            )],
            _ => vec![Check::violation(
                SIZE_1,
                "status",
                "400 or 413",
                answer.summary(),
            )],
        };
        let refused = answer.status() == Some(413);
        verdict.join(Verdict::of(checks, &delivery));
        if refused {
            limit = below.to_owned();
            break;
        }
    }
    // A server that looks at the body before its size answers 400 to all three: nothing is known then.
    if limit == "over 102400" {
        limit = "not told: the invalid body is refused first".to_owned();
    }
    Ok(verdict.observing("size.limit", limit))
}

/// SIZE-2: chunked bodies.
pub(super) const CHUNKED: CodeCase = CodeCase {
    id: "size.chunked",
    requirement: SIZE_2,
    in_stream: None,
    also: &[],
    why: "A client that does not know the size beforehand sends chunks; the limit is the same.",
    sends: "chunked bodies of 100,000, 102,401 and 150,000 bytes",
    expects: "200, then 413 request_too_large; or 411 to any chunked request",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(3, 1),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(chunked(bench)),
};

async fn chunked(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    // Two bytes a character: who counts anything else than bytes comes to another sum.
    let text = format!("{} {}", bench.profile.prompt.text, "é".repeat(4_700));
    let body = crate::case::ask::plain_body(&text, bench.mode);
    let ask = |bytes: usize| {
        let mut ask = padded(bench.with_body(body.clone()), bytes);
        // Small chunks: their framing is a tenth of the bytes on the wire, and no part of the body.
        ask.request.framing = BodyFraming::Chunked(100);
        ask
    };
    let mut verdict = Verdict::default();
    if bench.mode == Mode::Json {
        let good = bench.send(ask(size::ALWAYS_ACCEPTED)).await?;
        if good.status() == Some(411) {
            return Ok(length_required(&good));
        }
        let checks = Expectation::only(Legal::Good).checks(&good.answer(), bench.mode, SIZE_2);
        verdict.join(Verdict::of(checks, &good).observing("size.chunked", "accepted"));
    }
    for bytes in [size::ALWAYS_REFUSED, 150_000] {
        let refused = deliver_refusal(bench, ask(bytes)).await?;
        if refused.status() == Some(411) {
            return Ok(length_required(&refused));
        }
        let checks = Expectation::error(413, &[ErrorCode::RequestTooLarge]).checks(
            &refused.answer(),
            bench.mode,
            SIZE_2,
        );
        verdict.join(Verdict::of(checks, &refused));
    }
    Ok(verdict)
}

fn length_required(delivery: &Delivery) -> Verdict {
    let check = Check::pass(
        SIZE_2,
        "status",
        "413, or 411 to any chunked request",
        "411",
    );
    Verdict::of(vec![check], delivery).observing("size.chunked", "411")
}

/// Sends a body that is too large; where no answer could be read, again and slowly, so that what a reset ate
/// (RFC 9112 §9.6) gets a second chance before anybody is blamed.
async fn deliver_refusal(bench: &Bench<'_>, ask: Ask) -> Result<Delivery, Inconclusive> {
    let first = bench.send(ask.clone()).await?;
    if first.status().is_some() || bench.mode == Mode::Stream && !bench.courier.speaks_http1() {
        return Ok(first);
    }
    let slowly = ask.pieces(Pieces::Every {
        size: 16 * 1024,
        pause: Duration::from_millis(20),
    });
    bench.send(slowly).await
}

/// SIZE-3: the refusal can be read.
pub(super) const REFUSAL: CodeCase = CodeCase {
    id: "size.readable-refusal",
    requirement: SIZE_3,
    in_stream: None,
    also: &[],
    why: "A server that closes while the client still sends makes the client see a reset in place of the 413.",
    sends: "bodies of 102,401, 200,000 and 262,144 bytes, then another request on the same connection",
    expects: "413 request_too_large that can be read; the connection then closed or in step",
    modes: &[Mode::Json, Mode::Stream],
    needs: &[],
    cost: cost(15, 0),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(refusal(bench)),
};

async fn refusal(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let mut verdict = Verdict::default();
    for bytes in [size::ALWAYS_REFUSED, 200_000, size::READABLE_REFUSAL] {
        let refused = deliver_refusal(bench, padded(bench.plain(), bytes)).await?;
        verdict.join(readable(&refused, bytes));
        verdict.join(in_step_after(bench, bytes).await?);
    }
    Ok(verdict)
}

/// Whether a refusal could be read; whether it was one is SIZE-1's.
fn readable(delivery: &Delivery, bytes: usize) -> Verdict {
    let answer = delivery.answer();
    let expected = "a refusal that a client can read";
    let name = format!("answer to {bytes} bytes");
    let whole = answer.status().is_some() && delivery.exchange.end == End::Complete;
    let check = if whole {
        Check::pass(SIZE_3, name, expected, answer.summary())
    } else {
        Check::violation(SIZE_3, name, expected, answer.summary())
    };
    Verdict::of(vec![check], delivery)
}

/// After a refusal the connection is closed or in step: the next answer on it belongs to the next request.
async fn in_step_after(bench: &Bench<'_>, bytes: usize) -> Result<Verdict, Inconclusive> {
    let mut verdict = in_step_after_this(bench, padded(bench.plain(), bytes)).await?;
    let mut chunked = padded(bench.plain(), bytes);
    chunked.request.framing = BodyFraming::Chunked(4_096);
    verdict.join(in_step_after_this(bench, chunked).await?);
    Ok(verdict)
}

async fn in_step_after_this(bench: &Bench<'_>, ask: Ask) -> Result<Verdict, Inconclusive> {
    let mut connection = bench.courier.connect().await?;
    let first = bench.courier.on(&mut connection, ask).await;
    if first.exchange.protocol != Protocol::Http1
        || !first.exchange.reusable
        || first.status() != Some(413)
    {
        return Ok(Verdict::default());
    }
    let id = crate::case::made_up_bot(&bench.profile.bots.main.id);
    let fresh = bench
        .send(bench.plain().bot_id(bench.profile, &id).provoking(&[404]))
        .await?;
    let next = bench
        .courier
        .on(&mut connection, bench.plain().bot_id(bench.profile, &id))
        .await;
    let answer = next.answer();
    // A connection that is closed before the next answer begins was allowed to be (RFC 9112 §9.5).
    if next.exchange.broke_before_first_byte()
        || answer.status() == fresh.status()
        || answer.status().is_some_and(is_transient)
    {
        return Ok(Verdict::default());
    }
    let check = Check::violation(
        SIZE_3,
        "the next answer on the connection",
        "404 bot_not_found, or a closed connection",
        answer.summary(),
    );
    Ok(Verdict::of(vec![check], &next))
}

/// SIZE-3, its SHOULD: far larger bodies.
pub(super) const LARGE_REFUSAL: CodeCase = CodeCase {
    id: "size.readable-refusal-large",
    requirement: SIZE_3,
    in_stream: None,
    also: &[],
    why: "Somebody will attach a photograph: even then an answer is better than a reset.",
    sends: "bodies of 1 MB and 10 MB",
    expects: "an answer that can be read (SHOULD)",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(2, 0),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(large_refusal(bench)),
};

async fn large_refusal(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let mut verdict = Verdict::default();
    for bytes in [1_000_000, 10_000_000] {
        let mut ask = padded(bench.plain(), bytes);
        ask.open = true;
        let delivery = bench.send(ask).await?;
        let mut one = readable(&delivery, bytes);
        for check in &mut one.checks {
            if check.is_finding() {
                *check = Check::advice(
                    SIZE_3,
                    check.name.clone(),
                    check.expected.clone(),
                    check.actual.clone(),
                );
            }
        }
        verdict.join(one);
    }
    Ok(verdict)
}

/// SIZE-4: `Expect: 100-continue`.
pub(super) const EXPECT: CodeCase = CodeCase {
    id: "size.expect-continue",
    requirement: SIZE_4,
    in_stream: None,
    also: &[],
    why: "curl asks before it sends a large body; without an answer it waits a second for nothing.",
    sends: "Expect: 100-continue with a small invalid body, and with one that is too large, and waits 3 s before the body",
    expects: "100 or a final answer without the body; the 413 at once",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(2, 0),
    uses_up: None,
    http1: true,
    run: |bench| Box::pin(expect_continue(bench)),
};

async fn expect_continue(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let wait = Duration::from_secs(3);
    let ask = |bytes: usize| {
        let mut ask = padded(bad(bench), bytes).header("Expect", "100-continue");
        ask.pieces = Pieces::AfterHead { wait };
        ask.open = true;
        ask
    };
    let small = bench.send(ask(0)).await?;
    // Other interim answers (102, 103) say nothing of the body.
    let first_sign = |delivery: &Delivery| {
        let exchange = &delivery.exchange;
        exchange
            .interim
            .iter()
            .find(|head| head.status == 100)
            .or(exchange.head.as_ref())
            .cloned()
    };
    let came_first = |delivery: &Delivery| {
        let sent = delivery.exchange.sent_at;
        first_sign(delivery).is_some_and(|head| sent.is_none_or(|sent| head.at <= sent))
    };
    let expected = "100 or a final answer before the body is sent";
    let shown = |delivery: &Delivery| match first_sign(delivery) {
        Some(head) if head.status == 100 => "100".to_owned(),
        _ => delivery.answer().summary(),
    };
    let mut verdict = Verdict::of(
        vec![if came_first(&small) {
            Check::pass(SIZE_4, "answer before the body", expected, shown(&small))
        } else {
            Check::advice(
                SIZE_4,
                "answer before the body",
                expected,
                "nothing for 3 s",
            )
        }],
        &small,
    );
    let large = bench.send(ask(150_000)).await?;
    let asked_on = large.exchange.interim.iter().any(|head| head.status == 100);
    let at_once = large.status() == Some(413) && !asked_on && came_first(&large);
    let expected = "413 without 100 and without the body";
    verdict.join(Verdict::of(
        vec![if at_once {
            Check::pass(SIZE_4, "413 at once", expected, "413")
        } else {
            Check::advice(SIZE_4, "413 at once", expected, shown(&large))
        }],
        &large,
    ));
    Ok(verdict)
}
