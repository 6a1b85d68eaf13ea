//! REPLY: what clients log, bill and act on.

use crate::contract::{REPLY_2, REPLY_4, REPLY_5};
use crate::mock::bending::{always, answer, reply_json};
use crate::mock::deviation::{Deviation, flaw};

pub(super) fn entries() -> Vec<Deviation> {
    vec![
        flaw(
            "reply.one-id",
            [REPLY_2],
            "All replies have the same id.",
            [reply_json(always, |_, reply| {
                reply["id"] = "chatcmpl-1".into();
            })],
        ),
        flaw(
            "answer.one-id",
            [REPLY_2],
            "All answers have the same id, streams too.",
            [answer(always, |_, answer| {
                answer.id = "chatcmpl-0".to_owned();
            })],
        ),
        flaw(
            "answer.id-of-the-minute",
            [REPLY_2],
            "Ids are made from the time to the second: answers of the same second share one.",
            [answer(always, |_, answer| {
                answer.id = format!("chatcmpl-{}", answer.created);
            })],
        ),
        flaw(
            "reply.finished-by-end-turn",
            [REPLY_4],
            "finish_reason is end_turn, as the model behind it has it.",
            [reply_json(always, |_, reply| {
                reply["choices"][0]["finish_reason"] = "end_turn".into();
            })],
        ),
        flaw(
            "reply.finish-reason-empty",
            [REPLY_4],
            "finish_reason is an empty string.",
            [reply_json(always, |_, reply| {
                reply["choices"][0]["finish_reason"] = "".into();
            })],
        ),
        flaw(
            "reply.total-is-no-sum",
            [REPLY_5],
            "total_tokens counts more than the two others together.",
            [reply_json(always, |_, reply| {
                let total = reply["usage"]["total_tokens"].as_u64().unwrap_or_default();
                reply["usage"]["total_tokens"] = (total + 7).into();
            })],
        ),
        flaw(
            "reply.total-not-counted",
            [REPLY_5],
            "total_tokens is 0.",
            [reply_json(always, |_, reply| {
                reply["usage"]["total_tokens"] = 0.into();
            })],
        ),
    ]
}
