//! Every format, fed every outcome.

use crate::support::record::{empty, every_outcome};
use crate::support::{assert_approved, assert_no_key};
use clawcheck::record::{Ended, Record};
use clawcheck::report::{Demands, Detail, Kind, Look, Place, Reports, write_terminal};
use std::fs;
use std::path::{Path, PathBuf};

fn terminal(record: &Record, demands: Demands, look: Look) -> String {
    let mut page = Vec::new();
    write_terminal(record, demands, look, &mut page).expect("memory can be written");
    let page = String::from_utf8(page).expect("it is UTF-8");
    assert_no_key(&page);
    page
}

fn look(detail: Detail) -> Look {
    Look {
        colour: false,
        width: 80,
        detail,
    }
}

pub(crate) fn formatted(kind: Kind, record: &Record, demands: Demands) -> String {
    let mut bytes = Vec::new();
    kind.write(record, demands, &mut bytes)
        .expect("memory can be written");
    let text = String::from_utf8(bytes).expect("it is UTF-8");
    assert_no_key(&text);
    text
}

#[test]
fn the_terminals_page_shows_every_outcome() {
    let record = every_outcome();
    for (name, detail) in [
        ("report.terminal", Detail::Normal),
        ("report.terminal.quiet", Detail::Quiet),
        ("report.terminal.verbose", Detail::Verbose),
    ] {
        let page = terminal(&record, Demands::default(), look(detail));
        assert!(!page.contains('\x1b'), "a target's escape got through");
        assert_approved(name, &page);
    }
}

#[test]
fn with_colours_the_offending_bytes_are_in_reverse_video() {
    let coloured = Look {
        colour: true,
        ..look(Detail::Normal)
    };
    let page = terminal(&every_outcome(), Demands::default(), coloured);
    assert_approved("report.terminal.colour", &page.replace('\x1b', "ESC"));
}

#[test]
fn a_run_that_came_to_nothing_says_so_first() {
    for (name, ended) in [
        (
            "untestable",
            Ended::Untestable("the valid key is refused: 401 invalid_api_key".to_owned()),
        ),
        (
            "pointless",
            Ended::Pointless("a plain valid request is answered 302".to_owned()),
        ),
        ("interrupted", Ended::Interrupted),
        ("nothing", Ended::Completed),
    ] {
        let record = Record { ended, ..empty() };
        let page = terminal(&record, Demands::default(), look(Detail::Normal));
        let junit = formatted(Kind::Junit, &record, Demands::default());
        assert_approved(&format!("report.{name}"), &format!("{page}---\n{junit}"));
    }
}

#[test]
fn formats_for_programs_show_every_outcome() {
    let record = every_outcome();
    assert_approved(
        "report.json",
        &formatted(Kind::Json, &record, Demands::default()),
    );
    assert_approved(
        "report.junit",
        &formatted(Kind::Junit, &record, Demands::default()),
    );
    let demands = Demands {
        strict: true,
        require_all: true,
    };
    let junit = formatted(Kind::Junit, &record, demands);
    let failures = junit.matches("<failure").count();
    assert_eq!(
        failures, 5,
        "advice, the mended failure and the inconclusive MUST count: {junit}"
    );
}

fn folder(name: &str) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the tests' folder can be written");
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("it can be read")
        .map(|entry| {
            entry
                .expect("it can be read")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn an_old_report_stays_until_the_new_one_is_whole() {
    let folder = folder("old-report");
    let path = folder.join("report.json");
    fs::write(&path, "old").expect("it can be written");
    let wanted = [(Kind::Json, Place::File(path.clone()))];
    let open = Reports::open(&wanted).expect("it can be written");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "old");
    drop(open);
    assert_eq!(names(&folder), ["report.json"]);
    let open = Reports::open(&wanted).expect("it can be written");
    open.write(&every_outcome(), Demands::default(), &mut Vec::new())
        .expect("it can be written");
    assert!(
        fs::read_to_string(&path)
            .expect("it is there")
            .starts_with('{')
    );
    assert_eq!(names(&folder), ["report.json"]);
}

#[test]
fn a_place_that_cannot_be_written_is_found_first() {
    let folder = folder("unwritable");
    let wanted = [
        (Kind::Json, Place::File(folder.clone())),
        (Kind::Junit, Place::File(folder.join("missing/report.xml"))),
        (Kind::Json, Place::File(folder.join("good.json"))),
    ];
    let unwritable = Reports::open(&wanted).expect_err("two of them can't be");
    assert_eq!(unwritable.len(), 2);
    assert_eq!(names(&folder), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn a_link_keeps_pointing_and_a_device_is_written_as_it_is() {
    let folder = folder("link");
    let (real, link) = (folder.join("real.json"), folder.join("link.json"));
    fs::write(&real, "old").expect("it can be written");
    std::os::unix::fs::symlink(&real, &link).expect("links can be made");
    let wanted = [
        (Kind::Json, Place::File(link.clone())),
        (Kind::Json, Place::File(PathBuf::from("/dev/null"))),
    ];
    let open = Reports::open(&wanted).expect("both can be written");
    open.write(&empty(), Demands::default(), &mut Vec::new())
        .expect("both can be written");
    assert!(
        fs::symlink_metadata(&link)
            .expect("it is there")
            .is_symlink()
    );
    assert!(
        fs::read_to_string(&real)
            .expect("it is there")
            .starts_with('{')
    );
}
