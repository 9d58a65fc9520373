//! Counters and limits. Tests that change what belongs to the process run one after the other.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mlx_core::{Array, Dtype, memory};
use mlx_memory::{Bytes, Limits, Peak, Usage, clear_cache, set_cache_limit, set_memory_limit};

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An array of so many MiB that is there.
fn filled(mib: i32) -> Array {
    let array = Array::arange(0..mib << 18).unwrap().astype(Dtype::Float32).unwrap();
    let array = (array + 1.0).unwrap();
    array.eval().unwrap();
    array
}

#[test]
fn usage_counts_arrays_and_what_is_kept_for_reuse() {
    let _alone = alone();
    clear_cache().unwrap();
    let before = Usage::now().unwrap();
    let array = filled(8);
    let during = Usage::now().unwrap();
    assert!(during.active - before.active >= Bytes::mib(8) && during.peak >= during.active);
    drop(array);
    let after = Usage::now().unwrap();
    assert!(after.active < during.active && after.cache - before.cache >= Bytes::mib(8));
    clear_cache().unwrap();
    assert_eq!(Usage::now().unwrap().cache, 0);
}

#[test]
fn a_reset_peak_is_zero_and_not_what_is_active() {
    let _alone = alone();
    let _array = filled(1);
    memory::reset_peak().unwrap();
    let usage = Usage::now().unwrap();
    assert!(usage.peak == 0 && usage.active >= Bytes::mib(1));
}

#[test]
fn a_measurement_starts_at_what_is_active() {
    let _alone = alone();
    let _array = filled(4);
    let active = Usage::now().unwrap().active;
    let ((), peak) = Peak::measure(|| ()).unwrap();
    assert_eq!(peak, active);
}

#[test]
fn a_measurement_inside_another_takes_nothing_away_from_it() {
    let _alone = alone();
    let base = Usage::now().unwrap().active;
    let (inner, outer) = Peak::measure(|| {
        drop(filled(32));
        let ((), inner) = Peak::measure(|| drop(filled(2))).unwrap();
        inner
    })
    .unwrap();
    assert!(outer - base >= Bytes::mib(32), "{outer}");
    assert!(inner - base < Bytes::mib(16), "{inner}");
}

#[test]
fn limits_are_restored_when_they_are_dropped() {
    let _alone = alone();
    let memory_before = memory::limit().unwrap();
    let cache_before = set_cache_limit(Bytes::gib(3)).unwrap();
    let applied = Limits::new().memory(Bytes::gib(5)).cache(Bytes::mib(7)).apply().unwrap();
    assert_eq!(Bytes::from(memory::limit().unwrap()), Bytes::gib(5));
    assert_eq!(set_cache_limit(Bytes::mib(7)).unwrap(), Bytes::mib(7));
    drop(applied);
    assert_eq!(memory::limit().unwrap(), memory_before);
    assert_eq!(set_cache_limit(cache_before).unwrap(), Bytes::gib(3));
}

#[test]
fn limits_are_restored_by_a_panic() {
    let _alone = alone();
    let before = set_memory_limit(Bytes::gib(6)).unwrap();
    let ended = std::panic::catch_unwind(|| {
        let _applied = Limits::new().memory(Bytes::gib(1)).apply().unwrap();
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(ended.is_err());
    assert_eq!(set_memory_limit(before).unwrap(), Bytes::gib(6));
}

#[test]
fn nothing_is_kept_for_reuse_under_a_cache_limit_of_zero() {
    let _alone = alone();
    let applied = Limits::new().cache(Bytes::ZERO).apply().unwrap();
    drop(filled(4));
    assert_eq!(Usage::now().unwrap().cache, 0);
    drop(applied);
}
