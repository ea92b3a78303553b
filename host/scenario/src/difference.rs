//! Compares two JSON values, and describes each difference.

use serde_json::Value;

/// The largest number of differences that are reported.
const MOST: usize = 20;

/// The largest number of characters of a value that are reported.
const SHOWN: usize = 120;

/// How strictly a value is compared with the expected value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// The values must be equal.
    Same,
    /// Objects may have more members than expected.
    Like,
}

/// Returns the differences between a value and the expected value, one in each line. The list is empty if there are
/// none.
pub(crate) fn differences(
    place: &str,
    expected: &Value,
    found: &Value,
    strictness: Strictness,
) -> Vec<String> {
    let mut lines = Vec::new();
    compare(place, expected, found, strictness, &mut lines);
    if lines.len() > MOST {
        let more = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn compare(
    place: &str,
    expected: &Value,
    found: &Value,
    strictness: Strictness,
    lines: &mut Vec<String>,
) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                let place = format!("{place}.{name}");
                match found.get(name) {
                    Some(found) => compare(&place, value, found, strictness, lines),
                    None => {
                        lines.push(format!("{place}: expected {}, found nothing", short(value)));
                    }
                }
            }
            if strictness == Strictness::Same {
                let further = found
                    .iter()
                    .filter(|(name, _)| !expected.contains_key(*name));
                lines.extend(further.map(|(name, value)| {
                    format!("{place}.{name}: expected nothing, found {}", short(value))
                }));
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            for (index, value) in expected.iter().enumerate() {
                let place = format!("{place}[{index}]");
                match found.get(index) {
                    Some(found) => compare(&place, value, found, strictness, lines),
                    None => {
                        lines.push(format!("{place}: expected {}, found nothing", short(value)));
                    }
                }
            }
            let further = found.iter().enumerate().skip(expected.len());
            lines.extend(further.map(|(index, value)| {
                format!("{place}[{index}]: expected nothing, found {}", short(value))
            }));
        }
        _ if is_same(expected, found) => {}
        _ => lines.push(format!(
            "{place}: expected {}, found {}",
            short(expected),
            short(found)
        )),
    }
}

/// Returns true if two values, of which at most one has parts, are equal. Numbers are compared by value, since TOML and
/// JSON differ in how they separate 1 from 1.0.
fn is_same(expected: &Value, found: &Value) -> bool {
    match (expected.as_f64(), found.as_f64()) {
        (Some(_), Some(_)) if expected.is_i64() && found.is_i64() => expected == found,
        // A negative zero counts as zero.
        (Some(expected), Some(found)) => (expected + 0.0).total_cmp(&(found + 0.0)).is_eq(),
        _ => expected == found,
    }
}

/// Returns a value as a short text.
pub(crate) fn short(value: &Value) -> String {
    shortened(&value.to_string())
}

/// Shortens a text.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(expected: &Value, found: &Value, strictness: Strictness) -> Vec<String> {
        differences("output", expected, found, strictness)
    }

    #[test]
    fn each_differing_place_is_reported() {
        let expected = json!({"a": 1, "b": [1, 2, {"c": "x"}], "gone": true});
        let found = json!({"a": 2, "b": [1, 2, {"c": "y"}, 4], "more": null});
        assert_eq!(
            of(&expected, &found, Strictness::Same),
            [
                "output.a: expected 1, found 2",
                "output.b[2].c: expected \"x\", found \"y\"",
                "output.b[3]: expected nothing, found 4",
                "output.gone: expected true, found nothing",
                "output.more: expected nothing, found null",
            ]
        );
    }

    #[test]
    fn a_like_pattern_allows_further_members_and_no_further_items() {
        let found = json!({"a": {"b": 1, "c": 2}, "d": 3});
        assert!(of(&json!({"a": {"b": 1}}), &found, Strictness::Like).is_empty());
        assert_eq!(of(&json!([1]), &json!([1, 2]), Strictness::Like).len(), 1);
    }

    #[test]
    fn numbers_are_compared_by_their_value() {
        assert!(of(&json!(1), &json!(1.0), Strictness::Same).is_empty());
        let (large, larger) = (9_007_199_254_740_993_i64, 9_007_199_254_740_992_i64);
        assert!(!of(&json!(large), &json!(larger), Strictness::Same).is_empty());
    }

    #[test]
    fn long_lists_of_differences_are_cut() {
        let expected: Value = (0..50).collect();
        let lines = of(&expected, &json!([]), Strictness::Same);
        assert_eq!(lines.len(), MOST + 1);
        assert_eq!(lines[MOST], "and 30 more");
    }
}
