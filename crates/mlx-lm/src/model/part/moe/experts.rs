//! The gated layers of all experts.

use mlx_core::{Array, Dtype, Result as MlxResult, Slice};
use mlx_nn::{Matrix, Module, SwitchLinear, Weights};

use super::Choice;
use crate::Result;
use crate::model::part::Gating;

/// From so many choices on, tokens are sorted by expert, so that each expert is read once.
const SORTED_FROM: usize = 64;

/// `down(gate(x) · up(x))` of the experts that are chosen for each token.
#[derive(Module)]
pub(crate) struct SwitchGlu {
    gate_proj: SwitchLinear,
    up_proj: SwitchLinear,
    down_proj: SwitchLinear,
    #[module(skip)]
    gating: Gating,
}

/// Their sizes, and how families differ in them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ExpertOptions {
    pub(crate) count: i32,
    pub(crate) hidden: i32,
    /// What a token passes within one expert.
    pub(crate) inner: i32,
    pub(crate) bias: bool,
    pub(crate) gating: Gating,
    pub(crate) fused: Fused,
}

/// How `gate_up_proj` holds gates and what they gate, in checkpoints where it is one array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fused {
    /// The first and the second half of the rows. Floats may be `[experts, inputs, outputs]`, as Qwen3-VL stores them.
    #[default]
    Halves,
    /// Every other row. Floats are `[experts, inputs, outputs]`.
    Interleaved,
}

impl SwitchGlu {
    /// The experts of the layer at the path of `w`: as `name` holds them stacked, or as `experts` holds them one by
    /// one (`experts.0.gate_proj` or `experts.0.w1`) or with `gate_up_proj` in one.
    pub(crate) fn load(w: &Weights, name: &str, options: ExpertOptions) -> Result<Self> {
        let ExpertOptions { count, hidden, inner, bias, gating, .. } = options;
        let shapes = [[inner, hidden], [inner, hidden], [hidden, inner]];
        let experts = w.at("experts");
        let [gate_proj, up_proj, down_proj] = if let Some(names) = apart(&experts) {
            let load = |name, shape| options.gather(&experts, name, shape);
            let ([gate, up, down], [narrow, _, wide]) = (names, shapes);
            [load(gate, narrow)?, load(up, narrow)?, load(down, wide)?]
        } else if ["gate_up_proj", "gate_up_proj.weight"].iter().any(|name| experts.contains(name)) {
            options.split(&experts, ["gate_up_proj", "down_proj"])?
        } else {
            let w = w.at(name);
            let load = |name: &str, [rows, columns]: [i32; 2]| {
                SwitchLinear::load(&w.at(name), [count, rows, columns], bias)
            };
            let [narrow, _, wide] = shapes;
            [load("gate_proj", narrow)?, load("up_proj", narrow)?, load("down_proj", wide)?]
        };
        Ok(Self { gate_proj, up_proj, down_proj, gating })
    }

    /// The experts at the path of `w`, where the first of the names is that of gates and what they gate in one.
    pub(crate) fn halves(w: &Weights, names: [&str; 2], options: ExpertOptions) -> Result<Self> {
        let [gate_proj, up_proj, down_proj] = options.split(w, names)?;
        Ok(Self { gate_proj, up_proj, down_proj, gating: options.gating })
    }

    /// The sum of what the chosen experts make of each token, by their shares: `[…, hidden] -> […, hidden]`.
    pub(crate) fn mix(&self, x: &Array, choice: &Choice) -> MlxResult<Array> {
        let y = self.forward(x, &choice.experts)?;
        (&y * choice.shares.expand_dims(-1)?)?.sum(-2)?.astype(y.dtype())
    }

    /// What each of the `experts` `[…, chosen]` makes of its token: `[…, hidden] -> […, chosen, hidden]`.
    pub(crate) fn forward(&self, x: &Array, experts: &Array) -> MlxResult<Array> {
        if experts.size() < SORTED_FROM {
            return self.apply(&x.expand_dims([-2, -3])?, experts, false)?.squeeze(-2);
        }
        let chosen = experts.dim(-1)?;
        let flat = experts.flatten(0, -1)?;
        let order = flat.argsort(-1)?;
        let rows = x.flatten(0, -2)?.take(&order.floor_divide(chosen)?, 0)?.expand_dims(-2)?;
        let y = self.apply(&rows, &flat.take(&order, 0)?, true)?.squeeze(-2)?;
        let back = y.take(&order.argsort(-1)?, 0)?;
        back.reshape([experts.shape(), &[-1]].concat())
    }

    fn apply(&self, x: &Array, experts: &Array, sorted: bool) -> MlxResult<Array> {
        let gate = self.gate_proj.forward(x, experts, sorted)?;
        let up = self.up_proj.forward(x, experts, sorted)?;
        self.down_proj.forward(&self.gating.forward(&gate, &up)?, experts, sorted)
    }
}

/// What experts that are kept one by one call their gates, what these gate, and the way back.
fn apart(experts: &Weights) -> Option<[&'static str; 3]> {
    const NAMES: [[&str; 3]; 2] = [["gate_proj", "up_proj", "down_proj"], ["w1", "w3", "w2"]];
    NAMES.into_iter().find(|names| names.iter().any(|name| experts.contains(&format!("0.{name}.weight"))))
}

