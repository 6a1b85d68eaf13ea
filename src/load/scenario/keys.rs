//! The keys of a scenario file: what each means, what its value may be, and what holds where it is left out. The
//! parser, the schema and the defaults have no other source.

use super::model::Shape;
use super::{Ci, Connections, Contract, OnSaturation, Throttled};
use crate::contract::{ErrorCode, size};
use crate::profile::{BOT_NAMES, KEY_NAMES, Key, Kind};

/// The longest time that a scenario can name, in seconds: 31 days. Up to it, a time written with its nanoseconds is
/// read back as the same.
pub(super) const LONGEST_S: f64 = 2_678_400.0;

/// Seconds over 0.
const SECONDS: Kind = Kind::Range(0.001, LONGEST_S);

/// The longest time that is told in milliseconds: an hour.
const LONGEST_MS: f64 = 3_600_000.0;

/// Milliseconds over 0.
const MILLIS: Kind = Kind::Range(0.001, LONGEST_MS);

/// Milliseconds that may be none.
const PAUSE: Kind = Kind::Range(0.0, LONGEST_MS);

const SHARE: Kind = Kind::Range(0.0, 1.0);

/// The largest prompt, in bytes of a body's JSON: 100,000 are accepted always (SIZE-1), and the rest of a body takes some of them.
pub const LARGEST_PROMPT: usize = size::ALWAYS_ACCEPTED - 2_000;

/// The most users at a time.
pub(super) const MOST_USERS: u64 = 100_000;

/// The most arrivals a second.
pub(super) const MOST_RPS: f64 = 1_000_000.0;

const CODES: &[&str] = &{
    let mut names = [""; ErrorCode::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = ErrorCode::ALL[at].as_str();
        at += 1;
    }
    names
};

pub(super) const ROOT: &[Key] = &[
    Key::new("name", Kind::Text, "The scenario's name: letters, digits, `-`, `_` and `.`.").required(),
    Key::new("description", Kind::Text, "Which question it answers, in a sentence."),
    Key::new(
        "seed",
        Kind::Whole(0, i64::MAX as u64),
        "Arrivals, mix, prompts and think times follow from it; --seed overrides it.",
    )
    .or("42"),
    Key::new("key", Kind::Choice(KEY_NAMES), "The key to use: a name from the profile's [keys].").or("\"valid\""),
    Key::new(
        "keys",
        Kind::Choices(KEY_NAMES),
        "In place of `key`: several names from the profile's [keys]. Users take turns, and each keeps its own; arrivals take the next one each time.",
    ),
    Key::new("bot", Kind::Choice(BOT_NAMES), "The agent to ask: a name from the profile's [bots].").or("\"main\""),
    Key::new(
        "contract",
        Kind::Choice(Contract::WORDS),
        "What a broken MUST under load does: it fails the run (exit 1), or is reported only.",
    )
    .or("\"fail\""),
    Key::new(
        "throttled",
        Kind::Choice(Throttled::WORDS),
        "What a 429 is: counted apart, an error, or waited for and tried again (closed model only).",
    )
    .or("\"count\""),
    Key::new("load", Kind::Section(LOAD), "How much load, and when."),
    Key::new(
        "warm_up",
        Kind::Section(WARM_UP),
        "Comes before the stages, at the first one's target: sent and checked, reported apart, outside thresholds.",
    ),
    Key::new("steady", Kind::Section(STEADY), "The part of the run in which figures no longer drift."),
    Key::new(
        "think_time",
        Kind::Section(THINK_TIME),
        "How long a user waits after each answer; in the open model it does nothing. Without it there is no wait.",
    ),
    Key::new("request", Kind::Sections(REQUEST), "The mix: which requests, and how many of each."),
    Key::new("client", Kind::Section(CLIENT), "How requests are sent."),
    Key::new(
        "objective",
        Kind::Section(OBJECTIVE),
        "What an answer has to keep to be a good one; without it, every success is.",
    ),
    Key::new("thresholds", Kind::Section(THRESHOLDS), "What has to hold at the end; one broken is exit 1."),
    Key::new("abort", Kind::Section(ABORT), "What stops the run early; the report says why."),
    Key::new(
        "budget",
        Kind::Section(BUDGET),
        "What the run may cost. Required where the target is not on this machine.",
    ),
    Key::new(
        "search",
        Kind::Section(SEARCH),
        "Looks for the most that the target carries under [objective]; in place of the stages.",
    ),
    Key::new(
        "mock",
        Kind::Section(MOCK),
        "How the built-in mock behaves; says nothing of another target.",
    ),
];

