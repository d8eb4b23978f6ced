//! Every key of the `[host]` table, in one place: where the host listens, to whom,
//! and where it keeps what.
//!
//! One definition makes the key in the file, the variable (`WSHOST_LISTEN`), the
//! option (`--listen`) and the reference in the docs.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::ValueEnum as _;
use ipnet::IpNet;

use super::{nearest::nearest, settings::SettingError};
use crate::{
    observe::LogFormat,
    server::{AllowedOrigin, ProxyHeader},
};

/// The form of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One string.
    Text,
    /// One path; in a file it is seen from the file's directory.
    Path,
    /// Strings; in a variable they have commas between them.
    List,
    /// `true` or `false`; as an option it is there or not.
    Boolean,
}

/// What the help and the docs say of a key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name, as in the file.
    pub name: &'static str,
    /// The form of its value.
    pub shape: Shape,
    /// What can be given.
    pub expected: &'static str,
    /// What holds where it is not given: no string, one, or several.
    pub default: Vec<String>,
    /// Whether a reload changes it; else it needs a restart.
    pub live: bool,
    /// What it is for.
    pub doc: &'static str,
    check: fn(&str) -> bool,
}

impl Key {
    /// The option's name, without its dashes.
    #[must_use]
    pub fn option(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Whether this can be a value of it, or one of its list.
    #[must_use]
    pub fn takes(&self, text: &str) -> bool {
        (self.check)(text)
    }
}

macro_rules! live {
    () => {
        false
    };
    (live) => {
        true
    };
}

macro_rules! host_keys {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $expected:literal $(, $live:ident)?;)*) => {
        /// The values of the `[host]` table that are in force.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct HostKeys {
            $($(#[doc = $doc])+ pub $name: $type,)*
        }

        impl Default for HostKeys {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl HostKeys {
            /// Gives the key of this name a value: no string, one, or those of a list.
            ///
            /// # Errors
            /// An unknown name, and a value that does not parse.
            pub(super) fn give(&mut self, name: &str, given: &[String]) -> Result<&'static str, SettingError> {
                match name {
                    $(stringify!($name) => {
                        self.$name = Value::read(given).ok_or_else(|| SettingError::Value {
                            name: stringify!($name),
                            value: given.join(","),
                            expected: $expected.to_owned(),
                        })?;
                        Ok(stringify!($name))
                    })*
                    name => Err(SettingError::Unknown { name: name.to_owned(), nearest: nearest(name, NAMES) }),
                }
            }

            /// The value of this key, as [`give`](Self::give) takes it.
            pub(super) fn get(&self, name: &str) -> Vec<String> {
                match name {
                    $(stringify!($name) => self.$name.written(),)*
                    _ => Vec::new(),
                }
            }
        }

        /// The keys' names.
        pub(super) const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Describes every key, in the order of the docs.
        #[must_use]
        pub fn keys() -> Vec<Key> {
            let defaults = HostKeys::default();
            vec![$(Key {
                name: stringify!($name),
                shape: <$type as Value>::SHAPE,
                expected: $expected,
                default: defaults.$name.written(),
                live: live!($($live)?),
                doc: concat!($($doc, "\n"),+).trim(),
                check: |text| <$type as Value>::read(&[text.to_owned()]).is_some(),
            }),*]
        }
    };
}

host_keys! {
    /// Where to listen; with port 0 the system picks one.
    listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)), "ADDRESS:PORT";
    /// The certificate to serve TLS with, and those that lead to its authority (PEM).
    tls_cert: Option<PathBuf> = None, "FILE", live;
    /// The certificate's private key (PEM).
    tls_key: Option<PathBuf> = None, "FILE", live;
    /// The origins whose pages may open WebSockets, as browsers send them: as in
    /// `https://example.com`, without a path, and without the port if it is the scheme's
    /// own; or `null`. None: every origin.
    origin: Vec<AllowedOrigin> = Vec::new(), "SCHEME://HOST[:PORT]", live;
    /// The networks of proxies that are believed what they say of a client's address,
    /// as in 10.0.0.0/8.
    trust_proxy: Vec<IpNet> = Vec::new(), "NETWORK", live;
    /// The header field in which these proxies say it, and the only one read.
    proxy_header: ProxyHeader = ProxyHeader::XForwardedFor, "x-forwarded-for|forwarded", live;
    /// Connections from these proxies begin with a header of the PROXY protocol,
    /// version 1 or 2; one without it is closed. Others must send none.
    proxy_protocol: bool = false, "true or false", live;
    /// Where to tell /metrics, /healthz and /readyz, as in 127.0.0.1:9090, without
    /// a login, and /v1/, the admin interface: for a network that only the operator reaches. Without it: nowhere.
    internal: Option<SocketAddr> = None, "ADDRESS:PORT";
    /// A file whose first line is the token of the admin interface, which the listener
    /// above has under /v1/. Without it, and without WSHOST_ADMIN_TOKEN, it answers
    /// nobody.
    admin_token_file: Option<PathBuf> = None, "FILE";
    /// What to log: a level, or levels by target as in `info,guest=debug`.
    log: String = "info,async_nats=warn".into(), "FILTER", live;
    /// How lines of the log are written: `auto` is text on a terminal, else JSON.
    log_format: LogFormat = LogFormat::Auto, "auto|text|json";
    /// Where compiled code is kept between runs; without it in the user's cache, the
    /// directory `wshost`.
    cache: Option<PathBuf> = None, "DIRECTORY";
    /// Where the coldest snapshots of sleeping connections go, when those in memory
    /// take more than `spill_above_bytes`: a file without a name, which ends with the
    /// host. Without it they stay in memory.
    spill: Option<PathBuf> = None, "DIRECTORY";
    /// The NATS servers that lead to the other nodes, as URLs: `nats://HOST:4222`, or
    /// `tls://`, with `TOKEN@` or `USER:PASSWORD@` before the host where they ask for it.
    /// Without one this host is alone.
    cluster: Vec<String> = Vec::new(), "nats://HOST:PORT";
    /// What the subjects in NATS begin with: nodes with another one don't meet.
    cluster_prefix: String = "wshost".into(), "TOKEN";
    /// The credentials for NATS, a file of `nsc`'s.
    cluster_credentials: Option<PathBuf> = None, "FILE";
    /// The authorities that may have signed the NATS servers' certificates, in place of
    /// the system's (PEM). With it, nothing but TLS is spoken.
    cluster_ca: Option<PathBuf> = None, "FILE";
    /// The certificate that this host shows to NATS (PEM).
    cluster_cert: Option<PathBuf> = None, "FILE";
    /// The certificate's private key (PEM).
    cluster_key: Option<PathBuf> = None, "FILE";
    /// Where the plugins are that `wshost serve` serves.
    plugins: PathBuf = "plugins".into(), "DIRECTORY";
}

