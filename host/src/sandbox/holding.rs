//! What one connection has of its plugin's totals.

use std::sync::Arc;

use super::bindings::wshost::handler::types::ErrorResult as Error;
use crate::tenant::{Tenant, Total};

const KINDS: usize = 6;

/// How much there is of each of these, in this order.
pub(super) type Amounts = [usize; KINDS];

/// What can be taken one by one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Subscription = 2,
    Monitor = 3,
    Name = 4,
    Presence = 5,
}

impl Kind {
    /// One of it.
    pub(super) fn one(self) -> Amounts {
        let mut amounts = Amounts::default();
        amounts[self as usize] = 1;
        amounts
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
        more: Amounts,
    ) -> Result<(), Error> {
        self.settle(now);
        self.tenant.get_or_insert_with(|| tenant.clone());
        for (at, total) in totals(tenant).into_iter().enumerate() {
            if !total.add(more[at]) {
                self.settle(now);
                return Err(Error::Limit(total.setting().into()));
            }
            self.taken[at] += more[at];
        }
        Ok(())
    }

    /// Counts what there is `now` against another tenant's totals from here on. It has
    /// room there always: it was taken before.
    pub(super) fn move_to(&mut self, tenant: &Arc<Tenant>, now: Amounts) {
        self.settle(Amounts::default());
        for (at, total) in totals(tenant).into_iter().enumerate() {
            total.add_always(now[at]);
        }
        self.tenant = Some(tenant.clone());
        self.taken = now;
    }

    /// Gives back what was taken beyond what there is `now`.
    pub(super) fn settle(&mut self, now: Amounts) {
        let Some(tenant) = &self.tenant else { return };
        for (at, total) in totals(tenant).into_iter().enumerate() {
            total.give(self.taken[at] - now[at]);
        }
        self.taken = now;
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.settle(Amounts::default());
    }
}

fn totals(tenant: &Tenant) -> [&Total; KINDS] {
    let totals = &tenant.totals;
    [
        &totals.timers,
        &totals.timer_bytes,
        &totals.subscriptions,
        &totals.monitors,
        &totals.names,
        &totals.presences,
    ]
}
