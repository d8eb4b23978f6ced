//! From a request to an answer, and to a WebSocket.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Request, StatusCode, Version,
    body::Incoming,
    header::{HOST, SEC_WEBSOCKET_EXTENSIONS},
    http,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade::downcast};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Host,
    http::{Busy, UnderWay},
    pieces::Pieces,
    request::{Description, Origin},
    response::{self, Answer},
    sites::Served,
    strict,
};
use crate::{
    background,
    config::OnDeploy,
    connection::{
        Facts, Guest, Member, Opened, Options, Over, Parts, PeerKey, Running, Shared,
        deflate_options,
    },
    messaging::ConnectionId,
    observe::{Trace, metrics::RequestResult, printable, traces},
    sandbox::{
        CallError, Instance, KeptRequest, Seat,
        types::{self, Accept},
    },
    websocket::{
        Agreed,
        handshake::{self, Asked, Handshake, extensions_answer},
    },
};

/// The answer to a request. Where it opens a WebSocket, that is served in a
/// task of its own from then on. `I` is the socket that the request came by.
pub(super) async fn answer<I>(
    host: &Arc<Host>,
    origin: &Arc<Origin>,
    busy: &Busy,
    request: Request<Incoming>,
) -> Answer
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let under_way = busy.begin();
    let uri = request.uri();
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let authority =
        authority.or_else(|| request.headers().get(HOST).and_then(|host| host.to_str().ok()));
    let mut response = match host.sites.find(authority, uri.path()) {
        Some(served) => {
            let tenant = served.shared.plugin.tenant.clone();
            let mut trace = trace(host, origin, &tenant.name, authority, &request);
            let (result, answer) =
                decide::<I>(host, served, origin, busy, request, &mut trace).await;
            tenant.metrics.by_label.request(result);
            if let Some(trace) = &mut trace {
                trace.answered(answer.status().as_u16());
            }
            answer
        }
        None => {
            let (result, answer) = not_served(&request.into_parts().0);
            host.nobody.request(result);
            answer
        }
    };
    response.body_mut().hold(under_way);
    response
}

/// The request's span, if it is to have one.
fn trace(
    host: &Host,
    origin: &Origin,
    plugin: &str,
    authority: Option<&str>,
    request: &Request<Incoming>,
) -> Option<Box<Trace>> {
    let (peer, tls) = (origin.peer, origin.tls.is_some());
    host.traces.as_ref()?.request(&traces::Asked {
        request,
        plugin,
        authority,
        tls,
        peer,
        client: host.edge().client(peer, request.headers()),
    })
}

/// The answer to a request that no plugin serves. One that another server may read
/// otherwise is none.
fn not_served(parts: &http::request::Parts) -> (RequestResult, Answer) {
    match strict::check(parts) {
        Err(error) => (RequestResult::Malformed, response::ambiguous(error)),
        Ok(()) => {
            let sentence = "nothing is served here";
            (RequestResult::NotServed, response::plain(StatusCode::NOT_FOUND, sentence))
        }
    }
}

