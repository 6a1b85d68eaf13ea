//! Content codings taken off while the bytes come in, so that a compressed stream can be watched.
//!
//! The output is bounded: a few kilobytes of gzip can stand for gigabytes.

use std::io::{self, Write};

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::{Body, Headers};

/// How the bytes of one body become plain, and how much has gone in.
#[derive(Debug)]
pub(super) struct Decoder {
    state: State,
    /// At most so many bytes, plain or coded, are let through.
    limit: usize,
    coded: usize,
}

#[derive(Debug)]
enum State {
    /// No coding, or one that can't be taken off.
    Plain,
    /// The first bytes decide whether the body is what its header says.
    Sniff(Kind, Vec<u8>),
    Gzip(Box<MultiGzDecoder<Sink>>),
    Zlib(Box<ZlibDecoder<Sink>>),
    Deflate(Box<DeflateDecoder<Sink>>),
    /// The coded bytes were broken: nothing more comes out.
    Broken,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Gzip,
    Deflate,
}

/// The bound was reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Decoder {
    /// A decoder for a body of this head; what it can't take off is noted in `body`. More than one coding is
    /// never taken off: nobody asked for it, and each would multiply a bomb.
    pub(super) fn new(headers: &Headers, limit: usize, body: &mut Body) -> Decoder {
        let mut codings: Vec<String> = headers
            .list("transfer-encoding")
            .into_iter()
            .chain(headers.list("content-encoding"))
            .map(|coding| coding.to_ascii_lowercase())
            .filter(|coding| coding != "chunked" && coding != "identity")
            .collect();
        let state = match (codings.pop(), codings.is_empty()) {
            (None, _) => State::Plain,
            (Some(coding), true) if coding == "gzip" || coding == "x-gzip" => {
                State::Sniff(Kind::Gzip, Vec::new())
            }
            (Some(coding), true) if coding == "deflate" => State::Sniff(Kind::Deflate, Vec::new()),
            (Some(_), _) => {
                body.undecodable = true;
                State::Plain
            }
        };
        body.coding = match &state {
            State::Sniff(Kind::Gzip, _) => Some("gzip".to_owned()),
            State::Sniff(Kind::Deflate, _) => Some("deflate".to_owned()),
            _ => None,
        };
        Decoder {
            state,
            limit,
            coded: 0,
        }
    }

    /// Takes the next bytes of the body, and puts what they stand for at its end.
    pub(super) fn push(&mut self, bytes: &[u8], body: &mut Body) -> Result<(), Full> {
        let room = self.limit.saturating_sub(self.coded);
        let taken = &bytes[..bytes.len().min(room)];
        self.coded += taken.len();
        self.decode(taken, body)?;
        if taken.len() < bytes.len() {
            Err(Full)
        } else {
            Ok(())
        }
    }

    /// The body is whole by its framing: a coding that has not come to its own end is noted.
    pub(super) fn finish(&mut self, body: &mut Body) {
        let whole = match &mut self.state {
            State::Plain | State::Broken => return,
            State::Sniff(_, seen) => {
                body.bytes.append(seen);
                body.bytes.is_empty()
            }
            State::Gzip(decoder) => decoder.try_finish().is_ok(),
            State::Zlib(decoder) => decoder.try_finish().is_ok(),
            State::Deflate(decoder) => decoder.try_finish().is_ok(),
        };
        if let Some(sink) = self.sink() {
            body.bytes.append(&mut sink.bytes);
        }
        if !whole {
            body.undecodable = true;
        }
    }

    fn decode(&mut self, bytes: &[u8], body: &mut Body) -> Result<(), Full> {
        if bytes.is_empty() {
            return Ok(());
        }
        let limit = self.limit;
        let written = match &mut self.state {
            State::Plain => {
                body.bytes.extend_from_slice(bytes);
                return Ok(());
            }
            State::Broken => return Ok(()),
            State::Sniff(kind, seen) => {
                seen.extend_from_slice(bytes);
                let enough = match kind {
                    Kind::Gzip => 3,
                    Kind::Deflate => 2,
                };
                if seen.len() < enough {
                    return Ok(());
                }
                let seen = std::mem::take(seen);
                self.state = sniffed(*kind, &seen, limit);
                if matches!(self.state, State::Plain) {
                    body.undecodable = true;
                    body.coding = None;
                }
                return self.decode(&seen, body);
            }
            State::Gzip(decoder) => write_through(decoder, bytes),
            State::Zlib(decoder) => write_through(decoder, bytes),
            State::Deflate(decoder) => write_through(decoder, bytes),
        };
        let Some(sink) = self.sink() else {
            return Ok(());
        };
        let full = sink.full;
        sink.hand_over(&mut body.bytes);
        if full {
            return Err(Full);
        }
        if written.is_err() {
            body.undecodable = true;
            self.state = State::Broken;
        }
        Ok(())
    }

    fn sink(&mut self) -> Option<&mut Sink> {
        match &mut self.state {
            State::Plain | State::Sniff(..) | State::Broken => None,
            State::Gzip(decoder) => Some(decoder.get_mut()),
            State::Zlib(decoder) => Some(decoder.get_mut()),
            State::Deflate(decoder) => Some(decoder.get_mut()),
        }
    }
}

