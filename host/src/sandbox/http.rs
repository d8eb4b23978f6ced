//! The host's side of `wasi:http`: requests to the hosts that are granted.

use std::sync::Arc;

use hyper::http;
use wasmtime::{
    Result, StoreContextMut,
    component::{Linker, Resource, ResourceTable},
};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    p2::{
        bindings::http::{outgoing_handler::Host as _, types},
        types::{HostFutureIncomingResponse, HostOutgoingRequest},
    },
};

use super::state::State;
use crate::{messaging::ConnectionId, tenant::Tenant};

/// How much of a request's body a guest may write at once.
const PERMIT_BYTES: usize = 64 * 1024;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.instance("wasi:http/outgoing-handler@0.2.12")?.func_wrap("handle", handle)?;
    let options = types::LinkOptions::default();
    types::add_to_linker::<State, WasiHttp>(linker, &options, State::http)
}

type Sent = Result<Resource<HostFutureIncomingResponse>, types::ErrorCode>;

/// Sends a request. What it is given of options is dropped, which WASI's host doesn't:
/// they would be left in the table, and the guest would never sleep again.
fn handle(
    mut store: StoreContextMut<'_, State>,
    (request, options): (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>),
) -> Result<(Sent,)> {
    let own = options.as_ref().map(|options| Resource::<RequestOptions>::new_own(options.rep()));
    let mut http = store.data_mut().http();
    let sent = http.handle(request, options);
    if let Some(options) = own {
        http.table.delete(options)?;
    }
    Ok((sent.map(Ok).or_else(|error| error.downcast().map(Err))?,))
}

/// What an instance has for HTTP.
pub(super) struct Http {
    context: WasiHttpCtx,
    hooks: Hooks,
}

struct Hooks {
    tenant: Arc<Tenant>,
    connection: ConnectionId,
}

impl Http {
    pub(super) fn new(tenant: Arc<Tenant>, connection: ConnectionId) -> Self {
        Self { context: WasiHttpCtx::new(), hooks: Hooks { tenant, connection } }
    }

    /// Sends for another connection from now on.
    pub(super) fn change_connection(&mut self, connection: ConnectionId) {
        self.hooks.connection = connection;
    }

    pub(super) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView { ctx: &mut self.context, table, hooks: &mut self.hooks }
    }
}

type Response = http::Response<WasiBody>;
/// What is left to do for a request once there is a response.
type Rest = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Rest,
    ) -> Box<dyn Future<Output = Result<(Response, Rest), Error>> + Send> {
        let http = self.tenant.capabilities.http.as_ref().ok_or(Error::HttpRequestDenied);
        let sent = http.and_then(|http| http.send(self.connection, request, options));
        if let Err(Error::ConnectionLimitReached) = sent {
            self.tenant.limit("http_requests_max");
        }
        Box::new(async move {
            let nothing: Rest = Box::new(async { Ok(()) });
            Ok((sent?.await?, nothing))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        PERMIT_BYTES
    }
}
