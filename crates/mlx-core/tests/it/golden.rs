//! Every case of `tests/golden/ops.json`, which MLX's Python interface computed.

use std::path::{Path, PathBuf};

use mlx_core::fast::{self, Mask, Rope};
use mlx_core::io::load_safetensors;
use mlx_core::{Array, Dtype, Index, Result, Scan, Slice, concatenate, keep, select, stack};
use mlx_testkit::{Golden, Tolerance, cases};
use serde_json::Value;

use crate::values::{shape, values};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn every_op_agrees_with_python() {
    let golden = Golden::open(folder().join("ops.safetensors"));
    let tensors = load_safetensors(folder().join("ops.safetensors")).unwrap().arrays;
    let cases = cases(folder().join("ops.json"));
    assert_eq!(cases.len(), 96);
    for case in cases {
        let names = case["inputs"].as_array().unwrap();
        let inputs: Vec<&Array> = names.iter().map(|name| &tensors[name.as_str().unwrap()]).collect();
        let op = case["op"].as_str().unwrap();
        let result =
            run(op, &inputs, &Arguments(&case["args"])).unwrap_or_else(|error| panic!("{case}: {error}"));
        let result = result.unwrap_or_else(|| panic!("the op of {case} is not tested"));
        assert_eq!(result.dtype().name(), case["dtype"].as_str().unwrap(), "{case}");
        let tolerance = if result.dtype() == Dtype::Float32 { Tolerance::F32 } else { Tolerance::EXACT };
        golden.assert_close(case["output"].as_str().unwrap(), &shape(&result), &values(&result), tolerance);
    }
}

/// The arguments of a case by MLX's Python names.
struct Arguments<'a>(&'a Value);

impl Arguments<'_> {
    fn int(&self, name: &str) -> i32 {
        i32::try_from(self.0[name].as_i64().unwrap_or_else(|| panic!("no {name} in {}", self.0))).unwrap()
    }

    fn float(&self, name: &str) -> f32 {
        self.0[name].as_f64().unwrap_or_else(|| panic!("no {name} in {}", self.0)) as f32
    }

    fn flag(&self, name: &str) -> bool {
        self.0[name].as_bool().unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }

    /// Integers, `None` where the list has `null`.
    fn ints(&self, name: &str) -> Vec<Option<i32>> {
        let list = self.0[name].as_array().unwrap_or_else(|| panic!("no {name} in {}", self.0));
        list.iter().map(|value| value.as_i64().map(|n| i32::try_from(n).unwrap())).collect()
    }

    fn shape(&self, name: &str) -> Vec<i32> {
        self.ints(name).into_iter().map(Option::unwrap).collect()
    }

    fn axes(&self) -> mlx_core::Axes {
        let axis = self.int("axis");
        if self.flag("keepdims") { keep(axis) } else { axis.into() }
    }

    fn slices(&self) -> Vec<Index> {
        let (start, stop) = (self.ints("start"), self.ints("stop"));
        let bounds = start.into_iter().zip(stop).zip(self.shape("step"));
        bounds.map(|((start, stop), step)| Slice { start, stop, step }.into()).collect()
    }
}

/// The result of `op`; `None` if there is no such op here.
fn run(op: &str, inputs: &[&Array], args: &Arguments<'_>) -> Result<Option<Array>> {
    for ops in [unary, binary, along_axis, arranged, fused] {
        if let Some(result) = ops(op, inputs, args) {
            return result.map(Some);
        }
    }
    Ok(None)
}

fn unary(op: &str, inputs: &[&Array], _: &Arguments<'_>) -> Option<Result<Array>> {
    let &[x] = inputs else { return None };
    Some(match op {
        "negative" => -x,
        "abs" => x.abs(),
        "square" => x.square(),
        "sqrt" => x.sqrt(),
        "rsqrt" => x.rsqrt(),
        "exp" => x.exp(),
        "log" => x.log(),
        "tanh" => x.tanh(),
        "sigmoid" => x.sigmoid(),
        "silu" => x * x.sigmoid(),
        "gelu" => gelu(x),
        "gelu_approx" => gelu_approx(x),
        "logical_not" => x.logical_not(),
        _ => return None,
    })
}

fn gelu(x: &Array) -> Result<Array> {
    let below = (1.0 + (x / std::f32::consts::SQRT_2)?.erf()?)?;
    0.5 * (x * below)?
}

fn gelu_approx(x: &Array) -> Result<Array> {
    let inner = (x + (0.044715 * x.power(3)?)?)?;
    let below = (1.0 + (inner * (2.0 / std::f32::consts::PI).sqrt())?.tanh()?)?;
    (0.5 * x)? * below
}

