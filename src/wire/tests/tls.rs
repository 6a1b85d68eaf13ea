//! TLS, with certificates made here.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

/// A certificate of its own for 127.0.0.1 and localhost: in PEM form, and what a server needs.
pub(super) fn certificate(protocols: &[&str]) -> (Vec<u8>, TlsAcceptor) {
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    made(protocols, rcgen::CertificateParams::new(names).unwrap())
}

fn made(protocols: &[&str], params: rcgen::CertificateParams) -> (Vec<u8>, TlsAcceptor) {
    let signing_key = rcgen::KeyPair::generate().unwrap();
    let cert = params.self_signed(&signing_key).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
    (cert.pem().into_bytes(), TlsAcceptor::from(Arc::new(config)))
}

pub(super) fn trusting(pem: &[u8]) -> TlsOptions {
    TlsOptions {
        ca_pem: Some(pem.to_vec()),
        insecure: false,
    }
}

pub(super) fn https(port: u16) -> Endpoint {
    Endpoint::parse(&format!("https://127.0.0.1:{port}")).unwrap()
}

pub(super) fn tls_dialer(port: u16, tls: &TlsOptions) -> Dialer {
    Dialer::new(https(port), tls, None, Duration::from_secs(10)).unwrap()
}

/// A TLS server for one connection whose handshake may fail.
async fn serve_tls<F, Fut>(acceptor: TlsAcceptor, talk: F) -> (u16, JoinHandle<()>)
where
    F: FnOnce(TlsStream<TcpStream>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (dialer, server) = serve(move |stream| async move {
        if let Ok(stream) = acceptor.accept(stream).await {
            talk(stream).await;
        }
    })
    .await;
    (dialer.endpoint().port, server)
}

async fn answer(mut stream: TlsStream<TcpStream>) {
    let mut request = vec![0; posted("x").len()];
    stream.read_exact(&mut request).await.unwrap();
    assert_eq!(request, posted("x").as_bytes());
    stream
        .write_all(b"HTTP/1.1 200 OK\r\n\r\nover TLS")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_certificate_is_trusted_where_its_ca_is_given_or_nothing_is_checked() {
    for (insecure, pieces) in [
        (false, Pieces::Whole),
        (
            true,
            Pieces::Every {
                size: 7,
                pause: Duration::ZERO,
            },
        ),
    ] {
        let (pem, acceptor) = certificate(&["http/1.1"]);
        let (port, server) = serve_tls(acceptor, answer).await;
        let tls = if insecure {
            TlsOptions {
                ca_pem: None,
                insecure,
            }
        } else {
            trusting(&pem)
        };
        let exchange = Transport::Raw(tls_dialer(port, &tls))
            .exchange(post("x"), pieces, soon())
            .await;
        server.await.unwrap();
        assert_eq!(exchange.end, End::Complete);
        assert_eq!(exchange.body.bytes, b"over TLS");
    }
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_refused() {
    let (_, acceptor) = certificate(&[]);
    let (other, _) = certificate(&[]);
    let (port, server) = serve_tls(acceptor, |_| async {}).await;
    let refused = tls_dialer(port, &trusting(&other)).connect(soon()).await;
    server.await.unwrap();
    assert!(matches!(refused, Err(Unreachable::Tls(_))), "{refused:?}");
}

#[tokio::test]
async fn an_end_without_close_notify_is_no_good_end() {
    let (pem, acceptor) = certificate(&[]);
    let (port, server) = serve_tls(acceptor, |mut stream| async move {
        let mut request = vec![0; posted("x").len()];
        stream.read_exact(&mut request).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\n\r\npart")
            .await
            .unwrap();
        stream.flush().await.unwrap();
        stream.get_mut().0.shutdown().await.unwrap();
    })
    .await;
    let exchange = Transport::Raw(tls_dialer(port, &trusting(&pem)))
        .exchange(post("x"), Pieces::Whole, soon())
        .await;
    server.await.unwrap();
    assert_eq!(exchange.end, End::Closed);
    assert_eq!(exchange.body.bytes, b"part");
}

/// What `openssl req -x509` makes: its own authority. Trusted by itself it is taken, for its own name only.
#[tokio::test]
async fn a_trusted_certificate_may_be_its_own_authority() {
    for (name, taken) in [("127.0.0.1", true), ("elsewhere.example", false)] {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let (pem, acceptor) = made(&[], params);
        let (port, server) = serve_tls(acceptor, |_| async {}).await;
        let connected = tls_dialer(port, &trusting(&pem)).connect(soon()).await;
        assert_eq!(connected.is_ok(), taken, "{name}: {connected:?}");
        server.await.unwrap();
    }
    let (_, acceptor) = certificate(&[]);
    let (other, _) = certificate(&[]);
    let (port, server) = serve_tls(acceptor, |_| async {}).await;
    assert!(
        tls_dialer(port, &trusting(&other))
            .connect(soon())
            .await
            .is_err()
    );
    server.await.unwrap();
}

#[tokio::test]
async fn tls_to_a_port_without_it_fails_in_the_handshake() {
    let (dialer, server) = serve(|mut stream| async move {
        let _ = stream.read_u8().await;
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    })
    .await;
    let refused = tls_dialer(
        dialer.endpoint().port,
        &TlsOptions {
            ca_pem: None,
            insecure: true,
        },
    )
    .connect(soon())
    .await;
    server.await.unwrap();
    assert!(matches!(refused, Err(Unreachable::Tls(_))), "{refused:?}");
}

#[tokio::test]
async fn a_handshake_that_never_comes_times_out() {
    let (dialer, server) = serve(|mut stream| async move {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
    })
    .await;
    let tls = TlsOptions {
        ca_pem: None,
        insecure: true,
    };
    let refused = tls_dialer(dialer.endpoint().port, &tls)
        .connect(short())
        .await;
    assert_eq!(refused.err(), Some(Unreachable::TimedOut));
    server.await.unwrap();
}

#[tokio::test]
async fn alpn_tells_who_speaks_http_2() {
    for (protocols, expected) in [
        (&["h2", "http/1.1"][..], true),
        (&["http/1.1"], false),
        (&[], false),
    ] {
        let (pem, acceptor) = certificate(protocols);
        let (port, server) = serve_tls(acceptor, |_| async {}).await;
        assert_eq!(
            tls_dialer(port, &trusting(&pem)).speaks_h2(soon()).await,
            Ok(expected)
        );
        server.await.unwrap();
    }
    assert_eq!(dialer(9).speaks_h2(soon()).await, Ok(false));
}
