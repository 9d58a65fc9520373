//! Rules P: how tickets add up.

use std::collections::HashSet;

use super::mock::{Fixture, OLD};
use crate::{Bytes, Policy};

fn bytes(counts: &[u64]) -> Vec<Bytes> {
    counts.iter().copied().map(Bytes::new).collect()
}

fn limit(policy: &Policy, baseline: u64, active: &[u64], recommended: Option<u64>) -> u64 {
    policy.limit(baseline.into(), &bytes(active), recommended.map(Bytes::new)).get()
}

fn admits(policy: &Policy, baseline: u64, held: &[u64], recommended: Option<u64>, more: u64) -> bool {
    policy.can_admit(baseline.into(), &bytes(held), recommended.map(Bytes::new), more.into())
}

#[test]
fn p1_the_sum_is_clamped_and_admits_what_is_not() {
    let policy = Policy::sum().cap(200_u64);
    assert_eq!(limit(&policy, 100, &[50], None), 150);
    assert_eq!(limit(&policy, 100, &[50, 70], None), 200);
    assert!(admits(&policy, 100, &[50], None, 50));
    assert!(!admits(&policy, 100, &[50], None, 51));
}

#[test]
fn p1_a_sum_that_is_too_large_for_a_number_does_not_wrap() {
    let policy = Policy::sum().cap(u64::MAX - 1);
    assert_eq!(limit(&policy, u64::MAX, &[u64::MAX, 2], None), u64::MAX - 1);
    assert!(!admits(&policy, 5, &[u64::MAX], None, u64::MAX));
}

#[test]
fn p2_the_maximum_has_no_cap_and_admits_everything() {
    assert_eq!(limit(&Policy::Max, 100, &[50, 70], Some(60)), 100);
    assert_eq!(limit(&Policy::Max, 100, &[50, 300], Some(60)), 300);
    assert!(admits(&Policy::Max, 100, &[300], Some(60), u64::MAX));
}

#[test]
fn p3_a_fixed_limit_is_constant() {
    let policy = Policy::fixed(42_u64);
    for (baseline, active) in [(0, &[][..]), (100, &[50]), (1, &[u64::MAX, 1])] {
        assert_eq!(limit(&policy, baseline, active, Some(7)), 42);
    }
    assert!(admits(&policy, 0, &[], Some(7), u64::MAX));
}

#[test]
fn p4_a_budget_adds_its_own_amount() {
    let policy = Policy::budget(30_u64).cap(200_u64);
    assert_eq!(limit(&policy, 100, &[50], None), 180);
    assert!(admits(&policy, 100, &[50], None, 20));
    assert!(!admits(&policy, 100, &[50], None, 21));
    assert_eq!(limit(&Policy::budget(u64::MAX), 1, &[1], None), u64::MAX);
}

#[test]
fn p4_budgets_are_equal_by_name_only() {
    let (a, b) = (Policy::budget_named("a", 1_u64), Policy::budget_named("a", 2_u64).cap(3_u64));
    assert_eq!(a, b);
    assert_ne!(a, Policy::budget_named("b", 1_u64));
    assert_eq!(HashSet::from([a, b]).len(), 1);
}

#[test]
fn p4_budgets_without_a_name_get_their_own() {
    let policies: Vec<_> = (0..100).map(|_| Policy::budget(1_u64)).collect();
    assert!(policies.iter().all(|policy| policy.id().starts_with("auto-")));
    assert_eq!(policies.into_iter().collect::<HashSet<_>>().len(), 100);
}

#[test]
fn p5_the_cap_comes_before_the_recommendation() {
    assert_eq!(limit(&Policy::sum().cap(80_u64), 0, &[300], Some(200)), 80);
    assert_eq!(limit(&Policy::sum().cap(250_u64), 0, &[300], Some(200)), 250);
    assert_eq!(limit(&Policy::sum(), 0, &[300], Some(200)), 200);
    assert_eq!(limit(&Policy::sum(), 0, &[300], None), 300);
}

#[test]
fn p6_without_active_tickets_the_limit_is_the_one_before() {
    assert_eq!(limit(&Policy::sum(), 100, &[], Some(200)), 100);
    assert_eq!(limit(&Policy::Max, 100, &[], None), 100);
    for policy in [Policy::sum(), Policy::Max, Policy::fixed(90_u64), Policy::budget(50_u64)] {
        let fixture = Fixture::new();
        let ticket = fixture.request(20).policy(policy).reserve().unwrap();
        assert_ne!(fixture.mock.limit(), OLD);
        ticket.release().unwrap();
        assert_eq!(fixture.mock.limit(), OLD);
    }
}
