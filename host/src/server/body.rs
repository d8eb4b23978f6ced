//! The body of a response, on its way.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::http::{Deadline, UnderWay};
use crate::tenant::Tenant;

/// What is handed over at a time, as the peer takes it.
const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes that are sent piece by piece. Their request is under way until the last
/// piece is handed over.
#[derive(Default)]
pub(super) struct Whole {
    rest: Bytes,
    under_way: Option<UnderWay>,
    /// Of a handler's response.
    deadline: Option<Deadline>,
    #[expect(dead_code, reason = "given back with this")]
    counted: Option<Counted>,
}

/// Bytes of a plugin's total, until they are dropped.
struct Counted {
    tenant: Arc<Tenant>,
    bytes: usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.tenant.totals.response_bytes.give(self.bytes);
    }
}

impl From<Bytes> for Whole {
    fn from(rest: Bytes) -> Self {
        Self { rest, ..Self::default() }
    }
}

impl Whole {
    /// What a plugin's handler responds with. None: peers have too much to take as
    /// it is.
    pub(super) fn of(tenant: &Arc<Tenant>, body: Vec<u8>) -> Option<Self> {
        let (tenant, bytes) = (tenant.clone(), body.len());
        if !tenant.totals.response_bytes.add(bytes) {
            return None;
        }
        Some(Self { counted: Some(Counted { tenant, bytes }), ..Bytes::from(body).into() })
    }

    /// Is to be taken by then.
    pub(super) fn expect(&mut self, deadline: Deadline) {
        self.deadline = Some(deadline);
    }

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
            *self = Self::default();
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
