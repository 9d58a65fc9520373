//! Texts in files of JSON lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Split};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::failure::Outcome;

/// A text with what its line holds beside it.
pub(crate) struct Record {
    pub(crate) text: String,
    pub(crate) fields: Map<String, Value>,
}

impl Record {
    /// A text by itself.
    pub(crate) fn of(text: impl Into<String>) -> Self {
        let text = text.into();
        let fields = Map::from_iter([("text".to_owned(), Value::String(text.clone()))]);
        Self { text, fields }
    }

    /// A part of the text, with where it is.
    pub(crate) fn piece(&self, range: Range<usize>) -> Option<Self> {
        let text = self.text.get(range.clone())?.to_owned();
        let mut fields = self.fields.clone();
        fields.insert("text".into(), text.clone().into());
        fields.insert("start".into(), range.start.into());
        fields.insert("end".into(), range.end.into());
        Some(Self { text, fields })
    }

    /// The record of a line: a string of JSON, or an object with a `text`.
    fn parse(line: &[u8]) -> Result<Self, String> {
        let line = str::from_utf8(line).map_err(|_| "is not UTF-8")?;
        match serde_json::from_str(line).map_err(|error| format!("is no JSON: {error}"))? {
            Value::String(text) => Ok(Self::of(text)),
            Value::Object(fields) => match fields.get("text") {
                Some(Value::String(text)) => Ok(Self { text: text.clone(), fields }),
                _ => Err("has no `text` that is a string".into()),
            },
            _ => Err("is neither a string nor an object with a `text`".into()),
        }
    }
}

/// The records of a file, which is read as they are asked for. Empty lines are none.
pub(crate) struct Records {
    lines: Split<BufReader<File>>,
    path: PathBuf,
    number: usize,
}

impl Records {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Outcome<Self> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { lines: BufReader::new(file).split(b'\n'), path: path.into(), number: 0 })
    }
}

impl Iterator for Records {
    type Item = Outcome<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.number += 1;
            let found = match self.lines.next()? {
                Ok(line) if line.trim_ascii().is_empty() => continue,
                Ok(line) => Record::parse(&line),
                Err(error) => Err(error.to_string()),
            };
            let place = || format!("{}, line {}", self.path.display(), self.number);
            return Some(found.map_err(|why| format!("{}: {why}", place()).into()));
        }
    }
}
