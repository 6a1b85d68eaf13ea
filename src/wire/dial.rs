//! Opening connections: name, TCP, TLS, and whose fault it is when there is none.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connection::{ByteStream, Connection, Socket};
use super::tls::client_config;
use super::{Endpoint, Scheme, TlsOptions, TlsSetupError, Unreachable};
use crate::time::Deadline;

/// Opens connections to an endpoint. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dialer {
    endpoint: Arc<Endpoint>,
    tls: Option<Tls>,
    connect_timeout: Duration,
}

#[derive(Clone)]
struct Tls {
    name: ServerName<'static>,
    /// Offers `http/1.1`.
    plain: TlsConnector,
    /// Offers `h2` and `http/1.1`.
    asking: TlsConnector,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tls({:?})", self.name)
    }
}

impl Dialer {
    /// A dialer; each connection has so much time for name, TCP and TLS together.
    ///
    /// # Errors
    /// TLS is needed and can't be set up on this machine.
    pub fn new(
        endpoint: Endpoint,
        tls: &TlsOptions,
        connect_timeout: Duration,
    ) -> Result<Dialer, TlsSetupError> {
        let tls = match endpoint.scheme {
            Scheme::Http => None,
            Scheme::Https => {
                let name = ServerName::try_from(endpoint.host.clone())
                    .map_err(|error| TlsSetupError::Library(error.to_string()))?;
                let config = client_config(tls, &[b"http/1.1"])?;
                let mut asking = config.clone();
                asking.alpn_protocols.insert(0, b"h2".to_vec());
                Some(Tls {
                    name,
                    plain: TlsConnector::from(Arc::new(config)),
                    asking: TlsConnector::from(Arc::new(asking)),
                })
            }
        };
        Ok(Dialer {
            endpoint: Arc::new(endpoint),
            tls,
            connect_timeout,
        })
    }

    /// Where it connects to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A new connection for HTTP/1.1, at the latest by this deadline or the connect time-out.
    ///
    /// # Errors
    /// There is none, and why.
    pub async fn connect(&self, deadline: Deadline) -> Result<Connection, Unreachable> {
        let connecting = async {
            let tcp = self.tcp().await?;
            let socket = match &self.tls {
                None => Socket::new(tcp),
                Some(tls) => Socket::new(handshake(&tls.plain, &tls.name, tcp).await?),
            };
            Ok(Connection::new(socket, self.endpoint.host_header()))
        };
        self.in_time(connecting, deadline).await
    }

    /// The bytes alone, over TCP or TLS, for whoever has an HTTP/1.1 of their own.
    ///
    /// # Errors
    /// There is no connection, and why.
    pub async fn stream(&self, deadline: Deadline) -> Result<Box<dyn ByteStream>, Unreachable> {
        let connecting = async {
            let tcp = self.tcp().await?;
            let stream: Box<dyn ByteStream> = match &self.tls {
                None => Box::new(tcp),
                Some(tls) => Box::new(handshake(&tls.plain, &tls.name, tcp).await?),
            };
            Ok(stream)
        };
        self.in_time(connecting, deadline).await
    }

    /// Whether the server picks `h2` when it may (ALPN, RFC 7301); never over plain text. Opens a connection for it
    /// and closes it.
    ///
    /// # Errors
    /// There is no connection, and why.
    pub async fn speaks_h2(&self, deadline: Deadline) -> Result<bool, Unreachable> {
        let Some(tls) = &self.tls else {
            return Ok(false);
        };
        let asking = async {
            let stream = handshake(&tls.asking, &tls.name, self.tcp().await?).await?;
            Ok(stream.get_ref().1.alpn_protocol() == Some(b"h2"))
        };
        self.in_time(asking, deadline).await
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Unreachable>>,
        deadline: Deadline,
    ) -> Result<T, Unreachable> {
        let span = deadline.left().min(self.connect_timeout);
        timeout(span, work)
            .await
            .unwrap_or(Err(Unreachable::TimedOut))
    }

    /// Tries the addresses one after the other, each with its share of the time: a dead IPv6 route before a good
    /// IPv4 address must not use up all of it.
    async fn tcp(&self) -> Result<TcpStream, Unreachable> {
        let begun = Deadline::after(self.connect_timeout);
        let addresses = resolve(&self.endpoint.address()).await?;
        let mut failure = None;
        for (tried, address) in addresses.iter().enumerate() {
            let share = begun.left() / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let problem = match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Each piece of a request has to leave when it is written. A socket that refuses the option is
                    // dead already, and the exchange will tell of it.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => unreachable_by(&error),
                Err(_) => Unreachable::TimedOut,
            };
            // What an address of another family lacks on this machine (`::1` without IPv6) says less than what the
            // target's answer does.
            if matches!(failure, None | Some(Unreachable::Ourselves(_))) {
                failure = Some(problem);
            }
        }
        Err(failure.unwrap_or_else(|| Unreachable::Dns("no address".to_owned())))
    }
}

/// The addresses of a host and port.
pub(super) async fn resolve(address: &super::Address) -> Result<Vec<SocketAddr>, Unreachable> {
    match tokio::net::lookup_host((address.host.as_str(), address.port)).await {
        Ok(found) => Ok(found.collect()),
        Err(error) if is_ours(&error) => Err(Unreachable::Ourselves(error.to_string())),
        Err(error) => Err(Unreachable::Dns(error.to_string())),
    }
}

async fn handshake(
    connector: &TlsConnector,
    name: &ServerName<'static>,
    tcp: TcpStream,
) -> Result<TlsStream<TcpStream>, Unreachable> {
    connector
        .connect(name.clone(), tcp)
        .await
        .map_err(|error| Unreachable::Tls(error.to_string()))
}

/// Why TCP gave no connection.
pub(super) fn unreachable_by(error: &io::Error) -> Unreachable {
    if is_ours(error) {
        Unreachable::Ourselves(error.to_string())
    } else if error.kind() == io::ErrorKind::TimedOut {
        Unreachable::TimedOut
    } else {
        Unreachable::Connect(error.to_string())
    }
}

/// Whether this process or machine ran out of something: descriptors (EMFILE, ENFILE), buffers (ENOBUFS), memory
/// or local ports. A target must not be blamed for it. The standard library has no kinds for the first three.
pub(super) fn is_ours(error: &io::Error) -> bool {
    #[cfg(target_os = "linux")]
    const NUMBERS: &[i32] = &[23, 24, 105];
    #[cfg(all(unix, not(target_os = "linux")))]
    const NUMBERS: &[i32] = &[23, 24, 55];
    #[cfg(windows)]
    const NUMBERS: &[i32] = &[10024, 10055];
    #[cfg(not(any(unix, windows)))]
    const NUMBERS: &[i32] = &[];
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse | io::ErrorKind::OutOfMemory
    ) || error
        .raw_os_error()
        .is_some_and(|number| NUMBERS.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_shortage_is_not_the_target_s() {
        assert!(matches!(
            unreachable_by(&io::Error::from(io::ErrorKind::AddrNotAvailable)),
            Unreachable::Ourselves(_)
        ));
        #[cfg(unix)]
        assert!(matches!(
            unreachable_by(&io::Error::from_raw_os_error(24)),
            Unreachable::Ourselves(_)
        ));
        assert!(matches!(
            unreachable_by(&io::Error::from(io::ErrorKind::ConnectionRefused)),
            Unreachable::Connect(_)
        ));
    }
}
