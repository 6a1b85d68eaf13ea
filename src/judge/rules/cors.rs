//! CORS: pages of another origin can call the endpoint and read its answers (WHATWG Fetch).

use crate::contract::{CORS_1, CORS_2, CORS_3, CORS_4};
use crate::judge::{Answer, Check, Verdict};

/// CORS-1: a preflight gets a 2xx and no redirect.
pub fn preflight_status(answer: &Answer<'_>) -> Check {
    let expected = "a 2xx";
    match answer.status() {
        Some(status @ 200..=299) => Check::pass(CORS_1, "status", expected, status.to_string()),
        _ => Check::violation(CORS_1, "status", expected, answer.summary()),
    }
}

/// CORS-2: the preflight's answer allows the origin and the two headers.
pub fn preflight_allows(answer: &Answer<'_>, origin: &str) -> Vec<Check> {
    let mut allowed = allow_origin(answer, origin);
    allowed.requirement = CORS_2;
    let mut checks = vec![allowed];
    let listed: Vec<String> = answer
        .exchange()
        .headers()
        .list("access-control-allow-headers")
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let shown = if listed.is_empty() {
        "none".to_owned()
    } else {
        listed.join(", ")
    };
    for name in ["authorization", "content-type"] {
        let check = format!("{name} allowed");
        let expected = format!("Access-Control-Allow-Headers lists {name}");
        checks.push(if listed.iter().any(|listed| listed == name) {
            Check::pass(CORS_2, check, expected, shown.clone())
        } else if listed.iter().any(|listed| listed == "*") {
            Check::advice(
                CORS_2,
                check,
                format!("{expected} by name: the standard lets `*` not stand for authorization"),
                shown.clone(),
            )
        } else {
            Check::violation(CORS_2, check, expected, shown.clone())
        });
    }
    checks
}

/// CORS-3: the answer allows the origin: exactly one value, `*` or the origin, byte for byte.
pub fn allow_origin(answer: &Answer<'_>, origin: &str) -> Check {
    let values: Vec<String> = answer
        .exchange()
        .headers()
        .all("access-control-allow-origin")
        .map(|value| {
            String::from_utf8_lossy(value)
                .trim_matches([' ', '\t'])
                .to_owned()
        })
        .collect();
    let expected = format!("Access-Control-Allow-Origin once: `*` or {origin}");
    match values.as_slice() {
        [value] if value == "*" || value == origin => {
            Check::pass(CORS_3, "origin allowed", expected, value.clone())
        }
        [] => Check::violation(CORS_3, "origin allowed", expected, "none"),
        values => Check::violation(
            CORS_3,
            "origin allowed",
            expected,
            values
                .iter()
                .map(|value| format!("`{value}`"))
                .collect::<Vec<_>>()
                .join(" and "),
        ),
    }
}

/// The same, as an error answer is judged: what is missing is advised (CORS-3).
pub fn allow_origin_on_error(answer: &Answer<'_>, origin: &str) -> Check {
    let mut check = allow_origin(answer, origin);
    if check.verdict == Verdict::Violation {
        check.verdict = Verdict::Advice;
        check.name = format!(
            "origin allowed on {}",
            answer
                .status()
                .map_or_else(String::new, |status| status.to_string())
        );
    }
    check
}

/// CORS-4: caches and credentials.
pub fn manners(answer: &Answer<'_>, origin: &str) -> Vec<Check> {
    let headers = answer.exchange().headers();
    let allowed = headers
        .text("access-control-allow-origin")
        .unwrap_or_default();
    let vary: Vec<String> = headers
        .list("vary")
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let mut checks = Vec::new();
    if allowed == origin {
        let shown = if vary.is_empty() {
            "no Vary".to_owned()
        } else {
            vary.join(", ")
        };
        let has = vary.iter().any(|name| name == "origin" || name == "*");
        checks.push(verdict(
            has,
            "Vary",
            "Vary: Origin beside an echoed origin",
            shown,
        ));
    }
    if allowed == "*" {
        let credentials = headers
            .text("access-control-allow-credentials")
            .unwrap_or_else(|| "none".to_owned());
        checks.push(verdict(
            !credentials.eq_ignore_ascii_case("true"),
            "credentials",
            "no Access-Control-Allow-Credentials: true beside `*`",
            credentials,
        ));
    }
    if headers.has("retry-after") {
        let exposed: Vec<String> = headers
            .list("access-control-expose-headers")
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect();
        checks.push(verdict(
            exposed
                .iter()
                .any(|name| name == "retry-after" || name == "*"),
            "Retry-After exposed",
            "Access-Control-Expose-Headers lists Retry-After",
            if exposed.is_empty() {
                "none".to_owned()
            } else {
                exposed.join(", ")
            },
        ));
    }
    checks
}

fn verdict(kept: bool, name: &str, expected: &str, actual: String) -> Check {
    if kept {
        Check::pass(CORS_4, name, expected, actual)
    } else {
        Check::advice(CORS_4, name, expected, actual)
    }
}
