//! A compiled training step beside that of Python's MLX on the same machine:
//! `MLX_PYTHON=python3 cargo bench -p mlx-nn --bench train_step`, with an interpreter that has `mlx`.
//!
//! Rounds of both alternate and the fastest step of each counts, since others use the machine too. The program fails
//! where the median ratio of the rounds is above the bar.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may stop")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;

use mlx_core::random::{self, Key};
use mlx_core::transform::{Shapes, compile};
use mlx_core::{Array, Device, Dtype, Result, Tree, eval, fast};
use mlx_nn::loss::{Reduction, cross_entropy};
use mlx_nn::optim::{AdamW, Optimizer, State};
use mlx_nn::{Embedding, Linear, Module, RmsNorm, Weights, gelu, relu, value_and_grad};

/// The median time of a step may be this much of Python's; what is above 1 is for the noise of equal times.
const BAR: f64 = 1.03;

const ROUNDS: usize = 51;
const STEPS: usize = 20;

const BATCH: i32 = 2;
const WIDTH: i32 = 32;
const HEADS: i32 = 4;
const LENGTH: i32 = 16;
const TOKENS: i32 = 32;

/// A model of one input and logits.
trait Model: Module + Tree + Clone {
    fn forward(&self, x: &Array) -> Result<Array>;
}

#[derive(Clone, Debug, Module)]
struct Mlp {
    layers: [Linear; 3],
}

impl Mlp {
    fn load(w: &Weights) -> mlx_nn::Result<Self> {
        let layer = |at: &str, shape| w.at("layers").linear_with_bias(at, shape, true);
        Ok(Self { layers: [layer("0", [64, 32])?, layer("1", [64, 64])?, layer("2", [10, 64])?] })
    }
}

impl Model for Mlp {
    fn forward(&self, x: &Array) -> Result<Array> {
        let [first, second, last] = &self.layers;
        let x = relu(&first.forward(x)?)?;
        last.forward(&relu(&second.forward(&x)?)?)
    }
}

#[derive(Clone, Debug, Module)]
struct Block {
    norm_1: RmsNorm,
    qkv: Linear,
    out: Linear,
    norm_2: RmsNorm,
    up: Linear,
    down: Linear,
}

impl Block {
    fn load(w: &Weights) -> mlx_nn::Result<Self> {
        let norm = |name| w.rms_norm(name, WIDTH, 1e-5);
        let linear = |name, outputs, inputs| w.linear_with_bias(name, [outputs, inputs], true);
        Ok(Self {
            norm_1: norm("norm_1")?,
            qkv: linear("qkv", 3 * WIDTH, WIDTH)?,
            out: linear("out", WIDTH, WIDTH)?,
            norm_2: norm("norm_2")?,
            up: linear("up", 4 * WIDTH, WIDTH)?,
            down: linear("down", WIDTH, 4 * WIDTH)?,
        })
    }

    fn attend(&self, x: &Array) -> Result<Array> {
        let heads = |x: &Array| x.reshape([BATCH, LENGTH, HEADS, -1])?.transpose([0, 2, 1, 3]);
        let parts = self.qkv.forward(x)?.split(3, -1)?;
        let [q, k, v] = &*parts.iter().map(heads).collect::<Result<Vec<_>>>()? else {
            unreachable!("there are three parts");
        };
        let scale = ((WIDTH / HEADS) as f32).powf(-0.5);
        let y = fast::scaled_dot_product_attention(q, k, v, scale, fast::Mask::Causal, None)?;
        self.out.forward(&y.transpose([0, 2, 1, 3])?.reshape(x.shape())?)
    }

    fn forward(&self, x: &Array) -> Result<Array> {
        let x = (x + self.attend(&self.norm_1.forward(x)?)?)?;
        &x + self.down.forward(&gelu(&self.up.forward(&self.norm_2.forward(&x)?)?)?)?
    }
}

#[derive(Clone, Debug, Module)]
struct Transformer {
    embed: Embedding,
    layers: [Block; 2],
    norm: RmsNorm,
    head: Linear,
}

impl Transformer {
    fn load(w: &Weights) -> mlx_nn::Result<Self> {
        let layer = |at| Block::load(&w.at("layers").at(at));
        Ok(Self {
            embed: w.embedding("embed", [TOKENS, WIDTH])?,
            layers: [layer(0)?, layer(1)?],
            norm: w.rms_norm("norm", WIDTH, 1e-5)?,
            head: w.linear_with_bias("head", [TOKENS, WIDTH], true)?,
        })
    }
}

