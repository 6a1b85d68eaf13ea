//! A mock that answers like a deployment: the leniencies that give the same open answers as the deployment's fingerprint
//! has, as far as there are any.
//!
//! The table is checked by running the suite against what it says (`tests/it/likeness.rs`).

use super::deviation::{Deviation, Kind};
use super::fixtures::Fixtures;
use std::collections::BTreeMap;

/// Open answers by their names, as a report's `fingerprint` has them.
pub type Fingerprint = BTreeMap<String, String>;

/// What a fingerprint comes to.
#[derive(Debug)]
pub struct Likeness {
    /// The leniencies that give its answers.
    pub leniencies: Vec<Deviation>,
    /// Answers that such a mock gives as the deployment does.
    pub same: usize,
    /// Those that it gives otherwise: the name, the deployment's and the mock's.
    pub others: Vec<(String, String, String)>,
}

/// A leniency, and the answers by which it shows.
pub struct Shows {
    /// Its id.
    pub leniency: &'static str,
    /// The names of the answers.
    pub names: &'static [&'static str],
    /// What all of them are.
    pub answer: &'static str,
}

const fn shows(
    leniency: &'static str,
    names: &'static [&'static str],
    answer: &'static str,
) -> Shows {
    Shows {
        leniency,
        names,
        answer,
    }
}

const INVALID: &str = "400 invalid_request";
const MEDIA_TYPES: &[&str] = &[
    "body.media_type.form",
    "body.media_type.nonsense",
    "body.media_type.text",
    "body.media_type.xml",
    "body.no_media_type",
];
const ODD_IDS: &[&str] = &[
    "route.odd_id.bad_escape",
    "route.odd_id.dots",
    "route.odd_id.empty",
    "route.odd_id.encoded_slash",
    "route.odd_id.encoded_zero",
    "route.odd_id.long",
];
const STREAM_TYPES: &[&str] = &[
    "body.stream_type.null",
    "body.stream_type.number",
    "body.stream_type.object",
    "body.stream_type.string_true",
];

