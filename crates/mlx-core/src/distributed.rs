//! Work shared by several processes, each with its own part of the data.
//!
//! Each process calls [`init`] and then the same ops in the same order: MLX sends elements only, so processes that
//! disagree about op, shape or type wait for ever or get wrong numbers. Ops are lazy like all others: what they
//! return must be computed for anything to be sent.
//!
//! The ring needs no other software. Each process is told its number by `MLX_RANK`, and by `MLX_HOSTFILE` a JSON file
//! with the addresses of all: `[["10.0.0.1:5000"], ["10.0.0.2:5000"]]`.
//!
//! ```
//! use mlx_core::distributed::{self, Backend};
//! use mlx_core::prelude::*;
//!
//! let group = distributed::init(Backend::Any, false)?;
//! let gradient = group.all_sum(&Array::from([1.0, 2.0]))?;
//! let average = (gradient / group.size())?;
//! assert_eq!(average.to_vec::<f32>()?, [1.0, 2.0]);
//! # Ok::<(), mlx_core::Error>(())
//! ```

use std::ffi::CStr;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::{ThreadId, current};

use crate::ffi::distributed::{self as raw, RawGroup};
use crate::{Array, Device, Dtype, Error, Kind, Result, Stream, cuda};

/// How processes talk to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The first that is configured: NCCL, ring, MPI, JACCL.
    #[default]
    Any,
    /// TCP connections to two neighbors. It has no [`Group::sum_scatter`] and no [`Group::split`].
    Ring,
    /// The MPI library of the system.
    Mpi,
    /// NVIDIA's library, in CUDA builds. It has no [`Group::send`] and no [`Group::recv`].
    Nccl,
    /// RDMA over Thunderbolt, on macOS.
    Jaccl,
}

impl Backend {
    fn name(self) -> &'static CStr {
        match self {
            Self::Any => c"any",
            Self::Ring => c"ring",
            Self::Mpi => c"mpi",
            Self::Nccl => c"nccl",
            Self::Jaccl => c"jaccl",
        }
    }

    /// Whether this build can use it on this machine, configured or not.
    pub fn is_available(self) -> bool {
        raw::is_available(self.name())
    }

    /// Where its ops run.
    #[track_caller]
    fn stream(self) -> Result<Stream> {
        let on_gpu = matches!(self, Self::Any | Self::Nccl) && cuda::is_available()?;
        let device = if on_gpu { Device::default() } else { Device::Cpu };
        device.scope(Stream::current)
    }
}

/// The processes that work together, as one of them sees them.
///
/// It stays on its thread, and all its ops run on one stream: messages have no names, only an order.
///
/// ```compile_fail,E0277
/// let group = mlx_core::distributed::init(Default::default(), false).unwrap();
/// std::thread::spawn(move || group.rank());
/// ```
pub struct Group {
    raw: RawGroup,
    stream: Stream,
}

/// Connects to the other processes, which wait for this one. A later call returns the same group.
///
/// Without a configuration for `backend`, a `strict` call fails, and another returns a group of this process alone,
/// where sums are the array itself and nothing can be sent.
///
/// # Errors
/// The configuration is wrong, another process does not come, or the group belongs to another thread.
#[track_caller]
pub fn init(backend: Backend, strict: bool) -> Result<Group> {
    static OWNER: Mutex<Option<ThreadId>> = Mutex::new(None);
    if matches!(backend, Backend::Any | Backend::Ring) {
        check_ring()?;
    }
    let mut owner = OWNER.lock().unwrap_or_else(PoisonError::into_inner);
    if owner.is_some_and(|id| id != current().id()) {
        return Err(Error::new(
            Kind::Thread,
            "init",
            "the processes are connected to another thread of this one",
        ));
    }
    let group = Group { raw: RawGroup::init(strict, backend.name())?, stream: backend.stream()? };
    if group.size() > 1 {
        *owner = Some(current().id());
    }
    Ok(group)
}

impl Group {
    /// The number of this process, from 0.
    pub fn rank(&self) -> i32 {
        self.raw.rank()
    }

    /// The number of processes.
    pub fn size(&self) -> i32 {
        self.raw.size()
    }

    /// The processes that call with the same `color`, in the order of `key`, else of their numbers.
    #[track_caller]
    pub fn split(&self, color: u16, key: Option<u16>) -> Result<Self> {
        let raw = self.raw.split(i32::from(color), key.map_or(-1, i32::from))?;
        Ok(Self { raw, stream: self.stream.clone() })
    }

