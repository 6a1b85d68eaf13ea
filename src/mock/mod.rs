//! The reference server: every row of the contract, kept.
//!
//! [`Mock::start`] serves on a port of its own and ends when the value is dropped. A request passes the
//! [guards](Guard) in order, which come to a [`Decision`]; what is decided is then carried out as a JSON answer or a
//! paced stream. In a few fixed places, the *seams*, the honest path lets itself be bent by a [`Bend`], whose
//! default is to change nothing: that is where violations and legal oddities are planted, and the honest path knows
//! none of them.
//!
//! Its rules come from the contract's text and its constants alone. It judges nothing and must not know the judge, a
//! case or a record: were a decision shared, one misreading would pass on both sides.

mod answer;
mod auth;
mod bending;
mod clock;
mod deviation;
mod fixtures;
mod flaws;
mod guards;
mod identity;
mod journal;
mod leniencies;
mod likeness;
mod limits;
mod request;
mod seam;
mod server;
mod socket;
mod stream;
mod violations;
mod words;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::time::Scale;

pub use answer::{Answer, Head, Payload};
pub use deviation::{Deviation, Deviations, Kind};
pub use fixtures::{BotIds, Fixtures, KeySet, ORIGIN, PROMPT_LONG, PROMPT_TEXT};
pub use guards::{Decision, Guard, Refusal};
pub use identity::{Identity, IdentityError};
pub use journal::Journal;
pub use likeness::{Fingerprint, Likeness, Shows, TABLE as LIKENESS, honest, like};
pub use limits::{Limits, Place};
pub use request::{Asked, Chat, Invalid, Message, Mode, Received, Role, Route};
pub use seam::{Bend, Honest};
pub use server::Connection;
pub use socket::{Outgoing, Tap};
pub use stream::{Ending, Event, Pacing, Schedule};
pub use words::{pieces_of, reply_pieces};

use server::Server;

/// What a mock is like.
#[derive(Clone)]
pub struct MockConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How fast its clock runs: at 0.01 its 130 s time-out comes after 1.3 s. Rate windows are in real time.
    pub time_scale: Scale,
    /// What keys, bot ids, answer ids and words are derived from.
    pub seed: u64,
    /// From the request to the first chunk, in real time.
    pub ttft: Duration,
    /// From one chunk to the next, in real time.
    pub gap: Duration,
    /// Chunks that carry text, in an ordinary answer; at least one.
    pub chunks: usize,
    /// Whether every chunk of a stream carries `"sent_ns"`: when it was given to the connection to be written, in
    /// nanoseconds of this machine's monotonic clock (`CLOCK_MONOTONIC`), to hold a client's clock against. The number
    /// is padded with spaces in front of it.
    pub stamps: bool,
    /// Answers that run at a time, at most; whoever comes later waits, and is served in the order of coming. Their
    /// time to the first chunk counts from when their turn has come. Errors need no slot. `None`: no limit.
    pub slots: Option<u32>,
    /// What the limited fixtures allow.
    pub limits: Limits,
    /// Whom it says to be over TLS; `None` serves plain text. Either way HTTP/1.1 and HTTP/2: by ALPN, or by how a
    /// client begins (RFC 9113 §3.3).
    pub tls: Option<Identity>,
    /// What bends the honest path.
    pub bend: Arc<dyn Bend>,
}

impl Default for MockConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            time_scale: Scale::new(0.01).unwrap_or(Scale::REAL),
            seed: 1,
            ttft: Duration::from_millis(5),
            gap: Duration::from_millis(2),
            chunks: 8,
            stamps: false,
            slots: None,
            limits: Limits::default(),
            tls: None,
            bend: Arc::new(Honest),
        }
    }
}

/// A running mock. Dropping it closes its port and ends every connection.
///
/// ```
/// use clawcheck::contract::chat_path;
/// use clawcheck::mock::{Mock, MockConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = Mock::start(MockConfig::default()).await?;
/// let (keys, bots) = (&mock.fixtures().keys, &mock.fixtures().bots);
///
/// // The client under test, here reqwest by itself.
/// let ask = async |key: &str| {
///     let url = format!("{}{}", mock.base_url(), chat_path(&bots.main));
///     let body = r#"{"messages": [{"role": "user", "content": "Hello!"}]}"#;
///     let request = reqwest::Client::new().post(url).bearer_auth(key).body(body);
///     request.header("Content-Type", "application/json").send().await
/// };
/// assert_eq!(ask(keys.valid.expose()).await?.status(), 200);
/// assert_eq!(ask(keys.revoked.expose()).await?.status(), 401);
///
/// assert_eq!(mock.journal().requests, 2);
/// assert_eq!(mock.journal().completions, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Mock {
    addr: SocketAddr,
    server: Arc<Server>,
    accepting: JoinHandle<()>,
}

/// Connections that the system holds for us between two calls of accept; load runs open thousands at once.
const BACKLOG: u32 = 4096;

impl Mock {
    /// Starts a mock on the current tokio runtime; it accepts connections once this returns.
    ///
    /// # Errors
    /// The address can't be listened on.
    pub async fn start(config: MockConfig) -> io::Result<Mock> {
        let socket = match config.listen {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(config.listen)?;
        let listener = socket.listen(BACKLOG)?;
        let addr = listener.local_addr()?;
        let server = Arc::new(Server::new(config));
        let accepting = tokio::spawn(server::accept(Arc::clone(&server), listener));
        Ok(Mock {
            addr,
            server,
            accepting,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL to reach it by from this machine.
    pub fn base_url(&self) -> String {
        let ip = match self.addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let scheme = match self.server.config.tls {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", SocketAddr::new(ip, self.addr.port()))
    }

    /// What it was started with.
    pub fn config(&self) -> &MockConfig {
        &self.server.config
    }

    /// Its keys and bots.
    pub fn fixtures(&self) -> &Fixtures {
        &self.server.fixtures
    }

    /// A profile with every fixture, the mock's own keys written out. It trusts nobody besides the system's.
    pub fn profile_toml(&self) -> String {
        self.profile_toml_trusting(None)
    }

    /// The same, with the name of the file that holds [`Identity::certificate_pem`].
    pub fn profile_toml_trusting(&self, ca_file: Option<&str>) -> String {
        let config = &self.server.config;
        self.server
            .fixtures
            .profile_toml(&self.base_url(), config.time_scale, ca_file)
    }

    /// What it has counted so far.
    pub fn journal(&self) -> Journal {
        self.server.ledger.read()
    }

    /// The journal as it changes.
    pub fn watch(&self) -> watch::Receiver<Journal> {
        self.server.ledger.watch()
    }

    /// Waits until the journal is as wanted, and gives it as it then was. Waits for ever if it never is.
    pub async fn wait_until(&self, wanted: impl FnMut(&Journal) -> bool) -> Journal {
        let mut watch = self.watch();
        match watch.wait_for(wanted).await {
            Ok(journal) => *journal,
            Err(_) => unreachable!("the mock owns the journal's sender"),
        }
    }

    /// Ends it, and waits until its port is closed and every connection ended.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // The error is the abortion itself.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
