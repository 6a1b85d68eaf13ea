//! An ordinary client of HTTP/2, as programs that use the API have it: one connection, its streams side by side.
//!
//! It follows no redirect, keeps no cookie, repeats nothing and adds no field of its own, so that an exchange is what
//! the server did. What it can't tell (interim answers, raw bytes, reuse) stays empty. Its connections are the
//! [`Dialer`]'s, like those for HTTP/1.1: trust, proxy and override are the same.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Method, Response, Uri, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::coding::{Decoder, Full};
use super::exchange::{EVIDENCE, Encoded, bounded, keep};
use super::flight::{Flight, Progress};
use super::parse::Limits;
use super::{
    Body, BodyFraming, Dialer, End, Endpoint, Exchange, Framing, Head, Headers, Protocol, Request,
    Unreachable,
};
use crate::time::Deadline;

/// A client of HTTP/2 with its connection. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    dialer: Dialer,
    /// `scheme://authority` of the URLs.
    origin: String,
    open: Mutex<Option<SendRequest<Outgoing>>>,
    /// What drives the connections. Over with the client and its last exchange.
    driving: std::sync::Mutex<JoinSet<()>>,
}

/// Why a request got no answer.
enum Failed {
    NoConnection(Unreachable),
    NoAnswer(hyper::Error),
}

impl Shared {
    /// A sender on a connection that takes requests: the one that is open, or a new one. Whoever comes meanwhile waits for
    /// it: hundreds of requests at once make one connection.
    async fn sender(&self, deadline: Deadline) -> Result<SendRequest<Outgoing>, Unreachable> {
        let mut open = self.open.lock().await;
        if let Some(sender) = open.as_mut()
            && sender.ready().await.is_ok()
        {
            return Ok(sender.clone());
        }
        let stream = self.dialer.http2_stream(deadline).await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Unreachable::Connect(chain(&error)))?;
        let mut driving = self.driving.lock().unwrap_or_else(PoisonError::into_inner);
        while driving.try_join_next().is_some() {}
        driving.spawn(async move {
            // How it ended is told to each exchange on it.
            let _ = connection.await;
        });
        drop(driving);
        *open = Some(sender.clone());
        Ok(sender)
    }

    async fn send(
        &self,
        request: http::Request<Outgoing>,
        deadline: Deadline,
    ) -> Result<Response<Incoming>, Failed> {
        let mut sender = self.sender(deadline).await.map_err(Failed::NoConnection)?;
        sender.send_request(request).await.map_err(Failed::NoAnswer)
    }
}

impl Client {
    /// A client on this dialer's connections. Over plain text it speaks HTTP/2 at once (RFC 9113 §3.3).
    pub fn new(dialer: Dialer) -> Client {
        let endpoint = dialer.endpoint();
        let origin = format!("{}://{}", endpoint.scheme.as_str(), endpoint.host_header());
        Client(Arc::new(Shared {
            dialer,
            origin,
            open: Mutex::default(),
            driving: std::sync::Mutex::default(),
        }))
    }

    /// Where it connects to.
    pub fn endpoint(&self) -> &Endpoint {
        self.0.dialer.endpoint()
    }

    /// Sends a request and reads its answer. Field names go out in lower case, and framing and connection fields are
    /// HTTP/2's own.
    pub async fn exchange(&self, request: Request, deadline: Deadline) -> Exchange {
        self.start(request, deadline).await.finish(deadline).await.0
    }

