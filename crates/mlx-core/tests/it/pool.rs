//! Queues, and the threads that lease them.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use mlx_core::{Array, Device, Freeze, Kind, Stream};

/// How many threads this process has.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn work() {
    let x = Device::Cpu.scope(|| (Array::from([1, 2]) + 1)?.sum(..)?.item::<i32>());
    assert_eq!(x.unwrap(), 5);
}

#[test]
#[cfg(target_os = "linux")]
fn threads_that_come_and_go_leave_no_threads_of_the_system() {
    work();
    let before = threads();
    for _ in 0..200 {
        thread::spawn(work).join().unwrap();
    }
    // Tests of the same process start threads too.
    assert!(threads() < before + 50, "{before} threads, then {}", threads());
}

#[test]
#[cfg(target_os = "linux")]
fn streams_of_threads_that_come_and_go_leave_no_threads_of_the_system() {
    let before = threads();
    for _ in 0..100 {
        let thread = thread::spawn(|| {
            let other = Stream::new(Device::Cpu).unwrap();
            other.scope(|| (Array::from(1) + 1)?.eval()).unwrap();
            work();
        });
        thread.join().unwrap();
    }
    assert!(threads() < before + 50, "{before} threads, then {}", threads());
}

#[test]
fn more_threads_than_queues_at_a_time_all_work() {
    const THREADS: usize = 60;
    let barrier = Arc::new(Barrier::new(THREADS));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || {
                work();
                barrier.wait();
                work();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn threads_at_one_time_have_different_queues() {
    let barrier = Arc::new(Barrier::new(12));
    let threads: Vec<_> = (0..12)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || {
                let indices = Device::Cpu
                    .scope(|| Ok([Stream::current()?.index()?, Stream::new(Device::Cpu)?.index()?]))
                    .unwrap();
                barrier.wait();
                indices
            })
        })
        .collect();
    let mut indices: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    indices.sort_unstable();
    indices.dedup();
    assert_eq!(indices.len(), 24);
}

/// A thread that gets an error with its queue makes another one, which shows.
#[test]
#[cfg(target_os = "linux")]
fn a_queue_comes_to_the_next_thread_without_the_error_of_the_last_one() {
    let before = threads();
    for _ in 0..100 {
        let thread = thread::spawn(|| {
            let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
            let x = Array::zeros([4096], mlx_core::Dtype::Float32).unwrap();
            mlx_core::io::save_safetensors(&path, [("x", &x)], &Default::default()).unwrap();
            let x = mlx_core::io::load_safetensors(&path).unwrap().arrays.remove("x").unwrap();
            std::fs::write(&path, "short").unwrap();
            let _ = mlx_core::async_eval([&x]);
        });
        thread.join().unwrap();
        thread::spawn(work).join().unwrap();
    }
    assert!(threads() < before + 50, "{before} threads, then {}", threads());
}

#[test]
fn threads_that_come_and_go_compute_right() {
    for round in 0..20 {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                thread::spawn(move || {
                    let x = Array::arange(0..1000).unwrap();
                    let mut y = (&x * n).unwrap();
                    for _ in 0..10 {
                        y = (y + round).unwrap();
                    }
                    let sum = y.sum(..).unwrap().item::<i32>().unwrap();
                    assert_eq!(sum, 499_500 * n + 10_000 * round);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn a_lazy_array_that_outlives_its_threads_queue_is_not_computed() {
    struct Last {
        lazy: Array,
        one: Array,
        computed: Array,
    }
    impl Drop for Last {
        fn drop(&mut self) {
            assert_eq!(self.lazy.eval().unwrap_err().kind(), Kind::Thread);
            assert_eq!(self.lazy.to_vec::<i32>().unwrap_err().kind(), Kind::Thread);
            assert_eq!(mlx_core::async_eval([&self.lazy]).unwrap_err().kind(), Kind::Thread);
            assert_eq!(self.one.item::<i32>().unwrap_err().kind(), Kind::Thread);
            assert!(self.one.to_string().contains("this thread is ending"), "{}", self.one);
            assert!(self.one.freeze().is_err() && self.computed.freeze().is_err());
            assert_eq!(self.computed.clone().shape(), [2]);
            assert_eq!(Array::from([1, 2, 3]).size(), 3);
            assert_eq!(format!("{:?}", self.lazy), "Array([2], int32)");
            DROPPED.store(true, Ordering::SeqCst);
        }
    }
    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    static DROPPED: AtomicBool = AtomicBool::new(false);
    let thread = thread::spawn(|| {
        LAST.with(|last| assert!(last.borrow().is_none()));
        let computed = (Array::from([1, 2]) + 1).unwrap();
        computed.eval().unwrap();
        let (lazy, one) = ((&computed + 1).unwrap(), computed.sum(..).unwrap());
        LAST.with(|last| last.replace(Some(Last { lazy, one, computed })));
    });
    thread.join().unwrap();
    assert!(DROPPED.load(Ordering::SeqCst));
}
