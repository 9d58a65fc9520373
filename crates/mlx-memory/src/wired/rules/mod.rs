//! The rules of the wired limit, each a test named after it. S1 and R6 to R8 are about calls to C, and are tested in
//! mlx-core.

pub(in crate::wired) mod mock;

mod drop;
mod guard;
mod install;
mod limit;
mod policy;
mod reports;
mod tickets;
