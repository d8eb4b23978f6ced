//! What there is, as one table.

use hyper::{
    Method, StatusCode,
    header::{ALLOW, HeaderValue},
};
use matchit::{InsertError, Router};

use super::Problem;

/// The description of it all.
pub(super) const OPENAPI: &str = include_str!("../../../docs/openapi.json");

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Host,
    Log,
    SetLog,
    Reload,
    Plugins,
    Plugin,
    Drain,
    Publish,
    Connections,
    Connection,
    Close,
    Send,
    OpenApi,
}

/// A path, and what each method does there.
#[derive(Debug)]
pub(super) struct Route {
    path: &'static str,
    methods: &'static [(Method, Call)],
}

pub(super) static ROUTES: &[Route] = &[
    Route { path: "/v1/host", methods: &[(Method::GET, Call::Host)] },
    Route { path: "/v1/log", methods: &[(Method::GET, Call::Log), (Method::PUT, Call::SetLog)] },
    Route { path: "/v1/reload", methods: &[(Method::POST, Call::Reload)] },
    Route { path: "/v1/plugins", methods: &[(Method::GET, Call::Plugins)] },
    Route { path: "/v1/plugins/{name}", methods: &[(Method::GET, Call::Plugin)] },
    Route { path: "/v1/plugins/{name}/drain", methods: &[(Method::POST, Call::Drain)] },
    Route {
        path: "/v1/plugins/{name}/topics/{topic}/publish",
        methods: &[(Method::POST, Call::Publish)],
    },
    Route { path: "/v1/connections", methods: &[(Method::GET, Call::Connections)] },
    Route {
        path: "/v1/connections/{id}",
        methods: &[(Method::GET, Call::Connection), (Method::DELETE, Call::Close)],
    },
    Route { path: "/v1/connections/{id}/send", methods: &[(Method::POST, Call::Send)] },
    Route { path: "/v1/openapi.json", methods: &[(Method::GET, Call::OpenApi)] },
];

/// The table by paths.
pub(super) fn router() -> Result<Router<&'static Route>, InsertError> {
    let mut router = Router::new();
    ROUTES.iter().try_for_each(|route| router.insert(route.path, route))?;
    Ok(router)
}

impl Route {
    /// What this method does.
    pub(super) fn call(&self, method: &Method) -> Result<Call, Problem> {
        let found = self.methods.iter().find(|(has, _)| has == method);
        found.map(|(_, call)| *call).ok_or_else(|| {
            let allowed: Vec<_> = self.methods.iter().map(|(method, _)| method.as_str()).collect();
            let allowed = allowed.join(", ");
            let detail = format!("{} takes {allowed}", self.path);
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail);
            // Names of methods are tokens.
            match HeaderValue::from_str(&allowed) {
                Ok(allowed) => problem.with(ALLOW, allowed),
                Err(_) => problem,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_description_has_what_there_is() {
        let described: Value = serde_json::from_str(OPENAPI).unwrap();
        let described: BTreeSet<String> = described["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                let methods = methods.filter(|method| *method != "parameters");
                methods.map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let methods =
            |route: &'static Route| route.methods.iter().map(|(method, _)| (method, route.path));
        let there: BTreeSet<String> = ROUTES
            .iter()
            .flat_map(methods)
            .map(|(method, path)| format!("{method} {path}"))
            .collect();
        assert_eq!(described, there);
    }
}
