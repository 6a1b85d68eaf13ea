//! The sieve of a stream: what is certainly right passes and is forgotten, the rest is kept for the judge.
//!
//! Memory stays flat however long an answer is: of chunks in which no rule finds anything only the first is kept, of
//! faults of one kind the first few. What is kept is a stream by itself, the *condensed* one, and the judge's rules
//! say of it what they would say of the whole. Sync, no sockets; instants are given to it.

use crate::contract::RequirementId;
use crate::judge::answer::{EventKind, event_kind};
use crate::judge::certain::{self, Alike};
use crate::judge::json::Node;
use crate::judge::rules::stream::{self, chunk_findings};
use crate::sse;
use crate::wire::Body;
use std::time::Instant;

/// What one read brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Brought {
    /// Dispatched events.
    pub(super) events: u32,
    /// Chunks with a content that is no empty string.
    pub(super) contents: u32,
}

/// Reads a stream as it comes.
#[derive(Debug)]
pub(super) struct Sieve {
    framing: Framing,
    /// The id of the first chunk.
    id: Option<Box<str>>,
    /// The first id that differs from it.
    other_id: Option<Box<str>>,
    /// What the chunks with that id have in common.
    alike: Option<Alike>,
    /// A chunk without a fault, as it was sent: one with content, if there was any.
    sample: Vec<u8>,
    rank: Rank,
    /// Chunks without a fault.
    certain: u64,
    /// How much had been kept when the last of them came.
    passed_at: usize,
    dones: u32,
    /// Anything came at all.
    begun: bool,
    kept: Kept,
    tokens: Option<(u64, u64)>,
    /// What choice 0 said, where that is wanted.
    text: Option<String>,
}

/// How much a chunk shows of what the rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    None,
    NoDelta,
    Delta,
    Content,
}

/// How the stream is cut into events.
#[derive(Debug)]
enum Framing {
    /// Every event was one `data: ` line, LF, LF: what has no end yet.
    Plain(Vec<u8>),
    /// Anything else that the standard allows; for the rest of the stream.
    Standard {
        parser: Box<sse::Parser>,
        /// The bytes from `base` on, of the parser's count.
        raw: Vec<u8>,
        base: usize,
        /// Lines and blocks that no reader understands, up to now.
        strange: u64,
    },
}

/// What the judge has to see.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    arrivals: Vec<(usize, Instant)>,
    /// The kinds of findings that were kept, each once.
    kinds: Vec<(RequirementId, String)>,
    /// Events that are no chunks, kept one by one.
    others: usize,
    /// Something besides one `[DONE]` was kept.
    doubtful: bool,
}

/// Events that are no chunks, kept at most.
const OTHERS: usize = 8;
/// Bytes of an unfinished event, or kept ones, at most; an answer with more is not as documented in any case.
const MOST: usize = 1 << 20;

/// A stream at its end.
#[derive(Debug)]
pub(super) struct Sieved {
    /// The condensed stream, if there is anything for the judge to see.
    pub(super) doubtful: Option<Body>,
    /// The id of the first chunk.
    pub(super) id: Option<Box<str>>,
    /// Another id that a chunk had.
    pub(super) other_id: Option<Box<str>>,
    /// `usage`: prompt and completion tokens.
    pub(super) tokens: Option<(u64, u64)>,
    /// What choice 0 said, where that was wanted.
    pub(super) text: Option<String>,
}

impl Sieve {
    pub(super) fn new(keep_text: bool) -> Sieve {
        Sieve {
            framing: Framing::Plain(Vec::new()),
            id: None,
            other_id: None,
            alike: None,
            sample: Vec::new(),
            rank: Rank::None,
            certain: 0,
            passed_at: 0,
            dones: 0,
            begun: false,
            kept: Kept::default(),
            tokens: None,
            text: keep_text.then(String::new),
        }
    }

    /// The id of the first chunk.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether `[DONE]` was dispatched.
    pub(super) fn is_done(&self) -> bool {
        self.dones > 0
    }

    /// Whether there is more than is worth keeping: the answer may be given up.
    pub(super) fn is_too_large(&self) -> bool {
        let pending = match &self.framing {
            Framing::Plain(pending) => pending.len(),
            Framing::Standard { raw, .. } => raw.len(),
        };
        pending > MOST
    }

