//! What a measured answer is: a success, or of which class of errors, and what the contract's rules say of it.
//!
//! What is certainly right is known as such at once; everything else becomes an [`Exchange`] and is read by the rules
//! that `conform` uses. The classes are names for what they found: whether an answer breaks the contract is theirs to
//! say.

use super::measured::{Answered, Cut, Measured};
use super::order::Order;
use super::sieve::{LONGEST_TEXT, tokens};
use crate::contract::{self, ErrorCode, ROUTE_1, RequirementId, STREAM_8, WIRE_1};
use crate::judge::answer::EventKind;
use crate::judge::{Answer, Check, Looked, Mode, Verdict as Found, ambient, certain, rules};
use crate::record::load::ErrorClass;
use crate::time::Scale;
use crate::wire::{Body, BodyFraming, End, Exchange, Framing, Headers, Request, Unreachable};
use std::time::Duration;

/// What a measured answer is.
#[derive(Debug)]
pub(super) struct Judged {
    /// Why it is no success; none for one.
    pub(super) class: Option<ErrorClass>,
    /// The status, where one came.
    pub(super) status: Option<u16>,
    /// The code that it names, documented or not.
    pub(super) code: Option<String>,
    /// The wait that a 429 asks for.
    pub(super) retry_after: Option<Duration>,
    /// The answer's id.
    pub(super) id: Option<Box<str>>,
    /// Another id that a chunk of it had.
    pub(super) other_id: Option<Box<str>>,
    /// `usage`: prompt and completion tokens.
    pub(super) tokens: Option<(u64, u64)>,
    /// What it said, where that was wanted.
    pub(super) text: Option<String>,
    /// What the rules found; none where nothing had to be looked at twice.
    pub(super) report: Option<Box<Report>>,
}

/// An answer that the rules have read.
#[derive(Debug)]
pub(super) struct Report {
    /// The requirements that were looked at.
    pub(super) seen: Vec<RequirementId>,
    /// What was found.
    pub(super) found: Vec<Check>,
    /// The answer itself, condensed.
    pub(super) exchange: Exchange,
}

impl Judged {
    /// It bears a chunk of another answer (STREAM-9).
    pub(super) fn leaked(&mut self, check: Check) {
        if let Some(report) = &mut self.report {
            report.found.insert(0, check);
        }
        if self.class.is_none_or(|class| class == ErrorClass::Schema) {
            self.class = Some(ErrorClass::WrongAnswer);
        }
    }

    /// The requirement that the answer breaks, if it breaks one: of several the one that its class is about.
    pub(super) fn broken(&self) -> Option<&Check> {
        let about = match self.class {
            Some(ErrorClass::InBandError | ErrorClass::Reset) => Some(STREAM_8),
            Some(_) | None => None,
        };
        let found = &self.report.as_ref()?.found;
        let mut broken = found
            .iter()
            .filter(|check| check.verdict == Found::Violation);
        broken
            .clone()
            .find(|check| Some(check.requirement) == about)
            .or_else(|| broken.next())
    }
}

/// How the judge reads the target's answers.
#[derive(Debug, Clone)]
pub(super) struct Bench {
    /// The target's clock.
    pub(super) scale: Scale,
    /// The key that must not be echoed.
    pub(super) keys: Vec<String>,
}

