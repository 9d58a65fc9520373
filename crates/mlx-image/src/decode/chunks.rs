//! The chunks that PNG and WebP files consist of.

use std::ops::Range;

/// What the first chunk of this name in a PNG holds, wherever it is.
pub(crate) fn png(bytes: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    const SIGNATURE: usize = 8;
    const CHECKSUM: usize = 4;
    let mut rest = bytes.get(SIGNATURE..)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (found, after) = after.split_first_chunk::<4>()?;
        let (body, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        if *found == name {
            return Some(body);
        }
        rest = after.get(CHECKSUM..)?;
    }
}

/// The chunks of a RIFF file behind the place `from`: a name and where it is, up to the first that is cut off.
pub(crate) fn riff(bytes: &[u8], from: usize) -> impl Iterator<Item = ([u8; 4], Range<usize>)> {
    const HEADER: usize = 8;
    let mut at = from;
    std::iter::from_fn(move || {
        let (name, after) = bytes.get(at..)?.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*after.first_chunk::<4>()?) as usize;
        let body = at + HEADER..at + HEADER + length;
        bytes.get(body.clone())?;
        // Chunks begin at even places.
        at = body.end + length % 2;
        Some((*name, body))
    })
}
