//! What the ambient rules found over a run: per requirement, each finding once, with the exchange that shows it.

use crate::case::{Delivery, reproduce};
use crate::contract::{ERROR_1, ErrorCode, RequirementId, STREAM_6};
use crate::judge::rules::{reply, stream};
use crate::judge::{AMBIENT, Across, Ambient, Answer, Check, Looked, Mode, Verdict, ambient};
use crate::profile::Profile;
use crate::record::{Evidence, Outcome, TestResult, judged};
use crate::secret::Scrubber;
use std::collections::BTreeMap;
use std::time::Duration;

/// So many streams held back are more than a busy machine's chance.
const HELD_BACK: usize = 3;

/// Findings of one requirement: each kind once.
struct Kept {
    check: Check,
    count: usize,
    delivery: Delivery,
}

/// Everything gathered over a run.
#[derive(Default)]
pub(super) struct Ledger {
    looked_at: BTreeMap<RequirementId, usize>,
    kept: BTreeMap<RequirementId, Vec<Kept>>,
    across: Across,
    good: Vec<Delivery>,
    observed: BTreeMap<String, String>,
    /// Streams that were long enough to tell whether they flow, and those of them that were held back.
    flowing: (usize, usize),
    pub(super) requests: usize,
    pub(super) completions: usize,
    pub(super) retried: usize,
    /// Transients that a repetition got over: status and how often.
    pub(super) transients: BTreeMap<u16, usize>,
    /// Connections that ended before an answer began.
    pub(super) dropped: usize,
}

impl Ledger {
    /// Takes up an exchange.
    pub(super) fn note(&mut self, delivery: &Delivery, keys: &[&str]) {
        let answer = delivery.answer();
        let ask = &delivery.ask;
        self.requests += 1;
        // A time-out that was provoked may be told of inside a stream (FAULT-4): the case judges that.
        let told_inside = ask.provokes.contains(&504) && answer.status() == Some(200);
        // What a case expected to be refused and was not, or otherwise than expected, that case tells of: the shape
        // of such an answer says nothing more.
        let expected = answer.status().is_none_or(|status| {
            ask.provokes.is_empty()
                || ask.provokes.contains(&status)
                || matches!(status, 429 | 503 | 504)
        });
        let looked = Looked {
            mode: ask.mode,
            documented: ask.documented && !told_inside && expected,
            documented_errors: ask.documented && !ask.open && expected,
            keys,
        };
        if let (Mode::Stream, true, Some(held)) =
            (ask.mode, looked.documented, stream::held_back(&answer))
        {
            self.flowing.0 += 1;
            self.flowing.1 += usize::from(held.is_some());
        }
        let (seen, found) = ambient(&answer, &looked);
        for requirement in seen {
            *self.looked_at.entry(requirement).or_default() += 1;
        }
        for check in found {
            self.keep(check, delivery);
        }
        if answer.status() == Some(200) && ask.request.method == "POST" {
            self.completions += 1;
        }
        if looked.documented {
            self.gather(&answer, delivery);
        }
    }

    fn gather(&mut self, answer: &Answer<'_>, delivery: &Delivery) {
        let tag = self.good.len();
        match answer.status() {
            Some(200) => {
                self.across
                    .add(answer, delivery.ask.mode, delivery.ask.word.clone(), tag);
                self.observe(answer, delivery.ask.mode);
            }
            Some(status) if !ErrorCode::of_status(status).is_empty() => {
                self.across.add_error(answer, tag)
            }
            _ => return,
        }
        self.good.push(delivery.clone());
    }

    fn observe(&mut self, answer: &Answer<'_>, mode: Mode) {
        let seen = match mode {
            Mode::Json => answer
                .json()
                .map_or_else(|_| BTreeMap::new(), reply::observed),
            Mode::Stream => stream::observed(answer),
        };
        for (name, value) in seen {
            self.observed.entry(name).or_insert(value);
        }
    }

