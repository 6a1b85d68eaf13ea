//! The mix: which request goes out next, and its bytes. The same seed gives the same requests.

use super::draw::draw;
use super::order::{Address, Order};
use super::random::Random;
use super::scenario::{Alike, ModelField, Prompt, Prompts, Request, Scenario};
use crate::contract::{chat_path, size};
use crate::judge::Mode;
use crate::profile::{Fixture, Profile};
use crate::wire::Protocol;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use serde::Serialize;
use std::sync::Arc;

/// Why a scenario can't be run against a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// The profile lacks a fixture that the scenario uses.
    Lacks(Fixture),
    /// Something of the profile can't be sent as a field of a request.
    Field(String),
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unfit::Lacks(fixture) => write!(
                f,
                "the scenario uses {}, which the profile lacks",
                fixture.name()
            ),
            Unfit::Field(name) => write!(f, "{name} can't be sent as a field of a request"),
        }
    }
}

impl std::error::Error for Unfit {}

/// What all requests of a run are made from.
#[derive(Debug)]
pub(super) struct Mix {
    requests: Vec<Request>,
    /// Weights, summed up to each request.
    weights: Vec<u64>,
    /// Of each key in turn.
    addresses: Vec<Arc<Address>>,
    model: Option<String>,
    seed: u64,
}

/// Who asks: a user, or the stream of arrivals.
#[derive(Debug)]
pub(super) struct Asker {
    /// The user's number; 0 of arrivals.
    user: u64,
    /// Whose turn its key is: a user keeps one, arrivals take the next each time.
    keeps: Option<u64>,
    /// Requests so far.
    n: u64,
    random: Random,
    /// The conversation so far, and whose it is.
    talk: Option<Talk>,
}

#[derive(Debug)]
struct Talk {
    request: usize,
    messages: Vec<Message>,
    /// Questions that are still to come.
    left: u32,
}

/// What a request says, as it is sent.
#[derive(Serialize)]
struct Chat<'a> {
    messages: &'a [Message],
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

/// A message of a conversation.
#[derive(Debug, Clone, Serialize)]
struct Message {
    role: &'static str,
    content: String,
}

impl Asker {
    /// The user of that number.
    pub(super) fn user(seed: u64, user: u64) -> Asker {
        Asker {
            user,
            keeps: Some(user),
            n: 0,
            random: Random::named(seed, "requests", user),
            talk: None,
        }
    }

    /// The stream of arrivals.
    pub(super) fn arrivals(seed: u64) -> Asker {
        Asker {
            keeps: None,
            ..Asker::user(seed, 0)
        }
    }
}

impl Mix {
    /// The mix of a scenario for a deployment, in requests of this protocol.
    pub(super) fn new(
        scenario: &Scenario,
        profile: &Profile,
        protocol: Protocol,
    ) -> Result<Mix, Vec<Unfit>> {
        let mut unfit = Vec::new();
        let bot = scenario.bot.of(profile);
        let mut heads = Vec::new();
        for name in &scenario.keys {
            // An agent with a key of its own is asked with that.
            let own = bot.and_then(|bot| bot.key.as_ref());
            match own.or(name.of(profile)) {
                Some(key) => match fields(profile, key.key.expose(), protocol) {
                    Ok(fields) => heads.push(fields),
                    Err(name) => unfit.push(Unfit::Field(name)),
                },
                None => unfit.extend(name.fixture().map(Unfit::Lacks)),
            }
        }
        let uses_model = scenario
            .requests
            .iter()
            .any(|request| request.model == ModelField::Override);
        if uses_model && profile.models_override.is_none() {
            unfit.push(Unfit::Lacks(Fixture::ModelsOverride));
        }
        let target = match bot {
            Some(bot) => url(profile, &chat_path(&bot.id), protocol)
                .parse::<Uri>()
                .map_err(|_| Unfit::Field("the agent's id".to_owned())),
            None => Err(scenario
                .bot
                .fixture()
                .map_or(Unfit::Field("the agent".to_owned()), Unfit::Lacks)),
        };
        let target = target.map_err(|why| unfit.push(why));
        let (Ok(target), true) = (target, unfit.is_empty()) else {
            return Err(unfit);
        };
        let mut sum = 0;
        let weights = scenario
            .requests
            .iter()
            .map(|request| {
                sum += u64::from(request.weight);
                sum
            })
            .collect();
        Ok(Mix {
            requests: scenario.requests.clone(),
            weights,
            addresses: heads
                .into_iter()
                .map(|headers| Arc::new(Address::new(target.clone(), headers)))
                .collect(),
            model: profile.models_override.clone(),
            seed: scenario.seed,
        })
    }

