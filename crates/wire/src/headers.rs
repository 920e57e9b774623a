//! Which era a request is of, and whether its headers say what its body says.
//! The rules are written in MCP 2026-07-28, "Request Metadata" and "Server Validation".

use http::{HeaderMap, HeaderName, HeaderValue};
use placet_domain::{Json, Number, Object, limits};

use crate::{
    Era, Inbound, Lifecycle, Method, Request, SessionVersion, WireError,
    lookalike::cut,
    meta,
    mirror::{decode_value, encode_value, header_parameters},
};

/// The protocol version, on every stateless request and on all session requests but the first.
pub static MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// Mirrors `method`.
pub static MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// Mirrors `params.name`, `params.uri` or `params.taskId`.
pub static MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
/// The session, in the session era alone. Never authority.
pub static MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// The era a message is of: what `_meta` says, else the header, else `initialize` or a session id.
///
/// A message of a session without a version header gets the oldest session version: the caller replaces it by
/// what was negotiated. For `initialize` the version is the one asked for.
///
/// # Errors
/// A version that is not served (-32022 with the list), header and body that disagree (-32020), neither version
/// nor session, or a response in the stateless era.
pub fn era_of(headers: &HeaderMap, message: &Inbound) -> Result<Era, WireError> {
    let header = visible(headers, &MCP_PROTOCOL_VERSION, Era::Stateless)?;
    let body = stated_version(message)?;
    if let (Some(header), Some(body)) = (header, body)
        && header != body
    {
        return Err(disagree(Era::Stateless, "MCP-Protocol-Version", header, body));
    }
    let parse = |version: &str| version.parse::<Era>().map_err(|error| WireError::unsupported(&error));
    let era = match (body.or(header), asks_for_session(message)) {
        // Whoever declares the stateless era gets its answer to `initialize`: no such method.
        (Some(version), _) if version == Era::Stateless.version() => Era::Stateless,
        (_, Some(open)) => Era::Session(asked_version(open)?),
        (Some(version), None) => parse(version)?,
        (None, None) if headers.contains_key(&MCP_SESSION_ID) => Era::Session(SessionVersion::V2025_06_18),
        (None, None) => {
            return Err(missing(
                "MCP-Protocol-Version",
                "send the protocol version, or open a session with `initialize`",
            ));
        }
    };
    match (era, message) {
        (Era::Stateless, Inbound::Response(_)) => {
            Err(WireError::invalid(format!("a client of MCP {era} sends no responses")))
        }
        _ => Ok(era),
    }
}

/// What `params._meta` says the version is.
fn stated_version(message: &Inbound) -> Result<Option<&str>, WireError> {
    let params = match message {
        Inbound::Request(request) => &request.params,
        Inbound::Notification(notification) => &notification.params,
        Inbound::Response(_) => return Ok(None),
    };
    match params.member("_meta").and_then(|meta| meta.member(meta::PROTOCOL_VERSION)) {
        None => Ok(None),
        Some(Json::String(version)) => Ok(Some(version)),
        Some(other) => {
            Err(WireError::params(format!("`{}` is {}, not a string", meta::PROTOCOL_VERSION, other.kind())))
        }
    }
}

/// The `initialize` request, if the message is one.
fn asks_for_session(message: &Inbound) -> Option<&Request> {
    match message {
        Inbound::Request(request) if request.method == Method::Lifecycle(Lifecycle::Initialize) => {
            Some(request)
        }
        _ => None,
    }
}

/// The version `initialize` opens: the one asked for, or the newest with sessions. A server answers with a
/// version of its own where it does not have the one asked for (MCP 2025-11-25, "Version Negotiation").
fn asked_version(open: &Request) -> Result<SessionVersion, WireError> {
    let asked = open.params.member("protocolVersion").and_then(Json::as_str);
    let asked =
        asked.ok_or_else(|| WireError::params("`initialize` needs the string `params.protocolVersion`"))?;
    Ok(asked.parse().unwrap_or(SessionVersion::V2025_11_25))
}

