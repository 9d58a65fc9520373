//! Other programs: run, and their failures turned into one line.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

use anyhow::{Error, Result, anyhow, bail};

/// Runs a program that talks to the terminal itself.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| not_started(command, error))?;
    if !status.success() {
        bail!("{} failed ({status})", describe(command));
    }
    Ok(())
}

/// Runs a program and returns what it wrote to stdout; its failure quotes its last line of stderr.
pub fn output(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| not_started(command, error))?;
    succeeded(command, status, &String::from_utf8_lossy(&stderr))?;
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// An error that quotes what a program wrote to stderr, unless it succeeded.
pub fn succeeded(command: &Command, status: ExitStatus, stderr: &str) -> Result<()> {
    if !status.success() {
        bail!("{} failed: {}", brief(command), verdict(stderr));
    }
    Ok(())
}

/// Whether a program answers to `--version`.
pub fn is_installed(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The cargo that started this task.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Cargo of the nightly toolchain, in the repository, or the way to get it.
pub fn nightly(root: &Path) -> Result<Command> {
    let mut rustc = Command::new("rustup");
    if output(rustc.args(["run", "nightly", "rustc", "--version"])).is_err() {
        bail!("no nightly toolchain: rustup toolchain install nightly --profile minimal");
    }
    let mut rustup = Command::new("rustup");
    rustup.current_dir(root).args(["run", "nightly", "cargo"]).env_remove("CARGO").env_remove("RUSTC");
    Ok(rustup)
}

/// A command line as one would type it.
pub fn describe(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .map(|word| if word.contains(' ') { format!("\"{word}\"") } else { word.into_owned() })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The program with its first words, which tell what it was to do.
fn brief(command: &Command) -> String {
    describe(command).split(' ').take(4).collect::<Vec<_>>().join(" ")
}

/// The line of a program's stderr that says what went wrong: the last error line, else the last line.
fn verdict(stderr: &str) -> &str {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    lines()
        .rfind(|line| line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error")))
        .or_else(|| lines().next_back())
        .unwrap_or("it printed nothing")
}

/// Why a program did not start, and how to get it.
pub fn not_started(command: &Command, error: std::io::Error) -> Error {
    let program = command.get_program().to_string_lossy();
    if error.kind() != ErrorKind::NotFound {
        return anyhow!("{program}: {error}");
    }
    match &*program {
        "python3" => {
            anyhow!("python3 is not installed: apt-get install python3 python3-pip, or brew install python")
        }
        "git" => anyhow!("git is not installed: apt-get install git, or xcode-select --install"),
        "rustfmt" => anyhow!("rustfmt is not installed: rustup component add rustfmt"),
        _ => anyhow!("{program} is not installed or not on PATH"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_the_way_to_get_it() {
        let missing = std::io::Error::from(ErrorKind::NotFound);
        let message = not_started(&Command::new("python3"), missing).to_string();
        assert!(message.contains("python3 is not installed") && message.contains("apt-get"), "{message}");
    }

    #[test]
    fn output_quotes_the_error_line_of_a_failing_program() {
        let script = "echo 'ERROR: no such wheel' >&2; echo hint >&2; exit 7";
        let message = output(Command::new("sh").args(["-c", script])).unwrap_err().to_string();
        assert!(
            message.starts_with("sh -c") && message.ends_with("failed: ERROR: no such wheel"),
            "{message}"
        );
    }

    #[test]
    fn run_reports_the_exit_status() {
        let message = run(Command::new("sh").args(["-c", "exit 7"])).unwrap_err().to_string();
        assert!(message.contains("sh -c \"exit 7\" failed") && message.contains('7'), "{message}");
    }
}
