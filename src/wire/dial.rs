//! Opening connections: name, TCP, proxy, TLS, and whose fault it is when there is none. Whoever connects does it here.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connection::{ByteStream, Connection, Socket};
use super::tls::{client_config, refusal};
use super::{Address, Endpoint, Proxy, Scheme, TlsOptions, TlsSetupError, Unreachable};
use crate::time::Deadline;

/// Opens connections to an endpoint, through a proxy where there is one. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dialer {
    endpoint: Arc<Endpoint>,
    tls: Option<Tls>,
    proxy: Option<Arc<Proxied>>,
    connect_timeout: Duration,
}

#[derive(Clone)]
struct Tls {
    name: ServerName<'static>,
    /// Offers `http/1.1`.
    http1: TlsConnector,
    /// Offers `h2`.
    http2: TlsConnector,
    /// Offers both.
    asking: TlsConnector,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tls({:?})", self.name)
    }
}

/// A proxy, and the TLS to itself where it is spoken to by https.
struct Proxied {
    proxy: Proxy,
    tls: Option<(ServerName<'static>, TlsConnector)>,
}

impl std::fmt::Debug for Proxied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.proxy.fmt(f)
    }
}

impl Dialer {
    /// A dialer; each connection has so much time for name, TCP, proxy and TLS together.
    ///
    /// # Errors
    /// TLS is needed and can't be set up on this machine.
    pub fn new(
        endpoint: Endpoint,
        tls: &TlsOptions,
        proxy: Option<Proxy>,
        connect_timeout: Duration,
    ) -> Result<Dialer, TlsSetupError> {
        let proxy = match proxy {
            None => None,
            Some(proxy) => Some(Arc::new(Proxied {
                tls: match proxy.scheme {
                    Scheme::Http => None,
                    Scheme::Https => {
                        let name = server_name(&proxy.address.host)?;
                        let config = client_config(tls, &[b"http/1.1"])?;
                        Some((name, TlsConnector::from(Arc::new(config))))
                    }
                },
                proxy,
            })),
        };
        let tls = match endpoint.scheme {
            Scheme::Http => None,
            Scheme::Https => {
                let config = client_config(tls, &[])?;
                let offering = |protocols: &[&[u8]]| {
                    let mut config = config.clone();
                    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
                    TlsConnector::from(Arc::new(config))
                };
                Some(Tls {
                    name: server_name(&endpoint.host)?,
                    http1: offering(&[b"http/1.1"]),
                    http2: offering(&[b"h2"]),
                    asking: offering(&[b"h2", b"http/1.1"]),
                })
            }
        };
        Ok(Dialer {
            endpoint: Arc::new(endpoint),
            tls,
            proxy,
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
        let socket = Socket::new(self.stream(deadline).await?);
        Ok(Connection::new(socket, self.endpoint.host_header()))
    }

    /// The bytes alone, over TCP or TLS, for whoever has an HTTP/1.1 of their own.
    ///
    /// # Errors
    /// There is no connection, and why.
    pub async fn stream(&self, deadline: Deadline) -> Result<Box<dyn ByteStream>, Unreachable> {
        let connecting = async {
            let stream: Box<dyn ByteStream> = match (&self.tls, &self.proxy) {
                (None, None) => Box::new(self.tcp().await?),
                (None, Some(proxied)) => self.tunnel(proxied).await?,
                (Some(tls), None) => {
                    Box::new(handshake(&tls.http1, &tls.name, self.tcp().await?).await?)
                }
                (Some(tls), Some(proxied)) => {
                    let tunnel = self.tunnel(proxied).await?;
                    Box::new(handshake(&tls.http1, &tls.name, tunnel).await?)
                }
            };
            Ok(stream)
        };
        self.in_time(connecting, deadline).await
    }

    /// The same for whoever has an HTTP/2 of their own: over TLS the server has agreed to it (ALPN, RFC 7301), over
    /// plain text it is taken to speak it (RFC 9113 §3.3).
    ///
    /// # Errors
    /// There is no connection, and why.
    pub async fn http2_stream(
        &self,
        deadline: Deadline,
    ) -> Result<Box<dyn ByteStream>, Unreachable> {
        let Some(tls) = &self.tls else {
            return self.stream(deadline).await;
        };
        let connecting = async {
            let stream = handshake(&tls.http2, &tls.name, self.way().await?).await?;
            if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                return Err(Unreachable::Tls(
                    "the server does not agree to HTTP/2 (ALPN): `http = \"1.1\"` or \"auto\" is for it".to_owned(),
                ));
            }
            Ok(Box::new(stream) as Box<dyn ByteStream>)
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
            let stream = handshake(&tls.asking, &tls.name, self.way().await?).await?;
            Ok(stream.get_ref().1.alpn_protocol() == Some(b"h2"))
        };
        self.in_time(asking, deadline).await
    }

    /// What TLS to the target goes over.
    async fn way(&self) -> Result<Box<dyn ByteStream>, Unreachable> {
        match &self.proxy {
            None => Ok(Box::new(self.tcp().await?)),
            Some(proxied) => self.tunnel(proxied).await,
        }
    }

    /// A tunnel to the target. Where connections go elsewhere by an override, the proxy is asked for that place.
    async fn tunnel(&self, proxied: &Proxied) -> Result<Box<dyn ByteStream>, Unreachable> {
        let Proxied { proxy, tls } = proxied;
        let to = self.endpoint.address();
        let tcp = self.tcp_to(&proxy.address).await;
        let tcp = tcp.map_err(|why| proxy.unreachable(why))?;
        match tls {
            None => proxy.tunnel(tcp, &to).await,
            Some((name, connector)) => {
                let stream = handshake(connector, name, tcp).await;
                let stream = stream.map_err(|why| proxy.unreachable(why))?;
                proxy.tunnel(stream, &to).await
            }
        }
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

    async fn tcp(&self) -> Result<TcpStream, Unreachable> {
        self.tcp_to(&self.endpoint.address()).await
    }

    /// Tries the addresses one after the other, each with its share of the time: a dead IPv6 route before a good
    /// IPv4 address must not use up all of it.
    async fn tcp_to(&self, there: &Address) -> Result<TcpStream, Unreachable> {
        let begun = Deadline::after(self.connect_timeout);
        let addresses = resolve(there).await?;
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
async fn resolve(address: &Address) -> Result<Vec<SocketAddr>, Unreachable> {
    match tokio::net::lookup_host((address.host.as_str(), address.port)).await {
        Ok(found) => Ok(found.collect()),
        Err(error) if is_ours(&error) => Err(Unreachable::Ourselves(error.to_string())),
        Err(error) => Err(Unreachable::Dns(error.to_string())),
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, TlsSetupError> {
    ServerName::try_from(host.to_owned()).map_err(|error| TlsSetupError::Library(error.to_string()))
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    connector: &TlsConnector,
    name: &ServerName<'static>,
    stream: S,
) -> Result<TlsStream<S>, Unreachable> {
    let shaken = connector.connect(name.clone(), stream).await;
    shaken.map_err(|error| Unreachable::Tls(refusal(&error)))
}

/// Why TCP gave no connection.
fn unreachable_by(error: &io::Error) -> Unreachable {
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
fn is_ours(error: &io::Error) -> bool {
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
