//! What a snapshot is made from: policy texts, and the plain data of `placet.toml` and the pinned tools.
//! Nothing here names Cedar.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use crate::GrantRules;
use placet_domain::{
    ConnectorName, Digest, Json, KeyPart, Measure, Object, PolicyRevision, ToolDefinition, ToolName,
    UsageName, Window,
};

use crate::{FlowConfig, RiskConfig};

/// One file of policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySource {
    /// The file's name, for messages. Names are unique in a set.
    pub name: String,
    /// Its Cedar text.
    pub text: String,
}

/// Everything besides the policies that a decision's meaning depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyConfig {
    /// IANA time zone in which `context.time` is told.
    pub time_zone: String,
    /// Mandate facts that policies may read, as optional attributes of `context.mandate.facts`.
    pub facts: BTreeMap<String, FactType>,
    /// The upstream systems and their accepted tools.
    pub connectors: Vec<ConnectorModel>,
    /// Whether the person acted for needs a grant of their own. Their vetoes and gates always count.
    pub require_user_grants: bool,
    /// Connectors that are applications: their own enforcement point asks, and the person it asks about always needs a
    /// grant of their own.
    pub applications: BTreeSet<ConnectorName>,
    /// What is counted for conditions, as `context.usage.NAME`.
    pub usages: BTreeMap<UsageName, UsageRule>,
    /// What is declared about the flow of a run.
    pub flow: FlowConfig,
    /// What grants for a time may permit at most.
    pub grants: GrantRules,
    /// What the risk is made of, besides what the action groups weigh; `None` if nothing else is declared.
    pub risk: Option<RiskConfig>,
}

/// What a usage counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRule {
    /// Actions (`connector.tool`), connectors and action groups whose allowed calls count.
    pub of: Vec<String>,
    /// What has a counter of its own; empty if all calls share one.
    pub key: Vec<KeyPart>,
    /// Over which time.
    pub window: Window,
    /// What is counted.
    pub measure: Measure,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            time_zone: "UTC".to_owned(),
            facts: BTreeMap::new(),
            connectors: Vec::new(),
            require_user_grants: false,
            applications: BTreeSet::new(),
            usages: BTreeMap::new(),
            flow: FlowConfig::default(),
            grants: GrantRules::default(),
            risk: None,
        }
    }
}

/// One upstream system as policies see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectorModel {
    /// Its name: the first part of its actions' names.
    pub name: ConnectorName,
    /// Its accepted tools.
    pub tools: Vec<ToolDefinition>,
    /// The action groups of a tool, instead of those that its annotations give.
    pub groups: BTreeMap<ToolName, Vec<String>>,
    /// Which arguments name a resource.
    pub bindings: Vec<ResourceBinding>,
}

/// Says that an argument of some tools names an object of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceBinding {
    /// Cedar entity type, for example `Deal`.
    pub kind: String,
    /// The tools whose calls act on one.
    pub tools: Vec<ToolName>,
    /// The argument that holds its id.
    pub argument: String,
    /// How its facts are looked up. Without a resolver every attribute is optional.
    pub resolver: Option<Resolver>,
    /// Its attributes. The same kind has the same attributes everywhere.
    pub attributes: BTreeMap<String, AttributeType>,
}

/// A read tool of the same connector that returns the facts of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolver {
    /// The tool.
    pub tool: ToolName,
    /// Its argument that takes the resource's id.
    pub argument: String,
}

/// The type of a mandate fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactType {
    /// `Bool`.
    Bool,
    /// `Long`.
    Long,
    /// `Set<String>`.
    SetOfString,
    /// `String`.
    String,
}

/// The type of a resource's attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    /// `Bool`.
    Bool,
    /// `decimal`, four digits after the point.
    Decimal,
    /// `Long`.
    Long,
    /// `Set<String>`.
    SetOfString,
    /// `String`.
    String,
    /// `User`: the text is a person's name. Only the person acted for has groups.
    User,
}

impl From<FactType> for AttributeType {
    fn from(fact: FactType) -> Self {
        match fact {
            FactType::Bool => Self::Bool,
            FactType::Long => Self::Long,
            FactType::SetOfString => Self::SetOfString,
            FactType::String => Self::String,
        }
    }
}

impl AttributeType {
    /// Cedar's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "Bool",
            Self::Decimal => "decimal",
            Self::Long => "Long",
            Self::SetOfString => "Set<String>",
            Self::String => "String",
            Self::User => "User",
        }
    }
}

/// Why a text is not a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a type; use {known}")]
pub struct UnknownType {
    text: String,
    known: &'static str,
}

impl FromStr for AttributeType {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "Bool" => Ok(Self::Bool),
            "decimal" => Ok(Self::Decimal),
            "Long" => Ok(Self::Long),
            "Set<String>" => Ok(Self::SetOfString),
            "String" => Ok(Self::String),
            "User" => Ok(Self::User),
            _ => Err(UnknownType {
                text: text.to_owned(),
                known: "`Bool`, `Long`, `String`, `Set<String>`, `decimal` or `User`",
            }),
        }
    }
}