    /// Takes the next bytes, which one read brought.
    pub(super) fn feed(&mut self, bytes: &[u8], at: Instant) -> Brought {
        let mut brought = Brought::default();
        self.begun |= !bytes.is_empty();
        let Framing::Plain(pending) = &mut self.framing else {
            self.standard(bytes, at, &mut brought);
            return brought;
        };
        if pending.is_empty() {
            let used = self.plain(bytes, at, &mut brought);
            self.hold(&bytes[used..], at, &mut brought);
        } else {
            let mut whole = std::mem::take(pending);
            whole.extend_from_slice(bytes);
            let used = self.plain(&whole, at, &mut brought);
            whole.drain(..used);
            self.hold_all(whole, at, &mut brought);
        }
        brought
    }

    /// Reads plain events off the front; gives how many bytes they had.
    fn plain(&mut self, bytes: &[u8], at: Instant, brought: &mut Brought) -> usize {
        let mut used = 0;
        while let Some(data) = plain_event(&bytes[used..]) {
            let end = used + PREFIX.len() + data.len() + 2;
            self.event(data, &bytes[used..end], at, brought);
            used = end;
        }
        used
    }

    /// What is left behind the last plain event: the beginning of another one, or something else.
    fn hold(&mut self, rest: &[u8], at: Instant, brought: &mut Brought) {
        if rest.is_empty() {
            return;
        }
        if may_become_plain(rest) {
            self.framing = Framing::Plain(rest.to_vec());
        } else {
            self.turn(rest, at, brought);
        }
    }

    fn hold_all(&mut self, rest: Vec<u8>, at: Instant, brought: &mut Brought) {
        if rest.is_empty() || may_become_plain(&rest) {
            self.framing = Framing::Plain(rest);
        } else {
            self.turn(&rest, at, brought);
        }
    }

    /// Turns to the standard's parser, which stands at the begin of a block.
    fn turn(&mut self, rest: &[u8], at: Instant, brought: &mut Brought) {
        let mut parser = sse::Parser::new();
        if self.certain + u64::from(self.dones) > 0 || self.kept.doubtful {
            // Only the very first bytes of a stream can be a BOM: the parser is past them.
            parser.feed(b"\n");
        }
        let base = parser.offset();
        self.framing = Framing::Standard {
            parser: Box::new(parser),
            raw: Vec::new(),
            base,
            strange: 0,
        };
        self.standard(rest, at, brought);
    }

    fn standard(&mut self, bytes: &[u8], at: Instant, brought: &mut Brought) {
        let Framing::Standard {
            parser,
            raw,
            base,
            strange,
        } = &mut self.framing
        else {
            return;
        };
        raw.extend_from_slice(bytes);
        let events = parser.feed(bytes);
        if *base == 0 && raw.len() < BOM.len() && BOM.starts_with(raw) {
            return; // it may become a BOM
        }
        let notes = parser.notes();
        let now_strange = notes.unknown_fields + notes.blocks_without_data;
        let found_strange = *strange != now_strange;
        if parser.block_start().is_none() {
            *strange = now_strange; // else it may stand in the block that is still to come
        }
        let offset = parser.offset();
        let block = parser.block_start().unwrap_or(offset);
        // Whatever is behind the last whole block is not ready; the rest is looked at now.
        let mut ready: Vec<u8> = raw.drain(..block.saturating_sub(*base)).collect();
        let mut start = std::mem::replace(base, block.max(*base));
        if start == 0 && ready.starts_with(BOM) {
            ready.drain(..BOM.len()); // legal here, and nowhere in what is kept
            start = BOM.len();
        }
        if found_strange || std::str::from_utf8(&ready).is_err() {
            // Lines that no reader understands, or bytes that are no text: the judge sees all of it.
            self.keep(&ready, at, true);
            for event in &events {
                self.count(event, at, brought);
            }
            return;
        }
        for event in events {
            let from = event.start.saturating_sub(start).min(ready.len());
            let to = event.dispatched_at.saturating_sub(start).min(ready.len());
            let block = &ready[from..to];
            if event.name.is_empty() || event.name == "message" {
                self.event(&event.data, block, at, brought);
            } else {
                self.unusual(&event, block, at, brought);
            }
        }
    }

    /// Counts an event whose bytes are kept already.
    fn count(&mut self, event: &sse::Event, _at: Instant, brought: &mut Brought) {
        brought.events += 1;
        match event_kind(event) {
            EventKind::Done => self.dones += 1,
            EventKind::Chunk(json) => brought.contents += u32::from(has_content(&json.root)),
            EventKind::Error { .. } | EventKind::NotJson { .. } | EventKind::Other => {}
        }
    }

