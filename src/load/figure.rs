//! The figures of a load report that a threshold can name.
//!
//! The names are those of the report, to the letter. Knows nothing of how a figure is measured.

use crate::profile::{Wrong, nearest};
use std::fmt;

/// Where a figure stands in a report: of each request of the mix as well, or of the whole run only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Of the run and of each request.
    ByRequest,
    /// Of the run only: it is the generator's, or the target's as a whole.
    OfRun,
}

/// What has to be in a scenario for a figure ever to have a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Anything,
    /// A request that is answered with a stream.
    Streams,
    /// The open model, where each request has an instant at which it is due.
    Arrivals,
    /// Both of these.
    ArrivingStreams,
    /// Users who think between their requests.
    Thought,
}

macro_rules! figures {
    ($(#[$meta:meta])* $type:ident { $($variant:ident $name:literal $kept:ident $takes:ident $says:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type {
            $(#[doc = $says] $variant,)*
        }

        impl $type {
            /// All of them, in the order of a report.
            pub const ALL: &[$type] = &[$($type::$variant,)*];

            /// Its name in a report and in a rule, unit included.
            pub const fn name(self) -> &'static str {
                match self { $($type::$variant => $name,)* }
            }

            /// What it is, in a sentence.
            pub const fn says(self) -> &'static str {
                match self { $($type::$variant => $says,)* }
            }

            /// Where it stands in a report.
            pub const fn kept(self) -> Kept {
                match self { $($type::$variant => Kept::$kept,)* }
            }

            /// What it takes to have a sample.
            pub const fn takes(self) -> Takes {
                match self { $($type::$variant => Takes::$takes,)* }
            }

            /// The one of that name.
            pub fn parse(name: &str) -> Option<$type> {
                Self::ALL.iter().copied().find(|figure| figure.name() == name)
            }
        }
    };
}

figures! {
    /// A distribution: many samples, of which a rule asks for one [`Stat`].
    Metric {
        TimeToHeaders "time_to_headers_ms" ByRequest Anything "From sending to the status line.";
        TimeToFirstEvent "time_to_first_event_ms" ByRequest Streams "From sending to the first data event of any kind.";
        TimeToFirstToken "time_to_first_token_ms" ByRequest Streams "From sending to the first chunk with content.";
        TtftFromIntended "ttft_from_intended_ms" ByRequest ArrivingStreams "From the instant at which the request was due to the first chunk with content.";
        TimeToSecondToken "time_to_second_token_ms" ByRequest Streams "From the first chunk with content to the second.";
        InterChunkLatency "inter_chunk_latency_ms" ByRequest Streams "Every gap between two chunks with content, of all answers.";
        TimePerOutputToken "time_per_output_token_ms" ByRequest Streams "From the first to the last chunk with content, for each token after the first.";
        RequestLatency "request_latency_ms" ByRequest Anything "From sending to the end of the body.";
        ResponseTime "response_time_ms" ByRequest Arrivals "From the instant at which the request was due to the end of the body.";
        FailedLatency "failed_latency_ms" ByRequest Anything "From sending to the end, of the answers that failed; they are in no other distribution.";
        ThinkTime "think_time_ms" ByRequest Thought "How long users thought after an answer.";
        Connect "connect_ms" ByRequest Anything "How long opening a connection took, where one was opened.";
        ChunksPerAnswer "chunks_per_answer" ByRequest Streams "Chunks with content in an answer.";
        TokensPerAnswer "tokens_per_answer" ByRequest Anything "Tokens in an answer, where the answer's usage tells them.";
        RetryAfter "retry_after_s" OfRun Anything "The seconds to wait that 429 answers asked for.";
        ScheduleLag "schedule_lag_ms" OfRun Arrivals "How much later than due the generator sent.";
        RuntimeLag "runtime_lag_ms" OfRun Anything "How much later than due the generator's own timers rang.";
        SelfError "self_error_ms" OfRun Anything "What the generator adds to a latency, measured against itself.";
    }
}

