//! Products with dense matrices.

use mlx_cpu::Level;
use mlx_cpu::dense::{self, Order, Sizes};

use super::measure::{Bench, Case, Limit, copies};
use super::quantized::side;
use super::store::{Kind, Store};

pub(crate) fn run(bench: &Bench) {
    if bench.wants("dense::multiply") {
        for kind in [Kind::F32, Kind::Bf16, Kind::F16] {
            [1, 512].iter().for_each(|&rows| product(bench, kind, rows, Order::Transposed));
        }
        for kind in [Kind::F32, Kind::Bf16] {
            [1, 512].iter().for_each(|&rows| product(bench, kind, rows, Order::Plain));
        }
    }
}

fn product(bench: &Bench, kind: Kind, rows: usize, order: Order) {
    let side = side(rows);
    let bytes = side * side * kind.size();
    let count = if rows == 1 { copies(bytes) } else { 1 };
    let matrices = Store::random(kind, count * side * side);
    let x = Store::random(kind, rows * side);
    let mut out = Store::random(kind, rows * side);
    let transposed = if order == Order::Transposed { ", transposed" } else { "" };
    let case = Case {
        kernel: "dense::multiply",
        what: format!("[{rows}, {side}] by [{side}, {side}] {kind}{transposed}"),
        bytes,
        operations: 2 * rows * side * side,
        limit: if rows == 1 { Limit::Read } else { Limit::Arithmetic },
    };
    let sizes = Sizes { rows, depth: side, columns: side, order };
    bench.measure(&case, count, |at| {
        let w = matrices.piece(at, side * side);
        dense::multiply(Level::best(), sizes, x.all(), w, out.all_mut())
    });
}