impl ExpertOptions {
    /// The layers `name` of experts that are kept one by one.
    fn gather(&self, experts: &Weights, name: &str, shape: [i32; 2]) -> Result<SwitchLinear> {
        let [rows, _] = shape;
        let scopes: Vec<_> = (0..self.count).map(|number| experts.at(number).at(name)).collect();
        let biases = || {
            let each = scopes.iter().map(|w| w.parameter("bias", [rows], zeros));
            let each = each.collect::<mlx_nn::Result<Vec<_>>>()?;
            Ok::<_, mlx_nn::Error>(mlx_core::stack(&each, 0)?)
        };
        let bias = self.bias.then(biases).transpose()?;
        Ok(SwitchLinear::new(Matrix::gathered(&scopes, shape)?, bias))
    }

    /// The layers of experts whose gates and what these gate are in one array.
    fn split(&self, experts: &Weights, [both, down]: [&str; 2]) -> Result<[SwitchLinear; 3]> {
        let Self { count, hidden, inner, fused, .. } = *self;
        let names = [both, down].map(|name| format!("{name}_bias"));
        let both = self.stored(experts, both, [2 * inner, hidden])?;
        let down = self.stored(experts, down, [hidden, inner])?;
        let bias = |name: &str, width| {
            let load = || experts.parameter(name, [count, width], zeros);
            self.bias.then(load).transpose()
        };
        let [both_bias, down_bias] = names;
        let both_bias = bias(&both_bias, 2 * inner)?;
        let half = |rows: Slice| {
            let bias = both_bias.as_ref().map(|bias| bias.index((.., rows))?.contiguous(false));
            Ok::<_, mlx_core::Error>(SwitchLinear::new(both.part(rows)?, bias.transpose()?))
        };
        let (gate, up) = match fused {
            Fused::Halves => (Slice::from(..inner), Slice::from(inner..)),
            Fused::Interleaved => (Slice::step_by(0.., 2), Slice::step_by(1.., 2)),
        };
        Ok([half(gate)?, half(up)?, SwitchLinear::new(down, bias(&down_bias, hidden)?)])
    }

    /// A stack that is named like a layer, or like an array.
    fn stored(&self, experts: &Weights, name: &str, [rows, columns]: [i32; 2]) -> Result<Matrix> {
        let count = self.count;
        Ok(match self.fused {
            _ if !experts.contains(name) => Matrix::load(&experts.at(name), [count, rows, columns])?,
            Fused::Halves if experts.shape(name) != Some(&[count, columns, rows]) || rows == columns => {
                experts.parameter(name, [count, rows, columns], zeros)?.into()
            }
            Fused::Halves | Fused::Interleaved => {
                experts.parameter(name, [count, columns, rows], zeros)?.swapaxes(-1, -2)?.into()
            }
        })
    }
}

fn zeros(shape: &[i32], _: &mlx_core::random::Key) -> MlxResult<Array> {
    Array::zeros(shape, Dtype::Float32)
}

#[cfg(test)]
mod tests {
    use mlx_core::random::Key;
    use mlx_core::{Closeness, random};

    use super::*;
    use crate::model::part::Activation;

    fn drawn(seed: u64, shape: &[i32]) -> Array {
        random::normal(shape, Dtype::Float32, &Key::new(seed).unwrap()).unwrap()
    }

    fn options() -> ExpertOptions {
        let (gating, fused) = (Gating::By(Activation::Silu), Fused::Halves);
        ExpertOptions { count: 5, hidden: 8, inner: 6, bias: true, gating, fused }
    }

    fn fresh() -> SwitchGlu {
        let w = Weights::init(Key::new(3).unwrap());
        let mut experts = SwitchGlu::load(&w, "switch_mlp", options()).unwrap();
        let mut parameters = experts.parameters();
        for (seed, name) in (0..).zip(["gate_proj.bias", "up_proj.bias", "down_proj.bias"]) {
            let bias = drawn(seed, parameters.get(name).unwrap().shape());
            parameters.insert(name, bias);
        }
        experts.update(&parameters).unwrap();
        experts
    }

    #[test]
    fn many_tokens_pass_the_experts_that_each_alone_passes() {
        let experts = fresh();
        let x = drawn(7, &[2, 20, 8]);
        let chosen = ((Array::arange(0..80).unwrap() * 7).unwrap() % 5).unwrap().reshape([2, 20, 2]).unwrap();
        assert!(chosen.size() >= SORTED_FROM);
        let together = experts.forward(&x, &chosen).unwrap();
        assert_eq!(together.shape(), [2, 20, 2, 8]);
        for text in 0..2 {
            for token in 0..20 {
                let place = (text..text + 1, token..token + 1);
                let alone = experts
                    .forward(&x.index(place.clone()).unwrap(), &chosen.index(place.clone()).unwrap())
                    .unwrap();
                let same = together.index(place).unwrap().allclose(&alone, Closeness::default());
                assert!(same.unwrap(), "text {text}, token {token}");
            }
        }
    }

    #[test]
    fn gradients_go_through_sorted_tokens() {
        let experts = fresh();
        let chosen = (Array::arange(0..80).unwrap() % 5).unwrap().reshape([40, 2]).unwrap();
        let loss = |x: &Array| experts.forward(x, &chosen)?.square()?.sum(..);
        let gradient = mlx_core::transform::grad(loss)(&drawn(7, &[40, 8])).unwrap();
        assert!(gradient.index(39).unwrap().abs().unwrap().min(..).unwrap().item::<f32>().unwrap() > 0.0);
    }
}
