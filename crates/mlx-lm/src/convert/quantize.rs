//! Which layers are quantized, and how.

use std::collections::BTreeMap;
use std::path::Path;

use mlx_core::Quantization;
use mlx_nn::{Matrix, Module, QuantizationConfig};

use super::family;
use super::recipe::{Layers, Recipe};
use crate::{Error, Result};

/// How layers are quantized. Layers whose rows do not divide into groups stay as they are.
pub struct Quantize {
    scheme: Quantization,
    choice: Choice,
}

/// How a layer at a path is quantized, or that it is not.
type Predicate = dyn Fn(&str) -> Option<Quantization>;

enum Choice {
    Family,
    Recipe(Recipe),
    Predicate(Box<Predicate>),
}

impl Quantize {
    /// All layers by one scheme. As in mlx-lm, the routers of some families have 8 bits.
    pub fn new(scheme: Quantization) -> Self {
        Self { scheme, choice: Choice::Family }
    }

    /// More bits for the layers that need them, in groups of `group_size`.
    pub fn mixed(recipe: Recipe, group_size: i32) -> Self {
        Self { scheme: Quantization::affine(recipe.low_bits(), group_size), choice: Choice::Recipe(recipe) }
    }

    /// The layers for whose paths, such as `model.layers.0.mlp.down_proj`, `choose` gives a scheme. `scheme` is what
    /// the config states for all but exceptions.
    ///
    /// ```
    /// use mlx_lm::convert::Quantize;
    /// use mlx_lm::mlx_core::Quantization;
    ///
    /// let (four, eight) = (Quantization::affine(4, 64), Quantization::affine(8, 64));
    /// let layers = Quantize::choose(four, move |path| match path {
    ///     "lm_head" => None,
    ///     _ if path.ends_with("v_proj") => Some(eight),
    ///     _ => Some(four),
    /// });
    /// ```
    pub fn choose(scheme: Quantization, choose: impl Fn(&str) -> Option<Quantization> + 'static) -> Self {
        Self { scheme, choice: Choice::Predicate(Box::new(choose)) }
    }
}

/// Why layers cannot be quantized as asked.
pub(super) enum Refusal {
    Request(String),
    Error(Error),
}

impl Refusal {
    /// As an error about the folder that was to be written.
    pub(super) fn about(self, path: &Path) -> Error {
        match self {
            Self::Request(why) => Error::Convert { path: path.to_owned(), why },
            Self::Error(error) => error,
        }
    }
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Quantizes layers of the decoder, and tells how all of them are then stored.
pub(super) fn apply(
    layers: Option<&Quantize>,
    decoder: &mut impl Module,
    family: &str,
) -> Result<Option<QuantizationConfig>, Refusal> {
    let stored = usual_scheme(decoder);
    let Some(layers) = layers else {
        let Some(usual) = stored else { return Ok(None) };
        return Ok(Some(decoder.quantize(usual, |_, _| None)?));
    };
    let Quantization { mode, bits, group_size } = layers.scheme;
    QuantizationConfig::of_mode(mode, Some(bits), Some(group_size))?;
    let mixed = match &layers.choice {
        Choice::Recipe(recipe) => Some((*recipe, Layers::of(decoder).map_err(Refusal::Request)?)),
        Choice::Family | Choice::Predicate(_) => None,
    };
    let choose = |path: &str| match (&layers.choice, &mixed) {
        (Choice::Predicate(choose), _) => choose(path),
        (_, Some((recipe, layers))) => Some(Quantization::affine(recipe.bits(path, layers), group_size)),
        _ => family::scheme(family, path, layers.scheme),
    };
    let mut count = 0;
    let config = decoder.quantize(layers.scheme, |path, matrix| {
        let chosen = choose(path).filter(|scheme| divides(matrix, scheme.group_size));
        count += usize::from(chosen.is_some());
        chosen
    })?;
    match (count, stored) {
        (0, Some(scheme)) => Err(Refusal::Request(format!(
            "its layers are quantized already ({scheme}): dequantize them, too, to quantize them anew"
        ))),
        (0, None) => Err(Refusal::Request(format!("no layer is chosen and has rows in {}", layers.scheme))),
        _ => Ok(Some(config)),
    }
}

/// Whether the rows of a matrix are whole groups.
fn divides(matrix: &Matrix, group_size: i32) -> bool {
    let Matrix::Dense { weight } = matrix else { return false };
    weight.shape().last().is_some_and(|columns| columns.checked_rem(group_size) == Some(0))
}

/// The scheme of most quantized layers.
fn usual_scheme(decoder: &impl Module) -> Option<Quantization> {
    let mut counts = BTreeMap::<_, (usize, Quantization)>::new();
    for (_, module) in decoder.named_modules() {
        if let Some(Matrix::Quantized(quantized)) = module.downcast_ref() {
            let scheme = quantized.scheme;
            counts.entry(scheme.to_string()).or_insert((0, scheme)).0 += 1;
        }
    }
    counts.into_values().max_by_key(|&(count, _)| count).map(|(_, scheme)| scheme)
}
