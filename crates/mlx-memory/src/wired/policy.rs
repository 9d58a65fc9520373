//! How tickets add up to a limit: pure functions.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Bytes;

/// How the tickets that share a policy become one limit, and which further ones fit.
///
/// A limit is clamped to the policy's cap, else to what the device recommends, else not at all. Tickets of different
/// policies do not add up: the highest of their limits holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// The limit before, and all tickets on top. A ticket fits if the sum is not clamped.
    Sum {
        /// The highest limit, instead of the one that the device recommends.
        cap: Option<Bytes>,
    },
    /// The largest of the limit before and the tickets. Everything fits.
    Max,
    /// Always this limit. Everything fits.
    Fixed {
        /// The limit.
        limit: Bytes,
    },
    /// As the sum, with an amount of its own on top. A ticket fits if the sum is not clamped.
    Budget(BudgetPolicy),
}

/// A policy with an amount of its own, such as a model that several tickets share. It is the same policy as another
/// one if both have the same name.
#[derive(Clone, Debug)]
pub struct BudgetPolicy {
    id: String,
    base: Bytes,
    cap: Option<Bytes>,
}

impl Policy {
    /// The sum of all tickets.
    pub fn sum() -> Self {
        Self::Sum { cap: None }
    }

    /// A constant.
    pub fn fixed(limit: impl Into<Bytes>) -> Self {
        Self::Fixed { limit: limit.into() }
    }

    /// The sum of all tickets and of `base`, under a new name of the form `auto-7`.
    pub fn budget(base: impl Into<Bytes>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = format!("auto-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self::budget_named(id, base)
    }

    /// The sum of all tickets and of `base`, under the name by which tickets share it.
    pub fn budget_named(id: impl Into<String>, base: impl Into<Bytes>) -> Self {
        Self::Budget(BudgetPolicy { id: id.into(), base: base.into(), cap: None })
    }

    /// The same with this as the highest limit, where the policy has one.
    #[must_use]
    pub fn cap(self, cap: impl Into<Bytes>) -> Self {
        let cap = Some(cap.into());
        match self {
            Self::Sum { .. } => Self::Sum { cap },
            Self::Budget(budget) => Self::Budget(BudgetPolicy { cap, ..budget }),
            Self::Max | Self::Fixed { .. } => self,
        }
    }

    /// A name for messages: `sum`, `max`, `fixed`, or that of a budget.
    pub fn id(&self) -> &str {
        match self {
            Self::Sum { .. } => "sum",
            Self::Max => "max",
            Self::Fixed { .. } => "fixed",
            Self::Budget(budget) => &budget.id,
        }
    }

    /// The limit for the `active` tickets of this policy over the limit before them.
    pub fn limit(&self, baseline: Bytes, active: &[Bytes], recommended: Option<Bytes>) -> Bytes {
        match self {
            Self::Max => active.iter().copied().fold(baseline, Bytes::max),
            Self::Fixed { limit } => *limit,
            Self::Sum { .. } | Self::Budget(_) => {
                self.clamp(self.needed(baseline, active, Bytes::ZERO), recommended)
            }
        }
    }

    /// Whether `bytes` fit beside what `held` tickets of this policy, active and reserved ones, need.
    pub fn can_admit(
        &self,
        baseline: Bytes,
        held: &[Bytes],
        recommended: Option<Bytes>,
        bytes: Bytes,
    ) -> bool {
        let needed = self.needed(baseline, held, bytes);
        self.clamp(needed, recommended) == needed
    }

    /// The most that tickets of this policy get together, where there is such a bound.
    pub fn ceiling(&self, recommended: Option<Bytes>) -> Option<Bytes> {
        match self {
            Self::Max | Self::Fixed { .. } => None,
            Self::Sum { cap } | Self::Budget(BudgetPolicy { cap, .. }) => cap.or(recommended),
        }
    }

    fn needed(&self, baseline: Bytes, held: &[Bytes], more: Bytes) -> Bytes {
        let base = if let Self::Budget(budget) = self { budget.base } else { Bytes::ZERO };
        baseline + base + held.iter().copied().sum() + more
    }

    fn clamp(&self, bytes: Bytes, recommended: Option<Bytes>) -> Bytes {
        self.ceiling(recommended).map_or(bytes, |ceiling| bytes.min(ceiling))
    }
}

/// The sum of all tickets.
impl Default for Policy {
    fn default() -> Self {
        Self::sum()
    }
}

impl PartialEq for BudgetPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for BudgetPolicy {}

impl Hash for BudgetPolicy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}