fn binary(op: &str, inputs: &[&Array], _: &Arguments<'_>) -> Option<Result<Array>> {
    let &[a, b] = inputs else { return None };
    Some(match op {
        "add" => a + b,
        "subtract" => a - b,
        "multiply" => a * b,
        "divide" => a / b,
        "remainder" => a % b,
        "floor_divide" => a.floor_divide(b),
        "maximum" => a.maximum(b),
        "minimum" => a.minimum(b),
        "power" => a.power(b),
        "matmul" => a.matmul(b),
        "less" => a.less(b),
        "equal" => a.equal(b),
        "greater_equal" => a.greater_equal(b),
        "logical_and" => a.logical_and(b),
        _ => return None,
    })
}

fn along_axis(op: &str, inputs: &[&Array], args: &Arguments<'_>) -> Option<Result<Array>> {
    let &x = inputs.first()?;
    Some(match op {
        "softmax" => x.softmax(args.int("axis")),
        "logsumexp" => x.logsumexp(args.axes()),
        "sum" => x.sum(args.axes()),
        "mean" => x.mean(args.axes()),
        "max" => x.max(args.axes()),
        "argmax" => x.argmax(args.axes()),
        "argmin" => x.argmin(args.axes()),
        "cumsum" => x.cumsum(Scan {
            axis: args.int("axis"),
            reverse: args.flag("reverse"),
            inclusive: args.flag("inclusive"),
        }),
        "sort" => x.sort(args.int("axis")),
        "argsort" => x.argsort(args.int("axis")),
        "partition" => partition(x, args.int("kth")),
        "argpartition" => argpartition(x, args.int("kth")),
        "topk" => x.topk(args.int("k"), -1).and_then(|top| top.sort(-1)),
        "take" => x.take(inputs[1], args.int("axis")),
        "take_along_axis" => x.take_along_axis(inputs[1], args.int("axis")),
        "concatenate" => concatenate(inputs.iter().copied(), args.int("axis")),
        "stack" => stack(inputs.iter().copied(), args.int("axis")),
        _ => return None,
    })
}

/// The parts of the partition, each sorted, as the golden data has them.
fn partition(x: &Array, kth: i32) -> Result<Array> {
    let parts = x.partition(kth, -1)?.split_at([kth], -1)?;
    let sorted: Vec<_> = parts.iter().map(|part| part.sort(-1)).collect::<Result<_>>()?;
    concatenate(&sorted, -1)
}

fn argpartition(x: &Array, kth: i32) -> Result<Array> {
    x.argpartition(kth, -1)?.index((Index::Ellipsis, ..kth))?.sort(-1)
}

fn arranged(op: &str, inputs: &[&Array], args: &Arguments<'_>) -> Option<Result<Array>> {
    let &x = inputs.first()?;
    Some(match op {
        "where" => select(x, inputs[1], inputs[2]),
        "reshape" => x.reshape(args.shape("shape")),
        "transpose" => x.transpose(args.shape("axes")),
        "swapaxes" => x.swapaxes(args.int("axis1"), args.int("axis2")),
        "expand_dims" => x.expand_dims(args.int("axis")),
        "broadcast_to" => x.broadcast_to(args.shape("shape")),
        "repeat" => x.repeat(args.int("repeats"), args.int("axis")),
        "tril" => x.tril(args.int("k")),
        "slice" => x.index(args.slices()),
        "astype" => x.astype(args.0["dtype"].as_str().unwrap().parse().unwrap()),
        _ => return None,
    })
}

fn fused(op: &str, inputs: &[&Array], args: &Arguments<'_>) -> Option<Result<Array>> {
    let &x = inputs.first()?;
    Some(match op {
        "rms_norm" => fast::rms_norm(x, Some(inputs[1]), args.float("eps")),
        "layer_norm" => fast::layer_norm(x, Some(inputs[1]), Some(inputs[2]), args.float("eps")),
        "rope" => fast::rope(x, Rope { base: Some(args.float("base")), ..rotation(args) }),
        "rope_frequencies" => fast::rope(x, Rope { freqs: Some(inputs[1]), ..rotation(args) }),
        "attention" => {
            let mask = inputs.get(3).map_or(Mask::None, |&mask| Mask::Array(mask));
            fast::scaled_dot_product_attention(x, inputs[1], inputs[2], args.float("scale"), mask, None)
        }
        "causal_attention" => {
            let scale = args.float("scale");
            fast::scaled_dot_product_attention(x, inputs[1], inputs[2], scale, Mask::Causal, None)
        }
        _ => return None,
    })
}

fn rotation(args: &Arguments<'_>) -> Rope<'static> {
    Rope {
        dims: args.int("dims"),
        traditional: args.flag("traditional"),
        base: None,
        scale: args.float("scale"),
        offset: args.int("offset"),
        freqs: None,
    }
}
