//! Memory in huge pages of Linux that arrays share.

use std::ops::Range;
use std::ptr;

use super::{data, raw};
use crate::{Array, Dtype, Error, Kind, Result};

/// Bytes of a huge page.
const HUGE: usize = 2 << 20;
/// Bytes of a line of the cache, at which each array begins.
const LINE: usize = 64;

/// Memory that arrays fill one after another.
pub(crate) struct Chunk {
    bytes: Array,
    used: usize,
}

impl Chunk {
    /// The most bytes of one: as many as an axis can have elements, in whole pages.
    pub(crate) const MOST: usize = i32::MAX as usize / HUGE * HUGE;
    /// Arrays of so many bytes fill huge pages by themselves.
    pub(crate) const LARGE: usize = 16 << 20;

    /// What an array of so many bytes takes.
    pub(crate) fn taken(bytes: usize) -> usize {
        if bytes < Self::LARGE { bytes.next_multiple_of(LINE) } else { 0 }
    }

    /// Room for so many bytes, in huge pages if the system has some.
    #[track_caller]
    pub(crate) fn new(bytes: usize) -> Result<Self> {
        // Where the first page begins is the allocator's choice.
        let length = i32::try_from(bytes + LINE).map_err(|_| refused("too large"))?;
        let bytes = Array::zeros([length], Dtype::Uint8)?;
        let start = data::view(&bytes)?.data.addr();
        advise(&bytes)?;
        Ok(Self { bytes, used: start.next_multiple_of(LINE) - start })
    }

    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.used + bytes <= self.bytes.size()
    }

    /// Copies an array, computed first, which [fits](Self::fits), and returns it where it now lies.
    #[track_caller]
    pub(crate) fn hold(&mut self, array: &Array) -> Result<Array> {
        let whole = array.contiguous(false)?;
        let (from, to) = (data::view(&whole)?, data::view(&self.bytes)?);
        let (start, length) = (self.used, whole.nbytes());
        let whole_fits = from.row_contiguous && from.capacity * from.item_size >= length;
        if !whole_fits || start + length > to.capacity {
            return Err(refused("an array does not fit"));
        }
        // SAFETY: `length` bytes lie at `from`, and behind `start` in memory that is this chunk's own, each of which is an
        // element. The arrays that were made of it end before `start`, so that nothing reads what is written.
        unsafe {
            ptr::copy_nonoverlapping(
                from.data.cast::<u8>(),
                to.data.cast::<u8>().cast_mut().add(start),
                length,
            )
        };
        let place = |at: usize| i32::try_from(at).map_err(|_| refused("too large"));
        let part = self.bytes.index(place(start)?..place(start + length)?)?;
        // It begins at a line, and so at an element.
        let held = raw::view(&part, array.dtype())?.reshape(array.shape())?;
        held.eval()?;
        self.used += Self::taken(length);
        Ok(held)
    }
}

#[track_caller]
fn refused(why: &'static str) -> Error {
    Error::new(Kind::Mlx, "huge_pages", why)
}

/// Asks for huge pages under the elements of an array, computed first, as far as they fill them.
#[track_caller]
pub(crate) fn advise(array: &Array) -> Result<()> {
    let view = data::view(array)?;
    let (start, length) = (view.data.addr(), view.capacity * view.item_size);
    let whole = start.next_multiple_of(HUGE)..(start + length) / HUGE * HUGE;
    if !whole.is_empty() {
        collapse(whole);
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn collapse(pages: Range<usize>) {
    // SAFETY: this changes how the kernel keeps the pages, never what they hold, and fails where nothing is mapped. That
    // it fails, on a kernel before 6.1 say, costs speed only.
    let _ =
        unsafe { libc::madvise(ptr::without_provenance_mut(pages.start), pages.len(), libc::MADV_COLLAPSE) };
}

#[cfg(not(target_os = "linux"))]
fn collapse(_: Range<usize>) {}
