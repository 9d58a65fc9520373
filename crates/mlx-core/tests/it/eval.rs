//! When and where arrays are computed.

use std::collections::BTreeMap;

use mlx_core::{Array, Device, Dtype, Result, Stream, async_eval, eval, io};

fn int(array: &Array) -> i32 {
    array.item().unwrap()
}

/// An array whose computation fails on MLX's own thread.
fn broken() -> Array {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let x = Array::zeros([4096], Dtype::Float32).unwrap();
    io::save_safetensors(&path, [("x", &x)], &BTreeMap::new()).unwrap();
    let x = io::load_safetensors(&path).unwrap().arrays.remove("x").unwrap();
    std::fs::write(&path, "short").unwrap();
    x
}

#[test]
fn several_arrays_are_computed_together() {
    let x = Array::from(1);
    let (y, z) = ((&x + 1).unwrap(), (&x + 2).unwrap());
    eval([&y, &z]).unwrap();
    assert_eq!((int(&y), int(&z)), (2, 3));
}

#[test]
fn what_is_computed_may_be_computed_again() {
    let x = (Array::from(1) + 1).unwrap();
    for _ in 0..3 {
        x.eval().unwrap();
        eval([&x, &x]).unwrap();
        assert_eq!(int(&x), 2);
    }
}

#[test]
fn constants_and_nothing_are_computed() {
    eval([]).unwrap();
    async_eval([]).unwrap();
    Array::from([1, 2]).eval().unwrap();
    Array::zeros([0, 3], Dtype::Float32).unwrap().eval().unwrap();
}

#[test]
fn computed_and_lazy_arrays_mix() {
    let x = (Array::from(2) * 3).unwrap();
    x.eval().unwrap();
    let y = (&x + 1).unwrap();
    eval([&x, &y]).unwrap();
    let z = (&x + &y).unwrap();
    assert_eq!(int(&z), 13);
}

#[test]
fn clones_are_computed_at_once() {
    let x = (Array::from(2) * 3).unwrap();
    let y = x.clone();
    x.eval().unwrap();
    drop(x);
    assert_eq!(int(&y), 6);
}

#[test]
fn an_array_started_twice_is_one() {
    let x = (Array::from(1) + 1).unwrap();
    async_eval([&x]).unwrap();
    async_eval([&x]).unwrap();
    assert_eq!(int(&x), 2);
}

#[test]
fn started_work_is_an_input_of_more_work() {
    let x = (Array::from(1) + 1).unwrap();
    async_eval([&x]).unwrap();
    let y = (&x + 1).unwrap();
    async_eval([&y]).unwrap();
    let z = (&y + 1).unwrap();
    z.eval().unwrap();
    assert_eq!((int(&x), int(&y), int(&z)), (2, 3, 4));
}

#[test]
fn started_work_is_an_input_on_another_stream() {
    let other = Stream::new(Device::Cpu).unwrap();
    let x = Device::Cpu.scope(|| Array::from(1) + 1).unwrap();
    async_eval([&x]).unwrap();
    let y = other.scope(|| &x + 1).unwrap();
    y.eval().unwrap();
    assert_eq!(int(&y), 3);
}

#[test]
fn a_slow_and_a_fast_stream_agree() {
    let (slow, fast) = (Stream::new(Device::Cpu).unwrap(), Stream::new(Device::Cpu).unwrap());
    for _ in 0..20 {
        let x = Array::ones([128, 128], Dtype::Float32).unwrap();
        let long = slow
            .scope(|| {
                let mut long = x.clone();
                for _ in 0..8 {
                    long = (long.matmul(&x)? * (1.0 / 128.0))?;
                }
                Ok(long)
            })
            .unwrap();
        let short = fast.scope(|| &x + &x).unwrap();
        let sum = fast.scope(|| (&long + &short)?.sum(..)).unwrap();
        assert_eq!(sum.item::<f32>().unwrap(), 3.0 * 128.0 * 128.0);
    }
}

#[test]
fn streams_that_wait_for_each_other_do_not_lock_up() {
    let streams = [Stream::new(Device::Cpu).unwrap(), Stream::new(Device::Cpu).unwrap()];
    let mut x = Array::from(0);
    for round in 0..200 {
        x = streams[round % 2].scope(|| &x + 1).unwrap();
        if round % 7 == 0 {
            async_eval([&x]).unwrap();
        }
    }
    assert_eq!(int(&x), 200);
}

#[test]
fn outputs_of_several_streams_are_computed_together() {
    let streams: Vec<_> = (0..3).map(|_| Stream::new(Device::Cpu).unwrap()).collect();
    let x = Array::arange(0..100).unwrap();
    let parts: Vec<_> =
        streams.iter().zip(1..).map(|(s, n)| s.scope(|| (&x * n)?.sum(..)).unwrap()).collect();
    async_eval(&parts).unwrap();
    streams.iter().for_each(|stream| stream.synchronize().unwrap());
    eval(&parts).unwrap();
    assert_eq!(parts.iter().map(int).collect::<Vec<_>>(), [4950, 9900, 14_850]);
}

