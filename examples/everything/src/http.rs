//! The listener: one endpoint, `/mcp`, guarded against DNS rebinding, split by era.
//! Streamable HTTP of MCP 2025-11-25 and 2026-07-28 (basic/transports).

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use tokio::net::TcpListener;

use crate::era::{Era, WITH_SESSIONS};
use crate::headers::{PROTOCOL_VERSION, text};
use crate::message::{Fault, Incoming};
use crate::server::Server;
use crate::stateless::VERSION_KEY;
use crate::{legacy, stateless};

#[cfg(test)]
mod tests;

/// Serves the fixture at `/mcp` until the future is dropped.
///
/// # Errors
/// The listener is not on a loopback address, the system has no randomness, or the listener fails.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    if !listener.local_addr()?.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "this server listens on loopback addresses only",
        ));
    }
    let server = Server::new().map_err(|fault| io::Error::other(fault.message))?;
    let router = Router::new()
        .route("/mcp", post(accept).get(listen).delete(end))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(loopback_only))
        .with_state(Arc::new(server));
    axum::serve(listener, router).await
}

async fn accept(State(server): State<Arc<Server>>, headers: HeaderMap, body: Bytes) -> Response {
    let message = match Incoming::parse(&body) {
        Ok(message) => message,
        // Without a readable id the reply carries none.
        Err(fault) => {
            return json_response(fault.status, &json!({ "jsonrpc": "2.0", "error": fault.to_json() }));
        }
    };
    match era_of(&headers, &message) {
        Era::Stateless => stateless::accept(server, &headers, message).await,
        Era::Session => legacy::accept(&server, &headers, message),
    }
}

async fn listen(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    legacy::listen(&server, &headers)
}

async fn end(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    legacy::end(&server, &headers)
}

/// A request is stateless when its header names no session revision, or its body carries its own version.
fn era_of(headers: &HeaderMap, message: &Incoming) -> Era {
    match text(headers, PROTOCOL_VERSION) {
        Some(version) if WITH_SESSIONS.contains(&version) => return Era::Session,
        Some(_) => return Era::Stateless,
        None => {}
    }
    match message {
        Incoming::Request { params, .. }
            if params.get("_meta").is_some_and(|meta| meta.get(VERSION_KEY).is_some()) =>
        {
            Era::Stateless
        }
        Incoming::Request { method, .. } if method == "server/discover" => Era::Stateless,
        Incoming::Request { .. } | Incoming::Notification { .. } | Incoming::Response { .. } => Era::Session,
    }
}

/// A page that rebinds its name to 127.0.0.1 still sends its own name as `Host` and `Origin`.
async fn loopback_only(request: Request, next: Next) -> Response {
    let host = text(request.headers(), header::HOST.as_str()).unwrap_or_default();
    let origin = text(request.headers(), header::ORIGIN.as_str());
    let origin_host = origin.map(|origin| {
        origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).unwrap_or_default()
    });
    if is_loopback_name(host) && origin_host.is_none_or(is_loopback_name) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "the host or the origin is not a loopback name\n").into_response()
    }
}

fn is_loopback_name(authority: &str) -> bool {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// A JSON body with a status.
pub(crate) fn json_response(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// A server-sent event stream; `X-Accel-Buffering` keeps proxies from holding events back.
pub(crate) fn event_stream(body: axum::body::Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-cache"),
        ("x-accel-buffering", "no"),
    ];
    (headers, body).into_response()
}

/// An error about the HTTP exchange itself.
pub(crate) fn refusal(id: Option<&serde_json::Value>, fault: &Fault) -> Response {
    let body = match id {
        Some(id) => json!({ "jsonrpc": "2.0", "id": id, "error": fault.to_json() }),
        None => json!({ "jsonrpc": "2.0", "error": fault.to_json() }),
    };
    json_response(fault.status, &body)
}

const MAX_BODY_BYTES: usize = 1 << 20;
