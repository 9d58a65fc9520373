//! A compiled training step beside that of Python's MLX on the same machine:
//! `MLX_PYTHON=python3 cargo bench -p mlx-nn --bench train_step`, with an interpreter that has `mlx`.
//!
//! Rounds of both alternate, since a busy machine slows both. The program fails where the median ratio of their
//! times is above the bar.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may stop")]
#![expect(clippy::indexing_slicing, reason = "the names of parameters are those of the model")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;

use mlx_core::fast;
use mlx_core::random::{self, Key};
use mlx_core::transform::{Shapes, compile, value_and_grad};
use mlx_core::{Array, Device, Dtype, Result, Tree, eval};
use mlx_nn::Parameters;
use mlx_nn::optim::{AdamW, Optimizer, State};

/// The median time of a step may be this much of Python's.
const BAR: f64 = 1.0;

const ROUNDS: usize = 41;
const STEPS: i32 = 20;

const WIDTH: i32 = 32;
const HEADS: i32 = 4;
const LENGTH: i32 = 16;
const TOKENS: i32 = 32;

type Batch = (Array, Array);

fn linear(model: &Parameters, name: &str, x: &Array) -> Result<Array> {
    model[&format!("{name}.bias")].addmm(x, &model[&format!("{name}.weight")].t()?, 1.0, 1.0)
}

fn mlp(model: &Parameters, x: &Array) -> Result<Array> {
    let x = linear(model, "layers.0", x)?.maximum(0.0)?;
    let x = linear(model, "layers.1", &x)?.maximum(0.0)?;
    linear(model, "layers.2", &x)
}

fn attend(model: &Parameters, name: &str, x: &Array) -> Result<Array> {
    let parts = linear(model, &format!("{name}.qkv"), x)?.split(3, -1)?;
    let heads = |x: &Array| x.reshape([2, LENGTH, HEADS, -1])?.transpose([0, 2, 1, 3]);
    let [q, k, v] = [&parts[0], &parts[1], &parts[2]].map(heads);
    let scale = ((WIDTH / HEADS) as f32).powf(-0.5);
    let y = fast::scaled_dot_product_attention(&q?, &k?, &v?, scale, fast::Mask::Causal, None)?;
    linear(model, &format!("{name}.out"), &y.transpose([0, 2, 1, 3])?.reshape(x.shape())?)
}

fn norm(model: &Parameters, name: &str, x: &Array) -> Result<Array> {
    fast::rms_norm(x, Some(&model[&format!("{name}.weight")]), 1e-5)
}

fn block(model: &Parameters, name: &str, x: &Array) -> Result<Array> {
    let x = (x + attend(model, name, &norm(model, &format!("{name}.norm_1"), x)?)?)?;
    let y = linear(model, &format!("{name}.up"), &norm(model, &format!("{name}.norm_2"), &x)?)?;
    x + linear(model, &format!("{name}.down"), &mlx_nn::gelu(&y)?)?
}

fn transformer(model: &Parameters, x: &Array) -> Result<Array> {
    let x = model["embed.weight"].take(x, 0)?;
    let x = block(model, "layers.1", &block(model, "layers.0", &x)?)?;
    linear(model, "head", &norm(model, "norm", &x)?)
}

fn parameter(name: &str, shape: &[i32], key: &mut Key) -> Result<(String, Array)> {
    let width = f64::from(shape[shape.len() - 1]);
    let values = (random::normal(shape, Dtype::Float32, &key.next()?)? * width.powf(-0.5))?;
    Ok((name.to_owned(), values))
}

fn draw(linears: &[(String, [i32; 2])], others: &[(String, Vec<i32>)], key: &mut Key) -> Result<Parameters> {
    let mut model = Parameters::new();
    for (name, [outputs, inputs]) in linears {
        model.extend([parameter(&format!("{name}.weight"), &[*outputs, *inputs], key)?]);
        model.extend([parameter(&format!("{name}.bias"), &[*outputs], key)?]);
    }
    for (name, shape) in others {
        model.extend([parameter(&format!("{name}.weight"), shape, key)?]);
    }
    Ok(model)
}

