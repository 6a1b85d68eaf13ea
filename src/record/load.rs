//! What is known after a load run, and the figures in it. Whoever reads a [`LoadRecord`] needs no sample.

use super::Evidence;
use super::histogram::Distribution;
use crate::contract::{ErrorCode, RequirementId};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

macro_rules! classes {
    ($($variant:ident $name:literal $kind:ident $says:literal;)*) => {
        /// Why an answer is no success. The list is closed; the first cause of an answer wins.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorClass {
            // As code: `[DONE]` would be a link otherwise.
            $(#[doc = concat!("`` ", $says, " ``")] $variant,)*
            /// A documented error, under its code.
            Code(ErrorCode),
        }

        impl ErrorClass {
            /// All but the documented codes.
            pub const FIXED: &[ErrorClass] = &[$(ErrorClass::$variant,)*];

            /// Its kind.
            pub const fn kind(self) -> ErrorKind {
                match self {
                    $(ErrorClass::$variant => ErrorKind::$kind,)*
                    ErrorClass::Code(_) => ErrorKind::Http,
                }
            }

            /// Its name in reports.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(ErrorClass::$variant => $name,)*
                    ErrorClass::Code(code) => code.as_str(),
                }
            }

            /// What it is, in a sentence.
            pub const fn says(self) -> &'static str {
                match self {
                    $(ErrorClass::$variant => $says,)*
                    ErrorClass::Code(code) => code.meaning(),
                }
            }
        }
    };
}

classes! {
    Dns "dns" Transport "The host name has no address.";
    ConnectRefused "connect_refused" Transport "No connection: refused, no route, or another error of the system.";
    ConnectTimeout "connect_timeout" Transport "No connection within the connect time-out.";
    Tls "tls" Transport "The TLS handshake failed.";
    Reset "reset" Transport "The connection was closed or reset before the answer was whole.";
    HeadersTimeout "headers_timeout" Transport "No status line within the time-out.";
    IdleTimeout "idle_timeout" Transport "The answer had begun, and then no byte came for too long.";
    TotalTimeout "total_timeout" Transport "The answer was not whole within the time-out.";
    Framing "framing" Transport "The bytes are no well-framed HTTP answer.";
    UndocumentedStatus "undocumented_status" Http "A status that the documentation does not name.";
    UndocumentedCode "undocumented_code" Http "A documented status without one of its codes.";
    BadReply "bad_reply" Contract "A 200 without a body, or a JSON answer that is no JSON.";
    TruncatedStream "truncated_stream" Contract "A well-framed stream that ends without [DONE].";
    DataAfterDone "data_after_done" Contract "An event after [DONE].";
    DuplicateDone "duplicate_done" Contract "[DONE] twice.";
    InBandError "in_band_error" Contract "An error in place of a chunk.";
    BadEventJson "bad_event_json" Contract "An event whose data is no JSON.";
    BadUtf8 "bad_utf8" Contract "Bytes that are no UTF-8.";
    WrongContentType "wrong_content_type" Contract "Another Content-Type than the documented one.";
    Schema "schema" Contract "A documented field is missing or has the wrong type.";
    EmptyAnswer "empty_answer" Contract "A stream without any chunk.";
    WrongAnswer "wrong_answer" Contract "A chunk of somebody else's answer.";
    LateTimeout "late_timeout" Contract "A 504 far beyond the documented time.";
    Cancelled "cancelled" Client "Ended by clawcheck: cut, abandoned on purpose, interrupted.";
    Dropped "dropped" Client "An arrival beyond max_in_flight, not sent.";
    Unfinished "unfinished" Client "Still open when the drain's limit came.";
    ClientError "client_error" Client "This machine could not send it: descriptors, ports, memory.";
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl ErrorClass {
    /// All of them, in the order of [`ErrorKind`].
    pub fn all() -> impl Iterator<Item = ErrorClass> {
        let codes = ErrorCode::ALL.iter().copied().map(ErrorClass::Code);
        let mut all: Vec<ErrorClass> = Self::FIXED.iter().copied().chain(codes).collect();
        all.sort_by_key(|class| class.kind());
        all.into_iter()
    }

    /// Whether it is a 429: counted apart, no error unless the scenario says so.
    pub fn is_throttled(self) -> bool {
        matches!(self, ErrorClass::Code(code) if code.status() == 429)
    }

    /// Whether it counts as an error of the target or of the way to it.
    pub fn is_error(self) -> bool {
        !matches!(
            self,
            ErrorClass::Cancelled | ErrorClass::Dropped | ErrorClass::Unfinished
        )
    }
}

/// Whose an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// On the way: connection, time-outs, framing.
    Transport,
    /// An HTTP answer that says no.
    Http,
    /// An answer that breaks the contract.
    Contract,
    /// Our own doing.
    Client,
}

