//! Where a checkpoint says what its processors do.

use std::path::Path;
use std::{fs, io};

use serde_json::Value;

use crate::{Error, Result};

/// What the file is called.
pub(crate) const FILE: &str = "preprocessor_config.json";

/// What that of videos is called.
const VIDEO_FILE: &str = "video_preprocessor_config.json";

/// What it is called by newer versions of transformers, as a part of a larger one.
const WHOLE_FILE: &str = "processor_config.json";

/// What a folder says of images.
pub(crate) fn read(dir: &Path) -> Result<Value> {
    if let Some(config) = json(dir, FILE)? {
        return Ok(config);
    }
    part(dir, "image_processor")?.ok_or_else(|| missing(dir))
}

/// What a folder says of videos, which older ones only do of images.
pub(crate) fn read_video(dir: &Path) -> Result<Value> {
    if let Some(config) = json(dir, VIDEO_FILE)? {
        return Ok(config);
    }
    match part(dir, "video_processor")? {
        Some(config) => Ok(config),
        None => json(dir, FILE)?.ok_or_else(|| missing(dir)),
    }
}

fn missing(dir: &Path) -> Error {
    Error::config(format!("is missing in {}", dir.display()))
}

fn part(dir: &Path, name: &str) -> Result<Option<Value>> {
    Ok(json(dir, WHOLE_FILE)?.and_then(|mut whole| Some(whole.get_mut(name)?.take())))
}

/// A JSON file of a folder, if it is there.
fn json(dir: &Path, name: &str) -> Result<Option<Value>> {
    let path = dir.join(name);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Read { path, source }),
    };
    let parsed = serde_json::from_str(&text);
    parsed
        .map(Some)
        .map_err(|error| Error::Config { file: path.display().to_string(), problem: error.to_string() })
}
