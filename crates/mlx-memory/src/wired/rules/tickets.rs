//! Tickets: who gets one, and what the limit is then.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use super::mock::{Fixture, OLD, RECOMMENDED};
use crate::wired::{Event, Hysteresis, TicketKind};
use crate::{Bytes, Error, Policy};

#[test]
fn tickets_add_up_over_the_limit_before_them() {
    let fixture = Fixture::new();
    let first = fixture.request(20).reserve().unwrap();
    let second = fixture.request(30).reserve().unwrap();
    assert_eq!(fixture.mock.limit(), OLD + 50);
    first.release().unwrap();
    second.release().unwrap();
    assert_eq!(fixture.mock.limit(), OLD);
}

#[test]
fn the_highest_limit_of_several_policies_holds() {
    let fixture = Fixture::new();
    let _sum = fixture.request(20).reserve().unwrap();
    let _max = fixture.request(60).policy(Policy::Max).reserve().unwrap();
    assert_eq!(fixture.mock.limit(), 60);
}

#[test]
fn no_policy_goes_above_what_the_device_allows() {
    let fixture = Fixture::new();
    let _ticket = fixture.request(500).policy(Policy::Max).reserve().unwrap();
    assert_eq!(fixture.mock.limit(), RECOMMENDED);
}

#[test]
fn a_reserved_ticket_takes_room_and_does_not_raise_the_limit() {
    let fixture = Fixture::new();
    let mut ticket = fixture.request(60).kind(TicketKind::Reserved).reserve().unwrap();
    assert!(fixture.mock.sets().is_empty());
    assert!(fixture.request(50).reserve().is_err());
    ticket.set_kind(TicketKind::Active).unwrap();
    assert_eq!((fixture.mock.limit(), ticket.kind()), (OLD + 60, TicketKind::Active));
    ticket.set_kind(TicketKind::Reserved).unwrap();
    assert_eq!(fixture.mock.limit(), OLD);
}

#[test]
fn a_ticket_that_does_not_fit_is_refused_with_the_reason() {
    let fixture = Fixture::new();
    let _held = fixture.request(60).reserve().unwrap();
    let policy = Policy::sum();
    assert!(fixture.coordinator.can_admit(Bytes::new(33), &policy).unwrap());
    assert!(!fixture.coordinator.can_admit(Bytes::new(34), &policy).unwrap());
    let error = fixture.request(34).reserve().unwrap_err();
    assert_eq!(
        error.to_string(),
        "34 B do not fit: 67 B of at most 100 B are held under the policy `sum`; ask for less, release a ticket, or wait \
         longer with `Wired::request(..).wait(..)`"
    );
}

#[test]
fn a_ticket_that_is_dropped_leaves_the_limit_for_later() {
    let fixture = Fixture::new();
    drop(fixture.request(60).reserve().unwrap());
    assert_eq!(fixture.mock.limit(), OLD + 60);
    assert!(fixture.coordinator.can_admit(Bytes::new(90), &Policy::sum()).unwrap());
    fixture.coordinator.settle().unwrap();
    assert_eq!(fixture.mock.limit(), OLD);
}

#[test]
fn a_limit_that_mlx_refuses_gives_no_ticket() {
    let fixture = Fixture::new();
    fixture.mock.refuses_to_set.store(true, SeqCst);
    assert!(matches!(fixture.request(10).reserve(), Err(Error::Mlx(_))));
    assert_eq!(fixture.coordinator.status().active, 0);
    let mut reserved = fixture.request(10).kind(TicketKind::Reserved).reserve().unwrap();
    assert!(reserved.set_kind(TicketKind::Active).is_err());
    assert_eq!((reserved.kind(), fixture.coordinator.status().active), (TicketKind::Reserved, Bytes::ZERO));
}

#[test]
fn small_and_quick_steps_down_are_left_for_later() {
    let fixture = Fixture::new();
    let hysteresis = Hysteresis { ratio: 0.25, cooldown: Duration::from_secs(1) };
    fixture.coordinator.set_hysteresis(hysteresis);
    let [a, b, c, d] = [10, 10, 40, 10].map(|bytes| fixture.request(bytes).reserve().unwrap());
    fixture.mock.sleep(Duration::from_secs(2));
    a.release().unwrap();
    assert_eq!(fixture.mock.limit(), OLD + 70);
    c.release().unwrap();
    assert_eq!(fixture.mock.limit(), OLD + 20);
    b.release().unwrap();
    assert_eq!(fixture.mock.limit(), OLD + 20);
    fixture.coordinator.settle().unwrap();
    assert_eq!(fixture.mock.limit(), OLD + 10);
    d.release().unwrap();
    assert_eq!(fixture.mock.limit(), OLD);
}

