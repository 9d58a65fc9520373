//! Which layers see all that came before, and which a window of it.

use serde::Deserialize;

use crate::cache::{LayerCache, Mask};
use crate::config::{Config, size};
use crate::{Error, Result};

/// The layers that slide, and the window that they see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(super) slides: Vec<bool>,
    pub(super) window: Option<i32>,
}

#[derive(Deserialize)]
struct Stored {
    layer_types: Option<Vec<LayerType>>,
    sliding_window: Option<i32>,
}

#[derive(Deserialize)]
struct Late {
    #[serde(default)]
    use_sliding_window: bool,
    #[serde(default)]
    max_window_layers: usize,
}

/// Which layers slide in families where those do from some layer on, if at all.
pub(crate) fn late(config: &Config) -> Result<impl Fn(usize) -> bool + use<>> {
    let Late { use_sliding_window, max_window_layers } = config.parse()?;
    Ok(move |layer| use_sliding_window && layer >= max_window_layers)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LayerType {
    FullAttention,
    SlidingAttention,
}

impl Windows {
    /// Those of so many layers: as `layer_types` says, or where there is a window and the family says that the layer
    /// `slides`.
    ///
    /// # Errors
    /// There are not as many types as layers, or no window for those that slide.
    pub(crate) fn read(config: &Config, layers: usize, slides: impl FnMut(usize) -> bool) -> Result<Self> {
        let stored: Stored = config.parse()?;
        let slides: Vec<_> = match &stored.layer_types {
            Some(types) if types.len() != layers => {
                let types = types.len();
                return Err(Error::Config(format!("layer_types has {types} entries for {layers} layers")));
            }
            Some(types) => types.iter().map(|&kind| kind == LayerType::SlidingAttention).collect(),
            None if stored.sliding_window.is_some() => (0..layers).map(slides).collect(),
            None => return Ok(Self::none(layers)),
        };
        if !slides.contains(&true) {
            return Ok(Self { slides, window: None });
        }
        let Some(window) = stored.sliding_window else {
            let message = "layer_types has sliding_attention but there is no sliding_window";
            return Err(Error::Config(message.into()));
        };
        Ok(Self { slides, window: Some(size("sliding_window", window)?) })
    }

    /// None of so many layers slides.
    pub(crate) fn none(layers: usize) -> Self {
        Self { slides: vec![false; layers], window: None }
    }

    /// An empty memory of the layer.
    pub(crate) fn cache(&self, layer: usize) -> LayerCache {
        match self.window {
            Some(window) if self.slides(layer) => LayerCache::sliding(window),
            _ => LayerCache::full(),
        }
    }

    /// What a token may see in layers that do not slide, and in those that do.
    pub(crate) fn masks(&self) -> [Mask; 2] {
        [Mask::causal(), self.window.map_or_else(Mask::causal, Mask::sliding)]
    }

    /// Whether the layer sees a window.
    pub(crate) fn slides(&self, layer: usize) -> bool {
        self.slides.get(layer).copied().unwrap_or(false)
    }
}