    /// An event of the default type.
    fn event(&mut self, data: &[u8], block: &[u8], at: Instant, brought: &mut Brought) {
        if self.dones == 0
            && let Some(content) = self.alike.as_ref().and_then(|alike| alike.fits(data))
        {
            brought.events += 1;
            brought.contents += u32::from(content);
            let rank = if content {
                self.say(data);
                Rank::Content
            } else {
                Rank::Delta
            };
            self.pass(block, rank);
            return;
        }
        if self.dones == 0
            && let Some(chunk) = certain::chunk(data)
        {
            brought.events += 1;
            brought.contents += u32::from(chunk.content);
            if chunk.content {
                self.say(data);
            }
            if let (Some(prompt), Some(completion)) = (chunk.prompt_tokens, chunk.completion_tokens)
            {
                self.tokens = Some((prompt, completion));
            }
            let known = self.id.get_or_insert_with(|| chunk.id.into());
            let rank = if chunk.content {
                Rank::Content
            } else {
                Rank::Delta
            };
            if **known == *chunk.id {
                self.alike = self.alike.take().or_else(|| Alike::of(data));
                self.pass(block, rank);
            } else {
                self.stranger(chunk.id, block, rank, at);
            }
            return;
        }
        let event = sse::Event {
            name: String::new(),
            data: data.to_vec(),
            last_id: std::sync::Arc::from(""),
            retry: None,
            start: 0,
            end: block.len(),
            dispatched_at: block.len(),
        };
        if std::str::from_utf8(block).is_err() && self.kept.others < OTHERS {
            // Decoded as a reader does, it may be a chunk without a fault: its bytes are the fault.
            self.kept.others += 1;
            self.keep(block, at, true);
            self.count(&event, at, brought);
            return;
        }
        self.unusual(&event, block, at, brought);
    }

    /// An event that is not certainly right: the rules themselves read it.
    fn unusual(&mut self, event: &sse::Event, block: &[u8], at: Instant, brought: &mut Brought) {
        brought.events += 1;
        let kind = event_kind(event);
        match &kind {
            EventKind::Done => {
                self.dones += 1;
                let usual = self.dones == 1 && event.name.is_empty();
                self.keep(block, at, !usual);
            }
            EventKind::Chunk(json) => {
                brought.contents += u32::from(has_content(&json.root));
                self.say(&event.data);
                if let Some(usage) = tokens(&json.root) {
                    self.tokens = Some(usage);
                }
                let found = chunk_findings(json);
                let id = json.root.get("id").and_then(Node::as_str);
                let same = match (&self.id, id) {
                    (Some(known), Some(id)) => **known == *id,
                    (None, Some(id)) => {
                        self.id = Some(id.into());
                        true
                    }
                    (_, None) => true, // what has no id at all is a finding, not another answer's
                };
                let fresh = found.iter().any(|check| {
                    !self
                        .kept
                        .kinds
                        .contains(&(check.requirement, check.name.clone()))
                });
                let named = !event.name.is_empty() && self.kept.others < OTHERS;
                let rank = if has_content(&json.root) {
                    Rank::Content
                } else if stream::has_delta(&json.root) {
                    Rank::Delta
                } else {
                    Rank::NoDelta
                };
                if fresh || named || self.dones > 0 {
                    self.kept.kinds.extend(
                        found
                            .iter()
                            .map(|check| (check.requirement, check.name.clone())),
                    );
                    self.kept.others += usize::from(named);
                    if !same && self.other_id.is_none() {
                        self.other_id = id.map(Into::into);
                    }
                    self.keep(block, at, true);
                } else if let (false, Some(id)) = (same, id) {
                    self.stranger(id, block, rank, at);
                } else {
                    // Its faults, if it has any, are among those that were kept.
                    self.pass(block, rank);
                }
            }
            EventKind::Error { .. } | EventKind::NotJson { .. } | EventKind::Other => {
                if self.kept.others < OTHERS {
                    self.kept.others += 1;
                    self.keep(block, at, true);
                }
            }
        }
    }

    /// Keeps what a chunk says, as far as a conversation can carry it.
    fn say(&mut self, data: &[u8]) {
        let Some(text) = &mut self.text else { return };
        if text.len() < LONGEST_TEXT
            && let Ok(chunk) = serde_json::from_slice::<serde_json::Value>(data)
            && let Some(content) = chunk.pointer("/choices/0/delta/content")
        {
            text.push_str(content.as_str().unwrap_or_default());
        }
    }

