//! STREAM: an event stream has the form of the standard, chunks as documented, and ends with `[DONE]`.

use super::reply::oddities;
use crate::contract::{
    DONE, STREAM_1, STREAM_2, STREAM_3, STREAM_4, STREAM_5, STREAM_6, STREAM_7, STREAM_8,
};
use crate::judge::answer::{EventKind, Stream, StreamEvent, content, server_of_gateway};
use crate::judge::json::{Json, Node, Value};
use crate::judge::schema;
use crate::judge::{Answer, Check, Place, Verdict};
use crate::wire::End;
use std::collections::BTreeMap;
use std::time::Duration;

/// After `[DONE]` the answer should end within this (STREAM-4).
pub const END_AFTER_DONE: Duration = Duration::from_secs(5);

/// A stream that is still open so long after `[DONE]` counts as one that never ends (STREAM-4).
pub const NEVER_ENDS: Duration = Duration::from_secs(15);

/// What STREAM-1 to STREAM-8 find in a 200 to a request with `stream: true`; nothing if all is well.
///
/// `abandoned` tells that we ended the stream ourselves before its end: then what is missing is not judged.
pub fn findings(answer: &Answer<'_>) -> Vec<Check> {
    let mut found = media_type(answer);
    let stream = answer.stream();
    let looks_like_one = !stream.events.is_empty() || answer.says_stream();
    if !looks_like_one {
        // Something else altogether: one finding says so, and the rest would only repeat it.
        return found;
    }
    found.extend(utf8(answer));
    found.extend(events(stream));
    found.extend(done(answer));
    found.extend(end_after_done(answer));
    found.extend(broken_off(answer));
    found.extend(one_id(stream));
    found.extend(flow(answer));
    found
}

/// Whether we left before the stream ended: what is missing then is our doing.
fn left_early(answer: &Answer<'_>) -> bool {
    answer.exchange().end == End::Abandoned && answer.stream().done_count() == 0
}

fn media_type(answer: &Answer<'_>) -> Vec<Check> {
    if !answer.says_stream() {
        let actual = answer
            .exchange()
            .headers()
            .text("content-type")
            .unwrap_or_else(|| "no Content-Type".to_owned());
        return vec![Check::violation(
            STREAM_1,
            "Content-Type",
            "text/event-stream",
            actual,
        )];
    }
    match answer.media_parameter("charset") {
        Some(charset) if charset != "utf-8" && charset != "utf8" => vec![Check::advice(
            STREAM_1,
            "charset",
            "utf-8, or none",
            charset,
        )],
        _ => Vec::new(),
    }
}

fn utf8(answer: &Answer<'_>) -> Vec<Check> {
    let body = &answer.exchange().body.bytes;
    let Err(error) = std::str::from_utf8(body) else {
        return Vec::new();
    };
    let at = error.valid_up_to();
    if error.error_len().is_none() && answer.exchange().end != End::Complete {
        // A character cut at the end of a stream that was itself cut: that is told elsewhere.
        return Vec::new();
    }
    let end = error.error_len().map_or(body.len(), |len| at + len);
    vec![
        Check::violation(
            STREAM_5,
            "UTF-8",
            "valid UTF-8 as a whole",
            format!(
                "byte {:#04X} at offset {at}",
                body.get(at).copied().unwrap_or_default()
            ),
        )
        .at(Place::Body, at..end),
    ]
}

/// What STREAM-3 and STREAM-7 find in one chunk, wherever it stands.
pub fn chunk_findings(json: &Json) -> Vec<Check> {
    let mut found = schema::CHUNK.findings(&json.root, 0);
    found.extend(chunk_advice(&json.root));
    found.extend(oddities(json, STREAM_7));
    found
}

fn events(stream: &Stream) -> Vec<Check> {
    let mut found = Vec::new();
    for (index, event) in stream.events.iter().enumerate() {
        let nth = index + 1;
        let range = event.start..event.end;
        match &event.what {
            EventKind::NotJson { error, data } => found.push(
                Check::violation(
                    STREAM_2,
                    "event data",
                    format!("a JSON chunk or {DONE} in every event"),
                    if data.is_empty() {
                        format!("event {nth} has no data in it")
                    } else {
                        format!("event {nth} is no JSON ({error}): {data}")
                    },
                )
                .at(Place::Body, range),
            ),
            EventKind::Chunk(json) => {
                found.extend(chunk_findings(json).into_iter().map(|check| {
                    let mut check = check.at(Place::Body, range.clone());
                    if check.verdict == Verdict::Violation {
                        check.actual = format!("{} in event {nth}", check.actual);
                    }
                    check
                }));
                if !event.name.is_empty() {
                    found.push(Check::advice(
                        STREAM_7,
                        "event name",
                        "events without a name of their own: the documented samples have none",
                        format!("event: {}", event.name),
                    ));
                }
            }
            EventKind::Done if !event.name.is_empty() => found.push(Check::advice(
                STREAM_7,
                "event name",
                format!("{DONE} without an event name"),
                format!("event: {}", event.name),
            )),
            EventKind::Other => found.push(Check::advice(
                STREAM_7,
                "event name",
                "events that hold chunks: clients may trip over others",
                format!("event: {} with other data", event.name),
            )),
            EventKind::Done | EventKind::Error { .. } => {}
        }
    }
    found.extend(lost(stream));
    // One finding of a kind is enough: a stream of a thousand wrong chunks has one cause.
    let mut seen = std::collections::HashSet::new();
    found.retain(|check| seen.insert((check.requirement, check.name.clone(), check.verdict)));
    found
}

