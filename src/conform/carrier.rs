//! Carries what cases ask to the target: the transport, the pace, and everything transient.

use super::ledger::Ledger;
use super::pacer::{Pacer, Pass};
use super::{Exchanges, Options, Stop};
use crate::case::{Ask, Courier, Delivery, Inconclusive, Opened};
use crate::contract::{DONE, ErrorCode, is_transient};
use crate::judge::rules::limit;
use crate::judge::rules::stream::{END_AFTER_DONE, NEVER_ENDS};
use crate::judge::{Answer, Mode, json};
use crate::profile::Profile;
use crate::record::{Entry, Event};
use crate::secret::Scrubber;
use crate::time::Deadline;
use crate::wire::{
    BodyFraming, Connection, Dialer, End, Exchange, Flight, Head, Pieces, Transport, Unreachable,
};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::OnceCell;
use tokio::sync::mpsc::UnboundedSender;

/// Tries of a request whose answer was a 5xx that nobody provoked.
const TRIES_5XX: u32 = 5;
/// Tries of a request whose connection ended before an answer began: a server that drops one connection in fifteen must not
/// drop all of them by chance.
const TRIES_DROPPED: u32 = 7;
/// Tries of a request that got 429, before the run looks whether it is meant.
const TRIES_429: u32 = 3;
/// The same, where the limit is one of places: those come back by themselves.
const TRIES_PLACES: u32 = 9;
/// How long a request in pieces may take to be sent.
const SENDING: Duration = Duration::from_secs(60);
/// Tries to connect.
const TRIES_CONNECT: u32 = 3;

tokio::task_local! {
    /// The test that sends: known to who runs it, so that no case has to hand it on.
    pub(super) static TEST: String;
}

pub(super) struct Carrier<'a> {
    pub(super) profile: &'a Profile,
    pub(super) transport: Transport,
    /// Byte-exact HTTP/1.1, where the target speaks it.
    pub(super) raw: Option<Dialer>,
    pub(super) pacer: Pacer,
    ledger: Mutex<Ledger>,
    pub(super) scrubber: Mutex<Scrubber>,
    good: [OnceCell<Result<Delivery, Inconclusive>>; 2],
    plain: tokio::sync::Mutex<Option<(Instant, bool)>>,
    events: UnboundedSender<Event>,
    stop: Stop,
    max_wait: Duration,
    exchanges: Exchanges,
    pub(super) shapes: bool,
    /// An instant, and what the clock on the wall said then.
    began: (Instant, SystemTime),
    /// A stream was seen that never ends: the others are not waited for so long.
    never_ends: AtomicBool,
    /// An answer was seen whose body never becomes whole.
    never_whole: AtomicBool,
    /// Requests that got no answer at all.
    unanswered: AtomicUsize,
    /// The longest time to an answer's head so far, time-outs that a case provoked aside.
    slowest_ms: AtomicU64,
}

