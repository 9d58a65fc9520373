//! `cargo xtask tidy`: what STYLE.md says and a machine can check. Each rule has a file here.

mod architecture;
mod comments;
mod imports;
mod layers;
mod modules;
mod places;
mod proofs;
mod sizes;
mod source;
mod tree;
mod unsafety;

use std::path::Path;

use anyhow::{Result, bail};
use cargo_metadata::DependencyKind;
use clap::Args;

use crate::repo;
use layers::Crate;
use tree::{Breach, Tree};

/// Check the rules of STYLE.md: layers, unsafe, sizes, comments, imports.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask tidy         print every breach as path:line: message
  cargo xtask tidy --fix   first rewrite the layer table in ARCHITECTURE.md")]
pub struct Options {
    /// Rewrite what can be written: the layer table in ARCHITECTURE.md.
    #[arg(long)]
    pub fix: bool,
}

const CHECKS: [fn(&Tree) -> Vec<Breach>; 8] = [
    architecture::check,
    comments::check,
    imports::check,
    modules::check,
    places::check,
    proofs::check,
    sizes::check,
    unsafety::check,
];

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    if options.fix {
        architecture::fix(&root)?;
    }
    let tree = Tree::tracked(&root)?;
    let mut breaches = layers::check(&crates(&root)?);
    breaches.extend(CHECKS.iter().flat_map(|check| check(&tree)));
    breaches.sort();
    for breach in &breaches {
        println!("{breach}");
    }
    if !breaches.is_empty() {
        bail!("tidy: {} places break STYLE.md", breaches.len());
    }
    println!("tidy: {} files, nothing to say", tree.files.len());
    Ok(())
}

/// The workspace's crates as cargo sees them.
fn crates(root: &Path) -> Result<Vec<Crate>> {
    let packages = repo::metadata(root)?.packages;
    let describe = |package: cargo_metadata::Package| {
        let manifest = package.manifest_path.as_std_path();
        let manifest = manifest.strip_prefix(root).unwrap_or(manifest).display().to_string();
        let (dev, normal) = package
            .dependencies
            .into_iter()
            .partition::<Vec<_>, _>(|one| one.kind == DependencyKind::Development);
        let names = |list: Vec<cargo_metadata::Dependency>| list.into_iter().map(|one| one.name).collect();
        Crate { name: package.name.to_string(), manifest, normal: names(normal), dev: names(dev) }
    };
    Ok(packages.into_iter().map(describe).collect())
}
