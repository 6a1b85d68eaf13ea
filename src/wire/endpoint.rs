//! Where requests go: scheme, host, port, the path below which the API stands, and an override of the address.

use std::fmt;
use std::net::Ipv6Addr;

/// Plain text or TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http`, port 80 unless given.
    Http,
    /// `https`, port 443 unless given.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port of a URL that names none (RFC 9110 §4.2.1, §4.2.2).
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// A host and a port to open TCP connections to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// Reads `host:port`, an IPv6 address in brackets.
    ///
    /// # Errors
    /// The host or the port is missing or badly written.
    pub fn parse(text: &str) -> Result<Address, EndpointError> {
        let (host, port) = authority(text)?;
        let port = port.ok_or_else(|| EndpointError::BadPort(String::new()))?;
        Ok(Address { host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", bracketed(&self.host), self.port)
    }
}

/// The target: what a base URL says, and where to connect to in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Plain text or TLS.
    pub scheme: Scheme,
    /// The host of the URL, in lower case, an IPv6 address without brackets. `Host` and the TLS name come from it.
    pub host: String,
    /// The port of the URL, or the scheme's.
    pub port: u16,
    /// The path of the URL without the slash at its end: empty, or `/prefix`.
    pub base_path: String,
    /// Where connections go in place of `host` and `port` (curl's `--connect-to`); everything said on them stays
    /// as it is.
    pub connect_to: Option<Address>,
}

/// Why a base URL can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointError {
    /// Nothing stands before `://`, or `://` is missing.
    NoScheme,
    /// The scheme is neither `http` nor `https`.
    UnknownScheme(String),
    /// No host.
    NoHost,
    /// The host is neither a name in ASCII nor an IP address.
    BadHost(String),
    /// The port is no number from 1 to 65535; empty where one was needed.
    BadPort(String),
    /// A user name or a password in the URL: it would be sent nowhere, and shown everywhere.
    UserInfo,
    /// A query or a fragment: requests have their own.
    QueryOrFragment,
    /// The path has characters that can't stand in a request line.
    BadPath(String),
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndpointError::NoScheme => {
                f.write_str("the URL has no scheme: it has to begin with http:// or https://")
            }
            EndpointError::UnknownScheme(scheme) => {
                write!(f, "unknown scheme `{scheme}`: http or https is needed")
            }
            EndpointError::NoHost => f.write_str("no host"),
            EndpointError::BadHost(host) => write!(
                f,
                "bad host `{host}`: a name in ASCII (punycode), an IPv4 address or an IPv6 address in brackets is needed"
            ),
            EndpointError::BadPort(port) if port.is_empty() => {
                f.write_str("no port: host:port is needed")
            }
            EndpointError::BadPort(port) => {
                write!(f, "bad port `{port}`: a number from 1 to 65535 is needed")
            }
            EndpointError::UserInfo => {
                f.write_str("a user name or password in the URL is not supported")
            }
            EndpointError::QueryOrFragment => {
                f.write_str("a base URL can't have a query or a fragment")
            }
            EndpointError::BadPath(path) => write!(
                f,
                "bad path `{path}`: white space and other than ASCII has to be percent-encoded"
            ),
        }
    }
}

impl std::error::Error for EndpointError {}

impl Endpoint {
    /// Reads a base URL such as `https://host:8443/prefix`.
    ///
    /// # Errors
    /// The URL can't be a base URL, and why.
    pub fn parse(base_url: &str) -> Result<Endpoint, EndpointError> {
        let base_url = base_url.trim();
        let (scheme, rest) = base_url.split_once("://").ok_or(EndpointError::NoScheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "" => return Err(EndpointError::NoScheme),
            other => return Err(EndpointError::UnknownScheme(other.to_owned())),
        };
        if rest.contains(['?', '#']) {
            return Err(EndpointError::QueryOrFragment);
        }
        let (authority_text, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority_text.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let (host, port) = authority(authority_text)?;
        if !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(EndpointError::BadPath(path.to_owned()));
        }
        Ok(Endpoint {
            scheme,
            host,
            port: port.unwrap_or(scheme.default_port()),
            base_path: path.trim_end_matches('/').to_owned(),
            connect_to: None,
        })
    }

    /// The same endpoint with its connections going elsewhere.
    #[must_use]
    pub fn with_connect_to(mut self, address: Address) -> Endpoint {
        self.connect_to = Some(address);
        self
    }

