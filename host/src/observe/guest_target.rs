//! The targets of guests' lines: `guest::NAME` for each plugin, so that a filter can
//! tell plugins apart. The log's macros take nothing but constants, so what they would
//! make is made here when a plugin is first loaded, and kept for ever: a few hundred
//! bytes for each name.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
};

use tracing::{
    Event, Level, Metadata,
    callsite::{self, Callsite, Identifier},
    dispatcher,
    field::{Field, FieldSet, Value, display},
    metadata::Kind,
    subscriber::Interest,
};

use super::printable;

/// The longest name that is a target whole.
const NAME_MAX_BYTES: usize = 255;

const FIELDS: &[&str] = &["message", "plugin", "connection", "source", "dropped"];

/// The levels, the most important one last.
const LEVELS: [Level; 5] = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];

static TARGETS: Mutex<BTreeMap<String, &'static GuestTarget>> = Mutex::new(BTreeMap::new());

/// What one plugin's guests write to.
pub struct GuestTarget([&'static Place; LEVELS.len()]);

/// One line of a guest, or about its lines.
#[derive(Default)]
pub struct GuestLine<'a> {
    /// What it says.
    pub message: &'a str,
    /// The plugin.
    pub plugin: &'a str,
    /// Who wrote it; none: it is about all of the plugin's.
    pub connection: Option<&'a dyn Display>,
    /// What the guest says it is of.
    pub source: Option<&'a str>,
    /// How many lines were left out.
    pub dropped: Option<u64>,
}

/// What a macro of the log has for the place that it stands in.
struct Place {
    metadata: OnceLock<Metadata<'static>>,
    /// What the filter said when it was last set.
    interest: AtomicU8,
}

/// The filter has to be asked for each line.
const SOMETIMES: u8 = 0;
const NEVER: u8 = 1;
const ALWAYS: u8 = 2;

impl Place {
    fn leak(target: &'static str, level: Level) -> &'static Self {
        let (metadata, interest) = (OnceLock::new(), AtomicU8::new(SOMETIMES));
        let place: &'static Self = Box::leak(Box::new(Self { metadata, interest }));
        let fields = FieldSet::new(FIELDS, Identifier(place));
        let kind = Kind::EVENT;
        let metadata = Metadata::new("guest", target, level, None, None, None, fields, kind);
        place.metadata.get_or_init(|| metadata);
        callsite::register(place);
        place
    }

    fn is_read(&self) -> bool {
        match self.interest.load(Relaxed) {
            NEVER => false,
            ALWAYS => true,
            _ => dispatcher::get_default(|log| log.enabled(self.metadata())),
        }
    }
}

impl Callsite for Place {
    fn set_interest(&self, interest: Interest) {
        let interest = match interest {
            never if never.is_never() => NEVER,
            always if always.is_always() => ALWAYS,
            _ => SOMETIMES,
        };
        self.interest.store(interest, Relaxed);
    }

    fn metadata(&self) -> &Metadata<'static> {
        self.metadata.get().expect("set where it is made")
    }
}

impl GuestTarget {
    /// That of the plugin of this name.
    #[must_use]
    pub fn of(plugin: &str) -> &'static Self {
        let name = format!("guest::{}", printable(plugin, NAME_MAX_BYTES));
        let mut targets = TARGETS.lock().unwrap_or_else(PoisonError::into_inner);
        targets.entry(name).or_insert_with_key(|name| {
            let target: &'static str = name.clone().leak();
            Box::leak(Box::new(Self(LEVELS.map(|level| Place::leak(target, level)))))
        })
    }

    fn place(&self, level: Level) -> &'static Place {
        let Self([trace, debug, info, warn, error]) = self;
        match level {
            Level::TRACE => trace,
            Level::DEBUG => debug,
            Level::INFO => info,
            Level::WARN => warn,
            Level::ERROR => error,
        }
    }

    /// Whether lines of this level are written, as the filter is now.
    #[must_use]
    pub fn is_read(&self, level: Level) -> bool {
        self.place(level).is_read()
    }

    /// The least important level that is written; none: nothing is.
    #[must_use]
    pub fn max_level(&self) -> Option<Level> {
        LEVELS.into_iter().find(|level| self.is_read(*level))
    }

    /// Writes a line, if lines of its level are.
    pub fn write(&self, level: Level, line: &GuestLine<'_>) {
        let place = self.place(level);
        if !place.is_read() {
            return;
        }
        let GuestLine { message, plugin, connection, source, dropped } = line;
        let (message, plugin) = (display(message), display(plugin));
        let (connection, source) = (connection.map(display), source.map(display));
        let values: [Option<&dyn Value>; FIELDS.len()] = [
            Some(&message),
            Some(&plugin),
            connection.as_ref().map(|connection| connection as _),
            source.as_ref().map(|source| source as _),
            dropped.as_ref().map(|dropped| dropped as _),
        ];
        let fields = place.metadata().fields();
        let name = |index: usize| fields.field(FIELDS[index]).expect("it is one of them");
        let fields_of: [Field; FIELDS.len()] = std::array::from_fn(name);
        let pairs: [(&Field, Option<&dyn Value>); FIELDS.len()] =
            std::array::from_fn(|index| (&fields_of[index], values[index]));
        Event::dispatch(place.metadata(), &fields.value_set(&pairs));
    }
}

impl fmt::Debug for GuestTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.place(Level::INFO).metadata().target())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::Arc,
    };

    use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_filter_tells_plugins_apart() {
        let written = Written::default();
        let writer = written.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone());
        let filter = EnvFilter::new("off,guest=warn,guest::a-1=debug");
        let log = tracing_subscriber::registry().with(filter).with(layer);
        tracing::subscriber::with_default(log, || {
            for plugin in ["a-1", "b"] {
                let target = GuestTarget::of(plugin);
                for level in LEVELS {
                    let message = &*level.as_str().to_lowercase();
                    let line =
                        GuestLine { message, plugin, dropped: Some(1), ..Default::default() };
                    target.write(level, &line);
                }
            }
            assert_eq!(GuestTarget::of("a-1").max_level(), Some(Level::DEBUG));
            assert_eq!(GuestTarget::of("b").max_level(), Some(Level::WARN));
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let expected = "DEBUG guest::a-1: debug plugin=a-1 dropped=1
 INFO guest::a-1: info plugin=a-1 dropped=1
 WARN guest::a-1: warn plugin=a-1 dropped=1
ERROR guest::a-1: error plugin=a-1 dropped=1
 WARN guest::b: warn plugin=b dropped=1
ERROR guest::b: error plugin=b dropped=1
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_name_has_one_target() {
        assert!(std::ptr::eq(GuestTarget::of("same"), GuestTarget::of("same")));
        assert_eq!(format!("{:?}", GuestTarget::of("a\nb")), "guest::a\\nb");
    }
}
