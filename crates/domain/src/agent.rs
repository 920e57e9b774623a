//! Agents, their instances, and what an instance was started to do.

use std::{fmt, str::FromStr};

use crate::{
    AgentName, Charter, ConnectorName, GroupName, InstanceId, Life, Object, PersonName, Reach, Stage,
    TaskName, Timestamp,
};

/// A registered identity with a human owner: neither a user nor a service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Unique name.
    pub name: AgentName,
    /// The person who answers for it.
    pub owner: PersonName,
    /// What it is for, in the owner's words.
    pub purpose: String,
    /// How much it may do without a person.
    pub tier: Tier,
    /// Groups it belongs to: parents in Cedar.
    pub groups: Vec<GroupName>,
    /// When it was registered.
    pub registered: Timestamp,
    /// Whether it may run. It follows from the stage of its life; [`Agent::enter`] keeps them together.
    pub status: AgentStatus,
    /// What it was registered to do and with.
    pub charter: Charter,
    /// Where it stands between proposal and retirement.
    pub life: Life,
}

impl Agent {
    /// Takes the agent to a stage of its life, and its status with it. What was said about the stage before (its
    /// reminders, who brought it there) is over.
    pub fn enter(&mut self, stage: Stage, now: Timestamp, by: Option<PersonName>) {
        self.status = stage.status();
        self.life.stage = stage;
        self.life.since = now;
        self.life.by = by;
        self.life.reminded = None;
    }

    /// Whether only tools that read are open to it.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.life.stage.reach() == Reach::Read
    }

    /// Whether its registration covers an operation of a connector: a tool, or an MCP method. An agent that
    /// declared nothing is limited by policy alone.
    #[must_use]
    pub fn wants(&self, connector: &ConnectorName, operation: &str) -> bool {
        self.charter.wants.is_empty()
            || self.charter.wants.iter().any(|want| want.covers(connector, operation))
    }
}

/// Whether an agent may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentStatus {
    /// It may.
    Active,
    /// It was switched off.
    Revoked,
}

/// The risk tier of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Reads only.
    One,
    /// Internal writes.
    Two,
    /// Customer data, money, the outside world.
    Three,
}

impl Tier {
    /// The number people use.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(formatter)
    }
}

/// Why a text is not a tier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tier; use 1 (reads), 2 (internal writes) or 3 (customer data, money, outside world)")]
pub struct UnknownTier(String);

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1" => Ok(Self::One),
            "2" => Ok(Self::Two),
            "3" => Ok(Self::Three),
            other => Err(UnknownTier(other.to_owned())),
        }
    }
}

/// One authenticated run of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its id, the `sub` of its credential.
    pub id: InstanceId,
    /// The agent it is a run of.
    pub agent: AgentName,
    /// What it was started to do.
    pub mandate: Mandate,
    /// The instance that started it, if one did: it ends with its parent.
    pub parent: Option<InstanceId>,
    /// Who started it.
    pub started_by: PersonName,
    /// When it was started.
    pub started: Timestamp,
    /// When its credential ends.
    pub expires: Timestamp,
    /// When it was revoked, if it was.
    pub revoked: Option<Timestamp>,
}

/// What an instance was started to do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mandate {
    /// The task, in a few words.
    pub task: Option<String>,
    /// The ticket that asked for it.
    pub ticket: Option<String>,
    /// The person it acts for.
    pub on_behalf_of: Option<PersonName>,
    /// Context facts, such as the participants of a conversation.
    pub facts: Object,
    /// The kind of task, of those that the agent's charter declares.
    pub kind: Option<TaskName>,
    /// Why the task is done, in a few words.
    pub purpose: Option<String>,
    /// What it is narrowed to, in the words of scopes; empty does not narrow. The effective right is policy ∩ scope.
    pub scope: Vec<String>,
    /// The groups into which the identity provider put the person acted for when it vouched for them. They count for
    /// this run, besides those of the directory.
    pub groups: Vec<GroupName>,
    /// Whether it is narrowed to operations that read, besides its scope.
    pub reads_only: bool,
}

impl Mandate {
    /// Whether it says nothing of what the run is for.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}
