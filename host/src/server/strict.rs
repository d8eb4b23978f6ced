//! What hyper lets pass of HTTP/1 and RFC 9112 forbids: requests that a proxy may
//! read otherwise than we do, which is how requests are smuggled past it.
//!
//! The rest is hyper's: it refuses other lengths than one, other codings than a
//! last `chunked`, folded fields and spaces before colons, and ends the connection
//! where there are both a length and a coding.

use hyper::{
    Method, Version,
    header::{HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING},
    http::{request::Parts, uri::Authority},
};
use thiserror::Error;

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum Ambiguous {
    /// Neither a path nor a whole URI (RFC 9112, 3.2).
    #[error("the request's target must be a path or an absolute URI")]
    Target,
    /// Not one, or none that can be (RFC 9112, 3.2).
    #[error("an HTTP/1.1 request has one Host header, of the form HOST or HOST:PORT")]
    Host,
    /// Something else than `chunked`, once (RFC 9112, 6.1).
    #[error("the only Transfer-Encoding taken is `chunked`, once")]
    TransferEncoding,
}

/// Checks a request that hyper took.
pub(super) fn check(parts: &Parts) -> Result<(), Ambiguous> {
    if !matches!(parts.version, Version::HTTP_10 | Version::HTTP_11) {
        return Ok(());
    }
    if !is_target(parts) {
        return Err(Ambiguous::Target);
    }
    if !names_one_host(parts.version, &parts.headers) {
        return Err(Ambiguous::Host);
    }
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if codings.next().is_some_and(|coding| !chunked(coding)) || codings.next().is_some() {
        return Err(Ambiguous::TransferEncoding);
    }
    Ok(())
}

fn is_target(Parts { method, uri, .. }: &Parts) -> bool {
    match *method {
        // Refused as a tunnel.
        Method::CONNECT => true,
        Method::OPTIONS if uri.path() == "*" => true,
        _ => uri.path().starts_with('/'),
    }
}

/// HTTP/1.0 may do without. An empty one is for a target without a host.
fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.is_empty() || is_host(host.as_bytes()),
        (None, _) => version == Version::HTTP_10,
        (Some(_), Some(_)) => false,
    }
}

fn is_host(host: &[u8]) -> bool {
    !host.contains(&b'@') && Authority::try_from(host).is_ok()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn check_of(method: &str, target: &str, headers: &[(&str, &str)]) -> Result<(), Ambiguous> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn targets_are_paths_or_uris() {
        let host = [("host", "x")];
        for (method, target) in [
            ("GET", "/"),
            ("GET", "/a?b"),
            ("GET", "http://y/a"),
            ("OPTIONS", "*"),
            ("CONNECT", "y:1"),
        ] {
            assert_eq!(check_of(method, target, &host), Ok(()), "{method} {target}");
        }
        for (method, target) in [("GET", "*"), ("GET", "y:1"), ("GET", "y"), ("OPTIONS", "y")] {
            assert_eq!(
                check_of(method, target, &host),
                Err(Ambiguous::Target),
                "{method} {target}"
            );
        }
    }

    #[test]
    fn there_is_one_host() {
        for host in ["", "x", "x:80", "[::1]:80", "127.0.0.1"] {
            assert_eq!(check_of("GET", "/", &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["a b", "a/b", "a@b", "a, b", "http://a", "a#b", "a?b"] {
            assert_eq!(check_of("GET", "/", &[("host", host)]), Err(Ambiguous::Host), "{host}");
        }
        for hosts in [&[][..], &[("host", "x"), ("host", "x")]] {
            assert_eq!(check_of("GET", "/", hosts), Err(Ambiguous::Host));
        }
    }

    #[test]
    fn chunked_stands_alone_and_once() {
        let of = |codings: &[&str]| {
            let codings = codings.iter().map(|coding| ("transfer-encoding", *coding));
            check_of("POST", "/", &[("host", "x")].into_iter().chain(codings).collect::<Vec<_>>())
        };
        assert_eq!(of(&["chunked"]), Ok(()));
        assert_eq!(of(&["Chunked"]), Ok(()));
        for codings in
            [&["chunked, chunked"][..], &["chunked", "chunked"], &["gzip, chunked"], &["identity"]]
        {
            assert_eq!(of(codings), Err(Ambiguous::TransferEncoding), "{codings:?}");
        }
    }
}