impl Model for Transformer {
    fn forward(&self, x: &Array) -> Result<Array> {
        let x = self.embed.forward(x)?;
        let x = self.layers.iter().try_fold(x, |x, layer| layer.forward(&x))?;
        self.head.forward(&self.norm.forward(&x)?)
    }
}

/// Does `STEPS` compiled steps whenever it is called, and returns the seconds of the fastest.
fn trainer<M: Model>(model: M, x: Array, y: Array) -> impl FnMut() -> f64 {
    let adam = AdamW::new(1e-3);
    let state = adam.init(&model.trainable(|_| true)).unwrap();
    let step = compile(
        move |(model, state, x, y): &(M, State, Array, Array)| {
            let loss = |model: &M| cross_entropy(&model.forward(x)?, y, Reduction::Mean);
            let (loss, gradients) = value_and_grad(|_| true, loss)(model)?;
            Ok((adam.update(model, &gradients, state)?, loss))
        },
        Shapes::Exact,
    );
    let mut trained = Some((model, state));
    move || {
        let steps = (0..STEPS).map(|_| {
            let (model, state) = trained.take().unwrap();
            let start = Instant::now();
            // What the step replaces is given up before it is computed, so that its memory is used again.
            let result = step(&(model, state, x.clone(), y.clone())).unwrap();
            eval(result.leaves()).unwrap();
            let seconds = start.elapsed().as_secs_f64();
            trained = Some(result.0);
            seconds
        });
        steps.fold(f64::MAX, f64::min)
    }
}

/// Python's side, which is asked by a line and answers by one.
struct Python {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    fn new(interpreter: &str) -> Self {
        let numbers = [BATCH, WIDTH, HEADS, LENGTH, TOKENS].map(|number| number.to_string());
        let mut command = Command::new(interpreter);
        command.args(["-B", "-c", include_str!("train_step.py")]).arg(STEPS.to_string()).args(numbers);
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

/// Times both sides in turn. Whether the median ratio is within the bar.
fn compare(model: &str, mut ours: impl FnMut() -> f64, python: &mut Python) -> bool {
    let (mut ratios, mut fastest) = (Vec::new(), (f64::MAX, f64::MAX));
    ours();
    python.time(model);
    for _ in 0..ROUNDS {
        let (ours, theirs) = (ours(), python.time(model));
        fastest = (fastest.0.min(ours), fastest.1.min(theirs));
        ratios.push(ours / theirs);
    }
    let listed: Vec<_> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    let (_, &mut median, _) = ratios.select_nth_unstable_by(ROUNDS / 2, f64::total_cmp);
    let (ours, theirs) = (fastest.0 * 1e6, fastest.1 * 1e6);
    println!("{model}: {}", listed.join(" "));
    println!("{model}: median {median:.3}; fastest {ours:.0} µs a step, Python {theirs:.0} µs");
    median <= BAR
}

fn mlp(key: Key) -> mlx_nn::Result<impl FnMut() -> f64> {
    let (of_model, of_data) = key.split()?;
    let x = random::normal([32, 32], Dtype::Float32, &of_data)?;
    let y = (Array::arange(0..32)? % 10)?.astype(Dtype::Uint32)?;
    Ok(trainer(Weights::init(of_model).build(Mlp::load)?, x, y))
}

fn transformer(key: Key) -> mlx_nn::Result<impl FnMut() -> f64> {
    let (of_model, of_data) = key.split()?;
    let tokens = random::randint([BATCH, LENGTH + 1], 0, TOKENS, Dtype::Uint32, &of_data)?;
    let (x, y) = (tokens.index((.., ..LENGTH))?, tokens.index((.., 1..))?);
    Ok(trainer(Weights::init(of_model).build(Transformer::load)?, x, y))
}

fn main() -> ExitCode {
    let Ok(interpreter) = std::env::var("MLX_PYTHON") else {
        println!("skipped: MLX_PYTHON names no interpreter that has mlx");
        return ExitCode::SUCCESS;
    };
    let mut python = Python::new(&interpreter);
    let within = Device::Cpu.scope(|| {
        let key = Key::new(0)?;
        let mlp = compare("mlp", mlp(key.clone()).unwrap(), &mut python);
        let transformer = compare("transformer", transformer(key).unwrap(), &mut python);
        Ok(mlp && transformer)
    });
    python.end();
    if within.unwrap() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
