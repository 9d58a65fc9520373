//! Random JSON schemas, and what it means to be valid by one.

use serde_json::{Map, Value, json};

/// Numbers that look random, the same in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

/// A schema of an object, whose texts are of bounded length.
pub(crate) fn random_object(dice: &mut Dice, depth: u64) -> Value {
    let names = ["name", "id", "größe", "tags", "a \"b\"", "x1"];
    let (count, first) = (1 + dice.roll(4), dice.roll(6));
    let keys: Vec<_> = (0..count).map(|at| names[((first + at) % 6) as usize]).collect();
    let properties: Map<_, _> = keys.iter().map(|&key| (key.into(), random_schema(dice, depth))).collect();
    let required: Vec<_> = keys.into_iter().filter(|_| dice.roll(3) > 0).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn random_schema(dice: &mut Dice, depth: u64) -> Value {
    match dice.roll(if depth == 0 { 8 } else { 11 }) {
        0 => json!({ "type": "boolean" }),
        1 => json!({ "type": "null" }),
        2 => {
            let low = dice.roll(2000) as i64 - 1000;
            json!({ "type": "integer", "minimum": low, "maximum": low + dice.roll(5000) as i64 })
        }
        3 => json!({ "enum": ["red", "green", 7, true, null, "blau\n"] }),
        4 => json!({ "const": { "k": [1, "two"] } }),
        5 => json!({ "type": "string", "pattern": "^[A-Z]{2}-[0-9]{1,4}$" }),
        6 => json!({ "type": ["integer", "null"], "minimum": 0, "exclusiveMaximum": 100 }),
        7 => {
            let shortest = dice.roll(4);
            json!({ "type": "string", "minLength": shortest, "maxLength": shortest + dice.roll(12) })
        }
        8 => {
            let fewest = dice.roll(3);
            let items = random_schema(dice, depth - 1);
            json!({ "type": "array", "items": items, "minItems": fewest, "maxItems": fewest + dice.roll(3) })
        }
        9 => json!({ "anyOf": [random_object(dice, depth - 1), { "type": "boolean" }] }),
        _ => random_object(dice, depth - 1),
    }
}

/// Whether a value is one that a schema of [`random_object`] allows.
pub(crate) fn is_valid(schema: &Value, value: &Value) -> bool {
    let number = |key| schema.get(key).and_then(Value::as_f64);
    let within = |length: usize, least, most| {
        number(least).is_none_or(|least| length as f64 >= least)
            && number(most).is_none_or(|most| length as f64 <= most)
    };
    let any = schema.get("anyOf").and_then(Value::as_array);
    let values = schema.get("enum").and_then(Value::as_array);
    is_of_type(schema, value)
        && any.is_none_or(|any| any.iter().any(|schema| is_valid(schema, value)))
        && values.is_none_or(|values| values.contains(value))
        && schema.get("const").is_none_or(|constant| constant == value)
        && match value {
            Value::Number(value) => {
                let value = value.as_f64().unwrap();
                number("minimum").is_none_or(|least| value >= least)
                    && number("maximum").is_none_or(|most| value <= most)
                    && number("exclusiveMaximum").is_none_or(|end| value < end)
            }
            Value::String(text) => {
                within(text.chars().count(), "minLength", "maxLength")
                    && (schema.get("pattern").is_none() || is_a_number_plate(text))
            }
            Value::Array(items) => {
                within(items.len(), "minItems", "maxItems")
                    && schema
                        .get("items")
                        .is_none_or(|schema| items.iter().all(|item| is_valid(schema, item)))
            }
            Value::Object(fields) => has_valid_fields(schema, fields),
            Value::Null | Value::Bool(_) => true,
        }
}

fn is_of_type(schema: &Value, value: &Value) -> bool {
    let is = |name: &Value| match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(number) => name == "integer" && number.as_f64().unwrap().fract() == 0.0,
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    };
    match schema.get("type") {
        None => true,
        Some(Value::Array(names)) => names.iter().any(is),
        Some(name) => is(name),
    }
}

fn has_valid_fields(schema: &Value, fields: &Map<String, Value>) -> bool {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return true };
    let required = schema["required"].as_array().unwrap();
    required.iter().all(|key| fields.contains_key(key.as_str().unwrap()))
        && fields.iter().all(|(key, value)| properties.get(key).is_some_and(|schema| is_valid(schema, value)))
}

/// `^[A-Z]{2}-[0-9]{1,4}$`.
fn is_a_number_plate(text: &str) -> bool {
    let Some((letters, digits)) = text.split_once('-') else { return false };
    letters.len() == 2
        && letters.bytes().all(|letter| letter.is_ascii_uppercase())
        && (1..=4).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
}

#[test]
fn the_judge_of_validity_says_no() {
    let object = json!({
        "type": "object",
        "properties": { "id": { "type": "integer", "minimum": 3, "maximum": 5 }, "tags": {
            "type": "array", "items": { "type": "string", "minLength": 1, "maxLength": 2 }, "minItems": 1, "maxItems": 2
        }},
        "required": ["id"], "additionalProperties": false,
    });
    assert!(
        is_valid(&object, &json!({ "id": 4, "tags": ["a", "öö"] })) && is_valid(&object, &json!({ "id": 3 }))
    );
    for bad in [
        json!({}),
        json!({ "id": 2 }),
        json!({ "id": 6 }),
        json!({ "id": "4" }),
        json!({ "id": 4.5 }),
        json!({ "id": 4, "x": 1 }),
        json!({ "id": 4, "tags": [] }),
        json!({ "id": 4, "tags": ["a", "b", "c"] }),
        json!({ "id": 4, "tags": [""] }),
        json!({ "id": 4, "tags": ["abc"] }),
        json!([4]),
    ] {
        assert!(!is_valid(&object, &bad), "{bad}");
    }
    assert!(
        !is_valid(&json!({ "enum": [1, null] }), &json!(2))
            && !is_valid(&json!({ "const": [1] }), &json!([]))
    );
    assert!(is_a_number_plate("AB-12") && !is_a_number_plate("AB-12345") && !is_a_number_plate("Ab-1"));
}
