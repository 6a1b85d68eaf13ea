//! An ordinary client: HTTP/2 by ALPN or HTTP/1.1, as programs that use the API have it.
//!
//! It follows no redirect, uses no proxy, keeps no cookie, repeats nothing and decompresses nothing by itself, so
//! that an exchange is what the server did. What it can't tell (interim answers, raw bytes, reuse) stays empty.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Response, Url, Version};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::coding::{Decoder, Full};
use super::dial::{is_ours, resolve, unreachable_by};
use super::exchange::{EVIDENCE, Encoded, bounded, keep};
use super::flight::{Flight, Progress};
use super::parse::{Limits, framing_of};
use super::tls::client_config;
use super::{
    Address, Body, BodyFraming, End, Endpoint, Exchange, Framing, Head, Headers, Protocol, Request,
    Scheme, TlsOptions, TlsSetupError, Unreachable,
};
use crate::time::Deadline;

/// An ordinary client with its own pool of connections. Cheap to clone; clones share the pool.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    endpoint: Arc<Endpoint>,
    /// `scheme://authority` of the URLs, and whether `Host` has to be said beside it.
    origin: Arc<str>,
    host_differs: bool,
}

impl Client {
    /// A client; each connection has so much time for TCP and TLS.
    ///
    /// # Errors
    /// TLS is needed and can't be set up on this machine.
    pub fn new(
        endpoint: Endpoint,
        tls: &TlsOptions,
        connect_timeout: Duration,
    ) -> Result<Client, TlsSetupError> {
        let tls = match endpoint.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(client_config(tls, &[b"h2", b"http/1.1"])?),
        };
        Client::build(endpoint, tls, connect_timeout, false)
    }

    /// A client that speaks HTTP/2 at once, over plain text too (RFC 9113 §3.3).
    ///
    /// # Errors
    /// TLS is needed and can't be set up on this machine.
    pub fn with_http2_prior_knowledge(
        endpoint: Endpoint,
        tls: &TlsOptions,
        connect_timeout: Duration,
    ) -> Result<Client, TlsSetupError> {
        let tls = match endpoint.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(client_config(tls, &[b"h2"])?),
        };
        Client::build(endpoint, tls, connect_timeout, true)
    }

    fn build(
        endpoint: Endpoint,
        tls: Option<rustls::ClientConfig>,
        connect_timeout: Duration,
        http2_only: bool,
    ) -> Result<Client, TlsSetupError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .tcp_nodelay(true)
            .connect_timeout(connect_timeout);
        if let Some(tls) = tls {
            builder = builder.tls_backend_preconfigured(tls);
        }
        if http2_only {
            builder = builder.http2_prior_knowledge();
        }
        let authority = match &endpoint.connect_to {
            None => endpoint.host_header(),
            Some(address) => {
                builder = builder.dns_resolver(Elsewhere(address.clone()));
                authority_for(&endpoint, address)
            }
        };
        let inner = builder
            .build()
            .map_err(|error| TlsSetupError::Library(chain(&error)))?;
        Ok(Client {
            inner,
            host_differs: authority != endpoint.host_header(),
            origin: format!("{}://{authority}", endpoint.scheme.as_str()).into(),
            endpoint: Arc::new(endpoint),
        })
    }

    /// Where it connects to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends a request and reads its answer. Field names go out in lower case over HTTP/2, an `accept: */*` is added
    /// where the request has none, and framing and connection fields are the client's own.
    pub async fn exchange(&self, request: Request, deadline: Deadline) -> Exchange {
        self.start(request, deadline).await.finish(deadline).await.0
    }

    /// Sends a request and leaves its answer to be watched. Returns when the client has taken the whole body, or the
    /// exchange is over.
    pub async fn start(&self, request: Request, deadline: Deadline) -> Flight {
        let started = Instant::now();
        let host = self.endpoint.host_header();
        let encoded = request.encode(&host);
        let taken = Arc::new(Taken::default());
        let built = self.build_request(&request, &taken);
        let mut drive = ClientDrive::new(request, encoded, Arc::clone(&taken), started);
        match built {
            Ok(built) => {
                let client = self.inner.clone();
                drive.waiting.spawn(async move {
                    let response = client.execute(built).await;
                    (response, Instant::now())
                });
            }
            // Not the target's fault, nor anything that it saw.
            Err(what) => drive.end(End::Unreachable(Unreachable::Ourselves(what))),
        }
        while !drive.is_over() && drive.response.is_none() && taken.at().is_none() {
            // Whatever comes first: the body's end, the answer's head, or the deadline.
            let moved = tokio::select! {
                moved = drive.step(deadline) => moved,
                () = taken.whole.notified() => true,
            };
            if !moved {
                drive.end(End::TimedOut);
            }
        }
        Flight::on_client(drive, deadline)
    }

    /// The client's form of a request; an error says what it can't express.
    fn build_request(
        &self,
        request: &Request,
        taken: &Arc<Taken>,
    ) -> Result<reqwest::Request, String> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| "the ordinary client can't send this method".to_owned())?;
        let url = Url::parse(&format!("{}{}", self.origin, request.target))
            .map_err(|error| format!("the ordinary client can't send this target: {error}"))?;
        let mut built = reqwest::Request::new(method, url);
        let fields = built.headers_mut();
        if self.host_differs
            && let Ok(host) = HeaderValue::from_str(&self.endpoint.host_header())
        {
            fields.insert(reqwest::header::HOST, host);
        }
        for (name, value) in &request.headers.0 {
            let lower = name.to_ascii_lowercase();
            // The client frames by itself, and HTTP/2 has no connection fields (RFC 9113 §8.2.2).
            if matches!(
                lower.as_str(),
                "content-length" | "transfer-encoding" | "connection" | "keep-alive"
            ) {
                continue;
            }
            let name = HeaderName::from_bytes(lower.as_bytes())
                .map_err(|_| format!("the ordinary client can't send a field named `{lower}`"))?;
            let value = HeaderValue::from_bytes(value)
                .map_err(|_| format!("the ordinary client can't send this value of `{lower}`"))?;
            if name == reqwest::header::HOST {
                fields.insert(name, value);
            } else {
                fields.append(name, value);
            }
        }
        let size = match request.framing {
            BodyFraming::None => {
                taken.finished();
                return Ok(built);
            }
            BodyFraming::Length => None,
            BodyFraming::Chunked(size) => Some(size.max(1)),
        };
        if request.body.is_empty() {
            taken.finished();
        }
        *built.body_mut() = Some(reqwest::Body::wrap(Outgoing {
            left: Bytes::copy_from_slice(&request.body),
            size,
            taken: Arc::clone(taken),
        }));
        Ok(built)
    }
}

