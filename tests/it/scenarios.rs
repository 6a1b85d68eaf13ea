//! Load scenarios: ours explained, and what is said of wrong ones.

use crate::support::{Run, assert_approved};
use clawcheck::load::BUILTIN;
use std::fmt::Write as _;

/// A file with something wrong in it: a right one with more at its top, another `[load]`, and more at its end, below
/// the last `[[request]]`.
pub(crate) struct Wrong {
    pub(crate) name: &'static str,
    top: &'static str,
    load: &'static str,
    more: &'static str,
    /// Whether the schema refuses it as well: it compares no two numbers, and knows no files and no sums.
    pub(crate) schema_sees_it: bool,
}

const CLOSED: &str = "model = \"closed\"\n[[load.stage]]\nduration_s = 5\nusers = 5\n";
const OPEN: &str = "model = \"open\"\n[[load.stage]]\nduration_s = 5\nrate_rps = 5\n";

const fn wrong(
    name: &'static str,
    top: &'static str,
    load: &'static str,
    more: &'static str,
) -> Wrong {
    Wrong {
        name,
        top,
        load,
        more,
        schema_sees_it: true,
    }
}

const fn unseen(mut wrong: Wrong) -> Wrong {
    wrong.schema_sees_it = false;
    wrong
}

impl Wrong {
    pub(crate) fn text(&self) -> String {
        let Wrong {
            top, load, more, ..
        } = self;
        format!(
            "name = \"x\"\n{top}[load]\n{load}[[request]]\nname = \"one\"\nstream = true\n{more}"
        )
    }
}

