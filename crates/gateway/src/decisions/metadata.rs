//! What this decision point says about itself: `/.well-known/authzen-configuration` (AuthZEN 1.0, section 9).

use http::{Response, StatusCode};
use placet_domain::{Json, Object};

use crate::{body::Body, respond::json, server::Gateway};

/// Where the document is.
pub(crate) const WELL_KNOWN: &str = "/.well-known/authzen-configuration";

impl Gateway {
    pub(super) fn decision_metadata(&self, path: &str) -> Response<Body> {
        if path != WELL_KNOWN {
            return super::nowhere(path);
        }
        let base = self.engine.deployment().issuer.trim_end_matches('/').to_owned();
        let at = |path: &str| format!("{base}/access/v1/{path}");
        let document = Object::new()
            .with("policy_decision_point", base.as_str())
            .with("access_evaluation_endpoint", at("evaluation"))
            .with("access_evaluations_endpoint", at("evaluations"))
            .with("search_action_endpoint", at("search/action"))
            .with("search_resource_endpoint", at("search/resource"))
            .with("search_subject_endpoint", at("search/subject"))
            .with("placet_versions", Object::new().with("authorization_api", "1.0"));
        json(StatusCode::OK, Json::Object(document).canonical().into())
    }
}
