//! All cases, whatever they are made of, in the contract's order.

use super::data::{DataCase, Told};
use super::header::{CodeCase, Cost, Run};
use super::{Bench, Inconclusive, Verdict, code};
use crate::contract::{RequirementId, *};
use crate::judge::Mode;
use crate::profile::Fixture;
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The data cases that come with the program.
const FILES: &[(&str, &str)] = &[
    (
        "auth.toml",
        include_str!("../../scenarios/conform/auth.toml"),
    ),
    (
        "route.toml",
        include_str!("../../scenarios/conform/route.toml"),
    ),
    (
        "order.toml",
        include_str!("../../scenarios/conform/order.toml"),
    ),
    (
        "body.toml",
        include_str!("../../scenarios/conform/body.toml"),
    ),
    (
        "size.toml",
        include_str!("../../scenarios/conform/size.toml"),
    ),
    (
        "fault.toml",
        include_str!("../../scenarios/conform/fault.toml"),
    ),
];

/// What a case is made of.
pub enum Kind {
    /// Data: one request, one answer.
    Data,
    /// Code.
    Code,
}

enum Body {
    Data(Box<Told>),
    Code(Run),
}

/// A case of the catalogue.
pub struct Case {
    id: String,
    requirement: RequirementId,
    in_stream: Option<RequirementId>,
    also: Vec<RequirementId>,
    why: String,
    modes: Vec<Mode>,
    needs: Vec<Fixture>,
    cost: Cost,
    uses_up: Option<Fixture>,
    http1: bool,
    file: Option<String>,
    says: Vec<(String, String)>,
    body: Body,
}

impl Case {
    /// The id, without the mode.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of its result in a mode: `.stream` is added where it is not the only one.
    pub fn result_id(&self, mode: Mode) -> String {
        if mode == Mode::Stream && self.modes.len() > 1 {
            format!("{}.stream", self.id)
        } else {
            self.id.clone()
        }
    }

    /// The requirement that it tests.
    pub fn requirement(&self) -> RequirementId {
        self.requirement
    }

    /// The requirement of its result in a mode.
    pub fn requirement_in(&self, mode: Mode) -> RequirementId {
        match (mode, self.in_stream) {
            (Mode::Stream, Some(requirement)) => requirement,
            _ => self.requirement,
        }
    }

    /// Every requirement that it covers.
    pub fn covers(&self) -> Vec<RequirementId> {
        let mut all = vec![self.requirement];
        all.extend(self.in_stream);
        all.extend(&self.also);
        all
    }

    /// Every requirement that it covers in a mode.
    pub fn covers_in(&self, mode: Mode) -> Vec<RequirementId> {
        let mut all = vec![self.requirement_in(mode)];
        all.extend(&self.also);
        all
    }

    /// Why it exists.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The modes that it runs in.
    pub fn modes(&self) -> &[Mode] {
        &self.modes
    }

    /// The fixtures that it needs.
    pub fn needs(&self) -> &[Fixture] {
        &self.needs
    }

    /// What it costs in one mode.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// The size of its largest body, in bytes, for the plan; 0 where it is small.
    pub fn largest_body(&self) -> usize {
        match &self.body {
            Body::Data(told) => told.change.pad_to.unwrap_or_default(),
            Body::Code(_) if self.id == "size.readable-refusal-large" => 10_000_000,
            Body::Code(_) => 0,
        }
    }

    /// The fixture that it uses up: no other case on that fixture may run beside it.
    pub fn uses_up(&self) -> Option<Fixture> {
        self.uses_up
    }

    /// Whether it waits for the target's clock, or sends slowly: it should start early.
    pub fn takes_time(&self) -> bool {
        self.id == "fault.timeout" || self.requirement == WIRE_4 || self.requirement == SIZE_4
    }

    /// Whether it needs byte-exact HTTP/1.1.
    pub fn needs_http1(&self) -> bool {
        self.http1
    }