impl ErrorKind {
    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Transport => "transport",
            ErrorKind::Http => "http",
            ErrorKind::Contract => "contract",
            ErrorKind::Client => "client",
        }
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// Its stages were over.
    Completed,
    /// An abort rule.
    Aborted,
    /// A signal.
    Interrupted,
    /// The budget was reached.
    Budget,
    /// It could not go on.
    Error,
}

impl EndedBy {
    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            EndedBy::Completed => "completed",
            EndedBy::Aborted => "aborted",
            EndedBy::Interrupted => "interrupted",
            EndedBy::Budget => "budget",
            EndedBy::Error => "error",
        }
    }
}

/// Counts and figures of a part of a run: a window, a request of the mix, a stage.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// The counts.
    pub counts: Counts,
    /// The distributions.
    pub figures: Figures,
    /// How long the part is.
    pub span: Duration,
    /// In flight over it, where that was counted: mean and most; by the looks that were taken.
    pub in_flight: Option<(f64, u64)>,
    /// Calls of the model, where they were counted apart: of a request of the mix, over the whole run.
    pub completions: Option<u64>,
}

/// Counts of a part of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    /// Requests that were sent.
    pub sent: u64,
    /// Answers that keep the contract.
    pub succeeded: u64,
    /// Failed ones.
    pub errors: u64,
    /// 429s.
    pub throttled: u64,
    /// Ended by us.
    pub cancelled: u64,
    /// Arrivals that were not sent.
    pub dropped: u64,
    /// Still open when the drain's limit came.
    pub unfinished: u64,
    /// Successes that met the objective.
    pub good: u64,
    /// Events with content, and with any data.
    pub contents: u64,
    /// Content chunks that share the instant of the one before them.
    pub coalesced: u64,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Bytes read.
    pub bytes_received: u64,
    /// `usage.prompt_tokens`, summed.
    pub prompt_tokens: u64,
    /// `usage.completion_tokens`, summed.
    pub completion_tokens: u64,
    /// Content chunks of answers with `usage`.
    pub contents_with_usage: u64,
    /// The completion tokens of those answers that came in chunks.
    pub tokens_in_chunks: u64,
    /// Connections that were opened.
    pub connections_opened: u64,
    /// Requests that went over a connection used before.
    pub reused: u64,
    /// Gaps over `stall_ms`.
    pub stalls: u64,
    /// Answers with such a gap.
    pub stalled_answers: u64,
}

impl Counts {
    /// Adds another part's counts.
    pub fn add(&mut self, other: &Counts) {
        macro_rules! sum { ($($field:ident)*) => { $(self.$field += other.$field;)* } }
        sum!(sent succeeded errors throttled cancelled dropped unfinished good contents coalesced
            bytes_sent bytes_received prompt_tokens completion_tokens contents_with_usage
            tokens_in_chunks connections_opened reused stalls stalled_answers);
    }
}

