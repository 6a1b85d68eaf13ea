//! The book in `docs/` is whole and true: every page is in the summary, every link leads to one of them, every command
//! line is one that the program takes, and its tables are made from the code.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use clawcheck::load::{Kept, Metric, Scalar, Stat};
use clawcheck::record::load::ErrorClass;
use clawcheck::report::Kind;
use serde_json::Value;

use crate::support::Run;
use crate::support::markdown::{blocks, links, marked, pages, read, root};

#[test]
fn every_page_is_in_the_summary_once() {
    let mut listed = links(&read("docs/SUMMARY.md"));
    listed.sort();
    let there: Vec<String> = pages()
        .iter()
        .map(|page| page.trim_start_matches("docs/").to_owned())
        .collect();
    assert_eq!(listed, there);
}

/// What is not in `docs/` is not in the site that is made of it, so a page names such a file and does not link to it.
#[test]
fn every_link_leads_to_a_page_of_the_book() {
    let mut wrong = Vec::new();
    for page in pages() {
        for link in links(&read(&page)) {
            if link.starts_with("..") || !root().join("docs").join(&link).is_file() {
                wrong.push(format!("{page}: {link}"));
            }
        }
    }
    for page in [
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ] {
        for link in links(&read(page)) {
            if !root().join(&link).exists() {
                wrong.push(format!("{page}: {link}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// In place of the last argument `--help` is asked for, which comes after everything before it was taken.
#[cfg(unix)]
#[test]
fn every_command_line_is_one_that_the_program_takes() {
    let help = Run::new(["--help"]).output().stdout;
    let subcommands: BTreeSet<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(subcommands.contains("conform"), "{help}");

    let mut lines = BTreeSet::new();
    let files = ["docs/examples", ".github/workflows"].map(|folder| {
        let entries = fs::read_dir(root().join(folder)).expect("it can be read");
        entries.map(move |entry| {
            let name = entry.expect("it can be read").file_name();
            format!("{folder}/{}", name.to_string_lossy())
        })
    });
    for file in files.into_iter().flatten() {
        lines.extend(read(&file).lines().map(str::to_owned));
    }
    let prose = [
        "README.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ];
    for page in prose.map(str::to_owned).into_iter().chain(pages()) {
        let text = read(&page);
        for block in blocks(&text) {
            if block.language != "text" {
                lines.extend(block.text.lines().map(str::to_owned));
            }
        }
        let text = text.replace('\n', " ");
        lines.extend(
            text.split('`')
                .filter(|span| span.starts_with("clawcheck "))
                .map(str::to_owned),
        );
    }

    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut tried = 0;
    let mut wrong = Vec::new();
    for line in &lines {
        if line.trim_start().starts_with(['#', '/']) {
            continue;
        }
        let Some(command) = command(line, &subcommands) else {
            continue;
        };
        tried += 1;
        let output = Run::shell(&format!("{command} --help"), &folder).output();
        if output.code != Some(0) || !output.stdout.contains("Usage: clawcheck") {
            wrong.push(format!("{command}: {}", output.text()));
        }
    }
    assert!(tried > 40, "only {tried} command lines were found");
    assert_eq!(wrong, Vec::<String>::new());
}

/// The call of the program in a line, up to what ends it: a quote that was opened before it, a pipe, a redirection.
fn command(line: &str, subcommands: &BTreeSet<&str>) -> Option<String> {
    let at = line.match_indices("clawcheck ").find_map(|(at, name)| {
        let next = line[at + name.len()..].split_whitespace().next()?;
        subcommands.contains(next).then_some(at)
    })?;
    let around = line[..at].matches('\'').count() % 2 == 1;
    let rest = &line[at..];
    let mut inside = None;
    let end = rest.char_indices().find_map(|(at, c)| match (c, inside) {
        ('\'', None) if around => Some(at),
        ('\'' | '"', None) => {
            inside = Some(c);
            None
        }
        (c, Some(quote)) if c == quote => {
            inside = None;
            None
        }
        (' ', None) => {
            let ends = [" > ", " | ", " && ", " # "];
            ends.iter()
                .any(|end| rest[at..].starts_with(end))
                .then_some(at)
        }
        _ => None,
    });
    Some(rest[..end.unwrap_or(rest.len())].trim().to_owned())
}

#[test]
fn the_scenarios_of_the_book_are_right() {
    let scenarios = marked("scenario");
    assert!(!scenarios.is_empty());
    for block in scenarios {
        let output = Run::new(["explain", "./own.toml"])
            .file("own.toml", &block.text)
            .output();
        assert_eq!(output.code, Some(0), "{}", output.text());
    }
}

#[test]
fn every_field_of_a_report_is_told() {
    let text = read("docs/reports.md");
    for name in ["conform", "load", "compare"] {
        let schema = read(&format!("schemas/report-{name}.schema.json"));
        let schema: Value = serde_json::from_str(&schema).expect("it is JSON");
        let fields = schema["properties"].as_object().expect("it has fields");
        let untold: Vec<&String> = fields
            .keys()
            .filter(|field| {
                let forms = [format!("`{field}`"), format!("`{field}[]`")];
                !forms.iter().any(|form| text.contains(form.as_str()))
            })
            .collect();
        assert_eq!(untold, Vec::<&String>::new(), "of {name}");
    }
}

/// `CLAWCHECK_BLESS=1 cargo test book` writes them anew.
#[test]
fn the_tables_are_made_from_the_code() {
    let schema = |name: &str| -> Value {
        serde_json::from_str(&read(&format!("schemas/{name}.schema.json"))).expect("it is JSON")
    };
    let scenario = schema("scenario");
    let mut keys = String::new();
    sections(&mut keys, "", &scenario);
    is_made("docs/scenario.md", "scenario", &keys);
    let faults = &scenario["properties"]["mock"]["properties"]["faults"];
    is_made("docs/scenario.md", "faults", &fault_table(faults));
    let mut keys = String::new();
    sections(&mut keys, "", &schema("profile"));
    is_made("docs/profile.md", "profile", &keys);

    is_made("docs/figures.md", "distributions", &distributions());
    is_made("docs/figures.md", "scalars", &scalars());
    is_made("docs/figures.md", "errors", &errors());
    let names: Vec<String> = Stat::ALL
        .iter()
        .map(|stat| format!("`{}`", stat.name()))
        .collect();
    is_made(
        "docs/figures.md",
        "statistics",
        &format!("{}\n", names.join(", ")),
    );
    is_made("docs/reports.md", "kinds", &kinds());
}

/// What stands between `<!-- made by a test: NAME -->` and `<!-- end -->` is `made`.
fn is_made(page: &str, name: &str, made: &str) {
    let text = read(page);
    let begin = format!("<!-- made by a test: {name} -->\n");
    let at = text
        .find(&begin)
        .unwrap_or_else(|| panic!("{page}: {name}"));
    let (before, rest) = text.split_at(at + begin.len());
    let end = rest.find("<!-- end -->").expect("what is made has an end");
    let made = format!("\n{}\n\n", made.trim());
    if std::env::var_os("CLAWCHECK_BLESS").is_some() {
        let text = format!("{before}{made}{}", &rest[end..]);
        fs::write(root().join(page), text).expect("the page can be written");
        return;
    }
    assert!(rest[..end] == made, "{page}: `{name}` is stale");
}

/// A table for each section, those inside it after it.
fn sections(text: &mut String, name: &str, schema: &Value) {
    let (schema, title) = match schema["items"].as_object() {
        Some(_) => (&schema["items"], format!("[[{name}]]")),
        None => (schema, format!("[{name}]")),
    };
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if name.is_empty() {
        text.push_str("### At the top\n\n");
    } else {
        let _ = write!(text, "### `{title}`\n\n");
    }
    let plain: Vec<_> = properties
        .iter()
        .filter(|(_, key)| !is_section(key))
        .collect();
    let inner = properties.iter().filter(|(_, key)| is_section(key));
    if name.is_empty() && plain.is_empty() {
        text.truncate(text.len() - "### At the top\n\n".len());
    } else {
        text.push_str("| key | is | value | left out |\n|---|---|---|---|\n");
        for (key, property) in plain {
            let left_out = match &property["default"] {
                Value::Null if required.contains(&key.as_str()) => "required".to_owned(),
                Value::Null => String::new(),
                default => format!("`{}`", toml(default)),
            };
            let says = cell(property["description"].as_str().unwrap_or_default());
            let _ = writeln!(
                text,
                "| `{key}` | {says} | {} | {left_out} |",
                value(property)
            );
        }
        text.push('\n');
    }
    for (key, property) in inner {
        let path = match name {
            "" => key.clone(),
            name => format!("{name}.{key}"),
        };
        let at = text.len();
        sections(text, &path, property);
        let says = property["description"].as_str().unwrap_or_default();
        let head = text[at..].find("\n\n").map(|end| at + end + 2);
        if let Some(head) = head {
            let default = match &property["default"] {
                Value::Null => String::new(),
                default => format!(" Left out: `{}`.", toml(default)),
            };
            text.insert_str(head, &format!("{}{default}\n\n", cell(says)));
        }
    }
}

/// Whether it has keys of its own. Those of the faults have a table elsewhere.
fn is_section(schema: &Value) -> bool {
    let keys = |schema: &Value| schema["properties"].is_object();
    schema["patternProperties"].is_null() && (keys(schema) || keys(&schema["items"]))
}

/// What a value may be.
fn value(schema: &Value) -> String {
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<String> = choices
            .iter()
            .map(|one| format!("`{}`", toml(one)))
            .collect();
        return choices.join(", ");
    }
    if let Some(forms) = schema["anyOf"].as_array() {
        let forms: Vec<String> = forms.iter().map(value).collect();
        return forms.join(" or ");
    }
    let number = |name: &str| schema[name].as_f64();
    let range = match (
        number("minimum"),
        number("maximum"),
        number("exclusiveMinimum"),
    ) {
        (Some(least), Some(most), _) if most < 1e18 => format!(", {least} to {most}"),
        (Some(least), _, _) => format!(", {least} or more"),
        (_, _, Some(over)) => format!(", over {over}"),
        _ => String::new(),
    };
    match schema["type"].as_str() {
        Some("string") => "text".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => format!("whole number{range}"),
        Some("number") => format!("number{range}"),
        Some("array") => match value(&schema["items"]).as_str() {
            "text" => "texts".to_owned(),
            choices => format!("several of {choices}"),
        },
        Some("object") => match schema["properties"].as_object() {
            Some(keys) if schema["patternProperties"].is_null() => {
                let keys: Vec<String> = keys.keys().map(|key| format!("{key} = …")).collect();
                format!("`{{ {} }}`", keys.join(", "))
            }
            _ => "table".to_owned(),
        },
        other => panic!("{other:?} in {schema}"),
    }
}

/// A JSON value as TOML.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{name} = {}", toml(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
        .replace("[DONE]", "`[DONE]`")
        .replace("``[DONE]``", "`[DONE]`")
}

fn fault_table(faults: &Value) -> String {
    let named = faults["properties"].as_object().expect("faults have names");
    let mut text = String::from("| fault | does |\n|---|---|\n");
    for (name, fault) in named {
        let says = fault["description"].as_str().unwrap_or_default();
        let _ = writeln!(text, "| `{name}` | {} |", cell(says));
    }
    text.push_str("| `status_400` to `status_599` | That status in place of an answer. |\n");
    text
}

const fn whose(kept: Kept) -> &'static str {
    match kept {
        Kept::ByRequest => "",
        Kept::OfRun => "of the run only",
    }
}

fn distributions() -> String {
    let mut text = String::from("| figure | is | |\n|---|---|---|\n");
    for metric in Metric::ALL {
        let (name, says) = (metric.name(), cell(metric.says()));
        let _ = writeln!(text, "| `{name}` | {says} | {} |", whose(metric.kept()));
    }
    text
}

fn scalars() -> String {
    let mut text = String::from("| figure | is | |\n|---|---|---|\n");
    for scalar in Scalar::ALL {
        let (name, says) = (scalar.name(), cell(scalar.says()));
        let _ = writeln!(text, "| `{name}` | {says} | {} |", whose(scalar.kept()));
    }
    text
}

fn errors() -> String {
    let mut text = String::from("| class | kind | is |\n|---|---|---|\n");
    for class in ErrorClass::FIXED {
        let (kind, says) = (class.kind().as_str(), cell(class.says()));
        let _ = writeln!(text, "| `{class}` | {kind} | {says} |");
    }
    text
}

fn kinds() -> String {
    let commands = [
        ("conform", Kind::CONFORM),
        ("selftest", Kind::SELFTEST),
        ("load", Kind::LOAD),
        ("compare", Kind::COMPARE),
    ];
    let mut text = String::from("| kind |");
    for (name, _) in commands {
        let _ = write!(text, " `{name}` |");
    }
    text.push_str("\n|---|---|---|---|---|\n");
    for kind in Kind::ALL {
        let _ = write!(text, "| `{}` |", kind.as_str());
        for (_, kinds) in commands {
            let _ = write!(text, " {} |", if kinds.contains(kind) { "yes" } else { "" });
        }
        text.push('\n');
    }
    text
}