    /// The sum over all processes, of arrays of one shape and type. Truth values are joined by "or".
    #[track_caller]
    pub fn all_sum(&self, x: &Array) -> Result<Array> {
        match x.dtype() {
            Dtype::Bool => self.as_bytes(x, |x| self.raw.all_max(x)),
            _ => self.stream.scope(|| self.raw.all_sum(x)),
        }
    }

    /// The greatest of each element over all processes.
    #[track_caller]
    pub fn all_max(&self, x: &Array) -> Result<Array> {
        match x.dtype() {
            Dtype::Bool => self.as_bytes(x, |x| self.raw.all_max(x)),
            _ => self.stream.scope(|| self.raw.all_max(x)),
        }
    }

    /// The smallest of each element over all processes.
    #[track_caller]
    pub fn all_min(&self, x: &Array) -> Result<Array> {
        match x.dtype() {
            Dtype::Bool => self.as_bytes(x, |x| self.raw.all_min(x)),
            _ => self.stream.scope(|| self.raw.all_min(x)),
        }
    }

    /// The arrays of all processes, of one shape and type, joined along the first axis in the order of their numbers.
    #[track_caller]
    pub fn all_gather(&self, x: &Array) -> Result<Array> {
        let first = x.shape().first().copied().unwrap_or(1);
        if first.checked_mul(self.size()).is_none() {
            let message = format!("{} times shape {:?} is too long along an axis", self.size(), x.shape());
            return Err(Error::new(Kind::Shape, "all_gather", message));
        }
        match x.dtype() {
            Dtype::Bool => self.as_bytes(x, |x| self.raw.all_gather(x)),
            _ => self.stream.scope(|| self.raw.all_gather(x)),
        }
    }

    /// This process's part of the sum over all, which is cut along the first axis.
    #[track_caller]
    pub fn sum_scatter(&self, x: &Array) -> Result<Array> {
        self.stream.scope(|| self.raw.sum_scatter(x))
    }

    /// Sends `x` to the process `to` when the result, which is `x` again, is computed.
    #[track_caller]
    pub fn send(&self, x: &Array, to: i32) -> Result<Array> {
        self.stream.scope(|| self.raw.send(x, to))
    }

    /// What the process `from` sends, which must be of this shape and type: it waits for that many bytes.
    #[track_caller]
    pub fn recv(&self, shape: impl AsRef<[i32]>, dtype: Dtype, from: i32) -> Result<Array> {
        let shape = shape.as_ref();
        if dtype.bytes_of(shape).is_none() {
            let message = format!("shape {shape:?} has a negative or too large length");
            return Err(Error::new(Kind::Shape, "recv", message));
        }
        self.stream.scope(|| match dtype {
            Dtype::Bool => self.raw.recv(shape, Dtype::Uint8, from)?.astype(Dtype::Bool),
            _ => self.raw.recv(shape, dtype, from),
        })
    }

    /// Runs `f` with the bytes of truth values. A byte that comes from elsewhere may be any.
    #[track_caller]
    fn as_bytes(&self, x: &Array, f: impl FnOnce(&Array) -> Result<Array>) -> Result<Array> {
        self.stream.scope(|| f(&x.astype(Dtype::Uint8)?)?.astype(Dtype::Bool))
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({} of {})", self.rank(), self.size())
    }
}

/// Checks what MLX's ring takes from the environment: it divides by the number of hosts, and takes any number as
/// its place among them.
#[track_caller]
fn check_ring() -> Result<()> {
    let (Some(hosts), Some(rank)) = (std::env::var_os("MLX_HOSTFILE"), std::env::var_os("MLX_RANK")) else {
        return Ok(());
    };
    match hosts_of(Path::new(&hosts)) {
        Ok(count) if count < 2 => Err(format!("MLX_HOSTFILE={hosts:?} names {count} hosts, fewer than two")),
        Ok(count) => match rank.to_str().and_then(|rank| rank.parse::<usize>().ok()) {
            Some(rank) if rank < count => Ok(()),
            _ => Err(format!("MLX_RANK={rank:?} is not one of 0 to {}", count - 1)),
        },
        Err(why) => Err(format!("MLX_HOSTFILE={hosts:?}: {why}")),
    }
    .map_err(|message| Error::new(Kind::Io, "init", message))
}

/// How many hosts a file lists.
fn hosts_of(path: &Path) -> Result<usize, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let hosts: Vec<Vec<String>> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match hosts.iter().position(Vec::is_empty) {
        Some(at) => Err(format!("host {at} has no address")),
        None => Ok(hosts.len()),
    }
}
