//! The spectrogram of a sound, window by window.

use std::path::Path;

use super::FRAMES;
use crate::dsp::{WhisperMel, WhisperMelStream};
use crate::{AudioReader, Result};

/// Mono sound at 16 kHz that can be heard more than once, piece by piece.
pub trait Sound {
    /// The samples from the beginning on, in pieces of any length.
    fn pieces(&self) -> Result<Box<dyn Iterator<Item = Result<Vec<f32>>> + '_>>;
}

/// Samples in memory.
impl Sound for [f32] {
    fn pieces(&self) -> Result<Box<dyn Iterator<Item = Result<Vec<f32>>> + '_>> {
        Ok(Box::new(self.chunks(PIECE).map(|piece| Ok(piece.to_vec()))))
    }
}

const PIECE: usize = 1 << 16;

/// A file, of which a little is in memory at a time. It is read each time.
impl Sound for Path {
    fn pieces(&self) -> Result<Box<dyn Iterator<Item = Result<Vec<f32>>> + '_>> {
        let mut reader = Some(AudioReader::open(self)?.mono(WhisperMel::RATE)?);
        Ok(Box::new(std::iter::from_fn(move || {
            let piece = reader.as_mut()?.next_block().map(|block| block.map(<[f32]>::to_vec)).transpose();
            // Behind an error there is nothing.
            if !matches!(piece, Some(Ok(_))) {
                reader = None;
            }
            piece
        })))
    }
}

/// Whisper hears silence behind the end, where this many samples are in a frame.
const BEHIND: usize = WhisperMel::N_FFT;

/// The spectrogram of a sound. What was asked for is forgotten when something later is.
pub(super) struct Spectrogram<'a> {
    pieces: Box<dyn Iterator<Item = Result<Vec<f32>>> + 'a>,
    stream: WhisperMelStream<'a>,
    /// Logarithms of frames from `first` on.
    held: Vec<f32>,
    first: usize,
    /// Frames in all.
    frames: usize,
    mels: usize,
    loudest: f32,
    ended: bool,
}

impl<'a> Spectrogram<'a> {
    /// Hears the whole sound once, as what is silence depends on the loudest moment.
    pub(super) fn new(front: &'a WhisperMel, sound: &'a (impl Sound + ?Sized)) -> Result<Self> {
        let (mut stream, mut frames, mut samples) = (front.stream(), Vec::new(), 0);
        for piece in sound.pieces()? {
            let piece = piece?;
            samples += piece.len();
            stream.push(&piece, &mut frames);
            frames.clear();
        }
        stream.push(&[0.0; BEHIND], &mut frames);
        Ok(Self {
            pieces: sound.pieces()?,
            stream: front.stream(),
            held: Vec::new(),
            first: 0,
            frames: front.count(samples),
            mels: front.mels(),
            loudest: stream.end(&mut frames),
            ended: false,
        })
    }

    /// The frames of the sound in all.
    pub(super) fn frames(&self) -> usize {
        self.frames
    }

    /// The window from a frame on, `[FRAMES, mels]`; zeros behind its end, if that is before the sound's, or the sound's.
    pub(super) fn window(&mut self, from: usize, frames: usize) -> Result<Vec<f32>> {
        let frames = frames.min(FRAMES).min(self.frames.saturating_sub(from));
        self.fill(from + frames)?;
        let passed = from.saturating_sub(self.first) * self.mels;
        self.held.drain(..passed.min(self.held.len()));
        self.first = self.first.max(from);
        let mut window = self.held.get(..frames * self.mels).unwrap_or(&self.held).to_vec();
        WhisperMel::finish(&mut window, self.loudest);
        window.resize(FRAMES * self.mels, 0.0);
        Ok(window)
    }

    /// Hears on until the frames before `end` are there.
    fn fill(&mut self, end: usize) -> Result<()> {
        while !self.ended && self.first + self.held.len() / self.mels.max(1) < end {
            match self.pieces.next() {
                Some(piece) => self.stream.push(&piece?, &mut self.held),
                None => {
                    self.stream.push(&[0.0; BEHIND], &mut self.held);
                    self.ended = true;
                }
            }
        }
        Ok(())
    }
}
