//! Revisions with sessions: `initialize`, then POST, GET and DELETE under one `Mcp-Session-Id`.
//! MCP 2025-11-25, basic/lifecycle and basic/transports.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::era::{Era, SESSION, WITH_SESSIONS, capabilities, server_info};
use crate::event_log::position_after;
use crate::headers::{LAST_EVENT_ID, PROTOCOL_VERSION, SESSION_ID, text};
use crate::http::{event_stream, json_response, refusal};
use crate::input::Input;
use crate::line::{Level, Line};
use crate::message::{Fault, INVALID_REQUEST, Incoming, Object, reply};
use crate::server::Server;
use crate::session::{STANDALONE, Session};
use crate::tools::Call;
use crate::{catalog, prompts, resources, tools};

/// Answers one POST.
pub(crate) fn accept(server: &Arc<Server>, headers: &HeaderMap, message: Incoming) -> Response {
    if let Incoming::Request { id, method, params } = &message
        && method == "initialize"
    {
        return match initialize(server, params) {
            Ok((session, result)) => {
                let mut response = json_response(StatusCode::OK, &reply(id, &Ok(result)));
                if let Ok(value) = session.id.parse() {
                    response.headers_mut().insert(SESSION_ID, value);
                }
                response
            }
            Err(fault) => json_response(fault.status, &reply(id, &Err(fault))),
        };
    }
    let session = match session_of(server, headers) {
        Ok(session) => session,
        Err(fault) => {
            let id = if let Incoming::Request { id, .. } = &message { Some(id) } else { None };
            return refusal(id, &fault);
        }
    };
    match message {
        Incoming::Notification { .. } => StatusCode::ACCEPTED.into_response(),
        Incoming::Response { id, outcome } => {
            session.answer(&id, outcome);
            StatusCode::ACCEPTED.into_response()
        }
        Incoming::Request { id, method, params } => {
            let stream = session.open_stream();
            let body = stream.follow(0);
            let server = Arc::clone(server);
            // Not tied to the connection: a client may drop it and resume.
            tokio::spawn(async move {
                let line = Line::Session { session: Arc::clone(&session), stream: Arc::clone(&stream) };
                let outcome = dispatch(server, &session, &method, params, line).await;
                stream.send(&reply(&id, &outcome));
                stream.finish();
            });
            event_stream(body)
        }
    }
}

/// Answers a GET: the standalone stream, or the rest of a stream that broke off.
pub(crate) fn listen(server: &Server, headers: &HeaderMap) -> Response {
    if !headers.contains_key(SESSION_ID) {
        return method_not_allowed();
    }
    let session = match session_of(server, headers) {
        Ok(session) => session,
        Err(fault) => return refusal(None, &fault),
    };
    let (number, from) = match text(headers, LAST_EVENT_ID).map(position_after) {
        None => (STANDALONE, 0),
        Some(Some(position)) => position,
        Some(None) => return refusal(None, &Fault::bad_request(INVALID_REQUEST, "no event has that id")),
    };
    match session.stream(number) {
        Some(stream) => event_stream(stream.follow(from)),
        None => refusal(None, &Fault::bad_request(INVALID_REQUEST, "no event has that id")),
    }
}

/// Answers a DELETE: the session ends.
pub(crate) fn end(server: &Server, headers: &HeaderMap) -> Response {
    match text(headers, SESSION_ID) {
        Some(id) if server.sessions.end(id) => StatusCode::NO_CONTENT.into_response(),
        Some(_) => StatusCode::NOT_FOUND.into_response(),
        None => method_not_allowed(),
    }
}

fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")]).into_response()
}

fn session_of(server: &Server, headers: &HeaderMap) -> Result<Arc<Session>, Fault> {
    if text(headers, PROTOCOL_VERSION).is_some_and(|version| !WITH_SESSIONS.contains(&version)) {
        return Err(Fault::bad_request(INVALID_REQUEST, "this protocol version is not spoken here"));
    }
    let id = text(headers, SESSION_ID)
        .ok_or_else(|| Fault::bad_request(INVALID_REQUEST, "the header `mcp-session-id` is missing"))?;
    server.sessions.find(id).ok_or_else(|| Fault {
        status: StatusCode::NOT_FOUND,
        ..Fault::new(INVALID_REQUEST, "there is no such session")
    })
}

