//! What a plugin's connections may have together.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::{config::Config, observe::metrics};

/// What all connections of a plugin have of one thing, and its limit.
#[derive(Debug)]
pub struct Total {
    used: AtomicUsize,
    max: usize,
    setting: &'static str,
}

/// Something taken of a total, until it is dropped.
#[derive(Debug)]
pub struct Share<'a> {
    total: &'a Total,
    amount: usize,
}

impl Total {
    fn new(max: usize, setting: &'static str) -> Self {
        Self { used: AtomicUsize::new(0), max, setting }
    }

    /// The setting that is its limit.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// How much is in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// Takes so much more. False: it would be too much, and nothing was taken.
    #[must_use]
    pub fn add(&self, amount: usize) -> bool {
        let before = self.used.fetch_add(amount, Relaxed);
        let fits = before.saturating_add(amount) <= self.max;
        if !fits {
            self.give(amount);
        }
        fits
    }

    /// Takes so much more, whether or not it is too much.
    pub fn add_always(&self, amount: usize) {
        self.used.fetch_add(amount, Relaxed);
    }

    /// Gives back what was taken.
    pub fn give(&self, amount: usize) {
        self.used.fetch_sub(amount, Relaxed);
    }

    /// Takes so much, if there is so much, until it is dropped.
    #[must_use]
    pub fn take(&self, amount: usize) -> Option<Share<'_>> {
        self.add(amount).then_some(Share { total: self, amount })
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.total.give(self.amount);
    }
}

/// The totals of one plugin.
#[derive(Debug)]
pub struct Totals {
    /// Bytes of linear memory, of the instances that are awake.
    pub memory: Total,
    /// Timers.
    pub timers: Total,
    /// Bytes of the timers' payloads.
    pub timer_bytes: Total,
    /// Subscriptions.
    pub subscriptions: Total,
    /// Monitors.
    pub monitors: Total,
    /// Names of connections.
    pub names: Total,
    /// Presences.
    pub presences: Total,
    /// Bytes of messages that wait in mailboxes.
    pub mail_bytes: Total,
    /// Bytes of handlers' responses that peers have not taken.
    pub response_bytes: Total,
    /// Callbacks that wait in host calls.
    pub waiting: Total,
}

impl Totals {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            memory: Total::new(config.plugin_memory_max_bytes, "plugin_memory_max_bytes"),
            timers: Total::new(config.plugin_timers_max, "plugin_timers_max"),
            timer_bytes: Total::new(config.plugin_timers_max_bytes, "plugin_timers_max_bytes"),
            subscriptions: Total::new(config.plugin_subscriptions_max, "plugin_subscriptions_max"),
            monitors: Total::new(config.plugin_monitors_max, "plugin_monitors_max"),
            names: Total::new(config.plugin_names_max, "plugin_names_max"),
            presences: Total::new(config.plugin_presences_max, "plugin_presences_max"),
            mail_bytes: Total::new(config.plugin_mail_max_bytes, "plugin_mail_max_bytes"),
            response_bytes: Total::new(
                config.plugin_responses_max_bytes,
                "plugin_responses_max_bytes",
            ),
            waiting: Total::new(config.plugin_waiting_max, "plugin_waiting_max"),
        }
    }

    /// As the metrics tell them.
    pub(super) fn told(&self) -> Vec<metrics::Total> {
        let told =
            |name, help, total: &Total| metrics::Total { name, help, value: total.used() as u64 };
        vec![
            told(
                "instance_memory_bytes",
                "Linear memory of the instances that are awake",
                &self.memory,
            ),
            told("timers", "Timers that wait for their time", &self.timers),
            told("timer_bytes", "The payloads of timers", &self.timer_bytes),
            told("subscriptions", "Subscriptions to topics, and watches", &self.subscriptions),
            told("monitors", "Connections that are monitored", &self.monitors),
            told("names", "Names of connections", &self.names),
            told("presences", "Presences on topics", &self.presences),
            told("mailbox_bytes", "What waits in mailboxes", &self.mail_bytes),
            told("response_bytes", "Responses of handlers on their way", &self.response_bytes),
            told("callbacks_waiting", "Callbacks that wait in host calls", &self.waiting),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_not_taken() {
        let total = Total::new(10, "a_setting");
        assert!(total.add(6));
        assert!(!total.add(5));
        assert_eq!(total.used(), 6);
        let share = total.take(4);
        assert!(share.is_some() && !total.add(1));
        drop(share);
        assert!(total.add(4) && !total.add(usize::MAX));
        total.give(10);
        assert_eq!(total.used(), 0);
    }
}
