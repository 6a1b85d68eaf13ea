//! The schemas of our own files: they agree with what is read and written.

use crate::reports::formatted;
use crate::scenarios::WRONG;
use crate::support::record::{empty, every_outcome};
use clawcheck::case::{CaseFileError, Catalogue};
use clawcheck::load::{BUILTIN, scenario_schema};
use clawcheck::profile::{Profile, schema};
use clawcheck::record::{Ended, Record};
use clawcheck::report::{Demands, Kind};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("schemas")
        .join(name)
}

pub(crate) fn load(name: &str) -> Value {
    let text = fs::read_to_string(path(name)).expect("the schema is there");
    serde_json::from_str(&text).expect("a schema is JSON")
}

/// `CLAWCHECK_BLESS=1 cargo test schemas` writes the files anew.
#[test]
fn schemas_of_toml_files_are_what_their_parsers_know() {
    for (name, schema) in [
        ("profile.schema.json", schema()),
        ("scenario.schema.json", scenario_schema()),
    ] {
        let text = format!("{schema:#}\n");
        let path = path(name);
        if std::env::var_os("CLAWCHECK_BLESS").is_some() {
            fs::write(&path, &text).expect("the schema can be written");
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{} is stale", path.display());
    }
}

fn scenario_validator() -> jsonschema::Validator {
    jsonschema::validator_for(&load("scenario.schema.json")).expect("it is a schema")
}

#[test]
fn every_scenario_of_ours_keeps_the_schema_and_so_does_its_report() {
    let validator = scenario_validator();
    for builtin in BUILTIN {
        for value in [json(builtin.text), builtin.scenario().resolved()] {
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert_eq!(errors, Vec::<String>::new(), "{}", builtin.name);
        }
    }
}

/// What the parser says of them is in a snapshot.
#[test]
fn the_schema_refuses_the_wrong_scenarios_that_it_can_see() {
    let validator = scenario_validator();
    for wrong in WRONG {
        let valid = validator.is_valid(&json(&wrong.text()));
        assert_eq!(valid, !wrong.schema_sees_it, "{}", wrong.name);
    }
}

#[test]
fn schema_and_parser_agree_on_profiles() {
    let validator =
        jsonschema::validator_for(&load("profile.schema.json")).expect("it is a schema");
    let least = "[keys]\nvalid = \"clawbite_sk_1\"\n[bots]\nmain = \"b\"\n[target]\nbase_url = \"http://h.example\"\n";
    for (text, right) in [
        (String::new(), true),
        ("rate = 10".to_owned(), true),
        ("rate = 0".to_owned(), false),
        ("http = \"2\"".to_owned(), true),
        ("http = \"3\"".to_owned(), false),
        ("insecure = \"no\"".to_owned(), false),
        ("unknown = 1".to_owned(), false),
        ("[provoke]\nburst = 1".to_owned(), true),
        ("[provoke]\nburst = 0".to_owned(), false),
        ("[provoke]\nburst = 1.5".to_owned(), false),
        ("[headers]\nX-A = \"b\"".to_owned(), true),
        ("[bots.slow]\nid = \"s\"\nkey = \"k\"".to_owned(), true),
        ("[bots.slow]\nkey = \"k\"".to_owned(), false),
        ("[models]\noverride = \"\"".to_owned(), false),
    ] {
        let text = format!("{least}{text}\n");
        let table: toml::Table = text.parse().expect("it is TOML");
        let value = serde_json::to_value(table).expect("TOML fits into JSON");
        assert_eq!(validator.is_valid(&value), right, "schema: {text}");
        let parsed = Profile::parse(&text, "p.toml", &|_| None);
        assert_eq!(parsed.is_ok(), right, "parser: {text}");
    }
}

#[test]
fn the_json_report_keeps_its_schema() {
    let schema = load("report-conform.schema.json");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let untestable = Record {
        ended: Ended::Untestable("no connection".to_owned()),
        ..empty()
    };
    let trials = Record {
        command: "selftest",
        ..every_outcome()
    };
    for record in [every_outcome(), empty(), untestable, trials] {
        let text = formatted(Kind::Json, &record, Demands::default());
        let value: Value = serde_json::from_str(&text).expect("a report is JSON");
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new());
    }
    let wrong = serde_json::json!({ "tool": "clawcheck" });
    assert!(!validator.is_valid(&wrong));
}

fn case_validator() -> jsonschema::Validator {
    jsonschema::validator_for(&load("case.schema.json")).expect("it is a schema")
}

fn json(text: &str) -> Value {
    let table: toml::Table = text.parse().expect("it is TOML");
    serde_json::to_value(table).expect("TOML fits into JSON")
}

