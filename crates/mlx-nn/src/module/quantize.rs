//! Storing the matrices of a model in a few bits each, and in full again.

use std::collections::BTreeMap;

use mlx_core::transform::Path;
use mlx_core::{Array, Dtype, Quantization, Quantized};

use super::visit::{Visit, VisitMut};
use crate::{Error, Matrix, Module, QuantizationConfig, Result};

/// New matrices by path.
type Matrices = BTreeMap<String, Matrix>;

/// Quantizes what `choose` names a scheme for. See [`Module::quantize`].
pub(super) fn quantize(
    module: &mut impl Module,
    scheme: Quantization,
    mut choose: impl FnMut(&str, &Matrix) -> Option<Quantization>,
) -> Result<QuantizationConfig> {
    let (mut config, mut new) = (QuantizationConfig::new(scheme), Matrices::new());
    let mut problems = Vec::new();
    for (path, matrix) in matrices(module) {
        let stored = match matrix {
            Matrix::Quantized(quantized) => Some(quantized.scheme),
            Matrix::Dense { weight } => match choose(&path, matrix) {
                Some(scheme) => {
                    match packed(weight, scheme) {
                        Ok(quantized) => drop(new.insert(path.clone(), quantized.into())),
                        Err(problem) => problems.push(format!("{path}: {problem}")),
                    }
                    Some(scheme)
                }
                None => None,
            },
        };
        if stored != Some(scheme) {
            config = config.with_layer(path, stored);
        }
    }
    if problems.is_empty() {
        module.visit_mut(&mut Path::default(), &mut Exchange(new));
        return Ok(config);
    }
    let problem = format!("{}: choose other schemes for them, or none", problems.join(", "));
    Err(Error::config("quantization", problem))
}

/// Unpacks what `choose` accepts. See [`Module::dequantize`].
pub(super) fn dequantize(
    module: &mut impl Module,
    dtype: Option<Dtype>,
    mut choose: impl FnMut(&str, &Matrix) -> bool,
) -> Result<()> {
    let mut new = Matrices::new();
    for (path, matrix) in matrices(module) {
        if let Matrix::Quantized(quantized) = matrix
            && choose(&path, matrix)
        {
            new.insert(path, quantized.dequantize(dtype)?.into());
        }
    }
    module.visit_mut(&mut Path::default(), &mut Exchange(new));
    Ok(())
}

fn packed(weight: &Array, scheme: Quantization) -> Result<Quantized, String> {
    let columns = weight.shape().last().copied().unwrap_or(0);
    match columns.checked_rem(scheme.group_size) {
        Some(0) => Quantized::of(weight, scheme).map_err(|error| error.message().to_owned()),
        _ => Err(format!("{columns} columns do not divide into groups of {}", scheme.group_size)),
    }
}

/// The matrices of a module by path.
fn matrices(module: &impl Module) -> Vec<(String, &Matrix)> {
    let mut found = Found(Vec::new());
    module.visit(&mut Path::default(), &mut found);
    found.0
}

struct Found<'a>(Vec<(String, &'a Matrix)>);

impl<'a> Visit<'a> for Found<'a> {
    fn parameter(&mut self, _: &str, _: &'a Array) {}

    fn module(&mut self, path: &str, module: &'a dyn Module) {
        if let Some(matrix) = module.downcast_ref() {
            self.0.push((path.to_owned(), matrix));
        }
    }
}

struct Exchange(Matrices);

impl VisitMut for Exchange {
    fn parameter(&mut self, _: &str, _: &mut Array) {}

    fn module(&mut self, path: &str, module: &mut dyn Module) {
        if let Some(matrix) = module.downcast_mut::<Matrix>()
            && let Some(new) = self.0.remove(path)
        {
            *matrix = new;
        }
    }
}
