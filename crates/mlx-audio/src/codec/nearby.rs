//! Parts of sound, or of codes, for codecs in which a code depends on the sound nearby alone: each part is computed with
//! what is around it.

use mlx_core::{Array, concatenate};

use super::{Codec, Codes, Options, Stream, whole};
use crate::{Error, Result};

/// How far a codec sees, in groups: codes of all rates that stand for the same time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reach {
    /// Samples of a group.
    pub(super) samples: i32,
    /// Codes of each rate in a group.
    pub(super) codes: Vec<i32>,
    /// The groups on each side that one depends on.
    pub(super) groups: usize,
}

/// The seconds that are computed together.
const SECONDS: usize = 10;

/// The codec in parts.
pub(super) struct Nearby<'a> {
    codec: &'a dyn Codec,
    options: Options,
    reach: Reach,
    /// Groups that are computed together.
    together: usize,
    sound: Vec<f32>,
    heard: Place,
    /// Codes of each rate.
    codes: Vec<Array>,
    said: Place,
}

/// How many groups are held that were done before.
#[derive(Default)]
struct Place {
    done: usize,
}

/// Groups that come next: of the first `taken` those behind `done`, `count` of them. The first `over` are not needed after.
struct Step {
    done: usize,
    count: usize,
    taken: usize,
    over: usize,
}

impl Place {
    /// The next groups, if enough are held, or all if no more come.
    fn step(&mut self, held: usize, together: usize, around: usize, last: bool) -> Option<Step> {
        let (done, new) = (self.done, held.saturating_sub(self.done));
        let count = match new {
            0 => return None,
            _ if new >= together + around => together,
            _ if last => new,
            _ => return None,
        };
        self.done = (done + count).min(around);
        Some(Step { done, count, taken: held.min(done + count + around), over: done + count - self.done })
    }
}

impl<'a> Nearby<'a> {
    /// The codec in parts, if it is known how far it sees.
    pub(super) fn start(
        codec: &'a dyn Codec,
        options: Options,
        reach: Option<&Reach>,
    ) -> Result<Box<dyn Stream + 'a>> {
        let Some(reach) = reach.cloned() else {
            return Err(Error::option("codec", "one of two hops", "it cannot be run in parts"));
        };
        let together = (SECONDS * codec.facts().sample_rate as usize / size(reach.samples)).max(1);
        let (sound, codes) = (Vec::new(), Vec::new());
        let (heard, said) = (Place::default(), Place::default());
        Ok(Box::new(Self { codec, options, reach, together, sound, heard, codes, said }))
    }

    fn encoded(&mut self, last: bool) -> Result<Option<Codes>> {
        let unit = size(self.reach.samples);
        let mut parts: Vec<Vec<Array>> = Vec::new();
        loop {
            let held = if last { self.sound.len().div_ceil(unit) } else { self.sound.len() / unit };
            let Some(step) = self.heard.step(held, self.together, self.reach.groups, last) else { break };
            let samples = self.sound.get(..step.taken * unit).unwrap_or(&self.sound);
            let codes =
                self.codec.encode(&Array::from_slice(samples, [number(samples.len())])?, self.options)?;
            let cut = |(codes, each): (&Array, &i32)| {
                let cut =
                    codes.index((.., number(step.done) * each..number(step.done + step.count) * each))?;
                cut.eval()?;
                Ok(cut)
            };
            parts.push(codes.rates().iter().zip(&self.reach.codes).map(cut).collect::<Result<_>>()?);
            self.sound.drain(..(step.over * unit).min(self.sound.len()));
        }
        joined(&parts)
    }

    fn decoded(&mut self, last: bool) -> Result<Option<Array>> {
        let unit = self.reach.samples;
        let mut parts = Vec::new();
        while let (Some(codes), Some(&each)) = (self.codes.first(), self.reach.codes.first()) {
            let length = codes.dim(1)?;
            let held = if last { super::div_ceil(length, each) } else { length / each.max(1) };
            let held = usize::try_from(held).unwrap_or_default();
            let Some(step) = self.said.step(held, self.together, self.reach.groups, last) else { break };
            let rates = || self.codes.iter().zip(&self.reach.codes);
            let taken = rates().map(|(codes, each)| codes.index((.., ..number(step.taken) * each)));
            let taken = Codes::of_rates(taken.collect::<mlx_core::Result<_>>()?);
            let audio = self.codec.decode(&taken)?;
            let audio = audio.index(number(step.done) * unit..number(step.done + step.count) * unit)?;
            audio.eval()?;
            parts.push(audio);
            let rest = rates().map(|(codes, each)| codes.index((.., number(step.over) * each..)));
            self.codes = rest.collect::<mlx_core::Result<_>>()?;
        }
        Ok(if parts.is_empty() { None } else { Some(concatenate(&parts, 0)?) })
    }
}

impl Stream for Nearby<'_> {
    fn encode(&mut self, audio: &Array) -> Result<Option<Codes>> {
        self.sound.extend(whole(audio, 1)?.to_vec::<f32>()?);
        self.encoded(false)
    }

    fn finish(&mut self) -> Result<Option<Codes>> {
        let codes = self.encoded(true)?;
        self.sound.clear();
        self.heard = Place::default();
        Ok(codes)
    }

    fn decode(&mut self, codes: &Codes) -> Result<Option<Array>> {
        if codes.rates().len() != self.reach.codes.len()
            || codes.rates().iter().any(|codes| codes.ndim() != 2)
        {
            return self.codec.decode(codes).map(Some);
        }
        if self.codes.is_empty() {
            self.codes = codes.rates().to_vec();
        } else {
            let more = self.codes.iter().zip(codes.rates());
            self.codes =
                more.map(|(held, new)| concatenate([held, new], 1)).collect::<mlx_core::Result<_>>()?;
        }
        self.decoded(false)
    }

    fn finish_decoding(&mut self) -> Result<Option<Array>> {
        let audio = self.decoded(true)?;
        self.codes.clear();
        self.said = Place::default();
        Ok(audio)
    }
}

fn joined(parts: &[Vec<Array>]) -> Result<Option<Codes>> {
    let count = parts.first().map_or(0, Vec::len);
    let rate = |at: usize| concatenate(parts.iter().filter_map(|rates| rates.get(at)), 1);
    let rates: Vec<_> = (0..count).map(rate).collect::<mlx_core::Result<_>>()?;
    Ok(if rates.is_empty() { None } else { Some(Codes::of_rates(rates)) })
}

/// A size that is at least 1.
fn size(length: i32) -> usize {
    usize::try_from(length).unwrap_or_default().max(1)
}

fn number(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_is_done_once_with_all_around_it() {
        for arriving in [1, 3, 50] {
            let (mut place, mut first, mut held, mut found) = (Place::default(), 0, 0, Vec::new());
            let mut run = |held: &mut usize, last| {
                while let Some(step) = place.step(*held, 5, 2, last) {
                    let (from, to) = (first + step.done, first + step.done + step.count);
                    assert!(from == 0 || step.done == 2.min(from), "{from}");
                    assert!(last || step.taken == step.done + step.count + 2);
                    found.extend(from..to);
                    first += step.over;
                    *held -= step.over;
                }
            };
            for _ in 0..23_usize.div_ceil(arriving) {
                held += arriving.min(23);
                run(&mut held, false);
            }
            run(&mut held, true);
            let all = arriving.min(23) * 23_usize.div_ceil(arriving);
            assert_eq!(found, (0..all).collect::<Vec<_>>());
        }
    }
}