/// Judges an answer.
pub(super) fn judge(mut measured: Measured, order: &Order, bench: &Bench) -> (Measured, Judged) {
    if let Some(judged) = certainly(&mut measured, order) {
        return (measured, judged);
    }
    let (id, other_id, stream_tokens, text, body) = match measured.sieved.take() {
        Some(sieved) => (
            sieved.id,
            sieved.other_id,
            sieved.tokens,
            sieved.text,
            sieved.doubtful.unwrap_or_default(),
        ),
        None => {
            let text = said(&measured.body.bytes, order);
            (None, None, None, text, std::mem::take(&mut measured.body))
        }
    };
    let exchange = exchange(&measured, order, body);
    let answer = Answer::new(&exchange);
    let keys: Vec<&str> = bench.keys.iter().map(String::as_str).collect();
    let looked = Looked {
        mode: order.mode,
        documented: true,
        documented_errors: true,
        keys: &keys,
    };
    let (seen, mut found) = if exchange.head.is_some() {
        ambient(&answer, &looked)
    } else {
        (Vec::new(), Vec::new()) // a connection that failed breaks no MUST under load
    };
    let class = class(&measured, &answer, order.mode, bench, &mut found);
    let status = answer.status();
    let tokens = stream_tokens.or_else(|| answer.json().ok().and_then(|json| tokens(&json.root)));
    let id = id.or_else(|| {
        let json = answer.json().ok()?;
        json.root.get("id")?.as_str().map(Into::into)
    });
    let judged = Judged {
        class,
        status,
        code: match status {
            Some(200) => answer
                .stream()
                .error()
                .and_then(|(_, code)| code)
                .map(|code| code.as_str().to_owned()),
            None => None,
            Some(_) => answer
                .code()
                .map(|code| code.as_str().to_owned())
                .or_else(|| answer.undocumented_code()),
        },
        retry_after: (status == Some(429))
            .then(|| rules::limit::wait(&answer))
            .flatten(),
        id: (status == Some(200)).then_some(id).flatten(),
        other_id,
        tokens,
        text,
        report: None,
    };
    drop(answer);
    let report = Report {
        seen,
        found,
        exchange,
    };
    let judged = Judged {
        report: Some(Box::new(report)),
        ..judged
    };
    (measured, judged)
}

/// The verdict on an answer that is as almost all of them are; none where the rules have to read it.
fn certainly(measured: &mut Measured, order: &Order) -> Option<Judged> {
    let mode = order.mode;
    let answered = measured.answered.as_ref()?;
    if measured.end != End::Complete || !measured.surplus.is_empty() || !right_head(answered, mode)
    {
        return None;
    }
    let (id, tokens, text) = match (&measured.sieved, mode) {
        (Some(sieved), Mode::Stream) if sieved.doubtful.is_none() => {
            let sieved = measured.sieved.take()?;
            (sieved.id, sieved.tokens, sieved.text)
        }
        (None, Mode::Json) => {
            let reply = certain::reply(&measured.body.bytes)?;
            let tokens = (reply.prompt_tokens, reply.completion_tokens);
            let text = said(&measured.body.bytes, order);
            (Some(reply.id.into()), Some(tokens), text)
        }
        _ => return None,
    };
    Some(Judged {
        class: None,
        status: Some(200),
        code: None,
        retry_after: None,
        id,
        other_id: None,
        tokens,
        text,
        report: None,
    })
}

/// What a JSON answer says, where that is wanted.
fn said(body: &[u8], order: &Order) -> Option<String> {
    if !order.keep_text || order.mode != Mode::Json {
        return None;
    }
    let reply: serde_json::Value = serde_json::from_slice(body).ok()?;
    let content = reply.pointer("/choices/0/message/content")?.as_str()?;
    Some(content.chars().take(LONGEST_TEXT / 4).collect())
}

/// Whether a head is one in which no rule finds anything.
pub(super) fn right_head(answered: &Answered, mode: Mode) -> bool {
    let headers = &answered.head.headers;
    let is = |name: &str, wanted: &[&str]| {
        let mut values = headers.all(name);
        match (values.next(), values.next()) {
            (Some(value), None) => wanted.iter().any(|wanted| value == wanted.as_bytes()),
            _ => false,
        }
    };
    let lengths = headers.all("content-length").count();
    let chunked = headers.has("transfer-encoding");
    let framed = match answered.framing {
        Framing::Http2 => !chunked,
        _ => (lengths > 0) != chunked,
    };
    answered.head.status == 200
        && framed
        && lengths <= 1
        && !headers.has("content-encoding")
        && match mode {
            Mode::Json => is(
                "content-type",
                &["application/json", "application/json; charset=utf-8"],
            ),
            Mode::Stream => {
                is(
                    "content-type",
                    &["text/event-stream", "text/event-stream; charset=utf-8"],
                ) && is(
                    "cache-control",
                    &[
                        "no-store",
                        "no-cache",
                        "no-cache, no-transform",
                        "no-cache, no-store",
                    ],
                )
            }
        }
}

