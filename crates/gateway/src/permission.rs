//! `placet-request-permission`: the one tool of ours among those of each connector. By it an agent asks for further
//! permission; it is not sent anywhere, and what it asks for is on record as a grant, not as a call.

use http::{Response, StatusCode};
use placet_domain::{Grant, GrantState, Json, Object, REQUEST_PERMISSION, ToolName};
use placet_engine::Caller;
use placet_wire::{Era, Request, reply};

use crate::{body::Body, post::Place, respond::json, server::Gateway};

/// Whether a tool is ours. An upstream's tool of that name is not listed and cannot be called.
pub(crate) fn is_ours(tool: &ToolName) -> bool {
    tool.as_str() == REQUEST_PERMISSION
}

/// The tool as `tools/list` shows it.
pub(crate) const DEFINITION: &str = r#"{"annotations":{"destructiveHint":false,"idempotentHint":true,"openWorldHint":false,"readOnlyHint":false},"description":"Ask for permission to use tools of this server that you are refused, for a limited time. Low-risk requests are answered at once; others wait for a person. Asking again with the same arguments tells what became of it. Ask only for what the task needs.","inputSchema":{"additionalProperties":false,"properties":{"justification":{"description":"why the task needs it; people and auditors read it","type":"string"},"minutes":{"description":"for how long","minimum":1,"type":"integer"},"resource":{"additionalProperties":false,"description":"the one thing it is about, if it is about one","properties":{"id":{"type":"string"},"kind":{"type":"string"}},"required":["kind","id"],"type":"object"},"tools":{"description":"names of tools of this server","items":{"type":"string"},"minItems":1,"type":"array"}},"required":["tools","minutes","justification"],"type":"object"},"name":"placet-request-permission","title":"Ask for permission"}"#;

impl Gateway {
    /// Answers a call of our tool.
    pub(crate) async fn request_permission(
        &self,
        place: &Place<'_>,
        caller: &Caller,
        request: Request,
        era: Era,
    ) -> Response<Body> {
        let id = request.id.clone();
        let arguments = request.params.member("arguments").and_then(Json::as_object).cloned();
        let asked = self.ask_permission(caller, place.connector, &arguments.unwrap_or_default()).await;
        let message = match asked {
            Ok(grant) => reply::result(&id, &self.told(&grant, era)),
            Err(refusal) => reply::refusal(&id, &refusal, era, None),
        };
        json(StatusCode::OK, message)
    }

    /// What became of it, for a model to read.
    fn told(&self, grant: &Grant, era: Era) -> String {
        let standing = self.engine.standing(grant);
        let told = match (&grant.state, standing) {
            (GrantState::Given(_), "given") => {
                format!("Permission is given until {}. Send the refused call again now.", grant.expires)
            }
            (GrantState::Pending, "pending") => format!(
                "A person has to decide; request {} waits until {}. Go on with what does not need it, and ask again \
                 with the same arguments later to learn the answer. Do not retry the refused call before.",
                grant.id, grant.expires
            ),
            (GrantState::Denied(answer), _) => {
                format!(
                    "{} has refused: {}. Do not ask again; tell whom you work for.",
                    answer.by, answer.rationale
                )
            }
            (GrantState::Given(_) | GrantState::Pending | GrantState::Revoked(_), _) => {
                format!("Request {} is over. Ask anew if the task still needs it.", grant.id)
            }
        };
        let text = Object::new().with("type", "text").with("text", told);
        let result = Object::new()
            .with("content", vec![text])
            .with("structuredContent", self.grant_view(grant))
            .with_some("resultType", era.is_stateless().then_some("complete"));
        Json::Object(result).canonical()
    }
}

/// Whether a request for a list is for its first page, on which ours is told.
pub(crate) fn is_first_page(request: &Request) -> bool {
    request.params.member("cursor").is_none()
}

#[cfg(test)]
mod tests {
    use placet_domain::{Json, REQUEST_PERMISSION};

    use super::DEFINITION;

    #[test]
    fn our_definition_is_strict_json_and_has_our_name() {
        let definition = Json::parse(DEFINITION.as_bytes()).unwrap();
        assert_eq!(definition.member("name").and_then(Json::as_str), Some(REQUEST_PERMISSION));
        assert_eq!(definition.canonical(), DEFINITION);
    }
}