figures! {
    /// A single figure of a run, or of one request of it.
    Scalar {
        Requests "requests" ByRequest Anything "Requests that were sent.";
        Completions "completions" ByRequest Anything "Requests that may have called the model, warm-up included.";
        Sent "sent" ByRequest Anything "Requests that were sent.";
        Succeeded "succeeded" ByRequest Anything "Answers that came whole and right.";
        Errors "errors" ByRequest Anything "Answers that failed; throttled and cancelled ones aside.";
        Throttled "throttled" ByRequest Anything "Answers with a documented 429.";
        Cancelled "cancelled" ByRequest Anything "Answers that we ended ourselves.";
        Dropped "dropped" ByRequest Anything "Arrivals beyond the limit of requests in flight; not sent.";
        Unfinished "unfinished" ByRequest Anything "Answers still open when the time to drain was over.";
        ErrorRatio "error_ratio" ByRequest Anything "Errors, as a part of errors and successes.";
        Good "good" ByRequest Anything "Successes that kept the objective.";
        GoodRequestFraction "good_request_fraction" ByRequest Anything "Good answers, as a part of what was sent or dropped.";
        RequestThroughput "request_throughput_rps" ByRequest Anything "Answers a second, failed ones included.";
        Goodput "goodput_rps" ByRequest Anything "Good answers a second.";
        OutputTokenThroughput "output_token_throughput_tps" ByRequest Anything "Tokens a second, where answers tell them.";
        ChunkThroughput "chunk_throughput_cps" ByRequest Streams "Chunks with content a second.";
        OfferedRate "offered_rate_rps" ByRequest Anything "Requests a second that were sent or dropped.";
        AchievedRate "achieved_rate_rps" ByRequest Anything "Successes a second.";
        InFlightMean "in_flight.mean" ByRequest Anything "Requests in flight at a time, on average.";
        InFlightMax "in_flight.max" ByRequest Anything "Requests in flight at a time, at most.";
        BytesSent "bytes_sent" ByRequest Anything "Bytes of requests.";
        BytesReceived "bytes_received" ByRequest Anything "Bytes of answers.";
        PromptTokens "prompt_tokens" ByRequest Anything "Tokens of prompts, where answers tell them.";
        CompletionTokens "completion_tokens" ByRequest Anything "Tokens of answers, where they tell them.";
        ConnectionsOpened "connections_opened" ByRequest Anything "Connections that were opened.";
        ConnectionReuse "connection_reuse_ratio" ByRequest Anything "Requests that found a connection open, as a part of all.";
        TokensPerChunk "tokens_per_chunk_ratio" ByRequest Streams "Tokens in a chunk, on average.";
        Stalls "stalls.count" ByRequest Streams "Gaps between chunks over the length that counts as a stall.";
        StalledAnswers "stalls.answers" ByRequest Streams "Answers with such a gap.";
        CoalescedChunks "coalesced_chunk_ratio" OfRun Streams "Chunks that came together with the one before, as a part of all.";
        ClientCpu "client_cpu_ratio" OfRun Anything "The generator's share of the processors it may use.";
        ClientMemory "client_rss_max_bytes" OfRun Anything "The generator's memory, at most.";
    }
}

/// A statistic of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stat {
    /// How many samples.
    Count,
    /// Their mean.
    Mean,
    /// Their standard deviation.
    Stddev,
    /// The least.
    Min,
    /// The median.
    P50,
    /// Three quarters are no larger.
    P75,
    /// 90 of 100 are no larger.
    P90,
    /// 95 of 100 are no larger.
    P95,
    /// 99 of 100 are no larger.
    P99,
    /// 999 of 1000 are no larger.
    P99_9,
    /// The largest.
    Max,
}

impl Stat {
    /// All of them, in the order of a report.
    pub const ALL: &[Stat] = &[
        Stat::Count,
        Stat::Mean,
        Stat::Stddev,
        Stat::Min,
        Stat::P50,
        Stat::P75,
        Stat::P90,
        Stat::P95,
        Stat::P99,
        Stat::P99_9,
        Stat::Max,
    ];

    /// Its name in a report and in a rule.
    pub const fn name(self) -> &'static str {
        match self {
            Stat::Count => "count",
            Stat::Mean => "mean",
            Stat::Stddev => "stddev",
            Stat::Min => "min",
            Stat::P50 => "p50",
            Stat::P75 => "p75",
            Stat::P90 => "p90",
            Stat::P95 => "p95",
            Stat::P99 => "p99",
            Stat::P99_9 => "p99_9",
            Stat::Max => "max",
        }
    }

    /// The one of that name.
    pub fn parse(name: &str) -> Option<Stat> {
        Self::ALL.iter().copied().find(|stat| stat.name() == name)
    }

    /// How many samples it takes to be trusted; none where any will do.
    pub const fn least_samples(self) -> Option<u64> {
        match self {
            Stat::P50 => Some(10),
            Stat::P90 | Stat::P95 => Some(40),
            Stat::P99 => Some(100),
            Stat::P99_9 => Some(1000),
            Stat::Count | Stat::Mean | Stat::Stddev | Stat::Min | Stat::P75 | Stat::Max => None,
        }
    }

    /// Which quantile it is, where it is one.
    pub const fn quantile(self) -> Option<f64> {
        match self {
            Stat::P50 => Some(0.5),
            Stat::P75 => Some(0.75),
            Stat::P90 => Some(0.9),
            Stat::P95 => Some(0.95),
            Stat::P99 => Some(0.99),
            Stat::P99_9 => Some(0.999),
            Stat::Count | Stat::Mean | Stat::Stddev | Stat::Min | Stat::Max => None,
        }
    }
}

