//! Ordering along an axis.

use crate::ffi::raw;
use crate::{Array, Result};

impl Array {
    /// Elements in ascending order.
    #[track_caller]
    pub fn sort(&self, axis: i32) -> Result<Self> {
        raw::sort_axis(self, axis)
    }

    /// Where the elements in ascending order come from, as `uint32`.
    #[track_caller]
    pub fn argsort(&self, axis: i32) -> Result<Self> {
        raw::argsort_axis(self, axis)
    }

    /// Elements with the `kth` smallest in its place, smaller ones before it, greater ones after.
    #[track_caller]
    pub fn partition(&self, kth: i32, axis: i32) -> Result<Self> {
        raw::partition_axis(self, kth, axis)
    }

    /// Indices that put the `kth` smallest element in its place, smaller ones before it, greater ones after.
    #[track_caller]
    pub fn argpartition(&self, kth: i32, axis: i32) -> Result<Self> {
        raw::argpartition_axis(self, kth, axis)
    }

    /// The `k` greatest elements, in no certain order.
    #[track_caller]
    pub fn topk(&self, k: i32, axis: i32) -> Result<Self> {
        raw::topk_axis(self, k, axis)
    }
}