/// By which answers each leniency shows; of two that contradict each other the first counts.
pub const TABLE: &[Shows] = &[
    shows(
        "auth.one-code-for-bad-keys",
        &[
            "auth.long_key",
            "auth.odd_bytes.emoji",
            "auth.odd_bytes.latin",
        ],
        "401 invalid_api_key",
    ),
    shows("auth.long-key-431", &["auth.long_key"], "431"),
    shows("auth.long-key-400", &["auth.long_key"], "400"),
    shows(
        "auth.odd-bytes-400",
        &[
            "auth.odd_bytes.emoji",
            "auth.odd_bytes.latin",
            "auth.odd_bytes.tab_inside",
        ],
        "400",
    ),
    shows(
        "auth.two-words-are-no-key",
        &["auth.odd_bytes.tab_inside"],
        "401 missing_api_key",
    ),
    shows(
        "auth.two-words-are-invalid",
        &["auth.odd_bytes.tab_inside"],
        "401 invalid_api_key",
    ),
    shows(
        "auth.scheme-only-as-written",
        &["auth.scheme_case.capitals", "auth.scheme_case.lower"],
        "401 missing_api_key",
    ),
    shows(
        "auth.first-of-two-fields-counts",
        &["auth.two_fields"],
        "200",
    ),
    shows(
        "auth.two-fields-are-a-bad-request",
        &["auth.two_fields"],
        "400",
    ),
    shows(
        "auth.one-space-only",
        &["auth.two_spaces"],
        "401 invalid_api_key_format",
    ),
    shows(
        "auth.format-code-for-all-keys",
        &["order.unknown_key_unknown_bot"],
        "401 invalid_api_key_format",
    ),
    shows(
        "body.blank-content-accepted",
        &["body.blank_content.blank", "body.blank_content.empty"],
        "200",
    ),
    shows(
        "body.duplicates-refused",
        &["body.duplicates.good_last", "body.duplicates.role"],
        INVALID,
    ),
    shows("body.gzip-read", &["body.gzip"], "200"),
    shows("body.invalid-utf8-replaced", &["body.invalid_utf8"], "200"),
    shows(
        "body.commas-and-comments-taken",
        &[
            "body.lenient_json.comment",
            "body.lenient_json.trailing_comma",
        ],
        "200",
    ),
    shows("body.nan-taken", &["body.lenient_json.nan"], "200"),
    shows(
        "body.only-the-first-value-read",
        &["body.lenient_json.something_after"],
        "200",
    ),
    shows(
        "body.content-over-20-kb-refused",
        &["body.long_content"],
        INVALID,
    ),
    shows(
        "body.any-user",
        &[
            "body.long_user",
            "body.user.array",
            "body.user.empty",
            "body.user.null",
            "body.user.number",
            "body.user.object",
        ],
        "200",
    ),
    shows("body.media-type-is-nothing", MEDIA_TYPES, "200"),
    shows("body.media-type-400", MEDIA_TYPES, INVALID),
    shows(
        "body.any-model",
        &[
            "body.model.empty",
            "body.model.null",
            "body.model.number",
            "body.model.object",
            "body.model.unknown",
        ],
        "200",
    ),
    shows(
        "body.unknown-model-404",
        &["body.model.empty", "body.model.unknown"],
        "404",
    ),
    shows(
        "body.odd-characters-refused",
        &[
            "body.odd_characters.control",
            "body.odd_characters.joiner",
            "body.odd_characters.mark",
            "body.odd_characters.zero",
        ],
        INVALID,
    ),
    shows(
        "body.roles-in-any-order",
        &[
            "body.order_of_roles.assistant_last",
            "body.order_of_roles.only_assistant",
            "body.order_of_roles.only_system",
            "body.order_of_roles.two_systems",
        ],
        "200",
    ),
    shows("body.mark-skipped", &["body.raw_bytes.bom"], "200"),
    shows(
        "body.raw-controls-taken",
        &[
            "body.raw_bytes.line_end_in_string",
            "body.raw_bytes.zero_in_string",
        ],
        "200",
    ),
    shows("body.stream-of-another-type-is-false", STREAM_TYPES, "200"),
    shows(
        "body.stream-null-is-absent",
        &["body.stream_type.null"],
        "200",
    ),
    shows(
        "body.unknown-fields-refused",
        &[
            "body.unknown_field.capital",
            "body.unknown_field.in_a_message",
            "body.unknown_field.long_number",
            "body.unknown_field.parameter",
            "body.unknown_field.proto",
        ],
        INVALID,
    ),
    shows("body.utf16-read", &["body.utf16"], "200"),
    shows("cors.any-origin", &["cors.allow_origin"], "*"),
    shows("error.code-in-type", &["error.place"], "error.type"),
    shows("error.code-is-the-error", &["error.place"], "error"),
    shows("error.code-at-the-top", &["error.place"], "code"),
    shows("error.code-in-detail", &["error.place"], "elsewhere"),
    shows(
        "fault.timeout-in-the-stream",
        &["fault.timeout_in_stream"],
        "an error in the stream",
    ),
    shows("limit.retry-after-absent", &["limit.retry_after"], "absent"),
    shows("order.body-before-key", &["order.no_key_bad_body"], INVALID),
    shows(
        "order.body-before-bot",
        &["order.unknown_bot_bad_body"],
        INVALID,
    ),
    shows(
        "order.body-before-access",
        &["order.api_off_bad_body"],
        INVALID,
    ),
    shows(
        "order.agent-before-body",
        &["order.offline_bad_body"],
        "503 bot_offline",
    ),
    shows(
        "order.key-before-size",
        &["order.no_key_too_large"],
        "401 missing_api_key",
    ),
    shows("reply.three-choices", &["reply.choices"], "3"),
    shows("reply.choices-with-gaps", &["reply.choices"], "2"),
    shows(
        "reply.finished-by-length",
        &["reply.finish_reason"],
        "length",
    ),
    shows(
        "reply.finished-by-a-filter",
        &["reply.finish_reason"],
        "content_filter",
    ),
    shows("reply.as-in-the-sample", &["reply.more_fields"], "none"),
    shows(
        "reply.members-of-openai",
        &["reply.more_fields"],
        "created, model, system_fingerprint, service_tier",
    ),
    shows(
        "route.escapes-are-unknown",
        &["route.encoded_id"],
        "404 bot_not_found",
    ),
    shows("route.odd-ids-are-bad-requests", ODD_IDS, INVALID),
    shows("route.case-is-nothing", &["route.path_case"], "200"),
    shows("route.query-is-unknown", &["route.query"], "404"),
    shows("route.slash-is-nothing", &["route.trailing_slash"], "200"),
    shows("route.slash-redirects", &["route.trailing_slash"], "308"),
    shows("size.length-required", &["size.chunked"], "411"),
    shows("size.limit-100000", &["size.limit"], "100000"),
    shows("event.comments-between", &["stream.comments"], "yes"),
    shows("chunk.as-in-the-sample", &["stream.finish_chunk"], "no"),
    shows("event.ids", &["stream.id_or_retry"], "yes"),
    shows("event.named-chunk", &["stream.named_events"], "yes"),
    shows("chunk.role-first", &["stream.role_first"], "yes"),
    shows("chunk.usage-at-the-end", &["stream.usage_chunk"], "yes"),
    shows(
        "wire.close-said",
        &["wire.keep_alive"],
        "closed after every answer",
    ),
];