#[test]
fn a_guard_over_tickets_raises_the_limit_and_leaves_theirs() {
    let fixture = Fixture::new();
    let ticket = fixture.request(20).reserve().unwrap();
    let guard = fixture.guard();
    assert_eq!((fixture.mock.limit(), guard.old_limit().get()), (RECOMMENDED, OLD));
    drop(guard);
    assert_eq!(fixture.mock.limit(), OLD + 20);
    ticket.release().unwrap();
    assert_eq!(fixture.mock.limit(), OLD);
}

#[test]
fn without_a_limit_to_set_tickets_are_counted_all_the_same() {
    let fixture = Fixture::new();
    fixture.mock.recommend(None);
    let policy = Policy::sum().cap(50_u64);
    let ticket = fixture.request(40).policy(policy.clone()).reserve().unwrap();
    assert!(fixture.request(11).policy(policy.clone()).reserve().is_err());
    ticket.release().unwrap();
    assert!(fixture.coordinator.can_admit(Bytes::new(50), &policy).unwrap());
    assert!(fixture.mock.sets().is_empty());
}

#[test]
fn who_waits_gets_what_is_given_back() {
    let fixture = Fixture::new();
    let held = fixture.request(90).reserve().unwrap();
    thread::scope(|scope| {
        let waiter =
            scope.spawn(|| fixture.request(50).wait(Duration::from_secs(60)).reserve().unwrap().bytes());
        while fixture.coordinator.status().waiting == 0 {
            thread::yield_now();
        }
        assert!(!fixture.coordinator.can_admit(Bytes::new(1), &Policy::sum()).unwrap());
        held.release().unwrap();
        assert_eq!(waiter.join().unwrap(), 50);
    });
    assert_eq!(fixture.coordinator.status().waiting, 0);
}

#[test]
fn who_waits_longer_than_said_is_refused() {
    let fixture = Fixture::new();
    let _held = fixture.request(90).reserve().unwrap();
    thread::scope(|scope| {
        let waiter =
            scope.spawn(|| fixture.request(50).wait(Duration::from_millis(20)).reserve().unwrap_err());
        while !waiter.is_finished() {
            fixture.mock.sleep(Duration::from_millis(1));
            thread::sleep(Duration::from_millis(1));
        }
        assert!(waiter.join().unwrap().to_string().contains("(waited up to 20ms)"));
    });
    assert_eq!(fixture.coordinator.status().waiting, 0);
}

#[test]
fn what_can_never_fit_is_not_waited_for() {
    let fixture = Fixture::new();
    assert!(fixture.request(RECOMMENDED + 1).wait(Duration::from_secs(3600)).reserve().is_err());
}

#[test]
fn those_who_wait_are_served_in_turn() {
    let fixture = Fixture::new();
    let held = fixture.request(90).reserve().unwrap();
    let patience = Duration::from_secs(60);
    thread::scope(|scope| {
        let large = scope.spawn(|| fixture.request(80).wait(patience).reserve().unwrap());
        while fixture.coordinator.status().waiting == 0 {
            thread::yield_now();
        }
        assert!(fixture.request(1).reserve().is_err(), "it is the turn of the larger one");
        assert!(fixture.request(1).policy(Policy::Max).reserve().is_ok(), "another policy has its own turns");
        drop(held);
        drop(large.join().unwrap());
    });
    assert!(fixture.request(1).reserve().is_ok());
}

#[test]
fn listeners_hear_what_happens_in_order() {
    let fixture = Fixture::new();
    let events = fixture.coordinator.events();
    let ticket = fixture.request(20).reserve().unwrap();
    let id = ticket.id();
    ticket.release().unwrap();
    assert!(fixture.request(500).reserve().is_err());
    let bytes = Bytes::new(20);
    let expected = [
        Event::Limit { from: OLD.into(), to: bytes },
        Event::Limit { from: bytes, to: (OLD + 20).into() },
        Event::Admitted { ticket: id, bytes, kind: TicketKind::Active },
        Event::Returned { ticket: id, bytes },
        Event::Limit { from: (OLD + 20).into(), to: OLD.into() },
        Event::Refused { bytes: Bytes::new(500) },
    ];
    let heard: Vec<_> = std::iter::from_fn(|| events.wait(Duration::ZERO)).collect();
    assert_eq!(heard, expected);
}
