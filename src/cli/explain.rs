//! `clawcheck explain`.

use super::Failure;
use super::complaint::Complaint;
use super::conform::catalogue;
use super::list::{KINDS, figures, modes};
use super::outlet::Stream;
use super::sort::Sort;
use super::terms;
use crate::case::{Case, Catalogue, reason_unobservable};
use crate::contract::{ErrorCode, REQUIREMENTS, RequirementId};
use crate::judge::AMBIENT;
use crate::load::{BUILTIN, Metric, NotFound, Scenario, Stat};
use crate::mock::{Deviation, Fixtures, Kind, LIKENESS, MockConfig, honest};
use crate::profile::{Fixture, nearest};
use crate::record::load::{ErrorClass, ErrorKind};
use crate::report::{block, line, quotation, wrapped};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// A case, requirement, error code, fixture, violation, leniency, flaw, scenario, class of errors or figure:
    /// `auth.revoked`, `AUTH-4`, `bot_not_found`, `keys.revoked`, `smoke`, `./own.toml`, `truncated_stream`,
    /// `inter_chunk_latency_ms`; or a word of a report: `content chunk`, `client_saturated`, `inconclusive`.
    #[arg(value_name = "ID")]
    id: String,
    /// Add the cases of a folder's TOML files to the built-in ones.
    #[arg(long, value_name = "DIR")]
    cases: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let mut complaints = Vec::new();
    let catalogue = catalogue(&args.cases, &mut complaints);
    let scenario = scenario(&args.id, &mut complaints);
    if !complaints.is_empty() {
        return Err(complaints.into());
    }
    let mut page = Page {
        width: Stream::Out.width(),
        out: io::BufWriter::new(io::stdout().lock()),
    };
    let id = args.id.as_str();
    let case = |id: &str| {
        let case_id = id.strip_suffix(".stream").unwrap_or(id);
        let mut cases = catalogue.cases().iter();
        cases.find(|case| case.id() == id || case.id() == case_id)
    };
    // A finding of another requirement than its case's has that behind it.
    let finding = id
        .rsplit_once('.')
        .and_then(|(id, suffix)| Some((case(id)?, RequirementId::of_suffix(suffix)?)));
    if let Some(case) = case(id) {
        page.case(case)?;
    } else if let Some((case, requirement)) = finding {
        page.case(case)?;
        page.entry(
            "finding",
            &format!("under another requirement, {requirement}:"),
        )?;
        page.requirement(requirement, &catalogue)?;
    } else if let Ok(requirement) = RequirementId::parse(id) {
        page.requirement(requirement, &catalogue)?;
    } else if let Some(rule) = AMBIENT.iter().find(|rule| rule.id == id) {
        page.title(rule.id, "rule that every answer is held to")?;
        page.entry("requirement", rule.requirement.as_str())?;
        page.entry("level", &rule.requirement.level().as_str().to_uppercase())?;
        page.entry("why", rule.why)?;
        page.sentences(rule.requirement)?;
    } else if let Some(code) = ErrorCode::parse(id) {
        page.code(code, &catalogue)?;
    } else if let Some(fixture) = Fixture::parse(id) {
        page.fixture(fixture, &catalogue)?;
    } else if let Some(deviation) = every_deviation()
        .iter()
        .find(|deviation| deviation.id == id)
    {
        page.deviation(deviation)?;
    } else if let Some(class) = ErrorClass::all().find(|class| class.as_str() == id) {
        page.class(class)?;
    } else if let Some((name, says)) = figure(id) {
        page.title(name, "figure of a load report")?;
        page.entry("is", says)?;
        if Metric::parse(name).is_some() {
            let rule = format!("{name}.p95 < …, in [thresholds]");
            page.entry("rule", &rule)?;
        }
    } else if let Some(scenario) = scenario {
        page.scenario(&scenario, id)?;
    } else if let Some(answer) = honest().get(id) {
        page.open_answer(id, answer, &catalogue)?;
    } else if let Some(term) = terms::find(id) {
        page.title(term.name, term.kind)?;
        page.entry("is", term.says)?;
    } else if let Some((section, key)) = id.split_once('.')
        && let Some(says) = crate::profile::says(section, key)
    {
        page.title(id, "entry of a profile")?;
        page.entry("is", says)?;
    } else {
        return Err(vec![unknown(id, &catalogue)].into());
    }
    page.out.flush()?;
    Ok(0)
}

/// What figures' names end with; people leave it out.
const UNITS: [&str; 6] = ["ms", "s", "rps", "tps", "cps", "ratio"];

