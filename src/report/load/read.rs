//! The JSON report of a load run, read back: the other direction of [`json`](super::json), field for field. What people
//! wrote in between, such as a log's lines, is passed over.

use crate::contract::{ErrorCode, RequirementId};
use crate::record::load::{
    Counts, Doubt, EndedBy, ErrorClass, ErrorRow, Figures, Host, LoadRecord, Looks, Part,
    ScenarioFacts, Series, Shard, Stage, Steady, ThresholdOutcome, ThresholdRow, Validity, Windows,
};
use crate::record::{Distribution, Evidence, heat_bucket};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

/// A report that was read.
#[derive(Debug, Clone)]
pub struct Read {
    /// The version of the program that wrote it.
    pub version: String,
    /// What it tells.
    pub record: LoadRecord,
}

/// Why a text is no report of a load run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Where in it, as a path of names; empty where the whole is meant.
    pub at: String,
    /// What is wrong there.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.is_empty() {
            return f.write_str(&self.why);
        }
        write!(f, "`{}` {}", self.at, self.why)
    }
}

impl std::error::Error for Unreadable {}

type Result<T> = std::result::Result<T, Unreadable>;

/// Reads a report. Lines before it and text behind it are passed over: in a container's log they stand there.
///
/// # Errors
/// There is no report in it, or one of something else, or of another version of the format.
pub fn read(text: &str) -> Result<Read> {
    let whole = |why: &str| Unreadable {
        at: String::new(),
        why: why.to_owned(),
    };
    let begin = text
        .starts_with('{')
        .then_some(0)
        .or_else(|| text.find("\n{").map(|at| at + 1))
        .ok_or_else(|| whole("there is no JSON object in it"))?;
    let mut values = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<Value>();
    let value = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(whole(&format!("it is no JSON: {error}"))),
        None => return Err(whole("there is no JSON object in it")),
    };
    let root = Node {
        value: &value,
        path: String::new(),
    };
    let said = |key: &str| value[key].as_str().unwrap_or("something else").to_owned();
    if said("tool") != "clawcheck" || said("command") != "load" {
        return Err(whole("it is no report of `clawcheck load`"));
    }
    if said("schema") != "load/1" {
        let why = format!(
            "it is written as {}, and this version reads load/1",
            said("schema")
        );
        return Err(whole(&why));
    }
    Ok(Read {
        version: root.get("version")?.text()?,
        record: record(&root)?,
    })
}

/// A value and where it stands.
struct Node<'v> {
    value: &'v Value,
    path: String,
}

impl<'v> Node<'v> {
    fn wrong<T>(&self, why: impl Into<String>) -> Result<T> {
        Err(Unreadable {
            at: self.path.clone(),
            why: why.into(),
        })
    }

