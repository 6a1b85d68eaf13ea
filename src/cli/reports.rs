//! `--report KIND=PATH`, as every command that writes reports reads it.

use super::complaint::Complaint;
use super::outlet::Stream;
use crate::profile::nearest;
use crate::report::{Kind, Place, Reports};
use std::io;

/// The reports that were asked for, of the kinds that the command has.
pub(super) fn wanted(
    typed: &[String],
    kinds: &[Kind],
    complaints: &mut Vec<Complaint>,
) -> Vec<(Kind, Place)> {
    let mut wanted: Vec<(Kind, Place)> = Vec::new();
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    for text in typed {
        let Some((kind, path)) = text.split_once('=').filter(|(_, path)| !path.is_empty()) else {
            let complaint = Complaint::value("--report", text, "KIND=PATH");
            complaints.push(complaint.help(format!("such as {}=report.{0}", kinds[0])));
            continue;
        };
        let place = Place::parse(path);
        match Kind::parse(kind) {
            None => {
                let complaint = Complaint::new(format!("--report: unknown kind `{kind}`"));
                complaints.push(complaint.help(match nearest(kind, kinds.iter().copied()) {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("known kinds: {}", kinds.join(", ")),
                }));
            }
            Some(known) if !kinds.contains(&known.as_str()) => {
                let complaint =
                    Complaint::new(format!("--report: this command has no {kind} report"));
                complaints.push(complaint.help(format!("its kinds: {}", kinds.join(", "))));
            }
            Some(_) if wanted.iter().any(|(_, other)| *other == place) => {
                complaints.push(Complaint::new(format!(
                    "--report: two reports would go to `{path}`"
                )));
            }
            Some(kind) => wanted.push((kind, place)),
        }
    }
    wanted
}

/// Opens every report's place before anything is sent.
pub(super) fn open(wanted: &[(Kind, Place)], complaints: &mut Vec<Complaint>) -> Option<Reports> {
    match Reports::open(wanted) {
        Ok(reports) => Some(reports),
        Err(unwritable) => {
            complaints.extend(unwritable.iter().map(|unwritable| {
                let complaint = Complaint::new(unwritable.to_string());
                match unwritable.why.kind() {
                    io::ErrorKind::NotFound => complaint.help("make its folder first"),
                    _ => complaint,
                }
            }));
            None
        }
    }
}

/// Where people are talked to: standard error where a report has standard output.
pub(super) fn people(wanted: &[(Kind, Place)]) -> Stream {
    if wanted.iter().any(|(_, place)| *place == Place::Stdout) {
        Stream::Err
    } else {
        Stream::Out
    }
}
