//! Every route of the API, as one table: the router is built from it, and so is the test that no route answers a
//! stranger.

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{MethodFilter, MethodRouter, on},
};

use placet_policy::ControlGroup;

use crate::{
    Control,
    access::{self, About},
    agents, approvals, connectors, credentials, grants, halts, instances, keys, limits, logins, peer, people,
    plan, policies,
    problem::{Fault, Problem},
    scim, status, who,
};

/// One route.
pub(crate) struct Route {
    /// `GET` reads, `POST` changes; there is nothing else.
    pub(crate) verb: Verb,
    /// As axum writes paths.
    pub(crate) path: &'static str,
    /// Its name in the rules for people.
    pub(crate) id: &'static str,
    /// What it does, in the words of those rules.
    pub(crate) group: ControlGroup,
    /// Where it finds what it is about.
    pub(crate) about: About,
    serve: Serve,
}

type Serve = fn(MethodFilter) -> MethodRouter<Arc<Control>>;

const fn get(path: &'static str, id: &'static str, about: About, serve: Serve) -> Route {
    Route { verb: Verb::Get, path, id, group: ControlGroup::Read, about, serve }
}

const fn post(
    path: &'static str,
    id: &'static str,
    group: ControlGroup,
    about: About,
    serve: Serve,
) -> Route {
    Route { verb: Verb::Post, path, id, group, about, serve }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
}

