//! Tests that run in two processes.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};
use std::{env, fs};

const MEMBER: &str = "MLX_TEST_RING_MEMBER";
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `test`, the body of the test of this whole `name`, in two processes that are told to form a ring over the
/// loopback device. Stops the test if one of them fails or does not end.
#[track_caller]
pub fn in_two_processes(name: &str, test: impl FnOnce()) {
    if is_member() {
        return test();
    }
    let listeners = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let hosts = listeners.each_ref().map(|one| [one.local_addr().unwrap().to_string()]);
    drop(listeners);
    let hosts = serde_json::to_string(&hosts).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), hosts).unwrap();
    let processes = ["0", "1"].map(|rank| member(name, rank, file.path()));
    processes.into_iter().for_each(succeed);
}

/// Whether this process is a [`member`]; if so, it tells the process that waits for it that the test runs.
pub fn is_member() -> bool {
    let is_member = env::var_os(MEMBER).is_some();
    if is_member {
        eprintln!("{MEMBER}");
    }
    is_member
}

/// A process that runs the test `name` alone, as number `rank` of the ring that a file of hosts describes.
pub fn member(name: &str, rank: &str, hosts: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(MEMBER, "1")
        .env("MLX_RANK", rank)
        .env("MLX_HOSTFILE", hosts)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a process, and stops the test unless it succeeds.
#[track_caller]
pub fn succeed(process: Child) {
    let (status, said) = finish(process);
    assert!(status.success(), "{status}: {said}");
    assert!(said.contains(MEMBER), "the process ran no such test");
}

/// Waits for a process, and ends it when that takes too long.
fn finish(mut process: Child) -> (ExitStatus, String) {
    let mut stderr = process.stderr.take().unwrap();
    let said = spawn(move || {
        let mut said = String::new();
        let _ = stderr.read_to_string(&mut said);
        said
    });
    let end = Instant::now() + PATIENCE;
    while process.try_wait().unwrap().is_none() && Instant::now() < end {
        sleep(Duration::from_millis(20));
    }
    let _ = process.kill();
    (process.wait().unwrap(), said.join().unwrap())
}
