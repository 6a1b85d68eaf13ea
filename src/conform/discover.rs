//! What can be found out about a deployment without costing its owner anything: no request in here is one that calls a
//! model.

use super::run::reach;
use crate::contract::{ErrorCode, chat_path};
use crate::judge::Answer;
use crate::profile::Profile;
use crate::secret::Scrubber;
use crate::time::Deadline;
use crate::wire::{BodyFraming, End, Exchange, Headers, Pieces, Request, Transport};
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
    let refused = ask(&transport, profile, wrong_body(profile)).await?;
    let access = access(&refused, &profile.scrubber());
    let preflight = ask(&transport, profile, preflight(profile)).await?;
    Ok(Discovered {
        http,
        access,
        pages: pages(&preflight, &profile.target.origin),
    })
}

/// Long enough for a deployment that has to wake up; nothing in here waits for a model.
const PATIENCE: Duration = Duration::from_secs(30);

async fn ask(
    transport: &Transport,
    profile: &Profile,
    request: Request,
) -> Result<Exchange, NotFoundOut> {
    let deadline = Deadline::after(PATIENCE.min(profile.target.timeout()));
    let exchange = transport
        .exchange(request, Pieces::default(), deadline)
        .await;
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

fn path(profile: &Profile) -> String {
    format!(
        "{}{}",
        profile.target.base_path(),
        chat_path(&profile.bots.main.id)
    )
}

/// The request whose body is refused before a model is called (BODY-1).
fn wrong_body(profile: &Profile) -> Request {
    let mut headers = Headers::new();
    for (name, value) in &profile.headers {
        headers.push(name.clone(), value.clone());
    }
    let key = profile
        .bots
        .main
        .key
        .as_ref()
        .unwrap_or(&profile.keys.valid);
    headers.push("Accept", "*/*");
    headers.push("Content-Type", "application/json");
    headers.push("Authorization", format!("Bearer {}", key.key.expose()));
    Request {
        method: "POST".to_owned(),
        target: path(profile),
        headers,
        body: br#"{"messages":[]}"#.to_vec(),
        framing: BodyFraming::Length,
    }
}

fn preflight(profile: &Profile) -> Request {
    let mut headers = Headers::new();
    for (name, value) in &profile.headers {
        headers.push(name.clone(), value.clone());
    }
    headers.push("Accept", "*/*");
    headers.push("Origin", profile.target.origin.clone());
    headers.push("Access-Control-Request-Method", "POST");
    headers.push(
        "Access-Control-Request-Headers",
        "authorization,content-type",
    );
    Request {
        method: "OPTIONS".to_owned(),
        target: path(profile),
        headers,
        body: Vec::new(),
        framing: BodyFraming::None,
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