/// What the parser says of a case file.
fn parsed(text: &str) -> Result<usize, Vec<CaseFileError>> {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("case-file-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).expect("the tests' folder can be written");
    fs::write(folder.join("case.toml"), text).expect("it can be written");
    let found = Catalogue::builtin().add_dir(&folder);
    fs::remove_dir_all(&folder).expect("it is ours");
    found
}

/// The names that the parser would have taken in place of `zzz`.
fn taken_instead_of(text: &str) -> BTreeSet<String> {
    let errors = parsed(text).expect_err("`zzz` is nothing");
    let message = &errors[0].message;
    let (_, names) = message
        .split_once("expected one of ")
        .unwrap_or_else(|| panic!("it names none: {message}"));
    names
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

const LEAST_CASE: &str = "[[case]]\nid = \"x\"\nrequirement = \"AUTH-1\"\nwhy = \"y\"\n";

#[test]
fn the_case_schema_has_the_keys_of_the_parser() {
    let schema = load("case.schema.json");
    let keys = |name: &str| -> BTreeSet<String> {
        let properties = schema["$defs"][name]["properties"].as_object();
        properties
            .expect("it has properties")
            .keys()
            .cloned()
            .collect()
    };
    let words = |list: &Value| -> BTreeSet<String> {
        let words = list.as_array().expect("it is a list").iter();
        words
            .map(|word| word.as_str().expect("a word").to_owned())
            .collect()
    };
    let change = |change: &str| taken_instead_of(&format!("{LEAST_CASE}change = {change}\n"));
    assert_eq!(keys("case"), taken_instead_of("[[case]]\nzzz = 1\n"));
    assert_eq!(keys("change"), change("{ zzz = 1 }"));
    assert_eq!(keys("key"), change("{ key = { zzz = 1 } }"));
    let defs = &schema["$defs"];
    assert_eq!(
        words(&defs["key"]["properties"]["form"]["enum"]),
        change("{ key = { form = \"zzz\" } }")
    );
    assert_eq!(
        words(&defs["change"]["properties"]["pad_at"]["enum"]),
        change("{ pad_at = \"zzz\" }")
    );
}

#[test]
fn schema_and_parser_agree_on_cases() {
    let validator = case_validator();
    let good = "expect = \"good\"";
    for (text, right) in [
        (good.to_owned(), true),
        (String::new(), false),
        ("observe = \"o\"".to_owned(), true),
        ("prefer = \"good\"".to_owned(), false),
        (format!("{good}\nprefer = {{ status = 401 }}"), true),
        (format!("{good}\nzzz = 1"), false),
        (format!("{good}\nmodes = []"), false),
        (format!("{good}\nmodes = [\"stream\"]"), true),
        (format!("{good}\nmodes = [\"zzz\"]"), false),
        (format!("{good}\nvariants = {{ a-1 = \"x\" }}"), true),
        (format!("{good}\nvariants = {{ A = \"x\" }}"), false),
        (format!("{good}\ncompletions = -1"), false),
        (
            format!("{good}\nchange = {{ authorization = false }}"),
            true,
        ),
        (
            format!("{good}\nchange = {{ authorization = true }}"),
            false,
        ),
        (
            format!("{good}\nchange = {{ bot = \"bots.offline\" }}"),
            true,
        ),
        (format!("{good}\nchange = {{ bot = \"offline\" }}"), false),
        (
            format!("{good}\nchange = {{ bot = {{ form = \"made-up\" }} }}"),
            true,
        ),
        (
            format!("{good}\nchange = {{ bot = {{ form = \"last-off\" }} }}"),
            true,
        ),
        (
            format!("{good}\nchange = {{ bot = {{ form = \"first-off\" }} }}"),
            true,
        ),
        (
            format!("{good}\nchange = {{ bot = {{ form = \"zzz\" }} }}"),
            false,
        ),
        (format!("{good}\nchange = {{ body_hex = \"00 fF\" }}"), true),
        (format!("{good}\nchange = {{ body_hex = \"0\" }}"), false),
        (format!("{good}\nchange = {{ body_hex = \"0x\" }}"), false),
        (
            format!("{good}\nchange = {{ pad_at = \"end\", pad_to = 5 }}"),
            true,
        ),
        (format!("{good}\nchange = {{ pad_to = -5 }}"), false),
        ("expect = \"zzz\"".to_owned(), false),
        ("expect = { status = 401 }".to_owned(), true),
        ("expect = { code = \"timeout\" }".to_owned(), false),
        ("expect = { status = 401, zzz = 1 }".to_owned(), false),
        (
            "expect = { status = [401, 403], code = [\"missing_api_key\"] }".to_owned(),
            true,
        ),
        ("expect = [\"good\", { status = 411 }]".to_owned(), true),
        ("expect = [\"zzz\"]".to_owned(), false),
    ] {
        let text = format!("{LEAST_CASE}{text}\n");
        assert_eq!(validator.is_valid(&json(&text)), right, "schema: {text}");
        let found = parsed(&text);
        assert_eq!(found.is_ok(), right, "parser: {text}{found:?}");
    }
    for text in ["[[case]]\n", "[case]\n", "zzz = 1\n"] {
        assert!(!validator.is_valid(&json(text)), "schema: {text}");
        assert!(parsed(text).is_err(), "parser: {text}");
    }
}

#[test]
fn every_case_file_of_ours_keeps_the_schema() {
    let validator = case_validator();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/conform");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("it can be read").path();
        let value = json(&fs::read_to_string(&path).expect("it can be read"));
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{}", path.display());
        count += 1;
    }
    assert!(count > 0);
}
