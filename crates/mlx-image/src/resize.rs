//! Another size, with the same bytes as Pillow's `resize` gives.
//!
//! Rows are resized first, then columns, each rounded to 8 bits; sums are in fixed point. That is how Pillow does it up to
//! its version 12, which models were trained behind. Version 13 takes columns first for some sizes, which changes bytes by
//! a few levels.

use pulp::{Arch, Simd, WithSimd};

use crate::filter::{FRACTION_BITS, Taps};
use crate::{Filter, Image, Result, Size};

impl Image {
    /// This image in another size. Where it becomes smaller it is smoothed, but by [`Filter::Nearest`].
    ///
    /// # Errors
    /// The size is 0 or more than [`MOST_PIXELS`](Self::MOST_PIXELS).
    pub fn resize(&self, to: Size, filter: Filter) -> Result<Self> {
        let (from, to) = (self.size(), to.check("resize")?);
        if filter == Filter::Nearest {
            return Self::new(to, self.nearest(to));
        }
        // As in Pillow, an image that is so tall and becomes lower is made lower first.
        if from.height > TALL * from.width && to.height < from.height {
            return self.resize_height(to.height, filter)?.resize_width(to.width, filter);
        }
        self.resize_width(to.width, filter)?.resize_height(to.height, filter)
    }

    fn resize_width(&self, width: usize, filter: Filter) -> Result<Self> {
        let from = self.size();
        if from.width == width {
            return Ok(self.clone());
        }
        let to = Size { height: from.height, width }.check("resize")?;
        Self::new(to, self.rows_resized(&filter.taps(from.width, width)))
    }

    fn resize_height(&self, height: usize, filter: Filter) -> Result<Self> {
        let from = self.size();
        if from.height == height {
            return Ok(self.clone());
        }
        let to = Size { height, width: from.width }.check("resize")?;
        Self::new(to, self.columns_resized(&filter.taps(from.height, height)))
    }

    fn nearest(&self, to: Size) -> Vec<u8> {
        let columns = nearest(self.size().width, to.width);
        let row = |at: usize| {
            let (pixels, _) = self.rows().nth(at).unwrap_or_default().as_chunks::<3>();
            columns.iter().flat_map(|&at| pixels.get(at).copied().unwrap_or_default()).collect::<Vec<_>>()
        };
        nearest(self.size().height, to.height).into_iter().flat_map(row).collect()
    }

    fn rows_resized(&self, columns: &[Taps]) -> Vec<u8> {
        let (width, spread) = (3 * self.size().width, columns.iter().map(Spread::of).collect::<Vec<_>>());
        let mut resized = vec![0; 3 * columns.len() * self.size().height];
        in_bands(&mut resized, 3 * columns.len(), |first, target| {
            let rows = self.pixels().get(first * width..).unwrap_or_default();
            Arch::new().dispatch(Across { rows, width, columns: &spread, target });
        });
        resized
    }

    fn columns_resized(&self, rows: &[Taps]) -> Vec<u8> {
        let width = 3 * self.size().width;
        let mut resized = vec![0; width * rows.len()];
        in_bands(&mut resized, width, |first, target| {
            let taps = rows.get(first..).unwrap_or_default();
            Arch::new().dispatch(Down { pixels: self.pixels(), width, taps, target });
        });
        resized
    }
}

/// Rows to be resized one by one, with the widest instructions of the processor.
struct Across<'a> {
    rows: &'a [u8],
    width: usize,
    columns: &'a [Spread],
    target: &'a mut [u8],
}

/// Columns to be resized row by row of the target, with the widest instructions of the processor.
struct Down<'a> {
    pixels: &'a [u8],
    width: usize,
    taps: &'a [Taps],
    target: &'a mut [u8],
}

impl WithSimd for Across<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (mut wide, mut resized) = (Vec::new(), vec![[0; 4]; self.columns.len()]);
        let targets = self.target.chunks_exact_mut(3 * self.columns.len());
        for (row, target) in self.rows.chunks_exact(self.width).zip(targets) {
            widened(row, &mut wide);
            row_resized(&wide, self.columns, &mut resized);
            for (target, [red, green, blue, _]) in target.as_chunks_mut::<3>().0.iter_mut().zip(&resized) {
                *target = [*red, *green, *blue];
            }
        }
    }
}

