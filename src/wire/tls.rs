//! TLS for our own sockets and for the ordinary client: one set of roots, one provider, passed explicitly.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

/// Whom to trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates in PEM form to trust beside those of the system.
    pub ca_pem: Option<Vec<u8>>,
    /// Accept whatever certificate comes.
    pub insecure: bool,
}

/// Why TLS can't be set up on this machine, before any connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsSetupError {
    /// The certificates given are no PEM, or there is none among them.
    BadCertificates(String),
    /// The system's certificates can't be used, or there are none.
    Roots(String),
    /// The TLS library or the client refuses its configuration.
    Library(String),
}

impl fmt::Display for TlsSetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsSetupError::BadCertificates(why) => {
                write!(f, "the CA certificates can't be read: {why}")
            }
            TlsSetupError::Roots(why) => write!(f, "no certificates to trust: {why}"),
            TlsSetupError::Library(why) => write!(f, "TLS can't be set up: {why}"),
        }
    }
}

impl std::error::Error for TlsSetupError {}

/// A client's configuration that offers these protocols by ALPN.
pub(super) fn client_config(
    options: &TlsOptions,
    protocols: &[&[u8]],
) -> Result<ClientConfig, TlsSetupError> {
    // Explicit: a process-wide default would be a global that another library may have set.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let library = |error: rustls::Error| TlsSetupError::Library(error.to_string());
    let verifier: Arc<dyn ServerCertVerifier> = if options.insecure {
        Arc::new(AcceptEverything(Arc::clone(&provider)))
    } else {
        let extra = match &options.ca_pem {
            Some(pem) => certificates(pem)?,
            None => Vec::new(),
        };
        let given = !extra.is_empty();
        let trusted = extra.clone();
        let verifier =
            rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
                .map_err(|error| {
                    if given {
                        TlsSetupError::BadCertificates(error.to_string())
                    } else {
                        TlsSetupError::Roots(error.to_string())
                    }
                })?;
        Arc::new(AlsoItself { verifier, trusted })
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(library)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
    Ok(config)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsSetupError::BadCertificates(error.to_string()))?;
    if found.is_empty() {
        return Err(TlsSetupError::BadCertificates(
            "no certificate in it".to_owned(),
        ));
    }
    Ok(found)
}

/// The usual verification, and besides: a server that shows a certificate that the user trusts by itself. What
/// `openssl req -x509` makes is its own authority, which verifiers refuse as a server's; curl and browsers take it.
#[derive(Debug)]
struct AlsoItself {
    verifier: rustls_platform_verifier::Verifier,
    trusted: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for AlsoItself {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let usual = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let own_authority = match &usual {
            Err(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(why))) => {
                why.to_string().contains("CaUsedAsEndEntity")
            }
            _ => false,
        };
        if own_authority && self.trusted.iter().any(|known| known == end_entity) {
            // Its dates were looked at before its kind; its name was not.
            let parsed = rustls::server::ParsedCertificate::try_from(end_entity)?;
            rustls::client::verify_server_name(&parsed, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        usual
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// `insecure`: every certificate and every signature is taken.
#[derive(Debug)]
struct AcceptEverything(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptEverything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_that_are_none_are_refused() {
        for pem in [
            &b""[..],
            b"not a certificate",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE-----\n\xff\xff",
        ] {
            let options = TlsOptions {
                ca_pem: Some(pem.to_vec()),
                insecure: false,
            };
            assert!(matches!(
                client_config(&options, &[]),
                Err(TlsSetupError::BadCertificates(_))
            ));
        }
    }
}
