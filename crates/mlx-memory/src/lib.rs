//! Memory of programs that use MLX.
//!
//! - [`WiredLimitGuard`] keeps a model resident on Metal while it runs; [`Wired`] gives tickets to several models that
//!   share the limit, and says what still fits.
//! - [`Usage`] counts, [`Peak`] measures, [`Limits`] bounds what MLX's allocator holds.
//! - [`Budget`] adds up what a model needs before it is loaded, and [`Machine`] tells what there is.
//! - Sizes are [`Bytes`], which print as `3.4 GiB`.
//!
//! ```
//! use mlx_memory::{Bytes, Limits, Peak, Wired};
//!
//! let _limits = Limits::new().memory(Bytes::gib(24)).cache(Bytes::gib(2)).apply()?;
//! let ticket = Wired::reserve(Bytes::gib(10))?;
//! let (text, peak) = Peak::measure(|| "what the model says")?;
//! ticket.release()?;
//! println!("{text}\npeak {peak}");
//! # Ok::<(), mlx_memory::Error>(())
//! ```

#![forbid(unsafe_code)]

mod budget;
mod bytes;
mod counter;
mod error;
mod limits;
mod machine;
mod peak;
mod wired;

pub use budget::{Budget, KvCache, KvElements, KvHeads, KvLayer, Part, Prefill, Purpose, weights_of};
pub use bytes::Bytes;
pub use counter::{Usage, clear_cache, set_cache_limit, set_memory_limit};
pub use error::{Error, Result};
pub use limits::{AppliedLimits, Limits};
pub use machine::{Gpu, Machine, Memory};
pub use peak::Peak;
pub use wired::{
    BudgetPolicy, Event, Events, Hysteresis, Policy, Request, Status, Ticket, TicketKind, WarningSink, Wired,
    WiredLimitGuard, recommended_working_set_bytes, set_wired_limit,
};

/// The chapter of the guide, whose code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/memory.md")]
pub struct Guide;
