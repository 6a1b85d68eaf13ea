//! STREAM: events, framed in all the ways that the standard allows. What is bent here are lines that end with LF;
//! the line ends themselves come last.

use crate::contract::{STREAM_2, STREAM_4, STREAM_7};
use crate::mock::bending::{Seam, always, framed, raw, stream_events, text_of};
use crate::mock::deviation::{Deviation, leniency};

pub(super) fn entries() -> Vec<Deviation> {
    vec![
        leniency(
            "event.json-over-several-lines",
            [STREAM_2],
            "The JSON of a chunk stands on several data lines.",
            &["event.lines"],
            [framed(always, |_, _, bytes| {
                // Behind the first brace a line end is white space, whatever follows.
                each_line(&bytes, |line| match line.find('{') {
                    Some(at) if line.starts_with("data:") => {
                        format!("{}\ndata: {}", &line[..=at], &line[at + 1..])
                    }
                    Some(_) | None => line.to_owned(),
                })
            })],
        ),
        leniency(
            "event.no-space",
            [STREAM_7],
            "No space follows data:.",
            &["event.space"],
            [framed(always, |_, _, bytes| {
                each_line(&bytes, |line| {
                    line.strip_prefix("data: ")
                        .map_or_else(|| line.to_owned(), |rest| format!("data:{rest}"))
                })
            })],
        ),
        leniency(
            "event.more-white-space",
            [STREAM_2],
            "The JSON of a chunk follows data: after a tab or several spaces.",
            &["event.space"],
            [framed(always, |index, _, bytes| {
                let space = ["data:\t", "data:   ", "data: \t"][index % 3];
                each_line(&bytes, |line| match line.strip_prefix("data: ") {
                    Some(rest) if rest != "[DONE]" => format!("{space}{rest}"),
                    Some(_) | None => line.to_owned(),
                })
            })],
        ),
        leniency(
            "event.ids",
            [STREAM_7],
            "Every event has an id before its data.",
            &["event.ids"],
            [framed(always, |index, _, bytes| {
                before_data(&bytes, &format!("id: {index}\n"))
            })],
        ),
        leniency(
            "event.ids-after-data",
            [STREAM_7],
            "Every event has an id and a retry time after its data.",
            &["event.ids"],
            [framed(always, |_, _, bytes| {
                after_data(&bytes, "id: x\nretry: 3000\n")
            })],
        ),
        leniency(
            "event.unknown-fields",
            [STREAM_2],
            "Every event has fields that no reader knows, with and without a colon.",
            &["event.unknown-fields"],
            [framed(always, |_, _, bytes| {
                before_data(&bytes, "trace: 1\nx-more\ndatum: {}\n")
            })],
        ),
        leniency(
            "event.named-message",
            [STREAM_7],
            "Every event has the name that it would have anyway: message.",
            &["event.name"],
            [framed(always, |_, _, bytes| {
                before_data(&bytes, "event: message\n")
            })],
        ),
        leniency(
            "event.named-nothing",
            [STREAM_7],
            "Every event has an empty name.",
            &["event.name"],
            [framed(always, |_, _, bytes| {
                before_data(&bytes, "event:\n")
            })],
        ),
        leniency(
            "event.named-chunk",
            [STREAM_7],
            "The events are named chunk.",
            &["event.name"],
            [framed(always, |_, _, bytes| {
                before_data(&bytes, "event: chunk\n")
            })],
        ),
        leniency(
            "event.pings",
            [STREAM_7],
            "Events named ping stand between the others, with data that is JSON, or none.",
            &["event.others"],
            [framed(always, |index, _, bytes| {
                let ping = [
                    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
                    "event: ping\ndata: pong\n\n",
                ][index % 2];
                preceded(ping, &bytes)
            })],
        ),
        leniency(
            "event.without-data",
            [STREAM_2],
            "Names without data stand between the events, which dispatch none.",
            &["event.others"],
            [framed(always, |_, _, bytes| {
                preceded("event: tick\n\nid: 1\n\n", &bytes)
            })],
        ),
        leniency(
            "event.comments-between",
            [STREAM_7],
            "Comments stand between the events, with and without a blank line.",
            &["event.comments"],
            [framed(always, |_, _, bytes| {
                preceded(": OPENROUTER PROCESSING\n\n:\n:x\n", &bytes)
            })],
        ),
        leniency(
            "event.comments-inside",
            [STREAM_7],
            "A comment stands inside every event.",
            &["event.comments"],
            [framed(always, |_, _, bytes| {
                after_data(&bytes, ": in between\n")
            })],
        ),
        leniency(
            "event.comments-like-data",
            [STREAM_2],
            "Comments stand between the events that look like data and like the end.",
            &["event.comments"],
            [framed(always, |_, _, bytes| {
                preceded(":data: [DONE]\n: data: {}\n\n", &bytes)
            })],
        ),
        leniency(
            "event.blank-lines",
            [STREAM_7],
            "Several blank lines stand between the events.",
            &["event.blank"],
            [framed(always, |_, _, mut bytes| {
                bytes.extend_from_slice(b"\n\n");
                bytes
            })],
        ),
        leniency(
            "event.comments-at-the-end",
            [STREAM_4],
            "Comments follow [DONE].",
            &["event.end"],
            [framed(always, |_, last, mut bytes| {
                if last {
                    bytes.extend_from_slice(b": bye\n\n: data: [DONE]\n\n:");
                }
                bytes
            })],
        ),
        leniency(
            "event.comment-first",
            [STREAM_7],
            "A stream begins with a comment of 2 KB.",
            &["event.begin"],
            [first(|bytes| {
                preceded(&format!(":{}\n\n", " ".repeat(2048)), bytes)
            })],
        ),
        leniency(
            "event.retry-first",
            [STREAM_7],
            "A stream begins with blank lines and a retry time.",
            &["event.begin"],
            [first(|bytes| preceded("\n\nretry: 1000\n\n", bytes))],
        ),
        leniency(
            "event.line-ends-cr",
            [STREAM_2],
            "Lines end with CR.",
            &["event.line-ends"],
            [framed(always, |_, _, bytes| {
                with_line_ends(&bytes, &["\r"])
            })],
        ),
        leniency(
            "event.line-ends-crlf",
            [STREAM_2],
            "Lines end with CRLF.",
            &["event.line-ends"],
            [framed(always, |_, _, bytes| {
                with_line_ends(&bytes, &["\r\n"])
            })],
        ),
        leniency(
            "event.line-ends-mixed",
            [STREAM_2],
            "Lines end with LF, CRLF and CR in turn.",
            &["event.line-ends"],
            [framed(always, |index, _, bytes| {
                // Never LF after CR: the two would be one line end. An event begins with text.
                let ends: &[&str] = [
                    ["\n", "\r\n"].as_slice(),
                    &["\r\n", "\r"],
                    &["\n", "\r"],
                    &["\r", "\r\n"],
                ][index % 4];
                with_line_ends(&bytes, ends)
            })],
        ),
        leniency(
            "event.mark-first",
            [STREAM_2],
            "A stream begins with a byte order mark.",
            &["event.mark"],
            [first(|bytes| preceded("\u{FEFF}", bytes))],
        ),
        leniency(
            "event.mark-in-three-writes",
            [STREAM_2],
            "A stream begins with a byte order mark, each byte in a chunk of its own.",
            &["event.mark"],
            [stream_events(always, |_, events| {
                if !events.is_empty() {
                    let mut begun = vec![raw(b"\xEF"), raw(b"\xBB"), raw(b"\xBF")];
                    begun.append(events);
                    *events = begun;
                }
            })],
        ),
    ]
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn each_line(bytes: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    let lines: Vec<String> = text(bytes).split('\n').map(change).collect();
    lines.join("\n").into_bytes()
}

fn preceded(before: &str, bytes: &[u8]) -> Vec<u8> {
    let mut all = before.as_bytes().to_vec();
    all.extend_from_slice(bytes);
    all
}

/// Where the first line of an event's own data begins, if there is any.
fn data_line(text: &str) -> Option<usize> {
    // The data of another event may stand before: the last block with data is this event's.
    text.rfind("\n\ndata:")
        .map(|at| at + 2)
        .or_else(|| text.starts_with("data:").then_some(0))
        .or_else(|| text.find("\ndata:").map(|at| at + 1))
}

/// Lines before the data of an event.
fn before_data(bytes: &[u8], lines: &str) -> Vec<u8> {
    let text = text(bytes);
    match data_line(&text) {
        Some(at) => format!("{}{lines}{}", &text[..at], &text[at..]).into_bytes(),
        None => bytes.to_vec(),
    }
}

/// Lines after the data of an event, before its blank line.
fn after_data(bytes: &[u8], lines: &str) -> Vec<u8> {
    let text = text(bytes);
    let end = data_line(&text).and_then(|at| text[at..].find("\n\n").map(|end| at + end + 1));
    match end {
        Some(end) => format!("{}{lines}{}", &text[..end], &text[end..]).into_bytes(),
        None => bytes.to_vec(),
    }
}

/// Lines that end with these in turn.
fn with_line_ends(bytes: &[u8], ends: &[&str]) -> Vec<u8> {
    let text = text(bytes);
    let mut out = String::with_capacity(text.len() + 8);
    let mut turn = 0;
    for c in text.chars() {
        if c != '\n' {
            out.push(c);
            continue;
        }
        let mut end = ends[turn % ends.len()];
        if end == "\n" && out.ends_with('\r') {
            end = "\r\n";
        }
        out.push_str(end);
        turn += 1;
    }
    out.into_bytes()
}

/// Changes the bytes of the first event.
fn first(change: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Seam {
    stream_events(always, move |_, events| {
        if let Some(event) = events.first_mut() {
            *event = raw(change(&text_of(event)));
        }
    })
}
