//! The locks of the coordinator; the model test has others.

pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