    fn keep(&mut self, check: Check, delivery: &Delivery) {
        let list = self.kept.entry(check.requirement).or_default();
        let known = list.iter_mut().find(|kept| {
            let other = &kept.check;
            other.name == check.name
                && other.verdict == check.verdict
                && other.expected == check.expected
        });
        if let Some(kept) = known {
            kept.count += 1;
        } else if list.len() < 20 {
            list.push(Kept {
                check,
                count: 1,
                delivery: delivery.clone(),
            });
        }
    }

    /// What was seen of the open clauses.
    pub(super) fn fingerprint(&self) -> BTreeMap<String, String> {
        let mut all = self.observed.clone();
        let places = self.across.code_places();
        if !places.is_empty() {
            all.insert("error.place".to_owned(), places.join(", "));
        }
        all
    }

    /// Whether a broken MUST was found.
    pub(super) fn has_violation(&self) -> bool {
        self.kept
            .values()
            .flatten()
            .any(|kept| kept.check.verdict == Verdict::Violation)
    }

    /// A result for each ambient rule that was looked at or wanted.
    pub(super) fn results(
        mut self,
        profile: &Profile,
        scrubber: &Scrubber,
        wanted: impl Fn(&Ambient) -> bool,
    ) -> Vec<TestResult> {
        for (check, tag) in self.across.findings() {
            if let Some(delivery) = self.good.get(tag).cloned() {
                self.keep(check, &delivery);
            }
        }
        // One late first chunk is chance; something that holds streams back holds back most of them.
        let (judged, held) = self.flowing;
        if (held < HELD_BACK || held * 2 <= judged)
            && let Some(kept) = self.kept.get_mut(&STREAM_6)
        {
            kept.retain(|kept| kept.check.name != stream::FLOW);
        }
        AMBIENT
            .iter()
            .filter(|rule| wanted(rule))
            .map(|rule| self.result(rule, profile, scrubber))
            .collect()
    }

    fn result(&self, rule: &Ambient, profile: &Profile, scrubber: &Scrubber) -> TestResult {
        let looked_at = self
            .looked_at
            .get(&rule.requirement)
            .copied()
            .unwrap_or_default();
        let mut kept: Vec<&Kept> = self
            .kept
            .get(&rule.requirement)
            .into_iter()
            .flatten()
            .collect();
        kept.sort_by_key(|kept| std::cmp::Reverse(kept.check.verdict));
        let mut checks: Vec<Check> = kept
            .iter()
            .map(|kept| {
                let mut check = kept.check.clone();
                if kept.count > 1 {
                    check.actual = format!("{} ({} answers)", check.actual, kept.count);
                }
                check
            })
            .collect();
        let worst = kept.first();
        let outcome = if looked_at == 0 && checks.is_empty() {
            Outcome::Skip
        } else {
            judged(&checks)
        };
        let message = match (outcome, worst) {
            (Outcome::Skip, _) => "no answer of the run was one that this rule is about".to_owned(),
            (_, Some(kept)) => format!("{}: {}", kept.check.name, kept.check.actual),
            (_, None) => format!("{looked_at} answers looked at"),
        };
        if checks.is_empty() && looked_at > 0 {
            checks.push(Check::pass(
                rule.requirement,
                "answers",
                "as required",
                format!("{looked_at} answers looked at"),
            ));
        }
        TestResult {
            cites: rule.requirement,
            id: rule.id.to_owned(),
            requirement: rule.requirement,
            why: rule.why.to_owned(),
            outcome,
            message,
            observed: BTreeMap::new(),
            duration: Duration::ZERO,
            reproduce: worst
                .map(|kept| scrubber.scrub_text(&reproduce(profile, &kept.delivery.ask)))
                .unwrap_or_default(),
            caught_by: None,
            evidence: worst.map(|kept| {
                Evidence::new(
                    &kept.delivery.exchange,
                    std::slice::from_ref(&kept.check),
                    scrubber,
                )
            }),
            checks,
        }
    }

    /// Whether documented errors were seen that name no code: the cause behind many failures.
    pub(super) fn codeless(&self) -> bool {
        self.kept.get(&ERROR_1).is_some_and(|kept| {
            kept.iter()
                .any(|kept| kept.check.verdict == Verdict::Violation)
        })
    }
}
