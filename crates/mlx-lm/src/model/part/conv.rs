//! Short causal convolutions, which carry their last inputs on.

use mlx_core::random::Key;
use mlx_core::{Array, Conv, Dtype, Result as MlxResult, concatenate, select};
use mlx_nn::{Conv1d, Module, Weights, init};

use crate::cache::StateCache;
use crate::config::size;
use crate::{Error, Result};

/// A convolution of each channel by itself over a token and those before it.
#[derive(Module)]
pub(crate) struct CausalConv {
    #[module(flatten)]
    conv: Conv1d,
    /// The tokens before one that it sees.
    before: i32,
}

impl CausalConv {
    /// The layer at the path of `w`. Its weight is `[channels, kernel, 1]`, or `[channels, 1, kernel]` as transformers
    /// stores it.
    ///
    /// # Errors
    /// The `kernel`, which the config calls `field`, sees no tokens but one.
    pub(crate) fn load(w: &Weights, channels: i32, (field, kernel): (&str, i32), bias: bool) -> Result<Self> {
        if kernel < 2 {
            return Err(Error::Config(format!("{field} is {kernel}: it must be at least 2")));
        }
        size(field, kernel)?;
        let limit = (kernel as f32).recip().sqrt();
        let initial = |shape: &[i32], key: &Key| init::uniform(shape, -limit, limit, Dtype::Float32, key);
        let weight = if Self::is_raw(w, kernel) {
            w.parameter("weight", [channels, 1, kernel], initial)?.swapaxes(1, 2)?
        } else {
            w.parameter("weight", [channels, kernel, 1], initial)?
        };
        let zeros = |shape: &[i32], _: &Key| Array::zeros(shape, Dtype::Float32);
        let bias = bias.then(|| w.parameter("bias", [channels], zeros)).transpose()?;
        let how = Conv { groups: channels, ..Conv::default() };
        Ok(Self { conv: Conv1d::new(weight, bias, how), before: kernel - 1 })
    }

    /// Whether the layer at the path of `w` is stored as transformers does it.
    pub(crate) fn is_raw(w: &Weights, kernel: i32) -> bool {
        kernel > 1 && matches!(w.shape("weight"), Some([_, 1, last]) if *last == kernel)
    }

    /// `[batch, length, channels] -> [batch, length, channels]`. Tokens where `mask` `[batch, length]` is false count as
    /// zeros. The first array of `cache` is what is carried on.
    pub(crate) fn forward(
        &self,
        x: &Array,
        mask: Option<&Array>,
        cache: &mut StateCache,
    ) -> MlxResult<Array> {
        let [batch, _, channels] = x.dims()?;
        let x = masked(x, mask)?;
        let carried = match cache.get(0) {
            Some(carried) => carried.clone(),
            None => Array::zeros([batch, self.before, channels], x.dtype())?,
        };
        let rows = concatenate([&carried, &x], 1)?;
        cache.set(0, cache.last_rows(&rows, self.before)?)?;
        self.conv.forward(&rows)
    }

    /// As [`forward`](Self::forward), but each token is in the middle of those that it sees. All of a text is in `x`.
    pub(crate) fn forward_both_ways(&self, x: &Array, mask: Option<&Array>) -> MlxResult<Array> {
        let half = self.before / 2;
        self.conv.forward(&masked(x, mask)?.pad([(1, half, self.before - half)], 0.0)?)
    }
}

