//! The network of Silero VAD, version 5 and 6: the size of a short Fourier transform, four convolutions, and a memory.
//!
//! Over slices, without MLX: it is so small that an op for each step would take longer than the step, and as it is, it can
//! run wherever sound arrives. The architecture is that of the published `silero-vad` package.

use std::collections::BTreeMap;
use std::path::Path;

use mlx_core::{Array, io};
use mlx_nn::Weights;

use super::panels::Panels;
use crate::onnx::{Numbers, Onnx, Tensor};
use crate::{Error, Result};

/// Frames of the Fourier transform in a window.
const FRAMES: usize = 4;
/// Numbers of the memory.
pub(super) const HIDDEN: usize = 128;
/// Windows that are computed together: what they need fits a processor's cache.
const TOGETHER: usize = 16;

pub(super) struct Silero {
    pub(super) sizes: Sizes,
    basis: Panels<8>,
    layers: [Convolution; 4],
    from_input: Panels<8>,
    from_hidden: Panels<32>,
    last: (Vec<f32>, f32),
}

/// Samples, at the rate of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sizes {
    pub(super) rate: u32,
    /// Samples of a probability.
    pub(super) window: usize,
    /// Samples before them that are seen again, and after them that are made up by reflection.
    pub(super) context: usize,
    /// Samples of a Fourier transform.
    transform: usize,
}

/// What there are networks for.
const ALL: [Sizes; 2] = [
    Sizes { rate: 16_000, window: 512, context: 64, transform: 256 },
    Sizes { rate: 8000, window: 256, context: 32, transform: 128 },
];

impl Sizes {
    fn of(rate: u32) -> Option<Self> {
        ALL.into_iter().find(|sizes| sizes.rate == rate)
    }
}

/// A convolution of three taps, with a frame of zeros on both sides, and what is below 0 cut off.
struct Convolution {
    panels: Panels<8>,
    inputs: usize,
    step: usize,
}

/// What is kept from one window to the next.
#[derive(Clone)]
pub(super) struct State {
    hidden: Vec<f32>,
    cell: Vec<f32>,
}

impl Default for State {
    fn default() -> Self {
        Self { hidden: vec![0.0; HIDDEN], cell: vec![0.0; HIDDEN] }
    }
}

