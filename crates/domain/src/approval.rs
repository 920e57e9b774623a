//! One person's answer to one call: bound to its digest, used once, expiring.

use crate::{
    AgentName, ApprovalId, CallDigest, ConnectorName, Gate, InstanceId, Object, PersonName, PolicyRevision,
    Timestamp,
};

/// A question put to people about one exact call.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// Its id: the ticket the agent is given.
    pub id: ApprovalId,
    /// The exact call, see [`crate::ToolCall::digest`].
    pub digest: CallDigest,
    /// On whose account the question came.
    pub requester: Requester,
    /// Where the call goes.
    pub connector: ConnectorName,
    /// The tool or method.
    pub operation: String,
    /// The arguments as they will be sent: what the approver sees.
    pub arguments: Object,
    /// The gates to lift.
    pub gates: Vec<Gate>,
    /// The policy set that asked.
    pub policy: PolicyRevision,
    /// When it was asked.
    pub asked: Timestamp,
    /// Until when it can be answered, and after approval, used.
    pub expires: Timestamp,
    /// Where it stands.
    pub state: ApprovalState,
}

/// On whose account an approval was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// The agent.
    pub agent: AgentName,
    /// The run of it.
    pub instance: InstanceId,
    /// The agent's owner.
    pub owner: PersonName,
    /// The person acted for: never allowed to approve.
    pub on_behalf_of: Option<PersonName>,
    /// The ticket of the mandate.
    pub ticket: Option<String>,
}

/// Where an approval stands. Expiry is not a state: it follows from the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalState {
    /// Approved, not yet used.
    Approved(Answer),
    /// Approved and used by exactly one call.
    Consumed(Answer),
    /// Refused.
    Denied(Answer),
    /// Nobody has answered.
    Pending,
}

impl ApprovalState {
    /// The word lists and receipts use.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Approved(_) => "approved",
            Self::Consumed(_) => "consumed",
            Self::Denied(_) => "denied",
            Self::Pending => "pending",
        }
    }

    /// The answer, once there is one.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Approved(answer) | Self::Consumed(answer) | Self::Denied(answer) => Some(answer),
            Self::Pending => None,
        }
    }
}

/// Who answered, when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The approver, authenticated.
    pub by: PersonName,
    /// When.
    pub at: Timestamp,
    /// Their words.
    pub rationale: String,
}
