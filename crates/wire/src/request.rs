//! What a client sends: one JSON-RPC 2.0 message, read in exactly one way or refused.
//! Not a judgement: an unknown method parses, and `Method::admit` refuses it once the era is known.

use placet_domain::{
    Code, ConnectorName, Json, JsonError, JsonFault, MalformedCall, Object, Refusal, ToolCall,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Id, Method, NotificationMethod, WireError,
    lookalike::{cut, imitated},
    meta,
};

/// The members a JSON-RPC message can have.
const ENVELOPE: [&str; 6] = ["error", "id", "jsonrpc", "method", "params", "result"];
/// Members of `params` that decide what is run: no other key may pass for one of them.
const PARAMS: [&str; 10] = [
    "_meta",
    "arguments",
    "cursor",
    "inputResponses",
    "name",
    "ref",
    "requestState",
    "task",
    "taskId",
    "uri",
];
/// Members of `params._meta` that we act on.
const META: [&str; 3] = [meta::PROTOCOL_VERSION, meta::CLIENT_CAPABILITIES, meta::PROGRESS_TOKEN];

/// One message from a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// Wants an answer.
    Request(Request),
    /// Wants none.
    Notification(Notification),
    /// Answers a request of the server (sessions only).
    Response(Response),
}

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The client's id, for the answer.
    pub id: Id,
    /// What is asked for.
    pub method: Method,
    /// `params`, empty when the client sent none.
    pub params: Object,
}

/// A notification.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// What is told.
    pub method: NotificationMethod,
    /// `params`, empty when the client sent none.
    pub params: Object,
}

/// A client's answer to a request of the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The id of the request that is answered.
    pub id: Id,
    /// The answer.
    pub answer: Answer,
}

/// Result or error, never both.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The `result` object.
    Result(Object),
    /// The `error` object: an integer `code`, a string `message`.
    Error(Object),
}

/// Why a client's message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Not JSON, or JSON that two parsers could read differently.
    #[error("{error}")]
    Json {
        /// The rule that was broken.
        error: JsonError,
        /// The id, if it could be made out.
        id: Option<Id>,
    },
    /// Several messages in one body.
    #[error("a batch is not accepted: send one message a request")]
    Batch,
    /// Not a JSON-RPC 2.0 message.
    #[error("{message}")]
    Envelope {
        /// What is wrong and how to mend it.
        message: String,
        /// The id, if it could be made out.
        id: Option<Id>,
    },
    /// `params` do not fit the method.
    #[error("{message}")]
    Params {
        /// What is wrong and how to mend it.
        message: String,
        /// The id, if it could be made out.
        id: Option<Id>,
    },
}

impl FrameError {
    /// The client's id, if it could be made out.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        match self {
            Self::Batch => None,
            Self::Json { id, .. } | Self::Envelope { id, .. } | Self::Params { id, .. } => id.as_ref(),
        }
    }

    /// JSON-RPC code and HTTP status for this refusal.
    #[must_use]
    pub fn wire(&self) -> WireError {
        match self {
            Self::Json { error, .. } => match error.fault {
                JsonFault::ByteOrderMark | JsonFault::Syntax | JsonFault::Utf8 => {
                    WireError::parse(self.to_string())
                }
                JsonFault::Depth | JsonFault::DuplicateKey | JsonFault::Inexact | JsonFault::Nul => {
                    WireError::invalid(self.to_string())
                }
            },
            Self::Batch | Self::Envelope { .. } => WireError::invalid(self.to_string()),
            Self::Params { .. } => WireError::params(self.to_string()),
        }
    }

    /// What the caller is told.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        Refusal::new(Code::Malformed, self.to_string())
    }
}

