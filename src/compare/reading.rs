//! What a saved report of `conform` tells, as far as a comparison needs it. Fields that a later version adds are passed over.

use crate::record::Outcome;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// What `conform` saved.
#[derive(Debug, Deserialize)]
pub struct SavedConform {
    pub(super) version: String,
    pub(super) target: String,
    #[serde(deserialize_with = "time")]
    pub(super) started_at: SystemTime,
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

impl SavedConform {
    /// The open answers that were seen.
    pub fn fingerprint(&self) -> &BTreeMap<String, String> {
        &self.fingerprint
    }

    /// Reads a report.
    ///
    /// # Errors
    /// What is wrong with it, in a phrase.
    pub fn read(text: &str) -> Result<SavedConform, String> {
        serde_json::from_str(text).map_err(|error| format!("no conform/1 report: {error}"))
    }
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = text.parse::<jiff::Timestamp>().ok();
    time.and_then(|time| SystemTime::try_from(time).ok())
        .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no time")))
}

fn outcome<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Outcome, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = Outcome::ALL
        .into_iter()
        .find(|known| known.as_str() == name);
    known.ok_or_else(|| serde::de::Error::custom(format!("unknown outcome `{name}`")))
}
