//! JSON bodies: the same values in other spellings.

use serde_json::Value;

use crate::contract::{REPLY_1, REPLY_5, REPLY_6};
use crate::mock::bending::{always, body_text, escaped, numbers, strings};
use crate::mock::deviation::{Deviation, leniency};

pub(super) fn entries() -> Vec<Deviation> {
    vec![
        leniency(
            "json.over-many-lines",
            [REPLY_1],
            "JSON bodies are written over many lines.",
            &["json.lines"],
            [body_text(always, |_, text| {
                serde_json::from_str::<Value>(text)
                    .and_then(|value| serde_json::to_string_pretty(&value))
                    .map_or_else(|_| text.to_owned(), |text| text.replace('\n', "\r\n"))
            })],
        ),
        leniency(
            "json.numbers-with-fractions",
            [REPLY_5],
            "Whole numbers are written with a fraction of zero.",
            &["json.numbers"],
            [body_text(always, |_, text| {
                numbers(text, |number| {
                    if is_whole(number) {
                        format!("{number}.0")
                    } else {
                        number.to_owned()
                    }
                })
            })],
        ),
        leniency(
            "json.numbers-with-exponents",
            [REPLY_5],
            "Whole numbers are written with an exponent.",
            &["json.numbers"],
            [body_text(always, |_, text| {
                numbers(text, |number| match number.parse::<f64>() {
                    Ok(value) if is_whole(number) => format!("{value:E}"),
                    Ok(_) | Err(_) => number.to_owned(),
                })
            })],
        ),
        leniency(
            "json.all-in-escapes",
            [REPLY_1],
            "Every character of every name and string is an escape.",
            &["json.escapes"],
            [body_text(always, |_, text| strings(text, escaped))],
        ),
        leniency(
            "json.slashes-and-more-in-escapes",
            [REPLY_1],
            "Slashes, underlines and what is beyond ASCII are escapes.",
            &["json.escapes"],
            [body_text(always, |_, text| {
                strings(text, |string| {
                    let mut out = String::new();
                    for c in string.chars() {
                        match c {
                            '/' => out.push_str("\\/"),
                            '_' => out.push_str("\\u005f"),
                            c if c.is_ascii() => out.push(c),
                            c => {
                                for unit in c.encode_utf16(&mut [0; 2]) {
                                    out.push_str(&format!("\\u{unit:04x}"));
                                }
                            }
                        }
                    }
                    out
                })
            })],
        ),
        leniency(
            "json.duplicate-members",
            [REPLY_6],
            "A reply has two members of one name, with the same value.",
            &["json.duplicates"],
            [in_front("\"created\":1,\"created\":1,")],
        ),
        leniency(
            "json.deeply-nested-member",
            [REPLY_6],
            "A reply has a member that is nested 300 levels deep.",
            &["json.depth"],
            [body_text(always, |_, text| {
                let deep = format!("\"x\":{}1{},", "{\"a\":".repeat(300), "}".repeat(300));
                behind_brace(text, &deep)
            })],
        ),
        leniency(
            "json.huge-numbers",
            [REPLY_6],
            "A reply has numbers that overflow a double, and one of a hundred digits.",
            &["json.huge"],
            [body_text(always, |_, text| {
                let huge = format!("\"y\":[1e999,-{},-0],", "9".repeat(100));
                behind_brace(text, &huge)
            })],
        ),
        leniency(
            "json.lone-surrogates",
            [REPLY_6],
            "A reply has a member with halves of surrogate pairs in escapes.",
            &["json.surrogates"],
            [in_front("\"z\":\"\\ud83d x \\udc00\",")],
        ),
        leniency(
            "json.white-space-around",
            [REPLY_1],
            "White space stands before and after every JSON body.",
            &["json.around"],
            [body_text(always, |_, text| {
                format!("\r\n \t\n{text}\n\n  ")
            })],
        ),
        leniency(
            "json.much-white-space-before",
            [REPLY_1],
            "4 KB of white space stand before every JSON body, as servers send it to keep a connection alive.",
            &["json.around"],
            [body_text(always, |_, text| {
                format!("{}{text}", " \n".repeat(2048))
            })],
        ),
    ]
}

fn is_whole(number: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit())
        && number.len() < 16
        && (number == "0" || !number.starts_with('0'))
}

/// More members right behind a reply's first brace.
fn behind_brace(text: &str, members: &str) -> String {
    let is_reply =
        text.contains("chat.completion") || text.contains("\\u0063\\u0068\\u0061\\u0074");
    match text.find('{') {
        Some(at) if is_reply => format!("{{{members}{}", &text[at + 1..]),
        Some(_) | None => text.to_owned(),
    }
}

fn in_front(members: &'static str) -> crate::mock::bending::Seam {
    body_text(always, move |_, text| behind_brace(text, members))
}