    /// A chunk with another id than the first one: one of them is kept, and what shows more than all before it.
    fn stranger(&mut self, id: &str, block: &[u8], rank: Rank, at: Instant) {
        if self.other_id.is_none() || rank > self.rank {
            self.other_id.get_or_insert_with(|| id.into());
            self.rank = self.rank.max(rank);
            self.keep(block, at, true);
        } else {
            self.pass(block, rank);
        }
    }

    /// A chunk that the judge needs not see.
    fn pass(&mut self, block: &[u8], rank: Rank) {
        if rank > self.rank || self.sample.is_empty() {
            self.rank = self.rank.max(rank);
            self.sample = block.to_vec();
        }
        self.certain += 1;
        self.passed_at = self.kept.bytes.len();
    }

    fn keep(&mut self, block: &[u8], at: Instant, doubtful: bool) {
        self.kept.doubtful |= doubtful;
        if self.kept.bytes.len() < MOST {
            self.kept.bytes.extend_from_slice(block);
            self.kept.arrivals.push((self.kept.bytes.len(), at));
        }
    }

    /// The stream is over. Where it was not `whole`, or the judge has to see it for another reason, it is condensed
    /// even if nothing in it is wrong.
    pub(super) fn finish(mut self, whole: bool, at: Instant) -> Sieved {
        let rest = match std::mem::replace(&mut self.framing, Framing::Plain(Vec::new())) {
            Framing::Plain(pending) => pending,
            Framing::Standard { raw, .. } => raw,
        };
        // Comments and blank lines may stand at the end: only what could have become an event is of interest.
        let ended = rest.iter().all(|byte| matches!(byte, b'\n' | b'\r'));
        let right =
            whole && ended && self.dones == 1 && self.rank == Rank::Content && !self.kept.doubtful;
        let doubtful = (!right).then(|| self.condensed(&rest, at));
        Sieved {
            doubtful,
            id: self.id,
            other_id: self.other_id,
            tokens: self.tokens,
            text: self.text,
        }
    }

    /// What was kept, with one chunk that stands for all that passed, where the last of them stood.
    fn condensed(&mut self, rest: &[u8], at: Instant) -> Body {
        if !self.begun {
            return Body::default(); // an empty body is a fault of its own, and stays one
        }
        // What was kept is no stream's begin any more: a BOM in it is no legal one.
        let mut bytes = b":\n\n".to_vec();
        let first = self.kept.arrivals.first().map_or(at, |(_, first)| *first);
        let mut arrivals = vec![(bytes.len(), first)];
        let kept = std::mem::take(&mut self.kept.bytes);
        let (before, after) = kept.split_at(self.passed_at);
        bytes.extend_from_slice(before);
        let shift = bytes.len();
        bytes.extend_from_slice(&self.sample);
        if self.certain > 1 {
            let more = self.certain - 1;
            bytes.extend_from_slice(
                format!(": {more} more chunks without a new fault\n\n").as_bytes(),
            );
        }
        let passed = bytes.len() - shift;
        bytes.extend_from_slice(after);
        bytes.extend_from_slice(rest);
        arrivals.extend(self.kept.arrivals.iter().map(|(size, at)| {
            let moved = if *size > self.passed_at { passed } else { 0 };
            (shift - self.passed_at + size + moved, *at)
        }));
        arrivals.push((bytes.len(), at));
        Body {
            bytes,
            arrivals,
            coding: None,
            undecodable: false,
        }
    }
}

/// An answer fed back into a conversation has so many bytes at most, or a few turns would fill SIZE-1.
pub(super) const LONGEST_TEXT: usize = 8 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

const PREFIX: &[u8] = b"data: ";

/// The data of a plain event at the front, if a whole one is there: one `data: ` line, LF, LF.
fn plain_event(bytes: &[u8]) -> Option<&[u8]> {
    let line = bytes.strip_prefix(PREFIX)?;
    let end = memchr::memchr2(b'\n', b'\r', line)?;
    (line[end] == b'\n' && line.get(end + 1) == Some(&b'\n')).then(|| &line[..end])
}

