//! HTTP responses: the host's own, and those that a handler makes.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode, Version,
    header::{
        CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_VERSION,
    },
};

use super::{body::Whole, strict::Ambiguous};
use crate::{
    sandbox::types,
    tenant::Tenant,
    websocket::handshake::{HandshakeError, is_allowed_on_response, upgrade_required_headers},
};

/// A response with its whole body.
pub(super) type Answer = Response<Whole>;

/// A sentence for whoever asked.
pub(super) fn plain(status: StatusCode, sentence: &str) -> Answer {
    let mut response: Answer = Response::new(Bytes::from(format!("{sentence}\n")).into());
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

/// To a handshake that is not well-formed.
pub(super) fn malformed(error: HandshakeError, version: Version) -> Answer {
    if version == Version::HTTP_2 && error == HandshakeError::Version {
        let mut response = plain(StatusCode::BAD_REQUEST, &error.to_string());
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return response;
    }
    let mut response = plain(error.status(), &error.to_string());
    response.headers_mut().extend(error.headers());
    response
}

/// To a request that others may read otherwise. The connection ends with it:
/// where the next request begins may be one of the things they don't agree on.
pub(super) fn ambiguous(error: Ambiguous) -> Answer {
    let mut response = plain(StatusCode::BAD_REQUEST, &error.to_string());
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// To one who must ask for a WebSocket, and did not. HTTP/2 has no upgrade, and
/// so no 426 (RFC 8441).
pub(super) fn upgrade_required(version: Version) -> Answer {
    let sentence = "a WebSocket is served here";
    if version == Version::HTTP_2 {
        return plain(StatusCode::NOT_IMPLEMENTED, sentence);
    }
    let mut response = plain(StatusCode::UPGRADE_REQUIRED, sentence);
    response.headers_mut().extend(upgrade_required_headers());
    response
}

/// To one for whom there is no room now.
pub(super) fn no_room() -> Answer {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "too many connections");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// What opens a WebSocket: a 101, or over HTTP/2 a 200.
pub(super) fn opening(http1: bool, handshake: HeaderMap, extra: HeaderMap) -> Answer {
    let mut response = Response::new(Whole::default());
    *response.status_mut() = if http1 { StatusCode::SWITCHING_PROTOCOLS } else { StatusCode::OK };
    *response.headers_mut() = handshake;
    response.headers_mut().extend(extra);
    response
}

/// A response of the handler's.
///
/// # Errors
/// A status or header that is not valid, or that is the host's to set; too many
/// headers.
pub(super) fn of_handler(
    response: types::Response,
    tenant: &Arc<Tenant>,
) -> Result<Answer, String> {
    let status = StatusCode::from_u16(response.status)
        .ok()
        .filter(|status| (200..=599).contains(&status.as_u16()))
        .ok_or_else(|| format!("the status {}, which is not from 200 to 599", response.status))?;
    let headers = headers(&response.headers, tenant)?;
    let Some(body) = Whole::of(tenant, response.body) else {
        tenant.limit(tenant.totals.response_bytes.setting());
        return Ok(no_room());
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

/// Header fields of the handler's.
///
/// # Errors
/// One that is not valid, or that is the host's to set; more than a request may
/// have. A map of headers can't hold any number of them.
pub(super) fn headers(fields: &[(String, Vec<u8>)], tenant: &Tenant) -> Result<HeaderMap, String> {
    let (count, max) = (fields.len(), tenant.config.headers_max);
    if count > max {
        tenant.metrics.by_label.limit("headers_max");
        return Err(format!("{count} header fields, and {max} are allowed (headers_max)"));
    }
    let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
    let max = tenant.config.header_max_bytes;
    if bytes > max {
        tenant.metrics.by_label.limit("header_max_bytes");
        return Err(format!(
            "header fields of {bytes} bytes, and {max} are allowed (header_max_bytes)"
        ));
    }
    let mut headers = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let known = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("a header named {name:?}, which is not valid"))?;
        if !is_allowed_on_response(&known) {
            return Err(format!("the header `{known}`, which is the host's to set"));
        }
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| format!("a value of the header `{known}` that is not valid"))?;
        headers.append(known, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn tenant() -> Arc<Tenant> {
        Tenant::test(Config::default())
    }

    fn field(name: &str, value: &[u8]) -> Vec<(String, Vec<u8>)> {
        vec![(name.to_owned(), value.to_vec())]
    }

    #[test]
    fn headers_are_counted() {
        let tenant = tenant();
        let many = vec![("x-a".to_owned(), vec![]); tenant.config.headers_max];
        assert_eq!(headers(&many, &tenant).unwrap().len(), tenant.config.headers_max);
        let too_many = [&many[..], &field("x-b", b"")].concat();
        assert!(headers(&too_many, &tenant).unwrap_err().contains("headers_max"));
        let too_large = field("x-a", &vec![b'x'; tenant.config.header_max_bytes]);
        assert!(headers(&too_large, &tenant).unwrap_err().contains("header_max_bytes"));
    }

    #[test]
    fn headers_that_are_not_valid_are_named() {
        let tenant = tenant();
        assert!(headers(&field("x-a", b"b"), &tenant).is_ok());
        for (name, value, says) in [
            ("x a", &b"b"[..], "not valid"),
            ("x-a", b"b\r\nset-cookie: c", "`x-a`"),
            ("Connection", b"close", "host's to set"),
            ("sec-websocket-accept", b"x", "host's to set"),
        ] {
            let error = headers(&field(name, value), &tenant).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_status_is_from_200_to_599() {
        let tenant = tenant();
        let response = |status| types::Response { status, headers: vec![], body: vec![] };
        assert_eq!(of_handler(response(404), &tenant).unwrap().status(), 404);
        for status in [0, 101, 199, 600] {
            assert!(of_handler(response(status), &tenant).is_err());
        }
    }
}
