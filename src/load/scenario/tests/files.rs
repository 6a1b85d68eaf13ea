//! Scenarios by their names and paths, and the files that they name.

use super::*;
use crate::profile::Wrong;

#[test]
fn every_scenario_of_ours_is_right_and_says_what_it_answers() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/load");
    let mut files: Vec<String> = fs::read_dir(folder)
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut known: Vec<String> = BUILTIN
        .iter()
        .map(|it| format!("{}.toml", it.name))
        .collect();
    known.sort();
    assert_eq!(files, known);
    for builtin in BUILTIN {
        let scenario = Scenario::parse(builtin.text, &builtin.file(), &|_| None);
        let scenario = scenario.unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(scenario.name, builtin.name);
        assert!(scenario.description.contains('?'), "{}", builtin.name);
        // A run against a deployment must have a limit to what it costs.
        assert!(scenario.budget.completions.is_some(), "{}", builtin.name);
        assert!(!scenario.thresholds.rules.is_empty(), "{}", builtin.name);
        assert_eq!(Scenario::find(builtin.name, &|_| None), Ok(scenario));
    }
}

#[test]
fn a_scenario_is_found_by_its_name_or_its_path() {
    let unknown = |name: &str, nearest| {
        Err(NotFound::Unknown {
            name: name.to_owned(),
            nearest,
        })
    };
    assert_eq!(Scenario::find("smok", &env), unknown("smok", Some("smoke")));
    assert_eq!(Scenario::find("zzzzzz", &env), unknown("zzzzzz", None));
    assert_eq!(Scenario::find("", &env), unknown("", None));
    for path in ["smoke.toml", "./smoke", "/"] {
        let Err(NotFound::Wrong(mistakes)) = Scenario::find(path, &env) else {
            panic!("{path} is no file");
        };
        assert_eq!(mistakes.file, path);
    }
}

#[test]
fn prompts_and_arrivals_come_from_files_beside_the_scenario() {
    let folder = Folder::new(
        "beside",
        &[
            (
                "prompts.jsonl",
                "\u{feff}\"one\"\n\n{\"prompt\": \"two\"}\r\n",
            ),
            (
                "trace.jsonl",
                "{\"at_s\": 2.5, \"request\": \"b\"}\n{\"at_s\": 0}\n{\"timestamp\": 1250, \"hash_ids\": [1]}\n",
            ),
        ],
    );
    let text = "name = \"t\"\n[load]\nmodel = \"open\"\narrivals = \"trace\"\ntrace = \"trace.jsonl\"\n\
                [[request]]\nname = \"a\"\nstream = true\nprompts = \"file:prompts.jsonl\"\n\
                [[request]]\nname = \"b\"\nstream = false\n";
    let scenario = folder.read(text).expect("it is right");
    let Prompts::File { name, prompts } = &scenario.requests[0].prompts else {
        panic!("{:?}", scenario.requests[0].prompts);
    };
    let expected = ["one", "two"].map(|text| Prompt::Text(text.to_owned()));
    assert_eq!(
        (name.as_str(), prompts.as_ref()),
        ("prompts.jsonl", &expected[..])
    );
    let Model::Open(Open {
        arrivals: Arrivals::Replayed(trace),
        ..
    }) = &scenario.model
    else {
        panic!("{:?}", scenario.model);
    };
    let arrivals: Vec<(u128, Option<usize>)> = trace
        .arrivals
        .iter()
        .map(|arrival| (arrival.at.as_millis(), arrival.request))
        .collect();
    assert_eq!(arrivals, [(0, None), (1250, None), (2500, Some(1))]);
    assert_eq!(scenario.measured(), Some(Duration::from_millis(2500)));
    let again = folder.read(&written(&scenario)).expect("it is right");
    assert_eq!(again.resolved(), scenario.resolved());

    let cut = |millis| {
        let overrides = Overrides {
            duration: Some(Duration::from_millis(millis)),
            ..Overrides::default()
        };
        scenario.clone().with(&overrides)
    };
    let short = cut(1500).expect("there are arrivals so early");
    assert_eq!(short.measured(), Some(Duration::from_millis(1250)));
    let ends = Duration::from_millis(2500);
    for millis in [1000, 3000] {
        assert_eq!(cut(millis), Err(vec![Unsuited::OutsideTrace { ends }]));
    }
    let rate = Overrides {
        rate: Some(1.0),
        ..Overrides::default()
    };
    assert_eq!(
        scenario.clone().with(&rate),
        Err(vec![Unsuited::RateOfTrace])
    );
}

#[test]
fn a_file_of_another_form_is_not_told_line_by_line() {
    let lines = "{\"text\": 1}\n".repeat(50);
    let folder = Folder::new("many", &[("p.jsonl", &lines)]);
    let text = format!("{LEAST}prompts = \"file:p.jsonl\"\n");
    let wrong = folder.read(&text).expect_err("no line of it is right");
    assert_eq!(wrong.mistakes.len(), 21);
    let last = &wrong.mistakes[20];
    assert_eq!(
        last.wrong,
        Wrong::More {
            count: 30,
            of: "line"
        }
    );
    assert!(
        last.file
            .as_ref()
            .is_some_and(|file| file.ends_with("p.jsonl"))
    );
}
