//! Proxies: which one stands before a target, and the tunnel through it.
//!
//! The variables mean what they mean to curl: `https_proxy`, `HTTPS_PROXY` for https, `http_proxy` for http (the
//! upper-case one is left alone, since a CGI script's client can set it), `all_proxy`, `ALL_PROXY` for both, and
//! `no_proxy`, `NO_PROXY` for what goes around them. Every connection is tunnelled (CONNECT, RFC 9110 §9.3.6), http
//! too: what the target gets is then to the byte what was written, and a proxy can't add a field to it.

use std::fmt;
use std::io;

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::connection::ByteStream;
use super::{Address, Endpoint, Scheme, Unreachable};

/// A proxy on the way to a target. `Debug` and `Display` keep its user and password to themselves.
#[derive(Clone)]
pub struct Proxy {
    /// How the proxy itself is spoken to.
    pub(super) scheme: Scheme,
    /// Where it is.
    pub(super) address: Address,
    /// The value of `Proxy-Authorization`.
    authorization: Option<http::HeaderValue>,
    /// The variable that named it.
    variable: &'static str,
}

impl fmt::Display for Proxy {
    /// Its URL, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.address)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self}, {})", self.variable)
    }
}

impl PartialEq for Proxy {
    fn eq(&self, other: &Proxy) -> bool {
        self.scheme == other.scheme
            && self.address == other.address
            && self.authorization == other.authorization
    }
}

/// A variable that names a proxy which can't be used. Its value is not told: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyError {
    /// The variable.
    pub variable: &'static str,
    /// What its value is not.
    pub expected: &'static str,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has to be {}", self.variable, self.expected)
    }
}

impl std::error::Error for ProxyError {}

const TO_HTTPS: &[&str] = &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const TO_HTTP: &[&str] = &["http_proxy", "all_proxy", "ALL_PROXY"];
const AROUND: &[&str] = &["no_proxy", "NO_PROXY"];

const URL: &str = "a proxy's URL such as http://proxy.example:3128";

impl Proxy {
    /// The proxy that the environment puts before an endpoint, if any. An empty variable is none.
    ///
    /// # Errors
    /// The variable names no proxy that can be used.
    pub fn before(
        endpoint: &Endpoint,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Proxy>, ProxyError> {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = env(name).filter(|value| !value.trim().is_empty())?;
                Some((*name, value))
            })
        };
        let named = first(match endpoint.scheme {
            Scheme::Https => TO_HTTPS,
            Scheme::Http => TO_HTTP,
        });
        let Some((variable, value)) = named else {
            return Ok(None);
        };
        // curl takes blanks between entries as well.
        let around = first(AROUND).map_or_else(String::new, |(_, value)| {
            value.split_whitespace().collect::<Vec<_>>().join(",")
        });
        if around.split(',').any(|entry| entry == "*") {
            return Ok(None);
        }
        let unfit = |expected| ProxyError { variable, expected };
        let target = format!("{}://{}/", endpoint.scheme.as_str(), endpoint.host_header());
        let target: http::Uri = target.parse().map_err(|_| unfit(URL))?;
        let value = value.trim();
        // One matcher tells whether the value can be read at all, the other whether this target is spared.
        if Matcher::builder()
            .all(value)
            .build()
            .intercept(&target)
            .is_none()
        {
            return Err(unfit(URL));
        }
        match Matcher::builder()
            .all(value)
            .no(around)
            .build()
            .intercept(&target)
        {
            None => Ok(None),
            Some(found) => Proxy::read(&found, variable).map(Some).map_err(unfit),
        }
    }

    fn read(found: &Intercept, variable: &'static str) -> Result<Proxy, &'static str> {
        let scheme = match found.uri().scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => {
                return Err(
                    "a proxy's URL that begins with http:// or https://; SOCKS is not spoken",
                );
            }
        };
        let host = found.uri().host().unwrap_or_default();
        let authority = found.uri().authority().map_or("", |all| all.as_str());
        // Without a port it is the scheme's: curl's own 1080 is nobody else's.
        let port = match authority.strip_prefix(host).unwrap_or_default() {
            "" | ":" => Some(scheme.default_port()),
            written => written.trim_start_matches(':').parse().ok(),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match port {
            Some(port) if !host.is_empty() => Ok(Proxy {
                scheme,
                address: Address {
                    host: host.to_owned(),
                    port,
                },
                authorization: found.basic_auth().cloned(),
                variable,
            }),
            _ => Err(URL), // no host, or no number
        }
    }

    /// Asks the proxy for a connection to there; the stream is then the target's.
    pub(super) async fn tunnel<S>(
        &self,
        mut stream: S,
        to: &Address,
    ) -> Result<Box<dyn ByteStream>, Unreachable>
    where
        S: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
    {
        let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
        if let Some(value) = &self.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        let broke = |error: &io::Error| {
            Unreachable::Proxy(format!("the connection to the proxy {self} broke: {error}"))
        };
        stream
            .write_all(&request)
            .await
            .map_err(|error| broke(&error))?;
        stream.flush().await.map_err(|error| broke(&error))?;
        let mut received = Vec::new();
        let end = loop {
            if let Some(at) = received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if received.len() > HEAD || !is_http(&received) {
                let why = format!("what answers at the proxy's address {self} speaks no HTTP");
                return Err(Unreachable::Proxy(why));
            }
            let count = stream.read_buf(&mut received).await;
            if count.map_err(|error| broke(&error))? == 0 {
                return Err(broke(&io::ErrorKind::UnexpectedEof.into()));
            }
        };
        match status(&received[..end]) {
            Some((200..=299, _)) => {}
            Some((status, reason)) => return Err(self.refused(to, status, &reason)),
            None => {
                let why =
                    format!("the proxy {self} answers CONNECT with something that is no HTTP");
                return Err(Unreachable::Proxy(why));
            }
        }
        let early = received.split_off(end);
        if early.is_empty() {
            return Ok(Box::new(stream));
        }
        // A target that speaks before it is asked.
        let (reading, writing) = tokio::io::split(stream);
        let reading = io::Cursor::new(early).chain(reading);
        Ok(Box::new(tokio::io::join(reading, writing)))
    }

    fn refused(&self, to: &Address, status: u16, reason: &str) -> Unreachable {
        let variable = self.variable;
        let mend = match status {
            407 if self.authorization.is_some() => {
                format!("are user and password in {variable} right?")
            }
            407 => {
                format!("it wants a user and a password: {variable}=http://USER:PASSWORD@HOST:PORT")
            }
            502..=504 => "it can't reach the target itself".to_owned(),
            _ => format!("NO_PROXY={} goes around it", to.host),
        };
        let said = format!("{status} {reason}");
        Unreachable::Proxy(format!(
            "the proxy {self} ({variable}) refuses a connection to {to}: {}; {mend}",
            said.trim_end()
        ))
    }

    /// No connection to the proxy itself.
    pub(super) fn unreachable(&self, why: Unreachable) -> Unreachable {
        match why {
            Unreachable::Ourselves(_) => why,
            why => Unreachable::Proxy(format!("the proxy {self} ({}): {why}", self.variable)),
        }
    }
}

