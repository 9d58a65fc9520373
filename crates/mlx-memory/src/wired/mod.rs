//! How much memory Metal keeps resident for MLX, shared by all of a process.

mod backend;
mod coordinator;
mod event;
mod guard;
mod hysteresis;
mod policy;
mod sync;
mod ticket;
mod warning;

#[cfg(test)]
mod model;
#[cfg(test)]
mod rules;

pub use event::{Event, Events};
pub use guard::WiredLimitGuard;
pub use hysteresis::Hysteresis;
pub use policy::{BudgetPolicy, Policy};
pub use ticket::{Request, Ticket, TicketKind};
pub use warning::WarningSink;

use std::sync::{Arc, OnceLock};

use self::backend::Mlx;
use self::coordinator::Coordinator;
use crate::{Bytes, Result};

/// The coordinator of this process.
fn shared() -> &'static Arc<Coordinator> {
    static SHARED: OnceLock<Arc<Coordinator>> = OnceLock::new();
    SHARED.get_or_init(|| Arc::new(Coordinator::new(Box::new(Mlx))))
}

/// Sets how many bytes Metal keeps resident for the whole process, and returns the limit before. Elsewhere it does
/// nothing and returns zero. There is no way to read the limit but to set it.
///
/// While a guard or an active ticket lives, it is reported as [`Event::Overwritten`] and as a warning: the limit set
/// here holds until one of them changes it, and the last restores the one before the first.
///
/// # Errors
/// It is more than the system allows.
pub fn set_wired_limit(limit: impl Into<Bytes>) -> Result<Bytes> {
    shared().set(limit.into().get()).map(Bytes::from)
}

/// How much the device recommends to keep resident at most; `None` without a GPU, or with one that does not say.
///
/// # Errors
/// MLX could not ask the device.
pub fn recommended_working_set_bytes() -> Result<Option<Bytes>> {
    Ok(shared().recommended()?.map(Bytes::from))
}

/// The wired limit of this process, as all of its models share it.
///
/// A [`Ticket`] says how much memory a piece of work needs. Tickets add up by their [`Policy`] to the limit, and say
/// what else still fits. Without a limit to set, on a CPU or with CUDA, they keep count all the same: give the policy
/// a cap there.
///
/// ```
/// use mlx_memory::{Bytes, Policy, Wired};
///
/// let policy = Policy::sum().cap(Bytes::gib(16));
/// let model = Wired::request(Bytes::gib(10)).policy(policy.clone()).reserve()?;
/// assert!(!Wired::can_admit(Bytes::gib(7), &policy)?);
/// model.release()?;
/// assert!(Wired::can_admit(Bytes::gib(7), &policy)?);
/// # Ok::<(), mlx_memory::Error>(())
/// ```
#[derive(Debug)]
pub enum Wired {}

impl Wired {
    /// An active ticket for `bytes` under [`Policy::sum`], or an error at once.
    ///
    /// # Errors
    /// As for [`Request::reserve`].
    pub fn reserve(bytes: impl Into<Bytes>) -> Result<Ticket> {
        Self::request(bytes).reserve()
    }

    /// A request for a ticket with another policy or kind, or that waits.
    pub fn request(bytes: impl Into<Bytes>) -> Request {
        Request::new(shared(), bytes.into())
    }

    /// Whether a request would be given a ticket now.
    ///
    /// # Errors
    /// MLX could not ask the device.
    pub fn can_admit(bytes: impl Into<Bytes>, policy: &Policy) -> Result<bool> {
        shared().can_admit(bytes.into(), policy)
    }

    /// Lowers the limit to what is needed now, where that was left for later.
    ///
    /// # Errors
    /// MLX refused the limit.
    pub fn settle() -> Result<()> {
        shared().settle()
    }

    /// What is held now.
    pub fn status() -> Status {
        shared().status()
    }

    /// What happens from now on.
    pub fn events() -> Events {
        shared().events()
    }

    /// Sets when the limit is lowered while active tickets remain, and returns what was set before.
    pub fn set_hysteresis(hysteresis: Hysteresis) -> Hysteresis {
        shared().set_hysteresis(hysteresis)
    }

    /// Sends warnings elsewhere than to stderr, and returns the sink before. The log (`tracing`, and `log` where
    /// there is no subscriber) gets them too. The sink is called with no lock held.
    pub fn set_warning_sink(sink: WarningSink) -> WarningSink {
        shared().set_warning_sink(sink)
    }
}

/// What guards and tickets hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The limit that they hold; `None` if it is the user's own.
    pub limit: Option<Bytes>,
    /// The most that the device recommends, once that was asked for.
    pub recommended: Option<Bytes>,
    /// How many guards live.
    pub guards: usize,
    /// What active tickets hold.
    pub active: Bytes,
    /// What reserved tickets hold.
    pub reserved: Bytes,
    /// How many requests wait.
    pub waiting: usize,
}