    /// Which request is next for somebody who talks to nobody yet.
    fn pick(&self, random: &mut Random) -> usize {
        let total = self.weights.last().copied().unwrap_or(1);
        let drawn = random.below(total);
        self.weights.partition_point(|sum| *sum <= drawn)
    }

    /// The next request of somebody, and which of the mix it is; `given` where a trace says so.
    pub(super) fn next(&self, asker: &mut Asker, given: Option<usize>) -> (usize, Order) {
        let n = asker.n;
        asker.n += 1;
        let drawn = self.pick(&mut asker.random);
        let index = match &asker.talk {
            Some(talk) => talk.request,
            None => given.unwrap_or(drawn),
        };
        let request = &self.requests[index];
        let messages = self.messages(request, index, asker, n);
        let order = Order {
            address: Arc::clone(
                &self.addresses[turn(asker.keeps.unwrap_or(n), self.addresses.len())],
            ),
            body: self.body(request, &messages, asker, n),
            mode: request.mode,
            abandon_after: request
                .abandon
                .filter(|abandon| asker.random.unit() < abandon.ratio)
                .map(|abandon| abandon.after_chunks),
            keep_text: asker.talk.as_ref().is_some_and(|talk| talk.left > 0),
            due: None,
        };
        (index, order)
    }

    /// The messages of the next question, those of the conversation before it included.
    fn messages(&self, request: &Request, index: usize, asker: &mut Asker, n: u64) -> Vec<Message> {
        let mut messages = match asker.talk.take() {
            Some(talk) => {
                let mut messages = talk.messages;
                messages.push(user(self.question(request, asker, n)));
                let left = talk.left.saturating_sub(1);
                asker.talk = Some(Talk {
                    request: index,
                    messages: messages.clone(),
                    left,
                });
                return messages;
            }
            None => match &request.prompts {
                Prompts::File { prompts, .. } => {
                    match &prompts[turn(asker.random.next(), prompts.len())] {
                        Prompt::Messages(messages) => messages
                            .iter()
                            .map(|message| Message {
                                role: message.role,
                                content: message.content.clone(),
                            })
                            .collect(),
                        Prompt::Text(text) => {
                            vec![user(self.finished(request, text.clone(), asker, n))]
                        }
                    }
                }
                Prompts::Builtin(_) | Prompts::Template(_) => {
                    vec![user(self.question(request, asker, n))]
                }
            },
        };
        if messages.is_empty() {
            messages.push(user(String::from("Hello!")));
        }
        if request.turns > 1 {
            asker.talk = Some(Talk {
                request: index,
                messages: messages.clone(),
                left: request.turns - 1,
            });
        }
        messages
    }

    fn question(&self, request: &Request, asker: &mut Asker, n: u64) -> String {
        let text = match &request.prompts {
            Prompts::Builtin(builtin) => {
                let prompts = builtin.prompts();
                prompts[turn(asker.random.next(), prompts.len())].to_owned()
            }
            Prompts::Template(template) => {
                template.filled(asker.user, n, &format!("{:08x}", asker.random.next() >> 32))
            }
            Prompts::File { prompts, .. } => {
                match &prompts[turn(asker.random.next(), prompts.len())] {
                    Prompt::Text(text) => text.clone(),
                    Prompt::Messages(messages) => messages
                        .last()
                        .map_or_else(String::new, |message| message.content.clone()),
                }
            }
        };
        self.finished(request, text, asker, n)
    }

