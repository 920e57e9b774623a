//! The data API of OPA, as far as clients of it need one: `POST /v1/data/placet/allow` with an AuthZEN question as
//! `input`. There is no Rego here; every other document is undefined, which in OPA's API is an answer.

use http::Response;
use placet_domain::{Json, Object};
use placet_engine::{Asking, Caller, Inquiry};

use super::{answered, authzen};
use crate::{body::Body, server::Gateway};

/// Where OPA's documents are.
pub(super) const DATA: &str = "/v1/data";

impl Gateway {
    pub(super) async fn answer_opa(
        &self,
        asker: &Caller,
        path: &str,
        body: &Object,
    ) -> Result<Response<Body>, String> {
        let wants_whole = match path.strip_prefix(DATA) {
            Some("/placet/allow") => false,
            Some("/placet" | "/placet/decision") => true,
            _ => return Ok(answered(Object::new())),
        };
        let inquiry = authzen::inquiry(authzen::object(body, "input")?)?;
        // A truth value says of no obligation.
        let inquiry = Inquiry { edits: false, ..inquiry };
        let asking = Asking::Nobody(inquiry.approval());
        let evaluation = self.engine.evaluate(asker, &inquiry, asking, "opa").await;
        let id = evaluation.receipts.as_ref().map(|receipts| receipts.call.to_string());
        let result = match wants_whole {
            false => Json::from(evaluation.allows()),
            true => {
                let mut whole = authzen::decision(&evaluation, None);
                whole.remove("decision");
                Json::Object(whole.with("allow", evaluation.allows()))
            }
        };
        Ok(answered(Object::new().with("result", result).with_some("decision_id", id)))
    }
}
