//! Servers that are the mock but for one thing, and runs of the suite against them through the library.

use std::collections::BTreeMap;
use std::sync::Arc;

use clawcheck::case::Catalogue;
use clawcheck::conform::{self, Options};
use clawcheck::contract::chat_path;
use clawcheck::mock::{
    Asked, Bend, Connection, Decision, Event, Fixtures, Guard, Head, Mock, MockConfig, Mode,
    PROMPT_TEXT, Pacing, Payload, Refusal, Route, Tap,
};
use clawcheck::profile::Profile;
use clawcheck::record::{Outcome, Record};

type Verdict = Result<(), Refusal>;
type OnGuard = Box<dyn Fn(&Asked, Guard, Verdict) -> Verdict + Send + Sync>;
type OnDecision = Box<dyn Fn(&Asked, Decision) -> Decision + Send + Sync>;
type OnSocket = Box<dyn Fn(&Arc<Connection>) -> Option<Box<dyn Tap>> + Send + Sync>;
type Of<T> = Option<Box<dyn Fn(&Asked, &mut T) + Send + Sync>>;

/// A closure for each seam that a server bends.
#[derive(Default)]
pub(crate) struct Bent {
    pub(crate) guard: Option<OnGuard>,
    pub(crate) decision: Option<OnDecision>,
    pub(crate) head: Of<Head>,
    pub(crate) json: Of<Payload>,
    pub(crate) events: Of<Vec<Event>>,
    pub(crate) pacing: Of<Pacing>,
    pub(crate) socket: Option<OnSocket>,
}

fn apply<T>(closure: &Of<T>, asked: &Asked, what: &mut T) {
    if let Some(closure) = closure {
        closure(asked, what);
    }
}

impl Bend for Bent {
    fn guard(&self, asked: &Asked, guard: Guard, verdict: Verdict) -> Verdict {
        match &self.guard {
            Some(closure) => closure(asked, guard, verdict),
            None => verdict,
        }
    }

    fn decision(&self, asked: &Asked, decision: Decision) -> Decision {
        match &self.decision {
            Some(closure) => closure(asked, decision),
            None => decision,
        }
    }

    fn head(&self, asked: &Asked, head: &mut Head) {
        apply(&self.head, asked, head);
    }

    fn json(&self, asked: &Asked, payload: &mut Payload) {
        apply(&self.json, asked, payload);
    }

    fn events(&self, asked: &Asked, events: &mut Vec<Event>) {
        apply(&self.events, asked, events);
    }

    fn pacing(&self, asked: &Asked, pacing: &mut Pacing) {
        apply(&self.pacing, asked, pacing);
    }

    fn socket(&self, connection: &Arc<Connection>) -> Option<Box<dyn Tap>> {
        self.socket.as_ref()?(connection)
    }
}

/// Whether this is the plain valid request as the suite's probe sends it: those have to be answered well, or the run
/// ends before it began.
pub(crate) fn is_plain(asked: &Asked) -> bool {
    const FIELDS: [&str; 7] = [
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "content-type",
        "content-length",
        "authorization",
    ];
    let body = |mode: Mode| {
        format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":\"{PROMPT_TEXT}\"}}],\"stream\":{}}}",
            mode == Mode::Stream
        )
    };
    let Fixtures { keys, bots } = Fixtures::derive(MockConfig::default().seed);
    matches!(&asked.route, Route::Chat(bot) if *bot == bots.main)
        && asked.method == "POST"
        && asked.uri == *chat_path(&bots.main)
        && asked.headers.len() == FIELDS.len()
        && FIELDS.iter().all(|name| asked.headers.contains_key(*name))
        && asked.headers["accept"] == "*/*"
        && asked.headers["content-type"] == "application/json"
        && asked.headers["authorization"] == format!("Bearer {}", keys.valid.expose())
        && (asked.body == body(Mode::Json) || asked.body == body(Mode::Stream))
}

pub(crate) async fn start(bend: impl Bend + 'static) -> Mock {
    Mock::start(MockConfig {
        bend: Arc::new(bend),
        ..MockConfig::default()
    })
    .await
    .expect("a free port can be had")
}

/// The mock's own profile, with some of its text replaced.
pub(crate) fn profile(mock: &Mock, changes: &[(&str, &str)]) -> Profile {
    let mut text = mock.profile_toml();
    for (old, new) in changes {
        assert!(text.contains(old), "{old:?} stands in the profile");
        text = text.replace(old, new);
    }
    Profile::parse(&text, "the mock's profile", &|_| None).expect("the mock's profile is right")
}

/// Runs the suite through the library.
pub(crate) async fn conform(mock: &Mock, options: &Options) -> Record {
    conform_as(&profile(mock, &[]), options).await
}

pub(crate) async fn conform_as(profile: &Profile, options: &Options) -> Record {
    let (sender, _events) = tokio::sync::mpsc::unbounded_channel();
    conform::run(&Catalogue::builtin(), profile, options, sender)
        .await
        .expect("a run can begin")
}

/// Every result with a finding, by its id: whether it is a failure or advice.
pub(crate) fn findings(record: &Record) -> BTreeMap<String, Outcome> {
    record
        .results
        .iter()
        .filter(|result| matches!(result.outcome, Outcome::Fail | Outcome::Advice))
        .map(|result| (result.id.clone(), result.outcome))
        .collect()
}

/// The results of these outcomes, for a message.
pub(crate) fn told(record: &Record, outcomes: &[Outcome]) -> Vec<String> {
    record
        .results
        .iter()
        .filter(|result| outcomes.contains(&result.outcome))
        .map(|result| {
            let outcome = result.outcome.as_str();
            format!("{outcome} {}: {}", result.id, result.message)
        })
        .collect()
}
