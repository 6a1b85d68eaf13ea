//! Connections: accepting them, serving what they ask, ending them so that the last answer arrives.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::any;
use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::contract;

use super::MockConfig;
use super::answer::{self, Answer};
use super::clock::Clock;
use super::fixtures::{Fixtures, Registry};
use super::guards::{self, Decision};
use super::journal::Ledger;
use super::limits::{self, Budget, Turn};
use super::request::{self, Asked, Invalid, Mode, Received, Route};
use super::socket::{Link, Wire};
use super::stream::{self, Pacing};

/// What all connections share.
pub(super) struct Server {
    pub(super) config: MockConfig,
    pub(super) fixtures: Fixtures,
    pub(super) registry: Registry,
    pub(super) clock: Clock,
    pub(super) key_budget: Budget,
    pub(super) bot_budget: Budget,
    pub(super) places_taken: Mutex<usize>,
    /// Fair: first come, first served.
    pub(super) slots: Option<Arc<Semaphore>>,
    pub(super) ledger: Ledger,
    requests: AtomicU64,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("fixtures", &self.fixtures)
            .field("journal", &self.ledger.read())
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(config: MockConfig) -> Self {
        let fixtures = Fixtures::derive(config.seed);
        Self {
            registry: Registry::new(&fixtures),
            fixtures,
            clock: Clock(config.time_scale),
            key_budget: Budget::new(config.limits),
            bot_budget: Budget::new(config.limits),
            places_taken: Mutex::new(0),
            slots: limits::slots(config.slots),
            ledger: Ledger::new(),
            requests: AtomicU64::new(0),
            config,
        }
    }
}

/// A connection, as the socket seam sees it.
#[derive(Debug)]
pub struct Connection {
    /// Its number, from 1.
    pub id: u64,
    /// Who is at the other end.
    pub peer: SocketAddr,
    requests: AtomicU64,
    /// Whether a tap sits on it; otherwise nobody asks for `asked`, and no request is kept.
    tapped: AtomicBool,
    asked: Mutex<Option<Arc<Asked>>>,
}

impl Connection {
    fn note(&self, asked: &Arc<Asked>) {
        if self.tapped.load(Ordering::Relaxed) {
            let mut current = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            *current = Some(Arc::clone(asked));
        }
    }

    /// The request that is being answered, or was last; none before the first has been read.
    pub fn asked(&self) -> Option<Arc<Asked>> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// How long a head may take to arrive, and how long a connection may stay idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Accepts connections until it is aborted; then the port is closed and every connection ended.
pub(super) async fn accept(server: Arc<Server>, listener: TcpListener) {
    let router = Router::new()
        .route(&contract::chat_path("{bot}"), any(chat))
        .fallback(elsewhere)
        .with_state(Arc::clone(&server));
    let service = TowerToHyperService::new(router);
    let mut connections = JoinSet::new();
    // Declared last, so dropped first: who sees a connection end finds the port closed.
    let listener = listener;
    let mut count = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                count += 1;
                connections.spawn(connection(
                    Arc::clone(&server),
                    service.clone(),
                    stream,
                    peer,
                    count,
                ));
            }
            // Out of file descriptors, or the client left before it was accepted: others can still be served.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

type RouterService = TowerToHyperService<Router>;

async fn connection(
    server: Arc<Server>,
    router: RouterService,
    stream: TcpStream,
    peer: SocketAddr,
    id: u64,
) {
    let _counted = Counted::new(&server);
    // Without it a chunk waits for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let connection = Arc::new(Connection {
        id,
        peer,
        requests: AtomicU64::new(0),
        tapped: AtomicBool::new(false),
        asked: Mutex::new(None),
    });
    let served = Served {
        server: Arc::clone(&server),
        router,
        connection,
    };
    match &server.config.tls {
        None => {
            let mut stream = stream;
            let begin = tokio::time::timeout(HEAD_TIMEOUT, begin(&mut stream)).await;
            match begin {
                // Boxed, as all that few connections need: this future is as large as the largest thing in it.
                Ok(Ok((early, true))) => Box::pin(served.over_http2(stream, early)).await,
                Ok(Ok((early, false))) => served.over_http1(stream, early).await,
                // It said nothing, or left.
                Ok(Err(_)) | Err(_) => {}
            }
        }
        Some(identity) => {
            let shaking = Box::pin(identity.acceptor.accept(stream));
            // Whoever does not trust the certificate leaves here.
            let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, shaking).await else {
                return;
            };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                Box::pin(served.over_http2(stream, Bytes::new())).await;
            } else {
                Box::pin(served.over_http1(stream, Bytes::new())).await;
            }
        }
    }
}

/// How a client of HTTP/2 begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads once, and says what was read and whether the client speaks HTTP/2. Its preface comes in one piece; to wait for the
/// rest of one that begins like it would hide from the socket seam how an HTTP/1.1 request was cut.
async fn begin(stream: &mut TcpStream) -> io::Result<(Bytes, bool)> {
    let mut read = BytesMut::with_capacity(8 * 1024);
    stream.read_buf(&mut read).await?;
    let is_http2 = read.starts_with(PREFACE);
    Ok((read.freeze(), is_http2))
}

/// Streams of one connection of HTTP/2 at a time.
const STREAMS: u32 = 16 * 1024;

/// A connection that is about to be served.
struct Served {
    server: Arc<Server>,
    router: RouterService,
    connection: Arc<Connection>,
}

