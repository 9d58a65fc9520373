//! A program that runs to its end, and how much memory it took.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;

/// How long to wait between looks at the memory: it only grows, so the last look is near the end.
const PAUSE: Duration = Duration::from_millis(10);

/// What a program left behind.
pub struct Finished {
    pub stdout: String,
    /// Bytes of its memory that were resident at most; `None` where the system does not tell.
    pub resident: Option<u64>,
}

/// Runs a program; its failure quotes its last line of stderr.
pub fn finish(command: &mut Command) -> Result<Finished> {
    let (stdout, stderr) = (scratch()?, scratch()?);
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let mut child = command.spawn().map_err(|error| process::not_started(command, error))?;
    let mut resident = None;
    let status = loop {
        resident = high_water(child.id()).max(resident);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(PAUSE);
    };
    process::succeeded(command, status, &text(stderr)?)?;
    Ok(Finished { stdout: text(stdout)?, resident })
}

fn scratch() -> Result<File> {
    tempfile::tempfile().context("no temporary file")
}

fn text(mut file: File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The most resident bytes of a process so far, as Linux counts them.
fn high_water(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_writes_comes_back_whole() {
        let mut program = Command::new("sh");
        let finished = finish(program.args(["-c", "seq 1 100000; echo noise >&2"])).unwrap();
        assert_eq!(finished.stdout.lines().count(), 100_000);
    }

    #[test]
    fn a_failing_program_is_quoted() {
        let mut program = Command::new("sh");
        let failed = finish(program.args(["-c", "echo 'error: no model' >&2; exit 3"]));
        let message = failed.err().unwrap().to_string();
        assert!(message.ends_with("failed: error: no model"), "{message}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_memory_of_a_program_is_seen() {
        let script = "import time; block = bytearray(b'x') * 64_000_000; time.sleep(0.2)";
        let finished = finish(Command::new("python3").args(["-c", script])).unwrap();
        let resident = finished.resident.unwrap();
        assert!((64_000_000..200_000_000).contains(&resident), "{resident}");
    }
}
