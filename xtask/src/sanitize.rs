//! `cargo xtask sanitize`: the tests of mlx-cpu and mlx-core under AddressSanitizer and LeakSanitizer.
//!
//! The crates, mlx-c and the shim are instrumented. libmlx is Apple's build and is not: a wrong access by its own
//! code is seen only where it goes through `malloc`, `free` or a function such as `memcpy`, which the sanitizer
//! replaces for the whole process. What libmlx allocates and our code reads, frees twice or forgets is seen.
//! ThreadSanitizer is not offered: it knows only of the locks that instrumented code takes, and libmlx's queues
//! would all look like races.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::{process, repo};

/// Run the tests of mlx-cpu and mlx-core under AddressSanitizer and LeakSanitizer.
#[derive(Args)]
#[command(after_help = "\
Leaks that MLX means to have are listed in xtask/sanitize/leaks.txt.

Examples:
  cargo xtask sanitize             every test
  cargo xtask sanitize gather::    the tests whose name holds this")]
pub struct Options {
    /// Only tests whose name holds this.
    pub filter: Option<String>,
}

/// Locals stay on the real stack: the shim compares their addresses with its end. Where there is no memory, tests ask
/// what happens then.
const OPTIONS: &str =
    "detect_leaks=1:detect_stack_use_after_return=0:allocator_may_return_null=1:strict_string_checks=1";

/// Tests that measure the memory of the process, to which the sanitizer adds its notes of each stack.
const RESIDENT: &str = "memory_does_not_grow";

/// A test of a compiled op of several results, whose trace MLX never frees.
const KEPT: &str = "kernels_of_one_result_and_of_several_are_never_one";

/// A test of what needs more memory than there is. Alone it passes; behind others of the same process, under the sanitizer
/// only, MLX waits for ever for a task to end and free some.
const EXHAUSTED: &str = "kernel_transform::a_result_that_no_memory_holds_is_an_error_of_eval";

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    process::run(&mut command(&root, &repo::host()?, options.filter.as_deref())?)
}

/// The tests, with a target folder of their own beside the usual one.
fn command(root: &Path, host: &str, filter: Option<&str>) -> Result<Command> {
    let mut cargo = process::nightly(root)?;
    cargo.args([
        "test",
        "-p",
        "mlx-cpu",
        "-p",
        "mlx-core",
        "--lib",
        "--tests",
        "--target",
        host,
        "--target-dir",
    ]);
    cargo.arg(repo::target(root)?.join("sanitize"));
    // Checks of every access in kernels that are compiled once for each level take a compiler for ever at the level of tests.
    cargo.args(["--config", "profile.dev.package.mlx-cpu.opt-level=1"]);
    // Some tests look at the memory of the whole process, in which no other may run then.
    cargo.args(["--", "--test-threads=1"]).args(filter);
    cargo.args([RESIDENT, KEPT, EXHAUSTED].iter().flat_map(|test| ["--skip", test]));
    let leaks = root.join("xtask/sanitize/leaks.txt");
    cargo.env("RUSTFLAGS", "-Zsanitizer=address");
    instrument_c(&mut cargo);
    cargo.env("ASAN_OPTIONS", OPTIONS);
    cargo.env("LSAN_OPTIONS", format!("print_suppressions=0:suppressions={}", leaks.display()));
    Ok(cargo)
}

/// Makes mlx-sys instrument mlx-c and the shim. Compilers agree on what their code calls, so that rustc's runtime
/// serves g++ and clang alike.
pub fn instrument_c(cargo: &mut Command) {
    cargo.env("CXXFLAGS", "-fsanitize=address -g1");
}
