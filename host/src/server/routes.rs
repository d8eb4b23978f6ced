//! Which plugin serves a request: routes by host and path.

use std::collections::HashMap;

use matchit::{InsertError, Router};
use percent_encoding::percent_decode_str;
use thiserror::Error;

/// A route: `[HOST]/PATH`. The host may be `*.` and a domain, for all below it. In
/// the path, `{name}` binds a segment, and `/*` at the end stands for everything
/// below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    host: Host,
    /// As the router reads it.
    path: String,
    /// Whether everything below the path is meant as well.
    below: bool,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    Exactly(String),
    /// The domain, with the dot before it.
    Below(String),
}

/// What the router calls all that is below. No route can have a parameter of this name.
const BELOW: &str = "#";

/// Why a pattern or a table of routes can't be.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RouteError {
    /// The pattern is not one.
    #[error("`{pattern}` is no route: {why}")]
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// Two plugins want the same requests.
    #[error(
        "`{first}` serves `{first_pattern}` and `{second}` serves `{second_pattern}`: both are for some requests, and neither goes first; give one of them other routes"
    )]
    Conflict {
        /// A plugin.
        first: String,
        /// Its route.
        first_pattern: String,
        /// The other.
        second: String,
        /// Its route.
        second_pattern: String,
    },
}

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// [`RouteError::Pattern`].
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        let wrong = |why: &str| RouteError::Pattern { pattern: text.into(), why: why.into() };
        let slash = text.find('/').ok_or_else(|| wrong("a path begins with `/`"))?;
        let (host, path) = text.split_at(slash);
        let host = host.to_ascii_lowercase();
        let valid = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte))
        };
        let host = match host.strip_prefix('*') {
            _ if host.is_empty() => Host::Any,
            Some(domain) if domain.starts_with('.') && valid(&domain[1..]) => {
                Host::Below(domain.to_owned())
            }
            None if valid(&host) => Host::Exactly(host),
            _ => return Err(wrong("its host is a name, or `*.` and a domain")),
        };
        if name_of(&text[..slash]).len() < slash {
            return Err(wrong("it is for its host whatever the port: leave the port out"));
        }
        let (path, below) = match path.strip_suffix("/*") {
            Some(path) => (path, true),
            None => (path, false),
        };
        if path.contains(['*', '?', '#']) {
            return Err(wrong(
                "`*` stands for all that is below, as `/*` at the end; `?` and `#` are no part of a path",
            ));
        }
        let pattern = Self { host, path: path.to_owned(), below, text: text.to_owned() };
        // Whether its braces are right is the router's to say.
        let mut router = Router::new();
        for path in pattern.paths() {
            router.insert(path, ()).map_err(|error| wrong(&error.to_string()))?;
        }
        Ok(pattern)
    }

    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Of any host and path.
    #[must_use]
    pub fn everything() -> Self {
        Self { host: Host::Any, path: String::new(), below: true, text: "/*".to_owned() }
    }

    /// What the router is told.
    fn paths(&self) -> Vec<String> {
        let path = &self.path;
        if !self.below {
            return vec![path.clone()];
        }
        // A `{*…}` matches one character at least.
        let mut paths = vec![format!("{path}/"), format!("{path}/{{*{BELOW}}}")];
        if !path.is_empty() {
            paths.push(path.clone());
        }
        paths
    }
}

/// All routes, to what serves them.
#[derive(Clone, Debug)]
pub struct Routes<T> {
    /// What plugin, by which pattern.
    targets: Vec<Target<T>>,
    any: Router<usize>,
    exactly: HashMap<String, Router<usize>>,
    /// The longest domains first.
    below: Vec<(String, Router<usize>)>,
}

#[derive(Clone, Debug)]
struct Target<T> {
    plugin: String,
    pattern: String,
    serves: T,
}

/// A request's route.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<'a, T> {
    /// What serves it.
    pub serves: &'a T,
    /// What the pattern bound, in its order, percent-decoded.
    pub parameters: Vec<(String, String)>,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self { targets: Vec::new(), any: Router::new(), exactly: HashMap::new(), below: Vec::new() }
    }
}

impl<T> Routes<T> {
    /// Has a plugin serve a pattern.
    ///
    /// # Errors
    /// [`RouteError::Conflict`]; the table is of no more use then.
    pub fn add(&mut self, plugin: &str, pattern: &Pattern, serves: T) -> Result<(), RouteError> {
        let index = self.targets.len();
        let target = Target { plugin: plugin.to_owned(), pattern: pattern.text.clone(), serves };
        self.targets.push(target);
        let router = match &pattern.host {
            Host::Any => &mut self.any,
            Host::Exactly(host) => self.exactly.entry(host.clone()).or_default(),
            Host::Below(domain) => below(&mut self.below, domain),
        };
        for path in pattern.paths() {
            if let Err(error) = router.insert(&path, index) {
                let other = match &error {
                    InsertError::Conflict { with } => {
                        router.at(with).ok().map(|found| *found.value)
                    }
                    _ => None,
                };
                return Err(self.conflict(other, index));
            }
        }
        Ok(())
    }

    fn conflict(&self, first: Option<usize>, second: usize) -> RouteError {
        let second = &self.targets[second];
        match first.map(|first| &self.targets[first]) {
            Some(first) => RouteError::Conflict {
                first: first.plugin.clone(),
                first_pattern: first.pattern.clone(),
                second: second.plugin.clone(),
                second_pattern: second.pattern.clone(),
            },
            None => RouteError::Pattern {
                pattern: second.pattern.clone(),
                why: "another route has the same place with another name".into(),
            },
        }
    }

