//! Which layers of a hybrid decoder attend to tokens, and which carry a state on.

use serde::Deserialize;

use crate::config::Config;
use crate::{Error, Result};

#[derive(Deserialize)]
struct Stored {
    layer_types: Option<Vec<String>>,
}

/// Whether each of so many layers attends: as `layer_types` says, where the other layers are called `other`, or else as
/// the family says that a layer `attends`.
///
/// # Errors
/// There are not as many types as layers, or one is not known.
pub(crate) fn attending(
    config: &Config,
    layers: usize,
    other: &str,
    attends: impl Fn(usize) -> bool,
) -> Result<Vec<bool>> {
    let Some(types) = config.parse::<Stored>()?.layer_types else {
        return Ok((0..layers).map(attends).collect());
    };
    if types.len() != layers {
        let types = types.len();
        return Err(Error::Config(format!("layer_types has {types} entries for {layers} layers")));
    }
    let attends = |kind: &String| match kind.as_str() {
        "full_attention" => Ok(true),
        kind if kind == other => Ok(false),
        kind => Err(Error::Config(format!("layer_types has `{kind}`, not full_attention or {other}"))),
    };
    types.iter().map(attends).collect()
}
