//! The protocol revisions spoken here, and which of the two eras a request belongs to.

use serde_json::{Value, json};

/// The stateless revision.
pub(crate) const STATELESS: &str = "2026-07-28";
/// The newest revision with sessions, offered to a client that asks for one unknown here.
pub(crate) const SESSION: &str = "2025-11-25";
/// Every revision with sessions, newest first.
pub(crate) const WITH_SESSIONS: [&str; 2] = [SESSION, "2025-06-18"];

/// The two ways of speaking MCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    Stateless,
    Session,
}

/// Who answers, as `Implementation`.
pub(crate) fn server_info() -> Value {
    json!({ "name": "everything", "version": env!("CARGO_PKG_VERSION") })
}

/// What this server can do, as `ServerCapabilities`.
pub(crate) fn capabilities(era: Era) -> Value {
    let mut capabilities = json!({
        "completions": {},
        "logging": {},
        "prompts": { "listChanged": true },
        "resources": { "listChanged": true, "subscribe": true },
        "tools": { "listChanged": true },
    });
    if let (Era::Stateless, Some(members)) = (era, capabilities.as_object_mut()) {
        members.insert("extensions".into(), json!({ TASKS: {} }));
    }
    capabilities
}

/// The identifier of the tasks extension (SEP-2663).
pub(crate) const TASKS: &str = "io.modelcontextprotocol/tasks";
