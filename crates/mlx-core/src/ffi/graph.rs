//! Graphs: the order in which arrays are computed, and texts.

use mlx_sys as sys;

use super::owned::Owned;
use super::{Vector, call, string, transform};
use crate::{Array, Error, Kind, Result};

/// The graph of `outputs` as text, in which some arrays have names.
#[track_caller]
pub(crate) fn text(dot: bool, outputs: &[Array], names: &[(Array, String)]) -> Result<String> {
    let outputs = Vector::collect(outputs)?;
    transform::check_depth(&outputs)?;
    call::prepare();
    // SAFETY: C gives the table of names away.
    let namer = unsafe { Owned::new(sys::mlx_node_namer_new()) };
    for (array, name) in names {
        let name = string::terminated("graph", name)?;
        call::status("graph", || {
            // SAFETY: a live array, and a terminated name that C copies.
            unsafe { sys::mlx_node_namer_set_name(namer.raw(), array.raw(), name.as_ptr()) }
        })?;
    }
    string::read("graph", |out| {
        // SAFETY: fills a string that `read` owns from live handles.
        unsafe { sys::mlx_shim_graph_text(out, dot, namer.raw(), outputs.raw()) }
    })
}

/// `array`, computed after `others`.
#[track_caller]
pub(crate) fn depends(array: &Array, others: &Vector) -> Result<Array> {
    let inputs = Vector::collect([array])?;
    let out = call::vector("depends", |out, _| {
        // SAFETY: two live vectors, the first of them not empty, which C does not check, and a result that
        // `call` owns.
        unsafe { sys::mlx_depends(out, inputs.raw(), others.raw()) }
    })?;
    match out.into_iter().next() {
        Some(array) => Ok(array),
        None => Err(Error::new(Kind::Mlx, "depends", "MLX returned no array")),
    }
}
