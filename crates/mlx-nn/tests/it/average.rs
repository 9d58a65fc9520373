//! Gradients of several processes.

use mlx_core::{Array, Dtype, Tree};
use mlx_nn::Parameters;
use mlx_nn::train::{MESSAGE_BYTES, average_gradients};

use crate::ring::two;

fn gradients(rank: i32) -> Parameters {
    let of = |shape: &[i32], dtype| {
        let count: i32 = shape.iter().product();
        let x = (Array::arange(0..count).unwrap().reshape(shape).unwrap() * (1 + 2 * rank)).unwrap();
        x.astype(dtype).unwrap()
    };
    Parameters::from_iter([
        ("a", of(&[2, 3], Dtype::Float32)),
        ("b", of(&[], Dtype::Float32)),
        ("c", of(&[5], Dtype::Float16)),
        ("d", of(&[7, 1], Dtype::Float32)),
        ("e", of(&[0, 2], Dtype::Float32)),
    ])
}

#[test]
fn each_process_has_the_mean_whatever_is_sent_together() {
    two("average::each_process_has_the_mean_whatever_is_sent_together", |group| {
        let ours = gradients(group.rank());
        let expected = gradients(0).map(|_, gradient| (gradient * 2)?.astype(gradient.dtype())).unwrap();
        for bytes in [0, 8, 28, MESSAGE_BYTES] {
            let mean = average_gradients(&ours, group, bytes).unwrap();
            assert!(mean.same_form(&ours));
            for (path, mean) in mean.iter() {
                let expected = expected.get(path).unwrap();
                assert_eq!((mean.shape(), mean.dtype()), (expected.shape(), expected.dtype()), "{path}");
                assert!(mean.array_equal(expected, false).unwrap(), "{path} {bytes} {mean:?}");
            }
        }
    });
}
