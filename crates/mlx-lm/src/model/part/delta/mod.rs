//! Layers that keep a state by the gated delta rule.
//!
//! [`GatedDelta`] is the layer, `rule` the recurrence.

mod projections;
mod rule;
mod sizes;

pub(crate) use sizes::DeltaSizes;

use mlx_core::random::Key;
use mlx_core::{Array, Dtype, Index, Result as MlxResult, fast, select};
use mlx_nn::{Linear, Module, Weights, init, silu, softplus};

use self::projections::{Projected, Projections};
use self::rule::Inputs;
use super::{CausalConv, Norm, Norms};
use crate::Result;
use crate::cache::{LayerCache, StateCache};

/// A layer that keeps a matrix for each head by the gated delta rule, as in Qwen3-Next.
#[derive(Module)]
pub(crate) struct GatedDelta {
    #[module(flatten)]
    projections: Projections,
    conv1d: CausalConv,
    dt_bias: Array,
    #[module(name = "A_log")]
    a_log: Array,
    norm: Norm,
    out_proj: Linear,
    #[module(skip)]
    sizes: DeltaSizes,
}

impl GatedDelta {
    /// The layer at the path of `w`. Its projections are cut `by_head`, or not.
    pub(crate) fn load(
        w: &Weights,
        hidden: i32,
        sizes: DeltaSizes,
        norms: Norms,
        by_head: bool,
    ) -> Result<Self> {
        let ones = |shape: &[i32], _: &Key| Array::ones(shape, Dtype::Float32);
        let rates = |shape: &[i32], key: &Key| init::uniform(shape, 0.0, 16.0, Dtype::Float32, key)?.log();
        // Its exponential is that of an exponential: few bits would do harm.
        let exact = w.clone().with_dtype(None);
        Ok(Self {
            projections: Projections::load(w, hidden, &sizes, by_head)?,
            conv1d: CausalConv::load(
                &w.at("conv1d"),
                sizes.mixed(),
                (DeltaSizes::KERNEL, sizes.kernel),
                false,
            )?,
            dt_bias: w.parameter("dt_bias", [sizes.value_heads], ones)?,
            a_log: exact.parameter("A_log", [sizes.value_heads], rates)?,
            norm: norms.load(w, "norm", sizes.value_dim)?,
            out_proj: w.linear("out_proj", [hidden, sizes.values()])?,
            sizes,
        })
    }

    /// What the layer remembers before the first token.
    pub(crate) fn cache() -> LayerCache {
        LayerCache::state(2)
    }

    /// `[batch, length, hidden] -> [batch, length, hidden]`.
    pub(crate) fn forward(&self, x: &Array, cache: &mut LayerCache) -> MlxResult<Array> {
        let [batch, length, _] = x.dims()?;
        let cache = cache.state_mut()?;
        let mask = cache.mask(length)?;
        let Projected { mixed, gate, rate, decay } = self.projections.forward(x, &self.sizes)?;
        let mixed = silu(&self.conv1d.forward(&mixed, mask.as_ref(), cache)?)?;
        let inputs = self.inputs(&mixed, &rate, &decay, mask.as_ref())?;
        let (read, state) = inputs.run(&self.state(cache, batch)?)?;
        cache.set(1, state.flatten(1, 2)?)?;
        cache.advance(length);

        let read = read.transpose([0, 3, 1, 2, 4])?.astype(x.dtype())?;
        let read = self.norm.forward(&read)?.flatten(2, -1)?;
        let gate = silu(&gate.astype(Dtype::Float32)?)?;
        self.out_proj.forward(&(gate * read.astype(Dtype::Float32)?)?.astype(x.dtype())?)
    }

    /// The state so far, `[batch, key heads, group, value width, key width]`.
    fn state(&self, cache: &StateCache, batch: i32) -> MlxResult<Array> {
        let DeltaSizes { key_heads, value_dim, key_dim, .. } = self.sizes;
        let group = self.sizes.group();
        match cache.get(1) {
            Some(state) => state.unflatten(1, [key_heads, group]),
            None => Array::zeros([batch, key_heads, group, value_dim, key_dim], Dtype::Float32),
        }
    }

