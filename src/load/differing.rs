//! Where two scenarios, with all their defaults, are not the same.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Every value that is not the same: its key, dotted, and both values; null where one lacks it.
pub fn differing<'v>(one: &'v Value, other: &'v Value) -> Vec<(String, &'v Value, &'v Value)> {
    let mut found = Vec::new();
    walk(String::new(), one, other, &mut found);
    found
}

fn walk<'v>(
    path: String,
    one: &'v Value,
    other: &'v Value,
    found: &mut Vec<(String, &'v Value, &'v Value)>,
) {
    let (Value::Object(a), Value::Object(b)) = (one, other) else {
        if one != other {
            found.push((path, one, other));
        }
        return;
    };
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for key in keys {
        let path = match path.as_str() {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        walk(path, at(a, key), at(b, key), found);
    }
}

fn at<'v>(object: &'v Map<String, Value>, key: &str) -> &'v Value {
    object.get(key).unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_in_a_scenario_is_named() {
        let one = json!({"load": {"model": "open", "stage": [1]}, "seed": 1});
        let other = json!({"load": {"model": "open", "stage": [2]}, "seed": 2, "more": 1});
        let found = differing(&one, &other);
        let keys: Vec<&str> = found.iter().map(|(key, ..)| key.as_str()).collect();
        assert_eq!(keys, ["load.stage", "more", "seed"]);
        assert_eq!(found[1].1, &Value::Null);
        assert_eq!(differing(&one, &one), []);
    }
}
