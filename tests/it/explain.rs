//! `list` and `explain`.

use crate::support::{Run, assert_approved};

#[test]
fn what_does_not_depend_on_the_catalogue_is_listed() {
    let mut all = String::new();
    for kind in ["requirements", "codes", "fixtures", "scenarios"] {
        let output = Run::new(["list", kind]).output();
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        all.push_str(&format!("## {kind}\n{}\n", output.stdout));
    }
    assert_approved("list", &all);
}

#[test]
fn every_requirement_code_fixture_and_scenario_can_be_explained() {
    use clawcheck::contract::{ErrorCode, RequirementId};
    use clawcheck::load::BUILTIN;
    use clawcheck::profile::Fixture;
    let names = RequirementId::all()
        .map(|id| id.as_str())
        .chain(ErrorCode::ALL.iter().map(|code| code.as_str()))
        .chain(Fixture::ALL.iter().map(|fixture| fixture.name()))
        .chain(BUILTIN.iter().map(|builtin| builtin.name));
    for name in names {
        let output = Run::new(["explain", name]).output();
        assert_eq!(output.code, Some(0), "{}", output.text());
        assert!(output.stdout.starts_with(name), "{}", output.stdout);
    }
}
