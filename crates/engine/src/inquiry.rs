//! A question of an enforcement point: may this subject do that to this resource? And which action of which connector
//! it is about. The words are those of the OpenID AuthZEN Authorization API 1.0, section 5.

use std::collections::BTreeMap;

use placet_domain::{
    AgentName, ApprovalId, Code, ConnectorName, Json, Object, Operation, Refusal, Resource, ToolCall,
    ToolDefinition, ToolName,
};
use placet_policy::AttributeType;

use crate::{Caller, Engine, Route};

/// A subject or a resource as it was asked about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// Its type.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// What the asker says of it.
    pub properties: Object,
}

/// A question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inquiry {
    /// Who would act.
    pub subject: Asked,
    /// The action's name.
    pub action: String,
    /// What the asker says of the action.
    pub action_properties: Object,
    /// What it would be done to.
    pub resource: Asked,
    /// Whatever else the asker says.
    pub context: Object,
    /// Whether the asker has said, where an answer can hold obligations, that it lets nothing through before it has
    /// carried them out. It counts only from whoever enforces for the connector.
    pub edits: bool,
}

impl Inquiry {
    /// The approval that the asker presents (`context.approval`, AARP).
    #[must_use]
    pub fn approval(&self) -> Option<ApprovalId> {
        self.context.member("approval")?.member("id")?.as_str()?.parse().ok()
    }

    /// What a denial is bound to: what is judged, and what changes the answer besides.
    pub(crate) fn bound(&self) -> Object {
        let mut bound = self.said();
        for name in ADOPTION {
            if let Some(value) = self.context.member(name) {
                bound.set(name, value.clone());
            }
        }
        bound
    }

    /// The context without what belongs to the profiles: it is no input of a decision.
    pub(crate) fn said(&self) -> Object {
        let mut said = self.context.clone();
        for name in PROFILES.into_iter().chain(ADOPTION) {
            said.remove(name);
        }
        said
    }
}

/// A foreign system that asks Placet before it acts. It is a connector without an upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    /// Its name, as a connector has one.
    pub name: ConnectorName,
    /// Whose account names its subjects' ids are: an OpenID issuer. Without one they are names of people, or addresses.
    pub issuer: Option<String>,
    /// Its actions and the kind of resource each is about.
    pub actions: Vec<(ToolDefinition, String)>,
    /// Which requests of its HTTP interface are which action.
    pub routes: Vec<Route>,
    /// Resources that are known here: what searches look through. What is declared of them outweighs what is said.
    pub resources: Vec<(Resource, Object)>,
}

/// What an asker may say beside ids that policies read: members of `context.input`, all optional. Whatever else it says
/// is recorded and not read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vocabulary {
    /// `context.input.subject`: properties of the subject.
    pub subject: BTreeMap<String, AttributeType>,
    /// `context.input.action`: properties of the action.
    pub action: BTreeMap<String, AttributeType>,
    /// `context.input.context`: members of the context.
    pub context: BTreeMap<String, AttributeType>,
}

/// Who may ask about others, and the applications.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DecisionRules {
    /// Foreign systems that ask.
    pub applications: Vec<Application>,
    /// The agents that enforce decisions about others, by connector.
    pub enforcers: Vec<(ConnectorName, AgentName)>,
}

/// A question in the engine's own terms.
#[derive(Debug, Clone)]
pub(crate) struct Addressed {
    pub(crate) call: ToolCall,
    /// What is known of the resource of an application.
    pub(crate) facts: Option<Object>,
}

impl DecisionRules {
    /// The application of this name.
    pub(crate) fn application(&self, name: &ConnectorName) -> Option<&Application> {
        self.applications.iter().find(|application| application.name == *name)
    }

    pub(crate) fn lets_ask(&self, agent: &AgentName, connector: &ConnectorName) -> bool {
        self.enforcers.iter().any(|(of, enforcer)| of == connector && enforcer == agent)
    }
}

impl Vocabulary {
    /// The definition of an action: what policies are typed by, as a tool's is.
    #[must_use]
    pub fn action(&self, name: ToolName) -> ToolDefinition {
        let schema = Object::new()
            .with("type", "object")
            .with(
                "properties",
                Object::new()
                    .with("action", properties(&self.action))
                    .with("context", properties(&self.context))
                    .with("id", Object::new().with("type", "string"))
                    .with("resource", Object::new().with("type", "object"))
                    .with("subject", properties(&self.subject)),
            )
            .with("required", vec!["action", "context", "id", "resource", "subject"]);
        let definition = Object::new().with("name", name.as_str()).with("inputSchema", schema);
        ToolDefinition { name, definition: Json::Object(definition) }
    }
}

fn properties(named: &BTreeMap<String, AttributeType>) -> Object {
    let all = named.iter().fold(Object::new(), |all, (name, kind)| {
        let text = || Object::new().with("type", "string");
        let schema = match kind {
            AttributeType::Bool => Object::new().with("type", "boolean"),
            AttributeType::Decimal => Object::new().with("type", "number"),
            AttributeType::Long => Object::new().with("type", "integer"),
            AttributeType::SetOfString => Object::new().with("type", "array").with("items", text()),
            AttributeType::String | AttributeType::User => text(),
        };
        all.with(name, schema)
    });
    Object::new().with("type", "object").with("properties", all)
}

