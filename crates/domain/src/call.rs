//! A parsed call: what an agent asks for, before anyone has judged it.

use std::sync::Arc;

use crate::{AgentName, ConnectorName, Digest, Instance, Json, Object, Pin, PolicyRevision, ToolName};

/// What is to be done at a connector. Every member with an effect or a disclosure is here; nothing else is judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operation {
    /// MCP `completion/complete`.
    Complete,
    /// MCP `prompts/get`.
    GetPrompt,
    /// MCP `subscriptions/listen`.
    Listen,
    /// MCP `prompts/list`.
    ListPrompts,
    /// MCP `resources/list`.
    ListResources,
    /// MCP `resources/templates/list`.
    ListResourceTemplates,
    /// MCP `resources/read`.
    ReadResource,
    /// MCP `resources/subscribe`.
    Subscribe,
    /// MCP `tasks/cancel`.
    TaskCancel,
    /// MCP `tasks/get`.
    TaskGet,
    /// MCP `tasks/list` (2025-11-25).
    TaskList,
    /// MCP `tasks/result` (2025-11-25).
    TaskResult,
    /// MCP `tasks/update` (2026-07-28 extension).
    TaskUpdate,
    /// MCP `tools/call` of one tool.
    Tool(ToolName),
    /// MCP `resources/unsubscribe`.
    Unsubscribe,
}

impl Operation {
    /// Every operation that is not a tool: a connector's actions besides its tools.
    pub const METHODS: [Self; 14] = [
        Self::Complete,
        Self::GetPrompt,
        Self::Listen,
        Self::ListPrompts,
        Self::ListResources,
        Self::ListResourceTemplates,
        Self::ReadResource,
        Self::Subscribe,
        Self::TaskCancel,
        Self::TaskGet,
        Self::TaskList,
        Self::TaskResult,
        Self::TaskUpdate,
        Self::Unsubscribe,
    ];

    /// The JSON-RPC method.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::Complete => "completion/complete",
            Self::GetPrompt => "prompts/get",
            Self::Listen => "subscriptions/listen",
            Self::ListPrompts => "prompts/list",
            Self::ListResources => "resources/list",
            Self::ListResourceTemplates => "resources/templates/list",
            Self::ReadResource => "resources/read",
            Self::Subscribe => "resources/subscribe",
            Self::TaskCancel => "tasks/cancel",
            Self::TaskGet => "tasks/get",
            Self::TaskList => "tasks/list",
            Self::TaskResult => "tasks/result",
            Self::TaskUpdate => "tasks/update",
            Self::Tool(_) => "tools/call",
            Self::Unsubscribe => "resources/unsubscribe",
        }
    }

    /// The name policies use after the connector's: the tool, or the method.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(tool) => tool.as_str(),
            other => other.method(),
        }
    }
}

/// A request to act, parsed strictly. The same tree is judged, hashed, shown and sent.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    connector: ConnectorName,
    operation: Operation,
    params: Arc<Object>,
}

impl ToolCall {
    /// Takes the strictly parsed `params` of a request.
    ///
    /// # Errors
    /// `tools/call` needs `arguments` to be an object if it is there.
    pub fn new(
        connector: ConnectorName,
        operation: Operation,
        params: Object,
    ) -> Result<Self, MalformedCall> {
        match params.member("arguments") {
            Some(arguments) if arguments.as_object().is_none() && matches!(operation, Operation::Tool(_)) => {
                Err(MalformedCall::new(format!("`arguments` is {}, not an object", arguments.kind())))
            }
            _ => Ok(Self { connector, operation, params: Arc::new(params) }),
        }
    }

    /// The connector it goes to.
    #[must_use]
    pub fn connector(&self) -> &ConnectorName {
        &self.connector
    }

    /// What is to be done there.
    #[must_use]
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The whole `params` of the request: what is sent.
    #[must_use]
    pub fn params(&self) -> &Object {
        &self.params
    }

    /// What is judged: a tool's arguments, or a method's params without `_meta`.
    #[must_use]
    pub fn arguments(&self) -> Object {
        match self.operation {
            Operation::Tool(_) => {
                self.params.member("arguments").and_then(Json::as_object).cloned().unwrap_or_default()
            }
            _ => {
                let mut params = Object::clone(&self.params);
                params.remove("_meta");
                params
            }
        }
    }

    /// The MCP `_meta` object, if the client sent one.
    #[must_use]
    pub fn meta(&self) -> Option<&Object> {
        self.params.member("_meta").and_then(Json::as_object)
    }

    /// The digest an approval is bound to: who (agent, instance, on behalf of), where (connector, operation, pin),
    /// under which policy, with which payload. Transport matter (`_meta`, `requestState`) is left out.
    #[must_use]
    pub fn digest(
        &self,
        agent: &AgentName,
        instance: &Instance,
        pin: Option<Pin>,
        policy: PolicyRevision,
    ) -> CallDigest {
        let mut payload = Object::clone(&self.params);
        payload.remove("_meta");
        payload.remove("requestState");
        let bound = Object::new()
            .with("_type", "placet.dev/call/v1")
            .with("agent", agent.as_str())
            .with("connector", self.connector.as_str())
            .with("instance", instance.id.to_string())
            .with("method", self.operation.method())
            .with_some("on_behalf_of", instance.mandate.on_behalf_of.as_ref().map(|person| person.as_str()))
            .with("params", payload)
            .with_some("pin", pin.map(|pin| pin.to_string()))
            .with("policy", policy.to_string());
        CallDigest(Digest::of(Json::Object(bound).canonical().as_bytes()))
    }
}

/// The digest of everything an approval is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallDigest(pub Digest);

impl std::fmt::Display for CallDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A request that cannot be read in exactly one way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MalformedCall {
    message: String,
}

impl MalformedCall {
    /// Takes the sentence that teaches the caller.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}
