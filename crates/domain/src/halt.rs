//! Halts: what a person has stopped, until a person lets it go on. The rule is `docs/revocation.md`.

use std::{fmt, str::FromStr};

use crate::{AgentName, ConnectorName, InstanceId, Object, Operation, PersonName, Timestamp, ToolName};

/// What a halt stops.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HaltTarget {
    /// Every run of an agent, and the runs that those have started.
    Agent(AgentName),
    /// Every call of everybody.
    All,
    /// Every call to a connector.
    Connector(ConnectorName),
    /// One run, and the runs that it has started.
    Instance(InstanceId),
    /// Every call of one tool.
    Tool(ConnectorName, ToolName),
}

/// A halt in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// What it stops.
    pub target: HaltTarget,
    /// Why, in the words of whoever stopped it. Refused agents are told.
    pub reason: String,
    /// Who stopped it.
    pub by: PersonName,
    /// Since when.
    pub at: Timestamp,
    /// Whether its receipt is written. A halt holds before it is recorded.
    pub recorded: bool,
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseHaltTargetError {
    /// The name is none.
    #[error("{0}")]
    Name(String),
    /// The kind is unknown.
    #[error("`{0}` is not `instance`, `agent`, `connector`, `tool` or `all`")]
    Kind(String),
    /// `all` with a name.
    #[error("`all` takes no name")]
    All,
    /// A tool without its connector.
    #[error("`{0}` is not CONNECTOR.TOOL")]
    Tool(String),
}

impl HaltTarget {
    /// The target that a person names: a kind, and for all kinds but `all` a name; a tool is `CONNECTOR.TOOL`.
    ///
    /// # Errors
    /// See [`ParseHaltTargetError`].
    pub fn named(kind: &str, name: Option<&str>) -> Result<Self, ParseHaltTargetError> {
        match (kind, name) {
            ("all", None) => return Ok(Self::All),
            ("all", Some(_)) => return Err(ParseHaltTargetError::All),
            _ => {}
        }
        let name = name.unwrap_or_default();
        match kind {
            "agent" => noun(name).map(Self::Agent),
            "connector" => noun(name).map(Self::Connector),
            "instance" => noun(name).map(Self::Instance),
            // The first dot ends the connector's name, as in a charter.
            "tool" => match name.split_once('.') {
                Some((connector, tool)) => Ok(Self::Tool(noun(connector)?, noun(tool)?)),
                None => Err(ParseHaltTargetError::Tool(name.to_owned())),
            },
            other => Err(ParseHaltTargetError::Kind(other.to_owned())),
        }
    }

    /// `agent`, `all`, `connector`, `instance` or `tool`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Agent(_) => "agent",
            Self::All => "all",
            Self::Connector(_) => "connector",
            Self::Instance(_) => "instance",
            Self::Tool(..) => "tool",
        }
    }

    /// The name a person gives it; none for `all`.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Agent(agent) => Some(agent.to_string()),
            Self::All => None,
            Self::Connector(connector) => Some(connector.to_string()),
            Self::Instance(instance) => Some(instance.to_string()),
            Self::Tool(connector, tool) => Some(format!("{connector}.{tool}")),
        }
    }

    /// In a sentence: ``agent `crm-writer` ``.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self.name() {
            Some(name) => format!("{} `{name}`", self.kind()),
            None => "everything".to_owned(),
        }
    }

    /// Whether a call of this operation of a connector is stopped by it, whoever makes it.
    #[must_use]
    pub fn covers(&self, connector: &ConnectorName, operation: Option<&Operation>) -> bool {
        match self {
            Self::All => true,
            Self::Connector(stopped) => stopped == connector,
            Self::Tool(stopped, tool) => {
                stopped == connector && operation == Some(&Operation::Tool(tool.clone()))
            }
            Self::Agent(_) | Self::Instance(_) => false,
        }
    }

    /// Its members in a receipt and in the control API.
    #[must_use]
    pub fn to_json(&self) -> Object {
        let object = Object::new().with("stops", self.kind());
        match self {
            Self::Agent(agent) => object.with("agent", agent.as_str()),
            Self::All => object,
            Self::Connector(connector) => object.with("connector", connector.as_str()),
            Self::Instance(instance) => object.with("instance", instance.to_string()),
            Self::Tool(connector, tool) => {
                object.with("connector", connector.as_str()).with("tool", tool.as_str())
            }
        }
    }
}

/// As it is stored: the name of a connector has no slash, so the first one ends it.
impl fmt::Display for HaltTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(agent) => write!(formatter, "agent:{agent}"),
            Self::All => formatter.write_str("all"),
            Self::Connector(connector) => write!(formatter, "connector:{connector}"),
            Self::Instance(instance) => write!(formatter, "instance:{instance}"),
            Self::Tool(connector, tool) => write!(formatter, "tool:{connector}/{tool}"),
        }
    }
}

impl FromStr for HaltTarget {
    type Err = ParseHaltTargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None => Self::named(text, None),
            Some(("tool", name)) => match name.split_once('/') {
                Some((connector, tool)) => Ok(Self::Tool(noun(connector)?, noun(tool)?)),
                None => Err(ParseHaltTargetError::Tool(name.to_owned())),
            },
            Some((kind, name)) => Self::named(kind, Some(name)),
        }
    }
}

fn noun<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, ParseHaltTargetError> {
    text.parse().map_err(|error: T::Err| ParseHaltTargetError::Name(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_reads_back_as_it_was_written() {
        let instance = InstanceId::new(Timestamp::from_micros(1_795_300_000_000_000), [7; 10]);
        for target in [
            HaltTarget::All,
            HaltTarget::named("agent", Some("billing")).unwrap(),
            HaltTarget::named("connector", Some("crm.eu")).unwrap(),
            HaltTarget::named("tool", Some("crm.fs/read.v2")).unwrap(),
            HaltTarget::Tool("crm.eu".parse().unwrap(), "a/b.c".parse().unwrap()),
            HaltTarget::Instance(instance),
        ] {
            assert_eq!(target.to_string().parse(), Ok(target.clone()), "{target}");
        }
    }

    #[test]
    fn what_names_nothing_is_no_target() {
        for text in ["", "agent", "agent:", "all:x", "tool:crm", "tool:crm.get", "team:x", "instance:ins_1"] {
            assert!(text.parse::<HaltTarget>().is_err(), "{text}");
        }
        assert!(HaltTarget::named("all", Some("x")).is_err());
        assert!(HaltTarget::named("tool", Some("crm")).is_err());
    }

    #[test]
    fn a_tool_is_stopped_alone_and_a_connector_whole() {
        let crm: ConnectorName = "crm".parse().unwrap();
        let get = Operation::Tool("get".parse().unwrap());
        let tool = HaltTarget::named("tool", Some("crm.get")).unwrap();
        assert!(tool.covers(&crm, Some(&get)) && !tool.covers(&crm, None));
        assert!(!tool.covers(&crm, Some(&Operation::ReadResource)));
        let connector = HaltTarget::Connector(crm.clone());
        assert!(connector.covers(&crm, None) && connector.covers(&crm, Some(&get)));
        assert!(!connector.covers(&"mail".parse().unwrap(), Some(&get)));
    }
}