/// Lines that look like data and are none to a reader by the standard: what they carry is lost (STREAM-2).
fn lost(stream: &Stream) -> Option<Check> {
    stream.rest.notes.unknown.iter().find_map(|field| {
        let name = String::from_utf8_lossy(&field.name);
        let bare = name.trim_matches(['\u{FEFF}', ' ', '\t']).to_ascii_lowercase();
        // `data {"id":…` and `data=[DONE]`: the colon was forgotten, or is another sign.
        let after = bare.strip_prefix("data").unwrap_or(&bare).trim_start_matches([' ', '\t', '=']);
        let looks_like_data = bare == "data" || after.starts_with('{') || after == "[done]";
        looks_like_data.then(|| {
            Check::violation(
                STREAM_2,
                "line",
                "fields that a reader by the standard knows: `data:` at the line's begin, in lower case",
                format!("a line that begins {:?}: readers drop it", name.chars().take(40).collect::<String>()),
            )
            .at(Place::Body, field.offset..field.offset + field.name.len())
        })
    })
}

fn chunk_advice(root: &Node) -> Vec<Check> {
    let mut found = Vec::new();
    for choice in root
        .get("choices")
        .and_then(Node::as_array)
        .unwrap_or_default()
    {
        if let Some(reason) = choice.get("finish_reason")
            && !matches!(reason.value, Value::String(_) | Value::Null)
        {
            found.push(Check::advice(
                STREAM_3,
                "choices[].finish_reason",
                "a string or null",
                reason.describe(),
            ));
        }
        if let Some(role) = choice.get("delta").and_then(|delta| delta.get("role"))
            && role.value != Value::Null
            && role.as_str() != Some("assistant")
        {
            found.push(Check::advice(
                STREAM_3,
                "choices[].delta.role",
                "assistant, where given",
                role.describe(),
            ));
        }
    }
    found
}

/// Whether a chunk has a choice with a delta.
pub fn has_delta(root: &Node) -> bool {
    root.get("choices")
        .and_then(Node::as_array)
        .is_some_and(|choices| {
            choices.iter().any(|choice| {
                choice
                    .get("delta")
                    .is_some_and(|delta| delta.as_object().is_some())
            })
        })
}

fn done(answer: &Answer<'_>) -> Vec<Check> {
    let stream = answer.stream();
    let mut found = Vec::new();
    if left_early(answer) {
        return found;
    }
    let count = stream.done_count();
    let failed = stream.error().is_some() || answer.exchange().end != End::Complete;
    if !stream.chunks().any(|(_, json)| has_delta(&json.root)) && !failed {
        found.push(Check::violation(
            STREAM_4,
            "chunks",
            "at least one chunk with a delta",
            "none",
        ));
    }
    if count == 0 {
        let undispatched = stream.rest.data.as_deref() == Some(DONE.as_bytes());
        let actual = if undispatched {
            format!("{DONE} without the blank line that dispatches it")
        } else if stream.error().is_some() {
            format!("an error in the stream, and no {DONE}")
        } else {
            match stream.events.last().map(|event| &event.what) {
                Some(EventKind::NotJson { data, .. }) => format!("the last event is {data}"),
                _ => "none".to_owned(),
            }
        };
        let check = Check::violation(
            STREAM_4,
            DONE,
            format!("{DONE} once, as the last event"),
            actual,
        );
        found.push(if stream.rest.is_pending() {
            check.at(
                Place::Body,
                stream.rest.start..answer.exchange().body.bytes.len(),
            )
        } else {
            check
        });
        return found;
    }
    if count > 1 {
        found.push(Check::violation(
            STREAM_4,
            DONE,
            format!("{DONE} exactly once"),
            format!("{count} times"),
        ));
    }
    let first = stream
        .events
        .iter()
        .position(|event| matches!(event.what, EventKind::Done))
        .unwrap_or_default();
    for event in &stream.events[first + 1..] {
        let check = match &event.what {
            EventKind::Done => continue,
            EventKind::Other => Check::advice(
                STREAM_4,
                "after [DONE]",
                "nothing but comments",
                format!("event: {}", event.name),
            ),
            _ => Check::violation(
                STREAM_4,
                "after [DONE]",
                "nothing but comments",
                "another event",
            ),
        };
        found.push(check.at(Place::Body, event.start..event.end));
    }
    if stream.rest.data.is_some() && answer.exchange().end == End::Complete {
        found.push(
            Check::violation(
                STREAM_4,
                "after [DONE]",
                "nothing but comments",
                "the beginning of another event",
            )
            .at(
                Place::Body,
                stream.rest.start..answer.exchange().body.bytes.len(),
            ),
        );
    }
    found
}

