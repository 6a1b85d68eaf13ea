//! The reference server. (A stand-in: it listens and never answers.)

use crate::time::Scale;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// How the server behaves.
#[derive(Debug, Clone)]
pub struct MockConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its clock.
    pub time_scale: Scale,
    /// What its chance is made from.
    pub seed: u64,
    /// Before the first chunk.
    pub ttft: Duration,
    /// Between chunks.
    pub gap: Duration,
    /// Chunks of a stream.
    pub chunks: u32,
}

impl Default for MockConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            time_scale: Scale::REAL,
            seed: 0,
            ttft: Duration::ZERO,
            gap: Duration::ZERO,
            chunks: 5,
        }
    }
}

/// A running server.
pub struct Mock {
    listener: TcpListener,
}

impl Mock {
    /// Starts it.
    ///
    /// # Errors
    /// The address can't be used.
    pub async fn start(config: MockConfig) -> std::io::Result<Mock> {
        let listener = TcpListener::bind(config.listen).await?;
        Ok(Mock { listener })
    }
    /// Where it is.
    pub fn base_url(&self) -> String {
        let address = self.listener.local_addr().expect("it is bound");
        format!("http://{address}")
    }
    /// A profile with all fixtures.
    pub fn profile_toml(&self) -> String {
        format!(
            "[target]\nbase_url = \"{}\"\n\n[keys]\nvalid = \"clawbite_sk_0123456789abcdef\"\n\n[bots]\nmain = \"main\"\n",
            self.base_url()
        )
    }
}
