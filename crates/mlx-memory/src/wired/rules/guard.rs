//! Rules G: the guard itself. That it cannot outlive its streams is a test in its documentation.

use mlx_core::{Device, Stream};

use super::mock::{Fixture, OLD};
use crate::Bytes;
use crate::wired::WiredLimitGuard;

#[test]
fn g1_all_guards_know_the_limit_before_the_first() {
    let fixture = Fixture::new();
    let guards = [fixture.guard(), fixture.guard()];
    assert_eq!(guards.each_ref().map(WiredLimitGuard::old_limit), [Bytes::new(OLD); 2]);
    fixture.coordinator.forget_guards();
    assert_eq!(guards[0].old_limit(), 0);
    guards.into_iter().for_each(std::mem::forget);
}

#[test]
fn g2_debug_tells_the_number_of_streams() {
    let fixture = Fixture::new();
    let streams = [Stream::new(Device::Cpu).unwrap(), Stream::new(Device::Cpu).unwrap()];
    let guard = fixture.install(&streams).unwrap().unwrap();
    assert_eq!(format!("{guard:?}"), "WiredLimitGuard { streams_count: 2 }");
}

/// A type has one of these functions only if it is neither `Send` nor `Sync`; else the call below is ambiguous.
trait StaysHere<How> {
    fn stays() {}
}

impl<T: ?Sized> StaysHere<()> for T {}
impl<T: ?Sized + Send> StaysHere<u8> for T {}
impl<T: ?Sized + Sync> StaysHere<u16> for T {}

#[test]
fn g3_a_guard_stays_on_its_thread() {
    <WiredLimitGuard<'_> as StaysHere<_>>::stays();
}

#[test]
fn g4_a_guard_must_be_used() {
    let attribute =
        r#"#[must_use = "drop the guard at the end of the scope to restore the prior wired-memory limit"]"#;
    let (before, _) = include_str!("../guard.rs").split_once("pub struct WiredLimitGuard").unwrap();
    assert!(before.trim_end().ends_with(attribute));
}
