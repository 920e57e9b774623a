//! `/v1/grants` for agents: asking for further permission, and seeing what became of it. An agent asks for the run that
//! asks and sees its own; who gives is the engine's business.

use std::{sync::Arc, time::Duration};

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use placet_domain::{
    Code, ConnectorName, Giver, Grant, GrantId, GrantState, Json, Object, Refusal, Resource, ToolName, limits,
};
use placet_engine::{Caller, GrantError, GrantWish};

use crate::{
    body::Body,
    respond::{empty, json, problem},
    server::Gateway,
};

const GRANTS: &str = "/v1/grants";

/// Whether a path is one of these.
pub(crate) fn is_grants(path: &str) -> bool {
    path == GRANTS || path.strip_prefix(GRANTS).is_some_and(|rest| rest.starts_with('/'))
}

impl Gateway {
    /// Answers an agent that asks for a grant, or for what became of one.
    pub(crate) async fn grants(&self, request: Request<Incoming>) -> Response<Body> {
        if let Err(turned) = self.guard.admit(request.headers()) {
            return problem(turned.status, &turned.refusal);
        }
        let (parts, body) = request.into_parts();
        let caller = match self.engine.authenticate(&self.credential(&parts)) {
            Ok(caller) => caller,
            Err(refusal) => return problem(StatusCode::UNAUTHORIZED, &refusal),
        };
        let asked = parts.uri.path().strip_prefix(GRANTS).and_then(|rest| rest.strip_prefix('/'));
        match (parts.method, asked) {
            (Method::POST, None) => match self.ask_by_http(&caller, body).await {
                Ok(grant) => json(StatusCode::OK, Json::Object(self.grant_view(&grant)).canonical().into()),
                Err(refusal) => problem(status(refusal.code), &refusal),
            },
            (Method::GET, Some(id)) => {
                let id = id.parse::<GrantId>().ok();
                // Another agent's grant is not there, nor is that of another run.
                let is_its = |grant: &Arc<Grant>| {
                    grant.agent == caller.agent().name
                        && grant.instance.is_none_or(|run| run == caller.instance().id)
                };
                match id.and_then(|id| self.engine.known_grant(id)).filter(is_its) {
                    Some(grant) => {
                        json(StatusCode::OK, Json::Object(self.grant_view(&grant)).canonical().into())
                    }
                    None => empty(StatusCode::NOT_FOUND),
                }
            }
            _ => empty(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    async fn ask_by_http(&self, caller: &Caller, body: Incoming) -> Result<Arc<Grant>, Refusal> {
        let read = Limited::new(body, limits::FORM_BYTES).collect().await;
        let bytes = read.map_err(|error| malformed(format!("the body cannot be read: {error}")))?.to_bytes();
        let mut body = match Json::parse(&bytes) {
            Ok(Json::Object(body)) => body,
            Ok(_) => return Err(malformed("the body is not an object".to_owned())),
            Err(error) => return Err(malformed(format!("the body is not strict JSON: {error}"))),
        };
        let connector = body.member("connector").and_then(Json::as_str).map(str::to_owned);
        let connector: ConnectorName = connector
            .ok_or_else(|| malformed("`connector` is missing".to_owned()))?
            .parse()
            .map_err(|error| malformed(format!("`connector`: {error}")))?;
        body.remove("connector");
        self.ask_permission(caller, &connector, &body).await
    }

    /// Files what an agent asks for.
    pub(crate) async fn ask_permission(
        &self,
        caller: &Caller,
        connector: &ConnectorName,
        asked: &Object,
    ) -> Result<Arc<Grant>, Refusal> {
        let wish = wish(caller, connector, asked).map_err(malformed)?;
        self.engine.ask_grant(wish).await.map_err(refusal)
    }

    /// A grant as its agent sees it.
    pub(crate) fn grant_view(&self, grant: &Grant) -> Object {
        let (rule, answer) = match &grant.state {
            GrantState::Pending => (None, None),
            GrantState::Given(Giver::Policy(rule, _)) => (Some(rule.as_str()), None),
            GrantState::Given(Giver::Person(answer))
            | GrantState::Denied(answer)
            | GrantState::Revoked(answer) => (None, Some(answer)),
        };
        Object::new()
            .with("schema", "placet/v1/grant")
            .with("id", grant.id.to_string())
            .with("state", self.engine.standing(grant))
            .with("connector", grant.connector.as_str())
            .with("tools", grant.tools.iter().map(ToolName::as_str).collect::<Vec<_>>())
            .with("expires", grant.expires.to_string())
            .with_some("resource", grant.resource.as_ref().map(ToString::to_string))
            .with_some("rule", rule)
            .with_some("answered_by", answer.map(|answer| answer.by.to_string()))
            .with_some("rationale", answer.map(|answer| answer.rationale.as_str()))
    }
}

fn malformed(why: String) -> Refusal {
    Refusal::new(Code::Malformed, why).with_next("mend the request and send it again; nothing was changed")
}

fn wish(caller: &Caller, connector: &ConnectorName, asked: &Object) -> Result<GrantWish, String> {
    const KNOWN: [&str; 4] = ["justification", "minutes", "resource", "tools"];
    if let Some((key, _)) = asked.members().find(|(key, _)| !KNOWN.contains(key)) {
        return Err(format!("`{}` is no member of a request for permission", key.escape_debug()));
    }
    let text = |of: &Object, key: &str| of.member(key).and_then(Json::as_str).map(str::to_owned);
    let tools = asked.member("tools").and_then(Json::as_array).ok_or("`tools` is missing")?;
    let tools = tools
        .iter()
        .map(|tool| tool.as_str().unwrap_or_default().parse::<ToolName>().map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    let resource = match asked.member("resource") {
        None => None,
        Some(resource) => resource
            .as_object()
            .and_then(|resource| Some(Resource { kind: text(resource, "kind")?, id: text(resource, "id")? }))
            .map(Some)
            .ok_or("`resource` is no object with `kind` and `id`")?,
    };
    let minutes = asked.member("minutes").and_then(Json::as_integer);
    let minutes = minutes.and_then(|minutes| u64::try_from(minutes).ok()).ok_or("`minutes` is missing")?;
    Ok(GrantWish {
        agent: caller.agent().name.clone(),
        instance: Some(caller.instance().id),
        connector: connector.clone(),
        tools,
        resource,
        lasts: Duration::from_secs(minutes.saturating_mul(60)),
        justification: text(asked, "justification").ok_or("`justification` is missing")?,
        asked_by: None,
    })
}

/// Who is at fault, in the words of refusals.
fn refusal(error: GrantError) -> Refusal {
    let why = error.to_string();
    match error {
        GrantError::Ceiling(_) => Refusal::new(Code::GrantTooWide, why),
        GrantError::TooMany { .. } => Refusal::new(Code::TooManyPending, why),
        GrantError::Ledger(_) => Refusal::new(Code::LedgerUnavailable, why),
        GrantError::Store(_) => Refusal::new(Code::StoreUnavailable, why),
        GrantError::Closed(_)
        | GrantError::NotAllowed { .. }
        | GrantError::Unknown(_)
        | GrantError::Wish(_) => malformed(why),
    }
}

fn status(code: Code) -> StatusCode {
    match code {
        Code::GrantTooWide => StatusCode::FORBIDDEN,
        Code::TooManyPending => StatusCode::TOO_MANY_REQUESTS,
        Code::LedgerUnavailable | Code::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}