    /// The value of `Host`: the port only where it is not the scheme's (RFC 9110 §7.2).
    pub fn host_header(&self) -> String {
        let host = bracketed(&self.host);
        if self.port == self.scheme.default_port() {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// The request target of a path of the API: the base path before it.
    pub fn target(&self, path: &str) -> String {
        format!("{}{path}", self.base_path)
    }

    /// Where connections go.
    pub fn address(&self) -> Address {
        self.connect_to.clone().unwrap_or_else(|| Address {
            host: self.host.clone(),
            port: self.port,
        })
    }
}

impl fmt::Display for Endpoint {
    /// The base URL, without the slash at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.scheme.as_str(),
            self.host_header(),
            self.base_path
        )
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// Takes `host`, `host:` or `host:port` apart.
fn authority(text: &str) -> Result<(String, Option<u16>), EndpointError> {
    let bad_host = || EndpointError::BadHost(text.to_owned());
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (inner, after) = rest.split_once(']').ok_or_else(bad_host)?;
        let address: Ipv6Addr = inner.parse().map_err(|_| bad_host())?;
        let port = match after.strip_prefix(':') {
            Some(port) => port,
            None if after.is_empty() => "",
            None => return Err(bad_host()),
        };
        (address.to_string(), port)
    } else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        if host.is_empty() {
            return Err(EndpointError::NoHost);
        }
        // Two colons: an IPv6 address without its brackets, where no one can tell the port from the address.
        if port.contains(':') || !host.bytes().all(name_byte) {
            return Err(bad_host());
        }
        (host.to_ascii_lowercase(), port)
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(number) if digits && number > 0 => Ok((host, Some(number))),
        _ => Err(EndpointError::BadPort(port.to_owned())),
    }
}

fn name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_read() {
        for (url, host_header, port, base, shown) in [
            ("http://localhost", "localhost", 80, "", "http://localhost"),
            (
                "HTTPS://Example.COM/",
                "example.com",
                443,
                "",
                "https://example.com",
            ),
            ("https://h:443/a/b//", "h", 443, "/a/b", "https://h/a/b"),
            ("http://h:443", "h:443", 443, "", "http://h:443"),
            (
                "http://127.0.0.1:8080/x",
                "127.0.0.1:8080",
                8080,
                "/x",
                "http://127.0.0.1:8080/x",
            ),
            ("http://[::1]:81", "[::1]:81", 81, "", "http://[::1]:81"),
            ("https://[0:0::1]", "[::1]", 443, "", "https://[::1]"),
            ("http://my_host:", "my_host", 80, "", "http://my_host"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.host_header(), host_header, "{url}");
            assert_eq!(endpoint.port, port, "{url}");
            assert_eq!(endpoint.base_path, base, "{url}");
            assert_eq!(endpoint.to_string(), shown, "{url}");
        }
        let endpoint = Endpoint::parse("http://h/p").unwrap();
        assert_eq!(endpoint.target("/api"), "/p/api");
        assert_eq!(endpoint.address().to_string(), "h:80");
        let elsewhere = endpoint.with_connect_to(Address::parse("[::1]:9").unwrap());
        assert_eq!(elsewhere.address().to_string(), "[::1]:9");
        assert_eq!(elsewhere.host_header(), "h");
    }

    #[test]
    fn what_is_no_base_url_is_refused_with_its_reason() {
        for (url, error) in [
            ("localhost:8080", EndpointError::NoScheme),
            ("://h", EndpointError::NoScheme),
            ("ftp://h", EndpointError::UnknownScheme("ftp".into())),
            ("http://", EndpointError::NoHost),
            ("http:///path", EndpointError::NoHost),
            ("http://:80", EndpointError::NoHost),
            ("http://h:0", EndpointError::BadPort("0".into())),
            ("http://h:65536", EndpointError::BadPort("65536".into())),
            ("http://h:+80", EndpointError::BadPort("+80".into())),
            ("http://h:x", EndpointError::BadPort("x".into())),
            ("http://::1", EndpointError::NoHost),
            ("http://fe80::1", EndpointError::BadHost("fe80::1".into())),
            ("http://[::1", EndpointError::BadHost("[::1".into())),
            ("http://[::1]8", EndpointError::BadHost("[::1]8".into())),
            (
                "http://b\u{fc}cher",
                EndpointError::BadHost("b\u{fc}cher".into()),
            ),
            ("http://a b", EndpointError::BadHost("a b".into())),
            ("http://user:pw@h", EndpointError::UserInfo),
            ("http://h/?q", EndpointError::QueryOrFragment),
            ("http://h#f", EndpointError::QueryOrFragment),
            ("http://h/a b", EndpointError::BadPath("/a b".into())),
        ] {
            assert_eq!(Endpoint::parse(url), Err(error), "{url}");
        }
        assert_eq!(
            Address::parse("h"),
            Err(EndpointError::BadPort(String::new()))
        );
    }
}
