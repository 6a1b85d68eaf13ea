//! What every HTML page has to be.

use std::collections::BTreeSet;

/// A page that is whole, fetches nothing, and in which no text became markup or leads nowhere.
pub(crate) fn assert_whole_and_alone(page: &str) {
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for tag in [
        "html",
        "head",
        "body",
        "style",
        "script",
        "header",
        "nav",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "pre",
        "p",
        "b",
        "a",
        "span",
        "h1",
        "h2",
        "h3",
        "h4",
        "button",
        "dl",
        "dt",
        "dd",
        "ul",
        "li",
        "blockquote",
        "mark",
        "select",
        "option",
        "label",
        "title",
        "svg",
        "figure",
        "figcaption",
        "footer",
    ] {
        let closed = page.matches(&format!("</{tag}>")).count();
        assert_eq!(open_tags(page, tag), closed, "<{tag}>");
    }
    for tag in tags(page) {
        // A link within the page fetches nothing.
        let others = tag.replace("href=\"#", "");
        for fetches in ["src=", "href=", "url(", "http-equiv=\"refresh"] {
            assert!(!others.contains(fetches), "{tag}");
        }
        // No text became an attribute that runs.
        let outside_of_values: String = tag.split('"').step_by(2).collect();
        assert!(!outside_of_values.contains(" on"), "{tag}");
    }
    assert_eq!(open_tags(page, "script"), 1);
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("script-src 'unsafe-inline'"));
    for name in ["style", "script"] {
        let own = page
            .split(&format!("<{name}>"))
            .nth(1)
            .and_then(|rest| rest.split(&format!("</{name}>")).next());
        let own = own.expect("the page has its own");
        for fetches in ["url(", "@import", "http:", "https:", "fetch(", "XMLHttp"] {
            assert!(!own.contains(fetches), "<{name}>: {fetches}");
        }
    }
    let ids: Vec<&str> = page
        .split(" id=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "an id stands twice");
    for target in page.split("href=\"#").skip(1) {
        let target = target.split('"').next().unwrap_or_default();
        assert!(unique.contains(target), "nothing is at #{target}");
    }
    assert_no_forgery(page);
}

/// Nothing that could forge what a terminal or an editor shows.
pub(crate) fn assert_no_forgery(text: &str) {
    for c in ['\u{1b}', '\u{9b}', '\u{202e}', '\u{2066}'] {
        assert!(!text.contains(c), "{c:?} got through");
    }
}

pub(crate) fn open_tags(page: &str, name: &str) -> usize {
    page.matches(&format!("<{name}>")).count() + page.matches(&format!("<{name} ")).count()
}

/// Everything between `<` and `>`, but for what stands in the style and the script.
pub(crate) fn tags(page: &str) -> Vec<&str> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start..end];
        tags.push(tag);
        rest = &rest[end..];
        for own in ["style", "script"] {
            if tag == format!("<{own}") {
                let closed = rest.find(&format!("</{own}>")).expect("it ends");
                rest = &rest[closed..];
            }
        }
    }
    tags
}
