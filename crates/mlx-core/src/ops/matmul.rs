//! Products of matrices.

use crate::ffi::raw;
use crate::ops::select;
use crate::{cpu, Array, Device, Dtype, Error, Index, Kind, Operand, Result};

/// Which axes [`Array::tensordot`] sums over: a number of last and first axes, or a list for each side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contraction {
    /// The last axes of the left side with the first of the right.
    Count(i32),
    /// These axes of the left side with these of the right, in order.
    Axes(Vec<i32>, Vec<i32>),
}

impl From<i32> for Contraction {
    fn from(count: i32) -> Self {
        Self::Count(count)
    }
}

impl<const N: usize> From<([i32; N], [i32; N])> for Contraction {
    fn from((left, right): ([i32; N], [i32; N])) -> Self {
        Self::Axes(left.to_vec(), right.to_vec())
    }
}

/// Which blocks of a product [`Array::block_masked_mm`] leaves out: those whose mask is false, or zero.
///
/// A mask of numbers scales its blocks. Masks broadcast to one entry a block.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockMasks<'a> {
    /// Blocks of the result.
    pub out: Option<&'a Array>,
    /// Blocks of the left matrix.
    pub lhs: Option<&'a Array>,
    /// Blocks of the right matrix.
    pub rhs: Option<&'a Array>,
}

/// Which matrices of two batches are multiplied; a side without indices takes all of its batch in order.
///
/// Indices count matrices over all leading axes, and broadcast against each other. Negative ones count from
/// the end; those out of range are clamped.
#[derive(Clone, Copy, Debug, Default)]
pub struct MatrixIndices<'a> {
    /// Matrices of the left side.
    pub lhs: Option<&'a Array>,
    /// Matrices of the right side.
    pub rhs: Option<&'a Array>,
    /// The indices ascend, which a GPU uses. Each that does not counts as the greatest before it.
    pub sorted: bool,
}

