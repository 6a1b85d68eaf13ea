//! A saved JSON report, as far as a comparison needs it. Fields that a later version adds are passed over.

use crate::record::{Distribution, Outcome};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// A report that was saved.
#[derive(Debug)]
pub enum Saved {
    /// Of `conform`.
    Conform(Box<SavedConform>),
    /// Of `load`.
    Load(Box<SavedLoad>),
}

impl Saved {
    /// Reads a report.
    ///
    /// # Errors
    /// Why it is none that can be compared, in a phrase, and what to do about it where that is known.
    pub fn read(text: &str) -> Result<Saved, (String, Option<String>)> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let hint = "it is written by `--report json=PATH`";
            (format!("not JSON: {error}"), Some(hint.to_owned()))
        })?;
        let name = value["schema"].as_str().unwrap_or_default().to_owned();
        if value["tool"] != "clawcheck" || name.is_empty() {
            let hint = "it is written by `clawcheck conform` or `clawcheck load` with `--report json=PATH`";
            return Err(("no report of clawcheck".to_owned(), Some(hint.to_owned())));
        }
        let malformed = |error: serde_json::Error| (format!("not a {name} report: {error}"), None);
        match name.as_str() {
            "conform/1" => serde_json::from_value(value)
                .map(|saved| Saved::Conform(Box::new(saved)))
                .map_err(malformed),
            "load/1" => serde_json::from_value(value)
                .map(|saved| Saved::Load(Box::new(saved)))
                .map_err(malformed),
            other => Err((
                format!("a report of the kind `{other}`"),
                Some("conform/1 and load/1 can be compared".to_owned()),
            )),
        }
    }
}

/// What `conform` saved.
#[derive(Debug, Deserialize)]
pub struct SavedConform {
    pub(super) version: String,
    pub(super) target: String,
    pub(super) started_at: String,
    pub(super) ended: SavedEnd,
    pub(super) results: Vec<SavedResult>,
    #[serde(default)]
    pub(super) fingerprint: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SavedEnd {
    pub(super) how: String,
    pub(super) why: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SavedResult {
    pub(super) id: String,
    pub(super) requirement: String,
    #[serde(deserialize_with = "outcome")]
    pub(super) outcome: Outcome,
    #[serde(default)]
    pub(super) sentence: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) reproduce: String,
    pub(super) expected_failure: Option<String>,
}

fn outcome<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Outcome, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = Outcome::ALL
        .into_iter()
        .find(|known| known.as_str() == name);
    known.ok_or_else(|| serde::de::Error::custom(format!("unknown outcome `{name}`")))
}

/// What `load` saved.
#[derive(Debug, Deserialize)]
pub struct SavedLoad {
    pub(super) version: String,
    pub(super) target: String,
    pub(super) started_at: String,
    pub(super) ended_by: String,
    pub(super) scenario: SavedScenario,
    pub(super) host: SavedHost,
    /// Numbers, and `in_flight` with two of them.
    pub(super) summary: Value,
    pub(super) validity: SavedValidity,
    pub(super) windows: SavedWindows,
    /// Distributions, and the figures beside them.
    pub(super) metrics: Value,
    pub(super) checks: Vec<SavedCheck>,
    pub(super) errors: Vec<SavedError>,
    pub(super) retry_after_s: SavedDistribution,
    pub(super) series: SavedSeries,
}

#[derive(Debug, Deserialize)]
pub(super) struct SavedScenario {
    pub(super) name: String,
    pub(super) sha256: String,
    pub(super) seed: u64,
    pub(super) resolved: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct SavedHost {
    pub(super) complete: bool,
    pub(super) cpus: u64,
    pub(super) cpu_model: String,
    pub(super) shard: SavedShard,
}

#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct SavedShard {
    pub(super) index: u64,
    pub(super) of: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SavedValidity {
    #[serde(default)]
    pub(super) doubts: Vec<SavedDoubt>,
    pub(super) schedule_lag_ms: SavedDistribution,
    pub(super) runtime_lag_ms: SavedDistribution,
    pub(super) self_error_ms: SavedDistribution,
    pub(super) coalesced_chunk_ratio: Option<f64>,
    pub(super) client_cpu_ratio: Option<f64>,
    pub(super) client_rss_max_bytes: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SavedDoubt {
    pub(super) reason: String,
    pub(super) spoils: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SavedWindows {
    pub(super) warm_up_s: f64,
    pub(super) measured_s: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SavedCheck {
    pub(super) requirement: String,
    pub(super) checked: u64,
    pub(super) failed: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SavedError {
    pub(super) class: String,
    pub(super) count: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SavedSeries {
    pub(super) window_s: f64,
    pub(super) t_s: Vec<f64>,
    pub(super) succeeded: Vec<u64>,
    pub(super) ttft_p50_ms: Vec<Option<f64>>,
}

/// A distribution with its histogram; without samples it has none.
#[derive(Debug, Deserialize)]
pub(super) struct SavedDistribution {
    pub(super) unit: String,
    pub(super) mean: Option<f64>,
    pub(super) stddev: Option<f64>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    histogram: Option<SavedHistogram>,
}

#[derive(Debug, Deserialize)]
struct SavedHistogram {
    format: String,
    data: String,
}

impl SavedDistribution {
    /// Its samples.
    ///
    /// # Errors
    /// Why they can't be read.
    pub(super) fn samples(&self) -> Result<Distribution, String> {
        // A distribution's unit is one of a few; what it is called has no part in a comparison otherwise.
        let unit = match self.unit.as_str() {
            "ms" => "ms",
            "s" => "s",
            "tokens" => "tokens",
            "chunks" => "chunks",
            other => return Err(format!("unknown unit `{other}`")),
        };
        let Some(histogram) = &self.histogram else {
            return Ok(Distribution::new(unit));
        };
        if histogram.format != "hdr-v2-deflate-base64" {
            return Err(format!("unknown format `{}`", histogram.format));
        }
        let bytes = BASE64
            .decode(&histogram.data)
            .map_err(|error| error.to_string())?;
        if bytes.is_empty() {
            return Ok(Distribution::new(unit));
        }
        let figure = |figure: Option<f64>| figure.unwrap_or_default();
        Distribution::decoded(
            unit,
            &bytes,
            figure(self.mean),
            figure(self.stddev),
            (figure(self.min), figure(self.max)),
        )
    }
}