    /// What the rule takes of `mixed` and of the numbers of each head. Tokens where `mask` is false change no state.
    fn inputs(&self, mixed: &Array, rate: &Array, decay: &Array, mask: Option<&Array>) -> MlxResult<Inputs> {
        let DeltaSizes { key_heads, key_dim, .. } = self.sizes;
        let (group, keys) = (self.sizes.group(), self.sizes.keys());
        let heads = |from: i32, to: i32, group: i32| {
            let part = mixed.index((Index::Ellipsis, from..to))?.astype(Dtype::Float32)?;
            part.unflatten(-1, [key_heads, group, -1])?.transpose([0, 2, 3, 1, 4])
        };
        // Unit vectors, where the sum of the squares and not their mean has something added.
        let scale = (key_dim as f32).powf(-0.5);
        let unit = |x: Array| fast::rms_norm(&x, None, 1e-6 * scale * scale)? * scale;

        let share = rate.astype(Dtype::Float32)?.sigmoid()?;
        let speed = softplus(&(decay.astype(Dtype::Float32)? + &self.dt_bias)?)?;
        let decay = (-(speed * self.a_log.astype(Dtype::Float32)?.exp()?)?)?;
        let by_head = |x: Array| {
            let x = match mask {
                Some(mask) => select(&mask.expand_dims(2)?, &x, 0.0)?,
                None => x,
            };
            x.unflatten(-1, [key_heads, group])?.transpose([0, 2, 3, 1])
        };
        Ok(Inputs {
            queries: (unit(heads(0, keys, 1)?)? * scale)?,
            keys: unit(heads(keys, 2 * keys, 1)?)?,
            values: heads(2 * keys, self.sizes.mixed(), group)?,
            decay: by_head(decay)?,
            rate: by_head(share)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use mlx_core::{concatenate, random};
    use serde_json::json;

    use super::*;
    use crate::Config;
    use crate::cache::KvCache;

    fn layer(by_head: bool) -> GatedDelta {
        let norms = Norms::read(&Config::new(json!({"rms_norm_eps": 1e-6})).unwrap()).unwrap();
        let sizes = DeltaSizes { key_heads: 2, value_heads: 4, key_dim: 4, value_dim: 6, kernel: 4 };
        let w = Weights::init(Key::new(5).unwrap());
        w.build(|w| GatedDelta::load(w, 8, sizes, norms, by_head)).unwrap()
    }

    fn text(length: i32) -> Array {
        random::normal([1, length, 8], Dtype::Float32, &Key::new(6).unwrap()).unwrap()
    }

    /// What two chunks give, and the arrays of the state after them.
    fn run(layer: &GatedDelta, x: &Array, cache: &mut LayerCache) -> (Array, Vec<Vec<f32>>) {
        let chunks = [x.index((.., ..5)).unwrap(), x.index((.., 5..)).unwrap()];
        let y = chunks.map(|chunk| layer.forward(&chunk, cache).unwrap());
        let state = cache.state_mut().unwrap();
        let arrays = [0, 1].map(|at| state.get(at).unwrap().to_vec().unwrap());
        (concatenate(&y, 1).unwrap(), arrays.to_vec())
    }

    fn near(actual: &[f32], expected: &[f32]) -> bool {
        actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-5)
    }

    #[test]
    fn padding_on_either_side_changes_no_text() {
        let noise = Array::full([1, 9, 8], 3.0, Dtype::Float32).unwrap();
        for by_head in [false, true] {
            let layer = layer(by_head);
            for real in [6, 8] {
                let x = text(real);
                let (alone, state) = run(&layer, &x, &mut GatedDelta::cache());
                let rest = noise.index((.., real..)).unwrap();
                let empty = KvCache::new([GatedDelta::cache()]).with_padding(&[9 - real]).unwrap();
                let mut before = empty.clone().layers().next().unwrap().clone();
                let mut behind = GatedDelta::cache();
                behind.state_mut().unwrap().set_lengths(Some(&[real]));
                for (parts, cache, first) in
                    [([&rest, &x], &mut before, 9 - real), ([&x, &rest], &mut behind, 0)]
                {
                    let (y, left) = run(&layer, &concatenate(parts, 1).unwrap(), cache);
                    let y = y.index((.., first..first + real)).unwrap();
                    assert!(near(&y.to_vec::<f32>().unwrap(), &alone.to_vec::<f32>().unwrap()));
                    assert!(left.iter().zip(&state).all(|(left, state)| near(left, state)));
                }
            }
        }
    }
}
