//! The catalogue of cases. (A stand-in.)

use crate::contract::RequirementId;
use crate::profile::Fixture;
use std::path::Path;

/// How the answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As JSON.
    Json,
    /// As a stream.
    Stream,
}

/// A case.
pub struct Case;

impl Case {
    /// Its id, without a mode.
    pub fn id(&self) -> &str {
        ""
    }
    /// What it tests.
    pub fn requirement(&self) -> RequirementId {
        crate::contract::AUTH_1
    }
    /// Why it exists.
    pub fn why(&self) -> &str {
        ""
    }
    /// Its modes.
    pub fn modes(&self) -> &[Mode] {
        &[Mode::Json, Mode::Stream]
    }
    /// What it needs.
    pub fn needs(&self) -> &[Fixture] {
        &[]
    }
    /// What is sent, what is expected.
    pub fn says(&self) -> Vec<(String, String)> {
        Vec::new()
    }
    /// Where it stands.
    pub fn file(&self) -> Option<&str> {
        None
    }
}

/// A mistake in a case file.
#[derive(Debug, Clone)]
pub struct CaseFileError {
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// All cases.
pub struct Catalogue;

impl Catalogue {
    /// The built-in ones.
    pub fn builtin() -> Catalogue {
        Catalogue
    }
    /// Adds a folder's.
    ///
    /// # Errors
    /// Every mistake.
    pub fn add_dir(&mut self, _dir: &Path) -> Result<usize, Vec<CaseFileError>> {
        Ok(0)
    }
    /// Them.
    pub fn cases(&self) -> &[Case] {
        &[]
    }
}

/// Why a requirement has no case.
pub fn reason_unobservable(_requirement: RequirementId) -> Option<&'static str> {
    None
}
