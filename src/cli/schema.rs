//! `clawcheck schema`.

use super::Failure;
use super::complaint::Complaint;
use crate::profile::nearest;
use std::io::{self, Write};

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Of what; without it, what there is.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// A schema, what it describes, and its text.
struct Schema {
    name: &'static str,
    says: &'static str,
    text: &'static str,
}

macro_rules! schemas {
    ($($name:literal $file:literal $says:literal;)*) => {
        &[$(Schema {
            name: $name,
            says: $says,
            text: include_str!(concat!("../../schemas/", $file)),
        },)*]
    };
}

const SCHEMAS: &[Schema] = schemas! {
    "profile" "profile.schema.json" "A profile: where a deployment is, and its fixtures.";
    "scenario" "scenario.schema.json" "A load scenario.";
    "case" "case.schema.json" "A file of cases.";
    "report-conform" "report-conform.schema.json" "The JSON report of `conform`, and of `selftest`.";
    "report-load" "report-load.schema.json" "The JSON report of `load`.";
    "report-compare" "report-compare.schema.json" "The JSON report of `compare`.";
    "request" "request.schema.json" "The API's request.";
    "reply" "reply.schema.json" "The API's JSON answer.";
    "chunk" "chunk.schema.json" "A chunk of the API's stream.";
    "error" "error.schema.json" "The API's error.";
    "openapi" "openapi.json" "The whole API, as an OpenAPI 3.1 document.";
};

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let mut out = io::stdout().lock();
    let Some(name) = &args.name else {
        for schema in SCHEMAS {
            writeln!(out, "{:14}  {}", schema.name, schema.says)?;
        }
        return Ok(0);
    };
    let Some(schema) = SCHEMAS.iter().find(|schema| schema.name == name) else {
        let names = || SCHEMAS.iter().map(|schema| schema.name);
        let complaint = Complaint::new(format!("there is no schema `{name}`"));
        let help = match nearest(name, names()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        };
        return Err(vec![complaint.help(help)].into());
    };
    out.write_all(schema.text.as_bytes())?;
    out.flush()?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_schema_can_be_printed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("there are schemas")
            .map(|entry| {
                let name = entry.expect("it can be read").file_name();
                let name = name.to_string_lossy().into_owned();
                name.trim_end_matches(".json")
                    .trim_end_matches(".schema")
                    .to_owned()
            })
            .collect();
        let names = SCHEMAS.iter().map(|schema| schema.name.to_owned());
        assert_eq!(names.collect::<BTreeSet<_>>(), files);
    }
}