/// Bytes of a proxy's head that are read, at most.
const HEAD: usize = 16 * 1024;

/// Whether these bytes can begin an answer of HTTP/1.
fn is_http(bytes: &[u8]) -> bool {
    let begin = b"HTTP/1.";
    let count = bytes.len().min(begin.len());
    bytes[..count] == begin[..count]
}

/// The status and reason of a head, what can't be shown left out.
fn status(head: &[u8]) -> Option<(u16, String)> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = String::from_utf8_lossy(line);
    let mut words = line.splitn(3, ' ');
    if !words.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let status = words.next()?.parse().ok()?;
    let reason = words.next().unwrap_or_default();
    let plain = |c: &char| c.is_ascii_graphic() || *c == ' ';
    let shown = reason.chars().filter(plain).take(80).collect();
    Some((status, shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(url: &str, variables: &[(&str, &str)]) -> Result<Option<String>, ProxyError> {
        let endpoint = Endpoint::parse(url).unwrap();
        let env = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Proxy::before(&endpoint, &env).map(|found| found.map(|proxy| proxy.to_string()))
    }

    #[test]
    fn variables_mean_what_they_mean_to_curl() {
        for (url, variables, expected) in [
            ("https://h", &[][..], None),
            (
                "https://h",
                &[("HTTPS_PROXY", "http://p:1")][..],
                Some("http://p:1"),
            ),
            ("https://h", &[("HTTPS_PROXY", "p:1")], Some("http://p:1")),
            (
                "https://h",
                &[("HTTPS_PROXY", "https://u:w@p")],
                Some("https://p:443"),
            ),
            (
                "https://h",
                &[("HTTPS_PROXY", "http://[::1]:1")],
                Some("http://[::1]:1"),
            ),
            (
                "https://h",
                &[("HTTPS_PROXY", "http://a"), ("https_proxy", "http://b")],
                Some("http://b:80"),
            ),
            (
                "https://h",
                &[("https_proxy", ""), ("ALL_PROXY", "http://p:1")],
                Some("http://p:1"),
            ),
            (
                "https://h",
                &[("ALL_PROXY", "http://p:1")],
                Some("http://p:1"),
            ),
            (
                "http://h",
                &[("all_proxy", "http://p:1")],
                Some("http://p:1"),
            ),
            (
                "http://h",
                &[("http_proxy", "http://p:1")],
                Some("http://p:1"),
            ),
            ("http://h", &[("HTTP_PROXY", "http://p:1")], None),
            ("http://h", &[("HTTPS_PROXY", "http://p:1")], None),
        ] {
            let expected = Ok(expected.map(str::to_owned));
            assert_eq!(before(url, variables), expected, "{url} {variables:?}");
        }
    }

    #[test]
    fn what_goes_around() {
        for (around, url, spared) in [
            ("*", "https://127.0.0.1", true),
            ("*", "https://h", true),
            ("example", "https://api.example", true),
            (".example", "https://api.example:8443", true),
            ("other, api.example", "https://api.example", true),
            ("other api.example", "https://api.example", true),
            ("ample", "https://api.example", false),
            ("127.0.0.0/8", "https://127.0.0.1:1", true),
            ("::1", "https://[::1]", true),
            ("localhost", "https://127.0.0.1", false),
        ] {
            let variables = [("ALL_PROXY", "http://p:1"), ("NO_PROXY", around)];
            let found = before(url, &variables).unwrap();
            assert_eq!(found.is_none(), spared, "{around} {url}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_told_without_its_password() {
        for value in [
            "socks5://u:secret-word@p:1",
            "http://",
            "ftp://u:secret-word@p",
            "http://u:secret-word@p:x",
        ] {
            let error = before("https://h", &[("HTTPS_PROXY", value)]).unwrap_err();
            assert_eq!(error.variable, "HTTPS_PROXY");
            assert!(!error.to_string().contains("secret-word"), "{error}");
        }
    }
}
