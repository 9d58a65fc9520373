//! Functions in files.

use std::ffi::{c_int, c_void};
use std::path::Path;

use mlx_sys as sys;

use super::closure::{arrays_of, free, run};
use super::map::Arrays;
use super::owned::Owned;
use super::{Vector, call, io, string, transform};
use crate::transform::Keywords;
use crate::{Array, Result, stream};

/// What an exported function does.
pub(crate) type Body = dyn Fn(Vec<Array>, Keywords) -> Result<Vec<Array>>;

/// A file that functions are written to.
pub(crate) struct Exporter(Owned<sys::mlx_function_exporter>);

impl Exporter {
    /// Opens a file for the traces of `body`.
    #[track_caller]
    pub(crate) fn create(path: &Path, body: Box<Body>, any_shapes: bool, metadata: &str) -> Result<Self> {
        let file = io::terminated("export_function", path)?;
        let metadata = string::terminated("export_function", metadata)?;
        let closure = closure(body);
        // SAFETY: a live closure and two terminated texts; C gives the exporter away, empty if it failed.
        let exporter = unsafe {
            Owned::new(sys::mlx_shim_function_exporter_new(
                file.as_ptr(),
                closure.raw(),
                any_shapes,
                metadata.as_ptr(),
            ))
        };
        call::status("export_function", || c_int::from(exporter.raw().ctx.is_null()))?;
        Ok(Self(exporter))
    }

    /// Writes a trace of the function. After an error, no other trace may be written: MLX would compare it with
    /// one that it has not finished.
    #[track_caller]
    pub(crate) fn trace(&self, arguments: &[Array], keywords: &Keywords) -> Result<()> {
        let arguments = Vector::collect(arguments)?;
        let keywords = Arrays::of_keywords("export_function", keywords)?;
        call::status("export_function", || {
            // SAFETY: live handles; no earlier trace failed.
            unsafe { sys::mlx_function_exporter_apply_kwargs(self.0.raw(), arguments.raw(), keywords.raw()) }
        })
    }
}

/// What a function does, as JSON, and the constants that it needs.
#[track_caller]
pub(crate) fn describe(
    body: Box<Body>,
    arguments: &[Array],
    keywords: &Keywords,
    any_shapes: bool,
) -> Result<(String, Keywords)> {
    let closure = closure(body);
    let arguments = Vector::collect(arguments)?;
    let keywords = Arrays::of_keywords("describe", keywords)?;
    let mut constants = Arrays::empty();
    let json = string::read("describe", |out| {
        // SAFETY: live handles; `read` and `constants` own what C fills.
        unsafe {
            sys::mlx_shim_describe(
                out,
                constants.as_mut_ptr(),
                closure.raw(),
                arguments.raw(),
                keywords.raw(),
                any_shapes,
            )
        }
    })?;
    Ok((json, constants.read()?))
}

fn closure(body: Box<Body>) -> Owned<sys::mlx_closure_kwargs> {
    call::prepare();
    let payload = Box::into_raw(Box::new(body)).cast::<c_void>();
    // SAFETY: `payload` is what `apply` and `free` expect; C frees it with the last copy of the closure.
    unsafe {
        Owned::new(sys::mlx_closure_kwargs_new_func_payload(Some(apply), payload, Some(free::<Box<Body>>)))
    }
}

unsafe extern "C" fn apply(
    out: *mut sys::mlx_vector_array,
    arguments: sys::mlx_vector_array,
    keywords: sys::mlx_map_string_to_array,
    payload: *mut c_void,
) -> c_int {
    run(|| {
        // SAFETY: the payload of `closure`, alive while C calls it.
        let body = unsafe { &*payload.cast::<Box<Body>>() };
        // SAFETY: C lends a live vector and a live map for this call.
        let (arguments, keywords) = unsafe { (arrays_of(arguments)?, Arrays::copy_of(keywords)?.read()?) };
        let inputs = Vector::collect(arguments.iter().chain(keywords.values()))?;
        let mut outputs = Vector::collect(&body(arguments, keywords)?)?;
        transform::check_depth(&outputs)?;
        let stream = stream::current()?;
        call::status("export_function", || {
            // SAFETY: changes the vector, which is owned here, and the graph between live arrays.
            unsafe { sys::mlx_shim_pack_constants(outputs.as_mut_ptr(), inputs.raw(), stream.raw()) }
        })?;
        // SAFETY: C passes an empty vector that it owns.
        call::status("export_function", || unsafe { sys::mlx_vector_array_set(out, outputs.raw()) })
    })
}

/// A function from a file.
pub(crate) struct Imported(Owned<sys::mlx_imported_function>);

impl Imported {
    #[track_caller]
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = io::terminated("import_function", path)?;
        call::prepare();
        // SAFETY: a terminated path; C gives the function away, empty if it failed.
        let function = unsafe { Owned::new(sys::mlx_imported_function_new(file.as_ptr())) };
        call::status("import_function", || c_int::from(function.raw().ctx.is_null()))?;
        Ok(Self(function))
    }

    #[track_caller]
    pub(crate) fn call(&self, arguments: &[Array], keywords: &Keywords) -> Result<Vec<Array>> {
        let inputs = Vector::collect(arguments.iter().chain(keywords.values()))?;
        let arguments = Vector::collect(arguments)?;
        let keywords = Arrays::of_keywords("import_function", keywords)?;
        let mut out = Vector::empty();
        call::status("import_function", || {
            // SAFETY: live handles; `out` owns what C fills.
            unsafe {
                sys::mlx_imported_function_apply_kwargs(
                    out.as_mut_ptr(),
                    self.0.raw(),
                    arguments.raw(),
                    keywords.raw(),
                )
            }
        })?;
        call::status("import_function", || {
            // SAFETY: the primitives belong to this function, which stays on its thread.
            unsafe { sys::mlx_shim_adopt_streams(out.raw(), inputs.raw()) }
        })?;
        transform::check_sizes(&out)?;
        out.into_vec()
    }
}
