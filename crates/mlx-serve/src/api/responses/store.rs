//! Answers that are remembered, in memory and within a bound.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// The most answers.
const MOST: usize = 1000;
/// The most bytes of them.
const MOST_BYTES: usize = 64 << 20;

/// An answer with what led to it.
pub(crate) struct Record {
    id: String,
    pub(super) response: Value,
    /// All items of the conversation, with those of the answer.
    pub(super) items: Vec<Value>,
    bytes: usize,
}

/// The last answers.
#[derive(Default)]
pub(crate) struct Store {
    records: Mutex<VecDeque<Arc<Record>>>,
}

impl Store {
    /// Remembers an answer to those items, and forgets the oldest where there are too many.
    pub(super) fn put(&self, response: &Value, before: &[Value], output: &[Value]) {
        let Some(id) = response.get("id").and_then(Value::as_str) else { return };
        let items = [before, output].concat();
        let bytes = items.iter().chain([response]).map(|value| value.to_string().len()).sum();
        let record = Record { id: id.to_owned(), response: response.clone(), items, bytes };
        let mut records = self.lock();
        records.push_back(Arc::new(record));
        while records.len() > MOST || records.iter().map(|record| record.bytes).sum::<usize>() > MOST_BYTES {
            records.pop_front();
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Record>> {
        self.lock().iter().find(|record| record.id == id).map(Arc::clone)
    }

    /// Forgets one. Returns whether it was there.
    pub(super) fn remove(&self, id: &str) -> bool {
        let mut records = self.lock();
        let before = records.len();
        records.retain(|record| record.id != id);
        records.len() < before
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Record>>> {
        // A panic leaves no record half done.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new name, which others cannot guess: who has it can read the answer.
pub(super) fn name() -> String {
    // Hashes under keys of the system's generator of random numbers.
    let number = || RandomState::new().hash_one(fastrand::u64(..));
    format!("resp_{:016x}{:016x}", number(), number())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn put(store: &Store, id: usize, text: &str) {
        store.put(&json!({"id": id.to_string()}), &[json!("before")], &[json!(text)]);
    }

    #[test]
    fn an_answer_is_there_until_it_is_forgotten() {
        let store = Store::default();
        put(&store, 1, "a");
        assert_eq!(store.get("1").unwrap().items, [json!("before"), json!("a")]);
        assert!(store.remove("1") && !store.remove("1"));
        assert!(store.get("1").is_none());
    }

    #[test]
    fn the_oldest_goes_where_there_are_too_many() {
        let store = Store::default();
        (0..=MOST).for_each(|id| put(&store, id, "a"));
        assert!(store.get("0").is_none() && store.get("1").is_some());
    }

    #[test]
    fn the_oldest_goes_where_they_are_too_large() {
        let store = Store::default();
        let large = "x".repeat(MOST_BYTES / 2);
        (0..2).for_each(|id| put(&store, id, &large));
        assert!(store.get("0").is_none() && store.get("1").is_some());
        put(&store, 2, &large.repeat(3));
        assert!(store.get("2").is_none());
    }

    #[test]
    fn names_differ() {
        assert_ne!(name(), name());
        assert_eq!(name().len(), "resp_".len() + 32);
    }
}