/// Whether method, headers and body fit together in this era. `input_schema` is the pinned schema of the tool
/// that is called, for its mirrored parameters.
///
/// # Errors
/// -32020 for headers, -32602 for `_meta`, -32601 for a method the era does not have.
pub fn agree(
    headers: &HeaderMap,
    request: &Request,
    era: Era,
    input_schema: Option<&Json>,
) -> Result<(), WireError> {
    let version = visible(headers, &MCP_PROTOCOL_VERSION, era)?;
    let method = visible(headers, &MCP_METHOD, era)?;
    let name = single(headers, &MCP_NAME, era)?;
    if era.is_stateless() {
        carries_meta(request)?;
        same("MCP-Protocol-Version", version, era.version(), era)?;
        same("Mcp-Method", method, request.method.as_str(), era)?;
    } else {
        // Sessions need none of these; one that is there must still not mislead whoever routes on it.
        let is_initialize = request.method == Method::Lifecycle(Lifecycle::Initialize);
        version
            .filter(|_| !is_initialize)
            .map_or(Ok(()), |sent| same_value("MCP-Protocol-Version", sent, era.version(), era))?;
        method.map_or(Ok(()), |sent| same_value("Mcp-Method", sent, request.method.as_str(), era))?;
    }
    if let Some(source) = name_source(request.method.as_str()) {
        match (name, request.params.member(source).and_then(Json::as_str)) {
            (Some(sent), Some(stated)) => {
                same_value("Mcp-Name", &decoded("Mcp-Name", sent, era)?, stated, era)?
            }
            (None, Some(_)) if !era.is_stateless() => {}
            (None, Some(_)) => return Err(missing("Mcp-Name", &format!("send it with params.{source}"))),
            (_, None) => return Err(WireError::params(format!("params.{source} must be a string"))),
        }
    }
    if let (true, Some(schema)) = (era.is_stateless(), input_schema) {
        parameters_agree(headers, request, schema)?;
    }
    request.method.admit(era)
}

/// The members of `_meta` that every stateless request must have.
fn carries_meta(request: &Request) -> Result<(), WireError> {
    let lacks =
        |key: &str, kind: &str| Err(WireError::params(format!("params._meta must hold `{key}`, {kind}")));
    match (request.meta(meta::PROTOCOL_VERSION), request.meta(meta::CLIENT_CAPABILITIES)) {
        (Some(Json::String(version)), _) if version != Era::Stateless.version() => {
            Err(disagree(Era::Stateless, "MCP-Protocol-Version", Era::Stateless.version(), version))
        }
        (Some(Json::String(_)), Some(Json::Object(_))) => Ok(()),
        (Some(Json::String(_)), _) => lacks(meta::CLIENT_CAPABILITIES, "an object"),
        _ => lacks(meta::PROTOCOL_VERSION, "a string"),
    }
}

/// Every mirrored parameter of the tool has its header, and no header stands for a parameter that is not there.
fn parameters_agree(headers: &HeaderMap, request: &Request, schema: &Json) -> Result<(), WireError> {
    let parameters = header_parameters(schema).map_err(|error| {
        WireError::mismatch(Era::Stateless, format!("the tool's headers are not defined: {error}"))
    })?;
    let none = Object::new();
    let arguments = request.params.member("arguments").and_then(Json::as_object).unwrap_or(&none);
    for parameter in &parameters {
        let header = parameter.header();
        let sent = single(headers, header, Era::Stateless)?;
        match (sent, parameter.value(arguments).filter(|value| spelled(value).is_some())) {
            (None, None) => {}
            (None, Some(_)) => return Err(missing(header.as_str(), "the tool's input schema asks for it")),
            (Some(_), None) => {
                let message = format!("{header} is sent, but the arguments hold no such value");
                return Err(WireError::mismatch(Era::Stateless, message));
            }
            (Some(sent), Some(value)) => {
                let text = decoded(header.as_str(), sent, Era::Stateless)?;
                if !stands_for(&text, value) {
                    return Err(disagree(Era::Stateless, header.as_str(), &text, &value.canonical()));
                }
            }
        }
    }
    Ok(())
}