/// One number of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Figure {
    /// `error_ratio`
    Scalar(Scalar),
    /// `time_to_first_token_ms.p95`
    Metric(Metric, Stat),
}

impl Figure {
    /// Where it stands in a report.
    pub const fn kept(self) -> Kept {
        match self {
            Figure::Scalar(scalar) => scalar.kept(),
            Figure::Metric(metric, _) => metric.kept(),
        }
    }

    /// What it takes to have a value.
    pub const fn takes(self) -> Takes {
        match self {
            // How many samples there are is known without one.
            Figure::Metric(_, Stat::Count) => Takes::Anything,
            Figure::Metric(metric, _) => metric.takes(),
            Figure::Scalar(scalar) => scalar.takes(),
        }
    }

    /// The figure that `text` names: `error_ratio`, `time_to_first_token_ms.p95`. `key` is where it stands.
    ///
    /// # Errors
    /// What is wrong with it, and at which of its bytes.
    pub fn parse(text: &str, key: &str) -> Result<Figure, (usize, Wrong)> {
        if let Some(scalar) = Scalar::parse(text) {
            return Ok(Figure::Scalar(scalar));
        }
        let value = |expected: String| Wrong::Value {
            key: key.to_owned(),
            found: Some(text.to_owned()),
            expected,
            hint: None,
        };
        if let Some(metric) = Metric::parse(text) {
            let name = metric.name();
            return Err((0, value(format!("one figure, such as `{name}.p95`"))));
        }
        let unknown = |kind, name: &str, nearest: Option<&str>| Wrong::UnknownName {
            kind,
            name: name.to_owned(),
            nearest: nearest.map(str::to_owned),
        };
        let metrics = || Metric::ALL.iter().map(|metric| metric.name());
        let stats = || Stat::ALL.iter().map(|stat| stat.name());
        let scalars = || Scalar::ALL.iter().map(|scalar| scalar.name());
        let Some((head, tail)) = text.rsplit_once('.') else {
            let nearest = nearest(text, scalars().chain(metrics()));
            return Err((0, unknown("figure", text, nearest)));
        };
        match (Metric::parse(head), Stat::parse(tail)) {
            (Some(metric), Some(stat)) => Ok(Figure::Metric(metric, stat)),
            (Some(_), None) => {
                let at = text.len() - tail.len();
                Err((at, unknown("statistic", tail, nearest(tail, stats()))))
            }
            (None, Some(_)) if Scalar::parse(head).is_some() => Err((
                0,
                value(format!("`{head}` by itself, for it is one number")),
            )),
            (None, Some(_)) => Err((0, unknown("figure", head, nearest(head, metrics())))),
            (None, None) => {
                let nearest = nearest(text, scalars().chain(metrics()));
                Err((0, unknown("figure", text, nearest)))
            }
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Figure::Scalar(scalar) => f.write_str(scalar.name()),
            Figure::Metric(metric, stat) => write!(f, "{}.{}", metric.name(), stat.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "thresholds.rules";

    #[test]
    fn a_mistyped_figure_finds_its_name() {
        for (text, said) in [
            ("error_rato", "unknown figure `error_rato`"),
            (
                "time_to_first_token.p95",
                "unknown figure `time_to_first_token`",
            ),
            ("request_latency_ms.p96", "unknown statistic `p96`"),
        ] {
            let (_, wrong) = Figure::parse(text, KEY).expect_err(text);
            assert_eq!(wrong.to_string(), said);
            assert!(
                matches!(
                    wrong,
                    Wrong::UnknownName {
                        nearest: Some(_),
                        ..
                    }
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn no_name_is_both_one_figure_and_a_distribution() {
        for metric in Metric::ALL {
            assert_eq!(Scalar::parse(metric.name()), None);
            for stat in Stat::ALL {
                let figure = Figure::Metric(*metric, *stat);
                assert_eq!(Figure::parse(&figure.to_string(), KEY), Ok(figure));
            }
        }
        for scalar in Scalar::ALL {
            let figure = Figure::Scalar(*scalar);
            assert_eq!(Figure::parse(&figure.to_string(), KEY), Ok(figure));
        }
    }
}
