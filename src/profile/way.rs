//! The way to a target: what its section says, made into what opens connections.

use super::Target;
use crate::wire::{Address, Dialer, Endpoint, EndpointError, TlsOptions, TlsSetupError};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why no connection to a target can even be tried.
#[derive(Debug)]
pub enum WayError {
    /// `base_url` can't be used.
    BaseUrl(EndpointError),
    /// `resolve` can't be used.
    Resolve(EndpointError),
    /// `ca_file` can't be read.
    CaFile(PathBuf, io::Error),
    /// TLS can't be set up on this machine.
    Tls(TlsSetupError),
}

impl fmt::Display for WayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WayError::BaseUrl(error) => write!(f, "base_url: {error}"),
            WayError::Resolve(error) => write!(f, "resolve: {error}"),
            WayError::CaFile(path, error) => write!(f, "ca_file: `{}`: {error}", path.display()),
            WayError::Tls(error) => write!(f, "TLS: {error}"),
        }
    }
}

impl std::error::Error for WayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WayError::BaseUrl(error) | WayError::Resolve(error) => Some(error),
            WayError::CaFile(_, error) => Some(error),
            WayError::Tls(error) => Some(error),
        }
    }
}

impl Target {
    /// What opens connections to it, each within so much time: override, proxy and trust are those of the section and
    /// the environment.
    ///
    /// # Errors
    /// The section names something that can't be used after all, or TLS can't be set up here.
    pub fn dialer(&self, connect_timeout: Duration) -> Result<Dialer, WayError> {
        let mut endpoint = Endpoint::parse(&self.base_url).map_err(WayError::BaseUrl)?;
        if let Some(resolve) = &self.resolve {
            let address = Address::parse(resolve).map_err(WayError::Resolve)?;
            endpoint = endpoint.with_connect_to(address);
        }
        let ca_pem = match &self.ca_file {
            Some(path) => {
                let read = std::fs::read(path);
                Some(read.map_err(|error| WayError::CaFile(path.clone(), error))?)
            }
            None => None,
        };
        let tls = TlsOptions {
            ca_pem,
            insecure: self.insecure,
        };
        Dialer::new(endpoint, &tls, self.proxy.clone(), connect_timeout).map_err(WayError::Tls)
    }
}