const LOAD: &[Key] = &[
    Key::new(
        "model",
        Kind::Choice(&["closed", "open"]),
        "`closed`: users, each of whom waits for an answer before the next request; `open`: arrivals a second, whatever the answers do.",
    )
    .required(),
    Key::new(
        "arrivals",
        Kind::Choice(&["constant", "poisson", "gamma", "trace"]),
        "How arrivals are spread, in the open model: evenly, at random, in bursts, or as in a file.",
    )
    .or("\"constant\""),
    Key::new(
        "burstiness",
        Kind::Range(0.01, 100.0),
        "The shape of gamma arrivals: 1 is poisson, below it they come in bursts, above it more evenly.",
    ),
    Key::new(
        "trace",
        Kind::Text,
        "Arrivals, a line each: {\"at_s\": 0.25, \"request\": \"stream\"}, or {\"at_ms\": 250} or {\"timestamp\": 250} in milliseconds; relative to the scenario.",
    ),
    Key::new(
        "max_in_flight",
        Kind::Whole(1, 1_000_000),
        "Requests in flight at most, in the open model: an arrival beyond it is dropped and counted.",
    )
    .or("10000"),
    Key::new(
        "end",
        Kind::Choice(&["drain", "cut"]),
        "What becomes of open answers at the end: they are read, for `drain_s` at most, or cut.",
    )
    .or("\"drain\""),
    Key::new(
        "drain_s",
        SECONDS,
        "How long open answers are read at the end, in seconds of the target's clock (time_scale).",
    )
    .or("140"),
    Key::new("repeat", Kind::Whole(1, 10_000), "How often the list of stages is run.").or("1"),
    Key::new(
        "stage",
        Kind::Sections(STAGE),
        "Run in order; each goes in a straight line from the last one's target to its own.",
    ),
];

const STAGE: &[Key] = &[
    Key::new(
        "name",
        Kind::Text,
        "Its name in the report; `stage-1` and so on where it has none.",
    ),
    Key::new("duration_s", SECONDS, "How long it lasts.").required(),
    Key::new(
        "users",
        Kind::Whole(0, MOST_USERS),
        "Users at its end, in the closed model.",
    ),
    Key::new(
        "rate_rps",
        Kind::Range(0.0, MOST_RPS),
        "Arrivals a second at its end, in the open model.",
    ),
    Key::new(
        "shape",
        Kind::Choice(Shape::WORDS),
        "How it gets to its target: in a straight line, or at once.",
    )
    .or("\"linear\""),
];

const WARM_UP: &[Key] = &[
    Key::new("duration_s", SECONDS, "How long it lasts."),
    Key::new("requests", Kind::Whole(1, 1_000_000), "In place of `duration_s`: so many requests."),
    Key::new(
        "hand_over",
        Kind::Flag,
        "Whether the measurement begins while answers of the warm-up are still open; in the open model it always does.",
    )
    .or("true"),
];

const STEADY: &[Key] = &[
    Key::new(
        "detect",
        Kind::Flag,
        "Look for the steady part, and report it as well.",
    )
    .or("true"),
    Key::new(
        "require",
        Kind::Flag,
        "Judge thresholds on the steady part.",
    )
    .or("false"),
];

const THINK_TIME: &[Key] = &[
    Key::new(
        "distribution",
        Kind::Choice(&[
            "none",
            "constant",
            "uniform",
            "exponential",
            "normal",
            "lognormal",
        ]),
        "How the wait is spread.",
    )
    .required(),
    Key::new(
        "mean_ms",
        PAUSE,
        "The mean; the wait itself where that is constant.",
    ),
    Key::new(
        "stddev_ms",
        PAUSE,
        "The standard deviation, of normal and lognormal ones; half the mean where it is left out.",
    ),
    Key::new("min_ms", PAUSE, "The least; 0 where it is left out."),
    Key::new("max_ms", PAUSE, "The most; an hour where it is left out."),
];