/// The authority of URLs for an endpoint whose connections go elsewhere. The client connects to the port of the URL
/// wherever it has one, and resolves no name where the host is an address; then the URL has to name the other place,
/// and `Host` the endpoint.
fn authority_for(endpoint: &Endpoint, address: &Address) -> String {
    if endpoint.host_is_ip() {
        return address.to_string();
    }
    let own_port = endpoint.port == address.port || endpoint.port == endpoint.scheme.default_port();
    if own_port {
        endpoint.host_header()
    } else {
        format!("{}:{}", endpoint.host, address.port)
    }
}

/// Every name has the address of the override.
#[derive(Debug)]
struct Elsewhere(Address);

impl Resolve for Elsewhere {
    fn resolve(&self, _name: Name) -> Resolving {
        let address = self.0.clone();
        Box::pin(async move {
            match resolve(&address).await {
                Ok(found) => Ok(Box::new(found.into_iter()) as Addrs),
                Err(why) => Err(Box::new(ResolveError(why)) as Box<dyn Error + Send + Sync>),
            }
        })
    }
}

#[derive(Debug)]
struct ResolveError(Unreachable);

impl std::fmt::Display for ResolveError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for ResolveError {}

/// How much of the body the client has taken from us, and when the last of it.
#[derive(Debug, Default)]
struct Taken {
    state: Mutex<(usize, Option<Instant>)>,
    whole: Notify,
}

