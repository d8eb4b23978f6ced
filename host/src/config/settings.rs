//! Every setting, its default and its limits, in one place.
//!
//! A setting's name ends in its unit where it has one. `--set NAME=VALUE` and the
//! configuration file reach each of them; [`settings`] lists them for the help and
//! the docs. One with `host` behind it is the whole host's; every other can be
//! given to each plugin.

use thiserror::Error;

use super::{
    nearest::nearest,
    values::{Limit, Millis, OnDeploy, RatePolicy, SlowReader, Value},
};
use crate::messaging::FRAME_OVERHEAD_BYTES;

/// Why a setting was not taken.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SettingError {
    /// The argument has no `=`.
    #[error("`{0}` is not of the form NAME=VALUE")]
    Form(String),
    /// There is no such setting.
    #[error(
        "no setting is named `{name}`; the nearest is `{nearest}` (`wshost run --help` lists all)"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// The setting whose name is most like it.
        nearest: &'static str,
    },
    /// The value does not parse, or is out of range.
    #[error("`{value}` is no value for `{name}`: give {expected}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What can be given.
        expected: String,
    },
    /// The largest frame that may be published has no room in the queue.
    #[error(
        "send_queue_max_bytes={queue} has no room for one published frame of \
         payload_max_bytes={payload}: raise it to {needed} at least, or lower payload_max_bytes"
    )]
    SendQueue {
        /// `send_queue_max_bytes`.
        queue: usize,
        /// `payload_max_bytes`.
        payload: usize,
        /// The least that has room.
        needed: usize,
    },
    /// The largest message has no room in a mailbox.
    #[error(
        "mailbox_max_bytes={mailbox} has no room for one message of payload_max_bytes={payload} \
         and its topic of topic_max_bytes={topic}: raise it to {needed} at least, or lower \
         payload_max_bytes"
    )]
    Mailbox {
        /// `mailbox_max_bytes`.
        mailbox: usize,
        /// `payload_max_bytes`.
        payload: usize,
        /// `topic_max_bytes`.
        topic: usize,
        /// The least that has room.
        needed: usize,
    },
}

impl SettingError {
    /// The settings that it is about, as far as they are.
    pub(super) fn settings(&self) -> &[&'static str] {
        match self {
            Self::Form(_) | Self::Unknown { .. } => &[],
            Self::Value { name, .. } => std::slice::from_ref(name),
            Self::SendQueue { .. } => &["send_queue_max_bytes", "payload_max_bytes"],
            Self::Mailbox { .. } => &["mailbox_max_bytes", "payload_max_bytes", "topic_max_bytes"],
        }
    }
}

/// Whose a setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole host's.
    Host,
    /// A plugin's. What the host has is every plugin's default.
    Plugin,
}

/// What the help and the docs say of a setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name, which ends in its unit.
    pub name: &'static str,
    /// Whose it is.
    pub scope: Scope,
    /// Its default, as `--set` takes it.
    pub default: String,
    /// What can be given.
    pub expected: String,
    /// What it is for.
    pub doc: &'static str,
}

macro_rules! scope {
    () => {
        Scope::Plugin
    };
    (host) => {
        Scope::Host
    };
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $min:expr => $max:expr $(, $scope:ident)?;)*) => {
        /// The settings in force.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $name: $type,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Config {
            /// Takes `NAME=VALUE`.
            ///
            /// # Errors
            /// As [`Config::give`], and no `=`.
            pub fn set(&mut self, assignment: &str) -> Result<(), SettingError> {
                let (name, value) = assignment
                    .split_once('=')
                    .ok_or_else(|| SettingError::Form(assignment.to_owned()))?;
                self.give(name.trim(), value.trim()).map(|_| ())
            }

            /// Gives the setting of this name a value, and returns its name.
            ///
            /// # Errors
            /// An unknown name, and a value that does not parse or is out of range.
            pub fn give(&mut self, name: &str, value: &str) -> Result<&'static str, SettingError> {
                match name {
                    $(stringify!($name) => {
                        self.$name = read(stringify!($name), value, $min, $max)?;
                        Ok(stringify!($name))
                    })*
                    name => Err(SettingError::Unknown { name: name.to_owned(), nearest: nearest(name, NAMES) }),
                }
            }

            /// The value of the setting of this name, as [`Config::give`] takes it; empty
            /// if there is no such setting.
            #[must_use]
            pub fn get(&self, name: &str) -> String {
                match name {
                    $(stringify!($name) => self.$name.to_string(),)*
                    _ => String::new(),
                }
            }
        }

        /// The settings' names.
        pub(super) const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Whose the setting of this name is; none if there is no such setting.
        pub(super) fn scope(name: &str) -> Option<Scope> {
            match name {
                $(stringify!($name) => Some(scope!($($scope)?)),)*
                _ => None,
            }
        }

        /// Describes every setting, in the order of the docs.
        #[must_use]
        pub fn settings() -> Vec<Setting> {
            let config = Config::default();
            vec![$(Setting {
                name: stringify!($name),
                scope: scope!($($scope)?),
                default: config.$name.to_string(),
                expected: <$type as Value>::expected($min, $max),
                doc: concat!($($doc, "\n"),+).trim(),
            }),*]
        }
    };
}

