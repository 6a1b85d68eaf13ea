//! Files of JSON lines that a scenario names: prompts and traces.

use super::mistakes;
use crate::profile::{Section, Wrong, read_file};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Larger files are refused: what is read stays in memory for the whole run.
const LARGEST_FILE: u64 = 256 * 1024 * 1024;

/// Mistakes told of one file; a file of another form has one in each line.
const TOLD: usize = 20;

/// Reads every line that is not blank. `key` is the scenario's key that names the file; what is wrong with the file
/// itself is reported there, what is wrong with a line in the file.
pub(super) fn read<T>(
    section: &Section<'_, '_>,
    key: &str,
    name: &str,
    folder: &Path,
    parse: impl Fn(&Value) -> Result<T, Wrong>,
) -> Option<Vec<T>> {
    let path = folder.join(name);
    let unreadable = |expected: String| {
        let hint = Some("a relative path starts from the scenario's folder");
        section.not_allowed(key, Some(name.to_owned()), expected, hint)
    };
    match fs::metadata(&path) {
        // What is no file may have no end.
        Ok(found) if !found.is_file() => return unreadable("a file".to_owned()),
        Ok(found) if found.len() > LARGEST_FILE => {
            let most = LARGEST_FILE / 1024 / 1024;
            return unreadable(format!("a file of {most} MiB at most"));
        }
        Ok(_) => {}
        Err(error) => return unreadable(format!("a file that can be read ({error})")),
    }
    let file = path.display().to_string();
    let text = match read_file(&path) {
        Ok(text) => text,
        Err(wrong) => {
            for mistake in wrong.mistakes {
                let document = section.document();
                document.report_elsewhere(&file, mistake.place, mistake.wrong);
            }
            return None;
        }
    };
    let (mut found, mut wrong_lines) = (Vec::new(), 0);
    // What an editor put before the first line is no part of it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match read_line(line, &parse) {
            Ok(value) => found.push(value),
            Err((column, wrong)) => {
                wrong_lines += 1;
                if wrong_lines <= TOLD {
                    let place = Some((index + 1, column));
                    section.document().report_elsewhere(&file, place, wrong);
                }
            }
        }
    }
    if wrong_lines > TOLD {
        let wrong = Wrong::More {
            count: wrong_lines - TOLD,
            of: "line",
        };
        section.document().report_elsewhere(&file, None, wrong);
    }
    if wrong_lines > 0 {
        return None;
    }
    if found.is_empty() {
        return mistakes::empty_file(section, key, name);
    }
    Some(found)
}

fn read_line<T>(
    line: &str,
    parse: impl Fn(&Value) -> Result<T, Wrong>,
) -> Result<T, (usize, Wrong)> {
    let value: Value = serde_json::from_str(line).map_err(|error| {
        let before = line.as_bytes().get(..error.column().saturating_sub(1));
        let column = String::from_utf8_lossy(before.unwrap_or_default())
            .chars()
            .count()
            + 1;
        let told = error.to_string();
        // The place stands beside it already.
        let what = told
            .split(" at line ")
            .next()
            .unwrap_or_default()
            .to_owned();
        (column, Wrong::NotJson { what })
    })?;
    let first = line.chars().take_while(|c| c.is_whitespace()).count() + 1;
    parse(&value).map_err(|wrong| (first, wrong))
}