    /// What it is made of.
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::Data(_) => Kind::Data,
            Body::Code(_) => Kind::Code,
        }
    }

    /// What is sent and what is expected, for people.
    pub fn says(&self) -> Vec<(String, String)> {
        self.says.clone()
    }

    /// The file that it comes from, of a user's own.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Runs it in the bench's mode.
    pub async fn run(&self, bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
        match &self.body {
            Body::Data(told) => told.run(bench, self.requirement_in(bench.mode)).await,
            Body::Code(run) => run(bench).await,
        }
    }
}

impl From<&CodeCase> for Case {
    fn from(code: &CodeCase) -> Case {
        Case {
            id: code.id.to_owned(),
            requirement: code.requirement,
            in_stream: code.in_stream,
            also: code.also.to_vec(),
            why: code.why.to_owned(),
            modes: code.modes.to_vec(),
            needs: code.needs.to_vec(),
            cost: code.cost,
            uses_up: code.uses_up,
            http1: code.http1,
            file: None,
            says: vec![
                ("sends".to_owned(), code.sends.to_owned()),
                ("expects".to_owned(), code.expects.to_owned()),
            ],
            body: Body::Code(code.run),
        }
    }
}

/// All cases.
pub struct Catalogue {
    cases: Vec<Case>,
}

/// A mistake in a case file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFileError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Catalogue {
    /// The cases that come with the program.
    pub fn builtin() -> Catalogue {
        let mut catalogue = Catalogue { cases: Vec::new() };
        for (name, text) in FILES {
            match read(name, text, None) {
                Ok(cases) => catalogue.cases.extend(cases),
                Err(errors) => {
                    panic!("an embedded case file is sound, a test reads each: {errors:?}")
                }
            }
        }
        catalogue
            .cases
            .extend(code::ALL.iter().map(|code| Case::from(*code)));
        catalogue.sort();
        catalogue
    }

    /// Adds a user's own case files, `*.toml` of a folder; says how many cases they had.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn add_dir(&mut self, dir: &Path) -> Result<usize, Vec<CaseFileError>> {
        let in_dir = |message: String| {
            vec![CaseFileError {
                file: dir.display().to_string(),
                line: 1,
                column: 1,
                message,
                help: Some("give a folder with case files that end in .toml".to_owned()),
            }]
        };
        let entries =
            std::fs::read_dir(dir).map_err(|error| in_dir(format!("can't be read: {error}")))?;
        let mut files: Vec<_> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .collect();
        files.sort();
        if files.is_empty() {
            return Err(in_dir("no case file in it".to_owned()));
        }
        self.add_files(&files)
    }

    /// Adds case files; says how many cases they had.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn add_files(&mut self, files: &[PathBuf]) -> Result<usize, Vec<CaseFileError>> {
        let mut added = Vec::new();
        let mut errors = Vec::new();
        for path in files {
            let name = path.display().to_string();
            match std::fs::read_to_string(path) {
                Ok(text) => match read(&name, &text, Some(&name)) {
                    Ok(cases) => added.extend(cases),
                    Err(found) => errors.extend(found),
                },
                Err(error) => errors.push(CaseFileError {
                    file: name,
                    line: 1,
                    column: 1,
                    message: format!("can't be read: {error}"),
                    help: None,
                }),
            }
        }
        let mut known: HashSet<String> = self.cases.iter().map(|case| case.id.clone()).collect();
        for case in &added {
            if !known.insert(case.id.clone()) {
                errors.push(CaseFileError {
                    file: case.file.clone().unwrap_or_default(),
                    line: 1,
                    column: 1,
                    message: format!("the id `{}` is taken by another case", case.id),
                    help: Some("ids are unique over all files".to_owned()),
                });
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let count = added.len();
        self.cases.extend(added);
        self.sort();
        Ok(count)
    }

    /// The cases, in the contract's order.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    fn sort(&mut self) {
        self.cases.sort_by(|a, b| {
            a.requirement
                .cmp(&b.requirement)
                .then_with(|| a.id.cmp(&b.id))
        });
    }
}

