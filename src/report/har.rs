//! The exchanges of a run as an HTTP archive (HAR 1.2), which browsers and proxies open.
//!
//! Written as they come, each once it is over, so that a long run takes no more memory than a short one. Each test is a
//! page; what the run itself asks belongs to none. Bodies are kept up to a bound: `size` tells the whole, a comment what
//! is missing. Keys were taken out before an entry got here; so text is not made safe to show, for nobody would read it
//! but a program, and JSON escapes what could forge a terminal.

use super::text::is_unsafe;
use crate::record::{Answered, Content, Entry, Field};
use crate::report::text::timestamp;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// An archive that is being written.
#[derive(Debug, Default)]
pub(super) struct Archive {
    begun: bool,
    entries: usize,
    /// Tests, each with its first exchange's begin.
    pages: Vec<(String, SystemTime)>,
}

impl Archive {
    /// Adds an exchange.
    pub(super) fn add(&mut self, entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
        self.begin(out)?;
        if let Some(test) = &entry.test
            && !self.pages.iter().any(|(known, _)| known == test)
        {
            self.pages.push((test.clone(), entry.started_at));
        }
        let comma = if self.entries == 0 { "" } else { "," };
        self.entries += 1;
        write!(out, "{comma}\n{}", escaped(&exchange(entry)))
    }

    /// Ends it; an archive of nothing is one too.
    pub(super) fn end(&mut self, target: &str, out: &mut dyn Write) -> io::Result<()> {
        self.begin(out)?;
        let pages: Vec<Value> = self
            .pages
            .iter()
            .map(|(test, first)| {
                json!({
                    "startedDateTime": timestamp(*first),
                    "id": test,
                    "title": test,
                    "pageTimings": {},
                })
            })
            .collect();
        let comment = format!("{} exchanges with {target}", self.entries);
        let (pages, comment) = (escaped(&pages.into()), escaped(&comment.into()));
        writeln!(out, "\n],\"pages\":{pages},\"comment\":{comment}}}}}")
    }

    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        let creator = json!({ "name": "clawcheck", "version": env!("CARGO_PKG_VERSION") });
        write!(
            out,
            "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":["
        )
    }
}

/// JSON in which no character is left that could forge what a terminal shows: someone will `cat` it.
fn escaped(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if is_unsafe(c) {
            // None of them lies beyond the first plane, so one escape says it.
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

fn exchange(entry: &Entry) -> Value {
    let mut value = json!({
        "startedDateTime": timestamp(entry.started_at),
        "time": ms(entry.duration),
        "request": request(entry),
        "response": response(entry),
        "cache": {},
        "timings": {
            "blocked": -1,
            "dns": -1,
            "connect": -1,
            "ssl": -1,
            "send": ms(entry.send.unwrap_or_default()),
            "wait": ms(entry.wait.unwrap_or_default()),
            "receive": ms(entry.receive),
        },
    });
    if let Some(test) = &entry.test {
        value["pageref"] = test.as_str().into();
    }
    if !entry.end.is_empty() {
        value["comment"] = entry.end.as_str().into();
    }
    value
}

fn request(entry: &Entry) -> Value {
    let mut value = json!({
        "method": entry.method,
        "url": uri(&entry.url),
        "httpVersion": entry.protocol,
        "cookies": [],
        "headers": fields(&entry.headers),
        "queryString": query(&entry.url),
        "headersSize": -1,
        "bodySize": entry.body.size,
    });
    if entry.body.size > 0 {
        let (text, encoding) = text(&entry.body);
        let mut post = json!({
            "mimeType": field(&entry.headers, "content-type"),
            "params": [],
            "text": text,
        });
        // The format has no word for it in a request: an extension, as its section 2 allows.
        if let Some(encoding) = encoding {
            post["_encoding"] = encoding.into();
        }
        if let Some(comment) = missing(&entry.body) {
            post["comment"] = comment.into();
        }
        value["postData"] = post;
    }
    value
}

/// An answer that never came has the status 0, as browsers have it.
fn response(entry: &Entry) -> Value {
    let none = Answered {
        version: String::new(),
        status: 0,
        reason: String::new(),
        headers: Vec::new(),
        content: Content::default(),
    };
    let answered = entry.answered.as_ref().unwrap_or(&none);
    let (text, encoding) = text(&answered.content);
    let mut content = json!({
        "size": answered.content.size,
        "mimeType": field(&answered.headers, "content-type"),
        "text": text,
    });
    if let Some(encoding) = encoding {
        content["encoding"] = encoding.into();
    }
    if let Some(comment) = missing(&answered.content) {
        content["comment"] = comment.into();
    }
    json!({
        "status": answered.status,
        "statusText": answered.reason,
        "httpVersion": answered.version,
        "cookies": [],
        "headers": fields(&answered.headers),
        "content": content,
        "redirectURL": field(&answered.headers, "location"),
        "headersSize": -1,
        "bodySize": -1,
    })
}

/// A body as text, or else in base64.
fn text(content: &Content) -> (String, Option<&'static str>) {
    match std::str::from_utf8(&content.bytes) {
        Ok(text) => (text.to_owned(), None),
        // Cut inside a character: the rest is text all the same.
        Err(error) if !content.is_whole() && error.error_len().is_none() => {
            let kept = &content.bytes[..error.valid_up_to()];
            (String::from_utf8_lossy(kept).into_owned(), None)
        }
        Err(_) => (BASE64_STANDARD.encode(&content.bytes), Some("base64")),
    }
}

fn missing(content: &Content) -> Option<String> {
    let kept = content.bytes.len();
    (!content.is_whole()).then(|| format!("only the first {kept} of {} bytes", content.size))
}

fn fields(fields: &[Field]) -> Vec<Value> {
    fields
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}

fn field<'f>(fields: &'f [Field], name: &str) -> &'f str {
    fields
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name))
        .map_or("", |(_, value)| value)
}

/// A URL in which every character may stand (RFC 3986 §2): a masked key has one that may not.
fn uri(url: &str) -> String {
    let mut text = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn query(url: &str) -> Vec<Value> {
    let Some((_, query)) = url.split_once('?') else {
        return Vec::new();
    };
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}

fn ms(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}
