//! WIRE: answers are complete and framed as HTTP says (RFC 9112 §6, §7).

use crate::contract::{WIRE_1, WIRE_6};
use crate::judge::answer::ended;
use crate::judge::{Answer, Check};
use crate::wire::{End, Framing, Protocol};

/// What WIRE-1 and WIRE-6 find in an answer of which at least the head came; nothing if all is well.
pub fn findings(answer: &Answer<'_>) -> Vec<Check> {
    let exchange = answer.exchange();
    let mut found = Vec::new();
    found.extend(whole(answer));
    if exchange.protocol == Protocol::Http1 {
        found.extend(fields(answer));
        found.extend(advice(answer));
    }
    if let Some(coding) = uninvited_coding(answer) {
        found.push(Check::advice(
            WIRE_6,
            "Content-Encoding",
            "none: the request asked for identity",
            coding,
        ));
    }
    found
}

fn whole(answer: &Answer<'_>) -> Option<Check> {
    let exchange = answer.exchange();
    let expected = "a whole answer, framed as its head says";
    match &exchange.end {
        End::Complete => (!exchange.surplus.is_empty()).then(|| {
            let actual = match exchange.framing {
                Some(Framing::Empty) => "a body where HTTP has none",
                _ => "more bytes than the answer has",
            };
            Check::violation(WIRE_1, "framing", expected, actual)
        }),
        End::Abandoned | End::TooLarge | End::Unreachable(_) => None,
        // A stream that stays open after [DONE] is STREAM-4's.
        End::TimedOut if exchange.head.is_none() || answer.says_stream() => None,
        End::Closed | End::Reset if exchange.first_byte_at.is_none() => None,
        end => Some(Check::violation(WIRE_1, "framing", expected, ended(end))),
    }
}

fn fields(answer: &Answer<'_>) -> Vec<Check> {
    let exchange = answer.exchange();
    let headers = exchange.headers();
    let mut found = Vec::new();
    if headers.has("content-length") && headers.has("transfer-encoding") {
        found.push(Check::violation(
            WIRE_1,
            "Content-Length",
            "either Content-Length or Transfer-Encoding",
            "both",
        ));
    }
    if headers.all("content-length").count() > 1 {
        found.push(Check::advice(
            WIRE_1,
            "Content-Length",
            "once",
            "several times, with one value",
        ));
    }
    if exchange.status() == Some(204)
        && (headers.has("content-length") || headers.has("transfer-encoding"))
    {
        found.push(Check::advice(
            WIRE_1,
            "204",
            "neither Content-Length nor Transfer-Encoding (RFC 9110 §8.6)",
            "one of them",
        ));
    }
    found
}

fn advice(answer: &Answer<'_>) -> Vec<Check> {
    let exchange = answer.exchange();
    let mut found = Vec::new();
    if exchange.framing == Some(Framing::Close) && !exchange.body.bytes.is_empty() {
        found.push(Check::advice(
            WIRE_1,
            "end of the body",
            "Content-Length or chunks: a body that ends with the connection can be cut unseen",
            "the end of the connection",
        ));
    }
    if let Some(Framing::Chunked {
        intricate_extensions: true,
        ..
    }) = exchange.framing
    {
        found.push(Check::advice(
            WIRE_1,
            "chunk extensions",
            "none, or one plain one: Node's fetch trips over quoted values",
            "quoted or several ones",
        ));
    }
    if exchange.interim.iter().any(|head| head.status == 100)
        && !exchange.request.headers.has("expect")
    {
        found.push(Check::advice(
            WIRE_1,
            "100 Continue",
            "only when asked for by Expect: Node's fetch trips over it",
            "unasked",
        ));
    }
    found
}

fn uninvited_coding(answer: &Answer<'_>) -> Option<String> {
    let exchange = answer.exchange();
    let coding = exchange.headers().text("content-encoding")?;
    let asked = exchange
        .request
        .headers
        .text("accept-encoding")
        .unwrap_or_default()
        .to_ascii_lowercase();
    (!coding.eq_ignore_ascii_case("identity") && !asked.contains(&coding.to_ascii_lowercase()))
        .then_some(coding)
}