/// Zeros in the place of tokens where `mask` `[batch, length]` is false.
fn masked(x: &Array, mask: Option<&Array>) -> MlxResult<Array> {
    match mask {
        Some(mask) => select(&mask.expand_dims(2)?, x, 0.0),
        None => Ok(x.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mlx_core::random;

    use super::*;
    use crate::cache::LayerCache;

    const KERNEL: i32 = 3;

    fn conv(raw: bool) -> CausalConv {
        let weight = random::normal([5, KERNEL, 1], Dtype::Float32, &Key::new(1).unwrap()).unwrap();
        let weight = if raw { weight.swapaxes(1, 2).unwrap() } else { weight };
        let arrays = BTreeMap::from([("weight".to_owned(), weight)]);
        let w = Weights::new(arrays, None);
        w.build(|w| CausalConv::load(w, 5, ("conv_L_cache", KERNEL), false)).unwrap()
    }

    fn state() -> StateCache {
        LayerCache::state(1).state_mut().unwrap().clone()
    }

    fn text(length: i32) -> Array {
        random::normal([1, length, 5], Dtype::Float32, &Key::new(2).unwrap()).unwrap()
    }

    /// What `chunks` of a text give, and what is then carried on.
    fn run(conv: &CausalConv, x: &Array, chunks: &[i32]) -> (Vec<f32>, Vec<f32>) {
        let (mut cache, mut start, mut all) = (state(), 0, Vec::new());
        for &length in chunks {
            let chunk = x.index((.., start..start + length)).unwrap();
            all.push(conv.forward(&chunk, None, &mut cache).unwrap());
            cache.advance(length);
            start += length;
        }
        let carried = cache.get(0).unwrap().to_vec().unwrap();
        (concatenate(&all, 1).unwrap().to_vec().unwrap(), carried)
    }

    #[test]
    fn a_token_gets_the_weighted_sum_of_itself_and_those_before_it() {
        let (conv, x) = (conv(false), text(2));
        let (y, carried) = run(&conv, &x, &[2]);
        let (x, w) =
            (x.to_vec::<f32>().unwrap(), conv.parameters().get("weight").unwrap().to_vec::<f32>().unwrap());
        for channel in 0..5 {
            let w = &w[channel * 3..][..3];
            assert!((y[channel] - w[2] * x[channel]).abs() < 1e-6);
            assert!((y[5 + channel] - (w[1] * x[channel] + w[2] * x[5 + channel])).abs() < 1e-6);
        }
        assert_eq!(carried, x);
    }

    #[test]
    fn chunks_give_what_the_text_gives_at_once() {
        let (conv, x) = (conv(false), text(9));
        let once = run(&conv, &x, &[9]);
        for chunks in [&[1; 9][..], &[4, 5], &[1, 7, 1]] {
            assert_eq!(run(&conv, &x, chunks), once);
        }
    }

    #[test]
    fn both_layouts_of_the_weight_are_the_same_layer() {
        let x = text(4);
        assert_eq!(run(&conv(true), &x, &[4]), run(&conv(false), &x, &[4]));
    }

    #[test]
    fn padding_on_either_side_changes_no_text() {
        let (conv, x) = (conv(false), text(6));
        let noise = Array::full([1, 6, 5], 7.0, Dtype::Float32).unwrap();
        for real in 1..6 {
            let x = x.index((.., ..real)).unwrap();
            let alone = run(&conv, &x, &[real]);
            let rest = noise.index((.., real..)).unwrap();
            let both = [concatenate([&rest, &x], 1).unwrap(), concatenate([&x, &rest], 1).unwrap()];
            for (side, padded) in both.iter().enumerate() {
                let mut cache = state();
                if side == 0 {
                    let padded = crate::cache::KvCache::new([LayerCache::State(cache)]);
                    let mut padded = padded.with_padding(&[6 - real]).unwrap();
                    cache = padded.layers().next().unwrap().state_mut().unwrap().clone();
                } else {
                    cache.set_lengths(Some(&[real]));
                }
                let mut y = Vec::new();
                for (start, length) in [(0, 4), (4, 2)] {
                    let chunk = padded.index((.., start..start + length)).unwrap();
                    let mask = cache.mask(length).unwrap();
                    y.push(conv.forward(&chunk, mask.as_ref(), &mut cache).unwrap());
                    cache.advance(length);
                }
                let first = if side == 0 { 6 - real } else { 0 };
                let y = concatenate(&y, 1).unwrap().index((.., first..first + real)).unwrap();
                assert_eq!(y.to_vec::<f32>().unwrap(), alone.0, "{real} on side {side}");
                assert_eq!(cache.get(0).unwrap().to_vec::<f32>().unwrap(), alone.1, "{real} on side {side}");
            }
        }
    }

    #[test]
    fn a_kernel_that_sees_no_other_token_is_refused() {
        let w = Weights::new(BTreeMap::new(), None);
        let error = CausalConv::load(&w, 5, ("conv_L_cache", 1), false).err().unwrap().to_string();
        assert!(error.contains("conv_L_cache is 1"), "{error}");
    }
}