/// The key of this name.
pub(super) fn key(name: &str) -> Option<Key> {
    keys().into_iter().find(|key| key.name == name)
}

/// How a key's value is read and written.
trait Value: Sized {
    const SHAPE: Shape;
    fn read(given: &[String]) -> Option<Self>;
    fn written(&self) -> Vec<String>;
}

/// What is written as one string.
trait One: Sized {
    const SHAPE: Shape;
    fn read_one(text: &str) -> Option<Self>;
    fn write_one(&self) -> String;
}

macro_rules! one {
    ($($type:ty: $shape:ident),*) => {$(
        impl One for $type {
            const SHAPE: Shape = Shape::$shape;
            fn read_one(text: &str) -> Option<Self> {
                Self::from_str(text).ok()
            }
            fn write_one(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
one!(AllowedOrigin: Text, SocketAddr: Text, IpNet: Text, bool: Boolean);

impl One for String {
    const SHAPE: Shape = Shape::Text;
    fn read_one(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }
    fn write_one(&self) -> String {
        self.clone()
    }
}

impl One for PathBuf {
    const SHAPE: Shape = Shape::Path;
    fn read_one(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.into())
    }
    fn write_one(&self) -> String {
        Path::to_string_lossy(self).into_owned()
    }
}

impl One for ProxyHeader {
    const SHAPE: Shape = Shape::Text;
    fn read_one(text: &str) -> Option<Self> {
        Self::from_str(text, false).ok()
    }
    fn write_one(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for ProxyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        })
    }
}

impl One for LogFormat {
    const SHAPE: Shape = Shape::Text;
    fn read_one(text: &str) -> Option<Self> {
        Self::from_str(text, false).ok()
    }
    fn write_one(&self) -> String {
        self.to_string()
    }
}

impl<T: One> Value for T {
    const SHAPE: Shape = T::SHAPE;
    fn read(given: &[String]) -> Option<Self> {
        match given {
            [one] => T::read_one(one),
            _ => None,
        }
    }
    fn written(&self) -> Vec<String> {
        vec![self.write_one()]
    }
}

impl<T: One> Value for Option<T> {
    const SHAPE: Shape = T::SHAPE;
    fn read(given: &[String]) -> Option<Self> {
        match given {
            [] => Some(None),
            [one] => T::read_one(one).map(Some),
            _ => None,
        }
    }
    fn written(&self) -> Vec<String> {
        self.iter().map(T::write_one).collect()
    }
}

impl<T: One> Value for Vec<T> {
    const SHAPE: Shape = Shape::List;
    fn read(given: &[String]) -> Option<Self> {
        given.iter().map(|one| T::read_one(one)).collect()
    }
    fn written(&self) -> Vec<String> {
        self.iter().map(T::write_one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_can_be_given() {
        let mut host = HostKeys::default();
        for key in keys() {
            host.give(key.name, &key.default).unwrap();
            assert!(key.doc.ends_with('.'), "{} is not described", key.name);
        }
        assert_eq!(host, HostKeys::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut host = HostKeys::default();
        let mut say = |name, value: &str| host.give(name, &[value.into()]).unwrap_err().to_string();
        assert_eq!(say("listen", "8080"), "`8080` is no value for `listen`: give ADDRESS:PORT");
        assert!(say("proxy_protocol", "yes").contains("`proxy_protocol`"));
        assert!(say("proxy_header", "via").contains("`proxy_header`"));
        assert!(say("lisen", "").contains("nearest is `listen`"));
        assert_eq!(host, HostKeys::default());
    }
}
