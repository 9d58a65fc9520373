//! CPU ops whose kernel is Rust.

use std::borrow::Cow;
use std::ffi::{CString, c_int, c_void};
use std::slice;
use std::sync::Arc;

use mlx_sys as sys;

use super::closure::Closure;
use super::element::elements;
use super::guest::quietly;
use super::owned::Owned;
use super::{Vector, call, guest, list, raw, string};
use crate::kernel::{Failure, Kernel, Spec};
use crate::{Array, Dtype, Element, Error, Kind, Result};

/// What C keeps of an op.
struct Payload {
    kernel: Arc<dyn Kernel>,
    outputs: Vec<Spec>,
}

/// Adds an op to the graph of the current stream, which is on the CPU.
#[track_caller]
pub(crate) fn apply(kernel: Arc<dyn Kernel>, inputs: &[&Array], outputs: Vec<Spec>) -> Result<Vec<Array>> {
    let name = string::terminated("kernel", kernel.name())?;
    let inputs = Vector::collect(inputs.iter().copied())?;
    let lengths: Vec<_> = outputs.iter().flat_map(|spec| spec.shape.iter().copied()).collect();
    let ndims: Vec<_> = outputs.iter().map(|spec| spec.shape.len()).collect();
    let dtypes: Vec<_> = outputs.iter().map(|spec| spec.dtype.raw()).collect();
    call::vector("kernel", |out, s| {
        let callbacks = sys::mlx_shim_kernel {
            name: name.as_ptr(),
            fills: kernel.fills(),
            payload: Box::into_raw(Box::new(Payload { kernel, outputs })).cast(),
            run: Some(run),
            fallback: Some(make_fallback),
            same: Some(same),
            drop: Some(drop_payload),
        };
        // SAFETY: the inputs are live; `lengths` holds the lengths that `ndims` counts for each of the outputs. C copies
        // the name and takes the payload over, which it hands to the four functions below.
        unsafe {
            let (lengths, shapes, dtypes) = (lengths.as_ptr(), ndims.as_ptr(), dtypes.as_ptr());
            let count = ndims.len();
            sys::mlx_shim_primitive(
                out,
                inputs.raw(),
                &raw const callbacks,
                lengths,
                shapes,
                dtypes,
                count,
                s,
            )
        }
    })
}

/// What the fallback gives, which must be what MLX was told of the kernel.
#[track_caller]
pub(crate) fn fallback(kernel: &dyn Kernel, inputs: &[Array], specs: &[Spec]) -> Result<Vec<Array>> {
    let outputs = kernel.fallback(inputs)?;
    let found: Vec<_> = outputs.iter().map(Spec::like).collect();
    if found == specs {
        return Ok(outputs);
    }
    let message = format!("the fallback gives {found:?} where `outputs` says {specs:?}");
    Err(Error::new(Kind::Shape, kernel.name(), message))
}

/// What `apply` made.
///
/// # Safety
/// `payload` must come from `apply` and not be dropped.
unsafe fn payload<'a>(payload: *const c_void) -> &'a Payload {
    // SAFETY: by this function's contract it points to the box that `apply` made.
    unsafe { &*payload.cast::<Payload>() }
}

unsafe extern "C" fn run(
    op: *mut c_void,
    error: *mut sys::mlx_string,
    inputs: *const sys::mlx_shim_buffer,
    num_inputs: usize,
    outputs: *const sys::mlx_shim_buffer,
    num_outputs: usize,
) -> c_int {
    // SAFETY: C passes the payload of `apply`, and as many buffers as it says, which live until this returns. The
    // kernel is shared between threads, which `Kernel: Sync` allows.
    let (kernel, inputs, outputs) =
        unsafe { (&payload(op).kernel, list(inputs, num_inputs), list(outputs, num_outputs)) };
    let inputs: Vec<_> = inputs.iter().map(Input).collect();
    let mut outputs: Vec<_> = outputs.iter().map(Output).collect();
    let result = guest::run(|| kernel.run(&inputs, &mut outputs).map_err(|failure| failure.to_string()));
    let text = match result {
        Ok(Ok(())) => return 0,
        Ok(Err(failure)) => failure,
        Err(panic) => format!("the kernel panicked: {panic}"),
    };
    let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
    // SAFETY: copies a terminated text, and gives the string away.
    let text: Owned<sys::mlx_string> = unsafe { Owned::new(sys::mlx_string_new_data(text.as_ptr())) };
    // SAFETY: C lends a string of its own, which becomes a copy of this one.
    unsafe { sys::mlx_string_set(error, text.raw()) };
    1
}

