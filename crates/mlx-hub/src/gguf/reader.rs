//! A stream of known length: nothing is allocated that the rest of it could not fill.

use std::io::{BufReader, Read};

/// What is wrong with a file, in words; the caller adds the path.
pub(super) type Parsed<T> = std::result::Result<T, String>;

/// Reads little-endian values and counts what is left.
pub(super) struct Reader<R> {
    input: BufReader<R>,
    position: u64,
    len: u64,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: R, len: u64) -> Self {
        Self { input: BufReader::with_capacity(1 << 16, input), position: 0, len }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Parsed<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Parsed<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn string(&mut self) -> Parsed<String> {
        let len = self.count("a string of", "bytes", 1)?;
        let mut bytes = vec![0; len];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|error| {
            let text = String::from_utf8_lossy(error.as_bytes());
            format!("the string `{text}` is not UTF-8")
        })
    }

    /// Reads a count of items that take at least `size` bytes each.
    pub(super) fn count(&mut self, before: &str, after: &str, size: u64) -> Parsed<usize> {
        let at = self.position;
        let count = self.u64()?;
        let left = self.len - self.position;
        let fits = count.checked_mul(size).is_some_and(|bytes| bytes <= left);
        usize::try_from(count).ok().filter(|_| fits).ok_or_else(|| {
            let left = format!("does not fit in the {left} bytes left");
            format!("{before} {count} {after} at byte {at} {left}: the file is truncated or damaged")
        })
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Parsed<()> {
        let (at, wanted) = (self.position, bytes.len() as u64);
        if wanted > self.len - at {
            return Err(format!(
                "the file is truncated: it ends at byte {}, within a value at byte {at}",
                self.len
            ));
        }
        self.input.read_exact(bytes).map_err(|error| format!("reading at byte {at} failed: {error}"))?;
        self.position += wanted;
        Ok(())
    }
}
