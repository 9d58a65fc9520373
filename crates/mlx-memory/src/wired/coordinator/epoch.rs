//! The time in which the limit is not the user's own, and how the limit follows what is needed.

use std::time::Instant;

use super::{Coordinator, State};
use crate::wired::{Event, Hysteresis, TicketKind};
use crate::{Bytes, Policy, Result};

/// What was there before, and what is there now.
pub(super) struct Epoch {
    pub(super) old: u64,
    pub(super) applied: u64,
    changed: Instant,
}

impl Coordinator {
    /// Brings the limit to what guards and active tickets need, or back to the user's own if there are none.
    pub(super) fn follow(&self, state: &mut State) -> Result<()> {
        match (state.epoch.is_some(), state.is_held()) {
            (false, false) => Ok(()),
            (false, true) => self.begin(state),
            (true, true) => self.change(state),
            (true, false) => self.end(state),
        }
    }

    /// As `follow`, but small and quick steps down are left for later.
    pub(super) fn relax(&self, state: &mut State) -> Result<()> {
        let Some(epoch) = state.epoch.as_ref().filter(|_| state.is_held()) else {
            return self.follow(state);
        };
        let (from, to) = (epoch.applied, state.needed(epoch.old));
        let Hysteresis { ratio, cooldown } = state.hysteresis;
        let step = Bytes::from(from).fraction(ratio).get();
        let is_due = self.backend.now().saturating_duration_since(epoch.changed) >= cooldown;
        if to >= from || (is_due && from - to >= step) {
            return self.follow(state);
        }
        state.news.push(Event::Deferred { from: from.into(), to: to.into() });
        Ok(())
    }

    /// MLX has no way to read the limit: setting one gives the one before, on which the sum of tickets depends.
    fn begin(&self, state: &mut State) -> Result<()> {
        if state.recommended.is_none() {
            return Ok(());
        }
        let guess = state.needed(0);
        let old = self.exchange(state, guess)?;
        state.epoch = Some(Epoch { old, applied: guess, changed: self.backend.now() });
        self.change(state)
    }

    fn change(&self, state: &mut State) -> Result<()> {
        let Some(epoch) = &state.epoch else { return Ok(()) };
        let (applied, wanted) = (epoch.applied, state.needed(epoch.old));
        if wanted == applied {
            return Ok(());
        }
        let found = self.exchange(state, wanted)?;
        state.compare(applied, found);
        state.epoch =
            state.epoch.take().map(|epoch| Epoch { applied: wanted, changed: self.backend.now(), ..epoch });
        Ok(())
    }

    /// If MLX refuses, the epoch lives on, so that a later guard does not take the raised limit for the user's own.
    fn end(&self, state: &mut State) -> Result<()> {
        let Some(epoch) = &state.epoch else { return Ok(()) };
        let (old, applied) = (epoch.old, epoch.applied);
        let found = self.exchange(state, old)?;
        state.compare(applied, found);
        state.epoch = None;
        Ok(())
    }

    fn exchange(&self, state: &mut State, bytes: u64) -> Result<u64> {
        match self.backend.set_wired_limit(bytes) {
            Ok(before) => {
                state.news.push(Event::Limit { from: before.into(), to: bytes.into() });
                Ok(before)
            }
            Err(error) => {
                state.news.push(Event::LimitFailed { wanted: bytes.into(), reason: error.to_string() });
                Err(error.into())
            }
        }
    }
}

impl State {
    /// Whether a guard or an active ticket lives.
    fn is_held(&self) -> bool {
        self.guards > 0 || self.holdings.iter().any(|holding| holding.kind == TicketKind::Active)
    }

    /// The limit that guards and active tickets need over the one before them. What the device recommends is the
    /// most that it allows.
    fn needed(&self, old: u64) -> u64 {
        let ceiling = self.recommended.unwrap_or(u64::MAX);
        if self.guards > 0 {
            return ceiling;
        }
        let active = || self.holdings.iter().filter(|holding| holding.kind == TicketKind::Active);
        let limit = |policy: &Policy| {
            let same = active().filter(|holding| holding.policy == *policy);
            let bytes: Vec<_> = same.map(|holding| holding.bytes).collect();
            policy.limit(old.into(), &bytes, self.recommended.map(Bytes::from))
        };
        let highest = active().map(|holding| limit(&holding.policy)).max();
        highest.map_or(old, Bytes::get).min(ceiling)
    }

    /// Notes a limit that the user set while it was held.
    pub(super) fn note_foreign(&mut self, before: u64, bytes: u64) {
        let Some(epoch) = &mut self.epoch else { return };
        let expected = epoch.applied;
        epoch.applied = bytes;
        self.compare(expected, before);
        self.compare(expected, bytes);
    }

    /// Notes that somebody else set the limit since this coordinator did.
    fn compare(&mut self, expected: u64, found: u64) {
        if found != expected {
            self.news.push(Event::Overwritten { expected: expected.into(), found: found.into() });
        }
    }
}
