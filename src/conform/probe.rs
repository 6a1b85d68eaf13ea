//! The first question: does the target answer plain valid requests at all? If not, everything else would only
//! repeat that answer sixty times.

use super::carrier::Carrier;
use crate::case::{Ask, Courier as _, Delivery};
use crate::contract::{BODY_8, ROUTE_1, RequirementId, is_transient};
use crate::judge::rules::shape;
use crate::judge::{Answer, Check, Expectation, Legal, Mode};
use crate::wire::End;

/// What the target is good for.
pub(super) enum Probed {
    /// Plain valid requests are answered.
    Good,
    /// They get a wrong answer: that finding stands for everything (exit 1).
    Wrong {
        says: String,
        requirement: RequirementId,
        checks: Vec<Check>,
        delivery: Box<Delivery>,
    },
    /// The target can't be tested, for a reason that the profile or the day explains (exit 3).
    Untestable {
        says: String,
        delivery: Option<Box<Delivery>>,
    },
}

/// Asks.
pub(super) async fn probe(carrier: &Carrier<'_>) -> Probed {
    let delivery = match carrier.good(Mode::Json).await {
        Ok(delivery) => delivery,
        Err(why) => {
            return Probed::Untestable {
                says: why.why,
                delivery: None,
            };
        }
    };
    let answer = delivery.answer();
    let Some(status) = answer.status() else {
        return Probed::Untestable {
            says: no_answer(&answer),
            delivery: Some(Box::new(delivery)),
        };
    };
    if let Some(says) = explained(&answer, status) {
        return Probed::Untestable {
            says,
            delivery: Some(Box::new(delivery)),
        };
    }
    if status != 200 {
        return wrong(carrier, delivery).await;
    }
    if let Some(check) = shape(&answer, Mode::Json) {
        return Probed::Wrong {
            says: format!(
                "plain valid requests get the wrong shape: {}",
                answer.summary()
            ),
            requirement: BODY_8,
            checks: vec![check],
            delivery: Box::new(delivery),
        };
    }
    // No sentence says how long an answer may be.
    if answer.exchange().end == End::TooLarge {
        return Probed::Untestable {
            says: format!("plain valid requests get {}", answer.summary()),
            delivery: Some(Box::new(delivery)),
        };
    }
    // A 200 that is no JSON at all, or is never whole: REPLY-1 or WIRE-1 tell of it, once.
    let readable = answer.json().is_ok();
    if !readable && !nearly_json(&answer) {
        return Probed::Wrong {
            says: format!(
                "plain valid requests get an answer that can't be read: {}",
                answer.summary()
            ),
            requirement: ROUTE_1,
            checks: vec![Check::pass(ROUTE_1, "status", "200", "200")],
            delivery: Box::new(delivery),
        };
    }
    Probed::Good
}

/// JSON but for a trifle (a byte order mark, one wrong byte): the rest of the suite still makes sense.
fn nearly_json(answer: &Answer<'_>) -> bool {
    let body = &answer.exchange().body.bytes;
    answer.exchange().end == End::Complete && body.windows(9).any(|window| window == b"\"choices\"")
}

fn no_answer(answer: &Answer<'_>) -> String {
    let exchange = answer.exchange();
    match &exchange.end {
        End::Malformed { what, .. } => {
            let tls = exchange.received.starts_with(&[0x15, 3])
                || exchange.received.starts_with(&[0x16, 3]);
            if tls {
                "it answers with TLS: the base URL should begin https://".to_owned()
            } else {
                format!("what it sends is no HTTP: {what}")
            }
        }
        _ => answer.summary(),
    }
}

/// Answers that a wrong profile, or a bad day, explains.
fn explained(answer: &Answer<'_>, status: u16) -> Option<String> {
    let summary = answer.summary();
    if status == 400 && wants_https(&answer.exchange().body.bytes) {
        return Some(format!(
            "{summary}: it answers plain HTTP with a page that asks for https: the base URL should begin https://"
        ));
    }
    let hint = match status {
        401 => "the target refuses keys.valid: is it the right key, and not revoked?",
        403 => {
            "the target refuses bots.main: is API access turned on for it, and is a gateway in the way (see [headers])?"
        }
        404 => {
            "the target does not know bots.main: are base_url and the id right, and may keys.valid use it?"
        }
        status if is_transient(status) => {
            "plain valid requests are refused, again and again: is the deployment up?"
        }
        _ => return None,
    };
    Some(format!("{summary}: {hint}"))
}

/// What servers of https say to plain HTTP, where they say it in plain HTTP: nginx, Go, Apache.
fn wants_https(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    [
        "The plain HTTP request was sent to HTTPS port",
        "Client sent an HTTP request to an HTTPS server",
        "speaking plain HTTP to an SSL-enabled server port",
    ]
    .iter()
    .any(|phrase| text.contains(phrase))
}

/// A wrong answer to the plain request: of what does it break?
async fn wrong(carrier: &Carrier<'_>, delivery: Delivery) -> Probed {
    let answer = delivery.answer();
    let summary = answer.summary();
    // `"stream": false` is what the plain request has beyond the required: is it that?
    if matches!(answer.status(), Some(400..=499)) {
        let body = format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":{}}}]}}",
            serde_json::Value::from(carrier.profile.prompt.text.as_str())
        );
        let ask = Ask::with_body(carrier.profile, Mode::Json, body.into_bytes());
        if let Ok(without) = carrier.deliver(ask).await
            && without.status() == Some(200)
        {
            let check = Check::violation(
                BODY_8,
                "stream: false",
                "200, as without stream",
                summary.clone(),
            );
            return Probed::Wrong {
                says: format!("`\"stream\": false` is refused: {summary}"),
                requirement: BODY_8,
                checks: vec![check],
                delivery: Box::new(delivery),
            };
        }
    }
    let checks = Expectation::only(Legal::Answered).checks(&answer, Mode::Json, ROUTE_1);
    Probed::Wrong {
        says: format!("plain valid requests get a wrong answer: {summary}"),
        requirement: ROUTE_1,
        checks,
        delivery: Box::new(delivery),
    }
}
