//! TLS of every connection: one set of roots, one provider, passed explicitly.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage,
    SignatureScheme,
};

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

/// Why a handshake failed, in words that name the mend where there is one.
pub(super) fn refusal(error: &io::Error) -> String {
    let Some(inner) = error.get_ref() else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => "the connection was closed in it".to_owned(),
            _ => error.to_string(),
        };
    };
    let Some(error) = inner.downcast_ref::<Error>() else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => "the connection was closed in it".to_owned(),
            _ => inner.to_string(),
        };
    };
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "what answers is no TLS: for plain HTTP the base URL begins with http://".to_owned()
        }
        Error::InvalidCertificate(wrong) => {
            let told = match wrong {
                // A trusted one of the same name with another key, such as that of a server before it was set up anew.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    "nobody trusted here has signed the server's certificate".to_owned()
                }
                other => other.to_string(),
            };
            let mend = match wrong {
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    "`ca_file` names whom to trust besides, SSL_CERT_FILE whom in place of the system's"
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    "`base_url` needs a name that it is for, and `resolve` says where to connect for it"
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "it has to be renewed, unless this machine's clock is wrong"
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "is this machine's clock right?"
                }
                _ => "is it the server that was meant?", // every other fault of it
            };
            format!("{told}; {mend} (`insecure = true` leaves it unchecked)")
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server wants a certificate of the client, and there is none to give".to_owned()
        }
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            "the server does not agree to the version of HTTP (ALPN): see `http` in the profile"
                .to_owned()
        }
        other => other.to_string(),
    }
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
