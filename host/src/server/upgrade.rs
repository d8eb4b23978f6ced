//! From a request to an answer, and to a WebSocket.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper::{
    Request, StatusCode, Version,
    body::Incoming,
    header::HOST,
    http::{self, request::Parts},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Edge, Host,
    http::Busy,
    init::{Called, Init, call_failed, handler_failed, no_room},
    opening::{Accepted, Opening, accepted},
    request::Origin,
    response::{self, Answer},
    sites::Served,
    strict,
};
use crate::{
    connection::{Facts, Guest, Member, Opened, Over, PeerKey, Shared},
    messaging::ConnectionId,
    observe::{Trace, metrics::RequestResult, traces},
    sandbox::{Seat, types},
    websocket::handshake::{self, Asked},
};

/// What becomes of a request.
pub(super) type Decision = (RequestResult, Answer);

/// Where a request came from, and by whose rules it is decided on: those of one moment,
/// whatever a reload changes meanwhile.
struct Asker<'a> {
    host: &'a Arc<Host>,
    origin: &'a Arc<Origin>,
    busy: &'a Busy,
    edge: Arc<Edge>,
    client: SocketAddr,
}

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
            let edge = host.edge();
            let client = edge.client(origin.peer, request.headers());
            let asker = Asker { host, origin, busy, edge, client };
            let tenant = served.shared.plugin.tenant.clone();
            let mut trace = asker.trace(&tenant.name, authority, &request);
            let decided = asker.decide::<I>(served, request, &mut trace).await;
            let (result, answer) = decided.unwrap_or_else(|refused| *refused);
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

/// The answer to a request that no plugin serves. One that another server may read
/// otherwise is none.
fn not_served(parts: &Parts) -> Decision {
    match strict::check(parts) {
        Err(error) => (RequestResult::Malformed, response::ambiguous(error)),
        Ok(()) => {
            let sentence = "nothing is served here";
            (RequestResult::NotServed, response::plain(StatusCode::NOT_FOUND, sentence))
        }
    }
}

impl Asker<'_> {
    /// The request's span, if it is to have one.
    fn trace(
        &self,
        plugin: &str,
        authority: Option<&str>,
        request: &Request<Incoming>,
    ) -> Option<Box<Trace>> {
        let (peer, tls, client) = (self.origin.peer, self.origin.tls.is_some(), self.client);
        let traces = self.host.traces.as_ref()?;
        traces.request(&traces::Asked { request, plugin, authority, tls, peer, client })
    }

    /// Asks the handler, unless the host refuses the request.
    async fn decide<I>(
        &self,
        Served { shared, parameters }: Served,
        mut request: Request<Incoming>,
        trace: &mut Option<Box<Trace>>,
    ) -> Result<Decision, Box<Decision>>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, _) = request.into_parts();
        let asked = self.admitted(&shared, &parts)?;
        let member = self.member(&shared, parts.version)?;
        let connections = &shared.plugin.tenant.metrics.connections;
        let opening = connections.opening();
        let why = "instances_max of them are awake, and none falls asleep";
        let slot = shared.slot().await.ok_or_else(|| Box::new(no_room(self.host, &shared, why)))?;
        let id = ConnectionId::random();
        let (origin, client) = (self.origin.clone(), self.client);
        let init = Init { shared: shared.clone(), parts, asked, parameters, origin, client, id };
        let (Init { parts, asked, .. }, called) = init.call(trace).await;
        let failed = |error| Box::new(call_failed(self.host, &shared, id, &error));
        let Called { instance, answer, request } = called.map_err(failed)?;
        drop(opening);
        let seat = Seat { hub: shared.hub.clone(), id };
        let guest = Guest::new(instance, slot, connections.awake(), seat);
        let invalid = |problem: String| {
            Box::new(handler_failed(&shared, id, "invalid", &format!("returned {problem}")))
        };
        match (answer, asked) {
            (types::Answer::Accept(_), Asked::Nothing) => {
                Ok((RequestResult::Malformed, response::upgrade_required(parts.version)))
            }
            (types::Answer::Accept(accept), Asked::WebSocket(handshake)) => {
                let Accepted { options, agreed, response } =
                    accepted(&shared, &handshake, &accept).map_err(invalid)?;
                let mut trace = trace.take();
                if let Some(trace) = &mut trace {
                    trace.answered(response.status().as_u16());
                }
                let facts = Facts::new(&Opened {
                    peer: client,
                    path: parts.uri.path(),
                    http2: parts.version == Version::HTTP_2,
                    tls: self.origin.tls.is_some(),
                    subprotocol: accept.subprotocol.as_deref().unwrap_or_default(),
                });
                let host = self.host.clone();
                let opening =
                    Opening { host, member, id, options, agreed, guest, facts, request, trace };
                opening.begin::<I>(self.origin, self.busy, upgrade, parts.version);
                Ok((RequestResult::Accepted, response))
            }
            (types::Answer::Respond(own), _) => {
                guest.retire(&shared).await;
                let time = Duration::from_millis(shared.config.response_timeout_ms);
                let mut answer =
                    response::of_handler(own, &shared.plugin.tenant).map_err(invalid)?;
                answer.body_mut().expect(self.busy.deadline(time));
                Ok((RequestResult::Answered, answer))
            }
            (types::Answer::Refuse, _) => {
                let answer = response::plain(StatusCode::BAD_REQUEST, "the request was refused");
                Ok((RequestResult::Refused, answer))
            }
        }
    }

    /// What is asked for, if the host lets the handler decide on it.
    fn admitted(&self, shared: &Shared, parts: &Parts) -> Result<Asked, Box<Decision>> {
        let refused = |result, answer| Err(Box::new((result, answer)));
        let (plugin, peer) = (&shared.plugin.name, self.origin.peer);
        if let Err(error) = strict::check(parts) {
            tracing::debug!(%plugin, %peer, "request refused: {error}");
            return refused(RequestResult::Malformed, response::ambiguous(error));
        }
        let asked = match handshake::check(parts) {
            Ok(asked) => asked,
            Err(error) => {
                tracing::debug!(%plugin, %peer, "handshake refused: {error}");
                let answer = response::malformed(error, parts.version);
                return refused(RequestResult::Malformed, answer);
            }
        };
        if matches!(asked, Asked::WebSocket(_)) && !self.edge.allows_origin(&parts.headers) {
            let answer = response::plain(StatusCode::FORBIDDEN, "this origin is not allowed here");
            return refused(RequestResult::Origin, answer);
        }
        if parts.headers.len() > self.host.config.headers_max {
            let sentence = "the request has too many header fields";
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return refused(RequestResult::Malformed, response::plain(status, sentence));
        }
        if self.host.stopping.is_cancelled() {
            return refused(RequestResult::NoRoom, response::no_room());
        }
        Ok(asked)
    }

    /// Its place among the connections.
    fn member(&self, shared: &Arc<Shared>, version: Version) -> Result<Member, Box<Decision>> {
        let over = match version {
            Version::HTTP_2 => Over::Stream,
            _ => Over::OwnSocket(self.origin.place.key),
        };
        Member::join(shared, PeerKey::from(self.client.ip()), over).map_err(|setting| {
            shared.plugin.tenant.limit(setting);
            Box::new((RequestResult::Limit, response::no_room()))
        })
    }
}