macro_rules! figures {
    ($($field:ident $name:literal $unit:literal $says:literal;)*) => {
        /// The distributions of a part of a run. Times are in microseconds inside, as their unit says outside.
        #[derive(Debug, Clone)]
        pub struct Figures {
            $(#[doc = $says] pub $field: Distribution,)*
        }

        impl Default for Figures {
            fn default() -> Figures {
                Figures { $($field: Distribution::new($unit),)* }
            }
        }

        impl Figures {
            /// Adds another part's samples, count for count.
            pub fn add(&mut self, other: &Figures) {
                $(self.$field.add(&other.$field);)*
            }

            /// Every distribution with its name in reports, to be filled.
            pub fn each_mut(&mut self) -> Vec<(&'static str, &mut Distribution)> {
                vec![$(($name, &mut self.$field),)*]
            }

            /// Every distribution with its name in reports.
            pub fn each(&self) -> Vec<(&'static str, &Distribution)> {
                vec![$(($name, &self.$field),)*]
            }
        }
    };
}

figures! {
    time_to_headers "time_to_headers_ms" "ms" "From the request's sending to the status line.";
    time_to_first_event "time_to_first_event_ms" "ms" "To the first data event of any kind.";
    time_to_first_token "time_to_first_token_ms" "ms" "To the first chunk with content.";
    ttft_from_intended "ttft_from_intended_ms" "ms" "From the instant at which the request was due to the first chunk with content.";
    time_to_second_token "time_to_second_token_ms" "ms" "From the first to the second chunk with content.";
    inter_chunk_latency "inter_chunk_latency_ms" "ms" "Every gap between two chunks with content, pooled.";
    time_per_output_token "time_per_output_token_ms" "ms" "From first to last chunk with content, by completion_tokens - 1; only with usage.";
    request_latency "request_latency_ms" "ms" "From the request's sending to the end of the body.";
    response_time "response_time_ms" "ms" "From the instant at which the request was due to the end of the body.";
    failed_latency "failed_latency_ms" "ms" "The same for answers that failed.";
    think_time "think_time_ms" "ms" "How long users waited between two requests.";
    connect "connect_ms" "ms" "How long connections took to open.";
    chunks_per_answer "chunks_per_answer" "chunks" "Chunks with content in an answer.";
    tokens_per_answer "tokens_per_answer" "tokens" "completion_tokens of an answer.";
}

/// One class of errors, as it was seen.
#[derive(Debug, Clone)]
pub struct ErrorRow {
    /// The class.
    pub class: ErrorClass,
    /// The requirement that is broken, if one is.
    pub requirement: Option<RequirementId>,
    /// The status, where one came.
    pub status: Option<u16>,
    /// The code, documented or not.
    pub code: Option<String>,
    /// How many answers.
    pub count: u64,
    /// When the first came, after the run's begin.
    pub first_at: Duration,
    /// What happened, in a sentence.
    pub message: String,
    /// A shell command that sends the same request, keys as variables.
    pub reproduce: String,
    /// The bytes of the first one.
    pub evidence: Option<Evidence>,
}

/// How often a requirement was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looks {
    /// Answers in which it was looked at.
    pub checked: u64,
    /// Those that break it.
    pub failed: u64,
    /// Those that ignore a SHOULD of it.
    pub advised: u64,
}

/// What came of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThresholdOutcome {
    /// It held.
    Pass,
    /// It was broken.
    Fail,
    /// There was nothing to judge it by: that fails the run as well.
    NoSamples,
}

impl ThresholdOutcome {
    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            ThresholdOutcome::Pass => "pass",
            ThresholdOutcome::Fail => "fail",
            ThresholdOutcome::NoSamples => "no_samples",
        }
    }
}

/// A threshold, judged.
#[derive(Debug, Clone)]
pub struct ThresholdRow {
    /// The rule, as written.
    pub rule: String,
    /// The figure's value.
    pub value: Option<f64>,
    /// Its 95 % interval, where it has one.
    pub ci95: Option<(f64, f64)>,
    /// What came of it.
    pub outcome: ThresholdOutcome,
    /// It ended the run.
    pub aborted_run: bool,
}

