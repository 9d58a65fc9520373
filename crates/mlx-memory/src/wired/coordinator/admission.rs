//! Who gets a ticket, and when.

use std::sync::PoisonError;
use std::time::Duration;

use super::{Coordinator, State};
use crate::wired::{Event, TicketKind};
use crate::{Bytes, Error, Policy, Result};

/// What a ticket holds.
pub(super) struct Holding {
    id: u64,
    pub(super) bytes: Bytes,
    pub(super) policy: Policy,
    pub(super) kind: TicketKind,
}

/// Whose turn comes before that of later ones with the same policy.
pub(super) struct Waiting {
    id: u64,
    policy: Policy,
}

/// What somebody asks for.
pub(crate) struct Request {
    pub(crate) bytes: Bytes,
    pub(crate) policy: Policy,
    pub(crate) kind: TicketKind,
    pub(crate) patience: Duration,
}

impl Coordinator {
    /// A ticket's number, as soon as it fits.
    pub(crate) fn reserve(&self, request: &Request) -> Result<u64> {
        let recommended = self.recommended()?;
        let mut state = self.lock();
        state.recommended = recommended;
        let id = state.new_id();
        state.waiting.push(Waiting { id, policy: request.policy.clone() });
        let (mut state, fits) = self.wait(state, id, request);
        state.waiting.retain(|waiting| waiting.id != id);
        self.room.notify_all();
        let given = if fits { self.give(&mut state, id, request) } else { Err(state.refuse(request)) };
        self.publish(state);
        given.map(|()| id)
    }

    /// Waits until it is the turn of `id` and the request fits, or is past its time.
    fn wait<'a>(
        &'a self,
        mut state: super::MutexGuard<'a, State>,
        id: u64,
        request: &Request,
    ) -> (super::MutexGuard<'a, State>, bool) {
        let start = self.backend.now();
        loop {
            if state.is_next(id, &request.policy) && state.has_room(request) {
                return (state, true);
            }
            let waited = self.backend.now().saturating_duration_since(start);
            let left = request.patience.saturating_sub(waited);
            if left.is_zero() || !state.could_fit(request) {
                return (state, false);
            }
            if waited.is_zero() {
                state.news.push(Event::Waiting { bytes: request.bytes });
            }
            state = self.room.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn give(&self, state: &mut State, id: u64, request: &Request) -> Result<()> {
        let Request { bytes, kind, .. } = *request;
        state.holdings.push(Holding { id, bytes, policy: request.policy.clone(), kind });
        if let Err(error) = self.follow(state) {
            state.holdings.retain(|holding| holding.id != id);
            let _ = self.follow(state);
            return Err(error);
        }
        state.news.push(Event::Admitted { ticket: id, bytes, kind });
        Ok(())
    }

    /// Whether a request would be given a ticket now.
    pub(crate) fn can_admit(&self, bytes: Bytes, policy: &Policy) -> Result<bool> {
        let recommended = self.recommended()?;
        let mut state = self.lock();
        state.recommended = recommended;
        let is_free = state.waiting.iter().all(|waiting| waiting.policy != *policy);
        Ok(is_free && state.admits(bytes, policy, &state.sizes(policy)))
    }

    /// Makes a ticket active or reserved.
    pub(crate) fn change_kind(&self, id: u64, kind: TicketKind) -> Result<()> {
        let mut state = self.lock();
        let before = state.set_kind(id, kind);
        if before == kind {
            return Ok(());
        }
        let changed =
            if kind == TicketKind::Active { self.follow(&mut state) } else { self.relax(&mut state) };
        match &changed {
            Ok(()) => state.news.push(Event::Changed { ticket: id, kind }),
            Err(_) => {
                state.set_kind(id, before);
            }
        }
        self.publish(state);
        changed
    }

    /// Takes a ticket back, and leaves the limit as it is.
    pub(crate) fn take_back(&self, id: u64) {
        let mut state = self.lock();
        state.remove(id);
        self.room.notify_all();
        self.publish(state);
    }

    /// Waits for the GPU's work, takes a ticket back, and lowers the limit.
    pub(crate) fn release(&self, id: u64) -> Result<()> {
        let _ = self.backend.synchronize(None);
        let mut state = self.lock();
        state.remove(id);
        self.room.notify_all();
        let lowered = self.relax(&mut state);
        self.publish(state);
        lowered
    }
}

impl State {
    pub(super) fn held(&self, kind: TicketKind) -> Bytes {
        self.holdings.iter().filter(|holding| holding.kind == kind).map(|holding| holding.bytes).sum()
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// What all tickets of a policy hold, active and reserved.
    fn sizes(&self, policy: &Policy) -> Vec<Bytes> {
        let same = self.holdings.iter().filter(|holding| holding.policy == *policy);
        same.map(|holding| holding.bytes).collect()
    }

    fn is_next(&self, id: u64, policy: &Policy) -> bool {
        self.waiting.iter().find(|waiting| waiting.policy == *policy).is_none_or(|first| first.id == id)
    }

    fn has_room(&self, request: &Request) -> bool {
        self.admits(request.bytes, &request.policy, &self.sizes(&request.policy))
    }

    /// Whether it would fit if it were alone.
    fn could_fit(&self, request: &Request) -> bool {
        self.admits(request.bytes, &request.policy, &[])
    }

    fn admits(&self, bytes: Bytes, policy: &Policy, held: &[Bytes]) -> bool {
        policy.can_admit(self.baseline(), held, self.recommended.map(Bytes::from), bytes)
    }

    /// The limit before all tickets, which is known once one of them changed it.
    fn baseline(&self) -> Bytes {
        self.epoch.as_ref().map_or(Bytes::ZERO, |epoch| epoch.old.into())
    }

    fn refuse(&mut self, request: &Request) -> Error {
        let Request { bytes, policy, patience, .. } = request;
        self.news.push(Event::Refused { bytes: *bytes });
        Error::Refused {
            bytes: *bytes,
            policy: policy.id().to_owned(),
            held: self.sizes(policy).into_iter().sum::<Bytes>() + self.baseline(),
            ceiling: policy.ceiling(self.recommended.map(Bytes::from)).unwrap_or(Bytes::MAX),
            patience: *patience,
        }
    }

    /// Sets what a ticket is, and returns what it was.
    fn set_kind(&mut self, id: u64, kind: TicketKind) -> TicketKind {
        let holding = self.holdings.iter_mut().find(|holding| holding.id == id);
        holding.map_or(kind, |holding| std::mem::replace(&mut holding.kind, kind))
    }

    fn remove(&mut self, id: u64) {
        if let Some(at) = self.holdings.iter().position(|holding| holding.id == id) {
            let Holding { bytes, .. } = self.holdings.remove(at);
            self.news.push(Event::Returned { ticket: id, bytes });
        }
    }
}
