//! Which layers see all that came before, and which a window of it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::cache::{LayerCache, Mask};
use crate::config::{Config, size};
use crate::{Error, Result};

/// The layers that slide, the window that they see, and whether tokens see those behind them too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(super) slides: Vec<bool>,
    pub(super) window: Option<i32>,
    pub(crate) both_ways: bool,
}

/// Whether the config is that of a model that reads texts in both directions, and writes none.
pub(crate) fn reads_both_ways(config: &Config) -> Result<bool> {
    #[derive(Deserialize)]
    struct Stored {
        use_bidirectional_attention: Option<Flag>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Set(bool),
        /// Gemma 4 has a word there, which says what it does with images.
        Word(IgnoredAny),
    }
    Ok(matches!(config.parse::<Stored>()?.use_bidirectional_attention, Some(Flag::Set(true))))
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
        let both_ways = reads_both_ways(config)?;
        let slides: Vec<_> = match &stored.layer_types {
            Some(types) if types.len() != layers => {
                let types = types.len();
                return Err(Error::Config(format!("layer_types has {types} entries for {layers} layers")));
            }
            Some(types) => types.iter().map(|&kind| kind == LayerType::SlidingAttention).collect(),
            None if stored.sliding_window.is_some() => (0..layers).map(slides).collect(),
            None => return Ok(Self { both_ways, ..Self::none(layers) }),
        };
        if !slides.contains(&true) {
            return Ok(Self { slides, window: None, both_ways });
        }
        let Some(window) = stored.sliding_window else {
            let message = "layer_types has sliding_attention but there is no sliding_window";
            return Err(Error::Config(message.into()));
        };
        Ok(Self { slides, window: Some(size("sliding_window", window)?), both_ways })
    }

    /// None of so many layers slides.
    pub(crate) fn none(layers: usize) -> Self {
        Self { slides: vec![false; layers], window: None, both_ways: false }
    }

    /// Where tokens see those on both sides, has the window be that of both together, as Gemma's configs have it.
    pub(crate) fn halve_both_ways(&mut self) {
        if self.both_ways {
            self.window = self.window.map(|window| window / 2 + 1);
        }
    }

    /// An empty memory of the layer.
    pub(crate) fn cache(&self, layer: usize) -> LayerCache {
        match self.window {
            Some(window) if self.slides(layer) && !self.both_ways => LayerCache::sliding(window),
            _ => LayerCache::full(),
        }
    }

    /// What a token may see in layers that do not slide, and in those that do.
    pub(crate) fn masks(&self) -> [Mask; 2] {
        if self.both_ways {
            return [Mask::both_ways(None), Mask::both_ways(self.window)];
        }
        [Mask::causal(), self.window.map_or_else(Mask::causal, Mask::sliding)]
    }

    /// Whether the layer sees a window.
    pub(crate) fn slides(&self, layer: usize) -> bool {
        self.slides.get(layer).copied().unwrap_or(false)
    }
}
