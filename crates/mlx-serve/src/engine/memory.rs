//! What models and their texts may take together.

use std::path::Path;

use mlx_memory::{Bytes, Machine, Policy, Ticket, Wired};

use crate::fault::Fault;
use crate::options::ModelOptions;
use crate::{Error, Result};

/// The memory that all models share.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    policy: Policy,
    limit: Bytes,
}

impl Memory {
    /// Up to `limit`; without one, nine tenths of what is available now.
    pub(crate) fn new(limit: Option<Bytes>) -> Result<Self> {
        let limit = match limit {
            Some(limit) => limit,
            None => Machine::read()?.available().fraction(0.9),
        };
        if limit == Bytes::ZERO {
            return Err(Error::Options("the memory for models is 0 bytes: allow more".into()));
        }
        Ok(Self { policy: Policy::sum().cap(limit), limit })
    }

    /// Memory for a part of the work; `None` if others hold it now.
    pub(crate) fn take(&self, bytes: Bytes) -> std::result::Result<Option<Ticket>, Fault> {
        if bytes > self.limit {
            let limit = self.limit;
            let message = format!("this needs {bytes} of memory, and models may take {limit}: ask for less");
            return Err(Fault::invalid(message));
        }
        Ok(Wired::request(bytes).policy(self.policy.clone()).reserve().ok())
    }
}

/// What a model works with beside its weights.
const WORK: Bytes = Bytes::mib(256);

impl Memory {
    /// Memory for the weights of a model that reads everything at once.
    pub(crate) fn of_weights(&self, options: &ModelOptions) -> std::result::Result<Ticket, Fault> {
        let checkpoint = options.source.resolve().map_err(|error| options.unloadable(&error))?;
        let bytes = size(checkpoint.path()).map_err(|error| options.unloadable(&error))?;
        let ticket = self.take(bytes + WORK).map_err(|fault| Fault::unavailable(fault.message))?;
        let name = &options.name;
        ticket.ok_or_else(|| {
            Fault::unavailable(format!("the model {name} needs {bytes}, which others hold: come again"))
        })
    }
}

/// The bytes of a file, or of the files in a folder, which is about what their weights take.
fn size(path: &Path) -> std::io::Result<Bytes> {
    if path.is_file() {
        return Ok(Bytes::new(path.metadata()?.len()));
    }
    let sizes = path.read_dir()?.map(|entry| Ok(std::fs::metadata(entry?.path())?.len()));
    Ok(Bytes::new(sizes.sum::<std::io::Result<u64>>()?))
}
