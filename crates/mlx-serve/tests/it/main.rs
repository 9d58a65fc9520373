//! The server over a real connection, with tiny models.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

#[cfg(test)]
mod answers;
#[cfg(test)]
mod client;
#[cfg(test)]
mod disconnects;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod site;
