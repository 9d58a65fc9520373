//! `{"name": "weather", "arguments": {"city": "Paris"}}`, or a list of these.

use super::Found;
use crate::tool::{Tools, json};

pub(in crate::tool) fn calls(text: &str, _: &Tools) -> Vec<Found> {
    match json::value(text.trim()) {
        Ok(value) => json::calls(&value),
        Err(reason) => vec![Err(reason)],
    }
}
