//! `mlx completions`: what a shell completes.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::failure::Outcome;
use crate::stdout::stdout;

/// Write what a shell needs to complete subcommands and options.
///
/// It goes to stdout: into the file that the shell reads when it begins.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx completions bash > ~/.local/share/bash-completion/completions/mlx
  mlx completions zsh > ~/.zfunc/_mlx
  mlx completions fish > ~/.config/fish/completions/mlx.fish
  mlx completions powershell > mlx.ps1
  mlx completions elvish > mlx.elv")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Writes the script. It is made whole first, as what makes it does not bear that a reader goes away.
pub(crate) fn run(args: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::args::Args::command(), "mlx", &mut script);
    Ok(stdout().write_all(&script)?)
}
