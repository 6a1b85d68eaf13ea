//! The guards that a request passes, one after another, and the decision they come to.
//!
//! Their order is the mock's own choice (ORDER-1), but for one thing: the key comes before the bot, so that an answer
//! without a valid key doesn't tell whether a bot exists (ORDER-2).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderName, HeaderValue, Method, header};

use crate::contract::{ErrorCode, size};

use super::auth;
use super::fixtures::{Agent, Holder};
use super::limits::{self, Place};
use super::request::{Asked, Mode, Received, Route};
use super::server::Server;

/// A guard, in the order in which a request meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Guard {
    /// The body is within the limit: 413.
    Size,
    /// The body arrived whole: 400.
    Arrival,
    /// The path is the endpoint's: 404, of no documented code.
    Path,
    /// The method is POST (a preflight has been let through before): 405.
    Method,
    /// There is a well-formed key: 401.
    KeyForm,
    /// The key exists and isn't revoked: 401.
    Key,
    /// The bot exists and the key may use it: 404.
    Bot,
    /// API access is on for the agent: 403.
    Access,
    /// The key's budget: 429 `rate_limited`.
    KeyBudget,
    /// The agent's budget: 429 `bot_rate_limited`.
    BotBudget,
    /// The body isn't compressed: 415.
    Coding,
    /// The body says what the contract asks for: 400.
    Body,
    /// The key has a place free: 429 `concurrent_limit`.
    Place,
    /// The agent can answer: 500, 503, 504.
    Agent,
}

/// An error to be answered.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// `error.code`.
    pub code: Cow<'static, str>,
    /// `error.message`.
    pub message: Cow<'static, str>,
    /// `retry_after` and `Retry-After`, in real seconds.
    pub retry_after: Option<u64>,
    /// Fields of this answer besides those that every one has.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// How long the answer takes to come.
    pub after: Duration,
}

impl Refusal {
    /// A documented error.
    pub fn documented(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        let status = code.status();
        let mut refusal = Self::other(status, code.as_str(), message);
        if status == 401 {
            // RFC 9110 §15.5.2 (AUTH-11).
            let challenge = HeaderValue::from_static("Bearer realm=\"clawbite\"");
            refusal.fields.push((header::WWW_AUTHENTICATE, challenge));
        }
        refusal
    }

    /// An error that the documentation's table doesn't name.
    pub fn other(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            retry_after: None,
            fields: Vec::new(),
            after: Duration::ZERO,
        }
    }

    /// The same, with a wait that the client is asked for.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

/// Which answer a request gets.
#[derive(Debug)]
pub enum Decision {
    /// The answer to a preflight.
    Preflight,
    /// An error.
    Refuse(Refusal),
    /// The agent answers.
    Answer {
        /// As one reply or as a stream.
        mode: Mode,
        /// The place it holds while it runs.
        place: Option<Place>,
    },
}

/// The honest decision, each guard's verdict having passed the seam.
pub(super) fn decide(server: &Arc<Server>, asked: &Asked) -> Decision {
    pass(server, asked).unwrap_or_else(Decision::Refuse)
}

fn pass(server: &Arc<Server>, asked: &Asked) -> Result<Decision, Refusal> {
    let gate = |guard, verdict| server.config.bend.guard(asked, guard, verdict);

    gate(Guard::Size, within_limit(asked))?;
    gate(Guard::Arrival, arrival(asked))?;
    gate(Guard::Path, path(asked))?;
    if asked.method == Method::OPTIONS {
        return Ok(Decision::Preflight);
    }
    gate(Guard::Method, method(asked))?;

    let key = split(auth::key(&asked.headers));
    let key = ungated(key, |verdict| gate(Guard::KeyForm, verdict))?;
    let holder = split(holder(server, key));
    // Where a guard was bent open there is nobody behind the key: an ordinary holder then stands in, and likewise an
    // ordinary agent for a bot that isn't there.
    let holder = ungated(holder, |verdict| gate(Guard::Key, verdict))?.unwrap_or(Holder::Ordinary);
    let agent = split(agent(server, asked, holder));
    let agent = ungated(agent, |verdict| gate(Guard::Bot, verdict))?.unwrap_or(Agent::Working);
    gate(Guard::Access, access(agent))?;
    gate(Guard::KeyBudget, key_budget(server, holder))?;
    gate(Guard::BotBudget, bot_budget(server, agent))?;
    gate(Guard::Coding, coding(asked))?;
    gate(Guard::Body, body(asked))?;
    let place = split(place(server, holder));
    let place = ungated(place, |verdict| gate(Guard::Place, verdict))?.flatten();
    gate(Guard::Agent, able(server, agent))?;
    Ok(Decision::Answer {
        mode: asked.mode,
        place,
    })
}

/// What a guard found, apart from its verdict.
fn split<T>(found: Result<T, Refusal>) -> (Option<T>, Result<(), Refusal>) {
    match found {
        Ok(found) => (Some(found), Ok(())),
        Err(refusal) => (None, Err(refusal)),
    }
}

/// What was found, if the verdict passes its gate.
fn ungated<T>(
    (found, verdict): (Option<T>, Result<(), Refusal>),
    gate: impl FnOnce(Result<(), Refusal>) -> Result<(), Refusal>,
) -> Result<Option<T>, Refusal> {
    gate(verdict).map(|()| found)
}

fn within_limit(asked: &Asked) -> Result<(), Refusal> {
    if asked.received != Received::TooLarge && asked.body.len() <= size::BINARY_LIMIT {
        return Ok(());
    }
    Err(closing(Refusal::documented(
        ErrorCode::RequestTooLarge,
        "the request body is larger than 100 KB (102,400 bytes)",
    )))
}

