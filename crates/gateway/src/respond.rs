//! From a reply of the engine to an HTTP response.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use placet_domain::{Code, Json, Operation, Refusal};
use placet_engine::{
    Receipts, Reply,
    ports::{Answered, RelayFrame},
};
use placet_wire::{Era, Id, RawResult, meta, reply};

use crate::body::{Body, whole};

// Errors of an upstream that set the HTTP status (JSON-RPC 2.0; MCP 2026-07-28, "Error Codes").
const METHOD_NOT_FOUND: i64 = -32601;
const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;

/// A JSON-RPC message as a whole response.
pub(crate) fn json(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(whole(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// No content.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A refusal outside JSON-RPC: RFC 9457 problem details.
pub(crate) fn problem(status: StatusCode, refusal: &Refusal) -> Response<Body> {
    let details = refusal
        .to_json()
        .with("type", format!("https://placet.dev/explain/{}", refusal.code))
        .with("title", refusal.code.what())
        .with("status", i64::from(status.as_u16()))
        .with("detail", refusal.to_string());
    let mut response = json(status, Json::Object(details).canonical().into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// A refused credential: 401 with the challenge of RFC 6750; 403 without one for a run that a person has stopped.
pub(crate) fn unauthenticated(
    id: Option<&Id>,
    refusal: &Refusal,
    receipt: Option<&Receipts>,
) -> Response<Body> {
    let receipt = receipt.map(Receipts::to_json);
    let message = reply::refusal_of_method(id, refusal, receipt.as_ref());
    if refusal.code == Code::Halted {
        // The credential is good, and another one would help as little.
        return json(StatusCode::FORBIDDEN, message);
    }
    let mut response = json(StatusCode::UNAUTHORIZED, message);
    let challenge = match refusal.code {
        Code::NoCredential => "Bearer".to_owned(),
        code => format!("Bearer error=\"invalid_token\", error_description=\"{code} {}\"", code.what()),
    };
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    // The connector's route says where tokens are to be had.
    response.extensions_mut().insert(refusal.code);
    response
}

/// Whether a refusal is about who the caller is.
pub(crate) fn is_about_identity(code: Code) -> bool {
    matches!(
        code,
        Code::NoCredential
            | Code::BadCredential
            | Code::ExpiredCredential
            | Code::RevokedInstance
            | Code::UnknownAgent
            | Code::WrongAudience
            | Code::ProofRequired
            | Code::ProofRejected
            | Code::ProofNonce
    )
}

fn with_subscription(message: &[u8], id: &Id) -> Option<Bytes> {
    let Ok(Json::Object(mut message)) = Json::parse(message) else { return None };
    let mut params = message.member("params")?.as_object()?.clone();
    let mut marks = params.member("_meta")?.as_object()?.clone();
    marks.member(meta::SUBSCRIPTION_ID)?;
    marks.set(
        meta::SUBSCRIPTION_ID,
        match id {
            Id::Integer(integer) => Json::from(*integer),
            Id::Text(text) => Json::from(text.as_str()),
        },
    );
    params.set("_meta", marks);
    message.set("params", params);
    Some(Json::Object(message).canonical().into())
}

/// What a client that made a call is told.
#[derive(Debug)]
pub(crate) struct Answering {
    pub(crate) id: Id,
    pub(crate) era: Era,
    pub(crate) operation: Operation,
    /// Whether the tool declares an output schema, against which clients hold even refusals.
    pub(crate) typed: bool,
}

impl Answering {
    /// A tool's frame as this client knows it: a subscription has the client's id, not ours.
    pub(crate) fn frame(&self, mut frame: RelayFrame) -> RelayFrame {
        if self.operation == Operation::Listen
            && let Some(data) = with_subscription(&frame.data, &self.id)
        {
            frame.data = data;
        }
        frame
    }

    /// The HTTP status of a whole answer. In the stateless era some errors have one of their own, which clients
    /// read before the body (MCP 2026-07-28, "Error Codes"); a session's answers are all 200.
    pub(crate) fn status(&self, reply: &Reply) -> StatusCode {
        let Reply::Answered { answer: Answered::Error(raw), .. } = reply else { return StatusCode::OK };
        let code = Json::parse(raw).ok().and_then(|error| error.member("code")?.as_integer());
        match code {
            Some(HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION) if self.era.is_stateless() => {
                StatusCode::BAD_REQUEST
            }
            Some(METHOD_NOT_FOUND) if self.era.is_stateless() => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        }
    }

    /// The JSON-RPC message for the end of a call.
    pub(crate) fn message(&self, reply: &Reply) -> Bytes {
        match reply {
            Reply::Answered { answer: Answered::Result(raw), receipts, .. } => {
                let receipt = receipts.to_json();
                match RawResult::parse(raw) {
                    Ok(result) => reply::result(&self.id, &result.with_meta(meta::RECEIPT, &receipt)),
                    // The connector has parsed it already: this cannot be reached with a foreign answer.
                    Err(_) => self.refusal(
                        &Refusal::new(Code::ToolUnreachable, "the tool's answer is not a result"),
                        Some(receipts),
                    ),
                }
            }
            Reply::Answered { answer: Answered::Error(raw), .. } => {
                reply::raw_error(Some(&self.id), std::str::from_utf8(raw).unwrap_or("{}"))
            }
            Reply::Refused { refusal, receipts } => self.refusal(refusal, receipts.as_ref()),
        }
    }

    fn refusal(&self, refusal: &Refusal, receipts: Option<&Receipts>) -> Bytes {
        let receipt = receipts.map(Receipts::to_json);
        match (&self.operation, self.typed) {
            (Operation::Tool(_), false) => reply::refusal(&self.id, refusal, self.era, receipt.as_ref()),
            (Operation::Tool(_), true) => {
                reply::refusal_of_typed_tool(&self.id, refusal, self.era, receipt.as_ref())
            }
            _ => reply::refusal_of_method(Some(&self.id), refusal, receipt.as_ref()),
        }
    }
}
