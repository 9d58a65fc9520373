//! Transforms under load: deep graphs, many calls, many threads.

use mlx_core::transform::{
    Shapes, checkpoint, compile, export_function, grad, jvp, value_and_grad, vjp, vmap,
};
use mlx_core::{Array, Result, memory};

use crate::values::{near, ones};

/// `x` after `n` ops.
fn deep(x: &Array, n: usize) -> Result<Array> {
    (0..n).try_fold(x.clone(), |x, _| x + 1e-6)
}

#[test]
fn a_graph_that_the_stack_cannot_hold_is_refused() {
    let n = 20_000;
    let sum = move |x: &Array| deep(x, n)?.sum(..);
    let folder = tempfile::tempdir().unwrap();
    for error in [
        grad(sum)(&ones([1])).map(drop),
        value_and_grad(sum)(&ones([1])).map(drop),
        vjp(|x: &Array| deep(x, n), &ones([1]), &ones([1])).map(drop),
        jvp(|x: &Array| deep(x, n), &ones([1]), &ones([1])).map(drop),
        vmap(|x: &Array| deep(x, n), 0, 0)(&ones([1])).map(drop),
        compile(move |x: &Array| deep(x, n), Shapes::Exact)(&ones([1])).map(drop),
        grad(checkpoint(sum))(&ones([1])).map(drop),
        export_function(folder.path().join("f"), move |x: &Array| deep(x, n), &ones([1])),
        mlx_core::transform::Graph::of([&deep(&ones([1]), n).unwrap()]).lines().map(drop),
    ] {
        let error = error.unwrap_err();
        assert!(error.message().contains("ops deep"), "{error}");
    }
    let captured = deep(&ones([1]), n).unwrap();
    let by_captured = |x: &Array| (x * &captured)?.sum(..);
    assert!(grad(by_captured)(&ones([1])).is_err());
    captured.eval().unwrap();
    assert!((grad(by_captured)(&ones([1])).unwrap().item::<f32>().unwrap() - 1.02).abs() < 0.01);
}

#[test]
fn graphs_as_deep_as_the_stack_allows_are_walked() {
    for (stack, n) in [(512 * 1024, 700), (2 << 20, 3_700), (8 << 20, 15_500)] {
        let run = move || {
            let dx = grad(|x: &Array| deep(x, n)?.sum(..))(&ones([1])).unwrap();
            assert_eq!(dx.item::<f32>().unwrap(), 1.0);
            jvp(|x: &Array| deep(x, n), &ones([1]), &ones([1])).unwrap();
            vmap(|x: &Array| deep(x, n), 0, 0)(&ones([1])).unwrap().eval().unwrap();
            mlx_core::transform::Graph::of([&deep(&ones([1]), n).unwrap()]).dot().unwrap();
            if n < 5_000 {
                compile(move |x: &Array| deep(x, n), Shapes::Exact)(&ones([1])).unwrap();
                let folder = tempfile::tempdir().unwrap();
                export_function(folder.path().join("f"), move |x: &Array| deep(x, n), &ones([1])).unwrap();
            }
        };
        std::thread::Builder::new().stack_size(stack).spawn(run).unwrap().join().unwrap();
    }
}

#[test]
fn memory_does_not_grow_over_many_gradients() {
    let x = ones([64]);
    let w = ones([64]);
    let f = value_and_grad(|w: &Array| (w * &x)?.tanh()?.square()?.sum(..));
    let checkpointed = grad(checkpoint(|(w, x): &(Array, Array)| (w * x)?.sum(..)));
    let compiled = compile(|x: &Array| x + 1.0, Shapes::Exact);
    let step = || {
        let (value, dw) = f(&w).unwrap();
        mlx_core::eval([&value, &dw]).unwrap();
        let unused = f(&w).unwrap();
        drop(unused);
        checkpointed(&(w.clone(), x.clone())).unwrap().0.eval().unwrap();
        vmap(|x: &Array| x * 2.0, 0, 0)(&w).unwrap();
        compiled(&w).unwrap();
    };
    (0..50).for_each(|_| step());
    let (active, resident) = (memory::active().unwrap(), resident());
    (0..3_400).for_each(|_| step());
    assert_eq!(memory::active().unwrap(), active);
    assert!(self::resident() < resident + (4 << 20), "{resident} grew to {}", self::resident());
}

#[test]
fn memory_does_not_grow_over_failures_and_new_functions() {
    let step = || {
        assert!(grad(|x: &Array| x.reshape([7])?.sum(..))(&ones([3])).is_err());
        assert!(compile(|x: &Array| x.reshape([7]), Shapes::Exact)(&ones([3])).is_err());
        compile(|x: &Array| x.t(), Shapes::Exact)(&ones([3])).unwrap();
        assert!(checkpoint(|x: &Array| x.reshape([7]))(&ones([3])).is_err());
    };
    (0..50).for_each(|_| step());
    let (active, resident) = (memory::active().unwrap(), resident());
    (0..500).for_each(|_| step());
    assert_eq!(memory::active().unwrap(), active);
    assert!(self::resident() < resident + (4 << 20), "{resident} grew to {}", self::resident());
}

/// Bytes of this process that are in memory; 0 where the system does not say.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}

#[test]
fn threads_transform_at_the_same_time() {
    let threads: Vec<_> = (1..9)
        .map(|n| {
            std::thread::spawn(move || {
                let n = n as f32;
                let loss = move |x: &Array| (x.square()? * n)?.sum(..);
                let compiled = compile(vmap(grad(move |x: &Array| (x * x)? * n), 0, 0), Shapes::Exact);
                for round in 1..40 {
                    let x = (ones([3]) * round).unwrap();
                    let expected = vec![2.0 * n * round as f32; 3];
                    assert_eq!(grad(loss)(&x).unwrap().to_vec::<f32>().unwrap(), expected);
                    assert_eq!(compiled(&x).unwrap().to_vec::<f32>().unwrap(), expected);
                    assert!(grad(|x: &Array| x.reshape([7]))(&x).is_err());
                    assert_eq!(
                        jvp(loss, &x, &ones([3])).unwrap().1.item::<f32>().unwrap(),
                        6.0 * n * round as f32
                    );
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_loop_of_checkpoints_is_differentiated() {
    let layer = checkpoint(|x: &Array| x.tanh()? + 0.1);
    let f = |x: &Array| (0..100).try_fold(x.clone(), |x, _| layer(&x))?.sum(..);
    let plain = |x: &Array| (0..100).try_fold(x.clone(), |x, _| x.tanh()? + 0.1)?.sum(..);
    let (a, b) = (grad(f)(&ones([4])).unwrap(), grad(plain)(&ones([4])).unwrap());
    assert!(a.allclose(&b, near(1e-4, 0.0)).unwrap());
}
