//! What a server sends, read without losing anything: only the top level is looked at, all else stays bytes.
//! Malformed messages are refused, so that no client has to survive them.

use std::ops::Range;

use bytes::Bytes;
use placet_domain::{Object, limits};

use crate::{
    Id,
    lookalike::{cut, imitated},
    raw::{self, Member},
};

const ENVELOPE: [&str; 6] = ["error", "id", "jsonrpc", "method", "params", "result"];
/// Members of a result that we act on.
const RESULT: [&str; 3] = ["_meta", "isError", "resultType"];

/// One message from a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outbound {
    /// The answer to a request.
    Response {
        /// The id of the request.
        id: Id,
        /// The answer.
        body: ResponseBody,
    },
    /// An error that names no request: the server could not read the id. Belongs to the exchange it came in.
    Unaddressed(RawError),
    /// The server asks the client (sessions only).
    Request {
        /// The server's id, to be given back to it.
        id: Id,
        /// What it asks for.
        method: String,
        /// The whole message as it came.
        raw: Bytes,
    },
    /// The server tells.
    Notification {
        /// What it tells.
        method: String,
        /// The whole message as it came.
        raw: Bytes,
    },
}

/// Result or error, never both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseBody {
    /// The `result`.
    Result(RawResult),
    /// The `error`.
    Error(RawError),
}

/// Why a server's message was refused. Quotes no value of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Larger than [`limits::REPLY_BYTES`].
    #[error("the reply is larger than {} bytes", limits::REPLY_BYTES)]
    TooLarge,
    /// Not UTF-8.
    #[error("the reply is not UTF-8")]
    NotUtf8,
    /// Not a JSON-RPC 2.0 message, or an ambiguous one.
    #[error("the reply is not a JSON-RPC message: {0}")]
    Malformed(String),
}

impl From<String> for UpstreamError {
    fn from(message: String) -> Self {
        Self::Malformed(message)
    }
}

impl From<&str> for UpstreamError {
    fn from(message: &str) -> Self {
        Self::Malformed(message.to_owned())
    }
}

impl Outbound {
    /// Reads one complete message.
    ///
    /// # Errors
    /// Refuses what is too large, not UTF-8, not JSON-RPC 2.0, or holds a key twice at the top level.
    pub fn parse(bytes: &[u8]) -> Result<Self, UpstreamError> {
        let text = text_of(bytes)?;
        let members = envelope(text)?;
        let of = |key| raw::member(&members, key);
        let id = match of("id") {
            None | Some("null") => None,
            Some(id) => Some(Id::of_text(id).ok_or("`id` is no string and no 64-bit integer")?),
        };
        match (of("method"), id, of("result"), of("error")) {
            (Some(method), id, None, None) => {
                let method = serde_json::from_str(method).map_err(|_| "`method` is not a string")?;
                if !of("params").unwrap_or("{}").starts_with(['{', '[']) {
                    return Err("`params` is neither an object nor an array".into());
                }
                let raw = Bytes::copy_from_slice(text.as_bytes());
                match (id, of("id")) {
                    (Some(id), _) => Ok(Self::Request { id, method, raw }),
                    (None, None) => Ok(Self::Notification { method, raw }),
                    (None, Some(_)) => Err("a request has the id null".into()),
                }
            }
            (None, Some(id), Some(result), None) => {
                Ok(Self::Response { id, body: ResponseBody::Result(RawResult::of(result)?) })
            }
            (None, Some(id), None, Some(error)) => {
                Ok(Self::Response { id, body: ResponseBody::Error(RawError::of(error)?) })
            }
            (None, None, None, Some(error)) => Ok(Self::Unaddressed(RawError::of(error)?)),
            (None, None, Some(_), None) => Err("a result has no id".into()),
            (None, _, Some(_), Some(_)) => Err("both `result` and `error`".into()),
            (None, _, None, None) => Err("none of `method`, `result` and `error`".into()),
            (Some(_), _, _, _) => Err("`method` beside `result` or `error`".into()),
        }
    }
}

fn text_of(bytes: &[u8]) -> Result<&str, UpstreamError> {
    if bytes.len() > limits::REPLY_BYTES {
        return Err(UpstreamError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| UpstreamError::NotUtf8)?;
    Ok(text.trim_matches([' ', '\t', '\r', '\n']))
}

fn envelope(text: &str) -> Result<Vec<Member<'_>>, UpstreamError> {
    let members = raw::members(text)?;
    no_imitation(&members, &ENVELOPE)?;
    match raw::member(&members, "jsonrpc") {
        Some("\"2.0\"") => Ok(members),
        _ => Err("`jsonrpc` is not \"2.0\"".into()),
    }
}

