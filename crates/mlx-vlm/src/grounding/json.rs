//! Places as JSON, which may stand in a text, and be cut.

use serde_json::{Map, Value};

use super::marks::between;
use super::{Numbers, Written};

/// The names of fields.
pub(super) struct Fields {
    boxes: &'static str,
    points: &'static str,
}

pub(super) const QWEN: Fields = Fields { boxes: "bbox_2d", points: "point_2d" };
pub(super) const GEMMA: Fields = Fields { boxes: "box_2d", points: "point" };

/// The names that the label of a place has.
const LABELS: [&str; 4] = ["label", "text_content", "text", "name"];

/// The places of objects that have them in such fields.
pub(super) fn objects(text: &str, fields: &Fields) -> Vec<Written> {
    let mut found = Vec::new();
    values(text).for_each(|(_, value)| fields.walk(&value, &mut found));
    found
}

/// The places within marks: lists of four numbers, or objects as Qwen writes them. Without such marks, all of the text is
/// looked at.
pub(super) fn framed(text: &str, marks: [&str; 2]) -> Vec<Written> {
    let parts = between(text, marks);
    let parts = if parts.is_empty() { vec![text] } else { parts };
    let mut found = Vec::new();
    for (_, value) in parts.into_iter().flat_map(values) {
        let before = found.len();
        QWEN.walk(&value, &mut found);
        if found.len() == before {
            found.extend(boxes(&value).into_iter().map(|four| (String::new(), Numbers::Box(four))));
        }
    }
    found
}

/// The lists and objects in a text, each with where it is. What is not closed is passed over, but not what is in it.
pub(super) fn values(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, Value)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text.get(at..)?.find(['[', '{'])?;
            let mut stream = serde_json::Deserializer::from_str(text.get(start..)?).into_iter::<Value>();
            if let Some(Ok(value)) = stream.next() {
                at = start + stream.byte_offset().max(1);
                return Some((start..at, value));
            }
            at = start + 1;
        }
    })
}

/// The lists of four numbers in a value, or in lists in it.
pub(super) fn boxes(value: &Value) -> Vec<[f64; 4]> {
    match (numbers(value), value) {
        (Some(four), _) => vec![four],
        (None, Value::Array(values)) => values.iter().flat_map(boxes).collect(),
        (None, _) => Vec::new(),
    }
}

fn numbers<const N: usize>(value: &Value) -> Option<[f64; N]> {
    let all: Option<Vec<_>> = value.as_array()?.iter().map(Value::as_f64).collect();
    all?.try_into().ok()
}

impl Fields {
    fn walk(&self, value: &Value, found: &mut Vec<Written>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.walk(value, found)),
            Value::Object(fields) => {
                let label = label(fields);
                let boxes = fields.get(self.boxes).into_iter().flat_map(boxes);
                found.extend(boxes.map(|four| (label.clone(), Numbers::Box(four))));
                let point = fields.get(self.points).and_then(numbers);
                found.extend(point.map(|two| (label, Numbers::Point(two))));
                fields.values().for_each(|value| self.walk(value, found));
            }
            _ => {}
        }
    }
}

fn label(fields: &Map<String, Value>) -> String {
    let text = LABELS.iter().find_map(|name| fields.get(*name)?.as_str());
    text.unwrap_or_default().trim().to_owned()
}
