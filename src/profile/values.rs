//! What a profile's values have to be, one by one.

use super::document::{Document, Text};
use super::fixtures::{Bot, NamedKey};
use super::key::{Key, Kind};
use super::mistake::Wrong;
use super::section::Section;
use crate::secret::ApiKey;
use url::Url;

/// What a value has to be, and what often explains that it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit {
    /// In words: `an http or https URL`.
    pub expected: &'static str,
    /// What often explains it, or mends it.
    pub hint: Option<&'static str>,
}

const fn unfit<T>(expected: &'static str, hint: Option<&'static str>) -> Result<T, Unfit> {
    Err(Unfit { expected, hint })
}

/// A base URL in its normal form, without the slash at its end.
///
/// # Errors
/// It is no http or https URL, or has parts that requests could not keep.
pub fn base_url(text: &str) -> Result<String, Unfit> {
    use url::ParseError::{EmptyHost, InvalidIpv6Address, InvalidPort};
    let url = Url::parse(text).or_else(|error| {
        unfit(
            "an http or https URL",
            Some(match error {
                InvalidPort | InvalidIpv6Address | EmptyHost => {
                    "a port is a number up to 65535; an IPv6 address stands in brackets: `http://[::1]:8080`"
                }
                _ => "such as `https://staging.example`; cases add /api/v1/bot/{botId}/chat to it",
            }),
        )
    })?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return unfit(
            "an http or https URL",
            Some("write `http://` or `https://` before the host"),
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return unfit(
            "a URL without user name and password",
            Some("a gateway's credentials go into [headers]"),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return unfit(
            "a URL without `?` and `#`",
            Some("cases add their own path to it"),
        );
    }
    if url.path().contains("/api/v1/bot") {
        return unfit(
            "the URL before /api/v1/bot/{botId}/chat",
            Some("leave the documented path away; cases add it"),
        );
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether `text` is a web origin to the letter (RFC 6454 §6.2).
pub(super) fn origin(text: &str) -> Result<(), Unfit> {
    let serialised = Url::parse(text).map(|url| url.origin().ascii_serialization());
    if serialised.as_deref() == Ok(text) {
        Ok(())
    } else {
        unfit(
            "a web origin",
            Some(
                "scheme, host and port where it is not the usual one, no slash at the end: `https://app.example`",
            ),
        )
    }
}

/// Whether `text` is `host:port`.
pub(super) fn host_and_port(text: &str) -> Result<(), Unfit> {
    let fits = text.rsplit_once(':').is_some_and(|(host, port)| {
        let port =
            port.bytes().all(|b| b.is_ascii_digit()) && port.parse().is_ok_and(|p: u16| p > 0);
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let host = if bracketed {
            host[1..host.len() - 1]
                .parse::<std::net::Ipv6Addr>()
                .is_ok()
        } else {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        };
        port && host
    });
    if fits {
        Ok(())
    } else {
        unfit(
            "an address and a port",
            Some("such as `10.0.0.7:443` or `[::1]:443`"),
        )
    }
}

/// Whether `text` can be a bot's id in a path.
///
/// # Errors
/// A character of it would end the path's segment, or can't stand in a request line.
pub fn bot_id(text: &str) -> Result<(), Unfit> {
    if text.is_empty() {
        return unfit("an id", None);
    }
    if text
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"/?#\\".contains(&b))
    {
        Ok(())
    } else {
        unfit(
            "one segment of a path",
            Some(
                "copy the botId from the dashboard, without white space; percent-encode what else it holds",
            ),
        )
    }
}

/// Whether `text` can be a key in a header field.
///
/// # Errors
/// A character of it can't stand in a field's value, or would end the key.
pub fn api_key(text: &str) -> Result<(), Unfit> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(())
    } else {
        unfit(
            "a key of visible ASCII characters",
            Some("a line end or a space was often pasted with it"),
        )
    }
}

/// Fields that cases set themselves, or that frame the request: a profile's would break them.
const RESERVED: &[(&str, &str)] = &[
    ("authorization", "the key goes into [keys]"),
    ("connection", "cases set it themselves"),
    (
        "content-length",
        "it frames the request: cases set it themselves",
    ),
    ("content-type", "cases set it themselves"),
    ("expect", "cases set it themselves"),
    ("origin", "it goes into `origin` of [target]"),
    (
        "transfer-encoding",
        "it frames the request: cases set it themselves",
    ),
];

/// Whether `name` can be the name of a header field that goes with every request (RFC 9110 §5.6.2).
pub(super) fn header_name(name: &str) -> Result<(), Unfit> {
    let lower = name.to_ascii_lowercase();
    if let Some((_, hint)) = RESERVED.iter().find(|(reserved, _)| *reserved == lower) {
        return unfit("a field that no case sets", Some(hint));
    }
    let token = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if token {
        Ok(())
    } else {
        unfit(
            "the name of a header field",
            Some("letters, digits and hyphens"),
        )
    }
}