fn initialize(server: &Server, params: &Object) -> Result<(Arc<Session>, Value), Fault> {
    let wanted = params
        .get("protocolVersion")
        .and_then(Value::as_str)
        .ok_or_else(|| Fault::invalid_params("`protocolVersion` is missing"))?;
    let version = WITH_SESSIONS.into_iter().find(|version| *version == wanted).unwrap_or(SESSION);
    let declared = params.get("capabilities").cloned().unwrap_or_else(|| json!({}));
    let session = server.sessions.start(version, declared, &server.hub)?;
    let result = json!({
        "protocolVersion": version,
        "capabilities": capabilities(Era::Session),
        "serverInfo": server_info(),
        "instructions": "A fixture for conformance tests",
    });
    Ok((session, result))
}

/// The resources; in pages where `_meta` asks for them. A cursor is good in its own session only.
fn page(session: &Session, params: &Object) -> Result<Value, Fault> {
    let all = resources::list();
    let size = params.get("_meta").and_then(|meta| meta.get(PAGE)).and_then(Value::as_u64);
    let (Some(size), Some(elements)) = (size, all.as_array()) else {
        return Ok(json!({ "resources": all }));
    };
    let start = match params.get("cursor").and_then(Value::as_str) {
        None => 0,
        Some(cursor) => {
            let own = cursor.strip_prefix(&session.id).and_then(|rest| rest.strip_prefix(':')?.parse().ok());
            own.ok_or_else(|| Fault::invalid_params("the cursor is none of this session"))?
        }
    };
    let end = start + usize::try_from(size).unwrap_or(usize::MAX).max(1);
    let found: Vec<&Value> = elements.iter().skip(start).take(end - start).collect();
    Ok(match end < elements.len() {
        true => json!({ "resources": found, "nextCursor": format!("{}:{end}", session.id) }),
        false => json!({ "resources": found }),
    })
}

/// The member of `_meta` that asks for pages, so that a client needs no patience elsewhere.
const PAGE: &str = "example.com/page";

async fn dispatch(
    server: Arc<Server>,
    session: &Session,
    method: &str,
    mut params: Object,
    line: Line,
) -> Result<Value, Fault> {
    let text = |key: &str| {
        let value = params.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
        value.ok_or_else(|| Fault::invalid_params(format!("`{key}` is missing or not a string")))
    };
    match method {
        "ping" => Ok(json!({})),
        "logging/setLevel" => {
            let level = Level::parse(params.get("level"));
            *session.level.lock() =
                level.ok_or_else(|| Fault::invalid_params("`level` is not a log level"))?;
            Ok(json!({}))
        }
        "tools/list" => Ok(json!({ "tools": catalog::tools(Era::Session) })),
        "tools/call" => {
            let name = text("name")?;
            let progress_token = params.get("_meta").and_then(|meta| meta.get("progressToken")).cloned();
            let call = Call {
                era: Era::Session,
                name,
                arguments: tools::arguments(&mut params)?,
                input: Input::none(session.capabilities.clone()),
                progress_token,
                line,
            };
            tools::run(server, call).await
        }
        "resources/list" => page(session, &params),
        "resources/templates/list" => Ok(json!({ "resourceTemplates": resources::templates() })),
        "resources/read" => resources::read(Era::Session, &text("uri")?),
        "resources/subscribe" => {
            session.subscriptions.lock().insert(text("uri")?);
            Ok(json!({}))
        }
        "resources/unsubscribe" => {
            session.subscriptions.lock().remove(&text("uri")?);
            Ok(json!({}))
        }
        "prompts/list" => Ok(json!({ "prompts": prompts::list(Era::Session) })),
        "prompts/get" => {
            let name = text("name")?;
            let arguments = tools::arguments(&mut params)?;
            prompts::render(Era::Session, &name, &arguments, &Input::none(session.capabilities.clone()))
        }
        "completion/complete" => prompts::complete(&params),
        unknown => Err(Fault::method_not_found(unknown)),
    }
}
