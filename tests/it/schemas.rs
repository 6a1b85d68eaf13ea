//! The schemas of our own files: they agree with what is read and written.

use crate::reports::formatted;
use crate::support::record::{empty, every_outcome};
use clawcheck::profile::{Profile, schema};
use clawcheck::record::{Ended, Record};
use clawcheck::report::{Demands, Kind};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("schemas")
        .join(name)
}

fn load(name: &str) -> Value {
    let text = fs::read_to_string(path(name)).expect("the schema is there");
    serde_json::from_str(&text).expect("a schema is JSON")
}

/// `CLAWCHECK_BLESS=1 cargo test schemas` writes the file anew.
#[test]
fn the_profiles_schema_is_what_the_parser_knows() {
    let text = format!("{:#}\n", schema());
    let path = path("profile.schema.json");
    if std::env::var_os("CLAWCHECK_BLESS").is_some() {
        fs::write(&path, &text).expect("the schema can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{} is stale", path.display());
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
    for record in [every_outcome(), empty(), untestable] {
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
