//! What can be found out about a deployment without costing its owner anything: no request in here is one that calls a
//! model.

use super::run::reach;
use crate::case::Ask;
use crate::contract::ErrorCode;
use crate::judge::{Answer, Mode};
use crate::profile::Profile;
use crate::secret::Scrubber;
use crate::time::Deadline;
use crate::wire::{End, Exchange, Transport};
use std::time::Duration;

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// The version of HTTP that is spoken: `HTTP/1.1`, `HTTP/2`.
    pub http: String,
    /// What became of the key and the agent.
    pub access: Access,
    /// Whether pages of the profile's origin may call it.
    pub pages: Pages,
}

/// What a wrong body, sent with the key to the agent, was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// 400: the key and the agent were let through to the body.
    Good,
    /// A documented refusal of the key or the agent, or a limit.
    Refused(ErrorCode),
    /// Something else, in a phrase.
    Unclear(String),
}

/// What a preflight was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// Any origin is let in.
    Any,
    /// This one is.
    ThisOne,
    /// This one is not.
    NotThisOne,
}

/// Why nothing was found out, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFoundOut(pub String);

/// Asks.
///
/// # Errors
/// The deployment can't be reached, or gave no answer.
pub async fn discover(profile: &Profile) -> Result<Discovered, NotFoundOut> {
    let fail = |why: String| NotFoundOut(why);
    let (transport, _, http) = reach(profile)
        .await
        .map_err(|error| fail(error.to_string()))?;
    // Its body is refused before a model is called (BODY-1).
    let wrong_body = Ask::with_body(profile, Mode::Json, br#"{"messages":[]}"#.to_vec());
    let preflight = Ask::preflight(profile, Mode::Json);
    let refused = ask(&transport, profile, wrong_body).await?;
    let access = access(&refused, &profile.scrubber());
    let preflight = ask(&transport, profile, preflight).await?;
    Ok(Discovered {
        http,
        access,
        pages: pages(&preflight, &profile.target.origin),
    })
}

/// Long enough for a deployment that has to wake up; nothing in here waits for a model.
const PATIENCE: Duration = Duration::from_secs(30);

async fn ask(transport: &Transport, profile: &Profile, ask: Ask) -> Result<Exchange, NotFoundOut> {
    let deadline = Deadline::after(PATIENCE.min(profile.target.timeout()));
    let exchange = transport.exchange(ask.request, ask.pieces, deadline).await;
    match (&exchange.end, exchange.status()) {
        (End::Unreachable(why), _) => Err(NotFoundOut(why.to_string())),
        (_, None) => Err(NotFoundOut(format!(
            "it gave no answer to {} within {} s",
            exchange.request.method,
            PATIENCE.as_secs()
        ))),
        (_, Some(_)) => Ok(exchange),
    }
}

fn access(exchange: &Exchange, scrubber: &Scrubber) -> Access {
    let answer = Answer::new(exchange);
    let status = answer.status();
    if status == Some(400) {
        return Access::Good;
    }
    match answer.code().filter(|code| Some(code.status()) == status) {
        Some(code) => Access::Refused(code),
        None => Access::Unclear(scrubber.scrub_text(&answer.summary())),
    }
}

fn pages(exchange: &Exchange, origin: &str) -> Pages {
    match exchange.headers().text("access-control-allow-origin") {
        Some(allowed) if allowed == "*" => Pages::Any,
        Some(allowed) if allowed == origin => Pages::ThisOne,
        Some(_) | None => Pages::NotThisOne,
    }
}
