//! The built-in mock, as a scenario's `[mock]` wants it: times and lengths drawn from its distributions, faults planted
//! at its rates.
//!
//! What an answer is like follows from the scenario's seed and the number of its request. Faults are planted by count
//! and not by chance: a run can then be held to have found each of them.

use super::draw::draw;
use super::random::Random;
use super::scenario::{Distribution, Fault, MockAnswers, Scenario, Stamps};
use crate::contract::{CHUNK_OBJECT, DONE, ErrorCode, timeout};
use crate::mock::{
    Answer, Asked, Bend, Connection, Decision, Ending, Event, Head, MockConfig, Mode, Outgoing,
    Pacing, Payload, Refusal, Schedule, Tap, pieces_of,
};
use crate::time::Scale;
use bytes::Bytes;
use http::{HeaderValue, header};
use serde_json::json;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How the built-in mock is started for a scenario. Its clock is ours.
pub fn mock_config(scenario: &Scenario) -> MockConfig {
    mock_config_at(scenario, Scale::REAL)
}

/// The same with a clock of that speed, which only moves the 504s: `timeout` comes after the documented time of it,
/// `late_timeout` long after.
pub fn mock_config_at(scenario: &Scenario, scale: Scale) -> MockConfig {
    let mock = &scenario.mock;
    MockConfig {
        time_scale: scale,
        seed: scenario.seed,
        // Every answer's chunks are drawn, and replace these.
        chunks: 1,
        stamps: mock.stamps == Stamps::Emission,
        slots: mock.slots,
        bend: Arc::new(Inside::new(mock, scenario, scale)),
        ..MockConfig::default()
    }
}

/// What makes the mock behave as the scenario says.
struct Inside {
    seed: u64,
    time_to_first_token_ms: Distribution,
    inter_chunk_latency_ms: Distribution,
    chunks: Distribution,
    /// A request's mark is an index of this list.
    faults: Arc<[Fault]>,
    scale: Scale,
    /// How long a client lets a body be silent.
    patience: Duration,
    state: Mutex<State>,
}

/// What changes from answer to answer; nobody looks at it where no fault is planted.
struct State {
    shares: Shares,
    shown: Shown,
}

