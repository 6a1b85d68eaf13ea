//! `conform`, as far as it does not depend on the catalogue.

use crate::support::Run;

#[test]
fn a_report_on_standard_output_has_it_to_itself() {
    let output = Run::new(["conform", "--report", "json=-"]).output();
    let report: serde_json::Value = serde_json::from_str(&output.stdout).expect("it is JSON");
    assert_eq!(report["command"], "conform");
    assert!(output.stderr.contains("tested MUSTs"), "{}", output.stderr);
}

#[test]
fn a_report_goes_to_its_file_and_the_summary_to_standard_output() {
    let (output, xml) =
        Run::new(["conform", "--report", "junit=report.xml"]).output_and("report.xml");
    assert!(xml.starts_with("<?xml"), "{xml}");
    assert!(output.stdout.contains("tested MUSTs"), "{}", output.stdout);
}
