//! Connections: a page of them, one of them, and its end.

use std::{net::IpAddr, sync::Arc, time::Duration};

use hyper::StatusCode;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{Admin, Asked, Problem, Reply};
use crate::{
    messaging::{ConnectionId, Details, Hub, Mailbox, NodeId, Question},
    websocket::{CloseCode, CloseFrame},
};

/// How many are looked at for a page.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1000;
/// How long a connection has to answer: as long as a callback may compute by default.
/// One that is at work for longer is told of as that.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// What a connection's handler does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Awake,
    Asleep,
    /// It is in a callback that takes long.
    Busy,
}

#[derive(Serialize)]
struct Connection {
    id: String,
    plugin: String,
    state: State,
    /// None while it is busy.
    #[serde(flatten)]
    details: Option<Details>,
}

#[derive(Serialize)]
struct Page {
    connections: Vec<Connection>,
    /// What to give as `after` for the next page; none: this was the last.
    next: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseBody {
    code: Option<u16>,
    #[serde(default)]
    reason: String,
}

/// Which connections are wanted.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    plugin: Option<String>,
    state: Option<State>,
    peer: Option<IpNet>,
    after: Option<ConnectionId>,
    limit: usize,
}

/// A connection, and the plugin it is one of.
pub(super) type Member = (Arc<str>, Arc<Mailbox>);

impl Admin {
    pub(super) async fn connections(&self, asked: &Asked) -> Result<Reply, Problem> {
        let wanted = Wanted::read(&asked.query)?;
        let (members, next) = self.page(&wanted).await?;
        let connections = ask(members, false).await;
        let connections = connections.into_iter().filter(|one| wanted.has(one)).collect();
        Reply::json(&Page { connections, next: next.map(|id| id.to_string()) })
    }

    pub(super) async fn connection(&self, asked: &Asked) -> Result<Reply, Problem> {
        let (member, _) = self.find(asked)?;
        let told = ask(vec![member], true).await;
        Reply::json(&told.first().ok_or_else(|| no_connection(asked))?)
    }

    pub(super) fn close(&self, asked: &Asked) -> Result<Reply, Problem> {
        let ((_, mailbox), _) = self.find(asked)?;
        let CloseBody { code, reason } = asked.json_or_default()?;
        let code = code.unwrap_or(CloseCode::NORMAL.get());
        let frame = CloseFrame::new(code, reason)
            .map_err(|error| Problem::unprocessable(error.to_string()))?;
        mailbox.close_by_operator(frame);
        Reply::accepted(&serde_json::json!({}))
    }

    /// The connection that the path names, with its plugin and who is with it.
    pub(super) fn find(&self, asked: &Asked) -> Result<(Member, Arc<Hub>), Problem> {
        let id: ConnectionId = asked.parameter("id").parse().map_err(|_| no_connection(asked))?;
        let found = self
            .sites
            .hubs()
            .into_iter()
            .find_map(|(plugin, hub)| hub.find(id).map(|mailbox| ((plugin, mailbox), hub)));
        found.ok_or_else(|| no_connection(asked))
    }

    /// The connections to be looked at, and what comes before the next.
    async fn page(&self, wanted: &Wanted) -> Result<(Vec<Member>, Option<ConnectionId>), Problem> {
        let mut hubs = self.sites.hubs();
        hubs.retain(|(name, _)| wanted.plugin.as_deref().is_none_or(|plugin| **name == *plugin));
        let (after, limit) = (wanted.after, wanted.limit);
        // All ids are looked at, of which there may be a million.
        let members = tokio::task::spawn_blocking(move || {
            let mut members: Vec<Member> = Vec::new();
            for (name, hub) in hubs {
                let page = hub.page(after, limit + 1);
                members.extend(page.into_iter().map(|mailbox| (name.clone(), mailbox)));
            }
            members.sort_unstable_by_key(|(_, mailbox)| mailbox.id);
            members
        });
        let mut members = members
            .await
            .map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the host is going down"))?;
        let more = members.len() > limit;
        members.truncate(limit);
        let last = members.last().map(|(_, mailbox)| mailbox.id);
        Ok((members, last.filter(|_| more)))
    }
}

