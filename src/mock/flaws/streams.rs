//! STREAM: what readers of streams trip over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderValue, header};
use serde_json::Value;

use crate::contract::{STREAM_1, STREAM_3, STREAM_4, STREAM_6, STREAM_7};
use crate::mock::bending::{
    Seam, When, always, each_chunk, framed, head, media_type, ok_head, pacing, raw, stream_events,
    text_of,
};
use crate::mock::deviation::{Deviation, flaw};
use crate::mock::stream::{Ending, Schedule};

pub(super) fn entries() -> Vec<Deviation> {
    let mut entries = vec![
        flaw(
            "stream.says-latin-1",
            [STREAM_1],
            "The media type of streams names the charset iso-8859-1.",
            [ok_head(When::stream(), |_, head| {
                media_type(head, "text/event-stream; charset=iso-8859-1");
            })],
        ),
        flaw(
            "chunk.ids-of-their-own",
            [STREAM_3],
            "Every chunk has an id of its own.",
            [each_chunk(always, |index, chunk| {
                let id = chunk["id"].as_str().unwrap_or_default().to_owned();
                chunk["id"] = format!("{id}-{index}").into();
            })],
        ),
        flaw(
            "chunk.other-id-after-the-first",
            [STREAM_3],
            "The first chunk has another id than the rest.",
            [each_chunk(always, |index, chunk| {
                if index == 0 {
                    let id = chunk["id"].as_str().unwrap_or_default().to_owned();
                    chunk["id"] = format!("{id}-begin").into();
                }
            })],
        ),
        flaw(
            "chunk.finish-reason-a-number",
            [STREAM_3],
            "finish_reason is a number in chunks.",
            [each_choice(|choice| choice["finish_reason"] = 0.into())],
        ),
        flaw(
            "chunk.finish-reason-false",
            [STREAM_3],
            "finish_reason is false until the last chunk.",
            [each_choice(|choice| {
                if choice.get("finish_reason").is_none() {
                    choice["finish_reason"] = false.into();
                }
            })],
        ),
        flaw(
            "chunk.role-of-the-model",
            [STREAM_3],
            "delta.role is model.",
            [each_choice(|choice| {
                choice["delta"]["role"] = "model".into()
            })],
        ),
        flaw(
            "chunk.role-empty",
            [STREAM_3],
            "delta.role is an empty string in all chunks.",
            [each_choice(|choice| choice["delta"]["role"] = "".into())],
        ),
        flaw(
            "stream.ends-late",
            [STREAM_4],
            "The answer ends six and a half seconds after [DONE], for one stream in seven.",
            [{
                let streams = AtomicU64::new(0);
                pacing(When::stream(), move |_, pacing| {
                    if streams.fetch_add(1, Ordering::Relaxed) % 7 == 3 {
                        pacing.ending = Ending::Clean(Duration::from_millis(6_500));
                    }
                })
            }],
        )
        .slow(),
        flaw(
            "stream.held-back",
            [STREAM_6],
            "All events of a stream come at its end.",
            [pacing(When::stream(), |_, pacing| {
                let last = pacing.schedule.due(100).max(Duration::from_millis(400));
                pacing.schedule = Schedule::Each(vec![last]);
            })],
        ),
        flaw(
            "stream.in-one-write",
            [STREAM_6],
            "A stream is one write at its end.",
            [
                pacing(When::stream(), |_, pacing| {
                    let last = pacing.schedule.due(100).max(Duration::from_millis(400));
                    pacing.schedule = Schedule::Each(vec![last]);
                }),
                stream_events(always, |_, events| {
                    *events = vec![raw(events.iter().flat_map(text_of).collect::<Vec<u8>>())];
                }),
            ],
        ),
        flaw(
            "stream.without-content",
            [STREAM_6],
            "No chunk has content.",
            [each_choice(|choice| {
                choice["delta"] = Value::Object(serde_json::Map::new())
            })],
        ),
        flaw(
            "event.others-named-status",
            [STREAM_7],
            "Events named status stand between the chunks.",
            [framed(always, |_, last, bytes| {
                let mut all = if last {
                    Vec::new()
                } else {
                    b"event: status\ndata: {\"queue\":0}\n\n".to_vec()
                };
                all.extend_from_slice(&bytes);
                all
            })],
        ),
        flaw(
            "event.named-after-openai-responses",
            [STREAM_7],
            "Chunks come in events named response.output_text.delta, [DONE] in one named done.",
            [framed(always, |_, last, bytes| {
                let name = if last {
                    "done"
                } else {
                    "response.output_text.delta"
                };
                let mut all = format!("event: {name}\n").into_bytes();
                all.extend_from_slice(&bytes);
                all
            })],
        ),
    ];
    for (id, says, value) in [
        (
            "stream.no-cache-control",
            "Streams have no Cache-Control.",
            None,
        ),
        (
            "stream.to-be-cached",
            "Streams may be kept by any cache for a minute.",
            Some("public, max-age=60"),
        ),
    ] {
        entries.push(flaw(
            id,
            [STREAM_6],
            says,
            [head(When::stream(), move |_, head| {
                if head.status == 200 {
                    head.remove(&header::CACHE_CONTROL);
                    if let Some(value) = value {
                        head.push(header::CACHE_CONTROL, HeaderValue::from_static(value));
                    }
                }
            })],
        ));
    }
    entries
}

/// Changes the choices of every chunk.
fn each_choice(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Seam {
    each_chunk(always, move |_, chunk| {
        let choices = chunk.get_mut("choices").and_then(Value::as_array_mut);
        choices.into_iter().flatten().for_each(&change);
    })
}
