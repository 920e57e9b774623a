//! OpenID AuthZEN Authorization API 1.0: evaluation and evaluations. A denial is an answer and has status 200.

use futures_util::future::join_all;
use http::Response;
use placet_domain::{Json, Object, Timestamp, limits};
use placet_engine::{Asked, Asking, Caller, Evaluation, Inquiry, Wanted};

use super::{answered, obligations};
use crate::{body::Body, server::Gateway};

/// The word of receipts for this interface.
pub(super) const PROTOCOL: &str = "authzen";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// One question.
    Evaluation,
    /// Several, or one.
    Evaluations,
    /// A list.
    Search(Wanted),
}

impl Endpoint {
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/access/v1/evaluation" => Some(Self::Evaluation),
            "/access/v1/evaluations" => Some(Self::Evaluations),
            "/access/v1/search/action" => Some(Self::Search(Wanted::Actions)),
            "/access/v1/search/resource" => Some(Self::Search(Wanted::Resources)),
            "/access/v1/search/subject" => Some(Self::Search(Wanted::Subjects)),
            _ => None,
        }
    }
}

/// Which of several questions are answered (AuthZEN 1.0, section 7.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Gateway {
    /// Answers, or says what is wrong with the question.
    pub(crate) async fn answer_authzen(
        &self,
        asker: &Caller,
        endpoint: Endpoint,
        body: &Object,
    ) -> Result<Response<Body>, String> {
        let several = match (endpoint, body.member("evaluations")) {
            (Endpoint::Search(wanted), _) => return self.answer_search(asker, wanted, body).await,
            (Endpoint::Evaluation, _) | (Endpoint::Evaluations, None) => &[],
            (Endpoint::Evaluations, Some(Json::Array(several))) => several.as_slice(),
            (Endpoint::Evaluations, Some(other)) => {
                return Err(format!("`evaluations` is {}, not an array", other.kind()));
            }
        };
        if several.is_empty() {
            let inquiry = inquiry(body)?;
            return Ok(answered(self.decision(asker, &inquiry).await));
        }
        if several.len() > limits::EVALUATIONS {
            return Err(format!("there are more than {} evaluations", limits::EVALUATIONS));
        }
        let semantic = semantic(body)?;
        let mut decisions = Vec::with_capacity(several.len());
        if semantic == Semantic::ExecuteAll {
            // Together, so that their receipts share a batch of the ledger.
            let all = several.iter().map(|item| self.answer_item(asker, body, item));
            decisions = join_all(all).await;
        } else {
            for item in several {
                let decision = self.answer_item(asker, body, item).await;
                let allows = decision.member("decision") == Some(&Json::Bool(true));
                decisions.push(decision);
                if allows == (semantic == Semantic::PermitOnFirstPermit) {
                    break;
                }
            }
        }
        let decisions: Vec<Json> = decisions.into_iter().map(Json::Object).collect();
        Ok(answered(Object::new().with("evaluations", decisions)))
    }

    /// An answer; a denial that people could lift says how they are asked.
    async fn decision(&self, asker: &Caller, inquiry: &Inquiry) -> Object {
        let asking = Asking::Nobody(inquiry.approval());
        let evaluation = self.engine.evaluate(asker, inquiry, asking, PROTOCOL).await;
        let offer = self.engine.offer(inquiry, &evaluation);
        decision(&evaluation, offer.map(|offer| self.requestable(&offer)))
    }

    /// One of several: whole members of its own stand in for those of the request. One that cannot be read is a denial.
    async fn answer_item(&self, asker: &Caller, defaults: &Object, item: &Json) -> Object {
        let read = match item {
            Json::Object(item) => {
                let mut whole = Object::new();
                for name in ["subject", "action", "resource", "context"] {
                    if let Some(value) = item.member(name).or_else(|| defaults.member(name)) {
                        whole.set(name, value.clone());
                    }
                }
                inquiry(&whole)
            }
            other => Err(format!("an evaluation is {}, not an object", other.kind())),
        };
        match read {
            Ok(inquiry) => self.decision(asker, &inquiry).await,
            Err(why) => {
                let context = Object::new().with("reason", "malformed").with("error", why);
                Object::new().with("decision", false).with("context", context)
            }
        }
    }
}

