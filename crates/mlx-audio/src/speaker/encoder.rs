//! Vectors of voices by a network trained with the generalized end-to-end loss.
//!
//! Wan et al., "Generalized End-to-End Loss for Speaker Verification"; the weights and the front end are those of the
//! package `resemblyzer`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlx_core::{Array, Result as MlxResult, io};
use mlx_hub::Source;
use mlx_nn::{Linear, Lstm, Module, Weights};

use crate::dsp::{MelBank, MelOptions, Padding, Stft, Window};
use crate::vad::audible;
use crate::{Error, Result, checkpoint, torch};

pub(super) const RATE: u32 = 16_000;
/// Samples between two frames.
pub(super) const HOP: usize = 160;
/// Frames that the network hears at once.
pub(super) const FRAMES: usize = 160;
const TRANSFORM: usize = 400;
const MELS: usize = 40;
const HIDDEN: i32 = 256;
/// Frames between the parts of a recording, 1.3 of which begin each second.
const STEP: usize = 77;
/// Parts that are computed together.
const TOGETHER: usize = 64;

/// Makes vectors of voices, of 256 numbers and length 1, from sound with one channel at 16 kHz.
///
/// The cosine of two is about 0.8 for one speaker and 0.5 for two. A sample that is not a number counts as silence.
pub struct SpeakerEncoder {
    network: Network,
    stft: Stft,
    bank: MelBank,
}

#[derive(Module)]
struct Network {
    layers: Vec<Lstm>,
    last: Linear,
}

impl SpeakerEncoder {
    /// The model of a folder or Hub repository: its safetensors file, or else its one `.pt` file.
    ///
    /// # Errors
    /// There is no such file, or it is not this model's.
    pub fn load(source: &Source) -> Result<Self> {
        let source = source.clone().include("*.pt");
        let directory = checkpoint::directory(&source)?;
        match torch_files(directory.path())?.as_slice() {
            [file] if directory.shards().is_err() => Self::open(file),
            _ => match directory.shards()?.as_slice() {
                [shard] => Self::open(shard),
                _ => Err(Error::config(
                    directory.path().display().to_string(),
                    "has more than one file: open one of them",
                )),
            },
        }
    }

    /// The model in a safetensors file, or a file of `torch.save` as the package has it.
    ///
    /// # Errors
    /// It cannot be read, or its arrays are not this model's.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let safetensors = path.extension().is_some_and(|extension| extension == "safetensors");
        let arrays = if safetensors {
            io::load_safetensors(path)?.arrays
        } else {
            torch::legacy(path, "model_state")?
        };
        Self::new(arrays)
    }

    fn new(arrays: BTreeMap<String, Array>) -> Result<Self> {
        let network = Weights::new(arrays, None).build(Network::load)?;
        mlx_core::eval(network.parameters().values())?;
        Ok(Self {
            network,
            stft: Stft::new(TRANSFORM, HOP, &Window::Hann.periodic(TRANSFORM), Padding::Zeros)?,
            bank: MelBank::new(&MelOptions::slaney(RATE, TRANSFORM, MELS))?,
        })
    }

    /// The vector of a recording of one speaker: the direction of the mean of those of its parts.
    ///
    /// It is best without long silences, and not quieter than [`amplified`] makes it.
    ///
    /// # Errors
    /// An op fails.
    pub fn embed(&self, samples: &[f32]) -> Result<Vec<f32>> {
        let parts = self.parts(samples)?;
        let mut sum = vec![0.0; HIDDEN as usize];
        for part in &parts {
            sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value / parts.len() as f32);
        }
        Ok(of_length_one(sum))
    }

    /// The vectors of overlapping parts of 1.6 seconds. The last is filled up with silence; it is left out where three
    /// quarters of it are not there, unless it is the only one.
    ///
    /// # Errors
    /// An op fails.
    pub fn parts(&self, samples: &[f32]) -> Result<Vec<Vec<f32>>> {
        let starts = starts(samples.len());
        let length = starts.last().map_or(0, |start| (start + FRAMES) * HOP);
        let mut padded = samples.to_vec();
        padded.resize(samples.len().max(length), 0.0);
        let mels = self.mels(&padded);
        let part = |start: &usize| mels.iter().skip(*start).take(FRAMES).copied().collect();
        self.embed_frames(&starts.iter().map(part).collect::<Vec<_>>())
    }

    /// The mels of each frame: of power, not of its logarithm.
    pub(super) fn mels(&self, samples: &[f32]) -> Vec<[f32; MELS]> {
        let samples: Vec<f32> = samples.iter().map(|&sample| audible(sample)).collect();
        let spectra = self.stft.power(&samples);
        let frame = |spectrum: &[f32]| {
            let mut mels = [0.0; MELS];
            self.bank.apply(spectrum, &mut mels);
            mels
        };
        spectra.chunks_exact(self.stft.bins()).map(frame).collect()
    }

    /// The vectors of parts of [`FRAMES`] frames each.
    pub(super) fn embed_frames(&self, parts: &[Vec<[f32; MELS]>]) -> Result<Vec<Vec<f32>>> {
        let mut vectors = Vec::with_capacity(parts.len());
        for parts in parts.chunks(TOGETHER) {
            let values: Vec<f32> = parts.iter().flatten().flatten().copied().collect();
            let mels = Array::from_vec(values, [parts.len() as i32, FRAMES as i32, MELS as i32])?;
            let values = self.network.forward(&mels)?.to_vec::<f32>()?;
            vectors.extend(values.chunks_exact(HIDDEN as usize).map(|vector| of_length_one(vector.to_vec())));
        }
        Ok(vectors)
    }
}