fn end_after_done(answer: &Answer<'_>) -> Vec<Check> {
    let stream = answer.stream();
    let Some(done) = stream
        .events
        .iter()
        .find(|event| matches!(event.what, EventKind::Done))
    else {
        return Vec::new();
    };
    let exchange = answer.exchange();
    let after = exchange.ended.saturating_duration_since(done.at);
    let (open, actual) = match exchange.end {
        End::Complete => (
            false,
            format!("it ended after {:.1} s", after.as_secs_f64()),
        ),
        End::TimedOut | End::Abandoned => (
            true,
            format!("still open {:.0} s after {DONE}", after.as_secs_f64()),
        ),
        // Broken framing is WIRE-1's.
        _ => return Vec::new(),
    };
    if after <= END_AFTER_DONE {
        return Vec::new();
    }
    if open && after >= NEVER_ENDS {
        return vec![Check::violation(
            STREAM_4,
            "end",
            format!("the answer ends after {DONE}"),
            actual,
        )];
    }
    vec![Check::advice(
        STREAM_4,
        "end",
        format!("the answer ends within 5 s after {DONE}"),
        actual,
    )]
}

fn broken_off(answer: &Answer<'_>) -> Vec<Check> {
    let stream = answer.stream();
    let exchange = answer.exchange();
    if left_early(answer) {
        return Vec::new();
    }
    let done = stream
        .events
        .iter()
        .find(|event| matches!(event.what, EventKind::Done));
    // Behind [DONE] it is no chunk's place any more: STREAM-4 tells of whatever comes there.
    let in_place = |event: &StreamEvent| done.is_none_or(|done| event.start < done.start);
    if let Some((event, code)) = stream.error().filter(|(event, _)| in_place(event)) {
        return vec![
            Check::violation(
                STREAM_8,
                "error in the stream",
                "chunks to the end",
                code.map_or_else(
                    || "an error in place of a chunk".to_owned(),
                    |code| format!("an error in place of a chunk: {code}"),
                ),
            )
            .at(Place::Body, event.start..event.end),
        ];
    }
    let expected = format!("a stream that goes on to {DONE}");
    match &exchange.end {
        End::Complete | End::Abandoned | End::TooLarge => {
            if stream.done_count() == 0
                && stream.rest.data.as_deref() != Some(DONE.as_bytes())
                && stream.chunks().next().is_some()
                && exchange.end == End::Complete
                && !matches!(
                    stream.events.last().map(|event| &event.what),
                    Some(EventKind::NotJson { .. })
                )
            {
                return vec![Check::violation(
                    STREAM_8,
                    "end",
                    expected,
                    format!("it ends without {DONE}"),
                )];
            }
            Vec::new()
        }
        // After [DONE] only the framing is left to break, and WIRE-1 tells of it.
        _ if stream.done_count() > 0 => Vec::new(),
        end => vec![Check::violation(
            STREAM_8,
            "end",
            expected,
            crate::judge::answer::ended(end),
        )],
    }
}

fn one_id(stream: &Stream) -> Vec<Check> {
    let ids = stream.ids();
    match ids.iter().find(|id| **id != ids[0]) {
        Some(other) => vec![Check::advice(
            STREAM_3,
            "id",
            "one id in the whole stream",
            format!("{:?} and {other:?}", ids[0]),
        )],
        None => Vec::new(),
    }
}

