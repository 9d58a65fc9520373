//! What MLX reads arrays from, when it computes them.
//!
//! MLX leaves arrays undefined when a read fails, and those that it computes after them. So a source never fails
//! before MLX: what it cannot read is zeros, and the thread that loaded the array is told when it evaluates.

use std::ffi::{CString, c_char, c_int, c_void};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{ptr, slice};

use mlx_sys as sys;

use super::failure::Failure;
use super::owned::Owned;
use super::{call, error, guest};
use crate::Result;

/// Bytes that several threads may read, each at its own place.
pub(crate) trait ReadAt: Send + Sync + 'static {
    /// Fills `bytes` with those from `place` on.
    fn read_exact_at(&self, bytes: &mut [u8], place: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn read_exact_at(&self, bytes: &mut [u8], place: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, bytes, place)
    }
}

impl ReadAt for Vec<u8> {
    fn read_exact_at(&self, bytes: &mut [u8], place: u64) -> io::Result<()> {
        let mut rest = usize::try_from(place).ok().and_then(|place| self.get(place..)).unwrap_or_default();
        rest.read_exact(bytes)
    }
}

impl<R: Read + Seek + Send + 'static> ReadAt for Mutex<R> {
    fn read_exact_at(&self, bytes: &mut [u8], place: u64) -> io::Result<()> {
        let mut reader = self.lock().map_err(|_| io::Error::other("the reader panicked before"))?;
        reader.seek(SeekFrom::Start(place))?;
        reader.read_exact(bytes)
    }
}

/// A file as MLX shall see it: a head that was checked, and data that is read later.
pub(crate) struct Source {
    /// What errors call it.
    pub(crate) name: String,
    /// The header, which MLX parses.
    pub(crate) head: Vec<u8>,
    /// Where the data is.
    pub(crate) data: Box<dyn ReadAt>,
    /// The place in `data` of the byte that follows `head`.
    pub(crate) start: u64,
    /// Bytes of data.
    pub(crate) length: u64,
}

/// A source with what the callbacks need, shared by MLX's threads.
struct Shared {
    source: Source,
    label: CString,
    position: AtomicU64,
    failure: Failure,
}

impl Source {
    /// A reader that owns this source.
    #[track_caller]
    pub(super) fn into_reader(self, op: &'static str) -> Result<Owned<sys::mlx_io_reader>> {
        let label = CString::new(self.name.replace('\0', "?")).unwrap_or_default();
        let (position, failure) = (AtomicU64::new(0), Failure::of_thread());
        let shared = Box::new(Shared { source: self, label, position, failure });
        call::prepare();
        // SAFETY: C passes the pointer to the callbacks below, and to `free` when the last user is gone.
        let reader = unsafe { Owned::new(sys::mlx_io_reader_new(Box::into_raw(shared).cast(), VTABLE)) };
        if reader.raw().ctx.is_null() { Err(error::take(op)) } else { Ok(reader) }
    }
}

impl Shared {
    fn length(&self) -> u64 {
        (self.source.head.len() as u64).saturating_add(self.source.length)
    }

    /// Fills `bytes` from the head, from where the last read ended.
    fn read_head(&self, bytes: &mut [u8]) -> usize {
        let at = self.position.load(Ordering::Relaxed);
        let end = at.saturating_add(bytes.len() as u64);
        let range = usize::try_from(at).ok().zip(usize::try_from(end).ok());
        let Some(part) = range.and_then(|(at, end)| self.source.head.get(at..end)) else { return 0 };
        bytes.copy_from_slice(part);
        self.position.store(end, Ordering::Relaxed);
        part.len()
    }

    /// Fills `bytes` with data, or says why not.
    fn read_data(&self, bytes: &mut [u8], offset: u64) -> Result<(), String> {
        let Source { data, head, start, length, .. } = &self.source;
        let place = offset.checked_sub(head.len() as u64);
        let inside =
            place.filter(|place| place.checked_add(bytes.len() as u64).is_some_and(|end| end <= *length));
        let place = inside.and_then(|place| place.checked_add(*start));
        let place = place.ok_or("a read outside the data was asked for")?;
        guest::run(|| data.read_exact_at(bytes, place).map_err(|error| error.to_string()))
            .unwrap_or_else(|_| Err("the reader panicked".to_owned()))
    }
}