impl Inbound {
    /// Parses one complete message. The caller has bounded the size of `body`.
    ///
    /// # Errors
    /// Refuses batches, unknown and look-alike members, and everything that two parsers could read differently.
    pub fn parse(body: &[u8]) -> Result<Self, FrameError> {
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            return Err(FrameError::Batch);
        }
        match Json::parse(body) {
            Ok(Json::Object(envelope)) => Envelope::of(envelope, None)?.classify(),
            Ok(other) => Err(FrameError::Envelope {
                message: format!("the body is {}, not a JSON-RPC message", other.kind()),
                id: None,
            }),
            Err(error) => Self::with_wide_id(body, error),
        }
    }

    /// An id may be any 64-bit integer: it is given back, never computed with. Such a message is parsed
    /// with the id put aside; in all other messages `error` stands.
    fn with_wide_id(body: &[u8], error: JsonError) -> Result<Self, FrameError> {
        let place = std::str::from_utf8(body).ok().and_then(IdPlace::find);
        let id = place.as_ref().and_then(|place| Id::of_text(place.text));
        let (Some(place), Some(Id::Integer(wide)), JsonFault::Inexact) = (place, &id, error.fault) else {
            return Err(FrameError::Json { error, id });
        };
        let plain = [place.before.as_bytes(), b"0", place.after.as_bytes()].concat();
        match Json::parse(&plain) {
            Ok(Json::Object(envelope)) => Envelope::of(envelope, Some(Id::Integer(*wide)))?.classify(),
            Ok(_) => Err(FrameError::Json { error, id }),
            Err(error) => Err(FrameError::Json { error, id }),
        }
    }

    /// The method on the wire; a response has none.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match self {
            Self::Request(request) => Some(request.method.as_str()),
            Self::Notification(notification) => Some(notification.method.as_str()),
            Self::Response(_) => None,
        }
    }
}

/// Where the id stands in a message whose `params` may be unacceptable.
struct IdPlace<'a> {
    before: &'a str,
    text: &'a str,
    after: &'a str,
}

impl<'a> IdPlace<'a> {
    fn find(body: &'a str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Shallow<'a> {
            #[serde(borrow)]
            id: &'a RawValue,
        }
        let shallow: Shallow<'a> = serde_json::from_str(body).ok()?;
        let text = shallow.id.get();
        let start = (text.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
        Some(Self { before: body.get(..start)?, text, after: body.get(start + text.len()..)? })
    }
}

/// The members of a message, before it is known what kind it is.
struct Envelope {
    members: Object,
    id: Option<Id>,
}

impl Envelope {
    fn of(mut members: Object, wide_id: Option<Id>) -> Result<Self, FrameError> {
        let sent = members.remove("id");
        let id = wide_id.or_else(|| sent.as_ref().and_then(Id::of));
        let fail = |message| Err(FrameError::Envelope { message, id: id.clone() });
        if let (Some(sent), None) = (&sent, &id) {
            return fail(format!("id is {}: send a string or an integer", sent.kind()));
        }
        if let Some((key, _)) = members.members().find(|(key, _)| !ENVELOPE.contains(key)) {
            return fail(match imitated(key, &ENVELOPE) {
                Some(known) => format!("key {:?} passes for `{known}`: spell it `{known}`", cut(key)),
                None => format!("key {:?} is not part of JSON-RPC 2.0", cut(key)),
            });
        }
        match members.member("jsonrpc").and_then(Json::as_str) {
            Some("2.0") => Ok(Self { members, id }),
            _ => fail("`jsonrpc` must be \"2.0\"".to_owned()),
        }
    }

