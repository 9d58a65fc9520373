//! The committed fixtures of every crate hold together.

#[cfg(test)]
mod fixtures;
