//! Envoy's `ext_authz` over HTTP: the request that Envoy holds back, without its answer. The credential is the one that
//! the held request carries, so that a run asks about itself and Envoy needs none. 200 lets it go; anything else is what
//! the client gets. Nobody is waited for, and a body that was cut is a denial.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use placet_domain::{Code, ConnectorName, Json, Object, Refusal};
use placet_engine::{Asked, Asking, Caller, Credential, Evaluation, Inquiry};
use placet_wire::{Inbound, Lifecycle, Method as Mcp};

use crate::{
    body::Body,
    observe,
    respond::{empty, is_about_identity, problem},
    server::Gateway,
};

/// Envoy puts this before the path of the request it holds back (`path_prefix`).
pub(super) const PREFIX: &str = "/ext_authz/";
/// Set by Envoy on a body that it cut.
const PARTIAL: &str = "x-envoy-auth-partial-body";
/// Where the receipt of an allowed request is told.
const RECEIPT: HeaderName = HeaderName::from_static("x-placet-receipt");
/// The word of receipts for this interface.
const PROTOCOL: &str = "ext_authz";

/// A request that is held back.
#[derive(Debug)]
pub(super) struct Held<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// The whole body, or nothing if it was not sent along.
    pub(super) body: &'a [u8],
    pub(super) is_cut: bool,
}

impl Gateway {
    pub(super) async fn answer_ext_authz(self: &Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let credential = self.credential(&parts);
        let whole = match self.guard.read_any(body).await {
            Ok(whole) => whole,
            Err(turned) => return problem(turned.status, &turned.refusal),
        };
        let (connector, path) = place(parts.uri.path());
        let held = Held { method: parts.method.as_str(), path, body: &whole, is_cut: is_cut(&parts.headers) };
        match self.judge_held(&credential, connector, &held).await {
            Ok(evaluation) => {
                let mut response = empty(StatusCode::OK);
                let receipt = evaluation.and_then(|evaluation| evaluation.receipts);
                let id = receipt.map(|receipts| receipts.decision.id.to_string());
                if let Some(Ok(id)) = id.map(|id| HeaderValue::from_str(&id)) {
                    response.headers_mut().insert(RECEIPT, id);
                }
                response
            }
            Err(refusal) => {
                let mut response = problem(status(&refusal), &refusal);
                if response.status() == StatusCode::UNAUTHORIZED {
                    let challenge = HeaderValue::from_static("Bearer");
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                }
                response
            }
        }
    }

    /// Whether a held request may go on; nothing on record for the protocol's own messages.
    pub(super) async fn judge_held(
        &self,
        credential: &Credential,
        connector: &str,
        held: &Held<'_>,
    ) -> Result<Option<Evaluation>, Refusal> {
        let caller = self.engine.authenticate(credential).inspect_err(|refusal| {
            observe::stranger(refusal.code);
        })?;
        if held.is_cut {
            let why = "Envoy has cut the body; judge whole ones with a larger `max_request_bytes`";
            return Err(Refusal::new(Code::TooLarge, why));
        }
        let unknown =
            || Refusal::new(Code::UnknownConnector, format!("{connector:?} is nothing to ask about"));
        let connector: ConnectorName = connector.parse().map_err(|_| unknown())?;
        let evaluation = if self.engine.is_application(&connector) {
            let inquiry = self.route(&caller, &connector, held)?;
            self.engine.evaluate(&caller, &inquiry, Asking::People, PROTOCOL).await
        } else if self.engine.has_connector(&connector) {
            match self.mcp_call(&connector, held)? {
                Some(call) => self.engine.evaluate_call(&caller, call, Asking::People, PROTOCOL).await,
                None => return Ok(None),
            }
        } else {
            return Err(unknown());
        };
        match evaluation.refusal {
            Some(refusal) => Err(refusal),
            None => Ok(Some(evaluation)),
        }
    }

    /// The question that a request of an application's interface is.
    fn route(&self, caller: &Caller, connector: &ConnectorName, held: &Held<'_>) -> Result<Inquiry, Refusal> {
        let nowhere = || {
            let why = format!("no route of `{connector}` is `{} {}`", held.method, held.path);
            Refusal::new(Code::UnknownTool, why).with_who("the operator")
        };
        let (action, kind, id) = self.engine.routed(connector, held.method, held.path).ok_or_else(nowhere)?;
        // Its members can be judged like properties of the action; whatever else it is, it is not looked at.
        let properties = match Json::parse(held.body) {
            Ok(Json::Object(body)) => body,
            Ok(_) => Object::new(),
            Err(_) if held.body.is_empty() => Object::new(),
            Err(error) => {
                let why = format!("the body is not strict JSON: {error}");
                return Err(Refusal::new(Code::Malformed, why));
            }
        };
        let subject =
            Asked { kind: "instance".to_owned(), id: caller.instance().id.to_string(), ..Asked::default() };
        Ok(Inquiry {
            subject,
            action: format!("{connector}.{action}"),
            action_properties: properties,
            resource: Asked { kind, id, ..Asked::default() },
            context: Object::new(),
            // Nothing that Envoy is told edits an answer.
            edits: false,
        })
    }

    /// The call in an MCP message; `None` for the protocol's own traffic.
    fn mcp_call(
        &self,
        connector: &ConnectorName,
        held: &Held<'_>,
    ) -> Result<Option<placet_domain::ToolCall>, Refusal> {
        if held.method != Method::POST.as_str() {
            // Streams and ends of sessions carry no call.
            return Ok(None);
        }
        match Inbound::parse(held.body).map_err(|error| error.refusal())? {
            Inbound::Request(request) => match &request.method {
                Mcp::Act(_) => request
                    .into_tool_call(connector)
                    .map(Some)
                    .map_err(|error| Refusal::new(Code::Malformed, error.to_string())),
                Mcp::ListTools => Ok(None),
                Mcp::Lifecycle(
                    Lifecycle::Discover | Lifecycle::Initialize | Lifecycle::Ping | Lifecycle::SetLogLevel,
                ) => Ok(None),
                Mcp::Unknown(_) => Err(Refusal::new(Code::UnknownMethod, "the method is not known here")),
            },
            Inbound::Notification(_) | Inbound::Response(_) => Ok(None),
        }
    }
}

/// `/ext_authz/todo/todos/7` is `/todos/7` of `todo`.
pub(super) fn place(path: &str) -> (&str, &str) {
    let rest = path.strip_prefix(PREFIX).unwrap_or_default();
    match rest.find('/') {
        Some(end) => rest.split_at(end),
        None => (rest, "/"),
    }
}

/// Whether Envoy says that it has cut the body. Anything but a plain no is a yes.
fn is_cut(headers: &HeaderMap) -> bool {
    headers.get_all(PARTIAL).iter().any(|value| value != "false")
}

/// What the client is told.
pub(super) fn status(refusal: &Refusal) -> StatusCode {
    match refusal.code {
        code if is_about_identity(code) => StatusCode::UNAUTHORIZED,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::LedgerUnavailable | Code::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    }
}
