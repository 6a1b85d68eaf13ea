//! A record with every outcome, and with text in it that means harm.

use clawcheck::contract::{self, RequirementId};
use clawcheck::judge::{Check, Place};
use clawcheck::record::{Ended, Evidence, Outcome, Record, Summary, TestResult};
use clawcheck::secret::{ApiKey, Scrubber};
use clawcheck::wire::{
    Body, BodyFraming, End, Exchange, Framing, Head, Headers, Protocol, Request,
};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, UNIX_EPOCH};

pub(crate) const KEY: &str = "clawbite_sk_0123456789abcdef";

/// A result without checks.
pub(crate) fn result(id: &str, requirement: RequirementId, outcome: Outcome) -> TestResult {
    TestResult {
        id: id.to_owned(),
        requirement,
        cites: requirement,
        why: "A deployment that gets this wrong surprises its users.".to_owned(),
        outcome,
        message: String::new(),
        checks: Vec::new(),
        observed: BTreeMap::new(),
        duration: Duration::from_micros(3140),
        reproduce: String::new(),
        caught_by: None,
        evidence: None,
    }
}

/// A record without results.
pub(crate) fn empty() -> Record {
    Record {
        command: "conform",
        target: "https://staging.example".to_owned(),
        started_at: UNIX_EPOCH + Duration::from_secs(1_788_000_000),
        duration: Duration::from_millis(12_345),
        ended: Ended::Completed,
        summary: Summary::default(),
        results: Vec::new(),
        fingerprint: BTreeMap::new(),
        notes: Vec::new(),
        untested: Vec::new(),
        expected_failures: Vec::new(),
        unexpected_passes: Vec::new(),
    }
}

/// A record with every outcome.
pub(crate) fn every_outcome() -> Record {
    let results = vec![
        TestResult {
            observed: BTreeMap::from([("auth.code".to_owned(), "missing_api_key".to_owned())]),
            checks: vec![Check::pass(contract::AUTH_1, "status", "401", "401")],
            ..result("auth.missing-header", contract::AUTH_1, Outcome::Pass)
        },
        revoked(),
        TestResult {
            message: "needs keys.foreign: a valid key without access to bots.main".to_owned(),
            ..result("route.foreign", contract::ROUTE_3, Outcome::Skip)
        },
        TestResult {
            message: "needs keys.foreign: a valid key without access to bots.main".to_owned(),
            ..result("route.foreign.stream", contract::ROUTE_3, Outcome::Skip)
        },
        TestResult {
            checks: vec![Check::advice(
                contract::CORS_4,
                "vary",
                "Vary: Origin beside an echoed origin",
                "no Vary \u{1b}[2J",
            )],
            ..result("cors.vary", contract::CORS_4, Outcome::Advice)
        },
        garbled(),
        TestResult {
            message: "the target asked for a wait of 3600 s, more than --max-wait".to_owned(),
            ..result("limit.burst", contract::LIMIT_1, Outcome::Inconclusive)
        },
        TestResult {
            message: "a known one".to_owned(),
            ..result("fault.timeout", contract::FAULT_2, Outcome::Fail)
        },
        result("error.code", contract::ERROR_1, Outcome::Pass),
    ];
    Record {
        summary: Summary {
            passed: 2,
            failed: 3,
            advised: 1,
            skipped: 2,
            inconclusive: 1,
            requests: 41,
            completions: 1,
            must_untested: 3,
            must_tested: 5,
            must_kept: 2,
            retried: 2,
        },
        fingerprint: BTreeMap::from([
            ("size.limit".to_owned(), "102400".to_owned()),
            ("error.place".to_owned(), "error.code".to_owned()),
        ]),
        notes: vec!["certificates were not checked (insecure = true)".to_owned()],
        untested: vec![
            (contract::ROUTE_3, "needs keys.foreign".to_owned()),
            (contract::LIMIT_1, "inconclusive".to_owned()),
            (contract::LIMIT_2, "inconclusive".to_owned()),
        ],
        expected_failures: vec![(
            "fault.timeout".to_owned(),
            "ticket 12: the time-out is 60 s".to_owned(),
        )],
        unexpected_passes: vec![("error.code".to_owned(), "ticket 7".to_owned())],
        results,
        ..empty()
    }
}

/// A failure with two findings and a short answer.
fn revoked() -> TestResult {
    let body = br#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[]}"#;
    let exchange = exchange(200, "text/event-stream", body, End::Complete);
    let checks = vec![
        Check::violation(contract::AUTH_4, "status", "401", "200"),
        Check::violation(
            contract::AUTH_8,
            "body",
            "JSON with invalid_api_key or invalid_api_key_format",
            "text/event-stream, 14 events",
        )
        .at(Place::Body, 6..26),
    ];
    failed("auth.revoked.stream", contract::AUTH_4, checks, &exchange)
}

/// A failure with a long, hostile answer that broke off.
fn garbled() -> TestResult {
    let mut body = Vec::new();
    for n in 0..20 {
        body.extend_from_slice(format!("data: {{\"n\":{n}}}\n\n").as_bytes());
    }
    let start = body.len();
    body.extend_from_slice(b"data: \x1b[31m\xff]]> & <b>");
    let end = body.len();
    body.extend_from_slice(&[b'x'; 100]);
    let exchange = exchange(200, "text/event-stream", &body, End::Reset);
    let checks = vec![
        Check::violation(
            contract::STREAM_5,
            "utf-8",
            "valid UTF-8",
            "byte 0xFF ]]> \u{1b}[31m red",
        )
        .at(Place::Body, start + 6..end),
    ];
    failed("stream.utf-8", contract::STREAM_5, checks, &exchange)
}

fn failed(
    id: &str,
    requirement: RequirementId,
    checks: Vec<Check>,
    exchange: &Exchange,
) -> TestResult {
    let mut scrubber = Scrubber::new();
    scrubber.add_key(&ApiKey::new(KEY));
    TestResult {
        caught_by: None,
        evidence: Some(Evidence::new(exchange, &checks, &scrubber)),
        checks,
        reproduce: "curl -N https://staging.example/api/v1/bot/main/chat -H \"Authorization: Bearer $CLAWBITE_REVOKED\" -d '{\"stream\":true}'"
            .to_owned(),
        ..result(id, requirement, Outcome::Fail)
    }
}

pub(crate) fn exchange(status: u16, media_type: &str, body: &[u8], end: End) -> Exchange {
    let now = Instant::now();
    let mut headers = Headers::new();
    headers.push("Content-Type", media_type);
    headers.push("X-Seen", KEY);
    let request = Request {
        method: "POST".to_owned(),
        target: "/api/v1/bot/main/chat".to_owned(),
        headers: Headers::new(),
        body: Vec::new().into(),
        framing: BodyFraming::None,
    };
    let sent = format!(
        "POST /api/v1/bot/main/chat HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n\r\n{{\"stream\":true}}"
    );
    Exchange {
        request,
        sent_bytes: sent.len(),
        sent: sent.into_bytes(),
        interim: Vec::new(),
        head: Some(Head {
            version: "HTTP/1.1".to_owned(),
            status,
            reason: "OK".to_owned(),
            headers,
            at: now,
        }),
        framing: Some(Framing::Close),
        body: Body {
            bytes: body.to_vec(),
            ..Body::default()
        },
        surplus: Vec::new(),
        received: Vec::new(),
        received_bytes: 0,
        end,
        protocol: Protocol::Http1,
        reused: false,
        started: now,
        sent_at: Some(now),
        first_byte_at: Some(now),
        ended: now,
        reusable: false,
    }
}