/// Seconds of `STEPS` compiled steps, whenever it is called.
fn trainer(
    model: Parameters,
    (x, y): Batch,
    forward: fn(&Parameters, &Array) -> Result<Array>,
) -> Box<dyn FnMut() -> f64> {
    let adam = AdamW::new(1e-3);
    let state = adam.init(&model).unwrap();
    let mut trained = Some((model, state));
    let step = compile(
        move |(model, state, x, y): &(Parameters, State, Array, Array)| {
            let loss = |model: &Parameters| fast::cross_entropy(&forward(model, x)?, y)?.mean(..);
            let (loss, gradients) = value_and_grad(loss)(model)?;
            let (model, state) = adam.apply(model, &gradients, state)?;
            Ok((model, state, loss))
        },
        Shapes::Exact,
    );
    Box::new(move || {
        let start = Instant::now();
        for _ in 0..STEPS {
            let (model, state) = trained.take().unwrap();
            // What the step replaces is free before it is computed, so that its memory is used again.
            let result = step(&(model, state, x.clone(), y.clone())).unwrap();
            eval(result.leaves()).unwrap();
            trained = Some((result.0, result.1));
        }
        start.elapsed().as_secs_f64()
    })
}

/// Python's side, which is asked by a line and answers by one.
struct Python {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    fn new(interpreter: &str) -> Self {
        let numbers = [STEPS, WIDTH, HEADS, LENGTH, TOKENS].map(|number| number.to_string());
        let mut command = Command::new(interpreter);
        command.args(["-B", "-c", include_str!("train_step.py")]).args(numbers);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (questions, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, questions, answers: BufReader::new(answers) }
    }

    fn time(&mut self, model: &str) -> f64 {
        writeln!(self.questions, "{model}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }

    fn end(mut self) {
        drop(self.questions);
        self.process.wait().unwrap();
    }
}

/// Whether the median ratio is within the bar.
fn compare(model: &str, mut ours: impl FnMut() -> f64, python: &mut Python) -> bool {
    let (mut rounds, mut best) = (Vec::new(), [f64::MAX; 2]);
    ours();
    python.time(model);
    for _ in 0..ROUNDS {
        let (ours, theirs) = (ours(), python.time(model));
        best = [best[0].min(ours), best[1].min(theirs)];
        rounds.push(ours / theirs);
    }
    let listed: Vec<_> = rounds.iter().map(|ratio| format!("{ratio:.2}")).collect();
    rounds.sort_by(f64::total_cmp);
    let median = rounds[ROUNDS / 2];
    let [ours, theirs] = best.map(|seconds| seconds * 1e6 / f64::from(STEPS));
    println!("{model}: {}", listed.join(" "));
    println!("{model}: median {median:.3}; fastest {ours:.0} us a step, Python {theirs:.0} us");
    median <= BAR
}

fn main() -> ExitCode {
    let Ok(interpreter) = std::env::var("MLX_PYTHON") else {
        println!("skipped: MLX_PYTHON names no interpreter with mlx");
        return ExitCode::SUCCESS;
    };
    let mut python = Python::new(&interpreter);
    let within = Device::Cpu.scope(|| {
        let mut key = Key::new(0)?;
        let named = |list: &[(&str, [i32; 2])]| -> Vec<_> {
            list.iter().map(|(name, shape)| ((*name).to_owned(), *shape)).collect()
        };
        let layers = named(&[("layers.0", [64, 32]), ("layers.1", [64, 64]), ("layers.2", [10, 64])]);
        let model = draw(&layers, &[], &mut key)?;
        let y = (Array::arange(0..32)? % 10)?.astype(Dtype::Uint32)?;
        let batch = (random::normal([32, 32], Dtype::Float32, &key.next()?)?, y);
        let first = compare("mlp", trainer(model, batch, mlp), &mut python);

        let w = WIDTH;
        let mut layers = named(&[("head", [TOKENS, w])]);
        let mut others = vec![("embed".to_owned(), vec![TOKENS, w]), ("norm".to_owned(), vec![w])];
        for at in 0..2 {
            let parts = [("qkv", [3 * w, w]), ("out", [w, w]), ("up", [4 * w, w]), ("down", [w, 4 * w])];
            layers.extend(parts.map(|(name, shape)| (format!("layers.{at}.{name}"), shape)));
            others.extend([1, 2].map(|norm| (format!("layers.{at}.norm_{norm}"), vec![w])));
        }
        let model = draw(&layers, &others, &mut key)?;
        let tokens = random::randint([2, LENGTH + 1], 0, TOKENS, Dtype::Uint32, &key.next()?)?;
        let batch = (tokens.index((.., 0..LENGTH))?, tokens.index((.., 1..LENGTH + 1))?);
        let second = compare("transformer", trainer(model, batch, transformer), &mut python);
        Ok([first, second])
    });
    python.end();
    if within.unwrap() == [true; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
