//! LIMIT: rates and places. Each case uses up a fixture of its own.

use super::cost;
use crate::case::ask::plain_body;
use crate::case::header::CodeCase;
use crate::case::{Ask, Bench, Delivery, Inconclusive, Opened, Verdict};
use crate::contract::{ErrorCode, LIMIT_1, LIMIT_2, LIMIT_3, LIMIT_5, RequirementId};
use crate::judge::rules::{cors, limit};
use crate::judge::{Check, Mode, NO_CODE};
use crate::profile::Fixture;
use crate::time::Deadline;
use futures_util::future::join_all;
use std::time::{Duration, Instant};

/// A place has to be free again so long after its stream's end (LIMIT-3).
const FREE_WITHIN: Duration = Duration::from_secs(10);

/// LIMIT-1: the rate of a user.
pub(super) const KEY_RATE: CodeCase = CodeCase {
    id: "limit.key-rate",
    requirement: LIMIT_1,
    in_stream: None,
    also: &[LIMIT_2, LIMIT_5],
    why: "One user's script must not starve the others, and the script has to be told why it is refused.",
    sends: "a burst on keys.rate_limited at once, every other request with stream true: first of bodies that are 400, then of valid ones",
    expects: "429 rate_limited (concurrent_limit and bot_rate_limited are legal), JSON for streams too; after the wait that it names, no 429 any more",
    modes: &[Mode::Json],
    needs: &[Fixture::KeyRateLimited],
    cost: cost(41, 0),
    uses_up: Some(Fixture::KeyRateLimited),
    http1: false,
    run: |bench| Box::pin(key_rate(bench)),
};

async fn key_rate(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let key = bench.key(Fixture::KeyRateLimited)?;
    let plain = |mode: Mode| {
        let mut ask = Ask::plain(bench.profile, mode).key(key.clone());
        // The main bot may have a key of its own; the fixture is the key here.
        ask.own_key = true;
        ask
    };
    rate(bench, &plain, ErrorCode::RateLimited, "limit.key_rate").await
}

/// LIMIT-1: the rate of an agent.
pub(super) const BOT_RATE: CodeCase = CodeCase {
    id: "limit.bot-rate",
    requirement: LIMIT_1,
    in_stream: None,
    also: &[LIMIT_2, LIMIT_5],
    why: "An agent has a budget of its own, whoever asks it.",
    sends: "a burst to bots.rate_limited at once, every other request with stream true: first of bodies that are 400, then of valid ones",
    expects: "429 bot_rate_limited (rate_limited and concurrent_limit are legal), JSON for streams too; after the wait that it names, no 429 any more",
    modes: &[Mode::Json],
    needs: &[Fixture::BotRateLimited],
    cost: cost(41, 0),
    uses_up: Some(Fixture::BotRateLimited),
    http1: false,
    run: |bench| Box::pin(bot_rate(bench)),
};

async fn bot_rate(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let bot = bench.bot(Fixture::BotRateLimited)?;
    let plain = |mode: Mode| {
        Ask::plain(bench.profile, mode).bot(bench.profile, Fixture::BotRateLimited, bot)
    };
    rate(bench, &plain, ErrorCode::BotRateLimited, "limit.bot_rate").await
}

async fn rate(
    bench: &Bench<'_>,
    plain: &(dyn Fn(Mode) -> Ask + Sync),
    natural: ErrorCode,
    name: &str,
) -> Result<Verdict, Inconclusive> {
    let burst = bench.profile.provoke.burst;
    // Bodies that are 400 cost nothing; where they do not count, valid ones have to.
    let cheap = |mode: Mode| {
        plain(mode).body(format!(
            "{{\"messages\":[],\"stream\":{}}}",
            mode == Mode::Stream
        ))
    };
    let mut answers = fire(bench, &cheap, burst).await;
    if let Some(hint) = answers.iter().find_map(foreign_bot) {
        return Err(hint);
    }
    let mut with = "bodies that are 400";
    let mut before = Vec::new();
    if !answers
        .iter()
        .any(|delivery| delivery.status() == Some(429))
    {
        with = "valid bodies";
        before = std::mem::replace(&mut answers, fire(bench, plain, burst).await);
    }
    let mut verdict = Verdict::default().observing(name, format!("provoked by {with}"));
    let refused: Vec<&Delivery> = answers
        .iter()
        .filter(|delivery| delivery.status() == Some(429))
        .collect();
    if refused.is_empty() {
        if let Some(why) = shut_out(&before, &answers) {
            return Err(why);
        }
        let shown = answers.last().cloned();
        verdict
            .checks
            .push(never_limited(LIMIT_1, &format!("{burst} requests at once")));
        verdict.shown = shown;
        return Ok(verdict);
    }
    verdict.join(codes(bench, &refused, natural));
    verdict.join(for_pages(bench, refused[0]));
    verdict.join(streams_refused(&answers, plain, bench).await);
    let again: &(dyn Fn(Mode) -> Ask + Sync) = if with == "valid bodies" {
        plain
    } else {
        &cheap
    };
    verdict.join(honest_wait(bench, again, &refused).await?);
    Ok(verdict)
}

