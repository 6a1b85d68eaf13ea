//! The wire: exact bytes on a socket of our own, or an ordinary client; either gives an [`Exchange`].
//!
//! Nothing here knows right from wrong. What was sent, what came back, when, and how it ended is written down;
//! the judge reads it. Every wait has a deadline and every buffer a bound, so that no server can hang or drown
//! a run.
//!
//! [`Endpoint`] says where, [`Dialer`] opens [`Connection`]s, a connection carries exchanges one after the other or
//! a [`Flight`] that is watched on its way; [`Client`] does the same over HTTP/2, on connections of the same dialer.
//! [`Transport`] is either. A [`Proxy`] may stand between.

mod client;
mod coding;
mod connection;
mod descriptors;
mod dial;
mod drive;
mod endpoint;
mod exchange;
mod flight;
mod outgoing;
mod parse;
mod proxy;
#[cfg(test)]
mod tests;
mod tls;
mod transport;

pub use client::{Client, end_of_http2};
pub use connection::{ByteStream, Connection};
pub use descriptors::make_room;
pub use dial::Dialer;
pub use endpoint::{Address, Endpoint, EndpointError, Scheme};
pub use exchange::*;
pub use flight::{Flight, Progress};
pub(crate) use parse::{Answer, Limits, SURPLUS};
pub use proxy::{Proxy, ProxyError};
pub use tls::{TlsOptions, TlsSetupError};
pub use transport::Transport;
