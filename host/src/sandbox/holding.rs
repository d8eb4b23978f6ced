//! What one connection has of its plugin's totals.

use std::sync::Arc;

use super::bindings::wshost::handler::types::ErrorResult as Error;
use crate::tenant::{Tenant, Total};

/// What counts against a plugin's totals.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Timer,
    TimerByte,
    Subscription,
    Monitor,
    Name,
    Presence,
}

/// How much there is of each kind, in their order.
pub(super) type Amounts = [usize; Kind::ALL.len()];

impl Kind {
    /// In the order of their declaration.
    pub(super) const ALL: [Self; 6] = [
        Self::Timer,
        Self::TimerByte,
        Self::Subscription,
        Self::Monitor,
        Self::Name,
        Self::Presence,
    ];

    fn total(self, tenant: &Tenant) -> &Total {
        let totals = &tenant.totals;
        match self {
            Self::Timer => &totals.timers,
            Self::TimerByte => &totals.timer_bytes,
            Self::Subscription => &totals.subscriptions,
            Self::Monitor => &totals.monitors,
            Self::Name => &totals.names,
            Self::Presence => &totals.presences,
        }
    }
}

/// What was taken of the totals, and is given back in the end.
#[derive(Debug, Default)]
pub(super) struct Holding {
    /// None: nothing was taken yet.
    tenant: Option<Arc<Tenant>>,
    taken: Amounts,
}

impl Holding {
    /// Takes so much `more` than what there is `now`.
    ///
    /// # Errors
    /// The limit that refuses it; then nothing was taken.
    pub(super) fn take(
        &mut self,
        tenant: &Arc<Tenant>,
        now: Amounts,
        more: &[(Kind, usize)],
    ) -> Result<(), Error> {
        self.settle(now);
        self.tenant.get_or_insert_with(|| tenant.clone());
        for (kind, amount) in more {
            let total = kind.total(tenant);
            if !total.add(*amount) {
                self.settle(now);
                return Err(Error::Limit(total.setting().into()));
            }
            self.taken[*kind as usize] += amount;
        }
        Ok(())
    }

    /// Gives back what was taken beyond what there is `now`.
    pub(super) fn settle(&mut self, now: Amounts) {
        let Some(tenant) = self.tenant.as_ref().filter(|_| self.taken != now) else { return };
        for kind in Kind::ALL {
            kind.total(tenant).give(self.taken[kind as usize] - now[kind as usize]);
        }
        self.taken = now;
    }

    /// Counts what there is `now` against another tenant's totals from here on. It has
    /// room there always: it was taken before.
    pub(super) fn move_to(&mut self, tenant: &Arc<Tenant>, now: Amounts) {
        self.settle(Amounts::default());
        for kind in Kind::ALL {
            kind.total(tenant).add_always(now[kind as usize]);
        }
        self.tenant = Some(tenant.clone());
        self.taken = now;
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.settle(Amounts::default());
    }
}