/// 404 `bot_not_found` to a bot without a key of its own: the profile's gap, not the target's fault.
fn foreign_bot(delivery: &Delivery) -> Option<Inconclusive> {
    let missed = delivery.status() == Some(404)
        && !delivery.ask.own_key
        && delivery.answer().code() == Some(ErrorCode::BotNotFound);
    missed.then(|| {
        let name = delivery.ask.bot.map_or("the bot", Fixture::name);
        Inconclusive::new(format!(
            "404 bot_not_found for {name}: give this bot its key in the profile"
        ))
    })
}

/// Every answer refuses the fixture itself: a gap of the profile, which says nothing of limits. Not so where the burst
/// before began with other answers and came to this one: then the fixture was let in at first, and this is what its
/// limit looks like.
fn shut_out(before: &[Delivery], answers: &[Delivery]) -> Option<Inconclusive> {
    let first = answers.first()?;
    let alike = |delivery: &Delivery| delivery.status() == first.status();
    let all = answers.iter().all(alike) && matches!(first.status(), None | Some(401 | 403 | 404));
    let turned = before.iter().any(alike) && !before.iter().all(alike);
    (all && !turned).then(|| {
        Inconclusive::new(format!(
            "every request of the burst got: {}; is the fixture right?",
            first.answer().summary()
        ))
    })
}

/// A burst: all requests at once, every other one with `stream: true`, the last one plain JSON.
async fn fire(
    bench: &Bench<'_>,
    ask: &(dyn Fn(Mode) -> Ask + Sync),
    count: usize,
) -> Vec<Delivery> {
    let asks = (0..count).map(|at| {
        let mode = if (count - at).is_multiple_of(2) {
            Mode::Stream
        } else {
            Mode::Json
        };
        let ask = ask(mode)
            .provoking(&[429])
            .from_origin(&bench.profile.target.origin);
        bench.courier.once(ask)
    });
    join_all(asks).await
}

fn never_limited(requirement: RequirementId, what: &str) -> Check {
    Check::violation(
        requirement,
        "limit",
        "429 before that: the fixture's budget is said to be small",
        format!(
            "no 429 among {what}: either the fixture is not limited, or the deployment does not limit"
        ),
    )
}

/// CORS-3 and CORS-4, their SHOULDs: a page has to learn of the limit, and of the wait.
fn for_pages(bench: &Bench<'_>, refused: &Delivery) -> Verdict {
    let origin = &bench.profile.target.origin;
    let answer = refused.answer();
    let mut checks = cors::manners(&answer, origin);
    checks.push(cors::allow_origin_on_error(&answer, origin));
    checks.retain(Check::is_finding);
    Verdict::of(checks, refused)
}

/// The codes of 429s: any of the row is legal, another than the natural one advised against.
fn codes(bench: &Bench<'_>, refused: &[&Delivery], natural: ErrorCode) -> Verdict {
    let mut verdict = Verdict::default();
    let legal = ErrorCode::of_status(429);
    for delivery in refused {
        let answer = delivery.answer();
        let named = answer
            .codes()
            .into_iter()
            .map(|named| named.code)
            .find(|code| legal.contains(code));
        let expected = format!("429 {natural}; the row's other codes are legal");
        let check = match named {
            // Where the target limits the main path as well, another limit may have been met first.
            Some(code) if code == natural || bench.courier.saw_limits() => {
                Check::pass(LIMIT_1, "code", expected, code.as_str())
            }
            Some(code) => Check::advice(LIMIT_1, "code", expected, code.as_str()),
            None => {
                let none = answer.codes().is_empty();
                let name = if none { NO_CODE } else { "code" };
                Check::violation(LIMIT_1, name, expected, answer.summary())
            }
        };
        let finding = check.is_finding();
        verdict.join(Verdict::of(vec![check], delivery));
        if finding {
            break;
        }
    }
    verdict
}

