//! Servers on this machine, which end with their measurement.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server.
pub struct Site {
    child: Child,
    pub address: SocketAddr,
    /// What it calls the model.
    pub model: String,
}

impl Site {
    pub fn ours(mlx: &Path, model: &Path) -> Result<Self> {
        let mut command = Command::new(mlx);
        command.arg("serve").arg("--model").arg(format!("smollm2={}", model.display()));
        Self::start(command, "smollm2".to_owned())
    }

    pub fn mlx_lm(python: &Path, model: &Path) -> Result<Self> {
        let mut command = Command::new(python);
        command.args(["-B", "-m", "mlx_lm", "server", "--model"]).arg(model);
        command.env("HF_HUB_OFFLINE", "1");
        Self::start(command, "default_model".to_owned())
    }

    fn start(mut command: Command, model: String) -> Result<Self> {
        // A free port, which is given back for the server to take.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        command.args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        let mut site = Self { child, address, model };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = site.child.try_wait()? {
                bail!("{command:?} ended with {status}");
            }
            if begun.elapsed() > PATIENCE {
                bail!("{command:?} does not listen");
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(site)
    }

    /// Does something, and looks every second at how much of the server is resident.
    pub fn watched<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, Vec<(Instant, u64)>)> {
        let over = AtomicBool::new(false);
        let process = self.child.id();
        thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut samples = Vec::new();
                while !over.load(Ordering::Acquire) {
                    samples.push((Instant::now(), resident(process)));
                    thread::sleep(Duration::from_secs(1));
                }
                samples
            });
            let done = work();
            over.store(true, Ordering::Release);
            let samples = watch.join().map_err(|_| anyhow::anyhow!("the watch panicked"))?;
            Ok((done?, samples))
        })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes of a process that are in memory; 0 where the system does not tell.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