/// Why a requirement has no case: it can't be observed from outside.
pub fn reason_unobservable(requirement: RequirementId) -> Option<&'static str> {
    [
        (LIMIT_4, "not a test of its own: every 429 that no case provoked is waited for and sent again, and the run counts them"),
        (WIRE_5, "not a test of its own: the run notes which version of HTTP was spoken"),
    ]
    .into_iter()
    .find_map(|(id, reason)| (id == requirement).then_some(reason))
}

fn read(name: &str, text: &str, file: Option<&str>) -> Result<Vec<Case>, Vec<CaseFileError>> {
    let (table, syntax) = toml::de::DeTable::parse_recoverable(text);
    let mut errors: Vec<CaseFileError> = syntax
        .iter()
        .map(|error| at(name, text, error.span(), error.message().to_owned(), None))
        .collect();
    let mut cases = Vec::new();
    if !errors.is_empty() {
        return Err(errors);
    }
    for (key, value) in table.into_inner() {
        let span = key.span();
        if key.get_ref() != "case" {
            errors.push(at(
                name,
                text,
                Some(span),
                format!("unknown key `{}`", key.get_ref()),
                Some("a case file has [[case]] tables, nothing else".to_owned()),
            ));
            continue;
        }
        let toml::de::DeValue::Array(items) = value.into_inner() else {
            errors.push(at(
                name,
                text,
                Some(span),
                "`case` is no array of tables".to_owned(),
                Some("write [[case]]".to_owned()),
            ));
            continue;
        };
        for item in items {
            let span = item.span();
            match DataCase::deserialize(item.into_deserializer()) {
                Ok(data) => match from_data(&data, file) {
                    Ok(found) => cases.extend(found),
                    Err(message) => errors.push(at(
                        name,
                        text,
                        Some(span),
                        format!("case `{}`: {message}", data.id),
                        None,
                    )),
                },
                Err(error) => errors.push(at(
                    name,
                    text,
                    error.span().or(Some(span)),
                    error.message().to_owned(),
                    None,
                )),
            }
        }
    }
    if errors.is_empty() {
        Ok(cases)
    } else {
        Err(errors)
    }
}

fn at(
    file: &str,
    text: &str,
    span: Option<std::ops::Range<usize>>,
    message: String,
    help: Option<String>,
) -> CaseFileError {
    let offset = span.map_or(0, |span| span.start).min(text.len());
    let before = text.get(..offset).unwrap_or_default();
    CaseFileError {
        file: file.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
        message,
        help,
    }
}

fn from_data(data: &DataCase, file: Option<&str>) -> Result<Vec<Case>, String> {
    let valid = |id: &str| {
        !id.is_empty()
            && id
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
    };
    if !valid(&data.id) || data.id.ends_with(".stream") {
        return Err(
            "an id has lower-case letters, digits, `-` and `.`, and does not end in .stream"
                .to_owned(),
        );
    }
    let requirement = |name: &str| {
        RequirementId::parse(name)
            .map_err(|error| format!("{error}; did you mean `{}`?", error.nearest))
    };
    let main = requirement(&data.requirement)?;
    let in_stream = data.in_stream.as_deref().map(requirement).transpose()?;
    let also = data
        .also
        .iter()
        .map(|name| requirement(name))
        .collect::<Result<Vec<_>, _>>()?;
    let modes: Vec<Mode> = data.modes.iter().map(|word| word.mode()).collect();
    if modes.is_empty() {
        return Err("`modes` is empty".to_owned());
    }
    let variants: Vec<(Option<&str>, Option<&str>)> = if data.variants.is_empty() {
        vec![(None, None)]
    } else {
        data.variants
            .iter()
            .map(|(name, text)| (Some(name.as_str()), Some(text.as_str())))
            .collect()
    };
    variants
        .into_iter()
        .map(|(name, text)| {
            let mut told = data.told(text.map(str::to_owned))?;
            if let (Some(observe), Some(name)) = (&mut told.observe, name) {
                *observe = format!("{observe}.{}", name.replace('-', "_"));
            }
            let id = match name {
                Some(name) if valid(name) => format!("{}.{name}", data.id),
                Some(name) => return Err(format!("variant `{name}` makes no id")),
                None => data.id.clone(),
            };
            let may_pass = data.expect.is_none()
                || told
                    .expectation
                    .as_ref()
                    .is_some_and(|expectation| expectation.statuses().contains(&200));
            Ok(Case {
                id,
                requirement: main,
                in_stream,
                also: also.clone(),
                why: data.why.clone(),
                modes: modes.clone(),
                needs: told.needs(),
                cost: Cost {
                    requests: 1,
                    completions: data.completions.unwrap_or(usize::from(may_pass)),
                },
                uses_up: None,
                http1: data.change.chunked.is_some(),
                file: file.map(str::to_owned),
                says: says(&told),
                body: Body::Data(Box::new(told)),
            })
        })
        .collect()
}

