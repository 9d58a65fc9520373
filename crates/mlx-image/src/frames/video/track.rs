//! The track of a video: where its frames are in the file, and when they are shown (ISO/IEC 14496-12 and 14496-15).

use std::time::Duration;

use ::image::metadata::Orientation;

use super::boxes::{all, find, number, rows};
use crate::Size;
use crate::frames::Times;

/// A track of H.264.
pub(super) struct Track {
    pub(super) size: Size,
    pub(super) orientation: Orientation,
    /// The parameter sets, behind start codes.
    pub(super) parameters: Vec<u8>,
    /// Of how many bytes the length before each unit is.
    pub(super) length_bytes: usize,
    /// In the order in which they are decoded.
    pub(super) samples: Vec<Sample>,
    /// How many units of time a second has.
    scale: u32,
}

/// The data of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) offset: u64,
    pub(super) size: u32,
    /// When it is shown, and how long it is decoded before the next.
    shown: i64,
    length: u32,
}

impl Track {
    /// The first video track that `moov` describes, in a file of `length` bytes.
    pub(super) fn find(moov: &[u8], length: u64) -> Result<Self, String> {
        let tracks = all(moov).filter(|(name, _)| name == b"trak").map(|(_, track)| track);
        let is_video = |track: &&[u8]| {
            find(track, &[b"mdia", b"hdlr"]).and_then(|handler| handler.get(8..12)) == Some(b"vide")
        };
        let track = tracks.into_iter().find(is_video).ok_or("is a video without a track of pictures")?;
        let table = find(track, &[b"mdia", b"minf", b"stbl"]).ok_or("is a video whose tables are damaged")?;
        let entry = find(table, &[b"stsd"]).and_then(|entries| all(entries.get(8..)?).next());
        match entry {
            Some((name, entry)) if name == *b"avc1" || name == *b"avc3" => {
                Self::parse(track, table, entry, length).ok_or_else(|| {
                    "is a video whose tables are damaged, or that is in fragments: write it anew without them"
                        .into()
                })
            }
            Some((name, _)) => Err(format!(
                "is a video of `{}`, which is not supported: convert it to H.264 (`avc1`)",
                name.escape_ascii()
            )),
            None => Err("is a video whose tables are damaged".to_owned()),
        }
    }

    fn parse(track: &[u8], table: &[u8], entry: &[u8], length: u64) -> Option<Self> {
        const ENTRY: usize = 78;
        let short =
            |at: usize| entry.get(at..)?.first_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes).into());
        let size = Size { width: short(24)?, height: short(26)? };
        let (parameters, length_bytes) = parameters(find(entry.get(ENTRY..)?, &[b"avcC"])?)?;
        let header = find(track, &[b"mdia", b"mdhd"])?;
        let scale = number(header, if header.first() == Some(&1) { 20 } else { 12 })?;
        let samples = samples(table, length).filter(|samples| !samples.is_empty() && scale > 0)?;
        Some(Self { size, orientation: orientation(track), parameters, length_bytes, samples, scale })
    }

    /// When the frames are shown, in the order in which they are.
    pub(super) fn times(&self) -> Times {
        let mut shown = self.samples.iter().map(|sample| sample.shown).collect::<Vec<_>>();
        shown.sort_unstable();
        let last = self.samples.last().map_or(0, |sample| i64::from(sample.length));
        let end = shown.last().map(|shown| shown.saturating_add(last));
        let ends = shown.iter().copied().skip(1).chain(end);
        let duration = |units: i64| Duration::from_secs_f64(units.max(0) as f64 / f64::from(self.scale));
        Times::of(shown.iter().zip(ends).map(|(&start, end)| duration(end.saturating_sub(start))))
    }
}

/// How a track is turned, by its matrix; other matrices than turns by right angles are left out.
fn orientation(track: &[u8]) -> Orientation {
    let header = find(track, &[b"tkhd"]).unwrap_or_default();
    let matrix = if header.first() == Some(&1) { 52 } else { 40 };
    let factor = |at: usize| number(header, matrix + 4 * at).map(|factor| (factor as i32) >> 16);
    match [0, 1, 3, 4].map(factor) {
        [Some(0), Some(1), Some(-1), Some(0)] => Orientation::Rotate90,
        [Some(-1), Some(0), Some(0), Some(-1)] => Orientation::Rotate180,
        [Some(0), Some(-1), Some(1), Some(0)] => Orientation::Rotate270,
        _ => Orientation::NoTransforms,
    }
}

/// The parameter sets of a decoder's configuration behind start codes, and the bytes of lengths.
fn parameters(config: &[u8]) -> Option<(Vec<u8>, usize)> {
    let length_bytes = usize::from(config.get(4)? & 3) + 1;
    let mut rest = config.get(5..)?;
    let mut parameters = Vec::new();
    for mask in [0x1f, 0xff] {
        let (&count, after) = rest.split_first()?;
        rest = after;
        for _ in 0..count & mask {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let (set, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
            parameters.extend_from_slice(&[0, 0, 0, 1]);
            parameters.extend_from_slice(set);
            rest = after;
        }
    }
    Some((parameters, length_bytes))
}

/// The samples of a table, all of which are in a file of `length` bytes.
fn samples(table: &[u8], length: u64) -> Option<Vec<Sample>> {
    let sizes = sizes(find(table, &[b"stsz"])?, length)?;
    let chunks = match find(table, &[b"stco"]) {
        Some(chunks) => rows::<1>(chunks)?.into_iter().map(|[offset]| u64::from(offset)).collect(),
        None => {
            let wide = rows::<2>(find(table, &[b"co64"])?)?;
            wide.into_iter().map(|[high, low]| u64::from(high) << 32 | u64::from(low)).collect::<Vec<_>>()
        }
    };
    let runs = rows::<3>(find(table, &[b"stsc"])?)?;
    let lengths = rows::<2>(find(table, &[b"stts"])?)?;
    let mut lengths =
        lengths.into_iter().flat_map(|[count, length]| std::iter::repeat_n(length, count as usize));
    // Of version 0 offsets are not negative; taken as signed they are right in both.
    let late = find(table, &[b"ctts"]).map(rows::<2>).unwrap_or(Some(Vec::new()))?;
    let mut late =
        late.into_iter().flat_map(|[count, late]| std::iter::repeat_n(late as i32, count as usize));
    let mut sizes = sizes.into_iter();
    let (mut samples, mut time) = (Vec::with_capacity(sizes.len()), 0_i64);
    for (chunk, &start) in (1..).zip(&chunks) {
        let run = runs.iter().rev().find(|[first, ..]| *first <= chunk);
        let &[_, count, _] = run?;
        let mut offset = start;
        for size in sizes.by_ref().take(count as usize) {
            let sample = Sample {
                offset,
                size,
                shown: time.checked_add(late.next().unwrap_or_default().into())?,
                length: lengths.next().unwrap_or_default(),
            };
            offset = offset.checked_add(size.into()).filter(|&end| end <= length)?;
            time = time.checked_add(sample.length.into())?;
            samples.push(sample);
        }
    }
    sizes.next().is_none().then_some(samples)
}

/// The sizes of samples, which are in the file together.
fn sizes(table: &[u8], length: u64) -> Option<Vec<u32>> {
    let (equal, count) = (number(table, 4)?, number(table, 8)?);
    if equal == 0 {
        return rows::<1>(table.get(4..)?).map(|rows| rows.into_iter().map(|[size]| size).collect());
    }
    let fits = u64::from(equal) * u64::from(count) <= length;
    fits.then(|| vec![equal; count as usize])
}
