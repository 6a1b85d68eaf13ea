//! STREAM: streams that a reader by the standard can't read, whose chunks are wrong, that don't end as they should, or
//! that carry what belongs to somebody else.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::header;
use serde_json::{Value, json};

use crate::contract::{
    BODY_8, CHUNK_OBJECT, DONE, STREAM_1, STREAM_2, STREAM_3, STREAM_4, STREAM_5, STREAM_8,
    STREAM_9, WIRE_1,
};
use crate::mock::answer::Head;
use crate::mock::bending::{
    At, Piece, Seam, When, always, chunk_at, chunk_bytes, close, decision, done_bytes, inserts,
    media_type, ok_head, pacing, put, raw, send, stream_events, stream_pieces, take,
};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::Decision;
use crate::mock::request::{Asked, Mode};
use crate::mock::socket::Outgoing;
use crate::mock::stream::{Ending, Event};

pub(super) fn entries(_fixtures: &Fixtures) -> Vec<Deviation> {
    [
        media_types(),
        framings(),
        texts(),
        chunks(),
        deltas(),
        dones(),
        ends(),
        encodings(),
        breaks(),
        mixtures(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The head of a stream.
fn stream_head(when: impl Into<When>, change: impl Fn(&mut Head) + Send + Sync + 'static) -> Seam {
    ok_head(When::stream().and(when), move |_, head| change(head))
}

/// STREAM-1.
fn media_types() -> Vec<Deviation> {
    let mut all = vec![
        violation(
            "stream.no-media-type",
            [STREAM_1],
            "Streams have no Content-Type.",
            [stream_head(always, |head| {
                head.remove(&header::CONTENT_TYPE);
            })],
        ),
        violation(
            "stream.reply-as-a-stream",
            [STREAM_4, BODY_8],
            "With stream: true a JSON reply comes, though its Content-Type is text/event-stream.",
            [
                decision(|asked, decision| match decision {
                    Decision::Answer { place, .. } if asked.mode == Mode::Stream => {
                        Decision::Answer {
                            mode: Mode::Json,
                            place,
                        }
                    }
                    decision => decision,
                }),
                stream_head(always, |head| media_type(head, "text/event-stream")),
            ],
        ),
    ];
    for (id, says, when, media) in [
        (
            "stream.json-media-type",
            "Streams are sent as application/json.",
            When::is(always),
            "application/json",
        ),
        (
            "stream.application-event-stream",
            "Streams are sent as application/event-stream.",
            When::is(always),
            "application/event-stream",
        ),
        (
            "stream.media-type-with-user",
            "Where user is given, the stream is sent as application/x-ndjson.",
            When::member("user"),
            "application/x-ndjson",
        ),
        (
            "stream.media-type-to-pages",
            "The stream to a page of another origin is sent as application/octet-stream.",
            When::field("origin"),
            "application/octet-stream",
        ),
        (
            "stream.media-type-of-later-streams",
            "From the second request of a connection on streams are sent as text/html.",
            When::from_request(2),
            "text/html",
        ),
    ] {
        let seam = stream_head(when, move |head| media_type(head, media));
        all.push(violation(id, [STREAM_1], says, [seam]));
    }
    all
}

/// Every event's bytes, `[DONE]` included, are others.
fn every_event(change: fn(&str) -> String) -> Seam {
    stream_events(always, move |_, events| {
        for event in events {
            if let Event::Data(data) = event {
                *event = raw(change(data));
            }
        }
    })
}

/// STREAM-2 (and with it STREAM-4 where not even `[DONE]` is an event): lines and blank lines.
fn framings() -> Vec<Deviation> {
    let mut all = Vec::new();
    for (id, says, change) in [
        (
            "stream.no-blank-lines",
            "Events are lines that follow each other without a blank line between them.",
            (|data| format!("data: {data}\n")) as fn(&str) -> String,
        ),
        (
            "stream.crlf-without-blank-lines",
            "Events end with one CRLF, which is one line end and not two.",
            |data| format!("data: {data}\r\n"),
        ),
        (
            "stream.spaces-in-blank-lines",
            "The blank lines between events have a space in them.",
            |data| format!("data: {data}\n \n"),
        ),
        (
            "stream.escaped-line-ends",
            "Events are divided by a backslash and an n, twice, in place of line ends.",
            |data| format!("data: {data}\\n\\n"),
        ),
    ] {
        all.push(violation(
            id,
            [STREAM_4, STREAM_2],
            says,
            [every_event(change)],
        ));
    }
    for (id, says, change) in [
        (
            "stream.capital-data",
            "The field's name is written Data, which readers drop.",
            (|data| format!("Data: {data}\n\n")) as fn(&str) -> String,
        ),
        (
            "stream.lines-of-json",
            "The stream is lines of JSON, without the field's name.",
            |data| format!("{data}\n\n"),
        ),
    ] {
        all.push(violation(
            id,
            [STREAM_2, STREAM_4],
            says,
            [every_event(change)],
        ));
    }
    all
}

/// STREAM-2: one event, or a few, that hold no chunk.
fn texts() -> Vec<Deviation> {
    type Row = (&'static str, &'static str, When, At, fn(String) -> String);
    let every = || When::is(always);
    let rows: [Row; 12] = [
        (
            "stream.space-before-data",
            "The first chunk's line begins with a space, so that it is dropped.",
            every(),
            At::First,
            |text| format!(" {text}"),
        ),
        (
            "stream.bom-twice",
            "The stream begins with two byte order marks, so that its first line is dropped.",
            every(),
            At::First,
            |text| format!("\u{FEFF}\u{FEFF}{text}"),
        ),
        (
            "stream.equals-sign",
            "The last chunk's line has an equals sign in place of the colon.",
            every(),
            At::Last,
            |text| text.replacen("data: ", "data=", 1),
        ),
        (
            "stream.data-twice",
            "The first chunk's line begins data: data:.",
            every(),
            At::First,
            |text| format!("data: {text}"),
        ),
        (
            "stream.json-over-lines",
            "The first chunk's JSON goes over several lines, of which only the first has the field's name.",
            every(),
            At::First,
            |text| text.replace(",\"", ",\n\""),
        ),
        (
            "stream.lone-cr-in-json",
            "The last chunk's JSON has a CR in it, which ends its line.",
            every(),
            At::Last,
            |text| text.replacen(",\"", ",\r\"", 1),
        ),
        (
            "stream.wrapped-in-strings",
            "Chunks of more than 140 bytes are wrapped at 40 columns, a data line each, in the middle of strings too.",
            every(),
            At::Every,
            |text| {
                let data: Vec<char> = text["data: ".len()..].trim_end().chars().collect();
                if data.len() <= 140 {
                    return text;
                }
                let lines: Vec<String> =
                    data.chunks(40).map(|line| line.iter().collect()).collect();
                format!("data: {}\n\n", lines.join("\ndata: "))
            },
        ),
        (
            "stream.chunk-twice-in-an-event",
            "The third event has two chunks, a data line each.",
            every(),
            At::Third,
            |text| format!("{}{text}", &text[..text.len() - 1]),
        ),
        (
            "stream.chunk-cut-short",
            "The last chunk with text lacks its last two bytes.",
            every(),
            At::LastText,
            |text| format!("{}\n\n", &text[..text.len() - 4]),
        ),
        (
            "stream.not-a-number",
            "The last chunk has a member that is NaN.",
            every(),
            At::Last,
            |text| text.replacen('{', "{\"score\":NaN,", 1),
        ),
        (
            "stream.single-quotes-at-the-end",
            "Where a model is given, the last chunk has single quotes around names and strings.",
            When::member("model"),
            At::Last,
            |text| text.replace('"', "'"),
        ),
        (
            "stream.raw-line-ends",
            "Line ends in the text are not escaped; only long answers have any.",
            When::long_answer(),
            At::Every,
            |text| text.replace("\\n", "\n"),
        ),
    ];
    let mut all: Vec<Deviation> = rows
        .into_iter()
        .map(|(id, says, when, at, change)| {
            let seam = chunk_bytes(when, at, move |text| change(text).into_bytes());
            violation(id, [STREAM_2], says, [seam])
        })
        .collect();
    for (id, says, when, index, bytes) in [
        (
            "stream.ping-as-data",
            "A keep-alive is sent as an event with the data ping.",
            When::is(always),
            3,
            "data: ping\n\n",
        ),
        (
            "stream.empty-event",
            "The stream begins with an event whose data is empty.",
            When::is(always),
            0,
            "data:\n\n",
        ),
        (
            "stream.comment-as-data",
            "While another stream runs, a comment comes as the data of an event.",
            When::beside_a_stream(),
            2,
            "data: : waiting for a place\n\n",
        ),
    ] {
        all.push(violation(
            id,
            [STREAM_2],
            says,
            [inserts(when, index, bytes)],
        ));
    }
    all
}

type Change = fn(&mut Value);
type ChunkRow = (&'static str, &'static str, When, At, Change);

/// Streams some of whose chunks are changed so.
fn changed<const N: usize>(table: [ChunkRow; N]) -> Vec<Deviation> {
    table
        .into_iter()
        .map(|(id, says, when, at, change)| {
            violation(id, [STREAM_3], says, [chunk_at(when, at, change)])
        })
        .collect()
}

/// STREAM-3: the chunk itself.
fn chunks() -> Vec<Deviation> {
    let every = || When::is(always);
    let mut all = changed([
        (
            "stream.id-missing",
            "Chunks have no id.",
            every(),
            At::Every,
            |chunk| drop(take(chunk, "/id")),
        ),
        (
            "stream.id-only-once",
            "Only the first chunk has an id; that of the others is null.",
            every(),
            At::From(1),
            |chunk| put(chunk, "/id", Value::Null),
        ),
        (
            "stream.id-of-completions",
            "The id of chunks begins cmpl-.",
            every(),
            At::Every,
            |chunk| {
                let id = chunk["id"]
                    .as_str()
                    .map(|id| id.trim_start_matches("chat").to_owned());
                put(chunk, "/id", id);
            },
        ),
        (
            "stream.id-a-number-in-later-streams",
            "From the second request of a connection on the id of chunks is a number.",
            When::from_request(2),
            At::Every,
            |chunk| put(chunk, "/id", 17),
        ),
        (
            "stream.object-of-a-reply",
            "The object of chunks is chat.completion.",
            every(),
            At::Every,
            |chunk| put(chunk, "/object", "chat.completion"),
        ),
        (
            "stream.object-missing-after-an-abort",
            "Once a client has left a stream, chunks have no object.",
            When::after_an_abort(),
            At::Every,
            |chunk| drop(take(chunk, "/object")),
        ),
        (
            "stream.choices-null-at-the-end",
            "The choices of the last chunk are null.",
            every(),
            At::Last,
            |chunk| put(chunk, "/choices", Value::Null),
        ),
        (
            "stream.choices-an-object",
            "The choices of the first chunk are an object.",
            every(),
            At::First,
            |chunk| {
                let choice = chunk["choices"][0].take();
                put(chunk, "/choices", choice);
            },
        ),
        (
            "stream.choices-empty-beside-null-usage",
            "The last chunk has empty choices, and null as its usage.",
            every(),
            At::Last,
            |chunk| {
                put(chunk, "/choices", json!([]));
                put(chunk, "/usage", Value::Null);
            },
        ),
        (
            "stream.chunk-in-an-array",
            "The third chunk stands in an array.",
            every(),
            At::Third,
            |chunk| *chunk = json!([chunk.take()]),
        ),
    ]);
    type Made = fn(&str) -> Value;
    let added: [(&str, &str, usize, Made); 3] = [
        (
            "stream.filter-results-first",
            "The stream begins with a chunk whose choices are empty, with the filter's results beside them.",
            0,
            |id| json!({ "id": id, "object": CHUNK_OBJECT, "choices": [], "prompt_filter_results": [] }),
        ),
        (
            "stream.usage-without-choices",
            "The chunk with usage before [DONE] has no choices.",
            usize::MAX,
            |id| json!({ "id": id, "object": CHUNK_OBJECT, "usage": { "total_tokens": 9 } }),
        ),
        (
            "stream.null-as-a-heartbeat",
            "A heartbeat is sent as an event with the data null.",
            4,
            |_| Value::Null,
        ),
    ];
    for (id, says, at, chunk) in added {
        let seam = stream_events(always, move |_, events| {
            let chunk = chunk(&id_of(events)).to_string();
            let at = at.min(events.len().saturating_sub(1));
            events.insert(at, Event::Data(chunk));
        });
        all.push(violation(id, [STREAM_3], says, [seam]));
    }
    all
}

/// The id of a stream's first chunk.
fn id_of(events: &[Event]) -> String {
    let first = events.iter().find_map(|event| match event {
        Event::Data(data) => serde_json::from_str::<Value>(data).ok(),
        Event::Raw(_) => None,
    });
    first
        .and_then(|chunk| chunk["id"].as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// STREAM-3: index, delta, content.
fn deltas() -> Vec<Deviation> {
    const INDEX: &str = "/choices/0/index";
    const DELTA: &str = "/choices/0/delta";
    const CONTENT: &str = "/choices/0/delta/content";
    let every = || When::is(always);
    let mut all = changed([
        (
            "stream.index-a-string",
            "The index of a choice is a string.",
            every(),
            At::Every,
            |chunk| put(chunk, INDEX, "0"),
        ),
        (
            "stream.index-missing-in-long-answers",
            "From the fiftieth chunk on choices have no index.",
            When::long_answer(),
            At::From(49),
            |chunk| drop(take(chunk, INDEX)),
        ),
        (
            "stream.delta-missing-at-the-end",
            "The choice with the finish_reason has no delta.",
            every(),
            At::Last,
            |chunk| drop(take(chunk, DELTA)),
        ),
        (
            "stream.delta-null-at-the-end",
            "Where user is given, the choice with the finish_reason has null as its delta.",
            When::member("user"),
            At::Last,
            |chunk| put(chunk, DELTA, Value::Null),
        ),
        (
            "stream.delta-an-array",
            "An empty delta is written as an empty array.",
            every(),
            At::Last,
            |chunk| put(chunk, DELTA, json!([])),
        ),
        (
            "stream.text-for-delta",
            "The last chunk with text has text in place of a delta.",
            every(),
            At::LastText,
            |chunk| {
                let delta = take(chunk, DELTA);
                put(chunk, "/choices/0/text", delta["content"].clone());
            },
        ),
        (
            "stream.content-of-digits-a-number",
            "A text of nothing but digits is sent as a number; only long answers have any.",
            When::long_answer(),
            At::Every,
            |chunk| {
                let text = chunk["choices"][0]["delta"]["content"].as_str();
                if let Some(number) = text.and_then(|text| text.trim().parse::<u64>().ok()) {
                    put(chunk, CONTENT, number);
                }
            },
        ),
        (
            "stream.content-of-parts",
            "The content of the first chunk is an array of parts.",
            every(),
            At::First,
            |chunk| {
                let text = chunk["choices"][0]["delta"]["content"].take();
                put(chunk, CONTENT, json!([{ "type": "text", "text": text }]));
            },
        ),
        (
            "stream.content-an-object",
            "While another stream runs, the content of chunks is an object with text in it.",
            When::beside_a_stream(),
            At::Third,
            |chunk| {
                let text = chunk["choices"][0]["delta"]["content"].take();
                put(chunk, CONTENT, json!({ "text": text }));
            },
        ),
    ]);
    all.push(violation(
        "stream.message-for-delta",
        [STREAM_3, STREAM_4],
        "Chunks have message in place of delta.",
        [chunk_at(always, At::Every, |chunk| {
            let delta = take(chunk, DELTA);
            put(chunk, "/choices/0/message", delta);
        })],
    ));
    all
}

/// STREAM-4: what stands where `[DONE]` should.
fn dones() -> Vec<Deviation> {
    let every = || When::is(always);
    let mut all = Vec::new();
    for (id, says, when, bytes) in [
        (
            "stream.done-missing",
            "Streams end without [DONE].",
            every(),
            "",
        ),
        (
            "stream.done-missing-with-user",
            "Where user is given, the stream ends without [DONE].",
            When::member("user"),
            "",
        ),
        (
            "stream.done-missing-after-an-abort",
            "Once a client has left a stream, streams end without [DONE].",
            When::after_an_abort(),
            "",
        ),
        (
            "stream.done-a-comment",
            "[DONE] is sent as a comment.",
            every(),
            ": [DONE]\n\n",
        ),
        (
            "stream.done-an-event-name",
            "An event named done, without data, stands in place of [DONE].",
            every(),
            "event: done\n\n",
        ),
        (
            "stream.done-quoted",
            "[DONE] stands in quotes, as JSON would have it.",
            every(),
            "data: \"[DONE]\"\n\n",
        ),
        (
            "stream.done-missing-in-long-answers",
            "A long answer ends without [DONE].",
            When::long_answer(),
            "",
        ),
    ] {
        all.push(violation(
            id,
            [STREAM_4, STREAM_8],
            says,
            [done_bytes(when, bytes)],
        ));
    }
    for (id, says, bytes) in [
        (
            "stream.done-without-blank-line",
            "No blank line follows [DONE], so that it is never dispatched.",
            "data: [DONE]\n",
        ),
        (
            "stream.done-without-line-end",
            "No line end follows [DONE].",
            "data: [DONE]",
        ),
        (
            "stream.done-twice",
            "[DONE] is sent twice.",
            "data: [DONE]\n\ndata: [DONE]\n\n",
        ),
        (
            "stream.error-behind-done",
            "An error object follows [DONE].",
            "data: [DONE]\n\ndata: {\"error\":{\"code\":\"internal_error\",\"message\":\"it broke\"}}\n\n",
        ),
    ] {
        all.push(violation(id, [STREAM_4], says, [done_bytes(always, bytes)]));
    }
    for (id, says, bytes) in [
        (
            "stream.done-in-lower-case",
            "[done] stands in place of [DONE].",
            "data: [done]\n\n",
        ),
        (
            "stream.done-with-a-space",
            "A space follows [DONE] on its line, and belongs to the data.",
            "data: [DONE] \n\n",
        ),
    ] {
        all.push(violation(
            id,
            [STREAM_4, STREAM_2],
            says,
            [done_bytes(always, bytes)],
        ));
    }
    all.push(violation(
        "stream.done-with-the-last-chunk",
        [STREAM_4, STREAM_2],
        "The last chunk and [DONE] are two data lines of one event.",
        [chunk_bytes(always, At::Last, |mut text| {
            text.pop();
            text.into_bytes()
        })],
    ));
    all
}

/// STREAM-4: the order of events, and the end of the answer.
fn ends() -> Vec<Deviation> {
    let usage = |events: &[Event]| {
        let usage = json!({ "prompt_tokens": 1, "completion_tokens": 8, "total_tokens": 9 });
        let chunk =
            json!({ "id": id_of(events), "object": CHUNK_OBJECT, "choices": [], "usage": usage });
        Event::Data(chunk.to_string())
    };
    vec![
        violation(
            "stream.usage-behind-done",
            [STREAM_4],
            "The chunk with usage follows [DONE].",
            [stream_events(always, move |_, events| {
                events.push(usage(events));
            })],
        ),
        violation(
            "stream.usage-long-behind-done",
            [STREAM_4],
            "The chunk with usage follows 300 ms after [DONE].",
            [
                stream_events(always, move |_, events| events.push(usage(events))),
                stream_pieces(always, |_, _, bytes| {
                    let mut out = vec![send(&bytes)];
                    if is_done(&bytes) {
                        out.push(Outgoing::Pause(Duration::from_millis(300)));
                    }
                    out
                }),
            ],
        ),
        violation(
            "stream.done-before-the-last-chunk",
            [STREAM_4],
            "[DONE] comes before the chunk with the finish_reason.",
            [stream_events(always, |_, events| {
                let last = events.len() - 1;
                events.swap(last, last - 1);
            })],
        ),
        violation(
            "stream.done-in-the-middle",
            [STREAM_4],
            "In a long answer [DONE] comes after 64 chunks, and again at the end.",
            [stream_events(When::long_answer(), |_, events| {
                events.insert(64, Event::Data(DONE.to_owned()));
            })],
        ),
        violation(
            "stream.usage-alone",
            [STREAM_4],
            "Where a model is given, the stream has a chunk with usage, [DONE], and no delta.",
            [stream_events(When::member("model"), move |_, events| {
                let usage = usage(events);
                events.splice(..events.len() - 1, [usage]);
            })],
        ),
        violation(
            "stream.empty",
            [STREAM_4],
            "Where user is given, the stream has no event at all.",
            [stream_events(When::member("user"), |_, events| {
                events.clear()
            })],
        ),
        violation(
            "stream.never-ends",
            [STREAM_4],
            "The answer stays open after [DONE].",
            [pacing(When::stream(), |_, pacing| {
                pacing.ending = Ending::Never;
            })],
        )
        .slow(),
    ]
}

/// STREAM-5.
fn encodings() -> Vec<Deviation> {
    type Row = (&'static str, &'static str, When, At, fn(String) -> Vec<u8>);
    /// Puts bytes in at the begin of a chunk's text.
    fn in_content(text: &str, bytes: &[u8]) -> Vec<u8> {
        let mark = "\"content\":\"";
        let Some((before, after)) = text.split_once(mark) else {
            return text.as_bytes().to_vec(); // the last chunk has no text
        };
        [before.as_bytes(), mark.as_bytes(), bytes, after.as_bytes()].concat()
    }
    let every = || When::is(always);
    let rows: [Row; 5] = [
        (
            "stream.character-cut",
            "The text of the last chunk with text ends inside a character.",
            every(),
            At::LastText,
            |text| {
                let at = text.find("\"}}]}").unwrap_or(text.len());
                [&text.as_bytes()[..at], b"\xE2\x82", &text.as_bytes()[at..]].concat()
            },
        ),
        (
            "stream.surrogates-as-utf-8",
            "An emoji is sent as two surrogates of three bytes each, as in CESU-8.",
            every(),
            At::First,
            |text| in_content(&text, b"\xED\xA0\xBE\xED\xB6\x80"),
        ),
        (
            "stream.latin-1",
            "Characters up to U+00FF are sent as one byte each, as in Latin-1.",
            every(),
            At::Every,
            |text| {
                let mut bytes = Vec::new();
                for c in text.chars() {
                    match u8::try_from(u32::from(c)) {
                        Ok(byte) => bytes.push(byte),
                        Err(_) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                    }
                }
                bytes
            },
        ),
        (
            "stream.quotes-of-windows",
            "In long answers the fiftieth chunk has quotation marks of Windows-1252.",
            When::long_answer(),
            At::From(49),
            |text| in_content(&text, b"\x93Hi\x94 "),
        ),
        (
            "stream.comment-in-latin-1",
            "A comment before the last chunk has a letter of Latin-1 in it.",
            every(),
            At::Last,
            |text| [b": caf\xE9\n\n", text.as_bytes()].concat(),
        ),
    ];
    let mut all: Vec<Deviation> = rows
        .into_iter()
        .map(|(id, says, when, at, change)| {
            violation(id, [STREAM_5], says, [chunk_bytes(when, at, change)])
        })
        .collect();
    all.push(violation(
        "stream.character-over-two-chunks",
        [STREAM_5],
        "A character's first byte ends the text of a chunk, and its other bytes begin that of the next.",
        [
            chunk_bytes(always, At::Third, |text| {
                let at = text.find("\"}}]}").unwrap_or(text.len());
                [&text.as_bytes()[..at], b"\xE2", &text.as_bytes()[at..]].concat()
            }),
            stream_events(always, |_, events| {
                if let Some(Event::Data(data)) = events.get(3) {
                    let text = format!("data: {data}\n\n");
                    events[3] = raw(in_content(&text, b"\x82\xAC"));
                }
            }),
        ],
    ));
    all
}

const ERROR: &str =
    "data: {\"error\":{\"code\":\"internal_error\",\"message\":\"the agent failed\"}}\n\n";

/// Ends a stream in good order before the event of that index, these bytes last.
fn ends_early(when: impl Into<When>, index: usize, bytes: &'static str) -> Seam {
    stream_events(when, move |_, events| {
        events.truncate(index);
        if !bytes.is_empty() {
            events.push(raw(bytes));
        }
    })
}

/// Whether this piece of a stream is `[DONE]`.
fn is_done(bytes: &[u8]) -> bool {
    bytes
        .windows(DONE.len())
        .any(|window| window == DONE.as_bytes())
}

/// Sends a stream's pieces up to that one, and then ends the connection so.
fn cut(
    when: impl Into<When>,
    at: impl Fn(Piece, &[u8]) -> bool + Send + Sync + 'static,
    end: impl Fn(Vec<u8>) -> Vec<Outgoing> + Send + Sync + 'static,
) -> Seam {
    stream_pieces(when, move |_, piece, bytes| {
        if at(piece, &bytes) {
            end(bytes)
        } else {
            vec![send(bytes)]
        }
    })
}

/// The chunk of that index.
fn nth(index: usize) -> impl Fn(Piece, &[u8]) -> bool {
    move |piece, _| piece == Piece::Chunk(index)
}

/// STREAM-8.
fn breaks() -> Vec<Deviation> {
    let mut all = Vec::new();
    for (id, says, seam) in [
        (
            "stream.over-after-three-chunks",
            "Streams end after three chunks, in good order but for [DONE].",
            ends_early(always, 3, ""),
        ),
        (
            "stream.over-after-64-chunks",
            "A long answer ends after 64 chunks, without [DONE].",
            ends_early(When::long_answer(), 64, ""),
        ),
        (
            "stream.over-in-a-chunk",
            "Where a model is given, the stream ends in the middle of a chunk.",
            ends_early(When::member("model"), 4, "data: {\"id\":\"chatcm"),
        ),
        (
            "stream.error-for-a-chunk",
            "The stream breaks off with an error object in place of a chunk.",
            ends_early(always, 3, ERROR),
        ),
        (
            "stream.error-event",
            "Where user is given, the stream breaks off with an event named error.",
            ends_early(
                When::member("user"),
                2,
                "event: error\ndata: {\"message\":\"the agent failed\"}\n\n",
            ),
        ),
        (
            "stream.error-beside-a-stream",
            "A stream breaks off with an error object while another one runs.",
            ends_early(When::beside_a_stream(), 3, ERROR),
        ),
    ] {
        all.push(violation(id, [STREAM_8, STREAM_4], says, [seam]));
    }
    all.push(violation(
        "stream.error-and-done",
        [STREAM_8],
        "An error object stands in place of the third chunk, and the stream goes on to [DONE].",
        [stream_events(always, |_, events| events[2] = raw(ERROR))],
    ));
    let worst = |bytes: Vec<u8>, keep: fn(usize) -> usize| close(&bytes[..keep(bytes.len())]);
    for (id, says, seam) in [
        (
            "stream.connection-reset",
            "Where user is given, the connection is reset after three chunks.",
            cut(When::member("user"), nth(3), |_| {
                vec![Outgoing::Pause(Duration::from_millis(20)), Outgoing::Reset]
            }),
        ),
        (
            "stream.closed-inside-a-chunk",
            "The connection is closed in the middle of the fourth chunk.",
            cut(always, nth(3), move |bytes| {
                worst(bytes, |length| length / 2)
            }),
        ),
        (
            "stream.closed-after-the-last-chunk",
            "The connection is closed where [DONE] should come.",
            cut(always, |_, bytes| is_done(bytes), |_| vec![Outgoing::Close]),
        ),
        (
            "stream.closed-inside-done",
            "The connection is closed one byte before [DONE] is dispatched.",
            // The last three bytes are the blank line's LF and the CRLF of HTTP's chunk.
            cut(
                always,
                |_, bytes| is_done(bytes),
                move |bytes| worst(bytes, |length| length - 3),
            ),
        ),
    ] {
        all.push(violation(id, [STREAM_8, STREAM_4, WIRE_1], says, [seam]));
    }
    all
}

/// More of the streams that have been are not remembered.
const REMEMBERED: usize = 32;

/// The events of a stream.
type Events = Vec<Event>;

/// Bends a stream by what the streams before it sent, the latest last.
fn mixes(
    when: impl Into<When>,
    mix: impl Fn(&Asked, &mut Events, &[Events]) + Send + Sync + 'static,
) -> Seam {
    let before: Mutex<Vec<Events>> = Mutex::default();
    let when = when.into();
    stream_events(always, move |asked, events| {
        let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
        let honest = events.clone();
        if when.holds(asked) && !before.is_empty() {
            mix(asked, events, &before);
        }
        if before.len() == REMEMBERED {
            before.remove(0);
        }
        before.push(honest);
    })
}

/// Bends a stream by what the streams that run beside it send: as many of the latest as there are.
fn mixes_with_all(mix: impl Fn(&mut Events, &Events) + Send + Sync + 'static) -> Seam {
    mixes(When::beside_a_stream(), move |asked, events, before| {
        let running = usize::try_from(asked.around.streams_open).unwrap_or(usize::MAX);
        for other in before.iter().rev().take(running) {
            mix(events, other);
        }
    })
}

/// STREAM-9.
fn mixtures() -> Vec<Deviation> {
    /// The content of a chunk.
    fn content(event: &Event) -> Option<Value> {
        let Event::Data(data) = event else {
            return None;
        };
        let chunk: Value = serde_json::from_str(data).ok()?;
        chunk.pointer("/choices/0/delta/content").cloned()
    }
    /// Gives chunks the id of another stream.
    fn renamed(events: &mut [Event], other: &[Event]) {
        let id = id_of(other);
        crate::mock::bending::chunks(events, |_, chunk| put(chunk, "/id", id.as_str()));
    }
    vec![
        violation(
            "stream.chunks-of-all-who-run",
            [STREAM_9],
            "A stream gets a chunk of each stream that runs beside it.",
            [mixes_with_all(|events, other| {
                events.insert(3, other[2].clone())
            })],
        ),
        violation(
            "stream.words-of-all-who-run",
            [STREAM_9],
            "A stream gets words of each stream that runs beside it, under its own id.",
            [mixes_with_all(|events, other| {
                let delta = json!({ "index": 0, "delta": { "content": content(&other[2]) } });
                let id = id_of(events);
                let chunk = json!({ "id": id, "object": CHUNK_OBJECT, "choices": [delta] });
                events.insert(3, Event::Data(chunk.to_string()));
            })],
        ),
        violation(
            "stream.second-half-of-another",
            [STREAM_9],
            "While another stream runs, the second half of the chunks has that stream's id.",
            [mixes(When::beside_a_stream(), |_, events, before| {
                let half = events.len() / 2;
                renamed(&mut events[half..], &before[before.len() - 1]);
            })],
        ),
        violation(
            "stream.id-of-the-stream-before",
            [STREAM_9],
            "The last chunk has the id of the stream before.",
            [mixes(always, |_, events, before| {
                let last = events.len() - 2;
                renamed(&mut events[last..=last], &before[before.len() - 1]);
            })],
        ),
        violation(
            "stream.leftover-after-an-abort",
            [STREAM_9],
            "Once a client has left a stream, a stream begins with the last words of the one before.",
            [mixes(When::after_an_abort(), |_, events, before| {
                let other = &before[before.len() - 1];
                events.insert(0, other[other.len() - 3].clone());
            })],
        ),
        violation(
            "stream.chunk-before-of-later-streams",
            [STREAM_9],
            "From the second request of a connection on a stream begins with the first chunk of the one before.",
            [mixes(When::from_request(2), |_, events, before| {
                events.insert(0, before[before.len() - 1][0].clone());
            })],
        ),
    ]
}
