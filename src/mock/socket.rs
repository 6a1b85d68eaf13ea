//! The socket seam: a connection's bytes, as they really are.
//!
//! A good HTTP library refuses to frame badly; what it can't be made to write is written here.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

/// What a [`Tap`] puts on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// These bytes, flushed before what follows.
    Bytes(Bytes),
    /// Nothing, for so long.
    Pause(Duration),
    /// The end of the connection (FIN); what follows is never sent.
    Close,
    /// The end of the connection by a reset (RST); what follows is never sent.
    Reset,
}

/// What sits on one connection. Its default methods see everything and change nothing.
pub trait Tap: Send {
    /// Bytes that have arrived. What is put in `out` goes out at once, before any answer.
    fn incoming(&mut self, _bytes: &[u8], _out: &mut VecDeque<Outgoing>) {}

    /// Bytes that an honest server would now send, a write at a time: `out` takes what is sent in their place.
    fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        out.push_back(Outgoing::Bytes(Bytes::copy_from_slice(bytes)));
    }
}

/// How a tapped connection was ended by its tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Closed,
    Reset,
}

/// A connection as bytes: TCP, or TLS over it.
pub(super) trait Link: AsyncRead + AsyncWrite + Send + Unpin {
    /// Lets it end by a reset (RST) when it is dropped.
    fn reset(&self) -> io::Result<()>;
}

impl Link for TcpStream {
    fn reset(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

impl Link for TlsStream<TcpStream> {
    fn reset(&self) -> io::Result<()> {
        self.get_ref().0.set_zero_linger()
    }
}

/// A connection with what sits on it; without a tap it is the connection itself.
pub(super) struct Wire<S> {
    stream: S,
    /// What was read from it to see how the client begins.
    early: Bytes,
    tap: Option<Box<dyn Tap>>,
    pending: VecDeque<Outgoing>,
    pause: Option<Pin<Box<Sleep>>>,
    cut: Option<Cut>,
}

impl<S: Link> Wire<S> {
    pub(super) fn new(stream: S, early: Bytes, tap: Option<Box<dyn Tap>>) -> Self {
        Self {
            stream,
            early,
            tap,
            pending: VecDeque::new(),
            pause: None,
            cut: None,
        }
    }

    /// The connection, to be ended by its owner; none where the tap has reset it.
    pub(super) fn into_stream(self) -> Option<S> {
        match self.cut {
            // Zero linger was set: the reset goes out as the stream is dropped here.
            Some(Cut::Reset) => None,
            Some(Cut::Closed) | None => Some(self.stream),
        }
    }

    /// Sends what is pending; an error once the tap has ended the connection.
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.cut.is_some() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match self.pending.front_mut() {
                None => return Poll::Ready(Ok(())),
                Some(Outgoing::Bytes(bytes)) if bytes.is_empty() => {
                    self.pending.pop_front();
                }
                Some(Outgoing::Bytes(bytes)) => {
                    let count = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
                    bytes.advance(count);
                }
                Some(Outgoing::Pause(span)) => {
                    self.pause = Some(Box::pin(tokio::time::sleep(*span)));
                    self.pending.pop_front();
                }
                Some(Outgoing::Close) => self.cut = Some(Cut::Closed),
                Some(Outgoing::Reset) => {
                    self.stream.reset()?;
                    self.cut = Some(Cut::Reset);
                }
            }
        }
    }
}

impl<S: Link> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = if this.early.is_empty() {
            Pin::new(&mut this.stream).poll_read(cx, buf)
        } else {
            let count = this.early.len().min(buf.remaining());
            buf.put_slice(&this.early.split_to(count));
            Poll::Ready(Ok(()))
        };
        if let (Some(tap), Poll::Ready(Ok(()))) = (&mut this.tap, &read) {
            tap.incoming(&buf.filled()[before..], &mut this.pending);
            if let Poll::Ready(Err(error)) = this.poll_pending(cx) {
                return Poll::Ready(Err(error));
            }
        }
        read
    }
}

impl<S: Link> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.tap.is_none() {
            return Pin::new(&mut this.stream).poll_write(cx, buf);
        }
        ready!(this.poll_pending(cx))?;
        if let Some(tap) = &mut this.tap {
            tap.outgoing(buf, &mut this.pending);
        }
        // What can't go out yet goes with the next write or flush; an error of it shows then.
        let _ = this.poll_pending(cx);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.tap.is_none() {
            return Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        }
        let whole: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        Pin::new(this).poll_write(cx, &whole)
    }

    fn is_write_vectored(&self) -> bool {
        self.tap.is_none() && self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
