//! What configs of codecs have in common.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result};

/// The fields of `T` in `config.json`.
pub(crate) fn read<T: DeserializeOwned>(config: &Value) -> Result<T> {
    T::deserialize(config).map_err(|error| Error::config("config.json", error.to_string()))
}

/// Checks that a size is at least 1, and not larger than anything that was ever built.
pub(crate) fn check(field: &str, size: i32, most: i32) -> Result<()> {
    if (1..=most).contains(&size) {
        return Ok(());
    }
    Err(Error::config("config.json", format!("{field} is {size}: it must be between 1 and {most}")))
}

/// The product of the strides of a model, each of which doubles its width.
pub(crate) fn product(field: &str, strides: &[i32]) -> Result<i32> {
    const MOST: usize = 8;
    if strides.is_empty() || strides.len() > MOST {
        let problem = format!("{field} has {} entries: there must be between 1 and {MOST}", strides.len());
        return Err(Error::config("config.json", problem));
    }
    strides.iter().try_fold(1, |product, &stride| {
        check(field, stride, 64)?;
        let product = product * stride;
        check(field, product, 1 << 20)?;
        Ok(product)
    })
}

/// A number of parts as a size to check.
pub(crate) fn count(parts: usize) -> i32 {
    i32::try_from(parts).unwrap_or(i32::MAX)
}
