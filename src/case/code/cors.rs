//! CORS: what a page of another origin needs.

use super::cost;
use crate::case::header::CodeCase;
use crate::case::{Ask, Bench, Delivery, Inconclusive, Verdict};
use crate::contract::{CORS_1, CORS_2, CORS_3, CORS_4};
use crate::judge::rules::cors;
use crate::judge::{Check, Mode};

/// The preflight that browsers send before the documented call: without a key, names in lower case.
pub(super) fn preflight(bench: &Bench<'_>) -> Ask {
    Ask::preflight(bench.profile, bench.mode)
}

/// CORS-1: a preflight is answered.
pub(super) const PREFLIGHT: CodeCase = CodeCase {
    id: "cors.preflight",
    requirement: CORS_1,
    in_stream: None,
    also: &[],
    why: "Browsers ask first, without the key; a refusal or a redirect ends it there.",
    sends: "OPTIONS with Origin, Access-Control-Request-Method and -Headers, without a key, twice",
    expects: "a 2xx, no redirect",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(2, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(preflight_status(bench)),
};

async fn preflight_status(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let mut verdict = Verdict::default();
    for _ in 0..2 {
        let delivery = bench.send(preflight(bench)).await?;
        let check = cors::preflight_status(&delivery.answer());
        verdict.join(Verdict::of(vec![check], &delivery));
    }
    Ok(verdict)
}

/// CORS-2: the preflight allows what the documented call needs.
pub(super) const PREFLIGHT_ALLOWS: CodeCase = CodeCase {
    id: "cors.preflight-allows",
    requirement: CORS_2,
    in_stream: None,
    also: &[],
    why: "The documented call sends Authorization and a JSON Content-Type: both have to be allowed.",
    sends: "the same preflight, twice",
    expects: "the origin allowed, exactly once; authorization and content-type allowed",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(2, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(preflight_allows(bench)),
};

async fn preflight_allows(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let origin = &bench.profile.target.origin;
    let mut verdict = Verdict::default();
    for _ in 0..2 {
        let delivery = bench.send(preflight(bench)).await?;
        let answer = delivery.answer();
        // A preflight that is refused altogether is CORS-1's.
        if !matches!(answer.status(), Some(200..=299)) {
            return Err(Inconclusive::new(format!(
                "the preflight is refused ({}): see cors.preflight",
                answer.summary()
            )));
        }
        verdict.join(Verdict::of(
            cors::preflight_allows(&answer, origin),
            &delivery,
        ));
    }
    Ok(verdict)
}

/// CORS-3: the answer to the POST allows the origin.
pub(super) const POST: CodeCase = CodeCase {
    id: "cors.post",
    requirement: CORS_3,
    in_stream: None,
    also: &[],
    why: "Without the field on the answer itself the page gets an error in place of the answer.",
    sends: "the plain valid request with Origin; errors (401, 404, 400) with Origin",
    expects: "Access-Control-Allow-Origin exactly once, `*` or the origin; on errors it should be there too",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(4, 1),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(post(bench)),
};

async fn post(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let origin = bench.profile.target.origin.clone();
    let delivery = bench.send(bench.plain().from_origin(&origin)).await?;
    let answer = delivery.answer();
    if answer.status() != Some(200) {
        let check = Check::violation(CORS_3, "status", "200, as without Origin", answer.summary());
        return Ok(Verdict::of(vec![check], &delivery));
    }
    let mut verdict = Verdict::of(vec![cors::allow_origin(&answer, &origin)], &delivery);
    for error in errors(bench, &origin).await? {
        let check = cors::allow_origin_on_error(&error.answer(), &origin);
        verdict.join(Verdict::of(vec![check], &error));
    }
    Ok(verdict)
}

/// Errors as a page would see them: they cost nothing.
async fn errors(bench: &Bench<'_>, origin: &str) -> Result<Vec<Delivery>, Inconclusive> {
    let id = crate::case::made_up_bot(&bench.profile.bots.main.id);
    let stream = bench.mode == Mode::Stream;
    let asks = [
        bench.plain().authorization(None, None),
        bench.plain().bot_id(bench.profile, &id),
        bench.with_body(format!("{{\"messages\":[],\"stream\":{stream}}}")),
    ];
    let mut deliveries = Vec::new();
    for ask in asks {
        deliveries.push(
            bench
                .send(ask.from_origin(origin).provoking(&[400, 401, 404]))
                .await?,
        );
    }
    Ok(deliveries)
}

/// CORS-4: caches and credentials.
pub(super) const MANNERS: CodeCase = CodeCase {
    id: "cors.manners",
    requirement: CORS_4,
    in_stream: None,
    also: &[],
    why: "A cache that gives one origin's answer to another breaks a page that did nothing wrong.",
    sends: "a preflight, and errors with Origin",
    expects: "Vary: Origin beside an echoed origin; no credentials beside `*`",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(4, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(manners(bench)),
};

async fn manners(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let origin = bench.profile.target.origin.clone();
    let mut verdict = Verdict::default();
    let mut all = vec![bench.send(preflight(bench)).await?];
    all.extend(errors(bench, &origin).await?);
    for delivery in all {
        let answer = delivery.answer();
        let allowed = delivery
            .exchange
            .headers()
            .text("access-control-allow-origin")
            .unwrap_or_else(|| "none".to_owned());
        let allowed = if allowed == origin {
            "the origin"
        } else {
            &allowed
        }
        .to_owned();
        verdict.join(
            Verdict::of(cors::manners(&answer, &origin), &delivery)
                .observing("cors.allow_origin", allowed),
        );
    }
    Ok(verdict)
}