impl FromStr for FactType {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "Bool" => Ok(Self::Bool),
            "Long" => Ok(Self::Long),
            "Set<String>" => Ok(Self::SetOfString),
            "String" => Ok(Self::String),
            _ => {
                Err(UnknownType { text: text.to_owned(), known: "`Bool`, `Long`, `String` or `Set<String>`" })
            }
        }
    }
}

impl PolicyConfig {
    /// The name of this content together with these sources, whatever their order.
    pub(crate) fn revision(&self, sources: &[PolicySource]) -> PolicyRevision {
        PolicyRevision(Digest::of(self.manifest(sources).as_bytes()))
    }

    /// What a revision is the digest of: RFC 8785 JSON that says everything a decision depends on besides the request.
    /// Tools stand in it by their pins. [`crate::Manifest`] is the way back.
    #[must_use]
    pub fn manifest(&self, sources: &[PolicySource]) -> String {
        // Whoever adds a member writes it here and reads it in `manifest.rs`.
        let Self {
            time_zone,
            facts,
            connectors,
            applications,
            require_user_grants,
            usages,
            flow,
            grants,
            risk,
        } = self;
        let mut connectors: Vec<&ConnectorModel> = connectors.iter().collect();
        connectors.sort_by(|left, right| left.name.cmp(&right.name));
        let connectors: Vec<Json> = connectors.into_iter().map(ConnectorModel::canonical).collect();
        let applications: Vec<&str> = applications.iter().map(ConnectorName::as_str).collect();
        let content = Object::new()
            .with("_type", "placet.dev/policy/v1")
            .with_some("applications", (!applications.is_empty()).then_some(applications))
            .with("connectors", connectors)
            .with_some("flow", (!flow.is_empty()).then(|| flow.canonical()))
            .with("facts", types(facts.iter().map(|(name, fact)| (name, (*fact).into()))))
            .with("require_user_grants", *require_user_grants)
            .with_some("risk", risk.as_ref().map(RiskConfig::canonical))
            .with("sources", canonical(sources))
            .with("time_zone", time_zone.as_str())
            .with_some("grants", (*grants != GrantRules::default()).then(|| grants.canonical()))
            .with_some("usages", (!usages.is_empty()).then(|| canonical_usages(usages)));
        Json::Object(content).canonical()
    }
}

impl PolicySource {
    /// The name of these texts alone, whatever their order.
    #[must_use]
    pub fn digest(sources: &[Self]) -> Digest {
        Digest::of(Json::Array(canonical(sources)).canonical().as_bytes())
    }
}

fn canonical(sources: &[PolicySource]) -> Vec<Json> {
    let mut sources: Vec<&PolicySource> = sources.iter().collect();
    sources.sort_by(|left, right| (&left.name, &left.text).cmp(&(&right.name, &right.text)));
    let object = |source: &PolicySource| {
        Object::new().with("name", source.name.as_str()).with("text", source.text.as_str())
    };
    sources.into_iter().map(|source| object(source).into()).collect()
}

fn canonical_usages(usages: &BTreeMap<UsageName, UsageRule>) -> Object {
    usages.iter().fold(Object::new(), |all, (name, rule)| {
        let key: Vec<&str> = rule.key.iter().map(|part| part.as_str()).collect();
        let sum = match &rule.measure {
            Measure::Calls => None,
            Measure::Sum(argument) => Some(argument.as_str()),
        };
        let rule = Object::new()
            .with("key", key)
            .with("of", rule.of.iter().map(String::as_str).collect::<Vec<_>>())
            .with_some("sum", sum)
            .with("window", rule.window.to_string());
        all.with(name.as_str(), rule)
    })
}

impl ConnectorModel {
    fn canonical(&self) -> Json {
        let mut tools: Vec<(&ToolName, String)> =
            self.tools.iter().map(|tool| (&tool.name, tool.pin().to_string())).collect();
        tools.sort();
        let tools = tools.into_iter().fold(Object::new(), |all, (name, pin)| all.with(name.as_str(), pin));
        let groups = self.groups.iter().fold(Object::new(), |all, (tool, groups)| {
            all.with(tool.as_str(), groups.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let bindings: Vec<Json> = self.bindings.iter().map(ResourceBinding::canonical).collect();
        Object::new()
            .with("bindings", bindings)
            .with("groups", groups)
            .with("name", self.name.as_str())
            .with("tools", tools)
            .into()
    }
}

impl ResourceBinding {
    fn canonical(&self) -> Json {
        let resolver = self.resolver.as_ref().map(|resolver| {
            Object::new().with("argument", resolver.argument.as_str()).with("tool", resolver.tool.as_str())
        });
        Object::new()
            .with("argument", self.argument.as_str())
            .with("attributes", types(self.attributes.iter().map(|(name, kind)| (name, *kind))))
            .with("kind", self.kind.as_str())
            .with_some("resolver", resolver)
            .with("tools", self.tools.iter().map(ToolName::as_str).collect::<Vec<_>>())
            .into()
    }
}

fn types<'a>(named: impl Iterator<Item = (&'a String, AttributeType)>) -> Object {
    named.fold(Object::new(), |all, (name, kind)| all.with(name, kind.as_str()))
}
