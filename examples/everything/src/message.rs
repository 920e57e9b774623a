//! JSON-RPC 2.0 frames as MCP uses them, and the one error type of this server.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// One message from a client.
#[derive(Debug)]
pub(crate) enum Incoming {
    Request {
        id: Value,
        method: String,
        params: Object,
    },
    Notification {
        method: String,
        params: Object,
    },
    /// The answer to a request that the server sent; the error stays as it came.
    Response {
        id: Value,
        outcome: Result<Value, Value>,
    },
}

impl Incoming {
    /// Reads exactly one message; batches ended with revision 2025-06-18.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Fault> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| Fault::bad_request(PARSE_ERROR, format!("the body is not json: {error}")))?;
        let Value::Object(mut message) = value else {
            return Err(Fault::bad_request(INVALID_REQUEST, "the body is not one json-rpc message"));
        };
        if message.get("jsonrpc") != Some(&json!("2.0")) {
            return Err(Fault::bad_request(INVALID_REQUEST, "`jsonrpc` is not \"2.0\""));
        }
        let id = message.remove("id");
        if let Some(Value::String(method)) = message.remove("method") {
            let params = match message.remove("params") {
                None => Object::new(),
                Some(Value::Object(params)) => params,
                Some(_) => return Err(Fault::bad_request(INVALID_REQUEST, "`params` is not an object")),
            };
            return match id {
                None => Ok(Self::Notification { method, params }),
                Some(id @ (Value::String(_) | Value::Number(_))) => Ok(Self::Request { id, method, params }),
                Some(_) => Err(Fault::bad_request(INVALID_REQUEST, "`id` is neither a string nor a number")),
            };
        }
        match (id, message.remove("result"), message.remove("error")) {
            (Some(id), Some(result), None) => Ok(Self::Response { id, outcome: Ok(result) }),
            (Some(id), None, Some(error)) => Ok(Self::Response { id, outcome: Err(error) }),
            _ => Err(Fault::bad_request(INVALID_REQUEST, "the body is not a json-rpc message")),
        }
    }
}

/// A JSON-RPC error with the HTTP status that carries it.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Option<Value>,
}

impl Fault {
    /// An error about a request that was understood as HTTP: status 200.
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, code, message: message.into(), data: None }
    }

    pub(crate) fn bad_request(code: i64, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, ..Self::new(code, message) }
    }

    pub(crate) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    pub(crate) fn header_mismatch(message: impl Into<String>) -> Self {
        Self::bad_request(HEADER_MISMATCH, message)
    }

    pub(crate) fn method_not_found(method: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            ..Self::new(METHOD_NOT_FOUND, format!("there is no method `{method}`"))
        }
    }

    /// `required` is a `ClientCapabilities` object that names what the client did not declare.
    pub(crate) fn missing_capability(required: Value) -> Self {
        Self::bad_request(MISSING_CAPABILITY, "the client did not declare a capability that this needs")
            .with_data(json!({ "requiredCapabilities": required }))
    }

    pub(crate) fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// The `error` member.
    pub(crate) fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(data), Some(members)) = (&self.data, error.as_object_mut()) {
            members.insert("data".into(), data.clone());
        }
        error
    }
}

/// The reply to the request `id`.
pub(crate) fn reply(id: &Value, outcome: &Result<Value, Fault>) -> Value {
    match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(fault) => json!({ "jsonrpc": "2.0", "id": id, "error": fault.to_json() }),
    }
}

pub(crate) fn notification(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

pub(crate) const PARSE_ERROR: i64 = -32700;
pub(crate) const INVALID_REQUEST: i64 = -32600;
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
pub(crate) const INVALID_PARAMS: i64 = -32602;
pub(crate) const INTERNAL_ERROR: i64 = -32603;
/// Session era only.
pub(crate) const RESOURCE_NOT_FOUND: i64 = -32002;
pub(crate) const HEADER_MISMATCH: i64 = -32020;
pub(crate) const MISSING_CAPABILITY: i64 = -32021;
pub(crate) const UNSUPPORTED_VERSION: i64 = -32022;
