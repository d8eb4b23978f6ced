//! How long a client of the internal listener may take.

use std::{future::Future, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Until when the client of a connection is waited for; none: it waits for the host.
pub struct Patience {
    time: Duration,
    until: watch::Sender<Option<Instant>>,
}

impl Patience {
    /// A client has this time for each request to come, and for each response to be
    /// taken. What the host takes to answer is not counted.
    pub(super) fn new(time: Duration) -> Self {
        Self { time, until: watch::Sender::new(Some(Instant::now() + time)) }
    }

    /// The client has done something, and has its time again.
    pub(super) fn renew(&self) {
        self.until.send_replace(Some(Instant::now() + self.time));
    }

    /// The host does this, which is not the client's time.
    pub async fn while_at_work<T>(&self, work: impl Future<Output = T>) -> T {
        self.until.send_replace(None);
        let done = work.await;
        self.renew();
        done
    }

    /// Waits until the client has taken too long.
    pub(super) async fn ends(&self) {
        let mut until = self.until.subscribe();
        loop {
            let at = *until.borrow_and_update();
            let changed = until.changed();
            match at {
                // The sender is here as long as this.
                None => _ = changed.await,
                Some(at) => tokio::select! {
                    _ = changed => {}
                    () = sleep_until(at) => return,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_hosts_time_is_not_the_clients() {
        let time = Duration::from_millis(5);
        let (patience, done) = (Patience::new(time), watch::Sender::new(false));
        let work = async {
            patience.while_at_work(tokio::time::sleep(10 * time)).await;
            done.send_replace(true);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = work => {}
            () = patience.ends() => {}
        }
        assert!(*done.borrow(), "it was not waited for");
    }
}
