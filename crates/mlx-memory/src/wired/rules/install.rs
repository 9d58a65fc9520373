//! Rules I: installing a guard.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use super::mock::{Call, Fixture, OLD, RECOMMENDED};

#[test]
fn i1_without_a_recommendation_nothing_happens() {
    let fixture = Fixture::new();
    fixture.mock.recommend(None);
    assert!(fixture.install_for(u64::MAX, &[]).unwrap().is_none());
    assert!(fixture.mock.calls().is_empty() && fixture.warnings().is_empty());
    assert_eq!((fixture.coordinator.status().guards, fixture.coordinator.old_limit()), (0, 0));
}

#[test]
fn i2_a_model_above_nine_tenths_gives_a_warning() {
    let warns = |recommended, model| {
        let fixture = Fixture::new();
        fixture.mock.recommend(Some(recommended));
        drop(fixture.install_for(model, &[]).unwrap());
        !fixture.warnings().is_empty()
    };
    assert_eq!(
        [0, 89, 90, 91, 100, u64::MAX].map(|model| warns(100, model)),
        [false, false, false, true, true, true]
    );
    assert_eq!([9, 10].map(|model| warns(19, model)), [false, true]);
    assert_eq!([0, 1].map(|model| warns(9, model)), [false, true]);
    assert_eq!([u64::MAX / 10 * 9, u64::MAX / 10 * 9 + 1].map(|model| warns(u64::MAX, model)), [false, true]);
}

#[test]
fn i3_the_warning_has_mlx_lms_words() {
    let fixture = Fixture::new();
    fixture.mock.recommend(Some(16 << 30));
    drop(fixture.install_for((15 << 30) + 7, &[]).unwrap());
    let expected = "[WARNING] Generating with a model that requires 15360 MB which is close to the maximum recommended size of \
                    16384 MB. This can be slow. See the documentation for possible work-arounds: \
                    https://github.com/ml-explore/mlx-lm/tree/main#large-models";
    assert_eq!(fixture.warnings(), [expected]);
}

#[test]
fn i4_every_install_looks_at_its_model_before_it_takes_the_lock() {
    let fixture = Fixture::new();
    let coordinator = fixture.coordinator.clone();
    let (sender, receiver) = std::sync::mpsc::channel();
    let sink = move |_: &str| sender.send(coordinator.is_locked()).unwrap();
    fixture.coordinator.set_warning_sink(std::sync::Arc::new(sink));
    let outer = fixture.install_for(91, &[]).unwrap();
    let inner = fixture.install_for(92, &[]).unwrap();
    drop((outer, inner));
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [false, false]);
}

#[test]
fn i5_the_limit_is_changed_under_the_lock() {
    let fixture = Fixture::new();
    drop(fixture.guard());
    assert_eq!(fixture.mock.locked_at(|call| matches!(call, Call::Set(_))), [true, true]);
}

#[test]
fn i6_the_first_guard_sets_what_is_recommended_and_keeps_what_was_there() {
    let fixture = Fixture::new();
    let guard = fixture.guard();
    assert_eq!((fixture.mock.sets(), fixture.coordinator.status().guards), (vec![RECOMMENDED], 1));
    assert_eq!(guard.old_limit(), OLD);
}

#[test]
fn i7_a_limit_that_mlx_refuses_leaves_nothing_behind() {
    let fixture = Fixture::new();
    fixture.mock.refuses_to_set.store(true, SeqCst);
    assert!(fixture.install(&[]).is_err());
    assert_eq!((fixture.coordinator.status().guards, fixture.coordinator.old_limit()), (0, 0));
    fixture.mock.refuses_to_set.store(false, SeqCst);
    fixture.coordinator.set(9).unwrap();
    assert_eq!(fixture.guard().old_limit(), 9);
    assert_eq!(fixture.mock.limit(), 9);
}

#[test]
fn i8_a_guard_beside_another_is_counted_and_sets_nothing() {
    let fixture = Fixture::new();
    let guards = [fixture.guard(), fixture.guard(), fixture.guard()];
    assert_eq!((fixture.mock.sets(), fixture.coordinator.status().guards), (vec![RECOMMENDED], 3));
    drop(guards);
}

#[test]
fn i9_guards_of_all_threads_count_together() {
    let fixture = Fixture::new();
    let guard = fixture.guard();
    thread::scope(|scope| {
        scope.spawn(|| {
            let inner = fixture.guard();
            assert_eq!((inner.old_limit().get(), fixture.coordinator.status().guards), (OLD, 2));
        });
    });
    assert_eq!((fixture.mock.limit(), fixture.coordinator.status().guards), (RECOMMENDED, 1));
    drop(guard);
}

#[test]
fn i10_the_lock_is_free_while_a_guard_lives() {
    let fixture = Fixture::new();
    let guard = fixture.guard();
    assert!(!fixture.coordinator.is_locked());
    drop(guard);
    assert!(!fixture.coordinator.is_locked());
}

#[test]
fn i11_a_panic_under_the_lock_stops_nobody() {
    let fixture = Fixture::new();
    fixture.coordinator.poison();
    let guard = fixture.guard();
    fixture.coordinator.poison();
    assert_eq!(guard.old_limit(), OLD);
    fixture.coordinator.poison();
    drop(guard);
    assert_eq!(fixture.mock.limit(), OLD);
}
