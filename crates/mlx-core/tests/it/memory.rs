//! MLX's memory: what is counted, kept, limited and reused.
//!
//! The counters are of the whole process, so each test runs in a process of its own.

use std::borrow::Cow;
use std::env;
use std::process::Command;

use mlx_core::memory::HugePages;
use mlx_core::{Array, Device, Dtype, memory};

use crate::values::on_cpu;

const CHILD: &str = "MLX_CORE_TEST_MEMORY";
const MEGABYTE: usize = 1 << 20;

/// Runs `f` in a process of its own, on the CPU.
#[track_caller]
fn alone(name: &str, f: impl FnOnce()) {
    if env::var_os(CHILD).is_some() {
        let run = || {
            f();
            Ok(())
        };
        return Device::Cpu.scope(run).unwrap();
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", &format!("memory::{name}"), "--nocapture"]).env(CHILD, "1");
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn ones(megabytes: usize) -> Array {
    let x = Array::ones([(megabytes * MEGABYTE / 4) as i32], Dtype::Float32).unwrap();
    x.eval().unwrap();
    x
}

#[test]
fn memory_that_arrays_use_is_counted() {
    alone("memory_that_arrays_use_is_counted", || {
        let before = memory::active().unwrap();
        let x = ones(2);
        let used = memory::active().unwrap() - before;
        assert!((2 * MEGABYTE..3 * MEGABYTE).contains(&used), "{used}");
        drop(x);
        assert_eq!(memory::active().unwrap(), before);
    });
}

#[test]
fn the_peak_stays_when_arrays_go() {
    alone("the_peak_stays_when_arrays_go", || {
        drop(ones(3));
        let peak = memory::peak().unwrap();
        assert!(peak >= 3 * MEGABYTE);
        drop(ones(1));
        assert_eq!(memory::peak().unwrap(), peak);
        memory::reset_peak().unwrap();
        assert_eq!(memory::peak().unwrap(), 0);
        drop(ones(1));
        assert!((MEGABYTE..peak).contains(&memory::peak().unwrap()));
    });
}

#[test]
fn freed_memory_is_kept_and_given_back() {
    alone("freed_memory_is_kept_and_given_back", || {
        drop(ones(4));
        assert!(memory::cache().unwrap() >= 4 * MEGABYTE);
        memory::clear_cache().unwrap();
        assert_eq!(memory::cache().unwrap(), 0);
    });
}

#[test]
fn the_cache_keeps_no_more_than_its_limit() {
    alone("the_cache_keeps_no_more_than_its_limit", || {
        let before = memory::set_cache_limit(MEGABYTE).unwrap();
        assert_eq!(memory::set_cache_limit(MEGABYTE).unwrap(), MEGABYTE);
        drop(ones(4));
        assert!(memory::cache().unwrap() <= MEGABYTE);
        memory::set_cache_limit(0).unwrap();
        drop(ones(1));
        assert_eq!(memory::cache().unwrap(), 0);
        assert_eq!(memory::set_cache_limit(before).unwrap(), 0);
    });
}

#[test]
fn the_limit_is_what_was_set() {
    alone("the_limit_is_what_was_set", || {
        let before = memory::limit().unwrap();
        assert!(before > 0);
        for bytes in [1 << 30, 0, usize::MAX] {
            memory::set_limit(bytes).unwrap();
            assert_eq!(memory::limit().unwrap(), bytes);
        }
        assert_eq!(memory::set_limit(before).unwrap(), usize::MAX);
    });
}

#[test]
fn work_beyond_the_limit_is_done_all_the_same() {
    alone("work_beyond_the_limit_is_done_all_the_same", || {
        memory::set_limit(1).unwrap();
        let mut x = ones(1);
        for _ in 0..50 {
            x = (x * 1.0).unwrap();
        }
        assert_eq!(x.sum(..).unwrap().item::<f32>().unwrap(), (MEGABYTE / 4) as f32);
    });
}

#[test]
fn wired_memory_has_no_limit_on_a_cpu() {
    alone("wired_memory_has_no_limit_on_a_cpu", || {
        if Device::default().is_cpu() {
            assert_eq!(memory::set_wired_limit(MEGABYTE).unwrap(), 0);
            assert_eq!(memory::set_wired_limit(0).unwrap(), 0);
        }
    });
}

/// A chain of ops needs room for an input and an output, not for each step.
#[test]
fn a_chain_reuses_the_memory_of_what_nobody_has_any_more() {
    alone("a_chain_reuses_the_memory_of_what_nobody_has_any_more", || {
        let x = ones(4);
        memory::reset_peak().unwrap();
        let mut y = x.exp().unwrap();
        for _ in 0..30 {
            y = (y * 0.5).unwrap();
        }
        y.eval().unwrap();
        assert!(memory::peak().unwrap() < 14 * MEGABYTE, "{}", memory::peak().unwrap());
        assert_eq!(x.max(..).unwrap().item::<f32>().unwrap(), 1.0);
    });
}

#[test]
fn arrays_that_are_never_computed_take_no_memory() {
    alone("arrays_that_are_never_computed_take_no_memory", || {
        let before = memory::active().unwrap();
        let x = Array::ones([1 << 28, 64], Dtype::Float32).unwrap();
        let y = (&x + 1.0).unwrap().exp().unwrap();
        assert!(memory::active().unwrap() < before + MEGABYTE);
        drop((x, y));
        assert_eq!(memory::active().unwrap(), before);
    });
}

#[test]
fn slices_share_memory_and_keep_it() {
    alone("slices_share_memory_and_keep_it", || {
        let before = memory::active().unwrap();
        let x = ones(8);
        let part = x.index(0..2).unwrap();
        part.eval().unwrap();
        let used = memory::active().unwrap() - before;
        assert!(used < 9 * MEGABYTE, "{used}");
        drop(x);
        assert!(memory::active().unwrap() >= before + 8 * MEGABYTE);
        assert_eq!(part.to_vec::<f32>().unwrap(), [1.0, 1.0]);
    });
}

#[test]
fn a_dropped_graph_gives_its_memory_back() {
    alone("a_dropped_graph_gives_its_memory_back", || {
        let before = memory::active().unwrap();
        for _ in 0..20 {
            let x = ones(1);
            let parts = x.split(4, 0).unwrap();
            let sum = (&parts[0] + &parts[3]).unwrap();
            sum.eval().unwrap();
            let _unused = (&parts[1] * &parts[2]).unwrap();
        }
        assert_eq!(memory::active().unwrap(), before);
    });
}

#[test]
fn arrays_side_by_side_hold_what_they_held() {
    on_cpu(|| {
        let ramp = Array::arange(0.0..999.0).unwrap();
        let turned = ramp.reshape([27, 37]).unwrap().swapaxes(0, 1).unwrap();
        let none = Array::zeros([0, 3], Dtype::Int64).unwrap();
        let mut arrays = vec![ramp.index(3..8).unwrap(), turned, none, Array::from(true)];
        for dtype in [Dtype::Bfloat16, Dtype::Int8, Dtype::Complex64, Dtype::Float64, Dtype::Uint32] {
            arrays.push(ramp.astype(dtype).unwrap());
        }
        arrays.extend([600, 6_000].map(|rows| ramp.broadcast_to([rows, 999]).unwrap()));
        let mut pages = HugePages::for_arrays(&arrays);
        for array in &arrays {
            let held = pages.hold(array).unwrap();
            assert_eq!((held.shape(), held.dtype()), (array.shape(), array.dtype()));
            assert!(held.array_equal(array, false).unwrap(), "{array:?}");
            if let Ok(Cow::Borrowed(slice)) = held.as_slice::<f32>() {
                assert_eq!(slice.as_ptr().addr() % 64, 0, "{array:?}");
            }
        }
    });
}

#[test]
fn more_arrays_than_were_announced_are_held_too() {
    on_cpu(|| {
        let array = Array::arange(0.0..999.0).unwrap();
        let mut pages = HugePages::for_arrays([]);
        let held = [(); 3].map(|()| pages.hold(&array).unwrap());
        drop(pages);
        for held in held {
            assert_eq!(held.to_vec::<f32>().unwrap(), array.to_vec::<f32>().unwrap());
        }
    });
}
