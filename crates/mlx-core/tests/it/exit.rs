//! A program may end while MLX still computes.

use std::env;
use std::process::Command;

use mlx_core::{Array, Dtype, async_eval};

const CHILD: &str = "MLX_CORE_TEST_EXIT";

#[test]
fn a_program_that_ends_with_work_unfinished_ends_well() {
    if env::var_os(CHILD).is_some() {
        leave_work_running();
    }
    for _ in 0..10 {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "exit::a_program_that_ends_with_work_unfinished_ends_well"]).env(CHILD, "1");
        let output = child.output().unwrap();
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
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