    fn get(&self, key: &str) -> Result<Node<'v>> {
        let path = match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        match self.value.get(key) {
            Some(value) => Ok(Node { value, path }),
            None => Err(Unreadable {
                at: path,
                why: "is missing".to_owned(),
            }),
        }
    }

    /// None where it is null.
    fn some(self) -> Option<Node<'v>> {
        (!self.value.is_null()).then_some(self)
    }

    fn items(&self) -> Result<Vec<Node<'v>>> {
        let Some(items) = self.value.as_array() else {
            return self.wrong("has to be a list");
        };
        let items = items.iter().enumerate();
        let node = |(index, value): (usize, &'v Value)| Node {
            value,
            path: format!("{}[{index}]", self.path),
        };
        Ok(items.map(node).collect())
    }

    fn members(&self) -> Result<Vec<(&'v str, Node<'v>)>> {
        let Some(members) = self.value.as_object() else {
            return self.wrong("has to be an object");
        };
        let node = |(key, value): (&'v String, &'v Value)| {
            let path = format!("{}.{key}", self.path);
            (key.as_str(), Node { value, path })
        };
        Ok(members.iter().map(node).collect())
    }

    fn text(&self) -> Result<String> {
        match self.value.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => self.wrong("has to be a string"),
        }
    }

    fn maybe_text(self) -> Result<Option<String>> {
        self.some().map(|node| node.text()).transpose()
    }

    fn flag(&self) -> Result<bool> {
        match self.value.as_bool() {
            Some(flag) => Ok(flag),
            None => self.wrong("has to be true or false"),
        }
    }

    fn count(&self) -> Result<u64> {
        // Larger ones are no counts of anything, and could not be added up.
        match self.value.as_u64().filter(|count| *count <= 1 << 53) {
            Some(count) => Ok(count),
            None => self.wrong("has to be a whole number"),
        }
    }

    fn size(&self) -> Result<usize> {
        let count = self.count()?;
        usize::try_from(count).or_else(|_| self.wrong("is too large a number"))
    }

    fn number(&self) -> Result<f64> {
        match self.value.as_f64() {
            Some(number) => Ok(number),
            None => self.wrong("has to be a number"),
        }
    }

    fn maybe_number(self) -> Result<Option<f64>> {
        self.some().map(|node| node.number()).transpose()
    }

    fn seconds(&self) -> Result<Duration> {
        Duration::try_from_secs_f64(self.number()?)
            .or_else(|_| self.wrong("has to be a number of seconds"))
    }

    fn instant(&self) -> Result<SystemTime> {
        let instant = self.text()?.parse::<jiff::Timestamp>().ok();
        match instant.and_then(|instant| SystemTime::try_from(instant).ok()) {
            Some(instant) => Ok(instant),
            None => self.wrong("has to be an instant by RFC 3339"),
        }
    }

    fn pair(self) -> Result<Option<(f64, f64)>> {
        let Some(node) = self.some() else {
            return Ok(None);
        };
        match node.items()?.as_slice() {
            [low, high] => Ok(Some((low.number()?, high.number()?))),
            _ => node.wrong("has to be two numbers"),
        }
    }

    fn counts(&self) -> Result<Vec<u64>> {
        self.items()?.iter().map(Node::count).collect()
    }

    fn numbers(&self) -> Result<Vec<f64>> {
        self.items()?.iter().map(Node::number).collect()
    }

    fn maybe_numbers(&self) -> Result<Vec<Option<f64>>> {
        let items = self.items()?.into_iter();
        items.map(Node::maybe_number).collect()
    }

    /// One of the names that there are.
    fn named<T: Copy>(&self, all: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        match all.iter().find(|(name, _)| *name == text) {
            Some((_, meant)) => Ok(*meant),
            None => self.wrong(format!("has a value that is not known: `{text}`")),
        }
    }
}

fn record(root: &Node<'_>) -> Result<LoadRecord> {
    let windows = root.get("windows")?;
    let spans = Windows {
        warm_up: windows.get("warm_up_s")?.seconds()?,
        measured: windows.get("measured_s")?.seconds()?,
        drain: windows.get("drain_s")?.seconds()?,
    };
    let measured = part(root, spans.measured)?;
    let resolved = root.get("scenario")?.get("resolved")?.value;
    let statuses = statuses(&root.get("statuses")?)?;
    Ok(LoadRecord {
        target: root.get("target")?.text()?,
        started_at: root.get("started_at")?.instant()?,
        duration: root.get("duration_s")?.seconds()?,
        ended_by: root.get("ended_by")?.named(&[
            ("completed", EndedBy::Completed),
            ("aborted", EndedBy::Aborted),
            ("interrupted", EndedBy::Interrupted),
            ("budget", EndedBy::Budget),
            ("error", EndedBy::Error),
        ])?,
        abort_reason: root.get("abort_reason")?.maybe_text()?,
        scenario: scenario(root)?,
        host: host(&root.get("host")?)?,
        completions: measured.completions.unwrap_or(measured.counts.sent),
        // Whatever answered had a status.
        reached: !statuses.is_empty(),
        in_flight: measured.in_flight.unwrap_or_default(),
        windows: spans,
        warm_up: match root.get("warm_up")?.some() {
            Some(node) => Some(part(&node, spans.warm_up)?),
            None => None,
        },
        steady: steady(root, &windows)?,
        by_request: root
            .get("by_request")?
            .items()?
            .iter()
            .map(|node| Ok((node.get("name")?.text()?, part(node, spans.measured)?)))
            .collect::<Result<_>>()?,
        by_stage: root
            .get("by_stage")?
            .items()?
            .iter()
            .map(|node| stage(node, spans.measured))
            .collect::<Result<_>>()?,
        measured,
        validity: validity(&root.get("validity")?)?,
        errors: root
            .get("errors")?
            .items()?
            .iter()
            .map(error)
            .collect::<Result<_>>()?,
        statuses,
        codes: root
            .get("codes")?
            .members()?
            .into_iter()
            .map(|(code, count)| Ok((code.to_owned(), count.count()?)))
            .collect::<Result<_>>()?,
        retry_after: distribution(&root.get("retry_after_s")?, "s")?,
        checks: checks(&root.get("checks")?)?,
        contract_fails: resolved["contract"] != "report",
        thresholds: root
            .get("thresholds")?
            .items()?
            .iter()
            .map(threshold)
            .collect::<Result<_>>()?,
        series: series(&root.get("series")?)?,
        search: match root.get("search")?.some() {
            Some(node) => return node.wrong("has something in it: a search has no parts"),
            None => None,
        },
        notes: root
            .get("notes")?
            .items()?
            .iter()
            .map(Node::text)
            .collect::<Result<_>>()?,
    })
}