/// The whole API.
pub(crate) const ROUTES: &[Route] = &[
    get("/v1/agents", "agents.list", About::Whole, |verb| on(verb, agents::list)),
    post("/v1/agents", "agents.register", ControlGroup::Propose, About::NewAgent, |verb| {
        on(verb, agents::register)
    }),
    get("/v1/agents/{name}", "agents.show", About::Agent, |verb| on(verb, agents::show)),
    post("/v1/agents/{name}/answer", "agents.answer", ControlGroup::Answer, About::Agent, |verb| {
        on(verb, agents::acts::answer)
    }),
    post("/v1/agents/{name}/certify", "agents.certify", ControlGroup::Steward, About::Agent, |verb| {
        on(verb, agents::acts::certify)
    }),
    post("/v1/agents/{name}/credentials", "credentials.add", ControlGroup::Run, About::Agent, |verb| {
        on(verb, credentials::add)
    }),
    post("/v1/agents/{name}/enrol", "credentials.enrol", ControlGroup::Run, About::Agent, |verb| {
        on(verb, credentials::enrol)
    }),
    get("/v1/agents/{name}/history", "agents.history", About::Agent, |verb| on(verb, agents::history)),
    post("/v1/agents/{name}/owner", "agents.owner", ControlGroup::Steward, About::Agent, |verb| {
        on(verb, agents::acts::owner)
    }),
    post("/v1/agents/{name}/resume", "agents.resume", ControlGroup::Resume, About::Agent, |verb| {
        on(verb, agents::acts::resume)
    }),
    post("/v1/agents/{name}/retire", "agents.retire", ControlGroup::Steward, About::Agent, |verb| {
        on(verb, agents::acts::retire)
    }),
    post("/v1/agents/{name}/shrink", "agents.shrink", ControlGroup::Steward, About::Agent, |verb| {
        on(verb, agents::acts::shrink)
    }),
    post("/v1/agents/{name}/suspend", "agents.suspend", ControlGroup::Stop, About::Agent, |verb| {
        on(verb, agents::acts::suspend)
    }),
    post("/v1/apply", "agents.apply", ControlGroup::Administer, About::Whole, |verb| on(verb, plan::apply)),
    get("/v1/approvals", "approvals.list", About::Whole, |verb| on(verb, approvals::list)),
    get("/v1/approvals/{id}", "approvals.show", About::Approval, |verb| on(verb, approvals::show)),
    post("/v1/approvals/{id}/answer", "approvals.answer", ControlGroup::Answer, About::Approval, |verb| {
        on(verb, approvals::answer)
    }),
    get("/v1/connectors", "connectors.list", About::Whole, |verb| on(verb, connectors::list)),
    post(
        "/v1/connectors/{name}/accept",
        "connectors.accept",
        ControlGroup::Administer,
        About::Connector,
        |verb| on(verb, connectors::accept),
    ),
    post(
        "/v1/connectors/{name}/login",
        "connectors.login",
        ControlGroup::Administer,
        About::Connector,
        |verb| on(verb, logins::begin),
    ),
    post(
        "/v1/connectors/{name}/login/answer",
        "connectors.login-answer",
        ControlGroup::Administer,
        About::Connector,
        |verb| on(verb, logins::end),
    ),
    post(
        "/v1/connectors/{name}/logout",
        "connectors.logout",
        ControlGroup::Administer,
        About::Connector,
        |verb| on(verb, logins::forget),
    ),
    get("/v1/grants", "grants.list", About::Whole, |verb| on(verb, grants::list)),
    post("/v1/grants", "grants.ask", ControlGroup::Run, About::AgentOfBody, |verb| on(verb, grants::ask)),
    get("/v1/grants/{id}", "grants.show", About::Grant, |verb| on(verb, grants::show)),
    post("/v1/grants/{id}/answer", "grants.answer", ControlGroup::Answer, About::Grant, |verb| {
        on(verb, grants::answer)
    }),
    post("/v1/grants/{id}/revoke", "grants.revoke", ControlGroup::Stop, About::Grant, |verb| {
        on(verb, grants::revoke)
    }),
    get("/v1/halts", "halts.list", About::Whole, |verb| on(verb, halts::list)),
    post("/v1/halts", "halts.stop", ControlGroup::Stop, About::Target, |verb| on(verb, halts::kill)),
    post("/v1/halts/resume", "halts.resume", ControlGroup::Resume, About::Target, |verb| {
        on(verb, halts::resume)
    }),
    get("/v1/credentials", "credentials.list", About::Whole, |verb| on(verb, credentials::list)),
    post(
        "/v1/credentials/{id}/remove",
        "credentials.remove",
        ControlGroup::Stop,
        About::Credential,
        |verb| on(verb, credentials::remove),
    ),
    get("/v1/instances", "instances.list", About::Whole, |verb| on(verb, instances::list)),
    post("/v1/instances", "instances.start", ControlGroup::Run, About::AgentOfBody, |verb| {
        on(verb, instances::start)
    }),
    post("/v1/instances/{id}/revoke", "instances.revoke", ControlGroup::Stop, About::Instance, |verb| {
        on(verb, instances::revoke)
    }),
    post("/v1/keys/log", "keys.log", ControlGroup::Administer, About::Whole, |verb| {
        on(verb, keys::change_log)
    }),
    post("/v1/keys/rotate", "keys.rotate", ControlGroup::Administer, About::Whole, |verb| {
        on(verb, keys::rotate)
    }),
    get("/v1/limits", "limits.list", About::Whole, |verb| on(verb, limits::list)),
    get("/v1/people", "people.list", About::Whole, |verb| on(verb, people::list)),
    post("/v1/people/{name}/forget", "people.forget", ControlGroup::Administer, About::Whole, |verb| {
        on(verb, people::forget)
    }),
    post("/v1/people/{name}/invite", "people.invite", ControlGroup::Administer, About::Whole, |verb| {
        on(verb, people::invite)
    }),
    post("/v1/plan", "agents.plan", ControlGroup::Read, About::Whole, |verb| on(verb, plan::plan)),
    get("/v1/policies", "policies.show", About::Whole, |verb| on(verb, policies::show)),
    post("/v1/policies/approve", "policies.approve", ControlGroup::Answer, About::Whole, |verb| {
        on(verb, policies::revisions::approve)
    }),
    post("/v1/policies/forget", "policies.forget", ControlGroup::Administer, About::Whole, |verb| {
        on(verb, policies::replay::forget)
    }),
    get("/v1/policies/history", "policies.history", About::Whole, |verb| {
        on(verb, policies::revisions::history)
    }),
    post("/v1/policies/promote", "policies.promote", ControlGroup::Administer, About::Whole, |verb| {
        on(verb, policies::revisions::promote)
    }),
    post("/v1/policies/replay", "policies.replay", ControlGroup::Read, About::Whole, |verb| {
        on(verb, policies::replay::replay)
    }),
    get("/v1/policies/shadow", "policies.shadow", About::Whole, |verb| on(verb, policies::replay::shadow)),
    get("/v1/policies/unused", "policies.unused", About::Whole, |verb| on(verb, policies::replay::unused)),
    get("/v1/policies/revisions/{revision}", "policies.revision", About::Whole, |verb| {
        on(verb, policies::revisions::revision)
    }),
    post("/v1/policies/rollback", "policies.rollback", ControlGroup::Administer, About::Whole, |verb| {
        on(verb, policies::revisions::rollback)
    }),
    post("/v1/policies/withdraw", "policies.withdraw", ControlGroup::Administer, About::Whole, |verb| {
        on(verb, policies::revisions::withdraw)
    }),
    post("/v1/policies/reload", "policies.reload", ControlGroup::Administer, About::Whole, |verb| {
        on(verb, policies::reload)
    }),
    get("/v1/scim/tokens", "scim.tokens", About::Whole, |verb| on(verb, scim::tokens::list)),
    post("/v1/scim/tokens", "scim.make_token", ControlGroup::Administer, About::Whole, |verb| {
        on(verb, scim::tokens::make)
    }),
    post(
        "/v1/scim/tokens/{id}/remove",
        "scim.remove_token",
        ControlGroup::Administer,
        About::Whole,
        |verb| on(verb, scim::tokens::remove),
    ),
    get("/v1/status", "status.show", About::Whole, |verb| on(verb, status::show)),
    get("/v1/who/{id}", "who.show", About::Whole, |verb| on(verb, who::show)),
];

/// The routes, each behind the rules for people. Who is calling is for the door to say, in a layer around them.
pub(crate) fn behind_rules(control: &Arc<Control>) -> Router<Arc<Control>> {
    ROUTES.iter().fold(Router::new(), |router, route| {
        let rules = from_fn_with_state((control.clone(), route), access::enforce);
        router.route(route.path, (route.serve)(route.verb.filter()).route_layer(rules))
    })
}

/// The API on the socket.
pub(crate) fn router(control: Arc<Control>) -> Router {
    behind_rules(&control)
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

pub(crate) async fn nowhere() -> Problem {
    Problem::new(Fault::NotFound, "there is nothing at this path", "compare the versions: `placet status`")
}

pub(crate) async fn other_method() -> Problem {
    Problem::new(Fault::Method, "this path does not take the method", "use GET to read and POST to change")
}