pub(crate) const WRONG: &[Wrong] = &[
    wrong(
        "typos",
        "sed = 1\n[warmup]\n",
        "model = \"closed\"\narivals = \"constant\"\n[[load.stage]]\ndurations_s = 1\nduration_s = 5\nusers = 5\nzzz = 1\n",
        "wieght = 1\n[thresholds]\nrule = []\n[mock]\nslot = 1\n",
    ),
    wrong(
        "types",
        "seed = \"7\"\nkeys = \"valid\"\ncontract = 1\n",
        "model = \"closed\"\nstage = 5\n",
        "weight = 1.5\nprompts = [\"a\"]\nprompt_bytes = 400\nabandon = true\n[thresholds]\nrules = [\"error_ratio < 1\", 5]\n[mock]\nfaults = [\"reset\"]\nchunks = 8\n",
    ),
    wrong("a table that is none", "", CLOSED, "[[mock]]\nslots = 1\n"),
    wrong(
        "words",
        "key = \"vaild\"\nbot = \"offlin\"\ncontract = \"ignore\"\nthrottled = \"retri\"\n",
        "model = \"closed\"\nend = \"drian\"\n[[load.stage]]\nduration_s = 5\nusers = 5\nshape = \"stairs\"\n",
        "prompts = \"builtin:shrt\"\nmodel = \"other\"\n[client]\nconnections = \"one\"\non_saturation = \"fail\"\n[thresholds]\nci = \"points\"\n[abort]\ncodes = [\"invalid_api_kee\", \"bot_not_found\"]\n",
    ),
    wrong(
        "the model",
        "",
        "model = \"opne\"\n[[load.stage]]\nduration_s = 5\nusers = 5\nzzz = 1\n",
        "",
    ),
    wrong(
        "no model",
        "",
        "[[load.stage]]\nduration_s = 5\nusers = 5\n",
        "",
    ),
    wrong("no stage", "", "model = \"closed\"\n", ""),
    wrong(
        "an empty list of stages",
        "",
        "model = \"closed\"\nstage = []\n",
        "",
    ),
    wrong(
        "numbers out of range",
        "seed = -1\n",
        "model = \"closed\"\ndrain_s = 0\nrepeat = 0\n[[load.stage]]\nduration_s = -5\nusers = -1\n[[load.stage]]\nduration_s = nan\nusers = 1000000\n[[load.stage]]\nduration_s = inf\nusers = 1\n",
        "weight = -1\nturns = 0\nabandon = { ratio = 1.5, after_chunks = -1 }\n[client]\nstall_ms = 0\n[abort]\nerror_ratio = { over = -0.1, for_s = 0 }\nconsecutive_errors = 0\n[budget]\ncompletions = 0\n[mock]\nfaults = { reset = 2, framing = nan }\n",
    ),
    unseen(wrong(
        "stages without anything to do",
        "",
        "model = \"closed\"\n[[load.stage]]\nduration_s = 5\nusers = 0\n",
        "",
    )),
    unseen(wrong(
        "stages without end",
        "",
        "model = \"closed\"\nrepeat = 10000\n[[load.stage]]\nduration_s = 2678400\nusers = 1\n",
        "",
    )),
    unseen(wrong(
        "stages of one name",
        "",
        "model = \"closed\"\n[[load.stage]]\nname = \"stage-2\"\nduration_s = 5\nusers = 1\n[[load.stage]]\nduration_s = 5\nusers = 2\n",
        "",
    )),
    wrong(
        "a stage without a target",
        "",
        "model = \"open\"\n[[load.stage]]\nduration_s = 5\n",
        "",
    ),
    wrong(
        "a rate in the closed model",
        "",
        "model = \"closed\"\n[[load.stage]]\nduration_s = 5\nrate_rps = 5\n",
        "",
    ),
    wrong(
        "users in the open model",
        "",
        "model = \"open\"\n[[load.stage]]\nduration_s = 5\nusers = 5\n",
        "",
    ),
    wrong(
        "both in one stage",
        "",
        "model = \"open\"\n[[load.stage]]\nduration_s = 5\nusers = 5\nrate_rps = 5\n",
        "",
    ),
    wrong(
        "arrivals in the closed model",
        "",
        "model = \"closed\"\narrivals = \"poisson\"\nmax_in_flight = 5\n[[load.stage]]\nduration_s = 5\nusers = 5\n",
        "",
    ),
    wrong(
        "what only users do",
        "throttled = \"retry\"\nthink_time = { distribution = \"constant\", mean = 5 }\nwarm_up = { duration_s = 1, hand_over = false }\n",
        OPEN,
        "turns = 2\n",
    ),
    wrong(
        "burstiness without gamma",
        "",
        "model = \"open\"\nburstiness = 0.5\n[[load.stage]]\nduration_s = 5\nrate_rps = 5\n",
        "",
    ),
    wrong(
        "gamma without burstiness",
        "",
        "model = \"open\"\narrivals = \"gamma\"\n[[load.stage]]\nduration_s = 5\nrate_rps = 5\n",
        "",
    ),
    wrong(
        "a trace without a file",
        "",
        "model = \"open\"\narrivals = \"trace\"\n",
        "",
    ),
    wrong(
        "a file without a trace",
        "",
        "model = \"open\"\ntrace = \"trace.jsonl\"\n[[load.stage]]\nduration_s = 5\nrate_rps = 5\n",
        "",
    ),
    wrong(
        "a trace and stages",
        "warm_up = { duration_s = 1 }\nsearch = { max = 5 }\nobjective = { request_latency_ms = 1 }\n",
        "model = \"open\"\narrivals = \"trace\"\ntrace = \"trace.jsonl\"\nrepeat = 2\n[[load.stage]]\nduration_s = 5\nrate_rps = 5\n",
        "",
    ),
    unseen(wrong(
        "a trace that is not there",
        "",
        "model = \"open\"\narrivals = \"trace\"\ntrace = \"missing.jsonl\"\n",
        "",
    )),
    unseen(wrong(
        "a trace with something wrong in it",
        "",
        "model = \"open\"\narrivals = \"trace\"\ntrace = \"bad-trace.jsonl\"\n",
        "",
    )),
    unseen(wrong(
        "a trace that ends as it begins",
        "",
        "model = \"open\"\narrivals = \"trace\"\ntrace = \"zero.jsonl\"\n",
        "",
    )),
    wrong(
        "the end",
        "",
        "model = \"closed\"\nend = \"cut\"\ndrain_s = 5\n[[load.stage]]\nduration_s = 5\nusers = 5\n",
        "",
    ),
    wrong("keys", "key = \"valid\"\nkeys = []\n", CLOSED, ""),
    wrong(
        "names",
        "",
        "model = \"closed\"\n[[load.stage]]\nname = \"first stage\"\nduration_s = 5\nusers = 5\n",
        "[[request]]\nname = \"hold#2\"\nstream = true\n[[request]]\nname = \"\"\nstream = true\n",
    ),
    unseen(wrong(
        "requests of one name",
        "",
        CLOSED,
        "[[request]]\nname = \"one\"\nstream = false\n",
    )),
    unseen(wrong(
        "a mix of nothing",
        "",
        CLOSED,
        "weight = 0\n[[request]]\nname = \"two\"\nstream = false\nweight = 0\n",
    )),
    wrong(
        "a request without much",
        "",
        CLOSED,
        "[[request]]\nweight = 2\n",
    ),
    wrong(
        "prompt and prompts",
        "",
        CLOSED,
        "prompt = \"Hello\"\nprompts = \"builtin:short\"\n",
    ),
    unseen(wrong(
        "places in a prompt",
        "",
        CLOSED,
        "prompt = \"Hello {usr}, {n}, {name}\"\nuser = \"${UNSET}\"\n",
    )),
    unseen(wrong(
        "prompts that are not there",
        "",
        CLOSED,
        "prompts = \"file:missing.jsonl\"\n",
    )),
    unseen(wrong(
        "prompts that are a folder",
        "",
        CLOSED,
        "prompts = \"file:.\"\n",
    )),
    unseen(wrong(
        "prompts with something wrong in them",
        "",
        CLOSED,
        "prompts = \"file:bad-prompts.jsonl\"\n",
    )),
    unseen(wrong(
        "prompts of nothing",
        "",
        CLOSED,
        "prompts = \"file:empty.jsonl\"\n",
    )),
    unseen(wrong(
        "prompts that are no text",
        "",
        CLOSED,
        "prompts = \"file:bytes.jsonl\"\n",
    )),
    wrong(
        "prompts too large",
        "",
        CLOSED,
        "prompt_bytes = { distribution = \"constant\", value = 100000 }\n[[request]]\nname = \"two\"\nstream = true\nprompt_bytes = { distribution = \"uniform\", max = 98001 }\n",
    ),
    wrong(
        "distributions and what they do not take",
        "think_time = { distribution = \"none\", mean_ms = 5 }\n",
        CLOSED,
        "prompt_bytes = { distribution = \"constant\", mean = 400 }\n[mock]\nchunks = { distribution = \"uniform\", value = 5 }\ntime_to_first_token_ms = { distribution = \"exponental\", mean = 5 }\ninter_chunk_latency_ms = { distribution = \"normal\" }\n",
    ),
    unseen(wrong(
        "distributions and their ranges",
        "think_time = { distribution = \"lognormal\", mean_ms = 0 }\n",
        CLOSED,
        "prompt_bytes = { distribution = \"uniform\", min = 9, max = 5 }\n[mock]\nchunks = { distribution = \"normal\", mean = 400, max = 50 }\n",
    )),
    wrong(
        "a JSON answer abandoned",
        "",
        CLOSED,
        "[[request]]\nname = \"two\"\nstream = false\nabandon = { ratio = 0.5 }\n",
    ),
    wrong(
        "warm-up",
        "warm_up = { duration_s = 1, requests = 5 }\n",
        CLOSED,
        "",
    ),
    wrong(
        "warm-up of nothing",
        "warm_up = { hand_over = true }\n",
        CLOSED,
        "",
    ),
    unseen(wrong(
        "warm-up at nothing",
        "warm_up = { requests = 5 }\n",
        "model = \"closed\"\n[[load.stage]]\nduration_s = 5\nusers = 0\n[[load.stage]]\nduration_s = 5\nusers = 5\n",
        "",
    )),
    wrong(
        "steady",
        "steady = { detect = false, require = true }\n",
        CLOSED,
        "",
    ),
    wrong(
        "figures that are none",
        "",
        CLOSED,
        "[thresholds]\nrules = [\n  \"time_to_frist_token_ms.p95 < 800\",\n  \"request_latency_ms.p96 < 800\",\n  \"request_latency_ms < 800\",\n  \"error_ratio.p95 < 800\",\n  \"zzz < 800\",\n]\n",
    ),
    wrong(
        "rules that are none",
        "",
        CLOSED,
        "[thresholds]\nrules = [\n  \"\",\n  \"error_ratio\",\n  \"error_ratio = 0\",\n  \"error_ratio => 0\",\n  \"request_latency_ms.p95 < 800ms\",\n  \"request_latency_ms.p95 < many\",\n  \"error_ratio < 1 of one\",\n  \"error_ratio < 1 for\",\n  \"error_ratio < 1 for one of\",\n]\n",
    ),
    unseen(wrong(
        "rules of requests that are none",
        "",
        CLOSED,
        "[thresholds]\nrules = [\"error_ratio < 1 for on\", \"error_ratio < 1 for zzzzz\", \"runtime_lag_ms.p99 < 5 for one\"]\n",
    )),
    unseen(wrong(
        "rules that can never have a value",
        "",
        CLOSED,
        "[[request]]\nname = \"json\"\nstream = false\n[thresholds]\nrules = [\n  \"time_to_first_token_ms.p95 < 800 for json\",\n  \"response_time_ms.p95 < 800\",\n  \"think_time_ms.mean > 0\",\n]\n",
    )),
    unseen(wrong(
        "rules of what only users do",
        "",
        OPEN,
        "[thresholds]\nrules = [\"think_time_ms.mean > 0\"]\n",
    )),
    wrong(
        "abort",
        "",
        CLOSED,
        "[abort]\nthreshold = [\"eror_ratio\"]\nerror_ratio = { for_s = 5 }\n",
    ),
    wrong(
        "abort after something",
        "",
        CLOSED,
        "[abort]\nafter_s = 5\n",
    ),
    unseen(wrong(
        "abort by a rule that is none",
        "",
        CLOSED,
        "[thresholds]\nrules = [\"error_ratio < 1\"]\n[abort]\nthreshold = [\"error_ratio\", \"request_latency_ms.p95\"]\n",
    )),
    wrong(
        "a search without a goal",
        "search = { max = 5 }\n",
        "model = \"open\"\n",
        "",
    ),
    wrong(
        "a search with an empty goal",
        "search = { max = 5 }\nobjective = {}\n",
        "model = \"open\"\n",
        "",
    ),
    wrong(
        "a search for the other model's variable",
        "search = { variable = \"users\", max = 5.5 }\nobjective = { request_latency_ms = 1 }\n",
        "model = \"open\"\n",
        "",
    ),
    wrong(
        "a search for parts of users",
        "search = { min = 0.5, max = 5.5 }\nobjective = { request_latency_ms = 1 }\n",
        "model = \"closed\"\n",
        "",
    ),
    unseen(wrong(
        "a search from more to less",
        "search = { min = 5, max = 5 }\nobjective = { request_latency_ms = 1 }\n",
        "model = \"open\"\n",
        "",
    )),
    wrong(
        "a search without an end",
        "search = { max_probes = 1, confidence = 1, good_request_fraction = 1.1 }\nobjective = { request_latency_ms = 1 }\n",
        "model = \"open\"\n",
        "",
    ),
    wrong(
        "faults that are none",
        "",
        CLOSED,
        "[mock.faults]\ntruncated_steam = 0.1\nstatus_200 = 0.1\nzzz = 0.1\ndns = \"often\"\n",
    ),
    unseen(wrong(
        "faults in more than all",
        "",
        CLOSED,
        "[mock.faults]\nreset = 0.6\nframing = 0.6\n",
    )),
];

