//! The configuration in force, written as a file that says the same.

use std::{
    fmt,
    path::{Path, PathBuf, absolute},
};

use super::{
    configuration::{Configuration, PluginConfig, plugin_name},
    file::Origins,
    grants::Grants,
    keys::{Key, Shape, keys},
    layers::Layers,
    origin::{ConfigError, Origin},
    settings::{Scope, Setting, settings},
};
use crate::messaging::{Rule, Rules};

/// What is printed.
#[derive(Clone, Debug)]
pub struct Printing {
    /// Values that were not given, too.
    pub all: bool,
    /// Of one plugin all that is in force for it, and nothing of the host.
    pub alone: bool,
    /// The plugins' files.
    pub plugins: Vec<PathBuf>,
}

impl Printing {
    /// Writes it: a configuration file in which each value has a comment, where it was
    /// given. The values of variables are left out, as they may be secrets. Paths are
    /// absolute, so that it makes no difference where the file is.
    ///
    /// # Errors
    /// A plugin's own file can't be used.
    pub fn print(&self, configuration: &Configuration) -> Result<String, ConfigError> {
        let mut page = Page { text: String::new(), table: None, all: self.all };
        if !self.alone {
            page.settings(&configuration.host, |_| true);
            page.host(configuration);
            page.stores(configuration);
        }
        for wasm in &self.plugins {
            let (config, layers, origins) = configuration.layered(wasm)?;
            page.table(&["plugins", &plugin_name(wasm)]);
            page.routes(&config, &origins);
            let own = |name| layers.origins.get(name) != configuration.host.origins.get(name);
            page.settings(&layers, |setting| {
                setting.scope == Scope::Plugin && (self.alone || own(setting.name))
            });
            page.grants(&plugin_name(wasm), &config.grants, &origins);
            page.history(&plugin_name(wasm), &config.history, &origins);
        }
        Ok(page.text)
    }
}

struct Page {
    text: String,
    /// The head of a table that nothing stands in so far.
    table: Option<String>,
    all: bool,
}

impl Page {
    fn settings(&mut self, layers: &Layers, wanted: impl Fn(&Setting) -> bool) {
        for setting in settings().into_iter().filter(wanted) {
            let value = layers.values.get(setting.name);
            let value = if value.parse::<i128>().is_ok() { value } else { quoted(&value) };
            self.value(setting.name, &value, layers.origins.get(setting.name));
        }
    }

    fn host(&mut self, configuration: &Configuration) {
        self.table(&["host"]);
        for Key { name, shape, .. } in keys() {
            let (given, origin) =
                (configuration.keys().get(name), configuration.keys.origins.get(name));
            match (shape, &given[..]) {
                (Shape::List, list) => {
                    let list: Vec<String> = list.iter().map(|item| quoted(item)).collect();
                    self.value(name, &format!("[{}]", list.join(", ")), origin);
                }
                (_, []) if self.all => self.line(&format!("# {name} is not given")),
                (Shape::Boolean, [value]) => self.value(name, value, origin),
                (Shape::Path, [path]) => self.value(name, &quoted_path(path.as_ref()), origin),
                (_, given) => given.iter().for_each(|text| self.value(name, &quoted(text), origin)),
            }
        }
    }

    fn stores(&mut self, configuration: &Configuration) {
        for (name, store) in configuration.stores() {
            let origin = |key| configuration.origins.get(&format!("stores.{name}{key}"));
            self.line(&format!("\n[stores.{}]{}", bare(name), Comment(origin(""))));
            if let Some(path) = &store.path {
                self.value("path", &quoted_path(path), origin(".path"));
            }
            if let Some(max_bytes) = store.max_bytes {
                self.value("max_bytes", &max_bytes.to_string(), origin(".max_bytes"));
            }
        }
    }

    fn routes(&mut self, config: &PluginConfig, origins: &Origins) {
        if let Some(routes) = &config.routes {
            let list: Vec<String> = routes.iter().map(|route| quoted(route.as_str())).collect();
            self.value("routes", &format!("[{}]", list.join(", ")), origins.get("routes"));
        }
    }

    fn grants(&mut self, plugin: &str, grants: &Grants, origins: &Origins) {
        let Grants { environment, directories, http, key_value } = grants;
        let origin = |kind: &str, name: &str| origins.get(&format!("{kind}.{name}"));
        if *grants != Grants::default() {
            self.table(&["plugins", plugin, "grants"]);
        }
        self.list("http", http, |host| origin("http", host));
        self.list("key_value", key_value, |name| origin("key_value", name));
        if !environment.is_empty() {
            self.line("# Variables; their values are not shown.");
        }
        for name in environment.keys() {
            self.line(&format!("# {}{}", bare(name), Comment(origin("environment", name))));
        }
        if !directories.is_empty() {
            self.table(&["plugins", plugin, "grants", "directories"]);
        }
        for (guest, host) in directories {
            self.value(guest, &quoted_path(host), origin("directories", guest));
        }
    }

    fn history(&mut self, plugin: &str, history: &Rules, origins: &Origins) {
        if !history.is_empty() {
            self.table(&["plugins", plugin, "history"]);
        }
        for Rule { pattern, count, age } in history.iter() {
            let age = age.map(|age| format!(", age_ms = {}", age.as_millis()));
            let rule = format!("{{ count = {count}{} }}", age.unwrap_or_default());
            self.value(pattern, &rule, origins.get(&format!("history.{pattern}")));
        }
    }

    /// A list, each of whose items has a line.
    fn list<'a, T: fmt::Display>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        origin: impl Fn(&str) -> Option<&'a Origin>,
    ) {
        let mut items = items.into_iter().map(|item| item.to_string()).peekable();
        if items.peek().is_none() {
            return;
        }
        self.line(&format!("{name} = ["));
        for item in items {
            self.line(&format!("    {},{}", quoted(&item), Comment(origin(&item))));
        }
        self.line("]");
    }

    /// Begins a table, which is left out if nothing stands in it.
    fn table(&mut self, path: &[&str]) {
        let path: Vec<String> = path.iter().map(|part| bare(part)).collect();
        self.table = Some(format!("\n[{}]", path.join(".")));
    }

    fn value(&mut self, name: &str, value: &str, origin: Option<&Origin>) {
        if self.all || origin.is_some() {
            self.line(&format!("{} = {value}{}", bare(name), Comment(origin)));
        }
    }

    fn line(&mut self, line: &str) {
        for line in self.table.take().iter().map(String::as_str).chain([line]) {
            self.text += line;
            self.text.push('\n');
        }
    }
}

/// Where a value was given, at the end of its line.
struct Comment<'a>(Option<&'a Origin>);

impl fmt::Display for Comment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(origin) => write!(f, " # {origin}"),
            None => f.write_str(" # default"),
        }
    }
}

/// A key, in quotes where it needs them.
fn bare(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !key.is_empty() && key.bytes().all(is_bare) { key.to_owned() } else { quoted(key) }
}

/// A string: TOML's escapes are JSON's, and one more character has one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\x7f', "\\u007F")
}

fn quoted_path(path: &Path) -> String {
    quoted(&absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy())
}
