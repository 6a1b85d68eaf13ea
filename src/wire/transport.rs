//! Either way of reaching a target, behind one face.

use std::time::Instant;

use super::{Client, Dialer, Exchange, Flight, Pieces, Request};
use crate::time::Deadline;

/// How requests reach the target.
#[derive(Debug, Clone)]
pub enum Transport {
    /// On sockets of our own, byte-exact, HTTP/1.1.
    Raw(Dialer),
    /// By an ordinary client, HTTP/2 where the server speaks it.
    Client(Client),
}

impl Transport {
    /// One exchange. Raw ones have a fresh connection each; the ordinary client uses its own, and can't send in
    /// pieces: it sends whole. Where there is no connection, the exchange ends with [`super::End::Unreachable`].
    pub async fn exchange(&self, request: Request, pieces: Pieces, deadline: Deadline) -> Exchange {
        match self {
            Transport::Raw(dialer) => {
                let started = Instant::now();
                match dialer.connect(deadline).await {
                    Ok(connection) => {
                        connection
                            .exchange_at(request, pieces, deadline, started)
                            .await
                    }
                    Err(why) => {
                        let host = dialer.endpoint().host_header();
                        Exchange::unreachable(request, &host, started, why)
                    }
                }
            }
            Transport::Client(client) => client.exchange(request, deadline).await,
        }
    }

    /// Sends a request and leaves its answer to be watched; see [`super::Connection::start`]. Where there is no
    /// connection the flight is over from the start.
    pub async fn start(&self, request: Request, pieces: Pieces, deadline: Deadline) -> Flight {
        match self {
            Transport::Raw(dialer) => {
                let started = Instant::now();
                match dialer.connect(deadline).await {
                    Ok(connection) => {
                        connection
                            .start_at(request, pieces, deadline, started)
                            .await
                    }
                    Err(why) => {
                        let host = dialer.endpoint().host_header();
                        let exchange = Exchange::unreachable(request, &host, started, why);
                        Flight::over(exchange, deadline)
                    }
                }
            }
            Transport::Client(client) => client.start(request, deadline).await,
        }
    }

    /// The dialer, where connections are our own.
    pub fn dialer(&self) -> Option<&Dialer> {
        match self {
            Transport::Raw(dialer) => Some(dialer),
            Transport::Client(_) => None,
        }
    }
}