/// Whether `value` can be a field's value (RFC 9110 §5.5).
pub(super) fn header_value(value: &str) -> Result<(), Unfit> {
    if value.chars().all(|c| c == '\t' || !c.is_control()) {
        Ok(())
    } else {
        unfit(
            "the value of a header field",
            Some("it holds a control character; a line end was often pasted with it"),
        )
    }
}

/// Reads a key of [keys], or a bot's own.
pub(super) fn key(section: &Section<'_, '_>, name: &str) -> Option<NamedKey> {
    let text = section.text(name)?;
    if let Err(unfit) = api_key(&text.value) {
        return section.not_allowed(name, None, unfit.expected, unfit.hint);
    }
    Some(NamedKey {
        key: ApiKey::new(text.value),
        variable: text.variable,
    })
}

/// What a bot's table may hold.
pub(super) const BOT: &[Key] = &[
    Key::new("id", Kind::Text, "The agent's id, from the dashboard.").required(),
    Key::new(
        "key",
        Kind::Text,
        "The agent's own key, where keys belong to one agent.",
    ),
];

/// Reads an agent: an id, or `{ id = "…", key = "…" }`.
pub(super) fn bot(section: &Section<'_, '_>, name: &str) -> Option<Bot> {
    let check = |section: &Section<'_, '_>, name: &str, id: Text| match bot_id(&id.value) {
        Ok(()) => Some(id.value),
        Err(unfit) => {
            let found = Some(id.value);
            section.not_allowed(name, found, unfit.expected, unfit.hint)
        }
    };
    match section.text_or_section(name, BOT)? {
        Ok(id) => Some(Bot {
            id: check(section, name, id)?,
            key: None,
        }),
        Err(table) => {
            let id = table.text("id").and_then(|id| check(&table, "id", id));
            let has_key = table.has("key");
            let own = key(&table, "key");
            (own.is_some() || !has_key).then_some(Bot { id: id?, key: own })
        }
    }
}

/// Reads a string that has to pass a check.
pub(super) fn checked(
    section: &Section<'_, '_>,
    name: &str,
    check: impl Fn(&str) -> Result<(), Unfit>,
) -> Option<String> {
    let text = section.text(name)?;
    match check(&text.value) {
        Ok(()) => Some(text.value),
        Err(unfit) => section.not_allowed(name, Some(text.value), unfit.expected, unfit.hint),
    }
}

/// Reads the fields of `[headers]`, in the file's order.
pub(super) fn headers(document: &Document<'_>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, at, value) in document.free_section("headers") {
        let key = format!("headers.{name}");
        if let Err(unfit) = header_name(&name) {
            document.report(
                at,
                Wrong::Value {
                    key,
                    found: None,
                    expected: unfit.expected.to_owned(),
                    hint: unfit.hint,
                },
            );
        } else if let Err(unfit) = header_value(&value.value) {
            document.report(
                value.at,
                Wrong::Value {
                    key,
                    found: None,
                    expected: unfit.expected.to_owned(),
                    hint: unfit.hint,
                },
            );
        }
        found.push((name, value.value));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_kept_in_its_normal_form() {
        for (given, kept) in [
            ("http://127.0.0.1:4010", "http://127.0.0.1:4010"),
            ("HTTPS://Staging.Example:443/", "https://staging.example"),
            ("https://h.example/gate/way//", "https://h.example/gate/way"),
        ] {
            assert_eq!(base_url(given).as_deref(), Ok(kept), "{given}");
        }
        for given in [
            "",
            "staging.example",
            "localhost:4010",
            "ftp://h.example",
            "https://u:p@h.example",
            "https://h.example?x=1",
            "https://h.example#x",
            "https://h.example/api/v1/bot/b/chat",
        ] {
            assert!(base_url(given).is_err(), "{given}");
        }
    }

    #[test]
    fn origins_and_addresses_are_taken_to_the_letter() {
        for good in ["https://app.example", "http://localhost:3000"] {
            assert!(origin(good).is_ok(), "{good}");
        }
        for bad in [
            "https://app.example/",
            "app.example",
            "null",
            "https://app.example:443",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
        for good in ["10.0.0.7:443", "[::1]:80", "gateway:8080"] {
            assert!(host_and_port(good).is_ok(), "{good}");
        }
        for bad in [
            "10.0.0.7",
            "::1:80",
            ":80",
            "h:0",
            "h:+1",
            "h:70000",
            "http://h:80",
        ] {
            assert!(host_and_port(bad).is_err(), "{bad}");
        }
    }
}
