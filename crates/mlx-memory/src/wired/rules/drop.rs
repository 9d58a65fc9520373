//! Rules D: dropping a guard.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use mlx_core::{Array, Device, Stream, eval};

use super::mock::{Call, Fixture, GONE, OLD, RECOMMENDED};
use crate::wired::WiredLimitGuard;

#[test]
fn d1_the_streams_are_waited_for_in_order_and_before_the_lock() {
    let fixture = Fixture::new();
    let streams = [Stream::new(Device::Cpu).unwrap(), Stream::new(Device::Cpu).unwrap()];
    let numbers = [&streams[1], &streams[0]].map(|stream| stream.index().unwrap());
    let backwards = [streams[1].clone(), streams[0].clone()];
    drop(fixture.install(&backwards).unwrap());
    drop(fixture.guard());
    let waits = |call: &Call| matches!(call, Call::Synchronize(_));
    let expected = [
        Call::Set(RECOMMENDED),
        Call::Synchronize(Some(numbers[0])),
        Call::Synchronize(Some(numbers[1])),
        Call::Set(OLD),
        Call::Set(RECOMMENDED),
        Call::Synchronize(None),
        Call::Set(OLD),
    ];
    assert_eq!(fixture.mock.calls(), expected);
    assert_eq!(fixture.mock.locked_at(waits), [false; 3]);
}

#[test]
fn d2_an_error_of_a_stream_is_passed_over() {
    let fixture = Fixture::new();
    fixture.mock.refuses_to_wait.store(true, SeqCst);
    let streams = [Stream::new(Device::Cpu).unwrap(), Stream::new(Device::Cpu).unwrap()];
    drop(fixture.install(&streams).unwrap());
    assert_eq!(fixture.mock.locked_at(|call| matches!(call, Call::Synchronize(_))).len(), 2);
}

#[test]
fn d3_only_the_last_guard_restores_the_limit() {
    let fixture = Fixture::new();
    let (first, second) = (fixture.guard(), fixture.guard());
    drop(first);
    assert_eq!(fixture.mock.sets(), [RECOMMENDED]);
    drop(second);
    assert_eq!(fixture.mock.sets(), [RECOMMENDED, OLD]);
    assert_eq!((fixture.coordinator.status().guards, fixture.coordinator.old_limit()), (0, 0));
}

#[test]
fn d4_the_limit_is_restored_where_a_stream_could_not_be_waited_for() {
    let fixture = Fixture::new();
    fixture.mock.refuses_to_wait.store(true, SeqCst);
    drop(fixture.guard());
    assert_eq!(fixture.mock.limit(), OLD);
}

/// A value of this thread that is dropped after MLX's streams of it, because it was made before them.
fn dropped_after_the_streams(fixture: &Fixture) {
    thread_local! {
        static KEPT: RefCell<Option<WiredLimitGuard<'static>>> = const { RefCell::new(None) };
    }
    KEPT.with(|kept| assert!(kept.borrow().is_none()));
    eval([&(Array::from(1.0) + 1.0).unwrap()]).unwrap();
    let streams = Box::leak(Box::new([Stream::new(Device::Cpu).unwrap()]));
    let guard = WiredLimitGuard::install_in(&fixture.coordinator, 0_u64.into(), streams).unwrap();
    KEPT.with(|kept| *kept.borrow_mut() = guard);
}

#[test]
fn d5_a_guard_that_outlives_the_streams_of_its_thread_restores_the_limit() {
    let fixture = Fixture::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            dropped_after_the_streams(&fixture);
            assert_eq!(fixture.mock.limit(), RECOMMENDED);
        });
    });
    while fixture.coordinator.status().guards > 0 {
        thread::yield_now();
    }
    assert_eq!(fixture.mock.limit(), OLD);
    assert!(fixture.mock.calls().contains(&Call::Synchronize(Some(GONE))));
}

#[test]
fn d6_a_guard_that_is_dropped_by_a_panic_restores_the_limit() {
    let fixture = Fixture::new();
    let payload = catch_unwind(AssertUnwindSafe(|| {
        let _guards = (fixture.guard(), fixture.guard());
        resume_unwind(Box::new("first"));
    }));
    assert_eq!(*payload.unwrap_err().downcast::<&str>().unwrap(), "first");
    assert_eq!(fixture.mock.limit(), OLD);
}

#[test]
fn d7_a_limit_that_cannot_be_restored_is_owed() {
    let fixture = Fixture::new();
    let guard = fixture.guard();
    fixture.mock.refuses_to_set.store(true, SeqCst);
    drop(guard);
    assert_eq!(fixture.mock.limit(), RECOMMENDED);
    fixture.mock.refuses_to_set.store(false, SeqCst);
    assert_eq!(fixture.guard().old_limit(), OLD);
    assert_eq!(fixture.mock.limit(), OLD);
}

#[test]
fn d7_a_limit_that_is_owed_can_be_paid_without_a_guard() {
    let fixture = Fixture::new();
    let guard = fixture.guard();
    fixture.mock.refuses_to_set.store(true, SeqCst);
    drop(guard);
    assert!(fixture.coordinator.settle().is_err());
    fixture.mock.refuses_to_set.store(false, SeqCst);
    fixture.coordinator.settle().unwrap();
    assert_eq!((fixture.mock.limit(), fixture.coordinator.old_limit()), (OLD, 0));
}

#[test]
fn d8_the_order_of_drops_does_not_matter() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let fixture = Fixture::new();
        let mut guards = [(); 3].map(|()| Some(fixture.guard()));
        for at in order {
            assert_eq!(fixture.mock.limit(), RECOMMENDED);
            guards[at] = None;
        }
        assert_eq!(fixture.mock.sets(), [RECOMMENDED, OLD]);
    }
}

#[test]
fn d8_threads_that_install_and_drop_end_at_the_limit_they_began_with() {
    let fixture = Fixture::new();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    let guard = fixture.guard();
                    assert_eq!(fixture.mock.limit(), RECOMMENDED);
                    drop(guard);
                }
            });
        }
    });
    assert_eq!((fixture.mock.limit(), fixture.coordinator.status().guards), (OLD, 0));
}

#[test]
fn d9_after_the_last_guard_the_next_one_keeps_what_is_there_then() {
    let fixture = Fixture::new();
    drop(fixture.guard());
    fixture.coordinator.set(33).unwrap();
    let guard = fixture.guard();
    assert_eq!(guard.old_limit(), 33);
    drop(guard);
    assert_eq!(fixture.mock.limit(), 33);
}

#[test]
fn d10_a_guard_that_nobody_counted_is_a_fault_only_while_debugging() {
    let fixture = Fixture::new();
    let guard = fixture.guard();
    fixture.coordinator.forget_guards();
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(guard)));
    assert_eq!(dropped.is_err(), cfg!(debug_assertions));
}

#[test]
fn d10_a_guard_that_nobody_counted_does_not_add_to_a_panic() {
    let fixture = Fixture::new();
    let payload = catch_unwind(AssertUnwindSafe(|| {
        let _guard = fixture.guard();
        fixture.coordinator.forget_guards();
        resume_unwind(Box::new("first"));
    }));
    assert_eq!(*payload.unwrap_err().downcast::<&str>().unwrap(), "first");
}
