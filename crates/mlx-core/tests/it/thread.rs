//! Threads, deep graphs, and the ends of both.

use std::cell::RefCell;
use std::panic::catch_unwind;

use mlx_core::{Array, Device, Dtype, Result, Stream};

#[test]
fn many_threads_compute_their_own_arrays() {
    let threads: Vec<_> = (0..8)
        .map(|n| {
            std::thread::spawn(move || {
                for round in 0..50 {
                    let x = Array::arange(0..64)
                        .unwrap()
                        .reshape([8, 8])
                        .unwrap()
                        .astype(Dtype::Float32)
                        .unwrap();
                    let y = ((x.matmul(x.t()).unwrap() * n).unwrap() + round).unwrap();
                    let first = y.index((0, 0)).unwrap().item::<f32>().unwrap();
                    assert_eq!(first, (140 * n + round) as f32);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_graph_of_many_ops_is_dropped_without_deep_recursion() {
    let mut x = Array::from(0);
    for _ in 0..100_000 {
        x = (x + 1).unwrap();
    }
    drop(x);
    let mut x = Array::from(0);
    for _ in 0..100_000 {
        x = (x + 1).unwrap();
    }
    assert_eq!(x.item::<i32>().unwrap(), 100_000);
}

#[test]
fn arrays_may_be_dropped_when_their_thread_ends() {
    thread_local! {
        static LEFT: RefCell<Vec<Array>> = const { RefCell::new(Vec::new()) };
    }
    let thread = std::thread::spawn(|| {
        LEFT.with(|left| left.borrow_mut().push(Array::from(1)));
        let stream = Stream::new(Device::Cpu).unwrap();
        let lazy = stream.scope(|| Array::arange(0..1000)?.sum(..)).unwrap();
        let running = (&lazy + 1).unwrap();
        mlx_core::async_eval([&running]).unwrap();
        LEFT.with(|left| left.borrow_mut().extend([lazy, running]));
    });
    thread.join().unwrap();
}

#[test]
fn ops_of_an_ending_thread_are_errors_or_work() {
    struct Last(Array);
    impl Drop for Last {
        fn drop(&mut self) {
            if let Ok(next) = &self.0 + 1 {
                let _ = next.eval();
            }
        }
    }
    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    let thread = std::thread::spawn(|| {
        LAST.with(|last| last.replace(Some(Last(Array::from(1)))));
        assert_eq!((Array::from(1) + 1).unwrap().item::<i32>().unwrap(), 2);
    });
    thread.join().unwrap();
}

#[test]
fn a_panic_inside_a_scope_leaves_the_thread_usable() {
    for _ in 0..3 {
        let caught = catch_unwind(|| {
            Device::Cpu.scope(|| -> Result<()> {
                let _pending = (Array::from([1, 2]) * 3)?;
                panic!("on purpose")
            })
        });
        assert!(caught.is_err());
        assert_eq!((Array::from([1, 2]) * 3).unwrap().to_vec::<i32>().unwrap(), [3, 6]);
    }
}

#[test]
fn async_work_is_there_when_it_is_read() {
    let x = Array::arange(0..10_000).unwrap();
    let parts: Vec<_> = (0..20).map(|n| (&x * n).unwrap().sum(..).unwrap()).collect();
    mlx_core::async_eval(&parts).unwrap();
    for (part, n) in parts.iter().zip(0..) {
        assert_eq!(part.item::<i32>().unwrap(), 49_995_000_i32.wrapping_mul(n));
    }
    mlx_core::eval(&parts).unwrap();
    mlx_core::eval([]).unwrap();
}