/// Whether these bytes may yet become a plain event.
fn may_become_plain(bytes: &[u8]) -> bool {
    let Some(line) = bytes.strip_prefix(PREFIX) else {
        return PREFIX.starts_with(bytes);
    };
    match memchr::memchr2(b'\n', b'\r', line) {
        None => true,
        Some(end) => line[end] == b'\n' && end + 1 == line.len(),
    }
}

/// Whether a delta of a chunk has a content that is no empty string.
fn has_content(root: &Node) -> bool {
    root.get("choices")
        .and_then(Node::as_array)
        .unwrap_or_default()
        .iter()
        .any(|choice| {
            choice
                .get("delta")
                .and_then(|delta| delta.get("content"))
                .and_then(Node::as_str)
                .is_some_and(|content| !content.is_empty())
        })
}

/// `usage` of a chunk or a reply: prompt and completion tokens.
pub(super) fn tokens(root: &Node) -> Option<(u64, u64)> {
    let number = |name: &str| {
        let number = root.pointer(&format!("/usage/{name}"))?.as_f64()?;
        // Counts of tokens are small; what is not is no count.
        (0.0..9e15).contains(&number).then_some(number as u64)
    };
    Some((number("prompt_tokens")?, number("completion_tokens")?))
}

/// The data of the last event, as it is sent.
#[cfg(test)]
const DONE_EVENT: &str = "data: [DONE]\n\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Answer, Check, Verdict};
    use crate::wire::{
        BodyFraming, End, Exchange, Framing as WireFraming, Head, Headers, Protocol, Request,
    };
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn exchange(body: Body, end: End) -> Exchange {
        let now = Instant::now();
        let mut headers = Headers::new();
        headers.push("content-type", "text/event-stream");
        headers.push("cache-control", "no-store");
        Exchange {
            request: Request {
                method: "POST".to_owned(),
                target: "/".to_owned(),
                headers: Headers::new(),
                body: bytes::Bytes::new(),
                framing: BodyFraming::Length,
            },
            sent: Vec::new(),
            sent_bytes: 0,
            interim: Vec::new(),
            head: Some(Head {
                version: "HTTP/1.1".to_owned(),
                status: 200,
                reason: "OK".to_owned(),
                headers,
                at: now,
            }),
            framing: Some(WireFraming::Chunked {
                extensions: false,
                intricate_extensions: false,
                trailers: Headers::new(),
            }),
            body,
            surplus: Vec::new(),
            received: Vec::new(),
            received_bytes: 0,
            end,
            protocol: Protocol::Http1,
            reused: false,
            started: now,
            sent_at: Some(now),
            first_byte_at: Some(now),
            ended: now,
            reusable: true,
        }
    }

    /// What the rules find, but for the number of the event that shows it.
    fn found(exchange: &Exchange) -> BTreeSet<(RequirementId, String, bool)> {
        let checks: Vec<Check> = stream::findings(&Answer::new(exchange));
        checks
            .into_iter()
            .map(|check| {
                let must = check.verdict == Verdict::Violation;
                (check.requirement, check.name, must)
            })
            .collect()
    }

    fn whole(bytes: &[u8], at: Instant) -> Body {
        Body {
            bytes: bytes.to_vec(),
            arrivals: vec![(bytes.len(), at)],
            coding: None,
            undecodable: false,
        }
    }

    fn sieved(bytes: &[u8], cuts: &[usize], end: &End) -> (Brought, Sieved) {
        let at = Instant::now();
        let mut sieve = Sieve::new(false);
        let mut sum = Brought::default();
        let mut from = 0;
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        for cut in cuts {
            let brought = sieve.feed(&bytes[from..cut], at);
            sum.events += brought.events;
            sum.contents += brought.contents;
            from = cut;
        }
        (sum, sieve.finish(*end == End::Complete, at))
    }

    fn chunk(content: &str) -> String {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}}}}]}}\n\n"
        )
    }

    #[test]
    fn a_good_stream_leaves_nothing_to_judge() {
        let text = format!("{}{}{}{DONE_EVENT}", chunk("a"), chunk(""), chunk("b"));
        for cut in 0..text.len() {
            let (brought, sieved) = sieved(text.as_bytes(), &[cut], &End::Complete);
            assert_eq!((brought.events, brought.contents), (4, 2), "cut at {cut}");
            assert!(sieved.doubtful.is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn memory_does_not_grow_with_the_stream() {
        let at = Instant::now();
        for (block, end) in [
            (chunk("word "), "\n\n"),
            (chunk("word ").replace('\n', "\r\n"), "\r\n\r\n"),
            (": keep-alive\n\n".to_owned(), "\n\n"),
            (
                chunk("x").replace("\"index\":0", "\"index\":0,\"more\":[1]"),
                "\n\n",
            ),
            (chunk("x").replace("chat.completion.chunk", "chunk"), "\n\n"),
            ("data: nonsense\n\n".to_owned(), "\n\n"),
        ] {
            assert!(block.ends_with(end));
            let mut sieve = Sieve::new(false);
            for _ in 0..2000 {
                sieve.feed(block.as_bytes(), at);
            }
            let sieved = sieve.finish(false, at);
            let kept = sieved.doubtful.expect("no [DONE] came").bytes.len();
            assert!(kept < 4096, "{kept} bytes kept of {block:?}");
        }
    }

    /// A block of a stream: as documented, legal, or wrong.
    fn block() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            6 => Just(chunk("word ").into_bytes()),
            1 => Just(chunk("").into_bytes()),
            1 => Just(chunk("caf\u{e9} \\u00e9").into_bytes()),
            1 => Just(chunk("x").replace('\n', "\r\n").into_bytes()),
            1 => Just(chunk("x").replace('\n', "\r").into_bytes()),
            1 => Just(b": keep-alive\n\n".to_vec()),
            1 => Just(b": keep \xff alive\n\n".to_vec()),
            1 => Just(b"id: 7\nretry: 10\n\n".to_vec()),
            1 => Just(b"event: ping\ndata: {}\n\n".to_vec()),
            1 => Just(chunk("x").replace("data:", "event: message\ndata:").into_bytes()),
            1 => Just(chunk("x").replace("data:", "event: delta\ndata:").into_bytes()),
            1 => Just(chunk("x").replace("data: ", "data:").into_bytes()),
            1 => Just(chunk("x").replace("data: {", "data: {\ndata: ").into_bytes()),
            1 => Just(chunk("x").replace("data:", "Data:").into_bytes()),
            1 => Just(chunk("x").replace("chatcmpl-1", "chatcmpl-2").into_bytes()),
            1 => Just(chunk("x").replace("chatcmpl-1", "1").into_bytes()),
            1 => Just(chunk("x").replace("\"index\":0", "\"index\":\"0\"").into_bytes()),
            1 => Just(chunk("x").replace("\"index\":0", "\"index\":0,\"more\":{}").into_bytes()),
            1 => Just(chunk("x").replace("\"content\"", "\"role\":\"user\",\"content\"").into_bytes()),
            1 => Just(b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n".to_vec()),
            1 => Just(b"data: {\"error\":{\"code\":\"timeout\"}}\n\n".to_vec()),
            1 => Just(b"data: not json\n\n".to_vec()),
            1 => Just(b"data:\n\n".to_vec()),
            1 => Just(b"\xef\xbb\xbf".to_vec()),
            1 => Just(b"data: \xff\n\n".to_vec()),
            1 => Just(chunk("\u{e9}").into_bytes().into_iter().filter(|byte| *byte != 0xa9).collect()),
            2 => Just(DONE_EVENT.as_bytes().to_vec()),
            1 => Just(b"event: end\ndata: [DONE]\n\n".to_vec()),
            1 => Just(b"data: [DONE]\n".to_vec()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// The condensed stream shows the rules what the whole one would.
        #[test]
        fn nothing_is_lost_on_the_judge(
            blocks in proptest::collection::vec(block(), 0..8),
            finished in any::<bool>(),
            cuts in proptest::collection::vec(any::<usize>(), 0..4),
            complete in any::<bool>(),
        ) {
            let mut bytes = blocks.concat();
            if finished {
                bytes.extend_from_slice(DONE_EVENT.as_bytes());
            }
            let end = if complete { End::Complete } else { End::Reset };
            let (brought, sieved) = sieved(&bytes, &cuts, &end);
            let honest = exchange(whole(&bytes, Instant::now()), end.clone());
            let judged = found(&honest);
            let answer = Answer::new(&honest);
            prop_assert_eq!(brought.events as usize, answer.stream().events.len());
            match sieved.doubtful {
                None => prop_assert_eq!(judged, BTreeSet::new()),
                Some(body) => {
                    let text = String::from_utf8_lossy(&body.bytes).into_owned();
                    prop_assert_eq!(found(&exchange(body, end)), judged, "condensed: {:?}", text);
                }
            }
        }
    }
}
