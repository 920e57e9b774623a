//! What the bridge must remember of a conversation to write its HTTP headers: era, session, schemas of tools.
//! Nothing here judges; the gateway compares every header with the body again.

use std::collections::HashMap;

use hyper::header::{HeaderName, HeaderValue};
use parking_lot::Mutex;
use placet_domain::{Json, Object};
use placet_wire::{Era, Id, Inbound, MCP_SESSION_ID, SessionVersion, meta, mirrored};

/// The memory of one client's conversation.
#[derive(Debug, Default)]
pub(crate) struct Conversation(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// The era of the newest message that said one.
    era: Option<Era>,
    session: Option<HeaderValue>,
    /// Input schemas by tool, as the client was shown them: some name arguments that headers mirror.
    schemas: HashMap<String, Json>,
}

/// One message of the client, and how it is to be sent.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The id that the answer must have; a notification and an answer have none.
    pub(crate) id: Option<Id>,
    /// Whether messages behind it need not wait: a request other than `initialize`.
    pub(crate) is_call: bool,
    /// Whether it says that the session is open.
    pub(crate) is_initialized: bool,
    pub(crate) method: Option<String>,
    /// The headers that mirror it.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Conversation {
    /// Reads a message of the client. One that cannot be read is sent as it is: its refusal belongs on record.
    pub(crate) fn hear(&self, line: &[u8]) -> Turn {
        let mut memory = self.0.lock();
        let inbound = match Inbound::parse(line) {
            Ok(inbound) => inbound,
            Err(error) => {
                let id = error.id().cloned();
                return Turn {
                    id,
                    is_call: true,
                    is_initialized: false,
                    method: None,
                    headers: memory.plain(),
                };
            }
        };
        let (id, params) = match &inbound {
            Inbound::Request(request) => (Some(request.id.clone()), Some(&request.params)),
            Inbound::Notification(notification) => (None, Some(&notification.params)),
            Inbound::Response(_) => (None, None),
        };
        let method = inbound.method().map(str::to_owned);
        let is_initialize = method.as_deref() == Some("initialize");
        if is_initialize {
            // A new conversation: whatever was agreed before is void.
            (memory.era, memory.session) = (None, None);
        } else if params.and_then(stated).is_some_and(|version| version == Era::Stateless.version()) {
            memory.era = Some(Era::Stateless);
        }
        let headers = match (method.as_deref(), params) {
            (Some(method), Some(params)) if !is_initialize => memory.headers(method, params),
            _ if is_initialize => Vec::new(),
            _ => memory.plain(),
        };
        Turn {
            is_call: id.is_some() && !is_initialize,
            is_initialized: method.as_deref() == Some("notifications/initialized"),
            id,
            method,
            headers,
        }
    }

    /// Takes the answer to `initialize`: the session and the version that was agreed on.
    pub(crate) fn opened(&self, session: Option<HeaderValue>, result: &Json) {
        let version = result.member("protocolVersion").and_then(Json::as_str);
        let version = version.and_then(|version| version.parse::<SessionVersion>().ok());
        let mut memory = self.0.lock();
        memory.session = session;
        memory.era = version.map(Era::Session);
    }

    /// Takes a list of tools that the client was shown.
    pub(crate) fn shown(&self, result: &Json) {
        let mut memory = self.0.lock();
        for tool in result.member("tools").and_then(Json::as_array).unwrap_or_default() {
            if let (Some(name), Some(schema)) =
                (tool.member("name").and_then(Json::as_str), tool.member("inputSchema"))
            {
                memory.schemas.insert(name.to_owned(), schema.clone());
            }
        }
    }

    /// The open session.
    pub(crate) fn session(&self) -> Option<HeaderValue> {
        self.0.lock().session.clone()
    }

    /// The headers of a request without a message of its own: listening, closing.
    pub(crate) fn standing(&self) -> Vec<(HeaderName, HeaderValue)> {
        self.0.lock().plain()
    }
}

impl Memory {
    fn headers(&self, method: &str, params: &Object) -> Vec<(HeaderName, HeaderValue)> {
        let Some(era) = self.era else { return self.plain() };
        let schema = match method {
            "tools/call" => {
                params.member("name").and_then(Json::as_str).and_then(|tool| self.schemas.get(tool))
            }
            _ => None,
        };
        let session = self.session.clone().map(|session| (MCP_SESSION_ID.clone(), session));
        mirrored(method, params, era, schema).into_iter().chain(session).collect()
    }

    /// Version and session, without a method.
    fn plain(&self) -> Vec<(HeaderName, HeaderValue)> {
        let version = self
            .era
            .map(|era| (placet_wire::MCP_PROTOCOL_VERSION.clone(), HeaderValue::from_static(era.version())));
        let session = self.session.clone().map(|session| (MCP_SESSION_ID.clone(), session));
        version.into_iter().chain(session).collect()
    }
}

fn stated(params: &Object) -> Option<&str> {
    params.member("_meta")?.member(meta::PROTOCOL_VERSION)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(turn: &Turn) -> Vec<String> {
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        turn.headers.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect()
    }

    #[test]
    fn a_stateless_request_is_mirrored_with_the_parameters_its_schema_names() {
        let conversation = Conversation::default();
        let list = r#"{"tools":[{"name":"t","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}]}"#;
        conversation.shown(&Json::parse(list.as_bytes()).unwrap());
        let turn = conversation.hear(
            br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":{"region":"eu"},
                "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#,
        );
        assert_eq!(
            told(&turn),
            [
                "mcp-protocol-version: 2026-07-28",
                "mcp-method: tools/call",
                "mcp-name: t",
                "mcp-param-region: eu"
            ]
        );
        assert!(turn.is_call && turn.id == Some(7.into()));
    }

    #[test]
    fn a_session_keeps_its_id_and_version_until_the_next_initialize() {
        let conversation = Conversation::default();
        let initialize =
            br#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#;
        let turn = conversation.hear(initialize);
        assert!(told(&turn).is_empty() && !turn.is_call);
        let result = Json::parse(br#"{"protocolVersion":"2025-06-18"}"#).unwrap();
        conversation.opened(Some(HeaderValue::from_static("s-1")), &result);

        let turn = conversation.hear(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        assert!(turn.is_initialized && !turn.is_call && turn.id.is_none());
        assert_eq!(told(&turn), ["mcp-protocol-version: 2025-06-18", "mcp-session-id: s-1"]);
        let answer = conversation.hear(br#"{"jsonrpc":"2.0","id":"srv-1","result":{}}"#);
        assert_eq!(told(&answer), ["mcp-protocol-version: 2025-06-18", "mcp-session-id: s-1"]);
        assert!(told(&conversation.hear(initialize)).is_empty() && conversation.session().is_none());
    }

    #[test]
    fn a_message_that_cannot_be_read_is_sent_all_the_same() {
        let turn = Conversation::default().hear(br#"{"jsonrpc":"2.0","id":3,"id":4,"method":"ping"}"#);
        assert!(turn.is_call && turn.method.is_none());
    }
}