/// A stream of which something came so lately had not stopped.
const FLOWING: Duration = Duration::from_secs(1);

/// The exchange as the judge reads it.
fn exchange(measured: &Measured, order: &Order, body: Body) -> Exchange {
    let mut headers = Headers::new();
    for (name, value) in &order.address.headers {
        headers.push(name.as_str(), value.as_bytes());
    }
    let request = Request {
        method: "POST".to_owned(),
        target: order
            .address
            .target
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        headers,
        body: order.body.clone(),
        framing: BodyFraming::Length,
    };
    let answered = measured.answered.as_ref();
    Exchange {
        sent: crate::wire::serialized(&request, "").to_vec(),
        request,
        sent_bytes: usize::try_from(measured.bytes_sent).unwrap_or(usize::MAX),
        interim: Vec::new(),
        head: answered.map(|answered| answered.head.clone()),
        framing: answered.map(|answered| answered.framing.clone()),
        body,
        surplus: measured.surplus.clone(),
        received: Vec::new(),
        received_bytes: measured.bytes_received,
        end: match measured.cut {
            // It was our patience that ended, and nothing is judged by speed: no rule has to know of it.
            Some(Cut::Total) if measured.silence < FLOWING => End::Abandoned,
            _ => measured.end.clone(),
        },
        protocol: measured.protocol,
        reused: measured.reused,
        started: measured.sent,
        sent_at: Some(measured.sent),
        first_byte_at: (measured.bytes_received > 0)
            .then_some(answered.map_or(measured.ended, |answered| answered.head.at)),
        ended: measured.ended,
        reusable: measured.end == End::Complete,
    }
}

/// The class of an answer, the first cause that fits; none for a success.
fn class(
    measured: &Measured,
    answer: &Answer<'_>,
    mode: Mode,
    bench: &Bench,
    found: &mut Vec<Check>,
) -> Option<ErrorClass> {
    if measured.cut == Some(Cut::Ourselves) {
        return Some(ErrorClass::Cancelled);
    }
    if let Some(why) = &measured.unreachable {
        return Some(match why {
            Unreachable::Dns(_) => ErrorClass::Dns,
            Unreachable::Connect(_) | Unreachable::Proxy(_) => ErrorClass::ConnectRefused,
            Unreachable::TimedOut => ErrorClass::ConnectTimeout,
            Unreachable::Tls(_) => ErrorClass::Tls,
            Unreachable::Ourselves(_) => ErrorClass::ClientError,
        });
    }
    let Some(status) = answer.status() else {
        return Some(match (&measured.end, measured.cut) {
            (_, Some(_)) => ErrorClass::HeadersTimeout,
            (End::Malformed { .. }, None) => ErrorClass::Framing,
            _ => ErrorClass::Reset,
        });
    };
    match status {
        200 => {}
        _ if ErrorCode::of_status(status).is_empty() => {
            found.push(Check::violation(
                ROUTE_1,
                "status",
                "200, or a documented error",
                answer.summary(),
            ));
            return Some(ErrorClass::UndocumentedStatus);
        }
        _ => return Some(refused(measured, answer, status, bench, found)),
    }
    let in_stream = || {
        (mode == Mode::Stream)
            .then(|| first_fault(answer))
            .flatten()
    };
    match (&measured.end, measured.cut) {
        // After [DONE] nothing is missing but the end.
        (End::TimedOut, Some(Cut::Idle)) => return Some(ErrorClass::IdleTimeout),
        (End::TimedOut, _) => return Some(ErrorClass::TotalTimeout),
        (End::Closed | End::Reset, _) => return Some(in_stream().unwrap_or(ErrorClass::Reset)),
        (End::Malformed { .. } | End::TooLarge, _) => {
            return Some(in_stream().unwrap_or(ErrorClass::Framing));
        }
        (End::Complete | End::Abandoned | End::Unreachable(_), _) => {}
    }
    let broken = |check: &Check| check.verdict == Found::Violation;
    if !found.iter().any(broken) {
        return None;
    }
    if found
        .iter()
        .any(|check| broken(check) && check.requirement == WIRE_1)
    {
        return Some(ErrorClass::Framing);
    }
    Some(match mode {
        Mode::Json => json_fault(answer),
        Mode::Stream => stream_fault(answer),
    })
}

