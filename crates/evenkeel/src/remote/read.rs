//! What stands in the answers of the admin API, for those who show it. What is missing is a dash, 0 or nothing.

use serde_json::Value;

/// A text.
pub fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// A whole number.
pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// A list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// How many connects to a backend failed.
pub fn failed_connects(backend: &Value) -> u64 {
    sum(backend["connect_failures"].as_object().into_iter().flatten().map(|it| number(it.1)))
}

/// Of numbers that somebody else has written.
pub fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// What the last check of a backend saw.
pub fn last_check(backend: &Value) -> String {
    let last = &backend["checks"]["last"];
    match (last["passed"].as_bool(), last["cause"].as_str()) {
        (Some(true), _) => format!("passed, {} ms", last["ms"]),
        (_, Some(cause)) => cause.to_owned(),
        _ if backend["checks"].is_null() => "not checked".to_owned(),
        _ => "none yet".to_owned(),
    }
}