impl Network {
    fn load(w: &Weights) -> Result<Self> {
        // What the loss was scaled with, and shares no place with the layers.
        w.ignore(|key| key.starts_with("similarity_"));
        let lstm = w.at("lstm");
        let layer = |at: i32| {
            let inputs = if at == 0 { MELS as i32 } else { HIDDEN };
            let matrix = |name: &str, inputs: i32| lstm.array(&format!("{name}_l{at}"), [4 * HIDDEN, inputs]);
            let bias = |name: &str| lstm.array(&format!("{name}_l{at}"), [4 * HIDDEN]);
            let bias = (bias("bias_ih")? + bias("bias_hh")?)?;
            Ok(Lstm::new(matrix("weight_ih", inputs)?, matrix("weight_hh", HIDDEN)?, Some(bias)))
        };
        let last = w.linear_with_bias("linear", [HIDDEN, HIDDEN], true)?;
        Ok(Self { layers: (0..3).map(layer).collect::<Result<_>>()?, last })
    }

    /// `[parts, FRAMES, MELS] -> [parts, HIDDEN]`, what is below 0 cut off.
    fn forward(&self, mels: &Array) -> MlxResult<Array> {
        let mut x = mels.clone();
        for layer in &self.layers {
            x = layer.forward(&x, None, None)?.0;
        }
        self.last.forward(&x.index((.., -1))?)?.maximum(0.0)
    }
}

/// The first frames of the parts of so many samples.
fn starts(samples: usize) -> Vec<usize> {
    let frames = (samples + 1).div_ceil(HOP);
    let mut starts: Vec<usize> =
        (0..(frames + STEP + 1).saturating_sub(FRAMES).max(1)).step_by(STEP).collect();
    let heard = |start: usize| samples.saturating_sub(start * HOP);
    if starts.len() > 1 && starts.last().is_some_and(|&last| 4 * heard(last) < 3 * FRAMES * HOP) {
        starts.pop();
    }
    starts
}

/// The vector of length 1 in the same direction; zeros have none.
fn of_length_one(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

/// Samples whose root mean square is at least 30 dB below 1: quieter ones are made louder.
pub fn amplified(samples: &[f32]) -> Vec<f32> {
    let samples: Vec<f32> = samples.iter().map(|&sample| audible(sample)).collect();
    let power: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    let root = (power / samples.len().max(1) as f64).sqrt();
    let target = 10_f64.powf(-1.5);
    if root == 0.0 || root >= target {
        return samples;
    }
    samples.into_iter().map(|sample| (f64::from(sample) * target / root) as f32).collect()
}

fn torch_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::File { path: folder.to_owned(), source };
    let entries = folder.read_dir().map_err(failed)?;
    let paths: Vec<PathBuf> =
        entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Result<_>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "pt")).collect())
}