const REQUEST: &[Key] = &[
    Key::new("name", Kind::Text, "Its name in reports and rules; unique.").required(),
    Key::new("weight", Kind::Whole(0, 1_000_000), "Its part of the mix, beside the others' weights.").or("1"),
    Key::new("stream", Kind::Flag, "Whether it asks for a stream or for one JSON answer.").required(),
    Key::new(
        "prompts",
        Kind::Text,
        "What is asked: `builtin:short`, `builtin:long`, `builtin:unicode`, or `file:NAME` with a prompt a line, as a JSON string, {\"prompt\": …} or {\"messages\": […]}; relative to the scenario.",
    )
    .or("\"builtin:short\""),
    Key::new(
        "prompt",
        Kind::Text,
        "In place of `prompts`: a text in which {user}, {n} and {random} are filled in; `{{` is a brace.",
    ),
    Key::new(
        "turns",
        Kind::Whole(1, 100),
        "Over 1: a conversation of so many questions, the answers fed back; closed model only.",
    )
    .or("1"),
    Key::new(
        "prompt_bytes",
        Kind::Section(&BYTES),
        "How long prompts are, in bytes: shorter ones are padded.",
    ),
    Key::new(
        "unique",
        Kind::Flag,
        "Whether every prompt has something in it that no other has, so that no answer comes from a cache.",
    )
    .or("true"),
    Key::new(
        "ask_words",
        Kind::Whole(1, 100_000),
        "Adds \"Answer in about N words.\", as the API has no limit of tokens.",
    ),
    Key::new("user", Kind::Text, "The field `user`; {user}, {n} and {random} are filled in."),
    Key::new("model", Kind::Choice(&["override"]), "The field `model`: the one of the profile's [models]."),
    Key::new(
        "abandon",
        Kind::Section(ABANDON),
        "Clients that go away before a stream's end (LIMIT-3).",
    ),
];

const ABANDON: &[Key] = &[
    Key::new("ratio", SHARE, "Which part of the requests is abandoned.").required(),
    Key::new(
        "after_chunks",
        Kind::Whole(0, 100_000),
        "After so many chunks with content.",
    )
    .or("1"),
];

const CLIENT: &[Key] = &[
    Key::new(
        "connections",
        Kind::Choice(Connections::WORDS),
        "A connection for each user (in the open model for each answer in flight), a pool for all, or a new one for each request.",
    )
    .or("\"per_user\""),
    Key::new("connect_timeout_s", SECONDS, "How long a connection is waited for.").or("10"),
    Key::new(
        "idle_timeout_s",
        SECONDS,
        "How long a body that has begun may be silent; the whole answer has the profile's timeout_s.",
    )
    .or("30"),
    Key::new("stall_ms", MILLIS, "A gap between two chunks that is longer counts as a stall.").or("1000"),
    Key::new(
        "on_saturation",
        Kind::Choice(OnSaturation::WORDS),
        "What it does to a run that this machine was too slow for it: it is invalid, has a warning, or is stopped.",
    )
    .or("\"invalid\""),
];

const OBJECTIVE: &[Key] = &[
    Key::new(
        "time_to_first_token_ms",
        MILLIS,
        "The longest time to the first chunk with content.",
    ),
    Key::new(
        "inter_chunk_latency_max_ms",
        MILLIS,
        "The longest gap between two chunks with content.",
    ),
    Key::new(
        "request_latency_ms",
        MILLIS,
        "The longest time to the end of the answer.",
    ),
];

const THRESHOLDS: &[Key] = &[
    Key::new(
        "rules",
        Kind::Texts,
        "`metric.stat op value [for request]`, such as `time_to_first_token_ms.p95 < 800 for stream`.",
    ),
    Key::new(
        "ci",
        Kind::Choice(Ci::WORDS),
        "What is compared: the figure itself, or the far end of its 95 % interval.",
    )
    .or("\"point\""),
];

const ABORT: &[Key] = &[
    Key::new(
        "error_ratio",
        Kind::Section(ERROR_RATIO),
        "Errors as a part of answers in a sliding window; throttled ones aside.",
    ),
    Key::new(
        "consecutive_errors",
        Kind::Whole(1, 1_000_000_000),
        "So many errors one after another.",
    ),
    Key::new(
        "codes",
        Kind::Choices(CODES),
        "An answer with one of these documented codes, at once.",
    ),
    Key::new(
        "threshold",
        Kind::Texts,
        "Figures whose rules in [thresholds] stop the run too, once `after_s` is over.",
    ),
    Key::new(
        "after_s",
        Kind::Range(0.0, LONGEST_S),
        "From when on `threshold` is judged.",
    )
    .or("0"),
    Key::new(
        "over_saturation",
        Kind::Flag,
        "Stop once the target is given more than it carries, and its queue only grows.",
    )
    .or("false"),
];

