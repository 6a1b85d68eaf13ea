//! The ledger of coverage: every requirement has a case, and the cases are what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use clawcheck::case::{
    Ask, Bench, Case, Catalogue, Courier, Delivery, Inconclusive, Kind, Opened, reason_unobservable,
};
use clawcheck::conform::{Options, plan};
use clawcheck::contract::RequirementId;
use clawcheck::judge::{AMBIENT, Mode};
use clawcheck::mock::Fixtures;
use clawcheck::profile::{Fixture, Profile};
use clawcheck::time::Deadline;
use clawcheck::wire::Connection;
use futures_util::future::BoxFuture;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_requirement_has_a_case_or_a_reason() {
    let catalogue = Catalogue::builtin();
    let mut covered: BTreeSet<RequirementId> =
        catalogue.cases().iter().flat_map(Case::covers).collect();
    covered.extend(AMBIENT.iter().map(|rule| rule.requirement));
    let bare: Vec<&str> = RequirementId::all()
        .filter(|id| !covered.contains(id) && reason_unobservable(*id).is_none())
        .map(|id| id.as_str())
        .collect();
    assert_eq!(bare, Vec::<&str>::new(), "neither case nor reason");
    let both: Vec<&str> = covered
        .into_iter()
        .filter(|id| reason_unobservable(*id).is_some())
        .map(RequirementId::as_str)
        .collect();
    assert_eq!(both, Vec::<&str>::new(), "observed, in spite of the reason");
}

#[test]
fn ids_are_unique() {
    let catalogue = Catalogue::builtin();
    let cases = catalogue.cases().iter().flat_map(|case| {
        let modes = case.modes().iter();
        modes.map(|mode| case.result_id(*mode)).collect::<Vec<_>>()
    });
    let rules = AMBIENT.iter().map(|rule| rule.id.to_owned());
    let mut seen = BTreeSet::new();
    for id in cases.chain(rules) {
        assert!(seen.insert(id.clone()), "{id} twice");
    }
}

#[test]
fn a_rule_by_itself_has_answers_to_look_at() {
    let catalogue = Catalogue::builtin();
    let fixtures = Fixtures::derive(1);
    let text = format!(
        "[target]\nbase_url = \"http://h.example\"\n[keys]\nvalid = \"{}\"\n[bots]\nmain = \"b\"\n",
        fixtures.keys.valid.expose()
    );
    let profile = Profile::parse(&text, "p.toml", &|_| None).expect("a right profile");
    for rule in AMBIENT {
        for pattern in [rule.id, rule.requirement.as_str()] {
            let options = Options {
                only: vec![pattern.to_owned()],
                ..Options::default()
            };
            assert!(plan(&catalogue, &profile, &options).cases > 0, "{pattern}");
        }
    }
}

#[test]
fn every_case_says_why_it_exists_and_what_it_needs() {
    for case in Catalogue::builtin().cases() {
        assert!(case.why().len() > 20, "{}: {:?}", case.id(), case.why());
        assert!(!case.modes().is_empty(), "{}", case.id());
        assert!(
            case.cost().requests > 0 || case.says().len() > 1,
            "{}",
            case.id()
        );
        for fixture in case.needs() {
            assert_eq!(
                Fixture::parse(fixture.name()),
                Some(*fixture),
                "{}",
                case.id()
            );
        }
        if let Some(fixture) = case.uses_up() {
            assert!(case.needs().contains(&fixture), "{}", case.id());
        }
    }
}

/// The folder's files, read as a user's own, are the cases that are built in.
#[test]
fn the_embedded_scenarios_are_those_of_the_folder() {
    let folder = root().join("scenarios/conform");
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cases-{}", std::process::id()));
    fs::create_dir_all(&copy).expect("the tests' folder can be written");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        let text = fs::read_to_string(&path).expect("a case file is text");
        // Other ids, or they would be taken.
        let text = text.replace("id          = \"", "id          = \"folder.");
        let name = path.file_name().expect("it has a name").to_owned();
        fs::write(copy.join(&name), text).expect("the tests' folder can be written");
        names.push(name);
    }
    let mut catalogue = Catalogue::builtin();
    let added = catalogue.add_dir(&copy).expect("the files are right");
    let _ = fs::remove_dir_all(&copy);
    let told = |case: &Case| format!("{:?} {:?} {:?}", case.says(), case.modes(), case.covers());
    let (folder, embedded): (Vec<&Case>, Vec<&Case>) = catalogue
        .cases()
        .iter()
        .filter(|case| matches!(case.kind(), Kind::Data))
        .partition(|case| case.file().is_some());
    assert_eq!(folder.len(), added);
    let folder: BTreeMap<&str, String> = folder
        .into_iter()
        .map(|case| (case.id().trim_start_matches("folder."), told(case)))
        .collect();
    let embedded: BTreeMap<&str, String> = embedded
        .into_iter()
        .map(|case| (case.id(), told(case)))
        .collect();
    assert_eq!(embedded, folder);
    assert!(names.len() >= 6, "{names:?}");
}

/// Takes what a case asks and answers nothing.
#[derive(Default)]
struct Recorder(Mutex<Option<Ask>>);

fn unsent() -> Inconclusive {
    Inconclusive::new("nothing is sent".to_owned())
}

