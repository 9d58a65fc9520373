//! Texts in files of JSON lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Split};
use std::ops::Range;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
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

    /// An image, which has no text.
    pub(crate) fn of_image(path: &Path) -> Self {
        let name = Value::String(path.display().to_string());
        Self { text: String::new(), fields: Map::from_iter([("image".to_owned(), name)]) }
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
    bar: ProgressBar,
}

impl Records {
    /// Opens a file, whose bytes `bar` counts as they are read.
    pub(crate) fn open(path: &Path, bar: &ProgressBar) -> Outcome<Self> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        bar.set_length(file.metadata().map_or(0, |about| about.len()));
        let lines = BufReader::new(file).split(b'\n');
        Ok(Self { lines, path: path.into(), number: 0, bar: bar.clone() })
    }
}

impl Iterator for Records {
    type Item = Outcome<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.number += 1;
            let line = self.lines.next()?;
            self.bar.inc(line.as_ref().map_or(0, |line| line.len() as u64 + 1));
            let found = match line {
                Ok(line) if line.trim_ascii().is_empty() => continue,
                Ok(line) => Record::parse(&line),
                Err(error) => Err(error.to_string()),
            };
            let place = || format!("{}, line {}", self.path.display(), self.number);
            return Some(found.map_err(|why| format!("{}: {why}", place()).into()));
        }
    }
}