    /// Sends a request and leaves its answer to be watched. Returns when the client has taken the whole body, or the
    /// exchange is over.
    pub async fn start(&self, request: Request, deadline: Deadline) -> Flight {
        let started = Instant::now();
        let host = self.endpoint().host_header();
        let encoded = request.encode(&host);
        let taken = Arc::new(Taken::default());
        let built = self.build_request(&request, &taken);
        let shared = Arc::clone(&self.0);
        let mut drive = ClientDrive::new(
            request,
            encoded,
            Arc::clone(&taken),
            Arc::clone(&shared),
            started,
        );
        match built {
            Ok(built) => {
                drive.waiting.spawn(async move {
                    let response = shared.send(built, deadline).await;
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
    ) -> Result<http::Request<Outgoing>, String> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| "HTTP/2 as clawcheck speaks it can't send this method".to_owned())?;
        let uri = format!("{}{}", self.0.origin, request.target)
            .parse::<Uri>()
            .map_err(|error| {
                format!("HTTP/2 as clawcheck speaks it can't send this target: {error}")
            })?;
        let mut fields = http::HeaderMap::new();
        for (name, value) in &request.headers.0 {
            let lower = name.to_ascii_lowercase();
            // HTTP/2 frames by itself and has no connection fields (RFC 9113 §8.2.2).
            if matches!(
                lower.as_str(),
                "content-length" | "transfer-encoding" | "connection" | "keep-alive"
            ) {
                continue;
            }
            let name = HeaderName::from_bytes(lower.as_bytes())
                .map_err(|_| format!("HTTP/2 can't send a field named `{lower}`"))?;
            let value = HeaderValue::from_bytes(value)
                .map_err(|_| format!("HTTP/2 can't send this value of `{lower}`"))?;
            fields.append(name, value);
        }
        let (left, size) = match request.framing {
            BodyFraming::None => (Bytes::new(), None),
            BodyFraming::Length => (request.body.clone(), None),
            BodyFraming::Chunked(size) => (request.body.clone(), Some(size.max(1))),
        };
        if left.is_empty() {
            taken.finished();
        }
        let mut built = http::Request::new(Outgoing {
            left,
            size,
            taken: Arc::clone(taken),
        });
        *built.method_mut() = method;
        *built.uri_mut() = uri;
        *built.headers_mut() = fields;
        *built.version_mut() = Version::HTTP_2;
        Ok(built)
    }
}

/// How much of the body the client has taken from us, and when the last of it.
#[derive(Debug, Default)]
struct Taken {
    state: std::sync::Mutex<(usize, Option<Instant>)>,
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
    /// Keeps the connection driven.
    _client: Arc<Shared>,
    /// The task that waits for the head. It is aborted with the drive.
    waiting: JoinSet<(Result<Response<Incoming>, Failed>, Instant)>,
    /// The body, once the head has come.
    response: Option<Incoming>,
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
    fn new(
        request: Request,
        encoded: Encoded,
        taken: Arc<Taken>,
        client: Arc<Shared>,
        started: Instant,
    ) -> ClientDrive {
        ClientDrive {
            request,
            encoded,
            taken,
            _client: client,
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
        if let Some(body) = &mut self.response {
            let Ok(frame) = timeout_at(by, body.frame()).await else {
                return false;
            };
            let at = Instant::now();
            match frame {
                // Trailers are no part of the body.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.absorb(&bytes, at);
                    }
                }
                None => {
                    if let Some(decoder) = &mut self.decoder {
                        decoder.finish(&mut self.body);
                    }
                    self.end(End::Complete);
                }
                Some(Err(error)) => self.end(end_of_http2(&error)),
            }
            return true;
        }
        let Ok(joined) = timeout_at(by, self.waiting.join_next()).await else {
            return false;
        };
        match joined {
            Some(Ok((Ok(response), at))) => self.head_came(response, at),
            Some(Ok((Err(Failed::NoConnection(why)), _))) => self.end(End::Unreachable(why)),
            Some(Ok((Err(Failed::NoAnswer(error)), _))) => self.end(end_of_http2(&error)),
            // The task neither panics nor is aborted before the drive is gone.
            Some(Err(_)) | None => self.end(End::Abandoned),
        }
        true
    }

    fn head_came(&mut self, response: Response<Incoming>, at: Instant) {
        let mut headers = Headers::new();
        for (name, value) in response.headers() {
            headers.push(name.as_str(), value.as_bytes());
        }
        let status = response.status();
        let head = Head {
            version: format!("{:?}", response.version()),
            status: status.as_u16(),
            // HTTP/2 has none.
            reason: String::new(),
            headers,
            at,
        };
        self.framing = Some(Framing::Http2);
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
        self.response = Some(response.into_body());
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

/// How an exchange over HTTP/2 ended that hyper gave up.
pub fn end_of_http2(error: &hyper::Error) -> End {
    for cause in causes(error) {
        if let Some(io) = cause.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::UnexpectedEof
        {
            return End::Closed;
        }
    }
    if error.is_incomplete_message() || error.is_closed() {
        return End::Closed;
    }
    End::Reset
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