/// LIMIT-5: a refusal of a stream is an HTTP answer with JSON.
async fn streams_refused(
    answers: &[Delivery],
    plain: &(dyn Fn(Mode) -> Ask + Sync),
    bench: &Bench<'_>,
) -> Verdict {
    let expected = "429 with a JSON body for stream: true too";
    let mut verdict = Verdict::default();
    // A 200 whose stream tells of an error, or holds nothing, is a refusal in the wrong place.
    let laundered = answers.iter().find(|delivery| {
        let answer = delivery.answer();
        delivery.ask.mode == Mode::Stream
            && answer.status() == Some(200)
            && (answer.stream().error().is_some()
                || answer.says_stream() && answer.stream().chunks().next().is_none())
    });
    if let Some(delivery) = laundered {
        let check = Check::violation(
            LIMIT_5,
            "refusal of a stream",
            expected,
            delivery.answer().summary(),
        );
        return Verdict::of(vec![check], delivery);
    }
    let mut streams: Vec<Delivery> = answers
        .iter()
        .filter(|delivery| delivery.ask.mode == Mode::Stream && delivery.status() == Some(429))
        .cloned()
        .collect();
    if streams.is_empty() {
        // None of the burst's streams was refused: one more, while the budget is used up.
        let one = bench
            .courier
            .once(plain(Mode::Stream).provoking(&[429]))
            .await;
        if one.status() == Some(429) || one.answer().stream().error().is_some() {
            streams.push(one);
        }
    }
    for delivery in streams {
        let answer = delivery.answer();
        let json = answer.status() == Some(429) && answer.json().is_ok() && !answer.says_stream();
        let check = if json {
            Check::pass(LIMIT_5, "refusal of a stream", expected, answer.summary())
        } else {
            Check::violation(LIMIT_5, "refusal of a stream", expected, answer.summary())
        };
        verdict.join(Verdict::of(vec![check], &delivery));
    }
    verdict
}

/// LIMIT-2, its SHOULD: after the wait that a 429 names, the request passes.
async fn honest_wait(
    bench: &Bench<'_>,
    plain: &(dyn Fn(Mode) -> Ask + Sync),
    refused: &[&Delivery],
) -> Result<Verdict, Inconclusive> {
    // The last refusal's wait counts: the budget comes back after the last request that used it.
    let Some((asked, at)) = refused
        .iter()
        .filter_map(|delivery| {
            let span = limit::wait(&delivery.answer())?;
            Some((span, delivery.exchange.ended))
        })
        .max_by_key(|(span, at)| *at + (*span).min(Duration::from_secs(3_600)))
    else {
        return Ok(Verdict::default().observing("limit.retry_after", "absent"));
    };
    let observed = Verdict::default().observing("limit.retry_after", "given");
    if asked > bench.courier.max_wait() {
        return Ok(observed.observing("limit.honest", "not tried: longer than --max-wait"));
    }
    let due = at + asked;
    bench
        .courier
        .pause(due.saturating_duration_since(Instant::now()) + Duration::from_millis(50))
        .await;
    let after = bench
        .courier
        .once(plain(Mode::Json).provoking(&[429]))
        .await;
    let expected = "no 429 after the wait that retry_after names";
    let check = match after.status() {
        Some(429) => Check::advice(
            LIMIT_2,
            "honest retry_after",
            expected,
            after.answer().summary(),
        ),
        Some(status) => Check::pass(LIMIT_2, "honest retry_after", expected, status.to_string()),
        None => return Ok(observed),
    };
    let mut verdict = observed;
    verdict.join(Verdict::of(vec![check], &after));
    Ok(verdict)
}

/// LIMIT-1, LIMIT-3, LIMIT-5: places.
pub(super) const PLACES: CodeCase = CodeCase {
    id: "limit.places",
    requirement: LIMIT_3,
    in_stream: None,
    also: &[LIMIT_1, LIMIT_5],
    why: "A place that is not given back is lost until the server restarts: the user is locked out by their own streams.",
    sends: "streams on keys.concurrency_limited at once until one is refused; reads them to their end; fills the places again; leaves them; asks once more",
    expects: "429 concurrent_limit over the limit, JSON; the running streams whole; every place free within 10 s of a stream's end, and soon after a client left",
    modes: &[Mode::Stream],
    needs: &[Fixture::KeyConcurrencyLimited],
    cost: cost(30, 6),
    uses_up: Some(Fixture::KeyConcurrencyLimited),
    http1: false,
    run: |bench| Box::pin(places(bench)),
};

