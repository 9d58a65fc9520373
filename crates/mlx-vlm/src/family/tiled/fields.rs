//! Fields that several configs have.

use serde::Deserialize;
use serde_json::Value;

use crate::family::parse;
use crate::{Error, Result};

/// Layers of a tower by number, counted from the last if negative.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "vision_feature_layer is a whole number or a list of such")]
pub(in crate::family) enum Layers {
    One(i64),
    Several(Vec<i64>),
}

/// The most layers of a tower that are looked at.
const MOST_LAYERS: usize = 64;

impl Layers {
    /// Numbers of states, of which there is one more than `depth`: 0 is what goes into the first layer.
    ///
    /// # Errors
    /// There is no such layer, or no number.
    pub(in crate::family) fn numbers(&self, depth: usize) -> Result<Vec<usize>> {
        let all = match self {
            Self::One(layer) => std::slice::from_ref(layer),
            Self::Several(layers) => layers,
        };
        let states = i64::try_from(depth).unwrap_or(i64::MAX).saturating_add(1);
        let number = |&layer: &i64| {
            let at = if layer < 0 { layer.saturating_add(states) } else { layer };
            let out = || Error::config(format!("vision_feature_layer {layer}: the tower has {depth} layers"));
            usize::try_from(at).ok().filter(|at| *at <= depth).ok_or_else(out)
        };
        if all.is_empty() || all.len() > MOST_LAYERS {
            return Err(Error::config(format!("vision_feature_layer names not 1 to {MOST_LAYERS} layers")));
        }
        all.iter().map(number).collect()
    }
}

/// Checks that each size is at least 1 and no more than so many.
pub(in crate::family) fn bounded(place: &str, sizes: &[(&str, i32, i32)]) -> Result<()> {
    for (field, size, most) in sizes {
        if !(1..=*most).contains(size) {
            let problem = format!("{place}: {field} is {size}: it must be from 1 to {most}");
            return Err(Error::config(problem));
        }
    }
    Ok(())
}

/// The width of the decoder's vectors, which several families leave to the defaults of transformers.
pub(in crate::family) fn text_width(config: &Value) -> Result<i32> {
    #[derive(Deserialize)]
    struct Whole {
        #[serde(default, alias = "llm_config")]
        text_config: Text,
        hidden_size: Option<i32>,
    }
    #[derive(Default, Deserialize)]
    struct Text {
        hidden_size: Option<i32>,
    }
    let Whole { text_config, hidden_size } = parse(config)?;
    let width = text_config.hidden_size.or(hidden_size).unwrap_or(4096);
    bounded("text_config", &[("hidden_size", width, 1 << 17)])?;
    Ok(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_counted_from_either_end() {
        assert_eq!(Layers::One(-2).numbers(3).unwrap(), [2]);
        assert_eq!(Layers::Several(vec![0, 3, -1]).numbers(3).unwrap(), [0, 3, 3]);
        for bad in [Layers::One(4), Layers::One(-5), Layers::One(i64::MIN), Layers::Several(Vec::new())] {
            let error = bad.numbers(3).unwrap_err().to_string();
            assert!(error.contains("vision_feature_layer"), "{error}");
        }
    }

    #[test]
    fn sizes_that_cannot_be_are_named() {
        let error = bounded("vision_config", &[("patch_size", 0, 8)]).unwrap_err().to_string();
        assert!(error.contains("vision_config: patch_size is 0"), "{error}");
    }
}
