//! Who spoke when.

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use super::cluster::{labels, linkage};
use super::encoder::{FRAMES, HOP, RATE, SpeakerEncoder};
use crate::{Error, Result};

/// How many speakers there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speakers {
    /// So many, if there is enough speech.
    Known(usize),
    /// As many as there are clusters of voices whose mean distance, 1 - cosine, is more than this.
    Apart(f32),
}

/// How [`diarize`] tells speakers apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiarizeOptions {
    /// How many speakers there are.
    pub speakers: Speakers,
    /// How long after each other voices are looked at, for 1.6 seconds each.
    pub step: Duration,
    /// Turns of one speaker that are not farther apart are one.
    pub pause: Duration,
}

impl Default for DiarizeOptions {
    fn default() -> Self {
        let speakers = Speakers::Apart(0.36);
        Self { speakers, step: Duration::from_millis(400), pause: Duration::from_millis(500) }
    }
}

/// Who spoke when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diarization {
    /// In order of time.
    pub turns: Vec<Turn>,
    /// How many speakers there are.
    pub speakers: usize,
}

/// What a speaker said without another in between.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Turn {
    /// Where it begins, in seconds.
    pub start: f64,
    /// Where it ends, in seconds.
    pub end: f64,
    /// The number of the speaker, from 0 in order of appearance.
    pub speaker: usize,
}

impl Diarization {
    /// The turns as rich transcription time marks (NIST's RTTM), one a line, of the recording `name`.
    pub fn rttm(&self, name: &str) -> String {
        let words: Vec<&str> = name.split_whitespace().collect();
        let name = if words.is_empty() { "<NA>".to_owned() } else { words.join("_") };
        let mut text = String::new();
        for Turn { start, end, speaker } in &self.turns {
            // Writing into a text does not fail.
            let _ = writeln!(
                text,
                "SPEAKER {name} 1 {start:.3} {:.3} <NA> <NA> speaker_{speaker} <NA> <NA>",
                end - start
            );
        }
        text
    }
}

/// Windows beyond which their clustering would take too long; more are spread farther apart.
const MOST_WINDOWS: usize = 6000;

/// Gives speech to speakers: voices in windows of 1.6 seconds, clustered by their mean distance.
///
/// `speech` says where somebody speaks, in samples at 16 kHz, as [`SileroVad::segments`](crate::vad::SileroVad::segments)
/// does. A window's speaker has the time that is nearest to its middle.
///
/// # Errors
/// An option is out of its range, or an op fails.
pub fn diarize(
    encoder: &SpeakerEncoder,
    samples: &[f32],
    speech: &[Range<usize>],
    options: &DiarizeOptions,
) -> Result<Diarization> {
    options.check()?;
    let mels = encoder.mels(samples);
    let frames = |range: &Range<usize>| range.start / HOP..range.end.div_ceil(HOP).min(mels.len());
    let speech: Vec<Range<usize>> = speech.iter().map(frames).filter(|frames| !frames.is_empty()).collect();
    let total: usize = speech.iter().map(Range::len).sum();
    let step = (options.step.as_secs_f64() * f64::from(RATE)) as usize / HOP;
    let step = step.max(total.div_ceil(MOST_WINDOWS));
    let windows: Vec<Vec<usize>> = speech.iter().map(|frames| starts(frames, step)).collect();
    let cut = |(frames, starts): (&Range<usize>, &Vec<usize>)| {
        let of_speech = mels.get(frames.clone()).unwrap_or_default();
        // What is too short is heard again until it is long enough.
        let window = |start: &usize| {
            of_speech.iter().cycle().skip(start - frames.start).take(FRAMES).copied().collect()
        };
        starts.iter().map(window).collect::<Vec<Vec<_>>>()
    };
    let parts: Vec<_> = speech.iter().zip(&windows).flat_map(cut).collect();
    let vectors = encoder.embed_frames(&parts)?;
    let labels = options.labels(&vectors);
    let mut of_windows = labels.iter().copied();
    let turns =
        speech.iter().zip(&windows).flat_map(|(frames, starts)| turns(frames, starts, &mut of_windows));
    let speakers = labels.iter().max().map_or(0, |last| last + 1);
    Ok(Diarization { turns: joined(turns, options.pause.as_secs_f64()), speakers })
}