/// The figure of a name; with a statistic, that of the distribution.
fn figure(id: &str) -> Option<(&'static str, &'static str)> {
    let metric = id.rsplit_once('.').map_or(id, |(metric, stat)| {
        if Stat::parse(stat).is_some() {
            metric
        } else {
            id
        }
    });
    let without_unit = |name: &str| {
        name.rsplit_once('_')
            .is_some_and(|(stem, unit)| stem == metric && UNITS.contains(&unit))
    };
    figures()
        .into_iter()
        .find(|(name, _)| *name == metric)
        .or_else(|| figures().into_iter().find(|(name, _)| without_unit(name)))
}

/// The scenario of a name, or of a file, whose mistakes are told.
fn scenario(id: &str, complaints: &mut Vec<Complaint>) -> Option<Scenario> {
    match Scenario::find(id, &super::env) {
        Ok(scenario) => Some(scenario),
        Err(NotFound::Unknown { .. }) => None, // it may be the name of something else
        Err(NotFound::Wrong(mistakes)) => {
            complaints.extend(Sort::Scenario.complaints(Path::new(id), mistakes));
            None
        }
    }
}

fn unknown(id: &str, catalogue: &Catalogue) -> Complaint {
    let cases = catalogue.cases().iter().map(|case| case.id());
    let names = cases
        .chain(RequirementId::all().map(|id| id.as_str()))
        .chain(ErrorCode::ALL.iter().map(|code| code.as_str()))
        .chain(Fixture::ALL.iter().map(|fixture| fixture.name()))
        .chain(BUILTIN.iter().map(|builtin| builtin.name));
    let deviations = every_deviation();
    let names = names
        .chain(ErrorClass::FIXED.iter().map(|class| class.as_str()))
        .chain(figures().into_iter().map(|(name, _)| name))
        .chain(terms::TERMS.iter().map(|term| term.name));
    let names = names.chain(deviations.iter().map(|deviation| deviation.id.as_ref()));
    let complaint = Complaint::new(format!("nothing is called `{id}`"));
    complaint.help(match nearest(id, names) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("`clawcheck list KIND` shows them: {}", KINDS.join(", ")),
    })
}

fn every_deviation() -> Vec<Deviation> {
    let fixtures = Fixtures::derive(MockConfig::default().seed);
    Kind::ALL
        .iter()
        .flat_map(|kind| Deviation::all(*kind, &fixtures))
        .collect()
}

struct Page<W> {
    width: usize,
    out: W,
}

/// The column of the text after a label.
const COLUMN: usize = 14;

impl<W: Write> Page<W> {
    fn title(&mut self, name: &str, what: &str) -> io::Result<()> {
        writeln!(self.out, "{name}  ({what})")
    }

    fn entry(&mut self, label: &str, text: &str) -> io::Result<()> {
        let columns = self.width.saturating_sub(COLUMN);
        let mut label = label;
        for part in block(text).lines() {
            for line in wrapped(part, columns) {
                writeln!(self.out, "  {label:<11} {line}")?;
                label = "";
            }
        }
        Ok(())
    }

    /// The documentation's sentences.
    fn sentences(&mut self, requirement: RequirementId) -> io::Result<()> {
        for (index, sentence) in requirement.get().sentences.iter().enumerate() {
            let label = if index == 0 { "documented" } else { "" };
            self.entry(label, &format!("\"{}\"", quotation(sentence)))?;
        }
        Ok(())
    }

    fn case(&mut self, case: &Case) -> io::Result<()> {
        let requirement = case.requirement();
        let level = requirement.level().as_str().to_uppercase();
        self.title(&block(case.id()), "case")?;
        self.entry("why", case.why())?;
        let text = requirement.get().text;
        self.entry("tests", &format!("{requirement} ({level}): {text}"))?;
        self.sentences(requirement)?;
        for (label, text) in case.says() {
            self.entry(&label, &text)?;
        }
        self.entry("modes", &modes(case.modes()))?;
        for fixture in case.needs() {
            self.entry("needs", &format!("{fixture}: {}", fixture.says()))?;
        }
        if let Some(file) = case.file() {
            self.entry("file", file)?;
        }
        Ok(())
    }

    fn requirement(&mut self, id: RequirementId, catalogue: &Catalogue) -> io::Result<()> {
        let row = id.get();
        self.title(id.as_str(), "requirement")?;
        self.entry("level", &row.level.as_str().to_uppercase())?;
        self.entry("basis", row.basis.as_str())?;
        self.entry("required", row.text)?;
        self.sentences(id)?;
        if !row.standard.is_empty() {
            self.entry("standard", row.standard)?;
        }
        let cases: Vec<&Case> = catalogue
            .cases()
            .iter()
            .filter(|case| case.requirement() == id)
            .collect();
        self.cases("tested by", &cases)?;
        if cases.is_empty()
            && let Some(reason) = reason_unobservable(id)
        {
            self.entry("no case", reason)?;
        }
        Ok(())
    }