/// Reads a question. Unknown members are ignored; known ones of another type are refused.
pub(super) fn inquiry(body: &Object) -> Result<Inquiry, String> {
    let action = object(body, "action")?;
    let context = match body.member("context") {
        None => Object::new(),
        Some(Json::Object(context)) => context.clone(),
        Some(other) => return Err(format!("`context` is {}, not an object", other.kind())),
    };
    Ok(Inquiry {
        subject: asked(body, "subject")?,
        action: text(action, "action", "name")?,
        action_properties: properties(action, "action")?,
        resource: asked(body, "resource")?,
        edits: obligations::adopted(&context),
        context,
    })
}

pub(super) fn asked(body: &Object, name: &str) -> Result<Asked, String> {
    let entity = object(body, name)?;
    Ok(Asked {
        kind: text(entity, name, "type")?,
        id: text(entity, name, "id")?,
        properties: properties(entity, name)?,
    })
}

pub(super) fn object<'a>(body: &'a Object, name: &str) -> Result<&'a Object, String> {
    match body.member(name) {
        Some(Json::Object(object)) => Ok(object),
        Some(other) => Err(format!("`{name}` is {}, not an object", other.kind())),
        None => Err(format!("`{name}` is missing")),
    }
}

pub(super) fn text(entity: &Object, of: &str, name: &str) -> Result<String, String> {
    match entity.member(name) {
        Some(Json::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!("`{of}.{name}` is {}, not a string", other.kind())),
        None => Err(format!("`{of}.{name}` is missing")),
    }
}

pub(super) fn properties(entity: &Object, of: &str) -> Result<Object, String> {
    match entity.member("properties") {
        None => Ok(Object::new()),
        Some(Json::Object(properties)) => Ok(properties.clone()),
        Some(other) => Err(format!("`{of}.properties` is {}, not an object", other.kind())),
    }
}

fn semantic(body: &Object) -> Result<Semantic, String> {
    let named = match body.member("options") {
        None => None,
        Some(Json::Object(options)) => options.member("evaluations_semantic"),
        Some(other) => return Err(format!("`options` is {}, not an object", other.kind())),
    };
    match named.map(|named| named.as_str().unwrap_or_default()) {
        None | Some("execute_all") => Ok(Semantic::ExecuteAll),
        Some("deny_on_first_deny") => Ok(Semantic::DenyOnFirstDeny),
        Some("permit_on_first_permit") => Ok(Semantic::PermitOnFirstPermit),
        Some(_) => Err("`options.evaluations_semantic` is none of execute_all, deny_on_first_deny, \
                        permit_on_first_permit"
            .to_owned()),
    }
}

/// An answer as it is sent: the decision, and where its receipt is.
pub(super) fn decision(evaluation: &Evaluation, requestable: Option<Object>) -> Object {
    let mut context = Object::new().with("evaluated_at", moment(evaluation.at));
    if let Some(receipts) = &evaluation.receipts {
        context.set("evaluation_id", receipts.call.to_string());
        context.set("receipt", receipts.decision.to_json());
    }
    if let Some(refusal) = &evaluation.refusal {
        context.set("reason", reason(evaluation));
        context.set("refusal", refusal.to_json());
    }
    if let Some(requestable) = requestable {
        context.set("access_request", requestable);
    }
    if let Some(obligations) = obligations::told(&evaluation.obligations, None) {
        context.set("obligations", obligations);
    }
    if let Some(approval) = evaluation.approval.filter(|_| evaluation.allows()) {
        context.set("approval", Object::new().with("id", approval.to_string()));
    }
    Object::new().with("decision", evaluation.allows()).with("context", context)
}

/// Why not, as a word for programs.
fn reason(evaluation: &Evaluation) -> String {
    match &evaluation.refusal {
        Some(_) if !evaluation.gates.is_empty() => "approval_required".to_owned(),
        Some(refusal) => refusal.code.to_string(),
        None => String::new(),
    }
}

/// RFC 3339, as the interfaces write moments.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_string()
}
