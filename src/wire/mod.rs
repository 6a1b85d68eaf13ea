//! The wire: exact bytes on a socket of our own, or an ordinary client; either gives an [`Exchange`].
//!
//! Nothing here knows right from wrong. What was sent, what came back, when, and how it ended is written down;
//! the judge reads it. Every wait has a deadline and every buffer a bound, so that no server can hang or drown
//! a run.
//!
//! [`Endpoint`] says where, [`Dialer`] opens [`Connection`]s, a connection carries exchanges one after the other or
//! a [`Flight`] that is watched on its way; [`Client`] does the same the ordinary way, over HTTP/2 where the
//! server speaks it. [`Transport`] is either.

mod client;
mod coding;
mod connection;
mod dial;
mod drive;
mod endpoint;
mod exchange;
mod flight;
mod outgoing;
mod parse;
#[cfg(test)]
mod tests;
mod tls;
mod transport;

pub use client::Client;
pub use connection::{ByteStream, Connection};
pub use dial::Dialer;
pub use endpoint::{Address, Endpoint, EndpointError, Scheme};
pub use exchange::*;
pub use flight::{Flight, Progress};
pub use tls::{TlsOptions, TlsSetupError};
pub use transport::Transport;