impl Array {
    /// The matrix product `[…, m, k] · […, k, n] -> […, m, n]`; leading axes broadcast.
    #[track_caller]
    pub fn matmul<'a>(&self, other: impl Operand<'a>) -> Result<Self> {
        let other = other.beside(self)?;
        match cpu::matmul(self, &other) {
            Some(product) => product,
            None => raw::matmul(self, &other),
        }
    }

    /// `beta · self + alpha · a · b` in one pass.
    #[track_caller]
    pub fn addmm(&self, a: &Self, b: &Self, alpha: f32, beta: f32) -> Result<Self> {
        // MLX's rule for tangents leaves both factors out.
        let scaled = |x: &Self, by: f32| if by == 1.0 { Ok(x.clone()) } else { x * by };
        raw::addmm(&scaled(self, beta)?, &scaled(a, alpha)?, b, 1.0, 1.0)
    }

    /// Sums of products over the last axes of both: `[…, k]` and `[…, k]` give all leading axes.
    #[track_caller]
    pub fn inner<'a>(&self, other: impl Operand<'a>) -> Result<Self> {
        raw::inner(self, &*other.beside(self)?)
    }

    /// Each element times each of `other`: `[size, other.size]`.
    #[track_caller]
    pub fn outer<'a>(&self, other: impl Operand<'a>) -> Result<Self> {
        raw::outer(self, &*other.beside(self)?)
    }

    /// The Kronecker product: `other` once for each element of this array, scaled by it.
    #[track_caller]
    pub fn kron<'a>(&self, other: impl Operand<'a>) -> Result<Self> {
        raw::kron(self, &*other.beside(self)?)
    }

    /// Sums of products along one axis that both have; this side is conjugated, other axes broadcast.
    #[track_caller]
    pub fn vecdot<'a>(&self, other: impl Operand<'a>, axis: i32) -> Result<Self> {
        let other = other.beside(self)?;
        raw::vecdot(self, &other, axis)?.or_zeros(self.size() == 0 || other.size() == 0)
    }

    /// Sums of products over several axes: `2` for the last two with the first two of `other`, or a list of axes
    /// for each side.
    ///
    /// ```
    /// # use mlx_core::{Array, Dtype};
    /// let (a, b) = (Array::ones([2, 3, 4], Dtype::Float32)?, Array::ones([4, 3, 5], Dtype::Float32)?);
    /// assert_eq!(a.tensordot(&b, 1)?.shape(), [2, 3, 3, 5]);
    /// assert_eq!(a.tensordot(&b, ([1, 2], [1, 0]))?.shape(), [2, 5]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    #[track_caller]
    pub fn tensordot<'a>(&self, other: impl Operand<'a>, axes: impl Into<Contraction>) -> Result<Self> {
        let other = other.beside(self)?;
        match axes.into() {
            Contraction::Count(count) => raw::tensordot_axis(self, &other, count),
            Contraction::Axes(left, right) => raw::tensordot(self, &other, &left, &right),
        }
    }

    /// The matrix product with masks for blocks of `block_size` by `block_size` elements: 32 or 64.
    #[track_caller]
    pub fn block_masked_mm(&self, other: &Self, block_size: i32, masks: BlockMasks<'_>) -> Result<Self> {
        if let Some(mask) = masks.out.filter(|mask| mask.dtype() != Dtype::Bool) {
            // MLX's gradient by such a mask is wrong.
            let product = self.block_masked_mm(other, block_size, BlockMasks { out: None, ..masks })?;
            return &product * &product.over_blocks(mask, block_size)?.astype(product.dtype())?;
        }
        let BlockMasks { out, lhs, rhs } = masks;
        let product = |a: &Self, b: &Self| raw::block_masked_mm(a, b, block_size, out, lhs, rhs);
        let result = single_precision(self, other, "block_masked_mm", product)?;
        if lhs.or(rhs).is_none() || self.ndim().min(other.ndim()) < 2 {
            return Ok(result);
        }
        // MLX masks its copies in place, and one that a batch shares more than once.
        let (a, b) = (self.for_each_of(&result)?, other.for_each_of(&result)?);
        single_precision(&a, &b, "block_masked_mm", product)
    }

    /// The entry of `mask` for the block of each element.
    #[track_caller]
    fn over_blocks(&self, mask: &Self, block_size: i32) -> Result<Self> {
        let (m, n) = (self.dim(-2)?, self.dim(-1)?);
        let batch = self.shape().split_last_chunk::<2>().map_or(&[][..], |(batch, _)| batch);
        let blocks =
            [m, n].map(|length| (i64::from(length) + i64::from(block_size) - 1) / i64::from(block_size));
        let mask = mask.broadcast_to([batch, &blocks.map(|count| count as i32)].concat())?;
        mask.repeat(block_size, -1)?.repeat(block_size, -2)?.index((Index::Ellipsis, ..m, ..n))
    }

    /// Matrices of its own for each of the leading axes of `product`.
    #[track_caller]
    fn for_each_of(&self, product: &Self) -> Result<Self> {
        let batch = product.shape().split_last_chunk::<2>().map_or(&[][..], |(batch, _)| batch);
        let matrix = self.shape().split_last_chunk::<2>().map_or(&[][..], |(_, matrix)| matrix);
        self.broadcast_to([batch, matrix].concat())?.contiguous(false)
    }

    /// Matrix products `[m, k] · [k, n]` over parts of `k`: `segments` `[…, 2]` holds the first place of each part
    /// and the one after its last, and the result is `[…, m, n]`.
    ///
    /// Places out of range are clamped; a part that ends before it begins gives zeros.
    #[track_caller]
    pub fn segmented_mm(&self, other: &Self, segments: &Self) -> Result<Self> {
        let places = segments.counted("segmented_mm")?.maximum(0)?.minimum(self.dim(-1)?)?;
        let dtype = self.dtype().promote(other.dtype());
        // The CPU takes half types from the wrong places.
        let is_half = matches!(dtype, Dtype::Float16 | Dtype::Bfloat16) && Device::current().is_cpu();
        let wide = if is_half { Dtype::Float32 } else { dtype };
        let places = places.astype(Dtype::Uint32)?;
        let product = raw::segmented_mm(&self.astype(wide)?, &other.astype(wide)?, &places)?.astype(dtype)?;
        refuse_long(&product, "segmented_mm")?;
        let empty = product.size() == 0;
        product.or_zeros(empty)
    }

    /// Matrix products of chosen matrices of two batches: `[…, m, k]` and `[…, k, n]` give the shape of the
    /// indices, then `[m, n]`.
    ///
    /// # Errors
    /// Indices are not whole numbers, or a batch has no matrix to pick.
    #[track_caller]
    pub fn gather_mm(&self, other: &Self, indices: MatrixIndices<'_>) -> Result<Self> {
        let (lhs, rhs) = indices.within(self, other, "gather_mm")?;
        let product = |a: &Self, b: &Self| raw::gather_mm(a, b, lhs.as_ref(), rhs.as_ref(), indices.sorted);
        single_precision(self, other, "gather_mm", product)
    }

    /// The last axis times the Hadamard matrix of its size, then times `scale`, which is `1 / √size` if absent.
    ///
    /// # Errors
    /// The size is not `m · 2^k` with `m` one of 1, 12, 20, 28.
    #[track_caller]
    pub fn hadamard_transform(&self, scale: Option<f32>) -> Result<Self> {
        let size = self.shape().last().copied().unwrap_or(1);
        let powers = |m: i32| size % m == 0 && u32::try_from(size / m).is_ok_and(u32::is_power_of_two);
        if !self.shape().contains(&0) && ![1, 12, 20, 28].into_iter().any(powers) {
            let message = format!("{size} is not m · 2^k with m one of 1, 12, 20, 28");
            return Err(Error::new(Kind::Shape, "hadamard_transform", message));
        }
        if self.dtype() == Dtype::Float64 {
            let message = "float64 is too wide: convert it with astype";
            return Err(Error::new(Kind::Dtype, "hadamard_transform", message));
        }
        raw::hadamard_transform(self, scale)
    }

    /// Zeros in place of this product if a side of it is `empty`: MLX divides by the lengths, and sums of empty arrays
    /// that are transposed may never end.
    #[track_caller]
    pub(crate) fn or_zeros(self, empty: bool) -> Result<Self> {
        if empty { Self::zeros(self.shape(), self.dtype()) } else { Ok(self) }
    }

    /// Whole numbers as `int64`, where the greatest `uint64` do not become negative.
    #[track_caller]
    fn counted(&self, op: &'static str) -> Result<Self> {
        let dtype = self.dtype();
        if !dtype.is_integer() {
            return Err(Error::new(Kind::Dtype, op, format!("indices are whole numbers, not {dtype}")));
        }
        if dtype == Dtype::Uint64 { self.minimum(i64::MAX)? } else { self.clone() }.astype(Dtype::Int64)
    }

    /// These indices as places in a batch of `count`.
    #[track_caller]
    pub(crate) fn places(&self, count: i64, op: &'static str) -> Result<Self> {
        if count == 0 && self.size() > 0 {
            return Err(Error::new(Kind::Index, op, "there is nothing to pick from"));
        }
        let counted = self.counted(op)?;
        let from_front = select(&counted.less(0)?, &(&counted + count)?, &counted)?;
        from_front.minimum(count - 1)?.maximum(0)?.astype(Dtype::Uint32)
    }
}

