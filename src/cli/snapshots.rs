//! `--snapshots DIR`: the files of approved answers.

use super::complaint::Complaint;
use crate::drift;
use crate::profile::read_file;
use crate::record::Record;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A folder of approved answers.
#[derive(Debug)]
pub(super) struct Snapshots {
    folder: PathBuf,
    approved: BTreeMap<String, String>,
    accept: bool,
}

/// What their files' names end in.
const SUFFIX: &str = ".snap";

impl Snapshots {
    /// Reads the folder. Where answers are to be accepted it is made, so that a place that can't be written is found before
    /// anything is sent.
    pub(super) fn open(
        folder: &Path,
        accept: bool,
        complaints: &mut Vec<Complaint>,
    ) -> Option<Snapshots> {
        let shown = folder.display();
        let unreadable = |error: io::Error| {
            let complaint = Complaint::new(format!("--snapshots: `{shown}`: {error}"));
            match error.kind() {
                io::ErrorKind::NotFound => complaint.help("`--accept` makes it and fills it"),
                _ => complaint,
            }
        };
        if accept && let Err(error) = writable(folder) {
            complaints.push(unreadable(error));
            return None;
        }
        let files = match names(folder) {
            Ok(files) => files,
            Err(error) => {
                complaints.push(unreadable(error));
                return None;
            }
        };
        let mut approved = BTreeMap::new();
        for (id, path) in files {
            match read_file(&path).map(|text| drift::contents(&text)) {
                Ok(Ok(text)) => {
                    approved.insert(id, text);
                }
                Ok(Err(form)) => complaints.push(
                    Complaint::new(format!("--snapshots: `{}` is no snapshot", path.display()))
                        .help(form),
                ),
                Err(mistakes) => complaints.extend(Complaint::of_file(mistakes)),
            }
        }
        Some(Snapshots {
            folder: folder.to_owned(),
            approved,
            accept,
        })
    }

    /// Compares a record with them, or puts it in their place.
    ///
    /// # Errors
    /// A file that can't be written, and why.
    pub(super) fn settle(&self, record: &mut Record) -> Result<(), String> {
        if !self.accept {
            drift::compare(record, &self.approved);
            return Ok(());
        }
        let mut written = 0;
        let mut same = 0;
        for (id, text) in drift::approvable(record) {
            let before = self.approved.get(id);
            if before.is_some_and(|before| before.trim_end() == text.trim_end()) {
                same += 1;
                continue;
            }
            let path = self.folder.join(format!("{id}{SUFFIX}"));
            fs::write(&path, drift::snapshot(id, text))
                .map_err(|error| format!("`{}` can't be written: {error}", path.display()))?;
            written += 1;
        }
        record.notes.push(format!(
            "approved answers in {}: {written} written, {same} were the same",
            self.folder.display()
        ));
        Ok(())
    }
}

/// Makes a folder, and tries whether a file can be written to it.
fn writable(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let tried = folder.join(format!(".clawcheck-{}", std::process::id()));
    fs::write(&tried, "")?;
    fs::remove_file(&tried)
}

/// The snapshots of a folder: the id of each, and its path.
fn names(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(id) = name.and_then(|name| name.strip_suffix(SUFFIX)) {
            files.push((id.to_owned(), path.clone()));
        }
    }
    files.sort();
    Ok(files)
}