impl Courier for Recorder {
    fn deliver(&self, ask: Ask) -> BoxFuture<'_, Result<Delivery, Inconclusive>> {
        *self.0.lock().expect("no test panics with it") = Some(ask);
        Box::pin(async { Err(unsent()) })
    }
    fn once(&self, _: Ask) -> BoxFuture<'_, Delivery> {
        unreachable!("data cases deliver")
    }
    fn on<'a>(&'a self, _: &'a mut Connection, _: Ask) -> BoxFuture<'a, Delivery> {
        unreachable!("data cases deliver")
    }
    fn open(&self, _: Ask) -> BoxFuture<'_, Opened> {
        unreachable!("data cases deliver")
    }
    fn finish(&self, _: Opened, _: Duration) -> BoxFuture<'_, Delivery> {
        unreachable!("data cases deliver")
    }
    fn abandon(&self, _: Opened) -> Delivery {
        unreachable!("data cases deliver")
    }
    fn connect(&self) -> BoxFuture<'_, Result<Connection, Inconclusive>> {
        Box::pin(async { Err(unsent()) })
    }
    fn plain_passes(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { false })
    }
    fn good(&self, _: Mode) -> BoxFuture<'_, Result<Delivery, Inconclusive>> {
        Box::pin(async { Err(unsent()) })
    }
    fn pause(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
    fn deadline(&self) -> Deadline {
        Deadline::after(Duration::ZERO)
    }
    fn speaks_http1(&self) -> bool {
        true
    }
    fn max_wait(&self) -> Duration {
        Duration::ZERO
    }

    fn saw_limits(&self) -> bool {
        false
    }
}

fn profile() -> Profile {
    let Fixtures { keys, bots } = Fixtures::derive(1);
    let text = format!(
        "[target]\nbase_url = \"http://127.0.0.1:9\"\n[keys]\nvalid = \"{}\"\nrevoked = \"{}\"\n\
         foreign = \"{}\"\n[bots]\nmain = \"{}\"\napi_off = \"{}\"\noffline = \"{}\"\nunreachable = \"{}\"\n\
         faulty = \"{}\"\nslow = \"{}\"\n[models]\noverride = \"m\"\n",
        keys.valid.expose(),
        keys.revoked.expose(),
        keys.foreign.expose(),
        bots.main,
        bots.api_off,
        bots.offline,
        bots.unreachable,
        bots.faulty,
        bots.slow,
    );
    Profile::parse(&text, "the test's profile", &|_| None).expect("the profile is right")
}

/// What every data case asks, in each of its modes.
async fn asked(catalogue: &Catalogue) -> Vec<(&Case, Mode, Ask)> {
    let profile = profile();
    let mut all = Vec::new();
    for case in catalogue.cases() {
        if !matches!(case.kind(), Kind::Data) {
            continue;
        }
        for mode in case.modes() {
            let courier = Recorder::default();
            let bench = Bench {
                profile: &profile,
                mode: *mode,
                courier: &courier,
            };
            let why = case.run(&bench).await.expect_err("nothing is sent");
            let ask = courier.0.into_inner().expect("no test panics with it");
            let ask = ask.unwrap_or_else(|| panic!("{} asks nothing: {why:?}", case.id()));
            all.push((case, *mode, ask));
        }
    }
    all
}

/// The requirements that a body breaks, by the schema: those that stand nearest to the keywords.
fn broken(validator: &jsonschema::Validator, schema: &Value, body: &[u8]) -> BTreeSet<String> {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return BTreeSet::from(["BODY-6".to_owned()]);
    };
    let nearest = |path: &str| {
        let mut node = schema;
        let mut found = schema["x-requirement"].as_str();
        for step in path.split('/').skip(1) {
            let next = match node {
                Value::Array(items) => step.parse().ok().and_then(|at: usize| items.get(at)),
                node => node.get(step),
            };
            let Some(next) = next else { break };
            node = next;
            found = node["x-requirement"].as_str().or(found);
        }
        found.unwrap_or_default().to_owned()
    };
    let errors = validator.iter_errors(&body);
    errors
        .map(|error| nearest(error.schema_path().as_str()))
        .collect()
}

fn expects(case: &Case) -> String {
    let says = case.says();
    let expects = says.iter().find(|(name, _)| name == "expects");
    expects.map(|(_, text)| text.clone()).unwrap_or_default()
}

#[tokio::test]
async fn data_cases_and_the_requests_schema_agree() {
    let text = fs::read_to_string(root().join("schemas/request.schema.json"))
        .expect("the schema is there");
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let catalogue = Catalogue::builtin();
    let (mut good, mut bad) = (0, 0);
    for (case, mode, ask) in asked(&catalogue).await {
        let id = case.result_id(mode);
        let breaks = broken(&validator, &schema, &ask.request.body);
        let requirement = case.requirement().as_str();
        let shown = String::from_utf8_lossy(&ask.request.body);
        let shown: String = shown.chars().take(300).collect();
        if expects(case) == "200 with an answer of the agent, in the shape that stream asks for" {
            assert_eq!(breaks, BTreeSet::new(), "{id}: {shown}");
            good += 1;
        }
        match requirement {
            "BODY-5" => assert!(!breaks.is_empty(), "{id} is valid: {shown}"),
            "BODY-1" | "BODY-2" | "BODY-3" | "BODY-4" | "BODY-6" => {
                assert!(
                    breaks.contains(requirement) || breaks.contains("BODY-6"),
                    "{id} breaks {breaks:?}: {shown}"
                );
                let others: Vec<&String> = breaks
                    .iter()
                    .filter(|broken| *broken != requirement)
                    .collect();
                assert!(others.is_empty(), "{id} breaks {others:?} too: {shown}");
            }
            _ => continue,
        }
        bad += 1;
    }
    assert!(good > 0 && bad > 100, "{good} good ones, {bad} bad ones");
}
