//! The words of reports that are no id of anything: what `explain` says of them.

/// A word, where it stands, and what it means.
pub(super) struct Term {
    /// As reports and the documents write it.
    pub(super) name: &'static str,
    /// What kind of word it is.
    pub(super) kind: &'static str,
    /// What it means.
    pub(super) says: &'static str,
}

macro_rules! terms {
    ($($kind:literal { $($name:literal $says:literal;)* })*) => {
        /// All of them.
        pub(super) const TERMS: &[Term] = &[$($(Term { name: $name, kind: $kind, says: $says },)*)*];
    };
}

terms! {
    "term of load" {
        "t_intended" "The instant at which a request of the open model was due, whether or not anything kept it from being sent then.";
        "t_sent" "The instant just before an exchange begins. A connect, where one is needed, comes after it, and is shown apart in connect_ms.";
        "content_chunk" "An event of a stream whose choices[].delta.content is a text that is not empty. Chunks with a role, with an end or with usage alone are none.";
        "stall" "A gap between two content chunks of more than stall_ms of the scenario.";
        "good" "A success that kept the scenario's objective; without an objective every success is good.";
        "goodput" "Good answers a second: what a deployment is worth to people who do not wait for slow ones.";
        "open_model" "Requests come when they are due, whether or not earlier ones were answered: how strangers arrive.";
        "closed_model" "So many users, each of whom waits for an answer before sending the next request.";
        "coordinated_omission" "What hides a server's standstill from a tool that does not send while it waits. response_time_ms and ttft_from_intended_ms count from when a request was due, and hide nothing.";
        "warm_up" "What is sent and checked before the measured window, and reported apart.";
        "drain" "After the measured window: open answers are read to their end, for drain_s at most, and nothing new is sent.";
        "steady" "The part of the measured window after its beginning has died away, found by MSER-5.";
        "throttled" "An answer with a documented 429: neither a success nor an error, unless the scenario says otherwise.";
    }
    "reason to doubt a load report" {
        "client_saturated" "This process used over 90 % of the cores that it may use for 3 s and more: every time may be its own.";
        "schedule_lag" "Requests were sent later than due, at p99 by more than 5 ms and more than a tenth of the time to the first token: response_time_ms and ttft_from_intended_ms are too long.";
        "runtime_lag" "Timers of this process rang late, by the same measure: every time may be too long.";
        "fd_limit" "This machine ran out of descriptors or ports, so that requests were not sent.";
        "memory" "This process held most of the machine's memory: what swaps is late.";
        "not_steady" "The scenario wants a steady window, and none was found.";
        "too_few_samples" "A threshold asks for a quantile of so few samples that it says nothing.";
    }
    "how a load run ended" {
        "completed" "Every stage ran for its whole time.";
        "aborted" "An abort rule, a threshold with abort, or a saturated client ended it; abort_reason says which.";
        "interrupted" "A signal ended it; what was measured by then is reported.";
        "budget" "So many completions were sent, or so much time was over, as [budget] allows.";
    }
    "what limits the answer of a search" {
        "objective" "The next larger value broke the objective.";
        "client" "The generator could send no more: the deployment may well hold more.";
        "max" "The largest value of the search kept the objective: the limit lies beyond it.";
        "undecided" "max_probes were used up before it was clear.";
    }
    "outcome of a test" {
        "pass" "As required.";
        "fail" "A MUST is broken: exit 1.";
        "advice" "A SHOULD is not followed, or something legal trips clients: exit 0, and 1 with --strict.";
        "skip" "Not tried: a fixture is missing from the profile, or it does not apply.";
        "inconclusive" "Tried, and nothing can be said: the message says why.";
    }
    "part of a conform report" {
        "drift" "A deployment's answer has another shape than the approved one in --snapshots: fields that came or went, other types, other statuses. Advice, no failure.";
        "fingerprint" "Every answer that the documentation leaves to the deployment, by name: two deployments, or two versions of one, can be laid side by side.";
        "kept" "MUSTs of which something was tested and nothing failed.";
        "reproduce" "A command that sends the same request; keys are variables in it.";
        "evidence" "The bytes of request and answer, the offending part marked, keys taken out.";
    }
    "level of a requirement" {
        "must" "The documentation says it, or no client could work without it: breaking it is a failure.";
        "should" "Good practice, or a standard's: not following it is advice.";
        "open" "The documentation leaves it to the deployment: what it does is reported in the fingerprint, and judged by nothing.";
    }
}

/// The term of that name, written with spaces, hyphens or underscores, in any case.
pub(super) fn find(name: &str) -> Option<&'static Term> {
    let plain = name.to_lowercase().replace([' ', '-'], "_");
    TERMS.iter().find(|term| term.name == plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_found_however_it_is_written() {
        for name in ["content chunk", "Content-Chunk", "content_chunk"] {
            assert_eq!(find(name).map(|term| term.name), Some("content_chunk"));
        }
        assert!(find("chunk of content").is_none());
    }
}
