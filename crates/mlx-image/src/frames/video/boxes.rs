//! The boxes that an MP4 file consists of (ISO/IEC 14496-12).

/// A box's name, and how many bytes its header and all of it have, of `left` that there are.
pub(super) fn header(bytes: &[u8], left: u64) -> Option<([u8; 4], u64, u64)> {
    const TO_THE_END: u32 = 0;
    const LONG: u32 = 1;
    let (size, after) = bytes.split_first_chunk::<4>()?;
    let (name, after) = after.split_first_chunk::<4>()?;
    let (start, size) = match u32::from_be_bytes(*size) {
        TO_THE_END => (8, left),
        LONG => (16, u64::from_be_bytes(*after.first_chunk::<8>()?)),
        size => (8, u64::from(size)),
    };
    (start..=left).contains(&size).then_some((*name, start, size))
}

/// The boxes in others, up to the first that is damaged.
pub(super) fn all(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (name, start, size) = header(rest, rest.len() as u64)?;
        let (one, after) = rest.split_at_checked(size as usize)?;
        rest = after;
        Some((name, one.get(start as usize..)?))
    })
}

/// What the first box of a name in the first of another, and so on, holds.
pub(super) fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter()
        .try_fold(bytes, |bytes, wanted| all(bytes).find(|(name, _)| name == *wanted).map(|(_, body)| body))
}

/// The number of 4 bytes at a place.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The rows of a table of so many numbers each, behind its version and its length.
pub(super) fn rows<const N: usize>(bytes: &[u8]) -> Option<Vec<[u32; N]>> {
    const HEADER: usize = 8;
    let count = number(bytes, 4)? as usize;
    let (numbers, _) = bytes.get(HEADER..)?.as_chunks::<4>();
    let numbers = numbers.iter().map(|bytes| u32::from_be_bytes(*bytes)).collect::<Vec<_>>();
    let (rows, _) = numbers.as_chunks::<N>();
    rows.get(..count).map(<[_]>::to_vec)
}