unsafe extern "C" fn make_fallback(op: *const c_void, out: *mut sys::mlx_closure) -> c_int {
    // SAFETY: C calls this with a payload of `apply`.
    let Payload { kernel, outputs } = unsafe { payload(op) };
    let (kernel, outputs) = (Arc::clone(kernel), outputs.clone());
    // MLX takes a value that is returned twice for one: each is a node of its own.
    let made = guest::run(|| {
        Closure::new(move |inputs| fallback(&*kernel, &inputs, &outputs)?.iter().map(raw::copy).collect())
    });
    match made {
        // SAFETY: C lends a closure of its own, which becomes a copy of this one.
        Ok(closure) => unsafe { sys::mlx_closure_set(out, closure.raw()) },
        Err(_) => 1,
    }
}

unsafe extern "C" fn same(op: *const c_void, other: *const c_void) -> bool {
    // SAFETY: C calls this with two payloads of `apply`.
    let (this, other) = unsafe { (&payload(op).kernel, &payload(other).kernel) };
    quietly(|| this.is_same(&**other)).unwrap_or(false)
}

unsafe extern "C" fn drop_payload(op: *mut c_void) {
    // SAFETY: C calls this once, last, with the pointer that `apply` made of a box.
    let payload = unsafe { Box::from_raw(op.cast::<Payload>()) };
    let _ = guest::run(|| drop(payload));
}

/// An input of a kernel that runs.
pub struct Input<'a>(&'a sys::mlx_shim_buffer);

/// Elements, and where those of an array lie among them.
pub struct Strided<'a, T> {
    /// The elements from the first of the array to the last.
    pub elements: &'a [T],
    /// How far apart neighbours along each axis are.
    pub strides: Vec<usize>,
}

/// A result of a kernel that runs.
pub struct Output<'a>(&'a sys::mlx_shim_buffer);

impl Input<'_> {
    /// The length of each axis.
    pub fn shape(&self) -> &[i32] {
        shape(self.0)
    }

    /// The type of the elements.
    pub fn dtype(&self) -> Dtype {
        Dtype::from_raw(self.0.dtype)
    }

    /// The elements in row-major order, without a copy where they lie in that order.
    ///
    /// # Errors
    /// The input holds another type, or there is no memory for a copy.
    pub fn values<T: Element>(&self) -> Result<Cow<'_, [T]>, Failure> {
        check_type::<T>(self.0)?;
        let data = self.0.data.cast_const().cast::<T::Bits>();
        let (shape, strides) = (self.shape(), self.strides());
        let size = size(shape);
        if size == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        if data.is_aligned() && in_order(shape, strides) {
            // SAFETY: MLX keeps the buffer alive and unchanged while the kernel runs; it holds `size` elements one
            // after the other from `data` on, and every bit pattern is a valid `Bits`.
            let bits = unsafe { slice::from_raw_parts(data, size) };
            if let Some(elements) = elements(bits) {
                return Ok(Cow::Borrowed(elements));
            }
        }
        // SAFETY: as above, but the elements lie where the strides say.
        Ok(Cow::Owned(unsafe { collect(data, shape, strides) }?.into_iter().map(T::from_bits).collect()))
    }

    /// The elements as they lie; none where some axis goes backwards or they may not be borrowed.
    ///
    /// # Errors
    /// The input holds another type.
    pub fn strided<T: Element>(&self) -> Result<Option<Strided<'_, T>>, Failure> {
        check_type::<T>(self.0)?;
        let strides: Option<Vec<_>> =
            self.strides().iter().map(|&stride| usize::try_from(stride).ok()).collect();
        let data = self.0.data.cast_const().cast::<T::Bits>();
        let Some(strides) = strides.filter(|_| data.is_aligned() && size(self.shape()) > 0) else {
            return Ok(None);
        };
        let places = self.shape().iter().zip(&strides);
        let last: usize = places.map(|(&length, stride)| (length.unsigned_abs() as usize - 1) * stride).sum();
        // SAFETY: MLX keeps the buffer alive and unchanged while the kernel runs. The element that the greatest index of
        // each axis names is in it, no axis goes backwards, and every bit pattern is a valid `Bits`.
        let bits = unsafe { slice::from_raw_parts(data, last + 1) };
        Ok(elements(bits).map(|elements| Strided { elements, strides }))
    }

    /// How far apart neighbours along each axis lie, in elements.
    fn strides(&self) -> &[i64] {
        // SAFETY: C passes `ndim` strides, which live as long as the buffer.
        unsafe { list(self.0.strides, self.0.ndim) }
    }
}