fn arrival(asked: &Asked) -> Result<(), Refusal> {
    let message = match asked.received {
        Received::Whole | Received::TooLarge => return Ok(()),
        Received::Broken => "the request body broke off or is badly framed",
        Received::Late => "the request body did not arrive in time",
    };
    Err(closing(Refusal::documented(
        ErrorCode::InvalidRequest,
        message,
    )))
}

/// The rest of the body will not be read: the connection can't carry another request, and says so.
fn closing(mut refusal: Refusal) -> Refusal {
    refusal
        .fields
        .push((header::CONNECTION, HeaderValue::from_static("close")));
    refusal
}

fn path(asked: &Asked) -> Result<(), Refusal> {
    match asked.route {
        Route::Chat(_) => Ok(()),
        Route::Elsewhere => Err(Refusal::other(
            404,
            "not_found",
            "there is nothing at this path",
        )),
    }
}

fn method(asked: &Asked) -> Result<(), Refusal> {
    if asked.method == Method::POST {
        return Ok(());
    }
    let mut refusal = Refusal::other(405, "method_not_allowed", "only POST is allowed here");
    refusal
        .fields
        .push((header::ALLOW, HeaderValue::from_static("POST, OPTIONS")));
    Err(refusal)
}

fn holder(server: &Server, key: Option<&str>) -> Result<Holder, Refusal> {
    let Some(key) = key else {
        return Ok(Holder::Ordinary); // only where the guard before was bent open
    };
    server.registry.holder(key).ok_or_else(|| {
        Refusal::documented(
            ErrorCode::InvalidApiKey,
            "the API key is invalid or was revoked",
        )
    })
}

fn agent(server: &Server, asked: &Asked, holder: Holder) -> Result<Agent, Refusal> {
    let known = match &asked.route {
        Route::Chat(id) => server.registry.agent(id),
        Route::Elsewhere => None,
    };
    match known {
        Some(agent) if (agent == Agent::Foreign) == (holder == Holder::Foreign) => Ok(agent),
        // One answer for both, so that they can't be told apart (ROUTE-3).
        Some(_) | None => Err(Refusal::documented(
            ErrorCode::BotNotFound,
            "there is no such bot, or the key has no access to it",
        )),
    }
}

fn access(agent: Agent) -> Result<(), Refusal> {
    if agent != Agent::ApiOff {
        return Ok(());
    }
    Err(Refusal::documented(
        ErrorCode::ApiNotEnabled,
        "API access is turned off for this agent",
    ))
}

fn key_budget(server: &Server, holder: Holder) -> Result<(), Refusal> {
    if holder != Holder::RateLimited {
        return Ok(());
    }
    server.key_budget.take(Instant::now()).map_err(|left| {
        Refusal::documented(ErrorCode::RateLimited, "too many requests with this key")
            .retry_after(limits::retry_after(left))
    })
}

fn bot_budget(server: &Server, agent: Agent) -> Result<(), Refusal> {
    if agent != Agent::RateLimited {
        return Ok(());
    }
    server.bot_budget.take(Instant::now()).map_err(|left| {
        Refusal::documented(ErrorCode::BotRateLimited, "too many requests to this agent")
            .retry_after(limits::retry_after(left))
    })
}

/// A body that is not said to be JSON, or is compressed, is not looked at (BODY-11).
fn coding(asked: &Asked) -> Result<(), Refusal> {
    let media = asked
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|media| media.trim().to_ascii_lowercase())
        .unwrap_or_default();
    if media != "application/json" && !media.ends_with("+json") {
        return Err(Refusal::other(
            415,
            "unsupported_media_type",
            "the request body must be sent as application/json",
        ));
    }
    let identity = |value: &HeaderValue| {
        value
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"identity")
    };
    if asked
        .headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(identity)
    {
        return Ok(());
    }
    Err(Refusal::other(
        415,
        "unsupported_media_type",
        "a compressed request body is not supported",
    ))
}

fn body(asked: &Asked) -> Result<(), Refusal> {
    match &asked.chat {
        Ok(_) => Ok(()),
        Err(why) => Err(Refusal::documented(
            ErrorCode::InvalidRequest,
            why.0.clone(),
        )),
    }
}

fn place(server: &Arc<Server>, holder: Holder) -> Result<Option<Place>, Refusal> {
    if holder != Holder::ConcurrencyLimited {
        return Ok(None);
    }
    // When a place will be free nobody knows: no retry_after.
    Place::take(server).map(Some).ok_or_else(|| {
        Refusal::documented(
            ErrorCode::ConcurrentLimit,
            "too many answers are running for this key",
        )
    })
}

fn able(server: &Server, agent: Agent) -> Result<(), Refusal> {
    let refusal = match agent {
        Agent::Working | Agent::RateLimited | Agent::Foreign | Agent::ApiOff => return Ok(()),
        Agent::Offline => Refusal::documented(ErrorCode::BotOffline, "the agent is offline"),
        Agent::Unreachable => Refusal::documented(
            ErrorCode::ContainerError,
            "the agent's container could not be reached",
        ),
        Agent::Faulty => {
            Refusal::documented(ErrorCode::InternalError, "an unexpected error occurred")
        }
        Agent::Slow => Refusal {
            after: server.clock.upstream_timeout(),
            ..Refusal::documented(ErrorCode::Timeout, "the agent did not answer in time")
        },
    };
    Err(refusal)
}
