//! What one connection can make the host hold, by the settings.
//!
//! Beside it are the instances that are awake (`instances_max` of them, of
//! `memory_max_bytes` each) and the snapshots of the others (`snapshots_max_bytes`
//! for all), and what the system has for a socket.

use super::buffers::READ_MAX_BYTES;
use crate::config::Config;

/// The connection, its tasks, its mailbox, its entry among the others, the sandbox's
/// ledger: 2 KiB awake, and what an allocator rounds up.
const ITSELF_BYTES: usize = 4 * 1024;
/// What rustls has for a connection: records both ways, and its state.
const TLS_BYTES: usize = 64 * 1024;
/// What HTTP/2 has for a stream: what it lets the peer send, and what it lets wait.
const STREAM_BYTES: usize = 2 * 64 * 1024;
/// An inflater, and the window that is taken over.
const INFLATING_BYTES: usize = 96 * 1024;
/// A compressor of the largest window and memory level.
const DEFLATING_BYTES: usize = 480 * 1024;
/// What a list takes for an entry, beside the bytes that are counted.
const ENTRY_BYTES: usize = 128;

/// The most that one connection can make the host hold, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBound {
    /// What its peer can do by itself, whatever it sends and however it reads.
    pub peer_bytes: usize,
    /// What its handler can do beside.
    pub handler_bytes: usize,
}

impl MemoryBound {
    /// By these settings.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let peer =
            [ITSELF_BYTES, TLS_BYTES, STREAM_BYTES, head(config), reading(config), writing(config)];
        let handler = [
            DEFLATING_BYTES,
            // What one callback returns, and the frames that it is.
            config.values_max_bytes + config.output_max_bytes,
            config.effects_max_bytes + config.effects_max * ENTRY_BYTES,
            config.mailbox_max_bytes + config.mailbox_max * ENTRY_BYTES,
            config.timers_max_bytes + config.timers_max * ENTRY_BYTES,
            config.calls_max * ENTRY_BYTES,
            config.subscriptions_max * (config.topic_max_bytes + 2 * ENTRY_BYTES),
            2 * config.monitors_max * ENTRY_BYTES,
            config.names_max * (config.name_max_bytes + 2 * ENTRY_BYTES),
            config.presences_max
                * (config.topic_max_bytes + config.presence_metadata_max_bytes + 2 * ENTRY_BYTES),
            // Lines begun, of its two streams.
            2 * config.log_line_max_bytes,
        ];
        let sum =
            |parts: &[usize]| parts.iter().fold(0, |sum: usize, part| sum.saturating_add(*part));
        Self { peer_bytes: sum(&peer), handler_bytes: sum(&handler) }
    }
}

/// A request's head: as it came, and taken apart.
fn head(config: &Config) -> usize {
    2 * config.header_max_bytes + config.headers_max * ENTRY_BYTES
}

/// What was read: a buffer that is read into and one whose messages the handler is
/// given, the message that is under way (as it grows there are two of it), and the
/// messages that wait and those the handler is given, the last of which may be over
/// the limit for a batch.
fn reading(config: &Config) -> usize {
    let message = config.frame_size_max_bytes;
    let batch = config.frames_batch_max_bytes + message + config.frames_batch_max * ENTRY_BYTES;
    2 * READ_MAX_BYTES as usize + 2 * message + INFLATING_BYTES + 2 * batch
}

/// What waits to be written: what is allowed, the pongs of one read, and published
/// frames; twice, as the list of them grows.
fn writing(config: &Config) -> usize {
    let pongs = READ_MAX_BYTES as usize;
    2 * (config.send_queue_high_bytes + pongs + config.send_queue_max_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_bound_what_a_connection_holds() {
        let bound = MemoryBound::of(&Config::default());
        let mut config = Config::default();
        config.set("frame_size_max_bytes=1000").unwrap();
        config.set("mailbox_max_bytes=2000000").unwrap();
        let small = MemoryBound::of(&config);
        assert!(small.peer_bytes < bound.peer_bytes && small.peer_bytes > 512 * 1024);
        assert!(small.handler_bytes < bound.handler_bytes);
    }
}