/// The open answers of the honest mock, by the suite.
///
/// # Panics
/// Never: a test reads the file.
pub fn honest() -> Fingerprint {
    serde_json::from_str(include_str!("likeness.json")).expect("a test reads it")
}

/// The mock that comes nearest to a deployment, for these fixtures.
///
/// A leniency is taken where every answer by which it shows is the deployment's, of those that its report has. What is
/// left otherwise is told; names that no mock knows are not.
pub fn like(deployment: &Fingerprint, fixtures: &Fixtures) -> Likeness {
    let mut all = Deviation::all(Kind::Leniency, fixtures);
    let mut answers = honest();
    let mut leniencies: Vec<Deviation> = Vec::new();
    for row in TABLE {
        let told: Vec<&&str> = row
            .names
            .iter()
            .filter(|name| deployment.contains_key(**name))
            .collect();
        let fits = told.iter().all(|name| deployment[**name] == row.answer);
        let gains = told
            .iter()
            .any(|name| answers.get(**name).is_none_or(|now| now != row.answer));
        if !fits || !gains {
            continue;
        }
        let Some(at) = all.iter().position(|known| known.id == row.leniency) else {
            continue;
        };
        if leniencies.iter().all(|chosen| all[at].goes_with(chosen)) {
            leniencies.push(all.swap_remove(at));
            let names = row.names.iter().map(|name| (*name).to_owned());
            answers.extend(names.map(|name| (name, row.answer.to_owned())));
        }
    }
    let mut same = 0;
    let mut others = Vec::new();
    for (name, answer) in &answers {
        match deployment.get(name) {
            Some(theirs) if theirs == answer => same += 1,
            Some(theirs) => others.push((name.clone(), theirs.clone(), answer.clone())),
            None => {}
        }
    }
    Likeness {
        leniencies,
        same,
        others,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_leniencies_and_answers_that_there_are() {
        let fixtures = Fixtures::derive(1);
        let all = Deviation::all(Kind::Leniency, &fixtures);
        let honest = honest();
        for row in TABLE {
            assert!(
                all.iter().any(|known| known.id == row.leniency),
                "{}",
                row.leniency
            );
            for name in row.names {
                let before = honest.get(*name);
                assert!(before.is_some(), "{name}");
                assert_ne!(before.map(String::as_str), Some(row.answer), "{name}");
            }
        }
    }

    #[test]
    fn the_honest_mock_is_like_itself() {
        let like = like(&honest(), &Fixtures::derive(1));
        assert!(like.leniencies.is_empty() && like.others.is_empty());
        assert_eq!(like.same, honest().len());
    }

    #[test]
    fn each_leniency_is_found_by_its_answers_and_what_is_not_there_is_told() {
        let fixtures = Fixtures::derive(1);
        for row in TABLE {
            let mut theirs = honest();
            for name in row.names {
                theirs.insert((*name).to_owned(), row.answer.to_owned());
            }
            let found = like(&theirs, &fixtures);
            let ids: Vec<&str> = found.leniencies.iter().map(|one| one.id.as_ref()).collect();
            assert_eq!(ids, [row.leniency]);
        }
        let mut theirs = honest();
        theirs.insert("size.limit".to_owned(), "101376".to_owned());
        let found = like(&theirs, &fixtures);
        assert_eq!(
            found.others,
            [(
                "size.limit".to_owned(),
                "101376".to_owned(),
                "102400".to_owned()
            )]
        );
    }
}
