//! `cargo xtask coverage`: which functions of mlx-c and which names of Python's MLX a program reaches from safe Rust.
//!
//! A function of mlx-c counts if three things agree: mlx-core's `ffi` folder names it, the linker kept it in the
//! tests of the public interface (`linked`), and a documented public item leads to it (`calls`, or `c.toml`). A
//! name of Python's counts if `python.toml` gives it a documented public item of mlx-core, or `nn.toml` one of
//! mlx-nn. All else needs a written reason.

mod calls;
mod definitions;
mod headers;
mod linked;
mod maps;
mod public;
mod tables;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::repo;
use tables::Table;

/// Write docs/coverage-c.md, docs/coverage-python.md and docs/coverage-nn.md: what of MLX is reached, and how.
#[derive(Args)]
#[command(after_help = "\
What has no way of its own is in xtask/coverage: c.toml, python.toml and nn.toml.

Examples:
  cargo xtask coverage           rewrite the tables
  cargo xtask coverage --check   fail if they are out of date, incomplete, or below the bars")]
pub struct Options {
    /// Write nothing; fail on any difference.
    #[arg(long)]
    pub check: bool,
}

/// Which functions mlx-c has, and the names that the linker gives them, depend on the platform.
pub const CAN_TELL: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    if !CAN_TELL {
        bail!("coverage is told on x86-64 Linux: mlx-c has other functions elsewhere");
    }
    let root = repo::root()?;
    let items = public::items(&root, "mlx-core")?;
    let map = |name: &str| maps::read(&root.join("xtask/coverage").join(name));
    let tables = [
        (Path::new("docs/coverage-c.md"), tables::c(&evidence(&root)?, &items, &map("c.toml")?)),
        (Path::new("docs/coverage-python.md"), tables::python(&items, &map("python.toml")?)),
        (Path::new("docs/coverage-nn.md"), tables::nn(&items_of_nn(&root, &items)?, &map("nn.toml")?)),
    ];
    let mut wrong = Vec::new();
    for (path, Table { text, mistakes, summary }) in tables {
        println!("{}: {summary}", path.display());
        wrong.extend(mistakes);
        let file = root.join(path);
        if !options.check {
            std::fs::write(&file, text).with_context(|| path.display().to_string())?;
        } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
            wrong.push(format!("{} is out of date: run cargo xtask coverage", path.display()));
        }
    }
    for mistake in &wrong {
        println!("{mistake}");
    }
    if !wrong.is_empty() {
        bail!("coverage: {} mistakes", wrong.len());
    }
    Ok(())
}

/// The items of mlx-nn, and those of mlx-core under the name of that crate.
fn items_of_nn(root: &Path, core: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let core = core.iter().map(|item| format!("mlx_core::{item}"));
    Ok(public::items(root, "mlx-nn")?.into_iter().chain(core).collect())
}

/// What is known of each function of mlx-c.
fn evidence(root: &Path) -> Result<tables::Evidence> {
    Ok(tables::Evidence {
        functions: headers::declared(root)?,
        linked: linked::symbols(root)?,
        calls: calls::Calls::of_core(root)?,
    })
}