#[test]
fn every_mistake_has_its_message() {
    let long = format!("\"{}\"\n", "a".repeat(98_001));
    let prompts = format!(
        "\"right\"\nnot JSON\n  {{\"promt\": \"a\"}}\n[]\n{{\"messages\": [{{\"role\": \"usr\", \"content\": \"a\"}}]}}\n{{\"messages\": [{{\"role\": \"user\"}}]}}\n\"\"\n{long}"
    );
    let mut all = String::new();
    for wrong in WRONG {
        let output = Run::new(["explain", "own.toml"])
            .file("own.toml", wrong.text())
            .file("trace.jsonl", "{\"at_s\": 1}\n")
            .file(
                "bad-trace.jsonl",
                "{\"at_s\": -1}\n{\"at\": 1}\n{\"at_s\": 1, \"request\": \"on\"}\n{\"at_s\": 1\n",
            )
            .file("zero.jsonl", "{\"at_s\": 0}\n")
            .file("bad-prompts.jsonl", &prompts)
            .file("empty.jsonl", "\n\n")
            .file("bytes.jsonl", b"\"a\"\n\"\xff\"\n")
            .output();
        assert_eq!(output.code, Some(2), "{}: {}", wrong.name, output.text());
        assert_eq!(output.stdout, "", "{}", wrong.name);
        let _ = writeln!(all, "## {}\n{}", wrong.name, output.stderr);
    }
    assert_approved("scenario.mistakes", &all);
}

