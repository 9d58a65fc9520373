//! Random numbers.

use mlx_core::random::{self, Categorical, Draws, Key, Laplace, Normal};
use mlx_core::{Array, Dtype, Result, stack};

use super::{Args, holds, one};

#[test]
fn random_numbers_of_a_key_agree_with_python() {
    holds("chance", 205, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let key = Key::new(args.seed()).unwrap();
    real(op, inputs, args, &key).or_else(|| whole(op, inputs, args, &key)).map(one)
}

fn real(op: &str, inputs: &[Array], args: Args<'_>, key: &Key) -> Option<Result<Array>> {
    let dtype = if args.get("dtype").is_some() { args.dtype() } else { Dtype::Float32 };
    let shape = || args.ints("shape");
    Some(match op {
        "uniform" => {
            random::uniform(shape(), args.float_or("low", 0.0), args.float_or("high", 1.0), dtype, key)
        }
        "uniform_between" => random::uniform(shape(), &inputs[0], &inputs[1], dtype, key),
        "normal" if args.get("loc").is_some() => {
            let number = |name| Array::full([], args.float(name), dtype).unwrap();
            let (loc, scale) = (number("loc"), number("scale"));
            random::normal(shape(), Normal { dtype, loc: Some(&loc), scale: Some(&scale) }, key)
        }
        "normal" => random::normal(shape(), dtype, key),
        "normal_about" => {
            random::normal(shape(), Normal { dtype, loc: Some(&inputs[0]), scale: Some(&inputs[1]) }, key)
        }
        "gumbel" => random::gumbel(shape(), dtype, key),
        "laplace" => {
            let (loc, scale) = (args.float_or("loc", 0.0) as f32, args.float_or("scale", 1.0) as f32);
            random::laplace(shape(), Laplace { dtype, loc, scale }, key)
        }
        "truncated_normal" => {
            random::truncated_normal(shape(), args.float("lower"), args.float("upper"), dtype, key)
        }
        "multivariate_normal" => covariance(&inputs[1])
            .and_then(|covariance| random::multivariate_normal(&inputs[0], &covariance, shape(), key)),
        _ => return None,
    })
}

fn covariance(root: &Array) -> Result<Array> {
    root.matmul(root.t()?)? + Array::identity(root.dim(0)?, root.dtype())?
}

fn whole(op: &str, inputs: &[Array], args: Args<'_>, key: &Key) -> Option<Result<Array>> {
    let shape = || args.ints("shape");
    Some(match op {
        "key" => Ok(key.array().clone()),
        "split" => key.split_into(args.int("num")).and_then(|keys| stack(keys.iter().map(Key::array), 0)),
        "randint" => {
            let bound = |name| args.scalar(name).unwrap();
            random::randint(shape(), bound("low"), bound("high"), args.dtype(), key)
        }
        "bernoulli" => random::bernoulli(shape(), args.float("p"), key),
        "bernoulli_each" => random::bernoulli(shape(), &inputs[0], key),
        "permutation" => random::permutation_arange(args.int("n"), key),
        "permutation_of" => random::permutation(&inputs[0], args.int("axis"), key),
        "categorical" => {
            let draws = match (args.get("num_samples"), args.get("shape")) {
                (Some(_), _) => Draws::Number(args.int("num_samples")),
                (_, Some(_)) => Draws::Shape(shape()),
                _ => Draws::One,
            };
            random::categorical(&inputs[0], Categorical { axis: args.int("axis"), draws }, key)
        }
        _ => return None,
    })
}
