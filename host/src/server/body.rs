//! The body of a response, on its way.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::http::UnderWay;

/// What is handed over at a time, as the peer takes it.
const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes that are sent piece by piece. Their request is under way until the last
/// piece is handed over.
#[derive(Default)]
pub(super) struct Whole {
    rest: Bytes,
    under_way: Option<UnderWay>,
}

impl From<Bytes> for Whole {
    fn from(rest: Bytes) -> Self {
        Self { rest, under_way: None }
    }
}

impl Whole {
    /// Keeps the request under way until this is sent.
    pub(super) fn hold(&mut self, under_way: UnderWay) {
        self.under_way = Some(under_way);
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            self.under_way = None;
            return Poll::Ready(None);
        }
        let chunk = self.rest.len().min(CHUNK_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(chunk)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