    fn classify(mut self) -> Result<Inbound, FrameError> {
        let (method, params) = (self.members.remove("method"), self.members.remove("params"));
        let (result, error) = (self.members.remove("result"), self.members.remove("error"));
        match (method, self.id.take(), params, result, error) {
            (Some(Json::String(method)), id, params, None, None) => call(method, id, params),
            (Some(Json::String(_)), id, _, _, _) => {
                Err(envelope(id, "a message with `method` has neither `result` nor `error`"))
            }
            (Some(_), id, _, _, _) => Err(envelope(id, "`method` must be a string")),
            (None, Some(id), None, Some(result), None) => match result {
                Json::Object(result) => {
                    Ok(Inbound::Response(Response { id, answer: Answer::Result(result) }))
                }
                _ => Err(envelope(Some(id), "`result` must be an object")),
            },
            (None, Some(id), None, None, Some(error)) => match error {
                Json::Object(error) if is_error(&error) => {
                    Ok(Inbound::Response(Response { id, answer: Answer::Error(error) }))
                }
                _ => Err(envelope(Some(id), "`error` must hold an integer `code` and a string `message`")),
            },
            (None, None, None, Some(_), _) | (None, None, None, None, Some(_)) => {
                Err(envelope(None, "a response must carry the `id` of its request"))
            }
            (None, id, _, _, _) => {
                Err(envelope(id, "send `method`, or for a response exactly one of `result` and `error`"))
            }
        }
    }
}

fn envelope(id: Option<Id>, message: &str) -> FrameError {
    FrameError::Envelope { message: message.to_owned(), id }
}

fn is_error(error: &Object) -> bool {
    error.member("code").and_then(Json::as_integer).is_some()
        && error.member("message").and_then(Json::as_str).is_some()
}

/// A request or a notification.
fn call(name: String, id: Option<Id>, params: Option<Json>) -> Result<Inbound, FrameError> {
    let params = match params {
        None => Object::new(),
        Some(Json::Object(params)) => params,
        Some(other) => {
            let message = format!("`params` is {}, not an object", other.kind());
            return Err(FrameError::Params { message, id });
        }
    };
    if let Err(message) = check_params(&params) {
        return Err(FrameError::Params { message, id });
    }
    let Some(id) = id else {
        let method = NotificationMethod::of(&name);
        return Ok(Inbound::Notification(Notification { method, params }));
    };
    match Method::of(&name, &params) {
        Ok(method) => Ok(Inbound::Request(Request { id, method, params })),
        Err(message) => Err(FrameError::Params { message, id: Some(id) }),
    }
}

fn check_params(params: &Object) -> Result<(), String> {
    let imitation = |place: &str, key: &str, known: &str| {
        format!("key {:?} in {place} passes for `{known}`: spell it `{known}` or rename it", cut(key))
    };
    for (key, _) in params.members() {
        if let Some(known) = imitated(key, &PARAMS) {
            return Err(imitation("params", key, known));
        }
    }
    match params.member("_meta") {
        None => Ok(()),
        Some(Json::Object(meta)) => {
            let found = meta.members().find_map(|(key, _)| Some((key, imitated(key, &META)?)));
            found.map_or(Ok(()), |(key, known)| Err(imitation("params._meta", key, known)))
        }
        Some(other) => Err(format!("params._meta is {}, not an object", other.kind())),
    }
}

impl Request {
    /// The call this request makes, keeping the request.
    ///
    /// # Errors
    /// A request that is not judged (`tools/list`, life-cycle, unknown) is no call; `arguments` must be an object.
    pub fn tool_call(&self, connector: &ConnectorName) -> Result<ToolCall, MalformedCall> {
        self.clone().into_tool_call(connector)
    }

    /// The call this request makes, without a copy of its params.
    ///
    /// # Errors
    /// As [`Request::tool_call`].
    pub fn into_tool_call(self, connector: &ConnectorName) -> Result<ToolCall, MalformedCall> {
        match self.method {
            Method::Act(operation) => ToolCall::new(connector.clone(), operation, self.params),
            other => Err(MalformedCall::new(format!("`{}` is not a call", cut(other.as_str())))),
        }
    }

    /// A member of `params._meta`.
    #[must_use]
    pub fn meta(&self, key: &str) -> Option<&Json> {
        self.params.member("_meta")?.member(key)
    }

    /// What the client of a stateless request says it can do.
    #[must_use]
    pub fn client_capabilities(&self) -> Option<&Object> {
        self.meta(meta::CLIENT_CAPABILITIES)?.as_object()
    }

    /// The token under which the client wants progress: a string or an integer, passed on as it is.
    #[must_use]
    pub fn progress_token(&self) -> Option<&Json> {
        self.meta(meta::PROGRESS_TOKEN)
    }
}

#[cfg(test)]
pub(crate) mod tests;
