//! A program may end while MLX still computes.

use std::env;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use mlx_core::kernel::{self, Failure, Input, Output, Primitive, Spec};
use mlx_core::{Array, Device, Dtype, Freeze, Frozen, Owner, Result, Thaw, async_eval};

const CHILD: &str = "MLX_CORE_TEST_EXIT";

/// Runs `f`, which ends the process, in a process of its own, a few times.
#[track_caller]
fn ends_well(name: &str, f: impl FnOnce()) {
    if env::var_os(CHILD).is_some() {
        return f();
    }
    for _ in 0..10 {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", &format!("exit::{name}")]).env(CHILD, "1");
        // What threads hold while the program ends under them is not lost.
        child.env("LSAN_OPTIONS", "detect_leaks=0");
        let output = child.output().unwrap();
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_program_that_ends_with_work_unfinished_ends_well() {
    ends_well("a_program_that_ends_with_work_unfinished_ends_well", || leave_work_running());
}

#[test]
fn a_program_that_ends_while_other_threads_compute_ends_well() {
    ends_well("a_program_that_ends_while_other_threads_compute_ends_well", || {
        let frozen = Array::ones([64, 64], Dtype::Float32).unwrap().freeze().unwrap();
        for _ in 0..4 {
            let frozen = frozen.clone();
            thread::spawn(move || compute_for_ever(&frozen));
        }
        thread::sleep(Duration::from_millis(30));
        std::process::exit(0)
    });
}

#[test]
fn a_thread_that_only_allocates_and_frees_may_go_on_while_the_program_ends() {
    ends_well("a_thread_that_only_allocates_and_frees_may_go_on_while_the_program_ends", || {
        for _ in 0..4 {
            thread::spawn(|| {
                loop {
                    drop(Array::from_slice(&[0_u8; 5000], [5000]));
                }
            });
        }
        thread::sleep(Duration::from_millis(20));
        std::process::exit(0)
    });
}

#[test]
fn a_static_owner_with_jobs_left_lets_the_program_end() {
    static OWNER: OnceLock<Owner<Array>> = OnceLock::new();
    ends_well("a_static_owner_with_jobs_left_lets_the_program_end", || {
        let owner = OWNER.get_or_init(|| Owner::spawn(|| Array::ones([64, 64], Dtype::Float32)).unwrap());
        for _ in 0..1000 {
            drop(owner.queue(|x| x.matmul(&*x)?.exp()?.eval()));
        }
        std::process::exit(0)
    });
}

fn compute_for_ever(frozen: &Frozen) -> ! {
    loop {
        let mut x = frozen.thaw().unwrap();
        for _ in 0..50 {
            x = (x.exp().unwrap() * 0.1).unwrap();
        }
        assert_eq!(x.to_vec::<f32>().unwrap().len(), 4096);
    }
}

/// Starts many small ops, whose buffers come from MLX's cache, and ends the process.
fn leave_work_running() -> ! {
    let mut x = Array::ones([64, 64], Dtype::Float32).unwrap();
    for _ in 0..2000 {
        x = (x.exp().unwrap() * 0.1).unwrap();
    }
    async_eval([&x]).unwrap();
    std::process::exit(0)
}

#[test]
fn a_program_that_ends_while_a_kernel_of_its_own_runs_ends_well() {
    struct Slow(Frozen);
    impl Primitive for Slow {
        const NAME: &'static str = "Slow";

        fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
            Ok(vec![Spec::like(inputs[0])])
        }

        fn run(&self, _: &[Input<'_>], _: &mut [Output<'_>]) -> Result<(), Failure> {
            thread::sleep(Duration::from_millis(30));
            let copy = Array::from_slice(&[0_u8; 5000], [5000])?.clone();
            assert!(self.0.thaw().is_err() && copy.eval().is_err());
            Ok(())
        }

        fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
            Ok(inputs.to_vec())
        }
    }
    ends_well("a_program_that_ends_while_a_kernel_of_its_own_runs_ends_well", || {
        let run = || {
            let x = Array::from([1.0]);
            let slow = Arc::new(Slow(x.freeze()?));
            kernel::apply(&slow, [&x])?.iter().try_for_each(|y| y.eval())?;
            async_eval(&kernel::apply(&slow, [&x])?)
        };
        Device::Cpu.scope(run).unwrap();
        std::process::exit(0)
    });
}
