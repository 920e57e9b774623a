//! Every route of the API, as one table: the router is built from it, and so is the test that no route answers a
//! stranger.

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{MethodFilter, MethodRouter, on},
};

use crate::{
    Control, agents, approvals, connectors, instances, peer, policies,
    problem::{Fault, Problem},
    status,
};

/// One route.
pub(crate) struct Route {
    /// `GET` reads, `POST` changes; there is nothing else.
    pub(crate) verb: Verb,
    /// As axum writes paths.
    pub(crate) path: &'static str,
    serve: fn(MethodFilter) -> MethodRouter<Arc<Control>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
}

/// The whole API.
pub(crate) const ROUTES: &[Route] = &[
    Route { verb: Verb::Get, path: "/v1/agents", serve: |verb| on(verb, agents::list) },
    Route { verb: Verb::Post, path: "/v1/agents", serve: |verb| on(verb, agents::register) },
    Route { verb: Verb::Get, path: "/v1/approvals", serve: |verb| on(verb, approvals::list) },
    Route { verb: Verb::Get, path: "/v1/approvals/{id}", serve: |verb| on(verb, approvals::show) },
    Route { verb: Verb::Post, path: "/v1/approvals/{id}/answer", serve: |verb| on(verb, approvals::answer) },
    Route { verb: Verb::Get, path: "/v1/connectors", serve: |verb| on(verb, connectors::list) },
    Route {
        verb: Verb::Post,
        path: "/v1/connectors/{name}/accept",
        serve: |verb| on(verb, connectors::accept),
    },
    Route { verb: Verb::Get, path: "/v1/instances", serve: |verb| on(verb, instances::list) },
    Route { verb: Verb::Post, path: "/v1/instances", serve: |verb| on(verb, instances::start) },
    Route { verb: Verb::Post, path: "/v1/instances/{id}/revoke", serve: |verb| on(verb, instances::revoke) },
    Route { verb: Verb::Get, path: "/v1/policies", serve: |verb| on(verb, policies::show) },
    Route { verb: Verb::Post, path: "/v1/policies/reload", serve: |verb| on(verb, policies::reload) },
    Route { verb: Verb::Get, path: "/v1/status", serve: |verb| on(verb, status::show) },
];

pub(crate) fn router(control: Arc<Control>) -> Router {
    ROUTES
        .iter()
        .fold(Router::new(), |router, route| router.route(route.path, (route.serve)(route.verb.filter())))
        .fallback(nowhere)
        .method_not_allowed_fallback(other_method)
        .layer(from_fn_with_state(control.clone(), peer::identify))
        .with_state(control)
}

impl Verb {
    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
        }
    }
}

async fn nowhere() -> Problem {
    Problem::new(Fault::NotFound, "there is nothing at this path", "compare the versions: `placet status`")
}

async fn other_method() -> Problem {
    Problem::new(Fault::Method, "this path does not take the method", "use GET to read and POST to change")
}
