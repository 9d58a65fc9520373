//! Huge pages of Linux.

use std::ops::Range;

use super::data;
use crate::{Array, Result};

/// Bytes of a huge page.
const HUGE: usize = 2 << 20;
/// What may lie between two arrays of a stretch: the allocator's own, and small arrays.
const GAP: usize = 64 << 10;

/// Asks for huge pages under the stretches of memory that the arrays fill.
#[track_caller]
pub(crate) fn collapse<'a>(arrays: impl IntoIterator<Item = &'a Array>) -> Result<()> {
    let mut places = arrays.into_iter().map(place).collect::<Result<Vec<_>>>()?;
    places.sort_by_key(|place| place.start);
    for stretch in stretches(&places) {
        let whole = stretch.start.next_multiple_of(HUGE)..stretch.end / HUGE * HUGE;
        if !whole.is_empty() {
            advise(whole);
        }
    }
    Ok(())
}

/// Where the elements of an array lie, computed first.
#[track_caller]
fn place(array: &Array) -> Result<Range<usize>> {
    let view = data::view(array)?;
    let start = view.data.addr();
    Ok(start..start + view.capacity * view.item_size)
}

/// Joins places in order that lie close to each other.
fn stretches(places: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for place in places.iter().filter(|place| place.start > 0) {
        match out.last_mut() {
            Some(last) if place.start <= last.end + GAP => last.end = last.end.max(place.end),
            _ => out.push(place.clone()),
        }
    }
    out
}

#[cfg(target_os = "linux")]
fn advise(memory: Range<usize>) {
    // SAFETY: this changes how the kernel keeps the pages, never what they hold, and fails where nothing is mapped. That
    // it fails, on a kernel before 6.1 say, costs speed only.
    let _ = unsafe {
        libc::madvise(std::ptr::without_provenance_mut(memory.start), memory.len(), libc::MADV_COLLAPSE)
    };
}

#[cfg(not(target_os = "linux"))]
fn advise(_: Range<usize>) {}

#[cfg(test)]
mod tests {
    use super::{GAP, stretches};

    #[test]
    fn neighbours_are_one_stretch() {
        assert_eq!(stretches(&[]), []);
        let far = 60 + GAP + 1;
        assert_eq!(stretches(&[0..0, 10..20, 30..60, 40..50, far..far + 5]), [10..60, far..far + 5]);
    }
}