/// A mirrored value as text; arrays, objects and fractions have no header.
fn spelled(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Bool(_) | Json::Number(Number::Integer(_)) => Some(value.canonical()),
        _ => None,
    }
}

/// Integers are compared as numbers: `42.0` stands for 42.
fn stands_for(text: &str, value: &Json) -> bool {
    match value {
        Json::Number(Number::Integer(integer)) => {
            let is_plain =
                |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
            text.bytes().all(is_plain)
                && text.parse::<f64>().is_ok_and(|number| {
                    number.abs() <= limits::JSON_INTEGER as f64 && number == *integer as f64
                })
        }
        other => spelled(other).as_deref() == Some(text),
    }
}

/// The headers toward a server, derived from the body that was judged and from nothing else.
/// In a session that is the version alone, and for `initialize` nothing.
#[must_use]
pub fn mirrored(
    method: &str,
    params: &Object,
    era: Era,
    input_schema: Option<&Json>,
) -> Vec<(HeaderName, HeaderValue)> {
    if !era.is_stateless() && method == Method::Lifecycle(Lifecycle::Initialize).as_str() {
        return Vec::new();
    }
    let mut headers = vec![(MCP_PROTOCOL_VERSION.clone(), HeaderValue::from_static(era.version()))];
    if !era.is_stateless() {
        return headers;
    }
    headers.push((MCP_METHOD.clone(), encode_value(method)));
    if let Some(name) = name_source(method).and_then(|source| params.member(source)).and_then(Json::as_str) {
        headers.push((MCP_NAME.clone(), encode_value(name)));
    }
    if let (Some(schema), Some(arguments)) =
        (input_schema, params.member("arguments").and_then(Json::as_object))
    {
        // A tool with invalid annotations has no parameter headers: the server refuses what it cannot check.
        for parameter in header_parameters(schema).unwrap_or_default() {
            let value = parameter.value(arguments).and_then(spelled);
            headers.extend(value.map(|value| (parameter.header().clone(), encode_value(&value))));
        }
    }
    headers
}

/// The member of `params` that `Mcp-Name` mirrors.
fn name_source(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/cancel" | "tasks/get" | "tasks/result" | "tasks/update" => Some("taskId"),
        _ => None,
    }
}

/// A header that must not be sent twice: two readers may take two different values.
fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    era: Era,
) -> Result<Option<&'a HeaderValue>, WireError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        _ => Err(WireError::mismatch(era, format!("{name} is sent twice"))),
    }
}

fn visible<'a>(headers: &'a HeaderMap, name: &HeaderName, era: Era) -> Result<Option<&'a str>, WireError> {
    let Some(value) = single(headers, name, era)? else { return Ok(None) };
    value
        .to_str()
        .map(Some)
        .map_err(|_| WireError::mismatch(era, format!("{name} holds characters that are not visible ASCII")))
}

fn decoded<'a>(name: &str, value: &'a HeaderValue, era: Era) -> Result<std::borrow::Cow<'a, str>, WireError> {
    decode_value(value).map_err(|why| WireError::mismatch(era, format!("{name} {why}")))
}

fn same(name: &str, sent: Option<&str>, stated: &str, era: Era) -> Result<(), WireError> {
    let sent = sent.ok_or_else(|| missing(name, "it is required in this era"))?;
    same_value(name, sent, stated, era)
}

fn same_value(name: &str, sent: &str, stated: &str, era: Era) -> Result<(), WireError> {
    if sent == stated { Ok(()) } else { Err(disagree(era, name, sent, stated)) }
}

fn disagree(era: Era, name: &str, sent: &str, stated: &str) -> WireError {
    WireError::mismatch(era, format!("{name} is {:?}, but the body says {:?}", cut(sent), cut(stated)))
}

fn missing(name: &str, next: &str) -> WireError {
    WireError::mismatch(Era::Stateless, format!("{name} is missing: {next}"))
}

#[cfg(test)]
mod tests;
