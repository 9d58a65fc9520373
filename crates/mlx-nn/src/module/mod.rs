//! What has parameters, and how they are named.

mod parts;
mod quantize;
mod update;
mod visit;

pub(crate) use update::put;
pub use visit::{Buffers, Visit, VisitMut};

use std::any::{Any, type_name};

use mlx_core::transform::Path;
use mlx_core::{Array, Dtype, Quantization, Result};

use crate::{Matrix, Parameters, QuantizationConfig};

/// Something with parameters: an array, a layer, a model.
///
/// Derive it, which gives [`Tree`](mlx_core::Tree) too: every field is a part of the module, under its own name.
/// Fields that are no parameters but plain settings (numbers, [`Rope`](crate::Rope)) are modules without
/// parameters; skip others with `#[module(skip)]`.
///
/// ```compile_fail
/// #[derive(mlx_nn::Module)]
/// struct Layer {
///     weight: mlx_core::Array,
///     thread: std::thread::Thread, // not a module
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module",
    note = "derive `mlx_nn::Module` for it, or mark the field `#[module(skip)]`"
)]
pub trait Module: Any {
    /// Shows every part with its path, in the order of the fields.
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn Visit<'a>);

    /// Lends every part with its path, to be changed.
    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn VisitMut);

    /// The name of its type, such as `mlx_nn::layer::linear::Linear`.
    fn type_name(&self) -> &'static str {
        type_name::<Self>()
    }

    /// All arrays by path: what is learned, and what else a checkpoint holds.
    fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::default();
        self.visit(&mut Path::default(), &mut |path: &str, array: &Array| {
            parameters.insert(path, array.clone());
        });
        parameters
    }

    /// The arrays that can be learned and whose paths `predicate` accepts: those of floats that are no buffers.
    fn trainable(&self, predicate: impl FnMut(&str) -> bool) -> Parameters
    where
        Self: Sized,
    {
        let mut trainable = update::Trainable::new(predicate);
        self.visit(&mut Path::default(), &mut trainable);
        trainable.found
    }

    /// Puts `parameters` in the places of their paths. Others keep what they have.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) lists every array that has no place or does not fit it; then
    /// nothing is changed.
    fn update(&mut self, parameters: &Parameters) -> crate::Result<()> {
        update::report(self, parameters, false)?;
        update::put(self, parameters);
        Ok(())
    }

    /// Puts `parameters` in all places: [`update`](Self::update), where each place must have an array.
    ///
    /// # Errors
    /// As those of `update`; places that are left are listed too.
    fn replace(&mut self, parameters: &Parameters) -> crate::Result<()> {
        update::report(self, parameters, true)?;
        update::put(self, parameters);
        Ok(())
    }

    /// Gives all floats whose paths `predicate` accepts another type. Packed elements stay as they are.
    fn set_dtype(&mut self, dtype: Dtype, mut predicate: impl FnMut(&str) -> bool) -> Result<()>
    where
        Self: Sized,
    {
        let floats = self.parameters().into_iter();
        let floats = floats.filter(|(path, array)| array.dtype().is_float() && predicate(path));
        let cast = floats.map(|(path, array)| Ok((path, array.astype(dtype)?))).collect::<Result<_>>()?;
        update::put(self, &cast);
        Ok(())
    }

    /// Quantizes each dense matrix, such as that of a linear layer or an embedding, by the scheme that `choose` has
    /// for it, if any. `scheme` is what the returned config, that of a `config.json`, states for all but exceptions.
    ///
    /// ```
    /// use mlx_core::{Quantization, random::Key};
    /// use mlx_nn::{Mlp, Module, Weights};
    ///
    /// let mut mlp = Weights::init(Key::new(0)?).build(|w| Mlp::load(w, 64, 128, false))?;
    /// let scheme = Quantization::affine(4, 64);
    /// mlp.quantize(scheme, |path, _| (path != "down_proj").then_some(scheme))?;
    /// assert!(mlp.parameters().get("up_proj.scales").is_some());
    /// assert!(mlp.parameters().get("down_proj.scales").is_none());
    /// # Ok::<(), mlx_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// Lists every matrix that its scheme does not fit; then nothing is changed.
    fn quantize(
        &mut self,
        scheme: Quantization,
        choose: impl FnMut(&str, &Matrix) -> Option<Quantization>,
    ) -> crate::Result<QuantizationConfig>
    where
        Self: Sized,
    {
        quantize::quantize(self, scheme, choose)
    }

    /// Unpacks each quantized matrix that `choose` accepts, to `dtype` or the type of its scales.
    fn dequantize(
        &mut self,
        dtype: Option<Dtype>,
        choose: impl FnMut(&str, &Matrix) -> bool,
    ) -> crate::Result<()>
    where
        Self: Sized,
    {
        quantize::dequantize(self, dtype, choose)
    }

    /// This module and all in it, with their paths; Python's `named_modules`. Lists and tuples are none.
    fn named_modules(&self) -> Vec<(String, &dyn Module)> {
        let mut modules = update::Modules::default();
        self.visit(&mut Path::default(), &mut modules);
        modules.0
    }

    /// Bytes of all parameters.
    fn nbytes(&self) -> usize {
        let mut bytes = 0;
        self.visit(&mut Path::default(), &mut |_: &str, array: &Array| bytes += array.nbytes());
        bytes
    }

    /// Computes all parameters, which reads those that are still in a file.
    fn eval(&self) -> Result<()> {
        mlx_core::eval(self.parameters().values())
    }
}

impl dyn Module {
    /// The module, if it is a `T`.
    pub fn downcast_ref<T: Module>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }

    /// The module, to be changed, if it is a `T`.
    pub fn downcast_mut<T: Module>(&mut self) -> Option<&mut T> {
        (self as &mut dyn Any).downcast_mut()
    }
}