/// STREAM-6: flow, caching, content.
fn flow(answer: &Answer<'_>) -> Vec<Check> {
    let mut found = Vec::new();
    let exchange = answer.exchange();
    let directives: Vec<String> = exchange
        .headers()
        .list("cache-control")
        .iter()
        .map(|directive| directive.to_ascii_lowercase())
        .collect();
    if !directives
        .iter()
        .any(|directive| directive == "no-store" || directive.starts_with("no-cache"))
    {
        found.push(Check::advice(
            STREAM_6,
            "Cache-Control",
            "no-store or no-cache",
            if directives.is_empty() {
                "none".to_owned()
            } else {
                directives.join(", ")
            },
        ));
    }
    let stream = answer.stream();
    if exchange.end != End::Complete || stream.error().is_some() {
        return found;
    }
    let chunks: Vec<_> = stream.chunks().collect();
    if !chunks.is_empty()
        && !chunks
            .iter()
            .any(|(_, json)| content(json).is_some_and(|text| !text.is_empty()))
    {
        found.push(Check::advice(
            STREAM_6,
            "content",
            "at least one chunk with content",
            "none",
        ));
    }
    if let Some(Some(told)) = held_back(answer) {
        found.push(Check::advice(
            STREAM_6,
            FLOW,
            "chunks that arrive as they are made",
            told,
        ));
    }
    found
}

/// The name of the check that finds a stream held back.
pub const FLOW: &str = "flow";

/// Whether a stream was held back (STREAM-6): its first chunk came in the last tenth of the time from request to
/// end. `None` where it is too short to tell; `Some(None)` where it flowed; else what was seen.
pub fn held_back(answer: &Answer<'_>) -> Option<Option<String>> {
    let exchange = answer.exchange();
    if exchange.end != End::Complete || answer.status() != Some(200) {
        return None;
    }
    let stream = answer.stream();
    let count = stream.chunks().count();
    let (first, _) = stream.chunks().next()?;
    // A request that we sent slowly is no fault of the answer's.
    let asked = exchange.sent_at.unwrap_or(exchange.started);
    let whole = exchange.ended.saturating_duration_since(asked);
    if count < 5 || whole < Duration::from_millis(200) {
        return None;
    }
    let until_first = first.at.saturating_duration_since(asked);
    let held = until_first.as_secs_f64() > 0.9 * whole.as_secs_f64();
    Some(held.then(|| {
        format!(
            "the first of {count} chunks came after {:.0} of {:.0} ms: {}",
            until_first.as_secs_f64() * 1e3,
            whole.as_secs_f64() * 1e3,
            holder(answer)
        )
    }))
}

/// What holds a stream back, most likely.
fn holder(answer: &Answer<'_>) -> String {
    let exchange = answer.exchange();
    if let Some(coding) = &exchange.body.coding {
        return format!(
            "it is compressed ({coding}), and what compresses it does not flush at each chunk"
        );
    }
    let Some(server) = server_of_gateway(exchange.headers()) else {
        return "something on the way holds the stream back, such as a proxy that buffers"
            .to_owned();
    };
    let lower = server.to_ascii_lowercase();
    if ["nginx", "openresty", "tengine"]
        .iter()
        .any(|name| lower.starts_with(name))
    {
        // proxy_buffering is on unless something says otherwise.
        return format!(
            "{server} before the API seems to buffer it: `proxy_buffering off;` there, or `X-Accel-Buffering: no` from the API, lets it flow"
        );
    }
    format!("{server} before the API seems to buffer it")
}

/// Which legal answers were seen, of what STREAM-7 leaves open.
pub fn observed(answer: &Answer<'_>) -> BTreeMap<String, String> {
    let stream = answer.stream();
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let mut seen = BTreeMap::new();
    let chunks: Vec<_> = stream.chunks().map(|(_, json)| &json.root).collect();
    let delta_of =
        |root: &&Node, name: &str| root.pointer(&format!("/choices/0/delta/{name}")).is_some();
    seen.insert(
        "stream.role_first".to_owned(),
        yes_no(chunks.first().is_some_and(|root| delta_of(root, "role"))),
    );
    seen.insert(
        "stream.finish_chunk".to_owned(),
        yes_no(chunks.iter().any(|root| {
            root.pointer("/choices/0/finish_reason")
                .is_some_and(|reason| reason.as_str().is_some())
        })),
    );
    seen.insert(
        "stream.usage_chunk".to_owned(),
        yes_no(chunks.iter().any(|root| {
            root.get("usage")
                .is_some_and(|usage| usage.as_object().is_some())
        })),
    );
    seen.insert(
        "stream.comments".to_owned(),
        yes_no(stream.rest.notes.comments > 0),
    );
    seen.insert(
        "stream.named_events".to_owned(),
        yes_no(stream.events.iter().any(|event| !event.name.is_empty())),
    );
    seen.insert(
        "stream.id_or_retry".to_owned(),
        yes_no(stream.rest.notes.ids + stream.rest.notes.retries > 0),
    );
    seen
}
