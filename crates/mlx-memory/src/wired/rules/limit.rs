//! Rules S and R: setting the limit, and what the device recommends.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use super::mock::{Fixture, OLD};
use crate::wired;

#[test]
fn s2_the_limit_before_is_returned() {
    let fixture = Fixture::new();
    assert_eq!(fixture.coordinator.set(30).unwrap(), OLD);
    assert_eq!(fixture.coordinator.set(40).unwrap(), 30);
}

#[test]
fn s3_the_limit_is_that_of_the_process_and_not_of_a_thread() {
    let fixture = Fixture::new();
    let coordinator = fixture.coordinator.clone();
    thread::spawn(move || coordinator.set(30).unwrap()).join().unwrap();
    assert_eq!(fixture.coordinator.set(40).unwrap(), 30);
}

#[test]
fn s4_a_limit_that_mlx_refuses_is_an_error() {
    let fixture = Fixture::new();
    fixture.mock.refuses_to_set.store(true, SeqCst);
    assert!(fixture.coordinator.set(30).unwrap_err().to_string().contains("mock: no"));
    assert_eq!(fixture.mock.limit(), OLD);
}

#[test]
fn s5_setting_the_limit_that_is_there_reads_it() {
    let fixture = Fixture::new();
    assert_eq!(fixture.coordinator.set(OLD).unwrap(), OLD);
    let guard = fixture.guard();
    assert_eq!(fixture.coordinator.set(fixture.mock.limit()).unwrap(), fixture.mock.limit());
    drop(guard);
    assert!(fixture.warnings().is_empty());
}

#[test]
fn s6_without_metal_every_limit_is_accepted_and_the_one_before_is_zero() {
    if mlx_core::metal::is_available().unwrap() {
        let most = wired::recommended_working_set_bytes().unwrap().unwrap();
        let error = wired::set_wired_limit(most + (1_u64 << 20).into()).unwrap_err().to_string();
        assert!(error.contains("larger than the maximum working set size is not allowed"), "{error}");
        return;
    }
    for limit in [0_u64, 1 << 30, u64::MAX] {
        assert_eq!(wired::set_wired_limit(limit).unwrap(), 0);
    }
}

#[test]
fn r1_without_a_gpu_nothing_is_recommended() {
    let fixture = Fixture::new();
    fixture.mock.has_gpu.store(false, SeqCst);
    fixture.mock.refuses_to_tell.store(true, SeqCst);
    assert_eq!(fixture.coordinator.recommended().unwrap(), None);
    if !mlx_core::metal::is_available().unwrap() {
        assert_eq!(wired::recommended_working_set_bytes().unwrap(), None);
    }
}

#[test]
fn r2_a_device_that_does_not_say_recommends_nothing() {
    let fixture = Fixture::new();
    fixture.mock.recommend(None);
    assert_eq!(fixture.coordinator.recommended().unwrap(), None);
}

#[test]
fn r3_zero_is_no_recommendation() {
    let fixture = Fixture::new();
    fixture.mock.recommend(Some(0));
    assert_eq!(fixture.coordinator.recommended().unwrap(), None);
}

#[test]
fn r4_what_the_device_says_is_given() {
    let fixture = Fixture::new();
    fixture.mock.recommend(Some(1));
    assert_eq!(fixture.coordinator.recommended().unwrap(), Some(1));
}

#[test]
fn r5_only_a_call_that_failed_is_an_error() {
    let fixture = Fixture::new();
    fixture.mock.refuses_to_tell.store(true, SeqCst);
    assert!(fixture.coordinator.recommended().is_err());
    assert!(fixture.install(&[]).is_err());
    assert!(fixture.mock.sets().is_empty());
}

/// The handle of facts is empty before it is filled; who looks at it then never finds a recommendation.
#[test]
fn r7_on_metal_there_is_always_a_recommendation() {
    if mlx_core::metal::is_available().unwrap() {
        assert!(wired::recommended_working_set_bytes().unwrap().unwrap() > 0);
    }
}
