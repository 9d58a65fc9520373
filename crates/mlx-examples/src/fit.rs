//! A training loop.

use indicatif::{ProgressBar, ProgressStyle};
use mlx_core::random::Key;
use mlx_core::transform::{Shapes, compile};
use mlx_core::{Array, Result, Tree, eval};
use mlx_nn::optim::{Optimizer, State};
use mlx_nn::train::check_loss;
use mlx_nn::{Module, value_and_grad};

/// Trains all of a model for `steps` compiled steps with a progress bar, which is silent where stderr is no terminal.
/// Returns the model and the losses.
///
/// `batch` gives the arrays of a step, always of the same shapes, and `loss` what is to become small; it draws with
/// its key.
///
/// # Errors
/// [`Diverged`](mlx_nn::Error::Diverged) names the step whose loss is no number.
pub fn fit<M: Module + Tree + Clone + 'static, B: Tree + 'static>(
    mut model: M,
    optimizer: impl Optimizer + 'static,
    steps: usize,
    mut batch: impl FnMut() -> Result<B>,
    loss: impl Fn(&M, &B, &mut Key) -> Result<Array> + 'static,
) -> mlx_nn::Result<(M, Vec<f32>)> {
    let mut state = optimizer.init(&model.trainable(|_| true))?;
    let step = compile(
        move |(model, state, batch, key): &(M, State, B, Key)| {
            let loss = |model: &M| loss(model, batch, &mut key.clone());
            let (loss, gradients) = value_and_grad(|_| true, loss)(model)?;
            let (model, state) = optimizer.update(model, &gradients, state)?;
            Ok((loss, model, state))
        },
        Shapes::Exact,
    );

    let (bar, mut key, mut losses) = (bar(steps), Key::new(0)?, Vec::with_capacity(steps));
    for at in 0..steps {
        let result = step(&(model, state, batch()?, key.next()?))?;
        eval(result.leaves())?;
        let loss;
        (loss, model, state) = result;
        losses.push(check_loss(&loss, at)?);
        bar.set_message(format!("loss {:.3}", losses[at]));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((model, losses))
}

fn bar(steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {eta} left");
    ProgressBar::new(steps as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
