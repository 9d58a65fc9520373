//! Memory that was promised to somebody.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::coordinator::{self, Coordinator};
use super::policy::Policy;
use crate::{Bytes, Result};

/// Whether a ticket raises the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketKind {
    /// Work runs: the limit covers it.
    Active,
    /// Memory is kept free for it, but it does not raise the limit.
    Reserved,
}

/// A request for a ticket, to be made more precise.
#[must_use = "it asks for nothing until `reserve`"]
pub struct Request {
    coordinator: Arc<Coordinator>,
    request: coordinator::Request,
}

/// Memory that was promised to somebody, until it is released or dropped. It may go to other threads.
///
/// Dropping it gives the memory to whoever waits but leaves the limit as it is, since MLX must not change that while
/// the GPU works: the next ticket, the last guard or [`Wired::settle`](crate::Wired::settle) does.
#[must_use = "the memory is given back when the ticket is dropped"]
pub struct Ticket {
    id: u64,
    bytes: Bytes,
    kind: TicketKind,
    coordinator: Arc<Coordinator>,
}

impl Request {
    pub(super) fn new(coordinator: &Arc<Coordinator>, bytes: Bytes) -> Self {
        let request = coordinator::Request {
            bytes,
            policy: Policy::sum(),
            kind: TicketKind::Active,
            patience: Duration::ZERO,
        };
        Self { coordinator: Arc::clone(coordinator), request }
    }

    /// Under another policy than [`Policy::sum`].
    pub fn policy(self, policy: Policy) -> Self {
        Self { request: coordinator::Request { policy, ..self.request }, ..self }
    }

    /// Active or reserved; active without this.
    pub fn kind(self, kind: TicketKind) -> Self {
        Self { request: coordinator::Request { kind, ..self.request }, ..self }
    }

    /// Waits up to this long for others to give back what is lacking. Those of one policy are served in turn.
    pub fn wait(self, patience: Duration) -> Self {
        Self { request: coordinator::Request { patience, ..self.request }, ..self }
    }

    /// The ticket.
    ///
    /// # Errors
    /// [`Refused`](crate::Error::Refused) if it does not fit in time, at once if it never can; or MLX refused the limit.
    pub fn reserve(self) -> Result<Ticket> {
        let Self { coordinator, request } = self;
        let id = coordinator.reserve(&request)?;
        Ok(Ticket { id, bytes: request.bytes, kind: request.kind, coordinator })
    }
}

impl Ticket {
    /// What it holds.
    pub fn bytes(&self) -> Bytes {
        self.bytes
    }

    /// Whether it raises the limit.
    pub fn kind(&self) -> TicketKind {
        self.kind
    }

    /// The number by which [`Event`](crate::Event)s name it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Makes it active when its work begins, or reserved when it pauses.
    ///
    /// # Errors
    /// MLX refused the limit; the ticket stays what it was.
    pub fn set_kind(&mut self, kind: TicketKind) -> Result<()> {
        self.coordinator.change_kind(self.id, kind)?;
        self.kind = kind;
        Ok(())
    }

    /// Waits for the work on the GPU's default stream of this thread, gives the memory back, and lowers the limit.
    ///
    /// # Errors
    /// MLX refused the limit. The memory is given back all the same.
    pub fn release(self) -> Result<()> {
        self.coordinator.release(self.id)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.coordinator.take_back(self.id);
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({}, {}, {:?})", self.id, self.bytes, self.kind)
    }
}