/// What they tell of themselves. Those that have ended meanwhile are left out.
async fn ask(members: Vec<Member>, topics: bool) -> Vec<Connection> {
    let asked: Vec<_> = members
        .into_iter()
        .map(|(plugin, mailbox)| {
            let (answer, answered) = oneshot::channel();
            mailbox.ask(Question { topics, answer });
            (plugin, mailbox.id, answered)
        })
        .collect();
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    let mut told = Vec::with_capacity(asked.len());
    for (plugin, id, answered) in asked {
        let details = match timeout_at(deadline, answered).await {
            Ok(Ok(details)) => Some(details),
            Ok(Err(_)) => continue,
            Err(_) => None,
        };
        let state = match &details {
            None => State::Busy,
            Some(details) if details.asleep => State::Asleep,
            Some(_) => State::Awake,
        };
        told.push(Connection { id: id.to_string(), plugin: plugin.to_string(), state, details });
    }
    told
}

fn no_connection(asked: &Asked) -> Problem {
    let id = asked.parameter("id");
    let detail = match id.parse().map(ConnectionId::node) {
        Ok(node) if node != NodeId::this() => format!(
            "there is no connection `{id}` here: it is on node {node}, and this is {}; ask that \
             host",
            NodeId::this()
        ),
        _ => format!("there is no connection `{id}`"),
    };
    Problem::new(StatusCode::NOT_FOUND, detail)
}

impl Wanted {
    fn read(query: &str) -> Result<Self, Problem> {
        let mut wanted = Self { plugin: None, state: None, peer: None, after: None, limit: PAGE };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = |what: &str| Problem::unprocessable(format!("{name}={value}: give {what}"));
            match &*name {
                "plugin" => wanted.plugin = Some(value.into_owned()),
                "state" => {
                    wanted.state = Some(match &*value {
                        "awake" => State::Awake,
                        "asleep" => State::Asleep,
                        "busy" => State::Busy,
                        _ => return Err(wrong("awake, asleep or busy")),
                    });
                }
                "peer" => {
                    let network =
                        value.parse().or_else(|_| value.parse::<IpAddr>().map(IpNet::from));
                    let expected = "an address, or a network as in 192.0.2.0/24";
                    wanted.peer = Some(network.map_err(|_| wrong(expected))?);
                }
                "after" => {
                    wanted.after = Some(value.parse().map_err(|_| wrong("what `next` was"))?);
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
                    wanted.limit = limit.ok_or_else(|| wrong("a number from 1 to 1000"))?;
                }
                _ => {
                    let detail = format!(
                        "there is no query parameter `{name}`, but plugin, state, peer, after and limit"
                    );
                    return Err(Problem::unprocessable(detail));
                }
            }
        }
        Ok(wanted)
    }

    fn has(&self, connection: &Connection) -> bool {
        let peer = connection.details.as_ref().map(|details| details.peer.ip().to_canonical());
        self.state.is_none_or(|state| state == connection.state)
            && self
                .peer
                .is_none_or(|network| peer.is_some_and(|address| network.contains(&address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read_from_the_query() {
        let id = ConnectionId::random();
        let wanted = Wanted::read(&format!(
            "plugin=a%2Fb+c&state=asleep&peer=2001:db8::/32&limit=7&after={id}"
        ));
        let expected = Wanted {
            plugin: Some("a/b c".into()),
            state: Some(State::Asleep),
            peer: Some("2001:db8::/32".parse().unwrap()),
            after: Some(id),
            limit: 7,
        };
        assert_eq!(wanted.ok(), Some(expected));
        assert_eq!(Wanted::read("").unwrap().limit, PAGE);
        for wrong in
            ["limit=0", "limit=1001", "state=up", "peer=here", "after=1", "plugins=a", "limit"]
        {
            assert!(Wanted::read(wrong).is_err(), "{wrong}");
        }
    }
}