const HOUR_MS: u64 = 3_600_000;
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * MIB;

settings! {
    /// How many connections the host has: WebSockets, and sockets that are none (yet).
    /// Requests above it are answered with 503, before a handler runs. Never more
    /// than the open files that the system allows leave room for.
    connections_max: Limit = Limit::Infinity, Limit::Of(1) => Limit::Infinity, host;
    /// How many WebSockets a plugin has, those that are opening or closing too.
    /// Requests above it are answered with 503, before the handler runs.
    connections_max_per_plugin: Limit = Limit::Infinity, Limit::Of(1) => Limit::Infinity;
    /// How many connections a client has, by its address (of version 6: by the first
    /// 64 bits): behind a trusted proxy the one that the proxy names. Requests above
    /// it are answered with 503, before a handler runs. Over HTTP/2 the socket counts
    /// beside its WebSockets.
    connections_max_per_peer: Limit = Limit::Infinity, Limit::Of(1) => Limit::Infinity, host;
    /// How long a peer may be silent before it is closed with 1000, where the
    /// handler says nothing of it.
    idle_timeout_ms: Millis = Millis::After(60_000), Millis::After(1) => Millis::Infinity;
    /// The longest idle timeout a handler may ask for.
    idle_timeout_max_ms: Millis = Millis::Infinity, Millis::After(1) => Millis::Infinity;
    /// The largest message taken from a peer, where the handler says nothing of
    /// it. A larger one is refused with 1009.
    frame_size_bytes: usize = 1_000_000, 1 => GIB;
    /// The largest message a handler may ask for.
    frame_size_max_bytes: usize = 32 * MIB, 1 => GIB;
    /// The most work for compression that a handler may ask for (zlib's level); the
    /// default of 6 is lowered to it too.
    deflate_level_max: u8 = 9, 0 => 9;
    /// The most memory for compression, beside the window, that a handler may ask for
    /// (zlib's memory level); the default of 8 is lowered to it too.
    deflate_mem_level_max: u8 = 9, 1 => 9;
    /// The largest window of compression, 2 to the power of this many bytes, that a
    /// handler may ask for; the default of 15 is lowered to it too. A client whose
    /// offer doesn't let itself be told so keeps its own.
    deflate_window_bits_max: u8 = 15, 9 => 15;
    /// How many frames are taken from a peer in a second: messages, their fragments,
    /// pings and pongs. As many may come at once.
    messages_max_per_second: Limit = Limit::Infinity, Limit::Of(1) => Limit::Infinity;
    /// How many bytes are taken from a peer in a second, as they come: compressed, and
    /// with the frames' headers. As many may come at once.
    bytes_max_per_second: Limit = Limit::Infinity, Limit::Of(1) => Limit::Infinity;
    /// What happens to a peer that sends more than that: nothing is read from it until
    /// it may send again, or it is closed with 1008.
    rate_policy: RatePolicy = RatePolicy::Wait, RatePolicy::Wait => RatePolicy::Close;
    /// After this long without a byte received the host sends a ping, where the
    /// handler says nothing of it.
    keep_alive_ms: Millis = Millis::Infinity, Millis::After(1) => Millis::Infinity;
    /// The shortest keep-alive a handler may ask for; a shorter one is raised to it.
    keep_alive_min_ms: u64 = 1_000, 1 => HOUR_MS;
    /// How long a peer has for a PROXY header and TLS's handshake together, then
    /// for a request's head; and how long an HTTP connection may be without a request.
    handshake_timeout_ms: u64 = 10_000, 1 => HOUR_MS, host;
    /// How long a peer has to take a response of a handler's. The HTTP connection of
    /// one that takes longer is cut off.
    response_timeout_ms: u64 = 60_000, 1 => HOUR_MS;
    /// How long a peer has to answer a Close, and to take what is still to be sent.
    close_timeout_ms: u64 = 5_000, 1 => HOUR_MS;
    /// Over what time connections are closed when the host is told to stop, so that
    /// not all come to the others at once. A few take less: 1,000 a second are closed
    /// at least.
    shutdown_ms: u64 = 30_000, 0 => HOUR_MS, host;
    /// How long connections have to end once the last of them was told to.
    shutdown_timeout_ms: u64 = 30_000, 1 => HOUR_MS, host;
    /// The largest head of a request, request line and header fields; also, what the
    /// header fields may take that a handler gives to a response.
    header_max_bytes: usize = 32 * KIB, 8 * KIB => MIB, host;
    /// The largest body of a request to the admin interface.
    admin_body_max_bytes: usize = 2 * MIB, KIB => GIB, host;
    /// How many header fields a request may have, and a handler may give to a response.
    headers_max: usize = 100, 1 => 10_000, host;
    /// How many instances are awake at once. When more are needed, those whose
    /// connections were idle for longest are put to sleep.
    instances_max: u32 = 1_000, 1 => 100_000, host;
    /// How many instances that no connection has are kept for the next that needs one,
    /// all plugins together; one plugin has a fourth of them at most. They are given
    /// back when they were not needed for a few seconds. 0: each handler that wakes
    /// gets a new instance.
    instances_warm_max: u32 = 64, 0 => 10_000, host;
    /// How long a connection waits until another one's instance is put to sleep.
    /// A new one is answered with 503 then, one whose handler sleeps is closed
    /// with 1013.
    instance_wait_max_ms: u64 = 5_000, 1 => HOUR_MS, host;
    /// How long after an event an instance is put to sleep, if its handler said
    /// `hibernate`; 0: at once, whatever there is to do.
    hibernate_grace_ms: u64 = 100, 0 => HOUR_MS;
    /// How long after an event an instance is put to sleep, whatever its handler
    /// said.
    hibernate_idle_ms: Millis = Millis::After(5_000), Millis::After(1) => Millis::Infinity;
    /// The largest snapshot, before it is packed. An instance that would have a
    /// larger one stays awake.
    snapshot_max_bytes: usize = 4 * MIB, KIB => GIB;
    /// How many bytes of snapshots are kept in memory. When there is no room,
    /// instances stay awake.
    snapshots_max_bytes: u64 = GIB as u64, 1 => 1 << 50, host;
    /// Above this many bytes of snapshots in memory, the oldest go to the spill
    /// file, where there is one (`--spill`).
    spill_above_bytes: u64 = 256 * MIB as u64, 0 => 1 << 50, host;
    /// How many bytes of messages to other nodes wait to be sent, of each plugin, twice:
    /// of what all nodes are told, and of all else. What is too much is dropped.
    cluster_queue_max_bytes: u32 = 64 << 20, 128 << 10 => u32::MAX, host;
    /// How many bytes of messages from other nodes wait to be taken, of each plugin, four
    /// times: of what nodes publish and what others do, of what all nodes are told and
    /// what this one is. What is too much is dropped.
    cluster_receive_max_bytes: u32 = 64 << 20, 128 << 10 => u32::MAX, host;
    /// How many messages from other nodes the client holds until they are counted so.
    cluster_receive_max: usize = 16_384, 1 => 1_000_000, host;
    /// How large the spill file may get.
    spill_max_bytes: u64 = 16 * GIB as u64, 1 => 1 << 50, host;
    /// The largest file of a plugin.
    component_max_bytes: usize = 64 * MIB, KIB => GIB;
    /// How many plugins are compiled at once. The compiler runs in processes of its
    /// own, each with a thread for each processor, at a low priority.
    compiles_max: usize = 1, 1 => 64, host;
    /// The memory that compiling one plugin may take.
    compile_memory_max_bytes: u64 = 2 * GIB as u64, 64 * MIB as u64 => 1 << 40, host;
    /// The processor's time that compiling one plugin may take, that of all processors
    /// together. Whole seconds are counted: it is rounded up to one.
    compile_time_max_ms: u64 = 120_000, 1 => HOUR_MS, host;
    /// The time that compiling one plugin may take in all, that in which others had
    /// the processor included.
    compile_wait_max_ms: u64 = 600_000, 1 => HOUR_MS, host;
    /// The largest compiled code of one plugin.
    code_max_bytes: usize = 256 * MIB, KIB => 4 * GIB, host;
    /// How many bytes of compiled code are kept between runs (`--cache`). Above that,
    /// what was not used for longest is removed.
    cache_max_bytes: u64 = GIB as u64, 0 => 1 << 50, host;
    /// What becomes of a plugin's connections when it is replaced: they go on with the
    /// version they have, are closed with 1012, or move to the new version, if their
    /// handler gives its state.
    on_deploy: OnDeploy = OnDeploy::Keep, OnDeploy::Keep => OnDeploy::Migrate;
    /// Over what time connections are closed where a plugin is replaced or removed, so
    /// that not all come back at once.
    drain_ms: u64 = 30_000, 0 => HOUR_MS;
    /// How many versions of a plugin may have connections at once. A deployment beyond
    /// is refused until one has none.
    versions_max: usize = 100, 2 => 10_000;
    /// The linear memory of one instance, its memories together.
    memory_max_bytes: usize = 64 * MIB, 64 * KIB => 4 * GIB;
    /// The handles (streams, files, pollables) that one instance has to the host.
    resources_max: usize = 1_000, 1 => 1_000_000;
    /// The elements of one instance's tables together.
    table_elements_max: usize = 20_000, 1 => 10_000_000;
    /// The linear memory of all a plugin's instances that are awake. Where it is used
    /// up a new connection is answered with 503, one whose handler sleeps is closed
    /// with 1013, and one whose memory grows is told that it can't.
    plugin_memory_max_bytes: usize = 16 * GIB, MIB => 1 << 46;
    /// The running time of one callback. One that runs longer is ended, and its
    /// connection with 1011.
    callback_time_max_ms: u64 = 1_000, 1 => HOUR_MS;
    /// The time one callback may take in all, waiting in host calls included; those
    /// of `init` no longer than `handshake_timeout_ms`.
    callback_wait_max_ms: u64 = 30_000, 1 => HOUR_MS;
    /// How many of a plugin's callbacks may wait in host calls at once. One more is
    /// ended, and its connection with 1011.
    plugin_waiting_max: usize = 500, 1 => 100_000;
    /// How many bytes of values may pass between host and guest in one call, in the
    /// host's memory: what a callback returns, or what a host call is given. A guest
    /// that passes more is ended, and its connection with 1011.
    values_max_bytes: usize = 128 * MIB, MIB => 8 * GIB;
    /// How many commands one callback may return.
    commands_max: usize = 10_000, 1 => 1_000_000;
    /// How many bytes of frames one callback may return. One that returns more has
    /// its connection closed with 1011.
    output_max_bytes: usize = 64 * MIB, KIB => 8 * GIB;
    /// How many frames are given to a handler at once.
    frames_batch_max: usize = 64, 1 => 10_000;
    /// How many bytes of frames are given to a handler at once; a single frame
    /// may be larger.
    frames_batch_max_bytes: usize = 256 * KIB, 1 => GIB;
    /// How many bytes are read ahead while a callback runs; a message begun is
    /// read to its end.
    read_ahead_max_bytes: usize = 64 * KIB, 1 => GIB;
    /// While more bytes than this wait to be sent to a peer, nothing is read
    /// from it and its handler is not called.
    send_queue_high_bytes: usize = 64 * KIB, 1 => GIB;
    /// How many bytes may wait to be sent to a peer because of published frames.
    /// One frame of `payload_max_bytes` must have room.
    send_queue_max_bytes: usize = 4 * MIB, 1 => 2 * GIB;
    /// What happens to a peer that reads too slowly for these: it is closed with
    /// 1013, or the frames that are published while there is no room are dropped.
    /// The handler's own frames, and control frames, never are.
    slow_reader: SlowReader = SlowReader::Close, SlowReader::Close => SlowReader::Drop;
    /// How many sends, publishes and subscriptions one callback may ask for.
    effects_max: usize = 10_000, 1 => 1_000_000;
    /// How many bytes of payloads one callback may send and publish.
    effects_max_bytes: usize = 16 * MIB, 1 => GIB;
    /// The largest payload of a message or a timer, and the largest published frame.
    payload_max_bytes: usize = MIB, 1 => GIB;
    /// How many messages wait for one handler.
    mailbox_max: usize = 1_000, 1 => 1_000_000;
    /// How many bytes of messages wait for one handler. One message of
    /// `payload_max_bytes` must have room, with its topic.
    mailbox_max_bytes: usize = 4 * MIB, 1 => 2 * GIB;
    /// How many bytes of messages wait for all handlers of a plugin. What is too much
    /// is dropped, as by a mailbox that is full.
    plugin_mail_max_bytes: usize = GIB, 1 => 1 << 46;
    /// How many bytes of responses of a plugin's handlers wait to be taken by peers. A
    /// request whose response would be too much is answered with 503.
    plugin_responses_max_bytes: usize = GIB, 1 => 1 << 46;
    /// The longest name of a topic.
    topic_max_bytes: usize = 256, 1 => 64 * KIB;
    /// How many tokens, joined by `.`, the name of a topic has.
    topic_tokens_max: usize = 32, 1 => 256;
    /// How many topics and patterns one connection subscribes to, and how many topics
    /// it watches the presence on, together.
    subscriptions_max: usize = 1_000, 1 => 1_000_000;
    /// How many subscriptions all connections of a plugin have.
    plugin_subscriptions_max: usize = 10_000_000, 1 => 1_000_000_000;
    /// How many connections one connection monitors.
    monitors_max: usize = 1_000, 1 => 1_000_000;
    /// How many connections all connections of a plugin monitor.
    plugin_monitors_max: usize = 10_000_000, 1 => 1_000_000_000;
    /// How many calls of one connection wait for an answer. They count as timers, too.
    calls_max: usize = 1_000, 1 => 1_000_000;
    /// The longest name that a connection registers.
    name_max_bytes: usize = 256, 1 => 64 * KIB;
    /// How many names one connection registers.
    names_max: usize = 100, 1 => 1_000_000;
    /// How many names all connections of a plugin register.
    plugin_names_max: usize = 1_000_000, 1 => 1_000_000_000;
    /// How many topics one connection is present on.
    presences_max: usize = 100, 1 => 1_000_000;
    /// How many presences all connections of a plugin have.
    plugin_presences_max: usize = 1_000_000, 1 => 1_000_000_000;
    /// How long the metadata may be that a connection says of itself where it is
    /// present.
    presence_metadata_max_bytes: usize = KIB, 0 => 64 * KIB;
    /// How many of those present are listed in one call.
    presences_listed_max: usize = 1_000, 1 => 100_000;
    /// How many bytes the histories of a plugin's topics take: payloads, names of
    /// topics, and 128 bytes for each frame or message. Where it is used up a topic
    /// keeps less than its rule says.
    history_max_bytes: usize = 64 * MIB, 0 => 1 << 46;
    /// How many timers one connection has.
    timers_max: usize = 1_000, 1 => 1_000_000;
    /// The bytes of the payloads of one connection's timers.
    timers_max_bytes: usize = 4 * MIB, 1 => GIB;
    /// How many timers all connections of a plugin have.
    plugin_timers_max: usize = 10_000_000, 1 => 1_000_000_000;
    /// The bytes of the payloads of all timers of a plugin.
    plugin_timers_max_bytes: usize = GIB, 1 => 1 << 46;
    /// How many lines a second say of a plugin that its handler failed; more are
    /// counted, and the next line says how many.
    failure_lines_max_per_second: u32 = 20, 1 => 1_000_000;
    /// The longest line a handler logs; a longer one is cut.
    log_line_max_bytes: usize = 8 * KIB, 80 => MIB;
    /// How many lines one connection logs a second; more are dropped and counted.
    log_lines_max_per_second: u32 = 100, 1 => 1_000_000;
    /// How many lines all connections of a plugin log a second; more are dropped and
    /// counted.
    plugin_log_lines_max_per_second: u32 = 1_000, 1 => 10_000_000;
    /// Of how many callbacks a second a connection has spans, if it is traced; those that
    /// fail have one anyway.
    trace_callbacks_max_per_second: u32 = 10, 0 => 1_000_000;
    /// How many HTTP requests a plugin's connections have under way together. One
    /// more fails with `connection-limit-reached`.
    http_requests_max: usize = 100, 1 => 100_000;
    /// The time of one HTTP request, from its start to the end of the response's body.
    http_timeout_ms: u64 = 10_000, 1 => HOUR_MS;
    /// The largest body of an HTTP response.
    http_response_max_bytes: u64 = 16 * MIB as u64, 1 => 1 << 50;
    /// The longest key of a key-value store.
    key_max_bytes: usize = 512, 1 => 64 * KIB;
    /// The largest value in a key-value store.
    value_max_bytes: usize = MIB, 1 => GIB;
    /// How large a key-value store may get: its keys and values, and 128 bytes for
    /// each. One that is declared may have a limit of its own (`max_bytes`).
    key_value_max_bytes: u64 = 64 * MIB as u64, 1 => 1 << 50;
    /// How many keys are listed in one call.
    keys_listed_max: usize = 1_000, 1 => 100_000;
}