/// A client that folds case would read another message than the one we recorded.
fn no_imitation(members: &[Member<'_>], known: &[&str]) -> Result<(), UpstreamError> {
    match members.iter().find_map(|member| Some((&member.key, imitated(&member.key, known)?))) {
        Some((key, known)) => Err(format!("key {:?} passes for `{known}`", cut(key)).into()),
        None => Ok(()),
    }
}

/// Gives a message another id, keeping all other bytes: the client's own for an answer, ours for a server's request.
///
/// # Errors
/// As [`Outbound::parse`]; the message must have an id.
pub fn rewrite_id(message: &[u8], id: &Id) -> Result<Bytes, UpstreamError> {
    let text = text_of(message)?;
    let members = envelope(text)?;
    let place = members.iter().find(|member| member.key == "id").map(|member| member.place.clone());
    let place = place.ok_or("the message has no id")?;
    Ok(raw::splice(text, &mut [(place, id.to_string())]).into())
}

/// The `error` of a response, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawError {
    /// The error code.
    pub code: i64,
    /// The message. Written by the server: not to be trusted.
    pub message: String,
    text: Box<str>,
}

impl RawError {
    fn of(text: &str) -> Result<Self, UpstreamError> {
        let members = raw::members(text)?;
        let code = raw::member(&members, "code").and_then(|code| code.parse().ok());
        let message = raw::member(&members, "message").and_then(|text| serde_json::from_str(text).ok());
        match (code, message) {
            (Some(code), Some(message)) => Ok(Self { code, message, text: text.into() }),
            _ => Err("`error` lacks an integer `code` or a string `message`".into()),
        }
    }

    /// The whole `error` object as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The `data` of the error, as JSON text.
    #[must_use]
    pub fn data(&self) -> Option<&str> {
        raw::members(&self.text).ok().and_then(|members| raw::member(&members, "data"))
    }
}

/// The `result` of a response: its top level is known, all else is kept byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawResult {
    text: Box<str>,
    is_error: bool,
    result_type: Option<Box<str>>,
    meta: Option<Range<usize>>,
    is_empty: bool,
}

impl RawResult {
    /// Reads a result given as JSON text.
    ///
    /// # Errors
    /// Refuses what is no JSON object, names a key twice at the top level or in `_meta`, or has a `_meta` or a
    /// `resultType` of the wrong kind.
    pub fn parse(bytes: &[u8]) -> Result<Self, UpstreamError> {
        Self::of(text_of(bytes)?)
    }

    fn of(text: &str) -> Result<Self, UpstreamError> {
        let members = raw::members(text)?;
        no_imitation(&members, &RESULT)?;
        let mut result = Self {
            text: text.into(),
            is_error: false,
            result_type: None,
            meta: None,
            is_empty: members.is_empty(),
        };
        for Member { key, value, place } in members {
            match &*key {
                "isError" => result.is_error = value == "true",
                "resultType" => {
                    let name =
                        serde_json::from_str::<String>(value).map_err(|_| "`resultType` is not a string")?;
                    result.result_type = Some(name.into());
                }
                "_meta" => {
                    if value != "null" {
                        raw::members(value).map_err(|why| format!("`_meta`: {why}"))?;
                    }
                    result.meta = Some(place);
                }
                _ => {}
            }
        }
        Ok(result)
    }

    /// Whether the tool itself reports a failure.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.is_error
    }

    /// `complete`, `input_required`, `task` or something unknown; absent in sessions, where it means `complete`.
    #[must_use]
    pub fn result_type(&self) -> Option<&str> {
        self.result_type.as_deref()
    }

    /// The JSON text as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bytes as they came.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The JSON text of a top-level member.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&str> {
        self.members().ok().and_then(|members| raw::member(&members, key))
    }

    pub(crate) fn members(&self) -> Result<Vec<Member<'_>>, UpstreamError> {
        Ok(raw::members(&self.text)?)
    }

    /// The result with one more member of `_meta`, all other bytes as they came. A member of that name, which
    /// can only be forged, is replaced.
    #[must_use]
    pub fn with_meta(&self, key: &str, value: &Object) -> String {
        let mut member = String::with_capacity(128);
        value.write_canonical(&mut member);
        let fresh = || raw::with_member("{}", &[], key, &member);
        let Some(place) = self.meta.clone() else {
            return raw::splice(
                &self.text,
                &mut [raw::addition(&self.text, self.is_empty, "_meta", &fresh())],
            );
        };
        let meta = self.text.get(place.clone()).unwrap_or_default();
        let meta = match raw::members(meta) {
            Ok(members) => raw::with_member(meta, &members, key, &member),
            // `null`: everything else was refused when the result was read.
            Err(_) => fresh(),
        };
        raw::splice(&self.text, &mut [(place, meta)])
    }
}

#[cfg(test)]
mod tests;