impl Application {
    /// The kind of resource that an action is about.
    pub(crate) fn kind_of(&self, action: &ToolName) -> Option<&str> {
        self.actions.iter().find(|(tool, _)| tool.name == *action).map(|(_, kind)| kind.as_str())
    }

    fn facts(&self, resource: &Asked) -> Object {
        let declared = self
            .resources
            .iter()
            .find(|(known, _)| known.kind == resource.kind && known.id == resource.id)
            .map(|(_, attributes)| attributes);
        let mut facts = resource.properties.clone();
        for (name, value) in declared.into_iter().flat_map(Object::members) {
            facts.set(name, value.clone());
        }
        facts
    }
}

impl Engine {
    /// Whether a connector is an application: there is nothing to call behind it.
    #[must_use]
    pub fn is_application(&self, name: &ConnectorName) -> bool {
        self.decisions.application(name).is_some()
    }

    /// Which action on which resource a request of an application's HTTP interface is: the action, the kind, the id.
    #[must_use]
    pub fn routed(
        &self,
        application: &ConnectorName,
        method: &str,
        path: &str,
    ) -> Option<(ToolName, String, String)> {
        let application = self.decisions.application(application)?;
        let (action, id) = application.routes.iter().find_map(|route| route.fit(method, path))?;
        Some((action.clone(), application.kind_of(action)?.to_owned(), id))
    }

    /// What a question is about. The action is `connector.action`, or an action's name alone where only one application
    /// that the asker enforces for has it.
    pub(crate) fn address(&self, asker: &Caller, inquiry: &Inquiry) -> Result<Addressed, Refusal> {
        let (connector, tool) = self.action_of(asker, &inquiry.action)?;
        match self.decisions.application(&connector) {
            Some(application) => addressed_application(application, tool, inquiry),
            None => Ok(Addressed { call: tool_call(connector, tool, inquiry)?, facts: None }),
        }
    }

    pub(crate) fn action_of(&self, asker: &Caller, name: &str) -> Result<(ConnectorName, ToolName), Refusal> {
        let unknown = || {
            let why = format!("no connector and no application of yours has the action {name:?}");
            Refusal::new(Code::UnknownTool, why)
                .with_next("ask about `connector.tool`, or about an action that `placet.toml` declares")
        };
        let whole = self.connectors().find_map(|connector| {
            let tool = name.strip_prefix(connector.as_str())?.strip_prefix('.')?;
            Some((connector.clone(), tool.parse::<ToolName>().ok()?))
        });
        if let Some(found) = whole {
            return Ok(found);
        }
        let tool: ToolName = name.parse().map_err(|_| unknown())?;
        let mut having = self.decisions.applications.iter().filter(|application| {
            application.kind_of(&tool).is_some()
                && self.decisions.lets_ask(&asker.agent().name, &application.name)
        });
        match (having.next(), having.next()) {
            (Some(application), None) => Ok((application.name.clone(), tool)),
            (Some(_), Some(_)) => {
                let why = format!("several applications have the action `{tool}`");
                Err(Refusal::new(Code::UnknownTool, why).with_next("ask about `application.action`"))
            }
            (None, _) => Err(unknown()),
        }
    }
}

fn addressed_application(
    application: &Application,
    tool: ToolName,
    inquiry: &Inquiry,
) -> Result<Addressed, Refusal> {
    if let Some(kind) = application.kind_of(&tool).filter(|kind| *kind != inquiry.resource.kind) {
        let why = format!("`{}.{tool}` is about `{kind}`, not {:?}", application.name, inquiry.resource.kind);
        return Err(Refusal::new(Code::WrongResource, why));
    }
    let facts = application.facts(&inquiry.resource);
    // All of it is what an approval is bound to and what the receipt commits to.
    let arguments = Object::new()
        .with("id", inquiry.resource.id.as_str())
        .with("resource", facts.clone())
        .with("subject", inquiry.subject.properties.clone())
        .with("action", inquiry.action_properties.clone())
        .with("context", inquiry.said());
    Ok(Addressed { call: call(application.name.clone(), tool, arguments)?, facts: Some(facts) })
}

/// A question about a tool of an upstream system: its arguments are the action's or the resource's `arguments`.
pub(crate) fn tool_call(
    connector: ConnectorName,
    tool: ToolName,
    inquiry: &Inquiry,
) -> Result<ToolCall, Refusal> {
    let given = inquiry
        .action_properties
        .member("arguments")
        .or_else(|| inquiry.resource.properties.member("arguments"));
    let arguments = match given {
        None => Object::new(),
        Some(Json::Object(arguments)) => arguments.clone(),
        Some(other) => {
            let why = format!("`arguments` is {}, not an object", other.kind());
            return Err(Refusal::new(Code::OutsideSchema, why));
        }
    };
    call(connector, tool, arguments)
}

fn call(connector: ConnectorName, tool: ToolName, arguments: Object) -> Result<ToolCall, Refusal> {
    let params = Object::new().with("name", tool.as_str()).with("arguments", arguments);
    ToolCall::new(connector, Operation::Tool(tool), params)
        .map_err(|error| Refusal::new(Code::OutsideSchema, error.to_string()))
}

/// Members of `context` that profiles of the API own (AARP, obligations).
const PROFILES: [&str; 5] = ["access_request", "approval", "evaluated_at", "evaluation_id", "reason"];
/// Members of `context` by which an enforcement point says what it carries out (Obligations Extension).
const ADOPTION: [&str; 2] = ["supported_mandatory_extensions", "supported_obligations"];