impl Silero {
    /// The network for `rate` in a file: that for 16 kHz, or else the one that is there, if no rate is given.
    pub(super) fn open(path: &Path, rate: Option<u32>) -> Result<Self> {
        let file = path.display().to_string();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            return Self::new(io::load_safetensors(path)?.arrays, rate, &file);
        }
        let bytes = std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        let read = Onnx::read(&bytes).map_err(|problem| Error::config(&file, problem))?;
        Self::new(renamed(read, rate)?, rate, &file)
    }

    fn new(arrays: BTreeMap<String, Array>, rate: Option<u32>, file: &str) -> Result<Self> {
        let basis = arrays.get("stft_conv.weight").map(|basis| basis.shape().to_vec()).unwrap_or_default();
        let sizes = match basis.as_slice() {
            [] => Sizes::of(rate.unwrap_or(16_000)),
            [_, _, transform] => {
                ALL.into_iter().find(|sizes| Ok(sizes.transform) == usize::try_from(*transform))
            }
            _ => None,
        };
        let Some(sizes) = sizes else {
            let problem =
                format!("stft_conv.weight is {basis:?}: its last size has to be 256, or 128 for 8 kHz");
            return Err(Error::config(file, problem));
        };
        if let Some(rate) = rate.filter(|&rate| rate != sizes.rate) {
            return Err(Error::config(
                file,
                format!("holds the network for {} Hz, not for {rate} Hz", sizes.rate),
            ));
        }
        Weights::new(arrays, None).build(|w| Self::load(w, sizes))
    }

    fn load(w: &Weights, sizes: Sizes) -> Result<Self> {
        let bins = sizes.transform / 2 + 1;
        let basis = numbers(w, "stft_conv.weight", [2 * bins, 1, sizes.transform])?;
        let cell = w.at("lstm_cell");
        let matrix = |name: &str| numbers(&cell, name, [4 * HIDDEN, HIDDEN]);
        let [of_input, of_hidden] = ["bias_ih", "bias_hh"].map(|name| numbers(&cell, name, [4 * HIDDEN]));
        let bias: Vec<f32> = of_input?.iter().zip(of_hidden?).map(|(a, b)| a + b).collect();
        let last = w.at("final_conv");
        Ok(Self {
            sizes,
            basis: Panels::new(&basis, &vec![0.0; 2 * bins], sizes.transform),
            layers: [
                Convolution::load(&w.at("conv1"), [bins, 128], 1)?,
                Convolution::load(&w.at("conv2"), [128, 64], 2)?,
                Convolution::load(&w.at("conv3"), [64, 64], 2)?,
                Convolution::load(&w.at("conv4"), [64, HIDDEN], 1)?,
            ],
            from_input: Panels::new(&matrix("weight_ih")?, &bias, HIDDEN),
            from_hidden: Panels::new(&matrix("weight_hh")?, &[0.0; 4 * HIDDEN], HIDDEN),
            last: (
                numbers(&last, "weight", [1, HIDDEN, 1])?,
                numbers(&last, "bias", [1])?.first().copied().unwrap_or_default(),
            ),
        })
    }

    /// Adds the probabilities of whole windows, before which `samples` holds the context of the first.
    pub(super) fn run(&self, samples: &[f32], state: &mut State, probabilities: &mut Vec<f32>) {
        let Sizes { window, context, .. } = self.sizes;
        let windows = samples.len().saturating_sub(context) / window;
        let mut from_input = Vec::new();
        for first in (0..windows).step_by(TOGETHER) {
            let count = TOGETHER.min(windows - first);
            let samples = samples.get(first * window..).unwrap_or_default();
            let features = self.features(samples, count);
            self.from_input.multiply(&features, HIDDEN, count, &mut from_input);
            let gates = from_input.chunks_exact(4 * HIDDEN);
            probabilities.extend(gates.map(|gates| self.step(gates, state)));
        }
    }

    /// What the convolutions make of `count` windows: `[count, HIDDEN]`.
    fn features(&self, samples: &[f32], count: usize) -> Vec<f32> {
        let mut frames = self.magnitudes(samples, count);
        let mut length = FRAMES;
        for layer in &self.layers {
            (frames, length) = layer.forward(&frames, length, count);
        }
        frames
    }

    /// The sizes of the Fourier transforms: `[count, FRAMES, bins]`.
    fn magnitudes(&self, samples: &[f32], count: usize) -> Vec<f32> {
        let Sizes { window, context, transform, .. } = self.sizes;
        let bins = transform / 2 + 1;
        let mut magnitudes = Vec::with_capacity(count * FRAMES * bins);
        let (mut padded, mut parts) = (Vec::new(), Vec::new());
        for seen in samples.windows(context + window).step_by(window).take(count) {
            padded.clear();
            padded.extend_from_slice(seen);
            padded.extend(seen.iter().rev().skip(1).take(context));
            self.basis.multiply(&padded, transform / 2, FRAMES, &mut parts);
            for parts in parts.chunks_exact(2 * bins) {
                let (real, imaginary) = parts.split_at(bins);
                magnitudes.extend(real.iter().zip(imaginary).map(|(re, im)| (re * re + im * im).sqrt()));
            }
        }
        magnitudes
    }

    /// The probability after a window, of which `gates` is what its features add to the gates.
    fn step(&self, gates: &[f32], state: &mut State) -> f32 {
        let mut from_hidden = [0.0; 4 * HIDDEN];
        self.from_hidden.row(&state.hidden, &mut from_hidden);
        gates.iter().zip(&mut from_hidden).for_each(|(gate, sum)| *sum += gate);
        let (input_forget, new_output) = from_hidden.split_at(2 * HIDDEN);
        let (input, forget) = input_forget.split_at(HIDDEN);
        let (new, output) = new_output.split_at(HIDDEN);
        for (cell, ((i, f), g)) in state.cell.iter_mut().zip(input.iter().zip(forget).zip(new)) {
            *cell = sigmoid(*f) * *cell + sigmoid(*i) * g.tanh();
        }
        for (hidden, (cell, o)) in state.hidden.iter_mut().zip(state.cell.iter().zip(output)) {
            *hidden = sigmoid(*o) * cell.tanh();
        }
        let (weights, bias) = &self.last;
        sigmoid(bias + weights.iter().zip(&state.hidden).map(|(w, h)| w * h.max(0.0)).sum::<f32>())
    }
}

