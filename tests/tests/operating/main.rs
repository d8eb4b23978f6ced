//! What docs/operating.md promises: configuration from everywhere, reloads, going
//! down, and what is agreed on with systemd.

mod configuration;
mod directory;
mod reload;
mod shutdown;
mod systemd;

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use wshost_tests::{Client, Host, HostBuilder, Mode, guest};

/// A directory with plugins and a configuration file.
struct Site(TempDir);

impl Site {
    fn new(configuration: &str, guests: &[&str]) -> Self {
        let site = Self(TempDir::new().expect("there is room for a directory"));
        fs::create_dir(site.plugins()).expect("it is new");
        site.configure(configuration);
        for name in guests {
            site.put(&format!("plugins/{name}.wasm"), fs::read(guest(name)).expect("it is built"));
        }
        site
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn plugins(&self) -> PathBuf {
        self.path().join("plugins")
    }

    fn file(&self) -> String {
        self.path().join("wshost.toml").to_str().expect("a path in UTF-8").to_owned()
    }

    fn configure(&self, configuration: &str) {
        self.put("wshost.toml", configuration);
    }

    /// Puts bytes in the place of a file at once.
    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let new = self.path().join(".new");
        fs::write(&new, bytes).expect("there is room");
        fs::rename(new, self.path().join(name)).expect("its directory is there");
    }

    fn host(&self) -> HostBuilder {
        Host::of_directory(&self.plugins()).argument("--config").argument(&self.file())
    }
}

async fn open(host: &Host, path: &str) -> Client {
    Mode::HTTP1.ask(host).target(path).open().await
}

async fn refused(host: &Host, path: &str) -> u16 {
    Mode::HTTP1.ask(host).target(path).refused().await.status
}
