//! A session at an HTTP upstream (MCP 2025-06-18, 2025-11-25).

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use placet_wire::{MCP_PROTOCOL_VERSION, MCP_SESSION_ID};

use crate::pending::Pending;

/// What `initialize` agreed on.
#[derive(Debug)]
pub(crate) struct Session {
    /// The server's id of the session, if it keeps any.
    id: Option<HeaderValue>,
    /// The negotiated revision.
    version: HeaderValue,
    /// Requests whose answers may come on another stream of this session.
    pub(crate) pending: Arc<Pending>,
}

impl Session {
    pub(crate) fn new(id: Option<HeaderValue>, version: HeaderValue) -> Self {
        Self { id, version, pending: Arc::default() }
    }

    /// Adds what marks a request as one of this session.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        headers.insert(&MCP_PROTOCOL_VERSION, self.version.clone());
        if let Some(id) = &self.id {
            headers.insert(&MCP_SESSION_ID, id.clone());
        }
    }
}