impl Output<'_> {
    /// The length of each axis.
    pub fn shape(&self) -> &[i32] {
        shape(self.0)
    }

    /// The type of the elements.
    pub fn dtype(&self) -> Dtype {
        Dtype::from_raw(self.0.dtype)
    }

    /// The elements in row-major order, to be written. They are zero at first, unless the kernel
    /// [fills](crate::kernel::Primitive::FILLS) them.
    ///
    /// # Errors
    /// The result has another type.
    pub fn values<T: Element>(&mut self) -> Result<&mut [T], Failure> {
        check_type::<T>(self.0)?;
        let size = size(self.shape());
        if size == 0 {
            return Ok(&mut []);
        }
        let data = self.0.data.cast::<T>();
        if !data.is_aligned() {
            return Err("the memory of the result is not aligned".into());
        }
        // SAFETY: C allocated the buffer for this result alone, in order, and filled it with zeros, which are valid for
        // every element, or left any bytes in it, which are valid for all but truth values, and those it does fill. `self`
        // is borrowed, so there is one such slice at a time.
        Ok(unsafe { slice::from_raw_parts_mut(data, size) })
    }
}

fn shape(buffer: &sys::mlx_shim_buffer) -> &[i32] {
    // SAFETY: C passes `ndim` lengths, which live as long as the buffer.
    unsafe { list(buffer.shape, buffer.ndim) }
}

fn check_type<T: Element>(buffer: &sys::mlx_shim_buffer) -> Result<(), Failure> {
    let (found, wanted) = (Dtype::from_raw(buffer.dtype), T::DTYPE);
    if found == wanted { Ok(()) } else { Err(format!("a kernel for {wanted} was given {found}").into()) }
}

/// The number of elements; what MLX allocated, so it does not overflow.
fn size(shape: &[i32]) -> usize {
    shape.iter().map(|&length| usize::try_from(length).unwrap_or_default()).product()
}

/// Whether the elements lie one after the other in row-major order.
fn in_order(shape: &[i32], strides: &[i64]) -> bool {
    let mut wanted = 1;
    shape.iter().zip(strides).rev().all(|(&length, &stride)| {
        let fits = length == 1 || stride == wanted;
        wanted *= i64::from(length);
        fits
    })
}

/// The elements in row-major order.
///
/// # Safety
/// There must be an element, and each that `shape` and `strides` name from `data` on must be readable.
unsafe fn collect<T: Copy>(data: *const T, shape: &[i32], strides: &[i64]) -> Result<Vec<T>, Failure> {
    let mut out = Vec::new();
    out.try_reserve_exact(size(shape))?;
    let mut place = vec![0; shape.len()];
    let mut offset = 0_i64;
    loop {
        // SAFETY: `offset` is that of an element, by this function's contract.
        out.push(unsafe { data.offset(offset as isize).read_unaligned() });
        let mut axes = place.iter_mut().zip(shape).zip(strides).rev();
        loop {
            let Some(((at, &length), &stride)) = axes.next() else { return Ok(out) };
            *at += 1;
            offset += stride;
            if *at < length {
                break;
            }
            offset -= stride * i64::from(*at);
            *at = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{collect, in_order};

    #[test]
    fn elements_are_collected_in_the_order_of_the_strides() {
        let data = [0, 1, 2, 3, 4, 5];
        // SAFETY: every place lies in `data`.
        let of = |first: usize, shape: &[i32], strides: &[i64]| unsafe {
            collect(&raw const data[first], shape, strides).unwrap()
        };
        assert_eq!(of(0, &[2, 3], &[3, 1]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(of(0, &[3, 2], &[1, 3]), [0, 3, 1, 4, 2, 5]);
        assert_eq!(of(5, &[6], &[-1]), [5, 4, 3, 2, 1, 0]);
        assert_eq!(of(1, &[2, 2], &[0, 2]), [1, 3, 1, 3]);
        assert_eq!(of(4, &[], &[]), [4]);
    }

    #[test]
    fn order_is_that_of_rows() {
        assert!(in_order(&[2, 3], &[3, 1]) && in_order(&[], &[]) && in_order(&[1, 3], &[9, 1]));
        assert!(!in_order(&[3, 2], &[1, 3]) && !in_order(&[2], &[-1]) && !in_order(&[2, 2], &[0, 1]));
    }
}
