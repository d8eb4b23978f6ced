//! A host under attack, and the memory that its settings allow it.

use wshost::{config::Config, connection::MemoryBound};
use wshost_tests::{Client, Host, HostBuilder, Mode, Raw};

/// With these little is allowed.
const TIGHT: &[&str] = &[
    "frame_size_bytes=65536",
    "frame_size_max_bytes=65536",
    "frames_batch_max=4",
    "frames_batch_max_bytes=65536",
    "read_ahead_max_bytes=16384",
    "header_max_bytes=8192",
    "send_queue_high_bytes=16384",
    "send_queue_max_bytes=65536",
    "payload_max_bytes=16384",
    "effects_max=100",
    "effects_max_bytes=65536",
    "mailbox_max=100",
    "mailbox_max_bytes=65536",
    "timers_max=10",
    "timers_max_bytes=65536",
    "subscriptions_max=10",
    "values_max_bytes=1048576",
    "output_max_bytes=1048576",
    "memory_max_bytes=2097152",
    "instances_max=8",
    "close_timeout_ms=500",
];

/// A host, and beside its attackers a client that is served all the time.
pub(super) struct Attacked {
    pub(super) host: Host,
    pub(super) good: Client,
    config: Config,
    asked: usize,
    before_bytes: usize,
}

impl Attacked {
    /// With these settings beside the tight ones.
    pub(super) async fn new(settings: &[&str]) -> Self {
        let mut config = Config::default();
        for setting in TIGHT.iter().chain(settings) {
            config.set(setting).expect("a setting");
        }
        let host = Self::builder().set_all(TIGHT).set_all(settings).start().await;
        let good = Mode::HTTP1.ask(&host).init("idle:infinity").open().await;
        host.forget_peak_memory();
        let before_bytes = host.peak_memory_bytes();
        let mut attacked = Self { host, good, config, asked: 0, before_bytes };
        attacked.serves_others().await;
        attacked
    }

    fn builder() -> HostBuilder {
        Host::of("scripted")
    }

    /// One attacker's WebSocket.
    pub(super) async fn open(&self) -> Raw {
        Mode::HTTP1.ask(&self.host).open_raw().await
    }

    /// The other client's messages are all answered.
    pub(super) async fn serves_others(&mut self) {
        for _ in 0..10 {
            self.asked += 1;
            assert_eq!(self.good.ask("count").await, format!("count {}", self.asked));
        }
    }

    /// At the end: so many attackers made the host hold no more than the settings say.
    pub(super) async fn stays_within_bounds(mut self, attackers: usize) {
        self.serves_others().await;
        let MemoryBound { peer_bytes, handler_bytes } = MemoryBound::of(&self.config);
        let instances = self.config.instances_max as usize * self.config.memory_max_bytes;
        let allowed = instances + (attackers + 1) * (peer_bytes + handler_bytes);
        let held = self.host.peak_memory_bytes().saturating_sub(self.before_bytes);
        println!("{attackers} attackers: {} KiB held, {} KiB allowed", held >> 10, allowed >> 10);
        assert!(held <= allowed, "{held} bytes are held, {allowed} are allowed");
        assert_eq!(self.host.log().lines_with(&["panicked"]), [""; 0]);
    }
}
