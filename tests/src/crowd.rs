//! Many connections that behave well, each of whose messages is checked: who is
//! there while somebody else misbehaves.

use std::{cell::Cell, time::Duration};

use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval};

use crate::{Ask, Client};

/// What a member says in a round, and the texts that must come back. It is given
/// the member's number, and the round's, from 1.
pub type Talk = fn(usize, u64) -> (String, Vec<String>);

/// What members pass over: others may publish it to them.
pub const NOISE: &str = "noise";

/// The shortest time from one round to the next: the crowd is there to be
/// disturbed, not to be a load.
const ROUND: Duration = Duration::from_millis(100);

/// Open connections that take turns: in a round each says something new, and all
/// must have their answers before the next.
pub struct Crowd {
    members: Vec<Client>,
    talk: Talk,
    rounds: u64,
}

/// For the `scripted` guest: what is said comes back, and the handler's state is
/// what it was, with one change a round.
pub fn counting(member: usize, round: u64) -> (String, Vec<String>) {
    let said = format!("#{member}.{round}");
    (format!("count;text:{said}"), vec![format!("count {round}"), said])
}

/// For a guest that echoes.
pub fn echoing(member: usize, round: u64) -> (String, Vec<String>) {
    let said = format!("#{member}.{round}");
    (said.clone(), vec![said])
}

impl Crowd {
    /// Opens these connections, and has a first round.
    ///
    /// # Panics
    /// If one is refused, or not answered.
    pub async fn open(asks: impl IntoIterator<Item = Ask>, talk: Talk) -> Self {
        Self::of(join_all(asks.into_iter().map(Ask::open)).await, talk).await
    }

    /// Of connections that are open, which have a first round.
    ///
    /// # Panics
    /// If one is not answered.
    pub async fn of(members: Vec<Client>, talk: Talk) -> Self {
        let mut crowd = Self { members, talk, rounds: 0 };
        crowd.round().await;
        crowd
    }

    /// Each says something, and must be answered.
    ///
    /// # Panics
    /// If somebody isn't, or otherwise.
    pub async fn round(&mut self) {
        self.rounds += 1;
        let (talk, round) = (self.talk, self.rounds);
        let members = self.members.iter_mut().enumerate();
        join_all(members.map(async |(number, client)| {
            let (said, answers) = talk(number, round);
            client.say(said).await;
            for answer in answers {
                assert_eq!(heard(client).await, answer, "member {number}, round {round}");
            }
        }))
        .await;
    }

    /// Has rounds while this happens, again and again until there was a whole one
    /// meanwhile. Returns how often it happened.
    ///
    /// # Panics
    /// If a member isn't answered, or otherwise.
    pub async fn beside(&mut self, mut happening: impl AsyncFnMut()) -> u32 {
        let (had_one, over) = (Cell::new(false), Cell::new(false));
        let happens = async {
            let mut times = 0;
            while !had_one.get() {
                happening().await;
                times += 1;
            }
            over.set(true);
            times
        };
        let talks = async {
            let mut pace = interval(ROUND);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !over.get() {
                pace.tick().await;
                self.round().await;
                had_one.set(true);
            }
        };
        tokio::join!(happens, talks).0
    }

    /// What each says to this.
    pub async fn ask(&mut self, script: &str) -> Vec<String> {
        join_all(self.members.iter_mut().map(|member| member.ask(script))).await
    }

    /// Closes all connections.
    ///
    /// # Panics
    /// If one does not end well.
    pub async fn leave(mut self) {
        join_all(self.members.iter_mut().map(async |member| {
            member.close(Some((1000, ""))).await;
            let (last, code) = member.until_closed().await;
            assert!(
                code == 1000 && last.iter().all(|last| *last == NOISE.into()),
                "{code}: {last:?}"
            );
        }))
        .await;
    }
}

/// The next text that is no noise.
async fn heard(client: &mut Client) -> String {
    loop {
        let text = client.text().await;
        if text != NOISE {
            return text;
        }
    }
}