impl Config {
    /// Checks what the settings say together.
    ///
    /// # Errors
    /// [`SettingError::SendQueue`], [`SettingError::Mailbox`].
    pub fn check(&self) -> Result<(), SettingError> {
        let (queue, payload) = (self.send_queue_max_bytes, self.payload_max_bytes);
        let needed = payload + FRAME_OVERHEAD_BYTES;
        if queue < needed {
            return Err(SettingError::SendQueue { queue, payload, needed });
        }
        let (mailbox, topic) = (self.mailbox_max_bytes, self.topic_max_bytes);
        let needed = payload + topic;
        if mailbox < needed {
            return Err(SettingError::Mailbox { mailbox, payload, topic, needed });
        }
        Ok(())
    }
}

fn read<T: Value>(name: &'static str, value: &str, min: T, max: T) -> Result<T, SettingError> {
    T::read(value).filter(|read| (min..=max).contains(read)).ok_or_else(|| SettingError::Value {
        name,
        value: value.to_owned(),
        expected: T::expected(min, max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_reached_by_its_name() {
        let mut config = Config::default();
        config.set("idle_timeout_ms=500").unwrap();
        config.set("idle_timeout_max_ms = infinity").unwrap();
        config.set("memory_max_bytes=1_048_576").unwrap();
        assert_eq!(config.idle_timeout_ms, Millis::After(500));
        assert_eq!(config.memory_max_bytes, MIB);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut config = Config::default();
        let say = |config: &mut Config, text| config.set(text).unwrap_err().to_string();
        assert!(say(&mut config, "idle_timeout_ms").contains("NAME=VALUE"));
        assert!(say(&mut config, "idle_timeuot_ms=1").contains("nearest is `idle_timeout_ms`"));
        assert!(say(&mut config, "idle_timeout_ms=0").contains("at least 1, or `infinity`"));
        assert!(say(&mut config, "timers_max=many").contains("whole number from 1 to 1000000"));
        assert_eq!(config, Config::default());
    }

    #[test]
    fn a_published_frame_has_room() {
        let mut config = Config::default();
        assert_eq!(config.check(), Ok(()));
        config.set("payload_max_bytes=1000").unwrap();
        config.set("send_queue_max_bytes=1000").unwrap();
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("raise it to 1008 at least"), "{error}");
        config.set("send_queue_max_bytes=1008").unwrap();
        assert_eq!(config.check(), Ok(()));
    }

    #[test]
    fn a_message_has_room() {
        let mut config = Config::default();
        for assignment in ["payload_max_bytes=1000", "topic_max_bytes=20", "mailbox_max_bytes=1019"]
        {
            config.set(assignment).unwrap();
        }
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("raise it to 1020 at least"), "{error}");
        config.set("mailbox_max_bytes=1020").unwrap();
        assert_eq!(config.check(), Ok(()));
    }

    #[test]
    fn every_default_is_a_value_that_can_be_set() {
        let mut config = Config::default();
        for setting in settings() {
            config.set(&format!("{}={}", setting.name, setting.default)).unwrap();
            assert!(!setting.doc.is_empty(), "{} says nothing of itself", setting.name);
        }
        assert_eq!(config, Config::default());
    }
}