fn scenario(root: &Node<'_>) -> Result<ScenarioFacts> {
    let node = root.get("scenario")?;
    let resolved = node.get("resolved")?.value.clone();
    let stalls = root.get("metrics")?.get("stalls")?;
    let stall = stalls.get("over_ms")?;
    Ok(ScenarioFacts {
        name: node.get("name")?.text()?,
        description: resolved["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        sha256: node.get("sha256")?.text()?,
        seed: node.get("seed")?.count()?,
        model: node
            .get("model")?
            .named(&[("closed", "closed"), ("open", "open")])?,
        engine: node.get("engine")?.named(&[
            ("goose", "goose"),
            ("tasks", "tasks"),
            ("arrivals", "arrivals"),
        ])?,
        resolved,
        stall: Duration::try_from_secs_f64(stall.number()? / 1e3)
            .or_else(|_| stall.wrong("has to be a number of milliseconds"))?,
    })
}

fn host(node: &Node<'_>) -> Result<Host> {
    let shard = node.get("shard")?;
    Ok(Host {
        cpus: node.get("cpus")?.size()?,
        cpu_model: node.get("cpu_model")?.text()?,
        os: node.get("os")?.text()?,
        memory_bytes: node.get("memory_bytes")?.count()?,
        shard: (shard.get("index")?.size()?, shard.get("of")?.size()?),
        clock_skew_ms: node.get("clock_skew_ms")?.maybe_number()?,
        complete: node.get("complete")?.flag()?,
        clock_offset_ms: node.get("clock_offset_ms")?.pair()?,
        shards: node
            .get("shards")?
            .items()?
            .iter()
            .map(|shard| {
                Ok(Shard {
                    index: shard.get("index")?.size()?,
                    started_at: shard.get("started_at")?.instant()?,
                    clock_offset_ms: shard.get("clock_offset_ms")?.pair()?,
                })
            })
            .collect::<Result<_>>()?,
    })
}

/// A part: `summary` and `metrics` of the object that has them.
fn part(node: &Node<'_>, span: Duration) -> Result<Part> {
    let (summary, metrics) = (node.get("summary")?, node.get("metrics")?);
    let count = |key: &str| summary.get(key)?.count();
    let (chunks, stalls) = (metrics.get("chunks")?, metrics.get("stalls")?);
    let counts = Counts {
        sent: count("sent")?,
        succeeded: count("succeeded")?,
        errors: count("errors")?,
        throttled: count("throttled")?,
        cancelled: count("cancelled")?,
        dropped: count("dropped")?,
        unfinished: count("unfinished")?,
        good: count("good")?,
        contents: chunks.get("count")?.count()?,
        coalesced: chunks.get("coalesced")?.count()?,
        bytes_sent: count("bytes_sent")?,
        bytes_received: count("bytes_received")?,
        prompt_tokens: count("prompt_tokens")?,
        completion_tokens: count("completion_tokens")?,
        contents_with_usage: chunks.get("with_usage")?.count()?,
        tokens_in_chunks: chunks.get("tokens")?.count()?,
        connections_opened: metrics.get("connections_opened")?.count()?,
        reused: metrics.get("connections_reused")?.count()?,
        stalls: stalls.get("count")?.count()?,
        stalled_answers: stalls.get("answers")?.count()?,
    };
    let mut figures = Figures::default();
    for (name, figure) in figures.each_mut() {
        *figure = distribution(&metrics.get(name)?, figure.unit())?;
    }
    let flying = summary.get("in_flight")?;
    let mean = flying.get("mean")?.maybe_number()?;
    let most = flying.get("max")?.some().map(|most| most.count());
    Ok(Part {
        counts,
        figures,
        span,
        in_flight: mean.zip(most.transpose()?),
        completions: summary
            .get("completions")?
            .some()
            .map(|completions| completions.count())
            .transpose()?,
    })
}

fn distribution(node: &Node<'_>, unit: &'static str) -> Result<Distribution> {
    let written = node.get("unit")?;
    if written.text()? != unit {
        return written.wrong(format!("has to be `{unit}`"));
    }
    let Some(histogram) = node.get("histogram")?.some() else {
        return Ok(Distribution::new(unit));
    };
    let data = histogram.get("data")?;
    let Ok(bytes) = BASE64.decode(data.text()?) else {
        return data.wrong("has to be base64");
    };
    let number = |key: &str| node.get(key)?.number();
    let range = (number("min")?, number("max")?);
    let decoded = Distribution::decoded(unit, &bytes, number("mean")?, number("stddev")?, range);
    let decoded = decoded.or_else(|why| data.wrong(format!("is no histogram: {why}")))?;
    let count = node.get("count")?;
    if decoded.count() != count.count()? {
        return count.wrong(format!(
            "does not fit its histogram, which has {}",
            decoded.count()
        ));
    }
    Ok(decoded)
}

fn steady(root: &Node<'_>, windows: &Node<'_>) -> Result<Option<Steady>> {
    let both = (windows.get("steady")?.some(), root.get("steady")?.some());
    let (Some(window), Some(node)) = both else {
        return Ok(None);
    };
    let (from, to) = (
        window.get("from_s")?.seconds()?,
        window.get("to_s")?.seconds()?,
    );
    Ok(Some(Steady {
        from,
        to,
        part: part(&node, to.saturating_sub(from))?,
    }))
}

fn stage(node: &Node<'_>, measured: Duration) -> Result<Stage> {
    let (from, to) = (node.get("from_s")?.seconds()?, node.get("to_s")?.seconds()?);
    Ok(Stage {
        name: node.get("name")?.text()?,
        from,
        to,
        target: node.get("target")?.maybe_number()?.unwrap_or_default(),
        part: part(node, to.min(measured).saturating_sub(from))?,
    })
}

fn validity(node: &Node<'_>) -> Result<Validity> {
    let lag = |key: &str| distribution(&node.get(key)?, "ms");
    let ratio = |key: &str| Ok(node.get(key)?.maybe_number()?.unwrap_or_default());
    Ok(Validity {
        valid: node.get("valid")?.flag()?,
        reasons: node
            .get("doubts")?
            .items()?
            .iter()
            .map(doubt)
            .collect::<Result<_>>()?,
        schedule_lag: lag("schedule_lag_ms")?,
        runtime_lag: lag("runtime_lag_ms")?,
        self_error: lag("self_error_ms")?,
        coalesced_chunk_ratio: ratio("coalesced_chunk_ratio")?,
        client_cpu_ratio: ratio("client_cpu_ratio")?,
        client_rss_max_bytes: node.get("client_rss_max_bytes")?.count()?,
    })
}

fn doubt(node: &Node<'_>) -> Result<Doubt> {
    let figures = Figures::default();
    let figures: Vec<&'static str> = figures.each().iter().map(|(name, _)| *name).collect();
    let known = |names: &[&'static str]| -> Vec<(&'static str, &'static str)> {
        names.iter().map(|name| (*name, *name)).collect()
    };
    let names = known(Doubt::NAMES);
    let figures = known(&figures);
    Ok(Doubt {
        name: node.get("reason")?.named(&names)?,
        figure: node.get("figure")?.text()?,
        spoils: node
            .get("spoils")?
            .items()?
            .iter()
            .map(|spoiled| spoiled.named(&figures))
            .collect::<Result<_>>()?,
        needed: node.get("needed")?.flag()?,
    })
}

fn error(node: &Node<'_>) -> Result<ErrorRow> {
    let class = node.get("class")?;
    let name = class.text()?;
    let mut fixed = ErrorClass::FIXED.iter().copied();
    let known = fixed
        .find(|class| class.as_str() == name)
        .or_else(|| ErrorCode::parse(&name).map(ErrorClass::Code));
    let Some(known) = known else {
        return class.wrong(format!("has a class that is not known: `{name}`"));
    };
    let status = node.get("status")?;
    Ok(ErrorRow {
        class: known,
        requirement: match node.get("requirement")?.some() {
            Some(requirement) => Some(self::requirement(&requirement)?),
            None => None,
        },
        status: match status.value.as_u64() {
            Some(number) => {
                Some(u16::try_from(number).or_else(|_| status.wrong("has to be an HTTP status"))?)
            }
            None => None,
        },
        code: node.get("code")?.maybe_text()?,
        count: node.get("count")?.count()?,
        first_at: node.get("first_at_s")?.seconds()?,
        message: node.get("message")?.text()?,
        reproduce: node.get("reproduce")?.text()?,
        evidence: match node.get("evidence")?.some() {
            Some(evidence) => Some(Evidence::reported(
                evidence.get("request")?.text()?,
                evidence.get("response")?.text()?,
            )),
            None => None,
        },
    })
}

fn requirement(node: &Node<'_>) -> Result<RequirementId> {
    let text = node.text()?;
    RequirementId::parse(&text).or_else(|_| node.wrong(format!("is no requirement: `{text}`")))
}

fn statuses(node: &Node<'_>) -> Result<BTreeMap<u16, u64>> {
    node.members()?
        .into_iter()
        .map(|(status, count)| match status.parse() {
            Ok(status) => Ok((status, count.count()?)),
            Err(_) => count.wrong("is no HTTP status"),
        })
        .collect()
}

fn checks(node: &Node<'_>) -> Result<BTreeMap<RequirementId, Looks>> {
    node.items()?
        .iter()
        .map(|check| {
            let looks = Looks {
                checked: check.get("checked")?.count()?,
                failed: check.get("failed")?.count()?,
                advised: check.get("advised")?.count()?,
            };
            Ok((requirement(&check.get("requirement")?)?, looks))
        })
        .collect()
}

fn threshold(node: &Node<'_>) -> Result<ThresholdRow> {
    Ok(ThresholdRow {
        rule: node.get("rule")?.text()?,
        value: node.get("value")?.maybe_number()?,
        ci95: node.get("ci95")?.pair()?,
        outcome: node.get("outcome")?.named(&[
            ("pass", ThresholdOutcome::Pass),
            ("fail", ThresholdOutcome::Fail),
            ("no_samples", ThresholdOutcome::NoSamples),
        ])?,
        aborted_run: node.get("aborted_run")?.flag()?,
    })
}

fn series(node: &Node<'_>) -> Result<Series> {
    let heat = node.get("ttft_heat")?;
    let from_ms = heat.get("from_ms")?.numbers()?;
    // The least value of a bucket, in whole microseconds, lies in it.
    let buckets: Vec<u16> = from_ms
        .iter()
        .map(|floor| heat_bucket((floor * 1e3).round() as u64))
        .collect();
    let counts = heat.get("counts")?.items()?;
    let heat_of = |row: &Node<'_>| -> Result<BTreeMap<u16, u64>> {
        let row = row.counts()?;
        let seen = buckets.iter().copied().zip(row);
        Ok(seen.filter(|(_, count)| *count > 0).collect())
    };
    let window = node.get("window_s")?;
    let series = Series {
        window: window.seconds()?,
        t_s: node.get("t_s")?.numbers()?,
        sent: node.get("sent")?.counts()?,
        succeeded: node.get("succeeded")?.counts()?,
        errors: node.get("errors")?.counts()?,
        in_flight: node.get("in_flight")?.counts()?,
        ttft_p50_ms: node.get("ttft_p50_ms")?.maybe_numbers()?,
        ttft_p99_ms: node.get("ttft_p99_ms")?.maybe_numbers()?,
        icl_p99_ms: node.get("icl_p99_ms")?.maybe_numbers()?,
        lag_p99_ms: node.get("lag_p99_ms")?.maybe_numbers()?,
        ttft_heat: counts.iter().map(heat_of).collect::<Result<_>>()?,
    };
    // Windows are halved until they fit: seconds, doubled some times.
    let whole = window.number()?;
    if !series.t_s.is_empty() && (!(1.0..=1e9).contains(&whole) || whole.log2().fract() != 0.0) {
        return window.wrong("has to be 1, 2, 4, … seconds");
    }
    Ok(series)
}
