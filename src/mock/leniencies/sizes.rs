//! SIZE: what 100 KB is, and how a refusal may come.

use axum::http::header;

use crate::contract::{ErrorCode, SIZE_1, SIZE_2, SIZE_3, SIZE_4};
use crate::mock::bending::{When, guard, head, json, reads, rewords};
use crate::mock::deviation::{Deviation, leniency};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Guard, Refusal};
use crate::mock::request::{Asked, Received};
use crate::mock::{Payload, bending::Seam};

pub(super) fn entries(_fixtures: &Fixtures) -> Vec<Deviation> {
    vec![
        leniency(
            "size.limit-100000",
            [SIZE_1],
            "The limit is 100,000 bytes.",
            &["size.limit"],
            [limit(100_000)],
        ),
        leniency(
            "size.limit-101000",
            [SIZE_1],
            "The limit is 101,000 bytes.",
            &["size.limit"],
            [limit(101_000)],
        ),
        leniency(
            "size.read-to-the-end",
            [SIZE_3, SIZE_4],
            "A body of up to 300 KB is read to its end before it is refused.",
            &["size.reading"],
            [reads(300_000)],
        ),
        leniency(
            "size.connection-kept",
            [SIZE_3],
            "A body of up to 400 KB is read to its end, and the connection is kept after the refusal.",
            &["size.reading"],
            [
                reads(400_000),
                head(
                    |asked: &Asked| asked.received == Received::Whole,
                    |_, head| {
                        if head.status == 413 {
                            head.remove(&header::CONNECTION);
                        }
                    },
                ),
            ],
        ),
        leniency(
            "size.length-required",
            [SIZE_2],
            "A chunked request gets 411.",
            &["size.chunked"],
            [refuses_chunks()],
        ),
        leniency(
            "size.length-required-in-no-words",
            [SIZE_2],
            "A chunked request gets 411 without a body.",
            &["size.chunked"],
            [
                refuses_chunks(),
                json(When::chunked(), |_, payload| {
                    let is_411 = match payload {
                        Payload::Json(value) => value
                            .pointer("/error/code")
                            .is_some_and(|code| code == LENGTH_REQUIRED),
                        Payload::Bytes(_) => false,
                    };
                    if is_411 {
                        *payload = Payload::Bytes(bytes::Bytes::new());
                    }
                }),
            ],
        ),
        leniency(
            "size.refusal-not-at-once",
            [SIZE_3],
            "The refusal of a large body comes after 200 ms.",
            &["size.pace"],
            [rewords(
                Guard::Size,
                |_: &Asked| true,
                |_, refusal| {
                    refusal.after += std::time::Duration::from_millis(200);
                },
            )],
        ),
    ]
}

const LENGTH_REQUIRED: &str = "length_required";

fn refuses_chunks() -> Seam {
    crate::mock::bending::turned_away(When::chunked(), 411, LENGTH_REQUIRED)
}

fn limit(bytes: usize) -> Seam {
    guard(move |asked, guard, verdict| {
        if guard == Guard::Size && verdict.is_ok() && asked.body.len() > bytes {
            return Err(Refusal::documented(
                ErrorCode::RequestTooLarge,
                "the request body is too large",
            ));
        }
        verdict
    })
}