fn long(bench: &Bench<'_>) -> Result<Ask, Inconclusive> {
    let key = bench.key(Fixture::KeyConcurrencyLimited)?;
    let body = plain_body(&bench.profile.prompt.long, Mode::Stream);
    Ok(
        // 200 is as much what is asked for as 429: the long streams are judged like any other.
        Ask::with_body(bench.profile, Mode::Stream, body.into_bytes())
            .key(key)
            .provoking(&[200, 429]),
    )
}

/// Streams that run, and answers that were something else.
struct Filled {
    running: Vec<Opened>,
    refused: Vec<Delivery>,
    /// Other transients: no verdict rests on them.
    other: Vec<Delivery>,
    /// A stream that ran ended before it was looked at again.
    ended_early: bool,
}

/// Opens so many long streams at once.
async fn fill(bench: &Bench<'_>, count: usize) -> Result<Filled, Inconclusive> {
    let ask = long(bench)?;
    let opened = join_all((0..count).map(|_| bench.courier.open(ask.clone()))).await;
    let mut filled = Filled {
        ended_early: false,
        running: Vec::new(),
        refused: Vec::new(),
        other: Vec::new(),
    };
    for opened in opened {
        let status = opened.flight.progress().head.map(|head| head.status);
        if status == Some(200) {
            filled.running.push(opened);
            continue;
        }
        let delivery = bench
            .courier
            .finish(opened, bench.courier.deadline().left())
            .await;
        match status {
            Some(429) => filled.refused.push(delivery),
            _ => filled.other.push(delivery),
        }
    }
    Ok(filled)
}

async fn places(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let most = bench.profile.provoke.streams;
    let mut filled = fill(bench, most).await?;
    if filled.running.is_empty() {
        bench.courier.pause(Duration::from_secs(1)).await;
        filled = fill(bench, most).await?;
    }
    if filled.running.is_empty() && filled.refused.is_empty() {
        let said = filled
            .other
            .first()
            .map_or_else(String::new, |delivery| delivery.answer().summary());
        return Err(Inconclusive::new(format!(
            "no stream could be opened on keys.concurrency_limited: {said}"
        )));
    }
    let mut verdict = Verdict::default();
    let places = filled.running.len();
    if filled.refused.is_empty() {
        verdict
            .checks
            .push(never_limited(LIMIT_1, &format!("{places} streams at once")));
    } else {
        let refused: Vec<&Delivery> = filled.refused.iter().collect();
        verdict.join(codes(bench, &refused, ErrorCode::ConcurrentLimit));
        for delivery in &filled.refused {
            let answer = delivery.answer();
            let expected = "429 with a JSON body for stream: true too";
            let check = if answer.json().is_ok() && !answer.says_stream() {
                Check::pass(LIMIT_5, "refusal of a stream", expected, answer.summary())
            } else {
                Check::violation(LIMIT_5, "refusal of a stream", expected, answer.summary())
            };
            verdict.join(Verdict::of(vec![check], delivery));
        }
    }
    if filled.running.is_empty() {
        let check = Check::violation(
            LIMIT_3,
            "a place",
            "a stream while none runs on this key",
            "429 to every one",
        );
        verdict.checks.push(check);
        return Ok(verdict);
    }
    // The streams that run go on undisturbed, refusals beside them or not.
    let within = bench.courier.deadline().left();
    let whole = join_all(
        filled
            .running
            .into_iter()
            .map(|opened| bench.courier.finish(opened, within)),
    )
    .await;
    let ended = Instant::now();
    // A long stream that breaks off even alone is not broken by refusals: STREAM tells of it.
    let broken = whole.iter().any(|delivery| !is_whole(delivery));
    let alone = match broken {
        true => Some(bench.courier.once(long(bench)?).await),
        false => None,
    };
    if alone.is_none_or(|alone| alone.status() != Some(200) || is_whole(&alone)) {
        for delivery in &whole {
            verdict.join(undisturbed(delivery));
        }
    }
    if filled.refused.is_empty() {
        return Ok(verdict.observing("limit.places", format!("more than {places}")));
    }
    let (mut refilled, mut after) = refill(bench, places, ended).await?;
    for _ in 0..2 {
        if refilled.running.len() >= places || !refilled.ended_early {
            break;
        }
        // Where streams end by themselves while places come back late, asking takes each place as it comes, and never all
        // at once. Left alone for as long as a place may take, they are all there.
        join_all(
            refilled
                .running
                .into_iter()
                .map(|opened| bench.courier.finish(opened, within)),
        )
        .await;
        bench.courier.pause(FREE_WITHIN).await;
        let ended_early = true;
        refilled = Filled {
            ended_early,
            ..fill(bench, places).await?
        };
        after = ended.elapsed();
    }
    verdict.join(freed(places, &refilled, after));
    let refilled_all = refilled.running.len() >= places;
    for opened in refilled.running {
        let _ = bench.courier.abandon(opened);
    }
    if refilled_all {
        verdict.join(left(bench).await?);
    }
    Ok(verdict.observing("limit.places", places.to_string()))
}

