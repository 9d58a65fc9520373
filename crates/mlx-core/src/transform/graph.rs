//! What is still to be computed for an array, as text.

use crate::{Array, Result, ffi};

/// The ops that arrays wait for, as text. Ops that were computed are no longer in the graph.
///
/// ```
/// use mlx_core::prelude::*;
/// use mlx_core::transform::Graph;
///
/// let x = Array::from([1.0, 2.0]);
/// let y = (&x * &x)?;
/// let text = Graph::of([&y]).name(&x, "x").name(&y, "y").lines()?;
/// assert!(text.contains("Multiply x [(2), float32], x [(2), float32] -> y [(2), float32]"));
/// # Ok::<(), mlx_core::Error>(())
/// ```
pub struct Graph {
    outputs: Vec<Array>,
    names: Vec<(Array, String)>,
}

impl Graph {
    /// The graph of what `outputs` wait for.
    pub fn of<'a>(outputs: impl IntoIterator<Item = &'a Array>) -> Self {
        Self { outputs: outputs.into_iter().cloned().collect(), names: Vec::new() }
    }

    /// Names an array. Others are A, B, C and so on.
    pub fn name(mut self, array: &Array, name: impl Into<String>) -> Self {
        self.names.push((array.clone(), name.into()));
        self
    }

    /// The inputs, the outputs, and each op on a line.
    #[track_caller]
    pub fn lines(&self) -> Result<String> {
        ffi::graph::text(false, &self.outputs, &self.names)
    }

    /// The graph in the language of Graphviz, for `dot -Tsvg`.
    #[track_caller]
    pub fn dot(&self) -> Result<String> {
        let quoted = self
            .names
            .iter()
            .map(|(array, name)| (array.clone(), name.replace('\\', "\\\\").replace('"', "\\\"")));
        ffi::graph::text(true, &self.outputs, &quoted.collect::<Vec<_>>())
    }
}
