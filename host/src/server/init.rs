//! The call of `init`, for which an instance is made, and what is said where it fails.

use std::{net::SocketAddr, sync::Arc};

use hyper::{StatusCode, http};

use super::{
    Host,
    request::{Description, Origin},
    response,
    upgrade::Decision,
};
use crate::{
    background,
    config::OnDeploy,
    connection::Shared,
    messaging::ConnectionId,
    observe::{Trace, metrics::RequestResult, printable, traces},
    sandbox::{CallError, Instance, KeptRequest, types},
    websocket::handshake::Asked,
};

/// What `init` is called about.
pub(super) struct Init {
    pub(super) shared: Arc<Shared>,
    pub(super) parts: http::request::Parts,
    pub(super) asked: Asked,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) origin: Arc<Origin>,
    pub(super) client: SocketAddr,
    pub(super) id: ConnectionId,
}

/// What came of it.
pub(super) struct Called {
    pub(super) instance: Box<Instance>,
    pub(super) answer: types::Answer,
    /// Kept, if the connection may move to another version of the plugin.
    pub(super) request: Option<KeptRequest>,
}

impl Init {
    /// Makes an instance and calls `init`, in the background if that takes long. The
    /// request's span has one of it.
    pub(super) async fn call(
        self,
        trace: &mut Option<Box<Trace>>,
    ) -> (Self, Result<Called, CallError>) {
        let begun = trace.as_mut().map(|trace| trace.connection(self.id.to_string()));
        let call = async {
            let called = self.try_call().await;
            (self, called)
        };
        let (init, called) = background::movable(Box::pin(call)).await;
        if let (Some(trace), Some(begun)) = (trace, begun) {
            let why = called.as_ref().err().map(|error| (error.kind(), error.to_string()));
            let failure = why.as_ref().map(|(kind, why)| traces::Failure { kind, why });
            let max = init.shared.config.trace_callbacks_max_per_second;
            trace.callback("init", begun, failure.as_ref(), max);
        }
        (init, called)
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

/// There is no instance for one more connection.
pub(super) fn no_room(host: &Host, shared: &Shared, why: &str) -> Decision {
    if let Some(others) = host.no_room_said.say() {
        let plugin = &shared.plugin.name;
        tracing::warn!(%plugin, others, "no room for one more connection: {why}");
    }
    (RequestResult::NoRoom, response::no_room())
}

/// The call failed.
pub(super) fn call_failed(
    host: &Host,
    shared: &Shared,
    id: ConnectionId,
    error: &CallError,
) -> Decision {
    if let CallError::NoRoom(why) = error {
        return no_room(host, shared, why);
    }
    if let Some(setting) = error.setting() {
        shared.plugin.tenant.metrics.by_label.limit(setting);
    }
    handler_failed(shared, id, error.kind(), &error.to_string())
}

/// `init` failed, for this reason.
pub(super) fn handler_failed(
    shared: &Shared,
    id: ConnectionId,
    reason: &'static str,
    why: &str,
) -> Decision {
    let plugin = &shared.plugin.name;
    if let Some(others) = shared.plugin.tenant.failure(reason) {
        let why = printable(why, shared.config.log_line_max_bytes);
        tracing::warn!(%plugin, connection = %id, callback = "init", code = 500, others, "handler failed: `init` {why}");
    }
    let sentence = "the handler failed";
    (RequestResult::Failed, response::plain(StatusCode::INTERNAL_SERVER_ERROR, sentence))
}