impl MatrixIndices<'_> {
    /// Both sides' indices, in range of their batches.
    #[track_caller]
    pub(crate) fn within(
        self,
        left: &Array,
        right: &Array,
        op: &'static str,
    ) -> Result<(Option<Array>, Option<Array>)> {
        let lhs = self.of_side(self.lhs, left, op)?;
        let rhs = self.of_side(self.rhs, right, op)?;
        Ok((lhs, rhs))
    }

    #[track_caller]
    fn of_side(self, indices: Option<&Array>, side: &Array, op: &'static str) -> Result<Option<Array>> {
        let Some(indices) = indices else { return Ok(None) };
        let batch = side.shape().split_last_chunk::<2>().map_or(&[][..], |(batch, _)| batch);
        let count = batch.iter().try_fold(1_i64, |count, &n| count.checked_mul(n.into()));
        let Some(count) = count.filter(|&count| count <= i64::from(u32::MAX)) else {
            return Err(Error::new(Kind::Shape, op, format!("a batch {batch:?} has too many matrices")));
        };
        let places = indices.places(count, op)?;
        if !self.sorted || places.size() == 0 {
            return Ok(Some(places));
        }
        // A GPU looks for the end of each run of equal indices, and would read past the end of unsorted ones.
        let ascending = raw::cummax_axis(&places.reshape([-1])?, 0, false, true)?;
        ascending.reshape(places.shape()).map(Some)
    }
}

/// A product that the CPU has for `float32` only: other types go through that there.
#[track_caller]
fn single_precision(
    a: &Array,
    b: &Array,
    op: &'static str,
    product: impl Fn(&Array, &Array) -> Result<Array>,
) -> Result<Array> {
    let out = placed(product(a, b))?;
    match out.dtype() {
        Dtype::Float64 => Err(Error::new(Kind::Dtype, op, "float64 is too wide: convert it with astype")),
        Dtype::Float32 => Ok(out),
        dtype if Device::current().is_cpu() => {
            let (a, b) = (a.astype(Dtype::Float32)?, b.astype(Dtype::Float32)?);
            placed(product(&a, &b))?.astype(dtype)
        }
        _ => Ok(out),
    }
}

/// A result with the caller's line in place of that of a closure.
#[track_caller]
fn placed(result: Result<Array>) -> Result<Array> {
    match result {
        Ok(array) => Ok(array),
        Err(error) => Err(error.at_caller()),
    }
}

/// Checks that MLX can count the elements: where its kernels count in 32 bits, they would write before the array.
#[track_caller]
pub(crate) fn refuse_long(array: &Array, op: &'static str) -> Result<()> {
    if array.size() <= i32::MAX as usize {
        return Ok(());
    }
    Err(Error::new(Kind::Shape, op, format!("{array:?} has more elements than MLX counts here")))
}
