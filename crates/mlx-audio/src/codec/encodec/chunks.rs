//! Audio in chunks that overlap.

use mlx_core::Array;

use crate::codec::div_ceil;
use crate::{Error, Result};

/// Chunks in samples: how long they are, and from the first of one to the first of the next.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Chunks {
    pub(super) length: i32,
    pub(super) stride: i32,
}

/// First samples and lengths of the chunks of so many samples; without chunks it is one.
pub(super) fn spans(chunks: Option<Chunks>, samples: i32) -> Vec<(i32, i32)> {
    let Some(Chunks { length, stride }) = chunks else { return vec![(0, samples)] };
    let step = usize::try_from(stride).unwrap_or(1).max(1);
    (0..samples).step_by(step).map(|first| (first, length.min(samples - first))).collect()
}

/// First samples of the chunks that codes of such a length are of, and how many codes, of `hop` samples, each has.
pub(super) fn parts(
    chunks: Option<Chunks>,
    hop: i32,
    length: i32,
    samples: Option<i32>,
) -> Result<Vec<(i32, i32)>> {
    if let Some(samples) = samples {
        let spans = spans(chunks, samples).into_iter();
        let parts: Vec<_> = spans.map(|(first, length)| (first, div_ceil(length, hop))).collect();
        if parts.iter().map(|&(_, codes)| i64::from(codes)).sum::<i64>() == i64::from(length) {
            return Ok(parts);
        }
        return Err(Error::option("samples", samples, format!("{length} codes are not of so many")));
    }
    let Some(chunks) = chunks else { return Ok(vec![(0, length)]) };
    let each = div_ceil(chunks.length, hop);
    let first = |at: i32| at.saturating_mul(chunks.stride);
    Ok((0..div_ceil(length, each)).map(|at| (first(at), each.min(length - at * each))).collect())
}

/// The sum of chunks that begin at such samples, each fading in to its middle and out from there.
pub(super) fn overlapped(chunks: &[(i32, Array)], channels: i32) -> Result<Array> {
    let at = |sample: i32| usize::try_from(sample).unwrap_or_default();
    let width = at(channels).max(1);
    let longest = chunks.first().map_or(Ok(1), |(_, audio)| audio.dim(1))?;
    let end = chunks.iter().map(|(first, audio)| Ok(first + audio.dim(1)?)).collect::<Result<Vec<_>>>()?;
    let end = at(end.into_iter().max().unwrap_or_default());
    let (mut sum, mut weights) = (vec![0.0_f32; end * width], vec![0.0_f32; end]);
    for (first, audio) in chunks {
        let samples = audio.to_vec::<f32>()?;
        let into = sum.chunks_exact_mut(width).zip(&mut weights).skip(at(*first));
        for (place, (frame, (sum, total))) in samples.chunks_exact(width).zip(into).enumerate() {
            let weight = 0.5 - ((place + 1) as f32 / (longest + 1) as f32 - 0.5).abs();
            *total += weight;
            sum.iter_mut().zip(frame).for_each(|(sum, &sample)| *sum += weight * sample);
        }
    }
    for (frame, &total) in sum.chunks_exact_mut(width).zip(&weights) {
        frame.iter_mut().for_each(|sample| *sample /= total);
    }
    let frames = i32::try_from(end).unwrap_or(i32::MAX);
    Ok(Array::from_vec(sum, [1, frames, channels])?)
}
