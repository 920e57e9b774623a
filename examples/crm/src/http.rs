//! The CRM on a TCP listener: MCP over streamable HTTP at `/mcp`, both eras, and its call log at `/log`.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use crate::crm::Crm;
use crate::mcp::McpServer;

#[cfg(test)]
mod tests;

/// Serves `crm` until the future is dropped.
///
/// # Errors
/// The listener is not on a loopback address (the CRM asks nobody who they are), or it fails.
pub async fn serve(listener: TcpListener, crm: Crm) -> io::Result<()> {
    if !listener.local_addr()?.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the crm listens on loopback addresses only",
        ));
    }
    let server = McpServer { crm: crm.clone() };
    let mcp = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default().with_allowed_origins(LOOPBACK_ORIGINS),
    );
    let router = Router::new()
        .route("/log", get(log))
        .with_state(crm)
        .nest_service("/mcp", mcp)
        .layer(middleware::from_fn(loopback_host));
    axum::serve(listener, router).await
}

/// The calls executed so far, one JSON object a line.
async fn log(State(crm): State<Crm>) -> Response {
    let mut lines = String::new();
    for call in crm.log() {
        match serde_json::to_string(&call) {
            Ok(line) => lines.push_str(&line),
            Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
        lines.push('\n');
    }
    ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
}

/// A web page that rebinds its name to 127.0.0.1 still sends its own name as `Host`.
async fn loopback_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    if matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "the host is not a loopback name\n").into_response()
    }
}

const LOOPBACK_ORIGINS: [&str; 3] = ["http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*"];