fn is_whole(delivery: &Delivery) -> bool {
    let answer = delivery.answer();
    let stream = answer.stream();
    stream.done_count() > 0 && stream.error().is_none() && stream.chunks().next().is_some()
}

/// LIMIT-5: a stream that ran while others were refused is whole.
fn undisturbed(delivery: &Delivery) -> Verdict {
    let answer = delivery.answer();
    let expected = "a whole stream, though others were refused meanwhile";
    let check = if is_whole(delivery) {
        Check::pass(LIMIT_5, "running stream", expected, "whole")
    } else {
        Check::violation(LIMIT_5, "running stream", expected, answer.summary())
    };
    Verdict::of(vec![check], delivery)
}

/// Opens streams until as many run at once as before, for [`FREE_WITHIN`] at most.
async fn refill(
    bench: &Bench<'_>,
    places: usize,
    ended: Instant,
) -> Result<(Filled, Duration), Inconclusive> {
    let deadline = Deadline::after(FREE_WITHIN);
    let mut filled = fill(bench, places).await?;
    filled.look(bench).await;
    let mut pause = Duration::from_millis(50);
    while filled.running.len() < places && !deadline.passed() {
        bench.courier.pause(pause.min(deadline.left())).await;
        pause = (pause * 2).min(Duration::from_secs(1));
        let more = fill(bench, places - filled.running.len()).await?;
        filled.running.extend(more.running);
        filled.refused.extend(more.refused);
        filled.other.extend(more.other);
        filled.look(bench).await;
    }
    Ok((filled, ended.elapsed()))
}

impl Filled {
    /// Streams that have ended meanwhile hold no place any more.
    async fn look(&mut self, bench: &Bench<'_>) {
        let mut still = Vec::new();
        for mut opened in self.running.drain(..) {
            // Only what has been read is known: a flight that nobody reads does not see its end.
            opened
                .flight
                .read_until(
                    |progress| progress.ended,
                    Deadline::after(Duration::from_millis(2)),
                )
                .await;
            if opened.flight.progress().ended {
                self.ended_early = true;
                let _ = bench.courier.abandon(opened);
            } else {
                still.push(opened);
            }
        }
        self.running = still;
    }
}

fn freed(places: usize, refilled: &Filled, after: Duration) -> Verdict {
    let expected = format!("{places} streams at once again, within 10 s");
    let running = refilled.running.len();
    if running >= places {
        let actual = format!("{running} after {:.1} s", after.as_secs_f64());
        return Verdict {
            checks: vec![Check::pass(
                LIMIT_3,
                "places after the end",
                expected,
                actual,
            )],
            ..Verdict::default()
        };
    }
    let check = Check::violation(
        LIMIT_3,
        "places after the end",
        expected,
        format!("{running} of {places}: the others are still refused"),
    );
    match refilled.refused.last() {
        Some(delivery) => Verdict::of(vec![check], delivery),
        None => Verdict::default(),
    }
}

/// LIMIT-3, its SHOULD: a place is free soon after its client went away.
async fn left(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let begun = Instant::now();
    let deadline = Deadline::after(FREE_WITHIN);
    let expected = "a stream soon after the others' clients left";
    let mut pause = Duration::from_millis(50);
    loop {
        let filled = fill(bench, 1).await?;
        if let Some(opened) = filled.running.into_iter().next() {
            let delivery = bench.courier.abandon(opened);
            let actual = format!("after {:.1} s", begun.elapsed().as_secs_f64());
            let check = Check::pass(LIMIT_3, "places after leaving", expected, actual);
            return Ok(Verdict::of(vec![check], &delivery));
        }
        if deadline.passed() {
            let check = Check::advice(
                LIMIT_3,
                "places after leaving",
                expected,
                "still refused after 10 s",
            );
            return Ok(match filled.refused.last() {
                Some(delivery) => Verdict::of(vec![check], delivery),
                None => Verdict::default(),
            });
        }
        bench.courier.pause(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}
