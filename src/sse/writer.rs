//! Events as bytes (WHATWG HTML §9.2.5, the grammar of an event stream).

/// What ends a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LineEnd {
    /// LF, as nearly everyone does.
    #[default]
    Lf,
    /// CR.
    Cr,
    /// CR and LF.
    CrLf,
}

impl LineEnd {
    /// Its bytes.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            LineEnd::Lf => b"\n",
            LineEnd::Cr => b"\r",
            LineEnd::CrLf => b"\r\n",
        }
    }
}

/// Collects the bytes of a stream. Each method adds to them; [`Writer::take`] hands over what there is.
///
/// Line breaks in data (CR, LF or CRLF) become further `data` lines, which a reader joins by LF. Elsewhere no line
/// break can stand: in names, ids and comments each becomes a space.
#[derive(Debug, Clone)]
pub struct Writer {
    line_end: LineEnd,
    space: bool,
    out: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        Writer::new(LineEnd::Lf)
    }
}

impl Writer {
    /// A writer with this line end and a space after each colon.
    pub fn new(line_end: LineEnd) -> Writer {
        Writer {
            line_end,
            space: true,
            out: Vec::new(),
        }
    }

    /// The same without the space after colons; a value that begins with a space gets one nevertheless, since a
    /// reader takes one off.
    #[must_use]
    pub fn without_space(mut self) -> Writer {
        self.space = false;
        self
    }

    /// The byte order mark that may stand at a stream's begin.
    pub fn bom(&mut self) -> &mut Writer {
        self.out.extend_from_slice(b"\xef\xbb\xbf");
        self
    }

    /// An event of the default type: its data, and the blank line that sends it off.
    pub fn event(&mut self, data: impl AsRef<[u8]>) -> &mut Writer {
        self.data(data).blank()
    }

    /// An event with a name.
    pub fn named(&mut self, name: &str, data: impl AsRef<[u8]>) -> &mut Writer {
        self.field("event", name.as_bytes()).data(data).blank()
    }

    /// `data` lines alone, without the blank line.
    pub fn data(&mut self, data: impl AsRef<[u8]>) -> &mut Writer {
        let mut rest = data.as_ref();
        while let Some(at) = rest.iter().position(|b| matches!(b, b'\r' | b'\n')) {
            self.line(b"data", &rest[..at]);
            let end = if rest[at..].starts_with(b"\r\n") {
                2
            } else {
                1
            };
            rest = &rest[at + end..];
        }
        self.line(b"data", rest);
        self
    }

    /// An `id` line.
    pub fn id(&mut self, id: &str) -> &mut Writer {
        self.field("id", id.as_bytes())
    }

    /// A `retry` line, in milliseconds.
    pub fn retry(&mut self, milliseconds: u64) -> &mut Writer {
        self.field("retry", milliseconds.to_string().as_bytes())
    }

    /// A comment line.
    pub fn comment(&mut self, text: &str) -> &mut Writer {
        self.field("", text.as_bytes())
    }

    /// Any field on one line.
    pub fn field(&mut self, name: &str, value: &[u8]) -> &mut Writer {
        let value: Vec<u8> = value
            .iter()
            .map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { *b })
            .collect();
        self.line(name.as_bytes(), &value);
        self
    }

    /// An empty line: sends off what stands before it.
    pub fn blank(&mut self) -> &mut Writer {
        self.out.extend_from_slice(self.line_end.bytes());
        self
    }

    /// The bytes so far; the writer is empty after it.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn line(&mut self, name: &[u8], value: &[u8]) {
        self.out.extend_from_slice(name);
        self.out.push(b':');
        if self.space || value.first() == Some(&b' ') {
            self.out.push(b' ');
        }
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(self.line_end.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::parse_all;
    use proptest::prelude::*;

    #[test]
    fn events_are_written_with_each_line_end() {
        let mut writer = Writer::new(LineEnd::CrLf);
        writer.comment("hi").named("n", "a\r\nb\rc\nd").event("");
        assert_eq!(
            writer.take(),
            b": hi\r\nevent: n\r\ndata: a\r\ndata: b\r\ndata: c\r\ndata: d\r\n\r\ndata: \r\n\r\n"
        );
        let mut writer = Writer::new(LineEnd::Cr).without_space();
        writer.id("1\n2").retry(5).data("x").data(" y").blank();
        assert_eq!(writer.take(), b"id:1 2\rretry:5\rdata:x\rdata:  y\r\r");
        assert_eq!(writer.bom().take(), b"\xef\xbb\xbf");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            events in proptest::collection::vec(
                ("[a-z :]{0,4}", "[ -~\u{e9}\u{1f600}\n:]{0,30}", proptest::option::of("[ -~]{0,5}")),
                0..8,
            ),
            line_end in prop_oneof![Just(LineEnd::Lf), Just(LineEnd::Cr), Just(LineEnd::CrLf)],
            space: bool,
            bom: bool,
        ) {
            let mut writer = Writer::new(line_end);
            if !space {
                writer = writer.without_space();
            }
            if bom {
                writer.bom();
            }
            for (name, data, comment) in &events {
                if let Some(comment) = comment {
                    writer.comment(comment);
                }
                if name.is_empty() {
                    writer.event(data);
                } else {
                    writer.named(name, data);
                }
            }
            let (read, rest) = parse_all(&writer.take());
            prop_assert!(!rest.is_pending());
            let read: Vec<(String, Vec<u8>)> = read.into_iter().map(|e| (e.name, e.data)).collect();
            let written: Vec<(String, Vec<u8>)> =
                events.into_iter().map(|(name, data, _)| (name, data.into_bytes())).collect();
            prop_assert_eq!(read, written);
        }
    }
}