fn says(told: &Told) -> Vec<(String, String)> {
    let mut lines = vec![("sends".to_owned(), sends(told))];
    match &told.expectation {
        Some(expectation) => {
            lines.push(("expects".to_owned(), expectation.describe()));
            if !expectation.preferred.is_empty() {
                let preferred = crate::judge::Expectation {
                    legal: expectation.preferred.clone(),
                    preferred: Vec::new(),
                };
                lines.push(("prefers".to_owned(), preferred.describe()));
            }
        }
        None => lines.push((
            "expects".to_owned(),
            "any answer that is no 5xx; which one is reported".to_owned(),
        )),
    }
    if let Some(name) = &told.observe {
        lines.push(("observes".to_owned(), name.clone()));
    }
    lines
}

/// The change in words.
fn sends(told: &Told) -> String {
    let change = &told.change;
    let mut parts = Vec::new();
    let variant = told.variant.clone().unwrap_or_default();
    if let Some(key) = &change.key {
        parts.push(format!("the key {}", key.describe(told.key)));
    }
    match &change.authorization {
        Some(super::data::TextOrFalse::Text(text)) => {
            parts.push(format!(
                "Authorization: {}",
                text.replace("{variant}", &variant)
            ));
        }
        Some(super::data::TextOrFalse::False(_)) => parts.push("no Authorization".to_owned()),
        None => {}
    }
    if let Some(bot) = &change.bot {
        parts.push(match bot {
            super::data::BotChange::Fixture(name) => format!("the bot {name}"),
            super::data::BotChange::Form { .. } => "the id of a bot that does not exist".to_owned(),
        });
    }
    if let Some(method) = &change.method {
        parts.push(format!(
            "the method {}",
            method.replace("{variant}", &variant)
        ));
    }
    if let Some(path) = &change.path {
        parts.push(format!(
            "the target {}",
            path.replace("{variant}", &variant)
        ));
    }
    for (name, value) in &change.headers {
        parts.push(format!("{name}: {}", value.replace("{variant}", &variant)));
    }
    if let Some(field) = &change.header {
        parts.push(format!(
            "{}: {}",
            field.name.replace("{variant}", &variant),
            field.value
        ));
    }
    for name in &change.without {
        parts.push(format!("no {name}"));
    }
    if let Some(body) = &change.body {
        let body = body.replace("{variant}", &variant);
        let short: String = body.chars().take(200).collect();
        parts.push(if short.is_empty() {
            "an empty body".to_owned()
        } else {
            format!("the body {short}")
        });
    }
    if let Some(hex) = &change.body_hex {
        parts.push(format!(
            "the body {} (hexadecimal)",
            hex.chars().take(80).collect::<String>()
        ));
    }
    if let Some(size) = change.pad_to {
        parts.push(format!("white space up to {size} bytes"));
    }
    if change.chunked.is_some() {
        parts.push("in chunks".to_owned());
    }
    if parts.is_empty() {
        "the plain valid request".to_owned()
    } else {
        format!("the plain valid request, but {}", parts.join(", "))
    }
}
