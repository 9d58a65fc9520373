//! The safe API, held against golden data, NumPy's rules and what a careless caller may write.

#[cfg(test)]
mod build;
#[cfg(test)]
mod device;
#[cfg(test)]
mod random;
#[cfg(test)]
mod thread;
