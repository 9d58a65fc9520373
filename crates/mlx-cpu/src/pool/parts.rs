//! Parts of one slice that several threads write.

use std::marker::PhantomData;
use std::ops::Range;
use std::slice;

use super::each_range;

/// The address of a slice that threads divide among themselves.
struct Shared<'a, T> {
    first: *mut T,
    length: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a mutable slice whose parts go to threads, which `T: Send` allows.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    fn new(slice: &'a mut [T]) -> Self {
        Self { first: slice.as_mut_ptr(), length: slice.len(), slice: PhantomData }
    }

    /// The part of these places, cut to what there is.
    ///
    /// # Safety
    /// Nobody else may have any of the places while this part lives.
    unsafe fn part(&self, places: Range<usize>) -> &'a mut [T] {
        let end = places.end.min(self.length);
        let start = places.start.min(end);
        // SAFETY: within the slice, which is borrowed for `'a`; alone by this function's contract.
        unsafe { slice::from_raw_parts_mut(self.first.add(start), end - start) }
    }
}

/// Calls `work` for the parts of `length` elements of a slice, the last of which may be shorter, with their number, on all
/// threads; `grain` parts are taken at a time.
pub(crate) fn each_part<T: Send>(
    slice: &mut [T],
    length: usize,
    grain: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let length = length.max(1);
    let shared = Shared::new(slice);
    each_range(shared.length.div_ceil(length), grain, |numbers| {
        for number in numbers {
            // SAFETY: each number is given out once, and parts of different numbers do not overlap.
            work(number, unsafe { shared.part(number * length..(number + 1) * length) });
        }
    });
}

/// Calls `work` for the parts of two slices of one length, as [`each_part`] does for those of one.
pub(crate) fn each_part_of_two<T: Send>(
    [first, second]: [&mut [T]; 2],
    length: usize,
    work: impl Fn(usize, [&mut [T]; 2]) + Sync,
) {
    let length = length.max(1);
    let shared = [Shared::new(first), Shared::new(second)];
    each_range(shared[0].length.div_ceil(length), 1, |numbers| {
        for number in numbers {
            let places = number * length..(number + 1) * length;
            // SAFETY: each number is given out once, and parts of different numbers do not overlap.
            work(number, shared.each_ref().map(|shared| unsafe { shared.part(places.clone()) }));
        }
    });
}

/// Some columns of a matrix in row-major order.
pub(crate) struct Columns<'a, T> {
    matrix: &'a Shared<'a, T>,
    width: usize,
    columns: Range<usize>,
}

impl<T> Columns<'_, T> {
    /// The first and the one after the last.
    pub(crate) fn range(&self) -> Range<usize> {
        self.columns.clone()
    }

    /// How many columns the whole matrix has.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// What these columns hold of a row.
    pub(crate) fn row(&mut self, row: usize) -> &mut [T] {
        let first = row * self.width;
        // SAFETY: these columns were given out once, and `self` is borrowed while one of their rows is.
        unsafe { self.matrix.part(first + self.columns.start..first + self.columns.end) }
    }
}

/// Calls `work` for ranges of `count` columns of a matrix of `width` columns, on all threads.
pub(crate) fn each_columns<T: Send>(
    matrix: &mut [T],
    width: usize,
    count: usize,
    work: impl Fn(Columns<'_, T>) + Sync,
) {
    each_columns_of(vec![(matrix, width)], count, |_, columns| work(columns));
}

/// Calls `work` for ranges of up to `count` columns of each of some matrices, that come with how many columns they have, with
/// the number of the matrix, on all threads.
pub(crate) fn each_columns_of<T: Send>(
    matrices: Vec<(&mut [T], usize)>,
    count: usize,
    work: impl Fn(usize, Columns<'_, T>) + Sync,
) {
    let mut end = 0;
    let shared: Vec<_> = matrices
        .into_iter()
        .map(|(matrix, width)| {
            let first = end;
            end += width;
            (Shared::new(matrix), first..end)
        })
        .collect();
    each_range(end, count, |columns| {
        for (number, (matrix, all)) in shared.iter().enumerate() {
            let columns = columns.start.max(all.start)..columns.end.min(all.end);
            if !columns.is_empty() {
                let columns = columns.start - all.start..columns.end - all.start;
                work(number, Columns { matrix, width: all.len(), columns });
            }
        }
    });
}