/// Bytes that are set to zero and then read at a time, so that they are still in the processor's cache.
const PART: usize = 1 << 20;

const VTABLE: sys::mlx_io_vtable = sys::mlx_io_vtable {
    is_open: Some(yes),
    good: Some(yes),
    tell: Some(tell),
    seek: Some(seek),
    read: Some(read),
    read_at_offset: Some(read_at_offset),
    write: Some(no_write),
    label: Some(label),
    free: Some(free),
};

/// # Safety
/// `source` must be the pointer that C was given, and not freed.
unsafe fn shared<'a>(source: *mut c_void) -> &'a Shared {
    // SAFETY: by this function's contract; a `Shared` is only ever borrowed shared.
    unsafe { &*source.cast::<Shared>() }
}

/// C's memory as bytes, set to zero.
///
/// # Safety
/// `data` must be valid for writes of `n` bytes, and nobody else's until the borrow ends.
unsafe fn cleared<'a>(data: *mut c_char, n: usize) -> &'a mut [u8] {
    if n == 0 || data.is_null() {
        return &mut [];
    }
    // SAFETY: not null, and valid for `n` bytes by this function's contract; written before it is borrowed.
    unsafe {
        ptr::write_bytes(data, 0, n);
        slice::from_raw_parts_mut(data.cast(), n)
    }
}

extern "C" fn yes(_: *mut c_void) -> bool {
    true
}

unsafe extern "C" fn tell(source: *mut c_void) -> usize {
    // SAFETY: C calls with the pointer of a live source.
    let position = unsafe { shared(source) }.position.load(Ordering::Relaxed);
    usize::try_from(position).unwrap_or(usize::MAX)
}

unsafe extern "C" fn seek(source: *mut c_void, offset: i64, whence: c_int) -> c_int {
    // SAFETY: as for `tell`.
    let shared = unsafe { shared(source) };
    let base = match whence {
        0 => 0,
        1 => shared.position.load(Ordering::Relaxed),
        _ => shared.length(),
    };
    match base.checked_add_signed(offset) {
        Some(position) => {
            shared.position.store(position, Ordering::Relaxed);
            0
        }
        None => -1,
    }
}

unsafe extern "C" fn read(source: *mut c_void, data: *mut c_char, n: usize) -> usize {
    // SAFETY: C calls with a live source, and memory of its own that holds `n` bytes.
    let (shared, bytes) = unsafe { (shared(source), cleared(data, n)) };
    shared.read_head(bytes)
}

unsafe extern "C" fn read_at_offset(
    source: *mut c_void,
    data: *mut c_char,
    n: usize,
    offset: usize,
) -> usize {
    if data.is_null() {
        return 0;
    }
    // SAFETY: as for `tell`.
    let shared = unsafe { shared(source) };
    for done in (0..n).step_by(PART) {
        // SAFETY: C gives the memory of the new array, which holds `n` bytes, and this part ends at `n` at most.
        let part = unsafe { cleared(data.add(done), PART.min(n - done)) };
        if let Err(why) = shared.read_data(part, (offset as u64).saturating_add(done as u64)) {
            shared.failure.set(format!("{}: reading {n} bytes: {why}", shared.source.name));
            // SAFETY: the same memory; the borrow of the part is over.
            unsafe { cleared(data, n) };
            break;
        }
    }
    n
}

extern "C" fn no_write(_: *mut c_void, _: *const c_char, _: usize) -> usize {
    0
}

unsafe extern "C" fn label(source: *mut c_void) -> *const c_char {
    // SAFETY: a live source; C copies its label at once.
    unsafe { shared(source) }.label.as_ptr()
}

unsafe extern "C" fn free(source: *mut c_void) {
    // SAFETY: C calls this once, after the last use, with the pointer that the box became.
    let shared = unsafe { Box::from_raw(source.cast::<Shared>()) };
    let _ = guest::run(|| drop(shared));
}
