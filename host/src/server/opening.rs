//! From what the handler accepted to a WebSocket.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bytes::Bytes;
use hyper::{
    Version,
    header::SEC_WEBSOCKET_EXTENSIONS,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade::downcast};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Host,
    http::{Busy, UnderWay},
    pieces::Pieces,
    request::Origin,
    response::{self, Answer},
};
use crate::{
    connection::{Facts, Guest, Member, Options, Parts, Running, Shared, deflate_options},
    messaging::ConnectionId,
    observe::Trace,
    sandbox::{KeptRequest, types::Accept},
    websocket::{
        Agreed,
        handshake::{Handshake, extensions_answer},
    },
};

/// What the handler accepted.
pub(super) struct Accepted {
    pub(super) options: Options,
    pub(super) agreed: Option<Agreed>,
    /// What opens the WebSocket.
    pub(super) response: Answer,
}

/// Checks what the handler accepted, and agrees on compression.
///
/// # Errors
/// What is not valid of it.
pub(super) fn accepted(
    shared: &Shared,
    handshake: &Handshake,
    accept: &Accept,
) -> Result<Accepted, String> {
    let subprotocol = accept.subprotocol.as_deref();
    let mut own = handshake.response_headers(subprotocol).map_err(|error| error.to_string())?;
    let config = &shared.config;
    let extra = response::headers(&accept.headers, &shared.plugin.tenant)?;
    let options = Options::new(&accept.options, config)?;
    let deflate = deflate_options(&accept.options, config).map_err(|error| error.to_string())?;
    let agreed = deflate.and_then(|options| handshake.offers.deflate(&options));
    if let Some(agreed) = &agreed {
        own.insert(SEC_WEBSOCKET_EXTENSIONS, extensions_answer(agreed));
    }
    if subprotocol.is_none() && !handshake.offers.subprotocols().is_empty() {
        picks_none(shared);
    }
    Ok(Accepted { options, agreed, response: response::opening(handshake.is_http1(), own, extra) })
}

/// A WebSocket whose response is on its way. If the peer goes before it has it,
/// nothing was opened, and the instance is dropped.
pub(super) struct Opening {
    pub(super) host: Arc<Host>,
    pub(super) member: Member,
    pub(super) id: ConnectionId,
    pub(super) options: Options,
    pub(super) agreed: Option<Agreed>,
    pub(super) guest: Guest,
    pub(super) facts: Facts,
    pub(super) request: Option<KeptRequest>,
    pub(super) trace: Option<Box<Trace>>,
}

impl Opening {
    /// Opens it in a task of its own, once the response is on its way.
    pub(super) fn begin<I>(self, origin: &Origin, busy: &Busy, upgrade: OnUpgrade, version: Version)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let host = self.host.clone();
        if version == Version::HTTP_2 {
            host.websockets.spawn(self.over_http2(upgrade, busy.begin()));
        } else {
            origin.place.leave();
            host.tasks.spawn(self.over_http1::<I>(upgrade));
        }
    }

    /// The socket becomes the WebSocket's; what came with the request is its
    /// first bytes.
    async fn over_http1<I>(self, upgrade: OnUpgrade)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if let Ok(upgraded) = upgrade.await
            && let Ok(parts) = downcast::<TokioIo<I>>(upgraded)
        {
            let websockets = self.host.websockets.clone();
            websockets.spawn(self.serve(parts.io.into_inner(), parts.read_buf));
        }
    }

    /// A stream becomes the WebSocket's, one of many on its socket.
    async fn over_http2(self, upgrade: OnUpgrade, under_way: UnderWay) {
        let upgraded: Result<Upgraded, _> = upgrade.await;
        if let Ok(upgraded) = upgraded {
            self.serve(Pieces(TokioIo::new(upgraded)), Bytes::new()).await;
        }
        drop(under_way);
    }

    fn serve<S>(self, stream: S, early: Bytes) -> Running<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { member: shared, id, options, agreed, guest, facts, request, trace, .. } = self;
        let parts =
            Parts { id, shared, options, agreed, guest, stream, early, facts, request, trace };
        Running::new(parts)
    }
}

/// Browsers fail a WebSocket whose subprotocols were all left aside. Said once.
fn picks_none(shared: &Shared) {
    if !shared.picks_none_said.swap(true, Relaxed) {
        tracing::warn!(plugin = %shared.plugin.name, callback = "init",
            "the handler picked none of the subprotocols offered: browsers will close such connections");
    }
}
