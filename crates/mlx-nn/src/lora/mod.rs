//! Adapters of low rank: what is trained instead of a model's own matrices.
//!
//! [`attach`] puts them beside the matrices of a model whose paths a predicate accepts, dense or quantized, and the
//! model's type stays what it is. Only they are trained: [`is_parameter`] is the predicate for it. [`fuse`] makes
//! plain matrices of both, [`save`] and [`load`] know the folders of mlx-lm and of PEFT.
//!
//! Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models"; with [`magnitudes`](Options::magnitudes), Liu et
//! al., "DoRA: Weight-Decomposed Low-Rank Adaptation".
//!
//! ```
//! use mlx_core::random::Key;
//! use mlx_nn::{Mlp, Module, Weights, lora};
//!
//! let mut model = Weights::init(Key::new(7)?).build(|w| Mlp::load(w, 8, 32, false))?;
//! let options = lora::Options { rank: 4, ..Default::default() };
//! let adapted = lora::attach(&mut model, &options, |path| path != "gate_proj", &Key::new(8)?)?;
//! assert_eq!(adapted, ["up_proj", "down_proj"]);
//! let trained = model.parameters().into_iter().filter(|(path, _)| lora::is_parameter(path)).count();
//! assert_eq!(trained, 4);
//!
//! lora::fuse(&mut model, true)?;
//! assert_eq!(model.parameters().len(), 3);
//! # Ok::<(), mlx_nn::Error>(())
//! ```

mod adapter;
mod file;
mod mlx_lm;
mod peft;
mod place;

pub use adapter::Adapter;
pub(crate) use adapter::Role;
pub use file::{Format, load, save};
pub(crate) use place::{Place, PlaceMut};

use mlx_core::random::Key;

use crate::{Dropout, Error, Module, Result};

/// How matrices are adapted. The defaults are those of mlx-lm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The rank of the change.
    pub rank: i32,
    /// What the change is multiplied by.
    pub scale: f32,
    /// The part of the input that is dropped in training, where [`with_dropout`] asks for it.
    pub dropout: f32,
    /// DoRA: the lengths of the rows are trained apart from their directions.
    pub magnitudes: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { rank: 8, scale: 20.0, dropout: 0.0, magnitudes: false }
    }
}

impl Options {
    fn check(&self) -> Result<()> {
        if self.rank <= 0 {
            return Err(Error::config("rank", format!("{} is not a positive number", self.rank)));
        }
        if !self.scale.is_finite() {
            return Err(Error::config("scale", format!("{} is not a number to multiply by", self.scale)));
        }
        Dropout::new(self.dropout).map(drop)
    }
}

/// Puts adapters that change nothing yet beside the matrices that `accepts` by their layers' paths, such as
/// `layers.0.self_attn.q_proj`; gives those paths. An adapter that is there already is replaced.
///
/// # Errors
/// An option makes no sense, or no path is accepted.
pub fn attach<M: Module>(
    model: &mut M,
    options: &Options,
    accepts: impl Fn(&str) -> bool,
    key: &Key,
) -> Result<Vec<String>> {
    options.check()?;
    let mut key = key.clone();
    let mut adapted = Vec::new();
    place::change(model, |path, place| {
        if accepts(path) {
            adapted.push(path.to_owned());
            *place.adapter = Some(Adapter::new(place.matrix, place.role, *options, &key.next()?)?);
        }
        Ok(())
    })?;
    if adapted.is_empty() {
        let known: Vec<_> = place::all(model).into_iter().map(|(path, _)| path).collect();
        return Err(Error::config("layers", format!("none is accepted, of {}", known.join(", "))));
    }
    Ok(adapted)
}

/// Takes all adapters away: the matrices beside them are what they were.
pub fn detach<M: Module>(model: &mut M) -> Result<()> {
    place::change(model, |_, place| {
        *place.adapter = None;
        Ok(())
    })
}

/// Makes one matrix of each adapter and the one beside it: quantized as that if `quantize`, else of floats.
pub fn fuse<M: Module>(model: &mut M, quantize: bool) -> Result<()> {
    place::change(model, |_, place| {
        if let Some(adapter) = place.adapter.take() {
            *place.matrix = adapter.fused(place.matrix, quantize)?;
        }
        Ok(())
    })
}

/// A copy of the model whose adapters drop elements as their [`dropout`](Options::dropout) says: for one training step.
///
/// The same key drops the same elements, so a compiled step takes one as an argument and calls this inside.
pub fn with_dropout<M: Module + Clone>(model: &M, key: &Key) -> Result<M> {
    let (mut model, mut key) = (model.clone(), key.clone());
    place::change(&mut model, |_, place| {
        if let Some(adapter) = place.adapter {
            adapter.drop_by(&key.next()?);
        }
        Ok(())
    })?;
    Ok(model)
}

/// Whether a path is that of an adapter's array: `lora_a`, `lora_b` or `m`.
pub fn is_parameter(path: &str) -> bool {
    matches!(path.rsplit('.').next(), Some("lora_a" | "lora_b" | "m"))
}