impl<'a> Carrier<'a> {
    pub(super) fn new(
        profile: &'a Profile,
        transport: Transport,
        raw: Option<Dialer>,
        options: &Options,
        events: UnboundedSender<Event>,
    ) -> Carrier<'a> {
        Carrier {
            profile,
            transport,
            raw,
            pacer: Pacer::new(slower(options.rate, profile.target.rate)),
            ledger: Mutex::new(Ledger::default()),
            scrubber: Mutex::new(profile.scrubber()),
            good: [OnceCell::new(), OnceCell::new()],
            plain: tokio::sync::Mutex::new(None),
            events,
            stop: options.stop.clone(),
            max_wait: options.max_wait,
            exchanges: options.exchanges,
            shapes: options.shapes,
            began: (Instant::now(), SystemTime::now()),
            never_ends: AtomicBool::new(false),
            never_whole: AtomicBool::new(false),
            unanswered: AtomicUsize::new(0),
            slowest_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_ledger(self) -> Ledger {
        self.ledger
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn scrubber(&self) -> Scrubber {
        self.scrubber
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keys that cases derive are secrets too.
    fn learn_key(&self, ask: &Ask) {
        if let Some(key) = &ask.key {
            self.scrubber
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .add_key(key.secret());
        }
    }

    fn note(&self, ask: Arc<Ask>, exchange: Exchange) -> Delivery {
        self.tell(&exchange);
        let delivery = Delivery {
            ask,
            exchange: Arc::new(exchange),
        };
        let valid = self.profile.keys.valid.key.expose();
        let mut keys = vec![valid];
        // A text that is nobody's key may well stand in an answer, as an example.
        if let Some(key) = delivery
            .ask
            .key
            .as_ref()
            .filter(|key| !key.variable().is_empty())
        {
            keys.push(key.expose());
        }
        self.ledger().note(&delivery, &keys);
        delivery
    }

    /// Tells of an exchange, where somebody wants to know of each.
    fn tell(&self, exchange: &Exchange) {
        if self.exchanges == Exchanges::Kept {
            return;
        }
        let (instant, time) = self.began;
        let entry = Entry::new(
            exchange,
            &self.profile.target.root(),
            time + exchange.started.saturating_duration_since(instant),
            TEST.try_with(String::clone).ok(),
            &self.scrubber(),
        );
        let _ = self.events.send(Event::Exchanged(Box::new(entry)));
    }

    /// Whether a request needs byte-exact HTTP/1.1.
    fn needs_raw(ask: &Ask) -> bool {
        ask.pieces != Pieces::Whole
            || matches!(ask.request.framing, BodyFraming::Chunked(_))
            || ask.request.headers.has("host")
            || ask.request.headers.has("content-length")
            || ask.request.headers.has("connection")
            || ask.request.headers.has("expect")
    }

    fn transport_for(&self, ask: &Ask) -> Transport {
        match &self.raw {
            Some(dialer) if Self::needs_raw(ask) => Transport::Raw(dialer.clone()),
            _ => self.transport.clone(),
        }
    }

    /// What sending takes because we send slowly: no target answers a request before it has it, and on a busy machine
    /// every pause is a long one.
    fn own_pauses(&self, ask: &Ask) -> Duration {
        const LATE: Duration = Duration::from_millis(30);
        let (pauses, pause) = match &ask.pieces {
            Pieces::Every { size, pause } => {
                let host = self.profile.target.host_header();
                let length = crate::wire::serialized(&ask.request, &host).len();
                (length / (*size).max(1), *pause)
            }
            Pieces::At { cuts, pause } => (cuts.len(), *pause),
            Pieces::AfterHead { wait } => (1, *wait),
            Pieces::Whole | Pieces::OnlyFirst(_) => return Duration::ZERO,
        };
        (pause + LATE).saturating_mul(u32::try_from(pauses).unwrap_or(u32::MAX))
    }

    fn answer_deadline(&self, ask: &Ask) -> Deadline {
        let whole = self.profile.target.timeout() + self.own_pauses(ask);
        if ask.provokes.contains(&504) {
            // FAULT-2 allows up to 260 s of the target's clock, and some slack.
            let scaled = self
                .profile
                .target
                .time_scale
                .seconds(crate::contract::timeout::FAIL_ABOVE_S);
            return Deadline::after(whole.max(scaled + Duration::from_secs(5)));
        }
        // A target that leaves requests unanswered is believed after a few: from then on they get no longer than its
        // slowest answer took, many times over.
        if self.unanswered.load(Ordering::Relaxed) >= 3 {
            let slowest = Duration::from_millis(self.slowest_ms.load(Ordering::Relaxed));
            return Deadline::after(whole.min((slowest * 10).max(Duration::from_secs(3))));
        }
        Deadline::after(whole)
    }

    /// One request on a connection of its own, read to its end.
    async fn exchange(&self, ask: &Ask) -> Exchange {
        self.learn_key(ask);
        let mut deadline = self.answer_deadline(ask);
        let in_pieces = ask.pieces != Pieces::Whole;
        let over = if in_pieces {
            Deadline::after(beyond(deadline).left() + SENDING)
        } else {
            beyond(deadline)
        };
        let flight = self
            .transport_for(ask)
            .start(ask.request.clone(), ask.pieces.clone(), over)
            .await;
        // The target's time begins when it has the request: on a busy machine hundreds of pieces, each after a pause,
        // take us longer than the pauses say.
        if in_pieces {
            deadline = self.answer_deadline(ask);
        }
        let exchange = self.read(flight, ask.mode, deadline).await.0;
        if exchange.head.is_none() && exchange.end == End::TimedOut {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(span) = exchange.time_to_head()
            && !ask.provokes.contains(&504)
        {
            let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
            self.slowest_ms.fetch_max(span, Ordering::Relaxed);
        }
        exchange
    }

    /// Reads an answer to its end: a stream's end is waited for only so long after `[DONE]`, and a JSON body that
    /// is whole as JSON is not waited for until the deadline because its framing promises more.
    async fn read(
        &self,
        mut flight: Flight,
        mode: Mode,
        deadline: Deadline,
    ) -> (Exchange, Option<Connection>) {
        let mut scanned = 0;
        let done = flight
            .read_until(
                |progress| {
                    let Some(head) = progress.head.filter(|_| !progress.ended) else {
                        return progress.ended;
                    };
                    let body = progress.body;
                    let from = scanned.min(body.len());
                    if mode == Mode::Stream && is_stream(head) {
                        scanned = body.len().saturating_sub(DONE.len() - 1);
                        find(&body[from..], DONE.as_bytes())
                    } else {
                        scanned = body.len();
                        body.len() > from && matches!(body.last(), Some(b'}' | b'\n' | b' '))
                    }
                },
                deadline,
            )
            .await;
        let progress = flight.progress();
        if !done || progress.ended {
            return flight.finish(deadline).await;
        }
        if mode == Mode::Json || !progress.head.is_some_and(is_stream) {
            return self.read_json(flight, deadline).await;
        }
        let patience = match self.never_ends.load(Ordering::Relaxed) {
            true => Duration::from_millis(500),
            false => NEVER_ENDS + Duration::from_secs(1),
        };
        let until = Deadline::after(patience);
        flight.read_until(|progress| progress.ended, until).await;
        if flight.progress().ended {
            return flight.finish(until).await;
        }
        if patience > END_AFTER_DONE {
            self.never_ends.store(true, Ordering::Relaxed);
        }
        (flight.abandon(), None)
    }

    async fn read_json(
        &self,
        mut flight: Flight,
        deadline: Deadline,
    ) -> (Exchange, Option<Connection>) {
        loop {
            let idle = match self.never_whole.load(Ordering::Relaxed) {
                true => Duration::from_millis(500),
                false => Duration::from_secs(4),
            };
            let before = flight.progress().body.len();
            let until = Deadline::after(idle).min(deadline);
            flight
                .read_until(
                    |progress| progress.ended || progress.body.len() > before,
                    until,
                )
                .await;
            let progress = flight.progress();
            if progress.ended || deadline.passed() {
                return flight.finish(deadline).await;
            }
            let stuck = progress.body.len() == before && json::parse(progress.body).is_ok();
            if stuck {
                self.never_whole.store(true, Ordering::Relaxed);
                return flight.finish(Deadline::after(Duration::ZERO)).await;
            }
        }
    }

    async fn patient(&self, span: Duration, why: &str) {
        if span >= Duration::from_secs(1) {
            let _ = self.events.send(Event::Waiting {
                span,
                why: why.to_owned(),
            });
        }
        tokio::select! {
            () = tokio::time::sleep(span) => {}
            () = self.stop.now.cancelled() => {}
        }
    }

    async fn deliver_patiently(&self, ask: Ask) -> Result<Delivery, Inconclusive> {
        let ask = Arc::new(ask);
        let mut tries = Tries::default();
        loop {
            if self.stop.now.is_cancelled() {
                return Err(Inconclusive::new("the run was abandoned".to_owned()));
            }
            let (delivery, generation) = {
                let pass = self.pacer.admit().await;
                let exchange = self.exchange(&ask).await;
                (self.note(ask.clone(), exchange), pass.generation())
            };
            match self.weigh(&delivery, &mut tries, generation).await? {
                Weighed::Settled => return self.settle(delivery),
                Weighed::Again => self.ledger().retried += 1,
                Weighed::Stays => return self.stays(delivery).await,
            }
        }
    }

    /// What an answer means: the answer, or one more try.
    async fn weigh(
        &self,
        delivery: &Delivery,
        tries: &mut Tries,
        generation: u64,
    ) -> Result<Weighed, Inconclusive> {
        let exchange = &delivery.exchange;
        if let End::Unreachable(why) = &exchange.end {
            tries.connect += 1;
            if matches!(why, Unreachable::Ourselves(_)) || tries.connect >= TRIES_CONNECT {
                return Err(Inconclusive::new(why.to_string()));
            }
            self.patient(Duration::from_millis(200) * tries.connect, "no connection")
                .await;
            return Ok(Weighed::Again);
        }
        if exchange.broke_before_first_byte() {
            tries.dropped += 1;
            if tries.dropped >= TRIES_DROPPED {
                return Ok(Weighed::Stays);
            }
            self.ledger().dropped += 1;
            self.patient(
                Duration::from_millis(30) * tries.dropped,
                "the connection was closed",
            )
            .await;
            return Ok(Weighed::Again);
        }
        let Some(status) = exchange.status() else {
            return Ok(Weighed::Settled);
        };
        if delivery.ask.provokes.contains(&status) || !is_transient(status) {
            self.pacer.passed();
            return Ok(Weighed::Settled);
        }
        *self.ledger().transients.entry(status).or_default() += 1;
        if status == 429 {
            tries.limited += 1;
            let answer = delivery.answer();
            let asked = limit::wait(&answer);
            self.obey(asked)?;
            let wait = self
                .pacer
                .limited(generation, answer.code(), asked, tries.limited);
            let places = answer.code() == Some(ErrorCode::ConcurrentLimit);
            if tries.limited >= if places { TRIES_PLACES } else { TRIES_429 } {
                return Ok(Weighed::Stays);
            }
            self.patient(wait, "the target asked to wait (429)").await;
            return Ok(Weighed::Again);
        }
        self.pacer.passed();
        tries.failed += 1;
        if tries.failed >= TRIES_5XX {
            return Ok(Weighed::Stays);
        }
        let asked = limit::wait(&delivery.answer()).unwrap_or_default();
        self.obey(Some(asked))?;
        let back_off = Duration::from_millis(60) * 2u32.pow(tries.failed);
        self.patient(
            asked.max(back_off),
            &format!("the target answered {status}"),
        )
        .await;
        Ok(Weighed::Again)
    }

    /// No wait beyond `--max-wait` is obeyed.
    fn obey(&self, asked: Option<Duration>) -> Result<(), Inconclusive> {
        match asked {
            Some(asked) if asked > self.max_wait => Err(Inconclusive::new(format!(
                "the target asks to wait {} s, longer than --max-wait ({} s)",
                asked.as_secs(),
                self.max_wait.as_secs()
            ))),
            _ => Ok(()),
        }
    }

    /// A transient answer that stays is the request's own where a plain valid request passes beside it.
    async fn stays(&self, delivery: Delivery) -> Result<Delivery, Inconclusive> {
        let said = delivery.answer().summary();
        let generation = u64::MAX;
        if delivery.status() != Some(429) {
            return if self.plain_now().await {
                self.settle(delivery)
            } else {
                Err(Inconclusive::new(format!(
                    "{said}, and a plain valid request fares no better"
                )))
            };
        }
        // Nobody else sends meanwhile, so that no other case takes the place that this request waits for.
        let _alone = self.pacer.alone().await;
        let mut last = delivery;
        for round in 0..2u32 {
            let wait =
                limit::wait(&last.answer()).unwrap_or(Duration::from_millis(500) * (round + 1));
            self.obey(Some(wait))?;
            self.patient(
                wait + Duration::from_millis(50),
                "the target asked to wait (429)",
            )
            .await;
            let plain = Arc::new(Ask::plain(self.profile, Mode::Json));
            let passes = {
                let _pass = self.pacer.admit_alone().await;
                let exchange = self.exchange(&plain).await;
                self.note(plain.clone(), exchange).status() == Some(200)
            };
            self.patient(
                wait + Duration::from_millis(50),
                "the target asked to wait (429)",
            )
            .await;
            let again = {
                let _pass = self.pacer.admit_alone().await;
                let exchange = self.exchange(&last.ask).await;
                self.note(last.ask.clone(), exchange)
            };
            self.ledger().retried += 1;
            if again.status() != Some(429) {
                let mut tries = Tries {
                    failed: TRIES_5XX - 2,
                    ..Tries::default()
                };
                return match self.weigh(&again, &mut tries, generation).await? {
                    Weighed::Settled => self.settle(again),
                    _ => Err(Inconclusive::new(again.answer().summary())),
                };
            }
            last = again;
            if passes && round > 0 {
                return self.settle(last);
            }
        }
        Err(Inconclusive::new(format!(
            "{said}, and a plain valid request fares no better"
        )))
    }

    /// 404 `bot_not_found` on a bot without a key of its own is the profile's gap (keys may belong to one agent).
    fn settle(&self, delivery: Delivery) -> Result<Delivery, Inconclusive> {
        let ask = &delivery.ask;
        if let (Some(fixture), false, Some(404)) = (ask.bot, ask.own_key, delivery.status())
            && !ask.provokes.contains(&404)
            && delivery.answer().code() == Some(ErrorCode::BotNotFound)
        {
            return Err(Inconclusive::new(format!(
                "404 bot_not_found: the key may belong to another agent; give {} its own key in the profile: {{ id = \"…\", key = \"…\" }}",
                fixture.name()
            )));
        }
        Ok(delivery)
    }

    /// Whether the shared good answer of that mode has been asked for.
    pub(super) fn has_good(&self, mode: Mode) -> bool {
        self.good[usize::from(mode == Mode::Stream)].initialized()
    }

    /// Whether a plain valid request passes now, or did so moments ago.
    async fn plain_now(&self) -> bool {
        const FRESH: Duration = Duration::from_secs(3);
        let mut last = self.plain.lock().await;
        if let Some((at, passed)) = *last
            && at.elapsed() < FRESH
        {
            return passed;
        }
        let ask = Arc::new(Ask::plain(self.profile, Mode::Json));
        let mut passes = false;
        for round in 0..3u32 {
            let _pass = self.pacer.admit().await;
            let exchange = self.exchange(&ask).await;
            let delivery = self.note(ask.clone(), exchange);
            passes = delivery.status() == Some(200);
            if passes {
                break;
            }
            let wait =
                limit::wait(&delivery.answer()).unwrap_or(Duration::from_millis(200) * (round + 1));
            if wait > self.max_wait {
                break;
            }
            self.patient(wait, "a plain valid request is refused too")
                .await;
        }
        *last = Some((Instant::now(), passes));
        passes
    }
}

/// When a flight is over by itself: what comes after `[DONE]` is watched a little longer than the answer.
fn beyond(deadline: Deadline) -> Deadline {
    Deadline::after(deadline.left() + NEVER_ENDS * 2)
}

/// The lower of two rates.
fn slower(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[derive(Default)]
struct Tries {
    connect: u32,
    dropped: u32,
    limited: u32,
    failed: u32,
}

enum Weighed {
    Settled,
    Again,
    Stays,
}

/// Whether a head begins a stream: a refusal of one is read like any other answer.
fn is_stream(head: &Head) -> bool {
    head.headers
        .text("content-type")
        .is_some_and(|media| media.to_ascii_lowercase().starts_with("text/event-stream"))
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

impl Courier for Carrier<'_> {
    fn deliver(&self, ask: Ask) -> BoxFuture<'_, Result<Delivery, Inconclusive>> {
        self.deliver_patiently(ask).boxed()
    }

    fn once(&self, ask: Ask) -> BoxFuture<'_, Delivery> {
        async move {
            self.pacer.fixed_pace().await;
            let ask = Arc::new(ask);
            let mut exchange = self.exchange(&ask).await;
            if exchange.broke_before_first_byte() {
                exchange = self.exchange(&ask).await;
            }
            self.note(ask, exchange)
        }
        .boxed()
    }

    fn on<'b>(&'b self, connection: &'b mut Connection, ask: Ask) -> BoxFuture<'b, Delivery> {
        async move {
            let _pass: Pass<'_> = self.pacer.admit().await;
            self.learn_key(&ask);
            let mut deadline = self.answer_deadline(&ask);
            if self.never_whole.load(Ordering::Relaxed) {
                deadline = deadline.min(Deadline::after(Duration::from_secs(2)));
            }
            let ask = Arc::new(ask);
            let exchange = connection
                .exchange(ask.request.clone(), ask.pieces.clone(), deadline)
                .await;
            if exchange.end == End::TimedOut {
                self.never_whole.store(true, Ordering::Relaxed);
            }
            if exchange.status().is_none() && exchange.broke_before_first_byte() {
                // The race of a connection that is kept (RFC 9112 §9.5): nobody's answer.
                return Delivery {
                    ask,
                    exchange: Arc::new(exchange),
                };
            }
            self.note(ask, exchange)
        }
        .boxed()
    }

    fn open(&self, ask: Ask) -> BoxFuture<'_, Opened> {
        async move {
            self.pacer.fixed_pace().await;
            self.learn_key(&ask);
            let deadline = self.answer_deadline(&ask);
            let mut flight = self
                .transport_for(&ask)
                .start(ask.request.clone(), ask.pieces.clone(), beyond(deadline))
                .await;
            flight
                .read_until(
                    |progress| progress.head.is_some() || progress.ended,
                    deadline,
                )
                .await;
            Opened {
                ask: Arc::new(ask),
                flight,
            }
        }
        .boxed()
    }

    fn finish(&self, opened: Opened, within: Duration) -> BoxFuture<'_, Delivery> {
        async move {
            let deadline = Deadline::after(within);
            let exchange = self.read(opened.flight, opened.ask.mode, deadline).await.0;
            self.note(opened.ask, exchange)
        }
        .boxed()
    }

    fn abandon(&self, opened: Opened) -> Delivery {
        let exchange = opened.flight.abandon();
        self.note(opened.ask, exchange)
    }

    fn connect(&self) -> BoxFuture<'_, Result<Connection, Inconclusive>> {
        async move {
            let Some(dialer) = &self.raw else {
                return Err(Inconclusive::new(
                    "the target does not speak HTTP/1.1".to_owned(),
                ));
            };
            let mut tries = 0;
            loop {
                match dialer.connect(self.deadline()).await {
                    Ok(connection) => return Ok(connection),
                    Err(why) => {
                        tries += 1;
                        if tries >= TRIES_CONNECT {
                            return Err(Inconclusive::new(why.to_string()));
                        }
                        self.patient(Duration::from_millis(200) * tries, "no connection")
                            .await;
                    }
                }
            }
        }
        .boxed()
    }

    fn plain_passes(&self) -> BoxFuture<'_, bool> {
        self.plain_now().boxed()
    }

    fn good(&self, mode: Mode) -> BoxFuture<'_, Result<Delivery, Inconclusive>> {
        async move {
            let cell = &self.good[usize::from(mode == Mode::Stream)];
            cell.get_or_init(|| self.deliver_patiently(Ask::plain(self.profile, mode)))
                .await
                .clone()
        }
        .boxed()
    }

    fn pause(&self, span: Duration) -> BoxFuture<'_, ()> {
        async move { self.patient(span, "a case waits").await }.boxed()
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.profile.target.timeout())
    }

    fn speaks_http1(&self) -> bool {
        self.raw.is_some()
    }

    fn max_wait(&self) -> Duration {
        self.max_wait
    }

    fn saw_limits(&self) -> bool {
        self.ledger().transients.contains_key(&429)
    }
}

/// The answer of a delivery, for callers that hold only the exchange.
pub(super) fn summary(exchange: &Exchange) -> String {
    Answer::new(exchange).summary()
}
