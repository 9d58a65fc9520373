//! Graphs: the order in which arrays are computed, and texts.

use mlx_sys as sys;

use super::owned::Owned;
use super::{Vector, call, string, transform};
use crate::{Array, Result};

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
