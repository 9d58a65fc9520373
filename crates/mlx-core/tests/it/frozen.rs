//! Data that goes from thread to thread.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;

use mlx_core::{Array, Dtype, Element, Freeze, Frozen, Slice, Thaw};

use crate::values::on_cpu;

fn values<T: Element>(frozen: &Frozen) -> Vec<T> {
    frozen.thaw().unwrap().to_vec().unwrap()
}

#[test]
fn frozen_data_may_be_sent_and_shared() {
    fn check<T: Send + Sync + Clone + 'static>() {}
    check::<Frozen>();
}

#[test]
fn data_reaches_another_thread_with_shape_and_type() {
    let frozen = Array::from([[1_u8, 2, 3], [4, 5, 6]]).freeze().unwrap();
    assert_eq!((frozen.shape(), frozen.dtype()), (&[2, 3][..], Dtype::Uint8));
    assert_eq!(format!("{frozen:?}"), "Frozen([2, 3], uint8)");
    let there = thread::spawn(move || {
        let x = frozen.thaw().unwrap();
        assert_eq!((x.shape(), x.dtype()), (&[2, 3][..], Dtype::Uint8));
        x.to_vec::<u8>().unwrap()
    });
    assert_eq!(there.join().unwrap(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn freezing_computes_what_is_lazy_and_leaves_the_array_usable() {
    let x = (Array::arange(0..1000).unwrap() * 2).unwrap();
    let frozen = x.freeze().unwrap();
    assert_eq!(thread::spawn(move || values::<i32>(&frozen)[999]).join().unwrap(), 1998);
    assert_eq!((&x + 1).unwrap().sum(..).unwrap().item::<i32>().unwrap(), 1_000_000);
}

#[test]
fn work_that_runs_is_waited_for() {
    let x = Array::ones([256, 256], Dtype::Float32).unwrap();
    let mut y = x.clone();
    for _ in 0..20 {
        y = (y.matmul(&x).unwrap() * (1.0 / 256.0)).unwrap();
    }
    mlx_core::async_eval([&y]).unwrap();
    let frozen = y.freeze().unwrap();
    assert!(thread::spawn(move || values::<f32>(&frozen).iter().all(|&v| v == 1.0)).join().unwrap());
}

#[test]
fn views_keep_their_order_on_the_other_side() {
    let x = Array::arange(0..12).unwrap().reshape([3, 4]).unwrap();
    let views = [
        x.t().unwrap(),
        x.index((1.., 2)).unwrap(),
        x.index((Slice::step_by(.., -1), Slice::step_by(.., 2))).unwrap(),
        x.index((0..1, ..)).unwrap().broadcast_to([3, 4]).unwrap(),
        Array::from(7).broadcast_to([2, 2]).unwrap(),
        x.index((0..0, ..)).unwrap(),
        Array::from(5),
    ];
    let expected: Vec<Vec<i32>> = views.iter().map(|view| view.to_vec().unwrap()).collect();
    let frozen = views.freeze().unwrap();
    let there = thread::spawn(move || frozen.iter().map(values::<i32>).collect::<Vec<_>>());
    assert_eq!(there.join().unwrap(), expected);
}

#[test]
fn every_type_of_element_passes() {
    for dtype in Dtype::ALL {
        let frozen = mlx_core::Device::Cpu.scope(|| Array::from([0, 1, 2]).astype(dtype)?.freeze()).unwrap();
        let there = thread::spawn(move || {
            mlx_core::Device::Cpu.scope(|| frozen.thaw()?.astype(Dtype::Float32)?.to_vec::<f32>()).unwrap()
        });
        let last = if dtype == Dtype::Bool { 1.0 } else { 2.0 };
        assert_eq!(there.join().unwrap(), [0.0, 1.0, last], "{dtype}");
    }
}

#[test]
fn lists_and_maps_are_frozen_whole() {
    let one = Array::from(1);
    let list = [one.clone(), (&one + 1).unwrap()].freeze().unwrap();
    let sorted = BTreeMap::from([("a", one.clone()), ("b", (&one * 7).unwrap())]).freeze().unwrap();
    let hashed = HashMap::from([("c".to_owned(), one)]).freeze().unwrap();
    thread::spawn(move || {
        assert_eq!(list.thaw().unwrap()[1].item::<i32>().unwrap(), 2);
        assert_eq!(sorted.thaw().unwrap()["b"].item::<i32>().unwrap(), 7);
        assert_eq!(hashed.thaw().unwrap()["c"].item::<i32>().unwrap(), 1);
    })
    .join()
    .unwrap();
}

#[test]
fn nothing_frozen_is_nothing() {
    assert!([].freeze().unwrap().is_empty());
    assert!(BTreeMap::<u8, Array>::new().freeze().unwrap().thaw().unwrap().is_empty());
}

#[test]
fn an_array_that_cannot_be_computed_is_not_frozen() {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    mlx_core::io::save_safetensors(
        &path,
        [("x", &Array::zeros([4096], Dtype::Float32).unwrap())],
        &BTreeMap::new(),
    )
    .unwrap();
    let x = mlx_core::io::load_safetensors(&path).unwrap().arrays.remove("x").unwrap();
    std::fs::write(&path, "short").unwrap();
    assert!(x.freeze().is_err());
}

/// Each thread passes what it gets on, one more in every element, while the thread before it may still read the
/// memory and the frozen form is dropped in any order.
#[test]
fn data_goes_around_eight_threads_a_thousand_times() {
    const THREADS: usize = 8;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| channel::<Frozen>()).unzip();
    let start = senders[0].clone();
    let threads: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(at, inbox)| {
            let next = senders[(at + 1) % THREADS].clone();
            thread::spawn(move || {
                let mut last = Vec::new();
                for _ in 0..1000 {
                    let frozen = inbox.recv().unwrap();
                    let x = frozen.thaw().unwrap();
                    let y = (&x + 1).unwrap();
                    drop(x);
                    let sent = y.freeze().unwrap();
                    drop(y);
                    let _ = next.send(sent);
                    last = frozen.thaw().unwrap().to_vec::<i32>().unwrap();
                    assert!(last.iter().all(|&v| v == last[0]));
                }
                last
            })
        })
        .collect();
    start.send(Array::zeros([100], Dtype::Int32).unwrap().freeze().unwrap()).unwrap();
    for (at, thread) in threads.into_iter().enumerate() {
        let expected = 999 * THREADS + at;
        assert_eq!(thread.join().unwrap(), vec![expected as i32; 100]);
    }
}

/// An op writes into the memory of an input that nobody else has. Here somebody else always has it.
#[test]
fn memory_that_others_read_is_never_written_to() {
    let weights = Array::ones([64, 64], Dtype::Float32).unwrap().freeze().unwrap();
    let barrier = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (weights, barrier) = (weights.clone(), Arc::clone(&barrier));
            thread::spawn(move || {
                barrier.wait();
                for _ in 0..200 {
                    let x = (weights.thaw().unwrap() * 3.0).unwrap();
                    let y = (x.exp().unwrap() - 1.0).unwrap();
                    y.eval().unwrap();
                    let w = weights.thaw().unwrap();
                    assert_eq!(w.sum(..).unwrap().item::<f32>().unwrap(), 4096.0);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(values::<f32>(&weights).iter().all(|&v| v == 1.0));
}

#[test]
fn memory_that_nobody_else_has_any_more_is_reused_without_harm() {
    for _ in 0..100 {
        let frozen = Array::arange(0..1000).unwrap().freeze().unwrap();
        let reader = {
            let frozen = frozen.clone();
            thread::spawn(move || frozen.thaw().unwrap().sum(..).unwrap().item::<i32>().unwrap())
        };
        let x = frozen.thaw().unwrap();
        drop(frozen);
        let y = (x * 2).unwrap();
        assert_eq!(y.sum(..).unwrap().item::<i32>().unwrap(), 999_000);
        assert_eq!(reader.join().unwrap(), 499_500);
    }
}

#[test]
fn memory_goes_back_when_the_last_handle_is_dropped_on_another_thread() {
    on_cpu(|| {
        let size = 1 << 22;
        let before = mlx_core::memory::active().unwrap();
        let frozen = Array::ones([size], Dtype::Float32).unwrap().freeze().unwrap();
        assert!(mlx_core::memory::active().unwrap() >= before + size as usize * 4);
        thread::spawn(move || drop(frozen)).join().unwrap();
        // Other tests of this process may hold some memory of their own.
        assert!(mlx_core::memory::active().unwrap() < before + size as usize * 4);
    });
}

#[test]
fn frozen_data_outlive_the_thread_that_made_them() {
    let frozen = thread::spawn(|| (Array::from([1, 2]) * 5).unwrap().freeze().unwrap()).join().unwrap();
    assert_eq!(values::<i32>(&frozen), [5, 10]);
    let copies: Vec<_> = (0..100).map(|_| frozen.clone()).collect();
    drop(frozen);
    assert!(copies.iter().all(|copy| values::<i32>(copy) == [5, 10]));
}
