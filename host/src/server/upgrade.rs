//! From a request to an answer, and to a WebSocket.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use hyper::{
    Request, StatusCode,
    body::Incoming,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{
    Host,
    handshake::{self, Asked, Handshake},
    request::Description,
    response::{self, Answer},
};
use crate::{
    connection::{Connection, Guest, Options, Parts},
    messaging::ConnectionId,
    sandbox::{
        CallError, Instance,
        types::{self, Accept},
    },
};

/// The answer to a request. Where it is a 101, the WebSocket is served in a
/// task of its own from then on.
pub(super) async fn answer(
    host: &Arc<Host>,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Answer {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let asked = match handshake::check(&parts) {
        Ok(asked) => asked,
        Err(error) => {
            tracing::debug!(plugin = %host.plugin.name, %peer, "handshake refused: {error}");
            return response::malformed(error);
        }
    };
    if host.stopping.is_cancelled() {
        return response::no_room();
    }
    let Ok(place) = host.places.clone().try_acquire_owned() else {
        return no_room(host, "instances_max instances are there");
    };
    let id = ConnectionId::random();
    let (instance, answer) = match start(host, &parts, &asked, peer, id).await {
        Ok(started) => started,
        Err(CallError::NoRoom(why)) => return no_room(host, &why),
        Err(error) => return handler_failed(host, id, &error.to_string()),
    };
    let guest = Guest::new(instance, place);
    let answered = match answer {
        types::Answer::Accept(accept) => match asked {
            Asked::Nothing => Ok(response::upgrade_required()),
            Asked::WebSocket(handshake) => accepted(host, id, &handshake, &accept, guest, upgrade),
        },
        types::Answer::Respond(own) => response::of_handler(own),
        types::Answer::Refuse => {
            Ok(response::plain(StatusCode::BAD_REQUEST, "the request was refused"))
        }
    };
    answered.unwrap_or_else(|problem| handler_failed(host, id, &format!("returned {problem}")))
}

/// Makes an instance and calls `init`.
async fn start(
    host: &Host,
    parts: &hyper::http::request::Parts,
    asked: &Asked,
    peer: SocketAddr,
    id: ConnectionId,
) -> Result<(Instance, types::Answer), CallError> {
    let mut instance = host.plugin.template.instantiate(id).await?;
    let description = Description::new(parts, asked, peer, id.to_string());
    let answer = instance.init(description.request()).await?;
    Ok((instance, answer))
}

fn no_room(host: &Host, why: &str) -> Answer {
    if let Some(others) = host.no_room_said.say() {
        let plugin = &host.plugin.name;
        tracing::warn!(%plugin, others, "no room for one more connection: {why}");
    }
    response::no_room()
}

fn handler_failed(host: &Host, id: ConnectionId, why: &str) -> Answer {
    let plugin = &host.plugin.name;
    tracing::warn!(%plugin, connection = %id, callback = "init", code = 500, "handler failed: `init` {why}");
    response::plain(StatusCode::INTERNAL_SERVER_ERROR, "the handler failed")
}

/// The 101 for what the handler accepted.
///
/// # Errors
/// What it returned that is not valid.
fn accepted(
    host: &Arc<Host>,
    id: ConnectionId,
    handshake: &Handshake,
    accept: &Accept,
    guest: Guest,
    upgrade: OnUpgrade,
) -> Result<Answer, String> {
    let subprotocol = accept.subprotocol.as_deref();
    let own = handshake.response_headers(subprotocol).map_err(|error| error.to_string())?;
    let extra = response::headers(&accept.headers)?;
    let options = Options::new(&accept.options, &host.config)?;
    if subprotocol.is_none() && !handshake.offers.subprotocols().is_empty() {
        picks_none(host);
    }
    let host_of_task = host.clone();
    host.tasks.spawn(async move {
        if let Some((stream, early)) = socket(upgrade).await {
            let parts = parts(&host_of_task, id, options, guest, stream, early);
            host_of_task.tasks.spawn(Connection::new(parts).run());
        }
    });
    Ok(response::switching(own, extra))
}

fn parts(
    host: &Host,
    id: ConnectionId,
    options: Options,
    guest: Guest,
    stream: TcpStream,
    early: bytes::Bytes,
) -> Parts<TcpStream> {
    Parts {
        id,
        plugin: host.plugin.name.clone(),
        config: host.config.clone(),
        hub: host.hub.clone(),
        options,
        guest,
        stream,
        early,
    }
}

/// The socket, once the 101 is out, and what came with the request. None: the
/// peer has gone.
async fn socket(upgrade: OnUpgrade) -> Option<(TcpStream, bytes::Bytes)> {
    let upgraded: Upgraded = upgrade.await.ok()?;
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf))
}

/// Browsers fail a WebSocket whose subprotocols were all left aside. Said once.
fn picks_none(host: &Host) {
    if !host.picks_none_said.swap(true, Relaxed) {
        tracing::warn!(plugin = %host.plugin.name, callback = "init",
            "the handler picked none of the subprotocols offered: browsers will close such connections");
    }
}
