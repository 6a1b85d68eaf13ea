//! What a GitHub job is told besides: failures as annotations, and the Markdown report as the job's summary.
//!
//! A log line that begins `::` is a command to the runner. So whatever else is printed stands between [`silence`] and
//! [`resume`], where the runner obeys nothing: an answer can't forge an annotation or hide one.

use super::exit::{Demands, Verdict, known_failure};
use super::md;
use super::page::cut;
use super::text::line;
use crate::record::{Ended, Outcome, Record, TestResult};

/// Annotations at most: a step shows ten errors, and no more.
const MOST: usize = 10;

/// Bytes of an annotation.
const LONG: usize = 1_000;

/// The command after which the runner obeys nothing until it reads [`resume`] with the same token, which nobody else
/// may be able to guess.
pub fn silence(token: &str) -> String {
    format!("::stop-commands::{token}")
}

/// The end of [`silence`].
pub fn resume(token: &str) -> String {
    format!("::{token}::")
}

/// The failures, as commands of the runner: ten lines at most, the last of which tells how many more there are.
pub fn annotations(record: &Record, demands: Demands) -> Vec<String> {
    let verdict = Verdict::of(record, demands);
    let mut found = Vec::new();
    if let Ended::Untestable(why) | Ended::Pointless(why) = &record.ended {
        found.push(error(verdict.says(), why));
    }
    let advice = |result: &&TestResult| demands.strict && result.outcome == Outcome::Advice;
    let broken = |result: &&TestResult| {
        result.outcome == Outcome::Fail && known_failure(record, &result.id).is_none()
    };
    let results = record.results.iter();
    found.extend(results.clone().filter(broken).map(of));
    found.extend(results.filter(advice).map(of));
    if found.is_empty() && verdict.code() != 0 {
        found.push(error(verdict.word(), verdict.says()));
    }
    if found.len() > MOST {
        let more = found.len() - (MOST - 1);
        found.truncate(MOST - 1);
        let text = format!("{more} more failures: see the job's summary, or the reports");
        found.push(error("clawcheck", &text));
    }
    found
}

fn of(result: &TestResult) -> String {
    let requirement = result.requirement.get();
    let title = format!("{} ({})", result.id, requirement.id);
    let finding = result.checks.iter().find(|check| check.is_finding());
    let says = match finding {
        Some(check) => format!("expected {}, got {}", check.expected, check.actual),
        None => result.message.clone(),
    };
    let says = cut(&says, LONG);
    error(&title, &format!("{}\n{says}", requirement.text))
}

/// A text under a heading, as the runner's command for an error.
pub(super) fn error(title: &str, text: &str) -> String {
    let shown: Vec<String> = text.split('\n').map(line).collect();
    let text = escaped(&shown.join("\n"));
    let title = escaped(&line(title))
        .replace(':', "%3A")
        .replace(',', "%2C");
    format!("::error title={title}::{text}")
}

/// As the runner reads a command's data.
fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The report for the job's summary, in so many bytes at most.
pub fn summary(record: &Record, demands: Demands, most: usize) -> String {
    md::page(record, demands, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_an_annotation_or_begins_another() {
        assert_eq!(
            error("a,b: 100%", "x\n::error::y\r\u{1b}[2J"),
            "::error title=a%2Cb%3A 100%25::x%0A::error::y\\r\\x1B[2J"
        );
    }
}
