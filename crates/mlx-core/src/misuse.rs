//! What must not compile. Doc tests of an item of their own stand with it: arrays, streams, groups and `compile`.
//!
//! A nightly toolchain compares the codes; a stable one only sees that each fails.

/// Memory that is lent by an array is gone with it.
///
/// ```compile_fail,E0505
/// let x = mlx_core::Array::from([1.0_f32, 2.0]);
/// let values = x.as_slice::<f32>().unwrap();
/// drop(x);
/// assert_eq!(values[0], 1.0);
/// ```
///
/// ```compile_fail,E0505
/// let x = mlx_core::Array::from([1.0, 2.0]);
/// let shape = x.shape();
/// drop(x);
/// assert_eq!(shape, [2]);
/// ```
pub struct Lent;

/// Types that lie in memory as MLX's do are those of this crate.
///
/// ```compile_fail,E0277
/// #[derive(Clone, Copy)]
/// struct Byte(u8);
/// impl mlx_core::Element for Byte {
///     const DTYPE: mlx_core::Dtype = mlx_core::Dtype::Bool;
/// }
/// ```
pub struct Elements;

/// Handles of C are out of reach.
///
/// ```compile_fail,E0603
/// use mlx_core::ffi::Handle;
/// ```
pub struct Handles;

/// What an [`Owner`](crate::Owner) keeps on its thread does not come out, and arrays of other threads do not get in.
///
/// ```compile_fail,E0277
/// use mlx_core::{Array, Error, Owner};
/// let owner = Owner::spawn(|| Ok::<_, Error>(Array::from(1.0))).unwrap();
/// let x = owner.run(|x| Ok::<_, Error>(x.clone())).unwrap();
/// ```
///
/// ```compile_fail,E0277
/// use mlx_core::{Array, Error, Owner};
/// let owner = Owner::spawn(|| Ok::<_, Error>(Array::from(1.0))).unwrap();
/// let y = Array::from(2.0);
/// owner.run(move |x| (&*x + &y)?.item::<f32>()).unwrap();
/// ```
pub struct Owned;

/// MLX keeps the functions of `checkpoint` and `custom_function` with their results, so that they borrow nothing.
///
/// ```compile_fail,E0373
/// use mlx_core::{Array, transform};
/// let y = Array::from(2.0);
/// let f = transform::checkpoint(|x: &Array| x + &y);
/// ```
///
/// ```compile_fail,E0373
/// use mlx_core::{Array, transform};
/// let y = Array::from(2.0);
/// let f = transform::custom_function(|x: &Array| x + &y);
/// ```
pub struct Kept;

/// Functions that MLX keeps stay on their thread, as the arrays in them do.
///
/// ```compile_fail,E0277
/// use mlx_core::{Array, transform};
/// let f = transform::checkpoint(|x: &Array| x.exp());
/// std::thread::spawn(move || drop(f));
/// ```
pub struct Transformed;

/// MLX reads on threads of its own.
///
/// ```compile_fail,E0277
/// use std::{io, rc::Rc};
/// struct Reader(Rc<Vec<u8>>);
/// impl io::Read for Reader {
///     fn read(&mut self, _: &mut [u8]) -> io::Result<usize> { Ok(0) }
/// }
/// impl io::Seek for Reader {
///     fn seek(&mut self, _: io::SeekFrom) -> io::Result<u64> { Ok(0) }
/// }
/// mlx_core::io::read_npy(Reader(Rc::new(Vec::new()))).unwrap();
/// ```
pub struct Readers;
