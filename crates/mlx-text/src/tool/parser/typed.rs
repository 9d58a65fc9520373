//! Arguments that are written without a type.

use serde_json::{Number, Value};

use crate::tool::{json, literal};

/// What a text says as JSON, else as Python, else as itself.
pub(super) fn guessed(text: &str) -> Value {
    json::value(text).ok().or_else(|| literal::literal(text)).unwrap_or_else(|| text.into())
}

/// A whole number, as Python's `int` reads it.
pub(super) fn integer(text: &str) -> Option<Value> {
    let digits = number(text)?;
    digits.parse::<i64>().map(Value::from).or_else(|_| digits.parse::<u64>().map(Value::from)).ok()
}

/// A finite number, as Python's `float` reads it; a whole one if it is.
pub(super) fn float(text: &str) -> Option<Value> {
    integer(text).or_else(|| {
        let float: f64 = number(text)?.parse().ok()?;
        let whole = float as i64;
        let is_whole = float.fract() == 0.0 && float.abs() < 2_f64.powi(63);
        if is_whole { Some(whole.into()) } else { Number::from_f64(float).map(Value::Number) }
    })
}

/// The text of a number without what Python allows around and in it.
fn number(text: &str) -> Option<String> {
    let text = text.trim();
    let misplaced = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    (!misplaced).then(|| text.replace('_', ""))
}