impl WithSimd for Down<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let mut sums = vec![HALF; self.width];
        for (Taps { first, weights }, target) in
            self.taps.iter().zip(self.target.chunks_exact_mut(self.width))
        {
            sums.fill(HALF);
            let rows = self.pixels.get(first * self.width..).unwrap_or_default();
            for (row, &weight) in rows.chunks_exact(self.width).zip(weights) {
                for (sum, &pixel) in sums.iter_mut().zip(row) {
                    *sum = sum.wrapping_add(i32::from(pixel).wrapping_mul(weight));
                }
            }
            for (target, &sum) in target.iter_mut().zip(&sums) {
                *target = rounded(sum);
            }
        }
    }
}

/// The weights of a new pixel, each for the four numbers of a pixel, two pixels together.
struct Spread {
    first: usize,
    pairs: Vec<[i32; 8]>,
}

impl Spread {
    fn of(taps: &Taps) -> Self {
        let pair = |pair: &[i32]| {
            let [left, right] = [0, 1].map(|at| pair.get(at).copied().unwrap_or_default());
            [left, left, left, left, right, right, right, right]
        };
        Self { first: taps.first, pairs: taps.weights.chunks(2).map(pair).collect() }
    }
}

/// A row with a fourth number for each pixel, and room for the other half of a last pair: eight numbers are added at once.
#[inline(always)]
fn widened(row: &[u8], wide: &mut Vec<u8>) {
    let (pixels, _) = row.as_chunks::<3>();
    wide.resize(4 * pixels.len() + 4, 0);
    for (wide, &[red, green, blue]) in wide.as_chunks_mut::<4>().0.iter_mut().zip(pixels) {
        *wide = [red, green, blue, 0];
    }
}

/// A row of new pixels from a widened one. Sums fit: no filter's weights are more than 2 together, whatever their sign.
///
/// New pixels have a fourth number too. Without it the compiler would not keep the sums of a pixel together.
#[inline(always)]
fn row_resized(wide: &[u8], columns: &[Spread], target: &mut [[u8; 4]]) {
    for (target, Spread { first, pairs }) in target.iter_mut().zip(columns) {
        let (pixels, _) = wide.get(4 * first..).unwrap_or_default().as_chunks::<8>();
        let mut sums = [0_i32; 8];
        for (pixels, weights) in pixels.iter().zip(pairs) {
            for ((sum, &pixel), &weight) in sums.iter_mut().zip(pixels).zip(weights) {
                *sum = sum.wrapping_add(i32::from(pixel).wrapping_mul(weight));
            }
        }
        let (left, right) = sums.split_at(4);
        for ((target, left), &right) in target.iter_mut().zip(left).zip(right) {
            *target = rounded(HALF.wrapping_add(*left).wrapping_add(right));
        }
    }
}

/// Fills rows of a result in bands, on as many processors as there are if it is worth it. `fill` gets the number of the
/// first row of its band.
fn in_bands(rows: &mut [u8], width: usize, fill: impl Fn(usize, &mut [u8]) + Sync) {
    const WORTH: usize = 1 << 18;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let bands = processors.min(rows.len() / WORTH).max(1);
    let height = (rows.len() / width.max(1)).div_ceil(bands).max(1);
    let fill = &fill;
    std::thread::scope(|scope| {
        let mut bands = rows.chunks_mut(height * width).enumerate();
        let own = bands.next();
        for (at, band) in bands {
            scope.spawn(move || fill(at * height, band));
        }
        if let Some((_, band)) = own {
            fill(0, band);
        }
    });
}

/// How many times its width the height of a tall image is.
const TALL: usize = 100;

/// What makes rounding down round to the nearest.
const HALF: i32 = 1 << (FRACTION_BITS - 1);

#[inline(always)]
fn rounded(sum: i32) -> u8 {
    (sum >> FRACTION_BITS).clamp(0, 255) as u8
}

/// For each of `to` new pixels in a line the one of `from` that its middle lies in. Middles are added up, as Pillow does.
fn nearest(from: usize, to: usize) -> Vec<usize> {
    let step = from as f64 / to as f64;
    let middles = std::iter::successors(Some(step * 0.5), |middle| Some(middle + step));
    middles.take(to).map(|middle| (middle as usize).min(from - 1)).collect()
}
