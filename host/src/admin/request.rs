//! What is taken from a request, and what a response is made of.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
};
use matchit::Params;
use percent_encoding::percent_decode_str;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Problem;

const JSON: &str = "application/json";

/// What a path binds.
pub(super) type Parameters = BTreeMap<String, String>;

/// A request that has come to its end.
#[derive(Debug)]
pub(super) struct Asked {
    parameters: Parameters,
    pub(super) query: String,
    content_type: Option<HeaderValue>,
    body: Bytes,
}

/// What a path binds, decoded.
pub(super) fn decoded(params: &Params<'_, '_>) -> Result<Parameters, Problem> {
    let decoded = params.iter().map(|(name, value)| {
        let value = percent_decode_str(value).decode_utf8().map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, format!("the path's {name} is not UTF-8"))
        })?;
        Ok((name.to_owned(), value.into_owned()))
    });
    decoded.collect()
}

impl Asked {
    /// Reads the body, of at most so many bytes. What is too much is read and dropped:
    /// to close would be to reset the connection, and the answer might be lost.
    pub(super) async fn read(
        request: Request<Incoming>,
        parameters: Parameters,
        max_bytes: usize,
    ) -> Result<Self, Problem> {
        let (parts, mut incoming) = request.into_parts();
        let (mut body, mut len) = (BytesMut::new(), 0);
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| {
                Problem::new(StatusCode::BAD_REQUEST, format!("the body did not come: {error}"))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            len += data.len();
            if len <= max_bytes {
                body.extend_from_slice(&data);
            }
        }
        if len > max_bytes {
            let detail = format!("the body has more than {max_bytes} bytes (admin_body_max_bytes)");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        Ok(Self {
            parameters,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            content_type: parts.headers.get(CONTENT_TYPE).cloned(),
            body: body.freeze(),
        })
    }

    /// What the path binds to this name; empty where the route has none.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The body.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let content_type = self.content_type.as_ref().and_then(|value| value.to_str().ok());
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case(JSON) {
            let detail = format!("send JSON, as content-type: {JSON}");
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let value: Value = serde_json::from_slice(&self.body).map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, format!("the body is no JSON: {error}"))
        })?;
        let read = serde_json::from_value(value);
        read.map_err(|error| Problem::unprocessable(format!("the body: {error}")))
    }

    /// The body, if there is one.
    pub(super) fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.body.is_empty() { Ok(T::default()) } else { self.json() }
    }
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    body: Bytes,
}

impl Reply {
    pub(super) fn json(value: &impl Serialize) -> Result<Self, Problem> {
        Self::with_status(StatusCode::OK, value)
    }

    /// It was begun, and is not done yet.
    pub(super) fn accepted(value: &impl Serialize) -> Result<Self, Problem> {
        Self::with_status(StatusCode::ACCEPTED, value)
    }

    /// What is JSON already.
    pub(super) fn text(text: &'static str) -> Self {
        Self { status: StatusCode::OK, body: Bytes::from_static(text.as_bytes()) }
    }

    fn with_status(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(|error| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("no JSON was made: {error}"))
        })?;
        Ok(Self { status, body: body.into() })
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        response
    }
}