#[test]
fn one_of_several_outputs_is_computed_and_the_others_follow() {
    let parts = Array::arange(0..6).unwrap().split(3, 0).unwrap();
    let last = (&parts[2] + 1).unwrap();
    drop(parts);
    assert_eq!(last.to_vec::<i32>().unwrap(), [5, 6]);
    let mut parts = (Array::arange(0..6).unwrap() * 2).unwrap().split(3, 0).unwrap();
    let first = parts.remove(0);
    first.eval().unwrap();
    assert_eq!(parts[1].to_vec::<i32>().unwrap(), [8, 10]);
}

#[test]
fn an_input_keeps_its_values_when_an_op_could_write_over_them() {
    let x = (Array::from([1, 2, 3]) + 0).unwrap();
    let y = (&x * 10).unwrap();
    y.eval().unwrap();
    assert_eq!(x.to_vec::<i32>().unwrap(), [1, 2, 3]);
    let z = (&x + &x).unwrap();
    let w = (&z - 1).unwrap();
    eval([&w]).unwrap();
    assert_eq!(z.to_vec::<i32>().unwrap(), [2, 4, 6]);
    let view = x.reshape([3, 1]).unwrap();
    (&view * 5).unwrap().eval().unwrap();
    assert_eq!(x.to_vec::<i32>().unwrap(), [1, 2, 3]);
}

#[test]
fn an_error_does_not_break_what_comes_after_it() {
    for _ in 0..3 {
        assert!(broken().eval().is_err());
        let x = (Array::from([1, 2]) + 1).unwrap();
        assert_eq!(x.to_vec::<i32>().unwrap(), [2, 3]);
    }
}

#[test]
fn an_error_of_started_work_comes_out_when_its_stream_is_waited_for() {
    let stream = Device::Cpu.scope(Stream::current).unwrap();
    let x = broken();
    // On the thread that was the first to use MLX, it may come out at once.
    let started = async_eval([&x]);
    assert!(stream.synchronize().is_err() || started.is_err());
    stream.synchronize().unwrap();
    assert_eq!(int(&Device::Cpu.scope(|| Array::from(1) + 1).unwrap()), 2);
}

#[test]
fn a_failed_op_leaves_its_inputs_usable() {
    let (x, y) = (Array::from([1, 2]), Array::from([1, 2, 3]));
    let lazy = (&x * 2).unwrap();
    assert!((&lazy + &y).is_err());
    assert_eq!(lazy.to_vec::<i32>().unwrap(), [2, 4]);
}

#[test]
fn printing_and_reading_compute() {
    let x = (Array::from([1, 2]) + 1).unwrap();
    assert_eq!(x.to_string(), "array([2, 3], dtype=int32)");
    let y = (Array::from(true) * 3).unwrap();
    assert_eq!((y.item::<i32>().unwrap(), y.to_string()), (3, "array(3, dtype=int32)".to_owned()));
}

#[test]
fn a_wide_graph_is_computed() {
    let x = Array::from(1);
    let leaves: Vec<_> = (0..500).map(|n| (&x + n).unwrap()).collect();
    let total = leaves.iter().try_fold(Array::from(0), |sum, leaf| sum + leaf).unwrap();
    assert_eq!(int(&total), 500 + 499 * 250);
}

#[test]
fn shared_parts_of_a_graph_are_computed_once() {
    let mut x = Array::from(1.0);
    for _ in 0..60 {
        x = (&x + &x).unwrap();
    }
    assert_eq!(x.item::<f32>().unwrap(), 2_f32.powi(60));
}

#[test]
fn synchronize_with_nothing_to_do_returns() {
    let stream = Stream::new(Device::Cpu).unwrap();
    for _ in 0..100 {
        stream.synchronize().unwrap();
    }
}

#[test]
fn streams_have_numbers_of_their_own() {
    let streams: Vec<_> = (0..4).map(|_| Stream::new(Device::Cpu).unwrap()).collect();
    let mut numbers: Vec<_> = streams.iter().map(|stream| stream.index().unwrap()).collect();
    assert_eq!(streams[0].clone().index().unwrap(), numbers[0]);
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 4);
}

#[test]
fn the_default_stream_stays_the_same() {
    let current = || Device::Cpu.scope(Stream::current).unwrap();
    assert_eq!(current(), current());
    let inside = Stream::new(Device::Cpu).unwrap();
    assert_ne!(inside, current());
    let result: Result<Stream> = inside.scope(|| Ok(current()));
    assert_eq!(result.unwrap(), current());
}

#[test]
fn work_follows_the_stream_of_its_scope() {
    let stream = Stream::new(Device::Cpu).unwrap();
    let x = stream.scope(|| Array::arange(0..100)?.sum(..)).unwrap();
    assert_eq!(stream.scope(|| Ok(Device::current())).unwrap(), Device::Cpu);
    async_eval([&x]).unwrap();
    stream.synchronize().unwrap();
    assert_eq!(int(&x), 4950);
}

#[test]
fn many_ops_on_several_threads_and_streams_race_well() {
    let threads: Vec<_> = (0..6)
        .map(|n| {
            std::thread::spawn(move || {
                let streams = [Stream::new(Device::Cpu).unwrap(), Stream::new(Device::Cpu).unwrap()];
                for round in 0..30 {
                    let a = streams[0].scope(|| Array::arange(0..50)? + round).unwrap();
                    let b = streams[1].scope(|| &a * n).unwrap();
                    async_eval([&a, &b]).unwrap();
                    let sum = (&a + &b).unwrap().sum(..).unwrap();
                    assert_eq!(int(&sum), (1 + n) * (1225 + 50 * round));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
