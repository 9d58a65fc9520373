//! Convolutions of models for sound, images and text.

use mlx_cpu::Level;
use mlx_cpu::convolution::{self, Axis, Channels};

use super::measure::{Bench, Case, Limit, copies};
use super::store::{Kind, Store};

pub(crate) fn run(bench: &Bench) {
    let axis = |length, kernel, stride, padding| Axis { length, kernel, stride, padding, dilation: 1 };
    let one = axis(1, 1, 1, [0; 2]);
    let channels = |input, output, groups| Channels { input, output, groups };
    let sound = [one, axis(3000, 3, 2, [1; 2])];
    measure(bench, "conv1d", sound, channels(384, 384, 1));
    measure(bench, "conv1d", [one, axis(512, 4, 1, [3, 0])], channels(2048, 2048, 2048));
    measure(bench, "conv2d", [axis(224, 14, 14, [0; 2]); 2], channels(3, 768, 1));
}

fn measure(bench: &Bench, kernel: &'static str, axes: [Axis; 2], channels: Channels) {
    if !bench.wants(kernel) {
        return;
    }
    let Channels { input, output, groups } = channels;
    let sizes = [
        axes[0].length * axes[1].length * input,
        axes[0].kernel * axes[1].kernel * input / groups * output,
        axes.map(|axis| axis.positions().unwrap()).iter().product::<usize>() * output,
    ];
    let bytes = 4 * sizes.iter().sum::<usize>();
    let depthwise = groups == input;
    let count = if depthwise { copies(bytes) } else { 1 };
    let [x, w, mut out] = sizes.map(|size| Store::random(Kind::F32, count * size));
    let case = Case {
        kernel,
        what: what(axes, channels),
        bytes,
        operations: 2 * sizes[2] * (sizes[1] / output),
        limit: if depthwise { Limit::Copy } else { Limit::Arithmetic },
    };
    bench.measure(&case, count, |at| {
        let (x, w, out) = (x.piece(at, sizes[0]), w.piece(at, sizes[1]), out.piece_mut(at, sizes[2]));
        convolution::conv2d(Level::best(), axes, channels, x, w, out)
    });
}

fn what([rows, columns]: [Axis; 2], Channels { input, output, groups }: Channels) -> String {
    let lengths = if rows.length == 1 { String::new() } else { format!("{} x ", rows.length) };
    let channels =
        if groups == input { format!("{input} depthwise") } else { format!("{input} to {output}") };
    let (length, kernel, stride) = (columns.length, columns.kernel, columns.stride);
    format!("{lengths}{length}, {channels}, kernel {kernel}, stride {stride}, f32")
}