/// The run over time, an entry a window.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// How long a window is.
    pub window: Duration,
    /// When each begins, in seconds after the run's begin.
    pub t_s: Vec<f64>,
    /// Requests sent in it.
    pub sent: Vec<u64>,
    /// Successes that ended in it.
    pub succeeded: Vec<u64>,
    /// Errors that ended in it.
    pub errors: Vec<u64>,
    /// Answers in flight at its end.
    pub in_flight: Vec<u64>,
    /// Time to first token, ms; none without a sample.
    pub ttft_p50_ms: Vec<Option<f64>>,
    /// The same at p99.
    pub ttft_p99_ms: Vec<Option<f64>>,
    /// Inter-chunk latency at p99, ms.
    pub icl_p99_ms: Vec<Option<f64>>,
    /// Lateness of arrivals at p99, ms.
    pub lag_p99_ms: Vec<Option<f64>>,
    /// Time to first token for a heat map: [`heat_bucket`](super::heat_bucket) to count.
    pub ttft_heat: Vec<BTreeMap<u16, u64>>,
}

/// Whether the figures can be trusted.
#[derive(Debug, Clone)]
pub struct Validity {
    /// They can.
    pub valid: bool,
    /// Why not: names as in the report.
    pub reasons: Vec<Doubt>,
    /// How late arrivals were sent.
    pub schedule_lag: Distribution,
    /// How late timers of this process were.
    pub runtime_lag: Distribution,
    /// The error of this program's own clocks, from the calibration.
    pub self_error: Distribution,
    /// Chunks that share the instant of the one before them, of all chunks.
    pub coalesced_chunk_ratio: f64,
    /// CPU of this process, of the cores that it may use.
    pub client_cpu_ratio: f64,
    /// The most memory that it had.
    pub client_rss_max_bytes: u64,
}

/// A reason to doubt figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Doubt {
    /// Its name: `client_saturated`, `schedule_lag`, …
    pub name: &'static str,
    /// The figure behind it, in a phrase.
    pub figure: String,
    /// The metrics that it spoils; empty for all times.
    pub spoils: Vec<&'static str>,
    /// Whether a threshold needs one of them.
    pub needed: bool,
}

impl Doubt {
    /// The names that there are.
    pub const NAMES: &[&'static str] = &[
        "client_saturated",
        "schedule_lag",
        "runtime_lag",
        "fd_limit",
        "memory",
        "not_steady",
        "too_few_samples",
    ];
}

/// Everything that is known after a load run.
#[derive(Debug, Clone)]
pub struct LoadRecord {
    /// The base URL.
    pub target: String,
    /// When it started.
    pub started_at: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// Why it ended.
    pub ended_by: EndedBy,
    /// The abort rule or the error that ended it.
    pub abort_reason: Option<String>,
    /// What was run.
    pub scenario: ScenarioFacts,
    /// Where it ran.
    pub host: Host,
    /// Calls of the model, of the whole run: what may have cost money.
    pub completions: u64,
    /// Whether the target ever answered anything.
    pub reached: bool,
    /// In flight over the measured window: mean and most.
    pub in_flight: (f64, u64),
    /// Lengths of the windows.
    pub windows: Windows,
    /// The measured window.
    pub measured: Part,
    /// The warm-up, if there was one.
    pub warm_up: Option<Part>,
    /// The steady window, where one was looked for and found.
    pub steady: Option<Steady>,
    /// By request of the mix.
    pub by_request: Vec<(String, Part)>,
    /// By stage.
    pub by_stage: Vec<Stage>,
    /// Whether the figures can be trusted.
    pub validity: Validity,
    /// Errors by class.
    pub errors: Vec<ErrorRow>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Answers by error code.
    pub codes: BTreeMap<String, u64>,
    /// Waits that 429s asked for, in seconds.
    pub retry_after: Distribution,
    /// The contract's requirements, as they were looked at.
    pub checks: BTreeMap<RequirementId, Looks>,
    /// Whether a broken MUST fails the run.
    pub contract_fails: bool,
    /// The thresholds.
    pub thresholds: Vec<ThresholdRow>,
    /// The run over time.
    pub series: Series,
    /// The search for capacity, where one was asked for.
    pub search: Option<Search>,
    /// What else a reader should know.
    pub notes: Vec<String>,
}