const ERROR_RATIO: &[Key] = &[
    Key::new("over", SHARE, "The ratio that is too much.").required(),
    Key::new("for_s", SECONDS, "How long the window is.").or("10"),
];

const BUDGET: &[Key] = &[
    Key::new(
        "completions",
        Kind::Whole(1, 1_000_000_000_000),
        "Requests that may call the model, at most: counted before they are sent.",
    ),
    Key::new("duration_s", SECONDS, "How long the whole run may take."),
];

const SEARCH: &[Key] = &[
    Key::new(
        "variable",
        Kind::Choice(&["rate_rps", "users"]),
        "What is varied: `users` in the closed model, `rate_rps` in the open one. The model says it where this is left out.",
    ),
    Key::new("min", Kind::Range(0.001, MOST_RPS), "The least to try.").or("1"),
    Key::new("max", Kind::Range(0.001, MOST_RPS), "The most to try.").required(),
    Key::new(
        "good_request_fraction",
        // No number of good answers proves that all of them are.
        Kind::Range(0.0, 0.9999),
        "Carried is what leaves so many of the requests good.",
    )
    .or("0.99"),
    Key::new(
        "confidence",
        Kind::Range(0.5, 0.9999),
        "How sure a probe has to be before it counts.",
    )
    .or("0.95"),
    Key::new("probe_s", SECONDS, "How long one probe lasts.").or("60"),
    Key::new("max_probes", Kind::Whole(2, 1_000), "Probes at most.").or("12"),
];

const MOCK: &[Key] = &[
    Key::new(
        "time_to_first_token_ms",
        Kind::Section(&PAUSES),
        "From a request to the first chunk; a JSON answer comes after it as well.",
    )
    .or("{\"distribution\": \"constant\", \"value\": 5}"),
    Key::new("inter_chunk_latency_ms", Kind::Section(&PAUSES), "From one chunk to the next.")
        .or("{\"distribution\": \"constant\", \"value\": 2}"),
    Key::new("chunks", Kind::Section(&CHUNKS), "Chunks with content in an answer.")
        .or("{\"distribution\": \"constant\", \"value\": 8}"),
    Key::new(
        "faults",
        Kind::Table,
        "What goes wrong, and in which part of the answers: a name of an error class, a documented code, or `status_503`.",
    ),
    Key::new(
        "slots",
        Kind::Whole(0, 1_000_000),
        "Over 0: only so many answers at once; the other requests wait.",
    )
    .or("0"),
    Key::new(
        "stamp_chunks",
        Kind::Flag,
        "Whether every chunk tells when it was sent, to check the measurement against: `sent_ns`, nanoseconds of CLOCK_MONOTONIC.",
    )
    .or("false"),
];

/// What a prompt's length may be.
pub(super) const BYTES: [Key; 6] = distribution(1.0, LARGEST_PROMPT as f64);

/// How many chunks an answer may have.
pub(super) const CHUNKS: [Key; 6] = distribution(1.0, 100_000.0);

/// How long the mock may wait, in milliseconds.
pub(super) const PAUSES: [Key; 6] = distribution(0.0, LONGEST_MS);

/// The keys of a distribution of numbers in a range.
const fn distribution(least: f64, most: f64) -> [Key; 6] {
    let number = Kind::Range(least, most);
    [
        Key::new(
            "distribution",
            Kind::Choice(&["constant", "uniform", "exponential", "normal", "lognormal"]),
            "How the numbers are spread.",
        )
        .required(),
        Key::new("value", number, "The number itself, where it is constant."),
        Key::new(
            "mean",
            number,
            "The mean, of exponential, normal and lognormal ones.",
        ),
        Key::new(
            "stddev",
            Kind::Range(0.0, most),
            "The standard deviation, of normal and lognormal ones; half the mean where it is left out.",
        ),
        Key::new(
            "min",
            number,
            "The least; what the key allows where it is left out.",
        ),
        Key::new(
            "max",
            number,
            "The most; what the key allows where it is left out.",
        ),
    ]
}