impl Taken {
    fn add(&self, count: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 += count;
    }

    fn finished(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .get_or_insert_with(Instant::now);
        self.whole.notify_one();
    }

    fn bytes(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn at(&self) -> Option<Instant> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// A request's body that notes how far it has been taken.
struct Outgoing {
    left: Bytes,
    /// Chunks of at most so many bytes, of unannounced number.
    size: Option<usize>,
    taken: Arc<Taken>,
}

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left.is_empty() {
            self.taken.finished();
            return Poll::Ready(None);
        }
        let size = self.size.unwrap_or(usize::MAX).min(self.left.len());
        let piece = self.left.split_to(size);
        self.taken.add(piece.len());
        if self.left.is_empty() {
            self.taken.finished();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.size.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.size {
            None => SizeHint::with_exact(self.left.len() as u64),
            Some(_) => SizeHint::default(),
        }
    }
}

/// An exchange of the ordinary client under way.
pub(super) struct ClientDrive {
    request: Request,
    encoded: Encoded,
    taken: Arc<Taken>,
    /// The task that waits for the head. It is aborted with the drive.
    waiting: JoinSet<(Result<Response, reqwest::Error>, Instant)>,
    response: Option<Response>,
    decoder: Option<Decoder>,
    head: Option<Head>,
    framing: Option<Framing>,
    body: Body,
    received: Vec<u8>,
    received_bytes: u64,
    started: Instant,
    first_byte_at: Option<Instant>,
    over: Option<(End, Instant)>,
}

impl ClientDrive {
    fn new(request: Request, encoded: Encoded, taken: Arc<Taken>, started: Instant) -> ClientDrive {
        ClientDrive {
            request,
            encoded,
            taken,
            waiting: JoinSet::new(),
            response: None,
            decoder: None,
            head: None,
            framing: None,
            body: Body::default(),
            received: Vec::new(),
            received_bytes: 0,
            started,
            first_byte_at: None,
            over: None,
        }
    }

    fn is_over(&self) -> bool {
        self.over.is_some()
    }

    pub(super) fn progress(&self) -> Progress<'_> {
        Progress {
            head: self.head.as_ref(),
            body: &self.body.bytes,
            ended: self.is_over(),
        }
    }

    pub(super) fn end(&mut self, end: End) {
        if self.over.is_none() {
            self.over = Some((end, Instant::now()));
        }
    }

    /// Waits for the head or the next part of the body. `false` where the deadline came first.
    pub(super) async fn step(&mut self, deadline: Deadline) -> bool {
        if self.is_over() {
            return true;
        }
        if deadline.passed() {
            return false;
        }
        let by = deadline.instant().into();
        if let Some(response) = &mut self.response {
            let Ok(chunk) = timeout_at(by, response.chunk()).await else {
                return false;
            };
            let at = Instant::now();
            match chunk {
                Ok(Some(bytes)) => self.absorb(&bytes, at),
                Ok(None) => {
                    if let Some(decoder) = &mut self.decoder {
                        decoder.finish(&mut self.body);
                    }
                    self.end(End::Complete);
                }
                Err(error) => self.end(end_of(&error)),
            }
            return true;
        }
        let Ok(joined) = timeout_at(by, self.waiting.join_next()).await else {
            return false;
        };
        match joined {
            Some(Ok((Ok(response), at))) => self.head_came(response, at),
            Some(Ok((Err(error), _))) => self.end(end_of(&error)),
            // The task neither panics nor is aborted before the drive is gone.
            Some(Err(_)) | None => self.end(End::Abandoned),
        }
        true
    }

