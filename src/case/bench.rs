//! What a case works with: good requests to change, somebody to send them, and a verdict to fill in.

use super::{Ask, Key};
use crate::judge::{Answer, Check, Mode};
use crate::profile::{Bot, Fixture, Profile};
use crate::time::Deadline;
use crate::wire::{Connection, Exchange, Flight};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// No verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inconclusive {
    /// Why, in a sentence.
    pub why: String,
    /// Whether the target can be asked this at all: where not, the test counts as skipped.
    pub applies: bool,
}

impl Inconclusive {
    /// The target was asked, and what came allows no verdict.
    pub fn new(why: impl Into<String>) -> Inconclusive {
        Inconclusive {
            why: why.into(),
            applies: true,
        }
    }

    /// The target can't be asked this, and nothing is wrong with that.
    pub fn not_applicable(why: impl Into<String>) -> Inconclusive {
        Inconclusive {
            why: why.into(),
            applies: false,
        }
    }
}

/// What came of a request, after everything transient was dealt with.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What was asked.
    pub ask: Arc<Ask>,
    /// What came.
    pub exchange: Arc<Exchange>,
}

impl Delivery {
    /// The answer, for the rules.
    pub fn answer(&self) -> Answer<'_> {
        Answer::new(&self.exchange)
    }

    /// The final status, if there is one.
    pub fn status(&self) -> Option<u16> {
        self.exchange.status()
    }
}

/// A stream that was opened and is still under way.
pub struct Opened {
    /// What was asked.
    pub ask: Arc<Ask>,
    /// The exchange under way.
    pub flight: Flight,
}

/// Sends what cases ask. Transients are sent again inside [`Courier::deliver`]: no case has a retry loop. Every
/// answer goes through the ambient rules by itself.
pub trait Courier: Send + Sync {
    /// Sends a request on a connection of its own, again where the answer was transient.
    fn deliver(&self, ask: Ask) -> BoxFuture<'_, Result<Delivery, Inconclusive>>;
    /// Sends a request once, whatever comes.
    fn once(&self, ask: Ask) -> BoxFuture<'_, Delivery>;
    /// Sends a request once on a given connection.
    fn on<'a>(&'a self, connection: &'a mut Connection, ask: Ask) -> BoxFuture<'a, Delivery>;
    /// Sends a request and gives it back under way.
    fn open(&self, ask: Ask) -> BoxFuture<'_, Opened>;
    /// Reads an opened stream to its end, or for so long.
    fn finish(&self, opened: Opened, within: Duration) -> BoxFuture<'_, Delivery>;
    /// Leaves an opened stream at once.
    fn abandon(&self, opened: Opened) -> Delivery;
    /// A byte-exact HTTP/1.1 connection.
    fn connect(&self) -> BoxFuture<'_, Result<Connection, Inconclusive>>;
    /// Whether a plain valid request passes right now.
    fn plain_passes(&self) -> BoxFuture<'_, bool>;
    /// A shared good answer of that mode: asked for once in a run.
    fn good(&self, mode: Mode) -> BoxFuture<'_, Result<Delivery, Inconclusive>>;
    /// Waits; ends early when the run is abandoned.
    fn pause(&self, span: Duration) -> BoxFuture<'_, ()>;
    /// By when one answer has to be there.
    fn deadline(&self) -> Deadline;
    /// Whether byte-exact HTTP/1.1 can be spoken with the target.
    fn speaks_http1(&self) -> bool;
    /// The longest wait that a target may ask for.
    fn max_wait(&self) -> Duration;
    /// Whether the target refused plain requests for a limit of its own.
    fn saw_limits(&self) -> bool;
}

/// A case's view of the run.
pub struct Bench<'a> {
    /// The target and its fixtures.
    pub profile: &'a Profile,
    /// The mode that the case runs in.
    pub mode: Mode,
    /// Who sends.
    pub courier: &'a dyn Courier,
}

impl Bench<'_> {
    /// The plain valid request of this mode.
    pub fn plain(&self) -> Ask {
        Ask::plain(self.profile, self.mode)
    }

    /// The plain valid request with another body.
    pub fn with_body(&self, body: impl Into<Bytes>) -> Ask {
        Ask::with_body(self.profile, self.mode, body)
    }

    /// The key that plain requests use.
    pub fn main_key(&self) -> Key {
        Key::named(
            self.profile
                .bots
                .main
                .key
                .as_ref()
                .unwrap_or(&self.profile.keys.valid),
        )
    }

    /// The bot of a fixture. The catalogue runs a case only where its fixtures are there.
    pub fn bot(&self, fixture: Fixture) -> Result<&Bot, Inconclusive> {
        self.profile
            .bot(fixture)
            .ok_or_else(|| Inconclusive::new(format!("the profile lacks {}", fixture.name())))
    }

    /// The key of a fixture.
    pub fn key(&self, fixture: Fixture) -> Result<Key, Inconclusive> {
        self.profile
            .key(fixture)
            .map(Key::named)
            .ok_or_else(|| Inconclusive::new(format!("the profile lacks {}", fixture.name())))
    }

    /// Sends a request, again where the answer was transient.
    pub async fn send(&self, ask: Ask) -> Result<Delivery, Inconclusive> {
        self.courier.deliver(ask).await
    }
}

/// What a case found.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What was looked at.
    pub checks: Vec<Check>,
    /// Which legal answers were seen.
    pub observed: BTreeMap<String, String>,
    /// The exchange that shows it.
    pub shown: Option<Delivery>,
}

impl Verdict {
    /// A verdict that rests on one exchange.
    pub fn of(checks: Vec<Check>, shown: &Delivery) -> Verdict {
        Verdict {
            checks,
            observed: BTreeMap::new(),
            shown: Some(shown.clone()),
        }
    }

    /// Notes which legal answer was seen.
    #[must_use]
    pub fn observing(mut self, name: &str, value: impl Into<String>) -> Verdict {
        self.observed.insert(name.to_owned(), value.into());
        self
    }

    /// Takes over another verdict's checks and observations, and its exchange where it is the one with findings.
    pub fn join(&mut self, other: Verdict) {
        let worse = other.checks.iter().any(Check::is_finding)
            && !self.checks.iter().any(Check::is_finding);
        if worse || self.shown.is_none() {
            self.shown = other.shown;
        }
        self.checks.extend(other.checks);
        self.observed.extend(other.observed);
    }
}