/// A documented status.
fn refused(
    measured: &Measured,
    answer: &Answer<'_>,
    status: u16,
    bench: &Bench,
    found: &mut Vec<Check>,
) -> ErrorClass {
    match measured.end {
        End::Closed | End::Reset => return ErrorClass::Reset,
        End::Malformed { .. } | End::TooLarge => return ErrorClass::Framing,
        End::TimedOut => {
            return match measured.cut {
                Some(Cut::Idle) => ErrorClass::IdleTimeout,
                _ => ErrorClass::TotalTimeout,
            };
        }
        End::Complete | End::Abandoned | End::Unreachable(_) => {}
    }
    let named = answer
        .codes()
        .into_iter()
        .find(|named| named.code.status() == status);
    let Some(named) = named else {
        return ErrorClass::UndocumentedCode;
    };
    if named.code == ErrorCode::Timeout {
        let took = answer.exchange().duration();
        let check = rules::timeout::time(took, took, bench.scale);
        let late = check.verdict == Found::Violation
            && bench.scale.of(took) > contract::timeout::DOCUMENTED_S;
        if check.is_finding() {
            found.push(check);
        }
        if late {
            return ErrorClass::LateTimeout;
        }
    }
    ErrorClass::Code(named.code)
}

fn json_fault(answer: &Answer<'_>) -> ErrorClass {
    if answer.exchange().body.bytes.is_empty() || answer.json().is_err() {
        ErrorClass::BadReply
    } else if !answer.says_json() {
        ErrorClass::WrongContentType
    } else {
        ErrorClass::Schema
    }
}

fn stream_fault(answer: &Answer<'_>) -> ErrorClass {
    if answer.exchange().body.bytes.is_empty() {
        return ErrorClass::BadReply;
    }
    if !answer.says_stream() {
        return ErrorClass::WrongContentType;
    }
    if let Some(fault) = first_fault(answer) {
        return fault;
    }
    let stream = answer.stream();
    match stream.done_count() {
        0 if stream.chunks().next().is_none() && stream.events.is_empty() => {
            ErrorClass::EmptyAnswer
        }
        0 => ErrorClass::TruncatedStream,
        1 if stream.chunks().next().is_none() => ErrorClass::EmptyAnswer,
        1 => ErrorClass::DataAfterDone,
        _ => ErrorClass::DuplicateDone,
    }
}

/// The first thing in a stream that is wrong by itself.
fn first_fault(answer: &Answer<'_>) -> Option<ErrorClass> {
    if std::str::from_utf8(&answer.exchange().body.bytes)
        .is_err_and(|error| error.error_len().is_some() || answer.exchange().end == End::Complete)
    {
        return Some(ErrorClass::BadUtf8);
    }
    let mut done = false;
    for event in &answer.stream().events {
        match &event.what {
            EventKind::Done if done => return Some(ErrorClass::DuplicateDone),
            EventKind::Done => done = true,
            EventKind::Other => {}
            _ if done => return Some(ErrorClass::DataAfterDone),
            EventKind::Error { .. } => return Some(ErrorClass::InBandError),
            EventKind::NotJson { .. } => return Some(ErrorClass::BadEventJson),
            EventKind::Chunk(json) => {
                let wrong = rules::stream::chunk_findings(json)
                    .iter()
                    .any(|check| check.verdict == Found::Violation);
                if wrong {
                    return Some(ErrorClass::Schema);
                }
            }
        }
    }
    None
}
