//! How many connections there are, and from where: what is too many is refused
//! before a guest runs for it.

use std::{
    net::IpAddr,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use dashmap::{DashMap, Entry};

use super::Shared;
use crate::config::{Config, Limit};

/// How many sockets there may be above `connections_max`, so that what they ask
/// for can be refused by a response. Those above are closed at once.
const SPARE_SOCKETS: usize = 64;
/// The same, of one peer above `connections_max_per_peer`.
const SPARE_SOCKETS_PER_PEER: u32 = 4;

/// The connections of the host: WebSockets, and sockets that are none (yet).
#[derive(Debug)]
pub struct Places {
    max: usize,
    total: AtomicUsize,
    /// None: they are not limited, and not counted.
    per_peer: Option<PerPeer>,
}

/// A peer that has no connection isn't in it.
#[derive(Debug)]
struct PerPeer {
    max: u32,
    counts: DashMap<PeerKey, u32>,
}

/// By what peers are told apart: an address of version 4, or a network of 64 bits
/// of version 6, which is what one subscriber has.
///
/// Both are kept in one number: networks that begin with 32 zeros are reserved, and
/// so is the one of all ones (RFC 4291).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerKey(u64);

impl PeerKey {
    /// A peer that isn't counted: a proxy, which stands for many.
    pub const UNCOUNTED: Self = Self(u64::MAX);
}

impl From<IpAddr> for PeerKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u32::from(address).into()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self([a, b, c, d].iter().fold(0, |key, part| key << 16 | u64::from(*part)))
            }
        }
    }
}

/// How many there may be beside those that the settings allow.
#[derive(Clone, Copy, Debug, Default)]
struct Spare {
    total: usize,
    of_peer: u32,
}

impl Places {
    /// As many as the settings say, and no more than `sockets_max`: what the system
    /// has for them.
    #[must_use]
    pub fn new(config: &Config, sockets_max: usize) -> Arc<Self> {
        let max = config.connections_max.value().and_then(|max| usize::try_from(max).ok());
        let max_per_peer = config.connections_max_per_peer.value();
        Arc::new(Self {
            max: max.unwrap_or(usize::MAX - SPARE_SOCKETS).min(sockets_max),
            total: AtomicUsize::new(0),
            per_peer: max_per_peer.map(|max| PerPeer {
                max: u32::try_from(max).unwrap_or(u32::MAX - SPARE_SOCKETS_PER_PEER),
                counts: DashMap::new(),
            }),
        })
    }

    /// How many there are.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.total.load(Relaxed)
    }

    fn enter(&self, peer: PeerKey, spare: Spare) -> Result<(), &'static str> {
        let before = self.total.fetch_add(1, Relaxed);
        let refused = if before >= self.max + spare.total {
            Some("connections_max")
        } else if !self.enter_peer(peer, spare.of_peer) {
            Some("connections_max_per_peer")
        } else {
            None
        };
        refused.map_or(Ok(()), |setting| {
            self.total.fetch_sub(1, Relaxed);
            Err(setting)
        })
    }

    fn enter_peer(&self, peer: PeerKey, spare: u32) -> bool {
        let Some(PerPeer { max, counts }) = &self.per_peer else { return true };
        if peer == PeerKey::UNCOUNTED {
            return true;
        }
        // There may always be one, so that none stays here with a count of 0.
        let mut count = counts.entry(peer).or_insert(0);
        let has_room = *count < max + spare;
        *count += u32::from(has_room);
        has_room
    }

    fn leave(&self, peer: PeerKey) {
        self.total.fetch_sub(1, Relaxed);
        if let Some(PerPeer { counts, .. }) = &self.per_peer
            && let Entry::Occupied(mut count) = counts.entry(peer)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// The place of a socket that is no WebSocket (yet).
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    peer: PeerKey,
}

