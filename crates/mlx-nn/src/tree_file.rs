//! Trees of arrays in files: models, states of optimisers, whole trainings.

use std::collections::BTreeMap;
use std::path::Path;

use mlx_core::{Tree, eval, io};

use crate::{Misshapen, Report, Result};

/// Writes the arrays of `tree` to a safetensors file by their paths, as Python's `tree_flatten` names them. What was
/// there before is replaced when all is written.
///
/// What is not in an array, such as a number, is not kept.
///
/// # Errors
/// An array is `float64`, for which MLX's format has no name, or the file cannot be written.
///
/// ```
/// use mlx_core::random::Key;
/// use mlx_nn::optim::{AdamW, Optimizer, State};
/// use mlx_nn::{Mlp, Module, Weights, load_tree, save_tree};
///
/// #[derive(mlx_core::Tree)]
/// struct Training {
///     model: Mlp,
///     optimizer: State,
///     key: Key,
/// }
///
/// # fn main() -> mlx_nn::Result<()> {
/// let mut key = Key::new(7)?;
/// let model = Weights::init(key.next()?).build(|w| Mlp::load(w, 4, 8, true))?;
/// let optimizer = AdamW::new(1e-3).init(&model.trainable(|_| true))?;
/// let training = Training { model, optimizer, key };
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("training.safetensors");
/// save_tree(&path, &training)?;
/// let resumed = load_tree(&path, &training)?;
/// # assert_eq!(resumed.model.parameters().len(), 6);
/// # Ok(())
/// # }
/// ```
pub fn save_tree(path: impl AsRef<Path>, tree: &impl Tree) -> Result<()> {
    let leaves = tree.named_leaves();
    let leaves = leaves.iter().map(|(name, array)| (name.as_str(), *array));
    Ok(io::save_safetensors(path, leaves, &BTreeMap::new())?)
}

/// The same tree as `like` with the arrays in a safetensors file, which are read at once.
///
/// # Errors
/// [`Error::Weights`](crate::Error::Weights) lists every array that is missing, left over, or of another shape or type
/// than that of `like`.
pub fn load_tree<T: Tree>(path: impl AsRef<Path>, like: &T) -> Result<T> {
    let mut arrays = io::load_safetensors(path)?.arrays;
    let mut report = Report::default();
    let tree = like.tree_map(|name, old| match arrays.remove(name) {
        Some(new) if new.shape() == old.shape() && new.dtype() == old.dtype() => Ok(new),
        Some(new) => {
            report.misshapen.push(Misshapen::new(name, &new, old));
            Ok(new)
        }
        None => {
            report.missing.push(name.to_owned());
            Ok(old.clone())
        }
    })?;
    report.unused = arrays.into_keys().collect();
    if !report.is_empty() {
        return Err(report.into());
    }
    eval(tree.leaves())?;
    Ok(tree)
}
