//! Which part of an MP4 file's sound is meant to be heard: encoders put silence before it and say so in an edit list
//! (ISO/IEC 14496-12, 8.6.6), which symphonia does not read.

use std::io::{Read, Seek, SeekFrom};

/// What is heard of a track, by its edit list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The track's number.
    pub(super) track: u32,
    /// Where the sound begins, in parts of a second.
    begin: u64,
    /// How many parts a second has.
    scale: u32,
    /// How long it is heard, in other parts of a second, and how many of them a second has.
    length: (u64, u32),
}

impl Edit {
    /// The frames before the sound.
    pub(super) fn skip(&self, rate: u32) -> u64 {
        frames(self.begin, self.scale, rate)
    }

    /// The frames that are heard, if the file says how many.
    pub(super) fn frames(&self, rate: u32) -> Option<u64> {
        let (length, scale) = self.length;
        (length > 0).then(|| frames(length, scale, rate))
    }
}

fn frames(parts: u64, scale: u32, rate: u32) -> u64 {
    let frames = (u128::from(parts) * u128::from(rate)).div_ceil(u128::from(scale.max(1)));
    u64::try_from(frames).unwrap_or(u64::MAX)
}

/// The edits of all tracks; none if this is no MP4 file or it has none. The place to read from is at the beginning after.
pub(super) fn edits(source: &mut (impl Read + Seek), length: u64) -> Vec<Edit> {
    let edits = movie(source, length).map(|movie| of_movie(&movie)).unwrap_or_default();
    // A file that cannot go back cannot be read anyway, and says so then.
    let _ = source.rewind();
    edits
}

/// More bytes of tables than this are not read: hours have a few megabytes.
const MOST_BYTES: u64 = 1 << 26;
/// More boxes than this do not stand before the tables.
const MOST_BOXES: usize = 1 << 12;

/// The content of the box that holds the tables.
fn movie(source: &mut (impl Read + Seek), length: u64) -> Option<Vec<u8>> {
    let mut at = 0;
    for number in 0..MOST_BOXES {
        let mut header = [0; 16];
        source.seek(SeekFrom::Start(at)).ok()?;
        let (short, long) = header.split_first_chunk_mut::<8>()?;
        source.read_exact(short).ok()?;
        let [a, b, c, d, kind @ ..] = *short;
        let mut size = u64::from(u32::from_be_bytes([a, b, c, d]));
        let mut begin = 8;
        if number == 0 && &kind != b"ftyp" {
            return None;
        }
        if size == 1 {
            source.read_exact(long).ok()?;
            size = u64::from_be_bytes(long.try_into().ok()?);
            begin = 16;
        }
        let size = if size == 0 { length.checked_sub(at)? } else { size };
        let content = size.checked_sub(begin)?;
        if &kind == b"moov" {
            let mut bytes = Vec::new();
            let read = source.take(content.min(MOST_BYTES)).read_to_end(&mut bytes);
            return read.is_ok().then_some(bytes);
        }
        at = at.checked_add(size).filter(|&at| at < length)?;
    }
    None
}

fn of_movie(movie: &[u8]) -> Vec<Edit> {
    let scale = find(movie, b"mvhd").and_then(|header| number(header, [12, 20])).unwrap_or(0);
    boxes(movie).filter(|(kind, _)| kind == b"trak").filter_map(|(_, track)| edit(track, scale)).collect()
}

fn edit(track: &[u8], movie_scale: u32) -> Option<Edit> {
    let number_of_track = number(find(track, b"tkhd")?, [12, 20])?;
    let scale = number(find(find(track, b"mdia")?, b"mdhd")?, [12, 20])?;
    let list = find(find(track, b"edts")?, b"elst")?;
    let long = *list.first()? == 1;
    let mut entries = list.get(8..)?.chunks_exact(if long { 20 } else { 12 });
    // Where nothing is heard, the time is -1.
    let (length, begin) = entries.find_map(|entry| {
        let (length, begin) = match long {
            true => (big(entry.get(..8)?), i64::try_from(big(entry.get(8..16)?)).ok()?),
            false => (big(entry.get(..4)?), i64::from(i32::from_be_bytes(entry.get(4..8)?.try_into().ok()?))),
        };
        u64::try_from(begin).ok().map(|begin| (length, begin))
    })?;
    // Only one piece of the sound is heard as a whole; of more, the file is read from the first on.
    let length = if entries.next().is_none() { length } else { 0 };
    Some(Edit { track: number_of_track, begin, scale, length: (length, movie_scale) })
}

/// The boxes in a box.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = big(bytes.get(..4)?) as usize;
        let kind = bytes.get(4..8)?.try_into().ok()?;
        let size = if size == 0 { bytes.len() } else { size };
        let content = bytes.get(8..size)?;
        bytes = bytes.get(size..)?;
        Some((kind, content))
    })
}

fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(found, _)| found == kind).map(|(_, content)| content)
}

/// The number of 32 bits in a box at one of two places, by whether its times are short or long.
fn number(content: &[u8], [short, long]: [usize; 2]) -> Option<u32> {
    let at = if *content.first()? == 1 { long } else { short };
    u32::try_from(big(content.get(at..at + 4)?)).ok()
}

fn big(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
