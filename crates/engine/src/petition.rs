//! A denial that people could lift, and the wish that they be asked (AuthZEN Access Request and Approval, AARP). The
//! question to them is an ordinary approval of exactly this; its answer is used by asking again.

use std::time::Duration;

use placet_domain::{Approval, ApprovalId, Code, Digest, Json, Object, Refusal, Timestamp};
use placet_identity::{Binding, TokenFault};

use crate::{Asking, Caller, Engine, Evaluation, Inquiry};

/// For how long after a denial a person may be asked about it.
const OFFER: Duration = Duration::from_secs(10 * 60);
/// The word of receipts for petitions.
const PROTOCOL: &str = "authzen";

/// What a denial says about asking people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Signed: what was denied.
    pub token: String,
    /// Until when it may be sent in.
    pub expires: Timestamp,
    /// The gates' reasons, for people.
    pub reasons: Vec<String>,
}

/// Why nobody is asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PetitionError {
    /// The denial is too old.
    #[error("the denial is too old to ask a person about")]
    Expired,
    /// It is not the denial of what is sent in.
    #[error("{0}")]
    NotBound(String),
    /// No person can lift it, or not any more.
    #[error("{0}")]
    NotRequestable(Refusal),
    /// There is no such question, or it is not this asker's.
    #[error("there is no access request `{0}`")]
    Unknown(String),
}

impl Engine {
    /// What a denial says about asking people, if they could lift it and nobody has asked them yet.
    #[must_use]
    pub fn offer(&self, inquiry: &Inquiry, evaluation: &Evaluation) -> Option<Offer> {
        let receipts = evaluation.receipts.as_ref().filter(|_| !evaluation.gates.is_empty())?;
        let bound = inquiry.bound();
        let context: Vec<String> = bound.members().map(|(name, _)| name.to_owned()).collect();
        let expires = evaluation.at.after(OFFER);
        let binding = Binding {
            evaluation: receipts.call.to_string(),
            hash: hash(inquiry, &bound),
            context,
            issued: evaluation.at,
            expires,
        };
        let token = self.keys.set.load().active().bind(&self.deployment.issuer, &binding);
        let reasons = evaluation.gates.iter().filter_map(|gate| gate.reason.clone()).collect();
        Some(Offer { token, expires, reasons })
    }

    /// Asks people about what was denied: the approval that is open from now on, or was before.
    ///
    /// # Errors
    /// See [`PetitionError`].
    pub async fn petition(
        &self,
        asker: &Caller,
        inquiry: &Inquiry,
        token: &str,
    ) -> Result<Approval, PetitionError> {
        let now = self.ports.clock.now();
        let binding = self.verifier.verify_binding(token, now).map_err(|error| match error.fault {
            TokenFault::Expired => PetitionError::Expired,
            _ => PetitionError::NotBound(error.to_string()),
        })?;
        // What was added when sending it in was not judged, and is not judged now.
        let mut said = Object::new();
        for name in &binding.context {
            if let Some(value) = inquiry.context.member(name) {
                said.set(name, value.clone());
            }
        }
        if hash(inquiry, &said) != binding.hash {
            let why = "what is sent in is not what was denied".to_owned();
            return Err(PetitionError::NotBound(why));
        }
        let asked = Inquiry { context: said, ..inquiry.clone() };
        let evaluation = self.evaluate(asker, &asked, Asking::Petition, PROTOCOL).await;
        match (evaluation.approval, evaluation.refusal) {
            (Some(approval), _) => self.petitioned(asker, approval).await,
            (None, Some(refusal)) => Err(PetitionError::NotRequestable(refusal)),
            (None, None) => {
                let why = "it is allowed by now: ask again";
                Err(PetitionError::NotRequestable(Refusal::new(Code::NotJudged, why)))
            }
        }
    }

    /// The question to people that an asker has caused.
    ///
    /// # Errors
    /// There is none, or it is somebody else's.
    pub async fn petitioned(&self, asker: &Caller, id: ApprovalId) -> Result<Approval, PetitionError> {
        let unknown = || PetitionError::Unknown(id.to_string());
        let found = self.ports.approvals.approval(id).await.map_err(|_| unknown())?.ok_or_else(unknown)?;
        let is_own = found.requester.agent == asker.agent().name
            || self.decisions.lets_ask(&asker.agent().name, &found.connector);
        if is_own { Ok(found) } else { Err(unknown()) }
    }
}

/// The digest of what was asked (AARP, "Binding Token Integrity"): RFC 8785 form, without the subject's `act`.
fn hash(inquiry: &Inquiry, context: &Object) -> Digest {
    let named = |kind: &str, id: &str, properties: &Object| {
        let mut properties = properties.clone();
        properties.remove("act");
        let properties = (!properties.is_empty()).then_some(properties);
        Object::new().with("type", kind).with("id", id).with_some("properties", properties)
    };
    let action = Object::new().with("name", inquiry.action.as_str());
    let action = match inquiry.action_properties.is_empty() {
        true => action,
        false => action.with("properties", inquiry.action_properties.clone()),
    };
    let resource =
        Object::new().with("type", inquiry.resource.kind.as_str()).with("id", inquiry.resource.id.as_str());
    let resource = match inquiry.resource.properties.is_empty() {
        true => resource,
        false => resource.with("properties", inquiry.resource.properties.clone()),
    };
    let subject = named(&inquiry.subject.kind, &inquiry.subject.id, &inquiry.subject.properties);
    let whole = Object::new()
        .with("subject", subject)
        .with("resource", resource)
        .with("action", action)
        .with("context", context.clone());
    Digest::of(Json::Object(whole).canonical().as_bytes())
}
