//! AARP, the access request and approval profile: the endpoint where a denial is sent in, and its status. Drafts change:
//! the metadata name the one that is meant.

use http::{HeaderValue, Response, StatusCode, header};
use placet_domain::{Approval, ApprovalState, Digest, Json, Object, Timestamp};
use placet_engine::{Caller, Offer, PetitionError};

use super::{
    answered,
    authzen::{inquiry, moment},
};
use crate::{
    body::Body,
    respond::{empty, json},
    server::Gateway,
};

/// Where denials are sent in.
pub(super) const REQUESTS: &str = "/access/v1/requests";
/// How soon a status is worth another look, seconds.
const LOOK_AGAIN: &str = "5";
/// Keys of requests that are remembered; when full, the memory starts anew.
const KEYS: usize = 4_096;
/// Longest key of a request.
const KEY_BYTES: usize = 256;

impl Gateway {
    /// What a denial says about asking people.
    pub(super) fn requestable(&self, offer: &Offer) -> Object {
        let text = match offer.reasons.is_empty() {
            true => "A person has to agree.".to_owned(),
            false => offer.reasons.join("; "),
        };
        Object::new()
            .with("endpoint", self.at(REQUESTS))
            .with("expires_at", moment(offer.expires))
            .with("binding_token", offer.token.as_str())
            .with("display", Object::new().with("title", "Approval required").with("description", text))
    }

    /// Takes a denial and asks people.
    pub(super) async fn take_petition(
        &self,
        asker: &Caller,
        key: Option<&HeaderValue>,
        body: &Object,
    ) -> Result<Response<Body>, String> {
        if body.member("items").is_some() {
            return Err("`items` are not taken; send each denial by itself".to_owned());
        }
        let denial = super::authzen::object(body, "denial")?;
        let asked = inquiry(body)?;
        let token = match denial.member("binding_token") {
            Some(Json::String(token)) => token.as_str(),
            _ => {
                return Ok(refused(&PetitionError::NotBound("`denial.binding_token` is missing".to_owned())));
            }
        };
        if !self.is_first_or_equal(asker, key, body) {
            return Ok(duplicate());
        }
        Ok(match self.engine.petition(asker, &asked, token).await {
            Ok(approval) => self.task(&approval, StatusCode::ACCEPTED),
            Err(error) => refused(&error),
        })
    }

    /// What has become of it.
    pub(super) async fn petition_status(&self, asker: &Caller, id: &str) -> Response<Body> {
        let found = match id.parse() {
            Ok(id) => self.engine.petitioned(asker, id).await,
            Err(_) => Err(PetitionError::Unknown(id.chars().take(KEY_BYTES).collect())),
        };
        match found {
            Ok(approval) => self.task(&approval, StatusCode::OK),
            Err(error) => refused(&error),
        }
    }

    fn task(&self, approval: &Approval, status: StatusCode) -> Response<Body> {
        let now = self.engine.ports().clock.now();
        let state = state(approval, now);
        let place = format!("{}/{}", self.at(REQUESTS), approval.id);
        let task = Object::new()
            .with("id", approval.id.to_string())
            .with("status", state)
            .with("status_endpoint", place.as_str())
            .with("expires_at", moment(approval.expires));
        let body = Object::new().with("task", task).with_some("result", result(approval, state));
        let mut response = answered(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if state == "pending" {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(LOOK_AGAIN));
        }
        if let Ok(place) = HeaderValue::from_str(&place) {
            headers.insert(header::LOCATION, place);
        }
        response
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.engine.deployment().issuer.trim_end_matches('/'))
    }

    /// Whether nothing else was sent in under this key by this agent.
    fn is_first_or_equal(&self, asker: &Caller, key: Option<&HeaderValue>, body: &Object) -> bool {
        let Some(key) = key else { return true };
        let Some(key) = key.to_str().ok().filter(|key| key.len() <= KEY_BYTES) else { return false };
        let sent = Digest::of(Json::Object(body.clone()).canonical().as_bytes());
        let mut keys = self.petition_keys.lock();
        if keys.len() >= KEYS {
            keys.clear();
        }
        *keys.entry((asker.agent().name.clone(), key.to_owned())).or_insert(sent) == sent
    }
}

fn state(approval: &Approval, now: Timestamp) -> &'static str {
    match &approval.state {
        ApprovalState::Denied(_) => "denied",
        ApprovalState::Approved(_) | ApprovalState::Pending if now >= approval.expires => "expired",
        ApprovalState::Approved(_) | ApprovalState::Consumed(_) => "approved",
        ApprovalState::Pending => "pending",
    }
}

/// The only way to use an approval is to ask again.
fn result(approval: &Approval, state: &str) -> Option<Object> {
    let answer = approval.state.answer().filter(|_| state == "approved")?;
    let approved = Object::new()
        .with("id", approval.id.to_string())
        .with("approved_at", moment(answer.at))
        .with("approved_until", moment(approval.expires));
    Some(Object::new().with("mode", "reevaluate").with("approval", approved))
}

fn refused(error: &PetitionError) -> Response<Body> {
    let (status, word) = match error {
        PetitionError::Expired => (StatusCode::GONE, "expired_denial"),
        PetitionError::NotBound(_) => (StatusCode::BAD_REQUEST, "invalid_denial_binding"),
        PetitionError::NotRequestable(_) => (StatusCode::BAD_REQUEST, "not_requestable"),
        PetitionError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown_task"),
    };
    fault(status, word, &error.to_string())
}

fn duplicate() -> Response<Body> {
    let why = "something else was sent in under this `Idempotency-Key`";
    fault(StatusCode::CONFLICT, "duplicate_request", why)
}

fn fault(status: StatusCode, word: &str, why: &str) -> Response<Body> {
    let details = Object::new()
        .with("type", format!("urn:openid:authzen:access-request:error:{word}"))
        .with("title", word.replace('_', " "))
        .with("status", i64::from(status.as_u16()))
        .with("detail", why);
    let mut response = json(status, Json::Object(details).canonical().into());
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// What other methods get.
pub(super) fn not_allowed() -> Response<Body> {
    empty(StatusCode::METHOD_NOT_ALLOWED)
}
