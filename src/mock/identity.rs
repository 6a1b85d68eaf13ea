//! Who a mock of https is: a certificate of its own making, and the TLS that shows it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// A certificate that nobody signed but itself, and its key. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    pem: Arc<str>,
    pub(super) acceptor: TlsAcceptor,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// Why there is no identity.
#[derive(Debug)]
pub enum IdentityError {
    /// A name can't stand in a certificate, or no key could be made.
    Certificate(rcgen::Error),
    /// TLS can't be set up with it.
    Tls(rustls::Error),
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityError::Certificate(error) => write!(f, "no certificate: {error}"),
            IdentityError::Tls(error) => write!(f, "no TLS: {error}"),
        }
    }
}

impl std::error::Error for IdentityError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            IdentityError::Certificate(error) => Some(error),
            IdentityError::Tls(error) => Some(error),
        }
    }
}

impl Identity {
    /// For whoever listens there: `localhost`, both loopback addresses, and that address.
    ///
    /// # Errors
    /// No certificate could be made.
    pub fn on(address: IpAddr) -> Result<Identity, IdentityError> {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        let own = address.to_string();
        if !address.is_unspecified() && !names.contains(&own) {
            names.push(own);
        }
        Identity::of(names)
    }

    /// For these host names and addresses.
    ///
    /// # Errors
    /// One of them can't stand in a certificate, or none could be made.
    pub fn of(names: Vec<String>) -> Result<Identity, IdentityError> {
        let mut params = CertificateParams::new(names).map_err(IdentityError::Certificate)?;
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, "clawcheck mock");
        params.distinguished_name = subject;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().map_err(IdentityError::Certificate)?;
        let certificate = params
            .self_signed(&key)
            .map_err(IdentityError::Certificate)?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // Explicit: a process-wide default would be a global that another library may have set.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(IdentityError::Tls)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .map_err(IdentityError::Tls)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Identity {
            pem: certificate.pem().into(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    /// The certificate in PEM form: what a client has to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }
}
