//! Two processes on a ring over the loopback device.

use std::env;
use std::io::Read;
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use mlx_core::Device;
use mlx_core::distributed::{Backend, Group, init};

const CHILD: &str = "MLX_NN_TEST_RING";
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `f` of the test `name`, such as `average::each_process_has_the_mean`, in two processes that are connected,
/// and fails if one does or does not end.
#[track_caller]
pub(crate) fn two(name: &str, f: impl FnOnce(&Group)) {
    if env::var_os(CHILD).is_some() {
        let run = || {
            f(&init(Backend::Ring, true)?);
            Ok(())
        };
        return Device::Cpu.scope(run).unwrap();
    }
    let listeners = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let hosts = listeners.each_ref().map(|one| [one.local_addr().unwrap().to_string()]);
    drop(listeners);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), serde_json::to_string(&hosts).unwrap()).unwrap();
    let processes = ["0", "1"].map(|rank| {
        Command::new(env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .env("MLX_RANK", rank)
            .env("MLX_HOSTFILE", file.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    });
    for process in processes {
        let (status, said) = finish(process);
        assert!(status.success(), "{status}: {said}");
    }
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
