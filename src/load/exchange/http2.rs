//! The measured exchange over HTTP/2.

use super::reader::Reader;
use super::{Got, Until, Waiting, body_came, ended_by, restless};
use crate::load::lane::{Open, Speaking};
use crate::load::measured::{Answered, Cut, Measured};
use crate::wire::{End, Framing, Head, Headers};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// The exchange by hyper's HTTP/2.
pub(super) async fn run(
    waiting: &mut Waiting<'_>,
    until: &mut Until,
    reader: &mut Reader<'_>,
    measured: &mut Measured,
) -> (End, Option<Cut>) {
    let order = reader.order;
    let mut request = http::Request::new(Full::new(order.body.clone()));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = order.address.target.clone();
    *request.headers_mut() = order.address.headers.clone();
    let Speaking::Http2(http2) = waiting.open.speaking() else {
        return (End::Abandoned, None);
    };
    let mut response = pin!(http2.send(request));
    let response = waiting
        .until(
            |open, cx| polled(open, cx, |cx| response.as_mut().poll(cx)),
            |now| until.late(now),
        )
        .await;
    let response = match response {
        Got::Cut(cut) => return (ended_by(cut), Some(cut)),
        Got::It(Err(error)) => return (end_of(&error, waiting.open), None),
        Got::It(Ok(response)) => response,
    };
    let (parts, body) = response.into_parts();
    let at = until.meter.read_at();
    let head = head_of(&parts, at);
    reader.begin(head.status);
    measured.answered = Some(Answered {
        head,
        framing: Framing::Http2,
    });
    until.headed = true;
    let mut body: std::pin::Pin<&mut Incoming> = pin!(body);
    loop {
        let frame = waiting
            .until(
                |open, cx| polled(open, cx, |cx| body.as_mut().poll_frame(cx)),
                |now| until.late(now),
            )
            .await;
        let at = until.meter.read_at();
        match frame {
            Got::Cut(cut) => return (ended_by(cut), Some(cut)),
            Got::It(None) => return (End::Complete, None),
            Got::It(Some(Err(error))) => return (end_of(&error, waiting.open), None),
            Got::It(Some(Ok(frame))) => {
                // Else they are trailers.
                if let Ok(bytes) = frame.into_data() {
                    body_came(waiting, until, at);
                    if let Some(enough) = reader.take(&bytes, at, measured) {
                        return enough;
                    }
                }
                if let Some(cut) = restless(waiting.stop, until, at) {
                    return (ended_by(cut), Some(cut));
                }
            }
        }
    }
}

/// First the connection, then what it brought: what it brought before has been taken, and its next read is what is waited
/// for.
fn polled<T>(
    open: &mut Open,
    cx: &mut Context<'_>,
    mut ready: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    match open.speaking() {
        Speaking::Http2(http2) => http2.poll_until(cx, ready),
        Speaking::Http1(_) => ready(cx),
    }
}

/// The head of an answer of HTTP/2.
fn head_of(parts: &http::response::Parts, at: Instant) -> Head {
    let mut headers = Headers::new();
    for (name, value) in &parts.headers {
        headers.push(name.as_str(), value.as_bytes());
    }
    Head {
        version: format!("{:?}", parts.version),
        status: parts.status.as_u16(),
        // HTTP/2 has none.
        reason: String::new(),
        headers,
        at,
    }
}

/// How an exchange ended that hyper gave up.
fn end_of(error: &hyper::Error, open: &mut Open) -> End {
    match open.speaking() {
        Speaking::Http2(http2) => http2.end_of(error),
        Speaking::Http1(_) => End::Reset,
    }
}