    /// Who serves a request to this host (as the client names it) and path. An exact
    /// host goes before a domain, and that before routes of any host.
    pub fn find(&self, host: Option<&str>, path: &str) -> Option<Found<'_, T>> {
        let host = host.map(|host| name_of(host).to_ascii_lowercase());
        let exactly = host.as_ref().and_then(|host| self.exactly.get(host));
        let below = self.below.iter().filter(|(domain, _)| {
            host.as_ref().is_some_and(|host| host.ends_with(domain.as_str()))
        });
        let mut routers =
            exactly.into_iter().chain(below.map(|(_, router)| router)).chain([&self.any]);
        routers.find_map(|router| {
            let found = router.at(path).ok()?;
            let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            let parameters = found.params.iter();
            let parameters = parameters.filter(|(name, _)| *name != BELOW);
            Some(Found {
                serves: &self.targets[*found.value].serves,
                parameters: parameters
                    .map(|(name, value)| (name.to_owned(), decode(value)))
                    .collect(),
            })
        })
    }
}

/// The router of a domain; longer ones stand first.
fn below<'a>(routers: &'a mut Vec<(String, Router<usize>)>, domain: &str) -> &'a mut Router<usize> {
    let at = match routers.iter().position(|(of, _)| of == domain) {
        Some(at) => at,
        None => {
            let at = routers.partition_point(|(of, _)| of.len() >= domain.len());
            routers.insert(at, (domain.to_owned(), Router::new()));
            at
        }
    };
    &mut routers[at].1
}

/// An authority without its port.
fn name_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(of: &[(&str, &str)]) -> Result<Routes<String>, RouteError> {
        let mut routes = Routes::default();
        for (plugin, pattern) in of {
            routes.add(plugin, &Pattern::parse(pattern)?, (*plugin).to_owned())?;
        }
        Ok(routes)
    }

    fn serves<'a>(routes: &'a Routes<String>, host: &str, path: &str) -> Option<&'a str> {
        routes.find(Some(host), path).map(|found| &**found.serves)
    }

    #[test]
    fn a_name_serves_its_path_and_below() {
        let routes = routes(&[("chat", "/chat/*"), ("echo", "/echo/*")]).unwrap();
        for path in ["/chat", "/chat/", "/chat/a/b", "/chat/%2f"] {
            assert_eq!(serves(&routes, "x", path), Some("chat"), "{path}");
        }
        for path in ["/", "/chatter", "/Chat", "", "chat"] {
            assert_eq!(serves(&routes, "x", path), None, "{path}");
        }
    }

    #[test]
    fn everything_is_served_by_one() {
        let routes = routes(&[("chat", "/*")]).unwrap();
        for path in ["/", "/a", "/a/b", "//"] {
            assert_eq!(serves(&routes, "x", path), Some("chat"), "{path}");
        }
    }

    #[test]
    fn the_nearest_host_goes_first() {
        let routes = routes(&[
            ("any", "/*"),
            ("domain", "*.example.com/*"),
            ("deeper", "*.eu.example.com/*"),
            ("host", "chat.example.com/*"),
        ])
        .unwrap();
        assert_eq!(serves(&routes, "Chat.Example.com:8080", "/"), Some("host"));
        assert_eq!(serves(&routes, "a.example.com", "/"), Some("domain"));
        assert_eq!(serves(&routes, "a.eu.example.com", "/"), Some("deeper"));
        assert_eq!(serves(&routes, "example.com", "/"), Some("any"));
        assert_eq!(serves(&routes, "[::1]:8080", "/"), Some("any"));
        assert_eq!(routes.find(None, "/").map(|found| &**found.serves), Some("any"));
    }

    #[test]
    fn parameters_are_bound_and_decoded() {
        let routes = routes(&[("chat", "/rooms/{room}/{seat}"), ("all", "/*")]).unwrap();
        let found = routes.find(None, "/rooms/caf%C3%A9/7").unwrap();
        assert_eq!(found.serves, "chat");
        let bound = [("room".into(), "café".into()), ("seat".into(), "7".into())];
        assert_eq!(found.parameters, bound);
        assert_eq!(routes.find(None, "/rooms/a").unwrap().parameters, []);
        assert_eq!(serves(&routes, "x", "/rooms/a/b/c"), Some("all"));
        let routes = self::routes(&[("deep", "[::1]/{below}/*")]).unwrap();
        let found = routes.find(Some("[::1]:8080"), "/a/b/c").unwrap();
        assert_eq!(found.parameters, [("below".into(), "a".into())]);
    }

    #[test]
    fn two_that_want_the_same_are_named() {
        let error = routes(&[("chat", "/a/{x}"), ("echo", "/a/{y}")]).unwrap_err().to_string();
        for part in ["chat", "echo", "/a/{x}", "/a/{y}"] {
            assert!(error.contains(part), "{error}");
        }
        let error = routes(&[("chat", "/a/*"), ("echo", "/a")]).unwrap_err().to_string();
        assert!(error.contains("chat") && error.contains("echo"), "{error}");
        assert!(routes(&[("chat", "h/a"), ("echo", "/a")]).is_ok());
    }

    #[test]
    fn what_is_no_route_is_said() {
        for (pattern, says) in [
            ("chat", "begins with `/`"),
            ("/a/*/b", "at the end"),
            ("/a?b", "no part of a path"),
            ("/{#}", "no part of a path"),
            ("example.com:8080/*", "leave the port out"),
            ("*.example.com:8080/x", "leave the port out"),
            ("[::1]:8080/x", "leave the port out"),
            ("a b/x", "a name"),
            ("*example.com/x", "a name"),
            ("/a/{", "`/a/{` is no route"),
            ("/{}/x", "is no route"),
        ] {
            let error = Pattern::parse(pattern).unwrap_err().to_string();
            assert!(error.contains(says), "{pattern}: {error}");
        }
    }
}
