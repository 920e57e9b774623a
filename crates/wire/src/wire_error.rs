//! A refusal that concerns the protocol, in the form each border needs: JSON-RPC code, HTTP status, Placet code.
//! Codes are those of JSON-RPC 2.0 and of MCP 2026-07-28, "Error Codes".

use bytes::Bytes;
use placet_domain::{Code, Json, Refusal};

use crate::{Era, Id, UnsupportedVersion, lookalike::cut, reply};

/// JSON-RPC: the text is not JSON.
pub(crate) const PARSE_ERROR: i64 = -32700;
/// JSON-RPC: not a request.
pub(crate) const INVALID_REQUEST: i64 = -32600;
/// JSON-RPC: no such method.
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
/// JSON-RPC: params missing or of the wrong kind.
pub(crate) const INVALID_PARAMS: i64 = -32602;
/// MCP: a mirrored header is missing, malformed or disagrees with the body.
pub(crate) const HEADER_MISMATCH: i64 = -32020;
/// MCP: the protocol version is not served.
pub(crate) const UNSUPPORTED_VERSION: i64 = -32022;

/// Why a message is refused before anyone judges what it asks for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    /// JSON-RPC error code.
    pub code: i64,
    /// HTTP status of the reply.
    pub http_status: u16,
    /// The sentence that teaches the caller.
    pub message: String,
    /// JSON-RPC error data.
    pub data: Option<Json>,
    /// Our stable code.
    pub placet: Code,
}

impl WireError {
    fn new(code: i64, http_status: u16, placet: Code, message: impl Into<String>) -> Self {
        Self { code, http_status, message: message.into(), data: None, placet }
    }

    /// The text is not JSON.
    pub(crate) fn parse(message: impl Into<String>) -> Self {
        Self::new(PARSE_ERROR, 400, Code::Malformed, message)
    }

    /// Not one JSON-RPC message, or not one of this era.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(INVALID_REQUEST, 400, Code::Malformed, message)
    }

    /// `params` lack something or hold the wrong kind.
    pub(crate) fn params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, 400, Code::Malformed, message)
    }

    /// A header is missing, malformed or disagrees with the body. Sessions know no code for that.
    pub(crate) fn mismatch(era: Era, message: impl Into<String>) -> Self {
        let code = if era.is_stateless() { HEADER_MISMATCH } else { INVALID_REQUEST };
        Self::new(code, 400, Code::HeaderMismatch, message)
    }

    /// The method does not exist in this era. Only the stateless era answers 404: in a session, 404 means
    /// that the session is gone.
    pub(crate) fn unknown_method(method: &str, era: Era) -> Self {
        let status = if era.is_stateless() { 404 } else { 200 };
        let message = format!("`{}` is not a method of MCP {era}", cut(method));
        Self::new(METHOD_NOT_FOUND, status, Code::UnknownMethod, message)
    }

    /// The version is not served.
    pub(crate) fn unsupported(error: &UnsupportedVersion) -> Self {
        let data = Some(Json::from(error.to_json()));
        Self { data, ..Self::new(UNSUPPORTED_VERSION, 400, Code::Malformed, error.to_string()) }
    }

    /// What the caller is told, with the catalogue's next step.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        Refusal::new(self.placet, self.message.as_str())
    }

    /// The JSON-RPC error reply.
    #[must_use]
    pub fn reply(&self, id: Option<&Id>) -> Bytes {
        reply::error(id, self.code, &self.message, self.data.as_ref())
    }
}
