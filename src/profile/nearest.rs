//! The known name that a mistyped one most likely meant.

/// The one of `known` that is most like `given`; `None` where nothing is like it.
pub fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let likeness = |name: &str| {
        strsim::normalized_damerau_levenshtein(&given.to_lowercase(), &name.to_lowercase())
    };
    known
        .into_iter()
        .map(|name| (likeness(name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .filter(|(likeness, _)| *likeness >= CLOSE)
        .map(|(_, name)| name)
}

/// Below this a suggestion would be a guess: half of the characters differ.
const CLOSE: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typo_finds_its_name_and_a_stranger_none() {
        let known = ["valid", "revoked", "foreign"];
        assert_eq!(nearest("revokd", known), Some("revoked"));
        assert_eq!(nearest("Valid", known), Some("valid"));
        assert_eq!(nearest("colour", known), None);
    }
}