    fn head_came(&mut self, response: Response, at: Instant) {
        let mut headers = Headers::new();
        for (name, value) in response.headers() {
            headers.push(name.as_str(), value.as_bytes());
        }
        let http2 = response.version() == Version::HTTP_2;
        let status = response.status();
        let head = Head {
            version: format!("{:?}", response.version()),
            status: status.as_u16(),
            // HTTP/2 has no reason phrase, and the client doesn't keep the one of HTTP/1.1.
            reason: String::new(),
            headers,
            at,
        };
        let empty = self.request.method == "HEAD";
        self.framing = Some(match framing_of(&head, empty) {
            _ if http2 => Framing::Http2,
            Ok(framing) => framing,
            Err(_) => Framing::Close,
        });
        self.decoder = Some(Decoder::new(
            &head.headers,
            Limits::USUAL.body,
            &mut self.body,
        ));
        let mut told = format!("{} {}\r\n", head.version, head.status).into_bytes();
        for (name, value) in &head.headers.0 {
            told.extend_from_slice(name.as_bytes());
            told.extend_from_slice(b": ");
            told.extend_from_slice(value);
            told.extend_from_slice(b"\r\n");
        }
        told.extend_from_slice(b"\r\n");
        keep(&mut self.received, &told, EVIDENCE);
        self.received_bytes += told.len() as u64;
        self.first_byte_at = Some(at);
        self.head = Some(head);
        self.response = Some(response);
    }

    fn absorb(&mut self, bytes: &[u8], at: Instant) {
        let before = self.body.bytes.len();
        self.received_bytes += bytes.len() as u64;
        if let Some(decoder) = &mut self.decoder
            && let Err(Full) = decoder.push(bytes, &mut self.body)
        {
            self.end(End::TooLarge);
        }
        let after = self.body.bytes.len();
        self.body.arrived(before, at);
        keep(
            &mut self.received,
            &self.body.bytes[before..after],
            EVIDENCE,
        );
    }

    pub(super) fn conclude(mut self) -> Exchange {
        self.end(End::Abandoned);
        let (end, ended) = self
            .over
            .take()
            .unwrap_or_else(|| (End::Abandoned, Instant::now()));
        let reached = !matches!(end, End::Unreachable(_));
        let sent_at = self.taken.at().filter(|_| reached);
        let sent_bytes = match (reached, sent_at) {
            (false, _) => 0,
            (true, Some(_)) => self.encoded.bytes.len(),
            (true, None) => self.encoded.head + self.taken.bytes(),
        };
        Exchange {
            request: self.request,
            sent: bounded(&self.encoded.bytes),
            sent_bytes,
            interim: Vec::new(),
            head: self.head,
            framing: self.framing,
            body: self.body,
            surplus: Vec::new(),
            received: self.received,
            received_bytes: self.received_bytes,
            reusable: end == End::Complete,
            end,
            protocol: Protocol::Http2,
            reused: false,
            started: self.started,
            sent_at,
            first_byte_at: self.first_byte_at,
            ended,
        }
    }
}

/// What an error of the client means for the exchange.
fn end_of(error: &reqwest::Error) -> End {
    if error.is_connect() {
        return End::Unreachable(unreachable_of(error));
    }
    for cause in causes(error) {
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            if hyper.is_incomplete_message() {
                return End::Closed;
            }
            if hyper.is_parse() {
                return End::Malformed {
                    what: chain(hyper),
                    offset: 0,
                };
            }
        }
        if let Some(io) = cause.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::UnexpectedEof
        {
            return End::Closed;
        }
    }
    End::Reset
}

fn unreachable_of(error: &reqwest::Error) -> Unreachable {
    if error.is_timeout() {
        return Unreachable::TimedOut;
    }
    let mut innermost = None;
    for cause in causes(error) {
        if let Some(ResolveError(why)) = cause.downcast_ref() {
            return why.clone();
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Unreachable::Tls(tls.to_string());
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            innermost = Some(io);
        }
    }
    match innermost {
        Some(io) if error.is_dns() && !is_ours(io) => Unreachable::Dns(io.to_string()),
        Some(io) => unreachable_by(io),
        None if error.is_dns() => Unreachable::Dns(chain(error)),
        None => Unreachable::Connect(chain(error)),
    }
}

/// An error and its causes. What an I/O error wraps is not its source but its inside.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| {
        let cause: &'a (dyn Error + 'static) = *cause;
        match cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inside) => Some(inside),
            None => cause.source(),
        }
    })
}

/// An error and its causes, as one phrase.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
