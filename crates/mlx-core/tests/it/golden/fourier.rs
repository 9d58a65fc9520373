//! Fourier transforms.

use mlx_core::fft::{self, Fft, FftN, Norm};
use mlx_core::{Array, Result};

use super::{Args, holds, one};

#[test]
fn fourier_transforms_agree_with_python() {
    holds("fourier", 384, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let output = match (op, inputs.first()) {
        ("fftfreq", _) => fft::fftfreq(args.int("n"), args.float("d")),
        ("rfftfreq", _) => fft::rfftfreq(args.int("n"), args.float("d")),
        ("fftshift", Some(x)) => fft::fftshift(x, args.axes_of("axes")),
        ("ifftshift", Some(x)) => fft::ifftshift(x, args.axes_of("axes")),
        (_, Some(x)) => one_axis(op, x, args).or_else(|| many_axes(op, x, args))?,
        _ => return None,
    };
    Some(one(output))
}

fn norm(args: Args<'_>) -> Norm {
    match args.get("norm") {
        Some(name) if name == "ortho" => Norm::Ortho,
        Some(name) if name == "forward" => Norm::Forward,
        _ => Norm::Backward,
    }
}

fn one_axis(op: &str, x: &Array, args: Args<'_>) -> Option<Result<Array>> {
    let how =
        Fft { axis: args.int_or("axis", -1), n: args.get("n").map(|_| args.int("n")), norm: norm(args) };
    Some(match op {
        "fft" => fft::fft(x, how),
        "ifft" => fft::ifft(x, how),
        "rfft" => fft::rfft(x, how),
        "irfft" => fft::irfft(x, how),
        _ => return None,
    })
}

fn many_axes(op: &str, x: &Array, args: Args<'_>) -> Option<Result<Array>> {
    let how = FftN { axes: args.axes_of("axes"), n: args.get("s").map(|_| args.ints("s")), norm: norm(args) };
    Some(match op {
        "fft2" => fft::fft2(x, how),
        "ifft2" => fft::ifft2(x, how),
        "rfft2" => fft::rfft2(x, how),
        "irfft2" => fft::irfft2(x, how),
        "fftn" => fft::fftn(x, how),
        "ifftn" => fft::ifftn(x, how),
        "rfftn" => fft::rfftn(x, how),
        "irfftn" => fft::irfftn(x, how),
        _ => return None,
    })
}
