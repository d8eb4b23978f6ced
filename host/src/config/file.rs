//! Configuration files: TOML, of which each value is known by its line.

use std::{
    borrow::Cow, collections::BTreeMap, fmt, fs, io, ops::Range, path::Path, sync::Arc,
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    grants::{Grants, StoreConfig, store_name},
    keys::{self, HostKeys, Shape, key},
    nearest::nearest,
    origin::{ConfigError, Origin},
    settings::{Config, NAMES, Scope, scope},
};
use crate::{
    messaging::{Rule, subject::check_pattern},
    server::routes::Pattern,
};

/// A setting as it was given: known, and valid by itself.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) origin: Origin,
}

/// A key of the `[host]` table as it was given: known, and valid by itself.
#[derive(Clone, Debug)]
pub(super) struct KeyAssignment {
    pub(super) name: String,
    pub(super) given: Vec<String>,
    pub(super) origin: Origin,
}

/// Where things were given that are no settings, by their dotted names.
pub(super) type Origins = BTreeMap<String, Origin>;

/// What the host's file has.
#[derive(Clone, Debug, Default)]
pub(super) struct HostTable {
    pub(super) keys: Vec<KeyAssignment>,
    pub(super) settings: Vec<Assignment>,
    pub(super) stores: BTreeMap<String, StoreConfig>,
    /// Of the stores' keys, and of the plugins' tables.
    pub(super) origins: Origins,
    pub(super) plugins: BTreeMap<String, PluginTable>,
}

/// What is given for one plugin.
#[derive(Clone, Debug, Default)]
pub(super) struct PluginTable {
    pub(super) settings: Vec<Assignment>,
    pub(super) grants: Grants,
    /// None: they are not given here.
    pub(super) routes: Option<Vec<Pattern>>,
    /// Of grants, routes and histories.
    pub(super) origins: Origins,
    /// Which topics have a history.
    pub(super) history: Vec<Rule>,
}

type Result<T> = std::result::Result<T, ConfigError>;
type Value<'a> = Spanned<DeValue<'a>>;

/// Reads the host's file.
pub(super) fn host(path: &Path) -> Result<HostTable> {
    let path = Arc::from(path);
    let text = fs::read_to_string(&path)
        .map_err(|error| ConfigError::Read { path: Arc::clone(&path), error })?;
    let file = File { path, text: &text };
    file.host(&file.parse()?)
}

/// Reads a plugin's own file. None: there is none.
pub(super) fn plugin(path: &Path) -> Result<Option<PluginTable>> {
    let path = Arc::from(path);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfigError::Read { path, error }),
    };
    let file = File { path, text: &text };
    file.plugin(&file.parse()?).map(Some)
}

struct File<'a> {
    path: Arc<Path>,
    text: &'a str,
}