/// Everything goes in, and everything that can come out comes out.
fn write_through(decoder: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    decoder.write_all(bytes)?;
    decoder.flush()
}

/// `deflate` is the zlib format (RFC 9110 §8.4.1.2), and the bare one in the wild.
fn sniffed(kind: Kind, seen: &[u8], limit: usize) -> State {
    let sink = Sink::new(limit);
    match (kind, seen) {
        (Kind::Gzip, [0x1f, 0x8b, 8, ..]) => State::Gzip(Box::new(MultiGzDecoder::new(sink))),
        (Kind::Gzip, _) => State::Plain,
        (Kind::Deflate, [cmf, flg, ..])
            if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0 =>
        {
            State::Zlib(Box::new(ZlibDecoder::new(sink)))
        }
        (Kind::Deflate, _) => State::Deflate(Box::new(DeflateDecoder::new(sink))),
    }
}

/// Where decoders write to: so much and no more.
#[derive(Debug)]
struct Sink {
    bytes: Vec<u8>,
    room: usize,
    full: bool,
}

impl Sink {
    fn new(room: usize) -> Sink {
        Sink {
            bytes: Vec::new(),
            room,
            full: false,
        }
    }

    /// Moves what has been written to the body.
    fn hand_over(&mut self, to: &mut Vec<u8>) {
        to.append(&mut self.bytes);
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        self.room -= taken;
        if taken < bytes.len() {
            self.full = true;
            return Err(io::Error::other("more than the bound"));
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(coding: &str, coded: &[u8], step: usize, limit: usize) -> (Body, Result<(), Full>) {
        let mut headers = Headers::new();
        headers.push("Content-Encoding", coding);
        let mut body = Body::default();
        let mut decoder = Decoder::new(&headers, limit, &mut body);
        for piece in coded.chunks(step) {
            if let Err(full) = decoder.push(piece, &mut body) {
                return (body, Err(full));
            }
        }
        decoder.finish(&mut body);
        (body, Ok(()))
    }

    #[test]
    fn known_codings_come_off_in_any_pieces() {
        let text = b"hello, hello, hello, world\n".repeat(50);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&text).unwrap();
        let two_members = [gzip(&text[..100]), gzip(&text[100..])].concat();
        for (coding, coded) in [
            ("gzip", gzip(&text)),
            ("X-GZip", two_members),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", raw.finish().unwrap()),
            ("identity", text.clone()),
        ] {
            for step in [1, 2, 7, coded.len()] {
                let (body, result) = decode(coding, &coded, step, 1 << 20);
                assert_eq!(result, Ok(()));
                assert_eq!(body.bytes, text, "{coding} by {step}");
                assert!(!body.undecodable, "{coding} by {step}");
            }
        }
    }

    #[test]
    fn each_flushed_piece_of_a_stream_shows_at_once() {
        let mut headers = Headers::new();
        headers.push("content-encoding", "gzip");
        let mut body = Body::default();
        let mut decoder = Decoder::new(&headers, 1000, &mut body);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        for (n, event) in [&b"data: 1\n\n"[..], b"data: 2\n\n"]
            .into_iter()
            .enumerate()
        {
            encoder.write_all(event).unwrap();
            encoder.flush().unwrap();
            let coded = std::mem::take(encoder.get_mut());
            decoder.push(&coded, &mut body).unwrap();
            assert_eq!(body.bytes.len(), 9 * (n + 1));
        }
    }

    #[test]
    fn what_can_t_be_taken_off_is_noted() {
        let coded = gzip(b"some text");
        // Not gzip at all: the bytes stay readable.
        let (body, _) = decode("gzip", b"{\"plain\":1}", 1, 1000);
        assert_eq!(
            (body.bytes.as_slice(), body.undecodable),
            (&b"{\"plain\":1}"[..], true)
        );
        assert_eq!(body.coding, None);
        let (body, _) = decode("gzip", b"{}", 1, 1000);
        assert_eq!(
            (body.bytes.as_slice(), body.undecodable),
            (&b"{}"[..], true)
        );
        // Cut off.
        let (body, _) = decode("gzip", &coded[..coded.len() - 3], 4, 1000);
        assert!(body.undecodable);
        // A wrong checksum.
        let mut wrong = coded.clone();
        *wrong.last_mut().unwrap() ^= 1;
        assert!(decode("gzip", &wrong, 5, 1000).0.undecodable);
        for coding in ["br", "gzip, gzip", "zstd"] {
            let (body, _) = decode(coding, &coded, 5, 1000);
            assert!(body.undecodable && body.coding.is_none());
            assert_eq!(body.bytes, coded);
        }
        // No body is no broken coding.
        assert!(!decode("gzip", b"", 1, 1000).0.undecodable);
    }

    #[test]
    fn a_bomb_ends_at_the_bound() {
        let bomb = gzip(&vec![0; 50_000_000]);
        let (body, result) = decode("gzip", &bomb, bomb.len(), 100_000);
        assert_eq!(result, Err(Full));
        assert_eq!(body.bytes.len(), 100_000);
        let (body, result) = decode("identity", &[0; 2000], 100, 1000);
        assert_eq!(result, Err(Full));
        assert_eq!(body.bytes.len(), 1000);
    }
}