impl Served {
    async fn over_http1<S: Link>(self, stream: S, early: Bytes) {
        let Served {
            server,
            router,
            connection,
        } = self;
        let tap = server.config.bend.socket(&connection);
        connection.tapped.store(tap.is_some(), Ordering::Relaxed);
        let wire = Wire::new(stream, early, tap);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Arc::clone(&connection));
            router.call(request)
        });
        let mut serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(wire), service);
        // An error is the client's doing or the socket seam's; either way the connection is over.
        let _ = (&mut serving).await;
        if let Some(stream) = serving.into_parts().io.into_inner().into_stream() {
            Box::pin(linger(stream)).await;
        }
    }

    /// The socket seam is about the bytes of HTTP/1.1: nothing sits on such a connection.
    async fn over_http2<S: Link + 'static>(self, stream: S, early: Bytes) {
        let Served {
            router, connection, ..
        } = self;
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Arc::clone(&connection));
            router.call(request)
        });
        // An error is the client's doing; either way the connection is over.
        let _ = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .serve_connection(TokioIo::new(Wire::new(stream, early, None)), service)
            .await;
    }
}

/// A connection's entry in the journal.
struct Counted(Arc<Server>);

impl Counted {
    fn new(server: &Arc<Server>) -> Self {
        server.ledger.note(|journal| {
            journal.connections += 1;
            journal.connections_open += 1;
        });
        Self(Arc::clone(server))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0
            .ledger
            .note(|journal| journal.connections_open = journal.connections_open.saturating_sub(1));
    }
}

/// How much of what a client still sends is read after the last answer.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
/// How long a client that still sends may be silent.
const LINGER_QUIET: Duration = Duration::from_secs(2);
/// How long it may go on sending.
const LINGER_LONGEST: Duration = Duration::from_secs(15);

/// Ends a connection: says so (FIN), then reads what the client still sends, so that no reset eats the last answer
/// (SIZE-3, RFC 9112 §9.6). Bounded in bytes and time.
async fn linger<S: Link>(mut stream: S) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut scrap = vec![0; 64 * 1024];
    let draining = async {
        let mut drained = 0;
        while drained < LINGER_BYTES {
            match tokio::time::timeout(LINGER_QUIET, stream.read(&mut scrap)).await {
                Ok(Ok(count)) if count > 0 => drained += count,
                Ok(_) | Err(_) => return,
            }
        }
    };
    // Over time, the connection ends however it may.
    let _ = tokio::time::timeout(LINGER_LONGEST, draining).await;
}

async fn chat(
    State(server): State<Arc<Server>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    // An id that can't be decoded is no bot's.
    let bot = path.map_or_else(|_| String::new(), |Path(bot)| bot);
    serve(server, Route::Chat(bot), request).await
}

async fn elsewhere(State(server): State<Arc<Server>>, request: Request) -> Response {
    serve(server, Route::Elsewhere, request).await
}

/// Reads a request, decides, and carries the decision out.
async fn serve(server: Arc<Server>, route: Route, request: Request) -> Response {
    let connection = request.extensions().get::<Arc<Connection>>().cloned();
    let asked = Arc::new(asked(&server, connection.as_deref(), route, request).await);
    if let Some(connection) = connection {
        connection.note(&asked);
    }
    let decision = guards::decide(&server, &asked);
    match server.config.bend.decision(&asked, decision) {
        Decision::Preflight => answer::preflight(&server, &asked),
        Decision::Refuse(refusal) => {
            if !refusal.after.is_zero() {
                let _waiting = Waiting::new(&server);
                tokio::time::sleep(refusal.after).await;
            }
            answer::refuse(&server, &asked, refusal)
        }
        Decision::Answer { mode, place } => {
            let turn = Turn::wait(&server).await;
            let answer = Answer::to(&server, &asked);
            let pacing = Pacing::of(&server, &asked);
            match mode {
                Mode::Stream => stream::stream(&server, &asked, &answer, pacing, place, turn),
                Mode::Json => {
                    let last = pacing.schedule.due(answer.pieces.len().saturating_sub(1));
                    let left = last.saturating_sub(turn.came.unwrap_or(asked.at).elapsed());
                    if !left.is_zero() {
                        tokio::time::sleep(left).await;
                    }
                    drop((place, turn));
                    answer::reply(&server, &asked, &answer)
                }
            }
        }
    }
}

/// A waiting request's entry in the journal; it ends when the client leaves, too.
struct Waiting(Arc<Server>);

impl Waiting {
    fn new(server: &Arc<Server>) -> Self {
        server.ledger.note(|journal| journal.waiting += 1);
        Self(Arc::clone(server))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0
            .ledger
            .note(|journal| journal.waiting = journal.waiting.saturating_sub(1));
    }
}

async fn asked(
    server: &Server,
    connection: Option<&Connection>,
    route: Route,
    request: Request,
) -> Asked {
    let (parts, body) = request.into_parts();
    let number = connection.map_or(1, |connection| {
        connection.requests.fetch_add(1, Ordering::Relaxed) + 1
    });
    let reach = server.config.bend.reach();
    let (received, body) = request::read(body, reach).await;
    let (mode, chat) = match received {
        Received::Whole => request::understand(&body),
        Received::TooLarge | Received::Broken | Received::Late => {
            (Mode::Json, Err(Invalid("the body was not read".to_owned())))
        }
    };
    server.ledger.note(|journal| journal.requests += 1);
    let around = server.ledger.read();
    Asked {
        connection: connection.map_or(0, |connection| connection.id),
        number,
        serial: server.requests.fetch_add(1, Ordering::Relaxed) + 1,
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        route,
        received,
        body,
        mode,
        chat,
        at: Instant::now(),
        around,
        mark: OnceLock::new(),
    }
}
