//! What this decision point says about itself: `/.well-known/authzen-configuration` (AuthZEN 1.0, section 9).

use http::{Response, StatusCode};
use placet_domain::{Json, Object};

use super::{obligations, petitions::REQUESTS};
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
            .with("access_request_endpoint", format!("{base}{REQUESTS}"))
            .with("jwks_uri", format!("{base}/oauth/jwks"))
            .with(
                "capabilities",
                vec![
                    "urn:openid:authzen:capability:access-request",
                    "urn:openid:authzen:capability:obligations",
                ],
            )
            .with("supported_obligations", vec![obligations::TYPE])
            .with("placet_obligations", obligations::described())
            // Drafts have no versions of their own: the day of the text that was read.
            .with(
                "placet_versions",
                Object::new()
                    .with("authorization_api", "1.0")
                    .with("access_request_and_approval", "draft of 2026-06-03")
                    .with("coaz_mcp_binding", "draft of 2026-07-17, default mapping")
                    .with("obligations", "extension, draft of 2026-10-06"),
            );
        json(StatusCode::OK, Json::Object(document).canonical().into())
    }
}