async fn decide<I>(
    host: &Arc<Host>,
    served: Served,
    origin: &Arc<Origin>,
    busy: &Busy,
    mut request: Request<Incoming>,
    trace: &mut Option<Box<Trace>>,
) -> (RequestResult, Answer)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let Served { shared, parameters } = served;
    let plugin = shared.plugin.name.clone();
    if let Err(error) = strict::check(&parts) {
        let peer = origin.peer;
        tracing::debug!(%plugin, %peer, "request refused: {error}");
        return (RequestResult::Malformed, response::ambiguous(error));
    }
    let asked = match handshake::check(&parts) {
        Ok(asked) => asked,
        Err(error) => {
            let peer = origin.peer;
            tracing::debug!(%plugin, %peer, "handshake refused: {error}");
            return (RequestResult::Malformed, response::malformed(error, parts.version));
        }
    };
    if matches!(asked, Asked::WebSocket(_)) && !host.edge().allows_origin(&parts.headers) {
        let answer = response::plain(StatusCode::FORBIDDEN, "this origin is not allowed here");
        return (RequestResult::Origin, answer);
    }
    if parts.headers.len() > host.config.headers_max {
        let sentence = "the request has too many header fields";
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return (RequestResult::Malformed, response::plain(status, sentence));
    }
    if host.stopping.is_cancelled() {
        return (RequestResult::NoRoom, response::no_room());
    }
    let client = host.edge().client(origin.peer, &parts.headers);
    let over = match parts.version {
        Version::HTTP_2 => Over::Stream,
        _ => Over::OwnSocket(origin.place.key),
    };
    let member = match Member::join(&shared, PeerKey::from(client.ip()), over) {
        Ok(member) => member,
        Err(setting) => {
            shared.plugin.tenant.limit(setting);
            return (RequestResult::Limit, response::no_room());
        }
    };
    let connections = &shared.plugin.tenant.metrics.connections;
    let opening = connections.opening();
    let Some(slot) = shared.slot().await else {
        return no_room(host, &shared, "instances_max of them are awake, and none falls asleep");
    };
    let id = ConnectionId::random();
    let init = Init {
        shared: shared.clone(),
        parts,
        asked,
        parameters,
        origin: origin.clone(),
        client,
        id,
    };
    let begun = trace.as_mut().map(|trace| trace.connection(id.to_string()));
    let (Init { parts, asked, client, .. }, called) =
        background::movable(Box::pin(init.call())).await;
    if let (Some(trace), Some(begun)) = (trace.as_mut(), begun) {
        let why = called.as_ref().err().map(|error| (error.kind(), error.to_string()));
        let failure = why.as_ref().map(|(kind, why)| traces::Failure { kind, why });
        let max = shared.config.trace_callbacks_max_per_second;
        trace.callback("init", begun, failure.as_ref(), max);
    }
    let Called { instance, answer, request } = match called {
        Ok(called) => called,
        Err(CallError::NoRoom(why)) => return no_room(host, &shared, &why),
        Err(error) => {
            if let Some(setting) = error.setting() {
                shared.plugin.tenant.metrics.by_label.limit(setting);
            }
            return handler_failed(&shared, id, error.kind(), &error.to_string());
        }
    };
    drop(opening);
    let seat = Seat { hub: shared.hub.clone(), id };
    let guest = Guest::new(instance, slot, connections.awake(), seat);
    let answered = match (answer, asked) {
        (types::Answer::Accept(_), Asked::Nothing) => {
            Ok((RequestResult::Malformed, response::upgrade_required(parts.version)))
        }
        (types::Answer::Accept(accept), Asked::WebSocket(handshake)) => {
            accepted(&shared, &handshake, &accept).map(|accepted| {
                let Accepted { options, agreed, response } = accepted;
                let trace = trace.take().map(|mut trace| {
                    trace.answered(response.status().as_u16());
                    trace
                });
                let facts = Facts::new(&Opened {
                    peer: client,
                    path: parts.uri.path(),
                    http2: parts.version == Version::HTTP_2,
                    tls: origin.tls.is_some(),
                    subprotocol: accept.subprotocol.as_deref().unwrap_or_default(),
                });
                let opening = Opening {
                    host: host.clone(),
                    member,
                    id,
                    options,
                    agreed,
                    guest,
                    facts,
                    request,
                    trace,
                };
                match parts.version {
                    Version::HTTP_2 => {
                        host.websockets.spawn(opening.over_http2(upgrade, busy.begin()))
                    }
                    _ => {
                        origin.place.leave();
                        host.tasks.spawn(opening.over_http1::<I>(upgrade))
                    }
                };
                (RequestResult::Accepted, response)
            })
        }
        (types::Answer::Respond(own), _) => {
            let time = Duration::from_millis(shared.config.response_timeout_ms);
            response::of_handler(own, &shared.plugin.tenant).map(|mut answer| {
                answer.body_mut().expect(busy.deadline(time));
                (RequestResult::Answered, answer)
            })
        }
        (types::Answer::Refuse, _) => {
            let answer = response::plain(StatusCode::BAD_REQUEST, "the request was refused");
            Ok((RequestResult::Refused, answer))
        }
    };
    answered.unwrap_or_else(|problem| {
        handler_failed(&shared, id, "invalid", &format!("returned {problem}"))
    })
}

/// What `init` is called about.
struct Init {
    shared: Arc<Shared>,
    parts: http::request::Parts,
    asked: Asked,
    parameters: Vec<(String, String)>,
    origin: Arc<Origin>,
    client: SocketAddr,
    id: ConnectionId,
}

/// What came of it.
struct Called {
    instance: Instance,
    answer: types::Answer,
    /// Kept, if the connection may move to another version of the plugin.
    request: Option<KeptRequest>,
}

impl Init {
    /// Makes an instance and calls `init`.
    async fn call(self) -> (Self, Result<Called, CallError>) {
        let called = self.try_call().await;
        (self, called)
    }

    async fn try_call(&self) -> Result<Called, CallError> {
        let Self { shared, parts, asked, parameters, origin, client, id } = self;
        let mut instance = shared.plugin.template.instantiate(*id).await?;
        let route = parameters.as_slice();
        let description = Description::new(parts, asked, route, origin, *client, id.to_string());
        let answer = instance.init(description.request()).await?;
        let moves = shared.config.on_deploy == OnDeploy::Migrate;
        let request = moves.then(|| KeptRequest::new(&description.request()));
        Ok(Called { instance, answer, request })
    }
}

fn no_room(host: &Host, shared: &Shared, why: &str) -> (RequestResult, Answer) {
    if let Some(others) = host.no_room_said.say() {
        let plugin = &shared.plugin.name;
        tracing::warn!(%plugin, others, "no room for one more connection: {why}");
    }
    (RequestResult::NoRoom, response::no_room())
}

/// `init` failed, for this reason.
fn handler_failed(
    shared: &Shared,
    id: ConnectionId,
    reason: &'static str,
    why: &str,
) -> (RequestResult, Answer) {
    let plugin = &shared.plugin.name;
    if let Some(others) = shared.plugin.tenant.failure(reason) {
        let why = printable(why, shared.config.log_line_max_bytes);
        tracing::warn!(%plugin, connection = %id, callback = "init", code = 500, others, "handler failed: `init` {why}");
    }
    let sentence = "the handler failed";
    (RequestResult::Failed, response::plain(StatusCode::INTERNAL_SERVER_ERROR, sentence))
}

/// What the handler accepted.
struct Accepted {
    options: Options,
    agreed: Option<Agreed>,
    /// What opens the WebSocket.
    response: Answer,
}

/// Checks what the handler accepted, and agrees on compression.
///
/// # Errors
/// What is not valid of it.
fn accepted(shared: &Shared, handshake: &Handshake, accept: &Accept) -> Result<Accepted, String> {
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
struct Opening {
    host: Arc<Host>,
    member: Member,
    id: ConnectionId,
    options: Options,
    agreed: Option<Agreed>,
    guest: Guest,
    facts: Facts,
    request: Option<KeptRequest>,
    trace: Option<Box<Trace>>,
}

impl Opening {
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
