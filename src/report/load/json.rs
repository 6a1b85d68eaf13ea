//! The report for programs: `schemas/report-load.schema.json` describes it. It has everything, histograms included, so
//! that reports can be compared and merged without the run.

use super::words::significant;
use crate::record::load::{
    Doubt, ErrorRow, Figures, LoadRecord, Part, Probe, Search, Series, Stage, ThresholdOutcome,
    ThresholdRow, Validity,
};
use crate::record::{Distribution, Evidence, heat_floor_ms};
use crate::report::text::timestamp;
use crate::report::text::{block, is_unsafe, line};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

#[derive(Serialize)]
struct Report {
    tool: &'static str,
    version: &'static str,
    command: &'static str,
    schema: &'static str,
    target: String,
    started_at: String,
    duration_s: f64,
    ended_by: &'static str,
    abort_reason: Option<String>,
    scenario: Scenario,
    host: HostRow,
    summary: RunSummary,
    validity: ValidityRow,
    windows: WindowsRow,
    metrics: Metrics,
    warm_up: Option<PartRow>,
    steady: Option<PartRow>,
    by_request: Vec<RequestRow>,
    by_stage: Vec<StageRow>,
    errors: Vec<ErrorRowOut>,
    statuses: BTreeMap<String, u64>,
    codes: BTreeMap<String, u64>,
    retry_after_s: Dist,
    checks: Vec<CheckRow>,
    thresholds: Vec<ThresholdRowOut>,
    series: SeriesRow,
    search: Option<SearchRow>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Scenario {
    name: String,
    sha256: String,
    seed: u64,
    model: &'static str,
    engine: &'static str,
    resolved: Value,
}

#[derive(Serialize)]
struct HostRow {
    cpus: usize,
    cpu_model: String,
    os: String,
    memory_bytes: u64,
    shard: Shard,
    clock_skew_ms: Option<f64>,
    complete: bool,
    clock_offset_ms: Interval,
    shards: Vec<MergedShard>,
}

#[derive(Serialize)]
struct Shard {
    index: usize,
    of: usize,
}

/// A shard of a merged report.
#[derive(Serialize)]
struct MergedShard {
    index: usize,
    started_at: String,
    clock_offset_ms: Interval,
}

/// The summary of the run: a part's, and the thresholds counted as `conform` counts cases.
#[derive(Serialize)]
struct RunSummary {
    passed: usize,
    failed: usize,
    #[serde(flatten)]
    part: Summary,
}

#[derive(Serialize)]
struct Summary {
    requests: u64,
    completions: Option<u64>,
    sent: u64,
    succeeded: u64,
    errors: u64,
    throttled: u64,
    cancelled: u64,
    dropped: u64,
    unfinished: u64,
    error_ratio: Option<f64>,
    good: u64,
    good_request_fraction: Option<f64>,
    request_throughput_rps: Option<f64>,
    goodput_rps: Option<f64>,
    output_token_throughput_tps: Option<f64>,
    chunk_throughput_cps: Option<f64>,
    offered_rate_rps: Option<f64>,
    achieved_rate_rps: Option<f64>,
    in_flight: InFlight,
    bytes_sent: u64,
    bytes_received: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
}

#[derive(Serialize)]
struct InFlight {
    mean: Option<f64>,
    max: Option<u64>,
}

#[derive(Serialize)]
struct ValidityRow {
    valid: bool,
    reasons: Vec<&'static str>,
    doubts: Vec<DoubtRow>,
    schedule_lag_ms: Dist,
    runtime_lag_ms: Dist,
    self_error_ms: Dist,
    coalesced_chunk_ratio: Option<f64>,
    client_cpu_ratio: Option<f64>,
    client_rss_max_bytes: u64,
}

/// A reason with its figure: what it spoils, and whether a threshold needs that.
#[derive(Serialize)]
struct DoubtRow {
    reason: &'static str,
    figure: String,
    spoils: Vec<&'static str>,
    needed: bool,
}

#[derive(Serialize)]
struct WindowsRow {
    warm_up_s: f64,
    measured_s: f64,
    drain_s: f64,
    steady: Option<SteadyRow>,
}

#[derive(Serialize)]
struct SteadyRow {
    from_s: f64,
    to_s: f64,
    method: &'static str,
}

#[derive(Serialize)]
struct Metrics {
    #[serde(flatten)]
    distributions: Map<String, Value>,
    connections_opened: u64,
    connections_reused: u64,
    connection_reuse_ratio: Option<f64>,
    tokens_per_chunk_ratio: Option<f64>,
    chunks: Chunks,
    stalls: Stalls,
}

/// Chunks with content: the counts behind the ratios, by which reports can be merged exactly.
#[derive(Serialize)]
struct Chunks {
    count: u64,
    coalesced: u64,
    with_usage: u64,
    tokens: u64,
}

#[derive(Serialize)]
struct Stalls {
    over_ms: f64,
    count: u64,
    answers: u64,
}

#[derive(Serialize)]
struct PartRow {
    summary: Summary,
    metrics: Metrics,
}

#[derive(Serialize)]
struct RequestRow {
    name: String,
    summary: Summary,
    metrics: Metrics,
}

#[derive(Serialize)]
struct StageRow {
    name: String,
    from_s: f64,
    to_s: f64,
    target: Option<f64>,
    summary: Summary,
    metrics: Metrics,
}

/// A distribution. Without samples its figures are null and it has no histogram; the count is always there.
#[derive(Serialize)]
struct Dist {
    unit: &'static str,
    count: u64,
    mean: Option<f64>,
    stddev: Option<f64>,
    min: Option<f64>,
    #[serde(flatten)]
    quantiles: Map<String, Value>,
    max: Option<f64>,
    ci95: Intervals,
    histogram: Option<HistogramRow>,
}

type Interval = Option<(f64, f64)>;

#[derive(Serialize)]
struct Intervals {
    p50: Interval,
    p95: Interval,
    p99: Interval,
}

#[derive(Serialize)]
struct HistogramRow {
    format: &'static str,
    unit: &'static str,
    sigfig: u8,
    low: u64,
    high: u64,
    data: String,
}

#[derive(Serialize)]
struct ErrorRowOut {
    class: &'static str,
    kind: &'static str,
    requirement: Option<&'static str>,
    status: Option<u16>,
    code: Option<String>,
    count: u64,
    first_at_s: f64,
    message: String,
    reproduce: String,
    evidence: Option<EvidenceRow>,
}

#[derive(Serialize)]
struct EvidenceRow {
    request: String,
    response: String,
}

#[derive(Serialize)]
struct CheckRow {
    requirement: &'static str,
    level: &'static str,
    checked: u64,
    failed: u64,
    advised: u64,
}

#[derive(Serialize)]
struct ThresholdRowOut {
    rule: String,
    value: Option<f64>,
    ci95: Interval,
    outcome: &'static str,
    aborted_run: bool,
}

#[derive(Serialize)]
struct SeriesRow {
    window_s: f64,
    t_s: Vec<f64>,
    sent: Vec<u64>,
    succeeded: Vec<u64>,
    errors: Vec<u64>,
    in_flight: Vec<u64>,
    ttft_p50_ms: Vec<Option<f64>>,
    ttft_p99_ms: Vec<Option<f64>>,
    icl_p99_ms: Vec<Option<f64>>,
    lag_p99_ms: Vec<Option<f64>>,
    ttft_heat: Heat,
}

/// Times to first token by their least value, a row of counts a window.
#[derive(Serialize)]
struct Heat {
    from_ms: Vec<f64>,
    counts: Vec<Vec<u64>>,
}

#[derive(Serialize)]
struct SearchRow {
    variable: &'static str,
    answer: Option<f64>,
    ci95: Interval,
    limited_by: &'static str,
    probes: Vec<ProbeRow>,
}

#[derive(Serialize)]
struct ProbeRow {
    value: f64,
    good: u64,
    total: u64,
    verdict: &'static str,
    duration_s: f64,
}

pub(super) fn write(record: &LoadRecord, out: &mut dyn Write) -> io::Result<()> {
    let report = serde_json::to_value(report(record))?;
    let mut text = String::new();
    pretty(&report, 0, &mut text);
    text.push('\n');
    out.write_all(inert(&text).as_bytes())
}

/// The same JSON, with what could forge a terminal as escapes: the scenario stands in it to the letter.
fn inert(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        // All of them stand in strings, and are of the basic plane; line ends are ours.
        if c != '\n' && is_unsafe(c) {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

fn report(record: &LoadRecord) -> Report {
    let metrics = |part: &Part| metrics(part, record.scenario.stall);
    let part_row = |part: &Part| PartRow {
        summary: summary(part),
        metrics: metrics(part),
    };
    Report {
        tool: "clawcheck",
        version: env!("CARGO_PKG_VERSION"),
        command: "load",
        schema: "load/1",
        target: line(&record.target),
        started_at: timestamp(record.started_at),
        duration_s: seconds(record.duration),
        ended_by: record.ended_by.as_str(),
        abort_reason: record.abort_reason.as_deref().map(line),
        scenario: scenario(record),
        host: host(record),
        summary: run_summary(record),
        validity: validity(&record.validity),
        windows: windows(record),
        metrics: metrics(&record.measured),
        warm_up: record.warm_up.as_ref().map(part_row),
        steady: record.steady.as_ref().map(|steady| part_row(&steady.part)),
        by_request: record
            .by_request
            .iter()
            .map(|(name, part)| RequestRow {
                name: line(name),
                summary: summary(part),
                metrics: metrics(part),
            })
            .collect(),
        by_stage: record
            .by_stage
            .iter()
            .map(|stage| stage_row(stage, metrics(&stage.part)))
            .collect(),
        errors: record.errors.iter().map(error).collect(),
        statuses: record
            .statuses
            .iter()
            .map(|(status, count)| (status.to_string(), *count))
            .collect(),
        codes: codes(&record.codes),
        retry_after_s: distribution(&record.retry_after),
        checks: checks(record),
        thresholds: record.thresholds.iter().map(threshold).collect(),
        series: series(&record.series),
        search: record.search.as_ref().map(search),
        notes: record.notes.iter().map(|note| line(note)).collect(),
    }
}

fn scenario(record: &LoadRecord) -> Scenario {
    let scenario = &record.scenario;
    Scenario {
        name: line(&scenario.name),
        sha256: line(&scenario.sha256),
        seed: scenario.seed,
        model: scenario.model,
        engine: scenario.engine,
        resolved: scenario.resolved.clone(),
    }
}

fn host(record: &LoadRecord) -> HostRow {
    let host = &record.host;
    let (index, of) = host.shard;
    HostRow {
        cpus: host.cpus,
        cpu_model: line(&host.cpu_model),
        os: line(&host.os),
        memory_bytes: host.memory_bytes,
        shard: Shard { index, of },
        clock_skew_ms: host.clock_skew_ms.map(thousandth),
        complete: host.complete,
        clock_offset_ms: host.clock_offset_ms.and_then(thousandths),
        shards: (host.shards.iter())
            .map(|shard| MergedShard {
                index: shard.index,
                started_at: timestamp(shard.started_at),
                clock_offset_ms: shard.clock_offset_ms.and_then(thousandths),
            })
            .collect(),
    }
}

fn run_summary(record: &LoadRecord) -> RunSummary {
    let passed = record
        .thresholds
        .iter()
        .filter(|threshold| threshold.outcome == ThresholdOutcome::Pass)
        .count();
    let (mean, most) = record.in_flight;
    RunSummary {
        passed,
        failed: record.thresholds.len() - passed,
        part: Summary {
            completions: Some(record.completions),
            in_flight: InFlight {
                mean: shown(mean),
                max: Some(most),
            },
            ..summary(&record.measured)
        },
    }
}

fn summary(part: &Part) -> Summary {
    let counts = &part.counts;
    Summary {
        requests: counts.sent,
        completions: part.completions,
        sent: counts.sent,
        succeeded: counts.succeeded,
        errors: counts.errors,
        throttled: counts.throttled,
        cancelled: counts.cancelled,
        dropped: counts.dropped,
        unfinished: counts.unfinished,
        error_ratio: counts.error_ratio().and_then(shown),
        good: counts.good,
        good_request_fraction: counts.good_request_fraction().and_then(shown),
        request_throughput_rps: part.request_throughput_rps().and_then(shown),
        goodput_rps: part.goodput_rps().and_then(shown),
        output_token_throughput_tps: part.output_token_throughput_tps().and_then(shown),
        chunk_throughput_cps: part.chunk_throughput_cps().and_then(shown),
        offered_rate_rps: part.offered_rate_rps().and_then(shown),
        achieved_rate_rps: part.achieved_rate_rps().and_then(shown),
        in_flight: InFlight {
            mean: part.in_flight.and_then(|(mean, _)| shown(mean)),
            max: part.in_flight.map(|(_, most)| most),
        },
        bytes_sent: counts.bytes_sent,
        bytes_received: counts.bytes_received,
        prompt_tokens: counts.prompt_tokens,
        completion_tokens: counts.completion_tokens,
    }
}

fn metrics(part: &Part, stall: Duration) -> Metrics {
    let Part {
        counts, figures, ..
    } = part;
    Metrics {
        distributions: distributions(figures),
        connections_opened: counts.connections_opened,
        connections_reused: counts.reused,
        connection_reuse_ratio: counts.connection_reuse_ratio().and_then(shown),
        tokens_per_chunk_ratio: counts.tokens_per_chunk_ratio().and_then(shown),
        chunks: Chunks {
            count: counts.contents,
            coalesced: counts.coalesced,
            with_usage: counts.contents_with_usage,
            tokens: counts.tokens_in_chunks,
        },
        stalls: Stalls {
            over_ms: thousandth(stall.as_secs_f64() * 1e3),
            count: counts.stalls,
            answers: counts.stalled_answers,
        },
    }
}

fn distributions(figures: &Figures) -> Map<String, Value> {
    figures
        .each()
        .into_iter()
        .map(|(name, figure)| {
            let value = serde_json::to_value(distribution(figure));
            (name.to_owned(), value.unwrap_or_default())
        })
        .collect()
}

fn distribution(distribution: &Distribution) -> Dist {
    let interval = |share| distribution.interval(share).and_then(thousandths);
    let quantile = |share| distribution.quantile(share).map(thousandth);
    Dist {
        unit: distribution.unit(),
        count: distribution.count(),
        mean: distribution.mean().map(thousandth),
        stddev: distribution.stddev().map(thousandth),
        min: distribution.min().map(thousandth),
        quantiles: Distribution::QUANTILES
            .into_iter()
            .map(|(name, share)| (name.to_owned(), quantile(share).into()))
            .collect(),
        max: distribution.max().map(thousandth),
        ci95: Intervals {
            p50: interval(0.5),
            p95: interval(0.95),
            p99: interval(0.99),
        },
        histogram: histogram(distribution),
    }
}

fn histogram(distribution: &Distribution) -> Option<HistogramRow> {
    let bytes = distribution.encoded();
    let (low, high) = distribution.range();
    (!bytes.is_empty()).then(|| HistogramRow {
        format: "hdr-v2-deflate-base64",
        unit: distribution.inner_unit(),
        sigfig: Distribution::DIGITS,
        low,
        high,
        data: BASE64.encode(bytes),
    })
}

fn validity(validity: &Validity) -> ValidityRow {
    let doubt = |doubt: &Doubt| DoubtRow {
        reason: doubt.name,
        figure: line(&doubt.figure),
        spoils: doubt.spoils.clone(),
        needed: doubt.needed,
    };
    ValidityRow {
        valid: validity.valid,
        reasons: validity.reasons.iter().map(|doubt| doubt.name).collect(),
        doubts: validity.reasons.iter().map(doubt).collect(),
        schedule_lag_ms: distribution(&validity.schedule_lag),
        runtime_lag_ms: distribution(&validity.runtime_lag),
        self_error_ms: distribution(&validity.self_error),
        coalesced_chunk_ratio: shown(validity.coalesced_chunk_ratio),
        client_cpu_ratio: shown(validity.client_cpu_ratio),
        client_rss_max_bytes: validity.client_rss_max_bytes,
    }
}

fn windows(record: &LoadRecord) -> WindowsRow {
    let windows = &record.windows;
    WindowsRow {
        warm_up_s: seconds(windows.warm_up),
        measured_s: seconds(windows.measured),
        drain_s: seconds(windows.drain),
        steady: record.steady.as_ref().map(|steady| SteadyRow {
            from_s: seconds(steady.from),
            to_s: seconds(steady.to),
            method: "mser5",
        }),
    }
}

fn stage_row(stage: &Stage, metrics: Metrics) -> StageRow {
    StageRow {
        name: line(&stage.name),
        from_s: seconds(stage.from),
        to_s: seconds(stage.to),
        target: shown(stage.target),
        summary: summary(&stage.part),
        metrics,
    }
}

fn error(row: &ErrorRow) -> ErrorRowOut {
    let evidence = |evidence: &Evidence| EvidenceRow {
        request: evidence.request().to_owned(),
        response: evidence.response().to_owned(),
    };
    ErrorRowOut {
        class: row.class.as_str(),
        kind: row.class.kind().as_str(),
        requirement: row.requirement.map(|requirement| requirement.as_str()),
        status: row.status,
        code: row.code.as_deref().map(line),
        count: row.count,
        first_at_s: seconds(row.first_at),
        message: line(&row.message),
        reproduce: block(&row.reproduce),
        evidence: row.evidence.as_ref().map(evidence),
    }
}

fn codes(codes: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut safe = BTreeMap::new();
    for (code, count) in codes {
        *safe.entry(line(code)).or_default() += count;
    }
    safe
}

fn checks(record: &LoadRecord) -> Vec<CheckRow> {
    record
        .checks
        .iter()
        .map(|(requirement, looks)| CheckRow {
            requirement: requirement.as_str(),
            level: requirement.level().as_str(),
            checked: looks.checked,
            failed: looks.failed,
            advised: looks.advised,
        })
        .collect()
}

fn threshold(row: &ThresholdRow) -> ThresholdRowOut {
    let pair = |(low, high)| Some((shown(low)?, shown(high)?));
    ThresholdRowOut {
        rule: line(&row.rule),
        value: row.value.and_then(shown),
        ci95: row.ci95.and_then(pair),
        outcome: row.outcome.as_str(),
        aborted_run: row.aborted_run,
    }
}

fn series(series: &Series) -> SeriesRow {
    let times = |values: &[Option<f64>]| -> Vec<Option<f64>> {
        values.iter().map(|value| value.map(thousandth)).collect()
    };
    SeriesRow {
        window_s: seconds(series.window),
        t_s: series.t_s.iter().copied().map(thousandth).collect(),
        sent: series.sent.clone(),
        succeeded: series.succeeded.clone(),
        errors: series.errors.clone(),
        in_flight: series.in_flight.clone(),
        ttft_p50_ms: times(&series.ttft_p50_ms),
        ttft_p99_ms: times(&series.ttft_p99_ms),
        icl_p99_ms: times(&series.icl_p99_ms),
        lag_p99_ms: times(&series.lag_p99_ms),
        ttft_heat: heat(&series.ttft_heat),
    }
}

fn heat(windows: &[BTreeMap<u16, u64>]) -> Heat {
    let buckets: BTreeSet<u16> = windows.iter().flat_map(BTreeMap::keys).copied().collect();
    let row = |window: &BTreeMap<u16, u64>| {
        let count = |bucket| window.get(bucket).copied().unwrap_or(0);
        buckets.iter().map(count).collect()
    };
    Heat {
        from_ms: buckets.iter().copied().map(heat_floor_ms).collect(),
        counts: windows.iter().map(row).collect(),
    }
}

fn search(search: &Search) -> SearchRow {
    let probe = |probe: &Probe| ProbeRow {
        value: significant(probe.value),
        good: probe.good,
        total: probe.total,
        verdict: probe.verdict,
        duration_s: seconds(probe.span),
    };
    let pair = |(low, high)| Some((shown(low)?, shown(high)?));
    SearchRow {
        variable: search.variable,
        answer: search.answer.and_then(shown),
        ci95: search.ci95.and_then(pair),
        limited_by: search.limited_by,
        probes: search.probes.iter().map(probe).collect(),
    }
}

/// A ratio or a rate; JSON has no word for what is no number.
fn shown(value: f64) -> Option<f64> {
    value.is_finite().then(|| significant(value))
}

/// To three decimals: a time in milliseconds to the microsecond, which is what is recorded.
fn thousandth(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn thousandths((low, high): (f64, f64)) -> Interval {
    Some((thousandth(low), thousandth(high)))
}

fn seconds(span: Duration) -> f64 {
    thousandth(span.as_secs_f64())
}

/// What fits in so many columns stands on one line.
const COLUMNS: usize = 120;

/// Indented JSON in which lists of numbers, of which a report is full, take one line and not thousands.
fn pretty(value: &Value, depth: usize, text: &mut String) {
    let is_plain = |value: &Value| !value.is_array() && !value.is_object();
    let compact = value.to_string();
    let on_one_line = match value {
        Value::Array(values) => values.iter().all(is_plain) || compact.len() <= COLUMNS,
        Value::Object(_) => compact.len() <= COLUMNS,
        _ => true,
    };
    if on_one_line {
        text.push_str(&compact);
        return;
    }
    let indent = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    match value {
        Value::Object(members) => {
            text.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                indent(text, depth + 1);
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push_str(": ");
                pretty(member, depth + 1, text);
            }
            indent(text, depth);
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                indent(text, depth + 1);
                pretty(value, depth + 1, text);
            }
            indent(text, depth);
            text.push(']');
        }
        _ => text.push_str(&compact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indenting_changes_no_value() {
        let value = serde_json::json!({
            "a": [1, 2.5, null, "x\u{1b}\"y"], "b": {}, "c": [], "d": [[1], {"e": [vec![0; 100], vec![1; 100]]}],
            "f": {"g": "x".repeat(200), "h\"": true}
        });
        let mut text = String::new();
        pretty(&value, 0, &mut text);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(text.lines().count() < 20, "{text}");
        let value = serde_json::json!({ "a": "\u{202e}\u{9b}\n é" });
        let safe = inert(&value.to_string());
        assert_eq!(safe, "{\"a\":\"\\u202e\\u009b\\n é\"}");
        assert_eq!(serde_json::from_str::<Value>(&safe).unwrap(), value);
    }
}