impl DiarizeOptions {
    fn check(&self) -> Result<()> {
        match self.speakers {
            Speakers::Known(0) => Err(Error::option("speakers", 0, "there must be at least one")),
            Speakers::Apart(least) if !(0.0..=2.0).contains(&least) => {
                Err(Error::option("speakers", least, "a distance is between 0 and 2"))
            }
            _ if self.step < Duration::from_millis(10) => {
                Err(Error::option("step", format!("{:?}", self.step), "it must be at least 10 ms"))
            }
            _ => Ok(()),
        }
    }

    fn labels(&self, vectors: &[Vec<f32>]) -> Vec<usize> {
        let merges = linkage(vectors);
        labels(vectors.len(), &merges, |clusters, merge| match self.speakers {
            Speakers::Known(count) => clusters > count,
            Speakers::Apart(least) => merge.distance <= least,
        })
    }
}

/// The first frames of windows, `step` apart, the last of which ends with the speech.
fn starts(frames: &Range<usize>, step: usize) -> Vec<usize> {
    let last = frames.end.saturating_sub(FRAMES).max(frames.start);
    (frames.start..last).step_by(step).chain([last]).collect()
}

/// The turns in speech: the border between two windows lies in the middle of what both hear.
fn turns(frames: &Range<usize>, starts: &[usize], labels: &mut impl Iterator<Item = usize>) -> Vec<Turn> {
    let seconds = |frame: usize| (frame * HOP) as f64 / f64::from(RATE);
    let borders = starts.iter().zip(starts.iter().skip(1)).map(|(one, next)| (one + next + FRAMES) / 2);
    let ends = borders.chain([frames.end]);
    let mut start = frames.start;
    let turn = |(end, speaker): (usize, usize)| {
        let from = std::mem::replace(&mut start, end);
        Turn { start: seconds(from), end: seconds(end), speaker }
    };
    ends.zip(labels.take(starts.len())).map(turn).collect()
}

/// Turns of one speaker as one where the pause between them is short.
fn joined(turns: impl Iterator<Item = Turn>, pause: f64) -> Vec<Turn> {
    let mut all: Vec<Turn> = Vec::new();
    for turn in turns {
        match all.last_mut() {
            Some(last) if last.speaker == turn.speaker && turn.start - last.end <= pause => {
                last.end = turn.end
            }
            _ => all.push(turn),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(start: f64, end: f64, speaker: usize) -> Turn {
        Turn { start, end, speaker }
    }

    #[test]
    fn windows_cover_speech_to_its_end() {
        assert_eq!(starts(&(100..500), 80), [100, 180, 260, 340]);
        assert_eq!(starts(&(100..505), 80), [100, 180, 260, 340, 345]);
        assert_eq!(starts(&(100..120), 80), [100]);
    }

    #[test]
    fn borders_lie_between_the_middles_of_windows() {
        let found = turns(&(100..500), &[100, 220, 340], &mut [0, 1, 1].into_iter());
        assert_eq!(joined(found.into_iter(), 0.0), [turn(1.0, 2.4, 0), turn(2.4, 5.0, 1)]);
    }

    #[test]
    fn only_short_pauses_of_one_speaker_are_joined() {
        let given = [turn(0.0, 1.0, 0), turn(1.5, 2.0, 0), turn(3.0, 4.0, 0), turn(4.1, 5.0, 1)];
        let expected = [turn(0.0, 2.0, 0), turn(3.0, 4.0, 0), turn(4.1, 5.0, 1)];
        assert_eq!(joined(given.into_iter(), 0.5), expected);
    }

    #[test]
    fn time_marks_have_ten_fields() {
        let turns = vec![turn(0.5, 2.0, 0), turn(2.25, 3.0, 1)];
        let text = Diarization { turns, speakers: 2 }.rttm("a talk");
        assert_eq!(
            text,
            "SPEAKER a_talk 1 0.500 1.500 <NA> <NA> speaker_0 <NA> <NA>\n\
             SPEAKER a_talk 1 2.250 0.750 <NA> <NA> speaker_1 <NA> <NA>\n"
        );
    }
}
