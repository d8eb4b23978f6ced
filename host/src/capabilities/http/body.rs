//! A response's body that has an end, in time and in bytes.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep_until},
};
use wasmtime_wasi_http::{Error, WasiBody};

/// See the module.
pub(super) struct Bounded {
    body: Incoming,
    max_bytes: u64,
    left: u64,
    deadline: Pin<Box<Sleep>>,
    /// The request's place among those that are under way.
    _place: OwnedSemaphorePermit,
}

impl Bounded {
    pub(super) fn new(
        body: Incoming,
        max_bytes: u64,
        deadline: Instant,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let deadline = Box::pin(sleep_until(deadline));
        Self { body, max_bytes, left: max_bytes, deadline, _place: place }
    }

    pub(super) fn boxed(self) -> WasiBody {
        self.boxed_unsync()
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if this.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Error::HttpResponseTimeout)));
        }
        let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => return Poll::Ready(None),
        };
        let len = frame.data_ref().map_or(0, |data| data.len() as u64);
        let Some(left) = this.left.checked_sub(len) else {
            return Poll::Ready(Some(Err(Error::HttpResponseBodySize(Some(this.max_bytes)))));
        };
        this.left = left;
        Poll::Ready(Some(Ok(frame)))
    }
}