    fn code(&mut self, code: ErrorCode, catalogue: &Catalogue) -> io::Result<()> {
        self.title(code.as_str(), "error code")?;
        self.entry("status", &code.status().to_string())?;
        self.entry("documented", &format!("\"{}\"", code.meaning()))?;
        let named: Vec<RequirementId> = REQUIREMENTS
            .iter()
            .filter(|row| names(row.text, code.as_str()))
            .map(|row| row.id)
            .collect();
        for (index, id) in named.iter().enumerate() {
            let label = if index == 0 { "required by" } else { "" };
            self.entry(label, &format!("{id}: {}", id.get().text))?;
        }
        let cases: Vec<&Case> = catalogue
            .cases()
            .iter()
            .filter(|case| named.contains(&case.requirement()))
            .collect();
        self.cases("tested by", &cases)
    }

    fn fixture(&mut self, fixture: Fixture, catalogue: &Catalogue) -> io::Result<()> {
        self.title(fixture.name(), "fixture")?;
        self.entry("is", fixture.says())?;
        let (section, key) = fixture.name().split_once('.').unwrap_or_default();
        self.entry("profile", &format!("[{section}]\n{key} = \"…\""))?;
        let cases: Vec<&Case> = catalogue
            .cases()
            .iter()
            .filter(|case| case.needs().contains(&fixture))
            .collect();
        self.cases("needed by", &cases)
    }

    fn deviation(&mut self, deviation: &Deviation) -> io::Result<()> {
        self.title(&deviation.id, deviation.kind.as_str())?;
        self.entry("is", &deviation.says)?;
        let (label, flag) = match deviation.kind {
            Kind::Violation => ("breaks", "--violate"),
            Kind::Leniency => ("allowed by", "--lenient"),
            Kind::Flaw => ("against", "--violate"),
        };
        for (index, id) in deviation.about.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let level = id.level().as_str().to_uppercase();
            self.entry(label, &format!("{id} ({level}): {}", id.get().text))?;
        }
        if let Some(first) = deviation.about.first() {
            self.sentences(*first)?;
        }
        self.entry(
            "serve it",
            &format!("clawcheck mock {flag} {}", deviation.id),
        )?;
        self.entry(
            "try it",
            &format!("clawcheck selftest --only {}", deviation.id),
        )
    }

    /// An answer of the fingerprint: what the mock's is, and what the mock can take over from others.
    fn open_answer(&mut self, name: &str, answer: &str, catalogue: &Catalogue) -> io::Result<()> {
        self.title(name, "open answer, in a report's fingerprint")?;
        self.entry(
            "is",
            "left open by the documentation: reported, and judged by nothing",
        )?;
        self.entry("the mock", answer)?;
        for row in LIKENESS.iter().filter(|row| row.names.contains(&name)) {
            let other = format!(
                "{}, by clawcheck mock --lenient {}",
                row.answer, row.leniency
            );
            self.entry("legal too", &other)?;
        }
        let observes = |case: &&Case| {
            let mut says = case.says().into_iter();
            says.any(|(label, text)| label == "observes" && text == name)
        };
        let cases: Vec<&Case> = catalogue.cases().iter().filter(observes).collect();
        if !cases.is_empty() {
            self.cases("seen by", &cases)?;
        }
        Ok(())
    }

    fn class(&mut self, class: ErrorClass) -> io::Result<()> {
        self.title(class.as_str(), "class of errors under load")?;
        self.entry("is", class.says())?;
        self.entry(
            "whose",
            match class.kind() {
                ErrorKind::Transport => "transport: on the way, or the connection's",
                ErrorKind::Http => "http: an answer that says no",
                ErrorKind::Contract => "contract: an answer that breaks the documentation",
                ErrorKind::Client => "client: our own doing",
            },
        )?;
        self.entry(
            "counts",
            if class.is_throttled() {
                "as throttled, apart from errors, unless the scenario says otherwise"
            } else if class.is_error() {
                "as an error"
            } else {
                "apart from errors"
            },
        )
    }

    fn scenario(&mut self, scenario: &Scenario, id: &str) -> io::Result<()> {
        self.title(&line(&scenario.name), "load scenario")?;
        for (label, text) in scenario.says() {
            self.entry(label, &text)?;
        }
        for fixture in scenario.needs() {
            self.entry("needs", &format!("{fixture}: {}", fixture.says()))?;
        }
        let builtin = BUILTIN.iter().find(|builtin| builtin.name == id);
        self.entry(
            "file",
            &builtin.map_or(id.to_owned(), |builtin| builtin.file()),
        )
    }

    fn cases(&mut self, label: &str, cases: &[&Case]) -> io::Result<()> {
        let ids: Vec<&str> = cases.iter().map(|case| case.id()).collect();
        self.entry(label, &ids.join(", "))
    }
}

/// Whether a requirement's text names a code as a word: `timeout` is no part of `time-out`, nor `rate_limited` of
/// `bot_rate_limited`.
fn names(text: &str, code: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .any(|word| word == code)
}
