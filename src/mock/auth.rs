//! The key of a request (AUTH).

use axum::http::{HeaderMap, header};

use crate::contract::{ErrorCode, KEY_PREFIX};

use super::fixtures::KEY_TAIL;
use super::guards::Refusal;

/// The well-formed key that a request brings.
///
/// # Errors
/// There is none: 401, with the code that the table's words fit best.
pub(super) fn key(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let missing = |message: &'static str| Refusal::documented(ErrorCode::MissingApiKey, message);
    let value = match (fields.next(), fields.next()) {
        (None, _) => return Err(missing("the Authorization header is missing")),
        (Some(_), Some(_)) => return Err(missing("there is more than one Authorization header")),
        (Some(value), None) => value.as_bytes().trim_ascii(),
    };
    let (scheme, rest) = match value.iter().position(|byte| b" \t".contains(byte)) {
        Some(end) => (&value[..end], value[end..].trim_ascii()),
        None => (value, &value[value.len()..]),
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(missing(
            "the Authorization header must read: Bearer clawbite_sk_...",
        ));
    }
    if rest.is_empty() {
        return Err(missing("the Authorization header has no key"));
    }
    well_formed(rest).ok_or_else(|| {
        Refusal::documented(
            ErrorCode::InvalidApiKeyFormat,
            "an API key is clawbite_sk_ and 32 letters or digits",
        )
    })
}

fn well_formed(key: &[u8]) -> Option<&str> {
    let tail = key.strip_prefix(KEY_PREFIX.as_bytes())?;
    let alphanumeric = tail.len() == KEY_TAIL && tail.iter().all(u8::is_ascii_alphanumeric);
    alphanumeric
        .then(|| std::str::from_utf8(key).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(values: &[&str]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        key(&headers)
            .map(str::to_owned)
            .map_err(|refusal| refusal.code.into_owned())
    }

    #[test]
    fn the_code_says_what_is_wrong_with_the_header() {
        let good = format!("{KEY_PREFIX}{}", "aB3x".repeat(8));
        for value in ["Bearer ", "bearer ", "BEARER   ", "Bearer\t", " Bearer "] {
            assert_eq!(
                code(&[&format!("{value}{good}")]),
                Ok(good.clone()),
                "{value:?}"
            );
            assert_eq!(
                code(&[&format!("{value}{good} ")]),
                Ok(good.clone()),
                "{value:?}"
            );
        }
        let missing = Err("missing_api_key".to_owned());
        assert_eq!(code(&[]), missing);
        for value in [
            "",
            " ",
            "Bearer",
            "Bearer ",
            "Basic dTpw",
            good.as_str(),
            &format!("Bearer{good}"),
            &format!("Token {good}"),
        ] {
            assert_eq!(code(&[value]), missing, "{value:?}");
        }
        assert_eq!(
            code(&[&format!("Bearer {good}"), &format!("Bearer {good}")]),
            missing
        );
        let format = Err("invalid_api_key_format".to_owned());
        for key in [
            "a b",
            "sk_live_0123",
            "clawbite_sk_",
            "clawbite_sk_short",
            &good.to_uppercase(),
            &format!("{good}x"),
            &good[..43],
            "clawbite_sk_é",
        ] {
            assert_eq!(code(&[&format!("Bearer {key}")]), format, "{key:?}");
        }
    }
}