impl<'a> File<'a> {
    fn parse(&self) -> Result<DeTable<'a>> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().unwrap_or_default();
            self.wrong(at, error.message())
        })?;
        Ok(table.into_inner())
    }

    fn host(&self, table: &DeTable<'_>) -> Result<HostTable> {
        let mut read = HostTable::default();
        for (key, value) in table {
            match &**key.get_ref() {
                "host" => {
                    for (key, value) in self.table(key, value)? {
                        read.keys.push(self.key(key, value)?);
                    }
                }
                "stores" => {
                    for (name, store) in self.table(key, value)? {
                        let config = self.store(name, store, &mut read.origins)?;
                        read.stores.insert(name.get_ref().clone().into_owned(), config);
                    }
                }
                "plugins" => {
                    for (name, plugin) in self.table(key, value)? {
                        let plugin = self.plugin(self.table(name, plugin)?)?;
                        let name_text = name.get_ref().clone().into_owned();
                        let origin = self.origin(name.span());
                        read.origins.insert(format!("plugins.{name_text}"), origin);
                        read.plugins.insert(name_text, plugin);
                    }
                }
                _ => {
                    read.settings.push(self.setting(key, value, &["host", "plugins", "stores"])?);
                }
            }
        }
        Ok(read)
    }

    /// A key of the `[host]` table.
    fn key(&self, name: &Key<'_>, value: &Value<'_>) -> Result<KeyAssignment> {
        let Some(key) = key(name.get_ref()) else {
            return Err(self.unknown(name, "key of `host`", keys::NAMES));
        };
        let given = match (key.shape, value.get_ref()) {
            (Shape::Text, _) => vec![self.string(name, value)?.to_owned()],
            (Shape::Path, _) => {
                let path = self.beside(self.string(name, value)?);
                vec![path.to_string_lossy().into_owned()]
            }
            (Shape::List, _) => {
                let mut list = Vec::new();
                self.strings(name, value, |text| {
                    let good = key.takes(text);
                    list.push(text.to_owned());
                    good.then_some(()).ok_or_else(|| {
                        format!("`{text}` is no value for `{}`: give {}", key.name, key.expected)
                    })
                })?;
                list
            }
            (Shape::Boolean, DeValue::Boolean(value)) => vec![value.to_string()],
            (Shape::Boolean, other) => {
                return Err(self.other_type(value, key.name, "true or false", other));
            }
        };
        let checked = HostKeys::default().give(key.name, &given);
        checked.map_err(|error| self.wrong(value.span(), error))?;
        let origin = self.origin(value.span());
        Ok(KeyAssignment { name: key.name.to_owned(), given, origin })
    }

    fn plugin(&self, table: &DeTable<'_>) -> Result<PluginTable> {
        let mut read = PluginTable::default();
        for (key, value) in table {
            match &**key.get_ref() {
                "grants" => {
                    read.grants = self.grants(self.table(key, value)?, &mut read.origins)?;
                }
                "history" => {
                    for (pattern, rule) in self.table(key, value)? {
                        read.history.push(self.rule(pattern, rule)?);
                        let name = format!("history.{}", pattern.get_ref());
                        read.origins.insert(name, self.origin(pattern.span()));
                    }
                }
                "routes" => {
                    read.origins.insert("routes".into(), self.origin(key.span()));
                    let mut routes = Vec::new();
                    self.strings(key, value, |text| {
                        routes.push(Pattern::parse(text).map_err(|error| error.to_string())?);
                        Ok(())
                    })?;
                    read.routes = Some(routes);
                }
                name if scope(name) == Some(Scope::Host) => {
                    let problem = format!(
                        "`{name}` is the whole host's, and no plugin's: give it at the top of the \
                         configuration file (--config) or by `--set`"
                    );
                    return Err(self.wrong(key.span(), problem));
                }
                _ => read.settings.push(self.setting(
                    key,
                    value,
                    &["grants", "history", "routes"],
                )?),
            }
        }
        Ok(read)
    }

    /// A setting. `tables` are what else may stand where it does.
    fn setting(&self, key: &Key<'_>, value: &Value<'_>, tables: &[&str]) -> Result<Assignment> {
        let name: &str = key.get_ref();
        if scope(name).is_none() {
            let known = [NAMES, tables].concat();
            return Err(self.unknown(key, "setting and no table", &known));
        }
        let value_text = match value.get_ref() {
            DeValue::Integer(number) => self.integer(value, name, number)?.to_string(),
            DeValue::String(text) if text.parse::<i128>().is_ok() => {
                let problem = format!("a number has no quotes: give `{name} = {text}`");
                return Err(self.wrong(value.span(), problem));
            }
            DeValue::String(text) => text.clone().into_owned(),
            other => return Err(self.other_type(value, name, "a number or a word", other)),
        };
        Config::default()
            .give(name, &value_text)
            .map_err(|error| self.wrong(value.span(), error))?;
        let origin = self.origin(value.span());
        Ok(Assignment { name: name.to_owned(), value: value_text, origin })
    }

    fn store(
        &self,
        name: &Key<'_>,
        value: &Value<'_>,
        origins: &mut Origins,
    ) -> Result<StoreConfig> {
        store_name(name.get_ref()).map_err(|error| self.wrong(name.span(), error))?;
        let mut store = StoreConfig::default();
        origins.insert(format!("stores.{}", name.get_ref()), self.origin(name.span()));
        for (key, value) in self.table(name, value)? {
            let dotted = format!("stores.{}.{}", name.get_ref(), key.get_ref());
            origins.insert(dotted, self.origin(value.span()));
            match &**key.get_ref() {
                "path" => store.path = Some(self.beside(self.string(key, value)?)),
                "max_bytes" => store.max_bytes = Some(self.number(key, value)?),
                _ => return Err(self.unknown(key, "key of a store", &["path", "max_bytes"])),
            }
        }
        Ok(store)
    }

    /// How much history the topics of a pattern have.
    fn rule(&self, pattern: &Key<'_>, value: &Value<'_>) -> Result<Rule> {
        let name: &str = pattern.get_ref();
        check_pattern(name)
            .map_err(|error| self.wrong(pattern.span(), format!("`{name}`: {error}")))?;
        let (mut count, mut age) = (None, None);
        for (key, value) in self.table(pattern, value)? {
            match &**key.get_ref() {
                "count" => {
                    count = usize::try_from(self.number(key, value)?).ok();
                }
                "age_ms" => age = Some(Duration::from_millis(self.number(key, value)?)),
                _ => return Err(self.unknown(key, "key of a history", &["count", "age_ms"])),
            }
        }
        let count = count.ok_or_else(|| {
            let problem = format!("the history of `{name}` has no `count`: how many to keep");
            self.wrong(pattern.span(), problem)
        })?;
        Ok(Rule { pattern: name.into(), count, age })
    }

    fn grants(&self, table: &DeTable<'_>, origins: &mut Origins) -> Result<Grants> {
        let mut grants = Grants::default();
        for (key, value) in table {
            self.note(key, value, origins);
            match &**key.get_ref() {
                "environment" => {
                    self.pairs(key, value, |name, value| grants.add_variable(name, value))
                }
                "directories" => self.pairs(key, value, |guest, host| {
                    grants.add_directory(guest, self.beside(host))
                }),
                "http" => self.strings(key, value, |host| grants.add_http(host)),
                "key_value" => self.strings(key, value, |name| grants.add_store(name)),
                _ => Err(self.unknown(key, "grant", &Grants::NAMES)),
            }?;
        }
        Ok(grants)
    }

    /// Notes where each grant of this kind stands. What is none is told of elsewhere.
    fn note(&self, kind: &Key<'_>, value: &Value<'_>, origins: &mut Origins) {
        let mut at = |name: &str, span| {
            origins.insert(format!("{}.{name}", kind.get_ref()), self.origin(span));
        };
        match value.get_ref() {
            DeValue::Table(table) => {
                table.iter().for_each(|(name, _)| at(name.get_ref(), name.span()));
            }
            DeValue::Array(list) => list.iter().for_each(|item| {
                if let DeValue::String(text) = item.get_ref() {
                    at(text, item.span());
                }
            }),
            _ => {}
        }
    }

    /// Each string of a list.
    fn strings(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
        mut add: impl FnMut(&str) -> std::result::Result<(), String>,
    ) -> Result<()> {
        let DeValue::Array(list) = value.get_ref() else {
            return Err(self.other_type(
                value,
                key.get_ref(),
                "a list of strings",
                value.get_ref(),
            ));
        };
        for item in list {
            add(self.string(key, item)?).map_err(|error| self.wrong(item.span(), error))?;
        }
        Ok(())
    }

    /// Each name of a table, and its string.
    fn pairs(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
        mut add: impl FnMut(&str, &str) -> std::result::Result<(), String>,
    ) -> Result<()> {
        for (name, value) in self.table(key, value)? {
            let added = add(name.get_ref(), self.string(name, value)?);
            added.map_err(|error| self.wrong(name.span(), error))?;
        }
        Ok(())
    }

    fn table<'v>(&self, key: &Key<'_>, value: &'v Value<'a>) -> Result<&'v DeTable<'a>> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            other => Err(self.other_type(value, key.get_ref(), "a table", other)),
        }
    }

    fn string<'v>(&self, key: &Key<'_>, value: &'v Value<'_>) -> Result<&'v str> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text),
            other => Err(self.other_type(value, key.get_ref(), "a string", other)),
        }
    }

    fn number(&self, key: &Key<'_>, value: &Value<'_>) -> Result<u64> {
        let DeValue::Integer(number) = value.get_ref() else {
            return Err(self.other_type(value, key.get_ref(), "a number", value.get_ref()));
        };
        let number = self.integer(value, key.get_ref(), number)?;
        u64::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| self.wrong(value.span(), format!("`{}` is at least 1", key.get_ref())))
    }

    fn integer(
        &self,
        value: &Value<'_>,
        name: &str,
        number: &toml::de::DeInteger<'_>,
    ) -> Result<i128> {
        i128::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| self.wrong(value.span(), format!("`{name}` is beyond all numbers")))
    }

    /// A path of the file's, seen from where the host runs.
    fn beside(&self, path: &str) -> std::path::PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    fn unknown(&self, key: &Key<'_>, what: &str, known: &[&str]) -> ConfigError {
        let name = key.get_ref();
        let near = nearest(name, known);
        self.wrong(key.span(), format!("no {what} is named `{name}`; the nearest is `{near}`"))
    }

    fn other_type(
        &self,
        at: &Value<'_>,
        name: &str,
        wanted: &str,
        found: &DeValue<'_>,
    ) -> ConfigError {
        let found = found.type_str();
        self.wrong(at.span(), format!("`{name}` is {wanted}, and here is {found}"))
    }

    fn wrong(&self, span: Range<usize>, problem: impl fmt::Display) -> ConfigError {
        ConfigError::at(self.origin(span), problem)
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        Origin::File { path: Arc::clone(&self.path), line }
    }
}

type Key<'a> = Spanned<Cow<'a, str>>;