impl Place {
    /// Takes one.
    ///
    /// # Errors
    /// There is none: the limit's setting.
    pub fn take(places: &Arc<Places>, peer: PeerKey) -> Result<Self, &'static str> {
        places.enter(peer, Spare { total: SPARE_SOCKETS, of_peer: SPARE_SOCKETS_PER_PEER })?;
        Ok(Self { places: places.clone(), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.leave(self.peer);
    }
}

/// One of a plugin's connections: what it shares with the others, and its place
/// among them until the end of its closing handshake.
pub struct Member {
    shared: Arc<Shared>,
    peer: PeerKey,
}

/// What a connection is made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// A socket that becomes its own. Its place was this peer's.
    OwnSocket(PeerKey),
    /// A stream of a socket that is counted by itself.
    Stream,
}

impl Member {
    /// Lets this peer have one more connection.
    ///
    /// # Errors
    /// There are too many: the limit's setting.
    pub fn join(shared: &Arc<Shared>, peer: PeerKey, over: Over) -> Result<Self, &'static str> {
        // The socket gives its place back when the handler has accepted: until then
        // it is one more for others.
        let spare = match over {
            Over::OwnSocket(of) => Spare { total: 1, of_peer: u32::from(of == peer) },
            Over::Stream => Spare::default(),
        };
        shared.places.enter(peer, spare)?;
        // From here on it is given back when this is dropped.
        let member = Self { shared: shared.clone(), peer };
        shared.connections.fetch_add(1, Relaxed);
        let tenant = &shared.plugin.tenant;
        let before = tenant.metrics.connections.enter();
        match tenant.config.connections_max_per_plugin {
            Limit::Of(max) if before as u64 >= max => Err("connections_max_per_plugin"),
            _ => Ok(member),
        }
    }
}

impl Member {
    /// The connection is one of another version's from now on.
    pub(super) fn move_to(&mut self, shared: Arc<Shared>) {
        shared.connections.fetch_add(1, Relaxed);
        self.shared.connections.fetch_sub(1, Relaxed);
        self.shared = shared;
    }
}

impl Deref for Member {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.shared.plugin.tenant.metrics.connections.leave();
        self.shared.connections.fetch_sub(1, Relaxed);
        self.shared.places.leave(self.peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> PeerKey {
        PeerKey::from(address.parse::<IpAddr>().unwrap())
    }

    fn places(settings: &[&str], sockets_max: usize) -> Places {
        let mut config = Config::default();
        settings.iter().for_each(|setting| config.set(setting).unwrap());
        Arc::into_inner(Places::new(&config, sockets_max)).unwrap()
    }

    #[test]
    fn peers_are_told_apart_by_what_one_subscriber_has() {
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("2001:db8::1"), key("192.0.2.1"));
    }

    #[test]
    fn who_leaves_gives_the_place_back() {
        let places = places(&["connections_max=2"], 100);
        let peer = key("192.0.2.1");
        assert_eq!(
            [(); 3].map(|()| places.enter(peer, Spare::default()).err()),
            [None, None, Some("connections_max")]
        );
        assert_eq!(places.enter(peer, Spare { total: 1, of_peer: 0 }), Ok(()));
        assert_eq!(places.taken(), 3);
        (0..3).for_each(|_| places.leave(peer));
        assert_eq!(places.taken(), 0);
    }

    #[test]
    fn each_peer_has_its_own() {
        let places = places(&["connections_max_per_peer=1"], 100);
        let (a, b) = (key("192.0.2.1"), key("2001:db8::1"));
        let enter = |peer| places.enter(peer, Spare::default()).err();
        assert_eq!([enter(a), enter(b)], [None, None]);
        assert_eq!([enter(a), enter(b)], [Some("connections_max_per_peer"); 2]);
        assert_eq!([enter(PeerKey::UNCOUNTED), enter(PeerKey::UNCOUNTED)], [None, None]);
        assert_eq!(places.taken(), 4);
        for peer in [a, b, PeerKey::UNCOUNTED, PeerKey::UNCOUNTED] {
            places.leave(peer);
        }
        assert!(places.taken() == 0 && places.per_peer.unwrap().counts.is_empty());
    }

    #[test]
    fn there_are_no_more_than_the_system_has() {
        let places = places(&["connections_max=1000"], 1);
        assert_eq!(places.enter(PeerKey::UNCOUNTED, Spare::default()), Ok(()));
        assert!(places.enter(PeerKey::UNCOUNTED, Spare::default()).is_err());
    }
}
