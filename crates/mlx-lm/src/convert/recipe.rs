//! Mixed bits: more of them for layers that lose most by few. The rule is mlx-lm's, which has it from llama.cpp's Q4_K_M.

use std::fmt;
use std::str::FromStr;

use mlx_nn::{Matrix, Module};

/// Few bits for most layers, more for the head and for some layers' values and down projections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// 2 and 6 bits.
    Mixed2And6,
    /// 3 and 4 bits.
    Mixed3And4,
    /// 3 and 6 bits.
    Mixed3And6,
    /// 4 and 6 bits.
    Mixed4And6,
}

impl Recipe {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Mixed2And6, Self::Mixed3And4, Self::Mixed3And6, Self::Mixed4And6];

    /// Its name in mlx-lm: `mixed_3_6`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mixed2And6 => "mixed_2_6",
            Self::Mixed3And4 => "mixed_3_4",
            Self::Mixed3And6 => "mixed_3_6",
            Self::Mixed4And6 => "mixed_4_6",
        }
    }

    /// The bits of most layers.
    pub fn low_bits(self) -> i32 {
        match self {
            Self::Mixed2And6 => 2,
            Self::Mixed3And4 | Self::Mixed3And6 => 3,
            Self::Mixed4And6 => 4,
        }
    }

    /// The bits of those that need more.
    pub fn high_bits(self) -> i32 {
        match self {
            Self::Mixed3And4 => 4,
            Self::Mixed2And6 | Self::Mixed3And6 | Self::Mixed4And6 => 6,
        }
    }

    /// The bits of the layer at `path`.
    pub(super) fn bits(self, path: &str, layers: &Layers) -> i32 {
        let has = |names: &[&str]| names.iter().any(|name| path.contains(name));
        let sensitive = has(&["v_proj", "v_a_proj", "v_b_proj", "down_proj"]) && layers.counts_most(path);
        if sensitive || has(&["lm_head"]) { self.high_bits() } else { self.low_bits() }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Recipe {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|recipe| recipe.name() == name);
        found.ok_or_else(|| format!("unknown recipe `{name}`: one of {known}"))
    }
}

/// Where paths name the layer of the decoder, and how many there are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layers {
    place: usize,
    count: usize,
}

impl Layers {
    /// Those of a decoder with down projections, by whose paths they are found.
    pub(super) fn of(decoder: &impl Module) -> Result<Self, String> {
        let matrices = decoder.named_modules().into_iter();
        let matrices = matrices.filter(|(_, module)| module.downcast_ref::<Matrix>().is_some());
        let paths: Vec<_> = matrices.map(|(path, _)| path).collect();
        Self::find(&paths).ok_or_else(|| "its layers have no down_proj, by which mixed recipes go".to_owned())
    }

    fn find(paths: &[String]) -> Option<Self> {
        let down = paths.iter().find(|path| path.contains("down_proj"))?;
        let place = down.split('.').position(|name| name.parse::<usize>().is_ok())?;
        let last = paths.iter().filter_map(|path| number(path, place)).max()?;
        Some(Self { place, count: last.saturating_add(1) })
    }

    /// Whether the layer of this path is in the first or last eighth, or a third one between.
    fn counts_most(&self, path: &str) -> bool {
        let (index, eighth) = (number(path, self.place).unwrap_or(0), self.count / 8);
        index < eighth || index >= 7 * self.count / 8 || index.saturating_sub(eighth) % 3 == 2
    }
}

/// The number at a place of a path.
fn number(path: &str, place: usize) -> Option<usize> {
    path.split('.').nth(place)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(count: usize) -> Layers {
        let paths: Vec<_> = (0..count).map(|at| format!("model.layers.{at}.mlp.down_proj")).collect();
        Layers::find(&paths).unwrap()
    }

    /// The layers whose down projections have more bits.
    fn sensitive(count: usize) -> Vec<usize> {
        let layers = layers(count);
        let bits = |at| Recipe::Mixed3And6.bits(&format!("model.layers.{at}.mlp.down_proj"), &layers);
        (0..count).filter(|&at| bits(at) == 6).collect()
    }

    #[test]
    fn the_ends_and_every_third_layer_between_have_more_bits() {
        assert_eq!(sensitive(16), [0, 1, 4, 7, 10, 13, 14, 15]);
        assert_eq!(sensitive(3), [2]);
    }

    #[test]
    fn values_and_the_head_have_more_bits_and_others_do_not() {
        let layers = layers(16);
        let bits = |path| Recipe::Mixed3And4.bits(path, &layers);
        assert_eq!(bits("model.layers.0.self_attn.v_proj"), 4);
        assert_eq!(bits("model.layers.0.self_attn.q_proj"), 3);
        assert_eq!(bits("model.layers.2.self_attn.v_proj"), 3);
        assert_eq!(bits("lm_head"), 4);
        assert_eq!(bits("model.embed_tokens"), 3);
    }

    #[test]
    fn recipes_are_known_by_mlx_lms_names() {
        assert_eq!("mixed_2_6".parse(), Ok(Recipe::Mixed2And6));
        assert!("mixed_9".parse::<Recipe>().unwrap_err().contains("mixed_2_6, mixed_3_4"));
    }
}