impl Convolution {
    fn load(w: &Weights, [inputs, outputs]: [usize; 2], step: usize) -> Result<Self> {
        let weight = numbers(w, "weight", [outputs, inputs, TAPS])?;
        // Frames have their channels last, so those of three frames are one row.
        let of_output = |weight: &[f32]| {
            let taps = (0..TAPS).flat_map(|tap| weight.iter().skip(tap).step_by(TAPS));
            taps.copied().collect::<Vec<_>>()
        };
        let rows: Vec<f32> = weight.chunks_exact(TAPS * inputs).flat_map(of_output).collect();
        let panels = Panels::new(&rows, &numbers(w, "bias", [outputs])?, TAPS * inputs);
        Ok(Self { panels, inputs, step })
    }

    /// `[count, length, inputs] -> [count, shorter, outputs]`, and how long that is.
    fn forward(&self, frames: &[f32], length: usize, count: usize) -> (Vec<f32>, usize) {
        let shorter = length.div_ceil(self.step);
        // A row of products begins where frames do; between two windows those that span both are left out.
        let padded = (length + 2) * self.inputs;
        let mut all = Vec::with_capacity(count * padded);
        for frames in frames.chunks_exact(length * self.inputs) {
            all.resize(all.len() + self.inputs, 0.0);
            all.extend_from_slice(frames);
            all.resize(all.len() + self.inputs, 0.0);
        }
        let (mut out, mut part) = (Vec::new(), Vec::new());
        if shorter == 1 {
            self.panels.multiply(&all, padded, count, &mut out);
        } else {
            for frames in all.chunks_exact(padded) {
                self.panels.multiply(frames, self.step * self.inputs, shorter, &mut part);
                out.extend_from_slice(&part);
            }
        }
        out.iter_mut().for_each(|value| *value = value.max(0.0));
        (out, shorter)
    }
}

const TAPS: usize = 3;

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The numbers of an array of this shape.
fn numbers<const N: usize>(w: &Weights, name: &str, shape: [usize; N]) -> Result<Vec<f32>> {
    let array = w.array(name, shape.map(|length| length as i32))?;
    Ok(array.astype(mlx_core::Dtype::Float32)?.to_vec()?)
}

/// How the published ONNX files end the names of what its safetensors file calls otherwise.
const ONNX_NAMES: [[&str; 2]; 15] = [
    ["stft.forward_basis_buffer", "stft_conv.weight"],
    ["encoder.0.reparam_conv.weight", "conv1.weight"],
    ["encoder.0.reparam_conv.bias", "conv1.bias"],
    ["encoder.1.reparam_conv.weight", "conv2.weight"],
    ["encoder.1.reparam_conv.bias", "conv2.bias"],
    ["encoder.2.reparam_conv.weight", "conv3.weight"],
    ["encoder.2.reparam_conv.bias", "conv3.bias"],
    ["encoder.3.reparam_conv.weight", "conv4.weight"],
    ["encoder.3.reparam_conv.bias", "conv4.bias"],
    ["decoder.rnn.weight_ih", "lstm_cell.weight_ih"],
    ["decoder.rnn.weight_hh", "lstm_cell.weight_hh"],
    ["decoder.rnn.bias_ih", "lstm_cell.bias_ih"],
    ["decoder.rnn.bias_hh", "lstm_cell.bias_hh"],
    ["decoder.decoder.2.weight", "final_conv.weight"],
    ["decoder.decoder.2.bias", "final_conv.bias"],
];

/// The tensors of the network for `rate`, or 16 kHz, under the names of the safetensors file.
fn renamed(Onnx { tensors, .. }: Onnx, rate: Option<u32>) -> Result<BTreeMap<String, Array>> {
    let [[basis, _], ..] = ONNX_NAMES;
    let transform = Sizes::of(rate.unwrap_or(16_000)).map(|sizes| sizes.transform as i32);
    // A file with a network for each rate has a branch for each, whose name all its tensors begin with.
    let prefixes =
        tensors.iter().filter_map(|(name, tensor)| Some((name.strip_suffix(basis)?, tensor.shape.last())));
    let own =
        prefixes.filter(|(_, last)| last.copied() == transform).map(|(prefix, _)| prefix.to_owned()).next();
    let Some(prefix) = own else { return Ok(BTreeMap::new()) };
    let array = |(name, Tensor { shape, numbers }): (String, Tensor)| {
        let Numbers::Single(values) = numbers else { return None };
        let name = name.strip_prefix(&prefix)?;
        let [_, known] = ONNX_NAMES.into_iter().find(|[from, _]| *from == name)?;
        Some(Array::from_vec(values, shape).map(|array| (known.to_owned(), array)))
    };
    Ok(tensors.into_iter().filter_map(array).collect::<mlx_core::Result<_>>()?)
}
