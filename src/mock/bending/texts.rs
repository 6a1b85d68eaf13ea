//! JSON as text: one value has many spellings.

/// The text with every string in it, quotes included, put otherwise.
pub(in crate::mock) fn strings(text: &str, change: impl Fn(&str) -> String) -> String {
    each_token(text, change, str::to_owned)
}

/// The text with every number in it put otherwise.
pub(in crate::mock) fn numbers(text: &str, change: impl Fn(&str) -> String) -> String {
    each_token(text, str::to_owned, change)
}

fn each_token(
    text: &str,
    string: impl Fn(&str) -> String,
    number: impl Fn(&str) -> String,
) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
                out.push_str(&string(&text[start..at]));
            }
            b'-' | b'0'..=b'9' => {
                while at < bytes.len()
                    && matches!(bytes[at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
                {
                    at += 1;
                }
                out.push_str(&number(&text[start..at]));
            }
            _ => {
                at += 1;
                while at < bytes.len() && !matches!(bytes[at], b'"' | b'-' | b'0'..=b'9') {
                    at += 1;
                }
                out.push_str(&text[start..at]);
            }
        }
    }
    out
}

/// A string, quotes included, with every character in an escape; those that were escaped stay.
pub(in crate::mock) fn escaped(string: &str) -> String {
    let inner = string.trim_start_matches('"');
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::from("\"");
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            out.push(c);
            out.extend(chars.next());
            // The digits of \uXXXX are part of the escape.
            if out.ends_with('u') {
                out.extend(chars.by_ref().take(4));
            }
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04X}"));
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_spelling_is_the_same_value() {
        let value = serde_json::json!({
            "a \"quoted\" \\ name": "Grüße 🦀 \u{1}\n/",
            "n": [0, -7, 12, 1_764_041_400],
            "": null,
        });
        let text = value.to_string();
        assert_eq!(strings(&text, str::to_owned), text);
        let spelled = strings(&text, escaped);
        assert!(spelled.is_ascii(), "{spelled}");
        let read: serde_json::Value = serde_json::from_str(&spelled).unwrap();
        assert_eq!(read, value);
        assert_eq!(
            numbers(r#"{"a1":[1,-2,3.5]}"#, |number| format!("<{number}>")),
            r#"{"a1":[<1>,<-2>,<3.5>]}"#
        );
    }
}
