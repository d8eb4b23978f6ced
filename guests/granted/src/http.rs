//! HTTP requests, by WASI's own interface.

use wasip2::{
    http::{
        outgoing_handler::{self, RequestOptions},
        types::{ErrorCode, Fields, IncomingBody, OutgoingRequest, Scheme, http_error_code},
    },
    io::streams::StreamError,
};

/// Bodies up to this length are told whole.
const SHORT: usize = 200;
/// How much of a body is read at once.
const PART: u64 = 64 * 1024;

pub(crate) fn fetch(url: &str) -> String {
    match get(url) {
        Ok((status, body)) if body.len() <= SHORT => {
            format!("{status} {}", String::from_utf8_lossy(&body))
        }
        Ok((status, body)) => format!("{status} and {} bytes", body.len()),
        Err(error) => format!("failed: {error:?}"),
    }
}

/// Everything that is opened here is dropped here, so that the handler can sleep.
fn get(url: &str) -> Result<(u16, Vec<u8>), ErrorCode> {
    let (scheme, rest) = match url.split_once("://") {
        Some(("http", rest)) => (Scheme::Http, rest),
        Some((_, rest)) => (Scheme::Https, rest),
        None => return Err(ErrorCode::HttpRequestUriInvalid),
    };
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&scheme)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    request.set_path_with_query(Some(path)).map_err(invalid)?;

    let response = outgoing_handler::handle(request, Some(RequestOptions::new()))?;
    response.subscribe().block();
    let response = response.get().expect("it was waited for").expect("it is taken once")?;
    let body = response.consume().expect("it is consumed once");
    Ok((response.status(), read(&body)?))
}

fn read(body: &IncomingBody) -> Result<Vec<u8>, ErrorCode> {
    let (stream, mut read) = (body.stream().expect("it is read once"), Vec::new());
    loop {
        match stream.blocking_read(PART) {
            Ok(part) => read.extend(part),
            Err(StreamError::Closed) => return Ok(read),
            Err(StreamError::LastOperationFailed(error)) => {
                let text = || ErrorCode::InternalError(Some(error.to_debug_string()));
                return Err(http_error_code(&error).unwrap_or_else(text));
            }
        }
    }
}