    /// A prompt with its wish for length, its nonce and its padding.
    fn finished(&self, request: &Request, mut text: String, asker: &mut Asker, n: u64) -> String {
        if let Some(words) = request.ask_words {
            text.push_str(&format!(" Answer in about {words} words."));
        }
        if request.prompts_are == Alike::Unique {
            let nonce =
                Random::named(self.seed, "nonce", asker.user).next() ^ n.wrapping_mul(0x9e37_79b9);
            text.push_str(&format!(" [{nonce:016x}]"));
        }
        if let Some(bytes) = &request.prompt_bytes {
            const FILLER: &str = " (This is filler; please ignore it.)";
            // Within what SIZE-1 leaves for a body.
            let wanted =
                draw(bytes, &mut asker.random).clamp(0.0, size::ALWAYS_ACCEPTED as f64) as usize;
            while text.len() + FILLER.len() <= wanted {
                text.push_str(FILLER);
            }
            while text.len() < wanted {
                text.push('.');
            }
        }
        text
    }

    fn body(&self, request: &Request, messages: &[Message], asker: &mut Asker, n: u64) -> Bytes {
        let chat = Chat {
            messages,
            stream: request.mode == Mode::Stream,
            model: match request.model {
                ModelField::Override => self.model.as_deref(),
                ModelField::Absent => None,
            },
            user: request.user.as_ref().map(|template| {
                let random = format!("{:08x}", asker.random.next() >> 32);
                template.filled(asker.user, n, &random)
            }),
        };
        Bytes::from(serde_json::to_vec(&chat).expect("strings become JSON"))
    }

    /// The answer to somebody's question came: it goes into the conversation, or ends it.
    pub(super) fn answered(asker: &mut Asker, text: Option<String>) {
        match (&mut asker.talk, text) {
            (Some(talk), Some(text)) if talk.left > 0 && !text.is_empty() => {
                talk.messages.push(Message {
                    role: "assistant",
                    content: text,
                });
            }
            (talk, _) => *talk = None,
        }
    }

    /// The names of the mix.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.requests.iter().map(|request| request.name.as_str())
    }
}

fn user(content: String) -> Message {
    Message {
        role: "user",
        content,
    }
}

/// A number as a place in a list that is not empty.
fn turn(number: u64, length: usize) -> usize {
    usize::try_from(number % (length.max(1) as u64)).unwrap_or(0)
}

/// The fields of every request with that key.
/// What a request asks for: the path, and of HTTP/2, where there is no `Host`, what is before it too.
fn url(profile: &Profile, path: &str, protocol: Protocol) -> String {
    let path = format!("{}{path}", profile.target.base_path());
    match protocol {
        Protocol::Http1 => path,
        Protocol::Http2 => format!("{}{path}", profile.target.root()),
    }
}

fn fields(profile: &Profile, key: &str, protocol: Protocol) -> Result<HeaderMap, String> {
    let value = |name: &str, text: &str| HeaderValue::from_str(text).map_err(|_| name.to_owned());
    let mut fields = HeaderMap::new();
    if protocol == Protocol::Http1 {
        fields.insert(
            header::HOST,
            value("the host", &profile.target.host_header())?,
        );
    }
    let mut secret = value("the key", &format!("Bearer {key}"))?;
    secret.set_sensitive(true);
    fields.insert(header::AUTHORIZATION, secret);
    fields.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    fields.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    // A coding invites whoever is on the way to hold a stream back.
    fields.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    fields.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("clawcheck/", env!("CARGO_PKG_VERSION"))),
    );
    for (name, text) in &profile.headers {
        let field = HeaderName::try_from(name.as_str()).map_err(|_| name.clone())?;
        fields.insert(field, value(name, text)?);
    }
    Ok(fields)
}
