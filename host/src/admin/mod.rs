//! The admin interface: plugins and connections as JSON, and what an operator or a
//! web backend does to them. Served by the internal listener under `/v1/`, to who has
//! the token. `docs/openapi.json` describes it, `docs/admin.md` explains it.
//!
//! ```text
//! request → token → route → body → call (in plugins, connections, delivery, host) → reply
//! ```
//!
//! Nothing is kept for it: what a connection is asked, its own task answers.

mod connections;
mod delivery;
mod host;
mod plugins;
mod problem;
mod reload;
mod request;
mod routes;
mod token;

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, header::AUTHORIZATION};
use matchit::Router;

use self::{
    problem::Problem,
    request::{Asked, Reply},
    routes::{Call, Route},
};
pub use self::{
    reload::{PluginAnswer, PluginResult, ReloadAnswer},
    token::Token,
};
use crate::{
    config::Config, deploy::Reloader, internal::Patience, observe::LogFilter, server::Sites,
};

/// See the module.
pub struct Admin {
    sites: Arc<Sites>,
    reloader: Reloader,
    log: Arc<LogFilter>,
    token: Option<Token>,
    config: Arc<Config>,
    begun: Instant,
    routes: Router<&'static Route>,
}

impl Admin {
    /// Of these plugins. Without a token it answers nobody.
    ///
    /// # Panics
    /// If two of its routes contradict each other.
    #[must_use]
    pub fn new(
        sites: Arc<Sites>,
        reloader: Reloader,
        log: Arc<LogFilter>,
        token: Option<Token>,
        config: Arc<Config>,
    ) -> Self {
        let routes = routes::router().expect("the routes are of different paths");
        Self { sites, reloader, log, token, config, begun: Instant::now(), routes }
    }

    /// Answers a request. `patience` is with its client.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        patience: &Patience,
    ) -> Response<Full<Bytes>> {
        let replied = match self.asked(request).await {
            Ok((call, asked)) => patience.while_at_work(self.call(call, &asked)).await,
            Err(problem) => Err(problem),
        };
        replied.map_or_else(Problem::into_response, Reply::into_response)
    }

    /// What is asked for, with its whole body, by somebody who may.
    async fn asked(&self, request: Request<Incoming>) -> Result<(Call, Asked), Problem> {
        let authorization = request.headers().get(AUTHORIZATION);
        token::check(self.token.as_ref(), authorization)?;
        let not_found = || {
            let detail = format!("there is no {}: see /v1/openapi.json", request.uri().path());
            Problem::new(StatusCode::NOT_FOUND, detail)
        };
        let found = self.routes.at(request.uri().path()).map_err(|_| not_found())?;
        let call = found.value.call(request.method())?;
        let parameters = request::decoded(&found.params)?;
        let asked = Asked::read(request, parameters, self.config.admin_body_max_bytes).await?;
        Ok((call, asked))
    }

    async fn call(&self, call: Call, asked: &Asked) -> Result<Reply, Problem> {
        match call {
            Call::Host => self.host(),
            Call::Log => self.log_filter(),
            Call::SetLog => self.set_log_filter(asked),
            Call::Reload => self.reload().await,
            Call::Plugins => self.plugins(),
            Call::Plugin => self.plugin(asked),
            Call::Drain => self.drain(asked),
            Call::Publish => self.publish(asked).await,
            Call::Connections => self.connections(asked).await,
            Call::Connection => self.connection(asked).await,
            Call::Close => self.close(asked),
            Call::Send => self.send(asked),
            Call::OpenApi => Ok(Reply::text(routes::OPENAPI)),
        }
    }
}
