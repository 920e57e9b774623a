//! The default mapping of COAZ-MCP: another MCP gateway asks about a message by its method and what it names. The
//! mapping carries no arguments; `arguments` of the resource or the action stand in for them, or there are none.

use placet_domain::{Code, ConnectorName, Object, Operation, Refusal, ToolCall, ToolName};

use crate::{Asked, Caller, Engine, Inquiry};

/// What a message of MCP asks for.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    /// Something with an effect or a disclosure: it is judged.
    Call(ToolCall),
    /// The protocol's own traffic at a connector: it needs a living run and nothing else.
    Traffic(ConnectorName),
}

/// Methods that are traffic.
const TRAFFIC: [&str; 5] = ["initialize", "logging/setLevel", "ping", "server/discover", "tools/list"];

impl Engine {
    /// The message that a question is about; `None` if its action is no method of MCP.
    pub(crate) fn message(&self, asker: &Caller, inquiry: &Inquiry) -> Option<Result<Message, Refusal>> {
        let method = inquiry.action.as_str();
        if TRAFFIC.contains(&method) {
            return Some(self.server_of(asker, &inquiry.resource).map(Message::Traffic));
        }
        if method == "tools/call" {
            return Some(self.tool_message(asker, inquiry).map(Message::Call));
        }
        let operation = Operation::METHODS.iter().find(|operation| operation.method() == method)?.clone();
        let id = inquiry.resource.id.as_str();
        let params = match inquiry.resource.kind.as_str() {
            "prompt" => Object::new().with("name", id),
            "resource" => Object::new().with("uri", id),
            "task" => Object::new().with("taskId", id),
            _ => Object::new(),
        };
        Some(self.server_of(asker, &inquiry.resource).and_then(|connector| {
            ToolCall::new(connector, operation, params)
                .map(Message::Call)
                .map_err(|error| Refusal::new(Code::OutsideSchema, error.to_string()))
        }))
    }

    fn tool_message(&self, asker: &Caller, inquiry: &Inquiry) -> Result<ToolCall, Refusal> {
        let id = inquiry.resource.id.as_str();
        let whole = self.connectors().find_map(|connector| {
            let tool = id.strip_prefix(connector.as_str())?.strip_prefix('.')?;
            Some((connector.clone(), tool.to_owned()))
        });
        let (connector, tool) = match whole {
            Some(whole) => whole,
            None => (self.server_of(asker, &inquiry.resource)?, id.to_owned()),
        };
        let unknown = |_| Refusal::new(Code::UnknownTool, format!("{tool:?} is no name of a tool"));
        let tool: ToolName = tool.parse().map_err(unknown)?;
        crate::inquiry::tool_call(connector, tool, inquiry)
    }

    /// The server that a message goes to: by name or address, or the only connector that the asker enforces for.
    fn server_of(&self, asker: &Caller, resource: &Asked) -> Result<ConnectorName, Refusal> {
        let unknown = |what: &str| {
            let why = format!("{what} names no connector; put its name into `resource.properties.server`");
            Err(Refusal::new(Code::UnknownConnector, why))
        };
        let stated = resource.properties.member("server").and_then(|server| server.as_str());
        let stated = stated.or_else(|| (resource.kind == "mcp_server").then_some(resource.id.as_str()));
        if let Some(stated) = stated {
            let is_it = |connector: &&ConnectorName| {
                connector.as_str() == stated || self.resource_of(connector) == stated
            };
            return match self.connectors().find(is_it) {
                Some(connector) => Ok(connector.clone()),
                None => unknown(&format!("{stated:?}")),
            };
        }
        let mut enforced = self
            .connectors()
            .filter(|connector| !self.is_application(connector))
            .filter(|connector| self.decisions.lets_ask(&asker.agent().name, connector));
        match (enforced.next(), enforced.next()) {
            (Some(connector), None) => Ok(connector.clone()),
            _ => unknown("the question"),
        }
    }
}