/// What was run.
#[derive(Debug, Clone)]
pub struct ScenarioFacts {
    /// Its name.
    pub name: String,
    /// What question it answers.
    pub description: String,
    /// The hash of its text.
    pub sha256: String,
    /// The seed.
    pub seed: u64,
    /// `closed` or `open`.
    pub model: &'static str,
    /// `goose` or `arrivals`.
    pub engine: &'static str,
    /// The scenario with all its defaults.
    pub resolved: serde_json::Value,
    /// A gap over it counts as a stall.
    pub stall: Duration,
}

/// Where it ran.
#[derive(Debug, Clone)]
pub struct Host {
    /// Cores that the process may use.
    pub cpus: usize,
    /// The processor's name.
    pub cpu_model: String,
    /// The operating system.
    pub os: String,
    /// Memory of the machine.
    pub memory_bytes: u64,
    /// Which shard of how many.
    pub shard: (usize, usize),
    /// How far the shards' clocks are apart, in ms, where it is known.
    pub clock_skew_ms: Option<f64>,
    /// How far the target's clock is before this one, in ms: at least and at most, by the `Date` of its answers. Known
    /// of a shard only.
    pub clock_offset_ms: Option<(f64, f64)>,
    /// The shards that were merged; empty where the run is one of its own.
    pub shards: Vec<Shard>,
    /// No shard is missing.
    pub complete: bool,
}

impl Host {
    /// Whether it is one shard by itself: what a threshold says of the whole can't be judged by it.
    pub fn is_lone_shard(&self) -> bool {
        self.shard.1 > 1 && self.shards.is_empty()
    }
}

/// A shard that was merged.
#[derive(Debug, Clone, PartialEq)]
pub struct Shard {
    /// Which.
    pub index: usize,
    /// When it started, by its own clock.
    pub started_at: SystemTime,
    /// As [`Host::clock_offset_ms`].
    pub clock_offset_ms: Option<(f64, f64)>,
}

/// Lengths of the windows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Windows {
    /// The warm-up.
    pub warm_up: Duration,
    /// The measured window.
    pub measured: Duration,
    /// The drain.
    pub drain: Duration,
}

/// The steady window.
#[derive(Debug, Clone)]
pub struct Steady {
    /// From, after the measured window's begin.
    pub from: Duration,
    /// To.
    pub to: Duration,
    /// Its counts and figures.
    pub part: Part,
}

/// A stage.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name; with `#2` where it was repeated.
    pub name: String,
    /// From, after the measured window's begin.
    pub from: Duration,
    /// To.
    pub to: Duration,
    /// Users or arrivals a second at its end.
    pub target: f64,
    /// Its counts and figures.
    pub part: Part,
}

/// What a search for capacity came to.
#[derive(Debug, Clone)]
pub struct Search {
    /// `rate_rps` or `users`.
    pub variable: &'static str,
    /// The largest value that met the objective.
    pub answer: Option<f64>,
    /// Between a value that met it and one that did not.
    pub ci95: Option<(f64, f64)>,
    /// `objective`, `client`, `max` or `undecided`.
    pub limited_by: &'static str,
    /// The probes, in order.
    pub probes: Vec<Probe>,
}

/// One probe of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The value that was tried.
    pub value: f64,
    /// Requests that met the objective.
    pub good: u64,
    /// Requests in all.
    pub total: u64,
    /// `met`, `missed`, `undecided` or `invalid`.
    pub verdict: &'static str,
    /// How long it took.
    pub span: Duration,
}