#[test]
fn other_files_and_names_have_their_messages() {
    let mut all = String::new();
    for args in [
        ["explain", "missing.toml"],
        ["explain", "folder/"],
        ["explain", "bytes.toml"],
        ["explain", "syntax.toml"],
        ["explain", "smok"],
        ["explain", "empty.toml"],
    ] {
        let output = Run::new(args)
            .file("bytes.toml", b"name = \"\xff\"\n")
            .file(
                "syntax.toml",
                "name = x\nsed = 1\n[load\nmodel = \"closed\"\n",
            )
            .file("empty.toml", "")
            .output();
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
        let _ = writeln!(all, "## {}\n{}", args.join(" "), output.stderr);
    }
    assert_approved("scenario.unreadable", &all);
}

#[test]
fn ours_are_explained() {
    let mut all = String::new();
    for builtin in BUILTIN {
        let output = Run::new(["explain", builtin.name]).output();
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        let _ = writeln!(all, "{}", output.stdout);
    }
    assert_approved("explain.scenarios", &all);
}

/// What ours do not use.
#[test]
fn a_file_is_explained_by_its_path() {
    let text = "name = \"own\"\nthrottled = \"retry\"\nkeys = [\"valid\", \"foreign\"]\nbot = \"slow\"\n\
                [load]\nmodel = \"closed\"\n[objective]\nrequest_latency_ms = 30000\n\
                [search]\nmin = 2\nmax = 60\nprobe_s = 90\n\
                [[request]]\nname = \"talk\"\nstream = true\nprompts = \"file:p.jsonl\"\nturns = 3\nmodel = \"override\"\n\
                [thresholds]\nrules = [\"error_ratio < 0.01\"]\nci = \"bound\"\n\
                [abort]\nthreshold = [\"error_ratio\"]\nover_saturation = true\n[budget]\nduration_s = 1800\n";
    let open = "name = \"open\"\n[load]\nmodel = \"open\"\narrivals = \"trace\"\ntrace = \"t.jsonl\"\n\
                [[request]]\nname = \"one\"\nstream = true\nprompt = \"Hello {n}\"\n";
    let mut all = String::new();
    for (name, text) in [("own.toml", text), ("open.toml", open)] {
        let output = Run::new(["explain", name])
            .file(name, text)
            .file("p.jsonl", "\"one\"\n\"two\"\n")
            .file("t.jsonl", "{\"at_s\": 1}\n")
            .output();
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        let _ = writeln!(all, "{}", output.stdout);
    }
    assert_approved("explain.scenario-file", &all);
}
