//! A request under load, ready to be sent, and how long its answer is waited for.

use crate::judge::Mode;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the requests with one key have in common.
#[derive(Debug)]
pub(super) struct Address {
    /// Path of the request; of HTTP/2 the whole URL.
    pub(super) target: http::Uri,
    /// Its fields; of HTTP/1.1 `Host` too.
    pub(super) headers: http::HeaderMap,
    /// The head of HTTP/1.1, up to the body's length.
    head: Vec<u8>,
}

impl Address {
    pub(super) fn new(target: http::Uri, headers: http::HeaderMap) -> Address {
        let mut head = format!("POST {target} HTTP/1.1\r\n").into_bytes();
        for (name, value) in &headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"content-length: ");
        Address {
            target,
            headers,
            head,
        }
    }
}

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// Where it goes, and its fields.
    pub(super) address: Arc<Address>,
    /// Its body.
    pub(super) body: Bytes,
    /// The answer that it asks for.
    pub(super) mode: Mode,
    /// The client goes away after so many chunks with content.
    pub(super) abandon_after: Option<u32>,
    /// Its text is wanted: it goes into a conversation.
    pub(super) keep_text: bool,
    /// When it was due (open model).
    pub(super) due: Option<Instant>,
}

impl Order {
    /// The request as HTTP/1.1 has it: in one piece, for one write.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let head = &self.address.head;
        let mut bytes = Vec::with_capacity(head.len() + 16 + self.body.len());
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(self.body.len().to_string().as_bytes());
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// How long a client waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the connection.
    pub(super) connect: Duration,
    /// For the whole answer, and so for the status line.
    pub(super) total: Duration,
    /// For the next byte, once the body has begun.
    pub(super) idle: Duration,
    /// A gap over it counts as a stall.
    pub(super) stall: Duration,
}