impl Inside {
    fn new(mock: &MockAnswers, scenario: &Scenario, scale: Scale) -> Inside {
        let planted = || mock.faults.iter().filter(|(_, ratio)| *ratio > 0.0);
        Inside {
            seed: scenario.seed,
            time_to_first_token_ms: mock.time_to_first_token_ms,
            inter_chunk_latency_ms: mock.inter_chunk_latency_ms,
            chunks: mock.chunks,
            faults: planted().map(|(fault, _)| *fault).collect(),
            scale,
            patience: scenario.client.idle_timeout,
            state: Mutex::new(State {
                shares: Shares::new(planted().copied()),
                shown: Shown::default(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes wrong with that request's answer.
    fn fault(&self, asked: &Asked) -> Option<Fault> {
        marked(asked, &self.faults)
    }

    /// How many chunks with content an answer has.
    fn chunks(&self, asked: &Asked) -> usize {
        let mut random = Random::named(self.seed, "mock chunks", asked.serial);
        // As a number of chunks it is small and no fraction.
        draw(&self.chunks, &mut random).round().max(1.0) as usize
    }

    /// From an answer's begin to its first chunk, and the generator that its gaps come from.
    fn first(&self, asked: &Asked) -> (Duration, Random) {
        let mut random = Random::named(self.seed, "mock times", asked.serial);
        let first = millis(draw(&self.time_to_first_token_ms, &mut random));
        (first, random)
    }

    fn gap(&self, random: &mut Random) -> Duration {
        millis(draw(&self.inter_chunk_latency_ms, random))
    }

    /// The error that stands in an answer's place, of the faults that do.
    fn refusal(&self, fault: Fault) -> Option<Refusal> {
        let refusal = match fault {
            // The socket seam resets the connection when this is about to be sent.
            Fault::Reset => self.documented(ErrorCode::InternalError),
            Fault::HeadersTimeout => Refusal {
                after: Duration::MAX,
                ..self.documented(ErrorCode::InternalError)
            },
            Fault::UndocumentedStatus => Refusal::other(418, "teapot", "a fault of [mock]"),
            Fault::UndocumentedCode => Refusal::other(500, "overloaded", "a fault of [mock]"),
            Fault::LateTimeout => {
                // Beyond what a judge forgives a deployment, and itself on a busy machine.
                let late = self.scale.seconds(timeout::FAIL_ABOVE_S * 1.05);
                Refusal {
                    after: late + Duration::from_secs_f64(timeout::SLACK_S),
                    ..self.documented(ErrorCode::Timeout)
                }
            }
            Fault::Code(code) => self.documented(code),
            Fault::Status(status) => match ErrorCode::of_status(status).first() {
                Some(code) => self.documented(*code),
                None => Refusal::other(status, NO_CODE, "a fault of [mock]"),
            },
            Fault::IdleTimeout
            | Fault::TotalTimeout
            | Fault::Framing
            | Fault::BadReply
            | Fault::TruncatedStream
            | Fault::DataAfterDone
            | Fault::DuplicateDone
            | Fault::InBandError
            | Fault::BadEventJson
            | Fault::BadUtf8
            | Fault::WrongContentType
            | Fault::Schema
            | Fault::EmptyAnswer
            | Fault::WrongAnswer => return None,
        };
        Some(refusal)
    }

    /// A documented error, as an honest deployment tells of it.
    fn documented(&self, code: ErrorCode) -> Refusal {
        let refusal = Refusal::documented(code, "a fault of [mock]");
        match code {
            ErrorCode::RateLimited | ErrorCode::BotRateLimited => refusal.retry_after(1),
            ErrorCode::Timeout => Refusal {
                after: self.scale.seconds(timeout::DOCUMENTED_S),
                ..refusal
            },
            _ => refusal, // no other error has more to say
        }
    }
}

/// Stands for the code of an error that has none, until the member is taken out.
const NO_CODE: &str = "";

fn marked(asked: &Asked, faults: &[Fault]) -> Option<Fault> {
    faults.get(*asked.mark.get()?).copied()
}

fn millis(millis: f64) -> Duration {
    Duration::try_from_secs_f64((millis / 1e3).max(0.0)).unwrap_or(Duration::MAX)
}

impl Bend for Inside {
    fn decision(&self, asked: &Asked, decision: Decision) -> Decision {
        let Decision::Answer { mode, .. } = decision else {
            return decision;
        };
        if self.faults.is_empty() {
            return decision;
        }
        let mut state = self.state();
        let anothers = state.shown.latest(Instant::now()).is_some();
        let planted = state
            .shares
            .next(mode, |fault| fault != Fault::WrongAnswer || anothers);
        drop(state);
        let Some(planted) = planted else {
            return decision;
        };
        let _ = asked.mark.set(planted); // a request is decided once
        match self.refusal(self.faults[planted]) {
            Some(refusal) => Decision::Refuse(refusal),
            None => decision,
        }
    }

    fn answer(&self, asked: &Asked, answer: &mut Answer) {
        answer.pieces = pieces_of(self.seed, self.chunks(asked), asked.prompt());
        if self.faults.contains(&Fault::WrongAnswer) && self.fault(asked).is_none() {
            let at = Instant::now().checked_add(self.first(asked).0);
            self.state().shown.add(&answer.id, at);
        }
    }

    fn pacing(&self, asked: &Asked, pacing: &mut Pacing) {
        let (first, mut random) = self.first(asked);
        if asked.mode == Mode::Json {
            pacing.schedule = Schedule::Each(vec![first]);
            return;
        }
        // What follows the last chunk with content comes at once after it.
        let gaps = (1..self.chunks(asked)).scan(first, |due, _| {
            *due = due.saturating_add(self.gap(&mut random));
            Some(*due)
        });
        pacing.schedule = Schedule::Each(std::iter::once(first).chain(gaps).collect());
        pacing.ending = match self.fault(asked) {
            Some(Fault::IdleTimeout) => Ending::Never,
            Some(Fault::TotalTimeout) => {
                // Often enough not to be taken for silence.
                let most = (self.patience / 4).max(Duration::from_millis(1));
                let gap = self.gap(&mut random);
                Ending::Forever(gap.clamp(Duration::from_millis(1), most))
            }
            _ => return, // the others end as they should
        };
    }

    fn events(&self, asked: &Asked, events: &mut Vec<Event>) {
        match self.fault(asked) {
            None => {}
            Some(Fault::WrongAnswer) => {
                let other = self.state().shown.latest(Instant::now());
                if let Some(other) = other {
                    mixed(events, &other);
                }
            }
            Some(fault) => spoilt(events, fault),
        }
    }

    fn json(&self, asked: &Asked, payload: &mut Payload) {
        let Some(fault) = self.fault(asked) else {
            return;
        };
        match (fault, &mut *payload) {
            (Fault::BadReply, _) => {
                *payload = Payload::Bytes(Bytes::from_static(b"This is no JSON."));
            }
            (Fault::Schema, Payload::Json(json)) => {
                if let Some(reply) = json.as_object_mut() {
                    reply.shift_remove("usage");
                }
            }
            (Fault::Status(_), Payload::Json(json)) => {
                if json["error"]["code"] == NO_CODE
                    && let Some(error) = json["error"].as_object_mut()
                {
                    error.shift_remove("code");
                }
            }
            _ => {} // the others leave a body as it is
        }
    }

    fn head(&self, asked: &Asked, head: &mut Head) {
        if self.fault(asked) == Some(Fault::WrongContentType) {
            head.remove(&header::CONTENT_TYPE);
            let value = HeaderValue::from_static("text/plain; charset=utf-8");
            head.push(header::CONTENT_TYPE, value);
        }
    }

    fn socket(&self, connection: &Arc<Connection>) -> Option<Box<dyn Tap>> {
        let of_sockets = |fault: &Fault| matches!(fault, Fault::Reset | Fault::Framing);
        self.faults.iter().any(of_sockets).then(|| {
            Box::new(Breaker {
                connection: Arc::clone(connection),
                faults: Arc::clone(&self.faults),
                begun: None,
            }) as Box<dyn Tap>
        })
    }
}

/// Whether only a stream can have that fault.
fn needs_stream(fault: Fault) -> bool {
    match fault {
        Fault::IdleTimeout
        | Fault::TotalTimeout
        | Fault::TruncatedStream
        | Fault::DataAfterDone
        | Fault::DuplicateDone
        | Fault::InBandError
        | Fault::BadEventJson
        | Fault::BadUtf8
        | Fault::EmptyAnswer
        | Fault::WrongAnswer => true,
        Fault::Reset
        | Fault::HeadersTimeout
        | Fault::Framing
        | Fault::UndocumentedStatus
        | Fault::UndocumentedCode
        | Fault::BadReply
        | Fault::WrongContentType
        | Fault::Schema
        | Fault::LateTimeout
        | Fault::Code(_)
        | Fault::Status(_) => false,
    }
}

/// Spoils the events of a stream: so many chunks with content, one without, `[DONE]`.
fn spoilt(events: &mut Vec<Event>, fault: Fault) {
    let contents = events.len().saturating_sub(2);
    let middle = contents / 2;
    match fault {
        Fault::BadReply => events.clear(),
        Fault::EmptyAnswer => {
            events.drain(..events.len().saturating_sub(1));
        }
        Fault::IdleTimeout | Fault::TruncatedStream => events.truncate(middle.max(1)),
        Fault::TotalTimeout => events.truncate(contents),
        Fault::DataAfterDone => events.extend(events.first().cloned()),
        Fault::DuplicateDone => events.push(Event::Data(DONE.to_owned())),
        Fault::InBandError => {
            let code = ErrorCode::InternalError.as_str();
            let error = json!({"error": {"message": "a fault of [mock]", "type": "server_error", "code": code}});
            change(events, middle, |_| Event::Data(error.to_string()));
        }
        Fault::BadEventJson => change(events, middle, |mut data| {
            data.pop();
            Event::Data(data)
        }),
        Fault::BadUtf8 => change(events, middle, |data| {
            let mark = "\"content\":\"";
            let (before, after) = data.split_once(mark).unwrap_or(("", &data));
            let parts = ["data: ", before, mark].map(str::as_bytes).concat();
            let bytes = [&parts, &b"\xff"[..], after.as_bytes(), b"\n\n"].concat();
            Event::Raw(Bytes::from(bytes))
        }),
        Fault::Schema => change(events, middle, |data| {
            let object = format!("\"object\":\"{CHUNK_OBJECT}\",");
            Event::Data(data.replacen(&object, "", 1))
        }),
        _ => {} // nothing that an event could show
    }
}

/// Puts another answer's id into a chunk in the middle, never the first: that one tells whose stream it is.
fn mixed(events: &mut [Event], other: &str) {
    let begin = "{\"id\":\"";
    let at = (events.len().saturating_sub(1) / 2).max(1);
    change(events, at, |data| {
        let own = data.strip_prefix(begin).and_then(|rest| rest.find('"'));
        match own {
            Some(end) => Event::Data(format!("{begin}{other}{}", &data[begin.len() + end..])),
            None => Event::Data(data), // no chunk of ours
        }
    });
}

fn change(events: &mut [Event], at: usize, change: impl FnOnce(String) -> Event) {
    if let Some(event) = events.get_mut(at)
        && let Event::Data(data) = event
    {
        *event = change(std::mem::take(data));
    }
}

/// Breaks what no HTTP library would: on the connections of a run that plants such faults.
struct Breaker {
    connection: Arc<Connection>,
    faults: Arc<[Fault]>,
    /// The request whose answer has begun to be sent, and is to be badly framed.
    begun: Option<u64>,
}

impl Tap for Breaker {
    fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        let asked = self.connection.asked();
        let fault = asked
            .as_ref()
            .and_then(|asked| Some((asked.serial, marked(asked, &self.faults)?)));
        match fault {
            Some((_, Fault::Reset)) => out.push_back(Outgoing::Reset),
            Some((serial, Fault::Framing)) if self.begun == Some(serial) => {
                out.push_back(Outgoing::Bytes(Bytes::from_static(NO_CHUNK)));
                out.push_back(Outgoing::Close);
            }
            Some((serial, Fault::Framing)) => {
                self.begun = Some(serial);
                match as_chunked(bytes) {
                    // A reply is one write: the same head, as if the body came in chunks, and none comes.
                    Some(head) => {
                        out.push_back(Outgoing::Bytes(Bytes::from(head)));
                        out.push_back(Outgoing::Bytes(Bytes::from_static(NO_CHUNK)));
                        out.push_back(Outgoing::Close);
                    }
                    None => out.push_back(Outgoing::Bytes(Bytes::copy_from_slice(bytes))),
                }
            }
            _ => out.push_back(Outgoing::Bytes(Bytes::copy_from_slice(bytes))),
        }
    }
}

/// Where the size of a chunk has to stand.
const NO_CHUNK: &[u8] = b"no size\r\n";

/// The head of an answer whose length is announced, with chunks announced instead; none for any other answer.
fn as_chunked(answer: &[u8]) -> Option<Vec<u8>> {
    let end = memchr::memmem::find(answer, b"\r\n\r\n")? + 4;
    let mut announced = false;
    let mut head = Vec::with_capacity(end + 16);
    for line in answer[..end].split_inclusive(|byte| *byte == b'\n') {
        if line.to_ascii_lowercase().starts_with(b"content-length:") {
            announced = true;
            head.extend_from_slice(b"transfer-encoding: chunked\r\n");
        } else {
            head.extend_from_slice(line);
        }
    }
    announced.then_some(head)
}

/// Which of the answers has which fault: each as often as its share of them says, and never more than one answer from
/// it, spread as evenly as can be.
///
/// To give each of several claimants its share of every row of turns is the chairman assignment problem; the rule is
/// Tijdeman's (1980): of those who are due, whoever would be late first. With one fault that is plain rounding. "No
/// fault" is a claimant, too.
#[derive(Debug)]
struct Shares {
    faults: Vec<Share>,
    sound: Claim,
}

#[derive(Debug)]
struct Share {
    fault: Fault,
    ratio: f64,
    /// Answers that could have had it.
    answers: u64,
    planted: u64,
}

#[derive(Debug, Default)]
struct Claim {
    due: f64,
    given: u64,
}

/// What sums of shares may be off by.
const ROUNDING: f64 = 1e-9;

impl Shares {
    fn new(faults: impl Iterator<Item = (Fault, f64)>) -> Shares {
        Shares {
            faults: faults
                .map(|(fault, ratio)| Share {
                    fault,
                    ratio,
                    answers: 0,
                    planted: 0,
                })
                .collect(),
            sound: Claim::default(),
        }
    }

    /// The fault of the next answer, as an index of the list; one that is not `possible` yet waits.
    fn next(&mut self, mode: Mode, possible: impl Fn(Fault) -> bool) -> Option<usize> {
        let slack = 1.0 / (2.0 * self.faults.len().max(1) as f64);
        // So many answers from now it would be late; none where it is not due.
        let late = |owed: f64, ratio: f64| {
            (owed >= slack - ROUNDING && ratio > ROUNDING).then(|| (1.0 - slack - owed) / ratio)
        };
        let mut first: Option<(usize, f64)> = None;
        let mut sound = 1.0;
        for (index, share) in self.faults.iter_mut().enumerate() {
            if mode == Mode::Json && needs_stream(share.fault) {
                continue;
            }
            sound -= share.ratio;
            share.answers += 1;
            let owed = share.answers as f64 * share.ratio - share.planted as f64;
            if let Some(late) = late(owed, share.ratio)
                && possible(share.fault)
                && first.is_none_or(|(_, soonest)| late < soonest - ROUNDING)
            {
                first = Some((index, late));
            }
        }
        self.sound.due += sound.max(0.0);
        let owed = self.sound.due - self.sound.given as f64;
        let none = match (first, late(owed, sound)) {
            (None, _) => true,
            (Some((_, soonest)), Some(late)) => late < soonest - ROUNDING,
            (Some(_), None) => false,
        };
        if none {
            self.sound.given += 1;
            return None;
        }
        let (index, _) = first?;
        self.faults[index].planted += 1;
        Some(index)
    }
}

/// The ids of sound answers that a client has seen: what a wrong answer takes its id from.
#[derive(Debug, Default)]
struct Shown {
    /// Ids whose first chunk is still to come, and when it will have arrived.
    coming: VecDeque<(Instant, String)>,
    latest: Option<String>,
}

/// How long the client may take to read a chunk that was due.
const READING: Duration = Duration::from_millis(10);
/// Ids that are remembered; more recent ones do no harm if they are not.
const MOST_COMING: usize = 4096;

impl Shown {
    fn add(&mut self, id: &str, at: Option<Instant>) {
        let at = at.and_then(|at| at.checked_add(READING));
        if let Some(at) = at
            && self.coming.len() < MOST_COMING
        {
            self.coming.push_back((at, id.to_owned()));
        }
    }

    fn latest(&mut self, now: Instant) -> Option<String> {
        while self.coming.front().is_some_and(|(at, _)| *at <= now) {
            self.latest = self.coming.pop_front().map(|(_, id)| id);
        }
        self.latest.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How often each fault comes in so many answers, of the modes in turn.
    fn planted(faults: &[(Fault, f64)], modes: &[Mode], answers: usize) -> Vec<u64> {
        let mut shares = Shares::new(faults.iter().copied());
        for nth in 0..answers {
            shares.next(modes[nth % modes.len()], |_| true);
        }
        shares.faults.iter().map(|share| share.planted).collect()
    }

    #[test]
    fn one_fault_comes_as_often_as_its_share_says_at_any_time() {
        for ratio in [0.0001, 0.01, 0.1, 1.0 / 3.0, 0.5, 0.9, 1.0] {
            let mut shares = Shares::new([(Fault::Reset, ratio)].into_iter());
            for answers in 1..=2000u32 {
                shares.next(Mode::Json, |_| true);
                let wanted = (f64::from(answers) * ratio + ROUNDING).round() as u64;
                assert_eq!(shares.faults[0].planted, wanted, "{ratio} of {answers}");
            }
        }
    }

    #[test]
    fn what_only_a_stream_can_have_is_counted_over_streams() {
        let faults = [(Fault::EmptyAnswer, 0.5), (Fault::Reset, 0.1)];
        let modes = [Mode::Json, Mode::Stream];
        assert_eq!(planted(&faults, &modes, 400), [100, 40]);
        assert_eq!(planted(&faults, &[Mode::Json], 400), [0, 40]);
    }

    #[test]
    fn what_was_not_possible_is_made_up_for() {
        let mut shares = Shares::new([(Fault::WrongAnswer, 0.1)].into_iter());
        for nth in 0..100 {
            let planted = shares.next(Mode::Stream, |_| nth >= 30);
            assert!(planted.is_none() || nth >= 30);
        }
        assert_eq!(shares.faults[0].planted, 10);
    }

    proptest! {
        #[test]
        fn no_fault_is_ever_a_whole_answer_off(
            weights in proptest::collection::vec(1..20u32, 1..12),
            sound in 0..40u32,
            answers in 1..600usize,
        ) {
            let all = f64::from(weights.iter().sum::<u32>() + sound);
            let faults: Vec<(Fault, f64)> = weights
                .iter()
                .zip(Fault::CLASSES)
                .map(|(weight, fault)| (*fault, f64::from(*weight) / all))
                .collect();
            let counts = planted(&faults, &[Mode::Stream], answers);
            for ((fault, ratio), count) in faults.iter().zip(counts) {
                let wanted = ratio * answers as f64;
                prop_assert!((count as f64 - wanted).abs() < 1.0, "{fault}: {count} for {wanted}");
            }
        }
    }

    #[test]
    fn an_id_is_lent_once_its_client_has_seen_it() {
        let now = Instant::now();
        let mut shown = Shown::default();
        shown.add("a", Some(now));
        shown.add("b", Some(now + Duration::from_secs(1)));
        assert_eq!(shown.latest(now), None);
        assert_eq!(shown.latest(now + READING).as_deref(), Some("a"));
        assert_eq!(
            shown.latest(now + Duration::from_secs(2)).as_deref(),
            Some("b")
        );
    }
}
