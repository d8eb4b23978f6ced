//! Hosts that a plugin may send HTTP requests to.

use std::{fmt, net::Ipv6Addr, str::FromStr};

/// A host, or all those under a domain, and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpHost {
    /// In lower case, an IPv6 address without its brackets.
    name: String,
    /// Whether it is what stands before the name that is granted, and not the name.
    any_below: bool,
    /// None: the default one of the scheme.
    port: Option<u16>,
}

impl HttpHost {
    /// Whether it covers this host, given as in a URI, and port. `default_port` is
    /// the one of the request's scheme.
    #[must_use]
    pub fn covers(&self, host: &str, port: u16, default_port: u16) -> bool {
        let host = unbracketed(host).to_ascii_lowercase();
        let named = if self.any_below {
            host.strip_suffix(&self.name)
                .is_some_and(|below| below.len() > 1 && below.ends_with('.'))
        } else {
            host == self.name
        };
        named && port == self.port.unwrap_or(default_port)
    }

    /// Whether it is more than one name.
    #[must_use]
    pub fn is_many(&self) -> bool {
        self.any_below
    }
}

impl FromStr for HttpHost {
    type Err = String;

    /// `HOST`, `*.DOMAIN` or an address, and `:PORT` where it is not the default.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            Err(format!(
                "`{text}` is no host: {why}; give it as in `api.example.com`, `*.example.com` or `[::1]:8080`"
            ))
        };
        if text.contains("://") || text.contains('/') {
            return wrong("it is a URL, or has a path");
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let port = match port.map(u16::from_str) {
            Some(Err(_) | Ok(0)) => return wrong("its port is no number from 1 to 65535"),
            port => port.and_then(Result::ok),
        };
        let (any_below, name) = match host.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, unbracketed(host)),
        };
        let is_name = name.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        });
        if !is_name && (any_below || name == host || Ipv6Addr::from_str(name).is_err()) {
            return wrong("it is neither a name nor an address");
        }
        Ok(Self { name: name.to_ascii_lowercase(), any_below, port })
    }
}

impl fmt::Display for HttpHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, any_below, port } = self;
        match name {
            name if *any_below => write!(f, "*.{name}")?,
            name if name.contains(':') => write!(f, "[{name}]")?,
            name => f.write_str(name)?,
        }
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(granted: &str, host: &str, port: u16) -> bool {
        granted.parse::<HttpHost>().unwrap().covers(host, port, 443)
    }

    #[test]
    fn a_name_is_that_name_alone() {
        assert!(covers("api.example.com", "API.example.com", 443));
        for (host, port) in [
            ("api.example.com", 8443),
            ("example.com", 443),
            ("x.api.example.com", 443),
            ("api.example.com.", 443),
            ("api.example.com.evil.net", 443),
        ] {
            assert!(!covers("api.example.com", host, port), "{host}:{port}");
        }
        assert!(covers("api.example.com:8443", "api.example.com", 8443));
        assert!(!covers("api.example.com:8443", "api.example.com", 443));
    }

    #[test]
    fn what_is_below_a_domain() {
        assert!(covers("*.example.net", "a.example.net", 443));
        assert!(covers("*.example.net", "a.b.example.net", 443));
        for host in ["example.net", ".example.net", "notexample.net", "a.example.net.evil.com"] {
            assert!(!covers("*.example.net", host, 443), "{host}");
        }
    }

    #[test]
    fn addresses_are_granted_as_they_are_written() {
        assert!(covers("127.0.0.1:8080", "127.0.0.1", 8080));
        assert!(covers("[::1]:8080", "[::1]", 8080));
        assert!(!covers("localhost", "127.0.0.1", 443));
    }

    #[test]
    fn what_is_no_host_is_told() {
        for text in [
            "",
            "*",
            "https://a.com",
            "a.com/x",
            "a.com:0",
            "a:b",
            "::1",
            "a b",
            "u@a.com",
            "*.::1",
        ] {
            let error = text.parse::<HttpHost>().unwrap_err();
            assert!(error.contains("is no host"), "{error}");
        }
        for text in ["a.com", "*.a.com:8443", "[::1]:80", "127.0.0.1"] {
            assert_eq!(text.parse::<HttpHost>().unwrap().to_string(), text);
        }
    }
}
