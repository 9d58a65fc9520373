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

mod adapted;
mod file;
mod mlx_lm;
mod peft;

pub use adapted::Adapted;
pub use file::{Format, load, save};

use mlx_core::random::Key;

use crate::{Error, Matrix, Module, Path, Result, Role};

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
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Error::config("dropout", format!("{} is not from 0 to below 1", self.dropout)));
        }
        Ok(())
    }
}

/// Puts adapters that change nothing yet beside the matrices that `accepts` by their layers' paths, such as
/// `layers.0.self_attn.q_proj`; gives those paths. An adapter that is there already is replaced.
///
/// A tied [`Head`](crate::Head) keeps the table that it was made with.
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
    change(model, |path, role, matrix| {
        if !accepts(path) {
            return Ok(matrix);
        }
        adapted.push(path.to_owned());
        Adapted::new(bare(matrix), role, options, &key.next()?).map(Matrix::from)
    })?;
    if adapted.is_empty() {
        let known: Vec<_> = file::matrices(model).into_iter().map(|(path, ..)| path).collect();
        return Err(Error::config("layers", format!("none is accepted, of {}", known.join(", "))));
    }
    Ok(adapted)
}

/// Takes all adapters away: the matrices under them are what they were.
pub fn detach<M: Module>(model: &mut M) -> Result<()> {
    change(model, |_, _, matrix| Ok(bare(matrix)))
}

/// Makes one matrix of each adapter and what is under it: quantized as that if `quantize`, else of floats.
pub fn fuse<M: Module>(model: &mut M, quantize: bool) -> Result<()> {
    change(model, |_, _, matrix| match matrix {
        Matrix::Adapted(adapted) => Ok(adapted.fused(quantize)?),
        matrix => Ok(matrix),
    })
}

/// A copy of the model whose adapters drop elements as their [`dropout`](Options::dropout) says: for one training step.
///
/// The same key drops the same elements, so a compiled step takes one as an argument and calls this inside.
pub fn with_dropout<M: Module + Clone>(model: &M, key: &Key) -> Result<M> {
    let mut model = model.clone();
    let mut key = key.clone();
    change(&mut model, |_, _, matrix| match matrix {
        Matrix::Adapted(adapted) => Ok(adapted.dropping(Some(key.next()?)).into()),
        matrix => Ok(matrix),
    })?;
    Ok(model)
}

/// Whether a path is that of an adapter's array: `lora_a`, `lora_b` or `m`.
pub fn is_parameter(path: &str) -> bool {
    matches!(path.rsplit('.').next(), Some("lora_a" | "lora_b" | "m"))
}

/// Replaces each matrix by what `change` makes of it. The first error ends it.
fn change<M: Module>(
    model: &mut M,
    mut change: impl FnMut(&str, Role, Matrix) -> Result<Matrix>,
) -> Result<()> {
    let mut result = Ok(());
    model.visit_matrices_mut(&mut Path::default(), &mut |path, role, matrix| {
        if result.is_ok() {
            match change(path, role, matrix.clone()) {
                Ok(changed) => *matrix = changed,
                Err(error) => result = Err(error),
            }
        }
    });
    result
}

/// The matrix without its adapter.
fn bare(matrix: Matrix) -> Matrix {
    match matrix {
        Matrix::Adapted(adapted) => adapted.into_base(),
        matrix => matrix,
    }
}
