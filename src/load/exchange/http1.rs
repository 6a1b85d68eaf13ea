//! The measured exchange over HTTP/1.1.

use super::reader::Reader;
use super::{Got, Until, Waiting, body_came, ended_by, restless};
use crate::load::lane::Speaking;
use crate::load::measured::{Answered, Cut, Measured};
use crate::wire::{Answer, End, Limits, SURPLUS};
use std::io;
use std::task::Poll;

/// Of an answer's bytes the head is bounded by the parser; how much of a body is kept is the reader's matter.
const LIMITS: Limits = Limits {
    body: usize::MAX,
    ..Limits::USUAL
};

/// A buffer of more bytes than this is not kept for the rest of a stream.
const ROOMY: usize = 16 * 1024;

/// The exchange by wire's own parser: what it takes for an answer is what `conform` does.
pub(super) async fn run(
    waiting: &mut Waiting<'_>,
    until: &mut Until,
    reader: &mut Reader<'_>,
    measured: &mut Measured,
) -> (End, Option<Cut>) {
    let mut answer = Answer::new("POST", LIMITS);
    let mut body = Vec::new();
    let mut request = Some(reader.order.bytes());
    loop {
        let surplus = &mut measured.surplus;
        let got = waiting
            .until(
                |open, cx| {
                    let Speaking::Http1(http1) = open.speaking() else {
                        return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
                    };
                    if let Some(request) = request.take() {
                        http1.send(request);
                    }
                    http1.poll(cx, |bytes| {
                        let taken = answer.feed(bytes, until.meter.read_at());
                        let more = &bytes[taken..];
                        surplus.extend_from_slice(&more[..more.len().min(SURPLUS)]);
                    })
                },
                |now| until.late(now),
            )
            .await;
        match got {
            Got::Cut(cut) => return (ended_by(cut), Some(cut)),
            Got::It(Ok(0)) => answer.eof(),
            Got::It(Ok(_)) => {}
            Got::It(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => answer.eof(),
            Got::It(Err(_)) => return (End::Reset, None),
        }
        let at = until.meter.read_at();
        if !until.headed
            && let (Some(head), Some(framing)) = (answer.head.take(), answer.framing.take())
        {
            until.headed = true;
            reader.begin(head.status);
            measured.answered = Some(Answered { head, framing });
        }
        answer.take_body(&mut body);
        if !body.is_empty() {
            body_came(waiting, until, at);
            let enough = reader.take(&body, at, measured);
            if body.capacity() > ROOMY {
                body = Vec::new();
            }
            if answer.over.is_none()
                && let Some(enough) = enough
            {
                return enough;
            }
        }
        if let Some(end) = answer.over.take() {
            measured.body.coding = answer.body.coding.take();
            return (end, None);
        }
        if let Some(cut) = restless(waiting.stop, until, at) {
            return (ended_by(cut), Some(cut));
        }
    }
}
